/*
 * nodes_request - nodes: the state of all nodes, as posternctl nodes gather has left it in a file
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  no process of the service reaches another node, or has a key for one. The file belongs to another
 *           account, and may be anything: no link is followed, no other file shown, each line is judged
 * Fails by: an answer that says so; lines that begin with "!"
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/command/nodes_file.h"
#include "master/control/control_private.h"

#define ANSWER_MAX (NODES_FILE_MAX + 65536U)

/* Owned by the caller; NULL: *why. One that others may write, or that has another name, is refused. */
static char *
read_file(const char *path, size_t *len, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char *text = NULL;
	struct stat st;
	ssize_t got;

	if (fd == -1 || fstat(fd, &st) == -1) {
		*why = strerror(errno);
	} else if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || (st.st_mode & 022) != 0) {
		*why = "is no file that its owner alone may write";
	} else {
		text = mem_zalloc(NODES_FILE_MAX + 1);
		got = disk_pread(fd, text, NODES_FILE_MAX + 1, 0);
		if (got < 0 || (size_t)got > NODES_FILE_MAX || strncmp(text, NODES_FILE_HEAD,
		    strlen(NODES_FILE_HEAD)) != 0) {
			*why = "is not what posternctl nodes gather writes";
			free(text);
			text = NULL;
		}
		*len = text != NULL ? (size_t)got : 0;
	}
	if (fd != -1)
		close(fd);
	return text;
}

static void
put_rows(struct control_command *cmd, const char *text, size_t len)
{
	const char *at = text + strlen(NODES_FILE_HEAD), *end = text + len;
	unsigned odd = 0;

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((lf != NULL ? lf : end) - at);

		if (lf != NULL && nodes_file_is_row(at, n))
			buf_add(&cmd->text, at, n + 1);
		else
			odd++;
		at += n + 1;
	}
	if (odd > 0)
		buf_printf(&cmd->text, "!%u lines of the file are none of posternctl nodes gather\n", odd);
}

void
nodes_request_run(struct control_command *cmd, struct master *m, struct server *s)
{
	const char *path = m->snapshot->config->service.manager.nodes_file, *why = "";
	size_t len = 0;
	char *text;

	(void)s;
	if (path == NULL) {
		control_answer_say(cmd, CONTROL_NO_MATCH,
		    "!no nodes are known: nodes and nodes-file of [manager] name them, see "
		    "postern-guide-nodes(7)");
		return;
	}
	text = read_file(path, &len, &why);
	if (text == NULL) {
		control_answer_say(cmd, CONTROL_NO_MATCH, "!%s: %s; posternctl nodes gather writes it", path,
		    why);
		return;
	}
	buf_done(&cmd->text);
	buf_init(&cmd->text, ANSWER_MAX);
	put_rows(cmd, text, len);
	free(text);
}
