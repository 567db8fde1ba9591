/*
 * Swap: slots on devices, pages on their way there and back.
 *
 * A slot is the place of one page.  Its number is an int: 0 is none; those of
 * a device follow each other from sd_base on, so that a run of slots is a run
 * on the disk.  The first page of a device is never used: labels lie there.
 *
 * A slot in use has an owner, an anon or an aobj, which is how pages are found
 * from the device: to read what lies beside, and to empty it (swapoff).  The
 * owner's lock is held to change whose slot it is; an owner gives its slots
 * back before it is freed, so what sd_owner says exists while swap_mtx is held.
 */
#ifndef _UVM_UVM_SWAP_H_
#define _UVM_UVM_SWAP_H_

#include <sys/lock.h>
#include <uvm/uvm_swapmap.h>
#include <uvm_bsd.h> /* SWF_*, struct swapent */

struct amap_lock;
struct bdev;
struct swapio;
struct uvm_object;
struct vm_anon;
struct vm_page;

#define SWSLOT_BAD   (-1) /* contents lost with their device */
#define SWAP_CLUSTER 16 /* pages read or written at once, at most */
#define SWAP_MAXDEV  16
#define SWAP_SECTION 128 /* slots that share a key */
#define SWAP_KEYLEN  32

/*
 * Locks used to protect members:
 *	s	swap_mtx
 */
struct swap_section {
	uint8_t ss_key[SWAP_KEYLEN]; /* [s] zeros: none */
	uint32_t ss_used; /* [s] slots in use; the key goes with the last */
	bool ss_keyed; /* [s] */
};

/*
 * Locks used to protect members:
 *	I	immutable while configured
 *	s	swap_mtx
 */
struct swapdev {
	struct bdev *sd_bdev; /* [I] */
	int sd_base; /* [I] slot of the device's page 0 */
	uint32_t sd_npages; /* [I] pages of the device that are known here */
	int sd_flags; /* [s] SWF_* */
	int sd_priority; /* [s] lower ones are used first */
	int sd_usable; /* [s] slots in use or free: its share of swpages */
	int sd_inuse; /* [s] its share of swpginuse */
	u_int sd_failed; /* [s] slots in a row that could not be written */
	u_int sd_anons; /* [I] anons that were added for it */
	struct uvm_swapmap sd_map; /* [s] */
	struct swap_section *sd_section; /* [s] by page / SWAP_SECTION */
	uint32_t *sd_gen; /* [s] by page: times it was written */
	uintptr_t *sd_owner; /* [s] by page: see SWO_* */
	void *sd_tables; /* [I] memory of the four */
	size_t sd_tabsize; /* [I] */
};
/* SWF_ENABLE: slots may be allocated; SWF_BUSY: being emptied; and: */
#define SWF_FAILED 0x10 /* cannot be written: it only gives back */

/* sd_owner: a struct vm_anon or, with SWO_AOBJ, a struct uvm_object. */
#define SWO_AOBJ 0x1UL
#define SWO_BAD  0x2UL /* cannot be read, or be written: not used again */
#define SWO_TAGS 0x3UL

/* -- Slots (uvm_swap.c); none of them sleeps, all take swap_mtx ------------- */

/*
 * => *nslots slots in a row, fewer if lessok, *nslots says how many; the first
 *    of them, or 0: no room
 */
int uvm_swap_alloc(int *nslots, boolean_t lessok);
/* => slots [slot, slot + n) are nobody's any more; bad ones are retired */
void uvm_swap_free(int slot, int n);
/* => [slot, slot + n), in use, are retired when they are freed */
void uvm_swap_markbad(int slot, int n);
bool uvm_swap_isbad(int slot);
/* => the slot, in use, belongs to it from now on; its owner's lock is held */
void uvm_swap_setanon(int slot, struct vm_anon *anon);
void uvm_swap_setaobj(int slot, struct uvm_object *uobj);
/* => slots free for allocation; any context, no lock needed */
int uvm_swap_nfree(void);
/* => n more (fewer) slots hold what no page does; any context */
void uvm_swap_only(int n);
/*
 * Whose are the n slots from slot on?
 * => anons under this lock, which is held for writing; NULL for all others
 */
void uvm_swap_anons(
    int slot, int n, const struct amap_lock *lock, struct vm_anon **anons);

/* -- Devices (uvm_swapctl.c) ------------------------------------------------- */

/* => boot option swap=vda,vdb:5; says what does not work */
void uvm_swap_boot(const char *list);
/*
 * => thread context, no lock held; may sleep
 * => on: 0; EBUSY: it is in use; EINVAL: size, header; EROFS, ENXIO, EIO
 * => off: 0, everything was brought back; ENXIO: not on; EBUSY: it is being
 *    emptied; ENOMEM: no room to bring all in; EIO: some could not be read,
 *    which is lost; EINTR: killed; with an error it stays on
 */
