/*
 * Swap: each slot in use belongs to one page of one owner, who says the same;
 * devices count right, and keys nobody needs are gone.
 */
#define _UVM_SWAP_PRIVATE
#include <tests/audit/audit_i.h>
#include <uvm/uvm_swap.h>

/* In sd_owner during an audit: its owner has been met. */
#define SEEN 0x4UL

/* => the device of a slot, *page: its place there; NULL: no device's */
static struct swapdev *
device_of(int slot, uint32_t *page)
{
	struct swapdev *sd;

	mtx_enter(&swap_mtx);
	sd = uvm_swap_devof(slot, page);
	mtx_leave(&swap_mtx);
	return sd;
}

/*
 * A page may have changed since it was read: its slot stays until that is
 * noticed.
 */
static void
check_resident(int slot, uintptr_t owner, const struct vm_page *pg)
{
	if (!audit_page_valid(pg))
		return; /* which is said elsewhere */
	if (slot == SWSLOT_BAD)
		audit_bad("slot of %#lx: lost, but page %#lx is there",
		    (u_long)owner, VM_PAGE_TO_PHYS(pg));
	else if ((owner & SWO_AOBJ) == 0 && pg->wire_count > pg->loan_count)
		audit_bad("slot %d of %#lx: page %#lx is wired", slot,
		    (u_long)owner, VM_PAGE_TO_PHYS(pg));
}

void
audit_slot(int slot, uintptr_t owner, const struct vm_page *pg)
{
	struct swapdev *sd;
	uint32_t i;

	if (pg != NULL)
		check_resident(slot, owner, pg);
	if (slot == SWSLOT_BAD)
		return;
	audit.au_swaponly += pg == NULL;
	sd = device_of(slot, &i);
	if (sd == NULL)
		audit_bad(
		    "slot %d of %#lx: no device has it", slot, (u_long)owner);
	else if ((sd->sd_owner[i] & ~(SWO_BAD | SEEN)) != owner)
		audit_bad("slot %d of %#lx: sd_owner is %#lx", slot,
		    (u_long)owner, (u_long)sd->sd_owner[i]);
	else if (sd->sd_owner[i] & SEEN)
		audit_bad(
		    "slot %d: two pages of %#lx have it", slot, (u_long)owner);
	else
		sd->sd_owner[i] |= SEEN;
}

/* -- Devices -------------------------------------------------------------------- */

/* What a walk over the slots of a device finds.  Members: the walk's. */
struct devwalk {
	struct swapdev *sd;
	long inuse, nfree;
	uint32_t used; /* of the section */
};

static void
check_slot(struct devwalk *dw, uint32_t i)
{
	struct swapdev *sd = dw->sd;
	bool free = uvm_swapmap_isfree(&sd->sd_map, i);
	uintptr_t owner = sd->sd_owner[i];

	if (free && owner != 0)
		audit_bad("slot %d: free, sd_owner is %#lx",
		    sd->sd_base + (int)i, (u_long)owner);
	if (owner != 0 && (owner & SEEN) == 0)
		audit_bad("slot %d: sd_owner is %#lx, which does not have it",
		    sd->sd_base + (int)i, (u_long)owner);
	sd->sd_owner[i] &= ~SEEN;
	dw->inuse += owner != 0;
	dw->used += owner != 0;
	dw->nfree += free;
}

/* The key of a section without contents: nobody can read those any more. */
static void
check_section(struct devwalk *dw, uint32_t n)
{
	const struct swap_section *ss = &dw->sd->sd_section[n];
	bool zero = true;

	for (u_int k = 0; k < SWAP_KEYLEN; k++)
		zero &= ss->ss_key[k] == 0;
	if (ss->ss_used != dw->used)
		audit_bad("swap section %u: ss_used is %u, %u slots are in use",
		    n, ss->ss_used, dw->used);
	if (ss->ss_keyed && dw->used == 0)
		audit_bad("swap section %u: has a key, and nothing else", n);
	if (!ss->ss_keyed && !zero)
		audit_bad("swap section %u: its key is not wiped", n);
	dw->used = 0;
}

static void
device_counter(const struct swapdev *sd, const char *name, long is, long should)
{
	if (is != should)
		audit_bad("swap device at slot %d: %s is %ld, should be %ld",
		    sd->sd_base, name, is, should);
}

/* => slots to allocate from it */
static long
check_device(struct swapdev *sd)
{
	struct devwalk dw = { .sd = sd };

	for (uint32_t i = 0; i < sd->sd_npages; i++) {
		check_slot(&dw, i);
		if (i % SWAP_SECTION == SWAP_SECTION - 1 ||
		    i == sd->sd_npages - 1)
			check_section(&dw, i / SWAP_SECTION);
	}
	device_counter(sd, "sd_inuse", sd->sd_inuse, dw.inuse);
	device_counter(sd, "sm_nfree", sd->sd_map.sm_nfree, dw.nfree);
	device_counter(sd, "sd_usable", sd->sd_usable,
	    dw.inuse + (sd->sd_flags & SWF_FAILED ? 0 : dw.nfree));
	if (sd->sd_flags & SWF_BUSY)
		audit_bad("swap device at slot %d: being emptied, by nobody",
		    sd->sd_base);
	return sd->sd_flags & SWF_ENABLE ? dw.nfree : 0;
}

static void
check_order(const struct swapdev *a, const struct swapdev *b)
{
	if (a->sd_priority > b->sd_priority)
		audit_bad("swap devices at slots %d, %d: priorities %d, %d",
		    a->sd_base, b->sd_base, a->sd_priority, b->sd_priority);
}

static void
total(const char *name, long is, long should)
{
	if (is != should)
		audit_bad("%s is %ld, should be %ld", name, is, should);
}

void
audit_swap(void)
{
	long nfree = 0, inuse = 0, usable = 0;

	for (int d = 0; d < swap_ndev; d++) {
		nfree += check_device(swap_dev[d]);
		inuse += swap_dev[d]->sd_inuse;
		usable += swap_dev[d]->sd_usable;
		if (d > 0)
			check_order(swap_dev[d - 1], swap_dev[d]);
	}
	total("uvm_swap_nfree()", uvm_swap_nfree(), nfree);
	total("uvmexp.swpginuse", uvmexp.swpginuse, inuse);
	total("uvmexp.swpages", uvmexp.swpages, usable);
	total("uvmexp.nswapdev", uvmexp.nswapdev, swap_ndev);
}
