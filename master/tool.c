/*
 * tool - posternctl queue and badmail: options into an order, its pages, and how it ended
 *
 * Runs in:  posternctl
 * Owns:     the selection
 * Promise:  what changes more than one message is only shown without --yes; only what was there when the command began is touched
 * Fails by: an exit status: 3 nothing matched, 1 some could not be done or --yes is wanted, 75 some are at work, else sysexits
 */
#include <bsd/stdlib.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "common/process/key.h"
#include "master/master.h"

#define TOOL_NONE 3
#define TOOL_NOT_ALL 1
#define TOOL_SAMPLE 10
#define TOOL_AGAIN_MS 200
#define TOOL_AGAINS 150		/* 30 s */
#define TOOL_PAGE_MAX (1U << 20)

/* --- options --- */

static bool
tool_add(struct tool *t, const char *key, const char *value, bool encoded)
{
	struct buf word = BUF_INIT(ADMIN_WORD_SIZE - 1);
	buf_puts(&word, key);
	if (encoded)
		pick_encode(&word, value);
	else
		buf_puts(&word, value);
	bool good = buf_ok(&word) && t->words.count < ADMIN_WORDS_MAX - 4; /* room for at, newest, id */
	if (good)
		strcpy(t->words.word[t->words.count++], buf_text(&word));
	buf_done(&word);
	return good;
}

static bool
tool_age(struct tool *t, const char *key, const char *value)
{
	char seconds[24];
	uint64_t ms;
	if (key_parse_time(value, &ms) == -1 || ms < 1000)
		return false;
	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(ms / 1000));
	return tool_add(t, key, seconds, false);
}

enum tool_kind { TOOL_PATTERN, TOOL_AGE, TOOL_PLAIN, TOOL_FLAG };

static const struct tool_option {
	const char *name, *key;
	enum tool_kind kind;
	bool queue_only;
} tool_options[] = {
	{ "--id", "id=", TOOL_PATTERN, false }, { "--sender", "sender=", TOOL_PATTERN, false },
	{ "--recipient", "recipient=", TOOL_PATTERN, false }, { "--domain", "domain=", TOOL_PATTERN, false },
	{ "--older", "older=", TOOL_AGE, false }, { "--newer", "newer=", TOOL_AGE, false },
	{ "--state", "state=", TOOL_PLAIN, true }, { "--held", "state=held", TOOL_FLAG, true }, { "--all", "all", TOOL_FLAG, false },
	{ "--to", "to=", TOOL_PLAIN, true }, { "--reason", "reason=", TOOL_PATTERN, true },
};

/* The words used; 0 not understood. */
static size_t
tool_option(struct tool *t, bool badmail, const char *const *words, size_t count)
{
	if (strcmp(words[0], "--yes") == 0)
		return t->yes = true;
	if (strcmp(words[0], "--json") == 0)
		return t->json = true;
	for (size_t i = 0; i < nitems_of(tool_options); i++) {
		const struct tool_option *o = &tool_options[i];
		if (strcmp(words[0], o->name) != 0 || (badmail && o->queue_only))
			continue;
		if (o->kind == TOOL_FLAG)
			return tool_add(t, o->key, "", false);
		if (count < 2 || words[1][0] == '\0')
			return 0;
		bool good = o->kind == TOOL_AGE ? tool_age(t, o->key, words[1]) : tool_add(t, o->key, words[1], o->kind == TOOL_PATTERN);
		return good ? 2 : 0;
	}
	return 0;
}

static bool
tool_is_id(const char *word)
{
	size_t n = strspn(word, "0123456789abcdefghjkmnpqrstvwxyz");
	return n == MESSAGE_ID_LEN && (word[n] == '\0' || word[n] == '-');
}

/* What the verb needs beyond the words being understood. */
static bool
tool_judge(const struct tool *t, const char **why)
{
	struct chore_ask ask;
	pid_t pid;
	bool ids = false;
	for (size_t i = 3; i < t->words.count; i++)
		ids = ids || strncmp(t->words.word[i], "id=", 3) == 0;
	*why = "these messages cannot be meant; say which: ids, --all, or other options";
	if (!clerk_parse(&ask, &pid, &t->words))
		return false;
	*why = "say which: one or more ids";
	return (t->verb != CHORE_SHOW && t->verb != CHORE_BADMAIL_SHOW) || ids;
}

