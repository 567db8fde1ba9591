/*
 * Futexes: sleeping until a word of user memory changes.
 *
 * Waiters hang in hash buckets.  A bucket's lock is held from reading the word
 * to being queued, so a waker, who changes the word first and takes the lock
 * then, either sees the waiter or is seen by it.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/timeout.h>
#include <uvm/uvm.h>

#define FUTEX_WAIT           0
#define FUTEX_WAKE           1
#define FUTEX_REQUEUE        3
#define FUTEX_CMP_REQUEUE    4
#define FUTEX_WAKE_OP        5
#define FUTEX_WAIT_BITSET    9
#define FUTEX_WAKE_BITSET    10
#define FUTEX_PRIVATE        128
#define FUTEX_CLOCK_REALTIME 256
#define FUTEX_CMD(op)        ((op) & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME))

#define FUTEX_TID_MASK       0x3fffffffU
#define FUTEX_OWNER_DIED     0x40000000U
#define FUTEX_WAITERS        0x80000000U
#define ROBUST_LIST_MAX      2048 /* entries a program may make us walk */

#define FUTEX_BUCKETS        128 /* power of two */
#define FUTEX_SPREAD         0x9e3779b97f4a7c15UL

/*
 * A word of memory by what backs it, so that it is the same in every address
 * space that maps it: address space and address of private memory; amap or
 * object and position of shared memory.
 */
struct futex_key {
	const void *fk_base; /* [thread] */
	uint64_t fk_offset; /* [thread] bytes */
};

struct futex_bucket;

/*
 * Locks used to protect members:
 *	I	immutable while queued
 *	b	lock of the bucket in fw_bucket
 *	a	atomic operations
 */
struct futex_waiter {
	TAILQ_ENTRY(futex_waiter) fw_link; /* [b] */
	struct futex_key fw_key; /* [b] */
	struct futex_bucket *fw_bucket; /* [a, b to change] */
	uint32_t fw_bitset; /* [I] */
	bool fw_woken; /* [b] off the queue by a wake */
};

/*
 * Locks used to protect members:
 *	b	fb_lock
 */
struct futex_bucket {
	struct rwlock fb_lock; /* LR_FUTEX */
	TAILQ_HEAD(, futex_waiter) fb_waiters; /* [b] oldest first */
};

static struct futex_bucket futex_table[FUTEX_BUCKETS];

void
futex_init(void)
{
	for (u_int i = 0; i < FUTEX_BUCKETS; i++) {
		rw_init(&futex_table[i].fb_lock, LR_FUTEX, "futex");
		TAILQ_INIT(&futex_table[i].fb_waiters);
	}
}

/* -- Keys ---------------------------------------------------------------------- */

static struct futex_bucket *
futex_bucket(const struct futex_key *key)
{
	uint64_t h = ((uint64_t)key->fk_base + key->fk_offset) * FUTEX_SPREAD;

	return &futex_table[(h >> 40) & (FUTEX_BUCKETS - 1)];
}

static bool
futex_same(const struct futex_key *a, const struct futex_key *b)
{
	return a->fk_base == b->fk_base && a->fk_offset == b->fk_offset;
}

/*
 * => map read-locked; TRUE: key found; FALSE: shared anonymous memory that
 *    nobody has touched yet has no amap to be known by
 */
static bool
futex_key_entry(struct vm_map_entry *e, vaddr_t va, struct futex_key *key)
{
	if (UVM_ET_ISOBJ(e) && !UVM_ET_ISCOPYONWRITE(e)) {
		key->fk_base = e->object.uvm_obj;
		key->fk_offset = (uint64_t)e->offset + (va - e->start);
		return true;
	}
	if (e->inheritance != MAP_INHERIT_SHARE)
		return true; /* private: the caller's default */
	if (e->aref.ar_amap == NULL || UVM_ET_ISNEEDSCOPY(e))
		return false;
	key->fk_base = e->aref.ar_amap;
	key->fk_offset = ptoa(e->aref.ar_pageoff) + (va - e->start);
	return true;
}

