/*
 * server - one virtual server: does what the state table says, and makes events of what its children do
 *
 * Runs in:  master
 * Owns:     state, sockets, counters, hint sockets and posts of each virtual server
 * Promise:  touches no other virtual server
 * Fails by: the virtual server stays stopped, with a reason
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/host/wanted_state.h"
#include "common/process/counters.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

struct server *
server_new(struct master *m, const char *name)
{
	struct server *s = mem_new(struct server);

	*s = (struct server){ .m = m, .state = STATE_STOPPED, .counters_fd = -1, .own_config = -1,
	    .hint = { -1, -1 } };
	snprintf(s->name, sizeof(s->name), "%s", name);
	TAILQ_INIT(&s->children);
	if (heritage_open(s) == -1) {
		int saved = errno;

		server_free(s);
		errno = saved;
		return NULL;
	}
	counters_set(s->counters, COUNTER_STATE, s->state);
	sampler_begin(s);
	maintenance_post_open(s);
	listen_gate_open(s);
	listen_arrival_open(s, server_event);
	return s;
}

void
server_free(struct server *s)
{
	roster_clear(s);
	maintenance_post_close(s);
	listen_gate_close(s);
	listen_arrival_close(s);
	listen_close(&s->sockets);
	listen_close(&s->leaving);
	listen_close(&s->guard);
	free(s->addresses);
	free(s->commit);
	sampler_forget(s);
	if (s->counters != NULL)
		counters_free(s->counters);
	if (s->counters_fd != -1)
		close(s->counters_fd);
	for (int i = 0; i < 2; i++)
		if (s->hint[i] != -1)
			close(s->hint[i]);
	control_rights_done(&s->operators);
	control_rights_done(&s->viewers);
	file_watch_forget(s);
	tls_renewal_forget(s);
	spawn_forget_config(s);
	server_snapshot_drop(s->snapshot);
	free(s->reason);
	free(s);
}

void
server_adopt(struct server *s, struct snapshot *snap)
{
	const struct config_server *conf = snap != NULL ? config_server_by_name(snap->config, s->name) : NULL;

	watchdog_progress(&s->m->watchdog, !s->m->ready || s->m->reloading);
	if (snap != NULL)
		snap->users++;
	spawn_forget_config(s);
	control_rights_adopt(s, conf);
	server_snapshot_drop(s->snapshot);
	s->snapshot = snap;
	s->conf = conf;
	listen_others_adopt(s);
}

void
server_reason(struct server *s, const char *fmt, ...)
{
	char *old = s->reason; /* it may be one of the arguments */
	char text[1024];
	va_list ap;

	s->reason = NULL;
	if (fmt == NULL) {
		free(old);
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->reason = mem_strdup(text);
	free(old);
}

/* --- the acts of the state table --- */

/*
 * A virtual server that could not start, perhaps by these files, tries again. Listeners without a post have
 * another configuration, and end soon: they are not told.
 */
void
server_files_changed(struct server *s)
{
	struct ctl_file file = { .kind = CTL_FILE_CERTIFICATE };
	struct child *c;

	if (s->state == STATE_STOPPED && s->wanted && !s->removed && !s->m->stopping) {
		server_event(s, EVENT_START);
		return;
	}
	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->role == ROLE_LISTENER && c->post != NULL && c->phase != CHILD_STOPPING)
			child_send(c, CTL_RENEWED, 0, &file, sizeof(file), -1);
}

/* Clients that log in hear 454 until it is mended: told at start and reload, shown as long as it lasts. */
static void
report_files(const struct server *s)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);

	file_handover_blame(s->conf, &why);
	if (why.len > 0)
		log_event(LOG_FAULT, NULL, "trouble", "server=%s doing=open reason=%s", s->name,
		    log_safe(buf_text(&why)));
	if (why.len > 0 && !s->m->ready)
		buf_printf(&s->m->refusals, "postern: %s: %s\n", s->name, buf_text(&why));
	buf_done(&why);
}

/* 0; or -1, and the reason is set. */
static int
open_server(struct server *s)
{
	struct buf why = BUF_INIT(1024);
	int result = -1;

	if (s->conf == NULL) /* the reason is the error in its file, set when that was read */
		return -1;
	maintenance_post_end(s);	/* the deliver worker starts when that is dead */
	file_watch_server(s);
	tls_renewal_begin(s);
	if (make_folder_make_server(s->m, s->conf, &why) == -1 || file_handover_check(s->conf, &why) == -1) {
		server_reason(s, "%s", buf_text(&why));
	} else if (listen_open(&s->sockets, s, s->conf, &s->guard, true, &why) == -1) {
		server_reason(s, "%s", buf_text(&why));
		listen_arrival_await(s);
	} else {
		server_reason(s, NULL);
		report_files(s);
		roster_build(s);
		roster_fill(s);
		result = 0;
	}
	buf_done(&why);
	return result;
}

