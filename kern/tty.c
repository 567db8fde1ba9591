/*
 * The terminal on the console: line editing, echo, signals from the keyboard,
 * job control.
 *
 * Received bytes go into a small ring at interrupt level; a kernel thread
 * takes them through the line discipline, which may sleep and send signals.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/proc.h>
#include <sys/selinfo.h>
#include <sys/tty.h>
#include <sys/vnode.h>

/* Flags and characters of the riscv64 Linux convention. */
#define ISTRIP  0x0020
#define INLCR   0x0040
#define IGNCR   0x0080
#define ICRNL   0x0100
#define IXON    0x0400
#define IXANY   0x0800
#define OPOST   0x0001
#define ONLCR   0x0004
#define B115200 0x1002
#define CS8     0x0030
#define CREAD   0x0080
#define HUPCL   0x0400
#define ISIG    0x0001
#define ICANON  0x0002
#define ECHO    0x0008
#define ECHOE   0x0010
#define ECHOK   0x0020
#define ECHONL  0x0040
#define NOFLSH  0x0080
#define TOSTOP  0x0100
#define ECHOCTL 0x0200
#define ECHOKE  0x0800
#define IEXTEN  0x8000

enum {
	VINTR,
	VQUIT,
	VERASE,
	VKILL,
	VEOF,
	VTIME,
	VMIN,
	VSWTC,
	VSTART,
	VSTOP,
	VSUSP,
	VEOL,
	VREPRINT,
	VDISCARD,
	VWERASE,
	VLNEXT,
	VEOL2
};

#define CTRL(c)    ((c)&0x1f)

#define TCGETS     0x5401
#define TCSETS     0x5402
#define TCSETSW    0x5403
#define TCSETSF    0x5404
#define TCSBRK     0x5409
#define TCXONC     0x540A
#define TCFLSH     0x540B
#define TIOCSCTTY  0x540E
#define TIOCGPGRP  0x540F
#define TIOCSPGRP  0x5410
#define TIOCOUTQ   0x5411
#define TIOCSTI    0x5412
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONREAD   0x541B
#define TIOCNOTTY  0x5422
#define TCSBRKP    0x5425
#define TIOCGSID   0x5429

#define TTY_LINE   4096 /* longest line that can be edited */
#define TTY_QUEUE  8192 /* characters ready to be read; a power of two */
#define TTY_RING   256 /* received bytes not yet looked at */

#define Q_END      0x100 /* last character of a line */
#define Q_EOF      0x200 /* end of file, no character */

/*
 * Locks used to protect members of a tty:
 *	T	proctree lock
 *	t	t_lock
 *	r	t_ringmtx
 */
struct tty {
	struct rwlock t_lock; /* LR_TTY */
	struct mutex t_ringmtx; /* LR_MISC */
	uint8_t t_ring[TTY_RING]; /* [r] */
	u_int t_ringin, t_ringout; /* [r] */
	struct termios t_termios; /* [t] */
	struct winsize t_winsize; /* [t] */
	struct session *t_session; /* [T] whose terminal it is */
	pid_t t_pgid; /* [T] foreground group, 0: none */
	char t_line[TTY_LINE]; /* [t] being edited */
	u_int t_linelen; /* [t] */
	uint16_t t_queue[TTY_QUEUE]; /* [t] ready: character, Q_* */
	u_int t_qin, t_qout; /* [t] */
	u_int t_nends; /* [t] Q_END and Q_EOF in the queue */
	bool t_stopped; /* [t] ^S */
	bool t_lnext; /* [t] next character is taken literally */
	struct selinfo t_sel;
};

static struct tty tty0;

#define LFLAG(tp, f) ((tp)->t_termios.c_lflag & (f))
#define IFLAG(tp, f) ((tp)->t_termios.c_iflag & (f))

/* -- Output ------------------------------------------------------------------------------ */

