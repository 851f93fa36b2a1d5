/*
 * mx - from a destination to the ordered addresses to be tried (RFC 5321 5.1, RFC 7505)
 *
 * Runs in:  deliver (pure)
 * Owns:     one walk: the hosts, their addresses, what is still unanswered
 * Promise:  MX by preference, random within; both address families, IPv6 first; never ourselves nor what is
 *           not better than ourselves; at most MX_HOSTS_MAX hosts and MX_ADDRESSES_MAX addresses; TLSA
 *           records where outbound-tls = dane
 * Fails by: an empty list with the reason: refused when the domain says so or is not there, later when the
 *           DNS or a configured smart host is in trouble (a mistake in the configuration must not cost mail)
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

#define PER_FAMILY 8		/* addresses kept of one host and family */
#define TTL_MAX 3600
/* Seconds after which what the DNS gave no answer about is asked for again: an address, TLSA records */
#define TTL_TROUBLE 60
#define TAG_MX UINT32_MAX
#define TAG_TLSA (MX_HOSTS_MAX * 2)	/* and the host's number; below: addresses */

struct family {
	bool asked, answered, absent, trouble, insecure;
	uint8_t bytes[PER_FAMILY][16];
	size_t count;
};

struct host {
	char *name;		/* for questions; brackets around a literal */
	unsigned rank;
	uint16_t port;
	bool literal, self;
	struct family six, four;
	char *canonical;	/* where its aliases lead; NULL: no address yet */
	struct tlsa *tlsa;	/* NULL: not asked for */
};

struct mx_walk {
	const struct destination *d;
	const struct mx_settings *set;
	char *domain;		/* d->domain as the DNS knows it: A-labels (RFC 5891) */
	struct host host[MX_HOSTS_MAX];
	size_t nhost;
	bool mx_asked, mx_answered;
	bool implicit;		/* no MX: the domain itself is the host (RFC 5321 5.1) */
	bool no_name;		/* the domain is not there */
	bool sure;		/* the hosts are named by the configuration or a validated answer */
	bool decided;		/* verdict holds the end already */
	char trouble[128];
	uint32_t ttl;
	struct verdict verdict;
};

/* --- hosts --- */

static void
decide(struct mx_walk *w, enum verdict_what what, const char *status, const char *text)
{
	w->decided = true;
	verdict_set(&w->verdict, what, status, "%s: %s", w->d->domain, text);
}

static struct host *
add_host(struct mx_walk *w, const char *name, unsigned rank, uint16_t port)
{
	struct host *h = &w->host[w->nhost++];

	*h = (struct host){ .name = mem_strdup(name), .rank = rank, .port = port };
	return h;
}

/* "[192.0.2.1]", "192.0.2.1", "[IPv6:2001:db8::1]", "2001:db8::1" (RFC 5321 4.1.3). */
static bool
take_literal(struct host *h)
{
	char text[INET6_ADDRSTRLEN + 8];
	const char *p = text;

	if (snprintf(text, sizeof(text), "%s", h->name[0] == '[' ? h->name + 1 :
	    h->name) >= (int)sizeof(text))
		return false;
	text[strcspn(text, "]")] = '\0';
	if (strncasecmp(p, "IPv6:", 5) == 0)
		p += 5;
	h->literal = h->six.answered = h->four.answered = h->six.asked = h->four.asked = true;
	if (inet_pton(AF_INET, p, h->four.bytes[0]) == 1)
		h->four.count = 1;
	else if (inet_pton(AF_INET6, p, h->six.bytes[0]) == 1)
		h->six.count = 1;
	else
		return false;
	return true;
}

static void
add_given_hosts(struct mx_walk *w)
{
	for (size_t i = 0; i < w->d->nhost && w->nhost < MX_HOSTS_MAX; i++) {
		struct host *h = add_host(w, w->d->host[i].name, (unsigned)i, w->d->host[i].port);

		if (w->d->host[i].literal)
			take_literal(h);
	}
	if (w->nhost == 0)
		decide(w, VERDICT_LATER, "4.4.4", "no host is configured to send to");
}

