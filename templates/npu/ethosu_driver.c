/* Stands in for the Ethos-U core driver on an emulated board, which has no NPU: hands each command stream with its
 * memory to the host, where microgen simulates the NPU, and takes the memory back.
 *
 * npu_request: "MGNP", bytes of the payload, number of regions, the size of each (4 bytes each, little endian), the
 *              payload, the regions.
 * npu_reply:   0, or another number for a failure (4 bytes); then for each region where it has changed: first byte and
 *              number of bytes (4 bytes each), the bytes.
 * Both are named pipes that microgen makes; without them the NPU fails. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "semihosting.h"

#define MOST_REGIONS 3

struct ethosu_driver {
    bool reserved;
    int request, reply;
};

struct ethosu_driver *ethosu_reserve_driver(void);
void ethosu_release_driver(struct ethosu_driver *driver);
int ethosu_invoke_v3(struct ethosu_driver *driver, const void *payload, int payload_bytes, uint64_t *addresses,
                     const size_t *sizes, int regions, void *user);

static struct ethosu_driver the_driver = {false, -1, -1};

struct ethosu_driver *ethosu_reserve_driver(void)
{
    if (the_driver.reserved) {
        return NULL;
    }
    if (the_driver.reply < 0) {
        the_driver.reply = semihost_open("npu_reply", SEMIHOST_READ);
        the_driver.request = the_driver.reply < 0 ? -1 : semihost_open("npu_request", SEMIHOST_WRITE);
    }
    if (the_driver.request < 0) {
        semihost_puts("there is no simulated NPU here: use microgen run\n");
        return NULL;
    }
    the_driver.reserved = true;
    return &the_driver;
}

void ethosu_release_driver(struct ethosu_driver *driver)
{
    driver->reserved = false;
}

static bool put(int handle, const void *data, size_t bytes)
{
    return bytes == 0 || semihost_write(handle, data, bytes) == bytes;
}

static bool get(int handle, void *data, size_t bytes)
{
    return bytes == 0 || semihost_read(handle, data, bytes) == bytes;
}

int ethosu_invoke_v3(struct ethosu_driver *driver, const void *payload, int payload_bytes, uint64_t *addresses,
                     const size_t *sizes, int regions, void *user)
{
    (void)user;
    if (driver == NULL || payload_bytes < 0 || regions < 0 || regions > MOST_REGIONS) {
        return -1;
    }
    uint32_t header[3 + MOST_REGIONS] = {0x504E474Du, (uint32_t)payload_bytes, (uint32_t)regions};
    bool ok = (uintptr_t)payload % 16u == 0u; /* as the NPU wants it */
    for (int i = 0; i < regions; i++) {
        ok = ok && addresses[i] % 16u == 0u;
        header[3 + i] = (uint32_t)sizes[i];
    }
    ok = ok && put(driver->request, header, (3u + (size_t)regions) * sizeof header[0]) &&
         put(driver->request, payload, (size_t)payload_bytes);
    for (int i = 0; i < regions; i++) {
        ok = ok && put(driver->request, (const void *)(uintptr_t)addresses[i], sizes[i]);
    }
    uint32_t status = 1u;
    if (!ok || !get(driver->reply, &status, sizeof status) || status != 0u) {
        return -1;
    }
    for (int i = 0; i < regions; i++) {
        uint32_t changed[2];
        if (!get(driver->reply, changed, sizeof changed) || changed[0] > sizes[i] ||
            changed[1] > sizes[i] - changed[0] ||
            !get(driver->reply, (uint8_t *)(uintptr_t)addresses[i] + changed[0], changed[1])) {
            return -1;
        }
    }
    return 0;
}
