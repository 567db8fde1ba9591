/*
 * Programs as text.  A script is
 *
 *	config seed=7 harts=2 ...;
 *	t0 map(12, 3, 0x1f, 0x2);
 *	barrier();
 *
 * with comments from # to the end of the line.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tests/sim/prog.h>

/* -- Writing ------------------------------------------------------------------ */

#define PRINT_FIELD(name) \
	fprintf(f, " " #name "=%llu", (unsigned long long)c->name);

void
prog_print(void *file, const struct prog *prog)
{
	const struct prog_config *c = &prog->cfg;
	const struct prog_op *o;
	FILE *f = file;

	fprintf(f, "config");
	PROG_CONFIG(PRINT_FIELD)
	fprintf(f, ";\n");
	for (o = prog->ops; o < prog->ops + prog->nops; o++) {
		if (o->kind == OP_barrier)
			fprintf(f, "barrier();\n");
		else
			fprintf(f, "t%u %s(%u, %u, %#x, %#x);\n", o->thread,
			    prog_name(o->kind), o->arg[0], o->arg[1], o->arg[2],
			    o->arg[3]);
	}
}

/* -- Reading ------------------------------------------------------------------ */

#define PARSE_FIELD(n)                                     \
	if (len == strlen(#n) && strncmp(s, #n, len) == 0) \
		field = &c->n;

/* => behind the name=value, or NULL */
static const char *
parse_field(const char *s, struct prog_config *c)
{
	size_t len = strcspn(s, "=;");
	uint64_t *field = NULL;
	char *end;

	PROG_CONFIG(PARSE_FIELD)
	if (field == NULL || s[len] != '=')
		return NULL;
	*field = strtoull(s + len + 1, &end, 0);
	return end;
}

static const char *
skip(const char *s)
{
	for (;; s++) {
		if (*s == '#')
			s += strcspn(s, "\n");
		if (!isspace((unsigned char)*s))
			return s;
	}
}

static const char *
parse_config(const char *s, struct prog_config *c)
{
	memset(c, 0, sizeof(*c));
	for (s = skip(s); *s != ';'; s = skip(s)) {
		s = parse_field(s, c);
		if (s == NULL)
			return NULL;
	}
	return s + 1;
}

/* => behind the operation, or NULL */
static const char *
parse_op(const char *s, struct prog_op *o)
{
	char name[32];
	unsigned t;
	int n = 0;

	memset(o, 0, sizeof(*o));
	if (strncmp(s, "barrier();", 10) == 0) {
		o->thread = PROG_ALL;
		o->kind = OP_barrier;
		return s + 10;
	}
	if (sscanf(s, "t%u %31[a-z]( %u , %u , %x , %x ) ;%n", &t, name,
		&o->arg[0], &o->arg[1], &o->arg[2], &o->arg[3], &n) != 6 ||
	    n == 0 || t >= PROG_ALL)
		return NULL;
	o->thread = (uint8_t)t;
	o->kind = (uint8_t)prog_kind_of(name, strlen(name));
	return s + n;
}

const char *
prog_parse(const char *text, struct prog *prog)
{
	size_t room = 0;
	const char *s = skip(text);

	prog->ops = NULL;
	prog->nops = 0;
	if (strncmp(s, "config", 6) != 0 ||
	    (s = parse_config(s + 6, &prog->cfg)) == NULL)
		return "config line";
	if (prog->cfg.procs < 1 || prog->cfg.procs > PROG_MAXPROCS ||
	    prog->cfg.threads < 1 || prog->cfg.threads > PROG_MAXTHREADS ||
	    prog->cfg.kthreads > PROG_MAXKTHREADS)
		return "number of threads";
	if (prog->cfg.swap > PROG_MAXDISKS ||
	    prog->cfg.swpages > PROG_MAXSWPAGES || prog->cfg.files > 3 ||
	    prog->cfg.fspages > PROG_MAXFSPAGES)
		return "disks";
	for (s = skip(s); *s != '\0'; s = skip(s)) {
		if (prog->nops == room) {
			room = room * 2 + 64;
			prog->ops =
			    realloc(prog->ops, room * sizeof(*prog->ops));
			if (prog->ops == NULL)
				abort();
		}
		s = parse_op(s, &prog->ops[prog->nops]);
		if (s == NULL || !prog_fits(&prog->cfg, &prog->ops[prog->nops]))
			return "operation";
		prog->nops++;
	}
	return NULL;
}
