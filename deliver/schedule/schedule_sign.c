/*
 * schedule_sign - the signatures of a message that is about to go to other hosts
 *
 * Runs in:  deliver, on the loop
 * Owns:     the signing of a loaded message, and its fields until the message is freed
 * Promise:  only mail that its envelope marks is signed (MESSAGE_SIGN: what came from clients that may
 *           relay, from pickup, and our reports), and none waits for it but what is just going out: a message
 *           for drop folders, or for a destination that is down, costs nothing. All portions of an attempt,
 *           whatever their hosts, have the same fields
 * Fails by: the message goes without a signature, and an event says why
 */
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "deliver/active/active.h"
#include "deliver/schedule/schedule_private.h"
#include "deliver/signing/signing.h"

struct schedule_sign {
	struct active_message *m;
	struct signing_job job;
	bool done;
	void (*go)(struct active_message *m);
};

static bool
is_wanted(const struct active_message *m)
{
	return m->schedule->set.signing != NULL && (m->e.flags & MESSAGE_SIGN) != 0;
}

static void
on_signed(void *arg, struct signing_job *job)
{
	struct schedule_sign *s = arg;
	struct active_message *m = s->m;
	bool good = job->fields.len > 0;

	s->done = true;
	counters_add(m->schedule->set.counters, good ? COUNTER_MESSAGES_SIGNED :
	    COUNTER_MESSAGES_UNSIGNED, 1);
	if (!good && !job->keyless && m->attempts + m->quick == 0)
		log_event(LOG_FACT, m->id, "unsigned", "reason=%s", log_safe(job->why));
	s->go(m);
}

bool
schedule_sign_begin(struct active_message *m, void (*go)(struct active_message *m))
{
	struct schedule_sign *s = m->sign;

	if (!is_wanted(m))
		return true;
	if (s != NULL)
		return s->done;
	s = m->sign = mem_new(struct schedule_sign);
	s->m = m;
	s->go = go;
	s->job = (struct signing_job){ .e = &m->e, .fd = m->fd, .done = on_signed, .arg = s,
	    .content = m->whole.len > 0 ? m->whole.data + m->e.content_at : NULL };
	signing_submit(m->schedule->set.signing, &s->job);
	return false;
}

void
schedule_sign_fill(const struct active_message *m, struct outbound_job *job)
{
	const struct schedule_sign *s = m->sign;

	if (s == NULL || s->job.fields.len == 0)
		return;
	job->fields = &s->job.fields;
	job->measured = true;
	job->added = s->job.folded;
}

const char *
schedule_sign_domain(const struct active_message *m)
{
	if (!is_wanted(m))
		return NULL;
	return m->sign != NULL && m->sign->job.fields.len > 0 ? m->sign->job.domain : "no";
}

void
schedule_sign_free(struct active_message *m)
{
	if (m->sign == NULL)
		return;
	signing_job_done(&m->sign->job);
	free(m->sign);
	m->sign = NULL;
}
