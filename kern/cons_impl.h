/* What subr_prf.c and kern_cons.c share. */
#ifndef _KERN_CONS_IMPL_H_
#define _KERN_CONS_IMPL_H_

#include <sys/types.h>

/*
 * The console lock, which also guards the log.  After cons_panic() it is not
 * taken any more: one hart is left.
 * => any context
 */
void cons_lock(void);
void cons_unlock(void);
/* => console lock held: log text goes out, polled, framed if asked for */
void cons_log_locked(const char *buf, size_t n);

#endif
