/*
 * Random programs for the simulated machine: lists of operations that several
 * simulated threads execute, each its own ones in order.  A program does not
 * depend on what happens when it runs: arguments are taken modulo what there
 * is, so every part of a program is a program.  C types only: the generator,
 * scripts, shrinking and main.c are compiled with libc's headers, the rest
 * with the kernel's.
 */
#ifndef _TESTS_SIM_PROG_H_
#define _TESTS_SIM_PROG_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROG_MAXPROCS    3 /* processes that run programs */
#define PROG_MAXTHREADS  3 /* threads of each */
#define PROG_MAXKTHREADS 2 /* kernel threads */
#define PROG_ARGS        4
#define PROG_ALL         0xff /* thread of a barrier: everybody */
#define PROG_MAXDISKS    2 /* for swap */
#define PROG_MAXSWPAGES  4096 /* of each */
#define PROG_MAXFSPAGES  2048 /* of the disk with files */
#define PROG_ALLCUTS     9999 /* the power goes at every write */

/* What disks may do wrong: diskerr of a configuration. */
#define PROG_ERR_READ  0x1 /* one read in so many */
#define PROG_ERR_WRITE 0x2 /* one write in so many */
#define PROG_ERR_BAD   0x4 /* some pages can be neither read nor written */
#define PROG_ERR_RDONLY \
	0x8 /* some pages cannot be written, but what they hold be read */
#define PROG_ERR_GONE 0x10 /* nothing works any more */
#define PROG_ERR_TORN 0x20 /* what fails was done in part */
/* Errors that can lose data.  Without them no access may ever fail. */
#define PROG_ERR_LOSES (PROG_ERR_READ | PROG_ERR_BAD | PROG_ERR_GONE)

/*
 * Operations: name, weight, K for kernel threads, U for threads of processes,
 * S for any of them if there is swap, F if there are files.
 * A range is a page and a count; the rest is described where it is executed.
 */
#define PROG_OPS(X)          \
	X(barrier, 0, 'A')   \
	X(load, 260, 'U')    \
	X(store, 240, 'U')   \
	X(fetch, 30, 'U')    \
	X(map, 80, 'U')      \
	X(unmap, 40, 'U')    \
	X(protect, 60, 'U')  \
	X(setmax, 6, 'U')    \
	X(inherit, 16, 'U')  \
	X(madvise, 50, 'U')  \
	X(clean, 24, 'U')    \
	X(wire, 14, 'U')     \
	X(unwire, 14, 'U')   \
	X(wireall, 5, 'U')   \
	X(share, 14, 'U')    \
	X(move, 14, 'U')     \
	X(remap, 24, 'U')    \
	X(ioread, 20, 'U')   \
	X(iowrite, 20, 'U')  \
	X(loan, 16, 'U')     \
	X(unloan, 12, 'U')   \
	X(fork, 12, 'U')     \
	X(exec, 3, 'U')      \
	X(exit, 2, 'U')      \
	X(query, 6, 'U')     \
	X(collect, 3, 'U')   \
	X(ioerror, 4, 'U')   \
	X(pause, 4, 'U')     \
	X(kalloc, 30, 'K')   \
	X(kfree, 30, 'K')    \
	X(pglist, 12, 'K')   \
	X(balloon, 6, 'K')   \
	X(daemon, 8, 'K')    \
	X(objflush, 10, 'K') \
	X(kpause, 20, 'K')   \
	X(swapon, 20, 'S')   \
	X(swapoff, 14, 'S')  \
	X(swapprio, 8, 'S')  \
	X(diskerr, 10, 'S')  \
	X(pageout, 60, 'S')  \
	X(fill, 60, 'S')     \
	X(sweep, 50, 'S')    \
	X(spread, 30, 'S')   \
	X(pdwake, 30, 'S')   \
	X(squeeze, 12, 'S')  \
	X(fopen, 20, 'F')    \
	X(fclose, 16, 'F')   \
	X(funlink, 5, 'F')   \
	X(fread, 60, 'F')    \
	X(fwrite, 60, 'F')   \
	X(fappend, 12, 'F')  \
	X(ftrunc, 20, 'F')   \
	X(fsync, 20, 'F')    \
	X(fsyncall, 5, 'F')  \
	X(fmsync, 20, 'F')   \
	X(fmap, 40, 'F')     \
	X(ftouch, 60, 'F')   \
	X(fwriter, 6, 'F')   \
	X(fdiskerr, 8, 'F')  \
	X(fpdwake, 8, 'F')   \
	X(fsqueeze, 5, 'F')

