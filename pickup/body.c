/*
 * body - the bytes of a pickup file as CRLF lines without dot-stuffing; pure
 *
 * Runs in:  pickup; on pool threads
 * Owns:     nothing
 * Promise:  the result does not depend on how the bytes were cut; LF, CRLF and bare CR each end a line, an
 *           unfinished last line gets an end
 * Fails by: never; `out` has the cap
 */
#include <string.h>

#include "pickup/pickup.h"

enum { AT_START, AT_DOT, IN_LINE };

/* Line ends in one piece of bytes: each byte is searched at most twice, however many bare CRs there are. */
struct ends {
	const char *in, *end;
	const char *lf;		/* the next LF at or after the last search; end: none */
};

/* The first CR or LF at or behind `p`, or the end. */
static const char *
ends_next(struct ends *e, const char *p)
{
	const char *cr;

	if (e->lf == NULL || e->lf < p) {
		e->lf = memchr(p, '\n', (size_t)(e->end - p));
		if (e->lf == NULL)
			e->lf = e->end;
	}
	cr = memchr(p, '\r', (size_t)(e->lf - p));
	return cr != NULL ? cr : e->lf;
}

static bool
is_end(char byte)
{
	return byte == '\n' || byte == '\r';
}

size_t
body_mark(const char *in, size_t len)
{
	return len >= 3 && memcmp(in, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

static bool
has_eightbit(const char *in, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)in[i];
	return (all & 0x80) != 0;
}

/* One byte at the start of a line, or after its first dot. */
static void
survey_start(struct body_survey *s, char byte)
{
	if (s->state == AT_START) {
		s->single += s->lone; /* it was not the last line */
		s->lone = false;
		s->state = byte == '.' ? AT_DOT : is_end(byte) ? AT_START : IN_LINE;
	} else if (is_end(byte)) {
		s->lone = true;
		s->state = AT_START;
	} else {
		s->doubled += byte == '.';
		s->single += byte != '.';
		s->state = IN_LINE;
	}
}

void
body_survey_add(struct body_survey *s, const char *in, size_t len)
{
	struct ends ends = { .in = in, .end = in + len };
	const char *p = in;

	s->nul = s->nul || memchr(in, '\0', len) != NULL;
	s->eightbit = s->eightbit || has_eightbit(in, len);
	while (p < ends.end) {
		if (s->cr && *p == '\n') {
			s->cr = false;
			p++;
			continue;
		}
		s->cr = false;
		if (s->state == IN_LINE) {
			p = ends_next(&ends, p);
			if (p == ends.end)
				break;
			s->state = AT_START;
		} else {
			survey_start(s, *p);
			if (s->state == IN_LINE)
				continue; /* the byte may be anything: handle it as part of the line */
		}
		s->cr = *p == '\r';
		p++;
	}
}

void
body_survey_end(struct body_survey *s)
{
	if (s->state == AT_DOT)
		s->lone = true;
	s->state = AT_START;
}

bool
body_is_stuffed(const struct body_survey *s)
{
	return s->single == 0 && (s->doubled > 0 || s->lone);
}

void
body_add(struct body *b, const char *in, size_t len, struct buf *out)
{
	struct ends ends = { .in = in, .end = in + len };
	const char *p = in;

	while (p < ends.end && !b->ended) {
		const char *end = p;

		if (b->cr && *p == '\n') {
			b->cr = false;
			p++;
			continue;
		}
		b->cr = false;
		if (b->state == AT_START && b->unstuff && *p == '.') {
			b->state = AT_DOT;
			p++;
			continue;
		}
		if (b->state == AT_DOT && is_end(*p)) {
			b->ended = true;
			break;
		}
		b->state = IN_LINE;
		end = ends_next(&ends, p);
		buf_add(out, p, (size_t)(end - p));
		if (end == ends.end)
			break;
		buf_add(out, "\r\n", 2);
		b->state = AT_START;
		b->cr = *end == '\r';
		p = end + 1;
	}
}

void
body_end(struct body *b, struct buf *out)
{
	if (!b->ended && b->state == IN_LINE)
		buf_add(out, "\r\n", 2);
	b->ended = true;
}
