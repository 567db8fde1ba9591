/*
 * Address spaces of processes: a map, a pmap and what the kernel knows of the
 * program's layout.
 */
#include <sys/pool.h>
#include <uvm/uvm.h>

static struct pool vmspace_pool; /* set up once by uvm_space_init */

/* => boot, from uvm_map_init */
void
uvm_space_init(void)
{
	pool_init(&vmspace_pool, sizeof(struct vmspace), 0, "vmspace");
}

/* What the machine cannot map is blocked. => vm known to nobody else */
static void
remove_map_holes(struct vmspace *vm)
{
	TRACE("pmap_remove_holes", vm, 0);
	pmap_remove_holes(vm);
}

/* Costs time by the size of the map: only where that is long anyway. */
static inline void
audit(vm_map_t map)
{
#ifdef DEBUG
	uvm_map_audit(map);
#endif
}

/* -- Life ----------------------------------------------------------------------- */

/*
 * => empty address space over [min, max), one reference; never NULL, may sleep
 * => remove_holes: ranges the machine cannot map are blocked
 */
struct vmspace *
uvmspace_alloc(
    vaddr_t min, vaddr_t max, boolean_t pageable, boolean_t remove_holes)
{
	struct vmspace *vm = pool_get(&vmspace_pool, PR_WAITOK | PR_ZERO);

	uvm_map_setup(&vm->vm_map, pmap_create(), min, max,
	    VM_MAP_ISVMSPACE | (pageable ? VM_MAP_PAGEABLE : 0));
	rw_init(&vm->vm_brklock, LR_PROCESS, "brk");
	vm->vm_refcnt = 1;
	if (remove_holes)
		remove_map_holes(vm);
	return vm;
}

/* => adds a reference; any context that knows vm cannot go away */
static void
uvmspace_ref(struct vmspace *vm)
{
	atomic_add(&vm->vm_refcnt, 1);
}

/*
 * Drop a reference; the last one frees everything.
 * => no lock; may sleep; the last one: vm is in no hart's satp
 */
void
uvmspace_free(struct vmspace *vm)
{
	struct vm_map_entry *dead = NULL;
	vm_map_t map = &vm->vm_map;
	int old;

	old = atomic_sub_acq_rel(&vm->vm_refcnt, 1);
	if (old > 1)
		return;
	if (old != 1)
		panic("uvmspace_free: %p has no reference", (void *)vm);
	audit(map);
	vm_map_lock(map);
	uvm_unmap_all(map, &dead);
	vm_map_unlock(map);
	uvm_unmap_detach(dead);
	/* whoever takes mappings away holds a lock that detaching took, or this */
	mtx_enter(&uvm.pageqlock);
	mtx_leave(&uvm.pageqlock);
	pmap_destroy(map->pmap);
	pool_put(&vmspace_pool, vm);
}

/* => pr's address space with one more reference; pr keeps its own meanwhile */
struct vmspace *
uvmspace_share(struct process *pr)
{
	uvmspace_ref(pr->ps_vmspace);
	return pr->ps_vmspace;
}

/*
 * Address space of some process, for a look from outside.
 * => referenced, or NULL: it is exiting or a kernel process
 */
struct vmspace *
uvmspace_hold(struct process *pr)
{
	struct vmspace *vm;

	rw_enter_read(&pr->ps_lock);
	vm = pr->ps_vmspace;
	if (vm != NULL && !MUTANT(HOLD_NO_REF))
		uvmspace_ref(vm);
	rw_exit(&pr->ps_lock);
	return vm;
}

/* p (the only thread of its process) gets another address space. */
static void
replace(struct proc *p, struct vmspace *vm)
{
	struct vmspace *old = p->p_vmspace;

	pmap_deactivate(p);
	rw_enter_write(&p->p_p->ps_lock);
	p->p_vmspace = p->p_p->ps_vmspace = vm;
	rw_exit(&p->p_p->ps_lock);
	pmap_activate(p);
	uvmspace_free(old);
}

/* => p runs alone in its process; no lock; may sleep */
void
uvmspace_unshare(struct proc *p)
{
	if (atomic_load_acq(&p->p_vmspace->vm_refcnt) == 1)
		return;
	replace(p, uvmspace_fork_vm(p->p_vmspace));
}

/* -- Exec ------------------------------------------------------------------------- */

/* Empty vm in place: a new program with nothing of the old one. */
static void
recycle(struct vmspace *vm, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *dead = NULL;
	vm_map_t map = &vm->vm_map;

	vm_map_lock(map);
	atomic_and(&map->flags, ~(uint32_t)VM_MAP_WIREFUTURE);
	uvm_unmap_all(map, &dead);
	uvm_map_setbounds(map, start, end);
	vm_map_unlock(map);
	uvm_unmap_detach(dead);

	vm->vm_tsize = vm->vm_dsize = vm->vm_ssize = 0;
	vm->vm_taddr = vm->vm_daddr = 0;
	vm->vm_maxsaddr = vm->vm_minsaddr = 0;
	vm->vm_brkbase = vm->vm_brk = 0;
	vm->vm_sigcode = 0;
	vm->vm_argaddr = vm->vm_arglen = 0;
	vm->vm_auxaddr = vm->vm_auxlen = 0;
	remove_map_holes(vm);
}

