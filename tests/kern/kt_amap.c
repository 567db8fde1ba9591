/* Amaps below the fault handler: references, growth, copies. */
#include "kt_fault.h"

static int
resident(const struct uvmexp *s)
{
	return KT_DELTA(s, anonpages);
}

/* Memory grows with the pages present, not with the range. */
KTEST(amap_sparse)
{
	const u_int npages = 1U << 24; /* 64 GiB */
	struct vm_amap *amap;
	long before = uvm_free_count();

	amap = amap_alloc(npages, true);
	KT_REQUIRE(amap != NULL);
	KT_RANGE(before - uvm_free_count(), 0, 3);
	KT_EQ(amap->am_nslot, npages);
	KT_EQ(amap->am_ref, 1);
	amap_unref(amap, 0, npages, AMAP_REFALL);
}

/* Splitting an entry and unmapping a half frees that half at once. */
KTEST(amap_split)
{
	struct vmspace *vm = ktf_space();
	struct vm_amap *amap;
	struct uvmexp s;
	int i;

	KT_SNAP(&s);
	ktf_map_anon(vm, 8, MADV_RANDOM);
	for (i = 0; i < 8; i++)
		ktf_write(vm, i, 50 + i);
	amap = ktf_entry(vm, 0)->aref.ar_amap;
	KT_EQ(amap->am_ref, 1);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(2), KTF_VA(4), PROT_READ, FALSE),
	    0);
	KT_EQ(amap->am_ref, 3);
	KT_CHECK(ktf_entry(vm, 6)->aref.ar_amap == amap);
	uvm_unmap(&vm->vm_map, KTF_VA(2), KTF_VA(4));
	KT_EQ(resident(&s), 6);
	KT_EQ(ktf_read(vm, 5), 55);
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(2));
	KT_EQ(resident(&s), 4);
	KT_EQ(amap->am_ref, 1);
	/* What is left can be forked, copied and freed. */
	{
		struct vmspace *child = uvmspace_fork_vm(vm);

		ktf_write(child, 4, 1);
		KT_EQ(resident(&s), 5);
		KT_EQ(ktf_read(child, 7), 57);
		uvmspace_free(child);
	}
	KT_EQ(resident(&s), 4);
	uvmspace_free(vm);
	KT_EQ(resident(&s), 0);
}

/* A child that unmaps a part of what it shares, then the parent the same. */
KTEST(amap_partial)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;
	int i;

	KT_SNAP(&s);
	ktf_map_anon(vm, 16, MADV_RANDOM);
	for (i = 0; i < 16; i++)
		ktf_write(vm, i, i);
	child = uvmspace_fork_vm(vm);
	uvm_unmap(&child->vm_map, KTF_VA(4), KTF_VA(8));
	KT_EQ(resident(&s), 16);
	uvm_unmap(&vm->vm_map, KTF_VA(6), KTF_VA(12));
	KT_EQ(resident(&s), 14); /* 6 and 7: nobody has them */
	uvm_unmap(&child->vm_map, KTF_VA(8), KTF_VA(12));
	KT_EQ(resident(&s), 10);
	for (i = 0; i < 4; i++) {
		KT_EQ(ktf_read(vm, i), i);
		KT_EQ(ktf_read(child, i), i);
	}
	KT_EQ(ktf_read(vm, 5), 5);
	uvmspace_free(vm);
	KT_EQ(resident(&s), 8);
	KT_EQ(ktf_read(child, 15), 15);
	uvmspace_free(child);
	KT_EQ(resident(&s), 0);
}

/* Growth at the end, and not where other slots follow. */
KTEST(amap_extend)
{
	struct vmspace *vm = ktf_space();
	struct vm_map_entry *entry;
	struct vm_amap *amap;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	entry = ktf_entry(vm, 0);
	amap = entry->aref.ar_amap;
	vm_map_lock(&vm->vm_map);
	KT_EQ(amap_extend(entry, 4), 0);
	KT_EQ(amap->am_nslot, 12);
	uvm_map_clip_end(&vm->vm_map, entry, KTF_VA(3));
	KT_EQ(amap_extend(entry, 1), ENOMEM);
	KT_EQ(amap->am_nslot, 12);
	vm_map_unlock(&vm->vm_map);
	uvmspace_free(vm);
}

/* Both halves of a split refer to it; a merge takes one back. */
KTEST(amap_splitref)
{
	struct vm_amap *amap = amap_alloc(10, true);
	struct vm_aref a = { .ar_amap = amap, .ar_pageoff = 2 }, b;

	amap_splitref(&a, &b, 3);
	KT_CHECK(b.ar_amap == amap);
	KT_EQ(b.ar_pageoff, 5);
	KT_EQ(amap->am_ref, 2);
	amap_mergeref(amap);
	KT_EQ(amap->am_ref, 1);
	amap_unref(amap, 2, 8, 0);
}

