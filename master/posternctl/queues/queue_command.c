/*
 * queue_command - posternctl queue and badmail: from options to a command, its pages, its outcome
 *
 * Runs in:  posternctl
 * Owns:     the selection
 * Promise:  a command that would change several messages only shows them, unless there is --yes. Messages
 *           that came after the command began are not touched
 * Fails by: an exit status: 3 nothing matches, 1 some could not be done or --yes is missing, 75 some are at
 *           work, else sysexits
 */
#include <bsd/stdlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/command/queue_words.h"
#include "common/config/config.h"
#include "master/posternctl/queues/queues.h"

#define QUEUE_COMMAND_NOT_ALL 1
#define QUEUE_COMMAND_SAMPLE 10
#define QUEUE_COMMAND_AGAIN_MS 200
#define QUEUE_COMMAND_SLOWER_MS 2000		/* at the most, while messages are at work */
#define QUEUE_COMMAND_AGAINS 150		/* 30 s */
#define QUEUE_COMMAND_PAGE_MAX (1U << 20)

/* --- pages --- */

/* A line of the answer that is no row: to people, and into the document. */
static void
say_remark(json_t *document, const char *text)
{
	fprintf(stderr, "posternctl: %s\n", text);
	answers_value_append_bytes(document, "remarks", text, strlen(text));
}

static bool
is_said(const json_t *document, const char *text)
{
	const json_t *said;
	size_t i;

	json_array_foreach(json_object_get(document, "remarks"), i, said)
		if (strcmp(json_string_value(said), text) == 0)
			return true;
	return false;
}

/* One walk through the queue of one virtual server. */
struct queue_walk {
	const char *socket_path, *server;
	struct command_words words;
	size_t fixed;			/* how many words stand before at= */
	struct queue_print *print;	/* NULL: rows are counted only */
	json_t *document;		/* remarks go there, too */
	size_t most;			/* so many rows are printed */
	bool sample;			/* ... and more are not asked for */
	struct queue_words_sums sums;
	char at[MSG_QUEUE_AT_SIZE + 16];
	char first[64];			/* id of the first row */
	unsigned state;
	unsigned long before;		/* evacuate: so many have gone in walks before */
	bool again;			/* what was said in a walk before is not said again */
	size_t rows;
	bool told;			/* there was a remark */
};

static void
add_sums(struct queue_words_sums *to, const struct queue_words_sums *from)
{
	to->matched += from->matched;
	to->done += from->done;
	to->busy += from->busy;
	to->failed += from->failed;
	to->recipients += from->recipients;
}

static void
take_trailer(struct queue_walk *w, const char *line)
{
	struct queue_words_trailer t;
	bool good = queue_words_trailer_parse(&t, line);

	w->state = t.state;
	if (!good)
		return;
	add_sums(&w->sums, &t.sums);
	if (w->state == MSG_QUEUE_OK)
		strcpy(w->at, t.at[strlen(t.at) - 1] == ':' ? "" : t.at);
}

static void
take_line(struct queue_walk *w, char *line)
{
	if (line[0] == '!') {
		if (!w->again || !is_said(w->document, line + 1))
			say_remark(w->document, line + 1);
		w->told = true;
	} else if (line[0] == '=') {
		take_trailer(w, line + 1);
	} else if (line[0] != '\0' && strchr(line, '\t') == NULL) {
		say_remark(w->document, line); /* a refusal */
	} else if (line[0] != '\0') {
		if (w->rows == 0)
			snprintf(w->first, sizeof(w->first), "%.*s", (int)strcspn(line, "\t"), line);
		if (w->rows++ < w->most && w->print != NULL)
			queue_print_row(w->print, w->server, line);
	}
}

