/*
 * event_log - where the events of all processes go: opened at the start, opened again at a reload
 *
 * Runs in:  master
 * Owns:     the file of [service] events
 * Promise:  the supervisor alone opens the file; children get it as their standard outputs and are told in
 *           which form lines go there; of the next one they are told by message. Events that nothing takes
 *           are not lost without a word
 * Fails by: die() before the loop runs; afterwards the file before is used further
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/log_file.h"
#include "common/base/mem.h"
#include "master/master.h"
#include "master/processes/processes.h"

static enum log_sink
sink_of(const struct master *m)
{
	return config_service_log_sink(&m->snapshot->config->service, m->options.foreground);
}

void
event_log_prepare(struct master *m)
{
	if (m->options.foreground && sink_of(m) == LOG_TO_JSON)
		log_move(LOG_TO_JSON, -1);
}

void
event_log_open(struct master *m)
{
	char why[400];

	if (sink_of(m) != LOG_TO_FILE)
		return;
	m->event_file = log_file_open(m->snapshot->config->service.events, m->uid, m->gid, why, sizeof(why));
	if (m->event_file == -1)
		die(EX_CANTCREAT, "[service] events: %s", why);
	if (m->options.foreground)
		log_event(LOG_FACT, NULL, "service", "note=events-go-to file=%s",
		    log_safe(m->snapshot->config->service.events));
}

int
event_log_try(const struct master *m, const struct config_service *s, char *why, size_t size)
{
	int fd;

	if (config_service_log_sink(s, m->options.foreground) != LOG_TO_FILE)
		return 0;
	fd = log_file_open(s->events, m->uid, m->gid, why, size);
	if (fd == -1)
		return m->event_file == -1 ? -1 : 0;	/* the file before is used further */
	close(fd);
	return 0;
}

void
event_log_begin(struct master *m)
{
	enum log_sink sink = sink_of(m);
	const char *why = NULL;

	log_move(sink, m->event_file);
	if (sink == LOG_TO_SYSLOG && !log_syslog_listens())
		why = "no syslog daemon listens at /dev/log";
	else if (sink != LOG_TO_FILE && sink != LOG_TO_SYSLOG && !m->options.foreground)
		why = "a service in the background has no standard output";
	if (why != NULL)
		buf_printf(&m->refusals,
		    "postern: events are lost: %s; [service] events = FILE keeps them\n", why);
}

int
event_log_output(const struct master *m, int null)
{
	if (m->event_file != -1)
		return m->event_file;
	if (!m->options.foreground)
		return null;
	return sink_of(m) == LOG_TO_JSON ? STDOUT_FILENO : STDERR_FILENO;
}

enum log_sink
event_log_sink(const struct master *m)
{
	return sink_of(m);
}

static void
tell_children(struct master *m)
{
	uint32_t sink = sink_of(m);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct child *c;

	if (null == -1) {
		log_event(LOG_WARN, NULL, "trouble", "doing=events reason=%s", log_safe(strerror(errno)));
		return;
	}
	TAILQ_FOREACH(c, &m->children, link)
		child_send(c, CTL_EVENTS, 0, &sink, sizeof(sink), event_log_output(m, null));
	close(null);
}

void
event_log_renew(struct master *m, struct buf *text, int *status)
{
	char why[400];
	int old = m->event_file, new = -1;

	if (sink_of(m) == LOG_TO_FILE) {
		new = log_file_open(m->snapshot->config->service.events, m->uid, m->gid, why, sizeof(why));
		if (new == -1) {
			log_event(LOG_FAULT, NULL, "config", "result=%s reason=%s", log_safe("not changed"),
			    log_safe(why));
			buf_printf(text, "-: events are still written where they were: %s\n", why);
			*status = *status != 0 ? *status : EX_CANTCREAT;
			return;
		}
	}
	m->event_file = new;
	log_move(sink_of(m), new);
	tell_children(m);
	if (old != -1)
		close(old);
}
