/* Reading and writing another address space. */
#include <sys/uio.h>
#include <uvm/uvm.h>

#define IO_TRIES 3 /* of a copy that fails for no reason that lasts */

/*
 * Copy as far as end; start, of the other address space, is at kva.  What is
 * resident may be gone when its turn comes: files are cut, swap fails.  Faults
 * that cannot be resolved have their errno here only, not in the copy.
 */
static int
io_copy(struct uio *uio, vaddr_t kva, vaddr_t start, vaddr_t end)
{
	vaddr_t kend = kva + (round_page(end) - start);
	vm_prot_t access =
	    uio->uio_rw == UIO_READ ? PROT_READ : PROT_READ | PROT_WRITE;
	int error = EFAULT, tries;
	vaddr_t va;

	for (tries = 0; error == EFAULT && tries < IO_TRIES; tries++) {
		error = uvm_map_populate(kernel_map, kva, kend, access);
		if (error != 0)
			break;
		va = (vaddr_t)uio->uio_offset;
		error = uiomove((void *)(kva + (va - start)), end - va, uio);
	}
	return error;
}

/*
 * One piece: map the pages into the kernel, copy, unmap.
 * => unlocked; 0, or errno with uio as far as it came
 */
static int
io_chunk(vm_map_t map, struct uio *uio, vaddr_t va, vsize_t len)
{
	vaddr_t start = trunc_page(va), kva = vm_map_min(kernel_map);
	vsize_t size = round_page(va + len) - start;
	int error;

	error = uvm_map_extract(map, start, size, kernel_map, &kva,
	    UVM_EXTRACT_QREF | UVM_EXTRACT_CONTIG | UVM_EXTRACT_FIXPROT);
	if (error != 0)
		return error;
	error = io_copy(uio, kva, start, va + len);
	uvm_unmap(kernel_map, kva, kva + size);
	return error;
}

/*
 * Copy between uio and memory of map; uio_offset is the address there.
 * => map unlocked; may sleep
 * => 0; EIO: it wraps, or a page cannot be had; EFAULT: a hole, or uio's own
 *    addresses; EACCES; ENOMEM: no kernel addresses
 */
int
uvm_io(vm_map_t map, struct uio *uio)
{
	vaddr_t va = (vaddr_t)uio->uio_offset, end = va + uio->uio_resid;
	vsize_t len;
	int error = 0;

	if (end < va)
		return EIO;
	if (va >= vm_map_max(map))
		return 0;
	end = MIN(end, vm_map_max(map));
	while (va < end && error == 0) {
		len = MIN(end - va, MAXBSIZE - (va & PAGE_MASK));
		error = io_chunk(map, uio, va, len);
		va += len;
	}
	return error;
}
