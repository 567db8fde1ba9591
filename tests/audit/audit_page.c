/* Pages: free lists, magazines, paging queues, and what each page says. */
#include <tests/audit/audit_i.h>

/* Nobody has a free page.  What tables know of it: check_page(). */
static void
check_free_page(struct vm_page *pg, uint32_t flags)
{
	if (__predict_false(pg->pg_flags != flags))
		audit_bad("page %#lx: free, pg_flags is %#x, should be %#x",
		    VM_PAGE_TO_PHYS(pg), pg->pg_flags, flags);
	if (__predict_false(pg->uobject != NULL || pg->uanon != NULL ||
		pg->wire_count != 0 || pg->loan_count != 0 ||
		vm_page_md_ismapped(&pg->mdpage)))
		audit_bad("page %#lx: free, but owner %p/%p, wire_count %u, "
			  "loan_count %u, %smapped",
		    VM_PAGE_TO_PHYS(pg), pg->uobject, pg->uanon, pg->wire_count,
		    pg->loan_count,
		    vm_page_md_ismapped(&pg->mdpage) ? "" : "not ");
	audit_pmap_check_page(pg, true, audit_bad);
	audit_census.ac_free++;
}

/* => the page is what a list says; FALSE: the list cannot be followed */
static bool
on_list(struct vm_page *pg, enum audit_place place, uint32_t flags)
{
	if (!audit_page_valid(pg)) {
		audit_bad("free lists: %p is no page", pg);
		return false;
	}
	if (!audit_place(pg, place))
		return false;
	check_free_page(pg, flags);
	return true;
}

/* -- Buddy blocks --------------------------------------------------------------- */

static void
check_buddy(const struct vm_physseg *seg, const struct vm_page *pg, int order)
{
	size_t n = (size_t)1 << order;
	const struct vm_page *other = (pg->pg_ppn & n) ? pg - n : pg + n;

	if (order == UVM_BUDDY_ORDERS - 1 || other < seg->pgs ||
	    other + n > seg->lastpg)
		return;
	if ((other->pg_flags & (PQ_FREE | PG_ZERO)) == PQ_FREE &&
	    other->pg_order == order + 1)
		audit_bad("page %#lx: free block of order %d beside its free "
			  "buddy %#lx",
		    VM_PAGE_TO_PHYS(pg), order, VM_PAGE_TO_PHYS(other));
}

/* => pages of the block */
static long
check_block(struct vm_page *head, int order, int list)
{
	const struct vm_physseg *seg = &vm_physmem[head->pg_seg];
	size_t n = (size_t)1 << order;
	struct audit_page *ap;

	if ((head->pg_ppn & (n - 1)) != 0 || head < seg->pgs ||
	    head + n > seg->lastpg) {
		audit_bad("page %#lx: a block of order %d cannot begin here",
		    VM_PAGE_TO_PHYS(head), order);
		return 0;
	}
	if (head->pg_order != order + 1)
		audit_bad("page %#lx: pg_order is %u, on the list of order %d",
		    VM_PAGE_TO_PHYS(head), head->pg_order, order);
	check_buddy(seg, head, order);
	ap = audit_page_of(head);
	for (struct vm_page *pg = head; pg < head + n; pg++, ap++) {
		if (ap->ap_place != AP_NONE && !audit_place(pg, AP_BLOCK))
			return 0;
		ap->ap_place = AP_BLOCK;
		check_free_page(pg, PQ_FREE);
		if (pg->pg_freelist != list)
			audit_bad("page %#lx: of list %u on list %d",
			    VM_PAGE_TO_PHYS(pg), pg->pg_freelist, list);
		if (pg != head && pg->pg_order != 0)
			audit_bad("page %#lx: pg_order is %u inside a block",
			    VM_PAGE_TO_PHYS(pg), pg->pg_order);
	}
	return (long)n;
}

/* => the back link of pg is right */
static bool
back_link(struct vm_page *pg, struct vm_page **prev, const char *what)
{
	if (!audit_page_valid(pg)) {
		audit_bad("%s: %p is no page", what, pg);
		return false;
	}
	if (pg->pageq.tqe_prev != prev)
		audit_bad("%s: broken at page %#lx", what, VM_PAGE_TO_PHYS(pg));
	return true;
}

