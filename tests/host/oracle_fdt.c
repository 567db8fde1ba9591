#include <libfdt.h>

#include "oracle_fdt.h"

bool
oracle_check(const void *blob, size_t size)
{
	return fdt_check_full(blob, size) == 0;
}

static void
dump_props(FILE *f, const void *blob, int node)
{
	const char *name;
	const uint8_t *p;
	int off, len, i;

	fdt_for_each_property_offset(off, blob, node)
	{
		p = fdt_getprop_by_offset(blob, off, &name, &len);
		fprintf(f, " %s[%d]", name, len);
		for (i = 0; i < len; i++)
			fprintf(f, "%02x", p[i]);
		fputc('\n', f);
	}
}

void
oracle_dump(FILE *f, const void *blob)
{
	int depth = 0, i, node, parent;
	uint64_t base, size;

	/* fdt_num_mem_rsv() stops at a size of 0, the format only at both */
	for (i = 0; fdt_get_mem_rsv(blob, i, &base, &size) == 0; i++) {
		if (base == 0 && size == 0)
			break;
		fprintf(f, "rsv %jx %jx\n", (uintmax_t)base, (uintmax_t)size);
	}
	for (node = fdt_next_node(blob, -1, NULL); node >= 0 && depth >= 0;
	     node = fdt_next_node(blob, node, &depth)) {
		parent = fdt_parent_offset(blob, node);
		fprintf(f, "%d %d %s parent %d cells %d %d\n", node, depth,
		    fdt_get_name(blob, node, NULL), parent < 0 ? -1 : parent,
		    fdt_address_cells(blob, node) < 0
			? -1
			: fdt_address_cells(blob, node),
		    fdt_size_cells(blob, node) < 0
			? -1
			: fdt_size_cells(blob, node));
		dump_props(f, blob, node);
	}
}

int
oracle_path(const void *blob, const char *path, size_t len)
{
	return fdt_path_offset_namelen(blob, path, len);
}

int
oracle_phandle(const void *blob, uint32_t phandle)
{
	return fdt_node_offset_by_phandle(blob, phandle);
}

bool
oracle_compatible(const void *blob, int node, const char *want)
{
	return fdt_node_check_compatible(blob, node, want) == 0;
}
