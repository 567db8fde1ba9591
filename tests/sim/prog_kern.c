/* Random programs: what kernel threads do. */
#include "prog_i.h"
#include <uvm/uvm_pdaemon.h>

#define NKM            16 /* allocations at a time */
#define NLISTS         4
#define SUBPAGES       256
#define RESERVE        150 /* pages: stacks of all threads, and processes */
#define LEAVE          250 /* free pages a balloon leaves: what kernel threads need */

#define BALLOON_SINGLE 200

enum km_kind { KM_NONE, KM_WIRED, KM_ZERO, KM_OBJECT, KM_ADDRESS, KM_SUB };

/* Kernel memory that the program holds. */
struct km {
	enum km_kind kind; /* [sim] */
	vaddr_t va; /* [sim] */
	vsize_t size; /* [sim] */
	uint64_t mark; /* [sim] first and last word of each page */
};

static struct km km[NKM];
static struct pglist lists[NLISTS];
static bool list_used[NLISTS];
static vm_map_t submap;
static vaddr_t submap_min, submap_max;
long prog_ballooned;
u_int prog_balloons;
static struct pglist balloon, reserve;
static long nreserve;

void
prog_kernel_init(void)
{
	submap = uvm_km_suballoc(kernel_map, &submap_min, &submap_max,
	    ptoa(SUBPAGES), VM_MAP_PAGEABLE, FALSE, NULL);
	TAILQ_INIT(&balloon);
	TAILQ_INIT(&reserve);
	prog_reserve(true);
}

/* -- Kernel memory ---------------------------------------------------------------- */

static void
km_fill(struct km *k)
{
	for (vsize_t off = 0; off < k->size; off += PAGE_SIZE) {
		if (k->kind == KM_ZERO && sim_kload(k->va + off) != 0)
			sim_fail(
			    "uvm_km_zalloc: %#lx is not zero", k->va + off);
		sim_kstore(k->va + off, k->mark + off);
	}
}

static void
km_check(const struct km *k)
{
	u_long x;

	for (vsize_t off = 0; off < k->size; off += PAGE_SIZE)
		if ((x = sim_kload(k->va + off)) != k->mark + off)
			sim_fail("kernel memory %#lx: %#lx, expected %#lx",
			    k->va + off, x, k->mark + off);
}

static vaddr_t
km_get(struct km *k, uint32_t how)
{
	switch (k->kind) {
	case KM_WIRED:
		return uvm_km_alloc1(
		    kernel_map, k->size, how & 1 ? 0 : 4 * PAGE_SIZE, FALSE);
	case KM_ZERO:
		return uvm_km_alloc1(kernel_map, k->size, 0, TRUE);
	case KM_OBJECT:
		return uvm_km_kmemalloc(kernel_map, uvm.kernel_object, k->size,
		    how & 1 ? UVM_KMF_NOWAIT : 0);
	case KM_ADDRESS:
		return uvm_km_valloc(kernel_map, k->size);
	case KM_SUB:
		return uvm_km_valloc(submap, k->size);
	default:
		return 0;
	}
}

/* kalloc: arg 0 the place, 1 pages, 2 the kind */
static void
km_alloc(const struct prog_op *o)
{
	struct km *k = &km[o->arg[0] % NKM], new = { 0 };

	if (k->kind != KM_NONE)
		return;
	new.kind = KM_WIRED + o->arg[2] % 5;
	new.size = ptoa(1 + o->arg[1] % 8);
	new.mark = orc_value(0);
	new.va = km_get(&new, o->arg[2] >> 8);
	if (new.va == 0)
		return;
	if (new.kind != KM_SUB &&new.kind != KM_ADDRESS)
		km_fill(&new);
	if (k->kind == KM_NONE)
		*k = new;
	else /* the other thread was faster */
		uvm_km_free_wakeup(
		    new.kind == KM_SUB ? submap : kernel_map, new.va, new.size);
}

static void
km_free(struct km *k)
{
	struct km old = *k;

	k->kind = KM_NONE;
	if (old.kind == KM_NONE)
		return;
	if (old.kind == KM_SUB) {
		uvm_km_free_wakeup(submap, old.va, old.size);
		return;
	}
	if (old.kind != KM_ADDRESS)
		km_check(&old);
	uvm_km_free(kernel_map, old.va, old.size);
}

/* -- Pages ------------------------------------------------------------------------- */

static void
list_check(struct pglist *list, u_int n, bool zero, u_int nsegs)
{
	struct vm_page *pg;
	u_int have = 0, segs = 0;
	paddr_t last = 0;

	TAILQ_FOREACH (pg, list, pageq) {
		if (pg->pg_flags & (PQ_FREE | PQ_MAGAZINE | PQ_QUEUED))
			sim_fail("uvm_pglistalloc: page %p has flags %#x", pg,
			    pg->pg_flags);
		if (have == 0 || VM_PAGE_TO_PHYS(pg) != last + PAGE_SIZE)
			segs++;
		last = VM_PAGE_TO_PHYS(pg);
		if (zero && *(volatile uint64_t *)VM_PAGE_TO_DMAP(pg) != 0)
			sim_fail("uvm_pglistalloc: %#lx is not zero", last);
		*(volatile uint64_t *)VM_PAGE_TO_DMAP(pg) = orc_value(0);
		have++;
	}
	if (have != n || segs > nsegs)
		sim_fail("uvm_pglistalloc: %u pages in %u pieces, not %u in %u",
		    have, segs, n, nsegs);
}

