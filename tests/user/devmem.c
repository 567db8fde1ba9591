/* vmrun: --smp 1,4 */
/*
 * Memory devices: registers mapped through /dev/mem, what may not be mapped,
 * and the kernel's own memory, read.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Of QEMU's virt machine: a clock, and where memory begins. */
#define RTC      0x101000
#define RTC_LOW  0
#define RTC_HIGH 1
#define RAM      0x80000000

static volatile uint32_t *
map_rtc(int fd, int prot, int flags)
{
	volatile uint32_t *p = mmap(NULL, PAGE, prot, flags, fd, RTC);

	CHECK(p != MAP_FAILED);
	return p;
}

static uint64_t
rtc_seconds(volatile uint32_t *rtc)
{
	uint64_t low = rtc[RTC_LOW];

	return ((uint64_t)rtc[RTC_HIGH] << 32 | low) / 1000000000;
}

static void
is_now(volatile uint32_t *rtc)
{
	int64_t off = (int64_t)rtc_seconds(rtc) - (int64_t)time(NULL);

	CHECK(off >= -2 && off <= 2);
}

static volatile uint32_t *volatile shared_rtc;

static void
child_reads(void)
{
	is_now(shared_rtc);
}

static void
child_writes_readonly(void)
{
	shared_rtc[RTC_LOW] = 0;
}

static void
test_registers(int fd)
{
	volatile uint32_t *rtc = map_rtc(fd, PROT_READ, MAP_SHARED), *two;
	unsigned char vec;

	is_now(rtc);
	shared_rtc = rtc;
	CHECK_CHILD(child_reads);
	CHECK_KILLED(child_writes_readonly, SIGSEGV);
	/* a second one, then the first goes */
	two = map_rtc(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(munmap((void *)rtc, PAGE) == 0);
	is_now(two);
	/* wired and back */
	CHECK(mlock((void *)two, PAGE) == 0);
	is_now(two);
	CHECK(munlock((void *)two, PAGE) == 0);
	is_now(two);
	CHECK(madvise((void *)two, PAGE, MADV_DONTNEED) == 0);
	is_now(two);
	CHECK(mincore((void *)two, PAGE, &vec) == 0);
	CHECK(mprotect((void *)two, PAGE, PROT_NONE) == 0);
	CHECK(mprotect((void *)two, PAGE, PROT_READ) == 0);
	is_now(two);
	CHECK_ERRNO(mprotect((void *)two, PAGE, PROT_EXEC), EACCES);
	CHECK(munmap((void *)two, PAGE) == 0);
	/* private: to look at */
	rtc = map_rtc(fd, PROT_READ, MAP_PRIVATE);
	is_now(rtc);
	shared_rtc = rtc;
	CHECK_CHILD(child_reads);
	CHECK_ERRNO(mprotect((void *)rtc, PAGE, RW), EACCES);
	CHECK(munmap((void *)rtc, PAGE) == 0);
}

static void
no_map(int fd, size_t len, int prot, int flags, off_t off, int want)
{
	CHECK(mmap(NULL, len, prot, flags, fd, off) == MAP_FAILED);
	CHECK_EQ(errno, want);
}

static void
test_refused(int fd)
{
	int rd = open("/dev/mem", O_RDONLY), kmem = open("/dev/kmem", O_RDONLY);

	CHECK(rd >= 0 && kmem >= 0);
	/* the kernel, the pages it has, and the end of the one into the other */
	no_map(fd, PAGE, PROT_READ, MAP_SHARED, RAM + 0x200000, EPERM);
	no_map(fd, PAGE, PROT_READ, MAP_SHARED, RAM + 0x2000000, EPERM);
	no_map(fd, 0x2000000, PROT_READ, MAP_SHARED, RAM - 0x1000000, EPERM);
	no_map(fd, PAGE, PROT_READ, MAP_SHARED, (off_t)1 << 57, EPERM);
	no_map(fd, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, RTC, EPERM);
	no_map(fd, PAGE, RW, MAP_PRIVATE, RTC, EINVAL);
	no_map(rd, PAGE, RW, MAP_SHARED, RTC, EACCES);
	no_map(kmem, PAGE, PROT_READ, MAP_SHARED, RTC, ENODEV);
	close(rd);
	close(kmem);
}

static void
test_reading(int fd)
{
	char buf[64], zero[64] = "";
	int kmem = open("/dev/kmem", O_RDWR);
	int null = open("/dev/null", O_RDONLY);
	const uint64_t kernel = UINT64_C(0xffffffc000000000);

	CHECK(kmem >= 0 && null >= 0);
	CHECK_EQ(pread(fd, buf, sizeof(buf), RAM + 0x2000000), sizeof(buf));
	/* where the kernel sees all memory */
	CHECK_EQ(
	    pread(kmem, zero, sizeof(zero), (off_t)(kernel + RAM + 0x2000000)),
	    sizeof(zero));
	CHECK(memcmp(buf, zero, sizeof(buf)) == 0);
	CHECK_ERRNO(pread(fd, buf, sizeof(buf), RTC), EFAULT);
	CHECK_ERRNO(pread(fd, buf, sizeof(buf), 0), EFAULT);
	CHECK_ERRNO(pwrite(fd, zero, 1, RAM + 0x2000000), EPERM);
	CHECK_ERRNO(pwrite(kmem, zero, 1, (off_t)kernel), EPERM);
	CHECK_ERRNO(pread(kmem, buf, 1, 4096), EFAULT);
	CHECK_ERRNO(pread(kmem, buf, 1, (off_t)-4096), EFAULT);
	CHECK_ERRNO(pread(null, buf, 1, -1), EINVAL);
	CHECK(lseek(fd, RAM + 0x2000000, SEEK_SET) == RAM + 0x2000000);
	CHECK_EQ(read(fd, buf, 16), 16);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), RAM + 0x2000010);
	close(kmem);
	close(null);
}

int
main(void)
{
	int fd = open("/dev/mem", O_RDWR);

	CHECK(fd >= 0);
	test_registers(fd);
	test_refused(fd);
	test_reading(fd);
	close(fd);
	return 0;
}
