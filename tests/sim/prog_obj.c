/*
 * Memory objects with a simulated disk below: transfers take time, finish in
 * any order, fail when told to.  A page's contents on the disk are its known
 * words, the rest is zero.
 */
#include "prog_i.h"
#include <uvm/uvm_pager.h>

#define NFILES  4
#define IO_NSEC 200000 /* longest transfer */

/*
 * Locks used to protect members of a file:
 *	I	immutable after simobj_init
 *	o	the object's lock
 *	b	whoever keeps the page busy
 */
struct simobj {
	struct uvm_object so_obj; /* first */
	int so_index; /* [I] */
	int so_fail; /* [o] transfers to fail; -1: all */
	uint64_t so_disk[ORC_OBJPAGES][ORC_MAXWORDS]; /* [b] */
};

static struct simobj files[NFILES];
static struct uvm_object *objects[ORC_OBJS]; /* set once */

static inline struct simobj *
to_simobj(struct uvm_object *uobj)
{
	return (struct simobj *)uobj;
}

static inline uint64_t *
page_word(struct vm_page *pg, int w)
{
	return (uint64_t *)(VM_PAGE_TO_DMAP(pg) + orc_off(w));
}

/* => a real file, of a file system */
static inline bool
is_file(int o)
{
	return prog_cfg->files != 0 && o < NFILES;
}

/* -- Transfers ----------------------------------------------------------------- */

/*
 * Time passes; the page is busy, the object locked on entry and exit.
 * => FALSE: an I/O error
 */
static bool
transfer(struct simobj *so)
{
	static const char io; /* nobody wakes it */

	rw_exit(&so->so_obj.uo_lock);
	(void)tsleep(&io, PRIBIO, "simio", 1 + sim_below(IO_NSEC));
	rw_enter_write(&so->so_obj.uo_lock);
	if (so->so_fail == 0)
		return true;
	if (so->so_fail > 0)
		so->so_fail--;
	orc_obj[so->so_index].errors++;
	return false;
}

static bool
read_page(struct simobj *so, struct vm_page *pg)
{
	if (!transfer(so))
		return false;
	uvm_pagezero(pg);
	for (int w = 0; w < (int)orc_words; w++)
		*page_word(pg, w) = so->so_disk[atop((u_long)pg->offset)][w];
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_FAKE);
	atomic_or(&pg->pg_flags, PG_CLEAN);
	return true;
}

/* => page busy, object write-locked; FALSE: not written, still dirty */
static bool
write_page(struct simobj *so, struct vm_page *pg)
{
	bool ok;

	/* from here on a write faults, and waits for the busy page */
	pmap_page_protect(pg, PROT_READ | PROT_EXEC);
	pmap_clear_modify(pg);
	ok = transfer(so);
	if (ok) {
		for (int w = 0; w < (int)orc_words; w++)
			so->so_disk[atop((u_long)pg->offset)][w] =
			    *page_word(pg, w);
		atomic_or(&pg->pg_flags, PG_CLEAN);
	} else
		atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	return ok;
}

static bool
is_dirty(struct vm_page *pg)
{
	return (pg->pg_flags & PG_CLEAN) == 0 || pmap_is_modified(pg);
}

/* -- Operations ------------------------------------------------------------------ */

static void
simobj_reference(struct uvm_object *uobj)
{
	rw_enter_write(&uobj->uo_lock);
	KASSERT(uobj->uo_refs > 0);
	uobj->uo_refs++;
	rw_exit(&uobj->uo_lock);
}

