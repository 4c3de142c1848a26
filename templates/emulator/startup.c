/* Start-up for Cortex-M0, M3, M4, M7, M33 and M55 under emulation: memory, FPU and Helium, a fence around the
 * memory that the linker script declares, and a report of every fault. Needs semihosting. A Cortex-M0 has neither a
 * fence nor registers that tell of a fault: there the machine itself must end where the chip does. */
#include <stddef.h>
#include <stdint.h>

#include "semihosting.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define VTOR REGISTER(0xE000ED08)
#define CCR REGISTER(0xE000ED14)
#define SHCSR REGISTER(0xE000ED24)
#define CFSR REGISTER(0xE000ED28)
#define HFSR REGISTER(0xE000ED2C)
#define MMFAR REGISTER(0xE000ED34)
#define BFAR REGISTER(0xE000ED38)
#define CPACR REGISTER(0xE000ED88)
#define MPU_TYPE REGISTER(0xE000ED90)
#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_RNR REGISTER(0xE000ED98)
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RASR REGISTER(0xE000EDA0)  /* ARMv7-M */
#define MPU_RLAR REGISTER(0xE000EDA0)  /* ARMv8-M */
#define MPU_MAIR0 REGISTER(0xE000EDC0) /* ARMv8-M */
#define SFSR REGISTER(0xE000EDE4)      /* ARMv8-M */
#define SFAR REGISTER(0xE000EDE8)      /* ARMv8-M */

#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
#define ARMV8M 1
#else
#define ARMV8M 0
#endif

#if defined(__ARM_ARCH_6M__)
#define ARMV6M 1
#else
#define ARMV6M 0
#endif

#define FAULT_EXIT_CODE 120
#define FAULT_STACK_BYTES 1024

/* The destination is volatile so that the compiler does not make a call of memcpy of the loop that copies: memcpy
 * itself may have to be copied first. */
struct copy {
    const uint32_t *from;
    volatile uint32_t *to;
    size_t bytes;
};
struct zero {
    uint32_t *to;
    size_t bytes;
};
struct fence {
    uint32_t origin, bytes, kind;
};
/* Kinds of memory behind the fence. */
#define READ_ONLY 0u
#define DATA 1u
#define DATA_AND_CODE 2u

/* From the linker script. */
extern const struct copy __copy_table[], __copy_table_end[];
extern const struct zero __zero_table[], __zero_table_end[];
extern const struct fence __fence_table[], __fence_table_end[];
extern uint32_t __stack_limit[], __stack_top[];

int main(void);
_Noreturn void Reset_Handler(void);
void Fault_Handler(void);
_Noreturn void fault_report(const uint32_t *frame, uint32_t exc_return);

/* A stack overflow must not take the report of it down: faults are handled on a stack of their own. */
uint64_t fault_stack[FAULT_STACK_BYTES / sizeof(uint64_t)];

/* No interrupt is ever enabled, so that the table ends with the exceptions of the core. */
struct vectors {
    uint32_t *stack;
    void (*handlers[15])(void);
};
extern const struct vectors vectors;
__attribute__((section(".vectors"), used, aligned(128))) const struct vectors vectors = {
    __stack_top,
    {Reset_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler,
     Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler, Fault_Handler,
     Fault_Handler},
};

static char *put_text(char *out, const char *text)
{
    while (*text != '\0') {
        *out++ = *text++;
    }
    *out = '\0';
    return out;
}

static char *put_hex(char *out, const char *name, uint32_t value)
{
    out = put_text(out, name);
    for (int shift = 28; shift >= 0; shift -= 4) {
        *out++ = "0123456789abcdef"[(value >> shift) & 15u];
    }
    *out = '\0';
    return out;
}

/* Prints one line that the host parses, then ends the emulator. Where the core could not save the registers
 * (the stack overflowed), the words above the stack's end follow: return addresses are among them. */
_Noreturn __attribute__((used)) void fault_report(const uint32_t *frame, uint32_t exc_return)
{
    static char line[512];
    const uint32_t cfsr = CFSR;
    const uint32_t not_saved = (1u << 4) | (1u << 12); /* MSTKERR, STKERR */
    const uint32_t stack_limit_hit = 1u << 20;         /* STKOF */
    uint32_t exception;
    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
    const int saved = frame >= __stack_limit && frame + 8 <= __stack_top && (cfsr & not_saved) == 0u &&
                      !((cfsr & stack_limit_hit) != 0u && frame == __stack_limit);
    char *out = put_text(line, "MICROGEN-FAULT");
    out = put_hex(out, " exception=", exception);
    out = put_hex(out, " exc_return=", exc_return);
    out = put_hex(out, " cfsr=", cfsr);
    out = put_hex(out, " hfsr=", HFSR);
    out = put_hex(out, " mmfar=", MMFAR);
    out = put_hex(out, " bfar=", BFAR);
#if ARMV8M
    out = put_hex(out, " sfsr=", SFSR);
    out = put_hex(out, " sfar=", SFAR);
#endif
    out = put_hex(out, " sp=", (uint32_t)(uintptr_t)frame);
    if (saved) {
        out = put_hex(out, " lr=", frame[5]);
        out = put_hex(out, " pc=", frame[6]);
        out = put_hex(out, " xpsr=", frame[7]);
    }
    (void)put_text(out, "\n");
    semihost_puts(line);
    if (!saved) {
        out = put_text(line, "MICROGEN-STACK");
        for (const uint32_t *word = __stack_limit; word < __stack_top && word < __stack_limit + 512; word++) {
            out = put_hex(out, " ", *word);
            if (out > line + sizeof line - 16) {
                (void)put_text(out, "\n");
                semihost_puts(line);
                out = put_text(line, "MICROGEN-STACK");
            }
        }
        (void)put_text(out, "\n");
        semihost_puts(line);
    }
    semihost_exit(FAULT_EXIT_CODE);
}

