/*
 * data - content: finds the end of DATA, takes transport dots out, refuses or mends bare CR and LF (RFC 5321
 * 4.5.2, 2.3.8); pure
 *
 * Runs in:  listener, pickup
 * Owns:     nothing
 * Promise:  only CRLF "." CRLF ends content; what is handed on has CRLF line ends only, and no NUL; in
 *           whatever pieces the input comes, bytes and end are the same
 * Fails by: the first fault stays in the struct, and nothing more is handed on
 */
#include "common/mail/data.h"

#include <string.h>

void
data_begin(struct data *d, uint64_t limit, bool mend)
{
	*d = (struct data){ .state = DATA_LINE, .limit = limit, .mend = mend };
}

static void
set_fault(struct data *d, enum data_fault what)
{
	if (d->fault == DATA_FINE)
		d->fault = what;
}

/* `n` content bytes at `run`, perhaps with line ends. */
static void
hand_on_run(struct data *d, const char *run, size_t n, data_sink *sink, void *arg)
{
	if (n == 0)
		return;
	d->size += n;
	if (d->size > d->limit)
		set_fault(d, DATA_LARGE);
	if (d->fault == DATA_FINE)
		sink(arg, run, n);
}

/* The input, how far it was read, and where the content begins that is not yet handed on. */
struct portion {
	const char *in;
	size_t len, at, run;
	const char *lf;		/* what the last search for LF found, or the end: no byte is searched twice */
	data_sink *sink;
	void *arg;
};

static void
hand_on(struct data *d, struct portion *p)
{
	hand_on_run(d, p->in + p->run, p->at - p->run, p->sink, p->arg);
	p->run = p->at;
}

static void
begin_line(struct data *d, bool after_bare)
{
	d->state = DATA_LINE;
	d->after_bare = after_bare;
}

/* What stands at p->at is left out. */
static void
skip_byte(struct data *d, struct portion *p)
{
	hand_on(d, p);
	p->run = ++p->at;
}

/* Behind CRs that have no LF: each of them ends a line. */
static void
end_lines(struct data *d, struct portion *p)
{
	for (; d->crs > 0; d->crs--)
		hand_on_run(d, "\r\n", 2, p->sink, p->arg);
	d->mended |= DATA_MENDED_CR;
	begin_line(d, true);
}

/* Behind one CR or more, which are not handed on. Of a long run the last ones alone may belong to an LF. */
static void
take_mended_cr(struct data *d, struct portion *p)
{
	if (p->in[p->at] == '\r' && d->crs < DATA_CRS_MAX) {
		skip_byte(d, p);
		d->crs++;
	} else if (p->in[p->at] == '\n') {
		skip_byte(d, p);
		d->mended |= d->crs > 1 ? DATA_MENDED_CR : 0;
		d->crs = 0;
		hand_on_run(d, "\r\n", 2, p->sink, p->arg);
		begin_line(d, false);
	} else
		end_lines(d, p);
}

/* Inside a line of a client whose lines are mended: to its end, or to the end of the input. */
static void
take_mended_text(struct data *d, struct portion *p)
{
	const char *from = p->in + p->at, *end = p->in + p->len, *cr;

	if (d->state == DATA_CR) {
		take_mended_cr(d, p);
		return;
	}
	if (p->lf == NULL || p->lf < from) {
		p->lf = memchr(from, '\n', p->len - p->at);
		p->lf = p->lf != NULL ? p->lf : end;
	}
	cr = memchr(from, '\r', (size_t)(p->lf - from));
	p->at = (size_t)((cr != NULL ? cr : p->lf) - p->in);
	if (cr == NULL && p->lf == end)
		return;
	if (cr == NULL) {
		skip_byte(d, p);
		hand_on_run(d, "\r\n", 2, p->sink, p->arg);
		d->mended |= DATA_MENDED_LF;
		begin_line(d, true);
	} else if (cr + 1 == p->lf && p->lf != end) {
		p->at += 2;
		begin_line(d, false);
	} else {
		skip_byte(d, p);
		d->crs = 1;
		d->state = DATA_CR;
	}
}

/* Inside a line: to its end, or to the end of the input. */
static void
take_text(struct data *d, struct portion *p)
{
	const char *from = p->in + p->at, *lf, *cr;
	size_t n;
	bool whole;

	if (d->mend) {
		take_mended_text(d, p);
		return;
	}
	if (d->state == DATA_CR && *from != '\n')
		set_fault(d, DATA_BARE);
	lf = memchr(from, '\n', p->len - p->at);
	n = lf != NULL ? (size_t)(lf - from) : p->len - p->at;
	cr = memchr(from, '\r', n);
	if (cr != NULL && (size_t)(cr - from) + 1 < n)
		set_fault(d, DATA_BARE);
	whole = n > 0 ? from[n - 1] == '\r' : d->state == DATA_CR;
	p->at += n;
	if (lf == NULL) {
		d->state = whole ? DATA_CR : DATA_TEXT;
		return;
	}
	/* Only CRLF makes a new line: a dot after a bare LF means nothing. */
	p->at++;
	if (whole) {
		begin_line(d, false);
	} else {
		set_fault(d, DATA_BARE);
		d->state = DATA_TEXT;
	}
}

