/* config_remote - [host PATTERN]: which section counts for a host and its address, presets, faults */
#include "t/unit/common/temp_config.h"

static const char sections[] =
    "[host *]\nrate = 600\nwithout = dsn\n"
    "[host *.example.com]\nrate = 60\nconnections = 8\n"
    "[host *.mx.example.com]\nrate = 50\n"
    "[host MX1.Example.com]\nconnections = 2\nwithout = chunking pipelining\n"
    "[host 192.0.2.0/24]\nrate = 20\n"
    "[host 192.0.2.128/25]\nrate = 10\nwithout = nothing\n"
    "[host 192.0.2.200]\nrate = unlimited\n"
    "[host 2001:db8::/32]\nrecipients = 5\n"
    "[host smtp.office365.com]\nprovider = microsoft\n"
    "[host smtp.gmail.com]\nprovider = google\nconnections = 4\nauth-mechanisms = -login\n";

#define NO CONFIG_UNLIMITED
static const struct {
	const char *host, *address;	/* NULL: not known */
	uint64_t without, connections, rate, recipients;
	const char *rate_from;		/* NULL: no section */
	bool by_address;
} rows[] = {
	{ "other.example", NULL, CONFIG_WITHOUT_DSN, NO, 600, NO, "*", false },
	{ "example.com", NULL, CONFIG_WITHOUT_DSN, NO, 600, NO, "*", false },
	{ "a.example.com", NULL, CONFIG_WITHOUT_DSN, 8, 60, NO, "*.example.com", false },
	{ "xexample.com", NULL, CONFIG_WITHOUT_DSN, NO, 600, NO, "*", false },
	{ "a.mx.EXAMPLE.com", NULL, CONFIG_WITHOUT_DSN, 8, 50, NO, "*.mx.example.com", false },
	{ "mx1.example.com", NULL, CONFIG_WITHOUT_CHUNKING | CONFIG_WITHOUT_PIPELINING, 2, 60, NO, "*.example.com",
	    false },
	/* an address beside a name: a network comes after the exact name and before "*." */
	{ "mx1.example.com", "192.0.2.1:25", CONFIG_WITHOUT_CHUNKING | CONFIG_WITHOUT_PIPELINING, 2, 20, NO,
	    "192.0.2.0/24", false },
	{ "a.example.com", "192.0.2.1:25", CONFIG_WITHOUT_DSN, 8, 20, NO, "192.0.2.0/24", true },
	{ "a.example.com", "192.0.2.129:25", 0, 8, 10, NO, "192.0.2.128/25", true },
	{ "mx1.example.com", "192.0.2.200:25", CONFIG_WITHOUT_CHUNKING | CONFIG_WITHOUT_PIPELINING, 2, NO, NO,
	    "192.0.2.200", true },
	{ "[192.0.2.200]", "192.0.2.200:25", 0, NO, NO, NO, "192.0.2.200", true },
	{ "[198.51.100.1]", "198.51.100.1:25", CONFIG_WITHOUT_DSN, NO, 600, NO, "*", true },
	{ "x.example", "[2001:db8::1]:25", CONFIG_WITHOUT_DSN, NO, 600, 5, "*", true },
	/* presets go behind the section's own keys and before less exact sections */
	{ "smtp.office365.com", NULL, CONFIG_WITHOUT_DSN, 3, 30, NO, "smtp.office365.com", false },
	{ "smtp.gmail.com", NULL, CONFIG_WITHOUT_DSN, 4, 600, 100, "*", false },
};

/* shows 2.8j */
START_TEST(sections_that_win)
{
	begin();
	put("servers/default.ini", sections);
	read_all();
	expect("sections", "");
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct config_remote_rules r;
		struct net_address a;
		const char *why;

		if (rows[i].address != NULL)
			ck_assert_int_eq(net_address_parse(&a, rows[i].address, 25, &why), 0);
		config_remote_find(&r, &config->server[0], NULL, rows[i].host,
		    rows[i].address != NULL ? (const struct sockaddr *)&a.sa : NULL);
		ck_assert_msg(r.value[CONFIG_REMOTE_WITHOUT] == rows[i].without, "row %zu", i);
		ck_assert_msg(r.value[CONFIG_REMOTE_CONNECTIONS] == rows[i].connections, "row %zu", i);
		ck_assert_msg(r.value[CONFIG_REMOTE_RATE] == rows[i].rate, "row %zu: %llu", i,
		    (unsigned long long)r.value[CONFIG_REMOTE_RATE]);
		ck_assert_msg(r.value[CONFIG_REMOTE_RECIPIENTS] == rows[i].recipients, "row %zu", i);
		ck_assert_str_eq(r.from[CONFIG_REMOTE_RATE]->name, rows[i].rate_from);
		ck_assert_msg(r.by_address == rows[i].by_address, "row %zu", i);
	}
	end();
}
END_TEST