static void
check_tail(
    const struct pglist *q, struct vm_page *const *prev, const char *what)
{
	if (q->tqh_last != prev)
		audit_bad("%s: tqh_last is wrong", what);
}

static long
check_blocks(struct uvm_buddy *b, int list)
{
	struct vm_page *pg, **prev;
	long n, pages = 0;

	for (int o = 0; o < UVM_BUDDY_ORDERS; o++) {
		prev = &b->ub_block[o].tqh_first;
		TAILQ_FOREACH (pg, &b->ub_block[o], pageq) {
			if (!back_link(pg, prev, "free blocks"))
				break;
			n = check_block(pg, o, list);
			if (n == 0)
				break;
			pages += n;
			prev = &pg->pageq.tqe_next;
		}
		if (pg == NULL)
			check_tail(&b->ub_block[o], prev, "free blocks");
		if (TAILQ_EMPTY(&b->ub_block[o]) !=
		    ((b->ub_orders >> o & 1) == 0))
			audit_bad("free list %d: ub_orders is %#x, order %d "
				  "is %sempty",
			    list, b->ub_orders, o,
			    TAILQ_EMPTY(&b->ub_block[o]) ? "" : "not ");
	}
	return pages;
}

static void
zero_wrong(struct vm_page *pg, const uint64_t *w)
{
	size_t i = 0;

	while (w[i] == 0)
		i++;
	audit_bad("page %#lx: zeroed, but %#lx at offset %lu",
	    VM_PAGE_TO_PHYS(pg), (u_long)w[i], (u_long)(i * sizeof(*w)));
}

/* Whoever gets such a page relies on its contents. */
static void
check_zero(struct vm_page *pg)
{
	const uint64_t *page = (const uint64_t *)VM_PAGE_TO_DMAP(pg), *w = page;
	const uint64_t *end = page + PAGE_SIZE / sizeof(*page);

	if (audit_known.untouched != NULL && audit_known.untouched(pg))
		return;
	for (; w < end; w += 8)
		if ((w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) !=
		    0) {
			zero_wrong(pg, page);
			return;
		}
}

static long
check_zeroed(struct uvm_buddy *b)
{
	struct vm_page *pg, **prev = &b->ub_zero.tqh_first;
	long pages = 0;

	TAILQ_FOREACH (pg, &b->ub_zero, pageq) {
		if (!back_link(pg, prev, "zeroed pages") ||
		    !on_list(pg, AP_ZERO, PQ_FREE | PG_ZERO))
			break;
		prev = &pg->pageq.tqe_next;
		check_zero(pg);
		pages++;
	}
	return pages;
}

/* -- All that is free ------------------------------------------------------------- */

static long
check_hot(void)
{
	long pages = 0;

	for (struct vm_page *pg = uvm_fp.fp_hot; pg != NULL;
	     pg = pg->pageq.tqe_next) {
		if (!on_list(pg, AP_HOT, PQ_FREE))
			break;
		if (pg->pg_order != 0)
			audit_bad("page %#lx: hot, pg_order is %u",
			    VM_PAGE_TO_PHYS(pg), pg->pg_order);
		pages++;
	}
	if (pages != uvm_fp.fp_nhot)
		audit_bad("uvm_fp.fp_nhot is %ld, should be %ld",
		    uvm_fp.fp_nhot, pages);
	return pages;
}

static void
check_magazine(struct uvm_cpu *uc, u_int index)
{
	static const uint32_t flags[2] = { PQ_MAGAZINE, PQ_MAGAZINE | PG_ZERO };

	if (uc->uc_lock != 0 || uc->uc_qlock != 0)
		audit_bad("uvm_cpus[%u]: uc_lock %u, uc_qlock %u", index,
		    uc->uc_lock, uc->uc_qlock);
	if ((uc->uc_max != 0) != (uvm_fp.fp_open >> index & 1))
		audit_bad("uvm_cpus[%u]: uc_max is %lu, fp_open is %#x", index,
		    (u_long)uc->uc_max, uvm_fp.fp_open);
	for (int k = 0; k < 2; k++) {
		if (uc->uc_n[k] > uc->uc_max || uc->uc_n[k] > UVM_MAG_SIZE) {
			audit_bad("uvm_cpus[%u]: uc_n[%d] is %lu of %lu", index,
			    k, (u_long)uc->uc_n[k], (u_long)uc->uc_max);
			continue;
		}
		for (uint64_t i = 0; i < uc->uc_n[k]; i++) {
			if (on_list(uc->uc_pg[k][i], AP_MAGAZINE, flags[k]) &&
			    k == UVM_MAG_ZERO)
				check_zero(uc->uc_pg[k][i]);
		}
	}
}

