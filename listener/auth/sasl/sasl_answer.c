/*
 * sasl_answer - what mechanisms put into an answer: bytes for the peer, or why there are none; pure
 *
 * Runs in:  auth, on pool threads
 * Owns:     nothing
 * Promise:  no more bytes than an answer has room for; reasons are printable
 * Fails by: an empty token
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "listener/auth/auth.h"

void
sasl_answer_put(struct msg_auth_in_token *out, const void *data, size_t len)
{
	out->len = len <= sizeof(out->data) ? (uint16_t)len : 0;
	memcpy(out->data, data, out->len);
}

enum msg_auth_out_result
sasl_answer_fail(struct msg_auth_out_answer *out, enum msg_auth_out_result how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
	for (char *p = out->why; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	return how;
}
