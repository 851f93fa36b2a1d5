/*
 * spool_bucket - the folders in the queue that messages lie in, by the time of their arrival
 *
 * Runs in:  posternctl, deliver, pickup; any thread
 * Owns:     the descriptor of the bucket that a message was last placed in, until another one follows
 * Promise:  a message is placed and its name is synced by one descriptor: a bucket that was removed and made
 *           anew meanwhile cannot be taken for the one that has the name
 * Fails by: -1 or NULL and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

struct spool_bucket {
	unsigned number;
	int fd;
	unsigned users;		/* with the lock of the spool; `kept` is one of them */
};

unsigned
spool_bucket_of(const char *id)
{
	return (unsigned)((uint64_t)message_id_time_us(id) >> 23) & (SPOOL_BUCKETS - 1);
}

void
spool_bucket_name(char *dst, unsigned number)
{
	snprintf(dst, SPOOL_NAME_SIZE, "%03x", number);
}

static int
open_bucket(const struct spool *s, unsigned number)
{
	char name[SPOOL_NAME_SIZE];

	spool_bucket_name(name, number);
	return openat(s->queue, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
make_bucket(const struct spool *s, unsigned number)
{
	char name[SPOOL_NAME_SIZE];

	spool_bucket_name(name, number);
	if (mkdirat(s->queue, name, 0700) == -1 && errno != EEXIST)
		return -1;
	return disk_sync_folder(s->queue);
}

int
spool_bucket_make(struct spool *s, const char *id)
{
	return make_bucket(s, spool_bucket_of(id));
}

/* With the lock. errno survives. */
static void
leave(struct spool_bucket *b)
{
	int saved = errno;

	if (b != NULL && --b->users == 0) {
		close(b->fd);
		free(b);
	}
	errno = saved;
}

/* The bucket, opened or kept; NULL and errno. */
static struct spool_bucket *
hold(struct spool *s, unsigned number)
{
	struct spool_bucket *b;

	pthread_mutex_lock(&s->lock);
	b = s->kept;
	if (b == NULL || b->number != number) {
		int fd = open_bucket(s, number);

		b = NULL;
		if (fd != -1) {
			leave(s->kept);
			b = s->kept = mem_new(struct spool_bucket);
			*b = (struct spool_bucket){ .number = number, .fd = fd, .users = 1 };
		}
	}
	if (b != NULL)
		b->users++;
	pthread_mutex_unlock(&s->lock);
	return b;
}

/* It may have been removed: the next one is opened by its name. */
static void
forget(struct spool *s)
{
	pthread_mutex_lock(&s->lock);
	leave(s->kept);
	s->kept = NULL;
	pthread_mutex_unlock(&s->lock);
}

void
spool_bucket_leave(struct spool *s, struct spool_bucket *b)
{
	pthread_mutex_lock(&s->lock);
	leave(b);
	pthread_mutex_unlock(&s->lock);
}

int
spool_bucket_sync(const struct spool_bucket *b)
{
	return disk_sync_folder(b->fd);
}

int
spool_bucket_sync_name(struct spool *s, const char *id)
{
	int fd = open_bucket(s, spool_bucket_of(id)), rc;

	if (fd == -1)
		return -1;
	rc = disk_sync_folder(fd);
	disk_close(fd);
	return rc;
}

/* Whether both names are of one file. errno survives. */
static bool
is_same_file(int a_folder, const char *a, int b_folder, const char *b)
{
	int saved = errno;
	struct stat x, y;
	bool same = fstatat(a_folder, a, &x, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fstatat(b_folder, b, &y, AT_SYMLINK_NOFOLLOW) == 0 && x.st_dev == y.st_dev &&
	    x.st_ino == y.st_ino;

	errno = saved;
	return same;
}

/*
 * Renames, never over another file. A file system without the flag (NFS) does it in two steps; when the
 * second one fails (-1) the file has both names: a message may be in two places, but is not lost. Either step
 * may have been made although its answer says that there was nothing to do: the first answer of the server
 * was lost, and NFS asked again. Believed, EEXIST would lose the message: callers take it for an earlier try.
 */
int
spool_bucket_rename(int from_folder, const char *from, int to_folder, const char *to)
{
	if (renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(from_folder, from, to_folder, to, 0) == -1 &&
	    (errno != EEXIST || !is_same_file(from_folder, from, to_folder, to)))
		return -1;
	return unlinkat(from_folder, from, 0) == -1 && errno != ENOENT ? -1 : 0;
}

struct spool_bucket *
spool_bucket_place(struct spool *s, int from_folder, const char *from, const char *id, int *error)
{
	unsigned number = spool_bucket_of(id);
	struct spool_bucket *b = hold(s, number);

	*error = b == NULL || spool_bucket_rename(from_folder, from, b->fd, id) == -1 ? errno : 0;
	if (*error != ENOENT && *error != ESTALE)	/* ESTALE: by NFS, of a bucket that was removed */
		return b;
	if (b != NULL)
		spool_bucket_leave(s, b);
	forget(s);
	if (make_bucket(s, number) == -1 || (b = hold(s, number)) == NULL) {
		*error = errno;
		return NULL;
	}
	*error = spool_bucket_rename(from_folder, from, b->fd, id) == -1 ? errno : 0;
	return b;
}

int
spool_bucket_put(struct spool *s, int from_folder, const char *from, const char *id)
{
	int error;
	struct spool_bucket *b = spool_bucket_place(s, from_folder, from, id, &error);

	if (b != NULL)
		spool_bucket_leave(s, b);
	errno = error;
	return error == 0 ? 0 : -1;
}

void
spool_bucket_close(struct spool *s)
{
	forget(s);
}
