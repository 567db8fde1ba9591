/* Defects on purpose: what the programs of the simulator call. */
#ifndef _TESTS_SIM_HOST_MUTANT_H_
#define _TESTS_SIM_HOST_MUTANT_H_

#include <stdbool.h>

/* => before sim_boot(); FALSE: there is no such mutant; "NONE": none */
bool sim_mutant_select(const char *name);
/* => how often the run came to the mutant's hook */
unsigned long sim_mutant_reached(void);

#endif
