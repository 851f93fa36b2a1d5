/*
 * web_page - the files of the front end: which there are, and their bytes
 *
 * Runs in:  web
 * Owns:     the bytes
 * Promise:  serves the files of this table and no other: a request is compared with its rows as it came, and
 *           no path is ever made of it. They are read once, before the helper gives up its rights
 * Fails by: an event; a file that cannot be read is not there
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/web/web.h"

#define PAGE_MAX (1U << 20)

#define HTML "text/html; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"
#define STYLE "text/css; charset=utf-8"

#define FILE_OF(name, type) { "/" name, name, type }

/* A new file of web/ is a row here; t/lint/pages compares. */
const struct web_page web_page_rows[] = {
	{ "/", "index.html", HTML },
	FILE_OF("app.js", SCRIPT),
	FILE_OF("base/address.js", SCRIPT),
	FILE_OF("base/console.js", SCRIPT),
	FILE_OF("base/dom.js", SCRIPT),
	FILE_OF("base/format.js", SCRIPT),
	FILE_OF("base/live.js", SCRIPT),
	FILE_OF("base/look.css", STYLE),
	FILE_OF("base/manager.js", SCRIPT),
	FILE_OF("base/mime.js", SCRIPT),
	FILE_OF("base/pages.js", SCRIPT),
	FILE_OF("base/rates.js", SCRIPT),
	FILE_OF("base/selection.js", SCRIPT),
	FILE_OF("base/series.js", SCRIPT),
	FILE_OF("base/shell.css", STYLE),
	FILE_OF("carrier-cockpit.js", SCRIPT),
	FILE_OF("carrier-http.js", SCRIPT),
	FILE_OF("parts/command.js", SCRIPT),
	FILE_OF("parts/confirm.js", SCRIPT),
	FILE_OF("parts/notice.js", SCRIPT),
	FILE_OF("parts/parts.css", STYLE),
	FILE_OF("parts/plot.css", STYLE),
	FILE_OF("parts/plot.js", SCRIPT),
	FILE_OF("parts/sparkline.js", SCRIPT),
	FILE_OF("parts/state.js", SCRIPT),
	FILE_OF("parts/stream.js", SCRIPT),
	FILE_OF("parts/table.js", SCRIPT),
	FILE_OF("parts/tree.js", SCRIPT),
	FILE_OF("views/account-password.js", SCRIPT),
	FILE_OF("views/accounts.js", SCRIPT),
	FILE_OF("views/act.js", SCRIPT),
	FILE_OF("views/change.js", SCRIPT),
	FILE_OF("views/counters.js", SCRIPT),
	FILE_OF("views/domains.js", SCRIPT),
	FILE_OF("views/drop-message.js", SCRIPT),
	FILE_OF("views/history.js", SCRIPT),
	FILE_OF("views/hosts.js", SCRIPT),
	FILE_OF("views/import.js", SCRIPT),
	FILE_OF("views/log.js", SCRIPT),
	FILE_OF("views/login.js", SCRIPT),
	FILE_OF("views/message.js", SCRIPT),
	FILE_OF("views/messages.js", SCRIPT),
	FILE_OF("views/new-server.js", SCRIPT),
	FILE_OF("views/nodes.js", SCRIPT),
	FILE_OF("views/order.js", SCRIPT),
	FILE_OF("views/overview.js", SCRIPT),
	FILE_OF("views/queue.js", SCRIPT),
	FILE_OF("views/routes.js", SCRIPT),
	FILE_OF("views/sections.js", SCRIPT),
	FILE_OF("views/selection-form.js", SCRIPT),
	FILE_OF("views/server-actions.js", SCRIPT),
	FILE_OF("views/server.js", SCRIPT),
	FILE_OF("views/sessions.js", SCRIPT),
	FILE_OF("views/setting-field.js", SCRIPT),
	FILE_OF("views/settings-form.js", SCRIPT),
	FILE_OF("views/settings.js", SCRIPT),
	FILE_OF("views/shell.js", SCRIPT),
	FILE_OF("views/story.js", SCRIPT),
	FILE_OF("views/test.js", SCRIPT),
	FILE_OF("views/trace.js", SCRIPT),
	FILE_OF("views/view.js", SCRIPT),
};
const size_t web_page_count = nitems_of(web_page_rows);

size_t
web_page_find(const char *target)
{
	size_t i = 0;

	while (i < web_page_count && strcmp(web_page_rows[i].target, target) != 0)
		i++;
	return i;
}

/* That of the checkout in which the program was built, else the installed one. Owned by the caller. */
static char *
find_folder(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash, *path;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return mem_strdup(POSTERN_DATADIR "/web");
	*slash = '\0';
	path = strcmp(self, POSTERN_LIBEXECDIR) == 0 ? NULL : mem_printf("%s/../../web/index.html", self);
	if (path == NULL || access(path, R_OK) == -1) {
		free(path);
		return mem_strdup(POSTERN_DATADIR "/web");
	}
	*strrchr(path, '/') = '\0';
	return path;
}

/* An entity tag (RFC 9110 8.8.3): a part of the hash of the bytes, in quotes. */
static void
set_tag(struct web_text *t)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char text[WEB_SECRET_TEXT];

	SHA256((const unsigned char *)t->data, t->len, hash);
	msg_web_secret_format(text, hash);
	snprintf(t->tag, sizeof(t->tag), "\"%.32s\"", text);
}

/* 0, or -1 and errno. */
static int
read_file(struct web_text *t, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), saved;
	struct stat st;
	ssize_t got = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PAGE_MAX) {
		t->data = mem_zalloc((size_t)st.st_size + 1);
		got = disk_pread(fd, t->data, (size_t)st.st_size, 0);
	} else {
		errno = EINVAL;
	}
	saved = errno;
	close(fd);
	if (got == -1) {
		free(t->data);
		*t = (struct web_text){ 0 };
		errno = saved;
		return -1;
	}
	t->len = (size_t)got;
	set_tag(t);
	return 0;
}

struct web_text *
web_page_load(void)
{
	struct web_text *all = mem_zalloc(web_page_count * sizeof(*all));
	char *folder = find_folder();

	for (size_t i = 0; i < web_page_count; i++) {
		char *path = mem_printf("%s/%s", folder, web_page_rows[i].file);

		if (read_file(&all[i], path) == -1)
			log_event(LOG_WARN, NULL, "trouble", "doing=web file=%s reason=%s", log_safe(path),
			    log_safe(strerror(errno)));
		free(path);
	}
	free(folder);
	return all;
}

void
web_page_forget(struct web_text *all)
{
	for (size_t i = 0; all != NULL && i < web_page_count; i++)
		free(all[i].data);
	free(all);
}
