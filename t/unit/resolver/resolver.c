/*
 * resolver - DNS packets, the hosts file, the configuration of libunbound, and questions that need no server
 */
#include "t/unit/check_main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/resolver/resolver.h"

/* Bytes of a packet being made; names in text, "\0" compression is written by hand. */
struct dns_packet {
	uint8_t data[8192];
	size_t len;
};

static void
put(struct dns_packet *p, const void *data, size_t len)
{
	ck_assert_uint_le(p->len + len, sizeof(p->data));
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

static void
put16(struct dns_packet *p, unsigned value)
{
	put(p, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void
put_name(struct dns_packet *p, const char *name)
{
	while (*name != '\0') {
		size_t len = strcspn(name, ".");

		put(p, (uint8_t[]){ (uint8_t)len }, 1);
		put(p, name, len);
		name += len + (name[len] == '.');
	}
	put(p, "", 1);
}

static void
begin(struct dns_packet *p, unsigned rcode, unsigned answers, const char *name, unsigned type)
{
	p->len = 0;
	put16(p, 1);
	put16(p, 0x8180 | rcode);
	put16(p, 1);
	put16(p, answers);
	put16(p, 0);
	put16(p, 0);
	put_name(p, name);
	put16(p, type);
	put16(p, 1);
}

static void
put_head(struct dns_packet *p, const char *owner, unsigned type, unsigned ttl, unsigned size)
{
	put_name(p, owner);
	put16(p, type);
	put16(p, 1);
	put16(p, 0);
	put16(p, ttl);
	put16(p, size);
}

static void
put_mx(struct dns_packet *p, const char *owner, unsigned ttl, unsigned preference, const char *host)
{
	struct dns_packet rdata = { .len = 0 };

	put16(&rdata, preference);
	put_name(&rdata, host);
	put_head(p, owner, DNS_MX, ttl, (unsigned)rdata.len);
	put(p, rdata.data, rdata.len);
}

static void
put_cname(struct dns_packet *p, const char *owner, const char *to)
{
	struct dns_packet rdata = { .len = 0 };

	put_name(&rdata, to);
	put_head(p, owner, DNS_CNAME, 60, (unsigned)rdata.len);
	put(p, rdata.data, rdata.len);
}

static void
put_a(struct dns_packet *p, const char *owner, unsigned last)
{
	put_head(p, owner, DNS_A, 120, 4);
	put(p, (uint8_t[]){ 192, 0, 2, (uint8_t)last }, 4);
}

static struct msg_dns_answer answer;

static int
read_packet(const struct dns_packet *p, uint16_t type)
{
	/* a copy of exactly that size: the sanitizer sees each byte read beyond */
	uint8_t *copy = mem_zalloc(p->len > 0 ? p->len : 1);
	int result;

	memcpy(copy, p->data, p->len);
	memset(&answer, 0, sizeof(answer));
	result = dns_packet_read(&answer, type, copy, p->len);
	free(copy);
	return result;
}

START_TEST(test_mx)
{
	struct dns_packet p;

	begin(&p, 0, 2, "d.example", DNS_MX);
	put_mx(&p, "d.example", 300, 20, "b.example");
	put_mx(&p, "D.EXAMPLE", 100, 10, "a.example");
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_FOUND);
	ck_assert_uint_eq(answer.count, 2);
	ck_assert_uint_eq(answer.ttl, 100);
	ck_assert_str_eq(answer.canonical, "d.example");
	ck_assert_uint_eq(answer.record[0].preference, 20);
	ck_assert_str_eq((char *)answer.record[0].data, "b.example");
	ck_assert_uint_eq(answer.record[1].len, strlen("a.example"));
}
END_TEST

START_TEST(test_null_mx)
{
	struct dns_packet p;

	begin(&p, 0, 1, "d.example", DNS_MX);
	put_mx(&p, "d.example", 300, 0, "");
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_str_eq((char *)answer.record[0].data, "");
	ck_assert_uint_eq(answer.record[0].len, 0);
}
END_TEST

START_TEST(test_alias_chain_in_any_order)
{
	struct dns_packet p;

	begin(&p, 0, 4, "d.example", DNS_A);
	put_a(&p, "f.example", 1);
	put_cname(&p, "e.example", "f.example");
	put_cname(&p, "d.example", "e.example");
	put_a(&p, "other.example", 2);
	ck_assert_int_eq(read_packet(&p, DNS_A), 0);
	ck_assert_str_eq(answer.canonical, "f.example");
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_mem_eq(answer.record[0].data, "\xc0\0\2\1", 4);
	ck_assert_uint_eq(answer.ttl, 60);
}
END_TEST

START_TEST(test_alias_circle_ends)
{
	struct dns_packet p;

	begin(&p, 0, 2, "d.example", DNS_A);
	put_cname(&p, "d.example", "e.example");
	put_cname(&p, "e.example", "d.example");
	ck_assert_int_eq(read_packet(&p, DNS_A), -1);
}
END_TEST

START_TEST(test_results)
{
	struct dns_packet p;

	begin(&p, 3, 0, "d.example", DNS_MX);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_NO_NAME);
	begin(&p, 0, 0, "d.example", DNS_MX);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_NO_DATA);
	begin(&p, 2, 0, "d.example", DNS_MX);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_int_eq(answer.result, DNS_TROUBLE);
}
END_TEST

