/* Memory system calls: numbers of the riscv64 Linux convention, helpers. */
#ifndef _UVM_UVM_MMAN_H_
#define _UVM_UVM_MMAN_H_

#include <sys/param.h>
#include <uvm/uvm_extern.h>

struct proc;

/* mmap flags */
#define MAP_SHARED          0x01
#define MAP_PRIVATE         0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE            0x0f
#define MAP_FIXED           0x10
#define MAP_ANONYMOUS       0x20
#define MAP_GROWSDOWN       0x100
#define MAP_DENYWRITE       0x800 /* ignored, as everywhere */
#define MAP_EXECUTABLE      0x1000 /* ignored, as everywhere */
#define MAP_LOCKED          0x2000
#define MAP_NORESERVE       0x4000
#define MAP_POPULATE        0x8000
#define MAP_NONBLOCK        0x10000
#define MAP_STACK           0x20000
#define MAP_HUGETLB         0x40000
#define MAP_FIXED_NOREPLACE 0x100000

/* mprotect */
#define PROT_SEM       0x08 /* accepted, no meaning here */
#define PROT_GROWSDOWN 0x01000000
#define PROT_GROWSUP   0x02000000

/* mlock2, mlockall */
#define MLOCK_ONFAULT 1
#define MCL_ONFAULT   4

/* mremap */
#define MREMAP_MAYMOVE   1
#define MREMAP_FIXED     2
#define MREMAP_DONTUNMAP 4

/* msync */
#define MS_ASYNC      1
#define MS_INVALIDATE 2
#define MS_SYNC       4

/* madvise; NORMAL, RANDOM, SEQUENTIAL as in uvm_extern.h */
#define LINUX_MADV_WILLNEED        3
#define LINUX_MADV_DONTNEED        4
#define LINUX_MADV_FREE            8
#define LINUX_MADV_REMOVE          9
#define LINUX_MADV_DONTFORK        10
#define LINUX_MADV_DOFORK          11
#define LINUX_MADV_MERGEABLE       12
#define LINUX_MADV_UNMERGEABLE     13
#define LINUX_MADV_HUGEPAGE        14
#define LINUX_MADV_NOHUGEPAGE      15
#define LINUX_MADV_DONTDUMP        16
#define LINUX_MADV_DODUMP          17
#define LINUX_MADV_WIPEONFORK      18
#define LINUX_MADV_KEEPONFORK      19
#define LINUX_MADV_COLD            20
#define LINUX_MADV_PAGEOUT         21
#define LINUX_MADV_POPULATE_READ   22
#define LINUX_MADV_POPULATE_WRITE  23
#define LINUX_MADV_DONTNEED_LOCKED 24

/*
 * A range as programs give it, to whole pages.
 * => addr is page-aligned or rounded down; FALSE: it wraps around
 */
static inline bool
user_range(uint64_t addr, uint64_t len, vaddr_t *startp, vaddr_t *endp)
{
	uint64_t end = addr + len;

	*startp = trunc_page(addr);
	*endp = round_page(end);
	return end >= addr && *endp >= end;
}

/* Write without read is a reserved encoding: such memory is readable too. */
static inline vm_prot_t
user_prot(uint64_t prot)
{
	return (vm_prot_t)((prot & PROT_MASK) |
	    ((prot & PROT_WRITE) ? PROT_READ : 0));
}

/*
 * May p wire len more bytes?  (uvm_mlock.c)
 * => 0; EPERM: it may not wire at all; ENOMEM: above RLIMIT_MEMLOCK; EAGAIN:
 *    above what the system wires
 */
int uvm_mlock_allowed(struct proc *p, vsize_t len);
/* => FALSE: RLIMIT_AS does not allow len bytes more */
bool uvm_size_allowed(struct proc *p, vsize_t len);

#endif
