/* Two networks in one memory, run in turn. Files as in device.c: the inputs of the first network, then those of the
 * second; the outputs of both, in the order in which they are run: first, second, first, second. */
#include <stdint.h>
#include <string.h>

#include "model_handle.h"
#include "semihosting.h"

/* Odd on purpose. */
static uint8_t memory[SHARED_BYTES + 1];
static uint8_t input[INPUT_BYTES];

int main(void)
{
    const int in = semihost_open("input.bin", SEMIHOST_READ);
    const int out = semihost_open("output.bin", SEMIHOST_WRITE);
    if (in < 0 || out < 0 || semihost_read(in, input, sizeof input) != sizeof input) {
        return 40;
    }
    MSModelHandle models[] = {model0, model1};
    for (int i = 0; i < 2; i++) {
        if (MSModelCalcWorkspaceSize(models[i]) > SHARED_BYTES) {
            return 41;
        }
        MSModelSetWorkspace(models[i], memory + 1, SHARED_BYTES);
        if (MSModelBuild(models[i], NULL, 0, kMSModelTypeMindIR, NULL) != kMSStatusSuccess) {
            return 42;
        }
    }
    for (int turn = 0; turn < 2; turn++) {
        const uint8_t *next = input;
        for (int i = 0; i < 2; i++) {
            MSTensorHandleArray inputs = MSModelGetInputs(models[i]);
            MSTensorHandleArray outputs = MSModelGetOutputs(models[i]);
            const size_t bytes = MSTensorGetDataSize(inputs.handle_list[0]);
            memcpy(MSTensorGetMutableData(inputs.handle_list[0]), next, bytes);
            next += bytes;
            if (MSModelPredict(models[i], inputs, &outputs, NULL, NULL) != kMSStatusSuccess) {
                return 43;
            }
            const size_t result = MSTensorGetDataSize(outputs.handle_list[0]);
            if (semihost_write(out, MSTensorGetData(outputs.handle_list[0]), result) != result) {
                return 44;
            }
            /* The other one's results are gone, and it says so. */
            MSTensorHandleArray others = MSModelGetOutputs(models[1 - i]);
            if (MSTensorGetData(others.handle_list[0]) != NULL) {
                return 45;
            }
            others = MSModelGetInputs(models[1 - i]);
            outputs = MSModelGetOutputs(models[1 - i]);
            if (MSModelPredict(models[1 - i], others, &outputs, NULL, NULL) != kMSStatusLiteInputTensorError) {
                return 46;
            }
        }
    }
    MSModelDestroy(&models[0]);
    MSModelDestroy(&models[1]);
    (void)semihost_close(out);
    return 0;
}
