/*
 * takeover - the program that takes over: makes what the one before has left in this process its own
 *
 * Runs in:  master, before its loop
 * Owns:     what was left, until it has its place
 * Promise:  a virtual server has its sockets, counters and hints again, in the state in which it was. Its old
 *           processes are replaced as by a reload: a listener finishes its sessions, a queue has one owner
 * Fails by: die(), which upgrade_trial has tried before
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"

struct takeover {
	struct buf text;
	int control;
	int caller;			/* -1: none */
	uint32_t request;
	char from[32];			/* version of the program before */
	unsigned version;		/* of its control messages */
};

/* Of a descriptor in the text; -1: none. */
static int
descriptor(uint64_t number)
{
	return number == UPGRADE_NONE ? -1 : (int)number;
}

static void
next_line(const char **at, struct upgrade_line *line, bool *more)
{
	const char *why;
	int rc = upgrade_text_next(at, line, &why);
	unsigned which = rc == 1 ? upgrade_text_descriptors(line) : 0;

	if (rc == -1)
		die(EX_SOFTWARE, "the program before has left what cannot be read: %s", why);
	*more = rc == 1;
	for (unsigned i = 0; i < UPGRADE_NUMBERS; i++)
		if ((which & 1U << i) != 0 && descriptor(line->number[i]) != -1)
			(void)fcntl(descriptor(line->number[i]), F_SETFD, FD_CLOEXEC);
}

/* --- virtual servers and sockets --- */

static struct listen_socket *
add_socket(struct listen_set *set, const struct upgrade_line *line, unsigned word)
{
	set->socket = mem_grow(set->socket, set->count, sizeof(*set->socket));
	set->socket[set->count] = (struct listen_socket){ .fd = descriptor(line->number[0]),
	    .text = mem_strdup(line->word[word]) };
	return &set->socket[set->count++];
}

static void
take_socket(struct heritage *h, const struct upgrade_line *line)
{
	bool guard = strcmp(line->word[0], "guard") == 0;
	struct listen_socket *l = add_socket(guard ? &h->guard : &h->sockets, line, 1);
	const char *why;

	l->paused = line->number[1] != 0;
	l->placeholder = line->number[2] != 0;
	(void)!net_address_parse(&l->address, l->text, 0, &why);	/* takeover_trial has tried it */
}

static enum state
state_of(const char *name)
{
	for (enum state state = STATE_STARTING; state < STATE_COUNT; state++)
		if (strcmp(state_name(state), name) == 0)
			return state;
	return STATE_STOPPED;
}

static struct heritage *
take_server(struct master *m, const struct upgrade_line *line, bool counters)
{
	struct heritage *h = mem_new(struct heritage);

	*h = (struct heritage){ .counters_fd = descriptor(line->number[0]),
	    .hint = { descriptor(line->number[1]), descriptor(line->number[2]) },
	    .run = line->number[3], .begin = line->number[4], .shut = line->number[5] != 0,
	    .state = state_of(line->word[0]) };
	snprintf(h->name, sizeof(h->name), "%.*s", CONFIG_NAME_MAX, line->word[1]);
	if (!counters) {
		close(h->counters_fd);
		h->counters_fd = -1;
		h->run = 0;
	}
	TAILQ_INSERT_TAIL(&m->heritages, h, link);
	return h;
}

static void
take_helper_socket(struct master *m, const struct upgrade_line *line)
{
	struct socket_post *p = strcmp(line->word[0], roster_roles[ROLE_WEB].name) == 0 ? &m->web :
	    &m->metrics;

	(void)add_socket(&p->sockets, line, 1);
}

/* --- first: before the configuration is at work --- */

