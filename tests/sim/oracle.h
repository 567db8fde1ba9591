/*
 * The oracle: what each page of each process must hold, as plain data.
 *
 * A page of memory is a slot: two words of it are known.  Pages of processes
 * show slots; several may show the same one.  A private page's slot has the
 * object's below it until it is written.  Whoever changes what a range of
 * pages is says so before (orc_begin) and after (orc_end); meanwhile nothing is
 * expected of the range.  Where concurrent operations leave several outcomes
 * open, a word is one of two values, or anything that was ever written.
 *
 * Everything here happens between two points where the machine may switch, so
 * it needs no locks.
 */
#ifndef _TESTS_SIM_ORACLE_H_
#define _TESTS_SIM_ORACLE_H_

#include <sys/param.h>
#include <uvm/uvm_extern.h>
#include <tests/sim/prog.h>

#define ORC_MAXWORDS 4 /* of a page: the first, the last, two between */
#define ORC_PAGES    128 /* window of a slice */
#define ORC_SLICES   PROG_MAXTHREADS

/* All structures belong to the simulation: see above. */
enum orc_state {
	ORC_EXACT,
	ORC_EITHER,
	ORC_ANY,
	ORC_TAIL /* behind the end of the file, stored to: zero at any time */
};
enum orc_tri { ORC_NO, ORC_YES, ORC_MAYBE };
struct orc_word {
	uint64_t val; /* [sim] */
	uint64_t alt; /* [sim] EITHER: the other value; ANY: the latest */
	enum orc_state state; /* [sim] */
};

struct orc_slot {
	u_int refs; /* [sim] pages that show it, and holders */
	u_int pins; /* [sim] operations that may share it for a moment */
	u_int flux; /* [sim] operations that change it at an unknown instant */
	bool present; /* [sim] has contents of its own */
	bool murky; /* [sim] nothing is known until it is discarded */
	bool beyond; /* [sim] of a file: behind its last page */
	bool sizing; /* [sim] that is being changed */
	uint16_t limit; /* [sim] of a file's last page: bytes in it; 0: all */
	uint16_t page; /* [sim] of a file: its index */
	uint32_t file; /* [sim] which one (prog_file.h); 0: none */
	uint8_t lost; /* [sim] enum orc_tri: swap could not be read */
	uint64_t ltime; /* [sim] when that was found out */
	struct orc_slot *lower; /* [sim] what is seen if not present; or zero */
	uint64_t mtime; /* [sim] when it was last changed */
	struct orc_word w[ORC_MAXWORDS]; /* [sim] */
};

struct orc_page {
	struct orc_slot *slot; /* [sim] NULL: zero, private, nobody else's */
	uint64_t ptime; /* [sim] when its rights were last set */
	bool mapped; /* [sim] */
	bool past; /* [sim] beyond the end of its object */
	uint8_t obj; /* [sim] number of its object plus one */
	uint8_t prot, max, inherit; /* [sim] */
	uint8_t priv, wired; /* [sim] enum orc_tri */
};

/* A part of an address space whose mappings one thread changes. */
struct orc_slice {
	struct orc_page page[ORC_PAGES]; /* [sim] */
	uint64_t blur[ORC_PAGES / 64]; /* [sim] stored to during a change */
	struct orc_slot
	    *next[ORC_PAGES]; /* [sim] what a page may come to show */
	u_int gen; /* [sim] changes begun and ended */
	bool changing; /* [sim] its thread, or who moves away, is at it */
	int lo, hi; /* [sim] pages being changed, maybe none */
	bool held; /* [sim] a foreign thread reads the mappings */
	bool lost; /* [sim] nothing is known: a fork caught it in a change */
};

struct orc_proc {
	struct orc_slice slice[ORC_SLICES]; /* [sim] */
	struct vmspace *vm; /* [sim] */
	struct process *pr; /* [sim] NULL: ending */
	u_int threads; /* [sim] running */
	u_int holds; /* [sim] foreign threads that use vm */
	u_int forking; /* [sim] forks under way */
	u_int forks; /* [sim] forks ever begun */
	bool dying; /* [sim] its threads should end */
	bool ghost; /* [sim] has lost slices */
	bool wirefuture; /* [sim] */
	struct orc_proc *next; /* [sim] free, or ended in this round */
};

/*
 * A transfer under way between the kernel and a page of a slice.  While it
 * lasts the page may come to show other slots, and the ones it showed may move
 * elsewhere: they all may be what is read or written.
 */
#define ORC_IOSLOTS 8
struct orc_io {
	struct orc_slice *sl; /* [sim] */
	int page; /* [sim] */
	bool write; /* [sim] */
	u_int nslots; /* [sim] */
	struct orc_slot *slot[ORC_IOSLOTS]; /* [sim] */
	struct orc_io *next; /* [sim] of those under way */
};

/* An object processes map: pages whose slots are always present. */
#define ORC_OBJS     6
#define ORC_OBJPAGES 100
struct orc_obj {
	struct orc_slot *slot[ORC_OBJPAGES]; /* [sim] npages of them */
	int npages; /* [sim] of a file, what its slots are for */
	u_int errors; /* [sim] I/O that failed */
	u_int sizegen; /* [sim] changes of its size begun and ended */
	bool sizing; /* [sim] its size is being changed */
};
extern struct orc_obj orc_obj[ORC_OBJS];

