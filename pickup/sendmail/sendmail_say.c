/*
 * sendmail_say - what the caller is told
 *
 * Runs in:  sendmail
 * Owns:     nothing
 * Promise:  one line on the standard error output for each failure: cron(8), a mail program or a log shows it
 * Fails by: never
 */
#include <stdarg.h>
#include <stdio.h>

#include "pickup/sendmail/sendmail.h"

int
sendmail_say(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "sendmail: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
	return status;
}
