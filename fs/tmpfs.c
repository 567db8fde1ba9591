/*
 * A file system in memory: names in nodes, data in anonymous objects.
 *
 * The node is the vnode.  It lives as long as it has a name, a parent that
 * names it, or a reference; a directory holds a reference to each child and a
 * pointer, not a reference, to its parent.
 *
 * Locks: a directory's v_lock protects its entries and its children's tn_parent
 * and tn_nlink; a file's protects its size and times.  Two directories are
 * locked in address order.  tmpfs_rename_lock serialises renames, so that the
 * shape of the tree stands still while loops are looked for.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/queue.h>
#include <sys/timeout.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define TMPFS_DEV   1
#define RENAME_SAME (-1) /* both names are of one file: done already */

struct tmpfs_node;

/*
 * A name in a directory.
 * Locks used to protect members:
 *	d	v_lock of the directory
 */
struct tmpfs_dirent {
	TAILQ_ENTRY(tmpfs_dirent) td_link; /* [d] in order of td_cookie */
	LIST_ENTRY(tmpfs_dirent) td_hash; /* [d] */
	struct tmpfs_node *td_node; /* [d] referenced */
	off_t td_cookie; /* [d] position in readdir */
	uint32_t td_hashval; /* [d] */
	uint16_t td_len; /* [d] */
	char td_name[]; /* [d] td_len bytes */
};
LIST_HEAD(tmpfs_bucket, tmpfs_dirent);

#define TMPFS_BUCKETS 16

/*
 * Locks used to protect members of a node:
 *	I	immutable
 *	v	tn_vnode.v_lock
 *	d	v_lock of the directory that names it (all of them to write)
 *	a	atomic operations
 */
struct tmpfs_node {
	struct vnode tn_vnode;
	ino_t tn_ino; /* [I] */
	mode_t tn_mode; /* [v] */
	uid_t tn_uid; /* [v] */
	gid_t tn_gid; /* [v] */
	uint32_t tn_nlink; /* [a] */
	uint64_t tn_atime, tn_mtime, tn_ctime; /* [v] ns since 1970 */
	union {
		struct {
			struct uvm_object *uobj; /* [I] */
			off_t size; /* [v] bytes */
		} tn_file;
		struct {
			TAILQ_HEAD(, tmpfs_dirent) list; /* [v] */
			struct tmpfs_bucket *hash; /* [I] */
			off_t cookie; /* [v] next one */
			/* [v of the parent, and tmpfs_rename_lock] NULL: it has
			   been removed */
			struct tmpfs_node *parent;
		} tn_dir;
		char *tn_link; /* [I] target, NUL-terminated */
	};
};

static const struct vnodeops tmpfs_ops;
static struct pool node_pool;
static struct rwlock tmpfs_rename_lock =
    RWLOCK_INITIALIZER(LR_MOUNT, "tmpfs rename");
static ino_t last_ino = 1; /* [a] */

#define VTOTN(vp) container_of(vp, struct tmpfs_node, tn_vnode)

/* -- Nodes --------------------------------------------------------------------------- */

