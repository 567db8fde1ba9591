/*
 * execve: arguments, scripts, and the change of program.
 *
 * Whatever can be refused is refused while the old program is whole.  After
 * uvmspace_exec() there is nothing to return to: a failure there kills.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/cons.h>
#include <sys/exec.h>
#include <sys/filedesc.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalvar.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define EXECARGS_FIRST 2048 /* enough for most */
#define SCRIPT_LINE    256 /* longest #! line looked at */

/* -- Arguments ----------------------------------------------------------------- */

void
execargs_init(struct execargs *ea)
{
	ea->ea_text = NULL;
	ea->ea_size = ea->ea_len = 0;
	ea->ea_argc = ea->ea_envc = 0;
	ea->ea_fatal = false;
}

void
execargs_free(struct execargs *ea)
{
	if (ea->ea_text != NULL)
		kmem_free(ea->ea_text, ea->ea_size);
	ea->ea_text = NULL;
	ea->ea_size = 0;
}

/* => room for one byte more at least; 0 or E2BIG */
static int
execargs_grow(struct execargs *ea)
{
	size_t size = ea->ea_size == 0 ? EXECARGS_FIRST : ea->ea_size * 2;
	char *text;

	if (ea->ea_size >= EXEC_ARG_MAX)
		return E2BIG;
	text = kmem_alloc(size, PR_WAITOK);
	if (ea->ea_text != NULL) {
		memcpy(text, ea->ea_text, ea->ea_len);
		kmem_free(ea->ea_text, ea->ea_size);
	}
	ea->ea_text = text;
	ea->ea_size = size;
	return 0;
}

int
execargs_add_user(struct execargs *ea, uint64_t uaddr)
{
	size_t len;
	int error;

	for (;;) {
		error = ENAMETOOLONG;
		if (ea->ea_size > ea->ea_len)
			error =
			    copyinstr((void *)uaddr, ea->ea_text + ea->ea_len,
				ea->ea_size - ea->ea_len, &len);
		if (error == 0)
			ea->ea_len += len;
		if (error != ENAMETOOLONG)
			return error;
		error = execargs_grow(ea);
		if (error != 0)
			return error;
	}
}

int
execargs_add(struct execargs *ea, const char *s)
{
	size_t len = strlen(s) + 1;
	int error;

	while (ea->ea_size - ea->ea_len < len) {
		error = execargs_grow(ea);
		if (error != 0)
			return error;
	}
	memcpy(ea->ea_text + ea->ea_len, s, len);
	ea->ea_len += len;
	return 0;
}

int
execargs_prepend(struct execargs *ea, const char *s)
{
	size_t len = strlen(s) + 1;
	int error;

	while (ea->ea_size - ea->ea_len < len) {
		error = execargs_grow(ea);
		if (error != 0)
			return error;
	}
	memmove(ea->ea_text + len, ea->ea_text, ea->ea_len);
	memcpy(ea->ea_text, s, len);
	ea->ea_len += len;
	ea->ea_argc++;
	return 0;
}

void
execargs_shift(struct execargs *ea)
{
	size_t len;

	if (ea->ea_argc == 0)
		return;
	len = strlen(ea->ea_text) + 1;
	ea->ea_len -= len;
	memmove(ea->ea_text, ea->ea_text + len, ea->ea_len);
	ea->ea_argc--;
}

/*
 * Gather a NULL-terminated vector of strings.
 * => number of strings in *np; a NULL vector has none
 */
static int
execargs_gather(struct execargs *ea, uint64_t uvec, int *np)
{
	uint64_t ptrs[16];
	size_t have = 0, i = 0;
	int error;

	for (*np = 0; uvec != 0; (*np)++) {
		if (i == have) {
			/* Read no further than the page: the end may be near. */
			have = (PAGE_SIZE - (uvec & PAGE_MASK)) / 8;
			have = MAX(MIN(have, nitems(ptrs)), 1);
			error = copyin((void *)uvec, ptrs, have * 8);
			if (error != 0)
				return error;
			uvec += have * 8;
			i = 0;
		}
		if (ptrs[i] == 0)
			break;
		if (*np >= EXEC_ARG_MAX / 8)
			return E2BIG;
		error = execargs_add_user(ea, ptrs[i++]);
		if (error != 0)
			return error;
	}
	return 0;
}

