/*
 * The memory system calls, made by the kernel's own test thread as a process:
 * every refusal, and what the calls leave in the map (UVM-API.md 1).
 */
#include "kt_user.h"
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <uvm/uvm_mman.h>

#define RW    PROT_READ | PROT_WRITE
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define NOFD  ((uint64_t)-1)
#define FIXED (ANON | MAP_FIXED)

/* => error of mmap() of n pages at page i */
static int
mmap_at(int i, int n, uint64_t prot, uint64_t flags, uint64_t fd, uint64_t off)
{
	return KT_CALL(sys_mmap, KTF_VA(i), ptoa(n), prot, flags, fd, off);
}

static int
unmap(int i, int j)
{
	return KT_CALL(sys_munmap, KTF_VA(i), ptoa(j - i));
}

/* Somebody who is not the superuser. */
static void
be_nobody(struct kt_user *ku)
{
	ku->ku_cred.cr_uid = ku->ku_cred.cr_ruid = 1000;
}

/* -- mmap, mquery ------------------------------------------------------------------ */

KTEST(mman_mmap_arguments)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	KT_EQ(mmap_at(0, 1, RW, MAP_ANONYMOUS, NOFD, 0), EINVAL);
	KT_EQ(mmap_at(0, 1, RW, MAP_ANONYMOUS | 4, NOFD, 0), EINVAL);
	KT_EQ(mmap_at(0, 1, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | 1UL << 30,
		  NOFD, 0),
	    EOPNOTSUPP);
	KT_EQ(mmap_at(0, 1, RW, ANON | MAP_HUGETLB, NOFD, 0), ENOMEM);
	KT_EQ(mmap_at(0, 0, RW, ANON, NOFD, 0), EINVAL);
	KT_EQ(mmap_at(0, 1, RW, MAP_PRIVATE, NOFD, 5), EINVAL);
	KT_EQ(KT_CALL(sys_mmap, 0, ~0UL, RW, ANON, NOFD), ENOMEM);
	KT_EQ(KT_CALL(sys_mmap, 0, VM_MAXUSER_ADDRESS, RW, ANON, NOFD), ENOMEM);
	KT_EQ(mmap_at(0, 1, RW, MAP_PRIVATE, NOFD, 1UL << 63), EOVERFLOW);
	KT_EQ(mmap_at(0, 1, RW, MAP_PRIVATE, NOFD, INT64_MAX - PAGE_MASK),
	    EOVERFLOW);
	KT_EQ(KT_CALL(sys_mmap, KTF_BASE + 1, PAGE_SIZE, RW, FIXED, NOFD),
	    EINVAL);
	KT_EQ(KT_CALL(sys_mmap, 0, PAGE_SIZE, RW, FIXED, NOFD), EPERM);
	KT_EQ(KT_CALL(sys_mmap, VM_MAXUSER_ADDRESS - PAGE_SIZE, 2 * PAGE_SIZE,
		  RW, FIXED, NOFD),
	    ENOMEM);
	KT_EQ(mmap_at(0, 1, RW, MAP_PRIVATE, NOFD, 0), EBADF);
	KT_EQ(mmap_at(0, 1, RW, MAP_PRIVATE, 77, 0), EBADF);
	KT_EQ(ku.ku_vm->vm_map.nentries, 0);
	/* the flag is known: accepted */
	KT_EQ(mmap_at(0, 1, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS | MAP_FIXED,
		  NOFD, 0),
	    0);
	KT_EQ(ktf_entry(ku.ku_vm, 0)->inheritance, MAP_INHERIT_SHARE);
	kt_user_leave(&ku);
}

/* Hints, fixed addresses, and fixed ones that replace nothing. */
KTEST(mman_mmap_places)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	KT_EQ(mmap_at(4, 2, RW, ANON, NOFD, 0), 0);
	KT_EQ(kt_result, KTF_VA(4)); /* a free hint is taken */
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(8) + 5, 5, RW, ANON, NOFD), 0);
	KT_EQ(kt_result, KTF_VA(8));
	KT_EQ(mmap_at(3, 2, RW, ANON, NOFD, 0), 0);
	KT_CHECK(kt_result != KTF_VA(3) && kt_result != KTF_VA(4));
	KT_CHECK(kt_result >= (int64_t)ku.ku_vm->vm_map.vm_base);
	KT_EQ(KT_CALL(sys_mmap, VM_MAXUSER_ADDRESS, PAGE_SIZE, RW, ANON, NOFD),
	    0);
	KT_CHECK(kt_result < (int64_t)VM_MAXUSER_ADDRESS && kt_result != 0);
	kt_user_store(KTF_VA(4), 44);
	KT_EQ(mmap_at(3, 2, RW, ANON | MAP_FIXED_NOREPLACE, NOFD, 0), EEXIST);
	KT_EQ(kt_user_load(KTF_VA(4)), 44);
	KT_EQ(mmap_at(3, 1, RW, ANON | MAP_FIXED_NOREPLACE, NOFD, 0), 0);
	KT_EQ(mmap_at(4, 1, RW, FIXED, NOFD, 0), 0);
	KT_EQ(kt_user_load(KTF_VA(4)), 0); /* replaced */
	/* write-only memory is readable, a reserved encoding else */
	KT_EQ(mmap_at(20, 1, PROT_WRITE, FIXED | MAP_GROWSDOWN, NOFD, 0), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 20)->protection, RW);
	KT_CHECK(ktf_entry(ku.ku_vm, 20)->me_flags & ME_STACK);
	kt_user_leave(&ku);
}

