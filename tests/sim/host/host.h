/*
 * What the simulated machine needs of the host, with C types only: host.c is
 * compiled with libc's headers, everything else with the kernel's.
 */
#ifndef _TESTS_SIM_HOST_HOST_H_
#define _TESTS_SIM_HOST_HOST_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A context of execution with a stack of the host's. */
struct host_fiber {
	void *hf_sp; /* saved stack pointer, while it does not run */
	void *hf_stack; /* lowest byte */
	size_t hf_size;
	void *hf_fake; /* address sanitizer's, while it does not run */
};

/* => fiber that begins in fn(arg), which must not return; never NULL */
struct host_fiber *host_fiber_create(void (*fn)(void *), void *arg);
/* => the same fiber begins anew; it does not run */
void host_fiber_reset(struct host_fiber *hf, void (*fn)(void *), void *arg);
/* => leaves `from', which runs now; returns when someone switches back */
void host_fiber_switch(struct host_fiber *from, struct host_fiber *to);
/* => first thing in a new fiber */
void host_fiber_started(struct host_fiber *hf);
/* => the stack that p points into, the same for all of it; 0: none */
uintptr_t host_stack_of(const volatile void *p);
/* => before frames of this fiber are skipped by a jump */
void host_skip_frames(void);

/* => memory of the machine: zeroed, at a fixed address, no access elsewhere */
void host_ram(uint64_t va, uint64_t size);
/* => RAM that will be accessed soon; a hint */
void host_populate(uint64_t va, uint64_t size);
/* => has the host memory for the page at va, because of an access? */
bool host_touched_now(uint64_t va);
/* => as of the last look at the page */
bool host_touched(uint64_t va);
/* => a look at all pages */
void host_touched_look(void);
/* => a second view, at va, of the page of RAM at ram */
void host_alias(uint64_t va, uint64_t ram, bool writable);
void host_unalias(uint64_t va, uint64_t size);
/*
 * From now on accesses to [start, end) for which there is no alias go to
 * sim_host_fault(), anything else that is wild ends the process.
 */
void host_catch(uint64_t start, uint64_t end);
bool sim_host_fault(uint64_t va, bool write);

/*
 * e2fsck of an image.
 * => its exit status, and what it said; check: nothing is changed, else the
 *    image is repaired
 */
int host_fsck(void *image, size_t size, bool check, char *said, size_t room);

void host_write(int fd, const void *buf, size_t n);
void host_backtrace(void);
void host_exit(int status) __attribute__((__noreturn__));

#endif
