/*
 * Pages of files: to memory and back.
 *
 * A page is dirty if PG_CLEAN is not set or a mapping has modified it.  Before
 * it is written both are made to say "clean", with the page busy and its
 * mappings as they are: a store while the write is under way shows in the
 * modify attribute, a write(2) clears PG_CLEAN when it has copied, and the page
 * stays dirty.  A write that fails clears PG_CLEAN again.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_vnode.h>
#include <sys/timeout.h>
#include <sys/vnode.h>

/* -- Pages ------------------------------------------------------------------- */

bool
uvn_page_dirty(struct vm_page *pg)
{
	return (pg->pg_flags & PG_CLEAN) == 0 || pmap_is_modified(pg);
}

struct vm_page *
uvn_next_unbusy(struct uvm_vnode *un, uint64_t i)
{
	struct uvm_object *uobj = &un->u_obj;
	struct vm_page *pg;
	uint64_t at = i;

	while ((pg = uvm_pagetree_next(&uobj->uo_tree, &at)) != NULL &&
	    (pg->pg_flags & PG_BUSY) && !MUTANT(UVN_FREES_BUSY)) {
		uvm_page_wait(pg, &uobj->uo_lock, "uvnbusy");
		rw_enter_write(&uobj->uo_lock);
		at = i;
	}
	return pg;
}

/* -- Reading ----------------------------------------------------------------- */

/*
 * Does who needs the page at off, which is not there, go on where the last
 * read ended, or is he where it should have been read ahead?
 * => object locked
 */
static inline bool
in_sequence(const struct uvm_vnode *un, voff_t off)
{
	return (off == un->u_next || uvn_ahead_due(un, off)) &&
	    !MUTANT(UVN_SEES_NO_SEQUENCE);
}

/*
 * How many pages to read from idx on?  Who goes on where the last read ended
 * gets twice as many as then.
 * => object write-locked
 */
static int
read_width(struct uvm_vnode *un, uint64_t idx, int advice)
{
	long spare = (uvm_free_count() - uvmexp.freemin) / 4;
	int width = UVN_CLUSTER;

	if (advice == MADV_RANDOM)
		return 1;
	if (advice == MADV_NORMAL) {
		width = UVN_AHEAD;
		if (in_sequence(un, (voff_t)ptoa(idx)))
			width = MIN(2 * un->u_ahead, UVN_CLUSTER);
		un->u_ahead = width;
	}
	width = (int)MIN((uint64_t)width, uvn_pages(un) - idx);
	return (int)MAX(1, MIN(width, spare));
}

int
uvn_read_alloc(struct uvm_vnode *un, uint64_t idx, int n, struct vm_page **pgs)
{
	struct uvm_object *uobj = &un->u_obj;
	int i;

	for (i = 0; i < n; i++) {
		if (uvm_pagetree_lookup(&uobj->uo_tree, idx + (uint64_t)i))
			break;
		pgs[i] = uvm_pagealloc(
		    uobj, (voff_t)ptoa(idx + (uint64_t)i), NULL, 0);
		if (pgs[i] == NULL)
			break;
	}
	return i;
}

/* => what was read behind the end of the file is nothing of it */
static void
zero_behind(struct uvm_vnode *un, struct vm_page *pg)
{
	size_t from;

	if (pg->offset + (voff_t)PAGE_SIZE <= un->u_size ||
	    MUTANT(AHEAD_KEEPS_TAIL))
		return;
	from = (size_t)MAX(un->u_size - pg->offset, 0);
	memset((char *)VM_PAGE_TO_DMAP(pg) + from, 0, PAGE_SIZE - from);
}

void
uvn_read_done(struct uvm_vnode *un, struct vm_page **pgs, int n, bool ok)
{
	for (int i = 0; i < n; i++) {
		if (ok) {
			zero_behind(un, pgs[i]);
			atomic_and(&pgs[i]->pg_flags, ~(uint32_t)PG_FAKE);
			uvm_pagedeactivate(pgs[i]);
		} else
			atomic_or(&pgs[i]->pg_flags, PG_RELEASED);
		(void)uvm_page_unbusy(pgs[i]);
	}
}

