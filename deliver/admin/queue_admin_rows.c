/*
 * queue_admin_rows - messages of queue and badmail as lines for operators
 *
 * Runs in:  deliver, on a pool thread
 * Owns:     nothing beyond the question
 * Promise:  a line is bounded whatever the message holds; its columns are parted by tabs; bytes of a message
 *           cannot end a line or a column
 * Fails by: what cannot be read is left out
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/mail/header.h"
#include "deliver/admin/admin.h"
#include "deliver/result/result.h"

#define SHOWN_RECIPIENTS 5		/* recipients in a line of a list */
#define SHOWN_ALL 100			/* recipients of a message that is shown */
#define ADDRESS_BYTES 520
#define ADDRESS_TEXT (4 * ADDRESS_BYTES)	/* each byte may be shown as \\xHH: an address is never cut */
#define REASON_BYTES 240
static_assert((SHOWN_RECIPIENTS + 1) * ADDRESS_TEXT + REASON_BYTES + 300 <= QUEUE_ADMIN_LINE_MAX,
    "a page has room for a line of a list");
#define HEADER_BYTES 8192
#define NOTE_MAX (64U << 10)
#define DOMAINS_MAX 80			/* domains on a page of counts: it has room for a line of each */

static void
put_column(struct queue_admin_job *j, const char *text, size_t most)
{
	buf_puts(&j->text, "\t");
	msg_queue_put(&j->text, text, most);
}

static void
put_field(struct queue_admin_job *j, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_puts(&j->text, name);
	put_column(j, text, ADDRESS_TEXT);
	buf_puts(&j->text, "\n");
}

static void
put_number(struct queue_admin_job *j, const char *name, long long value)
{
	buf_printf(&j->text, "%s\t%lld\n", name, value);
}

static size_t
count_pending(const struct message_envelope *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->nrcpt; i++)
		n += e->rcpt[i].mark == MARK_PENDING;
	return n;
}

/* The first pending recipients that are meant, parted by blanks; a blank in an address becomes \x20. */
static void
put_recipients(struct queue_admin_job *j, const struct message_envelope *e)
{
	size_t shown = 0;

	buf_puts(&j->text, "\t");
	for (size_t i = 0; i < e->nrcpt && shown < SHOWN_RECIPIENTS; i++) {
		const char *at = e->rcpt[i].address;

		if (e->rcpt[i].mark != MARK_PENDING || !queue_filter_is_recipient(&j->ask.pick, at))
			continue;
		if (shown++ > 0)
			buf_puts(&j->text, " ");
		for (size_t n; *at != '\0'; at += n + (at[n] == ' ')) {
			char part[ADDRESS_BYTES];

			n = strcspn(at, " ");
			if (n >= sizeof(part))
				n = sizeof(part) - 1;
			memcpy(part, at, n);
			part[n] = '\0';
			msg_queue_put(&j->text, part, ADDRESS_TEXT);
			if (at[n] == ' ')
				buf_puts(&j->text, "\\x20");
		}
	}
}

/* --- lists --- */

/* The latest reason in the note: why the message was not delivered, or why it is held. */
static bool
last_word(struct queue_admin_job *j, const char *id, struct note_line *last)
{
	struct buf note = BUF_INIT(MESSAGE_ENVELOPE_MAX);
	struct note_line line;
	size_t pos = 0;
	bool any = false;

	if (spool_note_read(j->queue_admin->spool, id, &note) == 1)
		while (note_next(buf_text(&note), note.len, &pos, &line))
			if (line.kind != NOTE_OTHER && line.kind != NOTE_DELAYED) {
				*last = line;
				any = true;
			}
	buf_done(&note);
	return any;
}

/* Hosts that have enhanced codes say them again in front of their words. */
static const char *
text_after_status(const struct note_line *l)
{
	size_t n = strlen(l->status);

	return strncmp(l->text, l->status, n) == 0 && l->text[n] == ' ' ? l->text + n + 1 : l->text;
}

static void
put_operator(struct buf *out, const struct note_line *l)
{
	if (l->number == NOTE_NO_UID)
		buf_printf(out, "by %s", l->text);
	else
		buf_printf(out, "by uid %lu%s%s", l->number, *l->text == '\0' ? "" : ": ", l->text);
}