/*
 * => 0 or EFAULT; no locks; may sleep
 */
static int
futex_key(struct proc *p, vaddr_t va, bool shared, struct futex_key *key)
{
	struct vm_map *map = &p->p_vmspace->vm_map;
	struct vm_map_entry *e;
	bool mapped, done = true;

	if (va % sizeof(uint32_t) != 0)
		return EINVAL;
	if (va >= VM_MAXUSER_ADDRESS)
		return EFAULT;
	key->fk_base = p->p_vmspace;
	key->fk_offset = va;
	if (!shared)
		return 0;
	for (;;) {
		vm_map_lock_read(map);
		mapped = uvm_map_lookup_entry(map, va, &e);
		if (mapped)
			done = futex_key_entry(e, va, key);
		vm_map_unlock_read(map);
		if (!mapped)
			return EFAULT;
		if (done)
			return 0;
		if (uvm_fault(map, trunc_page(va), VM_FAULT_INVALID,
			PROT_READ | PROT_WRITE) != 0)
			return EFAULT;
	}
}

/* -- Waiting ------------------------------------------------------------------- */

/*
 * A requeue may have moved the waiter while it slept.
 * => bucket of w, locked
 */
static struct futex_bucket *
futex_lock_waiter(struct futex_waiter *w)
{
	struct futex_bucket *b;

	for (;;) {
		b = atomic_load(&w->fw_bucket);
		rw_enter_write(&b->fb_lock);
		if (atomic_load(&w->fw_bucket) == b)
			return b;
		rw_exit(&b->fb_lock);
	}
}

/*
 * => bucket locked on entry, unlocked on exit; as tsleep(), 0 means woken
 */
static int
futex_block(struct futex_bucket *b, struct futex_waiter *w, uint64_t nsecs)
{
	int error;

	w->fw_bucket = b;
	w->fw_woken = false;
	/* w is on our stack */
	atomic_or(&curproc->p_flag, P_STACKHELD);
	TAILQ_INSERT_TAIL(&b->fb_waiters, w, fw_link);
	do {
		error = rwsleep(
		    w, &b->fb_lock, PWAIT | PCATCH | PNORELOCK, "futex", nsecs);
		b = futex_lock_waiter(w);
	} while (error == 0 && !w->fw_woken);
	if (!w->fw_woken)
		TAILQ_REMOVE(&b->fb_waiters, w, fw_link);
	else
		error = 0;
	rw_exit(&b->fb_lock);
	atomic_and(&curproc->p_flag, ~(uint32_t)P_STACKHELD);
	return error;
}

/*
 * => end: uptime at which to give up, INFSLP: never
 */
static int
futex_wait(struct proc *p, vaddr_t va, uint32_t val, bool shared, uint64_t end,
    uint32_t bitset)
{
	struct futex_waiter w = { .fw_bitset = bitset };
	struct futex_bucket *b;
	uint64_t now, nsecs = INFSLP;
	uint32_t cur;
	int error;

	if (bitset == 0)
		return EINVAL;
	error = futex_key(p, va, shared, &w.fw_key);
	if (error != 0)
		return error;
	b = futex_bucket(&w.fw_key);
	rw_enter_write(&b->fb_lock);
	error = copyin32((uint32_t *)va, &cur);
	if (error == 0 && cur != val)
		error = EAGAIN;
	if (error == 0 && end != INFSLP) {
		now = nsecuptime();
		nsecs = end > now ? end - now : 0;
		if (nsecs == 0)
			error = ETIMEDOUT;
	}
	if (error != 0) {
		rw_exit(&b->fb_lock);
		return error;
	}
	error = futex_block(b, &w, nsecs);
	if (error == EWOULDBLOCK)
		return ETIMEDOUT;
	if (error == ERESTART && end != INFSLP) {
		p->p_restart_end = end;
		return ERESTARTNOHAND;
	}
	return error;
}

/*
 * => uptime at which a wait ends; 0 or EFAULT, EINVAL
 */
