/* printk on the console of the emulator: %s and plain text. */
#include <stdarg.h>

#include <zephyr/sys/printk.h>

#include "semihosting.h"

void printk(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (; *format != '\0'; format++) {
        if (format[0] == '%' && format[1] == 's') {
            semihost_puts(va_arg(arguments, const char *));
            format++;
        } else {
            const char text[2] = {*format, '\0'};
            semihost_puts(text);
        }
    }
    va_end(arguments);
}
