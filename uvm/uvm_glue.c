/* Between UVM and the rest of the kernel: access checks, wiring for I/O. */
#include <sys/cons.h>
#include <sys/pool.h>
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm_bsd.h>

/* -- May it be accessed? ------------------------------------------------------------ */

static vm_prot_t
rw_to_prot(int rw)
{
	return rw == B_READ ? PROT_READ : PROT_WRITE;
}

/*
 * One step through a map: the entry at *startp.
 * => takes the map's lock; *startp moves to the end of what was asked about;
 *    *submapp: the submap that has to be asked about that part, or NULL
 */
static boolean_t
entry_allows(vm_map_t map, vaddr_t *startp, vaddr_t end, vm_prot_t prot,
    vm_map_t *submapp)
{
	struct vm_map_entry *e;
	boolean_t ok;

	*submapp = NULL;
	vm_map_lock_read(map);
	ok = uvm_map_lookup_entry(map, *startp, &e);
	if (ok && UVM_ET_ISSUBMAP(e))
		*submapp = e->object.sub_map;
	else if (ok)
		ok = !UVM_ET_ISHOLE(e) && (e->protection & prot) == prot;
	if (ok)
		*startp = MIN(end, e->end);
	vm_map_unlock_read(map);
	return ok;
}

/*
 * Of a map and, where there are any, its submaps, one lock at a time: a submap
 * stays as long as the map that holds it.
 */
