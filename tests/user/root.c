/*
 * The root on a disk: programs are read as they are used, once, whoever runs
 * them.  root.host.py boots it, and looks at the disk afterwards.
 *
 *	root text	the big program, alone, again, four at a time
 *	root leave	changes files in every way and leaves them open, so that
 *			the machine is switched off meanwhile
 *	root verify	what that left, at the next boot
 *	root cut	says what is safe, until the power is cut
 */
#include "test.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>

#define BIGTEXT    "/t/bigtext"
#define TEXT_PAGES 1024
#define FEW        8

struct seen {
	struct uvmexp u;
	unsigned long reads, sectors;
};

static struct seen
look(void)
{
	int name[2] = { CTL_VM, VM_UVMEXP };
	struct seen s = { .reads = 0 };
	size_t len = sizeof(s.u);
	char line[256];
	FILE *f;

	CHECK(bsd_sysctl(name, 2, &s.u, &len, NULL, 0) == 0);
	f = fopen("/proc/diskstats", "r");
	CHECK(f != NULL && fgets(line, sizeof(line), f) != NULL);
	CHECK(
	    sscanf(line, "%*u %*u vda %lu %*u %lu", &s.reads, &s.sectors) == 2);
	fclose(f);
	return s;
}

static void
start(const char *prog, const char *what, const char *n)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(prog, prog, what, n, NULL);
		_exit(99);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

static void
big(const char *what, const char *n)
{
	start(BIGTEXT, what, n);
}

/* One that runs, with its text and data in use, until fd[1] is closed. */
struct holder {
	pid_t pid;
	int fd;
};

static struct holder
hold(const char *n)
{
	int in[2], out[2];
	struct holder h;
	char buf[5];

	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	h.pid = fork();
	if (h.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(BIGTEXT, BIGTEXT, "hold", n, NULL);
		_exit(99);
	}
	close(in[0]);
	close(out[1]);
	CHECK(read(out[0], buf, 5) == 5);
	close(out[0]);
	h.fd = in[1];
	return h;
}

static void
let_go(struct holder h)
{
	int status;

	close(h.fd);
	CHECK(waitpid(h.pid, &status, 0) == h.pid);
	CHECK_EQ(status, 0);
}

#define AHEAD 64 /* most pages that the kernel reads ahead of a program */

/* Only what is touched is read, and what is around it; the second time nothing
 * is.  most: pages of the program's */
static void
test_demand(const char *prog, const char *what, const char *n, long most)
{
	struct seen a = look(), b, c;
	long ins, pages;
	struct stat st;

	CHECK(stat(prog, &st) == 0);
	CHECK(most < st.st_size / (long)PAGE);
	a = look();

	start(prog, what, n);
	b = look();
	ins = b.u.pageins - a.u.pageins;
	pages = (b.u.vtextpages + b.u.vnodepages) -
	    (a.u.vtextpages + a.u.vnodepages);
	printf("%s, %ld pages: first start: %ld pageins, %ld pages, "
	       "vtextpages %d to %d, %lu reads, %lu KiB\n",
	    prog, (long)st.st_size / (long)PAGE, ins, pages, a.u.vtextpages,
	    b.u.vtextpages, b.reads - a.reads, (b.sectors - a.sectors) / 2);
	CHECK(ins >= FEW);
	CHECK(b.u.vtextpages - a.u.vtextpages >= FEW);
	CHECK(pages <= most);
	CHECK((long)(b.sectors - a.sectors) / 8 <= most);
	b = look(); /* this program's own pages for what it did since */
	start(prog, what, n);
	c = look();
	printf("second start: %d pageins, %lu reads\n",
	    c.u.pageins - b.u.pageins, c.reads - b.reads);
	CHECK_EQ(c.u.pageins, b.u.pageins);
	CHECK_EQ(c.reads, b.reads);
	CHECK_EQ(c.u.vtextpages, b.u.vtextpages);
}

/* Four use one copy of the text, and each its own of the data. */
static void
test_shared(void)
{
	struct seen a = look(), b, c;
	struct holder h[4];

	h[0] = hold("1024");
	b = look();
	CHECK(b.u.vtextpages - a.u.vtextpages > TEXT_PAGES / 2);
	CHECK(b.u.vtextpages >= TEXT_PAGES);
	for (int i = 1; i < 4; i++)
		h[i] = hold("1024");
	c = look();
	printf("all of it: vtextpages %d to %d, with three more %d; "
	       "%ld free pages less, %lu reads, %lu KiB\n",
	    a.u.vtextpages, b.u.vtextpages, c.u.vtextpages,
	    (long)b.u.free - c.u.free, c.reads - b.reads,
	    (c.sectors - b.sectors) / 2);
	/* but for what is read ahead of the first, behind the last it used */
	CHECK(c.u.vtextpages - b.u.vtextpages <= AHEAD);
	CHECK((c.sectors - b.sectors) / 8 <= AHEAD);
	/* data, bss, stack, page tables: less than a copy of the text */
	CHECK(b.u.free - c.u.free < TEXT_PAGES);
	CHECK_ERRNO(open(BIGTEXT, O_WRONLY), ETXTBSY);
	CHECK_ERRNO(open(BIGTEXT, O_RDWR | O_TRUNC), ETXTBSY);
	CHECK_ERRNO(truncate(BIGTEXT, 0), ETXTBSY);
	for (int i = 0; i < 4; i++)
		let_go(h[i]);
}

