/*
 * The hardware under the Sv39 pmap: satp, fences and their remote forms.
 * pmap_hw.c alone holds these instructions; the host's MMU model replaces it.
 */
#ifndef _PMAP_SV39_PMAP_HW_H_
#define _PMAP_SV39_PMAP_HW_H_

#include <sys/types.h>

#define SATP_MODE_SV39  (8UL << 60)
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK  0xffffUL
#define HW_ALL_ASIDS    (~0UL) /* every address space and global entries */

/* => every function: any context, never sleeps */
uint64_t pmap_hw_satp(paddr_t root, unsigned long asid);
/* => loads satp; no fence */
void pmap_hw_load(uint64_t satp);
/* => widest ASID the hart implements, in bits; satp is as before */
int pmap_hw_asid_bits(void);
/* => errata: from now on every local fence is sfence.vma x0, x0 */
void pmap_hw_full_fences(void);

/* => this hart has fenced on return; asid may be HW_ALL_ASIDS; any context */
void pmap_hw_fence_va(vaddr_t va, unsigned long asid);
void pmap_hw_fence_asid(unsigned long asid);
void pmap_hw_fence_all(void);
void pmap_hw_fencei(void);

/*
 * Other harts, by a mask of ci_index; this hart's bit is ignored.
 * => they have fenced on return; earlier stores of this hart come first
 * => size 0: everything of that asid
 */
void pmap_hw_remote_fence(
    uint64_t cpus, vaddr_t va, vsize_t size, unsigned long asid);
void pmap_hw_remote_fencei(uint64_t cpus);

#endif
