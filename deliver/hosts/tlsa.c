/*
 * tlsa - the TLSA records of a host: the questions, and what their answers mean (RFC 7672 2.2); pure
 *
 * Runs in:  deliver
 * Owns:     one search
 * Promise:  asks only about names that DNSSEC validates: the one at the end of the host's aliases, then its
 *           own. Only validated records count. A question without an answer, or with a forged one, is never
 *           taken for "there are no records"
 * Fails by: tlsa_trouble(): the host must not be used now
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/hosts/hosts.h"

struct tlsa {
	enum { TLSA_ALIAS, TLSA_RECORDS, TLSA_OVER } stage;
	bool asked;
	uint16_t port;
	char base[2][DNS_NAME_SIZE];	/* names to be tried */
	size_t bases, at;
	char question[DNS_NAME_SIZE + 16];
	struct tlsa_set *set;
	char trouble[256];
};

struct tlsa *
tlsa_new(const char *host, const char *canonical, uint16_t port, bool secure)
{
	struct tlsa *t = mem_new(struct tlsa);
	bool alias = strcasecmp(host, canonical) != 0;

	t->port = port;
	t->stage = TLSA_RECORDS;
	if (secure && alias)
		snprintf(t->base[t->bases++], DNS_NAME_SIZE, "%s", canonical);
	snprintf(t->base[t->bases++], DNS_NAME_SIZE, "%s", host);
	/* The last part of the alias is not signed; its first part may be signed all the same. */
	if (!secure)
		t->stage = alias ? TLSA_ALIAS : TLSA_OVER;
	return t;
}

void
tlsa_free(struct tlsa *t)
{
	if (t == NULL)
		return;
	free(t->set);
	free(t);
}

bool
tlsa_ask(struct tlsa *t, uint16_t *type, const char **name)
{
	if (t->stage == TLSA_OVER || t->asked)
		return false;
	*type = t->stage == TLSA_ALIAS ? DNS_CNAME : DNS_TLSA;
	*name = t->question;
	if (t->stage == TLSA_ALIAS)
		snprintf(t->question, sizeof(t->question), "%s", t->base[0]);
	else
		do	/* a name that is too long for the prefix has no records */
			snprintf(t->question, sizeof(t->question), "_%u._tcp.%s", t->port, t->base[t->at]);
		while (strlen(t->question) > HOSTS_NAME_MAX && ++t->at < t->bases);
	t->asked = strlen(t->question) <= HOSTS_NAME_MAX;
	if (!t->asked)
		t->stage = TLSA_OVER;
	return t->asked;
}

/* Records of other usages are left out (RFC 7672 3.1.3): when none is left, TLS is still required. */
static struct tlsa_set *
make_set(const char *base, const struct msg_dns_answer *a)
{
	struct tlsa_set *set = mem_zalloc(sizeof(*set));
	uint8_t data[DNS_LONG_MAX];

	snprintf(set->base, sizeof(set->base), "%s", base);
	for (size_t i = 0; i < a->count && set->count < TLSA_RECORDS_MAX;) {
		size_t len = msg_dns_answer_long(a, &i, data);

		if (len < 4 || (data[0] != 2 && data[0] != 3))
			continue;
		set = mem_array(set, sizeof(*set) + set->size + len, 1);
		memcpy(set->data + set->size, data, len);
		set->record[set->count++] = (struct tlsa_rdata){ (uint32_t)set->size, (uint16_t)len };
		set->size += len;
	}
	return set;
}

void
tlsa_answer(struct tlsa *t, const struct msg_dns_answer *a)
{
	t->asked = false;
	if (a->result == DNS_TROUBLE) {
		snprintf(t->trouble, sizeof(t->trouble), "%s of %.60s: %s",
		    t->stage == TLSA_ALIAS ? "the alias" : "the TLSA records", t->base[t->at], a->text);
		t->stage = TLSA_OVER;
	} else if (t->stage == TLSA_ALIAS) {
		t->stage = a->result == DNS_FOUND && a->secure ? TLSA_RECORDS : TLSA_OVER;
	} else if (a->result == DNS_FOUND && a->secure) {
		t->set = make_set(t->base[t->at], a);
		t->stage = TLSA_OVER;
	} else if (++t->at == t->bases) {
		t->stage = TLSA_OVER;
	}
}

bool
tlsa_is_over(const struct tlsa *t)
{
	return t->stage == TLSA_OVER;
}

const struct tlsa_set *
tlsa_found(const struct tlsa *t)
{
	return t->set;
}

const char *
tlsa_trouble(const struct tlsa *t)
{
	return t->trouble[0] != '\0' ? t->trouble : NULL;
}

struct tlsa_set *
tlsa_set_copy(const struct tlsa_set *set)
{
	size_t size = set == NULL ? 0 : sizeof(*set) + set->size;

	return set == NULL ? NULL : memcpy(mem_zalloc(size), set, size);
}
