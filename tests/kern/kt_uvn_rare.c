/*
 * Objects of vnodes, what happens seldom: vnodes without an object, without a
 * size, without a way to write; errors in the middle; pages that are held.
 */
#include "kt_user.h"
#include "kt_tvfs.h"
#include <sys/errno.h>
#include <sys/pool.h>
#include <uvm/uvm_loan.h>

#define RW (PROT_READ | PROT_WRITE)

static struct vmspace *
map_file(struct tvnode *tv, int npages, int advice)
{
	struct vmspace *vm = ktf_space();
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, RW);

	KASSERT(uobj != NULL);
	ktf_map_obj(vm, KTF_BASE, uobj, npages, false, advice);
	return vm;
}

static void
detach(struct uvm_object *uobj)
{
	uobj->pgops->pgo_detach(uobj);
}

/* => word w of page i in memory, where it is mapped */
static uint64_t *
word_at(struct vmspace *vm, int i, int w)
{
	return (uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(i))) + w;
}

/* -- No object, no size ------------------------------------------------------- */

/* A file that nobody has mapped or read: there is nothing to do. */
KTEST(uvn_no_object)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct vnode *vp = &tv->tv_vnode;

	uvm_vnp_setsize(vp, (voff_t)PAGE_SIZE);
	uvm_vnp_text(vp, true);
	KT_EQ(uvm_vnp_flush(vp, 0, UVN_MAXOFF), 0);
	KT_CHECK(uvm_vnp_uncache(vp) == TRUE);
	uvm_vnp_terminate(vp);
	KT_CHECK(vp->v_uvm == NULL);
	KT_EQ(tv->tv_reads + tv->tv_writes, 0);
	tvfs_end(tv);
}

/* What cannot be mapped: no regular file, or a file system that cannot read. */
KTEST(uvn_attach_kinds)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct vnodeops ops = *tv->tv_vnode.v_op;
	const struct vnodeops *own = tv->tv_vnode.v_op;

	ops.vop_readpages = NULL;
	tv->tv_vnode.v_op = &ops;
	KT_CHECK(uvn_attach(&tv->tv_vnode, PROT_READ) == NULL);
	tv->tv_vnode.v_op = own;
	tv->tv_vnode.v_type = VDIR;
	KT_CHECK(uvn_attach(&tv->tv_vnode, PROT_READ) == NULL);
	tv->tv_vnode.v_type = VREG;
	KT_CHECK(tv->tv_vnode.v_uvm == NULL);
	tvfs_end(tv);
}

/* The size that is set counts, not what the attributes say later. */
KTEST(uvn_setsize_first)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm;

	tv->tv_noattr = true;
	KT_CHECK(uvn_attach(&tv->tv_vnode, RW) == NULL);
	KT_CHECK(tv->tv_vnode.v_uvm != NULL);
	uvm_vnp_setsize(&tv->tv_vnode, (voff_t)ptoa(2));
	tv->tv_noattr = false;
	vm = map_file(tv, 4, MADV_RANDOM);
	KT_EQ(ktf_read(vm, 1), 1001);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), EIO);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* -- Size --------------------------------------------------------------------- */

/* The last page is not in memory: nothing of others becomes zero. */
KTEST(uvn_shrink_absent)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct vmspace *vm = map_file(tv, 8, MADV_RANDOM);

	KT_EQ(ktf_read(vm, 1), 1001);
	KT_EQ(ktf_read(vm, 5), 1005);
	uvm_vnp_setsize(&tv->tv_vnode, (voff_t)ptoa(8)); /* as it is */
	KT_EQ(tvfs_resident(tv), 2);
	tvfs_setsize(tv, (off_t)(ptoa(3) + 100));
	KT_EQ(tvfs_resident(tv), 1);
	KT_EQ(*word_at(vm, 1, 0), 1001);
	KT_EQ(*word_at(vm, 1, TVFS_LAST), 2001);
	/* and with no page behind it either */
	tvfs_setsize(tv, (off_t)(ptoa(2) + 100));
	KT_EQ(tvfs_resident(tv), 1);
	KT_EQ(*word_at(vm, 1, TVFS_LAST), 2001);
	KT_EQ(ktf_read(vm, 2), 1002);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* A last page that cannot be read does not keep the file from growing. */
