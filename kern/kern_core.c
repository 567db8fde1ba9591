/*
 * Core files: what a process that dies of a signal leaves to a debugger.
 *
 *	ELF header; program headers: notes, segments; notes; bytes of segments
 *
 * The dying thread stops the others on their way out (coredump_park), where
 * their registers are complete.
 */
#include <sys/param.h>
#include <sys/atomic.h>
#include <sys/core.h>
#include <sys/errno.h>
#include <sys/exec.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/signalvar.h>
#include <sys/systm.h>
#include <sys/timeout.h>
#include <sys/uio.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define NT_PRSTATUS  1
#define NT_PRFPREG   2
#define NT_PRPSINFO  3
#define NT_AUXV      6
#define NT_SIGINFO   0x53494749

#define MAX_SEGMENTS 65000 /* an ELF header counts no more than 65,534 */
#define MAX_AUXV     1024 /* bytes */
#define PARK_POLL    20000000 /* ns between looks at who is missing */

/* As in the file, where programs of riscv64 expect them.  Fields [c]: of the
 * thread that dumps. */
struct note_prstatus {
	int32_t pr_info[3]; /* signal, code, errno */
	int16_t pr_cursig;
	int16_t pr_pad;
	uint64_t pr_sigpend, pr_sighold;
	int32_t pr_pid, pr_ppid, pr_pgrp, pr_sid;
	struct timeval pr_time[4]; /* user, system; of children */
	uint64_t pr_reg[32]; /* pc, x1 to x31 */
	int32_t pr_fpvalid;
	int32_t pr_pad2;
};
CTASSERT(sizeof(struct note_prstatus) == 376);
CTASSERT(offsetof(struct note_prstatus, pr_reg) == 112);

/* Fields [c]: as above. */
struct note_fpreg {
	uint64_t fp_reg[32];
	uint32_t fp_fcsr;
	uint32_t fp_pad;
};
CTASSERT(sizeof(struct note_fpreg) == 264);

/* Fields [c]: as above. */
struct note_psinfo {
	char pr_state, pr_sname, pr_zomb, pr_nice;
	uint32_t pr_pad;
	uint64_t pr_flag;
	uint32_t pr_uid, pr_gid;
	int32_t pr_pid, pr_ppid, pr_pgrp, pr_sid;
	char pr_fname[16];
	char pr_psargs[80];
};
CTASSERT(sizeof(struct note_psinfo) == 136);

struct note_head {
	uint32_t nh_namesz, nh_descsz, nh_type; /* [c] */
	char nh_name[8]; /* [c] */
};

/* Notes on their way into the file; all members: [c] of the dumping thread. */
struct notes {
	char *n_buf;
	size_t n_len, n_max;
};

/* -- Writing -------------------------------------------------------------------- */

int
core_write(struct vnode *vp, const struct core *c, const void *buf, size_t n,
    off_t off)
{
	struct iovec iov = { (void *)(uintptr_t)buf, n };
	struct uio uio = { &iov, 1, off, n, UIO_SYSSPACE, UIO_WRITE, NULL, 0 };
	int error;

	if (off >= c->c_limit)
		return EFBIG;
	if ((off_t)n > c->c_limit - off)
		iov.iov_len = uio.uio_resid = (size_t)(c->c_limit - off);
	error = vp->v_op->vop_write(vp, &uio, false);
	if (error == 0 && uio.uio_resid != 0)
		error = ENOSPC;
	if (error == 0 && (off_t)n > c->c_limit - off)
		error = EFBIG;
	return error;
}

/* -- Other threads ---------------------------------------------------------------- */

void
coredump_park(struct proc *p)
{
	struct process *pr = p->p_p;

	mtx_enter(&pr->ps_sigmtx);
	if ((pr->ps_flags & PS_DUMPING) && pr->ps_single != p) {
		pr->ps_parked++;
		wakeup(&pr->ps_single);
		while (pr->ps_flags & PS_DUMPING)
			msleep(&pr->ps_parked, &pr->ps_sigmtx, PWAIT, "dump",
			    INFSLP);
		pr->ps_parked--;
	}
	mtx_leave(&pr->ps_sigmtx);
}

/*
 * Have all other threads parked.
 * => FALSE: somebody else ends the process, or its other threads, already; or
 *    it was killed
 */
static bool
park_others(struct proc *p)
{
	struct process *pr = p->p_p;
	bool all = false;

	mtx_enter(&pr->ps_sigmtx);
	if ((pr->ps_flags & (PS_EXITING | PS_SINGLE)) == 0) {
		pr->ps_single = p;
		membar_release();
		atomic_or(&pr->ps_flags, PS_SINGLE | PS_DUMPING);
		sig_wake_all(pr);
		wakeup(&pr->ps_stopsig);
		while (!(all = pr->ps_parked + 1 == pr->ps_nthreads) &&
		    !sig_killed(p))
			msleep(&pr->ps_single, &pr->ps_sigmtx, PWAIT, "park",
			    PARK_POLL);
	}
	mtx_leave(&pr->ps_sigmtx);
	return all;
}