/*
 * The page at idx will be read, n in all.  If that is a sequential reader, the
 * next read begins as soon as he comes to the second one.
 * => object write-locked
 */
static void
note_read(struct uvm_vnode *un, uint64_t idx, int n, int advice, bool sequence)
{
	voff_t off = (voff_t)ptoa(idx);

	if (advice == MADV_RANDOM)
		return;
	if (advice == MADV_SEQUENTIAL)
		un->u_ahead = n;
	un->u_next = off + (voff_t)ptoa(n);
	un->u_mark = (sequence || advice == MADV_SEQUENTIAL) && n > 1
	    ? off + (voff_t)PAGE_SIZE
	    : UVN_NOMARK;
}

/*
 * Read the page at idx, which is not there, and some behind it.  If they
 * cannot be read together it may be one of the others that is bad.
 * => object write-locked on entry and exit, dropped meanwhile
 * => VM_PAGER_OK: *pgp, busy; AGAIN; ERROR: nothing stays
 */
static int
read_pages(struct uvm_vnode *un, uint64_t idx, int advice, struct vm_page **pgp)
{
	int (*readpages)(struct vnode *, voff_t, struct vm_page **, int) =
	    un->u_vnode->v_op->vop_readpages;
	struct vm_page *pgs[UVN_CLUSTER];
	voff_t off = (voff_t)ptoa(idx);
	bool ok, sequence = in_sequence(un, off);
	int n, error;

	n = uvn_read_alloc(un, idx, read_width(un, idx, advice), pgs);
	if (n == 0)
		return VM_PAGER_AGAIN;
	note_read(un, idx, n, advice, sequence);
	rw_exit(&un->u_obj.uo_lock);
	UVMCNT_INC(pageins);
	error = readpages(un->u_vnode, off, pgs, n);
	ok = error == 0;
	if (error != 0 && n > 1)
		error = readpages(un->u_vnode, off, pgs, 1);
	rw_enter_write(&un->u_obj.uo_lock);
	uvn_read_done(un, pgs + 1, n - 1, ok);
	if (error != 0 && !MUTANT(UVN_READ_ERROR_STAYS)) {
		atomic_or(&pgs[0]->pg_flags, PG_RELEASED);
		(void)uvm_page_unbusy(pgs[0]);
		return VM_PAGER_ERROR;
	}
	atomic_and(&pgs[0]->pg_flags, ~(uint32_t)PG_FAKE);
	*pgp = pgs[0];
	return VM_PAGER_OK;
}

/*
 * A page is going to be written for which the file has no blocks.
 * => pg busy; object unlocked; may sleep; 0 or errno
 */
static int
allocate(struct uvm_vnode *un, voff_t off)
{
	struct vnode *vp = un->u_vnode;

	if (vp->v_op->vop_allocpages == NULL)
		return 0;
	return vp->v_op->vop_allocpages(vp, off, 1);
}

/*
 * => object write-locked on entry and exit, dropped meanwhile; pg busy, and
 *    not with an error
 */
static int
fill_hole(struct uvm_vnode *un, struct vm_page *pg)
{
	int error;

	rw_exit(&un->u_obj.uo_lock);
	error = MUTANT(UVN_HOLE_UNALLOCATED) ? 0 : allocate(un, pg->offset);
	rw_enter_write(&un->u_obj.uo_lock);
	if (error == 0) {
		/* what is in the new blocks is not zero before it is written */
		atomic_and(&pg->pg_flags, ~(uint32_t)(PG_HOLE | PG_CLEAN));
		(void)uvn_dirty(pg);
		return VM_PAGER_OK;
	}
	(void)uvm_page_unbusy(pg);
	return error == ENOSPC ? VM_PAGER_FAIL : VM_PAGER_ERROR;
}

