/* Two views in one unit: must not compile (views.mk). */
#include <sys/param.h>
#include <uvm/compat_miros.h>
#include <uvm/netbsd_km.h>

int both_views;
