/*
 * A file system in memory: names in nodes, data in anonymous objects.
 *
 * The node is the vnode.  It lives as long as it has a name, a parent that
 * names it, or a reference; a directory holds a reference to each child and a
 * pointer, not a reference, to its parent.
 *
 * Locks: a directory's v_lock protects its entries, a node's its attributes.
 * What needs several takes them in address order, as a set: to remove a name,
 * directory and child; to rename, both directories, the child and what it
 * replaces.  So the child is looked up first, and again when all are locked.
 * tmpfs_rename_lock serialises what moves or removes directories, so that the
 * shape of the tree stands still while loops are looked for.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/mount.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/queue.h>
#include <sys/timeout.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define TMPFS_MAGIC 0x01021994
#define RENAME_SAME (-1) /* both names are of one file: done already */

struct tmpfs_node;

/*
 * A name in a directory.
 * Locks used to protect members:
 *	I	immutable
 *	d	v_lock of the directory
 */
struct tmpfs_dirent {
	TAILQ_ENTRY(tmpfs_dirent) td_link; /* [d] in order of td_cookie */
	LIST_ENTRY(tmpfs_dirent) td_hash; /* [d] */
	struct tmpfs_node *td_node; /* [d] referenced */
	off_t td_cookie; /* [d] position in readdir */
	uint32_t td_hashval; /* [I] */
	uint16_t td_len; /* [I] */
	char td_name[]; /* [I] td_len bytes */
};
LIST_HEAD(tmpfs_bucket, tmpfs_dirent);

#define TMPFS_BUCKETS 16

/*
 * Locks used to protect members of a node:
 *	I	immutable
 *	v	tn_vnode.v_lock
 *	a	atomic operations; to write, v too
 */
struct tmpfs_node {
	struct vnode tn_vnode;
	LIST_ENTRY(tmpfs_node) tn_list; /* [tm_mtx] nodes of the mount */
	ino_t tn_ino; /* [I] */
	mode_t tn_mode; /* [v] */
	uid_t tn_uid; /* [v] */
	gid_t tn_gid; /* [v] */
	uint32_t tn_nlink; /* [a] */
	struct tmpfs_node
	    *tn_up; /* [v] no directory: one that names it, or NULL */
	int64_t tn_atime; /* [a] ns since 1970 */
	int64_t tn_mtime, tn_ctime; /* [v] */
	union {
		struct {
			struct uvm_object *uobj; /* [I] */
			off_t size; /* [v] bytes */
			int seals; /* [v] F_SEAL_* */
			bool
			    linkable; /* [v] has no name yet, but may get one */
			long counted; /* [v] pages of it in tm_pages */
		} tn_file;
		struct {
			TAILQ_HEAD(, tmpfs_dirent) list; /* [v] */
			struct tmpfs_bucket *hash; /* [I] */
			off_t cookie; /* [v] next one */
			/* [v, and tmpfs_rename_lock] NULL: it has been removed */
			struct tmpfs_node *parent;
		} tn_dir;
		char *tn_link; /* [I] target, NUL-terminated */
	};
};

/*
 * A mount.
 * Locks used to protect members:
 *	I	immutable
 *	a	atomic operations; limits are set by a remount
 *	t	tm_mtx
 */
struct tmpfs_mount {
	struct mount *tm_mount; /* [I] */
	struct mutex tm_mtx; /* LR_MISC */
	LIST_HEAD(, tmpfs_node) tm_list; /* [t] all nodes */
	volatile ino_t tm_lastino; /* [a] */
	volatile long tm_nodes, tm_maxnodes; /* [a] */
	volatile long tm_pages; /* [a] of data, as far as counted */
	volatile long tm_maxpages; /* [a] */
	bool tm_sized; /* [mount_ctl_lock] size= was given */
};

static const struct vnodeops tmpfs_ops;
static struct pool node_pool;
static struct rwlock tmpfs_rename_lock =
    RWLOCK_INITIALIZER(LR_MOUNT, "tmpfs rename");

#define VTOTN(vp) container_of(vp, struct tmpfs_node, tn_vnode)

static inline struct tmpfs_mount *
tn_mount(const struct tmpfs_node *tn)
{
	return tn->tn_vnode.v_mount->mnt_data;
}

static inline bool
tn_cached(const struct tmpfs_node *dn)
{
	return (dn->tn_vnode.v_mount->mnt_flag & MNTK_NAMECACHE) != 0;
}

/* -- Nodes --------------------------------------------------------------------------- */

static void
touch(struct tmpfs_node *tn, bool mtime)
{
	tn->tn_ctime = (int64_t)nsecwall();
	if (mtime)
		tn->tn_mtime = tn->tn_ctime;
}

/* => what kind of file needs beyond the node; 0 or ENOMEM */
static int
node_setup(struct tmpfs_node *tn, const char *target)
{
	size_t len;

	switch (tn->tn_vnode.v_type) {
	case VREG:
		tn->tn_file.uobj = uao_create(0, 0);
		tn->tn_file.seals = F_SEAL_SEAL;
		return 0;
	case VDIR:
		TAILQ_INIT(&tn->tn_dir.list);
		tn->tn_dir.cookie = 2;
		tn->tn_dir.hash = kmem_zalloc(
		    TMPFS_BUCKETS * sizeof(struct tmpfs_bucket), PR_NOWAIT);
		return tn->tn_dir.hash == NULL ? ENOMEM : 0;
	case VLNK:
		len = strlen(target) + 1;
		tn->tn_link = kmem_alloc(len, PR_NOWAIT);
		if (tn->tn_link == NULL)
			return ENOMEM;
		memcpy(tn->tn_link, target, len);
		return 0;
	default:
		return 0;
	}
}

/* => one node more, or FALSE: the mount has no room for it */
static bool
node_count(struct tmpfs_mount *tm)
{
	long max = atomic_load(&tm->tm_maxnodes);

	if (atomic_add(&tm->tm_nodes, 1) < max)
		return true;
	(void)atomic_add(&tm->tm_nodes, -1);
	return false;
}

/* => a node with one reference and no name, or NULL */
static struct tmpfs_node *
node_alloc(struct tmpfs_mount *tm, const struct vattr *va, const char *target)
{
	struct tmpfs_node *tn;

	if (!node_count(tm))
		return NULL;
	tn = pool_get(&node_pool, PR_NOWAIT | PR_ZERO);
	if (tn == NULL) {
		(void)atomic_add(&tm->tm_nodes, -1);
		return NULL;
	}
	rw_init(&tn->tn_vnode.v_lock, LR_VNODE, "tmpfs");
	refcnt_init(&tn->tn_vnode.v_refs);
	tn->tn_vnode.v_type = mode_to_vtype(va->va_mode);
	tn->tn_vnode.v_op = &tmpfs_ops;
	tn->tn_vnode.v_rdev = va->va_rdev;
	tn->tn_vnode.v_mount = tm->tm_mount;
	tn->tn_ino = atomic_add(&tm->tm_lastino, 1) + 1;
	tn->tn_mode = va->va_mode;
	tn->tn_uid = va->va_uid;
	tn->tn_gid = va->va_gid;
	touch(tn, true);
	tn->tn_atime = tn->tn_mtime; /* nobody knows it yet */
	if (node_setup(tn, target) != 0) {
		(void)atomic_add(&tm->tm_nodes, -1);
		pool_put(&node_pool, tn);
		return NULL;
	}
	mtx_enter(&tm->tm_mtx);
	LIST_INSERT_HEAD(&tm->tm_list, tn, tn_list);
	mtx_leave(&tm->tm_mtx);
	return tn;
}

