/*
 * Configuring swap: devices come, go, and are listed; the system calls.
 */
#define _UVM_SWAP_PRIVATE
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_mman.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_swap.h>
#include <sys/disk.h>
#include <sys/pool.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

/* Devices are added and removed one at a time. */
static struct rwlock swapctl_lock = RWLOCK_INITIALIZER(LR_SWAPCTL, "swapctl");

#define BLOCKS_PER_PAGE (PAGE_SIZE / DEV_BSIZE)
#define TABLE_SHARE     16 /* of memory that tables of one device may take */
#define RETRY_NS        2000000UL /* between looks at what somebody holds */
#define ROOM_TRIES      7 /* of 20 ms: before the daemon has somebody killed */

/*
 * Prepare for swap devices; none is configured.
 * => boot, once, threads run; panics without memory
 */
void
uvm_swap_init(void)
{
	KASSERT(uvmexp.nswapdev == 0 && uvmexp.swpages == 0);
	uvm_swapio_init();
}

/* -- Adding --------------------------------------------------------------------- */

static size_t
sections_of(uint32_t npages)
{
	return (npages + SWAP_SECTION - 1) / SWAP_SECTION;
}

static size_t
tables_size(uint32_t npages)
{
	return uvm_swapmap_size(npages) + npages * sizeof(uintptr_t) +
	    sections_of(npages) * sizeof(struct swap_section) +
	    npages * sizeof(uint32_t);
}

/* => the number of slots that tables of a tolerable size can describe */
static uint32_t
pages_for_tables(uint64_t npages)
{
	uint64_t most = ptoa((uint64_t)uvmexp.npages) / TABLE_SHARE /
	    (tables_size(SWAP_SECTION * 1024) / (SWAP_SECTION * 1024) + 1);

	return (uint32_t)MIN(npages, MIN(most, (uint64_t)INT32_MAX / 4));
}

static void
set_tables(struct swapdev *sd)
{
	uint32_t n = sd->sd_npages;
	char *p;

	sd->sd_tabsize = tables_size(n);
	sd->sd_tables = p = kmem_zalloc(sd->sd_tabsize, PR_WAITOK);
	uvm_swapmap_init(&sd->sd_map, n, p);
	p += uvm_swapmap_size(n);
	sd->sd_owner = (uintptr_t *)(void *)p;
	p += n * sizeof(uintptr_t);
	sd->sd_section = (struct swap_section *)(void *)p;
	p += sections_of(n) * sizeof(struct swap_section);
	sd->sd_gen = (uint32_t *)(void *)p;
}

static bool
is_bad(const struct swap_header *sh, uint32_t page)
{
	for (uint32_t i = 0; i < sh->sh_nbad; i++)
		if (sh->sh_bad[i] == page)
			return true;
	return false;
}

/* Page 0 holds the label, or what another system takes for one. */
static void
set_free(struct swapdev *sd, const struct swap_header *sh)
{
	uint32_t from = 1, n = sd->sd_npages;

	/* in runs: one by one, a large device takes longer than the boot */
	for (uint32_t i = from; i < n && sh->sh_nbad != 0; i++) {
		if (!is_bad(sh, i))
			continue;
		uvm_swapmap_free(&sd->sd_map, from, i - from);
		from = i + 1;
	}
	if (from < n)
		uvm_swapmap_free(&sd->sd_map, from, n - from);
	sd->sd_map.sm_next = 0;
	sd->sd_usable = (int)sd->sd_map.sm_nfree;
}

/*
 * How much of the device is for swap?
 * => 0; EINVAL or EIO, said why
 */
static int
read_size(struct bdev *bd, struct swap_header *sh, uint64_t *npages)
{
	const char *why;
	int error;

	*npages = bd->bd_size / BLOCKS_PER_PAGE;
	error = bdev_read_swap_header(bd, sh, &why);
	if (error == ENOENT) {
		sh->sh_nbad = 0;
		error = *npages < 2 ? EINVAL : 0;
	} else if (error == 0)
		*npages = sh->sh_npages;
	if (error != 0)
		printf("swap: %s: %s\n", bd->bd_name, why);
	return error;
}