static int
take_page(struct queue_walk *w)
{
	const char *words[COMMAND_WORDS_MAX];
	struct buf text = BUF_INIT(QUEUE_COMMAND_PAGE_MAX);
	int status;
	char *rest;

	w->words.count = w->fixed;
	if (w->at[0] != '\0')
		snprintf(w->words.word[w->words.count++], COMMAND_WORD_SIZE, "at=%s", w->at);
	for (size_t i = 0; i < w->words.count; i++)
		words[i] = w->words.word[i];
	w->at[0] = '\0';
	w->state = MSG_QUEUE_OK;
	status = control_client_service(w->socket_path, words, w->words.count, &text);
	rest = text.data;
	for (char *line; status != CONTROL_CLIENT_CUT && (line = strsep(&rest, "\n")) != NULL;)
		take_line(w, line);
	buf_done(&text);
	return status;
}

/* The name of the virtual server stands between both. */
static void
say_state(const struct queue_walk *w, const char *before, const char *after)
{
	char text[300];

	snprintf(text, sizeof(text), "%s %s%s", before, w->server, after);
	say_remark(w->document, text);
}

/* "to=" is for moving and evacuating; a list of what would go has none. */
static void
leave_out_target(struct command_words *words)
{
	size_t kept = 3;

	for (size_t i = 3; i < words->count; i++)
		if (strncmp(words->word[i], "to=", 3) != 0)
			memmove(words->word[kept++], words->word[i], COMMAND_WORD_SIZE);
	words->count = kept;
}

/* What goes over a network takes its time. `done`: before the last page. */
static void
tell_progress(const struct queue_walk *w, enum msg_queue_verb verb, unsigned long done)
{
	unsigned long all = w->before + w->sums.done;

	if (verb == MSG_QUEUE_EVACUATE && w->at[0] != '\0' && w->state == MSG_QUEUE_OK && w->sums.done > done)
		fprintf(stderr, "posternctl: %s: %lu message%s %s, and more to go\n", w->server, all,
		    all == 1 ? "" : "s", msg_queue_rows[verb].done);
}

/* Asks for all pages. The exit status. */
static int
walk_pages(struct queue_walk *w, const struct queue_command *q, enum msg_queue_verb verb,
    const char *socket_path, const char *server, int64_t newest)
{
	int status;
	unsigned again = 0;
	unsigned long done;
	char at[sizeof(w->at)];

	w->socket_path = socket_path;
	w->server = server;
	w->words = q->words;
	if (!msg_queue_rows[verb].target)
		leave_out_target(&w->words);
	snprintf(w->words.word[1], COMMAND_WORD_SIZE, "%s", server);
	snprintf(w->words.word[2], COMMAND_WORD_SIZE, "%s", msg_queue_rows[verb].name);
	snprintf(w->words.word[w->words.count++], COMMAND_WORD_SIZE, "newest=%lld", (long long)newest);
	w->fixed = w->words.count;
	do {
		strcpy(at, w->at);
		done = w->sums.done;
		status = take_page(w);
		tell_progress(w, verb, done);
		if (status != EX_OK || w->state == MSG_QUEUE_OK)
			continue;
		if (w->state == MSG_QUEUE_LOCKED) {
			if (!w->told)	/* by a service of an older version */
				say_state(w, "another process has the queue of", ": it is left alone");
			return EX_UNAVAILABLE;
		}
		if (again++ == QUEUE_COMMAND_AGAINS) {
			say_state(w, "the delivery process of",
			    " is still reading its queue; ask again");
			return EX_TEMPFAIL;
		}
		strcpy(w->at, at);
		(void)poll(NULL, 0, QUEUE_COMMAND_AGAIN_MS);
	} while (status == EX_OK && (w->at[0] != '\0' || w->state != MSG_QUEUE_OK) &&
	    !(w->sample && w->rows >= w->most));
	return status;
}

/* --- a command --- */

static void
print_refusal(const char *const *words, size_t count, const char *text)
{
	json_t *document = answers_json(words, count, text);

	answers_print(document, stdout);
	json_decref(document);
}

