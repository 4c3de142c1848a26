/* Runs kernels on cases that are streamed in and reports every byte that is not as it should be.
 *
 * A case brings memory buffers with their content, pointers between them, calls of kernels with their
 * arguments, and what return values and buffers must be afterwards. tests/support/stream.py writes the stream.
 * Numbers are little-endian 32-bit words; contents are padded to whole words.
 *
 *   stream:     magic, then cases
 *   case:       bytes of the rest, buffers, relocations, calls, then those
 *   buffer:     flags, bytes, bytes that are checked, offset, tolerance (a float), initial content if any, expected
 *               content if any
 *   relocation: buffer, offset in it, buffer that it points to, offset in that
 *   call:       function, whether the return value is checked, its expected value, arguments, then those
 *   argument:   0 and a value, or a buffer's index + 1 and an offset in it
 *
 * Each case runs PASSES times: with another pattern in all memory that has no content, and with every buffer
 * shifted by its offset from a multiple of 16. The answer is a list of findings, the last one of kind DONE. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_MAGIC 0x3153474Du /* "MGS1" */

/* An argument of a kernel. */
typedef union {
    int32_t i32;
    uint32_t u32;
    float f32;
    void *pointer;
} stream_word;

/* Calls one kernel; a kernel without a return value gives 0. */
typedef int32_t (*stream_thunk)(const stream_word *arguments);

/* Generated from the kernels' sources. */
extern const stream_thunk stream_thunks[];
extern const uint32_t stream_thunk_count;

enum { FOUND_CONTENT = 1, FOUND_BEFORE = 2, FOUND_BEHIND = 3, FOUND_RETURN = 4, FOUND_TOO_LARGE = 5, FOUND_DONE = 6 };

typedef struct {
    uint32_t number; /* of the case, counted from 0; for DONE, cases that ran */
    uint32_t pass;
    uint32_t kind;
    uint32_t index;    /* of the buffer or of the call */
    uint32_t offset;   /* of the first byte that differs */
    uint32_t count;    /* of bytes that differ */
    uint8_t found[8]; /* from the multiple of 8 below offset; of a return value, its bytes */
} stream_finding;

/* The platform: files and memory. */
size_t stream_read(void *data, size_t bytes);
void stream_report(const stream_finding *finding);
/* The case that runs next, for the event that it does not end. */
void stream_progress(uint32_t number);
_Noreturn void stream_fail(const char *why);
/* Memory for the buffers of a case, aligned to 16 bytes, and for the case as it is in the stream. */
extern uint8_t *const stream_memory;
extern const size_t stream_memory_bytes;
extern uint8_t *const stream_record;
extern const size_t stream_record_bytes;
/* Let code touch memory or not, where the platform can tell. All of stream_memory is forbidden at first. */
void stream_forbid(const void *start, size_t bytes);
void stream_allow(const void *start, size_t bytes);

/* Runs all cases of the stream. */
void stream_run(void);

#endif