KTEST(uvn_grow_unreadable)
{
	struct tvnode *tv = tvfs_make((off_t)(PAGE_SIZE + 100));
	struct vmspace *vm = map_file(tv, 3, MADV_RANDOM);

	tv->tv_badr = 1UL << 1;
	tvfs_setsize(tv, (off_t)ptoa(3));
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO);
	KT_EQ(ktf_read(vm, 0), 1000);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	KT_EQ(tvfs_resident(tv), 2);
	tv->tv_badr = 0;
	uvmspace_free(vm);
	tvfs_end(tv);
}

#ifdef FAULT_INJECT
/* No memory for the last page just then: growing waits for it. */
KTEST(uvn_grow_nomem)
{
	struct tvnode *tv = tvfs_make(100);
	struct vmspace *vm = map_file(tv, 1, MADV_RANDOM);
	int calls;

	ktf_fail_nth(1);
	uvm_vnp_setsize(&tv->tv_vnode, (voff_t)PAGE_SIZE);
	calls = ktf_fail_end();
	KT_CHECK(calls > 1);
	KT_EQ(ktf_read(vm, 0), 1000);
	KT_EQ(*word_at(vm, 0, TVFS_LAST), 0);
	uvmspace_free(vm);
	tvfs_end(tv);
}
#endif

/* -- Errors ------------------------------------------------------------------- */

/* Of a read of one page there is no part to be tried alone. */
KTEST(uvn_read_error_alone)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm = map_file(tv, 4, MADV_RANDOM);

	tv->tv_failr = 1;
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO);
	KT_EQ(tv->tv_reads, 1);
	KT_EQ(tvfs_resident(tv), 0);
	KT_EQ(ktf_read(vm, 1), 1001);
	uvmspace_free(vm);
	tvfs_end(tv);
}

static int
allocate_error(struct vnode *vp, voff_t off, int n)
{
	return EIO;
}

/*
 * A hole that cannot be filled for another reason than space; and a file system
 * that need not be asked.
 */
KTEST(uvn_hole_error)
{
	struct tvnode *tv = tvfs_make_hole((off_t)ptoa(2));
	const struct vnodeops *own = tv->tv_vnode.v_op;
	struct vnodeops ops = *own;
	struct vmspace *vm = map_file(tv, 2, MADV_RANDOM);

	ops.vop_allocpages = allocate_error;
	tv->tv_vnode.v_op = &ops;
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), EIO);
	KT_EQ(tvfs_write_word(tv, 0, 5), EIO);
	KT_EQ(ktf_read(vm, 0), 0);
	ops.vop_allocpages = NULL;
	tv->tv_blocks = 1;
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	*word_at(vm, 0, 0) = 5;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 0, 0), 5);
	KT_EQ(tv->tv_allocs, 0);
	tv->tv_vnode.v_op = own;
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* What cannot be written when the vnode goes is lost, and said. */
KTEST(uvn_terminate_unwritten)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(tvfs_write_word(tv, 0, 5), 0);
	KT_EQ(tvfs_write_word(tv, 2, 6), 0);
	KT_EQ(KT_DELTA(&s, vnodepages), 4); /* neighbours were read along */
	tv->tv_badw = 1UL << 2;
	uvm_vnp_terminate(&tv->tv_vnode);
	KT_EQ(*tvfs_word(tv, 0, 0), 5);
	KT_EQ(*tvfs_word(tv, 2, 0), 1002);
	KT_CHECK(tv->tv_vnode.v_uvm == NULL);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	tvfs_end(tv);
}

/* -- Read only ---------------------------------------------------------------- */

/* A file system that cannot write is never asked to. */
KTEST(uvn_readonly_fs)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	const struct vnodeops *own = tv->tv_vnode.v_op;
	struct vnodeops ops = *own;
	struct vmspace *vm;
	struct uvmexp s;

	KT_SNAP(&s);
	ops.vop_writepages = NULL;
	tv->tv_vnode.v_op = &ops;
	vm = map_file(tv, 4, MADV_RANDOM);
	for (int i = 0; i < 4; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(uvm_map_clean(&vm->vm_map, KTF_VA(0), KTF_VA(4),
		  PGO_CLEANIT | PGO_SYNCIO | PGO_FREE),
	    0);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	KT_EQ(ktf_read(vm, 3), 1003);
	uvm_vnp_sync(NULL);
	uvmspace_free(vm);
	KT_EQ(tv->tv_writes, 0);
	tv->tv_vnode.v_op = own;
	tvfs_end(tv);
}

