/*
 * Disks of the simulated machine: requests take a while, are done in any
 * order, fail now and then, for a place for ever, or all of a sudden; a write
 * that fails may have been done in part.  The seed decides.
 */
#include <tests/sim/host/machine.h>
#include <tests/sim/host/disk.h>
#include <sys/disk.h>
#include <sys/timeout.h>

#define SIM_DISK_PAGES 16384 /* most pages of all disks together */
#define SIM_DISKS      4
#define DELAY_NS       2000000UL /* a request takes up to this long */

/*
 * Locks used to protect members:
 *	I	set once by sim_disk()
 *	m	sd_mtx
 */
struct sim_disk {
	struct disk sd_disk; /* [I] */
	struct mutex sd_mtx; /* LR_MISC */
	struct timeout sd_timeout; /* [I] */
	TAILQ_HEAD(, buf) sd_queue; /* [m] in no order */
	char *sd_data; /* [I] */
	struct sim_disk_faults sd_faults; /* [I] */
	uint64_t sd_served; /* [m] requests done */
};

static struct sim_disk disk[SIM_DISKS]; /* see struct sim_disk */
static char store[SIM_DISK_PAGES * PAGE_SIZE]; /* contents of all */
static u_int ndisks, nused; /* [sim_disk(), one thread] */

/* => the first n bytes of the request move */
static void
transfer(struct sim_disk *sd, struct buf *bp, uint64_t n)
{
	char *at = sd->sd_data + (bp->b_rawblkno << DEV_BSHIFT);

	for (u_int i = 0; i < bp->b_nsegs && n > 0; i++) {
		void *mem = sim_ram(bp->b_seg[i].bs_addr);
		size_t len = MIN(n, bp->b_seg[i].bs_len);

		if (bp->b_flags & B_READ)
			memcpy(mem, at, len);
		else
			memcpy(at, mem, len);
		at += len;
		n -= len;
	}
}

/* => shall this request fail? */
static bool
fails(const struct sim_disk *sd, const struct buf *bp)
{
	const struct sim_disk_faults *f = &sd->sd_faults;
	uint64_t first = bp->b_rawblkno / (PAGE_SIZE / DEV_BSIZE);
	uint64_t end = first + atop(bp->b_bcount);

	if (f->df_gone != 0 && sd->sd_served >= f->df_gone)
		return true;
	if (first < f->df_badend && end > f->df_bad)
		return true;
	return sim_chance((bp->b_flags & B_READ) ? f->df_read : f->df_write);
}

static void
serve(struct sim_disk *sd, struct buf *bp)
{
	bool fail = fails(sd, bp);

	sd->sd_served++;
	if (!fail) {
		transfer(sd, bp, bp->b_bcount);
		bp->b_resid = 0;
		biodone(bp);
		return;
	}
	/* torn: whole blocks of it, from the start on */
	transfer(sd, bp, sim_below(bp->b_bcount / DEV_BSIZE + 1) << DEV_BSHIFT);
	biodone_error(bp, EIO);
}

/* => one request that waits, any of them, or NULL */
static struct buf *
pick(struct sim_disk *sd, bool *more)
{
	struct buf *bp, *chosen = NULL;
	u_int n = 0;

	mtx_enter(&sd->sd_mtx);
	TAILQ_FOREACH (bp, &sd->sd_queue, b_link)
		if (sim_below(++n) == 0)
			chosen = bp;
	if (chosen != NULL)
		TAILQ_REMOVE(&sd->sd_queue, chosen, b_link);
	*more = n > 1;
	mtx_leave(&sd->sd_mtx);
	return chosen;
}

static void
sim_disk_due(void *arg)
{
	struct sim_disk *sd = arg;
	struct buf *bp;
	bool more;

	bp = pick(sd, &more);
	if (more)
		(void)timeout_add_nsec(
		    &sd->sd_timeout, 1 + sim_below(DELAY_NS));
	if (bp != NULL)
		serve(sd, bp);
}

static void
sim_disk_strategy(struct disk *dk, struct buf *bp)
{
	struct sim_disk *sd = dk->dk_priv;

	mtx_enter(&sd->sd_mtx);
	TAILQ_INSERT_TAIL(&sd->sd_queue, bp, b_link);
	mtx_leave(&sd->sd_mtx);
	(void)timeout_add_nsec(&sd->sd_timeout, 1 + sim_below(DELAY_NS));
}

static void
sim_disk_poll(struct disk *dk)
{
	sim_disk_due(dk->dk_priv);
}

static const struct disk_ops sim_disk_ops = {
	.do_strategy = sim_disk_strategy,
	.do_poll = sim_disk_poll,
	.do_abort = sim_disk_poll,
};

struct bdev *
sim_disk(u_int npages, const struct sim_disk_faults *faults)
{
	struct sim_disk *sd = &disk[ndisks];

	if (ndisks == SIM_DISKS || npages > SIM_DISK_PAGES - nused)
		sim_fail("no room for a disk of %u pages", npages);
	ndisks++;
	sd->sd_data = store + ptoa(nused);
	nused += npages;
	mtx_init(&sd->sd_mtx, LR_MISC, "simdisk");
	TAILQ_INIT(&sd->sd_queue);
	timeout_set(&sd->sd_timeout, sim_disk_due, sd);
	sd->sd_disk.dk_ops = &sim_disk_ops;
	sd->sd_disk.dk_priv = sd;
	sd->sd_disk.dk_blksize = sd->sd_disk.dk_physblksize = DEV_BSIZE;
	if (disk_register(&sd->sd_disk,
		(uint64_t)npages * (PAGE_SIZE / DEV_BSIZE), "simulated") != 0)
		sim_fail("a disk was refused");
	sd->sd_faults = *faults;
	return &sd->sd_disk.dk_part[0];
}
