/*
 * Process layer: ids, groups, limits, executables that are not.
 */
#include <sys/elf.h>
#include <sys/errno.h>
#include <sys/exec.h>
#include <sys/ktest.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/timeout.h>

/* -- Ids ------------------------------------------------------------------------ */

/* No id is given out twice while its owner lives, past a wrap, too. */
KTEST(proc_pid_alloc)
{
	struct process *pr = process_alloc(&process0);
	pid_t pid, last = 0;
	int wraps = 0;

	rw_enter_write(&proctree_lock);
	pr->ps_pid = pid_alloc();
	process_insert(pr, &process0);
	for (int i = 0; i < 40000; i++) {
		pid = pid_alloc();
		if (pid <= last)
			wraps++;
		KT_REQUIRE(pid > 1 && pid != pr->ps_pid);
		KT_REQUIRE(prfind_any(pid) == NULL && tfind(pid) == NULL);
		last = pid;
	}
	KT_CHECK(wraps >= 1);
	KT_CHECK(prfind(pr->ps_pid) == pr);
	process_remove(pr);
	rw_exit(&proctree_lock);
}

/* A process joins its parent's group and leaves it without a trace. */
KTEST(proc_tree)
{
	struct process *parent = process_alloc(&process0), *child;
	int before = proc_count();
	pid_t pid;

	child = process_alloc(parent);
	rw_enter_write(&proctree_lock);
	parent->ps_pid = pid_alloc();
	process_insert(parent, &process0);
	child->ps_pid = pid = pid_alloc();
	process_insert(child, parent);
	KT_EQ(proc_count(), before + 2);
	KT_CHECK(child->ps_pgrp == process0.ps_pgrp);
	KT_EQ(child->ps_ppid, parent->ps_pid);
	KT_CHECK(LIST_FIRST(&parent->ps_children) == child);
	process_reparent(child, &process0);
	KT_EQ(child->ps_ppid, 0);
	KT_CHECK(LIST_EMPTY(&parent->ps_children));
	atomic_or(&child->ps_flags, PS_ZOMBIE);
	KT_CHECK(prfind(pid) == NULL && prfind_any(pid) == child);
	process_remove(child);
	process_remove(parent);
	KT_CHECK(prfind_any(pid) == NULL);
	KT_EQ(proc_count(), before);
	rw_exit(&proctree_lock);
}

KTEST(proc_limits)
{
	struct process *pr = process_alloc(&process0);

	KT_EQ(lim_cur(pr, RLIMIT_STACK), DFLSSIZ);
	KT_EQ(lim_max(pr, RLIMIT_STACK), MAXSSIZ);
	KT_CHECK(lim_cur(pr, RLIMIT_CPU) == RLIM_INFINITY);
	pr->ps_limit->pl_rlimit[RLIMIT_CPU].rlim_cur = 7;
	KT_CHECK(lim_cur(&process0, RLIMIT_CPU) == RLIM_INFINITY);
	process_rele(pr);
}

KTEST(proc_time_conversion)
{
	struct timespec ts = { 1, 999999999 };
	struct timeval tv = { 2, 999999 };
	uint64_t ns;

	KT_EQ(timespec_to_ns(&ts, &ns), 0);
	KT_EQ(ns, 1999999999);
	ns_to_timespec(ns, &ts);
	KT_CHECK(ts.tv_sec == 1 && ts.tv_nsec == 999999999);
	KT_EQ(timeval_to_ns(&tv, &ns), 0);
	KT_EQ(ns, 2999999000);
	ts.tv_nsec = 1000000000;
	KT_EQ(timespec_to_ns(&ts, &ns), EINVAL);
	ts.tv_nsec = -1;
	KT_EQ(timespec_to_ns(&ts, &ns), EINVAL);
	ts.tv_sec = -1;
	ts.tv_nsec = 0;
	KT_EQ(timespec_to_ns(&ts, &ns), EINVAL);
	ts.tv_sec = INT64_MAX;
	KT_EQ(timespec_to_ns(&ts, &ns), 0);
	KT_CHECK(ns == INFSLP - 1);
	tv.tv_usec = 1000000;
	KT_EQ(timeval_to_ns(&tv, &ns), EINVAL);
}

KTEST(proc_aslr_value)
{
	KT_EQ(aslr_value(0, ASLR_PIE, 1000), 0);
	for (uint64_t seed = 1; seed < 200; seed++) {
		KT_CHECK(aslr_value(seed, ASLR_STACK, 64) < 64);
		KT_EQ(aslr_value(seed, ASLR_PIE, 1UL << 20),
		    aslr_value(seed, ASLR_PIE, 1UL << 20));
	}
	KT_CHECK(aslr_value(5, ASLR_PIE, 1UL << 30) !=
	    aslr_value(5, ASLR_BRK, 1UL << 30));
}

/* -- Arguments -------------------------------------------------------------------- */

