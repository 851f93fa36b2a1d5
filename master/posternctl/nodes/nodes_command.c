/*
 * nodes_command - posternctl --on: a command on several hosts, and its exit status
 *
 * Runs in:  posternctl
 * Owns:     the nodes
 * Promise:  a command that is wrong goes to no node; what one node says, or that it is dead, changes nothing
 *           for the others
 * Fails by: EX_UNAVAILABLE, a node did not answer; else the largest exit status of a node
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/config/key.h"
#include "master/posternctl/nodes/nodes.h"
#include "master/posternctl/posternctl.h"

#define COMMAND_MAX 65536U	/* bytes; Linux takes 128 KiB for a word of sh */
#define HEALTH_CRITICAL 2

/* Where a command asks questions, or its input is what it is for: there is no terminal on a node. */
static bool
needs_input(const char *const *words, size_t count)
{
	static const char *const rows[][2] = { { "new", NULL }, { "api", NULL }, { "web", NULL },
	    { "domain", "new" }, { "passwd", "--stdin" } };

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(words[0], rows[i][0]) == 0 && (rows[i][1] == NULL ||
		    (count > 1 && strcmp(words[1], rows[i][1]) == 0)))
			return true;
	return false;
}

/* "--older 5", and "--older=5"; NULL: it is none of that name. */
static const char *
value_of(const char *const *words, size_t count, const char *option)
{
	size_t len = strlen(option);

	return strncmp(words[0], option, len) != 0 ? NULL : words[0][len] == '=' ? words[0] + len + 1 :
	    words[0][len] == '\0' && count > 1 ? words[1] : NULL;
}

/* A time among the words of a command. */
struct time_option {
	const char *command, *option;
	bool waits;			/* the command waits so long: no node may have less */
};

static bool
time_is_good(const struct command *row, const struct time_option *o, const char *value, uint64_t limit_ms)
{
	uint64_t ms;

	if (key_parse_time(value, &ms) != 0)
		usage_say(row, "%s %.60s: it wants " COMPLAINT_TIME, o->option, value);
	else if (o->waits && limit_ms > 0 && limit_ms < ms)
		usage_say(row, "%s %.60s: --on-timeout ends it before; give it more, or leave it out",
		    o->option, value);
	else
		return true;
	return false;
}

/* A node would say the same, each of them, after an ssh. */
static bool
times_are_good(const struct command *row, const char *const *words, size_t count, uint64_t limit_ms)
{
	static const struct time_option options[] = { { "drain", "--timeout", true },
	    { "queue", "--wait", true }, { "queue", "--older", false }, { "queue", "--newer", false },
	    { "badmail", "--older", false }, { "badmail", "--newer", false }, { "drop", "--older", false },
	    { "drop", "--newer", false }, { "sessions", "--idle", false } };
	const char *value;

	for (size_t i = 0; i < nitems_of(options); i++)
		for (size_t k = 1; k < count && strcmp(words[0], options[i].command) == 0; k++) {
			value = value_of(words + k, count - k, options[i].option);
			if (value != NULL && !time_is_good(row, &options[i], value, limit_ms))
				return false;
		}
	return true;
}

/* They end by themselves, or when the operator ends them. A verb stands behind the name, or has none. */
static bool
takes_its_time(const char *const *words, size_t count)
{
	static const char *const rows[][2] = { { "watch", NULL }, { "drain", NULL }, { "stop", NULL },
	    { "queue", "evacuate" } };

	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(words[0], rows[i][0]) == 0 && (rows[i][1] == NULL ||
		    (count > 1 && strcmp(words[1], rows[i][1]) == 0) ||
		    (count > 2 && strcmp(words[2], rows[i][1]) == 0)))
			return true;
	return false;
}

/* The text for the shell of a node. -c and -s are paths there. */
static void
format_command(struct buf *text, const struct command_context *c, const char *const *words, size_t count,
    bool ask_json)
{
	nodes_quote(text, "posternctl");
	if (c->config_path != NULL) {
		nodes_quote(text, "-c");
		nodes_quote(text, c->config_path);
	}
	if (c->socket_path != NULL) {
		nodes_quote(text, "-s");
		nodes_quote(text, c->socket_path);
	}
	for (size_t i = 0; i < count; i++)
		nodes_quote(text, words[i]);
	if (ask_json)
		nodes_quote(text, "--json");
}

