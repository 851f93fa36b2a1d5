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

/* shows 2.9b */
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
	c = (struct config_ldap){ .filter = (char *)"(z=%s)", .forward_attribute = { own, 2 },
	    .member_attribute = { own, 1 } };
	ldap_schema_make(&s, &c, "b.example");
	ck_assert_str_eq(s.filter, "(z=%s)");
	ck_assert_str_eq(s.forward[1], "y");
	ck_assert_ptr_null(s.forward[2]);
	ck_assert_str_eq(s.mail[0], "proxyAddresses");
	ck_assert_str_eq(s.member[0], "x");
	ck_assert_ptr_null(s.member[1]);
	for (c.schema = CONFIG_LDAP_AD; c.schema <= CONFIG_LDAP_EXCHANGE; c.schema++) {
		ldap_schema_make(&s, &c, "b.example");
		ck_assert_str_eq(s.keep, "deliverAndRedirect");
	}
}
END_TEST

START_TEST(test_tags)
{
	static const struct { const char *delimiters, *address, *want; } rows[] = {
		{ "+", "ann+x@b.example", "ann@b.example" }, { "+", "ann+x+y@b.example", "ann@b.example" },
		{ "+-", "ann-x+y@b.example", "ann@b.example" }, { "-", "ann@b-c.example", NULL },
		{ "+", "+x@b.example", NULL }, { "+", "ann@b.example", NULL }, { NULL, "ann+x@b", NULL },
		{ "+", "\"a+b\"@c.example", NULL }, { "+", "ann+", NULL }, { "+", "ann+@b", "ann@b" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		char out[ADDRESS_MAX + 1] = "";

		ck_assert_msg(ldap_schema_without_tag(out, rows[i].address, rows[i].delimiters) ==
		    (rows[i].want != NULL), "%s", rows[i].address);
		if (rows[i].want != NULL)
			ck_assert_str_eq(out, rows[i].want);
	}
}
END_TEST

/* Each code has both meanings; what does not go away by waiting is not LATER. */
START_TEST(test_results)
{
	static const struct { int code; enum ldap_conn_result search, entry; } rows[] = {
		{ 0, LDAP_CONN_FOUND, LDAP_CONN_FOUND }, { 4, LDAP_CONN_MANY, LDAP_CONN_LATER },
		{ 10, LDAP_CONN_CONFIG, LDAP_CONN_REFUSED }, { 32, LDAP_CONN_CONFIG, LDAP_CONN_NONE },
		{ 34, LDAP_CONN_CONFIG, LDAP_CONN_REFUSED }, { 50, LDAP_CONN_CONFIG, LDAP_CONN_REFUSED },
		{ 53, LDAP_CONN_CONFIG, LDAP_CONN_REFUSED }, { 64, LDAP_CONN_CONFIG, LDAP_CONN_REFUSED },
		{ 1, LDAP_CONN_CONFIG, LDAP_CONN_CONFIG }, { 13, LDAP_CONN_CONFIG, LDAP_CONN_CONFIG },
		{ -7, LDAP_CONN_CONFIG, LDAP_CONN_CONFIG },
		{ 3, LDAP_CONN_LATER, LDAP_CONN_LATER }, { 51, LDAP_CONN_LATER, LDAP_CONN_LATER },
		{ 52, LDAP_CONN_LATER, LDAP_CONN_LATER }, { 4711, LDAP_CONN_LATER, LDAP_CONN_LATER },
		{ -1, LDAP_CONN_LOST, LDAP_CONN_LOST }, { -5, LDAP_CONN_LOST, LDAP_CONN_LOST },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		ck_assert_msg(ldap_result_judge(rows[i].code, false) == rows[i].search, "%d", rows[i].code);
		ck_assert_msg(ldap_result_judge(rows[i].code, true) == rows[i].entry, "%d", rows[i].code);
	}
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
	ldap_entry_add(e, &s, "member", "x\n@default.example", 18);
	ck_assert_str_eq(e->address, "first@default.example");
	ck_assert(!e->group && !e->keep);
	add(e, &s, "deliverAndRedirect", "TRUE");
	add(e, &s, "targetAddress", "SMTP:x@remote.example");
	add(e, &s, "member", "cn=y");
	add(e, &s, "objectClass", "Group");
	ck_assert(e->group && e->keep && e->forward.count == 1 && e->member.count == 2);
	/* Counted, but neither an address nor a DN. */
	ck_assert_str_eq(e->member.text[0], "(a value of 18 bytes that is no text)");
	/* A directory that sends values without end. */
	e->bytes = LDAP_ENTRY_MAX - 1;
	add(e, &s, "member", "cn=last");
	ck_assert(!e->over && e->member.count == 3);
	add(e, &s, "member", "cn=more");
	ck_assert(e->over && e->member.count == 3);
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
 * and cn=n; "name: mute" an entry without an address. Names in `fates` have an answer of their own.
 */
struct session_fixture {
	const char *const *row;
	size_t asked;
};

static const struct { const char *name; enum ldap_conn_result found; } fates[] = {
	{ "bad", LDAP_CONN_LOST }, { "far", LDAP_CONN_REFUSED }, { "busy", LDAP_CONN_LATER },
	{ "misfit", LDAP_CONN_CONFIG }, { "twin", LDAP_CONN_MANY },
};

static enum ldap_conn_result
look(struct session_fixture *w, const char *name, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	struct config_ldap c = { .schema = CONFIG_LDAP_RFC2307 };
	struct ldap_schema s;
	size_t len = strlen(name);

	w->asked++;
	ldap_schema_make(&s, &c, "default.example");
	for (size_t i = 0; i < nitems_of(fates); i++)
		if (strcmp(fates[i].name, name) == 0) {
			snprintf(why, LDAP_CONN_WHY_SIZE, "fate of\n%s", name);
			return fates[i].found;
		}
	for (const char *const *row = w->row; *row != NULL; row++) {
		char *copy, *save = NULL, *word, text[100];
		const char *kind = NULL;

		if (strncmp(*row, name, len) != 0 || (*row)[len] != ':')
			continue;
		snprintf(text, sizeof(text), "cn=%s", name);
		*e = ldap_entry_new(text);
		snprintf(text, sizeof(text), "%s@default.example", name);
		if (strstr(*row, " mute") == NULL)
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
	"ghost: forward nobody@default.example", "mute: mute",
	"team: member cn=ann bob away@default.example cn=gone ANN@default.example",
	"both: member cn=team cn=both z@remote.example X@REMOTE.example",
	"empty: class groupOfNames", "gone1: member cn=gone", "d1: member cn=d2", "d2: member cn=d3",
	"d3: member cn=d4", "d4: member cn=ann", "d0: member cn=bob cn=d1", "half: member cn=ann cn=bad",
	"forest: member cn=ann cn=far cn=mute cn=far", "shy: member cn=ann cn=busy busy@default.example",
	"odd: member cn=ann X400:c=us twin@default.example far@default.example", "elsewhere: forward cn=far",
	"waits: member cn=busy cn=far", "wrong: member cn=ann cn=misfit", "all: member cn=far cn=gone", NULL,
};

/* A list, its items joined by "|", or the status. */
static void
check_expansion(const char *name, const char *member, enum msg_directory_result result, const char *want)
{
	struct session_fixture w = { .row = people };
	struct alias_expand_source from = { .by_address = by_address, .by_dn = by_dn,
	    .is_local = is_local, .arg = &w, .domain = "default.example", .depth = 2 };
	struct msg_directory_query q = { .want = DIRECTORY_WANT_WHOLE };
	struct msg_directory a = { 0 };
	struct buf got = BUF_INIT(10000);
	enum msg_directory_kind kind;
	const char *at = NULL, *text;
	uint32_t count = 0;

	snprintf(q.address, sizeof(q.address), "%s@default.example", name);
	snprintf(q.member, sizeof(q.member), "%s", member);
	alias_expand_run(&from, &q, &a);
	for (; (text = msg_directory_next(&a, &at, &kind)) != NULL; count++)
		buf_printf(&got, "%s%c%s", count == 0 ? "" : "|", (char)kind, text);
	ck_assert_msg(a.result == result, "%s %s: %d %s", name, member, (int)a.result, a.text);
	ck_assert_str_eq(a.result == DIRECTORY_LIST ? buf_text(&got) : a.status, want);
	ck_assert_uint_eq(a.count, count);
	msg_directory_done(&a);
	buf_done(&got);
}

/* shows 2.9f */
START_TEST(test_alias_expand)
{
	static const struct { const char *name; enum msg_directory_result result; const char *want; } rows[] = {
		{ "ann", DIRECTORY_MAILBOX, "" }, { "nobody", DIRECTORY_UNKNOWN, "5.1.1" },
		{ "postmaster", DIRECTORY_MAILBOX, "" },
		{ "PostMaster", DIRECTORY_MAILBOX, "" },
		{ "away", DIRECTORY_LIST, ".x@remote.example" },
		{ "chain", DIRECTORY_LIST, ".x@remote.example" },
		{ "keep", DIRECTORY_LIST, ".keep@default.example|.bob@default.example" },
		{ "loop1", DIRECTORY_REFUSED, "5.4.6" },
		{ "ghost", DIRECTORY_LIST, "?nobody@default.example" },
		{ "team", DIRECTORY_LIST, ".ann@default.example|.bob@default.example|.x@remote.example|"
		    "!5.1.1 cn=gone: the directory has no such entry" },
		{ "both", DIRECTORY_LIST,
		    ".ann@default.example|.bob@default.example|.x@remote.example|"
		    "!5.1.1 cn=gone: the directory has no such entry|.z@remote.example" },
		{ "empty", DIRECTORY_REFUSED, "5.2.4" }, { "gone1", DIRECTORY_REFUSED, "5.2.4" },
		{ "all", DIRECTORY_REFUSED, "5.2.4" },
		{ "d1", DIRECTORY_REFUSED, "5.4.6" }, { "d2", DIRECTORY_LIST, ".ann@default.example" },
		{ "d0", DIRECTORY_LIST, ".bob@default.example|!5.4.6 d3@default.example: groups and "
		    "forwarding addresses stand in one another too deep (group-depth)" },
		/* the directory itself */
		{ "half", DIRECTORY_TROUBLE, "4.4.3" }, { "bad", DIRECTORY_TROUBLE, "4.4.3" },
		{ "misfit", DIRECTORY_TROUBLE, "4.4.3" }, { "wrong", DIRECTORY_TROUBLE, "4.4.3" },
		/* one entry */
		{ "forest", DIRECTORY_LIST, ".ann@default.example|!5.1.1 cn=far: fate of far|"
		    "!5.1.1 cn=mute: it has no mail address" },
		{ "shy", DIRECTORY_LIST, ".ann@default.example|=cn=busy|~busy@default.example" },
		{ "odd", DIRECTORY_LIST, ".ann@default.example|!5.1.3 X400:c=us: this is no mail address|"
		    "?twin@default.example|?far@default.example" },
		{ "elsewhere", DIRECTORY_REFUSED, "5.1.1" }, { "waits", DIRECTORY_LATER, "4.4.3" },
		{ "busy", DIRECTORY_LATER, "4.4.3" }, { "far", DIRECTORY_REFUSED, "5.1.3" },
		{ "twin", DIRECTORY_REFUSED, "5.1.4" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++)
		check_expansion(rows[i].name, "", rows[i].result, rows[i].want);
}
END_TEST

/* A sender's own address is the whole answer, whatever mail to it stands for. */
/* shows 2.9i */
START_TEST(test_own_address)
{
	static const struct { const char *sender; enum msg_directory_result result; const char *want; } rows[] = {
		{ "ann@default.example", DIRECTORY_MAILBOX, "" },
		{ "ann@alias.example", DIRECTORY_LIST, "ann@default.example" },
		{ "Ann@default.example", DIRECTORY_UNKNOWN, "" },	/* of this source */
		{ "away@alias.example", DIRECTORY_LIST, "away@default.example" },
		{ "team@alias.example", DIRECTORY_LIST, "team@default.example" },
		{ "loop1@alias.example", DIRECTORY_LIST, "loop1@default.example" },
		{ "mute@default.example", DIRECTORY_MAILBOX, "" }, { "postmaster@default.example", DIRECTORY_MAILBOX, "" },
		{ "nobody@default.example", DIRECTORY_UNKNOWN, "" }, { "twin@default.example", DIRECTORY_REFUSED, "" },
		{ "busy@default.example", DIRECTORY_LATER, "" }, { "bad@default.example", DIRECTORY_TROUBLE, "" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct session_fixture w = { .row = people };
		struct alias_expand_source from = { .by_address = by_address, .by_dn = by_dn,
		    .is_local = is_local, .arg = &w, .domain = "default.example", .depth = 2 };
		struct msg_directory_query q = { .want = DIRECTORY_WANT_OWN };
		struct msg_directory a = { 0 };
		enum msg_directory_kind kind = DIRECTORY_FINAL;
		const char *at = NULL, *own;

		snprintf(q.address, sizeof(q.address), "%s", rows[i].sender);
		alias_expand_run(&from, &q, &a);
		own = msg_directory_next(&a, &at, &kind);
		ck_assert_msg(a.result == rows[i].result, "%s: %d %s", rows[i].sender, (int)a.result, a.text);
		ck_assert_str_eq(own != NULL ? own : "", rows[i].want);
		ck_assert(kind == DIRECTORY_FINAL && w.asked == 1 && a.count == (own != NULL));
		msg_directory_done(&a);
	}
}
END_TEST

/* One member of a group, by the name that its group has for it. */
START_TEST(test_member)
{
	static const struct { const char *member; enum msg_directory_result result; const char *want; } rows[] = {
		{ "cn=ann", DIRECTORY_LIST, ".ann@default.example" },
		{ "cn=away", DIRECTORY_LIST, ".x@remote.example" },
		{ "cn=busy", DIRECTORY_LATER, "4.4.3" }, { "cn=bad", DIRECTORY_TROUBLE, "4.4.3" },
		{ "cn=far", DIRECTORY_REFUSED, "5.1.1" }, { "cn=mute", DIRECTORY_REFUSED, "5.1.1" },
		{ "cn=gone", DIRECTORY_REFUSED, "5.1.1" }, { "nobody", DIRECTORY_LIST, "?nobody@default.example" },
		{ "cn=shy", DIRECTORY_LIST, ".ann@default.example|=cn=busy|~busy@default.example" },
		{ "cn=loop1", DIRECTORY_REFUSED, "5.4.6" }, { "cn=all", DIRECTORY_REFUSED, "5.2.4" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++)
		check_expansion("team", rows[i].member, rows[i].result, rows[i].want);
}
END_TEST

/* Whether it is there costs one question, also of a group. */
START_TEST(test_look_only)
{
	struct session_fixture w = { .row = people };
	struct alias_expand_source from = { .by_address = by_address, .by_dn = by_dn, .is_local = is_local,
	    .arg = &w, .domain = "default.example", .depth = 2 };
	struct msg_directory_query q = { .want = DIRECTORY_WANT_LOOK, .address = "both@default.example" };
	struct msg_directory a = { 0 };

	alias_expand_run(&from, &q, &a);
	ck_assert(a.result == DIRECTORY_LIST && a.count == 0 && w.asked == 1);
	msg_directory_done(&a);
}
END_TEST

/* --- memory --- */

/* shows 2.9g */
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

UNIT_MAIN("directory", test_filter, test_presets, test_tags, test_results, test_addresses, test_entry, test_range,
    test_alias_expand, test_own_address, test_member, test_look_only, test_cache)
