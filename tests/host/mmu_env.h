/*
 * A machine of a few pages around the MMU model, for ktest_mmu*.c: RAM that
 * holds page tables, a current hart, and messages that can be looked at.
 */
#ifndef _TESTS_HOST_MMU_ENV_H_
#define _TESTS_HOST_MMU_ENV_H_

#include <sys/types.h>
#include <pmap/host/mmu_model.h>
#include <pmap/sv39/pmap_hw.h>
#include <pmap/sv39/pte.h>

#define ENV_RAM    0x80000000UL
#define ENV_PAGES  64 /* of RAM */
#define ENV_KERNEL (0x5500UL << 39 | 1UL << 38) /* anywhere on the host */
#define ENV_DMAP   (ENV_KERNEL + (8UL << 30))

/* Leaves most tests want. */
#define ENV_USER   (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D)
#define ENV_SYSTEM (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

extern unsigned env_hart; /* who executes */
extern uint64_t env_time; /* what mc_now() says; it counts */
extern unsigned env_points; /* how often mc_point() was called */
extern void (*env_point)(void); /* what it does, or NULL */
extern bool env_failed; /* mc_fail() was called */
extern char env_text[65536]; /* all that was printed, failures too */

/* => 4 harts, 8 ASID bits, A and D by fault; to be changed by the test */
struct mmu_config env_config(void);
/* => RAM zero, nothing printed, model started */
void env_start(const struct mmu_config *mc);
/* => a fresh page of RAM, zero */
paddr_t env_page(void);
/* => the entry for va at a level, tables made with these extra bits */
uint64_t *env_entry(paddr_t root, vaddr_t va, int level, uint64_t bits);
/* => its physical address */
paddr_t env_entry_pa(const uint64_t *pte);
/* => maps va to pa by a 4 KiB leaf */
void env_map(paddr_t root, vaddr_t va, paddr_t pa, uint64_t flags);
/* => the hart runs root with that ASID, from now on */
void env_run(unsigned hart, paddr_t root, unsigned long asid);
/* => may the access of the hart end with this byte? */
bool env_may(
    unsigned hart, vaddr_t va, enum mmu_access access, bool user, paddr_t pa);
/* => may it fault? */
bool
env_may_fault(unsigned hart, vaddr_t va, enum mmu_access access, bool user);
/* => how many ends it may have */
unsigned env_ways(unsigned hart, vaddr_t va, enum mmu_access access, bool user);
/* => many loads, so that the hart keeps what it may keep of va */
void env_touch(unsigned hart, vaddr_t va, bool user);
/* => as above, and tables too */
void env_warm(unsigned hart, vaddr_t va, bool user);
/* => is this among what was printed? */
bool env_said(const char *words);

#endif
