/*
 * address - mailboxes: RFC 5321 paths in commands, RFC 5322 mailboxes in headers and x- lines
 *
 * Runs in:  every program
 * Owns:     nothing; results are copied into struct address
 * Promise:  pure; linear in the input; what is accepted has no control byte, valid UTF-8, a local part of at most 64 and a
 *           domain of at most 255 bytes; local parts are never rewritten but for folding inside quotes
 * Fails by: -1 malformed or too long; the struct then holds nothing of use
 */
#include "common/mail/address.h"

#include <arpa/inet.h>
#include <string.h>

enum { LOCAL_MAX = 64, DOMAIN_MAX = 255, LABEL_MAX = 63, ROUTE_MAX = 32, COMMENT_DEPTH_MAX = 16 };

/* Where we are in the input. `header`: blanks, folds and comments may stand between tokens (RFC 5322 3.2.2). */
struct cursor {
	const unsigned char *in;
	size_t len, pos;
	bool header;
	unsigned flags;
};

static int
peek(const struct cursor *c)
{
	return c->pos < c->len ? c->in[c->pos] : -1;
}

static bool
is_blank(int byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static unsigned char
lower(unsigned char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + 32) : byte;
}

/* RFC 5322 3.2.3; never true for NUL. */
static bool
is_atext(int byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	    (byte > 0 && strchr("!#$%&'*+-/=?^_`{|}~", byte) != NULL);
}

/* Bytes of the well-formed UTF-8 character at `p` (RFC 3629 4), 2 to 4; 0 when malformed, ASCII or a C1 control. */
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
wide(const struct cursor *c)
{
	if (!(c->flags & ADDRESS_UTF8) || peek(c) < 0x80)
		return 0;
	return utf8_length(c->in + c->pos, c->len - c->pos);
}

