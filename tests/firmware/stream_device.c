/* Streamed cases in the emulator: cases.bin, results.bin and progress.bin by semihosting. */
#include "semihosting.h"
#include "stream.h"

__attribute__((section(".bss.mg_arena"))) static _Alignas(16) uint8_t memory[(size_t)1 << 20];
uint8_t *const stream_memory = memory;
const size_t stream_memory_bytes = sizeof memory;
__attribute__((section(".bss.mg_arena"))) static uint8_t record[(size_t)1 << 20];
uint8_t *const stream_record = record;
const size_t stream_record_bytes = sizeof record;

static int cases;
static int results;
static int progress;

size_t stream_read(void *data, size_t bytes)
{
    return semihost_read(cases, data, bytes);
}

void stream_report(const stream_finding *finding)
{
    if (semihost_write(results, finding, sizeof *finding) != sizeof *finding) {
        stream_fail("results.bin cannot be written");
    }
}

void stream_progress(uint32_t number)
{
    if (semihost_seek(progress, 0) != 0 || semihost_write(progress, &number, sizeof number) != sizeof number) {
        stream_fail("progress.bin cannot be written");
    }
}

_Noreturn void stream_fail(const char *why)
{
    semihost_puts(why);
    semihost_puts("\n");
    semihost_exit(4);
}

void stream_forbid(const void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

void stream_allow(const void *start, size_t bytes)
{
    (void)start;
    (void)bytes;
}

int main(void)
{
    cases = semihost_open("cases.bin", SEMIHOST_READ);
    results = semihost_open("results.bin", SEMIHOST_WRITE);
    progress = semihost_open("progress.bin", SEMIHOST_WRITE);
    if (cases < 0 || results < 0 || progress < 0) {
        stream_fail("cases.bin, results.bin or progress.bin cannot be opened");
    }
    stream_run();
    (void)semihost_close(cases);
    return semihost_close(results) | semihost_close(progress);
}
