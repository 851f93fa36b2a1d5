/* directory - LDAP filters, attribute values, and searches in directories made up by the test */
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/directory/directory.h"
#include "t/unit/check_main.h"

/* --- filters --- */

START_TEST(test_filter)
{
	static const struct { const char *filter, *address, *want; } rows[] = {
		{ "(mail=%s)", "a@b.example", "(mail=a@b.example)" },
		{ "(&(cn=%u)(dc=%d)(x=%%))", "a@b.example", "(&(cn=a)(dc=b.example)(x=%))" },
		{ "(mail=%s)", "*)(uid=*@b.example", "(mail=\\2a\\29\\28uid=\\2a@b.example)" },
		{ "(mail=%s)", "a\\2a@b.example", "(mail=a\\5c2a@b.example)" },
		{ "(cn=%u)", "\"a@b\"@c.example", "(cn=\"a@b\")" },
		{ "(mail=%s)", "\xc3\xbc@b.example", "(mail=\\c3\\bc@b.example)" },
		{ "(cn=%s)", "%s%u@b.example", "(cn=%s%u@b.example)" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct ldap_schema s = { .filter = rows[i].filter };
		struct buf out = BUF_INIT(1000);

		ldap_schema_filter(&s, rows[i].address, &out);
		ck_assert_str_eq(buf_text(&out), rows[i].want);
		buf_done(&out);
	}
}
END_TEST

START_TEST(test_presets)
{
	struct config_ldap c = { 0 };
	struct ldap_schema s;
	char *own[] = { (char *)"x", (char *)"y" };

	for (c.schema = CONFIG_LDAP_AD; c.schema <= CONFIG_LDAP_RFC2307; c.schema++) {
		ldap_schema_make(&s, &c, "b.example");
		ck_assert_ptr_nonnull(strstr(s.filter, "%s"));
		ck_assert(s.mail[0] != NULL && s.member[0] != NULL && s.names[0] != NULL);
	}
	c = (struct config_ldap){ .filter = (char *)"(z=%s)", .forward_attribute = { own, 2 } };
	ldap_schema_make(&s, &c, "b.example");
	ck_assert_str_eq(s.filter, "(z=%s)");
	ck_assert_str_eq(s.forward[1], "y");
	ck_assert_ptr_null(s.forward[2]);
	ck_assert_str_eq(s.mail[0], "proxyAddresses");
}
END_TEST

/* --- entries --- */

START_TEST(test_addresses)
{
	static const struct { const char *value, *want; } rows[] = {
		{ "a@b.example", "a@b.example" }, { "SMTP:a@B.Example", "a@b.example" },
		{ "smtp$a@b.example", "a@b.example" },
		{ "ann", "ann@default.example" }, { "\"a:b\"@c.example", "\"a:b\"@c.example" },
		{ "a$b@c.example", "a$b@c.example" },
		{ "X400:c=us;a=x;p=y", NULL }, { "sip:a@b.example", NULL }, { "", NULL },
		{ "a b@c.example", NULL }, { "a@b c", NULL },
		{ "<a@b.example>", NULL }, { "a@", NULL }, { "@b", NULL }, { "smtp:", NULL },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct address a;
		int rc = ldap_entry_address(&a, rows[i].value, "default.example");

		ck_assert_msg((rc == 0) == (rows[i].want != NULL), "%s", rows[i].value);
		if (rc == 0)
			ck_assert_str_eq(a.text, rows[i].want);
	}
	ck_assert(ldap_entry_is_dn("cn=a,dc=b") && ldap_entry_is_dn("cn=a") &&
	    ldap_entry_is_dn("uid=a@b.example,dc=c") && ldap_entry_is_dn("2.5.4.3=x"));
	ck_assert(!ldap_entry_is_dn("a=b@c.example") && !ldap_entry_is_dn("a@b.example") &&
	    !ldap_entry_is_dn("ann") && !ldap_entry_is_dn("=x"));
}
END_TEST

static void
add(struct ldap_entry *e, const struct ldap_schema *s, const char *attribute, const char *value)
{
	ldap_entry_add(e, s, attribute, value, strlen(value));
}

START_TEST(test_entry)
{
	struct config_ldap c = { .schema = CONFIG_LDAP_AD };
	struct ldap_schema s;
	struct ldap_entry *e = ldap_entry_new("cn=x");

	ldap_schema_make(&s, &c, "default.example");
	add(e, &s, "mail", "third@default.example");
	add(e, &s, "proxyaddresses", "smtp:second@default.example");
	add(e, &s, "proxyAddresses", "SMTP:first@default.example");
	add(e, &s, "proxyAddresses", "SMTP:never@default.example");
	add(e, &s, "proxyAddresses", "X500:/o=x");
	ldap_entry_add(e, &s, "mail", "nul\0@default.example", 20);
	ck_assert_str_eq(e->address, "first@default.example");
	ck_assert(!e->group && !e->keep);
	add(e, &s, "deliverAndRedirect", "TRUE");
	add(e, &s, "targetAddress", "SMTP:x@remote.example");
	add(e, &s, "member", "cn=y");
	add(e, &s, "objectClass", "Group");
	ck_assert(e->group && e->keep && e->forward.count == 1 && e->member.count == 1);
	ck_assert_ptr_eq(ldap_entry_use(e), e);
	ldap_entry_release(e);
	ldap_entry_release(e);
}
END_TEST

START_TEST(test_range)
{
	size_t len = 0;
	unsigned long next = 99;

	ck_assert(ldap_entry_range("member;range=0-1499", &len, &next) && len == 6 && next == 1500);
	ck_assert(ldap_entry_range("member;Range=1500-*", &len, &next) && len == 6 && next == 0);
	ck_assert(!ldap_entry_range("member", &len, &next) && !ldap_entry_range("member;range=", &len,
	    &next) && !ldap_entry_range("member;range=5", &len, &next));
}
END_TEST

/* --- walks --- */

/*
 * "name: forward value, value" or "name: member value, value"; "name:" a mailbox; a name is n@default.example
 * and cn=n.
 */
struct session_fixture {
	const char *const *row;
	const char *trouble;		/* a name that cannot be asked about */
	size_t asked;
};

static enum ldap_conn_result
look(struct session_fixture *w, const char *name, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	struct config_ldap c = { .schema = CONFIG_LDAP_RFC2307 };
	struct ldap_schema s;
	size_t len = strlen(name);

	w->asked++;
	ldap_schema_make(&s, &c, "default.example");
	if (w->trouble != NULL && strcmp(w->trouble, name) == 0) {
		snprintf(why, LDAP_CONN_WHY_SIZE, "down");
		return LDAP_CONN_LOST;
	}
	for (const char *const *row = w->row; *row != NULL; row++) {
		char *copy, *save = NULL, *word, text[100];
		const char *kind = NULL;

		if (strncmp(*row, name, len) != 0 || (*row)[len] != ':')
			continue;
		snprintf(text, sizeof(text), "cn=%s", name);
		*e = ldap_entry_new(text);
		snprintf(text, sizeof(text), "%s@default.example", name);
		add(*e, &s, "mail", text);
		copy = mem_strdup(*row + len + 1);
		for (word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
			if (kind == NULL)
				kind = strcmp(word, "forward") == 0 ? "mailForwardingAddress" :
				    strcmp(word, "member") == 0 ? "member" : "objectClass";
			else
				add(*e, &s, kind, word);
		free(copy);
		return LDAP_CONN_FOUND;
	}
	return LDAP_CONN_NONE;
}

static enum ldap_conn_result
by_address(void *arg, const char *address, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	char name[64];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(address, "@"), address);
	return look(arg, name, e, why);
}

static enum ldap_conn_result
by_dn(void *arg, const char *dn, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	return look(arg, dn + 3, e, why);
}

static bool
is_local(void *arg, const char *domain)
{
	(void)arg;
	return strcmp(domain, "default.example") == 0;
}

static const char *const people[] = {
	"ann:", "bob:", "away: forward x@remote.example", "chain: forward away@default.example",
	"keep: forward keep@default.example cn=bob",
	"loop1: forward cn=loop2", "loop2: forward loop1@default.example",
	"ghost: forward nobody@default.example",
	"team: member cn=ann bob away@default.example cn=gone ANN@default.example",
	"both: member cn=team cn=both z@remote.example X@REMOTE.example",
	"empty: class groupOfNames", "gone1: member cn=gone", "d1: member cn=d2", "d2: member cn=d3",
	"d3: member cn=d4", "d4: member cn=ann", "half: member cn=ann cn=bad", NULL,
};

START_TEST(test_alias_expand)
{
	static const struct {
		/* A list, joined, or the status */
		const char *name; enum msg_directory_result result; const char *want;
	} rows[] = {
		{ "ann", DIRECTORY_MAILBOX, "" }, { "nobody", DIRECTORY_UNKNOWN, "5.1.1" },
		{ "postmaster", DIRECTORY_MAILBOX, "" },
		{ "PostMaster", DIRECTORY_MAILBOX, "" },
		{ "away", DIRECTORY_LIST, ".x@remote.example" },
		{ "chain", DIRECTORY_LIST, ".x@remote.example" },
		{ "keep", DIRECTORY_LIST, ".keep@default.example .bob@default.example" },
		{ "loop1", DIRECTORY_REFUSED, "5.4.6" },
		{ "ghost", DIRECTORY_LIST, "?nobody@default.example" },
		{ "team", DIRECTORY_LIST, ".ann@default.example .bob@default.example .x@remote.example" },
		{ "both", DIRECTORY_LIST,
		    ".ann@default.example .bob@default.example .x@remote.example .z@remote.example" },
		{ "empty", DIRECTORY_REFUSED, "5.2.4" }, { "gone1", DIRECTORY_REFUSED, "5.2.4" },
		{ "d1", DIRECTORY_REFUSED, "5.4.6" }, { "d2", DIRECTORY_LIST, ".ann@default.example" },
		{ "half", DIRECTORY_TROUBLE, "4.4.3" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct session_fixture w = { .row = people, .trouble = "bad" };
		struct alias_expand_source from = { .by_address = by_address, .by_dn = by_dn,
		    .is_local = is_local, .arg = &w, .domain = "default.example", .depth = 2 };
		struct msg_directory a = { 0 };
		struct buf got = BUF_INIT(10000);
		char address[100];
		const char *at = NULL, *text;
		uint32_t count = 0;
		bool known;

		snprintf(address, sizeof(address), "%s@default.example", rows[i].name);
		alias_expand_run(&from, address, true, &a);
		for (; (text = msg_directory_next(&a, &at, &known)) != NULL; count++)
			buf_printf(&got, "%s%s%s", count == 0 ? "" : " ", known ? "." : "?", text);
		ck_assert_msg(a.result == rows[i].result, "%s: %d %s", rows[i].name, (int)a.result, a.text);
		ck_assert_str_eq(a.result == DIRECTORY_LIST ? buf_text(&got) : a.status, rows[i].want);
		ck_assert_uint_eq(a.count, count);
		msg_directory_done(&a);
		buf_done(&got);
	}
}
END_TEST

/* Whether it is there costs one question, also of a group. */
START_TEST(test_look_only)
{
	struct session_fixture w = { .row = people };
	struct alias_expand_source from = { .by_address = by_address, .by_dn = by_dn, .is_local = is_local,
	    .arg = &w, .domain = "default.example", .depth = 2 };
	struct msg_directory a = { 0 };

	alias_expand_run(&from, "both@default.example", false, &a);
	ck_assert(a.result == DIRECTORY_LIST && a.count == 0 && w.asked == 1);
	msg_directory_done(&a);
}
END_TEST

/* --- memory --- */

START_TEST(test_cache)
{
	struct directory_cache *m = directory_cache_new(100000);
	struct ldap_entry *e = ldap_entry_new("cn=x"), *got = NULL;
	char key[32];

	ck_assert_int_eq(directory_cache_get(m, "a", 0, &got), DIRECTORY_CACHE_NEW);
	directory_cache_put(m, "a", e, 100);
	directory_cache_put(m, "b", NULL, 100);
	ck_assert(directory_cache_get(m, "a", 99, &got) == DIRECTORY_CACHE_ENTRY && got == e);
	ldap_entry_release(got);
	ck_assert_int_eq(directory_cache_get(m, "b", 99, &got), DIRECTORY_CACHE_NONE);
	ck_assert_int_eq(directory_cache_get(m, "a", 100, &got), DIRECTORY_CACHE_NEW);
	directory_cache_put(m, "a", e, 100);
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		directory_cache_put(m, key, e, 100);
	}
	ck_assert_int_eq(directory_cache_get(m, "a", 0, &got), DIRECTORY_CACHE_NEW);	/* the oldest */
	ck_assert_int_eq(directory_cache_get(m, "key 1999", 0, &got), DIRECTORY_CACHE_ENTRY);
	ldap_entry_release(got);
	ldap_entry_release(e);
	directory_cache_free(m);
}
END_TEST

UNIT_MAIN("directory", test_filter, test_presets, test_addresses, test_entry, test_range, test_alias_expand,
    test_look_only, test_cache)
