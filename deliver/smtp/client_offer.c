/*
 * client_offer - the extensions that a host offers in its answer to EHLO; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client
 * Promise:  an extension that is not in the table is not used
 * Fails by: cannot
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/smtp/smtp.h"

static const struct { const char *keyword; enum client_offer offer; } offers[] = {
	{ "PIPELINING", CLIENT_PIPELINING }, { "SIZE", CLIENT_SIZE }, { "8BITMIME", CLIENT_8BITMIME },
	{ "SMTPUTF8", CLIENT_SMTPUTF8 }, { "ENHANCEDSTATUSCODES", CLIENT_STATUSCODES },
	{ "CHUNKING", CLIENT_CHUNKING }, { "DSN", CLIENT_DSN }, { "STARTTLS", CLIENT_OFFERS_TLS },
	{ "BINARYMIME", CLIENT_BINARYMIME },
};

/* A line of the answer, without its code: a keyword, perhaps with parameters (RFC 5321 4.1.1.1). */
void
client_offer_note(struct client *c, const char *line)
{
	size_t len = strcspn(line, " =");

	for (size_t i = 0; i < nitems_of(offers); i++) {
		if (strlen(offers[i].keyword) != len || strncasecmp(line, offers[i].keyword, len) != 0)
			continue;
		c->offered |= offers[i].offer;
		if (offers[i].offer == CLIENT_SIZE && line[len] == ' ')
			c->size_limit = strtoull(line + len + 1, NULL, 10);
	}
}
