/* A process's open files and directories: what fork, exec and exit use. */
#ifndef _SYS_FILEDESC_H_
#define _SYS_FILEDESC_H_

#include <sys/types.h>

struct filedesc;
struct proc;

/* => empty table, root and current directory at the root vnode */
struct filedesc *fd_create(void);
/* => copy (fork), descriptors share the open files; NULL: no memory */
struct filedesc *fd_copy(struct filedesc *fdp);
/* => one more user of the same table (CLONE_FILES) */
struct filedesc *fd_share(struct filedesc *fdp);
/* => drops a user; the last one closes everything; may sleep */
void fd_free(struct filedesc *fdp);
/*
 * Somebody looks at the table of a process, whose ps_lock is held, and is no
 * user of it: for the process it stays a table of its own.
 * => once it is closed there is nothing in it any more
 */
struct filedesc *fd_watch(struct filedesc *fdp);
void fd_unwatch(struct filedesc *fdp);
/* => exec: a table of its own, close-on-exec descriptors closed; or errno */
int fd_exec(struct proc *p);
/* => open files in the system: the leak oracle of the tests */
long fd_open_files(void);

#endif
