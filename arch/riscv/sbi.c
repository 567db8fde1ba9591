/*
 * The firmware: what it is, what it can do, and the console it offers until
 * the kernel has a driver of its own.
 */
#include <sys/systm.h>
#include <sys/cons.h>
#include <machine/csr.h>
#include <machine/sbi.h>
#include "riscv.h"

#define SBI_BASE_VERSION    0
#define SBI_BASE_IMPL       1
#define SBI_BASE_IMPLVER    2
#define SBI_BASE_PROBE      3
#define SBI_BASE_MVENDORID  4
#define SBI_BASE_MARCHID    5
#define SBI_BASE_MIMPID     6
#define SBI_DBCN_WRITE_BYTE 2
#define SBI_LEGACY_TIMER    0

struct sbi_info sbi_info; /* set once by sbi_init() */

static unsigned long
sbi_base(unsigned long fid, unsigned long arg)
{
	struct sbiret r = sbi_call(SBI_EXT_BASE, fid, arg, 0, 0, 0, 0);

	return r.error == SBI_SUCCESS ? (unsigned long)r.value : 0;
}

void
sbi_init(void)
{
	struct sbi_info *si = &sbi_info;

	si->si_version = (uint32_t)sbi_base(SBI_BASE_VERSION, 0);
	si->si_impl = sbi_base(SBI_BASE_IMPL, 0);
	si->si_implver = sbi_base(SBI_BASE_IMPLVER, 0);
	si->si_mvendorid = sbi_base(SBI_BASE_MVENDORID, 0);
	si->si_marchid = sbi_base(SBI_BASE_MARCHID, 0);
	si->si_mimpid = sbi_base(SBI_BASE_MIMPID, 0);
	si->si_time = sbi_base(SBI_BASE_PROBE, SBI_EXT_TIME) != 0;
	si->si_ipi = sbi_base(SBI_BASE_PROBE, SBI_EXT_IPI) != 0;
	si->si_rfence = sbi_base(SBI_BASE_PROBE, SBI_EXT_RFENCE) != 0;
	si->si_hsm = sbi_base(SBI_BASE_PROBE, SBI_EXT_HSM) != 0;
	si->si_srst = sbi_base(SBI_BASE_PROBE, SBI_EXT_SRST) != 0;
	si->si_dbcn = sbi_base(SBI_BASE_PROBE, SBI_EXT_DBCN) != 0;
}

static const char *
sbi_impl_name(unsigned long impl)
{
	static const char *const name[] = { "BBL", "OpenSBI", "Xvisor", "KVM",
		"RustSBI", "Diosix", "Coffer", "Xen" };

	return impl < nitems(name) ? name[impl] : "unknown firmware";
}

void
sbi_print(void)
{
	const struct sbi_info *si = &sbi_info;

	printf("sbi: %s %lu.%lu, SBI %u.%u, extensions%s%s%s%s%s%s\n",
	    sbi_impl_name(si->si_impl), si->si_implver >> 16,
	    si->si_implver & 0xffff, si->si_version >> 24 & 0x7f,
	    si->si_version & 0xffffff, si->si_time ? " TIME" : "",
	    si->si_ipi ? " IPI" : "", si->si_rfence ? " RFENCE" : "",
	    si->si_hsm ? " HSM" : "", si->si_srst ? " SRST" : "",
	    si->si_dbcn ? " DBCN" : "");
	printf("sbi: mvendorid %#lx marchid %#lx mimpid %#lx\n",
	    si->si_mvendorid, si->si_marchid, si->si_mimpid);
}

void
sbi_set_timer(uint64_t when)
{
	sbi_call(sbi_info.si_time ? SBI_EXT_TIME : SBI_LEGACY_TIMER, 0, when, 0,
	    0, 0, 0);
}

void
sbi_send_ipi(unsigned long hartid)
{
	struct sbiret r = sbi_call(SBI_EXT_IPI, 0, 1, hartid, 0, 0, 0);

	KASSERTMSG(r.error == SBI_SUCCESS,
	    "sbi_send_ipi: hart %lu: SBI error %ld", hartid, r.error);
}

long
sbi_hart_start(unsigned long hartid, paddr_t pa, unsigned long opaque)
{
	if (!sbi_info.si_hsm)
		return SBI_ERR_NOTSUPP;
	return sbi_call(SBI_EXT_HSM, 0, hartid, pa, opaque, 0, 0).error;
}

void
sbi_system_reset(unsigned int type, unsigned int reason)
{
	if (sbi_info.si_srst)
		sbi_call(SBI_EXT_SRST, 0, type, reason, 0, 0, 0);
	else if (type == SBI_SRST_SHUTDOWN)
		sbi_call(SBI_EXT_SHUTDOWN, 0, 0, 0, 0, 0, 0);
}

void
sbi_putc(int c)
{
	if (sbi_info.si_dbcn)
		sbi_call(
		    SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, (u_char)c, 0, 0, 0, 0);
	else
		sbi_call(SBI_EXT_PUTCHAR, 0, (u_char)c, 0, 0, 0, 0);
}

/*
 * The legacy call, which every firmware in use has: the newer one wants the
 * physical address of a buffer.
 */
int
sbi_getc(void)
{
	long c = sbi_call(SBI_EXT_GETCHAR, 0, 0, 0, 0, 0, 0).error;

	return c >= 0 && c <= 255 ? (int)c : -1;
}

const struct consdev sbi_console = {
	.cn_name = "firmware console",
	.cn_putc = sbi_putc,
	.cn_getc = sbi_getc,
};

void
sbi_puts(const char *s)
{
	while (*s != '\0')
		sbi_putc(*s++);
}
