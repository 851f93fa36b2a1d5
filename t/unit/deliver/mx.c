/* mx - rows of host look-ups: a small DNS goes in, addresses or a verdict come out */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/config/config.h"
#include "common/rules/route.h"
#include "deliver/hosts/hosts.h"
#include "t/unit/check_main.h"

/*
 * The DNS of a row: "NAME TYPE DATA;" records; "!NAME TYPE" gives trouble; "~" before a record: not
 * validated; a name of no record is not there.
 */
struct row {
	const char *name;
	const char *domain;		/* by MX; or hosts "relay.example:587 [192.0.2.1]:25" */
	bool hosts;
	const char *dns;
	const char *expect;		/* "host=address ..." in order, or "STATUS what" */
};

static const char *self_text[] = { "192.0.2.99:25", "[2001:db8::99]:25", "*:25", "198.51.100.1:25" };
static struct net_address self[4];
static char *own_names[] = { (char *)"198.51.100.1", (char *)"nat.example" };
static struct net_entry never[4];
static struct config_server us = { .fqdn = (char *)"US.example", .port = 25, .own_address = { own_names, 2 },
    .never_to = { never, 4 } };

static uint32_t
no_chance(uint32_t below)
{
	return below - 1;	/* leaves the order as it is */
}

static uint32_t
first_chance(uint32_t below)
{
	return 0;
}

