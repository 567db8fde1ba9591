/* Which pmap this machine uses. */
#include <pmap/sv39/pmap_sv39.h>
