/*
 * client_open - the dialogue before the first transaction: greeting, EHLO or HELO, STARTTLS; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  HELO is tried when EHLO is refused. Where TLS is required the dialogue does not open without it
 * Fails by: the verdict of the connection
 */
#include <string.h>
#include <strings.h>

#include "deliver/smtp/smtp_private.h"

/* The host takes no mail from us. Another may: the caller makes 5xx final only when all hosts said so. */
void
client_open_refused(struct client *c)
{
	struct verdict v = client_verdict_last(c);

	if (!client_heard_says_more(c) || !client_fail_heard(c))
		client_fail(c, &v, client_verdict_class(c) == 4);
}

void
client_open_hello(struct client *c, enum client_phase phase)
{
	buf_printf(&c->out, "%s %s\r\n", phase == CLIENT_EHLO ? "EHLO" : "HELO", c->set.fqdn);
	c->phase = phase;
}

void
client_open_greeting(struct client *c)
{
	client_open_hello(c, c->set.helo ? CLIENT_HELO : CLIENT_EHLO);
}

void
client_open_offer(struct client *c, const char *line)
{
	if (strcspn(line, " =") == 4 && strncasecmp(line, "AUTH", 4) == 0)
		client_auth_offer(c, line);
	else
		client_offer_note(c, line);
}

/*
 * EHLO or HELO went well: TLS where it is required, AUTH where it is wanted, then mail. `lack`: why there is
 * no TLS.
 */
static void
open_dialogue(struct client *c, const char *lack)
{
	if (c->set.tls == CLIENT_TLS_MUST && c->security != CLIENT_SECURED) {
		client_fail_with(c, "4.7.4", "TLS is required for this mail, but %s %s", c->set.host, lack);
		return;
	}
	if (c->auth != NULL) {
		client_auth_begin(c);
		return;
	}
	c->opening = CLIENT_OPEN;
	c->phase = CLIENT_BETWEEN;
}

void
client_open_ehlo(struct client *c)
{
	if (c->set.tls != CLIENT_TLS_OFF && c->security != CLIENT_SECURED &&
	    (c->offered & CLIENT_OFFERS_TLS)) {
		buf_puts(&c->out, "STARTTLS\r\n");
		c->phase = CLIENT_STARTTLS;
	} else
		open_dialogue(c, "does not offer STARTTLS");
}

void
client_open_ehlo_refused(struct client *c)
{
	c->offered = 0;
	c->helo_instead = c->set.tls != CLIENT_TLS_OFF && c->security != CLIENT_SECURED;
	c->offers_unknown = client_verdict_class(c) != 5;
	client_heard_ehlo(c);
	client_open_hello(c, CLIENT_HELO);
}

void
client_open_helo(struct client *c)
{
	client_heard_forget(c);
	open_dialogue(c, "is greeted with HELO, which knows no STARTTLS");
}

void
client_open_starttls(struct client *c)
{
	if (c->response->code != 220)
		client_fail_protocol(c);
	else
		c->phase = CLIENT_SHAKE;
}

void
client_open_starttls_refused(struct client *c)
{
	client_fail_with(c, "4.7.4", "%s refused STARTTLS: %d %.200s", c->set.host, c->response->code,
	    c->response->text);
	c->security = client_verdict_class(c) == 4 ? CLIENT_TLS_CUT : CLIENT_TLS_BROKEN;
	c->glitch = client_verdict_class(c) == 4;
}