/* The last reference is gone, and so are the names, each of which holds one. */
static void
tmpfs_inactive(struct vnode *vp)
{
	struct tmpfs_node *tn = VTOTN(vp);
	struct tmpfs_mount *tm = tn_mount(tn);

	KASSERT(atomic_load(&tn->tn_nlink) == 0 && vp->v_fifo == NULL);
	mtx_enter(&tm->tm_mtx);
	LIST_REMOVE(tn, tn_list);
	mtx_leave(&tm->tm_mtx);
	(void)atomic_add(&tm->tm_nodes, -1);
	switch (vp->v_type) {
	case VREG:
		(void)atomic_add(&tm->tm_pages, -tn->tn_file.counted);
		uao_detach(tn->tn_file.uobj);
		break;
	case VDIR:
		KASSERT(TAILQ_EMPTY(&tn->tn_dir.list));
		kmem_free(tn->tn_dir.hash,
		    TMPFS_BUCKETS * sizeof(struct tmpfs_bucket));
		break;
	case VLNK:
		kmem_free(tn->tn_link, strlen(tn->tn_link) + 1);
		break;
	default:
		break;
	}
	pool_put(&node_pool, tn);
}

/* -- Directory entries: the directory's lock is held ------------------------------------ */

static uint32_t
name_hash(const char *name, size_t len)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	while (len-- > 0)
		h = (h ^ (uint8_t)*name++) * 16777619u;
	return h;
}

static struct tmpfs_dirent *
dir_find(struct tmpfs_node *dn, const char *name, size_t len)
{
	uint32_t h = name_hash(name, len);
	struct tmpfs_dirent *td;

	LIST_FOREACH (td, &dn->tn_dir.hash[h % TMPFS_BUCKETS], td_hash)
		if (td->td_hashval == h && td->td_len == len &&
		    memcmp(td->td_name, name, len) == 0)
			return td;
	return NULL;
}

static struct tmpfs_dirent *
dirent_alloc(const char *name, size_t len)
{
	struct tmpfs_dirent *td = kmem_alloc(sizeof(*td) + len, PR_NOWAIT);

	if (td == NULL)
		return NULL;
	td->td_len = len;
	td->td_hashval = name_hash(name, len);
	memcpy(td->td_name, name, len);
	return td;
}

static void
dirent_free(struct tmpfs_dirent *td)
{
	kmem_free(td, sizeof(*td) + td->td_len);
}

/* => both write-locked, or tn not known yet; the entry gets a reference */
static void
dir_insert(
    struct tmpfs_node *dn, struct tmpfs_dirent *td, struct tmpfs_node *tn)
{
	if (tn_cached(dn))
		cache_remove(&dn->tn_vnode, td->td_name, td->td_len);
	td->td_node = tn;
	td->td_cookie = dn->tn_dir.cookie++;
	TAILQ_INSERT_TAIL(&dn->tn_dir.list, td, td_link);
	LIST_INSERT_HEAD(
	    &dn->tn_dir.hash[td->td_hashval % TMPFS_BUCKETS], td, td_hash);
	atomic_add(&tn->tn_nlink, 1);
	if (tn->tn_vnode.v_type == VDIR) {
		tn->tn_dir.parent = dn;
		atomic_add(&dn->tn_nlink, 1);
	} else
		tn->tn_up = dn;
	touch(dn, true);
}

/* => both write-locked; the entry's reference becomes the caller's */
static void
dir_remove(struct tmpfs_node *dn, struct tmpfs_dirent *td)
{
	struct tmpfs_node *tn = td->td_node;

	if (tn_cached(dn))
		cache_remove(&dn->tn_vnode, td->td_name, td->td_len);
	TAILQ_REMOVE(&dn->tn_dir.list, td, td_link);
	LIST_REMOVE(td, td_hash);
	atomic_add(&tn->tn_nlink, -1);
	if (tn->tn_vnode.v_type == VDIR) {
		tn->tn_dir.parent = NULL;
		atomic_add(&dn->tn_nlink, -1);
	} else if (tn->tn_up == dn)
		tn->tn_up = NULL;
	touch(dn, true);
}

static bool
dir_dead(struct tmpfs_node *dn)
{
	return dn->tn_dir.parent == NULL;
}

/* -- Several nodes at once --------------------------------------------------------------- */

#define SET_MAX 4

/* Nodes in address order, each once; belongs to the thread. */
struct node_set {
	struct tmpfs_node *ns_node[SET_MAX]; /* [thread] */
	int ns_count; /* [thread] */
};

static void
set_add(struct node_set *ns, struct tmpfs_node *tn)
{
	int i = ns->ns_count;

	if (tn == NULL)
		return;
	for (int k = 0; k < ns->ns_count; k++)
		if (ns->ns_node[k] == tn)
			return;
	for (; i > 0 && ns->ns_node[i - 1] > tn; i--)
		ns->ns_node[i] = ns->ns_node[i - 1];
	ns->ns_node[i] = tn;
	ns->ns_count++;
}

static void
set_lock(const struct node_set *ns)
{
	for (int i = 0; i < ns->ns_count; i++)
		rw_enter_write(&ns->ns_node[i]->tn_vnode.v_lock);
}

static void
set_unlock(const struct node_set *ns)
{
	for (int i = ns->ns_count; i-- > 0;)
		rw_exit(&ns->ns_node[i]->tn_vnode.v_lock);
}

/* => dn locked; the node the name leads to, referenced, or NULL */
static inline struct tmpfs_node *
child_locked(struct tmpfs_node *dn, const char *name, size_t len)
{
	struct tmpfs_dirent *td = dir_find(dn, name, len);

	if (td == NULL)
		return NULL;
	vref(&td->td_node->tn_vnode);
	return td->td_node;
}

/* dir_child() that the name cache hears of. */
static __noinline struct tmpfs_node *
dir_child_cached(struct tmpfs_node *dn, const char *name, size_t len)
{
	struct tmpfs_node *tn;

	rw_enter_read(&dn->tn_vnode.v_lock);
	tn = child_locked(dn, name, len);
	if (MUTANT(NC_ENTERED_LATE)) {
		rw_exit(&dn->tn_vnode.v_lock);
		yield();
		rw_enter_read(&dn->tn_vnode.v_lock);
	}
	if (!dir_dead(dn))
		cache_enter(&dn->tn_vnode, name, len,
		    tn != NULL ? &tn->tn_vnode : NULL);
	rw_exit(&dn->tn_vnode.v_lock);
	return tn;
}