static void
simobj_detach(struct uvm_object *uobj)
{
	struct vm_page *pg;
	uint64_t i = 0;

	rw_enter_write(&uobj->uo_lock);
	KASSERT(uobj->uo_refs > 0);
	if (--uobj->uo_refs == 0) {
		while ((pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL) {
			KASSERT((pg->pg_flags & PG_BUSY) == 0);
			pmap_page_protect(pg, PROT_NONE);
			uvm_pagefree(pg);
		}
	}
	rw_exit(&uobj->uo_lock);
}

/* What is resident and not busy. */
static int
get_locked(struct uvm_object *uobj, voff_t off, struct vm_page **pps,
    int *npages, int centre)
{
	struct vm_page *pg;
	int found = 0;

	for (int i = 0; i < *npages; i++) {
		if (pps[i] != NULL)
			continue;
		pg = uvm_pagelookup(uobj, off + (voff_t)ptoa((u_long)i));
		if (pg == NULL || (pg->pg_flags & PG_BUSY) != 0)
			continue;
		atomic_or(&pg->pg_flags, PG_BUSY);
		pps[i] = pg;
		found++;
	}
	*npages = found;
	return pps[centre] != NULL && pps[centre] != PGO_DONTCARE
	    ? VM_PAGER_OK
	    : VM_PAGER_UNLOCK;
}

/*
 * A page that is not resident.
 * => object write-locked on entry and exit, dropped between
 */
static int
get_page(struct simobj *so, voff_t off, struct vm_page **pgp)
{
	struct vm_page *pg = uvm_pagealloc(&so->so_obj, off, NULL, 0);

	if (pg == NULL)
		return VM_PAGER_AGAIN;
	if (!read_page(so, pg)) {
		atomic_or(&pg->pg_flags, PG_RELEASED);
		(void)uvm_page_unbusy(pg);
		return VM_PAGER_ERROR;
	}
	*pgp = pg;
	return VM_PAGER_OK;
}

static int
simobj_get(struct uvm_object *uobj, voff_t off, struct vm_page **pps,
    int *npages, int centre, vm_prot_t access, int advice, int flags)
{
	struct simobj *so = to_simobj(uobj);
	struct vm_page *pg;
	int rv = VM_PAGER_OK;

	KASSERT(rw_write_held(&uobj->uo_lock));
	if ((flags & PGO_LOCKED) != 0)
		return get_locked(uobj, off, pps, npages, centre);
	off += (voff_t)ptoa((u_long)centre);
	if (off >= (voff_t)ptoa((u_long)orc_obj[so->so_index].npages)) {
		rw_exit(&uobj->uo_lock);
		return VM_PAGER_BAD;
	}
	while ((pg = uvm_pagelookup(uobj, off)) != NULL &&
	    (pg->pg_flags & PG_BUSY) != 0) {
		uvm_page_wait(pg, &uobj->uo_lock, "simget");
		rw_enter_write(&uobj->uo_lock);
	}
	if (pg == NULL)
		rv = get_page(so, off, &pps[centre]);
	else {
		atomic_or(&pg->pg_flags, PG_BUSY);
		pps[centre] = pg;
	}
	rw_exit(&uobj->uo_lock);
	return rv;
}

/* => object write-locked, dropped and taken again; page unbusy on entry */
static bool
flush_page(struct simobj *so, struct vm_page *pg, int flags)
{
	bool ok = true, gone;

	atomic_or(&pg->pg_flags, PG_BUSY);
	if (is_dirty(pg) && (flags & (PGO_CLEANIT | PGO_FREE)) != 0)
		ok = write_page(so, pg);
	if (ok && (flags & PGO_FREE) != 0 && pg->wire_count == 0 &&
	    pg->loan_count == 0) {
		pmap_page_protect(pg, PROT_NONE);
		if (!is_dirty(pg))
			atomic_or(&pg->pg_flags, PG_RELEASED);
	} else if ((flags & PGO_DEACTIVATE) != 0 && pg->wire_count == 0 &&
	    pg->loan_count == 0) {
		pmap_page_protect(pg, PROT_NONE);
		uvm_pagedeactivate(pg);
	}
	gone = uvm_page_unbusy(pg);
	(void)gone;
	return ok;
}

static boolean_t
simobj_pgflush(struct uvm_object *uobj, voff_t start, voff_t stop, int flags)
{
	struct vm_page *pg;
	boolean_t ok = TRUE;
	uint64_t i;

	for (i = atop((u_long)start); i < atop((u_long)stop); i++) {
		while ((pg = uvm_pagelookup(uobj, (voff_t)ptoa(i))) != NULL &&
		    (pg->pg_flags & PG_BUSY) != 0) {
			uvm_page_wait(pg, &uobj->uo_lock, "simflush");
			rw_enter_write(&uobj->uo_lock);
		}
		if (pg != NULL && !flush_page(to_simobj(uobj), pg, flags))
			ok = FALSE;
	}
	return ok;
}

static const struct uvm_pagerops simobj_pager = {
	.pgo_reference = simobj_reference,
	.pgo_detach = simobj_detach,
	.pgo_flush = simobj_pgflush,
	.pgo_get = simobj_get,
};

/* -- For programs ------------------------------------------------------------------ */

void
simobj_init(void)
{
	struct orc_obj *obj;

	for (int o = 0; o < ORC_OBJS; o++) {
		obj = &orc_obj[o];
		if (is_file(o))
			continue;
		if (o >= NFILES) {
			objects[o] = uao_create(ptoa((u_long)obj->npages), 0);
			continue;
		}
		uvm_obj_init(&files[o].so_obj, &simobj_pager, 1);
		files[o].so_index = o;
		objects[o] = &files[o].so_obj;
		for (int i = 0; i < obj->npages; i++)
			for (int w = 0; w < (int)orc_words; w++)
				files[o].so_disk[i][w] = obj->slot[i]->w[w].val;
	}
}

void
simobj_end(void)
{
	for (int o = 0; o < ORC_OBJS; o++) {
		if (is_file(o))
			continue;
		if (objects[o]->uo_refs != 1)
			sim_fail("object %d has %d references at the end", o,
			    objects[o]->uo_refs);
		objects[o]->pgops->pgo_detach(objects[o]);
		if (o < NFILES)
			uvm_obj_destroy(objects[o]);
	}
}

struct uvm_object *
simobj_hold(int o)
{
	if (is_file(o))
		return prog_file_hold(o);
	objects[o]->pgops->pgo_reference(objects[o]);
	return objects[o];
}

void
simobj_release(int o, struct uvm_object *uobj)
{
	if (uobj != NULL)
		uobj->pgops->pgo_detach(uobj);
	if (is_file(o))
		prog_file_release(o);
}

bool
simobj_has_io(int o)
{
	return o < NFILES;
}

void
simobj_fail(int o, int n)
{
	if (is_file(o)) {
		prog_file_fail(n);
		return;
	}
	rw_enter_write(&files[o].so_obj.uo_lock);
	files[o].so_fail = n;
	rw_exit(&files[o].so_obj.uo_lock);
}

void
simobj_flush(int o, int flags)
{
	struct uvm_object *uobj = objects[o];

	if (is_file(o)) {
		prog_file_flush(o, flags);
		return;
	}
	if (!simobj_has_io(o))
		flags &= ~PGO_FREE; /* nobody has it mapped: it would be lost */
	rw_enter_write(&uobj->uo_lock);
	(void)uobj->pgops->pgo_flush(
	    uobj, 0, (voff_t)ptoa((u_long)orc_obj[o].npages), flags);
	rw_exit(&uobj->uo_lock);
}
