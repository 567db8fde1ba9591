/*
 * Translations: address-space numbers, activation, and the one place that
 * decides which harts must fence.
 *
 * A hart may hold translations of a pmap when the pmap is its ci_curpmap (or
 * ci_prevpmap, during the few instructions of a switch), or when it ran it
 * before: then its bit in pm_harts is set.  To invalidate, store the entry,
 * fence, and look at every hart: one that has the pmap active is fenced
 * remotely; for one that has not, the bit in pm_harts is cleared, which makes
 * it flush that ASID when it next activates the pmap.  So an address space
 * that migrates does not cost remote fences ever after.
 *
 * The race is between a hart that activates and one that invalidates:
 *
 *	activate: ci_curpmap = pm; FENCE; look at own bit -> load satp, maybe
 *		  flush
 *	invalidate: store entry; FENCE; ci_curpmap != pm -> clear bit; FENCE;
 *		  look at ci_curpmap again
 *
 * Either the first sees the bit cleared and flushes, or the second sees
 * ci_curpmap and fences remotely.  Another hart that invalidates meanwhile
 * trusts ci_curpmap alone, never a bit that is clear.
 *
 * A fresh ASID needs no flush either: no bit of its pmap is set, so each hart
 * flushes it on first activation, whatever its last owner left behind.
 */
#include <pmap/sv39/pmap_i.h>
#include <sys/proc.h>

#define ASID_MAX 4096 /* numbers used at most; 0 is the kernel's */

static struct mutex asid_mtx = MUTEX_INITIALIZER(LR_ASID, "asid");
static uint64_t asid_used[ASID_MAX / 64]; /* [asid_mtx] */
static unsigned asid_rover; /* [asid_mtx] word to look at first */
static unsigned asid_words; /* [set once at boot] 0: no ASIDs */

uint64_t pmap_cpus;

void
asid_init(bool disabled)
{
	int bits = pmap_hw_asid_bits();

	asid_words = 0;
	if (!disabled && bits >= 6)
		asid_words = MIN(1U << bits, ASID_MAX) / 64;
	asid_used[0] = 1;
}

/* => how many there are, the kernel's included; 0: none */
int
asid_count(void)
{
	return asid_words * 64;
}

/* => a number nobody uses, or 0: flush at every activation */
unsigned long
asid_alloc(void)
{
	unsigned i, w;
	int bit;

	mtx_enter(&asid_mtx);
	for (i = 0; i < asid_words; i++) {
		w = (asid_rover + i) % asid_words;
		if (asid_used[w] == ~0UL)
			continue;
		bit = __builtin_ctzl(~asid_used[w]);
		if (!MUTANT(ASID_NOT_TAKEN))
			asid_used[w] |= 1UL << bit;
		asid_rover = w;
		mtx_leave(&asid_mtx);
		return w * 64 + bit;
	}
	mtx_leave(&asid_mtx);
	return 0;
}

void
asid_free(unsigned long asid)
{
	if (asid == 0)
		return;
	mtx_enter(&asid_mtx);
	KASSERT(asid_used[asid / 64] & (1UL << (asid % 64)));
	asid_used[asid / 64] &= ~(1UL << (asid % 64));
	mtx_leave(&asid_mtx);
}

/* -- Harts ---------------------------------------------------------------------- */

uint64_t
pmap_kernel_satp(void)
{
	return pmap_hw_satp(kernel_pmap_store.pm_rootpa, 0);
}

void
pmap_cpu_init(struct cpu_info *ci)
{
	ci->ci_curpmap = pmap_kernel();
	ci->ci_prevpmap = NULL;
	atomic_or_acq_rel(&pmap_cpus, 1UL << ci->ci_index);
	pmap_hw_fence_all();
	pmap_hw_fencei();
}

/* -- Activation ---------------------------------------------------------------- */

/*
 * Make pm this hart's.
 * => interrupts off
 */
