/*
 * writer - what kind of program wrote a pickup file, told by its header; pure
 *
 * Runs in:  pickup; on pool threads
 * Owns:     nothing
 * Promise:  a program counts as one that doubles dots only with an envelope on top and its own marks below,
 *           and when no server has had the message since
 * Fails by: BODY_WRITER_UNKNOWN
 */
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/mail/header.h"
#include "pickup/pickup.h"

/*
 * Marks of the programs for IIS that double dots. CDO leaves any of its three; System.Net.Mail leaves no
 * name, but writes the envelope lines in this case, then MIME-Version, and a Date without a day of the week.
 * (.NET since 5 leaves the same marks and doubles no dots: the marks alone prove nothing.)
 */
enum {
	MARK_CDO = 1,
	MARK_ENVELOPE_CASE = 2,
	MARK_MIME = 4,
	MARK_BARE_DATE = 8,
	MARKS_NET = MARK_ENVELOPE_CASE | MARK_MIME | MARK_BARE_DATE,
};

static const struct { const char *name, *value; unsigned mark; } mark_rows[] = {
	{ "X-Mailer", "Microsoft CDO", MARK_CDO },
	{ "Content-Class", "urn:content-classes:", MARK_CDO },
	{ "Thread-Index", "", MARK_CDO },
	{ "MIME-Version", "1.0", MARK_MIME },
};

static bool
value_begins_with(const struct header_field *f, const char *text)
{
	size_t len = strlen(text);

	return f->value_len >= len && strncasecmp(f->value, text, len) == 0;
}

static unsigned
find_mark(const struct header_field *f)
{
	for (size_t i = 0; i < nitems_of(mark_rows); i++)
		if (header_is(f, mark_rows[i].name) && value_begins_with(f, mark_rows[i].value))
			return mark_rows[i].mark;
	if (header_is(f, "Date") && f->value_len > 0 && f->value[0] >= '0' && f->value[0] <= '9')
		return MARK_BARE_DATE;
	return 0;
}

static bool
is_envelope(const struct header_field *f)
{
	return header_is(f, PICKUP_FORM_SENDER) || header_is(f, PICKUP_FORM_RECEIVER);
}

enum body_writer
writer_find(const char *raw, size_t len)
{
	struct header_field f;
	size_t pos = body_mark(raw, len), mbox;
	bool envelope = false, fields = false;
	unsigned marks = 0;

	while (pos < len && (raw[pos] == '\r' || raw[pos] == '\n'))
		pos++;
	(void)header_opening(raw + pos, len - pos, true, &mbox);
	pos += mbox;
	while (header_next(raw, len, &pos, &f) == 1) {
		if (!fields && !envelope && header_is(&f, PICKUP_FORM_WRITER))
			return BODY_WRITER_SENDMAIL;
		if (!fields && is_envelope(&f)) {
			envelope = true;
			marks |= f.name[0] == 'X' && strchr("SR", f.name[2]) != NULL ? MARK_ENVELOPE_CASE : 0;
			continue;
		}
		if (header_is(&f, "Received"))
			return envelope && !fields ? BODY_WRITER_SERVER : BODY_WRITER_UNKNOWN;
		fields = true;
		marks |= find_mark(&f);
	}
	if (envelope && ((marks & MARK_CDO) != 0 || (marks & MARKS_NET) == MARKS_NET))
		return BODY_WRITER_FOR_IIS;
	return BODY_WRITER_UNKNOWN;
}
