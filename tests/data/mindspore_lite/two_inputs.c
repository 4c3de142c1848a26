/* A network "net" that adds two float vectors of 4. */
#include <stdio.h>

#include "model_handle.h"

/* Exactly what is asked for. */
static uint8_t memory[NET_MS_WORKSPACE_BYTES];

static int show(MSTensorHandleArray inputs, MSStatus expected)
{
    MSTensorHandleArray outputs = {0, NULL};
    if (MSModelPredict(model0, inputs, &outputs, NULL, NULL) != expected) {
        return 1;
    }
    const float *sum = MSTensorGetData(outputs.handle_list[0]);
    for (int i = 0; i < 4; i++) {
        printf("%g%s", (double)sum[i], i < 3 ? " " : "\n");
    }
    return 0;
}

int main(void)
{
    float own[] = {0.5f, 0.5f, 0.5f, 0.5f};
    MSModelSetWorkspace(model0, memory, sizeof memory);
    if (MSModelBuild(model0, NULL, 0, kMSModelTypeMindIR, NULL) != kMSStatusSuccess) {
        return 1;
    }
    MSTensorHandleArray inputs = MSModelGetInputs(model0);
    float *a = MSTensorGetMutableData(MSModelGetInputByTensorName(model0, "a"));
    float *b = MSTensorGetMutableData(MSModelGetInputByTensorName(model0, "b"));
    for (int i = 0; i < 4; i++) {
        a[i] = (float)i;
        b[i] = 10.0f * (float)i;
    }
    /* The inputs last; one may be the application's; their order in the array counts. */
    int failed = show(inputs, kMSStatusSuccess) + show(inputs, kMSStatusSuccess);
    MSTensorSetData(inputs.handle_list[1], own);
    failed += show(inputs, kMSStatusSuccess);
    /* The result as an input: it would be overwritten while the inputs are copied, and is refused. */
    MSTensorHandleArray outputs = MSModelGetOutputs(model0);
    MSTensorSetData(inputs.handle_list[1], (void *)MSTensorGetData(outputs.handle_list[0]));
    failed += show(inputs, kMSStatusLiteInputTensorError);
    return failed;
}
