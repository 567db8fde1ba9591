/*
 * Random programs: swap on simulated disks.
 *
 * Disks take their time, finish requests in any order and fail as the
 * configuration allows (PROG_ERR_*).  What that may do to a program:
 *
 *	a write that fails	nothing: the page stays in memory
 *	a read that fails	nothing if the page was only to be read along;
 *				if it was read alone, for itself, it is lost:
 *				EIO for it, from then on, and for nothing else
 *	a disk that goes away	the same for each page it has, when it is needed
 *
 * and never another value than the one that was stored.  The disks note which
 * pages could not be read, so that every EIO is checked against that.
 */
#include "prog_i.h"
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pdaemon.h>
#define _UVM_SWAP_PRIVATE
#include <uvm/uvm_swap.h>
#include <tests/kern/kt_tdisk.h>

#define DELAY_NS    3000000UL /* a request takes up to this long */
#define NLOST       8192 /* pages that could not be read, known at a time */
#define SETTLE_NS   1000000UL
#define SETTLE_MAX  20000 /* of SETTLE_NS: nothing takes that long */
#define PRIORITIES  4
#define BAD_PAGES   40 /* in one place */
#define WRITE_SLOTS 1 /* page 0 is for labels */

/* All members: [sim]. */
struct prog_disk {
	struct bdev *bd;
	bool on; /* serves as swap */
	bool busy; /* is being switched on or off */
	u_int switched; /* how often that was begun */
	bool gone;
	u_int failed; /* reads that failed, so far */
	struct tdisk_faults faults; /* now */
	bool hasbad; /* has pages that are bad for ever */
};
static struct prog_disk disks[PROG_MAXDISKS];
static char store[PROG_MAXDISKS][PROG_MAXSWPAGES * PAGE_SIZE];

/* -- What is lost ------------------------------------------------------------------ */

/* A page, by its owner and, of an object, its index. All members: [sim]. */
struct lost {
	uintptr_t owner; /* anon, or object with SWO_AOBJ */
	uint64_t index;
};
static struct lost lost[NLOST];
static u_int nlost;

/* => its place in lost[], nlost: not there */
static u_int
lost_find(struct lost l)
{
	u_int i;

	for (i = 0; i < nlost; i++)
		if (lost[i].owner == l.owner && lost[i].index == l.index)
			break;
	return i;
}

/* A page that was read, or not: its owner and index, or none. */
static struct lost
page_name(const struct vm_page *pg)
{
	if (pg->uanon != NULL)
		return (struct lost){ (uintptr_t)pg->uanon, 0 };
	if (pg->uobject != NULL)
		return (struct lost){ (uintptr_t)pg->uobject | SWO_AOBJ,
			(u_long)pg->offset >> PAGE_SHIFT };
	return (struct lost){ 0 };
}

/* What is read is what counts; a page read along is read again if need be. */
static void
note_page(const struct vm_page *pg, bool is_lost)
{
	struct lost l = page_name(pg);
	u_int i = lost_find(l);

	if (l.owner == 0)
		return;
	if (!is_lost && i < nlost)
		lost[i] = lost[--nlost];
	if (!is_lost || i < nlost)
		return;
	if (nlost == NLOST)
		sim_fail("more than %d pages are lost", NLOST);
	lost[nlost++] = l;
}

static void
request_done(u_int n, const struct buf *bp, bool failed)
{
	paddr_t pa;

	if ((bp->b_flags & B_READ) == 0)
		return;
	disks[n].failed += failed;
	if (failed && bp->b_bcount != PAGE_SIZE)
		return;
	for (u_int i = 0; i < bp->b_nsegs; i++) {
		pa = bp->b_seg[i].bs_addr;
		for (; pa < bp->b_seg[i].bs_addr + bp->b_seg[i].bs_len;
		     pa += PAGE_SIZE)
			note_page(PHYS_TO_VM_PAGE(pa), failed);
	}
}

/* => the slot is on a disk that is known to be gone, or was */
static bool
slot_gone(int slot)
{
	int64_t blkno;

	if (slot != SWSLOT_BAD)
		return uvm_swap_place(slot, &blkno)->bd_disk->dk_gone != 0;
	for (u_int d = 0; d < prog_cfg->swap; d++)
		if (disks[d].gone)
			return true;
	return false;
}

