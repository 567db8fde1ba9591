/*
 * Files of ext2 as system calls see them.
 *
 * A directory's v_lock protects its names.  What needs several vnodes' takes
 * them in address order, as a set; a child is looked up first, and again when
 * all are locked.  em_rename is held by what moves or removes directories, so
 * that ".." stands still while loops are looked for.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/mutant.h>
#include <sys/uio.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_pager.h>
#include <fs/ext2/ext2_vnode.h>

/* -- Several vnodes at once --------------------------------------------------------- */

#define SET_MAX 4

/* Vnodes in address order, each once; belongs to the thread. */
struct vset {
	struct vnode *vs_vp[SET_MAX]; /* [thread] */
	int vs_n; /* [thread] */
};

static void
set_add(struct vset *vs, struct vnode *vp)
{
	int i = vs->vs_n;

	for (int k = 0; k < vs->vs_n; k++)
		if (vs->vs_vp[k] == vp)
			return;
	if (vp == NULL)
		return;
	for (; i > 0 && vs->vs_vp[i - 1] > vp; i--)
		vs->vs_vp[i] = vs->vs_vp[i - 1];
	vs->vs_vp[i] = vp;
	vs->vs_n++;
}

static void
set_lock(const struct vset *vs)
{
	for (int i = 0; i < vs->vs_n; i++)
		rw_enter_write(&vs->vs_vp[i]->v_lock);
}

static void
set_unlock(const struct vset *vs)
{
	for (int i = vs->vs_n; i-- > 0;)
		rw_exit(&vs->vs_vp[i]->v_lock);
}

static struct vset
set_of(struct vnode *a, struct vnode *b, struct vnode *c, struct vnode *d)
{
	struct vset vs = { .vs_n = 0 };

	set_add(&vs, a);
	set_add(&vs, b);
	set_add(&vs, c);
	set_add(&vs, d);
	return vs;
}

/* => dvp locked: does the name still lead to vp (NULL: nowhere)? */
static int
still_names(struct vnode *dvp, const char *name, size_t len, struct vnode *vp)
{
	uint32_t ino;
	int error = ext2_dir_lookup(VTOI(dvp), name, len, &ino);

	if (error && error != ENOENT)
		return error;
	return ino == (vp != NULL ? VTOI(vp)->i_ino : 0) ? 0 : EAGAIN;
}

/*
 * The directory that has a name of a file: for who asks for its path.  The name
 * goes, or leads elsewhere: hint_lost() and, if it is known, hint_set() for
 * another.  So a directory hinted at has a name of the file, and exists.
 * => dvp locked
 */
static void
hint_set(struct vnode *dvp, struct vnode *vp)
{
	struct ext2fs *fs = VTOI(vp)->i_fs;

	mtx_enter(&fs->fs_mtx);
	VTOEV(vp)->ev_dir = VTOI(dvp)->i_ino;
	mtx_leave(&fs->fs_mtx);
}

static void
hint_lost(struct vnode *dvp, struct vnode *vp)
{
	struct ext2fs *fs = VTOI(vp)->i_fs;

	mtx_enter(&fs->fs_mtx);
	if (VTOEV(vp)->ev_dir == VTOI(dvp)->i_ino)
		VTOEV(vp)->ev_dir = 0;
	mtx_leave(&fs->fs_mtx);
}

static void
uncache(struct vnode *dvp, const char *name, size_t len)
{
	if (dvp->v_mount->mnt_flag & MNTK_NAMECACHE)
		cache_remove(dvp, name, len);
}

/* -- Names ---------------------------------------------------------------------------- */

static int
ext2_lookup(struct vnode *dvp, const char *name, size_t len, struct vnode **vpp)
{
	struct ext2_mount *em = VTOEV(dvp)->ev_mount;
	struct ext2_inode *dp = VTOI(dvp);
	uint32_t ino;
	int error;

	*vpp = NULL;
	if (len > EXT2_NAMELEN)
		return ENAMETOOLONG;
	rw_enter_read(&dvp->v_lock);
	error =
	    dp->i_nlink == 0 ? ENOENT : ext2_dir_lookup(dp, name, len, &ino);
	if (error == 0)
		error = ext2_vget(em, ino, vpp);
	if (error == 0 && (*vpp)->v_type != VDIR)
		hint_set(dvp, *vpp);
	if ((error == 0 || (error == ENOENT && dp->i_nlink != 0)) &&
	    (dvp->v_mount->mnt_flag & MNTK_NAMECACHE) &&
	    !(len == 2 && name[0] == '.' && name[1] == '.'))
		cache_enter(dvp, name, len, *vpp);
	rw_exit(&dvp->v_lock);
	return error;
}

