/*
 * spool_commit - how files come to the disk before they are named: by one commit for all, or each for itself
 *
 * Runs in:  posternctl, deliver, pickup; on pool threads
 * Owns:     nothing
 * Promise:  what commit_way.c argues for one file system is done for its folders alone
 * Fails by: -1 and errno
 */
#include <sys/stat.h>

#include "common/base/disk.h"
#include "common/spool/commit_way.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

void
spool_commit_judge(struct spool *s, enum spool_which which, int fd)
{
	struct stat st;

	atomic_store(&s->batch[which], s->batches && fd != -1 && fstat(fd, &st) == 0 &&
	    st.st_dev == s->batch_device);
}

void
spool_commit_as(struct spool *s, const struct commit_way *way)
{
	pthread_mutex_lock(&s->lock);
	s->batches = way->batch;
	s->batch_device = way->device;
	spool_commit_judge(s, SPOOL_QUEUE, s->queue);
	spool_commit_judge(s, SPOOL_DROP, s->drop);
	pthread_mutex_unlock(&s->lock);
}

bool
spool_commit_is_batch(const struct spool *s)
{
	return s->batches;
}

int
spool_commit_file(struct spool *s, enum spool_which which, int fd)
{
	return atomic_load(&s->batch[which]) ? disk_wait(fd) : disk_sync(fd);
}
