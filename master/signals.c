/*
 * signals - what each signal does, as events of the loop
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  a value sent with USR1 or USR2 (sigqueue) is the id of one virtual server; without it, all
 * Fails by: one event that says why a command was refused
 */
#include <signal.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/master.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static void
on_stop(struct master *m, bool queued, int value)
{
	m->ops->stop(m, m->stopping); /* the second signal: without grace time */
}

static void
on_reload(struct master *m, bool queued, int value)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);
	int status = 0;

	m->ops->reload(m, NULL, NULL, &text, &status); /* it has logged every line of `text` */
	buf_done(&text);
}

static void
change_server(struct master *m, struct server *s, enum state_event event)
{
	const char *text = NULL;
	enum state_kind kind = server_request(s, event, &text);

	log_event(kind == STATE_REFUSE ? LOG_WARN : LOG_FACT, NULL, "operator",
	    "server=%s by=signal command=%s result=%s%s%s",
	    s->name, state_command_name(event), kind == STATE_REFUSE ? "refused" : "ok",
	    text != NULL ? " reason=" : "", text != NULL ? log_safe(text) : "");
}

/* With a value: the virtual server of that id. Without: all that can change so. */
static void
change_each(struct master *m, enum state_event event, bool queued, int value)
{
	struct server *s;

	if (queued) {
		s = value > 0 ? server_list_find_id(m, (uint32_t)value) : NULL;
		if (s != NULL)
			change_server(m, s, event);
		else
			log_event(LOG_WARN, NULL, "operator",
			    "by=signal command=%s result=refused reason=%s id=%d",
			    state_command_name(event), log_safe("no virtual server has that id"), value);
		return;
	}
	TAILQ_FOREACH(s, &m->servers, link)
		if (state_move(s->state, event)->kind == STATE_GO)
			change_server(m, s, event);
}

static void
on_pause(struct master *m, bool queued, int value)
{
	change_each(m, EVENT_PAUSE, queued, value);
}

static void
on_continue(struct master *m, bool queued, int value)
{
	change_each(m, EVENT_CONTINUE, queued, value);
}

static void
on_child(struct master *m, bool queued, int value)
{
	reap_all(m);
}

static const struct {
	int signo;
	void (*run)(struct master *m, bool queued, int value);
} signals_rows[] = {
	{ SIGTERM, on_stop },
	{ SIGINT, on_stop },
	{ SIGHUP, on_reload },
	{ SIGUSR1, on_pause },
	{ SIGUSR2, on_continue },
	{ SIGCHLD, on_child },
};

static void
on_event(void *arg, int signo, bool queued, int value)
{
	struct master *m = arg;

	for (size_t i = 0; i < nitems_of(signals_rows); i++)
		if (signals_rows[i].signo == signo &&
		    (signo == SIGCHLD || !m->stopping || signals_rows[i].run == on_stop))
			signals_rows[i].run(m, queued, value);
	m->ops->changed(m);
}

void
signals_take(struct master *m)
{
	int list[nitems_of(signals_rows) + 1];

	for (size_t i = 0; i < nitems_of(signals_rows); i++)
		list[i] = signals_rows[i].signo;
	list[nitems_of(signals_rows)] = 0;
	signal(SIGPIPE, SIG_IGN);
	loop_signals(m->loop, list, on_event, m);
}
