/* Models of the MindSpore interface. */
#include <string.h>

#include "microgen_ms.h"

static size_t ports_of(const mg_ms_model *model)
{
    return model->network->inputs + model->network->outputs;
}

static void forget(mg_ms_model *model)
{
    model->workspace = NULL;
    model->built = false;
    model->results = MG_MS_NONE;
    for (size_t i = 0; i < ports_of(model); i++) {
        const mg_ms_port *const port = &model->network->ports[i];
        mg_ms_tensor *const tensor = &model->tensors[i];
        const mg_ms_tensor fresh = {
            .name = port->name,
            .kind = MG_MS_PORT,
            .model = model,
            .index = i,
            .type = port->type,
            .format = kMSFormatNHWC,
            .rank = port->rank,
        };
        *tensor = fresh;
        for (size_t j = 0; j < port->rank; j++) {
            tensor->shape[j] = port->shape[j];
        }
        model->handles[i] = tensor;
    }
    model->ready = true;
}

mg_ms_model *mg_ms_find_model(const void *handle)
{
    for (size_t i = 0; i < MICROGEN_MS_MODELS; i++) {
        if (handle == &mg_ms_models[i]) {
            if (!mg_ms_models[i].ready) {
                forget(&mg_ms_models[i]);
            }
            return &mg_ms_models[i];
        }
    }
    return NULL;
}

void *mg_ms_own_data(const mg_ms_tensor *tensor)
{
    const mg_ms_model *const model = tensor->model;
    const mg_ms_network *const network = model->network;
    if (!model->built) {
        return NULL;
    }
    if (tensor->index >= network->inputs) {
        return (void *)network->output((int)(tensor->index - network->inputs));
    }
#ifdef MICROGEN_MS_INPUTS_IN_PLACE
    return network->input((int)tensor->index);
#else
    return model->workspace + network->ports[tensor->index].kept;
#endif
}

bool mg_ms_overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    return (uintptr_t)a < (uintptr_t)b + b_bytes && (uintptr_t)b < (uintptr_t)a + a_bytes;
}

void mg_ms_claim(const mg_ms_model *model)
{
    for (size_t i = 0; i < MICROGEN_MS_MODELS; i++) {
        mg_ms_model *const other = &mg_ms_models[i];
        if (other == model || !other->built ||
            !mg_ms_overlap(model->workspace, model->network->workspace_bytes, other->workspace,
                           other->network->workspace_bytes)) {
            continue;
        }
        other->results = other->results == MG_MS_NONE ? MG_MS_NONE : MG_MS_LOST;
        for (size_t j = 0; j < other->network->inputs; j++) {
            other->tensors[j].filled = false;
        }
        if (other->network->keeps && (!other->network->apart || other->workspace != model->workspace)) {
            other->built = false;
        }
    }
}

MSModelHandle MSModelCreate(void)
{
    return mg_ms_find_model(&mg_ms_models[0]);
}

void MSModelDestroy(MSModelHandle *model)
{
    if (model == NULL) {
        return;
    }
    mg_ms_model *const found = mg_ms_find_model(*model);
    if (found != NULL && !found->running) {
        forget(found);
    }
    *model = NULL;
}

size_t MSModelCalcWorkspaceSize(MSModelHandle model)
{
    const mg_ms_model *const found = mg_ms_find_model(model);
    return found != NULL ? found->network->workspace_bytes + found->network->alignment - 1 : 0;
}

static void set_workspace(mg_ms_model *model, void *workspace, size_t workspace_size)
{
    const mg_ms_network *const network = model->network;
    const size_t beyond = (uintptr_t)workspace % network->alignment;
    const size_t skipped = beyond != 0 ? network->alignment - beyond : 0;
    model->built = false;
    model->results = MG_MS_NONE;
    for (size_t i = 0; i < network->inputs; i++) {
        model->tensors[i].filled = false;
    }
    const bool fits =
        workspace != NULL && workspace_size >= skipped && workspace_size - skipped >= network->workspace_bytes;
    model->workspace = fits ? (uint8_t *)workspace + skipped : NULL;
}

void MSModelSetWorkspace(MSModelHandle model, void *workspace, size_t workspace_size)
{
    mg_ms_model *const found = mg_ms_find_model(model);
    if (found != NULL && !found->running) {
        set_workspace(found, workspace, workspace_size);
    }
}