/* => dn unlocked; the node the name leads to, referenced, or NULL */
static struct tmpfs_node *
dir_child(struct tmpfs_node *dn, const char *name, size_t len)
{
	struct tmpfs_node *tn;

	if (__predict_false(tn_cached(dn)))
		return dir_child_cached(dn, name, len);
	rw_enter_read(&dn->tn_vnode.v_lock);
	tn = child_locked(dn, name, len);
	rw_exit(&dn->tn_vnode.v_lock);
	return tn;
}

static void
node_rele(struct tmpfs_node *tn)
{
	if (tn != NULL)
		vrele(&tn->tn_vnode);
}

/* -- Names ---------------------------------------------------------------------------------- */

static int
tmpfs_lookup(
    struct vnode *dvp, const char *name, size_t len, struct vnode **vpp)
{
	struct tmpfs_node *dn = VTOTN(dvp), *found;

	if (len == 2 && name[0] == '.' && name[1] == '.') {
		rw_enter_read(&dvp->v_lock);
		found = dn->tn_dir.parent;
		if (found != NULL)
			vref(&found->tn_vnode);
		rw_exit(&dvp->v_lock);
	} else
		found = dir_child(dn, name, len);
	*vpp = found != NULL ? &found->tn_vnode : NULL;
	return found != NULL ? 0 : ENOENT;
}

static int
tmpfs_create(struct vnode *dvp, const char *name, size_t len,
    const struct vattr *va, const char *target, struct vnode **vpp)
{
	struct tmpfs_node *dn = VTOTN(dvp);
	struct tmpfs_node *tn = node_alloc(tn_mount(dn), va, target);
	struct tmpfs_dirent *td = dirent_alloc(name, len);
	int error = 0;

	if (tn == NULL || td == NULL)
		error = ENOSPC;
	else {
		rw_enter_write(&dvp->v_lock);
		if (dir_dead(dn))
			error = ENOENT;
		else if (dir_find(dn, name, len) != NULL)
			error = EEXIST;
		else {
			if (tn->tn_vnode.v_type == VDIR)
				atomic_add(&tn->tn_nlink, 1); /* "." */
			vref(&tn->tn_vnode);
			dir_insert(dn, td, tn);
		}
		rw_exit(&dvp->v_lock);
	}
	if (error == 0) {
		*vpp = &tn->tn_vnode;
		return 0;
	}
	if (td != NULL)
		dirent_free(td);
	if (tn != NULL)
		vrele(&tn->tn_vnode);
	return error;
}

static int
tmpfs_unnamed(
    struct vnode *dvp, const struct vattr *va, int how, struct vnode **vpp)
{
	struct tmpfs_node *tn = node_alloc(tn_mount(VTOTN(dvp)), va, NULL);

	if (tn == NULL)
		return ENOSPC;
	/* nobody knows it yet */
	tn->tn_file.linkable = (how & VU_LINKABLE) != 0;
	if (how & VU_SEALABLE)
		tn->tn_file.seals = 0;
	*vpp = &tn->tn_vnode;
	return 0;
}

/* => locked: a file without names that was made to get one */
static bool
may_name(const struct tmpfs_node *tn)
{
	return tn->tn_vnode.v_type == VREG && tn->tn_file.linkable;
}

static int
tmpfs_link(struct vnode *dvp, const char *name, size_t len, struct vnode *vp)
{
	struct tmpfs_dirent *td = dirent_alloc(name, len);
	struct tmpfs_node *dn = VTOTN(dvp), *tn = VTOTN(vp);
	struct node_set ns = { .ns_count = 0 };
	int error = 0;

	if (td == NULL)
		return ENOSPC;
	set_add(&ns, dn);
	set_add(&ns, tn);
	set_lock(&ns);
	if (dir_dead(dn) || (tn->tn_nlink == 0 && !may_name(tn)))
		error = ENOENT;
	else if (dir_find(dn, name, len) != NULL)
		error = EEXIST;
	else {
		vref(vp);
		dir_insert(dn, td, tn);
		touch(tn, false);
		if (vp->v_type == VREG)
			tn->tn_file.linkable = false;
	}
	set_unlock(&ns);
	if (error)
		dirent_free(td);
	return error;
}

/* => node locked; may its name be removed as a directory (or not as one)? */
static int
may_remove(struct tmpfs_node *tn, bool dir)
{
	if (!dir)
		return tn->tn_vnode.v_type == VDIR ? EISDIR : 0;
	if (tn->tn_vnode.v_type != VDIR)
		return ENOTDIR;
	if (tn->tn_vnode.v_covered != NULL)
		return EBUSY;
	return TAILQ_EMPTY(&tn->tn_dir.list) ? 0 : ENOTEMPTY;
}

/*
 * => both locked; the entry and its reference are the caller's
 */
static void
unname(struct tmpfs_node *dn, struct tmpfs_dirent *td)
{
	struct tmpfs_node *tn = td->td_node;

	dir_remove(dn, td);
	if (tn->tn_vnode.v_type == VDIR)
		atomic_add(&tn->tn_nlink, -1); /* "." */
	touch(tn, false);
}

/*
 * => tn, referenced, is what the name led to a moment ago
 * => EAGAIN: it does not any more
 */
static int
remove_child(struct tmpfs_node *dn, struct tmpfs_node *tn, const char *name,
    size_t len, bool dir)
{
	struct node_set ns = { .ns_count = 0 };
	struct tmpfs_dirent *td;
	int error;

	set_add(&ns, dn);
	set_add(&ns, tn);
	set_lock(&ns);
	td = dir_find(dn, name, len);
	if (td == NULL || td->td_node != tn)
		error = EAGAIN;
	else {
		error = may_remove(tn, dir);
		if (error == 0)
			unname(dn, td);
	}
	set_unlock(&ns);
	if (error == 0) {
		dirent_free(td);
		if (dir)
			cache_purge_dir(&tn->tn_vnode);
		node_rele(tn); /* the entry's */
	}
	return error;
}

static int
tmpfs_remove(struct vnode *dvp, const char *name, size_t len, bool dir)
{
	struct tmpfs_node *dn = VTOTN(dvp), *tn;
	int error;

	if (dir)
		rw_enter_write(&tmpfs_rename_lock);
	do {
		tn = dir_child(dn, name, len);
		error =
		    tn == NULL ? ENOENT : remove_child(dn, tn, name, len, dir);
		node_rele(tn);
	} while (error == EAGAIN);
	if (dir)
		rw_exit(&tmpfs_rename_lock);
	return error;
}

/* -- Renaming --------------------------------------------------------------------------------- */