/* => n characters, newlines made CR LF if the terminal is set so */
static void
tty_output(struct tty *tp, const char *s, size_t n)
{
	bool onlcr =
	    (tp->t_termios.c_oflag & (OPOST | ONLCR)) == (OPOST | ONLCR);
	size_t from = 0;

	for (size_t i = 0; onlcr && i < n; i++)
		if (s[i] == '\n') {
			cons_tty_write(s + from, i - from);
			cons_tty_write("\r", 1);
			from = i;
		}
	cons_tty_write(s + from, n - from);
}

static void
echo_char(struct tty *tp, int c)
{
	char out[2] = { '^', (char)(c == 127 ? '?' : c + '@') };

	if ((c < ' ' || c == 127) && c != '\n' && c != '\t' &&
	    LFLAG(tp, ECHOCTL))
		tty_output(tp, out, 2);
	else {
		out[0] = (char)c;
		tty_output(tp, out, 1);
	}
}

/* Wipe a character of the edited line off the screen. */
static void
echo_erase(struct tty *tp, int c)
{
	if (!LFLAG(tp, ECHO) || !LFLAG(tp, ECHOE))
		return;
	tty_output(tp, "\b \b", 3);
	if ((c < ' ' || c == 127) && c != '\t' && LFLAG(tp, ECHOCTL))
		tty_output(tp, "\b \b", 3);
}

/* -- Input: t_lock is held ------------------------------------------------------------------ */

static void
queue_put(struct tty *tp, uint16_t q)
{
	if (tp->t_qin - tp->t_qout >= TTY_QUEUE)
		return; /* nobody reads: characters are lost, as on any line */
	tp->t_queue[tp->t_qin++ % TTY_QUEUE] = q;
	if (q & (Q_END | Q_EOF))
		tp->t_nends++;
}

static void
input_ready(struct tty *tp)
{
	wakeup(&tp->t_qin);
	selwakeup(&tp->t_sel);
}

/*
 * The edited line is complete (end: how) or the mode changes (0).  If the queue
 * has no room for all of it nothing goes in: half a line is worse than none.
 */
static void
line_commit(struct tty *tp, uint16_t end)
{
	if (TTY_QUEUE - (tp->t_qin - tp->t_qout) < MAX(tp->t_linelen, 1)) {
		tp->t_linelen = 0;
		tty_output(tp, "\a", 1);
		return;
	}
	for (u_int i = 0; i < tp->t_linelen; i++)
		queue_put(tp,
		    (uint8_t)tp->t_line[i] |
			(i + 1 == tp->t_linelen ? end & Q_END : 0));
	if (end == Q_EOF && tp->t_linelen == 0)
		queue_put(tp, Q_EOF);
	tp->t_linelen = 0;
	input_ready(tp);
}

static void
flush_input(struct tty *tp)
{
	tp->t_linelen = 0;
	tp->t_lnext = false;
	tp->t_qin = tp->t_qout = tp->t_nends = 0;
}

/* No more lines, only characters. */
static void
queue_unline(struct tty *tp)
{
	u_int to = tp->t_qout;

	for (u_int i = tp->t_qout; i != tp->t_qin; i++) {
		uint16_t q = tp->t_queue[i % TTY_QUEUE];

		if ((q & Q_EOF) == 0)
			tp->t_queue[to++ % TTY_QUEUE] = q & 0xff;
	}
	tp->t_qin = to;
	tp->t_nends = 0;
}

/*
 * The mode changes.  What was being edited becomes readable when editing ends,
 * what is there to be read becomes a line when it begins.
 */
static void
change_canonical(struct tty *tp, bool canonical)
{
	tp->t_lnext = false;
	if (!canonical) {
		if (tp->t_linelen > 0)
			line_commit(tp, 0);
		queue_unline(tp);
	} else if (tp->t_qin != tp->t_qout) {
		tp->t_queue[(tp->t_qin - 1) % TTY_QUEUE] |= Q_END;
		tp->t_nends = 1;
	}
	input_ready(tp);
}

