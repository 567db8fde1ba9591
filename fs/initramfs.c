/* The first root: a cpio archive unpacked into a tmpfs. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/uio.h>
#include <sys/vnode.h>
#include <lib/cpio.h>

/* Hard links seen so far: archive inode to vnode.  All members: [boot]. */
struct link_seen {
	struct link_seen *ls_next;
	uint32_t ls_ino;
	struct vnode *ls_vp; /* referenced */
};

static struct link_seen *links; /* [boot] */

/*
 * The directory of a path, its last component in *name; directories on the
 * way that the archive did not list are made.
 * => referenced, or NULL with *error set
 */
static struct vnode *
parent_dir(const char *path, const char **name, int *error)
{
	const struct vattr va = { .va_mode = S_IFDIR | 0755 };
	struct vnode *dvp = rootvnode, *vp;
	const char *slash;

	vref(dvp);
	for (;; path = slash + 1) {
		slash = strchr(path, '/');
		if (slash == NULL) {
			*name = path;
			return dvp;
		}
		if (slash == path || (slash == path + 1 && *path == '.'))
			continue;
		*error = dvp->v_op->vop_lookup(dvp, path, slash - path, &vp);
		if (*error == ENOENT)
			*error = dvp->v_op->vop_create(
			    dvp, path, slash - path, &va, NULL, &vp);
		vrele(dvp);
		if (*error)
			return NULL;
		dvp = vp;
		if (dvp->v_type != VDIR) {
			vrele(dvp);
			*error = ENOTDIR;
			return NULL;
		}
	}
}

static int
write_data(struct vnode *vp, const struct cpio_entry *ce)
{
	struct iovec iov = { (void *)ce->data, ce->size };
	struct uio uio = { &iov, 1, 0, ce->size, UIO_SYSSPACE, UIO_WRITE, NULL,
		0 };

	return ce->size == 0 ? 0 : vp->v_op->vop_write(vp, &uio, false);
}

static struct vnode *
link_lookup(const struct cpio_entry *ce)
{
	struct link_seen *ls;

	for (ls = links; ls != NULL; ls = ls->ls_next)
		if (ls->ls_ino == ce->ino)
			return ls->ls_vp;
	return NULL;
}

static void
link_remember(const struct cpio_entry *ce, struct vnode *vp)
{
	struct link_seen *ls = kmem_alloc(sizeof(*ls), PR_WAITOK);

	ls->ls_ino = ce->ino;
	ls->ls_vp = vp;
	vref(vp);
	ls->ls_next = links;
	links = ls;
}

static void
links_forget(void)
{
	struct link_seen *ls;

	while ((ls = links) != NULL) {
		links = ls->ls_next;
		vrele(ls->ls_vp);
		kmem_free(ls, sizeof(*ls));
	}
}

/* => the entry as a new file, referenced */
static int
make_entry(struct vnode *dvp, const char *name, const struct cpio_entry *ce,
    struct vnode **vpp)
{
	struct vattr va = { .va_mode = ce->mode,
		.va_uid = ce->uid,
		.va_gid = ce->gid,
		.va_rdev = makedev(ce->rmajor, ce->rminor) };
	char *target = NULL;
	int error;

	if (S_ISLNK(ce->mode)) {
		target = kmem_zalloc(ce->size + 1, PR_WAITOK);
		memcpy(target, ce->data, ce->size);
	}
	error =
	    dvp->v_op->vop_create(dvp, name, strlen(name), &va, target, vpp);
	if (target != NULL)
		kmem_free(target, ce->size + 1);
	return error;
}

static int
unpack_in(struct vnode *dvp, const char *name, const struct cpio_entry *ce)
{
	bool hard = S_ISREG(ce->mode) && ce->nlink > 1;
	struct vnode *vp = hard ? link_lookup(ce) : NULL;
	int error;

	if (vp != NULL) {
		error = dvp->v_op->vop_link(dvp, name, strlen(name), vp);
		return error ? error : write_data(vp, ce);
	}
	error = make_entry(dvp, name, ce, &vp);
	/* a directory that was made on the way to an earlier file */
	if (error == EEXIST && S_ISDIR(ce->mode))
		return 0;
	if (error)
		return error;
	if (hard)
		link_remember(ce, vp);
	if (S_ISREG(ce->mode))
		error = write_data(vp, ce);
	vrele(vp);
	return error;
}

static int
unpack(const struct cpio_entry *ce)
{
	struct vnode *dvp;
	const char *name;
	int error = 0;

	dvp = parent_dir(ce->name, &name, &error);
	if (dvp == NULL)
		return error;
	if (name[0] != '\0' && strcmp(name, ".") != 0)
		error = unpack_in(dvp, name, ce);
	vrele(dvp);
	return error;
}

void
initramfs_load(const void *archive, size_t size)
{
	struct cpio_entry ce;
	struct cpio c;
	int error, n = 0;

	if (archive == NULL)
		panic("initramfs: the boot loader gave no initrd; pass "
		      "build/initramfs.cpio (qemu: -initrd)");
	cpio_init(&c, archive, size);
	while ((error = cpio_next(&c, &ce)) == 0) {
		error = unpack(&ce);
		if (error)
			panic("initramfs: %s: error %d", ce.name, error);
		n++;
	}
	if (error != ENOENT)
		panic("initramfs: %s at offset %zu of %zu", c.why, c.why_off,
		    size);
	links_forget();
	printf("root: initramfs, %d files, %zu KiB\n", n, size >> 10);
}
