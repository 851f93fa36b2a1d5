/*
 * inbound_content - a message on its way from DATA into the queue: our Received field on top, then the
 * content
 *
 * Runs in:  listener
 * Owns:     the enqueue message until it is finished or discarded
 * Promise:  inbound_stored() is told once for each inbound_content_finish(), after file and name are on disk
 * Fails by: errno from inbound_content_begin, and through inbound_stored()
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/spool/enqueue.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

/*
 * RFC 5321 4.4: the comment is the client's name and address, an IPv6 address with its tag (4.1.3). "RDNS
 * failed" is the original's word for a name that is not there or does not lead back.
 */
static void
add_received(struct inbound_content *r, const struct message_envelope *e, const char *link)
{
	bool named = r->listener->server->reverse_dns;
	const char *name = named ? inbound_client_name(r->inbound) : NULL;
	char date[CLOCK_DATE_SIZE], line[2048];
	int n;

	clock_format_mail(date, clock_wall_us());
	n = snprintf(line, sizeof(line),
	    "Received: from %s (%s%s[%s%s]%s)\r\n%s%s%s\tby %s with %s id %s;\r\n\t%s\r\n", e->helo,
	    name != NULL ? name : "", name != NULL ? " " : "", strchr(e->client, ':') != NULL ? "IPv6:" : "",
	    e->client, named && name == NULL ? " RDNS failed" : "", link[0] != '\0' ? "\t(" : "", link,
	    link[0] != '\0' ? ")\r\n" : "", r->listener->server->fqdn, e->protocol,
	    enqueue_id(r->message), date);
	if (n < 0 || (size_t)n >= sizeof(line))
		bug("a Received field of %d bytes", n);
	enqueue_add(r->message, line, (size_t)n);
}

int
inbound_content_begin(struct inbound_content *r, const struct message_envelope *e, const char *link)
{
	r->message = enqueue_begin(r->listener->enqueue, e);
	if (r->message == NULL)
		return errno;
	add_received(r, e, link);
	return 0;
}

static void
on_room(void *arg)
{
	struct inbound_content *r = arg;

	inbound_room(r->inbound);
}

bool
inbound_content_add(struct inbound_content *r, const char *data, size_t len)
{
	enqueue_add(r->message, data, len);
	if (!enqueue_is_full(r->message))
		return true;
	enqueue_on_room(r->message, on_room, r);
	return false;
}

static void
on_done(void *arg, int error, const char *id)
{
	struct inbound_content *r = arg;

	r->storing = false;
	inbound_stored(r->inbound, error, id);
}

void
inbound_content_finish(struct inbound_content *r)
{
	struct enqueue_message *m = r->message;

	r->message = NULL;
	r->storing = true;
	enqueue_finish(m, on_done, r);
}

void
inbound_content_discard(struct inbound_content *r)
{
	enqueue_discard(r->message);
	r->message = NULL;
}
