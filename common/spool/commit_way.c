/*
 * commit_way - whether one commit of the journal is enough for a batch of files, by their file system
 *
 * Runs in:  master, metrics, web, listener, auth, filter, limits, deliver, resolver, directory, fetch, pickup
 * Owns:     nothing
 * Promise:  yes only for a file system of which the argument below was made, mounted in a way that it holds
 *           for; whatever is not known is no
 * Fails by: no
 */
#include "common/spool/commit_way.h"

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/base/word_list.h"

#define OPTIONS_MAX (16U << 10)
#define MOUNTS_MAX (1U << 20)
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/*
 * A batch is committed so: all files are written out by sync_file_range(2) and waited for; then all are
 * named; then the folder is synced. No file is synced for itself. Why all of it is on the medium then:
 *
 * 1. The data has reached the device. The call with its three flags writes every dirty page of the file,
 *    waits for those under way, and tells of errors since the file was opened. The device may still have it
 *    in a cache that is lost with the power.
 * 2. Size and places of the blocks are in the running transaction of the journal, or in one before it: a
 *    page counts as under way until they are. ext4 (page-io.c) ends its writeback in ext4_release_io_end(),
 *    after unwritten extents were converted; the size was set where the blocks were allocated
 *    (mpage_map_and_submit_extent). XFS (xfs_aops.c) ends it in iomap_finish_ioends(), after
 *    xfs_iomap_write_unwritten() or xfs_setfilesize() has committed to the log in memory. Delayed allocation
 *    is over by then: a page has to have blocks to be written. Mode and time of the file were set before, by
 *    transactions of their own.
 * 3. The name is given after that, so it is in the same transaction or a later one. Transactions reach the
 *    disk in their order: jbd2 commits one after the other, and a checkpoint of XFS has all that was logged
 *    before it, or follows on one that has.
 * 4. fsync(2) of the folder returns when the transaction of the names is on the medium, whoever began its
 *    commit. That sends REQ_PREFLUSH first: the device empties its cache, with all data that it had answered
 *    for (1). jbd2 does so with "barrier" in journal_submit_commit_record(), XFS by XLOG_ICL_NEED_FLUSH from
 *    the first record of each checkpoint on, and up to Linux 5.13 in all records. It is the journal's device
 *    that is told: so the journal has to lie inside the file system.
 *
 * With fast commits (a feature of ext4 that is asked for) the sync of a folder is a whole commit since Linux
 * 6.4; before, a fast one, which has all files and names of the transaction and flushes before its last
 * block. Not for data=journal and data=writeback, although 1 to 4 do not need ordered data: they are hardly
 * run. Not for a commit record that is written beside its blocks (journal_async_commit). An ext4 without a
 * journal (and ext2) writes no file for the sync of a folder. Btrfs logs by file. Others promise nothing.
 *
 * The options of a mount do not show what the superblock has as defaults, so ext4 is asked for what is in
 * force; without a view of /proc/fs that is not known. By the number of its device a bind mount is the file
 * system that it shows. One in use keeps its journal and its device, whatever it is mounted anew with.
 */

static const char unknown_words[] = "mounted in a way that is not known";

bool
commit_way_ext4(const char *options, bool journal_inside, const char **words)
{
	static const struct { const char *word, *why; bool wanted; } rows[] = {
		{ "data=ordered", "whose data is not ordered", true },
		{ "barrier", "without barriers", true },
		{ "nobarrier", "without barriers", false },
		{ "journal_async_commit", "with asynchronous commits", false },
	};

	*words = NULL;
	if (*options == '\0')
		*words = unknown_words;
	else if (!journal_inside)
		*words = "without a journal inside";
	for (size_t i = 0; i < nitems_of(rows) && *words == NULL; i++)
		if (word_list_has(options, "\n", rows[i].word) != rows[i].wanted)
			*words = rows[i].why;
	return *words == NULL;
}

/* The options of the file system in a line of mountinfo, see proc_pid_mountinfo(5); NULL: of another one. */
static const char *
options_of(const char *line, const char *device)
{
	char number[32] = "";
	const char *dash = strstr(line, " - "), *options;

	if (dash == NULL || sscanf(line, "%*s %*s %31s", number) != 1 || strcmp(number, device) != 0 ||
	    strncmp(dash, " - xfs ", 7) != 0)
		return NULL;
	options = strchr(dash + 7, ' ');
	return options != NULL ? options + 1 : NULL;
}

