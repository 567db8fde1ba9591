/*
 * The text files of /proc that programs read.
 *
 * What there is is listed in tables.  Vnodes are made when a name is looked up
 * and go with their last reference, so two of them may be of one file; each
 * holds its directory.  A text, and the list of a directory, is made when
 * reading begins (vop_refresh), and read on as it was then: what it says needs
 * locks that come before the vnode's and the open file's.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <lib/format.h>
#include <uvm/uvm.h>
#include <uvm/uvm_swap.h>
#include <uvm/uvm_sysctl.h>
#include <uvm/uvm_vnode.h>
#include <uvm_bsd.h>

#define PROCFS_MAGIC 0x9fa0
#define USER_HZ      100

struct pnode;

/* A text that grows.  All members belong to the thread that makes it. */
struct text {
	char *t_buf; /* [thread] */
	size_t t_len, t_size; /* [thread] */
};

/*
 * One name of a table.  Immutable.
 * pe_text: => 0, or ESRCH: the process is gone; nothing locked
 */
struct pentry {
	const char *pe_name;
	enum vtype pe_type;
	mode_t pe_mode;
	int (*pe_text)(struct text *t, const struct pnode *pn);
	int (*pe_jump)(const struct pnode *pn, struct vnode **vpp);
	const struct pentry *pe_dir; /* directories: ends with no name */
	int pe_id; /* VM_*: of a number of sysctl(3) */
};

/*
 * Locks used to protect members:
 *	I	immutable
 *	v	pn_vnode.v_lock
 */
struct pnode {
	struct vnode pn_vnode;
	const struct pentry *pn_entry; /* [I] */
	struct pnode *pn_up; /* [I] referenced; NULL: the root */
	pid_t pn_pid; /* [I] 0: of no process */
	int pn_fd; /* [I] in a directory "fd"; else -1 */
	struct text pn_text; /* [v] of a directory: an array of int */
};

/* A mount. Locks: a atomic operations. */
struct procfs_mount {
	volatile long pm_nodes; /* [a] */
};

#define VTOPN(vp) container_of(vp, struct pnode, pn_vnode)

static const struct vnodeops procfs_ops, procfs_jump_ops;
static const struct pentry root_entry, pid_entry, fd_entry;
static struct pool pnode_pool;

/* -- Texts ---------------------------------------------------------------------- */

static void
text_room(struct text *t, size_t more)
{
	size_t size = MAX(t->t_size * 2, roundup2(t->t_len + more, PAGE_SIZE));
	char *buf;

	if (t->t_len + more <= t->t_size)
		return;
	buf = kmem_alloc(size, PR_WAITOK);
	if (t->t_buf != NULL) {
		memcpy(buf, t->t_buf, t->t_len);
		kmem_free(t->t_buf, t->t_size);
	}
	t->t_buf = buf;
	t->t_size = size;
}

static void
text_free(struct text *t)
{
	if (t->t_buf != NULL)
		kmem_free(t->t_buf, t->t_size);
}

static void __printflike(2, 3) say(struct text *t, const char *fmt, ...)
{
	va_list ap;
	size_t room;
	int n;

	text_room(t, 128);
	for (;;) {
		room = t->t_size - t->t_len;
		va_start(ap, fmt);
		n = vsnprintf(t->t_buf + t->t_len, room, fmt, ap);
		va_end(ap);
		if ((size_t)n < room)
			break;
		text_room(t, (size_t)n + 1);
	}
	t->t_len += (size_t)n;
}

/* -- The system -------------------------------------------------------------------- */

static void
say_kib(struct text *t, const char *name, long pages)
{
	say(t, "%-15s %8ld kB\n", name, pages * (long)(PAGE_SIZE / 1024));
}

static int
text_meminfo(struct text *t, const struct pnode *pn)
{
	long free = uvm_free_count(), cached;

	uvmexp_collect();
	cached = uvmexp.vnodepages;
	say_kib(t, "MemTotal:", uvmexp.npages);
	say_kib(t, "MemFree:", free);
	say_kib(t, "MemAvailable:", free + cached);
	say_kib(t, "Buffers:", 0);
	say_kib(t, "Cached:", cached);
	say_kib(t, "SwapCached:", uvmexp.swpginuse - uvmexp.swpgonly);
	say_kib(t, "Active:", uvmexp.active);
	say_kib(t, "Inactive:", uvmexp.inactive);
	say_kib(t, "Unevictable:", uvmexp.wired);
	say_kib(t, "SwapTotal:", uvmexp.swpages);
	say_kib(t, "SwapFree:", uvmexp.swpages - uvmexp.swpginuse);
	say_kib(t, "Dirty:", uvn_ndirty());
	say_kib(t, "AnonPages:", uvmexp.anonpages);
	return 0;
}

static int
text_cpuinfo(struct text *t, const struct pnode *pn)
{
	struct cpu_info *ci;

	CPU_FOREACH (ci)
		say(t,
		    "processor\t: %u\nhart\t\t: %u\nisa\t\t: rv64imafdc\n"
		    "mmu\t\t: sv39\n\n",
		    ci->ci_index, ci->ci_hartid);
	return 0;
}

static uint64_t
idle_ns(void)
{
	struct cpu_info *ci;
	uint64_t n = 0;

	CPU_FOREACH (ci)
		n += atomic_load(&ci->ci_idle_ns);
	return n;
}