MSStatus MSModelBuild(MSModelHandle model, const void *model_data, size_t data_size, MSModelType model_type,
                      const MSContextHandle model_context)
{
    mg_ms_model *const found = mg_ms_find_model(model);
    if (model_type != kMSModelTypeMindIR) {
        return kMSStatusLiteNotSupport;
    }
    if (found == NULL || (model_context != NULL && !mg_ms_is_context(model_context))) {
        return kMSStatusLiteParamInvalid;
    }
    if (model_data != NULL || data_size != 0) {
        return kMSStatusLiteInputParamInvalid;
    }
    if (found->built) {
        return kMSStatusLiteModelRebuild;
    }
    const mg_ms_network *const network = found->network;
    if (found->workspace == NULL) {
        set_workspace(found, network->memory, network->memory_bytes);
    }
    if (found->workspace == NULL || network->init(found->workspace, network->arena_bytes) != 0) {
        return kMSStatusLiteMemoryFailed;
    }
    if (network->keeps && !network->apart) {
        mg_ms_claim(found);
    }
    found->built = true;
    return kMSStatusSuccess;
}

bool mg_ms_same_shape(const mg_ms_port *port, const int64_t *shape, size_t rank)
{
    bool same = rank == port->rank;
    for (size_t i = 0; same && i < rank; i++) {
        same = shape[i] == port->shape[i];
    }
    return same;
}

MSStatus MSModelResize(MSModelHandle model, const MSTensorHandleArray inputs, MSShapeInfo *shape_infos,
                       size_t shape_info_num)
{
    const mg_ms_model *const found = mg_ms_find_model(model);
    if (found == NULL || shape_infos == NULL || inputs.handle_list == NULL) {
        return kMSStatusLiteNullptr;
    }
    if (inputs.handle_num != found->network->inputs || shape_info_num != inputs.handle_num) {
        return kMSStatusLiteParamInvalid;
    }
    for (size_t i = 0; i < shape_info_num; i++) {
        if (mg_ms_find_tensor(inputs.handle_list[i]) == NULL || shape_infos[i].shape_num > MS_MAX_SHAPE_NUM) {
            return kMSStatusLiteParamInvalid;
        }
        if (!mg_ms_same_shape(&found->network->ports[i], shape_infos[i].shape, shape_infos[i].shape_num)) {
            return kMSStatusLiteNotSupport;
        }
    }
    return kMSStatusSuccess;
}

MSTensorHandleArray MSModelGetInputs(const MSModelHandle model)
{
    const mg_ms_model *const found = mg_ms_find_model(model);
    MSTensorHandleArray array = {0, NULL};
    if (found != NULL) {
        array.handle_num = found->network->inputs;
        array.handle_list = found->handles;
    }
    return array;
}

MSTensorHandleArray MSModelGetOutputs(const MSModelHandle model)
{
    const mg_ms_model *const found = mg_ms_find_model(model);
    MSTensorHandleArray array = {0, NULL};
    if (found != NULL) {
        array.handle_num = found->network->outputs;
        array.handle_list = found->handles + found->network->inputs;
    }
    return array;
}

static MSTensorHandle by_name(const MSTensorHandleArray array, const char *name)
{
    for (size_t i = 0; name != NULL && i < array.handle_num; i++) {
        if (strcmp(MSTensorGetName(array.handle_list[i]), name) == 0) {
            return array.handle_list[i];
        }
    }
    return NULL;
}

MSTensorHandle MSModelGetInputByTensorName(const MSModelHandle model, const char *tensor_name)
{
    return by_name(MSModelGetInputs(model), tensor_name);
}

MSTensorHandle MSModelGetOutputByTensorName(const MSModelHandle model, const char *tensor_name)
{
    return by_name(MSModelGetOutputs(model), tensor_name);
}

MSStatus MSModelBuildFromFile(MSModelHandle model, const char *model_path, MSModelType model_type,
                              const MSContextHandle model_context)
{
    (void)model;
    (void)model_path;
    (void)model_type;
    (void)model_context;
    return kMSStatusLiteNotSupport;
}

MSStatus MSModelRunStep(MSModelHandle model, const MSKernelCallBackC before, const MSKernelCallBackC after)
{
    (void)model;
    (void)before;
    (void)after;
    return kMSStatusLiteNotSupport;
}

MSStatus MSModelSetTrainMode(MSModelHandle model, bool train)
{
    (void)model;
    (void)train;
    return kMSStatusLiteNotSupport;
}

MSStatus MSModelExportWeight(MSModelHandle model, const char *export_path)
{
    (void)model;
    (void)export_path;
    return kMSStatusLiteNotSupport;
}
