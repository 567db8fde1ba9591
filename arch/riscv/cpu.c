/* Harts: starting them, interrupting them, waiting, stopping the machine. */
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/boot.h>
#include <machine/csr.h>
#include <machine/sbi.h>
#include <pmap/pmap.h>
#include <pmap/sv39/pmap_boot.h>
#include <pmap/sv39/pmap_hw.h>
#include <uvm/uvm_extern.h>
#include <drivers/uart/uart.h>
#include "riscv.h"

#define HART_START_NSEC 3000000000UL /* a loaded emulator host is slow */
#define TESTDEV_FAIL    0x3333 /* and the exit code in the upper half */
#define TESTDEV_PANIC   70

struct cpu_info cpu_info_store[MAXCPUS]; /* see struct cpu_info */
u_int ncpus; /* written by the boot hart before start_init() */

static struct hart_start hart_starts[FDT_MAXHARTS]; /* by index in the tree */

/* Set once by reset_init(): registers that stop the machine, or NULL. */
static volatile uint32_t *testdev_reg, *poweroff_reg, *reboot_reg;

/* -- Interrupts between harts ------------------------------------------------- */

void
cpu_ipi(struct cpu_info *ci, uint32_t reason)
{
	/* A reason already there has an interrupt under way. */
	if ((atomic_or_acq_rel(&ci->ci_ipi, reason) & reason) != reason)
		sbi_send_ipi(ci->ci_hartid);
}

static void
hart_park(void)
{
	intr_disable();
	csr_write(sie, 0);
	for (;;)
		__asm__ volatile("wfi");
}

void
ipi_interrupt(struct cpu_info *ci, bool usermode)
{
	uint32_t reasons;

	csr_clear(sip, SIE_SSIE);
	reasons = atomic_swap_acq_rel(&ci->ci_ipi, 0);
	if (reasons & IPI_HALT)
		hart_park();
	if (reasons & IPI_FENCEI)
		pmap_hw_fencei();
	if (reasons & IPI_PMAP)
		pmap_ipi();
	if (reasons & IPI_TIMER)
		clock_ipi();
	/* An idle hart looks at its queue anyway when it wakes. */
	if ((reasons & IPI_RESCHED) && ci->ci_curproc != ci->ci_idleproc)
		ci->ci_resched = 1;
}

void
cpu_idle(void)
{
	__asm__ volatile("wfi" ::: "memory");
	intr_enable();
	intr_disable();
}

/* -- Start ----------------------------------------------------------------------- */

void
cpu_configure(void)
{
	struct cpu_info *ci = curcpu();

	plic_init();
	plic_cpu_init(ci);
	uart_enable_intr();
	rtc_init();
	random_add(platform.seed, platform.seedlen);
	memset(platform.seed, 0, sizeof(platform.seed));
	csr_set(sie, SIE_SSIE);
	timer_cpu_init();
	clock_cpu_start();
	intr_enable();
}

void
cpu_hatch(struct hart_start *hs)
{
	struct cpu_info *ci = hs->hs_cpu;
	uint32_t waiting = HS_WAITING;

	if (!atomic_cas(&hs->hs_state, &waiting, HS_ARRIVED))
		hart_park();
	while (atomic_load_acq(&hs->hs_state) != HS_GO)
		cpu_spinwait();
	pmap_cpu_init(ci);
	plic_cpu_init(ci);
	csr_set(sie, SIE_SSIE);
	timer_cpu_init();
	sched_cpu_start(ci);
}

/*
 * => true: the hart has arrived and counts
 */
static bool
hart_wait(struct hart_start *hs)
{
	uint64_t end = nsecuptime() + HART_START_NSEC;
	uint32_t state = HS_WAITING;

	while (atomic_load_acq(&hs->hs_state) == HS_WAITING)
		if (nsecuptime() > end &&
		    atomic_cas(&hs->hs_state, &state, HS_ABANDONED))
			return false;
	hs->hs_cpu->ci_online = 1;
	ncpus++;
	atomic_store_rel(&hs->hs_state, HS_GO);
	return true;
}

/*
 * Start one hart as the next cpu_info.  If it does not come, that cpu_info goes
 * to the next hart, idle thread and all: the lost one has its own hart_start,
 * which tells it to stay away.
 */
