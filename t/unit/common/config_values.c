/*
 * config_values - values that are read, the round trip of the snapshot,
 * printed values, comparison of two configurations
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "common/config/config_listeners.h"
#include "t/unit/common/temp_config.h"

/* shows 1.1b, 2.2a */
START_TEST(test_defaults)
{
	const struct config_server *s;

	begin();
	read_all();
	s = server("default");
	ck_assert_uint_eq(s->id, 1);
	ck_assert_uint_eq(s->nlisten, 2);
	ck_assert_uint_eq(s->max_message_size, 25 << 20);
	ck_assert(s->connection_limit == 0 && s->connection_limit_per_client == 0 && s->memory_limit == 0);
	ck_assert(s->client_prefix_ipv4 == 32 && s->client_prefix_ipv6 == 64);
	ck_assert_uint_eq(s->connection_timeout, 600000);
	ck_assert_uint_eq(s->retry.count, 4);
	ck_assert_uint_eq(s->retry.ms[3], 4 * 3600 * 1000);
	ck_assert_uint_eq(s->port, 25);
	ck_assert_uint_eq(s->authentication, CONFIG_AUTH_ANONYMOUS);
	ck_assert_int_eq(s->relay, CONFIG_ONLY);
	ck_assert_int_eq(s->connection_control, CONFIG_ALL_EXCEPT);
	ck_assert(s->relay_authenticated && !s->open_relay && s->banner == NULL && s->masquerade == NULL);
	ck_assert_str_eq(s->fqdn, "host.example");
	ck_assert_str_eq(s->queue, POSTERN_LOCALSTATEDIR "/spool/postern/default/queue");
	ck_assert_str_eq(s->default_domain->name, "host.example");
	ck_assert_uint_eq(s->default_domain->drop_quota, CONFIG_UNLIMITED);
	ck_assert_uint_eq(config->service.grace, 30000);
	ck_assert(config->service.syslog && config->service.events == NULL && !config->service.dnssec);
	end();
}
END_TEST

/* The figures that users were promised, by name and not by the table that makes them. */
/* shows 2.1f */
START_TEST(test_promised_figures)
{
	enum { HOUR = 3600000, DAY = 24 * HOUR };
	static const uint64_t retry[] = { HOUR / 4, HOUR / 2, HOUR, 4 * HOUR };
	const struct config_server *s;

	begin();
	read_all();
	s = server("default");
	ck_assert_str_eq(s->description, "Default SMTP Virtual Server");
	ck_assert(s->log && s->log_format == CONFIG_LOG_W3C && s->log_fields.count == 0 && s->log_roll == CONFIG_ROLL_DAILY);
	ck_assert_uint_eq(s->processes, 1);
	ck_assert(s->basic_requires_tls && !s->helo_required && !s->proxy && s->tls == CONFIG_TLS_OFF);
	ck_assert(s->mend == CONFIG_CLIENTS_RELAY && s->dsn == CONFIG_CLIENTS_RELAY);
	ck_assert_int_eq(s->tls_minimum, CONFIG_TLS_1_2);
	ck_assert_uint_eq(s->max_session_size, 100 << 20);
	ck_assert_uint_eq(s->max_messages_per_connection, 20);
	ck_assert_uint_eq(s->max_recipients, 100);
	ck_assert_uint_eq(s->badmail_keep, 30ULL * DAY);
	ck_assert_uint_eq(s->badmail_limit, 1 << 30);
	ck_assert_int_eq(memcmp(s->retry.ms, retry, sizeof(retry)), 0);
	ck_assert(s->delay_notify == 12 * HOUR && s->local_delay_notify == 12 * HOUR);
	ck_assert(s->expire == 2 * DAY && s->local_expire == 2 * DAY);
	ck_assert(s->outbound_auth == CONFIG_OUT_ANONYMOUS && s->outbound_tls == CONFIG_OUT_TLS_MAY);
	ck_assert(s->connections == 1000 && s->connections_per_domain == 100);
	ck_assert_uint_eq(s->outbound_timeout, 600000);
	ck_assert_uint_eq(s->hop_limit, 100);
	ck_assert(s->smart_host_after_direct == CONFIG_DIRECT_NO && !s->reverse_dns);
	ck_assert(s->ldap.cache_found == 60000 && s->ldap.cache_missing == 10000);
	end();
}
END_TEST

