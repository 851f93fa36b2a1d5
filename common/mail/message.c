/*
 * message - the queue file's envelope and end record: format and parse; pure
 *
 * Runs in:  posternctl, listener, deliver, pickup
 * Owns:     the strings of an envelope
 * Promise:  parse(format(e)) equals e; a value never holds a control character
 * Fails by: -1 and a reason; never reads past the bytes given
 */
#include "common/mail/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"

#define MESSAGE_MAGIC "postern-queue 1\n"
#define MESSAGE_END "postern-end "

static const struct { const char *name; unsigned bit; } flag_row[] = {
	{ "8bitmime", MESSAGE_8BIT }, { "smtputf8", MESSAGE_UTF8 }, { "binarymime", MESSAGE_BINARY },
	{ "report", MESSAGE_REPORT }, { "resolved", MESSAGE_RESOLVED }, { "sign", MESSAGE_SIGN },
	{ "requiretls", MESSAGE_REQUIRETLS }, { "evacuated", MESSAGE_EVACUATED },
};
static const struct { const char *name; unsigned bit; } notify_row[] = {
	{ "never", NOTIFY_NEVER }, { "success", NOTIFY_SUCCESS }, { "failure", NOTIFY_FAILURE },
	{ "delay", NOTIFY_DELAY },
};
static const char *const ret_name[] = { [RET_DEFAULT] = "", [RET_FULL] = "full", [RET_HDRS] = "hdrs" };

void
message_envelope_done(struct message_envelope *e)
{
	for (size_t i = 0; i < e->nrcpt; i++) {
		free(e->rcpt[i].address);
		free(e->rcpt[i].orcpt);
		free(e->rcpt[i].member);
		free(e->rcpt[i].refused);
	}
	free(e->rcpt);
	free(e->sender);
	free(e->client);
	free(e->helo);
	free(e->user);
	free(e->protocol);
	free(e->envid);
	free(e->auth);
	*e = (struct message_envelope){ 0 };
}

struct message_recipient *
message_envelope_add(struct message_envelope *e, const char *address)
{
	struct message_recipient *r;

	if ((e->nrcpt & (e->nrcpt - 1)) == 0) /* room doubles at each power of two */
		e->rcpt = mem_array(e->rcpt, e->nrcpt == 0 ? 1 : e->nrcpt * 2, sizeof(*e->rcpt));
	r = &e->rcpt[e->nrcpt++];
	*r = (struct message_recipient){ .address = mem_strdup(address), .mark = MARK_PENDING };
	return r;
}

void
message_envelope_copy(struct message_envelope *to, const struct message_envelope *from)
{
	*to = (struct message_envelope){ .flags = from->flags, .ret = from->ret };
	memcpy(to->id, from->id, sizeof(to->id));
	to->sender = mem_strdup(from->sender);
	to->client = mem_strdup(from->client);
	to->helo = mem_strdup(from->helo);
	to->user = mem_strdup(from->user);
	to->protocol = mem_strdup(from->protocol);
	to->envid = mem_strdup(from->envid);
	to->auth = mem_strdup(from->auth);
	for (size_t i = 0; i < from->nrcpt; i++) {
		struct message_recipient *r = message_envelope_add(to, from->rcpt[i].address);

		r->mark = from->rcpt[i].mark;
		r->notify = from->rcpt[i].notify;
		r->orcpt = mem_strdup(from->rcpt[i].orcpt);
		r->member = mem_strdup(from->rcpt[i].member);
		r->refused = mem_strdup(from->rcpt[i].refused);
	}
}

static bool
value_is_clean(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7f)
			return false;
	return true;
}

/* A line "name: value"; nothing for NULL. False when the value is unclean. */
static bool
put_line(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return true;
	if (!value_is_clean(value))
		return false;
	buf_puts(out, name);
	buf_puts(out, ": ");
	buf_puts(out, value);
	buf_puts(out, "\n");
	return true;
}

static void
put_flags(struct buf *out, unsigned flags)
{
	if (flags == 0)
		return;
	buf_puts(out, "flags:");
	for (size_t i = 0; i < nitems_of(flag_row); i++)
		if (flags & flag_row[i].bit)
			buf_printf(out, " %s", flag_row[i].name);
	buf_puts(out, "\n");
}

static bool
put_recipient(struct buf *out, const struct message_recipient *r)
{
	if (!put_line(out, "x-receiver", r->address))
		return false;
	if (r->notify != 0) {
		const char *comma = "";

		buf_puts(out, "x-notify: ");
		for (size_t i = 0; i < nitems_of(notify_row); i++)
			if (r->notify & notify_row[i].bit) {
				buf_printf(out, "%s%s", comma, notify_row[i].name);
				comma = ",";
			}
		buf_puts(out, "\n");
	}
	return put_line(out, "x-orcpt", r->orcpt) && put_line(out, "x-member", r->member) &&
	    put_line(out, "x-refused", r->refused);
}

