/* policy - rows of who may connect and relay; connections per client; all reply rows are well-formed */
#include <stdlib.h>

#include "common/msg/msg_dns.h"
#include "common/base/net_reverse.h"
#include "listener/accept/accept.h"
#include "listener/listener.h"
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

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

/* shows 2.4t */
START_TEST(relay)
{
	for (size_t i = 0; i < nitems_of(relay_rows); i++) {
		const struct relay_row *row = &relay_rows[i];
		struct session_fixture w;
		struct policy_client client;
		enum policy_answer want;

		fixture_init(&w);
		w.server.relay = w.server.connection_control = row->mode;
		for (size_t k = 0; k < nitems_of(row->list) && row->list[k] != NULL; k++) {
			fixture_add_net(&w.server.relay_list, row->list[k]);
			fixture_add_net(&w.server.connection_list, row->list[k]);
		}
		fixture_client(&w, row->client);
		client = (struct policy_client){ .address = (const struct sockaddr *)&w.client.sa };
		want = row->allowed ? POLICY_YES : POLICY_NO;
		ck_assert_msg(policy_may_relay(&w.server, &client, row->authenticated) == want,
		    "relay row %zu", i);
		/* The connection list has the same forms and knows no authentication. */
		if (!row->authenticated)
			ck_assert_msg(policy_may_connect(&w.server, &client) == want, "connect row %zu", i);
		ck_assert(!policy_wants_names(&w.server));
		fixture_done(&w);
	}
}
END_TEST

/*
 * Lists with domain names; 192.0.2.1 connects. Each row: what the connection list says, and what the relay
 * list says.
 */
static const struct name_row {
	enum config_list_mode mode;
	const char *list[3];
	enum policy_state state;
	const char *names;		/* ended by two NULs */
	enum policy_answer connect, relay;
} name_rows[] = {
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, "example.com\0", POLICY_YES, POLICY_YES },
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, "MX.Example.COM\0", POLICY_YES, POLICY_YES },
	{ CONFIG_ONLY, { "Example.com" }, POLICY_NAMED, "a.b.example.com\0", POLICY_YES, POLICY_YES },
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, "notexample.com\0", POLICY_NO, POLICY_NO },
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, "example.com.evil.example\0", POLICY_NO, POLICY_NO },
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, "com\0", POLICY_NO, POLICY_NO },
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, "other.example\0mx.example.com\0", POLICY_YES,
	    POLICY_YES },
	{ CONFIG_ONLY, { "example.com" }, POLICY_NAMED, NULL, POLICY_NO, POLICY_NO },
	{ CONFIG_ONLY, { "example.com" }, POLICY_ASKING, NULL, POLICY_WAIT, POLICY_WAIT },
	{ CONFIG_ONLY, { "example.com" }, POLICY_TROUBLE, NULL, POLICY_LATER, POLICY_LATER },
	{ CONFIG_ALL_EXCEPT, { "example.com" }, POLICY_NAMED, "mx.example.com\0", POLICY_NO, POLICY_NO },
	{ CONFIG_ALL_EXCEPT, { "example.com" }, POLICY_NAMED, "mx.example.org\0", POLICY_YES, POLICY_YES },
	{ CONFIG_ALL_EXCEPT, { "example.com" }, POLICY_NAMED, NULL, POLICY_YES, POLICY_YES },
	{ CONFIG_ALL_EXCEPT, { "example.com" }, POLICY_ASKING, NULL, POLICY_WAIT, POLICY_WAIT },
	/* In trouble a client may connect, but may not relay. */
	{ CONFIG_ALL_EXCEPT, { "example.com" }, POLICY_TROUBLE, NULL, POLICY_YES, POLICY_LATER },
	/* An address that decides waits for no name, wherever it stands in the list. */
	{ CONFIG_ONLY, { "example.com", "192.0.2.0/24" }, POLICY_ASKING, NULL, POLICY_YES, POLICY_YES },
	{ CONFIG_ONLY, { "example.com", "192.0.2.0/24" }, POLICY_TROUBLE, NULL, POLICY_YES, POLICY_YES },
	{ CONFIG_ALL_EXCEPT, { "example.com", "192.0.2.1" }, POLICY_ASKING, NULL, POLICY_NO, POLICY_NO },
	{ CONFIG_ALL_EXCEPT, { "example.com", "10.0.0.0/8" }, POLICY_ASKING, NULL, POLICY_WAIT, POLICY_WAIT },
	/* Without a domain name in the list nothing waits. */
	{ CONFIG_ONLY, { "10.0.0.0/8" }, POLICY_ASKING, NULL, POLICY_NO, POLICY_NO },
	{ CONFIG_ALL_EXCEPT, { "10.0.0.0/8" }, POLICY_TROUBLE, NULL, POLICY_YES, POLICY_YES },
};

