/*
 * init: the first process.  Runs the command it was given and switches the
 * machine off when that ends, reporting its exit status on the kernel log
 * (scripts/vmrun reads it); or runs shells on the console, one after the
 * other.  Reaps every orphan.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

static void
open_console(void)
{
	int fd;

	for (int i = 0; i < 3; i++) {
		if (fcntl(i, F_GETFD) >= 0)
			continue;
		fd = open("/dev/console", O_RDWR);
		if (fd >= 0 && fd != i) {
			dup2(fd, i);
			close(fd);
		}
	}
}

/*
 * Child side: a session of its own, with the console as its terminal.
 */
static void
run_session(char **argv)
{
	setsid();
	ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	execvp(argv[0], argv);
	complain("%s", argv[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Start a command and reap whatever ends until it does.
 * => its exit status as a shell counts it
 */
static int
run_command(char **argv)
{
	pid_t pid, ended;
	int status;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_session(argv);
	if (pid < 0) {
		complain("fork");
		return 71;
	}
	for (;;) {
		ended = waitpid(-1, &status, 0);
		if (ended == pid)
			break;
		if (ended < 0 && errno != EINTR) {
			complain("waitpid");
			return 71;
		}
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
report_exit(int status)
{
	char line[32];
	int fd, len;

	tcdrain(STDOUT_FILENO); /* the log would overtake it */
	len = snprintf(line, sizeof(line), "vmrun: exit %d\n", status);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write_all(fd, line, (size_t)len) != 0)
		complain("/dev/kmsg");
	if (fd >= 0)
		close(fd);
}

/*
 * A shell that cannot start must not keep the processor busy.
 */
static void
run_shells(void)
{
	static char path[] = "/bin/sh", login[] = "-l";
	static char *shell[] = { path, login, NULL };
	int status;

	for (;;) {
		status = run_command(shell);
		printf(
		    "init: shell exited with %d, starting another\n", status);
		fflush(stdout);
		if (status == 126 || status == 127 || status == 71)
			sleep_ns(1000000000);
	}
}

/*
 * Nobody can do without this process, so it must not depend on a disk that
 * fails.  Of the stack, which is mapped as large as it may become, what is in
 * use counts.
 */
static void
stay_in_memory(void)
{
	int name[3] = { CTL_VM, VM_UVM_MAPINFO, 0 };
	struct uvm_mapinfo *m;
	char here[8192];
	void *data;
	ssize_t len = get_vm_array(name, 3, &data);

	memset(here, 1, sizeof(here));
	m = data;
	for (ssize_t i = 0; i < len / (ssize_t)sizeof(*m); i++) {
		uintptr_t start = m[i].flags & UVM_MI_F_STACK
		    ? (uintptr_t)here
		    : (uintptr_t)m[i].start;

		if (mlock((void *)start, (uintptr_t)m[i].end - start) != 0)
			complain("mlock");
	}
	free(data);
}

int
init_main(int argc, char **argv)
{
	if (getpid() != 1) {
		complainx("only the kernel runs init");
		return 1;
	}
	open_console();
	setenv("PATH", "/bin:/sbin", 1);
	setenv("HOME", "/", 1);
	setenv("TERM", "vt100", 1);
	stay_in_memory();
	if (argc < 2)
		run_shells();
	report_exit(run_command(argv + 1));
	sync();
	reboot(RB_POWER_OFF);
	complain("reboot");
	for (;;)
		pause();
}
