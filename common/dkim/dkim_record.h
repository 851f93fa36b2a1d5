/* dkim_record - the record of a key in the DNS, read and compared (RFC 6376 3.6.1, RFC 8463). Pure */
#ifndef COMMON_DKIM_DKIM_RECORD_H
#define COMMON_DKIM_DKIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum dkim_record {
	DKIM_RECORD_GOOD,
	DKIM_RECORD_WARNING,	/* verifiers take it, but: `why` */
	DKIM_RECORD_WRONG,	/* signatures of this key fail: `why` */
};

/* A tag of "k=rsa; p=...": its value without blanks at its ends; false: there is none of that name. */
bool dkim_record_tag(const char *text, const char *name, const char **value, size_t *len);
/* `wanted` is the record that dkim_key_record made. */
enum dkim_record dkim_record_compare(const char *text, const char *wanted, struct buf *why);

#endif
