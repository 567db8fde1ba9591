/* The Sv39 pmap for its own files. */
#ifndef _PMAP_SV39_PMAP_I_H_
#define _PMAP_SV39_PMAP_I_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/mutant.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>
#include <pmap/pmap.h>
#include <pmap/sv39/pmap_boot.h>
#include <pmap/sv39/pmap_hw.h>
#include <pmap/sv39/pte.h>

/*
 * Who may change a leaf of a managed page:
 *	made, replaced		pm_mtx and the page's pv lock
 *	removed			the page's pv lock
 *	bits cleared or set	pm_mtx or the pv lock, by one atomic operation
 *				that leaves an entry which became zero zero
 * A table is freed only when no leaf is left in it, and a leaf's pv entry goes
 * before the leaf's table can: whoever holds the pv lock may use the leaf.
 */

extern struct pmap kernel_pmap_store;
extern bool pmap_soft_ad; /* [set once at boot] emulate A and D by rights */
/*
 * [set once at boot] the page of zeros that readers of untouched memory share:
 * none of a segment, so it has no struct vm_page and its mappings no pv entry
 */
extern paddr_t pmap_zero_pa;
extern bool pmap_svpbmt; /* [set once at boot] memory types in leaves */
extern uint64_t pmap_cpus; /* [a] harts with paging on, by ci_index */

#define pmap_is_user(pm) ((pm) != &kernel_pmap_store)

/* -- pmap_tlb.c ------------------------------------------------------------- */

#define TLB_BATCH_MAX 16 /* more addresses: the whole address space */

/*
 * Addresses to be fenced; lives on the stack of one operation.
 * All members: [thread].
 */
struct tlb_batch {
	struct pmap *tb_pm;
	unsigned tb_n; /* addresses; above TLB_BATCH_MAX: everything */
	vaddr_t tb_va[TLB_BATCH_MAX];
};

static inline void
tlb_batch_init(struct tlb_batch *tb, struct pmap *pm)
{
	tb->tb_pm = pm;
	tb->tb_n = 0;
}

static inline void
tlb_batch_add(struct tlb_batch *tb, vaddr_t va)
{
	if (tb->tb_n < TLB_BATCH_MAX)
		tb->tb_va[tb->tb_n] = va;
	tb->tb_n++;
}

/*
 * Around changes of entries that are fenced only later: a page whose mapping is
 * gone, or has A clear, may still be reached until then.
 * => pm_mtx of the pmap held, or interrupts off, over both; not nested
 */
static inline void
tlb_unfenced_begin(void)
{
	struct cpu_info *ci = curcpu();

	KASSERT((ci->ci_unfenced & 1) == 0);
	atomic_store(&ci->ci_unfenced, ci->ci_unfenced + 1);
}

static inline void
tlb_unfenced_end(void)
{
	struct cpu_info *ci = curcpu();

	KASSERT((ci->ci_unfenced & 1) != 0);
	atomic_store_rel(&ci->ci_unfenced, ci->ci_unfenced + 1);
}

/*
 * The same when entries are changed from the side of the page, without pm_mtx:
 * who changes pm's entries next may find nothing left to do, yet his caller
 * expects that no hart uses them any more.
 * => interrupts off over both
 */
static inline void
pmap_unfenced_begin(struct pmap *pm)
{
	atomic_add(&pm->pm_unfenced, 1);
	membar_release();
}

static inline void
pmap_unfenced_end(struct pmap *pm)
{
	membar_release();
	atomic_add(&pm->pm_unfenced, -1);
}

/* => what others changed so, and the caller has seen, is fenced on return; no
      pv lock held */
void pmap_unfenced_wait(struct pmap *pm);
/*
 * => what other harts had changed before the call, and the caller has seen, is
 *    fenced on return; no pm_mtx nor pv lock held
 */
void tlb_unfenced_wait(void);
/* => entries changed before the call are in no hart's use on return */
void tlb_batch_flush(struct tlb_batch *tb);
/* => as above, for one address */
void tlb_flush_va(struct pmap *pm, vaddr_t va);
/* => every translation of pm, tables included */
void tlb_flush_pmap(struct pmap *pm);
/* => pm is in no hart's satp on return; thread context, no mutex held */
void pmap_leave_all(struct pmap *pm);
void asid_init(bool disabled);
int asid_count(void);
unsigned long asid_alloc(void);
void asid_free(unsigned long asid);

