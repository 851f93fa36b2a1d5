/* header - walks the header fields of a message in memory. Pure */
#ifndef COMMON_MAIL_HEADER_H
#define COMMON_MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct header_field {
	const char *start;	/* first byte of the field */
	size_t size;		/* with all folded lines and the last line end */
	const char *name;
	size_t name_len;
	const char *value;	/* after the colon and blanks; may contain folds */
	size_t value_len;	/* without the last line end */
};

/*
 * The field at `*pos` (LF or CRLF lines). 1 found and pos moved; 0 the header ends: at an empty line (pos
 * is left at it), at a line that is no field, or at the end of the bytes.
 */
int header_next(const char *data, size_t len, size_t *pos,
    struct header_field *f) __attribute__((warn_unused_result));

/* What content begins with. An empty line counts as a field: the header is there, and ends. */
enum header_opening { HEADER_UNDECIDED, HEADER_FIELD, HEADER_MBOX, HEADER_TEXT };
#define HEADER_OPENING_MAX 1000	/* bytes with which it is always decided */
/*
 * `whole`: no more bytes follow. HEADER_MBOX: the line that mbox files put before a message ("From a@b Sat
 * Nov 28 10:00:00 2026"); `*skip` is its length with the line end, else 0. HEADER_TEXT: no header at all;
 * whoever puts fields before it has to put an empty line between (RFC 5322 2.1).
 */
enum header_opening header_opening(const char *data, size_t len, bool whole, size_t *skip);
bool header_is(const struct header_field *f, const char *name);	/* case-insensitive */
/* Bytes of the header including the empty line that ends it; `len` when there is none. */
size_t header_size(const char *data, size_t len);
/* The value without blanks and folds around it is that word, in any case. */
bool header_value_is(const struct header_field *f, const char *word);

/* What decides about the delivery of a message, from its header. */
#define HEADER_SURVEY_MAX (256U << 10)	/* so much of a longer one is read */
struct header_survey {
	unsigned hops;		/* Received fields */
	bool tls_optional;	/* "TLS-Required: No" (RFC 8689) */
};
struct header_survey header_survey(const char *data, size_t len);

#endif
