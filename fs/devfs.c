/* Character devices: what opening a device node leads to. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/tty.h>
#include <sys/vnode.h>
#include <fs/devmem.h>

/* Numbers are the riscv64 Linux convention's. */
#define DEV_MEM     makedev(1, 1)
#define DEV_KMEM    makedev(1, 2)
#define DEV_NULL    makedev(1, 3)
#define DEV_ZERO    makedev(1, 5)
#define DEV_FULL    makedev(1, 7)
#define DEV_RANDOM  makedev(1, 8)
#define DEV_URANDOM makedev(1, 9)
#define DEV_KMSG    makedev(1, 11)
#define DEV_TTY0    makedev(4, 64)
#define DEV_TTY     makedev(5, 0)
#define DEV_CONSOLE makedev(5, 1)

static void
dev_close(struct file *fp)
{
}

/* -- Reading and writing --------------------------------------------------------------- */

static int
null_read(struct file *fp, struct uio *uio, int flags)
{
	return 0;
}

static int
null_write(struct file *fp, struct uio *uio, int flags)
{
	uio->uio_offset += uio->uio_resid;
	uio->uio_resid = 0;
	return 0;
}

static int
full_write(struct file *fp, struct uio *uio, int flags)
{
	return uio->uio_resid == 0 ? 0 : ENOSPC;
}

static int
zero_read(struct file *fp, struct uio *uio, int flags)
{
	int error = 0;

	while (error == 0 && uio->uio_resid > 0) {
		error = uiozero(MIN(uio->uio_resid, PAGE_SIZE), uio);
		if (error == 0)
			error = uio_breathe(uio);
	}
	return error;
}

static int
random_read(struct file *fp, struct uio *uio, int flags)
{
	uint8_t buf[256];
	int error = 0;

	while (error == 0 && uio->uio_resid > 0) {
		size_t n = MIN(uio->uio_resid, sizeof(buf));

		arc4random_buf(buf, n);
		error = uiomove(buf, n, uio);
		if (error == 0)
			error = uio_breathe(uio);
	}
	return error;
}

static int
random_write(struct file *fp, struct uio *uio, int flags)
{
	uint8_t buf[256];
	int error = 0;

	while (error == 0 && uio->uio_resid > 0) {
		size_t n = MIN(uio->uio_resid, sizeof(buf));

		error = uiomove(buf, n, uio);
		if (error == 0) {
			random_add(buf, n);
			error = uio_breathe(uio);
		}
	}
	return error;
}

/* One write is one line of the kernel's log. */
static int
kmsg_write(struct file *fp, struct uio *uio, int flags)
{
	char line[256];
	size_t n = MIN(uio->uio_resid, sizeof(line) - 1), all = uio->uio_resid;
	int error = uiomove(line, n, uio);

	if (error) {
		uio->uio_resid = all;
		return error;
	}
	while (n > 0 && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	printf("%s\n", line);
	uio->uio_resid = 0;
	return 0;
}

/* There are no places in these: every one is the beginning. */
static int
dev_seek(struct file *fp, off_t off, int whence, off_t *to)
{
	*to = 0;
	return 0;
}

#define DEV_OPS(name, rd, wr)                \
	static const struct fileops name = { \
		.fo_read = rd,               \
		.fo_write = wr,              \
		.fo_ioctl = fo_ioctl_none,   \
		.fo_poll = fo_poll_always,   \
		.fo_stat = vn_fo_stat,       \
		.fo_close = dev_close,       \
		.fo_seek = dev_seek,         \
	}
DEV_OPS(null_ops, null_read, null_write);
DEV_OPS(zero_ops, zero_read, null_write);
DEV_OPS(full_ops, zero_read, full_write);
DEV_OPS(random_ops, random_read, random_write);
DEV_OPS(kmsg_ops, null_read, kmsg_write);

/* -- Opening ----------------------------------------------------------------------------- */

static const struct {
	dev_t rdev;
	const struct fileops *ops;
	const char *name; /* in /dev, NULL: none */
	mode_t mode;
} devices[] = {
	{ DEV_MEM, &mem_fileops, "mem", 0640 },
	{ DEV_KMEM, &kmem_fileops, "kmem", 0640 },
	{ DEV_NULL, &null_ops, "null", 0666 },
	{ DEV_ZERO, &zero_ops, "zero", 0666 },
	{ DEV_FULL, &full_ops, "full", 0666 },
	{ DEV_RANDOM, &random_ops, "random", 0666 },
	{ DEV_URANDOM, &random_ops, "urandom", 0666 },
	{ DEV_KMSG, &kmsg_ops, "kmsg", 0600 },
	{ DEV_TTY0, &tty_fileops, NULL, 0 },
	{ DEV_TTY, &tty_fileops, "tty", 0666 },
	{ DEV_CONSOLE, &tty_fileops, "console", 0600 },
};

static void
make_node(struct vnode *dvp, const char *name, mode_t mode, dev_t rdev)
{
	const struct vattr va = { .va_mode = S_IFCHR | mode, .va_rdev = rdev };
	struct vnode *vp;
	int error =
	    dvp->v_op->vop_create(dvp, name, strlen(name), &va, NULL, &vp);

	if (error == 0)
		vrele(vp);
	else
		printf("/dev/%s: not made, error %d\n", name, error);
}

void
dev_make_nodes(void)
{
	struct nameidata nd;

	if (namei(curproc, AT_FDCWD, "/dev", UIO_SYSSPACE, NAMEI_FOLLOW, &nd))
		return;
	for (size_t i = 0; i < nitems(devices); i++)
		if (devices[i].name != NULL)
			make_node(nd.ni_vp, devices[i].name, devices[i].mode,
			    devices[i].rdev);
	namei_done(&nd);
}

bool
dev_is_zero(dev_t rdev)
{
	return rdev == DEV_ZERO;
}

int
dev_mmap(dev_t rdev, voff_t off, vsize_t len, vm_prot_t maxprot,
    struct uvm_object **uobjp)
{
	if (rdev != DEV_MEM)
		return ENODEV;
	*uobjp = udv_attach(rdev, mem_mmap, maxprot, off, len);
	return *uobjp != NULL ? 0 : EPERM;
}

bool
dev_is_address(dev_t rdev)
{
	return rdev == DEV_KMEM || rdev == DEV_MEM;
}

int
dev_open(struct proc *p, dev_t rdev, int flags, const struct fileops **opsp,
    void **datap)
{
	*datap = NULL;
	for (size_t i = 0; i < nitems(devices); i++) {
		if (devices[i].rdev != rdev)
			continue;
		*opsp = devices[i].ops;
		if (rdev == DEV_TTY)
			return tty_is_controlling(p) ? 0 : ENXIO;
		return *opsp == &tty_fileops ? tty_open(p, flags) : 0;
	}
	return ENXIO;
}