/* -- pmap_pv.c ---------------------------------------------------------------- */

/* Managed mappings made less removed, by hart: [h], interrupts off. */
struct pv_count {
	volatile long n;
} __aligned(CACHE_LINE);
extern struct pv_count pv_counts[MAXCPUS]; /* by ci_index */

/* => interrupts off */
static inline void
pv_count_add(long n)
{
	pv_counts[curcpu()->ci_index].n += n;
}

/* => from pmap_init(): the pool of entries */
void pv_init(void);
static inline void
pv_lock(struct vm_page *pg)
{
	while (atomic_or_acq_rel(&pg->mdpage.md_attr, PVA_LOCK) & PVA_LOCK)
		cpu_spinwait();
}

static inline void
pv_unlock(struct vm_page *pg)
{
	atomic_and_acq_rel(&pg->mdpage.md_attr, ~(uint32_t)PVA_LOCK);
}

/* => TRUE: a managed mapping of the page permits writing; takes its pv lock */
bool pv_writable(struct vm_page *pg);
/* => pool item for pv_insert when the inline entry is taken, or NULL */
struct pv_entry *pv_alloc(void);
void pv_free(struct pv_entry *pv);
/* => pv locked; uses *spare (then NULL) if it must; FALSE: it was needed */
bool pv_insert(
    struct vm_page *pg, struct pmap *pm, vaddr_t va, struct pv_entry **spare);
/* => pv locked; the entry to free once unlocked, or NULL */
struct pv_entry *pv_remove(struct vm_page *pg, struct pmap *pm, vaddr_t va);
/* => pv locked; the mapping at va is one at `to' now */
void pv_move(struct vm_page *pg, struct pmap *pm, vaddr_t va, vaddr_t to);

/* -- pmap_table.c ---------------------------------------------------------------- */

/* => as pmap_leaf, making tables; NULL: no memory; pm_mtx held */
pt_entry_t *pmap_leaf_alloc(struct pmap *pm, vaddr_t va);
/*
 * Call fn for each piece of [sva, eva) that lies in one existing 4 KiB table.
 * => ptep: entry of va; n entries; pm_mtx held
 * => dead not NULL: fn leaves no leaf; tables whose whole 2 MiB lie in the
 *    range are taken out; the caller flushes pm, then frees *dead
 */
typedef void pmap_span_fn(
    struct pmap *pm, pt_entry_t *ptep, vaddr_t va, unsigned n, void *arg);
void pmap_foreach_span(struct pmap *pm, vaddr_t sva, vaddr_t eva,
    pmap_span_fn *fn, void *arg, struct pglist *dead);
unsigned pmap_skip_empty(const pt_entry_t *p, unsigned n);
void pmap_free_tables(struct pglist *dead);
/* => kernel table page, zeroed; boot or later; panics if there is none */
paddr_t pmap_kernel_table(void);

/* -- pmap.c --------------------------------------------------------------------- */

/* => the entry that translates va at whatever level, its level in *level */
pt_entry_t *pmap_walk(struct pmap *pm, vaddr_t va, int *level);

static inline pt_entry_t *
pte_to_table(pt_entry_t pte)
{
	return (pt_entry_t *)PHYS_TO_DMAP(pte_pa(pte));
}

/* => address of the leaf entry for va in a 4 KiB table, NULL: no table */
static inline pt_entry_t *
pmap_leaf(struct pmap *pm, vaddr_t va)
{
	pt_entry_t pte = pm->pm_root[sv39_index(va, 2)];

	if ((pte & (PTE_V | PTE_RIGHTS)) != PTE_V)
		return NULL;
	pte = atomic_load(&pte_to_table(pte)[sv39_index(va, 1)]);
	if ((pte & (PTE_V | PTE_RIGHTS)) != PTE_V)
		return NULL;
	return &pte_to_table(pte)[sv39_index(va, 0)];
}

/* Fold what a leaf that goes away says about its page into the page. */
static inline void
pmap_fold_attr(struct vm_page *pg, pt_entry_t pte)
{
	uint32_t attr =
	    ((pte & PTE_A) ? PVA_REF : 0) | ((pte & PTE_D) ? PVA_MOD : 0);

	if (MUTANT(FOLD_LOSES_D))
		attr &= ~(uint32_t)PVA_MOD;
	if ((atomic_load(&pg->mdpage.md_attr) & attr) != attr)
		atomic_or(&pg->mdpage.md_attr, attr);
}

#endif
