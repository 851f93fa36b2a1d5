/*
 * key - the key table is complete: each row has a meaning, a place in its struct
 * and a default that parses; values, look-ups, sample files
 */
#include "common/config/key.h"

#include <stdio.h>
#include <string.h>

#include "common/config/config.h"
#include "t/unit/check_main.h"

static size_t
owner_size(const struct key *k)
{
	return k->section <= KEY_LIMITS ? sizeof(struct config_service) :
	    k->section == KEY_DOMAIN ? sizeof(struct config_domain) : k->section == KEY_REMOTE ?
	    sizeof(struct config_remote) : k->section == KEY_FILTER ? sizeof(struct config_filter) : k->section == KEY_OAUTH ?
	    sizeof(struct config_oauth) : sizeof(struct config_server);
}

static const char *
owner_name(const struct key *k)
{
	return k->section <= KEY_LIMITS ? "service" : k->section == KEY_DOMAIN ? "domain" :
	    k->section == KEY_REMOTE ? "host" : k->section == KEY_FILTER ? "filter" : k->section == KEY_OAUTH ? "profile" : "server";
}

START_TEST(test_rows_are_whole)
{
	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];

		ck_assert_msg(i == 0 || k[-1].section <= k->section, "%s: not in the order of sections", k->name);
		ck_assert_msg(k->name != NULL && *k->name != '\0' &&
		    strspn(k->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(k->name),
		    "row %zu", i);
		ck_assert_msg(strlen(k->name) < 50, "%s: inih cuts it", k->name);
		ck_assert_msg(k->meaning != NULL && strlen(k->meaning) > 10 &&
		    k->meaning[strlen(k->meaning) - 1] == '.', "%s", k->name);
		ck_assert_msg(k->size > 0 && k->offset + k->size <= owner_size(k), "%s", k->name);
		ck_assert_msg((k->choice != NULL) == (k->kind == KEY_ENUM || k->kind == KEY_FLAGS), "%s",
		    k->name);
		ck_assert_msg(k->standard == NULL || k->derived == NULL, "%s: two defaults", k->name);
		ck_assert_msg(k->kind < KEY_KIND_COUNT && k->section < KEY_SECTION_COUNT, "%s", k->name);
		if (i > 0)
			ck_assert_msg(key_rows[i - 1].section <= k->section, "%s: out of order", k->name);
		ck_assert_msg(key_find(k->section, k->name) == k, "%s: twice", k->name);
		/* No two rows write into one field, but the two kinds of listen */
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(strcmp(owner_name(&key_rows[j]), owner_name(k)) != 0 ||
			    key_rows[j].offset != k->offset || k->kind == KEY_LISTEN_TLS,
			    "%s and %s share a field", key_rows[j].name, k->name);
	}
}
END_TEST

START_TEST(test_widths_fit_kinds)
{
	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];

		switch (k->kind) {
		case KEY_BOOL:
			ck_assert_msg(k->size == sizeof(bool), "%s", k->name);
			break;
		case KEY_NUMBER:
			ck_assert_msg(k->size == 8 ||
			    (k->max > 0 && k->max < 1ULL << (8 * k->size) && !k->unlimited), "%s", k->name);
			break;
		case KEY_SIZE:
		case KEY_TIME:
			ck_assert_msg(k->size == sizeof(uint64_t), "%s", k->name);
			break;
		case KEY_TEXT:
		case KEY_PATH:
		case KEY_HOST:
			ck_assert_msg(k->size == sizeof(char *), "%s", k->name);
			break;
		default:
			break;
		}
	}
}
END_TEST