/* With canchunk a large entry is cut; the first amap covers the chunk only. */
KTEST(amap_copy_chunk)
{
	struct vmspace *vm = ktf_space();
	struct vm_map_entry *entry;
	int n = UVM_AMAP_LARGE * 4;

	ktf_map_anon(vm, n, MADV_RANDOM);
	entry = ktf_entry(vm, 0);
	vm_map_lock(&vm->vm_map);
	KT_EQ(
	    amap_copy(&vm->vm_map, entry, true, true, KTF_VA(100), KTF_VA(101)),
	    0);
	KT_CHECK(!UVM_ET_ISNEEDSCOPY(entry));
	KT_EQ(entry->start, KTF_VA(96));
	KT_EQ(entry->end, KTF_VA(112));
	KT_EQ(entry->aref.ar_amap->am_nslot, UVM_AMAP_CHUNK);
	KT_EQ(vm->vm_map.nentries, 3);
	vm_map_unlock(&vm->vm_map);
	uvm_map_audit(&vm->vm_map);
	ktf_write(vm, 0, 1);
	ktf_write(vm, n - 1, 2);
	ktf_write(vm, 100, 3);
	KT_EQ(ktf_read(vm, n - 1), 2);
	uvmspace_free(vm);
}

/* One reference only: clearing needs-copy copies nothing. */
KTEST(amap_copy_single)
{
	struct vmspace *vm = ktf_space(), *child;
	struct vm_amap *amap;
	struct uvmexp s;
	int i;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	for (i = 0; i < 8; i++)
		ktf_write(vm, i, i);
	amap = ktf_entry(vm, 0)->aref.ar_amap;
	child = uvmspace_fork_vm(vm);
	KT_EQ(amap->am_ref, 2);
	uvmspace_free(child);
	KT_EQ(amap->am_ref, 1);
	KT_CHECK(UVM_ET_ISNEEDSCOPY(ktf_entry(vm, 0)));
	KT_SNAP(&s);
	ktf_write(vm, 3, 9);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltanget = 1, .flt_anon = 1);
	KT_CHECK(ktf_entry(vm, 0)->aref.ar_amap == amap);
	uvmspace_free(vm);
}

KTEST(amap_share_protect)
{
	struct vmspace *vm = ktf_space(), *child;
	struct vm_map_entry *entry;
	int i;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	for (i = 0; i < 4; i++)
		ktf_write(vm, i, i);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(0), KTF_VA(4), MAP_INHERIT_SHARE),
	    0);
	child = uvmspace_fork_vm(vm);
	ktf_write(child, 1, 77);
	KT_EQ(ktf_read(vm, 1), 77);
	KT_EQ(ktf_prot(child, 1), PROT_READ | PROT_WRITE);
	entry = ktf_entry(vm, 0);
	vm_map_lock_read(&vm->vm_map);
	amap_share_protect(entry, PROT_READ);
	vm_map_unlock_read(&vm->vm_map);
	KT_EQ(ktf_prot(vm, 1), PROT_READ);
	KT_EQ(ktf_prot(child, 1), PROT_READ);
	ktf_write(child, 1, 78);
	KT_EQ(ktf_read(vm, 1), 78);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* A copy-on-write in one sharer is seen by the other. */
KTEST(amap_shared_cow)
{
	struct vmspace *vm = ktf_space(), *sharer, *third;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(0), KTF_VA(2), MAP_INHERIT_SHARE),
	    0);
	sharer = uvmspace_fork_vm(vm);
	KT_EQ(ktf_read(sharer, 0), 1);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(0), KTF_VA(2), MAP_INHERIT_COPY),
	    0);
	third = uvmspace_fork_vm(vm);
	KT_EQ(ktf_read(third, 0), 1);
	KT_EQ(ktf_read(sharer, 0), 1);
	ktf_write(vm, 0, 2); /* copies, for both sharers */
	KT_EQ(ktf_read(sharer, 0), 2);
	KT_EQ(ktf_read(third, 0), 1);
	KT_EQ(ktf_page(sharer, KTF_VA(0)), ktf_page(vm, KTF_VA(0)));
	uvmspace_free(third);
	uvmspace_free(sharer);
	uvmspace_free(vm);
}

