/* uvm_map(), its flag word, and what asks about or changes a range (1.3, 6.1). */
#include "kt_map.h"

static int
map_plain(vm_map_t map, vaddr_t *va, vsize_t size, vsize_t align, int flags)
{
	return uvm_map(map, va, size, NULL, UVM_UNKNOWN_OFFSET, align,
	    UVM_MAPFLAG(
		UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY, UVM_ADV_NORMAL, flags));
}

/* -- uvm_map --------------------------------------------------------------------- */

/* T-uvm_map-1 */
KTEST(uvm_map_1)
{
	struct vmspace *vm = ktf_space();
	struct vm_map_entry *e;
	vaddr_t va = KTF_BASE;
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(8), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RX, UVM_PROT_RWX, UVM_INH_NONE,
		      UVM_ADV_SEQUENTIAL, UVM_FLAG_COPYONW)),
	    0);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
	KT_EQ(va, KTF_BASE);
	vm_map_lock_read(&vm->vm_map);
	KT_CHECK(uvm_map_lookup_entry(&vm->vm_map, va + ptoa(8) - 1, &e));
	KT_EQ(e->start, va);
	KT_EQ(e->end, va + ptoa(8));
	KT_EQ(e->protection, UVM_PROT_RX);
	KT_EQ(e->max_protection, UVM_PROT_RWX);
	KT_EQ(e->inheritance, UVM_INH_NONE);
	KT_EQ(e->advice, UVM_ADV_SEQUENTIAL);
	KT_EQ(e->etype, UVM_ET_COPYONWRITE | UVM_ET_NEEDSCOPY);
	KT_CHECK(e->aref.ar_amap == NULL && e->object.uvm_obj == NULL);
	KT_CHECK(!uvm_map_lookup_entry(&vm->vm_map, va + ptoa(8), &e));
	KT_EQ(e->start, va);
	KT_CHECK(!uvm_map_lookup_entry(&vm->vm_map, va - 1, &e));
	KT_CHECK(e == &vm->vm_map.vm_head);
	vm_map_unlock_read(&vm->vm_map);
	KT_EQ(vm->vm_map.size, ptoa(8));
	uvmspace_free(vm);
}

/* T-uvm_map-2, and what lies outside the map */
KTEST(uvm_map_2_fixed)
{
	struct vmspace *vm = ktf_space();
	vaddr_t va;

	KT_EQ(ktm_map(vm, 2, 6, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 2, 6, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(ktm_map(vm, 0, 3, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(ktm_map(vm, 5, 7, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(ktm_map(vm, 0, 9, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(ktm_map(vm, 3, 4, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(ktm_entries(vm), 1);
	va = KTF_VA(6);
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(2), 0, KTM_ANON), 0);
	KT_EQ(va, KTF_VA(6));
	va = VM_MIN_ADDRESS - PAGE_SIZE;
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(2), 0, KTM_ANON), ENOMEM);
	va = VM_MAXUSER_ADDRESS - PAGE_SIZE;
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(2), 0, KTM_ANON), ENOMEM);
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(1), 0, KTM_ANON), 0);
	va = -(vaddr_t)PAGE_SIZE;
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(2), 0, KTM_ANON), ENOMEM);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* T-uvm_map-3, D19 */
KTEST(uvm_map_3_align)
{
	const vsize_t big = 2UL << 20;
	struct vmspace *vm = ktf_space();
	vaddr_t va = KTF_BASE + PAGE_SIZE;

	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, big, 0), 0);
	KT_EQ(va, KTF_BASE + big);
	va = KTF_BASE;
	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, ptoa(3), 0), EINVAL);
	KT_EQ(map_plain(&vm->vm_map, &va, 0, 0, 0), EINVAL);
	KT_EQ(map_plain(&vm->vm_map, &va, 100, 0, 0), EINVAL);
	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE + 1, 0, 0), EINVAL);
	va = KTF_BASE + 8;
	KT_EQ(
	    map_plain(&vm->vm_map, &va, PAGE_SIZE, 0, UVM_FLAG_FIXED), EINVAL);
	va = KTF_BASE + ptoa(4);
	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, big, UVM_FLAG_FIXED),
	    EINVAL);
	KT_EQ(ktm_entries(vm), 1);
	/* a stack keeps both its alignment and its guard */
	va = KTF_BASE + PAGE_SIZE;
	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, big, UVM_FLAG_STACK), 0);
	KT_EQ(va & (big - 1), 0);
	KT_CHECK(va >= KTF_BASE + big + PAGE_SIZE + UVM_STACK_GUARD);
	uvmspace_free(vm);
}

/* T-uvm_map-4 */
KTEST(uvm_map_4_maxprot)
{
	struct vmspace *vm = ktf_space();
	vaddr_t va = KTF_BASE;

	KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_R, UVM_INH_COPY, 0, 0)),
	    EACCES);
	KT_EQ(ktm_entries(vm), 0);
	uvmspace_free(vm);
}

struct trylock {
	struct vmspace *vm; /* [I] */
	volatile uint32_t held, tried; /* [a] */
};

static void
holder(void *arg)
{
	struct trylock *tl = arg;

	vm_map_lock_read(&tl->vm->vm_map);
	atomic_store_rel(&tl->held, 1);
	while (!atomic_load_acq(&tl->tried))
		kt_sleep_ms(1);
	vm_map_unlock_read(&tl->vm->vm_map);
}

/* T-uvm_map-5: to hold the map for reading is enough; and a busy map */
KTEST(uvm_map_5_trylock)
{
	struct trylock tl = { ktf_space(), 0, 0 };
	struct kt_thread *t = kt_spawn(holder, &tl, 0);
	vaddr_t va = KTF_BASE;
	long switches;

	while (!atomic_load_acq(&tl.held))
		kt_sleep_ms(1);
	switches = curproc->p_ru_nvcsw;
	KT_EQ(map_plain(&tl.vm->vm_map, &va, PAGE_SIZE, 0, UVM_FLAG_TRYLOCK),
	    EFAULT);
	KT_EQ(curproc->p_ru_nvcsw, switches);
	atomic_store_rel(&tl.tried, 1);
	kt_join(t);
	KT_EQ(ktm_entries(tl.vm), 0);
	KT_EQ(
	    map_plain(&tl.vm->vm_map, &va, PAGE_SIZE, 0, UVM_FLAG_TRYLOCK), 0);
	uvmspace_free(tl.vm);
}

