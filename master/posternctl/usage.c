/*
 * usage - how a command is used, in one line
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  the reason comes first, then one line
 * Fails by: EX_USAGE, always
 */
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#include "common/base/buf.h"
#include "master/posternctl/posternctl.h"

int
usage_say(const struct command *row, const char *fmt, ...)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	char text[COMPLAINT_MAX];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(&why, text);
	status = usage_misused(row, &why);
	buf_done(&why);
	return status;
}

int
usage_misused(const struct command *row, const struct buf *why)
{
	if (why != NULL && why->len > 0)
		fprintf(stderr, "posternctl: %s\n", why->data);
	fprintf(stderr, "usage: posternctl %s%s%s\n", row->name, row->arguments[0] != '\0' ? " " : "",
	    row->arguments);
	return EX_USAGE;
}
