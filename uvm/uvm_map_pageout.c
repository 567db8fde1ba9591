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

	if (UVM_OBJ_IS_VNODE(uobj) && !MUTANT(UVN_PAGEOUT_KEEPS_DIRTY)) {
		rw_enter_write(&uobj->uo_lock);
		/* whoever has a page busy may wait for the map */
		(void)uvn_clean(to_uvn(uobj), (voff_t)ptoa(i),
		    (voff_t)ptoa(stop), false, false);
		rw_exit(&uobj->uo_lock);
	}
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

int
uvm_map_pageout(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct pageout po = { { 0, 0 }, NULL };
	struct vm_map_entry *e;
	vaddr_t to;
	bool covered;

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
		if (UVM_ET_ISOBJ(e) && !UVM_ET_ISCOPYONWRITE(e) &&
		    e->object.uvm_obj->pgops->pgo_fault == NULL)
			pageout_object(&po, e, start, to);
	}
	vm_map_unlock_read(map);
	if (po.si != NULL)
		uvm_swapout_start(po.si);
	uvm_swapout_wait(&po.batch);
	return covered ? 0 : ENOMEM;
}