/* => swapctl_lock held: first number of n slots that no device has */
static int
slot_base(uint32_t n)
{
	int base = 1;

	/* a place behind one of the others, or at the start */
	for (int d = 0, again = 0; d < swap_ndev; d = again ? 0 : d + 1) {
		const struct swapdev *sd = swap_dev[d];

		again = base < sd->sd_base + (int)sd->sd_npages &&
		    sd->sd_base < base + (int)n;
		if (again)
			base = sd->sd_base + (int)sd->sd_npages;
		if (base > INT32_MAX - (int)n)
			return 0;
	}
	return base;
}

/* => swapctl_lock held: the device as swap device, or NULL */
static struct swapdev *
find(const struct bdev *bd)
{
	for (int d = 0; d < swap_ndev; d++)
		if (swap_dev[d]->sd_bdev == bd)
			return swap_dev[d];
	return NULL;
}

/* => a device that nobody knows; NULL: *error says why */
static struct swapdev *
swapdev_make(struct bdev *bd, int priority, int *error)
{
	struct swap_header *sh = kmem_alloc(sizeof(*sh), PR_WAITOK);
	struct swapdev *sd = NULL;
	uint64_t npages;
	uint32_t n;

	*error = read_size(bd, sh, &npages);
	if (*error == 0) {
		n = pages_for_tables(npages);
		if (n < npages)
			printf("swap: %s: only %u of %lu pages used, memory "
			       "is too small for more\n",
			    bd->bd_name, n, npages);
		sd = kmem_zalloc(sizeof(*sd), PR_WAITOK);
		sd->sd_bdev = bd;
		sd->sd_npages = n;
		sd->sd_base = slot_base(n);
		sd->sd_flags = SWF_INUSE;
		sd->sd_priority = priority;
		set_tables(sd);
		set_free(sd, sh);
		sd->sd_anons = (u_int)sd->sd_usable;
	}
	kmem_free(sh, sizeof(*sh));
	return sd;
}

static void
swapdev_destroy(struct swapdev *sd)
{
	kmem_free(sd->sd_tables, sd->sd_tabsize);
	kmem_free(sd, sizeof(*sd));
}

/* => swapctl_lock held, the device open */
static int
swap_add(struct bdev *bd, int priority)
{
	struct swapdev *sd;
	int error;

	sd = swapdev_make(bd, priority, &error);
	if (sd == NULL)
		return error;
	if (sd->sd_base == 0) {
		swapdev_destroy(sd);
		return ENOSPC;
	}
	if (swap_ndev == 0 && (error = uvm_swapio_reserve()) != 0) {
		swapdev_destroy(sd);
		return error;
	}
	uvm_anon_add((int)sd->sd_anons);
	mtx_enter(&swap_mtx);
	uvm_swap_insert(sd);
	uvm_swap_enable(sd, true);
	uvmexp.swpages += sd->sd_usable;
	uvmexp.nswapdev++;
	mtx_leave(&swap_mtx);
	printf("swap: %s, %d KiB, priority %d\n", bd->bd_name,
	    sd->sd_usable * (int)(PAGE_SIZE / 1024), priority);
	return 0;
}

int
uvm_swap_on(struct bdev *bd, int priority)
{
	int error;

	rw_enter_write(&swapctl_lock);
	if (find(bd) != NULL)
		error = EBUSY;
	else if (swap_ndev == SWAP_MAXDEV)
		error = ENOSPC;
	else
		error = bdev_open(bd, true, true);
	if (error == 0) {
		error = swap_add(bd, priority);
		if (error != 0)
			bdev_close(bd, true);
	}
	rw_exit(&swapctl_lock);
	return error;
}

/* -- Emptying ------------------------------------------------------------------- */

static bool
is_room(void)
{
	return uvm_free_count() > uvmexp.freemin ||
	    atomic_load(&uvmexp.swpgonly) == 0;
}

/*
 * May a page be brought in, or is memory too short for it?  What comes in must
 * go out somewhere else, or drive out what can be had again: fits_elsewhere()
 * counted on that, but the daemon needs time to do it.
 * => 0, ENOMEM, EINTR
 */