/* T-uvm_map-6 */
KTEST(uvm_map_6_merge)
{
	uvm_flag_t rw = UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_NONE,
	    UVM_ADV_RANDOM, UVM_FLAG_FIXED);
	vaddr_t area = ktm_kernel_area(8), va;
	struct uvm_object *kobj = uvm.kernel_object;
	struct uvmexp s;

	for (int down = 0; down < 2; down++) {
		for (int i = 0; i < 2; i++) {
			KT_SNAP(&s);
			va = area + ptoa(down ? 2 : 0);
			KT_EQ(uvm_map(kernel_map, &va, ptoa(2), i ? kobj : NULL,
				  UVM_UNKNOWN_OFFSET, 0, rw),
			    0);
			KT_EQ(KT_DELTA(&s, kmapent), 1);
			va = area + ptoa(down ? 0 : 2);
			KT_EQ(uvm_map(kernel_map, &va, ptoa(2), i ? kobj : NULL,
				  UVM_UNKNOWN_OFFSET, 0, rw),
			    0);
			KT_EQ(KT_DELTA(&s, kmapent), 1);
			uvm_map_audit(kernel_map);
			uvm_unmap(kernel_map, area, area + ptoa(4));
			KT_EQ(KT_DELTA(&s, kmapent), 0);
		}
	}
	KT_SNAP(&s);
	va = area;
	KT_EQ(uvm_map(kernel_map, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0,
		  rw | UVM_FLAG_NOMERGE),
	    0);
	va = area + ptoa(2);
	KT_EQ(
	    uvm_map(kernel_map, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0, rw),
	    0);
	KT_EQ(KT_DELTA(&s, kmapent), 2);
	va = area + ptoa(4);
	KT_EQ(uvm_map(kernel_map, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0,
		  rw | UVM_FLAG_NOMERGE),
	    0);
	KT_EQ(KT_DELTA(&s, kmapent), 3);
	uvm_unmap(kernel_map, area, area + ptoa(8));
	KT_EQ(KT_DELTA(&s, kmapent), 0);
}

/* Everything an entry says has to be the same to be merged. */
KTEST(uvm_map_6_unlike)
{
	static const uvm_flag_t other[] = {
		UVM_MAPFLAG(UVM_PROT_R, UVM_PROT_RW, UVM_INH_COPY,
		    UVM_ADV_NORMAL, UVM_FLAG_COPYONW),
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_COPY,
		    UVM_ADV_NORMAL, UVM_FLAG_COPYONW),
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_SHARE,
		    UVM_ADV_NORMAL, UVM_FLAG_COPYONW),
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY,
		    UVM_ADV_RANDOM, UVM_FLAG_COPYONW),
		UVM_MAPFLAG(
		    UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY, UVM_ADV_NORMAL, 0),
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY,
		    UVM_ADV_NORMAL, UVM_FLAG_COPYONW | UVM_FLAG_OVERLAY),
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY,
		    UVM_ADV_NORMAL, UVM_FLAG_COPYONW | UVM_FLAG_STACK),
		UVM_MAPFLAG(UVM_PROT_NONE, UVM_PROT_NONE, UVM_INH_COPY,
		    UVM_ADV_NORMAL, UVM_FLAG_HOLE),
	};
	struct vmspace *vm = ktf_space();
	vaddr_t va;

	for (size_t i = 0; i < nitems(other); i++) {
		va = KTF_VA(8);
		KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, 0, KTM_ANON), 0);
		va = KTF_VA(9);
		KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL,
			  UVM_UNKNOWN_OFFSET, 0, other[i] | UVM_FLAG_FIXED),
		    0);
		va = KTF_VA(7);
		KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL,
			  UVM_UNKNOWN_OFFSET, 0, other[i] | UVM_FLAG_FIXED),
		    0);
		KT_EQ(ktm_entries(vm), 3);
		uvm_map_audit(&vm->vm_map);
		uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(16));
	}
	KT_EQ(vm->vm_map.size, 0);
	uvmspace_free(vm);
}

/* Neighbours in the map that are none in the object stay apart. */
KTEST(uvm_map_6_offsets)
{
	static const struct {
		int at; /* page in the map */
		int offset; /* page in the object */
		int entries; /* afterwards */
	} steps[] = { { 8, 4, 1 }, { 10, 4, 2 }, { 6, 4, 3 }, { 4, 2, 3 },
		{ 12, 6, 3 } };
	struct uvm_object *uobj = uao_create(ptoa(16), 0);
	struct vmspace *vm = ktf_space();
	vaddr_t va;

	for (size_t i = 0; i < nitems(steps); i++) {
		uao_reference(uobj);
		va = KTF_VA(steps[i].at);
		KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(2), uobj,
			  (voff_t)ptoa(steps[i].offset), 0,
			  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_SHARE,
			      UVM_ADV_RANDOM, UVM_FLAG_FIXED)),
		    0);
		KT_EQ(ktm_entries(vm), steps[i].entries);
	}
	KT_EQ(uobj->uo_refs, 4);
	ktf_write(vm, 12, 6000);
	ktf_write(vm, 4, 2000);
	KT_EQ(ktf_read(vm, 6), 0);
	ktf_write(vm, 8, 4000);
	KT_EQ(ktf_read(vm, 6), 4000);
	KT_EQ(ktf_read(vm, 10), 4000);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
	KT_EQ(uobj->uo_refs, 1);
	uao_detach(uobj);
}

