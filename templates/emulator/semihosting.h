/* Arm semihosting: files of the host, console and exit, for firmware that runs in an emulator or under a
 * debugger. Without either of them a call stops the core. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stddef.h>

/* Modes of semihost_open, as the semihosting specification numbers them. */
#define SEMIHOST_READ 1  /* "rb" */
#define SEMIHOST_WRITE 5 /* "wb" */

/* Opens a file of the host; a relative path starts in the emulator's folder. Returns a handle, -1 on failure. */
int semihost_open(const char *path, int mode);

/* Closes a handle. Returns 0 on success. */
int semihost_close(int handle);

/* Length of an open file in bytes, -1 on failure. */
long semihost_length(int handle);

/* Sets the position from the start of the file. Returns 0 on success. */
int semihost_seek(int handle, size_t position);

/* Transfer up to `bytes` bytes in blocks as large as the host allows: give whole arrays, not single values.
 * Return the number of bytes moved, fewer than asked for only at the end of the file or on failure. */
size_t semihost_read(int handle, void *data, size_t bytes);
size_t semihost_write(int handle, const void *data, size_t bytes);

/* Prints text on the emulator's console. */
void semihost_puts(const char *text);

/* Copies the command line (the arguments joined by spaces) with its final zero. Returns 0, -1 if it is too long. */
int semihost_cmdline(char *text, size_t bytes);

/* Ends the emulator, whose exit status becomes `code` (0 to 255). */
_Noreturn void semihost_exit(int code);

#endif
