/* Inside the executor of random programs (prog*.c). */
#ifndef _TESTS_SIM_PROG_I_H_
#define _TESTS_SIM_PROG_I_H_

#include <uvm/uvm.h>
#include <uvm/uvm_loan.h>
#include <tests/sim/oracle.h>
#include <tests/sim/sim.h>

#define PROG_LOANS     4 /* a thread has out at a time */
#define PROG_LOANPAGES 4 /* of each */

/* Pages a thread has borrowed; all structures belong to the simulation. */
struct prog_loan {
	int flags; /* [sim] UVM_LOAN_*; 0: unused */
	u_int n; /* [sim] pages */
	void *what[PROG_LOANPAGES]; /* [sim] */
	uint64_t word[PROG_LOANPAGES][ORC_MAXWORDS]; /* [sim] their contents */
	bool known[PROG_LOANPAGES]; /* [sim] it was in memory then */
};

struct prog_thread {
	u_int index; /* [sim] */
	bool running; /* [sim] */
	bool kernel; /* [sim] */
	u_int round; /* [sim] last one it has begun */
	struct orc_proc *op; /* [sim] its process */
	int slice; /* [sim] its own */
	const struct prog_op *now; /* [sim] what it executes, or NULL */
	struct prog_loan loan[PROG_LOANS]; /* [sim] */
};

/* An access, a change or anything else that has an error. */
struct prog_try {
	struct orc_proc *op; /* [sim] */
	struct orc_slice *sl; /* [sim] */
	struct orc_page *pg; /* [sim] */
	int page; /* [sim] in the slice */
	vm_prot_t need; /* [sim] any of these */
	u_int gen; /* [sim] of the slice when it began */
	uint64_t since; /* [sim] */
	u_int errors; /* [sim] of the page's object when it began */
	int obj; /* [sim] that, plus one; 0: none */
	u_int sizegen; /* [sim] of it */
	bool loose; /* [sim] the page was being changed */
};

/* A range of an operation: pages [i, j) of the slice. */
struct prog_range {
	int i, j; /* [sim] */
	vaddr_t start, end; /* [sim] */
};

extern const struct prog_config *prog_cfg;
extern long prog_ballooned; /* pages kernel threads hold */
extern u_int prog_balloons; /* how often they began to take some */

/* -- prog.c ------------------------------------------------------------------- */
/* => the thread should leave: its process is dying or was killed */
bool prog_ended(struct prog_thread *t);
/* => may an operation of curproc fail for memory? */
bool prog_tight(void);
/*
 * => TRUE: error is what it has to be; FALSE: it failed for memory, which it
 *    may; anything else ends the simulation
 */
bool prog_expect(struct prog_thread *t, int error, int want);
/* => slice of t's own process or another's that arg selects; NULL: none */
struct orc_slice *
prog_slice(struct prog_thread *t, uint32_t arg, struct orc_proc **opp, int *kp);
/* => its address space, which cannot go until prog_release(); NULL: it went */
struct vmspace *prog_hold(struct orc_proc *op);
void prog_release(struct orc_proc *op, struct vmspace *vm);
/* => at the barrier: n threads more, or less, have to arrive */
void prog_children(int n);

/* -- prog_mem.c ------------------------------------------------------------------ */
void prog_try_begin(struct prog_try *try, struct orc_proc *op,
    struct orc_slice *sl, int page, vm_prot_t need);
/* => does the oracle know of nothing that could have interfered? */
bool prog_try_quiet(const struct prog_try *try);
/* => checks the errno of an access; rights are those in prot */
void prog_try_error(
    const struct prog_try *try, int error, int denied, vm_prot_t prot);
/* => a load, store or fetch by curproc */
void prog_access(
    struct orc_proc *op, int slice, int page, int word, enum prog_kind kind);
void prog_touch(struct prog_thread *t, const struct prog_op *o);
void prog_io(struct prog_thread *t, const struct prog_op *o);
void prog_loan(struct prog_thread *t, const struct prog_op *o);
void prog_unloan(struct prog_thread *t, const struct prog_op *o);
/* => all loans of the thread end */
void prog_unloan_all(struct prog_thread *t);

/* -- prog_map.c ---------------------------------------------------------------------- */
/* => pages [i, j) of the thread's slice are about to change; FALSE: no */
bool prog_begin(struct prog_thread *t, int i, int j);
void prog_map(struct prog_thread *t, const struct prog_op *o);
void prog_unmap(struct prog_thread *t, const struct prog_op *o);
void prog_protect(struct prog_thread *t, const struct prog_op *o);
void prog_inherit(struct prog_thread *t, const struct prog_op *o);
void prog_wire(struct prog_thread *t, const struct prog_op *o);
void prog_wireall(struct prog_thread *t, const struct prog_op *o);
void prog_query(struct prog_thread *t, const struct prog_op *o);