/* => signal the character asks for, 0: none */
static int
signal_char(struct tty *tp, int c)
{
	const uint8_t *cc = tp->t_termios.c_cc;

	if (!LFLAG(tp, ISIG) || c == 0)
		return 0;
	if (c == cc[VINTR])
		return SIGINT;
	if (c == cc[VQUIT])
		return SIGQUIT;
	return c == cc[VSUSP] ? SIGTSTP : 0;
}

static void
erase_one(struct tty *tp)
{
	if (tp->t_linelen > 0)
		echo_erase(tp, (uint8_t)tp->t_line[--tp->t_linelen]);
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_';
}

/* Back to the beginning of a word, and over what comes after it. */
static void
erase_word(struct tty *tp)
{
	bool seen = false;

	while (tp->t_linelen > 0) {
		if (is_word(tp->t_line[tp->t_linelen - 1]))
			seen = true;
		else if (seen)
			break;
		erase_one(tp);
	}
}

static void
reprint_line(struct tty *tp)
{
	tty_output(tp, "^R\n", 3);
	for (u_int i = 0; i < tp->t_linelen; i++)
		echo_char(tp, (uint8_t)tp->t_line[i]);
}

static void
line_add(struct tty *tp, int c)
{
	if (tp->t_linelen + 1 >= TTY_LINE && c != '\n') {
		tty_output(tp, "\a", 1);
		return;
	}
	if (LFLAG(tp, ECHO) || (c == '\n' && LFLAG(tp, ECHONL)))
		echo_char(tp, c);
	tp->t_line[tp->t_linelen++] = (char)c;
}

/* => TRUE: c was an editing character of canonical mode */
static bool
edit_char(struct tty *tp, int c)
{
	const uint8_t *cc = tp->t_termios.c_cc;

	if (c == cc[VERASE] || (c == '\b' && cc[VERASE] == 127))
		erase_one(tp);
	else if (c == cc[VKILL])
		while (tp->t_linelen > 0)
			erase_one(tp);
	else if (c == cc[VWERASE] && LFLAG(tp, IEXTEN))
		erase_word(tp);
	else if (c == cc[VREPRINT] && LFLAG(tp, IEXTEN))
		reprint_line(tp);
	else if (c == cc[VLNEXT] && LFLAG(tp, IEXTEN))
		tp->t_lnext = true;
	else
		return false;
	return true;
}

static void
canonical_char(struct tty *tp, int c)
{
	const uint8_t *cc = tp->t_termios.c_cc;

	if (c != 0 && edit_char(tp, c))
		return;
	if (c != 0 && c == cc[VEOF]) {
		/* what was typed is ready; nothing typed: end of file */
		line_commit(tp, tp->t_linelen > 0 ? Q_END : Q_EOF);
		return;
	}
	line_add(tp, c);
	if (c == '\n' || (c != 0 && (c == cc[VEOL] || c == cc[VEOL2])))
		line_commit(tp, Q_END);
}

/* => c as the input flags want it, or -1: dropped */
static int
translate_input(struct tty *tp, int c)
{
	if (IFLAG(tp, ISTRIP))
		c &= 0x7f;
	if (c == '\r') {
		if (IFLAG(tp, IGNCR))
			return -1;
		if (IFLAG(tp, ICRNL))
			return '\n';
	} else if (c == '\n' && IFLAG(tp, INLCR))
		return '\r';
	return c;
}

static void
set_stopped(struct tty *tp, bool stopped)
{
	if (tp->t_stopped == stopped)
		return;
	tp->t_stopped = stopped;
	if (!stopped) {
		wakeup(&tp->t_stopped);
		selwakeup(&tp->t_sel);
	}
}

/* => TRUE: c only stopped or started output */
static bool
flow_char(struct tty *tp, int c)
{
	const uint8_t *cc = tp->t_termios.c_cc;
	bool flow = c != 0 && (c == cc[VSTOP] || c == cc[VSTART]);

	if (!IFLAG(tp, IXON))
		return false;
	if (flow)
		set_stopped(tp, c == cc[VSTOP]);
	else if (IFLAG(tp, IXANY))
		set_stopped(tp, false);
	return flow;
}

