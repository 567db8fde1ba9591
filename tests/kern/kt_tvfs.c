/* Files in memory: see kt_tvfs.h. */
#include <tests/kern/kt_tvfs.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/fcntl.h>

static inline struct tvnode *
to_tv(struct vnode *vp)
{
	return container_of(vp, struct tvnode, tv_vnode);
}

/* -- Requests ---------------------------------------------------------------- */

/* => one of so many that fail */
static bool
takes_one(u_int *count)
{
	u_int n = atomic_load(count);

	while (n != 0)
		if (atomic_cas(count, &n, n - 1))
			return true;
	return false;
}

static void
wait_while_stalled(struct tvnode *tv)
{
	atomic_add(&tv->tv_waiting, 1);
	while (atomic_load(&tv->tv_stalled))
		(void)tsleep(&tv->tv_stalled, PWAIT, "tvfs", 5000000);
	atomic_add(&tv->tv_waiting, -1u);
}

static inline uint64_t
mask_of(voff_t off, int n)
{
	return (n == 64 ? ~0UL : (1UL << n) - 1) << atop((vaddr_t)off);
}

/* => 0 or EIO: pages of the file come from the device */
static int
serve_read(
    struct tvnode *tv, voff_t off, struct vm_page **pgs, int n, bool begun)
{
	size_t i = atop((vaddr_t)off), len, end = (size_t)tv->tv_size;

	if (takes_one(&tv->tv_failr) || (tv->tv_badr & mask_of(off, n)) != 0)
		return EIO;
	for (int k = 0; k < n; k++, i++) {
		char *to = (char *)VM_PAGE_TO_DMAP(pgs[k]);

		KT_CHECK((pgs[k]->pg_flags & PG_BUSY) != 0);
		len = 0;
		if (atomic_load(&tv->tv_blocks) & 1UL << i) {
			len = MIN(PAGE_SIZE, end - MIN(end, ptoa(i)));
			if (begun) /* the rest is the pager's to clear */
				len = PAGE_SIZE;
			memcpy(to, tvfs_word(tv, (int)i, 0), len);
		} else
			atomic_or(&pgs[k]->pg_flags, PG_HOLE);
		memset(to + len, 0, PAGE_SIZE - len);
	}
	atomic_add(&tv->tv_rpages, (u_int)n);
	return 0;
}

/* => the same the other way */
static int
serve_write(struct tvnode *tv, voff_t off, struct vm_page **pgs, int n)
{
	size_t i = atop((vaddr_t)off), len, end = (size_t)tv->tv_size;

	if (takes_one(&tv->tv_failw) || (tv->tv_badw & mask_of(off, n)) != 0)
		return EIO;
	for (int k = 0; k < n; k++, i++) {
		KT_CHECK((pgs[k]->pg_flags & PG_BUSY) != 0);
		if ((atomic_load(&tv->tv_blocks) & 1UL << i) == 0) {
			KT_CHECK((pgs[k]->pg_flags & PG_HOLE) != 0);
			continue;
		}
		len = MIN(PAGE_SIZE, end - MIN(end, ptoa(i)));
		memcpy(tvfs_word(tv, (int)i, 0),
		    (const void *)VM_PAGE_TO_DMAP(pgs[k]), len);
	}
	atomic_add(&tv->tv_wpages, (u_int)n);
	return 0;
}

static int
tvfs_readpages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n)
{
	struct tvnode *tv = to_tv(vp);
	int error;

	atomic_add(&tv->tv_reads, 1);
	wait_while_stalled(tv);
	error = serve_read(tv, off, pgs, n, false);
	if (tv->tv_during != NULL)
		tv->tv_during(tv, false);
	return error;
}

static int
tvfs_writepages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n)
{
	struct tvnode *tv = to_tv(vp);
	int error;

	atomic_add(&tv->tv_writes, 1);
	error = serve_write(tv, off, pgs, n);
	wait_while_stalled(tv);
	if (tv->tv_during != NULL)
		tv->tv_during(tv, true);
	return error;
}

/* The device is done with a request that was begun. */
static void
serve(struct tvnode *tv, const struct tvfs_request *rq)
{
	bool write = (rq->rq_buf->b_flags & B_READ) == 0;
	int n = (int)atop(rq->rq_buf->b_bcount);
	int error = write ? serve_write(tv, rq->rq_off, rq->rq_pgs, n)
			  : serve_read(tv, rq->rq_off, rq->rq_pgs, n, true);

	if (tv->tv_during != NULL)
		tv->tv_during(tv, write);
	rq->rq_buf->b_resid = 0;
	if (error != 0)
		biodone_error(rq->rq_buf, error);
	else
		biodone(rq->rq_buf);
}

/*
 * What has blocks lies side by side, but behind each page of tv_gaps.
 */
