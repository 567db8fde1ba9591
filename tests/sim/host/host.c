/* The host under the simulated machine: memory, contexts, output. */
#include <sys/mman.h>
#include <sys/wait.h>

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "host.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_SIZE (512 * 1024)
#else
#define STACK_SIZE (128 * 1024)
#endif

#define PAGE 4096UL

void host_switch(void **save, void *sp);
void host_fiber_begin(void);

static int ram_fd = -1; /* all of RAM, one segment after the other */
static uint64_t ram_size; /* bytes of it so far */
#define RAM_SEGMENTS 8
#define RAM_PAGES    65536
static struct {
	uint64_t va, size, off;
} ram[RAM_SEGMENTS];
static unsigned nram;
static uint64_t catch_start, catch_end;

static void
die(const char *what)
{
	perror(what);
	_exit(2);
}

/* -- Fibers ------------------------------------------------------------------ */

/*
 * The switch pops six registers and an address: what host_fiber_begin()
 * expects.  The stack is as a call would leave it there.
 */
void
host_fiber_reset(struct host_fiber *hf, void (*fn)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)((char *)hf->hf_stack + hf->hf_size) - 2;

#ifdef WITH_ASAN
	__asan_unpoison_memory_region(hf->hf_stack, hf->hf_size);
#endif
	*--sp = (uint64_t)host_fiber_begin;
	*--sp = 0; /* rbp: the end of backtraces */
	*--sp = 0; /* rbx */
	*--sp = (uint64_t)fn; /* r12 */
	*--sp = (uint64_t)arg; /* r13 */
	*--sp = (uint64_t)hf; /* r14 */
	*--sp = 0; /* r15 */
	hf->hf_sp = sp;
	hf->hf_fake = NULL;
}

/* Stacks lie side by side, so that it is plain what is in which. */
#define STACKS       4096
#define STACK_STRIDE (STACK_SIZE + PAGE)
static char *stacks; /* the first one */
static size_t nstacks; /* in use */

