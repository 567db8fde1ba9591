#ifndef _LIB_FDT_H_
#define _LIB_FDT_H_

/*
 * Reader for flattened device trees, versions 16 and 17.
 *
 * fdt_open() walks the whole tree once and refuses anything malformed;
 * everything after it relies on that walk and only checks what the tree
 * format itself does not promise (lengths of property values, cell counts).
 * The reader allocates nothing, never writes to the tree and needs no
 * alignment of it.  It uses no static pointer tables, so that it also runs
 * before the kernel runs at its link address.
 *
 * Errors are positive errno values.  ENOENT: there is no such thing.
 * EINVAL: malformed.  EOVERFLOW: does not fit in 64 bits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_MAXDEPTH 32 /* deepest nesting accepted */
#define FDT_WHYLEN   160 /* longest error line with its NUL */

/*
 * A node is the offset of its begin token in the structure block.
 */
typedef int32_t fdt_node_t;
#define FDT_NONE ((fdt_node_t)-1)

/*
 * Locks: [i] immutable once fdt_open() succeeded.
 */
struct fdt {
	const uint8_t *blob; /* [i] the tree */
	uint32_t size; /* [i] its total size */
	uint32_t version; /* [i] format version */
	uint32_t boot_cpuid; /* [i] header's boot cpu field */
	const uint8_t *st; /* [i] structure block */
	uint32_t st_size; /* [i] its size */
	const char *strings; /* [i] strings block */
	uint32_t strings_size; /* [i] its size */
	const uint8_t *rsv; /* [i] memory reservation block */
	uint32_t nrsv; /* [i] entries before the terminator */
	fdt_node_t root; /* [i] the root node */
	char why[FDT_WHYLEN]; /* [i] reason of a failed open */
};

/*
 * Locks: [o] belongs to the caller.
 */
struct fdt_prop {
	const char *name; /* [o] name, in the strings block */
	const uint8_t *data; /* [o] value, any alignment */
	uint32_t len; /* [o] bytes in the value */
	uint32_t off; /* [o] offset of the token, to go on from */
};

/*
 * fdt_check: verify a tree.
 *
 * => max is how many bytes at blob may be read; blob may be NULL
 * => 0, or EINVAL with *why (when why is not NULL) pointing at one line that
 *    names the fault, the node or property, and the offset in the blob
 * => *why points to static storage, overwritten by the next call: for the
 *    boot hart, before others run
 */
int fdt_check(const void *, size_t, const char **);

/*
 * fdt_open: the same check, then fill in the handle.
 *
 * => on failure the reason is in f->why and the handle must not be used
 * => the tree stays the caller's and must outlive the handle
 */
int fdt_open(struct fdt *, const void *, size_t);

/*
 * Nodes.
 *
 * => FDT_NONE as argument gives FDT_NONE or NULL: lookups may be chained
 * => fdt_name includes the unit address; the root's name is ""
 * => fdt_next is depth first; *depth (0 for the root) is kept up to date.
 *    Start with the root and depth 0.
 * => fdt_first_child and fdt_next_sibling cost what they skip, fdt_parent
 *    and fdt_ancestors a walk from the root
 */
fdt_node_t fdt_root(const struct fdt *);
const char *fdt_name(const struct fdt *, fdt_node_t);
fdt_node_t fdt_first_child(const struct fdt *, fdt_node_t);
fdt_node_t fdt_next_sibling(const struct fdt *, fdt_node_t);
fdt_node_t fdt_next(const struct fdt *, fdt_node_t, int *);
fdt_node_t fdt_parent(const struct fdt *, fdt_node_t);

/*
 * fdt_ancestors: the nodes from the root down to a node.
 *
 * => path has room for FDT_MAXDEPTH nodes; path[0] is the root, the last
 *    one is the node itself
 * => returns how many there are, 0 when the node is not in the tree
 */
int fdt_ancestors(const struct fdt *, fdt_node_t, fdt_node_t *);

/*
 * fdt_path: write a node's full path, truncated to fit.
 *
 * => returns buf
 */
char *fdt_path(const struct fdt *, fdt_node_t, char *, size_t);