/* A call of rename; all members belong to the thread. */
struct rename {
	struct tmpfs_node *rn_fdir, *rn_tdir; /* [thread] directories */
	const char *rn_fname; /* [thread] old name */
	size_t rn_flen; /* [thread] */
	struct tmpfs_dirent *rn_new; /* [thread] entry with the new name */
	int rn_flags; /* [thread] RENAME_* */
	struct tmpfs_node *rn_from, *rn_to; /* [thread] what was found there */
	struct tmpfs_dirent *rn_free[2]; /* [thread] entries that are gone */
};

/* => rename lock held: is `dn' `tn' itself or below it? */
static bool
is_below(struct tmpfs_node *dn, struct tmpfs_node *tn)
{
	for (;; dn = dn->tn_dir.parent) {
		if (dn == tn)
			return true;
		if (dn == NULL || dn->tn_dir.parent == dn)
			return false;
	}
}

/* => the rename lock held, and all nodes; 0, errno, RENAME_SAME */
static int
rename_check(const struct rename *rn)
{
	bool dir = rn->rn_from->tn_vnode.v_type == VDIR;

	if (dir_dead(rn->rn_tdir))
		return ENOENT;
	if (rn->rn_to == NULL && (rn->rn_flags & RENAME_EXCHANGE))
		return ENOENT;
	if (rn->rn_to != NULL && (rn->rn_flags & RENAME_NOREPLACE))
		return EEXIST;
	if (dir && is_below(rn->rn_tdir, rn->rn_from))
		return EINVAL;
	if (rn->rn_to == rn->rn_from)
		return RENAME_SAME;
	if (rn->rn_to == NULL)
		return 0;
	if ((rn->rn_flags & RENAME_EXCHANGE) == 0)
		return may_remove(rn->rn_to, dir);
	return rn->rn_to->tn_vnode.v_type == VDIR &&
		is_below(rn->rn_fdir, rn->rn_to)
	    ? EINVAL
	    : 0;
}

/* => as rename_check(): what the two entries name changes places */
static void
exchange(struct rename *rn, struct tmpfs_dirent *ftd, struct tmpfs_dirent *ttd)
{
	bool fdir = rn->rn_from->tn_vnode.v_type == VDIR;
	bool tdir = rn->rn_to->tn_vnode.v_type == VDIR;

	if (tn_cached(rn->rn_fdir) && !MUTANT(NC_EXCHANGE_STALE)) {
		cache_remove(&rn->rn_fdir->tn_vnode, ftd->td_name, ftd->td_len);
		cache_remove(&rn->rn_tdir->tn_vnode, ttd->td_name, ttd->td_len);
	}
	ftd->td_node = rn->rn_to;
	ttd->td_node = rn->rn_from;
	if (fdir)
		rn->rn_from->tn_dir.parent = rn->rn_tdir;
	else
		rn->rn_from->tn_up = rn->rn_tdir;
	if (tdir)
		rn->rn_to->tn_dir.parent = rn->rn_fdir;
	else
		rn->rn_to->tn_up = rn->rn_fdir;
	atomic_add(&rn->rn_tdir->tn_nlink, (uint32_t)fdir - (uint32_t)tdir);
	atomic_add(&rn->rn_fdir->tn_nlink, (uint32_t)tdir - (uint32_t)fdir);
	touch(rn->rn_fdir, true);
	touch(rn->rn_tdir, true);
	touch(rn->rn_to, false);
}

/* => as rename_check() */
static void
rename_perform(
    struct rename *rn, struct tmpfs_dirent *ftd, struct tmpfs_dirent *ttd)
{
	touch(rn->rn_from, false);
	if (rn->rn_flags & RENAME_EXCHANGE) {
		exchange(rn, ftd, ttd);
		rn->rn_free[0] = rn->rn_new;
		return;
	}
	if (ttd != NULL)
		unname(rn->rn_tdir, ttd);
	dir_remove(rn->rn_fdir, ftd);
	dir_insert(rn->rn_tdir, rn->rn_new, rn->rn_from);
	rn->rn_free[0] = ftd;
	rn->rn_free[1] = ttd;
}

/*
 * => rename lock held; rn_from and rn_to, referenced, are what the names led
 *    to a moment ago; EAGAIN: they do not any more
 */
static int
rename_locked(struct rename *rn)
{
	struct node_set ns = { .ns_count = 0 };
	struct tmpfs_dirent *ftd, *ttd;
	int error;

	set_add(&ns, rn->rn_fdir);
	set_add(&ns, rn->rn_tdir);
	set_add(&ns, rn->rn_from);
	set_add(&ns, rn->rn_to);
	set_lock(&ns);
	ftd = dir_find(rn->rn_fdir, rn->rn_fname, rn->rn_flen);
	ttd = dir_find(rn->rn_tdir, rn->rn_new->td_name, rn->rn_new->td_len);
	if ((ftd != NULL ? ftd->td_node : NULL) != rn->rn_from ||
	    (ttd != NULL ? ttd->td_node : NULL) != rn->rn_to)
		error = EAGAIN;
	else
		error = rename_check(rn);
	if (error == 0)
		rename_perform(rn, ftd, ttd);
	set_unlock(&ns);
	return error;
}

static int
rename_try(struct rename *rn)
{
	int error;

	rn->rn_from = dir_child(rn->rn_fdir, rn->rn_fname, rn->rn_flen);
	if (rn->rn_from == NULL)
		return ENOENT;
	rn->rn_to =
	    dir_child(rn->rn_tdir, rn->rn_new->td_name, rn->rn_new->td_len);
	error = rename_locked(rn);
	if (error == 0 && rn->rn_free[1] != NULL) {
		if (rn->rn_to->tn_vnode.v_type == VDIR)
			cache_purge_dir(&rn->rn_to->tn_vnode);
		node_rele(rn->rn_to); /* the entry's */
	}
	node_rele(rn->rn_to);
	node_rele(rn->rn_from);
	return error;
}

static int
tmpfs_rename(struct vnode *fdvp, const char *fname, size_t flen,
    struct vnode *tdvp, const char *tname, size_t tlen, int flags)
{
	struct rename rn = { .rn_fdir = VTOTN(fdvp),
		.rn_tdir = VTOTN(tdvp),
		.rn_fname = fname,
		.rn_flen = flen,
		.rn_flags = flags };
	int error;

	rn.rn_new = dirent_alloc(tname, tlen);
	if (rn.rn_new == NULL)
		return ENOSPC;
	rw_enter_write(&tmpfs_rename_lock);
	do
		error = rename_try(&rn);
	while (error == EAGAIN);
	rw_exit(&tmpfs_rename_lock);
	if (error)
		dirent_free(rn.rn_new);
	for (int i = 0; i < 2; i++)
		if (rn.rn_free[i] != NULL)
			dirent_free(rn.rn_free[i]);
	/* two names of one file: nothing to do, and no error */
	return error == RENAME_SAME ? 0 : error;
}

/* -- Reading directories and links ---------------------------------------------------------------- */