/* The virtual servers of the command: the one named, or all on which the user has the right for it. */
static int
list_servers(const struct queue_command *q, const char *socket_path, char (**name)[CONFIG_NAME_MAX + 1],
    size_t *count)
{
	const char *words[] = { q->words.word[0], "-", msg_queue_rows[q->verb].name };
	struct buf text = BUF_INIT(QUEUE_COMMAND_PAGE_MAX);
	char *rest;
	int status;

	*name = NULL;
	*count = 0;
	status = strcmp(q->words.word[1], "-") == 0 ? control_client_service(socket_path, words,
	    nitems_of(words), &text) : EX_OK;
	if (strcmp(q->words.word[1], "-") != 0)
		buf_printf(&text, "@%s\n", q->words.word[1]);
	if (q->json && status != EX_OK && text.len > 0)
		print_refusal(words, nitems_of(words), buf_text(&text));
	rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] == '@') {
			*name = mem_grow(*name, *count, sizeof(**name));
			snprintf((*name)[(*count)++], CONFIG_NAME_MAX + 1, "%s", line + 1);
		} else if (line[0] != '\0') {
			fprintf(stderr, "posternctl: %s\n", line);
		}
	buf_done(&text);
	return status;
}

/* Adds the states of the verb, unless the operator gave some. */
static void
add_states(struct queue_command *q)
{
	for (size_t i = 3; i < q->words.count; i++)
		if (strncmp(q->words.word[i], "state=", 6) == 0)
			return;
	for (uint32_t bit = 1; bit <= QUEUE_FILTER_ANY; bit <<= 1)
		if ((msg_queue_rows[q->verb].states & bit) != 0 && q->words.count < COMMAND_WORDS_MAX - 2)
			snprintf(q->words.word[q->words.count++], COMMAND_WORD_SIZE, "state=%s",
			    queue_filter_state_name((enum queue_filter_state)bit));
}

static void
print_result_json(const char *action, const struct queue_words_sums *n, json_t *remarks)
{
	json_t *document = answers_new();

	json_object_update_new(document, json_pack("{sssIsIsIsIsI}", "action", action,
	    "matched", (json_int_t)n->matched, "done", (json_int_t)n->done, "busy", (json_int_t)n->busy,
	    "failed", (json_int_t)n->failed, "recipients", (json_int_t)n->recipients));
	json_object_update(document, remarks);
	answers_print(document, stdout);
	json_decref(document);
}

static int
print_result(const struct queue_command *q, const struct queue_words_sums *sums, json_t *remarks)
{
	const struct msg_queue_row *row = &msg_queue_rows[q->verb];

	if (q->json)
		print_result_json(row->name, sums, remarks);
	else if (sums->matched == 0 && q->wait_ms == 0)
		fprintf(stderr, "posternctl: no message matches\n");
	else if (q->verb == MSG_QUEUE_DELETE || q->verb == MSG_QUEUE_BOUNCE)
		printf("%lu message%s %s for %lu recipient%s\n", sums->done, sums->done == 1 ? "" : "s",
		    row->done, sums->recipients, sums->recipients == 1 ? "" : "s");
	else
		printf("%lu message%s %s\n", sums->done, sums->done == 1 ? "" : "s", row->done);
	if (sums->busy > 0)
		fprintf(stderr, "posternctl: %lu at work just now %s left alone; ask again, or hold first\n",
		    sums->busy, sums->busy == 1 ? "was" : "were");
	if (q->wait_ms > 0 && sums->matched > sums->done + sums->failed + sums->busy)
		fprintf(stderr, "posternctl: %lu left the queue meanwhile in another way\n",
		    sums->matched - sums->done - sums->failed - sums->busy);
	/* who waits until none is left has it when there is none */
	return sums->matched == 0 && q->wait_ms == 0 ? QUEUE_COMMAND_NONE : sums->failed > 0 ?
	    QUEUE_COMMAND_NOT_ALL : sums->busy > 0 ? EX_TEMPFAIL : EX_OK;
}

