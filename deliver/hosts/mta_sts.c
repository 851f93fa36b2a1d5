/*
 * mta_sts - the MTA-STS policy of a domain: the questions to the DNS and to the fetch helper, and what the
 * policy says of a host (RFC 8461 3, 4, 5); pure
 *
 * Runs in:  deliver
 * Owns:     one search
 * Promise:  a policy that was fetched once counts until its end, also when its TXT record is gone or forged.
 *           In mode enforce only hosts that a pattern covers are used. A failure of our own never turns into
 *           "there is no policy"
 * Fails by: mta_sts_trouble(): no host may be used now
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "deliver/hosts/hosts.h"

enum stage { STS_RECORD, STS_ADDRESSES, STS_POLICY, STS_OVER };

struct mta_sts {
	enum stage stage;
	bool known;			/* policies are kept: this one may be, whatever the DNS says now */
	const struct config_nets *never;
	unsigned asked, answered;	/* questions of this stage */
	bool wanted;			/* the helper was asked */
	char question[DNS_NAME_SIZE + 16];
	struct msg_policy_ask ask;
	struct msg_policy_answer *policy;	/* owned; NULL: none came */
	char trouble[POLICY_TEXT_SIZE + 32];
};

static bool
set_question(struct mta_sts *s, const char *prefix)
{
	s->asked = s->answered = 0;
	snprintf(s->question, sizeof(s->question), "%s%s", prefix, s->ask.domain);
	return strlen(s->question) <= HOSTS_NAME_MAX;
}

struct mta_sts *
mta_sts_new(const char *domain, bool known, const struct config_nets *never)
{
	struct mta_sts *s = mem_new(struct mta_sts);

	s->known = known;
	s->never = never;
	snprintf(s->ask.domain, sizeof(s->ask.domain), "%s", domain);
	s->stage = set_question(s, "_mta-sts.") ? STS_RECORD : STS_OVER;
	return s;
}

void
mta_sts_free(struct mta_sts *s)
{
	if (s == NULL)
		return;
	free(s->policy);
	free(s);
}

bool
mta_sts_ask(struct mta_sts *s, uint16_t *type, const char **name)
{
	unsigned questions = s->stage == STS_RECORD ? 1 : s->stage == STS_ADDRESSES ? 2 : 0;

	if (s->asked >= questions)
		return false;
	*type = s->stage == STS_RECORD ? DNS_TXT : s->asked == 0 ? DNS_AAAA : DNS_A;
	*name = s->question;
	s->asked++;
	return true;
}

/* --- the TXT record --- */

