/*
 * msg_etrn - a host asks for its backlog, or brings its queue: the question of a listener to the deliver
 * worker of its virtual server, and the answer
 */
#ifndef COMMON_MSG_MSG_ETRN_H
#define COMMON_MSG_MSG_ETRN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"

#define MSG_ETRN_NAME_SIZE 256
#define MSG_ETRN_DOMAINS_MAX 4096

enum msg_etrn_way {
	MSG_ETRN_SEND,		/* its hosts get the mail */
	MSG_ETRN_TURN,		/* the mail is to come down the connection that asks (ATRN, TURN) */
	/* The client is another node, and brings messages: a descriptor comes for that, too */
	MSG_ETRN_EVACUATE,
	MSG_ETRN_WAYS
};

struct msg_etrn {			/* payload of CTL_ETRN */
	uint16_t turn;		/* enum msg_etrn_way */
	uint16_t port;		/* port of the client, beside `client`: for logs */
	char client[NET_TEXT_SIZE];
	char account[MSG_ETRN_NAME_SIZE];	/* only domains that this account may fetch; "" any */
	uint16_t len;
	/* Each ended by NUL: "example.com"; "*.example.com": all below it. None: all those of the account */
	char domains[MSG_ETRN_DOMAINS_MAX];
};

enum msg_etrn_result {
	/* MSG_ETRN_TURN: a descriptor comes with it, which speaks SMTP as a client */
	MSG_ETRN_STARTED,
	MSG_ETRN_NOTHING,		/* the backlog is empty */
	MSG_ETRN_LATER,		/* cannot be done now */
};
struct msg_etrn_answer {		/* payload of CTL_ETRN_ANSWER */
	uint32_t result;	/* enum msg_etrn_result */
	uint32_t more;		/* some messages were on their way already */
	uint64_t messages;	/* how many are tried now */
};

size_t msg_etrn_size(const struct msg_etrn *d);	/* bytes to be sent */
/* Copies a received payload; false when sizes or strings are wrong. */
bool msg_etrn_take(struct msg_etrn *d, const void *data, size_t len);
/* Adds a domain of `len` bytes; `below`: all domains below it. False: no room. */
bool msg_etrn_add(struct msg_etrn *d, const char *domain, size_t len, bool below);
/* The domain at `*at` (0 at first), which moves on; NULL: no more. */
const char *msg_etrn_next(const struct msg_etrn *d, size_t *at);

#endif
