/*
 * trace_line - one line of the event log: its parts, and which message it is about; pure
 *
 * Runs in:  posternctl, deliver; there on pool threads
 * Owns:     nothing
 * Promise:  text of strangers in a value is no other key, and no other message
 * Fails by: false, it is no line of ours
 */
#include "common/trace/trace_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/escape.h"
#include "common/base/log_watch.h"

#define VALUE_MAX 1024

/*
 * The blank in front of "postern-x[PID]: ". Other programs log there what strangers say, which may look like
 * a line of ours: the first ": " is behind the name that the log itself has put there.
 */
static char *
find_program(char *line, char **pid, char **end)
{
	static const char name[] = " postern";
	char *colon = strstr(line, ": "), *blank;

	*end = colon != NULL && colon > line && colon[-1] == ']' ? colon - 1 : NULL;
	if (*end == NULL)
		return NULL;
	**end = *colon = '\0';
	*pid = strrchr(line, '[');
	if (*pid == NULL || (*pid)[1 + strspn(*pid + 1, "0123456789")] != '\0')
		return NULL;
	**pid = '\0';
	blank = strrchr(line, ' ');
	return blank != NULL && strncmp(blank, name, sizeof(name) - 1) == 0 ? blank : NULL;
}

bool
trace_line_parse(struct trace_line *l, char *copy)
{
	char *program, *pid, *end, *host;

	copy[strcspn(copy, "\n")] = '\0';
	program = find_program(copy, &pid, &end);
	if (program == NULL || (size_t)(pid - program) > sizeof(l->program))
		return false;
	*program = '\0';
	*l = (struct trace_line){ .pid = pid + 1, .rest = end + 3 };
	snprintf(l->program, sizeof(l->program), "%.47s", program + 1);
	/* the host's name is no part of the time */
	host = strrchr(copy, ' ');
	if (host != NULL)
		*host = '\0';
	snprintf(l->stamp, sizeof(l->stamp), "%.63s", copy);
	return true;
}

/* The next word, its blanks in quotes included, and its length; NULL: the end. */
static const char *
next_word(const char **rest, size_t *len)
{
	const char *word = *rest + strspn(*rest, " "), *at = word;

	for (bool quoted = false; *at != '\0' && (quoted || *at != ' '); at++)
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '"')
			quoted = !quoted;
	*rest = at;
	*len = (size_t)(at - word);
	return *len > 0 ? word : NULL;
}

/* A value as bytes. */
static void
take_value(const char *text, size_t len, char *dst, size_t size)
{
	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	len = len < size - 1 ? len : size - 1;
	memcpy(dst, text, len);
	dst[len] = '\0';
	(void)escape_undo(dst);
}

bool
trace_line_value(const struct trace_line *l, const char *key, char *dst, size_t size)
{
	const char *rest = l->rest, *word;
	size_t len, n = strlen(key);

	(void)next_word(&rest, &len);	/* the id */
	while ((word = next_word(&rest, &len)) != NULL)
		if (len > n && word[n] == '=' && strncmp(word, key, n) == 0) {
			take_value(word + n + 1, len - n - 1, dst, size);
			return true;
		}
	return false;
}

bool
trace_line_id(const struct trace_line *l, char id[MESSAGE_ID_SIZE])
{
	const char *rest = l->rest, *word;
	size_t len;

	word = next_word(&rest, &len);
	if (word == NULL || len != MESSAGE_ID_SIZE - 1)
		return false;
	memcpy(id, word, len);
	id[len] = '\0';
	return message_id_is_valid(id);
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(a, b);
}

void
trace_line_sort_ids(char (*ids)[MESSAGE_ID_SIZE], size_t count)
{
	if (count > 0)
		qsort(ids, count, sizeof(*ids), by_id);
}

static bool
is_among(const char *value, size_t len, char (*ids)[MESSAGE_ID_SIZE], size_t count)
{
	char id[MESSAGE_ID_SIZE];

	if (len != MESSAGE_ID_SIZE - 1)
		return false;
	memcpy(id, value, len);
	id[len] = '\0';
	return bsearch(id, ids, count, sizeof(*ids), by_id) != NULL;
}

bool
trace_line_names(const struct trace_line *l, char (*ids)[MESSAGE_ID_SIZE], size_t count)
{
	const char *rest = l->rest, *word;
	size_t len;

	for (bool first = true; (word = next_word(&rest, &len)) != NULL; first = false) {
		const char *equal = memchr(word, '=', len), *value = first ? word : equal;

		value += !first && value != NULL;
		if (value != NULL && is_among(value, (size_t)(word + len - value), ids, count))
			return true;
	}
	return false;
}

bool
trace_line_is_of(const struct trace_line *l, const char *server)
{
	return log_watch_is_about(l->rest, server);
}

/* --- which messages --- */

static bool
is_address(const struct trace_line *l, const char *key, const char *wish)
{
	char value[VALUE_MAX];
	const char *at;

	if (wish == NULL || !trace_line_value(l, key, value, sizeof(value)))
		return false;
	at = strrchr(value, '@');
	return strcasecmp(wish, wish[0] == '@' && at != NULL ? at : value) == 0;
}

/* Without < and >. */
static const char *
bare_id(const char *text, size_t *len)
{
	*len = strlen(text);
	if (*len >= 2 && text[0] == '<' && text[*len - 1] == '>') {
		text++;
		*len -= 2;
	}
	return text;
}

static bool
is_message_id(const struct trace_line *l, const char *wish)
{
	char value[VALUE_MAX];
	const char *one, *other;
	size_t n, m;

	if (wish == NULL || !trace_line_value(l, "message-id", value, sizeof(value)))
		return false;
	one = bare_id(value, &n);
	other = bare_id(wish, &m);
	return n == m && memcmp(one, other, n) == 0;
}

static bool
may_be_address(const char *wish, const char *line)
{
	const char *at = wish != NULL ? strchr(wish, '@') : NULL;

	return wish != NULL && (at == NULL || strcasestr(line, at) != NULL);
}

bool
trace_line_may_fit(const struct trace_wish *w, const char *line)
{
	return (w->message_id != NULL && strstr(line, " message-id=") != NULL) ||
	    may_be_address(w->sender, line) || may_be_address(w->recipient, line);
}

unsigned
trace_line_parts(const struct trace_wish *w)
{
	return (w->sender != NULL ? TRACE_SENDER : 0U) | (w->recipient != NULL ? TRACE_RECIPIENT : 0U) |
	    (w->message_id != NULL ? TRACE_MESSAGE_ID : 0U);
}

unsigned
trace_line_fits(const struct trace_wish *w, const struct trace_line *l)
{
	return (is_address(l, "sender", w->sender) ? TRACE_SENDER : 0U) |
	    (is_address(l, "recipient", w->recipient) ? TRACE_RECIPIENT : 0U) |
	    (is_message_id(l, w->message_id) ? TRACE_MESSAGE_ID : 0U);
}
