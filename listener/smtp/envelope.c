/*
 * envelope - arguments of MAIL and RCPT, and the envelope they build; pure
 *
 * Runs in:  listener
 * Owns:     struct envelope: the message envelope and a hash of its recipients
 * Promise:  a parsed address has a domain or none, and is well formed; a recipient is stored once
 * Fails by: the reply that refuses the argument
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/mail/idn.h"
#include "common/mail/notify_words.h"
#include "listener/smtp/smtp.h"

enum parameter_verb { FOR_MAIL = 1, FOR_RCPT = 2, FOR_DSN = 4 /* RFC 3461 */ };

/* One parameter as written: "SIZE=100". `value` NULL: no "=". */
struct parameter {
	const char *name, *value;
	size_t name_len, value_len;
};

/* What the parameters of a command are put into. */
struct taker {
	struct envelope_mail *mail;	/* for MAIL */
	struct envelope_rcpt *rcpt;	/* for RCPT */
	unsigned flags;			/* of the message: for RCPT */
	bool dsn;
};

/* At most 20 digits (RFC 1870 5); a number over 64 bits is larger than any limit. */
static enum reply
take_size(const struct taker *t, const struct parameter *p)
{
	uint64_t size;

	if (p->value_len == 0 || p->value_len > 20)
		return REPLY_BAD_PARAMETER;
	size = 0;
	for (size_t i = 0; i < p->value_len; i++) {
		unsigned digit = (unsigned)(p->value[i] - '0');

		if (digit > 9)
			return REPLY_BAD_PARAMETER;
		if (__builtin_mul_overflow(size, 10U, &size) || __builtin_add_overflow(size, digit, &size))
			size = UINT64_MAX;
	}
	t->mail->size = size;
	return REPLY_NONE;
}

static bool
value_is(const struct parameter *p, const char *word)
{
	return p->value_len == strlen(word) && strncasecmp(p->value, word, p->value_len) == 0;
}

static enum reply
take_body(const struct taker *t, const struct parameter *p)
{
	if (p->value == NULL)
		return REPLY_BAD_PARAMETER;
	if (value_is(p, "8BITMIME"))
		t->mail->flags |= MESSAGE_8BIT;
	else if (value_is(p, "BINARYMIME"))
		t->mail->flags |= MESSAGE_BINARY | MESSAGE_8BIT;
	else if (!value_is(p, "7BIT"))
		return REPLY_BAD_PARAMETER;
	return REPLY_NONE;
}

static enum reply
take_smtputf8(const struct taker *t, const struct parameter *p)
{
	if (p->value != NULL)
		return REPLY_BAD_PARAMETER;
	t->mail->flags |= MESSAGE_UTF8;
	return REPLY_NONE;
}

static enum reply
take_requiretls(const struct taker *t, const struct parameter *p)
{
	if (p->value != NULL)
		return REPLY_BAD_PARAMETER;
	t->mail->flags |= MESSAGE_REQUIRETLS;
	return REPLY_NONE;
}

static enum reply
take_ret(const struct taker *t, const struct parameter *p)
{
	if (p->value == NULL || !(value_is(p, "FULL") || value_is(p, "HDRS")))
		return REPLY_BAD_PARAMETER;
	t->mail->ret = value_is(p, "FULL") ? RET_FULL : RET_HDRS;
	return REPLY_NONE;
}

static enum reply
take_envid(const struct taker *t, const struct parameter *p)
{
	if (p->value == NULL || p->value_len > XTEXT_ENVID_MAX || !xtext_is_valid(p->value, p->value_len))
		return REPLY_BAD_PARAMETER;
	xtext_copy(t->mail->envid, p->value, p->value_len);
	return REPLY_NONE;
}

static enum reply
take_notify(const struct taker *t, const struct parameter *p)
{
	if (p->value == NULL || notify_words_parse(&t->rcpt->notify, p->value, p->value_len) == -1)
		return REPLY_BAD_PARAMETER;
	return REPLY_NONE;
}

static enum reply
take_orcpt(const struct taker *t, const struct parameter *p)
{
	if (p->value == NULL || !xtext_is_orcpt(p->value, p->value_len, t->flags & MESSAGE_UTF8))
		return REPLY_BAD_PARAMETER;
	xtext_copy(t->rcpt->orcpt, p->value, p->value_len);
	return REPLY_NONE;
}

/*
 * Who submitted the message, says the client (RFC 4954 5): a mailbox in xtext, or <>. transaction_mail()
 * ignores it unless the client is authenticated.
 */
static enum reply
take_auth(const struct taker *t, const struct parameter *p)
{
	struct buf path = BUF_INIT(ADDRESS_MAX + 2);
	struct address a;
	size_t used;
	bool good;
	char *text;

	if (p->value == NULL || p->value_len > XTEXT_AUTH_MAX || !xtext_is_valid(p->value, p->value_len))
		return REPLY_BAD_PARAMETER;
	if (p->value_len == 2 && strncmp(p->value, "<>", 2) == 0)
		return REPLY_NONE;
	text = mem_strndup(p->value, p->value_len);
	buf_puts(&path, "<");
	xtext_decode(&path, text);
	buf_puts(&path, ">");
	good = buf_ok(&path) && address_parse_path(&a, path.data, path.len, ADDRESS_BARE, &used) == 0 &&
	    used == path.len;
	buf_done(&path);
	free(text);
	if (good)
		xtext_copy(t->mail->auth, p->value, p->value_len);
	return good ? REPLY_NONE : REPLY_BAD_PARAMETER;
}

