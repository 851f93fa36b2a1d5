/*
 * plea - a host asks for the mail that is held for it: the question of a listener to the deliver worker of its virtual server,
 * and the answer. Sent as they are, on a channel of the two
 */
#ifndef COMMON_PROCESS_PLEA_H
#define COMMON_PROCESS_PLEA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"

#define PLEA_NAME_SIZE 256
#define PLEA_DOMAINS_MAX 4096

struct plea {			/* payload of CTL_PLEA */
	uint16_t turn;		/* it is to come down the asker's own connection (ATRN, TURN) */
	uint16_t port;		/* the asker's, as `client`: for logs */
	char client[NET_TEXT_SIZE];
	char account[PLEA_NAME_SIZE];	/* only domains that it may fetch; "" any */
	uint16_t len;
	char domains[PLEA_DOMAINS_MAX];	/* each ended by NUL: "example.com", "*.example.com" all below; none: all of the account's */
};

enum plea_result {
	PLEA_STARTED,		/* a turn: a descriptor comes with it, which speaks SMTP as a client */
	PLEA_NOTHING,		/* no mail is held */
	PLEA_LATER,		/* cannot be done now */
};
struct plea_answer {		/* payload of CTL_PLEA_ANSWER */
	uint32_t result;	/* enum plea_result */
	uint32_t more;		/* some were on their way already */
	uint64_t messages;	/* that are tried now */
};

size_t plea_size(const struct plea *d);	/* bytes that have to be sent */
/* Copies a received payload; false when sizes or strings are off. */
bool plea_take(struct plea *d, const void *data, size_t len);
/* A domain of `len` bytes; `below`: all below it. False: no room. */
bool plea_add(struct plea *d, const char *domain, size_t len, bool below);
/* The domain at `*at` (0 at first), which moves on; NULL: no further. */
const char *plea_next(const struct plea *d, size_t *at);

#endif
