/* hosts - which addresses a destination has, and what TLS they have to show; one block a file */
#ifndef DELIVER_HOSTS_HOSTS_H
#define DELIVER_HOSTS_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/net.h"
#include "common/mail/verdict.h"
#include "common/msg/msg_dns.h"
#include "common/msg/msg_policy.h"
#include "deliver/smtp/smtp.h"
#include "deliver/tls_report/tls_report.h"

struct config;
struct config_nets;
struct config_server;
struct destination;
struct mta_sts;
struct mx_lookup;
struct tls_record;
struct tls_wish;
struct tlsa;

#define HOSTS_NAME_MAX 253	/* characters of a name, without its last dot (RFC 1035 2.3.4) */

/* --- tlsa: the TLSA records of a host (RFC 7672 2.2). Pure --- */
#define TLSA_RECORDS_MAX 16

/*
 * Validated records of usage 2 and 3. An empty set: the host has records of other usages only, so TLS is
 * required and proves nothing.
 */
struct tlsa_set {
	/* The name that they belong to: for SNI, and the first name that the certificate may have */
	char base[DNS_NAME_SIZE];
	size_t count, size;		/* size: of `data` */
	struct tlsa_rdata { uint32_t at; uint16_t len; } record[TLSA_RECORDS_MAX];	/* where in `data` */
	uint8_t data[];
};

/* `canonical`: the name at the end of the aliases of `host`; `secure`: its addresses are validated. */
struct tlsa *tlsa_new(const char *host, const char *canonical, uint16_t port, bool secure);
void tlsa_free(struct tlsa *t);		/* NULL is fine */
/* The next question; it is answered before the one after it is asked. False: none now. */
bool tlsa_ask(struct tlsa *t, uint16_t *type, const char **name);
void tlsa_answer(struct tlsa *t, const struct msg_dns_answer *a);
bool tlsa_is_over(const struct tlsa *t);
const struct tlsa_set *tlsa_found(const struct tlsa *t);	/* NULL: none */
/* Why the host must not be used now; NULL: it may be used. */
const char *tlsa_trouble(const struct tlsa *t);
struct tlsa_set *tlsa_set_copy(const struct tlsa_set *set);	/* of NULL: NULL */

/* --- mta_sts: the MTA-STS policy of a domain (RFC 8461). Pure --- */
/*
 * `domain`: A-labels; `known`: policies are kept, and are asked for also where the DNS has no record;
 * `never`: addresses where no policy is fetched, must outlive it.
 */
struct mta_sts *mta_sts_new(const char *domain, bool known, const struct config_nets *never);
void mta_sts_free(struct mta_sts *s);		/* NULL is fine */
/* The next question to the DNS; false: none now. */
bool mta_sts_ask(struct mta_sts *s, uint16_t *type, const char **name);
void mta_sts_answer(struct mta_sts *s, const struct msg_dns_answer *a);
/* What the fetch helper is to be asked, once; NULL: nothing now. Then one of the next two is called. */
const struct msg_policy_ask *mta_sts_wants(struct mta_sts *s);
void mta_sts_decide(struct mta_sts *s, const struct msg_policy_answer *a);
void mta_sts_fail(struct mta_sts *s, const char *why);
bool mta_sts_is_over(const struct mta_sts *s);
/* Of NULL: NULL, false. */
const char *mta_sts_trouble(const struct mta_sts *s);	/* why no host may be used now; NULL: they may */
bool mta_sts_enforces(const struct mta_sts *s);
/* What came of the search, for reports; NULL: the policy is not known for a reason of our own. */
const struct msg_policy_answer *mta_sts_answered(const struct mta_sts *s);
bool mta_sts_covers(const struct mta_sts *s, const char *host);	/* when there is a policy */
/* The id of a TXT record, whose text is NUL-terminated; false: it is none. */
bool mta_sts_record_id(const char *text, size_t len, char id[POLICY_ID_SIZE]);

/* --- mx: finds the addresses of a destination. Pure: questions out, answers in --- */
#define MX_HOSTS_MAX 20
#define MX_ADDRESSES_MAX 30
#define MX_PER_FAMILY 8		/* addresses that are kept of one host and family */
/* Seconds after which the DNS is asked again about an address or TLSA records that it gave no answer about */
#define MX_TTL_TROUBLE 60