START_TEST(test_compressed_names)
{
	struct dns_packet p;

	begin(&p, 0, 1, "d.example", DNS_MX);
	put16(&p, 0xc00c);		/* the question's name */
	put16(&p, DNS_MX);
	put16(&p, 1);
	put16(&p, 0);
	put16(&p, 60);
	put16(&p, 2 + 3 + 2);
	put16(&p, 10);
	put(&p, "\2mx", 3);
	put16(&p, 0xc00c);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_str_eq((char *)answer.record[0].data, "mx.d.example");
}
END_TEST

START_TEST(test_a_label_cannot_look_like_two)
{
	struct dns_packet p;

	begin(&p, 0, 1, "d.example", DNS_MX);
	put_head(&p, "d.example", DNS_MX, 60, 2 + 6 + 1);
	put16(&p, 1);
	put(&p, "\5a.b\0c", 6);
	put(&p, "", 1);
	ck_assert_int_eq(read_packet(&p, DNS_MX), 0);
	ck_assert_str_eq((char *)answer.record[0].data, "a?b?c");
}
END_TEST

START_TEST(test_more_records_than_kept)
{
	struct dns_packet p;

	begin(&p, 0, 100, "d.example", DNS_A);
	for (unsigned i = 0; i < 100; i++)
		put_a(&p, "d.example", i);
	ck_assert_int_eq(read_packet(&p, DNS_A), 0);
	ck_assert_uint_eq(answer.count, DNS_RECORDS_MAX);
}
END_TEST

/* One malformed record hides only itself; where all are, the answer is trouble, and mail waits: it is no "no MX". */
START_TEST(test_malformed_records)
{
	static const unsigned types[] = { DNS_MX, DNS_A, DNS_AAAA, DNS_CNAME, DNS_PTR };
	struct dns_packet p;

	for (size_t i = 0; i < nitems_of(types); i++) {
		begin(&p, 0, 1, "d.example", types[i]);
		put_head(&p, "d.example", types[i], 60, 3);
		put(&p, (const uint8_t *)"\0\7a", 3);
		ck_assert_int_eq(read_packet(&p, types[i]), -1);
	}
	begin(&p, 0, 2, "d.example", DNS_A);
	put_head(&p, "d.example", DNS_A, 60, 3);
	put(&p, (const uint8_t *)"\0\7a", 3);
	put_a(&p, "d.example", 1);
	ck_assert_int_eq(read_packet(&p, DNS_A), 0);
	ck_assert_uint_eq(answer.count, 1);
}
END_TEST

