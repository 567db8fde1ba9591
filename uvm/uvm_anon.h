/* Anons: a page of anonymous memory, shared copy-on-write between amaps. */
#ifndef _UVM_UVM_ANON_H_
#define _UVM_UVM_ANON_H_

#include <sys/lock.h>

struct vm_page;
struct amap_lock;

/*
 * Locks used to protect members of an anon:
 *	l	an_lock, the lock of every amap that holds it
 *	I	immutable while the anon is referenced
 */
struct vm_anon {
	struct amap_lock *an_lock; /* [I] */
	struct vm_page *an_page; /* [l] resident page, or NULL */
	int an_ref; /* [l] amap slots that hold it */
	int an_swslot; /* [l] swap slot, or 0 */
};

/*
 * => an anon without page, an_ref 1, an_lock unset; NULL: the limit nanon is
 *    reached or no memory (counted in nfreeanon); never sleeps
 */
struct vm_anon *uvm_analloc(void);
/*
 * Free an anon nobody refers to, with its page and swap slot.
 * => an_lock held for writing (it stays with the amap); an_ref 0
 */
void uvm_anfree(struct vm_anon *anon);
/* => raise / lower the number of anons the system may have (swap devices) */
void uvm_anon_add(int count);
void uvm_anon_remove(int count);
void uvm_anon_init(void);
/* => deactivated, freed from all mappings; an_lock held */
void uvm_anon_dropswap(struct vm_anon *anon);

#endif
