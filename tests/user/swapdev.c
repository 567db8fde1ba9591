/* vmrun: --mem 40M --disk 4M --disk 4M --disk 96M --disk 8M --smp 1,4 --timeout 400 --alone */
/*
 * Swap devices that come and go: priorities and round robin, taking them away
 * under load, shared memory, what mincore and the map say of pages in swap,
 * and transfers to another disk from memory that is paged.
 */
#include "paging.h"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/swap.h>

static const char *const disk[] = { "/dev/vda", "/dev/vdb", "/dev/vdc",
	"/dev/vdd" };

#define SMALL ((4 << 8) - 1) /* slots of vda, vdb */

/* => pages in use on a device; -1: it is not on; *place: which it is */
static int
used(const char *path, int *place)
{
	struct swapent se[4];
	int n = swapctl(SWAP_NSWAP, NULL, 0);

	CHECK(n == 0 || swapctl(SWAP_STATS, se, n) == n);
	for (*place = 0; *place < n; ++*place)
		if (strcmp(se[*place].se_path, path) == 0)
			return se[*place].se_inuse / 8;
	return -1;
}

static int
used_on(int n)
{
	int place;

	return used(disk[n], &place);
}

static void
page_out(void *p, size_t pages)
{
	for (int i = 0; i < 50 && resident(p, pages) != 0; i++)
		CHECK(madvise(p, pages * PAGE, MADV_PAGEOUT) == 0);
	CHECK_EQ(resident(p, pages), 0);
}

static void
all_gone(void)
{
	struct uvmexp u = counters();

	CHECK_EQ(u.nswapdev + u.swpages + u.swpginuse + u.swpgonly, 0);
}

/* Equal ones share, lower ones first; a change of priority moves it. */
static void
test_priorities(void)
{
	enum { N = 512 };
	uint64_t *p = map_anon(3 * N * PAGE);
	int place;

	CHECK_EQ(swapctl(SWAP_ON, disk[2], 5), 0);
	CHECK_EQ(swapctl(SWAP_ON, disk[1], 1), 0);
	CHECK_EQ(swapctl(SWAP_ON, disk[0], 1), 0);
	CHECK_EQ(used(disk[2], &place), 0);
	CHECK_EQ(place, 2);
	fill(p, 3 * N, 1);
	page_out(p, N);
	CHECK_EQ(used_on(0) + used_on(1), N);
	CHECK(used_on(0) >= N / 4 && used_on(1) >= N / 4);
	CHECK_EQ(used_on(2), 0);
	page_out(p + N * 512, N);
	CHECK_EQ(used_on(0) + used_on(1), 2 * N);
	CHECK_EQ(used_on(2), 0);
	page_out(p + 2 * N * 512, N);
	CHECK(used_on(0) + used_on(1) <= 2 * SMALL);
	CHECK_EQ(used_on(0) + used_on(1) + used_on(2), 3 * N);
	CHECK(used_on(2) >= N - (2 * SMALL - 2 * N));
	CHECK_EQ(swapctl(SWAP_CTL, disk[2], 0), 0);
	CHECK(used(disk[2], &place) >= 0 && place == 0);
	/* what is on the small ones comes back, or goes to the large one */
	CHECK_EQ(swapctl(SWAP_OFF, disk[0], 0), 0);
	CHECK_EQ(swapctl(SWAP_OFF, disk[1], 0), 0);
	CHECK_EQ(used_on(0), -1);
	verify(p, 3 * N, 1);
	CHECK(munmap(p, 3 * N * PAGE) == 0);
	CHECK_EQ(swapctl(SWAP_OFF, disk[2], 0), 0);
	all_gone();
}

/* There is no room for what is on it: nothing changes. */
static void
test_no_room(void)
{
	size_t n = 64 * MIB / PAGE;
	uint64_t *p = map_anon(n * PAGE);

	CHECK_EQ(swapctl(SWAP_ON, disk[2], 0), 0);
	fill(p, n, 2);
	CHECK_ERRNO(swapctl(SWAP_OFF, disk[2], 0), ENOMEM);
	CHECK(used_on(2) > 0);
	verify(p, n, 2);
	CHECK(munmap(p, n * PAGE) == 0);
	CHECK_EQ(swapctl(SWAP_OFF, disk[2], 0), 0);
	all_gone();
}

/* => swapped pages that the process's map shows for an address */
static unsigned
map_swapped(const void *p)
{
	static struct uvm_mapinfo m[64];
	int name[3] = { CTL_VM, VM_UVM_MAPINFO, 0 };
	size_t len = sizeof(m);

	CHECK(bsd_sysctl(name, 3, m, &len, NULL, 0) == 0);
	for (size_t i = 0; i < len / sizeof(m[0]); i++)
		if (m[i].start <= (uintptr_t)p && (uintptr_t)p < m[i].end)
			return m[i].swapped;
	CHECK(!"mapped");
	return 0;
}