/* => signal to send to the foreground group, or 0 */
static int
input_char(struct tty *tp, int c)
{
	int sig;

	if (tp->t_lnext) {
		tp->t_lnext = false;
		line_add(tp, c);
		return 0;
	}
	c = translate_input(tp, c);
	if (c < 0 || flow_char(tp, c))
		return 0;
	sig = signal_char(tp, c);
	if (sig != 0) {
		/* whoever gets the signal may have something to say */
		set_stopped(tp, false);
		if (LFLAG(tp, ECHO))
			echo_char(tp, c);
		if (!LFLAG(tp, NOFLSH))
			flush_input(tp);
		return sig;
	}
	if (LFLAG(tp, ICANON))
		canonical_char(tp, c);
	else {
		if (LFLAG(tp, ECHO))
			echo_char(tp, c);
		queue_put(tp, (uint8_t)c);
		input_ready(tp);
	}
	return 0;
}

/* A received byte: interrupt context. */
static void
tty_rint(int c)
{
	struct tty *tp = &tty0;

	mtx_enter(&tp->t_ringmtx);
	if (tp->t_ringin - tp->t_ringout < TTY_RING)
		tp->t_ring[tp->t_ringin++ % TTY_RING] = (uint8_t)c;
	mtx_leave(&tp->t_ringmtx);
	wakeup(&tp->t_ring);
}

static void
foreground_signal(struct tty *tp, int sig)
{
	struct pgrp *pg;

	rw_enter_read(&proctree_lock);
	pg = tp->t_pgid != 0 ? pgfind(tp->t_pgid) : NULL;
	if (pg != NULL)
		pgsignal(pg, sig);
	rw_exit(&proctree_lock);
}

/* A character through the line discipline. => no locks; may sleep */
static void
tty_input(struct tty *tp, int c)
{
	int sig;

	rw_enter_write(&tp->t_lock);
	sig = input_char(tp, c);
	rw_exit(&tp->t_lock);
	if (sig != 0)
		foreground_signal(tp, sig);
}

static void
tty_thread(void *arg)
{
	struct tty *tp = arg;
	int c;

	for (;;) {
		mtx_enter(&tp->t_ringmtx);
		while (tp->t_ringin == tp->t_ringout)
			msleep(&tp->t_ring, &tp->t_ringmtx, PWAIT, "ttyin",
			    INFSLP);
		c = tp->t_ring[tp->t_ringout++ % TTY_RING];
		mtx_leave(&tp->t_ringmtx);
		tty_input(tp, c);
	}
}

/* -- Job control --------------------------------------------------------------------------------- */

bool
tty_is_controlling(struct proc *p)
{
	bool is;

	rw_enter_read(&proctree_lock);
	is = p->p_p->ps_pgrp->pg_session == tty0.t_session;
	rw_exit(&proctree_lock);
	return is;
}

/*
 * A background process must not read, nor write if TOSTOP is set.
 * => 0: go on; ERESTART: the group was stopped; EIO: nobody would continue it
 */
static int
background_check(struct tty *tp, struct proc *p, int sig)
{
	struct process *pr = p->p_p;
	struct pgrp *pg;
	int error = 0;

	rw_enter_read(&proctree_lock);
	pg = pr->ps_pgrp;
	if (pg->pg_session == tp->t_session && tp->t_pgid != 0 &&
	    pg->pg_id != tp->t_pgid) {
		if (sig_ignored(pr, sig) || (p->p_sigmask & sigmask(sig)))
			error = sig == SIGTTIN ? EIO : 0;
		else if (pgrp_orphaned(pg))
			error = EIO;
		else {
			pgsignal(pg, sig);
			error = ERESTART;
		}
	}
	rw_exit(&proctree_lock);
	return error;
}

/* The session gives its terminal up: proctree lock is write-held. */
static void
session_gone(struct session *s, struct tty *tp)
{
	if (tp->t_session != s)
		return;
	tp->t_session = NULL;
	tp->t_pgid = 0;
	s->s_ttyp = NULL;
}

