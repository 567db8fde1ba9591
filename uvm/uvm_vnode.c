/*
 * Objects of vnodes: their life, size and lists.  uvm_vnode_io.c moves pages.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_vnode.h>
#include <sys/pool.h>
#include <sys/vnode.h>

TAILQ_HEAD(uvn_list, uvm_vnode);

static struct pool uvn_pool; /* set up once by uvn_init */
static struct mutex uvn_mtx = MUTEX_INITIALIZER(LR_MISC, "uvn");
/* All: uvn_mtx. */
static struct uvn_list uvn_writers = TAILQ_HEAD_INITIALIZER(uvn_writers);
static struct uvn_list uvn_wanted = TAILQ_HEAD_INITIALIZER(uvn_wanted);
static struct uvn_list uvn_reads = TAILQ_HEAD_INITIALIZER(uvn_reads);
static u_int uvn_passes; /* through the list, which stamp what they have seen */
/* One vnode at a time gets its object: its attributes are read meanwhile. */
static struct rwlock uvn_attach_lock = RWLOCK_INITIALIZER(LR_UVN, "uvnattach");
/* One at a time goes through the list. */
static struct rwlock uvn_sync_lock = RWLOCK_INITIALIZER(LR_UVN, "uvnsync");
static struct proc *uvn_writer; /* [I] once it runs */
static volatile bool uvn_writing; /* [a] the writer thread does, or looks */

#define ALWAYS UINT64_MAX /* whenever it became dirty, if ever */
#define AGE_LOOKS \
	6 /* times the age of files is looked at until it is reached */

/* => boot: pager initialisation */
static void
uvn_init(void)
{
	pool_init(&uvn_pool, sizeof(struct uvm_vnode), 0, "uvmvnode");
}

/* -- Lists ------------------------------------------------------------------- */

void
uvn_note_write(struct uvm_object *uobj)
{
	struct uvm_vnode *un = to_uvn(uobj);

	if (atomic_load(&un->u_lists) & UVN_ON_WRITERS)
		return;
	mtx_enter(&uvn_mtx);
	if ((un->u_lists & UVN_ON_WRITERS) == 0) {
		un->u_lists |= UVN_ON_WRITERS;
		if (TAILQ_EMPTY(&uvn_writers))
			wakeup(&uvn_wanted); /* there is age to watch */
		TAILQ_INSERT_TAIL(&uvn_writers, un, u_writers);
	}
	mtx_leave(&uvn_mtx);
}

void
uvn_want_write(struct uvm_vnode *un, bool pageout)
{
	mtx_enter(&uvn_mtx);
	if (pageout)
		un->u_lists |= UVN_PAGEOUT;
	if ((un->u_lists & UVN_ON_WANTED) == 0) {
		un->u_lists |= UVN_ON_WANTED;
		TAILQ_INSERT_TAIL(&uvn_wanted, un, u_wanted);
		wakeup(&uvn_wanted);
	}
	mtx_leave(&uvn_mtx);
}

void
uvn_want_ahead(struct uvm_vnode *un)
{
	mtx_enter(&uvn_mtx);
	if ((un->u_lists & UVN_ON_READS) == 0) {
		un->u_lists |= UVN_ON_READS;
		TAILQ_INSERT_TAIL(&uvn_reads, un, u_reads);
		wakeup(&uvn_reads);
	}
	mtx_leave(&uvn_mtx);
}

/* => uvn_mtx held */
static void
unlist(struct uvm_vnode *un, u_int which)
{
	u_int on = un->u_lists & which;

	if (on & UVN_ON_WRITERS)
		TAILQ_REMOVE(&uvn_writers, un, u_writers);
	if (on & UVN_ON_WANTED)
		TAILQ_REMOVE(&uvn_wanted, un, u_wanted);
	if (on & UVN_ON_READS)
		TAILQ_REMOVE(&uvn_reads, un, u_reads);
	un->u_lists &= ~which;
}

/* => uvn_mtx held; un may go after the last hold */
static void
release(struct uvm_vnode *un)
{
	if (--un->u_holds == 0)
		wakeup(&un->u_holds);
}

void
uvn_hold(struct uvm_vnode *un)
{
	mtx_enter(&uvn_mtx);
	un->u_holds++;
	mtx_leave(&uvn_mtx);
}

void
uvn_unhold(struct uvm_vnode *un)
{
	mtx_enter(&uvn_mtx);
	release(un);
	mtx_leave(&uvn_mtx);
}

