/* Physical segments: the memory uvm_page_physload() was told of. */
#include <uvm/uvm.h>
#include <uvm/uvm_pgcache.h>

struct vm_physseg vm_physmem[VM_PHYSSEG_MAX];
int vm_nphysseg;

struct vm_physmain vm_physmain;

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
 * Choose the segments whose pages share an array: the largest one and, as long
 * as the gap is small against what there is already, its neighbours.
 */
static void
main_choose(struct vm_physseg **firstp, struct vm_physseg **lastp)
{
	struct vm_physseg *end = vm_physmem + vm_nphysseg, *seg, *first, *last;
	bool grown = true;

	first = vm_physmem;
	for (seg = vm_physmem; seg < end; seg++)
		if (seg->end - seg->start > first->end - first->start)
			first = seg;
	last = first;
	while (grown) {
		psize_t small = (last->end - first->start) / 8;

		grown = false;
		if (first > vm_physmem &&
		    first->start - first[-1].end < small) {
			first--;
			grown = true;
		}
		if (last + 1 < end && last[1].start - last->end < small) {
			last++;
			grown = true;
		}
	}
	*firstp = first;
	*lastp = last;
}

static struct vm_page *
steal_pages(psize_t size, vaddr_t *kvm_start, vaddr_t *kvm_end)
{
	return (struct vm_page *)pmap_steal_memory(
	    atop(size) * sizeof(struct vm_page), kvm_start, kvm_end);
}

static inline void
seg_set_pages(struct vm_physseg *seg, struct vm_page *pgs)
{
	seg->pgs = pgs;
	seg->lastpg = pgs + atop(seg->end - seg->start);
}

/*
 * Make the page arrays, zero but for PQ_GAP, out of what is available.
 * => boot; avail ranges shrink
 */
void
uvm_physseg_arrays(vaddr_t *kvm_start, vaddr_t *kvm_end)
{
	struct vm_physmain *pm = &vm_physmain;
	struct vm_physseg *seg, *first, *last;
	struct vm_page *pg;

	main_choose(&first, &last);
	pm->pm_start = first->start;
	pm->pm_size = last->end - first->start;
	pm->pm_pgs = steal_pages(pm->pm_size, kvm_start, kvm_end);
	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++) {
		if (seg < first || seg > last) {
			seg_set_pages(seg,
			    steal_pages(
				seg->end - seg->start, kvm_start, kvm_end));
			continue;
		}
		seg_set_pages(
		    seg, pm->pm_pgs + atop(seg->start - pm->pm_start));
		if (seg == first)
			continue;
		for (pg = seg[-1].lastpg; pg < seg->pgs; pg++)
			pg->pg_flags = PQ_GAP;
	}
}

struct vm_page *
vm_physseg_search(paddr_t pa)
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
