/* dns_spf, dns_dmarc, dkim_record - what records of the DNS mean, by a small DNS of the test */
#include "t/unit/check_main.h"

#include <arpa/inet.h>
#include <string.h>

#include "common/base/net.h"
#include "common/dkim/dkim_record.h"
#include "master/posternctl/dns/dns.h"

/* Names of one type side by side are the records of one answer; "!" is trouble. */
static const struct { const char *name, *type, *text; } zone[] = {
	{ "ip.example", "TXT", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all" },
	{ "soft.example", "TXT", "v=spf1 ~all" }, { "neutral.example", "TXT", "v=spf1 ?all" },
	{ "end.example", "TXT", "v=spf1" }, { "case.example", "TXT", "V=SPF1 IP4:192.0.2.1 -ALL" },
	{ "a.example", "TXT", "v=spf1 a -all" }, { "a.example", "A", "192.0.2.1" },
	{ "a24.example", "TXT", "v=spf1 a:far.example/24//64 -all" }, { "far.example", "A", "192.0.2.200" },
	{ "mx.example", "TXT", "v=spf1 mx -all" }, { "mx.example", "MX", "10 far.example" },
	{ "mx.example", "MX", "20 a.example" },
	{ "include.example", "TXT", "v=spf1 include:soft.example include:ip.example -all" },
	{ "bad-include.example", "TXT", "v=spf1 include:nothing.example -all" },
	{ "redirect.example", "TXT", "v=spf1 redirect=ip.example" },
	{ "modifier.example", "TXT", "v=spf1 exp=x.example ip4:192.0.2.1 -all" },
	{ "two.example", "TXT", "v=spf1 -all" }, { "two.example", "TXT", "v=spf1 +all" },
	{ "other.example", "TXT", "google-site-verification=x" }, { "other.example", "TXT", "v=spf10 -all" },
	{ "broken.example", "TXT", "v=spf1 ipv4:192.0.2.1 -all" }, { "broken2.example", "TXT", "v=spf1 ip4:192.0.2.1/33 -all" },
	{ "broken3.example", "TXT", "v=spf1 ip4:x -all" }, { "macro.example", "TXT", "v=spf1 exists:%{i}.x.example -all" },
	{ "loop.example", "TXT", "v=spf1 include:loop.example -all" },
	{ "many.example", "TXT", "v=spf1 a:a.x a:far.example a:far.example a:far.example a:far.example a:far.example "
	    "a:far.example a:far.example a:far.example a:far.example a:far.example -all" },
	{ "void.example", "TXT", "v=spf1 a:x.x a:y.y a:z.z -all" }, { "trouble.example", "TXT", "!" },
	{ "trouble2.example", "TXT", "v=spf1 a:trouble2.example -all" }, { "trouble2.example", "A", "!" },
	{ "_dmarc.own.example", "TXT", "v=DMARC1; p=reject; adkim=s" },
	{ "_dmarc.above.example", "TXT", "v=DMARC1; p=quarantine; sp=none" }, { "_dmarc.above.example", "TXT", "other" },
	{ "_dmarc.twice.example", "TXT", "v=DMARC1; p=none" }, { "_dmarc.twice.example", "TXT", "v=DMARC1; p=reject" },
	{ "_dmarc.trouble.example", "TXT", "!" }, { "_dmarc.e5.example", "TXT", "v=DMARC1;p=reject" },
};
static unsigned asked;

static void
ask(void *arg, struct dns_answer *a, const char *type, const char *name)
{
	*a = (struct dns_answer){ .result = DNS_ASK_NONE, .text = BUF_INIT(10000) };
	asked++;
	for (size_t i = 0; i < nitems_of(zone); i++) {
		if (strcmp(zone[i].name, name) != 0 || strcmp(zone[i].type, type) != 0)
			continue;
		if (*zone[i].text == '!') {
			a->result = DNS_ASK_TROUBLE;
			buf_puts(&a->text, "SERVFAIL");
			return;
		}
		a->result = DNS_ASK_FOUND;
		buf_add(&a->text, zone[i].text, strlen(zone[i].text) + 1);
	}
	for (size_t at = 0; at < a->text.len; at += strlen(a->text.data + at) + 1) {
		a->record = mem_grow(a->record, a->count, sizeof(*a->record));
		a->record[a->count++] = a->text.data + at;
	}
}

static const struct { const char *domain, *address; enum dns_spf result; const char *why; } spf[] = {
	{ "ip.example", "192.0.2.1", DNS_SPF_PASS, "ip4:192.0.2.0/24 of ip.example" },
	{ "ip.example", "192.0.3.1", DNS_SPF_FAIL, "all of ip.example" },
	{ "ip.example", "2001:db8::1", DNS_SPF_PASS, "ip6" }, { "ip.example", "2001:db9::1", DNS_SPF_FAIL, "all" },
	{ "soft.example", "192.0.2.1", DNS_SPF_SOFTFAIL, "all" }, { "neutral.example", "192.0.2.1", DNS_SPF_NEUTRAL, "all" },
	{ "end.example", "192.0.2.1", DNS_SPF_NEUTRAL, "" }, { "case.example", "192.0.2.1", DNS_SPF_PASS, "IP4" },
	{ "a.example", "192.0.2.1", DNS_SPF_PASS, "a of a.example" }, { "a.example", "192.0.2.2", DNS_SPF_FAIL, "all" },
	{ "a24.example", "192.0.2.1", DNS_SPF_PASS, "a:far.example/24//64" },
	{ "mx.example", "192.0.2.1", DNS_SPF_PASS, "mx of mx.example" }, { "mx.example", "192.0.2.7", DNS_SPF_FAIL, "all" },
	{ "include.example", "192.0.2.1", DNS_SPF_PASS, "ip4" }, { "include.example", "192.0.9.1", DNS_SPF_FAIL, "all of include" },
	{ "bad-include.example", "192.0.2.1", DNS_SPF_BROKEN, "nothing.example has no SPF record" },
	{ "redirect.example", "192.0.2.1", DNS_SPF_PASS, "ip.example" }, { "modifier.example", "192.0.2.1", DNS_SPF_PASS, "ip4" },
	{ "two.example", "192.0.2.1", DNS_SPF_BROKEN, "several" }, { "other.example", "192.0.2.1", DNS_SPF_NONE, "no SPF" },
	{ "nowhere.example", "192.0.2.1", DNS_SPF_NONE, "no SPF" }, { "broken.example", "192.0.2.1", DNS_SPF_BROKEN, "unknown term" },
	{ "broken2.example", "192.0.2.1", DNS_SPF_BROKEN, "ip4" }, { "broken3.example", "192.0.2.1", DNS_SPF_BROKEN, "ip4" },
	{ "macro.example", "192.0.2.1", DNS_SPF_UNKNOWN, "exists" }, { "loop.example", "192.0.2.1", DNS_SPF_BROKEN, "" },
	{ "many.example", "192.0.2.1", DNS_SPF_BROKEN, "more than 10 terms" }, { "void.example", "192.0.2.1", DNS_SPF_BROKEN, "more than 2" },
	{ "trouble.example", "192.0.2.1", DNS_SPF_TROUBLE, "SERVFAIL" }, { "trouble2.example", "192.0.2.1", DNS_SPF_TROUBLE, "SERVFAIL" },
};

START_TEST(spf_results)
{
	struct buf why = BUF_INIT(1000);

	for (size_t i = 0; i < nitems_of(spf); i++) {
		struct dns_spf_question q = { .ask = ask, .why = &why };
		struct net_address a;
		const char *bad;

		ck_assert_int_eq(net_address_parse(&a, spf[i].address, 0, &bad), 0);
		q.address = (const struct sockaddr *)&a.sa;
		asked = 0;
		ck_assert_msg(dns_spf_judge(&q, spf[i].domain) == spf[i].result, "%s %s: %s", spf[i].domain, spf[i].address,
		    buf_text(&why));
		ck_assert_msg(strstr(buf_text(&why), spf[i].why) != NULL, "%s: %s", spf[i].domain, buf_text(&why));
		ck_assert_uint_le(asked, 30);
	}
	buf_done(&why);
}
END_TEST

START_TEST(dmarc_policies)
{
	static const struct { const char *domain; enum dns_dmarc result; const char *policy, *name; } rows[] = {
		{ "own.example", DNS_DMARC_FOUND, "reject", "_dmarc.own.example" },
		{ "above.example", DNS_DMARC_FOUND, "quarantine", "_dmarc.above.example" },
		{ "x.y.above.example", DNS_DMARC_FOUND, "none", "_dmarc.above.example" },
		{ "twice.example", DNS_DMARC_NONE, NULL, NULL }, { "nowhere.example", DNS_DMARC_NONE, NULL, NULL },
		{ "trouble.example", DNS_DMARC_TROUBLE, NULL, "SERVFAIL" },
		{ "a.b.c.d.e.f.g.h.i.j.e5.example", DNS_DMARC_FOUND, "reject", "_dmarc.e5.example" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct dns_dmarc_found f = { .name = "" };

		asked = 0;
		ck_assert_msg(dns_dmarc_find(&f, ask, NULL, rows[i].domain) == rows[i].result, "%s", rows[i].domain);
		if (rows[i].policy != NULL)
			ck_assert_str_eq(f.policy, rows[i].policy);
		if (rows[i].name != NULL)
			ck_assert_str_eq(f.name, rows[i].name);
		ck_assert_uint_le(asked, 8);
	}
}
END_TEST

START_TEST(key_records)
{
	static const char rsa[] = "v=DKIM1; k=rsa; p=AAAA", ed[] = "v=DKIM1; k=ed25519; p=BBBB";
	static const struct { const char *text, *wanted; enum dkim_record result; const char *why; } rows[] = {
		{ rsa, rsa, DKIM_RECORD_GOOD, "" }, { ed, ed, DKIM_RECORD_GOOD, "" }, { "p=AAAA", rsa, DKIM_RECORD_GOOD, "" },
		{ "v=DKIM1;p=AA AA ; n=x", rsa, DKIM_RECORD_GOOD, "" }, { "v=DKIM1; h=sha1:sha256; s=email; p=AAAA", rsa, DKIM_RECORD_GOOD, "" },
		{ "v=DKIM1; s=*; t=s; p=AAAA", rsa, DKIM_RECORD_GOOD, "" }, { "v=DKIM1; t=y:s; p=AAAA", rsa, DKIM_RECORD_WARNING, "t=y" },
		{ "v=DKIM1; p=AAAB", rsa, DKIM_RECORD_WRONG, "another key" }, { "v=DKIM1; p=AAA", rsa, DKIM_RECORD_WRONG, "another key" },
		{ "v=DKIM1; p=", rsa, DKIM_RECORD_WRONG, "revoked" }, { "v=DKIM1", rsa, DKIM_RECORD_WRONG, "no p=" },
		{ "v=spf1 -all", rsa, DKIM_RECORD_WRONG, "version" }, { "p=AAAA; v=DKIM1", rsa, DKIM_RECORD_WRONG, "version" },
		{ "v=DKIM1; p=BBBB", ed, DKIM_RECORD_WRONG, "k=ed25519" }, { "v=DKIM1; k=ed25519; p=AAAA", rsa, DKIM_RECORD_WRONG, "another kind" },
		{ "v=DKIM1; h=sha1; p=AAAA", rsa, DKIM_RECORD_WRONG, "sha256" }, { "v=DKIM1; s=tlsrpt; p=AAAA", rsa, DKIM_RECORD_WRONG, "not for mail" },
		{ "", rsa, DKIM_RECORD_WRONG, "no p=" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf why = BUF_INIT(300);

		ck_assert_msg(dkim_record_compare(rows[i].text, rows[i].wanted, &why) == rows[i].result, "%s: %s", rows[i].text,
		    buf_text(&why));
		ck_assert_msg(strstr(buf_text(&why), rows[i].why) != NULL, "%s: %s", rows[i].text, buf_text(&why));
		buf_done(&why);
	}
}
END_TEST

UNIT_MAIN("dns_spf", spf_results, dmarc_policies, key_records)