static __noinline void
set_atime(struct tmpfs_node *tn)
{
	if ((tn->tn_vnode.v_mount->mnt_flag & (MNT_RDONLY | MNT_NOATIME)) == 0)
		atomic_store(&tn->tn_atime, (int64_t)nsecwall());
}

/* Read: the time is worth a store only if something changed since. => locked */
static inline void
accessed(struct tmpfs_node *tn)
{
	if (atomic_load(&tn->tn_atime) <= MAX(tn->tn_mtime, tn->tn_ctime))
		set_atime(tn);
}

static int
tmpfs_readdir(struct vnode *dvp, off_t from, vn_emit_t *emit, void *arg)
{
	struct tmpfs_node *dn = VTOTN(dvp);
	struct tmpfs_dirent *td;
	bool more = true;

	rw_enter_read(&dvp->v_lock);
	if (dir_dead(dn)) {
		rw_exit(&dvp->v_lock);
		return ENOENT;
	}
	accessed(dn);
	if (from <= 0)
		more = emit(arg, ".", 1, dn->tn_ino, VDIR, 1);
	if (from <= 1 && more)
		more = emit(arg, "..", 2, dn->tn_dir.parent->tn_ino, VDIR, 2);
	TAILQ_FOREACH (td, &dn->tn_dir.list, td_link) {
		if (!more)
			break;
		if (td->td_cookie >= from)
			more = emit(arg, td->td_name, td->td_len,
			    td->td_node->tn_ino, td->td_node->tn_vnode.v_type,
			    td->td_cookie + 1);
	}
	rw_exit(&dvp->v_lock);
	return 0;
}

static int
tmpfs_readlink(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	const char *target = VTOTN(vp)->tn_link;

	if (vp->v_type != VLNK)
		return EINVAL;
	*lenp = MIN(strlen(target), size);
	memcpy(buf, target, *lenp);
	return 0;
}

/* => a directory that names tn, referenced, or NULL */
static struct tmpfs_node *
node_up(struct tmpfs_node *tn)
{
	struct tmpfs_node *dn;

	rw_enter_read(&tn->tn_vnode.v_lock);
	dn = tn->tn_vnode.v_type == VDIR ? tn->tn_dir.parent : tn->tn_up;
	if (dn != NULL)
		vref(&dn->tn_vnode);
	rw_exit(&tn->tn_vnode.v_lock);
	return dn;
}

/* A name of a file, for getcwd and links of procfs. */
static int
tmpfs_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp)
{
	struct tmpfs_node *tn = VTOTN(vp), *dn;
	struct tmpfs_dirent *td;
	int error = ENOENT;

	rw_enter_read(&tmpfs_rename_lock);
	dn = node_up(tn);
	if (dn != NULL) {
		rw_enter_read(&dn->tn_vnode.v_lock);
		TAILQ_FOREACH (td, &dn->tn_dir.list, td_link)
			if (td->td_node == tn && td->td_len < size) {
				memcpy(name, td->td_name, td->td_len);
				name[td->td_len] = '\0';
				*dvpp = &dn->tn_vnode;
				error = 0;
				break;
			}
		rw_exit(&dn->tn_vnode.v_lock);
	}
	rw_exit(&tmpfs_rename_lock);
	if (error)
		node_rele(dn);
	return error;
}

/* -- Attributes ------------------------------------------------------------------------------- */

static int
tmpfs_getattr(struct vnode *vp, struct vattr *va)
{
	struct tmpfs_node *tn = VTOTN(vp);

	rw_enter_read(&vp->v_lock);
	va->va_mode = tn->tn_mode;
	va->va_nlink = atomic_load(&tn->tn_nlink);
	va->va_uid = tn->tn_uid;
	va->va_gid = tn->tn_gid;
	va->va_dev = vp->v_mount->mnt_dev;
	va->va_rdev = vp->v_rdev;
	va->va_ino = tn->tn_ino;
	va->va_atime = atomic_load(&tn->tn_atime);
	va->va_mtime = tn->tn_mtime;
	va->va_ctime = tn->tn_ctime;
	va->va_size = va->va_bytes = 0;
	if (vp->v_type == VREG) {
		va->va_size = tn->tn_file.size;
		va->va_bytes = uao_pages(tn->tn_file.uobj) * PAGE_SIZE;
	} else if (vp->v_type == VLNK)
		va->va_size = strlen(tn->tn_link);
	rw_exit(&vp->v_lock);
	return 0;
}

/* Pages come and go by faults, too: bring the sum up to date. => write-locked */
static void
count_pages(struct tmpfs_node *tn)
{
	long now = uao_pages(tn->tn_file.uobj);

	if (now != tn->tn_file.counted) {
		(void)atomic_add(
		    &tn_mount(tn)->tm_pages, now - tn->tn_file.counted);
		tn->tn_file.counted = now;
	}
}

/* => write-locked; 0 or EFBIG */
static int
set_size(struct tmpfs_node *tn, off_t size)
{
	struct uvm_object *uobj = tn->tn_file.uobj;
	off_t old = tn->tn_file.size;
	int error;

	if (size < old)
		error = uao_shrink(uobj, (vsize_t)size);
	else {
		/* what a mapping wrote behind the end never was in the file */
		if ((old & (off_t)PAGE_MASK) != 0 && size > old &&
		    atomic_load(&uobj->uo_refs) > 1)
			(void)uao_shrink(uobj, (vsize_t)old);
		error = uao_grow(uobj, (vsize_t)size);
	}
	if (error == 0)
		tn->tn_file.size = size;
	return error;
}

/* => locked: do the file's seals let it become so long? */
static bool
may_resize(const struct tmpfs_node *tn, off_t size)
{
	const int seals = tn->tn_file.seals;

	return !((size < tn->tn_file.size && (seals & F_SEAL_SHRINK)) ||
	    (size > tn->tn_file.size && (seals & F_SEAL_GROW)));
}

/* => write-locked; EISDIR, EINVAL, EPERM, EFBIG (and SIGXFSZ to curproc) */
static int
truncate_node(struct tmpfs_node *tn, off_t size)
{
	int error;

	if (tn->tn_vnode.v_type != VREG)
		return tn->tn_vnode.v_type == VDIR ? EISDIR : EINVAL;
	if (!may_resize(tn, size))
		return EPERM;
	if (size > tn->tn_file.size &&
	    vn_limit_write(curproc, size - 1, 1) == 0)
		return EFBIG;
	error = set_size(tn, size);
	count_pages(tn);
	if (error == 0)
		touch(tn, true);
	return error;
}

/* The owner changes: what runs under the old one's name does no more. */
static void
kill_setid(struct tmpfs_node *tn)
{
	if (tn->tn_vnode.v_type == VDIR)
		return;
	tn->tn_mode &= ~(mode_t)04000;
	if (tn->tn_mode & 0010)
		tn->tn_mode &= ~(mode_t)02000;
}

