/*
 * spool_scan - finds what is in the queue, and removes what dead writers left
 *
 * Runs in:  deliver; one pool job at a time for each part
 * Owns:     left-over files of queue/new and drop, notes without message, foreign files in buckets; old ids
 *           of messages that are gone
 * Promise:  a message that was placed before the scan began is reported; an unchanged bucket costs one stat
 * Fails by: -1 and errno; one bad name is skipped
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/spool/spool.h"
#include "common/spool/spool_gone.h"
#include "common/spool/spool_private.h"

/* the mtime of a folder is coarse: one that changed this lately is read again next time */
#define FRESH_SECONDS 3

struct scan {
	struct spool *s;
	unsigned part, parts;		/* the buckets whose number leaves `part` */
	void (*each)(void *arg, const struct spool_entry *entry);
	void *arg;
	ssize_t told;
};

/* A folder stream of its own offset; NULL and errno. */
static DIR *
open_stream(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd != -1)
		close(fd);
	return dir;
}

static bool
is_note(const char *name, char *id)
{
	if (strlen(name) != MESSAGE_ID_LEN + 5 || strcmp(name + MESSAGE_ID_LEN, ".note") != 0)
		return false;
	memcpy(id, name, MESSAGE_ID_LEN);
	id[MESSAGE_ID_LEN] = '\0';
	return message_id_is_valid(id);
}

/* A foreign file: to badmail under its own words. A folder is left alone. */
static void
put_foreign_away(struct spool *s, int folder, const char *name)
{
	struct stat st;
	char id[MESSAGE_ID_SIZE], to[SPOOL_NAME_SIZE];

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || S_ISDIR(st.st_mode))
		return;
	spool_fresh_id(id);
	snprintf(to, sizeof(to), "%s.foreign", id);
	spool_badmail_trim_lock(s);
	if (spool_badmail_write(s, id, NULL, "a foreign file in the queue folder", name, -1, 0,
	    st.st_size) == 0 && spool_badmail_take(s, folder, name, to) == -1)
		spool_badmail_remove_words(s, id);
	spool_badmail_trim_unlock(s);
}

static void
scan_message(struct scan *c, int folder, unsigned bucket, const char *id)
{
	struct stat st;
	struct spool_entry entry;

	if (fstatat(folder, id, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return; /* delivered meanwhile */
	if (spool_bucket_of(id) != bucket && spool_bucket_put(c->s, folder, id, id) == -1)
		return;
	memcpy(entry.id, id, MESSAGE_ID_SIZE);
	entry.due = st.st_mtim.tv_sec;
	entry.held = (st.st_mode & SPOOL_HELD) != 0;
	c->each(c->arg, &entry);
	c->told++;
}

static int
scan_bucket(struct scan *c, unsigned bucket, const char *bucket_name)
{
	DIR *dir = open_stream(c->s->queue, bucket_name);
	int64_t now = clock_wall_us() / 1000000;
	struct dirent *de;

	if (dir == NULL)
		return -1;
	while ((de = readdir(dir)) != NULL) {
		char id[MESSAGE_ID_SIZE];

		if (strlen(de->d_name) == MESSAGE_ID_LEN && message_id_is_valid(de->d_name))
			scan_message(c, dirfd(dir), bucket, de->d_name);
		else if (is_note(de->d_name, id)) {
			if (faccessat(dirfd(dir), id, F_OK, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT)
				unlinkat(dirfd(dir), de->d_name, 0);
		} else if (de->d_name[0] != '.' && !spool_gone_sweep(dirfd(dir), de->d_name, now))
			put_foreign_away(c->s, dirfd(dir), de->d_name);
	}
	closedir(dir);
	return 0;
}

/* Removes TAG.* when TAG.lock is not locked any more, and its parts of drop files. */
static void
sweep_tag(struct spool *s, const char *lock_name)
{
	int fd = openat(s->fresh, lock_name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		DIR *dir = open_stream(s->fresh, ".");
		struct dirent *de;

		spool_drop_sweep_tag(s, lock_name);	/* before the lock goes, by which they are found */
		while (dir != NULL && (de = readdir(dir)) != NULL)
			if (strncmp(de->d_name, lock_name, SPOOL_TAG_LEN + 1) == 0)
				unlinkat(s->fresh, de->d_name, 0);
		if (dir != NULL)
			closedir(dir);
	}
	close(fd);
}

/* A draft whose TAG.lock is gone has no writer either. */
static void
sweep_stray(struct spool *s, const char *name)
{
	char lock_name[SPOOL_NAME_SIZE];

	snprintf(lock_name, sizeof(lock_name), "%.*s.lock", SPOOL_TAG_LEN, name);
	if (strlen(name) == SPOOL_TAG_LEN + 1 + MESSAGE_ID_LEN && name[SPOOL_TAG_LEN] == '.' &&
	    faccessat(s->fresh, lock_name, F_OK, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT)
		unlinkat(s->fresh, name, 0);
}

static void
sweep_fresh(struct spool *s)
{
	DIR *dir = open_stream(s->fresh, ".");
	struct dirent *de;

	while (dir != NULL && (de = readdir(dir)) != NULL) {
		size_t len = strlen(de->d_name);

		if (len == SPOOL_TAG_LEN + 5 && strcmp(de->d_name + SPOOL_TAG_LEN, ".lock") == 0)
			sweep_tag(s, de->d_name);
		else if (de->d_name[0] != '.')
			sweep_stray(s, de->d_name);
	}
	if (dir != NULL)
		closedir(dir);
}

static bool
is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int
scan_if_changed(struct scan *c, bool all, const char *name)
{
	struct stat st;
	char *end;
	unsigned long bucket = strtoul(name, &end, 16);
	bool quiet;
	int rc;

	if (strlen(name) != 3 || *end != '\0' || bucket >= SPOOL_BUCKETS || bucket % c->parts != c->part)
		return 0;
	if (fstatat(c->s->queue, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode) || (!all && is_same_time(&st.st_mtim, &c->s->seen[bucket])))
		return 0;
	quiet = st.st_mtim.tv_sec + FRESH_SECONDS < clock_wall_us() / 1000000;
	rc = scan_bucket(c, (unsigned)bucket, name);
	c->s->seen[bucket] = rc == 0 && quiet ? st.st_mtim : (struct timespec){ 0 };
	return rc;
}

ssize_t
spool_scan(struct spool *s, bool all, void (*each)(void *arg, const struct spool_entry *entry), void *arg)
{
	return spool_scan_part(s, all, 0, 1, each, arg);
}

ssize_t
spool_scan_part(struct spool *s, bool all, unsigned part, unsigned parts,
    void (*each)(void *arg, const struct spool_entry *entry), void *arg)
{
	struct scan c = { .s = s, .part = part, .parts = parts, .each = each, .arg = arg };
	DIR *dir = spool_folder_is_ours(s) ? open_stream(s->queue, ".") : NULL;
	int saved, rc;
	struct dirent *de;

	if (dir == NULL)
		return -1;
	rc = 0;
	if (part == 0)
		sweep_fresh(s);
	while ((de = readdir(dir)) != NULL)
		if (scan_if_changed(&c, all, de->d_name) == -1 && errno != ENOENT)
			rc = -1;
	saved = errno;
	closedir(dir);
	errno = saved;
	return rc == -1 ? -1 : c.told;
}
