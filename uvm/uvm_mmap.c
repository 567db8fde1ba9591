/* System calls that map, unmap and protect memory. */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>
#include <uvm/uvm_mman.h>
#include <uvm_bsd.h>

#define MAP_KNOWN                                                         \
	(MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_GROWSDOWN |           \
	    MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE | \
	    MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE)

/* A call of mmap(); all members belong to the calling thread. */
struct mmap_req {
	vaddr_t va; /* [thread] hint or address, then where it went */
	vsize_t size; /* [thread] whole pages */
	vm_prot_t prot, maxprot; /* [thread] */
	uint64_t flags; /* [thread] MAP_* */
	int fd; /* [thread] */
	voff_t offset; /* [thread] */
	struct uvm_object *uobj; /* [thread] referenced, or NULL */
};

static inline vm_map_t
curmap(struct proc *p)
{
	return &p->p_vmspace->vm_map;
}

/*
 * => FALSE: RLIMIT_AS does not allow len bytes more; no lock needed
 * => of the stack, which is mapped as large as it may become, counts what is in
 *    use
 */
bool
uvm_size_allowed(struct proc *p, vsize_t len)
{
	uint64_t limit = lim_cur(p->p_p, RLIMIT_AS);
	struct vmspace *vm = p->p_vmspace;
	vsize_t size = vm->vm_map.size, stack;

	if (limit == RLIM_INFINITY)
		return true;
	stack = vm->vm_minsaddr - vm->vm_maxsaddr;
	size += ptoa(vm->vm_ssize) - MIN(stack, size);
	return len <= limit && size <= limit - len;
}

/* -- mmap ------------------------------------------------------------------------ */

static int
mmap_flags(uint64_t flags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED:
	case MAP_PRIVATE:
		break;
	case MAP_SHARED_VALIDATE:
		if ((flags & ~(uint64_t)MAP_KNOWN) != 0)
			return EOPNOTSUPP;
		break;
	default:
		return EINVAL;
	}
	/* There are no huge pages to be had by name. */
	return flags & MAP_HUGETLB ? ENOMEM : 0;
}

/*
 * A hint is taken or not; what lies behind it is no better than any other
 * place, and may be where the brk memory wants to grow.
 */
static bool
hint_is_free(vm_map_t map, const struct mmap_req *rq)
{
	vaddr_t va = rq->va;

	return uvm_map_query(map, &va, rq->size, UVM_UNKNOWN_OFFSET, false) ==
	    0 &&
	    va == rq->va;
}

/* Address, length, alignment; the hint gets to where searches begin. */
static int
mmap_place(struct proc *p, struct mmap_req *rq, uint64_t len)
{
	vm_map_t map = curmap(p);
	vaddr_t min = vm_map_min(map), max = vm_map_max(map);

	if (len == 0 || (rq->offset & (voff_t)PAGE_MASK) != 0)
		return EINVAL;
	rq->size = round_page(len);
	if (rq->size < len || rq->size > max - min)
		return ENOMEM;
	if (rq->offset < 0 || rq->offset > INT64_MAX - (voff_t)rq->size)
		return EOVERFLOW;
	if (rq->flags & MAP_FIXED_NOREPLACE)
		rq->flags |= MAP_FIXED;
	if (rq->flags & MAP_FIXED) {
		if ((rq->va & PAGE_MASK) != 0)
			return EINVAL;
		if (rq->va < min)
			return EPERM;
		return rq->va > max - rq->size ? ENOMEM : 0;
	}
	rq->va = trunc_page(rq->va);
	if (rq->va < min || rq->va > max - rq->size || !hint_is_free(map, rq))
		rq->va = map->vm_base;
	return 0;
}

static int
mmap_backing(struct proc *p, struct mmap_req *rq)
{
	bool shared = (rq->flags & MAP_TYPE) != MAP_PRIVATE;
	int error;

	rq->uobj = NULL;
	rq->maxprot = PROT_MASK;
	if (rq->flags & MAP_ANONYMOUS)
		return 0;
	error = fd_mmap(p, rq->fd, rq->offset, rq->size, shared, rq->prot,
	    &rq->maxprot, &rq->uobj);
	KASSERT(error != 0 || (rq->prot & ~rq->maxprot) == 0);
	return error;
}

/* => bytes of [start, end) that are mapped; map unlocked */
static vsize_t
mapped_bytes(vm_map_t map, vaddr_t start, vaddr_t end)
{
	vsize_t n;

	vm_map_lock_read(map);
	n = uvm_map_mapped_bytes(map, start, end);
	vm_map_unlock_read(map);
	return n;
}

