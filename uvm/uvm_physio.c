/*
 * A process's pages under a device's transfer.
 *
 * Wired pages stay in memory as long as they are mapped, but a thread may
 * unmap them, or truncate the file they belong to, while the device works.  So
 * they are busy besides: who wants to free a busy page leaves that to whoever
 * made it busy, and who faults on it waits.
 *
 * Nothing waits for a busy page while it holds some, or two transfers with the
 * same pages in different order would wait for each other.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_amap.h>
#include <uvm/uvm_anon.h>
#include <uvm/uvm_map.h>
#include <uvm/uvm_object.h>

/*
 * The page at va, if it may be used as it is: for writing, a fault on it would
 * have to change nothing.
 * => map read-locked, owner write-locked; NULL: it may not
 */
static struct vm_page *
usable(pmap_t pm, vaddr_t va, struct vm_page *pg, vm_prot_t access)
{
	vm_prot_t prot;
	paddr_t pa;

	if (pg == NULL || (pg->pg_flags & PG_BUSY) != 0 || pg->loan_count != 0)
		return NULL;
	if (!pmap_extract(pm, va, &pa) || pa != VM_PAGE_TO_PHYS(pg) ||
	    !pmap_probe(pm, va, &prot) || (access & ~prot) != 0)
		return NULL;
	return pg;
}

static void
make_busy(struct vm_page *pg, vm_prot_t access)
{
	atomic_or(&pg->pg_flags, PG_BUSY);
	if (access & PROT_WRITE)
		atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
}

/* => map read-locked; the page at va, busy, or NULL */
static struct vm_page *
hold_anon(vm_map_t map, struct vm_map_entry *e, vaddr_t va, vm_prot_t access,
    bool *none)
{
	struct vm_amap *amap = e->aref.ar_amap;
	struct vm_page *pg = NULL;
	struct vm_anon *anon;

	amap_lock_write(amap);
	anon = amap_lookup(&e->aref, va - e->start);
	*none = anon == NULL;
	/* a borrowed page is another owner's to protect */
	if (anon != NULL && anon->an_page != NULL &&
	    anon->an_page->uanon == anon)
		pg = usable(vm_map_pmap(map), va, anon->an_page, access);
	if (pg != NULL)
		make_busy(pg, access);
	amap_unlock(amap);
	return pg;
}

static struct vm_page *
hold_object(vm_map_t map, struct vm_map_entry *e, vaddr_t va, vm_prot_t access)
{
	struct uvm_object *uobj = e->object.uvm_obj;
	struct vm_page *pg;

	rw_enter_write(&uobj->uo_lock);
	pg = usable(vm_map_pmap(map), va,
	    uvm_pagelookup(uobj, e->offset + (voff_t)(va - e->start)), access);
	if (pg != NULL)
		make_busy(pg, access);
	rw_exit(&uobj->uo_lock);
	return pg;
}

static struct vm_page *
hold(vm_map_t map, vaddr_t va, vm_prot_t access)
{
	struct vm_map_entry *e;
	struct vm_page *pg;
	bool none;

	if (!uvm_map_lookup_entry(map, va, &e) || UVM_ET_ISSUBMAP(e))
		return NULL;
	if (e->aref.ar_amap != NULL) {
		pg = hold_anon(map, e, va, access, &none);
		if (pg != NULL || !none)
			return pg;
	}
	return UVM_ET_ISOBJ(e) ? hold_object(map, e, va, access) : NULL;
}

int
uvm_vshold(struct proc *p, vaddr_t va, size_t npages, vm_prot_t access,
    struct vm_page **pgs)
{
	vm_map_t map = &p->p_vmspace->vm_map;
	size_t n;

	KASSERT((va & PAGE_MASK) == 0);
	vm_map_lock_read(map);
	for (n = 0; n < npages; n++, va += PAGE_SIZE) {
		pgs[n] = hold(map, va, access);
		if (pgs[n] == NULL)
			break;
	}
	vm_map_unlock_read(map);
	if (n == npages)
		return 0;
	uvm_vsrelease(pgs, n, PROT_NONE);
	return EAGAIN;
}

/* Its owner may have given it up meanwhile: then it is freed here. */
static void
release(struct vm_page *pg, vm_prot_t access)
{
	struct vm_anon *anon = pg->uanon;
	struct rwlock *lock =
	    anon != NULL ? &anon->an_lock->aml_lock : &pg->uobject->uo_lock;

	rw_enter_write(lock);
	if (access & PROT_WRITE)
		pmap_page_modified_text(pg);
	if (anon != NULL && (pg->pg_flags & PG_RELEASED) != 0) {
		uvm_anon_release(anon); /* unlocks */
		return;
	}
	(void)uvm_page_unbusy(pg);
	rw_exit(lock);
}

void
uvm_vsrelease(struct vm_page **pgs, size_t npages, vm_prot_t access)
{
	for (size_t i = 0; i < npages; i++)
		release(pgs[i], access);
}
