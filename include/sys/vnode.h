/* Files as the rest of the kernel sees them. */
#ifndef _SYS_VNODE_H_
#define _SYS_VNODE_H_

#include <sys/types.h>

struct uvm_object;
struct vnode;
struct proc;

/*
 * For exec and mmap.
 * => vn_lookup_exec: referenced vnode of an executable regular file, size in
 *    *sizep; path in kernel space, relative to p's directory; or errno
 */
int vn_lookup_exec(struct proc *p, const char *path, struct vnode **vpp,
    off_t *sizep);
void vref(struct vnode *vp);
void vrele(struct vnode *vp);
/* => kernel-space read; *residp (may be NULL) bytes not read at the end */
int vn_read(struct vnode *vp, void *buf, size_t len, off_t off,
    size_t *residp);
/* => object with the file's pages, one reference for the caller; errno */
int vn_uobj(struct vnode *vp, struct uvm_object **uobjp);
/* => "absolute path" of the vnode if known, else its last name; NUL-ended */
void vn_path(struct vnode *vp, char *buf, size_t len);
/*
 * mmap of descriptor fd: object (referenced) and rights the open mode allows.
 * => 0; EBADF, EACCES, ENODEV; *uobjp NULL: anonymous memory (/dev/zero)
 */
int fd_mmap(struct proc *p, int fd, bool shared, vm_prot_t prot,
    vm_prot_t *maxprot, struct uvm_object **uobjp);

/* -- Boot (kern/vfs_init.c, fs/) ------------------------------------------------ */
void vfs_init(void);
/* => unpacks a cpio archive into the root; panics if there is none or broken;
 *    the archive's memory is the caller's to free */
void initramfs_load(const void *archive, size_t size);
/* => opens /dev/console as descriptors 0, 1, 2 of p; 0 or errno */
int fd_open_console(struct proc *p);

#endif