static inline bool
needs_blocks(const struct vm_page *pg, vm_prot_t access)
{
	return (access & PROT_WRITE) != 0 && (pg->pg_flags & PG_HOLE) != 0;
}

/* => object write-locked on entry and exit; never sleeps */
static int
get_locked(struct uvm_vnode *un, voff_t off, struct vm_page **pps, int *npagesp,
    int centre, vm_prot_t access)
{
	uint64_t first = (uint64_t)off >> PAGE_SHIFT;
	struct vm_page *pg;
	int found = 0;

	for (int i = 0; i < *npagesp; i++) {
		if (pps[i] == PGO_DONTCARE)
			continue;
		pg = uvm_pagetree_lookup(
		    &un->u_obj.uo_tree, first + (uint64_t)i);
		if (pg == NULL || (pg->pg_flags & PG_BUSY) ||
		    (i == centre && needs_blocks(pg, access)))
			continue;
		atomic_or(&pg->pg_flags, PG_BUSY);
		pps[i] = pg;
		found++;
	}
	*npagesp = found;
	return pps[centre] != NULL && pps[centre] != PGO_DONTCARE
	    ? VM_PAGER_OK
	    : VM_PAGER_UNLOCK;
}

/* => object write-locked on entry, unlocked on exit; may sleep */
static int
get_unlocked(struct uvm_vnode *un, voff_t off, struct vm_page **pgp,
    vm_prot_t access, int advice)
{
	struct uvm_object *uobj = &un->u_obj;
	uint64_t idx = (uint64_t)off >> PAGE_SHIFT;
	struct vm_page *pg;
	int rv = VM_PAGER_OK;

	while ((pg = uvm_pagelookup(uobj, off)) != NULL &&
	    (pg->pg_flags & PG_BUSY)) {
		uvm_page_wait(pg, &uobj->uo_lock, "uvnget");
		rw_enter_write(&uobj->uo_lock);
	}
	if ((un->u_flags & UVN_DEAD) || idx >= uvn_pages(un))
		rv = VM_PAGER_BAD;
	else if (pg == NULL)
		rv = read_pages(un, idx, advice, &pg);
	else
		atomic_or(&pg->pg_flags, PG_BUSY);
	if (rv == VM_PAGER_OK && needs_blocks(pg, access))
		rv = fill_hole(un, pg);
	if (rv == VM_PAGER_OK)
		*pgp = pg;
	rw_exit(&uobj->uo_lock);
	return rv;
}

int
uvn_get(struct uvm_object *uobj, voff_t off, struct vm_page **pps, int *npagesp,
    int centreidx, vm_prot_t access, int advice, int flags)
{
	struct uvm_vnode *un = to_uvn(uobj);

	if (flags & PGO_LOCKED)
		return get_locked(un, off, pps, npagesp, centreidx, access);
	return get_unlocked(
	    un, off + (voff_t)ptoa(centreidx), &pps[centreidx], access, advice);
}

int
uvn_put_page(struct uvm_object *uobj, voff_t off, struct vm_page *pg)
{
	struct uvm_vnode *un = to_uvn(uobj);
	int error;

	if ((un->u_flags & UVN_DEAD) ||
	    (uint64_t)off >> PAGE_SHIFT >= uvn_pages(un))
		return EIO;
	if (uvm_pagelookup(uobj, off) != NULL)
		return EEXIST;
	error = uvm_page_adopt(pg, uobj, off);
	if (error != 0)
		return error;
	rw_exit(&uobj->uo_lock);
	error = allocate(un, off);
	rw_enter_write(&uobj->uo_lock);
	if (error != 0) {
		uvm_pagerealloc(pg, NULL, 0);
		if (pg->pg_flags & PG_WANTED)
			wakeup(pg);
		atomic_and(&pg->pg_flags, ~(uint32_t)(PG_BUSY | PG_WANTED));
		return error;
	}
	(void)uvn_dirty(pg);
	(void)uvm_page_unbusy(pg);
	return 0;
}