/* TLSA data of any legal length arrives whole; what has no room is still there. */
START_TEST(test_tlsa)
{
	static const size_t sizes[] = { 0, 1, 35, 494, 495, 496, 990, 991, 1800, 2000 };
	uint8_t data[8000], got[DNS_LONG_MAX];
	struct dns_packet p;
	size_t at = 0, n = 0;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 256);
	begin(&p, 0, nitems_of(sizes), "_25._tcp.a.example", DNS_TLSA);
	for (size_t i = 0; i < nitems_of(sizes); i++) {
		put_head(&p, "_25._tcp.a.example", DNS_TLSA, 60, (unsigned)sizes[i]);
		put(&p, data, sizes[i]);
	}
	ck_assert_int_eq(read_packet(&p, DNS_TLSA), 0);
	for (; at < answer.count; n++) {
		size_t len = msg_dns_answer_long(&answer, &at, got);

		ck_assert_uint_eq(len, sizes[n]);
		ck_assert_mem_eq(got, data, len);
	}
	ck_assert_uint_eq(n, nitems_of(sizes));

	begin(&p, 0, 1, "_25._tcp.a.example", DNS_TLSA);
	put_head(&p, "_25._tcp.a.example", DNS_TLSA, 60, 7995);
	p.len = p.len + 7995 <= sizeof(p.data) ? p.len + 7995 : sizeof(p.data);
	ck_assert_int_eq(read_packet(&p, DNS_TLSA), 0);
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_uint_eq(answer.record[0].len, 1);
	ck_assert_uint_eq(answer.record[0].preference, 0);
}
END_TEST

static void
put_txt(struct dns_packet *p, const char *owner, const char *const *string, size_t count)
{
	struct dns_packet rdata = { .len = 0 };

	for (size_t i = 0; i < count; i++) {
		put(&rdata, (uint8_t[]){ (uint8_t)strlen(string[i]) }, 1);
		put(&rdata, (const uint8_t *)string[i], strlen(string[i]));
	}
	put_head(p, owner, DNS_TXT, 60, (unsigned)rdata.len);
	put(p, rdata.data, rdata.len);
}

/* The strings of a TXT record are one text (RFC 7208 3.3), of any length; a broken record hides only itself. */
START_TEST(test_txt)
{
	static const char *const parts[] = { "v=STSv1", "; ", "", "id=1;" };
	const char *many[8];
	char long_part[256];
	uint8_t got[DNS_LONG_MAX];
	struct dns_packet p;
	size_t at = 0;

	memset(long_part, 'k', 255);
	long_part[255] = '\0';
	for (size_t i = 0; i < nitems_of(many); i++)
		many[i] = long_part;
	begin(&p, 0, 4, "_mta-sts.a.example", DNS_TXT);
	put_txt(&p, "_mta-sts.a.example", parts, nitems_of(parts));
	put_head(&p, "_mta-sts.a.example", DNS_TXT, 60, 3);
	put(&p, (const uint8_t *)"\5ab", 3);
	put_txt(&p, "_mta-sts.a.example", many, nitems_of(many));
	put_txt(&p, "_mta-sts.a.example", NULL, 0);
	ck_assert_int_eq(read_packet(&p, DNS_TXT), 0);
	ck_assert_uint_eq(answer.result, DNS_FOUND);
	ck_assert_uint_eq(msg_dns_answer_long(&answer, &at, got), 14);
	ck_assert_mem_eq(got, "v=STSv1; id=1;", 14);
	ck_assert_uint_eq(msg_dns_answer_long(&answer, &at, got), 255 * nitems_of(many));
	ck_assert_uint_eq(msg_dns_answer_long(&answer, &at, got), 0);
	ck_assert_uint_eq(at, answer.count);

	begin(&p, 0, 1, "_mta-sts.a.example", DNS_TXT);
	put_head(&p, "_mta-sts.a.example", DNS_TXT, 60, 3);
	put(&p, (const uint8_t *)"\3ab", 3);
	ck_assert_int_eq(read_packet(&p, DNS_TXT), 0);
	ck_assert_uint_eq(answer.result, DNS_NO_DATA);
}
END_TEST

