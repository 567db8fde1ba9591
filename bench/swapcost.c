/*
 * What paging costs: fills a working set larger than memory, reads it twice
 * front to back and once in random order, and prints for each pass
 *
 *	swapcost PASS RATE KiB/s OUT IN pages CIPHER ns COST ns/page
 *
 * RATE by the clock; CIPHER is what of COST the kernel says that encryption took
 * (0 on Linux, which does not encrypt); OUT and IN are pages written to and read
 * from swap; COST is the time that all of the system was busy (see spinner.h),
 * less what the program itself takes for a page in memory, per page moved.
 * Under QEMU's icount (shift=0, sleep=on) nanoseconds are instructions.
 *
 * Runs on this kernel and on Linux, on one hart.
 *
 *	swapcost MIB
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <uvm_bsd.h>

#include "spinner.h"

#define PAGE 4096

static volatile uint64_t *spun; /* nanoseconds the spinner had */

/* => pages written to and read from swap since boot */
static void
pages_moved(uint64_t *out, uint64_t *in)
{
	int name[] = { CTL_VM, VM_UVMEXP };
	struct uvmexp u;
	size_t len = sizeof(u);
	char word[64];
	unsigned long long n;
	FILE *f = fopen("/proc/vmstat", "r");

	if (f == NULL) {
		if (bsd_sysctl(name, 2, &u, &len, NULL, 0) != 0)
			exit(1);
		*out = (uint64_t)u.pgswapout;
		*in = (uint64_t)u.pgswapin;
		return;
	}
	while (fscanf(f, "%63s %llu", word, &n) == 2) {
		if (strcmp(word, "pswpout") == 0)
			*out = n;
		else if (strcmp(word, "pswpin") == 0)
			*in = n;
	}
	fclose(f);
}

/* => nanoseconds the kernel has spent on encryption; 0: it does not say */
static uint64_t
cipher_ns(void)
{
	int name[] = { CTL_VM, VM_SWAPENCRYPT, SWPENC_NSEC };
	uint64_t ns = 0;
	size_t len = sizeof(ns);

	return bsd_sysctl(name, 3, &ns, &len, NULL, 0) == 0 ? ns : 0;
}

/* Write or check a page of words that no trick makes smaller. => wrong words */
static size_t
page_work(uint64_t *p, uint64_t page, int check)
{
	uint64_t x = page * UINT64_C(0x9e3779b97f4a7c15) + 1;
	size_t bad = 0;

	for (int i = 0; i < PAGE / 8; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (check)
			bad += p[i] != x;
		else
			p[i] = x;
	}
	return bad;
}

/* One pass over the pages; k 0 writes, 3 is random. => wrong words */
static size_t
pass(uint64_t *p, size_t npages, int k)
{
	size_t size = 1, at = 0, bad = 0, n;

	while (size < npages)
		size *= 2;
	for (size_t i = 0; i < size; i++) {
		at = (at * 2862933555777941757u + 3037000493u) % size;
		n = k == 3 ? at ^ at >> 5 : i;
		if (n < npages)
			bad += page_work(p + n * (PAGE / 8), n, k > 0);
	}
	return bad;
}

struct cost {
	uint64_t elapsed, busy, out, in, cipher;
	size_t bad;
};

static struct cost
measure(uint64_t *p, size_t npages, int k)
{
	uint64_t begin, spun0, out, in, cipher = cipher_ns();
	struct cost c;

	pages_moved(&out, &in);
	begin = clock_ns(CLOCK_MONOTONIC);
	spun0 = *spun;
	c.bad = pass(p, npages, k);
	c.elapsed = clock_ns(CLOCK_MONOTONIC) - begin;
	c.busy = c.elapsed - (*spun - spun0);
	pages_moved(&c.out, &c.in);
	c.cipher = cipher_ns() - cipher;
	c.out -= out;
	c.in -= in;
	return c;
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "write", "read1", "read2",
		"random" };
	size_t npages = argc > 1 ? strtoul(argv[1], NULL, 10) << 8 : 0;
	enum { SMALL = 1024 };
	uint64_t *p, own[2];
	pid_t spinner;
	int status = 0;

	p = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (npages < SMALL || p == MAP_FAILED)
		return 2;
	spinner = start_spinner(&spun);
	if (spinner < 0)
		return 1;
	pass(p, SMALL, 0);
	for (int k = 0; k < 2; k++)
		own[k] = measure(p, SMALL, k).busy / SMALL;
	for (int k = 0; k < 4; k++) {
		struct cost c = measure(p, npages, k);
		uint64_t moved = c.out + c.in > 0 ? c.out + c.in : 1;
		uint64_t self = own[k > 0] * npages;

		printf("swapcost %s %llu KiB/s %llu %llu pages %llu ns "
		       "%lld ns/page\n",
		    names[k],
		    (unsigned long long)npages * 4000000000u / c.elapsed,
		    (unsigned long long)c.out, (unsigned long long)c.in,
		    (unsigned long long)(c.cipher / moved),
		    ((long long)c.busy - (long long)self) / (long long)moved);
		fflush(stdout);
		status |= c.bad != 0;
	}
	stop_spinner(spinner);
	return status;
}
