/*
 * oauth_profile - one [oauth NAME]: its token, the questions that wait for one, its renewal
 *
 * Runs in:  fetch
 * Owns:     the tokens, in memory only; the master keeps a new refresh token on disk
 * Promise:  one request to the endpoint at a time; a token in use is renewed when 80 % of its life, or all
 *           but 5 minutes, have passed; after a failure the endpoint is left alone for 1 s, twice as long
 *           each time up to 5 minutes, and for as long as it says (up to an hour)
 * Fails by: "later" with a reason to all questions that wait
 */
#include "deliver/fetch/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <bsd/stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"

#define EARLY_MS 300000U
#define BACK_OFF_MS 300000U
#define OAUTH_ID_BYTES 16
#define RETRY_AFTER_MAX 3600U	/* seconds */

struct wait {
	struct ctl_server_question open;	/* closed when its worker is gone */
	STAILQ_ENTRY(wait) link;
};

struct oauth_profile {
	TAILQ_ENTRY(oauth_profile) link;
	struct fetch *fetch;
	const struct config_oauth *conf;
	char *token;			/* NULL: none */
	uint32_t serial;
	uint64_t expires, renew;
	bool asked;			/* this token was given to a worker: it is to be renewed */
	struct refresh_keep refresh;
	struct loop_timer *timer;
	struct oauth_files_job *opening;
	struct oauth_files_set set;		/* while the endpoint is asked */
	char *used;			/* the refresh token of this request; NULL: none */
	char *assertion;		/* of this request; NULL: none */
	struct https_job *asking;
	unsigned failures;
	uint64_t not_before;		/* the endpoint is left alone until then */
	char trouble[TOKEN_TEXT_SIZE];	/* why the last request failed */
	STAILQ_HEAD(, wait) waiting;
	struct oauth_test_list tests;
};

static void start_request(struct oauth_profile *p);

struct oauth_profile *
oauth_profile_find(struct fetch *f, const char *name)
{
	struct oauth_profile *p;

	TAILQ_FOREACH(p, &f->profiles, link)
		if (strcmp(p->conf->name, name) == 0)
			break;
	return p;
}

/* --- answers --- */

static void
answer_question(const struct oauth_profile *p, struct ctl_server *s, uint32_t request)
{
	struct msg_token_answer a = { .result = TOKEN_LATER };

	if (p->token != NULL) {
		a.result = TOKEN_OK;
		a.serial = p->serial;
		a.ends = (clock_wall_us() / 1000 + (int64_t)p->expires - (int64_t)clock_mono_ms()) / 1000;
		a.len = (uint16_t)strlen(p->token);
		memcpy(a.token, p->token, a.len);
	} else {
		snprintf(a.text, sizeof(a.text), "%s", p->trouble);
	}
	ctl_server_answer(s, CTL_TOKEN_ANSWER, request, &a, msg_token_answer_size(&a), -1);
	explicit_bzero(&a, sizeof(a));
}

static void
answer_questions(struct oauth_profile *p)
{
	struct wait *w;

	while ((w = STAILQ_FIRST(&p->waiting)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->waiting, link);
		if (w->open.server != NULL)
			answer_question(p, w->open.server, w->open.request);
		ctl_server_close(&w->open);
		free(w);
	}
}

/* Ends the tests that ran. Tests that came during the request need one of their own. */
static void
end_tests(struct oauth_profile *p, int status)
{
	struct oauth_test_list left = STAILQ_HEAD_INITIALIZER(left);
	struct oauth_test *t;

	while ((t = STAILQ_FIRST(&p->tests)) != NULL) {
		STAILQ_REMOVE_HEAD(&p->tests, link);
		if (t->runs)
			oauth_test_end(t, status);
		else
			STAILQ_INSERT_TAIL(&left, t, link);
	}
	STAILQ_CONCAT(&p->tests, &left);
	if (!STAILQ_EMPTY(&p->tests))
		start_request(p);
}

/* --- the life of a token --- */

static void
drop_token(struct oauth_profile *p)
{
	oauth_files_forget(p->token);
	p->token = NULL;
	loop_timer_stop(p->timer);
}

