/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Fourier transform of real frames in fixed point, for the kernel that includes this file after defining
 *   MG_SAMPLE    the type of samples, all of whose bits but the sign are behind the point
 *   MG_PRODUCT   a type for sums of two of their products
 *   MG_FRACTION  the number of bits behind the point
 *   MG_INVERSE   1 for the way back, from the spectrum to the samples (the roots are conjugates, too).
 * Complex numbers are pairs of samples. Before each butterfly its operands are divided by its radix; products are
 * rounded half up; sums wrap.
 */
#ifndef MG_SIGNAL_RFFT_H
#define MG_SIGNAL_RFFT_H

#include "mg_support.h"

#ifndef MG_SAMPLE
#define MG_SAMPLE int16_t
#define MG_PRODUCT int32_t
#define MG_FRACTION 15
#endif
#ifndef MG_INVERSE
#define MG_INVERSE 0
#endif

/*
 * Results have 32 bits; where they are only added and then stored, it is enough that the store drops the upper ones.
 * What is multiplied again, or halved, is cut to a sample before.
 */
static inline int32_t mg_fft_rounded(MG_PRODUCT product)
{
    return (int32_t)((product + ((MG_PRODUCT)1 << (MG_FRACTION - 1))) >> MG_FRACTION);
}

static inline int32_t mg_fft_times(MG_SAMPLE a, MG_SAMPLE b)
{
    return mg_fft_rounded((MG_PRODUCT)a * b);
}

/* What a sample is multiplied with to divide it by a small number. */
static inline MG_SAMPLE mg_fft_part(int32_t of)
{
    return (MG_SAMPLE)((MG_SAMPLE)(((MG_PRODUCT)1 << MG_FRACTION) - 1) / of);
}

/* `to` = (`real`, `imaginary`) times `root`. */
static inline void mg_fft_turn(MG_SAMPLE real, MG_SAMPLE imaginary, const MG_SAMPLE *root, int32_t *to)
{
    to[0] = mg_fft_rounded((MG_PRODUCT)real * root[0] - (MG_PRODUCT)imaginary * root[1]);
    to[1] = mg_fft_rounded((MG_PRODUCT)real * root[1] + (MG_PRODUCT)imaginary * root[0]);
}

/* `to` = `from` divided. A quotient fits a sample, and a root of 1 would leave it as it is. */
static inline void mg_fft_divide(const MG_SAMPLE *from, MG_SAMPLE part, int32_t *to)
{
    to[0] = mg_fft_times(from[0], part);
    to[1] = mg_fft_times(from[1], part);
}

/* `to` = `from` divided, then times `root`. */
static inline void mg_fft_load(const MG_SAMPLE *from, MG_SAMPLE part, const MG_SAMPLE *root, int32_t *to)
{
    mg_fft_turn((MG_SAMPLE)mg_fft_times(from[0], part), (MG_SAMPLE)mg_fft_times(from[1], part), root, to);
}

/* The butterfly of radix 2 of what is in `a`, divided, and `b`. */
static inline void mg_fft_pair(const int32_t *a, const int32_t *b, MG_SAMPLE *x, MG_SAMPLE *y)
{
    x[0] = (MG_SAMPLE)mg_wrap_add(a[0], b[0]);
    x[1] = (MG_SAMPLE)mg_wrap_add(a[1], b[1]);
    y[0] = (MG_SAMPLE)mg_wrap_sub(a[0], b[0]);
    y[1] = (MG_SAMPLE)mg_wrap_sub(a[1], b[1]);
}

/* `length` butterflies of radix 2 on `x`, whose operands lie `length` apart; `step` is that of the roots. */
static inline void mg_fft_radix2(MG_SAMPLE *x, int32_t length, const MG_SAMPLE *roots, int32_t step)
{
    const MG_SAMPLE part = mg_fft_part(2);
    MG_SAMPLE *y = x + 2 * length;
    int32_t a[2];
    int32_t b[2];
    mg_fft_divide(x, part, a);
    mg_fft_divide(y, part, b);
    mg_fft_pair(a, b, x, y);
    for (int32_t k = 1; k < length; k++)
    {
        x += 2;
        y += 2;
        roots += 2 * step;
        mg_fft_divide(x, part, a);
        mg_fft_load(y, part, roots, b);
        mg_fft_pair(a, b, x, y);
    }
}

