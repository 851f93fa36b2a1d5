/* policy - who may connect and relay, by rows; connections per client; reply rows are well-formed */
#include "t/unit/listener/world.h"

static const struct relay_row {
	enum config_list_mode mode;
	const char *list[3];
	const char *client;
	bool authenticated, allowed;
} relay_rows[] = {
	{ CONFIG_ONLY, { NULL }, "192.0.2.1", false, false },
	{ CONFIG_ONLY, { NULL }, "192.0.2.1", true, true },
	{ CONFIG_ONLY, { "192.0.2.0/24" }, "192.0.2.1", false, true },
	{ CONFIG_ONLY, { "192.0.2.0/24" }, "192.0.3.1", false, false },
	{ CONFIG_ONLY, { "192.0.2.0/255.255.255.0" }, "192.0.2.255", false, true },
	{ CONFIG_ONLY, { "192.0.2.7" }, "192.0.2.8", false, false },
	{ CONFIG_ONLY, { "192.0.2.7", "10.0.0.0/8" }, "10.255.0.1", false, true },
	{ CONFIG_ONLY, { "192.0.2.0/24" }, "[::ffff:192.0.2.1]", false, true },
	{ CONFIG_ONLY, { "2001:db8::/32" }, "[2001:db8::5]", false, true },
	{ CONFIG_ONLY, { "2001:db8::/32" }, "[2001:db9::5]", false, false },
	{ CONFIG_ONLY, { "2001:db8::/32" }, "192.0.2.1", false, false },
	{ CONFIG_ALL_EXCEPT, { "192.0.2.0/24" }, "192.0.2.1", false, false },
	{ CONFIG_ALL_EXCEPT, { "192.0.2.0/24" }, "192.0.2.1", true, true },
	{ CONFIG_ALL_EXCEPT, { "192.0.2.0/24" }, "192.0.3.1", false, true },
	{ CONFIG_ALL_EXCEPT, { NULL }, "192.0.3.1", false, true },
};

START_TEST(relay)
{
	for (size_t i = 0; i < nitems_of(relay_rows); i++) {
		const struct relay_row *row = &relay_rows[i];
		struct world w;
		world_init(&w);
		w.server.relay = w.server.connection_control = row->mode;
		for (size_t k = 0; k < nitems_of(row->list) && row->list[k] != NULL; k++) {
			world_add_net(&w.server.relay_list, row->list[k]);
			world_add_net(&w.server.connection_list, row->list[k]);
		}
		world_client(&w, row->client);
		const struct sockaddr *sa = (const struct sockaddr *)&w.client.sa;
		ck_assert_msg(policy_may_relay(&w.server, sa, row->authenticated) == row->allowed, "relay row %zu", i);
		/* The connection list has the same forms and knows no authentication. */
		if (!row->authenticated)
			ck_assert_msg(policy_may_connect(&w.server, sa) == row->allowed, "connect row %zu", i);
		world_done(&w);
	}
}
END_TEST

START_TEST(relay_without_the_authenticated)
{
	struct world w;
	world_init(&w);
	w.server.relay_authenticated = false;
	ck_assert(!policy_may_relay(&w.server, (const struct sockaddr *)&w.client.sa, true));
	world_done(&w);
}
END_TEST

START_TEST(domains)
{
	static const struct { const char *domain; enum policy_domain where; } rows[] = {
		{ "example.com", POLICY_LOCAL }, { "alias.example", POLICY_LOCAL }, { "sub.alias.example", POLICY_REMOTE },
		{ "a.wild.example", POLICY_LOCAL }, { "wild.example", POLICY_REMOTE },
		{ "partner.example", POLICY_RELAYED }, { "sub.partner.example", POLICY_REMOTE },
		{ "remote.example", POLICY_REMOTE }, { "elsewhere.example", POLICY_REMOTE }, { "", POLICY_REMOTE },
		{ "[192.0.2.9]", POLICY_REMOTE }, { "xexample.com", POLICY_REMOTE },
	};
	struct world w;
	world_init(&w);
	world_add_domain(&w, "alias.example", CONFIG_DOMAIN_ALIAS, false);
	world_add_domain(&w, "*.wild.example", CONFIG_DOMAIN_ALIAS, false);
	world_add_domain(&w, "partner.example", CONFIG_DOMAIN_REMOTE, true);
	world_add_domain(&w, "remote.example", CONFIG_DOMAIN_REMOTE, false);
	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(policy_domain(&w.server, rows[i].domain) == rows[i].where, "%s", rows[i].domain);
	world_done(&w);
}
END_TEST

static const struct sockaddr *
address(struct net_address *a, const char *text)
{
	const char *why;
	ck_assert_int_eq(net_address_parse(a, text, 1, &why), 0);
	return (const struct sockaddr *)&a->sa;
}

START_TEST(per_client)
{
	struct net_address a, b, m;
	const struct sockaddr *one = address(&a, "192.0.2.1"), *two = address(&b, "[2001:db8::1]"), *mapped = address(&m, "[::ffff:192.0.2.1]");
	struct limit *t = limit_new(2);
	ck_assert(limit_take(t, one));
	ck_assert(limit_take(t, mapped));	/* the same client */
	ck_assert(!limit_take(t, one));
	ck_assert(limit_take(t, two));
	limit_give(t, mapped);
	ck_assert(limit_take(t, one));
	ck_assert(!limit_take(t, one));
	limit_give(t, one);
	limit_give(t, one);
	limit_give(t, two);
	limit_give(t, two);			/* once too often: nothing */
	ck_assert(limit_take(t, two));
	limit_free(t);
	t = limit_new(CONFIG_UNLIMITED);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert(limit_take(t, one));
	limit_give(t, one);
	limit_free(t);
}
END_TEST

/* RFC 3463 classes fit the codes; a long detail is cut, never the line's end. */
START_TEST(replies)
{
	char line[REPLY_SIZE], detail[2000];
	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	for (enum reply r = REPLY_GREETING; r < REPLY_COUNT; r++) {
		const struct reply_row *row = &reply_rows[r];
		ck_assert_msg(row->code >= 200 && row->code < 600 && row->text != NULL, "row %d", (int)r);
		if (row->status != NULL)
			ck_assert_msg(row->status[0] == '0' + row->code / 100, "row %d: %u %s", (int)r, row->code, row->status);
		ck_assert_msg((row->flags & (REPLY_CLOSE | REPLY_ERROR)) != (REPLY_CLOSE | REPLY_ERROR), "row %d", (int)r);
		size_t len = reply_format(line, r, detail);
		ck_assert_uint_lt(len, sizeof(line));
		ck_assert_uint_eq(len, strlen(line));
		ck_assert_str_eq(line + len - 2, "\r\n");
		const char *tail = strchr(row->text, '$');
		if (tail != NULL) {
			ck_assert_uint_eq(len, sizeof(line) - 1);
			ck_assert_msg(memcmp(line + len - 2 - strlen(tail + 1), tail + 1, strlen(tail + 1)) == 0, "row %d lost its end", (int)r);
		}
		ck_assert_uint_ge(reply_format(line, r, NULL), 5);
	}
}
END_TEST

UNIT_MAIN("policy", relay, relay_without_the_authenticated, domains, per_client, replies)
