/*
 * A test that is a user process for a while: the running thread has an address
 * space and descriptors of its own, so that it can make system calls and the
 * kernel copies from and to its memory.
 */
#ifndef _TESTS_KERN_KT_USER_H_
#define _TESTS_KERN_KT_USER_H_

#include <sys/proc.h>
#include "kt_fault.h"

/* All members belong to the test's thread. */
struct kt_user {
	struct process *ku_process; /* [thread] */
	struct vmspace *ku_vm; /* [thread] */
	struct uvm_ucred
	    ku_cred; /* [thread] superuser's; the test may change it */
	struct process *ku_oldprocess; /* [thread] */
	struct vmspace *ku_oldvm; /* [thread] */
};

/*
 * => the running thread is the only one of a new process, with an empty address
 *    space; not nested
 */
void kt_user_enter(struct kt_user *ku);
/* => undoes it: everything of the process is gone */
void kt_user_leave(struct kt_user *ku);

/* => a soft limit of the process */
void kt_user_limit(struct kt_user *ku, int which, uint64_t limit);

typedef int kt_syscall(struct proc *p, const uint64_t a[6], int64_t *ret);
/* => the call's error; its result in kt_result */
#define KT_CALL(fn, ...) kt_user_call(fn, (const uint64_t[6]){ __VA_ARGS__ })
int kt_user_call(kt_syscall *fn, const uint64_t a[6]);
extern int64_t kt_result; /* [thread] of the last call */

/* => private anonymous memory at pages [i, j) by mmap(); panics if not */
void kt_user_map(int i, int j);
/* => a word of user memory, by copyin() and copyout(); panics on EFAULT */
uint64_t kt_user_load(vaddr_t va);
void kt_user_store(vaddr_t va, uint64_t value);
/* => a new file of that many pages, each starting with its number; its
 *    descriptor; the path is unlinked already */
int kt_user_file(int npages, int flags);
/* => is page i resident, as mincore() says; panics if it is not mapped */
bool kt_user_resident(int i);

#endif