/* -- Life -------------------------------------------------------------------- */

/*
 * The object of a vnode that had none, or whose attributes could not be read
 * when it got it.  The file's size may change while we ask for it; what
 * uvm_vnp_setsize() says is newer.
 * => NULL: attributes, or a kind that cannot be mapped
 */
static struct uvm_vnode *
uvn_create(struct vnode *vp)
{
	struct uvm_vnode *un;
	struct vattr va;
	int error;

	if (vp->v_type != VREG || vp->v_op->vop_readpages == NULL)
		return NULL;
	rw_enter_write(&uvn_attach_lock);
	un = vp->v_uvm;
	if (un == NULL) {
		un = pool_get(&uvn_pool, PR_WAITOK | PR_ZERO);
		uvm_obj_init(&un->u_obj, &uvm_vnodeops, 0);
		un->u_vnode = vp;
		un->u_ahead = UVN_AHEAD;
		un->u_mark = UVN_NOMARK;
		atomic_store_rel(&vp->v_uvm, un);
	}
	error = vp->v_op->vop_getattr(vp, &va);
	rw_enter_write(&un->u_obj.uo_lock);
	if (error == 0 && (un->u_flags & UVN_SIZED) == 0) {
		un->u_size = va.va_size;
		un->u_flags |= UVN_SIZED;
	}
	if (atomic_load(&vp->v_writers) < 0)
		un->u_flags |= UVN_TEXT;
	rw_exit(&un->u_obj.uo_lock);
	rw_exit(&uvn_attach_lock);
	return error == 0 ? un : NULL;
}

/*
 * => vnode referenced and unlocked; may sleep; object referenced, unlocked
 * => accessprot: any; the first store shows in a fault
 * => NULL: no attributes, a kind that cannot be mapped, or terminated
 */
struct uvm_object *
uvn_attach(struct vnode *vp, vm_prot_t accessprot)
{
	struct uvm_vnode *un = atomic_load_acq(&vp->v_uvm);
	struct uvm_object *uobj;

	if (un == NULL || (atomic_load_acq(&un->u_flags) & UVN_SIZED) == 0)
		un = uvn_create(vp);
	if (un == NULL)
		return NULL;
	uobj = &un->u_obj;
	rw_enter_write(&uobj->uo_lock);
	if (un->u_flags & UVN_DEAD) {
		rw_exit(&uobj->uo_lock);
		return NULL;
	}
	if (uobj->uo_refs++ == 0 && !MUTANT(UVN_NO_VREF))
		vref(vp);
	rw_exit(&uobj->uo_lock);
	return uobj;
}

static void
uvn_reference(struct uvm_object *uobj)
{
	rw_enter_write(&uobj->uo_lock);
	KASSERT(uobj->uo_refs > 0);
	uobj->uo_refs++;
	rw_exit(&uobj->uo_lock);
}

/*
 * Free the pages from index i on, whatever they hold.
 * => object write-locked on entry and exit, dropped to wait; dirty ones freed
 */
static u_int
free_pages(struct uvm_vnode *un, uint64_t i)
{
	struct vm_page *pg;
	u_int dirty = 0;

	while ((pg = uvn_next_unbusy(un, i)) != NULL) {
		uvm_page_unmap(pg);
		dirty += uvn_page_dirty(pg);
		uvm_pagefree(pg);
	}
	return dirty;
}

/*
 * Write what is dirty, then free what is clean.
 * => object write-locked on entry and exit, dropped meanwhile
 */
static void
write_and_free(struct uvm_vnode *un)
{
	(void)uvn_sync(un, 0, UVN_MAXOFF);
	(void)uvn_flush(&un->u_obj, 0, 0, PGO_ALLPAGES | PGO_FREE);
}

/*
 * => object unlocked; may sleep; with the last reference that on the vnode
 *    goes, and the vnode and the object may go with it
 */
static void
uvn_detach(struct uvm_object *uobj)
{
	struct uvm_vnode *un = to_uvn(uobj);
	struct vnode *vp = un->u_vnode;
	int refs;

	rw_enter_write(&uobj->uo_lock);
	KASSERT(uobj->uo_refs > 0);
	while (uobj->uo_refs == 1 && (un->u_flags & UVN_UNCACHE)) {
		un->u_flags &= ~(u_int)UVN_UNCACHE;
		if (!MUTANT(UVN_UNCACHE_FORGETS))
			write_and_free(un);
		/* somebody came meanwhile: then it is his to do */
		if (uobj->uo_refs > 1 && !MUTANT(UVN_UNCACHE_ONCE))
			un->u_flags |= UVN_UNCACHE;
	}
	refs = --uobj->uo_refs;
	rw_exit(&uobj->uo_lock);
	if (refs == 0)
		vrele(vp);
}

