/*
 * The reference pmap: pmap(9) in the plainest way that is right, to compare
 * others with and to run UVM over on the host.
 *
 * There are no tables and no cached translations.  A mapping is an item, found
 * by hash from pmap and address, from its pmap, and from its page.  One lock
 * covers all of it.  What an access would do is looked up in the same place
 * (pmap_ref_access()), so every change is seen by every hart at once.  At each
 * point where another simulated hart may go on, the hash is the truth.
 *
 * pmap_kenter_pa() may not need memory: its mappings are a plain array, one
 * word for each page of kernel virtual memory.
 *
 * The contract lets a pmap forget unwired mappings when asked to save memory;
 * this one does, so that nobody relies on the contrary (pmap_collect()).
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <uvm/uvm.h>
#include <pmap/pmap.h>
#include <pmap/pmap_audit.h>
#include <lib/sort.h>

/*
 * Locks used to protect members:
 *	p	ref_mtx
 *	I	immutable while it is in the hash
 */
struct ref_mapping {
	LIST_ENTRY(ref_mapping) rm_hash; /* [p] */
	LIST_ENTRY(ref_mapping) rm_of_pmap; /* [p] */
	LIST_ENTRY(ref_mapping) rm_of_page; /* [p] if managed */
	struct pmap *rm_pmap; /* [I] */
	vaddr_t rm_va; /* [I] */
	paddr_t rm_pa; /* [I] page-aligned */
	struct vm_page *rm_page; /* [I] NULL: unmanaged */
	vm_prot_t rm_prot; /* [p] not NONE; write implies read */
	bool rm_wired; /* [p] */
};

#define REF_BUCKETS 16384 /* a power of two */
#define KVA_PAGES \
	((VM_MAX_KERNEL_ADDRESS - VM_MIN_KERNEL_ADDRESS) >> PAGE_SHIFT)

bool pmap_ref_emulate;

static struct mutex ref_mtx = MUTEX_INITIALIZER(LR_PMAP, "refpmap");
static struct ref_mappings ref_hash[REF_BUCKETS]; /* [p] */
static long ref_managed; /* [p] managed mappings */
static struct pmap ref_kernel_pmap;
/* pmap_kenter_pa()'s mappings: physical address and rights, 0: none. [p] */
static paddr_t ref_kentered[KVA_PAGES];
static size_t ref_kentered_top; /* [p] none from there on */
static struct pool ref_pmap_pool, ref_mapping_pool;
static paddr_t ref_zero_pa; /* [set once] */
static void (*ref_kernel_reduced)(vaddr_t, vsize_t); /* [set once] */

/* -- Start-up ---------------------------------------------------------------- */

struct pmap *
pmap_kernel(void)
{
	return &ref_kernel_pmap;
}

static bool
is_user(const struct pmap *pm)
{
	return pm != &ref_kernel_pmap;
}

void
pmap_ref_bootstrap(paddr_t zero, void (*kernel_reduced)(vaddr_t, vsize_t))
{
	ref_zero_pa = zero;
	ref_kernel_reduced = kernel_reduced;
	ref_kernel_pmap.pm_refs = 1;
	curcpu()->ci_curpmap = pmap_kernel();
}

void
pmap_init(void)
{
	pool_init(&ref_pmap_pool, sizeof(struct pmap), 0, "refpmap");
	pool_init(&ref_mapping_pool, sizeof(struct ref_mapping), 0,
	    "refpmap mapping");
}

void
pmap_virtual_space(vaddr_t *start, vaddr_t *end)
{
	*start = VM_MIN_KERNEL_ADDRESS;
	*end = VM_MAX_KERNEL_ADDRESS;
}

vaddr_t
pmap_steal_memory(vsize_t size, vaddr_t *start, vaddr_t *end)
{
	vaddr_t va;

	size = round_page(size);
	for (int i = 0; i < vm_nphysseg; i++) {
		if (vm_physmem[i].avail_end - vm_physmem[i].avail_start < size)
			continue;
		va = PHYS_TO_DMAP(vm_physmem[i].avail_start);
		vm_physmem[i].avail_start += size;
		memset((void *)va, 0, size);
		if (start != NULL && end != NULL)
			pmap_virtual_space(start, end);
		return va;
	}
	panic("pmap_steal_memory: no segment has %lu KiB left", size >> 10);
}

