/*
 * Commands that run inside the shell.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"
#include "sh.h"

static int
builtin_cd(int argc, char **argv)
{
	const char *to = argc > 1 ? argv[1] : var_get("HOME");
	char cwd[4096];

	if (argc > 1 && strcmp(to, "-") == 0)
		to = var_get("OLDPWD");
	if (to == NULL)
		to = "/";
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		cwd[0] = '\0';
	if (chdir(to) != 0) {
		complain("cd: %s", to);
		return 1;
	}
	var_set("OLDPWD", cwd);
	if (getcwd(cwd, sizeof(cwd)) != NULL)
		var_set("PWD", cwd);
	return 0;
}

static int
builtin_pwd(int argc, char **argv)
{
	char cwd[4096];

	(void)argc;
	(void)argv;
	if (getcwd(cwd, sizeof(cwd)) == NULL) {
		complain("pwd");
		return 1;
	}
	puts(cwd);
	return 0;
}

/*
 * Number of the optional first argument.
 */
static int
argument(int argc, char **argv, int otherwise)
{
	unsigned long n;

	if (argc < 2)
		return otherwise;
	if (parse_ulong(argv[1], &n) != 0) {
		complainx("%s: %s: not a number", argv[0], argv[1]);
		return 2;
	}
	return (int)(n & 0x7fffffff);
}

static int
builtin_exit(int argc, char **argv)
{
	int status = argument(argc, argv, sh.status) & 255;

	fflush(NULL);
	if (sh.in_child)
		_exit(status);
	exit(status);
}

static int
builtin_return(int argc, char **argv)
{
	sh.leaving = LEAVE_RETURN;
	return argument(argc, argv, sh.status) & 255;
}

static int
builtin_break(int argc, char **argv)
{
	int depth = argument(argc, argv, 1);

	if (sh.loops == 0 || depth < 1)
		return 0;
	sh.leaving = argv[0][0] == 'b' ? LEAVE_BREAK : LEAVE_CONTINUE;
	sh.leave_depth = depth < sh.loops ? depth : sh.loops;
	return 0;
}

/*
 * NAME or NAME=value; the name is handed to fn.
 */
static int
each_name(int argc, char **argv, void (*fn)(const char *name))
{
	int status = 0;

	for (int i = 1; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		if (equals != NULL)
			*equals = '\0';
		if (!is_name(argv[i], strlen(argv[i]))) {
			complainx("%s: %s: not a name", argv[0], argv[i]);
			status = 1;
			continue;
		}
		if (equals != NULL)
			var_set(argv[i], equals + 1);
		fn(argv[i]);
	}
	return status;
}

static int
builtin_export(int argc, char **argv)
{
	if (argc == 1)
		var_print(true);
	return each_name(argc, argv, var_export);
}

static int
builtin_unset(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!forget_function(argv[i]))
			var_unset(argv[i]);
	return 0;
}

static int
set_option(const char *arg)
{
	bool on = arg[0] == '-';

	for (arg++; *arg != '\0'; arg++) {
		if (*arg == 'e')
			sh.errexit = on;
		else if (*arg == 'x')
			sh.xtrace = on;
		else {
			complainx("set: %c: no such option", *arg);
			return 2;
		}
	}
	return 0;
}

static int
builtin_set(int argc, char **argv)
{
	int i = 1, status = 0;
	struct args params = { 0 };

	if (argc == 1)
		var_print(false);
	for (; i < argc && (argv[i][0] == '-' || argv[i][0] == '+') &&
	     argv[i][1] != '\0' && strcmp(argv[i], "--") != 0 && status == 0;
	     i++)
		status = set_option(argv[i]);
	if (i == argc || status != 0)
		return status;
	if (strcmp(argv[i], "--") == 0)
		i++;
	for (; i < argc; i++)
		args_add(&params, xstrdup(argv[i]));
	args_add(&params, NULL);
	sh.params = params.v; /* kept: $1 may be in use anywhere */
	sh.nparams = params.n - 1;
	return 0;
}

static int
builtin_shift(int argc, char **argv)
{
	int n = argument(argc, argv, 1);

	if (n > sh.nparams) {
		complainx("shift: only %d parameters", sh.nparams);
		return 1;
	}
	sh.params += n;
	sh.nparams -= n;
	return 0;
}

static int
builtin_wait(int argc, char **argv)
{
	unsigned long pid;
	int status = 0;

	if (argc == 1)
		return wait_background(0);
	for (int i = 1; i < argc; i++) {
		if (parse_ulong(argv[i], &pid) != 0 || pid == 0) {
			complainx("wait: %s: not a process id", argv[i]);
			return 2;
		}
		status = wait_background((pid_t)pid);
	}
	return status;
}

/*
 * Replace the shell; without a command the redirections stay.
 */
static int
builtin_exec(int argc, char **argv)
{
	char **env;

	if (argc == 1)
		return 0;
	env = var_environ();
	reset_signals(false);
	environ = env;
	execvp(argv[1], argv + 1);
	complain("%s", argv[1]);
	exit(errno == ENOENT ? 127 : 126);
}

static int
builtin_eval(int argc, char **argv)
{
	struct buf text = { 0 };

	for (int i = 1; i < argc; i++) {
		buf_add(&text, argv[i], strlen(argv[i]));
		buf_putc(&text, ' ');
	}
	sh.status = 0;
	run_string(buf_str(&text));
	buf_free(&text);
	return sh.status;
}

static int
builtin_source(int argc, char **argv)
{
	if (argc < 2) {
		complainx("usage: . file");
		return 2;
	}
	sh.status = 0;
	if (run_file(argv[1]) != 0) {
		complain("%s", argv[1]);
		return 1;
	}
	if (sh.leaving == LEAVE_RETURN)
		sh.leaving = LEAVE_NOT;
	return sh.status;
}

