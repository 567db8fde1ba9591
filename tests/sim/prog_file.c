/*
 * Random programs: files of an ext2 on a simulated disk.
 *
 * With `files' the first objects of the oracle are files, so that all that is
 * done to objects is done to the vnode pager; what only files have is here.
 * The disk takes its time, answers in any order, has a cache of its own, fails
 * as fileerr allows, and may lose its power (prog_cut.c).
 */
#include "prog_file.h"
#include <sys/syscall.h>
#include <kern/clock.h>
#include <uvm/uvm_mman.h>
#include <uvm/uvm_vnode.h>
#include <fs/ext2/ext2_vnode.h>
#include <tests/kern/kt_tdisk.h>

#define DELAY_NS   2000000UL /* a request takes up to this long */
#define NAME_TRIES 1000 /* to find out what an error has left */
#define WALL_NS    1700000000000000000UL
#define FULL       96 /* free blocks with which there may be none */

struct file_state prog_files[FILES];
struct mount *prog_mount;
static uint8_t image[PROG_MAXFSPAGES * PAGE_SIZE]
    __attribute__((aligned(PAGE_SIZE)));
static struct bdev *disk;
static struct vnode *point; /* directory that is covered */
static struct tdisk_faults faults;
static uint32_t last_id;
static bool was_full; /* the disk was nearly so at some time */

static struct ext2fs *
fs(void)
{
	struct ext2_mount *em = prog_mount->mnt_data;

	return em->em_fs;
}

static void
look_full(void)
{
	if (prog_mount != NULL && fs()->fs_freeb < FULL)
		was_full = true;
}

bool
prog_file_full(const struct orc_page *pg)
{
	if (prog_cfg->files == 0 || (pg != NULL && pg->obj == 0))
		return false;
	look_full();
	return was_full;
}

bool
prog_file_rests(void)
{
	if (prog_cfg->files == 0)
		return true;
	return tdisk_queued(FS_DISK) == 0 && !uvn_pending();
}

/* -- Errors are told once --------------------------------------------------------- */

static void
look_failed(struct file_state *f, struct uvm_vnode *un)
{
	if (un == f->un)
		return;
	f->un = un;
	f->told = 0;
}

/* => nobody asks now, and there is an error that nobody was told */
static bool
must_fail(struct file_state *f, struct uvm_vnode *un)
{
	look_failed(f, un);
	return un != NULL && f->reports == 0 && !f->untold &&
	    un->u_failed != f->told;
}

/* => somebody may have to be told */
bool
prog_file_failed(int o)
{
	struct file_state *f = &prog_files[o];
	struct vnode *vp = f->vp;

	if (prog_cfg->files == 0 || o >= FILES)
		return false;
	if (vp == NULL)
		return true; /* it may be open again, or not */
	look_failed(f, vp->v_uvm);
	return f->untold || (f->un != NULL && f->un->u_failed != f->told);
}

void
prog_file_asking(bool begin)
{
	struct file_state *f;

	for (f = prog_files; f < prog_files + FILES; f++) {
		f->reports += begin ? 1 : -1u;
		f->reports_begun++;
		f->untold = true;
	}
}

/* A report of errors. All members: [thread]. */
struct report {
	struct uvm_vnode *un;
	u_int begun; /* reports by then */
	u_int failed; /* writes, then */
	u_int errors; /* requests, then */
	bool must, may; /* fail */
};

static struct report
report_begin(struct file_use *fu)
{
	struct file_state *f = fu->f;
	struct report r = { .un = fu->vp->v_uvm };

	r.must = must_fail(f, r.un);
	r.may = f->untold || f->reports != 0 ||
	    (r.un != NULL && r.un->u_failed != f->told);
	r.begun = ++f->reports_begun;
	r.failed = r.un != NULL ? r.un->u_failed : 0;
	r.errors = orc_obj[fu->o].errors;
	f->reports++;
	return r;
}

