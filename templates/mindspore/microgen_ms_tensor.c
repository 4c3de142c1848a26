/* Tensors of the MindSpore interface. */
#include <string.h>

#include "microgen_ms.h"

/* The application's tensors. Names and cloned data stand beside them: a network's tensors need neither. */
static mg_ms_tensor tensors[MICROGEN_MS_MAX_TENSORS];
static char names[MICROGEN_MS_MAX_TENSORS][MICROGEN_MS_MAX_NAME];
#if MICROGEN_MS_CLONE_BYTES > 0
static _Alignas(16) uint8_t clones[MICROGEN_MS_MAX_TENSORS][(MICROGEN_MS_CLONE_BYTES + 15) / 16 * 16];
#endif

static bool is_own(const mg_ms_tensor *tensor)
{
    return tensor->kind == MG_MS_OWN;
}

static size_t slot_of(const mg_ms_tensor *tensor)
{
    return (size_t)(tensor - tensors);
}

mg_ms_tensor *mg_ms_find_tensor(const void *handle)
{
    if (handle == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < MICROGEN_MS_MODELS; i++) {
        const mg_ms_network *network = mg_ms_models[i].network;
        for (size_t j = 0; mg_ms_models[i].ready && j < network->inputs + network->outputs; j++) {
            if (handle == &mg_ms_models[i].tensors[j]) {
                return &mg_ms_models[i].tensors[j];
            }
        }
    }
    for (size_t i = 0; i < MICROGEN_MS_MAX_TENSORS; i++) {
        if (handle == &tensors[i] && tensors[i].name != NULL) {
            return &tensors[i];
        }
    }
    return mg_ms_find_layer_tensor(handle);
}

size_t mg_ms_element_bytes(MSDataType type)
{
    switch (type) {
    case kMSDataTypeNumberTypeBool:
    case kMSDataTypeNumberTypeInt8:
    case kMSDataTypeNumberTypeUInt8:
    case kMSDataTypeObjectTypeString:
        return 1;
    case kMSDataTypeNumberTypeInt16:
    case kMSDataTypeNumberTypeUInt16:
    case kMSDataTypeNumberTypeFloat16:
        return 2;
    case kMSDataTypeNumberTypeInt32:
    case kMSDataTypeNumberTypeUInt32:
    case kMSDataTypeNumberTypeFloat32:
        return 4;
    case kMSDataTypeNumberTypeInt64:
    case kMSDataTypeNumberTypeUInt64:
    case kMSDataTypeNumberTypeFloat64:
        return 8;
    default:
        return 0;
    }
}

/* Elements of a shape; -1 for a dimension below zero and for more than half the address space with 8 bytes each. */
static int64_t elements_of(const int64_t *shape, size_t rank)
{
    const int64_t limit = (int64_t)(SIZE_MAX / 16u);
    int64_t elements = 1;
    for (size_t i = 0; i < rank; i++) {
        if (shape[i] < 0 || (shape[i] > 0 && elements > limit / shape[i])) {
            return -1;
        }
        elements *= shape[i];
    }
    return elements;
}

static bool is_shape(const int64_t *shape, size_t rank)
{
    return rank <= MICROGEN_MS_MAX_RANK && (shape != NULL || rank == 0) && elements_of(shape, rank) >= 0;
}

static void set_shape(mg_ms_tensor *tensor, const int64_t *shape, size_t rank)
{
    const int64_t nothing[] = {0};
    if (!is_shape(shape, rank)) {
        shape = nothing;
        rank = 1;
    }
    tensor->rank = rank;
    for (size_t i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
    }
}

static mg_ms_tensor *unused(void)
{
    for (size_t i = 0; i < MICROGEN_MS_MAX_TENSORS; i++) {
        if (tensors[i].name == NULL) {
            return &tensors[i];
        }
    }
    return NULL;
}

static bool is_name(const char *name)
{
    return name != NULL && strlen(name) < MICROGEN_MS_MAX_NAME;
}

static void set_name(mg_ms_tensor *tensor, const char *name)
{
    char *const copy = names[slot_of(tensor)];
    memmove(copy, name, strlen(name) + 1);
    tensor->name = copy;
}

