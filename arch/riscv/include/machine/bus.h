/*
 * Device registers, and the order between them and memory the device reads and
 * writes by itself (RISC-V unprivileged manual, FENCE: device input and output
 * are ordered apart from memory).
 */
#ifndef _MACHINE_BUS_H_
#define _MACHINE_BUS_H_

#include <sys/types.h>

/*
 * bus_write: => what was stored to memory before is visible to the device when
 *    it sees the write
 * bus_read: => memory is read later than the register
 */
#define BUS_ACCESS(bits)                                                      \
	static inline uint##bits##_t bus_read##bits(const volatile void *reg) \
	{                                                                     \
		uint##bits##_t v = *(const volatile uint##bits##_t *)reg;     \
                                                                              \
		__asm__ volatile("fence i,ir" ::: "memory");                  \
		return v;                                                     \
	}                                                                     \
	static inline void bus_write##bits(                                   \
	    volatile void *reg, uint##bits##_t v)                             \
	{                                                                     \
		__asm__ volatile("fence w,o" ::: "memory");                   \
		*(volatile uint##bits##_t *)reg = v;                          \
	}
BUS_ACCESS(8)
BUS_ACCESS(16)
BUS_ACCESS(32)
#undef BUS_ACCESS

#endif