/*
 * => p runs alone in its process; ps_lock not held; all user mappings are gone
 *    afterwards, bounds [start, end), nothing is wired in future
 */
void
uvmspace_exec(struct proc *p, vaddr_t start, vaddr_t end)
{
	struct vmspace *vm = p->p_vmspace;

	if (vm != NULL && atomic_load_acq(&vm->vm_refcnt) == 1) {
		pmap_unuse_final(p);
		recycle(vm, start, end);
	} else if (vm != NULL) {
		replace(p,
		    uvmspace_alloc(start, end,
			(vm->vm_map.flags & VM_MAP_PAGEABLE) != 0, TRUE));
	} else {
		/* The first program of a process made by the kernel. */
		vm = uvmspace_alloc(start, end, TRUE, TRUE);
		rw_enter_write(&p->p_p->ps_lock);
		p->p_vmspace = p->p_p->ps_vmspace = vm;
		rw_exit(&p->p_p->ps_lock);
		pmap_activate(p);
	}
	uvm_map_set_seed(&p->p_vmspace->vm_map, 0);
}

/* -- Fork ------------------------------------------------------------------------- */

/*
 * A child's entry that says what the parent's says; not yet on its map.
 * => may sleep; NULL: no memory, and the process is being killed, so that the
 *    child will not run
 */
static struct vm_map_entry *
clone_entry(vm_map_t child, const struct vm_map_entry *e)
{
	struct vm_map_entry *n;

	while ((n = uvm_mapent_alloc(child, true)) == NULL)
		if (uvm_wait_killed("fork"))
			return NULL;
	*n = *e;
	n->wired_count = 0;
	n->me_flags &= (uint8_t)~ME_STATIC;
	return n;
}

/* Both write to the same memory. */
static struct vm_map_entry *
fork_share(vm_map_t parent, vm_map_t child, struct vm_map_entry *e)
{
	struct vm_map_entry *n;

	if (UVM_ET_ISNEEDSCOPY(e) ||
	    (e->aref.ar_amap == NULL && !UVM_ET_ISOBJ(e) && !UVM_ET_ISHOLE(e)))
		if (amap_copy(parent, e, true, false, 0, 0) != 0)
			return NULL;
	n = clone_entry(child, e);
	if (n == NULL)
		return NULL;
	if (n->aref.ar_amap != NULL) {
		uvm_map_unshare_zero(parent, e);
		amap_ref(n->aref.ar_amap, n->aref.ar_pageoff,
		    (u_int)atop(n->end - n->start),
		    MUTANT(FORK_SHARE_NO_FLAG) ? 0 : AMAP_SHARED);
	}
	uvm_mapent_ref_object(n);
	return n;
}

/*
 * The parent's side of a copy: what it has must not change under the child.
 * An entry that needs a copy already was write-protected when it came to.
 */
static void
fork_protect(vm_map_t parent, struct vm_map_entry *e)
{
	if (UVM_ET_ISNEEDSCOPY(e))
		return;
	if (!MUTANT(FORK_PARENT_NO_NEEDSCOPY))
		e->etype |= UVM_ET_NEEDSCOPY | UVM_ET_COPYONWRITE;
	if ((e->max_protection & PROT_WRITE) && !MUTANT(FORK_NO_PROTECT))
		pmap_protect(parent->pmap, e->start, e->end,
		    e->protection & ~PROT_WRITE);
}

/* => does another map write to the entry's memory without copying it? */
static bool
fork_is_shared(const struct vm_map_entry *e)
{
	struct vm_amap *amap = e->aref.ar_amap;
	bool shared;

	if (__predict_true((amap->am_flags & AMAP_SHARED) == 0))
		return false;
	amap_lock_read(amap);
	shared = uvm_map_amap_shared(e, e->start, e->end);
	amap_unlock(amap);
	return shared;
}

static inline void
fork_ref_amap(struct vm_map_entry *n, int flags)
{
	amap_ref(n->aref.ar_amap, n->aref.ar_pageoff,
	    (u_int)atop(n->end - n->start), flags);
}