static const struct row rows[] = {
	{ "by preference", "d.example", false,
	    "d.example MX 20 b.example;d.example MX 10 a.example;a.example A 192.0.2.1;b.example A 192.0.2.2",
	  "a.example=192.0.2.1:25 b.example=192.0.2.2:25" },
	{ "both families, IPv6 first", "d.example", false,
	    "d.example MX 10 a.example;a.example A 192.0.2.1;a.example A 192.0.2.2;a.example AAAA "
	    "2001:db8::1",
	  "a.example=[2001:db8::1]:25 a.example=192.0.2.1:25 a.example=192.0.2.2:25" },
	{ "no MX: the domain itself", "d.example", false, "d.example A 192.0.2.1;d.example AAAA 2001:db8::1",
	    "d.example=[2001:db8::1]:25 d.example=192.0.2.1:25" },
	{ "null MX", "d.example", false, "d.example MX 0 .;d.example A 192.0.2.1", "5.1.10 refused" },
	{ "null MX beside others does not count", "d.example", false,
	    "d.example MX 0 .;d.example MX 10 a.example;a.example A 192.0.2.1", "a.example=192.0.2.1:25" },
	{ "no domain", "d.example", false, "", "5.1.2 refused" },
	{ "trouble at MX", "d.example", false, "!d.example MX;d.example A 192.0.2.1", "4.4.3 later" },
	{ "domain without any address", "d.example", false, "d.example TXT x", "5.4.4 refused" },
	{ "MX points to nothing, others do", "d.example", false,
	    "d.example MX 10 gone.example;d.example MX 20 b.example;b.example A 192.0.2.2",
	    "b.example=192.0.2.2:25" },
	{ "all MX point to nothing", "d.example", false, "d.example MX 10 gone.example", "5.4.4 refused" },
	{ "trouble at the only host", "d.example", false, "d.example MX 10 a.example;!a.example A",
	    "4.4.3 later" },
	{ "trouble at one host", "d.example", false,
	    "d.example MX 10 a.example;!a.example A;d.example MX 20 b.example;b.example A 192.0.2.2",
	    "b.example=192.0.2.2:25" },
	{ "trouble at one family", "d.example", false,
	    "d.example MX 10 a.example;!a.example AAAA;a.example A 192.0.2.1", "a.example=192.0.2.1:25" },
	{ "we are second: what is not better is dropped", "d.example", false,
	  "d.example MX 10 a.example;d.example MX 20 us.example;d.example MX 20 c.example;d.example MX 30 "
	    "b.example;"
	  "a.example A 192.0.2.1;us.example A 192.0.2.7;b.example A 192.0.2.2;c.example A 192.0.2.3",
	  "a.example=192.0.2.1:25" },
	{ "we are the best", "d.example", false,
	    "d.example MX 10 us.example;d.example MX 20 b.example;us.example A 192.0.2.7;b.example A "
	    "192.0.2.2", "5.4.6 refused" },
	{ "we are it by address", "d.example", false,
	    "d.example MX 10 a.example;d.example MX 20 b.example;a.example A 192.0.2.99;b.example A "
	    "192.0.2.2", "5.4.6 refused" },
	{ "we are it by IPv6 address", "d.example", false,
	    "d.example MX 10 a.example;a.example AAAA 2001:db8::99;a.example A 192.0.2.1", "5.4.6 refused" },
	{ "no MX, and the address is ours", "d.example", false, "d.example A 192.0.2.99", "5.4.6 refused" },
	{ "MX is an alias", "d.example", false,
	    "d.example MX 10 a.example;a.example CNAME b.example;b.example A 192.0.2.2",
	    "a.example=192.0.2.2:25" },
	{ "MX is an alias of ours", "d.example", false,
	    "d.example MX 10 a.example;a.example CNAME us.example;us.example A 192.0.2.7", "5.4.6 refused" },
	{ "addresses of nobody", "d.example", false,
	    "d.example MX 10 a.example;a.example A 0.0.0.0;a.example A 255.255.255.255;a.example AAAA "
	    "::;a.example A 192.0.2.1",
	  "a.example=192.0.2.1:25" },
	{ "only addresses of nobody", "d.example", false, "d.example A 0.0.0.0", "5.4.4 refused" },
	{ "outside of a NAT: our address", "d.example", false,
	    "d.example MX 10 a.example;d.example MX 20 b.example;a.example A 192.0.2.1;b.example A "
	    "198.51.100.1", "a.example=192.0.2.1:25" },
	{ "outside of a NAT: our name", "d.example", false,
	    "d.example MX 10 nat.example;d.example MX 20 b.example;nat.example A 192.0.2.7;b.example A "
	    "192.0.2.1", "5.4.6 refused" },
	{ "the name of the host", "d.example", false,
	    "d.example MX 5 b.example;d.example MX 10 vm.example;d.example MX 10 c.example;vm.example A "
	    "192.0.2.7;b.example A 192.0.2.1;c.example A 192.0.2.2", "b.example=192.0.2.1:25" },
	{ "the loopback net is ours where we listen", "d.example", false,
	    "d.example MX 10 a.example;d.example MX 20 b.example;a.example A 127.3.2.1;b.example A 192.0.2.1",
	    "5.4.6 refused" },
	{ "no MX, and the loopback net", "d.example", false, "d.example A 127.0.0.2", "5.4.6 refused" },
	{ "never there", "d.example", false,
	    "d.example MX 10 a.example;a.example A 169.254.1.1;a.example AAAA ::1", "5.4.4 refused" },
	{ "never there, but elsewhere", "d.example", false,
	    "d.example MX 10 a.example;d.example MX 20 b.example;a.example AAAA fe80::1;b.example A 192.0.2.1",
	    "b.example=192.0.2.1:25" },
	{ "in IPv6 clothes", "d.example", false, "d.example AAAA ::ffff:127.0.0.2;d.example AAAA ::192.0.2.1",
	    "5.4.4 refused" },
	{ "a smart host may be there", "a.example:26", true, "a.example A 127.0.0.2;a.example AAAA fe80::1",
	    "a.example=[fe80::1]:26 a.example=127.0.0.2:26" },
	{ "a smart host in the loopback net is ourselves", "[127.0.0.2]:25", true, "", "4.4.6 later" },
	{ "literal: unspecified", "[0.0.0.0]", false, "", "5.4.4 refused" },
	{ "literal: multicast", "[224.0.0.1]", false, "", "5.4.4 refused" },
	{ "literal: broadcast", "[255.255.255.255]", false, "", "5.4.4 refused" },
	{ "literal: unspecified, IPv6", "[IPv6:::]", false, "", "5.4.4 refused" },
	{ "literal: multicast, IPv6", "[IPv6:ff02::1]", false, "", "5.4.4 refused" },
	{ "literal: in IPv6 clothes", "[IPv6:::ffff:127.0.0.1]", false, "", "5.4.4 refused" },
	{ "literal: link-local", "[169.254.0.9]", false, "", "5.4.4 refused" },
	{ "literal: loopback", "[127.0.0.2]", false, "", "5.4.6 refused" },
	{ "literal domain", "[192.0.2.5]", false, "", "[192.0.2.5]=192.0.2.5:25" },
	{ "literal IPv6 domain", "[IPv6:2001:db8::5]", false, "", "[2001:db8::5]=[2001:db8::5]:25" },
	{ "literal that leads here", "[192.0.2.99]", false, "", "5.4.6 refused" },
	{ "literal that is none", "[192.0.2]", false, "", "5.1.2 refused" },
	{ "domain in UTF-8", "B\303\274cher.example", false,
	    "xn--bcher-kva.example MX 10 a.example;a.example A 192.0.2.1", "a.example=192.0.2.1:25" },
	{ "domain in UTF-8 without MX", "b\303\274cher.example", false, "xn--bcher-kva.example A 192.0.2.1",
	    "xn--bcher-kva.example=192.0.2.1:25" },
	{ "domain of broken UTF-8", "b\303.example", false, "", "5.1.2 refused" },
	{ "domain with an underscore", "a_b.example", false, "a_b.example A 192.0.2.1",
	    "a_b.example=192.0.2.1:25" },
	{ "not a name for the DNS", "a b.example", false, "", "5.1.2 refused" },
	{ "smart hosts in order", "b.example:587 a.example:25", true,
	    "a.example A 192.0.2.1;b.example A 192.0.2.2", "b.example=192.0.2.2:587 a.example=192.0.2.1:25" },
	{ "a smart host has no MX looked up", "a.example:25", true,
	    "a.example MX 5 b.example;a.example A 192.0.2.1;b.example A 192.0.2.2",
	    "a.example=192.0.2.1:25" },
	{ "literal smart hosts", "[192.0.2.1]:26 [2001:db8::1]:27", true, "",
	    "[192.0.2.1]=192.0.2.1:26 [2001:db8::1]=[2001:db8::1]:27" },
	{ "smart host not found: no mail is lost", "a.example:25", true, "", "4.4.4 later" },
	{ "smart host is ourselves", "[192.0.2.99]:25", true, "", "4.4.6 later" },
	{ "our address at another port is another server", "[192.0.2.99]:26", true, "",
	    "[192.0.2.99]=192.0.2.99:26" },
	{ "our name as a smart host at another port", "us.example:26", true, "us.example A 192.0.2.99",
	    "us.example=192.0.2.99:26" },
	{ "one smart host is ourselves", "[192.0.2.99]:25 [192.0.2.1]:25", true, "",
	    "[192.0.2.1]=192.0.2.1:25" },
	{ "trouble at a smart host", "a.example:25", true, "!a.example A", "4.4.3 later" },
};

