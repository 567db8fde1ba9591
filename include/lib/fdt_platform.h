#ifndef _LIB_FDT_PLATFORM_H_
#define _LIB_FDT_PLATFORM_H_

/*
 * What the kernel needs to know of the machine, read from the device tree
 * into one table of fixed size.  Addresses are physical, sizes in bytes.
 */

#include <lib/fdt.h>

#define FDT_PAGE_SIZE 4096 /* granularity of usable memory */
#define FDT_MAXMEM    64 /* memory ranges */
#define FDT_MAXRSV    64 /* reserved ranges */
#define FDT_MAXUSABLE (FDT_MAXMEM + FDT_MAXRSV) /* cannot overflow */
#define FDT_MAXHARTS  64 /* harts recorded */
#define FDT_MAXPLICS  8 /* interrupt controllers */
#define FDT_MAXCTX    (2 * FDT_MAXHARTS) /* contexts of one of them */
#define FDT_MAXVIRTIO 32 /* virtio-mmio slots */
#define FDT_MAXWARN   8 /* warnings kept */
#define FDT_MAXARGS   4096 /* boot argument line with its NUL */
#define FDT_MAXSEED   128 /* bytes of rng-seed kept */
#define FDT_NAMELEN   32 /* node name, truncated, with its NUL */
#define FDT_NOINTC    (-1) /* no such interrupt controller */

/*
 * Where a reserved range comes from.
 */
enum fdt_rsvkind {
	FDT_RSV_CALLER, /* firmware, kernel image: given by caller */
	FDT_RSV_MEMRESERVE, /* memory reservation block */
	FDT_RSV_NODE, /* child of /reserved-memory */
	FDT_RSV_TREE, /* the tree itself */
	FDT_RSV_INITRD /* initial file system */
};

/*
 * Locks of all structures here: [i] immutable after fdt_platform_read().
 */
struct fdt_range {
	uint64_t base; /* [i] first byte */
	uint64_t size; /* [i] bytes, never 0 */
	uint32_t numa; /* [i] numa-node-id, 0 when absent */
	enum fdt_rsvkind kind; /* [i] origin (reserved ranges) */
	bool nomap; /* [i] must have no mapping (reserved) */
	char name[FDT_NAMELEN]; /* [i] node or origin */
};

/*
 * Instruction set: bits 0..25 are the single letters a..z, then named ones.
 */
#define FDT_ISA(letter) ((uint64_t)1 << ((letter) - 'a'))
#define FDT_ISA_SSTC    ((uint64_t)1 << 32)
#define FDT_ISA_SVINVAL ((uint64_t)1 << 33)
#define FDT_ISA_SVPBMT  ((uint64_t)1 << 34)
#define FDT_ISA_SVNAPOT ((uint64_t)1 << 35)
#define FDT_ISA_SVADU   ((uint64_t)1 << 36)
#define FDT_ISA_SVADE   ((uint64_t)1 << 37)
#define FDT_ISA_SVVPTC  ((uint64_t)1 << 38)
#define FDT_ISA_ZICBOZ  ((uint64_t)1 << 39)
#define FDT_ISA_ZICBOM  ((uint64_t)1 << 40)
#define FDT_ISA_ZBB     ((uint64_t)1 << 41)

/*
 * Why a hart cannot run the kernel.
 */
enum fdt_hartwhy {
	FDT_HART_USABLE, /* it can */
	FDT_HART_DISABLED, /* status is not okay */
	FDT_HART_NOMMU, /* no mmu-type, or one without Sv39 */
	FDT_HART_NOISA, /* instruction set missing or not rv64 */
	FDT_HART_NOFPU /* no F and D where other harts have them */
};

struct fdt_hart {
	uint64_t hartid; /* [i] reg of the cpu node */
	uint64_t isa; /* [i] FDT_ISA_* */
	uint32_t numa; /* [i] numa-node-id, 0 when absent */
	uint32_t cboz_size; /* [i] Zicboz block, 0 when unknown */
	uint32_t cbom_size; /* [i] Zicbom block, 0 when unknown */
	enum fdt_hartwhy why; /* [i] FDT_HART_USABLE, or why not */
};

enum fdt_ctxmode {
	FDT_CTX_NONE, /* goes nowhere the kernel can reach */
	FDT_CTX_M, /* machine mode */
	FDT_CTX_S /* supervisor mode */
};

struct fdt_ctx {
	uint64_t hartid; /* [i] hart; ~0 when unknown */
	enum fdt_ctxmode mode; /* [i] where it interrupts */
};

/*
 * A platform-level interrupt controller.  The index in ctx[] is the context
 * number; nothing else is.
 */
struct fdt_plic {
	uint64_t base; /* [i] registers */
	uint64_t size; /* [i] bytes of them */
	uint32_t ndev; /* [i] highest source number */
	uint32_t phandle; /* [i] 0 when it has none */
	unsigned int nctx; /* [i] contexts in use in ctx[] */
	struct fdt_ctx ctx[FDT_MAXCTX]; /* [i] by context number */
};

enum fdt_uart {
	FDT_UART_NONE, /* no console, or of an unknown kind */
	FDT_UART_NS16550, /* ns16550a, ns16550 */
	FDT_UART_DW_APB, /* snps,dw-apb-uart and its kin */
	FDT_UART_SIFIVE /* sifive,uart0 */
};

/*
 * A device with registers and one interrupt.
 */
