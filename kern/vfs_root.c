/*
 * Where the root comes from, and what becomes of it in the end.
 *
 * Without root= it is the archive the boot loader left, unpacked into memory.
 * With root=vda1 (rootfstype=ext2, ro) it is a disk, and the archive is not
 * looked at: a board need not have one.  It is mounted by the first thread that
 * may wait, when all disks are known.
 *
 * If that fails and nobody gave init a command, somebody sits at the console:
 * the archive, if there is one, becomes the root and has the tools to see what
 * is wrong.  A command was meant for the root that is not there, so then, and
 * without an archive, the machine stops.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/filedesc.h>
#include <sys/cons.h>
#include <sys/mount.h>
#include <sys/proc.h>
#include <sys/signalvar.h>
#include <sys/vnode.h>
#include <machine/boot.h>
#include <uvm/uvm_extern.h>

#define SHUTDOWN_TRIES 300 /* looks, 10 ms apart, at who is still alive */
#define SHUTDOWN_POLL  10000000UL /* ns */

/* -- From memory -------------------------------------------------------------------- */

/* => FALSE: the boot loader left none */
static bool
archive_root(void)
{
	const void *archive;
	size_t size;

	if (!boot_initrd(&archive, &size))
		return false;
	initramfs_load(archive, size);
	boot_initrd_free();
	vfs_mount_boot("proc", "/proc", MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
	return true;
}

void
vfs_root_early(void)
{
	vfs_init();
	if (boot_option("root") == NULL && !archive_root())
		panic("no initial file system: give the boot loader an initrd "
		      "(-initrd initramfs.cpio), or boot with root=DISK");
}

/* -- From a disk -------------------------------------------------------------------- */

struct list {
	char *buf; /* [thread] */
	size_t size; /* [thread] */
};

static void
list_disk(struct bdev *bd, void *arg)
{
	struct list *l = arg;

	strlcat(l->buf, " ", l->size);
	strlcat(l->buf, bd->bd_name, l->size);
}

static void
list_disk_fs(const struct vfsops *vfs, void *arg)
{
	struct list *l = arg;

	if ((vfs->vfs_flags & VFS_DISK) == 0)
		return;
	strlcat(l->buf, " ", l->size);
	strlcat(l->buf, vfs->vfs_name, l->size);
}

/* => what is the matter with a root that cannot be mounted, and what helps */
static void
tell_failure(const char *name, const char *type, int error)
{
	char names[128] = "";
	struct list l = { names, sizeof(names) };

	if (error == ENODEV) {
		vfs_foreach(list_disk_fs, &l);
		printf("root: rootfstype=%s is not known: give one of%s\n",
		    type, names);
	} else if (error == ENXIO) {
		bdev_foreach(list_disk, &l);
		printf("root: there is no disk %s: boot with root= one of%s\n",
		    name, names[0] != '\0' ? names : " ... there is none");
	} else if (error == EBUSY)
		printf(
		    "root: %s is in use: do not give it to swap= too\n", name);
	else if (error == EINVAL)
		printf("root: %s has no %s that can be used: make one with "
		       "mke2fs -t ext2, or boot with another root=\n",
		    name, type);
	else
		printf("root: %s cannot be read as %s, error %d: repair it "
		       "with e2fsck -fy, or boot with another root=\n",
		    name, type, error);
}

/* => 0, with the type and device the new root, or errno */
static int
mount_disk(const char *name, const char *type, bool rdonly)
{
	const struct vfsops *vfs = vfs_find(type);
	struct bdev *bd = bdev_lookup(name);
	uint32_t flags = rdonly ? MNT_RDONLY : 0;
	int error;

	if (vfs == NULL || (vfs->vfs_flags & VFS_DISK) == 0)
		return ENODEV;
	if (bd == NULL)
		return ENXIO;
	error = mount_root(type, bd, flags, "");
	if (error == EACCES)
		error = mount_root(type, bd, flags | MNT_RDONLY, "");
	if (error == 0 && !rdonly && mount_rdonly(rootmount))
		printf("root: %s is mounted read-only: %s\n", bd->bd_name,
		    bd->bd_disk->dk_flags & DK_RDONLY
			? "the disk is write-protected"
			: "repair it with e2fsck -fy from another system, "
			  "then boot again");
	return error;
}

/* /dev and /proc of a root on disk: it may be read-only, and disks change. */
static void
mount_kernel_dirs(void)
{
	vfs_mount_boot("tmpfs", "/dev", MNT_NOSUID | MNT_NOEXEC);
	vfs_mount_boot("proc", "/proc", MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
	dev_make_nodes();
	disk_make_nodes();
}

static void
fall_back(const char *name)
{
	char **argv;

	if (boot_init_argv(&argv) > 0)
		panic("no root on %s", name);
	if (!archive_root())
		panic("no root on %s, and no initrd to look for the reason",
		    name);
	disk_make_nodes();
	printf("root: the shell is that of the initrd, not of %s\n", name);
}

void
vfs_root(void)
{
	const char *name = boot_option("root");
	const char *type = boot_option("rootfstype");
	int error;

	if (name == NULL)
		return;
	if (type == NULL)
		type = "ext2";
	error = mount_disk(
	    name, type, boot_option("ro") != NULL && boot_option("rw") == NULL);
	if (error) {
		tell_failure(name, type, error);
		fall_back(name);
		return;
	}
	printf("root: %s, %s%s\n", rootmount->mnt_from, type,
	    mount_rdonly(rootmount) ? ", read-only" : "");
	boot_initrd_free();
	mount_kernel_dirs();
}

/* -- The end ------------------------------------------------------------------------ */

static volatile uint32_t going_down; /* [a] */

void
vfs_shutdown_wait(struct proc *p)
{
	while (__predict_false(atomic_load(&going_down) != 0) &&
	    p->p_p == initprocess)
		(void)tsleep(&going_down, PWAIT, "down", INFSLP);
}

/*
 * What programs have open is closed, what is unlinked goes: only then the
 * file systems can be left clean.
 */
static void
end_processes(struct proc *p)
{
	u_int n = 1;

	for (int i = 0; i < SHUTDOWN_TRIES; i++) {
		/* again: one may have been forked just then */
		n = kill_others(p);
		if (n == 0)
			return;
		(void)tsleep(&rootmount, PWAIT, "down", SHUTDOWN_POLL);
	}
	printf("reboot: %u processes do not end\n", n);
}

/* => p does not return to user mode: its files are closed and unmapped, too */
static void
release_files(struct proc *p)
{
	struct process *pr = p->p_p;
	struct filedesc *fdp;
	struct vnode *vp;

	uvm_unmap(&p->p_vmspace->vm_map, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	rw_enter_write(&pr->ps_lock);
	fdp = pr->ps_fd;
	pr->ps_fd = NULL;
	vp = pr->ps_textvp;
	pr->ps_textvp = NULL;
	rw_exit(&pr->ps_lock);
	fd_free(fdp);
	if (vp != NULL)
		vn_text_rele(vp);
}

void
vfs_shutdown(struct proc *p)
{
	atomic_store(&going_down, 1);
	end_processes(p);
	release_files(p);
	mount_shutdown();
}
