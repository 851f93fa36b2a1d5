/*
 * alias_expand - a directory that says anything: an answer is made of it in a bounded number of searches, and
 * the workers take that answer. The input is a list of entries: a byte for how it is found, a name, attributes.
 */
#include "deliver/directory/directory.h"
#include "common/config/config.h"
#include "t/fuzz/fuzz.h"

#define ENTRIES_MAX 12
#define SEARCHES_MAX 20000U

struct entry { const uint8_t *data; size_t len; uint8_t how; };
struct world {
	struct ldap_schema schema;
	struct entry entry[ENTRIES_MAX];
	size_t count;
	unsigned searches;
};

static const char *const attributes[] = { "mail", "proxyAddresses", "member", "targetAddress", "altRecipient",
    "objectClass", "deliverAndRedirect", "mailForwardingAddress", "uniqueMember", "memberUid" };

/* Lines "N value": N chooses the attribute. */
static struct ldap_entry *
make_entry(const struct world *w, const struct entry *from, const char *dn)
{
	struct ldap_entry *e = ldap_entry_new(dn);
	const char *at = (const char *)from->data, *end = at + from->len;

	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at)), *stop = lf != NULL ? lf : end;

		if (stop > at)
			ldap_entry_add(e, &w->schema, attributes[(unsigned char)*at % 10], at + 1,
			    (size_t)(stop - at - 1));
		at = stop + 1;
	}
	return e;
}

/* Which entry a name means is the input's; the same name means the same one. */
static enum ldap_conn_result
search(void *arg, const char *name, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	struct world *w = arg;
	unsigned hash = 0;
	char dn[32];

	fuzz_check(++w->searches < SEARCHES_MAX);
	for (const char *p = name; *p != '\0'; p++)
		hash = hash * 31 + (unsigned char)*p;
	const struct entry *from = &w->entry[hash % w->count];
	snprintf(why, LDAP_CONN_WHY_SIZE, "x%.*s", (int)from->len, (const char *)from->data);
	if (from->how % 12 <= LDAP_CONN_LOST && from->how % 12 != LDAP_CONN_FOUND)
		return (enum ldap_conn_result)(from->how % 12);
	snprintf(dn, sizeof(dn), "cn=%zu,dc=example", (size_t)(from - w->entry));
	*e = make_entry(w, from, dn);
	return LDAP_CONN_FOUND;
}

static bool
is_local(void *arg, const char *domain)
{
	return strcasecmp(domain, "b.example") == 0;
}

/* Entries are divided by NUL. */
static void
read_world(struct world *w, const uint8_t *data, size_t len)
{
	struct config_ldap c = { .schema = len > 0 ? (enum config_ldap_schema)(data[0] % 4) : 0 };

	*w = (struct world){ 0 };
	ldap_schema_make(&w->schema, &c, "b.example");
	while (w->count < ENTRIES_MAX && len > 0) {
		const uint8_t *nul = memchr(data, '\0', len);
		size_t n = nul != NULL ? (size_t)(nul - data) : len;

		w->entry[w->count++] = (struct entry){ .how = data[0], .data = data + (n > 0),
		    .len = n - (n > 0) };
		data += n + (nul != NULL);
		len -= n + (nul != NULL);
	}
}

static void
check_answer(const struct msg_directory *a)
{
	static char payload[DIRECTORY_ANSWER_MAX];
	struct ctl_message m = { .type = CTL_DIRECTORY_ANSWER, .data = payload, .fd = -1 };
	struct msg_directory again;

	if (a->size > DIRECTORY_INLINE)
		return;
	m.len = msg_directory_format(payload, a);
	fuzz_check(msg_directory_take(&again, &m));
	fuzz_check(again.result == a->result && again.count == a->count && again.size == a->size);
	fuzz_check(a->result != DIRECTORY_REFUSED || a->status[0] == '5');
	fuzz_check((a->result != DIRECTORY_LATER && a->result != DIRECTORY_TROUBLE) || a->text[0] != '\0');
	msg_directory_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct msg_directory_query q;
	struct world w;
	struct msg_directory a = { 0 };
	struct alias_expand_source from = { .by_address = search, .by_dn = search, .is_local = is_local,
	    .arg = &w, .domain = "b.example", .depth = 5 };

	read_world(&w, data, len);
	if (w.count == 0)
		return 0;
	for (unsigned member = 0; member < 3; member++) {
		w.searches = 0;
		q.want = member == 2 ? DIRECTORY_WANT_OWN : DIRECTORY_WANT_WHOLE;
		strcpy(q.address, "a@b.example");
		snprintf(q.member, sizeof(q.member), "%.*s", member == 1 ? (int)w.entry[0].len : 0,
		    (const char *)w.entry[0].data);
		alias_expand_run(&from, &q, &a);
		check_answer(&a);
		msg_directory_done(&a);
	}
	return 0;
}
