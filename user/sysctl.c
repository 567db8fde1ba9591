/*
 * sysctl: read system parameters, and write those that can be written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

enum kind { INT, LOADAVG, METER, EXP, NODE };

static const struct param {
	const char *name;
	int id;
	enum kind kind;
	int member; /* of a NODE */
} params[] = {
	{ "vm.vmmeter", VM_METER, METER, 0 },
	{ "vm.loadavg", VM_LOADAVG, LOADAVG, 0 },
	{ "vm.uvmexp", VM_UVMEXP, EXP, 0 },
	{ "vm.nkmempages", VM_NKMEMPAGES, INT, 0 },
	{ "vm.anonmin", VM_ANONMIN, INT, 0 },
	{ "vm.vtextmin", VM_VTEXTMIN, INT, 0 },
	{ "vm.vnodemin", VM_VNODEMIN, INT, 0 },
	{ "vm.maxslp", VM_MAXSLP, INT, 0 },
	{ "vm.uspace", VM_USPACE, INT, 0 },
	{ "vm.swapencrypt.enable", VM_SWAPENCRYPT, NODE, SWPENC_ENABLE },
	{ "vm.swapencrypt.keyscreated", VM_SWAPENCRYPT, NODE, SWPENC_CREATED },
	{ "vm.swapencrypt.keysdeleted", VM_SWAPENCRYPT, NODE, SWPENC_DELETED },
	{ "vm.dirty", VM_DIRTY, INT, 0 },
	{ "vm.dirtyage", VM_DIRTYAGE, INT, 0 },
	{ "vm.dirtymin", VM_DIRTYMIN, INT, 0 },
	{ "vm.dirtymax", VM_DIRTYMAX, INT, 0 },
};
#define NPARAMS (sizeof(params) / sizeof(params[0]))

/* -n: values only; set once by sysctl_main. */
static int opt_bare;

static void
print_name(const char *name, const char *member)
{
	if (!opt_bare)
		printf("%s%s%s=", name, member != NULL ? "." : "",
		    member != NULL ? member : "");
}

/*
 * The members of vm.uvmexp, or the one of them that is asked for.
 */
static int
print_exp(const struct param *p, const char *member)
{
	struct uvmexp u;
	int found = member == NULL;

	if (get_vm_param(p->id, &u, sizeof(u)) != 0)
		return -1;
#define UVMEXP(m, text)                                  \
	if (member == NULL || strcmp(member, #m) == 0) { \
		print_name(p->name, #m);                 \
		printf("%d\n", u.m);                     \
		found = 1;                               \
	}
#include "uvmexp_members.h"
#undef UVMEXP
	if (!found)
		complainx("%s.%s: no such parameter", p->name, member);
	return found ? 0 : -1;
}

static int
print_loadavg(const struct param *p)
{
	struct loadavg l;

	if (get_vm_param(p->id, &l, sizeof(l)) != 0 || l.fscale <= 0)
		return -1;
	print_name(p->name, NULL);
	for (int i = 0; i < 3; i++) {
		uint64_t hundredths =
		    l.ldavg[i] * UINT64_C(100) / (uint64_t)l.fscale;

		printf("%u.%02u%c", (unsigned)(hundredths / 100),
		    (unsigned)(hundredths % 100), i < 2 ? ' ' : '\n');
	}
	return 0;
}

static int
print_meter(const struct param *p)
{
	struct vmtotal t;

	if (get_vm_param(p->id, &t, sizeof(t)) != 0)
		return -1;
	print_name(p->name, NULL);
	printf("rq %d dw %d pw %d sl %d sw %d vm %u avm %u rm %u arm %u "
	       "vmshr %u avmshr %u rmshr %u armshr %u free %u\n",
	    t.t_rq, t.t_dw, t.t_pw, t.t_sl, t.t_sw, t.t_vm, t.t_avm, t.t_rm,
	    t.t_arm, t.t_vmshr, t.t_avmshr, t.t_rmshr, t.t_armshr, t.t_free);
	return 0;
}

/* A parameter that is an int; old or new may be NULL. */
static int
int_param(const struct param *p, int *old, int *new)
{
	int name[3] = { CTL_VM, p->id, p->member };
	size_t len = sizeof(int);

	if (bsd_sysctl(name, p->kind == NODE ? 3 : 2, old,
		old != NULL ? &len : NULL, new,
		new != NULL ? sizeof(int) : 0) == 0 &&
	    len == sizeof(int))
		return 0;
	complain("%s", p->name);
	return -1;
}

static int
print_param(const struct param *p, const char *member)
{
	int value;

	switch (p->kind) {
	case EXP:
		return print_exp(p, member);
	case LOADAVG:
		return print_loadavg(p);
	case METER:
		return print_meter(p);
	case INT:
	case NODE:
		break;
	}
	if (int_param(p, &value, NULL) != 0)
		return -1;
	print_name(p->name, NULL);
	printf("%d\n", value);
	return 0;
}

static int
set_param(const struct param *p, const char *text)
{
	unsigned long n;
	int value;

	if (parse_ulong(text, &n) != 0 || n > INT32_MAX)
		usage();
	value = (int)n;
	if (int_param(p, NULL, &value) != 0)
		return -1;
	return print_param(p, NULL);
}

static int
do_operand(char *arg)
{
	char *value = strchr(arg, '=');

	if (value != NULL)
		*value++ = '\0';
	for (size_t i = 0; i < NPARAMS; i++) {
		size_t len = strlen(params[i].name);

		if (strncmp(arg, params[i].name, len) != 0)
			continue;
		if (arg[len] == '\0')
			return value != NULL ? set_param(&params[i], value)
					     : print_param(&params[i], NULL);
		if (arg[len] == '.' && params[i].kind == EXP && value == NULL)
			return print_param(&params[i], arg + len + 1);
	}
	complainx("%s: no such parameter", arg);
	return -1;
}

int
sysctl_main(int argc, char **argv)
{
	int opt, status = 0;

	while ((opt = getopt(argc, argv, "an")) != -1) {
		if (opt == 'n')
			opt_bare = 1;
		else if (opt != 'a')
			usage();
	}
	for (int i = optind; i < argc; i++)
		if (do_operand(argv[i]) != 0)
			status = 1;
	if (optind == argc)
		for (size_t i = 0; i < NPARAMS; i++)
			if (print_param(&params[i], NULL) != 0)
				status = 1;
	return status;
}