static const struct { const char *name; uint16_t type; } types[] = {
	{ "A", DNS_A }, { "AAAA", DNS_AAAA }, { "MX", DNS_MX }, { "CNAME", DNS_CNAME }, { "TXT", 16 },
	{ "TLSA", DNS_TLSA },
};

static uint16_t
type_of(const char *name)
{
	for (size_t i = 0; i < nitems_of(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].type;
	ck_abort_msg("type %s", name);
}

static void
fill(struct msg_dns_record *to, uint16_t type, const char *data)
{
	int used;

	if (type == DNS_A || type == DNS_AAAA) {
		to->len = type == DNS_A ? 4 : 16;
		ck_assert_int_eq(inet_pton(type == DNS_A ? AF_INET : AF_INET6, data, to->data), 1);
		return;
	}
	if (type == DNS_TLSA) {
		unsigned byte;

		for (; sscanf(data, "%2x", &byte) == 1; data += 2)
			to->data[to->len++] = (uint8_t)byte;
		return;
	}
	used = 0;
	if (type == DNS_MX) {
		ck_assert_int_eq(sscanf(data, "%hu %n", &to->preference, &used), 1);
		data += used;
	}
	snprintf((char *)to->data, sizeof(to->data), "%s", strcmp(data, ".") == 0 ? "" : data);
	to->len = (uint16_t)strlen((char *)to->data);
}

static void
answer(const char *dns, uint16_t type, const char *name, struct msg_dns_answer *a)
{
	char *copy, *save;

	memset(a, 0, sizeof(*a));
	a->result = DNS_NO_NAME;
	a->secure = 1;
	a->ttl = 300;
	snprintf(a->canonical, sizeof(a->canonical), "%s", name);
	copy = mem_strdup(dns);
	save = NULL;
	for (char *line = strtok_r(copy, ";", &save); line != NULL; line = strtok_r(NULL, ";", &save)) {
		char owner[256], kind[16];
		int used = 0;
		bool trouble = line[0] == '!', insecure = line[0] == '~';

		line += insecure;
		ck_assert_int_ge(sscanf(line + trouble, "%255s %15s %n", owner, kind, &used), 2);
		if (strcasecmp(owner, a->canonical) != 0)
			continue;
		if (a->result == DNS_NO_NAME)
			a->result = DNS_NO_DATA;
		if (insecure && (type_of(kind) == type || strcmp(kind, "CNAME") == 0))
			a->secure = 0;
		if (strcmp(kind, "CNAME") == 0 && type != DNS_CNAME)
			snprintf(a->canonical, sizeof(a->canonical), "%s", line + used);
		if (type_of(kind) != type)
			continue;
		if (trouble) {
			a->result = DNS_TROUBLE;
			snprintf(a->text, sizeof(a->text), "as the test wants");
			break;
		}
		a->result = DNS_FOUND;
		fill(&a->record[a->count++], type, line + used);
	}
	free(copy);
}

/* Answers in order of asking, or in the opposite order. */
static void
walk(const struct destination *d, const char *dns, uint32_t (*chance)(uint32_t), bool backwards,
    struct mx_list *list)
{
	struct mx_settings set = { .server = &us, .hostname = "vm.example", .own = self, .nown = nitems_of(self),
	    .chance = chance };
	struct mx_lookup *w = mx_lookup_new(d, &set);
	struct msg_dns_answer *a = mem_new(struct msg_dns_answer);

	while (!mx_lookup_end(w, list)) {
		struct mx_question q[64];
		size_t n = 0;

		while (mx_lookup_ask(w, &q[n]))
			ck_assert_uint_lt(++n, nitems_of(q));
		ck_assert_uint_gt(n, 0);
		for (size_t i = 0; i < n; i++) {
			const struct mx_question *one = &q[backwards ? n - 1 - i : i];

			answer(dns, one->type, one->name, a);
			mx_lookup_answer(w, one->tag, a);
		}
	}
	free(a);
	mx_lookup_free(w);
}

static void
list_text(const struct mx_list *list, char *dst, size_t size)
{
	size_t at = 0;

	if (list->count == 0)
		at = (size_t)snprintf(dst, size, "%s %s", list->verdict.status,
		    verdict_name(list->verdict.what));
	for (size_t i = 0; i < list->count; i++) {
		char address[NET_TEXT_SIZE];

		net_format(address, (const struct sockaddr *)&list->address[i].to.sa);
		at += (size_t)snprintf(dst + at, size - at, "%s%s=%s", i > 0 ? " " : "",
		    list->address[i].host, address);
		ck_assert_uint_lt(at, size);
	}
}

static void
make_destination(struct destination *d, const struct row *row)
{
	static struct destination_host host[4];
	static char name[4][100];
	char *copy, *save;

	*d = (struct destination){ .key = (char *)"k", .domain = (char *)row->domain, .named = row->hosts,
	    .by_mx = !row->hosts && row->domain[0] != '[', .host = host, .port = 25 };
	if (row->domain[0] == '[' && !row->hosts && route_host_parse(&host[0], row->domain, 25) == 0) {
		snprintf(name[0], sizeof(name[0]), "%s", host[0].name);
		free(host[0].name);
		host[0].name = name[0];
		d->nhost = 1;
	}
	copy = mem_strdup(row->domain);
	save = NULL;
	for (char *p = strtok_r(copy, " ", &save); row->hosts && p != NULL; p = strtok_r(NULL, " ", &save)) {
		char *colon = strrchr(p, ':');
		size_t i = d->nhost++;

		host[i] = (struct destination_host){ .name = name[i], .literal = p[0] == '[',
		    .port = (uint16_t)atoi(colon + 1) };
		snprintf(name[i], sizeof(name[i]), "%.*s", (int)(colon - p), p);
	}
	free(copy);
}

static void
set_self(void)
{
	const char *why;

	for (size_t i = 0; i < nitems_of(self); i++)
		ck_assert_int_eq(net_address_parse(&self[i], self_text[i], 0, &why), 0);
	for (size_t i = 0; i < nitems_of(never); i++)
		ck_assert_int_eq(net_entry_parse(&never[i], (const char *const[]){ "127.0.0.0/8", "::1",
		    "169.254.0.0/16", "fe80::/10" }[i], &why), 0);
}

/* shows 2.6q, 2.7a, 2.7b, 2.7c, 2.7d */
START_TEST(test_rows)
{
	set_self();
	for (size_t i = 0; i < nitems_of(rows) * 2; i++) {
		const struct row *row = &rows[i / 2];
		struct destination d;
		struct mx_list list;
		char text[2000];

		make_destination(&d, row);
		walk(&d, row->dns, no_chance, i % 2, &list);
		list_text(&list, text, sizeof(text));
		ck_assert_msg(strcmp(text, row->expect) == 0, "%s: got \"%s\" (%s), expected \"%s\"",
		    row->name, text, list.count == 0 ? list.verdict.text : "", row->expect);
		mx_list_done(&list);
	}
}
END_TEST

#define A1 ";a.example A 192.0.2.1"
#define EE "03010108"
#define TA "02000108"
/*
 * `expect`: for each address its host; "+" when the name is sure; "=BASE:RECORDS" of TLSA, "!" when it must
 * not be used.
 */
static const struct row dane_rows[] = {
	{ "records of a signed host", "d.example", false,
	    "d.example MX 10 a.example" A1 ";_25._tcp.a.example TLSA " EE ";_25._tcp.a.example TLSA " TA,
	  "a.example+=a.example:2" },
	{ "no records", "d.example", false, "d.example MX 10 a.example" A1, "a.example+" },
	{ "records that are not validated", "d.example", false,
	    "d.example MX 10 a.example" A1 ";~_25._tcp.a.example TLSA " EE, "a.example+" },
	{ "records that cannot be had", "d.example", false,
	    "d.example MX 10 a.example" A1 ";!_25._tcp.a.example TLSA", "a.example+!" },
	{ "one host cannot be used", "d.example", false,
	  "d.example MX 10 a.example"
	    A1 ";!_25._tcp.a.example TLSA;d.example MX 20 b.example;b.example A 192.0.2.2;_25._tcp.b.example "
	    "TLSA " EE,
	  "a.example+! b.example+=b.example:1" },
	{ "only usages that do not count", "d.example", false,
	    "d.example MX 10 a.example"
	    A1 ";_25._tcp.a.example TLSA 01010108;_25._tcp.a.example TLSA 00010108",
	  "a.example+=a.example:0" },
	{ "those beside others", "d.example", false,
	    "d.example MX 10 a.example" A1 ";_25._tcp.a.example TLSA 01010108;_25._tcp.a.example TLSA " EE,
	  "a.example+=a.example:1" },
	{ "cut records", "d.example", false, "d.example MX 10 a.example" A1 ";_25._tcp.a.example TLSA 03",
	    "a.example+=a.example:0" },
	{ "unsigned MX", "d.example", false, "~d.example MX 10 a.example" A1 ";_25._tcp.a.example TLSA " EE,
	    "a.example" },
	{ "unsigned address", "d.example", false,
	    "d.example MX 10 a.example;~a.example A 192.0.2.1;_25._tcp.a.example TLSA " EE, "a.example+" },
	{ "one address is unsigned", "d.example", false,
	    "d.example MX 10 a.example" A1 ";~a.example AAAA 2001:db8::1;_25._tcp.a.example TLSA " EE,
	  "a.example+ a.example+" },
	{ "no MX", "d.example", false, "d.example A 192.0.2.1;_25._tcp.d.example TLSA " EE,
	    "d.example+=d.example:1" },
	{ "an alias with records where it leads", "d.example", false,
	  "d.example MX 10 c.example;c.example CNAME a.example" A1 ";_25._tcp.a.example TLSA "
	    EE ";_25._tcp.c.example TLSA " EE ";_25._tcp.c.example TLSA " EE,
	  "c.example+=a.example:1" },
	{ "an alias with records of its own", "d.example", false,
	    "d.example MX 10 c.example;c.example CNAME a.example" A1 ";_25._tcp.c.example TLSA " EE,
	  "c.example+=c.example:1" },
	{ "an alias, trouble where it leads", "d.example", false,
	  "d.example MX 10 c.example;c.example CNAME a.example"
	    A1 ";!_25._tcp.a.example TLSA;_25._tcp.c.example TLSA " EE, "c.example+!" },
	{ "an alias that leaves what is signed", "d.example", false,
	  "d.example MX 10 c.example;c.example CNAME a.example;~a.example A 192.0.2.1;_25._tcp.a.example "
	    "TLSA " EE ";_25._tcp.c.example TLSA " EE,
	  "c.example+=c.example:1" },
	{ "an unsigned alias", "d.example", false,
	  "d.example MX 10 c.example;~c.example CNAME a.example;~a.example A 192.0.2.1;_25._tcp.c.example "
	    "TLSA " EE, "c.example+" },
	{ "a smart host at its port", "a.example:587", true, "a.example A 192.0.2.1;_587._tcp.a.example TLSA "
	    EE ";_25._tcp.a.example TLSA 03", "a.example+=a.example:1" },
	{ "an address has no records", "[192.0.2.1]:25", true, "", "[192.0.2.1]+" },
};

START_TEST(test_dane_rows)
{
	set_self();
	for (size_t i = 0; i < nitems_of(dane_rows) * 3; i++) {
		const struct row *row = &dane_rows[i / 3];
		bool dane = i % 3 != 2;	/* without it nothing of this is asked */
		struct destination d;
		struct mx_list list;
		char text[2000];
		size_t at = 0;

		make_destination(&d, row);
		d.security.tls = dane ? CONFIG_OUT_TLS_DANE : CONFIG_OUT_TLS_VERIFY;
		walk(&d, row->dns, no_chance, i % 3, &list);
		ck_assert_uint_gt(list.count, 0);
		for (size_t k = 0; k < list.count; k++) {
			const struct mx_address *a = &list.address[k];

			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s", k > 0 ? " " : "",
			    a->host, a->sure ? "+" : "");
			ck_assert(dane || (a->tlsa == NULL && a->refused == NULL));
			if (a->tlsa != NULL)
				at += (size_t)snprintf(text + at, sizeof(text) - at, "=%s:%zu", a->tlsa->base,
				    a->tlsa->count);
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s",
			    a->refused != NULL ? "!" : "");
			ck_assert(a->refused == NULL || list.ttl <= 60);
		}
		ck_assert_msg(!dane || strcmp(text, row->expect) == 0, "%s: got \"%s\", expected \"%s\"",
		    row->name, text, row->expect);
		mx_list_done(&list);
	}
}
END_TEST

