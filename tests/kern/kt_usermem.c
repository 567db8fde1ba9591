/*
 * What a process's memory meets besides its own accesses: sysctl, read and
 * write of files, device transfers, pagers that do everything themselves; and
 * the auditor's own eyes.
 */
#include "kt_map.h"
#include "kt_user.h"
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/pool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <uvm/uvm_amap.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_mman.h>
#include <uvm/uvm_sysctl.h>
#include <uvm_bsd.h>

#define RW    (PROT_READ | PROT_WRITE)
#define FIXED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define NOFD  ((uint64_t)-1)

/* -- sysctl --------------------------------------------------------------------------- */

/* User addresses of what a call of sysctl needs; pages 200 to 239 are mapped. */
#define NAME     KTF_VA(200)
#define LEN      KTF_VA(201)
#define NEW      KTF_VA(202)
#define OLD      KTF_VA(203)
#define UNMAPPED KTF_VA(300)

static void
sysctl_space(struct kt_user *ku)
{
	kt_user_enter(ku);
	kt_user_map(200, 240);
}

/* => error; name of n words, room for the answer, a new int (or none) */
static int
sysctl(int n, int id, int arg, size_t room, const int *new)
{
	const int name[3] = { CTL_VM, id, arg };

	KT_EQ(copyout(name, (void *)NAME, sizeof(name)), 0);
	kt_user_store(LEN, room);
	if (new != NULL)
		KT_EQ(copyout(new, (void *)NEW, sizeof(*new)), 0);
	return KT_CALL(sys_bsd_sysctl, NAME, (uint64_t)n, OLD, LEN,
	    new != NULL ? NEW : 0, sizeof(int));
}

static int
old_int(void)
{
	int value = -1;

	KT_EQ(copyin((void *)OLD, &value, sizeof(value)), 0);
	return value;
}

KTEST(sysctl_arguments)
{
	struct kt_user ku;
	int kern[2] = { 1, 1 };

	sysctl_space(&ku);
	KT_EQ(sysctl(1, VM_MAXSLP, 0, 4, NULL), ENOTDIR);
	KT_EQ(sysctl(13, VM_MAXSLP, 0, 4, NULL), ENOTDIR);
	KT_EQ(sysctl(3, VM_MAXSLP, 0, 4, NULL), ENOTDIR);
	KT_EQ(sysctl(2, 99, 0, 4, NULL), EOPNOTSUPP);
	KT_EQ(KT_CALL(sys_bsd_sysctl, UNMAPPED, 2), EFAULT);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, OLD, UNMAPPED), EFAULT);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, OLD, 0), EFAULT);
	KT_EQ(sysctl(2, VM_MAXSLP, 0, 3, NULL), ENOMEM);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, 0, LEN), 0);
	KT_EQ(kt_user_load(LEN), sizeof(int)); /* how large it is */
	kt_user_store(LEN, 4);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, UNMAPPED, LEN), EFAULT);
	KT_EQ(copyout(kern, (void *)NAME, sizeof(kern)), 0);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, OLD, LEN), EOPNOTSUPP);
	kt_user_leave(&ku);
}

KTEST(sysctl_values)
{
	static const int ids[] = { VM_METER, VM_LOADAVG, VM_UVMEXP,
		VM_NKMEMPAGES, VM_MAXSLP, VM_USPACE, VM_UVM_RESOURCES };
	static const size_t size[] = { sizeof(struct vmtotal),
		sizeof(struct loadavg), sizeof(struct uvmexp), 4, 4, 4,
		sizeof(struct uvm_resources) };
	struct kt_user ku;
	struct vmtotal vt;
	int new = 5;

	sysctl_space(&ku);
	for (size_t i = 0; i < nitems(ids); i++) {
		KT_EQ(sysctl(2, ids[i], 0, 8192, NULL), 0);
		KT_EQ(kt_user_load(LEN), size[i]);
		KT_EQ(sysctl(2, ids[i], 0, 8192, &new), EPERM);
	}
	KT_EQ(sysctl(2, VM_USPACE, 0, 4, NULL), 0);
	KT_EQ(old_int(), USPACE);
	KT_EQ(sysctl(2, VM_METER, 0, sizeof(vt), NULL), 0);
	KT_EQ(copyin((void *)OLD, &vt, sizeof(vt)), 0);
	KT_CHECK(vt.t_free > 0 && vt.t_rm > 0);
	kt_user_leave(&ku);
}

KTEST(sysctl_minimum)
{
	struct kt_user ku;
	int was = uvmexp.anonminpct, new = 20, much = 90, minus = -1;

	sysctl_space(&ku);
	KT_EQ(sysctl(2, VM_ANONMIN, 0, 4, NULL), 0);
	KT_EQ(old_int(), was);
	KT_EQ(sysctl(2, VM_ANONMIN, 0, 4, &new), 0);
	KT_EQ(old_int(), was);
	KT_EQ(uvmexp.anonminpct, 20);
	KT_EQ(uvmexp.anonmin, 20 * 256 / 100);
	KT_EQ(sysctl(2, VM_ANONMIN, 0, 4, &much), EINVAL);
	KT_EQ(sysctl(2, VM_VNODEMIN, 0, 4, &much), EINVAL);
	KT_EQ(sysctl(2, VM_VTEXTMIN, 0, 4, &minus), EINVAL);
	KT_EQ(sysctl(2, VM_ANONMIN, 0, 4, &minus), EINVAL);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, 0, 0, NEW, 8), EINVAL);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, 0, 0, UNMAPPED, 4), EFAULT);
	KT_EQ(uvmexp.anonminpct, 20);
	ku.ku_cred.cr_uid = 1000;
	KT_EQ(sysctl(2, VM_ANONMIN, 0, 4, &was), EPERM);
	KT_EQ(uvmexp.anonminpct, 20);
	ku.ku_cred.cr_uid = 0;
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, 0, 0, NEW, 4), 0);
	KT_EQ(uvmexp.anonminpct, was);
	kt_user_leave(&ku);
}

