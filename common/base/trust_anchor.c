/*
 * trust_anchor - the file of trust anchors for DNSSEC: which of its keys can be used; pure
 *
 * Runs in:  resolver, posternctl
 * Owns:     nothing
 * Promise:  a file is good only when every zone that it names has a key of a known algorithm and digest:
 *           libunbound takes all others for unsigned, without a word
 * Fails by: -1 and why
 */
#include "common/base/trust_anchor.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/base64.h"
#include "common/base/mem.h"

#define WORDS_MAX 64		/* of one record; a key may be written in many pieces */
#define ZONES_MAX 64
#define KEY_MAX 4096
#define NAME_MAX_BYTES 255

struct words { char *word[WORDS_MAX]; size_t count; unsigned line; };
struct zones { char *name[ZONES_MAX]; bool usable[ZONES_MAX]; size_t count; };

/* --- one record --- */

/* RFC 8624 and its successors: those that libunbound validates. */
static bool
is_known_algorithm(unsigned long number)
{
	static const unsigned known[] = { 5, 7, 8, 10, 13, 14, 15, 16 };

	for (size_t i = 0; i < nitems_of(known); i++)
		if (known[i] == number)
			return true;
	return false;
}

/* Bytes of a digest; 0: it is not known. */
static size_t
digest_size(unsigned long type)
{
	return type == 1 ? 20 : type == 2 ? 32 : type == 4 ? 48 : 0;
}

static bool
parse_digits(const char *text, unsigned long max, unsigned long *value)
{
	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
		return false;
	*value = strtoul(text, NULL, 10);
	return *value <= max;
}

static bool
is_name(const char *text)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	return *text != '\0' && strlen(text) <= NAME_MAX_BYTES && strspn(text, allowed) == strlen(text);
}

/* The pieces of a key or digest, joined. */
static size_t
join_words(const struct words *w, size_t from, char out[KEY_MAX])
{
	size_t len = 0;

	for (; from < w->count; from++) {
		size_t n = strlen(w->word[from]);

		if (len + n >= KEY_MAX)
			return 0;
		memcpy(out + len, w->word[from], n);
		len += n;
	}
	out[len] = '\0';
	return len;
}

/* tag, algorithm, digest type, digest. 1 usable, 0 not, -1 it is no DS record. */
static int
judge_ds(const struct words *w, size_t at, char text[KEY_MAX])
{
	unsigned long tag, algorithm, type;
	size_t len;

	if (w->count < at + 4 || !parse_digits(w->word[at], 65535, &tag) ||
	    !parse_digits(w->word[at + 1], 255, &algorithm) || !parse_digits(w->word[at + 2], 255, &type))
		return -1;
	len = join_words(w, at + 3, text);
	if (len == 0 || strspn(text, "0123456789abcdefABCDEF") != len)
		return -1;
	if (!is_known_algorithm(algorithm) || digest_size(type) == 0)
		return 0;
	return len == 2 * digest_size(type) ? 1 : -1;
}

/* flags, protocol, algorithm, key: a zone key (RFC 4034 2.1.1) that is not revoked (RFC 5011). */
static int
judge_dnskey(const struct words *w, size_t at, char text[KEY_MAX])
{
	unsigned long flags, protocol, algorithm;
	uint8_t key[KEY_MAX];
	size_t len;

	if (w->count < at + 4 || !parse_digits(w->word[at], 65535, &flags) ||
	    !parse_digits(w->word[at + 1], 255, &protocol) ||
	    !parse_digits(w->word[at + 2], 255, &algorithm))
		return -1;
	len = join_words(w, at + 3, text);
	if (len == 0 || base64_decode(key, sizeof(key), text, len) < 8)
		return -1;
	return (flags & 0x0100) != 0 && (flags & 0x0080) == 0 && protocol == 3 &&
	    is_known_algorithm(algorithm) ? 1 : 0;
}

/* NULL: too many zones. */
static bool *
usable_of_zone(struct zones *z, const char *name)
{
	size_t len = strlen(name), i;

	len -= len > 1 && name[len - 1] == '.';
	for (i = 0; i < z->count; i++)
		if (strlen(z->name[i]) == len && strncasecmp(z->name[i], name, len) == 0)
			return &z->usable[i];
	if (z->count == ZONES_MAX)
		return NULL;
	z->name[z->count] = mem_strndup(name, len);
	return &z->usable[z->count++];
}