static int
futex_deadline(struct proc *p, uint64_t uts, int op, uint64_t *end)
{
	struct timespec ts;
	uint64_t ns, now, wall;
	int error;

	*end = INFSLP;
	if (uts == 0)
		return 0;
	error = copyin((void *)uts, &ts, sizeof(ts));
	if (error == 0)
		error = timespec_to_ns(&ts, &ns);
	if (error != 0)
		return error;
	now = nsecuptime();
	if (p->p_restart_end != 0) {
		*end = p->p_restart_end;
		p->p_restart_end = 0;
	} else if (FUTEX_CMD(op) == FUTEX_WAIT)
		*end = ns > INFSLP - 1 - now ? INFSLP - 1 : now + ns;
	else if (op & FUTEX_CLOCK_REALTIME) {
		wall = nsecwall();
		*end = ns > wall ? now + (ns - wall) : now;
	} else
		*end = ns;
	return 0;
}

/* -- Waking --------------------------------------------------------------------- */

/* => bucket locked; w is off its queue */
static void
futex_wake_waiter(struct futex_bucket *b, struct futex_waiter *w)
{
	TAILQ_REMOVE(&b->fb_waiters, w, fw_link);
	w->fw_woken = true;
	wakeup(w);
}

/* => bucket locked; number of waiters woken */
static int
futex_wake_locked(
    struct futex_bucket *b, const struct futex_key *key, int n, uint32_t bitset)
{
	struct futex_waiter *w, *next;
	int woken = 0;

	TAILQ_FOREACH_SAFE (w, &b->fb_waiters, fw_link, next) {
		if (woken >= n)
			break;
		if (!futex_same(&w->fw_key, key) ||
		    (w->fw_bitset & bitset) == 0)
			continue;
		futex_wake_waiter(b, w);
		woken++;
	}
	return woken;
}

static int
futex_wake(struct proc *p, vaddr_t va, int n, bool shared, uint32_t bitset,
    int64_t *ret)
{
	struct futex_key key;
	struct futex_bucket *b;
	int error;

	if (bitset == 0)
		return EINVAL;
	error = futex_key(p, va, shared, &key);
	if (error != 0)
		return error;
	b = futex_bucket(&key);
	rw_enter_write(&b->fb_lock);
	*ret = futex_wake_locked(b, &key, n, bitset);
	rw_exit(&b->fb_lock);
	return 0;
}

/* Locks of one rank nest by ascending address. */
static void
futex_lock_two(struct futex_bucket *b1, struct futex_bucket *b2)
{
	if (b1 > b2) {
		futex_lock_two(b2, b1);
		return;
	}
	rw_enter_write(&b1->fb_lock);
	if (b1 != b2)
		rw_enter_write(&b2->fb_lock);
}

static void
futex_unlock_two(struct futex_bucket *b1, struct futex_bucket *b2)
{
	rw_exit(&b1->fb_lock);
	if (b1 != b2)
		rw_exit(&b2->fb_lock);
}

/* => both buckets locked; waiters moved */
static int
futex_move(struct futex_bucket *from, struct futex_bucket *to,
    const struct futex_key *key, const struct futex_key *newkey, int n)
{
	struct futex_waiter *w, *next;
	int moved = 0;

	if (futex_same(key, newkey))
		return 0;
	TAILQ_FOREACH_SAFE (w, &from->fb_waiters, fw_link, next) {
		if (moved >= n)
			break;
		if (!futex_same(&w->fw_key, key))
			continue;
		TAILQ_REMOVE(&from->fb_waiters, w, fw_link);
		w->fw_key = *newkey;
		atomic_store(&w->fw_bucket, to);
		TAILQ_INSERT_TAIL(&to->fb_waiters, w, fw_link);
		moved++;
	}
	return moved;
}

/*
 * Wake some waiters of one word and make others wait for a second one.
 * => cmp NULL: whatever the first word holds
 */