/* -- Writing ----------------------------------------------------------------- */

/*
 * A page that is clean is not counted any more, once no mapping may store to it
 * without a fault.  Wired ones have no faults: they are looked at again.
 * => object write-locked; n of its pages; how many stay counted
 */
static u_int
settle(struct uvm_vnode *un, struct vm_page **pgs, u_int n)
{
	struct vm_page *clean[UVN_CLUSTER];
	u_int nclean = 0, kept = 0;

	for (u_int i = 0; i < n; i++) {
		if ((pgs[i]->pg_flags & PG_DIRTY) == 0)
			continue;
		if (pgs[i]->wire_count == 0 && !uvn_page_dirty(pgs[i]))
			clean[nclean++] = pgs[i];
		else
			kept++;
	}
	if (nclean > 0 && !MUTANT(UVN_CLEAN_WRITABLE))
		pmap_pages_protect(clean, nclean);
	for (u_int i = 0; i < nclean; i++) {
		if (pmap_is_modified(clean[i]))
			kept++;
		else
			uvn_undirty(clean[i]);
	}
	if (kept > 0)
		uvn_dirtied(un);
	return kept;
}

/*
 * What pages of a write will be when it is done, unless they are stored to.
 * => object write-locked; pages of a write that is about to begin
 */
static void
write_presume(struct vm_page **pgs, int n)
{
	if (!MUTANT(UVN_WRITE_STAYS_MODIFIED))
		pmap_pages_clear_modify(pgs, (u_int)n);
	for (int i = 0; i < n; i++)
		atomic_or(&pgs[i]->pg_flags, PG_CLEAN);
}

/*
 * A write of n pages ended; if it failed they are written one by one.
 * => object write-locked on entry and exit, dropped meanwhile; pages busy;
 *    those not written are dirty again
 * => 0 or errno
 */
static int
write_done(struct uvm_vnode *un, struct vm_page **pgs, int n, int error)
{
	struct vnode *vp = un->u_vnode;
	struct vm_page *written[UVN_CLUSTER];
	int failed = 0, one[UVN_CLUSTER];
	u_int nwritten = 0;

	if (error != 0 && n > 1) {
		rw_exit(&un->u_obj.uo_lock);
		for (int i = 0; i < n; i++)
			one[i] = vp->v_op->vop_writepages(
			    vp, pgs[i]->offset, &pgs[i], 1);
		rw_enter_write(&un->u_obj.uo_lock);
	} else
		for (int i = 0; i < n; i++)
			one[i] = error;
	if (MUTANT(UVN_CLEANED_LATE))
		write_presume(pgs, n);
	for (int i = 0; i < n; i++) {
		if (one[i] == 0) {
			written[nwritten++] = pgs[i];
			continue;
		}
		failed = one[i];
		if (!MUTANT(UVN_WRITE_ERROR_DROPS))
			atomic_and(&pgs[i]->pg_flags, ~(uint32_t)PG_CLEAN);
	}
	(void)settle(un, written, nwritten);
	if (failed != 0) {
		uvn_dirtied(un);
		un->u_error = failed;
		un->u_failed++;
	}
	return failed;
}

/*
 * Write n pages, together or, if that fails, one by one.
 * => as write_done(); at consecutive offsets
 */
static int
write_pages(struct uvm_vnode *un, struct vm_page **pgs, int n)
{
	struct vnode *vp = un->u_vnode;
	int error;

	if (!MUTANT(UVN_CLEANED_LATE))
		write_presume(pgs, n);
	rw_exit(&un->u_obj.uo_lock);
	error = vp->v_op->vop_writepages(vp, pgs[0]->offset, pgs, n);
	rw_enter_write(&un->u_obj.uo_lock);
	return write_done(un, pgs, n, error);
}

/*
 * => as pgo_put
 */
