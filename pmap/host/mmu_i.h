/*
 * The MMU model for its own files.
 *
 * One host thread runs everything: nothing here has a lock.
 */
#ifndef _PMAP_HOST_MMU_I_H_
#define _PMAP_HOST_MMU_I_H_

#include <sys/types.h>
#include <pmap/host/mmu_model.h>
#include <pmap/sv39/pmap_hw.h>
#include <pmap/sv39/pte.h>

#define MMU_SHIFT     12 /* of a 4 KiB page */
#define MMU_VA_BITS   39
#define MMU_VA_MASK   ((1UL << MMU_VA_BITS) - 1)
#define MMU_USER_END  (1UL << (MMU_VA_BITS - 1))
#define MMU_ASIDS     (SATP_ASID_MASK + 1)
#define MMU_RAM_PAGES 65536 /* most RAM there can be */

/* log2 of the bytes an entry of a level maps */
#define mmu_level_shift(level) (MMU_SHIFT + 9 * (level))

/* Why an entry was read. */
enum mmu_why { WHY_LOAD, WHY_STORE, WHY_FETCH, WHY_SPECULATION };

/*
 * A copy of a page table entry in a hart.  It serves the addresses of one
 * block of level me_size, which for a leaf may be a piece of what it maps.
 */
struct mmu_entry {
	uint64_t me_pte; /* value read */
	paddr_t me_pte_pa; /* and where */
	uint64_t me_seq; /* mmu.seq when it was read */
	uint64_t me_time; /* mc_now() then */
	uint32_t me_vpn; /* first page it serves, of the low 39 bits */
	uint32_t me_next, me_prev; /* same page named: number + 1, 0: none */
	uint16_t me_asid; /* address space it was read in */
	uint8_t me_kind; /* enum pte_kind; TABLE, LEAF, others: fault */
	uint8_t me_level; /* where in the tree */
	uint8_t me_size; /* a level too: how much it serves */
	uint8_t me_why; /* enum mmu_why */
	uint8_t me_hart; /* whose copy */
	bool me_global; /* G on the way to it: good in all address spaces */
};

/*
 * A hart's copies: five set-associative arrays one after the other.  A tag is
 * the block's number + 1; 0: empty.
 */
enum mmu_class { CL_4K, CL_2M, CL_1G, CL_TABLE1, CL_TABLE2, CL_COUNT };
#define MMU_WAYS    8
#define MMU_ENTRIES ((64 + 8 + 4 + 16 + 4) * MMU_WAYS)

struct mmu_hart {
	uint32_t h_tag[MMU_ENTRIES];
	struct mmu_entry h_entry[MMU_ENTRIES];
	uint64_t
	    h_asid_fence[MMU_ASIDS]; /* mmu.seq of the last fence x0,asid */
	uint64_t h_all_fence; /* of the last fence x0,x0 */
	uint64_t h_fencei; /* of the last fence.i */
	uint64_t h_satp;
	uint64_t h_satp_time; /* mc_now() when it was loaded */
	uint64_t h_stuck; /* me_seq of the copy its last access faulted by */
	unsigned h_pieces; /* leaves that serve less than they map */
	unsigned h_large; /* leaves that serve more than 4 KiB */
};

/* What a walk met, by level. */
struct mmu_walk {
	vaddr_t w_va;
	int w_top, w_end; /* levels of the first and the last entry read */
	enum pte_kind w_kind; /* of the last */
	bool w_outside; /* the last table is not in memory; nothing read */
	uint64_t w_pte[SV39_LEVELS];
	paddr_t w_pte_pa[SV39_LEVELS];
	bool w_global[SV39_LEVELS]; /* with the entries above */
};

/* A fence, as far as address translation goes. */
struct mmu_fence {
	vaddr_t f_va; /* low 39 bits */
	vsize_t f_size; /* 0: everything, tables too; else leaves only */
	unsigned long f_asid; /* or HW_ALL_ASIDS: globals too */
};

struct mmu {
	struct mmu_config mc;
	uint64_t seq; /* counts fills, fences and writes; never back */
	uint64_t start; /* seq at mmu_init() */
	unsigned long asid_mask;
	bool full_fences; /* pmap_hw_full_fences() was called */
};

extern struct mmu mmu;
extern struct mmu_hart mmu_harts[MMU_HARTS_MAX];

/* => 0 to n - 1 */
static inline unsigned
mmu_below(unsigned n)
{
	return mmu.mc.mc_random() % n;
}

static inline paddr_t
mmu_satp_root(uint64_t satp)
{
	return (satp & ((1UL << 44) - 1)) << MMU_SHIFT;
}

