/* One implementation behind three views (UVM-API.md 4). */
#include <sys/ktest.h>
#include <uvm/uvm.h>
#include "kt_views.h"

bool
views_steps_58(void)
{
	vaddr_t va = uvm_km_valloc(kernel_map, VIEW_PAGES * PAGE_SIZE), at;
	bool ok = va != 0 && views_touch(va);

	uvm_km_free(kernel_map, va, VIEW_PAGES * PAGE_SIZE);
	at = vm_map_min(kernel_map);
	ok = ok &&
	    uvm_map(kernel_map, &at, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		    MAP_INHERIT_NONE, MADV_RANDOM, 0)) == 0;
	ok = ok &&
	    uvm_map_protect(kernel_map, at, at + PAGE_SIZE, PROT_MASK, FALSE) ==
		EACCES;
	return ok && uvm_deallocate(kernel_map, at, PAGE_SIZE) == 0;
}

static void
count_steps(bool (*steps)(void), struct uvmexp *d)
{
	struct uvmexp s;

	KT_SNAP(&s);
	KT_CHECK(steps());
	d->faults = KT_DELTA(&s, faults);
	d->flt_obj = KT_DELTA(&s, flt_obj);
	d->fltlget = KT_DELTA(&s, fltlget);
	d->flt_przero = KT_DELTA(&s, flt_przero);
	d->free = KT_DELTA(&s, free);
	d->anonpages = KT_DELTA(&s, anonpages);
	d->kmapent = KT_DELTA(&s, kmapent);
}

/* T-view-3 */
KTEST(view_same_counters)
{
	bool (*const steps[])(
	    void) = { views_steps_58, views_steps_miros, views_steps_nb7 };
	struct uvmexp d = { 0 };

	KT_CHECK(views_steps_58()); /* page tables exist from here on */
	for (size_t i = 0; i < nitems(steps); i++) {
		count_steps(steps[i], &d);
		KT_EQ(d.faults, VIEW_TOUCHED);
		KT_EQ(d.flt_obj, VIEW_TOUCHED);
		KT_EQ(d.fltlget, VIEW_TOUCHED);
		KT_EQ(d.flt_przero, 0);
		KT_EQ(d.free, 0);
		KT_EQ(d.anonpages, 0);
		KT_EQ(d.kmapent, 0);
	}
}
