/*
 * The interface of UVM for everyone else: constants and functions of
 * uvm(9), OpenBSD 5.8's view (UVM-API.md parts 1 and 2).
 */
#ifndef _UVM_UVM_EXTERN_H_
#define _UVM_UVM_EXTERN_H_

#include <sys/param.h>
#include <sys/buf.h> /* B_READ, B_WRITE */
#include <sys/errno.h>
#include <sys/queue.h>
#include <sys/uvmexp.h>

struct buf;
struct core;
struct loadavg;
struct mount;
struct proc;
struct process;
struct ucred;
struct uio;
struct uvm_object;
struct vm_anon;
struct vm_map;
struct vm_page;
struct vmspace;
struct vnode;

/* -- Constants (2.1, 2.2) -------------------------------------------------- */

#define PROT_NONE          0x00
#define PROT_READ          0x01
#define PROT_WRITE         0x02
#define PROT_EXEC          0x04
#define PROT_MASK          0x07

#define MAP_INHERIT_SHARE  0x00
#define MAP_INHERIT_COPY   0x10
#define MAP_INHERIT_NONE   0x20
#define MAP_INHERIT_ZERO   0x30
#define MAP_INHERIT_MASK   0x30

#define MADV_NORMAL        0x0
#define MADV_RANDOM        0x1
#define MADV_SEQUENTIAL    0x2
#define MADV_MASK          0x7

#define UVM_PROT_MASK      0x07
#define UVM_PROT_NONE      0x00
#define UVM_PROT_ALL       0x07
#define UVM_PROT_READ      0x01
#define UVM_PROT_WRITE     0x02
#define UVM_PROT_EXEC      0x04
#define UVM_PROT_R         0x01
#define UVM_PROT_W         0x02
#define UVM_PROT_RW        0x03
#define UVM_PROT_X         0x04
#define UVM_PROT_RX        0x05
#define UVM_PROT_WX        0x06
#define UVM_PROT_RWX       0x07
#define UVM_INH_MASK       0x30
#define UVM_INH_SHARE      0x00
#define UVM_INH_COPY       0x10
#define UVM_INH_NONE       0x20
#define UVM_ADV_NORMAL     0x0
#define UVM_ADV_RANDOM     0x1
#define UVM_ADV_SEQUENTIAL 0x2
#define UVM_ADV_MASK       0x7

#define UVM_FLAG_FIXED     0x010000 /* map exactly at *startp (D11) */
#define UVM_FLAG_OVERLAY   0x020000 /* allocate the amap now */
#define UVM_FLAG_NOMERGE   0x040000 /* never merge with a neighbour */
#define UVM_FLAG_COPYONW   0x080000 /* copy on write */
#define UVM_FLAG_AMAPPAD   0x100000 /* pad the amap for growth */
#define UVM_FLAG_TRYLOCK   0x200000 /* EFAULT rather than sleep on the lock */
#define UVM_FLAG_HOLE      0x400000 /* reserve, no backing */
/* Internal, above what the manual names: */
#define UVM_FLAG_UNMAP     0x800000 /* with FIXED: replace what is there */
#define UVM_FLAG_STACK     0x1000000 /* stack: guard gap below */
#define UVM_FLAG_NOFAULT   0x2000000 /* kernel: wired by its owner, no faults */

#define UVM_KMF_NOWAIT     0x1 /* fail rather than wait for pages */
#define UVM_KMF_VALLOC     0x2 /* addresses only */
#define UVM_KMF_TRYLOCK    UVM_FLAG_TRYLOCK

#define UVM_PGA_USERESERVE 0x0001 /* may go below reserve_kernel */
#define UVM_PGA_ZERO       0x0002 /* zero-filled */

#define UVM_PLA_WAITOK     0x0001
#define UVM_PLA_NOWAIT     0x0002
#define UVM_PLA_ZERO       0x0004

#define UAO_FLAG_KERNOBJ   0x1
#define UAO_FLAG_KERNSWAP  0x2

#define UVM_UNKNOWN_OFFSET ((voff_t)-1)
#define UVM_LK_ENTER       1 /* caller holds the map lock */
#define UVM_LK_EXIT        2 /* leave it held */

#define VM_FAULT_INVALID   0
#define VM_FAULT_PROTECT   1
#define VM_FAULT_WIRE      2