/* shows 2.7a */
START_TEST(test_equal_preferences_are_shuffled_within)
{
	static const struct row row = { "", "d.example", false,
	    "d.example MX 10 a.example;d.example MX 10 b.example;d.example MX 10 c.example;d.example MX 5 "
	    "z.example;"
	    "a.example A 192.0.2.1;b.example A 192.0.2.2;c.example A 192.0.2.3;z.example A 192.0.2.26", "" };
	struct destination d;
	struct mx_list list;
	char text[500];

	make_destination(&d, &row);
	walk(&d, row.dns, no_chance, false, &list);
	list_text(&list, text, sizeof(text));
	ck_assert_str_eq(text,
	    "z.example=192.0.2.26:25 a.example=192.0.2.1:25 b.example=192.0.2.2:25 c.example=192.0.2.3:25");
	ck_assert_uint_eq(list.address[1].rank, list.address[3].rank);
	ck_assert_uint_lt(list.address[0].rank, list.address[1].rank);
	mx_list_done(&list);
	walk(&d, row.dns, first_chance, false, &list);
	list_text(&list, text, sizeof(text));
	ck_assert_str_eq(text,
	    "z.example=192.0.2.26:25 b.example=192.0.2.2:25 c.example=192.0.2.3:25 a.example=192.0.2.1:25");
	mx_list_done(&list);
}
END_TEST

