/*
 * The paging queues.
 *
 * Owned, unwired pages that may be paged out lie on the active or the inactive
 * queue.  A fault activates one page, so activations are batched per hart: a
 * page in a batch has PQ_PENDING, counts as active, and reaches the queue when
 * the batch is full or someone wants to see the queues.  Who takes such a page
 * away holds its owner's lock and finds it in the batch of the hart pg_order
 * names; pageq.tqe_prev then points to its slot.
 */
#include <uvm/uvm_pgcache.h>

/* Gauges: uvm.pageqlock. */
static int nactive, ninactive, nwired;

void
uvm_pageq_init(void)
{
	mtx_init(&uvm.pageqlock, LR_PAGEQ, "pageqlock");
	TAILQ_INIT(&uvm.page_active);
	TAILQ_INIT(&uvm.page_inactive);
}

/* -- pageqlock held ------------------------------------------------------------- */

static inline void
queue_insert_active(struct vm_page *pg)
{
	TAILQ_INSERT_TAIL(&uvm.page_active, pg, pageq);
	nactive++;
}

void
uvm_pageq_remove(struct vm_page *pg)
{
	uint32_t flags = pg->pg_flags;

	KASSERT((flags & PQ_QUEUED) == 0 || *pg->pageq.tqe_prev == pg);
	if (flags & PQ_ACTIVE) {
		TAILQ_REMOVE(&uvm.page_active, pg, pageq);
		nactive--;
	} else if (flags & PQ_INACTIVE) {
		TAILQ_REMOVE(&uvm.page_inactive, pg, pageq);
		ninactive--;
	} else
		return;
	atomic_and(&pg->pg_flags, ~(uint32_t)PQ_QUEUED);
}

/* -- Batches ------------------------------------------------------------------------ */

/*
 * uc_qlock is taken in thread context only, and by nobody who holds a mutex:
 * interrupts may stay on.
 */

/* => uc_qlock held, which comes before pageqlock */
static __noinline void
batch_flush(struct uvm_cpu *uc)
{
	struct vm_page *pg;
	int n = 0;

	mtx_enter(&uvm.pageqlock);
	for (uint64_t i = 0; i < uc->uc_nact; i++) {
		pg = uc->uc_act[i];
		if (pg == NULL)
			continue;
		TAILQ_INSERT_TAIL(&uvm.page_active, pg, pageq);
		n++;
		/* pending and active change as one: never neither */
		atomic_add(&pg->pg_flags, (uint32_t)(PQ_ACTIVE - PQ_PENDING));
	}
	nactive += n;
	mtx_leave(&uvm.pageqlock);
	uc->uc_nact = 0;
}

/* => uc_qlock held, the batch is not full; released on exit */
static __always_inline void
batch_add(struct vm_page *pg, struct cpu_info *ci, struct uvm_cpu *uc)
{
	uint64_t n = uc->uc_nact;
	struct vm_page **slot = &uc->uc_act[n];

	*slot = pg;
	uc->uc_nact = n + 1;
	pg->pageq.tqe_prev = slot;
	pg->pg_order = (uint8_t)ci->ci_index;
	atomic_or(&pg->pg_flags, PQ_PENDING);
	uvm_spin_leave(&uc->uc_qlock);
}

/* => as batch_add(), but the batch is full */
static __noinline void
batch_flush_add(struct vm_page *pg, struct cpu_info *ci, struct uvm_cpu *uc)
{
	batch_flush(uc);
	batch_add(pg, ci, uc);
}

/* => pg was seen to be pending; owner write-locked */
static __noinline void
batch_remove(struct vm_page *pg)
{
	struct uvm_cpu *uc = &uvm_cpus[pg->pg_order];
	struct vm_page **slot;

	uvm_spin_enter(&uc->uc_qlock);
	if ((atomic_load(&pg->pg_flags) & PQ_PENDING) ||
	    MUTANT(BATCH_NO_RECHECK)) {
		slot = pg->pageq.tqe_prev;
		KASSERT(*slot == pg);
		*slot = NULL;
		if (slot == &uc->uc_act[uc->uc_nact - 1])
			uc->uc_nact--;
		atomic_and(&pg->pg_flags, ~(uint32_t)PQ_PENDING);
	}
	uvm_spin_leave(&uc->uc_qlock);
}

void
uvm_pagesettle(struct vm_page *pg)
{
	if (atomic_load(&pg->pg_flags) & PQ_PENDING)
		batch_remove(pg);
}

void
uvm_pageq_flush(void)
{
	struct uvm_cpu *uc;

	for (uc = uvm_cpus; uc < uvm_cpus + ncpus; uc++) {
		if (!MUTANT(BATCH_FLUSH_NO_LOCK))
			uvm_spin_enter(&uc->uc_qlock);
		if (uc->uc_nact != 0)
			batch_flush(uc);
		if (!MUTANT(BATCH_FLUSH_NO_LOCK))
			uvm_spin_leave(&uc->uc_qlock);
	}
}

/* -- For owners ----------------------------------------------------------------------- */

static __noinline void
activate_slow(struct vm_page *pg)
{
	mtx_enter(&uvm.pageqlock);
	uvm_pageq_remove(pg);
	atomic_or(&pg->pg_flags, PQ_ACTIVE);
	queue_insert_active(pg);
	mtx_leave(&uvm.pageqlock);
}