/* Every cut and every single changed byte: any answer, but no read outside and no end without end. */
START_TEST(test_damaged_packets)
{
	struct dns_packet p, q;

	begin(&p, 0, 3, "d.example", DNS_MX);
	put_cname(&p, "d.example", "e.example");
	put_mx(&p, "e.example", 300, 20, "b.example");
	put_head(&p, "e.example", DNS_MX, 60, 4);
	put16(&p, 5);
	put16(&p, 0xc00c);
	for (size_t len = 0; len < p.len; len++) {
		q = p;
		q.len = len;
		ck_assert_int_eq(read_packet(&q, DNS_MX), -1);
	}
	for (size_t at = 0; at < p.len; at++)
		for (unsigned value = 0; value < 256; value++) {
			q = p;
			q.data[at] = (uint8_t)value;
			if (read_packet(&q, DNS_MX) == 0)
				for (size_t i = 0; i < answer.count; i++)
					ck_assert_uint_lt(strlen((char *)answer.record[i].data),
					    DNS_NAME_SIZE);
		}
	/* a pointer to itself, one forward */
	for (unsigned to = 0; to < 2; to++) {
		begin(&q, 0, 1, "d.example", DNS_MX);
		put16(&q, 0xc000 | (unsigned)(q.len + to * 4));
		put(&q, p.data, 40);
		ck_assert_int_eq(read_packet(&q, DNS_MX), -1);
	}
}
END_TEST

static const char hosts_text[] =
    "127.0.0.1\tlocalhost\n"
    "::1 localhost ip6-localhost\n"
    "# a comment\n"
    "192.0.2.1  Relay.example relay # with a comment 192.0.2.2 no\n"
    "192.0.2.3 relay.example.\r\n"
    "nonsense relay2\n"
    "2001:db8::1 six";

static bool
ask_hosts(const struct hosts_file *h, const char *name, uint16_t type)
{
	struct msg_dns_query q = { .type = type };

	strcpy(q.name, name);
	return hosts_file_answer(h, &q, &answer);
}

START_TEST(test_hosts)
{
	struct hosts_file *h = hosts_file_parse(hosts_text, sizeof(hosts_text) - 1);

	ck_assert(ask_hosts(h, "localhost", DNS_A));
	ck_assert_int_eq(answer.result, DNS_FOUND);
	ck_assert_mem_eq(answer.record[0].data, "\x7f\0\0\1", 4);
	ck_assert(ask_hosts(h, "LOCALHOST.", DNS_AAAA));
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_uint_eq(answer.record[0].len, 16);
	ck_assert(ask_hosts(h, "relay.example", DNS_A));
	ck_assert_uint_eq(answer.count, 2);
	ck_assert_mem_eq(answer.record[0].data, "\xc0\0\2\1", 4);
	ck_assert_mem_eq(answer.record[1].data, "\xc0\0\2\3", 4);
	/* listed for one family: nothing from outside passes by the other */
	ck_assert(ask_hosts(h, "relay", DNS_AAAA));
	ck_assert_int_eq(answer.result, DNS_NO_DATA);
	ck_assert(ask_hosts(h, "six", DNS_AAAA));
	ck_assert(!ask_hosts(h, "relay.example", DNS_MX));
	ck_assert(!ask_hosts(h, "with", DNS_A));
	ck_assert(!ask_hosts(h, "relay2", DNS_A));
	ck_assert(!ask_hosts(h, "other", DNS_A));
	hosts_file_free(h);
	h = hosts_file_parse("", 0);
	ck_assert(!ask_hosts(h, "localhost", DNS_A));
	hosts_file_free(h);
}
END_TEST

static const struct { const char *text, *expect; } servers[] = {
	{ "192.0.2.1", "192.0.2.1@53" }, { "192.0.2.1:5353", "192.0.2.1@5353" },
	{ "2001:db8::1", "2001:db8::1@53" },
	{ "[2001:db8::1]:5353", "2001:db8::1@5353" }, { "dns.example", NULL }, { "", NULL },
	{ "192.0.2.1:0x", NULL },
};

/* shows 2.2f */
START_TEST(test_servers)
{
	for (size_t i = 0; i < nitems_of(servers); i++) {
		char dst[NET_TEXT_SIZE];
		int result = unbound_config_server(dst, servers[i].text);

		ck_assert_int_eq(result, servers[i].expect != NULL ? 0 : -1);
		if (result == 0)
			ck_assert_str_eq(dst, servers[i].expect);
	}
}
END_TEST

static bool
settings_have(const struct config_service *s, const char *resolv, const char *text)
{
	struct buf out = BUF_INIT(1U << 16);
	bool found;

	unbound_config_write(&out, s, ". IN DS 1 8 2 AA\nexample IN DS 2 8 2 BB\n", resolv, strlen(resolv));
	ck_assert(buf_ok(&out));
	found = strstr(buf_text(&out), text) != NULL;
	buf_done(&out);
	return found;
}