/* A token that was asked for is renewed before it expires, and after a failure again until it expires. */
static void
set_renewal_timer(struct oauth_profile *p)
{
	uint64_t now = clock_mono_ms(), at = p->asked ? p->renew : p->expires;

	if (p->token == NULL)
		return;
	if (at < p->not_before)
		at = p->not_before;
	if (at > p->expires)
		at = p->expires;
	loop_timer_set(p->timer, at > now ? at - now : 0);
}

static void
on_renewal_timer(void *arg)
{
	struct oauth_profile *p = arg;

	if (clock_mono_ms() >= p->expires)
		drop_token(p);
	else
		start_request(p);
}

static void
take_new_token(struct oauth_profile *p, struct oauth_grant *g)
{
	uint64_t ms = g->lifetime * 1000, early = ms / 5 < EARLY_MS ? ms / 5 : EARLY_MS,
	    now = clock_mono_ms();

	drop_token(p);
	p->token = g->token;
	g->token = NULL;
	p->serial = ++p->fetch->serial != 0 ? p->fetch->serial : ++p->fetch->serial;
	p->expires = now + ms;
	p->renew = now + ms - early;
	p->asked = false;
	p->failures = 0;
	p->not_before = 0;
	log_event(LOG_FACT, NULL, "token", "profile=%s result=new expires=%llus", p->conf->name,
	    (unsigned long long)g->lifetime);
	oauth_test_say(&p->tests,
	    "token: %zu characters, expires in %llu s, will be renewed %llu s before; scope: %s",
	    strlen(p->token),
	    (unsigned long long)g->lifetime, (unsigned long long)early / 1000,
	    g->scope[0] != '\0' ? g->scope : "not told");
}

/* --- refresh tokens --- */

void
oauth_profile_kept(struct oauth_profile *p, int error)
{
	refresh_keep_answered(&p->refresh, error);
}

static void
take_refresh(struct oauth_profile *p, const struct oauth_grant *g)
{
	if (g->refresh == NULL || p->used == NULL || strcmp(g->refresh, p->used) == 0)
		return;
	refresh_keep_take(&p->refresh, g->refresh);
	oauth_test_say(&p->tests, "refresh token: the endpoint gave a new one, to be kept in %s",
	    p->conf->kept_file);
}

/* The latest token that replaces the operator's, or that itself. To be freed; NULL: none, or unknown. */
static char *
choose_refresh(struct oauth_profile *p)
{
	const char *token;

	if (p->set.refresh == NULL)
		return NULL;
	token = refresh_keep_choose(&p->refresh, p->set.refresh, p->set.kept);
	/* The operator's token may be void since another was kept: it is not tried */
	if (token == p->set.refresh && p->set.no_kept[0] != '\0')
		return NULL;
	oauth_test_say(&p->tests, "refresh token: %s",
	    token != p->set.refresh ? p->conf->kept_file : p->conf->refresh_token_file);
	return mem_strdup(token);
}

/* --- one request --- */

static void
end_request(struct oauth_profile *p)
{
	oauth_files_wipe(&p->set);
	oauth_files_forget(p->used);
	oauth_files_forget(p->assertion);
	p->used = p->assertion = NULL;
}

/* `why` "": it gives tokens. */
static void
tell_trouble(const struct oauth_profile *p, const char *why)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);

	if (why[0] != '\0')
		buf_printf(&text, "no token for profile %s: %s; posternctl oauth test %s tries again",
		    p->conf->name, why, p->conf->name);
	boot_trouble(p->fetch->boot, p->conf->name, buf_text(&text));
	buf_done(&text);
}

static void
fail_request(struct oauth_profile *p, const char *why, uint64_t wait_s)
{
	uint64_t wait = 1000ULL << (p->failures < 9 ? p->failures : 9),
	    told = wait_s < RETRY_AFTER_MAX ? wait_s : RETRY_AFTER_MAX;

	end_request(p);
	p->failures++;
	wait = wait < BACK_OFF_MS ? wait : BACK_OFF_MS;
	wait = wait > told * 1000 ? wait : told * 1000;
	p->not_before = clock_mono_ms() + wait;
	snprintf(p->trouble, sizeof(p->trouble), "%s", why);
	log_event(LOG_FAULT, NULL, "trouble", "part=fetch profile=%s reason=%s next=%.1fs", p->conf->name,
	    log_safe(why), (double)wait / 1000);
	oauth_test_say(&p->tests, "result: no token: %s", why);
	tell_trouble(p, why);
	set_renewal_timer(p);
	answer_questions(p);
	end_tests(p, 1);
}

