/*
 * ELF programs: checking the file, mapping it, building the first stack.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/elf.h>
#include <sys/errno.h>
#include <sys/exec.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/timeout.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>

#define PIE_BASE     0x2aaaaaa000UL /* two thirds up the address space */
#define PIE_SPREAD   (1UL << 20) /* pages it is moved by at most */
#define STACK_SPREAD (1UL << 12) /* pages */
#define BRK_SPREAD   (1UL << 13) /* pages, for PIE */
#define STACK_MIN    (EXEC_ARG_MAX + (128UL << 10)) /* region, bytes */
#define ISA_BIT(c)   (1UL << ((c) - 'A'))
#define HWCAP                                                        \
	(ISA_BIT('I') | ISA_BIT('M') | ISA_BIT('A') | ISA_BIT('F') | \
	    ISA_BIT('D') | ISA_BIT('C'))

/* -- Checking ----------------------------------------------------------------- */

static int
elf_refuse(const char *name, const char *why)
{
	printf("exec: %s: %s\n", name, why);
	return ENOEXEC;
}

static bool
elf_ident_ok(const struct elf64_ehdr *eh)
{
	return eh->e_ident[0] == ELF_MAG0 && eh->e_ident[1] == 'E' &&
	    eh->e_ident[2] == 'L' && eh->e_ident[3] == 'F' &&
	    eh->e_ident[4] == ELFCLASS64 && eh->e_ident[5] == ELFDATA2LSB &&
	    eh->e_ident[6] == EV_CURRENT;
}

static bool
elf_header_ok(const struct elf64_ehdr *eh, size_t hdrlen)
{
	uint64_t tablesize;

	if (!elf_ident_ok(eh) || eh->e_machine != EM_RISCV ||
	    eh->e_version != EV_CURRENT ||
	    (eh->e_type != ET_EXEC && eh->e_type != ET_DYN))
		return false;
	if (eh->e_phentsize != sizeof(struct elf64_phdr) || eh->e_phnum == 0)
		return false;
	tablesize = (uint64_t)eh->e_phnum * sizeof(struct elf64_phdr);
	return eh->e_phoff % 8 == 0 && eh->e_phoff <= hdrlen &&
	    tablesize <= hdrlen - eh->e_phoff;
}

static vm_prot_t
elf_prot(uint32_t flags)
{
	vm_prot_t prot = PROT_NONE;

	if (flags & PF_R)
		prot |= PROT_READ;
	if (flags & PF_W)
		prot |= PROT_READ | PROT_WRITE;
	if (flags & PF_X)
		prot |= PROT_EXEC;
	return prot;
}

/*
 * => why a PT_LOAD header is refused, or NULL; prev_end: end of the segment
 *    before, a page boundary
 */
