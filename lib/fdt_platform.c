/*
 * The machine as the device tree describes it, read into one table.
 *
 * Order matters in one place only: harts before interrupt controllers
 * (contexts name harts) before devices (interrupts name controllers).
 * What the kernel cannot run without is an error, with one line of text that
 * names the node; the rest is a warning.
 */

#include <stdarg.h>
#include <sys/errno.h>
#include <lib/fdt_platform.h>
#include <lib/format.h>
#include <lib/sort.h>
#include <lib/string.h>

#define PAGE_MASK  ((uint64_t)FDT_PAGE_SIZE - 1)
#define PHYS_LIMIT ((uint64_t)1 << 56) /* Sv39 physical address space */
#define PATHLEN    96 /* node path in a message */
#define IRQ_M_EXT  11 /* machine external interrupt of a hart */
#define IRQ_S_EXT  9 /* supervisor external interrupt of a hart */

/*
 * State of one fdt_platform_read().  Locks: [o] belongs to the call.
 */
struct reader {
	struct fdt f; /* [o] the tree */
	struct fdt_platform *p; /* [o] result */
	uint32_t intc[FDT_MAXHARTS]; /* [o] phandle of hart[i]'s controller */
	char path[PATHLEN]; /* [o] a node's path, for messages */
};

/*
 * A position in the tree.  Locks: [o] belongs to the caller.
 */
struct place {
	fdt_node_t path[FDT_MAXDEPTH]; /* [o] root first */
	int n; /* [o] nodes in path */
};

/* -- Messages -------------------------------------------------------------- */

static void message(char *, const char *, va_list) FORMAT_PRINTF(2, 0);
static int fail(struct reader *, int, const char *, ...) FORMAT_PRINTF(3, 4);
static void warn(struct reader *, const char *, ...) FORMAT_PRINTF(2, 3);

/*
 * Names from the tree may hold anything; what is printed may not.
 */
static void
message(char *buf, const char *fmt, va_list ap)
{
	vsnprintf(buf, FDT_WHYLEN, fmt, ap);
	for (; *buf != '\0'; buf++)
		if (*buf < ' ' || *buf > '~')
			*buf = '?';
}

static int
fail(struct reader *r, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(r->p->err, fmt, ap);
	va_end(ap);
	return error;
}

static void
warn(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->p->nwarn < FDT_MAXWARN) {
		va_start(ap, fmt);
		message(r->p->warn[r->p->nwarn], fmt, ap);
		va_end(ap);
	}
	r->p->nwarn++;
}

static const char *
path_of(struct reader *r, fdt_node_t node)
{
	return fdt_path(&r->f, node, r->path, sizeof(r->path));
}

/*
 * A property of the wrong shape.
 */
static int
bad_prop(struct reader *r, fdt_node_t node, const char *name)
{
	return fail(
	    r, EINVAL, "%s: malformed property \"%s\"", path_of(r, node), name);
}

/*
 * fdt_reg() with the failure put into words; ENOENT is left to the caller.
 */
static int
read_reg(struct reader *r, fdt_node_t node, fdt_node_t bus, uint32_t i,
    uint64_t *base, uint64_t *size)
{
	uint32_t ac, sc;
	int error = fdt_reg(&r->f, node, bus, i, base, size);

	if (error == EOVERFLOW)
		return fail(r, error, "%s: reg entry %u exceeds 64 bits",
		    path_of(r, node), i);
	if (error == EINVAL) {
		if (fdt_cells(&r->f, bus, &ac, &sc) != 0 || ac == 0)
			return fail(r, error,
			    "%s: absurd #address-cells or #size-cells",
			    path_of(r, bus));
		return fail(r, error,
		    "%s: length of reg is no multiple of %u cells",
		    path_of(r, node), ac + sc);
	}
	return error;
}

/*
 * Copy a string property; absent gives "".
 */
static int
copy_string(struct reader *r, fdt_node_t node, const char *name, char *buf,
    size_t size, bool exact)
{
	const char *s = "";

	if (fdt_get_string(&r->f, node, name, &s) == EINVAL)
		return bad_prop(r, node, name);
	if (strlcpy(buf, s, size) >= size && exact)
		return fail(r, E2BIG, "%s: \"%s\" longer than %zu bytes",
		    path_of(r, node), name, size - 1);
	return 0;
}

/*
 * A number of one or two cells; absent leaves *value alone.
 */
static int
copy_number(
    struct reader *r, fdt_node_t node, const char *name, uint64_t *value)
{
	if (fdt_get_number(&r->f, node, name, value) == EINVAL)
		return bad_prop(r, node, name);
	return 0;
}

/* -- /chosen -------------------------------------------------------------- */

