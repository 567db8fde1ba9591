/*
 * Amaps: references of map entries, copy-on-write, and the operations on
 * slots.  Storage and the counting of entries per slot are in
 * uvm_amap_slots.c and uvm_amap_cover.c.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_loan.h>
#include <sys/pool.h>

/* Set up once by uvm_amap_init. */
static struct pool amap_pool;
static struct pool amap_lock_pool;
static struct pool amap_node_pool;

/* Slots emptied before others may have the hart. */
#define AMAP_WIPE_BATCH 1024

void
uvm_amap_init(void)
{
	pool_init(&amap_pool, sizeof(struct vm_amap), 0, "amap");
	pool_init(&amap_lock_pool, sizeof(struct amap_lock), 0, "amaplock");
	pool_init(&amap_node_pool, sizeof(struct amap_node), 0, "amapnode");
}

/* -- Memory of the pure parts ---------------------------------------------- */

struct amap_node *
amap_node_get(void)
{
	return pool_get(&amap_node_pool, PR_NOWAIT | PR_ZERO);
}

void
amap_node_put(struct amap_node *nd)
{
	pool_put(&amap_node_pool, nd);
}

struct amap_step *
amap_steps_get(u_int n)
{
	return kmem_alloc(n * sizeof(struct amap_step), PR_NOWAIT);
}

void
amap_steps_put(struct amap_step *st, u_int n)
{
	kmem_free(st, n * sizeof(struct amap_step));
}

/* -- Life ------------------------------------------------------------------ */

/* => an amap that uses lock, whose reference it takes over */
static void
amap_setup(struct vm_amap *amap, struct amap_lock *lock, u_int npages)
{
	amap->am_lock = lock;
	amap->am_ref = 1;
	amap->am_flags = 0;
	amap->am_nslot = npages;
	amap->am_swapin = 0;
	amap->am_store = (struct amap_store){ 0 };
	amap_cover_init(&amap->am_cover);
}

struct vm_amap *
amap_alloc(u_int npages, bool waitok)
{
	int flags = waitok ? PR_WAITOK : PR_NOWAIT;
	struct vm_amap *amap;
	struct amap_lock *lock;

	amap = pool_get(&amap_pool, flags);
	if (amap == NULL)
		return NULL;
	lock = pool_get(&amap_lock_pool, flags);
	if (lock == NULL) {
		pool_put(&amap_pool, amap);
		return NULL;
	}
	rw_init(&lock->aml_lock, LR_AMAP, "amap");
	refcnt_init(&lock->aml_refs);
	amap_setup(amap, lock, npages);
	return amap;
}

void
amap_lock_rele(struct amap_lock *lock)
{
	if (refcnt_drop(&lock->aml_refs))
		pool_put(&amap_lock_pool, lock);
}

void
amap_free(struct vm_amap *amap)
{
	KASSERT(amap->am_ref == 0 && amap->am_store.as_count == 0);
	amap_cover_fini(&amap->am_cover);
	amap_lock_rele(amap->am_lock);
	pool_put(&amap_pool, amap);
}

/* Drop the references of a run of slots; the storage empties it. */
static void
amap_drop_run(void *arg, struct vm_anon **slots, u_int n)
{
	uvm_anon_drop(slots, n);
}

static void
amap_wipe(struct vm_amap *amap, u_int start, u_int end)
{
	(void)amap_store_wipe(
	    &amap->am_store, start, end, AMAP_END, amap_drop_run, NULL);
}

/*
 * The last reference is gone: nobody can find the amap, so the lock, needed
 * for what its anons share with the family, may be let go now and then.
 * => amap write-locked on entry, freed on exit
 */
static void
amap_wipeout(struct vm_amap *amap)
{
	u_int s = 0;

	for (;;) {
		s = amap_store_wipe(&amap->am_store, s, AMAP_END,
		    AMAP_WIPE_BATCH, amap_drop_run, NULL);
		amap_unlock(amap);
		if (s == AMAP_END)
			break;
		if (atomic_load(&curcpu()->ci_resched) != 0)
			preempt();
		amap_lock_write(amap);
	}
	amap_free(amap);
}

/* -- References of entries ------------------------------------------------- */

/*
 * End of a range of slots for the cover: an entry that reaches the amap's end
 * counts for all that follow, which keeps most amaps at a single step.
 */
static inline u_int
amap_cover_end(struct vm_amap *amap, u_int end)
{
	return end >= amap->am_nslot ? AMAP_END : end;
}

