/*
 * evacuate_link - the connection to the node that takes the messages: opened by outbound, then a dialogue of
 * its own
 *
 * Runs in:  deliver, on the loop
 * Owns:     socket and TLS, once outbound has handed them over
 * Promise:  only a host that proves its name gets anything. Answers are for messages that have left as a
 *           whole; what is no such answer ends the connection
 * Fails by: an error of each message on it
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/config/config_certificate.h"
#include "common/process/loop.h"
#include "deliver/evacuate/evacuate_private.h"

void
evacuate_link_close(struct evacuate_sender *s)
{
	loop_timer_stop(s->patience);
	loop_io_free(s->io);
	s->io = NULL;
	if (s->tls != NULL) {
		tls_link_close(s->tls);
		tls_link_free(s->tls);
	}
	s->tls = NULL;
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	buf_done(&s->in);
	buf_done(&s->out);
	buf_init(&s->in, EVACUATE_PIECE);
	buf_init(&s->out, EVACUATE_NOTE_MAX + 2 * EVACUATE_PIECE);
	s->state = LINK_NONE;
}

void
evacuate_link_break(struct evacuate_sender *s, int error)
{
	struct leaving *l;

	evacuate_link_close(s);
	s->state = LINK_BROKEN;
	s->now = NULL;
	TAILQ_FOREACH(l, &s->all, link)
		if (l->step == LEAVING_READY || l->step == LEAVING_SENDING || l->step == LEAVING_SENT) {
			l->file.error = error;
			s->submit(l, LEAVING_LEAVE);
		}
}

/* It cannot be opened. `why` has no control bytes. */
static void
refuse_link(struct evacuate_sender *s, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%.500s", why);
	evacuate_link_break(s, ECONNREFUSED);
}

/* --- the beginning of the connection --- */

static void
send_text(struct evacuate_sender *s, const char *text)
{
	buf_puts(&s->out, text);
	evacuate_link_pump(s);
}

static void take_io(void *arg, unsigned what);

static void
on_handed(void *arg, int fd, struct ssl_st *tls, const char *where)
{
	struct evacuate_sender *s = arg;

	s->fd = fd;
	s->tls = tls;
	if (s->state != LINK_OPENS) {
		evacuate_link_close(s);
		return;
	}
	s->state = LINK_ASKED;
	s->io = loop_io_new(s->boot->loop, fd, LOOP_READ, take_io, s);
	loop_timer_set(s->patience, EVACUATE_PATIENCE_MS);
	log_event(LOG_FACT, NULL, "evacuate", "host=%s state=connected", log_safe(where));
	if (tls == NULL)
		refuse_link(s, "the host offers no TLS");
	else
		send_text(s, "XEVACUATE\r\n");
}

static void
on_job_done(void *arg, struct outbound_job *job)
{
	struct evacuate_sender *s = arg;

	s->opening = false;
	route_destination_done(&s->to);
	if (s->state == LINK_OPENS)
		refuse_link(s, s->verdict.text);
}

/* In what place the certificate is set that is shown to that host; NULL: there is none. */
static const char *
find_certificate(const struct config_server *server, const struct destination_host *host)
{
	const struct config_domain *d = host->literal ? NULL : config_domain_find(server, host->name);
	struct config_certificate files;

	if (config_certificate_at(&files, server, CONFIG_CERTIFICATE_EVACUATE))
		return CONFIG_CERTIFICATE_EVACUATE;
	if (d != NULL && config_certificate_at(&files, server, d->name))
		return d->name;
	return config_certificate_at(&files, server, "") ? "" : NULL;
}

/* A host that proves its name, and gets to see our certificate. NULL, or why not. */
static const char *
make_destination(struct evacuate_sender *s)
{
	const struct config_server *server = s->boot->server;
	struct destination_host host;
	const char *certificate;

	if (s->outbound == NULL || s->outbound->tls == NULL)
		return "outbound-tls is off, and the other node has to prove its name";
	if (route_host_parse(&host, s->host, server->port) == -1)
		return "the host is none: NAME, NAME:PORT or [ADDRESS]:PORT";
	if ((certificate = find_certificate(server, &host)) == NULL) {
		free(host.name);
		return "evacuate-certificate and evacuate-key are not set in [delivery]: the other node "
		    "knows this one by that certificate";
	}
	s->to = (struct destination){ .key = mem_printf("evacuate:%u;%s", ++s->serial, s->host),
	    .domain = mem_strdup(s->host), .named = true, .port = server->port, .nhost = 1 };
	s->to.host = mem_new(struct destination_host);
	s->to.host[0] = host;
	s->to.security.tls = CONFIG_OUT_TLS_VERIFY;
	s->to.security.strict = true;
	s->to.security.certificate = s->shown = certificate;
	return NULL;
}

void
evacuate_link_open(struct evacuate_sender *s)
{
	static size_t first;
	const char *why = s->opening ? "the connection before is being closed; ask again" :
	    make_destination(s);

	if (why != NULL) {
		refuse_link(s, why);
		return;
	}
	s->state = LINK_OPENS;
	s->opening = true;
	s->job = (struct outbound_job){ .e = NULL, .fd = -1, .sender = "", .index = &first, .count = 1,
	    .verdict = &s->verdict, .done = on_job_done, .handed = on_handed, .arg = s };
	outbound_submit(s->outbound, &s->to, &s->job);
}

/* --- what the host says --- */

static struct leaving *
find_sent(struct evacuate_sender *s, const char *id)
{
	struct leaving *l;

	TAILQ_FOREACH(l, &s->all, link)
		if (l->step == LEAVING_SENT && strcmp(l->file.id, id) == 0)
			return l;
	return NULL;
}