void
audit_free(void)
{
	struct uvm_fpages *fp = &uvm_fp;
	long blocks, zeroed, pages = 0;

	for (int f = 0; f < VM_NFREELIST; f++) {
		blocks = check_blocks(&fp->fp_list[f], f);
		zeroed = check_zeroed(&fp->fp_list[f]);
		if (blocks != fp->fp_list[f].ub_npages ||
		    zeroed != fp->fp_list[f].ub_nzero)
			audit_bad("free list %d: ub_npages %ld, ub_nzero %ld, "
				  "should be %ld, %ld",
			    f, fp->fp_list[f].ub_npages,
			    fp->fp_list[f].ub_nzero, blocks, zeroed);
		pages += blocks + zeroed;
	}
	pages += check_hot() + fp->fp_idle;
	if (pages != fp->fp_free)
		audit_bad(
		    "uvm_fp.fp_free is %ld, should be %ld", fp->fp_free, pages);
	audit_census.ac_free += fp->fp_idle;
	if (fp->fp_hold != 0)
		audit_bad("uvm_fp.fp_hold is %u", fp->fp_hold);
	for (u_int i = 0; i < MAXCPUS; i++)
		check_magazine(&uvm_cpus[i], i);
}

/* -- Paging queues ------------------------------------------------------------------ */

/* => length */
static long
check_queue(struct pglist *q, uint32_t flag, const char *what)
{
	struct vm_page *pg, **prev = &q->tqh_first;
	long n = 0;

	TAILQ_FOREACH (pg, q, pageq) {
		if (!back_link(pg, prev, what))
			return n;
		prev = &pg->pageq.tqe_next;
		if ((pg->pg_flags & (PQ_QUEUED | PQ_PENDING)) != flag)
			audit_bad("page %#lx: on the %s, pg_flags is %#x",
			    VM_PAGE_TO_PHYS(pg), what, pg->pg_flags);
		if (++n > uvmexp.npages) {
			audit_bad("%s: a loop", what);
			return n;
		}
	}
	check_tail(q, prev, what);
	return n;
}

static void
check_batch(struct uvm_cpu *uc, u_int index)
{
	struct vm_page *pg;

	if (uc->uc_nact > UVM_ACT_BATCH) {
		audit_bad(
		    "uvm_cpus[%u]: uc_nact is %lu", index, (u_long)uc->uc_nact);
		return;
	}
	for (uint64_t i = 0; i < uc->uc_nact; i++) {
		pg = uc->uc_act[i];
		if (pg == NULL)
			continue;
		audit.au_pending++;
		if (!audit_page_valid(pg))
			audit_bad("uvm_cpus[%u]: uc_act[%lu] is %p", index,
			    (u_long)i, pg);
		else if ((pg->pg_flags & (PQ_QUEUED | PQ_PENDING)) !=
			PQ_PENDING ||
		    pg->pg_order != index ||
		    pg->pageq.tqe_prev != &uc->uc_act[i])
			audit_bad("page %#lx: in the batch of hart %u, "
				  "pg_flags %#x, pg_order %u",
			    VM_PAGE_TO_PHYS(pg), index, pg->pg_flags,
			    pg->pg_order);
	}
}

void
audit_queues(void)
{
	audit.au_active =
	    check_queue(&uvm.page_active, PQ_ACTIVE, "active queue");
	audit.au_inactive =
	    check_queue(&uvm.page_inactive, PQ_INACTIVE, "inactive queue");
	for (u_int i = 0; i < MAXCPUS; i++)
		check_batch(&uvm_cpus[i], i);
}

/* -- Each page ------------------------------------------------------------------------ */

/* Pages seen by their flags; compared with the walks of the queues. */
static long flagged[3]; /* active, inactive, pending */

static void
flag_wrong(const struct vm_page *pg, const char *why)
{
	audit_bad("page %#lx: pg_flags is %#x, owner %p/%p: %s",
	    VM_PAGE_TO_PHYS(pg), pg->pg_flags, pg->uobject, pg->uanon, why);
}

