/*
 * tls_report_view - posternctl tls-reports: what is counted, what is due, and what came of the latest ones
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a page at a time
 * Fails by: a page less when the supervisor has gone
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/boot/boot.h"
#include "common/msg/msg_tls_reports.h"
#include "deliver/tls_report/tls_report.h"

#define PAGE 500
#define LINE_SIZE 800

struct page {
	struct boot *b;
	uint32_t request;
	size_t from, to, at;		/* rows of this page; the present one */
};

static void
end_page(const struct page *p, int32_t status)
{
	(void)!ctl_send(p->b->master, CTL_TEST_END, p->request, &status, sizeof(status), -1);
}

struct row {
	const char *domain, *state, *policies, *reason;
	int64_t day, time;		/* time 0: none */
	uint64_t good, failed;
};

static void
tell_row(struct page *p, const struct row *row)
{
	char line[LINE_SIZE], day[CLOCK_DATE_SIZE], when[24] = "-";

	if (p->at++ < p->from || p->at > p->to)
		return;
	clock_format_utc(day, row->day * TLS_DAY * 1000000);
	if (row->time != 0)
		snprintf(when, sizeof(when), "%lld", (long long)row->time);
	snprintf(line, sizeof(line), "%s\t%.10s\t%s\t%llu\t%llu\t%s\t%s\t%s\n", row->domain, day, row->state,
	    (unsigned long long)row->good, (unsigned long long)row->failed, row->policies, when,
	    *row->reason != '\0' ? row->reason : "-");
	for (char *c = line; c[1] != '\0'; c++)
		if ((*c < ' ' || *c > '~') && *c != '\t')
			*c = '?';
	(void)!ctl_send(p->b->master, CTL_TEST_TEXT, p->request, line, strlen(line), -1);
}

static void
put_policies(char *dst, size_t size, const struct tls_domain *d)
{
	const struct tls_policy_row *row;
	bool has[TLS_APPLIED_TYPES] = { false };
	size_t used = 0;

	STAILQ_FOREACH(row, &d->policies, link)
		has[row->type] = true;
	snprintf(dst, size, "-");
	for (size_t i = 0; i < TLS_APPLIED_TYPES; i++)
		if (has[i] && used < size)
			used += (size_t)snprintf(dst + used, size - used, "%s%s", used > 0 ? "," : "",
			    tls_applied_types[i]);
}

static void
tell_domain(struct page *p, const struct tls_reports *r, const struct tls_domain *d)
{
	char policies[80];
	struct tls_sums sums = tls_tally_sums(d);
	struct row row = { .domain = d->name, .policies = policies, .reason = d->why, .day = d->tally->day,
	    .good = sums.good, .failed = sums.failed };
	bool counts = r->today == NULL || d->tally == r->today;

	put_policies(policies, sizeof(policies), d);
	row.state = counts ? "counting" : d->send != NULL ? "sending" : "due";
	/* a clock that was set back: not before that day is over */
	row.time = counts ? 0 : d->tally->day > r->today->day ? (d->tally->day + 1) * TLS_DAY : d->due;
	tell_row(p, &row);
}

static void
tell_last(struct page *p, const struct tls_reports *r)
{
	static const char *const states[] = { [TLS_REPORT_SENT] = "sent",
	    [TLS_REPORT_UNWANTED] = "not-wanted", [TLS_REPORT_LATER] = "failed",
	    [TLS_REPORT_FAILED] = "failed" };

	for (size_t i = 0; i < TLS_REPORTS_LAST; i++) {
		const struct tls_reports_result *l = &r->last[(r->next + i) % TLS_REPORTS_LAST];
		struct row row = { .domain = l->domain, .state = states[l->outcome], .policies = "-",
		    .reason = l->text, .day = l->day, .time = l->at, .good = l->good, .failed = l->failed };

		if (l->domain != NULL)
			tell_row(p, &row);
	}
}

void
tls_report_view_take(struct tls_reports *r, struct boot *b, const struct ctl_message *m)
{
	struct msg_tls_reports_ask ask;
	struct page p = { .b = b, .request = m->request };
	const struct tls_tally *t;
	const struct tls_domain *d;

	memcpy(&ask, m->data, sizeof(ask));
	if (r == NULL || ask.verb == MSG_TLS_REPORTS_SEND) {
		end_page(&p, r == NULL ? -1 : (int32_t)tls_reports_hurry(r));
		return;
	}
	p.from = ask.from;
	p.to = p.from + PAGE;
	tell_last(&p, r);
	TAILQ_FOREACH(t, &r->days, link)
		TAILQ_FOREACH(d, &t->domains, link)
			tell_domain(&p, r, d);
	end_page(&p, p.at > p.to ? (int32_t)p.to : 0);
}