#define MCL_CURRENT        1
#define MCL_FUTURE         2

/* Both forms of an inheritance, 0x00..0x30 and 0..3, are accepted (D2). */
#define UVM_INH_NORM(i) ((((i) | (((i)&3) << 4))) & MAP_INHERIT_MASK)
#define UVM_MAPFLAG(prot, maxprot, inh, advice, flags)              \
	((int)(((flags) & ~0xffff) | (((maxprot)&PROT_MASK) << 8) | \
	    ((prot)&PROT_MASK) | UVM_INH_NORM(inh) |                \
	    (((advice)&MADV_MASK) << 12)))
#define UVM_PROTECTION(f)    ((f)&PROT_MASK)
#define UVM_INHERIT(f)       ((f)&MAP_INHERIT_MASK)
#define UVM_MAXPROTECTION(f) (((f) >> 8) & PROT_MASK)
#define UVM_ADVICE(f)        (((f) >> 12) & MADV_MASK)

/* 2.3: fields of the flag word do not overlap */
CTASSERT((PROT_MASK & MAP_INHERIT_MASK) == 0);
CTASSERT((PROT_READ | PROT_WRITE | PROT_EXEC) == PROT_MASK);
CTASSERT(UVM_KMF_TRYLOCK == UVM_FLAG_TRYLOCK);
CTASSERT(UVM_PROT_X == PROT_EXEC && UVM_PROT_W == PROT_WRITE);
CTASSERT(UVM_INH_COPY == MAP_INHERIT_COPY && UVM_INH_NONE == MAP_INHERIT_NONE);
CTASSERT(UVM_ADV_SEQUENTIAL == MADV_SEQUENTIAL);

/* VM_MAP_*, flags of a map: uvm_map.h, included below. */

#ifndef VM_NFREELIST
#define VM_NFREELIST 2
#endif
#define VM_FREELIST_DEFAULT 0
#define VM_FREELIST_LAST    1 /* used when list 0 is empty */
#define VM_PHYSSEG_MAX      32

TAILQ_HEAD(pglist, vm_page);

/* -- Globals --------------------------------------------------------------- */

extern struct uvmexp uvmexp; /* parameters; counters as of uvmexp_collect() */
extern struct vm_map *kernel_map; /* set once by uvm_init */

/*
 * Address space of a process.
 * Locks used to protect members:
 *	I	immutable after exec
 *	a	atomic
 *	v	vm_map's lock
 *	b	vm_brklock; exec writes alone
 */
#include <uvm/uvm_map.h>
struct vmspace {
	struct vm_map vm_map; /* [v] */
	int vm_refcnt; /* [a] */
	vsize_t vm_tsize, vm_dsize; /* [v] text, data; pages */
	vsize_t vm_ssize; /* [v] stack in use, pages (uvm_grow) */
	vaddr_t vm_taddr, vm_daddr; /* [I] */
	vaddr_t vm_maxsaddr; /* [I] lowest address of the stack region */
	vaddr_t vm_minsaddr; /* [I] highest */
	struct rwlock vm_brklock; /* LR_PROCESS */
	vaddr_t vm_brkbase, vm_brk; /* [b] start and end of brk memory */
	vaddr_t vm_sigcode; /* [I] trampoline page, 0: none */
	vaddr_t vm_argaddr; /* [I] text of the arguments */
	vsize_t vm_arglen; /* [I] its bytes; 0: none */
	vaddr_t vm_auxaddr; /* [I] auxiliary vector */
	vsize_t vm_auxlen; /* [I] its bytes; 0: none */
};

/* -- Initialisation (1.2) -------------------------------------------------- */
void uvm_init(void);
void uvm_init_limits(struct proc *p);
void uvm_setpagesize(void);
void uvm_swap_init(void);

/* -- Address spaces (1.3) --------------------------------------------------- */
int
uvm_map(vm_map_t map, vaddr_t *startp, vsize_t size, struct uvm_object *uobj,
    voff_t uoffset, vsize_t alignment, uvm_flag_t flags);
int uvm_map_pageable(vm_map_t map, vaddr_t start, vaddr_t end,
    boolean_t new_pageable, int lockflags);
int uvm_map_pageable_all(vm_map_t map, int flags, vsize_t limit);
boolean_t uvm_map_checkprot(
    vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t protection);
