/*
 * System calls about the system and its harts.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/timeout.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>
#include <uvm_bsd.h>

/* -- The system ------------------------------------------------------------------ */

struct utsname {
	char sysname[65]; /* [I] */
	char nodename[65]; /* [I] */
	char release[65]; /* [I] */
	char version[65]; /* [I] */
	char machine[65]; /* [I] */
	char domainname[65]; /* [I] */
};

/* The release begins with a number that no C library finds too old. */
static const struct utsname system_name = {
	.sysname = "UVM",
	.nodename = "uvm",
	.release = "6.1.0-uvm",
	.version = "#1 SMP",
	.machine = "riscv64",
	.domainname = "(none)",
};

const char *
uname_release(void)
{
	return system_name.release;
}

int
sys_uname(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return copyout(&system_name, (void *)a[0], sizeof(system_name));
}

/* Members belong to the calling thread. */
struct sysinfo {
	int64_t uptime; /* [thread] seconds */
	uint64_t loads[3]; /* [thread] times 65536 */
	uint64_t totalram, freeram, sharedram, bufferram; /* [thread] units */
	uint64_t totalswap, freeswap; /* [thread] units */
	uint16_t procs; /* [thread] threads */
	uint16_t pad[3]; /* [thread] */
	uint64_t totalhigh, freehigh; /* [thread] */
	uint32_t mem_unit; /* [thread] bytes */
	uint32_t pad2; /* [thread] */
};
CTASSERT(sizeof(struct sysinfo) == 112);

int
sys_sysinfo(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct sysinfo si = { 0 };

	uvmexp_collect();
	si.uptime = (int64_t)(nsecuptime() / 1000000000);
	for (int i = 0; i < 3; i++)
		si.loads[i] = (uint64_t)averunnable.ldavg[i] * 65536 / FSCALE;
	si.totalram = ptoa(uvmexp.npages);
	si.freeram = ptoa(uvm_free_count());
	si.bufferram = ptoa(uvmexp.vnodepages);
	si.totalswap = ptoa(uvmexp.swpages);
	si.freeswap = ptoa(uvmexp.swpages - uvmexp.swpginuse);
	si.procs = (uint16_t)thread_count();
	si.mem_unit = 1;
	return copyout(&si, (void *)a[0], sizeof(si));
}

#define REBOOT_MAGIC1    0xfee1deadU
#define REBOOT_MAGIC2    672274793U
#define REBOOT_MAGIC2A   85072278U
#define REBOOT_MAGIC2B   369367448U
#define REBOOT_MAGIC2C   537993216U
#define REBOOT_RESTART   0x01234567U
#define REBOOT_HALT      0xcdef0123U
#define REBOOT_POWER_OFF 0x4321fedcU
#define REBOOT_CAD_ON    0x89abcdefU
#define REBOOT_CAD_OFF   0x00000000U

/* => how: RB_*; does not return but with EINTR: p has to exit */
static int
reboot(struct proc *p, const char *what, int how)
{
	int error = thread_single(p);

	if (error)
		return error;
	vfs_shutdown(p);
	printf("reboot: %s\n", what);
	cpu_reset(how);
}

int
sys_reboot(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint32_t magic2 = (uint32_t)a[1];

	if ((uint32_t)a[0] != REBOOT_MAGIC1 ||
	    (magic2 != REBOOT_MAGIC2 && magic2 != REBOOT_MAGIC2A &&
		magic2 != REBOOT_MAGIC2B && magic2 != REBOOT_MAGIC2C))
		return EINVAL;
	switch ((uint32_t)a[2]) {
	case REBOOT_RESTART:
		return reboot(p, "restarting", RB_REBOOT);
	case REBOOT_HALT:
		return reboot(p, "halted", RB_HALT);
	case REBOOT_POWER_OFF:
		return reboot(p, "power off", RB_POWEROFF);
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF:
		return 0; /* no keyboard has Ctrl-Alt-Del here */
	default:
		return EINVAL;
	}
}

#define GRND_NONBLOCK 1
#define GRND_RANDOM   2
#define GRND_INSECURE 4
#define GRND_MAX      (32UL << 20) /* bytes one call gives */