static void
close_server(struct server *s)
{
	struct child *c;

	s->renewing = false;
	roster_clear(s);
	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->phase != CHILD_STOPPING)
			child_stop(c, master_grace(s->m));
	listen_close(&s->sockets);
	listen_close(&s->leaving);
	listen_gate_forget(s);
}

static void
tell_listeners(struct server *s, enum ctl_type type)
{
	struct child *c;

	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->role == ROLE_LISTENER && (c->phase == CHILD_BORN || c->phase == CHILD_READY)) {
			if (type == CTL_CONTINUE && c->phase == CHILD_BORN)
				c->paused = true; /* it was told to pause when it was born */
			child_require(c, type);
		}
}

static int
continue_listening(struct server *s)
{
	struct buf why = BUF_INIT(1024);
	int result = listen_continue(s->m, &s->sockets, &why);

	if (result == 0) {
		if (roster_undrain(s))
			server_reason(s, NULL);
		listen_gate_forget(s);
		tell_listeners(s, CTL_CONTINUE);
	}
	else
		server_reason(s, "%s", buf_text(&why));
	buf_done(&why);
	return result;
}

static int
do_act(struct server *s, enum state_act act)
{
	switch (act) {
	case ACT_OPEN:
		return open_server(s);
	case ACT_CLOSE:
		close_server(s);
		return 0;
	case ACT_PAUSE:
		tell_listeners(s, CTL_PAUSE);
		return 0;
	case ACT_DRAIN:
		server_reason(s, "it drains: it takes no mail, and delivers what is in its queue");
		drain_server_begin(s);
		return 0;
	case ACT_SHUT:
		listen_pause(s->m, &s->sockets);
		listen_pause(s->m, &s->leaving);
		return 0;
	case ACT_CONTINUE:
		return continue_listening(s);
	case ACT_NONE:
		return 0;
	}
	bug("state act %d", (int)act);
}

static void
log_state(const struct server *s)
{
	bool why = s->reason != NULL && s->wanted && !s->m->stopping &&
	    (s->state == STATE_STOPPED || s->state == STATE_PAUSED);

	log_event(why ? LOG_FAULT : LOG_FACT, NULL, "state", "server=%s state=%s number=%d%s%s", s->name,
	    state_name(s->state), (int)s->state, why ? " reason=" : "", why ? log_safe(s->reason) : "");
	if (why && !s->m->ready)
		buf_printf(&s->m->refusals, "postern: %s: %s; it %s\n", s->name, s->reason,
		    listen_arrival_is_awaited(s) ? "starts when it is" : "stays stopped");
}

void
server_event(struct server *s, enum state_event event)
{
	const struct state_move *move = state_move(s->state, event);
	int result;
	bool news;

	if (move->kind != STATE_GO)
		return;
	news = move->next != s->state;
	s->state = move->next;
	counters_set(s->counters, COUNTER_STATE, s->state);
	watchdog_progress(&s->m->watchdog, !s->m->ready || s->m->reloading);
	result = do_act(s, move->act);
	if (news)
		log_state(s); /* after the act: when the log says "paused", the port is closed */
	if (news)
		listen_others_state(s);
	if (result == -1)
		server_event(s, EVENT_FAILED);
	server_update(s);
}

enum state_kind
server_request(struct server *s, enum state_event event, const char **text)
{
	const struct state_move *move = state_move(s->state, event);
	enum state_kind kind = move->kind;

	*text = move->text;
	if (kind == STATE_REFUSE)
		return kind;
	if (event == EVENT_START || event == EVENT_STOP || event == EVENT_DRAIN)
		server_want(s, event == EVENT_START);
	if (event == EVENT_CONTINUE && drain_server_is_on(s))
		server_want(s, true);
	if (event == EVENT_STOP)
		server_reason(s, NULL);
	if (kind == STATE_GO) {
		s->trouble = false;
		server_event(s, event);
	}
	return kind;
}

void
server_want(struct server *s, bool running)
{
	const char *folder = s->m->snapshot->config->service.state;

	s->wanted = running;
	if ((s->home_lost || wanted_state_wanted(folder, s->name) != running) &&
	    wanted_state_write(folder, s->name, running) == -1)
		log_event(LOG_FAULT, NULL, "trouble", "server=%s reason=%s path=%s", s->name,
		    log_safe(strerror(errno)), log_safe(folder));
	s->home_lost = false;
}

/* --- what the children do --- */

struct server_census {
	unsigned all, missing, pausing, continuing;
	unsigned retired;		/* listeners without a post, of the configuration before a reload */
};

static struct server_census
count_children(const struct server *s)
{
	struct server_census n = { 0 };
	const struct child *c;

	for (size_t i = 0; i < s->posts; i++)
		if (!s->post[i].closed &&
		    (s->post[i].child == NULL || s->post[i].child->phase != CHILD_READY))
			n.missing++;
	TAILQ_FOREACH(c, &s->children, of_server) {
		n.all++;
		if (c->role != ROLE_LISTENER || (c->phase != CHILD_BORN && c->phase != CHILD_READY))
			continue;
		n.pausing += !c->paused;
		n.continuing += c->paused;
		n.retired += c->post == NULL;
	}
	return n;
}

