/*
 * The platform table: what it holds for every tree in dts/, and the one line
 * a broken tree gets.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "klib.h"
#include <lib/fdt_platform.h>

#include "test.h"

#define TREE_PA 0x8fe00000 /* where boot would have found the tree */

static struct fdt_platform p; /* under test */
static size_t tree_size; /* of the tree read last */

static int
read_tree(const char *name, uint64_t pa, const struct fdt_range *caller,
    unsigned int ncaller)
{
	char path[300];
	uint8_t *blob;
	int error;

	snprintf(path, sizeof(path), "%s/%s.dtb", DTB_DIR, name);
	blob = test_read_file(path, &tree_size);
	memset(&p, 0xa5, sizeof(p)); /* nothing may be left unset */
	error = fdt_platform_read(&p, blob, tree_size, pa, caller, ncaller);
	/* and nothing may point into the tree */
	memset(blob, 0xff, tree_size);
	free(blob);
	if (error != 0)
		test_note("%s: %s", name, p.err);
	return error;
}

static void
range(const struct fdt_range *r, uint64_t base, uint64_t size)
{
	CHECK_EQ(r->base, base);
	CHECK_EQ(r->size, size);
}

static uint64_t
pages_out(uint64_t size)
{
	return (size + 4095) & ~(uint64_t)4095;
}

/*
 * What must hold of every table: order, disjointness, alignment, and that
 * usable is memory without what is reserved, page by page.
 */
static bool
in(const struct fdt_range *r, unsigned int n, uint64_t page)
{
	for (; n > 0; n--, r++)
		if (page + 4095 >= r->base && page <= r->base + (r->size - 1))
			return true;
	return false;
}

static void
check_page(uint64_t page)
{
	bool usable = in(p.usable, p.nusable, page);
	unsigned int i;
	bool nomap = false;

	CHECK_EQ(usable, in(p.mem, p.nmem, page) && !in(p.rsv, p.nrsv, page));
	for (i = 0; i < p.nrsv; i++)
		if (p.rsv[i].nomap && in(&p.rsv[i], 1, page))
			nomap = true;
	CHECK_EQ(in(p.nomap, p.nnomap, page), nomap);
}

static void
check_list(const struct fdt_range *r, unsigned int n, bool disjoint)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		CHECK(r[i].size > 0);
		if (i > 0)
			CHECK(r[i].base >=
			    r[i - 1].base + (disjoint ? r[i - 1].size : 0));
		if (disjoint)
			CHECK(((r[i].base | r[i].size) & 4095) == 0);
		CHECK(memchr(r[i].name, '\0', sizeof(r[i].name)) != NULL);
	}
}

static void
check_edges(const struct fdt_range *r, unsigned int n)
{
	unsigned int i;
	int d;

	for (i = 0; i < n; i++) {
		for (d = -2; d <= 2; d++) {
			check_page((r[i].base & ~4095ull) + d * 4096);
			check_page(
			    ((r[i].base + r[i].size) & ~4095ull) + d * 4096);
		}
	}
}

static void
check_table(void)
{
	check_list(p.mem, p.nmem, true);
	check_list(p.usable, p.nusable, true);
	check_list(p.nomap, p.nnomap, true);
	check_list(p.rsv, p.nrsv, false);
	check_edges(p.mem, p.nmem);
	check_edges(p.rsv, p.nrsv);
	check_edges(p.usable, p.nusable);
}

static void
good(const char *name)
{
	static const struct fdt_range caller[] = {
		{ .base = 0x80200000, .size = 0x123456, .name = "kernel" },
		{ .base = 0, .size = 0, .name = "nothing" },
	};

	CHECK_EQ(read_tree(name, TREE_PA, caller, 2), 0);
	CHECK_STR(p.err, "");
	check_table();
}

static void
warned(const char *text)
{
	unsigned int i;

	for (i = 0; i < p.nwarn && i < FDT_MAXWARN; i++)
		if (strstr(p.warn[i], text) != NULL)
			return;
	test_note("no warning with \"%s\"", text);
	CHECK(false);
}