int uvm_map_protect(vm_map_t map, vaddr_t start, vaddr_t end,
    vm_prot_t new_prot, boolean_t set_max);
int uvm_deallocate(vm_map_t map, vaddr_t start, vsize_t size);
struct vmspace *uvmspace_alloc(
    vaddr_t min, vaddr_t max, boolean_t pageable, boolean_t remove_holes);
void uvmspace_exec(struct proc *p, vaddr_t start, vaddr_t end);
struct vmspace *uvmspace_fork(struct process *pr);
struct vmspace *uvmspace_fork_vm(struct vmspace *vm);
void uvmspace_free(struct vmspace *vm);
struct vmspace *uvmspace_share(struct process *pr);
void uvmspace_unshare(struct proc *p);
vaddr_t uvm_uarea_alloc(void);
void uvm_uarea_free(struct proc *p);

/* -- Faults (1.4) ----------------------------------------------------------- */
int uvm_fault(vm_map_t orig_map, vaddr_t vaddr, vm_fault_t fault_type,
    vm_prot_t access_type);

/* -- Files (1.5); more for file systems in uvm_vnode.h ----------------------- */
struct uvm_object *uvn_attach(struct vnode *vp, vm_prot_t accessprot);
void uvm_vnp_setsize(struct vnode *vp, voff_t newsize);
void uvm_vnp_sync(struct mount *mp);
void uvm_vnp_terminate(struct vnode *vp);
boolean_t uvm_vnp_uncache(struct vnode *vp);

/* -- Virtual memory I/O (1.6) ------------------------------------------------ */
int uvm_io(vm_map_t map, struct uio *uio);

/* -- Kernel memory (1.7) ----------------------------------------------------- */
vaddr_t
uvm_km_alloc1(vm_map_t map, vsize_t size, vsize_t align, boolean_t zeroit);
vaddr_t uvm_km_alloc(vm_map_t map, vsize_t size);
vaddr_t uvm_km_zalloc(vm_map_t map, vsize_t size);
#define uvm_km_alloc(map, size)  uvm_km_alloc1((map), (size), 0, FALSE)
#define uvm_km_zalloc(map, size) uvm_km_alloc1((map), (size), 0, TRUE)
vaddr_t
uvm_km_kmemalloc(vm_map_t map, struct uvm_object *obj, vsize_t size, int flags);
vaddr_t uvm_km_valloc(vm_map_t map, vsize_t size);
vaddr_t uvm_km_valloc_wait(vm_map_t map, vsize_t size);
struct vm_map *uvm_km_suballoc(vm_map_t map, vaddr_t *min, vaddr_t *max,
    vsize_t size, int flags, boolean_t fixed, vm_map_t submap);
void uvm_km_free(vm_map_t map, vaddr_t addr, vsize_t size);
void uvm_km_free_wakeup(vm_map_t map, vaddr_t addr, vsize_t size);
/* NetBSD 7's typed allocator under uvm/netbsd_km.h; flags in that domain */
vaddr_t
uvm_km_alloc_typed(vm_map_t map, vsize_t size, vsize_t align, uvm_flag_t flags);
void
uvm_km_free_typed(vm_map_t map, vaddr_t addr, vsize_t size, uvm_flag_t type);

/* -- Physical memory (1.8) --------------------------------------------------- */
struct vm_page *uvm_pagealloc(
    struct uvm_object *uobj, voff_t off, struct vm_anon *anon, int flags);
void
uvm_pagerealloc(struct vm_page *pg, struct uvm_object *newobj, voff_t newoff);
void uvm_pagefree(struct vm_page *pg);
int uvm_pglistalloc(psize_t size, paddr_t low, paddr_t high, paddr_t alignment,
    paddr_t boundary, struct pglist *rlist, int nsegs, int flags);
void uvm_pglistfree(struct pglist *list);
void uvm_page_physload(paddr_t start, paddr_t end, paddr_t avail_start,
    paddr_t avail_end, int free_list);

/* -- Daemon and swapper (1.9) -------------------------------------------------- */
void uvm_pageout(void *arg);
void uvm_scheduler(void);
void uvm_swapin(struct proc *p);
/* => sleep for memory; wakes the daemon; not for the daemon itself */
void uvm_wait(const char *wmesg);
/* => the same; TRUE: the process is being killed, asking again is no use */
bool uvm_wait_killed(const char *wmesg);