static int
read_initrd(struct reader *r, fdt_node_t chosen)
{
	struct fdt_platform *p = r->p;
	uint64_t start, end;
	int e1, e2;

	e1 = fdt_get_number(&r->f, chosen, "linux,initrd-start", &start);
	e2 = fdt_get_number(&r->f, chosen, "linux,initrd-end", &end);
	if (e1 == ENOENT && e2 == ENOENT)
		return 0;
	if (e1 != 0)
		return fail(r, EINVAL,
		    "/chosen: linux,initrd-start absent or malformed");
	if (e2 != 0)
		return fail(
		    r, EINVAL, "/chosen: linux,initrd-end absent or malformed");
	if (end < start)
		return fail(r, EINVAL,
		    "/chosen: initrd ends at 0x%jx before its start 0x%jx",
		    (uintmax_t)end, (uintmax_t)start);
	p->initrd_base = start;
	p->initrd_size = end - start;
	return 0;
}

static int
read_chosen(struct reader *r)
{
	struct fdt_platform *p = r->p;
	fdt_node_t chosen = fdt_child(&r->f, r->f.root, "chosen");
	struct fdt_prop seed;
	int error;

	if (chosen < 0)
		return 0;
	error = copy_string(
	    r, chosen, "bootargs", p->bootargs, sizeof(p->bootargs), true);
	if (error != 0)
		return error;
	error = fdt_get_number(&r->f, chosen, "boot-hartid", &p->boot_hartid);
	p->has_boot_hartid = error == 0;
	if (error == EINVAL)
		warn(r, "/chosen: malformed boot-hartid ignored");
	if (fdt_getprop(&r->f, chosen, "rng-seed", &seed)) {
		p->seedlen = seed.len < FDT_MAXSEED ? seed.len : FDT_MAXSEED;
		memcpy(p->seed, seed.data, p->seedlen);
	}
	return read_initrd(r, chosen);
}

/* -- Harts ---------------------------------------------------------------- */

/* Extensions with a flag of their own, NUL-separated: no pointer table. */
static const char isa_names[] = "sstc\0svinval\0svpbmt\0svnapot\0svadu\0"
				"svade\0svvptc\0zicboz\0zicbom\0zbb\0";

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Length of a version such as "2p0" or "2" at s.
 */
static size_t
version_len(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len && is_digit(s[i]))
		i++;
	if (i > 0 && i + 1 < len && lower(s[i]) == 'p' && is_digit(s[i + 1]))
		for (i++; i < len && is_digit(s[i]);)
			i++;
	return i;
}

/*
 * Is s the extension called name, version aside?
 */
static bool
isa_is(const char *s, size_t len, const char *name)
{
	for (; *name != '\0'; name++, s++, len--)
		if (len == 0 || lower(*s) != *name)
			return false;
	return version_len(s, len) == len;
}

static uint64_t
isa_letter(char c)
{
	c = lower(c);
	if (c < 'a' || c > 'z')
		return 0;
	if (c == 'g')
		return FDT_ISA('g') | FDT_ISA('i') | FDT_ISA('m') |
		    FDT_ISA('a') | FDT_ISA('f') | FDT_ISA('d');
	return FDT_ISA(c);
}

uint64_t
fdt_isa_extension(const char *s, size_t len)
{
	uint64_t flag = FDT_ISA_SSTC;
	const char *name;

	if (len == 0)
		return 0;
	if (version_len(s + 1, len - 1) == len - 1)
		return isa_letter(*s);
	for (name = isa_names; *name != '\0'; name += strlen(name) + 1) {
		if (isa_is(s, len, name))
			return flag;
		flag <<= 1;
	}
	return 0;
}

/*
 * Does a name of several letters begin here?  Old QEMU wrote "...dcsu" with
 * s and u as single letters.
 */
static bool
isa_multi(const char *s, bool first)
{
	switch (lower(*s)) {
	case 's':
		return first || lower(s[1]) != 'u';
	case 'x':
	case 'z':
		return true;
	default:
		return false;
	}
}

uint64_t
fdt_isa_parse(const char *s)
{
	uint64_t isa = 0;
	bool first = false; /* right after a '_' */
	size_t len;

	if (lower(s[0]) != 'r' || lower(s[1]) != 'v' || s[2] != '6' ||
	    s[3] != '4')
		return 0;
	for (s += 4; *s != '\0'; s += len) {
		len = 1;
		if (*s == '_') {
			first = true;
			continue;
		}
		if (isa_multi(s, first)) {
			while (s[len] != '\0' && s[len] != '_')
				len++;
			isa |= fdt_isa_extension(s, len);
		} else {
			isa |= isa_letter(*s);
			len += version_len(s + 1, strlen(s + 1));
		}
		first = false;
	}
	return isa;
}

static uint64_t
read_isa(const struct fdt *f, fdt_node_t cpu)
{
	struct fdt_prop p;
	const char *s;
	uint64_t isa = 0;
	uint32_t i;

	if (fdt_getprop(f, cpu, "riscv,isa-extensions", &p)) {
		if (fdt_get_string(f, cpu, "riscv,isa-base", &s) == 0 &&
		    fdt_isa_parse(s) == 0)
			return 0;
		for (i = 0; (s = fdt_string(&p, i)) != NULL; i++)
			isa |= fdt_isa_extension(s, strlen(s));
	}
	if (fdt_get_string(f, cpu, "riscv,isa", &s) == 0)
		isa |= fdt_isa_parse(s);
	return isa;
}