/* VM_METER without its memory: what threads of programs do. */
static struct vmtotal
thread_total(void)
{
	struct vmtotal vt = { 0 };
	size_t len = sizeof(vt);

	KT_EQ(uvm_sysctl_kern(VM_METER, &vt, &len, NULL, 0), 0);
	return vt;
}

#define NOWHERE SIZE_MAX

/* A thread that never runs, as it is seen for a moment, and what counts it. */
static const struct {
	uint32_t flag;
	int stat;
	uint8_t priority;
	uint16_t slept; /* seconds */
	bool on_page; /* it waits for a page that is busy */
	size_t member; /* of struct vmtotal */
} threads[] = {
	{ P_INMEM, SRUN, PWAIT, 0, false, offsetof(struct vmtotal, t_rq) },
	{ P_INMEM, SONPROC, PWAIT, 0, false, offsetof(struct vmtotal, t_rq) },
	{ P_INMEM, SIDL, PWAIT, 0, false, offsetof(struct vmtotal, t_rq) },
	{ P_INMEM | P_IDLE, SRUN, PWAIT, 0, false, NOWHERE },
	{ P_INMEM, SSLEEP, PVM, 0, true, offsetof(struct vmtotal, t_pw) },
	{ P_INMEM, SSLEEP, PVM, 0, false, offsetof(struct vmtotal, t_dw) },
	{ P_INMEM, SSLEEP, PWAIT, 0, false, offsetof(struct vmtotal, t_sl) },
	{ P_INMEM, SSLEEP, PWAIT, 1000, false, NOWHERE },
	{ P_INMEM, SSTOP, PWAIT, 0, false, NOWHERE },
	{ 0, SSLEEP, PWAIT, 1000, false, offsetof(struct vmtotal, t_sw) },
};

/* => the only thread of the process, which everybody sees, is number i */
static void
show_thread(struct ktm_proc *kp, size_t i)
{
	struct proc *p = &kp->kp_proc;

	p->p_flag = threads[i].flag;
	p->p_stat = threads[i].stat;
	p->p_priority = threads[i].priority;
	p->p_slptime = threads[i].slept;
	p->p_wchan = threads[i].on_page
	    ? (void *)&vm_physmem[vm_nphysseg - 1].pgs[1]
	    : (void *)kp;
	rw_enter_write(&proctree_lock);
	LIST_INSERT_HEAD(&allprocess, &kp->kp_process, ps_list);
	rw_exit(&proctree_lock);
}

static void
hide_thread(struct ktm_proc *kp)
{
	rw_enter_write(&proctree_lock);
	LIST_REMOVE(&kp->kp_process, ps_list);
	rw_exit(&proctree_lock);
}

KTEST(sysctl_vmtotal_threads)
{
	static const size_t member[] = { offsetof(struct vmtotal, t_rq),
		offsetof(struct vmtotal, t_dw), offsetof(struct vmtotal, t_pw),
		offsetof(struct vmtotal, t_sl),
		offsetof(struct vmtotal, t_sw) };
	struct ktm_proc *kp = ktm_proc_make(NULL);
	struct vmtotal before, with;

	TAILQ_INIT(&kp->kp_process.ps_threads);
	TAILQ_INSERT_TAIL(&kp->kp_process.ps_threads, &kp->kp_proc, p_thr_link);
	for (size_t i = 0; i < nitems(threads); i++) {
		before = thread_total();
		show_thread(kp, i);
		with = thread_total();
		hide_thread(kp);
		for (size_t k = 0; k < nitems(member); k++)
			KT_EQ(*(int32_t *)(void *)((char *)&with + member[k]) -
				*(int32_t *)(void *)((char *)&before +
				    member[k]),
			    member[k] == threads[i].member);
	}
	ktm_proc_free(kp);
}

/* Of the writer of dirty pages: how old they get, how many there may be. */
KTEST(sysctl_dirty)
{
	static const struct {
		int id, least, most;
	} knob[] = { { VM_DIRTYAGE, 1, 86400 }, { VM_DIRTYMIN, 0, 100 },
		{ VM_DIRTYMAX, 0, 100 } };
	struct kt_user ku;
	int was, new;

	sysctl_space(&ku);
	KT_EQ(sysctl(2, VM_DIRTY, 0, 4, NULL), 0);
	KT_CHECK(old_int() >= 0);
	new = 1;
	KT_EQ(sysctl(2, VM_DIRTY, 0, 4, &new), EPERM);
	for (size_t i = 0; i < nitems(knob); i++) {
		KT_EQ(sysctl(2, knob[i].id, 0, 4, NULL), 0);
		was = old_int();
		new = knob[i].least - 1;
		KT_EQ(sysctl(2, knob[i].id, 0, 4, &new), EINVAL);
		new = knob[i].most + 1;
		KT_EQ(sysctl(2, knob[i].id, 0, 4, &new), EINVAL);
		KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, 0, 0, NEW, 2), EINVAL);
		new = knob[i].most;
		ku.ku_cred.cr_uid = 1000;
		KT_EQ(sysctl(2, knob[i].id, 0, 4, &new), EPERM);
		ku.ku_cred.cr_uid = 0;
		/* the old value goes out, the new one shows the next time */
		KT_EQ(sysctl(2, knob[i].id, 0, 4, &new), 0);
		KT_EQ(old_int(), was);
		KT_EQ(sysctl(2, knob[i].id, 0, 4, NULL), 0);
		KT_EQ(old_int(), new);
		KT_EQ(copyout(&was, (void *)NEW, sizeof(was)), 0);
		KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 2, 0, 0, NEW, 4), 0);
		KT_EQ(sysctl(2, knob[i].id, 0, 4, NULL), 0);
		KT_EQ(old_int(), was);
	}
	kt_user_leave(&ku);
}