/* The butterfly of radix 4 of what is in `a`, divided, `b`, `c` and `d`. */
static inline void mg_fft_four(const int32_t *a, const int32_t *b, const int32_t *c, const int32_t *d, MG_SAMPLE *x,
                               int32_t length)
{
    MG_SAMPLE *y = x + 2 * length;
    MG_SAMPLE *z = y + 2 * length;
    MG_SAMPLE *w = z + 2 * length;
    const int32_t even0 = mg_wrap_add(a[0], c[0]);
    const int32_t even1 = mg_wrap_add(a[1], c[1]);
    const int32_t odd0 = mg_wrap_sub(a[0], c[0]);
    const int32_t odd1 = mg_wrap_sub(a[1], c[1]);
    const int32_t sum0 = mg_wrap_add(b[0], d[0]);
    const int32_t sum1 = mg_wrap_add(b[1], d[1]);
    const int32_t difference0 = mg_wrap_sub(b[0], d[0]);
    const int32_t difference1 = mg_wrap_sub(b[1], d[1]);
    x[0] = (MG_SAMPLE)mg_wrap_add(even0, sum0);
    x[1] = (MG_SAMPLE)mg_wrap_add(even1, sum1);
    y[0] = (MG_SAMPLE)mg_wrap_add(odd0, difference1);
    y[1] = (MG_SAMPLE)mg_wrap_sub(odd1, difference0);
    z[0] = (MG_SAMPLE)mg_wrap_sub(even0, sum0);
    z[1] = (MG_SAMPLE)mg_wrap_sub(even1, sum1);
    w[0] = (MG_SAMPLE)mg_wrap_sub(odd0, difference1);
    w[1] = (MG_SAMPLE)mg_wrap_add(odd1, difference0);
}

static inline void mg_fft_radix4(MG_SAMPLE *x, int32_t length, const MG_SAMPLE *roots, int32_t step)
{
    const MG_SAMPLE part = mg_fft_part(4);
    const MG_SAMPLE *root1 = roots;
    const MG_SAMPLE *root2 = roots;
    const MG_SAMPLE *root3 = roots;
    int32_t a[2];
    int32_t b[2];
    int32_t c[2];
    int32_t d[2];
    mg_fft_divide(x, part, a);
    mg_fft_divide(x + 2 * length, part, b);
    mg_fft_divide(x + 4 * length, part, c);
    mg_fft_divide(x + 6 * length, part, d);
    mg_fft_four(a, MG_INVERSE ? d : b, c, MG_INVERSE ? b : d, x, length);
    for (int32_t k = 1; k < length; k++)
    {
        x += 2;
        root1 += 2 * step;
        root2 += 4 * step;
        root3 += 6 * step;
        mg_fft_divide(x, part, a);
        mg_fft_load(x + 2 * length, part, root1, b);
        mg_fft_load(x + 4 * length, part, root2, c);
        mg_fft_load(x + 6 * length, part, root3, d);
        mg_fft_four(a, MG_INVERSE ? d : b, c, MG_INVERSE ? b : d, x, length);
    }
}

