/*
 * outconn_bytes - what comes and what goes on an outbound connection: from the socket into the dialogue, from
 * the dialogue and the queue file to the socket
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  never blocks. A connection that is dead for sending may hold a last reply: it is read first
 * Fails by: the client's verdicts
 */
#include <errno.h>
#include <string.h>

#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

static void
count_bytes(const struct outconn *p, enum counter which, ssize_t n)
{
	counters_add(p->site->o->counters, which, n);
}

bool
outconn_bytes_receive(struct outconn *p)
{
	char data[TLS_RECORD_SIZE];
	ssize_t n = outconn_io_recv(p, data, sizeof(data));

	if (n > 0) {
		if (p->state == OUTCONN_CONNECTING) {
			p->state = OUTCONN_OPENING;
			site_queue_step(p->site, OUTBOUND_CONNECTED, p->where);
		}
		count_bytes(p, COUNTER_BYTES_RECEIVED, n);
		client_input(&p->client, data, (size_t)n);
		return (size_t)n == sizeof(data);
	}
	if (n == 0)
		client_lost(&p->client, "closed by the peer");
	else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return false;
	else if (p->client.phase == CLIENT_GREETING && p->state == OUTCONN_CONNECTING)
		client_unreached(&p->client, p->where, strerror(errno));
	else
		outconn_io_fail(p, errno);
	return false;
}

/* False: the socket takes more later. One that is dead for sending may hold a last reply: that is read. */
static bool
take_send_error(struct outconn *p, int error)
{
	if (error == EAGAIN || error == EINTR)
		return error == EINTR;
	while (outconn_bytes_receive(p))
		;
	outconn_io_fail(p, error);
	return true;
}

bool
outconn_bytes_send(struct outconn *p)
{
	struct buf *out = &p->client.out;

	outconn_log_commands(p);
	while (out->len > 0 && p->client.phase != CLIENT_OVER) {
		ssize_t n = outconn_io_send(p, out->data, out->len);

		if (n > 0) {
			count_bytes(p, COUNTER_BYTES_SENT, n);
			client_sent(&p->client, (size_t)n);
			p->logged -= p->logged < (size_t)n ? p->logged : (size_t)n;
			p->timed = CLIENT_PHASE_COUNT;	/* progress: the limit starts anew */
		} else if (!take_send_error(p, errno))
			return false;
	}
	return true;
}

bool
outconn_bytes_send_content(struct outconn *p)
{
	return outconn_bytes_send(p) && (client_action(&p->client) != CLIENT_CONTENT ||
	    outconn_content_send(p) == 0 || take_send_error(p, errno));
}
