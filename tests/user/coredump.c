/* vmrun: --smp 1,4 --mem 192M --timeout 90 */
/*
 * Core files: when there is one, what is in it, where it ends.  With an
 * argument the program dies that way (coredump.host.py).
 */
#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define AT_PATTERN ((char *)(uintptr_t)0x2000000000)
#define AT_EMPTY   ((char *)(uintptr_t)0x2100000000) /* never touched */
#define AT_SECRET  ((char *)(uintptr_t)0x2200000000) /* MADV_DONTDUMP */
#define AT_CLOSED  ((char *)(uintptr_t)0x2300000000) /* written, PROT_NONE */
#define AT_SHARED  ((char *)(uintptr_t)0x2400000000)
#define EMPTY_LEN  ((size_t)64 << 20)
#define THREADS    3

int main(int argc, char **argv);
static char data_page[2 * PAGE] __attribute__((aligned(4096))) = "untouched";
static volatile int ready;

static char *
map_at(char *at, size_t len, int flags)
{
	char *p = mmap(at, len, RW, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(p == at);
	return p;
}

static void
make_memory(void)
{
	char *p = map_at(AT_PATTERN, 3 * PAGE, MAP_PRIVATE);

	for (size_t i = 0; i < 3 * PAGE; i++)
		p[i] = (char)(i * 7 + 1);
	map_at(AT_EMPTY, EMPTY_LEN, MAP_PRIVATE);
	AT_EMPTY[EMPTY_LEN / 2] = 'x';
	map_at(AT_SECRET, PAGE, MAP_PRIVATE);
	strcpy(AT_SECRET, "nobody is to read this");
	CHECK(madvise(AT_SECRET, PAGE, MADV_DONTDUMP) == 0);
	map_at(AT_CLOSED, 2 * PAGE, MAP_PRIVATE);
	strcpy(AT_CLOSED, "closed");
	CHECK(mprotect(AT_CLOSED, 2 * PAGE, PROT_NONE) == 0);
	map_at(AT_SHARED, 4 * PAGE, MAP_SHARED);
	strcpy(AT_SHARED + 2 * PAGE, "shared");
	data_page[PAGE] = 'd';
}

/* A thread that can be told from its registers. */
static void *
marked_thread(void *arg)
{
	register long mark __asm__("s11") = (long)arg;

	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
	if (((long)arg & 1) != 0)
		for (;;)
			__asm__ volatile("" : "+r"(mark));
	for (;;) {
		register long a7 __asm__("a7") = SYS_ppoll;
		register long a0 __asm__("a0") = 0;
		register long a1 __asm__("a1") = 0;
		register long a2 __asm__("a2") = 0;
		register long a3 __asm__("a3") = 0;
		register long a4 __asm__("a4") = 0;

		__asm__ volatile("ecall"
				 : "+r"(a0), "+r"(mark)
				 : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7)
				 : "memory");
	}
	return NULL;
}

static void
start_threads(void)
{
	pthread_t t;

	for (long i = 1; i <= THREADS; i++)
		CHECK(pthread_create(&t, NULL, marked_thread,
			  (void *)(0x5eed000 + i)) == 0);
	while (ready != THREADS)
		usleep(1000);
	usleep(10000);
}

/* fs0 and s10 are known when it stores to address 8. */
static void __attribute__((noinline)) crash_here(void)
{
	register long s10 __asm__("s10") = 0x1234567890;
	register double fs0 __asm__("fs0") = 2.5;

	__asm__ volatile(".globl crash_insn\ncrash_insn: sd %0, 0(%1)"
			 :
			 : "r"(s10), "r"(bad_pointer), "f"(fs0)
			 : "memory");
}

static void
die(const char *how)
{
	make_memory();
	if (strcmp(how, "threads") == 0)
		start_threads();
	if (strcmp(how, "abort") == 0)
		abort();
	crash_here();
}

/* -- In a child, in a folder of its own -------------------------------------------- */

#define FOLDER "/tmp/core.test"

static rlim_t limit;
static const char *how;
static int undumpable;
static int waiting[2]; /* a pipe: a child waits for a signal */

static void
child(void)
{
	struct rlimit rl = { limit, RLIM_INFINITY };

	CHECK(chdir(FOLDER) == 0);
	CHECK(setrlimit(RLIMIT_CORE, &rl) == 0);
	if (undumpable)
		CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
	if (how == NULL) {
		CHECK(write(waiting[1], "", 1) == 1);
		for (;;)
			pause();
	}
	die(how);
}

static int
run(const char *h, rlim_t l)
{
	how = h;
	limit = l;
	return in_child(child);
}