/* Past the comment under the cursor. False: unterminated or nested too deeply (the cursor has moved). */
static bool
skip_comment(struct cursor *c)
{
	unsigned depth = 0;

	for (; c->pos < c->len; c->pos++) {
		int byte = peek(c);

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

/* In headers: past blanks, folds and comments. False: a bad comment. */
static bool
skip_blanks(struct cursor *c)
{
	while (c->header && c->pos < c->len) {
		if (is_blank(peek(c)))
			c->pos++;
		else if (peek(c) != '(')
			break;
		else if (!skip_comment(c))
			return false;
	}
	return true;
}

/* Past the quoted string under the cursor, looking at nothing in it. False: unterminated. */
static bool
skip_quoted(struct cursor *c)
{
	for (c->pos++; c->pos < c->len; c->pos++) {
		if (peek(c) == '\\')
			c->pos++;
		else if (peek(c) == '"') {
			c->pos++;
			return true;
		}
	}
	c->pos = c->len;
	return false;
}

/* The text under construction, with the room its part may take. */
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
text_take(struct text *t, struct cursor *c, size_t n)
{
	text_add(t, c->in + c->pos, n);
	c->pos += n;
}

/* "a b\"c": kept as it stands, folds and tabs become blanks. */
static bool
parse_quoted(struct cursor *c, struct text *t)
{
	size_t n;

	text_take(t, c, 1);
	while (c->pos < c->len && !t->failed) {
		int byte = peek(c);

		if (byte == '"') {
			text_take(t, c, 1);
			return !t->failed;
		}
		if (byte == '\\') {
			text_take(t, c, 1);
			byte = peek(c);
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
		} else if ((n = wide(c)) != 0) {
			text_take(t, c, n);
		} else {
			return false;
		}
	}
	return false;
}

/* One atom (RFC 6531 lets UTF-8 in); false when there is none. */
static bool
parse_atom(struct cursor *c, struct text *t)
{
	size_t before = t->len, n;

	while (c->pos < c->len && !t->failed) {
		if (is_atext(peek(c)))
			n = 1;
		else if ((n = wide(c)) == 0)
			break;
		text_take(t, c, n);
	}
	return !t->failed && t->len > before;
}

static bool
parse_local(struct cursor *c, struct text *t)
{
	if (peek(c) == '"')
		return parse_quoted(c, t) && skip_blanks(c);
	for (;;) {
		if (!parse_atom(c, t) || !skip_blanks(c))
			return false;
		if (peek(c) != '.')
			return true;
		text_take(t, c, 1);
		if (!skip_blanks(c))
			return false;
	}
}

/* [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 4.1.3); other tags are known to nobody and refused. */
static bool
parse_literal(struct cursor *c, struct text *t)
{
	size_t from = t->len;
	char inner[INET6_ADDRSTRLEN + 8], bytes[16];

	while (c->pos < c->len && peek(c) != ']' && !t->failed) {
		if (peek(c) <= ' ' || peek(c) > '~')
			return false;
		text_add_byte(t, lower(c->in[c->pos++]));
	}
	if (peek(c) != ']' || t->failed || t->len - from >= sizeof(inner))
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

/* Letters, digits, hyphens inside, underscores (they exist), UTF-8 when allowed. */
static bool
parse_label(struct cursor *c, struct text *t)
{
	size_t from = t->len, n;

	while (c->pos < c->len && !t->failed) {
		unsigned char byte = lower(c->in[c->pos]);

		if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_') {
			text_add_byte(t, byte);
			c->pos++;
		} else if ((n = wide(c)) != 0) {
			text_take(t, c, n);
		} else {
			break;
		}
	}
	return !t->failed && t->len > from && t->len - from <= LABEL_MAX && t->data[from] != '-' && t->data[t->len - 1] != '-';
}

static bool
parse_domain(struct cursor *c, struct text *t)
{
	if (peek(c) == '[')
		return parse_literal(c, t) && skip_blanks(c);
	for (;;) {
		if (!parse_label(c, t) || !skip_blanks(c))
			return false;
		if (peek(c) != '.')
			return true;
		text_take(t, c, 1);
		if (!skip_blanks(c))
			return false;
	}
}

/* "local@domain", or "local" with ADDRESS_BARE. */
static bool
parse_spec(struct cursor *c, struct address *a)
{
	struct text local = { .data = a->text, .max = LOCAL_MAX };
	struct text domain = { .max = DOMAIN_MAX };

	if (!parse_local(c, &local))
		return false;
	a->at = local.len;
	a->text[a->at] = '\0';
	if (peek(c) != '@')
		return (c->flags & ADDRESS_BARE) != 0;
	c->pos++;
	a->text[a->at] = '@';
	domain.data = a->text + a->at + 1;
	if (!skip_blanks(c) || !parse_domain(c, &domain))
		return false;
	domain.data[domain.len] = '\0';
	return true;
}

/* "@hop,@hop:" is read and forgotten (RFC 5321 4.1.1.3, appendix C). */
static bool
skip_route(struct cursor *c)
{
	for (unsigned hops = 0; hops < ROUTE_MAX; hops++) {
		char space[DOMAIN_MAX];
		struct text hop = { .data = space, .max = sizeof(space) };

		if (peek(c) != '@')
			return false;
		c->pos++;
		if (!skip_blanks(c) || !parse_domain(c, &hop))
			return false;
		if (peek(c) == ':') {
			c->pos++;
			return skip_blanks(c);
		}
		if (peek(c) != ',')
			return false;
		c->pos++;
		if (!skip_blanks(c))
			return false;
	}
	return false;
}

/* "<a@b>", "<@hop:a@b>", "<>"; the cursor is at the "<". */
static bool
parse_angle(struct cursor *c, struct address *a)
{
	c->pos++;
	if (!skip_blanks(c))
		return false;
	if (peek(c) == '>') {
		c->pos++;
		a->text[0] = '\0';
		a->at = 0;
		return (c->flags & ADDRESS_NULL) != 0;
	}
	if (peek(c) == '@' && !skip_route(c))
		return false;
	if (!parse_spec(c, a) || peek(c) != '>')
		return false;
	c->pos++;
	return true;
}

int
address_parse_path(struct address *a, const char *in, size_t len, unsigned flags, size_t *used)
{
	struct cursor c = { .in = (const unsigned char *)in, .len = len, .flags = flags };

	if (peek(&c) == '<') {
		if (!parse_angle(&c, a))
			return -1;
	} else {
		if (peek(&c) == '@' && !skip_route(&c))
			return -1;
		if (!parse_spec(&c, a))
			return -1;
		if (c.pos < c.len && peek(&c) != ' ' && peek(&c) != '\t')
			return -1;
	}
	*used = c.pos;
	return 0;
}

static bool
at_separator(const struct cursor *c)
{
	return c->pos == c->len || peek(c) == ',' || peek(c) == ';';
}

/*
 * Past a display name or a group's name: words, quoted strings, encoded words, and what people write instead
 * ("J. Doe", "a@b"). Stops at one of < : , ; or the end. False: nothing a name may hold.
 */
static bool
skip_phrase(struct cursor *c)
{
	while (c->pos < c->len) {
		int byte = peek(c);

		if (strchr("<:,;", byte) != NULL && byte != '\0')
			return true;
		if (byte == '(' ? !skip_comment(c) : byte == '"' && !skip_quoted(c))
			return false;
		if (byte == '(' || byte == '"')
			continue;
		if (byte == '>' || byte == 127 || (byte < ' ' && !is_blank(byte)))
			return false;
		c->pos++;
	}
	return true;
}

enum element { ELEMENT_BAD, ELEMENT_MAILBOX, ELEMENT_GROUP };

/* One mailbox, or the opening "name:" of a group; blanks before it are gone already. */
static enum element
parse_element(struct cursor *c, struct address *a)
{
	size_t start = c->pos;

	if (parse_spec(c, a) && at_separator(c))
		return ELEMENT_MAILBOX;
	c->pos = start;
	if (!skip_phrase(c))
		return ELEMENT_BAD;
	if (peek(c) == ':' && c->pos > start) {
		c->pos++;
		return ELEMENT_GROUP;
	}
	if (peek(c) != '<' || !parse_angle(c, a) || !skip_blanks(c) || !at_separator(c))
		return ELEMENT_BAD;
	return ELEMENT_MAILBOX;
}

/* From the start of a malformed element to the separator behind it. */
static void
skip_element(struct cursor *c)
{
	while (!at_separator(c)) {
		if (peek(c) == '"')
			skip_quoted(c);
		else if (peek(c) != '(')
			c->pos++;
		else if (!skip_comment(c))
			c->pos = c->len;
	}
}

int
address_parse_mailbox(struct address *a, const char *in, size_t len, unsigned flags)
{
	struct cursor c = { .in = (const unsigned char *)in, .len = len, .header = true, .flags = flags };

	if (!skip_blanks(&c) || c.pos == c.len)
		return -1;
	return parse_element(&c, a) == ELEMENT_MAILBOX && c.pos == c.len ? 0 : -1;
}

int
address_list_next(struct address *a, const char *in, size_t len, size_t *pos, unsigned flags)
{
	struct cursor c = { .in = (const unsigned char *)in, .len = len, .pos = *pos, .header = true, .flags = flags };
	int result = -1;

	for (;;) {
		size_t start;
		enum element what;

		if (!skip_blanks(&c)) {
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
	if (n == 0 || n > DOMAIN_MAX)
		return -1;
	a->text[a->at] = '@';
	for (size_t i = 0; i <= n; i++)
		a->text[a->at + 1 + i] = (char)lower((unsigned char)domain[i]);
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
		struct cursor c = { .in = (const unsigned char *)text, .len = n };

		if (!skip_quoted(&c))
			return -1;
		local = c.pos;
	}
	for (size_t i = local; i < n; i++)
		if (text[i] == '@')
			at = i;
	if (n > 0 && (at == 0 || at > LOCAL_MAX || at + 1 == n))
		return -1;
	for (size_t i = 0; i <= n; i++)
		a->text[i] = i > at ? (char)lower((unsigned char)text[i]) : text[i];
	a->at = at;
	return 0;
}