int
message_envelope_format(const struct message_envelope *e, struct buf *out)
{
	char date[CLOCK_DATE_SIZE];
	size_t begin = out->len;
	bool ok;

	buf_puts(out, MESSAGE_MAGIC);
	clock_format_utc(date, message_id_is_valid(e->id) ? message_id_time_us(e->id) : 0);
	ok = put_line(out, "arrived", date) && put_line(out, "client", e->client) &&
	    put_line(out, "helo", e->helo) &&
	    put_line(out, "user", e->user) && put_line(out, "protocol", e->protocol) &&
	    put_line(out, "ret", e->ret != RET_DEFAULT ? ret_name[e->ret] : NULL) &&
	    put_line(out, "envid", e->envid) && put_line(out, "auth", e->auth);
	put_flags(out, e->flags);
	buf_puts(out, "marks: ");
	for (size_t i = 0; i < e->nrcpt; i++)
		buf_add(out, &e->rcpt[i].mark, 1);
	buf_puts(out, "\n");
	ok = ok && put_line(out, "x-sender", e->sender != NULL ? e->sender : "");
	for (size_t i = 0; ok && i < e->nrcpt; i++)
		ok = put_recipient(out, &e->rcpt[i]);
	buf_puts(out, "\n");
	return ok && buf_ok(out) && out->len - begin <= MESSAGE_ENVELOPE_MAX ? 0 : -1;
}

/* --- parse --- */

struct envelope_parse {
	struct message_envelope *e;
	const char *marks;
	size_t nmarks;
	bool sender_seen;
	const char *why;
};

typedef bool parse_line(struct envelope_parse *p, char *value);

static bool
keep_once(struct envelope_parse *p, char **slot, const char *value)
{
	if (*slot != NULL) {
		p->why = "a line occurs twice";
		return false;
	}
	*slot = mem_strdup(value);
	return true;
}

static bool
parse_ignored(struct envelope_parse *p, char *value)
{
	return true;
}

static bool
parse_client(struct envelope_parse *p, char *value)
{
	return keep_once(p, &p->e->client, value);
}

static bool
parse_helo(struct envelope_parse *p, char *value)
{
	return keep_once(p, &p->e->helo, value);
}

static bool
parse_user(struct envelope_parse *p, char *value)
{
	return keep_once(p, &p->e->user, value);
}

static bool
parse_protocol(struct envelope_parse *p, char *value)
{
	return keep_once(p, &p->e->protocol, value);
}

static bool
parse_envid(struct envelope_parse *p, char *value)
{
	return keep_once(p, &p->e->envid, value);
}

static bool
parse_auth(struct envelope_parse *p, char *value)
{
	return keep_once(p, &p->e->auth, value);
}

static bool
parse_ret(struct envelope_parse *p, char *value)
{
	for (size_t i = RET_FULL; i < nitems_of(ret_name); i++)
		if (strcmp(value, ret_name[i]) == 0) {
			p->e->ret = (enum message_ret)i;
			return true;
		}
	p->why = "unknown ret";
	return false;
}

