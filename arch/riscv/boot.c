/*
 * From locore.S to main(): the device tree, the console, memory, the pmap.
 *
 * A tree the kernel cannot use stops it here with one line on the firmware's
 * console that names the fault.
 */
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/proc.h>
#include <machine/boot.h>
#include <machine/csr.h>
#include <machine/sbi.h>
#include <lib/bootargs.h>
#include <lib/chacha20.h>
#include <lib/format.h>
#include <pmap/sv39/pmap_boot.h>
#include <uvm/uvm_extern.h>
#include <drivers/uart/uart.h>
#include "riscv.h"

char bootargs_text[FDT_MAXARGS]; /* set once, before main() */
static struct bootargs bootargs; /* set once, before main() */
static paddr_t kernel_load_pa; /* set once, before main() */

paddr_t
kernel_pa(const void *p)
{
	return (vaddr_t)p - (vaddr_t)__kernel_start + kernel_load_pa;
}

/*
 * Where the image lies, from the boot tables: leaf 1 maps its first byte.
 */
static paddr_t
kernel_load_address(void)
{
	return (boot_l1[1] >> 10 << 12) & ((1UL << 56) - 1);
}

/* -- Boot arguments ------------------------------------------------------------ */

const char *
boot_option(const char *key)
{
	return bootarg_get(&bootargs, key);
}

uint64_t
boot_option_u64(const char *key, uint64_t dflt)
{
	uint64_t value = dflt;

	if (boot_option(key) != NULL && bootarg_u64(&bootargs, key, &value))
		printf("boot: %s=%s is no number: ignored\n", key,
		    boot_option(key));
	return value;
}

int
boot_init_argv(char ***argvp)
{
	*argvp = (char **)(void *)bootargs.argv;
	return (int)bootargs.argc;
}

static void
boot_arguments(void)
{
	int error;

	strlcpy(bootargs_text, platform.bootargs, sizeof(bootargs_text));
	error = bootargs_parse(&bootargs, bootargs_text);
	cons_framed = bootarg_flag(&bootargs, "frame");
	if (error != 0)
		printf(
		    "boot: arguments: %s; the rest is ignored\n", bootargs.why);
}

/* -- Device tree ----------------------------------------------------------------- */

static void __dead
boot_tree_fault(paddr_t pa, const char *why)
{
	printf("boot: device tree at %#lx: %s\n", pa, why);
	cpu_reset(RB_PANIC);
}

/*
 * => size of the tree
 */
static size_t
boot_tree(paddr_t pa)
{
	struct fdt_range image = {
		.base = kernel_load_pa,
		.size = __kernel_end - __kernel_start,
		.name = "kernel",
	};
	const void *blob;
	const char *why;
	size_t size;

	size = boottree_map(pa, &blob, &why);
	if (size == 0)
		boot_tree_fault(pa, why);
	if (fdt_platform_read(&platform, blob, size, pa, &image, 1) != 0)
		boot_tree_fault(pa, platform.err);
	return size;
}

/* -- Messages ------------------------------------------------------------------------ */

static void
print_isa(uint64_t isa, char *buf, size_t size)
{
	static const char letters[] = "imafdqcbvh";
	static const struct {
		uint64_t bit;
		const char *name;
	} ext[] = {
		{ FDT_ISA_SSTC, "sstc" },
		{ FDT_ISA_SVINVAL, "svinval" },
		{ FDT_ISA_SVPBMT, "svpbmt" },
		{ FDT_ISA_SVNAPOT, "svnapot" },
		{ FDT_ISA_SVADU, "svadu" },
		{ FDT_ISA_SVADE, "svade" },
		{ FDT_ISA_SVVPTC, "svvptc" },
		{ FDT_ISA_ZICBOZ, "zicboz" },
		{ FDT_ISA_ZICBOM, "zicbom" },
		{ FDT_ISA_ZBB, "zbb" },
	};

	strlcpy(buf, "rv64", size);
	for (const char *l = letters; *l != '\0'; l++)
		if (isa & FDT_ISA(*l))
			strlcat(buf, (const char[]){ *l, '\0' }, size);
	for (size_t i = 0; i < nitems(ext); i++) {
		if ((isa & ext[i].bit) == 0)
			continue;
		strlcat(buf, " ", size);
		strlcat(buf, ext[i].name, size);
	}
}

static void
print_harts(unsigned long boot_hart)
{
	const struct fdt_hart *h = fdt_platform_hart(&platform, boot_hart);
	char isa[128];

	for (u_int i = 0; i < platform.nhart; i++)
		if (platform.hart[i].why != FDT_HART_USABLE)
			printf("cpu: hart %lu not used: %s\n",
			    (u_long)platform.hart[i].hartid,
			    fdt_hart_why(platform.hart[i].why));
	print_isa(platform.isa_all, isa, sizeof(isa));
	printf("cpu: %u of %u harts usable, booting on hart %lu, %s\n",
	    platform.nhart_usable, platform.nhart_total, boot_hart, isa);
	if (h == NULL || h->why != FDT_HART_USABLE)
		printf("cpu: the tree does not call boot hart %lu usable\n",
		    boot_hart);
}

static void
print_machine(void)
{
	printf("boot: %s (%s), kernel at %#lx, %lu KiB\n", platform.model,
	    platform.compatible, kernel_load_pa,
	    (u_long)(__kernel_end - __kernel_start) / 1024);
	if (bootargs_text[0] != '\0')
		printf("boot: arguments: %s\n", bootargs_text);
	sbi_print();
	for (u_int i = 0; i < MIN(platform.nwarn, FDT_MAXWARN); i++)
		printf("boot: device tree: %s\n", platform.warn[i]);
	printf("clock: %lu ticks a second, timer by %s\n",
	    (u_long)platform.timebase,
	    platform.isa_all & FDT_ISA_SSTC ? "Sstc" : "firmware");
}

/* -- Entry -------------------------------------------------------------------------------- */

/*
 * CIP-453: instruction fetch faults report an address without its sign.
 */
static bool
errata_cip453(void)
{
	return sbi_info.si_mvendorid == 0x489 &&
	    sbi_info.si_marchid == 0x8000000000000007 &&
	    sbi_info.si_mimpid >= 0x20181004 &&
	    sbi_info.si_mimpid <= 0x20191105;
}

void
riscv_init(unsigned long hartid, paddr_t fdt_pa)
{
	uint64_t entry = rdtime();
	struct cpu_info *ci = &cpu_info_store[0];
	size_t fdt_size;

	ci->ci_hartid = (uint32_t)hartid;
	ci->ci_curproc = &proc0;
	ci->ci_online = 1;
	ncpus = 1;
	sbi_init();
	cons_attach(&sbi_console);
	csr_write(stvec, trap_vector);
	errata_stval = errata_cip453();
	kernel_load_pa = kernel_load_address();

	fdt_size = boot_tree(fdt_pa);
	timer_init(
	    platform.timebase, entry, (platform.isa_all & FDT_ISA_SSTC) != 0);
	if (platform.isa_all & FDT_ISA_ZBB)
		chacha20_set_rounds(chacha20_rounds_zbb);
	boot_arguments();
	print_machine();
	print_harts(hartid);

	bootmem_init(fdt_pa, fdt_size);
	bootmem_print();
	pmap_print_features();
	reset_init();
	uart_attach(&platform.console);
	if (platform.initrd_size != 0)
		printf("initrd: %#lx, %lu KiB\n", (u_long)platform.initrd_base,
		    (u_long)platform.initrd_size / 1024);
	main();
	panic("main returned");
}
