/* tls_report_text - a report as JSON and as a message: hostile words, few details where there is little room */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/config/config.h"
#include "common/mail/header.h"
#include "deliver/tls_report/tls_report.h"
#include "t/unit/check_main.h"

static struct config_domain local = { .name = (char *)"a.example" };
static struct config_server server = { .fqdn = (char *)"mx.a.example", .default_domain = &local,
    .tls_report_organization = (char *)"A \"B\" \\ C" };

static void
add(struct tls_tally *t, enum tls_result result, const char *reason)
{
	struct tls_applied *a = tls_applied_new("d.example", TLS_APPLIED_STS);
	struct tls_session s = { .applied = a, .result = result, .source = "", .host = "mx.d.example", .helo = "",
	    .ip = "192.0.2.1", .reason = reason };

	tls_applied_sts(a, "testing", "mx.d.example *.d.example", 86400);
	ck_assert(tls_tally_add(t, &s));
	tls_applied_put(a);
}

START_TEST(test_json)
{
	struct tls_tally *t = tls_tally_new(20000);
	struct tls_report_about about;
	struct buf json = BUF_INIT(100000);

	add(t, TLS_RESULT_GOOD, "");
	add(t, TLS_RESULT_EXPIRED, "\"},\r\n\\ \x1b[0m \xc3\xa4");
	tls_report_text_init(&about, &server, tls_tally_find(t, "d.example"));
	tls_report_text_json(&json, &about, 10);
	ck_assert_str_eq(buf_text(&json),
	    "{\"organization-name\":\"A \\\"B\\\" \\\\ C\",\"date-range\":{\"start-datetime\":\"2024-10-04T00:00:00Z\","
	    "\"end-datetime\":\"2024-10-04T23:59:59Z\"},\"contact-info\":\"postmaster@a.example\","
	    "\"report-id\":\"2024-10-04.d.example@mx.a.example\",\"policies\":[{\"policy\":{\"policy-type\":\"sts\","
	    "\"policy-string\":[\"version: STSv1\",\"mode: testing\",\"max_age: 86400\",\"mx: mx.d.example\","
	    "\"mx: *.d.example\"],\"policy-domain\":\"d.example\",\"mx-host\":[\"mx.d.example\",\"*.d.example\"]},"
	    "\"summary\":{\"total-successful-session-count\":1,\"total-failure-session-count\":1},"
	    "\"failure-details\":[{\"result-type\":\"certificate-expired\",\"receiving-mx-hostname\":\"mx.d.example\","
	    "\"receiving-ip\":\"192.0.2.1\",\"failed-session-count\":1,"
	    "\"failure-reason-code\":\"\\\"},??\\\\ ?[0m ??\"}]}]}\n");
	buf_done(&json);
	tls_tally_free(t);
}
END_TEST

static size_t
count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

/* "" when it is no gzip. */
static char *
unpack(const struct buf *packed)
{
	char *text = mem_zalloc(1 << 20);
	z_stream z = { .next_in = (Bytef *)packed->data, .avail_in = (uInt)packed->len, .next_out = (Bytef *)text,
	    .avail_out = (1 << 20) - 1 };

	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	return text;
}

START_TEST(test_little_room)
{
	struct tls_tally *t = tls_tally_new(20000);
	struct tls_report_about about;
	struct buf packed = BUF_INIT(100000);
	char reason[200], *text;

	for (unsigned i = 0; i < TLS_TALLY_DETAILS_MAX; i++) {
		for (size_t k = 0; k + 1 < sizeof(reason); k++)
			reason[k] = (char)('!' + (k * 7919 + i * 104729 + k * k * i) % 90);
		reason[sizeof(reason) - 1] = '\0';
		add(t, TLS_RESULT_OTHER, reason);
	}
	add(t, TLS_RESULT_OTHER, reason);	/* the last one has two: it is the last to be left out */
	tls_report_text_init(&about, &server, tls_tally_find(t, "d.example"));
	ck_assert(tls_report_text_make(&packed, &about, 40000));
	text = unpack(&packed);
	ck_assert_uint_eq(count(text, "result-type"), TLS_TALLY_DETAILS_MAX);
	free(text);
	ck_assert(tls_report_text_make(&packed, &about, 2000));
	ck_assert_uint_le(packed.len, 2000);
	text = unpack(&packed);
	ck_assert_uint_lt(count(text, "result-type"), TLS_TALLY_DETAILS_MAX);
	ck_assert_uint_eq(count(text, "\"failed-session-count\":2"), 1);
	ck_assert_uint_eq(count(text, "\"total-failure-session-count\":65"), 1);
	free(text);
	ck_assert(!tls_report_text_make(&packed, &about, 50));
	buf_done(&packed);
	tls_tally_free(t);
}
END_TEST

START_TEST(test_mail)
{
	struct tls_tally *t = tls_tally_new(20000);
	struct tls_report_about about;
	struct buf packed = BUF_INIT(1000), mail = BUF_INIT(100000);

	add(t, TLS_RESULT_GOOD, "");
	tls_report_text_init(&about, &server, tls_tally_find(t, "d.example"));
	for (int i = 0; i < 500; i++)
		buf_add(&packed, &(char){ (char)i }, 1);
	tls_report_mail(&mail, &about, "tls@d.example", "Fri, 4 Oct 2024 02:00:00 +0000", &packed);
	ck_assert(buf_ok(&mail));
	ck_assert_uint_gt(header_size(mail.data, mail.len), 400);
	for (char *line = mail.data, *end; *line != '\0'; line = end + 2) {
		end = strstr(line, "\r\n");
		ck_assert_ptr_nonnull(end);
		ck_assert_int_le(end - line, 120);
		ck_assert_ptr_null(memchr(line, '\n', (size_t)(end - line)));
	}
	ck_assert_ptr_nonnull(strstr(mail.data, "\r\nTLS-Required: No\r\n"));
	ck_assert_ptr_nonnull(strstr(mail.data, "\tfilename=\"mx.a.example!d.example!1728000000!1728086399.json.gz\"\r\n"));
	buf_done(&packed);
	buf_done(&mail);
	tls_tally_free(t);
}
END_TEST

UNIT_MAIN("tls_report_text", test_json, test_little_room, test_mail)
