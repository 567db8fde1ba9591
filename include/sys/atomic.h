/*
 * Atomic operations, over the compiler's C11 builtins.
 *
 * Names end in the ordering they give; a name without one is relaxed.  Every
 * function works on naturally aligned 32- and 64-bit objects of any type.
 */
#ifndef _SYS_ATOMIC_H_
#define _SYS_ATOMIC_H_

/* The simulator lets another hart go on before each of them. */
#ifdef HOST_SIM
#include <machine/point.h>
#define ATOMIC(op, ...) (SIM_POINT(), SIM_ATOMIC(op, __VA_ARGS__))
#else
#define ATOMIC(op, ...) __atomic_##op(__VA_ARGS__)
#endif

#define atomic_load(p)            ATOMIC(load_n, p, __ATOMIC_RELAXED)
#define atomic_load_acq(p)        ATOMIC(load_n, p, __ATOMIC_ACQUIRE)
#define atomic_store(p, v)        ATOMIC(store_n, p, v, __ATOMIC_RELAXED)
#define atomic_store_rel(p, v)    ATOMIC(store_n, p, v, __ATOMIC_RELEASE)
#define atomic_add(p, v)          ATOMIC(fetch_add, p, v, __ATOMIC_RELAXED)
#define atomic_add_acq_rel(p, v)  ATOMIC(fetch_add, p, v, __ATOMIC_ACQ_REL)
#define atomic_sub_acq_rel(p, v)  ATOMIC(fetch_sub, p, v, __ATOMIC_ACQ_REL)
#define atomic_or(p, v)           ATOMIC(fetch_or, p, v, __ATOMIC_RELAXED)
#define atomic_or_acq_rel(p, v)   ATOMIC(fetch_or, p, v, __ATOMIC_ACQ_REL)
#define atomic_and(p, v)          ATOMIC(fetch_and, p, v, __ATOMIC_RELAXED)
#define atomic_and_acq_rel(p, v)  ATOMIC(fetch_and, p, v, __ATOMIC_ACQ_REL)
#define atomic_swap_acq(p, v)     ATOMIC(exchange_n, p, v, __ATOMIC_ACQUIRE)
#define atomic_swap_acq_rel(p, v) ATOMIC(exchange_n, p, v, __ATOMIC_ACQ_REL)
/* TRUE if *p was *old and is now v; else *old becomes what *p was. */
#define atomic_cas_acq(p, old, v)                                  \
	ATOMIC(compare_exchange_n, p, old, v, 0, __ATOMIC_ACQUIRE, \
	    __ATOMIC_RELAXED)
#define atomic_cas_rel(p, old, v)                                  \
	ATOMIC(compare_exchange_n, p, old, v, 0, __ATOMIC_RELEASE, \
	    __ATOMIC_RELAXED)
#define atomic_cas(p, old, v)                                      \
	ATOMIC(compare_exchange_n, p, old, v, 0, __ATOMIC_ACQ_REL, \
	    __ATOMIC_RELAXED)

#define membar_acquire() ATOMIC(thread_fence, __ATOMIC_ACQUIRE)
#define membar_release() ATOMIC(thread_fence, __ATOMIC_RELEASE)
#define membar_sync()    ATOMIC(thread_fence, __ATOMIC_SEQ_CST)

/*
 * A reference count whose owner needs no lock to add or drop one.
 * refcnt_drop() is TRUE for the caller that dropped the last reference; what
 * every other holder did before is visible to it.
 * Fields [a]: atomic operations.
 */
typedef struct refcnt {
	unsigned int r_refs;
} refcnt_t;

#define refcnt_init(r) ((r)->r_refs = 1)
#define refcnt_take(r) ((void)atomic_add(&(r)->r_refs, 1))
#define refcnt_drop(r) (atomic_sub_acq_rel(&(r)->r_refs, 1) == 1)
#define refcnt_read(r) atomic_load(&(r)->r_refs)

#endif
