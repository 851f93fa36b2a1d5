/* tls_policy - what each TLS mode requires of which host */

#include <stdio.h>
#include <string.h>

#include "common/config/config.h"
#include "common/rules/route.h"
#include "common/tls/tls.h"
#include "deliver/hosts/hosts.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

static const struct {
	enum config_outbound_tls mode;
	const char *address;
	bool records;
	enum client_tls want;
} policies[] = {
	{ CONFIG_OUT_TLS_OFF, "192.0.2.1:25", false, CLIENT_TLS_OFF },
	{ CONFIG_OUT_TLS_OFF, "192.0.2.1:465", false, CLIENT_TLS_OFF },
	{ CONFIG_OUT_TLS_MAY, "192.0.2.1:25", false, CLIENT_TLS_MAY },
	{ CONFIG_OUT_TLS_MAY, "192.0.2.1:465", false, CLIENT_TLS_AT_ONCE },
	{ CONFIG_OUT_TLS_REQUIRED, "192.0.2.1:587", false, CLIENT_TLS_MUST },
	{ CONFIG_OUT_TLS_REQUIRED, "[2001:db8::1]:465", false, CLIENT_TLS_AT_ONCE },
	{ CONFIG_OUT_TLS_VERIFY, "192.0.2.1:25", false, CLIENT_TLS_MUST },
	{ CONFIG_OUT_TLS_DANE, "192.0.2.1:25", false, CLIENT_TLS_MAY },
	{ CONFIG_OUT_TLS_DANE, "192.0.2.1:25", true, CLIENT_TLS_MUST },
	{ CONFIG_OUT_TLS_DANE, "192.0.2.1:465", true, CLIENT_TLS_AT_ONCE },
};

START_TEST(test_policies)
{
	struct tlsa_set set = { .count = 0 };

	for (size_t i = 0; i < nitems_of(policies); i++) {
		struct destination d = { .security = { .tls = policies[i].mode } };
		struct mx_address a = { .tlsa = policies[i].records ? &set : NULL };
		const char *why;

		ck_assert_int_eq(net_address_parse(&a.to, policies[i].address, 25, &why), 0);
		ck_assert_msg(tls_policy_tls(&d, &a) == policies[i].want, "row %zu", i);
	}
}
END_TEST

/* Where TLS may be missing, and no account is shown. */
START_TEST(test_clear)
{
	static const enum config_outbound_auth auth[] = { CONFIG_OUT_ANONYMOUS, CONFIG_OUT_BASIC,
	    CONFIG_OUT_OAUTH2 };
	struct tlsa_set set = { .count = 0 };

	for (size_t i = 0; i < nitems_of(policies) * nitems_of(auth); i++) {
		size_t row = i % nitems_of(policies), a = i / nitems_of(policies);
		struct destination d = { .security = { .tls = policies[row].mode, .account.auth = auth[a] } };
		struct mx_address to = { .tlsa = policies[row].records ? &set : NULL };
		const char *why;

		ck_assert_int_eq(net_address_parse(&to.to, policies[row].address, 25, &why), 0);
		ck_assert_msg(tls_policy_allows_clear(&d, &to) ==
		    (policies[row].want == CLIENT_TLS_MAY && a == 0), "row %zu, %zu", row, a);
	}
}
END_TEST

/* `want`: the name asked for, the proof, the names that will do. */
static const struct {
	enum config_outbound_tls mode;
	const char *domain;		/* "": a smart host */
	const char *host;
	bool literal, sure;
	int records;			/* -1: no TLSA */
	const char *want;
	bool sts;			/* a policy in mode enforce names the host */
} wishes[] = {
	{ CONFIG_OUT_TLS_MAY, "d.example", "mx.other.example", false, true, -1, "mx.other.example none", false },
	{ CONFIG_OUT_TLS_REQUIRED, "", "192.0.2.1", true, true, -1, "- none", false },
	{ CONFIG_OUT_TLS_VERIFY, "", "hub.example", false, true, -1, "hub.example name hub.example", false },
	{ CONFIG_OUT_TLS_VERIFY, "", "192.0.2.1", true, true, -1, "- name 192.0.2.1", false },
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "mx.other.example", false, true, -1,
	    "mx.other.example name mx.other.example or d.example", false },
	/* named by an unsigned MX */
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "mx.other.example", false, false, -1,
	    "mx.other.example name d.example", false },
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "mx.d.example", false, false, -1,
	    "mx.d.example name mx.d.example or d.example", false },
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "MX.D.example", false, false, -1,
	    "MX.D.example name MX.D.example or d.example", false },
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "mxd.example", false, false, -1, "mxd.example name d.example", false },
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "d.example", false, false, -1, "d.example name d.example", false },
	{ CONFIG_OUT_TLS_DANE, "d.example", "mx.other.example", false, true, -1, "mx.other.example none", false },
	{ CONFIG_OUT_TLS_DANE, "d.example", "mx.other.example", false, true, 0, "base.example none", false },
	{ CONFIG_OUT_TLS_DANE, "d.example", "mx.other.example", false, true, 2,
	    "base.example dane base.example or mx.other.example or d.example", false },
	{ CONFIG_OUT_TLS_DANE, "", "base.example", false, true, 1, "base.example dane base.example", false },
	/* the certificate has the name of the host, and no other does (RFC 8461 4.1) */
	{ CONFIG_OUT_TLS_MAY, "d.example", "mx.other.example", false, false, -1,
	    "mx.other.example name mx.other.example", true },
	{ CONFIG_OUT_TLS_REQUIRED, "d.example", "mx.d.example", false, false, -1,
	    "mx.d.example name mx.d.example", true },
	{ CONFIG_OUT_TLS_VERIFY, "d.example", "mx.other.example", false, false, -1,
	    "mx.other.example name mx.other.example", true },
	{ CONFIG_OUT_TLS_DANE, "d.example", "mx.other.example", false, false, -1,
	    "mx.other.example name mx.other.example", true },
};

START_TEST(test_wishes)
{
	static const char *const proofs[] = { "none", "name", "dane" };
	struct tlsa_set *set = mem_zalloc(sizeof(*set));

	snprintf(set->base, sizeof(set->base), "base.example");
	for (size_t i = 0; i < nitems_of(wishes); i++) {
		struct destination d = { .domain = (char *)wishes[i].domain,
		    .by_mx = wishes[i].domain[0] != '\0', .security = { wishes[i].mode } };
		struct tls_policy_host host = { wishes[i].host, wishes[i].literal, wishes[i].sure,
		    wishes[i].sts, false, wishes[i].records >= 0 ? set : NULL };
		struct tls_record record[TLSA_RECORDS_MAX];
		struct tls_wish wish;
		char names[200], got[400];

		set->count = wishes[i].records > 0 ? (size_t)wishes[i].records : 0;
		tls_policy_wish(&d, &host, &wish, record);
		tls_policy_names(&wish, names, sizeof(names));
		snprintf(got, sizeof(got), "%s %s%s%s", wish.ask != NULL ? wish.ask : "-", proofs[wish.proof],
		    names[0] != '\0' ? " " : "", names);
		ck_assert_msg(strcmp(got, wishes[i].want) == 0, "row %zu: got \"%s\", wanted \"%s\"", i, got,
		    wishes[i].want);
		ck_assert_uint_eq(wish.records, wish.proof == TLS_PROOF_DANE ? set->count : 0);
		ck_assert(wish.proof != TLS_PROOF_NAME || wish.names > 0 || wish.ip != NULL);
	}
	free(set);
}
END_TEST

UNIT_MAIN("tls_policy", test_policies, test_clear, test_wishes)
