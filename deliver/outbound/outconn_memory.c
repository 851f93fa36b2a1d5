/*
 * outconn_memory - what was known of a connection's host when it began, and what it has taught about the host
 *
 * Runs in:  deliver
 * Owns:     the connection's key
 * Promise:  a connection is in clear only where TLS may be left out, TLS has failed by itself twice, and no
 *           account is used; a refusal of it is not final. One event when clear text begins, one when it ends
 * Fails by: cannot
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/outbound/outbound.h"

void
outconn_memory_begin(struct outconn *p, const struct mx_address *a, struct client_settings *set)
{
	const struct outbound *o = p->site->o;

	p->try = (struct host_tls_try){ .begun = host_memory_events(o->memory),
	    .strict = !tls_policy_allows_clear(&p->site->d, a) };
	p->memory_key = mem_printf("%s %s", p->where, p->try.strict ? "strict" : "may");
	if (o->tls != NULL)
		set->tls = tls_policy_tls(&p->site->d, a);
	if (set->tls == CLIENT_TLS_MAY && !p->try.strict &&
	    host_memory_is_plain(o->memory, p->memory_key, clock_mono_ms())) {
		set->tls = CLIENT_TLS_OFF;
		set->tls_given_up = true;
	}
}

/* `why`: what the host said, or how the connection failed; NULL: TLS works. */
static enum host_tls_turn
note_tls(const struct outconn *p, enum host_tls_event event, const struct verdict *why)
{
	enum host_tls_turn turn;

	turn = host_memory_note_tls(p->site->o->memory, p->memory_key, event, &p->try, clock_mono_ms());
	if (turn == HOST_TLS_TO_CLEAR)
		log_event(LOG_WARN, NULL, "handshake", "result=plain host=%s reason=%s", log_safe(p->where),
		    log_safe(why->text));
	else if (turn == HOST_TLS_TO_TLS)
		log_event(LOG_FACT, NULL, "handshake", "result=tls host=%s reason=%s", log_safe(p->where),
		    why != NULL ? log_safe(why->text) : "it works again");
	return turn;
}

void
outconn_memory_opened(const struct outconn *p)
{
	if (p->memory_key != NULL && p->client.security == CLIENT_SECURED)
		note_tls(p, HOST_TLS_WORKED, NULL);
}

static void
note_refusal(const struct outconn *p, const struct verdict *why)
{
	if (outconn_memory_is_makeshift(p) && p->client.clear != CLIENT_CLEAR_TAKEN)
		note_tls(p, p->client.clear == CLIENT_CLEAR_WANTS_TLS ? HOST_CLEAR_WANTS_TLS :
		    HOST_CLEAR_REFUSED, why);
}

bool
outconn_memory_is_makeshift(const struct outconn *p)
{
	return p->client.set.tls_given_up;
}

void
outconn_memory_finished(const struct outconn *p, const struct outbound_job *job)
{
	size_t i = 0;

	while (i + 1 < job->count && job->verdict[i].what != VERDICT_LATER)
		i++;
	note_refusal(p, &job->verdict[i]);
}

bool
outconn_memory_failed(const struct outconn *p)
{
	const struct client *c = &p->client;
	enum host_tls_turn turn;

	note_refusal(p, &c->failure);
	if (p->memory_key == NULL || (c->security != CLIENT_TLS_CUT && c->security != CLIENT_TLS_BROKEN))
		return false;
	turn = note_tls(p, c->security == CLIENT_TLS_CUT ? HOST_TLS_WAS_CUT : HOST_TLS_FAILED, &c->failure);
	return turn == HOST_TLS_AGAIN || turn == HOST_TLS_TO_CLEAR;
}
