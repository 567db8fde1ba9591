/*
 * Accesses on the running machine: loads and stores by copyin() and copyout(),
 * which fault as a program does, fetches by running the code in user mode.
 */
#include "conform.h"
#include <machine/csr.h>

/* What came out of conf_run(); its assembly knows the order. */
struct run_result {
	uint64_t a0, scause, stval;
};
void conf_run(vaddr_t va, struct run_result *r);

/*
 * conf_run(va, r): continue at va in user mode until it traps.  All interrupts
 * are off, so the trap is the program's own.
 * => interrupts off
 */
__asm__(
    "	.text\n"
    "	.balign	4\n"
    "conf_run:\n"
    "	addi	sp, sp, -176\n"
    "	sd	ra, 0(sp)\n	sd	gp, 8(sp)\n	sd	tp, 16(sp)\n"
    "	sd	s0, 24(sp)\n	sd	s1, 32(sp)\n	sd	s2, 40(sp)\n"
    "	sd	s3, 48(sp)\n	sd	s4, 56(sp)\n	sd	s5, 64(sp)\n"
    "	sd	s6, 72(sp)\n	sd	s7, 80(sp)\n	sd	s8, 88(sp)\n"
    "	sd	s9, 96(sp)\n	sd	s10, 104(sp)\n	sd	s11, 112(sp)\n"
    "	sd	a1, 120(sp)\n"
    "	csrr	t0, stvec\n	sd	t0, 128(sp)\n"
    "	csrr	t0, sscratch\n	sd	t0, 136(sp)\n"
    "	csrr	t0, sstatus\n	sd	t0, 144(sp)\n"
    "	csrrw	t0, sie, zero\n	sd	t0, 152(sp)\n"
    "	csrw	sscratch, sp\n"
    "	la	t0, conf_trap\n"
    "	csrw	stvec, t0\n"
    "	csrw	sepc, a0\n"
    "	li	t0, 0x100\n" /* SPP: back to user mode */
    "	csrc	sstatus, t0\n"
    "	sret\n"
    "	.balign	4\n"
    "conf_trap:\n"
    "	csrr	sp, sscratch\n"
    "	ld	a1, 120(sp)\n"
    "	sd	a0, 0(a1)\n"
    "	csrr	t0, scause\n	sd	t0, 8(a1)\n"
    "	csrr	t0, stval\n	sd	t0, 16(a1)\n"
    "	ld	t0, 128(sp)\n	csrw	stvec, t0\n"
    "	ld	t0, 136(sp)\n	csrw	sscratch, t0\n"
    "	ld	t0, 144(sp)\n	csrw	sstatus, t0\n"
    "	ld	t0, 152(sp)\n	csrw	sie, t0\n"
    "	ld	ra, 0(sp)\n	ld	gp, 8(sp)\n	ld	tp, 16(sp)\n"
    "	ld	s0, 24(sp)\n	ld	s1, 32(sp)\n	ld	s2, 40(sp)\n"
    "	ld	s3, 48(sp)\n	ld	s4, 56(sp)\n	ld	s5, 64(sp)\n"
    "	ld	s6, 72(sp)\n	ld	s7, 80(sp)\n	ld	s8, 88(sp)\n"
    "	ld	s9, 96(sp)\n	ld	s10, 104(sp)\n	ld	s11, 112(sp)\n"
    "	addi	sp, sp, 176\n"
    "	ret\n");

static int
fetch(struct pmap *pm, vaddr_t va, uint64_t *value)
{
	struct run_result r;
	unsigned long s;

	for (;;) {
		s = intr_disable();
		conf_run(va, &r);
		intr_restore(s);
		if (r.scause == EXC_UCALL) {
			*value = r.a0;
			return 0;
		}
		if (r.scause != EXC_INSN_PAGE)
			return ENOEXEC;
		if (r.stval >= VM_MAXUSER_ADDRESS ||
		    !pmap_fault(pm, trunc_page(r.stval), PROT_EXEC))
			return EFAULT;
	}
}

static int
load_or_store(struct pmap *pm, vaddr_t va, vm_prot_t access, uint64_t *value)
{
	bool kernel = pm == pmap_kernel(), store = access == PROT_WRITE;

	if (kernel)
		return store ? kcopy_nofault(value, (void *)va, sizeof(*value))
			     : kcopy_nofault((void *)va, value, sizeof(*value));
	return store ? copyout(value, (void *)va, sizeof(*value))
		     : copyin((void *)va, value, sizeof(*value));
}

int
conf_access(struct pmap *pm, vaddr_t va, vm_prot_t access, uint64_t *value,
    const volatile uint32_t *revoked)
{
	uint32_t before = revoked != NULL ? atomic_load_acq(revoked) : 0;
	int error;

	if (access == PROT_EXEC)
		return fetch(pm, va, value);
	error = load_or_store(pm, va, access, value);
	membar_sync();
	/* revoked before, and still in that round: must have failed */
	if (error == 0 && before != 0 && atomic_load_acq(revoked) == before)
		kt_fail(__FILE__, __LINE__,
		    "%s at %#lx works in round %u, after the right was taken",
		    access == PROT_WRITE ? "store" : "load", va, before);
	return error;
}

void
conf_wrote(paddr_t pa, size_t len)
{
}

bool
conf_exact_reference(void)
{
	return true;
}
