/* sysctl vm.*: what user programs see and may set. */
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_pdpolicy.h>
#include <uvm/uvm_swap.h>
#include <uvm/uvm_sysctl.h>
#include <uvm/uvm_vnode.h>
#include <sys/pool.h>
#include <uvm_bsd.h>

/* A request.  All members: [thread]. */
struct req {
	void *old; /* where the value goes, or NULL: only its size */
	size_t *oldlen; /* room there; the value's size on return */
	const void *new; /* new value, or NULL */
	size_t newlen;
	bool kernel; /* old and new are kernel addresses */
	bool root; /* may change what is changeable */
};

/* => 0 or EFAULT */
static int
move_out(const struct req *r, const void *from, size_t len)
{
	if (!r->kernel)
		return copyout(from, r->old, len);
	memcpy(r->old, from, len);
	return 0;
}

static int
move_in(const struct req *r, void *to, size_t len)
{
	if (!r->kernel)
		return copyin(r->new, to, len);
	memcpy(to, r->new, len);
	return 0;
}

/* => 0; ENOMEM: too little room; EFAULT */
static int
req_old(const struct req *r, const void *value, size_t len)
{
	size_t room = *r->oldlen;

	*r->oldlen = len;
	if (r->old == NULL)
		return 0;
	if (room < len)
		return ENOMEM;
	return move_out(r, value, len);
}

/* A value nobody may write. */
static int
req_rdonly(const struct req *r, const void *value, size_t len)
{
	if (r->new != NULL)
		return EPERM;
	return req_old(r, value, len);
}

static int
req_rdint(const struct req *r, int value)
{
	return req_rdonly(r, &value, sizeof(value));
}

/* -- Values -------------------------------------------------------------------------- */

/* => does p sleep until a page is no longer busy? */
static bool
waits_for_page(const struct proc *p)
{
	const volatile void *wchan = p->p_wchan;
	const struct vm_physseg *seg;

	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++)
		if (wchan >= (void *)seg->pgs && wchan < (void *)seg->lastpg)
			return true;
	return false;
}

static void
count_thread(struct vmtotal *t, const struct proc *p)
{
	int stat = atomic_load(&p->p_stat);

	if (p->p_flag & P_IDLE)
		return;
	if ((p->p_flag & P_INMEM) == 0)
		t->t_sw++;
	if (stat == SRUN || stat == SONPROC || stat == SIDL)
		t->t_rq++;
	else if (stat == SSLEEP && waits_for_page(p) &&
	    !MUTANT(METER_PAGE_IS_DISK))
		t->t_pw++;
	else if (stat == SSLEEP && p->p_priority <= PZERO)
		t->t_dw++;
	else if (stat == SSLEEP && p->p_slptime < maxslp)
		t->t_sl++;
}

/* Sharing is not tracked: the *shr members stay 0, as they ever did. */
static void
fill_vmtotal(struct vmtotal *t)
{
	struct process *pr;
	struct proc *p;

	memset(t, 0, sizeof(*t));
	rw_enter_read(&proctree_lock);
	LIST_FOREACH (pr, &allprocess, ps_list) {
		/* the kernel's own threads sleep where others wait for disks */
		if (pr->ps_flags & PS_SYSTEM)
			continue;
		rw_enter_read(&pr->ps_lock);
		TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
			count_thread(t, p);
		rw_exit(&pr->ps_lock);
	}
	rw_exit(&proctree_lock);
	uvmexp_collect();
	t->t_free = (uint32_t)uvmexp.free;
	t->t_rm = (uint32_t)(uvmexp.npages - uvmexp.free);
	t->t_arm = (uint32_t)uvmexp.active;
	t->t_vm = t->t_rm + (uint32_t)uvmexp.swpginuse;
	t->t_avm = (uint32_t)(uvmexp.active + uvmexp.swpginuse);
}

