/*
 * spool_gone - keeps the ids of messages that came from another node and are done
 *
 * Runs in:  posternctl, deliver; on pool threads
 * Owns:     ID.gone in the buckets
 * Promise:  a message that came from another node leaves the queue after its id is kept: whenever that node
 *           asks within SPOOL_GONE_KEEP, the message is in the queue or its id is found
 * Fails by: -1 and errno: then the message stays
 */
#include "common/spool/spool_gone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/spool/spool_private.h"

#define SUFFIX ".gone"

static void
gone_name(char *dst, const char *id)
{
	char message[SPOOL_NAME_SIZE];

	spool_name_message(message, id);
	snprintf(dst, SPOOL_NAME_SIZE, "%.*s" SUFFIX, SPOOL_NAME_SIZE - (int)sizeof(SUFFIX), message);
}

int
spool_gone_add(struct spool *s, const char *id)
{
	char name[SPOOL_NAME_SIZE];
	int fd;

	gone_name(name, id);
	fd = openat(s->queue, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1 && errno == ENOENT && spool_bucket_make(s, id) == 0)
		fd = openat(s->queue, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	close(fd);
	disk_crash_point("gone-kept");
	return 0;
}

int
spool_gone_find(struct spool *s, const char *id)
{
	char name[SPOOL_NAME_SIZE];
	struct stat st;

	gone_name(name, id);
	if (fstatat(s->queue, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : -1;
}

bool
spool_gone_is(const char *name, char id[MESSAGE_ID_SIZE])
{
	if (strlen(name) != MESSAGE_ID_LEN + sizeof(SUFFIX) - 1 || strcmp(name + MESSAGE_ID_LEN, SUFFIX) != 0)
		return false;
	memcpy(id, name, MESSAGE_ID_LEN);
	id[MESSAGE_ID_LEN] = '\0';
	return message_id_is_valid(id);
}

bool
spool_gone_sweep(int bucket, const char *name, int64_t now)
{
	struct stat st;
	char id[MESSAGE_ID_SIZE];

	if (!spool_gone_is(name, id))
		return false;
	if (fstatat(bucket, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtim.tv_sec + SPOOL_GONE_KEEP < now)
		unlinkat(bucket, name, 0);
	return true;
}