/* => write-locked */
static void
set_attributes(struct tmpfs_node *tn, const struct vattr *va, int which)
{
	touch(tn, false);
	if (which & VA_MODE)
		tn->tn_mode = (tn->tn_mode & S_IFMT) | (va->va_mode & ALLPERMS);
	if (which & VA_UID)
		tn->tn_uid = va->va_uid;
	if (which & VA_GID)
		tn->tn_gid = va->va_gid;
	if (which & VA_KILLSUID)
		kill_setid(tn);
	if (which & VA_ATIME)
		atomic_store(&tn->tn_atime, va->va_atime);
	if (which & VA_MTIME)
		tn->tn_mtime = va->va_mtime;
}

static bool
may_chmod(const struct tmpfs_node *tn, mode_t mode)
{
	return tn->tn_vnode.v_type != VREG ||
	    !(tn->tn_file.seals & F_SEAL_EXEC) ||
	    ((mode ^ tn->tn_mode) & 0111) == 0;
}

static int
tmpfs_setattr(struct vnode *vp, const struct vattr *va, int which)
{
	int error = 0;

	rw_enter_write(&vp->v_lock);
	if ((which & VA_MODE) && !may_chmod(VTOTN(vp), va->va_mode))
		error = EPERM;
	else if (which & VA_SIZE)
		error = truncate_node(VTOTN(vp), va->va_size);
	if (error == 0)
		set_attributes(VTOTN(vp), va, which);
	rw_exit(&vp->v_lock);
	return error;
}

/* -- Data ----------------------------------------------------------------------------------------- */

static int
tmpfs_read(struct vnode *vp, struct uio *uio)
{
	struct tmpfs_node *tn = VTOTN(vp);
	int error = 0;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	rw_enter_read(&vp->v_lock);
	if (uio->uio_offset < tn->tn_file.size)
		error = uvm_obj_uiomove(tn->tn_file.uobj, uio,
		    MIN(uio->uio_resid,
			(size_t)(tn->tn_file.size - uio->uio_offset)));
	accessed(tn);
	rw_exit(&vp->v_lock);
	return error;
}

/*
 * Copy len bytes in.  Memory that files take is memory that programs cannot
 * have, and only removing the files gives it back: they get no more than half.
 * => write-locked; ENOSPC, and as uvm_obj_uiomove()
 */
static int
write_pages(struct tmpfs_node *tn, struct uio *uio, size_t len)
{
	struct uvm_object *uobj = tn->tn_file.uobj;
	struct tmpfs_mount *tm = tn_mount(tn);
	long max = atomic_load(&tm->tm_maxpages);
	int error = 0;
	size_t n;

	if (atomic_load(&tm->tm_pages) + (long)atop(len) + 2 <= max)
		return uvm_obj_uiomove(uobj, uio, len);
	for (; len > 0 && error == 0; len -= n) {
		n = MIN(len, PAGE_SIZE - ((size_t)uio->uio_offset & PAGE_MASK));
		count_pages(tn);
		if (atomic_load(&tm->tm_pages) >= max &&
		    !uao_has_page(uobj, uio->uio_offset))
			return ENOSPC;
		error = uvm_obj_uiomove(uobj, uio, n);
	}
	return error;
}

/* => write-locked; what cannot be written all is written in part */
static int
write_locked(struct tmpfs_node *tn, struct uio *uio, size_t len)
{
	off_t start = uio->uio_offset, end = start + (off_t)len;
	off_t old = tn->tn_file.size;
	int error = 0;

	if (end > old)
		error = set_size(tn, end);
	if (error)
		return error;
	error = write_pages(tn, uio, len);
	if (error && end > old)
		(void)set_size(tn,
		    uio->uio_offset == start ? old : MAX(old, uio->uio_offset));
	count_pages(tn);
	touch(tn, true);
	return error;
}

/* => write-locked; *lenp: what the seals leave of a write; EPERM: nothing */
static int
sealed_write(const struct tmpfs_node *tn, off_t off, size_t *lenp)
{
	const off_t size = tn->tn_file.size;

	if (tn->tn_file.seals & F_SEAL_NOWRITE)
		return EPERM;
	if (!(tn->tn_file.seals & F_SEAL_GROW) || off + (off_t)*lenp <= size)
		return 0;
	if (off >= size)
		return EPERM;
	*lenp = (size_t)(size - off);
	return 0;
}

static int
tmpfs_write(struct vnode *vp, struct uio *uio, bool append)
{
	struct tmpfs_node *tn = VTOTN(vp);
	size_t len = uio->uio_resid;
	int error = 0;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	if (len == 0)
		return 0;
	rw_enter_write(&vp->v_lock);
	if (append)
		uio->uio_offset = tn->tn_file.size;
	len = MIN(len, (size_t)(INT64_MAX - uio->uio_offset));
	len = vn_limit_write(uio->uio_procp, uio->uio_offset, len);
	if (len == 0)
		error = EFBIG;
	else {
		error = sealed_write(tn, uio->uio_offset, &len);
		if (error == 0)
			error = write_locked(tn, uio, len);
	}
	rw_exit(&vp->v_lock);
	return error;
}

/* => write-locked; zeros at [off, off + len), within the file */
static int
write_zeros(struct tmpfs_node *tn, off_t off, size_t len)
{
	static const char zeros[256];
	int error = 0;
	size_t n;

	for (; len > 0 && error == 0; len -= n, off += (off_t)n) {
		n = MIN(len, sizeof(zeros));
		struct iovec iov = { (void *)(uintptr_t)zeros, n };
		struct uio uio = { &iov, 1, off, n, UIO_SYSSPACE, UIO_WRITE,
			NULL, 0 };
		error = write_pages(tn, &uio, n);
	}
	return error;
}

/* => write-locked; [off, end) is as if never written */
static int
punch(struct tmpfs_node *tn, off_t off, off_t end)
{
	off_t first = (off_t)round_page((vaddr_t)off);
	off_t last = (off_t)trunc_page((vaddr_t)end);
	int error;

	if (first >= last)
		return write_zeros(tn, off, (size_t)(end - off));
	error = write_zeros(tn, off, (size_t)(first - off));
	if (error == 0)
		error = write_zeros(tn, last, (size_t)(end - last));
	if (error == 0)
		uao_punch(tn->tn_file.uobj, first, last);
	count_pages(tn);
	return error;
}

/*
 * Is there room for what is missing of [off, end)?  Nothing is taken first, as
 * what was there before could not be told from it when there was not.
 * => write-locked
 */
static bool
has_room(struct tmpfs_node *tn, off_t off, off_t end)
{
	struct tmpfs_mount *tm = tn_mount(tn);
	long room, missing;

	off = (off_t)trunc_page((vaddr_t)off);
	count_pages(tn);
	room = atomic_load(&tm->tm_maxpages);
	room = MAX(0, room - atomic_load(&tm->tm_pages));
	missing = (long)(((uint64_t)(end - off) + PAGE_MASK) >> PAGE_SHIFT);
	if (missing - tn->tn_file.counted > room)
		return false;
	for (missing = 0; off < end && missing <= room; off += PAGE_SIZE)
		missing += !uao_has_page(tn->tn_file.uobj, off);
	return missing <= room;
}

