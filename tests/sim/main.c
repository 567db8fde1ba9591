#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <stdio.h>
#include <stdbool.h>
typedef unsigned int u_int;
enum sim_ad { SIM_AD_HARD, SIM_AD_FAULT, SIM_AD_MIXED, SIM_AD_SOFT };
struct sim_config {
	uint64_t seed; u_int harts, npages, asid_bits; enum sim_ad ad; u_int preempt, fail, speculate; bool verbose; };
void sim_boot(const struct sim_config *cfg, void (*fn)(void *), void *arg);
void ktest_main(void *);
bool sim_mutant(const char *);
int main(int argc, char **argv)
{
	struct sim_config c = { .seed = 1, .harts = 2, .npages = 32768, .asid_bits = 9, .preempt = 50, .verbose = true };
	const char *t = "all";
	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seed")) c.seed = strtoul(argv[i+1], 0, 0);
		if (!strcmp(argv[i], "--harts")) c.harts = strtoul(argv[i+1], 0, 0);
		if (!strcmp(argv[i], "--preempt")) c.preempt = strtoul(argv[i+1], 0, 0);
		if (!strcmp(argv[i], "--pages")) c.npages = strtoul(argv[i+1], 0, 0);
		if (!strcmp(argv[i], "--ad")) c.ad = strtoul(argv[i+1], 0, 0);
		if (!strcmp(argv[i], "--mutant") && !sim_mutant(argv[i+1])) return 2;
		if (!strcmp(argv[i], "--ktest")) t = argv[i+1];
	}
	sim_boot(&c, ktest_main, (void *)t);
	return 0;
}
