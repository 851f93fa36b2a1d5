/*
 * ldap_conn - bytes of a directory server, whole messages or not: a search ends, and what it found is an entry.
 * The first byte chooses the search.
 */
#include <ldap.h>
#include <openldap.h>
#include <sanitizer/lsan_interface.h>

/*
 * libldap 2.5 forgets the record of a request whose answer is an element cut short (4 KiB each time): what is
 * allocated inside the search itself is not counted as a leak. Values, names and entries are.
 */
static int
search_uncounted(LDAP *ld, const char *base, int scope, const char *filter, char **names, int names_only,
    LDAPControl **server, LDAPControl **client, struct timeval *limit, int size, int *id)
{
	int rc;

	__lsan_disable();
	rc = ldap_search_ext(ld, base, scope, filter, names, names_only, server, client, limit, size, id);
	__lsan_enable();
	return rc;
}

static int
result_uncounted(LDAP *ld, int id, int all, struct timeval *limit, LDAPMessage **result)
{
	int type;

	__lsan_disable();
	type = ldap_result(ld, id, all, limit, result);
	__lsan_enable();
	return type;
}
#define ldap_search_ext search_uncounted
#define ldap_result result_uncounted
#include "deliver/directory/ldap_conn.c"
#undef ldap_search_ext
#undef ldap_result
#include <sys/socket.h>
#include <unistd.h>

#include "common/config/config.h"
#include "t/fuzz/fuzz.h"

/* A connection whose server has said all that it says, and has closed. */
static LDAP *
connect_to(const uint8_t *data, size_t len, int *server)
{
	LDAP *ld = NULL;
	int pair[2];

	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	fuzz_check(write(pair[1], data, len) == (ssize_t)len && shutdown(pair[1], SHUT_WR) == 0);
	*server = pair[1];
	fuzz_check(ldap_init_fd(pair[0], 1 /* LDAP_PROTO_TCP */, NULL, &ld) == LDAP_SUCCESS);
	return ld;
}

static void
check_entry(const struct ldap_entry *e)
{
	struct address a;

	fuzz_check(e->dn != NULL);
	if (e->address != NULL)
		fuzz_check(address_from_text(&a, e->address) == 0 && !address_is_bare(&a));
	for (size_t i = 0; i < e->member.count; i++)
		for (const char *p = e->member.text[i]; *p != '\0'; p++)
			fuzz_check((unsigned char)*p >= ' ' && *p != 127);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config_ldap c = { .base = (char *)"dc=example", .timeout = 1000 };
	struct ldap_schema schema;
	struct ldap_entry *e = NULL;
	char why[LDAP_CONN_WHY_SIZE] = "";
	int server;

	if (len < 1)
		return 0;
	ldap_conn_set_up();
	c.schema = (enum config_ldap_schema)(data[0] >> 1 & 3U);
	ldap_schema_make(&schema, &c, "b.example");
	struct ldap_conn l = { .ld = connect_to(data + 1, len - 1, &server), .limit = { .tv_sec = 1 },
	    .set = { .ldap = &c, .schema = &schema } };
	fuzz_check(set_options(&l, "ldap://127.0.0.1") == LDAP_SUCCESS);
	enum ldap_conn_result found = ldap_conn_search(&l, data[0] & 1 ? "cn=a,dc=example" : NULL,
	    "(mail=a@b.example)", &e, why);
	fuzz_check((found == LDAP_CONN_FOUND) == (e != NULL));
	fuzz_check(found < LDAP_CONN_REFUSED || why[0] != '\0');
	if (e != NULL)
		check_entry(e);
	ldap_entry_release(e);
	ldap_unbind_ext(l.ld, NULL, NULL);
	ldap_deadline_free(l.deadline);
	close(server);
	return 0;
}