/* shows 2.2f */
START_TEST(test_settings)
{
	static char *given[] = { (char *)"192.0.2.7:5300" },
	    *insecure[] = { (char *)"corp.example", (char *)"x\"\nevil: y" };
	struct config_service s = { .dnssec = false };
	const char *resolv =
	    "# nameserver 192.0.2.9\nnameserver 192.0.2.1\nnameserver\t2001:db8::1 # x\nsearch "
	    "a\nnameserver\nnameserverx 192.0.2.8\n";

	ck_assert(settings_have(&s, resolv,
	    "forward-zone:\n  name: \".\"\n  forward-addr: 192.0.2.1@53\n  forward-addr: 2001:db8::1@53\n"));
	ck_assert(!settings_have(&s, resolv, "192.0.2.9"));
	ck_assert(!settings_have(&s, resolv, "192.0.2.8"));
	ck_assert(!settings_have(&s, "", "forward-zone"));
	ck_assert(settings_have(&s, resolv, "module-config: \"iterator\""));
	s.dns_server = (struct config_strings){ given, 1 };
	ck_assert(settings_have(&s, resolv, "forward-addr: 192.0.2.7@5300\n"));
	ck_assert(!settings_have(&s, resolv, "192.0.2.1@53"));
	s.dnssec = true;
	s.dns_insecure = (struct config_strings){ insecure, 2 };
	ck_assert(settings_have(&s, resolv,
	    "  trust-anchor: \". IN DS 1 8 2 AA\"\n  trust-anchor: \"example IN DS 2 8 2 BB\"\n"));
	ck_assert(settings_have(&s, resolv, "domain-insecure: \"corp.example\""));
	ck_assert(!settings_have(&s, resolv, "evil"));
}
END_TEST

/* --- questions over a channel, answered without any server --- */

static struct loop *loop;
static unsigned answered;
static struct ctl *worker;

static void
on_answer(void *arg, const struct ctl_message *m)
{
	ck_assert_int_eq(m->type, CTL_DNS_ANSWER);
	ck_assert(msg_dns_answer_take(&answer, m->data, m->len));
	ck_assert_uint_eq(m->request, 7 + answered);
	answered++;
	loop_stop(loop);
}

static void
on_close(void *arg, bool bad)
{
	ctl_free(worker);
	worker = NULL;
	loop_stop(loop);
}

static void
ask(const char *name, uint16_t type)
{
	struct msg_dns_query q = { .type = type };

	strcpy(q.name, name);
	ck_assert_int_eq(ctl_send(worker, CTL_DNS_ASK, 7 + answered, &q, sizeof(q), -1), 0);
	loop_run(loop);
}

START_TEST(test_channel)
{
	static char *nobody[] = { (char *)"127.0.0.1:1" };
	struct config_service s = { .dns_server = { nobody, 1 } };
	int pair[2];
	struct resolver r;

	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	r = (struct resolver){ .queries = dns_query_new(loop, &s) };
	ctl_server_list_init(&r.channels, loop, &r);
	ck_assert_ptr_nonnull(ctl_server_new(&r.channels, &dns_channel, pair[0],
	    &(struct ctl_channel){ .helper = CTL_HELPER_RESOLVER, .server = "default", .role = "deliver" }));
	worker = ctl_new(loop, pair[1], CTL_FROM_HELPER, on_answer, on_close, NULL);
	ask("localhost", DNS_A);
	ck_assert_int_eq(answer.result, DNS_FOUND);
	ck_assert_mem_eq(answer.record[0].data, "\x7f\0\0\1", 4);
	ask("name.invalid", DNS_MX);	/* libunbound's own: NXDOMAIN although its rcode argument says 0 */
	ck_assert_int_eq(answer.result, DNS_NO_NAME);
	ask("name.invalid", DNS_MX);
	ck_assert_uint_eq(answered, 3);
	/* a malformed question costs the channel, nothing else */
	ck_assert_int_eq(send(pair[1], "x", 1, 0), 1);
	loop_run(loop);
	ck_assert_uint_eq(r.channels.count, 0);
	dns_query_free(r.queries);
	loop_free(loop);
}
END_TEST

