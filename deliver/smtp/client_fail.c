/*
 * client_fail - the end of a connection that has failed, and of the transaction on it; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  verdicts that are final are kept. When all of the content has left the host may have the message:
 *           it is not repeated at once, any other transaction may be. A refusal that was heard before (see
 *           client_heard) is the reason of the failure
 * Fails by: cannot
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "deliver/smtp/smtp_private.h"

/*
 * The connection ended with `v` in this phase. What the host has said of a recipient stands: it is not
 * accepted and not unheard.
 */
static void
set_unheard(struct client *c, const struct verdict *v, enum client_phase phase)
{
	bool all = phase == CLIENT_DOT || phase == CLIENT_SENDING;
	size_t heard = phase == CLIENT_RCPT || phase == CLIENT_DATA ? c->answered - 2 : 0;

	for (size_t i = 0; i < c->mail.count; i++) {
		struct verdict *to = &c->mail.verdict[i];

		if (to->what == VERDICT_ACCEPTED || (!all && (i >= heard || to->code == 0)))
			*to = *v;
	}
}

/*
 * A transaction whose verdicts are final keeps them. When all of the content has left the host may have the
 * message: it must not be repeated at once. Any other transaction may be.
 */
void
client_fail(struct client *c, const struct verdict *v, bool glitch)
{
	enum client_phase phase = c->phase;
	enum client_transaction before = c->transaction;

	c->phase = CLIENT_OVER;
	c->failure = *v;
	c->glitch = glitch;
	if (before != CLIENT_RUNNING && before != CLIENT_SETTLED)
		return;
	c->transaction = CLIENT_ENDED;
	if (before == CLIENT_SETTLED)
		return;
	/* the end of the content, by which the host would know it, has not left */
	if (phase == CLIENT_DOT && c->out.len > 0)
		phase = CLIENT_SENDING;
	set_unheard(c, v, phase);
	c->fate = phase == CLIENT_DOT ? CLIENT_FINAL : CLIENT_LOST;
}

/* A refusal of AUTH counts, although a try that followed it may have ended otherwise. */
static void
end_auth(struct client *c)
{
	struct client_auth *a = c->auth;

	a->mechanism = a->heard_mechanism;
	if (c->heard.code / 100 == 5)
		c->opening = CLIENT_DENIED;
}

bool
client_fail_heard(struct client *c)
{
	bool auth = c->auth != NULL && c->auth->tried != 0;
	struct verdict v = c->heard;

	if (v.status[0] == '\0')
		return false;
	if (auth)
		end_auth(c);
	else
		client_verdict_fallback(c, &v);
	client_fail(c, &v, !auth && c->heard.what == VERDICT_LATER);
	return true;
}

void
client_fail_with(struct client *c, const char *status, const char *fmt, ...)
{
	struct verdict v;
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (client_fail_heard(c))
		return;
	verdict_set(&v, VERDICT_LATER, status, "%s", text);
	snprintf(v.host, sizeof(v.host), "%s", c->set.host);
	/* A host that refuses our side of a handshake may close after it. */
	if (client_phase_is_securing(c))
		c->security = CLIENT_TLS_CUT;
	client_fail(c, &v, strncmp(status, "4.7", 3) != 0);
}

void
client_fail_protocol(struct client *c)
{
	bool secured = c->security == CLIENT_SECURED, securing = client_phase_is_securing(c);
	enum client_phase phase = c->phase;

	client_fail_with(c, "4.5.0", "%s does not speak SMTP: unexpected reply instead of %s", c->set.host,
	    client_phase_name(phase));
	if (c->transaction == CLIENT_ENDED)
		client_doubt_end(c, phase, true);
	/* out of step: what was heard of one recipient may have been about another */
	if (c->transaction == CLIENT_ENDED && (c->fate == CLIENT_AGAIN || c->fate == CLIENT_LOST))
		client_verdict_all(c, &c->failure, false);
	if (securing)
		c->security = secured ? CLIENT_SECURED : CLIENT_TLS_BROKEN;
}

void
client_fail_overflow(struct client *c)
{
	if (!buf_ok(&c->out))
		client_fail_with(c, "4.3.0", "more to send to %s than there is room for", c->set.host);
}
