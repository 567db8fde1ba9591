/*
 * Map entry passing: a range of address space moves to another map, or is
 * shared with it, by its entries; no byte is copied.
 *
 * Both maps stay locked from the first look to the last link, so a plan that
 * fails leaves nothing behind.
 */
#include <uvm/uvm.h>

/* All members belong to the calling thread. */
struct passing {
	vm_map_t src, dst; /* [thread] */
	vaddr_t start, end; /* [thread] in src */
	vaddr_t to; /* [thread] in dst, of start */
	int flags; /* [thread] UVM_EXTRACT_* */
	struct uvm_mapent_chain chain; /* [thread] entries for dst */
};

/* Which of two maps is locked first: lock rank, then address. */
static bool
locked_first(vm_map_t a, vm_map_t b)
{
	if (a->vm_lock.rwl_rank != b->vm_lock.rwl_rank)
		return a->vm_lock.rwl_rank < b->vm_lock.rwl_rank;
	return a < b;
}

/*
 * A busy map is flushed by somebody who may wait for a page that a fault keeps
 * busy, which may wait for the first map: so nobody waits for it with that.
 * => first is write-locked; TRUE: both are; FALSE: none is
 */
static bool
lock_second(vm_map_t first, vm_map_t second)
{
	if (second->flags & VM_MAP_INTRSAFE) {
		vm_map_lock(second);
		return true;
	}
	rw_enter_write(&second->vm_lock);
	if (!(second->flags & VM_MAP_BUSY) || second->vm_busy == curproc) {
		second->timestamp++;
		return true;
	}
	if (!MUTANT(EXTRACT_WAITS_LOCKED))
		vm_map_unlock(first);
	vm_map_wait_busy(second);
	if (MUTANT(EXTRACT_WAITS_LOCKED))
		return true;
	vm_map_unlock(second);
	return false;
}

static void
lock_both(vm_map_t a, vm_map_t b)
{
	vm_map_t first = a, second = b;

	if (a != b && !locked_first(a, b) && !MUTANT(EXTRACT_LOCK_ORDER)) {
		first = b;
		second = a;
	}
	do {
		vm_map_lock(first);
	} while (a != b && !lock_second(first, second));
}

static void
unlock_both(vm_map_t a, vm_map_t b)
{
	vm_map_unlock(a);
	if (a != b)
		vm_map_unlock(b);
}

/* Is the source as the caller wants it, and may it be changed so? */
static int
check_source(struct passing *ps)
{
	struct vm_map_entry *e;
	bool any = false;
	int error = 0;

	if ((ps->flags & UVM_EXTRACT_CONTIG) &&
	    !uvm_map_covered(ps->src, ps->start, ps->end))
		return EFAULT;
	for (e = uvm_map_first(ps->src, ps->start);
	     e != &ps->src->vm_head && e->start < ps->end && error == 0;
	     e = e->me_next) {
		if (UVM_ET_ISSUBMAP(e))
			return EINVAL;
		if (ps->flags & UVM_EXTRACT_REMOVE)
			error = uvm_map_gate(ps->src, e, UVM_CHANGE_UNMAP, 0);
		any |= !UVM_ET_ISHOLE(e);
	}
	return error == 0 && !any ? EFAULT : error;
}

static int
find_place(struct passing *ps, vaddr_t hint)
{
	vaddr_t min = vm_map_min(ps->dst), max = vm_map_max(ps->dst);
	bool topdown = (ps->dst->flags & VM_MAP_TOPDOWN) != 0;
	vsize_t size = ps->end - ps->start;

	if (hint > min && hint < max && !topdown &&
	    uvm_maptree_find(
		ps->dst, size, 0, trunc_page(hint), max, false, &ps->to))
		return 0;
	return uvm_maptree_find(ps->dst, size, 0, min, max, topdown, &ps->to)
	    ? 0
	    : ENOMEM;
}

/* Rights of the entry in the destination. */
static void
set_rights(struct passing *ps, struct vm_map_entry *e)
{
	if (vm_map_is_kernel(ps->dst)) {
		/* Kernel memory is never writable and executable. */
		e->max_protection &= (uint8_t)~PROT_EXEC;
		e->protection &= (uint8_t)~PROT_EXEC;
		e->me_flags |= ME_NOMERGE;
	}
	if (ps->flags & UVM_EXTRACT_FIXPROT)
		e->protection = e->max_protection;
}

/* -- Sharing ------------------------------------------------------------------------ */

/*
 * An entry for dst that shares the memory of [from, to) of e.
 * => src write-locked, e on it; *np: on no map, at the addresses it has in src,
 *    not wired
 * => 0, or ENOMEM
 */
