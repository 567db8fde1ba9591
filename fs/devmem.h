/* The memory devices, for devfs. */
#ifndef _FS_DEVMEM_H_
#define _FS_DEVMEM_H_

#include <uvm/uvm_device.h>

struct fileops;

extern const struct fileops mem_fileops, kmem_fileops;
/*
 * The udv_mmap_t of /dev/mem.
 * => registers of devices, and memory the kernel was told not to use; anything
 *    else, and to be executed: UDV_NOADDR
 */
paddr_t mem_mmap(dev_t dev, voff_t off, vm_prot_t prot);

#endif
