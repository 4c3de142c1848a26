/* Test firmware: the command line says how it ends. */
#include <stdint.h>
#include <string.h>

#include "semihosting.h"
#include "stack_paint.h"

#ifndef ARENA
#define ARENA 4096u
#endif
#ifndef BLOCK
#define BLOCK 100000u
#endif

static char mode[64];
static uint8_t block[BLOCK];
static uint32_t counter = 40; /* .data */
static uint32_t cleared;      /* .bss */
__attribute__((section(".bss.mg_arena"))) static uint8_t arena[ARENA];

/* 2 + 3 * rounds + 1 instructions, whatever the compiler. */
uint32_t spin_known(uint32_t rounds);
__asm__(".syntax unified                            \n"
        ".section .text.spin_known, \"ax\", %progbits \n"
        ".global spin_known                         \n"
        ".type spin_known, %function                \n"
        ".thumb_func                                \n"
        "spin_known:                                \n"
        "    mov  r1, r0                            \n"
        "    nop                                    \n"
        "0:  nop                                    \n"
        "    subs r1, r1, #1                        \n"
        "    bne  0b                                \n"
        "    bx   lr                                \n"
        ".size spin_known, . - spin_known           \n"
        ".text                                      \n");

uint32_t spin_twice(uint32_t rounds);
__attribute__((noipa)) uint32_t spin_twice(uint32_t rounds)
{
    const uint32_t first = spin_known(rounds);
    return first + spin_known(2u * rounds);
}

/* Ends in a branch to spin_known, which returns to the caller in its place. */
uint32_t spin_tail(uint32_t rounds);
__attribute__((noipa)) uint32_t spin_tail(uint32_t rounds)
{
    return spin_known(rounds + 1u);
}

__attribute__((noinline)) static uint32_t store_to(uintptr_t address)
{
    volatile uint32_t *word = (volatile uint32_t *)address;
    *word = 1u;
    return *word;
}

__attribute__((noinline)) static uint32_t load_from(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

__attribute__((noinline)) static void undefined_instruction(void)
{
    __asm__ volatile("udf #7");
}

__attribute__((noinline)) static void call_pointer(uintptr_t address)
{
    void (*function)(void);
    memcpy(&function, &address, sizeof function);
    function();
    __asm__ volatile("nop");
}

__attribute__((noinline)) static uint32_t divide(volatile uint32_t *by)
{
    return 7u / *by;
}

__attribute__((noinline)) static uint32_t overflow_stack(uint32_t depth)
{
    volatile uint32_t local[32];
    local[depth % 32u] = depth;
    if (depth == 1000000u) {
        return 0;
    }
    return overflow_stack(depth + 1u) + local[(depth + 1u) % 32u];
}

__attribute__((noinline)) static void hang_forever(void)
{
    for (;;) {
        __asm__ volatile("nop");
    }
}

__attribute__((noinline)) static float float_work(float x)
{
    return x * 1.5f + 2.0f;
}

__attribute__((noinline)) static void use_stack(void)
{
    volatile uint8_t local[600];
    for (uint32_t i = 0; i < sizeof local; i++) {
        local[i] = (uint8_t)i;
    }
}

static int copy_file(void)
{
    const int in = semihost_open("in.bin", SEMIHOST_READ);
    if (in < 0 || semihost_length(in) != (long)BLOCK || semihost_read(in, block, BLOCK) != BLOCK) {
        return 2;
    }
    if (semihost_read(in, block, 4) != 0 || semihost_seek(in, 10) != 0 || semihost_read(in, arena, 1) != 1) {
        return 3;
    }
    if (arena[0] != block[10] || semihost_close(in) != 0 || semihost_open("missing.bin", SEMIHOST_READ) != -1) {
        return 4;
    }
    const int out = semihost_open("out.bin", SEMIHOST_WRITE);
    for (uint32_t i = 0; i < BLOCK; i++) {
        block[i] ^= 0xFFu;
    }
    if (out < 0 || semihost_write(out, block, BLOCK) != BLOCK || semihost_close(out) != 0) {
        return 5;
    }
    semihost_puts("copied\n");
    counter += 2u;
    volatile float x = 2.0f;
    return counter == 42u && cleared == 0u && float_work(x) == 5.0f ? 0 : 6;
}

static int measure_stack(void)
{
    const uintptr_t mark = stack_paint();
    use_stack();
    const size_t used = stack_used(mark);
    const size_t again = stack_used(stack_paint());
    return used >= 600u && used < 760u && again < 64u ? 0 : 1;
}

static uintptr_t parse_hex(const char *text)
{
    uintptr_t value = 0;
    for (; *text != '\0'; text++) {
        value = 16u * value + (uintptr_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    }
    return value;
}

int main(void)
{
    if (semihost_cmdline(mode, sizeof mode) != 0) {
        return 9;
    }
    if (strcmp(mode, "copy") == 0) {
        return copy_file();
    } else if (strcmp(mode, "exit 37") == 0) {
        return 37;
    } else if (strncmp(mode, "store ", 6) == 0) {
        return (int)(store_to(parse_hex(mode + 6)) & 1u) - 1;
    } else if (strncmp(mode, "load ", 5) == 0) {
        return (int)(load_from(parse_hex(mode + 5)) & 0u);
    } else if (strncmp(mode, "call ", 5) == 0) {
        call_pointer(parse_hex(mode + 5));
    } else if (strcmp(mode, "undefined") == 0) {
        undefined_instruction();
    } else if (strcmp(mode, "divide") == 0) {
        return (int)divide(&cleared);
    } else if (strcmp(mode, "overflow") == 0) {
        return (int)overflow_stack(0);
    } else if (strcmp(mode, "hang") == 0) {
        hang_forever();
    } else if (strcmp(mode, "stack") == 0) {
        return measure_stack();
    } else if (strcmp(mode, "count") == 0) {
        return (int)(spin_known(5) + spin_twice(100) + spin_twice(1000)) & 0;
    } else if (strcmp(mode, "tail") == 0) {
        return (int)(spin_known(3) + spin_tail(9) + spin_tail(10)) & 0;
    }
    return 8;
}
