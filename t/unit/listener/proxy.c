/*
 * proxy - rows of PROXY protocol headers: each whole, split at every
 * place, and followed by the first byte of SMTP
 */
#include <arpa/inet.h>

#include "listener/accept/accept.h"
#include "t/unit/listener/session_fixture.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define V4 "\x0a\x01\x02\x03\xc0\x00\x02\x19"
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define PORTS "\x30\x39\x00\x19"
#define TEXT(t) t, sizeof(t) - 1

static const struct row {
	const char *data;
	size_t len;
	enum proxy_state state;
	const char *from, *to;		/* address:port */
} rows[] = {
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345 25\r\n"), PROXY_CLIENT, "10.1.2.3:12345",
	    "192.0.2.25:25" },
	{ TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 12345 25\r\n"), PROXY_CLIENT, "[2001:db8::1]:12345",
	    "[2001:db8::2]:25" },
	{ TEXT("PROXY TCP6 ::ffff:10.1.2.3 ::1 0 65535\r\n"), PROXY_CLIENT, "10.1.2.3:0", "[::1]:65535" },
	{ TEXT("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "65535 65535\r\n"), PROXY_CLIENT,
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	{ TEXT("PROXY UNKNOWN\r\n"), PROXY_ITSELF, NULL, NULL },
	{ TEXT("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), PROXY_ITSELF, NULL, NULL },
	/* the longest line of section 2.1, and one byte more */
	{ TEXT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), PROXY_ITSELF, NULL, NULL },
	{ TEXT("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 655350\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345 25\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345 25 \r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4  10.1.2.3 192.0.2.25 12345 25\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY  TCP4 10.1.2.3 192.0.2.25 12345 25\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345 65536\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345 025\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345 -25\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 12345\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY \r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP6 10.1.2.3 192.0.2.25 1 2\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.300 192.0.2.25 1 2\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY UDP4 10.1.2.3 192.0.2.25 1 2\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3\0 192.0.2.25 1 2\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("PROXY TCP4 10.1.2.3 192.0.2.25 1 2\0 3\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("proxy TCP4 10.1.2.3 192.0.2.25 1 2\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("EHLO client.example\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("\r\n\r\nEHLO x\r\n"), PROXY_BAD, NULL, NULL },
	{ TEXT("\x16\x03\x01\x02\x00"), PROXY_BAD, NULL, NULL },

	{ TEXT(SIG "\x21\x11\x00\x0c" V4 PORTS), PROXY_CLIENT, "10.1.2.3:12345", "192.0.2.25:25" },
	{ TEXT(SIG "\x21\x21\x00\x24" V6 PORTS), PROXY_CLIENT, "[2001:db8::1]:12345", "[2001:db8::2]:25" },
	/* TLVs behind the addresses are skipped */
	{ TEXT(SIG "\x21\x11\x00\x13" V4 PORTS "\x04\x00\x04" "abcd"), PROXY_CLIENT, "10.1.2.3:12345",
	    "192.0.2.25:25" },
	{ TEXT(SIG "\x20\x00\x00\x00"), PROXY_ITSELF, NULL, NULL },		/* LOCAL */
	{ TEXT(SIG "\x20\x11\x00\x0c" V4 PORTS), PROXY_ITSELF, NULL, NULL },
	/* Whose family is to be ignored */
	{ TEXT(SIG "\x20\xff\x00\x03" "abc"), PROXY_ITSELF, NULL, NULL },
	{ TEXT(SIG "\x21\x00\x00\x00"), PROXY_ITSELF, NULL, NULL },		/* UNSPEC */
	{ TEXT(SIG "\x21\x00\x00\x02" "ab"), PROXY_ITSELF, NULL, NULL },
	{ TEXT(SIG "\x21\x12\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },	/* UDP */
	{ TEXT(SIG "\x21\x13\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },
	{ TEXT(SIG "\x21\x41\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },
	{ TEXT(SIG "\x22\x11\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },	/* command 2 */
	{ TEXT(SIG "\x11\x11\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },	/* version 1 */
	{ TEXT(SIG "\x31\x11\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },
	{ TEXT(SIG "\x21\x11\x00\x0b" V4 PORTS), PROXY_BAD, NULL, NULL },	/* too short */
	{ TEXT(SIG "\x21\x21\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },
	{ TEXT(SIG "\x21\x31\x00\x0c" V4 PORTS), PROXY_BAD, NULL, NULL },
	{ TEXT(SIG "\x21\x11\x10\x01" V4 PORTS), PROXY_BAD, NULL, NULL },	/* 4,097 bytes */
};

static void
is_address(size_t row, const char *want, const union proxy_address *have)
{
	char text[NET_TEXT_SIZE];

	net_format(text, &have->sa);
	ck_assert_msg(strcmp(text, want) == 0, "row %zu: %s", row, text);
}

/* Fed up to `cut` and then the rest, from blocks of exactly that size; `extra` bytes belong to SMTP. */
static void
feed(size_t i, const char *data, size_t len, size_t cut, size_t extra)
{
	const struct row *row = &rows[i];
	struct proxy p;
	size_t used = 0;

	proxy_init(&p);
	for (int part = 0; part < 2 && p.state == PROXY_MORE; part++) {
		size_t from = part == 0 ? 0 : cut, to = part == 0 ? cut : len;
		char *tight = mem_zalloc(to - from > 0 ? to - from : 1);
		size_t n;

		memcpy(tight, data + from, to - from);
		n = proxy_take(&p, tight, to - from);
		ck_assert_uint_le(n, to - from);
		if (p.state == PROXY_MORE)
			ck_assert_msg(n == to - from, "row %zu cut %zu: not all was used", i, cut);
		used += n;
		free(tight);
	}
	ck_assert_msg(p.state == row->state, "row %zu cut %zu: state %d %s", i, cut, (int)p.state,
	    p.why != NULL ? p.why : "");
	ck_assert((p.state == PROXY_BAD) == (p.why != NULL));
	if (p.state != PROXY_BAD)
		ck_assert_msg(used == len - extra, "row %zu cut %zu: %zu bytes used", i, cut, used);
	if (p.state == PROXY_CLIENT) {
		is_address(i, row->from, &p.from);
		is_address(i, row->to, &p.to);
	}
}

/* shows 2.4s */
START_TEST(headers)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		char behind[400];

		memcpy(behind, rows[i].data, rows[i].len);
		memcpy(behind + rows[i].len, "EHLO x\r\n", 8);
		for (size_t cut = 0; cut <= rows[i].len; cut++)
			feed(i, rows[i].data, rows[i].len, cut, 0);
		for (size_t cut = 0; cut <= rows[i].len + 8; cut++)
			feed(i, behind, rows[i].len + 8, cut, 8);
	}
}
END_TEST

/* As much as is allowed, byte by byte; each state before the last byte is MORE. */
START_TEST(largest)
{
	struct proxy p;
	static char data[16 + PROXY_LENGTH_MAX] = SIG "\x21\x11\x10\x00" V4 PORTS;

	proxy_init(&p);
	for (size_t i = 0; i < sizeof(data); i++) {
		ck_assert_int_eq(p.state, PROXY_MORE);
		ck_assert_uint_eq(proxy_take(&p, data + i, 1), 1);
	}
	ck_assert_int_eq(p.state, PROXY_CLIENT);
	ck_assert_uint_eq(proxy_take(&p, "x", 1), 0);
}
END_TEST

UNIT_MAIN("proxy", headers, largest)
