/* From path to vnode. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/vnode.h>

#define MAXSYMLINKS 40
#define MAXNAMLEN   255

struct vnode *rootvnode;

void
vref(struct vnode *vp)
{
	refcnt_take(&vp->v_refs);
}

void
vrele(struct vnode *vp)
{
	if (refcnt_drop(&vp->v_refs)) {
		KASSERT(LIST_EMPTY(&vp->v_locks));
		vp->v_op->vop_inactive(vp);
	}
}

enum vtype
mode_to_vtype(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return VDIR;
	case S_IFCHR:
		return VCHR;
	case S_IFBLK:
		return VBLK;
	case S_IFLNK:
		return VLNK;
	case S_IFIFO:
		return VFIFO;
	case S_IFSOCK:
		return VSOCK;
	default:
		return VREG;
	}
}

/* => where "/" is, referenced */
static inline struct vnode *
root_vnode(struct proc *p)
{
	if (__predict_false(atomic_load(&fd_chroots)))
		return fd_root(p);
	refcnt_take(&rootvnode->v_refs);
	return rootvnode;
}

/* The vnode a relative path starts at; EBADF or ENOTDIR. */
static int
start_vnode(struct proc *p, int dirfd, struct vnode **vpp)
{
	struct file *fp;

	if (dirfd == AT_FDCWD) {
		*vpp = fd_cwd(p);
		return 0;
	}
	fp = fd_getpath(p, dirfd);
	if (fp == NULL)
		return EBADF;
	*vpp = fp->f_vnode;
	if (*vpp != NULL)
		vref(*vpp);
	file_rele(fp);
	return *vpp == NULL ? ENOTDIR : 0;
}

/* Length of the component at name, trailing slashes after it in *slashes. */
static size_t
component(const char *name, size_t *slashes)
{
	size_t len = 0;

	while (name[len] != '\0' && name[len] != '/')
		len++;
	for (*slashes = 0; name[len + *slashes] == '/';)
		++*slashes;
	return len;
}

/*
 * ".." of a directory; of the process's root, and of the root of all, that is
 * the directory itself; of the root of a mount, what is above what it covers.
 */
static __noinline int
lookup_up(
    struct proc *p, struct vnode *dvp, struct vnode **vpp, struct mount **walk)
{
	struct vnode *root = fd_root(p), *at = dvp;
	int error = 0;

	vref(at);
	if (at != root && mount_up(&at, walk) && at != root) {
		error = at->v_op->vop_lookup(at, "..", 2, vpp);
		vrele(at);
	} else
		*vpp = at;
	vrele(root);
	return error;
}

static __noinline int
lookup_cached(
    struct vnode *dvp, const char *name, size_t len, struct vnode **vpp)
{
	int error;

	if (cache_lookup(dvp, name, len, vpp))
		return *vpp != NULL ? 0 : ENOENT;
	error = dvp->v_op->vop_lookup(dvp, name, len, vpp);
	cache_trim();
	return error;
}

/* => "." or ".." */
static __noinline int
lookup_dots(struct proc *p, struct vnode *dvp, size_t len, struct vnode **vpp,
    struct mount **walk)
{
	if (len == 2)
		return lookup_up(p, dvp, vpp, walk);
	vref(dvp);
	*vpp = dvp;
	return 0;
}

/* => across no mount but by ".." */
static inline int
lookup_in(struct proc *p, struct vnode *dvp, const char *name, size_t len,
    struct vnode **vpp, struct mount **walk)
{
	if (__predict_false(dvp->v_type != VDIR))
		return ENOTDIR;
	if (__predict_false(len > MAXNAMLEN))
		return ENAMETOOLONG;
	if (__predict_false(name[0] == '.' && len <= 2 && name[len - 1] == '.'))
		return lookup_dots(p, dvp, len, vpp, walk);
	if (__predict_false(dvp->v_mount->mnt_flag & MNTK_NAMECACHE))
		return lookup_cached(dvp, name, len, vpp);
	return dvp->v_op->vop_lookup(dvp, name, len, vpp);
}

/* -- Restrictions ---------------------------------------------------------------------- */

#define RENAMES_NOW (~0UL) /* ni_renames: one was under way */

static volatile u_long renames_begun, renames_ended; /* [a] */

void
namei_rename_begin(void)
{
	(void)atomic_add_acq_rel(&renames_begun, 1);
}

void
namei_rename_end(void)
{
	(void)atomic_add_acq_rel(&renames_ended, 1);
}

/* => the lookup starts at dvp */
static void
restrict_begin(struct vnode *dvp, struct nameidata *nd)
{
	u_long ended = atomic_load_acq(&renames_ended);

	nd->ni_renames = atomic_load_acq(&renames_begun);
	if (nd->ni_renames != ended)
		nd->ni_renames = RENAMES_NOW;
	vref(dvp);
	nd->ni_top = dvp;
}

/*
 * lookup_in() with restrictions.  Who stays below the starting point stays
 * there with "..", too, until it meets that; unless the directory it is in is
 * moved elsewhere meanwhile.
 */
