/* config_filter - [filter NAME]: order, addresses, faults */
#include <sys/un.h>

#include "common/config/filter_place.h"
#include "t/unit/common/temp_config.h"

static const char sections[] =
    "[filter spam]\nconnect = inet:127.0.0.1:11332\ncontent-time = 2m\n"
    "[filter dkim]\nconnect = unix:/run/opendkim/opendkim.sock\nfor = pickup\non-failure = accept\n"
    "[filter av]\nconnect = inet:[::1]:7357\non-failure = disconnect\n";

START_TEST(sections_in_order)
{
	const struct config_server *s;
	struct filter_place a;
	const char *why;

	begin();
	put("servers/default.ini", sections);
	read_all();
	expect("sections", "");
	s = &config->server[0];
	ck_assert_uint_eq(s->nfilter, 3);
	ck_assert_str_eq(s->filter[0].name, "spam");
	ck_assert_uint_eq(s->filter[0].sources, CONFIG_FILTER_SMTP | CONFIG_FILTER_PICKUP);
	ck_assert_uint_eq(s->filter[0].content_time, 120000);
	ck_assert_uint_eq(s->filter[0].command_time, 30000);
	ck_assert_uint_eq(s->filter[1].sources, CONFIG_FILTER_PICKUP);
	ck_assert_int_eq(s->filter[1].on_failure, CONFIG_FILTER_ACCEPT);
	ck_assert_int_eq(s->filter[2].on_failure, CONFIG_FILTER_DISCONNECT);
	ck_assert_int_eq(filter_place_parse(&a, s->filter[1].connect, &why), 0);
	ck_assert_int_eq(a.sa.ss_family, AF_UNIX);
	ck_assert_str_eq(((struct sockaddr_un *)&a.sa)->sun_path, "/run/opendkim/opendkim.sock");
	ck_assert_int_eq(filter_place_parse(&a, s->filter[2].connect, &why), 0);
	ck_assert_int_eq(a.sa.ss_family, AF_INET6);
	ck_assert(config_filter_is_used(s, CONFIG_FILTER_SMTP));
	put("servers/default.ini", "[filter dkim]\nconnect = unix:/run/x.sock\nfor = pickup\n");
	read_all();
	ck_assert(!config_filter_is_used(&config->server[0], CONFIG_FILTER_SMTP));
	ck_assert(config_filter_is_used(&config->server[0], CONFIG_FILTER_PICKUP));
	end();
}
END_TEST

START_TEST(bad_addresses)
{
	static const char *const bad[] = { "", "127.0.0.1:8891", "inet:localhost:8891", "inet:8891@127.0.0.1",
		"inet:127.0.0.1", "inet:127.0.0.1:0", "inet:127.0.0.1:65536", "inet:*:8891", "inet:0.0.0.0:8891",
		"inet:::1:8891", "unix:run/x", "unix:", "unix:/a/../b", "local:/run/x" };
	char path[200] = "unix:/";
	struct filter_place a;
	const char *why;

	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(filter_place_parse(&a, bad[i], &why) == -1, "%s", bad[i]);
	memset(path + 6, 'x', 106);
	ck_assert_int_eq(filter_place_parse(&a, path, &why), 0);
	strcat(path, "x");
	ck_assert_int_eq(filter_place_parse(&a, path, &why), -1);
}
END_TEST

static const struct { const char *text, *want; } faulty[] = {
	{ "[filter]\n", "servers/default.ini:1" E "must be [filter NAME], NAME of lower-case letters, digits and hyphens, at "
	    "most 32 of them" },
	{ "[filter x]\nfor = smtp\n", "servers/default.ini:1" E "[filter x] has no connect: where does the filter listen?" },
	{ "[filter x]\nconnect = inet:localhost:1\n", "servers/default.ini:2" E "connect must be inet:ADDRESS:PORT "
	    "with a numeric address, as inet:127.0.0.1:8891 or inet:[::1]:8891, or unix:/PATH, not \"inet:localhost:1\"" },
};

START_TEST(faults_are_told)
{
	begin();
	for (size_t i = 0; i < nitems_of(faulty); i++) {
		put("servers/default.ini", faulty[i].text);
		read_all();
		expect(faulty[i].text, faulty[i].want);
	}
	end();
}
END_TEST

/* What `posternctl config` prints reads back as the same; so the helper stays. */
START_TEST(printed_and_compared)
{
	struct buf out = BUF_INIT(1U << 20);
	struct config *before;

	begin();
	put("servers/default.ini", sections);
	read_all();
	before = config;
	config = NULL;
	config_print_server(&before->server[0], false, &out);
	put("servers/default.ini", buf_text(&out));
	read_all();
	ck_assert_uint_eq(faults.errors, 0);
	ck_assert(config_filter_all_same(before, config));
	put("servers/default.ini", "[filter spam]\nconnect = inet:127.0.0.1:11332\n");
	read_all();
	ck_assert(!config_filter_all_same(before, config));
	config_free(before);
	buf_done(&out);
	end();
}
END_TEST

UNIT_MAIN("config_filter", sections_in_order, bad_addresses, faults_are_told, printed_and_compared)