/* Behind a dot at the start of a line, which is transport's. */
static void
take_dot(struct data *d, struct portion *p)
{
	char byte = p->in[p->at];

	if (d->state == DATA_DOT && byte == '\r') {
		d->state = DATA_DOT_CR;
		p->run = ++p->at;
	} else if (d->state == DATA_DOT) {
		if (byte == '\n')
			set_fault(d, DATA_BARE);
		d->state = DATA_TEXT;
	} else if (byte != '\n') {
		set_fault(d, DATA_BARE);
		d->crs = 1;
		d->state = DATA_CR;
	} else {
		p->run = ++p->at;
		if (d->after_bare) {
			set_fault(d, DATA_BARE);
			begin_line(d, false);
		} else
			d->state = DATA_END;
	}
}

#define BLOCK 64U		/* compilers make few instructions of a loop of so many bytes */

/* So many bytes and one more: each CR has its LF, each LF its CR, and no line begins with a dot. */
static bool
is_clean(const char *in)
{
	unsigned char found = 0;

	for (size_t i = 0; i < BLOCK; i++)
		found |= (unsigned char)(((in[i] == '\r') ^ (in[i + 1] == '\n')) |
		    ((in[i] == '\n') & (in[i + 1] == '.')));
	return found == 0;
}

/* Nearly all content: over whole blocks of good lines, where nothing is left out, mended or refused. */
static void
take_clean(struct data *d, struct portion *p)
{
	size_t at = p->at;

	if (d->state != DATA_TEXT || p->in[at] == '\n')
		return;
	while (p->len - at > BLOCK && is_clean(p->in + at))
		at += BLOCK;
	if (at == p->at)
		return;
	if (p->in[at - 1] == '\r')
		at--;		/* its line end is taken as one */
	if (p->in[at - 1] == '\n')
		begin_line(d, false);
	p->at = at;
}

/* Inside a line, at its start or behind a CR. */
static void
take_rest(struct data *d, struct portion *p)
{
	if (d->state == DATA_LINE)
		d->state = DATA_TEXT;
	take_clean(d, p);
	if (d->state != DATA_LINE && p->at < p->len)
		take_text(d, p);
}

/* To p->len, or to the end of the content. */
static void
take_lines(struct data *d, struct portion *p)
{
	while (p->at < p->len && d->state != DATA_END) {
		if (d->state == DATA_LINE && p->in[p->at] == '.') {
			hand_on(d, p);
			p->run = ++p->at;
			d->state = DATA_DOT;
		} else if (d->state == DATA_DOT || d->state == DATA_DOT_CR) {
			take_dot(d, p);
		} else {
			take_rest(d, p);
		}
	}
}

static void
take_raw_lines(struct data *d, struct portion *p)
{
	while (p->at < p->len)
		take_rest(d, p);
}

/* Up to the first NUL, then the rest: the fault that stands first counts, however the content was cut. */
static void
take_around_nul(struct data *d, struct portion *p, void (*take)(struct data *d, struct portion *p))
{
	const char *nul = memchr(p->in, '\0', p->len);
	size_t len = p->len;

	if (nul != NULL) {
		p->len = (size_t)(nul - p->in);
		take(d, p);
		p->len = len;
		p->lf = NULL;
		if (d->state != DATA_END)
			set_fault(d, DATA_NUL);
	}
	take(d, p);
}

size_t
data_take(struct data *d, const char *in, size_t len, data_sink *sink, void *arg)
{
	struct portion p = { .in = in, .len = len, .sink = sink, .arg = arg };

	take_around_nul(d, &p, take_lines);
	hand_on(d, &p);
	if (d->fault != DATA_FINE)
		d->wasted += p.at;
	return p.at;
}

void
data_take_raw(struct data *d, const char *in, size_t len, bool binary, data_sink *sink, void *arg)
{
	struct portion p = { .in = in, .len = len, .sink = sink, .arg = arg };

	if (!binary)
		take_around_nul(d, &p, take_raw_lines);
	p.at = len;
	hand_on(d, &p);
	if (d->fault != DATA_FINE)
		d->wasted += len;
}

void
data_end_raw(struct data *d, data_sink *sink, void *arg)
{
	struct portion p = { .in = "", .sink = sink, .arg = arg };

	if (d->state == DATA_CR && d->mend)
		end_lines(d, &p);
	else if (d->state == DATA_CR)
		set_fault(d, DATA_BARE);
}

bool
data_has_eightbit(const char *in, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)in[i];
	return (all & 0x80) != 0;
}
