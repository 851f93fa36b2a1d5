/*
 * body - the bytes of a pickup file as CRLF lines without dot-stuffing; pure
 *
 * Runs in:  pickup; on pool threads
 * Owns:     nothing
 * Promise:  the result does not depend on how the bytes were cut; LF, CRLF and bare CR each end a line, as do
 *           CRs with one LF behind them; an unfinished last line gets an end
 * Fails by: never; `out` has the cap
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/data.h"
#include "pickup/pickup.h"

/* In body_survey the states up to AT_DOTS_MAX count the dots that the line begins with. */
enum { AT_START, AT_DOT, AT_DOTS_MAX = 5, IN_LINE };

/* So many CRs with an LF behind are one line end, of a longer run the last ones: bounds what is pending. */
#define CRS_MAX 8

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

static bool
is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

size_t
body_mark(const char *in, size_t len)
{
	return len >= 3 && memcmp(in, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

/* A line begins with `count` dots, and `next` is behind them. */
static void
survey_dots(struct body_survey *s, unsigned count, char next)
{
	static const unsigned kinds[AT_DOTS_MAX + 1] = { [1] = BODY_ONE, [2] = BODY_TWO, [3] = BODY_THREE,
	    [4] = BODY_FOUR };

	if (count <= 2 && is_end(next))
		s->alone = (unsigned char)count;
	else if (count == 2 && is_blank(next))
		s->dots |= BODY_TWO_BLANK;
	else if (!(count == 2 && next == '/') && !(count == 4 && is_end(next)))
		s->dots |= kinds[count];
}

/* The line before was nothing but dots, and this one begins with `byte`. */
static void
survey_alone(struct body_survey *s, char byte)
{
	s->dots |= s->alone == 1 ? BODY_ONE : is_blank(byte) ? BODY_TWO_BLANK : BODY_TWO_ALONE;
	s->alone = 0;
}

/* One byte at the start of a line, or behind its first dots. */
static void
survey_start(struct body_survey *s, char byte)
{
	if (s->state == AT_START && s->alone > 0)
		survey_alone(s, byte);
	if (byte == '.' && s->state < AT_DOTS_MAX) {
		s->state++;
		return;
	}
	if (s->state != AT_START)
		survey_dots(s, s->state, byte);
	s->state = is_end(byte) ? AT_START : IN_LINE;
}

/* Behind CRs the first of which ended a line: no LF follows, so each of the others is an empty line. */
static void
survey_crs(struct body_survey *s)
{
	for (; s->crs > 1; s->crs--)
		survey_start(s, '\r');
	s->crs = 0;
}

void
body_survey_add(struct body_survey *s, const char *in, size_t len)
{
	struct ends ends = { .in = in, .end = in + len };
	const char *p = in;

	s->nul = s->nul || memchr(in, '\0', len) != NULL;
	s->eightbit = s->eightbit || data_has_eightbit(in, len);
	while (p < ends.end) {
		if (s->crs > 0 && *p == '\n') {
			s->crs = 0;
			p++;
			continue;
		}
		if (s->crs > 0 && s->crs < CRS_MAX && *p == '\r') {
			s->crs++;
			p++;
			continue;
		}
		survey_crs(s);
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
		s->crs = *p == '\r';
		p++;
	}
}

void
body_survey_end(struct body_survey *s)
{
	survey_crs(s);
	if (s->state != AT_START && s->state != IN_LINE)
		survey_dots(s, s->state, '\n');
	if (s->alone > 0)
		s->dots |= s->alone == 1 ? BODY_ONE_LAST : BODY_TWO_ALONE;
	s->state = AT_START;
}

#define FOR_IIS 0x100U		/* beside enum body_dots */

/*
 * The first row whose bits are all there. A file whose dots were doubled has no line with one dot. Two dots
 * alone are what a single dot becomes, and are rare otherwise; three are an ellipsis, four a doubled one.
 * Other lines with two dots say something only when the program may have doubled them.
 */
static const struct { unsigned bits; bool stuffed; } verdict_rows[] = {
	{ BODY_ONE, false },
	{ BODY_TWO_BLANK, false },
	{ FOR_IIS | BODY_TWO_ALONE, true },
	{ BODY_THREE, false },
	{ FOR_IIS | BODY_TWO, true },
	{ FOR_IIS | BODY_FOUR, true },
	{ BODY_ONE_LAST, false },
	{ BODY_TWO_ALONE, true },
};

bool
body_is_stuffed(enum config_dots rule, unsigned dots, enum body_writer writer)
{
	unsigned found = dots | (writer == BODY_WRITER_FOR_IIS ? FOR_IIS : 0);

	if (writer == BODY_WRITER_SENDMAIL || rule != CONFIG_DOTS_AUTO)
		return writer != BODY_WRITER_SENDMAIL && rule == CONFIG_DOTS_STUFFED;
	for (size_t i = 0; i < nitems_of(verdict_rows) && writer != BODY_WRITER_SERVER; i++)
		if ((found & verdict_rows[i].bits) == verdict_rows[i].bits)
			return verdict_rows[i].stuffed;
	return false;
}

/* As survey_crs. */
static void
add_crs(struct body *b, struct buf *out)
{
	for (; b->crs > 1; b->crs--)
		buf_add(out, "\r\n", 2);
	b->crs = 0;
}

void
body_add(struct body *b, const char *in, size_t len, struct buf *out)
{
	struct ends ends = { .in = in, .end = in + len };
	const char *p = in;

	while (p < ends.end && !b->ended) {
		const char *end = p;

		if (b->crs > 0 && *p == '\n') {
			b->crs = 0;
			p++;
			continue;
		}
		if (b->crs > 0 && b->crs < CRS_MAX && *p == '\r') {
			b->crs++;
			p++;
			continue;
		}
		add_crs(b, out);
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
		b->crs = *end == '\r';
		p = end + 1;
	}
}

void
body_end(struct body *b, struct buf *out)
{
	if (!b->ended)
		add_crs(b, out);
	if (!b->ended && b->state == IN_LINE)
		buf_add(out, "\r\n", 2);
	b->ended = true;
}
