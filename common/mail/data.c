/*
 * data - content: finds the end of DATA, takes transport dots out, refuses bare CR and LF (RFC 5321 4.5.2,
 * 2.3.8); pure
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  only CRLF "." CRLF ends content; what is handed on has CRLF line ends only; in whatever pieces
 *           the input comes, bytes and end are the same
 * Fails by: the first fault stays in the struct, and nothing more is handed on
 */
#include <string.h>

#include "listener/smtp/smtp.h"

void
data_begin(struct data *d, uint64_t limit)
{
	*d = (struct data){ .state = DATA_LINE, .limit = limit };
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

/* `n` more bytes of the current line; once it is too long the count stays. */
static void
count_line(struct data *d, size_t n)
{
	if (n > DATA_LINE_MAX - d->line)
		set_fault(d, DATA_LONG);
	else
		d->line += (uint32_t)n;
}

/* Inside a line: bytes used, to the end of the line or of the input. A CR or LF alone is a fault. */
static size_t
take_text(struct data *d, const char *in, size_t len)
{
	const char *lf = memchr(in, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - in) : len;
	const char *cr = memchr(in, '\r', n);
	bool cr_last = cr != NULL && (size_t)(cr - in) + 1 == n;
	bool whole;

	if ((d->state == DATA_CR && n > 0) || (cr != NULL && !cr_last))
		set_fault(d, DATA_BARE);
	if (lf == NULL) {
		if (n > 0)
			d->state = in[n - 1] == '\r' ? DATA_CR : DATA_TEXT;
		count_line(d, n);
		return n;
	}
	/* Only CRLF makes a new line; a dot after a bare LF means nothing. */
	whole = n > 0 ? in[n - 1] == '\r' : d->state == DATA_CR;
	if (!whole)
		set_fault(d, DATA_BARE);
	count_line(d, ++n);
	d->state = whole ? DATA_LINE : DATA_TEXT;
	if (whole)
		d->line = 0;
	return n;
}

size_t
data_take(struct data *d, const char *in, size_t len, data_sink *sink, void *arg)
{
	size_t at = 0, run = 0; /* in[run..at) is content not yet handed on */

	while (at < len && d->state != DATA_END) {
		switch (d->state) {
		case DATA_LINE:
			if (in[at] != '.') {
				d->state = DATA_TEXT;
				break;
			}
			hand_on_run(d, in + run, at - run, sink, arg);
			run = ++at;
			d->state = DATA_DOT;
			break;
		case DATA_DOT:
			if (in[at] != '\r') {
				d->state = DATA_TEXT;
				break;
			}
			run = ++at;
			d->state = DATA_DOT_CR;
			break;
		case DATA_DOT_CR:
			if (in[at] == '\n') {
				run = ++at;
				d->state = DATA_END;
				break;
			}
			hand_on_run(d, "\r", 1, sink, arg);
			d->state = DATA_CR;
			break;
		case DATA_TEXT:
		case DATA_CR:
			at += take_text(d, in + at, len - at);
			break;
		case DATA_END:
			break;
		}
	}
	hand_on_run(d, in + run, at - run, sink, arg);
	if (d->fault != DATA_FINE)
		d->wasted += at;
	return at;
}

void
data_take_raw(struct data *d, const char *in, size_t len, bool binary, data_sink *sink, void *arg)
{
	for (size_t at = 0; at < len && !binary;)
		at += take_text(d, in + at, len - at);
	hand_on_run(d, in, len, sink, arg);
	if (d->fault != DATA_FINE)
		d->wasted += len;
}

void
data_end_raw(struct data *d)
{
	if (d->state == DATA_CR)
		set_fault(d, DATA_BARE);
}