/* -- Mappings ------------------------------------------------------------------ */

static struct ref_mappings *
bucket(const struct pmap *pm, vaddr_t va)
{
	uint64_t key = ((vaddr_t)pm >> 4) * 0x9e3779b97f4a7c15UL + atop(va);

	return &ref_hash[(key * 0xbf58476d1ce4e5b9UL) >> 32 &
	    (REF_BUCKETS - 1)];
}

/* The mapping of the page va lies in, or NULL; no kenter'ed ones. */
static struct ref_mapping *
find(const struct pmap *pm, vaddr_t va)
{
	struct ref_mapping *rm;

	va = trunc_page(va);
	LIST_FOREACH (rm, bucket(pm, va), rm_hash)
		if (rm->rm_pmap == pm && rm->rm_va == va)
			break;
	return rm;
}

/* The word of a kenter'ed mapping, or NULL: no address for one. */
static paddr_t *
kentered(const struct pmap *pm, vaddr_t va)
{
	if (is_user(pm) || va < VM_MIN_KERNEL_ADDRESS ||
	    va >= VM_MAX_KERNEL_ADDRESS)
		return NULL;
	return &ref_kentered[atop(va - VM_MIN_KERNEL_ADDRESS)];
}

/*
 * => TRUE: va is mapped, by whatever means; its page and rights
 */
static bool
translate(const struct pmap *pm, vaddr_t va, paddr_t *pap, vm_prot_t *protp)
{
	const struct ref_mapping *rm = find(pm, va);
	const paddr_t *word = kentered(pm, va);

	if (rm != NULL) {
		*pap = rm->rm_pa;
		*protp = rm->rm_prot;
	} else if (word != NULL && *word != 0) {
		*pap = trunc_page(*word);
		*protp = (vm_prot_t)(*word & PROT_MASK);
	} else if (!is_user(pm) && VA_IS_DMAP(va)) {
		*pap = trunc_page(DMAP_TO_PHYS(va));
		*protp = PROT_READ | PROT_WRITE;
	} else
		return false;
	return true;
}

/* What vm_page_md_first_at() and vm_page_md_ismapped() look at. */
static void
note_first(struct vm_page *pg)
{
	const struct ref_mapping *first = LIST_FIRST(&pg->mdpage.md_mappings);

	atomic_store(&pg->mdpage.md_va, first != NULL ? first->rm_va : 0);
	atomic_store(
	    &pg->mdpage.md_pmap, first != NULL ? first->rm_pmap : NULL);
}

static void
set_wired(struct ref_mapping *rm, bool wired)
{
	if (rm->rm_wired != wired)
		atomic_add(&rm->rm_pmap->pm_wired, wired ? 1 : -1);
	rm->rm_wired = wired;
}

/* => rm's address, target and rights are set; it is wired or not by set_wired() */
static void
link_mapping(struct ref_mapping *rm)
{
	struct pmap *pm = rm->rm_pmap;

	rm->rm_wired = false;
	LIST_INSERT_HEAD(bucket(pm, rm->rm_va), rm, rm_hash);
	LIST_INSERT_HEAD(&pm->pm_mappings, rm, rm_of_pmap);
	if (rm->rm_page != NULL) {
		LIST_INSERT_HEAD(
		    &rm->rm_page->mdpage.md_mappings, rm, rm_of_page);
		note_first(rm->rm_page);
		ref_managed++;
	}
	atomic_add(&pm->pm_resident, 1);
}

/* => the page was accessed in these ways; ref_mtx held or nothing else runs */
static void
set_attributes(struct vm_page *pg, vm_prot_t access)
{
	if (access != PROT_NONE)
		pg->mdpage.md_attr |= REFA_REF;
	if (access & PROT_WRITE)
		pg->mdpage.md_attr |= REFA_MOD;
}

/*
 * Accesses that nobody saw: the kernel's own are not traced, so its mappings
 * count as used in every way they permit, until they are gone.
 */
static vm_prot_t
unseen_access(const struct ref_mapping *rm)
{
	return is_user(rm->rm_pmap) ? PROT_NONE : rm->rm_prot;
}

