/*
 * read(2) and write(2) on an object: bytes move between the request and the
 * object's own pages, through the direct map.
 *
 * The page is wired, not busy, while the copy may fault on the program's
 * buffer: the buffer may be a mapping of this very page.  Whole pages that are
 * in memory are read in runs, the object locked, into what of the buffer is
 * mapped: nothing faults then.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_vnode.h>
#include <sys/uio.h>

/* => the page at off, busy, object unlocked; or errno */
static int
get_page(struct uvm_object *uobj, voff_t off, bool write, int advice,
    struct vm_page **pgp)
{
	int npages = 1;

	*pgp = NULL;
	switch (uobj->pgops->pgo_get(uobj, off, pgp, &npages, 0,
	    write ? PROT_READ | PROT_WRITE : PROT_READ, advice, 0)) {
	case VM_PAGER_OK:
		return 0;
	case VM_PAGER_AGAIN:
		uvm_wait("objio");
		return (curproc->p_flag & P_OOMKILL) ? ENOMEM : EAGAIN;
	case VM_PAGER_FAIL:
		return ENOSPC;
	default:
		return EIO;
	}
}

/* => object locked: was nothing ever written there? */
static inline bool
is_hole(struct uvm_object *uobj, voff_t off)
{
	return UVM_OBJ_IS_AOBJ(uobj) &&
	    uao_find_swslot(uobj, (u_long)off >> PAGE_SHIFT) == 0;
}

/*
 * What is lent stays as it was: the object gets a page of its own.
 * => object write-locked; *pgp not busy to anyone else, then busy; FALSE: no
 *    memory, and it is not busy
 */
static bool
unlend(struct vm_page **pgp)
{
	struct vm_page *own;

	atomic_or(&(*pgp)->pg_flags, PG_BUSY);
	own = uvm_obj_loanbreak(*pgp);
	if (own == NULL) {
		(void)uvm_page_unbusy(*pgp);
		return false;
	}
	*pgp = own;
	return true;
}

/* => object locked, unlocked to wait for memory; 0: look again; ENOMEM */
static int
wait_memory(struct uvm_object *uobj)
{
	rw_exit(&uobj->uo_lock);
	uvm_wait("objio");
	return (curproc->p_flag & P_OOMKILL) ? ENOMEM : 0;
}

/*
 * => the page at off, wired; NULL: a hole, which is not filled to be read; or
 *    errno
 * => object unlocked on entry and exit
 */
static int
pin_page(struct uvm_object *uobj, voff_t off, bool write, int advice,
    struct vm_page **pgp)
{
	struct vm_page *pg;
	bool busy;
	int error;

	for (;;) {
		rw_enter_write(&uobj->uo_lock);
		if (!write && advice != MADV_RANDOM && UVM_OBJ_IS_VNODE(uobj))
			uvn_ahead(uobj, off);
		pg = uvm_pagelookup(uobj, off);
		busy = false;
		if (pg != NULL && (pg->pg_flags & PG_BUSY)) {
			uvm_page_wait(pg, &uobj->uo_lock, "objio");
			continue;
		}
		if (pg == NULL && !write && is_hole(uobj, off))
			break;
		if (pg == NULL || (write && (pg->pg_flags & PG_HOLE))) {
			error = get_page(uobj, off, write, advice, &pg);
			if (error == EAGAIN)
				continue;
			if (error)
				return error;
			rw_enter_write(&uobj->uo_lock);
			busy = true;
		}
		if (write && pg->loan_count != 0 &&
		    !MUTANT(LOANED_OVERWRITTEN)) {
			if (!unlend(&pg)) {
				error = wait_memory(uobj);
				if (error)
					return error;
				continue;
			}
			busy = true;
		}
		uvm_pagewire(pg);
		if (busy)
			(void)uvm_page_unbusy(pg);
		if (write) {
			atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
			if (UVM_OBJ_IS_VNODE(uobj))
				(void)uvn_dirty(pg);
			pmap_page_modified_text(pg);
		}
		break;
	}
	rw_exit(&uobj->uo_lock);
	*pgp = pg;
	return 0;
}

/*
 * => written: it may have been on its way to the file meanwhile, with a part of
 *    what was copied
 */
static void
unpin_page(struct uvm_object *uobj, struct vm_page *pg, bool written)
{
	rw_enter_write(&uobj->uo_lock);
	if (written && UVM_OBJ_IS_VNODE(uobj)) {
		if (!MUTANT(UVN_COPIED_CLEAN))
			atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
		(void)uvn_dirty(pg);
	}
	uvm_pageunwire(pg);
	rw_exit(&uobj->uo_lock);
}

/*
 * => object unlocked
 */
bool
uao_has_page(struct uvm_object *uobj, voff_t off)
{
	bool has;

	rw_enter_read(&uobj->uo_lock);
	off = (voff_t)trunc_page((size_t)off);
	has = uvm_pagelookup(uobj, off) != NULL || !is_hole(uobj, off);
	rw_exit(&uobj->uo_lock);
	return has;
}

