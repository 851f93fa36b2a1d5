/*
 * tls_tally_file - the counts of TLS sessions as a file has them: lines with tabs, and a sum at the end; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  what was formatted is parsed to the same; a file that was cut or changed is damaged as a whole
 * Fails by: false
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "deliver/tls_report/tls_report.h"

#define HEAD "postern-tls-reports 1\n"
#define END_SIZE 13		/* "end 01234567\n" */

/* --- format --- */

static void
put_details(struct buf *out, const struct tls_policy_row *p)
{
	const struct tls_detail *d;

	STAILQ_FOREACH(d, &p->details, link)
		buf_printf(out, "detail\t%u\t%llu\t%s\t%s\t%s\t%s\t%s\n", d->result,
		    (unsigned long long)d->count, d->source, d->host, d->helo, d->ip, d->reason);
}

static void
put_domain(struct buf *out, const struct tls_domain *d)
{
	const struct tls_policy_row *p;

	buf_printf(out, "domain\t%s\t%lld\t%lld\t%u\n", d->name, (long long)d->due, (long long)d->begun,
	    d->tries);
	STAILQ_FOREACH(p, &d->policies, link) {
		size_t from;

		buf_printf(out, "policy\t%u\t%llu\t%llu\t", p->type, (unsigned long long)p->good,
		    (unsigned long long)p->failed);
		from = out->len;
		buf_puts(out, p->text);
		for (size_t i = from; i < out->len; i++)
			if (out->data[i] == '\n')
				out->data[i] = '\t';
		buf_puts(out, "\n");
		put_details(out, p);
	}
}

void
tls_tally_file_format(struct buf *out, const struct tls_tally_list *days)
{
	const struct tls_tally *t;
	const struct tls_domain *d;

	buf_puts(out, HEAD);
	TAILQ_FOREACH(t, days, link) {
		buf_printf(out, "day\t%lld\t%llu\n", (long long)t->day, (unsigned long long)t->left_out);
		TAILQ_FOREACH(d, &t->domains, link)
			put_domain(out, d);
	}
	buf_printf(out, "end %08lx\n", crc32(0, (const Bytef *)buf_text(out), (uInt)out->len) & 0xffffffffUL);
}

/* --- parse --- */

struct reading {
	struct tls_tally_list *days;
	struct tls_tally *day;
	struct tls_domain *domain;
	struct tls_policy_row *policy;
};

/* The fields of a line, in place; the last of `most` is all the rest. */
static size_t
split(char *line, char **field, size_t most)
{
	size_t n = 0;

	for (;;) {
		field[n++] = line;
		if (n == most || (line = strchr(line, '\t')) == NULL)
			return n;
		*line++ = '\0';
	}
}

static bool
take_number(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	*value = strtoull(text, &end, 10);
	return *end == '\0';
}

/* A domain without a policy would make a report of nothing. */
static bool
is_unfinished(const struct reading *r)
{
	return r->domain != NULL && r->domain->npolicies == 0;
}

static bool
take_day(struct reading *r, char *rest)
{
	char *field[3];
	uint64_t day, left_out;

	if (is_unfinished(r) || split(rest, field, 3) != 2 || !take_number(field[0], &day) ||
	    !take_number(field[1], &left_out) || day > INT32_MAX)
		return false;
	r->day = tls_tally_new((int64_t)day);
	r->day->left_out = left_out;
	TAILQ_INSERT_TAIL(r->days, r->day, link);
	r->domain = NULL;
	r->policy = NULL;
	return true;
}

static bool
take_domain(struct reading *r, char *rest)
{
	char *field[5];
	uint64_t due, begun, tries;

	if (r->day == NULL || is_unfinished(r) || split(rest, field, 5) != 4 || !net_is_hostname(field[0]) ||
	    !take_number(field[1], &due) || !take_number(field[2], &begun) ||
	    !take_number(field[3], &tries) || tls_tally_find(r->day, field[0]) != NULL)
		return false;
	r->policy = NULL;
	r->domain = tls_tally_add_domain(r->day, field[0]);
	if (r->domain == NULL)
		return false;
	r->domain->due = (int64_t)due;
	r->domain->begun = (int64_t)begun;
	r->domain->tries = (unsigned)tries;
	return true;
}

