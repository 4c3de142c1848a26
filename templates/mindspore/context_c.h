/* Contexts of MindSpore Lite's C interface. Networks here run on one thread; a context may be absent (NULL). */
#ifndef MINDSPORE_INCLUDE_C_API_CONTEXT_C_H
#define MINDSPORE_INCLUDE_C_API_CONTEXT_C_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types_c.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef void *MSContextHandle;

/* A context; NULL when MICROGEN_MS_MAX_CONTEXTS (see docs) are in use. */
MS_API MSContextHandle MSContextCreate(void);

/* Gives a context back and sets the handle to NULL. */
MS_API void MSContextDestroy(MSContextHandle *context);

/* Accepted for compatibility: there is one thread, whatever is asked for. */
MS_API void MSContextSetThreadNum(MSContextHandle context, int32_t thread_num);

/* 1; 0 for what is no context. */
MS_API int32_t MSContextGetThreadNum(const MSContextHandle context);

/* 0: no affinity, 1: big cores first, 2: little cores first; any other number counts as 0. Kept, without effect. */
MS_API void MSContextSetThreadAffinityMode(MSContextHandle context, int mode);

/* The mode that was set; 0 for what is no context. */
MS_API int MSContextGetThreadAffinityMode(const MSContextHandle context);

#ifdef __cplusplus
}
#endif

#endif
