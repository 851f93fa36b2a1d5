/*
 * trace_command - posternctl trace: the story of messages from the event log, also of those long gone
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  reads what this user may read, and says from when on that is. The log is read twice at the most:
 *           for the ids of the messages that are meant, and for what became of them
 * Fails by: an exit status; SERVER_SET_NO_MATCH when no such message is found
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/message_id.h"
#include "master/posternctl/posternctl.h"

#define IDS_MAX 10000

struct trace_command {
	const char *id, *sender, *recipient;
	bool json;
	char (*ids)[MESSAGE_ID_SIZE];	/* sorted */
	size_t count;
	bool too_many;
	char since[64];			/* the time of the first line */
	size_t lines;			/* that were shown */
};

/* --- one line --- */

struct trace_line {
	char stamp[64], program[48], *pid;
	char *rest;			/* "ID event=... key=value" */
};

/*
 * "TIME postern-x[PID]: ID event=..." of our own file, "TIME HOST postern-x[PID]: ..." of syslog and journal.
 * `copy` is changed and belongs to the caller.
 */
static bool
parse_line(struct trace_line *l, char *copy)
{
	char *program = strstr(copy, " postern"), *pid, *end, *host;

	copy[strcspn(copy, "\n")] = '\0';
	pid = program != NULL ? strchr(program, '[') : NULL;
	end = pid != NULL ? strstr(pid, "]: ") : NULL;
	if (end == NULL || (size_t)(pid - program) > sizeof(l->program))
		return false;
	*program = *pid = *end = '\0';
	*l = (struct trace_line){ .pid = pid + 1, .rest = end + 3 };
	snprintf(l->program, sizeof(l->program), "%.47s", program + 1);
	/* the host's name is no part of the time */
	host = strrchr(copy, ' ');
	if (host != NULL)
		*host = '\0';
	snprintf(l->stamp, sizeof(l->stamp), "%.63s", copy);
	return true;
}

static json_t *
row_of(struct trace_line *l)
{
	char *text = mem_printf("- 0 %s %s %s", l->program, l->pid, l->rest);
	json_t *row = answers_new();
	bool good = answers_line_event(row, text) && json_object_get(row, "event") != NULL;

	free(text);
	if (!good) {
		json_decref(row);
		return NULL;
	}
	json_object_del(row, "level");
	json_object_set_new(row, "time", json_string(l->stamp));
	return row;
}

/* --- which messages --- */

static int
by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
is_meant(const struct trace_command *t, const char *id)
{
	return id != NULL && t->count > 0 && bsearch(id, t->ids, t->count, sizeof(*t->ids), by_id) != NULL;
}

static void
add_id(struct trace_command *t, const char *id)
{
	if (!message_id_is_valid(id) || (t->count > 0 && strcmp(t->ids[t->count - 1], id) == 0))
		return;
	t->too_many = t->count == IDS_MAX;
	if (t->too_many)
		return;
	t->ids = mem_grow(t->ids, t->count, sizeof(*t->ids));
	memcpy(t->ids[t->count++], id, MESSAGE_ID_SIZE);
}

/* Cheap first: most lines are about other messages. */
static bool
may_hold(const struct trace_command *t, const char *line)
{
	const char *wish = t->sender != NULL ? t->sender : t->recipient;
	const char *at = wish != NULL ? strchr(wish, '@') : NULL;

	return at == NULL || strcasestr(line, at) != NULL;
}

static void
find_ids(struct trace_command *t, struct trace_log *log)
{
	const char *line;

	while ((line = trace_log_next(log)) != NULL && !t->too_many) {
		struct trace_line l;
		json_t *row;
		const char *id;
		char *copy;

		if (!may_hold(t, line))
			continue;
		copy = mem_strdup(line);
		row = parse_line(&l, copy) ? row_of(&l) : NULL;
		id = json_string_value(json_object_get(row, "id"));
		if (id != NULL && event_filter_fits(t->sender, row, "sender") &&
		    event_filter_fits(t->recipient, row, "recipient"))
			add_id(t, id);
		json_decref(row);
		free(copy);
	}
	if (t->count > 0)
		qsort(t->ids, t->count, sizeof(*t->ids), by_id);
	trace_log_rewind(log);
}

/* --- what became of them --- */

static void
show(struct trace_command *t, const struct trace_line *l, const json_t *row)
{
	char *text = t->json ? answers_print_text(row) : NULL;

	if (t->json)
		puts(text);
	else
		printf("%s  %s\n", l->stamp, l->rest);
	free(text);
	t->lines++;
}

/* Its own lines, and those of others that name it: a report, a move to another queue. */
static bool
is_about(const struct trace_command *t, const json_t *row)
{
	const char *key;
	json_t *value;

	if (is_meant(t, json_string_value(json_object_get(row, "id"))))
		return true;
	json_object_foreach(mem_unconst(row), key, value)
		if (json_is_string(value) && is_meant(t, json_string_value(value)))
			return true;
	return false;
}

static void
tell_story(struct trace_command *t, struct trace_log *log)
{
	const char *line;

	while ((line = trace_log_next(log)) != NULL) {
		bool named = t->count > 1 || strstr(line, t->ids[0]) != NULL;
		struct trace_line l;
		json_t *row = NULL;
		char *copy;

		if (!named && t->since[0] != '\0')
			continue;
		copy = mem_strdup(line);
		if (parse_line(&l, copy)) {
			row = named ? row_of(&l) : NULL;
			if (t->since[0] == '\0')
				snprintf(t->since, sizeof(t->since), "%s", l.stamp);
		}
		if (row != NULL && is_about(t, row))
			show(t, &l, row);
		json_decref(row);
		free(copy);
	}
}

static int
trace(struct trace_command *t, const struct config_service *s)
{
	struct trace_log *log = trace_log_open(s);

	if (t->id != NULL)
		add_id(t, t->id);
	else
		find_ids(t, log);
	if (t->count > 0)
		tell_story(t, log);
	trace_log_close(log);
	free(t->ids);
	if (t->too_many)
		fprintf(stderr, "posternctl: more than %d messages; those after the first %d are not shown\n",
		    IDS_MAX, IDS_MAX);
	if (t->lines == 0)
		fprintf(stderr, "posternctl: the event log has no such message%s%s\n",
		    t->since[0] != '\0' ? "; it begins at " : "", t->since);
	else if (!t->json)
		fprintf(stderr, "posternctl: the event log begins at %s\n", t->since);
	return t->lines > 0 ? EX_OK : SERVER_SET_NO_MATCH;
}

/* --- the command --- */

int
trace_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct trace_command t = { .id = NULL };
	const struct option_row options[] = {
		{ "--sender", NULL, &t.sender, "an address or @domain" },
		{ "--recipient", NULL, &t.recipient, "an address or @domain" },
		{ .word = "--json", .set = &t.json }, { .word = NULL },
	};
	int status = options_take(row, words, count, options, &t.id, 1);
	struct server_set set;

	if (status != EX_OK)
		return status;
	if ((t.id != NULL) == (t.sender != NULL || t.recipient != NULL))
		return usage_say(row, "say either the id of a message, or --sender or --recipient");
	if (t.id != NULL && !message_id_is_valid(t.id))
		return usage_say(row, "that is no id of a message");
	status = server_set_open(&set, command_send_config(c));
	if (status == EX_OK)
		status = trace(&t, &set.config->service);
	server_set_close(&set);
	return status;
}
