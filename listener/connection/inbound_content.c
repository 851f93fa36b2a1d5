/*
 * inbound_content - a message on its way from DATA into the queue: our Received field on top, then the
 * content
 *
 * Runs in:  listener
 * Owns:     the enqueue message until it is finished or discarded
 * Promise:  `stored` is called once for each inbound_content_finish(), after file and name are on disk
 * Fails by: errno from inbound_content_begin(), or given to `stored`
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
	return 0;
}

bool
inbound_content_add(struct inbound_content *c, const char *data, size_t len)
{
	enqueue_add(c->message, data, len);
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

	c->message = NULL;
	c->storing = true;
	enqueue_finish(m, on_stored, c);
}

void
inbound_content_discard(struct inbound_content *c)
{
	enqueue_discard(c->message);
	c->message = NULL;
}
