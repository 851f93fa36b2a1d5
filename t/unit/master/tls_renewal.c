/* tls_renewal - when the keys of TLS tickets change; the last key is kept for one more period */
#include <string.h>

#include "master/servers/servers.h"
#include "t/unit/check_main.h"

START_TEST(turns)
{
	static const struct ctl_tickets none;
	struct ctl_tickets t = none, last;
	uint64_t made = 0;

	ck_assert(tls_renewal_turn(&t, &made, 5000, 1000));
	ck_assert_uint_eq(made, 5000);
	for (int i = 0; i < 2; i++)
		ck_assert_mem_ne(t.key[i], none.key[i], CTL_TICKET_SIZE);
	ck_assert_mem_ne(t.key[0], t.key[1], CTL_TICKET_SIZE);
	for (uint64_t now = 6000; now < 20000; now += 1000) {
		last = t;
		ck_assert(!tls_renewal_turn(&t, &made, now - 1, 1000));
		ck_assert_mem_eq(&t, &last, sizeof(t));
		ck_assert(tls_renewal_turn(&t, &made, now, 1000));
		ck_assert_mem_eq(t.key[1], last.key[0], CTL_TICKET_SIZE);
		ck_assert_mem_ne(t.key[0], last.key[0], CTL_TICKET_SIZE);
		ck_assert_mem_ne(t.key[0], last.key[1], CTL_TICKET_SIZE);
	}
	/* A machine that slept turns once, not for every period it missed. */
	ck_assert(tls_renewal_turn(&t, &made, 9000000, 1000));
	ck_assert(!tls_renewal_turn(&t, &made, 9000500, 1000));
}
END_TEST

UNIT_MAIN("tls_renewal", turns)
