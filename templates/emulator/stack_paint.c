#include "stack_paint.h"

#define PAINT 0xC5A5C5A5u
#define END_WORDS 4

extern uint32_t __stack_limit[]; /* from the linker script */

static inline uintptr_t stack_pointer(void)
{
    uintptr_t sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

/* Both loops run on this function's own stack, hence volatile: no call of memset, and nothing is assumed. */
__attribute__((noinline)) uintptr_t stack_paint(void)
{
    const uintptr_t mark = stack_pointer();
    for (volatile uint32_t *word = __stack_limit; (uintptr_t)word < mark; word++) {
        *word = PAINT;
    }
    return mark;
}

__attribute__((noinline)) size_t stack_used(uintptr_t mark)
{
    const volatile uint32_t *word = __stack_limit;
    while ((uintptr_t)word < mark && *word == PAINT) {
        word++;
    }
    return (size_t)(mark - (uintptr_t)word);
}

bool stack_end_touched(void)
{
    for (const volatile uint32_t *word = __stack_limit; word < __stack_limit + END_WORDS; word++) {
        if (*word != PAINT) {
            return true;
        }
    }
    return false;
}
