/*
 * dns_file - resolv.conf or the hosts table as the host has it now
 *
 * Runs in:  resolver
 * Owns:     nothing; the owner of a struct dns_file keeps what was read
 * Promise:  a file that is there and cannot be read is never taken for an empty one: whoever has none asks
 *           from the root on, where internal names do not exist, and their mail would be returned
 * Fails by: -1 and error; the file is tried again with the next call
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/resolver/resolver.h"

static int
read_all(int fd, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, 4096);
		ssize_t n;

		if (room == NULL)
			return EFBIG;
		n = read(fd, room, 4096);
		if (n == -1)
			return errno;
		if (n == 0)
			return 0;
		text->len += (size_t)n;
	}
}

static int
read_file(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;

	if (fd == -1)
		return errno == ENOENT ? 0 : errno;
	error = read_all(fd, text);
	close(fd);
	return error;
}

int
dns_file_read(struct dns_file *f, struct buf *text)
{
	struct timespec changed = { 0 };
	struct stat st;

	if (stat(f->path, &st) == 0)
		changed = st.st_mtim;
	if (f->read && f->error == 0 && changed.tv_sec == f->changed.tv_sec &&
	    changed.tv_nsec == f->changed.tv_nsec)
		return 0;
	buf_clear(text);
	f->error = read_file(f->path, text);
	if (f->error != 0)
		return -1;
	f->read = true;
	f->known = text->len > 0;
	f->changed = changed;
	return 1;
}
