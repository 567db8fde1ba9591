/* Which defect on purpose is on: see sys/mutant.h. */
#include <tests/sim/host/machine.h>
#include <sys/mutant.h>

int mutant_on;

#define MUTANT_NAME(name, subsystem, text) [MUT_##name] = #name,
static const char *const mutant_name[MUT_COUNT] = { MUTANTS(MUTANT_NAME) };

bool
sim_mutant(const char *name)
{
	for (int i = MUT_NONE + 1; i < MUT_COUNT; i++)
		if (strcmp(mutant_name[i], name) == 0) {
			mutant_on = i;
			return true;
		}
	return false;
}
