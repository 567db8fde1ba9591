/*
 * Walking the tree: commands, pipelines, redirections, jobs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"
#include "sh.h"

struct function {
	struct function *next;
	char *name;
	struct node *body;
};

/* Functions that have been defined. */
static struct function *functions;

void
define_function(const char *name, struct node *body)
{
	struct function *f;

	forget_function(name);
	f = xmalloc(sizeof(*f));
	*f = (struct function){ functions, xstrdup(name), body };
	functions = f;
}

struct node *
find_function(const char *name)
{
	for (struct function *f = functions; f != NULL; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f->body;
	return NULL;
}

bool
forget_function(const char *name)
{
	struct function **link = &functions, *f;

	for (; (f = *link) != NULL; link = &f->next) {
		if (strcmp(f->name, name) != 0)
			continue;
		*link = f->next;
		free(f->name);
		free(f);
		return true;
	}
	return false;
}

/* -- Processes ------------------------------------------------------------ */

/* Background processes not waited for yet. */
static struct {
	pid_t *pids;
	int n, cap;
} background;

void
reset_signals(bool in_background)
{
	static const int sigs[] = { SIGINT, SIGQUIT, SIGTTIN, SIGTTOU };

	if (sh.interactive)
		for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
			signal(sigs[i], SIG_DFL);
	if (in_background && !sh.job_control) {
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
	}
}

void
give_terminal(pid_t pgid)
{
	if (sh.job_control)
		tcsetpgrp(STDIN_FILENO, pgid);
}

pid_t
fork_shell(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		complain("fork");
		sh.status = 126;
	} else if (pid == 0) {
		reset_signals(false);
		sh.in_child = true;
		sh.interactive = sh.job_control = false;
		background.n = 0;
	}
	return pid;
}

/*
 * Fork a member of a job.  Both sides put it into the job's process group,
 * and both give the group the terminal, so that the order does not matter.
 */
static pid_t
fork_job(pid_t *pgid, bool in_background)
{
	bool job_control = sh.job_control;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		complain("fork");
		sh.status = 126;
		return -1;
	}
	if (job_control) {
		pid_t member = pid != 0 ? pid : getpid();

		if (*pgid == 0)
			*pgid = member;
		setpgid(member, *pgid);
		if (!in_background)
			give_terminal(*pgid);
	}
	if (pid == 0) {
		reset_signals(in_background);
		sh.in_child = true;
		sh.interactive = sh.job_control = false;
		background.n = 0;
	}
	return pid;
}

static void
tell_signal(int status)
{
	int sig = WTERMSIG(status);

	if (sig == SIGINT || sig == SIGPIPE)
		return;
	fprintf(stderr, "%s%s\n", strsignal(sig),
	    WCOREDUMP(status) ? " (core dumped)" : "");
}

/*
 * The user who interrupts a job means the rest of the line too.
 */
static int
decode_status(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	tell_signal(status);
	if (WTERMSIG(status) == SIGINT && sh.interactive) {
		fputc('\n', stderr);
		sh_interrupted = 1;
	}
	return 128 + WTERMSIG(status);
}

int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return decode_status(status);
}

void
note_background(pid_t pid)
{
	if (background.n == background.cap) {
		background.cap = 2 * background.cap + 8;
		background.pids = xrealloc(
		    background.pids, (size_t)background.cap * sizeof(pid_t));
	}
	background.pids[background.n++] = pid;
	sh.last_bg = pid;
}

/*
 * Wait as the builtin does: an interrupt ends it.
 * => 127 for no such child
 */
int
wait_background(pid_t pid)
{
	int status = 0, last = pid == 0 ? 0 : 127;

	for (int i = 0; i < background.n;) {
		pid_t it = background.pids[i], got;

		if (pid != 0 && it != pid) {
			i++;
			continue;
		}
		got = waitpid(it, &status, 0);
		if (got < 0 && errno == EINTR) {
			if (sh_interrupted)
				return 128 + SIGINT;
			continue;
		}
		background.pids[i] = background.pids[--background.n];
		if (pid != 0)
			last = got < 0 ? 127 : decode_status(status);
	}
	return last;
}

