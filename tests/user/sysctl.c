/* vmrun: --smp 1,4 --timeout 30 */
/*
 * The views on processes and their memory that ps and procmap use.
 */
#include "test.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>

static struct uvm_mapinfo maps[200];
static struct uvm_procinfo procs[200];

static int
read_maps(int pid)
{
	int name[3] = { CTL_VM, VM_UVM_MAPINFO, pid };
	size_t len = sizeof(maps);

	CHECK(bsd_sysctl(name, 3, maps, &len, NULL, 0) == 0);
	CHECK_EQ(len % sizeof(maps[0]), 0);
	return (int)(len / sizeof(maps[0]));
}

static const struct uvm_mapinfo *
entry_of(int n, const void *p)
{
	for (int i = 0; i < n; i++)
		if (maps[i].start <= (uintptr_t)p && (uintptr_t)p < maps[i].end)
			return &maps[i];
	return NULL;
}

static void
test_maps(void)
{
	char *p = map_anon(32 * PAGE);
	const struct uvm_mapinfo *m;
	int n, local;

	CHECK(madvise(p, 32 * PAGE, MADV_RANDOM) == 0);
	CHECK(minherit(p, 32 * PAGE, MAP_INHERIT_NONE) == 0);
	touch(p, 5 * PAGE);
	CHECK(mlock(p, 32 * PAGE) == 0);
	CHECK(mprotect(p, 32 * PAGE, PROT_READ) == 0);
	n = read_maps(getpid());
	CHECK(n >= 4);
	for (int i = 0; i < n; i++) {
		CHECK(maps[i].start < maps[i].end);
		CHECK((maps[i].start | maps[i].end) % PAGE == 0);
		CHECK(i == 0 || maps[i - 1].end <= maps[i].start);
		CHECK((maps[i].prot & ~maps[i].maxprot) == 0);
		/* W^X in everything the kernel has set up itself */
		CHECK((maps[i].prot & (PROT_WRITE | PROT_EXEC)) !=
		    (PROT_WRITE | PROT_EXEC));
	}
	m = entry_of(n, p);
	CHECK(m != NULL);
	CHECK_EQ(m->start, (uintptr_t)p);
	CHECK_EQ(m->end, (uintptr_t)p + 32 * PAGE);
	CHECK_EQ(m->prot, PROT_READ);
	CHECK_EQ(m->inherit, MAP_INHERIT_NONE);
	CHECK_EQ(m->advice, BSD_MADV_RANDOM);
	CHECK_EQ(m->wired, 1);
	CHECK_EQ(m->resident, 32);
	CHECK_EQ(m->anon, 32);
	CHECK_EQ(m->type, UVM_MI_ANON);
	m = entry_of(n, &local);
	CHECK(m != NULL && m->prot == RW);
	m = entry_of(n, (void *)(uintptr_t)test_maps);
	CHECK(m != NULL && m->prot == (PROT_READ | PROT_EXEC));
	CHECK(munmap(p, 32 * PAGE) == 0);
	CHECK(entry_of(read_maps(0), p) == NULL);
}

static int
read_procs(void)
{
	int name[2] = { CTL_VM, VM_UVM_PROCINFO };
	size_t len = sizeof(procs);

	CHECK(bsd_sysctl(name, 2, procs, &len, NULL, 0) == 0);
	CHECK_EQ(len % sizeof(procs[0]), 0);
	return (int)(len / sizeof(procs[0]));
}

static const struct uvm_procinfo *
proc_of(int n, pid_t pid)
{
	for (int i = 0; i < n; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	return NULL;
}

static void
test_procs(void)
{
	const struct uvm_procinfo *p;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	sleep_ms(50);
	int n = read_procs();

	p = proc_of(n, getpid());
	CHECK(p != NULL);
	CHECK_EQ(p->ppid, getppid());
	CHECK_EQ(p->pgid, getpgrp());
	CHECK_EQ(p->sid, getsid(0));
	CHECK_EQ(p->state, 'R');
	CHECK_EQ(p->nthreads, 1);
	CHECK(p->vsize > 100 * PAGE && p->rss > 10);
	CHECK(p->comm[0] != '\0');
	p = proc_of(n, pid);
	CHECK(p != NULL);
	CHECK_EQ(p->ppid, getpid());
	CHECK_EQ(p->state, 'S');
	CHECK(p->wmesg[0] != '\0');
	p = proc_of(n, 1);
	CHECK(p != NULL);
	CHECK(strncmp(p->comm, "init", 4) == 0);
	kill(pid, SIGKILL);
	sleep_ms(50);
	p = proc_of(read_procs(), pid);
	CHECK(p != NULL);
	CHECK_EQ(p->state, 'Z');
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK(proc_of(read_procs(), pid) == NULL);
}

static void
test_errors(void)
{
	int name[3] = { CTL_VM, VM_UVM_MAPINFO, 999999 };
	size_t len = sizeof(maps);

	CHECK_ERRNO(bsd_sysctl(name, 3, maps, &len, NULL, 0), ESRCH);
	name[2] = getpid();
	len = 10;
	CHECK_ERRNO(bsd_sysctl(name, 3, maps, &len, NULL, 0), ENOMEM);
	len = sizeof(maps);
	CHECK_ERRNO(bsd_sysctl(name, 3, bad_pointer, &len, NULL, 0), EFAULT);
	name[0] = 77;
	CHECK_ERRNO(bsd_sysctl(name, 3, maps, &len, NULL, 0), EOPNOTSUPP);
	CHECK(bsd_sysctl(name, 0, maps, &len, NULL, 0) == -1);
	CHECK(errno == EINVAL || errno == ENOTDIR);
}

static void
test_identity(void)
{
	struct utsname u;
	struct sysinfo si;
	unsigned cpu;

	CHECK(uname(&u) == 0);
	CHECK(strcmp(u.machine, "riscv64") == 0);
	CHECK(u.sysname[0] != '\0' && u.release[0] >= '0');
	CHECK(sysinfo(&si) == 0);
	CHECK(si.totalram * si.mem_unit > (8 << 20));
	CHECK(si.freeram <= si.totalram);
	CHECK_EQ(getuid(), 0);
	CHECK_EQ(getegid(), 0);
	CHECK(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0);
	CHECK(cpu < 8);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
}

int
main(void)
{
	if (on_peer())
		return 77;
	test_maps();
	test_procs();
	test_errors();
	test_identity();
	return 0;
}