static void
say_centi(struct text *t, uint64_t ns)
{
	say(t, "%lu.%02lu", (u_long)(ns / 1000000000),
	    (u_long)(ns / 10000000 % 100));
}

static int
text_uptime(struct text *t, const struct pnode *pn)
{
	say_centi(t, nsecuptime());
	say(t, " ");
	say_centi(t, idle_ns());
	say(t, "\n");
	return 0;
}

static int
text_loadavg(struct text *t, const struct pnode *pn)
{
	struct uvm_procinfo pi;
	pid_t pid = 0, last = 0;
	int n = 0;

	for (int i = 0; i < 3; i++) {
		uint64_t l = (uint64_t)averunnable.ldavg[i] * 100;

		l /= (uint64_t)averunnable.fscale;
		say(t, "%lu.%02lu ", (u_long)(l / 100), (u_long)(l % 100));
	}
	while ((pid = proc_next(pid)) != 0) {
		last = pid;
		if (proc_info(pid, &pi) == 0)
			n += (int)pi.nthreads;
	}
	say(t, "%d/%d %d\n", MAX(sched_nrunnable(), 1), n, last);
	return 0;
}

static int
text_mounts(struct text *t, const struct pnode *pn)
{
	char *path = kmem_alloc(PATH_MAX, PR_WAITOK), options[256];
	struct vnode *root = fd_root(curproc);
	struct mount *mp;

	rw_enter_read(&mount_ctl_lock);
	TAILQ_FOREACH (mp, &mountlist, mnt_link) {
		if (mp->mnt_flag & MNTK_DETACHED)
			continue;
		/* what we cannot get to is not told */
		if (vn_path(mp->mnt_root, root, path, PATH_MAX) != 0 ||
		    path[0] != '/')
			continue;
		mount_options(mp, options, sizeof(options));
		say(t, "%s %s %s %s 0 0\n", mp->mnt_from, path,
		    mp->mnt_op->vfs_name, options);
	}
	rw_exit(&mount_ctl_lock);
	vrele(root);
	kmem_free(path, PATH_MAX);
	return 0;
}

static void
say_filesystem(const struct vfsops *vfs, void *arg)
{
	say(arg, "%s\t%s\n", vfs->vfs_flags & VFS_DISK ? "" : "nodev",
	    vfs->vfs_name);
}

static int
text_filesystems(struct text *t, const struct pnode *pn)
{
	vfs_foreach(say_filesystem, t);
	return 0;
}

/* What is not measured is 0. */
static void
say_disk(struct bdev *bd, void *arg)
{
	/* one load after the other: each is a point of the simulator */
	u_long reads = atomic_load(&bd->bd_reads);
	u_long rbytes = atomic_load(&bd->bd_rbytes);
	u_long writes = atomic_load(&bd->bd_writes);
	u_long wbytes = atomic_load(&bd->bd_wbytes);

	say(arg, "%4u %7u %s %lu 0 %lu 0 %lu 0 %lu 0 0 0 0\n",
	    (u_int)major(bd->bd_dev), (u_int)minor(bd->bd_dev), bd->bd_name,
	    reads, rbytes / 512, writes, wbytes / 512);
}

static int
text_diskstats(struct text *t, const struct pnode *pn)
{
	bdev_foreach(say_disk, t);
	return 0;
}

static int
text_swaps(struct text *t, const struct pnode *pn)
{
	struct swapent *se = kmem_alloc(SWAP_MAXDEV * sizeof(*se), PR_WAITOK);
	int n = MIN(uvm_swap_stats(se, SWAP_MAXDEV), SWAP_MAXDEV);

	say(t, "%-40s%-16s%-16s%-16s%s\n", "Filename", "Type", "Size", "Used",
	    "Priority");
	for (int i = 0; i < n; i++)
		say(t, "%-40s%-16s%-16d%-16d%d\n", se[i].se_path, "partition",
		    se[i].se_nblks / 2, se[i].se_inuse / 2, se[i].se_priority);
	kmem_free(se, SWAP_MAXDEV * sizeof(*se));
	return 0;
}

/* Of all processes there are: user and system time, ns. */
static void
times_of_all(uint64_t *user, uint64_t *sys, int *nprocs)
{
	struct uvm_procinfo pi;
	pid_t pid = 0;

	*user = *sys = 0;
	*nprocs = 0;
	while ((pid = proc_next(pid)) != 0)
		if (proc_info(pid, &pi) == 0) {
			*user += pi.utime_ns;
			*sys += pi.stime_ns;
			++*nprocs;
		}
}

#define TICKS(ns) ((u_long)((ns) / (1000000000 / USER_HZ)))

/* A hart is idle or not; what it did when not is known of the sum alone. */
static int
text_stat(struct text *t, const struct pnode *pn)
{
	uint64_t user, sys, up = nsecuptime(), idle = idle_ns(), busy;
	struct cpu_info *ci;
	int n;

	times_of_all(&user, &sys, &n);
	busy = up * ncpus > idle ? up * ncpus - idle : 0;
	user = MIN(user, busy);
	say(t, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", TICKS(user),
	    TICKS(busy - user), TICKS(idle));
	CPU_FOREACH (ci) {
		idle = MIN(atomic_load(&ci->ci_idle_ns), up);
		say(t, "cpu%u 0 0 %lu %lu 0 0 0 0 0 0\n", ci->ci_index,
		    TICKS(up - idle), TICKS(idle));
	}
	uvmexp_collect();
	say(t, "intr %u\nctxt %u\nbtime %lu\nprocesses %u\n",
	    (u_int)uvmexp.intrs, (u_int)uvmexp.swtch,
	    (u_long)((nsecwall() - up) / 1000000000), (u_int)uvmexp.forks);
	say(t, "procs_running %d\nprocs_blocked 0\n", sched_nrunnable());
	return 0;
}