static void
keep_said(struct evacuate_sender *s, const char *line, size_t len)
{
	snprintf(s->said, sizeof(s->said), "%.*s", (int)(len < 300 ? len : 300), line);
	for (char *p = s->said; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void
take_first(struct evacuate_sender *s, const char *line, size_t len)
{
	char why[EVACUATE_LINE_MAX];

	if (len >= 4 && memcmp(line, "250 ", 4) == 0) {
		s->state = LINK_OPEN;
		return;
	}
	keep_said(s, line, len);
	if (line[0] == '4')
		snprintf(why, sizeof(why), "it takes nothing just now: %.300s", s->said);
	else
		snprintf(why, sizeof(why), "it takes no messages of this node (%.300s): its evacuate-from "
		    "is to have the fingerprint of %s", s->said, config_certificate_key(s->shown, false));
	refuse_link(s, why);
}

/* False: the connection is over. */
static bool
take_line(struct evacuate_sender *s, const char *line, size_t len)
{
	struct evacuate_answer a;
	struct leaving *l = NULL;

	if (s->state == LINK_ASKED) {
		take_first(s, line, len);
		return s->state == LINK_OPEN;
	}
	if (evacuate_words_parse_answer(&a, line, len))
		l = find_sent(s, a.id);
	if (l == NULL) {
		keep_said(s, line, len);
		evacuate_link_break(s, EPROTO);
		return false;
	}
	l->file.error = a.error;
	l->file.known = a.known;
	if (a.error != 0)
		memcpy(s->said, a.said, sizeof(s->said));
	s->submit(l, LEAVING_LEAVE);
	return true;
}

/* False: the connection is over. */
static bool
take_lines(struct evacuate_sender *s)
{
	const char *end;

	while ((end = memchr(s->in.data, '\n', s->in.len)) != NULL) {
		size_t len = (size_t)(end - s->in.data);
		size_t text = len > 0 && end[-1] == '\r' ? len - 1 : len;

		if (!take_line(s, s->in.data, text))
			return false;
		loop_timer_set(s->patience, EVACUATE_PATIENCE_MS);	/* not by a byte now and then */
		buf_drop(&s->in, len + 1);
	}
	return true;
}

static bool
receive(struct evacuate_sender *s)
{
	char data[TLS_RECORD_SIZE];
	enum tls_want want = TLS_DONE;
	size_t n;

	while ((n = tls_link_read(s->tls, data, sizeof(data), &want)) > 0) {
		buf_add(&s->in, data, n);
		if (!buf_ok(&s->in))
			want = TLS_BROKEN;
		if (!buf_ok(&s->in) || !take_lines(s))
			break;
	}
	if (s->state != LINK_ASKED && s->state != LINK_OPEN)
		return false;
	if (want != TLS_ENDED && want != TLS_BROKEN)
		return true;
	evacuate_link_break(s, EPIPE);
	return false;
}

/* --- what goes --- */

/* False: the socket takes no more now, or (state) the connection is over. */
static bool
send_out(struct evacuate_sender *s)
{
	enum tls_want want;

	while (s->out.len > 0) {
		size_t n = tls_link_write(s->tls, s->out.data, s->out.len, &want);

		if (n == 0 && want != TLS_WANT_READ && want != TLS_WANT_WRITE)
			evacuate_link_break(s, EPIPE);
		if (n == 0)
			return false;
		loop_timer_set(s->patience, EVACUATE_PATIENCE_MS);
		buf_drop(&s->out, n);
	}
	return true;
}

static void
begin_put(struct evacuate_sender *s, struct leaving *l)
{
	struct evacuate_put put = { .due = l->file.due > 0 ? l->file.due : 1, .held = l->file.held,
	    .note = l->note.len, .size = (uint64_t)l->file.most };

	memcpy(put.id, l->file.id, sizeof(put.id));
	evacuate_words_format_put(&put, &s->out);
	buf_add(&s->out, l->note.data, l->note.len);
	buf_done(&l->note);
	s->now = l;
	l->step = LEAVING_SENDING;
}

static struct leaving *
find_ready(struct evacuate_sender *s)
{
	struct leaving *l;

	TAILQ_FOREACH(l, &s->all, link)
		if (l->step == LEAVING_READY)
			return l;
	return NULL;
}

/* All that was to be sent has left. False: nothing more can be sent now. */
static bool
take_next(struct evacuate_sender *s)
{
	struct leaving *l = s->now;

	if (l == NULL) {
		if ((l = find_ready(s)) == NULL)
			return false;
		begin_put(s, l);
	}
	if (l->step == LEAVING_READ)
		return false;
	if (l->piece.len > 0) {
		buf_add(&s->out, l->piece.data, l->piece.len);
		buf_clear(&l->piece);
	} else if (l->at < l->file.most) {
		s->submit(l, LEAVING_READ);
		return false;
	} else {
		disk_crash_point("evacuate-sent");
		buf_done(&l->piece);
		l->step = LEAVING_SENT;
		s->now = NULL;
	}
	return true;
}

void
evacuate_link_pump(struct evacuate_sender *s)
{
	bool more = send_out(s);

	while (more && s->state == LINK_OPEN)
		more = take_next(s) && send_out(s);
	if (s->io != NULL)
		loop_io_want(s->io, s->out.len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void
take_io(void *arg, unsigned what)
{
	if (receive(arg))
		evacuate_link_pump(arg);
}

void
evacuate_link_quit(struct evacuate_sender *s)
{
	if (s->state == LINK_OPEN) {
		buf_puts(&s->out, "QUIT\r\n");
		(void)!send_out(s);
	}
	evacuate_link_close(s);
}
