/*
 * milter - the dialogue with one mail filter: negotiation, stages, content, verdicts; pure
 *
 * Runs in:  filter
 * Owns:     the bytes that came and those to be sent; the lists of macros
 * Promise:  whatever comes leads to one of the events; no more than one packet and 1 MiB of header are held
 * Fails by: MILTER_FAULT
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/filter/filter.h"

/*
 *   state          goes on with                 what may come
 *   NEW            milter_open                  nothing
 *   NEGOTIATES     -> RESTS                     its negotiation
 *   RESTS          milter_ask, milter_content   nothing
 *   WAITS          -> RESTS                     the answer to a stage
 *   SENDS_HEADER   -> SENDS_BODY, RESTS         answers to fields and the end of the header
 *   SENDS_BODY     -> ENDS, RESTS               answers to pieces
 *   ENDS           -> RESTS                     changes, then the verdict
 *   FAILED         none: it is to be closed     nothing
 */
enum { OUT_MAX = 4 * 1024 * 1024, OUT_ENOUGH = 128 * 1024 };

/* What a filter may not want to hear, and what it may not answer; one row a command. */
static const struct row {
	char command;
	uint32_t not_wanted, no_answer;
	enum milter_list list;		/* MILTER_LISTS: it has no macros */
	enum msg_filter_stage stage;
} rows[] = {
	{ MILTER_CONNECT, MILTER_NO_CONNECT, MILTER_NR_CONNECT, MILTER_LIST_CONNECT, FILTER_CONNECT },
	{ MILTER_HELO, MILTER_NO_HELO, MILTER_NR_HELO, MILTER_LIST_HELO, FILTER_HELO },
	{ MILTER_MAIL, MILTER_NO_MAIL, MILTER_NR_MAIL, MILTER_LIST_MAIL, FILTER_MAIL },
	{ MILTER_RCPT, MILTER_NO_RCPT, MILTER_NR_RCPT, MILTER_LIST_RCPT, FILTER_RCPT },
	{ MILTER_DATA, MILTER_NO_DATA, MILTER_NR_DATA, MILTER_LIST_DATA, FILTER_DATA },
	{ MILTER_HEADER, MILTER_NO_HEADERS, MILTER_NR_HEADERS, MILTER_LISTS, FILTER_STAGES },
	{ MILTER_EOH, MILTER_NO_EOH, MILTER_NR_EOH, MILTER_LIST_EOH, FILTER_STAGES },
	{ MILTER_BODY, MILTER_NO_BODY, MILTER_NR_BODY, MILTER_LISTS, FILTER_STAGES },
	{ MILTER_END, 0, 0, MILTER_LIST_END, FILTER_CONTENT },
};

static const struct row *
find_row(char command)
{
	size_t i = 0;

	while (i < nitems_of(rows) - 1 && rows[i].command != command)
		i++;
	return &rows[i];
}

void
milter_init(struct milter *m, const struct filter_macros *macros)
{
	*m = (struct milter){ .macros = macros };
	buf_init(&m->in, 2 * MILTER_PACKET_MAX);
	buf_init(&m->out, OUT_MAX);
}

void
milter_done(struct milter *m)
{
	buf_done(&m->in);
	buf_done(&m->out);
	for (size_t i = 0; i < MILTER_LISTS; i++)
		free(m->list[i]);
	milter_init(m, m->macros);
}

void
milter_open(struct milter *m)
{
	milter_negotiate_offer(&m->out);
	m->state = MILTER_NEGOTIATES;
}

/* Macros that go with the command; at the end of the header only those that it has asked for. */
static void
put_macros(struct milter *m, const struct row *row)
{
	const char *list = row->list < MILTER_LISTS ? m->list[row->list] : NULL;

	if (row->list < MILTER_LISTS && (list != NULL || row->stage < FILTER_STAGES))
		filter_macros_put(&m->out, m->macros, row->stage < FILTER_STAGES ? row->stage :
		    FILTER_CONTENT, list, row->command);
}