/* -- Pages that are held ------------------------------------------------------ */

/*
 * Of wired and lent pages a flush frees and unmaps none; a dirty one that was
 * not written stays too.
 */
KTEST(uvn_flush_held)
{
	struct tvnode *tv = tvfs_make(ptoa(5));
	struct vmspace *vm = map_file(tv, 5, MADV_RANDOM);
	struct uvm_object *uobj = ktf_entry(vm, 0)->object.uvm_obj;
	struct vm_page *lent = NULL;

	for (int i = 0; i < 5; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(1), KTF_VA(2), FALSE, 0), 0);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_VA(2), PAGE_SIZE, (void **)&lent,
		  UVM_LOAN_TOPAGE),
	    0);
	KT_EQ(tvfs_write_word(tv, 3, 5), 0);
	rw_enter_write(&uobj->uo_lock);
	KT_CHECK(uvn_flush(uobj, 0, (voff_t)ptoa(5), PGO_DEACTIVATE));
	rw_exit(&uobj->uo_lock);
	KT_EQ(tvfs_resident(tv), 5);
	for (int i = 0; i < 5; i++)
		KT_EQ(ktf_page(vm, KTF_VA(i)) != NULL, i == 1 || i == 2);
	rw_enter_write(&uobj->uo_lock);
	KT_CHECK(uvn_flush(uobj, 0, (voff_t)ptoa(5), PGO_FREE));
	rw_exit(&uobj->uo_lock);
	KT_EQ(tvfs_resident(tv), 3);
	KT_CHECK(lent != NULL && lent->loan_count == 1);
	tv->tv_reads = 0;
	KT_EQ(ktf_read(vm, 3), 5);
	KT_EQ(tv->tv_reads, 0);
	uvm_unloanpage(&lent, 1);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* What is lent keeps what was behind the new end: the file parts with it. */
KTEST(uvn_setsize_lent)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct vmspace *vm = map_file(tv, 2, MADV_RANDOM);
	struct vm_page *lent = NULL;
	uint64_t *words;

	KT_EQ(ktf_read(vm, 1), 1001);
	KT_EQ(*word_at(vm, 1, TVFS_LAST), 2001);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_VA(1), PAGE_SIZE, (void **)&lent,
		  UVM_LOAN_TOPAGE),
	    0);
	KT_REQUIRE(lent != NULL);
	words = (uint64_t *)VM_PAGE_TO_DMAP(lent);
	tvfs_setsize(tv, (off_t)(ptoa(1) + PAGE_SIZE / 2));
	KT_EQ(words[0], 1001);
	KT_EQ(words[TVFS_LAST], 2001);
	KT_EQ(ktf_read(vm, 1), 1001);
	KT_EQ(*word_at(vm, 1, TVFS_LAST), 0);
	KT_CHECK(ktf_page(vm, KTF_VA(1)) != lent);
	uvm_unloanpage(&lent, 1);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* => a page of zeros that nobody owns, as who puts it has it */
static struct vm_page *
unowned_page(void)
{
	struct vm_page *pg;

	while ((pg = uvm_page_get_unowned(UVM_PGA_ZERO)) == NULL)
		uvm_wait("kt_uvn");
	return pg;
}

/* Pages are put where there is none, within the file, while there is one. */
KTEST(uvn_put_refused)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct vmspace *vm = map_file(tv, 2, MADV_RANDOM);
	struct uvm_object *uobj = ktf_entry(vm, 0)->object.uvm_obj;
	struct vm_page *pg = unowned_page();

	KT_EQ(ktf_read(vm, 0), 1000);
	rw_enter_write(&uobj->uo_lock);
	KT_EQ(uvn_put_page(uobj, (voff_t)ptoa(2), pg), EIO);
	KT_EQ(uvn_put_page(uobj, 0, pg), EEXIST);
	tv->tv_vnode.v_uvm->u_flags |= UVN_DEAD;
	KT_EQ(uvn_put_page(uobj, (voff_t)ptoa(1), pg), EIO);
	tv->tv_vnode.v_uvm->u_flags &= ~(u_int)UVN_DEAD;
	KT_EQ(uobj->uo_npages, 1);
	KT_EQ(uvn_put_page(uobj, (voff_t)ptoa(1), pg), 0);
	KT_EQ(uobj->uo_npages, 2);
	rw_exit(&uobj->uo_lock);
	KT_EQ(ktf_read(vm, 1), 0);
	uvmspace_free(vm);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 0);
	KT_EQ(*tvfs_word(tv, 0, 0), 1000);
	tvfs_end(tv);
}

