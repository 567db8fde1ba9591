/* The auditor in the guest. */
#ifndef _TESTS_KERN_KT_AUDIT_H_
#define _TESTS_KERN_KT_AUDIT_H_

#include <sys/types.h>

/*
 * Call fn(arg) with interrupts off, while every other hart waits for it to
 * return.
 * => thread context, no lock; fn sleeps, prints and allocates nothing
 */
void kt_frozen(void (*fn)(void *), void *arg);

/* The result of an audit: what it reported, cut off behind some lines. */
#define KTA_LINES 8
#define KTA_LINE  160
struct kta_result {
	int n; /* [test thread] violations */
	char line[KTA_LINES][KTA_LINE]; /* [test thread] */
};
/* => audit_all() of here and now: call it frozen; memory for it there is */
void kta_audit(struct kta_result *r);
/* => once, before the first of the two: memory for audits */
void kta_init(void);

#endif
