/* msg_policy - MTA-STS policies between deliver and the fetch helper, in the CTL_POLICY_ messages */
#ifndef COMMON_MSG_MSG_POLICY_H
#define COMMON_MSG_MSG_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/msg/msg_dns.h"

#define POLICY_ID_SIZE 33		/* of the TXT record (RFC 8461 3.1) */
#define POLICY_ADDRESSES_MAX 8
#define POLICY_MX_MAX 16384		/* bytes of all patterns */
#define POLICY_TEXT_SIZE 256

struct msg_policy_address { uint8_t bytes[16]; uint8_t six; };

struct msg_policy_ask {		/* payload of CTL_POLICY_ASK */
	char domain[DNS_NAME_SIZE];	/* A-labels */
	char id[POLICY_ID_SIZE];	/* of its TXT record; "": it has none, or the DNS gave no answer */
	uint8_t addresses;		/* of its policy host; 0: not known, or none that may be used */
	struct msg_policy_address address[POLICY_ADDRESSES_MAX];
};

enum msg_policy_mode { POLICY_NONE, POLICY_TESTING, POLICY_ENFORCE };
/* Of the latest try to fetch it: its host gave none, gave nonsense, did not prove its name. */
enum msg_policy_failure { POLICY_FINE, POLICY_UNFETCHED, POLICY_NONSENSE, POLICY_UNPROVEN, POLICY_FAILURES };

/* Payload of CTL_POLICY_ANSWER; only the used part of `mx` is sent. */
struct msg_policy_answer {
	uint32_t ttl;			/* seconds, until it is to be asked again */
	uint16_t len;
	uint8_t mode;			/* enum msg_policy_mode; NONE also where there is no policy */
	uint8_t failure;		/* enum msg_policy_failure; then `text` says why */
	uint32_t max_age;		/* of the policy, seconds */
	char text[POLICY_TEXT_SIZE];	/* why none could be fetched; "": nothing went wrong */
	char mx[POLICY_MX_MAX];		/* patterns, a blank between two: "mx1.example.com *.example.net" */
};

size_t msg_policy_answer_size(const struct msg_policy_answer *a);
/* No policy is known, and what failed was on this host, as a file of authorities that is missing. */
bool msg_policy_answer_is_ours(const struct msg_policy_answer *a);
/*
 * Copies a received payload; false when sizes or strings are wrong. A domain and an id have no character that
 * could mean anything in a URL or in the name of a file.
 */
bool msg_policy_ask_take(struct msg_policy_ask *a, const void *data, size_t len);
bool msg_policy_answer_take(struct msg_policy_answer *a, const void *data, size_t len);

#endif
