/*
 * Files without names that a program makes for itself (memfd_create), and what
 * may be forbidden of a file for ever (seals), so that who gets it from
 * somebody else need not fear that it changes.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

#define MEMFD_NAME 250 /* bytes of a name, with the NUL */

/* => the new file of the flags, open */
static int
memfd_open(struct proc *p, u_int flags, struct file **fpp)
{
	const bool noexec = (flags & MFD_NOEXEC_SEAL) != 0;
	const struct vattr va = { .va_mode = S_IFREG | (noexec ? 0666 : 0777) };
	struct vnode *root = memfdmount->mnt_root, *vp;
	int error, seals;

	error = root->v_op->vop_unnamed(root, &va,
	    noexec || (flags & MFD_ALLOW_SEALING) ? VU_SEALABLE : 0, &vp);
	if (error)
		return error == ENOSPC ? ENOMEM : error;
	if (noexec)
		error = vp->v_op->vop_seals(vp, F_SEAL_EXEC, &seals);
	if (error == 0)
		error = vn_open(p, vp, O_RDWR, fpp);
	if (error)
		vrele(vp);
	return error;
}

/* The name is for whoever looks at what is open, and nobody has to find it. */
int
sys_memfd_create(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const u_int flags = (u_int)a[1],
		    known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL |
	    MFD_EXEC;
	char name[MEMFD_NAME];
	struct file *fp;
	int error, fd;

	if ((flags & ~known) ||
	    (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) ==
		(MFD_NOEXEC_SEAL | MFD_EXEC))
		return EINVAL;
	error = copyinstr((void *)a[0], name, sizeof(name), NULL);
	if (error)
		return error == ENAMETOOLONG ? EINVAL : error;
	error = memfd_open(p, flags, &fp);
	if (error)
		return error;
	error = fd_install(p, fp, 0, (flags & MFD_CLOEXEC) != 0, &fd);
	if (error)
		file_rele(fp);
	*ret = fd;
	return error;
}

int
seals_fcntl(struct file *fp, int cmd, uint64_t arg, int64_t *ret)
{
	struct vnode *vp = fp->f_vnode;
	int seals, error;

	if (vp == NULL || vp->v_op->vop_seals == NULL || vp->v_type != VREG)
		return EINVAL;
	if (cmd == F_ADD_SEALS && !FWRITABLE(fp))
		return EPERM;
	if (cmd == F_ADD_SEALS && (arg & ~(uint64_t)F_SEAL_ALL))
		return EINVAL;
	error =
	    vp->v_op->vop_seals(vp, cmd == F_ADD_SEALS ? (int)arg : 0, &seals);
	if (cmd == F_GET_SEALS)
		*ret = seals;
	return error;
}