/* RLIMIT_AS: what is replaced does not count. */
static bool
mmap_size_allowed(struct proc *p, const struct mmap_req *rq)
{
	if (__predict_true(uvm_size_allowed(p, rq->size)))
		return true;
	return (rq->flags & MAP_FIXED) != 0 &&
	    uvm_size_allowed(p,
		rq->size - mapped_bytes(curmap(p), rq->va, rq->va + rq->size));
}

static int
mmap_limits(struct proc *p, const struct mmap_req *rq)
{
	int error = 0;

	if (!mmap_size_allowed(p, rq))
		return ENOMEM;
	if ((rq->flags & MAP_LOCKED) ||
	    (curmap(p)->flags & VM_MAP_WIREFUTURE)) {
		error = uvm_mlock_allowed(p, rq->size);
		if (error == ENOMEM)
			error = EAGAIN;
	}
	return error;
}

/* The flag word of uvm_map() for a request. */
static uvm_flag_t
mmap_mapflag(const struct mmap_req *rq)
{
	vm_inherit_t inherit = MAP_INHERIT_COPY;
	int flags = 0;

	if ((rq->flags & MAP_TYPE) != MAP_PRIVATE) {
		inherit = MAP_INHERIT_SHARE;
		if (rq->uobj == NULL)
			flags |= UVM_FLAG_OVERLAY;
	} else {
		flags |= UVM_FLAG_COPYONW;
	}
	if (rq->flags & MAP_FIXED)
		flags |= UVM_FLAG_FIXED;
	if ((rq->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) == MAP_FIXED)
		flags |= UVM_FLAG_UNMAP;
	if (rq->flags & MAP_GROWSDOWN)
		flags |= UVM_FLAG_STACK;
	return UVM_MAPFLAG(rq->prot, rq->maxprot, inherit, MADV_NORMAL, flags);
}

