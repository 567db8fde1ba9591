/*
 * The tree reader: against libfdt on every tree in dts/ and on mutations of
 * them, and on faults made by hand.
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "klib.h"
#include <lib/fdt.h>
#include <lib/fdt_platform.h>

#include "oracle_fdt.h"
#include "test.h"

#define MAXTREES 100

static struct fdt_platform platform; /* too large for the stack */

/* -- Trees ----------------------------------------------------------------- */

/*
 * A tree in memory.
 */
struct tree {
	char name[64]; /* file name */
	uint8_t *blob; /* malloc()ed */
	size_t size; /* exactly its size */
};

static int
tree_cmp(const void *a, const void *b)
{
	return strcmp(
	    ((const struct tree *)a)->name, ((const struct tree *)b)->name);
}

static struct tree
load(const char *name)
{
	char path[300];
	struct tree t;

	snprintf(t.name, sizeof(t.name), "%s", name);
	snprintf(path, sizeof(path), "%s/%s", DTB_DIR, name);
	t.blob = test_read_file(path, &t.size);
	return t;
}

static unsigned int
load_all(struct tree *v)
{
	DIR *d = opendir(DTB_DIR);
	struct dirent *e;
	unsigned int n = 0;

	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (strstr(e->d_name, ".dtb") == NULL)
			continue;
		CHECK(n < MAXTREES);
		v[n++] = load(e->d_name);
	}
	closedir(d);
	CHECK(n >= 20);
	qsort(v, n, sizeof(*v), tree_cmp);
	return n;
}

static void
free_all(struct tree *v, unsigned int n)
{
	while (n-- > 0)
		free(v[n].blob);
}

static void
put32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* -- Comparing walks ------------------------------------------------------- */

static void
dump_props(FILE *out, const struct fdt *f, fdt_node_t node)
{
	struct fdt_prop p, q;
	uint32_t i;
	bool more;

	for (more = fdt_first_prop(f, node, &p); more;
	     more = fdt_next_prop(f, &p)) {
		fprintf(out, " %s[%u]", p.name, p.len);
		for (i = 0; i < p.len; i++)
			fprintf(out, "%02x", p.data[i]);
		fputc('\n', out);
		CHECK(fdt_getprop(f, node, p.name, &q));
	}
}

static void
dump(FILE *out, const struct fdt *f)
{
	fdt_node_t node;
	int depth = 0;
	uint64_t base, size;
	uint32_t i, ac, sc;

	for (i = 0; fdt_memreserve(f, i, &base, &size); i++)
		fprintf(out, "rsv %jx %jx\n", (uintmax_t)base, (uintmax_t)size);
	for (node = fdt_root(f); node >= 0; node = fdt_next(f, node, &depth)) {
		if (fdt_cells(f, node, &ac, &sc) != 0) {
			/* libfdt tells the two apart */
			uint32_t v;
			int e = fdt_get_u32(f, node, "#address-cells", &v);

			ac = e == ENOENT ? 2 : e != 0 || v > 4 ? 0 : v;
			e = fdt_get_u32(f, node, "#size-cells", &v);
			sc = e == ENOENT ? 1 : e != 0 || v > 4 ? UINT32_MAX : v;
		}
		fprintf(out, "%d %d %s parent %d cells %d %d\n", node, depth,
		    fdt_name(f, node), fdt_parent(f, node),
		    ac == 0 ? -1 : (int)ac, (int)sc);
		dump_props(out, f, node);
	}
}

/*
 * Both walks of a tree that both accept.
 */
static void
compare_walks(const struct fdt *f, const void *blob)
{
	char *a, *b;
	size_t alen, blen;
	FILE *out;

	out = open_memstream(&a, &alen);
	dump(out, f);
	fclose(out);
	out = open_memstream(&b, &blen);
	oracle_dump(out, blob);
	fclose(out);
	for (alen = 0; a[alen] != '\0' && a[alen] == b[alen];)
		alen++;
	if (a[alen] != b[alen])
		test_note("walks differ: \"%.60s\", libfdt \"%.60s\"", a + alen,
		    b + alen);
	CHECK(a[alen] == b[alen]);
	free(a);
	free(b);
}