/* A file is either written or run. */
static void
test_busy(void)
{
	int fd = open(BIGTEXT, O_RDWR);
	char *argv[] = { BIGTEXT, "args", "x", NULL }, *envp[] = { NULL };

	CHECK(fd >= 0);
	CHECK_ERRNO(execve(BIGTEXT, argv, envp), ETXTBSY);
	close(fd);
	big("touch", "1");
}

static void
test_script(void)
{
	static const char text[] = "#!" BIGTEXT " args\n";
	int fd = open("/tmp/script", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	char out[64] = "";
	FILE *f;

	CHECK(fd >= 0);
	CHECK(write(fd, text, sizeof(text) - 1) == (long)sizeof(text) - 1);
	close(fd);
	f = popen("/tmp/script one two", "r");
	CHECK(f != NULL);
	CHECK(fread(out, 1, sizeof(out) - 1, f) > 0);
	CHECK_EQ(pclose(f), 0);
	CHECK(strcmp(out, "/tmp/script\none\ntwo\n") == 0);
	CHECK(unlink("/tmp/script") == 0);
}

static void
text(void)
{
	test_demand(BIGTEXT, "touch", "8", TEXT_PAGES / 4);
	test_demand("/t/whole", "1.5", NULL, 200);
	test_shared();
	test_busy();
	test_script();
	sync();
}

/* -- The power goes off ------------------------------------------------------------ */

static void
write_file(const char *name, unsigned seed, int how)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	uint64_t buf[512];

	CHECK(fd >= 0);
	for (unsigned page = 0; page < 64; page++) {
		for (unsigned i = 0; i < 512; i++)
			buf[i] = ((uint64_t)seed << 32) + page * 512 + i;
		CHECK(write(fd, buf, sizeof(buf)) == sizeof(buf));
	}
	if (how == 's')
		CHECK(fsync(fd) == 0);
	if (how != 'o')
		close(fd);
}

static void
check_file(const char *name, unsigned seed)
{
	int fd = open(name, O_RDONLY);
	uint64_t buf[512];

	CHECK(fd >= 0);
	for (unsigned page = 0; page < 64; page++) {
		CHECK(read(fd, buf, sizeof(buf)) == sizeof(buf));
		for (unsigned i = 0; i < 512; i++)
			CHECK_EQ(
			    buf[i], ((uint64_t)seed << 32) + page * 512 + i);
	}
	close(fd);
}

/* Goes on writing until it is ended. */
static void
busy_writer(int n)
{
	char name[32];

	snprintf(name, sizeof(name), "/tmp/busy%d", n);
	for (unsigned i = 0;; i++)
		write_file(name, i, "coc"[i % 3]);
}

static void
leave(void)
{
	char *m;
	int fd;

	write_file("/tmp/closed", 1, 'c');
	write_file("/tmp/open", 2, 'o');
	write_file("/tmp/gone", 3, 'o');
	CHECK(unlink("/tmp/gone") == 0);
	fd = open("/tmp/mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0 && ftruncate(fd, 8192) == 0);
	m = mmap(NULL, 8192, RW, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED);
	memset(m, 'm', 8192);
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			busy_writer(i);
	sleep_ms(300);
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void
verify(void)
{
	char buf[8192];
	int fd = open("/tmp/mapped", O_RDONLY);

	check_file("/tmp/closed", 1);
	check_file("/tmp/open", 2);
	CHECK_ERRNO(access("/tmp/gone", F_OK), ENOENT);
	CHECK(fd >= 0 && read(fd, buf, sizeof(buf)) == 8192);
	for (int i = 0; i < 8192; i++)
		CHECK_EQ(buf[i], 'm');
	close(fd);
	fd = open("/tmp/new", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0);
	close(fd);
}

static void
cut(void)
{
	char name[32];

	for (unsigned i = 0;; i++) {
		snprintf(name, sizeof(name), "/tmp/cut%u", i % 20);
		write_file(name, i, 's');
		printf("%u\n", i);
		fflush(stdout);
		tcdrain(STDOUT_FILENO);
	}
}

/* Of files 0 to last, the newest of each name. => "cut" said so before */
static void
verify_cut(unsigned last)
{
	char name[32];
	struct stat st;

	/* the name that was written next may be in any state */
	for (unsigned i = last > 18 ? last - 18 : 0; i <= last; i++) {
		snprintf(name, sizeof(name), "/tmp/cut%u", i % 20);
		CHECK(stat(name, &st) == 0);
		check_file(name, i);
	}
}

int
main(int argc, char **argv)
{
	CHECK(argc >= 2);
	if (strcmp(argv[1], "text") == 0)
		text();
	else if (strcmp(argv[1], "leave") == 0)
		leave();
	else if (strcmp(argv[1], "verify") == 0)
		verify();
	else if (strcmp(argv[1], "cut") == 0)
		cut();
	else if (strcmp(argv[1], "verifycut") == 0 && argc == 3)
		verify_cut((unsigned)atoi(argv[2]));
	else
		CHECK(0);
	return 0;
}
