/* Objects: their page trees and references. */
#include <tests/audit/audit_i.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_swap.h>

#define MAX_HEIGHT 11 /* 6 bits a level */

/* One object's walk.  Members: the walk's. */
struct objwalk {
	struct uvm_object *obj;
	struct pool *nodes; /* pool of the nodes */
	long pages;
	bool ok; /* the tree can be followed */
	void (*leaf)(struct objwalk *ow, void *item, uint64_t index);
};

static void
check_page(struct objwalk *ow, void *item, uint64_t index)
{
	struct vm_page *pg = item;

	if (!audit_page_valid(pg)) {
		audit_bad("object %p: %p at index %lu is no page", ow->obj,
		    item, (u_long)index);
		ow->ok = false;
		return;
	}
	ow->pages++;
	if (pg->uobject != ow->obj ||
	    pg->offset != (voff_t)(index << PAGE_SHIFT))
		audit_bad("object %p: page %#lx at index %lu says uobject %p, "
			  "offset %#lx",
		    ow->obj, VM_PAGE_TO_PHYS(pg), (u_long)index, pg->uobject,
		    (u_long)pg->offset);
	if (!audit_place(pg, AP_OBJECT))
		ow->ok = false;
}

static void
check_tree(struct objwalk *ow, void *p, uint32_t level, uint64_t index)
{
	struct uvm_ptnode *n = p;
	uint32_t used = 0;

	if (level == 0) {
		ow->leaf(ow, p, index);
		return;
	}
	if (!audit_pool_live(ow->nodes, n)) {
		audit_bad("object %p: node %p is not in use", ow->obj, p);
		ow->ok = false;
		return;
	}
	audit.au_ptnodes++;
	for (u_int i = 0; i < UVM_PTREE_FAN && ow->ok; i++) {
		if (n->pn_slot[i] == NULL)
			continue;
		used++;
		check_tree(ow, n->pn_slot[i], level - 1,
		    index | (uint64_t)i << (UVM_PTREE_SHIFT * (level - 1)));
	}
	if (ow->ok && (used != n->pn_count || used == 0))
		audit_bad("object %p: pn_count of node %p is %u, slots in use: "
			  "%u",
		    ow->obj, n, n->pn_count, used);
}

void
audit_object(struct uvm_object *obj)
{
	struct objwalk ow = { .obj = obj,
		.nodes = audit.au_pool.ptnode,
		.ok = true,
		.leaf = check_page };

	audit_rwlock(&obj->uo_lock, "object", obj);
	if (obj->uo_refs < (UVM_OBJ_IS_VNODE(obj) ? 0 : 1) &&
	    !UVM_OBJ_IS_KERN(obj))
		audit_bad("object %p: uo_refs is %d", obj, obj->uo_refs);
	if (obj->uo_tree.pt_height > MAX_HEIGHT) {
		audit_bad(
		    "object %p: pt_height is %u", obj, obj->uo_tree.pt_height);
		return;
	}
	if (obj->uo_tree.pt_root != NULL)
		check_tree(
		    &ow, obj->uo_tree.pt_root, obj->uo_tree.pt_height, 0);
	if (ow.ok && ow.pages != obj->uo_npages)
		audit_bad("object %p: uo_npages is %d, should be %ld", obj,
		    obj->uo_npages, ow.pages);
}

static void
check_slot(struct objwalk *ow, void *item, uint64_t index)
{
	audit_slot(UAO_ITEM_SLOT(item), (uintptr_t)ow->obj | SWO_AOBJ,
	    uvm_pagetree_lookup(&ow->obj->uo_tree, index));
}

static void
check_slots(struct uvm_object *obj)
{
	const struct uvm_pagetree *t = uao_swslots(obj);
	struct objwalk ow = { .obj = obj,
		.nodes = audit.au_pool.ptnode,
		.ok = true,
		.leaf = check_slot };

	if (t->pt_height > MAX_HEIGHT)
		audit_bad(
		    "object %p: pt_height of slots is %u", obj, t->pt_height);
	else if (t->pt_root != NULL)
		check_tree(&ow, t->pt_root, t->pt_height, 0);
}

static void
check_aobj(void *item)
{
	struct uvm_object *obj = item;

	if (obj->pgops != &aobj_pager) {
		audit_bad("aobj %p: pgops is %p", obj, obj->pgops);
		return;
	}
	audit_object(obj);
	check_slots(obj);
}

void
audit_objects(void)
{
	if (!UVM_OBJ_IS_KERN(kernel_object))
		audit_bad(
		    "kernel object: uo_refs is %d", kernel_object->uo_refs);
	audit_object(kernel_object);
	check_slots(kernel_object);
	audit_pool_items(audit.au_pool.aobj, check_aobj);
}