KTEST(exec_args)
{
	struct execargs *ea = kmem_alloc(sizeof(*ea), PR_WAITOK);
	char word[1000];

	memset(word, 'x', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	execargs_init(ea);
	execargs_shift(ea);
	KT_EQ(execargs_add(ea, "one"), 0);
	ea->ea_argc = 1;
	KT_EQ(execargs_prepend(ea, "zero"), 0);
	KT_EQ(ea->ea_argc, 2);
	KT_EQ(ea->ea_len, 9);
	KT_CHECK(memcmp(ea->ea_text, "zero\0one", 9) == 0);
	execargs_shift(ea);
	KT_CHECK(memcmp(ea->ea_text, "one", 4) == 0);
	for (int i = 0; i < EXEC_ARG_MAX / 1000; i++)
		KT_EQ(execargs_add(ea, word), 0);
	KT_EQ(execargs_add(ea, word), E2BIG);
	KT_EQ(execargs_prepend(ea, word), E2BIG);
	KT_CHECK(ea->ea_len <= EXEC_ARG_MAX);
	execargs_free(ea);
	kmem_free(ea, sizeof(*ea));
}

/* -- Executables ------------------------------------------------------------------ */

/* A small program that is right: text, then data with zeros behind. */
struct small_elf {
	struct elf64_ehdr eh;
	struct elf64_phdr ph[3];
};

static void
small_elf(struct small_elf *e)
{
	memset(e, 0, sizeof(*e));
	memcpy(e->eh.e_ident, "\177ELF\2\1\1", 7);
	e->eh.e_type = ET_EXEC;
	e->eh.e_machine = EM_RISCV;
	e->eh.e_version = EV_CURRENT;
	e->eh.e_entry = 0x10100;
	e->eh.e_phoff = sizeof(e->eh);
	e->eh.e_phentsize = sizeof(e->ph[0]);
	e->eh.e_phnum = 3;
	e->ph[0] = (struct elf64_phdr){ PT_LOAD, PF_R | PF_X, 0, 0x10000, 0,
		0x1800, 0x1800, 0x1000 };
	e->ph[1] = (struct elf64_phdr){ PT_LOAD, PF_R | PF_W, 0x1800, 0x12800,
		0, 0x100, 0x2000, 0x1000 };
	e->ph[2] = (struct elf64_phdr){ PT_NULL, 0, 0, 0, 0, 0, 0, 0 };
}

static int
check(struct small_elf *e, size_t len)
{
	struct exec_image ei;
	int error;

	memset(&ei, 0, sizeof(ei));
	ei.ei_size = 0x1900;
	error = elf_check(&ei, e, len, "test");
	if (error == 0) {
		KT_EQ(ei.ei_nsegs, 2);
		KT_EQ(ei.ei_phdr, 0x10000 + sizeof(e->eh));
	}
	return error;
}

/* Change one thing, check, and change it back. */
#define REFUSED(e, member, value)                         \
	do {                                              \
		small_elf(e);                             \
		(e)->member = (value);                    \
		KT_EQ(check((e), sizeof(*(e))), ENOEXEC); \
	} while (0)

KTEST(exec_elf_check)
{
	struct small_elf e;

	small_elf(&e);
	KT_EQ(check(&e, sizeof(e)), 0);
	e.eh.e_type = ET_DYN;
	KT_EQ(check(&e, sizeof(e)), 0);
	REFUSED(&e, eh.e_ident[0], 0);
	REFUSED(&e, eh.e_ident[4], 1);
	REFUSED(&e, eh.e_ident[5], 2);
	REFUSED(&e, eh.e_machine, 62);
	REFUSED(&e, eh.e_type, 1);
	REFUSED(&e, eh.e_phentsize, 32);
	REFUSED(&e, eh.e_phnum, 0);
	REFUSED(&e, eh.e_phnum, 65535);
	REFUSED(&e, eh.e_phoff, ~7UL);
	REFUSED(&e, eh.e_phoff, sizeof(e) + 8);
	REFUSED(&e, eh.e_phoff, sizeof(e.eh) + 1);
	REFUSED(&e, eh.e_entry, 0x12800);
	REFUSED(&e, eh.e_entry, 0x11800);
	REFUSED(&e, eh.e_entry, 0);
	REFUSED(&e, ph[0].p_type, PT_INTERP);
	REFUSED(&e, ph[1].p_memsz, 0x10);
	REFUSED(&e, ph[1].p_memsz, ~0UL);
	REFUSED(&e, ph[1].p_filesz, ~0UL);
	REFUSED(&e, ph[1].p_filesz, 0x101);
	REFUSED(&e, ph[1].p_offset, 0x1000);
	REFUSED(&e, ph[1].p_offset, ~0xfffUL | 0x800);
	REFUSED(&e, ph[1].p_vaddr, 0x11800);
	REFUSED(&e, ph[1].p_vaddr, 0x2800);
	REFUSED(&e, ph[1].p_vaddr, ~0xfffUL | 0x800);
	REFUSED(&e, ph[1].p_vaddr, VM_MAXUSER_ADDRESS - 0x800);
	REFUSED(&e, ph[1].p_flags, PF_W | PF_X);
	REFUSED(&e, ph[0].p_flags, PF_R);
	for (size_t len = 0; len < sizeof(e); len++) {
		small_elf(&e);
		KT_EQ(check(&e, len), ENOEXEC);
	}
}

/* Bytes at random in a header: refused or accepted, nothing else happens. */
KTEST(exec_elf_garbage)
{
	struct small_elf e;
	struct exec_image ei;
	size_t at;

	for (int i = 0; i < 400; i++) {
		small_elf(&e);
		for (int n = (int)(kt_random() % 4) + 1; n > 0; n--) {
			at = kt_random() % sizeof(e);
			((uint8_t *)&e)[at] = (uint8_t)kt_random();
		}
		memset(&ei, 0, sizeof(ei));
		ei.ei_size = 0x1900;
		if (elf_check(&ei, &e, sizeof(e), "garbage") != 0)
			continue;
		KT_RANGE(ei.ei_nsegs, 1, 3);
		for (int s = 0; s < ei.ei_nsegs; s++) {
			KT_CHECK(
			    ei.ei_seg[s].es_vaddr + ei.ei_seg[s].es_memsz <=
			    VM_MAXUSER_ADDRESS);
			KT_CHECK(
			    ei.ei_seg[s].es_filesz <= ei.ei_seg[s].es_memsz);
		}
	}
}
