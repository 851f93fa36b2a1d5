/*
 * compose - from the header of a pickup file to the envelope and the header that is sent; pure
 *
 * Runs in:  pickup; on pool threads
 * Owns:     nothing; the envelope belongs to the caller
 * Promise:  every recipient that the file names is in the envelope once, a malformed one as address_malformed
 *           writes it, or the whole file is refused with the reason: no recipient is left out silently. Bcc
 *           fields, Return-Path and the leading x- lines are not sent
 * Fails by: a judge_reason other than JUDGE_GOOD, and words for people in `detail`
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/mail/address.h"
#include "common/mail/header.h"
#include "common/mail/header_mend.h"
#include "common/mail/notify_words.h"
#include "common/mail/xtext.h"
#include "pickup/pickup.h"

enum { NAME_TRUST = 2000 };

static bool
is_empty_line(const char *data, size_t len, size_t pos)
{
	return pos + 1 < len && data[pos] == '\r' && data[pos + 1] == '\n';
}

static const char *const x_lines[] = {
	PICKUP_FORM_SENDER, PICKUP_FORM_RECEIVER, PICKUP_FORM_NOTIFY, PICKUP_FORM_RET, PICKUP_FORM_ENVID,
	PICKUP_FORM_WRITER, PICKUP_FORM_END,
};

static bool
is_x_line(const struct header_field *f)
{
	for (size_t i = 0; i < nitems_of(x_lines); i++)
		if (header_is(f, x_lines[i]))
			return true;
	return false;
}

/*
 * How many bytes of an mbox line stand behind the lines of the envelope: a message out of a mailbox that a
 * program has put them before. -1: not to be told yet. What postern-sendmail closed has none.
 */
static ssize_t
mbox_behind(const char *data, size_t len, size_t pos, bool whole)
{
	size_t mbox;

	if (header_opening(data + pos, len - pos, whole, &mbox) == HEADER_UNDECIDED && pos < len)
		return -1;
	return (ssize_t)mbox;
}

int
compose_split(const char *data, size_t len, bool whole, struct compose_header *h)
{
	struct header_field f;
	size_t pos = 0;
	ssize_t mbox;
	bool over = false;

	while (is_empty_line(data, len, pos))
		pos += 2;
	mbox = mbox_behind(data, len, pos, whole);
	if (mbox == -1)
		return 0;
	pos += (size_t)mbox;
	h->start = h->fields = pos;
	while (header_next(data, len, &pos, &f) == 1)
		if (!over && h->fields == (size_t)(f.start - data) && is_x_line(&f)) {
			h->fields = pos;
			over = header_is(&f, PICKUP_FORM_END);
			mbox = over ? 0 : mbox_behind(data, len, pos, whole);
			if (mbox == -1)
				return 0;
			pos = h->fields += (size_t)mbox;
			over |= mbox > 0;
		}
	h->end = pos;
	h->body = is_empty_line(data, len, pos) ? pos + 2 : pos;
	if (h->end - h->fields > PICKUP_FORM_FIELDS_MAX || h->end > PICKUP_FORM_HEADER_MAX)
		return -1;
	if (whole || h->body > h->end)
		return 1;
	/* a line that is no field ends the header too, once it is complete or longer than any field name */
	return memchr(data + pos, '\n', len - pos) != NULL || len - pos > NAME_TRUST;
}

enum judge_part
compose_part(const char *raw, size_t len)
{
	struct header_field f;
	size_t pos = body_mark(raw, len), mbox;
	const char *end, *text;

	while (pos < len && (raw[pos] == '\r' || raw[pos] == '\n'))
		pos++;
	(void)header_opening(raw + pos, len - pos, true, &mbox);
	pos += mbox;
	while (header_next(raw, len, &pos, &f) == 1)
		;
	end = memchr(raw + pos, '\n', len - pos);
	if (end == NULL)
		return JUDGE_IN_HEADER;
	for (text = raw + pos; *text == '\r'; text++)
		;
	return end + 1 == raw + len && text == end ? JUDGE_NO_TEXT : JUDGE_WHOLE;
}

/* --- the envelope --- */

/* State while one header is handled. */
struct work {
	const struct compose_rules *rules;
	const char *data;
	const struct compose_header *h;
	struct message_envelope *e;
	char *detail;		/* also what was the last malformed recipient */
	size_t malformed;	/* recipients */
	unsigned notify;	/* of all recipients */
};

