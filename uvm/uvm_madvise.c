/* madvise, by the Linux and by the BSD meaning of the advice. */
#include <sys/syscall.h>
#include <uvm/uvm.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_mman.h>

#define BSD_WILLNEED   3
#define BSD_DONTNEED   4
#define BSD_SPACEAVAIL 5
#define BSD_FREE       6

static inline vm_map_t
curmap(struct proc *p)
{
	return &p->p_vmspace->vm_map;
}

/* An operation on one entry's part of the range; map write-locked. */
typedef int advise_fn(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end, int arg);

/*
 * Call fn for every mapped part of the range.
 * => unlocked; first error ends it; ENOMEM after the last part if there was a
 *    gap
 */
static int
advise_range(vm_map_t map, vaddr_t start, vaddr_t end, advise_fn *fn, int arg)
{
	struct vm_map_entry *e;
	vaddr_t to;
	bool covered;
	int error = 0;

	vm_map_lock(map);
	covered = uvm_map_covered(map, start, end);
	while (error == 0 && start < end) {
		/* Looked up anew: fn may have clipped the last one. */
		e = uvm_map_first(map, start);
		if (e == &map->vm_head || e->start >= end)
			break;
		start = MAX(start, e->start);
		to = MIN(end, e->end);
		error = fn(map, e, start, to, arg);
		start = to;
	}
	vm_map_unlock(map);
	return error == 0 && !covered ? ENOMEM : error;
}

/* DONTNEED, FREE: private memory is zero (or the file's) at the next touch. */
static int
advise_discard(vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end,
    int anon_only)
{
	int error = uvm_map_gate(map, e, UVM_CHANGE_DISCARD, 0);

	if (error != 0)
		return error;
	if (VM_MAPENT_ISWIRED(e) || UVM_ET_ISSUBMAP(e))
		return EINVAL;
	if (anon_only && (UVM_ET_ISOBJ(e) || !UVM_ET_ISCOPYONWRITE(e)))
		return EINVAL;
	uvm_map_discard(map, e, start, end);
	return 0;
}

/* Pages of a shared mapping of anonymous memory, gone for everybody. */
static void
remove_anons(struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff + (u_int)atop(start - e->start);
	u_int stop = slot + (u_int)atop(end - start);
	struct vm_anon *anon;

	amap_lock_write(amap);
	for (; (anon = amap_next(amap, &slot, stop)) != NULL; slot++)
		if (anon->an_page != NULL)
			uvm_anon_unmap(anon);
	amap_discard(&e->aref, start - e->start, (u_int)atop(end - start));
	amap_unlock(amap);
}

/* REMOVE: a hole in what is shared. */
static int
advise_remove(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end, int arg)
{
	int error = uvm_map_gate(map, e, UVM_CHANGE_DISCARD, 0);

	if (error != 0)
		return error;
	if (VM_MAPENT_ISWIRED(e) || UVM_ET_ISCOPYONWRITE(e) ||
	    UVM_ET_ISSUBMAP(e))
		return EINVAL;
	if (!(e->max_protection & PROT_WRITE))
		return EACCES;
	if (e->aref.ar_amap != NULL)
		remove_anons(e, start, end);
	if (UVM_ET_ISOBJ(e)) {
		if (!UVM_OBJ_IS_AOBJ(e->object.uvm_obj))
			return EOPNOTSUPP;
		/* of what others use, too, PGO_FREE frees nothing */
		if (atomic_load(&e->object.uvm_obj->uo_refs) > 1)
			return EOPNOTSUPP;
		(void)uvm_map_flush(map, start, end, PGO_FREE);
	}
	return 0;
}

/* DONTFORK, DOFORK, WIPEONFORK, KEEPONFORK: what a child gets. */
static int
advise_inherit(vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end,
    int advice)
{
	bool private = UVM_ET_ISCOPYONWRITE(e);
	vm_inherit_t inherit = private ? MAP_INHERIT_COPY : MAP_INHERIT_SHARE;
	int error = uvm_map_gate(map, e, UVM_CHANGE_INHERIT, 0);

	if (error != 0)
		return error;
	if (advice == LINUX_MADV_DONTFORK)
		inherit = MAP_INHERIT_NONE;
	else if (advice == LINUX_MADV_WIPEONFORK) {
		if (!private || UVM_ET_ISOBJ(e))
			return EINVAL;
		inherit = MAP_INHERIT_ZERO;
	}
	uvm_map_clip_start(map, e, start);
	uvm_map_clip_end(map, e, end);
	e->inheritance = inherit;
	return 0;
}

