/*
 * Intrusive lists, with the field's usual names.
 *
 * LIST    doubly linked, one-pointer head: O(1) removal, no tail
 * SLIST   singly linked: a stack
 * STAILQ  singly linked with tail: a FIFO
 * TAILQ   doubly linked with tail: everything else
 */
#ifndef _SYS_QUEUE_H_
#define _SYS_QUEUE_H_

/* -- SLIST ---------------------------------------------------------------- */
#define SLIST_HEAD(name, type)          \
	struct name {                   \
		struct type *slh_first; \
	}
#define SLIST_ENTRY(type)              \
	struct {                       \
		struct type *sle_next; \
	}
#define SLIST_INIT(h)    ((h)->slh_first = NULL)
#define SLIST_EMPTY(h)   ((h)->slh_first == NULL)
#define SLIST_FIRST(h)   ((h)->slh_first)
#define SLIST_NEXT(e, f) ((e)->f.sle_next)
#define SLIST_FOREACH(v, h, f) \
	for ((v) = SLIST_FIRST(h); (v) != NULL; (v) = SLIST_NEXT(v, f))
#define SLIST_INSERT_HEAD(h, e, f)                \
	do {                                      \
		(e)->f.sle_next = (h)->slh_first; \
		(h)->slh_first = (e);             \
	} while (0)
#define SLIST_REMOVE_HEAD(h, f) ((h)->slh_first = (h)->slh_first->f.sle_next)

/* -- STAILQ --------------------------------------------------------------- */
#define STAILQ_HEAD(name, type)          \
	struct name {                    \
		struct type *stqh_first; \
		struct type **stqh_last; \
	}
#define STAILQ_ENTRY(type)              \
	struct {                        \
		struct type *stqe_next; \
	}
#define STAILQ_INIT(h)                             \
	do {                                       \
		(h)->stqh_first = NULL;            \
		(h)->stqh_last = &(h)->stqh_first; \
	} while (0)
#define STAILQ_EMPTY(h)   ((h)->stqh_first == NULL)
#define STAILQ_FIRST(h)   ((h)->stqh_first)
#define STAILQ_NEXT(e, f) ((e)->f.stqe_next)
#define STAILQ_FOREACH(v, h, f) \
	for ((v) = STAILQ_FIRST(h); (v) != NULL; (v) = STAILQ_NEXT(v, f))
#define STAILQ_INSERT_TAIL(h, e, f)                 \
	do {                                        \
		(e)->f.stqe_next = NULL;            \
		*(h)->stqh_last = (e);              \
		(h)->stqh_last = &(e)->f.stqe_next; \
	} while (0)
#define STAILQ_REMOVE_HEAD(h, f)                                              \
	do {                                                                  \
		if (((h)->stqh_first = (h)->stqh_first->f.stqe_next) == NULL) \
			(h)->stqh_last = &(h)->stqh_first;                    \
	} while (0)

/* -- LIST ----------------------------------------------------------------- */
#define LIST_HEAD(name, type)          \
	struct name {                  \
		struct type *lh_first; \
	}
#define LIST_HEAD_INITIALIZER(h) \
	{                        \
		NULL             \
	}
#define LIST_ENTRY(type)                                              \
	struct {                                                      \
		struct type *le_next;                                 \
		struct type **le_prev; /* address of previous link */ \
	}
#define LIST_INIT(h)    ((h)->lh_first = NULL)
#define LIST_EMPTY(h)   ((h)->lh_first == NULL)
#define LIST_FIRST(h)   ((h)->lh_first)
#define LIST_NEXT(e, f) ((e)->f.le_next)
#define LIST_FOREACH(v, h, f) \
	for ((v) = LIST_FIRST(h); (v) != NULL; (v) = LIST_NEXT(v, f))
#define LIST_FOREACH_SAFE(v, h, f, n)                                        \
	for ((v) = LIST_FIRST(h); (v) != NULL && ((n) = LIST_NEXT(v, f), 1); \
	     (v) = (n))
#define LIST_INSERT_HEAD(h, e, f)                                   \
	do {                                                        \
		if (((e)->f.le_next = (h)->lh_first) != NULL)       \
			(h)->lh_first->f.le_prev = &(e)->f.le_next; \
		(h)->lh_first = (e);                                \
		(e)->f.le_prev = &(h)->lh_first;                    \
	} while (0)
#define LIST_INSERT_AFTER(at, e, f)                                   \
	do {                                                          \
		if (((e)->f.le_next = (at)->f.le_next) != NULL)       \
			(at)->f.le_next->f.le_prev = &(e)->f.le_next; \
		(at)->f.le_next = (e);                                \
		(e)->f.le_prev = &(at)->f.le_next;                    \
	} while (0)
