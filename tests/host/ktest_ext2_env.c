/* See ext2_env.h. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pool.h>

#include "ext2_env.h"

int posix_memalign(void **p, size_t align, size_t n);

struct env env;
static struct disk env_dk;
static long live; /* allocations not given back */

/* -- Locks: their order, and what may not be done with them ------------------------ */

#define MAXHELD 16

static struct {
	const void *lock;
	uint32_t rank;
} held[MAXHELD];
static u_int nheld;

static void
acquire(const void *lock, uint32_t rank)
{
	for (u_int i = 0; i < nheld; i++) {
		KASSERTMSG(held[i].lock != lock, "lock taken twice");
		KASSERTMSG(held[i].rank < rank, "locks out of order: %u, %u",
		    held[i].rank, rank);
	}
	KASSERT(nheld < MAXHELD);
	held[nheld].lock = lock;
	held[nheld++].rank = rank;
}

static void
release(const void *lock)
{
	for (u_int i = nheld; i-- > 0;)
		if (held[i].lock == lock) {
			held[i] = held[--nheld];
			return;
		}
	panic("lock not held");
}

/* Pages are written out with these: who holds one must not wait for memory. */
static void
may_wait_for_memory(void)
{
	for (u_int i = 0; i < nheld; i++)
		KASSERTMSG(held[i].rank < LR_FSMAP,
		    "waits for memory with a lock of rank %u", held[i].rank);
}

static void
may_sleep(void)
{
	for (u_int i = 0; i < nheld; i++)
		KASSERTMSG(held[i].rank < LR_KMAPINTR, "sleeps with a mutex");
}

void
rw_init(struct rwlock *l, enum lock_rank rank, const char *name)
{
	l->rwl_word = 0;
	l->rwl_rank = rank;
	l->rwl_name = name;
}

void
rw_enter_read(struct rwlock *l)
{
	may_sleep();
	acquire(l, l->rwl_rank);
}

void
rw_enter_write(struct rwlock *l)
{
	may_sleep();
	acquire(l, l->rwl_rank);
}

void
rw_exit(struct rwlock *l)
{
	release(l);
}

void
mtx_init(struct mutex *m, enum lock_rank rank, const char *name)
{
	m->mtx_rank = rank;
	m->mtx_name = name;
}

void
mtx_enter(struct mutex *m)
{
	acquire(m, m->mtx_rank);
}

void
mtx_leave(struct mutex *m)
{
	release(m);
}

int
msleep(const volatile void *ident, struct mutex *mtx, int priority,
    const char *wmesg, uint64_t nsecs)
{
	panic("one thread waits for another: %s", wmesg);
}

void
wakeup(const volatile void *ident)
{
}

uint64_t
nsecwall(void)
{
	return env.now * 1000000000;
}

/* -- Memory ------------------------------------------------------------------------- */

static void *
get(size_t size, size_t align, int flags)
{
	void *p = NULL;

	if ((flags & PR_WAITOK) == 0) {
		if (env.fail_alloc < 0 ||
		    (env.fail_alloc > 0 && --env.fail_alloc == 0))
			return NULL;
	} else
		may_wait_for_memory();
	if (posix_memalign(&p, MAX(align, 16), size) != 0)
		panic("no memory");
	memset(p, flags & PR_ZERO ? 0 : 0xa5, size);
	live++;
	return p;
}

void *
kmem_alloc(size_t size, int flags)
{
	return get(size, 16, flags);
}

void
kmem_free(void *p, size_t size)
{
	live--;
	free(p);
}

void
pool_init(struct pool *pp, size_t size, size_t align, const char *name)
{
	pp->pr_size = (uint32_t)size;
	pp->pr_align = (uint32_t)align;
}

void *
pool_get(struct pool *pp, int flags)
{
	KASSERT(pp->pr_size != 0);
	return get(pp->pr_size, pp->pr_align, flags);
}

void
pool_put(struct pool *pp, void *item)
{
	kmem_free(item, pp->pr_size);
}

/* -- The disk ------------------------------------------------------------------------- */

void
buf_init(struct buf *bp, uint32_t flags, int64_t blkno)
{
	memset(bp, 0, sizeof(*bp));
	bp->b_flags = flags;
	bp->b_blkno = blkno;
}

static void
log_write(uint64_t off, const void *data, size_t len)
{
	struct env_write *w;

	if (!env.recording)
		return;
	if (env.nlog == env.logroom) {
		env.logroom = env.logroom * 2 + 64;
		env.log = realloc(env.log, env.logroom * sizeof(*env.log));
	}
	w = &env.log[env.nlog++];
	*w = (struct env_write){ off, len, len > 0 ? malloc(len) : NULL };
	if (len > 0)
		memcpy(w->data, data, len);
}

static bool
io_fails(bool write)
{
	if (env.fail_io == 0 || (env.fail_writes_only && !write))
		return false;
	if (env.fail_io > 0 && --env.fail_io > 0)
		return false;
	return true;
}

int
bdev_rw(struct bdev *bd, struct buf *bp, uint32_t flags, void *va, size_t len,
    uint64_t off)
{
	may_sleep();
	if (off % bd->bd_disk->dk_blksize != 0 ||
	    len % bd->bd_disk->dk_blksize != 0 || off > env.size ||
	    len > env.size - off)
		return EINVAL;
	if (io_fails((flags & B_READ) == 0))
		return EIO;
	if (flags & B_READ) {
		env.reads++;
		memcpy(va, env.image + off, len);
	} else {
		env.writes++;
		log_write(off, va, len);
		memcpy(env.image + off, va, len);
	}
	return 0;
}

bool
buf_add_kva(struct buf *bp, const void *va, size_t len)
{
	KASSERT(bp->b_nsegs == 0);
	bp->b_seg[0].bs_addr = (paddr_t)va;
	bp->b_seg[0].bs_len = (uint32_t)len;
	bp->b_nsegs = 1;
	return true;
}

void
bdev_strategy(struct bdev *bd, struct buf *bp)
{
	if (bp->b_flags == B_WRITE) {
		bp->b_error = bdev_rw(bd, bp, B_WRITE,
		    (void *)bp->b_seg[0].bs_addr, bp->b_seg[0].bs_len,
		    (uint64_t)bp->b_blkno << DEV_BSHIFT);
		return;
	}
	KASSERT(bp->b_flags == B_FLUSH);
	bp->b_error = io_fails(true) ? EIO : 0;
	if (bp->b_error == 0) {
		env.flushes++;
		log_write(ENV_FLUSH, NULL, 0);
	}
}

int
biowait(struct buf *bp)
{
	may_sleep();
	return bp->b_error;
}

struct bdev *
env_disk(const void *image, uint64_t size)
{
	struct bdev *bd = &env_dk.dk_part[0];

	memset(&env, 0, sizeof(env));
	env.now = 1700000000;
	env.image = malloc(size);
	env.size = size;
	memcpy(env.image, image, size);
	env_dk.dk_blksize = DEV_BSIZE;
	bd->bd_disk = &env_dk;
	bd->bd_size = size >> DEV_BSHIFT;
	snprintf(bd->bd_name, sizeof(bd->bd_name), "vda");
	return bd;
}

void
env_record(void)
{
	for (size_t i = 0; i < env.nlog; i++)
		free(env.log[i].data);
	env.nlog = 0;
	env.recording = true;
}

void
env_free(void)
{
	env_record();
	free(env.log);
	free(env.image);
	memset(&env, 0, sizeof(env));
}

void
env_check(void)
{
	KASSERT(nheld == 0);
	KASSERTMSG(live == 0, "%ld pieces of memory are lost", live);
}