/* Where events go, by both keys, in the background and in the foreground. */
/* shows 2.2i, 7.2a */
START_TEST(events_go)
{
	static const struct {
		const char *keys;
		enum log_sink background, foreground;
	} rows[] = {
		{ "", LOG_TO_SYSLOG, LOG_TO_STDERR }, { "syslog = no\n", LOG_TO_STDERR, LOG_TO_STDERR },
		{ "events = syslog\nsyslog = no\n", LOG_TO_SYSLOG, LOG_TO_STDERR },
		{ "events = stderr\n", LOG_TO_STDERR, LOG_TO_STDERR },
		{ "events = /var/log/x\n", LOG_TO_FILE, LOG_TO_FILE },
		{ "events = json\nsyslog = yes\n", LOG_TO_JSON, LOG_TO_JSON },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];

		begin();
		snprintf(text, sizeof(text), "[service]\nhostname = host.example\n%s", rows[i].keys);
		put("postern.ini", text);
		read_all();
		expect("events", "");
		ck_assert_int_eq(config_service_log_sink(&config->service, false), rows[i].background);
		ck_assert_int_eq(config_service_log_sink(&config->service, true), rows[i].foreground);
		end();
	}
}
END_TEST

static const char rich[] =
    "[general]\nlisten = [::1]:2525 127.0.0.1:2525\nbanner = Hello;there\n[access]\nrelay-list = 10.0.0.0/8 "
    "192.0.2.1,\n"
    " 2001:db8::/32\nrelay-list = 127.0.0.1\n[messages]\nmax-message-size = unlimited\nmax-session-size = "
    "unlimited\nndr-copy-to = a@b.example\n"
    "[delivery]\nretry = 1s 2s\nretry = 3s\nsmart-host = a.example:587, [192.0.2.1]\nsmart-host-after-direct "
    "= on-failure\nfqdn = MAIL.Example\n"
    "source-address = 2001:db8::1, 192.0.2.1\n[security]\noperators = alice, @wheel\n[domain "
    "b.example]\ntype = remote\nroute = dns\nport = 2525\n"
    "relay = yes\n[domain *.b.example]\ntype = remote\nroute = r.example, [2001:db8::2]:26\n[domain "
    "c.example]\ntype = default\ndrop-quota = 1M\n"
    "[domain x.b.example]\ntype = alias\n[domain B\xc3\x9c" "cher.example]\ntype = alias\n";

/* auto: one for each four processors, shared by virtual servers, one to four; a number is taken as it is. */
/* shows 2.3l */
START_TEST(test_listeners)
{
	static const struct { const char *text; unsigned servers, processors, listeners; } rows[] = {
		{ "auto", 1, 1, 1 }, { "auto", 1, 2, 1 }, { "auto", 1, 7, 1 }, { "auto", 1, 8, 2 },
		{ "auto", 1, 15, 3 }, { "auto", 1, 16, 4 }, { "auto", 1, 512, 4 }, { "auto", 2, 16, 2 },
		{ "auto", 100, 64, 1 }, { "auto", 0, 8, 2 }, { "1", 1, 64, 1 }, { "3", 5, 1, 3 },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		char text[64];
		struct buf out = BUF_INIT(100);

		begin();
		snprintf(text, sizeof(text), "[general]\nprocesses = %s\n", rows[i].text);
		put("servers/default.ini", text);
		read_all();
		expect("processes", "");
		ck_assert_msg(config_listeners(server("default"), rows[i].servers, rows[i].processors) ==
		    rows[i].listeners, "row %zu", i);
		config_print_value(&out, server("default"), NULL, "general", "processes");
		ck_assert_str_eq(buf_text(&out), rows[i].text);
		buf_done(&out);
		end();
	}
}
END_TEST