/* Memory that grows at its end (brk) stays one entry, touched or not. */
KTEST(uvm_map_6_amappad)
{
	struct vmspace *vm = ktf_space();
	int flags = KTM_ANON | UVM_FLAG_AMAPPAD;

	KT_EQ(ktm_map(vm, 0, 2, UVM_PROT_RW, flags), 0);
	KT_EQ(ktm_map(vm, 2, 4, UVM_PROT_RW, flags), 0);
	KT_EQ(ktm_entries(vm), 1);
	ktm_fill(vm, 0, 4, 100);
	KT_EQ(ktm_map(vm, 4, 300, UVM_PROT_RW, flags), 0);
	KT_EQ(ktm_entries(vm), 1);
	KT_CHECK(ktm_filled(vm, 0, 4, 100));
	for (int i = 4; i < 300; i += 7)
		KT_EQ(ktf_read(vm, i), 0);
	uvm_map_audit(&vm->vm_map);
	/* what was given up at the end does not come back */
	ktf_write(vm, 299, 1);
	uvm_unmap(&vm->vm_map, KTF_VA(200), KTF_VA(300));
	KT_EQ(ktm_map(vm, 200, 300, UVM_PROT_RW, flags), 0);
	KT_EQ(ktf_read(vm, 299), 0);
	KT_CHECK(ktm_filled(vm, 0, 4, 100));
	/* where no growth is announced each mapping is its own */
	KT_EQ(ktm_map(vm, 300, 301, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_entries(vm), 2);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* T-uvm_map-7 */
KTEST(uvm_map_7_hole)
{
	struct vmspace *vm = ktf_space();
	const int hole = UVM_FLAG_FIXED | UVM_FLAG_HOLE;

	KT_EQ(ktm_map(vm, 1, 4, UVM_PROT_NONE, hole), 0);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), EFAULT);
	KT_EQ(ktm_map(vm, 2, 3, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(ktm_map(vm, 0, 2, UVM_PROT_RW, KTM_ANON), ENOMEM);
	KT_EQ(vm->vm_map.size, 0);
	KT_EQ(ktm_map(vm, 8, 9, UVM_PROT_NONE, UVM_FLAG_HOLE), EINVAL);
	KT_EQ(
	    ktm_map(vm, 8, 9, UVM_PROT_NONE, hole | UVM_FLAG_OVERLAY), EINVAL);
	KT_EQ(
	    ktm_map(vm, 8, 9, UVM_PROT_NONE, hole | UVM_FLAG_COPYONW), EINVAL);
	KT_EQ(ktm_entries(vm), 1);
	uvm_map_audit(&vm->vm_map);
	/* only mappings may be asked for, wired, or passed on */
	KT_CHECK(!uvm_map_checkprot(&vm->vm_map, KTF_VA(1), KTF_VA(2), 0));
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(9), PROT_READ, FALSE),
	    0);
	KT_EQ(
	    uvm_map_clean(&vm->vm_map, KTF_VA(1), KTF_VA(2), PGO_FREE), EFAULT);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), EFAULT);
	uvm_unmap(&vm->vm_map, KTF_VA(2), KTF_VA(3));
	KT_EQ(ktm_map(vm, 2, 3, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 3, 4, UVM_PROT_RW, KTM_ANON), ENOMEM);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* T-uvm_map-8: also when entries merge, clip, and when uvm_map() fails */
KTEST(uvm_map_8_references)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *vm = ktf_space();
	vaddr_t va = KTF_BASE;
	uvm_flag_t flags = UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_SHARE,
	    UVM_ADV_NORMAL, UVM_FLAG_FIXED);

	uao_reference(uobj);
	uao_reference(uobj);
	KT_EQ(uobj->uo_refs, 3);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(4), uobj, 0, 0, flags), 0);
	KT_EQ(uobj->uo_refs, 3);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(4), uobj, 0, 0, flags), ENOMEM);
	KT_EQ(uvm_map(&vm->vm_map, &va, 5, uobj, 0, 0, flags), EINVAL);
	KT_EQ(uobj->uo_refs, 3);
	va = KTF_VA(4);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(4), uobj, ptoa(4), 0, flags), 0);
	KT_EQ(ktm_entries(vm), 1);
	KT_EQ(uobj->uo_refs, 2);
	ktm_fill(vm, 0, 8, 50);
	uvm_unmap(&vm->vm_map, KTF_VA(3), KTF_VA(5));
	KT_EQ(ktm_entries(vm), 2);
	KT_EQ(uobj->uo_refs, 3);
	KT_CHECK(ktm_filled(vm, 5, 8, 50));
	/* from both sides, so that three become one */
	uao_reference(uobj);
	va = KTF_VA(3);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(1), uobj, ptoa(3), 0, flags), 0);
	uao_reference(uobj);
	va = KTF_VA(4);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(1), uobj, ptoa(4), 0, flags), 0);
	KT_CHECK(ktm_filled(vm, 0, 8, 50));
	uvm_map_audit(&vm->vm_map);
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(8));
	KT_EQ(uobj->uo_refs, 1);
	uao_detach(uobj);
	uvmspace_free(vm);
}

static int preferred;
static voff_t prefer_hint;

/* Like a cache with two colours. */
static vaddr_t
prefer_odd(voff_t hint, vaddr_t va)
{
	preferred++;
	prefer_hint = hint;
	return va | PAGE_SIZE;
}

/* T-uvm_map-9 */
KTEST(uvm_map_9_prefer)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *vm = ktf_space();
	uvm_flag_t rw = UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY,
	    UVM_ADV_NORMAL, UVM_FLAG_NOMERGE);
	static const voff_t offset[] = { UVM_UNKNOWN_OFFSET, 3 * PAGE_SIZE };

	uvm_prefer_hook = prefer_odd;
	for (int row = 0; row < 4; row++) {
		vaddr_t va = KTF_BASE + (vaddr_t)row * ptoa(16);

		preferred = 0;
		if (row >= 2)
			uao_reference(uobj);
		KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE,
			  row >= 2 ? uobj : NULL, offset[row % 2], 0, rw),
		    0);
		if (row % 2 == 0) {
			KT_EQ(preferred, 0);
			KT_EQ(va, KTF_BASE + (vaddr_t)row * ptoa(16));
		} else {
			KT_CHECK(preferred > 0);
			KT_EQ(prefer_hint, 3 * PAGE_SIZE);
			KT_EQ(
			    va, KTF_BASE + (vaddr_t)row * ptoa(16) + PAGE_SIZE);
		}
	}
	uvm_prefer_hook = NULL;
	uvmspace_free(vm);
	uao_detach(uobj);
}