/* Finds the stack frame that the core saved and moves to the fault stack. Touches no memory before. */
__attribute__((naked)) void Fault_Handler(void)
{
    __asm__ volatile(
#if ARMV6M
                     "mrs   r0, msp          \n" /* the only stack here */
#else
                     "tst   lr, #4           \n"
                     "ite   eq               \n"
                     "mrseq r0, msp          \n"
                     "mrsne r0, psp          \n"
#endif
                     "mov   r1, lr           \n"
#if ARMV8M
                     "movs  r2, #0           \n"
                     "msr   msplim, r2       \n"
#endif
                     "ldr   r2, =fault_stack \n"
                     "ldr   r3, =%c0         \n"
                     "add   r2, r2, r3       \n"
                     "msr   msp, r2          \n"
                     "ldr   r2, =fault_report\n"
                     "bx    r2               \n"
                     ".ltorg                 \n"
                     :
                     : "i"(FAULT_STACK_BYTES));
}

#if !ARMV6M
static void set_region(uint32_t number, uint32_t origin, uint32_t bytes, uint32_t kind)
{
    const uint32_t never_executed = kind == DATA ? 1u : 0u;
    MPU_RNR = number;
#if ARMV8M
    const uint32_t access = (kind == READ_ONLY ? 3u << 1 : 1u << 1) | never_executed;
    MPU_RBAR = origin | access;
    MPU_RLAR = ((origin + bytes - 1u) & ~31u) | 1u;
#else
    const uint32_t log2 = 31u - (uint32_t)__builtin_clz(bytes);
    const uint32_t access = (kind == READ_ONLY ? 6u << 24 : 3u << 24) | (never_executed << 28);
    MPU_RBAR = origin;
    MPU_RASR = access | (3u << 16) | ((log2 - 1u) << 1) | 1u; /* normal memory, write-back */
#endif
}

/* The largest piece that one region of the MPU can cover: any multiple of 32 bytes on ARMv8-M, an aligned
 * power of two on ARMv7-M. */
static uint32_t region_bytes(uint32_t origin, uint32_t bytes)
{
#if ARMV8M
    (void)origin;
    return bytes;
#else
    uint32_t piece = 1u << (31u - (uint32_t)__builtin_clz(bytes));
    while ((origin & (piece - 1u)) != 0u) {
        piece >>= 1;
    }
    return piece;
#endif
}

/* Everything but the declared memory and the core's own registers faults from here on: emulated boards have
 * more memory than the chips they stand for, and mirror it. */
static void fence_memory(void)
{
    const uint32_t regions = (MPU_TYPE >> 8) & 0xFFu;
    uint32_t used = 0;
#if ARMV8M
    MPU_MAIR0 = 0xFFu; /* attribute 0: normal memory, write-back */
#endif
    for (const struct fence *fence = __fence_table; fence < __fence_table_end; fence++) {
        uint32_t origin = fence->origin, left = fence->bytes;
        while (left != 0u) {
            const uint32_t piece = region_bytes(origin, left);
            if (used == regions) {
                semihost_puts("startup: the MPU has too few regions for the memory map of this board\n");
                semihost_exit(FAULT_EXIT_CODE);
            }
            set_region(used++, origin, piece, fence->kind);
            origin += piece;
            left -= piece;
        }
    }
    MPU_CTRL = 1u;
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#endif

_Noreturn void Reset_Handler(void)
{
#if ARMV8M
    __asm__ volatile("msr msplim, %0" ::"r"(__stack_limit));
#endif
#if !ARMV6M
    VTOR = (uint32_t)(uintptr_t)&vectors;
    CPACR |= 0xFu << 20; /* coprocessors 10 and 11: FPU and Helium */
    SHCSR |= 7u << 16;   /* MemManage, BusFault and UsageFault have handlers of their own */
    CCR |= 1u << 4;      /* a division by zero faults */
#endif
#if ARMV8M
    SHCSR |= 1u << 19; /* SecureFault */
#endif
#if defined(__ARM_ARCH_8_1M_MAIN__)
    CCR |= 1u << 19; /* low-overhead loops */
#endif
    __asm__ volatile("dsb\n isb" ::: "memory");

    for (const struct copy *copy = __copy_table; copy < __copy_table_end; copy++) {
        for (size_t word = 0; copy->from != copy->to && word < copy->bytes / sizeof(uint32_t); word++) {
            copy->to[word] = copy->from[word];
        }
    }
    for (const struct zero *zero = __zero_table; zero < __zero_table_end; zero++) {
        for (size_t word = 0; word < zero->bytes / sizeof(uint32_t); word++) {
            zero->to[word] = 0u;
        }
    }
#if !ARMV6M
    fence_memory();
#endif
    semihost_exit(main());
}