static int
wait_for_room(void)
{
	for (int tries = 0; !uvm_being_killed(curproc); tries++) {
		if (is_room())
			return 0;
		if (uvm_swap_nfree() == 0 &&
		    (tries == ROOM_TRIES || !uvm_reclaimable() ||
			MUTANT(SWAPOFF_IMPATIENT)))
			return ENOMEM;
		(void)uvm_wait_pages("swapoff");
		if (uvm_swap_nfree() != 0)
			return 0;
	}
	return EINTR;
}

/*
 * => the anon's lock write-locked, kept from going; dropped meanwhile; the
 *    anon has no page: 0, EIO, or ENOMEM
 */
static int
anon_read(struct vm_anon *anon, struct rwlock *lock)
{
	struct vm_page *pg = uvm_pagealloc(NULL, 0, anon, 0);
	int slot = anon->an_swslot, rv;

	if (pg == NULL)
		return ENOMEM;
	rw_exit(lock);
	rv = uvm_swap_get(pg, slot, 0);
	rw_enter_write(lock);
	if ((pg->pg_flags & PG_RELEASED) && !MUTANT(SWAPOFF_KEEPS_RELEASED)) {
		uvm_anon_release(anon);
		rw_enter_write(lock);
		return 0;
	}
	if (rv != VM_PAGER_OK) {
		atomic_or(&pg->pg_flags, PG_RELEASED);
		(void)uvm_page_unbusy(pg);
		return EIO;
	}
	uvm_pageactivate(pg);
	(void)uvm_page_unbusy(pg);
	return 0;
}

/*
 * An anon whose slot must go.  What is known to be unreadable is given up.
 * => its lock write-locked, dropped to wait; 0: look again; EIO, ENOMEM
 */
static int
anon_swapoff(struct vm_anon *anon, struct rwlock *lock)
{
	struct vm_page *pg = anon->an_page;
	int slot = anon->an_swslot;

	if (pg != NULL && (pg->pg_flags & PG_BUSY) &&
	    !MUTANT(SWAP_OFF_TAKES_BUSY)) {
		uvm_page_wait(pg, lock, "swapoff");
		rw_enter_write(lock);
		return 0;
	}
	if (pg == NULL && uvm_swap_isbad(slot)) {
		uvm_anon_dropswap(anon);
		anon->an_swslot = SWSLOT_BAD;
		return 0;
	}
	if (pg == NULL)
		return anon_read(anon, lock);
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	uvm_anon_dropswap(anon);
	return 0;
}

/* => the owner of a page of the device, tags included; a moment's view */
static uintptr_t
owner_of(struct swapdev *sd, uint32_t i)
{
	uintptr_t owner;

	mtx_enter(&swap_mtx);
	owner = sd->sd_owner[i];
	mtx_leave(&swap_mtx);
	return owner;
}

/*
 * The lock of the anon that owns a page of the device.
 * => swap_mtx held, so the anon exists; the lock is kept from going
 */
static struct amap_lock *
anon_lock_hold(uintptr_t owner)
{
	struct amap_lock *lock =
	    ((struct vm_anon *)(owner & ~SWO_TAGS))->an_lock;

	refcnt_take(&lock->aml_refs);
	return lock;
}

/* => 0: it may be done; EIO, ENOMEM */
static int
empty_anon(struct swapdev *sd, uint32_t i, uintptr_t owner)
{
	struct amap_lock *lock;
	int error = 0;

	mtx_enter(&swap_mtx);
	if ((sd->sd_owner[i] & ~SWO_BAD) != (owner & ~SWO_BAD)) {
		mtx_leave(&swap_mtx);
		return 0;
	}
	lock = anon_lock_hold(owner);
	mtx_leave(&swap_mtx);
	rw_enter_write(&lock->aml_lock);
	/* with its lock held the anon cannot give the slot back */
	if ((owner_of(sd, i) & ~SWO_BAD) == (owner & ~SWO_BAD))
		error = anon_swapoff(
		    (struct vm_anon *)(owner & ~SWO_TAGS), &lock->aml_lock);
	rw_exit(&lock->aml_lock);
	amap_lock_rele(lock);
	return error;
}