static int
futex_requeue(struct proc *p, const uint64_t a[6], bool shared,
    const uint32_t *cmp, int64_t *ret)
{
	int nwake = (int)a[2], nmove = (int)a[3], error;
	struct futex_key key1, key2;
	struct futex_bucket *b1, *b2;
	uint32_t cur;

	if (nwake < 0 || nmove < 0)
		return EINVAL;
	error = futex_key(p, a[0], shared, &key1);
	if (error == 0)
		error = futex_key(p, a[4], shared, &key2);
	if (error != 0)
		return error;
	b1 = futex_bucket(&key1);
	b2 = futex_bucket(&key2);
	futex_lock_two(b1, b2);
	if (cmp != NULL) {
		error = copyin32((uint32_t *)a[0], &cur);
		if (error == 0 && cur != *cmp)
			error = EAGAIN;
	}
	if (error == 0) {
		*ret = futex_wake_locked(b1, &key1, nwake, UINT32_MAX);
		nmove = futex_move(b1, b2, &key1, &key2, nmove);
		if (cmp != NULL)
			*ret += nmove;
	}
	futex_unlock_two(b1, b2);
	return error;
}

/* -- FUTEX_WAKE_OP ----------------------------------------------------------------- */

/* => new value of a word; 0 or ENOSYS */
static int
futex_op_value(uint32_t encoded, uint32_t old, uint32_t *new)
{
	uint32_t op = encoded >> 28 & 7, arg;

	arg = (uint32_t)((int32_t)(encoded << 8) >> 20);
	if (encoded >> 31)
		arg = 1U << (arg & 31);
	switch (op) {
	case 0:
		*new = arg;
		return 0;
	case 1:
		*new = old + arg;
		return 0;
	case 2:
		*new = old | arg;
		return 0;
	case 3:
		*new = old & ~arg;
		return 0;
	case 4:
		*new = old ^ arg;
		return 0;
	default:
		return ENOSYS;
	}
}

static int
futex_op_compare(uint32_t encoded, uint32_t old, bool *result)
{
	int32_t val = (int32_t)old, arg = (int32_t)(encoded << 20) >> 20;

	switch (encoded >> 24 & 15) {
	case 0:
		*result = val == arg;
		return 0;
	case 1:
		*result = val != arg;
		return 0;
	case 2:
		*result = val < arg;
		return 0;
	case 3:
		*result = val <= arg;
		return 0;
	case 4:
		*result = val > arg;
		return 0;
	case 5:
		*result = val >= arg;
		return 0;
	default:
		return ENOSYS;
	}
}

/* => word changed as encoded says; what it was compared as */
static int
futex_op(vaddr_t va, uint32_t encoded, bool *result)
{
	uint32_t old, seen, new;
	int error;

	error = copyin32((uint32_t *)va, &old);
	while (error == 0) {
		seen = old;
		error = futex_op_value(encoded, seen, &new);
		if (error == 0)
			error = ucas32((uint32_t *)va, &old, new);
		if (error == 0 && old == seen)
			return futex_op_compare(encoded, seen, result);
	}
	return error;
}

static int
futex_wake_op(struct proc *p, const uint64_t a[6], bool shared, int64_t *ret)
{
	struct futex_key key1, key2;
	struct futex_bucket *b1, *b2;
	bool second;
	int error;

	error = futex_key(p, a[0], shared, &key1);
	if (error == 0)
		error = futex_key(p, a[4], shared, &key2);
	if (error != 0)
		return error;
	b1 = futex_bucket(&key1);
	b2 = futex_bucket(&key2);
	futex_lock_two(b1, b2);
	error = futex_op(a[4], (uint32_t)a[5], &second);
	if (error == 0) {
		*ret = futex_wake_locked(b1, &key1, (int)a[2], UINT32_MAX);
		if (second)
			*ret +=
			    futex_wake_locked(b2, &key2, (int)a[3], UINT32_MAX);
	}
	futex_unlock_two(b1, b2);
	return error;
}