/* Mail for user@[192.0.2.1] goes there without a question. */
static void
add_domain_literal(struct mx_walk *w)
{
	if (!take_literal(add_host(w, w->d->domain, 0, w->d->port)))
		decide(w, VERDICT_REFUSED, "5.1.2", "this address literal is not understood");
}

/* A domain in UTF-8 becomes its ASCII form; NULL when it has none or is no name for the DNS. */
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

struct mx_walk *
mx_walk_new(const struct destination *d, const struct mx_settings *set)
{
	struct mx_walk *w = mem_new(struct mx_walk);

	w->d = d;
	w->set = set;
	w->ttl = TTL_MAX;
	w->mx_answered = w->sure = true;
	if (!d->by_mx)
		add_given_hosts(w);
	else if (d->domain[0] == '[')
		add_domain_literal(w);
	else if ((w->domain = ascii_domain(d->domain)) == NULL)
		decide(w, VERDICT_REFUSED, "5.1.2", "this is no domain name the DNS can be asked for");
	else
		w->mx_answered = false;
	return w;
}

void
mx_walk_free(struct mx_walk *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->nhost; i++) {
		free(w->host[i].name);
		free(w->host[i].canonical);
		tlsa_free(w->host[i].tlsa);
	}
	free(w->domain);
	free(w);
}

/* --- questions and answers --- */

/*
 * Where the DNS vouches for the host, its TLSA records are looked for once its addresses are known (RFC 7672
 * 2.2).
 */
static bool
wants_tlsa(const struct mx_walk *w, const struct host *h)
{
	return w->d->security.tls == CONFIG_OUT_TLS_DANE && w->sure && !h->literal &&
	    h->six.count + h->four.count > 0;
}

static void
begin_tlsa(struct mx_walk *w, struct host *h)
{
	if (h->six.answered && h->four.answered && wants_tlsa(w, h))
		h->tlsa = tlsa_new(h->name, h->canonical, h->port, !h->six.insecure && !h->four.insecure);
}