int
uvn_put(struct uvm_object *uobj, struct vm_page **pps, int npages, int flags)
{
	KASSERT(npages > 0 && npages <= UVN_CLUSTER);
	return write_pages(to_uvn(uobj), pps, npages) == 0 ? VM_PAGER_OK
							   : VM_PAGER_ERROR;
}

/*
 * Dirty pages that lie side by side, the first one at pg.
 * => object write-locked; all are busy on exit
 */
static int
gather(struct uvm_vnode *un, struct vm_page *pg, uint64_t end,
    struct vm_page **pgs)
{
	uint64_t i = (uint64_t)pg->offset >> PAGE_SHIFT;
	int n = 0;

	do {
		/* it will be freed, and nothing may be stored to it before */
		if (un->u_flags & UVN_DEAD)
			uvm_page_unmap(pg);
		atomic_or(&pg->pg_flags, PG_BUSY);
		pgs[n++] = pg;
		pg = uvm_pagetree_lookup(&un->u_obj.uo_tree, ++i);
	} while (n < UVN_CLUSTER && i < end && pg != NULL &&
	    (pg->pg_flags & PG_BUSY) == 0 && uvn_page_dirty(pg));
	return n;
}

/*
 * => object write-locked; n pages, busy, are no more on their way
 * => what the daemon wanted written and cannot be gets out of its way
 */
static void
cluster_done(struct uvm_vnode *un, struct vm_page **pgs, int n, int error,
    struct uvn_walk *uw)
{
	bool pageout = uw->uw_pageout;

	if (pageout)
		(void)atomic_add((u_int *)&uvmexp.paging, (u_int)-n);
	if (pageout && !MUTANT(UVN_NO_PATIENCE))
		un->u_retry = error != 0 ? nsecuptime() + UVN_RETRY : 0;
	for (int i = 0; i < n; i++) {
		if (pageout && error != 0)
			uvm_pageactivate(pgs[i]);
		(void)uvm_page_unbusy(pgs[i]);
	}
	if (error == 0) {
		uw->uw_written += (u_int)n;
	} else {
		uw->uw_kept += (u_int)n;
		uw->uw_error = error;
	}
}

/* => no locks: the write has come to its end */
static void
write_end(struct uvm_vnode *un, struct uvn_io *ui)
{
	struct vnode *vp = un->u_vnode;

	if (ui->ui_ended)
		return;
	ui->ui_error = biowait(&ui->ui_buf);
	ui->ui_ended = true;
	if (vp->v_op->vop_endpages != NULL)
		vp->v_op->vop_endpages(vp, ui->ui_pg[0]->offset,
		    ui->ui_buf.b_bcount, ui->ui_error);
}

/*
 * Wait for the oldest write under way.  If it failed, its pages are written
 * once more, and the file system may wait for the other writes then.
 * => object write-locked on entry and exit, dropped meanwhile
 */
static void
write_wait(struct uvm_vnode *un, struct uvn_walk *uw)
{
	struct uvn_io *ui = uw->uw_io[0];
	int n = uvn_io_pages(ui), error;

	uw->uw_nio--;
	for (u_int i = 0; i < uw->uw_nio; i++)
		uw->uw_io[i] = uw->uw_io[i + 1];
	rw_exit(&un->u_obj.uo_lock);
	write_end(un, ui);
	for (u_int i = 0; i < uw->uw_nio && ui->ui_error != 0; i++)
		write_end(un, uw->uw_io[i]);
	rw_enter_write(&un->u_obj.uo_lock);
	error = write_done(un, ui->ui_pg, n, ui->ui_error);
	cluster_done(un, ui->ui_pg, n, error, uw);
	uvn_io_give(ui);
}

static void
write_wait_all(struct uvm_vnode *un, struct uvn_walk *uw)
{
	while (uw->uw_nio > 0)
		write_wait(un, uw);
}

