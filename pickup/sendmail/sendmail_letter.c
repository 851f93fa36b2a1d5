/*
 * sendmail_letter - the lines of the envelope, and From where the message has none; pure
 *
 * Runs in:  sendmail
 * Owns:     nothing
 * Promise:  no byte of the message becomes a line of the envelope. A recipient that is no address keeps none
 *           of the others from it: pickup tells the sender of it
 * Fails by: an exit status that was said
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/mail/address.h"
#include "common/mail/header.h"
#include "pickup/sendmail/sendmail.h"

enum {
	NAME_MAX_BYTES = 200,
	ENCODED_MAX = 45,	/* an encoded word has 75 characters at most (RFC 2047 2) */
};

/* State while one letter is formatted. */
struct work {
	const struct sendmail_letter *l;
	struct buf *out;
	size_t good, all;	/* recipients */
	char bad[ADDRESS_MALFORMED_TEXT + 1];	/* the first that is no address */
};

/* The text that is no address as a value of one line: pickup finds that, too, and reports it. */
static void
add_bad(struct work *w, const char *text, size_t len)
{
	char line[ADDRESS_MALFORMED_TEXT + 1];
	size_t n = 0;

	while (len > 0 && memchr(",; \t\r\n", *text, 6) != NULL) {
		text++;
		len--;
	}
	for (; n < len && n < ADDRESS_MALFORMED_TEXT; n++)
		line[n] = (unsigned char)text[n] < ' ' || text[n] == 127 ? ' ' : text[n];
	line[n] = '\0';
	buf_printf(w->out, PICKUP_FORM_RECEIVER ": %s\n", line);
	if (w->bad[0] == '\0')
		snprintf(w->bad, sizeof(w->bad), "%s", line);
}

/* EX_OK or EX_USAGE. */
static int
add_recipients(struct work *w, const char *list, size_t len)
{
	for (size_t pos = 0, from = 0;; from = pos) {
		struct address a;
		int found = address_list_next(&a, list, len, &pos, ADDRESS_UTF8 | ADDRESS_BARE);

		if (found == 0)
			return EX_OK;
		if (w->all++ == PICKUP_FORM_RECIPIENTS_MAX)
			return sendmail_say(EX_USAGE, "more than %d recipients", PICKUP_FORM_RECIPIENTS_MAX);
		if (found == -1) {
			add_bad(w, list + from, pos - from);
			continue;
		}
		w->good++;
		buf_printf(w->out, PICKUP_FORM_RECEIVER ": %s\n", a.text);
	}
}

static int
add_arguments(struct work *w)
{
	for (size_t i = 0; i < w->l->nargs; i++) {
		const char *arg = w->l->arg[i];
		int status;

		/* An address that came from elsewhere, and would be an option if it came first. */
		if (arg[0] == '-')
			return sendmail_say(EX_USAGE, "%.80s: a recipient does not begin with -", arg);
		status = add_recipients(w, arg, strlen(arg));
		if (status != EX_OK)
			return status;
	}
	return EX_OK;
}

static bool
is_one_of(const struct header_field *f, const char *const names[3])
{
	for (size_t i = 0; i < 3; i++)
		if (header_is(f, names[i]))
			return true;
	return false;
}

/* Of a message that is sent again, those to which it is sent again (RFC 5322 3.6.6). */
static int
add_header_recipients(struct work *w, const char *data, size_t len)
{
	static const char *const first[3] = { "To", "Cc", "Bcc" },
	    *const again[3] = { "Resent-To", "Resent-Cc", "Resent-Bcc" };
	const char *const *names = first;
	struct header_field f;
	size_t pos = 0;

	while (header_next(data, len, &pos, &f) == 1)
		if (is_one_of(&f, again))
			names = again;
	for (pos = 0; header_next(data, len, &pos, &f) == 1;) {
		int status = is_one_of(&f, names) ? add_recipients(w, f.value, f.value_len) : EX_OK;

		if (status != EX_OK)
			return status;
	}
	return EX_OK;
}

/* --- From --- */