static inline void mg_fft_radix3(MG_SAMPLE *x, int32_t length, const MG_SAMPLE *roots, int32_t step)
{
    const MG_SAMPLE part = mg_fft_part(3);
    const MG_SAMPLE sine = roots[2 * step * length + 1];
    for (int32_t k = 0; k < length; k++)
    {
        MG_SAMPLE *y = x + 2 * length;
        MG_SAMPLE *z = y + 2 * length;
        int32_t a[2];
        int32_t b[2];
        int32_t c[2];
        int32_t middle[2];
        int32_t turned[2];
        mg_fft_divide(x, part, a);
        mg_fft_load(y, part, roots + 2 * k * step, b);
        mg_fft_load(z, part, roots + 4 * k * step, c);
        for (int32_t i = 0; i < 2; i++)
        {
            const MG_SAMPLE sum = (MG_SAMPLE)mg_wrap_add(b[i], c[i]);
            middle[i] = mg_wrap_sub(a[i], sum >> 1);
            turned[i] = mg_fft_times((MG_SAMPLE)mg_wrap_sub(b[i], c[i]), sine);
            x[i] = (MG_SAMPLE)mg_wrap_add(a[i], sum);
        }
        y[0] = (MG_SAMPLE)mg_wrap_sub(middle[0], turned[1]);
        y[1] = (MG_SAMPLE)mg_wrap_add(middle[1], turned[0]);
        z[0] = (MG_SAMPLE)mg_wrap_add(middle[0], turned[1]);
        z[1] = (MG_SAMPLE)mg_wrap_sub(middle[1], turned[0]);
        x += 2;
    }
}

static inline void mg_fft_radix5(MG_SAMPLE *x, int32_t length, const MG_SAMPLE *roots, int32_t step)
{
    const MG_SAMPLE part = mg_fft_part(5);
    const MG_SAMPLE *r1 = roots + 2 * step * length;
    const MG_SAMPLE *r2 = roots + 4 * step * length;
    for (int32_t k = 0; k < length; k++)
    {
        int32_t t[4][2];
        MG_SAMPLE sum[2][2];
        MG_SAMPLE across[2][2];
        for (int32_t q = 1; q < 5; q++)
        {
            mg_fft_load(x + 2 * q * length, part, roots + 2 * q * k * step, t[q - 1]);
        }
        for (int32_t i = 0; i < 2; i++)
        {
            sum[0][i] = (MG_SAMPLE)mg_wrap_add(t[0][i], t[3][i]);
            sum[1][i] = (MG_SAMPLE)mg_wrap_add(t[1][i], t[2][i]);
            across[0][i] = (MG_SAMPLE)mg_wrap_sub(t[0][i], t[3][i]);
            across[1][i] = (MG_SAMPLE)mg_wrap_sub(t[1][i], t[2][i]);
        }
        for (int32_t i = 0; i < 2; i++)
        {
            /* The imaginary unit times the differences: real parts come from imaginary ones, negated. */
            const int32_t o = 1 - i;
            const int32_t sign = 2 * i - 1;
            const int32_t a = mg_fft_times(x[i], part);
            const int32_t near = mg_wrap_add(mg_wrap_add(a, mg_fft_times(sum[0][i], r1[0])),
                                             mg_fft_times(sum[1][i], r2[0]));
            const int32_t far = mg_wrap_add(mg_wrap_add(a, mg_fft_times(sum[0][i], r2[0])),
                                            mg_fft_times(sum[1][i], r1[0]));
            const int32_t near_turn = mg_wrap_mul(
                sign, mg_wrap_add(mg_fft_times(across[0][o], r1[1]), mg_fft_times(across[1][o], r2[1])));
            const int32_t far_turn = mg_wrap_mul(
                sign, mg_wrap_sub(mg_fft_times(across[0][o], r2[1]), mg_fft_times(across[1][o], r1[1])));
            x[i] = (MG_SAMPLE)mg_wrap_add(a, mg_wrap_add(sum[0][i], sum[1][i]));
            x[2 * length + i] = (MG_SAMPLE)mg_wrap_add(near, near_turn);
            x[4 * length + i] = (MG_SAMPLE)mg_wrap_add(far, far_turn);
            x[6 * length + i] = (MG_SAMPLE)mg_wrap_sub(far, far_turn);
            x[8 * length + i] = (MG_SAMPLE)mg_wrap_sub(near, near_turn);
        }
        x += 2;
    }
}