/* -- Finding the program --------------------------------------------------------- */

/*
 * => does hdr begin with "#!"?  Then its first line, cut at white space, is
 *    in line: interpreter and, unless NULL, one argument; ENOEXEC: a bad line
 */
static int
script_parse(char *hdr, size_t len, char **interp, char **arg)
{
	size_t max = MIN(len, SCRIPT_LINE), n = 2, end;

	while (n < max && hdr[n] != '\n' && hdr[n] != '\0')
		n++;
	if (n == max)
		return ENOEXEC;
	while (n > 2 && (hdr[n - 1] == ' ' || hdr[n - 1] == '\t'))
		n--;
	hdr[n] = '\0';
	for (end = 2; hdr[end] == ' ' || hdr[end] == '\t'; end++)
		continue;
	if (hdr[end] == '\0')
		return ENOEXEC;
	*interp = hdr + end;
	while (hdr[end] != '\0' && hdr[end] != ' ' && hdr[end] != '\t')
		end++;
	*arg = NULL;
	if (hdr[end] == '\0')
		return 0;
	hdr[end++] = '\0';
	while (hdr[end] == ' ' || hdr[end] == '\t')
		end++;
	*arg = hdr + end;
	return 0;
}

/*
 * argv[0] becomes: interpreter, its argument, the script's path.
 */
static int
script_args(
    struct execargs *ea, const char *path, const char *interp, const char *arg)
{
	int error;

	execargs_shift(ea);
	error = execargs_prepend(ea, path);
	if (error == 0 && arg != NULL)
		error = execargs_prepend(ea, arg);
	if (error == 0)
		error = execargs_prepend(ea, interp);
	return error;
}

/* => vnode in ei, held as text, start of the file in hdr */
static int
exec_open(struct proc *p, const char *path, struct exec_image *ei, char *hdr,
    size_t *hdrlen)
{
	size_t resid;
	int error;

	error = vn_lookup_exec(p, path, &ei->ei_vp, &ei->ei_size);
	if (error != 0)
		return error;
	error = vn_read(ei->ei_vp, hdr, EXEC_HDR_MAX, 0, &resid);
	if (error != 0) {
		vn_text_rele(ei->ei_vp);
		ei->ei_vp = NULL;
		return error;
	}
	*hdrlen = EXEC_HDR_MAX - resid;
	return 0;
}

/*
 * Find the file that will run, through scripts.
 * => 0: checked, referenced; hdr: EXEC_HDR_MAX bytes of scratch
 */
static int
exec_find(struct proc *p, struct execargs *ea, struct exec_image *ei, char *hdr)
{
	char *path = kmem_alloc(MAXPATHLEN, PR_WAITOK), *interp, *arg;
	size_t hdrlen;
	int error;

	strlcpy(path, ea->ea_path, MAXPATHLEN);
	for (int depth = 0;; depth++) {
		error = exec_open(p, path, ei, hdr, &hdrlen);
		if (error != 0)
			break;
		if (hdrlen < 2 || hdr[0] != '#' || hdr[1] != '!') {
			error = elf_check(ei, hdr, hdrlen, path);
			break;
		}
		error = depth < EXEC_SCRIPTS_MAX
		    ? script_parse(hdr, hdrlen, &interp, &arg)
		    : ELOOP;
		if (error == 0)
			error = script_args(ea, path, interp, arg);
		if (error != 0)
			break;
		vn_text_rele(ei->ei_vp);
		ei->ei_vp = NULL;
		strlcpy(path, interp, MAXPATHLEN);
	}
	kmem_free(path, MAXPATHLEN);
	if (error == 0)
		error = vn_uobj(ei->ei_vp, &ei->ei_uobj);
	if (error != 0 && ei->ei_vp != NULL) {
		vn_text_rele(ei->ei_vp);
		ei->ei_vp = NULL;
	}
	return error;
}

/* -- Changing it ------------------------------------------------------------------ */

