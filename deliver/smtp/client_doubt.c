/*
 * client_doubt - whether an extension is the reason of a failure: a host may offer what it cannot do; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  no refusal stands that an extension may have caused, as long as the message can go without it. A
 *           transaction is repeated only when the content has not been sent whole, or was refused
 * Fails by: cannot
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/idn.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp_private.h"

enum sign {
	MALFORMED,	/* "I do not know this": a syntax or protocol error, whatever it is about */
	PARAMETER,	/* another refusal in words about a parameter: hosts have no other code for it */
	TOO_LARGE,	/* though it is not larger than the host says that it takes */
	OUT_OF_STEP,	/* an answer that this command cannot have */
	ENDED,		/* cut, or silent */
	PUT_OFF,	/* any other 4yz */
	SIGN_COUNT
};

#define PARAMETERS (CLIENT_SIZE | CLIENT_8BITMIME | CLIENT_SMTPUTF8 | CLIENT_DSN | CLIENT_SUBMITTER)
#define GROUPS CLIENT_PIPELINING

/* What is waited for x how it fails -> what may be the reason, where it is in use. */
static const unsigned suspects[CLIENT_PHASE_COUNT][SIGN_COUNT] = {
	[CLIENT_RSET] = { [OUT_OF_STEP] = GROUPS, [ENDED] = GROUPS },
	[CLIENT_MAIL] = { [MALFORMED] = PARAMETERS | GROUPS, [PARAMETER] = PARAMETERS,
	    [TOO_LARGE] = CLIENT_SIZE, [OUT_OF_STEP] = GROUPS, [ENDED] = PARAMETERS | GROUPS },
	[CLIENT_RCPT] = { [MALFORMED] = CLIENT_DSN | GROUPS, [PARAMETER] = CLIENT_DSN, [OUT_OF_STEP] = GROUPS,
	    [ENDED] = CLIENT_DSN | GROUPS | CLIENT_SEVERAL },
	[CLIENT_DATA] = { [MALFORMED] = GROUPS, [OUT_OF_STEP] = GROUPS, [ENDED] = GROUPS | CLIENT_SEVERAL },
	[CLIENT_SENDING] = { [MALFORMED] = CLIENT_CHUNKING, [OUT_OF_STEP] = CLIENT_CHUNKING,
	    [ENDED] = CLIENT_CHUNKING, [PUT_OFF] = CLIENT_CHUNKING },
	[CLIENT_DOT] = { [MALFORMED] = CLIENT_CHUNKING, [OUT_OF_STEP] = CLIENT_CHUNKING,
	    [ENDED] = CLIENT_CHUNKING, [PUT_OFF] = CLIENT_CHUNKING },
};

/* A reply that names one of them is about that one. */
static const struct { const char *word; unsigned offer; } words[] = {
	{ "SIZE", CLIENT_SIZE }, { "BODY", CLIENT_8BITMIME }, { "8BITMIME", CLIENT_8BITMIME },
	{ "SMTPUTF8", CLIENT_SMTPUTF8 }, { "RET", CLIENT_DSN }, { "ENVID", CLIENT_DSN },
	{ "NOTIFY", CLIENT_DSN }, { "ORCPT", CLIENT_DSN }, { "DSN", CLIENT_DSN },
	{ "AUTH", CLIENT_SUBMITTER }, { "PIPELINING", GROUPS }, { "BDAT", CLIENT_CHUNKING },
};

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static unsigned
named_in(const char *text)
{
	unsigned named = 0;

	for (size_t i = 0; i < nitems_of(words); i++)
		for (const char *p = text; (p = strstr(p, words[i].word)) != NULL; p++)
			if ((p == text || !is_letter(p[-1])) && !is_letter(p[strlen(words[i].word)]))
				named |= words[i].offer;
	return named;
}

/* --- what is in use --- */

static bool
has_utf8_address(const struct client_mail *m)
{
	if (!idn_has_ascii_form(m->sender))
		return true;
	for (size_t i = 0; i < m->count; i++)
		if (!idn_has_ascii_form(m->e->rcpt[m->index[i]].address))
			return true;
	return false;
}

/* Without these the host could not take the message, or not all of its recipients. */
static unsigned
needed_offers(const struct client_mail *m)
{
	unsigned needed = m->e->flags & MESSAGE_BINARY ? CLIENT_CHUNKING | CLIENT_BINARYMIME : 0;

	if (((m->e->flags & MESSAGE_UTF8) && !m->ascii_header) || has_utf8_address(m))
		needed |= CLIENT_SMTPUTF8;
	return needed;
}

unsigned
client_doubt_usable(const struct client *c)
{
	unsigned offered = c->offered | CLIENT_SEVERAL;

	if (c->opening == CLIENT_AUTHENTICATED)
		offered |= CLIENT_SUBMITTER;
	return offered & ~(c->without & ~needed_offers(&c->mail));
}