static int
text_vmstat(struct text *t, const struct pnode *pn)
{
	u_int min, max;

	uvmexp_collect();
	say(t, "nr_free_pages %ld\n", uvm_free_count());
	say(t, "nr_active_anon %d\n", uvmexp.active);
	say(t, "nr_inactive_anon %d\n", uvmexp.inactive);
	say(t, "nr_mlock %d\n", uvmexp.wired);
	say(t, "nr_anon_pages %d\n", uvmexp.anonpages);
	say(t, "nr_file_pages %d\n", uvmexp.vnodepages);
	say(t, "nr_dirty %u\n", uvn_ndirty());
	uvn_dirty_limits(&min, &max);
	say(t, "nr_dirty_threshold %u\n", max);
	say(t, "nr_dirty_background_threshold %u\n", min);
	say(t, "pgfault %u\n", (u_int)uvmexp.faults);
	say(t, "pgmajfault %u\n", (u_int)uvmexp.pageins);
	say(t, "pswpin %u\n", (u_int)uvmexp.pgswapin);
	say(t, "pswpout %u\n", (u_int)uvmexp.pgswapout);
	say(t, "pgscan_kswapd %u\n", (u_int)uvmexp.pdscans);
	say(t, "pgsteal_kswapd %u\n", (u_int)uvmexp.pdfreed);
	return 0;
}

/* -- Numbers of sysctl(3) ------------------------------------------------------------ */

static int
text_number(struct text *t, const struct pnode *pn)
{
	size_t len = sizeof(int);
	int value, error;

	error = uvm_sysctl_kern(pn->pn_entry->pe_id, &value, &len, NULL, 0);
	if (error == 0)
		say(t, "%d\n", value);
	return error;
}

static int
text_osrelease(struct text *t, const struct pnode *pn)
{
	say(t, "%s\n", uname_release());
	return 0;
}

static int
text_pidmax(struct text *t, const struct pnode *pn)
{
	say(t, "%d\n", PID_MAX);
	return 0;
}

/* => the number in buf, n bytes, which may end in a newline; EINVAL */
static int
write_number(const struct pentry *pe, char *buf, size_t n)
{
	uint64_t number;
	int value;

	while (n > 0 && buf[n - 1] == '\n')
		n--;
	if (!mount_number(buf, (int)n, 10, &number) || number > INT32_MAX)
		return EINVAL;
	value = (int)number;
	return uvm_sysctl_kern(pe->pe_id, NULL, NULL, &value, sizeof(value));
}

static int
procfs_write(struct vnode *vp, struct uio *uio, bool append)
{
	const struct pentry *pe = VTOPN(vp)->pn_entry;
	size_t n = uio->uio_resid;
	char buf[24];
	int error;

	if ((pe->pe_mode & 0222) == 0 || n > sizeof(buf))
		return EINVAL;
	error = uiomove(buf, n, uio);
	if (error == 0)
		error = write_number(pe, buf, n);
	/* all of it or nothing */
	if (error)
		uio->uio_resid = n;
	return error;
}

/* -- A process ------------------------------------------------------------------------- */

/* => the process, with a reference, or NULL */
static struct process *
process_of(const struct pnode *pn)
{
	struct process *pr;

	rw_enter_read(&proctree_lock);
	pr = prfind_any(pn->pn_pid);
	if (pr != NULL)
		process_ref(pr);
	rw_exit(&proctree_lock);
	return pr;
}

/* => its address space, referenced, or NULL */
static struct vmspace *
vmspace_of(const struct pnode *pn)
{
	struct process *pr = process_of(pn);
	struct vmspace *vm = NULL;

	if (pr == NULL)
		return NULL;
	if ((pr->ps_flags & PS_SYSTEM) == 0)
		vm = uvmspace_hold(pr);
	process_rele(pr);
	return vm;
}

/* => its descriptors, to be given up by fd_unwatch(), or NULL */
static struct filedesc *
files_of(const struct pnode *pn)
{
	struct process *pr = process_of(pn);
	struct filedesc *fdp = NULL;

	if (pr == NULL)
		return NULL;
	rw_enter_read(&pr->ps_lock);
	if (pr->ps_fd != NULL)
		fdp = fd_watch(pr->ps_fd);
	rw_exit(&pr->ps_lock);
	process_rele(pr);
	return fdp;
}

/* => the entries of its map in *mip, to be freed; how many, room in *roomp */
static size_t
map_of(const struct pnode *pn, struct uvm_mapinfo **mip, size_t *roomp)
{
	struct vmspace *vm = vmspace_of(pn);
	size_t n;

	*mip = NULL;
	if (vm == NULL)
		return 0;
	*roomp = (size_t)vm->vm_map.nentries + 8;
	*mip = kmem_alloc(*roomp * sizeof(**mip), PR_WAITOK);
	n = uvm_map_snapshot(vm, *mip, *roomp);
	uvmspace_free(vm);
	return n;
}

