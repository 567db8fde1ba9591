/*
 * sim: random programs on the simulated machine, each seed in a process of its
 * own.  README.md is the guide.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <tests/sim/prog.h>

#define TIME_LIMIT    120 /* seconds for a program, if --limit is not given */
#define SHRINK_LIMIT  5 /* while it is being shrunk */
#define SHRINK_BUDGET 600
#define SHRINK_MAX    2 /* failures that are shrunk */
#define MAXJOBS       64

/* => from now on a defect is on; FALSE: there is none of that name */
bool sim_mutant(const char *name);

static struct {
	uint64_t from, to; /* seeds, to included */
	size_t steps;
	int jobs;
	double soak; /* seconds; 0: just the seeds */
	unsigned limit; /* seconds for a program */
	bool verbose, hash, shrink;
	bool stop; /* at the first failure */
	const char *keep; /* file for the first failure */
	const char *ktest; /* kernel tests instead of programs */
} opt = { .from = 1,
	.to = 1,
	.steps = 2000,
	.jobs = 1,
	.limit = TIME_LIMIT,
	.shrink = true };

/* Fields of the configuration that were given. */
static struct {
	const char *name;
	uint64_t value;
} override[16];
static int noverride;

static int passed, failed, shrunk;
static struct prog_stats total;

