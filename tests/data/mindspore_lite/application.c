/* An application for MindSpore Lite Micro, written from its documentation: nothing in here is about microgen. */
#include "application.h"

#include <string.h>

#include "c_api/context_c.h"
#include "c_api/model_c.h"
#include "c_api/types_c.h"
#include "src/tensor.h"

#ifndef WORK_SPACE_SIZE
#define WORK_SPACE_SIZE 131072
#endif

/* On purpose nothing is said of its alignment. */
static uint8_t work_space[WORK_SPACE_SIZE];
static uint8_t input_buffer[32768];

static MSModelHandle create(MSContextHandle context)
{
    MSModelHandle model = MSModelCreate();
    if (model == NULL || MSModelCalcWorkspaceSize(model) > sizeof work_space) {
        return NULL;
    }
    MSModelSetWorkspace(model, work_space, sizeof work_space);
    MSStatus status = MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, context);
    if (status != kMSStatusSuccess) {
        MSModelDestroy(&model);
        return NULL;
    }
    return model;
}

int run_once(const char *input_name, const void *input, const char *output_name, void *output)
{
    MSContextHandle context = MSContextCreate();
    if (context == NULL) {
        return 1;
    }
    MSContextSetThreadNum(context, 1);
    MSModelHandle model = create(context);
    MSContextDestroy(&context);
    if (model == NULL) {
        return 2;
    }
    MSTensorHandle in = MSModelGetInputByTensorName(model, input_name);
    if (in == NULL || MSTensorGetDataSize(in) > sizeof input_buffer) {
        MSModelDestroy(&model);
        return 3;
    }
    memcpy(input_buffer, input, MSTensorGetDataSize(in));
    MSTensorSetData(in, input_buffer);

    MSTensorHandleArray inputs = MSModelGetInputs(model);
    MSTensorHandleArray outputs = MSModelGetOutputs(model);
    if (MSModelPredict(model, inputs, &outputs, NULL, NULL) != kMSStatusSuccess) {
        MSModelDestroy(&model);
        return 4;
    }
    MSTensorHandle out = MSModelGetOutputByTensorName(model, output_name);
    if (out == NULL || MSTensorGetData(out) == NULL) {
        MSModelDestroy(&model);
        return 5;
    }
    memcpy(output, MSTensorGetData(out), MSTensorGetDataSize(out));
    MSModelDestroy(&model);
    return model == NULL ? 0 : 6;
}

int run_all(const void *inputs, void *outputs)
{
    MSModelHandle model = create(NULL);
    if (model == NULL) {
        return 2;
    }
    MSTensorHandleArray in = MSModelGetInputs(model);
    MSTensorHandleArray out = MSModelGetOutputs(model);
    if (in.handle_list == NULL || out.handle_list == NULL) {
        return 3;
    }
    const uint8_t *next = inputs;
    for (size_t i = 0; i < in.handle_num; i++) {
        void *data = MSTensorGetMutableData(in.handle_list[i]);
        if (data == NULL) {
            return 4;
        }
        memcpy(data, next, MSTensorGetDataSize(in.handle_list[i]));
        next += MSTensorGetDataSize(in.handle_list[i]);
    }
    /* Warming up: the inputs are written once and must last. */
    for (int i = 0; i < 3; i++) {
        if (MSModelPredict(model, in, &out, NULL, NULL) != kMSStatusSuccess) {
            return 5;
        }
    }
    uint8_t *place = outputs;
    for (size_t i = 0; i < out.handle_num; i++) {
        memcpy(place, MSTensorGetMutableData(out.handle_list[i]), MSTensorGetDataSize(out.handle_list[i]));
        place += MSTensorGetDataSize(out.handle_list[i]);
    }
    MSModelDestroy(&model);
    return 0;
}
