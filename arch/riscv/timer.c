/*
 * Time: the counter, this hart's timer, the wall clock at boot.
 *
 * Uptime is counted in nanoseconds from the moment the kernel was entered.
 * Ticks become nanoseconds by a multiplication with the reciprocal of the
 * counter's frequency as a number with 64 binary places: right to the
 * nanosecond for as long as 64 bits last.
 */
#include <sys/systm.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/boot.h>
#include <machine/csr.h>
#include <machine/sbi.h>
#include <pmap/sv39/pmap_boot.h>
#include "riscv.h"

#define NSEC_PER_SEC    1000000000UL
#define SCOUNTEREN_USER 7 /* user mode reads cycle, time and instret */
#define TIMER_NEVER     UINT64_MAX

/* Goldfish clock: reading the low half latches the high one. */
#define RTC_TIME_LOW  0
#define RTC_TIME_HIGH 1

/*
 * A rate of two clocks: whole part and 64 binary places.
 * Locks used to protect members: I immutable after timer_init()
 */
struct rate {
	uint64_t whole, frac; /* [I] */
};

/* All set once by timer_init(). */
static struct rate ns_per_tick, ticks_per_ns;
static uint64_t time_entry; /* counter when the kernel was entered */
static bool have_sstc;

static struct rate
rate_of(uint64_t num, uint64_t den)
{
	struct rate r = { num / den, 0 };
	uint64_t rest = num % den;

	for (int i = 0; i < 64; i++) {
		rest <<= 1; /* den < 2^63: timer_init() */
		r.frac <<= 1;
		if (rest >= den) {
			rest -= den;
			r.frac |= 1;
		}
	}
	return r;
}

static inline uint64_t
rate_apply(const struct rate *r, uint64_t x)
{
	return x * r->whole +
	    (uint64_t)(((unsigned __int128)x * r->frac) >> 64);
}

void
timer_init(uint64_t timebase, uint64_t entry, bool sstc)
{
	KASSERT(timebase != 0 && timebase < 1UL << 62);
	ticks_per_ns = rate_of(timebase, NSEC_PER_SEC);
	ns_per_tick = rate_of(NSEC_PER_SEC, timebase);
	time_entry = entry;
	have_sstc = sstc;
}

uint64_t
nsecuptime(void)
{
	return rate_apply(&ns_per_tick, rdtime() - time_entry);
}

static void
timer_set(uint64_t when)
{
	if (have_sstc)
		csr_write(0x14d, when); /* stimecmp */
	else
		sbi_set_timer(when);
}

void
cpu_timer_arm(uint64_t uptime)
{
	/* round up: an interrupt too early would find nothing due */
	timer_set(uptime >= 1UL << 62
		? TIMER_NEVER
		: time_entry + rate_apply(&ticks_per_ns, uptime) + 1);
}

void
timer_cpu_init(void)
{
	timer_set(TIMER_NEVER);
	csr_write(scounteren, SCOUNTEREN_USER);
	csr_set(sie, SIE_STIE);
}

void
rtc_init(void)
{
	const struct fdt_dev *dev = &platform.rtc;
	volatile uint32_t *reg;
	uint64_t ns;

	if (dev->base == 0) {
		printf("clock: no real-time clock, wall time begins at 0\n");
		return;
	}
	reg = pmap_mapdev(dev->base, PAGE_SIZE);
	ns = reg[RTC_TIME_LOW];
	ns |= (uint64_t)reg[RTC_TIME_HIGH] << 32;
	set_wall(ns);
	printf("clock: goldfish-rtc at %#lx, %lu seconds since 1970\n",
	    (unsigned long)dev->base, (unsigned long)(ns / NSEC_PER_SEC));
}