static void
session_acquire(struct tty *tp, struct process *pr)
{
	struct session *s = pr->ps_pgrp->pg_session;

	s->s_ttyp = tp;
	s->s_ttygone = session_gone;
	tp->t_session = s;
	tp->t_pgid = pr->ps_pgrp->pg_id;
}

int
tty_open(struct proc *p, int flags)
{
	struct process *pr = p->p_p;
	struct session *s;

	if (flags & O_NOCTTY)
		return 0;
	rw_enter_write(&proctree_lock);
	s = pr->ps_pgrp->pg_session;
	if (s->s_leader == pr && s->s_ttyp == NULL && tty0.t_session == NULL)
		session_acquire(&tty0, pr);
	rw_exit(&proctree_lock);
	return 0;
}

/* => TIOCSCTTY: a session leader takes the terminal, also from another */
static int
take_controlling(struct tty *tp, struct proc *p, bool steal)
{
	struct process *pr = p->p_p;
	struct session *s;
	int error = 0;

	rw_enter_write(&proctree_lock);
	s = pr->ps_pgrp->pg_session;
	if (s->s_leader != pr || (s->s_ttyp != NULL && s->s_ttyp != tp))
		error = EPERM;
	else if (tp->t_session != NULL && tp->t_session != s) {
		if (steal)
			session_gone(tp->t_session, tp);
		else
			error = EPERM;
	}
	if (error == 0 && s->s_ttyp == NULL)
		session_acquire(tp, pr);
	rw_exit(&proctree_lock);
	return error;
}

static int
give_up_controlling(struct tty *tp, struct proc *p)
{
	struct session *s;
	int error = 0;

	rw_enter_write(&proctree_lock);
	s = p->p_p->ps_pgrp->pg_session;
	if (s->s_ttyp != tp)
		error = ENOTTY;
	else if (s->s_leader == p->p_p)
		session_gone(s, tp);
	rw_exit(&proctree_lock);
	return error;
}

static int
set_foreground(struct tty *tp, struct proc *p, pid_t pgid)
{
	struct session *s;
	struct pgrp *pg;
	int error = background_check(tp, p, SIGTTOU);

	if (error)
		return error;
	rw_enter_write(&proctree_lock);
	s = p->p_p->ps_pgrp->pg_session;
	pg = pgfind(pgid);
	if (s != tp->t_session)
		error = ENOTTY;
	else if (pgid < 0)
		error = EINVAL;
	else if (pg == NULL)
		error = ESRCH;
	else if (pg->pg_session != s)
		error = EPERM;
	else
		tp->t_pgid = pgid;
	rw_exit(&proctree_lock);
	return error;
}

/* => the ids of the foreground group and of the session; ENOTTY: not ours */
static int
get_foreground(struct tty *tp, struct proc *p, pid_t *pgid, pid_t *sid)
{
	int error = 0;

	rw_enter_read(&proctree_lock);
	if (p->p_p->ps_pgrp->pg_session != tp->t_session)
		error = ENOTTY;
	else {
		*pgid = tp->t_pgid;
		*sid = tp->t_session->s_sid;
	}
	rw_exit(&proctree_lock);
	return error;
}

/* -- File operations --------------------------------------------------------------------------------- */

/*
 * Collect up to n characters, in canonical mode not beyond the end of a line.
 * => position in the queue behind them, their number in *got
 */
static u_int
queue_collect(struct tty *tp, char *buf, size_t n, size_t *got)
{
	bool canon = LFLAG(tp, ICANON);
	u_int i = tp->t_qout;
	uint16_t q = 0;

	*got = 0;
	while (*got < n && i != tp->t_qin) {
		q = tp->t_queue[i++ % TTY_QUEUE];
		if (q & Q_EOF)
			break;
		buf[(*got)++] = (char)q;
		if (canon && (q & Q_END))
			break;
	}
	return i;
}