/* Splits the transform of `half` pairs of samples into the `half` + 1 bins of the samples themselves, in place. */
static inline void mg_fft_split(MG_SAMPLE *x, int32_t half, const MG_SAMPLE *splits)
{
    const MG_SAMPLE part = mg_fft_part(2);
    const int32_t even = mg_fft_times(x[0], part);
    const int32_t odd = mg_fft_times(x[1], part);
    x[0] = (MG_SAMPLE)mg_wrap_add(even, odd);
    x[1] = 0;
    x[2 * half] = (MG_SAMPLE)mg_wrap_sub(even, odd);
    x[2 * half + 1] = 0;
    MG_SAMPLE *low = x;
    MG_SAMPLE *high = x + 2 * half;
    for (int32_t k = 1; k <= half / 2; k++)
    {
        low += 2;
        high -= 2;
        const int32_t low0 = mg_fft_times(low[0], part);
        const int32_t low1 = mg_fft_times(low[1], part);
        const int32_t high0 = mg_fft_times(high[0], part);
        const int32_t high1 = mg_fft_times((MG_SAMPLE)mg_wrap_sub(0, high[1]), part);
        const MG_SAMPLE sum0 = (MG_SAMPLE)mg_wrap_add(low0, high0);
        const MG_SAMPLE sum1 = (MG_SAMPLE)mg_wrap_add(low1, high1);
        int32_t turned[2];
        mg_fft_turn((MG_SAMPLE)mg_wrap_sub(low0, high0), (MG_SAMPLE)mg_wrap_sub(low1, high1), splits, turned);
        turned[0] = (MG_SAMPLE)turned[0];
        turned[1] = (MG_SAMPLE)turned[1];
        /* Halves are taken of sums of 32 bits, whatever the samples have. */
        low[0] = (MG_SAMPLE)(mg_wrap_add(sum0, turned[0]) >> 1);
        low[1] = (MG_SAMPLE)(mg_wrap_add(sum1, turned[1]) >> 1);
        high[0] = (MG_SAMPLE)(mg_wrap_sub(sum0, turned[0]) >> 1);
        high[1] = (MG_SAMPLE)(mg_wrap_sub(turned[1], sum1) >> 1);
        splits += 2;
    }
}

/* All butterflies of the transform of `half` complex numbers in `output`, in the order that stages need. */
static inline void mg_fft_stages(MG_SAMPLE *output, int32_t half, const MG_SAMPLE *twiddles, const int16_t *stages,
                                 int32_t stage_count)
{
    for (int32_t i = 0; i < stage_count; i++)
    {
        const int32_t radix = stages[2 * i];
        const int32_t part = stages[2 * i + 1];
        const int32_t step = half / (radix * part);
        for (int32_t j = 0; j < step; j++)
        {
            MG_SAMPLE *x = output + 2 * j * radix * part;
            if (radix == 4)
            {
                mg_fft_radix4(x, part, twiddles, step);
            }
            else if (radix == 2)
            {
                mg_fft_radix2(x, part, twiddles, step);
            }
            else if (radix == 3)
            {
                mg_fft_radix3(x, part, twiddles, step);
            }
            else
            {
                mg_fft_radix5(x, part, twiddles, step);
            }
        }
    }
}

/*
 * The `half` + 1 bins of one frame of `length` samples, up to 2 * `half`; what is missing counts as 0. `order` says
 * which pair of samples stands where, `stages` are pairs of a radix and the distance of its operands.
 */
static inline void mg_fft_frame(const MG_SAMPLE *input, int32_t length, MG_SAMPLE *output, int32_t half,
                                const int16_t *order, const MG_SAMPLE *twiddles, const MG_SAMPLE *splits,
                                const int16_t *stages, int32_t stage_count)
{
    for (int32_t i = 0; i < half; i++)
    {
        const int32_t place = 2 * order[i];
        output[2 * i] = (MG_SAMPLE)(place < length ? input[place] : 0);
        output[2 * i + 1] = (MG_SAMPLE)(place + 1 < length ? input[place + 1] : 0);
    }
    mg_fft_stages(output, half, twiddles, stages, stage_count);
    mg_fft_split(output, half, splits);
}

#endif