/* The page below stays without access: an overflow is seen. */
static char *
stack_alloc(void)
{
	char *p;

	if (stacks == NULL)
		stacks = mmap(NULL, STACKS * STACK_STRIDE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	p = stacks + nstacks++ * STACK_STRIDE + PAGE;
	if (stacks == MAP_FAILED || nstacks > STACKS ||
	    mprotect(p, STACK_SIZE, PROT_READ | PROT_WRITE) != 0)
		die("stack of a fiber");
	return p;
}

extern char end[]; /* of the program's variables */

uintptr_t
host_stack_of(const volatile void *p)
{
	uintptr_t at = (uintptr_t)p, first = (uintptr_t)stacks;

	if (at - first < nstacks * STACK_STRIDE)
		return at - (at - first) % STACK_STRIDE;
	/* none but the first thread's, where main() was called */
	return at >= (uintptr_t)end ? (uintptr_t)end : 0;
}

struct host_fiber *
host_fiber_create(void (*fn)(void *), void *arg)
{
	struct host_fiber *hf = malloc(sizeof(*hf));

	if (hf == NULL)
		die("fiber");
	hf->hf_stack = stack_alloc();
	hf->hf_size = STACK_SIZE;
	host_fiber_reset(hf, fn, arg);
	return hf;
}

void
host_fiber_switch(struct host_fiber *from, struct host_fiber *to)
{
#ifdef WITH_ASAN
	__sanitizer_start_switch_fiber(
	    &from->hf_fake, to->hf_stack, to->hf_size);
#endif
	host_switch(&from->hf_sp, to->hf_sp);
	host_fiber_started(from);
}

void
host_fiber_started(struct host_fiber *hf)
{
#ifdef WITH_ASAN
	__sanitizer_finish_switch_fiber(hf->hf_fake, NULL, NULL);
#else
	(void)hf;
#endif
}

void
host_skip_frames(void)
{
#ifdef WITH_ASAN
	__asan_handle_no_return();
#endif
}

/* -- Memory ------------------------------------------------------------------- */

void
host_ram(uint64_t va, uint64_t size)
{
	if (ram_fd < 0 && (ram_fd = memfd_create("ram", MFD_CLOEXEC)) < 0)
		die("memfd_create");
	if (nram == RAM_SEGMENTS || ram_size + size > RAM_PAGES * PAGE ||
	    ftruncate(ram_fd, ram_size + size) != 0)
		die("ftruncate");
	if (mmap((void *)va, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_FIXED_NOREPLACE, ram_fd,
		ram_size) != (void *)va)
		die("mmap of RAM");
	ram[nram].va = va;
	ram[nram].size = size;
	ram[nram++].off = ram_size;
	ram_size += size;
}

/* What is accessed at once and whole costs less in one piece. */
void
host_populate(uint64_t va, uint64_t size)
{
	(void)madvise((void *)va, size, MADV_POPULATE_WRITE);
}

/* Pages of RAM that somebody accessed: so they were seen to have memory. */
static bool touched[RAM_PAGES];

/* => index of the page in the file */
static uint64_t
ram_page(uint64_t va)
{
	for (unsigned i = 0; i < nram; i++)
		if (va - ram[i].va < ram[i].size)
			return (ram[i].off + (va - ram[i].va)) / PAGE;
	fprintf(stderr, "sim: no RAM at %#lx\n", (unsigned long)va);
	abort();
}

bool
host_touched(uint64_t va)
{
	return touched[ram_page(va)];
}

bool
host_touched_now(uint64_t va)
{
	uint64_t i = ram_page(va);
	off_t off = (off_t)(i * PAGE);

	if (!touched[i])
		touched[i] = lseek(ram_fd, off, SEEK_DATA) == off;
	return touched[i];
}

void
host_touched_look(void)
{
	off_t at = 0, hole;

	while ((at = lseek(ram_fd, at, SEEK_DATA)) >= 0) {
		hole = lseek(ram_fd, at, SEEK_HOLE);
		memset(&touched[at / PAGE], true, (size_t)(hole - at) / PAGE);
		at = hole;
	}
}

void
host_alias(uint64_t va, uint64_t at, bool writable)
{
	int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;

	if (mmap((void *)va, PAGE, prot, MAP_SHARED | MAP_FIXED, ram_fd,
		(off_t)(ram_page(at) * PAGE)) == MAP_FAILED)
		die("mmap of an alias");
}

void
host_unalias(uint64_t va, uint64_t size)
{
	if (munmap((void *)va, size) != 0)
		die("munmap");
}

/*
 * On the stack of the fiber that faulted, the signal not blocked: the handler
 * may switch to others before it returns.
 */
static void
on_segv(int sig, siginfo_t *si, void *context)
{
	uint64_t va = (uint64_t)si->si_addr;
	ucontext_t *uc = context;
	bool write = (uc->uc_mcontext.gregs[REG_ERR] & 2) != 0;

	if (va - catch_start < catch_end - catch_start &&
	    sim_host_fault(va, write))
		return;
	dprintf(2, "sim: wild %s at %#lx, pc %#lx\n", write ? "store" : "load",
	    (unsigned long)va, (unsigned long)uc->uc_mcontext.gregs[REG_RIP]);
	host_backtrace();
	signal(sig, SIG_DFL);
	raise(sig);
}

void
host_catch(uint64_t start, uint64_t end)
{
	struct sigaction sa = { .sa_sigaction = on_segv,
		.sa_flags = SA_SIGINFO | SA_NODEFER };

	catch_start = start;
	catch_end = end;
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGSEGV, &sa, NULL) != 0 ||
	    sigaction(SIGBUS, &sa, NULL) != 0)
		die("sigaction");
}

/* -- The rest ------------------------------------------------------------------- */

void
host_write(int fd, const void *buf, size_t n)
{
	const char *p = buf;
	ssize_t w;

	for (; n > 0; p += w, n -= (size_t)w)
		if ((w = write(fd, p, n)) <= 0)
			return;
}

/* => status of e2fsck on the file fd, whose output goes to out */
static int
run_fsck(int fd, int out, bool check)
{
	char path[32],
	    *argv[] = { "e2fsck", check ? "-fn" : "-fy", path, NULL };
	char *env[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "LC_ALL=C",
		NULL };
	posix_spawn_file_actions_t fa;
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	posix_spawn_file_actions_adddup2(&fa, out, 2);
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	if (posix_spawnp(&pid, "e2fsck", &fa, NULL, argv, env) != 0 ||
	    waitpid(pid, &status, 0) != pid)
		die("e2fsck");
	posix_spawn_file_actions_destroy(&fa);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
host_fsck(void *image, size_t size, bool check, char *said, size_t room)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	int out = memfd_create("fsck", MFD_CLOEXEC), status;
	ssize_t n;

	if (fd < 0 || out < 0 || pwrite(fd, image, size, 0) != (ssize_t)size)
		die("memfd");
	status = run_fsck(fd, out, check);
	if (!check && pread(fd, image, size, 0) != (ssize_t)size)
		die("memfd");
	n = pread(out, said, room - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	close(out);
	close(fd);
	return status;
}

void
host_backtrace(void)
{
	void *pc[40];

	backtrace_symbols_fd(pc, backtrace(pc, 40), 2);
}

#ifdef SIM_COVERAGE
void __gcov_dump(void);
#endif

void
host_exit(int status)
{
	fflush(NULL);
#ifdef SIM_COVERAGE
	__gcov_dump();
#endif
	_exit(status);
}
