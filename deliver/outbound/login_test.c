/*
 * login_test - posternctl oauth test: logs in at the smart hosts that have a profile's tokens shown, without
 * a message
 *
 * Runs in:  deliver
 * Owns:     a knock until its last host has answered
 * Promise:  the way of a message as far as MAIL: the same names, addresses, TLS and authentication, over
 *           connections of its own
 * Fails by: what is told to the master
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/ipc/msg_token.h"
#include "deliver/outbound/outbound.h"

struct login_test_host {
	LIST_ENTRY(login_test_host) link;
	struct login_test *login_test;
	struct destination d;
	struct outbound_job job;
	struct verdict verdict;
};

struct login_test {
	LIST_ENTRY(login_test) link;
	struct outbound *remote;
	uint32_t request;
	char profile[TOKEN_PROFILE_SIZE];
	LIST_HEAD(, login_test_host) hosts;
	bool failed;
};

static void say(const struct login_test *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
say(const struct login_test *k, const char *fmt, ...)
{
	char line[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)!ctl_send(k->remote->b->master, CTL_OAUTH_TEST_TEXT, k->request, line, strlen(line), -1);
}

static void
forget_host(struct login_test_host *h)
{
	LIST_REMOVE(h, link);
	route_destination_done(&h->d);
	free(h);
}

static void
forget(struct login_test *k)
{
	struct login_test_host *h;

	while ((h = LIST_FIRST(&k->hosts)) != NULL)
		forget_host(h);
	LIST_REMOVE(k, link);
	free(k);
}

static void
end(struct login_test *k)
{
	int32_t status = k->failed ? 1 : EX_OK;

	(void)!ctl_send(k->remote->b->master, CTL_OAUTH_TEST_END, k->request, &status, sizeof(status), -1);
	forget(k);
}

static void
on_done(void *arg, struct outbound_job *job)
{
	struct login_test_host *h = arg;
	struct login_test *k = h->login_test;
	const struct verdict *v = &h->verdict;

	(void)job;
	if (v->what == VERDICT_DELIVERED)
		say(k, "login: %s\n", v->text);
	else
		say(k, "login: failed: %s %s\n", v->status, v->text);
	k->failed |= v->what != VERDICT_DELIVERED;
	forget_host(h);
	if (LIST_EMPTY(&k->hosts))
		end(k);
}

static bool
is_known(const struct login_test *k, const char *key)
{
	const struct login_test_host *h;

	LIST_FOREACH(h, &k->hosts, link)
		if (strcmp(h->d.key, key) == 0)
			return true;
	return false;
}

static void
add(void *arg, const struct destination *d)
{
	struct login_test *k = arg;
	const struct config_account *a = &d->security.account;
	/* No connection that another has opened */
	char *key = mem_printf("%s;knock=%u", d->key, k->request);
	struct login_test_host *h;

	if (a->auth != CONFIG_OUT_OAUTH2 || a->oauth == NULL || strcmp(a->oauth, k->profile) != 0 ||
	    is_known(k, key)) {
		free(key);
		return;
	}
	h = mem_new(struct login_test_host);
	h->login_test = k;
	route_destination_copy(&h->d, d);
	free(h->d.key);
	h->d.key = key;
	LIST_INSERT_HEAD(&k->hosts, h, link);
	say(k, "smart host: %s, user %s\n", d->domain, a->user);
}

static void
start(struct login_test *k)
{
	static const size_t first = 0;
	struct login_test_host *h;

	LIST_FOREACH(h, &k->hosts, link) {
		h->job = (struct outbound_job){ .e = NULL, .fd = -1, .sender = "", .index = &first,
		    .count = 1, .verdict = &h->verdict,
			.done = on_done, .arg = h };
		outbound_submit(k->remote, &h->d, &h->job);
	}
}

void
login_test_begin(struct outbound *r, const struct ctl_message *m)
{
	struct login_test *k = mem_new(struct login_test);
	const char *why = NULL;
	struct msg_token_trial what;
	struct route *route;

	memcpy(&what, m->data, sizeof(what));
	what.profile[sizeof(what.profile) - 1] = '\0';
	memcpy(k->profile, what.profile, sizeof(k->profile));
	k->remote = r;
	k->request = m->request;
	LIST_INIT(&k->hosts);
	LIST_INSERT_HEAD(&r->knocks, k, link);
	route = route_new(r->server, &why);
	if (route != NULL)
		route_each(route, add, k);
	route_free(route);
	if (!LIST_EMPTY(&k->hosts)) {
		start(k);
		return;
	}
	say(k, "login: failed: no smart host here has this profile\n");
	k->failed = true;
	end(k);
}

void
login_test_answer(const struct outconn *p, struct outbound_job *job)
{
	verdict_set(&job->verdict[0], VERDICT_DELIVERED, "2.0.0", "ok, as %s with %s at %s, TLS %s, %s",
	    p->client.set.user,
	    msg_auth_out_mechanism_names[p->client.auth->mechanism], p->where, p->facts,
	    strcmp(p->verified, "dane") == 0 ? "verified by its TLSA records" : "name and issuer verified");
}

void
login_test_free_all(struct outbound *r)
{
	struct login_test *k;

	while ((k = LIST_FIRST(&r->knocks)) != NULL)
		forget(k);
}
