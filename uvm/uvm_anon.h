/* Anons: a page of anonymous memory, shared copy-on-write between amaps. */
#ifndef _UVM_UVM_ANON_H_
#define _UVM_UVM_ANON_H_

#include <sys/lock.h>

struct vm_page;
struct amap_lock;

/*
 * Locks used to protect members of an anon:
 *	l	an_lock, the lock of every amap that holds it
 *	I	immutable while the anon is in an amap
 */
struct vm_anon {
	struct amap_lock *an_lock; /* [I] NULL until it enters an amap */
	struct vm_page *an_page; /* [l] resident page, or NULL */
	int an_ref; /* [l] amap slots, and loans, that hold it */
	int an_swslot; /* [l] swap slot, 0, or SWSLOT_BAD */
};

/*
 * => an anon without page, an_ref 1, an_lock NULL; NULL: the limit nanon is
 *    reached or no memory; never sleeps
 */
struct vm_anon *uvm_analloc(void);
/*
 * Free an anon nobody refers to, with its page and swap slot.
 * => an_ref 0; an_lock, if it has one, held for writing (it stays with the
 *    amap); mappings of the page may exist
 * => a busy page is released by whoever keeps it busy
 */
void uvm_anfree(struct vm_anon *anon);
/*
 * Drop one reference to each anon of an array, which may have holes, and free
 * those that nobody refers to any more.
 * => their lock held for writing
 */
void uvm_anon_drop(struct vm_anon **anons, unsigned int n);
/*
 * As uvm_anfree() for an anon whose page was found PG_RELEASED after the I/O
 * for which we kept it busy.
 * => an_lock held for writing on entry, released on exit
 */
void uvm_anon_release(struct vm_anon *anon);
/*
 * Give back an anon that was never in an amap, with its page.
 * => an_ref 1, an_lock NULL, the page unmapped
 */
void uvm_anon_discard(struct vm_anon *anon);
/* => raise / lower the number of anons the system may have (swap devices) */
void uvm_anon_add(int count);
void uvm_anon_remove(int count);
/* => boot, once, after the page layer: the limit from the free pages */
void uvm_anon_init(void);
/* => the anon has no swap slot any more, so its page is dirty; an_lock held
 *    for writing */
void uvm_anon_dropswap(struct vm_anon *anon);
/* => anons that may still be allocated; a moment's view */
int uvm_anon_left(void);
/* => sleep until an anon was freed, or a while; no lock held */
void uvm_anwait(void);

#endif
