/* Memory of devices as objects (UVM-API.md 6.3). */
#ifndef _UVM_UVM_DEVICE_H_
#define _UVM_UVM_DEVICE_H_

#include <uvm/uvm_object.h>

#define UDV_NOADDR (~(paddr_t)0)

/*
 * Where byte off of a device lies, off page-aligned.
 * => physical address, PMAP_NOCACHE, PMAP_WC or PMAP_DEVICE or-ed in; or
 *    UDV_NOADDR: it may not be mapped with these rights
 * => the answer for an offset never changes; any context
 */
typedef paddr_t udv_mmap_t(dev_t dev, voff_t off, vm_prot_t prot);

extern const struct uvm_pagerops uvm_deviceops;

/*
 * The object of a device: all its mappings share one.
 * => referenced, or NULL: part of [off, off + size) may not be mapped with
 *    prot; may sleep
 */
struct uvm_object *udv_attach(
    dev_t dev, udv_mmap_t *mmap, vm_prot_t prot, voff_t off, vsize_t size);

#endif
