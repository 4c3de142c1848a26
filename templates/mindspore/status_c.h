/* What the functions of MindSpore Lite's C interface return, with its published values. */
#ifndef MINDSPORE_INCLUDE_C_API_STATUS_C_H
#define MINDSPORE_INCLUDE_C_API_STATUS_C_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The part of MindSpore that a status comes from: its highest four bits. */
enum MSCompCode {
    kMSCompCodeCore = 0x00000000u,
    kMSCompCodeMD = 0x10000000u,
    kMSCompCodeME = 0x20000000u,
    kMSCompCodeMC = 0x30000000u,
    kMSCompCodeLite = 0xF0000000u
};

/* As an int, each of Lite's is the negative number beside it. */
typedef enum MSStatus {
    kMSStatusSuccess = 0,
    kMSStatusCoreFailed = 1,

    kMSStatusLiteError = 0xFFFFFFFF,            /* -1 */
    kMSStatusLiteNullptr = 0xFFFFFFFE,          /* -2 */
    kMSStatusLiteParamInvalid = 0xFFFFFFFD,     /* -3 */
    kMSStatusLiteNoChange = 0xFFFFFFFC,         /* -4 */
    kMSStatusLiteSuccessExit = 0xFFFFFFFB,      /* -5 */
    kMSStatusLiteMemoryFailed = 0xFFFFFFFA,     /* -6 */
    kMSStatusLiteNotSupport = 0xFFFFFFF9,       /* -7 */
    kMSStatusLiteThreadPoolError = 0xFFFFFFF8,  /* -8 */
    kMSStatusLiteUninitializedObj = 0xFFFFFFF7, /* -9 */
    kMSStatusLiteFileError = 0xFFFFFFF6,        /* -10 */
    kMSStatusLiteServiceDeny = 0xFFFFFFF5,      /* -11 */
    kMSStatusLiteModelRebuild = 0xFFFFFFF4,     /* -12 */

    kMSStatusLiteOutOfTensorRange = 0xFFFFFF9C, /* -100 */
    kMSStatusLiteInputTensorError = 0xFFFFFF9B, /* -101 */
    kMSStatusLiteReentrantError = 0xFFFFFF9A,   /* -102 */

    kMSStatusLiteGraphFileError = 0xFFFFFF38, /* -200 */

    kMSStatusLiteNotFindOp = 0xFFFFFED4,        /* -300 */
    kMSStatusLiteInvalidOpName = 0xFFFFFED3,    /* -301 */
    kMSStatusLiteInvalidOpAttr = 0xFFFFFED2,    /* -302 */
    kMSStatusLiteOpExecuteFailure = 0xFFFFFED1, /* -303 */

    kMSStatusLiteFormatError = 0xFFFFFE70, /* -400 */

    kMSStatusLiteInferError = 0xFFFFFE0C,   /* -500 */
    kMSStatusLiteInferInvalid = 0xFFFFFE0B, /* -501 */

    kMSStatusLiteInputParamInvalid = 0xFFFFFDA8 /* -600 */
} MSStatus;

#ifdef __cplusplus
}
#endif

#endif
