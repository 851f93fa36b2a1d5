/*
 * report_post - posts reports about TLS to the places that domains name (RFC 8460 5.4)
 *
 * Runs in:  fetch
 * Owns:     one job a report
 * Promise:  only to the addresses that came with the report, over https, with a certificate for the name of
 *           the host from the authorities of the virtual server; no redirect is followed. At most JOBS_MAX at
 *           a time: others are told to come later. Each question is answered. The addresses that a deliver
 *           process gives are known to libcurl's handle for reports alone, not to that for tokens
 * Fails by: an answer with the reason
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/string.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"

#define JOBS_MAX 16
#define CA_MAX (1U << 20)
#define POST_MS 30000

struct report_post {
	TAILQ_ENTRY(report_post) link;
	struct report_posts *all;
	struct ctl_server_question open;
	uint32_t opening;
	struct https_job *job;
	struct msg_report_ask ask;
};

struct report_posts {
	struct fetch *fetch;
	struct https *https;		/* its own: libcurl keeps addresses, for all requests */
	uint32_t request;
	size_t count;
	TAILQ_HEAD(, report_post) jobs;
};

struct report_posts *
report_post_new(struct fetch *f)
{
	struct report_posts *p = mem_new(struct report_posts);

	p->fetch = f;
	p->https = https_new(f->boot->loop);
	TAILQ_INIT(&p->jobs);
	return p;
}

static void
free_job(struct report_post *j)
{
	TAILQ_REMOVE(&j->all->jobs, j, link);
	j->all->count--;
	ctl_server_close(&j->open);
	https_cancel(j->job);
	free(j);
}

void
report_post_free(struct report_posts *p)
{
	while (!TAILQ_EMPTY(&p->jobs))
		free_job(TAILQ_FIRST(&p->jobs));
	https_free(p->https);
	free(p);
}

static void
answer(struct ctl_server *s, uint32_t request, long status, const char *text)
{
	struct msg_report_answer a = { .status = status > 0 && status < 1000 ? (uint16_t)status : 0 };

	/* what libcurl says may have any bytes of the peer */
	for (size_t i = 0; i + 1 < sizeof(a.text) && text[i] != '\0'; i++)
		a.text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	ctl_server_answer(s, CTL_REPORT_ANSWER, request, &a, sizeof(a), -1);
}

static void
finish(struct report_post *j, long status, const char *text)
{
	if (j->open.server != NULL)
		answer(j->open.server, j->open.request, status, text);
	free_job(j);
}

static void
on_posted(void *arg, const struct https_reply *r)
{
	struct report_post *j = arg;
	bool failed = r->error != NULL && !r->too_large;	/* the status says all there is to know */

	j->job = NULL;
	finish(j, failed ? 0 : r->status, failed ? r->error : "");
}

/* "+reports.example.com:443:192.0.2.1,[2001:db8::1]" */
static void
put_addresses(struct buf *out, const struct msg_report_ask *a)
{
	buf_printf(out, "+%s:%u:", a->host, a->port);
	for (size_t i = 0; i < a->addresses; i++) {
		char ip[INET6_ADDRSTRLEN];

		if (inet_ntop(a->address[i].six ? AF_INET6 : AF_INET, a->address[i].bytes, ip,
		    sizeof(ip)) != NULL)
			buf_printf(out, a->address[i].six ? "%s[%s]" : "%s%s", i > 0 ? "," : "", ip);
	}
}

static void
post(struct report_post *j, const char *ca, size_t ca_len)
{
	struct buf resolve = BUF_INIT(2048);
	struct https_request q = { .url = j->ask.url, .body = (const char *)j->ask.body, .len = j->ask.len,
	    .type = "application/tlsrpt+gzip", .ca = ca, .ca_len = ca_len, .timeout_ms = POST_MS,
	    .done = on_posted, .arg = j };

	put_addresses(&resolve, &j->ask);
	q.resolve = buf_text(&resolve);
	j->job = https_ask(j->all->https, &q);
	buf_done(&resolve);
}

static void
take_authorities(struct report_post *j, const struct ctl_message *m, const struct ctl_opened *opened)
{
	size_t len = 0;
	char *ca;

	j->opening = 0;
	if (m->fd == -1) {
		finish(j, 0, opened->why);
		return;
	}
	ca = disk_read_whole(m->fd, CA_MAX, &len);
	if (ca != NULL)
		post(j, ca, len);
	else
		finish(j, 0, "the file of authorities cannot be read");
	free(ca);
}

bool
report_post_opened(struct report_posts *p, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct report_post *j;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (opened.file.kind != CTL_FILE_POLICY_CA || m->request < REPORT_POST_OURS)
		return false;
	TAILQ_FOREACH(j, &p->jobs, link)
		if (j->opening == m->request) {
			take_authorities(j, m, &opened);
			break;
		}
	return true;
}

void
report_post_ask(struct report_posts *p, const struct msg_report_ask *a, struct ctl_server *s,
    uint32_t request)
{
	struct report_post *j;

	if (p->count >= JOBS_MAX) {
		answer(s, request, 0, "too many reports are being posted");
		return;
	}
	j = mem_new(struct report_post);
	j->all = p;
	memcpy(&j->ask, a, msg_report_ask_size(a));
	ctl_server_open(s, &j->open, request);
	TAILQ_INSERT_TAIL(&p->jobs, j, link);
	p->count++;
	j->opening = REPORT_POST_OURS | ++p->request;
	boot_open(p->fetch->boot, j->opening, CTL_FILE_POLICY_CA, 0, ctl_server_server(s));
}
