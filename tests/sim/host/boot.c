/* The simulated machine comes up: memory, the kernel, processes; and fails. */
#include <tests/sim/host/machine.h>
#include <sys/buf.h>
#include <sys/cons.h>
#include <sys/ktest.h>
#include <sys/ktrace.h>
#include <sys/pool.h>
#include <sys/signalvar.h>
#include <sys/timeout.h>
#include <sys/vnode.h>
#include <machine/boot.h>
#include <pmap/sv39/pmap_boot.h>
#include <uvm/uvm.h>
#include <uvm/uvm_swap.h>

int cold = 1;
char bootargs_text[] = "";

/* -- Memory ---------------------------------------------------------------------- */

#define RAM_BASE 0x80000000UL
#define RAM_GAP  0x00400000UL /* between the two segments */

#define RAM_ZERO 0x7ff00000UL

static struct {
	paddr_t start, end;
} segment[2];

paddr_t
sim_zero_page(void)
{
	return RAM_ZERO;
}

bool
sim_is_ram(paddr_t pa)
{
	return pa - RAM_ZERO < PAGE_SIZE ||
	    (pa >= segment[0].start && pa < segment[0].end) ||
	    (pa >= segment[1].start && pa < segment[1].end);
}

/* A quarter of the pages lies apart, on the list that is used last. */
void
sim_memory_init(void)
{
	psize_t large = ptoa(sim_config.npages - sim_config.npages / 4);

	segment[0].start = RAM_BASE;
	segment[0].end = RAM_BASE + large;
	segment[1].start = roundup2(segment[0].end, 1UL << 21) + RAM_GAP;
	segment[1].end = segment[1].start + ptoa(sim_config.npages / 4);
	host_ram(PHYS_TO_DMAP(RAM_ZERO), PAGE_SIZE);
	uvm_setpagesize();
	for (u_int i = 0; i < nitems(segment); i++) {
		host_ram(PHYS_TO_DMAP(segment[i].start),
		    segment[i].end - segment[i].start);
		uvm_page_physload(segment[i].start, segment[i].end,
		    segment[i].start, segment[i].end,
		    i == 0 ? VM_FREELIST_DEFAULT : VM_FREELIST_LAST);
	}
	host_populate(PHYS_TO_DMAP(segment[0].start),
	    round_page(sim_config.npages * sizeof(struct vm_page)));
	host_catch(KVA_BASE, KVA_BASE + KVA_SIZE);
}

/* -- Console ------------------------------------------------------------------------ */

#define LOG_SIZE 32768

static char log_text[LOG_SIZE]; /* the newest, for failures */
static size_t log_end; /* bytes ever */
static char line[256];
static size_t line_len;
static int exit_status;

/* The tests say how they went as they say it to vmrun. */
static void
console_line(void)
{
	static const char word[] = "vmrun: exit ";

	for (size_t i = 0; i + sizeof(word) <= line_len; i++)
		if (memcmp(line + i, word, sizeof(word) - 1) == 0)
			exit_status = line[i + sizeof(word) - 1] - '0';
	line_len = 0;
}

static void
console_putc(int c)
{
	log_text[log_end++ % LOG_SIZE] = (char)c;
	if (c == '\n')
		console_line();
	else if (line_len < sizeof(line) - 1)
		line[line_len++] = (char)c;
	if (sim_config.verbose)
		host_write(1, &(char){ (char)c }, 1);
}

static int
console_getc(void)
{
	return -1;
}

static const struct consdev console = {
	.cn_name = "sim",
	.cn_putc = console_putc,
	.cn_getc = console_getc,
};

void
sim_console_init(void)
{
	cons_attach(&console);
}

void
sim_console_dump(void)
{
	size_t i = log_end > LOG_SIZE ? log_end - LOG_SIZE : 0;

	for (; !sim_config.verbose && i < log_end; i++)
		host_write(1, &log_text[i % LOG_SIZE], 1);
}

int
sim_exit_status(void)
{
	return exit_status;
}

const char *
boot_option(const char *key)
{
	return NULL;
}

uint64_t
boot_option_u64(const char *key, uint64_t dflt)
{
	return strcmp(key, "seed") == 0 ? sim_config.seed : dflt;
}

int
boot_init_argv(char ***argvp)
{
	return 0;
}

/* -- Failing -------------------------------------------------------------------------- */

/* Who waits for what: a hang is understood from this. */
static void
print_threads(void)
{
	struct process *pr;
	struct proc *p;

	LIST_FOREACH (pr, &allprocess, ps_list)
		TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
			printf("thread %d (%s) stat %d, waits for %s\n",
			    p->p_tid, p->p_comm, p->p_stat,
			    p->p_wchan != NULL ? p->p_wmesg : "nothing");
}

void
sim_fail(const char *fmt, ...)
{
	static bool failing;
	va_list ap;

	if (failing)
		host_exit(1);
	failing = true;
	sim_atomic_enter();
	if (sim_fail_hook != NULL)
		sim_fail_hook();
	cons_panic();
	printf("sim: seed %lu, %lu.%06lu s: ", (u_long)sim_config.seed,
	    (u_long)(sim_now() / 1000000000UL),
	    (u_long)(sim_now() / 1000 % 1000000));
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	print_threads();
	ktrace_dump(40);
	sim_console_dump();
	host_backtrace();
	host_exit(1);
}

/* -- The kernel ------------------------------------------------------------------------- */

static struct {
	void (*fn)(void *);
	void *arg;
} first;

static void
first_thread(void *arg)
{
	if (sim_config.fail != 0)
		alloc_fail_hook = sim_alloc_fails;
	first.fn(first.arg);
	host_exit(0);
}