KTEST(mman_mmap_file)
{
	struct kt_user ku;
	uint64_t rw, ro, wo;

	kt_user_enter(&ku);
	rw = (uint64_t)kt_user_file(4, O_RDWR);
	ro = (uint64_t)kt_user_file(4, O_RDONLY);
	wo = (uint64_t)kt_user_file(1, O_WRONLY);
	KT_EQ(mmap_at(0, 1, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	KT_EQ(mmap_at(0, 1, RW, MAP_SHARED, ro, 0), EACCES);
	KT_EQ(mmap_at(0, 4, RW, MAP_SHARED | MAP_FIXED, rw, 0), 0);
	KT_EQ(mmap_at(4, 3, RW, MAP_PRIVATE | MAP_FIXED, rw, PAGE_SIZE), 0);
	KT_EQ(mmap_at(8, 4, PROT_READ, MAP_SHARED | MAP_FIXED, ro, 0), 0);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(8), PAGE_SIZE, RW), EACCES);
	for (int i = 0; i < 4; i++) {
		KT_EQ(kt_user_load(KTF_VA(i)), i);
		KT_EQ(kt_user_load(KTF_VA(8 + i)), i);
	}
	KT_EQ(kt_user_load(KTF_VA(4)), 1);
	kt_user_store(KTF_VA(2), 22);
	KT_EQ(kt_user_load(KTF_VA(5)), 22); /* not copied yet */
	kt_user_store(KTF_VA(5), 55);
	KT_EQ(kt_user_load(KTF_VA(2)), 22);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), MS_SYNC), 0);
	kt_user_map(12, 13);
	KT_EQ(KT_CALL(sys_pread64, rw, KTF_VA(12), 8, ptoa(2)), 0);
	KT_EQ(kt_user_load(KTF_VA(12)), 22);
	/* nothing is left of a mapping that failed */
	KT_EQ(
	    mmap_at(1, 1, RW, MAP_SHARED | MAP_FIXED_NOREPLACE, rw, 0), EEXIST);
	/* mquery of a file, of nothing, of what is taken */
	KT_EQ(KT_CALL(sys_mquery, KTF_VA(30), ptoa(2), RW, MAP_FIXED, rw), 0);
	KT_EQ(kt_result, KTF_VA(30));
	KT_EQ(KT_CALL(sys_mquery, KTF_VA(0), ptoa(2), RW, MAP_FIXED, NOFD),
	    ENOMEM);
	KT_EQ(KT_CALL(sys_mquery, KTF_VA(0), ptoa(2), RW, 0, NOFD), 0);
	KT_CHECK(kt_result != KTF_VA(0));
	KT_EQ(KT_CALL(sys_mquery, 0, 0, RW, 0, NOFD), EINVAL);
	KT_EQ(KT_CALL(sys_mquery, 0, PAGE_SIZE, RW, 0, 77), EBADF);
	kt_user_leave(&ku);
}

/* LOCKED, POPULATE, NONBLOCK: what is there at once. */
KTEST(mman_mmap_fill)
{
	struct kt_user ku;
	uint64_t fd;

	kt_user_enter(&ku);
	KT_EQ(mmap_at(0, 2, RW, FIXED, NOFD, 0), 0);
	KT_EQ(mmap_at(2, 2, RW, FIXED | MAP_POPULATE, NOFD, 0), 0);
	KT_EQ(
	    mmap_at(4, 2, RW, FIXED | MAP_POPULATE | MAP_NONBLOCK, NOFD, 0), 0);
	KT_EQ(mmap_at(
		  6, 2, PROT_NONE, FIXED | MAP_POPULATE | MAP_LOCKED, NOFD, 0),
	    0);
	KT_EQ(mmap_at(8, 2, RW, FIXED | MAP_LOCKED, NOFD, 0), 0);
	KT_EQ(mmap_at(10, 2, PROT_READ, FIXED | MAP_POPULATE, NOFD, 0), 0);
	fd = (uint64_t)kt_user_file(2, O_RDWR);
	KT_EQ(mmap_at(12, 2, RW, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0),
	    0);
	for (int i = 0; i < 14; i++)
		KT_EQ(ktf_prot(ku.ku_vm, i) != -1, (i >= 2 && i < 4) || i >= 8);
	KT_EQ(ktf_prot(ku.ku_vm, 2), RW); /* written to: copied already */
	KT_EQ(ktf_entry(ku.ku_vm, 8)->wired_count, 1);
	KT_EQ(ktf_entry(ku.ku_vm, 6)->wired_count, 0);
	KT_EQ(ktf_entry(ku.ku_vm, 2)->wired_count, 0);
	KT_EQ(ktf_page(ku.ku_vm, KTF_VA(8))->wire_count, 1);
	kt_user_leave(&ku);
}

