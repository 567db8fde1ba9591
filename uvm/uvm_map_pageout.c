/*
 * Paging a range out at once, because its program says so (MADV_PAGEOUT).
 */
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_swap.h>
#include <uvm/uvm_vnode.h>

/* What is to be paged out of one entry. All members: [thread]. */
struct pageout {
	struct swap_batch batch;
	struct swapio *si; /* being filled, or NULL */
};

/* => owner write-locked */
static void
pageout_page(struct pageout *po, struct vm_page *pg)
{
	if (pg == NULL || (pg->pg_flags & PG_BUSY) || pg->wire_count != 0 ||
	    pg->loan_count != 0)
		return;
	uvm_pagedeactivate(pg);
	if (po->si == NULL)
		(void)uvm_pd_freeclean(pg);
	else
		(void)uvm_pd_reclaim(pg, &po->si, false, &po->batch);
}

/* => a request at hand, if there is room in swap; no owner locked */
static void
pageout_prepare(struct pageout *po)
{
	if (po->si != NULL && uvm_swapout_full(po->si)) {
		uvm_swapout_start(po->si);
		po->si = NULL;
	}
	if (po->si == NULL)
		po->si = uvm_swapout_begin(true, &po->batch);
}

static inline bool
pageout_full(const struct pageout *po)
{
	return po->si != NULL && uvm_swapout_full(po->si);
}

static void
pageout_anons(
    struct pageout *po, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff + (u_int)atop(start - e->start);
	u_int stop = slot + (u_int)atop(end - start);
	struct vm_anon *anon = NULL;

	do {
		pageout_prepare(po);
		amap_lock_write(amap);
		while (!pageout_full(po) &&
		    (anon = amap_next(amap, &slot, stop)) != NULL) {
			if (anon->an_page != NULL &&
			    anon->an_page->uanon == anon)
				pageout_page(po, anon->an_page);
			slot++;
		}
		amap_unlock(amap);
	} while (anon != NULL && slot < stop && !MUTANT(PAGEOUT_ONE_CLUSTER));
}

/* The object's pages, if the range shares them. */
static void
pageout_object(
    struct pageout *po, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct uvm_object *uobj = e->object.uvm_obj;
	uint64_t i = atop((vaddr_t)e->offset + (start - e->start));
	uint64_t stop = i + atop(end - start);
	struct vm_page *pg = NULL;

	do {
		pageout_prepare(po);
		rw_enter_write(&uobj->uo_lock);
		while (!pageout_full(po) &&
		    (pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL &&
		    i < stop) {
			pageout_page(po, pg);
			i++;
		}
		rw_exit(&uobj->uo_lock);
	} while (pg != NULL && i < stop);
}

/* => is it an entry whose object's pages are paged out? */
static bool
shares_object(const struct vm_map_entry *e)
{
	return UVM_ET_ISOBJ(e) && !UVM_ET_ISSUBMAP(e) &&
	    !VM_MAPENT_ISWIRED(e) && !UVM_ET_ISCOPYONWRITE(e);
}

/* => map locked */
static bool
has_files(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;

	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next)
		if (shares_object(e) && UVM_OBJ_IS_VNODE(e->object.uvm_obj))
			return true;
	return false;
}

/*
 * Write what is dirty of the files the range shares.  A file system has locks
 * that come before the map's: the map is busy meanwhile, its entries stay.
 * => map write-locked on entry and exit, unlocked meanwhile
 */
static void
clean_files(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	struct uvm_object *uobj;
	vaddr_t from;

	vm_map_busy(map);
	vm_map_unlock(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next) {
		uobj = e->object.uvm_obj;
		if (!shares_object(e) || !UVM_OBJ_IS_VNODE(uobj))
			continue;
		from = MAX(start, e->start);
		rw_enter_write(&uobj->uo_lock);
		(void)uvn_clean(to_uvn(uobj),
		    e->offset + (voff_t)(from - e->start),
		    e->offset + (voff_t)(MIN(end, e->end) - e->start), false);
		rw_exit(&uobj->uo_lock);
	}
	vm_map_lock(map);
	vm_map_unbusy(map);
}

int
uvm_map_pageout(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct pageout po = { { 0, 0 }, NULL };
	struct vm_map_entry *e;
	bool covered, files;
	vaddr_t to;

	vm_map_lock_read(map);
	files = has_files(map, start, end);
	vm_map_unlock_read(map);
	if (files && !MUTANT(UVN_PAGEOUT_KEEPS_DIRTY)) {
		vm_map_lock(map);
		clean_files(map, start, end);
		vm_map_unlock(map);
	}
	vm_map_lock_read(map);
	covered = uvm_map_covered(map, start, end);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next) {
		start = MAX(start, e->start);
		to = MIN(end, e->end);
		if (UVM_ET_ISSUBMAP(e) || VM_MAPENT_ISWIRED(e))
			continue;
		if (e->aref.ar_amap != NULL)
			pageout_anons(&po, e, start, to);
		if (shares_object(e) &&
		    e->object.uvm_obj->pgops->pgo_fault == NULL)
			pageout_object(&po, e, start, to);
	}
	vm_map_unlock_read(map);
	if (po.si != NULL)
		uvm_swapout_start(po.si);
	uvm_swapout_wait(&po.batch);
	return covered ? 0 : ENOMEM;
}
