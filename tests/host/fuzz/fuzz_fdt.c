/*
 * The tree reader on arbitrary bytes: check, the platform table, and for a
 * tree that passes a full walk with every accessor.
 */

#include <stdlib.h>
#include <string.h>

#include "klib.h"
#include <lib/fdt.h>
#include <lib/fdt_platform.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
look_at_props(const struct fdt *f, fdt_node_t node)
{
	struct fdt_prop p;
	uint64_t n;
	uint32_t i, cell;
	bool more;

	for (more = fdt_first_prop(f, node, &p); more;
	     more = fdt_next_prop(f, &p)) {
		fdt_number(&p, &n);
		for (i = 0; fdt_cell(&p, i, &cell); i++)
			;
		for (i = 0; i < 100 && fdt_string(&p, i) != NULL; i++)
			;
	}
}

static void
walk(const struct fdt *f)
{
	fdt_node_t node, path[FDT_MAXDEPTH];
	uint64_t base, size;
	char buf[100];
	int depth = 0, n, left = 300; /* ancestors make it quadratic */
	uint32_t i;

	for (node = fdt_root(f); node >= 0 && left-- > 0;
	     node = fdt_next(f, node, &depth)) {
		look_at_props(f, node);
		n = fdt_ancestors(f, node, path);
		if (n != depth + 1)
			abort();
		fdt_path(f, node, buf, sizeof(buf));
		fdt_by_path(f, buf, sizeof(buf));
		fdt_interrupt_parent(f, path, n);
		for (i = 0; n >= 2 && i < 10 &&
		     fdt_reg(f, node, path[n - 2], i, &base, &size) == 0;
		     i++)
			fdt_translate(f, path, n, &base, size);
	}
	for (i = 0; fdt_memreserve(f, i, &base, &size); i++)
		;
	fdt_by_path(f, "serial0:115200", 7);
	fdt_by_phandle(f, 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fdt_platform p;
	struct fdt f;
	int error;

	error = fdt_open(&f, data, size);
	if ((error == 0) != (f.why[0] == '\0') || strlen(f.why) >= FDT_WHYLEN)
		abort();
	if (error == 0)
		walk(&f);
	error = fdt_platform_read(&p, data, size, 0x82200000, NULL, 0);
	if ((error == 0) != (p.err[0] == '\0') ||
	    (error == 0 && (p.nusable == 0 || p.nhart_usable == 0)))
		abort();
	return 0;
}