/* RLIMIT_AS; RLIMIT_MEMLOCK, also for what MCL_FUTURE wires. */
KTEST(mman_mmap_limits)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	KT_EQ(mmap_at(0, 4, RW, FIXED, NOFD, 0), 0);
	kt_user_limit(&ku, RLIMIT_AS, ptoa(6));
	KT_EQ(mmap_at(4, 3, RW, FIXED, NOFD, 0), ENOMEM);
	KT_EQ(mmap_at(2, 4, RW, FIXED, NOFD, 0), 0); /* two are replaced */
	KT_EQ(mmap_at(5, 2, RW, FIXED, NOFD, 0), ENOMEM);
	KT_EQ(ku.ku_vm->vm_map.size, ptoa(6));
	kt_user_limit(&ku, RLIMIT_AS, ptoa(2));
	KT_EQ(mmap_at(8, 1, RW, FIXED, NOFD, 0), ENOMEM);
	KT_EQ(mmap_at(8, 3, RW, FIXED, NOFD, 0), ENOMEM);
	kt_user_limit(&ku, RLIMIT_AS, RLIM_INFINITY);
	be_nobody(&ku);
	kt_user_limit(&ku, RLIMIT_MEMLOCK, 0);
	KT_EQ(mmap_at(10, 1, RW, FIXED | MAP_LOCKED, NOFD, 0), EPERM);
	kt_user_limit(&ku, RLIMIT_MEMLOCK, ptoa(2));
	KT_EQ(mmap_at(10, 3, RW, FIXED | MAP_LOCKED, NOFD, 0), EAGAIN);
	KT_EQ(mmap_at(10, 2, RW, FIXED | MAP_LOCKED, NOFD, 0), 0);
	KT_EQ(mmap_at(12, 1, RW, FIXED | MAP_LOCKED, NOFD, 0), EAGAIN);
	KT_EQ(KT_CALL(sys_mlockall, MCL_FUTURE), 0);
	KT_EQ(mmap_at(12, 1, RW, FIXED, NOFD, 0), EAGAIN);
	KT_EQ(unmap(10, 12), 0);
	KT_EQ(mmap_at(12, 1, RW, FIXED, NOFD, 0), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 12)->wired_count, 1);
	kt_user_leave(&ku);
}

/* -- munmap, mprotect, minherit, mimmutable ----------------------------------------- */

KTEST(mman_munmap)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 4);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(0) + 1, PAGE_SIZE), EINVAL);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(0), 0), EINVAL);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(0), ~0UL), EINVAL);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(0), VM_MAXUSER_ADDRESS), EINVAL);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(1), 1), 0);
	KT_CHECK(ktf_entry(ku.ku_vm, 1) == NULL);
	KT_CHECK(ktf_entry(ku.ku_vm, 2) != NULL);
	KT_EQ(unmap(0, 2), 0); /* gaps are no error */
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(2), PAGE_SIZE), 0);
	KT_EQ(unmap(2, 4), EPERM);
	KT_CHECK(ktf_entry(ku.ku_vm, 3) != NULL); /* nothing of it */
	kt_user_leave(&ku);
}

KTEST(mman_mprotect)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 4);
	KT_EQ(mmap_at(6, 3, RW, FIXED | MAP_GROWSDOWN, NOFD, 0), 0);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(0) + 1, 1, RW), EINVAL);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(0), 1, 0x100), EINVAL);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(0), 1, PROT_READ | PROT_GROWSUP),
	    EINVAL);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(0), ~0UL, RW), ENOMEM);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(0), 0, PROT_NONE), 0);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(3), ptoa(2), PROT_NONE), ENOMEM);
	KT_EQ(ktf_entry(ku.ku_vm, 3)->protection, RW);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(1), 1, PROT_WRITE | PROT_SEM), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->protection, RW);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(1), 1, PROT_READ), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->protection, PROT_READ);
	KT_EQ(ktf_entry(ku.ku_vm, 2)->protection, RW);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(8), PAGE_SIZE,
		  PROT_NONE | PROT_GROWSDOWN),
	    0);
	KT_EQ(ktf_entry(ku.ku_vm, 6)->protection, PROT_NONE);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(2), PAGE_SIZE,
		  PROT_READ | PROT_GROWSDOWN),
	    EINVAL);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(20), PAGE_SIZE,
		  PROT_READ | PROT_GROWSDOWN),
	    ENOMEM);
	KT_EQ(copyout(&ku, (void *)KTF_VA(1), 8), EFAULT);
	KT_EQ(copyin((void *)KTF_VA(7), &ku.ku_cred, 4), EFAULT);
	kt_user_leave(&ku);
}