/* "\"Name\" " or an encoded word; nothing of a name that is neither text nor short. */
static void
add_name(struct buf *out, const char *name)
{
	char encoded[BASE64_SIZE(ENCODED_MAX)];
	size_t len = strlen(name);
	bool ascii = true;

	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_take_printable((const unsigned char *)name + i, len - i);
		if (n == 0)
			return;
		ascii = ascii && n == 1;
	}
	if (len == 0 || len > (ascii ? NAME_MAX_BYTES : ENCODED_MAX))
		return;
	if (!ascii) {
		base64_encode(encoded, name, len);
		buf_printf(out, "=?utf-8?B?%s?= ", encoded);
		return;
	}
	buf_puts(out, "\"");
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '"' || name[i] == '\\')
			buf_puts(out, "\\");
		buf_add(out, name + i, 1);
	}
	buf_puts(out, "\" ");
}

static void
add_from(struct work *w)
{
	struct address a;

	/* The null sender has no address: reports name the system itself (RFC 3464 2). */
	if (address_from_text(&a, w->l->sender[0] != '\0' ? w->l->sender : "postmaster") == -1 ||
	    address_complete(&a, w->l->domain) == -1)
		return;
	buf_puts(w->out, "From: ");
	add_name(w->out, w->l->name);
	buf_printf(w->out, "<%s>\n", a.text);
}

static void
add_notify(struct work *w)
{
	static const struct { unsigned bit; const char *word; } words[] = {
		{ NOTIFY_NEVER, "never" }, { NOTIFY_SUCCESS, "success" }, { NOTIFY_FAILURE, "failure" },
		{ NOTIFY_DELAY, "delay" },
	};
	const char *before = PICKUP_FORM_NOTIFY ": ";

	for (size_t i = 0; i < nitems_of(words); i++)
		if (w->l->notify & words[i].bit) {
			buf_printf(w->out, "%s%s", before, words[i].word);
			before = ",";
		}
	if (w->l->notify != 0)
		buf_puts(w->out, "\n");
}

static int
add_envelope(struct work *w, const char *data, size_t len)
{
	const struct sendmail_letter *l = w->l;
	int status;

	buf_puts(w->out, PICKUP_FORM_WRITER ": sendmail\n");
	buf_printf(w->out, PICKUP_FORM_SENDER ": %s\n", l->sender[0] != '\0' ? l->sender : "<>");
	status = add_arguments(w);
	if (status == EX_OK && l->from_header)
		status = add_header_recipients(w, data, len);
	if (status != EX_OK)
		return status;
	if (w->all == 0)
		return sendmail_say(EX_USAGE, l->from_header ?
		    "no recipients: neither in the header nor on the command line" :
		    "no recipients; with -t they are taken from the header");
	if (w->good == 0)
		return sendmail_say(EX_NOUSER, "%s: not an address, and there is no other recipient",
		    w->bad);
	add_notify(w);
	if (l->ret != RET_DEFAULT)
		buf_printf(w->out, PICKUP_FORM_RET ": %s\n", l->ret == RET_FULL ? "full" : "hdrs");
	if (l->envid != NULL)
		buf_printf(w->out, PICKUP_FORM_ENVID ": %s\n", l->envid);
	buf_puts(w->out, PICKUP_FORM_END ": yes\n");
	return EX_OK;
}

int
sendmail_letter_format(const struct sendmail_letter *l, const char *data, size_t len, bool whole,
    struct buf *out, size_t *skip)
{
	struct work w = { .l = l, .out = out };
	enum header_opening opening = header_opening(data, len, whole, skip);
	struct header_field f;
	size_t pos = 0;
	bool text, from = false;
	int status = add_envelope(&w, data + *skip, len - *skip);

	if (status != EX_OK)
		return status;
	text = opening == HEADER_TEXT ||
	    header_opening(data + *skip, len - *skip, whole, &pos) == HEADER_TEXT;
	for (pos = 0; !text && header_next(data + *skip, len - *skip, &pos, &f) == 1;)
		from = from || header_is(&f, "From");
	if (!text && pos > PICKUP_FORM_FIELDS_MAX - 4096)
		return sendmail_say(EX_DATAERR, "the header has more than 1 MiB");
	if (!from)
		add_from(&w);
	if (text)
		buf_puts(out, "\n");
	if (!buf_ok(out) || out->len + pos > PICKUP_FORM_HEADER_MAX)
		return sendmail_say(EX_DATAERR, "the header and its recipients have more than 8 MiB");
	return EX_OK;
}
