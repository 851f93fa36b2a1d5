/*
 * tls_report_send - one domain's report on its way: where it goes, by mail or by HTTPS, and what came of it
 *
 * Runs in:  deliver
 * Owns:     one sending, until `done`
 * Promise:  each place that the record of the domain names gets the report once a try; it is sent when one
 *           has taken it (RFC 8460 3). The message has a name that follows from day, domain and place: a try
 *           that is repeated after a crash does not queue it twice
 * Fails by: an outcome, with a text
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/helpers/dns_client.h"
#include "common/helpers/report_client.h"
#include "common/spool/enqueue.h"
#include "deliver/tls_report/tls_report.h"

#define MAIL_MAX (1U << 20)

struct tls_report_send {
	struct tls_report_means means;
	struct tls_domain *domain;
	tls_report_done *done;
	void *arg;
	struct tls_report_about about;
	struct tls_report_record record;
	size_t at;			/* in its targets */
	size_t sent, later;		/* targets that have taken it; that may take it another time */
	struct buf packed;
	unsigned answers;		/* about the addresses of the present target's host */
	struct msg_report_ask *ask;	/* owned; NULL: none is being made */
	char why[200];			/* of the last failure */
};

static void next_target(struct tls_report_send *x);

void
tls_report_send_free(struct tls_report_send *x)
{
	if (x == NULL)
		return;
	buf_done(&x->packed);
	free(x->ask);
	free(x);
}

static void
finish(struct tls_report_send *x, enum tls_report_outcome outcome, const char *text)
{
	tls_report_done *done = x->done;
	struct tls_domain *d = x->domain;
	void *arg = x->arg;
	char copy[sizeof(x->why)];

	snprintf(copy, sizeof(copy), "%s", text);
	tls_report_send_free(x);
	done(arg, d, outcome, copy);
}

static void
note_failure(struct tls_report_send *x, bool later, const char *why)
{
	const struct tls_report_target *t = &x->record.target[x->at];

	x->later += later;
	snprintf(x->why, sizeof(x->why), "%s%.60s: %.120s", t->https ? "" : "mailto:", t->text, why);
	x->at++;
	next_target(x);
}

static void
note_sent(struct tls_report_send *x, const char *id)
{
	const struct tls_report_target *t = &x->record.target[x->at];
	struct tls_sums sums = tls_tally_sums(x->domain);

	log_event(LOG_FACT, id, "tls-report",
	    "domain=%s result=sent to=%s sessions=%llu failed=%llu report=%s",
	    x->domain->name, log_safe(t->text),
	    (unsigned long long)(sums.good + sums.failed), (unsigned long long)sums.failed,
	    log_safe(x->about.id));
	x->sent++;
	x->at++;
	next_target(x);
}

/* --- by mail --- */

static void
on_queued(void *arg, int error, const char *id)
{
	struct tls_report_send *x = arg;

	if (error != 0 && error != EEXIST) {
		note_failure(x, true, strerror(error));
		return;
	}
	if (error == 0)
		x->means.queued(x->means.arg, id);
	note_sent(x, id);
}

/* FNV-1a over domain and place, and when it was due: the same whenever this report is made. */
static void
make_id(const struct tls_report_send *x, char *id)
{
	const struct tls_report_target *t = &x->record.target[x->at];
	const char *texts[] = { x->domain->name, t->text };
	uint32_t chance = 2166136261U;

	for (size_t i = 0; i < nitems_of(texts); i++)
		for (const char *p = texts[i]; *p != '\0'; p++)
			chance = (chance ^ (unsigned char)*p) * 16777619U;
	message_id_make(id, x->domain->due * 1000000, chance);
}

static void
send_mail(struct tls_report_send *x)
{
	const char *to = x->record.target[x->at].text;
	struct message_envelope e = { .sender = mem_strdup(""), .client = mem_strdup("report"),
	    .flags = MESSAGE_REPORT };
	char id[MESSAGE_ID_SIZE], date[CLOCK_DATE_SIZE];
	struct buf text = BUF_INIT(MAIL_MAX);
	struct enqueue_message *m;

	if (x->means.boot->server->dkim_key.count > 0)
		e.flags |= MESSAGE_SIGN;
	message_envelope_add(&e, to);
	m = enqueue_begin(x->means.enqueue, &e);
	message_envelope_done(&e);
	if (m == NULL) {
		note_failure(x, false, "the address has control characters");
		return;
	}
	make_id(x, id);
	enqueue_name(m, id);
	clock_format_mail(date, clock_wall_us());
	tls_report_mail(&text, &x->about, to, date, &x->packed);
	enqueue_add(m, buf_text(&text), text.len);
	buf_done(&text);
	enqueue_finish(m, on_queued, x);
}

/* --- by HTTPS --- */

/* What is wrong may be mended within a day, but for what is wrong with the report or its place. */
static bool
may_change(unsigned status)
{
	return status == 0 || status >= 500 || status == 408 || status == 425 || status == 429;
}

