/*
 * Memory at boot: where the device tree lies, which pages the page layer gets,
 * and what the direct map shall cover.
 *
 * The initial file system is a segment of its own in which nothing is
 * available, so that its pages exist and boot_initrd_free() can add them.
 */
#include <sys/systm.h>
#include <sys/cons.h>
#include <machine/boot.h>
#include <machine/csr.h>
#include <machine/sbi.h>
#include <lib/format.h>
#include <lib/sort.h>
#include <pmap/sv39/pmap_boot.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>
#include "riscv.h"

#define LEAF_SIZE   (2UL << 20)
#define TREE_WINDOW (KERNEL_LINK_BASE + 0x30000000) /* in boot_l1 */
#define TREE_MAX    (4UL << 20)
#define BOOT_PTE    0x67 /* V R W G A D */
#define MAXRAM      (VM_PHYSSEG_MAX + 2) /* segments, tree, initrd */

struct fdt_platform platform; /* set once, before main() */

/* Of the boot hart, until main(). */
static struct pmap_range segs[FDT_MAXUSABLE]; /* for the page layer */
static u_int nsegs;
static struct pmap_range tree_pages, initrd_pages; /* end 0: none */

/* -- The tree ------------------------------------------------------------------- */

static void
window_map(paddr_t pa, u_int first, u_int count)
{
	uint64_t *pte = &boot_l1[(TREE_WINDOW - KERNEL_LINK_BASE) / LEAF_SIZE];
	paddr_t base = rounddown2(pa, LEAF_SIZE);

	for (u_int i = first; i < first + count; i++)
		pte[i] = (base + i * LEAF_SIZE) >> 12 << 10 | BOOT_PTE;
	__asm__ volatile("sfence.vma" ::: "memory");
}

static const char *
tree_why(const char *fmt, u_long arg)
{
	static char why[FDT_WHYLEN];

	snprintf(why, sizeof(why), fmt, arg);
	return why;
}

/*
 * Only the first words of the tree are touched before their magic number and
 * size were seen, and then a word in every page it claims: what the boot loader
 * passed may be anything, even nothing.
 */
size_t
boottree_map(paddr_t pa, const void **blobp, const char **why)
{
	const char *blob = (const char *)TREE_WINDOW + (pa % LEAF_SIZE);
	paddr_t image = kernel_pa(__kernel_start);
	psize_t image_size = __kernel_end - __kernel_start;
	uint64_t word;
	size_t size;

	*why = NULL;
	if (pa == 0)
		*why = "the boot loader passed none";
	else if (pa % 8 != 0 || pa >= 1UL << 56)
		*why = "not at a multiple of 8";
	else if (pa - image < image_size)
		*why = "lies inside the kernel image";
	if (*why != NULL)
		return 0;
	window_map(pa, 0, 1);
	if (kcopy_nofault(blob, &word, sizeof(word)) != 0) {
		*why = "no readable memory there";
		return 0;
	}
	size = fdt_totalsize(&word);
	if (size == 0)
		*why = tree_why("it begins with %#lx, not the magic number",
		    (uint32_t)word);
	else if (size > TREE_MAX)
		*why = tree_why("it claims %lu bytes, more than 4 MiB", size);
	if (*why != NULL)
		return 0;
	window_map(pa, 1, howmany(pa % LEAF_SIZE + size, LEAF_SIZE) - 1);
	for (size_t off = 0; off < size; off += MIN(PAGE_SIZE, size - off))
		if (kcopy_nofault(
			(const void *)rounddown2((vaddr_t)blob + off, 8), &word,
			sizeof(word)) != 0) {
			*why = tree_why("not readable from byte %lu on", off);
			return 0;
		}
	*blobp = blob;
	return size;
}

/* -- Ranges --------------------------------------------------------------------- */

/* => take [start, end) out of segs */
static void
segs_cut(paddr_t start, paddr_t end)
{
	for (u_int i = 0; i < nsegs; i++) {
		struct pmap_range *s = &segs[i];

		if (s->end <= start || s->start >= end)
			continue;
		if (s->start < start && s->end > end && nsegs < nitems(segs)) {
			memmove(s + 1, s, (nsegs - i) * sizeof(*s));
			nsegs++;
			s[0].end = start;
			s[1].start = end;
		} else if (s->start < start)
			s->end = start;
		else
			s->start = MIN(end, s->end);
	}
}