KTEST(mman_minherit)
{
	struct kt_user ku;
	struct vmspace *child;

	kt_user_enter(&ku);
	kt_user_map(0, 5);
	KT_EQ(KT_CALL(sys_minherit, KTF_VA(0), ~0UL, MAP_INHERIT_NONE), EINVAL);
	KT_EQ(KT_CALL(sys_minherit, KTF_VA(0), ptoa(1), 1UL << 31), EINVAL);
	KT_EQ(KT_CALL(sys_minherit, KTF_VA(0), ptoa(1), 0x1000), EINVAL);
	KT_EQ(KT_CALL(sys_minherit, KTF_VA(1), ptoa(1), MAP_INHERIT_NONE), 0);
	KT_EQ(KT_CALL(sys_minherit, KTF_VA(2), ptoa(1), MAP_INHERIT_SHARE), 0);
	KT_EQ(KT_CALL(sys_minherit, KTF_VA(3), ptoa(1), MAP_INHERIT_ZERO), 0);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(4), ptoa(1)), 0);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(4), ptoa(1)), 0); /* it is */
	/* nor is less to be allowed */
	KT_EQ(uvm_map_protect(
		  &ku.ku_vm->vm_map, KTF_VA(4), KTF_VA(5), PROT_READ, TRUE),
	    EPERM);
	KT_EQ(
	    KT_CALL(sys_minherit, KTF_VA(4), ptoa(1), MAP_INHERIT_NONE), EPERM);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(0), ~0UL), EINVAL);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(4), ptoa(2)), ENOMEM);
	for (int i = 0; i < 5; i++)
		kt_user_store(KTF_VA(i), 100 + (uint64_t)i);
	child = uvmspace_fork(ku.ku_process);
	kt_user_store(KTF_VA(0), 1);
	kt_user_store(KTF_VA(2), 2);
	KT_EQ(ktf_read(child, 0), 100);
	KT_CHECK(ktf_entry(child, 1) == NULL);
	KT_EQ(ktf_read(child, 2), 2);
	KT_EQ(ktf_read(child, 3), 0);
	KT_EQ(ktf_read(child, 4), 104);
	uvmspace_free(child);
	kt_user_leave(&ku);
}

/* -- madvise ----------------------------------------------------------------------- */

static int
advise(int i, int j, uint64_t advice)
{
	return KT_CALL(sys_madvise, KTF_VA(i), ptoa(j - i), advice);
}

KTEST(mman_madvise_arguments)
{
	static const uint64_t harmless[] = { MADV_NORMAL, MADV_RANDOM,
		MADV_SEQUENTIAL, LINUX_MADV_WILLNEED, LINUX_MADV_HUGEPAGE,
		LINUX_MADV_NOHUGEPAGE, LINUX_MADV_COLD, LINUX_MADV_PAGEOUT };
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 3);
	kt_user_store(KTF_VA(1), 7);
	for (size_t i = 0; i < nitems(harmless); i++) {
		KT_EQ(advise(0, 3, harmless[i]), 0);
		KT_EQ(advise(0, 0, harmless[i]), 0);
		KT_EQ(advise(2, 4, harmless[i]), ENOMEM);
		KT_EQ(kt_user_load(KTF_VA(1)), 7);
	}
	KT_EQ(KT_CALL(sys_madvise, KTF_VA(0) + 1, PAGE_SIZE, MADV_NORMAL),
	    EINVAL);
	KT_EQ(KT_CALL(sys_madvise, KTF_VA(0), ~0UL, MADV_NORMAL), EINVAL);
	for (uint64_t a = 5; a < 8; a++)
		KT_EQ(advise(0, 0, a), EINVAL);
	KT_EQ(advise(0, 1, LINUX_MADV_MERGEABLE), EINVAL);
	KT_EQ(advise(0, 1, LINUX_MADV_DONTNEED_LOCKED), EINVAL);
	KT_EQ(advise(0, 1, (uint64_t)-1), EINVAL);
	KT_EQ(advise(1, 2, MADV_SEQUENTIAL), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->advice, MADV_SEQUENTIAL);
	KT_EQ(advise(0, 1, LINUX_MADV_DONTDUMP), 0);
	KT_CHECK(ktf_entry(ku.ku_vm, 0)->me_flags & ME_NODUMP);
	KT_CHECK((ktf_entry(ku.ku_vm, 1)->me_flags & ME_NODUMP) == 0);
	KT_EQ(advise(0, 2, LINUX_MADV_DODUMP), 0);
	KT_CHECK((ktf_entry(ku.ku_vm, 0)->me_flags & ME_NODUMP) == 0);
	kt_user_leave(&ku);
}