/* -- Uncaching ---------------------------------------------------------------- */

/* In the write that the last detach waits for somebody attaches. */
static void
attach_meanwhile(struct tvnode *tv, bool write)
{
	tv->tv_during = NULL;
	KT_CHECK(write);
	tv->tv_arg = uvn_attach(&tv->tv_vnode, PROT_READ);
}

/* Whoever came while the pages were written has to see them go. */
KTEST(uvn_uncache_again)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, RW);
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(tvfs_write_word(tv, 1, 5), 0);
	KT_CHECK(uvm_vnp_uncache(&tv->tv_vnode) == FALSE);
	tv->tv_during = attach_meanwhile;
	detach(uobj);
	KT_CHECK(tv->tv_arg == uobj);
	KT_EQ(uobj->uo_refs, 1);
	KT_EQ(*tvfs_word(tv, 1, 0), 5);
	KT_EQ(tvfs_read_word(tv, 1), 5);
	KT_EQ(KT_DELTA(&s, vnodepages), 1);
	detach(uobj);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	tvfs_end(tv);
}

/* -- Errors of writes ---------------------------------------------------------- */

/* In each write of a sync somebody else asks for errors, of the first page. */
static void
ask_meanwhile(struct tvnode *tv, bool write)
{
	u_int *told = tv->tv_arg;

	KT_CHECK(write);
	tv->tv_during = NULL;
	*told += uvm_vnp_flush(&tv->tv_vnode, 0, (voff_t)PAGE_SIZE) == EIO;
	tv->tv_during = ask_meanwhile;
}

/* => dirty pages that no request takes together, from page 2 on */
static void
make_scattered(struct tvnode *tv)
{
	for (int i = 2; i < 16; i += 2)
		KT_EQ(tvfs_write_word(tv, i, 700 + (uint64_t)i), 0);
}

static bool
pager_flush(struct tvnode *tv)
{
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, RW);
	bool ok;

	rw_enter_write(&uobj->uo_lock);
	ok = uobj->pgops->pgo_flush(
	    uobj, 0, 0, PGO_ALLPAGES | PGO_CLEANIT | PGO_SYNCIO);
	rw_exit(&uobj->uo_lock);
	detach(uobj);
	return ok;
}

/* Who could not write is told, even if another one was told meanwhile. */
KTEST(uvn_error_taken)
{
	struct tvnode *tv = tvfs_make(ptoa(16));
	u_int told = 0;

	tv->tv_arg = &told;
	tv->tv_badw = 1UL << 2;
	make_scattered(tv);
	tv->tv_during = ask_meanwhile;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), EIO);
	KT_EQ(told, 1);
	make_scattered(tv);
	KT_CHECK(!pager_flush(tv));
	KT_EQ(told, 2);
	/* and once */
	tv->tv_during = NULL;
	tv->tv_badw = 0;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 2, 0), 702);
	tvfs_end(tv);
}

/* Who writes in passing says what he could not write, not what others could
 * not. */
KTEST(uvn_error_in_passing)
{
	struct tvnode *tv = tvfs_make(ptoa(16));
	struct mount *mp = (struct mount *)tv;
	u_int told = 0;

	tv->tv_vnode.v_mount = mp;
	tv->tv_arg = &told;
	tv->tv_badw = 1;
	KT_EQ(tvfs_write_word(tv, 0, 5), 0);
	make_scattered(tv);
	tv->tv_during = ask_meanwhile;
	KT_EQ(uvm_vnp_write(&tv->tv_vnode, (voff_t)ptoa(2), UVN_MAXOFF), 0);
	KT_EQ(told, 7);
	tv->tv_during = NULL;
	KT_EQ(uvm_vnp_writeall(mp), EIO);
	KT_EQ(uvm_vnp_write(&tv->tv_vnode, 0, UVN_MAXOFF), EIO);
	tv->tv_badw = 0;
	KT_EQ(uvm_vnp_writeall(mp), 0);
	/* it was kept for who asks */
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), EIO);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 0, 0), 5);
	tvfs_end(tv);
}
