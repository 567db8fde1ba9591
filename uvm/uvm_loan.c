/*
 * Page loanout: pages are lent read-only without copying.
 *
 *	O->K, A->K	uvm_loan(TOPAGE): to the kernel; the page is wired
 *	O->A		uvm_loan(TOANON) of an object's page: a new anon borrows
 *	A->A		uvm_loan(TOANON) of an anon: one more reference to it
 *
 * loan_count of a page counts the first three; nobody writes to a page that has
 * one, the owner no more than the borrower: whoever wants to gets a copy and
 * leaves the page to the others.  An anon owns its page if the page's uanon
 * says so, otherwise it borrows it.  A page whose owner gave it up lives as
 * long as its loans; a borrowing anon does not become its owner, so its loan
 * ends with the anon, at the latest by copying.
 *
 * loan_count changes under uvm.pageqlock, and from 0 only with the owner's
 * lock; a page that belongs to nobody is freed by who takes the last one.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_loan.h>

/* -- Counting -------------------------------------------------------------- */

/* => owner's lock held for writing */
static void
loan_take(struct vm_page *pg)
{
	mtx_enter(&uvm.pageqlock);
	pg->loan_count++;
	KASSERT(pg->loan_count != 0);
	mtx_leave(&uvm.pageqlock);
}

/*
 * => a loan that is ours ends; frees the page if it was the last thing that
 *    kept it
 */
static void
loan_drop(struct vm_page *pg)
{
	bool last;

	mtx_enter(&uvm.pageqlock);
	if (pg->loan_count == 0)
		panic("uvm_loan: page %p is not on loan", pg);
	/* who sees that the loan is over sees what it left of the queues */
	atomic_store_rel(&pg->loan_count, pg->loan_count - 1);
	last = pg->loan_count == 0 && pg->uobject == NULL && pg->uanon == NULL;
	mtx_leave(&uvm.pageqlock);
	if (last && !MUTANT(LOAN_LAST_LEAK)) {
		pmap_page_protect(pg, PROT_NONE);
		uvm_pagefree(pg);
	}
}

/* -- Ending ---------------------------------------------------------------- */

void
uvm_unloanpage(struct vm_page **ploans, int npages)
{
	int i;

	for (i = 0; i < npages; i++) {
		if (ploans[i]->loan_count == 0)
			panic("uvm_unloanpage: page %p is not on loan",
			    ploans[i]);
		uvm_pageunwire(ploans[i]);
		loan_drop(ploans[i]);
	}
}

void
uvm_unloananon(struct vm_anon **aloans, int nanons)
{
	struct amap_lock *lock;
	int i;

	for (i = 0; i < nanons; i++) {
		lock = aloans[i]->an_lock;
		if (lock == NULL) {
			/* It never entered an amap: only we know it. */
			aloans[i]->an_ref = 0;
			uvm_anfree(aloans[i]);
			continue;
		}
		rw_enter_write(&lock->aml_lock);
		if (--aloans[i]->an_ref == 0)
			uvm_anfree(aloans[i]);
		rw_exit(&lock->aml_lock);
		amap_lock_rele(lock);
	}
}

/*
 * Mappings of a borrowed page go, the owner's come back by a fault.  The owner
 * is an object, since an anon lends itself.  Our anon's lock comes before the
 * object's, but only the page knows the object, which may give it up until it
 * is locked.  A page that has no owner gets none, and nobody wires it; whoever
 * destroys a pmap meanwhile waits for us (uvmspace_free).
 * => anon's lock held, no object's
 */
static void
borrowed_unmap(struct vm_page *pg)
{
	struct uvm_object *uobj;

	for (;;) {
		mtx_enter(&uvm.pageqlock);
		uobj = pg->uobject;
		if (uobj == NULL)
			break;
		if (rw_enter(&uobj->uo_lock, RW_WRITE | RW_NOSLEEP) == 0) {
			mtx_leave(&uvm.pageqlock);
			uvm_page_unmap(pg);
			rw_exit(&uobj->uo_lock);
			return;
		}
		mtx_leave(&uvm.pageqlock);
		yield();
	}
	pmap_page_protect(pg, PROT_NONE);
	mtx_leave(&uvm.pageqlock);
}

