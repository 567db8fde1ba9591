/*
 * Reader for flattened device trees.
 *
 * check_*() walk the tree once and refuse it unless every token, name and
 * value lies inside its block.  The functions after that lean on the walk:
 * they may step from token to token without looking at the block's end.
 */

#include <sys/errno.h>
#include <lib/fdt.h>
#include <lib/format.h>
#include <lib/string.h>

#define MAGIC       0xd00dfeedU
#define HEADERLEN   40 /* header of version 17 */
#define HEADERLEN16 36 /* version 16 has no size_dt_struct */
#define MINVERSION  16
#define MAXCOMPAT   17 /* newest last_comp_version understood */

/* Offsets of header fields. */
#define H_MAGIC        0
#define H_TOTALSIZE    4
#define H_OFF_STRUCT   8
#define H_OFF_STRINGS  12
#define H_OFF_RSV      16
#define H_VERSION      20
#define H_COMPAT       24
#define H_BOOTCPU      28
#define H_SIZE_STRINGS 32
#define H_SIZE_STRUCT  36

/* Tokens of the structure block. */
#define T_BEGIN    1
#define T_ENDN     2
#define T_PROP     3
#define T_NOP      4
#define T_END      9

#define CELL       4U /* bytes in a cell */
#define RSVLEN     16U /* bytes in a reservation entry */
#define MAXCELLS   4U /* largest cell count that makes sense */
#define WHOLE(len) (((len) + CELL - 1) & ~(CELL - 1))

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

static uint64_t
be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + CELL);
}

/* -- The one walk that checks everything ---------------------------------- */

/*
 * State of the check.  Locks: [o] belongs to the call.
 */
struct walk {
	struct fdt *f; /* [o] handle being filled in */
	uint32_t off; /* [o] next token, offset in the structure block */
	int depth; /* [o] open nodes */
	fdt_node_t node; /* [o] innermost node begun last, for messages */
	bool rootdone; /* [o] the root has ended */
	bool noprops; /* [o] a child ended: properties are over */
};

/*
 * Offset of the structure block in the blob, for messages.
 */
static uint32_t
blob_off(const struct fdt *f, uint32_t off)
{
	return (uint32_t)(f->st - f->blob) + off;
}

/*
 * Names in messages are bounded and printable: they come from a tree that
 * has just been found broken.
 */