/* shows 2.1c */
START_TEST(test_rich_values)
{
	const struct config_domain *d;
	const struct config_server *s;

	begin();
	put("servers/default.ini", rich);
	read_all();
	expect("rich", "");
	s = server("default");
	ck_assert_str_eq(s->banner, "Hello;there");
	ck_assert_uint_eq(s->relay_list.count, 4);
	ck_assert_uint_eq(s->retry.count, 3);
	ck_assert_uint_eq(s->retry.ms[2], 3000);
	ck_assert_uint_eq(s->smart_host.count, 2);
	ck_assert_str_eq(s->smart_host.text[0], "a.example:587");
	ck_assert_int_eq(s->smart_host_after_direct, CONFIG_DIRECT_ON_FAILURE);
	ck_assert_str_eq(s->fqdn, "mail.example");
	ck_assert_uint_eq(s->nsource_address, 2);
	ck_assert_uint_eq(s->operators.count, 2);
	ck_assert_str_eq(s->default_domain->name, "c.example");
	ck_assert_uint_eq(s->default_domain->drop_quota, 1 << 20);
	d = config_domain_find(s, "b.example");
	ck_assert(d != NULL && d->has_route && d->type == CONFIG_DOMAIN_REMOTE && d->relay && d->has_port &&
	    d->port == 2525 && d->route.count == 0);
	d = config_domain_find(s, "y.b.example");
	ck_assert(d != NULL && strcmp(d->name, "*.b.example") == 0 && !d->has_port && d->route.count == 2);
	ck_assert_str_eq(config_domain_find(s, "z.x.b.example")->name, "*.b.example");
	ck_assert_str_eq(config_domain_find(s, "x.b.example")->name, "x.b.example");
	ck_assert_ptr_null(config_domain_find(s, "xb.example"));
	ck_assert_str_eq(config_domain_find(s, "b\xc3\xbc" "cher.example")->name, "xn--bcher-kva.example");
	ck_assert_str_eq(config_domain_find(s, "\xc3\xbc.b.example")->name, "*.b.example");
	ck_assert_ptr_nonnull(config_domain_find(s, "xn--bcher-kva.example"));
	ck_assert_ptr_null(config_domain_find(s, "\xff.b.example"));
	ck_assert_ptr_null(config_domain_find(s, "example"));
	ck_assert_ptr_null(config_domain_find(s, "*.b.example"));
	ck_assert_ptr_null(config_domain_find(s, ""));
	end();
}
END_TEST

/* An address literal is the default domain when it leads to us: by own-address or by listen. */
START_TEST(test_own_literals)
{
	static const struct { const char *literal; bool ours; } rows[] = {
		{ "[203.0.113.5]", true }, { "[ipv6:2001:db8::5]", true }, { "[IPv6:2001:DB8:0::5]", true },
		{ "[ipv6:::ffff:203.0.113.5]", true }, { "[192.0.2.1]", true }, { "[203.0.113.6]", false },
		{ "[0.0.0.0]", false }, { "[ipv6:::]", false }, { "[mail.example]", false }, { "[", false },
		{ "[]", false }, { "[203.0.113.5", false },
	};

	begin();
	put("servers/default.ini", "[general]\nlisten = 192.0.2.1:25, *:2525, [::]:2525\n"
	    "own-address = 203.0.113.5, [2001:db8::5]:25, mail.example\n[domain c.example]\ntype = default\n");
	read_all();
	expect("own literals", "");
	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(config_domain_find(server("default"), rows[i].literal) ==
		    (rows[i].ours ? server("default")->default_domain : NULL), "%s", rows[i].literal);
	end();
}
END_TEST

START_TEST(test_many_domains)
{
	char *text, *p, name[64];

	begin();
	text = mem_zalloc(CONFIG_FILE_MAX);
	p = text;
	for (int i = 0; i < 20000; i++)
		p += sprintf(p, "[domain d%d.example]\ntype = alias\n", i);
	put("servers/default.ini", text);
	read_all();
	expect("many", "");
	for (int i = 0; i < 20000; i += 997) {
		snprintf(name, sizeof(name), "d%d.example", i);
		ck_assert_ptr_nonnull(config_domain_find(server("default"), name));
	}
	free(text);
	end();
}
END_TEST

/* --- snapshot, print, sameness --- */

static char *
printed(const struct config *c, const char *name)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	config_print(c, name, out);
	fclose(out);
	return text;
}

