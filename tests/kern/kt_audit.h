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

/* A value that is wrong, and a part of what the auditor has to say about it. */
struct kta_poke {
	void *where; /* [test thread] NULL: there is no such thing just now */
	size_t size; /* [test thread] bytes of it: 1, 2, 4 or 8 */
	uint64_t value; /* [test thread] */
	const char *want; /* [test thread] */
};
#define KTA_POKE(lvalue, wrong, text)                           \
	{                                                       \
		(void *)(uintptr_t) & (lvalue), sizeof(lvalue), \
		    (uint64_t)(wrong), (text)                   \
	}
/*
 * Write each of n wrong values in turn, audit, and take it back.
 * => thread context; checks that each is found, and nothing else than what is
 *    there without them
 */
void kta_pokes(const struct kta_poke *poke, size_t n);

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
