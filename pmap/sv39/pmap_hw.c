/*
 * Sv39 hardware: satp, sfence.vma, fence.i and the SBI remote fences.
 *
 * QEMU 7.2 drops its whole translation cache for every fence and keeps no
 * invalid entries, so a wrong fence cannot be seen there.
 */
#include <sys/param.h>
#include <sys/atomic.h>
#include <machine/cpu.h>
#include <pmap/sv39/pmap_hw.h>

#define SBI_EXT_RFENCE      0x52464E43UL
#define SBI_RFENCE_I        0
#define SBI_RFENCE_VMA      1
#define SBI_RFENCE_VMA_ASID 2

static bool full_fences; /* [set once at boot] only sfence.vma x0,x0 */

uint64_t
pmap_hw_satp(paddr_t root, unsigned long asid)
{
	return SATP_MODE_SV39 | (asid << SATP_ASID_SHIFT) |
	    (root >> PAGE_SHIFT);
}

void
pmap_hw_load(uint64_t satp)
{
	__asm__ volatile("csrw satp, %0" : : "r"(satp) : "memory");
}

/* Write ones to the field and read back what exists ("ASIDLEN"). */
int
pmap_hw_asid_bits(void)
{
	uint64_t old, seen;

	__asm__ volatile("csrr %0, satp\n\t"
			 "or %1, %0, %2\n\t"
			 "csrw satp, %1\n\t"
			 "csrr %1, satp\n\t"
			 "csrw satp, %0\n\t"
			 "sfence.vma"
			 : "=&r"(old), "=&r"(seen)
			 : "r"(SATP_ASID_MASK << SATP_ASID_SHIFT)
			 : "memory");
	seen = (seen >> SATP_ASID_SHIFT) & SATP_ASID_MASK;
	return __builtin_popcountl(seen);
}

void
pmap_hw_full_fences(void)
{
	full_fences = true;
}

void
pmap_hw_fence_all(void)
{
	__asm__ volatile("sfence.vma" : : : "memory");
}

void
pmap_hw_fence_va(vaddr_t va, unsigned long asid)
{
	if (full_fences)
		pmap_hw_fence_all();
	else if (asid == HW_ALL_ASIDS)
		__asm__ volatile("sfence.vma %0, zero" : : "r"(va) : "memory");
	else
		__asm__ volatile("sfence.vma %0, %1"
				 :
				 : "r"(va), "r"(asid)
				 : "memory");
}

void
pmap_hw_fence_asid(unsigned long asid)
{
	if (full_fences || asid == HW_ALL_ASIDS)
		pmap_hw_fence_all();
	else
		__asm__ volatile("sfence.vma zero, %0"
				 :
				 : "r"(asid)
				 : "memory");
}

void
pmap_hw_fencei(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

/* One SBI call: hart mask and base, then the range (SBI specification). */
static long
sbi_rfence(unsigned long fid, unsigned long mask, unsigned long base,
    unsigned long start, unsigned long size, unsigned long asid)
{
	register unsigned long a0 __asm__("a0") = mask;
	register unsigned long a1 __asm__("a1") = base;
	register unsigned long a2 __asm__("a2") = start;
	register unsigned long a3 __asm__("a3") = size;
	register unsigned long a4 __asm__("a4") = asid;
	register unsigned long a6 __asm__("a6") = fid;
	register unsigned long a7 __asm__("a7") = SBI_EXT_RFENCE;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (long)a0;
}

/*
 * The call with the harts of `cpus` in groups of 64 hart ids, which is what
 * one mask and base can express.
 */
static void
rfence_cpus(uint64_t cpus, unsigned long fid, vaddr_t va, vsize_t size,
    unsigned long asid)
{
	unsigned long base, mask, id;
	uint64_t todo = cpus & ~(1UL << curcpu()->ci_index), later;

	membar_sync();
	for (; todo != 0; todo = later) {
		base = cpu_info_store[__builtin_ctzl(todo)].ci_hartid;
		later = mask = 0;
		for (; todo != 0; todo &= todo - 1) {
			int i = __builtin_ctzl(todo);

			id = cpu_info_store[i].ci_hartid;
			if (id >= base && id - base < 64)
				mask |= 1UL << (id - base);
			else
				later |= 1UL << i;
		}
		sbi_rfence(fid, mask, base, va, size, asid);
	}
}

void
pmap_hw_remote_fence(
    uint64_t cpus, vaddr_t va, vsize_t size, unsigned long asid)
{
	if (size == 0)
		va = 0, size = ~0UL;
	if (asid == HW_ALL_ASIDS)
		rfence_cpus(cpus, SBI_RFENCE_VMA, va, size, 0);
	else
		rfence_cpus(cpus, SBI_RFENCE_VMA_ASID, va, size, asid);
}

void
pmap_hw_remote_fencei(uint64_t cpus)
{
	rfence_cpus(cpus, SBI_RFENCE_I, 0, 0, 0);
}
