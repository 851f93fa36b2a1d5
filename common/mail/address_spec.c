/*
 * address_spec - the address itself: local part, domain, literal, route, and comments between them; pure
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  see address.c
 * Fails by: false; the cursor is somewhere inside the malformed part
 */
#include <arpa/inet.h>
#include <string.h>

#include "common/mail/address_private.h"

enum { LABEL_MAX = 63, ROUTE_MAX = 32, COMMENT_DEPTH_MAX = 16 };

/* RFC 5322 3.2.3; never true for NUL. */
static bool
is_atext(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	    (byte > 0 && strchr("!#$%&'*+-/=?^_`{|}~", byte) != NULL);
}

/*
 * Bytes of the well-formed UTF-8 character at `p` (RFC 3629 4), 2 to 4; 0 when malformed, ASCII or a C1
 * control.
 */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
	static const struct { unsigned char first, last, low, high; size_t size; } rows[] = {
		{ 0xC2, 0xC2, 0xA0, 0xBF, 2 },	/* without U+0080 to U+009F */
		{ 0xC3, 0xDF, 0x80, 0xBF, 2 },
		{ 0xE0, 0xE0, 0xA0, 0xBF, 3 },
		{ 0xE1, 0xEC, 0x80, 0xBF, 3 },
		{ 0xED, 0xED, 0x80, 0x9F, 3 },	/* without surrogates */
		{ 0xEE, 0xEF, 0x80, 0xBF, 3 },
		{ 0xF0, 0xF0, 0x90, 0xBF, 4 },
		{ 0xF1, 0xF3, 0x80, 0xBF, 4 },
		{ 0xF4, 0xF4, 0x80, 0x8F, 4 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (p[0] < rows[i].first || p[0] > rows[i].last)
			continue;
		if (left < rows[i].size || p[1] < rows[i].low || p[1] > rows[i].high)
			return 0;
		for (size_t k = 2; k < rows[i].size; k++)
			if (p[k] < 0x80 || p[k] > 0xBF)
				return 0;
		return rows[i].size;
	}
	return 0;
}

/* Bytes of the non-ASCII character under the cursor when it is well-formed and allowed; else 0. */
static size_t
wide_character(const struct address_cursor *c)
{
	if (!(c->flags & ADDRESS_UTF8) || address_peek(c) < 0x80)
		return 0;
	return utf8_length(c->in + c->pos, c->len - c->pos);
}

bool
address_spec_comment(struct address_cursor *c)
{
	unsigned depth = 0;

	for (; c->pos < c->len; c->pos++) {
		int byte = address_peek(c);

		if (byte == '\\')
			c->pos++;
		else if (byte == '(' && ++depth > COMMENT_DEPTH_MAX)
			return false;
		else if (byte == ')' && --depth == 0) {
			c->pos++;
			return true;
		}
	}
	c->pos = c->len;
	return false;
}

bool
address_spec_blanks(struct address_cursor *c)
{
	while (c->header && c->pos < c->len) {
		if (address_is_blank(address_peek(c)))
			c->pos++;
		else if (address_peek(c) != '(')
			break;
		else if (!address_spec_comment(c))
			return false;
	}
	return true;
}

bool
address_spec_quoted(struct address_cursor *c)
{
	for (c->pos++; c->pos < c->len; c->pos++) {
		if (address_peek(c) == '\\')
			c->pos++;
		else if (address_peek(c) == '"') {
			c->pos++;
			return true;
		}
	}
	c->pos = c->len;
	return false;
}

/* The text under construction, with the size that its part may have. */
struct text {
	char *data;
	size_t len, max;
	bool failed;
};

static void
text_add(struct text *t, const void *data, size_t len)
{
	if (t->failed || len > t->max - t->len) {
		t->failed = true;
		return;
	}
	memcpy(t->data + t->len, data, len);
	t->len += len;
}

static void
text_add_byte(struct text *t, unsigned char byte)
{
	text_add(t, &byte, 1);
}

/* One byte or one character from the input. */
static void
text_take(struct text *t, struct address_cursor *c, size_t n)
{
	text_add(t, c->in + c->pos, n);
	c->pos += n;
}

/* "a b\"c": kept unchanged, but folds and tabs become blanks. */
static bool
parse_quoted(struct address_cursor *c, struct text *t)
{
	size_t n;

	text_take(t, c, 1);
	while (c->pos < c->len && !t->failed) {
		int byte = address_peek(c);

		if (byte == '"') {
			text_take(t, c, 1);
			return !t->failed;
		}
		if (byte == '\\') {
			text_take(t, c, 1);
			byte = address_peek(c);
			if (byte < ' ' || byte > '~')
				return false;
			text_take(t, c, 1);
		} else if (byte >= ' ' && byte <= '~') {
			text_take(t, c, 1);
		} else if (c->header && (byte == '\r' || byte == '\n')) {
			c->pos++;
		} else if (c->header && byte == '\t') {
			text_add_byte(t, ' ');
			c->pos++;
		} else if ((n = wide_character(c)) != 0) {
			text_take(t, c, n);
		} else {
			return false;
		}
	}
	return false;
}

/* One atom (UTF-8 allowed by RFC 6531); false when there is none. */
static bool
parse_atom(struct address_cursor *c, struct text *t)
{
	size_t before = t->len, n;

	while (c->pos < c->len && !t->failed) {
		if (is_atext(address_peek(c)))
			n = 1;
		else if ((n = wide_character(c)) == 0)
			break;
		text_take(t, c, n);
	}
	return !t->failed && t->len > before;
}