static void
no_warnings(void)
{
	if (p.nwarn > 0)
		test_note("%s", p.warn[0]);
	CHECK_EQ(p.nwarn, 0);
}

TEST(platform_qemu_virt)
{
	unsigned int i;

	good("qemu-virt");
	no_warnings();
	CHECK_STR(p.model, "riscv-virtio,qemu");
	CHECK_STR(p.compatible, "riscv-virtio");
	CHECK_EQ(p.timebase, 10000000);
	CHECK_EQ(p.seedlen, 32);
	CHECK_EQ(p.nmem, 1);
	range(&p.mem[0], 0x80000000, 0x10000000);
	CHECK_STR(p.mem[0].name, "memory@80000000");
	CHECK_EQ(p.nrsv, 2);
	CHECK_STR(p.rsv[0].name, "kernel");
	CHECK_STR(p.rsv[1].name, "fdt");
	CHECK_EQ(p.nusable, 3);
	range(&p.usable[0], 0x80000000, 0x200000);
	range(&p.usable[1], 0x80324000, TREE_PA - 0x80324000);
	range(&p.usable[2], TREE_PA + pages_out(tree_size),
	    0x90000000 - TREE_PA - pages_out(tree_size));
	CHECK_EQ(p.nnomap, 0);

	CHECK_EQ(p.nhart, 4);
	CHECK_EQ(p.nhart_total, 4);
	CHECK_EQ(p.nhart_usable, 4);
	CHECK((p.isa_all & FDT_ISA_SSTC) != 0);
	CHECK((p.isa_all & FDT_ISA('h')) != 0);
	CHECK_EQ(p.nplic, 1);
	CHECK_EQ(p.plic[0].base, 0xc000000);
	CHECK_EQ(p.plic[0].size, 0x600000);
	CHECK_EQ(p.plic[0].ndev, 96);
	CHECK_EQ(p.plic[0].nctx, 8);
	for (i = 0; i < 4; i++) {
		CHECK_EQ(p.hart[i].hartid, i);
		CHECK_EQ(fdt_plic_context(&p.plic[0], i), 2 * i + 1);
		CHECK_EQ(p.plic[0].ctx[2 * i].mode, FDT_CTX_M);
		CHECK_EQ(p.plic[0].ctx[2 * i].hartid, i);
	}
	CHECK_EQ(fdt_plic_context(&p.plic[0], 4), -1);
	CHECK_EQ(p.console.kind, FDT_UART_NS16550);
	CHECK_EQ(p.console.dev.base, 0x10000000);
	CHECK_EQ(p.console.dev.size, 0x100);
	CHECK_EQ(p.console.dev.irq, 10);
	CHECK_EQ(p.console.dev.plic, 0);
	CHECK_EQ(p.console.reg_shift, 0);
	CHECK_EQ(p.console.reg_io_width, 1);
	CHECK_EQ(p.console.clock, 3686400);
	CHECK_EQ(p.nvirtio, 8);
	for (i = 0; i < 8; i++) {
		CHECK_EQ(p.virtio[i].base, 0x10001000 + i * 0x1000);
		CHECK_EQ(p.virtio[i].irq, i + 1);
		CHECK_EQ(p.virtio[i].plic, 0);
	}
	CHECK_EQ(p.rtc.base, 0x101000);
	CHECK_EQ(p.rtc.irq, 11);
	CHECK_EQ(p.test.base, 0x100000);
	CHECK_EQ(p.poweroff.addr, 0x100000);
	CHECK_EQ(p.poweroff.value, 0x5555);
	CHECK_EQ(p.poweroff.mask, 0xffffffff);
	CHECK_EQ(p.reboot.value, 0x7777);
	CHECK(!p.has_boot_hartid);
	CHECK_EQ(p.initrd_size, 0);
	CHECK_STR(p.bootargs, "");
}

TEST(platform_qemu_numa)
{
	good("qemu-virt-numa");
	CHECK_EQ(p.nmem, 2); /* they touch, but are two nodes */
	range(&p.mem[0], 0x80000000, 0x8000000);
	range(&p.mem[1], 0x88000000, 0x8000000);
	CHECK_EQ(p.mem[0].numa, 0);
	CHECK_EQ(p.mem[1].numa, 1);
	CHECK_EQ(p.hart[0].numa, 0);
	CHECK_EQ(p.hart[3].numa, 1);
	CHECK_EQ(p.usable[p.nusable - 1].numa, 1);
}