static const char *
elf_seg_fault(
    const struct exec_image *ei, const struct elf64_phdr *ph, uint64_t prev_end)
{
	if (ph->p_memsz < ph->p_filesz)
		return "segment larger in the file than in memory";
	if (ph->p_vaddr >= VM_MAXUSER_ADDRESS ||
	    ph->p_memsz > VM_MAXUSER_ADDRESS - ph->p_vaddr)
		return "segment outside user space";
	if ((ph->p_vaddr - ph->p_offset) & PAGE_MASK)
		return "segment not aligned to pages";
	if (ph->p_filesz != 0 &&
	    (ph->p_offset > (uint64_t)ei->ei_size ||
		ph->p_filesz > (uint64_t)ei->ei_size - ph->p_offset))
		return "segment past the end of the file";
	if (trunc_page(ph->p_vaddr) < prev_end)
		return "segments overlap or are not in order";
	if ((ph->p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
		return "segment both writable and executable";
	if (ei->ei_nsegs == EXEC_SEGS_MAX)
		return "too many segments";
	return NULL;
}

static int
elf_add_seg(
    struct exec_image *ei, const struct elf64_phdr *ph, const char *name)
{
	struct exec_seg *es = &ei->ei_seg[ei->ei_nsegs];
	const struct exec_seg *prev = es - 1;
	uint64_t prev_end = 0;
	const char *why;

	if (ph->p_memsz == 0)
		return 0;
	if (ei->ei_nsegs > 0)
		prev_end = round_page(prev->es_vaddr + prev->es_memsz);
	why = elf_seg_fault(ei, ph, prev_end);
	if (why != NULL)
		return elf_refuse(name, why);
	es->es_vaddr = ph->p_vaddr;
	es->es_memsz = ph->p_memsz;
	es->es_offset = ph->p_offset;
	es->es_filesz = ph->p_filesz;
	es->es_prot = elf_prot(ph->p_flags);
	ei->ei_nsegs++;
	return 0;
}

/*
 * => address the file offset is loaded at, 0: not loaded
 */
static uint64_t
elf_address_of(const struct exec_image *ei, uint64_t off, uint64_t len)
{
	const struct exec_seg *es;

	for (int i = 0; i < ei->ei_nsegs; i++) {
		es = &ei->ei_seg[i];
		if (off >= es->es_offset && len <= es->es_filesz &&
		    off - es->es_offset <= es->es_filesz - len)
			return es->es_vaddr + (off - es->es_offset);
	}
	return 0;
}

/* => does the program start in something it may execute? */
static bool
elf_entry_ok(const struct exec_image *ei)
{
	const struct exec_seg *es;

	for (int i = 0; i < ei->ei_nsegs; i++) {
		es = &ei->ei_seg[i];
		if ((es->es_prot & PROT_EXEC) &&
		    ei->ei_entry - es->es_vaddr < es->es_memsz)
			return true;
	}
	return false;
}

int
elf_check(
    struct exec_image *ei, const void *hdr, size_t hdrlen, const char *name)
{
	const struct elf64_ehdr *eh = hdr;
	const struct elf64_phdr *ph;
	int error;

	if (hdrlen < sizeof(*eh) || !elf_header_ok(eh, hdrlen))
		return ENOEXEC;
	ei->ei_nsegs = 0;
	ph = (const void *)((const char *)hdr + eh->e_phoff);
	for (int i = 0; i < eh->e_phnum; i++, ph++) {
		if (ph->p_type == PT_INTERP)
			return elf_refuse(name, "dynamically linked");
		if (ph->p_type != PT_LOAD)
			continue;
		error = elf_add_seg(ei, ph, name);
		if (error != 0)
			return error;
	}
	ei->ei_dynamic = eh->e_type == ET_DYN;
	ei->ei_entry = eh->e_entry;
	ei->ei_phnum = eh->e_phnum;
	ei->ei_phdr = elf_address_of(
	    ei, eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(*ph));
	if (!elf_entry_ok(ei))
		return elf_refuse(name, "entry point not in the program text");
	if (!ei->ei_dynamic && ei->ei_seg[0].es_vaddr < VM_MIN_ADDRESS)
		return elf_refuse(name, "segment at address 0");
	return 0;
}

/* -- Mapping ------------------------------------------------------------------- */

/*
 * One seed gives all displacements of an address space, so that a test that
 * fixes it gets the same layout again.
 */
uint64_t
aslr_value(uint64_t seed, enum aslr_use use, uint64_t spread)
{
	uint64_t x = seed + (uint64_t)use * 0x9e3779b97f4a7c15UL;

	if (seed == 0)
		return 0;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebUL;
	return (x ^ (x >> 31)) % spread;
}

static void
elf_choose_bias(struct vm_map *map, struct exec_image *ei)
{
	ei->ei_bias = 0;
	if (ei->ei_dynamic)
		ei->ei_bias = PIE_BASE +
		    ptoa(aslr_value(map->vm_seed, ASLR_PIE, PIE_SPREAD)) -
		    trunc_page(ei->ei_seg[0].es_vaddr);
}

/*
 * The pages of a segment that come from the file; private, so that a write
 * copies them, and all processes share those nobody writes to.
 */
static int
elf_map_file(struct vm_map *map, struct exec_image *ei,
    const struct exec_seg *es, vm_prot_t prot)
{
	vaddr_t va = trunc_page(ei->ei_bias + es->es_vaddr);
	vaddr_t end = round_page(ei->ei_bias + es->es_vaddr + es->es_filesz);
	int error;

	if (es->es_filesz == 0)
		return 0;
	ei->ei_uobj->pgops->pgo_reference(ei->ei_uobj);
	error = uvm_map(map, &va, end - va, ei->ei_uobj,
	    (voff_t)trunc_page(es->es_offset), 0,
	    UVM_MAPFLAG(prot, UVM_PROT_ALL, MAP_INHERIT_COPY, MADV_NORMAL,
		UVM_FLAG_FIXED | UVM_FLAG_COPYONW));
	if (error != 0)
		ei->ei_uobj->pgops->pgo_detach(ei->ei_uobj);
	return error;
}

/*
 * The rest of a segment is zero: whole pages are anonymous memory, the tail of
 * the last page from the file is cleared through its user address.
 */
static int
elf_map_zero(struct vm_map *map, struct exec_image *ei,
    const struct exec_seg *es, vm_prot_t prot)
{
	static const char zeros[PAGE_SIZE];
	vaddr_t start = ei->ei_bias + es->es_vaddr + es->es_filesz;
	vaddr_t end = ei->ei_bias + es->es_vaddr + es->es_memsz;
	vaddr_t page =
	    es->es_filesz != 0 ? round_page(start) : trunc_page(start);
	int error;

	if (es->es_filesz != 0 && page > start) {
		error = copyout(zeros, (void *)start, MIN(page, end) - start);
		if (error != 0)
			return error;
	}
	if (end <= page)
		return 0;
	return uvm_map(map, &page, round_page(end) - page, NULL,
	    UVM_UNKNOWN_OFFSET, 0,
	    UVM_MAPFLAG(prot, UVM_PROT_ALL, MAP_INHERIT_COPY, MADV_NORMAL,
		UVM_FLAG_FIXED | UVM_FLAG_COPYONW));
}

static int
elf_map_seg(
    struct vm_map *map, struct exec_image *ei, const struct exec_seg *es)
{
	bool zero = es->es_memsz > es->es_filesz;
	vm_prot_t prot = es->es_prot;
	vaddr_t start, end;
	int error;

	/* Clearing part of a page takes the right to write it. */
	if (zero)
		prot = PROT_READ | PROT_WRITE;
	error = elf_map_file(map, ei, es, prot);
	if (error == 0 && zero)
		error = elf_map_zero(map, ei, es, prot);
	if (error == 0 && prot != es->es_prot) {
		start = trunc_page(ei->ei_bias + es->es_vaddr);
		end = round_page(ei->ei_bias + es->es_vaddr + es->es_memsz);
		error = uvm_map_protect(map, start, end, es->es_prot, FALSE);
	}
	return error;
}

/* What procmap shows, and where brk memory begins. */
static void
elf_note_layout(struct vmspace *vm, struct exec_image *ei)
{
	const struct exec_seg *es;
	vaddr_t end;

	vm->vm_tsize = vm->vm_dsize = 0;
	vm->vm_taddr = vm->vm_daddr = 0;
	for (int i = 0; i < ei->ei_nsegs; i++) {
		es = &ei->ei_seg[i];
		if (es->es_prot & PROT_EXEC) {
			vm->vm_taddr = ei->ei_bias + es->es_vaddr;
			vm->vm_tsize += atop(round_page(es->es_memsz));
		} else if (es->es_prot & PROT_WRITE) {
			vm->vm_daddr = ei->ei_bias + es->es_vaddr;
			vm->vm_dsize += atop(round_page(es->es_memsz));
		}
	}
	es = &ei->ei_seg[ei->ei_nsegs - 1];
	end = round_page(ei->ei_bias + es->es_vaddr + es->es_memsz);
	if (ei->ei_dynamic)
		end +=
		    ptoa(aslr_value(vm->vm_map.vm_seed, ASLR_BRK, BRK_SPREAD));
	vm->vm_brkbase = vm->vm_brk = end;
}

int
elf_load(struct proc *p, struct exec_image *ei)
{
	struct vmspace *vm = p->p_vmspace;
	int error = 0;

	elf_choose_bias(&vm->vm_map, ei);
	for (int i = 0; i < ei->ei_nsegs && error == 0; i++)
		error = elf_map_seg(&vm->vm_map, ei, &ei->ei_seg[i]);
	if (error == 0)
		elf_note_layout(vm, ei);
	return error;
}

/* -- The first stack ------------------------------------------------------------ */

/*
 * Map the stack region.  It is as large as the hard limit allows; how much of
 * it may be used is uvm_grow()'s to say.
 */
static int
exec_map_stack(struct proc *p)
{
	struct vmspace *vm = p->p_vmspace;
	vsize_t size = MIN(lim_max(p->p_p, RLIMIT_STACK), MAXSSIZ);
	vaddr_t top, start;
	int error;

	size = MAX(trunc_page(size), STACK_MIN);
	top = USRSTACK -
	    ptoa(aslr_value(vm->vm_map.vm_seed, ASLR_STACK, STACK_SPREAD));
	start = top - size;
	error = uvm_map(&vm->vm_map, &start, size, NULL, UVM_UNKNOWN_OFFSET, 0,
	    UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, MAP_INHERIT_COPY, MADV_NORMAL,
		UVM_FLAG_FIXED | UVM_FLAG_COPYONW | UVM_FLAG_STACK));
	if (error != 0)
		return error;
	vm->vm_maxsaddr = start;
	vm->vm_minsaddr = top;
	vm->vm_ssize = 0;
	return 0;
}

#define AUX_PAIRS 18

static int
exec_auxv(struct proc *p, struct exec_image *ei, vaddr_t execfn, vaddr_t random,
    uint64_t *aux)
{
	struct uvm_ucred *cr = p->p_p->ps_cred;
	const uint64_t values[][2] = {
		{ AT_PHDR, ei->ei_phdr != 0 ? ei->ei_phdr + ei->ei_bias : 0 },
		{ AT_PHENT, sizeof(struct elf64_phdr) },
		{ AT_PHNUM, ei->ei_phnum },
		{ AT_PAGESZ, PAGE_SIZE },
		{ AT_BASE, 0 },
		{ AT_FLAGS, 0 },
		{ AT_ENTRY, ei->ei_entry + ei->ei_bias },
		{ AT_UID, cr->cr_ruid },
		{ AT_EUID, cr->cr_uid },
		{ AT_GID, cr->cr_rgid },
		{ AT_EGID, cr->cr_gid },
		{ AT_SECURE, 0 },
		{ AT_HWCAP, HWCAP },
		{ AT_CLKTCK, HZ },
		{ AT_RANDOM, random },
		{ AT_EXECFN, execfn },
		{ AT_NULL, 0 },
	};
	CTASSERT(nitems(values) <= AUX_PAIRS);

	memcpy(aux, values, sizeof(values));
	return (int)nitems(values);
}

/*
 * Fill in the pointers to n strings that lie one behind the other.
 * => bytes of text passed over
 */
static size_t
exec_pointers(uint64_t *vec, int n, const char *text, vaddr_t uaddr)
{
	size_t off = 0;

	for (int i = 0; i < n; i++) {
		vec[i] = uaddr + off;
		off += strlen(text + off) + 1;
	}
	vec[n] = 0;
	return off;
}

/*
 * From the top down: path of the program, argument and environment text, 16
 * random bytes; then, ascending from the stack pointer: argc, argv, NULL,
 * envp, NULL, auxiliary vector.
 */
int
exec_stack(
    struct proc *p, struct exec_image *ei, struct execargs *ea, vaddr_t *spp)
{
	size_t pathlen = strlen(ea->ea_path) + 1, nwords, veclen, off;
	vaddr_t execfn, text, random, sp;
	uint64_t *vec, *end;
	uint8_t seed[16];
	int error;

	error = exec_map_stack(p);
	if (error != 0)
		return error;
	sp = p->p_vmspace->vm_minsaddr - sizeof(uint64_t);
	sp -= aslr_value(p->p_vmspace->vm_map.vm_seed, ASLR_SP, PAGE_SIZE);
	execfn = sp - pathlen;
	text = execfn - ea->ea_len;
	random = rounddown2(text - sizeof(seed), 16);
	nwords = 1 + (size_t)ea->ea_argc + 1 + (size_t)ea->ea_envc + 1;
	veclen = (nwords + 2 * AUX_PAIRS) * sizeof(*vec);
	vec = kmem_alloc(veclen, PR_WAITOK);
	vec[0] = (uint64_t)ea->ea_argc;
	off = exec_pointers(vec + 1, ea->ea_argc, ea->ea_text, text);
	p->p_vmspace->vm_argaddr = text;
	p->p_vmspace->vm_arglen = off;
	exec_pointers(vec + 1 + ea->ea_argc + 1, ea->ea_envc, ea->ea_text + off,
	    text + off);
	end = vec + nwords;
	end += 2 * exec_auxv(p, ei, execfn, random, end);
	sp = rounddown2(random - (size_t)(end - vec) * sizeof(*vec), 16);
	p->p_vmspace->vm_auxaddr = sp + nwords * sizeof(*vec);
	p->p_vmspace->vm_auxlen =
	    (vsize_t)(end - vec - (ssize_t)nwords) * sizeof(*vec);
	p->p_vmspace->vm_ssize =
	    atop(p->p_vmspace->vm_minsaddr - trunc_page(sp));

	arc4random_buf(seed, sizeof(seed));
	error = copyout(vec, (void *)sp, (size_t)(end - vec) * sizeof(*vec));
	if (error == 0)
		error = copyout(seed, (void *)random, sizeof(seed));
	if (error == 0)
		error = copyout(ea->ea_text, (void *)text, ea->ea_len);
	if (error == 0)
		error = copyout(ea->ea_path, (void *)execfn, pathlen);
	kmem_free(vec, veclen);
	*spp = sp;
	return error;
}