static void
pmap_switch(struct pmap *pm)
{
	struct cpu_info *ci = curcpu();
	struct pmap *old = ci->ci_curpmap;
	uint64_t bit = 1UL << ci->ci_index;
	bool stale;

	if (old == pm)
		return;
	stale =
	    MUTANT(SWITCH_LOOKS_FIRST) && !(atomic_load(&pm->pm_harts) & bit);
	atomic_store(&ci->ci_prevpmap, old);
	atomic_store(&ci->ci_curpmap, pm);
	membar_sync();
	if (!MUTANT(SWITCH_LOOKS_FIRST))
		stale = !(atomic_load(&pm->pm_harts) & bit);
	if (stale)
		atomic_or(&pm->pm_harts, bit);
	pmap_hw_load(pmap_hw_satp(pm->pm_rootpa, pm->pm_asid));
	/* Number 0 goes on in use, if only by the kernel: what is left in it
	   would serve the next one, or lead into tables when they are free. */
	if (pmap_is_user(old) && old->pm_asid == 0 && !MUTANT(ASID_0_UNFLUSHED))
		pmap_hw_fence_asid(0);
	if (stale && pmap_is_user(pm) && !MUTANT(ASID_REUSED_UNFLUSHED))
		pmap_hw_fence_asid(pm->pm_asid);
	atomic_store_rel(&ci->ci_prevpmap, NULL);
}

/*
 * => p is curproc, or the thread this hart is about to switch to
 * => any context but a pmap operation; never sleeps
 */
void
pmap_activate(struct proc *p)
{
	unsigned long s = intr_disable();

	pmap_switch(vm_map_pmap(&p->p_vmspace->vm_map));
	intr_restore(s);
}

/*
 * => p's address space is not this hart's on return: it may be destroyed, or
 *    replaced in p
 */
void
pmap_deactivate(struct proc *p)
{
	unsigned long s = intr_disable();

	if (curcpu()->ci_curpmap == vm_map_pmap(&p->p_vmspace->vm_map))
		pmap_switch(pmap_kernel());
	intr_restore(s);
}

/* A kernel thread borrows the address space of the thread before it. */
void
pmap_ipi(void)
{
	if (curproc->p_flag & (P_KTHREAD | P_IDLE))
		pmap_switch(pmap_kernel());
}

/*
 * Wait until no hart has pm, which nobody runs on any more, as borrowed.
 * => thread context, no mutex held
 */
void
pmap_leave_all(struct pmap *pm)
{
	struct cpu_info *ci;
	unsigned long s = intr_disable();

	if (curcpu()->ci_curpmap == pm)
		pmap_switch(pmap_kernel());
	intr_restore(s);
	membar_sync();
	CPU_FOREACH (ci) {
		if (ci->ci_curpmap != pm && ci->ci_prevpmap != pm)
			continue;
		cpu_ipi(ci, IPI_PMAP);
		while (!MUTANT(LEAVE_NO_WAIT) &&
		    (*(struct pmap *volatile *)&ci->ci_curpmap == pm ||
			*(struct pmap *volatile *)&ci->ci_prevpmap == pm))
			cpu_spinwait();
	}
}

/* -- Invalidation ---------------------------------------------------------------- */

/*
 * The harts to be fenced now; the others will flush when they activate pm.
 * => the entries are stored
 */
static uint64_t
tlb_targets(struct pmap *pm)
{
	struct cpu_info *ci;
	uint64_t targets = 0, bit;

	membar_sync();
	if (!pmap_is_user(pm))
		return atomic_load(&pmap_cpus);
	CPU_FOREACH (ci) {
		bit = 1UL << ci->ci_index;
		if (ci->ci_curpmap == pm ||
		    (ci->ci_prevpmap == pm && !MUTANT(TARGETS_NO_PREVPMAP))) {
			targets |= bit;
			continue;
		}
		if (!(atomic_load(&pm->pm_harts) & bit))
			continue;
		if (!MUTANT(TARGETS_KEEP_BIT))
			atomic_and(&pm->pm_harts, ~bit);
		membar_sync();
		if (MUTANT(TARGETS_NO_RECHECK))
			continue;
		if (ci->ci_curpmap == pm ||
		    (ci->ci_prevpmap == pm && !MUTANT(TARGETS_NO_PREVPMAP))) {
			atomic_or(&pm->pm_harts, bit);
			targets |= bit;
		}
	}
	return targets;
}

static unsigned long
tlb_asid(struct pmap *pm)
{
	return pmap_is_user(pm) ? pm->pm_asid : HW_ALL_ASIDS;
}

