/* System calls that wire memory, and ask whether it is resident. */
#include <sys/pool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <uvm/uvm.h>
#include <uvm/uvm_mman.h>

#define MINCORE_CHUNK 1024 /* pages looked at under one lock */

static inline vm_map_t
curmap(struct proc *p)
{
	return &p->p_vmspace->vm_map;
}

/* => bytes of the range that are wired already; map unlocked */
static vsize_t
wired_bytes(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	vsize_t n = 0;

	vm_map_lock_read(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next) {
		if (VM_MAPENT_ISWIRED(e))
			n += MIN(end, e->end) - MAX(start, e->start);
	}
	vm_map_unlock_read(map);
	return n;
}

/* => the limit of wired memory in bytes; none for the superuser */
static uint64_t
memlock_limit(struct proc *p)
{
	if (p->p_p->ps_cred == NULL || p->p_p->ps_cred->cr_uid == 0)
		return RLIM_INFINITY;
	return lim_cur(p->p_p, RLIMIT_MEMLOCK);
}

/*
 * May p wire len bytes more?
 * => no lock; 0; EPERM: it may wire nothing; ENOMEM: above its limit; EAGAIN:
 *    above the system's
 */
int
uvm_mlock_allowed(struct proc *p, vsize_t len)
{
	uint64_t limit = memlock_limit(p);
	vsize_t have;

	if (limit == 0)
		return EPERM;
	have = ptoa(pmap_wired_count(vm_map_pmap(curmap(p))));
	if (limit != RLIM_INFINITY && (len > limit || have > limit - len))
		return ENOMEM;
	if (atop(len) + (u_long)uvm_pageq_wired() > (u_long)uvmexp.wiredmax)
		return EAGAIN;
	return 0;
}

/* => what Linux's calls say of uvm_map_pageable()'s errors */
static int
wire_errno(int error)
{
	return error == EFAULT || error == EINVAL ? ENOMEM : error;
}

/* mlock(addr, len) => EINVAL: it wraps; ENOMEM: gap or limit; EAGAIN; EPERM */
int
sys_mlock(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end;
	int error;

	if (!user_range(a[0], a[1], &start, &end))
		return EINVAL;
	if (start == end)
		return 0;
	error = uvm_mlock_allowed(
	    p, end - start - wired_bytes(curmap(p), start, end));
	if (error == 0)
		error = wire_errno(
		    uvm_map_pageable(curmap(p), start, end, FALSE, 0));
	return error;
}

/* mlock2(addr, len, flags): ONFAULT wires at once, which is more than asked */
int
sys_mlock2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	if ((a[2] & ~(uint64_t)MLOCK_ONFAULT) != 0)
		return EINVAL;
	return sys_mlock(p, a, ret);
}

/* munlock(addr, len) => EINVAL: it wraps; ENOMEM: a gap */
int
sys_munlock(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end;

	if (!user_range(a[0], a[1], &start, &end))
		return EINVAL;
	if (start == end)
		return 0;
	return wire_errno(uvm_map_pageable(curmap(p), start, end, TRUE, 0));
}

/* mlockall(flags) => EINVAL; EPERM; ENOMEM: limits */
int
sys_mlockall(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const uint64_t known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
	uint64_t limit = memlock_limit(p);

	if (a[0] == 0 || (a[0] & ~known) != 0 || a[0] == MCL_ONFAULT)
		return EINVAL;
	if (limit == 0)
		return EPERM;
	return uvm_map_pageable_all(curmap(p),
	    (int)(a[0] & (MCL_CURRENT | MCL_FUTURE)),
	    limit == RLIM_INFINITY ? 0 : limit);
}

/* munlockall() => 0 */
int
sys_munlockall(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return uvm_map_pageable_all(curmap(p), 0, 0);
}

/* -- mincore ----------------------------------------------------------------------- */