/* Who may set what by command, key by key: a new key is decided on here, too. */
static const struct { enum key_section section; const char *account, *service; } guards[] = {
	{ KEY_GENERAL, "",
	    " id user pickup-group drop-group log-group home pickup queue drop "
	    "connection-limit memory-limit processes log-keep log-directory " },
	{ KEY_ACCESS, "",
	    " password-file keytab service-principal certificate key evacuate-from open-relay proxy proxy-trusted " },
	{ KEY_MESSAGES, "", " disk-reserve badmail badmail-limit " },
	{ KEY_DELIVERY, " auth-mechanisms outbound-tls mta-sts port smart-host ",
	    " outbound-auth user secret-file oauth authorities client-certificate client-key evacuate-certificate evacuate-key dkim-key connections never-to source-address " },
	{ KEY_LDAP, "",
	    " uri start-tls ca-file bind user secret-file base filter mail-attribute forward-attribute "
	    "member-attribute " },
	{ KEY_SECURITY, "", " operators viewers " },
	{ KEY_DOMAIN, " route outbound-tls mta-sts auth-mechanisms without port ",
	    " drop outbound-auth user secret-file oauth client-certificate client-key " },
	{ KEY_REMOTE, " without auth-mechanisms ", "" },
};
static const char open_keys[] =
    " drop-delete description own-address connection-limit-per-client client-prefix-ipv4 client-prefix-ipv6 "
    "connection-timeout session-time idle-command-limit log log-format log-fields log-roll log-roll-size banner "
    "authentication helo-required mend dsn basic-requires-tls mechanisms auth-for-old-clients basic-domain "
    "kerberos-realms kerberos-accounts kerberos-binding tls certificate-alarm tls-minimum tls-for-old-devices client-certificate evacuate-from "
    "connection-control connection-list relay relay-list relay-authenticated max-message-size "
    "max-session-size max-messages-per-connection max-recipients ndr-copy-to badmail-keep pickup-dots "
    "pickup-settle retry delay-notify expire local-delay-notify local-expire connections-per-domain hop-limit minimum-rate "
    "masquerade fqdn mta-sts tls-reports tls-report-contact tls-report-organization smart-host-after-direct smart-host-alarm queue-age-alarm paused paused-hosts reverse-dns enable timeout schema group-depth "
    "report-members recipient-delimiter resolve-senders cache-found cache-not-found type drop-quota relay helo hold "
    "atrn-accounts provider connections rate recipients acknowledge ";

/* Open up to a key of [service]. */
static const char ceiling_keys[] =
    " max-message-size max-session-size max-recipients connections-per-domain rate expire local-expire drop-quota ";
static const char range_keys[] = " listen tls-listen ";

static enum key_guard
wanted_guard(const struct key *k, const char *word)
{
	for (size_t i = 0; i < sizeof(guards) / sizeof(guards[0]); i++)
		if (guards[i].section == k->section)
			return strstr(guards[i].service, word) != NULL ? KEY_GUARD_SERVICE :
			    strstr(guards[i].account, word) != NULL ? KEY_GUARD_ACCOUNT :
		    strstr(range_keys, word) != NULL ? KEY_GUARD_RANGE : KEY_GUARD_NONE;
	return KEY_GUARD_SERVICE;
}

START_TEST(test_guards)
{
	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];
		char word[64];

		snprintf(word, sizeof(word), " %s ", k->name);
		ck_assert_msg(k->guard == wanted_guard(k, word), "[%s] %s: its guard is another one than in `guards`",
		    key_section_name(k->section), k->name);
		ck_assert_msg(k->guard != KEY_GUARD_NONE || strstr(open_keys, word) != NULL,
		    "[%s] %s is new: may operators of a virtual server set it? Then add it to `open_keys`, else give "
		    "it a guard, and add it to `guards`", key_section_name(k->section), k->name);
		ck_assert_msg((k->ceiling != NULL) == (strstr(ceiling_keys, word) != NULL), "[%s] %s",
		    key_section_name(k->section), k->name);
		if (k->ceiling != NULL) {
			const struct key *top = key_find(KEY_SERVICE, k->ceiling);

			ck_assert_msg(top != NULL && top->kind == k->kind && top->guard == KEY_GUARD_SERVICE &&
			    k->size == sizeof(uint64_t) && top->size == k->size, "%s", k->ceiling);
		}
		/* files, folders and users are never open */
		ck_assert_msg(k->kind != KEY_PATH || k->guard == KEY_GUARD_SERVICE, "%s", k->name);
	}
}
END_TEST