/* => the entry of the answer that begins at page i; panics if there is none */
static struct uvm_mapinfo
info_at(int i)
{
	struct uvm_mapinfo mi;
	vaddr_t va;

	for (va = OLD; va < OLD + kt_user_load(LEN); va += sizeof(mi)) {
		if (copyin((void *)va, &mi, sizeof(mi)) == 0 &&
		    mi.start == KTF_VA(i))
			return mi;
	}
	panic("no entry at page %d", i);
}

static void
check_info(int i, uint32_t type, uint32_t flags, uint64_t resident,
    uint64_t anon, const char *name)
{
	struct uvm_mapinfo mi = info_at(i);

	KT_EQ(mi.type, type);
	KT_EQ(mi.flags, flags);
	KT_EQ(mi.resident, resident);
	KT_EQ(mi.anon, anon);
	KT_CHECK(strcmp(mi.name, name) == 0);
}

KTEST(sysctl_mapinfo)
{
	struct kt_user ku;
	vaddr_t hole = KTF_VA(30);
	uint64_t fd;
	int new = 1;

	sysctl_space(&ku);
	fd = (uint64_t)kt_user_file(4, O_RDWR);
	kt_user_map(0, 2); /* the heap */
	ku.ku_vm->vm_brkbase = KTF_VA(0);
	ku.ku_vm->vm_brk = KTF_VA(2);
	kt_user_store(KTF_VA(0), 1);
	kt_user_map(4, 6); /* the stack */
	ku.ku_vm->vm_maxsaddr = KTF_VA(4);
	ku.ku_vm->vm_minsaddr = KTF_VA(6);
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(8), ptoa(3), RW, MAP_PRIVATE | MAP_FIXED,
		  fd),
	    0);
	kt_user_store(KTF_VA(9), 1);
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(12), ptoa(4), RW, MAP_SHARED | MAP_FIXED,
		  fd),
	    0);
	kt_user_map(20, 21);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(20), ptoa(1)), 0);
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(40), ptoa(1), RW, FIXED | MAP_GROWSDOWN,
		  NOFD),
	    0);
	ku.ku_vm->vm_sigcode = KTF_VA(24);
	kt_user_map(24, 25);
	KT_EQ(uvm_map(&ku.ku_vm->vm_map, &hole, ptoa(2), NULL,
		  UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(PROT_NONE, PROT_NONE, UVM_INH_NONE,
		      UVM_ADV_NORMAL, UVM_FLAG_FIXED | UVM_FLAG_HOLE)),
	    0);
	KT_EQ(sysctl(3, VM_UVM_MAPINFO, 0, 8192, &new), EPERM);
	KT_EQ(sysctl(3, VM_UVM_MAPINFO, 31999, 8192, NULL), ESRCH);
	KT_EQ(sysctl(3, VM_UVM_MAPINFO, 0, 100, NULL), ENOMEM);
	KT_EQ(KT_CALL(sys_bsd_sysctl, NAME, 3, 0, LEN), 0);
	KT_CHECK(kt_user_load(LEN) >=
	    (uint64_t)ktm_entries(ku.ku_vm) * sizeof(struct uvm_mapinfo));
	KT_EQ(sysctl(3, VM_UVM_MAPINFO, 0, 32768, NULL), 0);
	KT_EQ(kt_user_load(LEN),
	    (uint64_t)ktm_entries(ku.ku_vm) * sizeof(struct uvm_mapinfo));
	check_info(0, UVM_MI_ANON, UVM_MI_F_COPYONW, 1, 1, "heap");
	check_info(4, UVM_MI_ANON, UVM_MI_F_COPYONW | UVM_MI_F_NEEDSCOPY, 0, 0,
	    "stack");
	check_info(8, UVM_MI_FILE, UVM_MI_F_COPYONW, 3, 1, "");
	check_info(12, UVM_MI_AOBJ, 0, 4, 0, "");
	check_info(20, UVM_MI_ANON,
	    UVM_MI_F_COPYONW | UVM_MI_F_NEEDSCOPY | UVM_MI_F_IMMUTABLE, 0, 0,
	    "");
	check_info(24, UVM_MI_ANON, UVM_MI_F_COPYONW | UVM_MI_F_NEEDSCOPY, 0, 0,
	    "sigcode");
	check_info(30, UVM_MI_HOLE, 0, 0, 0, "");
	check_info(40, UVM_MI_ANON,
	    UVM_MI_F_COPYONW | UVM_MI_F_NEEDSCOPY | UVM_MI_F_STACK, 0, 0,
	    "stack");
	KT_EQ(sysctl(2, VM_UVM_PROCINFO, 0, 8192, &new), EPERM);
	KT_EQ(sysctl(2, VM_UVM_PROCINFO, 0, 100 * 1024, NULL), 0);
	kt_user_leave(&ku);
}

/* A kernel thread's load average; each fifth call is a sample. */
KTEST(sysctl_loadavg)
{
	uint32_t before = averunnable.ldavg[0];

	averunnable.ldavg[0] = 100 * FSCALE;
	for (int i = 0; i < 5; i++)
		uvm_meter();
	/* it decays towards the few threads that run: 1884 / 2048 */
	KT_RANGE(averunnable.ldavg[0], 84 * FSCALE, 99 * FSCALE);
	averunnable.ldavg[0] = before;
}

/* -- Layout ------------------------------------------------------------------------------ */