MSTensorHandle MSTensorCreate(const char *name, MSDataType type, const int64_t *shape, size_t shape_num,
                              const void *data, size_t data_len)
{
    mg_ms_tensor *const tensor = unused();
    if (tensor == NULL || !is_name(name) || !is_shape(shape, shape_num) || mg_ms_element_bytes(type) == 0) {
        return NULL;
    }
    const size_t bytes = (size_t)elements_of(shape, shape_num) * mg_ms_element_bytes(type);
    if (data == NULL ? data_len != 0 : data_len != bytes) {
        return NULL;
    }
    const mg_ms_tensor fresh = {.type = type, .format = kMSFormatNHWC, .data = (void *)data};
    *tensor = fresh;
    set_shape(tensor, shape, shape_num);
    set_name(tensor, name);
    return tensor;
}

void MSTensorDestroy(MSTensorHandle *tensor)
{
    if (tensor == NULL) {
        return;
    }
    mg_ms_tensor *const found = mg_ms_find_tensor(*tensor);
    if (found != NULL && is_own(found)) {
        found->name = NULL;
    }
    *tensor = NULL;
}

MSTensorHandle MSTensorClone(MSTensorHandle tensor)
{
#if MICROGEN_MS_CLONE_BYTES > 0
    const mg_ms_tensor *const from = mg_ms_find_tensor(tensor);
    const void *const data = MSTensorGetData(tensor);
    const size_t bytes = MSTensorGetDataSize(tensor);
    mg_ms_tensor *const copy = unused();
    if (from == NULL || copy == NULL || bytes > MICROGEN_MS_CLONE_BYTES || !is_name(from->name)) {
        return NULL;
    }
    *copy = *from;
    copy->kind = MG_MS_OWN;
    copy->model = NULL;
    copy->filled = false;
    copy->data = NULL;
    set_name(copy, from->name);
    if (data != NULL) {
        copy->data = clones[slot_of(copy)];
        memcpy(copy->data, data, bytes);
    }
    return copy;
#else
    (void)tensor;
    return NULL;
#endif
}

void MSTensorSetName(MSTensorHandle tensor, const char *name)
{
    mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found != NULL && is_own(found) && is_name(name)) {
        set_name(found, name);
    }
}

const char *MSTensorGetName(const MSTensorHandle tensor)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    return found != NULL ? found->name : NULL;
}

void MSTensorSetDataType(MSTensorHandle tensor, MSDataType type)
{
    mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found != NULL) {
        found->type = type;
    }
}

MSDataType MSTensorGetDataType(const MSTensorHandle tensor)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    return found != NULL ? found->type : kMSDataTypeUnknown;
}

void MSTensorSetShape(MSTensorHandle tensor, const int64_t *shape, size_t shape_num)
{
    mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found != NULL) {
        set_shape(found, shape, shape_num);
    }
}

const int64_t *MSTensorGetShape(const MSTensorHandle tensor, size_t *shape_num)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (shape_num != NULL) {
        *shape_num = found != NULL ? found->rank : 0;
    }
    return found != NULL ? found->shape : NULL;
}

void MSTensorSetFormat(MSTensorHandle tensor, MSFormat format)
{
    mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found != NULL) {
        found->format = format;
    }
}

MSFormat MSTensorGetFormat(const MSTensorHandle tensor)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    return found != NULL ? found->format : kMSFormatNHWC;
}

void MSTensorSetData(MSTensorHandle tensor, void *data)
{
    mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found != NULL) {
        found->data = data;
    }
}

const void *MSTensorGetData(const MSTensorHandle tensor)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found == NULL || found->data != NULL || found->kind != MG_MS_PORT) {
        return found != NULL ? found->data : NULL;
    }
    const bool input = found->index < found->model->network->inputs;
    const bool has_data = input ? found->filled : found->model->results == MG_MS_VALID;
    return has_data ? mg_ms_own_data(found) : NULL;
}

void *MSTensorGetMutableData(const MSTensorHandle tensor)
{
    mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    if (found == NULL || found->data != NULL || found->kind != MG_MS_PORT) {
        return found != NULL ? found->data : NULL;
    }
    if (!found->model->built) {
        return NULL;
    }
    if (found->index < found->model->network->inputs) {
        mg_ms_claim(found->model);
        found->filled = true;
    } else if (found->model->results == MG_MS_LOST) {
        return NULL;
    }
    return mg_ms_own_data(found);
}

int64_t MSTensorGetElementNum(const MSTensorHandle tensor)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    return found != NULL ? elements_of(found->shape, found->rank) : 0;
}

size_t MSTensorGetDataSize(const MSTensorHandle tensor)
{
    const mg_ms_tensor *const found = mg_ms_find_tensor(tensor);
    return found != NULL ? (size_t)elements_of(found->shape, found->rank) * mg_ms_element_bytes(found->type) : 0;
}
