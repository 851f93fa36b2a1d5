/* commit_way - whether one commit of the journal is enough for a batch of files, by their file system */
#ifndef COMMON_SPOOL_COMMIT_WAY_H
#define COMMON_SPOOL_COMMIT_WAY_H

#include <stdbool.h>
#include <sys/types.h>

#define COMMIT_WAY_DISK 64

struct commit_way {
	bool batch;			/* else each file is synced for itself */
	dev_t device;			/* of the file system; files of another one are synced each */
	char disk[COMMIT_WAY_DISK];	/* for people: "ext4", "ext4 without a journal" */
};

/* Of the file system on which `path` is, or will be. May read /proc and /sys; not in a sandbox. */
void commit_way_find(struct commit_way *w, const char *path);

/* Pure: by /proc/fs/ext4/DEVICE/options, and whether the journal lies inside. *words: why not; NULL it is. */
bool commit_way_ext4(const char *options, bool journal_inside, const char **words);
/* Pure: by /proc/self/mountinfo, of the file system "MAJOR:MINOR". */
bool commit_way_xfs(const char *mounts, const char *device, const char **words);

#endif