static __noinline int
lookup_restricted(struct proc *p, struct vnode *dvp, int flags,
    struct nameidata *nd, struct vnode **vpp)
{
	bool up = nd->ni_len == 2 && memcmp(nd->ni_name, "..", 2) == 0 &&
	    (flags & NAMEI_SCOPED);
	int error;

	if (up && dvp == nd->ni_top) {
		if (flags & NAMEI_BENEATH)
			return EXDEV;
		vref(dvp);
		*vpp = dvp;
		return 0;
	}
	error = lookup_in(p, dvp, nd->ni_name, nd->ni_len, vpp, &nd->ni_walk);
	if (error == 0 && up &&
	    atomic_load_acq(&renames_begun) != nd->ni_renames) {
		vrele(*vpp);
		error = EAGAIN;
	}
	return error;
}

/* => may the link be followed? */
static int
restrict_link(const struct vnode *link, int flags)
{
	bool magic = link->v_op->vop_jump != NULL;

	if ((flags & NAMEI_NOLINKS) || (magic && (flags & NAMEI_NOMAGIC)))
		return ELOOP;
	return magic && (flags & NAMEI_SCOPED) ? EXDEV : 0;
}

/* => was a mount's border crossed on the way to vp? */
static inline bool
is_across(const struct vnode *vp, int flags, const struct nameidata *nd)
{
	return __predict_false(flags & NAMEI_NOXDEV) &&
	    vp->v_mount != nd->ni_top->v_mount;
}

/*
 * Where a link that begins with '/' leads to.
 * => referenced; EXDEV
 */
static int
link_root(struct proc *p, int flags, struct nameidata *nd, struct vnode **vpp)
{
	if (flags & NAMEI_BENEATH)
		return EXDEV;
	if (flags & NAMEI_INROOT) {
		*vpp = nd->ni_top;
		vref(*vpp);
	} else
		*vpp = root_vnode(p);
	mount_walk(*vpp, &nd->ni_walk);
	if (!is_across(*vpp, flags, nd))
		return 0;
	vrele(*vpp);
	return EXDEV;
}

/* -- Walking --------------------------------------------------------------------------- */

static void
path_free(struct nameidata *nd)
{
	if (nd->ni_path != nd->ni_inline)
		kmem_free(nd->ni_path, PATH_MAX);
}

static size_t
path_size(const struct nameidata *nd)
{
	return nd->ni_path == nd->ni_inline ? NI_INLINE : PATH_MAX;
}

/*
 * Put the link's target in front of what is left of the path, which begins
 * with its slashes or is empty.
 */
static int
splice_link(struct vnode *vp, struct nameidata *nd, const char *rest)
{
	char *target = kmem_alloc(PATH_MAX, PR_WAITOK);
	size_t len, left = strlen(rest) + 1;
	int error;

	error = vp->v_op->vop_readlink(vp, target, PATH_MAX, &len);
	if (error == 0 && len == 0)
		error = ENOENT;
	if (error == 0 && len + left > PATH_MAX)
		error = ENAMETOOLONG;
	if (error) {
		kmem_free(target, PATH_MAX);
		return error;
	}
	if (len + left <= path_size(nd)) {
		memmove(nd->ni_path + len, rest, left);
		memcpy(nd->ni_path, target, len);
		kmem_free(target, PATH_MAX);
	} else {
		memcpy(target + len, rest, left);
		path_free(nd);
		nd->ni_path = target;
	}
	return 0;
}

/* Is the link vp, found as the last component or not, to be followed? */
static bool
follow_link(
    const struct vnode *vp, const struct nameidata *nd, bool last, int flags)
{
	if (vp->v_type != VLNK)
		return false;
	if (!last || (flags & NAMEI_FOLLOW))
		return true;
	return nd->ni_slash && (flags & NAMEI_PARENT) == 0;
}

/*
 * Follow the link *vpp.
 * => NULL: the path begins anew; else what the link stands for, itself and not
 *    by a name, with the link's reference given up
 */
static int
follow(struct vnode **vpp, struct nameidata *nd, const char *rest)
{
	struct vnode *link = *vpp, *vp = NULL;
	int error;

	if (link->v_op->vop_jump != NULL)
		error = link->v_op->vop_jump(link, &vp);
	else
		error = splice_link(link, nd, rest);
	if (error)
		return error;
	if (vp != NULL)
		mount_walk(vp, &nd->ni_walk);
	vrele(link);
	*vpp = vp;
	return 0;
}

/*
 * The component at nd->ni_name is the last one, and is vp, or NULL: not there.
 * => references to dvp and vp are taken over; as namei()
 */
static int
walk_end(struct vnode *dvp, struct vnode *vp, int flags, struct nameidata *nd)
{
	if (flags & NAMEI_PARENT) {
		nd->ni_vp = vp;
		nd->ni_dvp = dvp;
		return 0;
	}
	vrele(dvp);
	if (nd->ni_slash && vp->v_type != VDIR) {
		vrele(vp);
		return ENOTDIR;
	}
	nd->ni_vp = vp;
	return 0;
}

