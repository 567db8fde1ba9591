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
#include <sys/mutant.h>
#include <sys/timeout.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_pager.h>

#define UVN_CLUSTER  32 /* most pages of a read or write */
#define UVN_AHEAD    4 /* pages read at once by who reads here and there */
#define UVN_RETRY    1000000000UL /* ns until the daemon tries a bad file again */
#define UVN_DIRTYAGE 30 /* seconds until a dirty page is written */
#define UVN_DIRTYMIN 10 /* percent of memory: more dirty pages are written */
#define UVN_DIRTYMAX 20 /* ... writers wait until they are fewer */
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
	voff_t u_next; /* [o] where a sequential reader will go on */
	int u_ahead; /* [o] pages of the last read of such a reader */
	u_int u_lists; /* [u] UVN_ON_* */
	uint64_t u_dirtied; /* [o, u to look] ns: dirty since then; 0: not */
	uint64_t u_resume; /* [writer thread] page to go on at, 0: none */
	u_int u_pass[UVN_NPASS]; /* [u] that saw it last */
	u_int u_holds; /* [u] who uses it without a reference */
	TAILQ_ENTRY(uvm_vnode) u_writers; /* [u] all that may be dirty */
	TAILQ_ENTRY(uvm_vnode) u_wanted; /* [u] the writer thread's */
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
 */
int uvm_vnp_flush(struct vnode *vp, voff_t start, voff_t stop);
/*
 * The same in passing, for who syncs more than this file: nobody has asked for
 * its errors, so they are kept for who does.
 * => 0, or EIO: something could not be written now
 */
int uvm_vnp_write(struct vnode *vp, voff_t start, voff_t stop);
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
 * Write what is dirty in [start, stop).
 * => object write-locked on entry and exit, dropped meanwhile
 * => sync: wait for busy pages; pageout: on the daemon's behalf; errors are
 *    noted in u_error; pages written
 */
u_int uvn_clean(
    struct uvm_vnode *un, voff_t start, voff_t stop, bool sync, bool pageout);
/*
 * Read what is not in memory of [start, end), in clusters, while there is
 * memory to spare; errors are for who needs the page.
 * => object referenced and unlocked; sleeps
 */
void uvn_fetch(struct uvm_object *uobj, voff_t start, voff_t end);
/* A walk through an object.  All members: [thread]. */
struct uvn_walk {
	uint64_t uw_next, uw_end; /* pages by index */
	bool uw_sync; /* wait for busy pages */
	bool uw_pageout; /* on the daemon's behalf */
	bool (*uw_stop)(void); /* asked after each request; or NULL */
	u_int uw_written; /* pages */
	u_int uw_kept; /* pages that count as dirty still */
};
/* => as uvn_clean(); FALSE: stopped, uw_next is where to go on */
bool uvn_clean_walk(struct uvm_vnode *un, struct uvn_walk *uw);
/*
 * => object write-locked on entry and exit, dropped to wait; the page at index
 *    i or behind, not busy; NULL: none
 */
struct vm_page *uvn_next_unbusy(struct uvm_vnode *un, uint64_t i);
/* => object unlocked; the error that was noted, which is forgotten, or 0 */
int uvn_take_error(struct uvm_vnode *un);
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
