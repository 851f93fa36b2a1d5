/* host_memory - TLS of a host, state x event, with the times; the bound of the table */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/hosts/hosts.h"
#include "t/unit/check_main.h"

#define KEY "mx.example [192.0.2.1]:25"

/*
 * A row: events, each a letter, and what is done after it.
 *   w worked   c was cut   f failed   r refused in clear   t refused, and wanted TLS
 *   - as before   a again   p to clear   s to TLS
 * NUMBER: so many seconds pass.  o: connections are begun; x: the next event is of one of them.
 * P: it is in clear now.  S: it is not.
 */
static const struct { const char *script; bool strict; } rows[] = {
	/* one failure, and TLS works: nothing was in clear */
	{ "S fa S w- S", false },
	{ "S ca S w- S", false },
	/* a second failure on a fresh connection confirms the first */
	{ "fa fp P", false },
	{ "o fa xfa S fp P", false },
	{ "fa 800 fp P", false },
	/* ... but not one of another hour */
	{ "fa 1000 fa S", false },
	/* connections that were begun together are one failure */
	{ "o fa xfa xfa xfa S w- S", false },
	/* a cut, a silence, a 454 is a try at once, then a wait */
	{ "ca c- S c- S", false },
	{ "ca c- 60 c- 60 c- 60 c- S", false },
	/* ... until it has lasted: three times, and ten minutes */
	{ "ca c- 500 c- 60 c- 60 cp P", false },
	{ "ca 900 c- 900 cp P", false },
	{ "ca c- 300 w- 300 ca c- 60 c- S", false },
	{ "ca c- 22000 ca S", false },
	/* a cut and a failure: the failure is not confirmed yet */
	{ "ca fa S fp P", false },
	{ "fa c- S fp P", false },
	/* clear text ends by itself, and TLS is tried: one failure more, and a longer time */
	{ "fa fp 299 P 2 S fp P 599 P 2 S cp P 1199 P 2 S", false },
	{ "fa fp 301 S ws S fa S", false },
	/* ... at most an hour */
	{ "fa fp 301 fp 601 fp 1201 fp 2401 fp 3599 P 2 S fp 3599 P 2 S", false },
	/* the success of any connection ends it */
	{ "fa fp P ws S fa S", false },
	/* a refusal in clear ends it; TLS is broken still: once more */
	{ "fa fp P rs S fa fp P", false },
	/* a host that wants TLS gets nothing in clear for a while, and nobody hammers at it */
	{ "fa fp P ts S f- S f- c- S 301 fa fp P", false },
	{ "fa fp ts w- S fa S", false },
	/* refusals of connections that were in clear before that ended */
	{ "r- S t- S fa r- t- S fp ts r- t- S", false },
	{ "ca r- t- c- S", false },
	/* a handshake that was under way when clear text began, its end after it */
	{ "fa o fp xca P xfa P", false },
	/* where nothing may go in clear: a try at once, then none */
	{ "fa f- f- S 800 f- S 1000 fa f- S", true },
	{ "ca c- 900 c- 900 c- S", true },
	{ "ca w- ca", true },
};

static void
play(const char *script, bool strict)
{
	static const char events[] = "wcfrt", turns[] = "-aps";
	struct host_memory *m = host_memory_new();
	uint64_t now = 1000000, before = 0, begun = 0;

	for (const char *p = script; *p != '\0'; p++) {
		if (*p >= '0' && *p <= '9') {
			now += (uint64_t)atoi(p) * 1000;
			p += strspn(p, "0123456789") - 1;
		} else if (*p == 'P' || *p == 'S')
			ck_assert_msg(host_memory_is_plain(m, KEY, now) == (*p == 'P'), "\"%s\" at \"%s\"",
			    script, p);
		else if (*p == 'o')
			before = host_memory_events(m);
		else if (*p == 'x')
			begun = before;
		else if (*p != ' ') {
			enum host_tls_event event = (enum host_tls_event)(strchr(events, *p) - events);
			enum host_tls_turn turn;

			turn = host_memory_note_tls(m, KEY, event,
			    &(struct host_tls_try){ .begun = begun, .strict = strict }, now);
			ck_assert_msg(turns[turn] == *++p, "\"%s\": '%c' at \"%s\"", script, turns[turn],
			    p - 1);
			begun = host_memory_events(m);
		}
	}
	host_memory_free(m);
}

