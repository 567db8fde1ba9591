/* Files at boot. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/proc.h>
#include <sys/tty.h>
#include <sys/vnode.h>

/* Every kind of file system there is. */
static const struct vfsops *const filesystems[] = {
	&tmpfs_vfsops,
	&procfs_vfsops,
	&ext2_vfsops,
};

const struct vfsops *
vfs_find(const char *name)
{
	for (size_t i = 0; i < nitems(filesystems); i++)
		if (strcmp(filesystems[i]->vfs_name, name) == 0)
			return filesystems[i];
	return NULL;
}

void
vfs_foreach(void (*fn)(const struct vfsops *, void *), void *arg)
{
	for (size_t i = 0; i < nitems(filesystems); i++)
		fn(filesystems[i], arg);
}

void
vfs_init(void)
{
	int error;

	file_init();
	pipe_init();
	cache_init();
	error = mount_root("tmpfs", NULL, 0, "");
	if (error)
		panic("root: error %d", error);
	mount_memfd();
	tty_init();
}

/* A file system on a directory of the root, if there is that directory. */
void
vfs_mount_boot(const char *type, const char *path, uint32_t flags)
{
	struct nameidata nd;
	int error =
	    namei(curproc, AT_FDCWD, path, UIO_SYSSPACE, NAMEI_FOLLOW, &nd);

	if (error == 0) {
		error = mount_on(type, NULL, type, nd.ni_vp, flags, "");
		namei_done(&nd);
	}
	if (error)
		printf("%s: not mounted on %s, error %d%s\n", type, path, error,
		    error == ENOENT ? ": make that directory" : "");
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
