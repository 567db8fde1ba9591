/*
 * System calls: numbers of the generic riscv64 table, then our own.
 *
 * A handler is  int sys_NAME(struct proc *p, const uint64_t a[6], int64_t *ret)
 * => 0 or errno (ERESTART, EJUSTRETURN too); *ret is 0 on entry
 * => p is curproc, no lock held, interrupts on
 */
#ifndef _SYS_SYSCALL_H_
#define _SYS_SYSCALL_H_

#include <sys/types.h>

struct proc;
typedef int sy_call_t(struct proc *p, const uint64_t a[6], int64_t *ret);

/* X(number, name) */
/* clang-format off */
#define SYSCALLS_MEMORY(X)                                                  \
	X(214, brk) X(222, mmap) X(215, munmap) X(216, mremap)              \
	X(226, mprotect)                                                    \
	X(233, madvise) X(228, mlock) X(284, mlock2) X(229, munlock)        \
	X(230, mlockall) X(231, munlockall) X(232, mincore) X(227, msync)   \
	X(1000, minherit) X(1001, mquery) X(1002, mimmutable)               \
	X(1003, bsd_madvise) X(1004, swapctl) X(1005, bsd_sysctl)           \
	X(224, swapon) X(225, swapoff) X(194, shmget) X(195, shmctl)        \
	X(196, shmat) X(197, shmdt)
#define SYSCALLS_PROC(X)                                                    \
	X(220, clone) X(435, clone3) X(221, execve) X(93, exit)             \
	X(94, exit_group) X(260, wait4) X(95, waitid) X(172, getpid)        \
	X(173, getppid) X(178, gettid) X(96, set_tid_address)               \
	X(99, set_robust_list) X(124, sched_yield)                          \
	X(123, sched_getaffinity) X(122, sched_setaffinity) X(168, getcpu)  \
	X(167, prctl) X(154, setpgid) X(155, getpgid) X(156, getsid)        \
	X(157, setsid) X(134, rt_sigaction) X(135, rt_sigprocmask)          \
	X(139, rt_sigreturn) X(136, rt_sigpending) X(133, rt_sigsuspend)    \
	X(137, rt_sigtimedwait) X(138, rt_sigqueueinfo) X(132, sigaltstack) \
	X(129, kill) X(130, tkill) X(131, tgkill) X(113, clock_gettime)     \
	X(112, clock_settime) X(114, clock_getres) X(115, clock_nanosleep)  \
	X(101, nanosleep) X(169, gettimeofday) X(170, settimeofday)         \
	X(153, times) X(103, setitimer)                                     \
	X(102, getitimer) X(107, timer_create) X(108, timer_gettime)        \
	X(109, timer_getoverrun) X(110, timer_settime) X(111, timer_delete) \
	X(174, getuid) X(175, geteuid) X(176, getgid) X(177, getegid)       \
	X(140, setpriority) X(141, getpriority) X(261, prlimit64) X(163, getrlimit) X(164, setrlimit)               \
	X(165, getrusage) X(160, uname) X(179, sysinfo) X(278, getrandom)   \
	X(142, reboot) X(116, syslog) X(98, futex) X(283, membarrier)       \
	X(259, riscv_flush_icache) X(270, process_vm_readv)                 \
	X(271, process_vm_writev)
#define SYSCALLS_FILE(X)                                                    \
	X(56, openat) X(57, close) X(436, close_range) X(63, read)          \
	X(64, write) X(65, readv) X(66, writev) X(67, pread64)              \
	X(68, pwrite64) X(62, lseek) X(23, dup) X(24, dup3) X(25, fcntl)    \
	X(59, pipe2) X(29, ioctl) X(61, getdents64) X(79, newfstatat)       \
	X(80, fstat) X(291, statx) X(48, faccessat) X(439, faccessat2)      \
	X(34, mkdirat) X(35, unlinkat) X(276, renameat2) X(78, readlinkat)  \
	X(17, getcwd) X(49, chdir) X(50, fchdir) X(166, umask) X(73, ppoll) \
	X(72, pselect6) X(46, ftruncate) X(45, truncate) X(37, linkat)      \
	X(36, symlinkat) X(81, sync) X(82, fsync) X(83, fdatasync)          \
	X(33, mknodat) X(52, fchmod) X(53, fchmodat) X(88, utimensat)       \
	X(54, fchownat) X(55, fchown) X(40, mount) X(39, umount2)           \
	X(43, statfs) X(44, fstatfs) X(267, syncfs) X(47, fallocate)        \
	X(51, chroot) X(32, flock) X(69, preadv) X(70, pwritev)             \
	X(286, preadv2) X(287, pwritev2) X(71, sendfile)                    \
	X(285, copy_file_range) X(76, splice) X(437, openat2)               \
	X(223, fadvise64) X(279, memfd_create)
/* clang-format on */

#define SYS_DECLARE(n, name) sy_call_t sys_##name;
SYSCALLS_MEMORY(SYS_DECLARE)
SYSCALLS_PROC(SYS_DECLARE)
SYSCALLS_FILE(SYS_DECLARE)

#endif