static enum fdt_hartwhy
hart_state(const struct fdt *f, fdt_node_t cpu, uint64_t isa)
{
	const char *mmu;

	if (!fdt_available(f, cpu))
		return FDT_HART_DISABLED;
	if (fdt_get_string(f, cpu, "mmu-type", &mmu) != 0 ||
	    (strcmp(mmu, "riscv,sv39") != 0 && strcmp(mmu, "riscv,sv48") != 0 &&
		strcmp(mmu, "riscv,sv57") != 0))
		return FDT_HART_NOMMU;
	if ((isa & FDT_ISA('i')) == 0)
		return FDT_HART_NOISA;
	return FDT_HART_USABLE;
}

/*
 * Phandle of the interrupt controller inside a cpu node; 0: none.
 */
static uint32_t
hart_intc(const struct fdt *f, fdt_node_t cpu)
{
	fdt_node_t n = fdt_child(f, cpu, "interrupt-controller");
	uint32_t phandle;

	if (n < 0 ||
	    (fdt_get_u32(f, n, "phandle", &phandle) != 0 &&
		fdt_get_u32(f, n, "linux,phandle", &phandle) != 0))
		return 0;
	return phandle;
}

static int
read_hart(struct reader *r, fdt_node_t cpus, fdt_node_t cpu)
{
	struct fdt_platform *p = r->p;
	struct fdt_hart *h;
	uint64_t hartid;
	int error;

	error = read_reg(r, cpu, cpus, 0, &hartid, NULL);
	if (error == ENOENT)
		return fail(r, EINVAL, "%s: no reg", path_of(r, cpu));
	if (error != 0)
		return error;
	if (fdt_platform_hart(p, hartid) != NULL)
		return fail(r, EINVAL, "%s: second hart with id %ju",
		    path_of(r, cpu), (uintmax_t)hartid);
	if (p->nhart_total++ >= FDT_MAXHARTS)
		return 0;
	r->intc[p->nhart] = hart_intc(&r->f, cpu);
	h = &p->hart[p->nhart++];
	h->hartid = hartid;
	h->isa = read_isa(&r->f, cpu);
	h->why = hart_state(&r->f, cpu, h->isa);
	/* malformed ones keep the 0 that means unknown */
	fdt_get_u32(&r->f, cpu, "numa-node-id", &h->numa);
	fdt_get_u32(&r->f, cpu, "riscv,cboz-block-size", &h->cboz_size);
	fdt_get_u32(&r->f, cpu, "riscv,cbom-block-size", &h->cbom_size);
	return 0;
}

/*
 * The time base of one hart, when /cpus has none: all must agree.
 */
static int
hart_timebase(struct reader *r, fdt_node_t cpu)
{
	uint64_t tb = 0;
	int error = copy_number(r, cpu, "timebase-frequency", &tb);

	if (error != 0 || tb == 0)
		return error;
	if (r->p->timebase != 0 && r->p->timebase != tb)
		return fail(r, EINVAL,
		    "%s: timebase-frequency %ju differs from %ju",
		    path_of(r, cpu), (uintmax_t)tb, (uintmax_t)r->p->timebase);
	r->p->timebase = tb;
	return 0;
}

static bool
is_cpu(const struct fdt *f, fdt_node_t node)
{
	const char *type;

	if (fdt_get_string(f, node, "device_type", &type) == 0)
		return strcmp(type, "cpu") == 0;
	return strncmp(fdt_name(f, node), "cpu@", 4) == 0;
}

/*
 * Leave out harts without floating point where others have it, and count
 * the rest.
 */
static int
choose_harts(struct reader *r)
{
	const uint64_t fd = FDT_ISA('f') | FDT_ISA('d');
	struct fdt_platform *p = r->p;
	struct fdt_hart *h, *end = p->hart + p->nhart;
	bool fpu = false;

	for (h = p->hart; h < end; h++)
		if (h->why == FDT_HART_USABLE && (h->isa & fd) == fd)
			fpu = true;
	p->isa_all = ~(uint64_t)0;
	for (h = p->hart; h < end; h++) {
		if (h->why != FDT_HART_USABLE)
			continue;
		if (fpu && (h->isa & fd) != fd) {
			h->why = FDT_HART_NOFPU;
			continue;
		}
		p->nhart_usable++;
		p->isa_all &= h->isa;
	}
	if (p->nhart_total > p->nhart)
		warn(r, "/cpus: %u harts, only %u recorded", p->nhart_total,
		    p->nhart);
	if (p->nhart_usable == 0)
		return fail(r, ENODEV, "/cpus: no usable hart among %u",
		    p->nhart_total);
	return 0;
}