/* Pools whose items uvm_resources names one by one. */
static void
add_pool(struct pool *pp, void *arg)
{
	struct uvm_resources *res = arg;

	if (strcmp(pp->pr_name, "file") == 0)
		res->files += pool_inuse(pp);
	else if (strcmp(pp->pr_name, "amap") == 0)
		res->amaps += pool_inuse(pp);
}

/*
 * Cached dead threads and idle pool memory are kept on purpose; they go first,
 * so that what is left must come back.
 */
static void
fill_resources(struct uvm_resources *res)
{
	memset(res, 0, sizeof(*res));
	thread_cache_drain();
	pool_drain_wait();
	uvmexp_collect();
	res->pool_items = pool_inuse_all();
	res->pv_entries = pmap_pv_count();
	res->map_entries = uvm_map_entry_count();
	res->procs = proc_count();
	res->threads = thread_count();
	res->anons = uvmexp.nanon - uvmexp.nfreeanon;
	res->objects = uao_count();
	pool_foreach(add_pool, res);
}

/* => the new value, which there is; EPERM, EINVAL, EFAULT */
static int
req_new_int(const struct req *r, int *new)
{
	if (!r->root)
		return EPERM;
	if (r->newlen != sizeof(*new))
		return EINVAL;
	return move_in(r, new, sizeof(*new));
}

/* One of anonmin, vtextmin, vnodemin, which are limited together. */
static int
sysctl_minimum(const struct req *r, int *pct, int *share)
{
	static struct rwlock lock =
	    RWLOCK_INITIALIZER(LR_KMAP, "vmminimum"); /* all six values */
	int a, t, v, new, old, error;

	if (r->new == NULL)
		return req_old(r, pct, sizeof(*pct));
	error = req_new_int(r, &new);
	if (error)
		return error;
	rw_enter_write(&lock);
	old = *pct;
	a = pct == &uvmexp.anonminpct ? new : uvmexp.anonminpct;
	t = pct == &uvmexp.vtextminpct ? new : uvmexp.vtextminpct;
	v = pct == &uvmexp.vnodeminpct ? new : uvmexp.vnodeminpct;
	if (uvm_pdpolicy_pct_ok(a, t, v)) {
		*pct = new;
		*share = uvm_pdpolicy_share(new);
	} else
		error = EINVAL;
	rw_exit(&lock);
	if (error == 0 && r->old != NULL)
		error = req_old(r, &old, sizeof(old));
	return error;
}

/* What is in swap is encrypted: that cannot be switched off. */
static int
sysctl_swapencrypt(int id, const struct req *r)
{
	int created, deleted, new, error;
	uint64_t ns = uvm_swap_cipher_ns();

	uvm_swapkey_counts(&created, &deleted);
	switch (id) {
	case SWPENC_ENABLE:
		error = r->new != NULL ? req_new_int(r, &new) : 0;
		if (error == 0 && r->new != NULL &&new != 1)
			error = EPERM;
		if (error || (r->new != NULL && r->old == NULL))
			return error;
		new = 1;
		return req_old(r, &new, sizeof(new));
	case SWPENC_CREATED:
		return req_rdint(r, created);
	case SWPENC_DELETED:
		return req_rdint(r, deleted);
	case SWPENC_NSEC:
		return req_rdonly(r, &ns, sizeof(ns));
	default:
		return EOPNOTSUPP;
	}
}

/* dirtyage, dirtymin, dirtymax: from least to most. */
static int
sysctl_dirty(const struct req *r, int *value, int least, int most)
{
	int old = atomic_load(value), new, error;

	if (r->new != NULL) {
		error = req_new_int(r, &new);
		if (error)
			return error;
		if ((new < least || new > most) && !MUTANT(SYSCTL_DIRTY_ANY))
			return EINVAL;
		atomic_store(value, new);
		uvn_limits();
		uvn_wake_writer();
		wakeup(&uvn_dirtyage); /* the syncer */
		if (r->old == NULL)
			return 0;
	}
	return req_old(r, &old, sizeof(old));
}