static int
ext2_vcreate(struct vnode *dvp, const char *name, size_t len,
    const struct vattr *va, const char *target, struct vnode **vpp)
{
	struct ext2_inode *ip;
	int error;

	rw_enter_write(&dvp->v_lock);
	error = ext2_create(VTOI(dvp), name, len, va->va_mode, va->va_uid,
	    va->va_gid, va->va_rdev, target, &ip);
	if (error == 0) {
		uncache(dvp, name, len);
		*vpp = ext2_vnew(VTOEV(dvp)->ev_mount, ip);
		if ((*vpp)->v_type != VDIR)
			hint_set(dvp, *vpp);
		if (dvp->v_mount->mnt_flag & MNTK_NAMECACHE)
			cache_enter(dvp, name, len, *vpp);
	}
	rw_exit(&dvp->v_lock);
	return error;
}

static int
ext2_vlink(struct vnode *dvp, const char *name, size_t len, struct vnode *vp)
{
	struct vset vs = set_of(dvp, vp, NULL, NULL);
	int error;

	set_lock(&vs);
	error = ext2_link(VTOI(dvp), name, len, VTOI(vp));
	if (error == 0) {
		uncache(dvp, name, len);
		hint_set(dvp, vp);
	}
	set_unlock(&vs);
	return error;
}

/* => vp locked; may a name of it go as one of a directory (or not)? */
static int
may_remove(const struct vnode *vp, bool dir)
{
	if (!dir)
		return vp->v_type == VDIR ? EISDIR : 0;
	if (vp->v_type != VDIR)
		return ENOTDIR;
	return vp->v_covered != NULL ? EBUSY : 0;
}

/* => EAGAIN: the name leads elsewhere now */
static int
remove_child(
    struct vnode *dvp, const char *name, size_t len, struct vnode *vp, bool dir)
{
	struct vset vs = set_of(dvp, vp, NULL, NULL);
	int error;

	set_lock(&vs);
	error = still_names(dvp, name, len, vp);
	if (error == 0)
		error = may_remove(vp, dir);
	if (error == 0)
		error = ext2_remove(VTOI(dvp), name, len, VTOI(vp));
	if (error == 0) {
		uncache(dvp, name, len);
		hint_lost(dvp, vp);
	}
	set_unlock(&vs);
	if (error == 0 && dir)
		cache_purge_dir(vp);
	return error;
}

static int
ext2_vremove(struct vnode *dvp, const char *name, size_t len, bool dir)
{
	struct ext2_mount *em = VTOEV(dvp)->ev_mount;
	struct vnode *vp;
	int error;

	if (dir)
		rw_enter_write(&em->em_rename);
	do {
		error = ext2_lookup(dvp, name, len, &vp);
		if (error)
			break;
		error = remove_child(dvp, name, len, vp, dir);
		vrele(vp);
	} while (error == EAGAIN);
	if (dir)
		rw_exit(&em->em_rename);
	return error;
}

/* -- Renaming --------------------------------------------------------------------------- */

/* A call of rename; all members belong to the thread. */
struct rename {
	struct vnode *rn_fdvp, *rn_tdvp; /* [thread] directories */
	const char *rn_fname, *rn_tname; /* [thread] names in them */
	size_t rn_flen, rn_tlen; /* [thread] */
	int rn_flags; /* [thread] RENAME_* */
	struct vnode *rn_vp, *rn_tvp; /* [thread] what is there; NULL: none */
};

/*
 * => em_rename held: EINVAL: dp is vp or below it; a damaged directory tree
 *    has no root: EIO
 */
static int
check_below(struct ext2_inode *dp, struct ext2_inode *vp)
{
	struct ext2fs *fs = dp->i_fs;
	uint32_t ino = dp->i_ino, up, steps = 0;
	struct ext2_inode *ip;
	int error;

	while (ino != vp->i_ino) {
		if (ino == EXT2_ROOTINO)
			return 0;
		if (steps++ > fs->fs_ninodes)
			return ext2_bad(fs, "loop at directory", ino, 0);
		error = ext2_iget(fs, ino, &ip);
		if (error)
			return error;
		error = ext2_dir_lookup(ip, "..", 2, &up);
		ext2_iput(ip);
		if (error)
			return error == ENOENT ? EIO : error;
		ino = up;
	}
	return EINVAL;
}