/* A program that runs. */
struct job {
	pid_t pid; /* 0: none */
	uint64_t seed;
	struct prog_stats *stats; /* shared with the child */
	int out; /* what it prints to stderr */
};
static struct job jobs[MAXJOBS];

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
cpu_of(int who)
{
	struct rusage ru;

	getrusage(who, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

/* => of all programs that have ended, and of this process */
static double
cpu_seconds(void)
{
	return cpu_of(RUSAGE_CHILDREN) + cpu_of(RUSAGE_SELF);
}

/* -- One program ------------------------------------------------------------------- */

#define SET_FIELD(n)                           \
	if (strcmp(override[i].name, #n) == 0) \
		cfg->n = override[i].value;

static void
override_config(struct prog_config *cfg)
{
	for (int i = 0; i < noverride; i++) {
		PROG_CONFIG(SET_FIELD)
	}
}

static void
make_program(struct prog *p, uint64_t seed)
{
	struct prog_config *cfg = &p->cfg;

	prog_configure(cfg, seed);
	override_config(cfg);
	p->nops = opt.steps;
	p->ops = calloc(opt.steps + 1, sizeof(*p->ops));
	if (p->ops == NULL)
		abort();
	prog_generate(cfg, p->ops, opt.steps);
}

/* In the child. */
static void
run_child(const struct prog *p, struct job *j, unsigned limit)
{
	if (j->out >= 0) {
		dup2(j->out, 2);
		dup2(j->out, 1);
	}
	alarm(limit);
	prog_run(p, opt.verbose, j->stats);
	_exit(0);
}

static void
start(struct job *j, const struct prog *p, unsigned limit)
{
	j->seed = p->cfg.seed;
	if (j->stats == NULL)
		j->stats = mmap(NULL, sizeof(*j->stats), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (j->stats == MAP_FAILED)
		abort();
	memset(j->stats, 0, sizeof(*j->stats));
	j->out =
	    opt.verbose && limit == opt.limit ? -1 : memfd_create("out", 0);
	fflush(stdout);
	j->pid = fork();
	if (j->pid < 0) {
		perror("fork");
		exit(2);
	}
	if (j->pid == 0)
		run_child(p, j, limit);
}

static void
show_output(const struct job *j)
{
	char buf[4096];
	ssize_t n;

	if (j->out < 0)
		return;
	lseek(j->out, 0, SEEK_SET);
	while ((n = read(j->out, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
}

/*
 * What kind of failure it was: the message of sim_fail() without its numbers.
 */
static void
signature(const struct job *j, int status, char *sig, size_t n)
{
	char buf[65536], *s;
	ssize_t len;

	snprintf(sig, n, "signal %d", WTERMSIG(status));
	len = pread(j->out, buf, sizeof(buf) - 1, 0);
	buf[len < 0 ? 0 : len] = '\0';
	s = strstr(buf, "audit: "); /* the first violation tells more */
	if (s == NULL && (s = strstr(buf, "] sim: seed ")) != NULL) {
		s += strcspn(s, "\n:") + 1;
		s += strcspn(s, ":\n") + 1;
	}
	if (WIFSIGNALED(status) || s == NULL)
		return;
	for (; n > 1 && *s != '\n' && *s != '\0'; s++)
		if (!isxdigit((unsigned char)*s) && *s != 'x') {
			*sig++ = *s;
			n--;
		}
	*sig = '\0';
}

static char wanted[200]; /* failure that is being shrunk */

static bool
quiet_fails(const struct prog *p)
{
	static struct job j;
	char sig[sizeof(wanted)];
	int status;

	start(&j, p, SHRINK_LIMIT);
	waitpid(j.pid, &status, 0);
	if (status != 0)
		signature(&j, status, sig, sizeof(sig));
	close(j.out);
	return status != 0 && strcmp(sig, wanted) == 0;
}

/* -- Failures ------------------------------------------------------------------------- */

static void
keep(const struct prog *p)
{
	FILE *f = fopen(opt.keep, "w");

	if (f == NULL) {
		perror(opt.keep);
		return;
	}
	prog_print(f, p);
	fclose(f);
	printf("# kept as %s\n", opt.keep);
	opt.keep = NULL;
}

static void
report(const struct job *j, int status)
{
	struct prog p;

	printf("not ok - seed %llu", (unsigned long long)j->seed);
	if (WIFSIGNALED(status))
		printf(": %s\n", strsignal(WTERMSIG(status)));
	else
		printf(": status %d\n", WEXITSTATUS(status));
	show_output(j);
	printf("# rerun: make sim SEED=%llu STEPS=%zu\n",
	    (unsigned long long)j->seed, opt.steps);
	if (!opt.shrink || shrunk++ >= SHRINK_MAX)
		return;
	signature(j, status, wanted, sizeof(wanted));
	make_program(&p, j->seed);
	prog_shrink(&p, quiet_fails, SHRINK_BUDGET);
	printf("# the smallest part that fails:\n");
	prog_print(stdout, &p);
	if (opt.keep != NULL)
		keep(&p);
	free(p.ops);
}

static void
finish(struct job *j, int status)
{
	const struct prog_stats *s = j->stats;

	total.ops += s->ops;
	total.checks += s->checks;
	total.loose += s->loose;
	total.rounds += s->rounds;
	total.killed += s->killed;
	total.out += s->out;
	total.in += s->in;
	total.lost += s->lost;
	total.cuts += s->cuts;
	if (status != 0) {
		failed++;
		report(j, status);
	} else {
		passed++;
		if (opt.hash)
			printf("seed %llu hash %016llx\n",
			    (unsigned long long)j->seed,
			    (unsigned long long)s->hash);
		if (opt.verbose)
			printf("ok - seed %llu\n", (unsigned long long)j->seed);
	}
	if (j->out >= 0)
		close(j->out);
	j->pid = 0;
}

/* -- Many ------------------------------------------------------------------------------ */

static void
wait_one(void)
{
	int status;
	pid_t pid = wait(&status);

	for (int i = 0; i < opt.jobs; i++)
		if (jobs[i].pid == pid) {
			finish(&jobs[i], status);
			return;
		}
}

static struct job *
free_job(void)
{
	for (;;) {
		for (int i = 0; i < opt.jobs; i++)
			if (jobs[i].pid == 0)
				return &jobs[i];
		wait_one();
	}
}

static bool
any_job(void)
{
	for (int i = 0; i < opt.jobs; i++)
		if (jobs[i].pid != 0)
			return true;
	return false;
}

/* Kernel tests, in this process: their messages are the result. */
static void
run_ktest(void)
{
	struct prog_config cfg;

	prog_configure(&cfg, opt.from);
	cfg.npages = 32768;
	cfg.fail = 0;
	override_config(&cfg);
	prog_ktest(&cfg, opt.ktest);
	exit(0);
}

static void
run_seeds(void)
{
	double began = seconds();
	struct prog p;
	struct job *j;
	uint64_t seed;

	for (seed = opt.from; opt.soak != 0 || seed <= opt.to; seed++) {
		if (opt.soak != 0 && seconds() - began > opt.soak)
			break;
		j = free_job();
		if (opt.stop && failed > 0)
			break;
		make_program(&p, seed);
		start(j, &p, opt.limit);
		free(p.ops);
	}
	while (any_job())
		wait_one();
}

/* => the file's text, or NULL */
static char *
read_file(const char *name)
{
	FILE *f = fopen(name, "r");
	size_t n = 0;
	char *text;

	if (f == NULL)
		return NULL;
	text = malloc(1 << 20);
	if (text != NULL) {
		n = fread(text, 1, (1 << 20) - 1, f);
		text[n] = '\0';
	}
	fclose(f);
	return text;
}

static void
run_script(const char *name)
{
	char *text = read_file(name);
	const char *why;
	struct prog p;
	int status;

	why = text == NULL ? strerror(errno) : prog_parse(text, &p);
	if (why != NULL) {
		printf("not ok - %s: %s\n", name, why);
		failed++;
		return;
	}
	start(&jobs[0], &p, opt.limit);
	waitpid(jobs[0].pid, &status, 0);
	printf("%s - %s\n", status == 0 ? "ok" : "not ok", name);
	if (status != 0)
		show_output(&jobs[0]);
	*(status == 0 ? &passed : &failed) += 1;
	total.ops += jobs[0].stats->ops;
	free(p.ops);
	free(text);
}

/* -- Options ---------------------------------------------------------------------------- */

static void __attribute__((__noreturn__)) usage(void)
{
	fprintf(stderr,
	    "usage: sim [--seed N | --seeds FROM-TO | --soak SECONDS] "
	    "[--steps M]\n"
	    "           [--jobs J] [--keep FILE] [--no-shrink] [--stop] "
	    "[--limit SECONDS]\n"
	    "           [--verbose] [--hash]\n"
	    "           [--set NAME=VALUE]... [--mutant NAME] "
	    "[--script FILE]...\n"
	    "           [--ktest PATTERN]\n");
	exit(2);
}

static void
set_option(char *arg)
{
	char *eq = strchr(arg, '=');

	if (eq == NULL || noverride == 16)
		usage();
	*eq = '\0';
	override[noverride].name = arg;
	override[noverride++].value = strtoull(eq + 1, NULL, 0);
}

static void
set_seeds(const char *arg)
{
	char *end;

	opt.from = opt.to = strtoull(arg, &end, 0);
	if (*end == '-')
		opt.to = strtoull(end + 1, &end, 0);
	if (*end != '\0' || opt.to < opt.from)
		usage();
}

enum {
	O_SEED = 1,
	O_STEPS,
	O_JOBS,
	O_SOAK,
	O_SCRIPT,
	O_KEEP,
	O_NOSHRINK,
	O_STOP,
	O_LIMIT,
	O_VERBOSE,
	O_HASH,
	O_SET,
	O_MUTANT,
	O_KTEST
};
static const struct option options[] = {
	{ "seed", 1, NULL, O_SEED },
	{ "seeds", 1, NULL, O_SEED },
	{ "steps", 1, NULL, O_STEPS },
	{ "jobs", 1, NULL, O_JOBS },
	{ "soak", 1, NULL, O_SOAK },
	{ "script", 1, NULL, O_SCRIPT },
	{ "keep", 1, NULL, O_KEEP },
	{ "no-shrink", 0, NULL, O_NOSHRINK },
	{ "stop", 0, NULL, O_STOP },
	{ "limit", 1, NULL, O_LIMIT },
	{ "verbose", 0, NULL, O_VERBOSE },
	{ "hash", 0, NULL, O_HASH },
	{ "set", 1, NULL, O_SET },
	{ "mutant", 1, NULL, O_MUTANT },
	{ "ktest", 1, NULL, O_KTEST },
	{ NULL, 0, NULL, 0 },
};

static const char *scripts[256];
static int nscripts;

static void
take_option(int c)
{
	switch (c) {
	case O_SEED:
		set_seeds(optarg);
		break;
	case O_STEPS:
		opt.steps = strtoull(optarg, NULL, 0);
		break;
	case O_JOBS:
		opt.jobs = atoi(optarg);
		break;
	case O_SOAK:
		opt.soak = atof(optarg);
		break;
	case O_SCRIPT:
		if (nscripts < 256)
			scripts[nscripts++] = optarg;
		break;
	case O_KEEP:
		opt.keep = optarg;
		break;
	case O_NOSHRINK:
		opt.shrink = false;
		break;
	case O_STOP:
		opt.stop = true;
		break;
	case O_LIMIT:
		opt.limit = (unsigned)atoi(optarg);
		break;
	case O_VERBOSE:
		opt.verbose = true;
		break;
	case O_HASH:
		opt.hash = true;
		break;
	case O_SET:
		set_option(optarg);
		break;
	case O_MUTANT:
		if (!sim_mutant(optarg)) {
			fprintf(stderr, "sim: no mutant %s\n", optarg);
			exit(2);
		}
		break;
	case O_KTEST:
		opt.ktest = optarg;
		break;
	default:
		usage();
	}
}

int
main(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		take_option(c);
	if (opt.jobs < 1 || opt.jobs > MAXJOBS || opt.steps == 0)
		usage();
	for (; optind < argc && nscripts < 256; optind++)
		scripts[nscripts++] = argv[optind];
	if (opt.ktest != NULL)
		run_ktest();
	for (int i = 0; i < nscripts; i++)
		run_script(scripts[i]);
	if (nscripts == 0)
		run_seeds();
	if (nscripts == 0)
		printf("# %llu operations, %llu values compared, %llu loose, "
		       "%llu audits, %llu killed, %llu pages to swap, %llu "
		       "back, %llu losses, %llu cuts of the power, %.0f "
		       "operations per second of CPU "
		       "time\n",
		    (unsigned long long)total.ops,
		    (unsigned long long)total.checks,
		    (unsigned long long)total.loose,
		    (unsigned long long)total.rounds,
		    (unsigned long long)total.killed,
		    (unsigned long long)total.out, (unsigned long long)total.in,
		    (unsigned long long)total.lost,
		    (unsigned long long)total.cuts,
		    (double)total.ops / cpu_seconds());
	printf("%d passed, %d failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
