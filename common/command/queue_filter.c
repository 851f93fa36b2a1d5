/*
 * queue_filter - which messages of a queue or badmail an operator means; pure
 *
 * Runs in:  master, posternctl, deliver
 * Owns:     nothing
 * Promise:  a word means the same in every command; a pattern costs at most its length times the text's
 *           length
 * Fails by: -1 or false
 */
#include "common/command/queue_filter.h"

#include <bsd/stdlib.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

static const char *const kinds[QUEUE_FILTER_KINDS] = {
	[QUEUE_FILTER_ID] = "id", [QUEUE_FILTER_SENDER] = "sender", [QUEUE_FILTER_RECIPIENT] = "recipient",
	[QUEUE_FILTER_DOMAIN] = "domain",
};

static const struct { const char *name; enum queue_filter_state state; } states[] = {
	{ "ready", QUEUE_FILTER_READY }, { "active", QUEUE_FILTER_ACTIVE },
	{ "waiting", QUEUE_FILTER_WAITING }, { "held", QUEUE_FILTER_HELD },
	{ "kept", QUEUE_FILTER_BACKLOG },
};

const char *
queue_filter_state_name(enum queue_filter_state state)
{
	for (size_t i = 0; i < nitems_of(states); i++)
		if (states[i].state == state)
			return states[i].name;
	return "?";
}

/* --- words --- */

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes xtext; false when it is malformed, empty, too long or has a control byte. */
static bool
decode_xtext(char *dst, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '+') {
			int high = hex_digit(text[1]), low = high == -1 ? -1 : hex_digit(text[2]);

			if (low == -1)
				return false;
			c = (unsigned char)(high * 16 + low);
			text += 2;
		}
		if (c < ' ' || c == 0x7f || n + 1 == size)
			return false;
		dst[n++] = (char)c;
	}
	dst[n] = '\0';
	return n > 0;
}

void
queue_filter_encode(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c > '~' || c == '+' || c == '=')
			buf_printf(out, "+%02X", c);
		else
			buf_add(out, text, 1);
	}
}

static bool
take_term(struct queue_filter *p, enum queue_filter_kind kind, const char *text)
{
	if (p->count == QUEUE_FILTER_TERMS_MAX ||
	    !decode_xtext(p->term[p->count].text, QUEUE_FILTER_TEXT_SIZE, text))
		return false;
	p->term[p->count++].kind = kind;
	return true;
}

static bool
take_seconds(uint64_t *value, const char *text)
{
	const char *why = NULL;

	*value = (uint64_t)strtonum(text, 1, INT64_MAX / 1000000, &why);
	return why == NULL;
}

static bool
take_state(struct queue_filter *p, const char *text)
{
	for (size_t i = 0; i < nitems_of(states); i++)
		if (strcmp(text, states[i].name) == 0) {
			p->states |= states[i].state;
			return true;
		}
	return false;
}

int
queue_filter_take_word(struct queue_filter *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals == NULL ? 0 : (size_t)(equals - word);
	bool good;

	for (size_t i = 0; i < QUEUE_FILTER_KINDS; i++)
		if (n == strlen(kinds[i]) && memcmp(word, kinds[i], n) == 0)
			return take_term(p, (enum queue_filter_kind)i, equals + 1) ? 1 : -1;
	if (strncmp(word, "older=", 6) == 0)
		good = take_seconds(&p->older_s, word + 6);
	else if (strncmp(word, "newer=", 6) == 0)
		good = take_seconds(&p->newer_s, word + 6);
	else if (strncmp(word, "state=", 6) == 0)
		good = take_state(p, word + 6);
	else
		return 0;
	return good ? 1 : -1;
}

bool
queue_filter_is_sane(const struct queue_filter *p)
{
	if (p->count > QUEUE_FILTER_TERMS_MAX || (p->states & ~QUEUE_FILTER_ANY) != 0)
		return false;
	for (uint32_t i = 0; i < p->count; i++)
		if (p->term[i].kind >= QUEUE_FILTER_KINDS ||
		    memchr(p->term[i].text, '\0', QUEUE_FILTER_TEXT_SIZE) == NULL)
			return false;
	return true;
}

bool
queue_filter_chooses(const struct queue_filter *p)
{
	return p->count > 0 || p->states != 0 || p->older_s != 0 || p->newer_s != 0;
}

bool
queue_filter_has(const struct queue_filter *p, enum queue_filter_kind kind)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->term[i].kind == kind)
			return true;
	return false;
}

bool
queue_filter_needs_envelope(const struct queue_filter *p)
{
	return queue_filter_has(p, QUEUE_FILTER_SENDER) || queue_filter_has(p, QUEUE_FILTER_RECIPIENT) ||
	    queue_filter_has(p, QUEUE_FILTER_DOMAIN);
}

/* --- whether a message fits --- */

bool
queue_filter_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *back = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			back = text;
		} else if (*pattern != '\0' &&
		    (*pattern == '?' || tolower((unsigned char)*pattern) == tolower((unsigned char)*text))) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool
fits_a_term(const struct queue_filter *p, enum queue_filter_kind kind, const char *text)
{
	bool asked = false;

	for (uint32_t i = 0; i < p->count; i++) {
		if (p->term[i].kind != kind)
			continue;
		if (queue_filter_glob(p->term[i].text, text))
			return true;
		asked = true;
	}
	return !asked;
}

bool
queue_filter_is_id(const struct queue_filter *p, const char *id)
{
	return fits_a_term(p, QUEUE_FILTER_ID, id);
}

bool
queue_filter_is_age(const struct queue_filter *p, int64_t age_s)
{
	uint64_t age = age_s > 0 ? (uint64_t)age_s : 0;

	return age >= p->older_s && (p->newer_s == 0 || age < p->newer_s);
}

bool
queue_filter_is_state(const struct queue_filter *p, enum queue_filter_state state)
{
	return p->states == 0 || (p->states & state) != 0;
}

bool
queue_filter_is_sender(const struct queue_filter *p, const char *sender)
{
	return fits_a_term(p, QUEUE_FILTER_SENDER, *sender == '\0' ? "<>" : sender);
}

bool
queue_filter_is_recipient(const struct queue_filter *p, const char *address)
{
	const char *at = strrchr(address, '@');

	return fits_a_term(p, QUEUE_FILTER_RECIPIENT, address) &&
	    fits_a_term(p, QUEUE_FILTER_DOMAIN, at == NULL ? "" : at + 1);
}
