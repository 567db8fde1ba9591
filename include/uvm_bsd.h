/*
 * The BSD calls of this kernel, for user programs.
 *
 * The calls that the riscv64 Linux convention has no number for have numbers
 * from 1000 up.  Compile with `-idirafter include' and include <uvm_bsd.h>:
 * the wrappers at the end set errno like any libc function.  The kernel
 * includes this header too (with _KERNEL defined) and gets only the numbers
 * and structures.
 *
 * All structures are snapshots that the kernel fills in for one caller:
 *	s	belongs to the caller, no lock
 */
#ifndef _UVM_BSD_H
#define _UVM_BSD_H

#include <stddef.h>
#include <stdint.h>

#include "sys/uvmexp.h"

/* Call numbers. */
#define SYS_minherit    1000
#define SYS_mquery      1001
#define SYS_mimmutable  1002
#define SYS_bsd_madvise 1003
#define SYS_swapctl     1004
#define SYS_bsd_sysctl  1005
#define SYS_mexpmove    1006

/* Inheritance of a mapping over fork; 1, 2, 3 mean COPY, NONE, ZERO too. */
#ifndef MAP_INHERIT_MASK
#define MAP_INHERIT_MASK  0x30
#define MAP_INHERIT_SHARE 0x00
#define MAP_INHERIT_COPY  0x10
#define MAP_INHERIT_NONE  0x20
#define MAP_INHERIT_ZERO  0x30
#endif

/* Advice as bsd_madvise() numbers it; the first three are Linux's too. */
#define BSD_MADV_NORMAL     0
#define BSD_MADV_RANDOM     1
#define BSD_MADV_SEQUENTIAL 2
#define BSD_MADV_WILLNEED   3
#define BSD_MADV_DONTNEED   4 /* deactivate the pages, keep the data */
#define BSD_MADV_SPACEAVAIL 5
#define BSD_MADV_FREE       6

/* What mexpmove() does with the source range. */
#define MEXP_SHARE 0 /* both address spaces see the memory */
#define MEXP_MOVE  1 /* the source loses it */

/* bsd_sysctl(): first and second component of the name. */
#define CTL_VM           2

#define VM_METER         1 /* struct vmtotal */
#define VM_LOADAVG       2 /* struct loadavg */
#define VM_PSSTRINGS     3 /* address */
#define VM_UVMEXP        4 /* struct uvmexp */
#define VM_SWAPENCRYPT   5 /* + one of SWPENC_* */
#define VM_NKMEMPAGES    6 /* int */
#define VM_ANONMIN       7 /* int, percent, writable by root */
#define VM_VTEXTMIN      8 /* int, percent, writable by root */
#define VM_VNODEMIN      9 /* int, percent, writable by root */
#define VM_MAXSLP        10 /* int */
#define VM_USPACE        11 /* int */

#define VM_UVM_MAPINFO   100 /* + pid (0: caller): struct uvm_mapinfo[] */
#define VM_UVM_PROCINFO  101 /* struct uvm_procinfo[] */
#define VM_UVM_RESOURCES 102 /* struct uvm_resources */
#define VM_DIRTY         103 /* int, dirty pages of files */
#define VM_DIRTYAGE      104 /* int, seconds until they are written; root */
#define VM_DIRTYMIN      105 /* int, percent: more are written; root */
#define VM_DIRTYMAX      106 /* int, percent: more make writers wait; root */
#define VM_DROPCACHES    107 /* int: how often root had files' caches emptied */

/* VM_SWAPENCRYPT: second component. */
#define SWPENC_ENABLE  0 /* int, always 1 */
#define SWPENC_CREATED 1 /* int, keys drawn since boot */
#define SWPENC_DELETED 2 /* int, keys wiped since boot */
#define SWPENC_NSEC    100 /* uint64_t, time spent on it since boot, ours */