static void
put_note(struct buf *out, const struct note_line *l)
{
	if (l->kind == NOTE_HELD || l->kind == NOTE_RELEASED)
		put_operator(out, l);
	else
		buf_printf(out, "%s %s%s%s", l->status, l->host, *l->host == '\0' ? "" : ": ",
		    text_after_status(l));
}

void
queue_admin_rows_list(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e)
{
	struct buf word = BUF_INIT(2048);
	struct note_line line;

	if (!queue_admin_waits_word(j, i, e, &word) && last_word(j, i->id, &line) &&
	    line.kind != NOTE_RELEASED)
		put_note(&word, &line);
	buf_printf(&j->text, "%s\t%s\t%lld\t%s\t%lld", i->id, queue_filter_state_name(i->state),
	    (long long)(message_id_time_us(i->id) / 1000000), i->due, (long long)e->content_size);
	put_column(j, e->sender, ADDRESS_TEXT);
	buf_printf(&j->text, "\t%zu\t%zu", count_pending(e), e->nrcpt);
	put_recipients(j, e);
	put_column(j, buf_text(&word), REASON_BYTES);
	buf_puts(&j->text, "\n");
	buf_done(&word);
}

/* --- one message --- */

static void
show_notes(struct queue_admin_job *j, const char *id)
{
	struct buf note = BUF_INIT(MESSAGE_ENVELOPE_MAX), word = BUF_INIT(2048);
	struct note_line line;
	size_t pos = 0;

	if (spool_note_read(j->queue_admin->spool, id, &note) == 1) {
		pos = note.len > NOTE_MAX / 8 ? note.len - NOTE_MAX / 8 : 0;
		if (pos > 0)
			pos += strcspn(note.data + pos, "\n");
		while (note_next(buf_text(&note), note.len, &pos, &line)) {
			if (line.kind == NOTE_OTHER)
				continue;
			buf_clear(&word);
			put_note(&word, &line);
			buf_printf(&j->text, "note\t%lld\t%s",
			    (long long)(line.kind == NOTE_FAILED ? line.time / 1000000 : line.time),
			    note_name(line.kind));
			put_column(j, buf_text(&word), REASON_BYTES);
			buf_puts(&j->text, "\n");
		}
	}
	buf_done(&word);
	buf_done(&note);
}

/* The header of a message that begins at `at` of the file. `size` < 0: the file was replaced meanwhile. */
static void
show_header(struct queue_admin_job *j, int fd, off_t at, off_t size)
{
	char head[HEADER_BYTES + 1], *line, *rest = head;
	ssize_t n = size <= 0 ? 0 :
	    disk_pread(fd, head, size < HEADER_BYTES ? (size_t)size : HEADER_BYTES, at);

	if (n <= 0)
		return;
	head[header_size(head, (size_t)n)] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL && j->text.len + 2048 < MSG_QUEUE_TEXT_MAX) {
		line[strcspn(line, "\r")] = '\0';
		for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
			*tab = ' ';
		if (*line != '\0')
			put_field(j, "header", line);
	}
}

static void
show_flags(struct queue_admin_job *j, const struct message_envelope *e)
{
	char text[80];

	snprintf(text, sizeof(text), "%s%s%s%s%s%s", (e->flags & MESSAGE_8BIT) != 0 ? " 8bitmime" : "",
	    (e->flags & MESSAGE_UTF8) != 0 ? " smtputf8" : "",
	    (e->flags & MESSAGE_BINARY) != 0 ? " binarymime" : "",
	    (e->flags & MESSAGE_REQUIRETLS) != 0 ? " requiretls" : "",
	    (e->flags & MESSAGE_REPORT) != 0 ? " report" : "",
	    (e->flags & MESSAGE_SIGN) != 0 ? " sign" : "");
	if (*text != '\0')
		put_field(j, "flags", text + 1);
}

static const char *
mark_name(char mark)
{
	switch ((enum message_mark)mark) {
	case MARK_PENDING:
		return "pending";
	case MARK_DELIVERED:
		return "delivered";
	case MARK_FAILED:
		return "failed";
	case MARK_REPORTED:
		return "reported";
	case MARK_DELETED:
		return "deleted";
	}
	return "unknown";
}