int
sys_getrandom(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	size_t len = MIN(a[1], GRND_MAX), done, n;
	uint8_t buf[256];
	int error;

	if ((u_int)a[2] & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return EINVAL;
	if (((u_int)a[2] & (GRND_RANDOM | GRND_INSECURE)) ==
	    (GRND_RANDOM | GRND_INSECURE))
		return EINVAL;
	for (done = 0; done < len; done += n) {
		n = MIN(len - done, sizeof(buf));
		arc4random_buf(buf, n);
		error = copyout(buf, (void *)(a[0] + done), n);
		if (error != 0)
			return error;
		if (done > 0 && sig_pending(p)) {
			done += n;
			break;
		}
	}
	memset(buf, 0, sizeof(buf));
	*ret = (int64_t)done;
	return 0;
}

/* -- The log ---------------------------------------------------------------------- */

#define SYSLOG_CLOSE         0
#define SYSLOG_OPEN          1
#define SYSLOG_READ          2
#define SYSLOG_READ_ALL      3
#define SYSLOG_READ_CLEAR    4
#define SYSLOG_CLEAR         5
#define SYSLOG_CONSOLE_OFF   6
#define SYSLOG_CONSOLE_ON    7
#define SYSLOG_CONSOLE_LEVEL 8
#define SYSLOG_SIZE_UNREAD   9
#define SYSLOG_SIZE_BUFFER   10

#define SYSLOG_CHUNK         512
#define SYSLOG_POLL          100000000UL /* ns; nothing wakes a reader */

/* Positions in the log's history, changed by anyone who asks; atomic. */
static uint64_t syslog_read_at; /* first byte SYSLOG_READ has not given */
static uint64_t syslog_clear_at; /* first byte after the last CLEAR */

/*
 * Copy log text from *seq on to the program.
 * => *ret: bytes; *seq: position behind them
 */
static int
syslog_copyout(uint64_t uaddr, size_t len, uint64_t *seq, int64_t *ret)
{
	char *buf = kmem_alloc(SYSLOG_CHUNK, PR_WAITOK);
	size_t done = 0, n;
	int error = 0;

	while (done < len) {
		n = log_read(buf, MIN(len - done, SYSLOG_CHUNK), seq);
		if (n == 0)
			break;
		error = copyout(buf, (void *)(uaddr + done), n);
		if (error != 0)
			break;
		done += n;
	}
	kmem_free(buf, SYSLOG_CHUNK);
	*ret = (int64_t)done;
	return error;
}

/* => waits for text if there is none */
static int
syslog_read(uint64_t uaddr, size_t len, int64_t *ret)
{
	uint64_t seq = atomic_load(&syslog_read_at);
	int error;

	for (;;) {
		error = syslog_copyout(uaddr, len, &seq, ret);
		if (error != 0)
			return error;
		if (*ret != 0)
			break;
		error = tsleep(
		    &syslog_read_at, PWAIT | PCATCH, "syslog", SYSLOG_POLL);
		if (error != 0 && error != EWOULDBLOCK)
			return error;
	}
	atomic_store(&syslog_read_at, seq);
	return 0;
}

/* => the newest text that fits */
static int
syslog_read_all(uint64_t uaddr, size_t len, int64_t *ret)
{
	uint64_t oldest, next, seq;

	log_bounds(&oldest, &next);
	seq = MAX(oldest, atomic_load(&syslog_clear_at));
	if (next - seq > len)
		seq = next - len;
	return syslog_copyout(uaddr, MIN(len, next - seq), &seq, ret);
}

static int
syslog_query(int type, uint64_t len, int64_t *ret)
{
	uint64_t oldest, next;

	log_bounds(&oldest, &next);
	switch (type) {
	case SYSLOG_CLEAR:
		atomic_store(&syslog_clear_at, next);
		return 0;
	case SYSLOG_SIZE_UNREAD:
		*ret =
		    (int64_t)(next - MAX(oldest, atomic_load(&syslog_read_at)));
		return 0;
	case SYSLOG_SIZE_BUFFER:
		*ret = (int64_t)(next - oldest);
		return 0;
	case SYSLOG_CONSOLE_LEVEL:
		return len >= 1 && len <= 8 ? 0 : EINVAL;
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN:
	case SYSLOG_CONSOLE_OFF:
	case SYSLOG_CONSOLE_ON:
		return 0; /* all of the log goes to the console, always */
	default:
		return EINVAL;
	}
}

int
sys_syslog(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int type = (int)a[0], len = (int)a[2], error;

	if (type != SYSLOG_READ && type != SYSLOG_READ_ALL &&
	    type != SYSLOG_READ_CLEAR)
		return syslog_query(type, a[2], ret);
	if (a[1] == 0 || len < 0)
		return EINVAL;
	if (len == 0)
		return 0;
	if (type == SYSLOG_READ)
		return syslog_read(a[1], (size_t)len, ret);
	error = syslog_read_all(a[1], (size_t)len, ret);
	if (error == 0 && type == SYSLOG_READ_CLEAR) {
		int64_t none;

		error = syslog_query(SYSLOG_CLEAR, 0, &none);
	}
	return error;
}

/* -- Harts --------------------------------------------------------------------------- */

int
sys_sched_yield(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	yield();
	return 0;
}

int
sys_getcpu(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint32_t hart = p->p_cpu->ci_index;
	int error = 0;

	if (a[0] != 0)
		error = copyout32(hart, (uint32_t *)a[0]);
	if (error == 0 && a[1] != 0)
		error = copyout32(0, (uint32_t *)a[1]);
	return error;
}

static uint64_t
harts_online(void)
{
	return (1UL << ncpus) - 1;
}

/*
 * => proctree read-locked if not NULL
 */
static struct proc *
affinity_thread(struct proc *p, pid_t tid)
{
	struct proc *t;

	rw_enter_read(&proctree_lock);
	t = tid == 0 ? p : tfind(tid);
	if (t == NULL)
		rw_exit(&proctree_lock);
	return t;
}

int
sys_sched_getaffinity(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t mask;
	struct proc *t;
	int error;

	if (a[1] < sizeof(mask) || a[1] % sizeof(mask) != 0)
		return EINVAL;
	t = affinity_thread(p, (pid_t)a[0]);
	if (t == NULL)
		return ESRCH;
	mask = t->p_cpumask & harts_online();
	rw_exit(&proctree_lock);
	error = copyout(&mask, (void *)a[2], sizeof(mask));
	if (error == 0)
		*ret = sizeof(mask);
	return error;
}

int
sys_sched_setaffinity(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	uint64_t mask = 0;
	struct proc *t;
	int error;

	error = copyin((void *)a[2], &mask, MIN(a[1], sizeof(mask)));
	if (error != 0)
		return error;
	t = affinity_thread(p, (pid_t)a[0]);
	if (t == NULL)
		return ESRCH;
	if ((mask & harts_online()) == 0)
		error = EINVAL;
	else if (t->p_flag & P_KTHREAD)
		error = EPERM;
	else
		sched_setaffinity(t, mask);
	rw_exit(&proctree_lock);
	return error;
}

#define MEMBARRIER_QUERY           0
#define MEMBARRIER_GLOBAL          0x01
#define MEMBARRIER_GLOBAL_EXP      0x02
#define MEMBARRIER_REG_GLOBAL_EXP  0x04
#define MEMBARRIER_PRIVATE_EXP     0x08
#define MEMBARRIER_REG_PRIVATE_EXP 0x10
#define MEMBARRIER_SYNC_CORE       0x20
#define MEMBARRIER_REG_SYNC_CORE   0x40
#define MEMBARRIER_ALL             0x7f

/*
 * All barriers are the same here: a fence here and, by the interrupt that
 * carries the instruction fence, on every other hart.
 */
int
sys_membarrier(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	if (a[1] != 0)
		return EINVAL;
	switch ((int)a[0]) {
	case MEMBARRIER_QUERY:
		*ret = MEMBARRIER_ALL;
		return 0;
	case MEMBARRIER_REG_GLOBAL_EXP:
	case MEMBARRIER_REG_PRIVATE_EXP:
	case MEMBARRIER_REG_SYNC_CORE:
		return 0;
	case MEMBARRIER_GLOBAL:
	case MEMBARRIER_GLOBAL_EXP:
	case MEMBARRIER_PRIVATE_EXP:
	case MEMBARRIER_SYNC_CORE:
		membar_sync();
		cpu_fencei_all();
		membar_sync();
		return 0;
	default:
		return EINVAL;
	}
}

#define FLUSH_ICACHE_LOCAL 1

int
sys_riscv_flush_icache(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	if (a[2] & ~(uint64_t)FLUSH_ICACHE_LOCAL)
		return EINVAL;
	cpu_fencei_all();
	return 0;
}

/* -- The process ------------------------------------------------------------------------ */

#define PR_GET_DUMPABLE 3
#define PR_SET_DUMPABLE 4
#define PR_SET_NAME     15
#define PR_GET_NAME     16

static int
prctl_set_name(struct proc *p, uint64_t uaddr)
{
	char name[MAXCOMLEN];
	size_t len;
	int error;

	memset(name, 0, sizeof(name));
	error = copyinstr((void *)uaddr, name, sizeof(name), &len);
	if (error != 0 && error != ENAMETOOLONG)
		return error;
	name[sizeof(name) - 1] = '\0';
	rw_enter_write(&p->p_p->ps_lock);
	memcpy(p->p_comm, name, sizeof(p->p_comm));
	if (p == p->p_p->ps_mainproc)
		memcpy(p->p_p->ps_comm, name, sizeof(p->p_p->ps_comm));
	rw_exit(&p->p_p->ps_lock);
	return 0;
}

int
sys_prctl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;

	switch ((int)a[0]) {
	case PR_SET_NAME:
		return prctl_set_name(p, a[1]);
	case PR_GET_NAME:
		return copyout(p->p_comm, (void *)a[1], sizeof(p->p_comm));
	case PR_GET_DUMPABLE:
		*ret = (pr->ps_flags & PS_NODUMP) == 0;
		return 0;
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return EINVAL;
		if (a[1] == 0)
			atomic_or(&pr->ps_flags, PS_NODUMP);
		else
			atomic_and(&pr->ps_flags, ~(uint32_t)PS_NODUMP);
		return 0;
	default:
		return EINVAL;
	}
}