void
uvm_anon_unmap(struct vm_anon *anon)
{
	if (anon->an_page->uanon == anon)
		uvm_page_unmap(anon->an_page);
	else
		borrowed_unmap(anon->an_page);
}

void
uvm_anon_unloan(struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;

	KASSERT(pg->uanon != anon);
	/* Others' mappings of the page stay; ours went with its entries. */
	anon->an_page = NULL;
	loan_drop(pg);
}

/* -- Breaking -------------------------------------------------------------- */

/* The copy is complete: it is a page like any other. */
static void
loan_copied(struct vm_page *pg, struct vm_page *new)
{
	pmap_copy_page(pg, new);
	atomic_and(&new->pg_flags, ~(uint32_t)(PG_FAKE | PG_CLEAN));
	/* a file still has no place for it on the disk */
	if (pg->pg_flags & PG_HOLE)
		atomic_or(&new->pg_flags, PG_HOLE);
}

bool
uvm_anon_loanbreak(struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page, *new;

	/* The last loan may end any time: then the copy is made in vain. */
	new = uvm_pagealloc(NULL, 0, anon, 0);
	if (new == NULL) {
		anon->an_page = pg;
		return false;
	}
	loan_copied(pg, new);
	atomic_and(&new->pg_flags, ~(uint32_t)PG_BUSY);
	/* Whoever sees the anon must see the new page from now on. */
	if (pg->uanon == anon) {
		uvm_page_unmap(pg);
		uvm_pagefree(pg);
	} else {
		borrowed_unmap(pg);
		loan_drop(pg);
	}
	return true;
}

struct vm_page *
uvm_obj_loanbreak(struct vm_page *pg)
{
	struct vm_page *new;

	KASSERT(rw_write_held(&pg->uobject->uo_lock));
	new = uvm_pagealloc(NULL, 0, NULL, 0);
	if (new == NULL)
		return NULL;
	loan_copied(pg, new);
	/* Everybody who maps the object must see the new page. */
	uvm_page_unmap(pg);
	uvm_pagereplace(pg, new);
	return new;
}

/* -- Lending --------------------------------------------------------------- */

/* What lies under one page of the range. */
struct loan_spot {
	struct uvm_faultinfo ufi; /* [thread] map read-locked */
	struct vm_amap *amap; /* [thread] write-locked, or NULL */
	struct vm_anon *anon; /* [thread] or NULL */
	struct uvm_object *uobj; /* [thread] write-locked if no anon, or NULL */
	struct vm_page *page; /* [thread] resident, not busy; or NULL */
};

static void
spot_unlock(struct loan_spot *sp)
{
	if (sp->uobj != NULL)
		rw_exit(&sp->uobj->uo_lock);
	if (sp->amap != NULL)
		amap_unlock(sp->amap);
	uvmfault_unlockmaps(&sp->ufi, false);
}

/* => map, amap and object locked; the page there, if it can be lent now */
static struct vm_page *
spot_page(struct loan_spot *sp)
{
	struct vm_map_entry *entry = sp->ufi.entry;
	vaddr_t off = sp->ufi.orig_rvaddr - entry->start;
	struct vm_page *pg = NULL;

	sp->anon = NULL;
	sp->uobj = NULL;
	sp->amap = entry->aref.ar_amap;
	if (sp->amap != NULL) {
		amap_lock_write(sp->amap);
		sp->anon = amap_lookup(&entry->aref, off);
	}
	if (sp->anon != NULL)
		pg = sp->anon->an_page;
	else if (UVM_ET_ISOBJ(entry)) {
		sp->uobj = entry->object.uvm_obj;
		rw_enter_write(&sp->uobj->uo_lock);
		if (sp->uobj->pgops->pgo_fault == NULL)
			pg = uvm_pagelookup(
			    sp->uobj, entry->offset + (voff_t)off);
	}
	return pg == NULL || (pg->pg_flags & PG_BUSY) != 0 ? NULL : pg;
}