static void
touch(struct tmpfs_node *tn, bool mtime)
{
	tn->tn_ctime = nsecwall();
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

/* => a node with one reference and no name, or NULL */
static struct tmpfs_node *
node_alloc(const struct vattr *va, const char *target)
{
	struct tmpfs_node *tn = pool_get(&node_pool, PR_NOWAIT | PR_ZERO);

	if (tn == NULL)
		return NULL;
	rw_init(&tn->tn_vnode.v_lock, LR_VNODE, "tmpfs");
	refcnt_init(&tn->tn_vnode.v_refs);
	tn->tn_vnode.v_type = mode_to_vtype(va->va_mode);
	tn->tn_vnode.v_op = &tmpfs_ops;
	tn->tn_vnode.v_rdev = va->va_rdev;
	tn->tn_ino = atomic_add(&last_ino, 1) + 1;
	tn->tn_mode = va->va_mode;
	tn->tn_uid = va->va_uid;
	tn->tn_gid = va->va_gid;
	touch(tn, true);
	tn->tn_atime = tn->tn_mtime;
	if (node_setup(tn, target) != 0) {
		pool_put(&node_pool, tn);
		return NULL;
	}
	return tn;
}

/* The last reference is gone, and so are the names, each of which holds one. */
static void
tmpfs_inactive(struct vnode *vp)
{
	struct tmpfs_node *tn = VTOTN(vp);

	KASSERT(atomic_load(&tn->tn_nlink) == 0);
	switch (vp->v_type) {
	case VREG:
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

	LIST_FOREACH(td, &dn->tn_dir.hash[h % TMPFS_BUCKETS], td_hash)
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

/* => write-locked; a reference to tn goes into the entry */
static void
dir_insert(struct tmpfs_node *dn, struct tmpfs_dirent *td,
    struct tmpfs_node *tn)
{
	td->td_node = tn;
	td->td_cookie = dn->tn_dir.cookie++;
	TAILQ_INSERT_TAIL(&dn->tn_dir.list, td, td_link);
	LIST_INSERT_HEAD(&dn->tn_dir.hash[td->td_hashval % TMPFS_BUCKETS], td,
	    td_hash);
	atomic_add(&tn->tn_nlink, 1);
	if (tn->tn_vnode.v_type == VDIR) {
		tn->tn_dir.parent = dn;
		atomic_add(&dn->tn_nlink, 1);
	}
	touch(dn, true);
}

/* => write-locked; the entry's reference becomes the caller's */
static void
dir_remove(struct tmpfs_node *dn, struct tmpfs_dirent *td)
{
	struct tmpfs_node *tn = td->td_node;

	TAILQ_REMOVE(&dn->tn_dir.list, td, td_link);
	LIST_REMOVE(td, td_hash);
	atomic_add(&tn->tn_nlink, -1);
	if (tn->tn_vnode.v_type == VDIR) {
		tn->tn_dir.parent = NULL;
		atomic_add(&dn->tn_nlink, -1);
	}
	touch(dn, true);
}

static bool
dir_dead(struct tmpfs_node *dn)
{
	return dn->tn_dir.parent == NULL;
}

/* -- Names ---------------------------------------------------------------------------------- */

static int
tmpfs_lookup(struct vnode *dvp, const char *name, size_t len,
    struct vnode **vpp)
{
	struct tmpfs_node *dn = VTOTN(dvp), *found = NULL;
	struct tmpfs_dirent *td;

	if (len == 2 && name[0] == '.' && name[1] == '.') {
		rw_enter_read(&tmpfs_rename_lock);
		found = dn->tn_dir.parent;
		if (found != NULL)
			vref(&found->tn_vnode);
		rw_exit(&tmpfs_rename_lock);
	} else {
		rw_enter_read(&dvp->v_lock);
		td = dir_find(dn, name, len);
		if (td != NULL) {
			found = td->td_node;
			vref(&found->tn_vnode);
		}
		rw_exit(&dvp->v_lock);
	}
	*vpp = found != NULL ? &found->tn_vnode : NULL;
	return found != NULL ? 0 : ENOENT;
}

static int
tmpfs_create(struct vnode *dvp, const char *name, size_t len,
    const struct vattr *va, const char *target, struct vnode **vpp)
{
	struct tmpfs_node *dn = VTOTN(dvp), *tn = node_alloc(va, target);
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
			if (va->va_mode && tn->tn_vnode.v_type == VDIR)
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
tmpfs_link(struct vnode *dvp, const char *name, size_t len, struct vnode *vp)
{
	struct tmpfs_dirent *td = dirent_alloc(name, len);
	struct tmpfs_node *dn = VTOTN(dvp);
	int error = 0;

	if (td == NULL)
		return ENOSPC;
	rw_enter_write(&dvp->v_lock);
	if (dir_dead(dn) || atomic_load(&VTOTN(vp)->tn_nlink) == 0)
		error = ENOENT;
	else if (dir_find(dn, name, len) != NULL)
		error = EEXIST;
	else {
		vref(vp);
		dir_insert(dn, td, VTOTN(vp));
	}
	rw_exit(&dvp->v_lock);
	if (error)
		dirent_free(td);
	return error;
}

/* => dn locked; may the entry be removed as a directory (or not as one)? */
static int
may_remove(struct tmpfs_dirent *td, bool dir)
{
	struct tmpfs_node *tn = td->td_node;

	if (!dir)
		return tn->tn_vnode.v_type == VDIR ? EISDIR : 0;
	if (tn->tn_vnode.v_type != VDIR)
		return ENOTDIR;
	return TAILQ_EMPTY(&tn->tn_dir.list) ? 0 : ENOTEMPTY;
}

static void
drop_removed(struct tmpfs_node *tn, bool dir)
{
	if (dir)
		atomic_add(&tn->tn_nlink, -1); /* "." */
	vrele(&tn->tn_vnode);
}

static int
tmpfs_remove(struct vnode *dvp, const char *name, size_t len, bool dir)
{
	struct tmpfs_node *dn = VTOTN(dvp), *tn = NULL;
	struct tmpfs_dirent *td;
	int error;

	/* a directory's children must not change while it is removed */
	if (dir)
		rw_enter_write(&tmpfs_rename_lock);
	rw_enter_write(&dvp->v_lock);
	td = dir_find(dn, name, len);
	if (td != NULL) {
		tn = td->td_node;
		if (dir)
			rw_enter_write(&tn->tn_vnode.v_lock);
		error = may_remove(td, dir);
		if (error == 0)
			dir_remove(dn, td);
		if (dir)
			rw_exit(&tn->tn_vnode.v_lock);
	} else
		error = ENOENT;
	rw_exit(&dvp->v_lock);
	if (dir)
		rw_exit(&tmpfs_rename_lock);
	if (error == 0) {
		dirent_free(td);
		drop_removed(tn, dir);
	}
	return error;
}

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

/*
 * Check and perform, with everything locked.
 * => *victim: node whose entry was replaced, its reference the caller's
 */
static int
rename_locked(struct tmpfs_node *fdn, const char *fname, size_t flen,
    struct tmpfs_node *tdn, struct tmpfs_dirent *newtd, int flags,
    struct tmpfs_node **victim, struct tmpfs_dirent *freed[2])
{
	struct tmpfs_dirent *ftd = dir_find(fdn, fname, flen);
	struct tmpfs_dirent *ttd = dir_find(tdn, newtd->td_name,
	    newtd->td_len);
	struct tmpfs_node *tn;
	bool dir;
	int error;

	if (ftd == NULL || dir_dead(tdn))
		return ENOENT;
	tn = ftd->td_node;
	dir = tn->tn_vnode.v_type == VDIR;
	if (ttd != NULL && (flags & RENAME_NOREPLACE))
		return EEXIST;
	if (dir && is_below(tdn, tn))
		return EINVAL;
	if (ttd != NULL && ttd->td_node == tn)
		return RENAME_SAME;
	if (ttd != NULL) {
		error = may_remove(ttd, dir);
		if (error)
			return error;
		*victim = ttd->td_node;
		dir_remove(tdn, ttd);
		freed[1] = ttd;
	}
	dir_remove(fdn, ftd);
	freed[0] = ftd;
	dir_insert(tdn, newtd, tn);
	touch(tn, false);
	return 0;
}

static void
lock_two(struct vnode *a, struct vnode *b)
{
	rw_enter_write(a < b ? &a->v_lock : &b->v_lock);
	if (a != b)
		rw_enter_write(a < b ? &b->v_lock : &a->v_lock);
}

static void
unlock_two(struct vnode *a, struct vnode *b)
{
	rw_exit(&a->v_lock);
	if (a != b)
		rw_exit(&b->v_lock);
}

static int
tmpfs_rename(struct vnode *fdvp, const char *fname, size_t flen,
    struct vnode *tdvp, const char *tname, size_t tlen, int flags)
{
	struct tmpfs_dirent *freed[2] = { NULL, NULL }, *newtd;
	struct tmpfs_node *victim = NULL;
	int error;

	if (flags & ~RENAME_NOREPLACE)
		return EINVAL;
	newtd = dirent_alloc(tname, tlen);
	if (newtd == NULL)
		return ENOSPC;
	rw_enter_write(&tmpfs_rename_lock);
	lock_two(fdvp, tdvp);
	error = rename_locked(VTOTN(fdvp), fname, flen, VTOTN(tdvp), newtd,
	    flags, &victim, freed);
	unlock_two(fdvp, tdvp);
	rw_exit(&tmpfs_rename_lock);
	if (error)
		dirent_free(newtd);
	for (int i = 0; i < 2; i++)
		if (freed[i] != NULL)
			dirent_free(freed[i]);
	if (victim != NULL)
		drop_removed(victim, victim->tn_vnode.v_type == VDIR);
	/* two names of one file: nothing to do, and no error */
	return error == RENAME_SAME ? 0 : error;
}

static int
tmpfs_readdir(struct vnode *dvp, off_t from, vn_emit_t *emit, void *arg)
{
	struct tmpfs_node *dn = VTOTN(dvp), *up;
	struct tmpfs_dirent *td;
	bool more = true;

	rw_enter_read(&dvp->v_lock);
	up = dn->tn_dir.parent != NULL ? dn->tn_dir.parent : dn;
	if (from <= 0)
		more = emit(arg, ".", 1, dn->tn_ino, VDIR, 1);
	if (from <= 1 && more)
		more = emit(arg, "..", 2, up->tn_ino, VDIR, 2);
	TAILQ_FOREACH(td, &dn->tn_dir.list, td_link) {
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

/* The name of a directory, for getcwd. */
static int
tmpfs_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp)
{
	struct tmpfs_node *tn = VTOTN(vp), *dn;
	struct tmpfs_dirent *td;
	int error = ENOENT;

	if (vp->v_type != VDIR)
		return ENOTDIR;
	rw_enter_read(&tmpfs_rename_lock);
	dn = tn->tn_dir.parent;
	if (dn != NULL) {
		rw_enter_read(&dn->tn_vnode.v_lock);
		TAILQ_FOREACH(td, &dn->tn_dir.list, td_link)
			if (td->td_node == tn && td->td_len < size) {
				memcpy(name, td->td_name, td->td_len);
				name[td->td_len] = '\0';
				vref(&dn->tn_vnode);
				*dvpp = &dn->tn_vnode;
				error = 0;
				break;
			}
		rw_exit(&dn->tn_vnode.v_lock);
	}
	rw_exit(&tmpfs_rename_lock);
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
	va->va_dev = TMPFS_DEV;
	va->va_rdev = vp->v_rdev;
	va->va_ino = tn->tn_ino;
	va->va_atime = tn->tn_atime;
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

/* => write-locked */
static int
set_size(struct tmpfs_node *tn, off_t size)
{
	int error;

	if (tn->tn_vnode.v_type != VREG)
		return tn->tn_vnode.v_type == VDIR ? EISDIR : EINVAL;
	if (size < tn->tn_file.size)
		error = uao_shrink(tn->tn_file.uobj, size);
	else
		error = uao_grow(tn->tn_file.uobj, size);
	if (error == 0) {
		tn->tn_file.size = size;
		touch(tn, true);
	}
	return error;
}

static int
tmpfs_setattr(struct vnode *vp, const struct vattr *va, int which)
{
	struct tmpfs_node *tn = VTOTN(vp);
	int error = 0;

	rw_enter_write(&vp->v_lock);
	if (which & VA_SIZE)
		error = set_size(tn, va->va_size);
	if (error == 0) {
		touch(tn, false);
		if (which & VA_MODE)
			tn->tn_mode = (tn->tn_mode & S_IFMT) |
			    (va->va_mode & ALLPERMS);
		if (which & VA_UID)
			tn->tn_uid = va->va_uid;
		if (which & VA_GID)
			tn->tn_gid = va->va_gid;
		if (which & VA_ATIME)
			tn->tn_atime = va->va_atime;
		if (which & VA_MTIME)
			tn->tn_mtime = va->va_mtime;
	}
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
	rw_exit(&vp->v_lock);
	return error;
}

static int
tmpfs_write(struct vnode *vp, struct uio *uio, bool append)
{
	struct tmpfs_node *tn = VTOTN(vp);
	off_t end, old;
	int error = 0;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	rw_enter_write(&vp->v_lock);
	old = tn->tn_file.size;
	if (append)
		uio->uio_offset = old;
	if (__builtin_add_overflow(uio->uio_offset, (off_t)uio->uio_resid,
		&end))
		error = EFBIG;
	if (error == 0 && end > old)
		error = set_size(tn, end);
	if (error == 0) {
		error = uvm_obj_uiomove(tn->tn_file.uobj, uio, uio->uio_resid);
		/* a write cut short leaves the file at its last byte */
		if (error && end > old)
			set_size(tn, MAX(old, uio->uio_offset));
		touch(tn, true);
	}
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

static const struct vnodeops tmpfs_ops = {
	.vop_lookup = tmpfs_lookup,
	.vop_create = tmpfs_create,
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
};

struct vnode *
tmpfs_mkroot(void)
{
	const struct vattr va = { .va_mode = S_IFDIR | 0755 };
	struct tmpfs_node *tn;

	pool_init(&node_pool, sizeof(struct tmpfs_node), 0, "tmpfs");
	tn = node_alloc(&va, NULL);
	if (tn == NULL)
		panic("tmpfs_mkroot: no memory for the root");
	tn->tn_nlink = 2;
	tn->tn_dir.parent = tn;
	return &tn->tn_vnode;
}