int
tool_parse(struct tool *t, bool badmail, const char *const *words, size_t count, const char **why)
{
	size_t at = count >= 2 && chore_find(words[1], badmail) != CHORE_VERBS;
	*why = NULL;
	memset(t, 0, sizeof(*t));
	if (count == 0 || (t->verb = chore_find(words[at], badmail)) == CHORE_VERBS)
		return EX_USAGE;
	if (strlen(words[0]) >= ADMIN_WORD_SIZE)
		return EX_USAGE;
	strcpy(t->words.word[0], badmail ? "badmail" : "queue");
	strcpy(t->words.word[1], at == 1 ? words[0] : "-");
	strcpy(t->words.word[2], words[at]);
	t->words.count = 3;
	for (size_t i = at + 1, used = 1; i < count; i += used) {
		used = 1;
		if (words[i][0] != '-' && tool_is_id(words[i]))
			used = tool_add(t, "id=", words[i], false);
		else if (words[i][0] != '-' && strcmp(t->words.word[1], "-") == 0 && strlen(words[i]) < ADMIN_WORD_SIZE)
			strcpy(t->words.word[1], words[i]);
		else
			used = tool_option(t, badmail, words + i, count - i);
		if (used == 0)
			return EX_USAGE;
	}
	return tool_judge(t, why) ? EX_OK : EX_USAGE;
}

/* --- pages --- */

struct tool_sums { unsigned long matched, done, busy, failed, recipients; };

/* One walk through the queues of one virtual server. */
struct tool_walk {
	const char *socket_path, *server;
	struct admin_words words;
	size_t fixed;			/* words before at= */
	struct tool_print *print;	/* NULL: rows are only counted */
	size_t most;			/* print so many rows */
	struct tool_sums sums;
	char at[CHORE_AT_SIZE + 16];
	char first[64];			/* id of the first row */
	unsigned state;
	size_t rows;
};

static void
tool_trailer(struct tool_walk *w, const char *line)
{
	unsigned long n[5] = { 0 };
	char at[sizeof(w->at)] = "";
	w->state = CHORE_OK;
	if (sscanf(line, "%62s %lu %lu %lu %lu %lu %u", at, &n[0], &n[1], &n[2], &n[3], &n[4], &w->state) < 6)
		return;
	w->sums.matched += n[0];
	w->sums.done += n[1];
	w->sums.busy += n[2];
	w->sums.failed += n[3];
	w->sums.recipients += n[4];
	if (w->state == CHORE_OK)
		strcpy(w->at, at[strlen(at) - 1] == ':' ? "" : at);
}

static void
tool_line(struct tool_walk *w, char *line)
{
	if (line[0] == '!') {
		fprintf(stderr, "posternctl: %s\n", line + 1);
	} else if (line[0] == '=') {
		tool_trailer(w, line + 1);
	} else if (line[0] != '\0' && strchr(line, '\t') == NULL) {
		fprintf(stderr, "posternctl: %s\n", line); /* a refusal */
	} else if (line[0] != '\0') {
		if (w->rows == 0)
			snprintf(w->first, sizeof(w->first), "%.*s", (int)strcspn(line, "\t"), line);
		if (w->rows++ < w->most && w->print != NULL)
			tool_print_row(w->print, w->server, line);
	}
}

static int
tool_page(struct tool_walk *w)
{
	const char *words[ADMIN_WORDS_MAX];
	struct buf text = BUF_INIT(TOOL_PAGE_MAX);
	w->words.count = w->fixed;
	if (w->at[0] != '\0')
		snprintf(w->words.word[w->words.count++], ADMIN_WORD_SIZE, "at=%s", w->at);
	for (size_t i = 0; i < w->words.count; i++)
		words[i] = w->words.word[i];
	w->at[0] = '\0';
	w->state = CHORE_OK;
	int status = ask_service(w->socket_path, words, w->words.count, &text);
	char *rest = text.data;
	for (char *line; status != ASK_CUT && (line = strsep(&rest, "\n")) != NULL;)
		tool_line(w, line);
	buf_done(&text);
	return status;
}

/* Where to move them is not said when they are only looked at. */
static void
tool_leave_out_goal(struct admin_words *words)
{
	size_t kept = 3;
	for (size_t i = 3; i < words->count; i++)
		if (strncmp(words->word[i], "to=", 3) != 0)
			memmove(words->word[kept++], words->word[i], ADMIN_WORD_SIZE);
	words->count = kept;
}

