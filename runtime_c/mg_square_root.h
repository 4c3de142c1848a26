/* SPDX-License-Identifier: Apache-2.0 */
/* Rounded square roots. */
#ifndef MG_SQUARE_ROOT_H
#define MG_SQUARE_ROOT_H

#include "mg_support.h"

/* The nearest integer to the square root, at most 2^16 - 1. */
static inline uint32_t mg_square_root_32(uint32_t number)
{
    uint32_t root = 0;
    uint32_t bit = (uint32_t)1 << 30;
    while (bit > number)
    {
        bit >>= 2;
    }
    while (bit != 0)
    {
        if (number >= root + bit)
        {
            number -= root + bit;
            root = (root >> 1) + bit;
        }
        else
        {
            root >>= 1;
        }
        bit >>= 2;
    }
    return number > root && root != 0xFFFFu ? root + 1u : root;
}

/* The nearest integer to the square root of a number below 2^60: what is left of it fits 32 bits. */
static inline uint32_t mg_square_root_60(uint64_t number)
{
    /* Thirty bits at a time, two of them for each bit of the root. */
    uint32_t bits = (uint32_t)(number >> 30);
    uint32_t root = 0;
    uint32_t left = 0;
    for (int32_t half = 0; half < 2; half++)
    {
        for (int32_t i = 0; i < 15; i++)
        {
            left = (left << 2) | ((bits >> 28) & 3u);
            bits <<= 2;
            const uint32_t trial = (root << 2) | 1u;
            root <<= 1;
            if (left >= trial)
            {
                left -= trial;
                root |= 1u;
            }
        }
        bits = (uint32_t)number;
    }
    return left > root ? root + 1u : root;
}

/* The nearest integer to the square root, at most 2^16 - 1 of a number of 32 bits and 2^32 - 1 of any other. */
static inline uint32_t mg_square_root(uint64_t number)
{
    if (number >> 32 == 0)
    {
        return mg_square_root_32((uint32_t)number);
    }
    if (number >> 60 == 0)
    {
        return mg_square_root_60(number);
    }
    uint64_t root = 0;
    uint64_t bit = (uint64_t)1 << 62;
    while (bit > number)
    {
        bit >>= 2;
    }
    while (bit != 0)
    {
        if (number >= root + bit)
        {
            number -= root + bit;
            root = (root >> 1) + bit;
        }
        else
        {
            root >>= 1;
        }
        bit >>= 2;
    }
    return (uint32_t)(number > root && root != 0xFFFFFFFFu ? root + 1u : root);
}

#endif
