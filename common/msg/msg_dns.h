/* msg_dns - questions to the resolver helper and its answers, in CTL_DNS_ASK and CTL_DNS_ANSWER */
#ifndef COMMON_MSG_MSG_DNS_H
#define COMMON_MSG_MSG_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_SIZE 256
/* Bytes of a record: a name, or data as most TXT and TLSA records have it; longer data takes several */
#define DNS_DATA_SIZE 496
#define DNS_PIECES_MAX 16	/* at most: TLSA with a whole certificate, TXT with a key of 4096 bits */
#define DNS_LONG_MAX (DNS_PIECES_MAX * (DNS_DATA_SIZE - 1U))
#define DNS_RECORDS_MAX 64

enum msg_dns_type { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28,
    DNS_TLSA = 52 };

enum msg_dns_result {
	DNS_FOUND,	/* records follow */
	DNS_NO_DATA,	/* the name exists, without records of this type */
	DNS_NO_NAME,	/* NXDOMAIN */
	DNS_TROUBLE,	/* time-out, SERVFAIL, bogus signature: try later; `text` says which */
};

struct msg_dns_query {		/* payload of CTL_DNS_ASK */
	uint16_t type;
	char name[DNS_NAME_SIZE];	/* ASCII (A-labels), no trailing dot needed */
};

struct msg_dns_record {
	/* MX; TLSA and TXT: how many of the next records continue the data of this one */
	uint16_t preference;
	uint16_t len;		/* A, AAAA, TLSA, TXT: bytes used; names: strlen */
	/*
	 * address bytes; or a name as text without trailing dot ("" is the root: null MX); or TLSA data, only
	 * its first byte when there is no room; or the strings of a TXT record as one (RFC 7208 3.3), which
	 * is left out when there is no room
	 */
	uint8_t data[DNS_DATA_SIZE];
};

struct msg_dns_answer {		/* payload of CTL_DNS_ANSWER: fixed part, then `count` records */
	uint8_t result;		/* enum msg_dns_result */
	uint8_t secure;		/* DNSSEC validated */
	uint8_t bogus;		/* validation failed (result is DNS_TROUBLE) */
	uint8_t count;
	uint32_t ttl;		/* seconds */
	char canonical[DNS_NAME_SIZE];	/* the owner after CNAMEs */
	char text[128];		/* on DNS_TROUBLE: the reason in words */
	struct msg_dns_record record[DNS_RECORDS_MAX];
};

/* Bytes of an answer with its records. */
size_t msg_dns_answer_size(const struct msg_dns_answer *a);
/*
 * The data of record `*at` (below count), its pieces joined, at most DNS_LONG_MAX bytes; `*at` moves to the
 * next one.
 */
size_t msg_dns_answer_long(const struct msg_dns_answer *a, size_t *at, uint8_t *dst);
/* Copies a received payload; false when sizes or strings are wrong. */
bool msg_dns_query_take(struct msg_dns_query *q, const void *data, size_t len);
bool msg_dns_answer_take(struct msg_dns_answer *a, const void *data, size_t len);

#endif