/* What has to be resident at once is; failures show at the first access. */
static void
mmap_fill(struct proc *p, const struct mmap_req *rq)
{
	vm_map_t map = curmap(p);
	vaddr_t end = rq->va + rq->size;

	if ((rq->flags & MAP_LOCKED) && rq->prot != PROT_NONE)
		(void)uvm_map_pageable(map, rq->va, end, FALSE, 0);
	if ((rq->flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE &&
	    rq->prot != PROT_NONE)
		(void)uvm_map_populate(map, rq->va, end,
		    (rq->prot & PROT_WRITE) &&
			    (rq->flags & MAP_TYPE) == MAP_PRIVATE
			? PROT_READ | PROT_WRITE
			: rq->prot & (PROT_READ | PROT_EXEC));
}

/*
 * mmap(addr, len, prot, flags, fd, offset).
 * => EBADF, EACCES, ENODEV: the file; EINVAL, EPERM, EOPNOTSUPP, EOVERFLOW:
 *    arguments; ENOMEM: no room or limits; EAGAIN: limits of wired memory;
 *    EEXIST: FIXED_NOREPLACE of mapped memory
 */
int
sys_mmap(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct mmap_req rq = { .va = a[0],
		.prot = user_prot(a[2]),
		.flags = a[3],
		.fd = (int)a[4],
		.offset = (voff_t)a[5] };
	int error;

	error = mmap_flags(rq.flags);
	if (error == 0)
		error = mmap_place(p, &rq, a[1]);
	if (error == 0)
		error = mmap_limits(p, &rq);
	if (error == 0)
		error = mmap_backing(p, &rq);
	if (error != 0)
		return error;
	error = uvm_map(curmap(p), &rq.va, rq.size, rq.uobj,
	    rq.uobj != NULL ? rq.offset : UVM_UNKNOWN_OFFSET, 0,
	    mmap_mapflag(&rq));
	if (error != 0) {
		if (rq.uobj != NULL)
			rq.uobj->pgops->pgo_detach(rq.uobj);
		return error == ENOMEM && (rq.flags & MAP_FIXED_NOREPLACE)
		    ? EEXIST
		    : error;
	}
	*ret = (int64_t)rq.va;
	if (__predict_false(rq.flags & (MAP_LOCKED | MAP_POPULATE)))
		mmap_fill(p, &rq);
	return 0;
}

/*
 * mquery(addr, len, prot, flags, fd, offset): where would mmap() put it?
 * => EINVAL, EBADF; ENOMEM: no room, or FIXED and something is there
 */
int
sys_mquery(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct mmap_req rq = { .va = a[0],
		.prot = user_prot(a[2]),
		.flags = a[3] | MAP_PRIVATE,
		.fd = (int)a[4],
		.offset = (voff_t)a[5] };
	int error;

	if ((int)a[4] < 0)
		rq.flags |= MAP_ANONYMOUS;
	error = mmap_place(p, &rq, a[1]);
	if (error == 0)
		error = mmap_backing(p, &rq);
	if (error != 0)
		return error;
	if (rq.uobj != NULL)
		rq.uobj->pgops->pgo_detach(rq.uobj);
	error = uvm_map_query(curmap(p), &rq.va, rq.size,
	    rq.uobj != NULL ? rq.offset : UVM_UNKNOWN_OFFSET,
	    (rq.flags & MAP_FIXED) != 0);
	if (error == 0)
		*ret = (int64_t)rq.va;
	return error;
}

/* -- munmap, mprotect -------------------------------------------------------------- */

/* munmap(addr, len) => EINVAL: arguments; EPERM: immutable */
int
sys_munmap(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end;

	if ((a[0] & PAGE_MASK) != 0 || a[1] == 0 ||
	    !user_range(a[0], a[1], &start, &end) || end > VM_MAXUSER_ADDRESS)
		return EINVAL;
	return uvm_unmap_user(curmap(p), start, end);
}

/* PROT_GROWSDOWN: the change goes down to the start of a growing mapping. */
static int
protect_growsdown(vm_map_t map, vaddr_t *startp)
{
	struct vm_map_entry *e;
	int error = 0;

	vm_map_lock_read(map);
	if (!uvm_map_lookup_entry(map, *startp, &e))
		error = ENOMEM;
	else if ((e->me_flags & ME_STACK) == 0)
		error = EINVAL;
	else
		*startp = e->start;
	vm_map_unlock_read(map);
	return error;
}

/* mprotect(addr, len, prot) => EINVAL, EACCES, EPERM; ENOMEM: a gap */
int
sys_mprotect(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const uint64_t known =
	    PROT_MASK | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP;
	uint64_t prot = a[2];
	vaddr_t start, end;
	int error;

	if ((a[0] & PAGE_MASK) != 0 || (prot & ~known) != 0 ||
	    (prot & PROT_GROWSUP))
		return EINVAL;
	if (!user_range(a[0], a[1], &start, &end))
		return ENOMEM;
	if (start == end)
		return 0;
	if (__predict_false(prot & PROT_GROWSDOWN)) {
		error = protect_growsdown(curmap(p), &start);
		if (error != 0)
			return error;
	}
	return uvm_map_protect_nogap(curmap(p), start, end, user_prot(prot));
}

/* -- Calls with numbers of our own ----------------------------------------------------- */

/* minherit(addr, len, inherit) => EINVAL; EPERM: immutable */
int
sys_minherit(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end;

	if (!user_range(a[0], a[1], &start, &end))
		return EINVAL;
	if (a[2] > INT32_MAX)
		return EINVAL;
	return uvm_map_inherit(curmap(p), start, end, (vm_inherit_t)a[2]);
}

/* mimmutable(addr, len) => EINVAL: it wraps; ENOMEM: a gap */
int
sys_mimmutable(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t start, end;

	if (!user_range(a[0], a[1], &start, &end))
		return EINVAL;
	return uvm_map_immutable(curmap(p), start, end);
}

#define SYSCTL_MAXNAME 12

/*
 * bsd_sysctl(name, namelen, oldp, oldlenp, newp, newlen).
 * => ENOTDIR: no such depth; EOPNOTSUPP: no such name; else uvm_sysctl()'s
 */
int
sys_bsd_sysctl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int name[SYSCTL_MAXNAME], error;
	size_t oldlen = 0;

	if (a[1] < 2 || a[1] > SYSCTL_MAXNAME)
		return ENOTDIR;
	error = copyin((void *)a[0], name, (size_t)a[1] * sizeof(int));
	if (error == 0 && a[3] != 0)
		error = copyin((void *)a[3], &oldlen, sizeof(oldlen));
	if (error != 0)
		return error;
	if (name[0] != CTL_VM)
		return EOPNOTSUPP;
	if (a[2] != 0 && a[3] == 0)
		return EFAULT;
	error = uvm_sysctl(name + 1, (u_int)a[1] - 1, (void *)a[2], &oldlen,
	    (void *)a[4], (size_t)a[5], p);
	if (error == 0 && a[3] != 0)
		error = copyout(&oldlen, (void *)a[3], sizeof(oldlen));
	return error;
}