/*
 * Begin to write the pages, or the first of them; the others are let go.
 * => object write-locked on entry and exit, dropped meanwhile; pages busy
 * => how many are on their way; 0: all are as before
 */
static int
write_begin(
    struct uvm_vnode *un, struct vm_page **pgs, int n, struct uvn_walk *uw)
{
	struct uvn_io *ui;
	int began;

	if (uw->uw_nio == UVN_FLYING)
		write_wait(un, uw);
	ui = MUTANT(UVN_CLEANED_LATE) ? NULL : uvn_io_take(false);
	if (ui == NULL)
		return 0;
	write_presume(pgs, n);
	rw_exit(&un->u_obj.uo_lock);
	began = uvn_io_begin(un, ui, B_WRITE, pgs, n);
	rw_enter_write(&un->u_obj.uo_lock);
	for (int i = began; i < n; i++) {
		if (!MUTANT(UVN_UNBEGUN_CLEAN))
			atomic_and(&pgs[i]->pg_flags, ~(uint32_t)PG_CLEAN);
		if (began > 0)
			(void)uvm_page_unbusy(pgs[i]);
	}
	if (began > 0)
		uw->uw_io[uw->uw_nio++] = ui;
	else
		uvn_io_give(ui);
	return began;
}

/*
 * => as uvn_clean(); n pages busy on entry, not on exit, but for those that are
 *    on their way
 * => how many were written, or will be; the others are as before
 */
static int
write_cluster(
    struct uvm_vnode *un, struct vm_page **pgs, int n, struct uvn_walk *uw)
{
	int began;

	if (uw->uw_pageout) {
		UVMCNT_INC(pdpageouts);
		UVMCNT_INC(pdpending);
		(void)atomic_add((u_int *)&uvmexp.paging, (u_int)n);
	}
	began = write_begin(un, pgs, n, uw);
	if (began == 0) {
		write_wait_all(un, uw); /* the file system may wait for them */
		cluster_done(un, pgs, n, write_pages(un, pgs, n), uw);
		return n;
	}
	if (uw->uw_pageout)
		(void)atomic_add(
		    (u_int *)&uvmexp.paging, (u_int) - (n - began));
	return began;
}

/*
 * => object write-locked, dropped to wait; TRUE: pg, the next one, is not to
 *    be written, or not any more
 */
static bool
pass_over(struct uvm_vnode *un, struct vm_page *pg, struct uvn_walk *uw)
{
	if (pg->pg_flags & PG_BUSY) {
		if (!uw->uw_sync || MUTANT(UVN_SYNC_SKIPS_BUSY)) {
			uvn_dirtied(un);
			uw->uw_next++;
			return true;
		}
		/* nobody shall wait for us meanwhile */
		if (uw->uw_nio > 0) {
			write_wait(un, uw);
			return true;
		}
		/* perhaps it is just being written */
		uvm_page_wait(pg, &un->u_obj.uo_lock, "uvnclean");
		rw_enter_write(&un->u_obj.uo_lock);
		return true;
	}
	if (uvn_page_dirty(pg))
		return false;
	uw->uw_kept += settle(un, &pg, 1);
	uw->uw_next++;
	return true;
}

bool
uvn_clean_walk(struct uvm_vnode *un, struct uvn_walk *uw)
{
	struct vm_page *pg, *pgs[UVN_CLUSTER];
	bool done = true;
	int n;

	if (un->u_vnode->v_op->vop_writepages == NULL)
		return true;
	while ((pg = uvm_pagetree_next(&un->u_obj.uo_tree, &uw->uw_next)) !=
		NULL &&
	    uw->uw_next < uw->uw_end) {
		if (pass_over(un, pg, uw))
			continue;
		n = gather(un, pg, uw->uw_end, pgs);
		uw->uw_next += (uint64_t)write_cluster(un, pgs, n, uw);
		if (uw->uw_stop != NULL && uw->uw_stop()) {
			done = false;
			break;
		}
	}
	write_wait_all(un, uw);
	return done;
}