bool
mx_walk_ask(struct mx_walk *w, struct mx_question *q)
{
	if (w->decided)
		return false;
	if (!w->mx_answered) {
		bool first;

		*q = (struct mx_question){ DNS_MX, w->domain, TAG_MX };
		first = !w->mx_asked;
		w->mx_asked = true;
		return first;
	}
	for (size_t i = 0; i < w->nhost; i++) {
		struct host *h = &w->host[i];
		bool six = !h->six.asked;
		struct family *f = six ? &h->six : &h->four;

		if (f->asked)
			continue;
		f->asked = true;
		*q = (struct mx_question){ six ? DNS_AAAA : DNS_A, h->name,
		    (unsigned)(i * 2 + (six ? 1 : 0)) };
		return true;
	}
	for (size_t i = 0; i < w->nhost; i++) {
		q->tag = (unsigned)(TAG_TLSA + i);
		if (w->host[i].tlsa != NULL && tlsa_ask(w->host[i].tlsa, &q->type, &q->name))
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

/* Shuffles, then sorts by preference; glibc's qsort may be unstable, so equal runs are shuffled after. */
static void
order(const struct msg_dns_record **r, size_t n, uint32_t (*chance)(uint32_t below))
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
take_mx_records(struct mx_walk *w, const struct msg_dns_answer *a)
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
	order(sorted, n, w->set->chance);
	for (size_t i = 0; i < n && i < MX_HOSTS_MAX; i++)
		add_host(w, (const char *)sorted[i]->data, sorted[i]->preference, w->d->port);
	if (n == 0 && null)
		decide(w, VERDICT_REFUSED, "5.1.10", "this domain takes no mail (null MX)");
	else if (n == 0)
		decide(w, VERDICT_REFUSED, "5.4.4", "its MX records name no host");
}

static void
take_mx(struct mx_walk *w, const struct msg_dns_answer *a)
{
	w->mx_answered = true;
	w->sure = a->secure;
	switch (a->result) {
	case DNS_FOUND:
		take_mx_records(w, a);
		break;
	case DNS_NO_DATA:
		w->implicit = true;
		add_host(w, w->domain, 0, w->d->port);
		break;
	case DNS_NO_NAME:
		decide(w, VERDICT_REFUSED, "5.1.2", "this domain does not exist in the DNS");
		break;
	default:
		snprintf(w->trouble, sizeof(w->trouble), "%s", a->text);
		w->decided = true;
		verdict_set(&w->verdict, VERDICT_LATER, "4.4.3", "the DNS gave no answer about %s: %s",
		    w->d->domain, a->text);
	}
}

static void
take_addresses(struct mx_walk *w, struct family *f, size_t size, const struct msg_dns_answer *a)
{
	f->answered = true;
	f->absent = a->result == DNS_NO_NAME;
	f->trouble = a->result == DNS_TROUBLE;
	f->insecure = a->result == DNS_FOUND && !a->secure;
	if (f->trouble)
		snprintf(w->trouble, sizeof(w->trouble), "%s", a->text);
	for (size_t i = 0; i < a->count && a->result == DNS_FOUND && f->count < PER_FAMILY; i++)
		if (a->record[i].len == size)
			memcpy(f->bytes[f->count++], a->record[i].data, size);
}

void
mx_walk_answer(struct mx_walk *w, unsigned tag, const struct msg_dns_answer *a)
{
	struct host *h;
	bool six;

	if (a->result == DNS_FOUND && a->ttl < w->ttl)
		w->ttl = a->ttl;
	if (tag == TAG_MX) {
		take_mx(w, a);
		return;
	}
	if (tag >= TAG_TLSA) {
		tlsa_answer(w->host[tag - TAG_TLSA].tlsa, a);
		return;
	}
	h = &w->host[tag / 2];
	six = tag % 2 == 1;
	take_addresses(w, six ? &h->six : &h->four, six ? 16 : 4, a);
	if (a->result == DNS_FOUND && h->canonical == NULL)
		h->canonical = mem_strdup(a->canonical);
	/* The canonical name of an MX that is an alias counts as its name. */
	if (a->result == DNS_FOUND && strcasecmp(a->canonical, w->set->fqdn) == 0)
		h->self = true;
	begin_tlsa(w, h);
}

/* --- the end --- */

static struct net_address
make_address(const uint8_t *bytes, bool six, uint16_t port)
{
	struct net_address a = { .len = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in) };

	if (six) {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.sa;

		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		memcpy(&sin6->sin6_addr, bytes, 16);
	} else {
		struct sockaddr_in *sin = (struct sockaddr_in *)&a.sa;

		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, bytes, 4);
	}
	return a;
}

/* Unspecified, multicast, broadcast: nobody's mail server, though connect(2) may take some to ourselves. */
static bool
is_nowhere(const uint8_t *bytes, bool six)
{
	static const uint8_t zero[16];

	if (six)
		return memcmp(bytes, zero, 16) == 0 || bytes[0] == 0xff ||
		    (memcmp(bytes, zero, 10) == 0 && bytes[10] == 0xff && bytes[11] == 0xff);
	return bytes[0] == 0 || bytes[0] >= 224;
}

static bool
leads_here(const struct mx_settings *set, const struct net_address *a)
{
	for (size_t i = 0; i < set->nself; i++)
		if (net_equal((const struct sockaddr *)&set->self[i].sa, (const struct sockaddr *)&a->sa))
			return true;
	return false;
}

static bool
is_our_port(const struct mx_settings *set, uint16_t port)
{
	for (size_t i = 0; i < set->nself; i++)
		if (net_port((const struct sockaddr *)&set->self[i].sa) == port)
			return true;
	return false;
}

/* Our own name at a port we listen on, or one address that is ours, makes the host ourselves. */
static bool
is_self(const struct mx_walk *w, const struct host *h)
{
	if (w->d->by_mx && is_our_port(w->set, h->port) &&
	    (h->self || strcasecmp(h->name, w->set->fqdn) == 0))
		return true;
	for (size_t i = 0; i < h->six.count + h->four.count; i++) {
		bool six = i < h->six.count;
		struct net_address a = make_address(six ? h->six.bytes[i] : h->four.bytes[i - h->six.count],
		    six, h->port);

		if (leads_here(w->set, &a))
			return true;
	}
	return false;
}