TEST(platform_qemu_sifive_u)
{
	good("qemu-sifive-u");
	CHECK_EQ(p.nhart, 5);
	CHECK_EQ(p.hart[0].why, FDT_HART_NOMMU);
	CHECK_EQ(p.nhart_usable, 4);
	CHECK_EQ(p.timebase, 1000000);
	CHECK_EQ(p.console.kind, FDT_UART_SIFIVE);
	CHECK_EQ(p.console.dev.base, 0x10010000);
	CHECK_EQ(p.console.dev.irq, 4);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 0), -1);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 1), 2);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 4), 8);
	CHECK_EQ(p.nvirtio, 0);
}

TEST(platform_visionfive2)
{
	unsigned int i;

	CHECK_EQ(read_tree("visionfive2", 0x46000000, NULL, 0), 0);
	check_table();
	no_warnings();
	CHECK_STR(p.bootargs, "root=/dev/mmcblk1p3 -- /bin/sh");
	CHECK(p.has_boot_hartid);
	CHECK_EQ(p.boot_hartid, 3);
	CHECK_EQ(p.timebase, 4000000);
	range(&p.mem[0], 0x40000000, 0x100000000);
	CHECK_EQ(p.initrd_base, 0x46100000);
	CHECK_EQ(p.initrd_size, 0x23456);
	CHECK_EQ(p.nnomap, 1); /* two that touch */
	range(&p.nomap[0], 0x40000000, 0x60000);
	range(&p.usable[0], 0x40060000, 0x46000000 - 0x40060000);
	range(&p.usable[p.nusable - 1], 0x46124000, 0x140000000 - 0x46124000);
	CHECK_EQ(p.nhart, 5);
	CHECK_EQ(p.hart[0].why, FDT_HART_DISABLED);
	for (i = 1; i < 5; i++)
		CHECK_EQ(p.hart[i].why, FDT_HART_USABLE);
	CHECK_EQ(p.isa_all,
	    FDT_ISA('i') | FDT_ISA('m') | FDT_ISA('a') | FDT_ISA('f') |
		FDT_ISA('d') | FDT_ISA('c') | FDT_ISA_ZBB);
	CHECK_EQ(p.plic[0].nctx, 9);
	CHECK_EQ(p.plic[0].ndev, 136);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 0), -1);
	for (i = 1; i < 5; i++)
		CHECK_EQ(fdt_plic_context(&p.plic[0], i), 2 * i);
	CHECK_EQ(p.plic[0].ctx[0].mode, FDT_CTX_NONE);
	CHECK_EQ(p.plic[0].ctx[0].hartid, 0);
	CHECK_EQ(p.console.kind, FDT_UART_DW_APB);
	CHECK_EQ(p.console.reg_shift, 2);
	CHECK_EQ(p.console.reg_io_width, 4);
	CHECK_EQ(p.console.baud, 115200);
	CHECK_EQ(p.console.clock, 24000000);
	CHECK_EQ(p.console.dev.irq, 32);
	CHECK_STR(p.console.name, "serial@10000000");
}

TEST(platform_unleashed)
{
	good("unleashed");
	no_warnings();
	CHECK_EQ(p.nhart_usable, 4);
	CHECK_EQ(p.hart[0].why, FDT_HART_DISABLED);
	range(&p.mem[0], 0x80000000, 0x200000000);
	range(&p.nomap[0], 0x80000000, 0x60000);
	CHECK_EQ(p.console.kind, FDT_UART_SIFIVE);
	CHECK_EQ(p.console.dev.irq, 4);
	CHECK_EQ(p.console.dev.plic, 0);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 3), 6);
}

TEST(platform_unmatched)
{
	good("unmatched");
	no_warnings();
	CHECK_EQ(p.timebase, 1000000);
	CHECK_EQ(p.hart[0].why, FDT_HART_NOMMU);
	CHECK_EQ(p.console.dev.irq, 39);
	CHECK_EQ(p.console.baud, 115200);
	CHECK_EQ(p.plic[0].ctx[0].mode, FDT_CTX_M);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 4), 8);
}