/* => the core file in memory; it is removed */
static unsigned char *
take_core(struct stat *st)
{
	int fd = open(FOLDER "/core", O_RDONLY);
	unsigned char *p;

	CHECK(fd >= 0 && fstat(fd, st) == 0);
	CHECK_EQ(st->st_mode & 07777, 0600);
	p = mmap(NULL, (size_t)st->st_size + 1, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && close(fd) == 0);
	CHECK(unlink(FOLDER "/core") == 0);
	return p;
}

static int
no_core(void)
{
	return access(FOLDER "/core", F_OK) != 0 && errno == ENOENT;
}

/* => the bytes of an address in the file, NULL: none; *timesp: segments */
static unsigned char *
find(unsigned char *core, void *addr, int *timesp)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)(void *)core;
	Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(core + e->e_phoff);
	uint64_t va = (uintptr_t)addr;
	unsigned char *found = NULL;

	*timesp = 0;
	for (int i = 0; i < e->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD || va < ph[i].p_vaddr ||
		    va >= ph[i].p_vaddr + ph[i].p_filesz)
			continue;
		found = core + ph[i].p_offset + (va - ph[i].p_vaddr);
		++*timesp;
	}
	return found;
}

/* => how many notes of a type; *descp: the last one's contents */
static int
notes(unsigned char *core, uint32_t type, void **descp)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)(void *)core;
	Elf64_Phdr *ph = (Elf64_Phdr *)(void *)(core + e->e_phoff);
	unsigned char *at = core + ph->p_offset, *end = at + ph->p_filesz;
	Elf64_Nhdr *nh;
	int n = 0;

	CHECK_EQ(ph->p_type, PT_NOTE);
	for (; at < end; at += sizeof(*nh) + 8 + ((nh->n_descsz + 3) & ~3u)) {
		nh = (Elf64_Nhdr *)(void *)at;
		CHECK(
		    nh->n_namesz == 5 && strcmp((char *)(nh + 1), "CORE") == 0);
		if (nh->n_type == type) {
			*descp = at + sizeof(*nh) + 8;
			n++;
		}
	}
	CHECK(at == end);
	return n;
}

static void
check_memory(unsigned char *core)
{
	unsigned char *p;
	int n;

	p = find(core, AT_PATTERN, &n);
	CHECK_EQ(n, 1);
	for (size_t i = 0; i < 3 * PAGE; i++)
		CHECK(p[i] == (unsigned char)(i * 7 + 1));
	p = find(core, AT_EMPTY, &n);
	CHECK(n == 1 && p[0] == 0 && p[EMPTY_LEN / 2] == 'x' &&
	    p[EMPTY_LEN / 2 + 1] == 0);
	CHECK(find(core, AT_SECRET, &n) == NULL);
	p = find(core, AT_CLOSED, &n);
	CHECK(n == 1 && strcmp((char *)p, "closed") == 0);
	p = find(core, AT_SHARED + 2 * PAGE, &n);
	CHECK(n == 1 && strcmp((char *)p, "shared") == 0);
	/* of a private file mapping, pages of the file and copies */
	p = find(core, data_page, &n);
	CHECK(n == 1 && strcmp((char *)p, "untouched") == 0);
	CHECK_EQ(p[PAGE], 'd');
	/* text is in the program */
	CHECK(find(core, (void *)(uintptr_t)main, &n) == NULL);
	/* the stack as it was: the environment is there */
	CHECK(find(core, &n, &n) != NULL);
}

static void
test_contents(void)
{
	unsigned char *core;
	struct stat st;
	void *desc;
	int status = run("crash", RLIM_INFINITY);

	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	CHECK(WCOREDUMP(status));
	core = take_core(&st);
	CHECK(memcmp(core, ELFMAG "\2\1\1", 7) == 0);
	CHECK_EQ(((Elf64_Ehdr *)(void *)core)->e_type, ET_CORE);
	CHECK_EQ(((Elf64_Ehdr *)(void *)core)->e_machine, EM_RISCV);
	check_memory(core);
	CHECK_EQ(notes(core, NT_PRSTATUS, &desc), 1);
	CHECK_EQ(*(short *)(void *)((char *)desc + 12), SIGSEGV);
	/* s10 is x26 */
	CHECK_EQ(((long *)desc)[14 + 26], 0x1234567890);
	CHECK_EQ(notes(core, NT_FPREGSET, &desc), 1);
	CHECK(((double *)desc)[8] == 2.5);
	CHECK_EQ(notes(core, NT_SIGINFO, &desc), 1);
	CHECK(((siginfo_t *)desc)->si_addr == bad_pointer);
	CHECK_EQ(notes(core, NT_AUXV, &desc), 1);
	CHECK_EQ(*(long *)desc, AT_PHDR);
	CHECK_EQ(notes(core, NT_PRPSINFO, &desc), 1);
	CHECK(strcmp((char *)desc + 40, "coredump") == 0);
	/* what nobody touched is a hole */
	CHECK(st.st_size > (off_t)EMPTY_LEN);
	CHECK(st.st_blocks * 512 < 4 << 20);
	CHECK(munmap(core, (size_t)st.st_size + 1) == 0);
}

