/* The machine of mmu_env.h. */
#include <sys/types.h>
#include <lib/format.h>
#include <lib/string.h>

#include "mmu_env.h"
#include "test.h"

static uint64_t ram[ENV_PAGES][SV39_ENTRIES] __attribute__((aligned(4096)));
static unsigned used; /* pages given out */

unsigned env_hart;
uint64_t env_time;
unsigned env_points;
void (*env_point)(void);
bool env_failed;
char env_text[65536];
static size_t text_len;

static unsigned
current(void)
{
	return env_hart;
}

static uint64_t
now(void)
{
	return ++env_time;
}

static void
point(void)
{
	env_points++;
	if (env_point != NULL)
		env_point();
}

static void *
memory(paddr_t pa)
{
	if (pa < ENV_RAM || pa >= ENV_RAM + sizeof(ram))
		return NULL;
	return (char *)ram + (pa - ENV_RAM);
}

static void
say_v(const char *fmt, va_list ap)
{
	int n = vsnprintf(
	    env_text + text_len, sizeof(env_text) - text_len, fmt, ap);

	text_len += n;
	if (text_len >= sizeof(env_text))
		text_len = sizeof(env_text) - 1;
}

static void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_v(fmt, ap);
	va_end(ap);
}

/* Unlike the simulator's, it returns: tests look at what was said. */
static void
fail(const char *fmt, ...)
{
	va_list ap;

	env_failed = true;
	va_start(ap, fmt);
	say_v(fmt, ap);
	va_end(ap);
}

struct mmu_config
env_config(void)
{
	return (struct mmu_config){
		.mc_harts = 4,
		.mc_asid_bits = 8,
		.mc_ram_base = ENV_RAM,
		.mc_ram_pages = ENV_PAGES,
		.mc_random = test_rnd,
		.mc_point = point,
		.mc_hart = current,
		.mc_now = now,
		.mc_memory = memory,
		.mc_printf = say,
		.mc_fail = fail,
	};
}

void
env_start(const struct mmu_config *mc)
{
	memset(ram, 0, sizeof(ram));
	used = 0;
	env_hart = 0;
	env_time = 0;
	env_points = 0;
	env_point = NULL;
	env_failed = false;
	env_text[0] = '\0';
	text_len = 0;
	mmu_init(mc);
}

paddr_t
env_page(void)
{
	CHECK(used < ENV_PAGES);
	return ENV_RAM + used++ * sizeof(ram[0]);
}

uint64_t *
env_entry(paddr_t root, vaddr_t va, int level, uint64_t bits)
{
	uint64_t *pte;

	for (int l = SV39_LEVELS - 1;; l--) {
		pte = (uint64_t *)memory(root) + sv39_index(va, l);
		if (l == level)
			return pte;
		if (*pte == 0)
			*pte = pte_table(env_page()) | bits;
		root = pte_pa(*pte);
	}
}

paddr_t
env_entry_pa(const uint64_t *pte)
{
	return ENV_RAM + ((const char *)pte - (const char *)ram);
}

void
env_map(paddr_t root, vaddr_t va, paddr_t pa, uint64_t flags)
{
	*env_entry(root, va, 0, 0) = pte_ppn_bits(pa) | flags;
}

void
env_run(unsigned hart, paddr_t root, unsigned long asid)
{
	unsigned before = env_hart;

	env_hart = hart;
	pmap_hw_load(pmap_hw_satp(root, asid));
	env_hart = before;
}

static unsigned
outcomes(unsigned hart, vaddr_t va, enum mmu_access access, bool user,
    struct mmu_outcome *out)
{
	unsigned before = env_hart, n;

	env_hart = hart;
	n = mmu_outcomes(va, access, user, out);
	env_hart = before;
	CHECK(n >= 1 && n <= MMU_OUTCOMES_MAX);
	return n;
}

bool
env_may(
    unsigned hart, vaddr_t va, enum mmu_access access, bool user, paddr_t pa)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];
	unsigned n = outcomes(hart, va, access, user, out);

	for (unsigned i = 0; i < n; i++)
		if (!out[i].mo_fault && out[i].mo_pa == pa)
			return true;
	return false;
}

bool
env_may_fault(unsigned hart, vaddr_t va, enum mmu_access access, bool user)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];
	unsigned n = outcomes(hart, va, access, user, out);

	for (unsigned i = 0; i < n; i++)
		if (out[i].mo_fault)
			return true;
	return false;
}

unsigned
env_ways(unsigned hart, vaddr_t va, enum mmu_access access, bool user)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];

	return outcomes(hart, va, access, user, out);
}

void
env_touch(unsigned hart, vaddr_t va, bool user)
{
	unsigned before = env_hart;

	env_hart = hart;
	for (int i = 0; i < 64; i++)
		mmu_access(va, MMU_LOAD, user);
	env_hart = before;
}

void
env_warm(unsigned hart, vaddr_t va, bool user)
{
	env_touch(hart, va, user);
	for (int i = 0; i < 300; i++)
		mmu_speculate_hart(hart);
}

bool
env_said(const char *words)
{
	size_t n = strlen(words);

	for (const char *at = env_text; *at != '\0'; at++)
		if (memcmp(at, words, strnlen(at, n)) == 0 &&
		    strnlen(at, n) == n)
			return true;
	return false;
}
