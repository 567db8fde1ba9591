/*
 * The auditor finds what is wrong: one value at a time is made so, and it has
 * to say what.
 */
#include <sys/pool.h>
#include <uvm/uvm_pgcache.h>
#include "kt_fault.h"
#include "kt_audit.h"

/* A little of everything.  Members: the test's. */
struct fixture {
	struct vmspace *vm, *child; /* pages 0 to 3 written, then forked */
	struct vmspace *obj; /* an object shared, and wired memory behind it */
	struct uvm_object *uobj;
	struct vm_map_entry *e, *ce, *oe, *we; /* vm's, child's, obj's, wired */
	struct vm_amap *amap;
	struct vm_anon *anon;
	struct vm_page *pg, *opg; /* of anon, of uobj */
};

static void
fixture_make(struct fixture *f)
{
	vaddr_t va = KTF_VA(16);

	f->vm = ktf_space();
	ktf_map_anon(f->vm, 8, MADV_NORMAL);
	for (int i = 0; i < 4; i++)
		ktf_write(f->vm, i, 1);
	(void)ktf_read(f->vm, 6); /* the page of zeros */
	f->child = uvmspace_fork_vm(f->vm);
	f->obj = ktf_space();
	f->uobj = uao_create(ptoa(4), 0);
	ktf_map_obj(f->obj, KTF_BASE, f->uobj, 4, false, MADV_NORMAL);
	for (int i = 0; i < 4; i++)
		ktf_write(f->obj, i, 2);
	if (uvm_map(&f->obj->vm_map, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY, MADV_NORMAL,
		    UVM_FLAG_FIXED | UVM_FLAG_COPYONW)) != 0 ||
	    uvm_map_pageable(
		&f->obj->vm_map, KTF_VA(16), KTF_VA(18), FALSE, 0) != 0)
		panic("fixture_make");
	f->e = ktf_entry(f->vm, 0);
	f->ce = ktf_entry(f->child, 0);
	f->oe = ktf_entry(f->obj, 0);
	f->we = ktf_entry(f->obj, 16);
	f->amap = f->e->aref.ar_amap;
	f->anon = amap_lookup(&f->e->aref, 0);
	f->pg = f->anon->an_page;
	f->opg = uvm_pagelookup(f->uobj, 0);
}

static void
fixture_free(struct fixture *f)
{
	uvmspace_free(f->vm);
	uvmspace_free(f->child);
	uvmspace_free(f->obj);
}

KTEST(audit_amap)
{
	struct fixture f;

	fixture_make(&f);
	const struct kta_poke poke[] = {
		KTA_POKE(f.anon->an_ref, f.anon->an_ref + 1, "aml_refs is -1"),
		KTA_POKE(f.anon->an_ref, 0, "less than slots hold it"),
		KTA_POKE(f.anon->an_page, NULL, "neither page nor swap slot"),
		KTA_POKE(f.anon->an_page, f.opg, "is not its own"),
		KTA_POKE(f.anon->an_lock, f.we->aref.ar_amap->am_lock,
		    "that of its amap"),
		KTA_POKE(f.amap->am_ref, 3, "am_ref is 3, 2 entries"),
		KTA_POKE(f.amap->am_ref, 1, "am_ref is 1, 2 entries"),
		KTA_POKE(f.amap->am_nslot, 2, "am_nslot is 2"),
		KTA_POKE(f.amap->am_store.as_count, 9, "as_count is 9"),
		KTA_POKE(f.amap->am_flags, 0x80, "am_flags is 0x80"),
		KTA_POKE(f.amap->am_cover.ac_step[0].st_refs, 1,
		    "entries refer to slot 0, am_cover says 1"),
		KTA_POKE(f.amap->am_cover.ac_step[0].st_refs, 3,
		    "entries refer to slot 0, am_cover says 3"),
		KTA_POKE(f.amap->am_cover.ac_n, 0, "am_cover: 0 steps"),
		KTA_POKE(f.amap->am_lock->aml_refs, 2, "aml_refs is 1 more"),
		KTA_POKE(
		    f.amap->am_lock->aml_lock.rwl_word, RWL_READER, "its lock"),
	};
	kta_pokes(poke, nitems(poke));
	fixture_free(&f);
}