KTEST(aslr_base)
{
	struct vmspace *vm = ktf_space();
	vm_map_t map = &vm->vm_map;
	vaddr_t base, one;

	uvm_map_set_seed(map, 0);
	base = map->vm_base;
	uvm_map_set_seed(map, 1);
	one = map->vm_base;
	KT_CHECK(one > base && one < vm_map_max(map));
	KT_EQ(one & PAGE_MASK, 0);
	uvm_map_set_seed(map, 2);
	KT_CHECK(map->vm_base != one);
	uvm_map_set_seed(map, 1);
	KT_EQ(map->vm_base, one);
	uvmspace_free(vm);
	/* a space that ends below */
	vm = uvmspace_alloc(VM_MIN_ADDRESS, 1UL << 30, TRUE, TRUE);
	uvm_map_set_seed(&vm->vm_map, 1);
	KT_EQ(vm->vm_map.vm_base, VM_MIN_ADDRESS);
	uvmspace_free(vm);
}

/* The first program of a process that the kernel made. */
KTEST(space_exec_first)
{
	struct kt_user ku;
	struct vmspace *old;

	kt_user_enter(&ku);
	old = ku.ku_vm;
	pmap_deactivate(curproc);
	curproc->p_vmspace = ku.ku_process->ps_vmspace = NULL;
	uvmspace_exec(curproc, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	KT_CHECK(curproc->p_vmspace == ku.ku_process->ps_vmspace);
	ku.ku_vm = curproc->p_vmspace;
	KT_REQUIRE(ku.ku_vm != NULL && ku.ku_vm != old);
	kt_user_map(0, 1);
	kt_user_store(KTF_VA(0), 5);
	KT_EQ(ktf_read(ku.ku_vm, 0), 5);
	uvmspace_free(old);
	kt_user_leave(&ku);
}

/* -- read and write ------------------------------------------------------------------------ */

static int
file_io(kt_syscall *fn, uint64_t fd, vaddr_t va, size_t len, uint64_t off)
{
	return kt_user_call(fn, (const uint64_t[6]){ fd, va, len, off });
}

KTEST(uiomove_file)
{
	struct kt_user ku;
	struct uvm_object *obj;
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(8, O_RDWR);
	kt_user_map(0, 4);
	KT_EQ(KT_CALL(sys_ftruncate, fd, ptoa(64)), 0);
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(10), ptoa(64), RW,
		  MAP_SHARED | MAP_FIXED, fd),
	    0);
	obj = ktf_entry(ku.ku_vm, 10)->object.uvm_obj;
	KT_EQ(obj->uo_npages, 8);
	kt_user_store(KTF_VA(0), 77);
	/* a hole reads as zeros and stays one */
	KT_EQ(file_io(sys_pread64, fd, KTF_VA(0), 8, ptoa(20)), 0);
	KT_EQ(kt_result, 8);
	KT_EQ(kt_user_load(KTF_VA(0)), 0);
	KT_EQ(obj->uo_npages, 8);
	KT_CHECK(uao_has_page(obj, ptoa(7) + 5));
	KT_CHECK(!uao_has_page(obj, ptoa(8)));
	/* across a page, to where there was none */
	kt_user_store(KTF_VA(0), 0x1122334455667788);
	KT_EQ(file_io(sys_pwrite64, fd, KTF_VA(0), 8, ptoa(21) - 4), 0);
	KT_EQ(obj->uo_npages, 10);
	KT_EQ(file_io(sys_pread64, fd, KTF_VA(1), 8, ptoa(21) - 4), 0);
	KT_EQ(kt_user_load(KTF_VA(1)), 0x1122334455667788);
	/* a buffer that is the very page */
	KT_EQ(file_io(sys_pwrite64, fd, KTF_VA(12), 8, ptoa(2) + 64), 0);
	KT_EQ(kt_user_load(KTF_VA(12) + 64), 2);
	/* it ends where the buffer does */
	KT_EQ(file_io(sys_pread64, fd, KTF_VA(2), ptoa(4), ptoa(1)), 0);
	KT_EQ(kt_result, ptoa(2));
	KT_EQ(file_io(sys_pread64, fd, KTF_VA(5), ptoa(1), ptoa(1)), EFAULT);
	KT_EQ(file_io(sys_pwrite64, fd, KTF_VA(5), ptoa(1), ptoa(30)), EFAULT);
	KT_EQ(file_io(sys_pread64, fd, KTF_VA(5), ptoa(1), ptoa(40)), EFAULT);
	kt_user_leave(&ku);
}

/* The page that is moved is busy for a while. */
static struct {
	struct uvm_object *obj;
	struct vm_page *pg;
} slow;

static void
unbusy_later(void *arg)
{
	kt_sleep_ms(5);
	rw_enter_write(&slow.obj->uo_lock);
	(void)uvm_page_unbusy(slow.pg);
	rw_exit(&slow.obj->uo_lock);
}

/* => errno of moving the first word of obj */
static int
move_word(struct uvm_object *obj, uint64_t *word, enum uio_rw rw)
{
	struct iovec iov = { word, sizeof(*word) };
	struct uio uio = { &iov, 1, 0, sizeof(*word), UIO_SYSSPACE, rw, curproc,
		0 };

	return uvm_obj_uiomove(obj, &uio, sizeof(*word));
}

KTEST(uiomove_busy)
{
	struct kt_thread *t;
	uint64_t word = 5;

	slow.obj = uao_create(ptoa(4), 0);
	KT_EQ(move_word(slow.obj, &word, UIO_WRITE), 0);
	rw_enter_write(&slow.obj->uo_lock);
	slow.pg = uvm_pagelookup(slow.obj, 0);
	atomic_or(&slow.pg->pg_flags, PG_BUSY);
	rw_exit(&slow.obj->uo_lock);
	t = kt_spawn(unbusy_later, NULL, 0);
	word = 0;
	KT_EQ(move_word(slow.obj, &word, UIO_READ), 0);
	KT_EQ(word, 5);
	KT_EQ(slow.pg->pg_flags & PG_BUSY, 0);
	KT_EQ(slow.pg->wire_count, 0);
	kt_join(t);
	uao_detach(slow.obj);
}

