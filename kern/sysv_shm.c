/*
 * System V shared memory: segments with a number, mapped by who knows it.
 *
 * A segment is an anonymous object.  The table has one reference to it, every
 * map entry that shows it another, so attachments are counted by themselves:
 * over fork, exec and exit, and however an address space is cut.  A segment
 * that was removed stays while it is attached; whoever may have been the last
 * looks after it (shm_reap).
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/timeout.h>
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_mman.h>

#define SHMMNI 1024 /* segments there may be */
#define SHMMAX (1UL << 46) /* bytes of one; the address space is smaller */

/* All members: [S] shm_lock. */
struct shmseg {
	int32_t ss_key;
	u_int ss_seq; /* of the entry, so that old numbers are told apart */
	uint32_t ss_mode; /* permissions, SHM_DEST, SHM_LOCKED */
	uid_t ss_uid, ss_cuid;
	gid_t ss_gid, ss_cgid;
	size_t ss_size; /* bytes asked for */
	struct uvm_object *ss_obj;
	int64_t ss_atime, ss_dtime, ss_ctime; /* seconds since 1970 */
	pid_t ss_cpid, ss_lpid; /* who made it, who attached or detached last */
};

static struct rwlock shm_lock = RWLOCK_INITIALIZER(LR_SHM, "shm");
/* Both: shm_lock. */
static struct shmseg *shm_seg[SHMMNI];
static u_int shm_seq[SHMMNI]; /* of the entry's next segment */
static volatile int shm_ndest; /* [S to change] removed, attached ones */

/* -- The table ------------------------------------------------------------------ */

static int64_t
now(void)
{
	return (int64_t)(nsecwall() / 1000000000UL);
}

static inline int
shm_id(int index)
{
	return (int)(shm_seg[index]->ss_seq * SHMMNI) + index;
}

/* => shm_lock held; the segment, or NULL with *error EINVAL or EIDRM */
static struct shmseg *
shm_find(int id, int *error)
{
	struct shmseg *ss = NULL;

	*error = EINVAL;
	if (id < 0)
		return NULL;
	ss = shm_seg[id % SHMMNI];
	if (ss != NULL && shm_id(id % SHMMNI) == id) {
		*error = 0;
		return ss;
	}
	if ((u_int)id / SHMMNI < shm_seq[id % SHMMNI])
		*error = EIDRM;
	return NULL;
}

static int
shm_nattch(const struct shmseg *ss)
{
	return atomic_load(&ss->ss_obj->uo_refs) - 1;
}

/* => shm_lock write-locked; nobody has it attached */
static void
shm_free(int index)
{
	struct shmseg *ss = shm_seg[index];

	if (ss->ss_mode & SHM_DEST)
		atomic_store(&shm_ndest, shm_ndest - 1);
	shm_seg[index] = NULL;
	uao_detach(ss->ss_obj);
	kmem_free(ss, sizeof(*ss));
}

void
shm_reap(void)
{
	if (atomic_load(&shm_ndest) == 0)
		return;
	rw_enter_write(&shm_lock);
	for (int i = 0; i < SHMMNI; i++)
		if (shm_seg[i] != NULL && (shm_seg[i]->ss_mode & SHM_DEST) &&
		    shm_nattch(shm_seg[i]) == 0)
			shm_free(i);
	rw_exit(&shm_lock);
}

/* -- shmget --------------------------------------------------------------------- */

/* => shm_lock write-locked; number of the new segment, or -errno */
static int
shm_create(struct proc *p, int32_t key, size_t size, int flags)
{
	struct uvm_ucred *cr = p->p_p->ps_cred;
	struct shmseg *ss;
	int i;

	if (size == 0 || size > SHMMAX)
		return -EINVAL;
	for (i = 0; i < SHMMNI && shm_seg[i] != NULL; i++)
		continue;
	if (i == SHMMNI)
		return -ENOSPC;
	ss = kmem_zalloc(sizeof(*ss), PR_WAITOK);
	ss->ss_key = key;
	ss->ss_seq = shm_seq[i]++ % (INT32_MAX / SHMMNI);
	ss->ss_mode = (uint32_t)flags & 0777;
	ss->ss_uid = ss->ss_cuid = cr->cr_uid;
	ss->ss_gid = ss->ss_cgid = cr->cr_gid;
	ss->ss_size = size;
	ss->ss_obj = uao_create(size, 0);
	ss->ss_ctime = now();
	ss->ss_cpid = p->p_p->ps_pid;
	shm_seg[i] = ss;
	return shm_id(i);
}

