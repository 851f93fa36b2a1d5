/*
 * signals - what signals ask for, as events of the loop
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  a value queued with USR1 or USR2 names one virtual server by its id; without value all
 * Fails by: one event that says why an order was refused
 */
#include <signal.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/master.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static void
signals_stop(struct master *m, bool queued, int value)
{
	service_stop(m, m->stopping); /* the second time in a hurry */
}

static void
signals_reload(struct master *m, bool queued, int value)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);
	int status = 0;
	service_reload(m, &text, &status); /* which logs every line of it */
	buf_done(&text);
}

static void
signals_order(struct master *m, struct server *s, enum state_event event)
{
	const char *text = NULL;
	enum state_kind kind = server_order(s, event, &text);
	log_event(kind == STATE_REFUSE ? LOG_WARN : LOG_FACT, NULL, "operator", "server=%s by=signal command=%s result=%s%s%s",
	    s->name, state_order_name(event), kind == STATE_REFUSE ? "refused" : "ok", text != NULL ? " reason=" : "",
	    text != NULL ? log_safe(text) : "");
}

/* With a value that one; without: all that can. */
static void
signals_each(struct master *m, enum state_event event, bool queued, int value)
{
	struct server *s;
	if (queued) {
		s = value > 0 ? server_find_id(m, (uint32_t)value) : NULL;
		if (s != NULL)
			signals_order(m, s, event);
		else
			log_event(LOG_WARN, NULL, "operator", "by=signal command=%s result=refused reason=%s id=%d",
			    state_order_name(event), log_safe("no virtual server has that id"), value);
		return;
	}
	TAILQ_FOREACH(s, &m->servers, link)
		if (state_move(s->state, event)->kind == STATE_GO)
			signals_order(m, s, event);
}

static void
signals_pause(struct master *m, bool queued, int value)
{
	signals_each(m, EVENT_PAUSE, queued, value);
}

static void
signals_continue(struct master *m, bool queued, int value)
{
	signals_each(m, EVENT_CONTINUE, queued, value);
}

static void
signals_child(struct master *m, bool queued, int value)
{
	reap_all(m);
}

static const struct {
	int signo;
	void (*run)(struct master *m, bool queued, int value);
} signals_rows[] = {
	{ SIGTERM, signals_stop },
	{ SIGINT, signals_stop },
	{ SIGHUP, signals_reload },
	{ SIGUSR1, signals_pause },
	{ SIGUSR2, signals_continue },
	{ SIGCHLD, signals_child },
};

static void
signals_event(void *arg, int signo, bool queued, int value)
{
	struct master *m = arg;
	for (size_t i = 0; i < nitems_of(signals_rows); i++)
		if (signals_rows[i].signo == signo && (signo == SIGCHLD || !m->stopping || signals_rows[i].run == signals_stop))
			signals_rows[i].run(m, queued, value);
	service_look(m);
}

void
signals_take(struct master *m)
{
	int list[nitems_of(signals_rows) + 1];
	for (size_t i = 0; i < nitems_of(signals_rows); i++)
		list[i] = signals_rows[i].signo;
	list[nitems_of(signals_rows)] = 0;
	signal(SIGPIPE, SIG_IGN);
	loop_signals(m->loop, list, signals_event, m);
}
