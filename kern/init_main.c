/*
 * main(): from the first thread with memory to the first program.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/disk.h>
#include <sys/ktest.h>
#include <sys/ktrace.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <sys/mount.h>
#include <sys/vnode.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <drivers/virtio/virtio.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_swap.h>

#ifndef VERSION
#define VERSION "unversioned"
#endif

int cold = 1;

static void
print_banner(void)
{
	printf("uvm %s for riscv64, %s\n", VERSION,
#ifdef DEBUG
	    "debug build"
#else
	    "release build"
#endif
	);
	printf("memory: %d pages of %d bytes, %ld free\n", uvmexp.npages,
	    uvmexp.pagesize, uvm_free_count());
}

static void
find_disks(void)
{
	bio_init();
	virtio_attach_all(platform.virtio, platform.nvirtio);
	disk_make_nodes();
}

/*
 * The thread that starts the rest: proc0 must never wait for what it is to
 * provide as the swapper.
 */
static void
run_tests(void *arg)
{
	vfs_root();
	ktest_main(arg);
}

static void
start_user(void)
{
	const char *ktest = boot_option("ktest");
	uint64_t us;

	if (ktest != NULL) {
		if (kthread_create(run_tests, (void *)(uintptr_t)ktest, NULL,
			"ktests") != 0)
			panic("no memory for the tests");
		return;
	}
	start_init();
	us = nsecuptime() / 1000;
	printf("boot: %lu.%06lu s to init, %ld of %d pages free\n",
	    (u_long)(us / 1000000), (u_long)(us % 1000000), uvm_free_count(),
	    uvmexp.npages);
}

/*
 * => boot hart, tp = &proc0, on the boot stack, interrupts off; the console
 *    talks, the page layer knows its memory, the kernel's tables are in use
 */
void
main(void)
{
	ktrace_cpu_prepare(curcpu());
	kmem_init();
	timeout_init();
	uvm_init();
	sched_init();
	print_banner();
	proc_init();
	cpu_configure();
	random_init();
	vfs_root_early();
	find_disks();
	cpu_start_all();
	sched_start_threads();
	uvm_start_daemons();
	mount_start_thread();
	uvm_swap_init();
	uvm_swap_boot(boot_option("swap"));
	cold = 0;
	start_user();
	uvm_scheduler();
}