/* => t_lock held; characters that cannot be copied out stay in the queue */
static int
queue_read(struct tty *tp, struct uio *uio)
{
	size_t got, before;
	char buf[128];
	bool end = false;
	u_int next;
	int error;

	while (!end && uio->uio_resid > 0 && tp->t_qin != tp->t_qout) {
		before = uio->uio_resid;
		next = queue_collect(tp, buf, MIN(before, sizeof(buf)), &got);
		error = uiomove(buf, got, uio);
		if (error) {
			uio->uio_resid = before;
			return error;
		}
		end = LFLAG(tp, ICANON) &&
		    (tp->t_queue[(next - 1) % TTY_QUEUE] & (Q_END | Q_EOF));
		tp->t_nends -= end;
		tp->t_qout = next;
	}
	return 0;
}

/*
 * Is there enough to be read?  *timeout: how long to wait for more.
 * => t_lock held; want: most that will be read
 */
static bool
input_enough(struct tty *tp, size_t want, uint64_t *timeout)
{
	const uint8_t *cc = tp->t_termios.c_cc;
	u_int have = tp->t_qin - tp->t_qout;
	u_int min = MIN(cc[VMIN], want);

	*timeout = INFSLP;
	if (LFLAG(tp, ICANON))
		return tp->t_nends > 0;
	if (have >= MAX(min, 1) || (min == 0 && cc[VTIME] == 0))
		return true;
	/* VTIME: between characters, or from now on if VMIN is 0 */
	if (cc[VTIME] != 0 && (min == 0 || have > 0))
		*timeout = cc[VTIME] * 100000000UL;
	return false;
}

/* => t_lock held; 0: read what there is, if anything; EAGAIN, EINTR, ERESTART */
static int
read_wait(struct tty *tp, struct file *fp, size_t want)
{
	uint64_t timeout;
	int error = 0;

	while (error == 0 && !input_enough(tp, want, &timeout)) {
		if (fp->f_flags & O_NONBLOCK) {
			if (!LFLAG(tp, ICANON) && tp->t_qin != tp->t_qout)
				return 0;
			return EAGAIN;
		}
		error = rwsleep(&tp->t_qin, &tp->t_lock, PZERO | PCATCH,
		    "ttyread", timeout);
		if (error == EWOULDBLOCK)
			return 0;
	}
	return error;
}

static int
tty_read(struct file *fp, struct uio *uio, int flags)
{
	struct tty *tp = &tty0;
	int error = background_check(tp, uio->uio_procp, SIGTTIN);

	if (error || uio->uio_resid == 0)
		return error;
	rw_enter_write(&tp->t_lock);
	error = read_wait(tp, fp, uio->uio_resid);
	if (error == 0)
		error = queue_read(tp, uio);
	rw_exit(&tp->t_lock);
	return error;
}

/* => output may go on; EAGAIN, EINTR, ERESTART */
static int
write_wait(struct tty *tp, struct file *fp)
{
	int error = 0;

	rw_enter_read(&tp->t_lock);
	while (tp->t_stopped && error == 0) {
		if (fp->f_flags & O_NONBLOCK)
			error = EAGAIN;
		else
			error = rwsleep(&tp->t_stopped, &tp->t_lock,
			    PZERO | PCATCH, "ttystop", INFSLP);
	}
	rw_exit(&tp->t_lock);
	return error;
}

static int
tty_write(struct file *fp, struct uio *uio, int flags)
{
	struct tty *tp = &tty0;
	size_t n, before;
	char buf[256];
	int error = 0;

	if (LFLAG(tp, TOSTOP))
		error = background_check(tp, uio->uio_procp, SIGTTOU);
	while (error == 0 && uio->uio_resid > 0) {
		error = write_wait(tp, fp);
		if (error)
			break;
		before = uio->uio_resid;
		n = MIN(before, sizeof(buf));
		error = uiomove(buf, n, uio);
		tty_output(tp, buf, before - uio->uio_resid);
		/* ^C ends a long write, not only what comes after it */
		if (error == 0 && uio->uio_resid > 0)
			error = sig_sleep_result(uio->uio_procp);
	}
	return error;
}