/* -- A pager that takes whole faults, as devices have ---------------------------------------- */

static struct {
	struct uvm_object obj; /* first */
	struct vm_page *pg; /* what it maps */
	int answer[4]; /* of the next faults */
	int faults;
} device;

static void
device_reference(struct uvm_object *uobj)
{
	rw_enter_write(&uobj->uo_lock);
	uobj->uo_refs++;
	rw_exit(&uobj->uo_lock);
}

static void
device_detach(struct uvm_object *uobj)
{
	rw_enter_write(&uobj->uo_lock);
	uobj->uo_refs--;
	rw_exit(&uobj->uo_lock);
}

static int
device_fault(struct uvm_faultinfo *ufi, vaddr_t va, struct vm_page **pps,
    int npages, int centre, vm_fault_t type, vm_prot_t access, int flags)
{
	int rv = device.answer[device.faults++];

	if (rv == VM_PAGER_OK &&
	    pmap_enter(vm_map_pmap(ufi->orig_map), va,
		VM_PAGE_TO_PHYS(device.pg), ufi->entry->protection,
		access | PMAP_CANFAIL) != 0)
		rv = VM_PAGER_AGAIN;
	uvmfault_unlockmaps(ufi, FALSE);
	return rv;
}

static int
device_get(struct uvm_object *uobj, voff_t off, struct vm_page **pps,
    int *npages, int centre, vm_prot_t access, int advice, int flags)
{
	if (flags & PGO_LOCKED)
		return VM_PAGER_UNLOCK;
	rw_exit(&uobj->uo_lock);
	return VM_PAGER_ERROR;
}

static const struct uvm_pagerops device_ops = {
	.pgo_reference = device_reference,
	.pgo_detach = device_detach,
	.pgo_fault = device_fault,
	.pgo_get = device_get,
};

KTEST(fault_device)
{
	struct vmspace *vm = ktf_space();
	struct vm_page *pgs[1];
	struct uvmexp s;

	device.pg = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_ZERO);
	KT_REQUIRE(device.pg != NULL);
	device.faults = 0;
	memset(device.answer, 0, sizeof(device.answer));
	uvm_obj_init(&device.obj, &device_ops, 1);
	ktf_map_obj(vm, KTF_VA(0), &device.obj, 2, false, MADV_NORMAL);
	device.answer[0] = VM_PAGER_REFAULT;
	device.answer[1] = VM_PAGER_AGAIN;
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, RW), 0);
	KTF_EXPECT(&s, .faults = 1, .fltnoram = 1, .flt_obj = 1);
	KT_EQ(device.faults, 3);
	*(volatile uint64_t *)VM_PAGE_TO_DMAP(device.pg) = 99;
	KT_EQ(ktf_read(vm, 0), 99);
	device.faults = 0;
	device.answer[0] = VM_PAGER_ERROR;
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO);
	KT_EQ(ktf_prot(vm, 1), -1);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_VA(0), PAGE_SIZE, (void **)pgs,
		  UVM_LOAN_TOPAGE),
	    EINVAL);
	/* below private memory it is asked as well */
	device.faults = 0;
	device.answer[0] = VM_PAGER_OK;
	device_reference(&device.obj);
	ktf_map_obj(vm, KTF_VA(4), &device.obj, 2, true, MADV_NORMAL);
	KT_EQ(amap_copy(&vm->vm_map, ktf_entry(vm, 4), true, false, KTF_VA(4),
		  KTF_VA(6)),
	    0);
	KT_EQ(ktf_fault(vm, 4, PROT_READ), 0);
	KT_EQ(ktf_read(vm, 4), 99);
	/* nothing to flush, and nothing is */
	KT_EQ(uvm_map_clean(
		  &vm->vm_map, KTF_VA(0), KTF_VA(2), PGO_CLEANIT | PGO_SYNCIO),
	    0);
	uvmspace_free(vm);
	KT_EQ(device.obj.uo_refs, 0);
	uvm_obj_destroy(&device.obj);
	uvm_pagefree(device.pg);
}

KTEST(uiomove_error)
{
	uint64_t word = 0;

	uvm_obj_init(&device.obj, &device_ops, 1);
	KT_EQ(move_word(&device.obj, &word, UIO_READ), EIO);
	KT_EQ(move_word(&device.obj, &word, UIO_WRITE), EIO);
	device_detach(&device.obj);
	uvm_obj_destroy(&device.obj);
}

/* Memory that is only reserved. */
KTEST(fault_hole)
{
	struct vmspace *vm = ktf_space();
	struct vm_page *pgs[1];
	vaddr_t va = KTF_VA(0);

	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(4), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(RW, RW, UVM_INH_COPY, UVM_ADV_NORMAL,
		      UVM_FLAG_FIXED | UVM_FLAG_HOLE)),
	    0);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EFAULT);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_VA(0), PAGE_SIZE, (void **)pgs,
		  UVM_LOAN_TOPAGE),
	    EFAULT);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(1), FALSE, 0),
	    EFAULT);
	KT_EQ(vm->vm_map.size, 0);
	KT_EQ(
	    uvm_map_protect_nogap(&vm->vm_map, KTF_VA(0), KTF_VA(1), PROT_READ),
	    ENOMEM);
	uvmspace_free(vm);
}

/* -- Transfers of devices ----------------------------------------------------------------------- */

