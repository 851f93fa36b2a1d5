/*
 * policy_request - one request to the host of a policy: the authorities that judge it, then GET (RFC 8461
 * 3.3)
 *
 * Runs in:  fetch
 * Owns:     nothing: the job is the entry's
 * Promise:  the host has a certificate for its name, answers 200 with text/plain, and gets FETCH_MS for it;
 *           it is not followed elsewhere. At most JOBS_MAX at a time, each domain one
 * Fails by: `done` of the table, with the reason
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bsd/string.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch_private.h"

#define JOBS_MAX 32
#define CA_MAX (1U << 20)
#define FETCH_MS 20000

/* What is wrong with the answer; NULL: `p` is its policy. */
static const char *
judge_reply(struct policy *p, const struct https_reply *r, char *why, size_t size)
{
	char text[128];

	if (r->error != NULL)
		snprintf(why, size, "%s", r->error);
	else if (r->status != 200)
		snprintf(why, size, "its host answers with status %ld", r->status);
	else if (strncasecmp(r->type, "text/plain", 10) != 0)
		snprintf(why, size, "its host answers with %.60s and not with text/plain",
		    r->type[0] != '\0' ? r->type : "no type");
	else if (policy_text_read(p, r->body, r->len, text, sizeof(text)))
		return NULL;
	else
		snprintf(why, size, "%s", text);
	return why;
}

static void
on_reply(void *arg, const struct https_reply *r)
{
	struct policy_entry *e = arg;
	struct policy p = { 0 };
	char text[POLICY_TEXT_SIZE];
	const char *why = judge_reply(&p, r, text, sizeof(text));

	e->job = NULL;
	if (why != NULL) {
		e->failure = r->unproven ? POLICY_UNPROVEN : r->error != NULL || r->status != 200 ?
		    POLICY_UNFETCHED : POLICY_NONSENSE;
		e->table->done(e, NULL, why);
		return;
	}
	p.fetched = clock_wall_us() / 1000000;
	strlcpy(p.id, e->id, sizeof(p.id));
	log_event(LOG_FACT, NULL, "policy", "domain=%s result=fetched mode=%s max-age=%us hosts=%s",
	    e->domain, policy_text_modes[p.mode], p.max_age, log_safe(p.mx));
	e->table->done(e, &p, NULL);
}

/* "mta-sts.example.com:443:192.0.2.1,[2001:db8::1]"; NULL: the addresses are not known. */
static char *
make_resolve(const struct policy_entry *e)
{
	struct buf b = BUF_INIT(2048);
	char *text;

	if (e->ask.addresses == 0)
		return NULL;
	buf_printf(&b, "+mta-sts.%s:443:", e->domain);
	for (size_t i = 0; i < e->ask.addresses; i++) {
		const struct msg_policy_address *a = &e->ask.address[i];
		char ip[INET6_ADDRSTRLEN];

		if (inet_ntop(a->six ? AF_INET6 : AF_INET, a->bytes, ip, sizeof(ip)) != NULL)
			buf_printf(&b, a->six ? "%s[%s]" : "%s%s", i > 0 ? "," : "", ip);
	}
	text = mem_strdup(buf_text(&b));
	buf_done(&b);
	return text;
}

static void
ask_host(struct policy_entry *e, const char *ca, size_t ca_len)
{
	char *url = mem_printf("https://mta-sts.%s/.well-known/mta-sts.txt", e->domain);
	char *resolve = make_resolve(e);
	struct https_request q = { .url = url, .resolve = resolve, .ca = ca, .ca_len = ca_len,
	    .timeout_ms = FETCH_MS, .done = on_reply, .arg = e };

	if (resolve == NULL) {
		free(url);
		e->failure = POLICY_UNFETCHED;
		e->table->done(e, NULL, "its host has no address that may be used");
		return;
	}
	e->state = POLICY_ASKS;
	e->job = https_ask(e->table->fetch->https, &q);
	free(resolve);
	free(url);
}

/* The authorities are read anew for each request. */
void
policy_request_opened(struct policy_entry *e, const struct ctl_message *m)
{
	struct ctl_opened opened;
	size_t len = 0;
	char *ca;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	e->opening = 0;
	e->failure = POLICY_FINE;	/* trouble of our own is none of theirs */
	if (m->fd == -1) {
		e->table->done(e, NULL, opened.why);
		return;
	}
	ca = disk_read_whole(m->fd, CA_MAX, &len);
	if (ca != NULL)
		ask_host(e, ca, len);
	else
		e->table->done(e, NULL, "the file of authorities cannot be read");
	free(ca);
}

/* Those that wait, as long as there is room. */
void
policy_request_next(struct policy_table *t)
{
	struct policy_entry *e;

	while (t->ready && t->jobs < JOBS_MAX && (e = TAILQ_FIRST(&t->turn)) != NULL) {
		TAILQ_REMOVE(&t->turn, e, turn_link);
		t->jobs++;
		if (++t->request >= REPORT_POST_OURS)
			t->request = 1;	/* others are report_post's */
		e->opening = t->request;
		e->state = POLICY_OPENS;
		strlcpy(e->id, e->ask.id[0] != '\0' ? e->ask.id : e->policy.id, sizeof(e->id));
		boot_open(t->fetch->boot, t->request, CTL_FILE_POLICY_CA, 0, e->server);
	}
}

void
policy_request_want(struct policy_entry *e)
{
	if (e->state != POLICY_RESTS)
		return;
	e->state = POLICY_WAITS;
	TAILQ_INSERT_TAIL(&e->table->turn, e, turn_link);
	policy_request_next(e->table);
}
