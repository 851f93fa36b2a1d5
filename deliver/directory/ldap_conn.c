/*
 * ldap_conn - one connection to a directory server: connect, StartTLS, bind, search. The only user of libldap
 *
 * Runs in:  directory, a pool thread: blocks, but no call for longer than the time limit of [ldap]
 * Owns:     the connection
 * Promise:  certificates are always checked; referrals are not followed; the host's ldap.conf is not read
 * Fails by: NULL, or what ldap_result makes of the server's code, with words
 */
#define LDAP_DEPRECATED 0
#include <errno.h>
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define RANGES_MAX 10000U	/* of one attribute: a group of 15 million */
#define PARTS_MS 300000U		/* all parts of an entry take no longer, as an expansion */
#define RESULTS_MAX 1000U	/* of one search: the entry, and hints to other servers */
#define MESSAGE_MAX (64U << 20)	/* an entry: a group of 100,000 members with long names, in one part */

struct ldap_conn {
	LDAP *ld;
	struct ldap_conn_setup set;	/* after the bind without the secret and the keytab */
	struct timeval limit;
	struct ldap_deadline *deadline;
	char why[LDAP_CONN_WHY_SIZE];	/* of failures that libldap has no words for */
};

void
ldap_conn_set_up(void)
{
	setenv("LDAPNOINIT", "1", 1);
}

/* "Can't contact LDAP server: connection refused". */
static void
explain_ldap(LDAP *ld, const char *doing, int rc, char why[LDAP_CONN_WHY_SIZE])
{
	char *more = NULL;

	if (ld != NULL)
		ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	snprintf(why, LDAP_CONN_WHY_SIZE, "%s: %s%s%.80s", doing, ldap_err2string(rc),
	    more != NULL && *more != '\0' ? ": " : "", more != NULL ? more : "");
	ldap_memfree(more);
}