static struct config *
through_snapshot(void)
{
	int fd = config_snapshot(config);
	struct config *c;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), -1);
	ck_assert_int_eq(ftruncate(fd, 0), -1);
	ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	c = config_read_snapshot(fd);
	ck_assert_ptr_nonnull(c);
	close(fd);
	return c;
}

START_TEST(test_snapshot)
{
	struct config *copy;
	char *a, *b;

	begin();
	put("postern.ini", "[service]\nhostname = host.example\n[messages]\nmax-recipients = 7\n");
	put("servers/default.ini", rich);
	put("servers/bad.ini", "[general]\nnonsense = 1\n");	/* would take an id if it were forgotten */
	put("servers/no-newline.ini", "[general]\r\nlisten = *:26");
	put("servers/empty.ini", "");
	read_all();
	copy = through_snapshot();
	a = printed(config, NULL);
	b = printed(copy, NULL);
	ck_assert_str_eq(a, b);
	ck_assert_uint_eq(config_server_by_name(copy, "empty")->id, server("empty")->id);
	ck_assert_ptr_null(config_server_by_name(copy, "bad"));
	ck_assert_uint_eq(copy->text_len, config->text_len);
	ck_assert_mem_eq(copy->text, config->text, copy->text_len);
	for (size_t i = 0; i < config->nserver; i++)
		ck_assert(config_server_same(config, copy, config->server[i].name));
	free(a);
	free(b);
	config_free(copy);
	end();
}
END_TEST

/* A child looks neither at folders and files nor at the host's name: it has what the snapshot says. */
START_TEST(test_snapshot_stands_alone)
{
	struct config *copy;
	int fd;
	char *rest, *text;

	begin();
	put("postern.ini", "");
	read_all();
	rest = strstr(strstr(config->text, "host ") + 1, "\n");
	text = mem_printf("postern-snapshot 1\nhost elsewhere.example%s", rest);
	empty_folder(folder);
	fd = memfd_create("snapshot", MFD_CLOEXEC);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	copy = config_read_snapshot(fd);
	ck_assert_ptr_nonnull(copy);
	ck_assert_str_eq(copy->service.hostname, "elsewhere.example");
	ck_assert_str_eq(config_server_by_name(copy, "default")->default_domain->name, "elsewhere.example");
	free(text);
	close(fd);
	config_free(copy);
	end();
}
END_TEST

START_TEST(test_damaged_snapshot)
{
	begin();
	put("servers/default.ini", rich);
	read_all();
	for (size_t len = 0; len < config->text_len; len += len < 100 ? 1 : 37) {
		int fd = memfd_create("damaged", MFD_CLOEXEC);
		struct config *c;

		ck_assert_int_eq(write(fd, config->text, len), (ssize_t)len);
		c = config_read_snapshot(fd);
		/* Whole files left out are a legal text */
		ck_assert_msg(c == NULL || c->nserver == 0, "cut at %zu", len);
		config_free(c);
		close(fd);
	}
	ck_assert_ptr_null(config_read_snapshot(-1));
	end();
}
END_TEST

START_TEST(test_print_shows_origins)
{
	char *text, *all, *id, *shared;

	begin();
	put("postern.ini", "[service]\nhostname = host.example\n[messages]\nmax-recipients = 7\n"
	    "[oauth m365]\ntoken-url = https://a.example/t\nclient-id = c\nsecret-file = /s\n");
	put("servers/default.ini", "[general]\nid = 9\n[domain r.example]\ntype = remote\n"
	    "[host a.example]\nrate = 5\n[filter spam]\nconnect = inet:127.0.0.1:8891\n");
	read_all();
	text = printed(config, "default");
	all = printed(config, NULL);
	id = mem_printf("; %s/servers/default.ini:2\n", folder);
	shared = mem_printf("; %s/postern.ini:4\n", folder);
	ck_assert_ptr_nonnull(strstr(text, id));
	ck_assert_ptr_nonnull(strstr(text, shared));
	ck_assert_ptr_null(strstr(text, "[service]"));
	ck_assert_ptr_nonnull(strstr(all, "[service]\nhostname"));
	for (size_t i = 0; i < key_rows_count; i++) {
		char *line = mem_printf("\n%s ", key_rows[i].name);

		ck_assert_msg(strstr(all, line) != NULL, "%s", key_rows[i].name);
		free(line);
	}
	ck_assert_ptr_nonnull(strstr(text, "; default\n"));
	free(text);
	free(all);
	free(id);
	free(shared);
	end();
}
END_TEST

