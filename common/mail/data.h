/*
 * data - content as it comes: finds the end of DATA, takes transport dots out, refuses or mends line ends.
 * Pure
 *
 * What ends DATA, and what does not (the end of a line before the dot, and behind it):
 *
 *   before    behind    of everybody       of clients whose lines are mended
 *   CRLF      CRLF      the end            the end
 *   CRLF      LF, CR    content, refused   content, refused
 *   LF, CR    CRLF      content, refused   content, refused
 *   LF, CR    LF, CR    content, refused   content, refused
 *
 * CR CRLF (a text written twice through a layer that makes CRLF of LF) before the dot is CRLF with a CR in
 * front: refused, or mended, and the end; behind the dot it is a CR: content, refused of everybody.
 *
 * So no line of a single dot gets through but the end, and a server behind us has nothing to take for one.
 * Other lines that end in LF or CR are refused, too, or mended: then a dot at the start of the line behind is
 * transport's, as at the start of every line. CRs before a CRLF are part of that one line end.
 *
 * A line may be as long as the message. RFC 5321 4.5.3.1.6 wants 1,000 octets and allows more; newsletters
 * come in one line of some hundred KB, and every hop before us has taken it. It is folded where a host wants
 * that: deliver/smtp/client_fold.
 */
#ifndef COMMON_MAIL_DATA_H
#define COMMON_MAIL_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where lines are mended: so many CRs before an LF are one line end with it; bounds what is not handed on. */
#define DATA_CRS_MAX 8U

enum data_state {
	DATA_LINE,	/* at the start of a line */
	DATA_TEXT,	/* inside one */
	DATA_CR,	/* behind a CR in it, which is handed on already, or counted in `crs` */
	DATA_DOT,	/* behind a dot at the start of a line */
	DATA_DOT_CR,	/* and a CR */
	DATA_END,	/* past the lone dot */
};
enum data_fault { DATA_FINE, DATA_BARE, DATA_LARGE, DATA_NUL };
enum data_mended { DATA_MENDED_LF = 1, DATA_MENDED_CR = 2 };
struct data {
	enum data_state state;
	enum data_fault fault;	/* the first one; content is no longer handed on */
	bool mend;		/* a bare LF or CR becomes CRLF; else it is a fault */
	bool after_bare;	/* this line began behind one */
	unsigned mended;	/* enum data_mended bits */
	unsigned crs;		/* when lines are mended: CRs in a row that are not handed on */
	uint64_t size;		/* content bytes: without dots added for transport and without the end */
	uint64_t limit;
	uint64_t wasted;	/* bytes read since the fault */
};

typedef void data_sink(void *arg, const char *run, size_t len);
void data_begin(struct data *d, uint64_t limit, bool mend);
/* Bytes used: all, or up to and with the end (then state is DATA_END). Hands on runs as long as possible. */
size_t data_take(struct data *d, const char *in, size_t len, data_sink *sink, void *arg);
/* Content whose end is known (BDAT): uses all. Line ends and NUL do not matter when `binary`. */
void data_take_raw(struct data *d, const char *in, size_t len, bool binary, data_sink *sink, void *arg);
bool data_has_eightbit(const char *in, size_t len);
void data_end_raw(struct data *d, data_sink *sink, void *arg);	/* a CR at the very end is bare */

#endif