/*
 * fdt_by_path: find a node by path or alias.
 *
 * => "/a/b@1", "alias" or "alias/b"; a component without unit address
 *    matches the first child whose name before the '@' is equal
 * => len limits the path so that ":options" need not be cut off first
 */
fdt_node_t fdt_by_path(const struct fdt *, const char *, size_t);
fdt_node_t fdt_by_phandle(const struct fdt *, uint32_t);
fdt_node_t fdt_child(const struct fdt *, fdt_node_t, const char *);

/*
 * Properties.
 *
 * => true with *p filled in, or false with *p untouched
 * => fdt_next_prop goes on from *p
 */
bool fdt_first_prop(const struct fdt *, fdt_node_t, struct fdt_prop *);
bool fdt_next_prop(const struct fdt *, struct fdt_prop *);
bool
fdt_getprop(const struct fdt *, fdt_node_t, const char *, struct fdt_prop *);

/*
 * Values.
 *
 * => fdt_cell: the i-th 32-bit cell, false past the end
 * => fdt_number: a value of exactly one or two cells
 * => fdt_string: the i-th string of a list, NULL past the end or when the
 *    list is not terminated
 * => fdt_get_u32, fdt_get_number, fdt_get_string: property lookup and
 *    decoding in one; 0, ENOENT, or EINVAL for a value of the wrong shape
 */
bool fdt_cell(const struct fdt_prop *, uint32_t, uint32_t *);
bool fdt_number(const struct fdt_prop *, uint64_t *);
const char *fdt_string(const struct fdt_prop *, uint32_t);
int fdt_get_u32(const struct fdt *, fdt_node_t, const char *, uint32_t *);
int fdt_get_number(const struct fdt *, fdt_node_t, const char *, uint64_t *);
int fdt_get_string(const struct fdt *, fdt_node_t, const char *, const char **);

/*
 * fdt_compatible: => is the string in the node's compatible list?
 * fdt_available: => is status absent, "okay" or "ok"?
 */
bool fdt_compatible(const struct fdt *, fdt_node_t, const char *);
bool fdt_available(const struct fdt *, fdt_node_t);

/*
 * fdt_cells: the cell counts a node declares for its children.
 *
 * => default 2 and 1, never inherited
 * => EINVAL: a count is not one cell or exceeds 4
 */
int fdt_cells(const struct fdt *, fdt_node_t, uint32_t *, uint32_t *);

/*
 * fdt_reg: the i-th (address, size) pair of a node's reg property, as the
 * parent's bus sees it.
 *
 * => the parent is the caller's to know: fdt_parent() is slow
 * => either result pointer may be NULL
 * => ENOENT: no reg or fewer pairs.  EINVAL: cell counts unusable, or the
 *    length is no multiple of a pair.  EOVERFLOW: address, size or their sum
 *    does not fit in 64 bits
 */
int fdt_reg(const struct fdt *, fdt_node_t, fdt_node_t, uint32_t, uint64_t *,
    uint64_t *);

/*
 * fdt_translate: carry an address range from the bus of path[n - 1]'s
 * parent up to the root through the ranges properties.
 *
 * => path as from fdt_ancestors(), n nodes
 * => a bus with empty or absent ranges passes addresses unchanged
 * => ENOENT: no window holds the whole range
 */
int fdt_translate(
    const struct fdt *, const fdt_node_t *, int, uint64_t *, uint64_t);

/*
 * fdt_interrupt_parent: the interrupt parent of a node, inherited from the
 * nearest ancestor that names one.
 *
 * => path as from fdt_ancestors(), n nodes
 * => its phandle, which may dangle; 0: none or malformed
 */
uint32_t fdt_interrupt_parent(const struct fdt *, const fdt_node_t *, int);

/*
 * fdt_memreserve: the i-th entry of the memory reservation block.
 *
 * => false past the end
 */
bool fdt_memreserve(const struct fdt *, uint32_t, uint64_t *, uint64_t *);

/*
 * fdt_totalsize: the size a header claims, before any check.
 *
 * => reads 8 bytes; 0 when the magic is wrong
 */
uint32_t fdt_totalsize(const void *);

#endif /* _LIB_FDT_H_ */