/* The mapping of a page went, or permits less: does the machine care? */
static void
reduced(const struct pmap *pm, vaddr_t va)
{
	if (!is_user(pm))
		ref_kernel_reduced(va, PAGE_SIZE);
}

/* => rm is freed; its page keeps its attributes */
static void
remove_mapping(struct ref_mapping *rm)
{
	LIST_REMOVE(rm, rm_hash);
	reduced(rm->rm_pmap, rm->rm_va);
	LIST_REMOVE(rm, rm_of_pmap);
	if (rm->rm_page != NULL) {
		set_attributes(rm->rm_page, unseen_access(rm));
		LIST_REMOVE(rm, rm_of_page);
		note_first(rm->rm_page);
		ref_managed--;
	}
	set_wired(rm, false);
	atomic_add(&rm->rm_pmap->pm_resident, -1);
	pool_put(&ref_mapping_pool, rm);
}

/* Rights a mapping gets: there is no writing without reading. */
static vm_prot_t
full_rights(vm_prot_t prot)
{
	prot &= PROT_MASK;
	return (prot & PROT_WRITE) ? prot | PROT_READ : prot;
}

/*
 * Map pa at va for prot; what was there is replaced, if that is another page.
 * => ref_mtx held; the mapping, or NULL for want of memory: nothing is mapped
 */
static struct ref_mapping *
map_page(struct pmap *pm, vaddr_t va, paddr_t pa, vm_prot_t prot)
{
	struct ref_mapping *rm = find(pm, va);

	if (rm != NULL && rm->rm_pa != pa) {
		remove_mapping(rm);
		rm = NULL;
	}
	if (rm != NULL) {
		if (rm->rm_page != NULL)
			set_attributes(rm->rm_page, unseen_access(rm));
		rm->rm_prot = full_rights(prot);
		reduced(pm, va);
		return rm;
	}
	rm = pool_get(&ref_mapping_pool, PR_NOWAIT);
	if (rm == NULL)
		return NULL;
	rm->rm_pmap = pm;
	rm->rm_va = va;
	rm->rm_pa = pa;
	rm->rm_page = PHYS_TO_VM_PAGE(pa);
	rm->rm_prot = full_rights(prot);
	link_mapping(rm);
	return rm;
}

/*
 * => owner's lock of a managed page held
 */
int
pmap_enter(struct pmap *pm, vaddr_t va, paddr_t pa, vm_prot_t prot, int flags)
{
	vm_prot_t access = flags & PROT_MASK;
	struct ref_mapping *rm;

	if (access & PROT_WRITE)
		access |= PROT_READ;
	KASSERT((va & PAGE_MASK) == 0 && prot != PROT_NONE);
	KASSERT((va < VM_MAXUSER_ADDRESS) == is_user(pm));
	KASSERT(
	    is_user(pm) || kentered(pm, va) == NULL || *kentered(pm, va) == 0);
	mtx_enter(&ref_mtx);
	rm = map_page(pm, va, trunc_page(pa), prot);
	if (rm != NULL) {
		set_wired(rm, (flags & PMAP_WIRED) != 0);
		if (rm->rm_page != NULL)
			set_attributes(rm->rm_page,
			    access & (prot | PROT_READ | PROT_EXEC));
	}
	mtx_leave(&ref_mtx);
	if (rm == NULL && !(flags & PMAP_CANFAIL))
		panic("pmap_enter: no memory to map %#lx", va);
	return rm != NULL ? 0 : ENOMEM;
}

int
pmap_enter_new(
    struct pmap *pm, vaddr_t va, struct vm_page *pg, vm_prot_t prot, int flags)
{
	KASSERT(!vm_page_md_ismapped(&pg->mdpage));
	return pmap_enter(pm, va, VM_PAGE_TO_PHYS(pg), prot, flags);
}

int
pmap_enter_zero(struct pmap *pm, vaddr_t va)
{
	int error = 0;

	KASSERT(is_user(pm));
	mtx_enter(&ref_mtx);
	if (find(pm, va) == NULL &&
	    map_page(pm, va, ref_zero_pa, PROT_READ) == NULL)
		error = ENOMEM;
	mtx_leave(&ref_mtx);
	return error;
}

