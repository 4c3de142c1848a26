/* Start-up for any Cortex-M, from Cortex-M0 to M85: stack, FPU and Helium, memory, main. It sets up no clock and no
 * cache and serves no device: the chip vendor's start-up and system files take its place in a product. They can also
 * stand beside it: SystemInit(), as CMSIS calls it, runs before memory is filled. */
#include <stddef.h>
#include <stdint.h>

/* Interrupts of the device that the vector table has room for: 32, 240 or, for the largest chips, 480. */
#ifndef INTERRUPTS
#if defined(__ARM_ARCH_6M__)
#define INTERRUPTS 32
#else
#define INTERRUPTS 240
#endif
#endif

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define VTOR REGISTER(0xE000ED08) /* absent on Cortex-M0 and M1, which ignore it */
#define CCR REGISTER(0xE000ED14)
#define CPACR REGISTER(0xE000ED88)

typedef void (*handler)(void);

struct copy {
    const uint32_t *from;
    uint32_t *to;
    size_t bytes;
};
struct zero {
    uint32_t *to;
    size_t bytes;
};
struct vectors {
    uint32_t *stack;
    handler core[15];
    handler device[INTERRUPTS];
};

/* From the linker script. */
extern const struct copy __copy_table[], __copy_table_end[];
extern const struct zero __zero_table[], __zero_table_end[];
extern uint32_t __stack_limit[], __stack_top[];

extern const struct vectors vectors;

int main(void);
void SystemInit(void);
void Reset_Handler(void);
void Default_Handler(void);
_Noreturn void start(void);

/* Where nobody handles an exception it ends here, and a debugger finds its number in the register IPSR. */
void Default_Handler(void)
{
    for (;;) {
    }
}

/* An application replaces one of these by defining a function of its name. */
#define HANDLER(name)                     \
    void name(void);                      \
    __attribute__((weak)) void name(void) \
    {                                     \
        Default_Handler();                \
    }
HANDLER(NMI_Handler)
HANDLER(HardFault_Handler)
HANDLER(MemManage_Handler)
HANDLER(BusFault_Handler)
HANDLER(UsageFault_Handler)
HANDLER(SecureFault_Handler)
HANDLER(SVC_Handler)
HANDLER(DebugMon_Handler)
HANDLER(PendSV_Handler)
HANDLER(SysTick_Handler)
/* All interrupts of the device: IPSR - 16 is the number of the one that is active. */
HANDLER(Interrupt_Handler)

__attribute__((weak)) void SystemInit(void)
{
}

#define TIMES_4(entry) entry, entry, entry, entry
#define TIMES_16(entry) TIMES_4(entry), TIMES_4(entry), TIMES_4(entry), TIMES_4(entry)
#define TIMES_48(entry) TIMES_16(entry), TIMES_16(entry), TIMES_16(entry)
#define TIMES_240(entry) TIMES_48(entry), TIMES_48(entry), TIMES_48(entry), TIMES_48(entry), TIMES_48(entry)

/* The core wants the table aligned to its size, rounded up to a power of two. */
#if INTERRUPTS == 32
#define VECTORS_ALIGNMENT 256
#define DEVICE_HANDLERS TIMES_16(Interrupt_Handler), TIMES_16(Interrupt_Handler)
#elif INTERRUPTS == 240
#define VECTORS_ALIGNMENT 1024
#define DEVICE_HANDLERS TIMES_240(Interrupt_Handler)
#elif INTERRUPTS == 480
#define VECTORS_ALIGNMENT 2048
#define DEVICE_HANDLERS TIMES_240(Interrupt_Handler), TIMES_240(Interrupt_Handler)
#else
#error "INTERRUPTS must be 32, 240 or 480"
#endif

/* Reserved entries are zero: boot loaders of some chips read them. */
__attribute__((section(".vectors"), used, aligned(VECTORS_ALIGNMENT))) const struct vectors vectors = {
    __stack_top,
    {Reset_Handler, NMI_Handler, HardFault_Handler, MemManage_Handler, BusFault_Handler, UsageFault_Handler,
     SecureFault_Handler, NULL, NULL, NULL, SVC_Handler, DebugMon_Handler, NULL, PendSV_Handler, SysTick_Handler},
    {DEVICE_HANDLERS},
};

/* Volatile, so that no compiler makes a call of memcpy or memset of the loops: that function may lie in the memory that
 * they fill. */
static void fill_memory(void)
{
    for (const struct copy *copy = __copy_table; copy < __copy_table_end; copy++) {
        volatile uint32_t *const to = copy->to;
        for (size_t word = 0; copy->from != copy->to && word < copy->bytes / sizeof(uint32_t); word++) {
            to[word] = copy->from[word];
        }
    }
    for (const struct zero *zero = __zero_table; zero < __zero_table_end; zero++) {
        volatile uint32_t *const to = zero->to;
        for (size_t word = 0; word < zero->bytes / sizeof(uint32_t); word++) {
            to[word] = 0u;
        }
    }
}

/* Runs on the stack of the linker script. */
_Noreturn __attribute__((used)) void start(void)
{
    SystemInit();
    VTOR = (uint32_t)(uintptr_t)&vectors;
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    CPACR |= 0xFu << 20; /* coprocessors 10 and 11: FPU and Helium */
#endif
#if defined(__ARM_ARCH_8_1M_MAIN__) || defined(__ARM_FEATURE_MVE)
    CCR |= 1u << 19; /* low-overhead loops */
#endif
    __asm__ volatile("dsb\n isb" ::: "memory");
    fill_memory();
    __asm__ volatile("dsb\n isb" ::: "memory"); /* what was copied may be code */
    (void)main();
    for (;;) {
    }
}

/* Whatever ran before, a boot loader or a debugger, may have left another stack in use. */
__attribute__((naked)) void Reset_Handler(void)
{
    __asm__ volatile("movs r0, #0            \n"
                     "msr  control, r0       \n"
                     "isb                    \n"
#if defined(__ARM_ARCH_8M_MAIN__) || defined(__ARM_ARCH_8_1M_MAIN__)
                     "ldr  r0, =__stack_limit\n"
                     "msr  msplim, r0        \n"
#endif
                     "ldr  r0, =__stack_top  \n"
                     "msr  msp, r0           \n"
                     "bl   start             \n"
                     ".ltorg                 \n");
}
