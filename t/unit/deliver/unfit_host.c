/*
 * unfit_host - what a failed connection teaches: about the host for all, or about it and this site alone
 */
#include "deliver/outbound/outbound.h"
#include "t/unit/check_main.h"

#define LATER VERDICT_LATER

/* How it ended -> whether that is a matter of what the site demands. */
static const struct {
	enum client_tls tls; enum client_security security; enum client_opening opening;
	const char *status; int code;
	bool own;
} rows[] = {
	{ CLIENT_TLS_MAY, CLIENT_IN_CLEAR, CLIENT_OPENING, "4.4.1", 0, false },
	{ CLIENT_TLS_MUST, CLIENT_IN_CLEAR, CLIENT_OPENING, "4.4.1", 0, false },
	{ CLIENT_TLS_MUST, CLIENT_IN_CLEAR, CLIENT_OPENING, "4.0.0", 450, false },
	{ CLIENT_TLS_MUST, CLIENT_SECURED, CLIENT_OPENING, "4.4.2", 0, false },
	{ CLIENT_TLS_MAY, CLIENT_TLS_BROKEN, CLIENT_OPENING, "4.7.5", 0, false },
	{ CLIENT_TLS_AT_ONCE, CLIENT_TLS_CUT, CLIENT_OPENING, "4.4.2", 0, false },
	/* policies and proofs, TLS that another domain need not have, the login of one account */
	{ CLIENT_TLS_MUST, CLIENT_TLS_UNPROVEN, CLIENT_OPENING, "4.7.5", 0, true },
	{ CLIENT_TLS_AT_ONCE, CLIENT_TLS_UNPROVEN, CLIENT_OPENING, "4.7.5", 0, true },
	{ CLIENT_TLS_MUST, CLIENT_TLS_BROKEN, CLIENT_OPENING, "4.7.5", 0, true },
	{ CLIENT_TLS_MUST, CLIENT_TLS_CUT, CLIENT_OPENING, "4.7.4", 0, true },
	{ CLIENT_TLS_MUST, CLIENT_IN_CLEAR, CLIENT_OPENING, "4.7.4", 0, true },
	{ CLIENT_TLS_OFF, CLIENT_IN_CLEAR, CLIENT_DENIED, "5.7.8", 535, true },
};

START_TEST(test_what_is_learnt)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct pace_host pace[2];
		struct pace_gate gate = { .probes = true };
		struct site_host host[2] = { { .pace = &pace[0], .gate = &gate }, { .pace = &pace[1], .gate = &gate } };
		struct site s = { .list.count = 2, .host = host, .generation = 1 };
		struct outconn p = { .site = &s, .pace = &pace[0], .gate = &gate, .generation = 1,
			.client = { .phase = CLIENT_OVER, .set.tls = rows[i].tls, .security = rows[i].security,
			    .opening = rows[i].opening } };
		uint64_t now = 1;

		TAILQ_INIT(&s.conns);
		for (size_t k = 0; k < 2; k++)
			pace_host_init(&pace[k], &(struct net_address){ 0 });
		pace[0].state = PACE_PROBES;
		verdict_set(&p.client.failure, LATER, rows[i].status, "no");
		p.client.failure.code = rows[i].code;
		/* others have connections there, and that is no sign that this one was one too many */
		pace[0].open = rows[i].own;
		ck_assert(!rows[i].own || (!site_pace_is_cut(&s, &p) && pace[0].next_at == 0));
		ck_assert(!site_pace_is_rest(&s, &p));
		ck_assert_msg((pace[0].bad_until == 0) == rows[i].own, "row %zu", i);
		ck_assert_int_eq(pace[0].state, rows[i].own ? PACE_PROBES : PACE_UNKNOWN);
		ck_assert_int_eq(gate.probes, rows[i].own);
		/* for this site it is the last one either way, until it has let us in */
		ck_assert(site_health_is_bad(&host[0], now) && !site_health_is_bad(&host[1], now));
		ck_assert(!site_health_all_bad(&s, now));
		if (rows[i].own)
			site_pace_is_good(&s, &p, now);
		ck_assert(site_health_is_bad(&host[0], now) != rows[i].own);
		pace_host_done(&pace[0]);
		pace_host_done(&pace[1]);
	}
}
END_TEST

UNIT_MAIN("unfit_host", test_what_is_learnt)