bool
commit_way_xfs(const char *mounts, const char *device, const char **words)
{
	static const char *const unwanted[] = {
		"logdev=", "rtdev=", "dax", "dax=", "nobarrier", "norecovery",
	};
	char *text = mem_strdup(mounts), *rest = text, *line;

	*words = unknown_words;
	while ((line = strsep(&rest, "\n")) != NULL) {
		const char *options = options_of(line, device);

		if (options == NULL)
			continue;
		*words = NULL;
		for (size_t i = 0; i < nitems_of(unwanted) && *words == NULL; i++)
			if (word_list_has(options, ",", unwanted[i]))
				*words = "whose log or data is elsewhere";
		if (*words != NULL)
			break;
	}
	free(text);
	return *words == NULL;
}

/* All of a file of /proc, to be freed; "" when it cannot be had, or has more than `most` bytes. */
static char *
read_proc(const char *path, size_t most)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = mem_zalloc(most + 1);

	if (fd != -1 && disk_pread(fd, text, most, 0) >= (ssize_t)most)
		*text = '\0';
	disk_close(fd);
	return text;
}

/* As the kernel calls it: the last part of where /sys leads. False: it is not there. */
static bool
name_device(dev_t device, char name[NAME_MAX + 1])
{
	char link[64], target[PATH_MAX], *slash;
	ssize_t n;

	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(device), minor(device));
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return slash != NULL && strlcpy(name, slash + 1, NAME_MAX + 1) <= NAME_MAX;
}

static bool
ask_ext4(dev_t device, const char **words)
{
	char name[NAME_MAX + 1], path[NAME_MAX + 64], *options;
	bool inside, yes;

	*words = unknown_words;
	if (!name_device(device, name))
		return false;
	snprintf(path, sizeof(path), "/proc/fs/jbd2/%s-8", name);	/* inode 8; another device has none */
	inside = access(path, F_OK) == 0;
	snprintf(path, sizeof(path), "/proc/fs/ext4/%s/options", name);
	options = read_proc(path, OPTIONS_MAX);
	yes = commit_way_ext4(options, inside, words);
	free(options);
	return yes;
}

static bool
ask_xfs(dev_t device, const char **words)
{
	char number[32], *mounts = read_proc("/proc/self/mountinfo", MOUNTS_MAX);
	bool yes;

	snprintf(number, sizeof(number), "%u:%u", major(device), minor(device));
	yes = commit_way_xfs(mounts, number, words);
	free(mounts);
	return yes;
}

/* The folder, or for one that is not there yet the one above it. -1 and errno. */
static int
open_place(const char *path)
{
	char *part = mem_strdup(path), *slash;
	int fd;

	while ((fd = open(*part != '\0' ? part : "/", O_PATH | O_CLOEXEC)) == -1 && errno == ENOENT &&
	    (slash = strrchr(part, '/')) != NULL)
		*slash = '\0';
	free(part);
	return fd;
}

static void
judge_place(struct commit_way *w, int fd)
{
	const char *name, *words = NULL;
	struct statfs fs;
	struct stat st;
	uint32_t kind;

	if (fstatfs(fd, &fs) == -1 || fstat(fd, &st) == -1)
		return;
	w->device = st.st_dev;
	kind = (uint32_t)fs.f_type;
	if (kind == EXT4_SUPER_MAGIC) {
		name = "ext4";
		w->batch = ask_ext4(w->device, &words);
	} else if (kind == XFS_SUPER_MAGIC) {
		name = "xfs";
		w->batch = ask_xfs(w->device, &words);
	} else if (kind == BTRFS_SUPER_MAGIC) {
		name = "btrfs";
	} else if ((name = disk_unfit_kind(kind, &words)) != NULL) {
		words = NULL;
	} else {
		name = "another file system";
	}
	snprintf(w->disk, sizeof(w->disk), "%s%s%s", name, words != NULL ? " " : "",
	    words != NULL ? words : "");
}

void
commit_way_find(struct commit_way *w, const char *path)
{
	int fd = open_place(path);

	*w = (struct commit_way){ .disk = "not known" };
	if (fd == -1)
		return;
	judge_place(w, fd);
	disk_close(fd);
}