static const struct parameter_row {
	const char *name;
	unsigned verbs;		/* enum parameter_verb bits */
	enum reply (*take)(const struct taker *t, const struct parameter *p);
} parameter_rows[] = {
	{ "SIZE", FOR_MAIL, take_size },
	{ "BODY", FOR_MAIL, take_body },
	{ "SMTPUTF8", FOR_MAIL, take_smtputf8 },
	{ "REQUIRETLS", FOR_MAIL, take_requiretls },
	{ "AUTH", FOR_MAIL, take_auth },
	{ "RET", FOR_MAIL | FOR_DSN, take_ret },
	{ "ENVID", FOR_MAIL | FOR_DSN, take_envid },
	{ "NOTIFY", FOR_RCPT | FOR_DSN, take_notify },
	{ "ORCPT", FOR_RCPT | FOR_DSN, take_orcpt },
};

/* The next word of `*arg`; false at the end. */
static bool
next_parameter(struct parameter *p, const char **arg, size_t *len)
{
	const char *end, *equal;
	size_t size;

	while (*len > 0 && **arg == ' ')
		(*arg)++, (*len)--;
	if (*len == 0)
		return false;
	end = memchr(*arg, ' ', *len);
	size = end != NULL ? (size_t)(end - *arg) : *len;
	equal = memchr(*arg, '=', size);
	*p = (struct parameter){ .name = *arg, .name_len = equal != NULL ? (size_t)(equal - *arg) : size };
	if (equal != NULL) {
		p->value = equal + 1;
		p->value_len = size - p->name_len - 1;
	}
	*arg += size;
	*len -= size;
	return true;
}

static enum reply
take_parameters(const struct taker *t, const char *arg, size_t len, enum parameter_verb verb)
{
	struct parameter p;
	unsigned given = 0;

	if (len > 0 && *arg != ' ')
		return REPLY_BAD_ADDRESS;
	while (next_parameter(&p, &arg, &len)) {
		size_t i = 0;
		enum reply bad;

		while (i < nitems_of(parameter_rows) &&
		    !((parameter_rows[i].verbs & verb) && strlen(parameter_rows[i].name) == p.name_len &&
		    strncasecmp(parameter_rows[i].name, p.name, p.name_len) == 0))
			i++;
		if (i == nitems_of(parameter_rows) || ((parameter_rows[i].verbs & FOR_DSN) && !t->dsn))
			return REPLY_UNKNOWN_PARAMETER;
		if (given & 1U << i)
			return REPLY_BAD_PARAMETER;
		given |= 1U << i;
		bad = parameter_rows[i].take(t, &p);
		if (bad != REPLY_NONE)
			return bad;
	}
	return REPLY_NONE;
}

static void
skip_blanks(const char **arg, size_t *len)
{
	while (*len > 0 && **arg == ' ')
		(*arg)++, (*len)--;
}

/* "Bob <a@b>", "\"Bob\" <a@b>", "<Bob <a@b>>": a mailbox of a header field, where a path belongs. */
static bool
has_display_name(const char *arg, size_t len)
{
	const char *angle = len > 1 ? memchr(arg + 1, '<', len - 1) : NULL;

	return angle != NULL && memchr(angle, '>', len - (size_t)(angle - arg)) != NULL;
}

/* "FROM:" or "TO:", then the path. Devices put blanks around the colon, and leave the angle brackets out. */
static enum reply
take_path(struct address *a, const char **arg, size_t *len, const char *keyword, unsigned flags)
{
	size_t n = strlen(keyword), used;
	char ascii[IDN_SIZE];

	if (*len < n || strncasecmp(*arg, keyword, n) != 0)
		return REPLY_BAD_PARAMETER;
	*arg += n;
	*len -= n;
	skip_blanks(arg, len);
	if (*len == 0 || **arg != ':')
		return REPLY_BAD_PARAMETER;
	(*arg)++, (*len)--;
	skip_blanks(arg, len);
	if (*len == 0 || address_parse_path(a, *arg, *len, flags | ADDRESS_BARE, &used) == -1)
		return has_display_name(*arg, *len) ? REPLY_DISPLAY_NAME : REPLY_BAD_ADDRESS;
	if (**arg != '<' && has_display_name(*arg, *len))
		return REPLY_DISPLAY_NAME;
	*arg += used;
	*len -= used;
	/* A domain in another script has to be a valid name (RFC 5890). */
	return idn_to_ascii(ascii, address_domain(a)) ? REPLY_NONE : REPLY_BAD_ADDRESS;
}