static boolean_t
map_allows(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t prot)
{
	vm_map_t submap;
	vaddr_t from;

	while (start < end) {
		from = start;
		if (!entry_allows(map, &start, end, prot, &submap))
			return FALSE;
		if (submap != NULL && !map_allows(submap, from, start, prot))
			return FALSE;
	}
	return TRUE;
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
 * => map locked, owners of the entry's pages write-locked
 * => a page that took the place of the locked one is left alone, wired by its
 *    entry or not
 */
static void
vsunlock_page(vm_map_t map, struct vm_map_entry *e, vaddr_t va)
{
	struct vm_page *pg = NULL;
	paddr_t pa;

	if (pmap_extract(vm_map_pmap(map), va, &pa))
		pg = PHYS_TO_VM_PAGE(pa);
	if (pg == NULL || pg->wire_count <= (VM_MAPENT_ISWIRED(e) ? 1 : 0))
		return;
	if (!VM_MAPENT_ISWIRED(e))
		(void)pmap_unwire(vm_map_pmap(map), va);
	uvm_pageunwire(pg);
}

/* => map locked; the part of the entry in [start, end) */
static void
vsunlock_entry(vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = e->aref.ar_amap;
	struct uvm_object *uobj = UVM_ET_ISOBJ(e) ? e->object.uvm_obj : NULL;

	if (amap != NULL)
		amap_lock_write(amap);
	if (uobj != NULL)
		rw_enter_write(&uobj->uo_lock);
	for (; start < end; start += PAGE_SIZE)
		vsunlock_page(map, e, start);
	if (uobj != NULL)
		rw_exit(&uobj->uo_lock);
	if (amap != NULL)
		amap_unlock(amap);
}

/* What other threads have unmapped meanwhile is passed over. */
static void
vsunlock_range(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;

	vm_map_lock_read(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next)
		vsunlock_entry(map, e, MAX(start, e->start), MIN(end, e->end));
	vm_map_unlock_read(map);
}

/*
 * => pages of p's range stay where they are, and are private if access writes,
 *    until uvm_vsunlock() of the same range; may sleep
 * => 0; EINVAL: empty, wraps; the errno of a fault, nothing wired then
 */
int
uvm_vslock(struct proc *p, caddr_t addr, size_t len, vm_prot_t access_type)
{
	vaddr_t start = trunc_page((vaddr_t)addr);
	vaddr_t end = round_page((vaddr_t)addr + len), done;
	vm_map_t map = &p->p_vmspace->vm_map;
	int error;

	if (len == 0 || end <= start)
		return EINVAL;
	error = uvm_fault_wire_part(map, start, end, access_type, &done);
	if (error != 0)
		vsunlock_range(map, start, done);
	return error;
}

/*
 * => undoes uvm_vslock() of the same range; may sleep
 * => what the process has unmapped since was unlocked by that
 */
void
uvm_vsunlock(struct proc *p, caddr_t addr, size_t len)
{
	vsunlock_range(&p->p_vmspace->vm_map, trunc_page((vaddr_t)addr),
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
	p2->p_vmspace =
	    shared ? uvmspace_share(p1->p_p) : uvmspace_fork(p1->p_p);
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
	struct uvm_object *uobj = e->object.uvm_obj;

	if (UVM_ET_ISHOLE(e))
		return UVM_MI_HOLE;
	if (UVM_ET_ISSUBMAP(e))
		return UVM_MI_SUBMAP;
	if (!UVM_ET_ISOBJ(e))
		return UVM_MI_ANON;
	if (uobj->pgops->pgo_fault != NULL)
		return UVM_MI_DEVICE;
	/* A private mapping of an object is one of a file. */
	return UVM_OBJ_IS_AOBJ(uobj) && !UVM_ET_ISCOPYONWRITE(e) ? UVM_MI_AOBJ
								 : UVM_MI_FILE;
}

static uint32_t
entry_flags(struct vm_map_entry *e)
{
	return (UVM_ET_ISNEEDSCOPY(e) ? UVM_MI_F_NEEDSCOPY : 0) |
	    (UVM_ET_ISCOPYONWRITE(e) ? UVM_MI_F_COPYONW : 0) |
	    ((e->me_flags & ME_IMMUTABLE) ? UVM_MI_F_IMMUTABLE : 0) |
	    ((e->me_flags & ME_STACK) ? UVM_MI_F_STACK : 0);
}

/* Pages of an entry's amap; time by pages, not by range. */
static void
count_anon(struct vm_map_entry *e, struct uvm_mapinfo *mi)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff;
	u_int end = slot + (u_int)atop(e->end - e->start);
	struct vm_anon *anon;

	if (amap == NULL)
		return;
	amap_lock_read(amap);
	for (; (anon = amap_next(amap, &slot, end)) != NULL; slot++) {
		if (anon->an_page != NULL)
			mi->anon++;
		else if (anon->an_swslot > 0)
			mi->swapped++;
	}
	amap_unlock(amap);
}

/* Pages of the part of its object that it maps. => those in memory */
static uint64_t
count_object(struct vm_map_entry *e, struct uvm_mapinfo *mi)
{
	struct uvm_object *uobj = e->object.uvm_obj;
	uint64_t first, index, end, n = 0;

	if (!UVM_ET_ISOBJ(e))
		return 0;
	first = index = atop((vaddr_t)e->offset);
	end = index + atop(e->end - e->start);
	rw_enter_read(&uobj->uo_lock);
	for (; uvm_pagetree_next(&uobj->uo_tree, &index) != NULL && index < end;
	     index++)
		n++;
	if (UVM_OBJ_IS_AOBJ(uobj))
		mi->swapped += uao_swapped(uobj, first, end);
	rw_exit(&uobj->uo_lock);
	return n;
}

static void
fill_info(struct vmspace *vm, struct vm_map_entry *e, struct uvm_mapinfo *mi)
{
	uint64_t resident;

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
	mi->flags = entry_flags(e);
	count_anon(e, mi);
	resident = mi->anon + count_object(e, mi);
	mi->resident = MIN(resident, atop(e->end - e->start));
	strlcpy(mi->name, entry_name(vm, e), sizeof(mi->name));
}

size_t
uvm_map_snapshot(struct vmspace *vm, struct uvm_mapinfo *mi, size_t room)
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

/*
 * Fill struct uvm_mapinfo[] at the user address oldp.
 * => no lock; pid 0: the caller; *oldlenp: room in bytes, then what it takes
 * => 0; ESRCH: no such process; ENOMEM: too little room; EFAULT
 */
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
	size = uvm_map_snapshot(vm, mi, room) * sizeof(*mi);
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
