/*
 * dkim_record - the record of a key in the DNS, read and compared; pure
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a record that passes verifies signatures of its key: what a verifier looks at is looked at here
 * Fails by: words that say what is wrong
 */
#include "common/dkim/dkim_record.h"

#include <string.h>
#include <strings.h>

#include "common/base/buf.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
dkim_record_tag(const char *text, const char *name, const char **value, size_t *len)
{
	while (*text != '\0') {
		size_t all = strcspn(text, ";"), name_len;
		const char *at = text, *end = text + all, *equal = memchr(text, '=', all);

		text += all + (text[all] == ';');
		if (equal == NULL)
			continue;
		while (at < equal && is_blank(*at))
			at++;
		name_len = (size_t)(equal - at);
		while (name_len > 0 && is_blank(at[name_len - 1]))
			name_len--;
		if (name_len != strlen(name) || strncmp(at, name, name_len) != 0)
			continue;
		for (at = equal + 1; at < end && is_blank(*at);)
			at++;
		while (end > at && is_blank(end[-1]))
			end--;
		*value = at;
		*len = (size_t)(end - at);
		return true;
	}
	return false;
}

static bool
tag_is(const char *text, const char *name, const char *wanted)
{
	const char *value;
	size_t len;

	return dkim_record_tag(text, name, &value, &len) && len == strlen(wanted) &&
	    strncasecmp(value, wanted, len) == 0;
}

/* Whether a list with colons has the word, or "*". */
static bool
list_has(const char *value, size_t len, const char *word)
{
	for (size_t at = 0, n; at < len; at += n + 1) {
		const char *item = value + at, *colon = memchr(item, ':', len - at);
		size_t skip = 0, size;

		n = size = colon != NULL ? (size_t)(colon - item) : len - at;
		while (skip < size && is_blank(item[skip]))
			skip++;
		while (size > skip && is_blank(item[size - 1]))
			size--;
		if ((size - skip == 1 && item[skip] == '*') ||
		    (size - skip == strlen(word) && strncasecmp(item + skip, word, size - skip) == 0))
			return true;
	}
	return false;
}

/* The same key, whatever blanks the base64 has. */
static bool
is_same_key(const char *a, size_t na, const char *b, size_t nb)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < na && is_blank(a[i]))
			i++;
		while (k < nb && is_blank(b[k]))
			k++;
		if (i == na || k == nb)
			return i == na && k == nb;
		if (a[i++] != b[k++])
			return false;
	}
}

enum dkim_record
dkim_record_compare(const char *text, const char *wanted, struct buf *why)
{
	const char *value, *key, *kind = "rsa";
	size_t len, key_len, kind_len = 3;
	enum dkim_record result = DKIM_RECORD_WRONG;

	if (dkim_record_tag(text, "v", &value, &len) &&
	    (!tag_is(text, "v", "DKIM1") || strncmp(text, "v", 1) != 0))
		buf_puts(why, "the record has another version than v=DKIM1, or it does not stand first");
	else if (!dkim_record_tag(text, "p", &value, &len))
		buf_puts(why, "the record has no p=");
	else if (len == 0)
		buf_puts(why, "the record says that the key was revoked: p= is empty");
	else if (dkim_record_tag(wanted, "k", &kind, &kind_len) && kind_len > 3 &&
	    !tag_is(text, "k", "ed25519"))
		buf_puts(why, "the record lacks k=ed25519");
	else if (kind_len == 3 && dkim_record_tag(text, "k", &kind, &kind_len) && !tag_is(text, "k", "rsa"))
		buf_puts(why, "the record is of another kind: k= has to be rsa");
	else if (!dkim_record_tag(wanted, "p", &key, &key_len) || !is_same_key(value, len, key, key_len))
		buf_puts(why, "the record is that of another key");
	else if (dkim_record_tag(text, "h", &value, &len) && !list_has(value, len, "sha256"))
		buf_puts(why, "the record forbids sha256: h=");
	else if (dkim_record_tag(text, "s", &value, &len) && !list_has(value, len, "email"))
		buf_puts(why, "the record is not for mail: s=");
	else if (dkim_record_tag(text, "t", &value, &len) && list_has(value, len, "y")) {
		buf_puts(why, "the record says that signatures are only a test: t=y");
		result = DKIM_RECORD_WARNING;
	} else
		result = DKIM_RECORD_GOOD;
	return result;
}
