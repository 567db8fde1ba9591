/*
 * An Sv39 MMU that does everything the privileged specification allows and
 * nothing it forbids: see mmu_model.c.  It replaces pmap/sv39/pmap_hw.c.
 */
#ifndef _PMAP_HOST_MMU_MODEL_H_
#define _PMAP_HOST_MMU_MODEL_H_

#include <sys/types.h>

#define MMU_HARTS_MAX 16

enum mmu_access { MMU_LOAD, MMU_STORE, MMU_FETCH };

/*
 * Immutable after mmu_init().
 *
 * The kernel's half of the address space lies anywhere on the host: an
 * address below 2^38 is the user's, any other one with bit 38 set is the
 * kernel's, by its low 39 bits, and the rest is not canonical.
 */
struct mmu_config {
	unsigned mc_harts; /* numbered from 0, as ci_index is */
	unsigned mc_asid_bits;
	uint64_t mc_hard_ad; /* bit per hart: it sets A and D itself */
	bool mc_svpbmt; /* memory types in entries; else they fault */
	/*
	 * "Leaf page table entries" of sfence.vma rs1 read in the narrowest
	 * way: an invalid entry of a higher level is none, and only rs1=x0
	 * makes a hart forget that it was invalid.
	 */
	bool mc_upper_invalid_stays;
	/* only sfence.vma x0, x0 works in the hart (pmap_hw_full_fences) */
	bool mc_errata;
	paddr_t mc_ram_base; /* for instruction coherence */
	unsigned mc_ram_pages; /* at most 65536 */
	vaddr_t mc_dmap_lo, mc_dmap_hi; /* direct map: may reach free pages */
	uint64_t (*mc_random)(void); /* every choice comes from here */
	void (*mc_point)(void); /* another hart may run here */
	unsigned (*mc_hart)(void); /* hart that executes now */
	uint64_t (*mc_now)(void); /* time stamp for histories */
	void *(*mc_memory)(paddr_t pa); /* host address; NULL: no RAM */
	void (*mc_printf)(const char *fmt, ...);
	/* A hart has fenced the kernel's addresses; size 0: all of them. */
	void (*mc_kernel_fenced)(vaddr_t va, vsize_t size);
	/* A violation: message printed after the history; does not return. */
	void (*mc_fail)(const char *fmt, ...);
};

/* => forgets everything; *mc is copied; before any other call */
void mmu_init(const struct mmu_config *mc);

/* One way an access may turn out. */
struct mmu_outcome {
	bool mo_fault; /* page fault (spurious ones included) */
	paddr_t mo_pa; /* else: byte address */
	const char *mo_from; /* "walk", "cached entry", … for messages */
	uint64_t mo_entry; /* entry used, before mo_set */
	paddr_t mo_entry_pa; /* where it was read; 0: no entry */
	uint64_t mo_set; /* PTE_A and PTE_D that the hart sets there */
};
#define MMU_OUTCOMES_MAX 48

/*
 * Every outcome allowed now for an access of the current hart through its
 * satp.  Nothing changes.
 * => user: by the user, or by the kernel on his behalf (SUM): U must be set;
 *    else it must be clear
 * => their number, at least one
 */
unsigned mmu_outcomes(
    vaddr_t va, enum mmu_access access, bool user, struct mmu_outcome *out);
/*
 * Perform the access: one of the outcomes by chance, with what it leaves
 * behind (cached entries, A and D bits).
 * => user: as above; the outcome, whose page the caller reads or writes
 */
struct mmu_outcome mmu_access(vaddr_t va, enum mmu_access access, bool user);
/* => the current hart caches some translation ahead of use, by chance */
void mmu_speculate(void);
/* => as above, another one: an idle hart does it too */
void mmu_speculate_hart(unsigned hart);
/*
 * => the current hart has just stored 8 bytes at pa; worth telling, not needed:
 * if a hart has read an entry there, histories name the writer.
 */
void mmu_stored(paddr_t pa);
/* => satp of a hart */
uint64_t mmu_satp(unsigned hart);

/*
 * A page is about to be free, or to get other contents: no hart may reach it
 * through the address space in its satp but by the direct map.
 * => does not return if one may: mc_fail()
 */
void mmu_check_unreachable(paddr_t pa);
/* => bytes of RAM were written, by whomever: for instruction coherence */
void mmu_written(paddr_t pa, size_t len);
/*
 * => TRUE: a fetch by this hart of the word at pa may only return what memory
 *    holds; FALSE: it may be older (no fence.i since the last write)
 */
bool mmu_fetch_coherent(paddr_t pa);
/* => prints what is known of va: entries, cached copies, fences, who did it */
void mmu_history(vaddr_t va);

#endif
