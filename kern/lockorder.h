/*
 * The lock-order checker as kern_lock.c and kern_synch.c see it.  In builds
 * without DEBUG every call is nothing.
 */
#ifndef _KERN_LOCKORDER_H_
#define _KERN_LOCKORDER_H_

#include <sys/types.h>
#include <sys/lock.h>

enum lock_kind { LK_MUTEX, LK_RWLOCK };

#ifdef DEBUG
/*
 * => before waiting for a lock: panics if its rank forbids it; any context
 */
void lockorder_check(const void *lock, enum lock_kind kind, uint32_t rank,
    const char *name, const void *where);
/* => just acquired; interrupts off for a mutex */
void lockorder_enter(const void *lock, enum lock_kind kind, uint32_t rank,
    const char *name, const void *where);
/* => about to be released; panics if this thread (hart) does not hold it */
void lockorder_leave(const void *lock, enum lock_kind kind);
/* => about to sleep with n mutexes rightfully held (the interlock) */
void lockorder_assert_cansleep(const char *what, uint32_t n);
/* => panic: the mutexes of this hart are forgotten (panic_expect) */
void lockorder_reset_cpu(void);
/* => a thread's list, or NULL: no memory; thread_alloc, thread_free */
void *lockorder_thread_alloc(void);
void lockorder_thread_free(void *list);
#else
#define lockorder_check(l, k, r, n, w)  ((void)0)
#define lockorder_enter(l, k, r, n, w)  ((void)0)
#define lockorder_leave(l, k)           ((void)0)
#define lockorder_assert_cansleep(w, n) ((void)0)
#define lockorder_reset_cpu()           ((void)0)
#endif
/* => panic: prints what this hart and this thread hold (DEBUG) */
void lockorder_print(void);

#endif