static void
put_text(struct buf *out, const char *text)
{
	buf_add(out, text, strlen(text) + 1);
}

static void
put_connect(struct milter *m, const struct milter_words *w)
{
	char family = w->family == 4 ? '4' : w->family == 6 ? '6' : 'U';
	const char port[2] = { (char)(w->port >> 8), (char)w->port };

	put_text(&m->out, w->first);
	buf_add(&m->out, &family, 1);
	if (family == 'U')
		return;
	buf_add(&m->out, port, sizeof(port));
	put_text(&m->out, w->second);
}

/* Each parameter is a string. */
static void
put_parameters(struct milter *m, const char *text)
{
	while (*(text += strspn(text, " ")) != '\0') {
		size_t len = strcspn(text, " ");

		buf_add(&m->out, text, len);
		buf_add(&m->out, "", 1);
		text += len;
	}
}

void
milter_ask(struct milter *m, enum msg_filter_stage stage, const struct milter_words *w)
{
	const struct row *row = &rows[stage];
	size_t begin;

	m->verdict = FILTER_GO_ON;
	m->accepts = false;
	m->waits = 0;
	m->state = MILTER_WAITS;
	m->in_message |= stage == FILTER_MAIL;
	if ((m->steps & row->not_wanted) || (stage == FILTER_DATA && m->version < 4))
		return;
	put_macros(m, row);
	begin = milter_packet_begin(&m->out, row->command);
	if (stage == FILTER_CONNECT)
		put_connect(m, w);
	else if (stage != FILTER_DATA)
		put_text(&m->out, w->first);
	if (stage == FILTER_MAIL || stage == FILTER_RCPT)
		put_parameters(m, w->second);
	milter_packet_end(&m->out, begin);
	if (!(m->steps & row->no_answer))
		m->waits = row->command;
}

void
milter_content(struct milter *m, const struct filter_header *h)
{
	m->verdict = FILTER_GO_ON;
	m->accepts = false;
	m->waits = 0;
	m->header = h;
	m->field = 0;
	m->state = MILTER_SENDS_HEADER;
}

static void
put_end(struct milter *m)
{
	put_macros(m, find_row(MILTER_END));
	milter_packet_put(&m->out, MILTER_END, NULL, 0);
	m->waits = MILTER_END;
	m->state = MILTER_ENDS;
}

void
milter_body(struct milter *m, const void *data, size_t len)
{
	if (len == 0) {
		put_end(m);
		return;
	}
	milter_packet_put(&m->out, MILTER_BODY, data, len);
	if (!(m->steps & MILTER_NR_BODY))
		m->waits = MILTER_BODY;
}

/* Fields until one has to be answered, then the end of the header. */
static enum milter_event
send_header(struct milter *m)
{
	while (!(m->steps & MILTER_NO_HEADERS) && m->field < m->header->count) {
		size_t begin;

		if (m->out.len > OUT_ENOUGH)
			return MILTER_MORE;
		begin = milter_packet_begin(&m->out, MILTER_HEADER);
		filter_header_show(&m->out, &m->header->field[m->field++], m->steps & MILTER_LEADING_SPACE);
		milter_packet_end(&m->out, begin);
		if (!(m->steps & MILTER_NR_HEADERS)) {
			m->waits = MILTER_HEADER;
			return MILTER_MORE;
		}
	}
	m->state = MILTER_SENDS_BODY;
	if (m->steps & MILTER_NO_EOH)
		return milter_step(m);
	put_macros(m, find_row(MILTER_EOH));
	milter_packet_put(&m->out, MILTER_EOH, NULL, 0);
	if (m->steps & MILTER_NR_EOH)
		return milter_step(m);
	m->waits = MILTER_EOH;
	return MILTER_MORE;
}