/* -- Anonymous objects (1.10) --------------------------------------------------- */
struct uvm_object *uao_create(vsize_t size, int flags);
void uao_reference(struct uvm_object *uobj);
void uao_detach(struct uvm_object *uobj);

/* -- Miscellaneous (1.11) --------------------------------------------------------- */
#ifdef KGDB
boolean_t uvm_chgkprot(caddr_t addr, size_t len, int rw);
#endif
boolean_t uvm_kernacc(caddr_t addr, size_t len, int rw);
boolean_t uvm_useracc(caddr_t addr, size_t len, int rw);
int uvm_vslock(struct proc *p, caddr_t addr, size_t len, vm_prot_t access_type);
void uvm_vsunlock(struct proc *p, caddr_t addr, size_t len);
/*
 * Pages of p for a device's transfer (uvm_physio.c): they keep their place in
 * memory and the process until uvm_vsrelease(), whatever is unmapped.
 * => the range has been uvm_vslock()ed for `access'; page-aligned, npages
 * => 0: pgs filled in, each busy; EAGAIN: not now, or not these pages: nothing
 *    held, the caller copies
 */
int uvm_vshold(struct proc *p, vaddr_t va, size_t npages, vm_prot_t access,
    struct vm_page **pgs);
/* => `access' with PROT_WRITE: the contents changed; may sleep */
void uvm_vsrelease(struct vm_page **pgs, size_t npages, vm_prot_t access);
void uvm_meter(void);
int uvm_sysctl(int *name, u_int namelen, void *oldp, size_t *oldlenp,
    void *newp, size_t newlen, struct proc *p);
void uvm_fork(struct proc *p1, struct proc *p2, boolean_t shared, void *stack,
    size_t stacksize, void (*func)(void *arg), void *arg);
int uvm_grow(struct proc *p, vaddr_t sp);
int uvm_coredump(
    struct proc *p, struct vnode *vp, struct ucred *cred, struct core *chdr);

/* -- Map layer (6.1) ----------------------------------------------------------------- */
void uvm_unmap(vm_map_t map, vaddr_t start, vaddr_t end);
boolean_t
uvm_map_lookup_entry(vm_map_t map, vaddr_t va, struct vm_map_entry **entryp);
int
uvm_map_inherit(vm_map_t map, vaddr_t start, vaddr_t end, vm_inherit_t inherit);
int uvm_map_advice(vm_map_t map, vaddr_t start, vaddr_t end, int advice);
int uvm_map_clean(vm_map_t map, vaddr_t start, vaddr_t end, int pgo);
int uvm_map_extract(vm_map_t src, vaddr_t start, vsize_t len, vm_map_t dst,
    vaddr_t *dstaddrp, int flags);
int uvm_map_submap(vm_map_t map, vaddr_t start, vaddr_t end, vm_map_t submap);
/* => no more changes to the range's entries (mimmutable) */
int uvm_map_immutable(vm_map_t map, vaddr_t start, vaddr_t end);
#define UVM_EXTRACT_REMOVE  1
#define UVM_EXTRACT_CONTIG  2
#define UVM_EXTRACT_QREF    4
#define UVM_EXTRACT_FIXPROT 8

/* -- Counters (part 3) ------------------------------------------------------------------ */
/* => folds every hart's share into the global uvmexp; any thread context */
void uvmexp_collect(void);
/* => pages on free lists, exact unless another hart allocates; any context */
long uvm_free_count(void);

/* -- Hooks of other parts into UVM --------------------------------------------------------- */
/* => idle loop, interrupts on; zeroes free pages until work appears */
void uvm_pageidlezero(void);
/* => start the page daemon and the swapper's threads; once, from main */
void uvm_start_daemons(void);
/* => a hart is about to run: allocates ci->ci_uvm */
void uvm_cpu_prepare(struct cpu_info *ci);
/*
 * Memory and swap are gone: choose and kill the largest process, log why.
 * => thread context, no locks (kern/kern_oom.c); FALSE: nobody may be killed;
 *    TRUE: a victim is dying, or there may be one when asked again
 */
bool oom_kill(void);

#endif
