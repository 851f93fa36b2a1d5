/*
 * helper - channels from workers, and from the auth helper, to helpers, which start when one is needed, and
 * from listeners to the deliver and pickup workers of their virtual server
 *
 * Runs in:  master
 * Owns:     the posts of the helpers; the ends of a channel belong to its two processes
 * Promise:  a worker, and the master itself, is joined to the helpers of its role only (channel_rights). One
 *           that asks again and again gets one channel a second of each kind at the most
 * Fails by: keeping the wish; it is served when that helper runs
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/channel_rights.h"
#include "common/ipc/ctl_client.h"
#include "master/processes/processes.h"

#define HELPER_PACE_MS 1000U

static const enum role helper_roles[] = {
	[CTL_HELPER_RESOLVER] = ROLE_RESOLVER, [CTL_HELPER_AUTH] = ROLE_AUTH, [CTL_HELPER_FETCH] = ROLE_FETCH,
	[CTL_HELPER_DELIVER] = ROLE_DELIVER, [CTL_HELPER_DIRECTORY] = ROLE_DIRECTORY,
	[CTL_HELPER_PICKUP] = ROLE_PICKUP, [CTL_HELPER_FILTER] = ROLE_FILTER,
	[CTL_HELPER_LIMITS] = ROLE_LIMITS,
};
static_assert(nitems_of(helper_roles) == CTL_HELPER_COUNT, "one role a helper");

/* The two ends of a new channel of `role` to that helper. 0; -1 and an event. */
static int
make_channel(int pair[2], const char *server, enum ctl_helper which)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0)
		return 0;
	log_event(LOG_FAULT, NULL, "trouble", "server=%s role=%s reason=%s", *server != '\0' ? server : "-",
	    roster_roles[helper_roles[which]].name, log_safe(strerror(errno)));
	return -1;
}

/* "": a helper is of none. */
static const char *
server_of(const struct child *c)
{
	return c->server != NULL ? c->server->name : "";
}

static void
join_channel(struct child *worker, struct child *helper, enum ctl_helper which)
{
	int pair[2];
	struct ctl_channel channel = { .helper = which };
	struct child_wish *wish = &worker->wish[which];

	wish->open = false;
	wish->served_ms = clock_mono_ms();
	if (worker->ctl == NULL || helper->ctl == NULL)
		return;
	if (make_channel(pair, server_of(worker), which) == -1) {
		wish->open = true;
		return;
	}
	snprintf(channel.server, sizeof(channel.server), "%s", server_of(worker));
	snprintf(channel.role, sizeof(channel.role), "%s", roster_roles[worker->role].name);
	child_send(helper, CTL_CHANNEL, (uint32_t)worker->pid, &channel, sizeof(channel), pair[0]);
	child_send(worker, CTL_CHANNEL, wish->request, &channel, sizeof(channel), pair[1]);
	close(pair[0]);
	close(pair[1]);
}

/* The master asks auth as a worker does, for no virtual server. */
static void
join_master(struct master *m, struct child *auth)
{
	struct ctl_channel channel = { .helper = CTL_HELPER_AUTH, .role = "master" };
	int pair[2];

	if (auth->ctl == NULL || make_channel(pair, "", CTL_HELPER_AUTH) == -1)
		return;		/* it is asked for again */
	m->wants_auth = false;
	child_send(auth, CTL_CHANNEL, 0, &channel, sizeof(channel), pair[0]);
	close(pair[0]);
	ctl_client_channel(m->auth, pair[1]);
}

/* The worker of the same virtual server, when it is ready. It is not started for this. NULL: none. */
static struct child *
find_worker(const struct child *worker, enum role role)
{
	for (size_t i = 0; i < worker->server->posts; i++) {
		struct child *c = worker->server->post[i].child;

		if (c != NULL && c->role == role && c->phase == CHILD_READY)
			return c;
	}
	return NULL;
}

