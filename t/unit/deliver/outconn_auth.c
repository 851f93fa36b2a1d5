/* outconn_auth - which authentication may go without TLS: rows of outbound-tls modes and kinds of hosts */
#include "deliver/outbound/outbound.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

#define SHOWN (AUTH_OUT_BIT(AUTH_OUT_PLAIN) | AUTH_OUT_BIT(AUTH_OUT_LOGIN))

static const struct {
	const char *host;
	enum config_outbound_auth auth;
	enum config_outbound_tls mode;
	unsigned clear;
} rows[] = {
	/*
	 * A connection in clear is what is left of may when there is no STARTTLS, or the handshake failed:
	 * no administrator has chosen it.
	 */
	{ "192.0.2.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_MAY, 0 },
	{ "192.0.2.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_DANE, 0 },
	{ "192.0.2.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_REQUIRED, 0 },
	{ "192.0.2.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_VERIFY, 0 },
	{ "192.0.2.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_OFF, SHOWN },
	{ "[2001:db8::1]:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_MAY, 0 },
	{ "126.0.0.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_MAY, 0 },
	{ "127.0.0.1:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_MAY, SHOWN },
	{ "[::1]:25", CONFIG_OUT_BASIC, CONFIG_OUT_TLS_VERIFY, SHOWN },
	/* A token never goes without. */
	{ "192.0.2.1:25", CONFIG_OUT_OAUTH2, CONFIG_OUT_TLS_OFF, SHOWN },
	{ "127.0.0.1:25", CONFIG_OUT_OAUTH2, CONFIG_OUT_TLS_MAY, SHOWN },
	{ "192.0.2.1:25", CONFIG_OUT_ANONYMOUS, CONFIG_OUT_TLS_OFF, 0 },
};

START_TEST(test_clear)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct site site = { .d.security = { .tls = rows[i].mode,
		    .account = { .auth = rows[i].auth, .user = "us" } } };
		struct outconn conn = { .site = &site };
		struct client_settings set = { .fqdn = "us.example" };
		const char *why;

		ck_assert_int_eq(net_address_parse(&conn.to, rows[i].host, 0, &why), 0);
		outconn_auth_settings(&conn, &set);
		ck_assert_msg(set.clear == rows[i].clear, "%zu: %s: %#x, wanted %#x", i, rows[i].host,
		    set.clear, rows[i].clear);
		ck_assert_uint_eq(set.clear & AUTH_OUT_TOKENS, 0);
	}
}
END_TEST

UNIT_MAIN("outconn_auth", test_clear)
