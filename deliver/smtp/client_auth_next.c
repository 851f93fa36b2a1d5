/*
 * client_auth_next - which mechanism is tried: the first one, and the next one after a refusal; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  a mechanism that the settings leave out is never tried, nor one that shows the secret where they
 *           do not allow that. No mechanism is tried again after a refusal. A secret that the host has judged
 *           is not shown again in another form
 * Fails by: no mechanism
 */
#include <string.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp_private.h"

#define SCRAMS (AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS) | AUTH_OUT_BIT(AUTH_OUT_SCRAM))
#define PASSWORDS (AUTH_OUT_BIT(AUTH_OUT_PLAIN) | AUTH_OUT_BIT(AUTH_OUT_LOGIN))

/*
 * What a refusal says (RFC 4954 4 and 6; RFC 5248). A code that is not here is about us or the host, and no
 * mechanism would do.
 *
 *                     another mechanism that proves
 *                     the same      something else    nothing is left
 *   ABOUT_MECHANISM   is tried      is tried          later; 5yz: lockout
 *   ABOUT_SECRET      is not tried  is tried          lockout
 *   others            is not tried  is not tried      later; 5yz: lockout
 */
static const struct { int code; enum client_auth_about about; } refusals[] = {
	{ 432, CLIENT_ABOUT_MECHANISM },	/* the password has no form for it yet (4.7.12) */
	{ 500, CLIENT_ABOUT_MECHANISM },	/* the command is unknown, or the line too long */
	{ 501, CLIENT_ABOUT_MECHANISM },	/* a word is not understood */
	{ 502, CLIENT_ABOUT_MECHANISM },
	{ 503, CLIENT_ABOUT_MECHANISM },
	{ 504, CLIENT_ABOUT_MECHANISM },	/* the mechanism is unknown, although it was offered */
	{ 523, CLIENT_ABOUT_MECHANISM },	/* it needs TLS */
	{ 534, CLIENT_ABOUT_MECHANISM },	/* it is too weak */
	{ 535, CLIENT_ABOUT_SECRET },
	{ 538, CLIENT_ABOUT_MECHANISM },	/* it needs TLS: the code of old hosts */
};

enum client_auth_about
client_auth_next_about(int code)
{
	for (size_t i = 0; i < nitems_of(refusals); i++)
		if (refusals[i].code == code)
			return refusals[i].about;
	return CLIENT_ABOUT_US;
}

/*
 * Another token may do. Exchange refuses one in the last ten minutes of its life with "501 5.5.127 Invalid
 * XOAUTH2 auth data - Token will expire soon", and takes the next one.
 */
bool
client_auth_next_doubts_token(int code)
{
	return code == 535 || code == 501;
}

/*
 * The mechanisms that prove the same to the host as this one. Many hosts keep passwords in a form that SCRAM
 * cannot use, and refuse it with 535 although the password is right. A 535 that does not say 5.7.8 (invalid
 * credentials) may mean the mechanism, too, as of hosts that offer PLAIN and know LOGIN only.
 */
static unsigned
same_proof(enum msg_auth_out_mechanism mechanism, const char *text)
{
	static const unsigned sets[] = { SCRAMS, AUTH_OUT_TOKENS, PASSWORDS };
	unsigned this = AUTH_OUT_BIT(mechanism);

	for (size_t i = 0; i < nitems_of(sets); i++)
		if ((sets[i] & this) != 0 && (sets[i] != PASSWORDS || strstr(text, "5.7.8") != NULL))
			return sets[i];
	return this;
}

unsigned
client_auth_next_useless(const struct client *c)
{
	switch (client_auth_next_about(c->response->code)) {
	case CLIENT_ABOUT_MECHANISM:
		return AUTH_OUT_BIT(c->auth->mechanism);
	case CLIENT_ABOUT_SECRET:
		return same_proof(c->auth->mechanism, c->response->text);
	default:
		return ~0U;
	}
}

/* What both sides have and the host has not refused. */
unsigned
client_auth_next_shared(const struct client *c)
{
	return c->set.mechanisms & c->auth->offered & ~c->auth->refused;
}

unsigned
client_auth_next_usable(const struct client *c)
{
	unsigned usable = client_auth_next_shared(c);

	if (c->security != CLIENT_SECURED)
		usable &= (~AUTH_OUT_BARE | c->set.clear) & ~AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS);
	return usable;
}

bool
client_auth_next_choose(const struct client *c, enum msg_auth_out_mechanism *mechanism)
{
	unsigned usable = client_auth_next_usable(c);

	if ((usable & ~c->set.useless) != 0)
		usable &= ~c->set.useless;
	if (usable == 0)
		return false;
	*mechanism = (enum msg_auth_out_mechanism)__builtin_ctz(usable);	/* in order of strength */
	return true;
}
