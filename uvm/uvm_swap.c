/*
 * Swap slots: which are free, whose the others are, and the counters.
 *
 * swap_mtx is a leaf: nothing under it sleeps or allocates.
 */
#define _UVM_SWAP_PRIVATE
#include <uvm/uvm.h>
#include <uvm/uvm_swap.h>
#include <sys/disk.h>

struct mutex swap_mtx = MUTEX_INITIALIZER(LR_SWAP, "swap");
struct swapdev *swap_dev[SWAP_MAXDEV];
int swap_ndev;
static volatile int swap_nfree; /* [s to change] slots for allocation */

/* A device of which so many slots in a row cannot be written is given up. */
#define SWAP_MAXFAILED  64

#define BLOCKS_PER_PAGE (PAGE_SIZE / DEV_BSIZE)

/* -- Counters ------------------------------------------------------------------- */

int
uvm_swap_nfree(void)
{
	return atomic_load(&swap_nfree);
}

void
uvm_swap_only(int n)
{
	(void)atomic_add((u_int *)&uvmexp.swpgonly, (u_int)n);
}

/* => swap_mtx held: slots came, or went for good */
static void
count_usable(struct swapdev *sd, int n)
{
	sd->sd_usable += n;
	uvmexp.swpages += n;
}

static void
count_inuse(struct swapdev *sd, int n)
{
	sd->sd_inuse += n;
	uvmexp.swpginuse += n;
}

/* -- Devices -------------------------------------------------------------------- */

struct swapdev *
uvm_swap_devof(int slot, uint32_t *page)
{
	MUTEX_ASSERT_LOCKED(&swap_mtx);
	for (int d = 0; d < swap_ndev; d++) {
		uint32_t i = (uint32_t)(slot - swap_dev[d]->sd_base);

		if (slot >= swap_dev[d]->sd_base &&
		    i < swap_dev[d]->sd_npages) {
			*page = i;
			return swap_dev[d];
		}
	}
	return NULL;
}

/* => as uvm_swap_devof(), but there must be one */
static struct swapdev *
devof(int slot, uint32_t *page)
{
	struct swapdev *sd = uvm_swap_devof(slot, page);

	if (sd == NULL)
		panic("swap: no slot %d", slot);
	return sd;
}

void
uvm_swap_enable(struct swapdev *sd, bool enable)
{
	int n = (int)sd->sd_map.sm_nfree;

	MUTEX_ASSERT_LOCKED(&swap_mtx);
	if (enable == ((sd->sd_flags & SWF_ENABLE) != 0))
		return;
	sd->sd_flags ^= SWF_ENABLE;
	swap_nfree += enable ? n : -n;
}

void
uvm_swap_insert(struct swapdev *sd)
{
	int i;

	MUTEX_ASSERT_LOCKED(&swap_mtx);
	KASSERT(swap_ndev < SWAP_MAXDEV);
	for (i = swap_ndev++; i > 0; i--) {
		if (swap_dev[i - 1]->sd_priority <= sd->sd_priority)
			break;
		swap_dev[i] = swap_dev[i - 1];
	}
	swap_dev[i] = sd;
}

void
uvm_swap_remove(struct swapdev *sd)
{
	int i;

	MUTEX_ASSERT_LOCKED(&swap_mtx);
	for (i = 0; swap_dev[i] != sd; i++)
		continue;
	for (swap_ndev--; i < swap_ndev; i++)
		swap_dev[i] = swap_dev[i + 1];
	swap_dev[swap_ndev] = NULL;
}

struct bdev *
uvm_swap_place(int slot, int64_t *blkno)
{
	struct bdev *bd;
	uint32_t i;

	mtx_enter(&swap_mtx);
	bd = devof(slot, &i)->sd_bdev;
	mtx_leave(&swap_mtx);
	*blkno = (int64_t)i * BLOCKS_PER_PAGE;
	return bd;
}

/*
 * No more writing to the device: what it has free is no room any more, and
 * what it holds goes as it is freed.
 * => swap_mtx held
 */
static void
give_up(struct swapdev *sd)
{
	uvm_swap_enable(sd, false);
	sd->sd_flags |= SWF_FAILED;
	count_usable(sd, -(int)sd->sd_map.sm_nfree);
}

void
uvm_swap_written(int slot, bool ok)
{
	struct swapdev *sd;
	bool gone = false;
	uint32_t i;

	mtx_enter(&swap_mtx);
	sd = devof(slot, &i);
	if (ok)
		sd->sd_failed = 0;
	else if (++sd->sd_failed >= SWAP_MAXFAILED ||
	    atomic_load(&sd->sd_bdev->bd_disk->dk_gone)) {
		gone = (sd->sd_flags & (SWF_FAILED | SWF_BUSY)) == 0;
		if (gone)
			give_up(sd);
	}
	mtx_leave(&swap_mtx);
	if (gone)
		printf("swap: %s cannot be written, used no more\n",
		    sd->sd_bdev->bd_name);
}

/* -- Slots ---------------------------------------------------------------------- */

/* => swap_mtx held; a run of n on the device; its first slot, or 0 */
static int
alloc_run(struct swapdev *sd, int n)
{
	uint32_t i;

	if ((sd->sd_flags & SWF_ENABLE) == 0 ||
	    !uvm_swapmap_alloc(&sd->sd_map, (uint32_t)n, &i))
		return 0;
	uvm_swapkey_take(sd, i, (uint32_t)n);
	count_inuse(sd, n);
	swap_nfree -= n;
	return sd->sd_base + (int)i;
}

