/*
 * Address-space randomisation, reproducible when the boot option aslr= gives a
 * seed.
 */
#include <uvm/uvm.h>

/*
 * mmap memory begins half-way up the user range, which leaves the lower half to
 * the program and its brk memory, and is spread over this many pages.
 */
#define MMAP_BASE  (VM_MAXUSER_ADDRESS / 2 & ~((1UL << 30) - 1))
#define MMAP_PAGES (1UL << 20)

static uint64_t aslr_seed; /* set once at boot */
static bool aslr_fixed; /* set once at boot: aslr= was given */

/* => boot; 0 switches randomisation off, another value makes it repeatable */
void
uvm_aslr_set(uint64_t seed)
{
	aslr_seed = seed;
	aslr_fixed = true;
}

/* A good 64-bit mix (each bit of the result depends on each of the input). */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* => 0: off; else the same for the same seed of the map and purpose */
uint64_t
uvm_aslr_number(const struct vm_map *map, u_int purpose)
{
	return map->vm_seed == 0 ? 0 : mix(map->vm_seed + purpose);
}

/*
 * A new program: its seed, and with it the base of mmap.
 * => p's address space is empty and only p's
 */
void
uvm_aslr_exec(struct proc *p)
{
	vm_map_t map = &p->p_vmspace->vm_map;
	vaddr_t base;

	if (!aslr_fixed)
		map->vm_seed = arc4random64() | 1;
	else if (aslr_seed == 0)
		map->vm_seed = 0;
	else
		map->vm_seed = mix(aslr_seed + (uint64_t)p->p_p->ps_pid) | 1;
	base = MMAP_BASE + ptoa(uvm_aslr_number(map, UVM_ASLR_MMAP) %
	    MMAP_PAGES);
	map->vm_base = base >= vm_map_min(map) && base < vm_map_max(map) ?
	    base : vm_map_min(map);
}
