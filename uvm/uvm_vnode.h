/*
 * Objects of vnodes: the one place where a file's data is in memory.
 *
 * The object belongs to the vnode and goes with it (uvm_vnp_terminate); its
 * pages stay when nobody refers to it, until memory is short.  With references
 * it holds one on its vnode.
 */
#ifndef _UVM_UVM_VNODE_H_
#define _UVM_UVM_VNODE_H_

#include <sys/systm.h>
#include <sys/buf.h>
#include <sys/mutant.h>
#include <sys/timeout.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_pager.h>

struct mount;

#define UVN_CLUSTER  32 /* most pages of a read or write */
#define UVN_AHEAD    4 /* pages read at once by who reads here and there */
#define UVN_WINDOW   64 /* most pages that are read ahead */
#define UVN_IOS      16 /* requests that are under way while others go on */
#define UVN_FLYING   4 /* most of them for one who writes */
#define UVN_RETRY    1000000000UL /* ns until the daemon tries a bad file again */
#define UVN_DIRTYAGE 30 /* seconds until a dirty page is written */
#define UVN_DIRTYMIN 10 /* percent of memory: more dirty pages are written */
#define UVN_DIRTYMAX 20 /* ... writers wait until they are fewer */
#define UVN_NOMARK   INT64_MAX /* no page of a file lies there */
#define UVN_MAXOFF   ((voff_t)trunc_page((size_t)INT64_MAX)) /* of anything */

/* Who goes through the list of writers. */
enum uvn_pass { UVN_BY_SYNC, UVN_BY_AGE, UVN_BY_AMOUNT, UVN_NPASS };

/*
 * Locks used to protect members:
 *	I	immutable
 *	o	the object's lock
 *	u	uvn_mtx
 */
struct uvm_vnode {
	struct uvm_object u_obj; /* first: the object is the uvm_vnode */
	struct vnode *u_vnode; /* [I] */
	voff_t u_size; /* [o] bytes */
	u_int u_flags; /* [o] UVN_* */
	int u_error; /* [o] of a write, not yet reported; 0: none */
	u_int u_failed; /* [o] writes that failed so far */
	uint64_t u_retry; /* [o] ns: no pageout before that; the last failed */
	voff_t u_next; /* [o] where a sequential reader's next read begins */
	voff_t u_mark; /* [o] it is begun from here on, before u_next */
	int u_ahead; /* [o] pages of the last read of such a reader */
	uint64_t u_want, u_wantend; /* [o] pages the read-ahead thread reads */
	u_int u_lists; /* [u] UVN_ON_* */
	uint64_t u_dirtied; /* [o, u to look] ns: dirty since then; 0: not */
	uint64_t u_resume; /* [writer thread] page to go on at, 0: none */
	u_int u_pass[UVN_NPASS]; /* [u] that saw it last */
	u_int u_holds; /* [u] who uses it without a reference */
	TAILQ_ENTRY(uvm_vnode) u_writers; /* [u] all that may be dirty */
	TAILQ_ENTRY(uvm_vnode) u_wanted; /* [u] the writer thread's */
	TAILQ_ENTRY(uvm_vnode) u_reads; /* [u] the read-ahead thread's */
};

/* u_flags */
#define UVN_SIZED   0x1 /* u_size is known */
#define UVN_DEAD    0x2 /* terminated: every operation fails */
#define UVN_UNCACHE 0x4 /* pages go with the last reference */
#define UVN_TEXT    0x8 /* pages count in vtextpages */
/* u_lists */
#define UVN_ON_WRITERS 0x1 /* u_writers */
#define UVN_ON_WANTED  0x2 /* u_wanted */
#define UVN_PAGEOUT    0x4 /* wanted by the page daemon */
#define UVN_ON_READS   0x8 /* u_reads */

static inline struct uvm_vnode *
to_uvn(struct uvm_object *uobj)
{
	KASSERT(UVM_OBJ_IS_VNODE(uobj));
	return (struct uvm_vnode *)uobj;
}

/* => object locked: pages there can be */
static inline uint64_t
uvn_pages(const struct uvm_vnode *un)
{
	return ((uint64_t)un->u_size + PAGE_MASK) >> PAGE_SHIFT;
}

/* -- For file systems, beside uvm_extern.h ---------------------------------- */

/*
 * Write the dirty pages of [start, stop) and wait for those under way;
 * fsync's part.
 * => vnode referenced; no object lock held; may sleep
 * => 0, or the error of a write since the last report, this one's or the
 *    writer thread's: each is reported once, and its pages are dirty still
 * => what this one could not write is reported even if somebody else, who asked
 *    meanwhile, was told: 0 means that it is on the device
 */
int uvm_vnp_flush(struct vnode *vp, voff_t start, voff_t stop);
/*
 * The same in passing, for who syncs more than this file: nobody has asked for
 * its errors, so they are kept for who does.
 * => 0, or errno: something could not be written now; not for what others
 *    failed to write and this one then did
 */
