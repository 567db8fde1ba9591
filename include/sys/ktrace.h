/*
 * Trace ring: fixed-size events in a per-hart ring, dumped on panic.
 * TRACE(name, a, b) costs a few instructions; name must be a literal.
 */
#ifndef _SYS_KTRACE_H_
#define _SYS_KTRACE_H_

#include <sys/types.h>

/* => any context, any lock */
void ktrace_event(const char *name, uint64_t a, uint64_t b);
/* => the same at a time the caller knows anyway */
void ktrace_event_at(uint64_t uptime, const char *name, uint64_t a, uint64_t b);
struct cpu_info;
/* => before the hart runs */
void ktrace_cpu_prepare(struct cpu_info *ci);
/* => dumps the newest events of every hart, oldest first; panic only */
void ktrace_dump(int max);
/* => TRUE: the rings hold an event (name, a, any) not older than uptime since,
 *    in ns: for tests; any context */
bool ktrace_seen(const char *name, uint64_t a, uint64_t since);

#ifdef KTRACE
#define TRACE(name, a, b) ktrace_event(name, (uint64_t)(a), (uint64_t)(b))
#define TRACE_AT(t, name, a, b) \
	ktrace_event_at((t), (name), (uint64_t)(a), (uint64_t)(b))
#else
#define TRACE_AT(t, name, a, b) ((void)sizeof(a), (void)sizeof(b))
#define TRACE(name, a, b)       ((void)sizeof(a), (void)sizeof(b))
#endif

#endif
