/* Control and status registers of supervisor mode. */
#ifndef _MACHINE_CSR_H_
#define _MACHINE_CSR_H_

#define SSTATUS_SIE      0x00000002
#define SSTATUS_SPIE     0x00000020
#define SSTATUS_SPP      0x00000100
#define SSTATUS_VS       0x00000600
#define SSTATUS_FS       0x00006000
#define SSTATUS_FS_OFF   0x00000000
#define SSTATUS_FS_INIT  0x00002000
#define SSTATUS_FS_CLEAN 0x00004000
#define SSTATUS_FS_DIRTY 0x00006000
#define SSTATUS_SUM      0x00040000
#define SSTATUS_MXR      0x00080000
#define SSTATUS_UXL      0x200000000 /* 2: 64 bits */

/* sie, sip */
#define SIE_SSIE 0x002
#define SIE_STIE 0x020
#define SIE_SEIE 0x200

/* scause */
#define SCAUSE_INTR      0x8000000000000000
#define IRQ_SOFT         1
#define IRQ_TIMER        5
#define IRQ_EXT          9
#define EXC_INSN_ALIGN   0
#define EXC_INSN_ACCESS  1
#define EXC_ILLEGAL      2
#define EXC_BREAK        3
#define EXC_LOAD_ALIGN   4
#define EXC_LOAD_ACCESS  5
#define EXC_STORE_ALIGN  6
#define EXC_STORE_ACCESS 7
#define EXC_UCALL        8
#define EXC_INSN_PAGE    12
#define EXC_LOAD_PAGE    13
#define EXC_STORE_PAGE   15

#define SATP_SV39        0x8000000000000000

#ifndef __ASSEMBLER__
#include <sys/types.h>

#define csr_read(csr)                                                    \
	({                                                               \
		unsigned long v_;                                        \
		__asm__ volatile("csrr %0, " #csr : "=r"(v_)::"memory"); \
		v_;                                                      \
	})
#define csr_write(csr, v)                                               \
	__asm__ volatile("csrw " #csr ", %0" ::"rK"((unsigned long)(v)) \
			 : "memory")
#define csr_set(csr, v)                                                 \
	__asm__ volatile("csrs " #csr ", %0" ::"rK"((unsigned long)(v)) \
			 : "memory")
#define csr_clear(csr, v)                                               \
	__asm__ volatile("csrc " #csr ", %0" ::"rK"((unsigned long)(v)) \
			 : "memory")

/* => the time counter: costs a trap to the firmware on some boards */
static inline uint64_t
rdtime(void)
{
	uint64_t t;

	__asm__ volatile("rdtime %0" : "=r"(t));
	return t;
}
#endif

#endif