static struct uvn_walk
walk_of(voff_t start, voff_t stop)
{
	return (struct uvn_walk){
		.uw_next = (uint64_t)start >> PAGE_SHIFT,
		.uw_end = ((uint64_t)stop + PAGE_MASK) >> PAGE_SHIFT,
	};
}

u_int
uvn_clean(struct uvm_vnode *un, voff_t start, voff_t stop, bool pageout)
{
	struct uvn_walk uw = walk_of(start, stop);

	uw.uw_pageout = pageout;
	(void)uvn_clean_walk(un, &uw);
	return uw.uw_written;
}

int
uvn_sync(struct uvm_vnode *un, voff_t start, voff_t stop)
{
	struct uvn_walk uw = walk_of(start, stop);

	uw.uw_sync = true;
	(void)uvn_clean_walk(un, &uw);
	return uw.uw_error;
}

int
uvn_sync_asked(struct uvm_vnode *un, voff_t start, voff_t stop)
{
	/* another one who asks may have taken what this one noted */
	int error = uvn_sync(un, start, stop);

	if (error == 0 || MUTANT(UVN_ERROR_TAKEN))
		error = un->u_error;
	if (!MUTANT(UVN_ERROR_TWICE))
		un->u_error = 0;
	return error;
}

/* -- Flushing ---------------------------------------------------------------- */

/*
 * => object write-locked, page not busy; it goes if nothing is lost by that
 */
static void
free_clean(struct vm_page *pg)
{
	if (pg->wire_count != 0 || pg->loan_count != 0)
		return;
	if (uvn_page_dirty(pg) && !MUTANT(UVN_INVALIDATE_DROPS))
		return;
	pmap_page_protect(pg, PROT_NONE);
	if (pmap_is_modified(pg))
		return;
	uvm_pagefree(pg);
}

static void
flush_page(struct vm_page *pg, int flags)
{
	if (flags & (PGO_FREE | PGO_INVALIDATE))
		free_clean(pg);
	else if ((pg->wire_count == 0 && pg->loan_count == 0) ||
	    MUTANT(UVN_FLUSH_UNMAPS_HELD)) {
		/* without its mappings, so that the next touch is noticed */
		pmap_page_protect(pg, PROT_NONE);
		uvm_pagedeactivate(pg);
	}
}

/*
 * => as pgo_flush; PGO_CLEANIT without PGO_SYNCIO: the writer thread does it
 */
boolean_t
uvn_flush(struct uvm_object *uobj, voff_t start, voff_t stop, int flags)
{
	struct uvm_vnode *un = to_uvn(uobj);
	struct vm_page *pg;
	uint64_t i, end;
	boolean_t ok = TRUE;

	if (flags & PGO_ALLPAGES) {
		start = 0;
		stop = UVN_MAXOFF;
	}
	if ((flags & (PGO_CLEANIT | PGO_SYNCIO)) == (PGO_CLEANIT | PGO_SYNCIO))
		ok = uvn_sync_asked(un, start, stop) == 0;
	else if (flags & PGO_CLEANIT)
		uvn_want_write(un, false);
	if ((flags & (PGO_FREE | PGO_INVALIDATE | PGO_DEACTIVATE)) == 0)
		return ok;
	i = (uint64_t)start >> PAGE_SHIFT;
	end = (uint64_t)round_page((size_t)stop) >> PAGE_SHIFT;
	for (; (pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL && i < end;
	     i++)
		if ((pg->pg_flags & PG_BUSY) == 0)
			flush_page(pg, flags);
	return ok;
}

/* -- For the page daemon ----------------------------------------------------- */

bool
uvn_pageout(struct vm_page *pg)
{
	struct uvm_vnode *un = to_uvn(pg->uobject);

	if (un->u_retry != 0 && nsecuptime() < un->u_retry)
		return false;
	uvn_want_write(un, true);
	return true;
}
