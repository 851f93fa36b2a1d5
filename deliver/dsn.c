/*
 * dsn - composes a delivery report: RFC 3464 in the shape the original gave it, RFC 6533 for UTF-8 addresses
 *
 * Runs in:  deliver, on the loop; pure
 * Owns:     nothing
 * Promise:  7-bit but for the copy of the original (and a UTF-8 report); lines end in CRLF; no text of a peer
 *           makes a line of its own; what a peer said is folded to 78 columns
 * Fails by: the buffer's own failure
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/deliver.h"

#define PIECE (16U << 10)
#define COLUMNS 78
#define HOUR_MS 3600000U

enum phase { PHASE_HEAD, PHASE_WORDS, PHASE_WORDS_END, PHASE_STATUS, PHASE_ORIGINAL, PHASE_END };

static const struct {
	const char *subject, *action, *sentence;
} kinds[] = {
	[DSN_FAILURE] = { "Delivery Status Notification (Failure)", "failed", "Delivery to the following recipients failed.\r\n" },
	[DSN_DELAY] = { "Delivery Status Notification (Delay)", "delayed",
	    "THIS IS A WARNING MESSAGE ONLY.\r\n\r\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\r\n\r\n"
	    "Delivery to the following recipients has been delayed.\r\n" },
};

/* The longest fitting row; detail codes of RFC 3463 and 7505 in words. */
static const struct {
	const char *status, *words;
} plain[] = {
	{ "5.1.1", "The mailbox does not exist." },
	{ "5.1.2", "The domain cannot be found." },
	{ "5.1.3", "The address is not written correctly." },
	{ "5.1.10", "The domain does not take mail." },
	{ "5.2.1", "The mailbox is closed." },
	{ "5.2.2", "The mailbox is full." },
	{ "5.2.3", "The message is too large for the mailbox." },
	{ "5.3.4", "The message is too large for the recipient's mail system." },
	{ "5.4.4", "There is no way to the recipient's mail system." },
	{ "5.4.6", "The message went round in a loop." },
	{ "5.6.3", "The recipient's mail system cannot take this kind of message." },
	{ "5.7", "The recipient's mail system refused the message." },
};

/* --- text of others --- */

