/*
 * inbound_content - a message on its way from DATA into the queue: our Received field on top, then the
 * content
 *
 * Runs in:  listener
 * Owns:     the queue_message until it is finished or discarded
 * Promise:  content that does not begin with a field is divided from ours by an empty line; a header that is
 *           mended has Date and Message-ID; `stored` is called once for each inbound_content_finish(), after
 *           file and name are on disk
 * Fails by: errno from inbound_content_begin(), or given to `stored`
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/mail/header.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"
#include "listener/smtp/smtp.h"

/*
 * RFC 5321 4.4: the comment is the client's name and address, an IPv6 address with its tag (4.1.3). "RDNS
 * failed" is what IIS writes when there is no name, or the name does not lead back to the address. Where the
 * client's own name cannot stand its address does.
 */
static void
add_received(struct inbound_content *c, const struct message_envelope *e, const char *name, const char *link)
{
	const struct config_server *server = c->listener->server;
	char line[2048], literal[INET6_ADDRSTRLEN + 8];
	int n;

	clock_format_mail(c->date, clock_wall_us());
	snprintf(literal, sizeof(literal), "[%s%s]", strchr(e->client, ':') != NULL ? "IPv6:" : "",
	    e->client);
	n = snprintf(line, sizeof(line),
	    "Received: from %s (%s%s%s%s)\r\n%s%s%s\tby %s with %s id %s;\r\n\t%s\r\n",
	    ehlo_name_is_good(e->helo) ? e->helo : literal, name != NULL ? name : "",
	    name != NULL ? " " : "", literal,
	    server->reverse_dns && name == NULL ? " RDNS failed" : "",
	    link[0] != '\0' ? "\t(" : "", link, link[0] != '\0' ? ")\r\n" : "",
	    server->fqdn, e->protocol, c->id, c->date);
	if (n < 0 || (size_t)n >= sizeof(line))
		bug("a Received field of %d bytes", n);
	if (c->scratch != NULL)
		c->trace = mem_strdup(line);	/* filters do not see it: it comes on top of what they made */
	else
		queue_message_add(c->message, line, (size_t)n);
}

int
inbound_content_begin(struct inbound_content *c, struct message_envelope *e, const char *names,
    const char *link, bool mend)
{
	if (c->listener->scratch_writer != NULL) {
		c->scratch = scratch_new(c->listener->scratch_writer);
		c->envelope = e;
		memcpy(c->id, e->id, sizeof(c->id));
	} else {
		c->message = queue_message_begin(c->listener->queue_writer, e);
		if (c->message == NULL)
			return errno;
		memcpy(c->id, queue_message_id(c->message), sizeof(c->id));
	}
	add_received(c, e, c->listener->server->reverse_dns ? names : NULL, link);
	c->opening = BUF_INIT(HEADER_OPENING_MAX + 1);
	c->opened = c->mbox = false;
	if (c->scan == NULL)
		c->scan = mem_new(struct message_id_scan);
	*c->scan = (struct message_id_scan){ 0 };
	c->mending = mend;
	c->mend = (struct header_mend){ .found = mend ? 0 : HEADER_MEND_DATE | HEADER_MEND_ID };
	return 0;
}

static void
write_content(void *arg, const char *run, size_t len)
{
	struct inbound_content *c = arg;

	if (c->message != NULL)
		queue_message_add(c->message, run, len);
	else
		scratch_add(c->scratch, run, len);
}

/* The header is over: what it lacks comes last. */
static void
end_header(struct inbound_content *c)
{
	char missing[HEADER_MEND_SIZE];

	c->mending = false;
	write_content(c, missing, header_mend_missing(missing, c->mend.found, c->date, c->id,
	    c->listener->server->fqdn));
	if (c->mend.found & HEADER_MEND_END)
		write_content(c, "\r\n", 2);
	write_content(c, c->mend.name, c->mend.len);
}

static void
add_content(struct inbound_content *c, const char *data, size_t len)
{
	if (c->mending) {
		size_t used = header_mend_take(&c->mend, data, len, write_content, c);

		data += used;
		len -= used;
		if (c->mend.over)
			end_header(c);
	}
	if (len > 0)
		write_content(c, data, len);
}

/*
 * Content without a header, or with a folded line first, would go on where our Received field ends: whoever
 * sends it could write the end of that field. `data` holds all so far; the bytes used, which are what was
 * written or left out. The rest is undecided.
 */
static size_t
open_content(struct inbound_content *c, const char *data, size_t len, bool whole)
{
	size_t skip;
	enum header_opening what = header_opening(data, len, whole, &skip);

	if (what == HEADER_UNDECIDED)
		return 0;
	if (what == HEADER_MBOX && !c->mbox) {
		c->mbox = true;		/* a second one is text */
		return skip + open_content(c, data + skip, len - skip, whole);
	}
	c->opened = true;
	if (what != HEADER_FIELD && len > 0)
		add_content(c, "\r\n", 2);
	add_content(c, data, len);
	return len;
}

