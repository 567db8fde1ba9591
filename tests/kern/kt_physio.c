/* Pages of a process under a device's transfer: uvm_vshold, uvm_vsrelease. */
#include <uvm/uvm_aobj.h>
#include "kt_map.h"

#define RW (PROT_READ | PROT_WRITE)

static int
hold(struct proc *p, int i, int n, vm_prot_t access, struct vm_page **pgs)
{
	return uvm_vshold(p, KTF_VA(i), (size_t)n, access, pgs);
}

static int
lock(struct proc *p, int i, int n, vm_prot_t access)
{
	return uvm_vslock(p, (caddr_t)KTF_VA(i), ptoa(n), access);
}

static void
unlock(struct proc *p, int i, int n)
{
	uvm_vsunlock(p, (caddr_t)KTF_VA(i), ptoa(n));
}

KTEST(uvm_vshold)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct vm_page *pgs[4], *more[4];

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_EQ(hold(p, 0, 4, PROT_READ, pgs), EAGAIN); /* nothing there yet */
	KT_EQ(lock(p, 0, 4, RW), 0);
	KT_EQ(hold(p, 0, 4, PROT_WRITE, pgs), 0);
	for (int i = 0; i < 4; i++) {
		KT_CHECK(pgs[i] == ktf_page(vm, KTF_VA(i)));
		KT_CHECK(pgs[i]->pg_flags & PG_BUSY);
		KT_EQ(pgs[i]->pg_flags & PG_CLEAN, 0);
	}
	/* who meets a busy page does not wait for it, and holds nothing */
	KT_EQ(hold(p, 2, 2, PROT_READ, more), EAGAIN);
	uvm_vsrelease(pgs, 3, PROT_WRITE);
	KT_EQ(hold(p, 1, 3, PROT_READ, more), EAGAIN);
	KT_EQ(pgs[1]->pg_flags & PG_BUSY, 0);
	uvm_vsrelease(pgs + 3, 1, PROT_WRITE);
	KT_EQ(hold(p, 0, 4, PROT_READ, more), 0);
	uvm_vsrelease(more, 4, PROT_READ);
	unlock(p, 0, 4);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* What is shared with a child is not to be written to behind its back. */
KTEST(uvm_vshold_cow)
{
	struct vmspace *vm = ktf_space(), *child;
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct vm_page *pgs[4];

	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktm_fill(vm, 0, 4, 7);
	child = uvmspace_fork_vm(vm);
	KT_REQUIRE(hold(p, 0, 4, PROT_WRITE, pgs) == EAGAIN);
	KT_REQUIRE(hold(p, 0, 4, PROT_READ, pgs) == 0);
	uvm_vsrelease(pgs, 4, PROT_READ);
	/* once it has been locked for writing, the pages are its own */
	KT_EQ(lock(p, 0, 4, RW), 0);
	KT_EQ(hold(p, 0, 4, PROT_WRITE, pgs), 0);
	*(uint64_t *)VM_PAGE_TO_DMAP(pgs[2]) = 99;
	uvm_vsrelease(pgs, 4, PROT_WRITE);
	unlock(p, 0, 4);
	KT_EQ(ktf_read(vm, 2), 99);
	KT_CHECK(ktm_filled(child, 0, 4, 7));
	uvmspace_free(child);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* Unmapped, or the whole address space gone: the page stays the device's. */
KTEST(uvm_vshold_unmap)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct vm_page *pgs[4];

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_EQ(lock(p, 0, 4, RW), 0);
	KT_EQ(hold(p, 0, 4, PROT_WRITE, pgs), 0);
	uvm_unmap(&vm->vm_map, KTF_VA(1), KTF_VA(3));
	KT_CHECK(ktf_page(vm, KTF_VA(1)) == NULL);
	for (int i = 0; i < 4; i++) {
		KT_EQ(pgs[i]->pg_flags & (PQ_FREE | PQ_MAGAZINE), 0);
		KT_CHECK(pgs[i]->pg_flags & PG_BUSY);
	}
	uvm_vsrelease(pgs, 2, PROT_WRITE);
	unlock(p, 0, 4);
	uvmspace_free(vm);
	KT_CHECK(pgs[2]->pg_flags & PG_RELEASED);
	KT_CHECK(pgs[3]->pg_flags & PG_RELEASED);
	uvm_vsrelease(pgs + 2, 2, PROT_WRITE);
	ktm_proc_free(kp);
}

/* The same with the pages of a file that shrinks. */
static void
shrink(void *arg)
{
	struct uvm_object *uobj = arg;

	KT_EQ(uao_shrink(uobj, 0), 0);
}

KTEST(uvm_vshold_object)
{
	struct uvm_object *uobj = uao_create(ptoa(4), 0);
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct kt_thread *t;
	struct vm_page *pgs[4];

	KT_REQUIRE(uobj != NULL);
	uao_reference(uobj);
	ktf_map_obj(vm, KTF_VA(0), uobj, 4, false, MADV_RANDOM);
	ktf_write(vm, 0, 5);
	KT_EQ(lock(p, 0, 4, RW), 0);
	KT_EQ(hold(p, 0, 4, PROT_WRITE, pgs), 0);
	KT_CHECK(pgs[0]->uobject == uobj && pgs[0]->pg_flags & PG_BUSY);
	t = kt_spawn(shrink, uobj, 0);
	kt_sleep_ms(20);
	for (int i = 0; i < 4; i++)
		KT_EQ(pgs[i]->pg_flags & (PQ_FREE | PQ_MAGAZINE), 0);
	uvm_vsrelease(pgs, 4, PROT_WRITE);
	kt_join(t);
	unlock(p, 0, 4);
	uvmspace_free(vm);
	uao_detach(uobj);
	ktm_proc_free(kp);
}
