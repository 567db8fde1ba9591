/* process_vm_readv and process_vm_writev: memory of another process. */
#include <sys/param.h>
#include <sys/errno.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/systm.h>
#include <sys/uio.h>
#include <uvm/uvm.h>

/* A call; all members belong to the calling thread. */
struct procvm {
	vm_map_t map; /* [thread] the other process's */
	struct uio uio; /* [thread] own memory; uio_resid is one chunk's */
	vm_prot_t prot; /* [thread] what has to be permitted there */
	size_t left; /* [thread] bytes of own memory */
	bool careful; /* [thread] something failed: page by page */
};

/*
 * => bytes from va on, len at most, that the process itself could access so;
 *    device registers are not memory
 */
static vsize_t
permitted(const struct procvm *pv, vaddr_t va, vsize_t len)
{
	vaddr_t at = va, end = va + len;
	struct vm_map_entry *e;

	vm_map_lock_read(pv->map);
	for (e = uvm_map_first(pv->map, va); e != &pv->map->vm_head &&
	     at < end && e->start <= at && !UVM_ET_ISHOLE(e);
	     e = e->me_next) {
		if ((pv->prot & ~e->protection) != 0 &&
		    !MUTANT(PROCVM_NO_RIGHTS))
			break;
		if (UVM_ET_ISOBJ(e) &&
		    e->object.uvm_obj->pgops->pgo_fault != NULL)
			break;
		at = e->end;
	}
	vm_map_unlock_read(pv->map);
	return MIN(at, end) - va;
}

/* => *donep bytes were moved at va; 0, EFAULT, ENOMEM */
static int
move_chunk(struct procvm *pv, vaddr_t va, vsize_t len, vsize_t *donep)
{
	int error;

	*donep = 0;
	if (pv->careful)
		len = MIN(len, PAGE_SIZE - (va & PAGE_MASK));
	len = MIN(permitted(pv, va, len), pv->left);
	if (len == 0)
		return EFAULT;
	pv->uio.uio_offset = (off_t)va;
	pv->uio.uio_resid = len;
	error = uvm_io(pv->map, &pv->uio);
	*donep = len - pv->uio.uio_resid;
	pv->left -= *donep;
	if (error != 0 && *donep == 0 && !pv->careful && len > PAGE_SIZE) {
		/* how far it comes is told exactly */
		pv->careful = true;
		return 0;
	}
	return error == 0 || error == ENOMEM ? error : EFAULT;
}

/* One vector of the other process, as far as own memory goes. */
static int
move_vector(struct procvm *pv, const struct iovec *iov)
{
	vaddr_t va = (vaddr_t)iov->iov_base, max = vm_map_max(pv->map);
	size_t len = MIN(iov->iov_len, pv->left);
	vsize_t done;
	int error = 0;

	while (error == 0 && len > 0) {
		if (va >= max)
			return EFAULT;
		error = move_chunk(
		    pv, va, MIN(MIN(len, MAXBSIZE), max - va), &done);
		va += done;
		len -= done;
		if (error == 0)
			error = uio_breathe(&pv->uio);
	}
	return error;
}

/*
 * => address space of a process, or of a thread's, with a reference; NULL: there
 *    is none, or it has none (any more)
 */
static struct vmspace *
other_space(pid_t pid)
{
	struct vmspace *vm = NULL;
	struct process *pr;
	struct proc *t;

	rw_enter_read(&proctree_lock);
	pr = prfind(pid);
	if (pr == NULL && (t = tfind(pid)) != NULL)
		pr = t->p_p;
	if (pr != NULL && (pr->ps_flags & PS_SYSTEM) == 0)
		vm = uvmspace_hold(pr);
	rw_exit(&proctree_lock);
	return vm;
}

/* => vectors are in the kernel, own ones total bytes long, not 0 */
static int
procvm_move(struct proc *p, pid_t pid, struct iovec *own, int nown,
    size_t total, struct iovec *iov, int n, enum uio_rw rw, int64_t *ret)
{
	struct procvm pv = { .left = total,
		.uio = { own, nown, 0, 0, UIO_USERSPACE, rw, p, 0 },
		.prot = rw == UIO_READ ? PROT_READ : PROT_WRITE };
	struct vmspace *vm = other_space(pid);
	int error = 0;

	if (vm == NULL)
		return ESRCH;
	pv.map = &vm->vm_map;
	for (int i = 0; error == 0 && i < n && pv.left > 0; i++)
		error = move_vector(&pv, &iov[i]);
	uvmspace_free(vm);
	*ret = (int64_t)(total - pv.left);
	return *ret != 0 && !MUTANT(PROCVM_NO_PART) ? 0 : error;
}

/*
 * (pid, lvec, liovcnt, rvec, riovcnt, flags)
 * => EINVAL: flags, counts, lengths; EFAULT: nothing could be moved; ESRCH;
 *    ENOMEM
 */
static int
procvm(struct proc *p, const uint64_t a[6], int64_t *ret, enum uio_rw rw)
{
	int nown = (int)a[2], n = (int)a[4], error;
	struct iovec *iov;
	size_t total = 0, other = 0;

	if (a[5] != 0 || a[2] > UIO_MAXIOV || a[4] > UIO_MAXIOV)
		return EINVAL;
	if (nown == 0)
		return 0;
	iov = kmem_alloc((size_t)(nown + n) * sizeof(*iov), PR_NOWAIT);
	if (iov == NULL)
		return ENOMEM;
	error = iovec_copyin((const void *)a[1], nown, iov, &total);
	if (error == 0 && total != 0 && n != 0)
		error = iovec_copyin((const void *)a[3], n, iov + nown, &other);
	if (error == 0 && other != 0)
		error = procvm_move(
		    p, (pid_t)a[0], iov, nown, total, iov + nown, n, rw, ret);
	kmem_free(iov, (size_t)(nown + n) * sizeof(*iov));
	return error;
}

int
sys_process_vm_readv(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return procvm(p, a, ret, UIO_READ);
}

int
sys_process_vm_writev(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return procvm(p, a, ret, UIO_WRITE);
}