/* VM_METER: pages and processes of the whole system. */
struct vmtotal {
	int32_t t_rq; /* [s] threads ready to run */
	int32_t t_dw; /* [s] threads waiting for a disk */
	int32_t t_pw; /* [s] threads waiting for a page */
	int32_t t_sl; /* [s] threads asleep for less than maxslp */
	int32_t t_sw; /* [s] processes swapped out */
	uint32_t t_vm; /* [s] virtual memory: resident and swapped */
	uint32_t t_avm; /* [s] of that, active */
	uint32_t t_rm; /* [s] memory in use */
	uint32_t t_arm; /* [s] of that, active */
	uint32_t t_vmshr; /* [s] shared virtual memory */
	uint32_t t_avmshr; /* [s] of that, active */
	uint32_t t_rmshr; /* [s] shared memory in use */
	uint32_t t_armshr; /* [s] of that, active */
	uint32_t t_free; /* [s] free pages */
};

/* VM_LOADAVG: runnable threads over 1, 5, 15 minutes, times fscale. */
struct loadavg {
	uint32_t ldavg[3]; /* [s] averages */
	int64_t fscale; /* [s] what 1.0 is */
};

/* VM_UVM_MAPINFO: one map entry of a process, in address order. */
#define UVM_MI_ANON        1 /* type: anonymous */
#define UVM_MI_FILE        2 /* type: file */
#define UVM_MI_DEVICE      3 /* type: device */
#define UVM_MI_AOBJ        4 /* type: anonymous object */
#define UVM_MI_SUBMAP      5 /* type: submap */
#define UVM_MI_HOLE        6 /* type: no backing */
#define UVM_MI_F_NEEDSCOPY 0x1 /* flag: amap to be copied on write */
#define UVM_MI_F_COPYONW   0x2 /* flag: copy on write */
#define UVM_MI_F_IMMUTABLE 0x4 /* flag: mimmutable() was called */
#define UVM_MI_F_STACK     0x8 /* flag: stack */
#define UVM_MI_F_GUARD     0x10 /* flag: guard gap */

struct uvm_mapinfo {
	uint64_t start; /* [s] first byte */
	uint64_t end; /* [s] first byte behind */
	uint64_t offset; /* [s] in the object, bytes */
	uint32_t prot; /* [s] PROT_* */
	uint32_t maxprot; /* [s] PROT_*, the most mprotect may give */
	uint32_t inherit; /* [s] MAP_INHERIT_* */
	uint32_t advice; /* [s] BSD_MADV_* */
	uint32_t wired; /* [s] wire count */
	uint32_t flags; /* [s] UVM_MI_F_* */
	uint32_t type; /* [s] UVM_MI_* */
	uint32_t swapped; /* [s] pages that are in swap only */
	uint64_t resident; /* [s] pages in memory */
	uint64_t anon; /* [s] of those, anon pages */
	char name[40]; /* [s] "stack", "heap", file name, ... or "" */
};

/* VM_UVM_PROCINFO: one process. */
struct uvm_procinfo {
	int32_t pid; /* [s] process */
	int32_t ppid; /* [s] parent */
	int32_t pgid; /* [s] process group */
	int32_t sid; /* [s] session */
	uint32_t uid; /* [s] effective user */
	uint32_t nthreads; /* [s] threads */
	int32_t hart; /* [s] where the main thread ran last */
	char state; /* [s] R run, S sleep, T stop, Z zombie, I new */
	int8_t nice; /* [s] of the thread that state is of */
	char pad[2]; /* [s] zero */
	uint64_t vsize; /* [s] bytes mapped */
	uint64_t rss; /* [s] pages resident */
	uint64_t utime_ns; /* [s] time in user mode */
	uint64_t stime_ns; /* [s] time in the kernel */
	uint64_t start_ns; /* [s] start, since boot */
	char comm[16]; /* [s] program name */
	char wmesg[16]; /* [s] what it sleeps for, or "" */
};

/* VM_UVM_RESOURCES: what must come back to where it was. */
struct uvm_resources {
	int64_t pool_items; /* [s] items out of all pools */
	int64_t pv_entries; /* [s] user mappings of managed pages */
	int64_t map_entries; /* [s] map entries, user and kernel */
	int64_t procs; /* [s] processes, zombies included */
	int64_t threads; /* [s] threads, kernel's included */
	int64_t files; /* [s] open files */
	int64_t anons; /* [s] anons in use */
	int64_t amaps; /* [s] amaps */
	int64_t objects; /* [s] uvm_objects */
};