static int
sysctl_vmtotal(const struct req *r)
{
	struct vmtotal total;

	fill_vmtotal(&total);
	return req_rdonly(r, &total, sizeof(total));
}

static int
sysctl_resources(const struct req *r)
{
	struct uvm_resources res;

	fill_resources(&res);
	return req_rdonly(r, &res, sizeof(res));
}

static int
sysctl_uvmexp(const struct req *r)
{
	uvmexp_collect();
	return req_rdonly(r, &uvmexp, sizeof(uvmexp));
}

/* -- Dispatch ----------------------------------------------------------------------------- */

static int
sysctl_scalar(int id, const struct req *r)
{
	switch (id) {
	case VM_METER:
		return sysctl_vmtotal(r);
	case VM_LOADAVG:
		return req_rdonly(r, &averunnable, sizeof(averunnable));
	case VM_UVMEXP:
		return sysctl_uvmexp(r);
	case VM_NKMEMPAGES:
		return req_rdint(r,
		    (int)atop(VM_MAX_KERNEL_ADDRESS - VM_MIN_KERNEL_ADDRESS));
	case VM_ANONMIN:
		return sysctl_minimum(r, &uvmexp.anonminpct, &uvmexp.anonmin);
	case VM_VTEXTMIN:
		return sysctl_minimum(r, &uvmexp.vtextminpct, &uvmexp.vtextmin);
	case VM_VNODEMIN:
		return sysctl_minimum(r, &uvmexp.vnodeminpct, &uvmexp.vnodemin);
	case VM_DIRTY:
		return req_rdint(r, (int)uvn_ndirty());
	case VM_DIRTYAGE:
		return sysctl_dirty(r, &uvn_dirtyage, 1, 86400);
	case VM_DIRTYMIN:
		return sysctl_dirty(r, &uvn_dirtymin, 0, 100);
	case VM_DIRTYMAX:
		return sysctl_dirty(r, &uvn_dirtymax, 0, 100);
	case VM_MAXSLP:
		return req_rdint(r, maxslp);
	case VM_USPACE:
		return req_rdint(r, USPACE);
	case VM_UVM_RESOURCES:
		return sysctl_resources(r);
	default:
		return EOPNOTSUPP;
	}
}

/*
 * The CTL_VM branch; name begins below it.
 * => thread context, no locks; oldp and newp in user space, oldlenp not
 * => oldp NULL: *oldlenp receives the size; else room in, size out
 * => 0; ENOTDIR, EOPNOTSUPP, EPERM, ENOMEM, EINVAL, EFAULT
 */
int
uvm_sysctl(int *name, u_int namelen, void *oldp, size_t *oldlenp, void *newp,
    size_t newlen, struct proc *p)
{
	struct req r = { .old = oldp,
		.oldlen = oldlenp,
		.new = newp,
		.newlen = newlen,
		.root = p->p_p->ps_cred->cr_uid == 0 };

	if (namelen == 2 && name[0] == VM_UVM_MAPINFO)
		return newp != NULL
		    ? EPERM
		    : uvm_map_sysctl_info(name[1], oldp, oldlenp);
	if (namelen == 2 && name[0] == VM_SWAPENCRYPT)
		return sysctl_swapencrypt(name[1], &r);
	if (namelen != 1 || name[0] == VM_SWAPENCRYPT)
		return ENOTDIR;
	if (name[0] == VM_UVM_PROCINFO)
		return newp != NULL ? EPERM : proc_sysctl_info(oldp, oldlenp);
	return sysctl_scalar(name[0], &r);
}

int
uvm_sysctl_kern(
    int id, void *oldp, size_t *oldlenp, const void *newp, size_t newlen)
{
	struct req r = { .old = oldp,
		.oldlen = oldlenp,
		.new = newp,
		.newlen = newlen,
		.kernel = true,
		.root = true };

	return sysctl_scalar(id, &r);
}
