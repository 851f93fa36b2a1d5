/*
 * inbound_content - a message on its way from DATA into the queue: our Received field on top, then the
 * content
 *
 * Runs in:  listener
 * Owns:     the enqueue message until it is finished or discarded
 * Promise:  content that does not begin with a field is divided from ours by an empty line; `stored` is
 *           called once for each inbound_content_finish(), after file and name are on disk
 * Fails by: errno from inbound_content_begin(), or given to `stored`
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/mail/header.h"
#include "common/spool/enqueue.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

/*
 * RFC 5321 4.4: the comment is the client's name and address, an IPv6 address with its tag (4.1.3). "RDNS
 * failed" is what IIS writes when there is no name, or the name does not lead back to the address.
 */
static void
add_received(struct inbound_content *c, const struct message_envelope *e, const char *name, const char *link)
{
	const struct config_server *server = c->listener->server;
	char date[CLOCK_DATE_SIZE], line[2048];
	int n;

	clock_format_mail(date, clock_wall_us());
	n = snprintf(line, sizeof(line),
	    "Received: from %s (%s%s[%s%s]%s)\r\n%s%s%s\tby %s with %s id %s;\r\n\t%s\r\n",
	    e->helo, name != NULL ? name : "", name != NULL ? " " : "",
	    strchr(e->client, ':') != NULL ? "IPv6:" : "", e->client,
	    server->reverse_dns && name == NULL ? " RDNS failed" : "",
	    link[0] != '\0' ? "\t(" : "", link, link[0] != '\0' ? ")\r\n" : "",
	    server->fqdn, e->protocol, enqueue_id(c->message), date);
	if (n < 0 || (size_t)n >= sizeof(line))
		bug("a Received field of %d bytes", n);
	enqueue_add(c->message, line, (size_t)n);
}

int
inbound_content_begin(struct inbound_content *c, const struct message_envelope *e, const char *names,
    const char *link)
{
	c->message = enqueue_begin(c->listener->enqueue, e);
	if (c->message == NULL)
		return errno;
	add_received(c, e, c->listener->server->reverse_dns ? names : NULL, link);
	c->opening = BUF_INIT(HEADER_OPENING_MAX + 1);
	c->opened = c->mbox = false;
	return 0;
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
	if (what != HEADER_FIELD && len > 0)
		enqueue_add(c->message, "\r\n", 2);
	c->opened = true;
	enqueue_add(c->message, data, len);
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
		enqueue_add(c->message, data, len);
}

bool
inbound_content_add(struct inbound_content *c, const char *data, size_t len)
{
	if (c->opened)
		enqueue_add(c->message, data, len);
	else
		add_opening(c, data, len);
	if (!enqueue_is_full(c->message))
		return true;
	enqueue_on_room(c->message, c->room, c->arg);
	return false;
}

static void
on_stored(void *arg, int error, const char *id)
{
	struct inbound_content *c = arg;

	c->storing = false;
	c->stored(c->arg, error, id);
}

void
inbound_content_finish(struct inbound_content *c)
{
	struct enqueue_message *m = c->message;

	if (!c->opened)
		open_content(c, buf_text(&c->opening), c->opening.len, true);
	buf_done(&c->opening);
	c->message = NULL;
	c->storing = true;
	enqueue_finish(m, on_stored, c);
}

void
inbound_content_discard(struct inbound_content *c)
{
	enqueue_discard(c->message);
	buf_done(&c->opening);
	c->message = NULL;
}