START_TEST(names)
{
	for (size_t i = 0; i < nitems_of(name_rows); i++) {
		const struct name_row *row = &name_rows[i];
		struct session_fixture w;
		bool any = false;
		struct policy_client client;

		fixture_init(&w);
		w.server.relay = w.server.connection_control = row->mode;
		for (size_t k = 0; k < nitems_of(row->list) && row->list[k] != NULL; k++) {
			fixture_add_net(&w.server.relay_list, row->list[k]);
			fixture_add_net(&w.server.connection_list, row->list[k]);
			any |= w.relay[k].family == AF_UNSPEC;
		}
		client = (struct policy_client){ (const struct sockaddr *)&w.client.sa, row->names,
		    row->state };
		ck_assert_msg(policy_may_connect(&w.server, &client) == row->connect, "connect row %zu", i);
		ck_assert_msg(policy_may_relay(&w.server, &client, false) == row->relay, "relay row %zu", i);
		ck_assert_int_eq(policy_may_relay(&w.server, &client, true), POLICY_YES);
		ck_assert(policy_wants_names(&w.server) == any);
		fixture_done(&w);
	}
}
END_TEST

START_TEST(reverse_names)
{
	static const struct { const char *address, *name; uint16_t type; } rows[] = {
		{ "192.0.2.1", "1.2.0.192.in-addr.arpa", DNS_A },
		{ "255.254.253.252", "252.253.254.255.in-addr.arpa", DNS_A },
		{ "[::ffff:192.0.2.1]", "1.2.0.192.in-addr.arpa", DNS_A },
		{ "[2001:db8::567:89ab]",
		    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", DNS_AAAA },
	};
	struct net_address a;
	const char *why;
	char name[NET_REVERSE_SIZE];
	for (size_t i = 0; i < nitems_of(rows); i++) {
		ck_assert_int_eq(net_address_parse(&a, rows[i].address, 1, &why), 0);
		net_reverse_name(name, (const struct sockaddr *)&a.sa);
		ck_assert_str_eq(name, rows[i].name);
		ck_assert_uint_eq(ptr_name_type((const struct sockaddr *)&a.sa), rows[i].type);
	}
}
END_TEST

/* shows 2.4p */
START_TEST(forward_confirmation)
{
	static struct msg_dns_answer answer;
	struct net_address a;
	const char *why;
	const struct sockaddr *sa;

	ck_assert_int_eq(net_address_parse(&a, "192.0.2.1", 1, &why), 0);
	sa = (const struct sockaddr *)&a.sa;
	answer = (struct msg_dns_answer){ .result = DNS_FOUND, .count = 2 };
	answer.record[0] = (struct msg_dns_record){ .len = 4, .data = { 192, 0, 2, 2 } };
	answer.record[1] = (struct msg_dns_record){ .len = 4, .data = { 192, 0, 2, 1 } };
	ck_assert(ptr_name_confirms(&answer, sa));
	answer.count = 1;
	ck_assert(!ptr_name_confirms(&answer, sa));
	answer.count = 2;
	answer.result = DNS_TROUBLE;
	ck_assert(!ptr_name_confirms(&answer, sa));
	answer.result = DNS_FOUND;
	answer.record[1].len = 3;
	ck_assert(!ptr_name_confirms(&answer, sa));
	ck_assert_int_eq(net_address_parse(&a, "[::ffff:192.0.2.2]", 1, &why), 0);
	ck_assert(ptr_name_confirms(&answer, sa));
}
END_TEST

START_TEST(relay_without_the_authenticated)
{
	struct session_fixture w;
	struct policy_client client;

	fixture_init(&w);
	w.server.relay_authenticated = false;
	client = (struct policy_client){ .address = (const struct sockaddr *)&w.client.sa };
	ck_assert_int_eq(policy_may_relay(&w.server, &client, true), POLICY_NO);
	fixture_done(&w);
}
END_TEST

/* shows 2.8c */
START_TEST(domains)
{
	static const struct { const char *domain; enum policy_domain where; } rows[] = {
		{ "example.com", POLICY_LOCAL }, { "alias.example", POLICY_LOCAL },
		{ "sub.alias.example", POLICY_REMOTE },
		{ "a.wild.example", POLICY_LOCAL }, { "wild.example", POLICY_REMOTE },
		{ "partner.example", POLICY_RELAYED }, { "sub.partner.example", POLICY_REMOTE },
		{ "remote.example", POLICY_REMOTE }, { "elsewhere.example", POLICY_REMOTE },
		{ "", POLICY_REMOTE },
		{ "[192.0.2.9]", POLICY_REMOTE }, { "xexample.com", POLICY_REMOTE },
	};
	struct session_fixture w;
	fixture_init(&w);
	fixture_add_domain(&w, "alias.example", CONFIG_DOMAIN_ALIAS, false);
	fixture_add_domain(&w, "*.wild.example", CONFIG_DOMAIN_ALIAS, false);
	fixture_add_domain(&w, "partner.example", CONFIG_DOMAIN_REMOTE, true);
	fixture_add_domain(&w, "remote.example", CONFIG_DOMAIN_REMOTE, false);
	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(policy_domain(&w.server, rows[i].domain) == rows[i].where, "%s",
		    rows[i].domain);
	fixture_done(&w);
}
END_TEST

static const struct sockaddr *
address(struct net_address *a, const char *text)
{
	const char *why;

	ck_assert_int_eq(net_address_parse(a, text, 1, &why), 0);
	return (const struct sockaddr *)&a->sa;
}

/* Whether two connections, one from each address, are those of one client. */
static bool
are_one_client(unsigned v4, unsigned v6, const char *one, const char *two)
{
	const struct ceilings one_each = { .per_client = 1 };
	struct client_count *client_count = mem_new(struct client_count);
	struct client_limit *t;
	struct net_address a, b;
	bool same;

	client_count_init(client_count);
	t = client_limit_new(&one_each, v4, v6, client_count, 0);
	ck_assert(client_limit_take(t, address(&a, one)));
	same = !client_limit_take(t, address(&b, two));
	client_limit_free(t);
	free(client_count);
	return same;
}

/* shows 2.3i */
START_TEST(client_networks)
{
	static const struct { unsigned v4, v6; const char *one, *two; bool same; } rows[] = {
		{ 32, 64, "192.0.2.1", "192.0.2.1", true }, { 32, 64, "192.0.2.1", "192.0.2.0", false },
		{ 32, 64, "192.0.2.1", "[::ffff:192.0.2.1]", true },
		{ 32, 64, "[2001:db8::1]", "[2001:db8::ffff:0:0:1]", true },
		{ 32, 64, "[2001:db8::1]", "[2001:db8:0:1::1]", false },
		{ 24, 64, "192.0.2.1", "192.0.2.255", true }, { 24, 64, "192.0.2.1", "192.0.3.1", false },
		{ 24, 48, "[::ffff:192.0.2.1]", "192.0.2.255", true },
		{ 25, 64, "192.0.2.127", "192.0.2.128", false }, { 25, 64, "192.0.2.126", "192.0.2.127", true },
		{ 32, 128, "[2001:db8::1]", "[2001:db8::2]", false },
		{ 32, 127, "[2001:db8::2]", "[2001:db8::3]", true },
		{ 32, 48, "[2001:db8:1:2::1]", "[2001:db8:1:3::1]", true },
		{ 32, 48, "[2001:db8:1::1]", "[2001:db8:2::1]", false },
		{ 8, 16, "10.1.1.1", "10.255.1.1", true }, { 8, 16, "10.1.1.1", "11.1.1.1", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(are_one_client(rows[i].v4, rows[i].v6, rows[i].one, rows[i].two) == rows[i].same,
		    "%zu", i);
}
END_TEST

/* What the configuration leaves to us fits the machine; what it says is taken. Loopback is free by default only. */
/* shows 2.3g, 2.3i */
START_TEST(machine_ceilings)
{
	struct config_server s = { 0 };
	struct config_filter filter = { .sources = CONFIG_FILTER_SMTP };
	struct client_count *client_count = mem_new(struct client_count);
	struct client_limit *t;
	struct net_address a;
	struct ceilings c;

	ceilings_set(&c, &s, 1, 16ULL << 30, 262144);
	ck_assert_uint_eq(c.memory, 4ULL << 30);
	ck_assert_uint_eq(c.connections, 100000);
	ck_assert_uint_eq(c.per_client, 250);
	ceilings_set(&c, &s, 1, 16ULL << 30, 1024);
	ck_assert_uint_eq(c.connections, 412);
	ck_assert_uint_eq(c.per_client, 103);
	s.filter = &filter;
	s.nfilter = 1;
	ceilings_set(&c, &s, 1, 16ULL << 30, 1024);
	ck_assert_uint_eq(c.connections, 274);	/* a message has two files then */
	s.nfilter = 0;
	ceilings_set(&c, &s, 4, 16ULL << 30, 1024);
	ck_assert_uint_eq(c.memory, 1ULL << 30);
	ck_assert_uint_eq(c.connections, 4 * 412);
	s.tls = CONFIG_TLS_REQUIRED;
	ceilings_set(&c, &s, 1, 1ULL << 30, 262144);
	ck_assert_uint_eq(c.memory, 256U << 20);
	ck_assert_uint_eq(c.connections, (256U << 20) / (34U << 10));
	ck_assert_uint_eq(c.per_client, (32U << 20) / CEILINGS_MESSAGE);	/* or one stops the mail of all */
	ck_assert(c.messages == 224U << 20 && c.sessions == 224U << 20);
	ceilings_set(&c, &s, 1, 0, 0);
	ck_assert_uint_eq(c.memory, 64U << 20);
	ck_assert_uint_eq(c.connections, 100);
	ck_assert_uint_eq(c.per_client, 25);
	client_count_init(client_count);
	t = client_limit_new(&c, 32, 64, client_count, 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert(client_limit_take(t, address(&a, i % 2 == 0 ? "127.0.0.1" : "[::1]")));
	for (unsigned i = 0; i < 26; i++)
		ck_assert(client_limit_take(t, address(&a, "192.0.2.1")) == (i < 25));
	client_limit_free(t);
	s.connection_limit = 7;
	s.connection_limit_per_client = 2;
	s.memory_limit = 1U << 20;
	ceilings_set(&c, &s, 1, 16ULL << 30, 1024);
	ck_assert(c.connections == 7 && c.per_client == 2 && c.memory == 1U << 20 && !c.is_derived);
	ck_assert_uint_ge(c.memory - c.sessions, CEILINGS_MESSAGE);
	/* Of what the configuration says no share is taken. */
	s.memory_limit = s.connection_limit_per_client = 0;
	for (s.connection_limit = 1; s.connection_limit < 1000; s.connection_limit++) {
		ceilings_set(&c, &s, 1, 16ULL << 30, 1024);
		ck_assert_uint_eq(c.per_client, s.connection_limit < 250 ? s.connection_limit : 250);
	}
	s.connection_limit = CONFIG_UNLIMITED;
	ceilings_set(&c, &s, 1, 16ULL << 30, 1024);
	ck_assert(c.connections == CONFIG_UNLIMITED && c.per_client == CONFIG_UNLIMITED);
	s.connection_limit = s.connection_limit_per_client = s.memory_limit = CONFIG_UNLIMITED;
	ceilings_set(&c, &s, 1, 16ULL << 30, 1024);
	ck_assert(c.connections == CONFIG_UNLIMITED && c.per_client == CONFIG_UNLIMITED && c.memory == UINT64_MAX);
	free(client_count);
}
END_TEST

START_TEST(per_client)
{
	struct net_address a, b, m;
	const struct sockaddr *one = address(&a, "192.0.2.1"), *two = address(&b, "[2001:db8::1]"),
	    *mapped = address(&m, "[::ffff:192.0.2.1]");
	struct client_count *client_count = mem_new(struct client_count);
	const struct ceilings two_each = { .per_client = 2 };
	struct client_limit *t, *u;

	client_count_init(client_count);
	t = client_limit_new(&two_each, 32, 64, client_count, 0);
	u = client_limit_new(&two_each, 32, 64, client_count, 63);
	ck_assert(client_limit_take(t, one));
	ck_assert(client_limit_take(t, mapped));	/* the same client */
	ck_assert(!client_limit_take(t, one));
	ck_assert(client_limit_take(t, two));
	client_limit_give(t, mapped);
	ck_assert(client_limit_take(t, one));
	ck_assert(!client_limit_take(t, one));
	client_limit_give(t, one);
	client_limit_give(t, one);
	client_limit_give(t, two);
	client_limit_give(t, two);			/* once too often: nothing */
	ck_assert(client_limit_take(t, two));

	/* Two processes share the count; the count of a dead process is free again. */
	ck_assert(client_limit_take(u, one));
	ck_assert(client_limit_take(t, one));
	ck_assert(!client_limit_take(u, one));
	ck_assert(!client_limit_take(t, one));
	client_count_clear(client_count, 63);
	ck_assert(client_limit_take(t, one));
	ck_assert(!client_limit_take(u, one));
	client_limit_give(t, one);
	client_limit_give(t, one);
	ck_assert(client_limit_take(u, one));
	client_limit_give(u, one);
	client_limit_free(t);
	client_limit_free(u);
	free(client_count);
	t = client_limit_new(&(struct ceilings){ .per_client = CONFIG_UNLIMITED }, 32, 64, NULL, 0);
	for (unsigned i = 0; i < 1000; i++)
		ck_assert(client_limit_take(t, one));
	client_limit_give(t, one);
	client_limit_free(t);
}
END_TEST

/* RFC 3463 classes fit the codes; a long detail is cut, never the line's end. */
/* shows 9.11 */
START_TEST(replies)
{
	char line[REPLY_SIZE], detail[2000];

	memset(detail, 'x', sizeof(detail) - 1);
	detail[sizeof(detail) - 1] = '\0';
	for (enum reply r = REPLY_GREETING; r < REPLY_COUNT; r++) {
		const struct reply_row *row = &reply_rows[r];
		const char *tail;
		size_t len;

		ck_assert_msg(row->code >= 200 && row->code < 600 && row->text != NULL, "row %d", (int)r);
		if (row->status != NULL)
			ck_assert_msg(row->status[0] == '0' + row->code / 100, "row %d: %u %s", (int)r,
			    row->code, row->status);
		ck_assert_msg((row->flags & (REPLY_CLOSE | REPLY_ERROR)) != (REPLY_CLOSE | REPLY_ERROR),
		    "row %d", (int)r);
		len = reply_format(line, r, detail);
		ck_assert_uint_lt(len, sizeof(line));
		ck_assert_uint_eq(len, strlen(line));
		ck_assert_str_eq(line + len - 2, "\r\n");
		tail = strchr(row->text, '$');
		if (tail != NULL) {
			ck_assert_uint_eq(len, sizeof(line) - 1);
			ck_assert_msg(memcmp(line + len - 2 - strlen(tail + 1), tail + 1,
			    strlen(tail + 1)) == 0, "row %d lost its end", (int)r);
		}
		ck_assert_uint_ge(reply_format(line, r, NULL), 5);
	}
}
END_TEST

/* More clients than cells: no client is refused for it, and what is given back is free. */
START_TEST(many_clients)
{
	struct client_count *client_count = mem_new(struct client_count);

	client_count_init(client_count);
	uint8_t key[16] = { 0x20, 1 };
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < CLIENT_COUNT_CELLS + 10000; i++) {
			memcpy(key + 12, &i, sizeof(i));
			ck_assert(client_count_take(client_count, i % 64, key, 1));
			if (i < 1000)
				ck_assert(!client_count_take(client_count, (i + 1) % 64, key, 1));
		}
		for (uint32_t i = 0; i < CLIENT_COUNT_CELLS + 10000; i++) {
			memcpy(key + 12, &i, sizeof(i));
			client_count_give(client_count, i % 64, key);
		}
	}
	for (size_t i = 0; i < CLIENT_COUNT_CELLS; i++)
		ck_assert_uint_eq(client_count->cell[i], 0);
	free(client_count);
}
END_TEST

UNIT_MAIN("policy", relay, names, reverse_names, forward_confirmation, many_clients,
    relay_without_the_authenticated, domains, per_client, client_networks,
    machine_ceilings, replies)
