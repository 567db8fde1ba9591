/*
 * Reader for cpio archives, format "newc": a header of 110 characters, the
 * name with its NUL, the contents; both padded so that what follows starts
 * at a multiple of 4.
 */

#include <sys/errno.h>
#include <lib/cpio.h>
#include <lib/string.h>

#define HEADERLEN 110
#define MAGICLEN  6
#define FIELDLEN  8 /* hexadecimal digits of each field */
#define TRAILER   "TRAILER!!!"

#define S_IFMT    0170000 /* type of file in a mode */
#define S_IFREG   0100000

/* Fields after the magic, in order. */
enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_DEVMAJOR,
	F_DEVMINOR,
	F_RDEVMAJOR,
	F_RDEVMINOR,
	F_NAMESIZE,
	F_CHECK,
	NFIELDS
};

static int
bad(struct cpio *c, const char *why)
{
	c->why = why;
	c->why_off = c->off;
	return EINVAL;
}

void
cpio_init(struct cpio *c, const void *base, size_t size)
{
	c->base = base;
	c->size = size;
	c->off = 0;
	c->ended = true;
	c->why = NULL;
	c->why_off = 0;
}

/*
 * FIELDLEN hexadecimal digits; false when one is none.
 */
static bool
parse_field(const uint8_t *p, uint32_t *value)
{
	uint32_t v = 0;
	int i, digit;

	for (i = 0; i < FIELDLEN; i++) {
		if (p[i] >= '0' && p[i] <= '9')
			digit = p[i] - '0';
		else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')
			digit = (p[i] | 0x20) - 'a' + 10;
		else
			return false;
		v = v << 4 | digit;
	}
	*value = v;
	return true;
}

/*
 * Zeros between archives, and after the last one up to the end of a block.
 */
static void
skip_zeros(struct cpio *c)
{
	while (c->off < c->size && c->base[c->off] == 0)
		c->off++;
}

/*
 * Round an offset up to where the next part starts; past the end when the
 * archive ends before.
 */
static size_t
padded(const struct cpio *c, size_t off)
{
	off += -off & 3;
	return off < c->size ? off : c->size;
}

static int
read_header(struct cpio *c, uint32_t *field, bool *sum)
{
	const uint8_t *p = c->base + c->off;
	int i;

	if (c->size - c->off < HEADERLEN)
		return bad(c, "truncated header");
	*sum = memcmp(p, "070702", MAGICLEN) == 0;
	if (!*sum && memcmp(p, "070701", MAGICLEN) != 0)
		return bad(c, "bad magic, not a newc archive");
	for (i = 0; i < NFIELDS; i++)
		if (!parse_field(p + MAGICLEN + i * FIELDLEN, &field[i]))
			return bad(c, "header field is not hexadecimal");
	return 0;
}

/*
 * The byte sum of a file in a 070702 archive.
 */
static bool
sum_matches(const struct cpio_entry *e, uint32_t check)
{
	uint64_t i;
	uint32_t sum = 0;

	if ((e->mode & S_IFMT) != S_IFREG || e->size == 0)
		return true;
	for (i = 0; i < e->size; i++)
		sum += e->data[i];
	return sum == check;
}

static int
read_entry(struct cpio *c, const uint32_t *field, struct cpio_entry *e)
{
	size_t name = c->off + HEADERLEN, data;
	uint32_t namesize = field[F_NAMESIZE];

	if (namesize < 2 || namesize > CPIO_NAMEMAX)
		return bad(c, "bad length of name");
	if (namesize > c->size - name)
		return bad(c, "truncated name");
	e->name = (const char *)c->base + name;
	if (strnlen(e->name, namesize) != namesize - 1)
		return bad(c, "name not terminated where its length says");
	data = padded(c, name + namesize);
	if (field[F_FILESIZE] > c->size - data)
		return bad(c, "truncated contents");
	e->data = c->base + data;
	e->size = field[F_FILESIZE];
	e->namelen = namesize - 1;
	e->ino = field[F_INO];
	e->mode = field[F_MODE];
	e->uid = field[F_UID];
	e->gid = field[F_GID];
	e->nlink = field[F_NLINK];
	e->mtime = field[F_MTIME];
	e->rmajor = field[F_RDEVMAJOR];
	e->rminor = field[F_RDEVMINOR];
	return 0;
}

int
cpio_next(struct cpio *c, struct cpio_entry *e)
{
	uint32_t field[NFIELDS];
	struct cpio_entry new;
	bool sum;
	int error;

	for (;;) {
		if (c->off >= c->size)
			return c->ended ? ENOENT
					: bad(c, "archive without a trailer");
		error = read_header(c, field, &sum);
		if (error == 0)
			error = read_entry(c, field, &new);
		if (error != 0)
			return error;
		if (sum && !sum_matches(&new, field[F_CHECK]))
			return bad(c, "checksum does not match");
		c->off = padded(c, new.data - c->base + new.size);
		c->ended = strcmp(new.name, TRAILER) == 0;
		if (!c->ended)
			break;
		skip_zeros(c);
	}
	*e = new;
	return 0;
}
