/*
 * sessions_request - a command about sessions: shows them, or ends those that it selects
 *
 * Runs in:  master
 * Owns:     the selection, and the answers of the listeners
 * Promise:  ends only sessions that it found before; more than one only with the word "yes"; only sessions
 *           of virtual servers that the user may operate
 * Fails by: an answer that says so
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

struct sessions_request {
	struct control_question q;
	struct sessions_wish wish;
	struct sessions_gather *gather;
	char server[CONFIG_NAME_MAX + 1];
	bool ending;			/* the sessions were found; the listeners end them now */
};

static struct sessions_request *
request_of(struct control_question *q)
{
	return (struct sessions_request *)q;	/* its first member */
}

/* --- the words --- */

static bool
parse_number(const char *text, long long max, long long *value)
{
	const char *why = NULL;

	*value = strtonum(text, 0, max, &why);
	return why == NULL;
}

static bool
take_id(struct sessions_wish *w, const char *text)
{
	char pid[16];
	const char *dash = strchr(text, '-');

	long long p, s;
	if (dash == NULL || dash == text || (size_t)(dash - text) >= sizeof(pid) ||
	    w->ids == CONTROL_WORDS_MAX)
		return false;
	memcpy(pid, text, (size_t)(dash - text));
	pid[dash - text] = '\0';
	if (!parse_number(pid, INT32_MAX, &p) || !parse_number(dash + 1, UINT32_MAX, &s))
		return false;
	w->id[w->ids].pid = (pid_t)p;
	w->id[w->ids++].serial = (uint32_t)s;
	return true;
}

static bool
take_from(struct sessions_wish *w, const char *text)
{
	struct net_entry e;
	const char *why;
	bool good;

	if (net_entry_parse(&e, text, &why) == -1)
		return false;
	good = e.family != AF_UNSPEC;
	w->ask.family = e.family;
	memcpy(w->ask.bytes, e.bytes, sizeof(e.bytes));
	memcpy(w->ask.mask, e.mask, sizeof(e.mask));
	net_entry_done(&e);
	return good;
}

static bool
take_idle(struct sessions_wish *w, const char *text)
{
	long long ms;
	if (!parse_number(text, INT64_MAX, &ms))
		return false;
	w->ask.idle_ms = (uint64_t)ms;
	return true;
}

static bool
take_user(struct sessions_wish *w, const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= sizeof(w->ask.name))
		return false;
	memcpy(w->ask.name, text, len + 1);
	return true;
}

static const struct sessions_option {
	const char *prefix;
	bool (*take)(struct sessions_wish *w, const char *text);
} options[] = {
	{ "id=", take_id }, { "from=", take_from }, { "user=", take_user }, { "idle=", take_idle },
};

static bool
take_word(struct sessions_wish *w, const char *word)
{
	for (size_t i = 0; i < nitems_of(options); i++) {
		size_t n = strlen(options[i].prefix);

		if (strncmp(word, options[i].prefix, n) == 0) {
			w->chosen = true;
			return options[i].take(w, word + n);
		}
	}
	if (strcmp(word, "all") == 0)
		return w->chosen = true;
	return strcmp(word, "yes") == 0 && (w->yes = true);
}

/* sessions NAME|- list|terminate [id=PID-SERIAL]... [from=NETWORK] [user=NAME] [idle=MS] [all] [yes] */
bool
sessions_request_parse(struct sessions_wish *w, const struct control_words *words)
{
	memset(w, 0, sizeof(*w));
	if (words->count < 3)
		return false;
	w->terminate = strcmp(words->word[2], "terminate") == 0;
	if (!w->terminate && strcmp(words->word[2], "list") != 0)
		return false;
	for (size_t i = 3; i < words->count; i++)
		if (!take_word(w, words->word[i]))
			return false;
	return w->chosen || !w->terminate;
}

/* --- asking --- */