KTEST(audit_map)
{
	struct fixture f;

	fixture_make(&f);
	const struct kta_poke poke[] = {
		KTA_POKE(f.ce->etype, UVM_ET_COPYONWRITE, "1 of 2 entries"),
		KTA_POKE(
		    f.ce->etype, UVM_ET_NEEDSCOPY, "without copy-on-write"),
		KTA_POKE(f.oe->protection, PROT_READ, "more than the entry"),
		KTA_POKE(f.oe->etype, UVM_ET_OBJ | UVM_ET_COPYONWRITE,
		    "copied on write"),
		KTA_POKE(f.oe->offset, PAGE_SIZE, "not the page of the object"),
		KTA_POKE(f.oe->object.uvm_obj, NULL, "object and etype"),
		KTA_POKE(f.e->max_protection, 0, "above max_protection"),
		KTA_POKE(f.e->inheritance, 0x70, "unknown inheritance"),
		KTA_POKE(f.e->aref.ar_pageoff, 4, "am_nslot is 8"),
		KTA_POKE(f.e->me_gap, 0, "me_gap is 0"),
		KTA_POKE(f.e->me_maxgap, 0, "me_maxgap is 0"),
		KTA_POKE(f.e->me_height, 7, "wrong me_height"),
		KTA_POKE(f.e->me_parent, f.e, "is no child of it"),
		KTA_POKE(f.e->me_prev, f.ce, "me_next is no entry"),
		KTA_POKE(f.e->end, KTF_VA(2), "no entry there"),
		KTA_POKE(f.e->wired_count, 1, "wired and needs-copy"),
		KTA_POKE(f.we->wired_count, 0, "the entry is not wired"),
		KTA_POKE(f.oe->wired_count, 1, "the entry is wired"),
		KTA_POKE(f.vm->vm_map.nentries, 2, "nentries is 2"),
		KTA_POKE(f.vm->vm_map.size, 0, "size is 0"),
		KTA_POKE(f.vm->vm_map.vm_hint, f.ce, "vm_hint"),
		KTA_POKE(f.vm->vm_map.flags, f.vm->vm_map.flags | VM_MAP_BUSY,
		    "vm_busy"),
		KTA_POKE(f.vm->vm_map.max_offset, 0, "bounds are"),
		KTA_POKE(f.vm->vm_map.vm_lock.rwl_word, RWL_READER, "its lock"),
		KTA_POKE(f.vm->vm_refcnt, 0, "vm_refcnt is 0"),
	};
	kta_pokes(poke, nitems(poke));
	fixture_free(&f);
}

KTEST(audit_page)
{
	struct fixture f;
	uint32_t af;

	fixture_make(&f);
	uvm_pageq_flush();
	af = f.pg->pg_flags;
	const struct kta_poke poke[] = {
		KTA_POKE(f.pg->wire_count, 1, "wire_count is 1"),
		KTA_POKE(f.pg->loan_count, 1, "wire_count is 0"),
		KTA_POKE(f.pg->pg_flags, af & ~PQ_ACTIVE, "active queue"),
		KTA_POKE(f.pg->pg_flags, af | PQ_INACTIVE, "on two queues"),
		KTA_POKE(f.pg->pg_flags, af | PG_BUSY, "busy or without"),
		KTA_POKE(f.pg->pg_flags, af | PG_WANTED, "wanted but not"),
		KTA_POKE(f.pg->pg_flags, af & ~PQ_ANON, "PQ_ANON is for"),
		KTA_POKE(f.pg->pg_flags, af | PQ_FREE, "free, but on no list"),
		KTA_POKE(f.pg->uanon, NULL, "is not its own"),
		KTA_POKE(f.pg->uobject, f.uobj, "two owners"),
		KTA_POKE(f.pg->pageq.tqe_prev, NULL, "active queue: broken"),
		KTA_POKE(f.opg->offset, PAGE_SIZE, "at index 0 says"),
		KTA_POKE(f.opg->pg_flags, f.opg->pg_flags & ~PG_TABLED,
		    "PG_TABLED is for"),
		KTA_POKE(f.opg->pg_flags, f.opg->pg_flags & ~PQ_AOBJ,
		    "PQ_AOBJ is for"),
		KTA_POKE(f.opg->pg_flags, f.opg->pg_flags | PG_HOLE,
		    "PG_HOLE is for"),
		KTA_POKE(f.opg->pg_flags, f.opg->pg_flags | PG_TEXT,
		    "PG_TEXT is for"),
		KTA_POKE(f.opg->loan_count, 1, "the page is on loan"),
		KTA_POKE(f.uobj->uo_npages, 5, "uo_npages is 5"),
		KTA_POKE(f.uobj->uo_refs, 0, "uo_refs is 0"),
		KTA_POKE(
		    ((struct uvm_ptnode *)f.uobj->uo_tree.pt_root)->pn_count, 5,
		    "pn_count of node"),
		KTA_POKE(f.uobj->uo_lock.rwl_word, RWL_READER, "its lock"),
		KTA_POKE(
		    curcpu()->ci_uvmexp.anonpages, 1 << 20, "uvmexp.anonpages"),
		KTA_POKE(curcpu()->ci_uvmexp.vnodepages, 1 << 20,
		    "uvmexp.vnodepages"),
		KTA_POKE(curcpu()->ci_uvmexp.vtextpages, 1 << 20,
		    "uvmexp.vtextpages"),
		KTA_POKE(uvmexp.nanon, uvmexp.nanon + 1, "nanon - nfreeanon"),
		KTA_POKE(uvmexp.kmapent, -1, "uvmexp.kmapent"),
	};
	kta_pokes(poke, nitems(poke));
	fixture_free(&f);
}

