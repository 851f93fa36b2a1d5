/*
 * client_heard - a refusal after which another way is tried in the same connection; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  when that connection ends before anything else is heard, the refusal counts, with its words: a
 *           host that refuses us and hangs up has said why
 * Fails by: cannot
 */
#include <string.h>

#include "deliver/smtp/smtp_private.h"

/* About the command, not us (RFC 5321 4.2.1) */
#define IS_SYNTAX(code) ((code) >= 500 && (code) <= 504)

/*
 * The answer to EHLO, before HELO is tried. 500 to 504 mean the command: a host that hangs up after them has
 * judged neither us nor the mail.
 */
void
client_heard_ehlo(struct client *c)
{
	struct verdict v;

	verdict_from_reply(&v, c->response->code, c->response->text, c->set.host);
	if (IS_SYNTAX(v.code)) {
		v.what = VERDICT_LATER;
		v.status[0] = '4';
	}
	c->heard = v;
}

void
client_heard_forget(struct client *c)
{
	c->heard = (struct verdict){ .status = "" };
}

/* The answer to HELO is a refusal, too: the one to EHLO may say more than "what?". */
bool
client_heard_says_more(const struct client *c)
{
	return c->heard.what == VERDICT_REFUSED && IS_SYNTAX(c->response->code);
}
