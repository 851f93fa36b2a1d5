/*
 * trace_command - posternctl trace: the story of messages from the event log, also of those long gone
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  reads what this user may read, and says from when on that is. The log is read twice at the most:
 *           for the ids of the messages that are meant, and for what became of them
 * Fails by: an exit status; SERVER_SET_NO_MATCH when no such message is found, EX_NOPERM when it may stand
 *           where this user may not read
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/message_id.h"
#include "common/trace/trace_line.h"
#include "master/posternctl/events/events.h"

#define IDS_MAX 10000

struct trace_command {
	const char *id;
	struct trace_wish wish;		/* when there is no id */
	bool json;
	char (*ids)[MESSAGE_ID_SIZE];	/* sorted */
	size_t count;
	bool too_many;
	char since[64];			/* the time of the first line */
	size_t lines;			/* that were shown */
};

/* --- which messages --- */

static void
find_ids(struct trace_command *t, struct trace_log *log)
{
	struct trace_ids *ids = trace_ids_new(trace_line_parts(&t->wish), IDS_MAX);
	char *line, id[MESSAGE_ID_SIZE];
	struct trace_line l;
	unsigned parts;

	while (!trace_ids_is_full(ids) && (line = trace_log_next(log)) != NULL) {
		if (!trace_line_may_fit(&t->wish, line) || !trace_line_parse(&l, line))
			continue;
		parts = trace_line_fits(&t->wish, &l);
		if (parts != 0 && trace_line_id(&l, id))
			trace_ids_add(ids, id, parts);
	}
	t->ids = trace_ids_take(ids, &t->count);
	t->too_many = trace_ids_is_full(ids);
	trace_ids_free(ids);
	trace_log_rewind(log);
}

static void
take_id(struct trace_command *t)
{
	t->ids = mem_grow(NULL, 0, sizeof(*t->ids));
	memcpy(t->ids[t->count++], t->id, MESSAGE_ID_SIZE);
}

/* --- what became of them --- */

/* False: it is no event. */
static bool
show_json(const struct trace_line *l)
{
	char *line = mem_printf("%s\t%s\t%s\t%s", l->stamp, l->program, l->pid, l->rest), *text;
	json_t *row = answers_line_story(line), *all = answers_new();

	free(line);
	if (row != NULL) {
		json_object_update(all, row);
		text = answers_print_text(all);
		puts(text);
		free(text);
	}
	json_decref(all);
	json_decref(row);
	return row != NULL;
}

static void
show(struct trace_command *t, struct trace_log *log, const struct trace_line *l)
{
	trace_log_quiet(log);
	if (!t->json)
		printf("%s  %s\n", l->stamp, l->rest);
	t->lines += !t->json || show_json(l);
}

static void
tell_story(struct trace_command *t, struct trace_log *log)
{
	struct trace_line l;
	char *line;

	while ((line = trace_log_next(log)) != NULL) {
		bool named = t->count > 1 || strstr(line, t->ids[0]) != NULL;

		if ((!named && t->since[0] != '\0') || !trace_line_parse(&l, line))
			continue;
		if (t->since[0] == '\0')
			snprintf(t->since, sizeof(t->since), "%s", l.stamp);
		if (named && trace_line_names(&l, t->ids, t->count))
			show(t, log, &l);
	}
}

static int
say_none(const struct trace_command *t, const struct trace_log *log, const char *unkept)
{
	if (trace_log_is_refused(log)) {
		fprintf(stderr, "posternctl: what this user may read of the event log has no such message; "
		    "the rest is for other users\n");
		return EX_NOPERM;
	}
	if (unkept != NULL && t->since[0] == '\0') {
		fprintf(stderr, "posternctl: the events of this service go to %s, where trace cannot read "
		    "them; name a file: events of [service]\n", unkept);
		return SERVER_SET_NO_MATCH;
	}
	fprintf(stderr, "posternctl: the event log has no such message%s%s\n",
	    t->since[0] != '\0' ? "; it begins at " : "", t->since);
	return SERVER_SET_NO_MATCH;
}

static int
trace(struct trace_command *t, const struct config_service *s)
{
	struct trace_log *log = trace_log_open(s);
	int status = EX_OK;

	if (t->id != NULL)
		take_id(t);
	else
		find_ids(t, log);
	if (t->count > 0)
		tell_story(t, log);
	free(t->ids);
	trace_log_quiet(log);
	if (t->too_many)
		fprintf(stderr, "posternctl: more than %d messages; not all of them are shown\n", IDS_MAX);
	if (t->lines == 0)
		status = say_none(t, log, trace_log_unkept(s));
	else if (!t->json)
		fprintf(stderr, "posternctl: the event log begins at %s\n", t->since);
	trace_log_close(log);
	return status;
}

/* --- the command --- */

int
trace_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct trace_command t = { .id = NULL };
	const struct option_row options[] = {
		{ "--sender", NULL, &t.wish.sender, "an address or @domain" },
		{ "--recipient", NULL, &t.wish.recipient, "an address or @domain" },
		{ "--message-id", NULL, &t.wish.message_id, "the field of that name" },
		{ .word = "--json", .set = &t.json }, { .word = NULL },
	};
	int status = options_take(row, words, count, options, &t.id, 1);
	struct server_set set;

	if (status != EX_OK)
		return status;
	if ((t.id != NULL) ==
	    (t.wish.sender != NULL || t.wish.recipient != NULL || t.wish.message_id != NULL))
		return usage_say(row, "say either the id of a message, or --sender, --recipient or "
		    "--message-id");
	if (t.id != NULL && !message_id_is_valid(t.id))
		return usage_say(row, "that is no id of a message");
	status = server_set_open(&set, command_send_config(c));
	if (status == EX_OK)
		status = trace(&t, &set.config->service);
	server_set_close(&set);
	return status;
}