/* The first bytes mostly are enough to decide; only what comes in smaller portions is gathered. */
static void
add_opening(struct inbound_content *c, const char *data, size_t len)
{
	size_t used = c->opening.len == 0 ? open_content(c, data, len, false) : 0;

	data += used;
	len -= used;
	while (len > 0 && !c->opened) {
		size_t room = HEADER_OPENING_MAX - c->opening.len, n = len < room ? len : room;

		buf_add(&c->opening, data, n);
		data += n;
		len -= n;
		buf_drop(&c->opening, open_content(c, c->opening.data, c->opening.len, false));
	}
	if (len > 0)
		add_content(c, data, len);
}

void
inbound_content_sink(void *arg, const char *run, size_t len)
{
	struct inbound_content *c = arg;

	if (c->opened)
		add_content(c, run, len);
	else
		add_opening(c, run, len);
}

bool
inbound_content_add(struct inbound_content *c, const char *data, size_t len)
{
	if (!c->scan->over)
		message_id_scan_add(c->scan, data, len);
	inbound_content_sink(c, data, len);
	if (c->scratch != NULL && scratch_is_full(c->scratch))
		scratch_on_room(c->scratch, c->room, c->arg);
	else if (c->scratch == NULL && queue_message_is_full(c->message))
		queue_message_on_room(c->message, c->room, c->arg);
	else
		return true;
	return false;
}

void
inbound_content_open_again(struct inbound_content *c)
{
	c->opening = BUF_INIT(HEADER_OPENING_MAX + 1);
	c->opened = c->mbox = false;
}

static void
on_stored(void *arg, int error, const char *id)
{
	struct inbound_content *c = arg;

	c->storing = false;
	c->stored(c->arg, error, id);
}

static void
on_hop_refused(void *arg, const char *words)
{
	struct inbound_content *c = arg;

	c->storing = false;
	c->hop_refused(c->arg, words);
}

void
inbound_content_end(struct inbound_content *c)
{
	struct queue_message *m = c->message;

	if (!c->opened)
		open_content(c, buf_text(&c->opening), c->opening.len, true);
	buf_done(&c->opening);
	c->message = NULL;
	queue_message_finish(m, on_stored, on_hop_refused, c);
}

/* The whole content is in its file. */
static void
on_written(void *arg, int error)
{
	struct inbound_content *c = arg;

	if (error == 0) {
		c->ask(c->arg, scratch_fd(c->scratch), scratch_size(c->scratch));
		return;
	}
	c->storing = false;
	inbound_content_discard(c);
	c->stored(c->arg, error, c->id);
}

/* For the filters: all that is held back of the content. */
static void
finish_scratch(struct inbound_content *c)
{
	if (!c->opened)
		open_content(c, buf_text(&c->opening), c->opening.len, true);
	buf_done(&c->opening);
	if (c->mending) {
		header_mend_end(&c->mend, write_content, c);
		end_header(c);
	}
	scratch_finish(c->scratch, on_written, c);
}

void
inbound_content_finish(struct inbound_content *c)
{
	c->storing = true;
	if (c->scratch != NULL) {
		finish_scratch(c);
		return;
	}
	if (!c->opened)
		open_content(c, buf_text(&c->opening), c->opening.len, true);
	c->opened = true;
	if (c->mending) {
		header_mend_end(&c->mend, write_content, c);
		end_header(c);
	}
	inbound_content_end(c);
}

void
inbound_content_discard(struct inbound_content *c)
{
	queue_message_discard(c->message);
	scratch_free(c->scratch);
	buf_done(&c->opening);
	buf_done(&c->changes);
	free(c->trace);
	c->message = NULL;
	c->scratch = NULL;
	c->trace = NULL;
}

void
inbound_content_done(struct inbound_content *c)
{
	free(c->scan);
	free(c->held);
	c->scan = NULL;
	c->held = NULL;
}

void
inbound_content_message_id(char dst[INBOUND_CONTENT_ID_SIZE], const struct inbound_content *c, const char *id)
{
	if (c->scan != NULL && c->scan->id[0] != '\0')
		snprintf(dst, INBOUND_CONTENT_ID_SIZE, "%.*s", INBOUND_CONTENT_ID_SIZE - 1, c->scan->id);
	else if ((c->mend.found & HEADER_MEND_ID) == 0)	/* added by us */
		snprintf(dst, INBOUND_CONTENT_ID_SIZE, "<%s@%s>", id, c->listener->server->fqdn);
	else
		dst[0] = '\0';
}