unsigned
pmap_enter_neighbours(struct pmap *pm, vaddr_t sva, struct vm_page *const *pgs,
    unsigned n, vm_prot_t prot)
{
	unsigned entered = 0;

	KASSERT(n <= 32 && prot != PROT_NONE);
	mtx_enter(&ref_mtx);
	for (unsigned i = 0; i < n; i++)
		if (pgs[i] != NULL && find(pm, sva + ptoa(i)) == NULL &&
		    map_page(pm, sva + ptoa(i), VM_PAGE_TO_PHYS(pgs[i]),
			prot) != NULL)
			entered++;
	mtx_leave(&ref_mtx);
	return entered;
}

void
pmap_kenter_pa(vaddr_t va, paddr_t pa, vm_prot_t prot)
{
	paddr_t *word = kentered(pmap_kernel(), va);

	KASSERT(word != NULL && (va & PAGE_MASK) == 0 && prot != PROT_NONE);
	mtx_enter(&ref_mtx);
	KASSERTMSG(find(pmap_kernel(), va) == NULL,
	    "pmap_kenter_pa: %#lx is mapped and managed", va);
	*word = trunc_page(pa) | (paddr_t)full_rights(prot);
	ref_kentered_top =
	    MAX(ref_kentered_top, (size_t)(word - ref_kentered) + 1);
	reduced(pmap_kernel(), va);
	mtx_leave(&ref_mtx);
}

void
pmap_kremove(vaddr_t va, vsize_t size)
{
	mtx_enter(&ref_mtx);
	for (; size > 0; va += PAGE_SIZE, size -= PAGE_SIZE) {
		*kentered(pmap_kernel(), va) = 0;
		reduced(pmap_kernel(), va);
	}
	mtx_leave(&ref_mtx);
}

/* -- Ranges --------------------------------------------------------------------- */

/*
 * fn(rm, prot) for each mapping in [sva, eva); it may remove rm.
 * => takes ref_mtx
 */
static void
foreach_mapping(struct pmap *pm, vaddr_t sva, vaddr_t eva,
    void (*fn)(struct ref_mapping *, vm_prot_t), vm_prot_t prot)
{
	struct ref_mapping *rm, *next;

	KASSERT(sva <= eva);
	mtx_enter(&ref_mtx);
	if (atop(eva - sva) <= (vsize_t)pm->pm_resident) {
		for (; sva < eva; sva += PAGE_SIZE)
			if ((rm = find(pm, sva)) != NULL)
				fn(rm, prot);
	} else {
		LIST_FOREACH_SAFE (rm, &pm->pm_mappings, rm_of_pmap, next)
			if (rm->rm_va >= sva && rm->rm_va < eva)
				fn(rm, prot);
	}
	mtx_leave(&ref_mtx);
}

/* Take away what prot does not grant; without a right left, the mapping. */
static void
reduce(struct ref_mapping *rm, vm_prot_t prot)
{
	vm_prot_t left = rm->rm_prot & prot;

	if (rm->rm_page != NULL)
		set_attributes(rm->rm_page, unseen_access(rm));
	if ((left & PROT_READ) == 0)
		left &= ~PROT_WRITE;
	rm->rm_prot = left;
	if (left == PROT_NONE)
		remove_mapping(rm);
	else
		reduced(rm->rm_pmap, rm->rm_va);
}

void
pmap_remove(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	foreach_mapping(pm, sva, eva, reduce, PROT_NONE);
}

/* prot without read and execute removes, as no machine has write alone. */
void
pmap_protect(struct pmap *pm, vaddr_t sva, vaddr_t eva, vm_prot_t prot)
{
	foreach_mapping(pm, sva, eva, reduce, prot);
}

int
pmap_move(struct pmap *pm, vaddr_t sva, vaddr_t dva, vsize_t len)
{
	struct ref_mapping *rm;

	KASSERT(is_user(pm));
	KASSERT(sva + len <= dva || dva + len <= sva);
	mtx_enter(&ref_mtx);
	for (vsize_t off = 0; off < len; off += PAGE_SIZE) {
		rm = find(pm, sva + off);
		if (rm == NULL)
			continue;
		KASSERT(find(pm, dva + off) == NULL);
		LIST_REMOVE(rm, rm_hash);
		rm->rm_va = dva + off;
		LIST_INSERT_HEAD(bucket(pm, rm->rm_va), rm, rm_hash);
		if (rm->rm_page != NULL)
			note_first(rm->rm_page);
	}
	mtx_leave(&ref_mtx);
	return 0;
}