/* => write-locked; every page of [off, end) is there */
static int
fill(struct tmpfs_node *tn, off_t off, off_t end)
{
	int error = has_room(tn, off, end) ? 0 : ENOSPC;

	off = (off_t)trunc_page((vaddr_t)off);
	for (; off < end && error == 0; off += PAGE_SIZE)
		if (!uao_has_page(tn->tn_file.uobj, off)) {
			error = write_zeros(tn, off, 1);
			count_pages(tn);
			if (error == 0 && sig_killed(curproc))
				error = EINTR;
		}
	return error;
}

/* => write-locked; memory for what lies behind the end there is none to keep */
static int
allocate_locked(struct tmpfs_node *tn, int mode, off_t off, off_t end)
{
	off_t old = tn->tn_file.size;
	int error = 0;

	if (((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) &&
		(tn->tn_file.seals & F_SEAL_NOWRITE)) ||
	    (!(mode & FALLOC_FL_PUNCH_HOLE) && !may_resize(tn, MAX(end, old))))
		return EPERM;
	if (mode & FALLOC_FL_PUNCH_HOLE)
		return off < old ? punch(tn, off, MIN(end, old)) : 0;
	if (end > old && (mode & FALLOC_FL_KEEP_SIZE))
		return EOPNOTSUPP;
	if (end > old && vn_limit_write(curproc, end - 1, 1) == 0)
		return EFBIG;
	if (end > old)
		error = set_size(tn, end);
	if (error == 0 && (mode & FALLOC_FL_ZERO_RANGE))
		error = punch(tn, off, end);
	if (error == 0)
		error = fill(tn, off, end);
	if (error && end > old)
		(void)set_size(tn, old);
	return error;
}

static int
tmpfs_allocate(struct vnode *vp, int mode, off_t off, off_t len)
{
	struct tmpfs_node *tn = VTOTN(vp);
	int error;

	rw_enter_write(&vp->v_lock);
	error = allocate_locked(tn, mode, off, off + len);
	count_pages(tn);
	if (error == 0)
		touch(tn, true);
	rw_exit(&vp->v_lock);
	return error;
}

static int
tmpfs_uobj(struct vnode *vp, struct uvm_object **uobjp)
{
	if (vp->v_type != VREG)
		return ENODEV;
	*uobjp = VTOTN(vp)->tn_file.uobj;
	uao_reference(*uobjp);
	return 0;
}

/*
 * Objects do not tell mappings that write from others: with one of any kind
 * left, a file that was ever mapped to be written may still be.
 */
static int
tmpfs_seals(struct vnode *vp, int add, int *seals)
{
	struct tmpfs_node *tn = VTOTN(vp);
	int error = 0;

	if (add == 0) {
		rw_enter_read(&vp->v_lock);
		*seals = tn->tn_file.seals;
		rw_exit(&vp->v_lock);
		return 0;
	}
	rw_enter_write(&vp->v_lock);
	if (tn->tn_file.seals & F_SEAL_SEAL)
		error = EPERM;
	else if ((add & ~tn->tn_file.seals & F_SEAL_WRITE) &&
	    atomic_load_acq(&vp->v_mapped) &&
	    atomic_load(&tn->tn_file.uobj->uo_refs) > 1)
		error = EBUSY;
	else
		tn->tn_file.seals |= add;
	*seals = tn->tn_file.seals;
	rw_exit(&vp->v_lock);
	return error;
}

static const struct vnodeops tmpfs_ops = {
	.vop_lookup = tmpfs_lookup,
	.vop_create = tmpfs_create,
	.vop_unnamed = tmpfs_unnamed,
	.vop_link = tmpfs_link,
	.vop_remove = tmpfs_remove,
	.vop_rename = tmpfs_rename,
	.vop_readdir = tmpfs_readdir,
	.vop_readlink = tmpfs_readlink,
	.vop_getattr = tmpfs_getattr,
	.vop_setattr = tmpfs_setattr,
	.vop_read = tmpfs_read,
	.vop_write = tmpfs_write,
	.vop_parent = tmpfs_parent,
	.vop_uobj = tmpfs_uobj,
	.vop_inactive = tmpfs_inactive,
	.vop_allocate = tmpfs_allocate,
	.vop_seals = tmpfs_seals,
};

/* -- Mounts ----------------------------------------------------------------------------------------- */

/* Options of a mount; all members belong to the thread. */
struct tmpfs_args {
	uint64_t ta_size, ta_nodes; /* [thread] bytes, files; 0: the default */
	uint64_t ta_mode, ta_uid, ta_gid; /* [thread] of the root */
	bool ta_sized; /* [thread] size= was there */
};

/* => len bytes with a size, a percentage of memory too */
static bool
parse_size(const char *s, int len, uint64_t *out)
{
	if (len == 0 || s[len - 1] != '%')
		return mount_number(s, len, 10, out);
	if (!mount_number(s, len - 1, 10, out) || *out > 100)
		return false;
	*out = ptoa((u_long)uvmexp.npages) / 100 * *out;
	return true;
}

/* => the option at s, n bytes; EINVAL */
static int
parse_one(const char *s, int n, struct tmpfs_args *ta)
{
	static const char *const names[] = { "size", "nr_inodes", "mode", "uid",
		"gid" };
	uint64_t *const out[] = { &ta->ta_size, &ta->ta_nodes, &ta->ta_mode,
		&ta->ta_uid, &ta->ta_gid };

	for (int i = 0; i < (int)nitems(names); i++) {
		int len = (int)strlen(names[i]);

		if (n <= len || memcmp(s, names[i], (size_t)len) != 0 ||
		    s[len] != '=')
			continue;
		s += len + 1;
		n -= len + 1;
		ta->ta_sized |= i == 0;
		if (i == 0 ? !parse_size(s, n, out[i])
			   : !mount_number(s, n, i == 2 ? 8 : 10, out[i]))
			return EINVAL;
		return 0;
	}
	return n == 9 && memcmp(s, "namecache", 9) == 0 ? 0 : EINVAL;
}

static int
parse_options(const char *options, struct tmpfs_args *ta)
{
	int error = 0, n;

	for (; *options != '\0' && error == 0;
	     options += n + (options[n] == ',')) {
		for (n = 0; options[n] != '\0' && options[n] != ',';)
			n++;
		if (n > 0)
			error = parse_one(options, n, ta);
	}
	if (ta->ta_mode > ALLPERMS || ta->ta_uid > UINT32_MAX ||
	    ta->ta_gid > UINT32_MAX || ta->ta_size > INT64_MAX ||
	    ta->ta_nodes > INT64_MAX)
		error = EINVAL;
	return error;
}

