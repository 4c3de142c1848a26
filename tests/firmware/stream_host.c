/* Streamed cases on the host: `stream_host CASES RESULTS PROGRESS`. */
#include <stdio.h>
#include <stdlib.h>

#include "stream.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(start, bytes) ((void)(start), (void)(bytes))
#endif

static _Alignas(16) uint8_t memory[(size_t)1 << 20];
uint8_t *const stream_memory = memory;
const size_t stream_memory_bytes = sizeof memory;
static uint8_t record[(size_t)1 << 20];
uint8_t *const stream_record = record;
const size_t stream_record_bytes = sizeof record;

static FILE *cases;
static FILE *results;
static FILE *progress;

size_t stream_read(void *data, size_t bytes)
{
    return fread(data, 1, bytes, cases);
}

void stream_report(const stream_finding *finding)
{
    if (fwrite(finding, sizeof *finding, 1, results) != 1 || fflush(results) != 0) {
        stream_fail("the results cannot be written");
    }
}

void stream_progress(uint32_t number)
{
    rewind(progress);
    if (fwrite(&number, sizeof number, 1, progress) != 1 || fflush(progress) != 0) {
        stream_fail("the progress cannot be written");
    }
}

_Noreturn void stream_fail(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    exit(4);
}

void stream_forbid(const void *start, size_t bytes)
{
    ASAN_POISON_MEMORY_REGION(start, bytes);
}

void stream_allow(const void *start, size_t bytes)
{
    ASAN_UNPOISON_MEMORY_REGION(start, bytes);
}

static FILE *opened(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (file == NULL) {
        stream_fail(path);
    }
    return file;
}

int main(int count, char **arguments)
{
    if (count != 4) {
        stream_fail("three files are needed: cases, results, progress");
    }
    cases = opened(arguments[1], "rb");
    results = opened(arguments[2], "wb");
    progress = opened(arguments[3], "wb");
    stream_run();
    (void)fclose(cases);
    return fclose(results) | fclose(progress);
}