static int
read_cpus(struct reader *r)
{
	fdt_node_t cpus = fdt_child(&r->f, r->f.root, "cpus");
	bool percpu;
	fdt_node_t n;
	int error;

	if (cpus < 0)
		return fail(r, EINVAL, "/: no cpus node");
	error = copy_number(r, cpus, "timebase-frequency", &r->p->timebase);
	percpu = r->p->timebase == 0;
	n = fdt_first_child(&r->f, cpus);
	for (; error == 0 && n >= 0; n = fdt_next_sibling(&r->f, n)) {
		if (!is_cpu(&r->f, n))
			continue;
		error = read_hart(r, cpus, n);
		if (error == 0 && percpu)
			error = hart_timebase(r, n);
	}
	if (error == 0 && r->p->timebase == 0)
		error =
		    fail(r, EINVAL, "/cpus: timebase-frequency absent or zero");
	return error != 0 ? error : choose_harts(r);
}

/* -- Memory --------------------------------------------------------------- */

static void
set_name(struct fdt_range *m, const char *name)
{
	char *c;

	strlcpy(m->name, name, sizeof(m->name));
	for (c = m->name; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static int
range_cmp(const void *va, const void *vb)
{
	const struct fdt_range *a = va, *b = vb;

	if (a->base != b->base)
		return a->base < b->base ? -1 : 1;
	return a->size < b->size ? -1 : a->size > b->size;
}

static int
add_memory(struct reader *r, fdt_node_t node, uint64_t base, uint64_t size,
    uint32_t numa)
{
	struct fdt_range *m;

	if (size == 0)
		return 0; /* an empty bank; if all are, that is told later */
	if (((base | size) & PAGE_MASK) != 0)
		return fail(r, EINVAL, "%s: unaligned memory range 0x%jx+0x%jx",
		    path_of(r, node), (uintmax_t)base, (uintmax_t)size);
	if (base >= PHYS_LIMIT || size > PHYS_LIMIT - base)
		return fail(r, EINVAL,
		    "%s: memory range 0x%jx+0x%jx exceeds 56 bits",
		    path_of(r, node), (uintmax_t)base, (uintmax_t)size);
	if (r->p->nmem == FDT_MAXMEM)
		return fail(r, E2BIG, "%s: more than %u memory ranges",
		    path_of(r, node), FDT_MAXMEM);
	m = &r->p->mem[r->p->nmem++];
	m->base = base;
	m->size = size;
	m->numa = numa;
	set_name(m, fdt_name(&r->f, node));
	return 0;
}

static int
read_memory_node(struct reader *r, fdt_node_t node)
{
	uint64_t base, size;
	uint32_t i, numa = 0;
	int error;

	if (fdt_get_u32(&r->f, node, "numa-node-id", &numa) == EINVAL)
		return bad_prop(r, node, "numa-node-id");
	for (i = 0;; i++) {
		error = read_reg(r, node, r->f.root, i, &base, &size);
		if (error == ENOENT && i > 0)
			return 0;
		if (error == ENOENT)
			return fail(r, EINVAL, "%s: no reg", path_of(r, node));
		if (error == 0)
			error = add_memory(r, node, base, size, numa);
		if (error != 0)
			return error;
	}
}

/*
 * Refuse overlaps, join neighbours of one NUMA node.
 */
static int
merge_memory(struct reader *r)
{
	struct fdt_platform *p = r->p;
	struct fdt_range *m, *last = p->mem;
	unsigned int i;

	if (p->nmem == 0)
		return fail(r, EINVAL, "/: no memory node with a range");
	ksort(p->mem, p->nmem, sizeof(p->mem[0]), range_cmp);
	for (i = 1; i < p->nmem; i++) {
		m = &p->mem[i];
		if (m->base - last->base < last->size)
			return fail(r, EINVAL,
			    "%s: memory range 0x%jx+0x%jx overlaps"
			    " 0x%jx+0x%jx of %s",
			    m->name, (uintmax_t)m->base, (uintmax_t)m->size,
			    (uintmax_t)last->base, (uintmax_t)last->size,
			    last->name);
		if (m->base == last->base + last->size && m->numa == last->numa)
			last->size += m->size;
		else
			*++last = *m;
	}
	p->nmem = last - p->mem + 1;
	return 0;
}

static int
read_memory(struct reader *r)
{
	const char *type;
	fdt_node_t n;
	int error = 0;

	n = fdt_first_child(&r->f, r->f.root);
	for (; error == 0 && n >= 0; n = fdt_next_sibling(&r->f, n)) {
		if (fdt_get_string(&r->f, n, "device_type", &type) == 0 &&
		    strcmp(type, "memory") == 0 && fdt_available(&r->f, n))
			error = read_memory_node(r, n);
	}
	return error != 0 ? error : merge_memory(r);
}

/* -- Reserved ranges ------------------------------------------------------ */

static int
add_reserved(struct reader *r, uint64_t base, uint64_t size,
    enum fdt_rsvkind kind, bool nomap, const char *name)
{
	struct fdt_range *m;

	if (size == 0)
		return 0;
	if (base + (size - 1) < base)
		return fail(r, EINVAL,
		    "%.32s: reserved range 0x%jx+0x%jx exceeds 64 bits", name,
		    (uintmax_t)base, (uintmax_t)size);
	if (r->p->nrsv == FDT_MAXRSV)
		return fail(r, E2BIG, "%.32s: more than %u reserved ranges",
		    name, FDT_MAXRSV);
	m = &r->p->rsv[r->p->nrsv++];
	m->base = base;
	m->size = size;
	m->kind = kind;
	m->nomap = nomap;
	set_name(m, name);
	return 0;
}

/*
 * A child of /reserved-memory.  One without reg asks the system to choose a
 * place for a driver; nothing is there to protect.
 */
static int
read_reserved_node(struct reader *r, fdt_node_t parent, fdt_node_t node)
{
	struct fdt_prop p;
	bool nomap = fdt_getprop(&r->f, node, "no-map", &p);
	uint64_t base, size;
	uint32_t i;
	int error;

	for (i = 0;; i++) {
		error = read_reg(r, node, parent, i, &base, &size);
		if (error == ENOENT)
			return 0;
		if (error == 0)
			error = add_reserved(r, base, size, FDT_RSV_NODE, nomap,
			    fdt_name(&r->f, node));
		if (error != 0)
			return error;
	}
}

static int
read_reserved(struct reader *r)
{
	fdt_node_t parent = fdt_child(&r->f, r->f.root, "reserved-memory");
	fdt_node_t n = fdt_first_child(&r->f, parent);
	uint64_t base, size;
	uint32_t i;
	int error = 0;

	for (i = 0; error == 0 && fdt_memreserve(&r->f, i, &base, &size); i++)
		error = add_reserved(
		    r, base, size, FDT_RSV_MEMRESERVE, false, "memreserve");
	for (; error == 0 && n >= 0; n = fdt_next_sibling(&r->f, n))
		if (fdt_available(&r->f, n))
			error = read_reserved_node(r, parent, n);
	return error;
}

static int
reserve_caller(struct reader *r, const struct fdt_range *c, unsigned int n)
{
	int error = 0;

	for (; error == 0 && n > 0; n--, c++)
		error = add_reserved(
		    r, c->base, c->size, FDT_RSV_CALLER, c->nomap, c->name);
	return error;
}

/*
 * Is [base, base + size) memory throughout?
 */
static bool
is_memory(const struct fdt_platform *p, uint64_t base, uint64_t size)
{
	const struct fdt_range *m, *end = p->mem + p->nmem;
	uint64_t room;

	for (m = p->mem; m < end && size > 0; m++) {
		if (base < m->base)
			break;
		if (base - m->base >= m->size)
			continue;
		room = m->size - (base - m->base);
		if (room >= size)
			return true;
		base += room;
		size -= room;
	}
	return size == 0;
}

static int
reserve_initrd(struct reader *r)
{
	struct fdt_platform *p = r->p;

	if (!is_memory(p, p->initrd_base, p->initrd_size))
		return fail(r, EINVAL,
		    "/chosen: initrd 0x%jx+0x%jx is not in memory",
		    (uintmax_t)p->initrd_base, (uintmax_t)p->initrd_size);
	return add_reserved(
	    r, p->initrd_base, p->initrd_size, FDT_RSV_INITRD, false, "initrd");
}

/*
 * End of the last page a range touches, within the physical address space.
 */
static uint64_t
page_end(const struct fdt_range *m)
{
	uint64_t last = (m->base + (m->size - 1)) | PAGE_MASK;

	return last >= PHYS_LIMIT ? PHYS_LIMIT : last + 1;
}

static void
add_usable(struct fdt_platform *p, const struct fdt_range *m, uint64_t base,
    uint64_t end)
{
	struct fdt_range *u;

	if (base >= end)
		return;
	u = &p->usable[p->nusable++];
	*u = *m;
	u->base = base;
	u->size = end - base;
}

/*
 * Memory minus what is reserved.  Every reserved range cuts at most once, so
 * nmem + nrsv pieces are the most there can be.
 */
static int
make_usable(struct reader *r)
{
	struct fdt_platform *p = r->p;
	const struct fdt_range *m, *v;
	uint64_t at, base, end;

	for (m = p->mem; m < p->mem + p->nmem; m++) {
		at = m->base;
		end = m->base + m->size;
		for (v = p->rsv; v < p->rsv + p->nrsv; v++) {
			base = v->base & ~PAGE_MASK;
			if (base >= end || page_end(v) <= at)
				continue;
			add_usable(p, m, at, base);
			at = page_end(v);
		}
		add_usable(p, m, at, end);
	}
	if (p->nusable == 0)
		return fail(r, ENOMEM, "/: all memory is reserved");
	return 0;
}

static void
make_nomap(struct fdt_platform *p)
{
	const struct fdt_range *v;
	struct fdt_range *last;
	uint64_t base, end;

	for (v = p->rsv; v < p->rsv + p->nrsv; v++) {
		base = v->base & ~PAGE_MASK;
		end = page_end(v);
		if (!v->nomap || base >= end)
			continue;
		last = p->nnomap == 0 ? NULL : &p->nomap[p->nnomap - 1];
		if (last == NULL || base > last->base + last->size) {
			last = &p->nomap[p->nnomap++];
			*last = *v;
			last->base = base;
			last->size = end - base;
		} else if (end > last->base + last->size) {
			last->size = end - last->base;
		}
	}
}

/* -- Interrupt controllers ------------------------------------------------ */

/*
 * Registers of a node as the machine sees them; ENOENT: none.
 */
static int
read_device(struct reader *r, const struct place *at, struct fdt_dev *d)
{
	fdt_node_t node = at->path[at->n - 1];
	uint64_t base, size;
	int error;

	if (at->n < 2)
		return ENOENT;
	error = fdt_reg(&r->f, node, at->path[at->n - 2], 0, &base, &size);
	if (error == 0)
		error = fdt_translate(&r->f, at->path, at->n, &base, size);
	if (error != 0 || base == 0 || size == 0) {
		warn(r, "%s: unusable reg, ignored", path_of(r, node));
		return ENOENT;
	}
	*d = (struct fdt_dev){ .base = base, .size = size, .plic = FDT_NOINTC };
	return 0;
}

/*
 * Which hart the interrupt controller with the phandle belongs to.
 */
static uint64_t
hart_of_intc(const struct reader *r, uint32_t phandle)
{
	unsigned int i;

	for (i = 0; phandle != 0 && i < r->p->nhart; i++)
		if (r->intc[i] == phandle)
			return r->p->hart[i].hartid;
	return ~(uint64_t)0;
}

/*
 * Contexts are the pairs of interrupts-extended in order; one whose cell
 * the firmware has blanked to ~0 still counts.
 */
static void
read_contexts(struct reader *r, fdt_node_t node, struct fdt_plic *plic)
{
	uint32_t i, phandle, cell;
	struct fdt_prop p;
	struct fdt_ctx *c;

	if (!fdt_getprop(&r->f, node, "interrupts-extended", &p)) {
		warn(r, "%s: no interrupts-extended", path_of(r, node));
		return;
	}
	for (i = 0; fdt_cell(&p, i, &phandle) && fdt_cell(&p, i + 1, &cell);
	     i += 2) {
		if (plic->nctx == FDT_MAXCTX) {
			warn(r, "%s: more than %u contexts", path_of(r, node),
			    FDT_MAXCTX);
			return;
		}
		c = &plic->ctx[plic->nctx++];
		c->hartid = hart_of_intc(r, phandle);
		c->mode = cell == IRQ_S_EXT ? FDT_CTX_S
		    : cell == IRQ_M_EXT     ? FDT_CTX_M
					    : FDT_CTX_NONE;
	}
}

static void
read_plic(struct reader *r, const struct place *at)
{
	fdt_node_t node = at->path[at->n - 1];
	struct fdt_platform *p = r->p;
	struct fdt_plic *plic;
	struct fdt_dev d;

	if (read_device(r, at, &d) != 0)
		return;
	if (p->nplic == FDT_MAXPLICS) {
		warn(r, "%s: more than %u interrupt controllers",
		    path_of(r, node), FDT_MAXPLICS);
		return;
	}
	plic = &p->plic[p->nplic++];
	plic->base = d.base;
	plic->size = d.size;
	if (fdt_get_u32(&r->f, node, "riscv,ndev", &plic->ndev) != 0)
		warn(r, "%s: riscv,ndev absent or malformed", path_of(r, node));
	if (fdt_get_u32(&r->f, node, "phandle", &plic->phandle) != 0)
		fdt_get_u32(&r->f, node, "linux,phandle", &plic->phandle);
	read_contexts(r, node, plic);
}

/* -- Devices -------------------------------------------------------------- */

/*
 * A device's first interrupt: interrupts-extended, or interrupts with the
 * inherited parent.
 */
static void
read_irq(struct reader *r, const struct place *at, struct fdt_dev *d)
{
	fdt_node_t node = at->path[at->n - 1];
	struct fdt_prop p;
	uint32_t phandle, irq;
	unsigned int i;

	if (fdt_getprop(&r->f, node, "interrupts-extended", &p)) {
		if (!fdt_cell(&p, 0, &phandle) || !fdt_cell(&p, 1, &irq))
			return;
	} else {
		if (!fdt_getprop(&r->f, node, "interrupts", &p) ||
		    !fdt_cell(&p, 0, &irq))
			return;
		phandle = fdt_interrupt_parent(&r->f, at->path, at->n);
	}
	for (i = 0; phandle != 0 && i < r->p->nplic; i++) {
		if (r->p->plic[i].phandle == phandle) {
			d->irq = irq;
			d->plic = i;
		}
	}
}

static void
add_device(struct reader *r, const struct place *at, struct fdt_dev *d)
{
	struct fdt_dev new;

	if (d->base == 0 && read_device(r, at, &new) == 0) {
		read_irq(r, at, &new);
		*d = new;
	}
}

static void
add_virtio(struct reader *r, const struct place *at)
{
	struct fdt_platform *p = r->p;

	if (p->nvirtio == FDT_MAXVIRTIO) {
		warn(r, "%s: more than %u virtio slots",
		    path_of(r, at->path[at->n - 1]), FDT_MAXVIRTIO);
		return;
	}
	add_device(r, at, &p->virtio[p->nvirtio]);
	if (p->virtio[p->nvirtio].base != 0)
		p->nvirtio++;
}

/*
 * A syscon node: regmap (or else the parent) and offset give the register.
 */
static void
add_syscon(struct reader *r, const struct place *at, struct fdt_syscon *s)
{
	fdt_node_t node = at->path[at->n - 1], regs;
	uint32_t phandle, offset = 0, value, mask = UINT32_MAX;
	bool has_value, has_mask;
	struct place to;
	struct fdt_dev d;

	if (s->addr != 0)
		return;
	regs = at->n >= 2 ? at->path[at->n - 2] : FDT_NONE;
	if (fdt_get_u32(&r->f, node, "regmap", &phandle) == 0)
		regs = fdt_by_phandle(&r->f, phandle);
	fdt_get_u32(&r->f, node, "offset", &offset);
	has_mask = fdt_get_u32(&r->f, node, "mask", &mask) == 0;
	has_value = fdt_get_u32(&r->f, node, "value", &value) == 0;
	to.n = fdt_ancestors(&r->f, regs, to.path);
	if ((!has_value && !has_mask) || to.n == 0 ||
	    read_device(r, &to, &d) != 0 || d.size < 4 || offset > d.size - 4) {
		warn(r, "%s: incomplete, ignored", path_of(r, node));
		return;
	}
	/* the old form has the value in mask */
	s->value = has_value ? value : mask;
	s->mask = has_value ? mask : UINT32_MAX;
	s->addr = d.base + offset;
}

static bool
is_plic(const struct fdt *f, fdt_node_t n)
{
	return fdt_compatible(f, n, "sifive,plic-1.0.0") ||
	    fdt_compatible(f, n, "riscv,plic0");
}

static void
visit_intc(struct reader *r, const struct place *at)
{
	if (is_plic(&r->f, at->path[at->n - 1]))
		read_plic(r, at);
}

static void
visit_device(struct reader *r, const struct place *at)
{
	fdt_node_t n = at->path[at->n - 1];
	struct fdt_platform *p = r->p;
	struct fdt_prop prop;

	if (!fdt_getprop(&r->f, n, "compatible", &prop))
		return;
	if (fdt_compatible(&r->f, n, "virtio,mmio"))
		add_virtio(r, at);
	else if (fdt_compatible(&r->f, n, "google,goldfish-rtc"))
		add_device(r, at, &p->rtc);
	else if (fdt_compatible(&r->f, n, "sifive,test0"))
		add_device(r, at, &p->test);
	else if (fdt_compatible(&r->f, n, "syscon-poweroff"))
		add_syscon(r, at, &p->poweroff);
	else if (fdt_compatible(&r->f, n, "syscon-reboot"))
		add_syscon(r, at, &p->reboot);
	else if (p->nplic == 0 &&
	    (fdt_compatible(&r->f, n, "riscv,aplic") ||
		fdt_compatible(&r->f, n, "riscv,imsics")))
		warn(r, "%s: this interrupt controller is not supported",
		    path_of(r, n));
}

/*
 * Show every available node to visit(); what is below a node that is not
 * available is not there either.
 */
static void
walk(struct reader *r, void (*visit)(struct reader *, const struct place *))
{
	int depth = 0, hidden = FDT_MAXDEPTH;
	struct place at;
	fdt_node_t n;

	for (n = r->f.root; n >= 0; n = fdt_next(&r->f, n, &depth)) {
		if (depth > hidden)
			continue;
		hidden = FDT_MAXDEPTH;
		if (!fdt_available(&r->f, n)) {
			hidden = depth;
			continue;
		}
		at.path[depth] = n;
		at.n = depth + 1;
		visit(r, &at);
	}
}

static int
dev_cmp(const void *va, const void *vb)
{
	const struct fdt_dev *a = va, *b = vb;

	return a->base < b->base ? -1 : a->base > b->base;
}

/* -- Console -------------------------------------------------------------- */

static enum fdt_uart
uart_kind(const struct fdt *f, fdt_node_t n)
{
	if (fdt_compatible(f, n, "sifive,uart0"))
		return FDT_UART_SIFIVE;
	/* before ns16550: some trees list both */
	if (fdt_compatible(f, n, "snps,dw-apb-uart") ||
	    fdt_compatible(f, n, "starfive,jh7110-uart"))
		return FDT_UART_DW_APB;
	if (fdt_compatible(f, n, "ns16550a") || fdt_compatible(f, n, "ns16550"))
		return FDT_UART_NS16550;
	return FDT_UART_NONE;
}

/*
 * stdout-path: a path or alias, perhaps ":" and options after it.  Without
 * one the first serial line is the console by convention.
 */
static fdt_node_t
find_stdout(struct reader *r, uint32_t *baud)
{
	fdt_node_t chosen = fdt_child(&r->f, r->f.root, "chosen"), n;
	const char *s, *colon;
	uint64_t value;

	if (fdt_get_string(&r->f, chosen, "stdout-path", &s) != 0 &&
	    fdt_get_string(&r->f, chosen, "linux,stdout-path", &s) != 0)
		return fdt_by_path(&r->f, "serial0", sizeof("serial0"));
	colon = strchr(s, ':');
	n = fdt_by_path(
	    &r->f, s, colon != NULL ? (size_t)(colon - s) : strlen(s));
	if (colon != NULL && strtou64(colon + 1, NULL, 10, &value) &&
	    value <= UINT32_MAX)
		*baud = value;
	if (n < 0)
		warn(r, "/chosen: stdout-path \"%.64s\" leads nowhere", s);
	return n;
}

static void
read_console(struct reader *r)
{
	struct fdt_console c = { .reg_shift = 0, .reg_io_width = 1 };
	struct place at;
	fdt_node_t n = find_stdout(r, &c.baud);

	at.n = fdt_ancestors(&r->f, n, at.path);
	if (at.n == 0)
		return;
	c.kind = uart_kind(&r->f, n);
	if (c.kind == FDT_UART_NONE) {
		warn(r, "%s: console of unknown kind", path_of(r, n));
		return;
	}
	add_device(r, &at, &c.dev);
	if (c.dev.base == 0)
		return;
	fdt_get_u32(&r->f, n, "reg-shift", &c.reg_shift);
	fdt_get_u32(&r->f, n, "reg-io-width", &c.reg_io_width);
	fdt_get_u32(&r->f, n, "clock-frequency", &c.clock);
	if (c.reg_shift > 3 ||
	    (c.reg_io_width != 1 && c.reg_io_width != 2 &&
		c.reg_io_width != 4)) {
		warn(r, "%s: absurd reg-shift or reg-io-width", path_of(r, n));
		return;
	}
	strlcpy(c.name, fdt_name(&r->f, n), sizeof(c.name));
	r->p->console = c;
}

/* -- Everything ----------------------------------------------------------- */

static int
read_root(struct reader *r)
{
	struct fdt_platform *p = r->p;
	int error;

	error = copy_string(
	    r, r->f.root, "model", p->model, sizeof(p->model), false);
	if (error == 0)
		error = copy_string(r, r->f.root, "compatible", p->compatible,
		    sizeof(p->compatible), false);
	return error;
}

static void
read_devices(struct reader *r)
{
	struct fdt_platform *p = r->p;

	walk(r, visit_intc);
	walk(r, visit_device);
	ksort(p->virtio, p->nvirtio, sizeof(p->virtio[0]), dev_cmp);
	if (p->nplic == 0)
		warn(r, "/: no platform-level interrupt controller");
	read_console(r);
}

int
fdt_platform_read(struct fdt_platform *p, const void *blob, size_t max,
    uint64_t pa, const struct fdt_range *caller, unsigned int ncaller)
{
	struct reader r;
	int error;

	memset(p, 0, sizeof(*p));
	r.p = p;
	error = fdt_open(&r.f, blob, max);
	if (error != 0)
		return fail(&r, error, "%s", r.f.why);
	if ((error = read_root(&r)) != 0 || (error = read_chosen(&r)) != 0 ||
	    (error = read_cpus(&r)) != 0 || (error = read_memory(&r)) != 0 ||
	    (error = reserve_caller(&r, caller, ncaller)) != 0 ||
	    (error = read_reserved(&r)) != 0 ||
	    (error = add_reserved(
		 &r, pa, r.f.size, FDT_RSV_TREE, false, "fdt")) != 0 ||
	    (error = reserve_initrd(&r)) != 0)
		return error;
	ksort(p->rsv, p->nrsv, sizeof(p->rsv[0]), range_cmp);
	if ((error = make_usable(&r)) != 0)
		return error;
	make_nomap(p);
	read_devices(&r);
	return 0;
}

const struct fdt_hart *
fdt_platform_hart(const struct fdt_platform *p, uint64_t hartid)
{
	unsigned int i;

	for (i = 0; i < p->nhart; i++)
		if (p->hart[i].hartid == hartid)
			return &p->hart[i];
	return NULL;
}

int
fdt_plic_context(const struct fdt_plic *plic, uint64_t hartid)
{
	unsigned int i;

	for (i = 0; i < plic->nctx; i++)
		if (plic->ctx[i].mode == FDT_CTX_S &&
		    plic->ctx[i].hartid == hartid)
			return i;
	return -1;
}

const char *
fdt_hart_why(enum fdt_hartwhy why)
{
	/* in the order of the enum; one string, as in isa_names */
	const char *s = "usable\0disabled\0no Sv39\0not rv64\0"
			"no floating point\0unknown";
	unsigned int i;

	for (i = 0; i < (unsigned int)why && i <= FDT_HART_NOFPU; i++)
		s += strlen(s) + 1;
	return s;
}
