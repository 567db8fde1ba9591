/*
 * The pager of device memory: there are no pages to fetch and to keep, only
 * addresses, so it resolves the whole fault.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_device.h>
#include <uvm/uvm_fault.h>
#include <sys/pool.h>

/*
 * Locks used to protect members:
 *	I	immutable
 *	u	udv_mtx
 * and of ud_obj uo_refs: u.
 */
struct uvm_device {
	struct uvm_object ud_obj;
	LIST_ENTRY(uvm_device) ud_link; /* [u] */
	dev_t ud_dev; /* [I] */
	udv_mmap_t *ud_mmap; /* [I] */
};

static struct mutex udv_mtx = MUTEX_INITIALIZER(LR_MISC, "uvmdevice");
static LIST_HEAD(, uvm_device) udv_list = LIST_HEAD_INITIALIZER(udv_list);

static struct uvm_device *
to_device(struct uvm_object *uobj)
{
	return container_of(uobj, struct uvm_device, ud_obj);
}

/* => udv_mtx held; the device's object if it has one, referenced once more */
static struct uvm_device *
find(dev_t dev)
{
	struct uvm_device *ud;

	LIST_FOREACH (ud, &udv_list, ud_link)
		if (ud->ud_dev == dev) {
			if (!MUTANT(UDV_FOUND_UNCOUNTED))
				ud->ud_obj.uo_refs++;
			return ud;
		}
	return NULL;
}

struct uvm_object *
udv_attach(
    dev_t dev, udv_mmap_t *mmap, vm_prot_t prot, voff_t off, vsize_t size)
{
	struct uvm_device *ud, *new;

	for (vsize_t i = 0; i < size; i += PAGE_SIZE)
		if (mmap(dev, off + (voff_t)i, prot) == UDV_NOADDR &&
		    (i == 0 || !MUTANT(UDV_ASKS_FIRST_PAGE)))
			return NULL;
	new = kmem_zalloc(sizeof(*new), PR_WAITOK);
	uvm_obj_init(&new->ud_obj, &uvm_deviceops, 1);
	new->ud_dev = dev;
	new->ud_mmap = mmap;
	mtx_enter(&udv_mtx);
	ud = find(dev);
	if (ud == NULL)
		LIST_INSERT_HEAD(&udv_list, new, ud_link);
	mtx_leave(&udv_mtx);
	if (ud == NULL)
		return &new->ud_obj;
	new->ud_obj.uo_refs = 0;
	uvm_obj_destroy(&new->ud_obj);
	kmem_free(new, sizeof(*new));
	return &ud->ud_obj;
}

static void
udv_reference(struct uvm_object *uobj)
{
	mtx_enter(&udv_mtx);
	if (!MUTANT(UDV_FORK_UNCOUNTED))
		uobj->uo_refs++;
	mtx_leave(&udv_mtx);
}

static void
udv_detach(struct uvm_object *uobj)
{
	struct uvm_device *ud = to_device(uobj);
	bool last;

	mtx_enter(&udv_mtx);
	last = --uobj->uo_refs == 0;
	if (last && !MUTANT(UDV_GONE_IS_FOUND))
		LIST_REMOVE(ud, ud_link);
	mtx_leave(&udv_mtx);
	if (!last)
		return;
	uvm_obj_destroy(uobj);
	kmem_free(ud, sizeof(*ud));
}

/* => map locked; VM_PAGER_*; one page */
static int
enter_page(
    struct uvm_faultinfo *ufi, vaddr_t va, vm_fault_t type, vm_prot_t access)
{
	struct vm_map_entry *e = ufi->entry;
	struct uvm_device *ud = to_device(e->object.uvm_obj);
	vm_prot_t prot = e->protection;
	int flags = (int)access | PMAP_CANFAIL;
	voff_t off;
	paddr_t pa;

	/* there is no page that could be copied */
	if (UVM_ET_ISCOPYONWRITE(e) && !MUTANT(UDV_PRIVATE_WRITES)) {
		if (access & PROT_WRITE)
			return VM_PAGER_ERROR;
		prot &= ~PROT_WRITE;
	}
	if (MUTANT(UDV_IGNORES_PROT))
		prot = PROT_READ | PROT_WRITE;
	off = MUTANT(UDV_IGNORES_OFFSET) ? 0 : e->offset;
	pa = ud->ud_mmap(ud->ud_dev, off + (voff_t)(va - e->start), prot);
	if (pa == UDV_NOADDR)
		return VM_PAGER_ERROR;
	if ((type == VM_FAULT_WIRE || VM_MAPENT_ISWIRED(e)) &&
	    !MUTANT(UDV_WIRES_NOT))
		flags |= PMAP_WIRED;
	if (pmap_enter(vm_map_pmap(ufi->map), va, pa, prot, flags) == 0)
		return VM_PAGER_OK;
	return MUTANT(UDV_NOMEM_FAILS) ? VM_PAGER_ERROR : VM_PAGER_AGAIN;
}

static int
udv_fault(struct uvm_faultinfo *ufi, vaddr_t va, struct vm_page **pps,
    int npages, int centre, vm_fault_t type, vm_prot_t access, int flags)
{
	int rv = enter_page(ufi, va, type, access);

	pmap_update(vm_map_pmap(ufi->map));
	uvmfault_unlockmaps(ufi, false);
	return rv;
}

const struct uvm_pagerops uvm_deviceops = {
	.pgo_reference = udv_reference,
	.pgo_detach = udv_detach,
	.pgo_fault = udv_fault,
};
