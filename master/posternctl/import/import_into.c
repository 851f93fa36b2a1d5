/*
 * import_into - an import as a set of INI files in a folder of its own
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  nothing that is there is changed: the folder is new or empty. What was written is checked as
 *           posternctl check does
 * Fails by: an exit status, and it has been printed why
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/import/import_judge.h"
#include "master/posternctl/import/import.h"

#define SERVICE_MAX (1U << 20)	/* bytes of postern.ini */
#define COMMENT_WIDTH 150	/* a longer line is no line of an INI file */

static int
say_errno(const char *path)
{
	int error = errno;

	fprintf(stderr, "posternctl: %s: %s\n", log_safe(path), strerror(error));
	return error == EACCES || error == EPERM ? EX_NOPERM : EX_CANTCREAT;
}

int
import_into_judge(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		return errno == ENOENT ? EX_OK : say_errno(folder);
	while ((entry = readdir(dir)) != NULL)
		empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
	closedir(dir);
	if (empty)
		return EX_OK;
	fprintf(stderr, "posternctl: %s is not empty: an import is written to a new folder\n",
	    log_safe(folder));
	return EX_CANTCREAT;
}

static int
write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int status = EX_OK;

	if (fd == -1 || disk_write(fd, text, len) == -1 || disk_sync(fd) == -1)
		status = say_errno(path);
	if (fd != -1)
		close(fd);
	return status;
}

static const char *
text_of(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text != NULL ? text : "";
}

/* What was changed stands in the file, too. */
static void
put_head(struct buf *text, json_t *server)
{
	json_t *row;
	size_t i;

	buf_puts(text, "; Made by posternctl import; see postern.ini(5) and posternctl-import(8).\n");
	json_array_foreach(json_object_get(server, "report"), i, row) {
		char line[COMMENT_WIDTH];

		if (strcmp(text_of(row, "outcome"), "changed") != 0)
			continue;
		snprintf(line, sizeof(line), "; %s was %s: %s", text_of(row, "property"), text_of(row, "old"),
		    text_of(row, "why"));
		buf_printf(text, "%s\n", line);
	}
	buf_puts(text, "\n");
}

/* [service] of the configuration that there is: its folders and accounts are those of this host. */
static void
put_service(struct buf *text, const char *config)
{
	int fd = open(config, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	char *old = fd != -1 ? disk_read_whole(fd, SERVICE_MAX, &len) : NULL;

	if (old != NULL)
		buf_add(text, old, len);
	else
		buf_puts(text, "; Made by posternctl import; see postern.ini(5).\n[service]\n");
	free(old);
	if (fd != -1)
		close(fd);
}

static int
make_folder(const char *path)
{
	return mkdir(path, 0755) == -1 && errno != EEXIST ? say_errno(path) : EX_OK;
}

int
import_into_write(const char *folder, json_t *result, const char *hostname, const char *config)
{
	struct buf service = BUF_INIT(SERVICE_MAX);
	char *servers = mem_printf("%s/servers", folder), *path = mem_printf("%s/postern.ini", folder);
	int status = make_folder(folder);
	json_t *server;
	size_t i;

	if (status == EX_OK)
		status = make_folder(servers);
	put_service(&service, config);
	if (status == EX_OK)
		status = write_file(path, buf_text(&service), service.len);
	buf_done(&service);
	json_array_foreach(json_object_get(result, "servers"), i, server) {
		struct buf body = BUF_INIT(1U << 20), text = BUF_INIT(1U << 20);
		char *file;

		if (status != EX_OK || !import_judge_server(server, hostname, &body)) {
			status = status != EX_OK ? status : import_report_refuse(server);
			buf_done(&body);
			continue;
		}
		put_head(&text, server);
		buf_add(&text, buf_text(&body), body.len);
		file = mem_printf("%s/%s.ini", servers, text_of(server, "name"));
		status = buf_ok(&text) ? write_file(file, buf_text(&text), text.len) :
		    import_report_refuse(server);
		json_object_set_new(server, "file", json_string(file));
		free(file);
		buf_done(&body);
		buf_done(&text);
	}
	free(path);
	free(servers);
	return status;
}
