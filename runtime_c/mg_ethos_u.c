/* SPDX-License-Identifier: Apache-2.0 */
#include "microgen_nn.h"

/* These three are Arm's Ethos-U core driver (ethosu_driver.h). They are declared here, as the linker knows them in all
 * versions of the driver, so that the network compiles without it. */
extern struct ethosu_driver *ethosu_reserve_driver(void);
extern void ethosu_release_driver(struct ethosu_driver *driver);
extern int ethosu_invoke_v3(struct ethosu_driver *driver, const void *payload, int payload_bytes, uint64_t *addresses,
                            const size_t *sizes, int regions, void *user);

/* Runs a command stream of Vela's on the NPU and waits for its end. Region 0 are the weights, region 1 the first
 * `scratch_bytes` of the scratch memory with inputs and outputs in it; the `fast_bytes` behind them are region 2, unless
 * the driver was initialized with a fast memory of its own. Everything is aligned to 16 bytes.
 * A driver for several kinds of NPU reserves none (NULL) and chooses one for the command stream when it is invoked. */
arm_cmsis_nn_status mg_ethos_u_invoke(const uint8_t *commands, const int32_t command_bytes, const uint8_t *weights,
                                      const int32_t weight_bytes, uint8_t *scratch, const int32_t scratch_bytes,
                                      const int32_t fast_bytes)
{
    uint64_t addresses[] = {(uintptr_t)weights, (uintptr_t)scratch, (uintptr_t)(scratch + scratch_bytes)};
    const size_t sizes[] = {(size_t)weight_bytes, (size_t)scratch_bytes, (size_t)fast_bytes};
    const int regions = fast_bytes > 0 ? 3 : 2;
    struct ethosu_driver *const driver = ethosu_reserve_driver();
    const int status = ethosu_invoke_v3(driver, commands, command_bytes, addresses, sizes, regions, NULL);
    if (driver != NULL)
    {
        ethosu_release_driver(driver);
    }
    /* What every version of CMSIS-NN has: version 4 knows no general failure. */
    return status == 0 ? ARM_CMSIS_NN_SUCCESS : ARM_CMSIS_NN_NO_IMPL_ERROR;
}