/* Each gets its own copy of what it writes to. */
static struct vm_map_entry *
fork_copy(vm_map_t parent, vm_map_t child, struct vm_map_entry *e)
{
	struct vm_map_entry *n = clone_entry(child, e);
	struct vm_amap *amap = e->aref.ar_amap;
	bool shared;

	if (n == NULL)
		return NULL;
	if (!MUTANT(FORK_NO_OBJ_REF))
		uvm_mapent_ref_object(n);
	if (UVM_ET_ISHOLE(n))
		return n;
	n->etype |= UVM_ET_NEEDSCOPY | UVM_ET_COPYONWRITE;
	if (amap == NULL)
		return n;
	shared = fork_is_shared(e) && !MUTANT(FORK_SHARED_COW);
	if (shared || (VM_MAPENT_ISWIRED(e) && !MUTANT(FORK_WIRED_COW))) {
		/*
		 * The parent's entry stays as it is: copy the slots now.  Of
		 * a shared amap amap_copy() protects the pages; those that
		 * are wired, here or by whom it is shared with, are copied.
		 * Those may go meanwhile, so it is shared by us too.
		 */
		fork_ref_amap(
		    n, shared && !MUTANT(FORK_SHARER_GONE) ? AMAP_SHARED : 0);
		if (amap_copy(child, n, true, false, 0, 0) == 0 &&
		    !MUTANT(FORK_NO_COW_NOW))
			amap_cow_now(child, n);
	} else {
		if (!MUTANT(FORK_NO_AMAP_REF))
			fork_ref_amap(n, 0);
		fork_protect(parent, e);
	}
	return n;
}

/* Empty memory of the same size. */
static struct vm_map_entry *
fork_zero(vm_map_t child, struct vm_map_entry *e)
{
	struct vm_map_entry *n = clone_entry(child, e);

	if (n == NULL || UVM_ET_ISHOLE(e))
		return n;
	n->object.uvm_obj = NULL;
	n->offset = 0;
	n->aref.ar_amap = NULL;
	n->aref.ar_pageoff = 0;
	n->etype = UVM_ET_COPYONWRITE | UVM_ET_NEEDSCOPY;
	return n;
}

/*
 * The child's entry by the parent's inheritance, or NULL: it gets none, or the
 * parent is being killed.
 */
static struct vm_map_entry *
fork_entry(vm_map_t parent, vm_map_t child, struct vm_map_entry *e)
{
	if (UVM_ET_ISSUBMAP(e))
		panic("uvmspace_fork: submap at %#lx", e->start);
	switch (e->inheritance) {
	case MAP_INHERIT_SHARE:
		return fork_share(parent, child, e);
	case MAP_INHERIT_COPY:
		return fork_copy(parent, child, e);
	case MAP_INHERIT_ZERO:
		return MUTANT(FORK_ZERO_COPIES) ? fork_copy(parent, child, e)
						: fork_zero(child, e);
	default:
		return NULL;
	}
}

/* => parent write-locked, child known to nobody: entries come in order */
static void
fork_entries(vm_map_t parent, vm_map_t child)
{
	struct vm_map_entry *e, *n, *head = &child->vm_head, *last = head;

	VM_MAP_FOREACH (e, parent) {
		n = fork_entry(parent, child, e);
		if (n == NULL && e->inheritance != MAP_INHERIT_NONE)
			break; /* being killed */
		if (n == NULL)
			continue;
		n->me_prev = last;
		last->me_next = n;
		last = n;
		child->nentries++;
		if (!UVM_ET_ISHOLE(n))
			child->size += n->end - n->start;
	}
	last->me_next = head;
	head->me_prev = last;
	uvm_maptree_build(child);
}

/* => locks the map of vm1; may sleep; new address space, one reference */
struct vmspace *
uvmspace_fork_vm(struct vmspace *vm1)
{
	vm_map_t parent = &vm1->vm_map, child;
	struct vmspace *vm2;

	vm2 = uvmspace_alloc(vm_map_min(parent), vm_map_max(parent),
	    (parent->flags & VM_MAP_PAGEABLE) != 0, FALSE);
	child = &vm2->vm_map;
	vm_map_lock(parent);
	child->vm_seed = parent->vm_seed;
	child->vm_base = parent->vm_base;
	fork_entries(parent, child);
	pmap_update(parent->pmap);
	vm2->vm_tsize = vm1->vm_tsize;
	vm2->vm_dsize = vm1->vm_dsize;
	vm2->vm_ssize = vm1->vm_ssize;
	vm2->vm_taddr = vm1->vm_taddr;
	vm2->vm_daddr = vm1->vm_daddr;
	vm2->vm_maxsaddr = vm1->vm_maxsaddr;
	vm2->vm_minsaddr = vm1->vm_minsaddr;
	vm2->vm_brkbase = vm1->vm_brkbase;
	vm2->vm_brk = vm1->vm_brk;
	vm2->vm_sigcode = vm1->vm_sigcode;
	vm2->vm_argaddr = vm1->vm_argaddr;
	vm2->vm_arglen = vm1->vm_arglen;
	vm2->vm_auxaddr = vm1->vm_auxaddr;
	vm2->vm_auxlen = vm1->vm_auxlen;
	vm_map_unlock(parent);
	audit(parent);
	audit(child);
	pmap_fork(parent->pmap, child->pmap);
	return vm2;
}

/* => as above, of a process */
struct vmspace *
uvmspace_fork(struct process *pr)
{
	return uvmspace_fork_vm(pr->ps_vmspace);
}