/* => the head of some free block with a buddy to lie beside, or NULL */
static struct vm_page *
some_block(void)
{
	struct uvm_buddy *b = &uvm_fp.fp_list[VM_FREELIST_DEFAULT];

	for (int o = UVM_BUDDY_ORDERS - 1; o >= 0; o--)
		if (!TAILQ_EMPTY(&b->ub_block[o]))
			return TAILQ_FIRST(&b->ub_block[o]);
	return NULL;
}

/* A poke at something that may not be there. */
#define POKE_IF(p, lvalue, wrong, text)                              \
	{                                                            \
		(p) != NULL ? (void *)(uintptr_t) & (lvalue) : NULL, \
		    sizeof(lvalue), (uint64_t)(wrong), (text)        \
	}

static struct pool *entry_pool; /* [test thread] */

static void
find_entry_pool(struct pool *pp, void *arg)
{
	if (strcmp(pp->pr_name, "vmmapent") == 0)
		entry_pool = pp;
}

KTEST(audit_free)
{
	struct uvm_buddy *b = &uvm_fp.fp_list[VM_FREELIST_DEFAULT];
	struct vm_page *block, *zero, *hot;
	struct pool_page *slab;
	struct vmspace *vm;

	/* nothing is allocated from here on that could take these away */
	kt_sleep_ms(20);
	pool_foreach(find_entry_pool, NULL);
	vm = ktf_space();
	ktf_map_anon(vm, 1, MADV_NORMAL);
	slab = (struct pool_page *)trunc_page((vaddr_t)ktf_entry(vm, 0));
	uvm_pgcache_gather();
	uvm_pgcache_release();
	mtx_leave(&uvm.fpageqlock);
	uvmspace_free(vm);
	kt_sleep_ms(20);
	block = some_block();
	zero = TAILQ_FIRST(&b->ub_zero);
	hot = uvm_fp.fp_hot;
	const struct kta_poke poke[] = {
		KTA_POKE(b->ub_npages, b->ub_npages + 1, "ub_npages"),
		KTA_POKE(b->ub_nzero, b->ub_nzero + 1, "ub_nzero"),
		KTA_POKE(b->ub_orders, 0, "ub_orders is 0"),
		KTA_POKE(uvm_fp.fp_free, 0, "fp_free is 0"),
		KTA_POKE(uvm_fp.fp_nhot, -1, "fp_nhot is -1"),
		KTA_POKE(uvm_fp.fp_hold, 1, "fp_hold is 1"),
		KTA_POKE(uvm_fp.fp_open, 0x80, "fp_open is 0x80"),
		KTA_POKE(uvm.pageqlock.mtx_locked, 1, "pageqlock"),
		POKE_IF(block, block->pg_order, 0, "pg_order is 0, on the"),
		POKE_IF(block, block[1].pg_flags, 0, "pg_flags is 0, should"),
		POKE_IF(block, block[1].pg_order, 1, "inside a block"),
		POKE_IF(block, block[1].wire_count, 1, "free, but owner"),
		POKE_IF(hot, hot->pg_flags, PQ_MAGAZINE, "free, pg_flags"),
		{ zero != NULL ? (char *)VM_PAGE_TO_DMAP(zero) + 4088 : NULL, 8,
		    7, "zeroed, but 0x7 at offset 4088" },
		KTA_POKE(entry_pool->pr_nfree, 0xffff, "vmmapent: slabs, free"),
		KTA_POKE(slab->ph_pool, NULL, "vmmapent: slab"),
		KTA_POKE(slab->ph_nfree, slab->ph_nfree + 1,
		    "free items on its list"),
		KTA_POKE(entry_pool->pr_mtx.mtx_locked, 1, "its mutex is held"),
	};
	kta_pokes(poke, nitems(poke));
}