static int
tty_poll(struct file *fp, int events, struct pollwait *pw)
{
	struct tty *tp = &tty0;
	const uint8_t *cc = tp->t_termios.c_cc;
	u_int have, min;
	int revents = 0;

	selrecord(pw, &tp->t_sel);
	rw_enter_read(&tp->t_lock);
	have = tp->t_qin - tp->t_qout;
	min = cc[VTIME] == 0 ? MAX(cc[VMIN], 1) : 1;
	if (LFLAG(tp, ICANON) ? tp->t_nends > 0 : have >= min)
		revents |= POLLIN | POLLRDNORM;
	if (!tp->t_stopped)
		revents |= POLLOUT | POLLWRNORM;
	rw_exit(&tp->t_lock);
	return revents & events;
}

/* => characters a read could get, without the ends of file among them */
static int
input_count(struct tty *tp)
{
	int n = 0;

	rw_enter_read(&tp->t_lock);
	if (!LFLAG(tp, ICANON) || tp->t_nends > 0)
		for (u_int i = tp->t_qout; i != tp->t_qin; i++)
			n += (tp->t_queue[i % TTY_QUEUE] & Q_EOF) == 0;
	rw_exit(&tp->t_lock);
	return n;
}

static int
set_termios(struct tty *tp, uint64_t arg, bool flush)
{
	struct termios t;
	int error = copyin((void *)arg, &t, sizeof(t));

	if (error)
		return error;
	rw_enter_write(&tp->t_lock);
	if (flush)
		flush_input(tp);
	if ((tp->t_termios.c_lflag ^ t.c_lflag) & ICANON)
		change_canonical(tp, (t.c_lflag & ICANON) != 0);
	tp->t_termios = t;
	if (!(t.c_iflag & IXON))
		set_stopped(tp, false);
	/* a read that waits may be content with less now */
	input_ready(tp);
	rw_exit(&tp->t_lock);
	return 0;
}

static int
set_winsize(struct tty *tp, uint64_t arg)
{
	struct winsize ws;
	int error = copyin((void *)arg, &ws, sizeof(ws));
	bool changed;

	if (error)
		return error;
	rw_enter_write(&tp->t_lock);
	changed = memcmp(&ws, &tp->t_winsize, sizeof(ws)) != 0;
	tp->t_winsize = ws;
	rw_exit(&tp->t_lock);
	if (changed)
		foreground_signal(tp, SIGWINCH);
	return 0;
}

/* Out of the terminal's memory, which may change meanwhile. */
static int
get_locked(struct tty *tp, const void *from, size_t size, uint64_t arg)
{
	char buf[sizeof(struct termios)];

	KASSERT(size <= sizeof(buf));
	rw_enter_read(&tp->t_lock);
	memcpy(buf, from, size);
	rw_exit(&tp->t_lock);
	return copyout(buf, (void *)arg, size);
}

/* A character as if it had been typed. */
static int
simulate_input(struct tty *tp, uint64_t arg)
{
	uint8_t c;
	int error = copyin((void *)arg, &c, 1);

	if (error == 0)
		tty_input(tp, c);
	return error;
}

static int
flow_control(struct tty *tp, uint64_t how)
{
	if (how > 3)
		return EINVAL;
	if (how < 2) { /* 2 and 3 are for the other side, which has no ear */
		rw_enter_write(&tp->t_lock);
		set_stopped(tp, how == 0);
		rw_exit(&tp->t_lock);
	}
	return 0;
}

static int
flush_queues(struct tty *tp, uint64_t which)
{
	if (which > 2)
		return EINVAL;
	if (which != 1) { /* output is with the device already */
		rw_enter_write(&tp->t_lock);
		flush_input(tp);
		rw_exit(&tp->t_lock);
	}
	return 0;
}

/* What is not for a background process: SIGTTOU stops it. */
static int
ioctl_change(struct tty *tp, u_long cmd, uint64_t arg, struct proc *p)
{
	int error = background_check(tp, p, SIGTTOU);

	if (error)
		return error;
	switch (cmd) {
	case TCXONC:
		return flow_control(tp, arg);
	case TCFLSH:
		return flush_queues(tp, arg);
	case TCSBRK: /* output is sent as it is written: drained already */
	case TCSBRKP:
		return 0;
	default:
		return set_termios(tp, arg, cmd == TCSETSF);
	}
}

