/*
 * config_snapshot - all INI texts in one, with the host name and the ids, so that they can be judged again
 *
 * Runs in:  every process; the master writes it, children read it
 * Owns:     nothing; the memfd is the caller's
 * Promise:  "postern-snapshot 1", "host NAME", "servers NUMBER", then for each INI file "file LENGTH ID
 *           SERVER PATH" and its bytes, then for each file of a list "list LENGTH PATH" and its bytes. Only
 *           INI files without errors, and lists that they name, are in it. The memfd is sealed: a child reads
 *           what was judged
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config_private.h"

#define MAGIC "postern-snapshot 1\n"

void
config_snapshot_format(struct buf *out, const struct config_work *w)
{
	buf_printf(out, MAGIC "host %s\nservers %zu\n", w->sources.hostname, w->config->servers);
	for (size_t i = 0; i < w->sources.count; i++) {
		const struct config_source *s = &w->sources.source[i];

		if (s->errors > 0)
			continue;
		buf_printf(out, "file %zu %u %s %s\n", s->len, i == 0 ? 0 : w->config->server[i - 1].id,
		    i == 0 ? "-" : s->server, s->path);
		buf_add(out, s->text, s->len);
		buf_puts(out, "\n");
	}
	for (size_t i = 0; i < w->sources.lists; i++) {
		const struct config_source *s = &w->sources.list[i];

		if (s->text == NULL || !s->used)
			continue;
		buf_printf(out, "list %zu %s\n", s->len, s->path);
		buf_add(out, s->text, s->len);
		buf_puts(out, "\n");
	}
}

/* The next line without its end, cut out of *rest; NULL when there is none. */
static char *
next_line(char **rest, const char *end)
{
	char *line = *rest, *eol = line < end ? memchr(line, '\n', (size_t)(end - line)) : NULL;

	if (eol == NULL)
		return NULL;
	*eol = '\0';
	*rest = eol + 1;
	return line;
}

static int
parse_file(struct config_sources *sources, char *line, char **rest, const char *end)
{
	size_t len;
	uint32_t id;
	char server[CONFIG_NAME_MAX + 1];
	int path = 0;
	struct config_source *s;

	if (sscanf(line, "file %zu %" SCNu32 " %32s %n", &len, &id, server, &path) != 3 || path == 0)
		return -1;
	if (*rest > end || len >= (size_t)(end - *rest) || (*rest)[len] != '\n')
		return -1;
	s = config_file_add(sources, strcmp(server, "-") == 0 ? NULL : server, line + path);
	s->id = id;
	s->len = len;
	s->text = mem_strndup(*rest, len);
	*rest += len + 1;
	return 0;
}

static int
parse_list(struct config_sources *sources, const char *line, char **rest, const char *end)
{
	struct config_source *s;
	size_t len;
	int path = 0;

	if (sscanf(line, "list %zu %n", &len, &path) != 1 || path == 0)
		return -1;
	if (*rest > end || len >= (size_t)(end - *rest) || (*rest)[len] != '\n')
		return -1;
	sources->list = mem_array(sources->list, sources->lists + 1, sizeof(*sources->list));
	s = &sources->list[sources->lists++];
	*s = (struct config_source){ .path = mem_strdup(line + path), .len = len };
	s->text = mem_zalloc(len + 1);
	memcpy(s->text, *rest, len);
	*rest += len + 1;
	return 0;
}

static int
parse_lines(struct config_sources *sources, char *rest, const char *end)
{
	char *line = next_line(&rest, end);

	if (line == NULL || strncmp(line, MAGIC, strlen(MAGIC) - 1) != 0 || strlen(line) != strlen(MAGIC) - 1)
		return -1;
	line = next_line(&rest, end);
	if (line == NULL || strncmp(line, "host ", 5) != 0)
		return -1;
	sources->hostname = mem_strdup(line + 5);
	line = next_line(&rest, end);
	if (line == NULL || sscanf(line, "servers %zu", &sources->servers) != 1)
		return -1;
	while ((line = next_line(&rest, end)) != NULL)
		if ((strncmp(line, "list ", 5) == 0 ? parse_list(sources, line, &rest, end) :
		    parse_file(sources, line, &rest, end)) == -1)
			return -1;
	if (rest != end || sources->count == 0 || sources->source[0].server != NULL)
		return -1;
	for (size_t i = 1; i < sources->count; i++)
		if (sources->source[i].server == NULL)
			return -1;
	return 0;
}

int
config_snapshot_parse(struct config_sources *sources, const char *text, size_t len)
{
	char *copy = mem_zalloc(len + 1);
	int result;

	memcpy(copy, text, len);
	result = parse_lines(sources, copy, copy + len);
	free(copy);
	if (result == -1)
		errno = EINVAL;
	return result;
}

int
config_snapshot(const struct config *c)
{
	int fd = memfd_create("postern-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (disk_write(fd, c->text, c->text_len) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1) {
		disk_close(fd);
		return -1;
	}
	return fd;
}

char *
config_snapshot_read(int fd, size_t *len)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (st.st_size <= 0 || st.st_size > CONFIG_SNAPSHOT_MAX) {
		errno = EINVAL;
		return NULL;
	}
	text = mem_zalloc((size_t)st.st_size + 1);
	n = disk_pread(fd, text, (size_t)st.st_size, 0);
	*len = (size_t)st.st_size;
	if (n == st.st_size)
		return text;
	if (n >= 0)
		errno = EINVAL;
	free(text);
	return NULL;
}
