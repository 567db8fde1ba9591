/*
 * libfdt behind functions that do not clash with our reader.
 */
#ifndef _TESTS_HOST_ORACLE_FDT_H_
#define _TESTS_HOST_ORACLE_FDT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Does libfdt accept the whole tree? */
bool oracle_check(const void *blob, size_t size);
/*
 * Write everything a walk finds, in a form of our own: reservations, nodes
 * with offset, depth, parent, cell counts, properties with their bytes.
 */
void oracle_dump(FILE *f, const void *blob);
/* Node offset, or a negative number. */
int oracle_path(const void *blob, const char *path, size_t len);
int oracle_phandle(const void *blob, uint32_t phandle);
bool oracle_compatible(const void *blob, int node, const char *want);

#endif