void
amap_ref(struct vm_amap *amap, u_int offset, u_int len, int flags)
{
	amap_lock_write(amap);
	amap->am_ref++;
	amap->am_flags |= flags & AMAP_SHARED;
	if ((flags & AMAP_REFALL) != 0)
		amap_cover_ref(&amap->am_cover, 0, AMAP_END);
	else
		amap_cover_ref(&amap->am_cover, offset,
		    amap_cover_end(amap, offset + len));
	amap_unlock(amap);
}

/* No entry refers to [start, end) any more. */
static void
amap_release(void *arg, u_int start, u_int end)
{
	struct vm_amap *amap = arg;

	amap_wipe(amap, start, end);
	if (end >= amap->am_nslot && start < amap->am_nslot)
		amap->am_nslot = start;
}

/*
 * An entry gives up slots and a reference, but not the last one.
 * => amap write-locked
 */
static void
amap_drop_part(struct vm_amap *amap, u_int offset, u_int len, int flags)
{
	u_int end = amap_cover_end(amap, offset + len);

	if ((flags & AMAP_REFALL) != 0) {
		offset = 0;
		end = AMAP_END;
	}
	amap_cover_unref(&amap->am_cover, offset, end, amap_release, amap);
	/* Only now may whoever is left look at slots without the lock. */
	atomic_store_rel(&amap->am_ref, amap->am_ref - 1);
	if (amap->am_ref == 1) {
		amap->am_flags &= ~AMAP_SHARED;
		amap_cover_fini(&amap->am_cover);
		amap_cover_init(&amap->am_cover);
	}
}

void
amap_unref(struct vm_amap *amap, u_int offset, u_int len, int flags)
{
	amap_lock_write(amap);
	KASSERT(amap->am_ref > 0);
	if (amap->am_ref == 1) {
		amap->am_ref = 0;
		amap_wipeout(amap);
		return;
	}
	amap_drop_part(amap, offset, len, flags);
	amap_unlock(amap);
}

void
amap_splitref(struct vm_aref *orig, struct vm_aref *split, u_int splitpages)
{
	struct vm_amap *amap = orig->ar_amap;

	amap_lock_write(amap);
	if (!MUTANT(SPLIT_NO_AMAP_REF))
		amap->am_ref++;
	amap_unlock(amap);
	split->ar_amap = amap;
	split->ar_pageoff = orig->ar_pageoff +
	    (MUTANT(SPLIT_WRONG_SLOT) ? splitpages - 1 : splitpages);
}

void
amap_mergeref(struct vm_amap *amap)
{
	amap_lock_write(amap);
	KASSERT(amap->am_ref > 1);
	amap->am_ref--;
	amap_unlock(amap);
}

int
amap_extend(struct vm_map_entry *entry, u_int addpages)
{
	struct vm_amap *amap = entry->aref.ar_amap;
	u_int end = entry->aref.ar_pageoff + atop(entry->end - entry->start);
	int error = ENOMEM;

	amap_lock_write(amap);
	KASSERT(end <= amap->am_nslot);
	if (end == amap->am_nslot && addpages < AMAP_END - end &&
	    amap_cover_extend(&amap->am_cover, end) == 0) {
		amap->am_nslot = end + addpages;
		error = 0;
	}
	amap_unlock(amap);
	return error;
}

/* -- Copy on write --------------------------------------------------------- */

/*
 * A first amap for an entry that has none.
 * => map write-locked; may clip the entry; 0 or ENOMEM
 */
static int
amap_copy_fresh(struct vm_map *map, struct vm_map_entry *entry, bool canchunk,
    vaddr_t start, vaddr_t end)
{
	const vsize_t chunk = ptoa(UVM_AMAP_CHUNK);

	if (canchunk && atop(entry->end - entry->start) > UVM_AMAP_LARGE) {
		start = rounddown2(start, chunk);
		end = roundup2(end, chunk);
		if (start > entry->start)
			uvm_map_clip_start(map, entry, start);
		if (end < entry->end)
			uvm_map_clip_end(map, entry, end);
	}
	entry->aref.ar_amap =
	    amap_alloc(atop(entry->end - entry->start), false);
	if (entry->aref.ar_amap == NULL)
		return ENOMEM;
	entry->aref.ar_pageoff = 0;
	return 0;
}

/*
 * The source can be written through other maps without copying, so pages that
 * are shared from now on must lose that right everywhere.
 * => amap write-locked
 */