/* DONTDUMP, DODUMP: is it in core files? */
static int
advise_dump(vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end,
    int advice)
{
	uvm_map_clip_start(map, e, start);
	uvm_map_clip_end(map, e, end);
	if (advice == LINUX_MADV_DONTDUMP)
		e->me_flags |= ME_NODUMP;
	else
		e->me_flags &= (uint8_t)~ME_NODUMP;
	return 0;
}

/* Only whether it is mapped. */
static int
advise_nothing(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end, int arg)
{
	return 0;
}

/* madvise(2): EFAULT is for what would be SIGBUS, a gap is ENOMEM. */
static int
advise_populate(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access)
{
	switch (uvm_map_populate(map, start, end, access)) {
	case 0:
		return 0;
	case EIO:
		return MUTANT(POPULATE_BUS_IS_EIO) ? EIO : EFAULT;
	case EACCES:
		return EINVAL;
	default:
		return ENOMEM;
	}
}

static int
advise_access(vm_map_t map, vaddr_t start, vaddr_t end, int advice)
{
	int error = uvm_map_advice(map, start, end, advice);

	return error ? error : advise_range(map, start, end, advise_nothing, 0);
}

static int
linux_advice(vm_map_t map, vaddr_t start, vaddr_t end, int advice)
{
	int error;

	switch (advice) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
		return advise_access(map, start, end, advice);
	case LINUX_MADV_DONTNEED:
		return advise_range(map, start, end, advise_discard, 0);
	case LINUX_MADV_FREE:
		return advise_range(map, start, end, advise_discard, 1);
	case LINUX_MADV_REMOVE:
		return advise_range(map, start, end, advise_remove, 0);
	case LINUX_MADV_DONTFORK:
	case LINUX_MADV_DOFORK:
	case LINUX_MADV_WIPEONFORK:
	case LINUX_MADV_KEEPONFORK:
		return advise_range(map, start, end, advise_inherit, advice);
	case LINUX_MADV_DONTDUMP:
	case LINUX_MADV_DODUMP:
		return advise_range(map, start, end, advise_dump, advice);
	case LINUX_MADV_PAGEOUT:
		return uvm_map_pageout(map, start, end);
	case LINUX_MADV_COLD:
		error = uvm_map_clean(map, start, end, PGO_DEACTIVATE);
		return error == EFAULT ? ENOMEM : error;
	case LINUX_MADV_POPULATE_READ:
		return advise_populate(map, start, end, PROT_READ);
	case LINUX_MADV_POPULATE_WRITE:
		return advise_populate(map, start, end, PROT_READ | PROT_WRITE);
	case LINUX_MADV_WILLNEED:
		return uvm_map_fetch(map, start, end);
	default:
		/* there are no huge pages */
		KASSERT(advice == LINUX_MADV_HUGEPAGE ||
		    advice == LINUX_MADV_NOHUGEPAGE);
		return advise_range(map, start, end, advise_nothing, 0);
	}
}

static bool
linux_advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= LINUX_MADV_DONTNEED) ||
	    (advice >= LINUX_MADV_FREE && advice <= LINUX_MADV_DOFORK) ||
	    (advice >= LINUX_MADV_HUGEPAGE &&
		advice <= LINUX_MADV_POPULATE_WRITE);
}

/*
 * madvise(addr, len, advice)
 * => EINVAL: arguments, wired memory; ENOMEM: a gap; EACCES, EPERM
 */
int
sys_madvise(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int advice = (int)a[2];
	vaddr_t start, end;

	if ((a[0] & PAGE_MASK) != 0 || !linux_advice_known(advice) ||
	    !user_range(a[0], a[1], &start, &end))
		return EINVAL;
	if (start == end)
		return 0;
	return linux_advice(curmap(p), start, end, advice);
}

/*
 * bsd_madvise(addr, len, advice): DONTNEED keeps the data.
 * => EINVAL; EFAULT: a hole, with DONTNEED and FREE; EPERM
 */
int
sys_bsd_madvise(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end;

	if (!user_range(a[0], a[1], &start, &end))
		return EINVAL;
	switch ((int)a[2]) {
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
		return uvm_map_advice(curmap(p), start, end, (int)a[2]);
	case BSD_WILLNEED:
		(void)uvm_map_fetch(curmap(p), start, end);
		return 0;
	case BSD_SPACEAVAIL:
		return 0;
	case BSD_DONTNEED:
		return uvm_map_clean(curmap(p), start, end, PGO_DEACTIVATE);
	case BSD_FREE:
		return uvm_map_clean(curmap(p), start, end, PGO_FREE);
	default:
		return EINVAL;
	}
}
