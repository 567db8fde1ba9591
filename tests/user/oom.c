/* vmrun: --mem 48M --smp 1,4 --timeout 120 */
/*
 * Memory exhausted, no swap: the largest process is killed, the others and
 * the kernel go on; afterwards everything is there again.
 */
#include "test.h"

/* A process that holds memory until its pipe closes, then checks it. */
static pid_t
bystander(int pages, const int *go)
{
	char *p, c;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid != 0)
		return pid;
	close(go[1]);
	p = map_anon((size_t)pages * PAGE);
	for (int i = 0; i < pages; i++)
		p[(size_t)i * PAGE] = (char)i;
	(void)!read(go[0], &c, 1);
	for (int i = 0; i < pages; i++)
		CHECK_EQ(p[(size_t)i * PAGE], (char)i);
	_exit(0);
}

static void
eat_everything(void)
{
	for (;;) {
		char *p =
		    mmap(NULL, 256 * PAGE, RW, ANON | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			_exit(1);
		touch(p, 256 * PAGE);
	}
}

/*
 * Many processes together exceed the memory: some die, some may not.  Nobody
 * ends by himself before one was killed.
 */
static void
eat_together(void)
{
	int status, killed = 0, hold[2];
	char c;

	CHECK(pipe(hold) == 0);
	for (int i = 0; i < 10; i++)
		if (fork() == 0) {
			char *p = map_anon(2000 * PAGE);

			close(hold[1]);
			touch(p, 2000 * PAGE);
			CHECK_EQ(read(hold[0], &c, 1), 0);
			touch(p, 2000 * PAGE);
			_exit(0);
		}
	for (int i = 0; i < 10; i++) {
		CHECK(wait(&status) > 0);
		CHECK(status == SIGKILL || (status == 0 && i > 0));
		killed += status == SIGKILL;
		if (i == 0)
			close(hold[1]);
	}
	CHECK(killed > 0 && killed < 10);
}

int
main(void)
{
	int status, go[2];
	pid_t pids[4];

	if (on_peer())
		return 77;
	CHECK(pipe(go) == 0);
	for (int i = 0; i < 4; i++)
		pids[i] = bystander(200, go);
	for (int round = 0; round < 3; round++) {
		pid_t pid = fork();

		if (pid == 0)
			eat_everything();
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK_EQ(status & 0x7f, SIGKILL);
		touch(map_anon(50 * PAGE), 50 * PAGE);
	}
	CHECK_CHILD(eat_together);
	close(go[1]);
	for (int i = 0; i < 4; i++) {
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK_EQ(status, 0);
	}
	return 0;
}
