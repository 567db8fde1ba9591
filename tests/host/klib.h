/*
 * The kernel's versions of libc functions, for hosted tests; rename.h gave
 * them these names.
 */
#ifndef _TESTS_HOST_KLIB_H_
#define _TESTS_HOST_KLIB_H_

/* Before <lib/fdt.h>: see rename.h. */
#define fdt_getprop    k_fdt_getprop
#define fdt_get_string k_fdt_get_string
#define fdt_string     k_fdt_string

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *k_memcpy(void *, const void *, size_t);
void *k_memmove(void *, const void *, size_t);
void *k_memset(void *, int, size_t);
int k_memcmp(const void *, const void *, size_t);
void *k_memchr(const void *, int, size_t);
size_t k_strlen(const char *);
size_t k_strnlen(const char *, size_t);
int k_strcmp(const char *, const char *);
int k_strncmp(const char *, const char *, size_t);
char *k_strchr(const char *, int);
char *k_strrchr(const char *, int);
size_t k_strlcpy(char *, const char *, size_t);
size_t k_strlcat(char *, const char *, size_t);
bool strtou64(const char *, const char **, int, uint64_t *);
int k_snprintf(char *, size_t, const char *, ...);
int k_vsnprintf(char *, size_t, const char *, va_list);
int kvformat(void (*)(int, void *), void *, const char *, va_list);

#endif
