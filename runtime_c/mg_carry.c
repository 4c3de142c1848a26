/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

#include <string.h>

/* What an operator found in its state, brought to where it leaves it; mostly that is one place. */
void mg_carry(const void *found, void *left, int32_t size)
{
    if (left != found)
    {
        memcpy(left, found, (size_t)size);
    }
}