/* Nothing has to be answered: what is next. */
static enum milter_event
go_on(struct milter *m)
{
	if (!buf_ok(&m->out)) {
		m->why = "it takes nothing";
		m->state = MILTER_FAILED;
		return MILTER_FAULT;
	}
	switch (m->state) {
	case MILTER_WAITS:
		m->state = MILTER_RESTS;
		return MILTER_DONE;
	case MILTER_SENDS_HEADER:
		return send_header(m);
	case MILTER_SENDS_BODY:
		if (!(m->steps & MILTER_NO_BODY))
			return m->out.len > OUT_ENOUGH ? MILTER_MORE : MILTER_WANTS_BODY;
		put_end(m);
		return MILTER_MORE;
	default:
		return MILTER_MORE;
	}
}

static enum milter_event
fail(struct milter *m, const char *why)
{
	m->why = why;
	m->state = MILTER_FAILED;
	return MILTER_FAULT;
}

/* The stage is over with that. */
static enum milter_event
decide(struct milter *m, enum msg_filter_verdict verdict, bool accepts)
{
	if (m->state == MILTER_ENDS)
		m->in_message = false;
	m->verdict = verdict;
	m->accepts = accepts;
	m->waits = 0;
	m->state = MILTER_RESTS;
	return MILTER_DONE;
}

static enum milter_event
take_answer(struct milter *m)
{
	switch (m->reply.code) {
	case 'c':
		if (m->state == MILTER_ENDS)
			return decide(m, FILTER_GO_ON, false);
		m->waits = 0;
		return go_on(m);
	case 's':
		m->waits = 0;
		put_end(m);
		return MILTER_MORE;
	case 'a':
		return decide(m, FILTER_GO_ON, true);
	case 'r':
		return decide(m, FILTER_REFUSE, false);
	case 't':
		return decide(m, FILTER_LATER, false);
	case 'd':
		return decide(m, FILTER_DISCARD, false);
	case '4':
	case 'f':
		return decide(m, FILTER_DISCONNECT, false);
	case 'y':
		if (!milter_reply_format(m->text, sizeof(m->text), m->reply.name))
			return fail(m, "its reply is none that can be sent");
		return decide(m, FILTER_REPLY, false);
	default:
		return m->reply.code == 'p' ? MILTER_PROGRESS : MILTER_CHANGES;
	}
}

static enum milter_event
take_packet(struct milter *m, const struct milter_packet *p)
{
	const char *why;

	if (m->state == MILTER_NEGOTIATES) {
		why = milter_negotiate_take(m, p);
		m->state = MILTER_RESTS;
		return why != NULL ? fail(m, why) : MILTER_OPENED;
	}
	if (m->waits == 0)
		return fail(m, "it answers what was not asked");
	why = milter_reply_take(&m->reply, p, m->waits, m->actions, m->steps);
	return why != NULL ? fail(m, why) : take_answer(m);
}

enum milter_event
milter_step(struct milter *m)
{
	struct milter_packet p;
	int rc;

	buf_drop(&m->in, m->taken);
	m->taken = 0;
	if (m->state == MILTER_FAILED)
		return MILTER_FAULT;
	rc = milter_packet_next(&m->in, &p, &m->taken);
	if (rc == -1)
		return fail(m, "its answer has a length that none can have");
	if (rc == 1)
		return take_packet(m, &p);
	return m->waits == 0 && m->state != MILTER_NEGOTIATES ? go_on(m) : MILTER_MORE;
}

bool
milter_has_more(const struct milter *m)
{
	return m->waits == 0 && (m->state == MILTER_SENDS_HEADER || m->state == MILTER_SENDS_BODY);
}

void
milter_abort(struct milter *m)
{
	if (!m->in_message || m->state == MILTER_FAILED)
		return;
	m->in_message = false;
	m->waits = 0;
	m->state = MILTER_RESTS;
	milter_packet_put(&m->out, MILTER_ABORT, NULL, 0);
}

void
milter_quit(struct milter *m)
{
	milter_packet_put(&m->out, MILTER_QUIT, NULL, 0);
}
