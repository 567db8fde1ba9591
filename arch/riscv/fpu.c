/*
 * The floating-point unit.
 *
 * A thread starts with the unit off; its first floating-point instruction
 * traps and gets the values in its PCB if there are any (sigreturn puts some
 * there), zeroes otherwise.  From then on its values are loaded when it
 * is switched to, unless the hart's unit still holds them, and saved when it is
 * switched from, if it changed them.  A thread that never computes in floating
 * point costs a switch two loads and a branch.
 *
 * The FS field of the user trap frame says what the thread may do and has done;
 * the live field is only turned on here, around the register moves.
 */
#include <sys/systm.h>
#include <sys/proc.h>
#include <machine/csr.h>
#include "riscv.h"

static inline uint64_t
tf_fs(const struct proc *p)
{
	return p->p_tf.tf_sstatus & SSTATUS_FS;
}

static inline void
tf_fs_set(struct proc *p, uint64_t fs)
{
	p->p_tf.tf_sstatus = (p->p_tf.tf_sstatus & ~(uint64_t)SSTATUS_FS) | fs;
}

/* Does this hart's unit hold what p's PCB does? */
static inline bool
fpu_holds(const struct cpu_info *ci, const struct proc *p)
{
	return ci->ci_fpowner == p && p->p_pcb.pcb_fphart == ci->ci_index + 1;
}

/* => interrupts off or p is curproc: the hart does not change */
static void
fpu_store(struct cpu_info *ci, struct proc *p)
{
	KASSERT(p->p_pcb.pcb_fpused);
	csr_set(sstatus, SSTATUS_FS);
	fpu_save(&p->p_pcb.pcb_fp);
	tf_fs_set(p, SSTATUS_FS_CLEAN);
	ci->ci_fpowner = p;
	p->p_pcb.pcb_fphart = ci->ci_index + 1;
}

static void
fpu_fetch(struct cpu_info *ci, struct proc *p)
{
	if (!fpu_holds(ci, p)) {
		csr_set(sstatus, SSTATUS_FS);
		fpu_load(&p->p_pcb.pcb_fp);
		if (ci->ci_fpowner != NULL && ci->ci_fpowner != p)
			UVMCNT_INC(fpswtch);
		ci->ci_fpowner = p;
		p->p_pcb.pcb_fphart = ci->ci_index + 1;
	}
	tf_fs_set(p, SSTATUS_FS_CLEAN);
}

void
fpu_switch(struct proc *old, struct proc *new)
{
	struct cpu_info *ci = curcpu();

	if (tf_fs(old) == SSTATUS_FS_DIRTY)
		fpu_store(ci, old);
	if (tf_fs(new) != SSTATUS_FS_OFF)
		fpu_fetch(ci, new);
}

/* Is this a floating-point instruction, or an access to fcsr? */
static bool
insn_is_fp(uint32_t insn)
{
	uint32_t funct3 = insn >> 12 & 7, csr = insn >> 20;

	switch (insn & 3) {
	case 0: /* c.fld, c.fsd */
	case 2: /* c.fldsp, c.fsdsp */
		return (insn >> 13 & 3) == 1;
	case 1:
		return false;
	}
	switch (insn & 0x7f) {
	case 0x07: /* loads and stores; other widths are vectors */
	case 0x27:
		return funct3 >= 1 && funct3 <= 4;
	case 0x43: /* multiply and add */
	case 0x47:
	case 0x4b:
	case 0x4f:
	case 0x53: /* all others */
		return true;
	case 0x73:
		return (funct3 & 3) != 0 && csr >= 1 && csr <= 3;
	}
	return false;
}

/*
 * The instruction at pc, in two steps: it may end where the mapping does.
 */
static bool
insn_fetch(vaddr_t pc, uint32_t *insn)
{
	uint16_t half[2] = { 0, 0 };

	if (copyin((const void *)pc, &half[0], 2) != 0)
		return false;
	if ((half[0] & 3) == 3 &&
	    copyin((const void *)(pc + 2), &half[1], 2) != 0)
		return false;
	*insn = half[0] | (uint32_t)half[1] << 16;
	return true;
}

bool
fpu_trap(struct proc *p)
{
	unsigned long s;
	uint32_t insn;

	if (tf_fs(p) != SSTATUS_FS_OFF || !insn_fetch(p->p_tf.tf_sepc, &insn) ||
	    !insn_is_fp(insn))
		return false;
	s = intr_disable();
	if (!p->p_pcb.pcb_fpused) {
		memset(&p->p_pcb.pcb_fp, 0, sizeof(p->p_pcb.pcb_fp));
		p->p_pcb.pcb_fpused = 1;
		p->p_pcb.pcb_fphart = 0;
	}
	fpu_fetch(curcpu(), p);
	intr_restore(s);
	return true;
}

void
cpu_fp_save(struct proc *p)
{
	unsigned long s;

	KASSERT(p == curproc);
	s = intr_disable();
	if (tf_fs(p) == SSTATUS_FS_DIRTY)
		fpu_store(curcpu(), p);
	intr_restore(s);
}

void
cpu_fp_discard(struct proc *p)
{
	unsigned long s;

	KASSERT(p == curproc);
	s = intr_disable();
	p->p_pcb.pcb_fpused = 0;
	p->p_pcb.pcb_fphart = 0;
	tf_fs_set(p, SSTATUS_FS_OFF);
	intr_restore(s);
}

void
cpu_fp_set(struct proc *p, const struct fpregs *fp)
{
	unsigned long s;

	KASSERT(p == curproc);
	s = intr_disable();
	p->p_pcb.pcb_fp = *fp;
	p->p_pcb.pcb_fpused = 1;
	p->p_pcb.pcb_fphart = 0;
	fpu_fetch(curcpu(), p);
	intr_restore(s);
}
