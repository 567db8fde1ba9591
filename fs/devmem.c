/*
 * /dev/mem, the machine's memory by physical address, and /dev/kmem, the
 * kernel's by its own addresses.
 *
 * Both are read for looking at the kernel, and not written to.  Devices are
 * mapped, not read: what a register does when it is read only who maps it
 * knows.  The kernel's memory is read, not mapped: a mapping would outlive what
 * a page is used for.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/vnode.h>
#include <machine/cpu.h>
#include <fs/devmem.h>
#include <uvm/uvm.h>

#define CHUNK 512UL

/* => where the byte can be read, and how many behind it; NULL: nowhere */
static const void *
mem_where(uint64_t off, size_t *n)
{
	*n = MIN(*n, PAGE_SIZE - (off & PAGE_MASK));
	if (PHYS_TO_VM_PAGE(trunc_page(off)) == NULL)
		return NULL;
	return (const void *)PHYS_TO_DMAP(off);
}

static const void *
kmem_where(uint64_t off, size_t *n)
{
	*n = MIN(*n, PAGE_SIZE - (off & PAGE_MASK));
	return (int64_t)off < 0 ? (const void *)off : NULL;
}

/* => uio_offset is set; what cannot be read is EFAULT */
static int
read_from(struct uio *uio, const void *(*where)(uint64_t, size_t *))
{
	char buf[CHUNK];
	const void *at;
	int error = 0;
	size_t n;

	while (error == 0 && uio->uio_resid > 0) {
		n = MIN(uio->uio_resid, CHUNK);
		at = where((uint64_t)uio->uio_offset, &n);
		if (at == NULL)
			return EFAULT;
		error = kcopy_nofault(at, buf, n);
		if (error == 0)
			error = uiomove(buf, n, uio);
		if (error == 0)
			error = uio_breathe(uio);
	}
	return error;
}

static int
read_at(struct file *fp, struct uio *uio, int flags,
    const void *(*where)(uint64_t, size_t *))
{
	int error;

	if (flags & FOF_OFFSET)
		return read_from(uio, where);
	rw_enter_write(&fp->f_lock);
	uio->uio_offset = fp->f_offset;
	error = read_from(uio, where);
	fp->f_offset = uio->uio_offset;
	rw_exit(&fp->f_lock);
	return error;
}

static int
mem_read(struct file *fp, struct uio *uio, int flags)
{
	return read_at(fp, uio, flags, mem_where);
}

static int
kmem_read(struct file *fp, struct uio *uio, int flags)
{
	return read_at(fp, uio, flags, kmem_where);
}

static int
mem_write(struct file *fp, struct uio *uio, int flags)
{
	return EPERM;
}

/* Addresses, so any number is one. */
static int
mem_seek(struct file *fp, off_t off, int whence, off_t *to)
{
	if (whence != SEEK_SET && whence != SEEK_CUR)
		return EINVAL;
	*to = whence == SEEK_SET
	    ? off
	    : (off_t)((uint64_t)fp->f_offset + (uint64_t)off);
	return 0;
}

static void
mem_close(struct file *fp)
{
}

const struct fileops mem_fileops = {
	.fo_read = mem_read,
	.fo_write = mem_write,
	.fo_ioctl = fo_ioctl_none,
	.fo_poll = fo_poll_always,
	.fo_stat = vn_fo_stat,
	.fo_close = mem_close,
	.fo_seek = mem_seek,
};
const struct fileops kmem_fileops = {
	.fo_read = kmem_read,
	.fo_write = mem_write,
	.fo_ioctl = fo_ioctl_none,
	.fo_poll = fo_poll_always,
	.fo_stat = vn_fo_stat,
	.fo_close = mem_close,
	.fo_seek = mem_seek,
};

paddr_t
mem_mmap(dev_t dev, voff_t off, vm_prot_t prot)
{
	paddr_t pa = (paddr_t)off;

	return (prot & PROT_EXEC) == 0 && cpu_paddr_mappable(pa)
	    ? pa | PMAP_DEVICE
	    : UDV_NOADDR;
}