static u_int
segs_smallest(void)
{
	u_int best = 0;

	for (u_int i = 1; i < nsegs; i++)
		if (segs[i].end - segs[i].start <
		    segs[best].end - segs[best].start)
			best = i;
	return best;
}

static void
segs_drop(u_int i)
{
	memmove(&segs[i], &segs[i + 1], (--nsegs - i) * sizeof(segs[0]));
}

/*
 * What the tree calls usable, less the first 2 MiB of memory if the kernel does
 * not lie there itself (the firmware does, whatever its tree says), less what
 * the direct map cannot reach.
 */
static void
segs_collect(void)
{
	paddr_t base = platform.mem[0].base;
	u_int i;

	for (i = 0; i < platform.nusable; i++) {
		segs[i].start = platform.usable[i].base;
		segs[i].end = segs[i].start + platform.usable[i].size;
	}
	nsegs = i;
	if (kernel_pa(__kernel_start) >= base + LEAF_SIZE)
		segs_cut(base, base + LEAF_SIZE);
	segs_cut(KDMAP_SIZE, UINT64_MAX);
	for (i = 0; i < nsegs;)
		if (segs[i].start == segs[i].end)
			segs_drop(i);
		else
			i++;
	/* one more for the initial file system */
	while (nsegs > VM_PHYSSEG_MAX - 1) {
		i = segs_smallest();
		printf("memory: %#lx-%#lx not used: too many ranges\n",
		    segs[i].start, segs[i].end - 1);
		segs_drop(i);
	}
}

static void
initrd_collect(void)
{
	struct pmap_range *r = &initrd_pages;

	if (platform.initrd_size == 0)
		return;
	r->start = trunc_page(platform.initrd_base);
	r->end = round_page(platform.initrd_base + platform.initrd_size);
	if (r->end > KDMAP_SIZE) {
		printf("initrd: at %#lx, beyond the direct map: ignored\n",
		    r->start);
		platform.initrd_size = 0;
		r->end = 0;
		return;
	}
	for (u_int i = 0; i < nsegs; i++)
		KASSERT(segs[i].end <= r->start || segs[i].start >= r->end);
}

