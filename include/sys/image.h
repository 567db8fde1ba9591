/* The kernel image, from the linker script; page-aligned. */
#ifndef _SYS_IMAGE_H_
#define _SYS_IMAGE_H_

extern char __kernel_start[], __text_end[], __rodata_start[], __rodata_end[],
    __data_start[], __kernel_end[];

#endif
