/* Models of MindSpore Lite's C interface, as its code generator for microcontrollers has them. */
#ifndef MINDSPORE_INCLUDE_C_API_MODEL_C_H
#define MINDSPORE_INCLUDE_C_API_MODEL_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "context_c.h"
#include "status_c.h"
#include "tensor_c.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void *MSModelHandle;

typedef struct MSTensorHandleArray {
    size_t handle_num;
    MSTensorHandle *handle_list;
} MSTensorHandleArray;

#define MS_MAX_SHAPE_NUM 32
typedef struct MSShapeInfo {
    size_t shape_num;
    int64_t shape[MS_MAX_SHAPE_NUM];
} MSShapeInfo;

typedef struct MSCallBackParamC {
    char *node_name;
    char *node_type;
} MSCallBackParamC;

typedef bool (*MSKernelCallBackC)(const MSTensorHandleArray inputs, const MSTensorHandleArray outputs,
                                  const MSCallBackParamC kernel_Info);

/* The handle of the project's first network; with several, "model_handle.h" has the others. */
MS_API MSModelHandle MSModelCreate(void);

/* Forgets workspace and data of a model, and sets the handle to NULL. The network can be built again. */
MS_API void MSModelDestroy(MSModelHandle *model);

/* Bytes that MSModelSetWorkspace needs for memory of any alignment; 0 for what is no model. */
MS_API size_t MSModelCalcWorkspaceSize(MSModelHandle model);

/* The memory to work in, before MSModelBuild. It must live as long as the model is used. Memory that is too small is
 * not taken: MSModelBuild then returns kMSStatusLiteMemoryFailed. */
MS_API void MSModelSetWorkspace(MSModelHandle model, void *workspace, size_t workspace_size);

/* Makes a model ready. The network is part of the program: there is no model data (NULL, 0); the type is
 * kMSModelTypeMindIR; the context may be NULL.
 * kMSStatusLiteNotSupport: another type; kMSStatusLiteParamInvalid: no such model or context;
 * kMSStatusLiteInputParamInvalid: model data; kMSStatusLiteModelRebuild: it is built already;
 * kMSStatusLiteMemoryFailed: no or too small a workspace. */
MS_API MSStatus MSModelBuild(MSModelHandle model, const void *model_data, size_t data_size, MSModelType model_type,
                             const MSContextHandle model_context);

/* kMSStatusSuccess for the shapes that the network has, kMSStatusLiteNotSupport for others. */
MS_API MSStatus MSModelResize(MSModelHandle model, const MSTensorHandleArray inputs, MSShapeInfo *shape_infos,
                              size_t shape_info_num);

/* Runs the network once. `inputs` are those of MSModelGetInputs or tensors of the same types and shapes, in that
 * order; `outputs` likewise, or an empty array, which is then set. Inputs keep their data.
 * `before` and `after`, where not NULL, are called around each layer of a network that is compiled with
 * -D<NAME>_HOOKS; their results are ignored.
 * kMSStatusLiteNullptr: no such model, or outputs is NULL; kMSStatusLiteUninitializedObj: not built;
 * kMSStatusLiteNotSupport: a callback without hooks; kMSStatusLiteParamInvalid: a wrong number of tensors, or an output
 * that does not fit; kMSStatusLiteInputTensorError: an input without data or of another type or shape;
 * kMSStatusLiteReentrantError: called from a callback; kMSStatusLiteOpExecuteFailure: a layer failed. */
MS_API MSStatus MSModelPredict(MSModelHandle model, const MSTensorHandleArray inputs, MSTensorHandleArray *outputs,
                               const MSKernelCallBackC before, const MSKernelCallBackC after);

/* The tensors of a model; the array belongs to it. {0, NULL} for what is no model. */
MS_API MSTensorHandleArray MSModelGetInputs(const MSModelHandle model);
MS_API MSTensorHandleArray MSModelGetOutputs(const MSModelHandle model);

/* The tensor of exactly that name; NULL where there is none. */
MS_API MSTensorHandle MSModelGetInputByTensorName(const MSModelHandle model, const char *tensor_name);
MS_API MSTensorHandle MSModelGetOutputByTensorName(const MSModelHandle model, const char *tensor_name);

/* Files and training: kMSStatusLiteNotSupport. */
MS_API MSStatus MSModelBuildFromFile(MSModelHandle model, const char *model_path, MSModelType model_type,
                                     const MSContextHandle model_context);
MS_API MSStatus MSModelRunStep(MSModelHandle model, const MSKernelCallBackC before, const MSKernelCallBackC after);
MS_API MSStatus MSModelSetTrainMode(MSModelHandle model, bool train);
MS_API MSStatus MSModelExportWeight(MSModelHandle model, const char *export_path);

#ifdef __cplusplus
}
#endif

#endif