static void
test_what_is_where(void)
{
	uint64_t *p = map_anon(256 * PAGE);
	struct shm_info info;
	int id = shmget(IPC_PRIVATE, 128 * PAGE, 0600);
	uint64_t *q = shmat(id, NULL, 0);

	CHECK(id >= 0 && q != (void *)-1);
	CHECK_EQ(swapctl(SWAP_ON, disk[2], 0), 0);
	CHECK(madvise(p, 256 * PAGE, MADV_RANDOM) == 0);
	fill(p, 256, 3);
	page_out(p, 128);
	CHECK_EQ(resident(p, 256), 128);
	CHECK_EQ(map_swapped(p), 128);
	verify_page(p, 5, 3);
	verify_page(p, 100, 3);
	CHECK_EQ(resident(p, 256), 130);
	CHECK_EQ(map_swapped(p), 126);
	fill(q, 128, 4);
	CHECK(madvise(q, 128 * PAGE, MADV_PAGEOUT) == 0);
	CHECK_EQ(map_swapped(q) + resident(q, 128), 128);
	CHECK(map_swapped(q) >= 64);
	CHECK(shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) >= 0);
	CHECK_EQ(info.shm_swp, map_swapped(q));
	CHECK_EQ(info.shm_rss + info.shm_swp, 128);
	verify(q, 128, 4);
	verify(p, 256, 3);
	CHECK(munmap(p, 256 * PAGE) == 0);
	CHECK(shmdt(q) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
	CHECK_EQ(swapctl(SWAP_OFF, disk[2], 0), 0);
	all_gone();
}

/* Shared memory larger than the machine's, seen by two. */
static void
shared_segment(void)
{
	size_t n = 48 * MIB / PAGE;
	int id = shmget(IPC_PRIVATE, n * PAGE, 0600), status;
	uint64_t *p = shmat(id, NULL, 0);
	pid_t pid;

	CHECK(id >= 0 && p != (void *)-1);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	fill(p, n, 5);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		verify(p, n, 5);
		fill(p, n / 2, 6);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (size_t i = 0; i < n; i++)
		verify_page(p, i, i < n / 2 ? 6 : 5);
}

static volatile int *stop; /* shared by a test's processes */

/* Fill, verify, again and again, until told to stop. */
static pid_t
pressure(size_t pages, uint64_t salt)
{
	pid_t pid = fork();
	uint64_t *p;

	CHECK(pid >= 0);
	if (pid != 0)
		return pid;
	p = map_anon(pages * PAGE);
	do {
		fill(p, pages, salt);
		verify(p, pages, salt);
		salt += 16;
	} while (!*stop);
	_exit(0);
}

static void
reap(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

static void
make_stop(void)
{
	stop = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stop != MAP_FAILED);
	CHECK(mlock((void *)(uintptr_t)stop, PAGE) == 0);
	*stop = 0;
}

/* The disk writes and reads memory directly, which the daemon must leave. */
static void
direct_transfers(void)
{
	enum { N = 64 };
	uint64_t *p = map_anon(N * PAGE);
	int fd = open(disk[3], O_RDWR | O_DIRECT), rounds = 0;
	uint64_t end = now_ns() + 4000000000u;
	pid_t pid[2];

	CHECK(fd >= 0);
	make_stop();
	for (uint64_t i = 0; i < 2; i++)
		pid[i] = pressure(24 * MIB / PAGE, i + 1);
	for (; now_ns() < end || rounds < 4; rounds++) {
		off_t at = (off_t)(rounds % 16 * N * PAGE);

		fill(p, N, 100 + (uint64_t)rounds);
		CHECK(madvise(p, N * PAGE, MADV_PAGEOUT) == 0);
		CHECK_EQ(pwrite(fd, p, N * PAGE, at), N * PAGE);
		fill(p, N, 99);
		CHECK(madvise(p, N / 2 * PAGE, MADV_PAGEOUT) == 0);
		CHECK_EQ(pread(fd, p, N * PAGE, at), N * PAGE);
		verify(p, N, 100 + (uint64_t)rounds);
		CHECK(madvise(p, N * PAGE, MADV_PAGEOUT) == 0);
		verify(p, N, 100 + (uint64_t)rounds);
	}
	*stop = 1;
	reap(pid[0]);
	reap(pid[1]);
	close(fd);
}

/* A device comes and goes while four processes page. */
static void
off_under_load(void)
{
	uint64_t end = now_ns() + 6000000000u;
	pid_t pid[4];
	int done = 0;

	make_stop();
	CHECK_EQ(swapctl(SWAP_ON, disk[3], 0), 0);
	for (uint64_t i = 0; i < 4; i++)
		pid[i] = pressure(12 * MIB / PAGE, i + 1);
	while (now_ns() < end || done < 2) {
		sleep_ms(300);
		if (swapctl(SWAP_OFF, disk[3], 0) != 0) {
			CHECK_EQ(errno, ENOMEM);
			continue;
		}
		CHECK_EQ(used_on(3), -1);
		done++;
		CHECK_EQ(swapctl(SWAP_ON, disk[3], 0), 0);
	}
	*stop = 1;
	for (int i = 0; i < 4; i++)
		reap(pid[i]);
	CHECK_EQ(swapctl(SWAP_OFF, disk[3], 0), 0);
}

int
main(void)
{
	int anons;

	stay_in_memory();
	CHECK_CHILD(test_priorities);
	anons = anons_used();
	CHECK_CHILD(test_priorities);
	CHECK_EQ(anons_used(), anons);
	CHECK_CHILD(test_what_is_where);
	CHECK_CHILD(test_no_room);
	CHECK_EQ(swapctl(SWAP_ON, disk[2], 0), 0);
	CHECK_CHILD(shared_segment);
	CHECK_CHILD(direct_transfers);
	CHECK_CHILD(off_under_load);
	CHECK_EQ(swapctl(SWAP_OFF, disk[2], 0), 0);
	all_gone();
	CHECK_EQ(anons_used(), anons);
	return 0;
}