/* What config_print says is an INI file of the same values. */
START_TEST(test_print_reads_back)
{
	struct config *first;
	char *text;

	begin();
	put("servers/default.ini", rich);
	read_all();
	first = config;
	text = printed(config, "default");
	config = NULL;
	put("servers/default.ini", text);
	read_all();
	expect("printed", "");
	ck_assert(config_server_same(first, config, "default"));
	free(text);
	config_free(first);
	end();
}
END_TEST

START_TEST(test_same)
{
	struct config *before;

	static const struct { const char *service, *server; bool same; } cases[] = {
		{ "[service]\nhostname = host.example\n",
		    "[general]\nid = 1\n[access]\nrelay-list = 192.0.2.1\n", true },
		{ "# comment\n[service]\nhostname = host.example\n",
		    "[access]\nrelay-list = 192.0.2.1/32 ; the same\n", true },
		{ "[service]\nhostname = host.example\n", "[access]\nrelay-list = 192.0.2.2\n", false },
		{ "[service]\nhostname = host.example\n",
		    "[access]\nrelay-list = 192.0.2.1\n[domain a.example]\ntype = alias\n", false },
		{ "[service]\nhostname = host.example\ngrace = 31s\n", "[access]\nrelay-list = 192.0.2.1\n",
		    false },
		{ "[service]\nhostname = host.example\n[messages]\nmax-recipients = 7\n",
		    "[access]\nrelay-list = 192.0.2.1\n", false },
	};
	begin();
	put("servers/default.ini", cases[0].server);
	read_all();
	before = config;
	config = NULL;
	for (size_t i = 0; i < nitems_of(cases); i++) {
		put("postern.ini", cases[i].service);
		put("servers/default.ini", cases[i].server);
		read_all();
		ck_assert_msg(config_server_same(before, config, "default") == cases[i].same, "case %zu", i);
	}
	ck_assert(!config_server_same(before, config, "x") == false);
	config_free(before);
	end();
}
END_TEST

/*
 * The sample, with the semicolons taken away, sets everything to its default. A choice whose default depends on
 * other keys stands behind a #.
 */
/* shows 1.1a */
START_TEST(test_sample_is_the_defaults)
{
	struct config *before;

	begin();
	put("postern.ini", "");
	read_all();
	before = config;
	config = NULL;
	for (int which = 0; which < 2; which++) {
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);
		char *named;

		key_print_sample(out, which == 1);
		fclose(out);
		named = strstr(text, which == 1 ? ";[domain" : ";[oauth");
		ck_assert_ptr_nonnull(named);
		*named = '\0';
		for (char *p = text; (p = strstr(p, "\n;")) != NULL; )
			memmove(p + 1, p + 2, strlen(p + 2) + 1);
		put(which == 1 ? "servers/default.ini" : "postern.ini", text);
		free(text);
	}
	read_all();
	expect("sample", "");
	ck_assert(config_server_same(before, config, "default"));
	for (size_t i = 0; i < key_rows_count; i++)	/* and does name every key */
		if (key_rows[i].section < KEY_DOMAIN && !key_rows[i].missing &&
		    (key_rows[i].kind != KEY_ENUM || key_rows[i].standard != NULL))
			ck_assert_msg(config_origin_of(key_rows[i].section <= KEY_LIMITS ?
			    config->service.origin : server("default")->origin,
			    key_rows[i].section, key_rows[i].name)->file != NULL, "%s", key_rows[i].name);
	config_free(before);
	end();
}
END_TEST

UNIT_MAIN("config_values", test_promised_figures, test_defaults, events_go, test_listeners, test_rich_values, test_own_literals, test_many_domains, test_snapshot,
    test_snapshot_stands_alone,
    test_damaged_snapshot, test_print_shows_origins, test_print_reads_back, test_same,
    test_sample_is_the_defaults)