static bool
take_policy(struct reading *r, char *rest)
{
	char *field[4];
	uint64_t type, good, failed;

	if (r->domain == NULL || split(rest, field, 4) != 4 || !take_number(field[0], &type) ||
	    type >= TLS_APPLIED_TYPES || !take_number(field[1], &good) || !take_number(field[2], &failed) ||
	    strlen(field[3]) > TLS_APPLIED_TEXT_MAX)
		return false;
	for (char *p = field[3]; *p != '\0'; p++)
		if (*p == '\t')
			*p = '\n';
		else if (*p < ' ' || *p > '~')
			return false;
	r->policy = tls_tally_add_policy(r->domain, (enum tls_applied_type)type, field[3]);
	if (r->policy == NULL)
		return false;
	r->policy->good = good;
	r->policy->failed = failed;
	return true;
}

static bool
take_detail(struct reading *r, char *rest)
{
	char *field[8];
	uint64_t result, count;
	struct tls_detail *d;
	struct tls_session s;

	if (r->policy == NULL || split(rest, field, 8) != 7 || !take_number(field[0], &result) ||
	    result == TLS_RESULT_GOOD || result >= TLS_RESULTS || !take_number(field[1], &count))
		return false;
	s = (struct tls_session){ .result = (enum tls_result)result, .source = field[2], .host = field[3],
	    .helo = field[4], .ip = field[5], .reason = field[6] };
	d = tls_tally_add_detail(r->domain, r->policy, &s);
	if (d == NULL)
		return false;
	d->count += count;
	return true;
}

static bool
take_line(struct reading *r, char *line)
{
	static const struct { const char *word; bool (*take)(struct reading *r, char *rest); } rows[] = {
		{ "day", take_day }, { "domain", take_domain }, { "policy", take_policy },
		{ "detail", take_detail },
	};
	size_t len = strcspn(line, "\t");

	if (line[len] == '\0')
		return false;
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strlen(rows[i].word) == len && strncmp(rows[i].word, line, len) == 0)
			return rows[i].take(r, line + len + 1);
	return false;
}

static bool
is_whole(const char *text, size_t len)
{
	char end[END_SIZE + 1];

	if (len < strlen(HEAD) + END_SIZE || memcmp(text, HEAD, strlen(HEAD)) != 0 ||
	    memchr(text, '\0', len) != NULL)
		return false;
	snprintf(end, sizeof(end), "end %08lx\n",
	    crc32(0, (const Bytef *)text, (uInt)(len - END_SIZE)) & 0xffffffffUL);
	return memcmp(text + len - END_SIZE, end, END_SIZE) == 0;
}

bool
tls_tally_file_parse(struct tls_tally_list *days, const char *text, size_t len)
{
	struct tls_tally_list found = TAILQ_HEAD_INITIALIZER(found);
	struct reading r = { .days = &found };
	char *copy, *line, *next;
	bool good;

	if (!is_whole(text, len))
		return false;
	copy = mem_strndup(text, len - END_SIZE);
	good = true;
	for (line = copy + strlen(HEAD); good && *line != '\0'; line = next) {
		next = line + strcspn(line, "\n");
		if (*next == '\n')
			*next++ = '\0';
		good = take_line(&r, line);
	}
	free(copy);
	good = good && !is_unfinished(&r);
	if (good)
		TAILQ_CONCAT(days, &found, link);
	tls_tally_file_done(&found);
	return good;
}

void
tls_tally_file_done(struct tls_tally_list *days)
{
	struct tls_tally *t;

	while ((t = TAILQ_FIRST(days)) != NULL) {
		TAILQ_REMOVE(days, t, link);
		tls_tally_free(t);
	}
}
