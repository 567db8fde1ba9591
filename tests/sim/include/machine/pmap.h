/* Which pmap the simulator was built with. */
#ifdef PMAP_REF
#include <pmap/host/pmap_ref.h>
#else
#include <pmap/sv39/pmap_sv39.h>
#endif
