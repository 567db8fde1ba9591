/*
 * The pmap(9) conformance suite: what a port must do, tested through pmap.h
 * alone (UVM-API.md part 5).  README.md says how a port uses it.
 *
 * Tests see an address space as a program does that runs in it without
 * uvm_fault(): an access works, or it faults.  pmap_fault() is asked first, as
 * the trap handler does, so reference and modify emulation and spurious faults
 * do not show.
 */
#ifndef _TESTS_CONFORM_CONFORM_H_
#define _TESTS_CONFORM_CONFORM_H_

#include <sys/param.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/ktest.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <pmap/pmap.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

#define MB2 (2UL << 20)
#define GB1 (1UL << 30)
/* User addresses of the tests: the middle of a 2 MiB range. */
#define UVA   0x10100000UL
#define AT(n) (UVA + ptoa(n))

/* -- Accesses (conform.c) --------------------------------------------------- */

/*
 * The address space a thread is in.
 * Locks used to protect members: t only the thread itself
 */
struct conf_user {
	struct vmspace cu_vm; /* [t] an empty map over the pmap */
	struct vmspace *cu_old; /* [t] where the thread was before */
};
/* => curproc runs in pm, as a user thread would, on whatever hart it is */
void conf_use(struct conf_user *cu, struct pmap *pm);
/* => back to where it was; pm is not active on this hart */
void conf_unuse(struct conf_user *cu);

/*
 * An access by a program in pm, or by the kernel if pm is its own, to the
 * 64-bit word at va.  Enters pm for a moment unless the thread is in it.
 * => 0, or EFAULT
 * => nobody changes the mapping meanwhile; on a machine model, the test fails
 *    if any allowed outcome is not what the pmap says
 */
int conf_load(struct pmap *pm, vaddr_t va, uint64_t *value);
int conf_store(struct pmap *pm, vaddr_t va, uint64_t value);
/*
 * Fetch, from conf_code(n): *value is n.
 * => user addresses only; ENOEXEC: there is something else
 */
int conf_fetch(struct pmap *pm, vaddr_t va, uint64_t *value);
/*
 * An access while others change the mapping.  When *revoked is not 0, they have
 * taken the right away, in the round of that number: the test fails if the
 * access works all the same.
 * => 0, or EFAULT; access: PROT_READ or PROT_WRITE; *value: to store or loaded
 */
int conf_race(struct pmap *pm, vaddr_t va, vm_prot_t access, uint64_t *value,
    const volatile uint32_t *revoked);
/* => the value loaded from va, ~0 if that faults */
uint64_t conf_peek(struct pmap *pm, vaddr_t va);
/* => what of PROT_* a program may do at va, found by trying; stores back what
 *    it loaded or, if it may not load, 0; the page holds code */
vm_prot_t conf_rights(struct pmap *pm, vaddr_t va);

/* -- For each target (conform_guest.c, conform_host.c) ------------------------ */

/*
 * One access of curproc, which is in pm (or pm is the kernel's), as above.
 * => revoked NULL: nobody changes the mapping meanwhile
 */
int conf_access(struct pmap *pm, vaddr_t va, vm_prot_t access, uint64_t *value,
    const volatile uint32_t *revoked);
/* => FALSE: the machine may set the reference attribute without an access */
bool conf_exact_reference(void);
/* The kernel has written through its direct map. */
void conf_wrote(paddr_t pa, size_t len);

/* -- Pages (conform.c) --------------------------------------------------------- */

#define CONF_NPG 8

/* A pmap and pages that nobody owns: all zero, no attributes. */
struct conf {
	struct pmap *pm;
	struct vm_page *pg[CONF_NPG];
};
void conf_setup(struct conf *f);
/* => whatever is mapped goes; the pages are freed, the pmap destroyed */
void conf_teardown(struct conf *f);
/* => a page of zeros; sleeps for memory; conf_free_page() unmaps and frees it */
struct vm_page *conf_page(void);
void conf_free_page(struct vm_page *pg);
/* => pmap_remove() of everything, pmap_destroy() */
void conf_destroy(struct pmap *pm);
/* => page's word at byte offset off, from the kernel's side */
uint64_t conf_get(struct vm_page *pg, vsize_t off);
void conf_put(struct vm_page *pg, vsize_t off, uint64_t value);
/* => every word of the page is value */
void conf_fill(struct vm_page *pg, uint64_t value);

/* A program of two instructions that returns n < 2048: see conf_fetch(). */
#define CONF_CODE(n) (0x0000007300000513UL | (uint64_t)(n) << 20)

/* => pmap_enter of a page at a slot's address, which must work */
#define CONF_ENTER(f, slot, page, prot, flags)                              \
	KT_EQ(pmap_enter((f)->pm, AT(slot), VM_PAGE_TO_PHYS((f)->pg[page]), \
		  (prot), (flags)),                                         \
	    0)
/* => TRUE: pg is what is mapped at va */
bool conf_maps(struct pmap *pm, vaddr_t va, struct vm_page *pg);
/* => what pmap_probe() says, PROT_NONE if nothing is mapped */
vm_prot_t conf_probe(struct pmap *pm, vaddr_t va);
/* => both attributes are clear */
void conf_clear(struct vm_page *pg);

/*
 * => TRUE: the reference attribute is `want', which it need not be FALSE where
 *    speculation sets it
 */
bool conf_referenced_is(struct vm_page *pg, bool want);

/* -- Harts (conform.c) ------------------------------------------------------------ */

/* => fn(arg) has run on every hart, one after the other */
void conf_on_each_hart(void (*fn)(void *), void *arg);
/* => a few hundred steps of the other harts later */
void conf_pause(void);

/*
 * How much of what is random or a race: emulated harts are slow, and slower
 * still when they wait for each other in the firmware.
 */
#ifdef HOST_SIM
#define CONF_MUCH(n) (n)
#else
#define CONF_MUCH(n) ((n) / 5)
#endif

#endif
