/*
 * tls_tally - the TLS sessions of one day, by domain, policy and kind of failure; pure
 *
 * Runs in:  deliver
 * Owns:     the rows of a day
 * Promise:  at most TLS_TALLY_BYTES_MAX bytes and TLS_TALLY_DOMAINS_MAX domains, whatever hosts say: what
 *           finds no room is counted as such. All texts are printable ASCII
 * Fails by: false, NULL: there is no room
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "deliver/tls_report/tls_report.h"

#define TEXT_MAX 255		/* of a name or reason */

struct tls_tally *
tls_tally_new(int64_t day)
{
	struct tls_tally *t = mem_new(struct tls_tally);

	t->day = day;
	TAILQ_INIT(&t->domains);
	return t;
}

void
tls_tally_free(struct tls_tally *t)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->domains))
		tls_tally_remove(TAILQ_FIRST(&t->domains));
	free(t);
}

static size_t
hash(const char *name)
{
	size_t h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)(*name | 0x20);
	return h % TLS_TALLY_BUCKETS;
}

struct tls_domain *
tls_tally_find(struct tls_tally *t, const char *name)
{
	struct tls_domain *d;

	LIST_FOREACH(d, &t->bucket[hash(name)], bucket)
		if (strcasecmp(d->name, name) == 0)
			return d;
	return NULL;
}

static bool
has_room(const struct tls_tally *t, size_t bytes)
{
	return t->bytes + bytes <= TLS_TALLY_BYTES_MAX;
}

/* --- rows --- */

struct tls_domain *
tls_tally_add_domain(struct tls_tally *t, const char *name)
{
	size_t bytes = sizeof(struct tls_domain) + strlen(name) + 1;
	struct tls_domain *d;

	if (t->count >= TLS_TALLY_DOMAINS_MAX || !has_room(t, bytes))
		return NULL;
	d = mem_new(struct tls_domain);
	d->tally = t;
	d->name = mem_strdup(name);
	STAILQ_INIT(&d->policies);
	TAILQ_INSERT_TAIL(&t->domains, d, link);
	LIST_INSERT_HEAD(&t->bucket[hash(name)], d, bucket);
	t->count++;
	t->bytes += bytes;
	return d;
}

static bool
has_type(const struct tls_domain *d, enum tls_applied_type type)
{
	const struct tls_policy_row *p;

	STAILQ_FOREACH(p, &d->policies, link)
		if (p->type == type)
			return true;
	return false;
}

struct tls_policy_row *
tls_tally_add_policy(struct tls_domain *d, enum tls_applied_type type, const char *text)
{
	size_t bytes = sizeof(struct tls_policy_row) + strlen(text) + 1;
	struct tls_policy_row *p;

	if ((d->npolicies >= TLS_TALLY_POLICIES_MAX && has_type(d, type)) || !has_room(d->tally, bytes))
		return NULL;
	p = mem_new(struct tls_policy_row);
	p->type = type;
	p->text = mem_strdup(text);
	STAILQ_INIT(&p->details);
	STAILQ_INSERT_TAIL(&d->policies, p, link);
	d->npolicies++;
	d->tally->bytes += bytes;
	return p;
}

/* What hosts say may be anything. */
static char *
clean(const char *text)
{
	char *made = mem_strndup(text, strnlen(text, TEXT_MAX));

	for (char *p = made; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return made;
}

static size_t
bytes_of(const struct tls_detail *d)
{
	return sizeof(*d) + strlen(d->source) + strlen(d->host) + strlen(d->helo) + strlen(d->ip) +
	    strlen(d->reason) + 5;
}

static void
free_detail(struct tls_detail *d)
{
	free(d->source);
	free(d->host);
	free(d->helo);
	free(d->ip);
	free(d->reason);
	free(d);
}

static struct tls_detail *
make_detail(const struct tls_session *s)
{
	struct tls_detail *d = mem_new(struct tls_detail);

	d->result = s->result;
	d->source = clean(s->source);
	d->host = clean(s->host);
	d->helo = clean(s->helo);
	d->ip = clean(s->ip);
	d->reason = clean(s->reason);
	return d;
}

static bool
is_same(const struct tls_detail *a, const struct tls_detail *b)
{
	return a->result == b->result && strcmp(a->source, b->source) == 0 &&
	    strcasecmp(a->host, b->host) == 0 && strcmp(a->helo, b->helo) == 0 &&
	    strcmp(a->ip, b->ip) == 0 && strcmp(a->reason, b->reason) == 0;
}

struct tls_detail *
tls_tally_add_detail(struct tls_domain *d, struct tls_policy_row *p, const struct tls_session *s)
{
	struct tls_detail *made = make_detail(s), *found;

	STAILQ_FOREACH(found, &p->details, link)
		if (is_same(found, made))
			break;
	if (found == NULL && p->ndetails < TLS_TALLY_DETAILS_MAX && has_room(d->tally, bytes_of(made))) {
		STAILQ_INSERT_TAIL(&p->details, made, link);
		p->ndetails++;
		d->tally->bytes += bytes_of(made);
		return made;
	}
	free_detail(made);
	return found;
}

/* --- sessions --- */

static struct tls_policy_row *
find_policy(struct tls_domain *d, const struct tls_applied *a)
{
	struct tls_policy_row *p, *last = NULL;
	const char *text = buf_text(&a->text);

	STAILQ_FOREACH(p, &d->policies, link) {
		if (p->type == a->type && strcmp(p->text, text) == 0)
			return p;
		if (p->type == a->type)
			last = p;
	}
	p = tls_tally_add_policy(d, a->type, text);
	return p != NULL ? p : last;
}

bool
tls_tally_add(struct tls_tally *t, const struct tls_session *s)
{
	struct tls_domain *d = tls_tally_find(t, s->applied->domain);
	struct tls_policy_row *p;
	struct tls_detail *detail;

	if (d == NULL)
		d = tls_tally_add_domain(t, s->applied->domain);
	p = d != NULL ? find_policy(d, s->applied) : NULL;
	if (p == NULL) {
		t->left_out++;
		if (d != NULL && d->npolicies == 0)
			tls_tally_remove(d);	/* it would make a report of nothing */
		return false;
	}
	if (s->result == TLS_RESULT_GOOD) {
		p->good++;
		return true;
	}
	p->failed++;
	detail = tls_tally_add_detail(d, p, s);
	if (detail != NULL)
		detail->count++;
	return true;
}

void
tls_tally_remove(struct tls_domain *d)
{
	struct tls_tally *t = d->tally;
	struct tls_policy_row *p;
	struct tls_detail *detail;

	while ((p = STAILQ_FIRST(&d->policies)) != NULL) {
		while ((detail = STAILQ_FIRST(&p->details)) != NULL) {
			STAILQ_REMOVE_HEAD(&p->details, link);
			t->bytes -= bytes_of(detail);
			free_detail(detail);
		}
		STAILQ_REMOVE_HEAD(&d->policies, link);
		t->bytes -= sizeof(*p) + strlen(p->text) + 1;
		free(p->text);
		free(p);
	}
	TAILQ_REMOVE(&t->domains, d, link);
	LIST_REMOVE(d, bucket);
	t->bytes -= sizeof(*d) + strlen(d->name) + 1;
	t->count--;
	free(d->name);
	free(d);
}

struct tls_sums
tls_tally_sums(const struct tls_domain *d)
{
	const struct tls_policy_row *p;
	struct tls_sums sums = { 0 };

	STAILQ_FOREACH(p, &d->policies, link) {
		sums.good += p->good;
		sums.failed += p->failed;
	}
	return sums;
}
