/*
 * Signal frames: what a handler finds on its stack and rt_sigreturn takes
 * back, laid out as riscv64 programs expect, and the page they return to.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/exec.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/signalvar.h>
#include <sys/syscall.h>
#include <uvm/uvm.h>

#define SIGCODE_SLOTS ((VM_MAXUSER_ADDRESS - USRSTACK) >> PAGE_SHIFT)

/*
 * All members belong to the thread whose stack it goes to.
 */
struct sigframe_fp {
	uint64_t sf_reg[32]; /* [thread] */
	uint32_t sf_fcsr; /* [thread] */
	uint32_t sf_reserved[67]; /* [thread] zero: no more extensions */
};
struct sigframe_gp {
	uint64_t sg_pc; /* [thread] */
	uint64_t sg_reg[31]; /* [thread] x1 to x31 */
};
struct sigframe {
	siginfo_t sf_info; /* [thread] */
	uint64_t sf_flags; /* [thread] zero */
	uint64_t sf_link; /* [thread] zero */
	stack_t sf_stack; /* [thread] */
	sigset_t sf_mask; /* [thread] */
	uint8_t sf_maskpad[120]; /* [thread] mask of 1024 signals */
	uint64_t sf_pad; /* [thread] */
	struct sigframe_gp sf_gp; /* [thread] */
	struct sigframe_fp sf_fp; /* [thread] */
} __aligned(16);
CTASSERT(offsetof(struct sigframe, sf_flags) == 128);
CTASSERT(offsetof(struct sigframe, sf_mask) == 128 + 40);
CTASSERT(offsetof(struct sigframe, sf_gp) == 128 + 176);
CTASSERT(offsetof(struct sigframe, sf_fp) == 128 + 176 + 256);
CTASSERT(sizeof(struct sigframe_fp) == 528);
CTASSERT(sizeof(struct sigframe) == 1088);
CTASSERT(TF_T6 == 30 * 8); /* tf begins with x1 to x31 in order */

extern const char sigcode_start[], sigcode_end[];
static struct uvm_object *sigcode_object; /* set once by sigcode_init() */

/* -- The page --------------------------------------------------------------- */

void
sigcode_init(void)
{
	struct uvm_object *uobj = uao_create(PAGE_SIZE, 0);
	struct vm_page *pg = NULL;
	int npages = 1, error;

	rw_enter_write(&uobj->uo_lock);
	error = uobj->pgops->pgo_get(uobj, 0, &pg, &npages, 0,
	    PROT_READ | PROT_WRITE, MADV_NORMAL, PGO_SYNCIO);
	if (error != VM_PAGER_OK)
		panic("no page for the signal trampoline");
	rw_enter_write(&uobj->uo_lock);
	memcpy((void *)VM_PAGE_TO_DMAP(pg), sigcode_start,
	    (size_t)(sigcode_end - sigcode_start));
	pmap_page_modified_text(pg);
	uvm_pagewire(pg);
	uvm_page_unbusy(pg);
	rw_exit(&uobj->uo_lock);
	sigcode_object = uobj;
}

int
sigcode_map(struct proc *p)
{
	struct vm_map *map = &p->p_vmspace->vm_map;
	vaddr_t va = VM_MAXUSER_ADDRESS - PAGE_SIZE;
	int error;

	va -= ptoa(aslr_value(map->vm_seed, ASLR_SIGCODE, SIGCODE_SLOTS));
	uao_reference(sigcode_object);
	error = uvm_map(map, &va, PAGE_SIZE, sigcode_object, 0, 0,
	    UVM_MAPFLAG(UVM_PROT_RX, UVM_PROT_RX, MAP_INHERIT_SHARE,
		MADV_NORMAL, UVM_FLAG_FIXED));
	if (error != 0) {
		uao_detach(sigcode_object);
		return error;
	}
	p->p_vmspace->vm_sigcode = va;
	return 0;
}

/* -- Entering a handler ------------------------------------------------------- */

static void
frame_fill(struct sigframe *sf, struct proc *p, const siginfo_t *info,
    sigset_t returnmask)
{
	struct trapframe *tf = &p->p_tf;

	memset(sf, 0, sizeof(*sf));
	sf->sf_info = *info;
	sf->sf_stack = p->p_sigstk;
	if (sigstk_active(p, tf->tf_sp))
		sf->sf_stack.ss_flags |= SS_ONSTACK;
	sf->sf_mask = returnmask;
	sf->sf_gp.sg_pc = tf->tf_sepc;
	memcpy(sf->sf_gp.sg_reg, &tf->tf_ra, sizeof(sf->sf_gp.sg_reg));
	if (p->p_pcb.pcb_fpused) {
		cpu_fp_save(p);
		memcpy(sf->sf_fp.sf_reg, p->p_pcb.pcb_fp.fp_reg,
		    sizeof(sf->sf_fp.sf_reg));
		sf->sf_fp.sf_fcsr = p->p_pcb.pcb_fp.fp_fcsr;
	}
}