/*
 * Nothing new can come: neither pages nor work.
 * => object write-locked; dropped to wait
 */
static void
wait_for_holds(struct uvm_vnode *un)
{
	rw_exit(&un->u_obj.uo_lock);
	mtx_enter(&uvn_mtx);
	unlist(un, UVN_ON_WRITERS | UVN_ON_WANTED | UVN_ON_READS);
	while (un->u_holds != 0)
		(void)msleep(&un->u_holds, &uvn_mtx, PVM, "uvnterm", INFSLP);
	/* who held it may have put it on again */
	unlist(un, UVN_ON_WRITERS | UVN_ON_WANTED | UVN_ON_READS);
	mtx_leave(&uvn_mtx);
	rw_enter_write(&un->u_obj.uo_lock);
}

/*
 * The vnode goes away, or is revoked.
 * => nobody attaches, reads or writes meanwhile; no locks; may sleep; dirty
 *    pages are written, all are freed
 * => mappings that are left get nothing more
 */
void
uvm_vnp_terminate(struct vnode *vp)
{
	struct uvm_vnode *un = vp->v_uvm;
	struct uvm_object *uobj;
	u_int lost;
	int refs;

	if (un == NULL)
		return;
	uobj = &un->u_obj;
	rw_enter_write(&uobj->uo_lock);
	un->u_flags |= UVN_DEAD;
	if (!MUTANT(UVN_TERMINATE_DROPS))
		(void)uvn_sync(un, 0, UVN_MAXOFF);
	lost = free_pages(un, 0);
	wait_for_holds(un);
	refs = uobj->uo_refs;
	if (refs == 0)
		vp->v_uvm = NULL;
	rw_exit(&uobj->uo_lock);
	if (lost != 0)
		printf(
		    "uvm_vnp_terminate: %u pages could not be written\n", lost);
	if (refs == 0) {
		uvm_obj_destroy(uobj);
		pool_put(&uvn_pool, un);
	}
}

/*
 * => vnode locked; may sleep
 * => TRUE: nobody uses the object, and its pages are gone, but for those that
 *    cannot be written; FALSE: they go with the last reference
 */
boolean_t
uvm_vnp_uncache(struct vnode *vp)
{
	struct uvm_vnode *un = atomic_load_acq(&vp->v_uvm);
	boolean_t idle;

	if (un == NULL)
		return TRUE;
	rw_enter_write(&un->u_obj.uo_lock);
	if (un->u_obj.uo_refs == 0)
		write_and_free(un);
	/* somebody may have come meanwhile */
	idle = un->u_obj.uo_refs == 0;
	if (!idle)
		un->u_flags |= UVN_UNCACHE;
	rw_exit(&un->u_obj.uo_lock);
	return idle;
}

/* -- Size -------------------------------------------------------------------- */

/*
 * What is lent stays as it was: the file gets a page of its own.
 * => object write-locked on entry and exit, dropped to wait for memory; page
 *    busy; not busy on exit
 */
static void
zero_tail(struct uvm_vnode *un, struct vm_page *pg, voff_t size)
{
	size_t from = (size_t)size & PAGE_MASK;
	struct vm_page *own;

	while (pg->loan_count != 0 && !MUTANT(LOANED_CUT)) {
		own = uvm_obj_loanbreak(pg);
		if (own != NULL) {
			pg = own;
			(void)uvn_dirty(pg);
			break;
		}
		rw_exit(&un->u_obj.uo_lock);
		uvm_wait("uvntail");
		rw_enter_write(&un->u_obj.uo_lock);
	}
	memset((char *)VM_PAGE_TO_DMAP(pg) + from, 0, PAGE_SIZE - from);
	pmap_page_modified_text(pg);
	(void)uvm_page_unbusy(pg);
}

/*
 * The file gets longer.  What its last page holds behind the old end becomes
 * part of it: that must be zero, on disk too, where something else may be.
 * => object write-locked on entry and exit, dropped meanwhile
 * => EIO: that page cannot be read, nothing has changed
 */
