/* The simulated machine for its own files. */
#ifndef _TESTS_SIM_HOST_MACHINE_H_
#define _TESTS_SIM_HOST_MACHINE_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/proc.h>
#include <pmap/host/mmu_model.h>
#include <tests/sim/host/host.h>
#include <tests/sim/sim.h>

/*
 * Everything here belongs to the one host thread; fields of a hart are saved
 * when another hart executes.
 */
struct sim_hart {
	struct host_fiber *h_fiber; /* context it goes on in */
	struct proc *h_proc; /* its curproc */
	struct cpu_info *h_cpu;
	uint64_t h_stalled; /* rests until there were so many decisions */
	uint64_t h_timer; /* uptime of the timer interrupt; INFSLP: none */
	vaddr_t h_idlezero; /* page that it zeroes but is zero; 0: none */
	bool h_sie; /* interrupts enabled */
	bool h_due; /* timer interrupt pending */
	bool h_idle; /* waits for an interrupt */
};
extern struct sim_hart sim_harts[MAXCPUS];
extern u_int sim_cur; /* index of the hart that executes */

/* => before anything runs: hart 0 executes on the caller's fiber */
void sim_machine_init(void);
/* => before a thread is ready: its address space follows satp */
void sim_access_init(void);
/* => the hart that executes runs on the kernel's tables */
void sim_paging_on(struct cpu_info *ci);
/* => RAM and the kernel's tables exist, segments are loaded */
void sim_memory_init(void);
/* => translation of an access of the hart that executes, faults not resolved */
bool sim_translate(vaddr_t va, enum mmu_access access, bool user, paddr_t *pap);
/* => kernel mappings changed: the host's views of them go */
void sim_kva_forget(vaddr_t va, vsize_t size);
static inline void *
sim_ram(paddr_t pa)
{
	return (void *)PHYS_TO_DMAP(pa);
}
bool sim_is_ram(paddr_t pa);
/* => a page of zeros that is no part of a segment */
paddr_t sim_zero_page(void);
/* => the log's end, for sim_fail() */
void sim_console_init(void);
void sim_console_dump(void);
int sim_exit_status(void);

#endif