struct queue_run {
	struct queue_command *q;
	const char *socket_path;
	char (*name)[CONFIG_NAME_MAX + 1];
	size_t names;
	int64_t newest;
	bool again;			/* the queue was gone through before */
	json_t *document;		/* what it has behind its rows */
};

static int
run_pages(struct queue_run *c, enum msg_queue_verb verb, struct queue_print *print, size_t most,
    struct queue_words_sums *sums, struct queue_walk *last)
{
	size_t shown = 0;
	bool sample = most == QUEUE_COMMAND_SAMPLE;
	int status = EX_OK;

	for (size_t i = 0; i < c->names && status == EX_OK && (!sample || shown < most); i++) {
		struct queue_walk w = { .print = print, .most = most - shown, .sample = sample,
		    .document = c->document, .again = c->again, .before = sums->done };

		status = walk_pages(&w, c->q, verb, c->socket_path, c->name[i], c->newest);
		shown += w.rows < w.most ? w.rows : w.most;
		add_sums(sums, &w.sums);
		if (w.rows > 0)
			*last = w;
	}
	return status;
}

static void
end_rows(struct queue_run *c, struct queue_print *print, const struct queue_words_sums *sums)
{
	json_object_set_new(c->document, "matched", json_integer((json_int_t)sums->matched));
	queue_print_end(print, c->document);
}

/* How many there are, and some of them: the first page of their list. */
static int
sample_rows(struct queue_run *c, struct queue_print *print, struct queue_words_sums *sums,
    struct queue_walk *last)
{
	enum msg_queue_place place = msg_queue_rows[c->q->verb].place;
	struct queue_words_sums unused = { 0 };
	int status = run_pages(c, msg_queue_find("tally", place), NULL, 0, sums, last);

	return status == EX_OK && sums->matched > 0 ? run_pages(c, msg_queue_find("list", place), print,
	    QUEUE_COMMAND_SAMPLE, &unused, last) : status;
}

/* Without --yes: shows the messages; when there is only one, selects it: QUEUE_COMMAND_AGAINS. */
static int
show_first(struct queue_run *c)
{
	struct queue_command *q = c->q;
	enum msg_queue_verb verb = msg_queue_find("list", msg_queue_rows[q->verb].place);
	struct queue_print *print = queue_print_new(verb, q->json);
	struct queue_words_sums sums = { 0 };
	struct queue_walk last = { 0 };
	int status;

	add_states(q);
	status = sample_rows(c, print, &sums, &last);
	if (status == EX_OK && last.rows == 0)
		sums.matched = 0;		/* it has left since it was counted */
	if (status == EX_OK && sums.matched == 1) {
		queue_print_free(print);
		snprintf(q->words.word[q->words.count++], COMMAND_WORD_SIZE, "id=%s", last.first);
		snprintf(q->words.word[1], COMMAND_WORD_SIZE, "%s", last.server);
		return QUEUE_COMMAND_AGAINS; /* the caller goes on */
	}
	if (status == EX_OK && sums.matched > 1) {
		end_rows(c, print, &sums);
		fprintf(stderr, "posternctl: %lu messages would be %s%s; say --yes\n", sums.matched,
		    msg_queue_rows[q->verb].done,
		    sums.matched > QUEUE_COMMAND_SAMPLE ? ", some of them are shown" : "");
		status = QUEUE_COMMAND_NOT_ALL;
	} else if (status == EX_OK) {
		status = print_result(q, &sums, c->document);
	}
	queue_print_free(print);
	return status;
}

/*
 * Those that were at work, while there is time: one that is at work for long is left. Each was counted as one
 * that matches the first time.
 */
