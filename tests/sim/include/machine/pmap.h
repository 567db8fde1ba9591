/* Which pmap the simulator was built with. */
#ifndef _MACHINE_PMAP_H_
#define _MACHINE_PMAP_H_

#ifdef PMAP_REF
#include <pmap/host/pmap_ref.h>
#else
#include <pmap/sv39/pmap_sv39.h>

/* => the page is about to be free: no hart may reach it any more */
void sim_page_freed(struct vm_page_md *md);

static inline void
sim_page_md_reset(struct vm_page_md *md)
{
	sim_page_freed(md);
	vm_page_md_reset(md);
}
#define vm_page_md_reset(md) sim_page_md_reset(md)
#endif

#endif
