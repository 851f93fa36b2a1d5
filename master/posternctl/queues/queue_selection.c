/*
 * queue_selection - the words of posternctl queue, badmail and drop: a command, the messages that are meant,
 * options; pure
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  what the service would refuse is refused here, with the word that is wrong
 * Fails by: EX_USAGE and a reason
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/command/queue_words.h"
#include "common/config/key.h"
#include "common/mail/message.h"
#include "master/posternctl/queues/queues.h"

static bool
add_word(struct queue_command *q, const char *key, const char *value, bool encoded)
{
	struct buf word = BUF_INIT(COMMAND_WORD_SIZE - 1);
	bool good;

	buf_puts(&word, key);
	if (encoded)
		queue_filter_encode(&word, value);
	else
		buf_puts(&word, value);
	good = buf_ok(&word) && q->words.count < COMMAND_WORDS_MAX - 4; /* room for at, newest, id, a state */
	if (good)
		strcpy(q->words.word[q->words.count++], buf_text(&word));
	buf_done(&word);
	return good;
}

static bool
add_age(struct queue_command *q, const char *key, const char *value)
{
	char seconds[24];
	uint64_t ms;

	if (key_parse_time(value, &ms) == -1 || ms < 1000)
		return false;
	snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(ms / 1000));
	return add_word(q, key, seconds, false);
}

enum selection_kind { SELECTION_PATTERN, SELECTION_AGE, SELECTION_PLAIN, SELECTION_FLAG };

static const struct selection_option {
	const char *name, *key;
	enum selection_kind kind;
	bool queue_only;
} options[] = {
	{ "--id", "id=", SELECTION_PATTERN, false },
	{ "--sender", "sender=", SELECTION_PATTERN, false },
	{ "--recipient", "recipient=", SELECTION_PATTERN, false },
	{ "--domain", "domain=", SELECTION_PATTERN, false },
	{ "--older", "older=", SELECTION_AGE, false }, { "--newer", "newer=", SELECTION_AGE, false },
	{ "--state", "state=", SELECTION_PLAIN, true },
	{ "--held", "state=held", SELECTION_FLAG, true }, { "--all", "all", SELECTION_FLAG, false },
	{ "--to", "to=", SELECTION_PLAIN, true }, { "--reason", "reason=", SELECTION_PATTERN, true },
};

static const char *
option_name(const void *arg, size_t i)
{
	static const char *const more[] = { "--yes", "--json", "--wait" };
	const enum msg_queue_place *place = arg;
	size_t n = nitems_of(options);

	while (i < n && *place != MSG_QUEUE_IN_QUEUE && options[i].queue_only)
		i++;
	return i < n ? options[i].name : i - n < nitems_of(more) ? more[i - n] : NULL;
}

/* Takes one option and its value: how many words; 0: not understood. */
static size_t
take_option(struct queue_command *q, enum msg_queue_place place, const char *const *words, size_t count,
    struct buf *why)
{
	const char *value = NULL;
	size_t used;

	if (strcmp(words[0], "--yes") == 0)
		return q->yes = true;
	if (strcmp(words[0], "--json") == 0)
		return q->json = true;
	if (options_match(words, count, "--wait", &value, &used)) {
		if (value != NULL && key_parse_time(value, &q->wait_ms) == 0)
			return used;
		complaint_value(why, "--wait", value, COMPLAINT_TIME);
		return 0;
	}
	for (size_t i = 0; i < nitems_of(options); i++) {
		const struct selection_option *o = &options[i];
		bool good;

		if (place != MSG_QUEUE_IN_QUEUE && o->queue_only)
			continue;
		if (o->kind == SELECTION_FLAG && strcmp(words[0], o->name) == 0)
			return add_word(q, o->key, "", false);
		if (o->kind == SELECTION_FLAG || !options_match(words, count, o->name, &value, &used))
			continue;
		good = value != NULL && *value != '\0' && (o->kind == SELECTION_AGE ?
		    add_age(q, o->key, value) : add_word(q, o->key, value, o->kind == SELECTION_PATTERN));
		if (!good)
			complaint_value(why, o->name, value,
			    o->kind == SELECTION_AGE ? COMPLAINT_TIME : "one short text");
		return good ? used : 0;
	}
	complaint_unknown(why, "option", words[0], option_name, &place);
	return 0;
}

