/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements that are moved whatever they stand for. The compiler is told that such accesses may meet objects of
 * another type.
 */
#ifndef MG_UNIT_H
#define MG_UNIT_H

#include <stdint.h>

#if defined(__GNUC__)
#define MG_ANY_TYPE __attribute__((__may_alias__))
#else
#define MG_ANY_TYPE
#endif

/* *to = *from, for elements of a size. */
static inline void mg_move_2(void *to, const void *from)
{
    typedef uint16_t MG_ANY_TYPE unit;
    *(unit *)to = *(const unit *)from;
}

static inline void mg_move_4(void *to, const void *from)
{
    typedef uint32_t MG_ANY_TYPE unit;
    *(unit *)to = *(const unit *)from;
}

static inline void mg_move_8(void *to, const void *from)
{
    typedef uint64_t MG_ANY_TYPE unit;
    *(unit *)to = *(const unit *)from;
}

#endif