/*
 * Faults that libfdt lets pass: the reader is stricter on purpose.  (libfdt
 * computes the end of a value in 32 bits that wrap, takes a tree without
 * any node, and crashes on some trees of old versions.)
 */
static bool
stricter(const struct fdt *f)
{
	static const char *const reasons[] = { "overlapping blocks",
		"nested too deep", "property after a child",
		"child without a name", "unsupported version", "no root node",
		"property outside any node", "unaligned off_dt_struct",
		"value of", "size_dt_struct out of range", "bad totalsize",
		"memory reservation block does not end",
		"off_dt_struct out of range", "unaligned off_mem_rsvmap",
		"strings block out of range" };
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strstr(f->why, reasons[i]) != NULL)
			return true;
	/* its structure block ends for us where the strings begin */
	return f->version == 16;
}

/*
 * Are there NOP tokens between the end of the root and the end of the block?
 * The format allows them there as everywhere, libfdt does not.
 */
static bool
nop_after_root(const struct fdt *f)
{
	uint32_t token, off = 0;
	int depth = 0;

	do {
		token = get32(f->st + off);
		off += 4;
		if (token == 1) {
			off += (strlen((const char *)f->st + off) + 4) & ~3u;
			depth++;
		} else if (token == 2) {
			depth--;
		} else if (token == 3) {
			off += 8 + ((get32(f->st + off) + 3) & ~3u);
		}
	} while (token != 2 || depth > 0);
	return get32(f->st + off) == 4;
}

/*
 * Verdicts of both on the same bytes, and walks when both accept.
 */
static bool
compare(const uint8_t *blob, size_t size)
{
	struct fdt f;
	int error = fdt_open(&f, blob, size);
	bool theirs;

	CHECK(error == 0 || error == EINVAL);
	CHECK((error == 0) == (f.why[0] == '\0'));
	if (error != 0 && strstr(f.why, "unsupported version") != NULL)
		return false;
	theirs = oracle_check(blob, size);
	if (error != 0 && theirs && !stricter(&f))
		test_note("refused: %s", f.why);
	CHECK(error == 0 || !theirs || stricter(&f));
	CHECK(error != 0 || theirs || nop_after_root(&f));
	/* libfdt looks for the root at 0 only, even when NOPs are there */
	if (error == 0 && theirs && fdt_root(&f) == 0)
		compare_walks(&f, blob);
	return error == 0;
}

TEST(fdt_all_trees_like_libfdt)
{
	struct tree v[MAXTREES];
	unsigned int i, n = load_all(v);

	for (i = 0; i < n; i++) {
		test_note("%s", v[i].name);
		CHECK(compare(v[i].blob, v[i].size));
	}
	free_all(v, n);
}

/*
 * Paths, phandles, aliases and compatible strings of every node.
 */
static void
compare_lookups(const struct fdt *f, const uint8_t *blob)
{
	char path[400];
	fdt_node_t node, anc[FDT_MAXDEPTH];
	struct fdt_prop p;
	int depth = 0, n;
	const char *s;
	uint32_t i;

	for (node = fdt_root(f); node >= 0; node = fdt_next(f, node, &depth)) {
		fdt_path(f, node, path, sizeof(path));
		CHECK_EQ(fdt_by_path(f, path, strlen(path)), node);
		CHECK_EQ(oracle_path(blob, path, strlen(path)), node);
		n = fdt_ancestors(f, node, anc);
		CHECK_EQ(n, depth + 1);
		CHECK_EQ(anc[n - 1], node);
		CHECK_EQ(n < 2 ? FDT_NONE : anc[n - 2], fdt_parent(f, node));
		s = strrchr(path, '@');
		if (s != NULL)
			CHECK_EQ(fdt_by_path(f, path, s - path),
			    oracle_path(blob, path, s - path));
		if (!fdt_getprop(f, node, "compatible", &p))
			continue;
		for (i = 0; (s = fdt_string(&p, i)) != NULL; i++) {
			CHECK(fdt_compatible(f, node, s));
			CHECK(oracle_compatible(blob, node, s));
		}
		CHECK(!fdt_compatible(f, node, "no,such"));
	}
	for (i = 1; i < 64; i++)
		CHECK_EQ(fdt_by_phandle(f, i) < 0 ? -1 : fdt_by_phandle(f, i),
		    oracle_phandle(blob, i) < 0 ? -1 : oracle_phandle(blob, i));
	for (s = "serial0"; s != NULL; s = s[6] == '0' ? "serial1" : NULL) {
		n = oracle_path(blob, s, 7);
		CHECK_EQ(fdt_by_path(f, s, 7), n < 0 ? -1 : n);
	}
}