/* Joins the workers that want this helper to it. True: some have to wait, for it or for the next second. */
static bool
serve_wishes(struct master *m, enum ctl_helper which)
{
	struct child *c;
	struct post *post = &m->helper[which];
	bool of_server = roster_roles[post->role].per_server;
	uint64_t now = clock_mono_ms();
	bool own = which == CTL_HELPER_AUTH && m->wants_auth, wanted = own, waits = false;

	TAILQ_FOREACH(c, &m->wishing, wishing)
		wanted |= c->wish[which].open;
	if (!wanted)
		return false;
	if (!of_server && post->child == NULL && !loop_timer_is_set(post->again))
		roster_start(post);
	if (!of_server && post->child == NULL)
		return false; /* its back-off timer calls this again */
	if (own)
		join_master(m, post->child);
	TAILQ_FOREACH(c, &m->wishing, wishing) {
		const struct child_wish *wish = &c->wish[which];
		bool now_is_time = wish->open &&
		    (wish->served_ms == 0 || wish->served_ms + HELPER_PACE_MS <= now);
		struct child *other = !now_is_time ? NULL : of_server ? find_worker(c, post->role) :
		    post->child;

		if (other != NULL)
			join_channel(c, other, which);
		waits |= wish->open;
	}
	return waits;
}

/* Those that wait for nothing any more. */
static void
forget_served(struct master *m)
{
	struct child *c, *next;

	TAILQ_FOREACH_SAFE(c, &m->wishing, wishing, next) {
		bool waits = false;

		for (enum ctl_helper which = 0; which < CTL_HELPER_COUNT; which++)
			waits |= c->wish[which].open;
		if (!waits)
			helper_child_gone(c);
	}
}

void
helper_child_gone(struct child *c)
{
	if (c->wishes)
		TAILQ_REMOVE(&c->m->wishing, c, wishing);
	c->wishes = false;
}

void
helper_wish(struct child *c, enum ctl_helper which, uint32_t request)
{
	c->wish[which].open = true;
	c->wish[which].request = request;
	if (!c->wishes)
		TAILQ_INSERT_TAIL(&c->m->wishing, c, wishing);
	c->wishes = true;
}

void
helper_update(struct master *m)
{
	bool waits = false;

	if (m->stopping)
		return;
	for (enum ctl_helper which = 0; which < CTL_HELPER_COUNT; which++)
		waits |= serve_wishes(m, which);
	forget_served(m);
	if (waits)
		loop_timer_set(m->helper_timer, HELPER_PACE_MS);
}

void
helper_take_need(struct child *worker, const struct ctl_message *m)
{
	uint32_t which;

	memcpy(&which, m->data, sizeof(which));
	if (!channel_rights_join(roster_roles[worker->role].name, which) ||
	    (worker->server == NULL && roster_roles[helper_roles[which]].per_server)) {
		child_kill(worker, "it asked for a helper that its role may not ask");
		return;
	}
	helper_wish(worker, which, m->request);
	helper_update(worker->m);
}

void
helper_want_auth(struct master *m)
{
	m->wants_auth = true;
	helper_update(m);
}

static void
on_helper_timer(void *arg)
{
	struct master *m = arg;

	helper_update(m);
	m->ops->changed(m);
}

void
helper_open(struct master *m)
{
	for (size_t i = 0; i < CTL_HELPER_COUNT; i++) {
		m->helper[i] = (struct post){ .m = m, .role = helper_roles[i] };
		m->helper[i].again = loop_timer_new(m->loop, on_helper_timer, m);
	}
	m->helper_timer = loop_timer_new(m->loop, on_helper_timer, m);
}

void
helper_close(struct master *m)
{
	for (size_t i = 0; i < CTL_HELPER_COUNT; i++)
		loop_timer_free(m->helper[i].again);
	loop_timer_free(m->helper_timer);
}

/* At the end, and when its configuration has changed. Workers ask again when they need it. */
void
helper_stop(struct master *m, enum ctl_helper which, uint64_t grace_ms)
{
	struct post *post = &m->helper[which];
	struct child *c = post->child;

	post->record = (struct restart_record){ 0 };
	loop_timer_stop(post->again);
	if (c == NULL)
		return;
	c->post = NULL;
	post->child = NULL;
	child_stop(c, grace_ms);
}

void
helper_stop_all(struct master *m, uint64_t grace_ms)
{
	for (enum ctl_helper which = 0; which < CTL_HELPER_COUNT; which++)
		helper_stop(m, which, grace_ms);
}