/* => as empty_anon(), for all pages of the object */
static int
empty_aobj(struct swapdev *sd, uint32_t i, uintptr_t owner)
{
	struct uvm_object *uobj = (struct uvm_object *)(owner & ~SWO_TAGS);
	int error = 0;
	bool dying;

	mtx_enter(&swap_mtx);
	if ((sd->sd_owner[i] & ~SWO_BAD) != (owner & ~SWO_BAD) ||
	    rw_enter(&uobj->uo_lock, RW_WRITE | RW_NOSLEEP) != 0) {
		mtx_leave(&swap_mtx);
		(void)tsleep(&swapctl_lock, PVM, "swapoff", RETRY_NS);
		return 0;
	}
	mtx_leave(&swap_mtx);
	dying = uobj->uo_refs == 0;
	if (!dying && !UVM_OBJ_IS_KERN(uobj))
		uobj->uo_refs++;
	if (!dying)
		error = uao_swapoff(
		    uobj, sd->sd_base, sd->sd_base + (int)sd->sd_npages);
	rw_exit(&uobj->uo_lock);
	if (!dying)
		uao_detach(uobj);
	else
		(void)tsleep(&swapctl_lock, PVM, "swapoff", RETRY_NS);
	return error;
}

/*
 * Give one page of the device's to its owner.
 * => 0: nobody has it any more; EIO: it could not be read; ENOMEM, EINTR
 */
static int
empty_page(struct swapdev *sd, uint32_t i)
{
	uintptr_t owner;
	int error;

	while ((owner = owner_of(sd, i)) != 0) {
		error = wait_for_room();
		if (error != 0)
			return error;
		if ((owner & SWO_AOBJ) && MUTANT(SWAPOFF_FORGETS_OBJECT))
			return 0;
		if (owner & SWO_AOBJ)
			error = empty_aobj(sd, i, owner);
		else
			error = empty_anon(sd, i, owner);
		if (error == EIO)
			return error;
		if (error == ENOMEM && !uvm_wait_pages("swapoff"))
			return EINTR;
	}
	return 0;
}

/* => swap_mtx not held; slots that nobody is told to own: a moment more */
static void
wait_for_last(struct swapdev *sd)
{
	mtx_enter(&swap_mtx);
	if (sd->sd_inuse != 0)
		(void)msleep(sd, &swap_mtx, PVM, "swapoff", RETRY_NS);
	mtx_leave(&swap_mtx);
}

/*
 * Bring everything in.  Pages that are under way to the device are waited for.
 * => 0: no slot is in use; ENOMEM, EINTR; EIO, but what could be read was
 */
static int
swap_empty(struct swapdev *sd)
{
	int error = 0, e;

	while (error == 0 && atomic_load(&sd->sd_inuse) != 0) {
		for (uint32_t i = 1; i < sd->sd_npages; i++) {
			e = empty_page(sd, i);
			if (e == EIO)
				error = e;
			else if (e != 0)
				return e;
		}
		if (MUTANT(SWAPOFF_ONE_PASS))
			break;
		wait_for_last(sd);
	}
	return error;
}

/*
 * Will what is only on this device fit elsewhere?
 * => swap_mtx held; counters were collected
 */
static bool
fits_elsewhere(const struct swapdev *sd)
{
	long only = MIN(sd->sd_inuse, uvmexp.swpgonly);
	long room = uvm_free_count();

	room += uvm_swap_nfree();
	room += uvmexp.vnodepages + uvmexp.vtextpages - uvmexp.freemin;
	return only <= room || MUTANT(SWAPOFF_NO_ROOM_CHECK);
}