void
tlb_flush_pmap(struct pmap *pm)
{
	uint64_t self = 1UL << curcpu()->ci_index, t = tlb_targets(pm);
	unsigned long asid = tlb_asid(pm);

	if (t & self)
		pmap_hw_fence_asid(asid);
	if (t & ~self)
		pmap_hw_remote_fence(t & ~self, 0, 0, asid);
}

void
tlb_flush_va(struct pmap *pm, vaddr_t va)
{
	uint64_t self = 1UL << curcpu()->ci_index, t = tlb_targets(pm);
	unsigned long asid = tlb_asid(pm);

	if (t & self)
		pmap_hw_fence_va(va, asid);
	if ((t & ~self) && !MUTANT(TLB_VA_NO_REMOTE))
		pmap_hw_remote_fence(t & ~self, va, PAGE_SIZE, asid);
}

/*
 * Remote harts get the hull of the addresses: one call to the firmware costs
 * more than the pages between.
 */
static void
tlb_remote_hull(struct tlb_batch *tb, uint64_t targets, unsigned long asid)
{
	vaddr_t lo = tb->tb_va[0], hi = lo;

	for (unsigned i = 1; i < tb->tb_n; i++) {
		lo = MIN(lo, tb->tb_va[i]);
		hi = MAX(hi, tb->tb_va[i]);
	}
	if (hi - lo >= 4 * TLB_BATCH_MAX * PAGE_SIZE)
		pmap_hw_remote_fence(targets, 0, 0, asid);
	else
		pmap_hw_remote_fence(targets, lo,
		    hi - lo + (MUTANT(TLB_HULL_SHORT) ? 0 : PAGE_SIZE), asid);
}

void
tlb_batch_flush(struct tlb_batch *tb)
{
	uint64_t self = 1UL << curcpu()->ci_index, t;
	unsigned long asid = tlb_asid(tb->tb_pm);

	if (tb->tb_n == 0)
		return;
	if (MUTANT(TLB_BATCH_FORGETS))
		tb->tb_n = MIN(tb->tb_n, TLB_BATCH_MAX);
	if (tb->tb_n > TLB_BATCH_MAX) {
		tlb_flush_pmap(tb->tb_pm);
		tb->tb_n = 0;
		return;
	}
	t = tlb_targets(tb->tb_pm);
	if ((t & self) && !MUTANT(TLB_BATCH_NO_LOCAL))
		for (unsigned i = 0; i < tb->tb_n; i++)
			pmap_hw_fence_va(tb->tb_va[i], asid);
	if ((t & ~self) && !MUTANT(TLB_BATCH_NO_REMOTE))
		tlb_remote_hull(tb, t & ~self, asid);
	tb->tb_n = 0;
}

/*
 * A hart takes mappings of many pages away, fences once, and is done with the
 * pages' locks long before.  Who finds a page without mappings, or with fewer
 * rights, waits here before he relies on it: for what each hart is at, not for
 * a moment when it is at nothing, which may not come for long.
 */
void
tlb_unfenced_wait(void)
{
	struct cpu_info *ci, *self = curcpu();
	uint32_t at;

	if (MUTANT(UNFENCED_NO_WAIT))
		return;
	for (u_int i = 0; i < ncpus; i++) {
		ci = &cpu_info_store[i];
		at = atomic_load_acq(&ci->ci_unfenced);
		while (ci != self && (at & 1) != 0 &&
		    atomic_load_acq(&ci->ci_unfenced) == at)
			cpu_spinwait();
	}
}

void
pmap_unfenced_wait(struct pmap *pm)
{
	membar_acquire();
	while (
	    atomic_load(&pm->pm_unfenced) != 0 && !MUTANT(PM_UNFENCED_NO_WAIT))
		cpu_spinwait();
	membar_acquire();
}

void
pmap_fencei_all(void)
{
	uint64_t others =
	    atomic_load(&pmap_cpus) & ~(1UL << curcpu()->ci_index);

	membar_sync();
	pmap_hw_fencei();
	if (others && !MUTANT(FENCEI_LOCAL_ONLY))
		pmap_hw_remote_fencei(others);
}