/* The contract's sections, key by key. */
static const char *const wanted[KEY_SECTION_COUNT] = {
	[KEY_SERVICE] =
	    "listener-user resolver-user auth-user directory-user fetch-user filter-user limits-user metrics-user web-user "
	    "operator-listen operator-max-message-size operator-max-session-size operator-max-recipients "
	    "operator-connections-per-domain operator-rate operator-expire operator-drop-quota "
	    "hostname user group spool state run logs sendmail operators viewers dns-server dnssec trust-anchor "
	    "dns-insecure grace syslog events metrics sandbox",
	[KEY_MANAGER] = "listen certificate key accounts keytab service-principal kerberos-realms hosts nodes nodes-file",
	[KEY_LIMITS] = "engine user password-file prefix node nodes on-loss lease",
	[KEY_GENERAL] =
	    "user pickup-group drop-group drop-delete log-group id description listen tls-listen own-address home pickup queue drop connection-limit "
	    "connection-limit-per-client client-prefix-ipv4 client-prefix-ipv6 memory-limit "
	    "connection-timeout session-time idle-command-limit "
	    "processes log log-format log-fields log-roll log-roll-size log-keep log-directory banner",
	[KEY_ACCESS] =
	    "mechanisms auth-for-old-clients kerberos-realms kerberos-accounts kerberos-binding "
	    "authentication password-file basic-requires-tls basic-domain keytab service-principal tls "
	    "certificate key certificate-alarm tls-minimum tls-for-old-devices client-certificate evacuate-from "
	    "connection-control connection-list relay relay-list relay-authenticated open-relay proxy "
	    "proxy-trusted mend helo-required dsn",
	[KEY_MESSAGES] =
	    "max-message-size disk-reserve max-session-size max-messages-per-connection max-recipients ndr-copy-to "
	    "badmail badmail-keep " "badmail-limit pickup-dots pickup-settle",
	[KEY_DELIVERY] =
	    "retry delay-notify expire local-delay-notify local-expire outbound-auth user secret-file oauth "
	    "auth-mechanisms outbound-tls mta-sts tls-reports tls-report-contact tls-report-organization authorities client-certificate client-key evacuate-certificate evacuate-key dkim-key connections "
	    "connections-per-domain connection-timeout minimum-rate port hop-limit masquerade fqdn smart-host "
	    "smart-host-after-direct smart-host-alarm queue-age-alarm paused paused-hosts never-to reverse-dns source-address acknowledge",
	[KEY_LDAP] =
	    "enable uri start-tls ca-file timeout schema bind user secret-file base filter mail-attribute "
	    "forward-attribute member-attribute group-depth " "cache-found cache-not-found report-members recipient-delimiter resolve-senders",
	[KEY_SECURITY] = "operators viewers",
	[KEY_DOMAIN] =
	    "type drop drop-quota relay helo route outbound-auth outbound-tls user secret-file oauth "
	    "auth-mechanisms mta-sts client-certificate client-key port provider without connections rate recipients "
	    "hold atrn-accounts",
	[KEY_REMOTE] = "provider without auth-mechanisms connections rate recipients",
	[KEY_FILTER] = "connect for on-failure connect-time command-time content-time",
	[KEY_OAUTH] =
	    "provider tenant token-url flow client-id secret-file key-file certificate-file key-id audience "
	    "signature scope refresh-token-file ca-file timeout",
};