void
takeover_open(struct master *m)
{
	struct takeover *t = mem_new(struct takeover);
	struct heritage *server = NULL;
	struct upgrade_line line;
	const char *at, *why;
	bool more, counters = false;

	*t = (struct takeover){ .text = BUF_INIT(UPGRADE_TEXT_MAX + 1), .control = -1, .caller = -1 };
	m->takeover = t;
	/* Answers to questions of the program before may still come: they fit none of ours. */
	m->requests = arc4random() / 2;
	if (upgrade_state_read(&t->text, m->options.take_over, &why) == -1)
		die(EX_SOFTWARE, "%s", why);
	close(m->options.take_over);
	at = buf_text(&t->text);
	for (next_line(&at, &line, &more); more; next_line(&at, &line, &more))
		switch (line.kind) {
		case UPGRADE_FROM:
			snprintf(t->from, sizeof(t->from), "%.31s", line.word[0]);
			t->version = (unsigned)line.number[0];
			break;
		case UPGRADE_COUNTERS:
			counters = line.number[0] == counters_layout();
			break;
		case UPGRADE_LOCK:
			daemon_keep_lock(&m->pidfile, m->snapshot->config->service.run,
			    descriptor(line.number[0]));
			break;
		case UPGRADE_CONTROL:
			t->control = descriptor(line.number[0]);
			break;
		case UPGRADE_CALLER:
			t->caller = descriptor(line.number[0]);
			t->request = (uint32_t)line.number[1];
			break;
		case UPGRADE_HELPER:
			take_helper_socket(m, &line);
			break;
		case UPGRADE_SERVER:
			server = take_server(m, &line, counters);
			break;
		case UPGRADE_SOCKET:
			if (server != NULL)
				take_socket(server, &line);
			break;
		default:	/* clients and children come later */
			break;
		}
}

int
takeover_control(const struct master *m)
{
	return m->takeover != NULL ? m->takeover->control : -1;
}

/* --- then: virtual servers, and the processes of before --- */

/* The version of the child whose line ends at `at`. */
static unsigned
version_of_child(const struct takeover *t, const char *at)
{
	struct upgrade_line next;
	const char *why;

	return upgrade_text_next(&at, &next, &why) == 1 && next.kind == UPGRADE_VERSION ?
	    (unsigned)next.number[0] : t->version;
}

static struct child *
take_child(struct master *m, const struct upgrade_line *line, unsigned version)
{
	static const char *const phases[] = { "born", "ready", "draining", "stopping" };
	struct child_origin o = { .pid = (pid_t)line->number[0], .slot = (unsigned)line->number[1],
	    .version = version, .fd = descriptor(line->number[2]), .paused = line->number[3] != 0,
	    .ends_ms = line->number[4] };
	struct server *s = server_list_find(m, line->word[2]);
	enum role role = 0;

	while (role < ROLE_COUNT && strcmp(roster_roles[role].name, line->word[0]) != 0)
		role++;
	while (o.phase < CHILD_STOPPING && strcmp(phases[o.phase], line->word[1]) != 0)
		o.phase++;
	/* takeover_trial knew it; without its channel it ends by itself */
	if (role == ROLE_COUNT || (s == NULL) != (strcmp(line->word[2], "-") == 0)) {
		if (o.fd != -1)
			close(o.fd);
		return NULL;
	}
	return child_adopt(m, s, role, &o);
}

static void
take_wish(const struct master *m, struct child *c, const struct upgrade_line *line)
{
	/* One of another version would not know the answer. */
	for (enum ctl_helper i = 0; c != NULL && child_is_ours(c) && i < CTL_HELPER_COUNT; i++)
		if (strcmp(roster_roles[m->helper[i].role].name, line->word[0]) == 0)
			helper_wish(c, i, (uint32_t)line->number[0]);
}

static void
take_children(struct master *m)
{
	const char *at = buf_text(&m->takeover->text);
	struct upgrade_line line;
	struct child *c = NULL;
	bool more;

	for (next_line(&at, &line, &more); more; next_line(&at, &line, &more))
		if (line.kind == UPGRADE_CLIENT)
			control_adopt(m->control, descriptor(line.number[0]));
		else if (line.kind == UPGRADE_CHILD)
			c = take_child(m, &line, version_of_child(m->takeover, at));
		else if (line.kind == UPGRADE_WISH)
			take_wish(m, c, &line);
}