static int
grow(struct uvm_vnode *un, voff_t old, voff_t size)
{
	struct uvm_object *uobj = &un->u_obj;
	struct vm_page *pg = NULL;
	int n = 1, rv;

	do {
		rv = uvn_get(uobj, (voff_t)trunc_page((size_t)old), &pg, &n, 0,
		    PROT_READ, MADV_RANDOM, 0);
		if (rv == VM_PAGER_AGAIN)
			uvm_wait("uvngrow");
		rw_enter_write(&uobj->uo_lock);
	} while (rv == VM_PAGER_AGAIN);
	if (rv != VM_PAGER_OK && !MUTANT(UVN_GROWS_UNREAD))
		return EIO;
	un->u_size = size;
	if (rv != VM_PAGER_OK)
		return 0;
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	(void)uvn_dirty(pg);
	if (!MUTANT(UVN_GROW_KEEPS_TAIL))
		zero_tail(un, pg, old);
	else
		(void)uvm_page_unbusy(pg);
	return 0;
}

/*
 * Pages beyond the new end go, wherever they are mapped.
 * => as grow()
 */
static void
shrink(struct uvm_vnode *un, voff_t size)
{
	struct vm_page *pg;

	/* first, so that nobody brings another one */
	un->u_size = size;
	if ((size & (voff_t)PAGE_MASK) != 0 && !MUTANT(UVN_SHRINK_KEEPS_TAIL)) {
		pg = uvn_next_unbusy(un, (uint64_t)size >> PAGE_SHIFT);
		if (pg != NULL && pg->offset < size) {
			atomic_or(&pg->pg_flags, PG_BUSY);
			zero_tail(un, pg, size);
		}
	}
	(void)free_pages(un, uvn_pages(un));
}

/*
 * => vnode referenced; nobody reads, writes or changes the size meanwhile;
 *    object unlocked; may sleep for busy pages and to read the last one
 * => 0; EIO: that cannot be read, the size is what it was
 */
static int
set_size(struct vnode *vp, voff_t newsize)
{
	struct uvm_vnode *un = atomic_load_acq(&vp->v_uvm);
	int error = 0;
	voff_t old;

	if (un == NULL)
		return 0;
	rw_enter_write(&un->u_obj.uo_lock);
	old = un->u_size;
	if ((un->u_flags & UVN_SIZED) == 0) {
		un->u_size = newsize;
		if (!MUTANT(UVN_SIZE_FORGOTTEN))
			un->u_flags |= UVN_SIZED;
	} else if (newsize < old)
		shrink(un, newsize);
	else if (newsize > old && (old & (voff_t)PAGE_MASK) != 0)
		error = grow(un, old, newsize);
	else
		un->u_size = newsize;
	rw_exit(&un->u_obj.uo_lock);
	return error;
}

/*
 * => as set_size(); where that fails the size changes all the same
 */
void
uvm_vnp_setsize(struct vnode *vp, voff_t newsize)
{
	struct uvm_vnode *un;

	if (set_size(vp, newsize) == 0)
		return;
	/* what the page holds shows when it can be read again */
	un = vp->v_uvm;
	rw_enter_write(&un->u_obj.uo_lock);
	un->u_size = newsize;
	rw_exit(&un->u_obj.uo_lock);
}

int
uvm_vnp_grow(struct vnode *vp, voff_t newsize)
{
	return set_size(vp, newsize);
}

/* -- Text -------------------------------------------------------------------- */

void
uvm_vnp_text(struct vnode *vp, bool text)
{
	struct uvm_vnode *un = atomic_load_acq(&vp->v_uvm);
	struct vm_page *pg;
	int n = 0;

	if (un == NULL)
		return;
	rw_enter_write(&un->u_obj.uo_lock);
	if (((un->u_flags & UVN_TEXT) != 0) != text) {
		un->u_flags ^= UVN_TEXT;
		for (uint64_t i = 0;
		     (pg = uvm_pagetree_next(&un->u_obj.uo_tree, &i)) != NULL;
		     i++, n++) {
			if (text)
				atomic_or(&pg->pg_flags, PG_TEXT);
			else
				atomic_and(&pg->pg_flags, ~(uint32_t)PG_TEXT);
		}
		if (!MUTANT(UVN_TEXT_UNCOUNTED)) {
			UVMCNT_ADD(vtextpages, text ? n : -n);
			UVMCNT_ADD(vnodepages, text ? -n : n);
		}
	}
	rw_exit(&un->u_obj.uo_lock);
}