/* T-uvm_map-10 and D37 */
KTEST(uvm_map_10_offset)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *vm = ktf_space();
	uvm_flag_t rw = UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_NONE,
	    UVM_ADV_RANDOM, UVM_FLAG_FIXED);
	struct vm_map_entry *e;
	vaddr_t va = vm_map_min(&vm->vm_map) + ptoa(3);

	KT_EQ(
	    uvm_map(&vm->vm_map, &va, ptoa(2), uobj, UVM_UNKNOWN_OFFSET, 0, rw),
	    0);
	vm_map_lock_read(&vm->vm_map);
	KT_CHECK(uvm_map_lookup_entry(&vm->vm_map, va, &e));
	KT_EQ(e->offset, ptoa(3));
	vm_map_unlock_read(&vm->vm_map);
	uvmspace_free(vm);

	va = ktm_kernel_area(2);
	KT_EQ(uvm_map(kernel_map, &va, ptoa(2), uvm.kernel_object,
		  UVM_UNKNOWN_OFFSET, 0, rw),
	    0);
	vm_map_lock_read(kernel_map);
	KT_CHECK(uvm_map_lookup_entry(kernel_map, va, &e));
	KT_EQ(e->offset, va - vm_map_min(kernel_map));
	vm_map_unlock_read(kernel_map);
	uvm_unmap(kernel_map, va, va + ptoa(2));
}

/* A hint is the lowest place; behind the last gap comes the first again. */
KTEST(uvm_map_hint)
{
	struct vmspace *vm = uvmspace_alloc(KTF_VA(0), KTF_VA(16), TRUE, FALSE);
	vaddr_t va;

	KT_EQ(ktm_map(vm, 8, 10, UVM_PROT_RW, KTM_ANON), 0);
	va = KTF_VA(8);
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(4), 0, UVM_FLAG_NOMERGE), 0);
	KT_EQ(va, KTF_VA(10));
	va = KTF_VA(8);
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(4), 0, UVM_FLAG_NOMERGE), 0);
	KT_EQ(va, KTF_VA(0));
	va = KTF_VA(15);
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(4), 0, UVM_FLAG_NOMERGE), 0);
	KT_EQ(va, KTF_VA(4));
	va = KTF_VA(3);
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(3), 0, 0), ENOMEM);
	KT_EQ(va, KTF_VA(3));
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(2), 0, 0), 0);
	KT_EQ(va, KTF_VA(14));
	/* a question maps nothing */
	uvm_unmap(&vm->vm_map, KTF_VA(4), KTF_VA(8));
	va = KTF_VA(0);
	KT_EQ(
	    uvm_map_query(&vm->vm_map, &va, ptoa(3), UVM_UNKNOWN_OFFSET, false),
	    0);
	KT_EQ(va, KTF_VA(4));
	KT_EQ(
	    uvm_map_query(&vm->vm_map, &va, ptoa(4), UVM_UNKNOWN_OFFSET, true),
	    0);
	va = KTF_VA(5);
	KT_EQ(
	    uvm_map_query(&vm->vm_map, &va, ptoa(4), UVM_UNKNOWN_OFFSET, true),
	    ENOMEM);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* Below a stack searches leave its guard free; FIXED may go there. */
KTEST(uvm_map_stack)
{
	struct vmspace *vm = ktf_space();
	const vsize_t guard = UVM_STACK_GUARD;
	vaddr_t va = KTF_BASE, stack;

	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, 0, KTM_ANON), 0);
	stack = KTF_BASE;
	KT_EQ(map_plain(&vm->vm_map, &stack, ptoa(4), 0, UVM_FLAG_STACK), 0);
	KT_EQ(stack, KTF_BASE + PAGE_SIZE + guard);
	va = KTF_BASE;
	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, 0, UVM_FLAG_COPYONW), 0);
	KT_EQ(va, stack + ptoa(4));
	/* the upper part of a stack that was cut needs no guard */
	uvm_unmap(&vm->vm_map, stack + ptoa(1), stack + ptoa(3));
	va = KTF_BASE;
	KT_EQ(map_plain(&vm->vm_map, &va, ptoa(2), 0, UVM_FLAG_COPYONW), 0);
	KT_EQ(va, stack + ptoa(1));
	va = stack - PAGE_SIZE;
	KT_EQ(map_plain(&vm->vm_map, &va, PAGE_SIZE, 0, KTM_ANON), 0);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* FIXED with UNMAP replaces what is there, whatever it is made of. */
KTEST(uvm_map_replace)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 12, MADV_RANDOM);
	ktm_fill(vm, 0, 12, 7);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(5), KTF_VA(6), PROT_READ, FALSE),
	    0);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(6), KTF_VA(7), FALSE, 0), 0);
	KT_SNAP(&s);
	KT_EQ(ktm_map(vm, 4, 8, UVM_PROT_RW, KTM_ANON | UVM_FLAG_UNMAP), 0);
	KT_EQ(KT_DELTA(&s, wired), -1);
	KT_EQ(KT_DELTA(&s, anonpages), -4);
	KT_CHECK(ktm_filled(vm, 0, 4, 7));
	KT_CHECK(ktm_filled(vm, 8, 12, 7));
	for (int i = 4; i < 8; i++)
		KT_EQ(ktf_read(vm, i), 0);
	/* over an end, and where nothing is */
	KT_EQ(ktm_map(vm, 10, 14, UVM_PROT_RW, KTM_ANON | UVM_FLAG_UNMAP), 0);
	KT_EQ(ktm_map(vm, 20, 22, UVM_PROT_RW, KTM_ANON | UVM_FLAG_UNMAP), 0);
	KT_EQ(ktf_read(vm, 10), 0);
	uvm_map_audit(&vm->vm_map);
	KT_EQ(vm->vm_map.size, ptoa(16));
	uvmspace_free(vm);
}