/* => swapctl_lock held; 0, or errno and the device is on as before */
static int
swap_del(struct swapdev *sd)
{
	int error;

	uvmexp_collect();
	mtx_enter(&swap_mtx);
	if (!MUTANT(SWAPOFF_STAYS_ON))
		uvm_swap_enable(sd, false);
	sd->sd_flags |= SWF_BUSY;
	error = fits_elsewhere(sd) ? 0 : ENOMEM;
	mtx_leave(&swap_mtx);
	if (error == 0)
		error = swap_empty(sd);
	mtx_enter(&swap_mtx);
	sd->sd_flags &= ~SWF_BUSY;
	if (error != 0) {
		if ((sd->sd_flags & SWF_FAILED) == 0)
			uvm_swap_enable(sd, true);
	} else {
		uvm_swap_remove(sd);
		uvmexp.swpages -= sd->sd_usable;
		uvmexp.nswapdev--;
	}
	mtx_leave(&swap_mtx);
	return error;
}

int
uvm_swap_off(struct bdev *bd)
{
	struct swapdev *sd;
	int error;

	rw_enter_write(&swapctl_lock);
	sd = find(bd);
	error = sd == NULL ? ENXIO : swap_del(sd);
	if (error == 0) {
		uvm_anon_remove((int)sd->sd_anons);
		if (swap_ndev == 0)
			uvm_swapio_unreserve();
		swapdev_destroy(sd);
		bdev_close(bd, true);
		printf("swap: %s off\n", bd->bd_name);
	}
	rw_exit(&swapctl_lock);
	return error;
}

/* -- Asking --------------------------------------------------------------------- */

static void
describe(const struct swapdev *sd, struct swapent *se)
{
	memset(se, 0, sizeof(*se));
	se->se_dev = sd->sd_bdev->bd_dev;
	se->se_flags = sd->sd_flags & (SWF_INUSE | SWF_ENABLE | SWF_BUSY);
	se->se_nblks = sd->sd_usable * (int)BLOCKS_PER_PAGE;
	se->se_inuse = sd->sd_inuse * (int)BLOCKS_PER_PAGE;
	se->se_priority = sd->sd_priority;
	snprintf(
	    se->se_path, sizeof(se->se_path), "/dev/%s", sd->sd_bdev->bd_name);
}

int
uvm_swap_stats(struct swapent *se, int max)
{
	int n;

	mtx_enter(&swap_mtx);
	for (n = 0; n < swap_ndev; n++)
		if (n < max)
			describe(swap_dev[n], &se[n]);
	mtx_leave(&swap_mtx);
	return n;
}

int
uvm_swap_setpriority(struct bdev *bd, int priority)
{
	struct swapdev *sd;

	rw_enter_write(&swapctl_lock);
	mtx_enter(&swap_mtx);
	sd = find(bd);
	if (sd != NULL) {
		if (!MUTANT(SWAPCTL_ORDER_STAYS))
			uvm_swap_remove(sd);
		sd->sd_priority = priority;
		if (!MUTANT(SWAPCTL_ORDER_STAYS))
			uvm_swap_insert(sd);
	}
	mtx_leave(&swap_mtx);
	rw_exit(&swapctl_lock);
	return sd == NULL ? ENOENT : 0;
}

/* One word "vda:5"; without a number 0. */
static void
boot_one(const char *name, size_t len)
{
	char word[sizeof("/dev/") + DISK_NAMELEN];
	struct bdev *bd = NULL;
	int priority = 0, error = ENXIO;
	size_t n = 0;

	for (; n < len && name[n] != ':'; n++)
		if (n < sizeof(word) - 1)
			word[n] = name[n];
	word[MIN(n, sizeof(word) - 1)] = '\0';
	for (size_t i = n + 1; i < len && name[i] >= '0' && name[i] <= '9'; i++)
		priority = MIN(priority * 10 + (name[i] - '0'), 32767);
	if (n < sizeof(word))
		bd = bdev_lookup(word);
	if (bd != NULL)
		error = uvm_swap_on(bd, priority);
	if (error != 0)
		printf("swap: %s: error %d\n", word, error);
}

void
uvm_swap_boot(const char *list)
{
	size_t len;

	for (; list != NULL && *list != '\0'; list += len) {
		if (*list == ',') {
			len = 1;
			continue;
		}
		for (len = 0; list[len] != '\0' && list[len] != ','; len++)
			continue;
		boot_one(list, len);
		if (MUTANT(SWAP_BOOT_FIRST_ONLY))
			break;
	}
}

/* -- System calls --------------------------------------------------------------- */

