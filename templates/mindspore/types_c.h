/* Types of MindSpore Lite's C interface, with its published values. */
#ifndef MINDSPORE_INCLUDE_C_API_TYPES_C_H
#define MINDSPORE_INCLUDE_C_API_TYPES_C_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MS_API
#if defined(_WIN32)
#define MS_API __declspec(dllexport)
#elif defined(__GNUC__) && !defined(__ICCARM__)
#define MS_API __attribute__((visibility("default")))
#else
#define MS_API
#endif
#endif

typedef enum MSModelType {
    kMSModelTypeMindIR = 0,
    kMSModelTypeInvalid = 0xFFFFFFFF
} MSModelType;

typedef enum MSDeviceType {
    kMSDeviceTypeCPU = 0,
    kMSDeviceTypeGPU = 1,
    kMSDeviceTypeKirinNPU = 2,
    kMSDeviceTypeInvalid = 100
} MSDeviceType;

#ifdef __cplusplus
}
#endif

#endif