/* Many hosts with many addresses stay within the bounds, and the preferred ones stay. */
START_TEST(test_bounds)
{
	struct row row = { "", "d.example", false, NULL, "" };
	struct buf dns = BUF_INIT(1U << 20);
	struct destination d;
	struct mx_list list;

	for (int i = 59; i >= 0; i--)
		buf_printf(&dns, "d.example MX %d h%d.example;", i, i);
	for (int i = 0; i < 60; i++)
		for (int j = 1; j < 4; j++)
			buf_printf(&dns, "h%d.example A 192.0.%d.%d;", i, i, j);
	row.dns = buf_text(&dns);
	make_destination(&d, &row);
	walk(&d, row.dns, no_chance, false, &list);
	ck_assert_uint_eq(list.count, MX_ADDRESSES_MAX);
	for (size_t i = 0; i < list.count; i++) {
		char host[40];

		snprintf(host, sizeof(host), "h%zu.example", i / 3);
		ck_assert_str_eq(list.address[i].host, host);
	}
	mx_list_done(&list);
	buf_done(&dns);
}
END_TEST

START_TEST(test_ttl_is_the_least)
{
	static const struct row row = { "", "d.example", false, "d.example A 192.0.2.1", "" };
	struct destination d;
	struct mx_list list;

	make_destination(&d, &row);
	walk(&d, row.dns, no_chance, false, &list);
	ck_assert_uint_eq(list.ttl, 300);
	mx_list_done(&list);
}
END_TEST

