/* The page daemon's formulas: uvm/uvm_pdpolicy.c against UVM-API.md 3.3. */
#include <sys/param.h>
#include <uvm/uvm_pdpolicy.h>

#include "test.h"

TEST(pdpolicy_targets)
{
	/* small memory: the 16 KiB floor, then the kernel's reserve */
	CHECK_EQ(uvm_pdpolicy_freemin(60, 1, 4096), 4);
	CHECK_EQ(uvm_pdpolicy_freemin(60, 6, 4096), 7);
	CHECK_EQ(uvm_pdpolicy_freemin(30000, 6, 4096), 1000);
	CHECK_EQ(uvm_pdpolicy_freetarg(1000), 1333);
	CHECK_EQ(uvm_pdpolicy_freetarg(1), 2);
	CHECK_EQ(uvm_pdpolicy_freetarg(2), 3);
	CHECK_EQ(uvm_pdpolicy_freetarg(1 << 30), 1431655765);
	CHECK_EQ(uvm_pdpolicy_inactarg(0, 0, 1333), 1334);
	CHECK_EQ(uvm_pdpolicy_inactarg(6000, 3000, 1333), 3000);
	CHECK_EQ(uvm_pdpolicy_inactarg(2000000000, 1000000000, 5), 1000000000);
	CHECK_EQ(uvm_pdpolicy_wiredmax(30000), 10000);
}

TEST(pdpolicy_order)
{
	for (int n = 16; n < 5000000; n += 1 + n / 7) {
		int min = uvm_pdpolicy_freemin(n, 6, 4096);
		int targ = uvm_pdpolicy_freetarg(min);

		CHECK(min > 6);
		CHECK(targ > min);
		CHECK(uvm_pdpolicy_inactarg(n, n, targ) > targ);
	}
}

TEST(pdpolicy_shares)
{
	CHECK_EQ(uvm_pdpolicy_share(20), 51);
	CHECK_EQ(uvm_pdpolicy_share(10), 25);
	CHECK_EQ(uvm_pdpolicy_share(15), 38);
	CHECK_EQ(uvm_pdpolicy_share(0), 0);
	CHECK(uvm_pdpolicy_pct_ok(10, 5, 10));
	CHECK(uvm_pdpolicy_pct_ok(95, 0, 0));
	CHECK(!uvm_pdpolicy_pct_ok(95, 1, 0));
	CHECK(!uvm_pdpolicy_pct_ok(-1, 5, 10));
	CHECK(!uvm_pdpolicy_pct_ok(2147483647, 2147483647, 2147483647));
	CHECK(uvm_pdpolicy_spared(99, 51, 1000));
	CHECK(!uvm_pdpolicy_spared(199, 51, 1000));
	CHECK(!uvm_pdpolicy_spared(0, 0, 1000));
}

TEST(pdpolicy_when)
{
	CHECK(uvm_pdpolicy_wake(999, 1000, 1333, 9999, 2000));
	CHECK(!uvm_pdpolicy_wake(1000, 1000, 1333, 9999, 2000));
	CHECK(uvm_pdpolicy_wake(1000, 1000, 1333, 1999, 2000));
	CHECK(!uvm_pdpolicy_wake(1333, 1000, 1333, 0, 2000));
	CHECK(uvm_pdpolicy_scan(1332, 1333, 5000, 2000));
	CHECK(uvm_pdpolicy_scan(5000, 1333, 1999, 2000));
	CHECK(!uvm_pdpolicy_scan(5000, 1333, 2000, 2000));
}