/* => owner locked: are the contents lost? */
static bool
is_lost(struct lost l, const struct vm_page *pg, int slot)
{
	if (slot == 0 || (pg != NULL && (pg->pg_flags & PG_FAKE) == 0))
		return false;
	return lost_find(l) < nlost || slot_gone(slot);
}

/* => the same for the page of an object's */
static bool
object_lost(struct uvm_object *uobj, u_long index)
{
	struct lost l = { (uintptr_t)uobj | SWO_AOBJ, index };
	bool is;

	if (!UVM_OBJ_IS_AOBJ(uobj))
		return false;
	rw_enter_read(&uobj->uo_lock);
	is = is_lost(l, uvm_pagelookup(uobj, (voff_t)ptoa(index)),
	    uao_find_swslot(uobj, index));
	rw_exit(&uobj->uo_lock);
	return is;
}

/*
 * => map locked: the same for an address of the entry
 * => *own: what is lost is an anon
 */
static bool
entry_lost(struct vm_map_entry *e, vaddr_t va, bool *own)
{
	struct vm_amap *amap = e->aref.ar_amap;
	struct vm_anon *anon = NULL;
	bool is = false;

	if (amap != NULL) {
		amap_lock_read(amap);
		anon = amap_lookup(&e->aref, va - e->start);
		if (anon != NULL)
			is = is_lost((struct lost){ (uintptr_t)anon, 0 },
			    anon->an_page, anon->an_swslot);
		amap_unlock(amap);
	}
	*own = is;
	if (anon != NULL || !UVM_ET_ISOBJ(e))
		return is;
	return object_lost(
	    e->object.uvm_obj, atop((vaddr_t)e->offset + (va - e->start)));
}

static bool
address_lost(struct vmspace *vm, vaddr_t va, bool *own)
{
	struct vm_map_entry *e;
	bool is = false;

	*own = false;
	vm_map_lock_read(&vm->vm_map);
	if (uvm_map_lookup_entry(&vm->vm_map, va, &e))
		is = entry_lost(e, va, own);
	vm_map_unlock_read(&vm->vm_map);
	return is;
}

bool
prog_lost(const struct prog_try *try)
{
	int k = (int)(try->sl - try->op->slice);
	bool is, own = false;

	if (prog_cfg->swap == 0)
		return false;
	is = orc_lost(try->pg) == ORC_YES ||
	    address_lost(try->op->vm, orc_va(k, try->page), &own);
	if (!prog_try_quiet(try) || orc_mtime(try->pg) > try->since)
		return true;
	if (is) {
		orc_lose(try->pg, own, try->since);
		orc_stats.lost++;
	}
	return is;
}

bool
prog_lost_any(struct prog_thread *t, int i, int j)
{
	bool own;

	for (; i < j && prog_cfg->swap != 0; i++)
		if (orc_lost(&t->op->slice[t->slice].page[i]) == ORC_YES ||
		    address_lost(t->op->vm, orc_va(t->slice, i), &own))
			return true;
	return false;
}

/* -- Rest ---------------------------------------------------------------------------- */

/* One after the other: each is a point, or several. */
static bool
rests(void)
{
	if (!uvm_swapio_idle())
		return false;
	return uvm_pd_rests() && prog_file_rests();
}

void
prog_swap_settle(void)
{
	static const char nothing;

	if (prog_cfg->swap == 0 && prog_cfg->files == 0)
		return;
	for (u_int i = 0; !rests(); i++) {
		if (i == SETTLE_MAX)
			sim_fail("paging does not come to an end");
		(void)tsleep(&nothing, PVM, "simrest", SETTLE_NS);
	}
}

/* -- Disks ----------------------------------------------------------------------------- */

static void
set_faults(struct prog_disk *d, uint64_t seed)
{
	tdisk_faults((u_int)(d - disks), &d->faults, seed);
}

/* => pages [*first, *last) of the disk, the label's not among them */
static void
some_pages(uint32_t draw, uint32_t *first, uint32_t *last)
{
	*first = WRITE_SLOTS + draw % (uint32_t)prog_cfg->swpages;
	*last = *first + 1 + (draw >> 16) % BAD_PAGES;
}

static inline bool
allowed(uint32_t error)
{
	return (prog_cfg->diskerr & error) != 0;
}