/* => all locked; *samep: both are names of one file, nothing to do */
static int
rename_check(const struct rename *rn, bool *samep)
{
	bool swap = (rn->rn_flags & RENAME_EXCHANGE) != 0;
	bool dir = rn->rn_vp->v_type == VDIR;
	int error = 0;

	*samep = rn->rn_vp == rn->rn_tvp;
	if (rn->rn_tvp == NULL && swap)
		return ENOENT;
	if (rn->rn_tvp != NULL && (rn->rn_flags & RENAME_NOREPLACE))
		return EEXIST;
	if (dir)
		error = check_below(VTOI(rn->rn_tdvp), VTOI(rn->rn_vp));
	if (error || *samep || rn->rn_tvp == NULL)
		return error;
	if (!swap)
		return may_remove(rn->rn_tvp, dir);
	return rn->rn_tvp->v_type == VDIR
	    ? check_below(VTOI(rn->rn_fdvp), VTOI(rn->rn_tvp))
	    : 0;
}

/* => all locked, checked: the file system's part, and hints for paths */
static int
rename_perform(const struct rename *rn)
{
	struct ext2_inode *tip = rn->rn_tvp != NULL ? VTOI(rn->rn_tvp) : NULL;
	bool swap = (rn->rn_flags & RENAME_EXCHANGE) != 0;
	int error;

	if (swap)
		error = ext2_exchange(VTOI(rn->rn_fdvp), rn->rn_fname,
		    rn->rn_flen, VTOI(rn->rn_vp), VTOI(rn->rn_tdvp),
		    rn->rn_tname, rn->rn_tlen, tip);
	else
		error = ext2_rename(VTOI(rn->rn_fdvp), rn->rn_fname,
		    rn->rn_flen, VTOI(rn->rn_vp), VTOI(rn->rn_tdvp),
		    rn->rn_tname, rn->rn_tlen, tip);
	hint_lost(rn->rn_fdvp, rn->rn_vp);
	if (tip != NULL)
		hint_lost(rn->rn_tdvp, rn->rn_tvp);
	if (error == 0)
		hint_set(rn->rn_tdvp, rn->rn_vp);
	if (error == 0 && swap)
		hint_set(rn->rn_fdvp, rn->rn_tvp);
	return error;
}

/* => em_rename held; EAGAIN: the names lead elsewhere now */
static int
rename_locked(struct rename *rn)
{
	struct vset vs =
	    set_of(rn->rn_fdvp, rn->rn_tdvp, rn->rn_vp, rn->rn_tvp);
	bool same = false;
	int error;

	set_lock(&vs);
	error = still_names(rn->rn_fdvp, rn->rn_fname, rn->rn_flen, rn->rn_vp);
	if (error == 0)
		error = still_names(
		    rn->rn_tdvp, rn->rn_tname, rn->rn_tlen, rn->rn_tvp);
	if (error == 0)
		error = rename_check(rn, &same);
	if (error == 0 && !same)
		error = rename_perform(rn);
	if (error != EAGAIN) { /* even one that failed may have done a part */
		uncache(rn->rn_fdvp, rn->rn_fname, rn->rn_flen);
		uncache(rn->rn_tdvp, rn->rn_tname, rn->rn_tlen);
	}
	set_unlock(&vs);
	if (error == 0 && !same && rn->rn_tvp != NULL &&
	    rn->rn_tvp->v_type == VDIR && (rn->rn_flags & RENAME_EXCHANGE) == 0)
		cache_purge_dir(rn->rn_tvp);
	return error;
}

static int
rename_try(struct rename *rn)
{
	int error =
	    ext2_lookup(rn->rn_fdvp, rn->rn_fname, rn->rn_flen, &rn->rn_vp);

	if (error)
		return error;
	error =
	    ext2_lookup(rn->rn_tdvp, rn->rn_tname, rn->rn_tlen, &rn->rn_tvp);
	if (error == 0 || error == ENOENT)
		error = rename_locked(rn);
	if (rn->rn_tvp != NULL)
		vrele(rn->rn_tvp);
	vrele(rn->rn_vp);
	return error;
}

