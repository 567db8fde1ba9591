/* vmrun: --mem 48M --disk 160M --smp 4 --timeout 300 --alone 30 */
/*
 * Paging and a storm of forks, for the seconds that the argument says: four
 * processes page, each in its own way, while families come and go that share
 * memory with them.  By hand, for long:
 *
 *	scripts/vmrun --mem 48M --disk 160M --smp 4 \
 *	    --add build/tests/user/swapstorm:/bin/swapstorm -- \
 *	    /bin/swapstorm 1200
 */
#include "paging.h"

#include <sys/swap.h>

#define DISK  "/dev/vda"
#define PAGES (20 * MIB / PAGE)

static volatile int *stop;
static volatile unsigned *rounds; /* by worker */

/* A child that shares all pages, looks at some and changes some. */
static void
child(uint64_t *p, uint64_t salt, uint64_t seed)
{
	for (int i = 0; i < 64; i++) {
		size_t page = random_next(&seed) % PAGES;

		verify_page(p, page, salt);
		if (i % 2 == 0) {
			fill_page(p, page, 77);
			verify_page(p, page, 77);
			/* it may be met again */
			fill_page(p, page, salt);
		}
	}
	_exit(0);
}

/* fork may fail for want of memory, before anybody is killed; not for long. */
static pid_t
fork_again(void)
{
	pid_t pid = fork();

	for (int i = 0; pid < 0 && errno == ENOMEM && i < 500; i++) {
		usleep(20000);
		pid = fork();
	}
	return pid;
}

static void
family(uint64_t *p, uint64_t salt, uint64_t *seed)
{
	int status, n = 1 + (int)(random_next(seed) % 3);

	for (int i = 0; i < n; i++) {
		pid_t pid = fork_again();

		if (pid == 0)
			child(p, salt, *seed + (uint64_t)i);
		CHECK(pid > 0);
	}
	/* meanwhile the parent writes what they share */
	for (int i = 0; i < 64; i++)
		fill_page(p, random_next(seed) % PAGES, salt);
	while (n-- > 0) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
}

static void
worker(unsigned id)
{
	uint64_t *p = map_anon(PAGES * PAGE), seed = id + 1, salt = id * 1000;

	fill(p, PAGES, salt);
	while (!*stop) {
		switch (id) {
		case 0: /* front to back */
			verify(p, PAGES, salt);
			fill(p, PAGES, ++salt);
			break;
		case 1: /* anywhere */
			verify_random(p, PAGES, salt, 500, seed++);
			break;
		case 2: /* pages pushed out, and ranges that come and go */
			for (int i = 0; i < 8; i++) {
				size_t at = random_next(&seed) % (PAGES - 64);

				CHECK(madvise(p + at * 512, 64 * PAGE,
					  MADV_PAGEOUT) == 0);
			}
			CHECK(
			    munmap(p + PAGES / 2 * 512, PAGES / 2 * PAGE) == 0);
			CHECK(mmap(p + PAGES / 2 * 512, PAGES / 2 * PAGE, RW,
				  ANON | MAP_FIXED, -1, 0) != MAP_FAILED);
			for (size_t i = PAGES / 2; i < PAGES; i++)
				fill_page(p, i, salt);
			break;
		}
		family(p, salt, &seed);
		rounds[id]++;
	}
	verify(p, PAGES, salt);
}

static void
storm(unsigned long seconds)
{
	pid_t pid[4];
	int status;

	stop = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stop != MAP_FAILED);
	CHECK(mlock((void *)(uintptr_t)stop, PAGE) == 0);
	rounds = (volatile unsigned *)stop + 1;
	for (unsigned i = 0; i < 4; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			worker(i);
			_exit(0);
		}
	}
	sleep_ms((long)seconds * 1000);
	*stop = 1;
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
		CHECK_EQ(status, 0);
	}
	printf("rounds: %u %u %u %u\n", rounds[0], rounds[1], rounds[2],
	    rounds[3]);
	for (int i = 0; i < 4 && seconds > 1; i++)
		CHECK(rounds[i] > 0);
	CHECK(munmap((void *)(uintptr_t)stop, PAGE) == 0);
}

int
main(int argc, char **argv)
{
	const int name[] = { CTL_VM, VM_UVM_RESOURCES };
	struct uvm_resources before, after;
	size_t len = sizeof(before);
	unsigned long seconds = argc > 1 ? strtoul(argv[1], NULL, 10) : 30;
	struct uvmexp u;

	stay_in_memory();
	/* once before it counts: some of what the first time sets up stays */
	CHECK_EQ(swapctl(SWAP_ON, DISK, 0), 0);
	storm(1);
	CHECK_EQ(swapctl(SWAP_OFF, DISK, 0), 0);
	CHECK(bsd_sysctl(name, 2, &before, &len, NULL, 0) == 0);
	CHECK_EQ(swapctl(SWAP_ON, DISK, 0), 0);
	storm(seconds);
	u = counters();
	printf("faults %d, out %d, in %d, forks %d\n", u.faults, u.pgswapout,
	    u.pgswapin, u.forks);
	CHECK_EQ(swapctl(SWAP_OFF, DISK, 0), 0);
	CHECK(bsd_sysctl(name, 2, &after, &len, NULL, 0) == 0);
	u = counters();
	CHECK_EQ(u.swpages + u.swpginuse + u.swpgonly + u.nswapdev, 0);
	CHECK_EQ(after.procs, before.procs);
	CHECK_EQ(after.threads, before.threads);
	CHECK_EQ(after.anons, before.anons);
	CHECK_EQ(after.amaps, before.amaps);
	CHECK_EQ(after.objects, before.objects);
	CHECK_EQ(after.map_entries, before.map_entries);
	CHECK_EQ(after.pool_items, before.pool_items);
	return 0;
}