struct mx_address {
	struct net_address to;
	unsigned rank;			/* lower first; equal ranks: any order */
	char *host;			/* owned: "mx1.example.com", "[192.0.2.1]" */
	bool literal;
	/* The name is sure to be the one that the mail is for: configured, or of a validated MX answer */
	bool sure;
	bool sts;			/* a policy in mode enforce covers it: its certificate has its name */
	struct tlsa_set *tlsa;		/* owned; NULL: there are none, or they were not asked for */
	/*
	 * Owned; NULL, or why it must not be used: no answer about its TLSA records or the policy, or the
	 * policy does not cover it
	 */
	char *refused;
	struct tls_applied *applied;	/* one of its users; NULL: its sessions are not counted */
};

struct mx_list {
	struct mx_address *address; size_t count;	/* owned; at most MX_ADDRESSES_MAX; best first */
	uint32_t ttl;			/* seconds */
	struct verdict verdict;		/* when count is 0: why */
};

struct mx_settings {
	const struct config_server *server;
	const char *others;		/* where other virtual servers listen, one a line; or NULL */
	const char *hostname;			/* of the service */
	/* addresses and ports that lead back to us; 0.0.0.0: all of the loopback net, too */
	const struct net_address *own; size_t nown;
	bool policies;			/* some are kept: see mta_sts_new */
	uint32_t (*chance)(uint32_t below);	/* as arc4random_uniform(3) */
};

struct mx_question { uint16_t type; const char *name; unsigned tag; };

/* `d` and `set` must outlive the look-up. */
struct mx_lookup *mx_lookup_new(const struct destination *d, const struct mx_settings *set);
void mx_lookup_free(struct mx_lookup *l);		/* NULL is fine */
/* The next question to be asked, without waiting for earlier answers; false: none now. */
bool mx_lookup_ask(struct mx_lookup *l, struct mx_question *q);
void mx_lookup_answer(struct mx_lookup *l, unsigned tag, const struct msg_dns_answer *a);
/* What the fetch helper is to be asked, once; NULL: nothing now. Then one of the next two is called. */
const struct msg_policy_ask *mx_lookup_wants_policy(struct mx_lookup *l);
void mx_lookup_policy(struct mx_lookup *l, const struct msg_policy_answer *a);
void mx_lookup_policy_fail(struct mx_lookup *l, const char *why);
/* When all questions are answered: fills `list` (freed by mx_list_done); false before. */
bool mx_lookup_end(struct mx_lookup *l, struct mx_list *list);
/*
 * What is known so far, while some answers are late; false: no address yet. `all`: also hosts that may be no
 * better than we are, should a late answer show that one of the others is us.
 */
bool mx_lookup_so_far(struct mx_lookup *l, bool all, struct mx_list *list);

/* Private to mx and mx_list: what was asked and found. */
enum mx_question_state { MX_TO_ASK, MX_ASKED, MX_ANSWERED };

struct mx_family {
	enum mx_question_state question;
	bool insecure;		/* addresses were found, and they are not validated */
	enum msg_dns_result result;
	uint8_t bytes[MX_PER_FAMILY][16];
	size_t count;
};

struct mx_host {
	char *name;		/* for questions; brackets around a literal */
	unsigned rank;
	uint16_t port;
	bool literal;
	bool is_us;		/* one of its names or addresses is ours */
	bool late;		/* what is known of it is not enough to use it */
	struct mx_family six, four;
	char *canonical;	/* the name at the end of its aliases; NULL: no address yet */
	struct tlsa *tlsa;	/* NULL: not asked for */
};

struct mx_lookup {
	const struct destination *d;
	const struct mx_settings *set;
	char *domain;		/* d->domain as the DNS knows it: A-labels (RFC 5891) */
	struct mx_host *host;	/* owned: at most MX_HOSTS_MAX */
	size_t nhost;
	enum mx_question_state question;	/* for the MX records */
	struct mta_sts *sts;	/* NULL: not wanted, or no MX answer yet */
	bool implicit;		/* no MX: the domain itself is the host (RFC 5321 5.1) */
	bool sure;		/* the hosts are named by the configuration or a validated answer */
	bool decided;		/* there are no hosts: `verdict` says why */
	unsigned below;		/* only hosts of a lower rank are listed */
	char trouble[128];	/* of the DNS; "": none */
	uint32_t ttl;
	struct verdict verdict;
};

/* --- mx_list: the ordered addresses, from what a look-up has found. Pure --- */
void mx_list_make(struct mx_list *list, struct mx_lookup *l);
void mx_list_done(struct mx_list *list);

