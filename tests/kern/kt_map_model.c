/*
 * Random operations on a few address spaces against a model that knows what
 * each page of each space must hold: mapping, unmapping, rights, inheritance,
 * fork, passing of entries, discarding, wiring, reading and writing from
 * outside.
 */
#include "kt_map.h"
#include <sys/pool.h>

#define NSPACE 4
#define NPAGE  96
#define STEPS  2500

/* A page of memory as its users see it. */
struct cell {
	uint64_t value; /* [thread] first word */
	int refs; /* [thread] pages that show it */
};

struct page {
	struct cell *cell; /* [thread] NULL: not mapped */
	vm_prot_t prot; /* [thread] */
	vm_inherit_t inherit; /* [thread] */
};

struct model {
	struct vmspace *vm[NSPACE]; /* [thread] */
	struct page page[NSPACE][NPAGE]; /* [thread] */
	uint64_t next; /* [thread] a value not used yet */
	const char *op; /* [thread] last step */
};

/* -- Cells -------------------------------------------------------------------- */

static struct cell *
cell_new(uint64_t value)
{
	struct cell *c = kmem_alloc(sizeof(*c), PR_WAITOK);

	c->value = value;
	c->refs = 1;
	return c;
}

static void
page_clear(struct page *p)
{
	if (p->cell != NULL && --p->cell->refs == 0)
		kmem_free(p->cell, sizeof(*p->cell));
	p->cell = NULL;
}

static void
page_show(struct page *p, struct cell *c, const struct page *like)
{
	page_clear(p);
	c->refs++;
	*p = *like;
	p->cell = c;
}

static void
page_copy(struct page *p, const struct page *from)
{
	page_clear(p);
	*p = *from;
	p->cell = cell_new(from->cell->value);
}

/* -- Steps ------------------------------------------------------------------------ */

/* A range of pages of a space. */
struct range {
	int s; /* [thread] space */
	int i, j; /* [thread] pages [i, j) */
};

static struct range
any_range(void)
{
	struct range r;

	r.s = (int)(kt_random() % NSPACE);
	r.i = (int)(kt_random() % NPAGE);
	r.j = r.i + 1 + (int)(kt_random() % MIN(24, NPAGE - r.i));
	return r;
}

static vm_map_t
map_of(struct model *m, struct range r)
{
	return &m->vm[r.s]->vm_map;
}

static bool
all_mapped(struct model *m, struct range r)
{
	for (int i = r.i; i < r.j; i++)
		if (m->page[r.s][i].cell == NULL)
			return false;
	return true;
}

static void
step_map(struct model *m, struct range r)
{
	vaddr_t va = KTF_VA(r.i);
	bool shared = kt_random() % 4 == 0;
	struct page *p;

	m->op = "map";
	KT_EQ(uvm_map(map_of(m, r), &va, ptoa(r.j - r.i), NULL,
		  UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX,
		      shared ? UVM_INH_SHARE : UVM_INH_COPY, UVM_ADV_NORMAL,
		      UVM_FLAG_FIXED | UVM_FLAG_UNMAP |
			  (shared ? UVM_FLAG_OVERLAY : UVM_FLAG_COPYONW))),
	    0);
	for (int i = r.i; i < r.j; i++) {
		p = &m->page[r.s][i];
		page_clear(p);
		p->cell = cell_new(0);
		p->prot = PROT_READ | PROT_WRITE;
		p->inherit = shared ? MAP_INHERIT_SHARE : MAP_INHERIT_COPY;
	}
}

static void
step_unmap(struct model *m, struct range r)
{
	m->op = "unmap";
	uvm_unmap(map_of(m, r), KTF_VA(r.i), KTF_VA(r.j));
	for (int i = r.i; i < r.j; i++)
		page_clear(&m->page[r.s][i]);
}

static void
step_protect(struct model *m, struct range r)
{
	static const vm_prot_t prots[] = { PROT_NONE, PROT_READ,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_EXEC };
	vm_prot_t prot = prots[kt_random() % nitems(prots)];

	m->op = "protect";
	KT_EQ(uvm_map_protect(
		  map_of(m, r), KTF_VA(r.i), KTF_VA(r.j), prot, FALSE),
	    0);
	for (int i = r.i; i < r.j; i++)
		m->page[r.s][i].prot = prot;
}

static void
step_inherit(struct model *m, struct range r)
{
	vm_inherit_t inherit = (vm_inherit_t)(kt_random() % 4) << 4;

	m->op = "inherit";
	KT_EQ(uvm_map_inherit(map_of(m, r), KTF_VA(r.i), KTF_VA(r.j), inherit),
	    0);
	for (int i = r.i; i < r.j; i++)
		m->page[r.s][i].inherit = inherit;
}

