/* What of a process's memory goes into its core file (UVM-API.md 1.11). */
#include <sys/core.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/uio.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>

/* A segment: its header is made at once, its bytes are found later. */
struct coreseg {
	vaddr_t cs_start, cs_end; /* [thread] */
	off_t cs_off; /* [thread] in the file */
	bool cs_bytes; /* [thread] FALSE: listed only, they are in a file */
	vm_prot_t cs_prot; /* [thread] */
};

/* A dump; all members belong to the thread that dumps. */
struct dump {
	struct proc *p; /* [thread] */
	vm_map_t map; /* [thread] */
	struct vnode *vp; /* [thread] */
	struct core *c; /* [thread] */
	char *buf; /* [thread] MAXBSIZE bytes */
};

/*
 * Does the entry go into the file?  What can be written does, and what could
 * once: it has private pages.  A file that is shared keeps its own contents.
 * => map locked
 */
static bool
segment_of(struct vmspace *vm, const struct vm_map_entry *e, struct coreseg *cs)
{
	const struct uvm_object *uobj = e->object.uvm_obj;

	if (UVM_ET_ISHOLE(e) || UVM_ET_ISSUBMAP(e) ||
	    ((e->me_flags & ME_NODUMP) && !MUTANT(CORE_DUMPS_ALL)))
		return false;
	if (UVM_ET_ISOBJ(e) && uobj->pgops->pgo_fault != NULL)
		return false;
	if (!(e->protection & PROT_WRITE) && e->aref.ar_amap == NULL &&
	    !MUTANT(CORE_DUMPS_ALL))
		return false;
	cs->cs_start = e->start;
	cs->cs_end = e->end;
	/* the stack is mapped as large as it may become */
	if (e->start >= vm->vm_maxsaddr && e->end <= vm->vm_minsaddr)
		cs->cs_start =
		    MAX(e->start, vm->vm_minsaddr - ptoa(vm->vm_ssize));
	if (cs->cs_start >= cs->cs_end)
		return false;
	cs->cs_prot = e->protection;
	cs->cs_bytes = UVM_ET_ISCOPYONWRITE(e) || !UVM_ET_ISOBJ(e) ||
	    UVM_OBJ_IS_AOBJ(uobj);
	return true;
}

/* => segments of the map, the first max of them in seg[] */
static int
collect(struct vmspace *vm, struct coreseg *seg, int max)
{
	vm_map_t map = &vm->vm_map;
	struct vm_map_entry *e;
	struct coreseg one;
	int n = 0;

	vm_map_lock_read(map);
	VM_MAP_FOREACH (e, map) {
		if (!segment_of(vm, e, &one))
			continue;
		if (n < max)
			seg[n] = one;
		n++;
	}
	vm_map_unlock_read(map);
	return n;
}

int
uvm_coredump_segments(struct proc *p)
{
	return collect(p->p_vmspace, NULL, 0);
}

/* -- Bytes --------------------------------------------------------------------------- */

/* => map and object locked: is there such a page, in memory or in swap? */
static bool
aobj_has(struct uvm_object *uobj, voff_t off)
{
	return uvm_pagelookup(uobj, off) != NULL ||
	    uao_find_swslot(uobj, (u_long)atop(off)) > 0;
}

/*
 * Does the page hold anything?  What nobody touched stays a hole in the file,
 * and gets no page for that.  A file's own pages are what a private mapping
 * shows where it has no copies.
 * => map read-locked
 */
static bool
page_exists(struct vm_map_entry *e, vaddr_t va)
{
	struct uvm_object *uobj = e->object.uvm_obj;
	struct vm_anon *anon = NULL;
	voff_t off;
	bool has;

	if (MUTANT(CORE_TOUCHES_ALL))
		return true;
	if (e->aref.ar_amap != NULL) {
		amap_lock_read(e->aref.ar_amap);
		anon = amap_lookup(&e->aref, va - e->start);
		amap_unlock(e->aref.ar_amap);
	}
	if (anon != NULL || !UVM_ET_ISOBJ(e))
		return anon != NULL;
	if (!UVM_OBJ_IS_AOBJ(uobj))
		return true;
	off = e->offset + (voff_t)(va - e->start);
	rw_enter_read(&uobj->uo_lock);
	has = aobj_has(uobj, off);
	rw_exit(&uobj->uo_lock);
	return has;
}

/*
 * => end of the pages from va on, below end, that are all as the first one:
 *    *existp: to be written; others are holes
 */
static vaddr_t
find_run(vm_map_t map, vaddr_t va, vaddr_t end, bool *existp)
{
	struct vm_map_entry *e;

	*existp = false;
	vm_map_lock_read(map);
	if (uvm_map_lookup_entry(map, va, &e)) {
		end = MIN(end, e->end);
		*existp = page_exists(e, va);
		for (va += PAGE_SIZE; va < end; va += PAGE_SIZE)
			if (page_exists(e, va) != *existp)
				break;
	} else
		va = end;
	vm_map_unlock_read(map);
	return va;
}