/*
 * Take the component at name apart from the rest.
 * => is it the last?  *restp: what follows it, slashes included
 */
static bool
walk_component(const char *name, struct nameidata *nd, const char **restp)
{
	size_t slashes;

	nd->ni_len = component(name, &slashes);
	nd->ni_name = name;
	nd->ni_slash = slashes > 0;
	*restp = name + nd->ni_len;
	if (nd->ni_len == 0) { /* "/", or all of it was links and slashes */
		nd->ni_name = ".";
		nd->ni_len = 1;
	}
	return (*restp)[slashes] == '\0';
}

/*
 * Walk nd->ni_path from dvp, whose reference is taken over.
 * => as namei(), the buffer still the caller's to free
 */
static int
walk(struct proc *p, struct vnode *dvp, int flags, struct nameidata *nd)
{
	const char *name = nd->ni_path, *rest;
	int error, links = 0;
	struct vnode *vp;
	bool last;

	for (;;) {
		if (name[0] == '/' && name == nd->ni_path && links > 0) {
			vrele(dvp);
			error = link_root(p, flags, nd, &dvp);
			if (error)
				return error;
		}
		while (name[0] == '/')
			name++;
		last = walk_component(name, nd, &rest);
		if (__predict_false(flags & NAMEI_RESTRICT))
			error = lookup_restricted(p, dvp, flags, nd, &vp);
		else
			error = lookup_in(
			    p, dvp, nd->ni_name, nd->ni_len, &vp, &nd->ni_walk);
		if (error == ENOENT && last && (flags & NAMEI_PARENT))
			return walk_end(dvp, NULL, flags, nd);
		if (error) {
			vrele(dvp);
			return error;
		}
		if (!last || (flags & NAMEI_PARENT) == 0)
			(void)mount_cross(&vp, &nd->ni_walk);
		if (is_across(vp, flags, nd)) {
			error = EXDEV;
			break;
		}
		if (follow_link(vp, nd, last, flags)) {
			error = ++links > MAXSYMLINKS
			    ? ELOOP
			    : restrict_link(vp, flags);
			if (error == 0)
				error = follow(&vp, nd, rest);
			if (error == 0 && vp != NULL &&
			    is_across(vp, flags, nd))
				error = EXDEV;
			if (error)
				break;
			if (vp == NULL) {
				name = nd->ni_path;
				continue;
			}
		}
		if (last)
			return walk_end(dvp, vp, flags, nd);
		vrele(dvp);
		dvp = vp;
		name = rest;
	}
	vrele(vp);
	vrele(dvp);
	return error;
}

/* => path in nd, in the smallest buffer; ENOENT: it is empty */
static int
path_copyin(const char *path, enum uio_seg seg, int flags, struct nameidata *nd)
{
	int error;

	nd->ni_path = nd->ni_inline;
	if (seg == UIO_SYSSPACE)
		error = strlcpy(nd->ni_path, path, NI_INLINE) >= NI_INLINE
		    ? ENAMETOOLONG
		    : 0;
	else
		error = copyinstr(path, nd->ni_path, NI_INLINE, NULL);
	if (error == ENAMETOOLONG) {
		nd->ni_path = kmem_alloc(PATH_MAX, PR_WAITOK);
		if (seg == UIO_USERSPACE)
			error = copyinstr(path, nd->ni_path, PATH_MAX, NULL);
		else if (strlcpy(nd->ni_path, path, PATH_MAX) < PATH_MAX)
			error = 0;
	}
	if (error == 0 && nd->ni_path[0] == '\0' && !(flags & NAMEI_EMPTY))
		error = ENOENT;
	if (error)
		path_free(nd);
	return error;
}

int
namei(struct proc *p, int dirfd, const char *path, enum uio_seg seg, int flags,
    struct nameidata *nd)
{
	struct vnode *dvp;
	int error = 0;

	nd->ni_vp = nd->ni_dvp = NULL;
	nd->ni_walk = NULL;
	error = path_copyin(path, seg, flags, nd);
	if (error)
		return error;
	if (nd->ni_path[0] != '/' || (flags & NAMEI_INROOT))
		error = start_vnode(p, dirfd, &dvp);
	else if (flags & NAMEI_BENEATH)
		error = EXDEV;
	else
		dvp = root_vnode(p);
	if (error == 0) {
		mount_walk(dvp, &nd->ni_walk);
		if (__predict_false(flags & NAMEI_RESTRICT))
			restrict_begin(dvp, nd);
		if (nd->ni_path[0] == '\0')
			nd->ni_vp = dvp;
		else
			error = walk(p, dvp, flags, nd);
		if (__predict_false(flags & NAMEI_RESTRICT))
			vrele(nd->ni_top);
	}
	if (error) {
		mount_walk_end(&nd->ni_walk);
		path_free(nd);
	}
	return error;
}

void
namei_done(struct nameidata *nd)
{
	if (nd->ni_vp != NULL)
		vrele(nd->ni_vp);
	if (nd->ni_dvp != NULL)
		vrele(nd->ni_dvp);
	mount_walk_end(&nd->ni_walk);
	path_free(nd);
}