/* -- prog_advise.c, prog_pass.c ---------------------------------------------------- */
void prog_madvise(struct prog_thread *t, const struct prog_op *o);
void prog_clean(struct prog_thread *t, const struct prog_op *o);
/* => msync of the range has ended so; failed: requests have, meanwhile */
void prog_msync_result(struct prog_thread *t, struct prog_range r,
    bool invalidate, bool sync, int error, bool failed);
void prog_pass(struct prog_thread *t, const struct prog_op *o);
/* -- prog_remap.c ------------------------------------------------------------------ */
void prog_remap(struct prog_thread *t, const struct prog_op *o);

struct prog_range prog_range(int slice, const struct prog_op *o);
/* => lowest page at or above `from' where n are free, beyond the window too */
int prog_first_fit(
    const struct orc_slice *sl, int from, int n, int align, vaddr_t base);
/* => is something mapped, is everything? */
bool prog_any_mapped(const struct orc_slice *sl, int i, int j);
bool prog_all_mapped(const struct orc_slice *sl, int i, int j);
/* => pages were wired: what that does to private ones that show an object's */
void prog_wired(struct orc_page *pg, uint64_t since, bool done);

/* -- prog_proc.c ------------------------------------------------------------------------- */
void prog_fork(struct prog_thread *t, const struct prog_op *o);
void prog_exec(struct prog_thread *t, const struct prog_op *o);
/* => at the barrier: all children have ended, and are forgotten */
void prog_children_reap(void);

/* -- prog_swap.c ------------------------------------------------------------------ */
/* => before anything is counted: disks exist; start: the first one is on */
void prog_swap_init(void);
void prog_swap_start(void);
/* => all that could be in swap is gone: so is swap */
void prog_swap_end(void);
/* => for any thread; without swap nothing happens */
void prog_swap_op(struct prog_thread *t, const struct prog_op *o);
/*
 * The access failed with EIO: may it, because swap could not give the page
 * back?  Then the model knows from now on.  TRUE too if something interfered.
 * => thread context, no lock held; the process cannot go
 */
bool prog_lost(const struct prog_try *try);
/* => any page of [i, j) of the own slice, which the thread is changing? */
bool prog_lost_any(struct prog_thread *t, int i, int j);
/* => sleeps until nothing is under way to swap and the daemon rests */
void prog_swap_settle(void);

/* -- prog_file.c, prog_cut.c ----------------------------------------------------- */
/* => before anything is counted; then the files are there; they are gone */
void prog_file_init(void);
void prog_file_start(void);
void prog_file_end(void);
/* => nothing is being read or written, or will be soon */
bool prog_file_rests(void);
/* => for any thread; without files nothing happens */
void prog_file_op(struct prog_thread *t, const struct prog_op *o);
/* => requests to the disk of files fail, if they may; n < 0: many */
void prog_file_fail(int n);
/* => may there be no room left for what the page, NULL: any, is of? */
bool prog_file_full(const struct orc_page *pg);
/* => may there be an error of the object's that nobody was told yet? */
bool prog_file_failed(int o);
/* => a range that may be of files is flushed, which tells errors, from here on
 *    (begin) to here */
void prog_file_asking(bool begin);
/* => the object of a file, referenced, or NULL; the file stays until put */
struct uvm_object *prog_file_hold(int o);
void prog_file_release(int o);
/* => the pages of a file that has an object */
void prog_file_flush(int o, int flags);
/* => word w of page i of the file is v */
void prog_file_stored(uint32_t id, int i, int w, uint64_t v);
/* => looks at what power cuts would have left */
void cut_check_all(void);
/* => a file system on disk n of kt_tdisk.h, at mem */
void prog_file_mount(u_int n, bool rdonly, void *mem, uint32_t npages);
void prog_file_unmount(void);

/* -- prog_kern.c --------------------------------------------------------------------------- */
void prog_kernel_op(struct prog_thread *t, const struct prog_op *o);
/* => from now on (not) memory is kept for the conductor, if there is swap */
void prog_reserve(bool keep);
/* => pages are taken until few are left, or given back */
void prog_squeeze(const struct prog_op *o);
/* => all kernel memory the program holds is freed */
void prog_kernel_end(void);
void prog_kernel_init(void);

/* -- prog_obj.c ------------------------------------------------------------------------------- */
/* => objects of the oracle, by number */
void simobj_init(void);
void simobj_end(void);
/* => referenced for the caller, NULL: no file now; the number stays with it
 *    until simobj_release(); put: uobj, if not NULL, is given up */
struct uvm_object *simobj_hold(int o);
void simobj_release(int o, struct uvm_object *uobj);
bool simobj_has_io(int o);
/* => a number of the next transfers of the object fail; -1: all */
void simobj_fail(int o, int n);
/* => pages of the object are written, and freed or deactivated */
void simobj_flush(int o, int flags);

#endif
