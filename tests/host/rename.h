/*
 * Forced into every source under test and into ktest_*.c: the kernel's
 * versions of libc functions get names of their own, so that tests can
 * compare the two and sanitizers do not intercept ours.
 */
#ifndef _TESTS_HOST_RENAME_H_
#define _TESTS_HOST_RENAME_H_

#define memcpy    k_memcpy
#define memmove   k_memmove
#define memset    k_memset
#define memcmp    k_memcmp
#define memchr    k_memchr
#define strlen    k_strlen
#define strnlen   k_strnlen
#define strcmp    k_strcmp
#define strncmp   k_strncmp
#define strchr    k_strchr
#define strrchr   k_strrchr
#define strlcpy   k_strlcpy
#define strlcat   k_strlcat
#define snprintf  k_snprintf
#define vsnprintf k_vsnprintf

/* libfdt, the oracle of the tree reader, has functions of these names. */
#define fdt_getprop    k_fdt_getprop
#define fdt_get_string k_fdt_get_string
#define fdt_string     k_fdt_string

#endif