static void
say_mapping(struct text *t, const struct uvm_mapinfo *m)
{
	bool shared = m->type != UVM_MI_HOLE && m->type != UVM_MI_ANON &&
	    (m->flags & (UVM_MI_F_COPYONW | UVM_MI_F_NEEDSCOPY)) == 0;

	say(t, "%08lx-%08lx %c%c%c%c %08lx 00:00 0", (u_long)m->start,
	    (u_long)m->end, m->prot & PROT_READ ? 'r' : '-',
	    m->prot & PROT_WRITE ? 'w' : '-', m->prot & PROT_EXEC ? 'x' : '-',
	    shared ? 's' : 'p',
	    m->type == UVM_MI_ANON ? 0UL : (u_long)m->offset);
	if (strcmp(m->name, "stack") == 0 || strcmp(m->name, "heap") == 0)
		say(t, "%26s[%s]", "", m->name);
	else if (m->name[0] != '\0')
		say(t, "%26s%.*s", "", (int)sizeof(m->name), m->name);
	say(t, "\n");
}

static int
text_maps(struct text *t, const struct pnode *pn)
{
	struct uvm_mapinfo *mi;
	size_t n, room = 0;

	n = map_of(pn, &mi, &room);
	for (size_t i = 0; i < n; i++)
		if (mi[i].prot != 0 || mi[i].type != UVM_MI_HOLE)
			say_mapping(t, &mi[i]);
	if (mi != NULL)
		kmem_free(mi, room * sizeof(*mi));
	return 0;
}

/* Pages: what statm and status tell.  Belongs to the caller. */
struct sizes {
	/* [caller] */
	u_long size, resident, shared, text, data, stack, swapped, locked;
};

static void
add_mapping(struct sizes *s, const struct uvm_mapinfo *m)
{
	u_long pages = (u_long)atop(m->end - m->start);

	s->resident += m->resident;
	s->shared += m->resident - MIN(m->anon, m->resident);
	s->swapped += m->swapped;
	if (m->wired > 0)
		s->locked += pages;
	if (strcmp(m->name, "stack") == 0)
		s->stack += pages;
	else if (m->prot & PROT_EXEC)
		s->text += pages;
	else if (m->prot & PROT_WRITE)
		s->data += pages;
}

static void
sizes_of(const struct pnode *pn, const struct uvm_procinfo *pi, struct sizes *s)
{
	struct uvm_mapinfo *mi;
	size_t n, room = 0;

	memset(s, 0, sizeof(*s));
	n = map_of(pn, &mi, &room);
	for (size_t i = 0; i < n; i++)
		add_mapping(s, &mi[i]);
	if (mi != NULL)
		kmem_free(mi, room * sizeof(*mi));
	s->size = (u_long)atop(pi->vsize);
	s->resident = (u_long)pi->rss;
	s->stack = MIN(s->stack, s->size);
}

static int
text_statm(struct text *t, const struct pnode *pn)
{
	struct uvm_procinfo pi;
	struct sizes s;
	int error = proc_info(pn->pn_pid, &pi);

	if (error)
		return error;
	sizes_of(pn, &pi, &s);
	say(t, "%lu %lu %lu %lu 0 %lu 0\n", s.size, s.resident,
	    MIN(s.shared, s.resident), s.text, s.data + s.stack);
	return 0;
}

static const char *
state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "I (idle)";
	}
}

static int
text_status(struct text *t, const struct pnode *pn)
{
	struct uvm_procinfo pi;
	struct sizes s;
	int error = proc_info(pn->pn_pid, &pi);

	if (error)
		return error;
	sizes_of(pn, &pi, &s);
	say(t, "Name:\t%s\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n",
	    pi.comm, state_name(pi.state), pi.pid, pi.pid, pi.ppid);
	say(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", pi.uid, pi.uid,
	    pi.uid, pi.uid, 0, 0, 0, 0);
	say(t, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", pi.pid,
	    pi.pid, pi.pgid, pi.sid);
	say(t, "VmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmRSS:\t%8lu kB\n",
	    s.size * 4, s.locked * 4, s.resident * 4);
	say(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n",
	    s.data * 4, s.stack * 4, s.text * 4);
	say(t, "VmSwap:\t%8lu kB\nThreads:\t%u\n", s.swapped * 4, pi.nthreads);
	return 0;
}

static int
text_pidstat(struct text *t, const struct pnode *pn)
{
	struct uvm_procinfo pi;
	int error = proc_info(pn->pn_pid, &pi);

	if (error)
		return error;
	say(t, "%d (%s) %c %d %d %d 0 -1 0 ", pi.pid, pi.comm, pi.state,
	    pi.ppid, pi.pgid, pi.sid);
	/* faults are counted per thread, and not told */
	say(t, "0 0 0 0 %lu %lu 0 0 %d %d %u 0 %lu %lu %lu ",
	    TICKS(pi.utime_ns), TICKS(pi.stime_ns), 20 + pi.nice, pi.nice,
	    pi.nthreads, TICKS(pi.start_ns), (u_long)pi.vsize, (u_long)pi.rss);
	say(t, "%lu 0 0 0 0 0 0 0 0 0 0 0 0 %d 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
	    (u_long)RLIM_INFINITY, pi.hart);
	return 0;
}

