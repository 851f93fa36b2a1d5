/*
 * address - mailboxes: RFC 5321 paths in commands, RFC 5322 mailboxes in headers and x- lines; pure
 *
 * Runs in:  every process
 * Owns:     nothing; results are copied into struct address
 * Promise:  linear in the input. What is accepted has no control byte, valid UTF-8, a local part of at most
 *           256 and a domain of at most 255 bytes. A local part is never changed, but folding inside quotes
 *           is removed; dots may stand anywhere in it, as phone companies gave out such addresses
 * Fails by: -1: malformed or too long; the struct then has no usable content
 */
#include "common/mail/address.h"

#include <string.h>

#include "common/mail/address_private.h"

int
address_parse_path(struct address *a, const char *in, size_t len, unsigned flags, size_t *used)
{
	struct address_cursor c = { .in = (const unsigned char *)in, .len = len, .flags = flags };

	if (address_peek(&c) == '<') {
		if (!address_spec_angle(&c, a))
			return -1;
	} else {
		if (address_peek(&c) == '@' && !address_spec_route(&c))
			return -1;
		if (!address_spec_parse(&c, a))
			return -1;
		if (c.pos < c.len && address_peek(&c) != ' ' && address_peek(&c) != '\t')
			return -1;
	}
	*used = c.pos;
	return 0;
}

static bool
at_separator(const struct address_cursor *c)
{
	return c->pos == c->len || address_peek(c) == ',' || address_peek(c) == ';';
}

/*
 * Skips a display name or a group's name: words, quoted strings, encoded words, and common errors ("J. Doe",
 * "a@b"). Stops at one of < : , ; or the end. False: no name can have this.
 */
static bool
skip_phrase(struct address_cursor *c)
{
	while (c->pos < c->len) {
		int byte = address_peek(c);

		if (strchr("<:,;", byte) != NULL && byte != '\0')
			return true;
		if (byte == '(' ? !address_spec_comment(c) : byte == '"' && !address_spec_quoted(c))
			return false;
		if (byte == '(' || byte == '"')
			continue;
		if (byte == '>' || byte == 127 || (byte < ' ' && !address_is_blank(byte)))
			return false;
		c->pos++;
	}
	return true;
}

enum element { ELEMENT_BAD, ELEMENT_MAILBOX, ELEMENT_GROUP };

/* One mailbox, or the opening "name:" of a group; blanks before it are skipped already. */
static enum element
parse_element(struct address_cursor *c, struct address *a)
{
	size_t start = c->pos;

	if (address_spec_parse(c, a) && at_separator(c))
		return ELEMENT_MAILBOX;
	c->pos = start;
	if (!skip_phrase(c))
		return ELEMENT_BAD;
	if (address_peek(c) == ':' && c->pos > start) {
		c->pos++;
		return ELEMENT_GROUP;
	}
	if (address_peek(c) != '<' || !address_spec_angle(c, a) || !address_spec_blanks(c) ||
	    !at_separator(c))
		return ELEMENT_BAD;
	return ELEMENT_MAILBOX;
}

/* Skips from the start of a malformed element to the next separator. */
static void
skip_element(struct address_cursor *c)
{
	while (!at_separator(c)) {
		if (address_peek(c) == '"')
			address_spec_quoted(c);
		else if (address_peek(c) != '(')
			c->pos++;
		else if (!address_spec_comment(c))
			c->pos = c->len;
	}
}

int
address_parse_mailbox(struct address *a, const char *in, size_t len, unsigned flags)
{
	struct address_cursor c = { .in = (const unsigned char *)in, .len = len, .header = true,
	    .flags = flags };

	if (!address_spec_blanks(&c) || c.pos == c.len)
		return -1;
	return parse_element(&c, a) == ELEMENT_MAILBOX && c.pos == c.len ? 0 : -1;
}

int
address_list_next(struct address *a, const char *in, size_t len, size_t *pos, unsigned flags)
{
	struct address_cursor c = { .in = (const unsigned char *)in, .len = len, .pos = *pos, .header = true,
	    .flags = flags };
	int result = -1;

	for (;;) {
		size_t start;
		enum element what;

		if (!address_spec_blanks(&c)) {
			c.pos = c.len;
			break;
		}
		start = c.pos;
		if (c.pos == c.len) {
			result = 0;
			break;
		}
		if (at_separator(&c)) {
			c.pos++;
			continue;
		}
		what = parse_element(&c, a);
		if (what == ELEMENT_GROUP)
			continue;
		if (what == ELEMENT_MAILBOX) {
			result = 1;
		} else {
			c.pos = start;
			skip_element(&c);
		}
		break;
	}
	*pos = c.pos;
	return result;
}

void
address_malformed(struct address *a, const char *text, size_t len)
{
	size_t n = 0;

	while (len > 0 && address_is_blank((unsigned char)text[len - 1]))
		len--;
	while (len > 0 && address_is_blank((unsigned char)*text))
		text++, len--;
	a->text[n++] = '"';
	for (size_t i = 0; i < len && i < ADDRESS_MALFORMED_TEXT; i++) {
		char byte = text[i] == '\t' || text[i] == '\r' || text[i] == '\n' ? ' ' : text[i];

		a->text[n++] = byte < ' ' || byte > '~' || byte == '"' || byte == '\\' ? '?' : byte;
	}
	a->text[n++] = '"';
	a->at = n;
	a->text[n++] = '@';
	strcpy(a->text + n, ADDRESS_MALFORMED);
}

const char *
address_domain(const struct address *a)
{
	return a->text[a->at] == '@' ? a->text + a->at + 1 : "";
}

bool
address_is_null(const struct address *a)
{
	return a->text[0] == '\0';
}

bool
address_is_bare(const struct address *a)
{
	return a->text[0] != '\0' && a->text[a->at] == '\0';
}

bool
address_is_utf8(const struct address *a)
{
	for (const char *p = a->text; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			return true;
	return false;
}

int
address_complete(struct address *a, const char *domain)
{
	size_t n = strlen(domain);

	if (!address_is_bare(a))
		return 0;
	if (n == 0 || n > ADDRESS_DOMAIN_MAX)
		return -1;
	a->text[a->at] = '@';
	for (size_t i = 0; i <= n; i++)
		a->text[a->at + 1 + i] = (char)address_lower((unsigned char)domain[i]);
	return 0;
}

int
address_from_text(struct address *a, const char *text)
{
	size_t n = strlen(text), at = n, local = 0;

	if (n > ADDRESS_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			return -1;
	if (text[0] == '"') {
		struct address_cursor c = { .in = (const unsigned char *)text, .len = n };

		if (!address_spec_quoted(&c))
			return -1;
		local = c.pos;
	}
	for (size_t i = local; i < n; i++)
		if (text[i] == '@')
			at = i;
	if (n > 0 && (at == 0 || at > ADDRESS_LOCAL_MAX || at + 1 == n))
		return -1;
	for (size_t i = 0; i <= n; i++)
		a->text[i] = i > at ? (char)address_lower((unsigned char)text[i]) : text[i];
	a->at = at;
	return 0;
}
