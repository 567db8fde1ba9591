/*
 * System call dispatch, and the last thing a thread does in the kernel.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/syscall.h>

#define NSYSCALL            448 /* numbers of the generic table */
#define BSD_SYSCALL         1000 /* first number of our own calls */
#define NBSDCALL            8

#define SYSENT(n, name)     [n] = sys_##name,
#define SYSENT_LOW(n, name) [(n) < NSYSCALL ? (n) : NSYSCALL] = sys_##name,

/* One unused slot at the end catches the BSD calls of the memory group. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static sy_call_t *const sysent[NSYSCALL + 1] = { SYSCALLS_MEMORY(SYSENT_LOW)
	    SYSCALLS_PROC(SYSENT) SYSCALLS_FILE(SYSENT) };
#define SYSENT_BSD(n, name) \
	[(n) >= BSD_SYSCALL ? (n)-BSD_SYSCALL : NBSDCALL] = sys_##name,
static sy_call_t *const bsdent[NBSDCALL + 1] = { SYSCALLS_MEMORY(SYSENT_BSD) };
#pragma GCC diagnostic pop

#define UNKNOWN_LIMIT 1024 /* below it each number has a bit */
#define UNKNOWN_MORE  32 /* so many others are told apart */
/* Numbers already complained about; atomic. */
static uint64_t unknown_seen[UNKNOWN_LIMIT / 64];
static uint64_t unknown_more[UNKNOWN_MORE];

/*
 * => true: the number, which is not small, was not seen before; false also
 *    when the table is full, as a program could fill the log with them
 */
static bool
unknown_is_new(uint64_t code)
{
	uint64_t seen;

	for (int i = 0; i < UNKNOWN_MORE; i++) {
		seen = 0;
		if (atomic_cas(&unknown_more[i], &seen, code)) {
			if (i == UNKNOWN_MORE - 1)
				printf("syscall: more unknown calls from %u on "
				       "are not told\n",
				    UNKNOWN_LIMIT);
			return true;
		}
		if (seen == code)
			return false;
	}
	return false;
}

/*
 * A call nobody knows: one line per number.
 */
static __noinline int
syscall_unknown(struct proc *p, uint64_t code)
{
	uint64_t bit = 1UL << (code % 64);
	bool new;

	if (code < UNKNOWN_LIMIT)
		new = (atomic_or(&unknown_seen[code / 64], bit) & bit) == 0;
	else
		new = unknown_is_new(code);
	if (new)
		printf("syscall: %s (pid %d) made unknown call %lu\n",
		    p->p_p->ps_comm, p->p_p->ps_pid, code);
	return ENOSYS;
}

static inline sy_call_t *
syscall_lookup(uint64_t code)
{
	if (__predict_true(code < NSYSCALL))
		return sysent[code];
	if (code - BSD_SYSCALL < NBSDCALL)
		return bsdent[code - BSD_SYSCALL];
	return NULL;
}

/*
 * A restarted call finds its arguments untouched: a0 is only written when a
 * call ends.  Whether a handler turns it into EINTR is decided in sendsig's
 * caller, so userret() has to look even if no signal is left.
 */
static __noinline void
syscall_error(struct proc *p, int error)
{
	struct trapframe *tf = &p->p_tf;

	switch (error) {
	case EJUSTRETURN:
		break;
	case ERESTART:
	case ERESTARTNOHAND:
		tf->tf_sepc -= 4;
		p->p_restart = error == ERESTART ? RESTART_SIG : RESTART_NOHAND;
		atomic_or(&p->p_flag, P_NEEDAST);
		break;
	default:
		KASSERT(error > 0 && error < ERESTART);
		tf->tf_a[0] = (uint64_t) - (int64_t)error;
		break;
	}
}

/*
 * => curproc entered by ecall: its frame is complete, sepc already behind the
 *    ecall, interrupts on, no locks
 * => the frame holds what the program gets; userret() has still to be called
 */
void
syscall(struct proc *p)
{
	struct trapframe *tf = &p->p_tf;
	uint64_t code = tf->tf_a[7];
	sy_call_t *call = syscall_lookup(code);
	int64_t ret = 0;
	int error;

	UVMCNT_INC(syscalls);
	p->p_syscall = (uint32_t)code;
	if (__predict_true(call != NULL))
		error = call(p, tf->tf_a, &ret);
	else
		error = syscall_unknown(p, code);
	if (__predict_true(error == 0))
		tf->tf_a[0] = (uint64_t)ret;
	else
		syscall_error(p, error);
}

/*
 * => curproc on its way to user mode, no locks; returns with no signal to
 *    deliver and no better thread to run, as of now: the caller looks again
 *    with interrupts off
 * => may not return: the thread exits
 */
void
userret(struct proc *p)
{
#ifdef DEBUG
	lockorder_assert_none("userret");
#endif
	for (;;) {
		if (atomic_load(&p->p_flag) & P_NEEDAST) {
			atomic_and_acq_rel(&p->p_flag, ~(uint32_t)P_NEEDAST);
			if (thread_must_exit(p))
				thread_exit(p);
			sig_deliver(p);
		} else if (curcpu()->ci_resched)
			preempt();
		else
			break;
	}
}