static int
text_cmdline(struct text *t, const struct pnode *pn)
{
	struct vmspace *vm = vmspace_of(pn);
	struct iovec iov;
	struct uio uio;
	size_t len;

	if (vm == NULL)
		return 0;
	len = MIN(vm->vm_arglen, 128 * 1024UL);
	if (len > 0) {
		text_room(t, len);
		iov = (struct iovec){ t->t_buf, len };
		uio = (struct uio){ &iov, 1, (off_t)vm->vm_argaddr, len,
			UIO_SYSSPACE, UIO_READ, NULL, 0 };
		if (uvm_io(&vm->vm_map, &uio) == 0)
			t->t_len = len - uio.uio_resid;
	}
	uvmspace_free(vm);
	return 0;
}

static int
text_comm(struct text *t, const struct pnode *pn)
{
	struct uvm_procinfo pi;
	int error = proc_info(pn->pn_pid, &pi);

	if (error == 0)
		say(t, "%s\n", pi.comm);
	return error;
}

/* -- Links ---------------------------------------------------------------------------------- */

static int
text_self(struct text *t, const struct pnode *pn)
{
	say(t, "%d", curproc->p_p->ps_pid);
	return 0;
}

static int
text_selfmounts(struct text *t, const struct pnode *pn)
{
	say(t, "self/mounts");
	return 0;
}

static int
jump_exe(const struct pnode *pn, struct vnode **vpp)
{
	struct process *pr = process_of(pn);

	*vpp = NULL;
	if (pr == NULL)
		return ENOENT;
	rw_enter_read(&pr->ps_lock);
	if (pr->ps_textvp != NULL) {
		*vpp = pr->ps_textvp;
		vref(*vpp);
	}
	rw_exit(&pr->ps_lock);
	process_rele(pr);
	return *vpp != NULL ? 0 : ENOENT;
}

static int
jump_dir(const struct pnode *pn, struct vnode **vpp, bool root)
{
	struct filedesc *fdp = files_of(pn);

	if (fdp == NULL)
		return ENOENT;
	*vpp = fd_dir_of(fdp, root);
	fd_unwatch(fdp);
	return *vpp != NULL ? 0 : ENOENT;
}

static int
jump_cwd(const struct pnode *pn, struct vnode **vpp)
{
	return jump_dir(pn, vpp, false);
}

static int
jump_root(const struct pnode *pn, struct vnode **vpp)
{
	return jump_dir(pn, vpp, true);
}

/* => the open file, referenced, or NULL */
static struct file *
file_of(const struct pnode *pn)
{
	struct filedesc *fdp = files_of(pn);
	struct file *fp;

	if (fdp == NULL)
		return NULL;
	fp = fd_file_of(fdp, pn->pn_fd);
	fd_unwatch(fdp);
	return fp;
}

static int
jump_fd(const struct pnode *pn, struct vnode **vpp)
{
	struct file *fp = file_of(pn);
	int error = 0;

	if (fp == NULL)
		return ENOENT;
	if (fp->f_vnode == NULL)
		error = ENXIO; /* a pipe without a name */
	else {
		*vpp = fp->f_vnode;
		vref(*vpp);
	}
	file_rele(fp);
	return error;
}

/* A pipe's text says which; the rest is as vn_path() says. */
static int
link_of_pipe(const struct pnode *pn, char *buf, size_t size)
{
	struct file *fp = file_of(pn);
	struct stat st;
	int error;

	if (fp == NULL)
		return ENOENT;
	error = fp->f_ops->fo_stat(fp, &st);
	if (error == 0)
		snprintf(buf, size, "pipe:[%lu]", (u_long)st.st_ino);
	file_rele(fp);
	return error;
}

static int
link_of_jump(const struct pnode *pn, char *buf, size_t size)
{
	struct vnode *vp, *root;
	int error = pn->pn_entry->pe_jump(pn, &vp);

	if (error == ENXIO)
		return link_of_pipe(pn, buf, size);
	if (error)
		return error;
	root = fd_root(curproc);
	error = vn_path(vp, root, buf, size);
	vrele(root);
	vrele(vp);
	/* it has no name any more, or none that anybody knows */
	if (error == ENOENT || error == ENOTDIR)
		strlcpy(buf, "(deleted)", size);
	else if (error)
		return error;
	return 0;
}

static int
procfs_readlink(struct vnode *vp, char *buf, size_t size, size_t *lenp)
{
	const struct pnode *pn = VTOPN(vp);
	struct text t = { NULL, 0, 0 };
	int error;

	if (vp->v_type != VLNK)
		return EINVAL;
	if (pn->pn_entry->pe_jump != NULL) {
		error = link_of_jump(pn, buf, size);
		*lenp = error == 0 ? strlen(buf) : 0;
		return error;
	}
	error = pn->pn_entry->pe_text(&t, pn);
	*lenp = MIN(t.t_len, size);
	if (error == 0)
		memcpy(buf, t.t_buf, *lenp);
	text_free(&t);
	return error;
}

static int
procfs_jump(struct vnode *vp, struct vnode **vpp)
{
	const struct pnode *pn = VTOPN(vp);

	return pn->pn_entry->pe_jump(pn, vpp);
}

/* -- Tables ------------------------------------------------------------------------------------ */

#define FILE_(name, fn)                                              \
	{                                                            \
		.pe_name = (name), .pe_type = VREG, .pe_mode = 0444, \
		.pe_text = (fn)                                      \
	}
#define LINK_(name, fn)                                              \
	{                                                            \
		.pe_name = (name), .pe_type = VLNK, .pe_mode = 0777, \
		.pe_text = (fn)                                      \
	}
