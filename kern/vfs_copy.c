/*
 * Calls that move data from one open file to another: sendfile,
 * copy_file_range, splice.
 *
 * Through a buffer, as everything a file can be knows how to read and to write
 * and no more.  What was read and cannot be written is taken back where there
 * is a place to go back to; from a pipe no more is read than may be written.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/vnode.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_pager.h>
#include <uvm/uvm_vnode.h>

#define COPY_BUF 65536UL
#define IO_MAX   0x7ffff000UL

/* One side; all members belong to the thread. */
struct side {
	struct file *s_file; /* [thread] referenced */
	uint64_t s_uoff; /* [thread] where the program keeps the offset, or 0 */
	off_t s_off; /* [thread] the offset, if it does */
};

static int
side_get(struct proc *p, int fd, uint64_t uoff, int mode, struct side *s)
{
	int error = 0;

	s->s_uoff = uoff;
	s->s_off = 0;
	if (uoff != 0)
		error = copyin((void *)uoff, &s->s_off, sizeof(s->s_off));
	if (error)
		return error;
	s->s_file = fd_getfile(p, fd);
	if (s->s_file == NULL)
		return EBADF;
	if ((s->s_file->f_mode & mode) == 0)
		error = EBADF;
	else if (uoff != 0 && (s->s_file->f_mode & FM_SEEK) == 0)
		error = ESPIPE;
	else if (s->s_off < 0)
		error = EINVAL;
	if (error)
		file_rele(s->s_file);
	return error;
}

/* => 0: both are to be given up (see copy_both()) */
static int
sides_get(struct proc *p, int fromfd, uint64_t fromoff, struct side *from,
    int tofd, uint64_t tooff, struct side *to)
{
	int error = side_get(p, fromfd, fromoff, FM_READ, from);

	if (error)
		return error;
	error = side_get(p, tofd, tooff, FM_WRITE, to);
	if (error)
		file_rele(from->s_file);
	return error;
}

/* => the program's offset, if it has one, is where we got to */
static int
side_put(struct side *s, int error)
{
	if (s->s_uoff != 0 &&
	    copyout(&s->s_off, (void *)s->s_uoff, sizeof(s->s_off)) != 0)
		error = EFAULT;
	file_rele(s->s_file);
	return error;
}

/* => *np bytes were moved */
static int
side_io(struct proc *p, struct side *s, enum uio_rw rw, char *buf, size_t *np)
{
	struct iovec iov = { buf, *np };
	struct uio uio = { &iov, 1, s->s_off, *np, UIO_SYSSPACE, rw, p, 0 };
	int flags = s->s_uoff != 0 ? FOF_OFFSET : 0, error;

	if (rw == UIO_READ)
		error = s->s_file->f_ops->fo_read(s->s_file, &uio, flags);
	else
		error = s->s_file->f_ops->fo_write(s->s_file, &uio, flags);
	*np -= uio.uio_resid;
	s->s_off += (off_t)*np;
	return error;
}

/* What was read and not written is as if not read. */
static void
side_back(struct side *s, size_t n)
{
	struct file *fp = s->s_file;

	s->s_off -= (off_t)n;
	if (s->s_uoff != 0 || (fp->f_mode & FM_SEEK) == 0)
		return;
	rw_enter_write(&fp->f_lock);
	fp->f_offset -= (off_t)n;
	rw_exit(&fp->f_lock);
}

/* => bytes moved in *done; an error only if there were none */
static int
copy_sides(struct proc *p, struct side *from, struct side *to, size_t len,
    size_t *done)
{
	char *buf = kmem_alloc(COPY_BUF, PR_WAITOK);
	size_t got, put;
	int error = 0;

	*done = 0;
	while (*done < len && error == 0) {
		got = MIN(len - *done, COPY_BUF);
		error = side_io(p, from, UIO_READ, buf, &got);
		if (got == 0)
			break;
		put = got;
		error = side_io(p, to, UIO_WRITE, buf, &put);
		*done += put;
		if (put < got)
			side_back(from, got - put);
		/* a pipe, a terminal: what there is now, no more */
		if (put < got || got < MIN(len - *done + got, COPY_BUF))
			break;
		if (error == 0 && (sig_killed(p) || thread_must_exit(p)))
			break;
	}
	kmem_free(buf, COPY_BUF);
	if (error == EPIPE)
		ptsignal(p, SIGPIPE, NULL);
	return *done > 0 ? 0 : error;
}

