/*
 * Accesses of the simulated machine: user programs' loads and stores, the
 * kernel's copies from and to them, and the kernel's own addresses outside the
 * direct map, which become views of RAM in the host's address space.
 */
#include <tests/sim/host/machine.h>
#include <pmap/pmap.h>
#include <pmap/sv39/pte.h>
#include <uvm/uvm.h>

#define FAULTS_MAX 10000 /* of one access; an adversary needs less */

static const vm_prot_t access_prot[] = { [MMU_LOAD] = PROT_READ,
	[MMU_STORE] = PROT_WRITE,
	[MMU_FETCH] = PROT_EXEC };

static void __dead
wrong(vaddr_t va, enum mmu_access access, const char *what, u_long value)
{
	static const char *const name[] = { "load", "store", "fetch" };

	if (sim_fail_hook != NULL)
		sim_fail_hook();
#ifndef PMAP_REF
	mmu_history(va);
#endif
	sim_fail("%s at %#lx by thread %d on hart %u %s %#lx", name[access], va,
	    curproc->p_tid, sim_cur, what, value);
}

/* -- Translation ---------------------------------------------------------------- */

#ifdef PMAP_REF
bool
sim_translate(vaddr_t va, enum mmu_access access, bool user, paddr_t *pap)
{
	struct pmap *pm = user && (curproc->p_flag & P_KTHREAD) == 0
	    ? vm_map_pmap(&curproc->p_vmspace->vm_map)
	    : pmap_kernel();

	SIM_POINT();
	return pmap_ref_access(pm, va, access_prot[access], user, pap) == 0;
}

/* The reference pmap has one outcome for each access. */
static bool
check_outcomes(vaddr_t va, enum mmu_access access, sim_check_fn *check,
    void *arg, paddr_t pa)
{
	return check == NULL || check(arg, *(uint64_t *)sim_ram(pa));
}
#else
/* Harts speculate at any time, idle ones too. */
static void
speculate(void)
{
	mmu_speculate();
	if (ncpus > 1)
		mmu_speculate_hart((u_int)sim_below(ncpus));
}

/* Pages that are just losing "modified": the call has not returned yet. */
struct clearing {
	struct vm_page **cl_pages;
	unsigned cl_n;
	struct clearing *cl_next;
};
static struct clearing *clearing;

boolean_t pmap_hw_clear_modify(struct vm_page *pg);
void pmap_hw_pages_clear_modify(struct vm_page **pgs, unsigned n);

static void
clearing_begin(struct clearing *cl, struct vm_page **pgs, unsigned n)
{
	*cl = (struct clearing){ pgs, n, clearing };
	clearing = cl;
}

static void
clearing_end(struct clearing *cl)
{
	struct clearing **clp;

	for (clp = &clearing; *clp != cl;)
		clp = &(*clp)->cl_next;
	*clp = cl->cl_next;
}

boolean_t
pmap_clear_modify(struct vm_page *pg)
{
	struct clearing cl;
	boolean_t was;

	clearing_begin(&cl, &pg, 1);
	was = pmap_hw_clear_modify(pg);
	clearing_end(&cl);
	return was;
}

void
pmap_pages_clear_modify(struct vm_page **pgs, unsigned n)
{
	struct clearing cl;

	clearing_begin(&cl, pgs, n);
	pmap_hw_pages_clear_modify(pgs, n);
	clearing_end(&cl);
}

static bool
is_clearing(const struct vm_page *pg)
{
	for (struct clearing *cl = clearing; cl != NULL; cl = cl->cl_next)
		for (unsigned i = 0; i < cl->cl_n; i++)
			if (cl->cl_pages[i] == pg)
				return true;
	return false;
}

/*
 * Is the page that is just stored to a modified one?  A hart that keeps D does
 * not set it again.
 * => TRUE too while somebody is about to change what the pmap knows
 */