/* => ps_lock write-locked */
static void
exec_set_comm(struct proc *p, struct execargs *ea)
{
	const char *name = strrchr(ea->ea_path, '/');

	name = name != NULL ? name + 1 : ea->ea_path;
	strlcpy(p->p_comm, name, sizeof(p->p_comm));
	strlcpy(p->p_p->ps_comm, name, sizeof(p->p_p->ps_comm));
}

/*
 * A process that has threads goes on under its own id, whichever of them
 * calls execve.
 * => p is the only thread
 */
static void
exec_take_identity(struct proc *p)
{
	struct process *pr = p->p_p;

	if (p->p_tid == pr->ps_pid)
		return;
	rw_enter_write(&proctree_lock);
	thread_hash_remove(p);
	p->p_tid = pr->ps_pid;
	thread_hash_insert(p);
	rw_exit(&proctree_lock);
}

/*
 * What of a process does not survive its program.
 * => p is the only thread and in its new, empty address space
 */
static void
exec_reset_process(struct proc *p, struct exec_image *ei, struct execargs *ea)
{
	struct process *pr = p->p_p;
	struct vnode *oldvp;

	exec_take_identity(p);
	sig_exec(p);
	itimers_exec(pr);
	p->p_clear_tid = p->p_robust = p->p_set_tid = 0;
	rw_enter_write(&pr->ps_lock);
	exec_set_comm(p, ea);
	oldvp = pr->ps_textvp;
	pr->ps_textvp = ei->ei_vp;
	rw_exit(&pr->ps_lock);
	ei->ei_vp = NULL;
	if (oldvp != NULL)
		vn_text_rele(oldvp);
	atomic_or(&pr->ps_flags, PS_EXEC);
}

/* Boot option aslr: 0 none, a number: that seed for everybody; else random. */
static uint64_t aslr_seed; /* set once by start_init() */
static bool aslr_fixed; /* set once by start_init() */

static uint64_t
exec_seed(void)
{
	return aslr_fixed ? aslr_seed : arc4random64() | 1;
}

/*
 * Point of no return and beyond.
 * => 0, or errno: the process has no program any more
 */
