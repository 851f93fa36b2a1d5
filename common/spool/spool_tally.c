/*
 * spool_tally - the file beside the queue with what was counted for reports about TLS
 *
 * Runs in:  deliver; by the process that owns the queue
 * Owns:     queue/tls-reports and its two neighbours
 * Promise:  the file is replaced as a whole, and synced; one that is damaged is put aside, not overwritten
 * Fails by: NULL or -1, and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/spool/spool.h"
#include "common/spool/spool_private.h"

#define FILE_NAME "tls-reports"

char *
spool_tally_read(struct spool *s, size_t most, size_t *len)
{
	int folder = spool_folder_open(s, SPOOL_QUEUE), fd;
	char *text;

	fd = folder == -1 ? -1 : openat(folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return NULL;
	text = disk_read_whole(fd, most, len);
	disk_close(fd);
	return text;
}

int
spool_tally_write(struct spool *s, const void *data, size_t len)
{
	char *part = mem_printf("%s/." FILE_NAME ".part", s->path[SPOOL_QUEUE]);
	char *path = mem_printf("%s/" FILE_NAME, s->path[SPOOL_QUEUE]);
	int rc = spool_folder_is_ours(s) ? disk_replace(part, path, 0600, data, len) : -1, saved = errno;

	free(part);
	free(path);
	errno = saved;
	return rc;
}

int
spool_tally_put_aside(struct spool *s)
{
	int folder = spool_folder_open(s, SPOOL_QUEUE);

	return folder == -1 ? -1 : renameat(folder, FILE_NAME, folder, FILE_NAME ".damaged");
}