static void
raise(struct ref_mapping *rm, vm_prot_t prot)
{
	rm->rm_prot |= prot;
}

void
pmap_raise(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	KASSERT(is_user(pm));
	foreach_mapping(pm, sva, eva, raise, PROT_READ | PROT_WRITE);
}

static void
drop_unwired(struct ref_mapping *rm, vm_prot_t prot)
{
	if (!rm->rm_wired)
		remove_mapping(rm);
}

void
pmap_collect(struct pmap *pm)
{
	if (is_user(pm))
		foreach_mapping(
		    pm, 0, VM_MAXUSER_ADDRESS, drop_unwired, PROT_NONE);
}

boolean_t
pmap_unwire(struct pmap *pm, vaddr_t va)
{
	struct ref_mapping *rm;
	bool wired;

	mtx_enter(&ref_mtx);
	rm = find(pm, va);
	wired = rm != NULL && rm->rm_wired;
	if (wired)
		set_wired(rm, false);
	mtx_leave(&ref_mtx);
	return wired;
}

/* -- Asking ---------------------------------------------------------------------- */

boolean_t
pmap_is_wired(struct pmap *pm, vaddr_t va)
{
	struct ref_mapping *rm;
	bool wired;

	mtx_enter(&ref_mtx);
	rm = find(pm, va);
	wired = rm != NULL && rm->rm_wired;
	mtx_leave(&ref_mtx);
	return wired;
}

u_int
pmap_page_wirings(struct vm_page *pg)
{
	struct ref_mapping *rm;
	u_int n = 0;

	mtx_enter(&ref_mtx);
	LIST_FOREACH (rm, &pg->mdpage.md_mappings, rm_of_page)
		n += rm->rm_wired;
	mtx_leave(&ref_mtx);
	return n;
}

boolean_t
pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pap)
{
	vm_prot_t prot;
	paddr_t pa;
	bool mapped;

	mtx_enter(&ref_mtx);
	mapped = translate(pm, va, &pa, &prot);
	mtx_leave(&ref_mtx);
	if (mapped && pap != NULL)
		*pap = pa + (va & PAGE_MASK);
	return mapped;
}

boolean_t
pmap_probe(struct pmap *pm, vaddr_t va, vm_prot_t *protp)
{
	paddr_t pa;
	bool mapped;

	mtx_enter(&ref_mtx);
	mapped = translate(pm, va, &pa, protp);
	mtx_leave(&ref_mtx);
	if (!mapped)
		*protp = PROT_NONE;
	return mapped;
}

uint32_t
pmap_mapped_mask(struct pmap *pm, vaddr_t sva, unsigned n)
{
	uint32_t mask = 0;

	KASSERT(n <= 32);
	mtx_enter(&ref_mtx);
	for (unsigned i = 0; i < n; i++)
		if (find(pm, sva + ptoa(i)) != NULL)
			mask |= (uint32_t)1 << i;
	mtx_leave(&ref_mtx);
	return mask;
}

long
pmap_resident_count(struct pmap *pm)
{
	return atomic_load(&pm->pm_resident);
}

long
pmap_wired_count(struct pmap *pm)
{
	return atomic_load(&pm->pm_wired);
}

long
pmap_pv_count(void)
{
	return atomic_load(&ref_managed);
}

/*
 * Only pages of kernel virtual memory: the direct map has fixed rights.
 */
