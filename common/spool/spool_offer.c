/*
 * spool_offer - reads a message that has no name in the queue yet, and finds out whether it has got one
 *
 * Runs in:  deliver
 * Owns:     nothing; the file belongs to the process that writes it
 * Promise:  neither changes anything
 * Fails by: -1 and errno of spool_offer_load()
 */
#include "common/spool/spool_offer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "common/spool/spool_private.h"

int
spool_offer_load(int fd, const char *id, struct message_envelope *e, struct buf *whole, const char **why)
{
	return spool_load_open(fd, id, e, whole, why);
}

int
spool_offer_find(struct spool *s, const char *id, int fd)
{
	char name[SPOOL_NAME_SIZE];
	struct stat here, there;

	spool_name_message(name, id);
	if (fstatat(s->queue, name, &there, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	return fstat(fd, &here) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino ? 1 : -1;
}
