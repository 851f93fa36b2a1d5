/*
 * unit_command - posternctl unit: the drop-in of systemd that the folders of the configuration need
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  lines that others wrote into the drop-in stay. It is replaced whole or not at all, and only when
 *           it lets the service write to all folders
 * Fails by: an exit status, and words
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/config_faults.h"
#include "common/host/config_unit.h"
#include "common/host/unit_file.h"
#include "master/posternctl/check/check.h"

#define UNIT_MODE 0644

static int
say_errno(const char *path)
{
	int error = errno;

	fprintf(stderr, "posternctl: %s: %s\n", path, disk_reason(path, error));
	return error == EACCES || error == EPERM || error == EROFS ? EX_NOPERM : EX_IOERR;
}

/* What is there so far; a file that is missing is empty. */
static int
read_drop_in(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), status = EX_OK;
	size_t len = 0;
	char *data = fd != -1 ? disk_read_whole(fd, UNIT_FILE_MAX / 2, &len) : NULL;

	if (data == NULL && (fd != -1 || errno != ENOENT))
		status = say_errno(path);
	else if (data != NULL && strlen(data) != len) {
		fprintf(stderr, "posternctl: %s is no text\n", path);
		status = EX_DATAERR;
	}
	if (data != NULL)
		buf_add(text, data, len);
	free(data);
	if (fd != -1)
		close(fd);
	return status;
}

/* `path` is that of the file itself: a link stays, and leads to it. */
static int
write_drop_in(const char *path, const struct buf *text)
{
	char *folder = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	char *part = mem_printf("%s/.folders.conf.part", folder);
	int status = EX_OK;

	if (mkdir(folder, 0755) == -1 && errno != EEXIST)
		status = say_errno(folder);
	else if (disk_replace(part, path, UNIT_MODE, buf_text(text), text->len) == -1 ||
	    disk_sync_folder_at(folder) == -1)
		status = say_errno(path);
	if (status == EX_OK)
		printf("%s is written. Then: systemctl daemon-reload && systemctl restart postern\n", path);
	free(part);
	free(folder);
	return status;
}

static int
complete(const struct config *c, bool write)
{
	char *path = unit_file_drop_in(), *real = realpath(path, NULL);
	struct buf text = BUF_INIT(UNIT_FILE_MAX), why = BUF_INIT(4096);
	int status = read_drop_in(path, &text);
	int lines = status == EX_OK ? config_unit_complete(c, &text, &why) : 0;

	if (lines == -1) {
		fprintf(stderr, "posternctl: %s", buf_text(&why));
		status = EX_CONFIG;
	} else if (status == EX_OK && lines == 0) {
		fprintf(stderr, "the unit of systemd lets the service write to all folders\n");
	} else if (status == EX_OK && write) {
		status = write_drop_in(real != NULL ? real : path, &text);
	} else if (status == EX_OK) {
		printf("%s", buf_text(&text));
	}
	buf_done(&text);
	buf_done(&why);
	free(real);
	free(path);
	return status;
}

int
unit_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool write = false;
	const struct option_row options[] = { { .word = "--write", .set = &write }, { .word = NULL } };
	int status = options_take(row, words, count, options, NULL, 0);
	struct server_set set;

	if (status != EX_OK)
		return status;
	status = server_set_open(&set, command_send_config(c));
	if (status == EX_OK && set.faults.errors > 0) {
		config_faults_print(&set.faults, stderr);
		status = EX_CONFIG;
	} else if (status == EX_OK && !unit_file_is_there()) {
		fprintf(stderr, "posternctl: this host has no unit postern.service of systemd\n");
		status = EX_UNAVAILABLE;
	} else if (status == EX_OK && !unit_file_reads(set.config->service.file)) {
		fprintf(stderr, "posternctl: %s is not the configuration of the installed service\n",
		    set.config->service.file);
		status = EX_UNAVAILABLE;
	} else if (status == EX_OK) {
		status = complete(set.config, write);
	}
	server_set_close(&set);
	return status;
}