static void
amap_protect_range(struct vm_amap *amap, u_int start, u_int end, vm_prot_t prot)
{
	struct vm_anon *anon;
	u_int s;

	for (s = start; (anon = amap_next(amap, &s, end)) != NULL; s++) {
		if (anon->an_page != NULL)
			pmap_page_protect(anon->an_page, prot);
	}
}

/*
 * Fill dst with the entry's part of src and take the entry's reference to src
 * away.
 * => src write-locked, has other references; 0, or ENOMEM, nothing changed
 */
static int
amap_copy_slots(struct vm_amap *dst, struct vm_amap *src, u_int off, u_int len)
{
	if (amap_store_copy(&dst->am_store, &src->am_store, off, len) != 0)
		return ENOMEM;
	if ((src->am_flags & AMAP_SHARED) != 0 && !MUTANT(AMAP_COPY_NO_PROTECT))
		amap_protect_range(src, off, off + len, PROT_READ | PROT_EXEC);
	amap_drop_part(src, off, len, 0);
	return 0;
}

/* => a private copy of the entry's slots; 0 or ENOMEM */
static int
amap_copy_shared(struct vm_map_entry *entry)
{
	struct vm_amap *dst, *src = entry->aref.ar_amap;
	u_int off = entry->aref.ar_pageoff;
	u_int len = atop(entry->end - entry->start);
	int error;

	dst = pool_get(&amap_pool, PR_NOWAIT);
	if (dst == NULL)
		return ENOMEM;
	refcnt_take(&src->am_lock->aml_refs);
	amap_setup(dst, src->am_lock, len);

	amap_lock_write(src);
	if (src->am_ref == 1 && !MUTANT(AMAP_COPY_NO_RECHECK)) {
		/* The others went away meanwhile. */
		dst->am_ref = 0;
		amap_unlock(src);
		amap_free(dst);
		return 0;
	}
	error = amap_copy_slots(dst, src, off, len);
	amap_unlock(src);
	if (error != 0) {
		dst->am_ref = 0;
		if (!MUTANT(AMAP_COPY_ERROR_LEAK))
			amap_free(dst);
		return error;
	}
	entry->aref.ar_amap = dst;
	entry->aref.ar_pageoff = 0;
	return 0;
}

/*
 * => every slot of the entry's has only this entry: it is ours already, even if
 *    other parts of the amap belong to others
 */
static bool
amap_is_single(struct vm_map_entry *entry)
{
	struct vm_amap *amap = entry->aref.ar_amap;
	u_int off = entry->aref.ar_pageoff;
	bool single;

	amap_lock_read(amap);
	single = amap->am_ref == 1 ||
	    amap_cover_single(&amap->am_cover, off,
		amap_cover_end(amap, off + atop(entry->end - entry->start)));
	amap_unlock(amap);
	return single;
}

int
amap_copy(struct vm_map *map, struct vm_map_entry *entry, bool waitok,
    bool canchunk, vaddr_t start, vaddr_t end)
{
	int error;

	do {
		if (entry->aref.ar_amap == NULL)
			error =
			    amap_copy_fresh(map, entry, canchunk, start, end);
		else
			error =
			    amap_is_single(entry) ? 0 : amap_copy_shared(entry);
	} while (error != 0 && waitok && !uvm_wait_killed("amapcopy"));
	if (error == 0)
		entry->etype &= ~UVM_ET_NEEDSCOPY;
	return error;
}

/*
 * Give a slot a page of its own if its anon is shared.
 * => amap write-locked; FALSE: no memory, nothing changed
 */
static bool
amap_cow_slot(struct vm_amap *amap, u_int slot, struct vm_anon *anon)
{
	struct vm_anon *new;
	struct vm_page *pg;

	new = uvm_analloc();
	if (new == NULL)
		return false;
	pg = uvm_pagealloc(NULL, 0, new, 0);
	if (pg == NULL) {
		uvm_anon_discard(new);
		return false;
	}
	pmap_copy_page(anon->an_page, pg);
	atomic_and(&pg->pg_flags, ~(uint32_t)(PG_BUSY | PG_FAKE | PG_CLEAN));
	new->an_lock = amap->am_lock;
	(void)amap_store_set(&amap->am_store, slot, new);
	anon->an_ref -= MUTANT(COW_NOW_DROPS_TWO) ? 2 : 1;
	uvm_pageactivate(pg);
	return true;
}