START_TEST(test_all_keys_are_known)
{
	size_t count = 0;

	for (enum key_section s = KEY_SERVICE; s < KEY_SECTION_COUNT; s++) {
		char *list = mem_strdup(wanted[s]), *save = NULL;

		for (char *name = strtok_r(list, " ", &save); name != NULL; name = strtok_r(NULL, " ", &save),
		    count++)
			ck_assert_msg(key_find(s, name) != NULL, "[%s] %s", key_section_name(s), name);
		free(list);
		ck_assert_int_eq(key_section_find(key_section_name(s)), s);
	}
	for (size_t i = 0; i < key_rows_count; i++) {
		char *list = mem_printf(" %s ", wanted[key_rows[i].section]),
		    *word = mem_printf(" %s ", key_rows[i].name);

		ck_assert_msg(strstr(list, word) != NULL, "[%s] %s is new: add it to `wanted`",
		    key_section_name(key_rows[i].section), key_rows[i].name);
		free(list);
		free(word);
	}
	ck_assert_uint_eq(count, key_rows_count);
	ck_assert_int_eq(key_section_find("nothing"), KEY_SECTION_COUNT);
}
END_TEST

#define BAD UINT64_MAX

static const struct { const char *text; uint64_t size, time, number; } values[] = {
	{ "0", 0, BAD, 0 }, { "100", 100, BAD, 100 }, { "2048K", 2097152, BAD, BAD },
	{ "2048k", 2097152, BAD, BAD },
	{ "25M", 26214400, BAD, BAD }, { "25MB", 26214400, BAD, BAD }, { "1G", 1ULL << 30, BAD, BAD },
	{ "3T", 3ULL << 40, BAD, BAD },
	{ "90s", BAD, 90000, BAD }, { "10m", 10ULL << 20, 600000, BAD }, { "12h", BAD, 43200000, BAD },
	{ "2d", BAD, 172800000, BAD },
	{ "1w", BAD, 604800000, BAD },
	{ "", BAD, BAD, BAD }, { "K", BAD, BAD, BAD }, { "s", BAD, BAD, BAD }, { "-1", BAD, BAD, BAD },
	{ "+1", BAD, BAD, BAD },
	{ "1.5M", BAD, BAD, BAD }, { "1 M", BAD, BAD, BAD }, { "1MM", BAD, BAD, BAD },
	{ "0x10", BAD, BAD, BAD }, { " 1", BAD, BAD, BAD },
	{ "1h30m", BAD, BAD, BAD }, { "5ms", BAD, 5, BAD }, { "0s", BAD, 0, BAD }, { "5us", BAD, BAD, BAD }, { "unlimited", BAD, BAD, BAD },
	{ "18446744073709551614", BAD - 1, BAD, BAD - 1 }, { "18446744073709551615", BAD, BAD, BAD },
	{ "99999999999999999999999", BAD, BAD, BAD }, { "16777216T", BAD, BAD, BAD },
	{ "16777215T", 16777215ULL << 40, BAD, BAD },
	{ "99999999999999999d", BAD, BAD, BAD },
};

/* shows 2.1b */
START_TEST(test_values)
{
	for (size_t i = 0; i < nitems_of(values); i++) {
		uint64_t v;

		ck_assert_msg((key_parse_size(values[i].text, &v) == 0 ? v : BAD) == values[i].size,
		    "size %s", values[i].text);
		ck_assert_msg((key_parse_time(values[i].text, &v) == 0 ? v : BAD) == values[i].time,
		    "time %s", values[i].text);
		ck_assert_msg((key_parse_number(values[i].text, &v) == 0 ? v : BAD) == values[i].number,
		    "number %s", values[i].text);
	}
}
END_TEST

/* shows 2.1b */
START_TEST(test_formats)
{
	static const struct { uint64_t value; const char *size; } sizes[] = {
		{ 0, "0" }, { 1, "1" }, { 1023, "1023" }, { 1024, "1K" }, { 1536, "1536" },
		{ 26214400, "25M" }, { 1ULL << 40, "1T" },
	};
	static const struct { uint64_t value; const char *time; } times[] = {
		{ 0, "0s" }, { 250, "250ms" }, { 1000, "1s" }, { 90000, "90s" }, { 3600000, "1h" }, { 172800000, "2d" },
	};
	char text[32];
	uint64_t v;

	for (size_t i = 0; i < nitems_of(sizes); i++) {
		key_format_size(text, sizeof(text), sizes[i].value);
		ck_assert_str_eq(text, sizes[i].size);
		ck_assert(key_parse_size(text, &v) == 0 && v == sizes[i].value);
	}
	for (size_t i = 0; i < nitems_of(times); i++) {
		key_format_time(text, sizeof(text), times[i].value);
		ck_assert_str_eq(text, times[i].time);
		ck_assert(key_parse_time(text, &v) == 0 && v == times[i].value);
	}
}
END_TEST