/* They go on to their ends: PS_SINGLE stays. */
static void
unpark(struct proc *p)
{
	struct process *pr = p->p_p;

	mtx_enter(&pr->ps_sigmtx);
	if ((pr->ps_flags & PS_DUMPING) && pr->ps_single == p) {
		atomic_and(&pr->ps_flags, ~(uint32_t)PS_DUMPING);
		wakeup(&pr->ps_parked);
	}
	mtx_leave(&pr->ps_sigmtx);
}

/* -- Notes -------------------------------------------------------------------------- */

static void
note_add(struct notes *n, uint32_t type, const void *desc, size_t len)
{
	struct note_head nh = { .nh_namesz = 5,
		.nh_descsz = (uint32_t)len,
		.nh_type = type,
		.nh_name = "CORE" };

	KASSERT(n->n_len + sizeof(nh) + roundup2(len, 4) <= n->n_max);
	memcpy(n->n_buf + n->n_len, &nh, sizeof(nh));
	memcpy(n->n_buf + n->n_len + sizeof(nh), desc, len);
	n->n_len += sizeof(nh) + roundup2(len, 4);
}

/* Ids that prstatus and psinfo have in common. */
static void
ids_of(struct process *pr, int32_t *ppid, int32_t *pgrp, int32_t *sid)
{
	rw_enter_read(&proctree_lock);
	*ppid = pr->ps_ppid;
	*pgrp = pr->ps_pgrp->pg_id;
	*sid = pr->ps_pgrp->pg_session->s_sid;
	rw_exit(&proctree_lock);
}

static void
note_thread(struct notes *n, struct proc *t, int sig, const int32_t ids[3])
{
	struct note_prstatus st = { .pr_info = { sig },
		.pr_cursig = (int16_t)sig,
		.pr_sigpend = t->p_sigpend.sp_set,
		.pr_sighold = t->p_sigmask,
		.pr_pid = t->p_tid,
		.pr_ppid = ids[0],
		.pr_pgrp = ids[1],
		.pr_sid = ids[2],
		.pr_fpvalid = 1 };

	ns_to_timeval(t->p_utime, &st.pr_time[0]);
	ns_to_timeval(t->p_stime, &st.pr_time[1]);
	st.pr_reg[0] = t->p_tf.tf_sepc;
	memcpy(st.pr_reg + 1, &t->p_tf.tf_ra, 31 * sizeof(uint64_t));
	note_add(n, NT_PRSTATUS, &st, sizeof(st));
}

static void
note_fp(struct notes *n, struct proc *t)
{
	struct note_fpreg fp = { .fp_fcsr = 0 };

	if (t->p_pcb.pcb_fpused) {
		if (t == curproc)
			cpu_fp_save(t);
		memcpy(fp.fp_reg, t->p_pcb.pcb_fp.fp_reg, sizeof(fp.fp_reg));
		fp.fp_fcsr = t->p_pcb.pcb_fp.fp_fcsr;
	}
	note_add(n, NT_PRFPREG, &fp, sizeof(fp));
}

/* => bytes of p's memory at va that could be read */
static size_t
read_own(struct proc *p, vaddr_t va, void *buf, size_t len)
{
	struct iovec iov = { buf, len };
	struct uio uio = { &iov, 1, (off_t)va, len, UIO_SYSSPACE, UIO_READ,
		NULL, 0 };

	(void)uvm_io(&p->p_vmspace->vm_map, &uio);
	return len - uio.uio_resid;
}

static void
note_process(struct notes *n, struct proc *p, const int32_t ids[3])
{
	struct vmspace *vm = p->p_vmspace;
	struct note_psinfo pi = { .pr_sname = 'R',
		.pr_nice = (char)p->p_nice,
		.pr_uid = p->p_p->ps_cred->cr_ruid,
		.pr_gid = p->p_p->ps_cred->cr_rgid,
		.pr_pid = p->p_p->ps_pid,
		.pr_ppid = ids[0],
		.pr_pgrp = ids[1],
		.pr_sid = ids[2] };
	size_t len = MIN(vm->vm_arglen, sizeof(pi.pr_psargs) - 1);

	memcpy(pi.pr_fname, p->p_p->ps_comm,
	    MIN(sizeof(pi.pr_fname) - 1, sizeof(p->p_p->ps_comm)));
	len = read_own(p, vm->vm_argaddr, pi.pr_psargs, len);
	for (size_t i = 0; i + 1 < len; i++)
		if (pi.pr_psargs[i] == '\0')
			pi.pr_psargs[i] = ' ';
	note_add(n, NT_PRPSINFO, &pi, sizeof(pi));
}

static void
note_auxv(struct notes *n, struct proc *p)
{
	struct vmspace *vm = p->p_vmspace;
	char aux[MAX_AUXV];
	size_t len =
	    read_own(p, vm->vm_auxaddr, aux, MIN(vm->vm_auxlen, sizeof(aux)));

	note_add(n, NT_AUXV, aux, len);
}

