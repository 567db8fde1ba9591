/*
 * mount: attach file systems, and say which there are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "box.h"

/* Words of -o that are flags; the rest is the file system's. */
static const struct {
	const char *name;
	unsigned long set, clear;
} flag_words[] = {
	{ "ro", MS_RDONLY, 0 },
	{ "rw", 0, MS_RDONLY },
	{ "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nodev", MS_NODEV, 0 },
	{ "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "dirsync", MS_DIRSYNC, 0 },
	{ "noatime", MS_NOATIME, 0 },
	{ "atime", 0, MS_NOATIME },
	{ "relatime", 0, MS_NOATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "remount", MS_REMOUNT, 0 },
	{ "defaults", 0, 0 },
};

struct request {
	const char *type;
	unsigned long flags;
	char *data; /* options that are no flags, or NULL */
};

static void
add_data(struct request *rq, const char *word)
{
	size_t old = rq->data != NULL ? strlen(rq->data) : 0;

	rq->data = xrealloc(rq->data, old + strlen(word) + 2);
	sprintf(rq->data + old, "%s%s", old > 0 ? "," : "", word);
}

static void
add_option(struct request *rq, const char *word)
{
	for (size_t i = 0; i < sizeof(flag_words) / sizeof(flag_words[0]); i++)
		if (strcmp(word, flag_words[i].name) == 0) {
			rq->flags &= ~flag_words[i].clear;
			rq->flags |= flag_words[i].set;
			return;
		}
	add_data(rq, word);
}

static void
add_options(struct request *rq, const char *list)
{
	char *copy = xstrdup(list), *save = NULL;

	for (char *word = strtok_r(copy, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save))
		add_option(rq, word);
	free(copy);
}

/* "device directory type options 0 0" of each mount, as people read it. */
static int
show_mounts(const char *type)
{
	char line[1024], dev[256], dir[256], fs[32], opts[256];
	FILE *f = fopen("/proc/self/mounts", "r");

	if (f == NULL) {
		complain("/proc/self/mounts");
		return 1;
	}
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%255s %255s %31s %255s", dev, dir, fs,
			opts) == 4 &&
		    (type == NULL || strcmp(type, fs) == 0))
			printf("%s on %s type %s (%s)\n", dev, dir, fs, opts);
	fclose(f);
	return 0;
}

/* A type nobody named is any that takes the device. */
static int
mount_any(const char *dev, const char *dir, const struct request *rq)
{
	char line[64], *name;
	FILE *f = fopen("/proc/filesystems", "r");
	int rv = -1;

	errno = ENODEV;
	if (f == NULL)
		return -1;
	while (rv != 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "nodev", 5) == 0)
			continue;
		name = line + strspn(line, "\t ");
		name[strcspn(name, "\n")] = '\0';
		rv = mount(dev, dir, name, rq->flags, rq->data);
		if (rv != 0 && errno != EINVAL)
			break;
	}
	fclose(f);
	return rv;
}

static int
do_mount(const char *dev, const char *dir, struct request *rq)
{
	int rv;

	if (rq->type == NULL && (rq->flags & MS_REMOUNT) == 0)
		rv = mount_any(dev, dir, rq);
	else
		rv = mount(dev, dir, rq->type, rq->flags, rq->data);
	/* a disk that cannot be written is mounted to be read */
	if (rv != 0 && errno == EACCES && (rq->flags & MS_RDONLY) == 0) {
		rq->flags |= MS_RDONLY;
		complainx("%s: is write-protected, mounting read-only", dev);
		return do_mount(dev, dir, rq);
	}
	if (rv != 0)
		complain("%s on %s", dev, dir);
	return rv != 0;
}

int
mount_main(int argc, char **argv)
{
	struct request rq = { NULL, 0, NULL };
	int opt, status;

	while ((opt = getopt(argc, argv, "rt:o:")) != -1) {
		if (opt == 'r')
			rq.flags |= MS_RDONLY;
		else if (opt == 't')
			rq.type = optarg;
		else if (opt == 'o')
			add_options(&rq, optarg);
		else
			usage();
	}
	if (optind == argc && rq.flags == 0 && rq.data == NULL)
		status = show_mounts(rq.type);
	else if (optind == argc - 1 && (rq.flags & MS_REMOUNT))
		status = do_mount("none", argv[optind], &rq);
	else if (optind == argc - 2)
		status = do_mount(argv[optind], argv[optind + 1], &rq);
	else
		usage();
	free(rq.data);
	return status;
}
