/* Where the simulated machine may go on with another hart. */
#ifndef _MACHINE_POINT_H_
#define _MACHINE_POINT_H_

#include <stdint.h>

extern int32_t sim_countdown; /* points until the next decision */
void sim_preempt_now(void);

#ifdef SIM_COVERAGE
/* Out of line: its branch is none of the code it stands in. */
void sim_point(void);
#define SIM_POINT() sim_point()
#else
#define SIM_POINT()                                      \
	((void)(__builtin_expect(--sim_countdown < 0, 0) \
		? (sim_preempt_now(), 0)                 \
		: 0))
#endif

#endif