boolean_t
pmap_chgkprot(vaddr_t sva, vaddr_t eva, bool write)
{
	struct ref_mapping *rm;
	vm_prot_t prot;
	boolean_t mapped = sva < eva;
	paddr_t *word, pa;
	vaddr_t va;

	mtx_enter(&ref_mtx);
	for (va = sva; va < eva && mapped; va += PAGE_SIZE)
		mapped = kentered(pmap_kernel(), va) != NULL &&
		    translate(pmap_kernel(), va, &pa, &prot);
	for (va = sva; va < eva && mapped; va += PAGE_SIZE) {
		rm = find(pmap_kernel(), va);
		word = kentered(pmap_kernel(), va);
		if (rm != NULL && write)
			rm->rm_prot |= PROT_WRITE;
		else if (rm != NULL)
			reduce(rm, PROT_READ | PROT_EXEC);
		else
			*word = (*word & ~(paddr_t)PROT_WRITE) |
			    (write ? PROT_WRITE : 0);
		reduced(pmap_kernel(), va);
	}
	mtx_leave(&ref_mtx);
	return mapped;
}

/* -- Life ------------------------------------------------------------------------ */

struct pmap *
pmap_create(void)
{
	struct pmap *pm = pool_get(&ref_pmap_pool, PR_WAITOK | PR_ZERO);

	pm->pm_refs = 1;
	return pm;
}

void
pmap_reference(struct pmap *pm)
{
	mtx_enter(&ref_mtx);
	pm->pm_refs++;
	mtx_leave(&ref_mtx);
}

/* A kernel thread may still borrow it: whoever does gets the kernel's. */
void
pmap_destroy(struct pmap *pm)
{
	struct cpu_info *ci;
	bool last;

	KASSERT(is_user(pm));
	mtx_enter(&ref_mtx);
	last = --pm->pm_refs == 0;
	if (last) {
		KASSERTMSG(LIST_EMPTY(&pm->pm_mappings) &&
			pm->pm_resident == 0 && pm->pm_wired == 0,
		    "pmap_destroy: %ld pages mapped", pm->pm_resident);
		CPU_FOREACH (ci)
			if (ci->ci_curpmap == pm)
				ci->ci_curpmap = pmap_kernel();
	}
	mtx_leave(&ref_mtx);
	if (last)
		pool_put(&ref_pmap_pool, pm);
}

void
pmap_activate(struct proc *p)
{
	curcpu()->ci_curpmap = vm_map_pmap(&p->p_vmspace->vm_map);
}

void
pmap_deactivate(struct proc *p)
{
	if (curcpu()->ci_curpmap == vm_map_pmap(&p->p_vmspace->vm_map))
		curcpu()->ci_curpmap = pmap_kernel();
}

/* There are no tables: everything up to the end is ready. */
vaddr_t
pmap_growkernel(vaddr_t maxkvaddr)
{
	KASSERT(maxkvaddr <= VM_MAX_KERNEL_ADDRESS);
	return VM_MAX_KERNEL_ADDRESS;
}

/* Every change is made at once. */
void
pmap_update(struct pmap *pm)
{
}

/* Everything a child inherits is in its map. */
void
pmap_fork(struct pmap *src, struct pmap *dst)
{
}

void
pmap_copy(
    struct pmap *dst, struct pmap *src, vaddr_t dva, vsize_t len, vaddr_t sva)
{
}

void
pmap_unuse_final(struct proc *p)
{
}

void
pmap_remove_holes(struct vmspace *vm)
{
}

vaddr_t
pmap_prefer(voff_t hint, vaddr_t va)
{
	return va;
}

/* -- Pages ------------------------------------------------------------------------ */

/*
 * => owner's lock held for writing: nobody enters pg meanwhile
 */
void
pmap_page_protect(struct vm_page *pg, vm_prot_t prot)
{
	struct ref_mapping *rm, *next;

	if (prot & PROT_WRITE)
		return;
	if (prot & (PROT_READ | PROT_EXEC))
		prot = PROT_READ | PROT_EXEC;
	mtx_enter(&ref_mtx);
	LIST_FOREACH_SAFE (rm, &pg->mdpage.md_mappings, rm_of_page, next)
		reduce(rm, prot);
	mtx_leave(&ref_mtx);
}

void
pmap_pages_remove(struct vm_page **pgs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pmap_page_protect(pgs[i], PROT_NONE);
}

/* => the page's REFA_*; ref_mtx held */
static uint32_t
attributes(struct vm_page *pg)
{
	struct ref_mapping *rm;

	LIST_FOREACH (rm, &pg->mdpage.md_mappings, rm_of_page)
		set_attributes(pg, unseen_access(rm));
	return pg->mdpage.md_attr;
}