/* -- Writing ----------------------------------------------------------------- */

int
uvm_vnp_flush(struct vnode *vp, voff_t start, voff_t stop)
{
	struct uvm_vnode *un = atomic_load_acq(&vp->v_uvm);
	int error;

	if (un == NULL)
		return 0;
	rw_enter_write(&un->u_obj.uo_lock);
	error = uvn_sync_asked(un, start, stop);
	rw_exit(&un->u_obj.uo_lock);
	return error;
}

int
uvm_vnp_write(struct vnode *vp, voff_t start, voff_t stop)
{
	struct uvm_vnode *un = atomic_load_acq(&vp->v_uvm);
	int error;

	if (MUTANT(UVN_ERROR_TO_OTHERS))
		return uvm_vnp_flush(vp, start, stop);
	if (un == NULL)
		return 0;
	rw_enter_write(&un->u_obj.uo_lock);
	error = uvn_sync(un, start, stop);
	rw_exit(&un->u_obj.uo_lock);
	return error;
}

int
uvn_fsync(struct uvm_object *uobj)
{
	struct vnode *vp = to_uvn(uobj)->u_vnode;

	if (vp->v_op->vop_fsync == NULL || MUTANT(UVN_MSYNC_UNSAFE))
		return 0;
	return vp->v_op->vop_fsync(vp, FSYNC_DATA);
}

/*
 * Nobody can make it dirty but by attaching to it, or by writing to it, and
 * both put it on the list again.
 * => object write-locked
 */
static void
forget_clean(struct uvm_vnode *un)
{
	struct vm_page *pg;

	if (un->u_obj.uo_refs != 0)
		return;
	for (uint64_t i = 0;
	     (pg = uvm_pagetree_next(&un->u_obj.uo_tree, &i)) != NULL; i++)
		if ((pg->pg_flags & PG_BUSY) != 0 || pg->wire_count != 0 ||
		    uvn_page_dirty(pg))
			return;
	mtx_enter(&uvn_mtx);
	unlist(un, UVN_ON_WRITERS);
	mtx_leave(&uvn_mtx);
}

/* => un held; object unlocked; 0 or errno */
static int
sync_one(struct uvm_vnode *un)
{
	u_int failed;
	int error;

	rw_enter_write(&un->u_obj.uo_lock);
	failed = un->u_failed;
	atomic_store(&un->u_dirtied, 0);
	error = uvn_sync(un, 0, UVN_MAXOFF);
	failed = un->u_failed - failed;
	forget_clean(un);
	rw_exit(&un->u_obj.uo_lock);
	/* u_error stays for who asks by fsync */
	if (failed != 0)
		printf("uvm_vnp_sync: %u writes to a file failed\n", failed);
	return error;
}

/*
 * The next one of the list that this pass has not seen; it goes to the end, so
 * that those not seen are found soon.
 * => uvn_mtx held; un held, or NULL; before: only what was dirty then, ns
 */
static struct uvm_vnode *
next_writer(struct mount *mp, enum uvn_pass by, u_int pass, uint64_t before)
{
	struct uvm_vnode *un;
	uint64_t since;

	TAILQ_FOREACH (un, &uvn_writers, u_writers) {
		if (un->u_pass[by] == pass ||
		    (mp != NULL && un->u_vnode->v_mount != mp &&
			!MUTANT(UVN_SYNC_ALL_MOUNTS)))
			continue;
		since = atomic_load(&un->u_dirtied);
		if (before != ALWAYS && (since == 0 || since > before))
			continue;
		un->u_pass[by] = pass;
		un->u_holds++;
		TAILQ_REMOVE(&uvn_writers, un, u_writers);
		TAILQ_INSERT_TAIL(&uvn_writers, un, u_writers);
		break;
	}
	return un;
}

int
uvm_vnp_writeall(struct mount *mp)
{
	struct uvm_vnode *un;
	int error, first = 0;
	u_int pass;

	rw_enter_write(&uvn_sync_lock);
	mtx_enter(&uvn_mtx);
	pass = ++uvn_passes;
	while ((un = next_writer(mp, UVN_BY_SYNC, pass, ALWAYS)) != NULL) {
		mtx_leave(&uvn_mtx);
		error = sync_one(un);
		if (first == 0)
			first = error;
		mtx_enter(&uvn_mtx);
		release(un);
	}
	mtx_leave(&uvn_mtx);
	rw_exit(&uvn_sync_lock);
	return first;
}