static enum judge_reason
explain_refusal(struct work *w, enum judge_reason reason, const struct header_field *f)
{
	snprintf(w->detail, COMPOSE_DETAIL_SIZE, "%.*s: %.*s", (int)(f->name_len < 40 ? f->name_len : 40),
	    f->name, (int)(f->value_len < 120 ? f->value_len : 120), f->value);
	for (char *p = w->detail; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
	return reason;
}

/* How many bytes of `set` the text begins with. */
static size_t
bytes_of(const char *text, size_t len, const char *set)
{
	size_t n = 0;

	while (n < len && text[n] != '\0' && strchr(set, text[n]) != NULL)
		n++;
	return n;
}

/* A recipient at an address of ours is one of the default domain, as it is when it comes by SMTP. */
static int
complete_recipient(const struct work *w, struct address *a)
{
	const struct config_server *server = w->rules->server;
	const char *domain = address_domain(a);

	if (server != NULL && domain[0] == '[' && config_domain_find(server, domain) != NULL)
		a->text[a->at] = '\0';
	return address_complete(a, w->rules->domain);
}

/* Adds all mailboxes of one field; a malformed one fails on its way, so that its sender is told. */
static enum judge_reason
add_field_recipients(struct work *w, const struct header_field *f)
{
	for (size_t pos = 0, from = 0;; from = pos) {
		struct address a;
		int found = address_list_next(&a, f->value, f->value_len, &pos, ADDRESS_UTF8 | ADDRESS_BARE);

		if (found == 0)
			return JUDGE_GOOD;
		if (w->e->nrcpt == PICKUP_FORM_RECIPIENTS_MAX) {
			w->detail[0] = '\0';	/* of a malformed one before */
			return JUDGE_MANY_RECIPIENTS;
		}
		if (found == -1 || complete_recipient(w, &a) == -1) {
			from += bytes_of(f->value + from, pos - from, ",; \t\r\n");
			address_malformed(&a, f->value + from, pos - from);
			explain_refusal(w, JUDGE_BAD_RECIPIENT, f);
			w->malformed++;
		}
		message_envelope_add(w->e, a.text);
		if (address_is_utf8(&a))
			w->e->flags |= MESSAGE_UTF8;
	}
}

static enum judge_reason
set_sender(struct work *w, struct address *a, const struct header_field *f)
{
	if (address_complete(a, w->rules->domain) == -1)
		return explain_refusal(w, JUDGE_BAD_SENDER, f);
	w->e->sender = mem_strdup(a->text);
	if (address_is_utf8(a))
		w->e->flags |= MESSAGE_UTF8;
	return JUDGE_GOOD;
}

/* x-sender: empty and <> are the null sender, as in a drop file of a report. */
static enum judge_reason
take_x_sender(struct work *w, const struct header_field *f)
{
	struct address a = { .at = 0 };
	size_t blank = 0;

	if (w->e->sender != NULL)
		return explain_refusal(w, JUDGE_TWO_SENDERS, f);
	while (blank < f->value_len && strchr(" \t\r\n", f->value[blank]) != NULL)
		blank++;
	if (blank < f->value_len &&
	    address_parse_mailbox(&a, f->value, f->value_len,
	    ADDRESS_UTF8 | ADDRESS_BARE | ADDRESS_NULL) == -1)
		return explain_refusal(w, JUDGE_BAD_SENDER, f);
	return set_sender(w, &a, f);
}

/* The lines of postern-sendmail about reports. One that is not as it writes them counts for nothing. */
static void
take_report_line(struct work *w, const struct header_field *f)
{
	unsigned notify;

	if (header_is(f, PICKUP_FORM_NOTIFY) && notify_words_parse(&notify, f->value, f->value_len) == 0)
		w->notify = notify;
	else if (header_is(f, PICKUP_FORM_RET))
		w->e->ret = f->value_len == 4 && strncasecmp(f->value, "full", 4) == 0 ? RET_FULL : RET_HDRS;
	else if (header_is(f, PICKUP_FORM_ENVID) && w->e->envid == NULL &&
	    f->value_len <= XTEXT_ENVID_MAX && xtext_is_valid(f->value, f->value_len)) {
		w->e->envid = mem_array(NULL, f->value_len + 1, 1);
		xtext_copy(w->e->envid, f->value, f->value_len);
	}
}

static enum judge_reason
take_x_receiver(struct work *w, const struct header_field *f)
{
	size_t before = w->e->nrcpt;
	enum judge_reason reason = add_field_recipients(w, f);

	if (reason == JUDGE_GOOD && before == 0 && w->e->nrcpt == 0)
		reason = explain_refusal(w, JUDGE_BAD_RECIPIENT, f);
	return reason;
}

static enum judge_reason
take_x_lines(struct work *w)
{
	struct header_field f;
	size_t pos = w->h->start;

	while (pos < w->h->fields && header_next(w->data, w->h->end, &pos, &f) == 1) {
		enum judge_reason reason = JUDGE_GOOD;

		if (header_is(&f, PICKUP_FORM_RECEIVER))
			reason = take_x_receiver(w, &f);
		else if (header_is(&f, PICKUP_FORM_SENDER))
			reason = take_x_sender(w, &f);
		else
			take_report_line(w, &f);
		if (reason != JUDGE_GOOD)
			return reason;
	}
	return JUDGE_GOOD;
}

/*
 * The first mailbox of the first field `name`. 1 taken, 0 there is none, or none that can be read (the field
 * is in *bad).
 */
static enum judge_reason
take_sender_of(struct work *w, const char *name, struct header_field *bad)
{
	struct header_field f;
	size_t pos = w->h->fields;

	while (header_next(w->data, w->h->end, &pos, &f) == 1) {
		struct address a;
		size_t at = 0;

		if (!header_is(&f, name))
			continue;
		if (address_list_next(&a, f.value, f.value_len, &at, ADDRESS_UTF8 | ADDRESS_BARE) == 1)
			return set_sender(w, &a, &f);
		*bad = f;
	}
	return JUDGE_NO_SENDER;
}

static enum judge_reason
take_sender(struct work *w)
{
	struct header_field bad = { 0 };
	enum judge_reason reason = take_sender_of(w, "Sender", &bad);

	if (reason == JUDGE_NO_SENDER)
		reason = take_sender_of(w, "From", &bad);
	if (reason == JUDGE_NO_SENDER && bad.name != NULL)
		reason = explain_refusal(w, JUDGE_BAD_SENDER, &bad);
	return reason;
}

static enum judge_reason
take_header_recipients(struct work *w)
{
	struct header_field f;
	size_t pos = w->h->fields;

	while (header_next(w->data, w->h->end, &pos, &f) == 1) {
		enum judge_reason reason;

		if (!header_is(&f, "To") && !header_is(&f, "Cc") && !header_is(&f, "Bcc"))
			continue;
		reason = add_field_recipients(w, &f);
		if (reason != JUDGE_GOOD)
			return reason;
	}
	return JUDGE_GOOD;
}

/* Equal addresses side by side, the first named one first. */
static int
compare_by_address(const void *a, const void *b)
{
	const struct message_recipient *x = *(struct message_recipient *const *)a,
	    *y = *(struct message_recipient *const *)b;
	int order = strcmp(x->address, y->address);

	return order != 0 ? order : x < y ? -1 : x > y;
}

/* Keeps each address once, in the order in which they were named. */
static void
drop_duplicates(struct message_envelope *e)
{
	struct message_recipient **sorted = mem_array(NULL, e->nrcpt, sizeof(*sorted));
	size_t kept = 0;

	for (size_t i = 0; i < e->nrcpt; i++)
		sorted[i] = &e->rcpt[i];
	qsort(sorted, e->nrcpt, sizeof(*sorted), compare_by_address);
	for (size_t i = e->nrcpt; i-- > 1;) {
		if (strcmp(sorted[i]->address, sorted[i - 1]->address) == 0) {
			free(sorted[i]->address);
			sorted[i]->address = NULL;
		}
	}
	free(sorted);
	for (size_t i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].address != NULL)
			e->rcpt[kept++] = e->rcpt[i];
	e->nrcpt = kept;
}

