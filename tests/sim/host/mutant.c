/* Which defect is switched on: see sys/mutant.h. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/mutant.h>
#include <tests/sim/host/mutant.h>

int mutant_on;
unsigned long mutant_hits;

#define MUTANT_NAME(name, subsystem, text) #name,
static const char *const mutant_names[MUT_COUNT] = { "NONE",
	MUTANTS(MUTANT_NAME) };
#undef MUTANT_NAME

bool
sim_mutant_select(const char *name)
{
	for (int i = MUT_NONE; i < MUT_COUNT; i++)
		if (strcmp(mutant_names[i], name) == 0) {
			mutant_on = i;
			return true;
		}
	return false;
}

unsigned long
sim_mutant_reached(void)
{
	return mutant_hits;
}