/* A host that the DNS gave no answer about is asked for again soon, not when the others have run out. */
START_TEST(test_ttl_after_trouble)
{
	static const struct row row = { "", "d.example", false,
	    "d.example MX 10 a.example;!a.example A;d.example MX 20 b.example;b.example A 192.0.2.2", "" };
	struct destination d;
	struct mx_list list;

	make_destination(&d, &row);
	walk(&d, row.dns, no_chance, false, &list);
	ck_assert_uint_eq(list.count, 1);
	ck_assert_uint_le(list.ttl, 60);
	mx_list_done(&list);
}
END_TEST

/* Some answers are late: `late` are the names, "name A" for one type of it. What is there so far. */
static const struct { const char *dns, *late; bool dane, all; const char *expect; } so_far[] = {
#define TWO "d.example MX 10 a.example;d.example MX 20 b.example;a.example A 192.0.2.1;b.example A 192.0.2.2"
	{ TWO, "b.example", false, false, "a.example=192.0.2.1:25" },
	/* the first might be us: the second is used when it takes long */
	{ TWO, "a.example", false, false, "" },
	{ TWO, "a.example", false, true, "b.example=192.0.2.2:25" },
	{ TWO, "a.example AAAA", false, false, "a.example=192.0.2.1:25 b.example=192.0.2.2:25" },
	{ TWO, "a.example b.example", false, true, "" },
	{ TWO, "d.example", false, true, "" },
	/* what proof it needs is not known yet */
	{ TWO, "a.example AAAA", true, true, "b.example=192.0.2.2:25" },
	/* its other addresses show that the first is us */
	{ "d.example MX 10 a.example;d.example MX 10 b.example;a.example A 192.0.2.99;b.example A 192.0.2.2",
	    "a.example AAAA", false, true, "" },
};