/* No loader, no archive: kern/vfs_root.c is not asked for a root either. */
bool
boot_initrd(const void **basep, size_t *sizep)
{
	return false;
}

void
boot_initrd_free(void)
{
}

/* What main() does in kern/init_main.c, without devices and files on them. */
static void
kernel_main(void)
{
	uint64_t seed = sim_random();

	ktrace_cpu_prepare(curcpu());
	kmem_init();
	timeout_init();
	uvm_init();
	sched_init();
	proc_init();
	clock_cpu_start();
	intr_enable();
	random_add(&seed, sizeof(seed));
	bio_init();
	vfs_init();
	cpu_start_all();
	sched_start_threads();
	uvm_start_daemons();
	uvm_swap_init();
	cold = 0;
	if (kthread_create(first_thread, NULL, NULL, "sim") != 0)
		panic("no memory for the first thread");
	uvm_scheduler();
}

void
sim_boot(const struct sim_config *cfg, void (*fn)(void *), void *arg)
{
	sim_config = *cfg;
	first.fn = fn;
	first.arg = arg;
	sim_machine_init();
	sim_console_init();
	sim_memory_init();
	sim_access_init();
	kernel_main();
}

/* -- Processes ---------------------------------------------------------------------------- */

struct process *
sim_process(struct vmspace *vm)
{
	struct process *pr = process_alloc(&process0);

	pr->ps_sigacts = sigacts_alloc();
	pr->ps_vmspace = vm;
	process_ref(pr); /* sim_process_wait()'s */
	return pr;
}

/* What a thread is to do; at the far end of its kernel stack. */
struct thread_start {
	void (*ts_fn)(void *);
	void *ts_arg;
};

/* => the last thread of pr leaves: its address space goes */
static void
process_end(struct process *pr)
{
	struct vmspace *vm;

	rw_enter_write(&pr->ps_lock);
	vm = pr->ps_vmspace;
	pr->ps_vmspace = NULL;
	rw_exit(&pr->ps_lock);
	uvmspace_free(vm);
	rw_enter_write(&proctree_lock);
	process_remove(pr);
	wakeup(pr);
	rw_exit(&proctree_lock);
}

static void __dead
thread_end(struct proc *p)
{
	struct process *pr = p->p_p;
	bool last;

	atomic_or(&p->p_flag, P_KTHREAD);
	pmap_deactivate(p);
	p->p_vmspace = proc0.p_vmspace;
	rw_enter_write(&proctree_lock);
	thread_hash_remove(p);
	rw_enter_write(&pr->ps_lock);
	mtx_enter(&pr->ps_sigmtx);
	TAILQ_REMOVE(&pr->ps_threads, p, p_thr_link);
	last = --pr->ps_nthreads == 0;
	if (pr->ps_mainproc == p)
		pr->ps_mainproc = TAILQ_FIRST(&pr->ps_threads);
	p->p_p = &process0;
	mtx_leave(&pr->ps_sigmtx);
	rw_exit(&pr->ps_lock);
	rw_exit(&proctree_lock);
	if (last)
		process_end(pr);
	sched_exit();
}

static void
thread_main(void *arg)
{
	struct thread_start *ts = arg;

	sched_thread_start();
	ts->ts_fn(ts->ts_arg);
	thread_end(curproc);
}

struct proc *
sim_thread(struct process *pr, void (*fn)(void *), void *arg)
{
	struct thread_start *ts;
	struct proc *p;

	while ((p = thread_alloc(pr, "program")) == NULL)
		if (uvm_wait_killed("simthr"))
			return NULL;
	ts = (struct thread_start *)(void *)p->p_addr;
	ts->ts_fn = fn;
	ts->ts_arg = arg;
	p->p_vmspace = pr->ps_vmspace;
	p->p_cpumask = ~0UL;
	cpu_thread_setup(p, thread_main, ts);
	rw_enter_write(&proctree_lock);
	p->p_tid = pid_alloc();
	if (pr->ps_nthreads == 0) {
		/* as in fork: what can be killed has a thread to die */
		pr->ps_pid = p->p_tid;
		process_insert(pr, &process0);
	}
	thread_hash_insert(p);
	rw_enter_write(&pr->ps_lock);
	mtx_enter(&pr->ps_sigmtx);
	TAILQ_INSERT_TAIL(&pr->ps_threads, p, p_thr_link);
	pr->ps_nthreads++;
	if (pr->ps_mainproc == NULL)
		pr->ps_mainproc = p;
	mtx_leave(&pr->ps_sigmtx);
	rw_exit(&pr->ps_lock);
	rw_exit(&proctree_lock);
	setrunnable(p);
	return p;
}

void
sim_process_unborn(struct process *pr)
{
	struct vmspace *vm = pr->ps_vmspace;

	pr->ps_vmspace = NULL;
	uvmspace_free(vm);
	process_rele(pr);
	process_rele(pr); /* sim_process_wait()'s */
}

void
sim_process_wait(struct process *pr)
{
	rw_enter_read(&proctree_lock);
	while (pr->ps_vmspace != NULL || pr->ps_nthreads != 0 ||
	    refcnt_read(&pr->ps_refs) > 1)
		(void)rwsleep(pr, &proctree_lock, PWAIT, "simwait", INFSLP);
	rw_exit(&proctree_lock);
	process_rele(pr);
}

bool
sim_killed(struct process *pr)
{
	return (atomic_load(&pr->ps_sigpend.sp_set) & sigmask(SIGKILL)) != 0;
}
