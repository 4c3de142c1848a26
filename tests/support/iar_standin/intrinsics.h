/*
 * What the kernels use of IAR's header of this name, for GCC. The prototypes are IAR's: long where ours are int32_t.
 */
#ifndef IAR_STANDIN_INTRINSICS_H
#define IAR_STANDIN_INTRINSICS_H

#define THREE(name, instruction, first)                                                                           \
    static inline long name(first x, first y, long acc)                                                           \
    {                                                                                                             \
        long result;                                                                                              \
        __asm__(instruction " %0, %1, %2, %3" : "=r"(result) : "r"(x), "r"(y), "r"(acc));                         \
        return result;                                                                                            \
    }

THREE(__SMLAD, "smlad", unsigned long)
THREE(__SMLABB, "smlabb", unsigned long)
THREE(__SMLATT, "smlatt", unsigned long)
THREE(__SMMLAR, "smmlar", long)

static inline unsigned long __SXTB16(unsigned long x)
{
    unsigned long result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(x));
    return result;
}

static inline unsigned long __SXTAB16(unsigned long acc, unsigned long x)
{
    unsigned long result;
    __asm__("sxtab16 %0, %1, %2" : "=r"(result) : "r"(acc), "r"(x));
    return result;
}

#endif
