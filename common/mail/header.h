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
bool header_is(const struct header_field *f, const char *name);	/* case-insensitive */
/* Bytes of the header including the empty line that ends it; `len` when there is none. */
size_t header_size(const char *data, size_t len);
/* How many fields are called `name`. */
unsigned header_count(const char *data, size_t len, const char *name);

#endif