static bool
store_noted(const struct mmu_outcome *mo)
{
	struct vm_page *pg = PHYS_TO_VM_PAGE(mo->mo_pa);
	bool noted;

	if ((mo->mo_set & PTE_D) != 0 || pg == NULL ||
	    *(uint64_t *)sim_ram(mo->mo_entry_pa) == mo->mo_entry)
		return true;
	if ((pg->mdpage.md_attr & PVA_LOCK) != 0 || is_clearing(pg) ||
	    curcpu()->ci_curpmap->pm_mtx.mtx_locked != 0)
		return true;
	sim_atomic_enter();
	noted = pmap_is_modified(pg);
	sim_atomic_leave();
	return noted;
}

bool
sim_translate(vaddr_t va, enum mmu_access access, bool user, paddr_t *pap)
{
	struct mmu_outcome mo;

	SIM_POINT();
	if (sim_chance(sim_config.speculate))
		speculate();
	mo = mmu_access(va, access, user);
	if (user && access == MMU_STORE && !mo.mo_fault && !store_noted(&mo))
		wrong(va, access, "leaves no trace in the page at", mo.mo_pa);
	*pap = mo.mo_pa;
	return !mo.mo_fault;
}

/*
 * Is each outcome right that an MMU may give now, not only the one it gave?  A
 * store may go to one page only.
 */
static bool
check_outcomes(vaddr_t va, enum mmu_access access, sim_check_fn *check,
    void *arg, paddr_t pa)
{
	struct mmu_outcome mo[MMU_OUTCOMES_MAX];
	unsigned n = mmu_outcomes(va, access, true, mo);
	bool ok = true;

	if (check != NULL)
		ok = check(arg, *(uint64_t *)sim_ram(pa));
	for (unsigned i = 0; ok && i < n; i++) {
		if (mo[i].mo_fault || mo[i].mo_pa == pa)
			continue;
		ok = access != MMU_STORE && check != NULL &&
		    check(arg, *(uint64_t *)sim_ram(mo[i].mo_pa));
	}
	if (access == MMU_FETCH && ok && !mmu_fetch_coherent(pa))
		ok = check != NULL && check(arg, SIM_STALE);
	return ok;
}
#endif

/* Instruction fetch may still see what was there before. */
static void
written(const void *dst, size_t n)
{
#ifndef PMAP_REF
	if (n > 0 && VA_IS_DMAP(dst))
		mmu_written(DMAP_TO_PHYS(dst), n);
#endif
}

/*
 * What the trap code does with a page fault (arch/riscv/trap.c).
 * => 0: access again
 */
static int
fault(struct proc *p, vaddr_t va, vm_prot_t access)
{
	struct vmspace *vm = p->p_vmspace;
	vaddr_t page = trunc_page(va);

	if (va >= VM_MAXUSER_ADDRESS)
		return EFAULT;
	UVMCNT_INC(traps);
	if (pmap_fault(vm_map_pmap(&vm->vm_map), page, access))
		return 0;
	if (va >= vm->vm_maxsaddr && va < vm->vm_minsaddr && !uvm_grow(p, va))
		return EFAULT;
	return uvm_fault(&vm->vm_map, page, VM_FAULT_INVALID, access);
}

/*
 * One more fault of the same access.  Other threads may take back what a fault
 * has got, but not that often.
 */
static void
faults_again(vaddr_t va, enum mmu_access access, u_int *count)
{
	if (++*count > FAULTS_MAX)
		wrong(va, access, "faults for ever", 0);
}

/* => user address translated, in this instant; or errno */
static int
user_translate(vaddr_t va, enum mmu_access access, paddr_t *pap)
{
	u_int count = 0;
	int error = 0;

	while (error == 0 && !sim_translate(va, access, true, pap)) {
		faults_again(va, access, &count);
		error = fault(curproc, va, access_prot[access]);
	}
	return error;
}

/* A program in user mode is where the kernel lets others run. */
static void
user_mode(void)
{
	KASSERT(curcpu()->ci_mtxdepth == 0 && intr_enabled());
	if (curcpu()->ci_resched)
		preempt();
}

static int
load(vaddr_t va, enum mmu_access access, sim_check_fn *check, void *arg)
{
	paddr_t pa;
	int error;

	user_mode();
	error = user_translate(va, access, &pa);
	if (error == 0 && !check_outcomes(va, access, check, arg, pa))
		wrong(va, access, "may give", *(u_long *)sim_ram(pa));
	sim_trace_mix(va + (u_long)error);
	return error;
}