static enum judge_reason
fill_envelope(struct work *w)
{
	enum judge_reason reason = take_x_lines(w);

	if (reason == JUDGE_GOOD && w->e->sender == NULL)
		reason = take_sender(w);
	if (reason == JUDGE_GOOD && w->e->nrcpt == 0)
		reason = take_header_recipients(w);
	if (reason == JUDGE_GOOD && w->e->nrcpt == 0)
		reason = JUDGE_NO_RECIPIENTS;
	if (reason == JUDGE_GOOD && w->malformed == w->e->nrcpt)
		reason = JUDGE_BAD_RECIPIENT;
	if (reason == JUDGE_GOOD)
		drop_duplicates(w->e);
	for (size_t i = 0; i < w->e->nrcpt; i++)
		w->e->rcpt[i].notify = w->notify;
	return reason;
}

/* --- the header that is sent --- */

static void
write_header(const struct work *w, struct buf *out)
{
	const struct compose_rules *r = w->rules;
	struct header_field f;
	size_t pos = w->h->fields;
	char missing[HEADER_MEND_SIZE];
	unsigned found = 0;

	buf_printf(out, "Received: from mail pickup service (uid %ju)\r\n\tby %s id %s;\r\n\t%s\r\n",
	    (uintmax_t)r->owner, r->fqdn, r->id, r->date);
	while (header_next(w->data, w->h->end, &pos, &f) == 1) {
		unsigned what = header_mend_find(&f);

		found |= what;
		if (!(what & HEADER_MEND_PRIVATE))
			buf_add(out, f.start, f.size);
	}
	buf_add(out, missing, header_mend_missing(missing, found, r->date, r->id, r->fqdn));
	buf_add(out, "\r\n", 2);
}

enum judge_reason
compose_message(const struct compose_rules *rules, const char *data, const struct compose_header *h,
    struct message_envelope *e, struct buf *out, char *detail)
{
	struct work w = { .rules = rules, .data = data, .h = h, .e = e, .detail = detail };
	enum judge_reason reason = JUDGE_NO_HEADER;

	detail[0] = '\0';
	if (h->end > h->start)
		reason = fill_envelope(&w);
	if (reason != JUDGE_GOOD)
		return reason;
	e->client = mem_strdup("pickup");
	write_header(&w, out);
	return JUDGE_GOOD;
}
