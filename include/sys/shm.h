/*
 * System V shared memory as programs see it: constants and structures of the
 * riscv64 Linux convention.  Values [s] belong to who has the copy.
 */
#ifndef _SYS_SHM_H_
#define _SYS_SHM_H_

#include <sys/param.h>

#define IPC_PRIVATE  0
#define IPC_CREAT    01000
#define IPC_EXCL     02000
#define IPC_RMID     0
#define IPC_SET      1
#define IPC_STAT     2
#define IPC_INFO     3
#define IPC_64       0x100 /* of old machines; means nothing */

#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15

#define SHM_DEST     01000 /* mode: goes with the last attachment */
#define SHM_LOCKED   02000 /* mode: told to stay in memory */
#define SHM_RDONLY   010000
#define SHM_RND      020000
#define SHM_REMAP    040000
#define SHM_EXEC     0100000

struct ipc_perm {
	int32_t key; /* [s] */
	uint32_t uid, gid, cuid, cgid; /* [s] */
	uint32_t mode; /* [s] */
	uint16_t seq; /* [s] */
	uint16_t pad; /* [s] */
	uint64_t unused[2]; /* [s] */
};

struct shmid_ds {
	struct ipc_perm shm_perm; /* [s] */
	uint64_t shm_segsz; /* [s] bytes */
	int64_t shm_atime, shm_dtime, shm_ctime; /* [s] seconds */
	int32_t shm_cpid, shm_lpid; /* [s] */
	uint64_t shm_nattch; /* [s] */
	uint64_t unused[2]; /* [s] */
};

/* IPC_INFO */
struct shminfo {
	uint64_t shmmax, shmmin, shmmni, shmseg, shmall; /* [s] */
	uint64_t unused[4]; /* [s] */
};

/* SHM_INFO */
struct shm_info {
	int32_t used_ids; /* [s] */
	uint64_t shm_tot, shm_rss, shm_swp; /* [s] pages */
	uint64_t swap_attempts, swap_successes; /* [s] */
};

_Static_assert(sizeof(struct ipc_perm) == 48, "user ABI");
_Static_assert(sizeof(struct shmid_ds) == 112, "user ABI");
_Static_assert(sizeof(struct shminfo) == 72, "user ABI");
_Static_assert(sizeof(struct shm_info) == 48, "user ABI");

/* => segments that were removed and lost their last attachment go; unlocked */
void shm_reap(void);

#endif
