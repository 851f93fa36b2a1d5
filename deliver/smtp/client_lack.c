/*
 * client_lack - what a message, or one of its recipients, needs and a host does not offer; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  it is no word of the host: such a refusal never takes the place of "later", whichever host came
 *           first, and rcpt_list makes it final only when every address lacks something
 * Fails by: verdicts
 */
#include <stdio.h>

#include "common/mail/idn.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp_private.h"

#define BINARY (CLIENT_CHUNKING | CLIENT_BINARYMIME)

static void
refuse_without(struct verdict *v, const char *host, const char *status, const char *what, const char *offer)
{
	verdict_set(v, VERDICT_REFUSED, status, "%s, %s does not offer %s", what, host, offer);
}

/* What the message needs, whoever its recipient is (RFC 1870, 6152, 6531, 8689; RFC 3463). */
static bool
lacks_for_mail(const struct client *c, const struct client_mail *m, struct verdict *v)
{
	const struct message_envelope *e = m->e;
	const char *host = c->set.host;

	if ((e->flags & MESSAGE_REQUIRETLS) &&
	    (c->security != CLIENT_SECURED || !(c->offered & CLIENT_REQUIRETLS)))
		refuse_without(v, host, "5.7.30", "its sender wants TLS on the whole way", "REQUIRETLS");
	else if (c->size_limit > 0 && (uint64_t)client_content_size(m) > c->size_limit)
		verdict_set(v, VERDICT_REFUSED, "5.3.4", "the message has %lld bytes, %s takes at most %llu",
		    client_content_size(m), host, (unsigned long long)c->size_limit);
	else if ((e->flags & MESSAGE_BINARY) && (c->offered & BINARY) != BINARY)
		refuse_without(v, host, "5.6.3", "the message has binary content", "BINARYMIME");
	else if (client_content_is_8bit(m) && !(e->flags & MESSAGE_BINARY) && !(c->offered & CLIENT_8BITMIME))
		refuse_without(v, host, "5.6.3", "the message has 8-bit content", "8BITMIME");
	else if (!(c->offered & CLIENT_SMTPUTF8) &&
	    (((e->flags & MESSAGE_UTF8) && !m->ascii_header) || !idn_has_ascii_form(m->sender)))
		refuse_without(v, host, "5.6.7", "the message needs SMTPUTF8", "it");
	else
		return false;
	return true;
}

bool
client_lack_note(struct client *c, const struct client_mail *m, size_t i, struct verdict *to)
{
	struct verdict v;

	if (!lacks_for_mail(c, m, &v)) {
		/* a local part that is not ASCII (RFC 6531 3.5) */
		if ((c->offered & CLIENT_SMTPUTF8) || idn_has_ascii_form(m->e->rcpt[i].address))
			return false;
		refuse_without(&v, c->set.host, "5.6.7", "the recipient's address needs SMTPUTF8", "it");
	}
	snprintf(v.host, sizeof(v.host), "%s", c->set.host);
	client_verdict_fallback(c, &v);
	if (to->what != VERDICT_LATER || to->status[0] == '\0')
		*to = v;
	return true;
}
