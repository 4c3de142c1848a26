/* Runs an application in the emulator: input.bin holds the inputs of the first network, output.bin gets what run_once
 * and run_all make of them. INPUT_NAME, OUTPUT_NAME, INPUT_BYTES and OUTPUT_BYTES describe the network. */
#include <stdint.h>

#include "application.h"
#include "semihosting.h"

static uint8_t input[INPUT_BYTES];
static uint8_t output[OUTPUT_BYTES];

static void write(int file)
{
    if (semihost_write(file, output, sizeof output) != sizeof output) {
        semihost_exit(41);
    }
}

int main(void)
{
    const int in = semihost_open("input.bin", SEMIHOST_READ);
    const int out = semihost_open("output.bin", SEMIHOST_WRITE);
    if (in < 0 || out < 0 || semihost_read(in, input, sizeof input) != sizeof input) {
        return 40;
    }
    int failed = run_once(INPUT_NAME, input, OUTPUT_NAME, output);
    if (failed != 0) {
        return 50 + failed;
    }
    write(out);
    failed = run_all(input, output);
    if (failed != 0) {
        return 60 + failed;
    }
    write(out);
    (void)semihost_close(out);
    return 0;
}
