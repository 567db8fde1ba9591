/* Files at boot. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/proc.h>
#include <sys/tty.h>
#include <sys/vnode.h>

void
vfs_init(void)
{
	file_init();
	pipe_init();
	rootvnode = tmpfs_mkroot();
	tty_init();
}

int
fd_open_console(struct proc *p)
{
	struct nameidata nd;
	struct file *fp;
	int fd, error;

	error =
	    namei(p, AT_FDCWD, "/dev/console", UIO_SYSSPACE, NAMEI_FOLLOW, &nd);
	if (error)
		return error;
	vref(nd.ni_vp);
	error = vn_open(p, nd.ni_vp, O_RDWR, &fp);
	if (error)
		vrele(nd.ni_vp);
	for (int i = 0; error == 0 && i < 3; i++) {
		if (i > 0)
			refcnt_take(&fp->f_refs);
		error = fd_install(p, fp, 0, false, &fd);
		if (error)
			file_rele(fp);
	}
	namei_done(&nd);
	return error;
}
