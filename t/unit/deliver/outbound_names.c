/* outbound_names - host names from the resolver helper, kept for their time to live; a helper that dies */
#include <unistd.h>

#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

START_TEST(test_names)
{
	struct sink k;

	for (int dies = 0; dies < 2; dies++) {
		unsigned asked;
		struct destination d, none;
		int fd;
		struct test_job *a, *b;

		set_up();
		helper_dies = dies;
		sink_open(&k, SINK_TAKES);
		names[0].name = "x.example", names[0].type = DNS_MX, names[0].data = "gone.example";
		names[1].name = "x.example", names[1].type = DNS_MX, names[1].data = "mx.example";
		names[2].name = "mx.example", names[2].type = DNS_A, names[2].data = "127.0.0.1";
		d = (struct destination){ .key = (char *)"dns:x.example", .domain = (char *)"x.example",
		    .by_mx = true, .port = k.port };
		none = (struct destination){ .key = (char *)"dns:y.example", .domain = (char *)"y.example",
		    .by_mx = true, .port = k.port };
		fd = content_file(small, SMALL);
		a = submit(&d, fd, SMALL, "ok@x.example", NULL);
		b = submit(&none, fd, SMALL, "ok@y.example", NULL);
		loop_run(loop);
		expect(a, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_str_eq(a->verdict[0].host, "mx.example");
		expect(b, 0, VERDICT_REFUSED, "5.1.2");
		ck_assert(!b->job.glitch);
		job_free(a);
		job_free(b);
		/* asked once while it lives */
		asked = names_asked;
		a = submit(&d, fd, SMALL, "ok@x.example", NULL);
		loop_run(loop);
		ck_assert_uint_eq(names_asked, asked);
		job_free(a);
		close(fd);
		sink_close(&k);
		tear_down();
	}
}
END_TEST

/* Two domains with the same host: one connection, kept from the one for the other. */
START_TEST(test_two_domains_one_host)
{
	struct sink k;

	set_up();
	sink_open(&k, SINK_TAKES);
	names[0].name = "x.example", names[0].type = DNS_MX, names[0].data = "mx.example";
	names[1].name = "y.example", names[1].type = DNS_MX, names[1].data = "MX.example";
	names[2].name = "mx.example", names[2].type = DNS_A, names[2].data = "127.0.0.1";
	names[3].name = "MX.example", names[3].type = DNS_A, names[3].data = "127.0.0.1";
	names[4].name = "z.example", names[4].type = DNS_A, names[4].data = "127.0.0.1";
	static struct destination to[] = {
		{ .key = (char *)"dns:x.example", .domain = (char *)"x.example", .by_mx = true },
		{ .key = (char *)"dns:y.example", .domain = (char *)"y.example", .by_mx = true },
		/* Another name: a connection of its own */
		{ .key = (char *)"dns:z.example", .domain = (char *)"z.example", .by_mx = true },
	};
	int fd = content_file(small, SMALL);
	for (int i = 0; i < 6; i++) {
		struct destination *d = &to[i % 3];
		struct test_job *t;

		d->port = k.port;
		t = submit(d, fd, SMALL, "ok@x.example", NULL);
		loop_run(loop);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		job_free(t);
	}
	ck_assert_uint_eq(k.connections, 2);
	ck_assert_uint_eq(k.messages, 6);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

/* The DNS fails when the addresses are due to be renewed: the old ones do. */
START_TEST(test_stale_addresses_are_better_than_none)
{
	struct sink k;
	struct destination d;
	int fd;

	set_up();
	server.max_messages_per_connection = 1;
	sink_open(&k, SINK_TAKES);
	names[0].name = "x.example", names[0].type = DNS_A, names[0].data = "127.0.0.1";
	d = (struct destination){ .key = (char *)"dns:x.example", .domain = (char *)"x.example",
	    .by_mx = true, .port = k.port };
	fd = content_file(small, SMALL);
	for (unsigned i = 0; i < 2; i++) {
		unsigned asked = names_asked;
		struct test_job *t = submit(&d, fd, SMALL, "ok@x.example", NULL);
		struct site *s = TAILQ_FIRST(&outbound->due);

		ck_assert_ptr_nonnull(s);
		s->expires = 0;
		loop_run(loop);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_uint_gt(names_asked, asked);
		job_free(t);
		dns_down = true;
	}
	dns_down = false;
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_helper_that_always_dies)
{
	struct destination d;
	int fd;
	struct test_job *t;

	set_up();
	helper_dies = UINT32_MAX;
	d = (struct destination){ .key = (char *)"dns:x.example", .domain = (char *)"x.example",
	    .by_mx = true, .port = 25 };
	fd = content_file(small, SMALL);
	t = submit(&d, fd, SMALL, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_LATER, "4.4.3");
	ck_assert_uint_eq(UINT32_MAX - helper_dies, 4);
	helper_dies = 0;
	job_free(t);
	close(fd);
	tear_down();
}
END_TEST

/*
 * A host that refuses an extension, and has another address each time: to the job each one is new, and would be
 * tried once more in another way.
 */
static char moving[NET_TEXT_SIZE];
static struct site *moving_site;
static unsigned refused;

static const char *
refuses_and_moves(struct session *s, const char *line)
{
	if (strncmp(line, "MAIL", 4) != 0)
		return NULL;
	ck_assert_uint_lt(++refused, 50);
	snprintf(moving, sizeof(moving), "127.0.1.%u", refused + 1);
	moving_site->expires = 0;
	return "500 5.5.1 what\r\n";
}

START_TEST(test_address_that_moves)
{
	struct destination d;
	struct test_job *t;
	struct sink k;
	int fd;

	set_up();
	sink_open_at(&k, SINK_TAKES, INADDR_ANY);
	k.answer = refuses_and_moves;
	snprintf(moving, sizeof(moving), "127.0.1.1");
	names[0].name = "x.example", names[0].type = DNS_A, names[0].data = moving;
	d = (struct destination){ .key = (char *)"dns:x.example", .domain = (char *)"x.example",
	    .by_mx = true, .port = k.port };
	fd = content_file(small, SMALL);
	t = submit(&d, fd, SMALL, "ok@x.example", NULL);
	moving_site = TAILQ_FIRST(&outbound->due);
	ck_assert_ptr_nonnull(moving_site);
	loop_run(loop);
	expect(t, 0, VERDICT_LATER, "4.5.1");
	ck_assert_uint_gt(refused, 3);
	job_free(t);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

UNIT_MAIN("outbound_names", test_names, test_two_domains_one_host, test_stale_addresses_are_better_than_none,
    test_helper_that_always_dies, test_address_that_moves)