/* -- UVM_MAPFLAG ------------------------------------------------------------------- */

/* T-UVM_MAPFLAG-1, -2, -3 */
static const struct {
	int word;
} mapflag_static = { UVM_MAPFLAG(PROT_READ, PROT_MASK, 1, 0, 0) };

KTEST(uvm_mapflag)
{
	static const int inherit[] = { 0x00, 0x10, 0x20, 0x30 };
	uvm_flag_t f;

	for (int prot = 0; prot < 8; prot++)
		for (int max = 0; max < 8; max++)
			for (int i = 0; i < 4; i++)
				for (int adv = 0; adv < 3; adv++) {
					f = UVM_MAPFLAG(prot, max, inherit[i],
					    adv, UVM_FLAG_FIXED);
					KT_EQ(UVM_PROTECTION(f), prot);
					KT_EQ(UVM_MAXPROTECTION(f), max);
					KT_EQ(UVM_INHERIT(f), inherit[i]);
					KT_EQ(UVM_ADVICE(f), adv);
					KT_EQ(f & ~0xffff, UVM_FLAG_FIXED);
					KT_EQ(UVM_MAPFLAG(prot, max, i, adv, 0),
					    UVM_MAPFLAG(
						prot, max, inherit[i], adv, 0));
				}
	KT_EQ(UVM_MAPFLAG(PROT_READ | PROT_WRITE, 7, MAP_INHERIT_COPY,
		  MADV_RANDOM, UVM_FLAG_FIXED),
	    0x11713);
	KT_EQ(UVM_MAPFLAG(~0, 0, 0, 0, 0), 7);
	KT_EQ(UVM_MAPFLAG(0, ~0, 0, 0, 0), 0x700);
	KT_EQ(UVM_MAPFLAG(0, 0, 0, ~0, 0), 0x7000);
	KT_EQ(mapflag_static.word, 0x711);
}

/* -- Protection ------------------------------------------------------------------------ */

/* T-uvm_map_checkprot-1, -2 */
KTEST(uvm_map_checkprot)
{
	struct vmspace *vm = ktf_space();
	vm_map_t map = &vm->vm_map;

	KT_EQ(ktm_map(vm, 0, 2, UVM_PROT_R, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 2, 4, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 4, 6, UVM_PROT_R, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 8, 9, UVM_PROT_R, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 9, 10, UVM_PROT_NONE, KTM_ANON), 0);
	vm_map_lock_read(map);
#define CHECKPROT(i, j, prot) uvm_map_checkprot(map, KTF_VA(i), KTF_VA(j), prot)
	KT_CHECK(CHECKPROT(0, 6, PROT_READ) == TRUE);
	KT_CHECK(CHECKPROT(0, 6, PROT_WRITE) == FALSE);
	KT_CHECK(CHECKPROT(2, 4, PROT_WRITE) == TRUE);
	KT_CHECK(CHECKPROT(2, 4, PROT_READ | PROT_WRITE) == TRUE);
	KT_CHECK(CHECKPROT(2, 5, PROT_WRITE) == FALSE);
	KT_CHECK(CHECKPROT(1, 4, PROT_WRITE) == FALSE);
	KT_CHECK(CHECKPROT(0, 9, PROT_READ) == FALSE);
	KT_CHECK(CHECKPROT(5, 7, PROT_READ) == FALSE);
	KT_CHECK(CHECKPROT(7, 9, PROT_READ) == FALSE);
	KT_CHECK(CHECKPROT(3, 3, PROT_WRITE) == TRUE);
	KT_CHECK(CHECKPROT(7, 7, PROT_WRITE) == TRUE);
	KT_CHECK(CHECKPROT(0, 6, PROT_EXEC) == FALSE);
	/* NONE is true only of what is mapped */
	KT_CHECK(CHECKPROT(9, 10, PROT_NONE) == TRUE);
	KT_CHECK(CHECKPROT(9, 11, PROT_NONE) == FALSE);
	KT_CHECK(CHECKPROT(9, 10, PROT_READ) == FALSE);
	KT_CHECK(!uvm_map_checkprot(map, 0, KTF_VA(1), PROT_NONE));
	KT_CHECK(!uvm_map_checkprot(map, KTF_VA(8), ~0UL, PROT_NONE));
	vm_map_unlock_read(map);
	uvmspace_free(vm);
}

static int
protect(struct vmspace *vm, int i, int j, vm_prot_t prot, boolean_t max)
{
	return uvm_map_protect(&vm->vm_map, KTF_VA(i), KTF_VA(j), prot, max);
}

