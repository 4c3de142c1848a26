/* Stand-in for Zephyr's header. */
#ifndef STUB_ZEPHYR_SYS_PRINTK_H
#define STUB_ZEPHYR_SYS_PRINTK_H

__attribute__((format(printf, 1, 2))) void printk(const char *format, ...);

#endif