static void
check_flags(const struct vm_page *pg)
{
	uint32_t f = pg->pg_flags, queue = f & (PQ_QUEUED | PQ_PENDING);
	bool owned = pg->uobject != NULL || pg->uanon != NULL;

	flagged[0] += (f & PQ_ACTIVE) != 0;
	flagged[1] += (f & PQ_INACTIVE) != 0;
	flagged[2] += (f & PQ_PENDING) != 0;
	if (!powerof2(queue))
		flag_wrong(pg, "on two queues");
	if (queue != 0 && !owned)
		flag_wrong(pg, "on a queue without owner");
	if (queue != 0 && pg->wire_count != 0)
		flag_wrong(pg, "on a queue and wired");
	if (((f & PG_TABLED) != 0) != (pg->uobject != NULL))
		flag_wrong(pg, "PG_TABLED is for pages of objects");
	if (((f & PQ_ANON) != 0) != (pg->uanon != NULL))
		flag_wrong(pg, "PQ_ANON is for pages of anons");
	if (((f & PQ_AOBJ) != 0) !=
	    (pg->uobject != NULL && UVM_OBJ_IS_AOBJ(pg->uobject)))
		flag_wrong(pg, "PQ_AOBJ is for pages of aobjs");
	if ((f & PG_WANTED) && !(f & PG_BUSY))
		flag_wrong(pg, "wanted but not busy");
	if ((f & PG_RELEASED) && !(f & PG_BUSY))
		flag_wrong(pg, "released but not busy");
	if (owned && !audit_known.io && (f & (PG_BUSY | PG_FAKE)))
		flag_wrong(pg, "busy or without contents");
	if (owned && (f & PG_ZERO))
		flag_wrong(pg, "PG_ZERO is for free pages");
	if ((f & PG_TEXT) && (pg->uobject == NULL || (f & PQ_AOBJ)))
		flag_wrong(pg, "PG_TEXT is for pages of files");
	if ((f & PG_HOLE) && (pg->uobject == NULL || (f & PQ_AOBJ)))
		flag_wrong(pg, "PG_HOLE is for pages of files");
	if ((f & PG_DIRTY) && (pg->uobject == NULL || (f & PQ_AOBJ)))
		flag_wrong(pg, "PG_DIRTY is for pages of files");
}

static void
check_owner(struct vm_page *pg, const struct audit_page *ap)
{
	if (pg->uobject != NULL && pg->uanon != NULL)
		flag_wrong(pg, "two owners");
	if (pg->uobject != NULL && ap->ap_place == AP_NONE) {
		/* an object of a kind that is kept elsewhere */
		audit_object(pg->uobject);
		if (ap->ap_place == AP_NONE)
			audit_bad("page %#lx: uobject %p has no such page at "
				  "%#lx",
			    VM_PAGE_TO_PHYS(pg), pg->uobject,
			    (u_long)pg->offset);
	}
	if (pg->uanon != NULL && ap->ap_place != AP_ANON)
		audit_bad("page %#lx: uanon is %p, which does not own it",
		    VM_PAGE_TO_PHYS(pg), pg->uanon);
	if ((pg->pg_flags & (PQ_FREE | PQ_MAGAZINE)) &&
	    !AP_IS_FREE(ap->ap_place) && uvm_fp.fp_idle == 0)
		flag_wrong(pg, "free, but on no list");
}

/*
 * wire_count is one for each mapping that a wired entry has of the page, and
 * one for each loan to the kernel.  Threads' stacks are wired without their
 * entries, other kernel memory is mapped wired without being so.
 */
static void
check_wires(const struct vm_page *pg, const struct audit_page *ap)
{
	long kloans = (long)pg->loan_count - ap->ap_borrow, wires;

	if (kloans < 0) {
		audit_bad("page %#lx: loan_count is %u, %u anons borrow it",
		    VM_PAGE_TO_PHYS(pg), pg->loan_count, ap->ap_borrow);
		return;
	}
	wires = ap->ap_wires + kloans;
	if (audit_known.page_wires != NULL)
		wires += audit_known.page_wires(pg);
	if (pg->wire_count < wires ||
	    (pg->wire_count > wires + ap->ap_slack && !audit_known.io))
		audit_bad("page %#lx: wire_count is %u, should be %ld to %ld; "
			  "pg_flags %#x, owner %p/%p",
		    VM_PAGE_TO_PHYS(pg), pg->wire_count, wires,
		    wires + ap->ap_slack, pg->pg_flags, pg->uobject, pg->uanon);
}