static void
report_end(struct file_use *fu, const struct report *r, int error)
{
	struct file_state *f = fu->f;
	bool alone = --f->reports == 0 && f->reports_begun == r->begun;
	struct uvm_vnode *un = fu->vp->v_uvm;
	u_int failed = un != NULL ? un->u_failed : 0;

	alone &= un == r->un; /* else it got it meanwhile */
	sim_trace_mix((uint64_t)error);
	if (error == 0 && r->must && alone)
		sim_fail("%s: nobody was told that it could not be written",
		    f->name);
	if (error == EIO && !r->may && alone && failed == r->failed &&
	    orc_obj[fu->o].errors == r->errors)
		sim_fail("%s: an error that was told before", f->name);
	if (error != 0 && error != EIO)
		sim_fail("%s: error %d", f->name, error);
	f->un = un;
	f->untold = !alone || failed != r->failed;
	f->told = failed;
}

/* -- Files by number ----------------------------------------------------------------- */

static int
lookup(const char *name, struct vnode **vpp)
{
	struct vnode *dvp = prog_mount->mnt_root;

	return dvp->v_op->vop_lookup(dvp, name, strlen(name), vpp);
}

bool
file_get(int o, struct file_use *fu)
{
	struct file_state *f = &prog_files[o];

	fu->o = o;
	fu->f = f;
	if (f->naming || (f->vp == NULL && !f->named))
		return false;
	f->users++;
	fu->vp = f->vp;
	if (fu->vp != NULL)
		vref(fu->vp);
	else if (lookup(f->name, &fu->vp) != 0) {
		f->users--;
		return false;
	}
	look_full();
	return true;
}

void
file_put(struct file_use *fu)
{
	look_full();
	vrele(fu->vp);
	fu->f->users--;
}

/* The number is for another file from now on; mappings keep the old one's. */
static void
new_file(int o)
{
	struct file_state *f = &prog_files[o];
	struct orc_slot *s;

	f->vp = NULL;
	f->named = false;
	f->size = 0;
	f->un = NULL;
	f->untold = f->reports != 0;
	f->id = ++last_id;
	snprintf(f->name, sizeof(f->name), "f%d.%u", o, f->id);
	for (int i = 0; i < ORC_OBJPAGES; i++) {
		if (orc_obj[o].slot[i] != NULL)
			orc_slot_rele(orc_obj[o].slot[i]);
		s = orc_obj[o].slot[i] = orc_slot_new();
		s->present = s->beyond = true;
		s->file = f->id;
		s->page = (uint16_t)i;
	}
}

/* => after an error of something that changes names: is it there? */
static bool
is_there(const char *name)
{
	struct vnode *vp;
	int error = EIO;

	for (int i = 0; i < NAME_TRIES && error == EIO; i++)
		error = lookup(name, &vp);
	if (error == 0)
		vrele(vp);
	else if (error != ENOENT)
		sim_fail("%s: error %d", name, error);
	return error == 0;
}

static void
name_error(
    const char *what, const struct file_state *f, int error, u_int errors)
{
	if ((error == EIO && orc_obj[0].errors != errors) ||
	    (error == ENOSPC && prog_file_full(NULL)))
		return;
	sim_fail("%s of %s: %d", what, f->name, error);
}

/* => naming */
static void
create(int o)
{
	const struct vattr va = { .va_mode = S_IFREG | 0644 };
	struct vnode *dvp = prog_mount->mnt_root, *vp;
	struct file_state *f = &prog_files[o];
	u_int errors = orc_obj[o].errors;
	int error;

	new_file(o);
	f->naming = true;
	error = dvp->v_op->vop_create(
	    dvp, f->name, strlen(f->name), &va, NULL, &vp);
	sim_trace_mix((uint64_t)error);
	if (error != 0) {
		name_error("creation", f, error, errors);
		return; /* its name, if any, is nobody's */
	}
	f->vp = vp;
	f->named = true;
	cut_created(f->id, f->name);
}