static void
tell_reply(const struct oauth_profile *p, const struct https_reply *r)
{
	if (r->peer[0] != '\0')
		oauth_test_say(&p->tests, "connected: %s", r->peer);
	if (r->issuer[0] != '\0')
		oauth_test_say(&p->tests, "TLS: %s by %s, with the authorities of %s",
		    r->error == NULL || r->status != 0 ? "verified, certificate issued" :
		    "certificate issued", r->issuer,
		    p->conf->ca_file != NULL ? p->conf->ca_file : "this system");
	if (r->status != 0)
		oauth_test_say(&p->tests, "HTTP status: %ld%s", r->status,
		    r->retry_after > 0 ? ", with Retry-After" : "");
}

static void
end_with_token(struct oauth_profile *p, struct oauth_grant *g)
{
	take_refresh(p, g);
	take_new_token(p, g);
	tell_trouble(p, "");
	end_request(p);
	set_renewal_timer(p);
	if (!STAILQ_EMPTY(&p->waiting))
		p->asked = true;
	answer_questions(p);
	oauth_test_say(&p->tests, "result: a token was given");
	set_renewal_timer(p);
	end_tests(p, EX_OK);
}

static void
on_endpoint_reply(void *arg, const struct https_reply *r)
{
	struct oauth_profile *p = arg;
	struct oauth_grant g = { 0 };
	char why[TOKEN_TEXT_SIZE];

	p->asking = NULL;
	tell_reply(p, r);
	if (r->error != NULL) {
		snprintf(why, sizeof(why), "%s: %s", p->conf->token_url, r->error);
		fail_request(p, why, 0);
		return;
	}
	oauth_grant_read(&g, r->status, r->body, r->len);
	oauth_grant_hide(&g, p->set.client);
	oauth_grant_hide(&g, p->used);
	oauth_grant_hide(&g, p->assertion);
	if (g.error[0] != '\0')
		oauth_test_say(&p->tests, "error: %s", g.error);
	if (g.result == OAUTH_GRANT_TOKEN)
		end_with_token(p, &g);
	else
		fail_request(p, g.text, r->retry_after);
	oauth_grant_done(&g);
}

static void
post_request(struct oauth_profile *p)
{
	struct buf body = BUF_INIT(65536);
	const struct oauth_grant_proof proof = { .secret = p->set.client, .assertion = p->assertion,
	    .refresh = p->used };
	struct https_request q = { .url = p->conf->token_url, .ca = p->set.ca,
	    .ca_len = p->set.ca != NULL ? strlen(p->set.ca) : 0,
		.timeout_ms = p->conf->timeout, .done = on_endpoint_reply, .arg = p };

	oauth_grant_request(&body, p->conf, &proof);
	q.body = buf_text(&body);
	q.len = body.len;
	p->asking = https_ask(p->fetch->https, &q);
	if (body.data != NULL)
		explicit_bzero(body.data, body.len);
	buf_done(&body);
}