static bool
parse_flags(struct envelope_parse *p, char *value)
{
	char *save = NULL;

	for (char *word = strtok_r(value, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		size_t i = 0;

		while (i < nitems_of(flag_row) && strcmp(word, flag_row[i].name) != 0)
			i++;
		if (i == nitems_of(flag_row)) {
			p->why = "unknown flag";
			return false;
		}
		p->e->flags |= flag_row[i].bit;
	}
	return true;
}

static bool
parse_sender(struct envelope_parse *p, char *value)
{
	p->sender_seen = true;
	return keep_once(p, &p->e->sender, value);
}

static bool
parse_receiver(struct envelope_parse *p, char *value)
{
	message_envelope_add(p->e, value);
	return true;
}

/* The one that further lines belong to. */
static struct message_recipient *
last_receiver(struct envelope_parse *p)
{
	if (p->e->nrcpt > 0)
		return &p->e->rcpt[p->e->nrcpt - 1];
	p->why = "a line of a receiver stands before x-receiver";
	return NULL;
}

static bool
parse_notify(struct envelope_parse *p, char *value)
{
	struct message_recipient *r = last_receiver(p);
	char *save = NULL;

	if (r == NULL)
		return false;
	for (char *word = strtok_r(value, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
		size_t i = 0;

		while (i < nitems_of(notify_row) && strcmp(word, notify_row[i].name) != 0)
			i++;
		if (i == nitems_of(notify_row)) {
			p->why = "unknown notify";
			return false;
		}
		r->notify |= notify_row[i].bit;
	}
	return true;
}

static bool
parse_orcpt(struct envelope_parse *p, char *value)
{
	struct message_recipient *r = last_receiver(p);

	return r != NULL && keep_once(p, &r->orcpt, value);
}

static bool
parse_member(struct envelope_parse *p, char *value)
{
	struct message_recipient *r = last_receiver(p);

	return r != NULL && keep_once(p, &r->member, value);
}

static bool
parse_refused(struct envelope_parse *p, char *value)
{
	struct message_recipient *r = last_receiver(p);

	return r != NULL && keep_once(p, &r->refused, value);
}

static const struct { const char *name; parse_line *parse; } line_row[] = {
	{ "arrived", parse_ignored }, { "client", parse_client }, { "helo", parse_helo },
	{ "user", parse_user },
	{ "protocol", parse_protocol }, { "flags", parse_flags }, { "ret", parse_ret },
	{ "envid", parse_envid },
	{ "auth", parse_auth }, { "x-sender", parse_sender }, { "x-receiver", parse_receiver },
	{ "x-notify", parse_notify },
	{ "x-orcpt", parse_orcpt }, { "x-member", parse_member }, { "x-refused", parse_refused },
};

/* One line without its LF. */
static bool
parse_one(struct envelope_parse *p, const char *data, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len, value_len;
	const char *value;

	if (colon == NULL || colon + 1 >= line + len || colon[1] != ' ') {
		p->why = "an envelope line is not \"name: value\"";
		return false;
	}
	name_len = (size_t)(colon - line);
	value = colon + 2;
	value_len = len - name_len - 2;
	if (name_len == 5 && memcmp(line, "marks", 5) == 0) {
		if (p->marks != NULL) {
			p->why = "two marks lines";
			return false;
		}
		p->marks = value;
		p->nmarks = value_len;
		p->e->marks_at = value - data;
		return true;
	}
	for (size_t i = 0; i < nitems_of(line_row); i++) {
		bool ok;
		char *copy;

		if (strlen(line_row[i].name) != name_len || memcmp(line, line_row[i].name, name_len) != 0)
			continue;
		copy = mem_strndup(value, value_len);
		if (strlen(copy) != value_len || !value_is_clean(copy)) {
			p->why = "control bytes in the envelope";
			free(copy);
			return false;
		}
		ok = line_row[i].parse(p, copy);
		free(copy);
		return ok;
	}
	p->why = "unknown envelope line";
	return false;
}

static bool
parse_finish(struct envelope_parse *p)
{
	if (!p->sender_seen || p->marks == NULL || p->e->nrcpt == 0) {
		p->why = "the envelope is incomplete";
		return false;
	}
	if (p->nmarks != p->e->nrcpt) {
		p->why = "as many marks as recipients are wanted";
		return false;
	}
	for (size_t i = 0; i < p->nmarks; i++) {
		if (strchr(".dfrx", p->marks[i]) == NULL || p->marks[i] == '\0') {
			p->why = "unknown mark";
			return false;
		}
		p->e->rcpt[i].mark = p->marks[i];
	}
	return true;
}

/* Where the envelope ends (after its empty line), or 0. */
static size_t
find_end(const char *data, size_t len)
{
	const char *empty = memmem(data, len, "\n\n", 2);

	return empty != NULL ? (size_t)(empty - data) + 2 : 0;
}

int
message_envelope_parse(struct message_envelope *e, const char *data, size_t len, const char **why)
{
	const size_t magic = sizeof(MESSAGE_MAGIC) - 1;
	struct envelope_parse p;
	size_t end;

	if (len < magic)
		return 0;
	if (memcmp(data, MESSAGE_MAGIC, magic) != 0) {
		*why = "not a queue file of this version";
		return -1;
	}
	end = find_end(data, len);
	if (end == 0) {
		if (len < MESSAGE_ENVELOPE_MAX)
			return 0;
		*why = "the envelope has no end";
		return -1;
	}
	p = (struct envelope_parse){ .e = e };
	for (size_t at = magic; at < end - 1 && p.why == NULL;) {
		const char *lf = memchr(data + at, '\n', end - at);
		size_t n = (size_t)(lf - (data + at));

		if (!parse_one(&p, data, data + at, n) && p.why == NULL)
			p.why = "bad envelope line";
		at += n + 1;
	}
	if (p.why != NULL || !parse_finish(&p)) {
		*why = p.why;
		return -1;
	}
	e->content_at = (off_t)end;
	return 1;
}

/* --- end record --- */

void
message_end_format(char *dst, uint64_t size)
{
	char text[MESSAGE_END_SIZE + 1];

	snprintf(text, sizeof(text), MESSAGE_END "%019" PRIu64 "\n", size);
	memcpy(dst, text, MESSAGE_END_SIZE);
}

int64_t
message_end_parse(const char *src)
{
	const size_t head = sizeof(MESSAGE_END) - 1;
	int64_t size;

	if (memcmp(src, MESSAGE_END, head) != 0 || src[MESSAGE_END_SIZE - 1] != '\n')
		return -1;
	size = 0;
	for (size_t i = head; i < MESSAGE_END_SIZE - 1; i++) {
		if (src[i] < '0' || src[i] > '9' || size > (INT64_MAX - 9) / 10)
			return -1;
		size = size * 10 + (src[i] - '0');
	}
	return size;
}
