/* The published prototypes: each function must convert to the pointer type without a cast. */
#ifndef PROTOTYPES_H
#define PROTOTYPES_H

#include "c_api/context_c.h"
#include "c_api/model_c.h"

MSModelHandle (*create_)(void) = MSModelCreate;
void (*destroy_)(MSModelHandle *) = MSModelDestroy;
void (*set_workspace_)(MSModelHandle, void *, size_t) = MSModelSetWorkspace;
size_t (*calc_)(MSModelHandle) = MSModelCalcWorkspaceSize;
MSStatus (*build_)(MSModelHandle, const void *, size_t, MSModelType, const MSContextHandle) = MSModelBuild;
MSStatus (*file_)(MSModelHandle, const char *, MSModelType, const MSContextHandle) = MSModelBuildFromFile;
MSStatus (*resize_)(MSModelHandle, const MSTensorHandleArray, MSShapeInfo *, size_t) = MSModelResize;
MSStatus (*predict_)(MSModelHandle, const MSTensorHandleArray, MSTensorHandleArray *,
                                  const MSKernelCallBackC, const MSKernelCallBackC) = MSModelPredict;
MSStatus (*step_)(MSModelHandle, const MSKernelCallBackC, const MSKernelCallBackC) = MSModelRunStep;
MSStatus (*train_)(const MSModelHandle, bool) = MSModelSetTrainMode;
MSStatus (*export_)(const MSModelHandle, const char *) = MSModelExportWeight;
MSTensorHandleArray (*inputs_)(const MSModelHandle) = MSModelGetInputs;
MSTensorHandleArray (*outputs_)(const MSModelHandle) = MSModelGetOutputs;
MSTensorHandle (*input_)(const MSModelHandle, const char *) = MSModelGetInputByTensorName;
MSTensorHandle (*output_)(const MSModelHandle, const char *) = MSModelGetOutputByTensorName;

MSTensorHandle (*tensor_)(const char *, MSDataType, const int64_t *, size_t, const void *,
                                       size_t) = MSTensorCreate;
void (*free_)(MSTensorHandle *) = MSTensorDestroy;
MSTensorHandle (*clone_)(MSTensorHandle) = MSTensorClone;
void (*set_name_)(MSTensorHandle, const char *) = MSTensorSetName;
const char *(*name_)(const MSTensorHandle) = MSTensorGetName;
void (*set_type_)(MSTensorHandle, MSDataType) = MSTensorSetDataType;
MSDataType (*type_)(const MSTensorHandle) = MSTensorGetDataType;
void (*set_shape_)(MSTensorHandle, const int64_t *, size_t) = MSTensorSetShape;
const int64_t *(*shape_)(const MSTensorHandle, size_t *) = MSTensorGetShape;
void (*set_format_)(MSTensorHandle, MSFormat) = MSTensorSetFormat;
MSFormat (*format_)(const MSTensorHandle) = MSTensorGetFormat;
void (*set_data_)(MSTensorHandle, void *) = MSTensorSetData;
const void *(*data_)(const MSTensorHandle) = MSTensorGetData;
void *(*mutable_)(const MSTensorHandle) = MSTensorGetMutableData;
int64_t (*elements_)(const MSTensorHandle) = MSTensorGetElementNum;
size_t (*size_)(const MSTensorHandle) = MSTensorGetDataSize;

MSContextHandle (*context_)(void) = MSContextCreate;
void (*end_)(MSContextHandle *) = MSContextDestroy;
void (*set_threads_)(MSContextHandle, int32_t) = MSContextSetThreadNum;
int32_t (*threads_)(const MSContextHandle) = MSContextGetThreadNum;
void (*set_mode_)(MSContextHandle, int) = MSContextSetThreadAffinityMode;
int (*mode_)(const MSContextHandle) = MSContextGetThreadAffinityMode;

#endif