/* swapctl(): commands, flags of a device, and what SWAP_STATS fills in. */
#define SWAP_ON      1
#define SWAP_OFF     2
#define SWAP_NSWAP   3
#define SWAP_STATS   4
#define SWAP_CTL     5
#define SWAP_DUMPDEV 7

#define SWF_INUSE    0x1
#define SWF_ENABLE   0x2
#define SWF_BUSY     0x4
#define SWF_FAKE     0x8

struct swapent {
	uint64_t se_dev; /* [s] device number */
	int32_t se_flags; /* [s] SWF_* */
	int32_t se_nblks; /* [s] size in 512-byte blocks */
	int32_t se_inuse; /* [s] of those, in use */
	int32_t se_priority; /* [s] lower is used first */
	char se_path[256]; /* [s] how it was named */
};

_Static_assert(sizeof(struct uvm_mapinfo) == 112, "user ABI");
_Static_assert(sizeof(struct uvm_procinfo) == 104, "user ABI");
_Static_assert(sizeof(struct uvm_resources) == 72, "user ABI");
_Static_assert(sizeof(struct vmtotal) == 56, "user ABI");
_Static_assert(sizeof(struct loadavg) == 24, "user ABI");
_Static_assert(sizeof(struct swapent) == 280, "user ABI");

#ifndef _KERNEL

#include <sys/types.h>
#include <unistd.h>

long syscall(long, ...);

/*
 * Read or write the system parameter with the given name.
 * => oldp NULL: *oldlenp receives the size needed
 * => 0, or -1 with errno ENOTDIR, EOPNOTSUPP, EPERM, ENOMEM, EINVAL, EFAULT
 */
static inline int
bsd_sysctl(const int *name, unsigned namelen, void *oldp, size_t *oldlenp,
    const void *newp, size_t newlen)
{
	return (int)syscall(SYS_bsd_sysctl, name, (unsigned long)namelen, oldp,
	    oldlenp, newp, newlen);
}

/*
 * Say what a child gets of a range: share, copy, nothing, zeroed memory.
 * => 0, or -1 with errno EINVAL
 */
static inline int
minherit(void *addr, size_t len, int inherit)
{
	return (int)syscall(SYS_minherit, addr, len, (long)inherit);
}

/*
 * Where would mmap() with these arguments go?  Maps nothing.
 * => the address, or (void *)-1 with errno EINVAL, ENOMEM, EBADF
 */
static inline void *
mquery(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(
	    SYS_mquery, addr, len, (long)prot, (long)flags, (long)fd, offset);
}

/*
 * Freeze mapping and protection of a range for the rest of the program.
 * => 0, or -1 with errno EINVAL, ENOMEM
 */
static inline int
mimmutable(void *addr, size_t len)
{
	return (int)syscall(SYS_mimmutable, addr, len);
}

/*
 * madvise() with BSD's numbers (BSD_MADV_*) and meaning.
 * => 0, or -1 with errno EINVAL, ENOMEM, EFAULT
 */
static inline int
bsd_madvise(void *addr, size_t len, int advice)
{
	return (int)syscall(SYS_bsd_madvise, addr, len, (long)advice);
}

/*
 * Add, remove, list swap devices: SWAP_*.
 * => as the command says, or -1 with errno
 */
static inline int
swapctl(int cmd, const void *arg, int misc)
{
	return (int)syscall(SYS_swapctl, (long)cmd, arg, (long)misc);
}

/*
 * Pass map entries from process `from' to process `to' (0: the caller).
 * => *dstp: hint in, address out; 0, or -1 with errno
 */
static inline int
mexpmove(
    pid_t from, const void *addr, size_t len, pid_t to, void **dstp, int flags)
{
	return (int)syscall(
	    SYS_mexpmove, (long)from, addr, len, (long)to, dstp, (long)flags);
}

#endif /* !_KERNEL */

#endif /* !_UVM_BSD_H */