/*
 * Find the page at va, faulting it in if need be.
 * => 0: everything below it is locked; else errno, nothing locked
 */
static int
spot_find(struct loan_spot *sp, struct vm_map *map, vaddr_t va)
{
	struct vm_map_entry *entry;
	int error;

	sp->ufi.orig_map = map;
	sp->ufi.orig_rvaddr = va;
	sp->ufi.orig_size = PAGE_SIZE;
	for (;;) {
		if (!uvmfault_lookup(&sp->ufi, false))
			return EFAULT;
		entry = sp->ufi.entry;
		if (UVM_ET_ISHOLE(entry))
			error = EFAULT;
		else if ((entry->protection & PROT_READ) == 0)
			error = EACCES;
		else if (UVM_ET_ISOBJ(entry) &&
		    entry->object.uvm_obj->pgops->pgo_fault != NULL)
			error = EINVAL;
		else
			error = 0;
		if (error != 0) {
			uvmfault_unlockmaps(&sp->ufi, false);
			return error;
		}
		sp->page = spot_page(sp);
		if (sp->page != NULL)
			return 0;
		spot_unlock(sp);
		/* The fault waits for a busy page too. */
		error = uvm_fault_own(map, va, PROT_READ);
		if (error != 0)
			return error == EIO ? EACCES : error;
	}
}

/* => owner locked: nobody writes to the page through a mapping from now on */
static void
spot_lend_page(struct loan_spot *sp)
{
	if (sp->page->loan_count == 0 && !MUTANT(LOAN_NO_PROTECT))
		pmap_page_protect(sp->page, PROT_READ | PROT_EXEC);
	loan_take(sp->page);
}

/*
 * A page that is borrowed itself cannot be wired: its owner's lock is out of
 * reach.
 * => FALSE: no memory for a copy
 */
static bool
spot_own(struct loan_spot *sp)
{
	if (sp->anon == NULL || sp->page->uanon == sp->anon)
		return true;
	if (!uvm_anon_loanbreak(sp->anon))
		return false;
	sp->page = sp->anon->an_page;
	return true;
}

/* => an anon for the borrower, or NULL: no memory */
static struct vm_anon *
spot_lend_anon(struct loan_spot *sp)
{
	struct vm_anon *anon = sp->anon;

	if (anon != NULL) {
		/* The lock must live as long as the borrower's reference. */
		pmap_page_protect(sp->page, PROT_READ | PROT_EXEC);
		anon->an_ref++;
		if (!MUTANT(LOAN_NO_LOCK_REF))
			refcnt_take(&anon->an_lock->aml_refs);
		return anon;
	}
	anon = uvm_analloc();
	if (anon == NULL)
		return NULL;
	spot_lend_page(sp);
	anon->an_page = sp->page;
	return anon;
}

/* One page. => 0 or errno */
static int
loan_one(struct vm_map *map, vaddr_t va, void **result, int flags)
{
	struct loan_spot spot;
	int error;

	error = spot_find(&spot, map, va);
	if (error != 0)
		return error;
	if (flags == UVM_LOAN_TOANON) {
		*result = spot_lend_anon(&spot);
		if (*result == NULL)
			error = ENOMEM;
	} else if (!spot_own(&spot)) {
		error = ENOMEM;
	} else {
		spot_lend_page(&spot);
		uvm_pagewire(spot.page);
		*result = spot.page;
	}
	spot_unlock(&spot);
	return error;
}

int
uvm_loan(
    struct vm_map *map, vaddr_t start, vsize_t len, void **result, int flags)
{
	vsize_t n = atop(len), i;
	int error = 0;

	if ((flags != UVM_LOAN_TOANON && flags != UVM_LOAN_TOPAGE) ||
	    ((start | len) & PAGE_MASK) != 0)
		return EINVAL;
	for (i = 0; i < n && error == 0; i++)
		error = loan_one(map, start + ptoa(i), result + i, flags);
	if (error != 0 && i > 1 && !MUTANT(LOAN_ERROR_LEAK))
		uvm_unloan(result, (int)i - 1, flags);
	return error;
}
