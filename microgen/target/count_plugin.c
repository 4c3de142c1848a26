/* TCG plugin for QEMU: logs the number of instructions executed so far each time the program is about to execute
 * one of a list of addresses (markers).
 *
 * Arguments: out=FILE, and for the markers at=HEX (one address) or at=HEX-HEX (first to last). FILE receives pairs of 64-bit words of the host: marker,
 * instructions. Exact for one core: a block of code counts when it is entered, and a marker in the middle of it
 * takes off what of the block is still to come. (A fault in mid-block would count the rest of its block.)
 *
 * QEMU's plugin header is packaged nowhere; these are the declarations in use. MICROGEN_PLUGIN_API is 1 up to
 * QEMU 8.2, 2 from QEMU 9.0 on, where counters live in scoreboards. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*udata_cb)(unsigned int cpu, void *data);
typedef void (*atexit_cb)(qemu_plugin_id_t id, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb callback);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, atexit_cb callback, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, udata_cb callback,
                                            enum qemu_plugin_cb_flags flags, void *data);

#if MICROGEN_PLUGIN_API == 1
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, enum qemu_plugin_op op, void *counter,
                                              uint64_t addend);

static uint64_t executed;

static void count_block(struct qemu_plugin_tb *tb, size_t instructions)
{
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &executed, instructions);
}

static uint64_t count_so_far(unsigned int cpu)
{
    (void)cpu;
    return executed;
}

static void count_prepare(void)
{
}
#else
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;

struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int cpu);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, enum qemu_plugin_op op,
                                                       qemu_plugin_u64 entry, uint64_t addend);

static qemu_plugin_u64 executed;

static void count_block(struct qemu_plugin_tb *tb, size_t instructions)
{
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, executed, instructions);
}

static uint64_t count_so_far(unsigned int cpu)
{
    return qemu_plugin_u64_get(executed, cpu);
}

static void count_prepare(void)
{
    executed.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
}
#endif

EXPORT int qemu_plugin_version = MICROGEN_PLUGIN_API;

/* One for each translation of a marker; they live as long as the emulator, as translated code does. */
struct marker {
    uint64_t address;
    uint64_t to_come; /* instructions of the block from the marker on */
};

/* Addresses from first to last. */
struct range {
    uint64_t first;
    uint64_t last;
};

static struct range *ranges;
static size_t range_count;
static FILE *log_file;

static void on_marker(unsigned int cpu, void *data)
{
    const struct marker *marker = data;
    const uint64_t record[2] = {marker->address, count_so_far(cpu) - marker->to_come};
    fwrite(record, sizeof record, 1, log_file);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    const size_t instructions = qemu_plugin_tb_n_insns(tb);
    count_block(tb, instructions);
    for (size_t i = 0; i < instructions; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        for (size_t k = 0; k < range_count; k++) {
            if (ranges[k].first <= address && address <= ranges[k].last) {
                struct marker *marker = malloc(sizeof *marker);
                if (marker == NULL) {
                    abort();
                }
                marker->address = address;
                marker->to_come = instructions - i;
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_NO_REGS, marker);
                break;
            }
        }
    }
}

static void on_exit_of_emulator(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fflush(log_file);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    ranges = calloc((size_t)argc + 1, sizeof *ranges);
    if (ranges == NULL) {
        return 1;
    }
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            log_file = fopen(argv[i] + 4, "wb");
        } else if (strncmp(argv[i], "at=", 3) == 0) {
            char *end;
            struct range *range = &ranges[range_count++];
            range->first = strtoull(argv[i] + 3, &end, 16);
            range->last = *end == '-' ? strtoull(end + 1, NULL, 16) : range->first;
        } else {
            fprintf(stderr, "count_plugin: unknown argument %s\n", argv[i]);
            return 1;
        }
    }
    if (log_file == NULL) {
        fprintf(stderr, "count_plugin: no log file\n");
        return 1;
    }
    count_prepare();
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_of_emulator, NULL);
    return 0;
}