/* diskerr: arg 0 the disk, 1 where, 2 how long requests take, 3 what fails */
static void
disk_errors(struct prog_disk *d, const struct prog_op *o)
{
	struct tdisk_faults *f = &d->faults;
	uint32_t what = o->arg[3], first, last;

	if (d->gone)
		return;
	f->tf_delay = 1 + o->arg[2] % DELAY_NS;
	f->tf_read = f->tf_write = f->tf_rdonly = f->tf_rdonlyend = 0;
	f->tf_torn = allowed(PROG_ERR_TORN);
	if (allowed(PROG_ERR_READ) && (what & 1) != 0)
		f->tf_read = 2 + (what >> 8) % 14;
	if (allowed(PROG_ERR_WRITE) && (what & 2) != 0)
		f->tf_write = 1 + (what >> 16) % 20;
	some_pages(o->arg[1] * 7919 + (what >> 12), &first, &last);
	if (allowed(PROG_ERR_BAD) && (what & 4) != 0 && !d->hasbad) {
		d->hasbad = true;
		tdisk_bad((u_int)(d - disks), first, last);
	}
	if (allowed(PROG_ERR_RDONLY) && (what & 8) != 0) {
		f->tf_rdonly = first;
		f->tf_rdonlyend = last;
	}
	if (allowed(PROG_ERR_GONE) && (what >> 24) % 8 == 0) {
		d->gone = f->tf_gone = true;
		f->tf_known = (what & 16) != 0;
	}
	set_faults(d, what);
}

void
prog_swap_init(void)
{
	struct prog_disk *d;

	for (d = disks; d < disks + prog_cfg->swap; d++) {
		d->bd = tdisk_open_at((u_int)(d - disks), store[d - disks],
		    (uint32_t)prog_cfg->swpages);
		if (d->bd == NULL)
			sim_fail("a disk was refused");
		d->faults.tf_delay = 1 + sim_below(DELAY_NS);
		d->faults.tf_done = request_done;
		set_faults(d, sim_random());
	}
}

/* -- On and off -------------------------------------------------------------------------- */

static int
on_want(const struct prog_disk *d)
{
	if (d->on)
		return EBUSY;
	return d->gone && d->faults.tf_known ? ENXIO : 0;
}

/* swapon: arg 0 the disk, 1 the priority */
static void
swap_on(struct prog_disk *d, const struct prog_op *o)
{
	u_int failed = d->failed;
	int error, want;

	if (d->busy)
		return;
	d->busy = true;
	d->switched++;
	want = on_want(d);
	error = uvm_swap_on(d->bd, (int)(o->arg[1] % PRIORITIES));
	sim_trace_mix((uint64_t)error);
	d->busy = false;
	if (on_want(d) != want && error != want)
		want = on_want(d); /* it went meanwhile */
	if (error != want && !(error == EIO && d->failed != failed) &&
	    !(error == EIO && d->gone) &&
	    !(error == ENOMEM && sim_killed(curproc->p_p)))
		sim_fail("uvm_swap_on: %d, expected %d", error, want);
	d->on |= error == 0;
}

/* => there may be no room for what is in swap, all of which may be this disk's */
static bool
off_tight(void)
{
	return prog_tight() ||
	    uvm_free_count() < uvmexp.freemin + uvmexp.swpgonly;
}

/*
 * Somebody has to have room for what the disk holds; what it cannot give back
 * is said once.
 */
static bool
off_may_fail(const struct prog_disk *d, int error, bool tight)
{
	switch (error) {
	case ENOMEM:
		return tight || off_tight();
	case EIO:
		return d->failed != 0 || d->gone;
	case EINTR:
		return sim_killed(curproc->p_p);
	default:
		return false;
	}
}

/* swapoff: arg 0 the disk */
static void
swap_off(struct prog_disk *d)
{
	u_int balloons = prog_balloons;
	bool tight = off_tight();
	int error;

	if (d->busy)
		return;
	d->busy = true;
	d->switched++;
	error = uvm_swap_off(d->bd);
	sim_trace_mix((uint64_t)error);
	d->busy = false;
	tight |= prog_balloons != balloons;
	if (error != (d->on ? 0 : ENXIO) &&
	    !(d->on && off_may_fail(d, error, tight)))
		sim_fail("uvm_swap_off: %d, the disk is %s", error,
		    d->on ? "on" : "off");
	if (error == 0)
		d->on = false;
}

