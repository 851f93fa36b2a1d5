/*
 * dns_check - posternctl check --dns: whether others will take our mail, as far as the DNS decides
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  a row for each thing that the large receivers ask for: the name of the host, its address and
 *           back, SPF, DKIM, DMARC, MX; and for TLSA, MTA-STS and TLSRPT, which nobody has to have
 * Fails by: CONTROL_REFUSED: something is wrong; EX_UNAVAILABLE: the service does not run
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "common/answers/answers.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/base/net_reverse.h"
#include "common/config/config.h"
#include "common/dkim/dkim_record.h"
#include "master/posternctl/dkim/dkim.h"
#include "master/posternctl/dns/dns.h"
#include "master/posternctl/posternctl.h"

#define ADDRESSES_MAX 32U
#define WORDS_MAX 1000

enum verdict_word { SAY_OK, SAY_NONE, SAY_WARNING, SAY_UNKNOWN, SAY_WRONG };
static const char *const verdicts[] = {
	[SAY_OK] = "ok", [SAY_NONE] = "none", [SAY_WARNING] = "warning", [SAY_UNKNOWN] = "unknown",
	[SAY_WRONG] = "wrong",
};

struct dns_check {
	const struct config *c;
	const struct config_server *s;
	json_t *rows;			/* NULL: they are printed */
	enum verdict_word worst;
	bool no_service;		/* nothing more is asked */
	struct net_address address[ADDRESSES_MAX];	/* from which we send */
	size_t addresses;
};