TEST(platform_icicle)
{
	good("icicle");
	no_warnings();
	CHECK_EQ(p.nmem, 2);
	range(&p.mem[0], 0x80000000, 0x40000000);
	range(&p.mem[1], 0x1040000000, 0x40000000);
	range(&p.nomap[0], 0xbfc00000, 0x400000);
	CHECK_EQ(p.console.kind, FDT_UART_NS16550);
	CHECK_EQ(p.console.dev.base, 0x20100000);
	CHECK_EQ(p.console.reg_shift, 2);
	CHECK_EQ(p.console.dev.irq, 91);
}

TEST(platform_mixed)
{
	good("nasty-mixed");
	CHECK_EQ(p.nmem, 3);
	range(&p.mem[0], 0x80000000, 0x9000000); /* two nodes that touch */
	range(&p.mem[1], 0x90000000, 0x8000000);
	range(&p.mem[2], 0x100000000, 0x1000000);
	CHECK_EQ(p.mem[2].numa, 1);
	range(&p.usable[0], 0x80001000, 0x80100000 - 0x80001000);
	range(&p.usable[1], 0x80103000, 0x80200000 - 0x80103000);
	CHECK_EQ(p.nnomap, 3);
	range(&p.nomap[0], 0x70000000, 0x100000);
	range(&p.nomap[1], 0x80000000, 0x1000);
	range(&p.nomap[2], 0x80100000, 0x3000);
	CHECK_EQ(p.initrd_base, 0x90000800);
	CHECK_EQ(p.initrd_size, 0x1001);
	CHECK_EQ(p.nplic, 2);
	CHECK_EQ(fdt_plic_context(&p.plic[0], 0), 1);
	CHECK_EQ(fdt_plic_context(&p.plic[1], 0), 2);
	CHECK_EQ(p.plic[1].ctx[1].mode, FDT_CTX_S);
	CHECK_EQ(p.plic[1].ctx[1].hartid, UINT64_MAX);
	CHECK_EQ(p.console.dev.base, 0x10000100);
	CHECK_EQ(p.console.dev.plic, 1);
	CHECK_EQ(p.console.baud, 9600);
	/* one outside every window, one on a dead bus */
	CHECK_EQ(p.nvirtio, 2);
	warned("/bus@10000000/virtio@900000: unusable reg");
	CHECK_EQ(p.virtio[0].base, 0x10001000);
	CHECK_EQ(p.virtio[0].irq, 4);
	CHECK_EQ(p.virtio[0].plic, 1);
	CHECK_EQ(p.virtio[1].base, 0x2000001000);
	CHECK_EQ(p.virtio[1].irq, 3);
	CHECK_EQ(p.virtio[1].plic, 0);
	CHECK_EQ(p.poweroff.addr, 0x10002010);
	CHECK_EQ(p.poweroff.value, 0x55);
	CHECK_EQ(p.poweroff.mask, 0xffffffff);
	CHECK_EQ(p.reboot.addr, 0x10002ffc);
	CHECK_EQ(p.reboot.mask, 0xff);
}

TEST(platform_odd_but_usable)
{
	good("nasty-console");
	warned("stdout-path \"/nowhere:9600\" leads nowhere");
	warned("no platform-level interrupt controller");
	CHECK_EQ(p.console.kind, FDT_UART_NONE);
	CHECK_EQ(p.nhart_usable, 3);
	good("nasty-cells-four");
	range(&p.mem[0], 0x80000000, 0x8000000);
	good("nasty-cells-default");
	range(&p.mem[0], 0x80000000, 0x8000000);
}

static void
bad(const char *name, const char *reason)
{
	CHECK(read_tree(name, TREE_PA, NULL, 0) != 0);
	if (strstr(p.err, reason) == NULL)
		test_note("expected \"%s\"", reason);
	CHECK(strstr(p.err, reason) != NULL);
	CHECK(strchr(p.err, '\n') == NULL);
}