int uvm_vnp_write(struct vnode *vp, voff_t start, voff_t stop);
/*
 * uvm_vnp_sync(), for who has to know whether all of it was written.
 * => as that; 0, or the first errno
 */
int uvm_vnp_writeall(struct mount *mp);
/*
 * As uvm_vnp_setsize(), to newsize, which is more.
 * => EIO: the last page cannot be read, so what it holds behind the end cannot
 *    be cleared; the size is what it was
 */
int uvm_vnp_grow(struct vnode *vp, voff_t newsize);
/*
 * The file is executed, or is not any more: its pages count accordingly.
 * => object unlocked; nothing if the vnode was never attached
 */
void uvm_vnp_text(struct vnode *vp, bool text);

/* -- Within UVM ------------------------------------------------------------- */

/* => object write-locked; it may have dirty pages from now on */
void uvn_note_write(struct uvm_object *uobj);
/*
 * Give the object a page that is the caller's and holds all of its new
 * contents; blocks are allocated for it.
 * => object write-locked on entry and exit, dropped meanwhile
 * => 0: the page is the object's, dirty, not busy; EEXIST: it has one there;
 *    EIO: beyond the end; ENOMEM, ENOSPC; the page remains the caller's then
 */
int uvn_put_page(struct uvm_object *uobj, voff_t off, struct vm_page *pg);
/*
 * The page daemon would like pg, of a file and dirty, to be written.
 * => object write-locked; never sleeps, needs no memory
 * => FALSE: not now, for the last time it could not be
 */
bool uvn_pageout(struct vm_page *pg);
/* => is pg to be written before it may be freed? object locked */
bool uvn_page_dirty(struct vm_page *pg);
/*
 * Write what is dirty in [start, stop), but for busy pages.
 * => object write-locked on entry and exit, dropped meanwhile
 * => pageout: on the daemon's behalf; errors are noted in u_error; pages written
 */
u_int uvn_clean(struct uvm_vnode *un, voff_t start, voff_t stop, bool pageout);
/*
 * The same with busy pages, which are waited for.
 * => 0: what was dirty is on the device; or errno, noted in u_error, too
 */
int uvn_sync(struct uvm_vnode *un, voff_t start, voff_t stop);
/*
 * The same for who asks for the file's errors.
 * => as uvn_sync(), or else the error that was noted; it is noted no more
 */
int uvn_sync_asked(struct uvm_vnode *un, voff_t start, voff_t stop);
/*
 * What is not in memory of [start, end) will be read, in clusters, while there
 * is memory to spare; errors are for who needs the page.
 * => object referenced and unlocked; does not wait for that
 */
void uvn_fetch(struct uvm_object *uobj, voff_t start, voff_t end);
/* A walk through an object.  All members: [thread]. */
struct uvn_walk {
	uint64_t uw_next, uw_end; /* pages by index */
	bool uw_sync; /* wait for busy pages */
	bool uw_pageout; /* on the daemon's behalf */
	bool (*uw_stop)(void); /* asked after each request; or NULL */
	struct uvn_io *uw_io[UVN_FLYING]; /* under way, the oldest first */
	u_int uw_nio; /* so many */
	u_int uw_written; /* pages */
	u_int uw_kept; /* pages that count as dirty still */
	int uw_error; /* of its own writes; 0: none */
};
/* => as uvn_clean(); FALSE: stopped, uw_next is where to go on */
bool uvn_clean_walk(struct uvm_vnode *un, struct uvn_walk *uw);
/*
 * => object write-locked on entry and exit, dropped to wait; the page at index
 *    i or behind, not busy; NULL: none
 */
struct vm_page *uvn_next_unbusy(struct uvm_vnode *un, uint64_t i);
/* => the writer thread will write what is dirty; object write-locked */
void uvn_want_write(struct uvm_vnode *un, bool pageout);
/* => pages of files are being written, or will be; a moment's view */
bool uvn_pending(void);
/* => look whether something is to be written by amount; any context */
void uvn_wake_writer(void);
/* => starts the writer thread; once, from uvm_start_daemons() */
void uvn_start_writer(void);
/* => is curproc the writer thread, on which freeing memory depends? */
bool uvn_is_writer(const struct proc *p);

/* => un stays as long as it is held; its object locked, or it is held */
void uvn_hold(struct uvm_vnode *un);
/* => un may go; nothing of it locked */
void uvn_unhold(struct uvm_vnode *un);
/* => the read-ahead thread looks at u_want; object write-locked */
void uvn_want_ahead(struct uvm_vnode *un);
/* => the read-ahead thread; never returns, the argument is ignored */
void uvn_ahead_thread(void *arg);
/*
 * Pages for a read of n: those at idx and behind, up to one that is there.
 * => object write-locked; never sleeps; how many, all busy
 */
