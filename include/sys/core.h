/* Core files: what uvm_coredump() and its caller tell each other. */
#ifndef _SYS_CORE_H_
#define _SYS_CORE_H_

#include <sys/types.h>
#include <sys/elf.h>

/*
 * A core file is an ELF file: the segments are listed in its table of program
 * headers, whose entries are what uvm(9) calls segment headers.
 * Fields [c]: of the thread that dumps.
 */
struct core {
	int c_nseg; /* [c] segments that are in the file, completely */
	off_t c_phoff; /* [c] where the next segment's header goes */
	off_t c_off; /* [c] where its bytes go */
	off_t c_limit; /* [c] no byte may lie there or beyond */
};

/*
 * Write n bytes at off of a core file.
 * => 0; EFBIG: the limit, what is below it was written; errno of the write
 */
struct vnode;
int core_write(struct vnode *vp, const struct core *c, const void *buf,
    size_t n, off_t off);

struct proc;
/* => how many segments uvm_coredump() would write */
int uvm_coredump_segments(struct proc *p);

#endif
