/*
 * What the applets of the box share.
 */
#ifndef BOX_H
#define BOX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct swapent;
struct uvmexp;

#define BOX_DECLARE(name, function, usage) \
	int function##_main(int argc, char **argv);
#define APPLET BOX_DECLARE
#include "applets.h"
#undef APPLET

/*
 * Print the usage line of the running applet on stderr.
 * => does not return; exits with 2
 */
void usage(void) __attribute__((noreturn));

/*
 * Run an applet inside this process; argv[0] must be its exact name.
 * => its exit status; usage() ends the applet, not the process
 */
int run_applet(int argc, char **argv);

/*
 * The name of the running applet.
 */
const char *applet_name(void);

/*
 * Print the applet's name, a message, and what errno means on stderr; the
 * variant with x leaves errno out.
 * => errno is kept
 */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void complainx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Memory that is there: like malloc, realloc, strdup.
 * => the caller frees the result; ends the program when there is no memory
 */
void *xmalloc(size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);

/*
 * Join directory and name with a slash.
 * => the caller frees the result
 */
char *path_join(const char *dir, const char *name);

/*
 * The part of a path behind the last slash; trailing slashes are cut off.
 * => points into path, which is changed
 */
char *path_base(char *path);

/*
 * Is it a directory?  Follows symbolic links.
 */
int is_dir(const char *path);

/*
 * Write all bytes.
 * => 0, or -1 with errno
 */
int write_all(int fd, const void *data, size_t len);

/*
 * Copy the rest of one open file to another.
 * => 0; -1 and a message when reading or writing failed
 */
int copy_fd(int from, const char *from_name, int to, const char *to_name);

/*
 * Copy a file, or with recursive (1) a tree, in which links stay links.
 * Remove a tree.
 * => 0; -1 and a message when something failed
 */
int copy_tree(const char *from, const char *to, int recursive);
int remove_tree(const char *path, int force);

/*
 * Number with an optional suffix: b (512), K, M, G.
 * => bytes; a wrong number ends the program with the usage line
 */
uint64_t parse_size(const char *s);

/*
 * Seconds with an optional fraction.
 * => nanoseconds; a wrong number ends the program with the usage line
 */
uint64_t parse_seconds(const char *s);

/*
 * Unsigned decimal number that fills the string.
 * => 0 and the number, or -1
 */
int parse_ulong(const char *s, unsigned long *out);

/*
 * Sleep for that many nanoseconds, also when signals arrive.
 */
void sleep_ns(uint64_t ns);

/*
 * Read a system parameter.  The first fills a fixed structure; the second
 * allocates an array of whatever length it has now, which the caller frees.
 * => 0, or -1 and a message; bytes read, or -1 and a message
 */
int get_vm_param(int id, void *buf, size_t len);
ssize_t get_vm_array(const int *name, unsigned namelen, void **out);

/*
 * The counters of UVM.  Ends the program when the kernel has none.
 */
void get_uvmexp(struct uvmexp *out);

/*
 * The swap devices, in the order they are used.
 * => how many, *out of which the caller frees; -1 and a message
 */
int get_swaps(struct swapent **out);

/*
 * "2 days, 3:04" into buf.
 */
void format_uptime(char *buf, size_t len, uint64_t seconds);

/*
 * "-rwxr-xr-x", 11 bytes; "2026-11-27 06:03:15" in UTC, at least 20 bytes.
 */
void format_mode(char *text, mode_t mode);
void format_date(char *text, time_t when);

/*
 * Signal names: number of "INT", "SIGINT" or "2"; name of 2.
 * => -1 for no such signal; NULL for no such number
 */
int signal_number(const char *name);
const char *signal_name(int number);

#endif /* !BOX_H */
