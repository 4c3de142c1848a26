/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements that are moved whatever they stand for. The compiler is told that such accesses may meet objects of
 * another type, or is given a copy of bytes where it cannot be told.
 */
#ifndef MG_UNIT_H
#define MG_UNIT_H

#include <stdint.h>

#if defined(__GNUC__) && !defined(__ICCARM__)
#define MG_ANY_TYPE __attribute__((__may_alias__))
#define MG_MOVE(type, to, from) \
    typedef type MG_ANY_TYPE unit; \
    *(unit *)(to) = *(const unit *)(from)
#else
#include <string.h>
#define MG_MOVE(type, to, from) (void)memcpy(to, from, sizeof(type))
#endif

/* *to = *from, for elements of a size. */
static inline void mg_move_2(void *to, const void *from)
{
    MG_MOVE(uint16_t, to, from);
}

static inline void mg_move_4(void *to, const void *from)
{
    MG_MOVE(uint32_t, to, from);
}

static inline void mg_move_8(void *to, const void *from)
{
    MG_MOVE(uint64_t, to, from);
}

#endif