/* => as the system calls, both sides given up */
static int
copy_both(struct proc *p, struct side *from, struct side *to, uint64_t len,
    int error, int64_t *ret)
{
	size_t done = 0;

	if (error == 0)
		error = copy_sides(p, from, to, MIN(len, IO_MAX), &done);
	error = side_put(to, error);
	error = side_put(from, error);
	*ret = (int64_t)done;
	return error;
}

static bool
is_pipe(const struct file *fp)
{
	return fp->f_vnode == NULL || fp->f_vnode->v_type == VFIFO;
}

static bool
is_regular(const struct file *fp)
{
	return fp->f_vnode != NULL && fp->f_vnode->v_type == VREG;
}

int
sys_sendfile(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct side from, to;
	int error = sides_get(p, (int)a[1], a[2], &from, (int)a[0], 0, &to);

	if (error)
		return error;
	if ((from.s_file->f_mode & FM_SEEK) == 0 ||
	    (from.s_file->f_vnode != NULL &&
		from.s_file->f_vnode->v_type == VDIR) ||
	    (to.s_file->f_flags & O_APPEND))
		error = EINVAL;
	return copy_both(p, &from, &to, a[3], error, ret);
}

/* => do the two ranges of one file overlap? */
static bool
overlap(const struct side *from, const struct side *to, uint64_t len)
{
	off_t f = from->s_uoff ? from->s_off : from->s_file->f_offset;
	off_t t = to->s_uoff ? to->s_off : to->s_file->f_offset;

	return from->s_file->f_vnode == to->s_file->f_vnode &&
	    (uint64_t)(f > t ? f - t : t - f) < len;
}

static int
range_check(const struct side *from, const struct side *to, uint64_t len)
{
	const struct file *f = from->s_file, *t = to->s_file;

	if ((f->f_vnode != NULL && f->f_vnode->v_type == VDIR) ||
	    (t->f_vnode != NULL && t->f_vnode->v_type == VDIR))
		return EISDIR;
	if (!is_regular(f) || !is_regular(t))
		return EINVAL;
	if (t->f_flags & O_APPEND)
		return EBADF;
	return overlap(from, to, len) ? EINVAL : 0;
}

int
sys_copy_file_range(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct side from, to;
	int error;

	if (a[5] != 0)
		return EINVAL;
	error = sides_get(p, (int)a[0], a[1], &from, (int)a[2], a[3], &to);
	if (error)
		return error;
	error = range_check(&from, &to, MIN(a[4], IO_MAX));
	return copy_both(p, &from, &to, a[4], error, ret);
}

#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_ALL      0xf /* MOVE, NONBLOCK, MORE, GIFT */
#define SPLICE_MAX        4096UL /* what any pipe takes at once */
#define SPLICE_POLL       10000000UL /* ns */

/*
 * What is read from a pipe cannot be put back: when the other side is one too,
 * there is room before.
 * => EAGAIN, EPIPE, EINTR, ERESTART
 */
static int
wait_for_room(struct proc *p, struct file *fp, bool nonblock)
{
	int revents, error;

	nonblock |= (fp->f_flags & O_NONBLOCK) != 0;
	for (;;) {
		revents = fp->f_ops->fo_poll(fp, POLLOUT | POLLERR, NULL);
		if (revents & POLLERR) {
			ptsignal(p, SIGPIPE, NULL);
			return EPIPE;
		}
		if (revents & POLLOUT)
			return 0;
		if (nonblock)
			return EAGAIN;
		error = tsleep(&fp, PWAIT | PCATCH, "splice", SPLICE_POLL);
		if (error != 0 && error != EWOULDBLOCK)
			return error;
	}
}

/* => is one of them a pipe, and not both the same? */
static int
splice_check(const struct side *from, const struct side *to)
{
	const struct file *f = from->s_file, *t = to->s_file;

	if (!is_pipe(f) && !is_pipe(t))
		return EINVAL;
	if (is_pipe(f) && is_pipe(t) &&
	    (f->f_vnode != NULL ? f->f_vnode == t->f_vnode
				: f->f_data == t->f_data))
		return EINVAL;
	return t->f_flags & O_APPEND ? EINVAL : 0;
}