#define DIGEST "1111111111111111111111111111111111111111111111111111111111111111"

static unsigned calls;

static void
count_trouble(void *arg, const struct msg_dns_answer *a)
{
	ck_assert_int_eq(a->result, DNS_TROUBLE);
	ck_assert_msg(strstr(a->text, arg) != NULL, "%s", a->text);
	calls++;
}

/* With dnssec and without trust anchors nothing is asked, so that nothing can count as unsigned. */
START_TEST(test_no_anchor)
{
	static char *nobody[] = { (char *)"127.0.0.1:1" };
	struct config_service s = { .dns_server = { nobody, 1 }, .dnssec = true };
	struct msg_dns_query q = { .type = DNS_MX, .name = "d.example" };
	struct dns_query *d;

	loop = loop_new();
	d = dns_query_new(loop, &s);
	ck_assert(!dns_query_trust(d, NULL, "no key"));
	ck_assert_ptr_null(dns_query_ask(d, &q, count_trouble, (char[]){ "no key" }));
	ck_assert_uint_eq(calls, 1);
	ck_assert(!dns_query_trust(d, "example IN DS 4711 13 2 " DIGEST "\n", NULL));
	ck_assert(dns_query_trust(d, NULL, "no key"));	/* the old ones stay */
	dns_query_free(d);
	loop_free(loop);
}
END_TEST

/* --- resolv.conf that cannot be read --- */

static unsigned unreadable;

static void
count_heard(void *arg, bool well)
{
}

static void
count_unread(void *arg, const struct dns_file *f)
{
	unreadable += f->error != 0;
}

/* A file that cannot be read is no file without servers: nothing is asked from the root on. */
/* shows 2.2f */
START_TEST(test_unreadable_resolv)
{
	struct config_service s = { 0 };
	struct msg_dns_query q = { .type = DNS_MX, .name = "d.example" };
	struct dns_query *d;

	if (unshare(CLONE_NEWNS) == -1)
		return;		/* only root can give itself another /etc */
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("none", "/etc", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(symlink("resolv.conf", "/etc/resolv.conf"), 0);
	loop = loop_new();
	d = dns_query_new(loop, &s);
	dns_query_watch(d, count_heard, count_unread, NULL);
	ck_assert_uint_eq(unreadable, 1);
	ck_assert_ptr_null(dns_query_ask(d, &q, count_trouble, (char[]){ "/etc/resolv.conf cannot be read" }));
	ck_assert_uint_eq(calls, 1);
	dns_query_free(d);
	loop_free(loop);
}
END_TEST

static void
make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(test_file)
{
	char folder[] = "/tmp/resolver.XXXXXX", path[64];
	struct dns_file f = { .path = path };
	struct buf text = BUF_INIT(8192);

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/resolv.conf", folder);
	ck_assert_int_eq(dns_file_read(&f, &text), 1);		/* there is none */
	ck_assert(text.len == 0 && !f.known);
	ck_assert_int_eq(dns_file_read(&f, &text), 0);
	make_file(path, "one");
	ck_assert_int_eq(dns_file_read(&f, &text), 1);
	ck_assert_mem_eq(text.data, "one", text.len);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(path, path), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(dns_file_read(&f, &text), -1);
		ck_assert_int_eq(f.error, ELOOP);
	}
	ck_assert(f.known);
	ck_assert_int_eq(unlink(path), 0);
	make_file(path, "two");
	ck_assert_int_eq(dns_file_read(&f, &text), 1);
	ck_assert_mem_eq(text.data, "two", text.len);
	ck_assert_int_eq(f.error, 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);			/* can be opened, not read */
	ck_assert_int_eq(dns_file_read(&f, &text), -1);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	buf_done(&text);
}
END_TEST

UNIT_MAIN("resolver", test_mx, test_txt, test_null_mx, test_alias_chain_in_any_order, test_alias_circle_ends,
    test_results, test_compressed_names,
    test_a_label_cannot_look_like_two, test_more_records_than_kept, test_malformed_records, test_tlsa,
    test_damaged_packets,
    test_hosts, test_servers, test_settings, test_channel, test_no_anchor,
    test_unreadable_resolv, test_file)