/* => was it set? */
static boolean_t
test_attribute(struct vm_page *pg, uint32_t attr, bool clear)
{
	uint32_t old;

	mtx_enter(&ref_mtx);
	old = attributes(pg);
	if (clear)
		pg->mdpage.md_attr &= ~attr;
	mtx_leave(&ref_mtx);
	return (old & attr) != 0;
}

boolean_t
pmap_clear_modify(struct vm_page *pg)
{
	return test_attribute(pg, REFA_MOD, true);
}

boolean_t
pmap_clear_reference(struct vm_page *pg)
{
	return test_attribute(pg, REFA_REF, true);
}

void
pmap_pages_clear_reference(struct vm_page **pgs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)test_attribute(pgs[i], REFA_REF, true);
}

void
pmap_pages_clear_modify(struct vm_page **pgs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		(void)pmap_clear_modify(pgs[i]);
}

void
pmap_pages_protect(struct vm_page **pgs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pmap_page_protect(pgs[i], PROT_READ | PROT_EXEC);
}

boolean_t
pmap_is_modified(struct vm_page *pg)
{
	return test_attribute(pg, REFA_MOD, false);
}

boolean_t
pmap_is_referenced(struct vm_page *pg)
{
	return test_attribute(pg, REFA_REF, false);
}

void
pmap_zero_page(struct vm_page *pg)
{
	memset((void *)VM_PAGE_TO_DMAP(pg), 0, PAGE_SIZE);
}

void
pmap_copy_page(struct vm_page *src, struct vm_page *dst)
{
	memcpy((void *)VM_PAGE_TO_DMAP(dst), (void *)VM_PAGE_TO_DMAP(src),
	    PAGE_SIZE);
}

/* As late as it can be, half of the page is zeroed for nothing. */
boolean_t
pmap_pageidlezero(struct vm_page *pg)
{
	char *va = (char *)VM_PAGE_TO_DMAP(pg);

	memset(va, 0, PAGE_SIZE / 2);
	if (atomic_load(&curcpu()->ci_resched))
		return FALSE;
	memset(va + PAGE_SIZE / 2, 0, PAGE_SIZE / 2);
	return TRUE;
}

/* Instruction fetch sees every store at once. */
void
pmap_proc_iflush(struct proc *p, vaddr_t va, vsize_t len)
{
}

void
pmap_page_modified_text(struct vm_page *pg)
{
}

/* -- Accesses ---------------------------------------------------------------------- */

/* Would the access find reference or modify clear? */
static bool
attributes_missing(const struct vm_page *pg, vm_prot_t access)
{
	uint32_t need = REFA_REF | ((access & PROT_WRITE) ? REFA_MOD : 0);

	return (pg->mdpage.md_attr & need) != need;
}

int
pmap_ref_access(
    struct pmap *pm, vaddr_t va, vm_prot_t access, bool user, paddr_t *pap)
{
	struct ref_mapping *rm;
	vm_prot_t prot;

	if (va >= VM_MAXUSER_ADDRESS) {
		if (user)
			return EFAULT;
		pm = pmap_kernel(); /* its half is in every address space */
	}
	if (!translate(pm, va, pap, &prot) || (prot & access) != access)
		return EFAULT;
	rm = find(pm, va);
	if (rm != NULL && rm->rm_page != NULL && is_user(pm)) {
		if (pmap_ref_emulate && attributes_missing(rm->rm_page, access))
			return EFAULT;
		set_attributes(rm->rm_page, access);
	}
	*pap += va & PAGE_MASK;
	return 0;
}

boolean_t
pmap_fault(struct pmap *pm, vaddr_t va, vm_prot_t access)
{
	struct ref_mapping *rm;
	bool permitted;
	vm_prot_t prot;
	paddr_t pa;

	mtx_enter(&ref_mtx);
	permitted = translate(pm, va, &pa, &prot) && (prot & access) == access;
	if (permitted && (rm = find(pm, va)) != NULL && rm->rm_page != NULL)
		set_attributes(rm->rm_page, access);
	mtx_leave(&ref_mtx);
	return permitted;
}

/* -- For the invariant auditor: nobody else runs, no lock is taken --------------- */

