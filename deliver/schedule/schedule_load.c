/*
 * schedule_load - reads a message's envelope and header, and its note when needed; counts its hops; judges
 * what comes next
 *
 * Runs in:  deliver: reads on the loop (a file that has just come) or a pool thread, judges on the loop
 * Owns:     nothing beyond the message
 * Promise:  a damaged file goes to badmail and stops nothing; a failure of an earlier life is reported first
 * Fails by: the message's error and why
 */
#include <errno.h>
#include <string.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "common/spool/spool.h"
#include "common/spool/spool_offer.h"
#include "deliver/active/active.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule_private.h"

#define HEADER_FIRST (16U << 10)

/* --- reading --- */

/* What deliver needs of the header. */
static void
note_header(struct active_message *m, const char *data, size_t len)
{
	struct header_survey found = header_survey(data, len);

	m->hops = found.hops;
	if (found.tls_optional && (m->e.flags & MESSAGE_REQUIRETLS) == 0)
		m->e.flags |= MESSAGE_TLS_OPTIONAL;
}

static int
read_header(struct active_message *m)
{
	struct buf head = BUF_INIT(HEADER_SURVEY_MAX);
	size_t want = HEADER_FIRST;
	int rc = 0;

	for (;;) {
		char *to;
		ssize_t n;

		if (want > (size_t)m->e.content_size)
			want = (size_t)m->e.content_size;
		to = buf_room(&head, want - head.len);
		n = to == NULL ? 0 : disk_pread(m->fd, to, want - head.len,
		    m->e.content_at + (off_t)head.len);
		if (n == -1)
			rc = -1;
		if (n <= 0)
			break;
		head.len += (size_t)n;
		if (header_size(head.data, head.len) < head.len || want >= HEADER_SURVEY_MAX ||
		    want == (size_t)m->e.content_size)
			break;
		want *= 4;
	}
	if (rc == 0 && head.len > 0)
		note_header(m, head.data, head.len);
	buf_done(&head);
	return rc;
}

static int
take_header(struct active_message *m)
{
	if (m->whole.len == 0)
		return read_header(m);
	note_header(m, m->whole.data + m->e.content_at, (size_t)m->e.content_size);
	return 0;
}

static bool
has_failed(const struct message_envelope *e)
{
	for (size_t i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].mark == MARK_FAILED)
			return true;
	return false;
}

#define AHEAD_US (6LL * 3600 * 1000000)

static int
read_note(struct active_message *m)
{
	int rc = spool_note_read(m->schedule->set.spool, m->id, &m->note_text);

	m->note = rc == 1 ? ACTIVE_NOTE_WHOLE : ACTIVE_NOTE_NONE;
	return rc == -1 ? -1 : 0;
}

/* It came under a clock that was far ahead: its id says a time that is not there yet. */
static bool
is_ahead(const struct active_message *m, int64_t now_us)
{
	return m->arrived_us > now_us + AHEAD_US;
}

static int
read_all(struct active_message *m)
{
	if (m->offer != NULL)
		return spool_offer_load(m->fd, m->id, &m->e, m->kept != NULL ? &m->whole : NULL,
		    &m->why) == -1 ? -1 : take_header(m);
	if (spool_load_small(m->schedule->set.spool, m->id, &m->e, &m->fd, m->kept != NULL ? &m->whole : NULL,
	    &m->why) == -1)
		return -1;
	m->owed = has_failed(&m->e);
	if ((!m->known || m->owed || is_ahead(m, clock_wall_us())) && read_note(m) == -1)
		return -1;
	return take_header(m);
}

void
schedule_load_read(struct active_message *m)
{
	m->why = "cannot be read";
	m->error = read_all(m) == 0 ? 0 : errno;
}

/* --- judging --- */

static void
take_failed(struct active_message *m, const struct note_line *line)
{
	struct active_recipient *r = &m->recipient[line->number];

	r->reason = active_message_reason(m, line->code, line->status, line->host, line->text);
	r->expired = strcmp(line->status, "4.4.7") == 0;
	m->failed_us = line->time;
}

/* After an attempt with progress the count begins anew. */
static void
take_count(struct active_message *m, const struct note_line *line)
{
	unsigned number = line->number > UINT8_MAX ? UINT8_MAX : (unsigned)line->number;

	if (line->kind == NOTE_QUICK)
		m->quick = number;
	else
		m->attempts = number;
	if (number == 0)
		m->quick = 0;
}

/*
 * When a message arrived that came under a clock far ahead: at the first attempt since the clock is right,
 * which its note tells, else now. So it expires, and its delay is reported.
 */