int
sim_load(vaddr_t va, sim_check_fn *check, void *arg)
{
	return load(va, MMU_LOAD, check, arg);
}

int
sim_fetch(vaddr_t va, sim_check_fn *check, void *arg)
{
	return load(va, MMU_FETCH, check, arg);
}

int
sim_store(vaddr_t va, uint64_t value, void (*stored)(void *), void *arg)
{
	paddr_t pa;
	int error;

	user_mode();
	error = user_translate(va, MMU_STORE, &pa);
	sim_trace_mix(va ^ value);
	if (error != 0)
		return error;
	if (!check_outcomes(va, MMU_STORE, NULL, NULL, pa))
		wrong(va, MMU_STORE, "may also go elsewhere than", pa);
	*(uint64_t *)sim_ram(pa) = value;
	written(sim_ram(pa), sizeof(value));
	if (stored != NULL)
		stored(arg);
	return 0;
}

/* -- Copies --------------------------------------------------------------------- */

static bool kernel_translate(vaddr_t va, enum mmu_access access, paddr_t *pap);

static bool
is_paged(vaddr_t va)
{
	return va - KVA_BASE < KVA_SIZE;
}

/* => where the host has what is at va, a user's or not; NULL: nowhere */
static void *
place(vaddr_t va, bool user, enum mmu_access access)
{
	paddr_t pa;

	if (!user && !is_paged(va))
		return (void *)va;
	if (user ? user_translate(va, access, &pa) != 0
		 : !kernel_translate(va, access, &pa))
		return NULL;
	return sim_ram(pa);
}

/*
 * Either side may fault, for good too: what was loaded is in registers while
 * others run.
 * => 0 or EFAULT
 */
static int
copy_faulting(vaddr_t src, bool srcuser, vaddr_t dst, bool dstuser, size_t len)
{
	char registers[64];
	size_t n;
	void *p;

	for (; len > 0; src += n, dst += n, len -= n) {
		n = MIN(MIN(len, sizeof(registers)),
		    PAGE_SIZE - MAX(src & PAGE_MASK, dst & PAGE_MASK));
		p = place(src, srcuser, MMU_LOAD);
		if (p == NULL)
			return EFAULT;
		memcpy(registers, p, n);
		p = place(dst, dstuser, MMU_STORE);
		if (p == NULL)
			return EFAULT;
		memcpy(p, registers, n);
	}
	return 0;
}

int
kcopy(const void *src, void *dst, size_t len)
{
	if (is_paged((vaddr_t)src) || is_paged((vaddr_t)dst))
		return copy_faulting(
		    (vaddr_t)src, false, (vaddr_t)dst, false, len);
	memcpy(dst, src, len);
	return 0;
}

/* => 0 or EFAULT; a page at a time */
static int
copy_user(vaddr_t va, char *kaddr, size_t len, bool out)
{
	paddr_t pa;
	size_t n;

	KASSERT(curcpu()->ci_mtxdepth == 0);
	if (is_paged((vaddr_t)kaddr))
		return out
		    ? copy_faulting((vaddr_t)kaddr, false, va, true, len)
		    : copy_faulting(va, true, (vaddr_t)kaddr, false, len);
	for (; len > 0; va += n, kaddr += n, len -= n) {
		n = MIN(len, PAGE_SIZE - (va & PAGE_MASK));
		if (user_translate(va, out ? MMU_STORE : MMU_LOAD, &pa) != 0)
			return EFAULT;
		if (out)
			memcpy(sim_ram(pa), kaddr, n);
		else
			memcpy(kaddr, sim_ram(pa), n);
	}
	return 0;
}

int
copyin(const void *uaddr, void *kaddr, size_t len)
{
	return copy_user((vaddr_t)uaddr, kaddr, len, false);
}

int
copyout(const void *kaddr, void *uaddr, size_t len)
{
	return copy_user((vaddr_t)uaddr, (char *)(uintptr_t)kaddr, len, true);
}

