/*
 * What the tests of paging share: patterns that tell every page of every
 * process apart, and counters.
 */
#ifndef PAGING_H
#define PAGING_H

#include "test.h"

#define MIB ((size_t)1 << 20)

static inline struct uvmexp __attribute__((unused)) counters(void)
{
	const int name[] = { CTL_VM, VM_UVMEXP };
	struct uvmexp u;
	size_t len = sizeof(u);

	CHECK(bsd_sysctl(name, 2, &u, &len, NULL, 0) == 0);
	return u;
}

static inline int __attribute__((unused)) anons_used(void)
{
	struct uvmexp u = counters();

	return u.nanon - u.nfreeanon;
}

static inline void __attribute__((unused))
fill_page(uint64_t *base, size_t page, uint64_t salt)
{
	for (size_t i = page * 512; i < (page + 1) * 512; i++)
		base[i] = (i ^ salt << 40) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline void __attribute__((unused))
verify_page(const uint64_t *base, size_t page, uint64_t salt)
{
	for (size_t i = page * 512; i < (page + 1) * 512; i++)
		CHECK_EQ(
		    base[i], (i ^ salt << 40) * UINT64_C(0x9e3779b97f4a7c15));
}

static inline void __attribute__((unused))
fill(uint64_t *base, size_t pages, uint64_t salt)
{
	for (size_t i = 0; i < pages; i++)
		fill_page(base, i, salt);
}

static inline void __attribute__((unused))
verify(const uint64_t *base, size_t pages, uint64_t salt)
{
	for (size_t i = 0; i < pages; i++)
		verify_page(base, i, salt);
}

static inline void __attribute__((unused)) verify_random(
    const uint64_t *base, size_t pages, uint64_t salt, size_t n, uint64_t seed)
{
	while (n-- > 0)
		verify_page(base, random_next(&seed) % pages, salt);
}

/* => pages of a range that are in memory */
static inline int __attribute__((unused)) resident(void *p, size_t pages)
{
	static unsigned char vec[65536];
	int n = 0;

	CHECK(pages <= sizeof(vec) && mincore(p, pages * PAGE, vec) == 0);
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

/*
 * Programs that measure or judge others must not depend on the disk.  Of the
 * stack, which is mapped as large as it may become, what is in use counts.
 */
static inline void __attribute__((unused)) stay_in_memory(void)
{
	static struct uvm_mapinfo m[64];
	int name[3] = { CTL_VM, VM_UVM_MAPINFO, 0 };
	size_t len = sizeof(m);
	char here[32 * 1024];

	memset(here, 1, sizeof(here));
	CHECK(bsd_sysctl(name, 3, m, &len, NULL, 0) == 0);
	for (size_t i = 0; i < len / sizeof(m[0]); i++)
		if ((m[i].flags & UVM_MI_F_STACK) == 0)
			CHECK(mlock((void *)m[i].start,
				  m[i].end - m[i].start) == 0);
		else if (m[i].end > (uintptr_t)here)
			CHECK(mlock(here, m[i].end - (uintptr_t)here) == 0);
}

#endif /* !PAGING_H */