/*
 * A whole page of a file, which need not be read before.  It is filled before
 * the file gets it: the program's buffer may be a mapping of the file, and may
 * end too soon.
 * => TRUE: done, *errorp is the result; FALSE: nothing has happened
 */
static bool
write_whole(struct uvm_object *uobj, struct uio *uio, int *errorp)
{
	struct iovec *iov = uio->uio_iov, iov0 = *iov;
	struct uio uio0 = *uio;
	struct vm_page *pg;
	int error;

	if (iov->iov_len < PAGE_SIZE)
		return false;
	rw_enter_read(&uobj->uo_lock);
	pg = uvm_pagelookup(uobj, uio->uio_offset);
	rw_exit(&uobj->uo_lock);
	if (pg != NULL || (pg = uvm_page_get_unowned(0)) == NULL)
		return false;
	error = uiomove((char *)VM_PAGE_TO_DMAP(pg), PAGE_SIZE, uio);
	if (error == 0) {
		rw_enter_write(&uobj->uo_lock);
		error = uvn_put_page(uobj, uio0.uio_offset, pg);
		rw_exit(&uobj->uo_lock);
	}
	if (error == 0) {
		*errorp = 0;
		return true;
	}
	uvm_pagefree(pg);
	*uio = uio0;
	*iov = iov0;
	*errorp = error;
	return error == ENOSPC;
}

#define READ_RUN 16 /* most pages that are read at once */

/* May it be read as it is?  The daemon has to hear of one on no active queue. */
static inline bool
is_resident(const struct vm_page *pg)
{
	return pg != NULL && (pg->pg_flags & PG_BUSY) == 0 &&
	    (pg->pg_flags & (PQ_ACTIVE | PQ_PENDING)) != 0;
}

/*
 * Read whole pages that are in memory, as far as nothing is in the way.
 * => object unlocked; uio, of which len bytes are to be read, goes on behind
 *    what was; bytes
 */
static size_t
read_run(struct uvm_object *uobj, struct uio *uio, size_t len)
{
	size_t n = MIN(len, uio->uio_iov->iov_len) >> PAGE_SHIFT;
	struct vm_page *pgs[READ_RUN];
	void *from[READ_RUN];
	u_int found = 0;

	if (n == 0 || uio->uio_segflg != UIO_USERSPACE ||
	    (uio->uio_offset & (off_t)PAGE_MASK) != 0 ||
	    ((uintptr_t)uio->uio_iov->iov_base & 7) != 0)
		return 0;
	n = MIN(n, READ_RUN);
	rw_enter_read(&uobj->uo_lock);
	uvm_pagetree_lookup_run(&uobj->uo_tree,
	    (uint64_t)uio->uio_offset >> PAGE_SHIFT, (void **)pgs, (u_int)n);
	for (; found < n && is_resident(pgs[found]); found++)
		from[found] = (void *)VM_PAGE_TO_DMAP(pgs[found]);
	n = found > 0 ? copyout_pages(from, found, uio->uio_iov->iov_base) : 0;
	rw_exit(&uobj->uo_lock);
	if (n > 0)
		uio_skip(uio, ptoa(n));
	return ptoa(n);
}

/* Part of one page. => as uvm_obj_uiomove() */
static int
move_page(struct uvm_object *uobj, struct uio *uio, size_t pageoff, size_t n)
{
	voff_t off = (voff_t)trunc_page((size_t)uio->uio_offset);
	bool write = uio->uio_rw == UIO_WRITE;
	struct vm_page *pg;
	int error;

	if (write && n == PAGE_SIZE && UVM_OBJ_IS_VNODE(uobj) &&
	    !MUTANT(UVN_WHOLE_PAGE_READ) && write_whole(uobj, uio, &error))
		return error;
	error = pin_page(uobj, off, write, uio->uio_advice, &pg);
	if (error)
		return error;
	if (pg == NULL)
		return uiozero(n, uio);
	error = uiomove((char *)VM_PAGE_TO_DMAP(pg) + pageoff, n, uio);
	unpin_page(uobj, pg, write);
	return error;
}

/*
 * Move len bytes at uio_offset; the range lies within the object.
 * => the caller keeps the object from shrinking; no object lock held
 * => 0; EFAULT, EIO, ENOMEM, ENOSPC with uio telling how far it came; EINTR: the
 *    process has been killed; may sleep
 */
int
uvm_obj_uiomove(struct uvm_object *uobj, struct uio *uio, size_t len)
{
	size_t n, pageoff;
	int error = 0;

	while (len > 0 && error == 0) {
		if (uio->uio_rw == UIO_READ &&
		    (n = read_run(uobj, uio, len)) > 0) {
			len -= n;
			if (len > 0)
				error = uio_breathe(uio);
			continue;
		}
		pageoff = (size_t)uio->uio_offset & PAGE_MASK;
		n = MIN(PAGE_SIZE - pageoff, len);
		error = move_page(uobj, uio, pageoff, n);
		len -= n;
		if (uio->uio_rw == UIO_WRITE && UVM_OBJ_IS_VNODE(uobj))
			uvn_throttle();
		if (len > 0 && error == 0)
			error = uio_breathe(uio);
	}
	return error;
}
