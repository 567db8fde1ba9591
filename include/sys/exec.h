/* Replacing a program: what execve gathers before it is too late. */
#ifndef _SYS_EXEC_H_
#define _SYS_EXEC_H_

#include <sys/param.h>

struct proc;
struct uvm_object;
struct vnode;

#define EXEC_ARG_MAX     (128 * 1024) /* bytes of argument and environment text */
#define EXEC_HDR_MAX     4096 /* bytes of a file that are looked at */
#define EXEC_SEGS_MAX    16
#define EXEC_SCRIPTS_MAX 4 /* scripts run by scripts */

/*
 * Arguments: argc strings, then envc strings, each with its NUL.
 * All members belong to the thread that execs.
 */
struct execargs {
	char ea_path[MAXPATHLEN]; /* [thread] program, as named by the caller */
	char *ea_text; /* [thread] strings */
	size_t ea_size; /* [thread] bytes allocated */
	size_t ea_len; /* [thread] bytes used */
	int ea_argc, ea_envc; /* [thread] */
	bool ea_fatal; /* [thread] failed when the old program was gone */
};

/* => empty, ea_path not set / storage back */
void execargs_init(struct execargs *ea);
void execargs_free(struct execargs *ea);
/* => append a string in user / kernel space; 0, E2BIG, EFAULT; may sleep */
int execargs_add_user(struct execargs *ea, uint64_t uaddr);
int execargs_add(struct execargs *ea, const char *s);
/* => put a string in front of all others; 0 or E2BIG */
int execargs_prepend(struct execargs *ea, const char *s);
/* => remove the first string, if there is one */
void execargs_shift(struct execargs *ea);

/* A loadable part of a program; addresses without the load bias. */
struct exec_seg {
	uint64_t es_vaddr, es_memsz; /* [thread] bytes */
	uint64_t es_offset, es_filesz; /* [thread] bytes of the file */
	vm_prot_t es_prot; /* [thread] */
};

/* What an executable asks for. */
struct exec_image {
	struct vnode *ei_vp; /* [thread] referenced */
	struct uvm_object *ei_uobj; /* [thread] its pages, referenced */
	off_t ei_size; /* [thread] bytes in the file */
	struct exec_seg ei_seg[EXEC_SEGS_MAX]; /* [thread] ascending */
	int ei_nsegs; /* [thread] */
	bool ei_dynamic; /* [thread] ET_DYN: position-independent */
	uint64_t ei_entry; /* [thread] address of the first instruction */
	uint64_t ei_phdr; /* [thread] address of the program headers; 0: none */
	uint32_t ei_phnum; /* [thread] */
	vaddr_t ei_bias; /* [thread] added to all addresses when loaded */
};

/* What a displacement is for: each use of a seed has its own. */
enum aslr_use { ASLR_PIE = 1, ASLR_BRK, ASLR_STACK, ASLR_SP, ASLR_SIGCODE };
/* => number below spread, made from the seed; 0 for seed 0 */
uint64_t aslr_value(uint64_t seed, enum aslr_use use, uint64_t spread);

/* exec_elf.c */
/*
 * Look at the first hdrlen bytes of a file.
 * => 0, or ENOEXEC: not an ELF program for this machine, or one that is
 *    broken; nothing outside hdr[0 .. hdrlen) is read
 */
int elf_check(
    struct exec_image *ei, const void *hdr, size_t hdrlen, const char *name);
/* => p's new, empty address space gets the image; 0 or errno */
int elf_load(struct proc *p, struct exec_image *ei);
/* => stack mapped, strings and vectors on it; *spp: initial stack pointer */
int exec_stack(
    struct proc *p, struct exec_image *ei, struct execargs *ea, vaddr_t *spp);

#endif
