/*
 * mx - finds the addresses of a destination: the questions to the DNS (RFC 5321 5.1, RFC 7505); pure
 *
 * Runs in:  deliver
 * Owns:     one look-up: the hosts, their addresses, the questions that are not answered yet
 * Promise:  hosts by MX preference, in random order among equals, or as configured; at most MX_HOSTS_MAX; of
 *           each the addresses of both families; TLSA records where outbound-tls = dane; the MTA-STS policy
 * Fails by: an empty list with the reason: "refused" when the domain says so or does not exist; "later" when
 *           the DNS is in trouble, or a configured smart host is (a mistake in the configuration must not
 *           cost mail)
 */
#include <arpa/inet.h>
#include <idn2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/rules/route.h"
#include "deliver/hosts/hosts.h"

#define TTL_MAX 3600
#define TAG_MX UINT32_MAX
#define TAG_TLSA (MX_HOSTS_MAX * 2)	/* and the host's number; below: addresses */
#define TAG_STS (MX_HOSTS_MAX * 3)

/* --- hosts --- */

static void
decide_verdict(struct mx_lookup *l, enum verdict_what what, const char *status, const char *text)
{
	l->decided = true;
	verdict_set(&l->verdict, what, status, "%s: %s", l->d->domain, text);
}

static struct mx_host *
add_host(struct mx_lookup *l, const char *name, unsigned rank, uint16_t port)
{
	struct mx_host *h;

	l->host = mem_grow(l->host, l->nhost, sizeof(*l->host));
	h = &l->host[l->nhost++];
	*h = (struct mx_host){ .name = mem_strdup(name), .rank = rank, .port = port };
	return h;
}

/* "[192.0.2.1]", "192.0.2.1", "[IPv6:2001:db8::1]", "2001:db8::1" (RFC 5321 4.1.3). */
static bool
take_literal(struct mx_host *h)
{
	char text[INET6_ADDRSTRLEN + 8];
	const char *p = text;

	if (snprintf(text, sizeof(text), "%s", h->name[0] == '[' ? h->name + 1 :
	    h->name) >= (int)sizeof(text))
		return false;
	text[strcspn(text, "]")] = '\0';
	if (strncasecmp(p, "IPv6:", 5) == 0)
		p += 5;
	h->literal = true;
	h->six.question = h->four.question = MX_ANSWERED;
	if (inet_pton(AF_INET, p, h->four.bytes[0]) == 1)
		h->four.count = 1;
	else if (inet_pton(AF_INET6, p, h->six.bytes[0]) == 1)
		h->six.count = 1;
	else
		return false;
	return true;
}

static void
add_given_hosts(struct mx_lookup *l)
{
	for (size_t i = 0; i < l->d->nhost && l->nhost < MX_HOSTS_MAX; i++) {
		struct mx_host *h = add_host(l, l->d->host[i].name, (unsigned)i, l->d->host[i].port);

		if (l->d->host[i].literal)
			take_literal(h);
	}
	if (l->nhost == 0 && l->d->named)
		decide_verdict(l, VERDICT_LATER, "4.4.4", "no host is configured to send to");
	else if (l->nhost == 0)
		decide_verdict(l, VERDICT_REFUSED, "5.1.2", "this address literal is not understood");
}

