/*
 * Panic: stop the other harts, say everything that helps to find out why, and
 * turn the machine off.
 *
 * One hart wins; others that panic at the same time stop.  A panic inside the
 * panic goes straight to the end.  Every line is of use to whoever reads the
 * log alone: it ends with the commands to type next.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/cons.h>
#include <sys/ktest.h>
#include <sys/ktrace.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>
#include <kern/lockorder.h>

#define PANIC_TRACES  40 /* events of the trace ring shown */
#define PANIC_MSGLEN  256
#define PANIC_HALT_NS 20000000UL /* time for the other harts to stop */

/* ra, sp, s0 .. s11: arch/riscv/setjmp.S */
struct kern_jmpbuf {
	uint64_t jb_reg[14]; /* [thread] */
};
int kern_setjmp(struct kern_jmpbuf *jb) __attribute__((__returns_twice__));
void kern_longjmp(struct kern_jmpbuf *jb) __dead;

const char *panicstr;
static char panic_message[PANIC_MSGLEN]; /* [the hart that won] */
static struct cpu_info *volatile panic_cpu; /* [a] the hart that won */

/*
 * The panic a test expects.
 * Locks used to protect members: o the thread px_proc
 */
static struct {
	struct proc *volatile px_proc; /* [a] NULL: none expected */
	struct kern_jmpbuf px_jmpbuf; /* [o] */
	char *px_msg; /* [o] */
	size_t px_size; /* [o] */
} panic_expected;

/* -- Panics that are expected ---------------------------------------------------- */

bool
panic_expect(void (*fn)(void *), void *arg, char *msg, size_t n)
{
	struct proc *none = NULL;

	if (!atomic_cas(&panic_expected.px_proc, &none, curproc))
		panic("panic_expect: another test expects a panic already");
	panic_expected.px_msg = msg;
	panic_expected.px_size = n;
	if (kern_setjmp(&panic_expected.px_jmpbuf) == 0) {
		fn(arg);
		panic_expected.px_proc = NULL;
		return false;
	}
	return true;
}

/* Back to panic_expect(), with no mutex held as far as the hart knows. */
static void __dead
panic_return(const char *fmt, va_list ap)
{
	struct cpu_info *ci = curcpu();

	if (panic_expected.px_msg != NULL)
		vsnprintf(
		    panic_expected.px_msg, panic_expected.px_size, fmt, ap);
	panic_expected.px_proc = NULL;
	intr_disable();
	lockorder_reset_cpu();
	ci->ci_mtxdepth = 0;
	intr_enable();
	kern_longjmp(&panic_expected.px_jmpbuf);
}

/* -- Panics that are not --------------------------------------------------------- */

static void __dead
panic_stop(void)
{
	intr_disable();
	for (;;)
		cpu_spinwait();
}

static void
panic_halt_others(void)
{
	uint64_t end = nsecuptime() + PANIC_HALT_NS;
	struct cpu_info *ci;

	if (ncpus <= 1)
		return;
	CPU_FOREACH (ci)
		if (ci != curcpu())
			cpu_ipi(ci, IPI_HALT);
	while (nsecuptime() < end)
		cpu_spinwait();
}

static void
panic_print_where(void)
{
	struct cpu_info *ci = curcpu();
	struct proc *p = curproc;

	printf("hart %u (id %u of %u running), thread %d (%s), process %d "
	       "(%s), system call %u\n",
	    ci->ci_index, ci->ci_hartid, ncpus, p->p_tid, p->p_comm,
	    p->p_p->ps_pid, p->p_p->ps_comm, p->p_syscall);
	printf("interrupt depth %u, mutex depth %u, kernel stack %#lx\n",
	    ci->ci_intrdepth, ci->ci_mtxdepth, p->p_kstack);
}

static void
panic_print_memory(void)
{
	long free = uvm_free_count();
	int active = uvm_pageq_active(), inactive = uvm_pageq_inactive();

	printf("uvmexp: %d pages, %ld free, %d active, %d inactive, %d wired, "
	       "%d paging\n",
	    uvmexp.npages, free, active, inactive, uvm_pageq_wired(),
	    uvmexp.paging);
}

static void
panic_print_commands(void)
{
	const char *test = kt_running();

	printf("decode: scripts/decode < log\n");
	if (test != NULL)
		printf("rerun: make test-guest T=ktest:%s SEED=%lu\n", test,
		    (u_long)kt_seed());
	else
		printf("rerun: the same command, with boot arguments \"%s\"\n",
		    bootargs_text);
}

static void
panic_report(void)
{
	panic_print_where();
	printf("backtrace:\n");
	cpu_print_backtrace();
	lockorder_print();
	panic_print_memory();
	ktrace_dump(PANIC_TRACES);
	panic_print_commands();
}

static void __dead
panic_here(const char *fmt, va_list ap)
{
	struct cpu_info *none = NULL, *ci = curcpu();

	intr_disable();
	if (!atomic_cas(&panic_cpu, &none, ci)) {
		if (none != ci)
			panic_stop();
		/* Something in the report panicked. */
		printf("\npanic: again: ");
		vprintf(fmt, ap);
		printf("\n");
		cpu_reset(RB_PANIC);
	}
	panic_halt_others();
	cons_panic();
	vsnprintf(panic_message, sizeof(panic_message), fmt, ap);
	panicstr = panic_message;
	printf("\n");
	printf("panic: %s\n", panic_message);
	panic_report();
	cpu_reset(RB_PANIC);
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (panic_expected.px_proc == curproc && curcpu()->ci_intrdepth == 0)
		panic_return(fmt, ap);
	panic_here(fmt, ap);
}

void
kassert_fail(const char *expr, const char *file, int line, const char *func)
{
	panic("assertion \"%s\" failed: %s:%d, %s()", expr, file, line, func);
}