static int
ext2_vrename(struct vnode *fdvp, const char *fname, size_t flen,
    struct vnode *tdvp, const char *tname, size_t tlen, int flags)
{
	struct ext2_mount *em = VTOEV(fdvp)->ev_mount;
	struct rename rn = { fdvp, tdvp, fname, tname, flen, tlen, flags, NULL,
		NULL };
	int error;

	rw_enter_write(&em->em_rename);
	do
		error = rename_try(&rn);
	while (error == EAGAIN);
	rw_exit(&em->em_rename);
	return error;
}

/* -- Reading directories ------------------------------------------------------------------ */

/* What readdir passes on; belongs to the thread. */
struct reader {
	vn_emit_t *emit; /* [thread] */
	void *arg; /* [thread] */
};

static bool
pass_on(void *arg, const char *name, size_t len, uint32_t ino, uint8_t type,
    uint64_t next)
{
	static const enum vtype vtype[] = { VNON, VREG, VDIR, VCHR, VBLK, VFIFO,
		VSOCK, VLNK };
	struct reader *r = arg;

	return r->emit(r->arg, name, len, ino,
	    type < nitems(vtype) ? vtype[type] : VNON, (off_t)next);
}

static int
ext2_readdir(struct vnode *dvp, off_t from, vn_emit_t *emit, void *arg)
{
	struct reader r = { emit, arg };
	struct ext2_inode *dp = VTOI(dvp);
	int error;

	rw_enter_read(&dvp->v_lock);
	error = dp->i_nlink == 0
	    ? ENOENT
	    : ext2_dir_iterate(dp, (uint64_t)MAX(from, 0), pass_on, &r);
	rw_exit(&dvp->v_lock);
	return error;
}

static int
ext2_vreadlink(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	int error;

	if (vp->v_type != VLNK)
		return EINVAL;
	rw_enter_read(&vp->v_lock);
	error = ext2_readlink(VTOI(vp), buf, size, lenp);
	rw_exit(&vp->v_lock);
	return error;
}

/* A search for the name of an inode; belongs to the thread. */
struct by_ino {
	uint32_t ino; /* [thread] */
	char *name; /* [thread] */
	size_t size; /* [thread] */
	bool found; /* [thread] */
};

static bool
match_ino(void *arg, const char *name, size_t len, uint32_t ino, uint8_t type,
    uint64_t next)
{
	struct by_ino *b = arg;

	if (ino != b->ino || len >= b->size || name[0] == '\0' ||
	    (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.'))))
		return true;
	memcpy(b->name, name, len);
	b->name[len] = '\0';
	b->found = true;
	return false;
}

/* => em_rename held: a directory's is in "..", of a file it was noted */
static int
get_parent(struct vnode *vp, struct vnode **dvpp)
{
	struct ext2_vnode *ev = VTOEV(vp);
	struct ext2fs *fs = ev->ev_ip->i_fs;
	uint32_t ino;

	if (vp->v_type == VDIR)
		return ext2_lookup(vp, "..", 2, dvpp);
	mtx_enter(&fs->fs_mtx);
	ino = ev->ev_dir;
	mtx_leave(&fs->fs_mtx);
	return ino != 0 ? ext2_vget(ev->ev_mount, ino, dvpp) : ENOENT;
}

static int
find_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp)
{
	struct by_ino b = { VTOI(vp)->i_ino, name, size, false };
	int error = get_parent(vp, dvpp);

	if (error)
		return error;
	rw_enter_read(&(*dvpp)->v_lock);
	error = ext2_dir_iterate(VTOI(*dvpp), 0, match_ino, &b);
	rw_exit(&(*dvpp)->v_lock);
	if (error == 0 && !b.found)
		error = ENOENT;
	if (error)
		vrele(*dvpp);
	return error;
}

static int
ext2_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp)
{
	struct ext2_mount *em = VTOEV(vp)->ev_mount;
	int error;

	rw_enter_read(&em->em_rename);
	error = find_parent(vp, name, size, dvpp);
	rw_exit(&em->em_rename);
	return error;
}

/* -- Attributes ------------------------------------------------------------------------------ */