/*
 * Read a line, byte by byte: what follows belongs to somebody else.
 */
static int
builtin_read(int argc, char **argv)
{
	struct buf line = { 0 };
	char c, *at, *end;
	ssize_t n;

	while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
		buf_putc(&line, c);
	at = buf_str(&line);
	for (int i = 1; i < argc; i++) {
		at += strspn(at, " \t");
		end = at + (i < argc - 1 ? strcspn(at, " \t") : strlen(at));
		while (i == argc - 1 && end > at &&
		    (end[-1] == ' ' || end[-1] == '\t'))
			end--;
		if (*end != '\0')
			*end++ = '\0';
		var_set(argv[i], at);
		at = end;
	}
	buf_free(&line);
	return n != 1;
}

static int
builtin_umask(int argc, char **argv)
{
	mode_t mask;

	if (argc > 1) {
		umask((mode_t)strtoul(argv[1], NULL, 8) & 0777);
		return 0;
	}
	mask = umask(0);
	umask(mask);
	printf("%04o\n", mask);
	return 0;
}

/* The limits of this shell and what it starts, as `ulimit -a' shows them. */
static const struct limit {
	char letter;
	int which;
	rlim_t unit;
	const char *name;
} limits[] = {
	{ 'c', RLIMIT_CORE, 512, "core file size (512-byte blocks)" },
	{ 'd', RLIMIT_DATA, 1024, "data (KiB)" },
	{ 'f', RLIMIT_FSIZE, 512, "file size (512-byte blocks)" },
	{ 'l', RLIMIT_MEMLOCK, 1024, "locked memory (KiB)" },
	{ 'n', RLIMIT_NOFILE, 1, "open files" },
	{ 's', RLIMIT_STACK, 1024, "stack (KiB)" },
	{ 't', RLIMIT_CPU, 1, "processor time (seconds)" },
	{ 'u', RLIMIT_NPROC, 1, "processes" },
	{ 'v', RLIMIT_AS, 1024, "address space (KiB)" },
};

static void
show_limit(const struct limit *l, int hard, int name)
{
	struct rlimit rl;
	rlim_t value;

	getrlimit(l->which, &rl);
	value = hard ? rl.rlim_max : rl.rlim_cur;
	if (name)
		printf("%-34s -%c ", l->name, l->letter);
	if (value == RLIM_INFINITY)
		puts("unlimited");
	else
		printf("%llu\n", (unsigned long long)(value / l->unit));
}

/* => both limits, or with -S or -H one of them */
static int
set_limit(const struct limit *l, const char *text, int soft, int hard)
{
	rlim_t value = RLIM_INFINITY;
	struct rlimit rl;
	char *end;

	if (strcmp(text, "unlimited") != 0) {
		value = strtoull(text, &end, 10) * l->unit;
		if (*text < '0' || *text > '9' || *end != '\0') {
			fprintf(stderr, "ulimit: %s: not a number\n", text);
			return 1;
		}
	}
	getrlimit(l->which, &rl);
	if (soft || !hard)
		rl.rlim_cur = value;
	if (hard || !soft)
		rl.rlim_max = value;
	if (setrlimit(l->which, &rl) == 0)
		return 0;
	fprintf(stderr, "ulimit: %s: %s\n", text, strerror(errno));
	return 1;
}

/* ulimit [-HS] [-a | -LETTER [value | unlimited]]; without a letter: -f */
static int
builtin_ulimit(int argc, char **argv)
{
	const size_t n = sizeof(limits) / sizeof(limits[0]);
	const struct limit *l = NULL;
	int soft = 0, hard = 0, all = 0, i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		for (const char *c = argv[i] + 1; *c != '\0'; c++) {
			size_t k = 0;

			soft |= *c == 'S';
			hard |= *c == 'H';
			all |= *c == 'a';
			if (strchr("SHa", *c) != NULL)
				continue;
			while (k < n && limits[k].letter != *c)
				k++;
			if (k == n) {
				fprintf(stderr, "ulimit: no limit -%c\n", *c);
				return 2;
			}
			l = &limits[k];
		}
	}
	if (all) {
		for (size_t k = 0; k < n; k++)
			show_limit(&limits[k], hard, 1);
		return 0;
	}
	if (l == NULL)
		l = &limits[2];
	if (i < argc)
		return set_limit(l, argv[i], soft, hard);
	show_limit(l, hard, 0);
	return 0;
}

static int
builtin_colon(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static int
builtin_applet(int argc, char **argv)
{
	return run_applet(argc, argv);
}

static const struct {
	const char *name;
	builtin_fn *fn;
} builtins[] = {
	{ ".", builtin_source },
	{ ":", builtin_colon },
	{ "[", builtin_applet },
	{ "break", builtin_break },
	{ "cd", builtin_cd },
	{ "continue", builtin_break },
	{ "echo", builtin_applet },
	{ "eval", builtin_eval },
	{ "exec", builtin_exec },
	{ "exit", builtin_exit },
	{ "export", builtin_export },
	{ "false", builtin_applet },
	{ "kill", builtin_applet },
	{ "pwd", builtin_pwd },
	{ "read", builtin_read },
	{ "return", builtin_return },
	{ "set", builtin_set },
	{ "shift", builtin_shift },
	{ "test", builtin_applet },
	{ "true", builtin_applet },
	{ "ulimit", builtin_ulimit },
	{ "umask", builtin_umask },
	{ "unset", builtin_unset },
	{ "wait", builtin_wait },
};

builtin_fn *
find_builtin(const char *name)
{
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++)
		if (strcmp(builtins[i].name, name) == 0)
			return builtins[i].fn;
	return NULL;
}