/* fopen: arg 0 the file; one that is not there is created */
static void
op_open(int o)
{
	struct file_state *f = &prog_files[o];

	if (f->vp != NULL || f->users != 0 || f->naming)
		return;
	f->naming = true;
	if (!f->named)
		create(o);
	else if (lookup(f->name, &f->vp) != 0)
		f->vp = NULL;
	f->naming = false;
}

static void
op_close(int o)
{
	struct file_state *f = &prog_files[o];
	struct vnode *vp = f->vp;

	if (vp == NULL || f->users != 0 || f->naming)
		return;
	f->naming = true;
	f->vp = NULL;
	vrele(vp);
	f->naming = false;
}

/* funlink: of an open file, or of one that nobody uses */
static void
op_unlink(int o)
{
	struct file_state *f = &prog_files[o];
	struct vnode *dvp = prog_mount->mnt_root;
	u_int errors = orc_obj[o].errors;
	int error;

	if (!f->named || f->naming || (f->vp == NULL && f->users != 0))
		return;
	f->naming = true;
	cut_unlinked(f->id, false);
	error = dvp->v_op->vop_remove(dvp, f->name, strlen(f->name), false);
	sim_trace_mix((uint64_t)error);
	f->named = false;
	if (error != 0) {
		name_error("removal", f, error, errors);
		f->named = is_there(f->name);
	}
	if (!f->named)
		cut_unlinked(f->id, true);
	f->naming = false;
}

struct uvm_object *
prog_file_hold(int o)
{
	struct uvm_object *uobj = NULL;
	struct file_use fu;

	if (!file_get(o, &fu))
		return NULL;
	uobj = uvn_attach(fu.vp, PROT_READ | PROT_WRITE);
	vrele(fu.vp);
	if (uobj == NULL)
		fu.f->users--;
	return uobj;
}

void
prog_file_release(int o)
{
	prog_files[o].users--;
}

void
prog_file_flush(int o, int flags)
{
	struct uvm_object *uobj = prog_file_hold(o);

	if (uobj == NULL)
		return;
	rw_enter_write(&uobj->uo_lock);
	(void)uobj->pgops->pgo_flush(
	    uobj, 0, (voff_t)FILE_MAX, flags & ~PGO_SYNCIO);
	rw_exit(&uobj->uo_lock);
	uobj->pgops->pgo_detach(uobj);
	prog_file_release(o);
}

/* -- Transfers -------------------------------------------------------------------------- */

/*
 * fread, fwrite: from a byte of page arg 0 to one, arg 1 pages on; arg 2 says
 * which bytes.  fappend, ftrunc: as much, to there.
 */
static void
op_transfer(struct file_use *fu, const struct prog_op *o)
{
	uint32_t page = o->arg[0] % ORC_OBJPAGES, n = o->arg[1] % 20;
	uint64_t off = file_byte(page, o->arg[2] % 3 ? o->arg[2] >> 4 : 0);
	uint64_t end = file_byte(page + n, o->arg[2] % 5 ? o->arg[2] >> 10 : 0);

	if (o->kind == OP_ftrunc) {
		/* near the present end, or anywhere */
		if ((o->arg[3] & 3) == 0)
			off += trunc_page(fu->f->size);
		file_truncate(fu, MIN(off, FILE_MAX));
	} else if (end > off && o->kind == OP_fread)
		file_read(fu, off, end - off);
	else if (end > off)
		file_write(fu, off, end - off, o->kind == OP_fappend);
}

/* -- Syncing ------------------------------------------------------------------------------ */

static void
op_fsync(struct file_use *fu)
{
	struct report r = report_begin(fu);
	struct cut_sync *cs = cut_sync_begin(fu->o);
	int error = fu->vp->v_op->vop_fsync(fu->vp, 0);

	cut_sync_end(cs, error == 0);
	report_end(fu, &r, error);
}

/*
 * fsyncall: what it is told about a file, an fsync of that is told, too.
 */
