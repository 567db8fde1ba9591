#include "kt_fault.h"
#include <sys/pool.h>

void
ktf_expect(int line, const char *file, const struct uvmexp *snap,
    const struct ktf_delta *want)
{
#define KTF_CHECK(m)                                                   \
	if (uvmexp.m - snap->m != want->m)                             \
		kt_fail(file, line, "%s moved by %d, expected %d", #m, \
		    uvmexp.m - snap->m, want->m);
	uvmexp_collect();
	KTF_MEMBERS(KTF_CHECK)
}

struct vmspace *
ktf_space(void)
{
	return uvmspace_alloc(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, TRUE, TRUE);
}

void
ktf_map_anon(struct vmspace *vm, int npages, int advice)
{
	vaddr_t va = KTF_BASE;
	int error;

	error =
	    uvm_map(&vm->vm_map, &va, ptoa(npages), NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_COPY, advice,
		    UVM_FLAG_FIXED | UVM_FLAG_COPYONW));
	if (error != 0)
		panic("ktf_map_anon: %d", error);
}

void
ktf_map_obj(struct vmspace *vm, vaddr_t va, struct uvm_object *uobj, int npages,
    bool cow, int advice)
{
	int error;

	error = uvm_map(&vm->vm_map, &va, ptoa(npages), uobj, 0, 0,
	    UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX,
		cow ? UVM_INH_COPY : UVM_INH_SHARE, advice,
		UVM_FLAG_FIXED | (cow ? UVM_FLAG_COPYONW : 0)));
	if (error != 0)
		panic("ktf_map_obj: %d", error);
}

int
ktf_fault(struct vmspace *vm, int i, vm_prot_t access)
{
	return uvm_fault(&vm->vm_map, KTF_VA(i), VM_FAULT_INVALID, access);
}

struct vm_page *
ktf_page(struct vmspace *vm, vaddr_t va)
{
	paddr_t pa;

	if (!pmap_extract(vm->vm_map.pmap, va, &pa))
		return NULL;
	return PHYS_TO_VM_PAGE(pa);
}

int
ktf_prot(struct vmspace *vm, int i)
{
	vm_prot_t prot;

	return pmap_probe(vm->vm_map.pmap, KTF_VA(i), &prot) ? prot : -1;
}

/*
 * => the page at i, which permits access; held only by luck: nobody else may
 *    unmap it meanwhile
 */
static volatile uint64_t *
access_page(struct vmspace *vm, int i, vm_prot_t access)
{
	int prot, error;
	paddr_t pa;

	while ((prot = ktf_prot(vm, i)) == -1 || (prot & access) != access) {
		error = ktf_fault(vm, i, access);
		if (error != 0)
			panic("fault at page %d: %d", i, error);
	}
	/* by address: the page of zeros has no struct vm_page */
	if (!pmap_extract(vm->vm_map.pmap, KTF_VA(i), &pa))
		panic("page %d is not mapped after its fault", i);
	return (volatile uint64_t *)PHYS_TO_DMAP(pa);
}

uint64_t
ktf_read(struct vmspace *vm, int i)
{
	return *access_page(vm, i, PROT_READ);
}

void
ktf_write(struct vmspace *vm, int i, uint64_t value)
{
	*access_page(vm, i, PROT_WRITE) = value;
}

int
ktf_word_io(struct vmspace *vm, vaddr_t va, uint64_t *word, enum uio_rw rw)
{
	struct iovec iov = { word, sizeof(*word) };
	struct uio uio = { .uio_iov = &iov,
		.uio_iovcnt = 1,
		.uio_offset = (off_t)va,
		.uio_resid = sizeof(*word),
		.uio_segflg = UIO_SYSSPACE,
		.uio_rw = rw };

	return uvm_io(&vm->vm_map, &uio);
}

void
ktf_unmap_hw(struct vmspace *vm, int i, int j)
{
	pmap_remove(vm->vm_map.pmap, KTF_VA(i), KTF_VA(j));
	pmap_update(vm->vm_map.pmap);
}

struct vm_map_entry *
ktf_entry(struct vmspace *vm, int i)
{
	struct vm_map_entry *entry;

	vm_map_lock_read(&vm->vm_map);
	if (!uvm_map_lookup_entry(&vm->vm_map, KTF_VA(i), &entry))
		entry = NULL;
	vm_map_unlock_read(&vm->vm_map);
	return entry;
}

#ifdef FAULT_INJECT

/* Changed by the test's thread only; its hook is asked by all. */
static struct {
	struct proc *who; /* whose allocations count */
	int nth; /* which one fails */
	int calls; /* so far */
} inject;

static bool
inject_hook(void)
{
	return curproc == inject.who && ++inject.calls == inject.nth;
}

void
ktf_fail_nth(int nth)
{
	inject.who = curproc;
	inject.nth = nth;
	inject.calls = 0;
	alloc_fail_hook = inject_hook;
}

int
ktf_fail_end(void)
{
	alloc_fail_hook = NULL;
	return inject.calls;
}

#endif