static bool
hart_launch(
    struct cpu_info *ci, struct hart_start *hs, const struct fdt_hart *h)
{
	const void *entry;
	long error;

	ci->ci_hartid = (uint32_t)h->hartid;
	ci->ci_index = ncpus;
	if (ci->ci_idleproc == NULL) {
		sched_cpu_prepare(ci);
		uvm_cpu_prepare(ci);
	}
	hs->hs_satp = pmap_kernel_satp();
	hs->hs_proc = ci->ci_idleproc;
	hs->hs_sp = ci->ci_idleproc->p_kstack;
	hs->hs_self = hs;
	hs->hs_cpu = ci;
	atomic_store(&hs->hs_state, HS_WAITING);
	atomic_store(&boot_starting[0], kernel_pa(hs));
	atomic_store_rel(&boot_starting[1], h->hartid);
	membar_sync();
	/* startentry=image: as if the firmware lost the address (locore.S) */
	entry = boot_option("startentry") != NULL ? __kernel_start : hart_entry;
	error = sbi_hart_start(h->hartid, kernel_pa(entry), kernel_pa(hs));
	if (error != SBI_SUCCESS) {
		printf("cpu: hart %lu: the firmware cannot start it (%ld)\n",
		    (u_long)h->hartid, error);
		return false;
	}
	if (!hart_wait(hs)) {
		printf("cpu: hart %lu did not arrive, left offline\n",
		    (u_long)h->hartid);
		return false;
	}
	return true;
}

void
cpu_start_all(void)
{
	uint64_t max = boot_option_u64("maxcpus", MAXCPUS);

	for (u_int i = 0; i < platform.nhart; i++) {
		const struct fdt_hart *h = &platform.hart[i];

		if (h->why != FDT_HART_USABLE ||
		    h->hartid == cpu_info_store[0].ci_hartid)
			continue;
		if (ncpus >= MAXCPUS || ncpus >= max) {
			printf("cpu: hart %lu left offline: %u harts run\n",
			    (u_long)h->hartid, ncpus);
			continue;
		}
		hart_launch(&cpu_info_store[ncpus], &hart_starts[i], h);
	}
	printf("cpu: %u hart%s running\n", ncpus, ncpus == 1 ? "" : "s");
}

/* -- Stop ----------------------------------------------------------------------------- */

static volatile uint32_t *
syscon_map(const struct fdt_syscon *sc)
{
	paddr_t page = trunc_page(sc->addr);

	if (sc->addr == 0)
		return NULL;
	return (volatile uint32_t *)((vaddr_t)pmap_mapdev(page, PAGE_SIZE) +
	    (sc->addr - page));
}

void
reset_init(void)
{
	if (platform.test.base != 0)
		testdev_reg = pmap_mapdev(platform.test.base, PAGE_SIZE);
	poweroff_reg = syscon_map(&platform.poweroff);
	reboot_reg = syscon_map(&platform.reboot);
}

static void
syscon_fire(volatile uint32_t *reg, const struct fdt_syscon *sc)
{
	if (reg != NULL)
		*reg = (*reg & ~sc->mask) | (sc->value & sc->mask);
}

/*
 * The firmware knows best how; a board whose firmware does not has registers
 * in its tree, or is left waiting for someone to turn it off.
 */
void
cpu_reset(int howto)
{
	intr_disable();
	switch (howto) {
	case RB_PANIC:
		if (testdev_reg != NULL)
			*testdev_reg = TESTDEV_PANIC << 16 | TESTDEV_FAIL;
		sbi_system_reset(SBI_SRST_SHUTDOWN, 1);
		syscon_fire(poweroff_reg, &platform.poweroff);
		break;
	case RB_POWEROFF:
		sbi_system_reset(SBI_SRST_SHUTDOWN, 0);
		syscon_fire(poweroff_reg, &platform.poweroff);
		break;
	case RB_REBOOT:
		sbi_system_reset(SBI_SRST_COLDREBOOT, 0);
		syscon_fire(reboot_reg, &platform.reboot);
		break;
	}
	sbi_puts("halted: the machine may be turned off\r\n");
	for (;;)
		hart_park();
}
