/* The auditor: what its parts share, the order of the walks, the counters. */
#define _UVM_SWAP_PRIVATE
#include <tests/audit/audit_i.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_swap.h>
#include <uvm/uvm_vnode.h>
#include <lib/sort.h>

struct audit audit;
struct audit_known audit_known;
struct audit_census audit_census;

static void (*audit_report)(const char *fmt, ...) __printflike(1, 2);
static int audit_nbad; /* violations of this audit */

void
audit_bad(const char *fmt, ...)
{
	char line[200];
	va_list ap;

	if (audit_nbad++ >= AUDIT_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	audit_report("%s", line);
}

/* -- Memory of the auditor ------------------------------------------------------- */

static size_t
all_pages(void)
{
	size_t n = 0;

	for (int i = 0; i < vm_nphysseg; i++)
		n += atop(vm_physmem[i].end - vm_physmem[i].start);
	return n;
}

/* More references than this there are not in any test. */
static size_t
max_refs(void)
{
	return 1024 + all_pages() / 4;
}

size_t
audit_size(void)
{
	return all_pages() * sizeof(struct audit_page) +
	    max_refs() * (sizeof(struct audit_ref) + sizeof(uint32_t));
}

void
audit_init(void *mem)
{
	audit.au_page = mem;
	audit.au_ref = (struct audit_ref *)(audit.au_page + all_pages());
	audit.au_maxref = max_refs();
	audit.au_end = (uint32_t *)(audit.au_ref + audit.au_maxref);
}

/* -- Pages ------------------------------------------------------------------------- */

bool
audit_page_valid(const struct vm_page *pg)
{
	const struct vm_physseg *seg = vm_physmem;

	for (; seg < vm_physmem + vm_nphysseg; seg++)
		if (pg >= seg->pgs && pg < seg->lastpg)
			return ((uintptr_t)pg - (uintptr_t)seg->pgs) %
			    sizeof(*pg) ==
			    0;
	return false;
}

struct audit_page *
audit_page_of(const struct vm_page *pg)
{
	const struct vm_physseg *seg = vm_physmem;
	struct audit_page *ap = audit.au_page;

	for (; pg < seg->pgs || pg >= seg->lastpg; seg++)
		ap += seg->lastpg - seg->pgs;
	return ap + (pg - seg->pgs);
}

static const char *const place_name[] = { "nothing", "a free block",
	"the hot pages", "the zeroed pages", "a magazine", "an object",
	"an anon", "a pool", "page tables", "kernel memory" };

bool
audit_place(struct vm_page *pg, enum audit_place place)
{
	struct audit_page *ap = audit_page_of(pg);

	if (ap->ap_place != AP_NONE) {
		audit_bad("page %#lx: belongs to %s and to %s",
		    VM_PAGE_TO_PHYS(pg), place_name[ap->ap_place],
		    place_name[place]);
		return false;
	}
	ap->ap_place = (uint8_t)place;
	return true;
}

void
audit_pages(void (*fn)(struct vm_page *pg, struct audit_page *ap))
{
	const struct vm_physseg *seg = vm_physmem;
	struct audit_page *ap = audit.au_page;

	for (; seg < vm_physmem + vm_nphysseg; seg++)
		for (struct vm_page *pg = seg->pgs; pg < seg->lastpg; pg++)
			fn(pg, ap++);
}

/* -- Locks -------------------------------------------------------------------------- */

void
audit_rwlock(const struct rwlock *l, const char *what, const void *of)
{
	if (l->rwl_word != 0)
		audit_bad("%s %p: its lock is %#lx, should be free", what, of,
		    (u_long)l->rwl_word);
}

void
audit_mutex(const struct mutex *m, const char *what, const void *of)
{
	if (m->mtx_locked != 0)
		audit_bad("%s %p: its mutex is held", what, of);
}

/* -- References of entries ------------------------------------------------------------ */

void
audit_ref(void *key, struct vm_map_entry *e, uint32_t off, uint32_t end)
{
	if (audit.au_nref < audit.au_maxref)
		audit.au_ref[audit.au_nref] =
		    (struct audit_ref){ key, e, off, end };
	audit.au_nref++;
}

static int
ref_cmp(const void *a, const void *b)
{
	const struct audit_ref *ra = a, *rb = b;

	if (ra->ar_key != rb->ar_key)
		return (uintptr_t)ra->ar_key < (uintptr_t)rb->ar_key ? -1 : 1;
	return ra->ar_off < rb->ar_off ? -1 : ra->ar_off > rb->ar_off;
}

void
audit_ref_sort(void)
{
	if (audit.au_nref > audit.au_maxref) {
		audit_bad("audit: %lu references, room for %lu",
		    (u_long)audit.au_nref, (u_long)audit.au_maxref);
		audit.au_nref = audit.au_maxref;
	}
	ksort(audit.au_ref, audit.au_nref, sizeof(audit.au_ref[0]), ref_cmp);
}

struct audit_ref *
audit_ref_find(const void *key, size_t *np)
{
	size_t lo = 0, hi = audit.au_nref, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if ((uintptr_t)audit.au_ref[mid].ar_key < (uintptr_t)key)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo; hi < audit.au_nref && audit.au_ref[hi].ar_key == key;)
		hi++;
	*np = hi - lo;
	return hi > lo ? &audit.au_ref[lo] : NULL;
}

