/*
 * certificate_file - files of keys and certificates, in folders beside the configuration: tls, dkim
 *
 * Runs in:  posternctl
 * Owns:     these folders
 * Promise:  a file is whole or not there; a key is never readable for others, not even for a moment
 * Fails by: an exit status and words
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/change/change_file.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/posternctl.h"

int
certificate_file_read(struct tls_text *t, const char *path, struct buf *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*t = (struct tls_text){ .path = path };
	if (fd != -1)
		t->data = disk_read_whole(fd, TLS_FILE_MAX, &t->len);
	if (t->data == NULL)
		buf_printf(why, "%s: %s\n", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return t->data != NULL ? 0 : -1;
}

static char *
folder_of(const char *config_path)
{
	char *path = command_send_absolute(config_path), *slash = strrchr(path, '/');

	if (slash != NULL)
		*slash = '\0';
	return path;
}

char *
certificate_file_path(const char *config_path, const char *name, const char *ending)
{
	char *beside = folder_of(config_path), *path = mem_printf("%s/tls/%s%s", beside, name, ending);

	free(beside);
	return path;
}

static int
write_file(const char *beside, const char *folder, const char *path, mode_t mode, const struct buf *text)
{
	char *part = mem_printf("%s/.part", folder);
	int result = mkdir(folder, 0755) == 0 || errno == EEXIST ? 0 : -1, saved;

	change_file_own(folder, beside);
	if (result == 0)
		result = disk_replace(part, path, mode, buf_text(text), text->len);
	if (result == 0) {
		change_file_own(path, beside);
		result = disk_sync_folder_at(folder);
	}
	saved = errno;
	free(part);
	errno = saved;
	return result;
}

int
certificate_file_write(const char *config_path, const char *path, mode_t mode, const struct buf *text,
    struct buf *why)
{
	char *beside = folder_of(config_path), *folder = folder_of(path);
	int status = EX_OK;

	if (write_file(beside, folder, path, mode, text) == -1) {
		status = errno == EACCES || errno == EPERM || errno == EROFS ? EX_NOPERM : EX_IOERR;
		buf_printf(why, "%s: %s\n", path, strerror(errno));
	}
	free(beside);
	free(folder);
	return status;
}