void
reap_background(void)
{
	int status;

	for (int i = 0; i < background.n;) {
		pid_t pid = background.pids[i];

		if (waitpid(pid, &status, WNOHANG) == 0) {
			i++;
			continue;
		}
		fprintf(stderr, "[%d] done\n", (int)pid);
		background.pids[i] = background.pids[--background.n];
	}
}

/* -- Redirections --------------------------------------------------------- */

/* A descriptor to be put back: fd was moved to saved, or was closed (-1). */
struct saved_fd {
	struct saved_fd *next;
	int fd, saved;
};

static int
open_target(const struct redir *r, const char *target)
{
	static const int flags[] = { [R_IN] = O_RDONLY,
		[R_OUT] = O_WRONLY | O_CREAT | O_TRUNC,
		[R_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
		[R_RDWR] = O_RDWR | O_CREAT };
	int fd = open(target, flags[r->kind], 0666);

	if (fd < 0)
		complain("%s", target);
	return fd;
}

static void
save_fd(int fd, struct saved_fd **saved)
{
	struct saved_fd *s;

	if (saved == NULL)
		return;
	s = xmalloc(sizeof(*s));
	s->next = *saved;
	s->fd = fd;
	s->saved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	*saved = s;
}

static int
redirect_dup(const struct redir *r, const char *target)
{
	unsigned long from;

	if (strcmp(target, "-") == 0) {
		close(r->fd);
		return 0;
	}
	if (parse_ulong(target, &from) != 0 || from > 1023 ||
	    dup2((int)from, r->fd) < 0) {
		errno = EBADF;
		complain("%s", target);
		return -1;
	}
	return 0;
}

/*
 * => -1 and a message when one of them failed; what was done so far is on
 *    the list to be put back
 */
static int
redirect(const struct redir *r, struct saved_fd **saved)
{
	int rv = 0;

	if (r != NULL)
		fflush(NULL);
	for (; r != NULL && rv == 0; r = r->next) {
		char *target = expand_string(r->target);
		int fd;

		if (r->kind == R_DUP) {
			save_fd(r->fd, saved);
			rv = redirect_dup(r, target);
		} else if ((fd = open_target(r, target)) < 0) {
			rv = -1;
		} else {
			save_fd(r->fd, saved);
			if (fd != r->fd) {
				dup2(fd, r->fd);
				close(fd);
			}
		}
		free(target);
	}
	return rv;
}

static void
restore_fds(struct saved_fd *s)
{
	struct saved_fd *next;

	if (s != NULL)
		fflush(NULL);
	for (; s != NULL; s = next) {
		next = s->next;
		if (s->saved >= 0) {
			dup2(s->saved, s->fd);
			close(s->saved);
		} else {
			close(s->fd);
		}
		free(s);
	}
}

/* -- Simple commands ------------------------------------------------------ */

/*
 * A file the kernel does not know how to run is a script for us.
 */
static void
exec_path(const char *path, struct args *args, char **env)
{
	execve(path, args->v, env);
	if (errno != ENOEXEC)
		return;
	sh.name = args->v[0];
	sh.params = args->v + 1;
	sh.nparams = args->n - 1;
	if (run_file(path) == 0) {
		fflush(NULL);
		_exit(sh.status);
	}
}

/*
 * Look for the command along PATH and become it.  A file that is there but
 * cannot be run is remembered: that is the error worth telling.
 */
static void __attribute__((noreturn)) exec_command(struct args *args)
{
	const char *path = var_get("PATH"), *colon;
	char **env = var_environ(), *full, *dir;
	int error = ENOENT;

	if (*args->v[0] == '\0') {
		path = NULL;
	} else if (strchr(args->v[0], '/') != NULL) {
		exec_path(args->v[0], args, env);
		error = errno;
		path = NULL;
	}
	for (; path != NULL; path = colon != NULL ? colon + 1 : NULL) {
		colon = strchr(path, ':');
		dir = xstrdup(path);
		if (colon != NULL)
			dir[colon - path] = '\0';
		full = path_join(*dir != '\0' ? dir : ".", args->v[0]);
		exec_path(full, args, env);
		if (errno != ENOENT && errno != ENOTDIR)
			error = errno;
		free(full);
		free(dir);
	}
	if (error == ENOENT && strchr(args->v[0], '/') == NULL) {
		complainx("%s: not found", args->v[0]);
	} else {
		errno = error;
		complain("%s", args->v[0]);
	}
	_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

static void
assign(const struct word *w, bool export)
{
	for (; w != NULL; w = w->next) {
		char *name = xstrdup(w->text), *value;

		value = strchr(name, '=');
		*value++ = '\0';
		value = expand_string(value);
		var_set(name, value);
		if (export)
			var_export(name);
		free(value);
		free(name);
	}
}

static void
trace(const struct args *args)
{
	if (!sh.xtrace)
		return;
	fputs("+", stderr);
	for (int i = 0; i < args->n; i++)
		fprintf(stderr, " %s", args->v[i]);
	fputc('\n', stderr);
}

static int
call_function(struct node *body, struct args *args)
{
	char **params = sh.params;
	int nparams = sh.nparams, loops = sh.loops;

	sh.params = args->v + 1;
	sh.nparams = args->n - 1;
	sh.loops = 0;
	exec_node(body);
	if (sh.leaving == LEAVE_RETURN)
		sh.leaving = LEAVE_NOT;
	sh.params = params;
	sh.nparams = nparams;
	sh.loops = loops;
	return sh.status;
}

/*
 * Builtins and functions run in this process; `exec' keeps redirections.
 */
static int
run_inside(struct node *n, struct args *args, struct node *function,
    builtin_fn *builtin)
{
	struct saved_fd *saved = NULL;
	bool keep = builtin != NULL && strcmp(args->v[0], "exec") == 0;
	int status = 1;

	if (redirect(n->redirs, keep ? NULL : &saved) == 0) {
		assign(n->assigns, false);
		if (function != NULL)
			status = call_function(function, args);
		else
			status = builtin(args->n, args->v);
	}
	restore_fds(saved);
	return status;
}

static int
run_outside(struct node *n, struct args *args)
{
	pid_t pid = 0, pgid = 0;
	int status;

	if (!sh.in_child || sh.arena == NULL)
		pid = fork_job(&pgid, false);
	else
		pid = fork_shell();
	if (pid < 0)
		return 126;
	if (pid == 0) {
		if (redirect(n->redirs, NULL) != 0)
			_exit(1);
		assign(n->assigns, true);
		exec_command(args);
	}
	status = wait_for(pid);
	give_terminal(getpgrp());
	return status;
}

/*
 * Nothing but assignments and redirections: they still see the $? of before,
 * and end with the status of what they substituted.
 */
static int
exec_no_command(struct node *n)
{
	struct saved_fd *saved = NULL;
	int failed = redirect(n->redirs, &saved) != 0;

	restore_fds(saved);
	assign(n->assigns, false);
	if (failed)
		return 1;
	return sh.leaving == LEAVE_LINE ? sh.status : sh.substituted;
}

static int
exec_simple(struct node *n)
{
	struct args args = { 0 };
	struct node *function;
	builtin_fn *builtin;
	int status;

	sh.substituted = 0;
	expand_words(n->words, &args);
	if (sh.leaving == LEAVE_LINE) {
		args_free(&args);
		return sh.status;
	}
	trace(&args);
	if (args.n == 0) {
		status = exec_no_command(n);
		args_free(&args);
		return status;
	}
	function = find_function(args.v[0]);
	builtin = find_builtin(args.v[0]);
	if (function != NULL || builtin != NULL)
		status = run_inside(n, &args, function, builtin);
	else
		status = run_outside(n, &args);
	args_free(&args);
	return status;
}

/* -- Compound commands ---------------------------------------------------- */

/*
 * Run a node in a child that has been forked, and end it.  A simple command
 * takes the child over.
 */
static void __attribute__((noreturn)) run_and_exit(struct node *n)
{
	struct args args = { 0 };

	if (n->kind == N_SIMPLE && n->words != NULL) {
		expand_words(n->words, &args);
		if (args.n > 0 && sh.leaving == LEAVE_NOT &&
		    find_function(args.v[0]) == NULL &&
		    find_builtin(args.v[0]) == NULL) {
			trace(&args);
			if (redirect(n->redirs, NULL) != 0)
				_exit(1);
			assign(n->assigns, true);
			exec_command(&args);
		}
	}
	exec_node(n);
	fflush(NULL);
	_exit(sh.status);
}

static void
move_fd(int from, int to)
{
	if (from < 0 || from == to)
		return;
	dup2(from, to);
	close(from);
}

/*
 * The tree leans to the left: collect the members first.
 */
static int
exec_pipe(struct node *n)
{
	int count = 1, input = -1, status = 0, fd[2];
	struct node **members, *at;
	pid_t *pids, pgid = 0;

	for (at = n; at->kind == N_PIPE; at = at->a)
		count++;
	members = xmalloc((size_t)count * sizeof(*members));
	pids = xmalloc((size_t)count * sizeof(*pids));
	at = n;
	for (int i = count - 1; i > 0; i--, at = at->a)
		members[i] = at->b;
	members[0] = at;
	for (int i = 0; i < count; i++) {
		fd[0] = fd[1] = -1;
		if (i < count - 1 && pipe(fd) != 0)
			complain("pipe");
		pids[i] = fork_job(&pgid, false);
		if (pids[i] == 0) {
			close(fd[0]);
			move_fd(input, STDIN_FILENO);
			move_fd(fd[1], STDOUT_FILENO);
			run_and_exit(members[i]);
		}
		close(fd[1]);
		if (input >= 0)
			close(input);
		input = fd[0];
	}
	for (int i = 0; i < count; i++)
		if (pids[i] > 0)
			status = wait_for(pids[i]);
	give_terminal(getpgrp());
	free(pids);
	free(members);
	return status;
}

static int
exec_background(struct node *n)
{
	pid_t pgid = 0, pid = fork_job(&pgid, true);
	int null;

	if (pid < 0)
		return 126;
	if (pid == 0) {
		null = open("/dev/null", O_RDONLY);
		if (null >= 0)
			move_fd(null, STDIN_FILENO);
		run_and_exit(n->a);
	}
	note_background(pid);
	if (sh.interactive)
		fprintf(stderr, "[%d]\n", (int)pid);
	return 0;
}

static int
exec_subshell(struct node *n)
{
	pid_t pgid = 0, pid = fork_job(&pgid, false);
	int status;

	if (pid < 0)
		return 126;
	if (pid == 0)
		run_and_exit(n->a);
	status = wait_for(pid);
	give_terminal(getpgrp());
	return status;
}

/*
 * A condition: its failure is not an error.
 */
static int
exec_condition(struct node *n)
{
	int status;

	sh.no_errexit++;
	status = exec_node(n);
	sh.no_errexit--;
	return status;
}

/*
 * After the body of a loop: is the loop to be left?
 */
static bool
leave_loop(void)
{
	if (sh.leaving == LEAVE_NOT)
		return false;
	if (sh.leaving == LEAVE_BREAK || sh.leaving == LEAVE_CONTINUE) {
		bool again = sh.leaving == LEAVE_CONTINUE;

		if (--sh.leave_depth > 0)
			return true;
		sh.leaving = LEAVE_NOT;
		return !again;
	}
	return true;
}

static int
exec_while(struct node *n)
{
	int status = 0;

	sh.loops++;
	for (;;) {
		bool holds = exec_condition(n->a) == 0;

		if (leave_loop() || holds != (n->kind == N_WHILE))
			break;
		status = exec_node(n->b);
		if (leave_loop())
			break;
	}
	sh.loops--;
	return sh.leaving == LEAVE_NOT ? status : sh.status;
}

static int
exec_for(struct node *n)
{
	struct args values = { 0 };
	int status = 0;

	if (n->has_in)
		expand_words(n->words->next, &values);
	else
		for (int i = 0; i < sh.nparams; i++)
			args_add(&values, xstrdup(sh.params[i]));
	sh.loops++;
	for (int i = 0; i < values.n; i++) {
		var_set(n->words->text, values.v[i]);
		status = exec_node(n->b);
		if (leave_loop())
			break;
	}
	sh.loops--;
	args_free(&values);
	return status;
}

static int
exec_case(struct node *n)
{
	char *value = expand_string(n->words->text);
	int status = 0;

	for (struct node *item = n->a; item != NULL; item = item->c) {
		bool match = false;

		for (struct word *w = item->words; w != NULL && !match;
		     w = w->next) {
			char *pattern = expand_pattern(w->text);

			match = pattern_match(pattern, value);
			free(pattern);
		}
		if (match) {
			status = item->b != NULL ? exec_node(item->b) : 0;
			break;
		}
	}
	free(value);
	return status;
}

static int
exec_if(struct node *n)
{
	if (exec_condition(n->a) == 0 && sh.leaving == LEAVE_NOT)
		return exec_node(n->b);
	if (sh.leaving != LEAVE_NOT)
		return sh.status;
	return n->c != NULL ? exec_node(n->c) : 0;
}

static int
exec_compound(struct node *n)
{
	switch (n->kind) {
	case N_SUBSHELL:
		return exec_subshell(n);
	case N_GROUP:
		return exec_node(n->a);
	case N_IF:
		return exec_if(n);
	case N_WHILE:
	case N_UNTIL:
		return exec_while(n);
	case N_FOR:
		return exec_for(n);
	default:
		return exec_case(n);
	}
}

static int
exec_redirected(struct node *n)
{
	struct saved_fd *saved = NULL;
	int status = 1;

	if (redirect(n->redirs, &saved) == 0)
		status = exec_compound(n);
	restore_fds(saved);
	return status;
}

/*
 * => the status; a command that fails ends the shell under `set -e' unless
 *    it is (part of) a condition
 */
static int
exec_one(struct node *n)
{
	switch (n->kind) {
	case N_SIMPLE:
		return exec_simple(n);
	case N_PIPE:
		return exec_pipe(n);
	case N_BACKGROUND:
		return exec_background(n);
	case N_NOT:
		return !exec_condition(n->a);
	case N_FUNC:
		define_function(n->words->text, n->b);
		if (sh.arena != NULL)
			sh.arena->keep = true;
		return 0;
	case N_AND:
	case N_OR:
		sh.status = exec_condition(n->a);
		if (sh.leaving != LEAVE_NOT ||
		    (sh.status == 0) != (n->kind == N_AND))
			return sh.status;
		return exec_node(n->b);
	default:
		return exec_redirected(n);
	}
}

static bool
may_end_shell(const struct node *n)
{
	return n->kind == N_SIMPLE || n->kind == N_PIPE ||
	    n->kind == N_SUBSHELL;
}

int
exec_node(struct node *n)
{
	while (n != NULL && sh.leaving == LEAVE_NOT) {
		struct node *one = n->kind == N_SEQ ? n->a : n;

		sh.status = exec_one(one);
		if (sh_interrupted) {
			sh.leaving = LEAVE_LINE;
			sh.status = 128 + SIGINT;
		}
		if (sh.status != 0 && sh.errexit && sh.no_errexit == 0 &&
		    may_end_shell(one)) {
			fflush(NULL);
			exit(sh.status);
		}
		n = n->kind == N_SEQ ? n->b : NULL;
	}
	return sh.status;
}