/* => map read-locked: is the page at va, which lies in e, in memory? */
static bool
page_resident(vm_map_t map, struct vm_map_entry *e, vaddr_t va)
{
	struct vm_amap *amap = e->aref.ar_amap;
	struct uvm_object *uobj;
	struct vm_anon *anon;
	struct vm_page *pg;
	bool resident = false;

	if (amap != NULL) {
		amap_lock_read(amap);
		anon = amap_lookup(&e->aref, va - e->start);
		resident = anon != NULL && anon->an_page != NULL;
		amap_unlock(amap);
		if (anon != NULL)
			return resident;
	}
	/* read, never written: the page of zeros is there */
	if (!UVM_ET_ISOBJ(e) || e->object.uvm_obj == NULL)
		return pmap_extract(map->pmap, va, NULL);
	uobj = e->object.uvm_obj;
	rw_enter_read(&uobj->uo_lock);
	pg = uvm_pagelookup(uobj, e->offset + (voff_t)(va - e->start));
	/* it may just be on its way */
	resident = pg != NULL && (pg->pg_flags & PG_FAKE) == 0;
	rw_exit(&uobj->uo_lock);
	return resident;
}

/* => 0, or ENOMEM: a gap */
static int
mincore_chunk(vm_map_t map, vaddr_t start, vaddr_t end, uint8_t *vec)
{
	struct vm_map_entry *e;
	int error = 0;

	vm_map_lock_read(map);
	if (!uvm_map_covered(map, start, end))
		error = ENOMEM;
	for (e = uvm_map_first(map, start); error == 0 && start < end;
	     e = e->me_next)
		for (; start < e->end && start < end; start += PAGE_SIZE)
			*vec++ = page_resident(map, e, start);
	vm_map_unlock_read(map);
	return error;
}

/* mincore(addr, len, vec) => EINVAL: alignment; ENOMEM: gap; EFAULT: vec */
int
sys_mincore(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end, to;
	uint8_t *vec, *uvec = (uint8_t *)a[2];
	int error = 0;

	if ((a[0] & PAGE_MASK) != 0)
		return EINVAL;
	if (!user_range(a[0], a[1], &start, &end) || end > VM_MAXUSER_ADDRESS)
		return ENOMEM;
	vec = kmem_alloc(MINCORE_CHUNK, PR_WAITOK);
	for (; error == 0 && start < end; start = to) {
		/* A range may be long, and nobody else gets this hart. */
		if (__predict_false(atomic_load(&curcpu()->ci_resched) != 0))
			preempt();
		to = MIN(end, start + ptoa(MINCORE_CHUNK));
		error = mincore_chunk(curmap(p), start, to, vec);
		if (error == 0)
			error = copyout(vec, uvec, atop(to - start));
		uvec += atop(to - start);
	}
	kmem_free(vec, MINCORE_CHUNK);
	return error;
}

/* -- msync --------------------------------------------------------------------------- */

/* => is any of the range wired? map unlocked */
static bool
range_wired(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	bool wired = false;

	vm_map_lock_read(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next)
		wired |= VM_MAPENT_ISWIRED(e);
	vm_map_unlock_read(map);
	return wired;
}

/*
 * msync(addr, len, flags)
 * => EINVAL: arguments; ENOMEM: a gap; EBUSY: INVALIDATE of wired memory; EIO:
 *    something could not be written since this was said last
 */
int
sys_msync(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const uint64_t known = MS_ASYNC | MS_SYNC | MS_INVALIDATE;
	vaddr_t start, end;
	int error;

	if ((a[0] & PAGE_MASK) != 0 || (a[2] & ~known) != 0 ||
	    (a[2] & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return EINVAL;
	if (!user_range(a[0], a[1], &start, &end))
		return ENOMEM;
	if (start == end)
		return 0;
	if ((a[2] & MS_INVALIDATE) && range_wired(curmap(p), start, end))
		return EBUSY;
	error = uvm_map_clean(curmap(p), start, end,
	    PGO_CLEANIT | ((a[2] & MS_SYNC) ? PGO_SYNCIO : 0) |
		((a[2] & MS_INVALIDATE) ? PGO_INVALIDATE : 0));
	return error == EFAULT ? ENOMEM : error;
}
