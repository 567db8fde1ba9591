/*
 * Pages of files that are on their way while somebody does something else:
 * read-ahead, and several writes at a time.
 *
 * There are so many requests, made at boot: without one, nothing is read ahead
 * and writes go one by one.  The device's interrupt puts a request of
 * read-ahead on the list of those that are done; one thread finishes them,
 * since that takes the locks of objects.  Another one begins what is asked for
 * by those who cannot wait for a file system to find the place (faults) or for
 * requests (advice).
 *
 * A sequential reader has two windows: the pages it goes through, and those
 * that are being read.  When it comes to the second, the next is begun, twice
 * as large.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_vnode.h>
#include <sys/vnode.h>

#define LOOKS 512UL /* pages looked at while the object is locked */

TAILQ_HEAD(uvn_ios, uvn_io);

static struct uvn_io uvn_io[UVN_IOS]; /* each as its members say */
static struct mutex uvn_io_mtx = MUTEX_INITIALIZER(LR_MISC, "uvnio");
/* All: uvn_io_mtx. */
static struct uvn_ios uvn_io_free = TAILQ_HEAD_INITIALIZER(uvn_io_free);
static struct uvn_ios uvn_io_done = TAILQ_HEAD_INITIALIZER(uvn_io_done);

/* -- Requests ---------------------------------------------------------------- */

struct uvn_io *
uvn_io_take(bool wait)
{
	struct uvn_io *ui;

	mtx_enter(&uvn_io_mtx);
	while ((ui = TAILQ_FIRST(&uvn_io_free)) == NULL && wait)
		(void)msleep(&uvn_io_free, &uvn_io_mtx, PVM, "uvnio", INFSLP);
	if (ui != NULL)
		TAILQ_REMOVE(&uvn_io_free, ui, ui_link);
	mtx_leave(&uvn_io_mtx);
	return ui;
}

void
uvn_io_give(struct uvn_io *ui)
{
	mtx_enter(&uvn_io_mtx);
	TAILQ_INSERT_HEAD(&uvn_io_free, ui, ui_link);
	wakeup_one(&uvn_io_free);
	mtx_leave(&uvn_io_mtx);
}

/* => any context: the device is done with it */
static void
io_done(struct buf *bp)
{
	struct uvn_io *ui = bp->b_private;

	mtx_enter(&uvn_io_mtx);
	TAILQ_INSERT_TAIL(&uvn_io_done, ui, ui_link);
	wakeup(&uvn_io_done);
	mtx_leave(&uvn_io_mtx);
}

int
uvn_io_begin(struct uvm_vnode *un, struct uvn_io *ui, uint32_t flags,
    struct vm_page **pgs, int n)
{
	struct vnode *vp = un->u_vnode;

	if (vp->v_op->vop_startpages == NULL)
		return 0;
	memcpy(ui->ui_pg, pgs, (size_t)n * sizeof(*pgs));
	ui->ui_un = un;
	ui->ui_ended = false;
	buf_init(&ui->ui_buf, flags, 0);
	ui->ui_buf.b_private = ui;
	if (flags & B_ASYNC)
		ui->ui_buf.b_iodone = io_done;
	return vp->v_op->vop_startpages(
	    vp, pgs[0]->offset, ui->ui_pg, n, &ui->ui_buf);
}

int
uvn_io_pages(const struct uvn_io *ui)
{
	return (int)atop(round_page(ui->ui_buf.b_bcount));
}

/* -- Reading ahead ----------------------------------------------------------- */

/* => pages that may be read ahead: not when memory is short */
static int
spare_pages(void)
{
	long spare = uvm_free_count() - uvmexp.freetarg;

	if (MUTANT(AHEAD_TAKES_ALL_MEMORY))
		return UVN_CLUSTER;
	return (int)MAX(0, MIN(spare / 4, UVN_CLUSTER));
}

static inline bool
is_there(struct uvm_vnode *un, uint64_t idx)
{
	return uvm_pagetree_lookup(&un->u_obj.uo_tree, idx) != NULL;
}

/*
 * => object write-locked; how many pages from idx on, at most n, are there
 */
static uint64_t
resident_from(struct uvm_vnode *un, uint64_t idx, uint64_t n)
{
	uint64_t i = 0;

	while (i < MIN(n, LOOKS) && is_there(un, idx + i))
		i++;
	return i;
}

/*
 * Begin to read n pages from idx on, up to the first that is there.
 * => object write-locked on entry and exit, dropped meanwhile; ui: the
 *    caller's, or done with; pages that are on their way
 */
static int
start_read(struct uvm_vnode *un, struct uvn_io *ui, uint64_t idx, int n)
{
	struct vm_page *pgs[UVN_CLUSTER];
	uint64_t pages = MUTANT(AHEAD_BEYOND_END) ? UINT64_MAX : uvn_pages(un);
	int began = 0;

	n = MIN(n, spare_pages());
	if ((un->u_flags & UVN_DEAD) == 0 && idx < pages)
		n = uvn_read_alloc(
		    un, idx, (int)MIN((uint64_t)n, pages - idx), pgs);
	else
		n = 0;
	if (n > 0) {
		uvn_hold(un);
		rw_exit(&un->u_obj.uo_lock);
		began = uvn_io_begin(un, ui, B_READ | B_ASYNC, pgs, n);
		rw_enter_write(&un->u_obj.uo_lock);
		uvn_read_done(un, pgs + began, n - began, false);
		if (began > 0)
			UVMCNT_INC(pageins);
		else
			uvn_unhold(un);
	}
	if (began == 0)
		uvn_io_give(ui);
	return began;
}

