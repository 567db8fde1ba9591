/*
 * Calls to the firmware (Supervisor Binary Interface).
 *
 * RFENCE is the pmap's business (pmap/sv39); everything else is here.
 */
#ifndef _MACHINE_SBI_H_
#define _MACHINE_SBI_H_

#include <sys/types.h>

#define SBI_EXT_PUTCHAR     0x01 /* legacy calls */
#define SBI_EXT_GETCHAR     0x02
#define SBI_EXT_SHUTDOWN    0x08
#define SBI_EXT_BASE        0x10
#define SBI_EXT_TIME        0x54494d45
#define SBI_EXT_IPI         0x735049
#define SBI_EXT_RFENCE      0x52464e43
#define SBI_EXT_HSM         0x48534d
#define SBI_EXT_SRST        0x53525354
#define SBI_EXT_DBCN        0x4442434e

#define SBI_SUCCESS         0
#define SBI_ERR_FAILED      (-1)
#define SBI_ERR_NOTSUPP     (-2)
#define SBI_ERR_PARAM       (-3)
#define SBI_ERR_DENIED      (-4)
#define SBI_ERR_ADDRESS     (-5)
#define SBI_ERR_ALREADY     (-6)

#define SBI_SRST_SHUTDOWN   0
#define SBI_SRST_COLDREBOOT 1
#define SBI_SRST_WARMREBOOT 2

/* All members belong to the caller. */
struct sbiret {
	long error; /* [thread] SBI_* */
	long value; /* [thread] */
};

/* => any context; preserves every register but a0 and a1 */
static inline struct sbiret
sbi_call(unsigned long eid, unsigned long fid, unsigned long x0,
    unsigned long x1, unsigned long x2, unsigned long x3, unsigned long x4)
{
	register unsigned long a0 __asm__("a0") = x0;
	register unsigned long a1 __asm__("a1") = x1;
	register unsigned long a2 __asm__("a2") = x2;
	register unsigned long a3 __asm__("a3") = x3;
	register unsigned long a4 __asm__("a4") = x4;
	register unsigned long a6 __asm__("a6") = fid;
	register unsigned long a7 __asm__("a7") = eid;

	__asm__ volatile("ecall"
			 : "+r"(a0), "+r"(a1)
			 : "r"(a2), "r"(a3), "r"(a4), "r"(a6), "r"(a7)
			 : "memory");
	return (struct sbiret){ (long)a0, (long)a1 };
}

/*
 * What the firmware said about itself and the boot hart.
 * Locks used to protect members:
 *	I	set by sbi_init()
 */
struct sbi_info {
	uint32_t si_version; /* [I] major 30:24, minor 23:0 */
	unsigned long si_impl, si_implver; /* [I] */
	unsigned long si_mvendorid, si_marchid, si_mimpid; /* [I] */
	bool si_time, si_ipi, si_rfence, si_hsm, si_srst, si_dbcn; /* [I] */
};
extern struct sbi_info sbi_info;

/* => boot hart, first of all */
void sbi_init(void);
/* => one line for the boot log */
void sbi_print(void);
/* => absolute time counter value; UINT64_MAX: never */
void sbi_set_timer(uint64_t when);
void sbi_send_ipi(unsigned long hartid);
/* => SBI error; the hart arrives at pa with a0 = its id, a1 = opaque */
long sbi_hart_start(unsigned long hartid, paddr_t pa, unsigned long opaque);
/* => returns if the firmware cannot */
void sbi_system_reset(unsigned int type, unsigned int reason);
/* => polled console: any context */
void sbi_putc(int c);
int sbi_getc(void);
/* => for messages before, or instead of, everything else */
void sbi_puts(const char *s);

struct consdev;
extern const struct consdev sbi_console;

#endif
