/* tls_report_record - records that say where reports go, as domains have them and as they should not */

#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/tls_report/tls_report.h"
#include "t/unit/check_main.h"

static struct msg_dns_answer answer;
static struct tls_report_record found;

static void
add(const char *text)
{
	struct msg_dns_record *r = &answer.record[answer.count++];

	r->preference = 0;
	r->len = (uint16_t)strlen(text);
	memcpy(r->data, text, r->len);
}

static bool
read_one(const char *text)
{
	memset(&answer, 0, sizeof(answer));
	add(text);
	return tls_report_record_read(&found, &answer);
}

START_TEST(test_records)
{
	static const struct { const char *text; bool record; size_t count; const char *first; } rows[] = {
		{ "v=TLSRPTv1; rua=mailto:a@b.example", true, 1, "a@b.example" },
		{ "v=TLSRPTv1;rua=mailto:a@b.example;", true, 1, "a@b.example" },
		{ "v=TLSRPTv1 ; x.y-z=1 ;\trua=mailto:a@b.example ", true, 1, "a@b.example" },
		{ "v=TLSRPTv1;rua=MAILTO:a@b.example?subject=x&cc=c@d.example", true, 1, "a@b.example" },
		{ "v=TLSRPTv1;rua=mailto:a%21b@b.example", true, 1, "a!b@b.example" },
		{ "v=TLSRPTv1;rua=https://r.example/x?y=1,mailto:a@b.example", true, 2, "https://r.example/x?y=1" },
		{ "v=TLSRPTv1;rua=https://r.example:8443", true, 1, "https://r.example:8443" },
		{ "v=TLSRPTv1;rua=mailto:a@b.example,mailto:A@b.example", true, 1, "a@b.example" },
		{ "v=TLSRPTv1;rua=mailto:a@b.example;rua=mailto:c@b.example", true, 2, "a@b.example" },
		{ "v=TLSRPTv1;rua=mailto:1@b.example,mailto:2@b.example,mailto:3@b.example,mailto:4@b.example,"
		    "mailto:5@b.example", true, 4, "1@b.example" },
		{ "v=TLSRPTv1;", true, 0, NULL }, { "v=TLSRPTv1; rua=", true, 0, NULL },
		{ "v=TLSRPTv1; RUA=mailto:a@b.example", true, 0, NULL },
		{ "v=TLSRPTv1;rua=mailto:", true, 0, NULL }, { "v=TLSRPTv1;rua=mailto:a", true, 0, NULL },
		{ "v=TLSRPTv1;rua=mailto:a@[192.0.2.1]", true, 0, NULL },
		{ "v=TLSRPTv1;rua=mailto:a%0d%0aBcc:x@b.example", true, 0, NULL },
		{ "v=TLSRPTv1;rua=mailto:a%4@b.example", true, 0, NULL }, { "v=TLSRPTv1;rua=mailto:a@b%", true, 0, NULL },
		{ "v=TLSRPTv1;rua=mailto:a@b%2", true, 0, NULL }, { "v=TLSRPTv1;rua=mailto:a@b%zz", true, 0, NULL },
		{ "v=TLSRPTv1;rua=http://r.example/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https:///x", true, 0, NULL }, { "v=TLSRPTv1;rua=https://", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://localhost/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://u:p@r.example/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://192.0.2.1/", true, 0, NULL }, { "v=TLSRPTv1;rua=https://[::1]/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://0x7f.1/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://r.example:0/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://r.example:65536/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://r.example:/", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://r.example/a b", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://r.example/#x", true, 0, NULL },
		{ "v=TLSRPTv1;rua=https://r.example\\@s.example/", true, 0, NULL },
		{ "v=TLSRPTv1", false, 0, NULL }, { "v=TLSRPTv2; rua=mailto:a@b.example", false, 0, NULL },
		{ "v=tlsrptv1; rua=mailto:a@b.example", false, 0, NULL }, { "", false, 0, NULL },
		{ " v=TLSRPTv1; rua=mailto:a@b.example", false, 0, NULL },
		{ "v=TLSRPTv1 rua=mailto:a@b.example", false, 0, NULL },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		ck_assert_msg(read_one(rows[i].text) == rows[i].record, "%s", rows[i].text);
		ck_assert_msg(found.count == rows[i].count, "%s: %zu", rows[i].text, found.count);
		if (rows[i].first != NULL)
			ck_assert_str_eq(found.target[0].text, rows[i].first);
		ck_assert_msg(!rows[i].record || rows[i].count > 0 || found.why[0] != '\0', "%s", rows[i].text);
	}
	ck_assert(read_one("v=TLSRPTv1;rua=https://R.Example:8443/X"));
	ck_assert_str_eq(found.target[0].host, "r.example");
	ck_assert_uint_eq(found.target[0].port, 8443);
}
END_TEST

/* Others may stand at that name; of two records none counts. */
START_TEST(test_several)
{
	memset(&answer, 0, sizeof(answer));
	add("something else");
	add("v=TLSRPTv1;rua=mailto:a@b.example");
	ck_assert(tls_report_record_read(&found, &answer));
	ck_assert_uint_eq(found.count, 1);
	add("v=TLSRPTv1;rua=mailto:a@b.example");
	ck_assert(!tls_report_record_read(&found, &answer));
	answer.result = DNS_NO_NAME;
	ck_assert(!tls_report_record_read(&found, &answer));
}
END_TEST

UNIT_MAIN("tls_report_record", test_records, test_several)