/* libldap makes room for as many bytes as the head of a message promises, before they come. */
static bool
limit_messages(LDAP *ld)
{
	ber_len_t most = MESSAGE_MAX;
	Sockbuf *sb = NULL;

	return ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb != NULL &&
	    ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

static int
set_options(struct ldap_conn *l, const char *uri)
{
	const struct ldap_conn_setup *set = &l->set;
	int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, tls = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2,
	    client = 0;
	const char *ca = set->ca != NULL ? set->ca : CONFIG_SYSTEM_CA;
	bool needs_tls = set->ldap->start_tls || strncasecmp(uri, "ldaps:", 6) == 0;

	if (ldap_set_option(l->ld, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
	    ldap_set_option(l->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
	    ldap_set_option(l->ld, LDAP_OPT_NETWORK_TIMEOUT, &l->limit) != LDAP_OPT_SUCCESS ||
	    ldap_set_option(l->ld, LDAP_OPT_TIMEOUT, &l->limit) != LDAP_OPT_SUCCESS ||
	    ldap_set_option(l->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != LDAP_OPT_SUCCESS ||
	    !limit_messages(l->ld) || (l->deadline = ldap_deadline_new(l->ld)) == NULL)
		return LDAP_PARAM_ERROR;
	if (!needs_tls)
		return LDAP_SUCCESS;
	(void)ldap_set_option(l->ld, LDAP_OPT_X_TLS_PROTOCOL_MIN, &tls);
	if (ldap_set_option(l->ld, LDAP_OPT_X_TLS_CACERTFILE, ca) != LDAP_OPT_SUCCESS ||
	    ldap_set_option(l->ld, LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS)
		return LDAP_CONNECT_ERROR;
	return LDAP_SUCCESS;
}

/* Binds in any case, also without a name: so a server that cannot be reached is noticed here. */
static int
bind_simple(struct ldap_conn *l)
{
	const struct config_ldap *c = l->set.ldap;
	bool simple = c->bind == CONFIG_BIND_SIMPLE;
	const char *secret = simple && l->set.secret != NULL ? l->set.secret : "";
	struct berval password = { .bv_val = (char *)(uintptr_t)secret, .bv_len = strlen(secret) };

	/* A server takes a name without a password for an anonymous bind (RFC 4513 5.1.2). */
	if (simple && *secret == '\0')
		return LDAP_INVALID_CREDENTIALS;
	return ldap_sasl_bind_s(l->ld, simple ? c->user : "", LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
}

/* The dialogue of a Kerberos bind, whose words come from `c`. */
static int
bind_gssapi(struct ldap_conn *l, struct gssapi_client *c)
{
	int rc = LDAP_SASL_BIND_IN_PROGRESS;

	while (rc == LDAP_SASL_BIND_IN_PROGRESS) {
		size_t len;
		const void *word = gssapi_client_word(c, &len);
		struct berval said = { .bv_val = (char *)(uintptr_t)word, .bv_len = len }, *answer = NULL;

		rc = ldap_sasl_bind_s(l->ld, NULL, "GSSAPI", &said, NULL, NULL, &answer);
		if (rc == LDAP_SASL_BIND_IN_PROGRESS &&
		    gssapi_client_step(c, answer != NULL ? answer->bv_val : "",
		    answer != NULL ? answer->bv_len : 0) == -1) {
			snprintf(l->why, sizeof(l->why), "%s", gssapi_client_why(c));
			rc = LDAP_INVALID_CREDENTIALS;
		}
		ber_bvfree(answer);
	}
	if (rc == LDAP_SUCCESS && !gssapi_client_is_done(c)) {
		snprintf(l->why, sizeof(l->why), "Kerberos: the directory server has not proved who it is");
		rc = LDAP_INVALID_CREDENTIALS;
	}
	return rc;
}

static int
bind_kerberos(struct ldap_conn *l, const char *uri)
{
	LDAPURLDesc *parts = NULL;
	struct gssapi_client *c;
	int rc = ldap_url_parse(uri, &parts);

	if (rc != LDAP_URL_SUCCESS || l->set.keytab == NULL) {
		ldap_free_urldesc(parts);
		return LDAP_PARAM_ERROR;
	}
	c = ldap_gssapi_begin(l->set.keytab, l->set.ldap->user, parts->lud_host, l->set.ldap->timeout,
	    l->why);
	if (c != NULL)
		rc = bind_gssapi(l, c);
	else
		rc = errno == ETIMEDOUT ? LDAP_TIMEOUT : LDAP_INVALID_CREDENTIALS;
	gssapi_client_free(c);
	ldap_free_urldesc(parts);
	return rc;
}

/* By TLS from the start, or from the first words on; in one time limit, whatever libldap makes of that. */
static int
begin_tls(struct ldap_conn *l, const char *uri, const char **doing)
{
	bool ldaps = strncasecmp(uri, "ldaps:", 6) == 0;
	uint64_t until = clock_mono_ms() + l->set.ldap->timeout;
	int rc;

	*doing = ldaps ? "bind" : "StartTLS";
	ldap_deadline_set(l->deadline, until);
	rc = ldaps ? ldap_connect(l->ld) : ldap_start_tls_s(l->ld, NULL, NULL);
	ldap_deadline_set(l->deadline, 0);
	if ((rc == LDAP_SERVER_DOWN || rc == LDAP_CONNECT_ERROR) && clock_mono_ms() >= until) {
		snprintf(l->why, sizeof(l->why), "%s: Timed out", *doing);
		rc = LDAP_TIMEOUT;
	}
	return rc;
}

static int
connect_and_bind(struct ldap_conn *l, const char *uri, const char **doing)
{
	int rc;

	*doing = "set-up";
	rc = ldap_initialize(&l->ld, uri);
	if (rc == LDAP_SUCCESS)
		rc = set_options(l, uri);
	if (rc == LDAP_SUCCESS && (strncasecmp(uri, "ldaps:", 6) == 0 ||
	    (l->set.ldap->start_tls && strncasecmp(uri, "ldap:", 5) == 0)))
		rc = begin_tls(l, uri, doing);
	if (rc == LDAP_SUCCESS) {
		*doing = "bind";
		rc = l->set.ldap->bind == CONFIG_BIND_GSSAPI ? bind_kerberos(l, uri) : bind_simple(l);
	}
	return rc;
}

/* libldap says "Can't contact LDAP server" for each fault of a certificate. */
static bool
explain_tls(const struct ldap_conn *l, const char *uri, int rc, char why[LDAP_CONN_WHY_SIZE])
{
	bool ldaps = strncasecmp(uri, "ldaps:", 6) == 0, found = false;
	LDAPURLDesc *parts = NULL;

	if ((!ldaps && (!l->set.ldap->start_tls || strncasecmp(uri, "ldap:", 5) != 0)) ||
	    (rc != LDAP_SERVER_DOWN && rc != LDAP_CONNECT_ERROR) ||
	    ldap_url_parse(uri, &parts) != LDAP_URL_SUCCESS)
		return false;
	if (parts->lud_host != NULL && *parts->lud_host != '\0')
		found = ldap_probe_tls(&(struct ldap_probe){ .host = parts->lud_host,
		    .port = (unsigned)parts->lud_port, .start_tls = !ldaps, .limit_ms = l->set.ldap->timeout,
		    .ca = l->set.ca != NULL ? l->set.ca : CONFIG_SYSTEM_CA }, why);
	ldap_free_urldesc(parts);
	return found;
}

struct ldap_conn *
ldap_conn_open(const struct ldap_conn_setup *set, const char *uri, bool *denied, char why[LDAP_CONN_WHY_SIZE])
{
	struct ldap_conn *l = mem_new(struct ldap_conn);
	const char *doing;
	char words[LDAP_CONN_WHY_SIZE];
	int rc;

	l->set = *set;
	l->limit = (struct timeval){ .tv_sec = (time_t)(set->ldap->timeout / 1000),
	    .tv_usec = (suseconds_t)(set->ldap->timeout % 1000 * 1000) };
	rc = connect_and_bind(l, uri, &doing);
	*denied = ldap_result_is_denied(rc);
	l->set.secret = NULL;
	l->set.keytab = NULL;
	if (rc == LDAP_SUCCESS)
		return l;
	if (l->why[0] != '\0')
		snprintf(words, sizeof(words), "%s", l->why);
	else if (!explain_tls(l, uri, rc, words))
		explain_ldap(l->ld, doing, rc, words);
	snprintf(why, LDAP_CONN_WHY_SIZE, "%.60s: %.*s", uri, LDAP_CONN_WHY_SIZE - 63, words);
	ldap_conn_close(l);
	return NULL;
}

void
ldap_conn_close(struct ldap_conn *l)
{
	if (l == NULL)
		return;
	if (l->ld != NULL)
		ldap_unbind_ext(l->ld, NULL, NULL);
	ldap_deadline_free(l->deadline);
	free(l);
}

/* `entry`: it was asked for by its DN. */
static enum ldap_conn_result
judge_search(struct ldap_conn *l, int rc, bool entry, char why[LDAP_CONN_WHY_SIZE])
{
	enum ldap_conn_result found = ldap_result_judge(rc, entry);

	if (rc == LDAP_REFERRAL)
		snprintf(why, LDAP_CONN_WHY_SIZE,
		    "search: the directory refers to another server, which is not asked");
	else if (found >= LDAP_CONN_REFUSED)
		explain_ldap(l->ld, "search", rc, why);
	return found;
}

/* The final message of a search; frees it. An LDAP result code. */
static int
take_result(struct ldap_conn *l, LDAPMessage *m)
{
	int code, rc = ldap_parse_result(l->ld, m, &code, NULL, NULL, NULL, NULL, 1);

	return rc == LDAP_SUCCESS ? code : rc;
}

/* No message came: that is never a success. */
static int
code_of_failure(struct ldap_conn *l)
{
	int code = LDAP_SUCCESS;

	(void)ldap_get_option(l->ld, LDAP_OPT_RESULT_CODE, &code);
	return code != LDAP_SUCCESS ? code : LDAP_SERVER_DOWN;
}

/* One message after the other until `until`: a server may send more than was asked for, without end. */
static int
collect_entry(struct ldap_conn *l, int id, uint64_t until, LDAPMessage **entry)
{
	for (unsigned n = 0; n < RESULTS_MAX; n++) {
		uint64_t now = clock_mono_ms(), left = now < until ? until - now : 0;
		struct timeval limit = { .tv_sec = (time_t)(left / 1000),
		    .tv_usec = (suseconds_t)(left % 1000 * 1000) };
		LDAPMessage *m = NULL;
		int type = left == 0 ? 0 : ldap_result(l->ld, id, LDAP_MSG_ONE, &limit, &m);

		if (type == LDAP_RES_SEARCH_RESULT)
			return take_result(l, m);
		if (type == -1)
			return code_of_failure(l);
		if (type == 0)
			return LDAP_TIMEOUT;
		if (type == LDAP_RES_SEARCH_ENTRY && *entry == NULL) {
			*entry = m;
			continue;
		}
		ldap_msgfree(m);
		if (type == LDAP_RES_SEARCH_ENTRY)
			return LDAP_SIZELIMIT_EXCEEDED;
	}
	return LDAP_ADMINLIMIT_EXCEEDED;
}

/*
 * The only entry below `base`; `filter` NULL: the entry `base` itself. An LDAP result code, which for more
 * than one is that of a limit. Afterwards the connection may be in the middle of an answer: libldap skips it.
 */
static int
run_search(struct ldap_conn *l, const char *base, const char *filter, char **names, LDAPMessage **entry)
{
	struct timeval limit = l->limit;
	uint64_t until = clock_mono_ms() + l->set.ldap->timeout;
	int id, rc = ldap_search_ext(l->ld, base, filter == NULL ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
	    filter == NULL ? "(objectClass=*)" : filter, names, 0, NULL, NULL, &limit, filter == NULL ? 0 : 2,
	    &id);

	*entry = NULL;
	if (rc != LDAP_SUCCESS)
		return rc;
	rc = collect_entry(l, id, until, entry);
	if (rc == LDAP_SIZELIMIT_EXCEEDED || rc == LDAP_ADMINLIMIT_EXCEEDED || rc == LDAP_TIMEOUT)
		(void)ldap_abandon_ext(l->ld, id, NULL, NULL);
	return rc;
}

static void
add_values(struct ldap_entry *e, const struct ldap_conn *l, LDAPMessage *m, const char *attribute,
    const char *name)
{
	struct berval **values = ldap_get_values_len(l->ld, m, attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		ldap_entry_add(e, l->set.schema, name, values[i]->bv_val, values[i]->bv_len);
	ldap_value_free_len(values);
}

/* Attributes that came in part, each with the begin of its next part. Grows while it is worked off. */
struct range { char *name; unsigned long next; };
struct ranges { struct range *range; size_t count; };

static void
add_range(struct ranges *to, const char *name, unsigned long next)
{
	to->range = mem_grow(to->range, to->count, sizeof(*to->range));
	to->range[to->count++] = (struct range){ .name = mem_strdup(name), .next = next };
}

/* Takes all attributes; adds those that go on to `rest`. True: `wanted`, when given, is among them. */
static bool
add_attributes(struct ldap_entry *e, const struct ldap_conn *l, LDAPMessage *m, struct ranges *rest,
    const char *wanted)
{
	BerElement *at = NULL;
	char *attribute, *name;
	unsigned long from;
	bool seen = false;
	size_t len;

	for (attribute = ldap_first_attribute(l->ld, m, &at); attribute != NULL;
	    attribute = ldap_next_attribute(l->ld, m, at)) {
		bool part = ldap_entry_range(attribute, &len, &from);

		name = mem_strndup(attribute, part ? len : strcspn(attribute, ";"));
		add_values(e, l, m, attribute, name);
		if (part && from > 0)
			add_range(rest, name, from);
		seen |= wanted != NULL && strcasecmp(wanted, name) == 0;
		free(name);
		ldap_memfree(attribute);
	}
	ber_free(at, 0);
	return seen;
}

/* One more part of one attribute. A part that does not come would leave members out. */
static enum ldap_conn_result
add_part(struct ldap_entry *e, struct ldap_conn *l, const struct range *part, struct ranges *rest,
    char why[LDAP_CONN_WHY_SIZE])
{
	char *name = mem_printf("%s;range=%lu-*", part->name, part->next), *names[] = { name, NULL };
	LDAPMessage *m;
	int rc = run_search(l, e->dn, NULL, names, &m);
	enum ldap_conn_result found = judge_search(l, rc, true, why);

	if (found == LDAP_CONN_NONE || (found == LDAP_CONN_FOUND &&
	    (m == NULL || !add_attributes(e, l, m, rest, part->name)))) {
		snprintf(why, LDAP_CONN_WHY_SIZE,
		    "search: %.60s has no values from %lu on, as it said before", part->name, part->next);
		found = LDAP_CONN_LATER;
	}
	ldap_msgfree(m);
	free(name);
	return found;
}

/* Active Directory gives the values of a large attribute in parts ([MS-ADTS] 3.1.1.3.1.3.3). */
static enum ldap_conn_result
add_rest(struct ldap_entry *e, struct ldap_conn *l, struct ranges *rest, char why[LDAP_CONN_WHY_SIZE])
{
	enum ldap_conn_result found = LDAP_CONN_FOUND;
	uint64_t begin = clock_mono_ms();

	for (size_t i = 0; i < rest->count && found == LDAP_CONN_FOUND; i++) {
		struct range part = rest->range[i];

		if (i < RANGES_MAX && !e->over && clock_mono_ms() - begin < PARTS_MS) {
			found = add_part(e, l, &part, rest, why);
			continue;
		}
		snprintf(why, LDAP_CONN_WHY_SIZE, "search: %.60s has no end", part.name);
		found = LDAP_CONN_REFUSED;
	}
	if (found == LDAP_CONN_FOUND && e->over) {
		snprintf(why, LDAP_CONN_WHY_SIZE, "search: the entry is larger than %u MiB",
		    LDAP_ENTRY_MAX >> 20);
		found = LDAP_CONN_REFUSED;
	}
	return found;
}

static void
free_ranges(struct ranges *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->range[i].name);
	free(r->range);
}

static enum ldap_conn_result
take_entry(struct ldap_conn *l, LDAPMessage *m, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	struct ranges rest = { 0 };
	enum ldap_conn_result found;
	char *dn;

	if (m == NULL)
		return LDAP_CONN_NONE;
	dn = ldap_get_dn(l->ld, m);
	*e = ldap_entry_new(dn != NULL ? dn : "");
	ldap_memfree(dn);
	(void)add_attributes(*e, l, m, &rest, NULL);
	found = add_rest(*e, l, &rest, why);
	free_ranges(&rest);
	if (found == LDAP_CONN_FOUND)
		return LDAP_CONN_FOUND;
	ldap_entry_release(*e);
	*e = NULL;
	return found;
}

enum ldap_conn_result
ldap_conn_search(struct ldap_conn *l, const char *dn, const char *filter, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE])
{
	const char *base = dn != NULL ? dn : l->set.ldap->base;
	char **names = (char **)(uintptr_t)l->set.schema->names;
	LDAPMessage *result;
	int rc = run_search(l, base, dn != NULL ? NULL : filter, names, &result);
	enum ldap_conn_result found = judge_search(l, rc, dn != NULL, why);

	if (found == LDAP_CONN_FOUND)
		found = take_entry(l, result, e, why);
	ldap_msgfree(result);
	return found;
}

bool
ldap_conn_is_alive(struct ldap_conn *l)
{
	char none[] = LDAP_NO_ATTRS, *names[] = { none, NULL };
	LDAPMessage *result;
	int rc = run_search(l, l->set.ldap->base, NULL, names, &result);

	ldap_msgfree(result);
	return ldap_result_judge(rc, true) != LDAP_CONN_LOST;
}