/* What is thrown away, and what may not be. */
KTEST(mman_madvise_discard)
{
	struct kt_user ku;
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(2, O_RDWR);
	kt_user_map(0, 6);
	KT_EQ(mmap_at(6, 2, RW, MAP_PRIVATE | MAP_FIXED, fd, 0), 0);
	KT_EQ(mmap_at(8, 2, RW, MAP_SHARED | MAP_FIXED, fd, 0), 0);
	KT_EQ(
	    mmap_at(10, 1, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NOFD, 0),
	    0);
	for (int i = 0; i < 11; i++)
		kt_user_store(KTF_VA(i), 50 + (uint64_t)i);
	KT_EQ(advise(1, 2, LINUX_MADV_DONTNEED), 0);
	KT_EQ(advise(2, 3, LINUX_MADV_FREE), 0);
	KT_EQ(kt_user_load(KTF_VA(0)), 50);
	KT_EQ(kt_user_load(KTF_VA(1)), 0);
	KT_EQ(kt_user_load(KTF_VA(2)), 0);
	KT_EQ(kt_user_load(KTF_VA(3)), 53);
	KT_EQ(advise(6, 7, LINUX_MADV_FREE), EINVAL);
	KT_EQ(advise(8, 9, LINUX_MADV_FREE), EINVAL);
	KT_EQ(advise(10, 11, LINUX_MADV_FREE), EINVAL);
	KT_EQ(kt_user_load(KTF_VA(6)), 56);
	KT_EQ(advise(6, 7, LINUX_MADV_DONTNEED), 0);
	KT_EQ(kt_user_load(KTF_VA(6)), 58); /* the file's, as written at 8 */
	KT_EQ(advise(8, 11, LINUX_MADV_DONTNEED), 0);
	KT_EQ(kt_user_load(KTF_VA(8)), 58);
	KT_EQ(kt_user_load(KTF_VA(10)), 60);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(4), ptoa(1)), 0);
	KT_EQ(advise(3, 5, LINUX_MADV_DONTNEED), EINVAL);
	KT_EQ(kt_user_load(KTF_VA(3)), 0); /* the first part was done */
	KT_EQ(kt_user_load(KTF_VA(4)), 54);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(5), ptoa(1), PROT_READ), 0);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(5), ptoa(1)), 0);
	KT_EQ(advise(5, 6, LINUX_MADV_DONTNEED), EPERM);
	KT_EQ(kt_user_load(KTF_VA(5)), 55);
	kt_user_leave(&ku);
}

KTEST(mman_madvise_remove)
{
	struct kt_user ku;
	struct vmspace *child;
	uint64_t fd, ro;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(2, O_RDWR);
	ro = (uint64_t)kt_user_file(2, O_RDONLY);
	KT_EQ(
	    mmap_at(0, 4, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NOFD, 0),
	    0);
	KT_EQ(mmap_at(4, 2, RW, MAP_SHARED | MAP_FIXED, fd, 0), 0);
	KT_EQ(mmap_at(6, 2, PROT_READ, MAP_SHARED | MAP_FIXED, ro, 0), 0);
	kt_user_map(8, 10);
	for (int i = 0; i < 10; i++)
		if (i != 2 && i != 6 && i != 7)
			kt_user_store(KTF_VA(i), 50 + (uint64_t)i);
	child = uvmspace_fork(ku.ku_process);
	KT_EQ(ktf_read(child, 1), 51);
	KT_EQ(advise(1, 3, LINUX_MADV_REMOVE), 0);
	KT_EQ(kt_user_load(KTF_VA(0)), 50);
	KT_EQ(kt_user_load(KTF_VA(1)), 0);
	KT_EQ(kt_user_load(KTF_VA(3)), 53);
	KT_EQ(ktf_read(child, 1), 0); /* gone for everybody */
	/* a file that has a descriptor stays whole; the last mapping may */
	KT_EQ(advise(4, 5, LINUX_MADV_REMOVE), EOPNOTSUPP);
	KT_EQ(kt_user_load(KTF_VA(4)), 54);
	KT_EQ(advise(6, 7, LINUX_MADV_REMOVE), EACCES);
	KT_EQ(advise(8, 9, LINUX_MADV_REMOVE), EINVAL);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(3), ptoa(1)), 0);
	KT_EQ(advise(3, 4, LINUX_MADV_REMOVE), EINVAL);
	KT_EQ(KT_CALL(sys_mprotect, KTF_VA(0), ptoa(1), PROT_READ), 0);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(0), ptoa(1)), 0);
	KT_EQ(advise(0, 1, LINUX_MADV_REMOVE), EPERM);
	KT_EQ(kt_user_load(KTF_VA(0)), 50);
	uvmspace_free(child);
	KT_EQ(KT_CALL(sys_close, fd), 0);
	KT_EQ(advise(4, 5, LINUX_MADV_REMOVE), 0);
	KT_EQ(kt_user_load(KTF_VA(4)), 0);
	KT_EQ(kt_user_load(KTF_VA(5)), 55);
	kt_user_leave(&ku);
}

