/* Tensors of the layer that runs, for callbacks: networks that are compiled with -D<NAME>_HOOKS fill them. */
#include <string.h>

#include "microgen_ms.h"

#ifdef MICROGEN_MS_HOOKS
static mg_ms_tensor layer_tensors[MICROGEN_MS_LAYER_TENSORS];
static MSTensorHandle layer_handles[MICROGEN_MS_LAYER_TENSORS];

mg_ms_tensor *mg_ms_find_layer_tensor(const void *handle)
{
    for (size_t i = 0; i < MICROGEN_MS_LAYER_TENSORS; i++) {
        if (handle == &layer_tensors[i] && layer_tensors[i].name != NULL) {
            return &layer_tensors[i];
        }
    }
    return NULL;
}

static MSDataType type_of(const char *ctype)
{
    static const struct {
        const char *name;
        MSDataType type;
    } known[] = {
        {"int8_t", kMSDataTypeNumberTypeInt8},   {"float", kMSDataTypeNumberTypeFloat32},
        {"int16_t", kMSDataTypeNumberTypeInt16}, {"int32_t", kMSDataTypeNumberTypeInt32},
        {"int64_t", kMSDataTypeNumberTypeInt64}, {"uint8_t", kMSDataTypeNumberTypeUInt8},
        {"bool", kMSDataTypeNumberTypeBool},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, ctype) == 0) {
            return known[i].type;
        }
    }
    return kMSDataTypeUnknown;
}

void mg_ms_layer_tensor(size_t number, const char *name, const char *type, const int *shape, int rank, void *data)
{
    mg_ms_tensor *const tensor = &layer_tensors[number];
    const mg_ms_tensor fresh = {
        .name = name,
        .kind = MG_MS_LAYER,
        .type = type_of(type),
        .format = kMSFormatNHWC,
        .rank = (size_t)rank,
        .data = data,
    };
    *tensor = fresh;
    for (int i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
    }
    layer_handles[number] = tensor;
}

MSTensorHandleArray mg_ms_layer_tensors(size_t first, size_t count)
{
    const MSTensorHandleArray array = {count, &layer_handles[first]};
    return array;
}

void mg_ms_end_layer(void)
{
    for (size_t i = 0; i < MICROGEN_MS_LAYER_TENSORS; i++) {
        layer_tensors[i].name = NULL;
    }
}
#else
mg_ms_tensor *mg_ms_find_layer_tensor(const void *handle)
{
    (void)handle;
    return NULL;
}
#endif