/*
 * => mp NULL: of every file system; no locks; sleeps; errors go to the console
 *    and to the next fsync of the file
 */
void
uvm_vnp_sync(struct mount *mp)
{
	(void)uvm_vnp_writeall(mp);
}

/* -- The writer thread ------------------------------------------------------- */

bool
uvn_is_writer(const struct proc *p)
{
	return p == uvn_writer;
}

/*
 * One object that the daemon, or an asynchronous msync, asked for.
 * => un held
 */
static void
write_one(struct uvm_vnode *un, bool pageout)
{
	u_int n;

	if (MUTANT(UVN_WRITER_ALLOCATES))
		kmem_free(kmem_alloc(64, PR_WAITOK), 64);
	rw_enter_write(&un->u_obj.uo_lock);
	n = uvn_clean(un, 0, UVN_MAXOFF, pageout);
	rw_exit(&un->u_obj.uo_lock);
	if (pageout)
		uvm_pd_iodone(n != 0);
}

/* => uvn_mtx held, dropped meanwhile; FALSE: nobody asked for anything */
static bool
write_wanted(void)
{
	struct uvm_vnode *un = TAILQ_FIRST(&uvn_wanted);
	bool pageout;

	if (un == NULL)
		return false;
	pageout = (un->u_lists & UVN_PAGEOUT) != 0;
	unlist(un, UVN_ON_WANTED | UVN_PAGEOUT);
	un->u_holds++;
	mtx_leave(&uvn_mtx);
	write_one(un, pageout);
	mtx_enter(&uvn_mtx);
	release(un);
	uvn_throttle_wakeup();
	return true;
}

/* What is written unasked can wait while the daemon, or a program, asks. */
static bool
somebody_asks(void)
{
	return !TAILQ_EMPTY(&uvn_wanted);
}

static bool
enough_clean(void)
{
	uvn_throttle_wakeup();
	return somebody_asks() || !uvn_dirty_enough();
}

/*
 * Write what is dirty of a file, from where the last time ended early.
 * => un held, uvn_mtx held on entry and exit, dropped meanwhile; not held any
 *    more; pages that were written, and in *keptp those that could not
 */
static u_int
write_back(struct uvm_vnode *un, bool (*stop)(void), u_int *keptp)
{
	struct uvn_walk uw = { .uw_next = un->u_resume,
		.uw_end = UVN_MAXOFF >> PAGE_SHIFT,
		.uw_stop = stop };
	uint64_t since;

	mtx_leave(&uvn_mtx);
	rw_enter_write(&un->u_obj.uo_lock);
	since = un->u_dirtied;
	atomic_store(&un->u_dirtied, 0);
	if (!uvn_clean_walk(un, &uw)) {
		un->u_resume = uw.uw_next;
		if (since != 0)
			atomic_store(&un->u_dirtied, since);
	} else if (un->u_resume != 0) {
		/* since then the first part may be dirty again */
		un->u_resume = 0;
		uvn_dirtied(un);
	} else
		forget_clean(un);
	rw_exit(&un->u_obj.uo_lock);
	uvn_throttle_wakeup();
	/* the daemon may have waited for these pages, too */
	uvm_pd_iodone(uw.uw_written != 0);
	mtx_enter(&uvn_mtx);
	release(un);
	*keptp = uw.uw_kept;
	return uw.uw_written;
}

/* Of the writer thread alone; ns are those of nsecuptime(). */
static struct {
	u_int w_pass[UVN_NPASS]; /* [thread] the passes under way; 0: none */
	u_int w_written; /* [thread] pages, by the pass for amount so far */
	u_int w_kept; /* [thread] pages that it could not clean */
	uint64_t w_amount; /* [thread] ns: no pass for amount before that */
	uint64_t w_age; /* [thread] ns: the same for age */
} writer;

/*
 * One file, since too much is dirty.
 * => uvn_mtx held, dropped meanwhile; FALSE: nothing to do
 */