static int
run_of(struct tvnode *tv, voff_t off, int n)
{
	size_t i = atop((vaddr_t)off);
	int k = 0;

	while (
	    k < n && i < TVFS_PAGES && (atomic_load(&tv->tv_blocks) & 1UL << i))
		if (k++, tv->tv_gaps & 1UL << i++)
			break;
	return k;
}

static int
tvfs_startpages(
    struct vnode *vp, voff_t off, struct vm_page **pgs, int n, struct buf *bp)
{
	struct tvnode *tv = to_tv(vp);
	struct tvfs_request rq = { bp, pgs, off };
	u_int slot;

	n = run_of(tv, off, n);
	if (n == 0)
		return 0;
	for (int k = 0; k < n; k++)
		KT_CHECK(buf_add_page(bp, pgs[k]));
	atomic_add(&tv->tv_started, 1);
	atomic_add(bp->b_flags & B_READ ? &tv->tv_reads : &tv->tv_writes, 1);
	if (!atomic_load(&tv->tv_stalled)) {
		serve(tv, &rq);
		return n;
	}
	slot = atomic_load(&tv->tv_nqueue);
	KASSERT(slot < TVFS_QUEUE);
	tv->tv_queue[slot] = rq;
	atomic_store_rel(&tv->tv_nqueue, slot + 1);
	return n;
}

static int
tvfs_allocpages(struct vnode *vp, voff_t off, int n)
{
	struct tvnode *tv = to_tv(vp);
	uint64_t mask = mask_of(off, n);
	uint64_t more = mask & ~atomic_load(&tv->tv_blocks);

	if (more == 0)
		return 0;
	if (tv->tv_full)
		return ENOSPC;
	/* as on a disk: who does not write the page finds what was there */
	for (int i = 0; i < TVFS_PAGES; i++)
		if (more & 1UL << i)
			memset(tvfs_word(tv, i, 0), 0xa5, PAGE_SIZE);
	atomic_add(&tv->tv_allocs, (u_int)__builtin_popcountll(more));
	atomic_or(&tv->tv_blocks, mask);
	return 0;
}

/* -- The rest of a file ------------------------------------------------------ */

static int
tvfs_getattr(struct vnode *vp, struct vattr *va)
{
	struct tvnode *tv = to_tv(vp);

	if (tv->tv_noattr)
		return EIO;
	memset(va, 0, sizeof(*va));
	va->va_mode = S_IFREG | 0777;
	rw_enter_read(&vp->v_lock);
	va->va_size = tv->tv_size;
	rw_exit(&vp->v_lock);
	return 0;
}

static int
tvfs_uobj(struct vnode *vp, struct uvm_object **uobjp)
{
	*uobjp = uvn_attach(vp, PROT_READ | PROT_WRITE);
	return *uobjp != NULL ? 0 : EIO;
}

static void
tvfs_inactive(struct vnode *vp)
{
	atomic_add(&to_tv(vp)->tv_inactive, 1);
}

static const struct vnodeops tvfs_ops = {
	.vop_readpages = tvfs_readpages,
	.vop_writepages = tvfs_writepages,
	.vop_startpages = tvfs_startpages,
	.vop_allocpages = tvfs_allocpages,
	.vop_getattr = tvfs_getattr,
	.vop_uobj = tvfs_uobj,
	.vop_inactive = tvfs_inactive,
};

/* -- For tests --------------------------------------------------------------- */

uint64_t *
tvfs_word(struct tvnode *tv, int i, int w)
{
	return (uint64_t *)VM_PAGE_TO_DMAP(tv->tv_page[i]) + w;
}

struct tvnode *
tvfs_make_hole(off_t size)
{
	struct tvnode *tv = kmem_zalloc(sizeof(*tv), PR_WAITOK);

	rw_init(&tv->tv_vnode.v_lock, LR_VNODE, "tvfs");
	refcnt_init(&tv->tv_vnode.v_refs);
	tv->tv_vnode.v_type = VREG;
	tv->tv_vnode.v_op = &tvfs_ops;
	tv->tv_size = size;
	for (int i = 0; i < TVFS_PAGES; i++)
		while ((tv->tv_page[i] = uvm_page_get_unowned(UVM_PGA_ZERO)) ==
		    NULL)
			uvm_wait("tvfs");
	return tv;
}

struct tvnode *
tvfs_make(off_t size)
{
	struct tvnode *tv = tvfs_make_hole(size);

	for (int i = 0; ptoa(i) < (size_t)size; i++) {
		*tvfs_word(tv, i, 0) = 1000 + (uint64_t)i;
		*tvfs_word(tv, i, TVFS_LAST) = 2000 + (uint64_t)i;
		tv->tv_blocks |= 1UL << i;
	}
	return tv;
}

