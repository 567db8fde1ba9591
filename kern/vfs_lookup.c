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
	fp = fd_getfile(p, dirfd);
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
lookup_in(struct vnode *dvp, const char *name, size_t len,
    struct vnode **vpp)
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

/*
 * Put the link's target in front of what is left of the path.
 * => buf has MAXPATHLEN bytes, rest points into it
 */
static int
splice_link(struct vnode *vp, char *buf, const char *rest)
{
	char *target = kmem_alloc(MAXPATHLEN, PR_WAITOK);
	size_t len, left = strlen(rest) + 1;
	int error;

	error = vp->v_op->vop_readlink(vp, target, MAXPATHLEN, &len);
	if (error == 0 && len == 0)
		error = ENOENT;
	if (error == 0 && len + 1 + left > MAXPATHLEN)
		error = ENAMETOOLONG;
	if (error == 0) {
		/* "rest" begins with its slashes, or is empty */
		memmove(buf + len, rest, left);
		memcpy(buf, target, len);
	}
	kmem_free(target, MAXPATHLEN);
	return error;
}

/*
 * Walk nd->ni_path from dvp, whose reference is taken over.
 * => as namei(), the buffer still the caller's to free
 */
static int
walk(struct vnode *dvp, int flags, struct nameidata *nd)
{
	const char *name = nd->ni_path;
	struct vnode *vp;
	size_t len, slashes;
	int error, links = 0;

	for (;;) {
		if (name[0] == '/') {
			vrele(dvp);
			dvp = rootvnode;
			vref(dvp);
			while (name[0] == '/')
				name++;
		}
		len = component(name, &slashes);
		if (len == 0) { /* "/", or all of it was links and slashes */
			name = ".";
			len = 1;
			slashes = 0;
		}
		bool last = name[len + slashes] == '\0';
		nd->ni_name = name;
		nd->ni_len = len;
		nd->ni_slash = slashes > 0;

		error = lookup_in(dvp, name, len, &vp);
		if (error == ENOENT && last && (flags & NAMEI_PARENT)) {
			nd->ni_dvp = dvp;
			return 0;
		}
		if (error)
			break;
		if (vp->v_type == VLNK &&
		    (!last || (flags & NAMEI_FOLLOW) || slashes > 0)) {
			const char *rest = name + len;

			error = ++links > MAXSYMLINKS ?
			    ELOOP :
			    splice_link(vp, nd->ni_path, rest);
			vrele(vp);
			if (error)
				break;
			name = nd->ni_path;
			continue;
		}
		if (last) {
			if (slashes > 0 && vp->v_type != VDIR) {
				vrele(vp);
				error = ENOTDIR;
				break;
			}
			nd->ni_vp = vp;
			if (flags & NAMEI_PARENT)
				nd->ni_dvp = dvp;
			else
				vrele(dvp);
			return 0;
		}
		vrele(dvp);
		dvp = vp;
		name += len + slashes;
	}
	vrele(dvp);
	return error;
}

int
namei(struct proc *p, int dirfd, const char *path, enum uio_seg seg,
    int flags, struct nameidata *nd)
{
	struct vnode *dvp;
	int error;

	memset(nd, 0, sizeof(*nd));
	nd->ni_path = kmem_alloc(MAXPATHLEN, PR_WAITOK);
	if (seg == UIO_USERSPACE)
		error = copyinstr(path, nd->ni_path, MAXPATHLEN, NULL);
	else
		error = strlcpy(nd->ni_path, path, MAXPATHLEN) >= MAXPATHLEN ?
		    ENAMETOOLONG :
		    0;
	if (error == 0 && nd->ni_path[0] == '\0' && !(flags & NAMEI_EMPTY))
		error = ENOENT;
	if (error == 0 && nd->ni_path[0] == '/') {
		dvp = rootvnode;
		vref(dvp);
	} else if (error == 0)
		error = start_vnode(p, dirfd, &dvp);
	if (error == 0) {
		if (nd->ni_path[0] == '\0')
			nd->ni_vp = dvp;
		else
			error = walk(dvp, flags, nd);
	}
	if (error) {
		kmem_free(nd->ni_path, MAXPATHLEN);
		nd->ni_path = NULL;
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
	if (nd->ni_path != NULL)
		kmem_free(nd->ni_path, MAXPATHLEN);
	memset(nd, 0, sizeof(*nd));
}
