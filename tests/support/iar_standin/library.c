/*
 * What IAR's library does from reset to main, on what the translated linker script says; with SEMIHOSTED also its
 * output and its exit. The program's own code is compiled as IAR's compiler would see it, this file by GCC as it is.
 */
#include <stdint.h>

struct copy {
    const uint32_t *from;
    uint32_t *to;
    uint32_t bytes;
};

struct clear {
    uint32_t *to;
    uint32_t bytes;
};

extern const struct copy __iar_copies[], __iar_copies_end[];
extern const struct clear __iar_zeros[], __iar_zeros_end[];
extern int __low_level_init(void);
extern int main(void);
void __iar_program_start(void);

static void initialize(void)
{
    for (const struct copy *c = __iar_copies; c != __iar_copies_end; c++) {
        for (uint32_t i = 0; i < c->bytes / 4u; i++) {
            c->to[i] = c->from[i];
        }
    }
    for (const struct clear *z = __iar_zeros; z != __iar_zeros_end; z++) {
        for (uint32_t i = 0; i < z->bytes / 4u; i++) {
            z->to[i] = 0u;
        }
    }
}

#ifdef SEMIHOSTED
static void call_host(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

int puts(const char *line)
{
    call_host(4u, line);
    call_host(4u, "\n");
    return 0;
}
#endif

void __iar_program_start(void)
{
#ifdef HAS_FPU
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
#endif
    if (__low_level_init() != 0) {
        initialize();
    }
    const int status = main();
#ifdef SEMIHOSTED
    const uint32_t reason[2] = {0x20026u, (uint32_t)status};
    call_host(0x20u, reason);
#else
    (void)status;
#endif
    for (;;) {
    }
}
