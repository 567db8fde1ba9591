/* Traps, copies that survive faults, symbols, interrupts, time. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <machine/csr.h>
#include <machine/intr.h>
#include <uvm/uvm_page.h>
#include <arch/riscv/riscv.h>
#include <lib/chacha20.h>

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

/* What is not there is told, whichever side it is on; kcopy() knows no user. */
KTEST(arch_copy_gone)
{
	vaddr_t va = uvm_km_valloc(kernel_map, PAGE_SIZE);
	uint64_t word = 5, other = 6;

	KT_REQUIRE(va != 0);
	KT_EQ(kcopy(&word, &other, 8), 0);
	KT_EQ(other, 5);
	uvm_km_free(kernel_map, va, PAGE_SIZE);
	KT_EQ(kcopy(&word, (void *)va, 8), EFAULT);
	KT_EQ(kcopy((void *)va, &word, 8), EFAULT);
	KT_EQ(kcopy((void *)8, &word, 8), EFAULT);
	KT_EQ(kcopy(&word, (void *)8, 8), EFAULT);
	KT_EQ(word, 5);
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

/*
 * Each interrupt counts once.  They wait while they are off, at least the tick
 * of the clock; how many there are the hart tells.  One more may come while
 * they are on, and one that wakes the timers settles the tick's affair: hardly
 * in every round.
 */
KTEST(arch_interrupt_counted)
{
	int before, exact = 0, n = 0;
	u_long s, pending;

	kt_pin(curcpu()->ci_index);
	for (int i = 0; i < 20; i++) {
		uint64_t end = nsecuptime() + 5000000000UL;

		s = intr_disable();
		before = curcpu()->ci_uvmexp.intrs;
		do
			pending = csr_read(sip) & csr_read(sie);
		while ((pending & SIE_STIE) == 0 && nsecuptime() < end);
		KT_EQ(curcpu()->ci_uvmexp.intrs, before);
		intr_restore(s);
		/* an emulator may show it pending before it comes */
		while (
		    curcpu()->ci_uvmexp.intrs == before && nsecuptime() < end)
			cpu_spinwait();
		s = intr_disable();
		n = curcpu()->ci_uvmexp.intrs - before;
		intr_restore(s);
		KT_CHECK((pending & SIE_STIE) != 0);
		KT_CHECK(n > 0);
		exact += n == __builtin_popcountl(pending);
	}
	kt_unpin();
	KT_CHECK(exact > 0);
}

/*
 * zeroaborts: who becomes runnable while the idle loop zeroes a page does not
 * wait for the rest of it.  (What was left undone is not taken for zeroed:
 * page_alloc_zero and the auditor look.)
 */
KTEST(arch_idle_zero_given_up)
{
	struct pglist dirty;
	struct vm_page *pg;
	struct uvmexp s;
	int moved = 0;

	KT_SNAP(&s);
	for (int i = 0; i < 400 && moved == 0; i++) {
		/* work for the idle loop, for about as many microseconds */
		TAILQ_INIT(&dirty);
		for (int k = 0; k < 200; k++) {
			pg = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_ZERO);
			if (pg != NULL)
				TAILQ_INSERT_TAIL(&dirty, pg, pageq);
		}
		uvm_pglistfree(&dirty);
		(void)tsleep(&dirty, PWAIT, "zeroing", 20000 + 1001 * i);
		moved = KT_DELTA(&s, zeroaborts);
	}
	KT_RANGE(moved, 1, ncpus);
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

/* -- The image: uvm_kernacc, uvm_chgkprot (UVM-API.md 1.11) ---------------------- */

static const char image_rodata[] = "may be read only";
static uint64_t image_data = 1;

/* T-uvm_kernacc-2 */
KTEST(uvm_kernacc_image)
{
	caddr_t ro = (caddr_t)(uintptr_t)image_rodata;
	caddr_t text = (caddr_t)(uintptr_t)uvm_map;

	KT_CHECK(uvm_kernacc(ro, sizeof(image_rodata), B_READ));
	KT_CHECK(!uvm_kernacc(ro, sizeof(image_rodata), B_WRITE));
	KT_CHECK(uvm_kernacc((caddr_t)&image_data, 8, B_WRITE));
	KT_CHECK(uvm_kernacc(text, 4, B_READ));
	KT_CHECK(!uvm_kernacc(text, 4, B_WRITE));
}

#ifdef KGDB
static void
store_word(void *arg)
{
	*(volatile uint64_t *)arg = 42;
}

/*
 * T-uvm_chgkprot-1.  On a page of the image: the pager would give the right
 * back to pageable memory, at the first fault.
 */
KTEST(uvm_chgkprot_image)
{
	static uint64_t page[PAGE_SIZE / 8] __aligned(PAGE_SIZE);
	caddr_t va = (caddr_t)page;

	page[1] = 0;
	KT_CHECK(uvm_chgkprot(va + 8, 8, B_READ) == TRUE);
	KT_PANICS(store_word, &page[1], "");
	KT_EQ(*(volatile uint64_t *)&page[1], 0);
	KT_CHECK(uvm_chgkprot(va, PAGE_SIZE, B_WRITE) == TRUE);
	store_word(&page[1]);
	KT_EQ(*(volatile uint64_t *)&page[1], 42);
}

/* On a page of its own, so that nothing else changes with it. */
static int __noinline __aligned(4) breakable(int x)
{
	return x + 1;
}

/* T-uvm_chgkprot-2: here a return in place of a breakpoint */
KTEST(uvm_chgkprot_text)
{
	int (*volatile fn)(int) = breakable;
	uint16_t *code = (uint16_t *)breakable, saved = *code;

	KT_EQ(fn(1), 2);
	KT_REQUIRE(uvm_chgkprot((caddr_t)code, 2, B_WRITE) == TRUE);
	*(volatile uint16_t *)code = 0x8082; /* c.ret: the argument as it is */
	KT_CHECK(uvm_chgkprot((caddr_t)code, 2, B_READ) == TRUE);
	KT_EQ(fn(1), 1);
	KT_PANICS(store_word, code, "");
	KT_REQUIRE(uvm_chgkprot((caddr_t)code, 2, B_WRITE) == TRUE);
	*(volatile uint16_t *)code = saved;
	KT_CHECK(uvm_chgkprot((caddr_t)code, 2, B_READ) == TRUE);
	KT_EQ(fn(1), 2);
}
#endif

/* Whatever way was chosen at boot gives what the plain one does. */
KTEST(arch_chacha20_rounds)
{
	struct chacha20 c;
	uint32_t out[16], x[16];
	int bad = 0;

	for (int i = 0; i < 1000; i++) {
		for (int j = 0; j < 16; j++)
			c.state[j] = (uint32_t)kt_random();
		chacha20_rounds_generic(c.state, x);
		chacha20_block(&c, (uint8_t *)out);
		bad += memcmp(out, x, sizeof(x)) != 0;
	}
	KT_EQ(bad, 0);
}