/* => 0, or EFAULT, EIO: cannot be read */
static int
read_memory(struct dump *d, vaddr_t va, vsize_t len)
{
	struct iovec iov = { d->buf, len };
	struct uio uio = { &iov, 1, (off_t)va, len, UIO_SYSSPACE, UIO_READ,
		NULL };
	int error = uvm_io(d->map, &uio);

	return error == 0 && uio.uio_resid != 0 ? EFAULT : error;
}

/* Pages that exist. => errno of the write, EINTR: killed */
static int
write_run(struct dump *d, vaddr_t va, vaddr_t end, off_t off)
{
	vsize_t len;
	int error = 0;

	for (; error == 0 && va < end; va += len, off += (off_t)len) {
		len = MIN(end - va, MAXBSIZE);
		if (sig_killed(d->p))
			return EINTR;
		if (read_memory(d, va, len) != 0) {
			/* one of them is lost, or behind the end of its file */
			len = PAGE_SIZE;
			if (read_memory(d, va, len) != 0)
				continue;
		}
		error = core_write(d->vp, d->c, d->buf, len, off);
	}
	return error;
}

static int
write_bytes(struct dump *d, const struct coreseg *cs)
{
	vaddr_t va, to;
	int error = 0;
	bool exists;

	for (va = cs->cs_start; error == 0 && va < cs->cs_end; va = to) {
		to = find_run(
		    d->map, va, MIN(cs->cs_end, va + ptoa(4096)), &exists);
		if (exists)
			error = write_run(
			    d, va, to, cs->cs_off + (off_t)(va - cs->cs_start));
		if (sig_killed(d->p))
			error = EINTR;
	}
	return error;
}

/* -- Headers ---------------------------------------------------------------------------- */

static void
make_header(struct coreseg *cs, struct core *c, struct elf64_phdr *ph)
{
	vsize_t size = cs->cs_end - cs->cs_start;

	cs->cs_off = c->c_off;
	*ph = (struct elf64_phdr){ .p_type = PT_LOAD,
		.p_flags = (cs->cs_prot & PROT_READ ? PF_R : 0) |
		    (cs->cs_prot & PROT_WRITE ? PF_W : 0) |
		    (cs->cs_prot & PROT_EXEC ? PF_X : 0),
		.p_offset = (uint64_t)c->c_off,
		.p_vaddr = cs->cs_start,
		.p_filesz = cs->cs_bytes ? size : 0,
		.p_memsz = size,
		.p_align = PAGE_SIZE };
	c->c_off += (off_t)ph->p_filesz;
}

/* All of them, so that a file that is cut off tells what is missing. */
static int
write_headers(struct dump *d, struct coreseg *seg, int n)
{
	struct elf64_phdr *ph;
	int error;

	ph = kmem_alloc((size_t)n * sizeof(*ph), PR_WAITOK);
	for (int i = 0; i < n; i++)
		make_header(&seg[i], d->c, &ph[i]);
	error =
	    core_write(d->vp, d->c, ph, (size_t)n * sizeof(*ph), d->c->c_phoff);
	d->c->c_phoff += n * (off_t)sizeof(*ph);
	kmem_free(ph, (size_t)n * sizeof(*ph));
	return error;
}

/*
 * Append p's memory to core file vp.
 * => p's memory is used by nobody else; no lock; sleeps
 * => chdr: where headers and bytes go; c_nseg counts the segments that are
 *    complete, c_off is the end of the last one
 * => 0; EFBIG: the limit; EINTR: killed meanwhile; errno of a write, which ends
 *    it
 */
int
uvm_coredump(
    struct proc *p, struct vnode *vp, struct ucred *cred, struct core *chdr)
{
	struct dump d = {
		.p = p, .map = &p->p_vmspace->vm_map, .vp = vp, .c = chdr
	};
	int n = uvm_coredump_segments(p), error;
	struct coreseg *seg;

	if (n == 0)
		return 0;
	seg = kmem_alloc((size_t)n * sizeof(*seg), PR_WAITOK);
	d.buf = kmem_alloc(MAXBSIZE, PR_WAITOK);
	if (collect(p->p_vmspace, seg, n) != n)
		error = EBUSY; /* somebody else does use it */
	else
		error = write_headers(&d, seg, n);
	for (int i = 0; error == 0 && i < n; i++) {
		if (seg[i].cs_bytes)
			error = write_bytes(&d, &seg[i]);
		if (error == 0)
			chdr->c_nseg++;
	}
	kmem_free(d.buf, MAXBSIZE);
	kmem_free(seg, (size_t)n * sizeof(*seg));
	return error;
}