KTEST(physio_hold)
{
	struct kt_user ku;
	struct vm_page *pgs[8];
	struct uvmexp s;
	caddr_t addr = (caddr_t)KTF_VA(0);
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(4, O_RDWR);
	kt_user_map(0, 4);
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(4), ptoa(4), RW, MAP_PRIVATE | MAP_FIXED,
		  fd),
	    0);
	kt_user_store(KTF_VA(1), 11);
	KT_EQ(uvm_vslock(curproc, addr, ptoa(8), RW), 0);
	KT_EQ(uvm_vshold(curproc, KTF_VA(0), 8, RW, pgs), 0);
	for (int i = 0; i < 8; i++) {
		KT_CHECK(pgs[i] == ktf_page(ku.ku_vm, KTF_VA(i)));
		KT_CHECK(pgs[i]->pg_flags & PG_BUSY);
	}
	/* again: they are busy, and the first ones are let go */
	KT_EQ(uvm_vshold(curproc, KTF_VA(0), 1, RW, pgs + 7), EAGAIN);
	pgs[7] = ktf_page(ku.ku_vm, KTF_VA(7));
	/* unmapped meanwhile: the page goes with the transfer */
	KT_SNAP(&s);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(1), ptoa(1)), 0);
	KT_EQ(*(volatile uint64_t *)VM_PAGE_TO_DMAP(pgs[1]), 11);
	*(volatile uint64_t *)VM_PAGE_TO_DMAP(pgs[2]) = 22;
	uvm_vsrelease(pgs, 8, RW);
	KT_EQ(KT_DELTA(&s, free), 1);
	KT_EQ(kt_user_load(KTF_VA(2)), 22);
	KT_EQ(pgs[2]->pg_flags & PG_BUSY, 0);
	uvm_vsunlock(curproc, addr, ptoa(8));
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 0);
	kt_user_leave(&ku);
}

KTEST(physio_refused)
{
	struct kt_user ku;
	struct vm_page *pgs[4], *lent[1];
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(4, O_RDWR);
	KT_EQ(KT_CALL(
		  sys_mmap, KTF_VA(0), ptoa(2), RW, MAP_SHARED | MAP_FIXED, fd),
	    0);
	kt_user_map(2, 4);
	/* not mapped; not there; not in the tables; not writable; on loan */
	KT_EQ(uvm_vshold(curproc, KTF_VA(6), 1, PROT_READ, pgs), EAGAIN);
	KT_EQ(uvm_vshold(curproc, KTF_VA(2), 1, PROT_READ, pgs), EAGAIN);
	kt_user_store(KTF_VA(2), 1);
	KT_EQ(uvm_vshold(curproc, KTF_VA(3), 1, PROT_READ, pgs), EAGAIN);
	KT_EQ(uvm_vshold(curproc, KTF_VA(0), 1, PROT_READ, pgs), EAGAIN);
	(void)kt_user_load(KTF_VA(0));
	kt_user_store(KTF_VA(1), 1);
	KT_EQ(uvm_vshold(curproc, KTF_VA(0), 3, PROT_READ, pgs), 0);
	uvm_vsrelease(pgs, 3, PROT_READ);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(1), ptoa(1), PROT_READ), 0);
	KT_EQ(uvm_vshold(curproc, KTF_VA(1), 2, PROT_WRITE, pgs), EAGAIN);
	KT_EQ(uvm_loan(&ku.ku_vm->vm_map, KTF_VA(2), PAGE_SIZE, (void **)lent,
		  UVM_LOAN_TOPAGE),
	    0);
	KT_EQ(uvm_vshold(curproc, KTF_VA(0), 3, PROT_READ, pgs), EAGAIN);
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(0))->pg_flags & PG_BUSY, 0);
	uvm_unloan(lent, 1, UVM_LOAN_TOPAGE);
	ktf_unmap_hw(ku.ku_vm, 2, 3);
	KT_EQ(uvm_vshold(curproc, KTF_VA(2), 1, PROT_READ, pgs), EAGAIN);
	kt_user_leave(&ku);
}

/* -- Submaps --------------------------------------------------------------------------------------- */

/* Pageable memory in a submap of the kernel: faults go through both maps. */
KTEST(fault_submap)
{
	vaddr_t min, max, va;
	vm_map_t sub = uvm_km_suballoc(
	    kernel_map, &min, &max, ptoa(8), VM_MAP_PAGEABLE, FALSE, NULL);
	struct vm_page *pgs[1];

	va = min;
	KT_EQ(uvm_map(sub, &va, ptoa(2), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(RW, RW, UVM_INH_NONE, UVM_ADV_RANDOM,
		      UVM_FLAG_FIXED | UVM_FLAG_COPYONW)),
	    0);
	KT_EQ(uvm_fault(kernel_map, va, VM_FAULT_INVALID, RW), 0);
	*(volatile uint64_t *)va = 3;
	KT_EQ(*(volatile uint64_t *)va, 3);
	KT_EQ(
	    uvm_fault(kernel_map, va + ptoa(2), VM_FAULT_INVALID, RW), EFAULT);
	KT_CHECK(uvm_kernacc((caddr_t)va, ptoa(2), B_READ));
	KT_CHECK(!uvm_kernacc((caddr_t)va, ptoa(3), B_READ));
	KT_EQ(
	    uvm_loan(kernel_map, va, PAGE_SIZE, (void **)pgs, UVM_LOAN_TOPAGE),
	    0);
	KT_EQ(*(volatile uint64_t *)VM_PAGE_TO_DMAP(pgs[0]), 3);
	uvm_unloan(pgs, 1, UVM_LOAN_TOPAGE);
	/* what a submap covers is its own */
	KT_EQ(uvm_map_protect(kernel_map, min, max, PROT_READ, FALSE), EINVAL);
	KT_EQ(uvm_map_clean(kernel_map, min, max, PGO_CLEANIT), EINVAL);
	KT_EQ(uvm_map_extract(kernel_map, min, ptoa(1), kernel_map, &va, 0),
	    EINVAL);
	va = min;
	uvm_unmap(sub, va, va + ptoa(2));
	uvm_km_free(kernel_map, min, max - min);
}