static void
show_envelope(struct queue_admin_job *j, const struct message_envelope *e)
{
	size_t shown = 0;

	put_field(j, "sender", e->sender);
	put_field(j, "client", e->client);
	put_field(j, "helo", e->helo);
	put_field(j, "user", e->user);
	put_field(j, "protocol", e->protocol);
	put_field(j, "envid", e->envid);
	show_flags(j, e);
	for (size_t i = 0; i < e->nrcpt && shown < SHOWN_ALL && j->text.len < MSG_QUEUE_TEXT_MAX / 2; i++,
	    shown++) {
		buf_printf(&j->text, "recipient\t%s", mark_name(e->rcpt[i].mark));
		put_column(j, e->rcpt[i].address, ADDRESS_TEXT);
		buf_puts(&j->text, "\n");
	}
	if (shown < e->nrcpt)
		put_number(j, "more-recipients", (long long)(e->nrcpt - shown));
}

void
queue_admin_rows_show(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e, int fd)
{
	struct buf word = BUF_INIT(2048);

	put_field(j, "id", i->id);
	put_field(j, "state", queue_filter_state_name(i->state));
	if (queue_admin_waits_word(j, i, e, &word))
		put_field(j, "waits", buf_text(&word));
	buf_done(&word);
	put_number(j, "arrived", message_id_time_us(i->id) / 1000000);
	put_field(j, "due", i->due[0] != '-' ? i->due : NULL);
	put_number(j, "size", e->content_size);
	show_envelope(j, e);
	show_notes(j, i->id);
	show_header(j, fd, e->content_at, e->content_size);
}

/* --- counts by domain and age --- */

/* The last error of a domain, as far as it is known: that of the first message for it alone that has one. */
static void
note_reason(struct queue_admin_job *j, const struct queue_admin_item *i, const struct message_envelope *e,
    struct queue_admin_count *c)
{
	struct buf word = BUF_INIT(2048);
	struct note_line line;

	if (c->reason[0] != '\0')
		return;
	if (!queue_admin_waits_word(j, i, e, &word) && i->state == QUEUE_FILTER_WAITING &&
	    last_word(j, i->id, &line) && line.kind != NOTE_RELEASED && line.kind != NOTE_HELD)
		put_note(&word, &line);
	snprintf(c->reason, sizeof(c->reason), "%s", buf_text(&word));
	buf_done(&word);
}

bool
queue_admin_rows_count(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e)
{
	static const int64_t limits[QUEUE_ADMIN_AGES - 1] = { 900, 3600, 4 * 3600, 12 * 3600, 86400,
	    2 * 86400 };
	int64_t age = (clock_wall_us() - message_id_time_us(i->id)) / 1000000;
	size_t column = 0;
	/* the domains of this message: each counts once */
	uint32_t *seen = mem_array(NULL, DOMAINS_MAX + 1, sizeof(*seen));
	size_t nseen = 0;
	bool room = true;

	while (column < QUEUE_ADMIN_AGES - 1 && age >= limits[column])
		column++;
	if (j->count == NULL)
		j->count = mem_array(NULL, DOMAINS_MAX, sizeof(*j->count));
	for (size_t r = 0; r < e->nrcpt; r++) {
		const char *at = strrchr(e->rcpt[r].address, '@');
		size_t n = 0, k = 0;

		if (e->rcpt[r].mark != MARK_PENDING ||
		    !queue_filter_is_recipient(&j->ask.pick, e->rcpt[r].address))
			continue;
		at = at == NULL ? "-" : at + 1;
		while (n < j->counts &&
		    strncasecmp(j->count[n].domain, at, sizeof(j->count[n].domain) - 1) != 0)
			n++;
		if (n == DOMAINS_MAX) {
			room = false;
			break;
		}
		if (n == j->counts) {
			j->count[j->counts++] = (struct queue_admin_count){ .domain = "" };
			strncpy(j->count[n].domain, at, sizeof(j->count[n].domain) - 1);
		}
		while (k < nseen && seen[k] != n)
			k++;
		if (k == nseen) {
			seen[nseen++] = (uint32_t)n;
			j->count[n].n[column]++;
		}
	}
	for (size_t k = 0; !room && j->nread > 0 && k < nseen; k++)
		j->count[seen[k]].n[column]--;	/* the message comes on the next page */
	if (nseen == 1)
		note_reason(j, i, e, &j->count[seen[0]]);
	free(seen);
	return room || j->nread == 0;
}