static int
ioctl_session(struct tty *tp, u_long cmd, uint64_t arg, struct proc *p)
{
	pid_t pgid, sid;
	int error;

	switch (cmd) {
	case TIOCGPGRP:
		error = get_foreground(tp, p, &pgid, &sid);
		return error ? error
			     : copyout(&pgid, (void *)arg, sizeof(pgid));
	case TIOCGSID:
		error = get_foreground(tp, p, &pgid, &sid);
		return error ? error : copyout(&sid, (void *)arg, sizeof(sid));
	case TIOCSPGRP:
		error = copyin((void *)arg, &pgid, sizeof(pgid));
		return error ? error : set_foreground(tp, p, pgid);
	case TIOCSCTTY:
		return take_controlling(tp, p, arg == 1);
	default:
		return give_up_controlling(tp, p);
	}
}

static int
tty_ioctl(struct file *fp, u_long cmd, uint64_t arg, struct proc *p)
{
	struct tty *tp = &tty0;
	int n;

	switch (cmd) {
	case TCGETS:
		return get_locked(
		    tp, &tp->t_termios, sizeof(struct termios), arg);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCXONC:
	case TCFLSH:
	case TCSBRK:
	case TCSBRKP:
		return ioctl_change(tp, cmd, arg, p);
	case TIOCGWINSZ:
		return get_locked(
		    tp, &tp->t_winsize, sizeof(struct winsize), arg);
	case TIOCSWINSZ:
		return set_winsize(tp, arg);
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID:
	case TIOCSCTTY:
	case TIOCNOTTY:
		return ioctl_session(tp, cmd, arg, p);
	case TIOCSTI:
		return simulate_input(tp, arg);
	case FIONREAD:
		n = input_count(tp);
		return copyout(&n, (void *)arg, sizeof(n));
	case TIOCOUTQ:
		n = 0;
		return copyout(&n, (void *)arg, sizeof(n));
	default:
		return ENOTTY;
	}
}

static void
tty_close(struct file *fp)
{
}

const struct fileops tty_fileops = {
	.fo_read = tty_read,
	.fo_write = tty_write,
	.fo_ioctl = tty_ioctl,
	.fo_poll = tty_poll,
	.fo_stat = vn_fo_stat,
	.fo_close = tty_close,
};

void
tty_init(void)
{
	struct tty *tp = &tty0;

	rw_init(&tp->t_lock, LR_TTY, "tty");
	mtx_init(&tp->t_ringmtx, LR_MISC, "ttyring");
	selinfo_init(&tp->t_sel);
	tp->t_termios = (struct termios){
		.c_iflag = ICRNL | IXON,
		/* framed output is the program's, byte for byte */
		.c_oflag = cons_framed ? 0 : OPOST | ONLCR,
		.c_cflag = B115200 | CS8 | CREAD | HUPCL,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL |
		    ECHOKE | IEXTEN,
		.c_cc = { [VINTR] = CTRL('C'),
		    [VQUIT] = CTRL('\\'),
		    [VERASE] = 127,
		    [VKILL] = CTRL('U'),
		    [VEOF] = CTRL('D'),
		    [VMIN] = 1,
		    [VSTART] = CTRL('Q'),
		    [VSTOP] = CTRL('S'),
		    [VSUSP] = CTRL('Z'),
		    [VREPRINT] = CTRL('R'),
		    [VDISCARD] = CTRL('O'),
		    [VWERASE] = CTRL('W'),
		    [VLNEXT] = CTRL('V') },
	};
	tp->t_winsize = (struct winsize){ 24, 80, 0, 0 };
	if (kthread_create(tty_thread, tp, NULL, "tty") != 0)
		panic("tty_init: no memory for the input thread");
	cons_set_input(tty_rint);
}