/* False: `why`. Without a key nothing is to be made. */
static bool
make_assertion(struct oauth_profile *p, char *why, size_t size)
{
	const struct config_oauth *o = p->conf;
	char id[OAUTH_ID_BYTES * 2 + 1];
	uint8_t bytes[OAUTH_ID_BYTES];
	const struct oauth_assertion a = { .key = p->set.key, .certificate = p->set.certificate,
	    .client_id = o->client_id, .audience = o->audience != NULL ? o->audience : o->token_url, .id = id,
	    .key_id = o->key_id, .signature = o->signature, .now = clock_wall_us() / 1000000 };

	if (p->set.key == NULL)
		return true;
	arc4random_buf(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	p->assertion = oauth_assertion_make(&a, why, size);
	if (p->assertion != NULL)
		oauth_test_say(&p->tests, "assertion: signed with %s, certificate %s, for %s", o->key_file,
		    o->certificate_file != NULL ? o->certificate_file : "none", a.audience);
	return p->assertion != NULL;
}

static void
on_files(void *arg, struct oauth_files_set *set)
{
	struct oauth_profile *p = arg;
	char why[sizeof(set->trouble)];

	p->opening = NULL;
	p->set = *set;
	if (set->trouble[0] != '\0') {
		snprintf(why, sizeof(why), "%s", set->trouble);
		fail_request(p, why, 0);
		return;
	}
	if (p->set.client != NULL)
		oauth_test_say(&p->tests, "client secret: %s, %zu characters", p->conf->secret_file,
		    strlen(p->set.client));
	if (!make_assertion(p, why, sizeof(why))) {
		fail_request(p, why, 0);
		return;
	}
	p->used = choose_refresh(p);
	if (p->set.refresh != NULL && p->used == NULL) {
		snprintf(why, sizeof(why), "%s", p->set.no_kept);
		fail_request(p, why, 0);
		return;
	}
	oauth_test_say(&p->tests, "token endpoint: %s", p->conf->token_url);
	post_request(p);
}

static void
start_request(struct oauth_profile *p)
{
	static const char *const providers[] = { "custom", "microsoft365", "google" };
	struct oauth_test *t;

	if (p->opening != NULL || p->asking != NULL)
		return;
	STAILQ_FOREACH(t, &p->tests, link)
		t->runs = true;
	oauth_test_say(&p->tests, "profile: %s, provider %s, %s flow, client %s", p->conf->name,
	    providers[p->conf->provider],
	    p->conf->flow == CONFIG_FLOW_REFRESH ? "refresh-token" : "client-credentials",
	    p->conf->client_id);
	p->opening = oauth_files_get(p->fetch->files, p->conf, on_files, p);
}

/* --- questions --- */

void
oauth_profile_ask(struct oauth_profile *p, uint32_t refused, struct ctl_server *s, uint32_t request)
{
	uint64_t now = clock_mono_ms();
	struct wait *w;

	if (p->token != NULL && (now >= p->expires || (refused != 0 && refused == p->serial))) {
		if (now < p->expires)
			log_event(LOG_WARN, NULL, "token", "profile=%s result=refused", p->conf->name);
		drop_token(p);
	}
	if (p->token != NULL || (now < p->not_before && p->opening == NULL && p->asking == NULL)) {
		bool first = p->token != NULL && !p->asked;

		p->asked |= first;
		answer_question(p, s, request);
		if (first)
			set_renewal_timer(p);
		return;
	}
	w = mem_new(struct wait);
	ctl_server_open(s, &w->open, request);
	STAILQ_INSERT_TAIL(&p->waiting, w, link);
	start_request(p);
}

void
oauth_profile_test(struct oauth_profile *p, struct oauth_test *t)
{
	STAILQ_INSERT_TAIL(&p->tests, t, link);
	start_request(p);
}

/* --- beginning and end --- */

void
oauth_profile_open_all(struct fetch *f)
{
	const struct config *c = f->boot->config;

	for (size_t i = 0; i < c->noauth; i++) {
		struct oauth_profile *p = mem_new(struct oauth_profile);

		p->fetch = f;
		p->conf = &c->oauth[i];
		p->timer = loop_timer_new(f->boot->loop, on_renewal_timer, p);
		refresh_keep_init(&p->refresh, f->boot, p->conf);
		STAILQ_INIT(&p->waiting);
		STAILQ_INIT(&p->tests);
		TAILQ_INSERT_TAIL(&f->profiles, p, link);
	}
}

void
oauth_profile_close_all(struct fetch *f)
{
	struct oauth_profile *p;
	struct wait *w;
	struct oauth_test *t;

	while ((p = TAILQ_FIRST(&f->profiles)) != NULL) {
		TAILQ_REMOVE(&f->profiles, p, link);
		oauth_files_cancel(p->opening);
		https_cancel(p->asking);
		end_request(p);
		oauth_files_forget(p->token);
		refresh_keep_done(&p->refresh);
		loop_timer_free(p->timer);
		while ((w = STAILQ_FIRST(&p->waiting)) != NULL) {
			STAILQ_REMOVE_HEAD(&p->waiting, link);
			free(w);
		}
		while ((t = STAILQ_FIRST(&p->tests)) != NULL) {
			STAILQ_REMOVE_HEAD(&p->tests, link);
			free(t);
		}
		free(p);
	}
}
