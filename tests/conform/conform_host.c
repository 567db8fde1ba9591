/*
 * Accesses on the simulated machine.  Over the Sv39 pmap, an access is judged
 * by every outcome that the MMU model allows for it, not only by the one that
 * came about.
 */
#include "conform.h"
#include <tests/sim/host/machine.h>

#define RETRIES 200 /* faults of one access that resolve nothing */

/* What an MMU might do for the access that was just made. */
struct outcomes {
	unsigned n;
	struct mmu_outcome mo[MMU_OUTCOMES_MAX];
	bool coherent; /* a fetch sees what memory holds */
};

static const char *const name[] = {
	[MMU_LOAD] = "load", [MMU_STORE] = "store", [MMU_FETCH] = "fetch"
};

#ifdef PMAP_REF
static void
outcomes_now(struct outcomes *o, vaddr_t va, enum mmu_access access, bool user,
    bool done, paddr_t pa)
{
	o->n = 1;
	o->mo[0] = (struct mmu_outcome){
		.mo_fault = !done, .mo_pa = pa, .mo_from = "the reference pmap"
	};
	o->coherent = true;
}

static void
written(paddr_t pa, size_t len)
{
}

static void
history(vaddr_t va)
{
}
#else
static void
outcomes_now(struct outcomes *o, vaddr_t va, enum mmu_access access, bool user,
    bool done, paddr_t pa)
{
	o->n = mmu_outcomes(va, access, user, o->mo);
	o->coherent = !done || access != MMU_FETCH || mmu_fetch_coherent(pa);
}

static void
written(paddr_t pa, size_t len)
{
	mmu_written(pa, len);
}

static void
history(vaddr_t va)
{
	mmu_history(va);
}
#endif

static void
violation(vaddr_t va, enum mmu_access access, const char *why,
    const struct mmu_outcome *mo)
{
	history(va);
	kt_fail(__FILE__, __LINE__,
	    "%s at %#lx on hart %u: %s (physical %#lx by %s)", name[access], va,
	    curcpu()->ci_index, why, mo != NULL ? mo->mo_pa : 0,
	    mo != NULL ? mo->mo_from : "nothing");
}

/*
 * Nobody changes the mapping: every outcome that is no fault must be what the
 * pmap says.
 */
static void
check_quiet(struct pmap *pm, vaddr_t va, enum mmu_access access, vm_prot_t prot,
    const struct outcomes *o)
{
	vm_prot_t have = PROT_NONE;
	paddr_t pa = 0;
	bool mapped;

	mapped = (pm == pmap_kernel() || va < VM_MAXUSER_ADDRESS) &&
	    pmap_extract(pm, va, &pa) && pmap_probe(pm, va, &have);
	for (unsigned i = 0; i < o->n; i++) {
		if (o->mo[i].mo_fault)
			continue;
		if (!mapped || o->mo[i].mo_pa != pa)
			violation(va, access,
			    "may reach a page that is not "
			    "mapped there",
			    &o->mo[i]);
		else if ((have & prot) != prot)
			violation(va, access, "may do what is not permitted",
			    &o->mo[i]);
	}
	if (!o->coherent)
		violation(va, access, "may return old instructions", &o->mo[0]);
}

/* The right was taken away already: no outcome may be anything but a fault. */
static void
check_revoked(vaddr_t va, enum mmu_access access, const struct outcomes *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (!o->mo[i].mo_fault)
			violation(va, access,
			    "may work after the right was taken", &o->mo[i]);
}

/* => the access is done; ENOEXEC: what was fetched is no conf_code() */
static int
transfer(paddr_t pa, enum mmu_access access, uint64_t *value)
{
	volatile uint64_t *word = sim_ram(pa);

	switch (access) {
	case MMU_LOAD:
		*value = *word;
		break;
	case MMU_STORE:
		*word = *value;
		written(pa, sizeof(*word));
		break;
	case MMU_FETCH:
		if ((*word & ~CONF_CODE(0x7ff)) != 0 ||
		    (*word & CONF_CODE(0)) != CONF_CODE(0))
			return ENOEXEC;
		*value = (*word & 0xffffffff) >> 20;
		break;
	}
	return 0;
}

int
conf_access(struct pmap *pm, vaddr_t va, vm_prot_t prot, uint64_t *value,
    const volatile uint32_t *revoked)
{
	enum mmu_access access = prot == PROT_WRITE ? MMU_STORE
	    : prot == PROT_EXEC                     ? MMU_FETCH
						    : MMU_LOAD;
	bool user = pm != pmap_kernel(), done;
	struct outcomes o;
	paddr_t pa = 0;
	int error = 0;

	for (int i = 0; i < RETRIES; i++) {
		done = sim_translate(va, access, user, &pa);
		/* all in one instant, up to the checks */
		outcomes_now(&o, va, access, user, done, pa);
		if (done)
			error = transfer(pa, access, value);
		if (revoked == NULL)
			check_quiet(pm, va, access, prot, &o);
		else if (*revoked != 0)
			check_revoked(va, access, &o);
		if (done)
			return error;
		if ((user && va >= VM_MAXUSER_ADDRESS) ||
		    !pmap_fault(pm, trunc_page(va), prot))
			return EFAULT;
	}
	violation(va, access, "faults for ever", NULL);
	return EFAULT;
}

void
conf_wrote(paddr_t pa, size_t len)
{
	written(pa, len);
}

bool
conf_exact_reference(void)
{
	return sim_config.speculate == 0;
}