static int64_t
seen_us(const struct active_message *m, int64_t now_us)
{
	struct note_line line;
	size_t pos = 0;

	while (note_next(buf_text(&m->note_text), m->note_text.len, &pos, &line)) {
		int64_t us = line.kind == NOTE_FAILED ? line.time : line.time * 1000000;

		if (line.kind != NOTE_OTHER && us > 0 && us <= now_us)
			return us;
	}
	return now_us;
}

static void
take_note(struct active_message *m)
{
	struct note_line line;
	int64_t now_us = clock_wall_us();
	size_t pos = 0;

	if (is_ahead(m, now_us))
		m->arrived_us = seen_us(m, now_us);

	if (m->note_text.len > 0 && m->note_text.data[m->note_text.len - 1] != '\n')
		m->note = ACTIVE_NOTE_TORN;
	if (!m->known)
		m->attempts = m->quick = 0;
	while (note_next(buf_text(&m->note_text), m->note_text.len, &pos, &line)) {
		m->pause_noted = line.kind == NOTE_RESTED && strcmp(line.text, SCHEDULE_PAUSED) == 0;
		if (line.kind == NOTE_FAILED && line.number < m->e.nrcpt &&
		    m->e.rcpt[line.number].mark == MARK_FAILED)
			take_failed(m, &line);
		else if (line.kind == NOTE_DELAYED)
			m->delayed = true;
		else if ((line.kind == NOTE_DEFERRED || line.kind == NOTE_QUICK) && !m->known)
			take_count(m, &line);
	}
	m->known = true;
	buf_done(&m->note_text);
}

/* Failures that were marked in an earlier life: this round is for their report. */
static void
take_owed(struct active_message *m)
{
	for (size_t i = 0; i < m->e.nrcpt; i++) {
		struct active_recipient *r = &m->recipient[i];

		if (m->e.rcpt[i].mark != MARK_FAILED)
			continue;
		r->outcome = OUTCOME_FAILED;
		if (r->reason == NULL)
			r->reason = active_message_reason(m, 0, "5.0.0", "",
			    "delivery failed; the reason was lost");
	}
	if (m->failed_us == 0)
		m->failed_us = m->arrived_us;
}

static void
fail_hops(struct active_message *m)
{
	char text[96];
	struct active_reason *why;

	snprintf(text, sizeof(text), "hop count exceeded: %u Received lines, at most %llu are allowed",
	    m->hops, (unsigned long long)m->schedule->set.server->hop_limit);
	why = active_message_reason(m, 0, "5.4.6", "", text);
	for (size_t i = 0; i < m->e.nrcpt; i++)
		if (m->e.rcpt[i].mark == MARK_PENDING) {
			m->recipient[i].outcome = OUTCOME_FAILED;
			m->recipient[i].reason = why;
		}
}

static void
moved_damaged(void *arg, struct badmail_job *job)
{
	struct active_message *m = arg;

	m->gone = job->error == 0 || job->error == ENOENT;
	m->deferred = true;
	m->deferred_ms = active_message_trouble(m);
	result_skip(m->schedule->result, m);
}

static void
put_away(struct active_message *m)
{
	struct badmail_job *job = m->badmail = mem_new(struct badmail_job);

	active_message_enter(m, ACTIVE_BADMAIL);
	log_event(LOG_FAULT, m->id, "damaged", "reason=%s", log_safe(m->why));
	memcpy(job->id, m->id, sizeof(job->id));
	job->fd = -1;
	job->reason = BADMAIL_DAMAGED;
	job->details = m->why;
	job->done = moved_damaged;
	job->arg = m;
	badmail_submit(m->schedule->set.badmail, job);
}

static void
judge_error(struct active_message *m)
{
	if (m->error == EBADMSG) {
		put_away(m);
		return;
	}
	if (m->error != ENOENT)
		log_event(LOG_FAULT, m->id, "trouble", "what=load error=%s", log_safe(strerror(m->error)));
	m->gone = m->error == ENOENT;
	m->deferred = true;
	m->deferred_ms = active_message_trouble(m);
	result_skip(m->schedule->result, m);
}

static bool
has_pending(const struct message_envelope *e)
{
	for (size_t i = 0; i < e->nrcpt; i++)
		if (e->rcpt[i].mark == MARK_PENDING)
			return true;
	return false;
}

void
schedule_load_judge(struct active_message *m)
{
	bool too_far;

	if (m->error != 0) {
		judge_error(m);
		return;
	}
	take_note(m);
	if (m->owed) {
		take_owed(m);
		result_begin(m->schedule->result, m);
		return;
	}
	if (m->command != NULL) {
		schedule_admin_apply(m);
		return;
	}
	too_far = route_is_too_far(m->schedule->set.server, m->hops);
	if (too_far)
		fail_hops(m);
	if (too_far || !has_pending(&m->e))
		result_begin(m->schedule->result, m);
	else
		schedule_attempt_begin(m);
}