/* Another space becomes the child of this one. */
static void
step_fork(struct model *m, struct range r)
{
	int c = (r.s + 1 + r.i % (NSPACE - 1)) % NSPACE;
	struct page *p, *from;

	m->op = "fork";
	uvmspace_free(m->vm[c]);
	m->vm[c] = uvmspace_fork_vm(m->vm[r.s]);
	for (int i = 0; i < NPAGE; i++) {
		p = &m->page[c][i];
		from = &m->page[r.s][i];
		page_clear(p);
		if (from->cell == NULL)
			continue;
		if (from->inherit == MAP_INHERIT_SHARE) {
			page_show(p, from->cell, from);
		} else if (from->inherit == MAP_INHERIT_COPY) {
			page_copy(p, from);
		} else if (from->inherit == MAP_INHERIT_ZERO) {
			*p = *from;
			p->cell = cell_new(0);
		}
	}
}

static void
step_extract(struct model *m, struct range r, int flags)
{
	struct range to = any_range();
	struct page *p, *from;
	vaddr_t va = KTF_VA(NPAGE + 1000);
	int error;

	m->op = flags ? "move" : "share";
	if (r.s == to.s)
		to.s = (to.s + 1) % NSPACE;
	to.j = to.i + (r.j - r.i);
	if (to.j > NPAGE)
		return;
	/* it goes where room is: make that the place */
	uvm_unmap(map_of(m, to), KTF_VA(to.i), KTF_VA(to.j));
	for (int i = to.i; i < to.j; i++)
		page_clear(&m->page[to.s][i]);
	va = KTF_VA(to.i);
	error = uvm_map_extract(map_of(m, r), KTF_VA(r.i), ptoa(r.j - r.i),
	    map_of(m, to), &va, flags);
	KT_CHECK(error == 0 || error == EFAULT);
	if (error != 0)
		return;
	KT_EQ(va, KTF_VA(to.i));
	for (int i = 0; i < r.j - r.i; i++) {
		from = &m->page[r.s][r.i + i];
		p = &m->page[to.s][to.i + i];
		if (from->cell == NULL)
			continue;
		page_show(p, from->cell, from);
		if (flags & UVM_EXTRACT_REMOVE)
			page_clear(from);
	}
}

static bool
any_wired(struct model *m, struct range r)
{
	struct vm_map_entry *e;
	bool wired = false;

	vm_map_lock_read(map_of(m, r));
	for (e = uvm_map_first(map_of(m, r), KTF_VA(r.i));
	     e != &map_of(m, r)->vm_head && e->start < KTF_VA(r.j);
	     e = e->me_next)
		wired |= VM_MAPENT_ISWIRED(e);
	vm_map_unlock_read(map_of(m, r));
	return wired;
}

/* What the range holds now; the pages are mapped, whatever their rights. */
static uint64_t
peek(struct model *m, int s, int i)
{
	uint64_t value = ~0UL;

	KT_EQ(ktf_word_io(m->vm[s], KTF_VA(i), &value, UIO_READ), 0);
	return value;
}

static bool
is_private(struct model *m, int s, int i)
{
	bool private = false;
	struct vm_map_entry *e;

	vm_map_lock_read(&m->vm[s]->vm_map);
	if (uvm_map_lookup_entry(&m->vm[s]->vm_map, KTF_VA(i), &e))
	private = UVM_ET_ISCOPYONWRITE(e);
	vm_map_unlock_read(&m->vm[s]->vm_map);
	return private;
}

/*
 * Private memory that nobody shares is zero afterwards, all else is kept; of
 * an entry that is shared in part, either.
 */
static void
step_discard(struct model *m, struct range r)
{
	bool whole = true;
	struct page *p;
	uint64_t now;
	int error;

	m->op = "discard";
	for (int i = r.i; i < r.j; i++)
		whole &= m->page[r.s][i].cell == NULL ||
		    m->page[r.s][i].cell->refs == 1;
	error = uvm_map_clean(map_of(m, r), KTF_VA(r.i), KTF_VA(r.j), PGO_FREE);
	if (!all_mapped(m, r)) {
		KT_EQ(error, EFAULT);
		return;
	}
	KT_EQ(error, any_wired(m, r) ? EINVAL : 0);
	if (error != 0)
		return;
	for (int i = r.i; i < r.j; i++) {
		p = &m->page[r.s][i];
		now = peek(m, r.s, i);
		if (p->cell->refs > 1 || !is_private(m, r.s, i))
			KT_EQ(now, p->cell->value);
		else if (whole)
			KT_EQ(now, 0);
		else
			KT_CHECK(now == 0 || now == p->cell->value);
		p->cell->value = now;
	}
}