static void
add_address(const struct mx_walk *w, struct mx_list *list, const struct host *h, const uint8_t *bytes,
    bool six)
{
	bool bare;
	struct mx_address *a;

	if (list->count == MX_ADDRESSES_MAX || is_nowhere(bytes, six))
		return;
	list->address = mem_array(list->address, list->count + 1, sizeof(*list->address));
	a = &list->address[list->count++];
	*a = (struct mx_address){ .to = make_address(bytes, six, h->port), .rank = h->rank,
	    .literal = h->literal, .sure = w->sure };
	bare = h->literal && h->name[0] != '[';
	a->host = bare ? mem_printf("[%s]", h->name) : mem_strdup(h->name);
	if (h->tlsa == NULL)
		return;
	a->tlsa = tlsa_set_copy(tlsa_found(h->tlsa));
	a->refused = mem_strdup(tlsa_trouble(h->tlsa));
	if (a->refused != NULL && list->ttl > TTL_TROUBLE)
		list->ttl = TTL_TROUBLE;
}

/*
 * The host's addresses, families in turn: IPv6 first, as RFC 6724 has it; without a route connect(2) says so
 * at once.
 */
static void
add_addresses(const struct mx_walk *w, struct mx_list *list, const struct host *h)
{
	for (size_t i = 0; i < h->six.count || i < h->four.count; i++) {
		if (i < h->six.count)
			add_address(w, list, h, h->six.bytes[i], true);
		if (i < h->four.count)
			add_address(w, list, h, h->four.bytes[i], false);
	}
}

static void
explain(const struct mx_walk *w, struct mx_list *list, bool self, bool absent)
{
	const char *domain = w->d->domain;
	enum verdict_what no = w->d->by_mx ? VERDICT_REFUSED : VERDICT_LATER;
	struct verdict *v = &list->verdict;

	if (w->trouble[0] != '\0')
		verdict_set(v, VERDICT_LATER, "4.4.3", "the DNS gave no answer about the hosts for %s: %s",
		    domain, w->trouble);
	else if (self)
		verdict_set(v, no, no == VERDICT_LATER ? "4.4.6" : "5.4.6",
		    "mail for %s leads back to this server%s", domain,
		    w->d->by_mx ? ", but is not local here" : "");
	else if (absent && w->implicit)
		verdict_set(v, no, "5.1.2", "%s: this domain does not exist in the DNS", domain);
	else
		verdict_set(v, no, no == VERDICT_LATER ? "4.4.4" : "5.4.4", "no host for %s has an address",
		    domain);
}

static bool
is_finished(const struct mx_walk *w)
{
	if (w->decided)
		return true;
	for (size_t i = 0; i < w->nhost; i++) {
		const struct host *h = &w->host[i];

		if (!h->six.answered || !h->four.answered || (h->tlsa != NULL && !tlsa_is_over(h->tlsa)))
			return false;
	}
	return w->mx_answered;
}

bool
mx_walk_end(struct mx_walk *w, struct mx_list *list)
{
	unsigned limit = UINT32_MAX;	/* by MX: ranks from here on are no better than ourselves */
	bool self = false, absent = true;

	if (!is_finished(w))
		return false;
	*list = (struct mx_list){ .ttl = w->trouble[0] != '\0' && w->ttl > TTL_TROUBLE ? TTL_TROUBLE : w->ttl,
	    .verdict = w->verdict };
	if (w->decided)
		return true;
	for (size_t i = 0; i < w->nhost; i++) {
		struct host *h = &w->host[i];

		h->self = is_self(w, h);
		self |= h->self;
		absent &= h->six.absent && h->four.absent;
		if (h->self && w->d->by_mx && h->rank < limit)
			limit = h->rank;
	}
	for (size_t i = 0; i < w->nhost; i++)
		if (!w->host[i].self && w->host[i].rank < limit)
			add_addresses(w, list, &w->host[i]);
	if (list->count == 0)
		explain(w, list, self, absent);
	return true;
}

void
mx_list_done(struct mx_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->address[i].host);
		free(list->address[i].hold);
		free(list->address[i].tlsa);
		free(list->address[i].refused);
	}
	free(list->address);
	*list = (struct mx_list){ .count = 0 };
}
