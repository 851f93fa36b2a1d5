/*
 * pickup_event - what became of a file, for the event log and the counters
 *
 * Runs in:  pickup; on its loop
 * Owns:     nothing
 * Promise:  one event a file and outcome
 * Fails by: never
 */
#include "common/base/log.h"
#include "common/mail/refused_words.h"
#include "pickup/pickup_private.h"

/* Those that a mail filter has refused: the others of the file go on. */
static void
log_refused(struct pickup *p, const struct pickup_file *t)
{
	char status[REFUSED_WORDS_STATUS];
	const char *words;

	for (size_t i = 0; i < t->envelope.nrcpt; i++) {
		const struct message_recipient *r = &t->envelope.rcpt[i];

		if (r->refused == NULL || !refused_words_by_filter(r->refused, status, &words))
			continue;
		counters_add(p->boot->counters, COUNTER_REFUSED_FILTER, 1);
		log_event(LOG_FACT, t->id, "refused",
		    "client=pickup file=%s recipient=%s status=%s reason=%s", log_safe(t->name),
		    log_safe(r->address), status, log_safe(words));
	}
}

void
pickup_event_accepted(struct pickup *p, const struct pickup_file *t)
{
	const char *sender = t->envelope.sender;

	counters_add(p->boot->counters, COUNTER_PICKUP, 1);
	log_event(LOG_FACT, t->id, "accepted",
	    "client=pickup uid=%ju file=%s sender=%s recipients=%zu size=%ju%s%s%s%s%s",
	    (uintmax_t)t->owner, log_safe(t->name), log_safe(*sender != '\0' ? sender : "<>"),
	    t->envelope.nrcpt, (uintmax_t)t->sent,
	    t->body.unstuff ? " dots=stuffed" : "", t->detail[0] != '\0' ? " malformed=" : "",
	    t->detail[0] != '\0' ? log_safe(t->detail) : "",
	    t->message_id[0] != '\0' ? " message-id=" : "",
	    t->message_id[0] != '\0' ? log_safe(t->message_id) : "");
	log_refused(p, t);
}

void
pickup_event_refused(struct pickup *p, const struct pickup_file *t)
{
	enum judge_reason reason = t->verdict.reason;
	size_t trimmed = spool_badmail_trim_count(p->folder);

	counters_add(p->boot->counters, reason == JUDGE_NO_RECIPIENTS ? COUNTER_BADMAIL_NO_RECIPIENTS :
	    reason == JUDGE_FILTER ? COUNTER_BADMAIL_GENERAL : COUNTER_BADMAIL_PICKUP, 1);
	if (reason == JUDGE_FILTER)
		counters_add(p->boot->counters, COUNTER_REFUSED_FILTER, 1);
	log_event(LOG_WARN, t->bad_id, "badmailed", "reason=%s file=%s%s%s",
	    log_safe(judge_words(t->verdict.reason)), log_safe(t->name),
	    t->detail[0] != '\0' ? " detail=" : "", t->detail[0] != '\0' ? log_safe(t->detail) : "");
	if (trimmed > 0)
		log_event(LOG_FACT, NULL, "service", "what=badmail-trimmed files=%zu", trimmed);
}

void
pickup_event_held(const struct pickup_file *t)
{
	log_event(LOG_FACT, t->id, "held", "filter=%s reason=%s", log_safe(pickup_filter_name(t->filter)),
	    log_safe(pickup_filter_words(t->filter)));
}

void
pickup_event_discarded(const struct pickup_file *t)
{
	log_event(LOG_FACT, t->id, "discarded", "client=pickup file=%s filter=%s", log_safe(t->name),
	    log_safe(pickup_filter_name(t->filter)));
}