static void
clean(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

static int
broken(struct walk *w, uint32_t off, const char *what)
{
	const char *name = w->node < 0 ? "" : fdt_name(w->f, w->node);

	if (w->node < 0)
		snprintf(w->f->why, FDT_WHYLEN, "%s at 0x%x", what,
		    blob_off(w->f, off));
	else
		snprintf(w->f->why, FDT_WHYLEN, "node \"%.48s\": %s at 0x%x",
		    *name == '\0' ? "/" : name, what, blob_off(w->f, off));
	clean(w->f->why);
	return EINVAL;
}

static int
broken_header(struct fdt *f, const char *what, uint32_t off, uint32_t value)
{
	snprintf(
	    f->why, FDT_WHYLEN, "header: %s 0x%x at 0x%x", what, value, off);
	return EINVAL;
}

/*
 * Is [off, off + len) inside the tree and past the header?
 */
static bool
inside(const struct fdt *f, uint32_t off, uint32_t len)
{
	return off >= (f->version < 17 ? HEADERLEN16 : HEADERLEN) &&
	    off <= f->size && len <= f->size - off;
}

/*
 * Find the end of the reservation block.
 */
static int
check_rsv(struct fdt *f, uint32_t off)
{
	uint32_t at;

	if (off % 8 != 0)
		return broken_header(
		    f, "unaligned off_mem_rsvmap", H_OFF_RSV, off);
	f->rsv = f->blob + off;
	f->nrsv = 0;
	for (at = off;; at += RSVLEN, f->nrsv++) {
		if (!inside(f, at, RSVLEN))
			return broken_header(f,
			    "memory reservation block does not end,"
			    " off_mem_rsvmap",
			    H_OFF_RSV, off);
		if (be64(f->blob + at) == 0 && be64(f->blob + at + 8) == 0)
			return 0;
	}
}

static bool
overlap(uint32_t a, uint32_t alen, uint32_t b, uint32_t blen)
{
	return alen != 0 && blen != 0 && a < b + blen && b < a + alen;
}

static int
check_blocks(struct fdt *f)
{
	uint32_t st = be32(f->blob + H_OFF_STRUCT);
	uint32_t str = be32(f->blob + H_OFF_STRINGS);
	uint32_t rsv = be32(f->blob + H_OFF_RSV);
	uint32_t rsvlen;
	int error;

	if (st % CELL != 0)
		return broken_header(
		    f, "unaligned off_dt_struct", H_OFF_STRUCT, st);
	if (!inside(f, st, 0))
		return broken_header(
		    f, "off_dt_struct out of range", H_OFF_STRUCT, st);
	/* version 16 does not say how long the block is */
	f->st_size = f->version >= 17 ? be32(f->blob + H_SIZE_STRUCT)
	    : str > st                ? str - st
				      : f->size - st;
	if (!inside(f, st, f->st_size))
		return broken_header(f, "size_dt_struct out of range",
		    H_SIZE_STRUCT, f->st_size);
	f->strings_size = be32(f->blob + H_SIZE_STRINGS);
	if (!inside(f, str, f->strings_size))
		return broken_header(f, "strings block out of range, offset",
		    H_OFF_STRINGS, str);
	error = check_rsv(f, rsv);
	if (error != 0)
		return error;
	rsvlen = (f->nrsv + 1) * RSVLEN;
	if (overlap(st, f->st_size, str, f->strings_size) ||
	    overlap(st, f->st_size, rsv, rsvlen) ||
	    overlap(str, f->strings_size, rsv, rsvlen))
		return broken_header(
		    f, "overlapping blocks, off_dt_struct", H_OFF_STRUCT, st);
	f->st = f->blob + st;
	f->strings = (const char *)f->blob + str;
	return 0;
}

static int
check_header(struct fdt *f, const uint8_t *blob, size_t max)
{
	if (blob == NULL || max < HEADERLEN) {
		snprintf(f->why, FDT_WHYLEN, "header: truncated to %zu bytes",
		    blob == NULL ? (size_t)0 : max);
		return EINVAL;
	}
	if (be32(blob + H_MAGIC) != MAGIC)
		return broken_header(
		    f, "bad magic", H_MAGIC, be32(blob + H_MAGIC));
	f->blob = blob;
	f->size = be32(blob + H_TOTALSIZE);
	if (f->size < HEADERLEN || f->size > INT32_MAX || f->size > max)
		return broken_header(f,
		    f->size > max ? "truncated, totalsize" : "bad totalsize",
		    H_TOTALSIZE, f->size);
	f->version = be32(blob + H_VERSION);
	if (f->version < MINVERSION || be32(blob + H_COMPAT) > MAXCOMPAT ||
	    be32(blob + H_COMPAT) > f->version)
		return broken_header(
		    f, "unsupported version", H_VERSION, f->version);
	f->boot_cpuid = be32(blob + H_BOOTCPU);
	return check_blocks(f);
}

static int
check_begin(struct walk *w)
{
	struct fdt *f = w->f;
	uint32_t off = w->off, left = f->st_size - off;
	uint32_t len = strnlen((const char *)f->st + off, left);

	if (len == left)
		return broken(w, off - CELL, "unterminated child name");
	if (w->rootdone)
		return broken(w, off - CELL, "second root node");
	if (w->depth == FDT_MAXDEPTH)
		return broken(w, off - CELL, "nodes nested too deep");
	if (w->depth == 0 && len != 0)
		return broken(w, off - CELL, "root node has a name");
	if (w->depth != 0 && len == 0)
		return broken(w, off - CELL, "child without a name");
	if (WHOLE(len + 1) > left)
		return broken(w, off - CELL, "truncated child name");
	w->node = off - CELL;
	if (w->depth++ == 0)
		f->root = w->node;
	w->noprops = false;
	w->off = off + WHOLE(len + 1);
	return 0;
}

static int
check_prop(struct walk *w)
{
	struct fdt *f = w->f;
	uint32_t off = w->off, left = f->st_size - off;
	uint32_t len, name, room;

	if (w->depth == 0)
		return broken(w, off - CELL, "property outside any node");
	if (w->noprops)
		return broken(w, off - CELL, "property after a child");
	if (left < 2 * CELL)
		return broken(w, off - CELL, "truncated property");
	len = be32(f->st + off);
	name = be32(f->st + off + CELL);
	if (name >= f->strings_size)
		return broken(
		    w, off - CELL, "property name outside the strings block");
	room = f->strings_size - name;
	if (strnlen(f->strings + name, room) == room)
		return broken(w, off - CELL, "unterminated property name");
	left -= 2 * CELL;
	if (len > left || WHOLE(len) > left) {
		char what[64];

		snprintf(what, sizeof(what), "value of \"%.24s\" too long",
		    f->strings + name);
		return broken(w, off - CELL, what);
	}
	w->off = off + 2 * CELL + WHOLE(len);
	return 0;
}

/*
 * Check the token at w->off and step over it; *end tells of the last.
 */
static int
check_token(struct walk *w, bool *end)
{
	uint32_t token;

	if (w->f->st_size - w->off < CELL)
		return broken(w, w->off, "structure block does not end");
	token = be32(w->f->st + w->off);
	w->off += CELL;
	switch (token) {
	case T_BEGIN:
		return check_begin(w);
	case T_PROP:
		return check_prop(w);
	case T_NOP:
		return 0;
	case T_ENDN:
		if (w->depth == 0)
			return broken(w, w->off - CELL,
			    "end of a node that did not begin");
		w->depth--;
		w->noprops = true;
		w->rootdone = w->depth == 0;
		return 0;
	case T_END:
		if (!w->rootdone)
			return broken(w, w->off - CELL,
			    w->depth == 0 ? "no root node" : "unclosed node");
		*end = true;
		return 0;
	default:
		return broken(w, w->off - CELL, "unknown token");
	}
}

int
fdt_open(struct fdt *f, const void *blob, size_t max)
{
	struct walk w = { .f = f, .node = FDT_NONE };
	bool end = false;
	int error;

	memset(f, 0, sizeof(*f));
	f->root = FDT_NONE;
	error = check_header(f, blob, max);
	while (error == 0 && !end)
		error = check_token(&w, &end);
	return error;
}

int
fdt_check(const void *blob, size_t max, const char **why)
{
	static struct fdt f; /* boot hart only; keeps *why alive */
	int error;

	error = fdt_open(&f, blob, max);
	if (why != NULL)
		*why = f.why;
	return error;
}

uint32_t
fdt_totalsize(const void *blob)
{
	const uint8_t *p = blob;

	return be32(p + H_MAGIC) == MAGIC ? be32(p + H_TOTALSIZE) : 0;
}

bool
fdt_memreserve(const struct fdt *f, uint32_t i, uint64_t *base, uint64_t *size)
{
	if (i >= f->nrsv)
		return false;
	*base = be64(f->rsv + i * RSVLEN);
	*size = be64(f->rsv + i * RSVLEN + 8);
	return true;
}

/* -- Nodes ---------------------------------------------------------------- */

/*
 * The token at *off and the offset of the one after it.
 */
static uint32_t
next_token(const struct fdt *f, uint32_t *off)
{
	const uint8_t *p = f->st + *off;
	uint32_t token = be32(p);

	*off += CELL;
	if (token == T_BEGIN)
		*off += WHOLE(strlen((const char *)p + CELL) + 1);
	else if (token == T_PROP)
		*off += 2 * CELL + WHOLE(be32(p + CELL));
	return token;
}

fdt_node_t
fdt_root(const struct fdt *f)
{
	return f->root;
}

const char *
fdt_name(const struct fdt *f, fdt_node_t node)
{
	if (node < 0)
		return NULL;
	return (const char *)f->st + node + CELL;
}

fdt_node_t
fdt_next(const struct fdt *f, fdt_node_t node, int *depth)
{
	uint32_t at, off = node;

	if (node < 0)
		return FDT_NONE;
	next_token(f, &off);
	for (;;) {
		at = off;
		switch (next_token(f, &off)) {
		case T_BEGIN:
			++*depth;
			return at;
		case T_ENDN:
			--*depth;
			break;
		case T_END:
			return FDT_NONE;
		}
	}
}

fdt_node_t
fdt_first_child(const struct fdt *f, fdt_node_t node)
{
	int depth = 0;

	node = fdt_next(f, node, &depth);
	return depth == 1 ? node : FDT_NONE;
}

fdt_node_t
fdt_next_sibling(const struct fdt *f, fdt_node_t node)
{
	int depth = 0;

	do
		node = fdt_next(f, node, &depth);
	while (node >= 0 && depth > 0);
	return depth == 0 ? node : FDT_NONE;
}

int
fdt_ancestors(const struct fdt *f, fdt_node_t node, fdt_node_t *path)
{
	fdt_node_t n = node < 0 ? FDT_NONE : f->root;
	int depth = 0;

	for (; n >= 0 && n <= node; n = fdt_next(f, n, &depth)) {
		path[depth] = n;
		if (n == node)
			return depth + 1;
	}
	return 0;
}

fdt_node_t
fdt_parent(const struct fdt *f, fdt_node_t node)
{
	fdt_node_t path[FDT_MAXDEPTH];
	int n = fdt_ancestors(f, node, path);

	return n < 2 ? FDT_NONE : path[n - 2];
}

char *
fdt_path(const struct fdt *f, fdt_node_t node, char *buf, size_t size)
{
	fdt_node_t path[FDT_MAXDEPTH];
	int i, n = fdt_ancestors(f, node, path);
	size_t len = 0;

	if (size > 0)
		buf[0] = '\0';
	if (n == 1)
		strlcpy(buf, "/", size);
	for (i = 1; i < n && len < size; i++)
		len += snprintf(
		    buf + len, size - len, "/%s", fdt_name(f, path[i]));
	return buf;
}

/*
 * Does a path component name the node?  Without a unit address it names any
 * node whose name is equal up to the '@'.
 */
static bool
name_matches(const char *name, const char *want, size_t len)
{
	if (strncmp(name, want, len) != 0)
		return false;
	if (name[len] == '\0')
		return true;
	return name[len] == '@' && strnlen(want, len) == len &&
	    memchr(want, '@', len) == NULL;
}

static fdt_node_t
child_by_name(
    const struct fdt *f, fdt_node_t node, const char *want, size_t len)
{
	fdt_node_t n = fdt_first_child(f, node);

	while (n >= 0 && !name_matches(fdt_name(f, n), want, len))
		n = fdt_next_sibling(f, n);
	return n;
}

fdt_node_t
fdt_child(const struct fdt *f, fdt_node_t node, const char *name)
{
	return child_by_name(f, node, name, strlen(name));
}

/*
 * Where an alias leads.  An alias of an alias is not followed: the value
 * must be a full path.
 */
static fdt_node_t
by_alias(const struct fdt *f, const char *alias, size_t len)
{
	fdt_node_t aliases = fdt_child(f, f->root, "aliases");
	struct fdt_prop p;
	const char *path;
	bool more;

	for (more = fdt_first_prop(f, aliases, &p); more;
	     more = fdt_next_prop(f, &p)) {
		if (strlen(p.name) != len || memcmp(p.name, alias, len) != 0)
			continue;
		path = fdt_string(&p, 0);
		if (path == NULL || path[0] != '/')
			return FDT_NONE;
		return fdt_by_path(f, path, strlen(path));
	}
	return FDT_NONE;
}

/*
 * Length of the path component at p, at most len.
 */
static size_t
component(const char *p, size_t len)
{
	const char *slash = memchr(p, '/', len);

	return slash == NULL ? len : (size_t)(slash - p);
}

fdt_node_t
fdt_by_path(const struct fdt *f, const char *path, size_t len)
{
	fdt_node_t node = f->root;
	size_t n;

	len = strnlen(path, len);
	if (len == 0)
		return FDT_NONE;
	if (*path != '/') {
		n = component(path, len);
		node = by_alias(f, path, n);
		path += n;
		len -= n;
	}
	while (node >= 0 && len > 0) {
		if (*path == '/') {
			path++;
			len--;
			continue;
		}
		n = component(path, len);
		node = child_by_name(f, node, path, n);
		path += n;
		len -= n;
	}
	return node;
}

fdt_node_t
fdt_by_phandle(const struct fdt *f, uint32_t phandle)
{
	fdt_node_t node;
	uint32_t value;
	int depth = 0;

	if (phandle == 0 || phandle == UINT32_MAX)
		return FDT_NONE;
	for (node = f->root; node >= 0; node = fdt_next(f, node, &depth)) {
		if (fdt_get_u32(f, node, "phandle", &value) != 0 &&
		    fdt_get_u32(f, node, "linux,phandle", &value) != 0)
			continue;
		if (value == phandle)
			break;
	}
	return node;
}

/* -- Properties ----------------------------------------------------------- */

/*
 * The property at or after off, within the same node.
 */
static bool
prop_at(const struct fdt *f, uint32_t off, struct fdt_prop *p)
{
	uint32_t token, at;

	do {
		at = off;
		token = next_token(f, &off);
	} while (token == T_NOP);
	if (token != T_PROP)
		return false;
	p->off = at;
	p->len = be32(f->st + at + CELL);
	p->name = f->strings + be32(f->st + at + 2 * CELL);
	p->data = f->st + at + 3 * CELL;
	return true;
}

bool
fdt_first_prop(const struct fdt *f, fdt_node_t node, struct fdt_prop *p)
{
	uint32_t off = node;

	if (node < 0)
		return false;
	next_token(f, &off);
	return prop_at(f, off, p);
}

bool
fdt_next_prop(const struct fdt *f, struct fdt_prop *p)
{
	uint32_t off = p->off;

	next_token(f, &off);
	return prop_at(f, off, p);
}

bool
fdt_getprop(
    const struct fdt *f, fdt_node_t node, const char *name, struct fdt_prop *p)
{
	struct fdt_prop q;
	bool more;

	for (more = fdt_first_prop(f, node, &q); more;
	     more = fdt_next_prop(f, &q)) {
		if (strcmp(q.name, name) == 0) {
			*p = q;
			return true;
		}
	}
	return false;
}

bool
fdt_cell(const struct fdt_prop *p, uint32_t i, uint32_t *value)
{
	if (i >= p->len / CELL)
		return false;
	*value = be32(p->data + i * CELL);
	return true;
}

bool
fdt_number(const struct fdt_prop *p, uint64_t *value)
{
	if (p->len != CELL && p->len != 2 * CELL)
		return false;
	*value = p->len == CELL ? be32(p->data) : be64(p->data);
	return true;
}

const char *
fdt_string(const struct fdt_prop *p, uint32_t i)
{
	const char *s = (const char *)p->data;
	uint32_t len, left = p->len;

	for (;; i--) {
		len = strnlen(s, left);
		if (len == left)
			return NULL;
		if (i == 0)
			return s;
		s += len + 1;
		left -= len + 1;
	}
}

int
fdt_get_u32(
    const struct fdt *f, fdt_node_t node, const char *name, uint32_t *value)
{
	struct fdt_prop p;

	if (!fdt_getprop(f, node, name, &p))
		return ENOENT;
	if (p.len != CELL)
		return EINVAL;
	*value = be32(p.data);
	return 0;
}

int
fdt_get_number(
    const struct fdt *f, fdt_node_t node, const char *name, uint64_t *value)
{
	struct fdt_prop p;

	if (!fdt_getprop(f, node, name, &p))
		return ENOENT;
	return fdt_number(&p, value) ? 0 : EINVAL;
}

int
fdt_get_string(
    const struct fdt *f, fdt_node_t node, const char *name, const char **value)
{
	struct fdt_prop p;
	const char *s;

	if (!fdt_getprop(f, node, name, &p))
		return ENOENT;
	s = fdt_string(&p, 0);
	if (s == NULL)
		return EINVAL;
	*value = s;
	return 0;
}

bool
fdt_compatible(const struct fdt *f, fdt_node_t node, const char *want)
{
	struct fdt_prop p;
	const char *s;
	uint32_t i;

	if (!fdt_getprop(f, node, "compatible", &p))
		return false;
	for (i = 0; (s = fdt_string(&p, i)) != NULL; i++)
		if (strcmp(s, want) == 0)
			return true;
	return false;
}

bool
fdt_available(const struct fdt *f, fdt_node_t node)
{
	const char *s;
	int error = fdt_get_string(f, node, "status", &s);

	if (error != 0)
		return error == ENOENT;
	return strcmp(s, "okay") == 0 || strcmp(s, "ok") == 0;
}

/* -- Buses: cells, reg, ranges, interrupts -------------------------------- */

static int
cell_count(const struct fdt *f, fdt_node_t node, const char *name,
    uint32_t absent, uint32_t *count)
{
	int error = fdt_get_u32(f, node, name, count);

	if (error == ENOENT)
		*count = absent;
	else if (error != 0 || *count > MAXCELLS)
		return EINVAL;
	return 0;
}

int
fdt_cells(
    const struct fdt *f, fdt_node_t node, uint32_t *address, uint32_t *size)
{
	int error = cell_count(f, node, "#address-cells", 2, address);

	return error != 0 ? error : cell_count(f, node, "#size-cells", 1, size);
}

/*
 * A number of n cells; false when it does not fit in 64 bits.
 */
static bool
read_cells(const uint8_t *p, uint32_t n, uint64_t *value)
{
	uint64_t v = 0;

	for (; n > 0; n--, p += CELL) {
		if (v >> 32 != 0)
			return false;
		v = v << 32 | be32(p);
	}
	*value = v;
	return true;
}

int
fdt_reg(const struct fdt *f, fdt_node_t node, fdt_node_t parent, uint32_t i,
    uint64_t *base, uint64_t *size)
{
	uint32_t ac, sc, pair;
	struct fdt_prop p;
	uint64_t b, s;

	if (!fdt_getprop(f, node, "reg", &p))
		return ENOENT;
	if (fdt_cells(f, parent, &ac, &sc) != 0 || ac == 0)
		return EINVAL;
	pair = (ac + sc) * CELL;
	if (p.len % pair != 0)
		return EINVAL;
	if (i >= p.len / pair)
		return ENOENT;
	if (!read_cells(p.data + i * pair, ac, &b) ||
	    !read_cells(p.data + i * pair + ac * CELL, sc, &s) ||
	    (s != 0 && b + (s - 1) < b))
		return EOVERFLOW;
	if (base != NULL)
		*base = b;
	if (size != NULL)
		*size = s;
	return 0;
}

/*
 * One step of fdt_translate(): from the bus a node makes to the bus the node
 * is on.
 */
static int
translate_up(const struct fdt *f, fdt_node_t bus, fdt_node_t parent,
    uint64_t *addr, uint64_t size)
{
	uint32_t ac, sc, pac, psc, entry, i;
	uint64_t child, to, len;
	struct fdt_prop p;

	if (!fdt_getprop(f, bus, "ranges", &p) || p.len == 0)
		return 0;
	if (fdt_cells(f, bus, &ac, &sc) != 0 ||
	    fdt_cells(f, parent, &pac, &psc) != 0 || ac == 0 || pac == 0)
		return EINVAL;
	entry = (ac + pac + sc) * CELL;
	if (p.len % entry != 0)
		return EINVAL;
	for (i = 0; i < p.len; i += entry) {
		/* a window beyond 64 bits cannot hold the address */
		if (!read_cells(p.data + i, ac, &child) ||
		    !read_cells(p.data + i + ac * CELL, pac, &to) ||
		    !read_cells(p.data + i + (ac + pac) * CELL, sc, &len))
			continue;
		if (*addr < child || *addr - child >= len ||
		    size > len - (*addr - child))
			continue;
		if (to + (*addr - child) < to)
			return EOVERFLOW;
		*addr = to + (*addr - child);
		return 0;
	}
	return ENOENT;
}

int
fdt_translate(const struct fdt *f, const fdt_node_t *path, int n,
    uint64_t *addr, uint64_t size)
{
	int error = 0, i;

	/* path[n - 2] is the bus the node is on; the root's is the machine */
	for (i = n - 2; error == 0 && i >= 1; i--)
		error = translate_up(f, path[i], path[i - 1], addr, size);
	return error;
}

uint32_t
fdt_interrupt_parent(const struct fdt *f, const fdt_node_t *path, int n)
{
	uint32_t phandle;
	int i, error;

	for (i = n - 1; i >= 0; i--) {
		error = fdt_get_u32(f, path[i], "interrupt-parent", &phandle);
		if (error == 0)
			return phandle;
		if (error != ENOENT)
			break;
	}
	return 0;
}
