/*
 * memhog: fill memory with a pattern, hold it, check the pattern.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"

#define PAGE 4096

/*
 * A word that tells page, position and process apart.
 */
static inline uint64_t
pattern(uint64_t index, uint64_t salt)
{
	return (index ^ salt << 32) * UINT64_C(0x9e3779b97f4a7c15) + salt;
}

static void
fill(uint64_t *words, size_t n, uint64_t salt)
{
	for (size_t i = 0; i < n; i++)
		words[i] = pattern(i, salt);
}

static size_t
verify(const uint64_t *words, size_t n, uint64_t salt)
{
	size_t bad = 0;

	for (size_t i = 0; i < n; i++)
		bad += words[i] != pattern(i, salt);
	return bad;
}

static int
hog(size_t size, uint64_t hold_ns, uint64_t salt)
{
	size_t n = size / sizeof(uint64_t), bad;
	uint64_t *words;

	words = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (words == MAP_FAILED) {
		complain("%zu bytes", size);
		return 1;
	}
	fill(words, n, salt);
	sleep_ns(hold_ns);
	bad = verify(words, n, salt);
	if (bad > 0)
		complainx("%zu of %zu words changed", bad, n);
	munmap(words, size);
	return bad > 0;
}

static int
hog_in_children(size_t size, uint64_t hold_ns, unsigned long procs)
{
	int status, failed = 0;
	unsigned long started;

	for (started = 0; started < procs; started++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(hog(size, hold_ns, started + 1));
		if (pid < 0) {
			complain("fork");
			failed = 1;
			break;
		}
	}
	while (started > 0) {
		pid_t pid = wait(&status);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		started--;
		if (WIFSIGNALED(status))
			complainx("process %d: signal %d", (int)pid,
			    WTERMSIG(status));
		failed |= status != 0;
	}
	return failed;
}

int
memhog_main(int argc, char **argv)
{
	unsigned long procs = 1;
	uint64_t size, hold_ns = 0;
	int opt, failed;

	while ((opt = getopt(argc, argv, "n:t:")) != -1) {
		switch (opt) {
		case 'n':
			if (parse_ulong(optarg, &procs) != 0 || procs == 0)
				usage();
			break;
		case 't':
			hold_ns = parse_seconds(optarg);
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 1)
		usage();
	size = (parse_size(argv[optind]) + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	if (size == 0)
		usage();
	if (procs == 1)
		failed = hog(size, hold_ns, 1);
	else
		failed = hog_in_children(size, hold_ns, procs);
	if (!failed)
		printf("memhog: %llu KiB in %lu process%s, pattern intact\n",
		    (unsigned long long)size / 1024, procs,
		    procs == 1 ? "" : "es");
	return failed;
}