static bool
has_dsn(const struct client_mail *m, enum client_phase phase)
{
	if (phase == CLIENT_MAIL)
		return m->e->ret != RET_DEFAULT || m->e->envid != NULL;
	for (size_t i = 0; i < m->count; i++)
		if (m->e->rcpt[m->index[i]].notify != 0 || m->e->rcpt[m->index[i]].orcpt != NULL)
			return true;
	return false;
}

/* Of those that may be left out: what the commands of this phase say or rest on. */
static unsigned
offers_in_use(const struct client *c, enum client_phase phase)
{
	const struct message_envelope *e = c->mail.e;
	unsigned idle = 0;

	if (!(e->flags & MESSAGE_8BIT) || (e->flags & MESSAGE_BINARY))
		idle |= CLIENT_8BITMIME;
	if (!(e->flags & MESSAGE_UTF8))
		idle |= CLIENT_SMTPUTF8;
	if (!has_dsn(&c->mail, phase))
		idle |= CLIENT_DSN;
	if (e->auth == NULL)
		idle |= CLIENT_SUBMITTER;
	if (c->body != CLIENT_BY_BDAT)
		idle |= CLIENT_CHUNKING;
	if (c->mail.count < 2 || c->answered < 3)	/* the first recipient was answered */
		idle |= CLIENT_SEVERAL;
	return c->used & ~idle & ~needed_offers(&c->mail);
}

/* --- how it fails --- */

static bool
is_about(const struct verdict *v, const char *what)
{
	return strncmp(v->status + 1, what, strlen(what)) == 0;
}

/* Without a status that says what it is about, in the words of a refused parameter. */
static bool
is_about_parameter(const struct client *c, const struct verdict *v)
{
	static const char *const said[] = { "parameter", "syntax", "option", "malformed", "argument",
	    "extension", "not implemented", "not supported", "unsupported" };
	size_t i = 0;

	while (i < nitems_of(said) && strcasestr(c->response->text, said[i]) == NULL)
		i++;
	return (v->code == 550 || v->code == 553) && is_about(v, ".0.0") &&
	    (i < nitems_of(said) || named_in(c->response->text) != 0);
}

static enum sign
sign_of(const struct client *c, const struct verdict *v, enum client_phase phase)
{
	int code = c->response->code;
	bool too_large = code == 552 && c->size_limit > 0 && !is_about(v, ".2.");

	if (is_about(v, ".7."))
		return code < 500 ? PUT_OFF : SIGN_COUNT;
	if ((code >= 500 && code <= 504) || code == 555 || (is_about(v, ".5.") && !is_about(v, ".5.3")))
		return MALFORMED;
	if (is_about_parameter(c, v))
		return PARAMETER;
	if (phase == CLIENT_MAIL && (too_large || code == 554))
		return too_large ? TOO_LARGE : is_about(v, ".0.0") ? MALFORMED : SIGN_COUNT;
	return code < 500 ? PUT_OFF : SIGN_COUNT;
}

bool
client_doubt_reply(struct client *c)
{
	unsigned doubted, named = named_in(c->response->text);
	struct verdict v;
	enum sign sign;

	if (c->response->code < 400)
		return false;
	verdict_from_reply(&v, c->response->code, c->response->text, NULL);
	sign = sign_of(c, &v, c->phase);
	doubted = sign == SIGN_COUNT ? 0 : suspects[c->phase][sign] & offers_in_use(c, c->phase);
	if (doubted == 0)
		return false;
	c->doubted = (doubted & named) != 0 ? doubted & named : doubted;
	c->doubt_is_sure = sign != PUT_OFF;
	return sign != PUT_OFF;
}

void
client_doubt_end(struct client *c, enum client_phase phase, bool out_of_step)
{
	unsigned doubted;

	if (c->fate == CLIENT_AGAIN || (phase != CLIENT_DOT && c->fate != CLIENT_LOST))
		return;
	doubted = suspects[phase][out_of_step ? OUT_OF_STEP : ENDED] & offers_in_use(c, phase);
	if (doubted == 0)
		return;
	c->doubted = doubted;
	/* the content is not sent again at once; the next attempt sends it in the other way */
	c->doubt_is_sure = out_of_step || phase == CLIENT_SENDING || phase == CLIENT_DOT;
	if (phase != CLIENT_SENDING && phase != CLIENT_DOT)
		c->fate = CLIENT_AGAIN;
}

void
client_doubt_goodbye(struct client *c, enum client_phase phase, const struct verdict *v)
{
	bool protocol = is_about(v, ".5.") && !is_about(v, ".5.3");

	if (c->transaction == CLIENT_ENDED && (protocol || named_in(v->text) != 0))
		client_doubt_end(c, phase, false);
}