/*
 * => nonblock: there is something to be read, and room for SPLICE_MAX bytes;
 *    else, between pipes, the room is waited for
 */
static int
splice_ready(struct proc *p, const struct side *from, const struct side *to,
    bool nonblock)
{
	struct file *f = from->s_file, *t = to->s_file;

	if (is_pipe(f) && nonblock &&
	    !f->f_ops->fo_poll(f, POLLIN | POLLHUP, NULL))
		return EAGAIN;
	return is_pipe(t) && (nonblock || is_pipe(f))
	    ? wait_for_room(p, t, nonblock)
	    : 0;
}

/*
 * Once something was moved nobody waits: whoever fills a pipe may be the one
 * who empties it.
 * => bytes moved in *done; an error only if there were none
 */
static int
splice_sides(struct proc *p, struct side *from, struct side *to, size_t len,
    bool nonblock, size_t *done)
{
	size_t got = 0;
	int error;

	*done = 0;
	do {
		error = splice_ready(p, from, to, nonblock || *done > 0);
		if (error == 0)
			error = copy_sides(
			    p, from, to, MIN(len - *done, SPLICE_MAX), &got);
		if (error)
			break;
		*done += got;
	} while (got > 0 && *done < len);
	return *done > 0 ? 0 : error;
}

int
sys_splice(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct side from, to;
	size_t done = 0;
	int error;

	if (a[5] & ~(uint64_t)SPLICE_F_ALL)
		return EINVAL;
	error = sides_get(p, (int)a[0], a[1], &from, (int)a[2], a[3], &to);
	if (error)
		return error;
	error = splice_check(&from, &to);
	if (error == 0)
		error = splice_sides(p, &from, &to, MIN(a[4], IO_MAX),
		    (a[5] & SPLICE_F_NONBLOCK) != 0, &done);
	error = side_put(&to, error);
	error = side_put(&from, error);
	*ret = (int64_t)done;
	return error;
}

/* => what is not used any more goes: dirty pages are written first, later */
static void
forget_pages(struct uvm_object *uobj, off_t off, off_t end)
{
	voff_t start = (voff_t)round_page((size_t)off);
	voff_t stop = (voff_t)trunc_page((size_t)end);

	if (start >= stop)
		return;
	rw_enter_write(&uobj->uo_lock);
	(void)uobj->pgops->pgo_flush(uobj, start, stop, PGO_CLEANIT | PGO_FREE);
	rw_exit(&uobj->uo_lock);
}

/* => WILLNEED and DONTNEED, where the pages are those of a file on a disk */
static void
advise_pages(struct vnode *vp, off_t off, off_t end, int advice)
{
	struct uvm_object *uobj;

	if (vp->v_type != VREG || vp->v_op->vop_uobj == NULL ||
	    vp->v_op->vop_uobj(vp, &uobj) != 0)
		return;
	if (UVM_OBJ_IS_VNODE(uobj) && advice == POSIX_FADV_WILLNEED)
		uvn_fetch(uobj, (voff_t)trunc_page((size_t)off), (voff_t)end);
	else if (UVM_OBJ_IS_VNODE(uobj) && !MUTANT(FADVISE_KEEPS))
		forget_pages(uobj, off, end);
	uobj->pgops->pgo_detach(uobj);
}

/*
 * posix_fadvise(fd, off, len, advice): how the open file will be read, which
 * pages will be, and which will not.  It waits for none of them.
 * => EBADF, EINVAL; ESPIPE: no file
 */
int
sys_fadvise64(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	off_t off = (off_t)a[1], len = (off_t)a[2], end = UVN_MAXOFF;
	int advice = (int)a[3], error = 0;

	if (fp == NULL)
		return EBADF;
	if (len > 0 && off >= 0 && off < UVN_MAXOFF - len)
		end = off + len;
	if (fp->f_vnode == NULL || fp->f_vnode->v_type == VFIFO)
		error = ESPIPE;
	else if (len < 0 || advice < 0 || advice > POSIX_FADV_NOREUSE)
		error = EINVAL;
	else if (advice <= MADV_SEQUENTIAL)
		atomic_store(&fp->f_advice, advice);
	else if (advice != POSIX_FADV_NOREUSE && off >= 0)
		advise_pages(fp->f_vnode, off, end, advice);
	file_rele(fp);
	return error;
}