static bool
is_late(const char *late, const struct mx_question *q)
{
	char name[300], kind[300];

	for (size_t i = 0; i < nitems_of(types); i++)
		if (types[i].type == q->type)
			snprintf(kind, sizeof(kind), "%s %s", q->name, types[i].name);
	snprintf(name, sizeof(name), "%s", q->name);
	return strcmp(late, kind) == 0 || (strstr(late, name) != NULL && strstr(late, " AAAA") == NULL);
}

START_TEST(test_so_far)
{
	struct mx_settings set = { .server = &us, .hostname = "vm.example", .own = self,
	    .nown = nitems_of(self), .chance = no_chance };
	struct msg_dns_answer *a = mem_new(struct msg_dns_answer);

	set_self();
	for (size_t i = 0; i < nitems_of(so_far); i++) {
		static const struct row row = { "", "d.example", false, "", "" };
		struct destination d;
		struct mx_list list;
		struct mx_question q;
		char text[2000] = "";

		make_destination(&d, &row);
		d.security.tls = so_far[i].dane ? CONFIG_OUT_TLS_DANE : CONFIG_OUT_TLS_MAY;
		struct mx_lookup *w = mx_lookup_new(&d, &set);
		while (mx_lookup_ask(w, &q)) {
			if (is_late(so_far[i].late, &q))
				continue;
			answer(so_far[i].dns, q.type, q.name, a);
			mx_lookup_answer(w, q.tag, a);
		}
		ck_assert(!mx_lookup_end(w, &list));
		if (mx_lookup_so_far(w, so_far[i].all, &list)) {
			list_text(&list, text, sizeof(text));
			mx_list_done(&list);
		}
		ck_assert_msg(strcmp(text, so_far[i].expect) == 0, "row %zu: got \"%s\"", i, text);
		mx_lookup_free(w);
	}
	free(a);
}
END_TEST