#define JUMP_(name, fn)                                              \
	{                                                            \
		.pe_name = (name), .pe_type = VLNK, .pe_mode = 0777, \
		.pe_jump = (fn)                                      \
	}
#define DIR_(name, dir)                                              \
	{                                                            \
		.pe_name = (name), .pe_type = VDIR, .pe_mode = 0555, \
		.pe_dir = (dir)                                      \
	}
#define NUMBER_(name, id, mode)                                        \
	{                                                              \
		.pe_name = (name), .pe_type = VREG, .pe_mode = (mode), \
		.pe_text = text_number, .pe_id = (id)                  \
	}

static const struct pentry vm_dir[] = {
	NUMBER_("anonmin", VM_ANONMIN, 0644),
	NUMBER_("dirty", VM_DIRTY, 0444),
	NUMBER_("dirtyage", VM_DIRTYAGE, 0644),
	NUMBER_("dirtymax", VM_DIRTYMAX, 0644),
	NUMBER_("dirtymin", VM_DIRTYMIN, 0644),
	NUMBER_("drop_caches", VM_DROPCACHES, 0644),
	NUMBER_("maxslp", VM_MAXSLP, 0444),
	NUMBER_("nkmempages", VM_NKMEMPAGES, 0444),
	NUMBER_("uspace", VM_USPACE, 0444),
	NUMBER_("vnodemin", VM_VNODEMIN, 0644),
	NUMBER_("vtextmin", VM_VTEXTMIN, 0644),
	{ .pe_name = NULL },
};
static const struct pentry kernel_dir[] = {
	FILE_("osrelease", text_osrelease),
	FILE_("pid_max", text_pidmax),
	{ .pe_name = NULL },
};
static const struct pentry sys_dir[] = {
	DIR_("kernel", kernel_dir),
	DIR_("vm", vm_dir),
	{ .pe_name = NULL },
};
static const struct pentry root_dir[] = {
	FILE_("cpuinfo", text_cpuinfo),
	FILE_("diskstats", text_diskstats),
	FILE_("filesystems", text_filesystems),
	FILE_("loadavg", text_loadavg),
	FILE_("meminfo", text_meminfo),
	LINK_("mounts", text_selfmounts),
	LINK_("self", text_self),
	FILE_("stat", text_stat),
	FILE_("swaps", text_swaps),
	DIR_("sys", sys_dir),
	FILE_("uptime", text_uptime),
	FILE_("vmstat", text_vmstat),
	{ .pe_name = NULL },
};
static const struct pentry fd_dir[] = { { .pe_name = NULL } };
static const struct pentry pid_dir[] = {
	FILE_("cmdline", text_cmdline),
	FILE_("comm", text_comm),
	JUMP_("cwd", jump_cwd),
	JUMP_("exe", jump_exe),
	DIR_("fd", fd_dir),
	FILE_("maps", text_maps),
	FILE_("mounts", text_mounts),
	JUMP_("root", jump_root),
	FILE_("stat", text_pidstat),
	FILE_("statm", text_statm),
	FILE_("status", text_status),
	{ .pe_name = NULL },
};
static const struct pentry root_entry = DIR_("", root_dir);
static const struct pentry pid_entry = DIR_("", pid_dir);
static const struct pentry fd_entry = JUMP_("", jump_fd);

/* -- Nodes --------------------------------------------------------------------------------------- */

static struct procfs_mount *
mount_of(const struct pnode *pn)
{
	return pn->pn_vnode.v_mount->mnt_data;
}

/* => a node with one reference, that of its directory taken */
static struct pnode *
node_make(struct mount *mp, struct pnode *up, const struct pentry *pe,
    pid_t pid, int fd)
{
	struct pnode *pn = pool_get(&pnode_pool, PR_WAITOK | PR_ZERO);

	rw_init(&pn->pn_vnode.v_lock, LR_VNODE, "proc");
	refcnt_init(&pn->pn_vnode.v_refs);
	pn->pn_vnode.v_type = pe->pe_type;
	pn->pn_vnode.v_op =
	    pe->pe_jump != NULL ? &procfs_jump_ops : &procfs_ops;
	pn->pn_vnode.v_mount = mp;
	pn->pn_entry = pe;
	pn->pn_up = up;
	pn->pn_pid = pid;
	pn->pn_fd = fd;
	if (up != NULL)
		vref(&up->pn_vnode);
	(void)atomic_add(&mount_of(pn)->pm_nodes, 1);
	return pn;
}

static void
procfs_inactive(struct vnode *vp)
{
	struct pnode *pn = VTOPN(vp), *up = pn->pn_up;

	text_free(&pn->pn_text);
	(void)atomic_add(&mount_of(pn)->pm_nodes, -1);
	pool_put(&pnode_pool, pn);
	if (up != NULL)
		vrele(&up->pn_vnode);
}

/* Process, kind and descriptor: one number for each, the same each time. */
static ino_t
inode(const struct pentry *pe, pid_t pid, int fd)
{
	return (ino_t)pid << 32 | (ino_t)(u_int)(fd + 1) << 16 |
	    (uint16_t)((uintptr_t)pe >> 3);
}

static bool
is_number(const char *name, size_t len, int *out)
{
	uint64_t n;

	if (len == 0 || len > 9 || (name[0] == '0' && len > 1) ||
	    name[len - 1] > '9' || !mount_number(name, (int)len, 10, &n))
		return false;
	*out = (int)n;
	return true;
}