/* --- tls_policy: what TLS a host must have, and what it must prove, before it gets mail. Pure --- */
enum client_tls tls_policy_tls(const struct destination *d, const struct mx_address *a);
/* The host as it was found. */
struct tls_policy_host {
	const char *name;
	bool literal, sure, sts;
	bool watched;			/* its certificate should have its name, and need not */
	const struct tlsa_set *tlsa;
};
/*
 * For the handshake with `host`. `record`: room for TLSA_RECORDS_MAX; it must outlive the wish, and so must
 * the strings.
 */
void tls_policy_wish(const struct destination *d, const struct tls_policy_host *host, struct tls_wish *wish,
    struct tls_record *record);
/* "mx.example.com or example.com": the names of a wish, for people. */
void tls_policy_names(const struct tls_wish *wish, char *dst, size_t size);

/* Whether mail may go in clear when the host offers no TLS, or a broken one. An account never does. */
bool tls_policy_allows_clear(const struct destination *d, const struct mx_address *a);

/* --- host_memory: what the offers of hosts have been worth. Pure --- */
struct host_memory;
struct host_memory *host_memory_new(void);
void host_memory_free(struct host_memory *m);
enum host_tls_event {
	HOST_TLS_WORKED,	/* EHLO was answered under TLS */
	HOST_TLS_WAS_CUT,	/* no TLS: the connection was cut, silent, or the host said "not now" */
	HOST_TLS_FAILED,	/* TLS itself failed: an alert, nonsense, STARTTLS refused for good */
	HOST_CLEAR_REFUSED,	/* something was refused for good in clear, where TLS might have been */
	HOST_CLEAR_WANTS_TLS,	/* the same, and the reply says that TLS is missing */
	HOST_TLS_EVENT_COUNT
};
enum host_tls_turn {
	HOST_TLS_AS_BEFORE,
	HOST_TLS_AGAIN,		/* one more connection at once */
	HOST_TLS_TO_CLEAR,	/* the next connections are made without TLS */
	HOST_TLS_TO_TLS,	/* that is over */
};
/* begun: host_memory_events() when the connection was begun; strict: it may not be in clear. */
struct host_tls_try { uint64_t begun; bool strict; };
/* `key` names host, address, port and what else makes connections different; `now`: monotonic ms. */
enum host_tls_turn host_memory_note_tls(struct host_memory *m, const char *key, enum host_tls_event event,
    const struct host_tls_try *try, uint64_t now);
bool host_memory_is_plain(const struct host_memory *m, const char *key, uint64_t now);
/* AUTH_OUT_BIT()s that did not do at the host, while another mechanism did; 0 forgets them. */
void host_memory_note_useless(struct host_memory *m, const char *key, unsigned mechanisms, uint64_t now);
unsigned host_memory_useless(const struct host_memory *m, const char *key, uint64_t now);
uint64_t host_memory_events(const struct host_memory *m);	/* so far */
/* What may be why a message failed at a host: to be left out when plain SMTP has done better. */
struct host_doubt {
	/* Addresses of the site's list, a bit each: that get it by plain SMTP; and one recipient at a time */
	uint32_t plain, single;
	unsigned offers; bool sure;	/* as in struct client */
	struct verdict why;
};
/*
 * The host failed, and enum client_offer `offers` may be why; `sure`: once is enough to leave them out, for
 * some hours. Returns those that are left out from now on.
 */
unsigned host_memory_note_offers(struct host_memory *m, const char *key, unsigned offers, bool sure,
    uint64_t now);
unsigned host_memory_without(const struct host_memory *m, const char *key, uint64_t now);

/* --- own_address: which addresses, ports and names lead back to this virtual server --- */
/*
 * A new array of `*count`, to be freed: listen addresses, for a wildcard with every address of this machine;
 * and own-address, which without a port counts at each port that this server listens on or sends to.
 */
struct net_address *own_address_list(const struct config_server *s, size_t *count);
/*
 * An address at which another virtual server listens is that one's, also beside a wildcard of ours and while
 * it is stopped: the connection goes to it, or is turned away.
 */
bool own_address_has(const struct mx_settings *set, const struct net_address *a);
/*
 * A host of that name at that port: fqdn, hostname, own-address. At another port than those above it is
 * another server of this machine.
 */
bool own_address_has_name(const struct mx_settings *set, const char *name, uint16_t port);

#endif
