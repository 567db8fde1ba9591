/*
 * The name cache: sys/mount.h says what it promises.
 *
 * Entries lie in buckets by hash of directory and name, each with a lock of
 * its own.  What goes when there are too many is chosen by a hand that goes
 * round the buckets and spares what was used since it came by last.  References
 * are dropped with no bucket locked, and never by who has a vnode locked,
 * unless that one has references of its own: a last reference may sleep.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/mount.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/queue.h>
#include <uvm/uvm_extern.h>

#define NC_BUCKETS  1024
#define NC_NAMEMAX  39 /* longer names are not cached */
#define NC_MINBOUND 512L
#define NC_BATCH    32 /* entries taken out before references are dropped */

/*
 * Locks used to protect members:
 *	I	immutable
 *	b	the bucket's lock
 *	a	atomic operations
 */
struct ncentry {
	LIST_ENTRY(ncentry) nc_link; /* [b] */
	struct vnode *nc_dvp; /* [I] referenced */
	struct vnode *nc_vp; /* [I] referenced, or NULL: there is none */
	uint32_t nc_hash; /* [I] */
	volatile bool nc_used; /* [a] since the hand came by */
	uint8_t nc_len; /* [I] */
	char nc_name[NC_NAMEMAX]; /* [I] */
};
LIST_HEAD(nclist, ncentry);

struct ncbucket {
	struct mutex nb_mtx; /* LR_MISC */
	struct nclist nb_list; /* [nb_mtx] */
};

static struct ncbucket buckets[NC_BUCKETS];
static struct pool nc_pool;
static volatile long nc_count; /* [a] */
static long nc_bound; /* [I] after boot */
static volatile bool nc_short; /* [a] memory is: half of them go */
static volatile u_int nc_hand; /* [a] next bucket to look at */
struct namecache_stats namecache_stats;

void
cache_init(void)
{
	pool_init(&nc_pool, sizeof(struct ncentry), 0, "namecache");
	for (int i = 0; i < NC_BUCKETS; i++)
		mtx_init(&buckets[i].nb_mtx, LR_MISC, "namecache");
	nc_bound = MAX(NC_MINBOUND, uvmexp.npages / 16);
}

long
cache_count(void)
{
	return atomic_load(&nc_count);
}

static uint32_t
nc_hash(const struct vnode *dvp, const char *name, size_t len)
{
	uint32_t h = (uint32_t)((uintptr_t)dvp >> 4) * 2654435761u;

	while (len-- > 0)
		h = (h ^ (uint8_t)*name++) * 16777619u;
	return h ^ h >> 15;
}

/* => the bucket locked */
static struct ncentry *
nc_find(struct ncbucket *nb, const struct vnode *dvp, uint32_t hash,
    const char *name, size_t len)
{
	struct ncentry *nc;

	LIST_FOREACH (nc, &nb->nb_list, nc_link)
		if (nc->nc_hash == hash && nc->nc_dvp == dvp &&
		    nc->nc_len == len && memcmp(nc->nc_name, name, len) == 0)
			return nc;
	return NULL;
}

/* => the bucket locked; the entry is the caller's */
static void
nc_unlink(struct ncentry *nc)
{
	LIST_REMOVE(nc, nc_link);
	(void)atomic_add(&nc_count, -1);
}

/* => no bucket locked */
static void
nc_free(struct ncentry *nc)
{
	struct vnode *dvp = nc->nc_dvp, *vp = nc->nc_vp;

	pool_put(&nc_pool, nc);
	(void)atomic_add(&dvp->v_cached, (u_int)-1);
	if (vp != NULL)
		vrele(vp);
	if (!MUTANT(NC_REF_LOST))
		vrele(dvp);
}

bool
cache_lookup(
    struct vnode *dvp, const char *name, size_t len, struct vnode **vpp)
{
	uint32_t hash = nc_hash(dvp, name, len);
	struct ncbucket *nb = &buckets[hash % NC_BUCKETS];
	struct ncentry *nc;

	if (atomic_load(&dvp->v_cached) == 0 || len > NC_NAMEMAX)
		return false;
	mtx_enter(&nb->nb_mtx);
	nc = nc_find(nb, dvp, hash, name, len);
	if (nc != NULL) {
		*vpp = nc->nc_vp;
		if (*vpp != NULL)
			vref(*vpp);
		nc->nc_used = true;
	}
	mtx_leave(&nb->nb_mtx);
	if (nc == NULL)
		(void)atomic_add(&namecache_stats.nc_misses, 1);
	else if (*vpp != NULL)
		(void)atomic_add(&namecache_stats.nc_hits, 1);
	else
		(void)atomic_add(&namecache_stats.nc_neghits, 1);
	return nc != NULL;
}

