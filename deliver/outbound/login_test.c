/*
 * login_test - posternctl oauth test: logs in at the smart hosts that use a profile, without a message
 *
 * Runs in:  deliver
 * Owns:     a test until its last host has answered
 * Promise:  goes the way of a message as far as MAIL: the same names, addresses, TLS and authentication, over
 *           connections of its own
 * Fails by: lines and an exit status for the operator, sent to the master
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/msg/msg_token.h"
#include "deliver/outbound/outbound.h"

struct login_test_host {
	LIST_ENTRY(login_test_host) link;
	struct login_test *test;
	struct destination d;
	struct outbound_job job;
	struct verdict verdict;
	bool ok;			/* the host has let us in */
};

struct login_test {
	LIST_ENTRY(login_test) link;
	struct outbound *o;
	uint32_t request;
	char profile[TOKEN_PROFILE_SIZE];
	LIST_HEAD(, login_test_host) hosts;
	bool failed;
};

static void print_line(const struct login_test *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
print_line(const struct login_test *t, const char *fmt, ...)
{
	char line[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)!ctl_send(t->o->b->master, CTL_TEST_TEXT, t->request, line, strlen(line), -1);
}

static void
free_host(struct login_test_host *h)
{
	LIST_REMOVE(h, link);
	route_destination_done(&h->d);
	free(h);
}

static void
free_test(struct login_test *t)
{
	struct login_test_host *h;

	while ((h = LIST_FIRST(&t->hosts)) != NULL)
		free_host(h);
	LIST_REMOVE(t, link);
	free(t);
}

static void
end_test(struct login_test *t)
{
	int32_t status = t->failed ? 1 : EX_OK;

	(void)!ctl_send(t->o->b->master, CTL_TEST_END, t->request, &status, sizeof(status), -1);
	free_test(t);
}

static void
on_done(void *arg, struct outbound_job *job)
{
	struct login_test_host *h = arg;
	struct login_test *t = h->test;
	const struct verdict *v = &h->verdict;

	if (h->ok)
		print_line(t, "login: %s\n", v->text);
	else
		print_line(t, "login: failed: %s %s\n", v->status, v->text);
	t->failed |= !h->ok;
	free_host(h);
	if (LIST_EMPTY(&t->hosts))
		end_test(t);
}

/* The host has let us in. */
static void
on_login(void *arg, const struct outconn *p)
{
	struct login_test_host *h = arg;

	h->ok = true;
	verdict_set(&h->verdict, VERDICT_ACCEPTED, "2.0.0", "ok, as %s with %s at %s, TLS %s, %s",
	    p->client.set.user, msg_auth_out_mechanism_names[p->client.auth->mechanism], p->where, p->facts,
	    strcmp(p->verified, "dane") == 0 ? "verified by its TLSA records" : "name and issuer verified");
}

static bool
is_known(const struct login_test *t, const char *key)
{
	const struct login_test_host *h;

	LIST_FOREACH(h, &t->hosts, link)
		if (strcmp(h->d.key, key) == 0)
			return true;
	return false;
}

static void
add_host(void *arg, const struct destination *d)
{
	struct login_test *t = arg;
	const struct config_account *a = &d->security.account;
	/* A key of its own: the test uses no connection that mail has opened */
	char *key = mem_printf("%s;login-test=%u", d->key, t->request);
	struct login_test_host *h;

	if (a->auth != CONFIG_OUT_OAUTH2 || a->oauth == NULL || strcmp(a->oauth, t->profile) != 0 ||
	    is_known(t, key)) {
		free(key);
		return;
	}
	h = mem_new(struct login_test_host);
	h->test = t;
	route_destination_copy(&h->d, d);
	free(h->d.key);
	h->d.key = key;
	LIST_INSERT_HEAD(&t->hosts, h, link);
	print_line(t, "smart host: %s, user %s\n", d->domain, a->user);
}

static void
submit_jobs(struct login_test *t)
{
	static size_t first;
	struct login_test_host *h;

	LIST_FOREACH(h, &t->hosts, link) {
		h->job = (struct outbound_job){ .e = NULL, .fd = -1, .sender = "", .index = &first,
		    .count = 1, .verdict = &h->verdict, .done = on_done, .done_login = on_login, .arg = h };
		outbound_submit(t->o, &h->d, &h->job);
	}
}

void
login_test_begin(struct outbound *o, const struct ctl_message *m)
{
	struct login_test *t = mem_new(struct login_test);
	const char *why = NULL;
	struct msg_token_test what;
	struct route *route;

	memcpy(&what, m->data, sizeof(what));
	what.profile[sizeof(what.profile) - 1] = '\0';
	memcpy(t->profile, what.profile, sizeof(t->profile));
	t->o = o;
	t->request = m->request;
	LIST_INIT(&t->hosts);
	LIST_INSERT_HEAD(&o->login_tests, t, link);
	route = route_new(o->server, &why);
	if (route != NULL)
		route_each(route, add_host, t);
	route_free(route);
	if (!LIST_EMPTY(&t->hosts)) {
		submit_jobs(t);
		return;
	}
	print_line(t, "login: failed: no smart host here has this profile\n");
	t->failed = true;
	end_test(t);
}

void
login_test_free_all(struct outbound *o)
{
	struct login_test *t;

	while ((t = LIST_FIRST(&o->login_tests)) != NULL)
		free_test(t);
}
