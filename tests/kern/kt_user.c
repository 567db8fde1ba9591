#include "kt_user.h"
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm_mman.h>

/* Pages for strings and results of calls, far from what tests map. */
#define SCRATCH 0x7000000UL

int64_t kt_result;

void
kt_user_enter(struct kt_user *ku)
{
	struct proc *p = curproc;
	struct process *pr = process_alloc(&process0);

	ku->ku_process = pr;
	ku->ku_vm = ktf_space();
	ku->ku_cred = (struct uvm_ucred){ 0 };
	pr->ps_cred = &ku->ku_cred;
	pr->ps_fd = fd_create();
	pr->ps_vmspace = ku->ku_vm;
	pr->ps_mainproc = p;
	pr->ps_nthreads = 1;
	ku->ku_oldprocess = p->p_p;
	ku->ku_oldvm = p->p_vmspace;
	p->p_p = pr;
	p->p_vmspace = ku->ku_vm;
	atomic_and(&p->p_flag, ~(uint32_t)P_KTHREAD);
	pmap_activate(p);
}

void
kt_user_leave(struct kt_user *ku)
{
	struct proc *p = curproc;
	struct process *pr = ku->ku_process;

	fd_free(pr->ps_fd);
	pmap_deactivate(p);
	atomic_or(&p->p_flag, P_KTHREAD);
	p->p_vmspace = ku->ku_oldvm;
	p->p_p = ku->ku_oldprocess;
	pr->ps_vmspace = NULL;
	pr->ps_nthreads = 0;
	uvmspace_free(ku->ku_vm);
	process_rele(pr);
}

void
kt_user_limit(struct kt_user *ku, int which, uint64_t limit)
{
	ku->ku_process->ps_limit->pl_rlimit[which].rlim_cur = limit;
}

int
kt_user_call(kt_syscall *fn, const uint64_t a[6])
{
	kt_result = 0;
	return fn(curproc, a, &kt_result);
}

static void
must(int error, const char *what)
{
	if (error != 0)
		panic("kt_user: %s: %d", what, error);
}

static void
map_at(vaddr_t va, int npages)
{
	must(KT_CALL(sys_mmap, va, ptoa(npages), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, (uint64_t)-1, 0),
	    "mmap");
}

void
kt_user_map(int i, int j)
{
	map_at(KTF_VA(i), j - i);
}

uint64_t
kt_user_load(vaddr_t va)
{
	uint64_t value;

	must(copyin((void *)va, &value, sizeof(value)), "load");
	return value;
}

void
kt_user_store(vaddr_t va, uint64_t value)
{
	must(copyout(&value, (void *)va, sizeof(value)), "store");
}

int
kt_user_file(int npages, int flags)
{
	static const char path[] = "/kt_user";
	int fd, rw;

	map_at(SCRATCH, 1);
	must(copyout(path, (void *)SCRATCH, sizeof(path)), "copyout");
	must(KT_CALL(sys_openat, (uint64_t)AT_FDCWD, SCRATCH, O_RDWR | O_CREAT,
		 0600),
	    "open to write");
	rw = (int)kt_result;
	must(KT_CALL(sys_openat, (uint64_t)AT_FDCWD, SCRATCH, (uint64_t)flags),
	    "open");
	fd = (int)kt_result;
	must(KT_CALL(sys_unlinkat, (uint64_t)AT_FDCWD, SCRATCH), "unlink");
	must(KT_CALL(sys_ftruncate, (uint64_t)rw, ptoa(npages)), "ftruncate");
	for (int i = 0; i < npages; i++) {
		kt_user_store(SCRATCH, (uint64_t)i);
		must(KT_CALL(sys_pwrite64, (uint64_t)rw, SCRATCH,
			 sizeof(uint64_t), ptoa(i)),
		    "pwrite");
	}
	must(KT_CALL(sys_close, (uint64_t)rw), "close");
	must(KT_CALL(sys_munmap, SCRATCH, PAGE_SIZE), "munmap");
	return fd;
}

bool
kt_user_resident(int i)
{
	uint8_t vec;

	map_at(SCRATCH, 1);
	must(KT_CALL(sys_mincore, KTF_VA(i), PAGE_SIZE, SCRATCH), "mincore");
	must(copyin((void *)SCRATCH, &vec, 1), "copyin");
	must(KT_CALL(sys_munmap, SCRATCH, PAGE_SIZE), "munmap");
	return (vec & 1) != 0;
}