static size_t
skip_blanks(const char *text, size_t len, size_t at)
{
	while (at < len && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at;
}

/* One "name=value" behind a semicolon; false: this is no such thing. The first id counts. */
static bool
take_field(const char *field, size_t len, char id[POLICY_ID_SIZE])
{
	const char *equal = memchr(field, '=', len);
	size_t name = equal != NULL ? (size_t)(equal - field) : 0, value = len - name - 1;

	if (name == 0 || name > 32 || value == 0)
		return false;
	if (name != 2 || memcmp(field, "id", 2) != 0 || id[0] != '\0')
		return true;
	if (value >= POLICY_ID_SIZE ||
	    strspn(equal + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") < value)
		return false;
	memcpy(id, equal + 1, value);
	id[value] = '\0';
	return true;
}

bool
mta_sts_record_id(const char *text, size_t len, char id[POLICY_ID_SIZE])
{
	static const char version[] = "v=STSv1";
	size_t at = sizeof(version) - 1;

	id[0] = '\0';
	if (len < at || memcmp(text, version, at) != 0 || strlen(text) != len)
		return false;
	while ((at = skip_blanks(text, len, at)) < len) {
		size_t end;

		if (text[at] != ';')
			return false;
		at = skip_blanks(text, len, at + 1);
		if (at == len)
			break;
		end = at + strcspn(text + at, "; \t");
		if (!take_field(text + at, end - at, id))
			return false;
		at = end;
	}
	return id[0] != '\0';
}

/* Whether it claims to be the record: others may stand at that name, too (RFC 8461 3.1). */
static bool
is_record(const char *text, size_t len)
{
	size_t at = strlen("v=STSv1");

	if (len < at || memcmp(text, "v=STSv1", at) != 0)
		return false;
	at = skip_blanks(text, len, at);
	return at == len || text[at] == ';';
}

/* More than one record is as none. */
static bool
find_id(const struct msg_dns_answer *a, char id[POLICY_ID_SIZE])
{
	char text[DNS_LONG_MAX + 1];
	bool good = false;
	size_t found = 0;

	for (size_t i = 0; i < a->count;) {
		size_t len = msg_dns_answer_long(a, &i, (uint8_t *)text);

		text[len] = '\0';
		if (!is_record(text, len) || ++found > 1)
			continue;
		good = mta_sts_record_id(text, len, id);
	}
	if (good && found == 1)
		return true;
	id[0] = '\0';
	return false;
}

static void
take_record(struct mta_sts *s, const struct msg_dns_answer *a)
{
	bool found = a->result == DNS_FOUND && find_id(a, s->ask.id);

	if (found && set_question(s, "mta-sts."))
		s->stage = STS_ADDRESSES;
	else
		s->stage = found || s->known ? STS_POLICY : STS_OVER;
}

/* --- the policy host --- */

static void
take_address(struct mta_sts *s, const struct msg_dns_record *r)
{
	struct msg_policy_address *to = &s->ask.address[s->ask.addresses];
	struct net_address a = { .len = sizeof(struct sockaddr_in) };

	if (s->ask.addresses == POLICY_ADDRESSES_MAX || (r->len != 4 && r->len != 16))
		return;
	if (r->len == 4) {
		struct sockaddr_in *sin = (struct sockaddr_in *)&a.sa;

		sin->sin_family = AF_INET;
		memcpy(&sin->sin_addr, r->data, 4);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&a.sa;

		a.len = sizeof(*sin6);
		sin6->sin6_family = AF_INET6;
		memcpy(&sin6->sin6_addr, r->data, 16);
	}
	if (net_is_nowhere((const struct sockaddr *)&a.sa) ||
	    config_nets_has(s->never, (const struct sockaddr *)&a.sa))
		return;
	memset(to, 0, sizeof(*to));
	memcpy(to->bytes, r->data, r->len);
	to->six = r->len == 16;
	s->ask.addresses++;
}

void
mta_sts_answer(struct mta_sts *s, const struct msg_dns_answer *a)
{
	if (s->stage == STS_RECORD) {
		take_record(s, a);
		return;
	}
	if (s->stage != STS_ADDRESSES)
		return;
	for (size_t i = 0; i < a->count && a->result == DNS_FOUND; i++)
		take_address(s, &a->record[i]);
	if (++s->answered == 2)
		s->stage = STS_POLICY;
}

/* --- the policy --- */

const struct msg_policy_ask *
mta_sts_wants(struct mta_sts *s)
{
	if (s->stage != STS_POLICY || s->wanted)
		return NULL;
	s->wanted = true;
	return &s->ask;
}

void
mta_sts_decide(struct mta_sts *s, const struct msg_policy_answer *a)
{
	s->policy = mem_new(struct msg_policy_answer);
	*s->policy = *a;
	s->policy->mx[s->policy->len] = '\0';
	s->stage = STS_OVER;
}

void
mta_sts_fail(struct mta_sts *s, const char *why)
{
	snprintf(s->trouble, sizeof(s->trouble), "the MTA-STS policy of the domain: %s", why);
	s->stage = STS_OVER;
}

bool
mta_sts_is_over(const struct mta_sts *s)
{
	return s->stage == STS_OVER;
}

const char *
mta_sts_trouble(const struct mta_sts *s)
{
	return s != NULL && s->trouble[0] != '\0' ? s->trouble : NULL;
}

/* "*.example.com" stands for one label (RFC 8461 4.1, RFC 6125 6.4.3). */
static bool
covers(const char *pattern, size_t len, const char *host)
{
	if (len > 2 && pattern[0] == '*' && pattern[1] == '.') {
		const char *dot = strchr(host, '.');

		return dot != NULL && dot != host && strlen(dot) == len - 1 &&
		    strncasecmp(dot, pattern + 1, len - 1) == 0;
	}
	return strlen(host) == len && strncasecmp(host, pattern, len) == 0;
}

const struct msg_policy_answer *
mta_sts_answered(const struct mta_sts *s)
{
	return s != NULL ? s->policy : NULL;
}

bool
mta_sts_enforces(const struct mta_sts *s)
{
	return s != NULL && s->policy != NULL && s->policy->mode == POLICY_ENFORCE;
}

bool
mta_sts_covers(const struct mta_sts *s, const char *host)
{
	for (const char *p = s->policy->mx; *p != '\0';) {
		size_t len = strcspn(p, " ");

		if (covers(p, len, host))
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}