int
uvm_mapent_share(vm_map_t src, struct vm_map_entry *e, vaddr_t from, vaddr_t to,
    vm_map_t dst, struct vm_map_entry **np)
{
	struct vm_map_entry *n;
	int error;

	/* What both sides write to has to be one amap. */
	if (UVM_ET_ISNEEDSCOPY(e) ||
	    (e->aref.ar_amap == NULL && !UVM_ET_ISOBJ(e))) {
		error = amap_copy(src, e, true, false, from, to);
		if (error != 0)
			return error;
	}
	n = uvm_mapent_alloc(dst, false);
	if (n == NULL)
		return ENOMEM;
	*n = *e;
	n->start = from;
	n->end = to;
	n->offset = UVM_ET_ISOBJ(e) ? e->offset + (voff_t)(from - e->start) : 0;
	n->wired_count = 0;
	n->me_flags &= ME_NODUMP;
	if (e->aref.ar_amap != NULL) {
		uvm_map_unshare_zero(src, e);
		if (!MUTANT(EXTRACT_WRONG_SLOT))
			n->aref.ar_pageoff += (uint32_t)atop(from - e->start);
		amap_ref(n->aref.ar_amap, n->aref.ar_pageoff,
		    (u_int)atop(to - from), AMAP_SHARED);
	}
	uvm_mapent_ref_object(n);
	*np = n;
	return 0;
}

/* The part of a source entry as an entry of the destination; or ENOMEM. */
static int
share_entry(struct passing *ps, struct vm_map_entry *e)
{
	vaddr_t from = MAX(e->start, ps->start), to = MIN(e->end, ps->end);
	struct vm_map_entry *n;
	int error;

	error = uvm_mapent_share(ps->src, e, from, to, ps->dst, &n);
	if (error != 0)
		return error;
	n->start = ps->to + (from - ps->start);
	n->end = n->start + (to - from);
	set_rights(ps, n);
	uvm_mapent_chain_add(&ps->chain, n);
	return 0;
}

static int
share_range(struct passing *ps)
{
	struct vm_map_entry *e;
	int error = 0;

	for (e = uvm_map_first(ps->src, ps->start);
	     e != &ps->src->vm_head && e->start < ps->end && error == 0;
	     e = e->me_next) {
		if (!UVM_ET_ISHOLE(e))
			error = share_entry(ps, e);
	}
	return error;
}

/* -- Moving ------------------------------------------------------------------------- */

static void
move_range(struct passing *ps)
{
	struct vm_map_entry *e, *next, *head = &ps->src->vm_head;

	e = uvm_map_first(ps->src, ps->start);
	uvm_map_clip_start(ps->src, e, ps->start);
	for (; e != head && e->start < ps->end; e = next) {
		uvm_map_clip_end(ps->src, e, ps->end);
		next = e->me_next;
		if (UVM_ET_ISHOLE(e))
			continue;
		if (!MUTANT(MOVE_STAYS_WIRED))
			uvm_mapent_unwire(ps->src, e);
		uvm_mapent_unlink(ps->src, e);
		e->start = ps->to + (e->start - ps->start);
		e->end = ps->to + (e->end - ps->start);
		e->me_flags &= ME_NODUMP | ME_STATIC;
		set_rights(ps, e);
		uvm_mapent_chain_add(&ps->chain, e);
	}
	if (!MUTANT(MOVE_LEAVES_MAPPED))
		pmap_remove(ps->src->pmap, ps->start, ps->end);
	pmap_update(ps->src->pmap);
}

static int
pass_range(struct passing *ps, vaddr_t hint)
{
	int error;

	error = check_source(ps);
	if (error == 0)
		error = find_place(ps, hint);
	if (error != 0)
		return error;
	if (ps->flags & UVM_EXTRACT_REMOVE)
		move_range(ps);
	else
		error = share_range(ps);
	if (error == 0)
		(void)uvm_mapent_chain_link(ps->dst, ps->to, &ps->chain);
	return error;
}

/*
 * Pass entries of [start, start + len) from src to dst.
 * => both maps unlocked, neither interrupt-safe; may sleep
 * => *dstaddrp: hint in, address out; flags UVM_EXTRACT_*: REMOVE moves,
 *    otherwise both maps share the memory; FIXPROT: protection becomes the
 *    maximum; QREF: a short-lived mapping of the kernel
 * => 0; EINVAL: flags, alignment, a submap; EFAULT: a hole (CONTIG), nothing
 *    mapped; ENOMEM; EPERM: REMOVE of immutable memory; nothing was changed
 */
int
uvm_map_extract(vm_map_t src, vaddr_t start, vsize_t len, vm_map_t dst,
    vaddr_t *dstaddrp, int flags)
{
	struct passing ps = { .src = src,
		.dst = dst,
		.start = start,
		.end = start + len,
		.flags = flags };
	int error;

	TRACE("uvm_map_extract", src, start);
	uvm_mapent_chain_init(&ps.chain);
	if ((start & PAGE_MASK) != 0 || len == 0 || (len & PAGE_MASK) != 0 ||
	    ps.end < start)
		return EINVAL;
	if ((flags & UVM_EXTRACT_REMOVE) &&
	    (flags & (UVM_EXTRACT_CONTIG | UVM_EXTRACT_QREF)))
		return EINVAL;
	if ((flags & UVM_EXTRACT_QREF) && !vm_map_is_kernel(dst))
		return EINVAL;
	if ((src->flags | dst->flags) & VM_MAP_INTRSAFE)
		return EINVAL;
	lock_both(src, dst);
	error = pass_range(&ps, *dstaddrp);
	unlock_both(src, dst);
	uvm_unmap_detach(ps.chain.mc_first);
	if (error == 0)
		*dstaddrp = ps.to;
	return error;
}
