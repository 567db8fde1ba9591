/*
 * Address-space randomisation of what the map itself places.  exec chooses the
 * seed, at random or by the boot option aslr=, and derives all other
 * displacements from it (kern/exec_elf.c).
 */
#include <uvm/uvm.h>

/*
 * mmap memory begins half-way up the user range, which leaves the lower half to
 * the program and its brk memory, and is spread over this many pages.
 */
#define MMAP_BASE  (VM_MAXUSER_ADDRESS / 2 & ~((1UL << 30) - 1))
#define MMAP_PAGES (1UL << 20)

/* A good 64-bit mix: each bit of the result depends on each of the input. */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/*
 * => the process of the map runs nothing yet (exec); the same seed gives the
 *    same layout, 0: none is randomised
 */
void
uvm_map_set_seed(vm_map_t map, uint64_t seed)
{
	vaddr_t base = MMAP_BASE;

	if (seed != 0)
		base += ptoa(mix(seed) % MMAP_PAGES);
	map->vm_seed = seed;
	map->vm_base = base >= vm_map_min(map) && base < vm_map_max(map)
	    ? base
	    : vm_map_min(map);
}