/* -- Small things -------------------------------------------------------------------------------------- */

KTEST(page_copy)
{
	struct vm_page *a = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_ZERO);
	struct vm_page *b = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_ZERO);

	KT_REQUIRE(a != NULL && b != NULL);
	((volatile uint64_t *)VM_PAGE_TO_DMAP(a))[511] = 6;
	atomic_or(&b->pg_flags, PG_CLEAN);
	uvm_pagecopy(a, b);
	KT_EQ(((volatile uint64_t *)VM_PAGE_TO_DMAP(b))[511], 6);
	KT_EQ(b->pg_flags & PG_CLEAN, 0);
	uvm_pagefree(a);
	uvm_pagefree(b);
}

KTEST(anon_needed)
{
	struct uvmexp s;

	KT_SNAP(&s);
	uvm_anon_add(10);
	/* some there are may have been more than needed */
	KT_EQ(
	    KT_DELTA(&s, nanon), MAX(0, MIN(10, s.nanonneeded + 10 - s.nanon)));
	KT_EQ(KT_DELTA(&s, nanonneeded), 10);
	uvm_anon_remove(10);
	KT_EQ(KT_DELTA(&s, nanonneeded), 0);
}

/* A split of the shared part and the end of one side. */
KTEST(amap_refall)
{
	struct vmspace *vm = ktf_space();
	struct vm_amap *amap;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktf_write(vm, 5, 1);
	amap = ktf_entry(vm, 0)->aref.ar_amap;
	amap_ref(amap, 0, 0, AMAP_REFALL);
	KT_EQ(amap->am_ref, 2);
	KT_EQ(uvm_unmap_user(&vm->vm_map, KTF_VA(0), KTF_VA(8)), 0);
	KT_EQ(amap->am_ref, 1);
	amap_unref(amap, 0, 0, AMAP_REFALL);
	uvmspace_free(vm);
}

/* -- What uvm_map_audit() sees ------------------------------------------------------------------------- */

static void
audit_map(void *arg)
{
	uvm_map_audit(arg);
}

/* One wrong value; little-endian, size bytes of it. */
struct wrong {
	void *where;
	size_t size;
	uint64_t value;
	const char *want;
};
#define WRONG(lvalue, value, text)                              \
	{                                                       \
		(void *)(uintptr_t) & (lvalue), sizeof(lvalue), \
		    (uint64_t)(value), (text)                   \
	}

static bool
contains(const char *text, const char *word)
{
	for (; *text != '\0'; text++)
		if (strncmp(text, word, strlen(word)) == 0)
			return true;
	return false;
}

static void
check_wrong(vm_map_t map, const struct wrong *w)
{
	uint64_t old = 0;
	char msg[200];
	bool found;

	memcpy(&old, w->where, w->size);
	memcpy(w->where, &w->value, w->size);
	found = panic_expect(audit_map, map, msg, sizeof(msg));
	memcpy(w->where, &old, w->size);
	if (found)
		vm_map_unlock_read(map);
	if (!found || !contains(msg, w->want))
		kt_fail(__FILE__, __LINE__, "\"%s\" was not found: %s", w->want,
		    found ? msg : "nothing");
}

KTEST(map_audit_sees)
{
	struct vmspace *vm = ktf_space();
	vm_map_t map = &vm->vm_map;
	struct vm_map_entry *l, *m, *r;

	/* three entries, the one in the middle the root */
	for (int i = 0; i < 30; i += 10)
		KT_EQ(ktm_map(vm, i, i + 4, RW, KTM_ANON), 0);
	ktf_write(vm, 10, 1);
	l = ktf_entry(vm, 0);
	m = ktf_entry(vm, 10);
	r = ktf_entry(vm, 20);
	KT_REQUIRE(map->vm_root == m && m->me_left == l && m->me_right == r);
	const struct wrong wrong[] = {
		WRONG(map->vm_head.end, 0, "does not match the bounds"),
		WRONG(map->vm_head.start, 0, "does not match the bounds"),
		WRONG(m->me_parent, l, "root with a parent"),
		WRONG(m->me_prev, m, "broken list"),
		WRONG(m->start, l->start, "entries overlap"),
		WRONG(m->me_gap, 1, "wrong gap"),
		WRONG(m->me_left, NULL, "entry not in the tree"),
		WRONG(l->me_parent, NULL, "another parent"),
		WRONG(r->me_parent, NULL, "another parent"),
		WRONG(m->me_height, 9, "wrong height"),
		WRONG(r->me_height, 9, "out of balance"),
		WRONG(m->me_maxgap, 1, "wrong largest gap"),
		WRONG(map->nentries, 4, "wrong number of entries"),
		WRONG(map->size, 4, "size"),
		WRONG(m->max_protection, PROT_READ, "above the maximum"),
		WRONG(m->etype, UVM_ET_NEEDSCOPY, "without copy-on-write"),
		WRONG(
		    m->etype, UVM_ET_OBJ | UVM_ET_SUBMAP, "object and submap"),
		WRONG(m->etype, UVM_ET_HOLE, "hole with backing"),
		WRONG(m->etype, UVM_ET_OBJ, "type disagree"),
		WRONG(m->object.uvm_obj, uvm.kernel_object, "type disagree"),
		WRONG(m->aref.ar_pageoff, 100, "amap smaller"),
	};
	for (size_t i = 0; i < nitems(wrong); i++)
		check_wrong(map, &wrong[i]);
	uvm_map_audit(map);
	uvmspace_free(vm);
}

/* -- Places from the top ------------------------------------------------------------------------------- */