/*
 * The next window, if the reader of the page at off has come to the last one.
 * => object write-locked; FALSE: not yet; *idxp, *np: it is this one
 */
static bool
next_window(struct uvm_vnode *un, voff_t off, uint64_t *idxp, int *np)
{
	uint64_t idx = (uint64_t)un->u_next >> PAGE_SHIFT;
	int width = MIN(2 * un->u_ahead, UVN_WINDOW), there;

	if (!uvn_ahead_due(un, off))
		return false;
	there = (int)resident_from(un, idx, (uint64_t)width);
	*idxp = idx + (uint64_t)there;
	*np = width - there;
	un->u_ahead = width;
	un->u_mark = un->u_next;
	un->u_next += (voff_t)ptoa(width);
	if (un->u_next >= un->u_size)
		un->u_mark = UVN_NOMARK;
	return true;
}

void
uvn_ahead(struct uvm_object *uobj, voff_t off)
{
	struct uvm_vnode *un = to_uvn(uobj);
	struct uvn_io *ui;
	uint64_t idx;
	int n, began;

	if (!next_window(un, off, &idx, &n))
		return;
	for (; n > 0 && (ui = uvn_io_take(false)) != NULL; n -= began) {
		began = start_read(un, ui, idx, MIN(n, UVN_CLUSTER));
		if (began == 0)
			break;
		idx += (uint64_t)began;
	}
}

/* => object write-locked; the thread is to read [idx, idx + n) */
static void
want_read(struct uvm_vnode *un, uint64_t idx, uint64_t n)
{
	if (un->u_want == un->u_wantend) {
		un->u_want = idx;
		un->u_wantend = idx + n;
	} else {
		un->u_want = MIN(un->u_want, idx);
		un->u_wantend = MAX(un->u_wantend, idx + n);
	}
	uvn_want_ahead(un);
}

void
uvn_ahead_later(struct uvm_object *uobj, voff_t off)
{
	struct uvm_vnode *un = to_uvn(uobj);
	uint64_t idx;
	int n;

	if (next_window(un, off, &idx, &n) && n > 0 &&
	    !MUTANT(AHEAD_NOT_BY_FAULTS))
		want_read(un, idx, (uint64_t)n);
}

void
uvn_fetch(struct uvm_object *uobj, voff_t start, voff_t end)
{
	struct uvm_vnode *un = to_uvn(uobj);
	uint64_t i = (uint64_t)start >> PAGE_SHIFT;

	rw_enter_write(&uobj->uo_lock);
	end = MIN(end, un->u_size);
	if (start < end && !MUTANT(UVN_FETCHES_NOTHING))
		want_read(un, i, (uint64_t)atop(round_page((size_t)end)) - i);
	rw_exit(&uobj->uo_lock);
}

bool
uvn_read_wanted(struct uvm_vnode *un)
{
	struct uvn_io *ui = uvn_io_take(true);
	uint64_t idx, n;

	rw_enter_write(&un->u_obj.uo_lock);
	n = un->u_wantend - un->u_want;
	un->u_want += resident_from(un, un->u_want, n);
	idx = un->u_want;
	n = (uint64_t)start_read(
	    un, ui, idx, (int)MIN(un->u_wantend - idx, (uint64_t)UVN_CLUSTER));
	/* others may have asked for more meanwhile */
	if (un->u_want == idx)
		un->u_want = MIN(idx + n, un->u_wantend);
	if (n == 0 && !is_there(un, idx))
		un->u_want = un->u_wantend;
	n = un->u_wantend - un->u_want;
	rw_exit(&un->u_obj.uo_lock);
	return n > 0;
}

/* -- Finishing --------------------------------------------------------------- */

static void
read_finish(struct uvn_io *ui)
{
	struct uvm_vnode *un = ui->ui_un;
	bool ok = ui->ui_buf.b_error == 0 || MUTANT(AHEAD_ERROR_STAYS);

	rw_enter_write(&un->u_obj.uo_lock);
	uvn_read_done(un, ui->ui_pg, uvn_io_pages(ui), ok);
	rw_exit(&un->u_obj.uo_lock);
	uvn_unhold(un);
	uvn_io_give(ui);
}

/* The thread that finishes read-ahead; the argument is ignored. */
static void
finish_thread(void *arg)
{
	struct uvn_io *ui;

	mtx_enter(&uvn_io_mtx);
	for (;;) {
		ui = TAILQ_FIRST(&uvn_io_done);
		if (ui == NULL) {
			(void)msleep(&uvn_io_done, &uvn_io_mtx, PVM,
			    "aheaddone", INFSLP);
			continue;
		}
		TAILQ_REMOVE(&uvn_io_done, ui, ui_link);
		mtx_leave(&uvn_io_mtx);
		read_finish(ui);
		mtx_enter(&uvn_io_mtx);
	}
}

void
uvn_start_ahead(void)
{
	for (int i = 0; i < UVN_IOS; i++)
		TAILQ_INSERT_TAIL(&uvn_io_free, &uvn_io[i], ui_link);
	if (kthread_create(finish_thread, NULL, NULL, "aheaddone") != 0 ||
	    kthread_create(uvn_ahead_thread, NULL, NULL, "vnahead") != 0)
		panic("uvn_start_ahead: no thread");
}
