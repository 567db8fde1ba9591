/*
 * Platform-level interrupt controllers.
 *
 * A machine may have several, each with contexts of its own for the harts it
 * can reach.  Every source goes to one hart: the first running one that has a
 * context of the controller.  The context number is the position in the tree,
 * never a function of the hart id.
 */
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <machine/boot.h>
#include <machine/csr.h>
#include <machine/intr.h>
#include <pmap/sv39/pmap_boot.h>
#include "riscv.h"

#define PLIC_MAXSRC      1024
#define PLIC_MAXHANDLERS 63

/* Registers, in 32-bit words. */
#define PLIC_PRIORITY(s)    (s)
#define PLIC_ENABLE(ctx, s) (0x2000 / 4 + 0x20 * (ctx) + (s) / 32)
#define PLIC_THRESHOLD(ctx) (0x200000 / 4 + 0x400 * (ctx))
#define PLIC_CLAIM(ctx)     (PLIC_THRESHOLD(ctx) + 1)
#define PLIC_WINDOW(nctx)   (0x200000 + 0x1000 * (psize_t)(nctx))

/*
 * Locks used to protect members:
 *	I	immutable after plic_init()
 *	l	plic_mtx
 */
struct plic {
	volatile uint32_t *pl_reg; /* [I] */
	uint32_t pl_ndev; /* [I] highest source */
	struct cpu_info *pl_cpu; /* [l] hart that serves it; NULL: none yet */
	int pl_ctx; /* [l] its context */
	/* [l to change] by source: index in handlers[], 0: none */
	uint8_t pl_handler[PLIC_MAXSRC];
};

/*
 * Locks used to protect members:
 *	l	plic_mtx to change; a handler reads it after its source fired
 */
struct irqhandler {
	void (*ih_fn)(void *); /* [l] NULL: free */
	void *ih_arg; /* [l] */
};

static struct mutex plic_mtx = MUTEX_INITIALIZER(LR_MISC, "plic");
static struct plic plics[FDT_MAXPLICS]; /* see struct plic */
static struct irqhandler handlers[PLIC_MAXHANDLERS + 1]; /* [l] */

static void
plic_source_enable(struct plic *pl, uint32_t irq, bool on)
{
	volatile uint32_t *word;

	if (pl->pl_cpu == NULL)
		return;
	word = &pl->pl_reg[PLIC_ENABLE(pl->pl_ctx, irq)];
	if (on)
		*word |= 1U << (irq % 32);
	else
		*word &= ~(1U << (irq % 32));
}

/* All contexts the kernel could use start with nothing enabled. */
static void
plic_quiesce(struct plic *pl, const struct fdt_plic *fp)
{
	for (u_int ctx = 0; ctx < fp->nctx; ctx++) {
		if (fp->ctx[ctx].mode != FDT_CTX_S)
			continue;
		for (uint32_t s = 0; s <= pl->pl_ndev; s += 32)
			pl->pl_reg[PLIC_ENABLE(ctx, s)] = 0;
	}
	for (uint32_t s = 1; s <= pl->pl_ndev; s++)
		pl->pl_reg[PLIC_PRIORITY(s)] = 0;
}

void
plic_init(void)
{
	for (u_int i = 0; i < platform.nplic; i++) {
		const struct fdt_plic *fp = &platform.plic[i];
		struct plic *pl = &plics[i];
		psize_t window = round_page(PLIC_WINDOW(fp->nctx));

		pl->pl_reg = pmap_mapdev(fp->base, window);
		pl->pl_ndev = MIN(fp->ndev, PLIC_MAXSRC - 1);
		plic_quiesce(pl, fp);
		printf("plic%u: at %#lx, %u sources, %u contexts\n", i,
		    (unsigned long)fp->base, pl->pl_ndev, fp->nctx);
	}
	if (platform.nplic == 0)
		printf("plic: none; devices are polled\n");
}

void
plic_cpu_init(struct cpu_info *ci)
{
	mtx_enter(&plic_mtx);
	for (u_int i = 0; i < platform.nplic; i++) {
		struct plic *pl = &plics[i];
		int ctx = fdt_plic_context(&platform.plic[i], ci->ci_hartid);

		if (ctx < 0)
			continue;
		pl->pl_reg[PLIC_THRESHOLD(ctx)] = 0;
		if (pl->pl_cpu != NULL)
			continue;
		pl->pl_cpu = ci;
		pl->pl_ctx = ctx;
		for (uint32_t s = 1; s <= pl->pl_ndev; s++)
			if (pl->pl_handler[s] != 0)
				plic_source_enable(pl, s, true);
	}
	mtx_leave(&plic_mtx);
	csr_set(sie, SIE_SEIE);
}

/* => plic_mtx held; 0: none free */
static u_int
handler_alloc(void (*fn)(void *), void *arg)
{
	for (u_int i = 1; i <= PLIC_MAXHANDLERS; i++) {
		if (handlers[i].ih_fn == NULL) {
			handlers[i].ih_arg = arg;
			handlers[i].ih_fn = fn;
			return i;
		}
	}
	return 0;
}

/* Can any hart the kernel may use hear this controller? */
static bool
plic_reachable(const struct fdt_plic *fp)
{
	for (u_int i = 0; i < platform.nhart; i++)
		if (platform.hart[i].why == FDT_HART_USABLE &&
		    fdt_plic_context(fp, platform.hart[i].hartid) >= 0)
			return true;
	return false;
}

int
intr_establish(uint32_t irq, int plic, void (*fn)(void *), void *arg)
{
	struct plic *pl;
	u_int h;
	int error = 0;

	if (plic < 0 || plic >= (int)platform.nplic)
		return ENXIO;
	pl = &plics[plic];
	if (irq == 0 || irq > pl->pl_ndev ||
	    !plic_reachable(&platform.plic[plic]))
		return ENXIO;
	mtx_enter(&plic_mtx);
	if (pl->pl_handler[irq] != 0)
		error = EBUSY;
	else if ((h = handler_alloc(fn, arg)) == 0)
		error = ENOMEM;
	else {
		pl->pl_handler[irq] = h;
		pl->pl_reg[PLIC_PRIORITY(irq)] = 1;
		plic_source_enable(pl, irq, true);
	}
	mtx_leave(&plic_mtx);
	return error;
}

void
intr_disestablish(uint32_t irq, int plic)
{
	struct plic *pl = &plics[plic];

	mtx_enter(&plic_mtx);
	if (pl->pl_handler[irq] != 0) {
		plic_source_enable(pl, irq, false);
		pl->pl_reg[PLIC_PRIORITY(irq)] = 0;
		handlers[pl->pl_handler[irq]].ih_fn = NULL;
		pl->pl_handler[irq] = 0;
	}
	mtx_leave(&plic_mtx);
}

/*
 * A claim of 0 is normal: controllers lower the line late, so that an
 * interrupt is taken once more after the last source was served.
 */
void
plic_interrupt(struct cpu_info *ci)
{
	for (u_int i = 0; i < platform.nplic; i++) {
		struct plic *pl = &plics[i];
		volatile uint32_t *claim;
		uint32_t irq;

		if (pl->pl_cpu != ci)
			continue;
		claim = &pl->pl_reg[PLIC_CLAIM(pl->pl_ctx)];
		while ((irq = *claim) != 0) {
			const struct irqhandler *ih =
			    &handlers[pl->pl_handler[irq % PLIC_MAXSRC]];

			if (ih->ih_fn != NULL)
				ih->ih_fn(ih->ih_arg);
			*claim = irq;
		}
	}
}