static int
run_again(struct queue_run *c, struct queue_words_sums *sums, struct queue_walk *last)
{
	uint64_t until = clock_mono_ms() + c->q->wait_ms;
	unsigned long matched = sums->matched;
	int status = EX_OK, pause_ms = QUEUE_COMMAND_AGAIN_MS;

	c->again = true;
	while (status == EX_OK && sums->busy > 0 && sums->failed == 0 && clock_mono_ms() < until) {
		(void)poll(NULL, 0, pause_ms);
		pause_ms = pause_ms < QUEUE_COMMAND_SLOWER_MS ? pause_ms + pause_ms / 4 : pause_ms;
		sums->busy = 0;
		status = run_pages(c, c->q->verb, NULL, SIZE_MAX, sums, last);
		sums->matched = matched;
	}
	return status;
}

static int
run_command(struct queue_run *c)
{
	struct queue_command *q = c->q;
	bool acts = msg_queue_rows[q->verb].acts, tallies = msg_queue_rows[q->verb].tallies;
	struct queue_print *print = acts || tallies ? NULL : queue_print_new(q->verb, q->json);
	struct queue_words_sums sums = { 0 };
	struct queue_walk last = { 0 };
	int status = run_pages(c, q->verb, print, SIZE_MAX, &sums, &last);

	if (status == EX_OK && q->wait_ms > 0)
		status = run_again(c, &sums, &last);
	if (status == EX_OK && acts) {
		status = print_result(q, &sums, c->document);
	} else if (status == EX_OK && tallies && !q->json) {
		printf("%lu\n", sums.matched);
	} else if (status == EX_OK && tallies) {
		print_result_json(msg_queue_rows[q->verb].name, &sums, c->document);
	} else if (status == EX_OK) {
		end_rows(c, print, &sums);
		/* an empty queue is no fault */
		status = sums.matched > 0 || q->words.count == 3 ? EX_OK : QUEUE_COMMAND_NONE;
		if (sums.matched == 0 && !q->json)
			fprintf(stderr, status == EX_OK ? "posternctl: there is no message\n" :
			    "posternctl: no message matches\n");
	} else if (print != NULL && q->json) {
		end_rows(c, print, &sums);	/* what came, and why not all */
	} else if (q->json) {
		print_result_json(msg_queue_rows[q->verb].name, &sums, c->document);
	}
	queue_print_free(print);
	return status;
}

int
queue_command_run(struct queue_command *q, const char *socket_path)
{
	struct queue_run c = { .q = q, .socket_path = socket_path, .newest = clock_wall_us(),
	    .document = json_pack("{s[]}", "remarks") };
	int status = list_servers(q, socket_path, &c.name, &c.names);

	if (status == EX_OK && msg_queue_rows[q->verb].acts && !q->yes) {
		status = show_first(&c);
		if (status == QUEUE_COMMAND_AGAINS) {
			status = EX_OK;
			c.names = 1;
			snprintf(c.name[0], sizeof(c.name[0]), "%.*s", CONFIG_NAME_MAX, q->words.word[1]);
			status = run_command(&c);
		}
	} else if (status == EX_OK) {
		status = run_command(&c);
	}
	free(c.name);
	json_decref(c.document);
	return status;
}

int
queue_command_tally(const char *socket_path, const char *server, uint32_t states, unsigned long *messages)
{
	struct queue_command q = { .verb = MSG_QUEUE_TALLY };
	struct queue_walk w = { .document = json_pack("{s[]}", "remarks") };
	int status;

	snprintf(q.words.word[0], COMMAND_WORD_SIZE, "queue");
	q.words.count = 3;
	for (uint32_t bit = 1; bit <= QUEUE_FILTER_ANY; bit <<= 1)
		if ((states & bit) != 0)
			snprintf(q.words.word[q.words.count++], COMMAND_WORD_SIZE, "state=%s",
			    queue_filter_state_name((enum queue_filter_state)bit));
	status = walk_pages(&w, &q, q.verb, socket_path, server, clock_wall_us());
	*messages = w.sums.matched;
	json_decref(w.document);
	return status;
}
