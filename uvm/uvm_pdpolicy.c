/* The page daemon's formulas: see uvm_pdpolicy.h. */
#include <sys/param.h>
#include <uvm/uvm_pdpolicy.h>

int
uvm_pdpolicy_freemin(int npages, int reserve_kernel, int pagesize)
{
	int n = MAX(npages / 30, 16 * 1024 / pagesize);

	return MAX(n, reserve_kernel + 1);
}

int
uvm_pdpolicy_freetarg(int freemin)
{
	return MAX((int)((long)freemin * 4 / 3), freemin + 1);
}

int
uvm_pdpolicy_inactarg(int active, int inactive, int freetarg)
{
	return MAX((int)(((long)active + inactive) / 3), freetarg + 1);
}

int
uvm_pdpolicy_wiredmax(int npages)
{
	return npages / 3;
}

int
uvm_pdpolicy_share(int percent)
{
	return percent * 256 / 100;
}

bool
uvm_pdpolicy_pct_ok(int anon, int vtext, int vnode)
{
	return anon >= 0 && vtext >= 0 && vnode >= 0 &&
	    (long)anon + vtext + vnode <= 95;
}

long
uvm_pdpolicy_dirty(long total, long files, int percent, bool shortage)
{
	long n = total * percent / 100;

	if (shortage)
		n = MIN(n, files / 2);
	return MAX(n, UVM_PD_DIRTYLEAST);
}

bool
uvm_pdpolicy_spared(int pages, int min, long total)
{
	return pages < total * min >> 8;
}

bool
uvm_pdpolicy_scan(long free, int freetarg, int inactive, int inactarg)
{
	return free < freetarg || inactive < inactarg;
}

bool
uvm_pdpolicy_wake(
    long free, int freemin, int freetarg, int inactive, int inactarg)
{
	return free < freemin || (free < freetarg && inactive < inactarg);
}