static int
compare_serials(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* Adds a listener, unless ids are given and none of them is one of its sessions. */
static void
add_listener(struct sessions_gather *g, const struct sessions_wish *w, struct child *c)
{
	uint32_t serial[CONTROL_WORDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < w->ids; i++)
		if (w->id[i].pid == c->pid)
			serial[n++] = w->id[i].serial;
	if (w->ids > 0 && n == 0)
		return;
	qsort(serial, n, sizeof(serial[0]), compare_serials);
	sessions_gather_add(g, c, serial, n);
}

static bool
may_ask_listener(const struct control_command *cmd, const struct child *c)
{
	return c->role == ROLE_LISTENER && c->server != NULL && c->ctl != NULL && child_is_ours(c) &&
	    c->phase != CHILD_BORN &&
	    control_answer_covers(cmd, c->server, NULL);
}

/* The serials of one process in the rows that were found ("PID-SERIAL ..."), in their order; how many. */
static size_t
serials_found(const struct sessions_gather *g, pid_t pid, uint32_t *serial)
{
	size_t n = 0;
	const char *at = buf_text(&g->rows);

	while (*at != '\0') {
		char *end;
		long p = strtol(at, &end, 10);

		if (p == pid && *end == '-')
			serial[n++] = (uint32_t)strtoul(end + 1, NULL, 10);
		at += strcspn(at, "\n");
		at += *at != '\0';
	}
	return n;
}

/* The second question: names the sessions that were found, and ends them. */
static void
end_chosen(struct sessions_request *s, const struct control_command *cmd)
{
	struct msg_sessions_ask ask = { .end = 1 };
	struct sessions_gather *found = s->gather;
	uint32_t *serial = mem_array(NULL, found->count, sizeof(*serial));
	struct child *c;

	snprintf(ask.author, sizeof(ask.author), "%s", cmd->peer->author);
	s->ending = true;
	control_question_clear(&s->q);
	s->gather = sessions_gather_new(&s->q, &ask);
	TAILQ_FOREACH(c, &s->q.m->children, link) {
		size_t n = may_ask_listener(cmd, c) ? serials_found(found, c->pid, serial) : 0;

		if (n > 0)
			sessions_gather_add(s->gather, c, serial, n);
	}
	free(serial);
	sessions_gather_free(found);
	sessions_gather_start(s->gather);
}

static void
answer_rows(struct control_command *cmd, const struct sessions_gather *g, const char *fmt, int status)
{
	buf_done(&cmd->text);
	buf_init(&cmd->text, g->rows.cap + MASTER_TEXT_MAX);
	buf_add(&cmd->text, buf_text(&g->rows), g->rows.len);
	buf_add(&cmd->text, buf_text(&g->notes), g->notes.len);
	if (fmt != NULL)
		buf_printf(&cmd->text, "%c%zu session%s %s\n", status == 0 ? '=' : '!', g->count,
		    g->count == 1 ? "" : "s", fmt);
	cmd->status = g->late ? EX_TEMPFAIL : status;
}

static bool
update_request(struct control_question *q, struct control_command *cmd)
{
	struct sessions_request *s = request_of(q);
	char who[CONTROL_ANSWER_WHO_SIZE];

	if (!q->over)
		return false;
	if (!s->wish.terminate) {
		answer_rows(cmd, s->gather, NULL, 0);
	} else if (s->ending) {
		control_answer_who(who, cmd);
		log_event(LOG_FACT, NULL, "operator",
		    "server=%s %s command=terminate result=ok sessions=%zu", s->server, who,
		    s->gather->count);
		answer_rows(cmd, s->gather, "ended", 0);
	} else if (s->gather->count == 0) {
		answer_rows(cmd, s->gather, "found", CONTROL_NO_MATCH);
	} else if (s->gather->count > 1 && !s->wish.yes) {
		answer_rows(cmd, s->gather, "would be ended; say --yes to end them", CONTROL_REFUSED);
	} else {
		end_chosen(s, cmd);
		return update_request(q, cmd);
	}
	return true;
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	sessions_gather_page(request_of(q)->gather, part, m);
}

static void
on_gone(struct control_question *q, size_t part)
{
	sessions_gather_gone(request_of(q)->gather);
}

static void
on_late(struct control_question *q)
{
	sessions_gather_late(request_of(q)->gather);
}

static void
free_request(struct control_question *q)
{
	sessions_gather_free(request_of(q)->gather);
	free(request_of(q));
}

static const struct control_question_ops sessions_ops = {
	.ask = CTL_SESSIONS, .answer = CTL_SESSIONS_PAGE, .text = CTL_SESSIONS_PAGE,
	.page = on_page, .gone = on_gone, .late = on_late, .update = update_request, .free = free_request,
};

void
sessions_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *words)
{
	struct sessions_request *s = mem_new(struct sessions_request);
	struct child *c;

	if (!sessions_request_parse(&s->wish, words)) {
		buf_puts(&cmd->text, "!the service does not understand this selection of sessions\n");
		cmd->status = EX_USAGE;
		free(s);
		return;
	}
	snprintf(s->server, sizeof(s->server), "%s", only != NULL ? only->name : "-");
	control_question_init(&s->q, m, &sessions_ops);
	s->gather = sessions_gather_new(&s->q, &s->wish.ask);
	TAILQ_FOREACH(c, &m->children, link)
		if (may_ask_listener(cmd, c) && (only == NULL || c->server == only))
			add_listener(s->gather, &s->wish, c);
	cmd->question = &s->q;
	cmd->waiting = true;
	sessions_gather_start(s->gather);
}