TEST(platform_broken_trees)
{
	bad("nasty-overlap",
	    "memory@87fff000: memory range 0x87fff000+0x100000 overlaps"
	    " 0x80000000+0x8000000 of memory@80000000");
	bad("nasty-nomem", "no memory node");
	bad("nasty-emptymem", "no memory node with a range");
	bad("nasty-unaligned",
	    "/memory@80000000: unaligned memory range 0x80000000+0x7fff800");
	bad("nasty-cells-huge", "/: absurd #address-cells");
	bad("nasty-cells-zero", "/: absurd #address-cells");
	bad("nasty-cells-string", "/: absurd #address-cells");
	bad("nasty-cells-three", "/memory@0: reg entry 0 exceeds 64 bits");
	bad("nasty-reg-short",
	    "/memory@80000000: length of reg is no multiple of 4 cells");
	bad("nasty-wrap", "/memory@80000000: reg entry 0 exceeds 64 bits");
	bad("nasty-beyond", "exceeds 56 bits");
	bad("nasty-initrd-lost", "initrd 0x70000000+0x1000 is not in memory");
	bad("nasty-initrd-negative", "initrd ends at 0x80001000 before");
	bad("nasty-initrd-half", "linux,initrd-end absent");
	bad("nasty-allreserved", "all memory is reserved");
	bad("nasty-nocpu", "no cpus node");
	bad("nasty-nohart", "no usable hart among 4");
	bad("nasty-twinhart", "/cpus/cpu@1: second hart with id 0");
	bad("nasty-notimebase", "timebase-frequency absent or zero");
	bad("nasty-timebases",
	    "/cpus/cpu@1: timebase-frequency 1000 differs from 1001");
	CHECK_EQ(fdt_platform_read(&p, NULL, 0, 0, NULL, 0), EINVAL);
	CHECK_STR(p.err, "header: truncated to 0 bytes");
}

TEST(platform_caller_ranges)
{
	struct fdt_range r[FDT_MAXRSV + 1];
	unsigned int i;

	memset(r, 0, sizeof(r));
	for (i = 0; i <= FDT_MAXRSV; i++) {
		r[i].base = 0x80000000 + i * 0x10000 + 5;
		r[i].size = 0x1000;
		r[i].nomap = i % 2 == 0;
		strcpy(r[i].name, "hole");
	}
	CHECK_EQ(read_tree("qemu-virt", TREE_PA, r, FDT_MAXRSV - 1), 0);
	check_table();
	CHECK_EQ(p.nusable, FDT_MAXRSV);
	CHECK_EQ(read_tree("qemu-virt", TREE_PA, r, FDT_MAXRSV), E2BIG);
	CHECK_STR(p.err, "fdt: more than 64 reserved ranges");
	r[0].size = UINT64_MAX;
	CHECK_EQ(read_tree("qemu-virt", TREE_PA, r, 1), EINVAL);
	r[0].base = 0;
	CHECK_EQ(read_tree("qemu-virt", TREE_PA, r, 1), ENOMEM);
	r[0].base = UINT64_MAX; /* beyond any page of memory */
	r[0].nomap = false;
	r[0].size = 1;
	CHECK_EQ(read_tree("qemu-virt", TREE_PA, r, 1), 0);
	check_table();
}

/* Random reserved ranges: the table's own rules, page by page. */
TEST(platform_random_reservations)
{
	struct fdt_range r[40];
	unsigned int i, n, round;

	for (round = 0; round < 300; round++) {
		n = test_below(41);
		for (i = 0; i < n; i++) {
			memset(&r[i], 0, sizeof(r[i]));
			r[i].base = 0x7fff0000 + test_below(0x40000);
			r[i].size = test_below(0x8000);
			r[i].nomap = test_below(2);
		}
		CHECK_EQ(read_tree("qemu-virt-numa", TREE_PA, r, n), 0);
		check_table();
	}
}

