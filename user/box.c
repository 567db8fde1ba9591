/*
 * The box: all small user programs in one static executable, which acts as
 * the program it is called as.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"

struct applet {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *usage;
};

static const struct applet applets[] = {
#define APPLET(name, function, usage) { name, function##_main, usage },
#include "applets.h"
#undef APPLET
};
#define NAPPLETS (sizeof(applets) / sizeof(applets[0]))

/* The applet that runs; the program has one thread. */
static const struct applet *current;

/* Where usage() goes when the applet runs inside the shell. */
static jmp_buf *usage_escape;

static const struct applet *
find_applet(const char *name)
{
	for (size_t i = 0; i < NAPPLETS; i++)
		if (strcmp(applets[i].name, name) == 0)
			return &applets[i];
	return NULL;
}

static void
print_usage(FILE *to)
{
	fprintf(to, "usage: %s%s%s\n", current->name,
	    current->usage[0] != '\0' ? " " : "", current->usage);
}

void
usage(void)
{
	print_usage(stderr);
	if (usage_escape != NULL)
		longjmp(*usage_escape, 1);
	exit(2);
}

/*
 * -h asks for help everywhere but where every argument is data, or where it
 * is what all the world types.
 */
static int
wants_help(int argc, char **argv)
{
	static const char *const literal[] = { "echo", "true", "false", "test",
		"[", "init", "df" };

	if (argc != 2 || strcmp(argv[1], "-h") != 0)
		return 0;
	for (size_t i = 0; i < sizeof(literal) / sizeof(literal[0]); i++)
		if (strcmp(current->name, literal[i]) == 0)
			return 0;
	return 1;
}

static int
list_applets(FILE *to)
{
	fprintf(to, "usage: box applet [argument ...]\napplets:");
	for (size_t i = 0; i < NAPPLETS; i++)
		fprintf(to, " %s", applets[i].name);
	fputc('\n', to);
	return to == stderr ? 2 : 0;
}

int
main(int argc, char **argv)
{
	const char *slash;

	if (argc < 1)
		return 2;
	slash = strrchr(argv[0], '/');
	current = find_applet(slash != NULL ? slash + 1 : argv[0]);
	if (current == NULL && argc > 1) {
		argc--;
		argv++;
		current = find_applet(argv[0]);
	}
	if (current == NULL)
		return list_applets(
		    strcmp(argv[argc - 1], "-h") == 0 ? stdout : stderr);
	if (wants_help(argc, argv)) {
		print_usage(stdout);
		return 0;
	}
	return current->main(argc, argv);
}

int
run_applet(int argc, char **argv)
{
	const struct applet *outer = current;
	jmp_buf escape;
	volatile int status = 2;

	current = find_applet(argv[0]);
	usage_escape = &escape;
	if (setjmp(escape) == 0)
		status = current->main(argc, argv);
	usage_escape = NULL;
	current = outer;
	return status;
}

const char *
applet_name(void)
{
	return current->name;
}
