#include "stream.h"

#include <string.h>

#define PASSES 2u
#define GUARD 32u
#define MAX_BUFFERS 256u
#define MAX_ARGUMENTS 64u

enum { HAS_INITIAL = 1, HAS_EXPECTED = 2, UNCHANGED = 4, IS_FLOAT = 8 };

typedef struct {
    uint32_t flags, bytes, checked, offset;
    float tolerance;
    uint8_t *initial;
    uint8_t *expected;
    uint8_t *memory;
} buffer;

typedef struct {
    uint8_t *next;
    const uint8_t *end;
} cursor;

static buffer buffers[MAX_BUFFERS];
static const uint8_t poison[PASSES] = {0xA5u, 0x5Au};

static uint8_t *take(cursor *at, size_t bytes)
{
    uint8_t *start = at->next;
    if (bytes > (size_t)(at->end - at->next)) {
        stream_fail("a case is shorter than its contents");
    }
    at->next += (bytes + 3u) & ~(size_t)3u;
    return start;
}

static uint32_t take_word(cursor *at)
{
    uint32_t value;
    memcpy(&value, take(at, sizeof value), sizeof value);
    return value;
}

static buffer *take_buffer(cursor *at, uint32_t count)
{
    const uint32_t index = take_word(at);
    if (index >= count) {
        stream_fail("a case has no such buffer");
    }
    return &buffers[index];
}

static uint8_t guard_byte(uint32_t i, uint32_t pass)
{
    return (uint8_t)(i * 29u + (pass == 0u ? 0x33u : 0xC7u));
}

/* Reports where `found` differs from `expected` or, without that, from the pass's pattern. */
static void find(uint32_t number, uint32_t pass, uint32_t kind, uint32_t index, const uint8_t *found,
                 const uint8_t *expected, uint32_t bytes)
{
    stream_finding finding = {.number = number, .pass = pass, .kind = kind, .index = index};
    uint32_t first = bytes;
    for (uint32_t i = 0; i < bytes; i++) {
        if (found[i] != (expected == NULL ? poison[pass] : expected[i])) {
            first = first < i ? first : i;
            finding.count++;
        }
    }
    if (finding.count == 0u) {
        return;
    }
    finding.offset = first;
    for (uint32_t i = first & ~7u; i < bytes && i < (first & ~7u) + 8u; i++) {
        finding.found[i & 7u] = found[i];
    }
    stream_report(&finding);
}

static float float_at(const uint8_t *bytes)
{
    float value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

/* Reports floats that differ by more than the tolerance. NaN equals NaN, an infinity itself. */
static void find_floats(uint32_t number, uint32_t pass, uint32_t index, const buffer *b)
{
    stream_finding finding = {.number = number, .pass = pass, .kind = FOUND_CONTENT, .index = index};
    for (uint32_t i = 0; i + 4u <= b->checked; i += 4u) {
        const float found = float_at(b->memory + i);
        const float expected = float_at(b->expected + i);
        const float difference = found < expected ? expected - found : found - expected;
        if (found == expected || difference <= b->tolerance || (found != found && expected != expected)) {
            continue;
        }
        if (finding.count == 0u) {
            finding.offset = i;
            memcpy(&finding.found[i & 7u], b->memory + i, sizeof found);
        }
        finding.count += 4u;
    }
    if (finding.count != 0u) {
        stream_report(&finding);
    }
}

/* Places the buffers, each between two guards, and fills them. False if memory does not suffice. */
static bool place(uint32_t count, uint32_t pass)
{
    size_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        buffer *b = &buffers[i];
        const uint32_t offset = pass == 0u ? 0u : b->offset;
        used = (used + GUARD + 15u) & ~(size_t)15u;
        if (used + offset + b->bytes + GUARD > stream_memory_bytes) {
            return false;
        }
        b->memory = stream_memory + used + offset;
        used += offset + b->bytes + GUARD;
        stream_allow(b->memory - GUARD, b->bytes + 2u * GUARD);
        for (uint32_t g = 0; g < GUARD; g++) {
            b->memory[(ptrdiff_t)g - (ptrdiff_t)GUARD] = guard_byte(g, pass);
            b->memory[b->bytes + g] = guard_byte(g, pass);
        }
        memset(b->memory, poison[pass], b->bytes);
        stream_forbid(b->memory - GUARD, GUARD);
        stream_forbid(b->memory + b->bytes, GUARD);
    }
    return true;
}

/* Pointers are put into the initial content, with which unchanged buffers are compared afterwards. */
static void relocate(cursor *at, uint32_t count, uint32_t buffers_count)
{
    for (uint32_t i = 0; i < count; i++) {
        buffer *holder = take_buffer(at, buffers_count);
        const uint32_t offset = take_word(at);
        const buffer *target = take_buffer(at, buffers_count);
        void *pointer = target->memory + take_word(at);
        if ((holder->flags & HAS_INITIAL) == 0u || offset + sizeof pointer > holder->bytes) {
            stream_fail("a pointer lies outside of its buffer");
        }
        memcpy(holder->initial + offset, &pointer, sizeof pointer);
    }
}