/* => notes in a buffer to be freed; threads are parked */
static void
make_notes(struct notes *n, struct proc *p, int sig, const siginfo_t *info)
{
	const size_t head = sizeof(struct note_head);
	struct process *pr = p->p_p;
	int32_t ids[3];
	struct proc *t;

	n->n_max = pr->ps_nthreads *
		(2 * head + sizeof(struct note_prstatus) +
		    sizeof(struct note_fpreg)) +
	    3 * head + sizeof(struct note_psinfo) + sizeof(*info) + MAX_AUXV;
	n->n_len = 0;
	n->n_buf = kmem_zalloc(n->n_max, PR_WAITOK);
	ids_of(pr, &ids[0], &ids[1], &ids[2]);
	note_thread(n, p, sig, ids);
	note_process(n, p, ids);
	note_add(n, NT_SIGINFO, info, sizeof(*info));
	note_auxv(n, p);
	note_fp(n, p);
	rw_enter_read(&pr->ps_lock);
	TAILQ_FOREACH (t, &pr->ps_threads, p_thr_link) {
		if (t == p)
			continue;
		note_thread(n, t, sig, ids);
		note_fp(n, t);
	}
	rw_exit(&pr->ps_lock);
}

/* -- The file ------------------------------------------------------------------------- */

/*
 * => a file that is ours to overwrite; or errno
 */
static int
core_open(struct proc *p, struct file **fpp)
{
	const struct openargs oa = { AT_FDCWD, "core", UIO_SYSSPACE,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600, 0 };
	struct vattr va = { .va_mode = 0 };
	struct vnode *vp;
	int error;

	error = vn_open_path(p, &oa, fpp);
	if (error != 0)
		return error;
	vp = (*fpp)->f_vnode;
	error = vp->v_op->vop_getattr(vp, &va);
	if (error == 0 && (vp->v_type != VREG || va.va_nlink != 1))
		error = EINVAL;
	if (error == 0) {
		va.va_size = 0;
		error = vp->v_op->vop_setattr(vp, &va, VA_SIZE);
	}
	if (error != 0)
		file_rele(*fpp);
	return error;
}

/* ELF header and the program header of the notes; where the rest goes. */
static int
write_head(struct vnode *vp, struct core *c, const struct notes *n, int nseg)
{
	struct {
		struct elf64_ehdr e;
		struct elf64_phdr note;
	} h = { .e = { .e_ident = { ELF_MAG0, 'E', 'L', 'F', ELFCLASS64,
			   ELFDATA2LSB, EV_CURRENT },
		    .e_type = ET_CORE,
		    .e_machine = EM_RISCV,
		    .e_version = EV_CURRENT,
		    .e_phoff = sizeof(struct elf64_ehdr),
		    .e_flags = EF_RISCV_RVC | EF_RISCV_FLOAT_DOUBLE,
		    .e_ehsize = sizeof(struct elf64_ehdr),
		    .e_phentsize = sizeof(struct elf64_phdr),
		    .e_phnum = (uint16_t)(nseg + 1) },
		.note = { .p_type = PT_NOTE, .p_align = 4 } };
	int error;

	c->c_phoff = sizeof(h);
	h.note.p_offset = sizeof(h) + (uint64_t)nseg * sizeof(h.note);
	h.note.p_filesz = n->n_len;
	c->c_off = (off_t)round_page(h.note.p_offset + n->n_len);
	error = core_write(vp, c, &h, sizeof(h), 0);
	if (error == 0)
		error = core_write(
		    vp, c, n->n_buf, n->n_len, (off_t)h.note.p_offset);
	return error;
}

/* => 0 also if it is cut off by the limit */
static int
write_core(struct proc *p, struct vnode *vp, struct core *c, int sig,
    const siginfo_t *info)
{
	int nseg = uvm_coredump_segments(p), error;
	struct vattr va = { .va_mode = 0 };
	struct notes n;

	if (nseg > MAX_SEGMENTS)
		return EFBIG;
	make_notes(&n, p, sig, info);
	error = write_head(vp, c, &n, nseg);
	kmem_free(n.n_buf, n.n_max);
	if (error == 0)
		error = uvm_coredump(p, vp, NULL, c);
	if (error != 0 && error != EFBIG)
		return error;
	/* the end may be a hole */
	va.va_size = MIN(c->c_off, c->c_limit);
	return vp->v_op->vop_setattr(vp, &va, VA_SIZE);
}

/* => how large it may be; 0: there is to be none */
static uint64_t
core_limit(struct process *pr)
{
	uint64_t limit =
	    MIN(lim_cur(pr, RLIMIT_CORE), lim_cur(pr, RLIMIT_FSIZE));

	if (limit < PAGE_SIZE || (pr->ps_flags & PS_NODUMP) ||
	    pr == initprocess)
		return 0;
	return MIN(limit, (uint64_t)INT64_MAX);
}

bool
coredump(struct proc *p, int sig, const siginfo_t *info)
{
	struct core c = { .c_limit = (off_t)core_limit(p->p_p) };
	struct file *fp;
	int error = EINTR;

	if (c.c_limit == 0)
		return false;
	if (park_others(p)) {
		error = core_open(p, &fp);
		if (error == 0) {
			error = write_core(p, fp->f_vnode, &c, sig, info);
			file_rele(fp);
		}
	}
	unpark(p);
	return error == 0;
}
