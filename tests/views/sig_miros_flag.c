/* The same view, chosen by the compiler's options. */
#define UVM_VIEW_MIROS
#include <sys/param.h>
#include <uvm/uvm.h>
#include "views.h"

SIG(uvm_km_alloc1, vaddr_t, (vm_map_t, vsize_t, boolean_t));
SIG(uvm_km_alloc, vaddr_t, (vm_map_t, vsize_t));
CTASSERT(KERN_NO_SPACE == 3);