/* All pages. */
static int
tool_walk(struct tool_walk *w, const struct tool *t, enum chore_verb verb, const char *socket_path, const char *server, int64_t newest)
{
	int status;
	unsigned again = 0;
	char at[sizeof(w->at)];
	w->socket_path = socket_path;
	w->server = server;
	w->words = t->words;
	if (verb != CHORE_MOVE)
		tool_leave_out_goal(&w->words);
	snprintf(w->words.word[1], ADMIN_WORD_SIZE, "%s", server);
	snprintf(w->words.word[2], ADMIN_WORD_SIZE, "%s", chore_rows[verb].name);
	snprintf(w->words.word[w->words.count++], ADMIN_WORD_SIZE, "newest=%lld", (long long)newest);
	w->fixed = w->words.count;
	do {
		strcpy(at, w->at);
		status = tool_page(w);
		if (status != EX_OK || w->state == CHORE_OK)
			continue;
		if (w->state == CHORE_LOCKED) {
			fprintf(stderr, "posternctl: another process has the queue of %s: it is left alone\n", server);
			return EX_UNAVAILABLE;
		}
		if (again++ == TOOL_AGAINS) {
			fprintf(stderr, "posternctl: the delivery process of %s is still reading its queue; ask again\n", server);
			return EX_TEMPFAIL;
		}
		strcpy(w->at, at);
		(void)poll(NULL, 0, TOOL_AGAIN_MS);
	} while (status == EX_OK && (w->at[0] != '\0' || w->state != CHORE_OK));
	return status;
}

/* --- a command --- */

/* The virtual servers it is for. */
static int
tool_servers(const struct tool *t, const char *socket_path, char (**name)[CONFIG_NAME_MAX + 1], size_t *count)
{
	const char *words[] = { t->words.word[0], "-" };
	struct buf text = BUF_INIT(TOOL_PAGE_MAX);
	*name = NULL;
	*count = 0;
	int status = strcmp(t->words.word[1], "-") == 0 ? ask_service(socket_path, words, nitems_of(words), &text) : EX_OK;
	if (strcmp(t->words.word[1], "-") != 0)
		buf_printf(&text, "@%s\n", t->words.word[1]);
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] == '@') {
			*name = mem_array(*name, *count + 1, sizeof(**name));
			snprintf((*name)[(*count)++], CONFIG_NAME_MAX + 1, "%s", line + 1);
		} else if (line[0] != '\0') {
			fprintf(stderr, "posternctl: %s\n", line);
		}
	buf_done(&text);
	return status;
}

static void
tool_sum(struct tool_sums *to, const struct tool_sums *from)
{
	to->matched += from->matched;
	to->done += from->done;
	to->busy += from->busy;
	to->failed += from->failed;
	to->recipients += from->recipients;
}

/* Without state words of the operator those of the verb. */
static void
tool_states(struct tool *t)
{
	for (size_t i = 3; i < t->words.count; i++)
		if (strncmp(t->words.word[i], "state=", 6) == 0)
			return;
	for (uint32_t bit = 1; bit <= PICK_ANY; bit <<= 1)
		if ((chore_rows[t->verb].states & bit) != 0 && t->words.count < ADMIN_WORDS_MAX - 2)
			snprintf(t->words.word[t->words.count++], ADMIN_WORD_SIZE, "state=%s", pick_state_name((enum pick_state)bit));
}

static int
tool_said(const struct tool *t, const struct tool_sums *sums)
{
	const struct chore_row *row = &chore_rows[t->verb];
	if (t->json)
		printf("{\"action\": \"%s\", \"matched\": %lu, \"done\": %lu, \"busy\": %lu, \"failed\": %lu}\n", row->name, sums->matched,
		    sums->done, sums->busy, sums->failed);
	else if (sums->matched == 0)
		fprintf(stderr, "posternctl: no message matches\n");
	else if (t->verb == CHORE_DELETE || t->verb == CHORE_BOUNCE)
		printf("%lu message%s %s for %lu recipient%s\n", sums->done, sums->done == 1 ? "" : "s", row->done, sums->recipients,
		    sums->recipients == 1 ? "" : "s");
	else
		printf("%lu message%s %s\n", sums->done, sums->done == 1 ? "" : "s", row->done);
	if (sums->busy > 0)
		fprintf(stderr, "posternctl: %lu at work just now %s left alone; ask again, or hold first\n", sums->busy,
		    sums->busy == 1 ? "was" : "were");
	return sums->matched == 0 ? TOOL_NONE : sums->failed > 0 ? TOOL_NOT_ALL : sums->busy > 0 ? EX_TEMPFAIL : EX_OK;
}

