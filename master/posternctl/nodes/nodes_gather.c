/*
 * nodes_gather - posternctl nodes gather: asks the nodes of [manager] how they are, and leaves it in a file
 *
 * Runs in:  posternctl
 * Owns:     the part of the file while it writes
 * Promise:  the file is the one before or the whole new one; a node that does not answer in its time is one
 *           row. Two at once do not mix: the second one ends. It is called by an account of its own, which
 *           has the key for the nodes: no process of the service has one
 * Fails by: an exit status, and it has been said why. What nodes say is no failure
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/command/nodes_file.h"
#include "master/posternctl/nodes/nodes.h"
#include "master/posternctl/posternctl.h"

#define QUESTION "posternctl status --check --json"
#define LIMIT_MS 20000U		/* of each node */
#define ROWS_MOST 1000U		/* of a node */

/* --- what the nodes say --- */

static int64_t
number_of(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);

	return json_is_integer(value) ? json_integer_value(value) : -1;
}

static const char *
upper(const char *word)
{
	return word == NULL ? NULL : strcmp(word, "ok") == 0 ? "OK" : strcmp(word, "warning") == 0 ?
	    "WARNING" : "CRITICAL";
}

static void
put_part(struct buf *out, const struct node *n, const json_t *part, uint64_t now)
{
	const struct nodes_file_row row = {
		.node = n->name, .asked = now, .name = json_string_value(json_object_get(part, "name")),
		.state = json_string_value(json_object_get(part, "state")),
		.health = upper(json_string_value(json_object_get(part, "health"))),
		.reason = json_string_value(json_object_get(part, "reason")),
		.sessions = number_of(part, "sessions"), .queue = number_of(part, "queue"),
	};

	nodes_file_put(out, &row);
}

/* One row for a node that has not answered so. */
static void
put_silent(struct buf *out, const struct node *n, const char *why, uint64_t now)
{
	const struct nodes_file_row row = { .node = n->name, .asked = now, .health = "CRITICAL",
		.reason = why, .sessions = -1, .queue = -1 };

	nodes_file_put(out, &row);
}

static void
put_node(struct buf *out, const struct node *n, uint64_t now)
{
	json_error_t error;
	json_t *document = n->error.len == 0 ? json_loadb(buf_text(&n->text), n->text.len, 0, &error) : NULL;
	json_t *parts = json_object_get(document, "parts"), *part;
	char line[NODES_FAULT_SIZE];
	const char *why;
	size_t i, count = 0;

	json_array_foreach(parts, i, part)
		if (json_is_string(json_object_get(part, "name")) && count++ < ROWS_MOST)
			put_part(out, n, part, now);
	why = nodes_view_fault(n, line);
	if (count == 0)
		put_silent(out, n, why != NULL ? why : "its answer is none of posternctl status --check "
		    "--json", now);
	json_decref(document);
}

/* --- the file --- */

/* The descriptor of the part, locked; -1: it has been said why, and *status. */
static int
open_part(const char *part, int *status)
{
	int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	*status = EX_CANTCREAT;
	if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd != -1 && errno == EWOULDBLOCK) {
		*status = EX_TEMPFAIL;
		fprintf(stderr, "posternctl: nodes are being asked already\n");
	} else {
		fprintf(stderr, "posternctl: %s: %s\n", part, disk_reason(part, errno));
	}
	if (fd != -1)
		close(fd);
	return -1;
}

static int
write_file(int fd, const char *part, const char *path, const struct buf *text)
{
	if (ftruncate(fd, 0) == 0 && fchmod(fd, 0644) == 0 && disk_write(fd, text->data, text->len) == 0 &&
	    rename(part, path) == 0)
		return EX_OK;
	fprintf(stderr, "posternctl: %s: %s\n", path, disk_reason(path, errno));
	unlink(part);
	return EX_IOERR;
}

/* Lines that the file has no room for are left out, whole. */
static void
cut(struct buf *text)
{
	while (!buf_ok(text) && text->len > 0 && text->data[text->len - 1] != '\n')
		text->len--;
}

static int
gather(struct node *nodes, size_t count, const char *path, uint64_t limit_ms)
{
	char *part = mem_printf("%s.part", path);
	struct buf text = BUF_INIT(NODES_FILE_MAX);
	int status, fd = open_part(part, &status);

	if (fd != -1 && nodes_run(nodes, count, QUESTION, limit_ms, NULL)) {
		buf_puts(&text, NODES_FILE_HEAD);
		for (size_t i = 0; i < count; i++)
			put_node(&text, &nodes[i], (uint64_t)clock_wall_us() / 1000000);
		cut(&text);
		status = write_file(fd, part, path, &text);
	} else if (fd != -1) {
		status = EX_OSERR;
	}
	if (fd != -1)
		close(fd);
	buf_done(&text);
	free(part);
	return status;
}

/* --- the command --- */

static char *
join(const struct config_strings *names)
{
	struct buf list = BUF_INIT(NODES_MAX * 256U);
	char *text;

	for (size_t i = 0; i < names->count; i++)
		buf_printf(&list, "%s%s", i > 0 ? "," : "", names->text[i]);
	text = mem_strdup(buf_text(&list));
	buf_done(&list);
	return text;
}

int
nodes_gather_run(const struct command_context *c, uint64_t limit_ms)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	const struct config_manager *manager;
	struct node *nodes = NULL;
	struct server_set set;
	size_t count = 0;
	char *list;
	int status = server_set_open(&set, command_send_config(c));

	if (status != EX_OK) {
		server_set_close(&set);
		return status;
	}
	manager = &set.config->service.manager;
	list = join(&manager->nodes);
	status = EX_CONFIG;
	if (manager->nodes.count == 0 || manager->nodes_file == NULL)
		buf_puts(&why, "nodes and nodes-file of [manager] say which nodes there are, and where "
		    "this goes");
	else
		nodes = nodes_list_parse(list, &count, &why);
	if (nodes != NULL)
		status = gather(nodes, count, manager->nodes_file, limit_ms > 0 ? limit_ms : LIMIT_MS);
	else
		fprintf(stderr, "posternctl: %s\n", buf_text(&why));
	nodes_list_free(nodes, nodes != NULL ? count : 0);
	free(list);
	buf_done(&why);
	server_set_close(&set);
	return status;
}