/* => the process is there */
static bool
has_process(pid_t pid)
{
	struct uvm_procinfo pi;

	return proc_info(pid, &pi) == 0;
}

static bool
has_file(const struct pnode *dir, int fd)
{
	struct filedesc *fdp = files_of(dir);
	struct file *fp;

	if (fdp == NULL)
		return false;
	fp = fd_file_of(fdp, fd);
	if (fp != NULL)
		file_rele(fp);
	fd_unwatch(fdp);
	return fp != NULL;
}

static int
procfs_lookup(
    struct vnode *dvp, const char *name, size_t len, struct vnode **vpp)
{
	struct pnode *dn = VTOPN(dvp), *pn = NULL;
	const struct pentry *pe;
	int n;

	if (len == 2 && name[0] == '.' && name[1] == '.') {
		*vpp = dn->pn_up != NULL ? &dn->pn_up->pn_vnode : dvp;
		vref(*vpp);
		return 0;
	}
	/* a process that is gone has no files */
	if (dn->pn_pid != 0 && !has_process(dn->pn_pid))
		return ENOENT;
	for (pe = dn->pn_entry->pe_dir; pe->pe_name != NULL; pe++)
		if (strlen(pe->pe_name) == len &&
		    memcmp(pe->pe_name, name, len) == 0)
			break;
	if (pe->pe_name != NULL)
		pn = node_make(dvp->v_mount, dn, pe, dn->pn_pid, -1);
	else if (!is_number(name, len, &n))
		return ENOENT;
	else if (dn->pn_entry == &root_entry && has_process(n))
		pn = node_make(dvp->v_mount, dn, &pid_entry, n, -1);
	else if (dn->pn_entry->pe_dir == fd_dir && has_file(dn, n))
		pn = node_make(dvp->v_mount, dn, &fd_entry, dn->pn_pid, n);
	else
		return ENOENT;
	*vpp = &pn->pn_vnode;
	return 0;
}

static int
procfs_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp)
{
	struct pnode *pn = VTOPN(vp);

	if (pn->pn_up == NULL)
		return ENOENT;
	if (pn->pn_entry == &pid_entry)
		snprintf(name, size, "%d", pn->pn_pid);
	else if (pn->pn_entry == &fd_entry)
		snprintf(name, size, "%d", pn->pn_fd);
	else
		strlcpy(name, pn->pn_entry->pe_name, size);
	*dvpp = &pn->pn_up->pn_vnode;
	vref(*dvpp);
	return 0;
}

/* -- Reading ------------------------------------------------------------------------------------ */

static void
add_int(struct text *t, int value)
{
	text_room(t, sizeof(value));
	memcpy(t->t_buf + t->t_len, &value, sizeof(value));
	t->t_len += sizeof(value);
}

/* => the numbers that are names in the directory, ascending */
static void
list_numbers(const struct pnode *dn, struct text *t)
{
	struct filedesc *fdp;
	pid_t pid = 0;
	int fd = -1;

	if (dn->pn_entry == &root_entry) {
		while ((pid = proc_next(pid)) != 0)
			add_int(t, pid);
		return;
	}
	fdp = dn->pn_entry->pe_dir == fd_dir ? files_of(dn) : NULL;
	if (fdp == NULL)
		return;
	while ((fd = fd_next_of(fdp, fd + 1)) >= 0)
		add_int(t, fd);
	fd_unwatch(fdp);
}

static int
procfs_refresh(struct vnode *vp, off_t off)
{
	struct pnode *pn = VTOPN(vp);
	struct text t = { NULL, 0, 0 }, old;
	int error = 0;

	if (off != 0 && atomic_load(&pn->pn_text.t_buf) != NULL)
		return 0;
	text_room(&t, 1);
	if (vp->v_type == VDIR)
		list_numbers(pn, &t);
	else if (pn->pn_entry->pe_text != NULL)
		error = pn->pn_entry->pe_text(&t, pn);
	if (error) {
		text_free(&t);
		return error;
	}
	rw_enter_write(&vp->v_lock);
	old = pn->pn_text;
	pn->pn_text = t;
	rw_exit(&vp->v_lock);
	text_free(&old);
	return 0;
}

static int
procfs_read(struct vnode *vp, struct uio *uio)
{
	const struct text *t = &VTOPN(vp)->pn_text;
	size_t off = (size_t)uio->uio_offset;
	int error = 0;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	rw_enter_read(&vp->v_lock);
	if (off < t->t_len)
		error = uiomove(
		    t->t_buf + off, MIN(uio->uio_resid, t->t_len - off), uio);
	rw_exit(&vp->v_lock);
	return error;
}