static int
range_compare(const void *a, const void *b)
{
	const struct pmap_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * Everything the direct map shall cover, in order, neighbours joined so that
 * large leaves fit.
 * => number of ranges in ram[]
 */
static u_int
ram_collect(struct pmap_range *ram)
{
	u_int n = 0, last = 0;

	for (u_int i = 0; i < nsegs; i++)
		ram[n++] = segs[i];
	ram[n++] = tree_pages;
	if (initrd_pages.end != 0)
		ram[n++] = initrd_pages;
	ksort(ram, n, sizeof(ram[0]), range_compare);
	for (u_int i = 1; i < n; i++) {
		if (ram[i].start <= ram[last].end)
			ram[last].end = MAX(ram[last].end, ram[i].end);
		else
			ram[++last] = ram[i];
	}
	return last + 1;
}

/* -- Hand-over ------------------------------------------------------------------ */

static void
segs_load(void)
{
	uvm_setpagesize();
	for (u_int i = 0; i < nsegs; i++)
		uvm_page_physload(segs[i].start, segs[i].end, segs[i].start,
		    segs[i].end, VM_FREELIST_DEFAULT);
	if (initrd_pages.end != 0)
		uvm_page_physload(initrd_pages.start, initrd_pages.end,
		    initrd_pages.start, initrd_pages.start,
		    VM_FREELIST_DEFAULT);
}

/*
 * Fences with an address or an address space are not to be relied on where the
 * vendor's cores have the erratum CIP-1200, and address spaces are not numbered
 * there anyway: so all cores of the vendor get full fences.
 */
static bool
errata_full_fence(void)
{
	return sbi_info.si_mvendorid == 0x489 || sbi_info.si_marchid == 1;
}

void
bootmem_init(paddr_t fdt_pa, size_t fdt_size)
{
	static struct pmap_range ram[MAXRAM];
	const char *ad = boot_option("ad");
	struct pmap_bootinfo pb = {
		.pb_kern_pa = kernel_pa(__kernel_start),
		.pb_ram = ram,
		.pb_svinval = (platform.isa_all & FDT_ISA_SVINVAL) != 0,
		.pb_svpbmt = (platform.isa_all & FDT_ISA_SVPBMT) != 0,
		.pb_svnapot = (platform.isa_all & FDT_ISA_SVNAPOT) != 0,
		.pb_no_asid = boot_option_u64("asid", 1) == 0,
		.pb_soft_ad = ad != NULL && strcmp(ad, "soft") == 0,
		.pb_full_fence = errata_full_fence(),
	};

	tree_pages.start = trunc_page(fdt_pa);
	tree_pages.end = round_page(fdt_pa + fdt_size);
	segs_collect();
	initrd_collect();
	pb.pb_nram = ram_collect(ram);
	segs_load();
	pmap_bootstrap(&pb);
	trap_pmap_up = true;
}

static const char *
size_text(char *buf, size_t n, uint64_t bytes)
{
	if (bytes % (1UL << 20) == 0)
		snprintf(buf, n, "%lu MiB", (u_long)bytes >> 20);
	else
		snprintf(buf, n, "%lu KiB", (u_long)howmany(bytes, 1024));
	return buf;
}

void
bootmem_print(void)
{
	psize_t total = 0;
	char buf[32];

	for (u_int i = 0; i < platform.nmem; i++) {
		const struct fdt_range *r = &platform.mem[i];

		printf("memory: %#lx-%#lx %s, node %u\n", (u_long)r->base,
		    (u_long)(r->base + r->size - 1),
		    size_text(buf, sizeof(buf), r->size), r->numa);
	}
	for (u_int i = 0; i < platform.nrsv; i++) {
		const struct fdt_range *r = &platform.rsv[i];

		printf("memory: reserved %#lx-%#lx %s%s (%s)\n",
		    (u_long)r->base, (u_long)(r->base + r->size - 1),
		    size_text(buf, sizeof(buf), r->size),
		    r->nomap ? ", no-map" : "", r->name);
	}
	for (u_int i = 0; i < nsegs; i++)
		total += segs[i].end - segs[i].start;
	printf("memory: %s usable in %u range%s\n",
	    size_text(buf, sizeof(buf), total), nsegs, nsegs == 1 ? "" : "s");
}

/* -- For programs ------------------------------------------------------------------ */

static bool
in_range(const struct fdt_range *r, paddr_t pa)
{
	return pa + PAGE_SIZE > r->base && pa < r->base + r->size;
}

/* Memory that somebody set aside, and that is neither ours nor firmware's. */
static bool
is_set_aside(paddr_t pa)
{
	const struct fdt_range *r;
	bool found = false;

	for (u_int i = 0; i < platform.nrsv; i++) {
		r = &platform.rsv[i];
		if (!in_range(r, pa))
			continue;
		if (r->nomap || strcmp(r->name, "kernel") == 0 ||
		    strcmp(r->name, "initrd") == 0 ||
		    strcmp(r->name, "fdt") == 0)
			return false;
		found = true;
	}
	return found;
}

bool
cpu_paddr_mappable(paddr_t pa)
{
	if (pa >> 56 != 0)
		return false;
	for (u_int i = 0; i < platform.nmem; i++)
		if (in_range(&platform.mem[i], pa))
			return is_set_aside(pa);
	return true;
}

/* -- Initial file system ---------------------------------------------------------- */

bool
boot_initrd(const void **basep, size_t *sizep)
{
	if (platform.initrd_size == 0)
		return false;
	*basep = (const void *)PHYS_TO_DMAP(platform.initrd_base);
	*sizep = platform.initrd_size;
	return true;
}

/*
 * Pages that another reservation shares stay.  Boot loaders list the initial
 * file system in the memory reservation block too, so that kind does not count.
 */
void
boot_initrd_free(void)
{
	struct pmap_range r = initrd_pages;

	for (u_int i = 0; i < platform.nrsv; i++) {
		const struct fdt_range *other = &platform.rsv[i];
		paddr_t start = trunc_page(other->base);
		paddr_t end = round_page(other->base + other->size);

		if (other->kind == FDT_RSV_MEMRESERVE ||
		    other->kind == FDT_RSV_INITRD || end <= r.start ||
		    start >= r.end)
			continue;
		if (start <= r.start)
			r.start = MIN(end, r.end);
		else
			r.end = start;
	}
	platform.initrd_size = 0;
	initrd_pages.end = 0;
	if (r.start < r.end)
		uvm_page_addrange(r.start, r.end);
}