TEST(fdt_lookups_like_libfdt)
{
	struct tree v[MAXTREES];
	unsigned int i, n = load_all(v);
	struct fdt f;

	for (i = 0; i < n; i++) {
		test_note("%s", v[i].name);
		CHECK_EQ(fdt_open(&f, v[i].blob, v[i].size), 0);
		compare_lookups(&f, v[i].blob);
	}
	free_all(v, n);
}

/* Children and siblings visit the same nodes as the depth-first walk. */
static unsigned int
count_below(const struct fdt *f, fdt_node_t node)
{
	unsigned int n = 1;
	fdt_node_t c;

	for (c = fdt_first_child(f, node); c >= 0; c = fdt_next_sibling(f, c)) {
		CHECK_EQ(fdt_parent(f, c), node);
		n += count_below(f, c);
	}
	return n;
}

TEST(fdt_children_and_siblings)
{
	struct tree v[MAXTREES];
	unsigned int i, n = load_all(v), nodes;
	fdt_node_t node;
	struct fdt f;
	int depth;

	for (i = 0; i < n; i++) {
		CHECK_EQ(fdt_open(&f, v[i].blob, v[i].size), 0);
		depth = 0;
		nodes = 0;
		for (node = fdt_root(&f); node >= 0;
		     node = fdt_next(&f, node, &depth))
			nodes++;
		CHECK_EQ(count_below(&f, fdt_root(&f)), nodes);
		CHECK_EQ(fdt_next_sibling(&f, fdt_root(&f)), FDT_NONE);
	}
	free_all(v, n);
}

/* -- Mutations ------------------------------------------------------------- */

/*
 * Change a few bytes or words; often the ones that carry structure.
 */
static void
mutate(uint8_t *p, size_t size)
{
	static const uint32_t words[] = { 0, 1, 2, 3, 4, 9, 0x10, 0xd00dfeed,
		UINT32_MAX, INT32_MAX, 0x80000000 };
	unsigned int n = 1 + test_below(4);
	size_t at;

	while (n-- > 0) {
		switch (test_below(5)) {
		case 0:
			p[test_below(size)] = test_rnd();
			break;
		case 1:
			p[test_below(size)] ^= 1 << test_below(8);
			break;
		case 2: /* header */
			at = 4 * test_below(10);
			put32(p + at, get32(p + at) + test_below(64) - 32);
			break;
		case 3:
			at = 4 * test_below(size / 4);
			put32(p + at, words[test_below(11)]);
			break;
		default: /* lengths and offsets, slightly wrong */
			at = 4 * test_below(size / 4);
			put32(p + at, get32(p + at) + test_below(9) - 4);
			break;
		}
	}
}

TEST(fdt_mutations_like_libfdt)
{
	struct tree v[MAXTREES];
	unsigned int i, n = load_all(v), accepted = 0, rounds = 20000;
	const struct tree *t;
	uint8_t *copy;
	size_t size;

	for (i = 0; i < rounds; i++) {
		t = &v[test_below(n)];
		size = test_below(10) == 0 ? 40 + test_below(t->size - 40)
					   : t->size;
		copy = malloc(size);
		memcpy(copy, t->blob, size);
		mutate(copy, size);
		if (compare(copy, size)) {
			accepted++;
			fdt_platform_read(
			    &platform, copy, size, 0x82200000, NULL, 0);
		}
		free(copy);
	}
	test_note("%u of %u accepted", accepted, rounds);
	CHECK(accepted > rounds / 20);
	CHECK(accepted < rounds - rounds / 20);
	free_all(v, n);
}

