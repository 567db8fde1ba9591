/*
 * Host test harness.  Usable from hosted tests (test_*.c) and from tests
 * compiled with the kernel's headers (ktest_*.c): it needs only the
 * compiler's own headers.
 *
 *	TEST(name)
 *	{
 *		CHECK(condition);
 *		CHECK_EQ(got, expected);	integers
 *		CHECK_STR(got, expected);	strings
 *	}
 *
 * Every test runs in a process of its own; the first check that fails ends
 * it.
 */
#ifndef _TESTS_HOST_TEST_H_
#define _TESTS_HOST_TEST_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test {
	const char *name; /* what T= takes */
	const char *file; /* where it is */
	void (*fn)(void); /* the test */
	struct test *next; /* registered before */
};

#define TEST(id)                                                         \
	static void test_##id(void);                                     \
	static struct test test_entry_##id = { #id, __FILE__, test_##id, \
		NULL };                                                  \
	__attribute__((__constructor__)) static void test_add_##id(void) \
	{                                                                \
		test_register(&test_entry_##id);                         \
	}                                                                \
	static void test_##id(void)

#define CHECK(e)                                           \
	do {                                               \
		if (!(e))                                  \
			test_fail(__FILE__, __LINE__, #e); \
	} while (0)
#define CHECK_EQ(a, b) \
	test_check_eq( \
	    __FILE__, __LINE__, #a " == " #b, (uint64_t)(a), (uint64_t)(b))
#define CHECK_STR(a, b) \
	test_check_str(__FILE__, __LINE__, #a " == " #b, (a), (b))

/* Called by the macros. */
void test_register(struct test *);
void test_fail(const char *file, int line, const char *what)
    __attribute__((__noreturn__));
void test_check_eq(
    const char *file, int line, const char *what, uint64_t a, uint64_t b);
void test_check_str(
    const char *file, int line, const char *what, const char *a, const char *b);

/* Ends the test as skipped. */
void test_skip(const char *why) __attribute__((__noreturn__));
/* A line of explanation, shown when the test fails. */
void
test_note(const char *fmt, ...) __attribute__((__format__(__printf__, 1, 2)));

/*
 * Random numbers from the seed and the test's name: the same in every order
 * of tests.  test_below(n) is 0..n-1.
 */
uint64_t test_rnd(void);
uint64_t test_below(uint64_t n);

/*
 * A file read whole into memory of exactly its size (so that the sanitizer
 * sees a read past it); the caller frees it.
 */
uint8_t *test_read_file(const char *path, size_t *size);

#endif