static void
take_sockets(struct server *s, struct heritage *h)
{
	static const enum state states[STATE_COUNT] = { [STATE_STARTING] = STATE_STARTED,
		[STATE_CONTINUING] = STATE_STARTED, [STATE_STARTED] = STATE_STARTED,
		[STATE_PAUSING] = STATE_PAUSED, [STATE_PAUSED] = STATE_PAUSED,
		[STATE_STOPPING] = STATE_STOPPED, [STATE_STOPPED] = STATE_STOPPED };

	s->state = states[h->state];
	s->shut = h->shut;
	s->sockets = h->sockets;
	s->guard = h->guard;
	h->sockets = h->guard = (struct listen_set){ 0 };
	counters_set(s->counters, COUNTER_STATE, s->state);
}

/* As by a reload: new processes beside those that drain. */
static void
renew_server(struct master *m, struct server *s)
{
	struct buf why = BUF_INIT(1024);

	if (s->state == STATE_PAUSED || s->shut)
		listen_pause(m, &s->sockets);	/* who is covered by a wildcard turns clients away */
	if (server_renew(s, m->snapshot, &why) == -1) {
		log_event(LOG_FAULT, NULL, "config", "server=%s result=stopped reason=%s", s->name,
		    log_safe(buf_text(&why)));
		server_event(s, EVENT_STOP);
		server_reason(s, "%s", buf_text(&why));
	}
	buf_done(&why);
}

/*
 * The program before, a version that hands no configuration over, ran it, and its file has errors by now. Its
 * processes end as at a stop, with what they know; when the file is mended, a reload starts it.
 */
static void
stop_faulty(struct server *s)
{
	log_event(LOG_FAULT, NULL, "config", "server=%s result=stopped reason=%s", s->name,
	    log_safe(s->reason != NULL ? s->reason : "its file has errors"));
	server_event(s, EVENT_STOP);
}

static void
stop_helpers(struct master *m)
{
	struct child *c;

	TAILQ_FOREACH(c, &m->children, link)
		if (c->server == NULL && c->phase != CHILD_STOPPING)
			child_stop(c, c->role == ROLE_METRICS || c->role == ROLE_WEB ? 0 : master_grace(m));
}

void
takeover_servers(struct master *m)
{
	struct heritage *h;
	struct server *s;

	log_event(LOG_FACT, NULL, "service", "note=taken-over version=%s from=%s", POSTERN_VERSION,
	    log_safe(m->takeover->from));
	TAILQ_FOREACH(h, &m->heritages, link)
		if ((s = server_list_find(m, h->name)) != NULL)
			take_sockets(s, h);
	take_children(m);
	stop_helpers(m);
	TAILQ_FOREACH(s, &m->servers, link)
		if (s->state != STATE_STOPPED && s->conf == NULL)
			stop_faulty(s);
		else if (s->state != STATE_STOPPED)
			renew_server(m, s);
		else if (s->wanted && s->conf != NULL)
			server_event(s, EVENT_START);
	listen_others_update(m);
	while ((h = TAILQ_FIRST(&m->heritages)) != NULL) {
		TAILQ_REMOVE(&m->heritages, h, link);
		heritage_free(h);
	}
}

/* --- at last --- */

void
takeover_ready(struct master *m)
{
	struct takeover *t = m->takeover;
	char text[120];
	int32_t status = 0;
	int n;

	if (t == NULL)
		return;
	m->takeover = NULL;
	n = snprintf(text, sizeof(text), "postern %s has taken over from %s\n", POSTERN_VERSION, t->from);
	/* Who has left misses it. */
	if (t->caller != -1 && ctl_send_now(t->caller, CTL_TEXT, t->request, text, (size_t)n) == 0)
		(void)!ctl_send_now(t->caller, CTL_END, t->request, &status, sizeof(status));
	if (t->caller != -1)
		close(t->caller);
	buf_done(&t->text);
	free(t);
}