/* A tree works at any alignment. */
TEST(fdt_any_alignment)
{
	struct tree t = load("visionfive2.dtb");
	struct fdt f, g;
	uint8_t *copy;
	size_t off;

	CHECK_EQ(fdt_open(&f, t.blob, t.size), 0);
	for (off = 1; off < 8; off++) {
		copy = malloc(t.size + off);
		memcpy(copy + off, t.blob, t.size);
		CHECK_EQ(fdt_open(&g, copy + off, t.size), 0);
		compare_walks(&g, t.blob);
		CHECK_EQ(fdt_platform_read(&platform, copy + off, t.size,
			     0x46000000, NULL, 0),
		    0);
		free(copy);
	}
	free(t.blob);
}

/* Every shorter piece of a tree is refused, for a reason. */
TEST(fdt_truncated)
{
	struct tree t = load("unleashed.dtb");
	const char *why;
	uint8_t *copy;
	size_t size;

	for (size = 0; size < t.size; size++) {
		copy = malloc(size > 0 ? size : 1);
		memcpy(copy, t.blob, size);
		CHECK_EQ(fdt_check(copy, size, &why), EINVAL);
		CHECK(strstr(why, "truncated") != NULL);
		free(copy);
	}
	free(t.blob);
}

/* -- Faults made by hand --------------------------------------------------- */

/*
 * Expect a reason after a change of the word at off.
 */
static void
refused(const char *tree, size_t off, uint32_t word, const char *reason)
{
	struct tree t = load(tree);
	const char *why;

	put32(t.blob + off, word);
	CHECK_EQ(fdt_check(t.blob, t.size, &why), EINVAL);
	if (strstr(why, reason) == NULL)
		test_note("got \"%s\", expected \"%s\"", why, reason);
	CHECK(strstr(why, reason) != NULL);
	CHECK(strchr(why, '\n') == NULL);
	free(t.blob);
}

TEST(fdt_broken_header)
{
	const char *why, *t = "unleashed.dtb";

	CHECK_EQ(fdt_check(NULL, 0, &why), EINVAL);
	CHECK_EQ(fdt_check(NULL, 100, NULL), EINVAL);
	refused(t, 0, 0xedfe0dd0, "bad magic 0xedfe0dd0");
	refused(t, 4, 8, "bad totalsize");
	refused(t, 4, 0x7fffffff, "truncated");
	refused(t, 4, 0xffffffff, "truncated");
	refused(t, 8, 2, "unaligned off_dt_struct");
	refused(t, 8, 0, "off_dt_struct out of range");
	refused(t, 8, 0xfffffffc, "off_dt_struct out of range");
	refused(t, 12, 0xfffffffe, "strings block out of range");
	refused(t, 12, 0, "strings block out of range");
	refused(t, 12, 60, "overlapping blocks");
	refused(t, 16, 41, "unaligned off_mem_rsvmap");
	refused(t, 16, 0xfffffff8, "reservation block does not end");
	refused(t, 16, 0, "reservation block does not end");
	refused(t, 20, 3, "unsupported version");
	refused(t, 24, 18, "unsupported version");
	refused(t, 32, 0xffffffff, "strings block out of range");
	refused(t, 36, 0xffffffff, "size_dt_struct out of range");
	refused(t, 36, 0, "does not end");
}

/* A tree under construction, for shapes dtc will not make. */
static uint8_t made[4096];
static size_t made_len;

static void
add(uint32_t word)
{
	put32(made + 56 + made_len, word);
	made_len += 4;
}

static void
add_name(const char *s)
{
	strcpy((char *)made + 56 + made_len, s);
	made_len += (strlen(s) + 4) & ~3u;
}

static void
begin(const char *name)
{
	add(1);
	add_name(name);
}

/* Strings "a\0b" follow the structure block. */
static const char *
finish(size_t st_size)
{
	static const uint32_t header[] = { 0xd00dfeed, 0, 56, 0, 40, 17, 16, 0,
		4, 0 };
	const char *why;
	unsigned int i;

	for (i = 0; i < 10; i++)
		put32(made + 4 * i, header[i]);
	memset(made + 40, 0, 16);
	put32(made + 4, 56 + st_size + 4);
	put32(made + 12, 56 + st_size);
	put32(made + 36, st_size);
	memcpy(made + 56 + st_size, "a\0b", 4);
	made_len = 0;
	return fdt_check(made, sizeof(made), &why) == 0 ? "" : why;
}