static void
hash_less(struct pmap *pm, vaddr_t va, void *arg)
{
	struct audit_page *ap = arg;

	ap->ap_hash -= audit_map_hash(pm, va);
	ap->ap_maps--;
	audit.au_pvs++;
}

static void
check_mappings(struct vm_page *pg, struct audit_page *ap)
{
	uint32_t tables = ap->ap_maps;
	long before = audit.au_pvs;

	audit_pmap_page(pg, hash_less, ap);
	if (audit.au_pvs - before > 1)
		audit.au_pvmany += audit.au_pvs - before - 1;
	if (ap->ap_maps != 0)
		audit_bad("page %#lx: knows of %ld mappings, tables have %u",
		    VM_PAGE_TO_PHYS(pg), audit.au_pvs - before, tables);
	else if (ap->ap_hash != 0)
		audit_bad("page %#lx: its %u mappings are not those in the "
			  "tables",
		    VM_PAGE_TO_PHYS(pg), tables);
	if (vm_page_md_ismapped(&pg->mdpage) != (audit.au_pvs != before))
		audit_bad("page %#lx: vm_page_md_ismapped() is wrong",
		    VM_PAGE_TO_PHYS(pg));
	audit_pmap_check_page(pg, false, audit_bad);
}

/*
 * The page daemon finds what it may page out on its queues only.  Memory of
 * the kernel, wired or not, is not on any.
 */
static void
check_reclaimable(const struct vm_page *pg)
{
	bool kernel = pg->uobject != NULL && UVM_OBJ_IS_KERN(pg->uobject);

	if ((pg->uobject != NULL || pg->uanon != NULL) && !kernel &&
	    pg->wire_count == 0 && pg->loan_count == 0 &&
	    (pg->pg_flags & (PQ_QUEUED | PQ_PENDING | PG_BUSY)) == 0)
		flag_wrong(pg, "on no queue");
}

static void
count_place(const struct audit_page *ap)
{
	struct audit_census *ac = &audit_census;

	switch ((enum audit_place)ap->ap_place) {
	case AP_OBJECT:
		ac->ac_object++;
		break;
	case AP_ANON:
		ac->ac_anon++;
		break;
	case AP_POOL:
		ac->ac_pool++;
		break;
	case AP_TABLE:
		ac->ac_table++;
		break;
	case AP_KERNEL:
		ac->ac_kernel++;
		break;
	case AP_NONE:
		ac->ac_unknown++;
		break;
	default: /* free, counted */
		break;
	}
}

/*
 * A free page: all else was seen on its list, and most pages are free.
 */
static bool
check_unmapped(const struct vm_page *pg, const struct audit_page *ap)
{
	if (!AP_IS_FREE(ap->ap_place))
		return false;
	if (__predict_false(ap->ap_maps != 0))
		audit_bad("page %#lx: free, tables have %u mappings",
		    VM_PAGE_TO_PHYS(pg), ap->ap_maps);
	return true;
}

static void
check_page(struct vm_page *pg, struct audit_page *ap)
{
	if (check_unmapped(pg, ap))
		return;
	check_owner(pg, ap);
	check_flags(pg);
	check_wires(pg, ap);
	check_reclaimable(pg);
	check_mappings(pg, ap);
	audit.au_wired += pg->wire_count != 0;
	audit.au_anonpages += (pg->pg_flags & (PQ_ANON | PQ_AOBJ)) != 0;
	if (pg->uobject != NULL && UVM_OBJ_IS_VNODE(pg->uobject))
		audit.au_filepages[(pg->pg_flags & PG_TEXT) != 0]++;
	audit.au_dirty += (pg->pg_flags & PG_DIRTY) != 0;
	count_place(ap);
}

void
audit_each_page(void)
{
	flagged[0] = flagged[1] = flagged[2] = 0;
	audit_pages(check_page);
	if (flagged[0] != audit.au_active || flagged[1] != audit.au_inactive ||
	    flagged[2] != audit.au_pending)
		audit_bad("queues: %ld active, %ld inactive, %ld pending, by "
			  "pg_flags %ld, %ld, %ld",
		    audit.au_active, audit.au_inactive, audit.au_pending,
		    flagged[0], flagged[1], flagged[2]);
}