/*
 * What is not wired stays shared until somebody writes.  So does all that is
 * left when the process is killed meanwhile: nobody will run in the copy.
 */
void
amap_cow_now(struct vm_map *map, struct vm_map_entry *entry)
{
	struct vm_amap *amap = entry->aref.ar_amap;
	u_int end = entry->aref.ar_pageoff + atop(entry->end - entry->start);
	struct vm_anon *anon;
	struct vm_page *pg;
	u_int slot = entry->aref.ar_pageoff;

	amap_lock_write(amap);
	while ((anon = amap_next(amap, &slot, end)) != NULL) {
		pg = anon->an_page;
		if (anon->an_ref == 1 || pg == NULL || pg->wire_count == 0) {
			slot++;
			continue;
		}
		if ((pg->pg_flags & PG_BUSY) != 0) {
			uvm_page_wait(pg, &amap->am_lock->aml_lock, "cownow");
			amap_lock_write(amap);
			continue;
		}
		if (!amap_cow_slot(amap, slot, anon)) {
			amap_unlock(amap);
			if (uvm_wait_killed("cownow"))
				return;
			amap_lock_write(amap);
		}
	}
	amap_unlock(amap);
}

void
amap_share_protect(struct vm_map_entry *entry, vm_prot_t prot)
{
	struct vm_amap *amap = entry->aref.ar_amap;
	u_int off = entry->aref.ar_pageoff;

	amap_lock_write(amap);
	amap_protect_range(
	    amap, off, off + atop(entry->end - entry->start), prot);
	amap_unlock(amap);
}

/* -- Slots ----------------------------------------------------------------- */

struct vm_anon *
amap_lookup(struct vm_aref *aref, vaddr_t offset)
{
	return amap_store_lookup(
	    &aref->ar_amap->am_store, aref->ar_pageoff + atop(offset));
}

void
amap_lookups(
    struct vm_aref *aref, vaddr_t offset, struct vm_anon **anons, int npages)
{
	u_int slot = aref->ar_pageoff + atop(offset);
	int i;

	for (i = 0; i < npages; i++)
		anons[i] =
		    amap_store_lookup(&aref->ar_amap->am_store, slot + i);
}

void
amap_replace(struct vm_amap *amap, u_int slot, struct vm_anon *anon)
{
	struct vm_anon **where = amap_store_slot(&amap->am_store, slot);
	struct vm_anon *old = *where;

	KDASSERT(amap_write_held(amap));
	/* Anons never move between families: one lock covers all holders. */
	KASSERT(anon->an_lock == NULL || anon->an_lock == amap->am_lock);
	anon->an_lock = amap->am_lock;
	*where = anon;
	if ((amap->am_flags & AMAP_SHARED) != 0 && old->an_page != NULL &&
	    !MUTANT(REPLACE_NO_PROTECT))
		uvm_anon_unmap(old);
	if (--old->an_ref == 0)
		uvm_anfree(old);
}

int
amap_add(
    struct vm_aref *aref, vaddr_t offset, struct vm_anon *anon, bool replace)
{
	struct vm_amap *amap = aref->ar_amap;
	u_int slot = aref->ar_pageoff + atop(offset);

	KASSERT(slot < amap->am_nslot);
	if (replace) {
		amap_replace(amap, slot, anon);
		return 0;
	}
	KDASSERT(amap_write_held(amap));
	KDASSERT(amap_store_lookup(&amap->am_store, slot) == NULL);
	KASSERT(anon->an_lock == NULL || anon->an_lock == amap->am_lock);
	if (amap_store_set(&amap->am_store, slot, anon) != 0)
		return ENOMEM;
	anon->an_lock = amap->am_lock;
	return 0;
}

void
amap_unadd(struct vm_aref *aref, vaddr_t offset)
{
	struct vm_anon *anon;

	KDASSERT(amap_write_held(aref->ar_amap));
	anon = amap_store_clear(
	    &aref->ar_amap->am_store, aref->ar_pageoff + atop(offset));
	KASSERT(anon != NULL);
}

void
amap_discard(struct vm_aref *aref, vaddr_t offset, u_int npages)
{
	u_int slot = aref->ar_pageoff + atop(offset);

	KDASSERT(amap_write_held(aref->ar_amap));
	amap_wipe(aref->ar_amap, slot, slot + npages);
}

struct vm_anon *
amap_next(struct vm_amap *amap, u_int *slot, u_int end)
{
	return amap_store_next(&amap->am_store, slot, end);
}