size_t
copyout_pages(void *const kaddr[], size_t n, void *uaddr)
{
	pmap_t pmap = vm_map_pmap(&curproc->p_vmspace->vm_map);
	vaddr_t va = (vaddr_t)uaddr, end = va + ptoa(n), at = va;
	size_t len, done;
	paddr_t pa;

	if (end > VM_MAXUSER_ADDRESS)
		return 0;
	for (; at < end; at += len) {
		done = at - va;
		len = MIN(PAGE_SIZE - (at & PAGE_MASK),
		    PAGE_SIZE - (done & PAGE_MASK));
		while (!sim_translate(at, MMU_STORE, true, &pa))
			if (!pmap_fault(pmap, trunc_page(at), PROT_WRITE))
				return atop(done);
		memcpy(sim_ram(pa),
		    (char *)kaddr[atop(done)] + (done & PAGE_MASK), len);
	}
	return n;
}

int
copyinstr(const void *uaddr, void *kaddr, size_t len, size_t *lenp)
{
	char *p = kaddr;

	for (size_t i = 0; i < len; i++) {
		if (copyin((const char *)uaddr + i, p + i, 1) != 0)
			return EFAULT;
		if (p[i] != '\0')
			continue;
		if (lenp != NULL)
			*lenp = i + 1;
		return 0;
	}
	return ENAMETOOLONG;
}

int
copyin32(const uint32_t *uaddr, uint32_t *kaddr)
{
	return copyin(uaddr, kaddr, sizeof(*kaddr));
}

int
copyout32(uint32_t value, uint32_t *uaddr)
{
	return copyout(&value, uaddr, sizeof(value));
}

int
ucas32(uint32_t *uaddr, uint32_t *old, uint32_t new)
{
	uint32_t *p;
	paddr_t pa;

	if (user_translate((vaddr_t)uaddr, MMU_STORE, &pa) != 0)
		return EFAULT;
	p = sim_ram(pa);
	if (*p == *old)
		*p = new;
	else
		*old = *p;
	return 0;
}

/* -- The kernel's addresses -------------------------------------------------------- */

/* Pages of the kernel arena that the host shows, a bit each. */
static uint64_t aliases[KVA_SIZE / PAGE_SIZE / 64];
static u_int naliases;

void
sim_kva_forget(vaddr_t va, vsize_t size)
{
	u_long i, end;

	if (naliases == 0 || va >= KVA_BASE + KVA_SIZE || va + size <= KVA_BASE)
		return;
	i = va > KVA_BASE ? atop(va - KVA_BASE) : 0;
	end = MIN(atop(KVA_SIZE), atop(va + size - KVA_BASE));
	for (; i < end && naliases > 0; i++) {
		if (aliases[i / 64] == 0) {
			i |= 63;
			continue;
		}
		if ((aliases[i / 64] >> i % 64 & 1) == 0)
			continue;
		aliases[i / 64] &= ~(1UL << i % 64);
		naliases--;
		host_unalias(KVA_BASE + ptoa(i), PAGE_SIZE);
	}
}

/* => FALSE: no such address, or no place for a fault */
static bool
kernel_translate(vaddr_t va, enum mmu_access access, paddr_t *pap)
{
	vaddr_t page = trunc_page(va);
	u_int count = 0;

	while (!sim_translate(va, access, false, pap)) {
		faults_again(va, access, &count);
		if (pmap_fault(pmap_kernel(), page, access_prot[access]))
			continue;
		if (!intr_enabled() || curcpu()->ci_intrdepth != 0 || cold)
			return false;
		if (uvm_fault(kernel_map, page, VM_FAULT_INVALID,
			access_prot[access]) != 0)
			return false;
	}
	return true;
}

/*
 * An access of the kernel outside the direct map.
 * => called on the stack of the thread, which goes on when it returns TRUE
 */