KTEST(mman_madvise_inherit)
{
	struct kt_user ku;
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(1, O_RDWR);
	kt_user_map(0, 4);
	KT_EQ(mmap_at(4, 1, RW, MAP_SHARED | MAP_FIXED, fd, 0), 0);
	KT_EQ(mmap_at(5, 1, RW, MAP_PRIVATE | MAP_FIXED, fd, 0), 0);
	KT_EQ(advise(1, 2, LINUX_MADV_DONTFORK), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 0)->inheritance, MAP_INHERIT_COPY);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->inheritance, MAP_INHERIT_NONE);
	KT_EQ(advise(1, 2, LINUX_MADV_DOFORK), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->inheritance, MAP_INHERIT_COPY);
	KT_EQ(advise(1, 2, LINUX_MADV_WIPEONFORK), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->inheritance, MAP_INHERIT_ZERO);
	KT_EQ(advise(1, 2, LINUX_MADV_KEEPONFORK), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 1)->inheritance, MAP_INHERIT_COPY);
	KT_EQ(advise(4, 5, LINUX_MADV_WIPEONFORK), EINVAL);
	KT_EQ(advise(5, 6, LINUX_MADV_WIPEONFORK), EINVAL);
	KT_EQ(advise(4, 5, LINUX_MADV_DONTFORK), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 4)->inheritance, MAP_INHERIT_NONE);
	KT_EQ(advise(4, 5, LINUX_MADV_DOFORK), 0);
	KT_EQ(ktf_entry(ku.ku_vm, 4)->inheritance, MAP_INHERIT_SHARE);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(0), ptoa(1)), 0);
	KT_EQ(advise(0, 1, LINUX_MADV_DONTFORK), EPERM);
	kt_user_leave(&ku);
}

KTEST(mman_madvise_populate)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 4);
	KT_EQ(mmap_at(5, 1, PROT_READ, FIXED, NOFD, 0), 0);
	KT_EQ(mmap_at(6, 1, PROT_NONE, FIXED, NOFD, 0), 0);
	KT_EQ(advise(0, 2, LINUX_MADV_POPULATE_READ), 0);
	KT_EQ(ktf_prot(ku.ku_vm, 0), PROT_READ);
	KT_EQ(advise(0, 3, LINUX_MADV_POPULATE_WRITE), 0);
	KT_EQ(ktf_prot(ku.ku_vm, 0), RW);
	KT_EQ(ktf_prot(ku.ku_vm, 2), RW);
	KT_EQ(ktf_prot(ku.ku_vm, 3), -1);
	KT_EQ(advise(3, 5, LINUX_MADV_POPULATE_READ), ENOMEM);
	KT_EQ(advise(5, 6, LINUX_MADV_POPULATE_WRITE), EINVAL);
	KT_EQ(advise(6, 7, LINUX_MADV_POPULATE_READ), EINVAL);
	kt_user_leave(&ku);
}

static int
bsd_advise(int i, int j, uint64_t advice)
{
	return KT_CALL(sys_bsd_madvise, KTF_VA(i), ptoa(j - i), advice);
}

KTEST(mman_bsd_madvise)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 3);
	for (int i = 0; i < 3; i++)
		kt_user_store(KTF_VA(i), 50 + (uint64_t)i);
	KT_EQ(KT_CALL(sys_bsd_madvise, KTF_VA(0), ~0UL, 0), EINVAL);
	for (uint64_t a = 0; a < 6; a++)
		KT_EQ(bsd_advise(0, 3, a), 0); /* all keep the data */
	KT_EQ(kt_user_load(KTF_VA(1)), 51);
	KT_EQ(bsd_advise(0, 3, 7), EINVAL);
	KT_EQ(bsd_advise(1, 2, 6), 0);
	KT_EQ(kt_user_load(KTF_VA(0)), 50);
	KT_EQ(kt_user_load(KTF_VA(1)), 0);
	KT_EQ(bsd_advise(2, 4, 4), EFAULT);
	KT_EQ(bsd_advise(2, 4, 6), EFAULT);
	KT_EQ(kt_user_load(KTF_VA(2)), 52);
	kt_user_leave(&ku);
}

/* -- Wiring ------------------------------------------------------------------------- */

