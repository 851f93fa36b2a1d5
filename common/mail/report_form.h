/*
 * report_form - our own reports in smaller forms, for hosts that cannot take one as it is. Pure
 *
 * A report (RFC 6522) is a text for people, the status for programs and the original. Only the first two are
 * due; RFC 3464 leaves the original to us.
 */
#ifndef COMMON_MAIL_REPORT_FORM_H
#define COMMON_MAIL_REPORT_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

/* Each but the first is 7-bit, with lines of at most 998 octets where the original had them. */
enum report_form {
	REPORT_WHOLE,		/* as it is */
	REPORT_HEADER,		/* of the original only the header, or what fits of it */
	REPORT_BRIEF,		/* nothing of the original */
	REPORT_PLAIN,		/* text alone, no MIME parts */
	REPORT_FORMS
};

/*
 * Appends the report in this form to `out`: at most `limit` bytes, 0: any number. False: that is not
 * possible, or this is no report of ours.
 */
bool report_form_make(enum report_form form, const char *data, size_t len, size_t limit,
    struct buf *out) __attribute__((warn_unused_result));

#endif
