/* What the test programs share. */
#ifndef APPLICATION_H
#define APPLICATION_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the project's first network once, by the names of its input and output; 0, or the number of the step that
 * failed. `input` and `output` have the bytes that the tensors have. */
int run_once(const char *input_name, const void *input, const char *output_name, void *output);

/* The flow of Micro's own example program: all inputs and outputs by handle, data behind each other. */
int run_all(const void *inputs, void *outputs);

#ifdef __cplusplus
}
#endif

#endif
