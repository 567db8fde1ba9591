/* Swap's system calls, and the boot option (UVM-API.md 7.4). */
#include "kt_user.h"
#include "kt_tdisk.h"
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm_swap.h>
#include <uvm_bsd.h>

#define DISK_PAGES 64
#define PREFER     0x8000UL /* SWAP_FLAG_PREFER */
#define DISCARD    0x10000UL /* SWAP_FLAG_DISCARD */
#define LAST       0x8000 /* the priority of a device without one */

/* Memory of the test's program, and what is not. */
#define PATH     KTF_VA(0)
#define OUT      KTF_VA(1)
#define UNMAPPED KTF_VA(4)

/* -- A program with disks ------------------------------------------------------ */

/* => the address of a path in the program */
static uint64_t
path(const char *s)
{
	KT_EQ(copyout(s, (void *)PATH, strlen(s) + 1), 0);
	return PATH;
}

static void
make_node(const char *name, mode_t mode, dev_t dev)
{
	KT_EQ(
	    KT_CALL(sys_mknodat, (uint64_t)AT_FDCWD, path(name), mode, dev), 0);
}

static void
unlink(const char *name)
{
	KT_EQ(KT_CALL(sys_unlinkat, (uint64_t)AT_FDCWD, path(name)), 0);
}

/* => the disk, which the program calls /kt_swap */
static struct bdev *
begin(struct kt_user *ku)
{
	struct bdev *bd = tdisk_open(0, DISK_PAGES);

	if (bd == NULL)
		panic("kt_swapctl: no disk");
	kt_user_enter(ku);
	kt_user_map(0, 2);
	make_node("/kt_swap", S_IFBLK | 0600, bd->bd_dev);
	return bd;
}

static void
end(struct kt_user *ku)
{
	unlink("/kt_swap");
	kt_user_leave(ku);
	tdisk_close(0);
}

static int
swapon(const char *name, uint64_t flags)
{
	return KT_CALL(sys_swapon, path(name), flags);
}

static int
swapoff(const char *name)
{
	return KT_CALL(sys_swapoff, path(name));
}

static int
swapctl(int cmd, const char *name, int misc)
{
	return KT_CALL(sys_swapctl, (uint64_t)cmd, path(name), (uint64_t)misc);
}

/* => swapctl(SWAP_STATS) into OUT */
static int
stats(int64_t room)
{
	return KT_CALL(sys_swapctl, SWAP_STATS, OUT, (uint64_t)room);
}

static int
ndevices(void)
{
	KT_EQ(KT_CALL(sys_swapctl, SWAP_NSWAP), 0);
	return (int)kt_result;
}

/* => the priority of the first device, as the program is told */
static int
first_priority(void)
{
	struct swapent se = { .se_priority = -1 };

	KT_EQ(stats(1), 0);
	KT_EQ(kt_result, 1);
	KT_EQ(copyin((void *)OUT, &se, sizeof(se)), 0);
	return se.se_priority;
}

/* -- Calls --------------------------------------------------------------------- */

/* What names no device: each call has an errno of its own for it. */
KTEST(swapctl_paths)
{
	static const struct {
		const char *name;
		int on; /* [I] swapon's and swapctl's errno */
		int off; /* [I] swapoff's */
	} bad[] = {
		{ "/kt_nothing", ENOENT, ENOENT },
		{ "/kt_file", EOPNOTSUPP, EINVAL },
		{ "/", EINVAL, EINVAL },
		{ "/kt_char", EINVAL, EINVAL },
		{ "/kt_nodisk", ENXIO, EINVAL },
	};
	struct kt_user ku;
	struct bdev *bd = begin(&ku);

	make_node("/kt_file", S_IFREG | 0600, 0);
	make_node("/kt_char", S_IFCHR | 0600, bd->bd_dev);
	make_node("/kt_nodisk", S_IFBLK | 0600, makedev(4000, 0));
	for (size_t i = 0; i < nitems(bad); i++) {
		KT_EQ(swapon(bad[i].name, 0), bad[i].on);
		KT_EQ(swapoff(bad[i].name), bad[i].off);
		KT_EQ(swapctl(SWAP_ON, bad[i].name, 0), bad[i].on);
		KT_EQ(swapctl(SWAP_OFF, bad[i].name, 0), bad[i].on);
		KT_EQ(swapctl(SWAP_CTL, bad[i].name, 0), bad[i].on);
	}
	KT_EQ(KT_CALL(sys_swapon, UNMAPPED, 0), EFAULT);
	KT_EQ(KT_CALL(sys_swapoff, UNMAPPED), EFAULT);
	KT_EQ(KT_CALL(sys_swapctl, SWAP_ON, UNMAPPED, 0), EFAULT);
	unlink("/kt_file");
	unlink("/kt_char");
	unlink("/kt_nodisk");
	end(&ku);
}

KTEST(swapctl_linux)
{
	struct kt_user ku;

	begin(&ku);
	KT_EQ(ndevices(), 0);
	KT_EQ(swapon("/kt_swap", 0x40000), EINVAL);
	KT_EQ(swapoff("/kt_swap"), EINVAL);
	KT_EQ(ndevices(), 0);
	/* the higher number first there, the lower one here */
	KT_EQ(swapon("/kt_swap", PREFER | 5 | DISCARD), 0);
	KT_EQ(first_priority(), 0x7fff - 5);
	KT_EQ(swapon("/kt_swap", 0), EBUSY);
	KT_EQ(ndevices(), 1);
	KT_EQ(swapoff("/kt_swap"), 0);
	KT_EQ(ndevices(), 0);
	KT_EQ(swapon("/kt_swap", 5), 0);
	KT_EQ(first_priority(), LAST);
	KT_EQ(swapoff("/kt_swap"), 0);
	end(&ku);
}

