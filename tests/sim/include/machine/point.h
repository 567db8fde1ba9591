/* Where the simulated machine may go on with another hart. */
#ifndef _MACHINE_POINT_H_
#define _MACHINE_POINT_H_

#include <stdint.h>
#include <machine/param.h>

extern int32_t sim_countdown; /* points until the next decision */
void sim_preempt_now(void);

/*
 * Where points were, in the order in which they came: the trace hash has it, so
 * a build that executes two of them the other way round is found out although
 * nothing switched between.  Of the function's name, as a line or an address is
 * the compiler's business.
 */
extern uint64_t sim_places;
#define SIM_PLACE() \
	(sim_places = sim_places * 5 + __func__[0] + (sizeof(__func__) << 8))

#ifdef SIM_COVERAGE
/* Out of line: its branch is none of the code it stands in. */
void sim_point(void);
#define SIM_POINT() sim_point()
#else
#define SIM_POINT()                                                           \
	((void)(SIM_PLACE(),                                                  \
	    __builtin_expect(--sim_countdown < 0, 0) ? (sim_preempt_now(), 0) \
						     : 0))
#endif

/*
 * Atomic operations.  All harts are one thread of the host: what has no point
 * in it is atomic, without the price of the host's instructions.  A word of the
 * kernel's arena may fault, which is a point: it does so before it is read.
 */
void sim_kva_touch(volatile void *p);

#ifdef SIM_COVERAGE
#define SIM_ATOMIC(op, ...) __atomic_##op(__VA_ARGS__)
#else
#define SIM_ATOMIC(op, ...) SIM_##op(__VA_ARGS__)
#endif
#define SIM_load_n  __atomic_load_n
#define SIM_store_n __atomic_store_n
/* => what *p was, old_; it becomes new, an expression of old_ and v_ */
#define SIM_RMW(p, v, new)                                     \
	({                                                     \
		__typeof__(p) p_ = (p);                        \
		__typeof__(*(p) + 0) old_, v_ = (v);           \
                                                               \
		if ((uintptr_t)p_ - KVA_BASE < KVA_SIZE)       \
			sim_kva_touch(p_);                     \
		old_ = __atomic_load_n(p_, __ATOMIC_RELAXED);  \
		__atomic_store_n(p_, (new), __ATOMIC_RELAXED); \
		old_;                                          \
	})
#define SIM_fetch_add(p, v, order)  SIM_RMW(p, v, old_ + v_)
#define SIM_fetch_sub(p, v, order)  SIM_RMW(p, v, old_ - v_)
#define SIM_fetch_or(p, v, order)   SIM_RMW(p, v, old_ | v_)
#define SIM_fetch_and(p, v, order)  SIM_RMW(p, v, old_ &v_)
#define SIM_exchange_n(p, v, order) SIM_RMW(p, v, v_)
#define SIM_compare_exchange_n(p, expected, v, weak, order, failure) \
	({                                                           \
		__typeof__(expected) want_ = (expected);             \
		__typeof__(*want_) was_ = *want_;                    \
                                                                     \
		*want_ = SIM_RMW(p, v, old_ == was_ ? v_ : old_);    \
		*want_ == was_;                                      \
	})
#define SIM_thread_fence(order) __atomic_signal_fence(order)

#endif
