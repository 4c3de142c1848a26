/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MG_SOFTPLUS_H
#define MG_SOFTPLUS_H

#include <math.h>

#include "mg_support.h"

/* ln(1 + e^x), without overflow: max(x, 0) + ln(1 + e^-|x|). */
static inline float mg_softplus(float x)
{
    return (x < 0.0f ? 0.0f : x) + log1pf(expf(-fabsf(x)));
}

#endif