/* => swap_mtx held: the device goes behind all others of its priority */
static void
rotate(int d)
{
	struct swapdev *sd = swap_dev[d];

	for (; d + 1 < swap_ndev &&
	     swap_dev[d + 1]->sd_priority == sd->sd_priority;
	     d++)
		swap_dev[d] = swap_dev[d + 1];
	swap_dev[d] = sd;
}

/*
 * => swap_mtx held; a run of n on a device of [d, end), or of as many as any
 *    of them has (lessok)
 */
static int
alloc_group(int d, int end, int *n, bool lessok)
{
	int slot, got, best = 0;

	for (int i = d; i < end; i++) {
		slot = alloc_run(swap_dev[i], *n);
		if (slot != 0) {
			rotate(i);
			return slot;
		}
		got = (int)uvm_swapmap_longest(&swap_dev[i]->sd_map);
		if (swap_dev[i]->sd_flags & SWF_ENABLE)
			best = MAX(best, got);
	}
	if (!lessok || best == 0)
		return 0;
	*n = MIN(best, *n);
	return alloc_group(d, end, n, false);
}

int
uvm_swap_alloc(int *nslots, boolean_t lessok)
{
	int d, end, slot = 0;

	KASSERT(*nslots > 0);
	*nslots = MIN(*nslots, SWAPMAP_RUN);
	if (uvm_swap_nfree() <= 0)
		return 0;
	mtx_enter(&swap_mtx);
	for (d = 0; d < swap_ndev && slot == 0; d = end) {
		for (end = d + 1; end < swap_ndev &&
		     swap_dev[end]->sd_priority == swap_dev[d]->sd_priority;
		     end++)
			continue;
		slot = alloc_group(d, end, nslots, lessok);
	}
	mtx_leave(&swap_mtx);
	return slot;
}

/* => swap_mtx held; one slot, in use, goes */
static void
free_one(struct swapdev *sd, uint32_t i)
{
	bool retire = (sd->sd_owner[i] & SWO_BAD) != 0 ||
	    (sd->sd_flags & SWF_FAILED) != 0;

	KASSERT(!uvm_swapmap_isfree(&sd->sd_map, i));
	sd->sd_owner[i] = 0;
	uvm_swapkey_drop(sd, i, 1);
	count_inuse(sd, -1);
	if (retire && !MUTANT(SWAP_BAD_REUSED)) {
		count_usable(sd, -1);
		return;
	}
	uvm_swapmap_free(&sd->sd_map, i, 1);
	if (sd->sd_flags & SWF_ENABLE)
		swap_nfree++;
}

void
uvm_swap_free(int slot, int n)
{
	struct swapdev *sd;
	uint32_t i;

	if (slot <= 0 || n <= 0)
		return;
	mtx_enter(&swap_mtx);
	sd = devof(slot, &i);
	for (; n > 0; n--, i++)
		free_one(sd, i);
	if (sd->sd_inuse == 0 && (sd->sd_flags & SWF_BUSY) != 0)
		wakeup(sd);
	mtx_leave(&swap_mtx);
}

void
uvm_swap_markbad(int slot, int n)
{
	struct swapdev *sd;
	uint32_t i;

	mtx_enter(&swap_mtx);
	sd = devof(slot, &i);
	for (; n > 0; n--, i++)
		sd->sd_owner[i] |= SWO_BAD;
	mtx_leave(&swap_mtx);
}

bool
uvm_swap_isbad(int slot)
{
	uint32_t i;
	bool bad;

	mtx_enter(&swap_mtx);
	bad = (devof(slot, &i)->sd_owner[i] & SWO_BAD) != 0;
	mtx_leave(&swap_mtx);
	return bad;
}

/* -- Owners --------------------------------------------------------------------- */

static void
set_owner(int slot, uintptr_t owner)
{
	struct swapdev *sd;
	uint32_t i;

	mtx_enter(&swap_mtx);
	sd = devof(slot, &i);
	KASSERT(sd->sd_owner[i] == 0);
	sd->sd_owner[i] = owner;
	mtx_leave(&swap_mtx);
}

void
uvm_swap_setanon(int slot, struct vm_anon *anon)
{
	set_owner(slot, (uintptr_t)anon);
}

void
uvm_swap_setaobj(int slot, struct uvm_object *uobj)
{
	set_owner(slot, (uintptr_t)uobj | SWO_AOBJ);
}

void
uvm_swap_anons(
    int slot, int n, const struct amap_lock *lock, struct vm_anon **anons)
{
	struct vm_anon *anon;
	struct swapdev *sd;
	uintptr_t owner;
	uint32_t i;

	mtx_enter(&swap_mtx);
	for (int k = 0; k < n; k++) {
		anons[k] = NULL;
		sd = uvm_swap_devof(slot + k, &i);
		if (sd == NULL)
			continue;
		owner = sd->sd_owner[i];
		anon = (struct vm_anon *)owner;
		if (owner != 0 && (owner & SWO_TAGS) == 0 &&
		    anon->an_lock == lock)
			anons[k] = anon;
	}
	mtx_leave(&swap_mtx);
}
