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

#define REPEATS_MAX 8		/* of one job, however many new addresses its destination has meanwhile */

void
outconn_memory_begin(struct outconn *p, const struct mx_address *a, struct client_settings *set)
{
	const struct outbound *o = p->site->o;

	p->try = (struct host_tls_try){ .begun = host_memory_events(o->memory),
	    .strict = !tls_policy_allows_clear(&p->site->d, a) };
	p->memory_key = mem_printf("%s %s", p->where, p->try.strict ? "strict" : "may");
	set->useless = host_memory_useless(o->memory, p->memory_key, clock_mono_ms());
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

/* The host let us in, or denied our account. */
static void
note_mechanisms(const struct outconn *p)
{
	const struct client *c = &p->client;
	unsigned useless = 0;

	if (c->auth == NULL)
		return;
	if (c->opening == CLIENT_AUTHENTICATED)
		useless = (c->set.useless | c->auth->refused) & ~AUTH_OUT_BIT(c->auth->mechanism);
	host_memory_note_useless(p->site->o->memory, p->memory_key, useless, clock_mono_ms());
}

void
outconn_memory_opened(const struct outconn *p)
{
	note_mechanisms(p);
	if (p->client.security == CLIENT_SECURED)
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

/* --- extensions --- */

/* The bit of its address in the site's list, for host_doubt.plain; 0: in no list, or an old one. */
static uint32_t
address_bit(const struct outconn *p)
{
	size_t index = site_hosts_index(p->site, p);

	return index < p->site->list.count ? 1U << index : 0;
}

unsigned
outconn_memory_without(const struct outconn *p, const struct outbound_job *job)
{
	if (job->doubt.plain & address_bit(p))
		return CLIENT_ALL_OFFERS | (job->doubt.single & address_bit(p) ? CLIENT_SEVERAL : 0);
	return host_memory_without(p->site->o->memory, p->memory_key, clock_mono_ms());
}

static void
note_offers(const struct outconn *p, unsigned offers, bool sure, const struct verdict *why)
{
	unsigned news = host_memory_note_offers(p->site->o->memory, p->memory_key, offers, sure,
	    clock_mono_ms());
	char names[200];

	if (news == 0)
		return;
	client_offer_names(news, names, sizeof(names));
	log_event(LOG_WARN, NULL, "trouble", "what=extension-fails host=%s without=%s reason=%s",
	    log_safe(p->where), names, log_safe(why->text));
}

static const struct verdict *
first_later(const struct outbound_job *job)
{
	size_t i = 0;

	while (i + 1 < job->count && job->verdict[i].what != VERDICT_LATER)
		i++;
	return &job->verdict[i];
}

/* Plain SMTP has gone well, and nothing was refused again as it was before. */
static bool
is_proved(const struct outbound_job *job)
{
	bool delivered = false, again = false;

	for (size_t i = 0; i < job->count; i++) {
		delivered |= job->verdict[i].what == VERDICT_DELIVERED;
		again |= job->doubt.why.code != 0 && job->verdict[i].code == job->doubt.why.code;
	}
	return delivered && !again;
}

/*
 * To be repeated by plain SMTP, then one recipient at a time; both at most once. Some firewalls end
 * connections at the second recipient.
 */
static bool
repeats(const struct outconn *p, struct outbound_job *job, uint32_t bit)
{
	const struct client *c = &p->client;

	if (!c->doubt_is_sure && p->messages > 1 && job->lost == 0)
		return false;		/* the host may have closed a kept connection */
	if (job->repeats == REPEATS_MAX)
		return false;
	if (bit & ~job->doubt.plain) {
		job->doubt.plain |= bit;
		job->doubt.offers = c->doubted & ~(unsigned)CLIENT_SEVERAL;
		job->doubt.sure = c->doubt_is_sure;
	} else if ((bit & ~job->doubt.single) && (c->doubted & CLIENT_SEVERAL)) {
		job->doubt.single |= bit;
		job->doubt.offers = CLIENT_SEVERAL | CLIENT_PIPELINING;
		job->doubt.sure = true;	/* the second end */
	} else
		return false;
	job->doubt.why = c->failure;
	job->repeats++;
	return true;
}

/*
 * What was in doubt is left out from now on when the repetition goes well. Where it cannot be repeated at
 * once (content that was sent, a host that has connected to us) that is not waited for.
 */
enum client_fate
outconn_memory_finished(const struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	const struct client *c = &p->client;
	uint32_t bit = address_bit(p);

	note_refusal(p, first_later(job));
	/* one connection too many is cut off, too: that is no word about extensions */
	if (fate == CLIENT_AGAIN && !c->doubt_is_sure && job->lost == 0 && p->pace != NULL &&
	    site_pace_works(p, true, clock_mono_ms()))
		return CLIENT_LOST;
	if (fate == CLIENT_AGAIN && repeats(p, job, bit))
		return CLIENT_AGAIN;
	if ((job->doubt.plain & bit) != 0 && is_proved(job))
		note_offers(p, job->doubt.offers, job->doubt.sure, &job->doubt.why);
	else if (c->doubted != 0 && (fate != CLIENT_AGAIN || bit == 0))
		note_offers(p, c->doubted, c->doubt_is_sure, first_later(job));
	return fate == CLIENT_AGAIN ? CLIENT_LOST : fate;
}

bool
outconn_memory_failed(const struct outconn *p)
{
	const struct client *c = &p->client;
	enum host_tls_turn turn;

	note_refusal(p, &c->failure);
	if (c->opening == CLIENT_DENIED)
		note_mechanisms(p);
	if (c->security != CLIENT_TLS_CUT && c->security != CLIENT_TLS_BROKEN)
		return false;
	turn = note_tls(p, c->security == CLIENT_TLS_CUT ? HOST_TLS_WAS_CUT : HOST_TLS_FAILED, &c->failure);
	return turn == HOST_TLS_AGAIN || turn == HOST_TLS_TO_CLEAR;
}
