/* The memory devices, for devfs. */
#ifndef _FS_DEVMEM_H_
#define _FS_DEVMEM_H_

#include <uvm/uvm_device.h>

struct fileops;

extern const struct fileops mem_fileops, kmem_fileops;
/* => registers of devices, and memory the kernel was told not to use */
udv_mmap_t mem_mmap;

#endif