/* Addresses of others, as the supervisor tells them: the whole line counts. */
/* shows 2.6q */
START_TEST(test_addresses_of_others)
{
	static const struct { const char *others; bool own; } lists[] = {
		{ NULL, true }, { "", true }, { "192.0.2.9:25\n", false }, { "192.0.2.9:26\n192.0.2.9:25\n", false },
		{ "[2001:db8::9]:25\n192.0.2.9:25\n192.0.2.9:26\n", false },
		{ "192.0.2.9:250\n", true }, { "1192.0.2.9:25\n", true }, { "[2001:db8::9]:25\n", true },
		{ "192.0.2.9:250\n1192.0.2.9:25\n192.0.2.9:25\n", false },
	};
	struct config_server own_server = { .name = (char *)"us" };
	struct net_address own;
	const char *why;

	ck_assert(net_address_parse(&own, "192.0.2.9:25", 0, &why) == 0);
	for (size_t i = 0; i < nitems_of(lists); i++) {
		struct mx_settings s = { .server = &own_server, .own = &own, .nown = 1, .others = lists[i].others };

		ck_assert_msg(own_address_has(&s, &own) == lists[i].own, "row %zu", i);
	}
}
END_TEST

UNIT_MAIN("mx", test_addresses_of_others, test_rows, test_dane_rows, test_equal_preferences_are_shuffled_within, test_bounds,
    test_ttl_is_the_least, test_ttl_after_trouble, test_so_far)
