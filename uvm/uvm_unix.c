/* brk and the stack: what Unix asks of an address space. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <uvm/uvm.h>
#include <uvm/uvm_mman.h>

/*
 * Move the break up or down.
 * => vm_brklock held: the calls come one after the other
 */
static int
brk_resize(struct proc *p, struct vmspace *vm, vaddr_t newbrk)
{
	vaddr_t from = round_page(vm->vm_brk), to = round_page(newbrk);
	int error = 0;

	if (to > from) {
		if (!uvm_size_allowed(p, to - from))
			return ENOMEM;
		if ((vm->vm_map.flags & VM_MAP_WIREFUTURE) &&
		    uvm_mlock_allowed(p, to - from) != 0)
			return EAGAIN;
		error = uvm_map(&vm->vm_map, &from, to - from, NULL,
		    UVM_UNKNOWN_OFFSET, 0,
		    UVM_MAPFLAG(PROT_READ | PROT_WRITE, PROT_MASK,
			MAP_INHERIT_COPY, MADV_NORMAL,
			UVM_FLAG_FIXED | UVM_FLAG_COPYONW | UVM_FLAG_AMAPPAD));
	} else if (to < from)
		error = uvm_unmap_user(&vm->vm_map, to, from);
	if (error == 0) {
		vm->vm_dsize += atop(to) - atop(round_page(vm->vm_brk));
		vm->vm_brk = newbrk;
	}
	return error;
}

/* brk(addr): the break as it is then, moved or not. */
int
sys_brk(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;
	struct vmspace *vm = p->p_vmspace;
	vaddr_t newbrk = a[0];

	rw_enter_write(&vm->vm_brklock);
	if (newbrk >= vm->vm_brkbase && newbrk < VM_MAXUSER_ADDRESS &&
	    newbrk - vm->vm_brkbase <= lim_cur(pr, RLIMIT_DATA))
		(void)brk_resize(p, vm, newbrk);
	*ret = (int64_t)vm->vm_brk;
	rw_exit(&vm->vm_brklock);
	return 0;
}

/*
 * The stack has been used down to sp.
 * => 1: it lies within the stack, whose size covers it now; 0: below it, or
 *    above RLIMIT_STACK
 * => no lock needed: only a race of the process's own threads could count low
 */
int
uvm_grow(struct proc *p, vaddr_t sp)
{
	struct vmspace *vm = p->p_vmspace;
	vsize_t pages;

	if (sp < vm->vm_maxsaddr || sp >= vm->vm_minsaddr)
		return 0;
	pages = atop(round_page(vm->vm_minsaddr - sp));
	if (pages <= vm->vm_ssize)
		return 1;
	if (ptoa(pages) > lim_cur(p->p_p, RLIMIT_STACK))
		return 0;
	vm->vm_ssize = pages;
	return 1;
}