/* T-uvm_map_protect-2, -3, and clipping */
KTEST(uvm_map_protect)
{
	struct vmspace *vm = ktf_space();
	vaddr_t va = KTF_VA(4);

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(4), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_R, UVM_PROT_R, UVM_INH_COPY,
		      UVM_ADV_RANDOM, KTM_ANON)),
	    0);
	KT_EQ(protect(vm, 0, 4, PROT_READ, FALSE), 0);
	KT_EQ(protect(vm, 0, 8, PROT_READ | PROT_WRITE, FALSE), EACCES);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), EACCES);
	KT_EQ(ktf_entry(vm, 0)->protection, PROT_READ);
	KT_EQ(ktm_entries(vm), 2);
	KT_EQ(protect(vm, 2, 1, PROT_READ, FALSE), EINVAL);
	KT_EQ(protect(vm, 1, 1, PROT_READ, FALSE), 0);
	/* gaps are no error, here; the call of the system says otherwise */
	KT_EQ(protect(vm, 6, 12, PROT_READ, FALSE), 0);
	KT_EQ(uvm_map_protect_nogap(&vm->vm_map, KTF_VA(6), KTF_VA(12), 0),
	    ENOMEM);
	KT_EQ(uvm_map_protect_nogap(&vm->vm_map, KTF_VA(7), KTF_VA(8), 0), 0);
	KT_EQ(ktf_fault(vm, 7, PROT_READ), EACCES);

	KT_EQ(protect(vm, 1, 2, PROT_READ, TRUE), 0);
	KT_EQ(protect(vm, 1, 2, PROT_READ | PROT_WRITE, FALSE), EACCES);
	KT_EQ(protect(vm, 0, 1, PROT_READ | PROT_WRITE, FALSE), 0);
	KT_EQ(protect(vm, 2, 4, PROT_READ | PROT_WRITE, FALSE), 0);
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), EACCES);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), 0);
	/* set_max is literal (D8) */
	KT_EQ(protect(vm, 2, 3, PROT_READ, FALSE), 0);
	KT_EQ(protect(vm, 2, 3, PROT_READ | PROT_WRITE, TRUE), 0);
	KT_EQ(ktf_entry(vm, 2)->protection, PROT_READ | PROT_WRITE);
	KT_EQ(ktf_entry(vm, 2)->max_protection, PROT_READ | PROT_WRITE);
	KT_EQ(protect(vm, 2, 3, PROT_READ | PROT_EXEC, FALSE), EACCES);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* What the hardware permits follows at once, and never against copy-on-write. */
KTEST(uvm_map_protect_pmap)
{
	struct vmspace *vm = ktf_space(), *child;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 3);
	KT_EQ(protect(vm, 2, 6, PROT_READ, FALSE), 0);
	KT_EQ(ktf_prot(vm, 1), PROT_READ | PROT_WRITE);
	for (int i = 2; i < 6; i++)
		KT_EQ(ktf_prot(vm, i), PROT_READ);
	KT_EQ(ktf_prot(vm, 6), PROT_READ | PROT_WRITE);
	KT_EQ(protect(vm, 3, 4, PROT_NONE, FALSE), 0);
	KT_EQ(ktf_prot(vm, 3), -1);
	KT_EQ(ktf_fault(vm, 3, PROT_READ), EACCES);
	KT_EQ(protect(vm, 0, 8, PROT_READ | PROT_WRITE, FALSE), 0);
	KT_CHECK(ktm_filled(vm, 0, 8, 3));
	ktm_fill(vm, 0, 8, 4);

	child = uvmspace_fork_vm(vm);
	KT_EQ(protect(vm, 0, 8, PROT_READ, FALSE), 0);
	KT_EQ(protect(vm, 0, 8, PROT_READ | PROT_WRITE, FALSE), 0);
	for (int i = 0; i < 8; i++)
		KT_CHECK((ktf_prot(vm, i) & PROT_WRITE) == 0 ||
		    ktf_prot(vm, i) == -1);
	ktf_write(vm, 0, 99);
	KT_EQ(protect(vm, 0, 8, PROT_READ, FALSE), 0);
	KT_EQ(protect(vm, 0, 8, PROT_READ | PROT_WRITE, FALSE), 0);
	/* the amap is this map's now, but seven of its pages are not */
	for (int i = 1; i < 8; i++)
		KT_CHECK((ktf_prot(vm, i) & PROT_WRITE) == 0 ||
		    ktf_prot(vm, i) == -1);
	ktm_fill(vm, 1, 8, 70);
	KT_CHECK(ktm_filled(child, 0, 8, 4));
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* Kernel memory is never both writable and executable. */
KTEST(uvm_map_protect_kernel)
{
	vaddr_t va = ktm_kernel_area(2);

	KT_EQ(uvm_map(kernel_map, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_NONE, 0,
		      UVM_FLAG_FIXED)),
	    0);
	KT_EQ(
	    uvm_map_protect(kernel_map, va, va + ptoa(2), UVM_PROT_RWX, FALSE),
	    EACCES);
	KT_EQ(uvm_map_protect(kernel_map, va, va + ptoa(1), UVM_PROT_RX, FALSE),
	    0);
	KT_EQ(uvm_map_protect(kernel_map, va, va + ptoa(2), UVM_PROT_R, FALSE),
	    0);
	uvm_unmap(kernel_map, va, va + ptoa(2));
}

/* -- Unmapping ------------------------------------------------------------------------- */

/* T-uvm_deallocate-1, -2, -3 */
KTEST(uvm_deallocate)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	KT_EQ(ktm_map(vm, 100, 101, UVM_PROT_RW, KTM_ANON), 0);
	ktf_write(vm, 100, 1); /* warm */
	kt_settle();
	KT_SNAP(&s);
	ktf_map_anon(vm, 16, MADV_RANDOM);
	ktm_fill(vm, 0, 16, 0);
	KT_EQ(KT_DELTA(&s, active), 16);
	KT_EQ(KT_DELTA(&s, anonpages), 16);
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(0), ptoa(16)), 0);
	kt_settle();
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, active), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(0), ptoa(16)), 0);
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(0), 0), 0);

	ktf_map_anon(vm, 16, MADV_RANDOM);
	ktm_fill(vm, 0, 16, 30);
	/* partial pages are whole ones */
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(4) + 5, ptoa(3)), 0);
	KT_CHECK(ktm_filled(vm, 0, 4, 30));
	KT_CHECK(ktm_filled(vm, 8, 16, 30));
	for (int i = 4; i < 8; i++)
		KT_EQ(ktf_fault(vm, i, PROT_READ), EFAULT);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* Of an object that stays: offsets follow, wiring ends, pages live on. */
KTEST(uvm_deallocate_object)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	uao_reference(uobj);
	ktf_map_obj(vm, KTF_BASE, uobj, 8, false, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 50);
	KT_SNAP(&s);
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(0), ptoa(2)), 0);
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(7), ptoa(1)), 0);
	KT_EQ(ktm_entries(vm), 1);
	KT_EQ(ktf_entry(vm, 2)->offset, ptoa(2));
	ktf_unmap_hw(vm, 2, 7);
	KT_CHECK(ktm_filled(vm, 2, 7, 50));
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(2), KTF_VA(6), FALSE, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	KT_EQ(uvm_deallocate(&vm->vm_map, KTF_VA(4), ptoa(1)), 0);
	KT_EQ(KT_DELTA(&s, wired), 3);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(uobj->uo_npages, 8);
	uao_detach(uobj);
}