TEST(platform_isa)
{
	const uint64_t imac =
	    FDT_ISA('i') | FDT_ISA('m') | FDT_ISA('a') | FDT_ISA('c');
	const uint64_t fd = FDT_ISA('f') | FDT_ISA('d');

	CHECK_EQ(fdt_isa_parse("rv64imac"), imac);
	CHECK_EQ(fdt_isa_parse("RV64IMAFDC"), imac | fd);
	CHECK_EQ(fdt_isa_parse("rv64gc"), imac | fd | FDT_ISA('g'));
	CHECK_EQ(fdt_isa_parse("rv64imafdcsu"),
	    imac | fd | FDT_ISA('s') | FDT_ISA('u'));
	CHECK_EQ(fdt_isa_parse("rv64i2p1m2p0a2p1c2p0"), imac);
	CHECK_EQ(fdt_isa_parse("rv64imacsstc_svinval"),
	    imac | FDT_ISA_SSTC | FDT_ISA_SVINVAL);
	CHECK_EQ(fdt_isa_parse("rv64imac_sstc2p0_xsvpbmt_zicbozz_zicbo"),
	    imac | FDT_ISA_SSTC);
	CHECK_EQ(fdt_isa_parse("rv64imac_svpbmt_svnapot_svadu_svade_svvptc_"
			       "zicboz_zicbom_zbb_zbbc_sv"),
	    imac | FDT_ISA_SVPBMT | FDT_ISA_SVNAPOT | FDT_ISA_SVADU |
		FDT_ISA_SVADE | FDT_ISA_SVVPTC | FDT_ISA_ZICBOZ |
		FDT_ISA_ZICBOM | FDT_ISA_ZBB);
	CHECK_EQ(
	    fdt_isa_parse("rv64imac_sstc"), fdt_isa_parse("rv64_sstc_imac"));
	CHECK_EQ(fdt_isa_parse("rv32imac"), 0);
	CHECK_EQ(fdt_isa_parse("rv6"), 0);
	CHECK_EQ(fdt_isa_parse(""), 0);
	CHECK_EQ(fdt_isa_extension("", 0), 0);
	CHECK_EQ(fdt_isa_extension("m", 1), FDT_ISA('m'));
	CHECK_EQ(fdt_isa_extension("Svadu", 5), FDT_ISA_SVADU);
	CHECK_EQ(fdt_isa_extension("zicbop", 6), 0);
	CHECK_EQ(fdt_isa_extension("9", 1), 0);
}

TEST(platform_hart_states)
{
	const struct fdt_hart *h;

	good("nasty-console");
	h = fdt_platform_hart(&p, 1);
	CHECK(h != NULL && (h->isa & FDT_ISA_ZICBOZ) != 0);
	CHECK((h->isa & FDT_ISA_SVPBMT) != 0);
	h = fdt_platform_hart(&p, 2);
	CHECK(h != NULL && (h->isa & FDT_ISA_SVADU) != 0);
	h = fdt_platform_hart(&p, 3);
	CHECK(h != NULL);
	CHECK_EQ(h->why, FDT_HART_NOFPU);
	CHECK_EQ(h->cboz_size, 64);
	CHECK_EQ(h->cbom_size, 32);
	CHECK_EQ(h->numa, 5);
	CHECK(fdt_platform_hart(&p, 9) == NULL);
	CHECK(read_tree("nasty-nohart", TREE_PA, NULL, 0) == ENODEV);
	CHECK_EQ(p.hart[0].why, FDT_HART_NOMMU);
	CHECK_EQ(p.hart[1].why, FDT_HART_DISABLED);
	CHECK_EQ(p.hart[2].why, FDT_HART_NOISA);
	CHECK_EQ(p.hart[3].why, FDT_HART_NOMMU);
	CHECK_STR(fdt_hart_why(FDT_HART_USABLE), "usable");
	CHECK_STR(fdt_hart_why(FDT_HART_DISABLED), "disabled");
	CHECK_STR(fdt_hart_why(FDT_HART_NOMMU), "no Sv39");
	CHECK_STR(fdt_hart_why(FDT_HART_NOISA), "not rv64");
	CHECK_STR(fdt_hart_why(FDT_HART_NOFPU), "no floating point");
	CHECK_STR(fdt_hart_why((enum fdt_hartwhy)99), "unknown");
}
