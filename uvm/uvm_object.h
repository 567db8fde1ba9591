/* Memory objects: a lock, a tree of pages, a pager. */
#ifndef _UVM_UVM_OBJECT_H_
#define _UVM_UVM_OBJECT_H_

#include <sys/lock.h>
#include <uvm/uvm_pagetree.h>

struct uvm_pagerops;

/*
 * Locks used to protect members of an object:
 *	I	immutable after uvm_obj_init
 *	o	uo_lock
 *	a	atomic operations
 */
struct uvm_object {
	struct rwlock uo_lock; /* LR_OBJECT */
	const struct uvm_pagerops *pgops; /* [I] */
	struct uvm_pagetree uo_tree; /* [o] pages by offset */
	int uo_npages; /* [o] pages in the tree */
	int uo_refs; /* [o] references, or UVM_OBJ_KERN */
};

#define UVM_OBJ_KERN         (-2)
#define UVM_OBJ_IS_KERN(o)   ((o)->uo_refs == UVM_OBJ_KERN)
#define UVM_OBJ_IS_AOBJ(o)   ((o)->pgops == &aobj_pager)
#define UVM_OBJ_IS_VNODE(o)  ((o)->pgops == &uvm_vnodeops)
#define UVM_OBJ_IS_DEVICE(o) ((o)->pgops == &uvm_deviceops)

extern const struct uvm_pagerops aobj_pager;
extern const struct uvm_pagerops uvm_vnodeops;

/* => object not yet known to anyone */
void
uvm_obj_init(struct uvm_object *obj, const struct uvm_pagerops *ops, int refs);
/* => no pages, no references */
void uvm_obj_destroy(struct uvm_object *obj);

struct uio;
/*
 * Moves len bytes at uio_offset between the request and the object's pages.
 * => the range lies within the object, which the caller keeps from shrinking
 * => no object lock held; may sleep; 0, EFAULT, EIO, ENOMEM, ENOSPC
 */
int uvm_obj_uiomove(struct uvm_object *uobj, struct uio *uio, size_t len);

/* Anonymous objects as files (fs/tmpfs.c); object unlocked, may sleep. */
/* => new size in bytes; pages beyond it are freed, the last one's tail zeroed */
int uao_shrink(struct uvm_object *uobj, vsize_t size);
int uao_grow(struct uvm_object *uobj, vsize_t size);
/* => the pages of [start, end), page-aligned, are as if never written */
void uao_punch(struct uvm_object *uobj, voff_t start, voff_t end);
/* => resident pages */
long uao_pages(struct uvm_object *uobj);
/* => has the page at off been written to, so that there is one? */
bool uao_has_page(struct uvm_object *uobj, voff_t off);

#endif