/* pglist: arg 0 the place, 1 pages, 2 constraints; frees what is there */
static void
list_op(const struct prog_op *o)
{
	u_int i = o->arg[0] % NLISTS, n = 1 + o->arg[1] % 16;
	u_int nsegs = o->arg[2] & 1 ? n : 1;
	bool zero = (o->arg[2] & 2) != 0;
	struct pglist list;

	if (list_used[i]) {
		list_used[i] = false;
		TAILQ_INIT(&list);
		TAILQ_CONCAT(&list, &lists[i], pageq);
		uvm_pglistfree(&list);
		return;
	}
	TAILQ_INIT(&list);
	if (uvm_pglistalloc(ptoa(n), 0, (paddr_t)-1,
		o->arg[2] & 4 ? 2 * PAGE_SIZE : PAGE_SIZE, 0, &list, (int)nsegs,
		UVM_PLA_NOWAIT | (zero ? UVM_PLA_ZERO : 0)) != 0)
		return;
	list_check(&list, n, zero, nsegs);
	if (list_used[i]) {
		uvm_pglistfree(&list);
		return;
	}
	list_used[i] = true;
	TAILQ_INIT(&lists[i]);
	TAILQ_CONCAT(&lists[i], &list, pageq);
}

/* Take pages until few are free, or *count, those of the list, are so many. */
static void
take_pages(struct pglist *list, long *count, long leave, long most)
{
	struct vm_page *pg;

	while (*count < most && uvm_free_count() > leave) {
		pg = uvm_pagealloc(NULL, 0, NULL, 0);
		if (pg == NULL)
			break;
		TAILQ_INSERT_TAIL(list, pg, pageq);
		++*count;
	}
}

/* They count until they are free: memory is short as long. */
static void
give_pages(struct pglist *list, long *count)
{
	struct pglist all;
	struct vm_page *pg;
	long n = 0;

	TAILQ_INIT(&all);
	TAILQ_CONCAT(&all, list, pageq);
	TAILQ_FOREACH (pg, &all, pageq)
		n++;
	uvm_pglistfree(&all);
	*count -= n;
}

/* Most pages of a balloon come at once, the last ones one by one. */
static void
balloon_bulk(long n)
{
	struct pglist list;

	TAILQ_INIT(&list);
	if (n <= 0 ||
	    uvm_pglistalloc(ptoa(n), 0, (paddr_t)-1, PAGE_SIZE, 0, &list,
		(int)n, UVM_PLA_NOWAIT) != 0)
		return;
	TAILQ_CONCAT(&balloon, &list, pageq);
	prog_ballooned += n;
}

/* One at a time: two would each take what is more than enough. */
static void
inflate(long leave)
{
	static bool inflating;

	if (inflating)
		return;
	inflating = true;
	prog_balloons++;
	balloon_bulk(uvm_free_count() - leave - BALLOON_SINGLE);
	take_pages(&balloon, &prog_ballooned, leave, __LONG_MAX__);
	inflating = false;
}

static void
deflate(void)
{
	give_pages(&balloon, &prog_ballooned);
}

/*
 * What kernel threads need, and the kernel itself, must be free, or become so
 * when programs are killed.  What objects hold stays.
 */
static long
enough(long leave)
{
	long objects = 0;

	for (int i = 0; i < ORC_OBJS; i++)
		objects += orc_obj[i].npages;
	return MAX(leave, LEAVE - MAX(0, uvmexp.anonpages - objects));
}

/*
 * At a barrier nobody can die for memory the conductor needs: some is kept.
 */
void
prog_reserve(bool keep)
{
	if (prog_cfg->swap == 0)
		return;
	if (keep)
		take_pages(
		    &reserve, &nreserve, enough(uvmexp.freemin), RESERVE);
	else
		give_pages(&reserve, &nreserve);
}

/* balloon: hold pages until few are left, or let them all go */
static void
balloon_op(const struct prog_op *o)
{
	if (prog_ballooned != 0)
		deflate();
	else
		inflate(LEAVE + (long)(o->arg[1] % 200));
}

/* squeeze: so few that the daemon has to get more; arg 2: or let go */
void
prog_squeeze(const struct prog_op *o)
{
	long leave = (long)o->arg[1] * uvmexp.freetarg / 50;

	if (o->arg[2] % 4 == 0)
		deflate();
	else
		inflate(enough(uvmexp.freemin + leave));
}

static void
pause_op(const struct prog_op *o)
{
	static const char nothing;

	(void)tsleep(&nothing, PVM, "simpause", 1 + o->arg[1] * 1000UL);
}

void
prog_kernel_op(struct prog_thread *t, const struct prog_op *o)
{
	static const int flushes[] = { PGO_CLEANIT, PGO_CLEANIT | PGO_FREE,
		PGO_DEACTIVATE, PGO_FREE };

	switch (o->kind) {
	case OP_kalloc:
		km_alloc(o);
		break;
	case OP_kfree:
		km_free(&km[o->arg[0] % NKM]);
		break;
	case OP_pglist:
		list_op(o);
		break;
	case OP_balloon:
		balloon_op(o);
		break;
	case OP_daemon:
		wakeup(&uvm.pagedaemon);
		break;
	case OP_objflush:
		simobj_flush((int)(o->arg[0] % ORC_OBJS),
		    flushes[o->arg[2] % nitems(flushes)]);
		break;
	case OP_kpause:
		pause_op(o);
		break;
	default:
		if (o->kind >= OP_fopen)
			prog_file_op(t, o);
		else
			prog_swap_op(t, o);
	}
}

void
prog_kernel_end(void)
{
	struct prog_op o = { 0 };

	for (u_int i = 0; i < NKM; i++)
		km_free(&km[i]);
	for (o.arg[0] = 0; o.arg[0] < NLISTS; o.arg[0]++)
		if (list_used[o.arg[0]])
			list_op(&o);
	if (prog_ballooned != 0)
		deflate();
	uvm_unmap(kernel_map, submap_min, submap_max);
}
