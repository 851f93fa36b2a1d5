/*
 * filter_stage - what mail filters say of the command that runs: asked, waited for, and said to the client;
 * pure
 *
 * Runs in:  listener
 * Owns:     the answer that the session waits with
 * Promise:  a command that the filters are asked about has no effect before their answer; one answer counts
 *           for one command
 * Fails by: replies; without filters every command passes at once
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "listener/smtp/smtp_private.h"

enum stage_result
filter_stage_ask(struct session *s, enum msg_filter_stage stage, const char *argument, const char *second)
{
	if (!s->filters)
		return STAGE_PASSED;
	if (s->filter_answer == NULL) {
		s->ops->filter(s->arg, stage, argument, second);
		session_phase_wait(s, WAIT_FILTER);
		s->filter_mail |= stage == FILTER_MAIL;
		return STAGE_WAITS;
	}
	if (s->filter_answer->verdict != FILTER_GO_ON && s->filter_answer->verdict != FILTER_DISCARD)
		return STAGE_REFUSED;
	s->discarding |= s->filter_answer->verdict == FILTER_DISCARD;
	filter_stage_forget(s);
	return STAGE_PASSED;
}

/* Its reply to a command, `connects`: to the connection. */
static enum reply
reply_of(enum msg_filter_verdict verdict, bool connects)
{
	switch (verdict) {
	case FILTER_REFUSE:
		return connects ? REPLY_CLIENT_REFUSED : REPLY_FILTER_REFUSED;
	case FILTER_LATER:
		return connects ? REPLY_FILTER_CONNECT : REPLY_FILTER_LATER;
	default:
		return REPLY_FILTER_CLOSE;
	}
}

void
filter_stage_say(struct session *s, const char *recipient)
{
	struct msg_filter_answer *a = s->filter_answer;
	bool connects = !s->greeted;
	enum reply which = reply_of((enum msg_filter_verdict)a->verdict, connects);

	s->greeted = true;
	s->refusing = a;
	if (a->verdict == FILTER_REPLY)
		session_reply_words(s, REPLY_FILTER_WORDS, a->text, recipient, connects);
	else if (recipient != NULL)
		session_reply_about(s, which, recipient);
	else
		session_reply(s, which, which == REPLY_CLIENT_REFUSED ? s->ip : s->server->fqdn);
	s->refusing = NULL;
	filter_stage_forget(s);
}

void
filter_stage_forget(struct session *s)
{
	free(s->filter_answer);
	s->filter_answer = NULL;
}

void
filter_stage_keep(struct session *s, const struct msg_filter_answer *a)
{
	filter_stage_forget(s);
	s->filter_answer = mem_new(struct msg_filter_answer);
	*s->filter_answer = *a;
}