static void
op_syncall(void)
{
	struct cut_sync *cs[FILES];
	u_int errors = orc_obj[0].errors;
	bool may = false;
	uint64_t since = orc_now;
	int error;

	for (int o = 0; o < FILES; o++) {
		may |= prog_file_failed(o);
		cs[o] = cut_sync_begin(o);
	}
	error = mount_sync(prog_mount);
	sim_trace_mix((uint64_t)error);
	for (int o = 0; o < FILES; o++)
		cut_sync_end(cs[o], error == 0);
	if (error == 0)
		cut_sync_names(since);
	else if (error != EIO || (!may && orc_obj[0].errors == errors))
		sim_fail("sync: error %d", error);
}

/* => page i shows the file's page `page', shared */
static bool
shows(const struct orc_page *pg, int o, int page)
{
	return pg->mapped && pg->obj == o + 1 && pg->priv == ORC_NO &&
	    !pg->past && pg->slot != NULL &&
	    pg->slot->file == prog_files[o].id && pg->slot->page == page;
}

/*
 * => the file that the range begins with, as far as which it goes then; -1: it
 *    begins with something else
 */
static int
file_of(struct prog_thread *t, struct prog_range *r)
{
	struct orc_page *pg = t->op->slice[t->slice].page;
	int i = r->i, o = pg[i].obj - 1, page;

	if (o < 0 || o >= FILES || pg[i].slot == NULL)
		return -1;
	page = pg[i].slot->page;
	if (!shows(&pg[i], o, page))
		return -1;
	while (++i < r->j && shows(&pg[i], o, page + i - r->i))
		;
	r->j = i;
	r->end = orc_va(t->slice, i);
	return o;
}

/* => what msync has to bring to the disk: a range of one file, see file_of() */
static struct cut_sync *
msync_begin(struct prog_thread *t, struct prog_range r, int o)
{
	int first = t->op->slice[t->slice].page[r.i].slot->page;
	struct cut_sync *cs = cut_sync_begin(o);

	cut_sync_range(cs, first, first + r.j - r.i);
	return cs;
}

/* fmsync: arg 2 selects the flags */
static void
op_msync(struct prog_thread *t, const struct prog_op *o)
{
	static const uint8_t flags[] = { MS_SYNC, MS_SYNC, MS_ASYNC,
		MS_INVALIDATE, MS_SYNC | MS_INVALIDATE };
	struct prog_range r = prog_range(t->slice, o);
	struct cut_sync *cs = NULL;
	struct file_use fu;
	struct report rep;
	uint64_t a[6] = { r.start, 0, flags[o->arg[2] % 5] };
	bool got = false, sync = (a[2] & MS_SYNC) != 0;
	u_int errors;
	int64_t ret;
	int error, file;

	if (t->kernel || !prog_begin(t, r.i, r.j))
		return;
	errors = orc_obj[0].errors;
	file = sync ? file_of(t, &r) : -1;
	a[1] = r.end - r.start;
	if (file >= 0 && sync && prog_files[file].vp != NULL)
		got = file_get(file, &fu);
	if (got) {
		rep = report_begin(&fu);
		cs = msync_begin(t, r, file);
	}
	if (sync && !got)
		prog_file_asking(true);
	error = sys_msync(curproc, a, &ret);
	if (sync && !got)
		prog_file_asking(false);
	sim_trace_mix((uint64_t)error);
	prog_msync_result(t, r, a[2] & MS_INVALIDATE, sync, error,
	    orc_obj[0].errors != errors);
	cut_sync_end(cs, error == 0);
	if (got) {
		if (error != 0 && error != EIO) {
			fu.f->reports--;
			fu.f->untold = true;
		} else
			report_end(&fu, &rep, error);
		file_put(&fu);
	}
	orc_end(&t->op->slice[t->slice]);
}

/* -- Mapping and touching ------------------------------------------------------------------- */

/* fmap: as map, of a file */
static void
op_map(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_op m = *o;

	if (t->kernel)
		return;
	m.arg[1] = o->arg[1] * 2;
	m.arg[2] = (o->arg[2] & ~7U) | 4 | (o->arg[2] & 3);
	m.arg[3] = o->arg[3] - o->arg[3] % ORC_OBJS + o->arg[3] % FILES;
	prog_map(t, &m);
}