void
tvfs_end(struct tvnode *tv)
{
	KT_EQ(refcnt_read(&tv->tv_vnode.v_refs), 1);
	uvm_vnp_terminate(&tv->tv_vnode);
	KT_CHECK(tv->tv_vnode.v_uvm == NULL);
	for (int i = 0; i < TVFS_PAGES; i++)
		uvm_pagefree(tv->tv_page[i]);
	kmem_free(tv, sizeof(*tv));
}

void
tvfs_resume(struct tvnode *tv)
{
	u_int n;

	atomic_store(&tv->tv_stalled, false);
	wakeup(&tv->tv_stalled);
	n = atomic_load(&tv->tv_nqueue);
	for (u_int i = 0; i < n; i++)
		serve(tv, &tv->tv_queue[i]);
	atomic_store(&tv->tv_nqueue, 0);
}

static bool
is_listed(struct uvm_vnode *un)
{
	return (atomic_load(&un->u_lists) & UVN_ON_READS) != 0;
}

void
tvfs_settle(struct tvnode *tv)
{
	struct uvm_vnode *un = tv->tv_vnode.v_uvm;
	bool busy = true;

	for (int i = 0; i < 1000 && busy; i++) {
		/* it goes from the list to a hold, and back */
		busy = is_listed(un);
		busy |= atomic_load(&un->u_holds) != 0;
		busy |= is_listed(un);
		if (busy)
			kt_sleep_ms(2);
	}
	KT_CHECK(!busy);
}

bool
tvfs_waits(struct tvnode *tv)
{
	u_int n = 0;

	for (int i = 0; i < 200 && n == 0; i++) {
		n = atomic_load(&tv->tv_waiting);
		n += atomic_load(&tv->tv_nqueue);
		if (n == 0)
			kt_sleep_ms(5);
	}
	return n != 0;
}

void
tvfs_setsize(struct tvnode *tv, off_t size)
{
	rw_enter_write(&tv->tv_vnode.v_lock);
	if (size < tv->tv_size)
		uvm_vnp_setsize(&tv->tv_vnode, size);
	tv->tv_size = size;
	if (size < (off_t)ptoa(TVFS_PAGES))
		atomic_and(&tv->tv_blocks,
		    mask_of(0, (int)atop(round_page((size_t)size))));
	uvm_vnp_setsize(&tv->tv_vnode, size);
	rw_exit(&tv->tv_vnode.v_lock);
}

/* => as tvfs_io(), for a reader of such habits */
static int
io_advised(struct tvnode *tv, void *buf, size_t len, off_t off, enum uio_rw rw,
    enum uio_seg seg, int advice)
{
	struct iovec iov = { buf, len };
	struct uio uio = { &iov, 1, off, len, seg, rw, NULL, advice };
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, PROT_READ);
	int error;

	KT_CHECK(uobj != NULL);
	if (uobj == NULL)
		return EIO;
	rw_enter_write(&tv->tv_vnode.v_lock);
	error = uvm_obj_uiomove(uobj, &uio, len);
	rw_exit(&tv->tv_vnode.v_lock);
	uobj->pgops->pgo_detach(uobj);
	return error;
}

int
tvfs_io(struct tvnode *tv, void *buf, size_t len, off_t off, enum uio_rw rw,
    enum uio_seg seg)
{
	return io_advised(tv, buf, len, off, rw, seg, MADV_NORMAL);
}

uint64_t
tvfs_read_word(struct tvnode *tv, int i)
{
	uint64_t value = 0;

	KT_EQ(tvfs_io(tv, &value, sizeof(value), (off_t)ptoa(i), UIO_READ,
		  UIO_SYSSPACE),
	    0);
	return value;
}

int
tvfs_write_word(struct tvnode *tv, int i, uint64_t value)
{
	return tvfs_io(
	    tv, &value, sizeof(value), (off_t)ptoa(i), UIO_WRITE, UIO_SYSSPACE);
}

void
tvfs_make_resident(struct tvnode *tv, int n)
{
	uint64_t word;

	for (int i = 0; i < n; i++)
		KT_EQ(io_advised(tv, &word, sizeof(word), (off_t)ptoa(i),
			  UIO_READ, UIO_SYSSPACE, MADV_RANDOM),
		    0);
}

int
tvfs_resident(struct tvnode *tv)
{
	return atomic_load(&tv->tv_vnode.v_uvm->u_obj.uo_npages);
}

void
tvfs_user_map(struct kt_user *ku, struct tvnode *tv, int npages, bool cow)
{
	struct uvm_object *uobj =
	    uvn_attach(&tv->tv_vnode, PROT_READ | PROT_WRITE);

	KASSERT(uobj != NULL);
	kt_user_enter(ku);
	ktf_map_obj(ku->ku_vm, KTF_BASE, uobj, npages, cow, MADV_NORMAL);
}
