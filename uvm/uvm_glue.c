/* Between UVM and the rest of the kernel: access checks, wiring for I/O. */
#include <sys/cons.h>
#include <sys/pool.h>
#include <uvm/uvm.h>
#include <uvm_bsd.h>

/* -- May it be accessed? ------------------------------------------------------------ */

static vm_prot_t
rw_to_prot(int rw)
{
	return rw == B_READ ? PROT_READ : PROT_WRITE;
}

/* Of a map and, where there are any, its submaps. => takes their locks */
static boolean_t
map_allows(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t prot)
{
	struct vm_map_entry *e;
	boolean_t ok = TRUE;
	vaddr_t to;

	vm_map_lock_read(map);
	for (e = uvm_map_first(map, start); ok && start < end;
	    start = to, e = e->me_next) {
		if (e == &map->vm_head || e->start > start) {
			ok = FALSE;
			break;
		}
		to = MIN(end, e->end);
		if (UVM_ET_ISSUBMAP(e))
			ok = map_allows(e->object.sub_map, start, to, prot);
		else
			ok = !UVM_ET_ISHOLE(e) &&
			    (e->protection & prot) == prot;
	}
	vm_map_unlock_read(map);
	return ok;
}

/* The direct map has no entries: what is mapped there may be accessed. */
static boolean_t
dmap_allows(vaddr_t start, vaddr_t end, vm_prot_t prot)
{
	vm_prot_t have;

	for (; start < end; start += PAGE_SIZE)
		if (!pmap_probe(pmap_kernel(), start, &have) ||
		    (have & prot) != prot)
			return FALSE;
	return TRUE;
}

/*
 * => may kernel addresses be read (B_READ) or written? takes map locks, no
 *    fault is taken
 */
boolean_t
uvm_kernacc(caddr_t addr, size_t len, int rw)
{
	vaddr_t start = trunc_page((vaddr_t)addr);
	vaddr_t end = (vaddr_t)addr + len;

	if (end < (vaddr_t)addr)
		return FALSE;
	end = round_page(end);
	if (VA_IS_DMAP(start))
		return dmap_allows(start, end, rw_to_prot(rw));
	return map_allows(kernel_map, start, end, rw_to_prot(rw));
}

/* => the same of the current process's addresses */
boolean_t
uvm_useracc(caddr_t addr, size_t len, int rw)
{
	vaddr_t start = trunc_page((vaddr_t)addr);
	vaddr_t end = (vaddr_t)addr + len;

	if (end < (vaddr_t)addr || end > VM_MAXUSER_ADDRESS)
		return FALSE;
	return map_allows(&curproc->p_vmspace->vm_map, start, round_page(end),
	    rw_to_prot(rw));
}

#ifdef KGDB
/*
 * Change the hardware protection of kernel pages at once: B_READ read-only,
 * else read/write; executable pages stay executable.
 * => debugger context; FALSE: not all mapped, nothing changed
 */
boolean_t
uvm_chgkprot(caddr_t addr, size_t len, int rw)
{
	return pmap_chgkprot(trunc_page((vaddr_t)addr),
	    round_page((vaddr_t)addr + len), rw != B_READ);
}
#endif

/* -- Wiring for I/O ------------------------------------------------------------------- */

/*
 * => pages of p's range stay where they are, and are private if access writes,
 *    until uvm_vsunlock() of the same range; may sleep
 * => 0; EINVAL: empty, wraps; the errno of a fault, nothing wired then
 */
int
uvm_vslock(struct proc *p, caddr_t addr, size_t len, vm_prot_t access_type)
{
	vaddr_t start = trunc_page((vaddr_t)addr);
	vaddr_t end = round_page((vaddr_t)addr + len);

	if (len == 0 || end <= start)
		return EINVAL;
	return uvm_fault_wire(&p->p_vmspace->vm_map, start, end, access_type);
}

void
uvm_vsunlock(struct proc *p, caddr_t addr, size_t len)
{
	uvm_fault_unwire(&p->p_vmspace->vm_map, trunc_page((vaddr_t)addr),
	    round_page((vaddr_t)addr + len));
}

/* -- fork (MirOS) ------------------------------------------------------------------------ */

/*
 * Give the new process p2 its address space, shared with p1 or a copy of it,
 * and let it start in func(arg) with `stack' as its user stack.
 * => p2 has a wired u-area and does not run; cannot fail, sleeps for memory
 */