/* => address of the frame on the stack the handler is to run on */
static vaddr_t
frame_address(struct proc *p, const struct sigaction *sa)
{
	stack_t *ss = &p->p_sigstk;
	vaddr_t sp = p->p_tf.tf_sp;

	if ((sa->sa_flags & SA_ONSTACK) && ss->ss_size != 0 &&
	    (ss->ss_flags & SS_DISABLE) == 0 && !sigstk_active(p, sp))
		sp = ss->ss_sp + ss->ss_size;
	return rounddown2(sp - sizeof(struct sigframe), 16);
}

int
sendsig(struct proc *p, int sig, const struct sigaction *sa,
    const siginfo_t *info, sigset_t returnmask)
{
	struct trapframe *tf = &p->p_tf;
	vaddr_t addr = frame_address(p, sa);
	struct sigframe sf;

	/* Overflowing the alternate stack must not hit what lies below. */
	if (sigstk_active(p, tf->tf_sp) && !sigstk_active(p, addr))
		return EFAULT;
	frame_fill(&sf, p, info, returnmask);
	if (copyout(&sf, (void *)addr, sizeof(sf)) != 0)
		return EFAULT;
	if ((u_int)p->p_sigstk.ss_flags & SS_AUTODISARM) {
		memset(&p->p_sigstk, 0, sizeof(p->p_sigstk));
		p->p_sigstk.ss_flags = SS_DISABLE;
	}
	tf->tf_sepc = sa->sa_handler;
	tf->tf_sp = addr;
	tf->tf_ra = p->p_vmspace->vm_sigcode;
	tf->tf_a[0] = (uint64_t)sig;
	tf->tf_a[1] = addr + offsetof(struct sigframe, sf_info);
	tf->tf_a[2] = addr + offsetof(struct sigframe, sf_flags);
	return 0;
}

/* -- Leaving it ----------------------------------------------------------------- */

static bool
frame_valid(const struct sigframe *sf)
{
	uint32_t extra = 0;

	for (u_int i = 0; i < nitems(sf->sf_fp.sf_reserved); i++)
		extra |= sf->sf_fp.sf_reserved[i];
	return extra == 0;
}

/* => a program that has not touched the FPU need not start now */
static bool
frame_has_fp(struct proc *p, const struct sigframe *sf)
{
	uint64_t any = sf->sf_fp.sf_fcsr;

	if (p->p_pcb.pcb_fpused)
		return true;
	for (u_int i = 0; i < nitems(sf->sf_fp.sf_reg); i++)
		any |= sf->sf_fp.sf_reg[i];
	return any != 0;
}

static void
frame_load(struct proc *p, const struct sigframe *sf)
{
	struct trapframe *tf = &p->p_tf;
	struct fpregs fp;

	tf->tf_sepc = sf->sf_gp.sg_pc;
	memcpy(&tf->tf_ra, sf->sf_gp.sg_reg, sizeof(sf->sf_gp.sg_reg));
	if (!frame_has_fp(p, sf))
		return;
	memset(&fp, 0, sizeof(fp));
	memcpy(fp.fp_reg, sf->sf_fp.sf_reg, sizeof(fp.fp_reg));
	fp.fp_fcsr = sf->sf_fp.sf_fcsr & 0xff;
	cpu_fp_set(p, &fp);
}

int
sys_rt_sigreturn(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vaddr_t addr = p->p_tf.tf_sp;
	struct sigframe sf;

	if (addr % 16 != 0 || copyin((void *)addr, &sf, sizeof(sf)) != 0 ||
	    !frame_valid(&sf)) {
		trapsignal(p, SIGSEGV, SEGV_MAPERR, addr);
		return EJUSTRETURN;
	}
	frame_load(p, &sf);
	sigmask_set(p, sf.sf_mask);
	/* An unusable alternate stack leaves things as they are. */
	(void)sigstk_set(p, &sf.sf_stack, p->p_tf.tf_sp);
	return EJUSTRETURN;
}
