/*
 * outconn_deadline - how long one transaction may take, however short its single waits are
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a host that takes commands or content bit by bit does not hold a message without end, nor beyond
 *           the time at which it is returned. A host that takes all its time for one answer each, or is as
 *           slow as minimum-rate allows, is not cut off; nor is the wait for the answer to the content, after
 *           which it could come twice
 * Fails by: cannot
 */
#include <sys/param.h>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "deliver/outbound/outbound.h"

#define RECIPIENT_MS 5000	/* for each answer to RCPT, on average */

static uint64_t
bounded(const struct config_server *server, uint64_t ms)
{
	return MIN(ms, server->outbound_timeout);
}

/* For one answer each, and for the content to begin. */
static uint64_t
commands_ms(const struct config_server *server)
{
	uint64_t ms = 0;

	for (enum client_phase phase = CLIENT_RSET; phase <= CLIENT_SENDING; phase++)
		ms += bounded(server, client_phase_limit(phase));
	return ms;
}

uint64_t
outconn_deadline_span(const struct config_server *server, size_t recipients, uint64_t size)
{
	return commands_ms(server) + recipients * bounded(server, RECIPIENT_MS) +
	    size * 1000 / server->minimum_rate;
}

void
outconn_deadline_begin(struct outconn *p, const struct client_mail *mail)
{
	const struct config_server *server = p->site->o->server;
	int64_t now_us = clock_wall_us(), until_us = p->job->until_us;
	uint64_t span, left;

	p->deadline = 0;
	if (server->minimum_rate == CONFIG_UNLIMITED)
		return;
	span = outconn_deadline_span(server, mail->count, (uint64_t)client_content_size(mail));
	left = until_us > now_us ? (uint64_t)(until_us - now_us) / 1000 : 0;
	if (until_us != 0)
		span = MIN(span, MAX(left, commands_ms(server)));
	p->deadline = p->job_at + span;
}

/* Some of what the host has to have before it can know the message has not left. */
static bool
counts(const struct outconn *p)
{
	const struct client *c = &p->client;

	if (p->job == NULL || p->deadline == 0)
		return false;
	return (c->phase >= CLIENT_RSET && c->phase <= CLIENT_SENDING) ||
	    (c->phase == CLIENT_DOT && c->out.len > 0);
}

uint64_t
outconn_deadline_cut(const struct outconn *p, uint64_t ms)
{
	uint64_t now = clock_mono_ms();

	if (!counts(p))
		return ms;
	return p->deadline > now ? MIN(ms, p->deadline - now) : 0;
}

bool
outconn_deadline_is_over(const struct outconn *p)
{
	return counts(p) && clock_mono_ms() >= p->deadline;
}
