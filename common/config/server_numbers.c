/*
 * server_numbers - which number each virtual server has, remembered over restarts in STATE/numbers
 *
 * Runs in:  every process; written by master and posternctl, which sync one small file where it is called
 * Owns:     the file
 * Promise:  the file is the new one or the old one as a whole; a name and a number are there once. A name
 *           whose INI file is away keeps its number
 * Fails by: -1 and errno
 */
#include "common/config/server_numbers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"

#define NUMBERS_MAX (1U << 20)		/* bytes of the file */

struct server_number {
	uint32_t id;
	char name[CONFIG_NAME_MAX + 1];
};

static void
take_line(struct server_numbers *n, const char *line)
{
	char name[CONFIG_NAME_MAX + 1], more;
	unsigned id;

	static_assert(CONFIG_NAME_MAX == 32, "as in the format");
	if (sscanf(line, "%7u %32[a-z0-9-]%c", &id, name, &more) == 2 && id != 0 &&
	    server_numbers_owner(n, id) == NULL && server_numbers_find(n, name) == 0)
		(void)server_numbers_set(n, name, id);
}

void
server_numbers_read(struct server_numbers *n, const char *folder)
{
	char *path = mem_printf("%s/numbers", folder), *text, *rest, *line;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t len;

	*n = (struct server_numbers){ 0 };
	free(path);
	if (fd == -1)
		return;
	rest = text = mem_zalloc(NUMBERS_MAX + 1);
	len = disk_pread(fd, text, NUMBERS_MAX, 0);
	close(fd);
	while (len > 0 && (line = strsep(&rest, "\n")) != NULL)
		take_line(n, line);
	free(text);
}

void
server_numbers_done(struct server_numbers *n)
{
	free(n->row);
	*n = (struct server_numbers){ 0 };
}

uint32_t
server_numbers_find(const struct server_numbers *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->row[i].name, name) == 0)
			return n->row[i].id;
	return 0;
}

const char *
server_numbers_owner(const struct server_numbers *n, uint32_t id)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->row[i].id == id)
			return n->row[i].name;
	return NULL;
}

bool
server_numbers_set(struct server_numbers *n, const char *name, uint32_t id)
{
	size_t kept = 0;

	if (server_numbers_find(n, name) == id)
		return false;
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->row[i].name, name) != 0 && n->row[i].id != id)
			n->row[kept++] = n->row[i];
	n->count = kept;
	if (id == 0)
		return true;
	n->row = mem_grow(n->row, n->count, sizeof(*n->row));
	n->row[n->count] = (struct server_number){ .id = id };
	snprintf(n->row[n->count++].name, sizeof(n->row->name), "%s", name);
	return true;
}

int
server_numbers_write(const struct server_numbers *n, const char *folder)
{
	char *path = mem_printf("%s/numbers", folder), *part = mem_printf("%s/.numbers.part", folder);
	struct buf text = BUF_INIT(NUMBERS_MAX);
	int result, saved;

	for (size_t i = 0; i < n->count; i++)
		buf_printf(&text, "%u %s\n", n->row[i].id, n->row[i].name);
	errno = EFBIG;
	result = buf_ok(&text) ? disk_replace(part, path, 0644, buf_text(&text), text.len) : -1;
	saved = errno;
	buf_done(&text);
	free(path);
	free(part);
	errno = saved;
	return result;
}

int
server_numbers_keep(const struct config *c)
{
	struct server_numbers n;
	bool news = false;
	int result = 0;

	server_numbers_read(&n, c->service.state);
	for (size_t i = 0; i < c->nserver; i++)
		news |= server_numbers_set(&n, c->server[i].name, c->server[i].id);
	if (news)
		result = server_numbers_write(&n, c->service.state);
	server_numbers_done(&n);
	return result;
}