void
queue_admin_rows_counts(struct queue_admin_job *j)
{
	for (size_t i = 0; i < j->counts; i++) {
		const struct queue_admin_count *c = &j->count[i];
		bool paused = config_domain_is_paused(j->queue_admin->schedule->set.server,
		    strcmp(c->domain, "-") == 0 ? "" : c->domain);

		msg_queue_put(&j->text, c->domain, sizeof(c->domain) * 4);
		for (size_t k = 0; k < QUEUE_ADMIN_AGES; k++)
			buf_printf(&j->text, "\t%u", c->n[k]);
		put_column(j, paused ? SCHEDULE_PAUSED : c->reason, sizeof(c->reason));
		buf_puts(&j->text, "\n");
	}
}

/* --- badmail --- */

/* The text of a line "Reason: text" or "Details: text" of a .bdr file; false: there is none. */
static bool
find_word(const char *words, const char *name, char *dst, size_t size)
{
	size_t n = strlen(name);

	for (const char *at = words; at != NULL; at = strchr(at, '\n')) {
		at += at != words;
		if (strncmp(at, name, n) == 0 && strncmp(at + n, ": ", 2) == 0) {
			snprintf(dst, size, "%.*s", (int)strcspn(at + n + 2, "\r\n"), at + n + 2);
			return true;
		}
		if (*at == '\0')
			break;
	}
	return false;
}

void
queue_admin_rows_badmail(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e)
{
	struct buf words = BUF_INIT(4096);
	char reason[REASON_BYTES] = "", details[REASON_BYTES] = "";

	if (spool_badmail_admin_words(j->queue_admin->spool, &i->bad, &words) == 0 &&
	    find_word(buf_text(&words), "Reason", reason, sizeof(reason)))
		(void)find_word(buf_text(&words), "Details", details, sizeof(details));
	buf_printf(&j->text, "%s\t%lld\t%lld", i->bad.name, (long long)i->bad.since, (long long)i->bad.size);
	put_column(j, e == NULL ? "-" : e->sender, ADDRESS_TEXT);
	buf_printf(&j->text, "\t%zu", e == NULL ? 0 : e->nrcpt);
	if (e == NULL)
		buf_puts(&j->text, "\t");
	else
		put_recipients(j, e);
	put_column(j, reason, REASON_BYTES);
	put_column(j, details, REASON_BYTES);
	buf_puts(&j->text, "\n");
	buf_done(&words);
}

static void
show_words(struct queue_admin_job *j, const struct spool_badmail *b)
{
	struct buf words = BUF_INIT(NOTE_MAX / 8);
	char *line, *rest;

	if (spool_badmail_admin_words(j->queue_admin->spool, b, &words) == 0 && words.len > 0) {
		rest = words.data;
		while ((line = strsep(&rest, "\n")) != NULL) {
			line[strcspn(line, "\r")] = '\0';
			for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;)
				*tab = ' ';
			if (*line != '\0')
				put_field(j, "reason", line);
		}
	}
	buf_done(&words);
}

void
queue_admin_rows_badmail_show(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e)
{
	int fd = spool_badmail_admin_open(j->queue_admin->spool, &i->bad);

	put_field(j, "id", i->bad.name);
	put_number(j, "since", i->bad.since);
	put_number(j, "size", i->bad.size);
	show_words(j, &i->bad);
	if (e != NULL)
		show_envelope(j, e);
	if (fd != -1) {
		show_header(j, fd, 0, i->bad.size);
		close(fd);
	}
}

/* --- drop files --- */

void
queue_admin_rows_drop(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e)
{
	buf_printf(&j->text, "%s\t%lld\t%lld", i->drop.name, (long long)i->drop.since,
	    (long long)i->drop.size);
	put_column(j, e->sender, ADDRESS_TEXT);
	buf_printf(&j->text, "\t%zu", e->nrcpt);
	put_recipients(j, e);
	buf_puts(&j->text, "\n");
}

void
queue_admin_rows_drop_show(struct queue_admin_job *j, const struct queue_admin_item *i,
    const struct message_envelope *e, int fd)
{
	put_field(j, "id", i->drop.name);
	put_number(j, "since", i->drop.since);
	put_number(j, "size", i->drop.size);
	show_envelope(j, e);
	show_header(j, fd, e->content_at, i->drop.size - e->content_at);
}

/* A piece of the file, in base64. */
void
queue_admin_rows_drop_piece(struct queue_admin_job *j, const struct queue_admin_item *i, const char *text)
{
	put_field(j, "id", i->drop.name);
	put_number(j, "size", i->drop.size);
	buf_printf(&j->text, "data\t%s\n", text);
}