/* => size 0 is no limit but memory, as without the option: half of it */
static void
set_limits(struct tmpfs_mount *tm, const struct tmpfs_args *ta)
{
	long half = uvmexp.npages / 2;

	if (ta->ta_sized) {
		atomic_store(&tm->tm_maxpages,
		    ta->ta_size == 0 ? (long)uvmexp.npages
				     : (long)atop(round_page(ta->ta_size)));
		tm->tm_sized = true;
	} else if (tm->tm_maxpages == 0)
		atomic_store(&tm->tm_maxpages, half);
	if (ta->ta_nodes != 0)
		atomic_store(&tm->tm_maxnodes, (long)ta->ta_nodes);
	else if (tm->tm_maxnodes == 0)
		atomic_store(&tm->tm_maxnodes, half);
}

static int
tmpfs_mount(struct mount *mp, const char *options)
{
	struct tmpfs_args ta = { .ta_mode = 01777 };
	struct tmpfs_mount *tm;
	struct tmpfs_node *root;
	struct vattr va;
	const char *value;
	int error;

	if (rootmount == NULL) {
		pool_init(&node_pool, sizeof(struct tmpfs_node), 0, "tmpfs");
		ta.ta_mode = 0755;
	}
	error = parse_options(options, &ta);
	if (error)
		return error;
	tm = kmem_zalloc(sizeof(*tm), PR_WAITOK);
	tm->tm_mount = mp;
	mtx_init(&tm->tm_mtx, LR_MISC, "tmpfs nodes");
	set_limits(tm, &ta);
	mp->mnt_data = tm;
	if (mount_option(options, "namecache", &value) >= 0)
		mp->mnt_flag |= MNTK_NAMECACHE;
	va = (struct vattr){ .va_mode = S_IFDIR | (mode_t)ta.ta_mode,
		.va_uid = (uid_t)ta.ta_uid,
		.va_gid = (gid_t)ta.ta_gid };
	root = node_alloc(tm, &va, NULL);
	if (root == NULL) {
		kmem_free(tm, sizeof(*tm));
		return ENOMEM;
	}
	root->tn_nlink = 2;
	root->tn_dir.parent = root;
	mp->mnt_root = &root->tn_vnode;
	return 0;
}

/* => less than there is already: EINVAL */
static int
tmpfs_remount(struct mount *mp, uint32_t flags, const char *options)
{
	struct tmpfs_mount *tm = mp->mnt_data;
	struct tmpfs_args ta = { .ta_size = 0 };
	int error = parse_options(options, &ta);

	if (error)
		return error;
	if ((ta.ta_size != 0 &&
		(long)atop(round_page(ta.ta_size)) <
		    atomic_load(&tm->tm_pages)) ||
	    (ta.ta_nodes != 0 &&
		(long)ta.ta_nodes < atomic_load(&tm->tm_nodes)))
		return EINVAL;
	set_limits(tm, &ta);
	return 0;
}

/* Is the node referenced by more than its names, or its pages by a mapping? */
static bool
node_busy(struct tmpfs_node *tn, const struct tmpfs_node *root)
{
	u_int refs = refcnt_read(&tn->tn_vnode.v_refs);

	switch (tn->tn_vnode.v_type) {
	case VDIR:
		return refs != (tn == root || tn->tn_dir.parent != NULL);
	case VREG:
		if (atomic_load(&tn->tn_file.uobj->uo_refs) > 1)
			return true;
		/* FALLTHROUGH */
	default:
		return refs != atomic_load(&tn->tn_nlink);
	}
}

static bool
tmpfs_busy(struct mount *mp)
{
	struct tmpfs_mount *tm = mp->mnt_data;
	struct tmpfs_node *tn;
	bool busy = false;

	mtx_enter(&tm->tm_mtx);
	LIST_FOREACH (tn, &tm->tm_list, tn_list)
		if (node_busy(tn, VTOTN(mp->mnt_root))) {
			busy = true;
			break;
		}
	mtx_leave(&tm->tm_mtx);
	return busy;
}

/* Take all names out of the tree, the lowest first. => nobody else is there */
static void
tree_free(struct tmpfs_node *root)
{
	struct tmpfs_node *dn = root, *tn;
	struct tmpfs_dirent *td;

	for (;;) {
		td = TAILQ_FIRST(&dn->tn_dir.list);
		if (td == NULL && dn == root)
			return;
		if (td == NULL) {
			dn = dn->tn_dir.parent;
			td = TAILQ_FIRST(&dn->tn_dir.list);
		} else if (td->td_node->tn_vnode.v_type == VDIR &&
		    !TAILQ_EMPTY(&td->td_node->tn_dir.list)) {
			dn = td->td_node;
			continue;
		}
		tn = td->td_node;
		unname(dn, td);
		dirent_free(td);
		node_rele(tn);
	}
}

static void
tmpfs_unmount(struct mount *mp)
{
	struct tmpfs_mount *tm = mp->mnt_data;
	struct tmpfs_node *root = VTOTN(mp->mnt_root);

	tree_free(root);
	root->tn_dir.parent = NULL;
	root->tn_nlink = 0;
	vrele(&root->tn_vnode);
	KASSERT(LIST_EMPTY(&tm->tm_list) && tm->tm_pages == 0);
	kmem_free(tm, sizeof(*tm));
}

/* => pages that are there now: tm_pages lags behind faults */
static long
pages_now(struct tmpfs_mount *tm)
{
	struct tmpfs_node *tn;
	long n = 0;

	mtx_enter(&tm->tm_mtx);
	LIST_FOREACH (tn, &tm->tm_list, tn_list)
		if (tn->tn_vnode.v_type == VREG)
			n += uao_pages(tn->tn_file.uobj);
	mtx_leave(&tm->tm_mtx);
	return n;
}

static int
tmpfs_statfs(struct mount *mp, struct statfs *sf)
{
	struct tmpfs_mount *tm = mp->mnt_data;
	long max = atomic_load(&tm->tm_maxpages);
	long files = atomic_load(&tm->tm_maxnodes);

	sf->f_type = TMPFS_MAGIC;
	sf->f_bsize = PAGE_SIZE;
	sf->f_blocks = (uint64_t)max;
	sf->f_bfree = sf->f_bavail = (uint64_t)MAX(0, max - pages_now(tm));
	sf->f_files = (uint64_t)files;
	sf->f_ffree = (uint64_t)MAX(0, files - atomic_load(&tm->tm_nodes));
	return 0;
}

static void
tmpfs_options(struct mount *mp, char *buf, size_t len)
{
	struct tmpfs_mount *tm = mp->mnt_data;

	if (tm->tm_sized)
		snprintf(buf, len, ",size=%luk",
		    (u_long)ptoa(atomic_load(&tm->tm_maxpages)) >> 10);
}

const struct vfsops tmpfs_vfsops = {
	.vfs_name = "tmpfs",
	.vfs_mount = tmpfs_mount,
	.vfs_remount = tmpfs_remount,
	.vfs_busy = tmpfs_busy,
	.vfs_unmount = tmpfs_unmount,
	.vfs_statfs = tmpfs_statfs,
	.vfs_options = tmpfs_options,
};