void
uvm_pageactivate(struct vm_page *pg)
{
	struct cpu_info *ci = curcpu();
	struct uvm_cpu *uc = ci->ci_uvm;
	uint32_t flags = pg->pg_flags;

	if ((flags & (PQ_ACTIVE | PQ_PENDING)) || pg->wire_count != 0)
		return;
	/* fails while another hart looks at this hart's batch */
	if (__predict_false(
		(flags & PQ_INACTIVE) || !uvm_spin_try(&uc->uc_qlock)))
		activate_slow(pg);
	else if (__predict_false(uc->uc_nact == UVM_ACT_BATCH))
		batch_flush_add(pg, ci, uc);
	else
		batch_add(pg, ci, uc);
}

bool
uvm_pageq_deactivate(struct vm_page *pg)
{
	bool moved;

	uvm_pagesettle(pg);
	mtx_enter(&uvm.pageqlock);
	moved = pg->wire_count == 0 && (pg->pg_flags & PQ_INACTIVE) == 0;
	if (moved) {
		uvm_pageq_remove(pg);
		atomic_or(&pg->pg_flags, PQ_INACTIVE);
		TAILQ_INSERT_TAIL(&uvm.page_inactive, pg, pageq);
		ninactive++;
	}
	mtx_leave(&uvm.pageqlock);
	return moved;
}

void
uvm_pages_age(struct vm_page **pgs, u_int n)
{
	struct vm_page *pg;

	pmap_pages_clear_reference(pgs, n);
	for (u_int i = 0; i < n; i++) {
		pg = pgs[i];
		if ((pg->pg_flags & PG_CLEAN) && pmap_is_modified(pg))
			atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	}
}

void
uvm_pagedeactivate(struct vm_page *pg)
{
	if (uvm_pageq_deactivate(pg))
		uvm_pages_age(&pg, 1);
}

void
uvm_pagedequeue(struct vm_page *pg)
{
	uvm_pagesettle(pg);
	if (pg->pg_flags & PQ_QUEUED) {
		mtx_enter(&uvm.pageqlock);
		uvm_pageq_remove(pg);
		mtx_leave(&uvm.pageqlock);
	}
}

/* A wired page is never written to swap, so it is not clean. */
void
uvm_pagewire(struct vm_page *pg)
{
	uvm_pagesettle(pg);
	mtx_enter(&uvm.pageqlock);
	if (pg->wire_count++ == 0) {
		if (!MUTANT(WIRE_STAYS_QUEUED))
			uvm_pageq_remove(pg);
		nwired++;
		if (pg->uobject == NULL || !UVM_OBJ_IS_VNODE(pg->uobject) ||
		    MUTANT(UVN_PIN_DIRTIES))
			atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	}
	KASSERT(pg->wire_count != 0);
	mtx_leave(&uvm.pageqlock);
}

void
uvm_pageunwire(struct vm_page *pg)
{
	mtx_enter(&uvm.pageqlock);
	KASSERT(pg->wire_count != 0);
	if (--pg->wire_count == 0) {
		nwired--;
		/* nobody's: its last loan ends, and frees it */
		if (pg->uobject != NULL || pg->uanon != NULL) {
			atomic_or(&pg->pg_flags, PQ_ACTIVE);
			queue_insert_active(pg);
		}
	}
	mtx_leave(&uvm.pageqlock);
}

/*
 * The page's flags are about to be replaced as a whole: they are left alone.
 * => pageqlock held
 */
static inline void
release_locked(struct vm_page *pg)
{
	uint32_t flags = pg->pg_flags;

	if (__predict_true(flags & PQ_ACTIVE)) {
		TAILQ_REMOVE(&uvm.page_active, pg, pageq);
		nactive--;
	} else if (flags & PQ_INACTIVE) {
		TAILQ_REMOVE(&uvm.page_inactive, pg, pageq);
		ninactive--;
	}
	if (__predict_false(pg->wire_count != 0)) {
		pg->wire_count = 0;
		nwired--;
	}
}

void
uvm_pageq_release(struct vm_page *pg)
{
	if (!MUTANT(FREE_STAYS_PENDING))
		uvm_pagesettle(pg);
	if ((pg->pg_flags & PQ_QUEUED) == 0 && pg->wire_count == 0)
		return;
	mtx_enter(&uvm.pageqlock);
	release_locked(pg);
	mtx_leave(&uvm.pageqlock);
}

void
uvm_pageq_release_bulk(struct vm_page **pgs, size_t n)
{
	mtx_enter(&uvm.pageqlock);
	for (size_t i = 0; i < n; i++)
		release_locked(pgs[i]);
	mtx_leave(&uvm.pageqlock);
}

/* -- Counting --------------------------------------------------------------------------- */

int
uvm_pageq_active(void)
{
	int n = atomic_load(&nactive);
	struct uvm_cpu *uc;

	for (uc = uvm_cpus; uc < uvm_cpus + ncpus; uc++)
		for (uint64_t i = 0; i < atomic_load(&uc->uc_nact); i++)
			n += atomic_load(&uc->uc_act[i]) != NULL;
	return n;
}

int
uvm_pageq_inactive(void)
{
	return atomic_load(&ninactive);
}

int
uvm_pageq_wired(void)
{
	return atomic_load(&nwired);
}
