#include "semihosting.h"

#include <stdint.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_FLEN = 0x0C,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20
};

#define APPLICATION_EXIT 0x20026u
#define BLOCK_BYTES ((size_t)1 << 20)

static int32_t call(int32_t operation, const void *argument)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

int semihost_open(const char *path, int mode)
{
    uint32_t length = 0;
    while (path[length] != '\0') {
        length++;
    }
    const uint32_t block[3] = {(uint32_t)(uintptr_t)path, (uint32_t)mode, length};
    return (int)call(SYS_OPEN, block);
}

int semihost_close(int handle)
{
    const uint32_t block[1] = {(uint32_t)handle};
    return (int)call(SYS_CLOSE, block);
}

long semihost_length(int handle)
{
    const uint32_t block[1] = {(uint32_t)handle};
    return (long)call(SYS_FLEN, block);
}

int semihost_seek(int handle, size_t position)
{
    const uint32_t block[2] = {(uint32_t)handle, (uint32_t)position};
    return (int)call(SYS_SEEK, block);
}

/* SYS_READ and SYS_WRITE both answer with the number of bytes that were NOT transferred. */
static size_t transfer(int32_t operation, int handle, uintptr_t data, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        const size_t want = bytes - done < BLOCK_BYTES ? bytes - done : BLOCK_BYTES;
        const uint32_t block[3] = {(uint32_t)handle, (uint32_t)(data + done), (uint32_t)want};
        const int32_t left = call(operation, block);
        if (left < 0 || (size_t)left >= want) {
            break;
        }
        done += want - (size_t)left;
    }
    return done;
}

size_t semihost_read(int handle, void *data, size_t bytes)
{
    return transfer(SYS_READ, handle, (uintptr_t)data, bytes);
}

size_t semihost_write(int handle, const void *data, size_t bytes)
{
    return transfer(SYS_WRITE, handle, (uintptr_t)data, bytes);
}

void semihost_puts(const char *text)
{
    (void)call(SYS_WRITE0, text);
}

int semihost_cmdline(char *text, size_t bytes)
{
    const uint32_t block[2] = {(uint32_t)(uintptr_t)text, (uint32_t)bytes};
    return (int)call(SYS_GET_CMDLINE, block);
}

_Noreturn void semihost_exit(int code)
{
    const uint32_t block[2] = {APPLICATION_EXIT, (uint32_t)code};
    for (;;) {
        (void)call(SYS_EXIT_EXTENDED, block);
    }
}
