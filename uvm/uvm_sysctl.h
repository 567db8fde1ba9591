/* sysctl vm.* from within the kernel. */
#ifndef _UVM_UVM_SYSCTL_H_
#define _UVM_UVM_SYSCTL_H_

#include <sys/types.h>

/*
 * As uvm_sysctl() with a name of one component, as root, with kernel buffers.
 * => VM_UVM_MAPINFO and VM_UVM_PROCINFO: EOPNOTSUPP
 */
int uvm_sysctl_kern(
    int id, void *oldp, size_t *oldlenp, const void *newp, size_t newlen);

#endif
