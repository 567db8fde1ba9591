/* MirOS's view of the interface (UVM-API.md 4.3). */
#include <sys/ktest.h>
#include <uvm/compat_miros.h>
#include "kt_views.h"

#define RW (UVM_PROT_RW)

bool
views_steps_miros(void)
{
	vaddr_t va = uvm_km_valloc(kernel_map, VIEW_PAGES * PAGE_SIZE), at;
	bool ok = va != 0 && views_touch(va);

	uvm_km_free(kernel_map, va, VIEW_PAGES * PAGE_SIZE);
	at = vm_map_min(kernel_map);
	ok = ok &&
	    uvm_map(kernel_map, &at, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(RW, RW, UVM_INH_NONE, UVM_ADV_RANDOM, 0)) ==
		KERN_SUCCESS;
	ok = ok &&
	    uvm_map_protect(kernel_map, at, at + PAGE_SIZE, UVM_PROT_RWX,
		FALSE) == KERN_PROTECTION_FAILURE;
	return ok && uvm_deallocate(kernel_map, at, PAGE_SIZE) == KERN_SUCCESS;
}

/* T-view-4 and the other status values */
KTEST(view_miros_status)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	vaddr_t va = vm_map_min(kernel_map), min, max;
	static struct vm_map store;
	uvm_flag_t rw = UVM_MAPFLAG(RW, RW, UVM_INH_NONE, UVM_ADV_RANDOM, 0);
	vm_map_t sub;

	KT_EQ(uvm_map(kernel_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(RW, RW, UVM_INH_DONATE, 0, 0)),
	    KERN_INVALID_ARGUMENT);
	KT_EQ(uvm_map(kernel_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  rw | 0x400000),
	    KERN_INVALID_ARGUMENT);
	KT_EQ(uvm_map(kernel_map, &va, 1, NULL, UVM_UNKNOWN_OFFSET, 0, rw),
	    KERN_INVALID_ARGUMENT);
	KT_EQ(uvm_map(kernel_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RWX, UVM_PROT_R, UVM_INH_NONE, 0, 0)),
	    KERN_PROTECTION_FAILURE);
	KT_EQ(uvm_map(
		  kernel_map, &va, 1UL << 50, NULL, UVM_UNKNOWN_OFFSET, 0, rw),
	    KERN_NO_SPACE);

	va = uvm_km_alloc(kernel_map, PAGE_SIZE);
	KT_REQUIRE(va != 0);
	uvm_km_free(kernel_map, va, PAGE_SIZE);
	KT_EQ(uvm_fault(kernel_map, va, VM_FAULT_INVALID, UVM_PROT_R),
	    KERN_INVALID_ADDRESS);
	sub = uvm_km_suballoc(kernel_map, &min, &max, 4 * PAGE_SIZE,
	    VM_MAP_INTRSAFE, FALSE, &store);
	KT_EQ(uvm_fault(sub, min, VM_FAULT_INVALID, UVM_PROT_R), KERN_FAILURE);
	uvm_km_free(kernel_map, min, max - min);
	va = uvm_km_zalloc(kernel_map, PAGE_SIZE);
	KT_REQUIRE(va != 0);
	KT_EQ(*(int *)va, 0);
	uvm_km_free(kernel_map, va, PAGE_SIZE);

	/* one segment whatever is asked, and never a sleep */
	KT_EQ(uvm_pglistalloc(16 * PAGE_SIZE, 0, ~0UL, 0, 0, &list, 16, FALSE),
	    0);
	KT_EQ(VM_PAGE_TO_PHYS(TAILQ_LAST(&list, pglist)) -
		VM_PAGE_TO_PHYS(TAILQ_FIRST(&list)),
	    15 * PAGE_SIZE);
	uvm_pglistfree(&list);
}

/* Its 65 counters are those of the same name. */
KTEST(view_miros_uvmexp)
{
	struct uvmexp_miros m;

	uvmexp_collect();
	uvmexp_to_miros(&m, &uvmexp);
	KT_EQ(m.pagesize, uvmexp.pagesize);
	KT_EQ(m.reserve_kernel, uvmexp.reserve_kernel);
	KT_EQ(m.nswget, uvmexp.nswget);
	KT_EQ(m.fltnoanon, uvmexp.fltnoanon);
	KT_EQ(m.pdrevs, uvmexp.pdrevs);
}