#define AUDIT_MAX 65536 /* mappings of one pmap that can be sorted */

static struct ref_mapping *audit_list[AUDIT_MAX]; /* [the auditor] */

static int
by_address(const void *a, const void *b)
{
	const struct ref_mapping *x = *(struct ref_mapping *const *)a;
	const struct ref_mapping *y = *(struct ref_mapping *const *)b;

	return (x->rm_va > y->rm_va) - (x->rm_va < y->rm_va);
}

/* => number of pm's mappings, in audit_list by address */
static size_t
audit_collect(struct pmap *pm)
{
	struct ref_mapping *rm;
	size_t n = 0;

	LIST_FOREACH (rm, &pm->pm_mappings, rm_of_pmap) {
		KASSERT(n < AUDIT_MAX);
		audit_list[n++] = rm;
	}
	ksort(audit_list, n, sizeof(audit_list[0]), by_address);
	return n;
}

static struct audit_mapping
audit_copy(const struct ref_mapping *rm)
{
	return (struct audit_mapping){ rm->rm_va, rm->rm_pa, rm->rm_prot,
		rm->rm_wired, rm->rm_page != NULL };
}

static void
audit_kernel(
    size_t n, void (*fn)(const struct audit_mapping *m, void *arg), void *arg)
{
	struct audit_mapping m;
	size_t at = 0;

	for (size_t i = 0; i < KVA_PAGES && (i < ref_kentered_top || at < n);
	     i++) {
		vaddr_t va = VM_MIN_KERNEL_ADDRESS + ptoa(i);

		if (at < n && audit_list[at]->rm_va == va) {
			m = audit_copy(audit_list[at++]);
			fn(&m, arg);
		} else if (ref_kentered[i] != 0) {
			m = (struct audit_mapping){ va,
				trunc_page(ref_kentered[i]),
				(vm_prot_t)(ref_kentered[i] & PROT_MASK), false,
				false };
			fn(&m, arg);
		}
	}
}

void
audit_pmap_foreach(struct pmap *pm,
    void (*fn)(const struct audit_mapping *m, void *arg), void *arg)
{
	size_t n = audit_collect(pm);
	struct audit_mapping m;

	if (!is_user(pm)) {
		audit_kernel(n, fn, arg);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		m = audit_copy(audit_list[i]);
		fn(&m, arg);
	}
}

void
audit_pmap_page(struct vm_page *pg,
    void (*fn)(struct pmap *pm, vaddr_t va, void *arg), void *arg)
{
	struct ref_mapping *rm;

	LIST_FOREACH (rm, &pg->mdpage.md_mappings, rm_of_page)
		fn(rm->rm_pmap, rm->rm_va, arg);
}

/* There are no tables. */
void
audit_pmap_tables(
    struct pmap *pm, void (*fn)(struct vm_page *pg, void *arg), void *arg)
{
}

void
audit_pmap_check(
    struct pmap *pm, void (*bad)(const char *fmt, ...) __printflike(1, 2))
{
	struct ref_mapping *rm;
	long n = 0, wired = 0;

	LIST_FOREACH (rm, &pm->pm_mappings, rm_of_pmap) {
		n++;
		wired += rm->rm_wired;
		if (find(pm, rm->rm_va) != rm)
			bad("pmap %p: the mapping of %#lx is not found", pm,
			    rm->rm_va);
	}
	if (n != pm->pm_resident || wired != pm->pm_wired)
		bad("pmap %p: resident %ld, wired %ld, but there are %ld and "
		    "%ld",
		    pm, pm->pm_resident, pm->pm_wired, n, wired);
}

void
audit_pmap_check_page(struct vm_page *pg, bool is_free,
    void (*bad)(const char *fmt, ...) __printflike(1, 2))
{
	struct ref_mapping *rm = LIST_FIRST(&pg->mdpage.md_mappings);

	if (is_free && rm != NULL)
		bad("page %p is free and mapped at %#lx", pg, rm->rm_va);
	if (pg->mdpage.md_pmap != (rm != NULL ? rm->rm_pmap : NULL))
		bad("page %p: the first mapping's pmap is %p", pg,
		    pg->mdpage.md_pmap);
}