static void
step_wire(struct model *m, struct range r)
{
	int error, want = 0;

	m->op = "wire";
	error = uvm_map_pageable(map_of(m, r), KTF_VA(r.i), KTF_VA(r.j),
	    kt_random() % 2 ? TRUE : FALSE, 0);
	if (m->page[r.s][r.i].cell == NULL)
		want = EFAULT;
	else if (!all_mapped(m, r))
		want = EINVAL;
	KT_EQ(error, want);
}

/* As a program would, with the rights it has. */
static void
step_touch(struct model *m, struct range r, bool write)
{
	vm_prot_t access = write ? PROT_READ | PROT_WRITE : PROT_READ;
	struct page *p;
	int want;

	m->op = write ? "write" : "read";
	for (int i = r.i; i < r.j; i += 1 + (int)(kt_random() % 3)) {
		p = &m->page[r.s][i];
		want = p->cell == NULL    ? EFAULT
		    : (access & ~p->prot) ? EACCES
					  : 0;
		if (want != 0) {
			KT_EQ(ktf_fault(m->vm[r.s], i, access), want);
			continue;
		}
		KT_EQ(ktf_read(m->vm[r.s], i), p->cell->value);
		if (!write)
			continue;
		p->cell->value = ++m->next;
		ktf_write(m->vm[r.s], i, p->cell->value);
	}
}

/* From outside, whatever rights the space itself has. */
static void
step_poke(struct model *m, struct range r)
{
	uint64_t value = ++m->next;
	struct page *p = &m->page[r.s][r.i];

	m->op = "poke";
	KT_EQ(ktf_word_io(m->vm[r.s], KTF_VA(r.i), &value, UIO_WRITE),
	    p->cell == NULL ? EFAULT : 0);
	if (p->cell != NULL)
		p->cell->value = value;
}

static void
step(struct model *m)
{
	struct range r = any_range();

	switch (kt_random() % 16) {
	case 0:
	case 1:
		step_map(m, r);
		break;
	case 2:
		step_unmap(m, r);
		break;
	case 3:
	case 4:
		step_protect(m, r);
		break;
	case 5:
		step_inherit(m, r);
		break;
	case 6:
		step_fork(m, r);
		break;
	case 7:
		step_extract(m, r, 0);
		break;
	case 8:
		step_extract(m, r, UVM_EXTRACT_REMOVE);
		break;
	case 9:
		step_discard(m, r);
		break;
	case 10:
		step_wire(m, r);
		break;
	case 11:
		step_poke(m, r);
		break;
	case 12:
		step_touch(m, r, false);
		break;
	default:
		step_touch(m, r, true);
	}
}

/* -- Checks ----------------------------------------------------------------------- */

static void
check_space(struct model *m, int s)
{
	struct vm_map_entry *e;
	struct page *p;

	uvm_map_audit(&m->vm[s]->vm_map);
	for (int i = 0; i < NPAGE; i++) {
		p = &m->page[s][i];
		e = ktf_entry(m->vm[s], i);
		KT_EQ(e != NULL, p->cell != NULL);
		if (e == NULL || p->cell == NULL)
			continue;
		KT_EQ(e->protection, p->prot);
		KT_EQ(e->inheritance, p->inherit);
		if (p->prot & PROT_READ)
			KT_EQ(ktf_read(m->vm[s], i), p->cell->value);
		KT_CHECK((ktf_prot(m->vm[s], i) & ~p->prot) == 0 ||
		    ktf_prot(m->vm[s], i) == -1);
	}
}

KTEST(map_model)
{
	struct model *m = kmem_zalloc(sizeof(*m), PR_WAITOK);
	struct uvmexp s;

	KT_SNAP(&s);
	for (int i = 0; i < NSPACE; i++)
		m->vm[i] = ktf_space();
	for (int n = 0; n < STEPS; n++) {
		step(m);
		for (int i = 0; i < NSPACE; i++)
			uvm_map_audit(&m->vm[i]->vm_map);
		if (n % 40 == 0)
			for (int i = 0; i < NSPACE; i++)
				check_space(m, i);
	}
	for (int i = 0; i < NSPACE; i++) {
		check_space(m, i);
		uvmspace_free(m->vm[i]);
		for (int j = 0; j < NPAGE; j++)
			page_clear(&m->page[i][j]);
	}
	kmem_free(m, sizeof(*m));
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}
