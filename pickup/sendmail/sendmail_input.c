/*
 * sendmail_input - the bytes of the message as lines that end in LF; pure
 *
 * Runs in:  sendmail
 * Owns:     nothing
 * Promise:  the result does not depend on how the bytes were cut, and its lines are those that pickup sees
 * Fails by: never; `out` has the cap
 */
#include <string.h>

#include "pickup/sendmail/sendmail.h"

/* So many with one LF behind are one line end: what programs leave that write it twice. */
#define CRS_MAX 8

static void
end_line(struct sendmail_input *i, struct buf *out)
{
	i->ended = i->dot && !i->keep_dots;
	if (!i->ended)
		buf_puts(out, i->dot ? ".\n" : "\n");
	i->in_line = i->dot = false;
}

/* Each of them ended a line, as no LF follows. */
static void
end_crs(struct sendmail_input *i, struct buf *out)
{
	for (; i->crs > 0 && !i->ended; i->crs--)
		end_line(i, out);
}

/* Bytes of a line from `p` on, up to what ends it. */
static const char *
add_line(struct sendmail_input *i, const char *p, const char *end, struct buf *out)
{
	const char *stop = p;

	while (stop < end && *stop != '\n' && *stop != '\r' && *stop != '\0')
		stop++;
	if (!i->in_line && !i->dot && stop == p + 1 && *p == '.') {
		i->dot = true;
		return stop;
	}
	if (i->dot)
		buf_puts(out, ".");
	i->dot = false;
	i->in_line = true;
	buf_add(out, p, (size_t)(stop - p));
	return stop;
}

void
sendmail_input_add(struct sendmail_input *i, const char *in, size_t len, struct buf *out)
{
	const char *end = in + len;

	for (const char *p = in; p < end && !i->ended;) {
		if (*p == '\0') {
			p++;
		} else if (*p == '\r') {
			if (i->crs == CRS_MAX)
				end_crs(i, out);
			i->crs++;
			p++;
		} else if (*p == '\n') {
			i->crs = 0;
			end_line(i, out);
			p++;
		} else {
			end_crs(i, out);
			if (!i->ended)
				p = add_line(i, p, end, out);
		}
	}
}

void
sendmail_input_end(struct sendmail_input *i, struct buf *out)
{
	end_crs(i, out);
	if (!i->ended && (i->in_line || i->dot))
		end_line(i, out);
	i->ended = true;
}