/* => where n pages went; align in pages; 0: no room */
static vaddr_t
place(vm_map_t map, vaddr_t hint, int n, vsize_t align)
{
	vaddr_t va = hint;

	if (uvm_map(map, &va, ptoa(n), NULL, UVM_UNKNOWN_OFFSET, ptoa(align),
		UVM_MAPFLAG(RW, RW, UVM_INH_COPY, UVM_ADV_NORMAL,
		    UVM_FLAG_COPYONW | UVM_FLAG_NOMERGE)) != 0)
		return 0;
	return va;
}

KTEST(map_topdown)
{
	struct vmspace *vm = uvmspace_alloc(KTF_VA(0), KTF_VA(64), TRUE, TRUE);
	vm_map_t map = &vm->vm_map;

	map->flags |= VM_MAP_TOPDOWN;
	KT_EQ(place(map, 0, 4, 0), KTF_VA(60));
	KT_EQ(place(map, 0, 4, 0), KTF_VA(56));
	/* below the hint, which is no gap of its own */
	KT_EQ(place(map, KTF_VA(30), 4, 0), KTF_VA(30));
	KT_EQ(place(map, KTF_VA(30), 2, 0), KTF_VA(28));
	KT_EQ(place(map, KTF_VA(62), 2, 0), KTF_VA(54));
	/* the highest gap that is large enough */
	KT_EQ(place(map, KTF_VA(30), 25, 0), KTF_VA(3));
	KT_EQ(place(map, 0, 3, 0), KTF_VA(51));
	/* aligned: 48 is the highest multiple of 16 below 51 */
	KT_EQ(place(map, 0, 1, 16) % ptoa(16), 0);
	KT_EQ(place(map, 0, 18, 0), 0);
	KT_EQ(place(map, KTF_VA(10), 40, 0), 0);
	for (int i = 0; i < 30; i++)
		(void)place(map, KTF_VA(kt_random() % 64), 1, 1UL << i % 4);
	uvm_map_audit(map);
	for (int i = 0; i < 200 && place(map, 0, 1, 4) != 0; i++)
		;
	for (int i = 0; i < 200 && place(map, 0, 1, 0) != 0; i++)
		;
	KT_EQ(map->size, ptoa(64)); /* not a page was overlooked */
	uvm_map_audit(map);
	uvmspace_free(vm);
}

/* -- The kernel's addresses ------------------------------------------------------------------------------- */

static struct {
	vm_map_t map;
	volatile uint32_t held, go;
} holder;

static void
hold_map(void *arg)
{
	vm_map_lock(holder.map);
	atomic_store_rel(&holder.held, 1);
	while (atomic_load_acq(&holder.go) == 0)
		yield();
	vm_map_unlock(holder.map);
}

/* Alignments that are no power of two; a map that somebody else has locked. */
KTEST(km_typed_modulus)
{
	const uvm_flag_t addresses = UVM_KMT_VAONLY;
	struct kt_thread *t;
	vaddr_t min, max, va;
	vm_map_t sub = uvm_km_suballoc(
	    kernel_map, &min, &max, ptoa(16), VM_MAP_PAGEABLE, FALSE, NULL);

	va = uvm_km_alloc_typed(sub, ptoa(2), ptoa(3), addresses);
	KT_CHECK(va >= min && va < max);
	KT_EQ(va % ptoa(3), 0);
	KT_EQ(uvm_km_alloc_typed(sub, ptoa(15), ptoa(3), addresses), 0);
	KT_EQ(uvm_km_alloc_typed(sub, ptoa(17), 0,
		  addresses | UVM_KMT_WAITVA | UVM_KMT_CANFAIL),
	    0);
	holder.map = sub;
	holder.held = holder.go = 0;
	t = kt_spawn(hold_map, NULL, 0);
	while (atomic_load_acq(&holder.held) == 0)
		yield();
	KT_EQ(uvm_km_alloc_typed(
		  sub, ptoa(1), ptoa(3), addresses | UVM_KMT_TRYLOCK),
	    0);
	KT_EQ(uvm_km_alloc_typed(sub, ptoa(1), 0, addresses | UVM_KMT_TRYLOCK),
	    0);
	atomic_store_rel(&holder.go, 1);
	kt_join(t);
	uvm_km_free_typed(sub, va, ptoa(2), UVM_KMT_VAONLY);
	uvm_km_free(kernel_map, min, max - min);
	va = (uvm_km_alloc)(kernel_map, ptoa(2));
	KT_REQUIRE(va != 0);
	*(volatile uint64_t *)(va + ptoa(1)) = 1;
	KT_CHECK(uvm_kernacc((caddr_t)va, ptoa(2), B_WRITE));
	uvm_km_free(kernel_map, va, ptoa(2));
	KT_CHECK(uvm_kernacc(
	    (caddr_t)PHYS_TO_DMAP(vm_physmem[0].start), PAGE_SIZE, B_READ));
}

/* What the process does to locked memory before it is unlocked. */
KTEST(vsunlock_changed)
{
	struct kt_user ku;
	caddr_t addr = (caddr_t)KTF_VA(0);
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(2, O_RDWR);
	KT_EQ(KT_CALL(
		  sys_mmap, KTF_VA(0), ptoa(2), RW, MAP_SHARED | MAP_FIXED, fd),
	    0);
	kt_user_map(2, 8);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(4), ptoa(1)), 0);
	KT_EQ(uvm_vslock(curproc, addr, ptoa(8), RW), 0);
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(4))->wire_count, 2);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(2), ptoa(1)), 0);
	kt_user_map(3, 4); /* another page is there, or none */
	kt_user_map(5, 6);
	kt_user_store(KTF_VA(5), 1);
	uvm_vsunlock(curproc, addr, ptoa(8));
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(0))->wire_count, 0);
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(4))->wire_count, 1);
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(5))->wire_count, 0);
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(7))->wire_count, 0);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 1);
	kt_user_leave(&ku);
}
