/* MSModelPredict of the MindSpore interface. */
#include <string.h>

#include "microgen_ms.h"

/* A network runs, and a callback of it now wants to run one in the same memory. */
static bool is_running_in_memory_of(const mg_ms_model *model)
{
    for (size_t i = 0; i < MICROGEN_MS_MODELS; i++) {
        const mg_ms_model *const other = &mg_ms_models[i];
        if (other->running && mg_ms_overlap(model->workspace, model->network->workspace_bytes, other->workspace,
                                            other->network->workspace_bytes)) {
            return true;
        }
    }
    return false;
}

/* The tensor is as the port needs it. */
static bool fits(const mg_ms_port *port, const mg_ms_tensor *tensor)
{
    return tensor != NULL && tensor->type == port->type && mg_ms_same_shape(port, tensor->shape, tensor->rank);
}

/* Inputs are there, as the network needs them, and outlive being copied one after the other. */
static bool usable_inputs(const mg_ms_model *model, const MSTensorHandleArray inputs)
{
    const mg_ms_network *const network = model->network;
    for (size_t i = 0; i < network->inputs; i++) {
        const mg_ms_port *const port = &network->ports[i];
        const void *const data = MSTensorGetData(inputs.handle_list[i]);
        if (!fits(port, mg_ms_find_tensor(inputs.handle_list[i])) || (data == NULL && port->bytes != 0)) {
            return false;
        }
        if (network->inputs > 1 && data != network->input((int)i) &&
            mg_ms_overlap(data, port->bytes, model->workspace, network->arena_bytes)) {
            return false;
        }
    }
    return true;
}

/* Outputs are the model's own tensors, or ones with a place of the right size. */
static bool usable_outputs(const mg_ms_model *model, const MSTensorHandleArray *outputs)
{
    for (size_t i = 0; i < model->network->outputs; i++) {
        const mg_ms_tensor *const tensor = mg_ms_find_tensor(outputs->handle_list[i]);
        if (!fits(&model->network->ports[model->network->inputs + i], tensor) ||
            (tensor != &model->tensors[model->network->inputs + i] && tensor->data == NULL)) {
            return false;
        }
    }
    return true;
}

MSStatus MSModelPredict(MSModelHandle model, const MSTensorHandleArray inputs, MSTensorHandleArray *outputs,
                        const MSKernelCallBackC before, const MSKernelCallBackC after)
{
    mg_ms_model *const found = mg_ms_find_model(model);
    if (found == NULL || outputs == NULL) {
        return kMSStatusLiteNullptr;
    }
    const mg_ms_network *const network = found->network;
    if (!found->built) {
        return kMSStatusLiteUninitializedObj;
    }
    if (is_running_in_memory_of(found)) {
        return kMSStatusLiteReentrantError;
    }
    if ((before != NULL || after != NULL) && !network->hooks) {
        return kMSStatusLiteNotSupport;
    }
    if (inputs.handle_num != network->inputs || (inputs.handle_list == NULL && network->inputs != 0)) {
        return kMSStatusLiteParamInvalid;
    }
    if (outputs->handle_num == 0) {
        *outputs = MSModelGetOutputs(model);
    }
    if (outputs->handle_num != network->outputs || outputs->handle_list == NULL || !usable_outputs(found, outputs)) {
        return kMSStatusLiteParamInvalid;
    }
    if (!usable_inputs(found, inputs)) {
        return kMSStatusLiteInputTensorError;
    }

    for (size_t i = 0; i < network->inputs; i++) {
        void *const place = network->input((int)i);
        const void *const data = MSTensorGetData(inputs.handle_list[i]);
        if (data != place) {
            memmove(place, data, network->ports[i].bytes);
        }
    }
    mg_ms_claim(found);
    found->running = true;
    found->before = before;
    found->after = after;
    const int status = network->invoke();
    found->running = false;
#ifdef MICROGEN_MS_INPUTS_IN_PLACE
    for (size_t i = 0; i < network->inputs; i++) {
        found->tensors[i].filled = false;
    }
#endif
    if (status != 0) {
        found->results = MG_MS_LOST;
        return kMSStatusLiteOpExecuteFailure;
    }
    found->results = MG_MS_VALID;
    for (size_t i = 0; i < network->outputs; i++) {
        const mg_ms_tensor *const tensor = mg_ms_find_tensor(outputs->handle_list[i]);
        if (tensor->data != NULL) {
            memmove(tensor->data, network->output((int)i), network->ports[network->inputs + i].bytes);
        }
    }
    return kMSStatusSuccess;
}