/* Iteration and lookups see what is there. */
KTEST(amap_slots)
{
	struct vmspace *vm = ktf_space();
	struct vm_anon *anons[6], *an;
	struct vm_map_entry *entry;
	u_int slot = 0;

	ktf_map_anon(vm, 300, MADV_RANDOM);
	ktf_write(vm, 2, 1);
	ktf_write(vm, 299, 1);
	entry = ktf_entry(vm, 0);
	amap_lock_write(entry->aref.ar_amap);
	an = amap_next(entry->aref.ar_amap, &slot, 300);
	KT_EQ(slot, 2);
	KT_CHECK(an == amap_lookup(&entry->aref, ptoa(2)));
	slot++;
	KT_CHECK(amap_next(entry->aref.ar_amap, &slot, 299) == NULL);
	KT_CHECK(amap_next(entry->aref.ar_amap, &slot, 300) != NULL);
	amap_lookups(&entry->aref, 0, anons, 6);
	KT_CHECK(anons[1] == NULL && anons[2] == an && anons[3] == NULL);
	amap_unadd(&entry->aref, ptoa(2));
	KT_CHECK(amap_lookup(&entry->aref, ptoa(2)) == NULL);
	KT_EQ(amap_add(&entry->aref, ptoa(2), an, false), 0);
	amap_unlock(entry->aref.ar_amap);
	KT_EQ(ktf_read(vm, 2), 1);
	uvmspace_free(vm);
}

/* An anon takes the place of another: the old one and its mappings go. */
KTEST(amap_add_replace)
{
	struct vmspace *vm = ktf_space(), *child;
	struct vm_map_entry *entry;
	struct vm_anon *anon;
	struct uvmexp s;

	ktf_map_anon(vm, 3, MADV_RANDOM);
	ktf_write(vm, 1, 5);
	entry = ktf_entry(vm, 0);
	entry->inheritance = MAP_INHERIT_SHARE;
	child = uvmspace_fork_vm(vm);
	KT_EQ(ktf_read(child, 1), 5);
	KT_SNAP(&s);
	anon = uvm_analloc();
	KT_REQUIRE(
	    anon != NULL && uvm_pagealloc(NULL, 0, anon, UVM_PGA_ZERO) != NULL);
	amap_lock_write(entry->aref.ar_amap);
	KT_EQ(amap_add(&entry->aref, ptoa(1), anon, true), 0);
	KT_CHECK(amap_lookup(&entry->aref, ptoa(1)) == anon);
	uvm_pageactivate(anon->an_page);
	(void)uvm_page_unbusy(anon->an_page);
	amap_unlock(entry->aref.ar_amap);
	KT_EQ(KT_DELTA(&s, free), 0); /* one taken, one given back */
	KT_EQ(ktf_prot(vm, 1), -1);
	KT_EQ(ktf_prot(child, 1), -1);
	KT_EQ(ktf_read(child, 1), 0);
	KT_EQ(ktf_read(vm, 1), 0);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* A slot that is emptied and filled again, in the store without nodes. */
KTEST(amap_unadd_small)
{
	struct vmspace *vm = ktf_space();
	struct vm_map_entry *entry;
	struct vm_anon *anon;

	ktf_map_anon(vm, 3, MADV_RANDOM);
	ktf_write(vm, 1, 5);
	entry = ktf_entry(vm, 0);
	amap_lock_write(entry->aref.ar_amap);
	anon = amap_lookup(&entry->aref, ptoa(1));
	amap_unadd(&entry->aref, ptoa(1));
	KT_CHECK(amap_lookup(&entry->aref, ptoa(1)) == NULL);
	KT_EQ(amap_add(&entry->aref, ptoa(1), anon, false), 0);
	amap_unlock(entry->aref.ar_amap);
	KT_EQ(ktf_read(vm, 1), 5);
	uvmspace_free(vm);
}

/* What is left of an amap grows at its end: the new part is its own. */
KTEST(amap_extend_rest)
{
	const int flags = UVM_FLAG_FIXED | UVM_FLAG_COPYONW | UVM_FLAG_OVERLAY |
	    UVM_FLAG_AMAPPAD;
	struct vmspace *vm = ktf_space(), *child;
	struct vm_amap *amap;
	vaddr_t va = KTF_VA(4);

	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(4), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_COPY,
		      UVM_ADV_RANDOM, flags)),
	    0);
	ktf_write(vm, 7, 77);
	amap = ktf_entry(vm, 7)->aref.ar_amap;
	KT_EQ(uvm_unmap_user(&vm->vm_map, KTF_VA(4), KTF_VA(6)), 0);
	va = KTF_VA(8);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_COPY,
		      UVM_ADV_RANDOM, flags)),
	    0);
	KT_EQ(vm->vm_map.nentries, 1);
	KT_CHECK(ktf_entry(vm, 9)->aref.ar_amap == amap);
	ktf_write(vm, 9, 99);
	child = uvmspace_fork_vm(vm);
	ktf_write(vm, 9, 1);
	KT_EQ(ktf_read(child, 9), 99);
	KT_EQ(ktf_read(child, 7), 77);
	uvmspace_free(child);
	uvmspace_free(vm);
}