static bool
is_message_id(const char *word)
{
	size_t n = strspn(word, "0123456789abcdefghjkmnpqrstvwxyz");

	return n == MESSAGE_ID_LEN && (word[n] == '\0' || word[n] == '-');
}

static bool
has_word(const struct queue_command *q, const char *begin)
{
	for (size_t i = 3; i < q->words.count; i++)
		if (strncmp(q->words.word[i], begin, strlen(begin)) == 0)
			return true;
	return false;
}

/* The words are understood; whether they are enough for the verb. False: `why` says what is missing. */
static bool
judge_options(const struct queue_command *q, struct buf *why)
{
	const char *server = q->words.word[1];
	bool shows = q->verb == MSG_QUEUE_SHOW || q->verb == MSG_QUEUE_BADMAIL_SHOW ||
	    q->verb == MSG_QUEUE_DROP_SHOW;
	struct msg_queue_ask ask;
	struct control_words w = { 0 };
	pid_t pid;

	if (q->verb == MSG_QUEUE_MOVE && !has_word(q, "to=")) {
		buf_puts(why, "say where to: --to NAME, another virtual server");
		return false;
	}
	if (q->verb == MSG_QUEUE_EVACUATE && !has_word(q, "to=")) {
		buf_puts(why, "say where to: --to HOST or HOST:PORT, another node");
		return false;
	}
	if (q->wait_ms > 0 && q->verb != MSG_QUEUE_EVACUATE) {
		buf_puts(why, "--wait is for evacuate");
		return false;
	}
	for (size_t i = 0; i < q->words.count; i++)
		w.word[w.count++] = q->words.word[i];
	if (queue_words_parse(&ask, &pid, &w) && (!shows || has_word(q, "id=")))
		return true;
	if (strcmp(server, "-") != 0 && !has_word(q, "id="))
		buf_printf(why, "%.60s is no id of a message, and so names a virtual server; ", server);
	buf_puts(why, shows ? "say which messages: one or more ids" :
	    "say which messages: ids, --all, --sender, --recipient, --domain, --older, --newer or --state");
	return false;
}

static const char *
verb_name(const void *arg, size_t i)
{
	const enum msg_queue_place *place = arg;

	for (size_t v = 0; v < MSG_QUEUE_VERBS; v++)
		if (msg_queue_rows[v].place == *place && !msg_queue_rows[v].pieces && i-- == 0)
			return msg_queue_rows[v].name;
	return NULL;
}

static enum msg_queue_verb
find_verb(const char *name, enum msg_queue_place place)
{
	enum msg_queue_verb v = msg_queue_find(name, place);

	return v != MSG_QUEUE_VERBS && msg_queue_rows[v].pieces ? MSG_QUEUE_VERBS : v;
}

int
queue_selection_parse(struct queue_command *q, enum msg_queue_place place, const char *const *words,
    size_t count, struct buf *why)
{
	size_t at = count >= 2 && find_verb(words[1], place) != MSG_QUEUE_VERBS;
	char what[32];

	memset(q, 0, sizeof(*q));
	if (count == 0)
		return EX_USAGE;
	if ((q->verb = find_verb(words[at], place)) == MSG_QUEUE_VERBS) {
		snprintf(what, sizeof(what), "command of %s", msg_queue_places[place]);
		complaint_unknown(why, what, words[at], verb_name, &place);
		return EX_USAGE;
	}
	if (strlen(words[0]) >= COMMAND_WORD_SIZE)
		return EX_USAGE;
	strcpy(q->words.word[0], msg_queue_places[place]);
	strcpy(q->words.word[1], at == 1 ? words[0] : "-");
	strcpy(q->words.word[2], words[at]);
	q->words.count = 3;
	for (size_t i = at + 1, used = 1; i < count; i += used) {
		used = 1;
		if (words[i][0] != '-' && is_message_id(words[i]))
			used = add_word(q, "id=", words[i], false);
		else if (words[i][0] != '-' && strcmp(q->words.word[1], "-") == 0 &&
		    strlen(words[i]) < COMMAND_WORD_SIZE)
			strcpy(q->words.word[1], words[i]);
		else if (words[i][0] != '-') {
			buf_printf(why, "%.60s is no id of a message", words[i]);
			return EX_USAGE;
		} else
			used = take_option(q, place, words + i, count - i, why);
		if (used == 0) {
			if (why->len == 0)
				buf_printf(why, "%.60s is one word too many", words[i]);
			return EX_USAGE;
		}
	}
	return judge_options(q, why) ? EX_OK : EX_USAGE;
}