static void
deallocate_nowhere(void *arg)
{
	uvm_deallocate(arg, KTF_BASE, PAGE_SIZE);
}

KTEST(uvm_deallocate_panics)
{
	KT_PANICS(deallocate_nowhere, NULL, "uvm_deallocate");
}

/* -- Inheritance, advice, contents (6.1) --------------------------------------------- */

KTEST(uvm_map_inherit)
{
	static const struct {
		int given, stored;
	} good[] = { { 0x10, 0x10 }, { 0x20, 0x20 }, { 0x30, 0x30 }, { 0, 0 },
		{ 1, 0x10 }, { 2, 0x20 }, { 3, 0x30 } };
	static const int bad[] = { 4, 0x40, -1, 0x11, 0x31, 0x100 };
	struct vmspace *vm = ktf_space();
	vm_map_t map = &vm->vm_map;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	for (size_t i = 0; i < nitems(good); i++) {
		KT_EQ(uvm_map_inherit(map, KTF_VA(2), KTF_VA(4), good[i].given),
		    0);
		KT_EQ(ktf_entry(vm, 2)->inheritance, good[i].stored);
		KT_EQ(ktf_entry(vm, 3)->inheritance, good[i].stored);
		KT_EQ(ktf_entry(vm, 1)->inheritance, MAP_INHERIT_COPY);
		KT_EQ(ktf_entry(vm, 4)->inheritance, MAP_INHERIT_COPY);
	}
	for (size_t i = 0; i < nitems(bad); i++)
		KT_EQ(
		    uvm_map_inherit(map, KTF_VA(2), KTF_VA(4), bad[i]), EINVAL);
	KT_EQ(uvm_map_inherit(map, KTF_VA(4), KTF_VA(2), 0), EINVAL);
	KT_EQ(uvm_map_inherit(map, KTF_VA(20), KTF_VA(22), 0), 0);
	uvm_map_audit(map);
	uvmspace_free(vm);
}

KTEST(uvm_map_advice)
{
	struct vmspace *vm = ktf_space();
	vm_map_t map = &vm->vm_map;

	ktf_map_anon(vm, 8, MADV_NORMAL);
	KT_EQ(uvm_map_advice(map, KTF_VA(2), KTF_VA(4), MADV_RANDOM), 0);
	KT_EQ(ktf_entry(vm, 1)->advice, MADV_NORMAL);
	KT_EQ(ktf_entry(vm, 2)->advice, MADV_RANDOM);
	KT_EQ(ktf_entry(vm, 4)->advice, MADV_NORMAL);
	KT_EQ(uvm_map_advice(map, KTF_VA(0), KTF_VA(8), MADV_SEQUENTIAL), 0);
	KT_EQ(ktf_entry(vm, 7)->advice, MADV_SEQUENTIAL);
	KT_EQ(uvm_map_advice(map, KTF_VA(0), KTF_VA(8), 3), EINVAL);
	KT_EQ(uvm_map_advice(map, KTF_VA(0), KTF_VA(8), -1), EINVAL);
	KT_EQ(uvm_map_advice(map, KTF_VA(4), KTF_VA(2), MADV_NORMAL), EINVAL);
	uvm_map_audit(map);
	uvmspace_free(vm);
}

static int
clean(struct vmspace *vm, int i, int j, int flags)
{
	return uvm_map_clean(&vm->vm_map, KTF_VA(i), KTF_VA(j), flags);
}

KTEST(uvm_map_clean)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;

	ktf_map_anon(vm, 12, MADV_RANDOM);
	ktm_fill(vm, 0, 12, 5);
	KT_SNAP(&s);
	KT_EQ(clean(vm, 0, 12, PGO_CLEANIT | PGO_SYNCIO), 0);
	KT_EQ(clean(vm, 2, 6, PGO_DEACTIVATE), 0);
	KT_EQ(KT_DELTA(&s, inactive), 4);
	KT_EQ(KT_DELTA(&s, active), -4);
	KT_EQ(ktf_prot(vm, 3), -1);
	KT_CHECK(ktm_filled(vm, 0, 12, 5));
	KT_EQ(KT_DELTA(&s, inactive), 0);
	KT_EQ(clean(vm, 4, 8, PGO_FREE), 0);
	KT_EQ(KT_DELTA(&s, anonpages), -4);
	for (int i = 4; i < 8; i++)
		KT_EQ(ktf_read(vm, i), 0);
	KT_CHECK(ktm_filled(vm, 0, 4, 5));
	KT_CHECK(ktm_filled(vm, 8, 12, 5));
	/* what a relative still has stays his */
	child = uvmspace_fork_vm(vm);
	KT_EQ(clean(vm, 0, 4, PGO_FREE), 0);
	KT_EQ(clean(child, 8, 12, PGO_FREE), 0);
	for (int i = 0; i < 4; i++) {
		KT_EQ(ktf_read(vm, i), 0);
		KT_EQ(ktf_read(child, 8 + i), 0);
	}
	KT_CHECK(ktm_filled(child, 0, 4, 5));
	KT_CHECK(ktm_filled(vm, 8, 12, 5));
	uvmspace_free(child);

	KT_EQ(clean(vm, 10, 13, PGO_FREE), EFAULT);
	KT_CHECK(ktm_filled(vm, 10, 12, 5));
	KT_EQ(
	    uvm_map_pageable(&vm->vm_map, KTF_VA(9), KTF_VA(10), FALSE, 0), 0);
	KT_EQ(clean(vm, 8, 11, PGO_FREE), EINVAL);
	KT_EQ(clean(vm, 8, 11, PGO_DEACTIVATE), 0);
	KT_CHECK(ktm_filled(vm, 8, 12, 5));
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* After another map shared an entry and is gone, discarding works as before. */
KTEST(uvm_map_clean_unshared)
{
	struct vmspace *vm = ktf_space(), *other = ktf_space();
	vaddr_t to = KTF_BASE;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 5);
	/* two entries of one amap */
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(6), KTF_VA(8), PROT_READ, FALSE),
	    0);
	KT_EQ(uvm_map_extract(
		  &vm->vm_map, KTF_VA(0), ptoa(8), &other->vm_map, &to, 0),
	    0);
	KT_EQ(clean(vm, 0, 2, PGO_FREE), 0);
	KT_CHECK(ktm_filled(other, 0, 8, 5)); /* shared: kept */
	KT_CHECK(ktm_filled(vm, 0, 8, 5));
	uvmspace_free(other);
	KT_EQ(clean(vm, 0, 2, PGO_FREE), 0);
	KT_EQ(ktf_read(vm, 0), 0);
	KT_EQ(ktf_read(vm, 1), 0);
	KT_CHECK(ktm_filled(vm, 2, 8, 5));
	uvmspace_free(vm);
}

