/* vmrun: --smp 1,4 --timeout 60 */
/*
 * System V shared memory: numbers, attaching, what outlives what.
 */
#include "test.h"

#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>

#define PAGES 8

static void
stat_is(int id, size_t nattch)
{
	struct shmid_ds ds;

	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK_EQ(ds.shm_nattch, nattch);
	CHECK_EQ(ds.shm_segsz, PAGES * PAGE);
}

static void
test_numbers(void)
{
	int id = shmget(0x1234, PAGES * PAGE, IPC_CREAT | 0600), other;

	CHECK(id >= 0);
	CHECK_EQ(shmget(0x1234, 0, 0), id);
	CHECK_EQ(shmget(0x1234, PAGES * PAGE, IPC_CREAT), id);
	CHECK_ERRNO(shmget(0x1234, PAGE, IPC_CREAT | IPC_EXCL), EEXIST);
	CHECK_ERRNO(shmget(0x1234, (PAGES + 1) * PAGE, 0), EINVAL);
	CHECK_ERRNO(shmget(0x4321, PAGE, 0), ENOENT);
	CHECK_ERRNO(shmget(IPC_PRIVATE, 0, IPC_CREAT), EINVAL);
	other = shmget(IPC_PRIVATE, PAGE, 0600);
	CHECK(other >= 0 && other != id);
	CHECK(shmctl(other, IPC_RMID, NULL) == 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	CHECK_ERRNO(shmctl(id, IPC_RMID, NULL), EIDRM);
	CHECK_ERRNO(shmget(0x1234, 0, 0), ENOENT);
	CHECK_ERRNO(shmctl(-1, IPC_STAT, NULL), EINVAL);
}

static void
test_attach(void)
{
	int id = shmget(IPC_PRIVATE, PAGES * PAGE, 0600);
	char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);

	CHECK(p != (char *)-1 && q != (char *)-1 && p != q);
	for (size_t i = 0; i < PAGES * PAGE; i += 512)
		CHECK_EQ(p[i], 0);
	memset(p, 'x', PAGES * PAGE);
	CHECK_EQ(q[PAGES * PAGE - 1], 'x');
	CHECK_ERRNO(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	stat_is(id, 2);
	CHECK_ERRNO(shmdt(p + PAGE), EINVAL);
	CHECK(shmdt(q) == 0);
	CHECK_ERRNO(shmdt(q), EINVAL);
	/* a part is gone already: the rest goes */
	CHECK(munmap(p + 2 * PAGE, PAGE) == 0);
	CHECK(shmdt(p) == 0);
	stat_is(id, 0);
	p = shmat(id, NULL, 0);
	CHECK_EQ(p[5], 'x');
	CHECK(shmat(id, p, 0) == (void *)-1 && errno == EINVAL);
	CHECK(shmat(id, p + 1, 0) == (void *)-1 && errno == EINVAL);
	CHECK(shmat(id, p + 1, SHM_RND | SHM_REMAP) == p);
	CHECK(shmdt(p) == 0);
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

/* T-uao_detach-3: removed, but attached; a child has it too. */
static void
test_removed(void)
{
	int id = shmget(IPC_PRIVATE, PAGES * PAGE, 0600), status;
	char *p = shmat(id, NULL, 0);
	struct shmid_ds ds;
	pid_t pid;

	CHECK(p != (char *)-1);
	p[0] = 1;
	CHECK(shmctl(id, IPC_RMID, NULL) == 0);
	CHECK(shmctl(id, IPC_STAT, &ds) == 0);
	CHECK(ds.shm_perm.mode & SHM_DEST);
	pid = fork();
	if (pid == 0) {
		stat_is(id, 2);
		p[0]++;
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(p[0], 2);
	stat_is(id, 1);
	CHECK(shmdt(p) == 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EIDRM);
}

/* The last one exits without detaching. */
static void
test_exit(void)
{
	int id = shmget(IPC_PRIVATE, PAGES * PAGE, 0600), status;
	struct shmid_ds ds;
	pid_t pid = fork();

	if (pid == 0) {
		char *p = shmat(id, NULL, 0);

		memset(p, 1, PAGES * PAGE);
		_exit(shmctl(id, IPC_RMID, NULL) != 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EIDRM);
}

int
main(void)
{
	test_numbers();
	test_attach();
	test_removed();
	test_exit();
	return 0;
}
