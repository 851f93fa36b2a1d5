/* rdns - look-ups under way: one network has its share of them, also of those that nobody waits for any more */
#include <stdio.h>

#include "common/base/net.h"
#include "common/boot/boot.h"
#include "common/helpers/dns_client.h"
#include "common/process/loop.h"
#include "listener/accept/accept.h"
#include "t/unit/check_main.h"

static void
need_nothing(void *arg)
{
}

static void
take_names(void *arg, enum policy_state state, char *names)
{
	free(names);
}

/* How many of `count` clients of a network are asked for; their addresses differ in `byte`. */
static unsigned
ask_many(struct rdns *r, const char *text, unsigned byte, unsigned count)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < count; i++) {
		struct net_address a;
		struct rdns_query *q;
		const char *why;

		ck_assert_int_eq(net_address_parse(&a, text, 25, &why), 0);
		if (a.sa.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&a.sa)->sin6_addr.s6_addr[byte] = (uint8_t)i;
		else
			((uint8_t *)&((struct sockaddr_in *)&a.sa)->sin_addr)[byte] = (uint8_t)i;
		q = rdns_ask(r, (const struct sockaddr *)&a.sa, take_names, NULL);
		rdns_forget(q);
		asked += q != NULL;
	}
	return asked;
}

START_TEST(share)
{
	struct boot b = { .loop = loop_new() };
	struct ctl_client *resolver = dns_client_new(b.loop, need_nothing, NULL);
	struct rdns *r = rdns_new(&b, resolver);

	ck_assert_uint_eq(ask_many(r, "192.0.2.1", 3, 256), 200);
	ck_assert_uint_eq(ask_many(r, "192.0.3.1", 3, 10), 10);
	ck_assert_uint_eq(ask_many(r, "[2001:db8:1::1]", 6, 250), 200);		/* a /64 each */
	ck_assert_uint_eq(ask_many(r, "[2001:db8:2::1]", 15, 10), 10);
	ck_assert_uint_eq(ask_many(r, "192.0.2.1", 3, 10), 0);
	ctl_client_free(resolver);
	rdns_free(r);
	loop_free(b.loop);
}
END_TEST

UNIT_MAIN("rdns", share)