enum reply
envelope_parse_mail(struct envelope_mail *m, const char *arg, size_t len, bool dsn)
{
	size_t whole = len;
	enum reply bad;

	*m = (struct envelope_mail){ 0 };
	bad = take_path(&m->sender, &arg, &len, "FROM", ADDRESS_NULL | ADDRESS_UTF8);
	m->parameters = whole - len;
	if (bad == REPLY_NONE)
		bad = take_parameters(&(struct taker){ .mail = m, .dsn = dsn }, arg, len, FOR_MAIL);
	/* SMTPUTF8 comes after the address (RFC 6531 3.4): only now is it known whether UTF-8 was allowed. */
	if (bad == REPLY_NONE && address_is_utf8(&m->sender) && !(m->flags & MESSAGE_UTF8))
		bad = REPLY_UTF8_NOT_DECLARED;
	return bad;
}

enum reply
envelope_parse_rcpt(struct envelope_rcpt *r, const char *arg, size_t len, unsigned flags, bool dsn)
{
	size_t whole = len;
	enum reply bad;

	*r = (struct envelope_rcpt){ 0 };
	bad = take_path(&r->address, &arg, &len, "TO", ADDRESS_UTF8);
	r->parameters = whole - len;
	if (bad == REPLY_NONE)
		bad = take_parameters(&(struct taker){ .rcpt = r, .flags = flags, .dsn = dsn }, arg, len,
		    FOR_RCPT);
	if (bad == REPLY_NONE && address_is_utf8(&r->address) && !(flags & MESSAGE_UTF8))
		bad = REPLY_UTF8_NOT_DECLARED;
	return bad;
}

struct envelope *
envelope_new(const struct envelope_mail *m)
{
	struct envelope *e = mem_new(struct envelope);

	e->m.sender = mem_strdup(m->sender.text);
	e->m.flags = m->flags;
	e->m.ret = m->ret;
	e->m.envid = m->envid[0] != '\0' ? mem_strdup(m->envid) : NULL;
	e->m.auth = m->auth[0] != '\0' ? mem_strdup(m->auth) : NULL;
	e->declared = m->size;
	e->bytes = sizeof(*e) + strlen(m->sender.text) + strlen(m->envid) + strlen(m->auth);
	return e;
}

void
envelope_free(struct envelope *e)
{
	if (e == NULL)
		return;
	message_envelope_done(&e->m);
	free(e->seen);
	free(e);
}

/* Its record, its place in the hash, what allocations cost. */
enum { RECIPIENT_BYTES = 160 };

/* In the queue file: the names of its lines and the words of NOTIFY; all of it. */
enum { RECIPIENT_LINES = 100, RECIPIENT_MOST = RECIPIENT_LINES + ADDRESS_MAX + XTEXT_ORCPT_MAX };

/* The other lines, and the recipients that mail filters add: ENVELOPE_CHANGES_MAX. */
enum { OTHER_LINES = 2 << 20 };

bool
envelope_is_full(const struct envelope *e)
{
	return e->m.nrcpt >= ENVELOPE_RECIPIENTS_MAX ||
	    e->lines + RECIPIENT_MOST > MESSAGE_ENVELOPE_MAX - OTHER_LINES;
}

/* FNV-1a, begun with the envelope's address in memory: clients cannot choose recipients that collide. */
static uint32_t
hash_recipient(const struct envelope *e, const char *text)
{
	uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)e >> 4);

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 16777619U;
	return h ^ h >> 16;
}

/* The slot of `recipient`, or the free one for it; `seen` is never full. */
static uint32_t *
slot_of(const struct envelope *e, const char *recipient)
{
	size_t mask = e->seen_size - 1, i = hash_recipient(e, recipient) & mask;

	while (e->seen[i] != 0 && strcmp(e->m.rcpt[e->seen[i] - 1].address, recipient) != 0)
		i = (i + 1) & mask;
	return &e->seen[i];
}

bool
envelope_has(const struct envelope *e, const char *recipient)
{
	return e->seen_size > 0 && *slot_of(e, recipient) != 0;
}

static void
grow_hash(struct envelope *e)
{
	free(e->seen);
	e->seen_size = e->seen_size == 0 ? 8 : e->seen_size * 2;
	e->seen = mem_zalloc(e->seen_size * sizeof(*e->seen));
	for (size_t i = 0; i < e->m.nrcpt; i++)
		*slot_of(e, e->m.rcpt[i].address) = (uint32_t)i + 1;
}

void
envelope_add(struct envelope *e, const struct envelope_rcpt *r)
{
	const char *recipient = r->address.text;
	struct message_recipient *to;

	if (envelope_has(e, recipient))
		return;
	if ((e->m.nrcpt + 1) * 2 > e->seen_size)
		grow_hash(e);
	to = message_envelope_add(&e->m, recipient);
	to->notify = r->notify;
	to->orcpt = r->orcpt[0] != '\0' ? mem_strdup(r->orcpt) : NULL;
	e->bytes += RECIPIENT_BYTES + strlen(recipient) + strlen(r->orcpt);
	e->lines += RECIPIENT_LINES + strlen(recipient) + strlen(r->orcpt);
	*slot_of(e, recipient) = (uint32_t)e->m.nrcpt;
}