START_TEST(test_tls)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		play(rows[i].script, rows[i].strict);
}
END_TEST

/* A sure failure counts at once, another one the second time; after hours all is forgotten. */
START_TEST(test_offers)
{
	static const struct { unsigned offers; bool sure; unsigned hours, news, without; } steps[] = {
		{ CLIENT_DSN, false, 0, 0, 0 },
		{ CLIENT_SIZE, false, 0, 0, 0 },
		{ CLIENT_DSN | CLIENT_CHUNKING, false, 1, CLIENT_DSN, CLIENT_DSN },
		{ CLIENT_CHUNKING, true, 1, CLIENT_CHUNKING, CLIENT_DSN | CLIENT_CHUNKING },
		{ CLIENT_CHUNKING, true, 4, 0, CLIENT_DSN | CLIENT_CHUNKING },
		{ CLIENT_PIPELINING, true, 2, CLIENT_PIPELINING, CLIENT_CHUNKING | CLIENT_PIPELINING },
		{ CLIENT_SIZE, false, 0, 0, CLIENT_CHUNKING | CLIENT_PIPELINING },
		{ CLIENT_SUBMITTER, true, 7, CLIENT_SUBMITTER, CLIENT_SUBMITTER },
	};
	struct host_memory *m = host_memory_new();
	uint64_t now = 1;

	for (size_t i = 0; i < nitems_of(steps); i++) {
		now += steps[i].hours * 3600000ULL;
		ck_assert_uint_eq(host_memory_note_offers(m, KEY, steps[i].offers, steps[i].sure, now), steps[i].news);
		ck_assert_msg(host_memory_without(m, KEY, now) == steps[i].without, "row %zu: %#x", i,
		    host_memory_without(m, KEY, now));
		ck_assert_uint_eq(host_memory_without(m, "another", now), 0);
	}
	host_memory_free(m);
}
END_TEST

static enum host_tls_turn
fail_at(struct host_memory *m, unsigned host)
{
	char key[40];

	snprintf(key, sizeof(key), "mx%u.example", host);
	return host_memory_note_tls(m, key, HOST_TLS_FAILED,
	    &(struct host_tls_try){ .begun = host_memory_events(m) }, 1);
}

/* One host says nothing of another; with too many of them the oldest is forgotten. */
START_TEST(test_bound)
{
	struct host_memory *m = host_memory_new();

	for (unsigned i = 0; i < 5000; i++)
		ck_assert_int_eq(fail_at(m, i), HOST_TLS_AGAIN);
	ck_assert_int_eq(fail_at(m, 4999), HOST_TLS_TO_CLEAR);
	ck_assert_int_eq(fail_at(m, 2000), HOST_TLS_TO_CLEAR);
	ck_assert_int_eq(fail_at(m, 0), HOST_TLS_AGAIN);
	host_memory_free(m);
}
END_TEST

START_TEST(test_useless)
{
	struct host_memory *m = host_memory_new();

	ck_assert_uint_eq(host_memory_useless(m, "a", 1), 0);
	host_memory_note_useless(m, "a", 3, 1);
	host_memory_note_useless(m, "a", 3, 1000);
	ck_assert_uint_eq(host_memory_useless(m, "a", 1000), 3);
	ck_assert_uint_eq(host_memory_useless(m, "b", 1000), 0);
	ck_assert_uint_eq(host_memory_useless(m, "a", 25 * 3600000U), 0);	/* a day later */
	host_memory_note_useless(m, "a", 1, 2000);
	host_memory_note_useless(m, "a", 0, 3000);
	ck_assert_uint_eq(host_memory_useless(m, "a", 3000), 0);
	host_memory_free(m);
}
END_TEST

UNIT_MAIN("host_memory", test_tls, test_offers, test_bound, test_useless)