#define LIST_REMOVE(e, f)                                           \
	do {                                                        \
		if ((e)->f.le_next != NULL)                         \
			(e)->f.le_next->f.le_prev = (e)->f.le_prev; \
		*(e)->f.le_prev = (e)->f.le_next;                   \
	} while (0)

/* -- TAILQ ---------------------------------------------------------------- */
#define TAILQ_HEAD(name, type)          \
	struct name {                   \
		struct type *tqh_first; \
		struct type **tqh_last; \
	}
#define TAILQ_HEAD_INITIALIZER(h)    \
	{                            \
		NULL, &(h).tqh_first \
	}
#define TAILQ_ENTRY(type)                                              \
	struct {                                                       \
		struct type *tqe_next;                                 \
		struct type **tqe_prev; /* address of previous link */ \
	}
#define TAILQ_INIT(h)                            \
	do {                                     \
		(h)->tqh_first = NULL;           \
		(h)->tqh_last = &(h)->tqh_first; \
	} while (0)
#define TAILQ_EMPTY(h)   ((h)->tqh_first == NULL)
#define TAILQ_FIRST(h)   ((h)->tqh_first)
#define TAILQ_NEXT(e, f) ((e)->f.tqe_next)
/* A head begins like an entry, so the last link leads to the last element. */
#define TAILQ_LAST(h, name)    (*(((struct name *)((h)->tqh_last))->tqh_last))
#define TAILQ_PREV(e, name, f) (*(((struct name *)((e)->f.tqe_prev))->tqh_last))
#define TAILQ_FOREACH(v, h, f) \
	for ((v) = TAILQ_FIRST(h); (v) != NULL; (v) = TAILQ_NEXT(v, f))
#define TAILQ_FOREACH_SAFE(v, h, f, n)                                         \
	for ((v) = TAILQ_FIRST(h); (v) != NULL && ((n) = TAILQ_NEXT(v, f), 1); \
	     (v) = (n))
#define TAILQ_FOREACH_REVERSE(v, h, name, f)         \
	for ((v) = TAILQ_LAST(h, name); (v) != NULL; \
	     (v) = TAILQ_PREV(v, name, f))
#define TAILQ_INSERT_HEAD(h, e, f)                                     \
	do {                                                           \
		if (((e)->f.tqe_next = (h)->tqh_first) != NULL)        \
			(h)->tqh_first->f.tqe_prev = &(e)->f.tqe_next; \
		else                                                   \
			(h)->tqh_last = &(e)->f.tqe_next;              \
		(h)->tqh_first = (e);                                  \
		(e)->f.tqe_prev = &(h)->tqh_first;                     \
	} while (0)
#define TAILQ_INSERT_TAIL(h, e, f)                \
	do {                                      \
		(e)->f.tqe_next = NULL;           \
		(e)->f.tqe_prev = (h)->tqh_last;  \
		*(h)->tqh_last = (e);             \
		(h)->tqh_last = &(e)->f.tqe_next; \
	} while (0)
#define TAILQ_INSERT_AFTER(h, at, e, f)                                 \
	do {                                                            \
		if (((e)->f.tqe_next = (at)->f.tqe_next) != NULL)       \
			(e)->f.tqe_next->f.tqe_prev = &(e)->f.tqe_next; \
		else                                                    \
			(h)->tqh_last = &(e)->f.tqe_next;               \
		(at)->f.tqe_next = (e);                                 \
		(e)->f.tqe_prev = &(at)->f.tqe_next;                    \
	} while (0)
#define TAILQ_INSERT_BEFORE(at, e, f)                \
	do {                                         \
		(e)->f.tqe_prev = (at)->f.tqe_prev;  \
		(e)->f.tqe_next = (at);              \
		*(at)->f.tqe_prev = (e);             \
		(at)->f.tqe_prev = &(e)->f.tqe_next; \
	} while (0)
#define TAILQ_REMOVE(h, e, f)                                          \
	do {                                                           \
		if ((e)->f.tqe_next != NULL)                           \
			(e)->f.tqe_next->f.tqe_prev = (e)->f.tqe_prev; \
		else                                                   \
			(h)->tqh_last = (e)->f.tqe_prev;               \
		*(e)->f.tqe_prev = (e)->f.tqe_next;                    \
	} while (0)
#define TAILQ_CONCAT(h1, h2, f)                                       \
	do {                                                          \
		if (!TAILQ_EMPTY(h2)) {                               \
			*(h1)->tqh_last = (h2)->tqh_first;            \
			(h2)->tqh_first->f.tqe_prev = (h1)->tqh_last; \
			(h1)->tqh_last = (h2)->tqh_last;              \
			TAILQ_INIT(h2);                               \
		}                                                     \
	} while (0)

#endif