int
uvn_read_alloc(struct uvm_vnode *un, uint64_t idx, int n, struct vm_page **pgs);
/*
 * A read of n pages ended: they hold the file's contents and are let go, zero
 * behind its end; or they go.
 * => object write-locked, pages busy
 */
void uvn_read_done(struct uvm_vnode *un, struct vm_page **pgs, int n, bool ok);

/* -- On their way (uvm_vnode_ahead.c) ---------------------------------------- */

/*
 * A request for pages of a file that lie side by side.
 * Locks used to protect members:
 *	q	uvn_io_mtx
 *	b	who took it, the device while it is under way
 */
struct uvn_io {
	TAILQ_ENTRY(uvn_io) ui_link; /* [q] free, or done */
	struct buf ui_buf; /* [b] */
	struct uvm_vnode *ui_un; /* [b] */
	struct vm_page *ui_pg[UVN_CLUSTER]; /* [b] busy */
	bool ui_ended; /* [b] of a write: it is known how it ended */
	int ui_error; /* [b] then */
};

/* => a request; NULL: all are under way, and not to be waited for */
struct uvn_io *uvn_io_take(bool wait);
void uvn_io_give(struct uvn_io *ui);
/*
 * Begin to move the pages, or the first of them, together.
 * => no locks; pages busy; flags: B_READ or B_WRITE, then the caller waits for
 *    ui_buf; with B_ASYNC it is finished, and given back, by a thread
 * => how many are on their way; 0: nothing was begun
 */
int uvn_io_begin(struct uvm_vnode *un, struct uvn_io *ui, uint32_t flags,
    struct vm_page **pgs, int n);
/* => pages of a request that was begun */
int uvn_io_pages(const struct uvn_io *ui);
/* => has a sequential reader who comes to off reached the last window? */
static inline bool
uvn_ahead_due(const struct uvm_vnode *un, voff_t off)
{
	return off >= un->u_mark && off < un->u_next;
}
/*
 * Who reads the page at off may be a sequential reader: begin what is behind.
 * => object write-locked on entry and exit, dropped meanwhile
 */
void uvn_ahead(struct uvm_object *uobj, voff_t off);
/* => the same, not here and now; object write-locked, never sleeps */
void uvn_ahead_later(struct uvm_object *uobj, voff_t off);
/*
 * The next request of what is wanted of un; waits until there is one.
 * => held, object unlocked; FALSE: that is all, or memory is short
 */
bool uvn_read_wanted(struct uvm_vnode *un);
/* => starts the threads; once, from uvm_start_daemons() */
void uvn_start_ahead(void);
/*
 * msync: what is dirty has been written; now it is made safe, with all that is
 * needed to find it.
 * => object referenced and unlocked; no lock a file system has before it; 0 or
 *    errno
 */
int uvn_fsync(struct uvm_object *uobj);

/* -- How many are dirty (uvm_vnode_dirty.c) ---------------------------------- */

/* vm.dirtyage, vm.dirtymin, vm.dirtymax; [a] */
extern int uvn_dirtyage, uvn_dirtymin, uvn_dirtymax;

/* => object write-locked; something in it has been dirty from now on at least */
static inline void
uvn_dirtied(struct uvm_vnode *un)
{
	if (un->u_dirtied == 0 && !MUTANT(UVN_AGES_NEVER))
		atomic_store(&un->u_dirtied, MAX(nsecuptime(), 1UL));
}
/*
 * The page of a file will be stored to, or was.
 * => object write-locked; PG_CLEAN is the caller's; TRUE: it was not dirty
 */
bool uvn_dirty(struct vm_page *pg);
/* => the same the other way: no mapping may write; or it leaves its object */
void uvn_undirty(struct vm_page *pg);
/* => dirty pages of files; a moment's view */
u_int uvn_ndirty(void);
/* => limits from what memory there is; thread context, no spin locks */
void uvn_limits(void);
void uvn_dirty_limits(u_int *minp, u_int *maxp);
/* => more are dirty than need to be, and are not stuck; any context */
bool uvn_dirty_enough(void);
/* => a whole pass could not clean n pages: nobody waits for them */
void uvn_stuck(u_int n);
/*
 * Wait while too many pages are dirty, which the caller makes more.
 * => no lock held that writing a file needs; not a process being killed
 */
void uvn_throttle(void);
/* => who waits may look again */
void uvn_throttle_wakeup(void);
/* => threads that wait; a moment's view */
u_int uvn_throttled(void);

/* => as pgo_get, pgo_put and pgo_flush say in uvm_pager.h, for uvm_vnodeops */
int uvn_get(struct uvm_object *uobj, voff_t off, struct vm_page **pps,
    int *npagesp, int centreidx, vm_prot_t access, int advice, int flags);
int
uvn_put(struct uvm_object *uobj, struct vm_page **pps, int npages, int flags);
boolean_t
uvn_flush(struct uvm_object *uobj, voff_t start, voff_t stop, int flags);

#endif
