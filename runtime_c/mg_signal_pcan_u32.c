/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include "mg_support.h"

/* The gain for a noise: a parabola over the ten bits below the highest one. */
static int32_t mg_gain(uint32_t noise, const int16_t *gains)
{
    if (noise <= 2)
    {
        return gains[noise];
    }
    int32_t length = 32;
    while (noise >> (length - 1) == 0)
    {
        length--;
    }
    const int16_t *curve = gains + 4 * length - 6;
    const uint32_t bits = length < 11 ? noise << (11 - length) : noise >> (length - 11);
    const int32_t fraction = (int32_t)(bits & 0x3FFu);
    const int32_t slope = mg_wrap_add(curve[2] * fraction >> 5, mg_wrap_shift_left(curve[1], 5));
    const int32_t rise = mg_wrap_add(mg_wrap_mul(slope, fraction), 1 << 14) >> 15;
    return (int16_t)mg_wrap_add(rise, curve[0]);
}

/* `length` signals under a gain that depends on their noise, compressed. `output` may be an input. */
void mg_signal_pcan_u32(const uint32_t *input, const uint32_t *noise, const int16_t *gains, uint32_t *output,
                        int32_t length, int32_t snr_shift)
{
    for (int32_t i = 0; i < length; i++)
    {
        const uint32_t gain = (uint32_t)mg_gain(noise[i], gains);
        const uint32_t snr = (uint32_t)((uint64_t)input[i] * gain >> snr_shift);
        output[i] = snr < 1u << 13 ? (snr * snr) >> 20 : (snr >> 6) - 64u;
    }
}