#define REFUSED(what) CHECK(strstr(finish(made_len), what) != NULL)

/* Long: one tree after another is made and refused; they share nothing. */
TEST(fdt_broken_structure)
{
	int i;

	begin("");
	add(2);
	add(9);
	CHECK_STR(finish(made_len), "");
	add(4);
	begin("");
	add(4);
	add(3);
	add(0);
	add(2);
	add(4);
	begin("x");
	add(2);
	add(4);
	add(2);
	add(4);
	add(9);
	add(77); /* what follows the end does not count */
	CHECK_STR(finish(made_len), "");

	REFUSED("structure block does not end");
	add(9);
	REFUSED("no root node");
	begin("");
	add(9);
	REFUSED("node \"/\": unclosed node");
	begin("");
	add(2);
	REFUSED("structure block does not end");
	add(2);
	REFUSED("did not begin");
	begin("");
	add(2);
	begin("");
	REFUSED("second root node");
	begin("x");
	REFUSED("root node has a name");
	begin("");
	begin("");
	REFUSED("child without a name");
	begin("");
	add(5);
	REFUSED("unknown token at 0x40");
	add(3);
	add(0);
	add(0);
	REFUSED("property outside any node");
	begin("");
	begin("kid");
	add(2);
	add(3);
	add(0);
	add(0);
	REFUSED("property after a child");
	begin("");
	add(3);
	add(0);
	REFUSED("truncated property");
	begin("");
	add(3);
	add(5);
	add(0);
	add(0);
	REFUSED("value of \"a\" too long");
	begin("");
	add(3);
	add(0xffffffff);
	add(2);
	REFUSED("value of \"b\" too long");
	begin("");
	add(3);
	add(0);
	add(4);
	REFUSED("property name outside");
	begin("");
	begin("evil\n\033[2J");
	add(7);
	REFUSED("node \"evil??[2J\": unknown token");
	for (i = 0; i < FDT_MAXDEPTH; i++)
		begin(i == 0 ? "" : "n");
	begin("n");
	REFUSED("nested too deep");
}

TEST(fdt_unterminated_strings)
{
	struct tree t = load("unleashed.dtb");
	uint32_t strings = get32(t.blob + 12), len = get32(t.blob + 32);
	const char *why;

	/* the last name of the strings block loses its NUL */
	t.blob[strings + len - 1] = 'x';
	CHECK_EQ(fdt_check(t.blob, t.size, &why), EINVAL);
	CHECK(strstr(why, "unterminated property name") != NULL);
	free(t.blob);

	begin("");
	add(1);
	add(0x61616161);
	add(0x61616161);
	REFUSED("unterminated child name");
}

/* -- Values ---------------------------------------------------------------- */

static struct fdt_prop
value(const char *data, uint32_t len)
{
	struct fdt_prop p = { .name = "p", .len = len };

	p.data = (const uint8_t *)data;
	return p;
}

TEST(fdt_values)
{
	struct fdt_prop p = value("\0\0\1\2\xff\xff\xff\xfe", 8);
	uint64_t n;
	uint32_t c;

	CHECK(fdt_cell(&p, 0, &c));
	CHECK_EQ(c, 0x102);
	CHECK(fdt_cell(&p, 1, &c));
	CHECK_EQ(c, 0xfffffffe);
	CHECK(!fdt_cell(&p, 2, &c));
	CHECK(!fdt_cell(&p, UINT32_MAX, &c));
	CHECK(fdt_number(&p, &n));
	CHECK_EQ(n, 0x102fffffffe);
	p.len = 4;
	CHECK(fdt_number(&p, &n));
	CHECK_EQ(n, 0x102);
	p.len = 6;
	CHECK(!fdt_number(&p, &n));
	CHECK(fdt_cell(&p, 0, &c));
	CHECK(!fdt_cell(&p, 1, &c));
	p.len = 0;
	CHECK(!fdt_number(&p, &n));

	p = value("one\0\0three", 11);
	CHECK_STR(fdt_string(&p, 0), "one");
	CHECK_STR(fdt_string(&p, 1), "");
	CHECK_STR(fdt_string(&p, 2), "three");
	CHECK(fdt_string(&p, 3) == NULL);
	p.len = 10; /* "three" without its NUL */
	CHECK_STR(fdt_string(&p, 1), "");
	CHECK(fdt_string(&p, 2) == NULL);
	p.len = 0;
	CHECK(fdt_string(&p, 0) == NULL);
}