static int
exec_replace(struct proc *p, struct exec_image *ei, struct execargs *ea)
{
	struct process *pr = p->p_p;
	vaddr_t sp;
	int error;

	uvmspace_exec(p, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	shm_reap();
	uvm_map_set_seed(&p->p_vmspace->vm_map, exec_seed());
	vfork_release(pr);
	exec_reset_process(p, ei, ea);
	error = elf_load(p, ei);
	if (error == 0)
		error = exec_stack(p, ei, ea, &sp);
	if (error == 0)
		error = sigcode_map(p);
	if (error != 0)
		return error;
	pr->ps_sigcode = p->p_vmspace->vm_sigcode;
	cpu_fp_discard(p);
	cpu_setregs(p, ei->ei_entry + ei->ei_bias, sp);
	return 0;
}

static int
exec_image_run(struct proc *p, struct exec_image *ei, struct execargs *ea)
{
	int error;

	error = thread_single(p);
	if (error != 0)
		return error;
	ea->ea_fatal = true;
	error = fd_exec(p);
	if (error == 0)
		error = exec_replace(p, ei, ea);
	if (error != 0)
		printf("exec: %s (pid %d) could not be loaded: error %d\n",
		    ea->ea_path, p->p_p->ps_pid, error);
	return error;
}

int
exec_program(struct proc *p, struct execargs *ea)
{
	struct exec_image *ei;
	char *hdr;
	int error;

	ei = kmem_zalloc(sizeof(*ei), PR_WAITOK);
	hdr = kmem_alloc(EXEC_HDR_MAX, PR_WAITOK);
	error = exec_find(p, ea, ei, hdr);
	kmem_free(hdr, EXEC_HDR_MAX);
	if (error == 0)
		error = exec_image_run(p, ei, ea);
	if (ei->ei_uobj != NULL)
		ei->ei_uobj->pgops->pgo_detach(ei->ei_uobj);
	if (ei->ei_vp != NULL)
		vn_text_rele(ei->ei_vp);
	kmem_free(ei, sizeof(*ei));
	return error;
}

/* => path, arguments and environment of execve(2), copied in */
static int
execve_gather(struct execargs *ea, const uint64_t a[6])
{
	int error;

	error = copyinstr((void *)a[0], ea->ea_path, sizeof(ea->ea_path), NULL);
	if (error == 0)
		error = execargs_gather(ea, a[1], &ea->ea_argc);
	if (error == 0)
		error = execargs_gather(ea, a[2], &ea->ea_envc);
	/* A program may rely on having a name. */
	if (error == 0 && ea->ea_argc == 0)
		error = execargs_prepend(ea, "");
	return error;
}

int
sys_execve(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct execargs *ea;
	bool fatal;
	int error;

	ea = kmem_alloc(sizeof(*ea), PR_WAITOK);
	execargs_init(ea);
	error = execve_gather(ea, a);
	if (error == 0 && ea->ea_path[0] == '\0')
		error = ENOENT;
	if (error == 0)
		error = exec_program(p, ea);
	fatal = ea->ea_fatal;
	execargs_free(ea);
	kmem_free(ea, sizeof(*ea));
	if (error != 0 && fatal)
		exit1(p, SIGKILL);
	return error == 0 ? EJUSTRETURN : error;
}

/* -- The first program ------------------------------------------------------------- */

static const char *const init_env[] = {
	"HOME=/",
	"PATH=/bin:/sbin",
	"TERM=vt100",
};

static const char *
init_path(void)
{
	const char *path = boot_option("init");

	return path != NULL && *path != '\0' ? path : "/sbin/init";
}

static int
init_gather(struct execargs *ea, const char *path)
{
	char **argv;
	int argc = boot_init_argv(&argv), error;

	strlcpy(ea->ea_path, path, sizeof(ea->ea_path));
	error = execargs_add(ea, path);
	ea->ea_argc = 1;
	for (int i = 0; i < argc && error == 0; i++, ea->ea_argc++)
		error = execargs_add(ea, argv[i]);
	for (u_int i = 0; i < nitems(init_env) && error == 0; i++) {
		error = execargs_add(ea, init_env[i]);
		ea->ea_envc++;
	}
	return error;
}

static void
init_main(void *arg)
{
	struct proc *p = curproc;
	const char *path = init_path();
	struct execargs *ea;
	int error;

	sched_thread_start();
	vfs_root();
	p->p_p->ps_fd = fd_create(); /* nobody else knows init yet */
	error = fd_open_console(p);
	if (error != 0)
		panic("init: cannot open the console: error %d", error);
	ea = kmem_alloc(sizeof(*ea), PR_WAITOK);
	execargs_init(ea);
	error = init_gather(ea, path);
	if (error == 0)
		error = exec_program(p, ea);
	if (error != 0)
		panic("init: cannot run %s: error %d", path, error);
	execargs_free(ea);
	kmem_free(ea, sizeof(*ea));
	printf("init: %s after %lu us\n", path, nsecuptime() / 1000);
	userret(p);
	cpu_return_to_user();
}

void
start_init(void)
{
	struct process *pr = process_alloc(&process0);
	struct proc *p = thread_alloc(pr, "init");

	if (p == NULL)
		panic("no memory for init");
	aslr_fixed = boot_option("aslr") != NULL;
	aslr_seed = boot_option_u64("aslr", 0);
	pr->ps_sigacts = sigacts_alloc();
	pr->ps_vmspace =
	    uvmspace_alloc(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, TRUE, TRUE);
	p->p_vmspace = pr->ps_vmspace;
	p->p_sigstk.ss_flags = SS_DISABLE;
	p->p_cpumask = ~0UL;
	strlcpy(pr->ps_comm, "init", sizeof(pr->ps_comm));
	TAILQ_INSERT_TAIL(&pr->ps_threads, p, p_thr_link);
	pr->ps_nthreads = 1;
	pr->ps_mainproc = p;
	cpu_thread_setup(p, init_main, NULL);

	rw_enter_write(&proctree_lock);
	pr->ps_pid = p->p_tid = pid_alloc();
	KASSERT(pr->ps_pid == 1);
	initprocess = pr;
	process_insert(pr, &process0);
	thread_hash_insert(p);
	rw_exit(&proctree_lock);
	UVMCNT_INC(forks);
	setrunnable(p);
}