/* => v_lock may be held by others, even by who waits for us */
static int
ext2_getattr(struct vnode *vp, struct vattr *va)
{
	struct ext2_inode *ip = VTOI(vp);

	rw_enter_read(&ip->i_maplock);
	va->va_mode = ip->i_mode;
	va->va_nlink = ip->i_nlink;
	va->va_uid = ip->i_uid;
	va->va_gid = ip->i_gid;
	va->va_dev = vp->v_mount->mnt_dev;
	va->va_rdev = vp->v_rdev;
	va->va_ino = ip->i_ino;
	va->va_size = (off_t)ip->i_size;
	va->va_bytes = ip->i_blocks * 512;
	va->va_atime = ip->i_atime;
	va->va_mtime = ip->i_mtime;
	va->va_ctime = ip->i_ctime;
	rw_exit(&ip->i_maplock);
	return 0;
}

/* The owner changes: what runs under the old one's name does no more. */
static void
kill_setid(struct ext2_inode *ip)
{
	if (S_ISDIR(ip->i_mode))
		return;
	ip->i_mode &= ~(mode_t)04000;
	if (ip->i_mode & 0010)
		ip->i_mode &= ~(mode_t)02000;
}

/* => v_lock write-held */
static void
set_attributes(struct ext2_inode *ip, const struct vattr *va, int which)
{
	rw_enter_write(&ip->i_maplock);
	ip->i_ctime = (int64_t)nsecwall();
	if (which & VA_MODE)
		ip->i_mode = (ip->i_mode & S_IFMT) | (va->va_mode & ALLPERMS);
	if (which & VA_UID)
		ip->i_uid = va->va_uid;
	if (which & VA_GID)
		ip->i_gid = va->va_gid;
	if (which & VA_KILLSUID)
		kill_setid(ip);
	if (which & VA_ATIME)
		ip->i_atime = va->va_atime;
	if (which & VA_MTIME)
		ip->i_mtime = va->va_mtime;
	rw_exit(&ip->i_maplock);
	ext2_idirty(ip);
}

static int
ext2_setattr(struct vnode *vp, const struct vattr *va, int which)
{
	struct uvm_object *uobj = NULL;
	int error = 0;

	if (VTOI(vp)->i_fs->fs_rdonly)
		return EROFS;
	/*
	 * The pager has to clear what lies behind the old end in the last page:
	 * it has to know the file, even if nobody has read it yet.
	 */
	if ((which & VA_SIZE) && vp->v_type == VREG && va->va_size != 0 &&
	    !MUTANT(EXT2_GROWS_UNKNOWN)) {
		uobj = uvn_attach(vp, PROT_READ | PROT_WRITE);
		if (uobj == NULL)
			return EIO;
	}
	rw_enter_write(&vp->v_lock);
	if (which & VA_SIZE)
		error = ext2_setsize(vp, va->va_size);
	if (error == 0)
		set_attributes(VTOI(vp), va, which);
	rw_exit(&vp->v_lock);
	if (uobj != NULL)
		uobj->pgops->pgo_detach(uobj);
	return error;
}

static int
ext2_vfsync(struct vnode *vp, int flags)
{
	return ext2_fsync(VTOI(vp), (flags & FSYNC_DATA) != 0);
}

static int
ext2_uobj(struct vnode *vp, struct uvm_object **uobjp)
{
	if (vp->v_type != VREG)
		return ENODEV;
	*uobjp = uvn_attach(vp, PROT_READ | PROT_WRITE);
	return *uobjp != NULL ? 0 : EIO;
}

const struct vnodeops ext2_vnodeops = {
	.vop_lookup = ext2_lookup,
	.vop_create = ext2_vcreate,
	.vop_link = ext2_vlink,
	.vop_remove = ext2_vremove,
	.vop_rename = ext2_vrename,
	.vop_readdir = ext2_readdir,
	.vop_readlink = ext2_vreadlink,
	.vop_getattr = ext2_getattr,
	.vop_setattr = ext2_setattr,
	.vop_read = ext2_read,
	.vop_write = ext2_write,
	.vop_parent = ext2_parent,
	.vop_readpages = ext2_readpages,
	.vop_startpages = ext2_startpages,
	.vop_endpages = ext2_endpages,
	.vop_writepages = ext2_writepages,
	.vop_allocpages = ext2_allocpages,
	.vop_fsync = ext2_vfsync,
	.vop_uobj = ext2_uobj,
	.vop_inactive = ext2_inactive,
};