struct fdt_dev {
	uint64_t base; /* [i] registers; 0: no device */
	uint64_t size; /* [i] bytes of them */
	uint32_t irq; /* [i] source number, 0: none */
	int plic; /* [i] index in plic[] or FDT_NOINTC */
};

struct fdt_console {
	enum fdt_uart kind; /* [i] which driver */
	struct fdt_dev dev; /* [i] where */
	uint32_t reg_shift; /* [i] log2 of register distance */
	uint32_t reg_io_width; /* [i] bytes per access: 1, 2 or 4 */
	uint32_t baud; /* [i] from the options, 0: keep */
	uint32_t clock; /* [i] clock-frequency, 0: unknown */
	char name[FDT_NAMELEN]; /* [i] node */
};

/*
 * One register write that powers off or resets.
 */
struct fdt_syscon {
	uint64_t addr; /* [i] register; 0: absent */
	uint32_t value; /* [i] what to write */
	uint32_t mask; /* [i] bits it replaces */
};

struct fdt_platform {
	char err[FDT_WHYLEN]; /* [i] why reading failed */
	char warn[FDT_MAXWARN][FDT_WHYLEN]; /* [i] oddities */
	unsigned int nwarn; /* [i] of them, may exceed FDT_MAXWARN */

	char model[64]; /* [i] root model, truncated */
	char compatible[64]; /* [i] root compatible, first */
	char bootargs[FDT_MAXARGS]; /* [i] "" when absent */
	uint64_t boot_hartid; /* [i] /chosen boot-hartid */
	bool has_boot_hartid; /* [i] it is there */
	uint64_t initrd_base; /* [i] first byte */
	uint64_t initrd_size; /* [i] bytes, 0: none */
	uint8_t seed[FDT_MAXSEED]; /* [i] rng-seed */
	unsigned int seedlen; /* [i] bytes of it, 0: none */
	uint64_t timebase; /* [i] ticks per second, not 0 */

	struct fdt_range mem[FDT_MAXMEM]; /* [i] sorted, disjoint, merged */
	unsigned int nmem; /* [i] at least 1 */
	struct fdt_range rsv[FDT_MAXRSV]; /* [i] sorted; may overlap */
	unsigned int nrsv; /* [i] how many */
	struct fdt_range usable[FDT_MAXUSABLE]; /* [i] sorted, disjoint,
						       page aligned */
	unsigned int nusable; /* [i] at least 1 */
	struct fdt_range nomap[FDT_MAXRSV]; /* [i] sorted, disjoint, rounded
						   out to pages */
	unsigned int nnomap; /* [i] how many */

	struct fdt_hart hart[FDT_MAXHARTS]; /* [i] in tree order */
	unsigned int nhart; /* [i] recorded */
	unsigned int nhart_total; /* [i] in the tree */
	unsigned int nhart_usable; /* [i] of the recorded ones */
	uint64_t isa_all; /* [i] what every usable hart has */

	struct fdt_plic plic[FDT_MAXPLICS]; /* [i] in tree order */
	unsigned int nplic; /* [i] how many */
	struct fdt_console console; /* [i] stdout-path */
	struct fdt_dev virtio[FDT_MAXVIRTIO]; /* [i] sorted by base */
	unsigned int nvirtio; /* [i] how many */
	struct fdt_dev rtc; /* [i] google,goldfish-rtc */
	struct fdt_dev test; /* [i] sifive,test0 */
	struct fdt_syscon poweroff; /* [i] syscon-poweroff */
	struct fdt_syscon reboot; /* [i] syscon-reboot */
};

/*
 * fdt_platform_read: read a tree into the table.
 *
 * => blob is where the tree can be read, max how many bytes of it, pa its
 *    physical address (it becomes a reserved range)
 * => caller[0..ncaller) are ranges to reserve besides: base, size, nomap and
 *    name are used; size 0 is skipped
 * => nothing in the table points into the tree afterwards
 * => 0, or an errno value with p->err naming the fault in one line; the
 *    rest of the table must not be used then.  Faults: a malformed tree, bad
 *    cell counts, memory that is absent, unaligned, overlapping or all
 *    reserved, too many ranges, no timebase, no usable hart, initrd outside
 *    memory, boot arguments too long
 * => whatever the kernel can do without becomes a warning; in particular
 *    harts, controllers and slots beyond the capacity
 * => does not sleep, takes no locks, needs about 1 KiB of stack
 */
int fdt_platform_read(struct fdt_platform *, const void *, size_t, uint64_t,
    const struct fdt_range *, unsigned int);

/*
 * fdt_platform_hart: => the record of a hart, NULL when there is none.
 */
const struct fdt_hart *fdt_platform_hart(const struct fdt_platform *, uint64_t);

/*
 * fdt_plic_context: the supervisor context of a hart.
 *
 * => -1: it has none on this controller
 */
int fdt_plic_context(const struct fdt_plic *, uint64_t);

/*
 * fdt_hart_why: => the reason in words.
 */
const char *fdt_hart_why(enum fdt_hartwhy);

/*
 * fdt_isa_parse: read one riscv,isa string.
 *
 * => 0 when it is not rv64; versions and case do not matter
 * fdt_isa_extension: flags of one extension name, 0 when of no interest
 */
uint64_t fdt_isa_parse(const char *);
uint64_t fdt_isa_extension(const char *, size_t);

#endif /* _LIB_FDT_PLATFORM_H_ */