/* -- Counters -------------------------------------------------------------------------- */

static void
counter(const char *name, long is, long should)
{
	if (is != should)
		audit_bad("uvmexp.%s is %ld, should be %ld", name, is, should);
}

static void
pool_counter(struct pool *pp, long should)
{
	long is;

	if (pp == NULL)
		return;
	is = audit_pool_count(pp);
	if (is != should)
		audit_bad("pool %s: %ld items in use, %ld are reachable",
		    pp->pr_name, is, should);
}

/* UVM-API.md part 3, as far as it holds at any quiet point. */
void
audit_counters(void)
{
	const struct audit_census *ac = &audit_census;

	uvmexp_collect();
	counter("free", uvmexp.free, ac->ac_free);
	counter("zeropages", uvmexp.zeropages, uvm_zero_count());
	counter("active", uvmexp.active, audit.au_active + audit.au_pending);
	counter("inactive", uvmexp.inactive, audit.au_inactive);
	counter("wired", uvmexp.wired, audit.au_wired);
	counter("anonpages", uvmexp.anonpages, audit.au_anonpages);
	counter("vnodepages", uvmexp.vnodepages, audit.au_filepages[0]);
	counter("vtextpages", uvmexp.vtextpages, audit.au_filepages[1]);
	counter("dirty (uvn_ndirty)", uvn_ndirty(), audit.au_dirty);
	counter("kmapent", uvmexp.kmapent, audit.au_kentries);
	counter("nanon - nfreeanon", uvmexp.nanon - uvmexp.nfreeanon,
	    audit_pool_count(audit.au_pool.anon));
	counter("aobjs (uao_count)", uao_count(),
	    audit_pool_count(audit.au_pool.aobj));
	if (uvmexp.paging < 0)
		audit_bad("uvmexp.paging is %d", uvmexp.paging);
	if (ac->ac_free + ac->ac_object + ac->ac_anon + ac->ac_pool +
		ac->ac_kernel >
	    uvmexp.npages)
		audit_bad("uvmexp.npages is %d, more pages are in use: "
			  "%ld free, %ld objects', %ld anons', %ld pools', "
			  "%ld kernel",
		    uvmexp.npages, ac->ac_free, ac->ac_object, ac->ac_anon,
		    ac->ac_pool, ac->ac_kernel);
	pool_counter(audit.au_pool.entry, audit.au_entries);
	pool_counter(audit.au_pool.map, audit.au_submaps);
	pool_counter(audit.au_pool.node, audit.au_amapnodes);
	pool_counter(
	    audit.au_pool.ptnode, audit.au_ptnodes + uao_swapnodes_kept());
	counter("swpgonly", uvmexp.swpgonly, audit.au_swaponly);
	if (pmap_pv_count() != audit.au_pvs)
		audit_bad("pmap_pv_count() is %ld, pages know of %ld mappings",
		    pmap_pv_count(), audit.au_pvs);
	pool_counter(audit.au_pool.pv, audit.au_pvmany);
	pool_counter(audit.au_pool.pmap, audit.au_spaces);
}

/* -- The audit ---------------------------------------------------------------------------- */

static void
begin(void (*report)(const char *fmt, ...))
{
	struct audit a = {
		.au_page = audit.au_page,
		.au_ref = audit.au_ref,
		.au_end = audit.au_end,
		.au_maxref = audit.au_maxref,
	};

	KASSERT(audit.au_page != NULL);
	audit = a;
	audit_census = (struct audit_census){ 0 };
	memset(audit.au_page, 0, all_pages() * sizeof(struct audit_page));
	audit_report = report;
	audit_nbad = 0;
}

int
audit_all(void (*report)(const char *fmt, ...))
{
	begin(report);
	audit_mutex(&uvm.pageqlock, "uvm.pageqlock", &uvm);
	audit_mutex(&uvm.fpageqlock, "uvm.fpageqlock", &uvm);
	audit_mutex(&swap_mtx, "swap_mtx", &swap_mtx);
	audit_pools();
	audit_free();
	audit_queues();
	audit_objects();
	audit_maps();
	audit_amaps();
	audit_swap();
	audit_pmaps();
	audit_each_page();
	audit_counters();
	return audit_nbad;
}
