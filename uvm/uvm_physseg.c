/* Physical segments: the memory uvm_page_physload() was told of. */
#include <uvm/uvm.h>
#include <uvm/uvm_pgcache.h>

struct vm_physseg vm_physmem[VM_PHYSSEG_MAX];
int vm_nphysseg;

/* The largest segment, looked at first.  [I] after uvm_page_init */
static struct {
	paddr_t start; /* first byte */
	psize_t size; /* bytes; 0 as long as there are no pages */
	struct vm_page *pgs;
} main_seg;

/*
 * Register the physical memory [start, end), of which [avail_start, avail_end)
 * is not in use, on a free list.
 * => boot, before uvm_init; byte addresses; starts are rounded up, ends down
 * => panics: page size not set, bad list, empty or overlapping segment; a
 *    segment too many is reported and ignored
 */
void
uvm_page_physload(paddr_t start, paddr_t end, paddr_t avail_start,
    paddr_t avail_end, int free_list)
{
	struct vm_physseg *seg;

	if (uvmexp.pagesize == 0)
		panic("uvm_page_physload: page size not set");
	if (free_list < 0 || free_list >= VM_NFREELIST)
		panic("uvm_page_physload: bad free list %d", free_list);
	start = round_page(start);
	end = trunc_page(end);
	avail_start = round_page(avail_start);
	avail_end = trunc_page(avail_end);
	if (start >= end)
		panic("uvm_page_physload: bad segment %#lx-%#lx", start, end);
	if (avail_start < avail_end && (avail_start < start || avail_end > end))
		panic("uvm_page_physload: %#lx-%#lx is not within %#lx-%#lx",
		    avail_start, avail_end, start, end);
	KASSERT(!uvm.page_init_done);
	if (vm_nphysseg == VM_PHYSSEG_MAX) {
		printf("uvm_page_physload: more than %d segments, "
		       "%#lx-%#lx ignored\n",
		    VM_PHYSSEG_MAX, start, end);
		return;
	}

	/* keep the array in ascending order */
	for (seg = vm_physmem + vm_nphysseg; seg > vm_physmem; seg--) {
		if (seg[-1].end <= start)
			break;
		if (seg[-1].start < end)
			panic("uvm_page_physload: %#lx-%#lx overlaps "
			      "%#lx-%#lx",
			    start, end, seg[-1].start, seg[-1].end);
		seg[0] = seg[-1];
	}
	seg->start = start;
	seg->end = end;
	seg->avail_start = avail_start;
	seg->avail_end = MAX(avail_start, avail_end);
	seg->free_list = free_list;
	seg->pgs = seg->lastpg = NULL;
	vm_nphysseg++;
}

/*
 * Choose the segment that PHYS_TO_VM_PAGE looks at first: the largest.
 * => boot, the page array exists
 */
void
uvm_physseg_settle(void)
{
	const struct vm_physseg *seg;

	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++) {
		if (seg->end - seg->start <= main_seg.size)
			continue;
		main_seg.start = seg->start;
		main_seg.size = seg->end - seg->start;
		main_seg.pgs = seg->pgs;
	}
}

static struct vm_page *
physseg_search(paddr_t pa)
{
	const struct vm_physseg *seg;
	int lo = 0, hi = vm_nphysseg, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		seg = &vm_physmem[mid];
		if (pa < seg->start)
			hi = mid;
		else if (pa >= seg->end)
			lo = mid + 1;
		else
			return seg->pgs == NULL
			    ? NULL
			    : seg->pgs + atop(pa - seg->start);
	}
	return NULL;
}

struct vm_page *
PHYS_TO_VM_PAGE(paddr_t pa)
{
	paddr_t off = pa - main_seg.start;

	if (__predict_true(off < main_seg.size))
		return main_seg.pgs + atop(off);
	return physseg_search(pa);
}
