/* hosts - which addresses a destination has, and what TLS they have to show; one block a file */
#ifndef DELIVER_HOSTS_HOSTS_H
#define DELIVER_HOSTS_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"
#include "common/ipc/msg_dns.h"
#include "common/mail/verdict.h"
#include "deliver/smtp/smtp.h"

struct config_server;
struct destination;
struct msg_dns_answer;
struct mx_walk;
struct net_address;
struct site_lockout;
struct tls_record;
struct tls_wish;
struct tlsa;

/* --- tlsa: which TLSA records a host has (RFC 7672 2.2). Pure --- */
#define TLSA_RECORDS_MAX 16

/* Validated records of usage 2 and 3; none: there are others alone, so TLS is required and proves nothing. */
struct tlsa_set {
	/* The name they stand below: SNI, and the first name in the certificate */
	char base[DNS_NAME_SIZE];
	size_t count, size;		/* size: of `data` */
	struct tlsa_rdata { uint32_t at; uint16_t len; } record[TLSA_RECORDS_MAX];	/* where in `data` */
	uint8_t data[];
};

/* `canonical`: where the aliases of `host` lead; `secure`: its addresses are validated. */
struct tlsa *tlsa_new(const char *host, const char *canonical, uint16_t port, bool secure);
void tlsa_free(struct tlsa *t);		/* NULL is fine */
/* The next question; tlsa_answer comes before the one after it. False: none now. */
bool tlsa_ask(struct tlsa *t, uint16_t *type, const char **name);
void tlsa_answer(struct tlsa *t, const struct msg_dns_answer *a);
bool tlsa_is_over(const struct tlsa *t);
const struct tlsa_set *tlsa_found(const struct tlsa *t);	/* NULL: none */
const char *tlsa_trouble(const struct tlsa *t);		/* why the host must not be used now; NULL: it may */
struct tlsa_set *tlsa_set_copy(const struct tlsa_set *set);	/* of NULL: NULL */

/* --- mx: from a destination to the ordered addresses to be tried. Pure: questions out, answers in --- */
#define MX_HOSTS_MAX 20
#define MX_ADDRESSES_MAX 30

struct mx_address {
	struct net_address to;
	unsigned rank;			/* lower first; equal ranks are one's free choice */
	char *host;			/* owned: "mx1.example.com", "[192.0.2.1]" */
	bool literal;
	/* Host is what the mail is meant for: configured, or named by a validated MX answer */
	bool sure;
	struct tlsa_set *tlsa;		/* owned; NULL: there are none, or they were not asked for */
	/* owned: why it must not be used: its TLSA records cannot be had; NULL */
	char *refused;
	/* For site: outbound-tls = may, and TLS failed: clear text till then */
	uint64_t plain_until;
	uint64_t bad_until;		/* for site: clock_mono_ms() till which it is tried last */
	uint64_t quiet_until;		/* for site: no trouble event before */
	struct site_lockout *hold;		/* for site: owned; it does not want our account */
};

struct mx_list {
	struct mx_address *address; size_t count;	/* owned; at most MX_ADDRESSES_MAX */
	uint32_t ttl;			/* seconds */
	struct verdict verdict;		/* when count is 0: why */
};

struct mx_settings {
	const char *fqdn;			/* our name */
	const struct net_address *self; size_t nself;	/* addresses and ports that lead back to us */
	uint32_t (*chance)(uint32_t below);	/* as arc4random_uniform(3) */
};

struct mx_question { uint16_t type; const char *name; unsigned tag; };

/* `d` and `set` must outlive the walk. */
struct mx_walk *mx_walk_new(const struct destination *d, const struct mx_settings *set);
void mx_walk_free(struct mx_walk *w);
/* The next question to be asked, without waiting for earlier answers; false: none now. */
bool mx_walk_ask(struct mx_walk *w, struct mx_question *q);
void mx_walk_answer(struct mx_walk *w, unsigned tag, const struct msg_dns_answer *a);
/* Once all questions were answered: fills `list` (freed by mx_list_done); false before. */
bool mx_walk_end(struct mx_walk *w, struct mx_list *list);
void mx_list_done(struct mx_list *list);

/*
 * --- tls_policy: what a host has to show before it gets mail: from the destination's security and what the
 * DNS says. Pure ---
 */
enum client_tls tls_policy_tls(const struct destination *d, const struct mx_address *a);
/*
 * For the handshake with `host`; `record` has room for all of the set's, and outlives the wish as the strings
 * do.
 */
struct tls_policy_host { const char *name; bool literal, sure; const struct tlsa_set *tlsa; };
void tls_policy_wish(const struct destination *d, const struct tls_policy_host *host, struct tls_wish *wish,
    struct tls_record *record);
/* "mx.example.com or example.com": the names of a wish, for people. */
void tls_policy_names(const struct tls_wish *wish, char *dst, size_t size);

/* --- own_address: which addresses and ports lead back to this virtual server --- */
/* An array to be freed; `*count` of them: the listen addresses, wildcards as every address of this host. */
struct net_address *own_address_addresses(const struct config_server *s, size_t *count);

#endif
