/*
 * pmap/sv39/pmap_hw.h on the model: satp, sfence.vma, fence.i and the SBI's
 * remote fences.
 *
 * Memory is the same for all harts at all times: a fence has nothing to order
 * but what its hart keeps.  The remote calls are where time passes: each
 * target fences at a moment of its own, and all harts go on running until
 * then, the targets with what they have.
 */
#include <pmap/host/mmu_i.h>

uint64_t
pmap_hw_satp(paddr_t root, unsigned long asid)
{
	return SATP_MODE_SV39 | (asid << SATP_ASID_SHIFT) | (root >> MMU_SHIFT);
}

/* ASID bits the hart lacks read as zero. */
void
pmap_hw_load(uint64_t satp)
{
	struct mmu_hart *mh = &mmu_harts[mmu.mc.mc_hart()];

	mh->h_satp =
	    satp & ~((SATP_ASID_MASK & ~mmu.asid_mask) << SATP_ASID_SHIFT);
	mh->h_satp_time = mmu.mc.mc_now();
}

uint64_t
mmu_satp(unsigned hart)
{
	return mmu_harts[hart].h_satp;
}

int
pmap_hw_asid_bits(void)
{
	pmap_hw_fence_all();
	return mmu.mc.mc_asid_bits;
}

void
pmap_hw_full_fences(void)
{
	mmu.full_fences = true;
}

/* -- Local ------------------------------------------------------------------- */

static struct mmu_fence
fence_make(vaddr_t va, vsize_t size, unsigned long asid)
{
	return (struct mmu_fence){
		.f_va = va & MMU_VA_MASK,
		.f_size = size,
		.f_asid = asid == HW_ALL_ASIDS ? asid : asid & mmu.asid_mask,
	};
}

/* The hart forgets, and so does whoever shows the kernel its addresses. */
static void
fence_done(unsigned hart, const struct mmu_fence *f)
{
	mmu_cache_fence(hart, f);
	if (f->f_asid == HW_ALL_ASIDS && mmu.mc.mc_kernel_fenced != NULL)
		mmu.mc.mc_kernel_fenced(f->f_va, f->f_size);
}

static void
fence_here(struct mmu_fence f)
{
	unsigned hart = mmu.mc.mc_hart();

	if (mmu.full_fences)
		f = fence_make(0, 0, HW_ALL_ASIDS);
	if (mmu.mc.mc_errata && (f.f_size != 0 || f.f_asid != HW_ALL_ASIDS))
		return;
	mmu_event_fence(EV_FENCE, hart, &f, 0);
	fence_done(hart, &f);
}

void
pmap_hw_fence_va(vaddr_t va, unsigned long asid)
{
	fence_here(fence_make(va, 1, asid));
}

void
pmap_hw_fence_asid(unsigned long asid)
{
	fence_here(fence_make(0, 0, asid));
}

void
pmap_hw_fence_all(void)
{
	fence_here(fence_make(0, 0, HW_ALL_ASIDS));
}

void
pmap_hw_fencei(void)
{
	mmu_harts[mmu.mc.mc_hart()].h_fencei = ++mmu.seq;
}

/* -- Remote ------------------------------------------------------------------ */

/* The harts run for a while. */
static void
some_points(void)
{
	for (unsigned n = mmu_below(3); n > 0; n--)
		mmu.mc.mc_point();
}

/* => the targets in an order by chance; their number */
static unsigned
targets_shuffled(uint64_t cpus, unsigned *order)
{
	unsigned n = 0, at;

	cpus &= ~(1UL << mmu.mc.mc_hart());
	for (; cpus != 0; cpus &= cpus - 1) {
		unsigned hart = __builtin_ctzl(cpus);

		if (hart >= mmu.mc.mc_harts)
			mmu.mc.mc_fail("mmu: remote fence of hart %u", hart);
		at = mmu_below(n + 1);
		order[n] = order[at];
		order[at] = hart;
		n++;
	}
	return n;
}

void
pmap_hw_remote_fence(
    uint64_t cpus, vaddr_t va, vsize_t size, unsigned long asid)
{
	struct mmu_fence f = fence_make(va, size, asid);
	unsigned order[MMU_HARTS_MAX], self = mmu.mc.mc_hart();
	unsigned n = targets_shuffled(cpus, order);

	mmu_event_fence(EV_SEND, self, &f, cpus & ~(1UL << self));
	for (unsigned i = 0; i < n; i++) {
		some_points();
		mmu_event_fence(EV_ARRIVE, order[i], &f, self);
		fence_done(order[i], &f);
	}
	some_points();
}

void
pmap_hw_remote_fencei(uint64_t cpus)
{
	unsigned order[MMU_HARTS_MAX], n = targets_shuffled(cpus, order);

	for (unsigned i = 0; i < n; i++) {
		some_points();
		mmu_harts[order[i]].h_fencei = ++mmu.seq;
	}
	some_points();
}
