/* Memory objects: life, and the nodes of their page trees. */
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <sys/pool.h>

static struct pool ptnode_pool;

void
uvm_pagetree_init(void)
{
	pool_init(&ptnode_pool, sizeof(struct uvm_ptnode), 0, "ptnode");
}

struct uvm_ptnode *
uvm_ptnode_fresh(void)
{
	return pool_get(&ptnode_pool, PR_NOWAIT | PR_ZERO);
}

struct uvm_ptnode *
uvm_ptnode_get(void)
{
	struct uvm_ptnode *n = uvm_ptnode_fresh();

	if (__predict_false(n == NULL) && UVM_IS_PAGEDAEMON())
		n = uao_swapnode_take();
	return n;
}

void
uvm_ptnode_put(struct uvm_ptnode *n)
{
	pool_put(&ptnode_pool, n);
}

void
uvm_obj_init(struct uvm_object *obj, const struct uvm_pagerops *ops, int refs)
{
	rw_init(&obj->uo_lock, LR_OBJECT, "uobj");
	obj->pgops = ops;
	obj->uo_tree = (struct uvm_pagetree)UVM_PAGETREE_INITIALIZER;
	obj->uo_npages = 0;
	obj->uo_refs = refs;
}

void
uvm_obj_destroy(struct uvm_object *obj)
{
	KASSERT(obj->uo_npages == 0);
	KASSERT(obj->uo_tree.pt_root == NULL);
	KASSERT(obj->uo_refs == 0);
	KASSERT(!rw_lock_held(&obj->uo_lock));
}
