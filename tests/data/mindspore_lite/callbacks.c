/* Callbacks around the layers of the network "net" of misuse.c, compiled with -DNET_HOOKS. Prints what they see. */
#include <stdio.h>
#include <string.h>

#include "model_handle.h"

static uint8_t memory[NET_MS_WORKSPACE_BYTES];
static MSModelHandle model;
static MSTensorHandle seen;

static bool show(const char *when, const MSTensorHandleArray inputs, const MSTensorHandleArray outputs,
                 const MSCallBackParamC info)
{
    printf("%s %s %s", when, info.node_name, info.node_type);
    for (size_t i = 0; i < inputs.handle_num + outputs.handle_num; i++) {
        const bool is_input = i < inputs.handle_num;
        MSTensorHandle tensor = is_input ? inputs.handle_list[i] : outputs.handle_list[i - inputs.handle_num];
        size_t rank;
        const int64_t *shape = MSTensorGetShape(tensor, &rank);
        printf(" %s %s %d [", is_input ? "in" : "out", MSTensorGetName(tensor), (int)MSTensorGetDataType(tensor));
        for (size_t j = 0; j < rank; j++) {
            printf("%s%d", j != 0 ? "," : "", (int)shape[j]);
        }
        printf("]");
        if (is_input || strcmp(when, "after") == 0) {
            const uint8_t *data = MSTensorGetData(tensor);
            printf(" ");
            for (size_t j = 0; j < MSTensorGetDataSize(tensor); j++) {
                printf("%02x", (unsigned)data[j]);
            }
        }
        seen = tensor;
        MSTensorHandle given_back = tensor;
        MSTensorDestroy(&given_back);
        MSTensorSetName(tensor, "renamed");
    }
    /* A model cannot be run, destroyed or moved while it runs. */
    MSTensorHandleArray results = MSModelGetOutputs(model);
    MSModelHandle copy = model;
    MSModelDestroy(&copy);
    MSModelSetWorkspace(model, NULL, 0);
    printf(" %d\n", MSModelPredict(model, MSModelGetInputs(model), &results, NULL, NULL) == kMSStatusLiteReentrantError);
    return false;
}

static bool before(const MSTensorHandleArray inputs, const MSTensorHandleArray outputs, const MSCallBackParamC info)
{
    return show("before", inputs, outputs, info);
}

static bool after(const MSTensorHandleArray inputs, const MSTensorHandleArray outputs, const MSCallBackParamC info)
{
    return show("after", inputs, outputs, info);
}

int main(void)
{
    static int8_t sample[9];
    model = MSModelCreate();
    MSModelSetWorkspace(model, memory, sizeof memory);
    if (MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) != kMSStatusSuccess) {
        return 1;
    }
    for (int i = 0; i < 9; i++) {
        sample[i] = (int8_t)(uint8_t)(i * 37 + 11);
    }
    MSTensorHandleArray inputs = MSModelGetInputs(model), outputs = MSModelGetOutputs(model);
    MSTensorSetData(inputs.handle_list[0], sample);
    if (MSModelPredict(model, inputs, &outputs, before, after) != kMSStatusSuccess) {
        return 2;
    }
    printf("once\n");
    if (MSModelPredict(model, inputs, &outputs, NULL, after) != kMSStatusSuccess) {
        return 3;
    }
    /* What a callback was given is gone afterwards. */
    return MSTensorGetData(seen) == NULL && MSTensorGetName(seen) == NULL ? 0 : 4;
}