/* A node that answers something else is one that does not answer. No output: the error output says why. */
static void
read_document(struct node *n)
{
	json_error_t error;

	if (n->error.len > 0 || n->text.len == 0)
		return;
	n->document = json_loadb(n->text.data, n->text.len, 0, &error);
	if (json_is_object(n->document))
		return;
	json_decref(n->document);
	n->document = NULL;
	n->status = EX_UNAVAILABLE;
	buf_puts(&n->error, "its answer is no JSON");
}

/* What monitoring reads is whole, whatever became of a node. */
static void
judge_silent(struct node *n)
{
	char line[NODES_FAULT_SIZE];

	if (n->document != NULL || nodes_view_fault(n, line) == NULL)
		return;
	if (n->error.len == 0)
		buf_puts(&n->error, line);
	buf_clear(&n->remarks);
	n->document = nodes_merge_critical(line);
}

static bool
is_health(enum nodes_view view)
{
	return view == NODES_VIEW_HEALTH || view == NODES_VIEW_HEALTH_JSON;
}

/* What monitoring takes for worse comes first; a node without answer is critical. */
static int
rank(enum nodes_view view, const struct node *n)
{
	static const int ranks[] = { 0, 1, 3, 2 };

	if (!is_health(view))
		return n->error.len > 0 ? 1000 : n->status;
	return n->error.len > 0 ? ranks[HEALTH_CRITICAL] : n->status >= 0 && n->status < 4 ?
	    ranks[n->status] : ranks[3];
}

static int
exit_status(enum nodes_view view, const struct node *nodes, size_t count)
{
	static const int health[] = { 0, 1, 3, HEALTH_CRITICAL };
	int worst = 0;

	for (size_t i = 0; i < count; i++)
		if (rank(view, &nodes[i]) > worst)
			worst = rank(view, &nodes[i]);
	return is_health(view) ? health[worst] : worst == 1000 ? EX_UNAVAILABLE : worst;
}

static int
run(const struct command_context *c, const char *const *words, size_t count, struct node *nodes,
    size_t node_count)
{
	const struct answers_table *table;
	enum nodes_view view = nodes_view_of(words, count, &table);
	struct buf text = BUF_INIT(COMMAND_MAX);
	uint64_t limit = c->nodes_limit_ms;
	int status = EX_OK;

	if (limit == 0 && !takes_its_time(words, count))
		limit = NODES_LIMIT_MS;
	format_command(&text, c, words, count, view == NODES_VIEW_TABLE);
	buf_add(&text, "", 1);
	if (!buf_ok(&text)) {
		fprintf(stderr, "posternctl: the command is too long\n");
		status = EX_USAGE;
	} else if (!nodes_run(nodes, node_count, text.data, limit,
	    view == NODES_VIEW_EVENTS ? nodes_view_event : NULL)) {
		status = EX_OSERR;
	}
	buf_done(&text);
	if (status != EX_OK)
		return status;
	for (size_t i = 0; i < node_count; i++) {
		if (view == NODES_VIEW_TABLE || view == NODES_VIEW_JSON || view == NODES_VIEW_HEALTH_JSON)
			read_document(&nodes[i]);
		if (view == NODES_VIEW_HEALTH_JSON)
			judge_silent(&nodes[i]);
	}
	nodes_view_print(view, table, nodes, node_count);
	return exit_status(view, nodes, node_count);
}

int
nodes_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	struct node *nodes;
	size_t node_count;
	int status = EX_USAGE;

	if (needs_input(words, count)) {
		fprintf(stderr, "posternctl: %s needs an input, which --on does not give\n", row->name);
		return EX_USAGE;
	}
	if (!times_are_good(row, words, count, c->nodes_limit_ms))
		return EX_USAGE;
	nodes = nodes_list_parse(c->nodes, &node_count, &why);
	if (nodes != NULL)
		status = run(c, words, count, nodes, node_count);
	else
		fprintf(stderr, "posternctl: %s\n", buf_text(&why));
	nodes_list_free(nodes, nodes != NULL ? node_count : 0);
	buf_done(&why);
	return status;
}
