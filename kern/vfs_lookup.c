/* From path to vnode. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
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
	if (refcnt_drop(&vp->v_refs))
		vp->v_op->vop_inactive(vp);
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

static int
lookup_in(struct vnode *dvp, const char *name, size_t len, struct vnode **vpp)
{
	if (dvp->v_type != VDIR)
		return ENOTDIR;
	if (len > MAXNAMLEN)
		return ENAMETOOLONG;
	if (len == 1 && name[0] == '.') {
		vref(dvp);
		*vpp = dvp;
		return 0;
	}
	return dvp->v_op->vop_lookup(dvp, name, len, vpp);
}

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
walk(struct vnode *dvp, int flags, struct nameidata *nd)
{
	const char *name = nd->ni_path, *rest;
	int error, links = 0;
	struct vnode *vp;
	bool last;

	for (;;) {
		if (name[0] == '/' && name == nd->ni_path) {
			vrele(dvp);
			dvp = rootvnode;
			vref(dvp);
		}
		while (name[0] == '/')
			name++;
		last = walk_component(name, nd, &rest);
		error = lookup_in(dvp, nd->ni_name, nd->ni_len, &vp);
		if (error == ENOENT && last && (flags & NAMEI_PARENT))
			return walk_end(dvp, NULL, flags, nd);
		if (error)
			break;
		if (follow_link(vp, nd, last, flags)) {
			error = ++links > MAXSYMLINKS
			    ? ELOOP
			    : splice_link(vp, nd, rest);
			vrele(vp);
			if (error)
				break;
			name = nd->ni_path;
			continue;
		}
		if (last)
			return walk_end(dvp, vp, flags, nd);
		vrele(dvp);
		dvp = vp;
		name = rest;
	}
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
	struct vnode *dvp = rootvnode;
	int error;

	nd->ni_vp = nd->ni_dvp = NULL;
	error = path_copyin(path, seg, flags, nd);
	if (error)
		return error;
	if (nd->ni_path[0] == '/')
		vref(dvp);
	else
		error = start_vnode(p, dirfd, &dvp);
	if (error == 0) {
		if (nd->ni_path[0] == '\0')
			nd->ni_vp = dvp;
		else
			error = walk(dvp, flags, nd);
	}
	if (error)
		path_free(nd);
	return error;
}

void
namei_done(struct nameidata *nd)
{
	if (nd->ni_vp != NULL)
		vrele(nd->ni_vp);
	if (nd->ni_dvp != NULL)
		vrele(nd->ni_dvp);
	path_free(nd);
}
