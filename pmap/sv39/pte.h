/*
 * Sv39 page table entries: pure bit arithmetic, tested on the host
 * (privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System").
 *
 * Rights of a leaf, by PROT_*; write without read is a reserved encoding, so
 * write brings read along:
 *
 *	NONE  no entry		WRITE	    R W
 *	READ  R			READ+WRITE  R W
 *	EXEC  X			READ+EXEC   R X
 *				WRITE+EXEC and all three  R W X
 *
 * Reference and modify.  A and D of a user leaf are the mapping's part of its
 * page's attributes.  Where the hart sets them, or faults for them (Svade), an
 * entry with A or D clear is simply that.  With software emulation (ad=soft)
 * rights are taken away instead: an unreferenced entry has V clear, all else
 * kept; an unmodified writable one has W clear and WANTW set.  Either way an
 * entry is present iff it is not zero.  Kernel leaves have A set always, and D
 * if writable.
 */
#ifndef _PMAP_SV39_PTE_H_
#define _PMAP_SV39_PTE_H_

#include <stdbool.h>
#include <stdint.h>

#define PTE_V         0x001UL
#define PTE_R         0x002UL
#define PTE_W         0x004UL
#define PTE_X         0x008UL
#define PTE_U         0x010UL
#define PTE_G         0x020UL
#define PTE_A         0x040UL
#define PTE_D         0x080UL
#define PTE_WIRED     0x100UL /* RSW: counted in pm_wired */
#define PTE_SW2       0x200UL /* RSW: two meanings, by the pmap */
#define PTE_WANTW     PTE_SW2 /* user: writable, W withheld until modified */
#define PTE_UNMANAGED PTE_SW2 /* kernel: made by pmap_kenter_pa */
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  0x003ffffffffffc00UL
#define PTE_PBMT_NC   (1UL << 61)
#define PTE_PBMT_IO   (2UL << 61)
#define PTE_RIGHTS    (PTE_R | PTE_W | PTE_X)

#define SV39_LEVELS   3
#define SV39_ENTRIES  512
#define SV39_L0_SHIFT 12
#define SV39_L1_SHIFT 21 /* 2 MiB */
#define SV39_L2_SHIFT 30 /* 1 GiB */

enum pte_kind { PTE_INVALID, PTE_TABLE, PTE_LEAF, PTE_RESERVED };

/* What the hardware would take a valid entry for; software state excluded. */
static inline enum pte_kind
pte_kind(uint64_t pte)
{
	if (!(pte & PTE_V))
		return PTE_INVALID;
	if (!(pte & PTE_RIGHTS))
		return (pte & (PTE_A | PTE_D | PTE_U)) ? PTE_RESERVED
						       : PTE_TABLE;
	return (pte & (PTE_R | PTE_W)) == PTE_W ? PTE_RESERVED : PTE_LEAF;
}

static inline uint64_t
pte_pa(uint64_t pte)
{
	return (pte & PTE_PPN_MASK) << (12 - PTE_PPN_SHIFT);
}

static inline uint64_t
pte_ppn_bits(uint64_t pa)
{
	return (pa >> 12) << PTE_PPN_SHIFT;
}

static inline uint64_t
pte_table(uint64_t pa)
{
	return pte_ppn_bits(pa) | PTE_V;
}

/* Rights for PROT_* (READ 1, WRITE 2, EXEC 4). */
static inline uint64_t
pte_rights(int prot)
{
	uint64_t r = 0;

	if (prot & 1)
		r |= PTE_R;
	if (prot & 2)
		r |= PTE_R | PTE_W;
	if (prot & 4)
		r |= PTE_X;
	return r;
}

/* PROT_* a present entry grants once reference and modify are set. */
static inline int
pte_prot(uint64_t pte, bool user)
{
	int prot = 0;

	if (pte & PTE_R)
		prot |= 1;
	if ((pte & PTE_W) || (user && (pte & PTE_WANTW)))
		prot |= 2;
	if (pte & PTE_X)
		prot |= 4;
	return prot;
}

/*
 * A user leaf: access is the PROT_* mix that caused it (0: none yet),
 * soft_ad chooses how missing reference and modify are expressed.
 */
static inline uint64_t
pte_make_user(uint64_t pa, int prot, int access, bool soft_ad)
{
	uint64_t pte = pte_ppn_bits(pa) | PTE_V | PTE_U | pte_rights(prot);

	if (access)
		pte |= PTE_A;
	if ((access & 2) && (prot & 2))
		pte |= PTE_D;
	if (soft_ad) {
		if (!(pte & PTE_A))
			pte &= ~PTE_V;
		if ((pte & PTE_W) && !(pte & PTE_D))
			pte = (pte & ~PTE_W) | PTE_WANTW;
	}
	return pte;
}

static inline uint64_t
pte_make_kernel(uint64_t pa, int prot)
{
	return pte_ppn_bits(pa) | PTE_V | PTE_G | PTE_A |
	    ((prot & 2) ? PTE_D : 0) | pte_rights(prot);
}

/* Take write away; everything else, attributes included, survives. */
static inline uint64_t
pte_write_mask(bool user)
{
	return user ? ~(PTE_W | PTE_WANTW) : ~PTE_W;
}

/* The entry, which permits writing, with modify set; reference is as it was. */
static inline uint64_t
pte_mark_mod(uint64_t pte, bool user)
{
	pte |= PTE_W | PTE_D;
	return user ? pte & ~PTE_WANTW : pte;
}

/* The entry with reference (and modify) set and their rights given back. */
static inline uint64_t
pte_mark(uint64_t pte, bool write, bool user)
{
	pte |= PTE_V | PTE_A;
	return write ? pte_mark_mod(pte, user) : pte;
}

static inline uint64_t
pte_clear_ref(uint64_t pte, bool soft_ad)
{
	return pte & ~(soft_ad ? PTE_A | PTE_V : PTE_A);
}

static inline uint64_t
pte_clear_mod(uint64_t pte, bool soft_ad)
{
	if (soft_ad && (pte & PTE_W))
		pte = (pte & ~PTE_W) | PTE_WANTW;
	return pte & ~PTE_D;
}

/* Index of va in the table of a level (2: root). */
static inline unsigned
sv39_index(uint64_t va, int level)
{
	return (va >> (SV39_L0_SHIFT + 9 * level)) & (SV39_ENTRIES - 1);
}

/* Bits 63 to 39 of addresses in the upper half; the simulator has others. */
#ifndef SV39_UPPER
#define SV39_UPPER 0x1ffffffUL
#endif

/* Bits 63 to 39 equal bit 38. */
static inline bool
sv39_canonical(uint64_t va)
{
	return va >> 38 == 0 || va >> 38 == (SV39_UPPER << 1 | 1);
}

#endif