static void
on_posted(void *arg, const struct msg_report_answer *a, const char *why)
{
	struct tls_report_send *x = arg;
	char text[60];

	if (a == NULL) {
		note_failure(x, true, why);
	} else if (a->status >= 200 && a->status < 300) {
		note_sent(x, NULL);
	} else if (a->status == 0) {
		note_failure(x, true, a->text);
	} else {
		snprintf(text, sizeof(text), "its host answers with status %u", a->status);
		note_failure(x, may_change(a->status), text);
	}
}

/* None that mail may not go to either: a record cannot turn us against our own network. */
static void
take_address(struct tls_report_send *x, const struct msg_dns_record *r)
{
	struct msg_policy_address *to = &x->ask->address[x->ask->addresses];
	struct sockaddr_storage sa = { 0 };

	if (x->ask->addresses == POLICY_ADDRESSES_MAX || (r->len != 4 && r->len != 16))
		return;
	sa.ss_family = r->len == 4 ? AF_INET : AF_INET6;
	if (r->len == 4)
		memcpy(&((struct sockaddr_in *)&sa)->sin_addr, r->data, 4);
	else
		memcpy(&((struct sockaddr_in6 *)&sa)->sin6_addr, r->data, 16);
	if (net_is_nowhere((const struct sockaddr *)&sa) ||
	    config_nets_has(&x->means.boot->server->never_to, (const struct sockaddr *)&sa))
		return;
	*to = (struct msg_policy_address){ .six = r->len == 16 };
	memcpy(to->bytes, r->data, r->len);
	x->ask->addresses++;
}

static void
post(struct tls_report_send *x)
{
	struct msg_report_ask *ask = x->ask;

	memcpy(ask->body, x->packed.data, x->packed.len);
	ask->len = (uint16_t)x->packed.len;
	report_client_ask(x->means.fetch, ask, on_posted, x);
	x->ask = NULL;
	free(ask);
}

static void
on_address(void *arg, __attribute__((unused)) unsigned tag, const struct msg_dns_answer *a)
{
	struct tls_report_send *x = arg;
	bool some;

	for (size_t i = 0; i < a->count && a->result == DNS_FOUND; i++)
		take_address(x, &a->record[i]);
	if (++x->answers < 2)
		return;
	some = x->ask->addresses > 0;
	if (some) {
		post(x);
		return;
	}
	free(x->ask);
	x->ask = NULL;
	note_failure(x, true, "its host has no address that may be used");
}

static void
begin_post(struct tls_report_send *x)
{
	const struct tls_report_target *t = &x->record.target[x->at];

	x->ask = mem_new(struct msg_report_ask);
	x->answers = 0;
	x->ask->port = t->port;
	snprintf(x->ask->url, sizeof(x->ask->url), "%s", t->text);
	snprintf(x->ask->host, sizeof(x->ask->host), "%s", t->host);
	dns_client_ask(x->means.resolver, DNS_AAAA, t->host, on_address, x, 0);
	dns_client_ask(x->means.resolver, DNS_A, t->host, on_address, x, 0);
}

/* --- the whole --- */

static void
next_target(struct tls_report_send *x)
{
	if (x->at < x->record.count && x->record.target[x->at].https)
		begin_post(x);
	else if (x->at < x->record.count)
		send_mail(x);
	else if (x->sent > 0)
		finish(x, TLS_REPORT_SENT, x->why);
	else
		finish(x, x->later > 0 ? TLS_REPORT_LATER : TLS_REPORT_FAILED, x->why);
}

static void
on_record(void *arg, __attribute__((unused)) unsigned tag, const struct msg_dns_answer *a)
{
	struct tls_report_send *x = arg;

	if (a->result == DNS_TROUBLE) {
		finish(x, TLS_REPORT_LATER, a->text);
	} else if (!tls_report_record_read(&x->record, a)) {
		finish(x, TLS_REPORT_UNWANTED, "");
	} else if (x->record.count == 0) {
		finish(x, TLS_REPORT_FAILED, x->record.why);
	} else {
		tls_report_text_init(&x->about, x->means.boot->server, x->domain);
		if (tls_report_text_make(&x->packed, &x->about, REPORT_BODY_MAX))
			next_target(x);
		else
			finish(x, TLS_REPORT_FAILED, "the report is larger than 48 KiB");
	}
}

struct tls_report_send *
tls_report_send_begin(const struct tls_report_means *means, struct tls_domain *d,
    tls_report_done *done, void *arg)
{
	struct tls_report_send *x = mem_new(struct tls_report_send);
	char name[DNS_NAME_SIZE + 16];

	x->means = *means;
	x->domain = d;
	x->done = done;
	x->arg = arg;
	buf_init(&x->packed, MAIL_MAX);
	snprintf(name, sizeof(name), "_smtp._tls.%s", d->name);
	if (strlen(name) > DNS_NAME_SIZE - 3)	/* no such name can be, nor this one */
		snprintf(name, sizeof(name), "_smtp._tls.invalid");
	dns_client_ask(means->resolver, DNS_TXT, name, on_record, x, 0);
	return x;
}