/* => the block device of a path of the program's; 0 or errno */
static int
path_bdev(struct proc *p, uint64_t path, struct bdev **bdp)
{
	struct nameidata nd;
	struct vattr va;
	int error;

	error = namei(
	    p, AT_FDCWD, (const char *)path, UIO_USERSPACE, NAMEI_FOLLOW, &nd);
	if (error != 0)
		return error;
	error = nd.ni_vp->v_op->vop_getattr(nd.ni_vp, &va);
	namei_done(&nd);
	if (error != 0)
		return error;
	if ((va.va_mode & S_IFMT) == S_IFREG)
		return EOPNOTSUPP;
	if ((va.va_mode & S_IFMT) != S_IFBLK)
		return EINVAL;
	*bdp = bdev_bynumber(va.va_rdev);
	return *bdp == NULL ? ENXIO : 0;
}

#define SWAP_FLAG_PREFER    0x8000
#define SWAP_FLAG_PRIO_MASK 0x7fff
#define SWAP_FLAGS_KNOWN    0x3ffff /* discard is a wish, and ignored */

/*
 * swapon(path, flags): here the higher number is used first.
 * => EINVAL: flags, size, header, no device; EBUSY; EOPNOTSUPP: a file
 */
int
sys_swapon(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int priority = SWAP_FLAG_PRIO_MASK + 1;
	struct bdev *bd;
	int error;

	if ((a[1] & ~(uint64_t)SWAP_FLAGS_KNOWN) != 0)
		return EINVAL;
	if ((a[1] & SWAP_FLAG_PREFER) && MUTANT(SWAPON_PRIORITY_AS_IS))
		priority = (int)(a[1] & SWAP_FLAG_PRIO_MASK);
	else if (a[1] & SWAP_FLAG_PREFER)
		priority =
		    SWAP_FLAG_PRIO_MASK - (int)(a[1] & SWAP_FLAG_PRIO_MASK);
	error = path_bdev(p, a[0], &bd);
	return error != 0 ? error : uvm_swap_on(bd, priority);
}

/* swapoff(path) => EINVAL: it is not on; ENOMEM, EIO, EINTR */
int
sys_swapoff(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct bdev *bd;
	int error = path_bdev(p, a[0], &bd);

	if (error == 0)
		error = uvm_swap_off(bd);
	return error == ENXIO || error == EOPNOTSUPP ? EINVAL : error;
}

/* => entries copied out; EINVAL: no room for any, or too much */
static int
swap_stats_out(uint64_t to, uint64_t room, int64_t *ret)
{
	struct swapent *se;
	int n, error;

	if ((int64_t)room <= 0)
		return EINVAL;
	se = kmem_alloc(SWAP_MAXDEV * sizeof(*se), PR_WAITOK);
	n = (int)MIN((uint64_t)uvm_swap_stats(se, SWAP_MAXDEV), room);
	error = copyout(se, (void *)to, (size_t)n * sizeof(*se));
	kmem_free(se, SWAP_MAXDEV * sizeof(*se));
	if (error == 0)
		*ret = n;
	return error;
}

/*
 * swapctl(cmd, arg, misc)
 * => NSWAP, STATS: a number; ON: EBUSY, EINVAL, ENOENT; OFF: ENXIO, EBUSY,
 *    ENOMEM, EIO; CTL: ENOENT; EINVAL: cmd
 */
int
sys_swapctl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct bdev *bd;
	int error;

	switch ((int)a[0]) {
	case SWAP_NSWAP:
		*ret = uvm_swap_stats(NULL, 0);
		return 0;
	case SWAP_STATS:
		return swap_stats_out(a[1], a[2], ret);
	case SWAP_ON:
	case SWAP_OFF:
	case SWAP_CTL:
		break;
	default:
		return EINVAL;
	}
	error = path_bdev(p, a[1], &bd);
	if (error != 0)
		return error;
	if ((int)a[0] == SWAP_ON)
		return uvm_swap_on(bd, (int)a[2]);
	if ((int)a[0] == SWAP_OFF)
		return uvm_swap_off(bd);
	return uvm_swap_setpriority(bd, (int)a[2]);
}