/* Positions: 0 and 1 are the dots, then the table, then the numbers. */
static int
procfs_readdir(struct vnode *dvp, off_t from, vn_emit_t *emit, void *arg)
{
	struct pnode *dn = VTOPN(dvp), *up = dn->pn_up != NULL ? dn->pn_up : dn;
	const struct pentry *pe, *pid = &pid_entry, *fd = &fd_entry;
	bool more = true, isfd = dn->pn_entry->pe_dir == fd_dir;
	off_t at = 2;
	char name[16];
	int n;

	if (from <= 0)
		more = emit(arg, ".", 1,
		    inode(dn->pn_entry, dn->pn_pid, dn->pn_fd), VDIR, 1);
	if (from <= 1 && more)
		more = emit(arg, "..", 2,
		    inode(up->pn_entry, up->pn_pid, up->pn_fd), VDIR, 2);
	for (pe = dn->pn_entry->pe_dir; pe->pe_name != NULL && more; pe++, at++)
		if (at >= from)
			more = emit(arg, pe->pe_name, strlen(pe->pe_name),
			    inode(pe, dn->pn_pid, -1), pe->pe_type, at + 1);
	rw_enter_read(&dvp->v_lock);
	for (size_t i = 0; more && i + sizeof(n) <= dn->pn_text.t_len;
	     i += sizeof(n), at++) {
		if (at < from)
			continue;
		memcpy(&n, dn->pn_text.t_buf + i, sizeof(n));
		snprintf(name, sizeof(name), "%d", n);
		more = emit(arg, name, strlen(name),
		    isfd ? inode(fd, dn->pn_pid, n) : inode(pid, n, -1),
		    isfd ? VLNK : VDIR, at + 1);
	}
	rw_exit(&dvp->v_lock);
	return 0;
}

/* -- Attributes, changes ----------------------------------------------------------------------------- */

static int
procfs_getattr(struct vnode *vp, struct vattr *va)
{
	static const mode_t types[] = {
		[VREG] = S_IFREG, [VDIR] = S_IFDIR, [VLNK] = S_IFLNK
	};
	const struct pnode *pn = VTOPN(vp);

	memset(va, 0, sizeof(*va));
	va->va_mode = types[vp->v_type] | pn->pn_entry->pe_mode;
	va->va_nlink = vp->v_type == VDIR ? 2 : 1;
	va->va_dev = vp->v_mount->mnt_dev;
	va->va_ino = inode(pn->pn_entry, pn->pn_pid, pn->pn_fd);
	va->va_atime = va->va_mtime = va->va_ctime = (int64_t)nsecwall();
	return 0;
}

/* What is written to is cut off first, by many: that is nothing. */
static int
procfs_setattr(struct vnode *vp, const struct vattr *va, int which)
{
	return which == VA_SIZE && (VTOPN(vp)->pn_entry->pe_mode & 0222)
	    ? 0
	    : EPERM;
}

static int
procfs_create(struct vnode *dvp, const char *name, size_t len,
    const struct vattr *va, const char *target, struct vnode **vpp)
{
	return ENOENT;
}

static int
procfs_link(struct vnode *dvp, const char *name, size_t len, struct vnode *vp)
{
	return EPERM;
}

static int
procfs_remove(struct vnode *dvp, const char *name, size_t len, bool dir)
{
	return EPERM;
}

static int
procfs_rename(struct vnode *fdvp, const char *fname, size_t flen,
    struct vnode *tdvp, const char *tname, size_t tlen, int flags)
{
	return EPERM;
}

static int
procfs_uobj(struct vnode *vp, struct uvm_object **uobjp)
{
	return ENODEV;
}

#define PROCFS_OPS                                                      \
	.vop_lookup = procfs_lookup, .vop_create = procfs_create,       \
	.vop_link = procfs_link, .vop_remove = procfs_remove,           \
	.vop_rename = procfs_rename, .vop_readdir = procfs_readdir,     \
	.vop_readlink = procfs_readlink, .vop_getattr = procfs_getattr, \
	.vop_setattr = procfs_setattr, .vop_read = procfs_read,         \
	.vop_write = procfs_write, .vop_parent = procfs_parent,         \
	.vop_uobj = procfs_uobj, .vop_inactive = procfs_inactive,       \
	.vop_refresh = procfs_refresh

static const struct vnodeops procfs_ops = { PROCFS_OPS };
static const struct vnodeops procfs_jump_ops = { PROCFS_OPS,
	.vop_jump = procfs_jump };

/* -- Mounts ------------------------------------------------------------------------------------------ */

static int
procfs_mount(struct mount *mp, const char *options)
{
	static bool ready; /* [mount_ctl_lock] */

	if (!ready) {
		pool_init(&pnode_pool, sizeof(struct pnode), 0, "proc");
		ready = true;
	}
	mp->mnt_data = kmem_zalloc(sizeof(struct procfs_mount), PR_WAITOK);
	mp->mnt_root = &node_make(mp, NULL, &root_entry, 0, -1)->pn_vnode;
	return 0;
}

/* Every node is referenced, the root by the mount. */
static bool
procfs_busy(struct mount *mp)
{
	struct procfs_mount *pm = mp->mnt_data;

	return atomic_load(&pm->pm_nodes) != 1 ||
	    refcnt_read(&mp->mnt_root->v_refs) != 1;
}

static void
procfs_unmount(struct mount *mp)
{
	vrele(mp->mnt_root);
	kmem_free(mp->mnt_data, sizeof(struct procfs_mount));
}

static int
procfs_statfs(struct mount *mp, struct statfs *sf)
{
	sf->f_type = PROCFS_MAGIC;
	sf->f_bsize = PAGE_SIZE;
	return 0;
}

const struct vfsops procfs_vfsops = {
	.vfs_name = "proc",
	.vfs_flags = VFS_NOCOVER,
	.vfs_mount = procfs_mount,
	.vfs_busy = procfs_busy,
	.vfs_unmount = procfs_unmount,
	.vfs_statfs = procfs_statfs,
};
