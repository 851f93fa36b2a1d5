/*
 * xoauth - the words of OAUTHBEARER (RFC 7628) and XOAUTH2 (of Google and Microsoft); pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  the initial response holds the token and is all that the host needs. A host that refuses it sends
 *           a challenge in JSON; our answer to that says nothing and makes the host reply
 * Fails by: false: the token is too long for a word
 */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "deliver/auth_out/auth_out.h"

/* A saslname (RFC 5801 4): comma and equals sign are escaped. */
static void
add_name(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		if (*name == ',')
			buf_puts(out, "=2C");
		else if (*name == '=')
			buf_puts(out, "=3D");
		else
			buf_add(out, name, 1);
}

bool
xoauth_first(struct msg_auth_in_token *word, const struct xoauth_request *r)
{
	struct buf out = BUF_INIT(AUTH_IN_TOKEN_USUAL);
	bool fits;

	if (r->mechanism == AUTH_OUT_OAUTHBEARER) {
		buf_puts(&out, "n,a=");
		add_name(&out, r->user);
		buf_printf(&out, ",\001host=%s\001port=%u\001", r->host, r->port);
	} else {
		buf_printf(&out, "user=%s\001", r->user);
	}
	buf_puts(&out, "auth=Bearer ");
	buf_add(&out, r->token, r->len);
	buf_puts(&out, "\001\001");
	fits = buf_ok(&out);
	word->absent = 0;
	word->len = fits ? (uint16_t)out.len : 0;
	memcpy(word->data, buf_text(&out), word->len);
	buf_wipe(&out);
	return fits;
}

void
xoauth_last(struct msg_auth_in_token *word, enum msg_auth_out_mechanism mechanism)
{
	word->absent = 0;
	word->len = mechanism == AUTH_OUT_OAUTHBEARER ? 1 : 0;
	word->data[0] = '\001';
}

/* Of {"status":"invalid_token", ...}. For people: no JSON is parsed, what is not printable is left out. */
void
xoauth_status(char *dst, size_t size, const char *challenge, size_t len)
{
	static const char key[] = "\"status\"";
	const char *end = challenge + len, *at = len > 0 ? memmem(challenge, len, key, strlen(key)) : NULL;
	size_t n = 0;

	if (at != NULL)
		at = memchr(at + strlen(key), ':', (size_t)(end - at) - strlen(key));
	if (at != NULL)
		at = memchr(at, '"', (size_t)(end - at));
	for (at = at != NULL ? at + 1 : end; at < end && *at != '"' && n + 1 < size; at++)
		if (*at > ' ' && *at <= '~')
			dst[n++] = *at;
	dst[n] = '\0';
}