/* 7.4: ON, OFF, CTL, NSWAP, STATS */
KTEST(swapctl_bsd)
{
	struct kt_user ku;
	struct bdev *bd = begin(&ku);
	struct swapent se;

	KT_EQ(swapctl(77, "/kt_swap", 0), EINVAL);
	KT_EQ(swapctl(SWAP_CTL, "/kt_swap", 1), ENOENT);
	KT_EQ(swapctl(SWAP_OFF, "/kt_swap", 0), ENXIO);
	KT_EQ(stats(1), 0);
	KT_EQ(kt_result, 0);
	KT_EQ(swapctl(SWAP_ON, "/kt_swap", 4), 0);
	KT_EQ(swapctl(SWAP_ON, "/kt_swap", 4), EBUSY);
	KT_EQ(stats(5), 0);
	KT_EQ(kt_result, 1);
	KT_EQ(copyin((void *)OUT, &se, sizeof(se)), 0);
	KT_EQ(se.se_dev, bd->bd_dev);
	KT_EQ(se.se_flags, SWF_INUSE | SWF_ENABLE);
	KT_EQ(se.se_nblks, (DISK_PAGES - 1) * (PAGE_SIZE / DEV_BSIZE));
	KT_EQ(se.se_inuse, 0);
	KT_EQ(se.se_priority, 4);
	KT_CHECK(strncmp(se.se_path, "/dev/", 5) == 0);
	KT_CHECK(strcmp(se.se_path + 5, bd->bd_name) == 0);
	KT_EQ(swapctl(SWAP_CTL, "/kt_swap", 9), 0);
	KT_EQ(first_priority(), 9);
	KT_EQ(stats(0), EINVAL);
	KT_EQ(stats(-1), EINVAL);
	KT_EQ(KT_CALL(sys_swapctl, SWAP_STATS, UNMAPPED, 1), EFAULT);
	KT_EQ(swapctl(SWAP_OFF, "/kt_swap", 0), 0);
	KT_EQ(ndevices(), 0);
	end(&ku);
}

/* More devices than the caller has room for. */
KTEST(swapctl_stats_some)
{
	struct kt_user ku;
	struct bdev *bd[2];
	struct swapent se[2];

	bd[0] = begin(&ku);
	bd[1] = tdisk_open(1, DISK_PAGES);
	KT_REQUIRE(bd[1] != NULL);
	KT_EQ(uvm_swap_on(bd[0], 7), 0);
	KT_EQ(uvm_swap_on(bd[1], 3), 0);
	KT_EQ(first_priority(), 3);
	KT_EQ(stats(2), 0);
	KT_EQ(kt_result, 2);
	KT_EQ(copyin((void *)OUT, se, sizeof(se)), 0);
	KT_EQ(se[0].se_priority, 3);
	KT_EQ(se[1].se_priority, 7);
	/* another order, another first one */
	KT_EQ(uvm_swap_setpriority(bd[1], 8), 0);
	KT_EQ(first_priority(), 7);
	KT_EQ(uvm_swap_off(bd[0]), 0);
	KT_EQ(uvm_swap_off(bd[1]), 0);
	tdisk_close(1);
	end(&ku);
}

/* -- Boot, size ---------------------------------------------------------------- */

/* Devices that are there go on; the rest of the list is said, and passed over. */
KTEST(swap_boot_list)
{
	struct bdev *bd[2];
	struct swapent se[2];
	char list[200];

	bd[0] = tdisk_open(0, DISK_PAGES);
	bd[1] = tdisk_open(1, DISK_PAGES);
	KT_REQUIRE(bd[0] != NULL && bd[1] != NULL);
	uvm_swap_boot(NULL);
	uvm_swap_boot("");
	uvm_swap_boot(",nosuch:3,,:5");
	/* a name that is longer than any, and begins as one does */
	snprintf(list, sizeof(list),
	    "%sxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
	    bd[0]->bd_name);
	uvm_swap_boot(list);
	KT_EQ(uvm_swap_stats(NULL, 0), 0);
	snprintf(list, sizeof(list), "%s:99999999,,/dev/%s,%s:1",
	    bd[0]->bd_name, bd[1]->bd_name, bd[0]->bd_name);
	uvm_swap_boot(list);
	KT_EQ(uvm_swap_stats(se, 2), 2);
	KT_EQ(se[0].se_dev, bd[1]->bd_dev);
	KT_EQ(se[0].se_priority, 0);
	KT_EQ(se[1].se_dev, bd[0]->bd_dev);
	KT_EQ(se[1].se_priority, 32767);
	for (u_int i = 0; i < 2; i++) {
		KT_EQ(uvm_swap_off(bd[i]), 0);
		tdisk_close(i);
	}
}

/* Of a device far larger than memory only so much is used. */
KTEST(swap_on_huge)
{
	struct bdev *bd = tdisk_open(0, DISK_PAGES);
	uint64_t size, npages = 1UL << 34;
	struct uvmexp s;

	KT_REQUIRE(bd != NULL);
	size = bd->bd_size;
	bd->bd_size = npages * (PAGE_SIZE / DEV_BSIZE);
	KT_SNAP(&s);
	KT_EQ(uvm_swap_on(bd, 0), 0);
	KT_RANGE(KT_DELTA(&s, swpages), uvmexp.npages, 64L * uvmexp.npages);
	/* its tables are at most a sixteenth; the rest is for transfers */
	KT_RANGE(-KT_DELTA(&s, free), 1, uvmexp.npages / 16 + 256);
	KT_EQ(uvm_swap_off(bd), 0);
	KT_EQ(KT_DELTA(&s, swpages), 0);
	bd->bd_size = size;
	tdisk_close(0);
}
