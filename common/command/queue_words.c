/*
 * queue_words - a queue or badmail command in words, and the last line of its answer; pure
 *
 * Runs in:  master, posternctl, web
 * Owns:     nothing
 * Promise:  a command that changes messages says which: by a filter, or "all"
 * Fails by: false
 */
#include "common/command/queue_words.h"

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <stdio.h>
#include <string.h>

static bool
copy_text(char *dst, size_t size, const char *text)
{
	struct queue_filter one = { 0 };
	struct buf word = BUF_INIT(CONTROL_WORD_SIZE + 4);
	bool good;

	buf_printf(&word, "id=%s", text); /* the same encoding */
	good = queue_filter_take_word(&one, buf_text(&word)) == 1 &&
	    strlcpy(dst, one.term[0].text, size) < size;
	buf_done(&word);
	return good;
}

static bool
parse_place(struct msg_queue_ask *a, pid_t *pid, const char *text)
{
	char number[16];
	const char *colon = strchr(text, ':'), *why = NULL;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(number) || strlen(colon + 1) >= sizeof(a->at))
		return false;
	memcpy(number, text, (size_t)(colon - text));
	number[colon - text] = '\0';
	*pid = (pid_t)strtonum(number, 1, INT32_MAX, &why);
	strlcpy(a->at, colon + 1, sizeof(a->at));
	return why == NULL;
}

static bool
take_word(struct msg_queue_ask *a, pid_t *pid, const char *word)
{
	const char *why = NULL;
	int taken = queue_filter_take_word(&a->pick, word);

	if (taken != 0)
		return taken == 1;
	if (strncmp(word, "at=", 3) == 0)
		return parse_place(a, pid, word + 3);
	if (strncmp(word, "to=", 3) == 0)
		return strlcpy(a->to, word + 3, sizeof(a->to)) < sizeof(a->to) &&
		    msg_queue_rows[a->verb].target;
	if (strncmp(word, "reason=", 7) == 0)
		return copy_text(a->reason, sizeof(a->reason), word + 7);
	if (strncmp(word, "newest=", 7) != 0)
		return strcmp(word, "all") == 0;
	a->newest_us = strtonum(word + 7, 1, INT64_MAX, &why);
	return why == NULL;
}

bool
queue_words_parse(struct msg_queue_ask *a, pid_t *pid, const struct control_words *w)
{
	bool all;

	memset(a, 0, sizeof(*a));
	*pid = 0;
	if (w->count < 3)
		return false;
	a->verb = msg_queue_find(w->word[2], msg_queue_place_find(w->word[0]));
	if (a->verb == MSG_QUEUE_VERBS)
		return false;
	all = false;
	for (size_t i = 3; i < w->count; i++) {
		if (!take_word(a, pid, w->word[i]))
			return false;
		all = all || strcmp(w->word[i], "all") == 0;
	}
	if (!all && msg_queue_rows[a->verb].acts && !queue_filter_chooses(&a->pick))
		return false;
	if (a->pick.states == 0)
		a->pick.states = msg_queue_rows[a->verb].states;
	if (msg_queue_rows[a->verb].pieces &&
	    (a->pick.count != 1 || a->pick.term[0].kind != QUEUE_FILTER_ID))
		return false;
	return msg_queue_rows[a->verb].target == (a->to[0] != '\0');
}

void
queue_words_trailer_format(struct buf *out, const struct queue_words_trailer *t)
{
	const struct queue_words_sums *n = &t->sums;

	buf_printf(out, "=%s\t%lu\t%lu\t%lu\t%lu\t%lu\t%u\n", t->at, n->matched, n->done, n->busy, n->failed,
	    n->recipients, t->state);
}

bool
queue_words_trailer_parse(struct queue_words_trailer *t, const char *line)
{
	struct queue_words_sums *n = &t->sums;

	*t = (struct queue_words_trailer){ .state = MSG_QUEUE_OK };
	return sscanf(line, "%62s %lu %lu %lu %lu %lu %u", t->at, &n->matched, &n->done, &n->busy,
	    &n->failed, &n->recipients, &t->state) >= 6;
}