/* Bytes of the UTF-8 character at `s`, 0 when it is none. */
static size_t
utf8_length(const unsigned char *s)
{
	size_t n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* Appends one character (or "?" for what does not fit into this report) and moves on; controls become blanks. */
static void
clean_character(const struct dsn *d, struct buf *out, const char **text)
{
	const unsigned char *s = (const unsigned char *)*text;
	size_t n = *s < 0x80 ? 1 : utf8_length(s);
	bool fits = *s >= 0x20 && *s < 0x7f;

	if (*s >= 0x80)
		fits = d->utf8 && n > 0;
	if (fits)
		buf_add(out, s, n);
	else
		buf_puts(out, *s < 0x80 ? " " : "?");
	*text += n > 0 ? n : 1;
}

static void
add_clean(const struct dsn *d, struct buf *out, const char *text)
{
	while (*text != '\0')
		clean_character(d, out, &text);
}

/*
 * Appends words, starting at `column`; a new line begins with `indent` when the next word does not fit. A word that
 * alone is too long is cut when `cut` says so: a field must not be wide, a person wants to click on a whole address.
 */
static void
add_folded(const struct dsn *d, struct buf *out, size_t column, const char *indent, bool cut, const char *text)
{
	size_t margin = strlen(indent);

	while (*text != '\0') {
		size_t word = strcspn(text, " \t\r\n");
		const char *stop = text + word;

		if (column + 1 + word > COLUMNS && column > margin) {
			buf_printf(out, "\r\n%s", indent);
			column = margin;
		} else if (column > margin) {
			buf_add(out, " ", 1);
			column++;
		}
		while (text < stop) {
			if (cut && column >= COLUMNS) {
				buf_printf(out, "\r\n%s", indent);
				column = margin;
			}
			clean_character(d, out, &text);
			column++;
		}
		text += strspn(text, " \t\r\n");
	}
	buf_puts(out, "\r\n");
}

/* --- the parts --- */

static void
add_boundary(const struct dsn *d, struct buf *out, const char *end)
{
	buf_printf(out, "--=_%s%s\r\n", d->id, end);
}

static void
add_part(const struct dsn *d, struct buf *out, const char *type, bool eight_bit)
{
	add_boundary(d, out, "");
	buf_printf(out, "Content-Type: %s\r\n%s\r\n", type, eight_bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static void
add_head(const struct dsn *d, struct buf *out)
{
	buf_printf(out, "From: postmaster@%s\r\nTo: <", d->domain);
	add_clean(d, out, d->to);
	buf_printf(out, ">\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\nSubject: %s\r\n", d->date, d->id, d->fqdn, kinds[d->kind].subject);
	buf_printf(out, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=%sdelivery-status;\r\n\tboundary=\"=_%s\"\r\n%s\r\n",
	    d->utf8 ? "global-" : "", d->id, d->eight_bit || d->utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	buf_puts(out, "This is a MIME-formatted message.\r\n"
	    "Portions of this message may be unreadable without a MIME-capable mail program.\r\n\r\n");
	add_part(d, out, d->utf8 ? "text/plain; charset=utf-8" : "text/plain; charset=us-ascii", d->utf8);
	buf_printf(out, "This is an automatically generated Delivery Status Notification.\r\n\r\n%s", kinds[d->kind].sentence);
}

static void
add_duration(struct buf *out, uint64_t ms)
{
	uint64_t hours = ms / HOUR_MS;

	if (hours >= 48 && hours % 24 == 0)
		buf_printf(out, "%" PRIu64 " days", hours / 24);
	else if (hours >= 1)
		buf_printf(out, "%" PRIu64 " hour%s", hours, hours == 1 ? "" : "s");
	else if (ms >= 60000)
		buf_printf(out, "%" PRIu64 " minute%s", ms / 60000, ms < 120000 ? "" : "s");
	else
		buf_printf(out, "%" PRIu64 " second%s", ms / 1000, ms / 1000 == 1 ? "" : "s");
}

static const char *
plain_words(const char *status)
{
	const char *found = NULL;
	size_t best = 0;

	for (size_t i = 0; i < nitems_of(plain); i++) {
		size_t n = strlen(plain[i].status);

		if (n > best && strncmp(status, plain[i].status, n) == 0 && (status[n] == '\0' || status[n] == '.')) {
			best = n;
			found = plain[i].words;
		}
	}
	return found;
}

/* "550 5.1.1 text" as the peer said it, or our own words. */
static void
join_answer(const struct dsn_recipient *r, struct buf *text)
{
	if (r->code != 0)
		buf_printf(text, "%d ", r->code);
	buf_puts(text, r->text);
}

static void
add_words(const struct dsn *d, struct buf *out, const struct dsn_recipient *r)
{
	static const char indent[] = "         ";
	const char *words = plain_words(r->status);
	struct buf text = BUF_INIT(4096);

	buf_puts(out, "\r\n       ");
	add_clean(d, out, r->address);
	buf_puts(out, "\r\n");
	if (d->kind == DSN_FAILURE && strcmp(r->status, "4.4.7") == 0) {
		buf_printf(out, "%sIt could not be delivered within ", indent);
		add_duration(out, d->expire);
		buf_puts(out, ".\r\n");
	} else if (words != NULL) {
		buf_printf(out, "%s%s\r\n", indent, words);
	}
	if (*r->text != '\0' || r->code != 0) {
		if (*r->host != '\0' && r->code != 0)
			buf_printf(&text, "%s answered: ", r->host);
		join_answer(r, &text);
		buf_puts(out, indent);
		add_folded(d, out, sizeof(indent) - 1, indent, false, buf_text(&text));
	}
	buf_done(&text);
}

static void
add_words_end(const struct dsn *d, struct buf *out)
{
	buf_puts(out, "\r\n");
	if (d->kind == DSN_DELAY && d->retry_until != NULL)
		buf_printf(out, "Delivery will be tried again until %s.\r\n\r\n", d->retry_until);
	add_part(d, out, d->utf8 ? "message/global-delivery-status" : "message/delivery-status", d->utf8);
	buf_printf(out, "Reporting-MTA: dns; %s\r\n", d->fqdn);
	if (d->envid != NULL) {
		buf_puts(out, "Original-Envelope-Id: ");
		add_clean(d, out, d->envid);
		buf_puts(out, "\r\n");
	}
	buf_printf(out, "Arrival-Date: %s\r\n", d->arrival);
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* "rfc822;a@b" as MAIL gave it; a type and an address or nothing (RFC 3461 4.2). */
static void
add_original_recipient(const struct dsn *d, struct buf *out, const char *orcpt)
{
	const char *semicolon = strchr(orcpt, ';');

	if (semicolon == NULL)
		return;
	buf_printf(out, "Original-Recipient: %.*s; ", (int)(semicolon - orcpt), orcpt);
	add_clean(d, out, semicolon + 1);
	buf_puts(out, "\r\n");
}

static void
add_status(const struct dsn *d, struct buf *out, const struct dsn_recipient *r)
{
	struct buf text = BUF_INIT(4096);
	static const char name[] = "Diagnostic-Code:";

	buf_puts(out, "\r\n");
	if (r->orcpt != NULL)
		add_original_recipient(d, out, r->orcpt);
	buf_printf(out, "Final-Recipient: %s; ", is_ascii(r->address) ? "rfc822" : "utf-8");
	add_clean(d, out, r->address);
	buf_printf(out, "\r\nAction: %s\r\nStatus: %s\r\n", kinds[d->kind].action, d->kind == DSN_DELAY ? "4.4.7" : r->status);
	if (*r->host != '\0') {
		buf_puts(out, "Remote-MTA: dns; ");
		add_clean(d, out, r->host);
		buf_puts(out, "\r\n");
	}
	if (*r->text != '\0' || r->code != 0) {
		buf_puts(&text, r->code != 0 ? "smtp; " : "x-postern; ");
		join_answer(r, &text);
		buf_puts(out, name);
		add_folded(d, out, sizeof(name) - 1, " ", true, buf_text(&text));
	}
	buf_done(&text);
	buf_printf(out, "Last-Attempt-Date: %s\r\n", d->last_attempt);
	if (d->kind == DSN_DELAY && d->retry_until != NULL)
		buf_printf(out, "Will-Retry-Until: %s\r\n", d->retry_until);
}

static void
add_original(const struct dsn *d, struct buf *out)
{
	const char *type = d->whole ? (d->utf8 ? "message/global" : "message/rfc822") :
	    d->utf8 ? "message/global-headers" : "text/rfc822-headers";

	buf_puts(out, "\r\n");
	add_part(d, out, type, d->eight_bit);
	buf_add(out, d->original, d->original_size);
	if (d->original_size < 2 || memcmp(d->original + d->original_size - 2, "\r\n", 2) != 0)
		buf_puts(out, "\r\n");
	buf_puts(out, "\r\n");
	add_boundary(d, out, "--");
}

/* Recipients until the piece is full; true when all were. */
static bool
add_recipients(struct dsn *d, struct buf *out, void (*add)(const struct dsn *, struct buf *, const struct dsn_recipient *))
{
	size_t start = out->len;

	while (d->at < d->count && out->len - start < PIECE && buf_ok(out))
		add(d, out, &d->recipient[d->at++]);
	if (d->at < d->count && buf_ok(out))
		return false;
	d->at = 0;
	return true;
}

bool
dsn_next(struct dsn *d, struct buf *out)
{
	bool whole = true;

	switch ((enum phase)d->phase) {
	case PHASE_HEAD:
		add_head(d, out);
		break;
	case PHASE_WORDS:
		whole = add_recipients(d, out, add_words);
		break;
	case PHASE_WORDS_END:
		add_words_end(d, out);
		break;
	case PHASE_STATUS:
		whole = add_recipients(d, out, add_status);
		break;
	case PHASE_ORIGINAL:
		add_original(d, out);
		break;
	case PHASE_END:
		return false;
	}
	if (whole)
		d->phase++;
	return true;
}