#define PROG_ENUM(name, weight, who) OP_##name,
enum prog_kind { PROG_OPS(PROG_ENUM) OP_COUNT };

/* Immutable, as all of a program. */
struct prog_op {
	uint8_t thread; /* index; processes' threads before the kernel's */
	uint8_t kind; /* OP_* */
	uint32_t arg[PROG_ARGS];
};

/* The machine and what runs on it: derived from the seed, printed in scripts. */
#define PROG_CONFIG(X) \
	X(seed)        \
	X(harts)       \
	X(npages)      \
	X(asid_bits)   \
	X(ad)          \
	X(preempt)     \
	X(fail)        \
	X(speculate)   \
	X(stall)       \
	X(procs)       \
	X(threads)     \
	X(kthreads)    \
	X(swap)        \
	X(swpages)     \
	X(diskerr)     \
	X(files)       \
	X(fspages)     \
	X(fileerr)     \
	X(cuts)

#define PROG_FIELD(name) uint64_t name;
struct prog_config {
	PROG_CONFIG(PROG_FIELD)
};

struct prog {
	struct prog_config cfg;
	size_t nops;
	struct prog_op *ops; /* in order; a barrier where all wait for all */
};

struct prog_stats {
	uint64_t ops; /* operations executed, those without effect too */
	uint64_t checks; /* accesses whose value was compared */
	uint64_t loose; /* accesses of which several outcomes were right */
	uint64_t rounds; /* barriers with an audit */
	uint64_t killed; /* processes that died for memory */
	uint64_t out, in; /* pages written to swap, read from it */
	uint64_t lost; /* accesses that failed as swap could not be read */
	uint64_t cuts; /* of the power that were looked into */
	uint64_t hash; /* of the trace */
};

/* -- prog_gen.c: pure -------------------------------------------------------- */

/* => machine and threads for a seed */
void prog_configure(struct prog_config *cfg, uint64_t seed);
/* => fills ops[n], with a barrier every few hundred */
void
prog_generate(const struct prog_config *cfg, struct prog_op *ops, size_t n);
/* => name of an operation; kind by name, OP_COUNT: none */
const char *prog_name(unsigned kind);
unsigned prog_kind_of(const char *name, size_t len);
/* => may this thread have such an operation? */
bool prog_fits(const struct prog_config *cfg, const struct prog_op *op);

/* -- prog.c: runs in the kernel ------------------------------------------------- */

/*
 * Boot the machine and execute the program; a failure ends the host process.
 * => once per host process
 */
void prog_run(const struct prog *prog, bool verbose, struct prog_stats *stats);

/* => runs kernel tests (tests/kern) instead; exits with their result */
void prog_ktest(const struct prog_config *cfg, const char *which);

/* -- shrink_script.c: hosted -------------------------------------------------------- */

/* => writes the program as a script to a FILE */
void prog_print(void *file, const struct prog *prog);
/* => reads one; ops are malloc()ed; NULL, or what is wrong with it */
const char *prog_parse(const char *text, struct prog *prog);

/* -- shrink.c: hosted --------------------------------------------------------- */

/*
 * A smaller program that still fails, by running parts of it in children.
 * => fails(p): does p fail? result in *prog, its ops replaced
 */
void
prog_shrink(struct prog *prog, bool (*fails)(const struct prog *), int budget);

#endif