KTEST(mman_mlock)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 6);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0), ~0UL), EINVAL);
	KT_EQ(KT_CALL(sys_munlock, KTF_VA(0), ~0UL), EINVAL);
	KT_EQ(KT_CALL(sys_mlock2, KTF_VA(0), ptoa(1), 2), EINVAL);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0), 0), 0);
	KT_EQ(KT_CALL(sys_munlock, KTF_VA(0), 0), 0);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(5), ptoa(2)), ENOMEM);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(9), ptoa(1)), ENOMEM);
	KT_EQ(KT_CALL(sys_munlock, KTF_VA(9), ptoa(1)), ENOMEM);
	KT_EQ(ktf_entry(ku.ku_vm, 5)->wired_count, 0);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0) + 9, 1), 0);
	KT_EQ(KT_CALL(sys_mlock2, KTF_VA(1), ptoa(1), MLOCK_ONFAULT), 0);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 2);
	/* more than the system wires */
	KT_EQ(KT_CALL(sys_mmap, 0, ptoa(uvmexp.wiredmax), RW, ANON, NOFD), 0);
	KT_EQ(KT_CALL(sys_mlock, (uint64_t)kt_result, ptoa(uvmexp.wiredmax)),
	    EAGAIN);
	be_nobody(&ku);
	kt_user_limit(&ku, RLIMIT_MEMLOCK, ptoa(3));
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(2), ptoa(2)), ENOMEM);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0), ptoa(4)), ENOMEM);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0), ptoa(3)), 0); /* two are already */
	KT_EQ(KT_CALL(sys_munlock, KTF_VA(0), ptoa(3)), 0);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 0);
	kt_user_limit(&ku, RLIMIT_MEMLOCK, 0);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0), ptoa(1)), EPERM);
	KT_EQ(KT_CALL(sys_mlockall, MCL_CURRENT), EPERM);
	ku.ku_process->ps_cred = NULL; /* as before the first user */
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(0), ptoa(1)), 0);
	ku.ku_process->ps_cred = &ku.ku_cred;
	kt_user_leave(&ku);
}

KTEST(mman_mlockall)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 4);
	KT_EQ(mmap_at(4, 1, PROT_NONE, FIXED, NOFD, 0), 0);
	KT_EQ(KT_CALL(sys_mlockall, 0), EINVAL);
	KT_EQ(KT_CALL(sys_mlockall, 8), EINVAL);
	KT_EQ(KT_CALL(sys_mlockall, MCL_ONFAULT), EINVAL);
	KT_EQ(KT_CALL(sys_mlockall, MCL_CURRENT | MCL_ONFAULT), 0);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 4);
	KT_EQ(ktf_entry(ku.ku_vm, 4)->wired_count, 0);
	KT_EQ(KT_CALL(sys_munlockall), 0);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 0);
	be_nobody(&ku);
	kt_user_limit(&ku, RLIMIT_MEMLOCK, ptoa(3));
	KT_EQ(KT_CALL(sys_mlockall, MCL_CURRENT), ENOMEM);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 0);
	KT_EQ(KT_CALL(sys_mlockall, MCL_FUTURE), 0);
	kt_user_map(6, 8);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 2);
	KT_EQ(KT_CALL(sys_munlockall), 0);
	kt_user_map(8, 10);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 0);
	kt_user_leave(&ku);
}

/* -- mincore, msync ------------------------------------------------------------------- */

KTEST(mman_mincore)
{
	struct kt_user ku;
	uint8_t vec[10];
	uint64_t fd;

	kt_user_enter(&ku);
	fd = (uint64_t)kt_user_file(2, O_RDWR);
	kt_user_map(0, 4);
	KT_EQ(mmap_at(4, 3, RW, MAP_PRIVATE | MAP_FIXED, fd, 0), 0);
	kt_user_map(12, 13);
	kt_user_store(KTF_VA(1), 1);
	(void)kt_user_load(KTF_VA(3));
	kt_user_store(KTF_VA(5), 1);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(0) + 1, ptoa(1), KTF_VA(12)), EINVAL);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(0), ~0UL, KTF_VA(12)), ENOMEM);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(0), VM_MAXUSER_ADDRESS, KTF_VA(12)),
	    ENOMEM);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(0), 0, KTF_VA(12)), 0);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(6), ptoa(2), KTF_VA(12)), ENOMEM);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(0), ptoa(1), KTF_VA(20)), EFAULT);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(0), ptoa(7), KTF_VA(12)), 0);
	KT_EQ(copyin((void *)KTF_VA(12), vec, sizeof(vec)), 0);
	for (int i = 0; i < 7; i++)
		KT_EQ(vec[i], i == 1 || (i >= 3 && i < 6));
	KT_EQ(vec[7], 0); /* no more than asked for */
	/* more than one lot */
	KT_EQ(KT_CALL(sys_mmap, KTF_VA(20), ptoa(1500), RW, FIXED, NOFD), 0);
	kt_user_store(KTF_VA(20 + 1499), 1);
	KT_EQ(KT_CALL(sys_mincore, KTF_VA(20), ptoa(1500), KTF_VA(12)), 0);
	KT_EQ(copyin((void *)(KTF_VA(12) + 1496), vec, 4), 0);
	KT_EQ(vec[2], 0);
	KT_EQ(vec[3], 1);
	kt_user_leave(&ku);
}

KTEST(mman_msync)
{
	struct kt_user ku;

	kt_user_enter(&ku);
	kt_user_map(0, 4);
	kt_user_store(KTF_VA(0), 5);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0) + 1, ptoa(1), MS_SYNC), EINVAL);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(1), 8), EINVAL);
	KT_EQ(
	    KT_CALL(sys_msync, KTF_VA(0), ptoa(1), MS_SYNC | MS_ASYNC), EINVAL);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ~0UL, MS_SYNC), ENOMEM);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), 0, MS_SYNC), 0);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), 0), 0);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), MS_INVALIDATE), 0);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(3), ptoa(2), MS_ASYNC), ENOMEM);
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(2), ptoa(1)), 0);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), MS_INVALIDATE), EBUSY);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), MS_SYNC), 0);
	KT_EQ(kt_user_load(KTF_VA(0)), 5);
	kt_user_leave(&ku);
}