/* name [ttl] [class] type data. 0, -1 and why. */
static int
take_record(const struct words *w, struct zones *z, struct buf *records, struct buf *why)
{
	char text[KEY_MAX];
	unsigned long ttl;
	size_t at = 1;
	int usable = -1;
	bool *zone;

	if (w->count == 0 || strcasecmp(w->word[0], "$TTL") == 0)
		return 0;
	while (at < w->count && (parse_digits(w->word[at], UINT32_MAX, &ttl) ||
	    strcasecmp(w->word[at], "IN") == 0))
		at++;
	if (is_name(w->word[0]) && at < w->count && strcasecmp(w->word[at], "DS") == 0)
		usable = judge_ds(w, at + 1, text);
	else if (is_name(w->word[0]) && at < w->count && strcasecmp(w->word[at], "DNSKEY") == 0)
		usable = judge_dnskey(w, at + 1, text);
	zone = usable == -1 ? NULL : usable_of_zone(z, w->word[0]);
	if (zone == NULL) {
		buf_printf(why, "line %u is no DS or DNSKEY record", w->line);
		return -1;
	}
	if (usable == 1) {
		*zone = true;
		buf_printf(records, "%s IN %s %s %s %s %s\n", w->word[0], w->word[at], w->word[at + 1],
		    w->word[at + 2], w->word[at + 3], text);
	}
	return 0;
}

/* --- the file --- */

static void
forget_words(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->word[i]);
	w->count = 0;
}

/* Ends the record when it has no open bracket. */
static int
end_line(struct words *w, const unsigned *depth, struct zones *z, struct buf *records, struct buf *why)
{
	int rc;

	if (*depth > 0)
		return 0;
	rc = take_record(w, z, records, why);
	forget_words(w);
	return rc;
}

/* All records; 0, or -1 and why. */
static int
read_records(const char *text, size_t len, struct zones *z, struct buf *records, struct buf *why)
{
	struct words w = { .line = 1 };
	unsigned depth = 0, line = 1;
	int rc = 0;

	for (size_t i = 0; i < len && rc == 0;) {
		size_t n = 0;

		if (text[i] == '\n') {
			rc = end_line(&w, &depth, z, records, why);
			line++;
			i++;
		} else if (text[i] == ';') {
			while (i < len && text[i] != '\n')
				i++;
		} else if (text[i] == '(' || text[i] == ')') {
			depth = text[i] == '(' ? depth + 1 : depth > 0 ? depth - 1 : 0;
			i++;
		} else if (isspace((unsigned char)text[i])) {
			i++;
		} else {
			while (i + n < len && strchr(" \t\r\n\v\f;()", text[i + n]) == NULL)
				n++;
			if (n == 0 || w.count == WORDS_MAX) {
				buf_printf(why, "line %u is no text of a zone file", line);
				rc = -1;
				break;
			}
			if (w.count == 0)
				w.line = line;
			w.word[w.count++] = mem_strndup(text + i, n);
			i += n;
		}
	}
	depth = 0;
	if (rc == 0)
		rc = end_line(&w, &depth, z, records, why);
	forget_words(&w);
	return rc;
}

int
trust_anchor_read(const char *text, size_t len, struct buf *records, bool *root, struct buf *why)
{
	struct zones z = { 0 };
	int rc = read_records(text, len, &z, records, why);

	*root = false;
	if (rc == 0 && z.count == 0) {
		buf_puts(why, "there is no DS or DNSKEY record in it");
		rc = -1;
	}
	for (size_t i = 0; i < z.count; i++) {
		*root |= strcmp(z.name[i], ".") == 0;
		if (rc == 0 && !z.usable[i]) {
			buf_printf(why, "no key of %s in it is of an algorithm and digest that can be used",
			    z.name[i]);
			rc = -1;
		}
		free(z.name[i]);
	}
	return rc == 0 && !buf_ok(records) ? -1 : rc;
}
