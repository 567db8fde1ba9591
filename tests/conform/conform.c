/* What the tests of the suite share. */
#include "conform.h"
#include <uvm/uvm_map.h>

/* -- Address spaces ---------------------------------------------------------- */

void
conf_use(struct conf_user *cu, struct pmap *pm)
{
	memset(&cu->cu_vm, 0, sizeof(cu->cu_vm));
	uvm_map_setup(&cu->cu_vm.vm_map, pm, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS,
	    VM_MAP_ISVMSPACE);
	cu->cu_vm.vm_refcnt = 1;
	cu->cu_old = curproc->p_vmspace;
	curproc->p_vmspace = &cu->cu_vm;
	atomic_and(&curproc->p_flag, ~(uint32_t)P_KTHREAD);
	pmap_activate(curproc);
}

void
conf_unuse(struct conf_user *cu)
{
	pmap_deactivate(curproc);
	atomic_or(&curproc->p_flag, P_KTHREAD);
	curproc->p_vmspace = cu->cu_old;
}

/* Is the running thread in pm, or needs it not to be? */
static bool
is_in(struct pmap *pm)
{
	return pm == pmap_kernel() ||
	    ((curproc->p_flag & P_KTHREAD) == 0 &&
		vm_map_pmap(&curproc->p_vmspace->vm_map) == pm);
}

static int
do_access(struct pmap *pm, vaddr_t va, vm_prot_t access, uint64_t *value,
    const volatile uint32_t *revoked)
{
	struct conf_user cu;
	int error;

	if (is_in(pm))
		return conf_access(pm, va, access, value, revoked);
	conf_use(&cu, pm);
	error = conf_access(pm, va, access, value, revoked);
	conf_unuse(&cu);
	return error;
}

int
conf_load(struct pmap *pm, vaddr_t va, uint64_t *value)
{
	return do_access(pm, va, PROT_READ, value, NULL);
}

int
conf_store(struct pmap *pm, vaddr_t va, uint64_t value)
{
	return do_access(pm, va, PROT_WRITE, &value, NULL);
}

int
conf_fetch(struct pmap *pm, vaddr_t va, uint64_t *value)
{
	return do_access(pm, va, PROT_EXEC, value, NULL);
}

int
conf_race(struct pmap *pm, vaddr_t va, vm_prot_t access, uint64_t *value,
    const volatile uint32_t *revoked)
{
	return do_access(pm, va, access, value, revoked);
}

uint64_t
conf_peek(struct pmap *pm, vaddr_t va)
{
	uint64_t v;

	return conf_load(pm, va, &v) == 0 ? v : ~0UL;
}

vm_prot_t
conf_rights(struct pmap *pm, vaddr_t va)
{
	vm_prot_t prot = PROT_NONE;
	uint64_t v = 0, code;

	/* this is about rights: what was stored here before is no matter */
	pmap_proc_iflush(curproc, va, sizeof(code));
	if (conf_fetch(pm, va, &code) == 0)
		prot |= PROT_EXEC;
	if (conf_load(pm, va, &v) == 0)
		prot |= PROT_READ;
	if (conf_store(pm, va, v) == 0)
		prot |= PROT_WRITE;
	return prot;
}

/* -- Pages --------------------------------------------------------------------- */

struct vm_page *
conf_page(void)
{
	struct vm_page *pg;

	while ((pg = uvm_page_get_unowned(UVM_PGA_ZERO)) == NULL)
		uvm_wait("conform");
	conf_clear(pg);
	return pg;
}

void
conf_free_page(struct vm_page *pg)
{
	pmap_page_protect(pg, PROT_NONE);
	uvm_pagefree(pg);
}

void
conf_destroy(struct pmap *pm)
{
	pmap_remove(pm, 0, VM_MAXUSER_ADDRESS);
	pmap_update(pm);
	pmap_destroy(pm);
}

void
conf_setup(struct conf *f)
{
	f->pm = pmap_create();
	for (int i = 0; i < CONF_NPG; i++)
		f->pg[i] = conf_page();
}

void
conf_teardown(struct conf *f)
{
	for (int i = 0; i < CONF_NPG; i++)
		conf_free_page(f->pg[i]);
	conf_destroy(f->pm);
}

uint64_t
conf_get(struct vm_page *pg, vsize_t off)
{
	return *(volatile uint64_t *)(VM_PAGE_TO_DMAP(pg) + off);
}

void
conf_put(struct vm_page *pg, vsize_t off, uint64_t value)
{
	*(volatile uint64_t *)(VM_PAGE_TO_DMAP(pg) + off) = value;
	conf_wrote(VM_PAGE_TO_PHYS(pg) + off, sizeof(value));
}

void
conf_fill(struct vm_page *pg, uint64_t value)
{
	for (vsize_t off = 0; off < PAGE_SIZE; off += sizeof(value))
		conf_put(pg, off, value);
}

bool
conf_maps(struct pmap *pm, vaddr_t va, struct vm_page *pg)
{
	paddr_t pa;

	return pmap_extract(pm, va, &pa) && pa == VM_PAGE_TO_PHYS(pg);
}

vm_prot_t
conf_probe(struct pmap *pm, vaddr_t va)
{
	vm_prot_t prot;

	return pmap_probe(pm, va, &prot) ? prot : PROT_NONE;
}

bool
conf_referenced_is(struct vm_page *pg, bool want)
{
	bool is = pmap_is_referenced(pg);

	return is == want || (is && !conf_exact_reference());
}

void
conf_clear(struct vm_page *pg)
{
	(void)pmap_clear_modify(pg);
	(void)pmap_clear_reference(pg);
}

/* -- Harts ----------------------------------------------------------------------- */

void
conf_on_each_hart(void (*fn)(void *), void *arg)
{
	for (u_int i = 0; i < ncpus; i++)
		kt_join(kt_spawn(fn, arg, 1UL << i));
}

void
conf_pause(void)
{
	for (int i = 0; i < 300; i++)
		cpu_spinwait();
}
