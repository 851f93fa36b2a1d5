/*
 * client_verdict - the present reply as a verdict, and what our own fallback makes of it; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  a refusal is not final when we have fallen back: to clear text where TLS might have been, to HELO
 * Fails by: cannot
 */
#include <string.h>

#include "deliver/smtp/smtp_private.h"

int
client_verdict_class(const struct client *c)
{
	return c->response->code / 100;
}

/* The codes and the status of RFC 4954 and 3463 for want of encryption, or the word. */
static bool
wants_tls(const struct verdict *v)
{
	return v->code == 523 || v->code == 530 || v->code == 538 || strcmp(v->status + 1, ".7.10") == 0 ||
	    strcmp(v->status + 1, ".7.11") == 0 || strstr(v->text, "TLS") != NULL;
}

void
client_verdict_fallback(struct client *c, struct verdict *v)
{
	bool wanted = wants_tls(v);

	if (v->what != VERDICT_REFUSED ||
	    !(c->set.tls_given_up || (c->helo_instead && wanted) || (c->offers_unknown && v->code == 0)))
		return;
	v->what = VERDICT_LATER;
	v->status[0] = '4';
	if (c->clear != CLIENT_CLEAR_WANTS_TLS)
		c->clear = wanted ? CLIENT_CLEAR_WANTS_TLS : CLIENT_CLEAR_REFUSED;
}

struct verdict
client_verdict_last(struct client *c)
{
	struct verdict v;

	verdict_from_reply(&v, c->response->code, c->response->text, c->set.host);
	client_verdict_fallback(c, &v);
	return v;
}

void
client_verdict_all(struct client *c, const struct verdict *v, bool only_accepted)
{
	for (size_t i = 0; i < c->mail.count; i++)
		if (!only_accepted || c->mail.verdict[i].what == VERDICT_ACCEPTED)
			c->mail.verdict[i] = *v;
}
