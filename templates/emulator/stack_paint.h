/* How much stack a call needs: paint what is free, call, look how far the paint is gone. */
#ifndef STACK_PAINT_H
#define STACK_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Paints the free part of the main stack. Returns the mark to hand to stack_used: the caller's stack pointer. */
uintptr_t stack_paint(void);

/* Bytes below `mark` that were written since stack_paint: the deepest use by the calls in between. */
size_t stack_used(uintptr_t mark);

/* Whether the painted words at the very end of the stack were written since stack_paint: what overflows a stack without
 * a fence below it passes there. */
bool stack_end_touched(void);

#endif