/* Nothing changes an immutable entry, and nothing was changed when it says so. */
KTEST(uvm_map_immutable)
{
	struct vmspace *vm = ktf_space(), *other = ktf_space(), *child;
	vm_map_t map = &vm->vm_map;
	vaddr_t to = KTF_BASE;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 9);
	KT_EQ(protect(vm, 3, 4, PROT_READ, FALSE), 0);
	KT_EQ(uvm_map_immutable(map, KTF_VA(3), KTF_VA(5)), 0);
	KT_EQ(uvm_map_immutable(map, KTF_VA(7), KTF_VA(9)), ENOMEM);
	KT_EQ(uvm_unmap_user(map, KTF_VA(0), KTF_VA(8)), EPERM);
	KT_EQ(ktm_map(vm, 0, 8, UVM_PROT_RW, KTM_ANON | UVM_FLAG_UNMAP), EPERM);
	KT_EQ(protect(vm, 0, 8, PROT_READ, FALSE), EPERM);
	KT_EQ(protect(vm, 3, 4, PROT_NONE, FALSE), EPERM);
	KT_EQ(protect(vm, 3, 4, PROT_READ, FALSE), 0);
	KT_EQ(uvm_map_inherit(map, KTF_VA(0), KTF_VA(8), 0), EPERM);
	KT_EQ(uvm_map_extract(map, KTF_VA(0), ptoa(8), &other->vm_map, &to,
		  UVM_EXTRACT_REMOVE),
	    EPERM);
	/* contents go by the right to write */
	KT_EQ(clean(vm, 2, 6, PGO_FREE), EPERM);
	KT_EQ(clean(vm, 4, 5, PGO_FREE), 0);
	KT_EQ(ktf_read(vm, 4), 0);
	ktf_write(vm, 4, 13);
	KT_CHECK(ktm_filled(vm, 0, 8, 9));
	KT_EQ(ktf_entry(vm, 2)->inheritance, MAP_INHERIT_COPY);
	KT_EQ(ktf_entry(vm, 2)->protection, PROT_READ | PROT_WRITE);
	/* nor does a fork loosen it */
	child = uvmspace_fork_vm(vm);
	KT_EQ(uvm_unmap_user(&child->vm_map, KTF_VA(4), KTF_VA(5)), EPERM);
	KT_EQ(uvm_unmap_user(&child->vm_map, KTF_VA(5), KTF_VA(8)), 0);
	uvm_map_audit(map);
	uvmspace_free(child);
	uvmspace_free(other);
	uvmspace_free(vm);
}

/* set_max of an immutable entry would change it too. */
KTEST(uvm_map_immutable_max)
{
	struct vmspace *vm = ktf_space();

	ktf_map_anon(vm, 1, MADV_RANDOM);
	KT_EQ(uvm_map_immutable(&vm->vm_map, KTF_VA(0), KTF_VA(1)), 0);
	KT_EQ(protect(vm, 0, 1, PROT_READ | PROT_WRITE, TRUE), EPERM);
	KT_EQ(ktf_entry(vm, 0)->max_protection, PROT_MASK);
	uvmspace_free(vm);
}

/* -- The gap tree ------------------------------------------------------------------ */

/* => a space with a page at each of the places, in that order of mapping */
static struct vmspace *
tree_make(const int *at, int n)
{
	struct vmspace *vm = ktf_space();

	for (int i = 0; i < n; i++)
		KT_EQ(ktm_map(vm, at[i], at[i] + 1, UVM_PROT_RW, KTM_ANON), 0);
	uvm_map_audit(&vm->vm_map);
	return vm;
}

/*
 * Each entry of small trees goes, then the others one after the other: those
 * with two children, whose place their successor takes, too.  In the first two
 * shapes the height below the root changes with that, and only that.
 */
KTEST(uvm_map_tree_shapes)
{
	static const int shape[][9] = {
		{ 80, 20, 100, 10, 30, 90, 41, 110, 0 },
		{ 80, 20, 100, 10, 30, 90, 41, 0 },
		{ 20, 90, 10, 70, 99, 5, 60, 0 },
		{ 1, 3, 7, 15, 31, 63, 127, 255, 0 },
		{ 255, 254 - 63, 128, 64, 63, 33, 9, 2, 0 },
	};
	struct vmspace *vm;
	int n;

	for (size_t k = 0; k < nitems(shape); k++) {
		for (n = 0; shape[k][n] != 0; n++)
			continue;
		for (int first = 0; first < n; first++) {
			vm = tree_make(shape[k], n);
			for (int i = 0, at; i < n; i++) {
				at = shape[k][(first + i) % n];
				uvm_unmap(
				    &vm->vm_map, KTF_VA(at), KTF_VA(at + 1));
				uvm_map_audit(&vm->vm_map);
			}
			KT_EQ(ktm_entries(vm), 0);
			uvmspace_free(vm);
		}
	}
}