/* By no key: for who wants to know the path of an open file. */
bool
cache_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp)
{
	struct ncentry *nc = NULL;

	for (int i = 0; i < NC_BUCKETS && nc == NULL; i++) {
		if (LIST_EMPTY(&buckets[i].nb_list))
			continue;
		mtx_enter(&buckets[i].nb_mtx);
		LIST_FOREACH (nc, &buckets[i].nb_list, nc_link)
			if (nc->nc_vp == vp && nc->nc_len < size)
				break;
		if (nc != NULL) {
			memcpy(name, nc->nc_name, nc->nc_len);
			name[nc->nc_len] = '\0';
			*dvpp = nc->nc_dvp;
			vref(*dvpp);
		}
		mtx_leave(&buckets[i].nb_mtx);
	}
	return nc != NULL;
}

void
cache_enter(struct vnode *dvp, const char *name, size_t len, struct vnode *vp)
{
	uint32_t hash = nc_hash(dvp, name, len);
	struct ncbucket *nb = &buckets[hash % NC_BUCKETS];
	struct ncentry *nc;
	bool there;

	if (len > NC_NAMEMAX || (nc = pool_get(&nc_pool, PR_NOWAIT)) == NULL)
		return;
	nc->nc_dvp = dvp;
	nc->nc_vp = vp;
	nc->nc_hash = hash;
	nc->nc_used = false;
	nc->nc_len = (uint8_t)len;
	memcpy(nc->nc_name, name, len);
	mtx_enter(&nb->nb_mtx);
	/* two readers of the directory may have found the same */
	there = nc_find(nb, dvp, hash, name, len) != NULL;
	if (!there) {
		vref(dvp);
		if (vp != NULL)
			vref(vp);
		(void)atomic_add(&dvp->v_cached, 1);
		(void)atomic_add(&nc_count, 1);
		LIST_INSERT_HEAD(&nb->nb_list, nc, nc_link);
	}
	mtx_leave(&nb->nb_mtx);
	if (there)
		pool_put(&nc_pool, nc);
}

void
cache_remove(struct vnode *dvp, const char *name, size_t len)
{
	uint32_t hash = nc_hash(dvp, name, len);
	struct ncbucket *nb = &buckets[hash % NC_BUCKETS];
	struct ncentry *nc;

	if (atomic_load(&dvp->v_cached) == 0 || len > NC_NAMEMAX ||
	    MUTANT(NC_KEEPS_REMOVED))
		return;
	mtx_enter(&nb->nb_mtx);
	nc = nc_find(nb, dvp, hash, name, len);
	if (nc != NULL)
		nc_unlink(nc);
	mtx_leave(&nb->nb_mtx);
	if (nc != NULL)
		nc_free(nc);
}

/* -- Many at once --------------------------------------------------------------------- */

typedef bool nc_want_t(struct ncentry *nc, const void *arg);

/* => at least one was wanted and is gone, the bucket may have more */
static bool
bucket_drop(struct ncbucket *nb, nc_want_t *want, const void *arg)
{
	struct ncentry *nc, *next, *out[NC_BATCH];
	int n = 0;

	if (LIST_EMPTY(&nb->nb_list))
		return false;
	mtx_enter(&nb->nb_mtx);
	for (nc = LIST_FIRST(&nb->nb_list); nc != NULL && n < NC_BATCH;
	     nc = next) {
		next = LIST_NEXT(nc, nc_link);
		if (!want(nc, arg))
			continue;
		nc_unlink(nc);
		out[n++] = nc;
	}
	mtx_leave(&nb->nb_mtx);
	for (int i = 0; i < n; i++)
		nc_free(out[i]);
	return n == NC_BATCH;
}

static void
drop_all(nc_want_t *want, const void *arg)
{
	for (int i = 0; i < NC_BUCKETS; i++)
		while (bucket_drop(&buckets[i], want, arg))
			continue;
}

static bool
want_dir(struct ncentry *nc, const void *arg)
{
	return nc->nc_dvp == arg;
}

static bool
want_mount(struct ncentry *nc, const void *arg)
{
	return nc->nc_dvp->v_mount == arg;
}

void
cache_purge_dir(struct vnode *dvp)
{
	if (atomic_load(&dvp->v_cached) != 0)
		drop_all(want_dir, dvp);
}

void
cache_purge_mount(struct mount *mp)
{
	if ((mp->mnt_flag & MNTK_NAMECACHE) && cache_count() != 0)
		drop_all(want_mount, mp);
}

/* What was used has another round; its mark goes. */
static bool
want_unused(struct ncentry *nc, const void *arg)
{
	bool used = nc->nc_used;

	nc->nc_used = false;
	return !used;
}

void
cache_trim(void)
{
	bool tight = atomic_load(&nc_short);
	long bound = tight ? MIN(nc_bound, cache_count()) / 2 : nc_bound;

	for (int i = 0; i < 2 * NC_BUCKETS && cache_count() > bound; i++)
		(void)bucket_drop(
		    &buckets[atomic_add(&nc_hand, 1) % NC_BUCKETS], want_unused,
		    NULL);
	if (tight)
		atomic_store(&nc_short, false);
}

void
cache_shrink(void)
{
	if (cache_count() == 0 || atomic_load(&nc_short))
		return;
	atomic_store(&nc_short, true);
	vfs_thread_wakeup();
}
