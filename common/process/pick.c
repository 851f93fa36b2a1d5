/*
 * pick - which messages of a queue or badmail an operator means
 *
 * Runs in:  posternctl, master, deliver; pure
 * Owns:     nothing
 * Promise:  the same word means the same in every command; a pattern costs at most its length times the text's
 * Fails by: -1 or false
 */
#include "common/process/pick.h"

#include <bsd/stdlib.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"

static const char *const kinds[PICK_KINDS] = {
	[PICK_ID] = "id", [PICK_SENDER] = "sender", [PICK_RECIPIENT] = "recipient", [PICK_DOMAIN] = "domain",
};

static const struct { const char *name; enum pick_state state; } states[] = {
	{ "ready", PICK_READY }, { "active", PICK_ACTIVE }, { "waiting", PICK_WAITING }, { "held", PICK_HELD },
	{ "kept", PICK_KEPT },
};

const char *
pick_state_name(enum pick_state state)
{
	for (size_t i = 0; i < nitems_of(states); i++)
		if (states[i].state == state)
			return states[i].name;
	return "?";
}

/* --- words --- */

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* From xtext; false when it is none, empty, too long or has a control byte. */
static bool
decode(char *dst, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '+') {
			int high = digit(text[1]), low = high == -1 ? -1 : digit(text[2]);

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
pick_encode(struct buf *out, const char *text)
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
take_term(struct pick *p, enum pick_kind kind, const char *text)
{
	if (p->count == PICK_TERMS_MAX || !decode(p->term[p->count].text, PICK_TEXT_SIZE, text))
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
take_state(struct pick *p, const char *text)
{
	for (size_t i = 0; i < nitems_of(states); i++)
		if (strcmp(text, states[i].name) == 0) {
			p->states |= states[i].state;
			return true;
		}
	return false;
}

int
pick_take_word(struct pick *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals == NULL ? 0 : (size_t)(equals - word);
	bool good;

	for (size_t i = 0; i < PICK_KINDS; i++)
		if (n == strlen(kinds[i]) && memcmp(word, kinds[i], n) == 0)
			return take_term(p, (enum pick_kind)i, equals + 1) ? 1 : -1;
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
pick_is_sane(const struct pick *p)
{
	if (p->count > PICK_TERMS_MAX || (p->states & ~PICK_ANY) != 0)
		return false;
	for (uint32_t i = 0; i < p->count; i++)
		if (p->term[i].kind >= PICK_KINDS || memchr(p->term[i].text, '\0', PICK_TEXT_SIZE) == NULL)
			return false;
	return true;
}

bool
pick_chooses(const struct pick *p)
{
	return p->count > 0 || p->states != 0 || p->older_s != 0 || p->newer_s != 0;
}

bool
pick_has(const struct pick *p, enum pick_kind kind)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (p->term[i].kind == kind)
			return true;
	return false;
}

bool
pick_needs_envelope(const struct pick *p)
{
	return pick_has(p, PICK_SENDER) || pick_has(p, PICK_RECIPIENT) || pick_has(p, PICK_DOMAIN);
}

/* --- what fits --- */

bool
pick_glob(const char *pattern, const char *text)
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
fits(const struct pick *p, enum pick_kind kind, const char *text)
{
	bool asked = false;

	for (uint32_t i = 0; i < p->count; i++) {
		if (p->term[i].kind != kind)
			continue;
		if (pick_glob(p->term[i].text, text))
			return true;
		asked = true;
	}
	return !asked;
}

bool
pick_is_id(const struct pick *p, const char *id)
{
	return fits(p, PICK_ID, id);
}

bool
pick_is_age(const struct pick *p, int64_t age_s)
{
	uint64_t age = age_s > 0 ? (uint64_t)age_s : 0;

	return age >= p->older_s && (p->newer_s == 0 || age < p->newer_s);
}

bool
pick_is_state(const struct pick *p, enum pick_state state)
{
	return p->states == 0 || (p->states & state) != 0;
}

bool
pick_is_sender(const struct pick *p, const char *sender)
{
	return fits(p, PICK_SENDER, *sender == '\0' ? "<>" : sender);
}

bool
pick_is_recipient(const struct pick *p, const char *address)
{
	const char *at = strrchr(address, '@');

	return fits(p, PICK_RECIPIENT, address) && fits(p, PICK_DOMAIN, at == NULL ? "" : at + 1);
}
