/* dkim_canon - the relaxed canonical form of header fields and of a body (RFC 6376 3.4.2, 3.4.4). Pure */
#ifndef COMMON_DKIM_DKIM_CANON_H
#define COMMON_DKIM_DKIM_CANON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define DKIM_CANON_PIECE 1024

/* A body in pieces of any size; zeroed but for `emit` and `arg` by the caller. */
struct dkim_canon {
	void (*emit)(void *arg, const char *data, size_t len);	/* at most DKIM_CANON_PIECE bytes */
	void *arg;
	uint64_t ends;		/* line ends that count when something follows */
	bool blank;		/* so do blanks of this line, as one */
	bool cr;		/* the last byte was a CR: of a line end or for itself */
	bool any;		/* the body is not empty */
	size_t len;
	char piece[DKIM_CANON_PIECE];
};

void dkim_canon_body(struct dkim_canon *c, const char *data, size_t len);
void dkim_canon_body_end(struct dkim_canon *c);

/*
 * Appends the form of one field, with or without the line end behind it: "subject:Is dinner ready?". `field`
 * has a colon, and may be folded; its last line end may be there or not.
 */
void dkim_canon_field(struct buf *out, const char *field, size_t len, bool line_end);

#endif
