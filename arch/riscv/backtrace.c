/*
 * Backtraces and register dumps, with function names.
 *
 * The kernel keeps frame pointers: s0 points behind a record of the caller's s0
 * and the return address.  Trap entry leaves such a record too, so a trace runs
 * on through it.  A record is believed only if it lies on the thread's stack,
 * above the one before it.
 */
#include <sys/systm.h>
#include <sys/proc.h>
#include "riscv.h"

#define BACKTRACE_MAX 32

/*
 * One function of the symbol table made by scripts/mksyms.
 * Locks used to protect members: I immutable
 */
struct ksym {
	uint32_t ks_addr; /* [I] bytes from the start of the image */
	uint32_t ks_name; /* [I] bytes into ksym_names */
};

extern const uint32_t ksym_count;
extern const struct ksym ksym_table[];
extern const char ksym_names[];
extern char __kernel_start[], __text_end[];

/*
 * What s0 points behind.
 * Locks used to protect members: o only by the thread whose stack it is on
 */
struct frame_record {
	vaddr_t fr_prev; /* [o] caller's s0 */
	vaddr_t fr_ra; /* [o] return address */
};

static bool
text_address(vaddr_t addr)
{
	return addr >= (vaddr_t)__kernel_start && addr < (vaddr_t)__text_end;
}

const char *
ksym_lookup(vaddr_t addr, unsigned long *offp)
{
	uint32_t off = (uint32_t)(addr - (vaddr_t)__kernel_start);
	uint32_t lo = 0, hi = ksym_count;

	if (!text_address(addr) || hi == 0)
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = (lo + hi) / 2;

		if (ksym_table[mid].ks_addr <= off)
			lo = mid;
		else
			hi = mid;
	}
	*offp = off - ksym_table[lo].ks_addr;
	return ksym_names + ksym_table[lo].ks_name;
}

static void
frame_print(int n, vaddr_t pc, vaddr_t lookup)
{
	unsigned long off = 0;
	const char *name = ksym_lookup(lookup, &off);

	if (name != NULL)
		printf(
		    "  #%d %#lx %s+%#lx\n", n, pc, name, off + (pc - lookup));
	else
		printf("  #%d %#lx\n", n, pc);
}

/*
 * A return address belongs to the function of the call before it, which may be
 * the last instruction of that function.
 */
void
backtrace_from(vaddr_t fp, vaddr_t pc, vaddr_t top)
{
	struct frame_record fr;
	int n = 0;

	if (pc != 0)
		frame_print(n++, pc, pc);
	while (n < BACKTRACE_MAX && fp % 8 == 0 && fp <= top &&
	    top - fp < USPACE &&
	    kcopy_nofault((void *)(fp - sizeof(fr)), &fr, sizeof(fr)) == 0 &&
	    text_address(fr.fr_ra)) {
		frame_print(n++, fr.fr_ra, fr.fr_ra - 2);
		if (fr.fr_prev <= fp)
			break;
		fp = fr.fr_prev;
	}
}

__noinline void
cpu_print_backtrace(void)
{
	backtrace_from(
	    (vaddr_t)__builtin_frame_address(0), 0, curproc->p_kstack);
}

void
trapframe_print(const struct trapframe *tf)
{
	printf(" pc %016lx  ra %016lx  sp %016lx  gp %016lx\n", tf->tf_sepc,
	    tf->tf_ra, tf->tf_sp, tf->tf_gp);
	printf(" tp %016lx  s0 %016lx  s1 %016lx  s2 %016lx\n", tf->tf_tp,
	    tf->tf_s0, tf->tf_s1, tf->tf_s2);
	for (int i = 0; i < 8; i += 4)
		printf(" a%d %016lx  a%d %016lx  a%d %016lx  a%d %016lx\n", i,
		    tf->tf_a[i], i + 1, tf->tf_a[i + 1], i + 2, tf->tf_a[i + 2],
		    i + 3, tf->tf_a[i + 3]);
	printf(" s3 %016lx  s4 %016lx  s5 %016lx  s6 %016lx\n", tf->tf_s3,
	    tf->tf_s4, tf->tf_s5, tf->tf_s6);
	printf(" s7 %016lx  s8 %016lx  s9 %016lx s10 %016lx\n", tf->tf_s7,
	    tf->tf_s8, tf->tf_s9, tf->tf_s10);
	printf("s11 %016lx  t0 %016lx  t1 %016lx  t2 %016lx\n", tf->tf_s11,
	    tf->tf_t0, tf->tf_t1, tf->tf_t2);
	printf(" t3 %016lx  t4 %016lx  t5 %016lx  t6 %016lx\n", tf->tf_t3,
	    tf->tf_t4, tf->tf_t5, tf->tf_t6);
	printf("sstatus %016lx scause %016lx stval %016lx\n", tf->tf_sstatus,
	    tf->tf_scause, tf->tf_stval);
}