/* What a [domain] says goes before all sections of its hosts; what it does not say is theirs. */
START_TEST(domains_come_first)
{
	static const char text[] = "[domain a.example]\ntype = remote\nwithout = nothing\nrate = 5\n"
	    "[domain b.example]\ntype = remote\nprovider = microsoft\nrate = 7\n[domain c.example]\ntype = remote\n";
	static const struct { uint64_t without, connections, rate, recipients; bool is_empty; } wanted[] = {
		{ 0, NO, 5, NO, false }, { CONFIG_WITHOUT_DSN, 3, 7, NO, false }, { CONFIG_WITHOUT_DSN, NO, 600, NO, true },
	};
	struct buf file = BUF_INIT(4000);

	begin();
	buf_printf(&file, "%s%s", sections, text);
	put("servers/default.ini", buf_text(&file));
	read_all();
	expect("domains", "");
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		const char name[] = { (char)('a' + i), '\0' };
		char domain[20];
		const struct config_domain *d;
		struct config_remote_rules r;

		snprintf(domain, sizeof(domain), "%s.example", name);
		d = config_domain_find(&config->server[0], domain);
		ck_assert_ptr_nonnull(d);
		ck_assert(config_remote_is_empty(&d->rules) == wanted[i].is_empty);
		config_remote_find(&r, &config->server[0], &d->rules, "other.example", NULL);
		ck_assert_msg(r.value[CONFIG_REMOTE_WITHOUT] == wanted[i].without, "%s", domain);
		ck_assert_msg(r.value[CONFIG_REMOTE_CONNECTIONS] == wanted[i].connections, "%s", domain);
		ck_assert_msg(r.value[CONFIG_REMOTE_RATE] == wanted[i].rate, "%s", domain);
		ck_assert_msg(r.value[CONFIG_REMOTE_RECIPIENTS] == wanted[i].recipients, "%s", domain);
		ck_assert((r.from[CONFIG_REMOTE_RATE] == &d->rules) != wanted[i].is_empty);
	}
	buf_done(&file);
	end();
}
END_TEST

static const struct { const char *text, *want; } faulty[] = {
	{ "[domain a.example]\ntype = alias\nrate = 5\n", D "3" E "\"rate\" is for remote domains and senders only" },
	{ "[host]\n", D "1" E "must be [host PATTERN]" },
	{ "[host a.*.b]\n[host *b]\n[host 192.0.2.1/33]\n[host -a]\n",
	    D "1" E "must be\n" D "2" E "must be\n" D "3" E "must be\n" D "4" E "must be" },
	{ "[host a.example]\nrate = 1\n[host A.Example]\nrate = 2\n",
	    D "3" E "host a.example is there a second time (first at line 1)" },
	{ "[host 192.0.2.0/24]\nrate = 1\n[host 192.0.2.0/255.255.255.0]\nrate = 2\n",
	    D "3" E "host 192.0.2.0/24 is there a second time" },
	{ "[host a.example]\nrate = 0\n", D "2" E "rate must be from 1 to 1000000, or unlimited, not 0" },
	{ "[host a.example]\nwithout = tls\n", D "2" E "without must be pipelining, size" },
	{ "[host a.example]\nprovider = yahoo\n", D "2" E "provider must be none, microsoft or google" },
	{ "[host a.example]\nconection = 1\n", D "2" E "unknown key \"conection\" in [host a.example]" },
	{ "[host a.example]\n", D "1" W "[host a.example] says nothing of its hosts" },
	{ "[host 0.0.0.0/0]\nrate = 5\n", D "1" W "[host 0.0.0.0/0] is a large part of the Internet" },
	{ "[delivery]\nconnections = 5\n[host a.example]\nconnections = 6\n",
	    D "4" W "connections is larger than that of [delivery], 5" },
	{ "[delivery]\nsmart-host = smtp.office365.com:587\noutbound-auth = basic\noutbound-tls = verify\nuser = u\nsecret-file = /s\n",
	    D "2" W "smtp.office365.com takes 3 connections and 30 messages a minute of a mailbox" },
	{ "[delivery]\nsmart-host = smtp.office365.com:587\noutbound-auth = basic\noutbound-tls = verify\nuser = u\nsecret-file = /s\n"
	  "[host *.office365.com]\nprovider = microsoft\n", "" },
	{ "[delivery]\nsmart-host = smtp.office365.com:587\n", "" },
	{ "[delivery]\noutbound-tls = required\n[host a.example]\nwithout = starttls\n",
	    D "4" W "without = starttls has no effect where outbound-tls asks for TLS" },
};

START_TEST(faults_are_told)
{
	begin();
	for (size_t i = 0; i < nitems_of(faulty); i++) {
		put("servers/default.ini", faulty[i].text);
		read_all();
		expect(faulty[i].text, faulty[i].want);
	}
	put("servers/default.ini", "");
	put("postern.ini", "[service]\nhostname = host.example\n[host a.example]\nrate = 5\n");
	read_all();
	expect("shared", "postern.ini:3" E "[host] belongs in the file of a virtual server");
	end();
}
END_TEST

/* What `posternctl config` prints reads back as the same. */
START_TEST(printed_and_read)
{
	struct config_server *s;
	struct buf out = BUF_INIT(1U << 20);
	struct config_remote_rules before, after;

	begin();
	put("servers/default.ini", sections);
	read_all();
	s = &config->server[0];
	config_remote_find(&before, s, NULL, "mx1.example.com", NULL);
	config_print_server(s, false, &out);
	put("servers/default.ini", buf_text(&out));
	read_all();
	ck_assert_uint_eq(faults.errors, 0);
	ck_assert_uint_eq(config->server[0].nremote, 10);
	config_remote_find(&after, &config->server[0], NULL, "mx1.example.com", NULL);
	ck_assert_mem_eq(before.value, after.value, sizeof(before.value));
	buf_done(&out);
	end();
}
END_TEST

UNIT_MAIN("config_remote", sections_that_win, domains_come_first, faults_are_told, printed_and_read)
