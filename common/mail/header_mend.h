/* header_mend - adds what a header lacks and takes out what is private, as its bytes come. Pure */
#ifndef COMMON_MAIL_HEADER_MEND_H
#define COMMON_MAIL_HEADER_MEND_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/data.h"
#include "common/mail/header.h"

enum header_mend_what {
	HEADER_MEND_DATE = 1, HEADER_MEND_ID = 2,	/* are there; else they are added */
	HEADER_MEND_BCC = 4, HEADER_MEND_RETURN_PATH = 8,	/* are taken out; Resent-Bcc is BCC, too */
	HEADER_MEND_END = 16,	/* the header ended without an empty line: one is put there */
};
/* Which of them a field is; 0: none. */
unsigned header_mend_find(const struct header_field *f);
#define HEADER_MEND_PRIVATE (HEADER_MEND_BCC | HEADER_MEND_RETURN_PATH)

#define HEADER_MEND_SIZE 512
/* The fields that `found` lacks, with CRLF, into `dst` of HEADER_MEND_SIZE; their length. */
size_t header_mend_missing(char *dst, unsigned found, const char *date, const char *id, const char *fqdn);

#define HEADER_MEND_NAME 80	/* a longer name is a field that stays */
/* Zeroed at first; content that begins with a field, or with the empty line. */
struct header_mend {
	bool over;		/* what follows is not looked at */
	bool in_line, dropped;	/* inside a line; it, or the field, is taken out */
	unsigned found;		/* enum header_mend_what bits */
	size_t len;		/* of `name` */
	char name[HEADER_MEND_NAME];	/* the beginning of a line, until it is known what it is */
};
/*
 * Gives to `sink` what stays of the header. Bytes used: all, or up to its end. Then `over` is set, and the
 * missing fields have their place before `name` (perhaps empty) and the bytes that are left. Content whose
 * lines end in CRLF, or binary.
 */
size_t header_mend_take(struct header_mend *m, const char *in, size_t len, data_sink *sink, void *arg);
/* No more bytes follow: ends the last line. */
void header_mend_end(struct header_mend *m, data_sink *sink, void *arg);
/* "lf,date,message-id,bcc" for people, into `dst` of HEADER_MEND_SIZE; "": nothing was mended. */
const char *header_mend_format(char *dst, unsigned found, unsigned lines);

#endif