static bool
write_by_amount(uint64_t now)
{
	struct uvm_vnode *un;
	u_int kept;

	if (!uvn_dirty_enough() || now < writer.w_amount ||
	    MUTANT(UVN_COUNTS_IN_VAIN))
		return false;
	if (writer.w_pass[UVN_BY_AMOUNT] == 0) {
		writer.w_pass[UVN_BY_AMOUNT] = ++uvn_passes;
		writer.w_written = writer.w_kept = 0;
	}
	un =
	    next_writer(NULL, UVN_BY_AMOUNT, writer.w_pass[UVN_BY_AMOUNT], now);
	if (un != NULL) {
		writer.w_written += write_back(un, enough_clean, &kept);
		writer.w_kept += kept;
		return true;
	}
	writer.w_pass[UVN_BY_AMOUNT] = 0;
	uvn_stuck(writer.w_kept);
	/* what there is cannot be written now */
	if (writer.w_written == 0)
		writer.w_amount = now + UVN_RETRY;
	return true;
}

/*
 * One file, since it has been dirty for long.
 * => as write_by_amount()
 */
static bool
write_by_age(uint64_t now)
{
	uint64_t age = (uint64_t)atomic_load(&uvn_dirtyage) * 1000000000;
	struct uvm_vnode *un;
	u_int kept;

	/* the age may have been changed */
	writer.w_age = MIN(writer.w_age, now + age / AGE_LOOKS);
	if (now < writer.w_age || TAILQ_EMPTY(&uvn_writers))
		return false;
	if (writer.w_pass[UVN_BY_AGE] == 0)
		writer.w_pass[UVN_BY_AGE] = ++uvn_passes;
	un = now > age ? next_writer(NULL, UVN_BY_AGE,
			     writer.w_pass[UVN_BY_AGE], now - age)
		       : NULL;
	if (un != NULL) {
		(void)write_back(un, somebody_asks, &kept);
		return true;
	}
	writer.w_pass[UVN_BY_AGE] = 0;
	writer.w_age = now + age / AGE_LOOKS;
	return true;
}

/* => ns until something may be to be done */
static uint64_t
writer_rest(uint64_t now)
{
	uint64_t rest = INFSLP;

	if (!TAILQ_EMPTY(&uvn_writers))
		rest = writer.w_age - now;
	if (uvn_dirty_enough() && writer.w_amount > now)
		rest = MIN(rest, writer.w_amount - now);
	return rest;
}

/*
 * File systems take their time and their locks: the page daemon must not wait
 * for them, so it has dirty pages written here; and what has been dirty for
 * long, or is too much.  The argument is ignored.
 */
static void
writer_thread(void *arg)
{
	uint64_t now;

	uvn_writer = curproc;
	uvn_limits();
	mtx_enter(&uvn_mtx);
	for (;;) {
		now = nsecuptime();
		atomic_store(&uvn_writing, true);
		if (write_wanted() || write_by_amount(now) || write_by_age(now))
			continue;
		atomic_store(&uvn_writing, false);
		(void)msleep(&uvn_wanted, &uvn_mtx, PVM | PNORELOCK, "vnwriter",
		    writer_rest(now));
		uvn_limits();
		mtx_enter(&uvn_mtx);
	}
}

/* -- The read-ahead thread --------------------------------------------------- */

void
uvn_ahead_thread(void *arg)
{
	struct uvm_vnode *un;
	bool more;

	mtx_enter(&uvn_mtx);
	for (;;) {
		un = TAILQ_FIRST(&uvn_reads);
		if (un == NULL) {
			(void)msleep(
			    &uvn_reads, &uvn_mtx, PVM, "vnahead", INFSLP);
			continue;
		}
		unlist(un, UVN_ON_READS);
		un->u_holds++;
		mtx_leave(&uvn_mtx);
		more = uvn_read_wanted(un);
		if (more)
			uvn_want_ahead(un);
		mtx_enter(&uvn_mtx);
		release(un);
	}
}

bool
uvn_pending(void)
{
	return atomic_load(&uvn_writing) || somebody_asks();
}

void
uvn_wake_writer(void)
{
	wakeup(&uvn_wanted);
}

void
uvn_start_writer(void)
{
	if (kthread_create(writer_thread, NULL, NULL, "vnwriter") != 0)
		panic("uvn_start_writer: no thread");
}

const struct uvm_pagerops uvm_vnodeops = {
	.pgo_init = uvn_init,
	.pgo_reference = uvn_reference,
	.pgo_detach = uvn_detach,
	.pgo_flush = uvn_flush,
	.pgo_get = uvn_get,
	.pgo_put = uvn_put,
};
