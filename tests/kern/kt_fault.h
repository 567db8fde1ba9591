/*
 * Helpers for tests of faults, amaps and loans: address spaces of no process,
 * whose pages are reached through the direct map.
 */
#ifndef _TESTS_KERN_KT_FAULT_H_
#define _TESTS_KERN_KT_FAULT_H_

#include <sys/ktest.h>
#include <sys/uio.h>
#include <uvm/uvm.h>

#define KTF_BASE 0x10000000UL /* where the tests map */

/* The fault group of struct uvmexp (UVM-API.md 3.6), and faults. */
#define KTF_MEMBERS(X) \
	X(faults)      \
	X(fltnoram)    \
	X(fltnoanon)   \
	X(fltpgwait)   \
	X(fltpgrele)   \
	X(fltrelck)    \
	X(fltrelckok)  \
	X(fltanget)    \
	X(fltanretry)  \
	X(fltamcopy)   \
	X(fltnamap)    \
	X(fltnomap)    \
	X(fltlget)     \
	X(fltget)      \
	X(flt_anon)    \
	X(flt_acow)    \
	X(flt_obj)     \
	X(flt_prcopy)  \
	X(flt_przero)

#define KTF_DECLARE(m) int m; /* [thread] */
struct ktf_delta {
	KTF_MEMBERS(KTF_DECLARE)
};

/* The group moved exactly as given since the snapshot; members not named: 0. */
#define KTF_EXPECT(snap, ...)                  \
	ktf_expect(__LINE__, __FILE__, (snap), \
	    &(const struct ktf_delta){ __VA_ARGS__ })

void ktf_expect(int line, const char *file, const struct uvmexp *snap,
    const struct ktf_delta *want);

/* => a user-like address space; uvmspace_free() ends it */
struct vmspace *ktf_space(void);
/* => private anonymous memory at KTF_BASE, advice as given */
void ktf_map_anon(struct vmspace *vm, int npages, int advice);
/* => uobj (whose reference is taken over) at va; shared, or copy-on-write */
void ktf_map_obj(struct vmspace *vm, vaddr_t va, struct uvm_object *uobj,
    int npages, bool cow, int advice);
/* => page i of the mappings at KTF_BASE */
#define KTF_VA(i) (KTF_BASE + ptoa(i))
/* => errno of a fault at page i */
int ktf_fault(struct vmspace *vm, int i, vm_prot_t access);
/* => word at the start of page i, faulting as a program would; panics if not */
uint64_t ktf_read(struct vmspace *vm, int i);
void ktf_write(struct vmspace *vm, int i, uint64_t value);
/* => errno of uvm_io() of a word, from outside, whatever rights vm has */
int ktf_word_io(struct vmspace *vm, vaddr_t va, uint64_t *word, enum uio_rw rw);
/* => page mapped at va, or NULL */
struct vm_page *ktf_page(struct vmspace *vm, vaddr_t va);
/* => rights of the mapping at page i, or -1: none */
int ktf_prot(struct vmspace *vm, int i);
/* => mappings of pages [i, j) go, the pages stay */
void ktf_unmap_hw(struct vmspace *vm, int i, int j);
/* => the entry that holds page i; no lock: nobody else uses the space */
struct vm_map_entry *ktf_entry(struct vmspace *vm, int i);

#ifdef FAULT_INJECT
/* => from now on the nth allocation that this thread asks for fails */
void ktf_fail_nth(int nth);
/* => none fails any more, nobody's; as many were asked for */
int ktf_fail_end(void);
#endif

#endif