int
sys_futex(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int op = (int)a[1], cmd = FUTEX_CMD(op), error;
	bool shared = (op & FUTEX_PRIVATE) == 0;
	uint32_t val = (uint32_t)a[2], val3 = (uint32_t)a[5];
	uint64_t end;

	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		error = futex_deadline(p, a[3], op, &end);
		if (error != 0)
			return error;
		return futex_wait(p, a[0], val, shared, end,
		    cmd == FUTEX_WAIT ? UINT32_MAX : val3);
	case FUTEX_WAKE:
		return futex_wake(p, a[0], (int)val, shared, UINT32_MAX, ret);
	case FUTEX_WAKE_BITSET:
		return futex_wake(p, a[0], (int)val, shared, val3, ret);
	case FUTEX_REQUEUE:
		return futex_requeue(p, a, shared, NULL, ret);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(p, a, shared, &val3, ret);
	case FUTEX_WAKE_OP:
		return futex_wake_op(p, a, shared, ret);
	default:
		return ENOSYS;
	}
}

/* -- Threads that end ------------------------------------------------------------- */

/*
 * What a program registers with set_robust_list: a ring of locks a thread may
 * hold.  All members belong to the thread.
 */
struct robust_head {
	uint64_t rh_next; /* [thread] first lock, or the head itself */
	int64_t rh_offset; /* [thread] from a list entry to its word */
	uint64_t rh_pending; /* [thread] lock being taken or released */
};

int
sys_set_robust_list(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	if (a[1] != sizeof(struct robust_head))
		return EINVAL;
	p->p_robust = a[0];
	return 0;
}

/*
 * Mark a lock whose owner dies and wake one waiter.
 * => EFAULT: the list leads nowhere
 */
static int
robust_release(struct proc *p, vaddr_t va)
{
	uint32_t old, seen;
	int64_t woken;
	int error;

	if (va % sizeof(uint32_t) != 0)
		return EFAULT;
	error = copyin32((uint32_t *)va, &old);
	for (;;) {
		if (error != 0)
			return error;
		if ((old & FUTEX_TID_MASK) != (uint32_t)p->p_tid)
			return 0;
		seen = old;
		error = ucas32((uint32_t *)va, &old,
		    (seen & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
		if (error == 0 && old == seen)
			break;
	}
	if (seen & FUTEX_WAITERS)
		return futex_wake(p, va, 1, true, UINT32_MAX, &woken);
	return 0;
}

/* The low bit of a link says something about the lock that is not ours. */
#define ROBUST_ENTRY(link) ((link) & ~1UL)

static void
robust_walk(struct proc *p)
{
	struct robust_head head;
	uint64_t entry, next;

	if (copyin((void *)p->p_robust, &head, sizeof(head)) != 0)
		return;
	entry = head.rh_next;
	for (int i = 0; i < ROBUST_LIST_MAX; i++) {
		if (ROBUST_ENTRY(entry) == p->p_robust)
			break;
		if (copyin((void *)ROBUST_ENTRY(entry), &next, sizeof(next)) !=
		    0)
			return;
		if (ROBUST_ENTRY(entry) != ROBUST_ENTRY(head.rh_pending) &&
		    robust_release(
			p, ROBUST_ENTRY(entry) + (uint64_t)head.rh_offset) != 0)
			return;
		entry = next;
	}
	/* Last of all: a failure here leaves nothing undone. */
	if (head.rh_pending != 0 &&
	    robust_release(p,
		ROBUST_ENTRY(head.rh_pending) + (uint64_t)head.rh_offset) != 0)
		TRACE(
		    "robust list: bad pending lock", p->p_tid, head.rh_pending);
}

void
futex_thread_exit(struct proc *p)
{
	int64_t woken = 0;

	if (p->p_robust != 0)
		robust_walk(p);
	p->p_robust = 0;
	/* Nobody is left to care if this was the last user of the memory. */
	if (p->p_clear_tid == 0 ||
	    (atomic_load(&p->p_p->ps_nthreads) == 1 &&
		atomic_load(&p->p_vmspace->vm_refcnt) == 1))
		return;
	if (copyout32(0, (uint32_t *)p->p_clear_tid) == 0 &&
	    futex_wake(p, p->p_clear_tid, 1, true, UINT32_MAX, &woken) != 0)
		TRACE("clear_tid: no wake", p->p_tid, p->p_clear_tid);
	p->p_clear_tid = 0;
}