/* swapprio: arg 0 the disk, 1 the priority */
static void
swap_priority(struct prog_disk *d, const struct prog_op *o)
{
	u_int switched = d->switched;
	bool busy = d->busy;
	int want = d->on ? 0 : ENOENT, error;

	error = uvm_swap_setpriority(d->bd, (int)(o->arg[1] % PRIORITIES));
	if (!busy && d->switched == switched && error != want)
		sim_fail("uvm_swap_setpriority: %d, expected %d", error, want);
}

/* Swap is about many pages: so are ranges. */
static struct prog_op
wide(const struct prog_op *o)
{
	struct prog_op w = *o;

	w.arg[1] = o->arg[1] * 4 + o->arg[2] % 8;
	return w;
}

static struct prog_range
wide_range(int k, const struct prog_op *o)
{
	struct prog_op w = wide(o);

	return prog_range(k, &w);
}

/* spread: as map */
static void
spread(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_op w = wide(o);

	if (!t->kernel)
		prog_map(t, &w);
}

/* fill, sweep: stores to, loads from, many pages; arg 2 selects the slice */
static void
touch_many(struct prog_thread *t, const struct prog_op *o)
{
	enum prog_kind kind = o->kind == OP_fill ? OP_store : OP_load;
	int k = t->slice;
	struct prog_range r;

	if (t->kernel)
		return;
	if ((o->arg[2] >> 8) % 4 == 0)
		k = (int)((o->arg[2] >> 16) % prog_cfg->threads);
	r = wide_range(k, o);
	for (int i = r.i; i < r.j && !prog_ended(t); i++)
		if (t->op->slice[k].page[i].mapped)
			prog_access(
			    t->op, k, i, (int)(o->arg[3] % orc_words), kind);
}

/* pageout: arg 0 and 1 the range, 2 selects the slice; nothing changes */
static void
page_out(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_try try;
	struct prog_range r;
	struct orc_slice *sl;
	struct orc_proc *op;
	struct vmspace *vm;
	int k, error, want;

	sl = prog_slice(t, o->arg[2] | (t->kernel ? 3 : 0), &op, &k);
	if (sl == NULL || (vm = prog_hold(op)) == NULL)
		return;
	r = wide_range(k, o);
	prog_try_begin(&try, op, sl, r.i, 0);
	try.loose |= sl->changing;
	error = uvm_map_pageout(&vm->vm_map, r.start, r.end);
	sim_trace_mix((uint64_t)error);
	want = prog_all_mapped(sl, r.i, r.j) ? 0 : ENOMEM;
	if (prog_try_quiet(&try) && error != want)
		sim_fail("uvm_map_pageout: %d, expected %d", error, want);
	prog_release(op, vm);
}

void
prog_swap_op(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_disk *d;

	if (prog_cfg->swap == 0)
		return;
	d = &disks[o->arg[0] % prog_cfg->swap];
	switch (o->kind) {
	case OP_swapon:
		/* waits for memory, and no kernel thread is killed for that */
		if (!t->kernel)
			swap_on(d, o);
		break;
	case OP_swapoff:
		swap_off(d);
		break;
	case OP_swapprio:
		swap_priority(d, o);
		break;
	case OP_diskerr:
		disk_errors(d, o);
		break;
	case OP_pageout:
		page_out(t, o);
		break;
	case OP_fill:
	case OP_sweep:
		touch_many(t, o);
		break;
	case OP_spread:
		spread(t, o);
		break;
	case OP_pdwake:
		wakeup(&uvm.pagedaemon);
		break;
	default:
		prog_squeeze(o);
	}
}

void
prog_swap_start(void)
{
	struct prog_op o = { 0 };

	if (prog_cfg->swap != 0)
		swap_on(&disks[0], &o);
}

void
prog_swap_end(void)
{
	if (prog_cfg->swap == 0)
		return;
	prog_swap_settle();
	orc_stats.out = (uint64_t)uvmexp.pgswapout;
	orc_stats.in = (uint64_t)uvmexp.pgswapin;
	if (uvmexp.swpginuse != 0 || uvmexp.swpgonly != 0)
		sim_fail("%d slots are in use at the end, %d alone",
		    uvmexp.swpginuse, uvmexp.swpgonly);
	for (u_int i = 0; i < prog_cfg->swap; i++)
		swap_off(&disks[i]);
	if (uvmexp.nswapdev != 0 || uvmexp.swpages != 0)
		sim_fail("%d swap devices at the end, %d slots",
		    uvmexp.nswapdev, uvmexp.swpages);
}
