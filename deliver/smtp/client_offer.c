/*
 * client_offer - the extensions that a host offers in its answer to EHLO; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  an extension that is not in the table is not used
 * Fails by: cannot
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp.h"

static const struct { const char *keyword; enum client_offer offer; } offers[] = {
	{ "PIPELINING", CLIENT_PIPELINING }, { "SIZE", CLIENT_SIZE }, { "8BITMIME", CLIENT_8BITMIME },
	{ "SMTPUTF8", CLIENT_SMTPUTF8 }, { "ENHANCEDSTATUSCODES", CLIENT_STATUSCODES },
	{ "CHUNKING", CLIENT_CHUNKING }, { "DSN", CLIENT_DSN }, { "STARTTLS", CLIENT_OFFERS_TLS },
	{ "BINARYMIME", CLIENT_BINARYMIME }, { "REQUIRETLS", CLIENT_REQUIRETLS },
	/* no host offers these two by such a name */
	{ "MAIL-AUTH", CLIENT_SUBMITTER }, { "SEVERAL-RECIPIENTS", CLIENT_SEVERAL },
};

void
client_offer_names(unsigned offered, char *dst, size_t size)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < nitems_of(offers) && used < size; i++)
		if (offered & offers[i].offer)
			used += (size_t)snprintf(dst + used, size - used, "%s%s", used > 0 ? "," : "",
			    offers[i].keyword);
}

/* Bytes; 0, no limit: also for what is no number ("10M"), as a wrong limit would return all mail. */
static uint64_t
parse_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return text[digits] == '\0' || text[digits] == ' ' ? strtoull(text, NULL, 10) : 0;
}

/* A line of the answer, without its code: a keyword, perhaps with parameters (RFC 5321 4.1.1.1). */
void
client_offer_note(struct client *c, const char *line)
{
	size_t len = strcspn(line, " =");

	for (size_t i = 0; i < nitems_of(offers); i++) {
		if (strlen(offers[i].keyword) != len || strncasecmp(line, offers[i].keyword, len) != 0 ||
		    (c->set.unheard & offers[i].offer) != 0)
			continue;
		c->offered |= offers[i].offer;
		if (offers[i].offer == CLIENT_SIZE && line[len] == ' ')
			c->size_limit = parse_size(line + len + 1);
	}
}
