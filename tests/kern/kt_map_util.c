#include "kt_map.h"
#include <sys/pool.h>

int
ktm_map(struct vmspace *vm, int i, int j, vm_prot_t prot, int flags)
{
	vaddr_t va = KTF_VA(i);

	return uvm_map(&vm->vm_map, &va, ptoa(j - i), NULL, UVM_UNKNOWN_OFFSET,
	    0,
	    UVM_MAPFLAG(
		prot, UVM_PROT_RWX, UVM_INH_COPY, UVM_ADV_RANDOM, flags));
}

vaddr_t
ktm_kernel_area(int n)
{
	vaddr_t va = VM_MIN_KERNEL_ADDRESS + (4UL << 30);

	/* a page free on both sides: nothing can be merged with */
	if (uvm_map_query(
		kernel_map, &va, ptoa(n + 2), UVM_UNKNOWN_OFFSET, false) != 0)
		panic("ktm_kernel_area");
	return va + PAGE_SIZE;
}

int
ktm_entries(struct vmspace *vm)
{
	return vm->vm_map.nentries;
}

void
ktm_fill(struct vmspace *vm, int i, int j, uint64_t base)
{
	for (; i < j; i++)
		ktf_write(vm, i, base + (uint64_t)i);
}

bool
ktm_filled(struct vmspace *vm, int i, int j, uint64_t base)
{
	for (; i < j; i++)
		if (ktf_read(vm, i) != base + (uint64_t)i)
			return false;
	return true;
}

struct ktm_proc *
ktm_proc_make(struct vmspace *vm)
{
	struct ktm_proc *kp = kmem_zalloc(sizeof(*kp), PR_WAITOK);

	rw_init(&kp->kp_process.ps_lock, LR_PROCESS, "ktmproc");
	kp->kp_process.ps_limit = process0.ps_limit;
	kp->kp_process.ps_mainproc = &kp->kp_proc;
	kp->kp_process.ps_nthreads = 1;
	kp->kp_process.ps_vmspace = kp->kp_proc.p_vmspace = vm;
	kp->kp_proc.p_p = &kp->kp_process;
	return kp;
}

void
ktm_proc_free(struct ktm_proc *kp)
{
	kmem_free(kp, sizeof(*kp));
}