extern uint64_t orc_now; /* time: a count of changes */
/* Changes of any file's size, begun and ended; under way now. */
extern u_int orc_sizegen, orc_sizings;
static inline bool
orc_resized(u_int since)
{
	return orc_sizings != 0 || orc_sizegen != since;
}
/* Processes with lost slices: what they share with others is not known. */
extern u_int orc_ghosts;
extern struct prog_stats orc_stats;

/* Words of a page that programs use: two, or four if there are files. */
extern u_int orc_words;
static inline u_long
orc_off(int w)
{
	static const uint16_t off[ORC_MAXWORDS] = { 0, PAGE_SIZE - 8, 0x418,
		0x9f0 };

	return off[w];
}

/* => a value no word has had; word w of a page */
uint64_t orc_value(int w);

/* -- Slots ---------------------------------------------------------------------- */
struct orc_slot *orc_slot_new(void);
void orc_slot_ref(struct orc_slot *s);
void orc_slot_rele(struct orc_slot *s);
/* => the page's slot, made if it has none */
struct orc_slot *orc_page_slot(struct orc_page *pg);
/* => object's page got contents of its own after `since', words copied */
void orc_promote(struct orc_slot *s, uint64_t since);
/* => word may be anything that was written until now */
void orc_blur_word(struct orc_slot *s, int w);
/* => all of its words, and whether they are its own */
void orc_blur_slot(struct orc_slot *s);
/* => what the page shows, slot or none yet */
void orc_blur_page(struct orc_page *pg);
/* => does what the page shows lie behind the end of its object? */
enum orc_tri orc_past(const struct orc_page *pg);
/* => the object's page: what is stored to word w of it now is v */
void orc_slot_store(struct orc_slot *s, int w, uint64_t v);
/* => is a write(2) at work in what the slot, or one below it, has? */
bool orc_written(const struct orc_slot *s);
/* => when what the page shows was last changed; UINT64_MAX: right now */
uint64_t orc_mtime(const struct orc_page *pg);

/* -- Pages ------------------------------------------------------------------------ */
/* => page shows nothing any more */
void orc_page_clear(struct orc_page *pg);
/* => to becomes what from is, showing the same slot; not wired */
void orc_page_share(struct orc_page *to, struct orc_page *from);
/* => to becomes a copy-on-write child of from; changes after since blur it */
void orc_page_copy(struct orc_page *to, struct orc_page *from, uint64_t since);
/* => is x right for word w of the page? then it is known from now on */
bool orc_check(struct orc_page *pg, int w, uint64_t x);
/* => v was stored by an access that began at `since' */
void orc_store(struct orc_page *pg, int w, uint64_t v, uint64_t since);
/* => private contents are gone; maybe: or not */
void orc_discard(struct orc_page *pg, bool maybe);
/*
 * What swap could not give back: an access has said so, with reason
 * (prog_lost).  From then on every access has to, until the contents are
 * discarded.
 * => own: it was a copy of the object's page; a store that began at `since' got
 *    that, and failed
 */
void orc_lose(struct orc_page *pg, bool own, uint64_t since);
/* => must an access fail for that? */
enum orc_tri orc_lost(const struct orc_page *pg);
/* => must one that began at `since', and is over, have failed for it? */
bool orc_was_lost(const struct orc_page *pg, uint64_t since);
/* => contents, private or shared, are zero; maybe: or not */
void orc_zero(struct orc_page *pg, uint64_t since, bool maybe);

/* -- Changes ------------------------------------------------------------------------- */
/* => pages [lo, hi) of the slice are about to change; nobody holds it */
void orc_begin(struct orc_slice *sl, int lo, int hi);
/* => they have changed, and the pages say how */
void orc_end(struct orc_slice *sl);
/* => a store was done to page i, which is being changed */
void orc_store_changing(struct orc_slice *sl, int i);
/* => sl and page are set; what the page shows is in flux, if it is written */
void orc_io_begin(struct orc_io *io);
/* => nothing may happen to what the page shows any more */
void orc_io_end(struct orc_io *io, bool blur);
static inline bool
orc_busy(const struct orc_slice *sl, int i)
{
	return i >= sl->lo && i < sl->hi;
}
/* -- Processes ------------------------------------------------------------------------- */
struct orc_proc *orc_proc_new(void);
/* => all pages cleared; back to the free ones */
void orc_proc_free(struct orc_proc *op);
/* => what fork makes of the pages; since: when it began, gens: of the slices */
void orc_fork(struct orc_proc *child, struct orc_proc *parent, uint64_t since,
    const u_int *gens);
/* => compares resident pages and entries of a process nobody runs now */
void orc_audit(struct orc_proc *op);

static inline vaddr_t
orc_base(int slice)
{
	/* across a boundary of page tables */
	return 0x10200000UL - ptoa(ORC_PAGES / 2) +
	    (vaddr_t)slice * 0x40000000UL;
}
static inline vaddr_t
orc_va(int slice, int page)
{
	return orc_base(slice) + ptoa((u_long)page);
}

/* => boot of the simulation */
void orc_init(void);

#endif