/* ftouch: loads or stores of the pages of files in a range */
static void
op_touch(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_op w = *o;
	struct prog_range r;
	struct orc_slice *sl;

	if (t->kernel)
		return;
	w.arg[1] = o->arg[1] * 3;
	r = prog_range(t->slice, &w);
	sl = &t->op->slice[t->slice];
	for (int i = r.i; i < r.j && !prog_ended(t); i++)
		if (sl->page[i].mapped && sl->page[i].obj - 1 < FILES &&
		    sl->page[i].obj != 0)
			prog_access(t->op, t->slice, i,
			    (int)(o->arg[3] % orc_words),
			    o->arg[2] % 3 ? OP_store : OP_load);
}

/* -- The writer, and the disk ------------------------------------------------------------------ */

/* fwriter: arg 1 age, 2 and 3 amounts of dirty pages; 0 age: as good as never */
static void
op_writer(const struct prog_op *o)
{
	static const int ages[] = { 30, 1, 3, 100000, 5, 100000 };

	atomic_store(&uvn_dirtyage, ages[o->arg[1] % nitems(ages)]);
	atomic_store(&uvn_dirtymin, (int)(o->arg[2] % 12));
	atomic_store(
	    &uvn_dirtymax, (int)(o->arg[2] % 12) + 1 + (int)(o->arg[3] % 12));
	uvn_wake_writer();
}

static inline bool
allowed(uint32_t error)
{
	return (prog_cfg->fileerr & error) != 0;
}

/* fdiskerr: arg 2 how long requests take, 3 what fails */
static void
op_diskerr(const struct prog_op *o)
{
	uint32_t what = o->arg[3];

	faults.tf_delay = 1 + o->arg[2] % DELAY_NS;
	faults.tf_read = faults.tf_write = 0;
	faults.tf_torn = allowed(PROG_ERR_TORN);
	if (allowed(PROG_ERR_READ) && (what & 1) != 0)
		faults.tf_read = 2 + (what >> 8) % 14;
	if (allowed(PROG_ERR_WRITE) && (what & 2) != 0)
		faults.tf_write = 1 + (what >> 16) % 20;
	tdisk_faults(FS_DISK, &faults, what);
}

void
prog_file_fail(int n)
{
	u_int count = n < 0 ? 20 : (u_int)n;

	if (allowed(PROG_ERR_WRITE))
		tdisk_fail_writes(FS_DISK, count);
	if (allowed(PROG_ERR_READ) && count % 3 == 1)
		tdisk_fail_reads(FS_DISK, count);
}

/* -- Dispatch ------------------------------------------------------------------------------------ */

static void
op_on_file(int n, const struct prog_op *o)
{
	struct file_use fu;

	if (!file_get(n, &fu))
		return;
	if (o->kind == OP_fsync)
		op_fsync(&fu);
	else
		op_transfer(&fu, o);
	file_put(&fu);
}

void
prog_file_op(struct prog_thread *t, const struct prog_op *o)
{
	int n = (int)(o->arg[3] >> 4) & (FILES - 1);

	if (prog_mount == NULL)
		return;
	switch (o->kind) {
	case OP_fopen:
		op_open(n);
		break;
	case OP_fclose:
		op_close(n);
		break;
	case OP_funlink:
		op_unlink(n);
		break;
	case OP_fsyncall:
		op_syncall();
		break;
	case OP_fmsync:
		op_msync(t, o);
		break;
	case OP_fmap:
		op_map(t, o);
		break;
	case OP_ftouch:
		op_touch(t, o);
		break;
	case OP_fwriter:
		op_writer(o);
		break;
	case OP_fdiskerr:
		op_diskerr(o);
		break;
	case OP_fpdwake:
		wakeup(&uvm.pagedaemon);
		break;
	case OP_fsqueeze:
		prog_squeeze(o);
		break;
	default:
		/* waits for memory, and no kernel thread is killed for that */
		if (!t->kernel || o->kind == OP_fsync)
			op_on_file(n, o);
	}
}