static void call(cursor *at, uint32_t buffers_count, uint32_t number, uint32_t pass, uint32_t index)
{
    stream_word arguments[MAX_ARGUMENTS];
    const uint32_t function = take_word(at);
    const uint32_t is_checked = take_word(at);
    const uint32_t expected = take_word(at);
    const uint32_t count = take_word(at);
    if (function >= stream_thunk_count || count > MAX_ARGUMENTS) {
        stream_fail("a case has no such function, or too many arguments");
    }
    memset(arguments, 0, sizeof arguments);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t target = take_word(at);
        const uint32_t value = take_word(at);
        if (target > buffers_count) {
            stream_fail("a case has no such buffer");
        }
        if (target == 0u) {
            arguments[i].u32 = value;
        } else {
            arguments[i].pointer = buffers[target - 1u].memory + value;
        }
    }
    const uint32_t result = (uint32_t)stream_thunks[function](arguments);
    if (is_checked != 0u) {
        find(number, pass, FOUND_RETURN, index, (const uint8_t *)&result, (const uint8_t *)&expected, sizeof result);
    }
}

static void check(const buffer *b, uint32_t number, uint32_t pass, uint32_t index)
{
    uint8_t guard[GUARD];
    for (uint32_t g = 0; g < GUARD; g++) {
        guard[g] = guard_byte(g, pass);
    }
    stream_allow(b->memory - GUARD, b->bytes + 2u * GUARD);
    find(number, pass, FOUND_BEFORE, index, b->memory - GUARD, guard, GUARD);
    find(number, pass, FOUND_BEHIND, index, b->memory + b->bytes, guard, GUARD);
    if ((b->flags & IS_FLOAT) != 0u) {
        find_floats(number, pass, index, b);
    } else if ((b->flags & HAS_EXPECTED) != 0u) {
        find(number, pass, FOUND_CONTENT, index, b->memory, b->expected, b->checked);
    } else if ((b->flags & UNCHANGED) != 0u) {
        find(number, pass, FOUND_CONTENT, index, b->memory, b->initial, b->checked);
    }
}

static void run_pass(cursor at, uint32_t number, uint32_t pass, uint32_t buffers_count, uint32_t relocations,
                     uint32_t calls)
{
    if (!place(buffers_count, pass)) {
        const stream_finding finding = {.number = number, .pass = pass, .kind = FOUND_TOO_LARGE};
        stream_report(&finding);
        return;
    }
    relocate(&at, relocations, buffers_count);
    for (uint32_t i = 0; i < buffers_count; i++) {
        if ((buffers[i].flags & HAS_INITIAL) != 0u) {
            memcpy(buffers[i].memory, buffers[i].initial, buffers[i].bytes);
        }
    }
    for (uint32_t i = 0; i < calls; i++) {
        call(&at, buffers_count, number, pass, i);
    }
    for (uint32_t i = 0; i < buffers_count; i++) {
        check(&buffers[i], number, pass, i);
    }
    stream_forbid(stream_memory, stream_memory_bytes);
}

static void run_case(cursor at, uint32_t number)
{
    const uint32_t buffers_count = take_word(&at);
    const uint32_t relocations = take_word(&at);
    const uint32_t calls = take_word(&at);
    if (buffers_count > MAX_BUFFERS) {
        stream_fail("a case has too many buffers");
    }
    for (uint32_t i = 0; i < buffers_count; i++) {
        buffer *b = &buffers[i];
        b->flags = take_word(&at);
        b->bytes = take_word(&at);
        b->checked = take_word(&at);
        b->offset = take_word(&at);
        b->tolerance = float_at(take(&at, sizeof b->tolerance));
        b->initial = (b->flags & HAS_INITIAL) != 0u ? take(&at, b->bytes) : NULL;
        b->expected = (b->flags & HAS_EXPECTED) != 0u ? take(&at, b->checked) : NULL;
    }
    for (uint32_t pass = 0; pass < PASSES; pass++) {
        run_pass(at, number, pass, buffers_count, relocations, calls);
    }
}

void stream_run(void)
{
    uint32_t header;
    uint32_t number = 0;
    if (stream_read(&header, sizeof header) != sizeof header || header != STREAM_MAGIC) {
        stream_fail("the stream does not start with its magic number");
    }
    stream_forbid(stream_memory, stream_memory_bytes);
    for (; stream_read(&header, sizeof header) == sizeof header; number++) {
        if (header > stream_record_bytes || stream_read(stream_record, header) != header) {
            stream_fail("a case is too long, or the stream ends in it");
        }
        stream_progress(number);
        run_case((cursor){stream_record, stream_record + header}, number);
    }
    const stream_finding done = {.number = number, .kind = FOUND_DONE};
    stream_report(&done);
}