/* The ASCII form of a domain in UTF-8; NULL when it has none, or is no name for the DNS. */
static char *
ascii_domain(const char *domain)
{
	uint8_t *found = NULL;
	char *ascii = NULL;

	if (idn2_lookup_u8((const uint8_t *)domain, &found, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
		ascii = mem_strdup((char *)found);
	else if (net_is_hostname(domain))
		ascii = mem_strdup(domain);	/* underscores, a hyphen too many: the DNS may know it */
	idn2_free(found);
	if (ascii != NULL && !net_is_hostname(ascii)) {
		free(ascii);
		ascii = NULL;
	}
	return ascii;
}

struct mx_lookup *
mx_lookup_new(const struct destination *d, const struct mx_settings *set)
{
	struct mx_lookup *l = mem_new(struct mx_lookup);

	l->d = d;
	l->set = set;
	l->ttl = TTL_MAX;
	l->below = UINT32_MAX;
	l->sure = true;
	l->question = MX_ANSWERED;
	if (!d->by_mx)
		add_given_hosts(l);
	else if ((l->domain = ascii_domain(d->domain)) == NULL)
		decide_verdict(l, VERDICT_REFUSED, "5.1.2",
		    "this is no domain name the DNS can be asked for");
	else
		l->question = MX_TO_ASK;
	return l;
}

void
mx_lookup_free(struct mx_lookup *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->nhost; i++) {
		free(l->host[i].name);
		free(l->host[i].canonical);
		tlsa_free(l->host[i].tlsa);
	}
	free(l->host);
	mta_sts_free(l->sts);
	free(l->domain);
	free(l);
}

/* --- questions and answers --- */

/*
 * TLSA records count only for a name that DNSSEC validates; they are asked for after the addresses (RFC 7672
 * 2.2).
 */
static bool
wants_tlsa(const struct mx_lookup *l, const struct mx_host *h)
{
	return l->d->security.tls == CONFIG_OUT_TLS_DANE && l->sure && !h->literal &&
	    h->six.count + h->four.count > 0;
}

static bool
is_answered(const struct mx_host *h)
{
	return h->six.question == MX_ANSWERED && h->four.question == MX_ANSWERED;
}

static void
begin_tlsa(struct mx_lookup *l, struct mx_host *h)
{
	if (is_answered(h) && wants_tlsa(l, h))
		h->tlsa = tlsa_new(h->name, h->canonical, h->port, !h->six.insecure && !h->four.insecure);
}

bool
mx_lookup_ask(struct mx_lookup *l, struct mx_question *q)
{
	if (l->decided)
		return false;
	if (l->question == MX_ASKED)
		return false;
	if (l->question == MX_TO_ASK) {
		l->question = MX_ASKED;
		*q = (struct mx_question){ DNS_MX, l->domain, TAG_MX };
		return true;
	}
	q->tag = TAG_STS;
	if (l->sts != NULL && mta_sts_ask(l->sts, &q->type, &q->name))
		return true;
	for (size_t i = 0; i < l->nhost; i++) {
		struct mx_host *h = &l->host[i];
		bool six = h->six.question == MX_TO_ASK;
		struct mx_family *f = six ? &h->six : &h->four;

		if (f->question != MX_TO_ASK)
			continue;
		f->question = MX_ASKED;
		*q = (struct mx_question){ six ? DNS_AAAA : DNS_A, h->name,
		    (unsigned)(i * 2 + (six ? 1 : 0)) };
		return true;
	}
	for (size_t i = 0; i < l->nhost; i++) {
		q->tag = (unsigned)(TAG_TLSA + i);
		if (l->host[i].tlsa != NULL && tlsa_ask(l->host[i].tlsa, &q->type, &q->name))
			return true;
	}
	return false;
}

static int
by_preference(const void *left, const void *right)
{
	const struct msg_dns_record *a = *(const struct msg_dns_record *const *)left,
	    *b = *(const struct msg_dns_record *const *)right;

	return (a->preference > b->preference) - (a->preference < b->preference);
}

/*
 * Sorts by preference, then shuffles runs of equal preference: after the sort, for qsort(3) may be unstable.
 */
static void
sort_records(const struct msg_dns_record **r, size_t n, uint32_t (*chance)(uint32_t below))
{
	qsort(r, n, sizeof(*r), by_preference);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && r[to]->preference == r[from]->preference; to++)
			;
		for (size_t i = to - 1; i > from; i--) {
			size_t j = from + chance((uint32_t)(i - from + 1));
			const struct msg_dns_record *swap = r[i];

			r[i] = r[j];
			r[j] = swap;
		}
	}
}

static void
take_mx_records(struct mx_lookup *l, const struct msg_dns_answer *a)
{
	const struct msg_dns_record *sorted[DNS_RECORDS_MAX];
	size_t n = 0;
	bool null = false;

	for (size_t i = 0; i < a->count; i++) {
		const char *name = (const char *)a->record[i].data;

		if (name[0] == '\0')
			null = true;
		else if (net_is_hostname(name))
			sorted[n++] = &a->record[i];
	}
	sort_records(sorted, n, l->set->chance);
	for (size_t i = 0; i < n && i < MX_HOSTS_MAX; i++)
		add_host(l, (const char *)sorted[i]->data, sorted[i]->preference, l->d->port);
	if (n == 0 && null)
		decide_verdict(l, VERDICT_REFUSED, "5.1.10", "this domain takes no mail (null MX)");
	else if (n == 0)
		decide_verdict(l, VERDICT_REFUSED, "5.4.4", "its MX records name no host");
}

