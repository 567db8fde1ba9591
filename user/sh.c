/*
 * sh: the shell.  Options, reading of input, the prompt.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "box.h"
#include "sh.h"

struct shell sh;
volatile int sh_interrupted;

/* -- Input ---------------------------------------------------------------- */

/*
 * Append a line to the source.  Byte by byte unless from a terminal, which
 * hands out lines: commands that the shell starts read on where it stopped.
 */
static void
read_line(struct source *s)
{
	char block[512];
	ssize_t n;

	for (;;) {
		n = read(s->fd, block, s->interactive ? sizeof(block) : 1);
		if (n < 0 && errno == EINTR && !sh_interrupted)
			continue;
		if (n <= 0)
			break;
		buf_add(&s->text, block, (size_t)n);
		if (block[n - 1] == '\n')
			return;
	}
	s->eof = true;
}

int
source_peek(struct source *s, size_t n)
{
	while (s->pos + n >= s->text.len && s->fd >= 0 && !s->eof) {
		if (s->interactive) {
			/* Inside a command: the prompt says so. */
			fputs(s->pos > 0 ? "> " : "# ", stderr);
			fflush(stderr);
		}
		read_line(s);
	}
	return s->pos + n < s->text.len ? (unsigned char)s->text.s[s->pos + n]
					: 0;
}

/* Forget what has been run. */
static void
source_compact(struct source *s)
{
	if (s->fd < 0 || s->pos == 0)
		return;
	memmove(s->text.s, s->text.s + s->pos, s->text.len - s->pos);
	s->text.len -= s->pos;
	s->pos = 0;
}

/*
 * At the prompt, an interrupt or the end of input in the middle of a command
 * drop it; the end of input on an empty line leaves.
 */
static bool
prompt_again(struct source *s)
{
	if (!s->interactive)
		return false;
	if (sh_interrupted) {
		fputc('\n', stderr);
		sh.status = 128 + SIGINT;
	} else if (s->eof && s->text.len == 0) {
		fputc('\n', stderr);
		return false;
	}
	sh_interrupted = 0;
	s->eof = false;
	s->text.len = s->pos = 0;
	return true;
}

static void
run_command(struct node *n, struct arena *a)
{
	struct arena *outer = sh.arena;

	sh.arena = a;
	exec_node(n);
	sh.arena = outer;
}

void
run_source(struct source *s)
{
	bool nested = sh.arena != NULL;

	while (sh.leaving == LEAVE_NOT) {
		struct arena a = { 0 };
		struct node *n;
		int got;

		source_compact(s);
		if (s->interactive)
			reap_background();
		fflush(stdout);
		got = parse_command(s, &a, &n);
		if (got < 0)
			sh.status = 2;
		else if (n != NULL && !(s->interactive && sh_interrupted))
			run_command(n, &a);
		arena_free(&a);
		if (sh.leaving == LEAVE_LINE && s->interactive)
			sh.leaving = LEAVE_NOT;
		if (sh_interrupted || got == 0) {
			if (!prompt_again(s))
				break;
		} else if (got < 0 && !s->interactive) {
			break;
		}
	}
	if (!nested && sh.leaving != LEAVE_LINE)
		sh.leaving = LEAVE_NOT;
	fflush(stdout);
}

void
run_string(const char *text)
{
	struct source s = { .fd = -1 };

	buf_add(&s.text, text, strlen(text));
	run_source(&s);
	buf_free(&s.text);
}

int
run_file(const char *path)
{
	struct buf text = { 0 };
	char block[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	while ((n = read(fd, block, sizeof(block))) > 0)
		buf_add(&text, block, (size_t)n);
	close(fd);
	if (n == 0)
		run_string(buf_str(&text));
	buf_free(&text);
	return n == 0 ? 0 : -1;
}

/* -- Start ---------------------------------------------------------------- */

static void
on_interrupt(int sig)
{
	(void)sig;
	sh_interrupted = 1;
}

/*
 * The shell of a terminal: it survives ^C, and jobs have process groups of
 * their own, one of which has the terminal.
 */
static void
start_interactive(void)
{
	struct sigaction sa = { .sa_handler = on_interrupt };
	pid_t pid = getpid();

	sh.interactive = true;
	sigaction(SIGINT, &sa, NULL);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN); /* there is no fg to go on with */
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	if (getpgrp() != pid)
		setpgid(0, pid);
	sh.job_control = tcsetpgrp(STDIN_FILENO, pid) == 0;
}

static void
run_stdin(bool interactive)
{
	struct source s = { .fd = STDIN_FILENO, .interactive = interactive };

	run_source(&s);
	buf_free(&s.text);
}

static void
login(void)
{
	char text[1024];
	ssize_t n;
	int fd = open("/etc/motd", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while ((n = read(fd, text, sizeof(text))) > 0)
		if (write_all(STDERR_FILENO, text, (size_t)n) != 0)
			break;
	close(fd);
}

int
sh_main(int argc, char **argv)
{
	const char *command = NULL;
	bool interactive = false;
	int opt;

	sh.pid = getpid();
	sh.name = argv[0];
	var_import(environ);
	while ((opt = getopt(argc, argv, "+c:eilx")) != -1) {
		switch (opt) {
		case 'c':
			command = optarg;
			break;
		case 'e':
			sh.errexit = true;
			break;
		case 'i':
			interactive = true;
			break;
		case 'l':
			login();
			break;
		case 'x':
			sh.xtrace = true;
			break;
		default:
			usage();
		}
	}
	if (command == NULL && optind == argc &&
	    (interactive || isatty(STDIN_FILENO)))
		start_interactive();
	if (optind < argc)
		sh.name = argv[optind++];
	sh.params = argv + optind;
	sh.nparams = argc - optind;
	if (command != NULL) {
		run_string(command);
	} else if (argc > 1 && sh.name != argv[0]) {
		if (run_file(sh.name) != 0) {
			complain("%s", sh.name);
			return 127;
		}
	} else {
		run_stdin(sh.interactive);
	}
	fflush(NULL);
	return sh.status;
}