void
uvm_fork(struct proc *p1, struct proc *p2, boolean_t shared, void *stack,
    size_t stacksize, void (*func)(void *arg), void *arg)
{
	KASSERT(p2->p_addr != NULL);
	p2->p_vmspace = shared ? uvmspace_share(p1->p_p) :
				 uvmspace_fork(p1->p_p);
	if (p2->p_p->ps_mainproc == p2)
		p2->p_p->ps_vmspace = p2->p_vmspace;
	cpu_fork_user(p1, p2, stack != NULL ? (vaddr_t)stack + stacksize : 0);
	cpu_thread_setup(p2, func, arg);
}

/* -- sysctl: what is mapped ---------------------------------------------------------------- */

static const char *
entry_name(struct vmspace *vm, struct vm_map_entry *e)
{
	if ((e->me_flags & ME_STACK) ||
	    (e->start >= vm->vm_maxsaddr && e->start < vm->vm_minsaddr))
		return "stack";
	if (e->start >= vm->vm_brkbase && e->start < round_page(vm->vm_brk))
		return "heap";
	if (e->start == vm->vm_sigcode)
		return "sigcode";
	return "";
}

static uint32_t
entry_type(struct vm_map_entry *e)
{
	if (UVM_ET_ISHOLE(e))
		return UVM_MI_HOLE;
	if (UVM_ET_ISSUBMAP(e))
		return UVM_MI_SUBMAP;
	if (!UVM_ET_ISOBJ(e))
		return UVM_MI_ANON;
	return UVM_ET_ISCOPYONWRITE(e) ? UVM_MI_FILE : UVM_MI_AOBJ;
}

static void
fill_info(struct vmspace *vm, struct vm_map_entry *e, struct uvm_mapinfo *mi)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot, end;
	struct vm_anon *anon;

	memset(mi, 0, sizeof(*mi));
	mi->start = e->start;
	mi->end = e->end;
	mi->offset = (uint64_t)e->offset;
	mi->prot = e->protection;
	mi->maxprot = e->max_protection;
	mi->inherit = e->inheritance;
	mi->advice = e->advice;
	mi->wired = e->wired_count;
	mi->type = entry_type(e);
	if (UVM_ET_ISNEEDSCOPY(e))
		mi->flags |= UVM_MI_F_NEEDSCOPY;
	strlcpy(mi->name, entry_name(vm, e), sizeof(mi->name));
	for (vaddr_t va = e->start; va < e->end; va += PAGE_SIZE)
		mi->resident += pmap_extract(vm->vm_map.pmap, va, NULL);
	if (amap == NULL)
		return;
	slot = e->aref.ar_pageoff;
	end = slot + (u_int)atop(e->end - e->start);
	amap_lock_read(amap);
	for (; (anon = amap_next(amap, &slot, end)) != NULL; slot++)
		mi->anon += anon->an_page != NULL;
	amap_unlock(amap);
}

/*
 * Describe vm's entries in an array of room; entries that came since it was
 * sized are left out.
 * => how many
 */
static size_t
map_snapshot(struct vmspace *vm, struct uvm_mapinfo *mi, size_t room)
{
	struct vm_map_entry *e;
	size_t n = 0;

	vm_map_lock_read(&vm->vm_map);
	VM_MAP_FOREACH (e, &vm->vm_map)
		if (n < room)
			fill_info(vm, e, &mi[n++]);
	vm_map_unlock_read(&vm->vm_map);
	return n;
}

int
uvm_map_sysctl_info(pid_t pid, void *oldp, size_t *oldlenp)
{
	struct uvm_mapinfo *mi;
	struct process *pr;
	struct vmspace *vm = NULL;
	size_t size, room;
	int error = 0;

	rw_enter_read(&proctree_lock);
	pr = pid == 0 ? curproc->p_p : prfind(pid);
	if (pr != NULL)
		vm = uvmspace_hold(pr);
	rw_exit(&proctree_lock);
	if (vm == NULL)
		return ESRCH;
	room = vm->vm_map.nentries + 8;
	mi = kmem_alloc(room * sizeof(*mi), PR_WAITOK);
	size = map_snapshot(vm, mi, room) * sizeof(*mi);
	if (oldp != NULL) {
		if (*oldlenp < size)
			error = ENOMEM;
		else
			error = copyout(mi, oldp, size);
	} else
		size = room * sizeof(*mi);
	*oldlenp = size;
	kmem_free(mi, room * sizeof(*mi));
	uvmspace_free(vm);
	return error;
}