static void
take_mx(struct mx_lookup *l, const struct msg_dns_answer *a)
{
	l->question = MX_ANSWERED;
	l->sure = a->secure;
	switch (a->result) {
	case DNS_FOUND:
		take_mx_records(l, a);
		break;
	case DNS_NO_DATA:
		l->implicit = true;
		add_host(l, l->domain, 0, l->d->port);
		break;
	case DNS_NO_NAME:
		decide_verdict(l, VERDICT_REFUSED, "5.1.2", "this domain does not exist in the DNS");
		break;
	default:
		snprintf(l->trouble, sizeof(l->trouble), "%s", a->text);
		l->decided = true;
		verdict_set(&l->verdict, VERDICT_LATER, "4.4.3", "the DNS gave no answer about %s: %s",
		    l->d->domain, a->text);
	}
	if (l->d->security.mta_sts && !l->decided)
		l->sts = mta_sts_new(l->domain, l->set->policies, &l->set->server->never_to);
}

static void
take_addresses(struct mx_lookup *l, struct mx_family *f, size_t size, const struct msg_dns_answer *a)
{
	f->question = MX_ANSWERED;
	f->result = a->result;
	f->insecure = a->result == DNS_FOUND && !a->secure;
	if (f->result == DNS_TROUBLE)
		snprintf(l->trouble, sizeof(l->trouble), "%s", a->text);
	for (size_t i = 0; i < a->count && a->result == DNS_FOUND && f->count < MX_PER_FAMILY; i++)
		if (a->record[i].len == size)
			memcpy(f->bytes[f->count++], a->record[i].data, size);
}

void
mx_lookup_answer(struct mx_lookup *l, unsigned tag, const struct msg_dns_answer *a)
{
	struct mx_host *h;
	bool six;

	if (a->result == DNS_FOUND && tag != TAG_STS && a->ttl < l->ttl)
		l->ttl = a->ttl;
	if (tag == TAG_MX) {
		take_mx(l, a);
		return;
	}
	if (tag == TAG_STS) {
		mta_sts_answer(l->sts, a);
		return;
	}
	if (tag >= TAG_TLSA) {
		tlsa_answer(l->host[tag - TAG_TLSA].tlsa, a);
		return;
	}
	h = &l->host[tag / 2];
	six = tag % 2 == 1;
	take_addresses(l, six ? &h->six : &h->four, six ? 16 : 4, a);
	if (a->result == DNS_FOUND && h->canonical == NULL)
		h->canonical = mem_strdup(a->canonical);
	begin_tlsa(l, h);
}

const struct msg_policy_ask *
mx_lookup_wants_policy(struct mx_lookup *l)
{
	return l->sts != NULL ? mta_sts_wants(l->sts) : NULL;
}

void
mx_lookup_policy(struct mx_lookup *l, const struct msg_policy_answer *a)
{
	if (a->ttl < l->ttl)
		l->ttl = a->ttl;
	mta_sts_decide(l->sts, a);
}

void
mx_lookup_policy_fail(struct mx_lookup *l, const char *why)
{
	mta_sts_fail(l->sts, why);
}

static bool
is_finished(const struct mx_lookup *l)
{
	if (l->decided)
		return true;
	if (l->sts != NULL && !mta_sts_is_over(l->sts))
		return false;
	for (size_t i = 0; i < l->nhost; i++) {
		const struct mx_host *h = &l->host[i];

		if (!is_answered(h) || (h->tlsa != NULL && !tlsa_is_over(h->tlsa)))
			return false;
	}
	return l->question == MX_ANSWERED;
}

bool
mx_lookup_end(struct mx_lookup *l, struct mx_list *list)
{
	if (!is_finished(l))
		return false;
	mx_list_make(list, l);
	return true;
}

/* Some of its addresses are known, and all that is to be known of its TLSA records. */
static bool
is_usable(const struct mx_lookup *l, const struct mx_host *h)
{
	if (h->six.count + h->four.count == 0)
		return false;
	return !wants_tlsa(l, h) || (is_answered(h) && tlsa_is_over(h->tlsa));
}

bool
mx_lookup_so_far(struct mx_lookup *l, bool all, struct mx_list *list)
{
	if (l->question != MX_ANSWERED || l->decided || (l->sts != NULL && !mta_sts_is_over(l->sts)))
		return false;
	for (size_t i = 0; i < l->nhost; i++) {
		struct mx_host *h = &l->host[i];

		h->late = !is_usable(l, h);
		if (!is_answered(h) && h->six.count + h->four.count == 0 && !all && l->d->by_mx &&
		    h->rank < l->below)
			l->below = h->rank;
	}
	mx_list_make(list, l);
	l->below = UINT32_MAX;
	for (size_t i = 0; i < l->nhost; i++)
		l->host[i].late = false;
	if (list->count > 0)
		return true;
	mx_list_done(list);
	return false;
}