/* -- Beginning and end ------------------------------------------------------------------------------ */

static void
do_mount(struct bdev *bd, uint32_t flags)
{
	struct mount *mp;
	int error = mount_on("ext2", bd, "sim", point, flags, "");

	if (error != 0)
		sim_fail("mount: error %d", error);
	rw_enter_read(&mount_ctl_lock);
	mp = point->v_covered;
	rw_exit(&mount_ctl_lock);
	prog_mount = mp;
}

static void
do_unmount(void)
{
	int error = mount_remove(prog_mount);

	if (error != 0)
		sim_fail("unmount: error %d", error);
	prog_mount = NULL;
}

void
prog_file_mount(u_int n, bool rdonly, void *mem, uint32_t npages)
{
	do_mount(tdisk_open_at(n, mem, npages), rdonly ? MNT_RDONLY : 0);
}

void
prog_file_unmount(void)
{
	do_unmount();
}

static void
make_point(void)
{
	const struct vattr va = { .va_mode = S_IFDIR | 0755 };
	int error;

	do /* an allocation may fail, as configured */
		error = rootvnode->v_op->vop_create(
		    rootvnode, "sim", 3, &va, NULL, &point);
	while (error == ENOMEM || error == ENOSPC);
	if (error != 0)
		sim_fail("mkdir: error %d", error);
}

void
prog_file_init(void)
{
	if (prog_cfg->files == 0)
		return;
	orc_words = ORC_MAXWORDS;
	if (tdisk_open_at(CUT_DISK, image, (uint32_t)prog_cfg->fspages) == NULL)
		sim_fail("a disk was refused");
	disk = tdisk_open_at(FS_DISK, image, (uint32_t)prog_cfg->fspages);
	if (disk == NULL)
		sim_fail("a disk was refused");
	mount_start_thread();
	make_point();
}

void
prog_file_start(void)
{
	struct file_use fu;

	if (prog_cfg->files == 0)
		return;
	prog_mkfs(
	    image, (uint32_t)prog_cfg->fspages, 9 + (uint32_t)prog_cfg->files);
	set_wall(WALL_NS); /* e2fsck takes times of 1970 for none */
	cut_begin(image, (uint32_t)prog_cfg->fspages);
	tdisk_cache(FS_DISK, true);
	faults.tf_delay = 1 + sim_below(DELAY_NS);
	faults.tf_done = cut_served;
	tdisk_faults(FS_DISK, &faults, sim_random());
	do_mount(disk, 0);
	for (int o = 0; o < FILES; o++) {
		orc_obj[o].npages = ORC_OBJPAGES;
		create(o);
		prog_files[o].naming = false;
		if (!file_get(o, &fu))
			continue;
		file_truncate(&fu, ptoa(sim_below(40)) + 0x100);
		file_write(&fu, 0, PAGE_SIZE * (1 + sim_below(16)), false);
		file_put(&fu);
	}
}

/* => the disk works again; all that is there is what has to be */
static void
compare_all(void)
{
	struct file_use fu;

	for (int o = 0; o < FILES; o++) {
		if (!file_get(o, &fu)) {
			if (prog_files[o].named)
				sim_fail("%s is gone", prog_files[o].name);
			continue;
		}
		file_check_size(&fu, fu.f->size);
		for (uint64_t off = 0; off < FILE_MAX; off += ptoa(16UL))
			file_read(&fu, off, ptoa(16UL));
		file_put(&fu);
	}
}

void
prog_file_end(void)
{
	if (prog_cfg->files == 0)
		return;
	faults.tf_read = faults.tf_write = 0;
	tdisk_fail_reads(FS_DISK, 0);
	tdisk_fail_writes(FS_DISK, 0);
	tdisk_faults(FS_DISK, &faults, 1);
	compare_all();
	op_syncall();
	for (int o = 0; o < FILES; o++)
		op_close(o);
	do_unmount();
	cut_check_clean();
	do_mount(disk, 0);
	compare_all();
	do_unmount();
}
