/*
 * resolver - the hosts file, the configuration of libunbound, resolv.conf, and questions that need no server
 */
#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver/resolver/resolver.h"

static struct msg_dns_answer answer;

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

UNIT_MAIN("resolver", test_hosts, test_servers, test_settings, test_channel, test_no_anchor, test_unreadable_resolv,
    test_file)