static void
test_threads(void)
{
	unsigned char *core;
	struct stat st;
	void *desc;
	int status = run("threads", RLIM_INFINITY);

	CHECK(WTERMSIG(status) == SIGSEGV && WCOREDUMP(status));
	core = take_core(&st);
	CHECK_EQ(notes(core, NT_PRSTATUS, &desc), THREADS + 1);
	CHECK_EQ(notes(core, NT_FPREGSET, &desc), THREADS + 1);
	for (long i = 1; i <= THREADS; i++) {
		long mark = 0x5eed000 + i;
		unsigned char *p = core, *end = core + 8192;

		while (p < end && memcmp(p, &mark, sizeof(mark)) != 0)
			p += 4;
		CHECK(p < end);
	}
	check_memory(core);
	CHECK(munmap(core, (size_t)st.st_size + 1) == 0);
}

static void
test_limit(void)
{
	static const rlim_t limits[] = { 4096, 5000, 65536, 100000, 1 << 20 };
	unsigned char *core;
	struct stat st;
	int status;

	for (size_t i = 0; i < NELEM(limits); i++) {
		status = run("abort", limits[i]);
		CHECK(WTERMSIG(status) == SIGABRT && WCOREDUMP(status));
		core = take_core(&st);
		CHECK(st.st_size <= (off_t)limits[i] && st.st_size > 4000);
		CHECK(memcmp(core, ELFMAG, 4) == 0);
		CHECK(munmap(core, (size_t)st.st_size + 1) == 0);
	}
}

static void
test_none(void)
{
	siginfo_t info;
	int status, fd;
	pid_t pid;
	char c;

	CHECK(pipe(waiting) == 0);
	status = run("abort", 0);
	CHECK(WTERMSIG(status) == SIGABRT && !WCOREDUMP(status) && no_core());
	undumpable = 1;
	status = run("abort", RLIM_INFINITY);
	CHECK(WTERMSIG(status) == SIGABRT && !WCOREDUMP(status) && no_core());
	undumpable = 0;
	/* by signals that end a process, or end it and leave a file */
	for (int sig = SIGKILL; sig <= SIGXCPU; sig += SIGXCPU - SIGKILL) {
		limit = RLIM_INFINITY;
		how = NULL;
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			child();
		CHECK(read(waiting[0], &c, 1) == 1);
		CHECK(kill(pid, sig) == 0);
		CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0);
		CHECK_EQ(info.si_status, sig);
		CHECK_EQ(
		    info.si_code, sig == SIGXCPU ? CLD_DUMPED : CLD_KILLED);
		CHECK((sig == SIGXCPU) == !no_core());
	}
	/* a name that is something else stays what it is */
	CHECK(unlink(FOLDER "/core") == 0);
	CHECK(symlink("other", FOLDER "/core") == 0);
	CHECK(!WCOREDUMP(run("abort", RLIM_INFINITY)));
	CHECK(access(FOLDER "/other", F_OK) != 0);
	CHECK(unlink(FOLDER "/core") == 0 && mkdir(FOLDER "/core", 0755) == 0);
	CHECK(!WCOREDUMP(run("abort", RLIM_INFINITY)));
	CHECK(rmdir(FOLDER "/core") == 0);
	fd = open(FOLDER "/core", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "precious", 8) == 8 && close(fd) == 0);
	CHECK(link(FOLDER "/core", FOLDER "/link") == 0);
	CHECK(!WCOREDUMP(run("abort", RLIM_INFINITY)));
	CHECK(unlink(FOLDER "/core") == 0 && unlink(FOLDER "/link") == 0);
	CHECK(mkfifo(FOLDER "/core", 0600) == 0);
	CHECK(!WCOREDUMP(run("abort", RLIM_INFINITY)));
	CHECK(unlink(FOLDER "/core") == 0);
}

/* It is killed while it dumps: it goes at once, with its threads. */
static void
test_killed(void)
{
	int status;
	pid_t pid;

	how = "threads";
	limit = RLIM_INFINITY;
	for (int ms = 0; ms < 60; ms += 6) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			child();
		sleep_ms(20 + ms);
		CHECK(kill(pid, SIGKILL) == 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status));
		CHECK(
		    WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV);
		unlink(FOLDER "/core");
	}
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		die(argv[1]);
	CHECK(mkdir(FOLDER, 0755) == 0);
	test_contents();
	test_threads();
	test_limit();
	test_none();
	test_killed();
	CHECK(rmdir(FOLDER) == 0);
	return 0;
}