/* => shm_lock held; index of the segment with the key, or -1 */
static int
shm_bykey(int32_t key)
{
	for (int i = 0; key != IPC_PRIVATE && i < SHMMNI; i++)
		if (shm_seg[i] != NULL && shm_seg[i]->ss_key == key)
			return i;
	return -1;
}

/*
 * shmget(key, size, flags)
 * => a number; EINVAL: size; ENOENT; EEXIST; ENOSPC: too many
 */
int
sys_shmget(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int flags = (int)a[2], id, i;
	int32_t key = (int32_t)a[0];

	shm_reap();
	rw_enter_write(&shm_lock);
	i = shm_bykey(key);
	if (i >= 0 &&
	    (flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		id = -EEXIST;
	else if (i >= 0)
		id = a[1] > shm_seg[i]->ss_size ? -EINVAL : shm_id(i);
	else if (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0)
		id = -ENOENT;
	else
		id = shm_create(p, key, a[1], flags);
	rw_exit(&shm_lock);
	*ret = MAX(id, 0);
	return id < 0 ? -id : 0;
}

/* -- shmat ---------------------------------------------------------------------- */

/* Where to, and with which rights? => 0 or EINVAL */
static int
shmat_place(uint64_t addr, int flags, vaddr_t *vap, uvm_flag_t *mapflags)
{
	*mapflags = 0;
	*vap = addr;
	if (addr == 0)
		return flags & SHM_REMAP ? EINVAL : 0;
	if (flags & SHM_RND)
		*vap = trunc_page(addr);
	else if ((addr & PAGE_MASK) != 0)
		return EINVAL;
	*mapflags = UVM_FLAG_FIXED;
	return 0;
}

static vm_prot_t
shmat_prot(int flags)
{
	return PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
	    (flags & SHM_EXEC ? PROT_EXEC : 0);
}

/* => a reference to the segment's object; NULL with *error */
static struct uvm_object *
shm_hold(struct proc *p, int id, size_t *size, int *error)
{
	struct uvm_object *obj = NULL;
	struct shmseg *ss;

	rw_enter_write(&shm_lock);
	ss = shm_find(id, error);
	if (ss != NULL) {
		obj = ss->ss_obj;
		uao_reference(obj);
		*size = round_page(ss->ss_size);
		ss->ss_atime = now();
		ss->ss_lpid = p->p_p->ps_pid;
	}
	rw_exit(&shm_lock);
	return obj;
}

/*
 * => the range is free, or may be replaced; mapped: the reference is the
 *    map's; 0 or errno
 */
static int
shmat_map(struct proc *p, struct uvm_object *obj, vaddr_t *vap, size_t size,
    int flags, uvm_flag_t mapflags)
{
	vm_map_t map = &p->p_vmspace->vm_map;
	vm_prot_t prot = shmat_prot(flags);
	vm_prot_t max = flags & SHM_RDONLY ? prot : prot | PROT_WRITE;

	if (!uvm_size_allowed(p, size))
		return ENOMEM;
	if (mapflags & UVM_FLAG_FIXED) {
		if (*vap < vm_map_min(map) || *vap > vm_map_max(map) ||
		    size > vm_map_max(map) - *vap)
			return EINVAL;
		if (flags & SHM_REMAP)
			mapflags |= UVM_FLAG_UNMAP;
	} else
		*vap = map->vm_base;
	return uvm_map(map, vap, size, obj, 0, 0,
	    UVM_MAPFLAG(prot, max, MAP_INHERIT_SHARE, MADV_NORMAL, mapflags));
}

/*
 * shmat(id, addr, flags)
 * => the address; EINVAL: id, address; EIDRM; ENOMEM
 */
int
sys_shmat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int flags = (int)a[2], error;
	struct uvm_object *obj;
	uvm_flag_t mapflags;
	size_t size;
	vaddr_t va;

	error = shmat_place(a[1], flags, &va, &mapflags);
	if (error != 0)
		return error;
	obj = shm_hold(p, (int)a[0], &size, &error);
	if (obj == NULL)
		return error;
	error = shmat_map(p, obj, &va, size, flags, mapflags);
	if (error != 0) {
		uao_detach(obj);
		shm_reap();
		/* what is there is in the way */
		return error == ENOMEM && (mapflags & UVM_FLAG_FIXED) ? EINVAL
								      : error;
	}
	*ret = (int64_t)va;
	return 0;
}

/* -- shmdt ---------------------------------------------------------------------- */

/* => map read-locked: does the entry show the start of a segment at va? */
static bool
is_attachment(const struct vm_map_entry *e, vaddr_t va, struct uvm_object *obj)
{
	return UVM_ET_ISOBJ(e) && !UVM_ET_ISCOPYONWRITE(e) &&
	    (obj == NULL || e->object.uvm_obj == obj) &&
	    e->start - (vaddr_t)e->offset == va;
}

/* => shm_lock held; the segment of an object, or NULL */
static struct shmseg *
shm_byobj(const struct uvm_object *obj)
{
	for (int i = 0; i < SHMMNI; i++)
		if (shm_seg[i] != NULL && shm_seg[i]->ss_obj == obj)
			return shm_seg[i];
	return NULL;
}

/* => the segment attached at va and its size; NULL: none; map unlocked */
static struct uvm_object *
shmdt_find(struct proc *p, vaddr_t va, size_t *size)
{
	vm_map_t map = &p->p_vmspace->vm_map;
	struct uvm_object *obj = NULL;
	struct vm_map_entry *e;
	struct shmseg *ss;

	rw_enter_write(&shm_lock);
	vm_map_lock_read(map);
	e = uvm_map_first(map, va);
	if (e != &map->vm_head && is_attachment(e, va, NULL) &&
	    (ss = shm_byobj(e->object.uvm_obj)) != NULL) {
		obj = ss->ss_obj;
		*size = round_page(ss->ss_size);
		ss->ss_dtime = now();
		ss->ss_lpid = p->p_p->ps_pid;
	}
	vm_map_unlock_read(map);
	rw_exit(&shm_lock);
	return obj;
}

/*
 * shmdt(addr): every part that is left of the attachment goes.
 * => EINVAL: nothing is attached there
 */
int
sys_shmdt(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	vm_map_t map = &p->p_vmspace->vm_map;
	vaddr_t va = a[0], at, end;
	struct vm_map_entry *e;
	struct uvm_object *obj;
	size_t size;
	int error = 0;

	if ((va & PAGE_MASK) != 0 || va > vm_map_max(map))
		return EINVAL;
	obj = shmdt_find(p, va, &size);
	if (obj == NULL)
		return EINVAL;
	for (at = va; error == 0 && at < va + size; at = end) {
		vm_map_lock_read(map);
		e = uvm_map_first(map, at);
		end = va + size;
		if (e != &map->vm_head) {
			at = MAX(at, e->start);
			end = e->end;
			if (!is_attachment(e, va, obj))
				at = end;
		}
		vm_map_unlock_read(map);
		if (at < end && at < va + size && e != &map->vm_head)
			error = uvm_unmap_user(map, at, MIN(end, va + size));
	}
	shm_reap();
	return error;
}

/* -- shmctl --------------------------------------------------------------------- */

static void
shm_describe(const struct shmseg *ss, struct shmid_ds *ds)
{
	memset(ds, 0, sizeof(*ds));
	ds->shm_perm.key = ss->ss_key;
	ds->shm_perm.uid = ss->ss_uid;
	ds->shm_perm.gid = ss->ss_gid;
	ds->shm_perm.cuid = ss->ss_cuid;
	ds->shm_perm.cgid = ss->ss_cgid;
	ds->shm_perm.mode = ss->ss_mode;
	ds->shm_perm.seq = (uint16_t)ss->ss_seq;
	ds->shm_segsz = ss->ss_size;
	ds->shm_atime = ss->ss_atime;
	ds->shm_dtime = ss->ss_dtime;
	ds->shm_ctime = ss->ss_ctime;
	ds->shm_cpid = ss->ss_cpid;
	ds->shm_lpid = ss->ss_lpid;
	ds->shm_nattch = (uint64_t)shm_nattch(ss);
}

/* => shm_lock write-locked */
static void
shm_remove(int index)
{
	struct shmseg *ss = shm_seg[index];

	if (shm_nattch(ss) == 0) {
		shm_free(index);
		return;
	}
	if ((ss->ss_mode & SHM_DEST) == 0)
		atomic_store(&shm_ndest, shm_ndest + 1);
	ss->ss_mode |= SHM_DEST;
	ss->ss_key = IPC_PRIVATE;
}

/* => shm_lock write-locked: IPC_SET */
static void
shm_set(struct shmseg *ss, const struct shmid_ds *ds)
{
	ss->ss_uid = ds->shm_perm.uid;
	ss->ss_gid = ds->shm_perm.gid;
	ss->ss_mode = (ss->ss_mode & ~0777U) | (ds->shm_perm.mode & 0777);
	ss->ss_ctime = now();
}

/* => the segment an id, or with SHM_STAT an index, names; shm_lock held */
static struct shmseg *
shm_which(int cmd, int id, int *error)
{
	*error = EINVAL;
	if (cmd != SHM_STAT && cmd != SHM_STAT_ANY)
		return shm_find(id, error);
	if (id < 0 || id >= SHMMNI || shm_seg[id] == NULL)
		return NULL;
	*error = 0;
	return shm_seg[id];
}

/* IPC_STAT, IPC_SET, IPC_RMID, SHM_LOCK, SHM_UNLOCK, SHM_STAT. */
static int
shmctl_one(int cmd, int id, struct shmid_ds *ds, int64_t *ret)
{
	struct shmseg *ss;
	int error;

	rw_enter_write(&shm_lock);
	ss = shm_which(cmd, id, &error);
	if (ss == NULL) {
		rw_exit(&shm_lock);
		return error;
	}
	switch (cmd) {
	case SHM_STAT:
	case SHM_STAT_ANY:
		*ret = shm_id(id);
		shm_describe(ss, ds);
		break;
	case IPC_STAT:
		shm_describe(ss, ds);
		break;
	case IPC_SET:
		shm_set(ss, ds);
		break;
	case IPC_RMID:
		shm_remove(id % SHMMNI);
		break;
	case SHM_LOCK:
		ss->ss_mode |= SHM_LOCKED;
		break;
	default:
		ss->ss_mode &= ~(uint32_t)SHM_LOCKED;
		break;
	}
	rw_exit(&shm_lock);
	return 0;
}

/* => highest index in use, or 0; shm_lock not held */
static int
shm_used(struct shm_info *info)
{
	struct uvm_object *uobj;
	int last = 0;

	memset(info, 0, sizeof(*info));
	rw_enter_read(&shm_lock);
	for (int i = 0; i < SHMMNI; i++) {
		if (shm_seg[i] == NULL)
			continue;
		last = i;
		info->used_ids++;
		info->shm_tot += atop(round_page(shm_seg[i]->ss_size));
		uobj = shm_seg[i]->ss_obj;
		info->shm_rss += (uint64_t)uao_pages(uobj);
		rw_enter_read(&uobj->uo_lock);
		info->shm_swp += uao_swapped(uobj, 0, UINT64_MAX);
		rw_exit(&uobj->uo_lock);
	}
	rw_exit(&shm_lock);
	return last;
}

/* IPC_INFO and SHM_INFO. */
static int
shmctl_info(int cmd, uint64_t to, int64_t *ret)
{
	const struct shminfo limits = {
		.shmmax = SHMMAX,
		.shmmin = 1,
		.shmmni = SHMMNI,
		.shmseg = SHMMNI,
		.shmall = SHMMAX >> PAGE_SHIFT,
	};
	struct shm_info info;

	*ret = shm_used(&info);
	if (cmd == IPC_INFO)
		return copyout(&limits, (void *)to, sizeof(limits));
	return copyout(&info, (void *)to, sizeof(info));
}

/*
 * shmctl(id, cmd, buf)
 * => EINVAL: id, cmd; EIDRM; EFAULT
 */
int
sys_shmctl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int cmd = (int)a[1] & ~IPC_64, error = 0;
	struct shmid_ds ds = { 0 };

	shm_reap();
	switch (cmd) {
	case IPC_INFO:
	case SHM_INFO:
		return shmctl_info(cmd, a[2], ret);
	case IPC_SET:
		error = copyin((void *)a[2], &ds, sizeof(ds));
		break;
	case IPC_RMID:
	case IPC_STAT:
	case SHM_LOCK:
	case SHM_UNLOCK:
	case SHM_STAT:
	case SHM_STAT_ANY:
		break;
	default:
		return EINVAL;
	}
	if (error == 0)
		error = shmctl_one(cmd, (int)a[0], &ds, ret);
	if (error == 0 &&
	    (cmd == IPC_STAT || cmd == SHM_STAT || cmd == SHM_STAT_ANY))
		error = copyout(&ds, (void *)a[2], sizeof(ds));
	if (error != 0)
		*ret = 0;
	return error;
}