static bool
listeners_ready(const struct server *s)
{
	for (size_t i = 0; i < s->posts; i++)
		if (s->post[i].role == ROLE_LISTENER && !s->post[i].closed &&
		    (s->post[i].child == NULL || s->post[i].child->phase != CHILD_READY))
			return false;
	return true;
}

/* The new listeners are ready: the old ones accept nothing new, and addresses that went are closed. */
static void
hand_over_sockets(struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->role == ROLE_LISTENER && c->post == NULL &&
		    (c->phase == CHILD_BORN || c->phase == CHILD_READY))
			child_drain(c);
	listen_close(&s->leaving);
}

void
server_update(struct server *s)
{
	struct server_census n = count_children(s);

	if (s->state == STATE_STOPPING) {
		if (n.all == 0)
			server_event(s, EVENT_GONE);
		return;
	}
	if (s->state == STATE_STOPPED)
		return;
	listen_gate_update(s);
	if ((n.retired > 0 || s->leaving.count > 0) && listeners_ready(s))
		hand_over_sockets(s);
	if (n.missing == 0) {
		if (s->renewing)
			log_event(LOG_FACT, NULL, "config", "server=%s result=renewed", s->name);
		s->renewing = false;
		if (s->trouble)
			server_reason(s, NULL);
		s->trouble = false;
		if (s->state == STATE_STARTING)
			server_event(s, EVENT_READY);
	}
	if (s->state == STATE_PAUSING && n.pausing == 0)
		server_event(s, EVENT_PAUSED);
	if (s->state == STATE_CONTINUING && n.continuing == 0)
		server_event(s, EVENT_CONTINUED);
}

void
server_child_born(struct child *c)
{
	/* it connects to no host before it has heard of the others: so it hears of this first */
	if (c->role == ROLE_DELIVER && policy_store_has_some(c->m->snapshot->config->service.state))
		child_send(c, CTL_POLICIES, 0, NULL, 0, -1);
	if (c->role == ROLE_DELIVER)
		listen_others_greet(c);
	if (c->role != ROLE_LISTENER)
		return;
	tls_renewal_greet(c);
	if (c->server->state == STATE_PAUSING || c->server->state == STATE_PAUSED || c->server->shut)
		child_tell(c, CTL_PAUSE);
}

void
server_child_died(struct server *s, const struct reap_death *d)
{
	if (d->maintenance) {
		maintenance_post_gone(s, d->crashed && d->missed ? d->words : NULL);
	} else if (d->crashed && d->missed && d->posted) {
		s->trouble = true;
		server_reason(s, "%s: %s; it is tried again", roster_roles[d->role].name, d->words);
	}
	if (d->refused && s->state == STATE_STARTING) {
		server_reason(s, "%s", d->words);
		server_event(s, EVENT_REFUSED);
	}
	roster_fill(s);
	server_update(s);
}

void
server_not_started(struct post *p, int error)
{
	p->server->trouble = true;
	server_reason(p->server, "%s cannot be started: %s; it is tried again", roster_roles[p->role].name,
	    strerror(error));
}

bool
server_is_steady(const struct server *s)
{
	if (s->trouble && s->state != STATE_STOPPING)
		return true;
	return !s->renewing &&
	    (s->state == STATE_STARTED || s->state == STATE_STOPPED || s->state == STATE_PAUSED);
}

int
server_renew(struct server *s, struct snapshot *snap, struct buf *why)
{
	const struct config_server *conf = config_server_by_name(snap->config, s->name);
	struct listen_set set = { 0 };
	bool listening = s->state != STATE_PAUSED && !s->shut;

	if (strcmp(conf->user != NULL ? conf->user : "", s->conf->user != NULL ? s->conf->user : "") != 0) {
		buf_puts(why, "[general] user can only change while the virtual server is stopped");
		return -1;
	}
	if (make_folder_make_server(s->m, conf, why) == -1 || file_handover_check(conf, why) == -1 ||
	    listen_open(&set, s, conf, &s->sockets, listening, why) == -1)
		return -1;

	/*
	 * From here on nothing fails. Sockets that were not taken over serve until the old listeners drain.
	 */
	listen_merge(&s->leaving, &s->sockets);
	s->sockets = set;
	roster_clear(s);
	server_adopt(s, snap);
	file_watch_server(s);
	tls_renewal_begin(s);
	s->renewing = true;
	s->trouble = false;
	server_reason(s, NULL);
	roster_retire(s);
	report_files(s);
	roster_build(s);
	roster_fill(s);
	return 0;
}

uint32_t
server_id(const struct server *s)
{
	return s->conf != NULL ? s->conf->id : 0;
}
