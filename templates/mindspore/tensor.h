/* Programs written for MindSpore Lite Micro include "src/tensor.h" for the tensor interface. Its private structures are
 * not here: a tensor is a handle. */
#ifndef MINDSPORE_LITE_MICRO_LIBRARY_SOURCE_TENSOR_H_
#define MINDSPORE_LITE_MICRO_LIBRARY_SOURCE_TENSOR_H_

#include "../include/c_api/data_type_c.h"
#include "../include/c_api/format_c.h"
#include "../include/c_api/tensor_c.h"

#endif