/* -- brk and the stack ------------------------------------------------------------------ */

/* => where the break is after brk(va) */
static vaddr_t
brk_to(vaddr_t va)
{
	KT_EQ(KT_CALL(sys_brk, va), 0);
	return (vaddr_t)kt_result;
}

KTEST(mman_brk)
{
	struct kt_user ku;
	struct vmspace *vm;

	kt_user_enter(&ku);
	vm = ku.ku_vm;
	vm->vm_brkbase = vm->vm_brk = KTF_VA(0) + 100;
	KT_EQ(brk_to(0), KTF_VA(0) + 100);
	KT_EQ(brk_to(KTF_VA(0)), KTF_VA(0) + 100); /* below its base */
	KT_EQ(brk_to(VM_MAXUSER_ADDRESS), KTF_VA(0) + 100);
	KT_EQ(brk_to(KTF_VA(0) + 200), KTF_VA(0) + 200);
	KT_EQ(brk_to(KTF_VA(3) + 1), KTF_VA(3) + 1);
	KT_EQ(vm->vm_dsize, 3);
	kt_user_store(KTF_VA(3), 33);
	KT_EQ(brk_to(KTF_VA(3)), KTF_VA(3));
	KT_EQ(vm->vm_dsize, 2);
	KT_CHECK(ktf_entry(vm, 3) == NULL);
	KT_EQ(brk_to(KTF_VA(4)), KTF_VA(4));
	KT_EQ(kt_user_load(KTF_VA(3)), 0);
	/* in the way */
	kt_user_map(6, 7);
	KT_EQ(brk_to(KTF_VA(8)), KTF_VA(4));
	kt_user_limit(&ku, RLIMIT_DATA, ptoa(5) - 100);
	KT_EQ(brk_to(KTF_VA(5)), KTF_VA(5));
	KT_EQ(brk_to(KTF_VA(5) + 200), KTF_VA(5));
	kt_user_limit(&ku, RLIMIT_DATA, RLIM_INFINITY);
	kt_user_limit(&ku, RLIMIT_AS, ptoa(5));
	KT_EQ(brk_to(KTF_VA(6)), KTF_VA(5));
	kt_user_limit(&ku, RLIMIT_AS, RLIM_INFINITY);
	KT_EQ(unmap(6, 7), 0);
	be_nobody(&ku);
	kt_user_limit(&ku, RLIMIT_MEMLOCK, ptoa(1));
	KT_EQ(KT_CALL(sys_mlockall, MCL_FUTURE), 0);
	KT_EQ(brk_to(KTF_VA(7)), KTF_VA(5));
	KT_EQ(brk_to(KTF_VA(6)), KTF_VA(6));
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 1);
	KT_EQ(KT_CALL(sys_mimmutable, KTF_VA(5), ptoa(1)), 0);
	KT_EQ(brk_to(KTF_VA(4)), KTF_VA(6));
	kt_user_leave(&ku);
}

KTEST(mman_grow)
{
	struct kt_user ku;
	struct vmspace *vm;

	kt_user_enter(&ku);
	vm = ku.ku_vm;
	vm->vm_maxsaddr = KTF_VA(0);
	vm->vm_minsaddr = KTF_VA(8);
	kt_user_map(0, 8);
	kt_user_limit(&ku, RLIMIT_STACK, ptoa(4));
	KT_EQ(uvm_grow(curproc, KTF_VA(0) - 1), 0);
	KT_EQ(uvm_grow(curproc, KTF_VA(8)), 0);
	KT_EQ(uvm_grow(curproc, KTF_VA(6) + 8), 1);
	KT_EQ(vm->vm_ssize, 2);
	KT_EQ(uvm_grow(curproc, KTF_VA(7)), 1);
	KT_EQ(vm->vm_ssize, 2);
	KT_EQ(uvm_grow(curproc, KTF_VA(3)), 0);
	KT_EQ(vm->vm_ssize, 2);
	/* and so do the faults of copies */
	kt_user_store(KTF_VA(4), 4);
	KT_EQ(vm->vm_ssize, 4);
	KT_EQ(copyout(&vm, (void *)KTF_VA(3), sizeof(vm)), EFAULT);
	/* of the stack, only what is used counts */
	kt_user_limit(&ku, RLIMIT_AS, ptoa(6));
	KT_EQ(mmap_at(20, 3, RW, FIXED, NOFD, 0), ENOMEM);
	KT_EQ(mmap_at(20, 2, RW, FIXED, NOFD, 0), 0);
	kt_user_leave(&ku);
}