__attribute__((format(printf, 5, 6)))
static void
say(struct dns_check *k, const char *about, const char *topic, enum verdict_word verdict,
    const char *fmt, ...)
{
	char words[WORDS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	if (verdict > k->worst)
		k->worst = verdict;
	if (k->rows == NULL) {
		printf("%-8s %-9s %-8s %s%s%s\n", k->s->name, topic, verdicts[verdict], about,
		    *words != '\0' ? ": " : "", words);
		return;
	}
	json_array_append_new(k->rows, json_pack("{ssssssssss}", "server", k->s->name, "about", about,
	    "topic", topic, "verdict", verdicts[verdict], "text", words));
}

static void
ask(void *arg, struct dns_answer *a, const char *type, const char *name)
{
	struct dns_check *k = arg;

	if (k->no_service) {
		*a = (struct dns_answer){ .result = DNS_ASK_NO_SERVICE, .text = BUF_INIT(1) };
		return;
	}
	dns_ask(a, k->c, type, name);
	k->no_service = a->result == DNS_ASK_NO_SERVICE;
	if (k->no_service)
		fprintf(stderr, "posternctl: %s\n", buf_text(&a->text));
}

/* True: it has records; else it has been said what is the matter, none as `absent` says. */
static bool
has_records(struct dns_check *k, const struct dns_answer *a, const char *about, const char *topic,
    enum verdict_word absent, const char *words)
{
	if (a->result == DNS_ASK_FOUND)
		return true;
	if (a->result == DNS_ASK_NONE)
		say(k, about, topic, absent, "%s", words);
	else
		say(k, about, topic, SAY_UNKNOWN, "%s", buf_text(&a->text));
	return false;
}

/* --- the host: its name, its addresses --- */

static void
add_address(struct dns_check *k, const char *text)
{
	struct net_address a;
	const char *why;

	if (k->addresses < ADDRESSES_MAX && net_address_parse(&a, text, 0, &why) == 0 &&
	    !net_is_any((const struct sockaddr *)&a.sa))
		k->address[k->addresses++] = a;
}

/* Whether `text`, of a record, is one of them. */
static bool
is_ours(const struct dns_check *k, const char *text)
{
	char own[NET_TEXT_SIZE];

	for (size_t i = 0; i < k->addresses; i++) {
		net_format_ip(own, (const struct sockaddr *)&k->address[i].sa);
		if (strcmp(own, text) == 0)
			return true;
	}
	return false;
}

/* What the configuration says: source-address, own-address. */
static void
find_addresses(struct dns_check *k)
{
	char text[NET_TEXT_SIZE];

	k->addresses = 0;
	for (size_t i = 0; i < k->s->nsource_address; i++) {
		net_format_ip(text, (const struct sockaddr *)&k->s->source_address[i].sa);
		add_address(k, text);
	}
	for (size_t i = 0; i < k->s->own_address.count && k->addresses == 0; i++)
		add_address(k, k->s->own_address.text[i]);
}

static void
check_name(struct dns_check *k)
{
	static const char *const types[] = { "A", "AAAA" };
	bool known = k->addresses > 0, ours = false, trouble = false;
	size_t records = 0;

	for (size_t t = 0; t < nitems_of(types) && !trouble; t++) {
		struct dns_answer a;

		ask(k, &a, types[t], k->s->fqdn);
		for (size_t i = 0; i < a.count; i++) {
			records++;
			ours |= is_ours(k, a.record[i]);
			if (!known)
				add_address(k, a.record[i]);
		}
		trouble = a.result == DNS_ASK_TROUBLE;
		if (trouble)
			say(k, k->s->fqdn, "helo", SAY_UNKNOWN, "%s", buf_text(&a.text));
		dns_ask_done(&a);
	}
	if (k->no_service || trouble)
		return;
	if (records == 0)
		say(k, k->s->fqdn, "helo", SAY_WRONG, "the name with which we greet has no address");
	else if (known && !ours)
		say(k, k->s->fqdn, "helo", SAY_WRONG, "the name has other addresses than those we send from");
	else
		say(k, k->s->fqdn, "helo", SAY_OK, "the name with which we greet has %s",
		    known ? "the address we send from" : "an address");
}

/* The name leads back to the address. */
static bool
leads_back(struct dns_check *k, const char *name, const char *address)
{
	struct dns_answer a;
	bool back = false;

	ask(k, &a, strchr(address, ':') != NULL ? "AAAA" : "A", name);
	for (size_t i = 0; i < a.count; i++)
		back |= strcmp(a.record[i], address) == 0;
	dns_ask_done(&a);
	return back;
}

static void
check_reverse(struct dns_check *k, const struct net_address *address)
{
	char text[NET_TEXT_SIZE], reverse[NET_REVERSE_SIZE];
	struct dns_answer a;
	bool same = false, back = false;

	net_format_ip(text, (const struct sockaddr *)&address->sa);
	net_reverse_name(reverse, (const struct sockaddr *)&address->sa);
	ask(k, &a, "PTR", reverse);
	if (has_records(k, &a, text, "ptr", SAY_WRONG,
	    "the address has no name in the DNS; its owner sets it")) {
		for (size_t i = 0; i < a.count && !back; i++) {
			same = strcasecmp(a.record[i], k->s->fqdn) == 0;
			back = leads_back(k, a.record[i], text);
		}
		if (!back)
			say(k, text, "ptr", SAY_WRONG, "its name %s does not lead back to it", a.record[0]);
		else
			say(k, text, "ptr", same ? SAY_OK : SAY_WARNING, "%s%s%s",
			    same ? k->s->fqdn : a.record[0],
			    same ? "" : " is another name than that with which we greet, ",
			    same ? "" : k->s->fqdn);
	}
	dns_ask_done(&a);
}

static void
check_host(struct dns_check *k)
{
	find_addresses(k);
	check_name(k);
	for (size_t i = 0; i < k->addresses && !k->no_service; i++)
		check_reverse(k, &k->address[i]);
}

/* --- a domain --- */

static void
check_spf(struct dns_check *k, const char *domain)
{
	static const struct { enum verdict_word say; const char *words; } results[] = {
		[DNS_SPF_NONE] = { SAY_WRONG, "none" }, [DNS_SPF_NEUTRAL] = { SAY_WRONG, "neutral" },
		[DNS_SPF_PASS] = { SAY_OK, "pass" }, [DNS_SPF_FAIL] = { SAY_WRONG, "fail" },
		[DNS_SPF_SOFTFAIL] = { SAY_WRONG, "softfail" },
		[DNS_SPF_TROUBLE] = { SAY_UNKNOWN, "temperror" },
		[DNS_SPF_BROKEN] = { SAY_WRONG, "permerror" },
		[DNS_SPF_UNKNOWN] = { SAY_UNKNOWN, "it depends on the message" },
	};
	struct buf why = BUF_INIT(WORDS_MAX);

	for (size_t i = 0; i < k->addresses && !k->no_service; i++) {
		struct dns_spf_question q = { .ask = ask, .arg = k, .why = &why,
		    .address = (const struct sockaddr *)&k->address[i].sa };
		enum dns_spf found = dns_spf_judge(&q, domain);
		char text[NET_TEXT_SIZE];

		net_format_ip(text, q.address);
		if (!k->no_service)
			say(k, domain, "spf", results[found].say, "%s for %s (%s)", results[found].words,
			    text, buf_text(&why));
	}
	if (k->addresses == 0)
		say(k, domain, "spf", SAY_UNKNOWN, "it is not known from which address we send");
	buf_done(&why);
}

static void
check_dkim(struct dns_check *k, const char *domain)
{
	static const enum verdict_word says[] = { [DKIM_LOOK_GOOD] = SAY_OK,
	    [DKIM_LOOK_WARNING] = SAY_WARNING, [DKIM_LOOK_WRONG] = SAY_WRONG,
	    [DKIM_LOOK_UNKNOWN] = SAY_UNKNOWN };
	int64_t now = clock_wall_us() / 1000000;
	struct config_dkim place;
	bool any = false;

	for (size_t i = 0; config_dkim_at(&place, k->s, i) && !k->no_service; i++) {
		struct buf why = BUF_INIT(WORDS_MAX);
		struct dkim_shown shown;
		enum dkim_look found;

		if (!config_dkim_serves(&place, domain) || now >= place.until)
			continue;
		any |= config_dkim_is_valid(&place, now);
		dkim_look_file(&shown, &place);
		found = dkim_look_dns(&shown, k->c, &why);
		say(k, shown.name, "dkim", says[found], "%s", found == DKIM_LOOK_GOOD ?
		    "the record is that of the key" : buf_text(&why));
		dkim_look_done(&shown);
		buf_done(&why);
	}
	if (!any && !k->no_service)
		say(k, domain, "dkim", SAY_WRONG, "no key of dkim-key signs its mail today");
}

static void
check_dmarc(struct dns_check *k, const char *domain)
{
	struct dns_dmarc_found f;
	enum dns_dmarc found = dns_dmarc_find(&f, ask, k, domain);

	if (k->no_service)
		return;
	if (found == DNS_DMARC_NONE)
		say(k, domain, "dmarc", SAY_WRONG, "neither it nor a domain above has a DMARC record");
	else if (found == DNS_DMARC_TROUBLE)
		say(k, domain, "dmarc", SAY_UNKNOWN, "%s", f.name);
	else
		say(k, domain, "dmarc", SAY_OK, "p=%s, by %s%s", f.policy, f.name,
		    *f.adkim == 's' ? "; adkim=s: a key of the very domain has to sign" : "");
}

static void
check_tlsa(struct dns_check *k, const char *host)
{
	char *name = mem_printf("_25._tcp.%s", host);
	struct dns_answer a;

	ask(k, &a, "TLSA", name);
	if (has_records(k, &a, name, "tlsa", SAY_NONE, "no record: senders cannot use DANE"))
		say(k, name, "tlsa", a.secure ? SAY_OK : SAY_WARNING, "%zu record%s%s", a.count,
		    a.count == 1 ? "" : "s", a.secure ? "" : ", which count only in a zone with DNSSEC");
	dns_ask_done(&a);
	free(name);
}

static void
check_mx(struct dns_check *k, const char *domain)
{
	struct dns_answer a;

	ask(k, &a, "MX", domain);
	if (has_records(k, &a, domain, "mx", SAY_WARNING,
	    "no record: replies and reports go to its own address, or nowhere"))
		for (size_t i = 0; i < a.count && !k->no_service; i++) {
			const char *blank = strchr(a.record[i], ' '), *host = blank != NULL ? blank + 1 : "";

			if (*host == '\0') {
				say(k, domain, "mx", SAY_WARNING,
				    "it takes no mail (null MX): no reply, no report");
				continue;
			}
			say(k, domain, "mx", SAY_OK, "%s", a.record[i]);
			check_tlsa(k, host);
		}
	dns_ask_done(&a);
}

/* A record that nobody has to have: `prefix` before the domain, and how its text begins. */
static void
check_text(struct dns_check *k, const char *domain, const char *topic, const char *prefix,
    const char *version, const char *tag)
{
	char *name = mem_printf("%s.%s", prefix, domain);
	const char *value;
	size_t found = 0, len;
	struct dns_answer a;
	bool whole = false;

	ask(k, &a, "TXT", name);
	for (size_t i = 0; i < a.count; i++)
		if (strncmp(a.record[i], version, strlen(version)) == 0) {
			found++;
			whole = dkim_record_tag(a.record[i], tag, &value, &len) && len > 0;
		}
	if (a.result == DNS_ASK_TROUBLE)
		say(k, name, topic, SAY_UNKNOWN, "%s", buf_text(&a.text));
	else if (found == 0 && !k->no_service)
		say(k, name, topic, SAY_NONE, "no record");
	else if (found > 1)
		say(k, name, topic, SAY_WRONG, "several records count as none");
	else if (found == 1)
		say(k, name, topic, whole ? SAY_OK : SAY_WRONG, "%s%s", whole ? "" : tag,
		    whole ? "" : "= is missing");
	dns_ask_done(&a);
	free(name);
}

static void
check_domain(struct dns_check *k, const char *domain)
{
	check_spf(k, domain);
	check_dkim(k, domain);
	check_dmarc(k, domain);
	if (!k->no_service)
		check_mx(k, domain);
	if (!k->no_service)
		check_text(k, domain, "mta-sts", "_mta-sts", "v=STSv1", "id");
	if (!k->no_service)
		check_text(k, domain, "tlsrpt", "_smtp._tls", "v=TLSRPTv1", "rua");
}

/* --- which domains --- */

/* Those whose mail the server sends: of its keys, and of its reports. Each once. */
static void
check_domains(struct dns_check *k)
{
	const char *reports = config_dkim_report_domain(k->s);
	struct config_dkim place, before;

	check_domain(k, reports);
	for (size_t i = 0; config_dkim_at(&place, k->s, i) && !k->no_service; i++) {
		bool done = strcasecmp(place.domain, reports) == 0;

		for (size_t n = 0; n < i && !done; n++)
			done = config_dkim_at(&before, k->s, n) && strcmp(before.domain, place.domain) == 0;
		if (!done)
			check_domain(k, place.domain);
	}
}

/* Whether the server has to do with the domain: a key, an entry, its reports. */
static bool
is_of(const struct config_server *s, const char *domain)
{
	struct config_dkim place;

	for (size_t i = 0; config_dkim_at(&place, s, i); i++)
		if (config_dkim_serves(&place, domain))
			return true;
	return config_domain_find(s, domain) != NULL || strcasecmp(config_dkim_report_domain(s), domain) == 0;
}

static void
check_servers(struct dns_check *k, const char *domain)
{
	bool any = false;

	for (size_t i = 0; domain != NULL && i < k->c->nserver; i++)
		any |= is_of(&k->c->server[i], domain);
	for (size_t i = 0; i < k->c->nserver && !k->no_service; i++) {
		k->s = &k->c->server[i];
		if (any && !is_of(k->s, domain))
			continue;
		check_host(k);
		if (domain != NULL && !k->no_service)
			check_domain(k, domain);
		else if (!k->no_service)
			check_domains(k);
	}
}

int
dns_check_run(const char *config_path, const char *domain, bool json)
{
	struct config_faults faults = { 0 };
	struct dns_check k = { .c = config_read(config_path, &faults) };
	json_t *document = answers_new();
	int status = EX_CONFIG;

	if (k.c == NULL) {
		config_faults_print(&faults, stderr);
	} else {
		k.rows = json ? json_array() : NULL;
		check_servers(&k, domain);
		if (json) {
			json_object_set_new(document, "checks", k.rows);
			answers_print(document, stdout);
		}
		status = k.no_service ? EX_UNAVAILABLE : k.worst == SAY_WRONG ? CONTROL_REFUSED : EX_OK;
	}
	json_decref(document);
	config_free(mem_unconst(k.c));
	config_faults_done(&faults);
	return status;
}