/*
 * Atoms and dots. RFC 5321 has one dot between two atoms; "taro..yama@" and "hanako.@" are not by that
 * grammar, but their owners have no other address.
 */
static bool
parse_local(struct address_cursor *c, struct text *t)
{
	bool atom = false;

	if (address_peek(c) == '"')
		return parse_quoted(c, t) && address_spec_blanks(c);
	for (;;) {
		atom = parse_atom(c, t) || atom;
		if (t->failed || !address_spec_blanks(c))
			return false;
		if (address_peek(c) != '.')
			return atom;
		text_take(t, c, 1);
		if (!address_spec_blanks(c))
			return false;
	}
}

/* [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 4.1.3); other tags are refused. */
static bool
parse_domain_literal(struct address_cursor *c, struct text *t)
{
	size_t from = t->len;
	char inner[INET6_ADDRSTRLEN + 8], bytes[16];

	while (c->pos < c->len && address_peek(c) != ']' && !t->failed) {
		if (address_peek(c) <= ' ' || address_peek(c) > '~')
			return false;
		text_add_byte(t, address_lower(c->in[c->pos++]));
	}
	if (address_peek(c) != ']' || t->failed || t->len - from >= sizeof(inner))
		return false;
	text_take(t, c, 1);
	if (t->failed)
		return false;
	memcpy(inner, t->data + from + 1, t->len - from - 2);
	inner[t->len - from - 2] = '\0';
	if (strncmp(inner, "ipv6:", 5) == 0)
		return inet_pton(AF_INET6, inner + 5, bytes) == 1;
	return inet_pton(AF_INET, inner, bytes) == 1;
}

/* Letters, digits, hyphens inside, underscores (which exist in practice), UTF-8 when allowed. */
static bool
parse_label(struct address_cursor *c, struct text *t)
{
	size_t from = t->len, n;

	while (c->pos < c->len && !t->failed) {
		unsigned char byte = address_lower(c->in[c->pos]);

		if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' ||
		    byte == '_') {
			text_add_byte(t, byte);
			c->pos++;
		} else if ((n = wide_character(c)) != 0) {
			text_take(t, c, n);
		} else {
			break;
		}
	}
	return !t->failed && t->len > from && t->len - from <= LABEL_MAX && t->data[from] != '-' &&
	    t->data[t->len - 1] != '-';
}

static bool
is_label_byte(int byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	    byte == '-' || byte == '_' || byte >= 0x80;
}

/* Labels with dots between them, blanks allowed around each. A dot at the end (the root) is left out. */
static bool
parse_domain(struct address_cursor *c, struct text *t)
{
	if (address_peek(c) == '[')
		return parse_domain_literal(c, t) && address_spec_blanks(c);
	for (;;) {
		if (!parse_label(c, t) || !address_spec_blanks(c))
			return false;
		if (address_peek(c) != '.')
			return true;
		c->pos++;
		if (!address_spec_blanks(c))
			return false;
		if (!is_label_byte(address_peek(c)))
			return true;
		text_add_byte(t, '.');
	}
}

bool
address_spec_parse(struct address_cursor *c, struct address *a)
{
	struct text local = { .data = a->text, .max = ADDRESS_LOCAL_MAX };
	struct text domain = { .max = ADDRESS_DOMAIN_MAX };

	if (!parse_local(c, &local))
		return false;
	a->at = local.len;
	a->text[a->at] = '\0';
	if (address_peek(c) != '@')
		return (c->flags & ADDRESS_BARE) != 0;
	c->pos++;
	a->text[a->at] = '@';
	domain.data = a->text + a->at + 1;
	if (!address_spec_blanks(c) || !parse_domain(c, &domain))
		return false;
	domain.data[domain.len] = '\0';
	return true;
}

bool
address_spec_route(struct address_cursor *c)
{
	for (unsigned hops = 0; hops < ROUTE_MAX; hops++) {
		char space[ADDRESS_DOMAIN_MAX];
		struct text hop = { .data = space, .max = sizeof(space) };

		if (address_peek(c) != '@')
			return false;
		c->pos++;
		if (!address_spec_blanks(c) || !parse_domain(c, &hop))
			return false;
		if (address_peek(c) == ':') {
			c->pos++;
			return address_spec_blanks(c);
		}
		if (address_peek(c) != ',')
			return false;
		c->pos++;
		if (!address_spec_blanks(c))
			return false;
	}
	return false;
}

/* Inside the angle brackets of a path there may be blanks, too: that is what some devices send. */
static bool
skip_inside(struct address_cursor *c)
{
	while (!c->header && (address_peek(c) == ' ' || address_peek(c) == '\t'))
		c->pos++;
	return address_spec_blanks(c);
}

bool
address_spec_angle(struct address_cursor *c, struct address *a)
{
	c->pos++;
	if (!skip_inside(c))
		return false;
	if (address_peek(c) == '>') {
		c->pos++;
		a->text[0] = '\0';
		a->at = 0;
		return (c->flags & ADDRESS_NULL) != 0;
	}
	if (address_peek(c) == '@' && !address_spec_route(c))
		return false;
	if (!address_spec_parse(c, a) || !skip_inside(c) || address_peek(c) != '>')
		return false;
	c->pos++;
	return true;
}
