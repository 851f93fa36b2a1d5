/* dns - what the DNS says, asked through the service; one block a file */
#ifndef MASTER_POSTERNCTL_DNS_DNS_H
#define MASTER_POSTERNCTL_DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buf.h"

struct config;
struct sockaddr;

/* --- dns_ask: one question to the resolver of the service --- */

enum dns_ask {
	DNS_ASK_FOUND,
	DNS_ASK_NONE,		/* the name has no such record, or there is no such name */
	DNS_ASK_TROUBLE,	/* the DNS does not answer */
	DNS_ASK_NO_SERVICE,	/* the service does not run, or refuses the question */
};

struct dns_answer {
	enum dns_ask result;
	bool secure;		/* DNSSEC has proved it */
	/* The records belong to it; trouble and no service: the reason, without line end */
	struct buf text;
	char **record; size_t count;	/* as zone files have them; a TXT is one text */
};

/* `type`: "TXT". Of the service whose configuration that is. dns_ask_done in any case. */
void dns_ask(struct dns_answer *a, const struct config *c, const char *type, const char *name);
void dns_ask_done(struct dns_answer *a);

/* --- dns_spf: whether a domain lets an address send its mail (RFC 7208) --- */

enum dns_spf { DNS_SPF_NONE, DNS_SPF_NEUTRAL, DNS_SPF_PASS, DNS_SPF_FAIL, DNS_SPF_SOFTFAIL, DNS_SPF_TROUBLE,
    DNS_SPF_BROKEN, DNS_SPF_UNKNOWN /* it has macros, which are about a message */ };

/* Asks for records, as dns_ask does. */
typedef void dns_spf_ask(void *arg, struct dns_answer *a, const char *type, const char *name);
struct dns_spf_question {
	dns_spf_ask *ask;
	void *arg;
	const struct sockaddr *address;
	unsigned lookups, empty;	/* so far */
	struct buf *why;		/* the term that decided, or what is wrong */
};
enum dns_spf dns_spf_judge(struct dns_spf_question *q, const char *domain);

/* --- dns_dmarc: the DMARC policy that counts for a domain (RFC 9989) --- */

enum dns_dmarc { DNS_DMARC_NONE, DNS_DMARC_FOUND, DNS_DMARC_TROUBLE };
struct dns_dmarc_found {
	char name[300];			/* where; or the trouble in words */
	char policy[16], adkim[4], aspf[4];
};
enum dns_dmarc dns_dmarc_find(struct dns_dmarc_found *f, dns_spf_ask *ask, void *arg, const char *domain);

/* --- dns_check: whether others will take our mail, as far as the DNS decides --- */
/* `domain` NULL: all whose mail we may send. An exit status. */
int dns_check_run(const char *config_path, const char *domain, bool json);

#endif