static inline unsigned long
mmu_satp_asid(uint64_t satp)
{
	return (satp >> SATP_ASID_SHIFT) & SATP_ASID_MASK;
}

static inline bool
mmu_satp_on(uint64_t satp)
{
	return (satp & SATP_MODE_SV39) != 0;
}

/* => does this hart set A and D itself? */
static inline bool
mmu_hard_ad(unsigned hart)
{
	return (mmu.mc.mc_hard_ad >> hart) & 1;
}

/* Does a block of a level hold this address?  Low 39 bits of both. */
static inline bool
mmu_same_block(vaddr_t a, vaddr_t b, int level)
{
	return ((a ^ b) & MMU_VA_MASK) >> mmu_level_shift(level) == 0;
}

/* Where an address lands in what a leaf maps. */
static inline paddr_t
mmu_leaf_pa(uint64_t pte, vaddr_t va, int level)
{
	return pte_pa(pte) + (va & ((1UL << mmu_level_shift(level)) - 1));
}

/* -- mmu_model.c ------------------------------------------------------------- */

/* => speculation will try va, and addresses near it */
void mmu_remember(vaddr_t va);

/* -- mmu_walk.c -------------------------------------------------------------- */

/* => what hardware takes an entry of that level for; RESERVED: page fault */
enum pte_kind mmu_kind(uint64_t pte, int level);
/* => reads entries from memory, from the root in the hart's satp */
void mmu_walk_root(struct mmu_walk *w, vaddr_t va, unsigned hart);
/* => as above, from the table a cached entry names */
void mmu_walk_from(
    struct mmu_walk *w, vaddr_t va, const struct mmu_entry *me, unsigned hart);
/* => the 8 bytes at pa, FALSE: no memory */
bool mmu_read(paddr_t pa, uint64_t *pte);
/* => sets bits in an entry that is as expected: one atomic step for a hart */
void mmu_set_bits(unsigned hart, paddr_t pa, uint64_t pte, uint64_t bits,
    vaddr_t va, int level);

/* -- mmu_cache.c -------------------------------------------------------------- */

/* => forget everything in all harts */
void mmu_cache_init(void);
/*
 * The copies in one class that serve va in the hart's address space, or in
 * any one.
 * => their number, at most MMU_WAYS
 */
unsigned mmu_cache_find(unsigned hart, enum mmu_class c, vaddr_t va, bool any,
    struct mmu_entry **found);
/* => keeps a copy of the entry that w met at that level */
void mmu_cache_add(
    unsigned hart, const struct mmu_walk *w, int level, enum mmu_why why);
/* => carries out a fence in one hart */
void mmu_cache_fence(unsigned hart, const struct mmu_fence *f);
/* => was no fence since that covers it? */
bool mmu_cache_live(const struct mmu_entry *me);
/* => physical address of the first byte a leaf serves, or of the table */
paddr_t mmu_entry_pa(const struct mmu_entry *me);

/* -- mmu_history.c -------------------------------------------------------------- */

enum mmu_event_type {
	EV_PTE, /* an entry is seen to have changed */
	EV_STORE, /* a hart changed an entry */
	EV_SET, /* a hart set A or D */
	EV_FILL, /* a hart took a copy */
	EV_FENCE, /* a hart fenced itself */
	EV_SEND, /* a hart asks others to fence */
	EV_ARRIVE, /* the fence happens */
};

struct mmu_event {
	uint64_t ev_time;
	vaddr_t ev_va;
	vsize_t ev_size; /* fences */
	uint64_t ev_old, ev_new; /* values of an entry */
	paddr_t ev_pte_pa;
	unsigned long ev_asid; /* fences and fills */
	uint64_t ev_harts; /* send: to whom; arrive: from whom, a number */
	uint8_t ev_type; /* enum mmu_event_type */
	uint8_t ev_hart;
	uint8_t ev_level;
	uint8_t ev_why; /* enum mmu_why */
	bool ev_global;
};

/* => a new event to be filled in; type, hart and time are */
struct mmu_event *mmu_event(enum mmu_event_type type, unsigned hart);
void mmu_history_init(void);
/* => an entry was read or stored: is it as it was when last seen? */
void mmu_seen(paddr_t pa, uint64_t pte, vaddr_t va, int level, unsigned hart,
    enum mmu_event_type type);
/* => an entry was just changed by the model, which has told so */
void mmu_known(paddr_t pa, uint64_t pte);
void mmu_event_fence(enum mmu_event_type type, unsigned hart,
    const struct mmu_fence *f, uint64_t harts);
/* => one line about a cached entry, and what would have removed it */
void mmu_print_entry(const struct mmu_entry *me);

#endif
