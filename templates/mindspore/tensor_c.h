/* Tensors of MindSpore Lite's C interface. A handle that is not of a living tensor is never followed: functions that
 * return a pointer then return NULL, those that return a number 0, the others do nothing. */
#ifndef MINDSPORE_INCLUDE_C_API_TENSOR_C_H
#define MINDSPORE_INCLUDE_C_API_TENSOR_C_H

#include <stddef.h>
#include <stdint.h>

#include "data_type_c.h"
#include "format_c.h"
#include "types_c.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void *MSTensorHandle;

/* A tensor of the application's, for MSModelPredict. The data is not copied: it must live as long as the tensor; NULL
 * and 0 leave it for MSTensorSetData. NULL when the data has another size than type and shape say, and when there are
 * too many tensors, dimensions or letters in the name (MICROGEN_MS_MAX_TENSORS, _MAX_RANK, _MAX_NAME). */
MS_API MSTensorHandle MSTensorCreate(const char *name, MSDataType type, const int64_t *shape, size_t shape_num,
                                     const void *data, size_t data_len);

/* Gives back a tensor of MSTensorCreate or MSTensorClone; a network's own are left alone. Sets the handle to NULL. */
MS_API void MSTensorDestroy(MSTensorHandle *tensor);

/* A deep copy; NULL without a free tensor, and for more data than MICROGEN_MS_CLONE_BYTES, which is 0 unless set. */
MS_API MSTensorHandle MSTensorClone(MSTensorHandle tensor);

/* Renames a tensor of the application's; a network's own keep the names that the model gives them. */
MS_API void MSTensorSetName(MSTensorHandle tensor, const char *name);
MS_API const char *MSTensorGetName(const MSTensorHandle tensor);

/* Type and shape describe the data; MSModelPredict refuses tensors that are not as the network needs them. */
MS_API void MSTensorSetDataType(MSTensorHandle tensor, MSDataType type);
MS_API MSDataType MSTensorGetDataType(const MSTensorHandle tensor);

/* A shape with a dimension below zero or beyond the limits above becomes [0], which no network takes. */
MS_API void MSTensorSetShape(MSTensorHandle tensor, const int64_t *shape, size_t shape_num);
MS_API const int64_t *MSTensorGetShape(const MSTensorHandle tensor, size_t *shape_num);

/* Kept, without effect: networks here have channels last, kMSFormatNHWC. */
MS_API void MSTensorSetFormat(MSTensorHandle tensor, MSFormat format);
MS_API MSFormat MSTensorGetFormat(const MSTensorHandle tensor);

/* Where the data is: of an input, MSModelPredict reads it there each time; of an output, it writes it there. NULL
 * returns to the network's own place. */
MS_API void MSTensorSetData(MSTensorHandle tensor, void *data);

/* What was set. Otherwise a network's own place, once MSModelBuild has succeeded: of an input to be written, of an
 * output to be read after MSModelPredict until the next. NULL when there is no data (any more): another network that
 * works in the same memory has run. */
MS_API const void *MSTensorGetData(const MSTensorHandle tensor);

/* The same, to be written: asking for an input's place says that it will be filled before the next MSModelPredict. */
MS_API void *MSTensorGetMutableData(const MSTensorHandle tensor);

MS_API int64_t MSTensorGetElementNum(const MSTensorHandle tensor);

/* In bytes. */
MS_API size_t MSTensorGetDataSize(const MSTensorHandle tensor);

#ifdef __cplusplus
}
#endif

#endif