struct tool_command {
	struct tool *t;
	const char *socket_path;
	char (*name)[CONFIG_NAME_MAX + 1];
	size_t names;
	int64_t newest;
};

static int
tool_look(struct tool_command *c, enum chore_verb verb, struct tool_print *print, size_t most, struct tool_sums *sums, struct tool_walk *last)
{
	size_t shown = 0;
	int status = EX_OK;
	for (size_t i = 0; i < c->names && status == EX_OK; i++) {
		struct tool_walk w = { .print = print, .most = most - shown };
		status = tool_walk(&w, c->t, verb, c->socket_path, c->name[i], c->newest);
		shown += w.rows < w.most ? w.rows : w.most;
		tool_sum(sums, &w.sums);
		if (w.rows > 0)
			*last = w;
	}
	return status;
}

/* What would be done; with one message alone it is done. */
static int
tool_ask_first(struct tool_command *c)
{
	struct tool *t = c->t;
	bool badmail = chore_rows[t->verb].badmail;
	enum chore_verb verb = badmail ? CHORE_BADMAIL_LIST : CHORE_LIST;
	struct tool_print *print = tool_print_new(verb, t->json);
	struct tool_sums sums = { 0 };
	struct tool_walk last = { 0 };
	tool_states(t);
	int status = tool_look(c, verb, print, TOOL_SAMPLE, &sums, &last);
	if (status == EX_OK && sums.matched == 1) {
		tool_print_free(print);
		snprintf(t->words.word[t->words.count++], ADMIN_WORD_SIZE, "id=%s", last.first);
		snprintf(t->words.word[1], ADMIN_WORD_SIZE, "%s", last.server);
		return TOOL_AGAINS; /* go on */
	}
	if (status == EX_OK && sums.matched > 1) {
		tool_print_end(print);
		fprintf(stderr, "posternctl: %lu messages would be %s%s; say --yes\n", sums.matched, chore_rows[t->verb].done,
		    sums.matched > TOOL_SAMPLE ? ", some of them are shown" : "");
		status = TOOL_NOT_ALL;
	} else if (status == EX_OK) {
		status = tool_said(t, &sums);
	}
	tool_print_free(print);
	return status;
}

static int
tool_do(struct tool_command *c)
{
	struct tool *t = c->t;
	bool acts = chore_rows[t->verb].acts;
	struct tool_print *print = acts ? NULL : tool_print_new(t->verb, t->json);
	struct tool_sums sums = { 0 };
	struct tool_walk last = { 0 };
	int status = tool_look(c, t->verb, print, SIZE_MAX, &sums, &last);
	if (status == EX_OK && acts) {
		status = tool_said(t, &sums);
	} else if (status == EX_OK) {
		tool_print_end(print);
		status = sums.matched > 0 || t->words.count == 3 ? EX_OK : TOOL_NONE; /* an empty queue is no fault */
		if (sums.matched == 0 && !t->json)
			fprintf(stderr, status == EX_OK ? "posternctl: there is no message\n" : "posternctl: no message matches\n");
	}
	tool_print_free(print);
	return status;
}

int
tool_run(struct tool *t, const char *socket_path)
{
	struct tool_command c = { .t = t, .socket_path = socket_path, .newest = clock_wall_us() };
	int status = tool_servers(t, socket_path, &c.name, &c.names);
	if (status == EX_OK && chore_rows[t->verb].acts && !t->yes) {
		status = tool_ask_first(&c);
		if (status == TOOL_AGAINS) {
			status = EX_OK;
			c.names = 1;
			snprintf(c.name[0], sizeof(c.name[0]), "%.*s", CONFIG_NAME_MAX, t->words.word[1]);
			status = tool_do(&c);
		}
	} else if (status == EX_OK) {
		status = tool_do(&c);
	}
	free(c.name);
	return status;
}
