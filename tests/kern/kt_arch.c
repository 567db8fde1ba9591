/* Traps, copies that survive faults, symbols, interrupts, time. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <machine/intr.h>
#include <arch/riscv/riscv.h>

/* Every pair of alignments, lengths around the steps of the copy loops. */
KTEST(arch_copy_alignments)
{
	static uint8_t src[256], dst[256];
	size_t bad = 0;

	for (size_t i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)kt_random();
	for (size_t s = 0; s < 9; s++) {
		for (size_t d = 1; d < 10; d++) {
			for (size_t n = 0; n < 200; n += n < 80 ? 1 : 7) {
				memset(dst, 0x5a, sizeof(dst));
				bad += kcopy_nofault(src + s, dst + d, n) != 0;
				bad += memcmp(src + s, dst + d, n) != 0;
				bad += dst[d - 1] != 0x5a || dst[d + n] != 0x5a;
			}
		}
	}
	KT_EQ(bad, 0);
}

KTEST(arch_copy_bad_addresses)
{
	static const u_long bad[] = { 0, 8, 0x3fffffff000, VM_MAXUSER_ADDRESS,
		1UL << 38, 1UL << 39, 0x8000000000000000, KDMAP_BASE,
		KVA_BASE + KVA_SIZE - 8, ~7UL };
	struct mutex mtx = MUTEX_INITIALIZER(LR_NONE, "kt");
	uint64_t word = 1;

	for (size_t i = 0; i < nitems(bad); i++) {
		KT_EQ(kcopy_nofault((void *)bad[i], &word, 8), EFAULT);
		KT_EQ(kcopy_nofault(&word, (void *)bad[i], 8), EFAULT);
	}
	/* constants and text are not written, and a mutex does not matter */
	mtx_enter(&mtx);
	KT_EQ(kcopy_nofault(&word, (void *)(vaddr_t)bad, 8), EFAULT);
	KT_EQ(kcopy_nofault(&word, (void *)(vaddr_t)main, 8), EFAULT);
	KT_EQ(kcopy_nofault((void *)(vaddr_t)main, &word, 8), 0);
	mtx_leave(&mtx);
	KT_EQ(kcopy_nofault(&word, NULL, 0), 0);
}

/* User copies refuse kernel addresses without touching them. */
KTEST(arch_copy_user_checks)
{
	uint64_t word = 7, other = 9;
	uint32_t w32 = 7;
	size_t len;
	char c;

	KT_EQ(copyin(&word, &other, 8), EFAULT);
	KT_EQ(copyout(&word, &other, 8), EFAULT);
	KT_EQ(other, 9);
	KT_EQ(copyin((void *)8, &other, 1UL << 38), EFAULT);
	KT_EQ(copyin((void *)8, &other, ~0UL), EFAULT);
	KT_EQ(copyin((void *)((1UL << 38) - 8), &other, 16), EFAULT);
	KT_EQ(copyinstr(&word, &c, 1, NULL), EFAULT);
	KT_EQ(copyinstr((void *)8, &c, 0, &len), ENAMETOOLONG);
	KT_EQ(len, 0);
	KT_EQ(copyin32(&w32, &w32), EFAULT);
	KT_EQ(copyin32((uint32_t *)0x1002, &w32), EFAULT);
	KT_EQ(copyout32(1, &w32), EFAULT);
	KT_EQ(ucas32(&w32, &w32, 2), EFAULT);
	KT_EQ(w32, 7);
}

KTEST(arch_symbols)
{
	u_long off = 1;
	const char *name = ksym_lookup((vaddr_t)copy_begin, &off);

	KT_REQUIRE(name != NULL);
	KT_EQ(off, 0);
	name = ksym_lookup((vaddr_t)cpu_switchto + 4, &off);
	KT_REQUIRE(name != NULL);
	KT_EQ(strcmp(name, "cpu_switchto"), 0);
	KT_EQ(off, 4);
	KT_CHECK(ksym_lookup(KERNEL_LINK_BASE, &off) == NULL);
	KT_CHECK(ksym_lookup(0, &off) == NULL);
	KT_CHECK(ksym_lookup((vaddr_t)&off, &off) == NULL);
}

static void
never_called(void *arg)
{
	panic("interrupt nobody raised");
}

KTEST(arch_intr_establish)
{
	uint32_t top;

	if (platform.nplic == 0) {
		kt_skip("no interrupt controller");
		return;
	}
	top = platform.plic[0].ndev;
	KT_EQ(intr_establish(0, 0, never_called, NULL), ENXIO);
	KT_EQ(intr_establish(top + 1, 0, never_called, NULL), ENXIO);
	KT_EQ(intr_establish(1, FDT_NOINTC, never_called, NULL), ENXIO);
	KT_EQ(
	    intr_establish(1, (int)platform.nplic, never_called, NULL), ENXIO);
	KT_EQ(intr_establish(top, 0, never_called, NULL), 0);
	KT_EQ(intr_establish(top, 0, never_called, NULL), EBUSY);
	intr_disestablish(top, 0);
	KT_EQ(intr_establish(top, 0, never_called, NULL), 0);
	intr_disestablish(top, 0);
}

/* Interrupts between harts arrive, also when several are asked for at once. */
KTEST(arch_ipi)
{
	struct cpu_info *ci;

	if (ncpus == 1) {
		kt_skip("one hart");
		return;
	}
	CPU_FOREACH (ci) {
		uint64_t end = nsecuptime() + 5000000000UL;

		if (ci == curcpu())
			continue;
		for (int i = 0; i < 3; i++)
			cpu_ipi(ci, IPI_TIMER);
		cpu_ipi(ci, IPI_FENCEI);
		while (atomic_load(&ci->ci_ipi) != 0 && nsecuptime() < end)
			yield();
		KT_EQ(ci->ci_ipi, 0);
	}
}

/*
 * A trap counts, an ecall of the kernel's own services does not.
 */
KTEST(arch_trap_counted)
{
	int before, after;
	uint64_t word;

	kt_pin(curcpu()->ci_index);
	before = curcpu()->ci_uvmexp.traps;
	for (int i = 0; i < 5; i++)
		KT_EQ(kcopy_nofault((void *)8, &word, 8), EFAULT);
	after = curcpu()->ci_uvmexp.traps;
	kt_unpin();
	KT_EQ(after - before, 5);
}

static void
wild_read(void *arg)
{
	(void)*(volatile int *)arg;
}

/* Only copy.S may touch user addresses. */
KTEST(arch_wild_access_panics)
{
	KT_PANICS(wild_read, (void *)0x1000, "page fault");
	KT_PANICS(wild_read, (void *)KERNEL_LINK_BASE, "page fault");
}