START_TEST(test_bool)
{
	static const char *const yes[] = { "yes", "on", "true", "YES" },
	    *const no[] = { "no", "off", "false", "No" };
	static const char *const bad[] = { "", "1", "0", "ja", "yes ", "y" };
	bool value;

	for (size_t i = 0; i < nitems_of(yes); i++)
		ck_assert(key_parse_bool(yes[i], &value) == 0 && value);
	for (size_t i = 0; i < nitems_of(no); i++)
		ck_assert(key_parse_bool(no[i], &value) == 0 && !value);
	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(key_parse_bool(bad[i], &value) == -1, "%s", bad[i]);
}
END_TEST

static const struct { key_check *check; const char *text; bool good; } forms[] = {
	{ key_check_path, "/a", true }, { key_check_path, "/", true }, { key_check_path, "a/b", false },
	{ key_check_path, "", false },
	{ key_check_path, "/a/../b", false }, { key_check_path, "/a/..", false },
	{ key_check_path, "/a/..b", true }, { key_check_path, "/..", false },
	{ key_check_host, "mail.example.com", true }, { key_check_host, "192.0.2.1", false },
	{ key_check_host, "a_b", true },
	{ key_check_host, "m\xc3\xbcnchen.example", false }, { key_check_host, "", false },
	{ key_check_fingerprint, "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef", true },
	{ key_check_fingerprint, "01:23456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcd:ef", true },
	{ key_check_fingerprint, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde", false },
	{ key_check_fingerprint, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0", false },
	{ key_check_fingerprint, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:", false },
	{ key_check_fingerprint, ":0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false },
	{ key_check_fingerprint, "012:3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false },
	{ key_check_fingerprint, "01::23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false },
	{ key_check_fingerprint, "g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false },
	{ key_check_fingerprint, "", false },
	{ key_check_word, "postern", true }, { key_check_word, "@wheel", true },
	{ key_check_word, "a b", false }, { key_check_word, "", false },
	{ key_check_line, "Hello there", true }, { key_check_line, "a\tb", false },
	{ key_check_line, "\xc3\xbc", false },
	{ key_check_mailbox, "a@b.example", true }, { key_check_mailbox, "a", false },
	{ key_check_mailbox, "<a@b>", false },
	{ key_check_mailbox, "a@b c", false }, { key_check_mailbox, "", false },
	{ key_check_smart_host, "relay.example", true }, { key_check_smart_host, "relay.example:587", true },
	{ key_check_smart_host, "relay", true },
	{ key_check_smart_host, "[192.0.2.1]", true }, { key_check_smart_host, "[192.0.2.1]:2525", true },
	{ key_check_smart_host, "[2001:db8::1]", true }, { key_check_smart_host, "[2001:db8::1]:25", true },
	{ key_check_smart_host, "192.0.2.1", false }, { key_check_smart_host, "relay:0", false },
	{ key_check_smart_host, "relay:65536", false },
	{ key_check_smart_host, "relay:", false }, { key_check_smart_host, "[relay]", false },
	{ key_check_smart_host, "[192.0.2.0/24]", false },
	{ key_check_smart_host, "[192.0.2.1", false }, { key_check_smart_host, "[]", false },
	{ key_check_smart_host, ":25", false },
	{ key_check_smart_host, "2001:db8::1", false }, { key_check_smart_host, "a b", false },
	{ key_check_log_field, "sc-Status", true }, { key_check_log_field, "sc-statu", false },
	{ key_check_log_field, "", false },
	{ key_check_resolver, "192.0.2.53", true }, { key_check_resolver, "192.0.2.53:5353", true },
	{ key_check_resolver, "2001:db8::53", true },
	{ key_check_resolver, "[2001:db8::53]:53", true }, { key_check_resolver, "dns.example", false },
	{ key_check_resolver, "*:53", false },
	{ key_check_range, "192.0.2.1:25", true }, { key_check_range, "192.0.2.0/28:25-2599", true },
	{ key_check_range, "[2001:db8::1]:*", true }, { key_check_range, "[2001:db8::/64]:1-65535", true },
	{ key_check_range, "*:*", true }, { key_check_range, "192.0.2.1", false },
	{ key_check_range, "192.0.2.1:", false }, { key_check_range, "192.0.2.1:0", false },
	{ key_check_range, "192.0.2.1:26-25", false }, { key_check_range, "192.0.2.1:25-", false },
	{ key_check_range, "192.0.2.1:25-26-27", false }, { key_check_range, "192.0.2.1:65536", false },
	{ key_check_range, "192.0.2.1: 25", false }, { key_check_range, "2001:db8::1:25", false },
	{ key_check_range, "[192.0.2.1]:25", false }, { key_check_range, "host.example:25", false },
	{ key_check_range, "[]:25", false }, { key_check_range, ":25", false }, { key_check_range, "", false },
};

/* What an item of operator-listen allows. */
/* shows 2.1b */
START_TEST(test_range)
{
	static const struct { const char *item, *address; bool allowed; } rows[] = {
		{ "192.0.2.1:25-2599", "192.0.2.1:25", true }, { "192.0.2.1:25-2599", "192.0.2.1:2599", true },
		{ "192.0.2.1:25-2599", "192.0.2.1:24", false }, { "192.0.2.1:25-2599", "192.0.2.1:2600", false },
		{ "192.0.2.1:25", "192.0.2.1:25", true }, { "192.0.2.1:25", "192.0.2.1:26", false },
		{ "192.0.2.1:25", "192.0.2.2:25", false }, { "192.0.2.1:25", "[::ffff:192.0.2.1]:25", true },
		{ "192.0.2.0/28:*", "192.0.2.15:65535", true }, { "192.0.2.0/28:*", "192.0.2.16:25", false },
		{ "[2001:db8::1]:*", "[2001:db8::1]:1", true }, { "[2001:db8::1]:*", "[2001:db8::2]:1", false },
		{ "*:2525", "192.0.2.1:2525", true }, { "*:2525", "*:2525", true }, { "*:2525", "[::]:2525", true },
		{ "*:2525", "*:25", false }, { "0.0.0.0/0:25", "192.0.2.1:25", true },
		{ "0.0.0.0/0:25", "*:25", false }, { "[::/0]:25", "[::]:25", false },
		{ "0.0.0.0/0:25", "[::ffff:0.0.0.0]:25", false }, { "nonsense", "192.0.2.1:25", false },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct net_address a;
		const char *why;

		ck_assert_int_eq(net_address_parse(&a, rows[i].address, 0, &why), 0);
		ck_assert_msg(key_check_range_has(rows[i].item, (const struct sockaddr *)&a.sa) == rows[i].allowed,
		    "%s %s", rows[i].item, rows[i].address);
	}
}
END_TEST

START_TEST(test_forms)
{
	char line[402];

	for (size_t i = 0; i < nitems_of(forms); i++) {
		const char *why = NULL;

		ck_assert_msg((forms[i].check(forms[i].text, &why) == 0) == forms[i].good, "%s",
		    forms[i].text);
		ck_assert_ptr_nonnull(why);
	}
	const char *why;
	memset(line, 'a', sizeof(line));
	line[0] = '/';
	line[401] = '\0';
	ck_assert_int_eq(key_check_line(line, &why), -1);
	line[400] = '\0';
	ck_assert_int_eq(key_check_line(line, &why), 0);
	line[181] = '\0';
	ck_assert_int_eq(key_check_path(line, &why), -1);
	line[180] = '\0';
	ck_assert_int_eq(key_check_path(line, &why), 0);
	/* The text about a wrong field names all there are, in the order of the table. */
	ck_assert_int_eq(key_check_log_field("no-field", &why), -1);
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
		ck_assert_ptr_nonnull(why = strstr(why, key_check_log_fields[i]));
}
END_TEST

START_TEST(test_distance)
{
	static const struct { const char *a, *b; unsigned d; } rows[] = {
		{ "", "", 0 }, { "a", "", 1 }, { "", "ab", 2 }, { "listen", "listen", 0 },
		{ "lisen", "listen", 1 }, { "lisetn", "listen", 1 },
		{ "Listen", "listen", 0 }, { "listne", "listen", 1 }, { "abc", "xyz", 3 }, { "ca", "abc", 3 },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		ck_assert_msg(key_distance(rows[i].a, rows[i].b) == rows[i].d, "%s %s", rows[i].a, rows[i].b);
		ck_assert_msg(key_distance(rows[i].b, rows[i].a) == rows[i].d, "%s %s", rows[i].b, rows[i].a);
	}
	ck_assert_uint_eq(key_distance("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", "a"), 99);
}
END_TEST

START_TEST(test_suggest)
{
	ck_assert_str_eq(key_suggest(KEY_GENERAL, "lisen"), "listen");
	ck_assert_str_eq(key_suggest(KEY_GENERAL, "Connection_Limit"), "connection-limit");
	ck_assert_str_eq(key_suggest(KEY_DELIVERY, "smarthost"), "smart-host");
	ck_assert_str_eq(key_suggest(KEY_GENERAL, "ids"), "id");
	ck_assert_ptr_null(key_suggest(KEY_GENERAL, "colour"));
	ck_assert_ptr_null(key_suggest(KEY_SECURITY, "listen"));
	ck_assert_ptr_null(key_suggest(KEY_GENERAL, "x"));
}
END_TEST

/*
 * Every available key is in one of the samples, at the start of a line behind a semicolon, or with its choices
 * behind a # when no constant is the default; no missing one is.
 */
START_TEST(test_sample_has_every_key)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	key_print_sample(out, false);
	key_print_sample(out, true);
	fclose(out);
	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];
		bool value = k->kind != KEY_ENUM || k->standard != NULL || k->needed;
		char *line = mem_printf("\n%s%s =", value ? ";" : "# ", k->name),
		    *section = mem_printf("[%s%s", key_section_name(k->section),
		    key_section_is_named(k->section) ? " " : "]");
		const char *begin = strstr(text, section),
		    *end = begin != NULL ? strstr(begin, "# ----") : NULL;
		const char *found = begin != NULL ? strstr(begin, line) : NULL;

		ck_assert_msg((found != NULL && (end == NULL || found < end)) == !k->missing, "[%s] %s",
		    key_section_name(k->section), k->name);
		free(line);
		free(section);
	}
	free(text);
}
END_TEST

START_TEST(test_manual_has_every_key)
{
	for (enum key_section s = KEY_SERVICE; s < KEY_SECTION_COUNT; s++) {
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);

		key_print_manual(out, s);
		fclose(out);
		for (size_t i = 0; i < key_rows_count; i++) {
			char *item = mem_printf(".It Ic %s No", key_rows[i].name);

			if (key_rows[i].section == s)
				ck_assert_msg(strstr(text, item) != NULL, "%s", key_rows[i].name);
			free(item);
		}
		free(text);
	}
}
END_TEST

UNIT_MAIN("key", test_rows_are_whole, test_guards, test_widths_fit_kinds, test_all_keys_are_known, test_values,
    test_formats, test_bool, test_range, test_forms,
    test_distance, test_suggest, test_sample_has_every_key, test_manual_has_every_key)
