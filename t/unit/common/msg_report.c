/* msg_report - questions of deliver about reports: only a URL of the host and port that they name */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/msg/msg_report.h"
#include "t/unit/check_main.h"

static const struct { const char *url; uint16_t port; bool good; } rows[] = {
	{ "https://r.example", 443, true },
	{ "https://r.example/", 443, true },
	{ "HTTPS://R.example?x=1", 443, true },
	{ "https://r.example:8443/v1?x", 8443, true },
	{ "https://r.example:443", 443, true },
	{ "https://r.example:443?x", 443, true },
	/* another port than that of the addresses */
	{ "https://r.example/", 8443, false },
	{ "https://r.example:8443/", 443, false },
	{ "https://r.example:84430/", 8443, false },
	{ "https://r.example:18446744073709551617/", 1, false },
	{ "https://r.example:/", 443, false },
	{ "https://r.example:-443/", 443, false },
	{ "https://r.example: 443/", 443, false },
	/* the host is the name of a user, or the beginning of another name */
	{ "https://r.example:x@evil.example/", 443, false },
	{ "https://r.example:443@evil.example/", 443, false },
	{ "https://r.example:8443@evil.example/", 8443, false },
	{ "https://r.example@evil.example/", 443, false },
	{ "https://r.example.evil.example/", 443, false },
	{ "https://evil.example/", 443, false },
	{ "https://r.example#@evil.example/", 443, false },
	{ "http://r.example/", 443, false },
	{ "", 443, false },
};

START_TEST(test_urls)
{
	struct msg_report_ask *a = mem_new(struct msg_report_ask), *taken = mem_new(struct msg_report_ask);

	snprintf(a->host, sizeof(a->host), "r.example");
	a->addresses = 1;
	a->len = 1;
	for (size_t i = 0; i < nitems_of(rows); i++) {
		a->port = rows[i].port;
		memset(a->url, 0, sizeof(a->url));
		snprintf(a->url, sizeof(a->url), "%s", rows[i].url);
		ck_assert_msg(msg_report_ask_take(taken, a, msg_report_ask_size(a)) == rows[i].good, "%s",
		    rows[i].url);
	}
	free(a);
	free(taken);
}
END_TEST

UNIT_MAIN("msg_report", test_urls)