bool
sim_host_fault(uint64_t va, bool write)
{
	vaddr_t page = trunc_page(va);
	u_long i = atop(page - KVA_BASE);
	paddr_t pa;

	/* which one comes first is the compiler's choice: it must not matter */
	sim_trace_mix(page + write);
	if (!kernel_translate(va, write ? MMU_STORE : MMU_LOAD, &pa))
		return false;
	host_alias(page, PHYS_TO_DMAP(trunc_page(pa)), write);
	if ((aliases[i / 64] >> i % 64 & 1) == 0) {
		aliases[i / 64] |= 1UL << i % 64;
		naliases++;
	}
	return true;
}

/* => the word can be read and written, until something switches */
void
sim_kva_touch(volatile void *p)
{
	(void)__atomic_fetch_or(
	    (volatile unsigned char *)p, 0, __ATOMIC_RELAXED);
}

u_long
sim_kload(vaddr_t va)
{
	paddr_t pa;

	if (!kernel_translate(va, MMU_LOAD, &pa))
		wrong(va, MMU_LOAD, "faults in the kernel", 0);
	return *(u_long *)sim_ram(pa);
}

void
sim_kstore(vaddr_t va, u_long value)
{
	paddr_t pa;

	if (!kernel_translate(va, MMU_STORE, &pa))
		wrong(va, MMU_STORE, "faults in the kernel", 0);
	*(u_long *)sim_ram(pa) = value;
	written(sim_ram(pa), sizeof(value));
}

/* => host address of a kernel address that may be accessed now, or NULL */
static char *
nofault_page(vaddr_t va, enum mmu_access access)
{
	paddr_t pa;

	if (va < KDMAP_BASE || va >= KVA_BASE + KVA_SIZE)
		return va < VM_MAXUSER_ADDRESS ? NULL : (char *)va;
	while (!sim_translate(va, access, false, &pa))
		if (!pmap_fault(
			pmap_kernel(), trunc_page(va), access_prot[access]))
			return NULL;
	return sim_ram(pa);
}

int
kcopy_nofault(const void *src, void *dst, size_t len)
{
	vaddr_t s = (vaddr_t)src, d = (vaddr_t)dst;
	char *from, *to;

	for (; len > 0; s++, d++, len--) {
		from = nofault_page(s, MMU_LOAD);
		to = nofault_page(d, MMU_STORE);
		if (from == NULL || to == NULL)
			return EFAULT;
		*to = *from;
	}
	return 0;
}

/* -- What the kernel writes ----------------------------------------------------- */

void *string_memset(void *dst, int c, size_t n);
void *string_memcpy(void *restrict dst, const void *restrict src, size_t n);

void *
memset(void *dst, int c, size_t n)
{
	written(dst, n);
	if (trunc_page((vaddr_t)dst) == sim_harts[sim_cur].h_idlezero)
		return dst;
	return string_memset(dst, c, n);
}

void *
memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	written(dst, n);
	return string_memcpy(dst, src, n);
}

/* -- Zeros --------------------------------------------------------------------------- */

/* The pmap's own, which are built under these names. */
void pmap_hw_zero_page(struct vm_page *pg);
boolean_t pmap_hw_pageidlezero(struct vm_page *pg);

/* It may be unrolled stores: the MMU learns of them here. */
void
pmap_zero_page(struct vm_page *pg)
{
	written((void *)VM_PAGE_TO_DMAP(pg), PAGE_SIZE);
	pmap_hw_zero_page(pg);
}

/* Everything happens but stores of zeros to what is zero. */
boolean_t
pmap_pageidlezero(struct vm_page *pg)
{
	struct sim_hart *h = &sim_harts[sim_cur];
	vaddr_t va = VM_PAGE_TO_DMAP(pg);
	boolean_t done;

	h->h_idlezero = host_touched_now(va) ? 0 : va;
	done = pmap_hw_pageidlezero(pg);
	h->h_idlezero = 0;
	return done;
}

bool
sim_untouched(const struct vm_page *pg)
{
	return !host_touched(VM_PAGE_TO_DMAP(pg));
}

void
sim_untouched_look(void)
{
	host_touched_look();
}

#ifndef PMAP_REF
void
sim_page_freed(struct vm_page_md *md)
{
	mmu_check_unreachable(
	    VM_PAGE_TO_PHYS(container_of(md, struct vm_page, mdpage)));
}
#endif
