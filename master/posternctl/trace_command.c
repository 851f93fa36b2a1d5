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
#include "common/trace/trace_line.h"
#include "master/posternctl/posternctl.h"

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

static void
find_ids(struct trace_command *t, struct trace_log *log)
{
	char *line, id[MESSAGE_ID_SIZE];
	struct trace_line l;

	while ((line = trace_log_next(log)) != NULL && !t->too_many)
		if (trace_line_may_fit(&t->wish, line) && trace_line_parse(&l, line) &&
		    trace_line_fits(&t->wish, &l) && trace_line_id(&l, id))
			add_id(t, id);
	trace_line_sort_ids(t->ids, t->count);
	trace_log_rewind(log);
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
