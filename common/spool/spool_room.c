/*
 * spool_room - how much the file system of the queue still takes, and whether that is less than its reserve
 *
 * Runs in:  pickup, deliver; the look on a pool thread
 * Owns:     nothing
 * Promise:  a reserve that was reached is over only when a quarter of it more is free: it does not flap.
 *           A small file system can be used, and a large one is not kept empty
 * Fails by: -1 and errno
 */
#include <sys/statvfs.h>

#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

#define RESERVE_MOST (1ULL << 30)	/* bytes: enough for what is under way, however large the disk is */
#define RESERVE_MESSAGES 16		/* so many of the greatest size, on at most a tenth of the disk */
#define RESERVE_FILES 10000ULL		/* of inodes: the most */

int
spool_room(struct spool *s, struct spool_room *r)
{
	int folder = spool_folder_open(s, SPOOL_QUEUE);

	return folder == -1 ? -1 : spool_room_of(folder, r);
}

int
spool_room_of(int fd, struct spool_room *r)
{
	struct statvfs v;

	if (fstatvfs(fd, &v) == -1)
		return -1;
	*r = (struct spool_room){ .bytes = (uint64_t)v.f_blocks * v.f_frsize,
	    .bytes_free = (uint64_t)v.f_bavail * v.f_frsize, .files = v.f_files, .files_free = v.f_favail };
	return 0;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Without overflow, rounded up. */
static uint64_t
share(uint64_t all, unsigned percent)
{
	return all / 100 * percent + (all % 100 * percent + 99) / 100;
}

uint64_t
spool_room_reserve(const struct spool_room *r, unsigned percent, uint64_t message_size)
{
	uint64_t part = share(r->bytes, percent);
	uint64_t messages = message_size > RESERVE_MOST ? RESERVE_MOST : message_size * RESERVE_MESSAGES;

	messages = least(messages, r->bytes / 10);
	return percent == 0 ? 0 : least(part > messages ? part : messages, RESERVE_MOST);
}

static bool
is_below(uint64_t free, uint64_t reserve, bool was_short)
{
	return free < reserve + (was_short ? reserve / 4 : 0);
}

bool
spool_room_is_short(const struct spool_room *r, unsigned percent, uint64_t message_size, bool was_short)
{
	/* Btrfs and some network file systems have no number of files: 0. */
	uint64_t files = percent == 0 || r->files == 0 ? 0 : least(share(r->files, percent), RESERVE_FILES);

	return is_below(r->bytes_free, spool_room_reserve(r, percent, message_size), was_short) ||
	    is_below(r->files_free, files, was_short);
}
