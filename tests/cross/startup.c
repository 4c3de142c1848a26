/* What a program may rely on once start-up code has run: each check that fails sets a bit. 1 in `startup_result` is
 * success, the bits are bits 8 and above of it. */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define VTOR REGISTER(0xE000ED08)
#define SYSTICK_RELOAD REGISTER(0xE000E014)

extern uint32_t __stack_limit[], __stack_top[];
extern const uint32_t vectors[];
int main(void);

volatile uint32_t startup_result;
volatile uint32_t startup_zero[64];
volatile uint32_t startup_data[3] = {0x12345678u, 0xFFFFFFFFu, 7u};
volatile float startup_float = 1.5f;
static volatile uint32_t system_was_set_up;

/* Runs before memory is filled and the vector table is chosen: what it sets in .bss and VTOR is lost, registers of
 * devices stay. */
void SystemInit(void);
void SystemInit(void)
{
    system_was_set_up = 1u;
    SYSTICK_RELOAD = 0x1234u;
    VTOR = 0x00010000u;
}

static volatile uint32_t handled;
void SVC_Handler(void);
void SVC_Handler(void)
{
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    handled = number;
}

int main(void)
{
    uint32_t failed = 0;
    uintptr_t stack;
    __asm__ volatile("mov %0, sp" : "=r"(stack));
    failed |= stack <= (uintptr_t)__stack_limit || stack > (uintptr_t)__stack_top ? 1u : 0u;
    for (int i = 0; i < 64; i++) {
        failed |= startup_zero[i] != 0u ? 2u : 0u;
    }
    failed |= startup_data[0] != 0x12345678u || startup_data[1] != 0xFFFFFFFFu || startup_data[2] != 7u ? 4u : 0u;
    startup_float = startup_float * 2.0f;
    failed |= startup_float != 3.0f ? 8u : 0u;
    failed |= system_was_set_up != 0u || SYSTICK_RELOAD != 0x1234u ? 16u : 0u;
    __asm__ volatile("svc #0" ::: "memory");
    failed |= handled != 11u ? 32u : 0u;
#if !defined(__ARM_ARCH_6M__)
    failed |= VTOR != (uint32_t)(uintptr_t)vectors ? 64u : 0u;
#endif
    startup_result = 1u | failed << 8;
    return 0;
}