int uvm_swap_on(struct bdev *bd, int priority);
int uvm_swap_off(struct bdev *bd);
/* => thread context; it is used before those of higher numbers; 0; ENOENT */
int uvm_swap_setpriority(struct bdev *bd, int priority);
/* => how many devices, up to max of which are described in se[] */
int uvm_swap_stats(struct swapent *se, int max);

/* -- Contents (uvm_swapcrypt.c) ---------------------------------------------- */

/*
 * Encrypt a page for its slot, decrypt what was read from there in place.
 * => the slot is in use and stays so meanwhile; never sleeps
 */
void uvm_swap_encrypt(int slot, void *dst, const void *src);
void uvm_swap_decrypt(int slot, void *page);
/* => swap_mtx held: n slots from page i on came into use, went out of it */
void uvm_swapkey_take(struct swapdev *sd, uint32_t i, uint32_t n);
void uvm_swapkey_drop(struct swapdev *sd, uint32_t i, uint32_t n);
/* => nanoseconds that all harts spent on encryption since boot */
uint64_t uvm_swap_cipher_ns(void);
/* => never sleeps: keys drawn and wiped since boot, which wrap around */
void uvm_swapkey_counts(int *created, int *deleted);

/* -- Pages (uvm_pager.c) ----------------------------------------------------- */

/*
 * Read the n pages of the slots from slot on; only page number `want' matters:
 * if not all can be read, it is tried alone.
 * => pages busy and nobody else's to touch; no lock held; sleeps
 * => pages read, decrypted, PG_FAKE cleared: n; 1: only the wanted one; 0:
 *    not even that, its slot is bad now
 */
int uvm_swap_get_run(struct vm_page **pps, int slot, int n, int want);
/* => one page; VM_PAGER_OK or VM_PAGER_ERROR */
int uvm_swap_get(struct vm_page *pg, int slot, int flags);
/*
 * Write n busy pages to the slots from slot on, which are their owners'.
 * => PGO_SYNCIO: VM_PAGER_OK or VM_PAGER_ERROR, pages still busy; else
 *    VM_PAGER_PEND, and they are freed when it is done, or kept if it fails
 * => no lock held; sleeps for a request
 */
int uvm_swap_put(int slot, struct vm_page **pps, int n, int flags);

/*
 * Pageout in clusters: begin, add pages found anywhere, start.  The pages are
 * busy from add on; when they are written they are freed, or, if somebody came
 * to want them, released.  What could not be written stays, dirty.
 */

/* Pageouts that somebody waits for: [p] swapio_mtx. */
struct swap_batch {
	u_int sb_running; /* requests not done */
	u_int sb_pages; /* pages freed by those that are */
};

/*
 * => NULL: no room in swap, or no request free (wait: sleeps for one)
 * => batch: or NULL
 */
struct swapio *uvm_swapout_begin(bool wait, struct swap_batch *batch);
/*
 * => owner write-locked; FALSE: the page cannot be paged out now, or the
 *    cluster is full
 */
bool uvm_swapout_add(struct swapio *si, struct vm_page *pg);
bool uvm_swapout_full(const struct swapio *si);
/* => no lock held; the request is started, or given back if it is empty */
void uvm_swapout_start(struct swapio *si);
void uvm_swapout_wait(struct swap_batch *batch);
/*
 * First device, last device: memory of requests.
 * => may sleep; 0, or ENOMEM, nothing reserved: the process is being killed
 */
int uvm_swapio_reserve(void);
void uvm_swapio_unreserve(void);
/* => no page is between memory and swap, nor chosen to be; a moment's view */
bool uvm_swapio_idle(void);
/* => boot: starts the thread that finishes pageouts */
void uvm_swapio_init(void);

#ifdef _UVM_SWAP_PRIVATE
extern struct mutex swap_mtx; /* LR_SWAP */
extern struct swapdev *swap_dev[SWAP_MAXDEV]; /* [s] by priority */
extern int swap_ndev; /* [s] */
/* => swap_mtx held; its device, *page: the page there; NULL: no device's */
struct swapdev *uvm_swap_devof(int slot, uint32_t *page);
/* => swap_mtx held: enabled or not from now on */
void uvm_swap_enable(struct swapdev *sd, bool enable);
/* => swap_mtx held: put it where its priority belongs, take it away */
void uvm_swap_insert(struct swapdev *sd);
void uvm_swap_remove(struct swapdev *sd);
/* => device and place on it of a slot in use */
struct bdev *uvm_swap_place(int slot, int64_t *blkno);
/* => results of writing a slot: a device that fails always is given up */
void uvm_swap_written(int slot, bool ok);
#endif

#endif
