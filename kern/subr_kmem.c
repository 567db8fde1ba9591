/*
 * Kernel memory of any size.
 *
 *	up to 4032 bytes	a pool for the size class
 *	up to 64 KiB		contiguous pages in the direct map
 *	more, or no such run	mapped in kernel_map
 *
 * The caller of kmem_free() gives the size, so nothing is kept per block; a
 * block outside the direct map tells by its address that it was mapped.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>
#include <kern/kmem.h>

#define KMEM_GRAIN      16 /* sizes are looked up in units of this */
#define KMEM_POOL_MAX   4032
#define KMEM_CONTIG_MAX (64 * 1024)

static const struct {
	uint16_t size;
	const char *name;
} kmem_class[] = {
	{ 16, "kmem16" },
	{ 32, "kmem32" },
	{ 48, "kmem48" },
	{ 64, "kmem64" },
	{ 96, "kmem96" },
	{ 128, "kmem128" },
	{ 192, "kmem192" },
	{ 256, "kmem256" },
	{ 384, "kmem384" },
	{ 512, "kmem512" },
	{ 768, "kmem768" },
	/* 4, 3, 2 and 1 of them, and the header, fill a page */
	{ 1008, "kmem1008" },
	{ 1344, "kmem1344" },
	{ 2016, "kmem2016" },
	{ 4032, "kmem4032" },
};

static struct pool kmem_pool[nitems(kmem_class)];
/* class by (size + 15) / 16; immutable after kmem_init() */
static uint8_t kmem_index[KMEM_POOL_MAX / KMEM_GRAIN + 1];
static volatile long kmem_large; /* [a] blocks that are not from a pool */

/* => boot, before the first kmem_alloc(); needs nothing */
void
kmem_init(void)
{
	size_t c = 0;

	for (size_t i = 0; i < nitems(kmem_class); i++)
		pool_init(
		    &kmem_pool[i], kmem_class[i].size, 0, kmem_class[i].name);
	for (size_t i = 0; i < nitems(kmem_index); i++) {
		if (i * KMEM_GRAIN > kmem_class[c].size)
			c++;
		kmem_index[i] = (uint8_t)c;
	}
}

static inline struct pool *
kmem_pool_of(size_t size)
{
	return &kmem_pool[kmem_index[(size + KMEM_GRAIN - 1) / KMEM_GRAIN]];
}

/* => TRUE: the caller may take a lock that sleeps */
static bool
kmem_can_map(void)
{
	struct cpu_info *ci = curcpu();

	return ci->ci_intrdepth == 0 && ci->ci_mtxdepth == 0 && intr_enabled();
}

/*
 * => size is a multiple of the page size
 */
static void *
kmem_large_try(size_t size, int flags)
{
	void *p = NULL;

	if (size <= KMEM_CONTIG_MAX)
		p = kmem_pages_alloc(size);
	if (p == NULL && size > PAGE_SIZE && kmem_can_map())
		p = (void *)uvm_km_kmemalloc(kernel_map, NULL, size,
		    flags & PR_WAITOK ? 0 : UVM_KMF_NOWAIT);
	return p;
}

static void *
kmem_large_alloc(size_t size, int flags)
{
	void *p;

	while ((p = kmem_large_try(size, flags)) == NULL) {
		if ((flags & PR_WAITOK) == 0)
			return NULL;
		uvm_wait("kmem");
	}
	atomic_add(&kmem_large, 1);
	if ((flags & PR_ZERO) != 0)
		memset(p, 0, size);
	return p;
}

void *
kmem_alloc(size_t size, int flags)
{
	KASSERT(size > 0);
	if (__predict_true(size <= KMEM_POOL_MAX))
		return pool_get(kmem_pool_of(size), flags);
#ifdef FAULT_INJECT
	alloc_check_wait(flags);
	if ((flags & PR_WAITOK) == 0 && alloc_fail_now())
		return NULL;
#endif
	return kmem_large_alloc(round_page(size), flags);
}

void
kmem_free(void *p, size_t size)
{
	KASSERT(p != NULL && size > 0);
	if (__predict_true(size <= KMEM_POOL_MAX)) {
		pool_put(kmem_pool_of(size), p);
		return;
	}
	atomic_add(&kmem_large, -1);
	size = round_page(size);
	if (VA_IS_DMAP(p))
		kmem_pages_free(p, size);
	else
		uvm_km_free(kernel_map, (vaddr_t)p, size);
}

long
kmem_inuse_large(void)
{
	return atomic_load(&kmem_large);
}