TEST(fdt_buses)
{
	struct tree t = load("nasty-mixed.dtb");
	fdt_node_t path[FDT_MAXDEPTH], node;
	uint64_t base, size;
	struct fdt f;
	int n;

	CHECK_EQ(fdt_open(&f, t.blob, t.size), 0);
	node = fdt_by_path(&f, "/bus@10000000/uart", 99);
	CHECK(node >= 0);
	n = fdt_ancestors(&f, node, path);
	CHECK_EQ(n, 3);
	CHECK_EQ(fdt_reg(&f, node, path[1], 0, &base, &size), 0);
	CHECK_EQ(base, 0x100);
	CHECK_EQ(size, 0x100);
	CHECK_EQ(fdt_reg(&f, node, path[1], 1, &base, &size), ENOENT);
	CHECK_EQ(fdt_reg(&f, path[1], path[0], 0, &base, &size), ENOENT);
	/* the wrong bus: two cells each */
	CHECK_EQ(fdt_reg(&f, node, path[0], 0, &base, &size), EINVAL);
	CHECK_EQ(fdt_translate(&f, path, n, &base, size), 0);
	CHECK_EQ(base, 0x10000100);
	base = 0x100000;
	CHECK_EQ(fdt_translate(&f, path, n, &base, 0x10000), 0);
	CHECK_EQ(base, 0x2000000000);
	base = 0x100000;
	CHECK_EQ(fdt_translate(&f, path, n, &base, 0x10001), ENOENT);
	base = 0x100001;
	CHECK_EQ(fdt_translate(&f, path, n, &base, 0x10000), ENOENT);
	base = 0x8000;
	CHECK_EQ(fdt_translate(&f, path, n, &base, 1), ENOENT);
	CHECK_STR(
	    fdt_name(&f, fdt_by_phandle(&f, fdt_interrupt_parent(&f, path, n))),
	    "plic@d000000");
	CHECK_EQ(fdt_interrupt_parent(&f, path, 1), 0);
	CHECK_EQ(fdt_totalsize(t.blob), t.size);
	free(t.blob);
}

TEST(fdt_none_is_harmless)
{
	struct tree t = load("nasty-mixed.dtb");
	fdt_node_t path[FDT_MAXDEPTH];
	struct fdt_prop p;
	struct fdt f;
	int depth = 0;

	CHECK_EQ(fdt_open(&f, t.blob, t.size), 0);
	CHECK(fdt_name(&f, FDT_NONE) == NULL);
	CHECK_EQ(fdt_first_child(&f, FDT_NONE), FDT_NONE);
	CHECK_EQ(fdt_next_sibling(&f, FDT_NONE), FDT_NONE);
	CHECK_EQ(fdt_next(&f, FDT_NONE, &depth), FDT_NONE);
	CHECK_EQ(fdt_parent(&f, FDT_NONE), FDT_NONE);
	CHECK_EQ(fdt_parent(&f, 1000000), FDT_NONE);
	CHECK_EQ(fdt_ancestors(&f, FDT_NONE, path), 0);
	CHECK_EQ(fdt_child(&f, FDT_NONE, "x"), FDT_NONE);
	CHECK(!fdt_first_prop(&f, FDT_NONE, &p));
	CHECK(!fdt_getprop(&f, FDT_NONE, "reg", &p));
	CHECK_EQ(fdt_by_path(&f, "", 5), FDT_NONE);
	CHECK_EQ(fdt_by_path(&f, "noalias/x", 9), FDT_NONE);
	CHECK_EQ(fdt_by_path(&f, "//", 2), fdt_root(&f));
	CHECK_EQ(fdt_by_phandle(&f, 0), FDT_NONE);
	CHECK_EQ(fdt_by_phandle(&f, UINT32_MAX), FDT_NONE);
	free(t.blob);
}
