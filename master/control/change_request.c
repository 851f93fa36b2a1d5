/*
 * change_request - a command that changes the configuration: judged, written, taken over, or taken back
 *
 * Runs in:  master
 * Owns:     the change that is under way (m->changing), and the lock of changes
 * Promise:  what is refused has touched no file. A change that the service cannot run with is taken back,
 *           also when who asked for it has gone. One at a time, and not for long: a virtual server that
 *           stops anyway is not waited for
 * Fails by: an answer that says so
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/change/change_file.h"
#include "common/change/change_words.h"
#include "common/config/config_files.h"
#include "common/process/loop.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

/* So an operator of one virtual server cannot keep the service busy with judging its files. */
#define CHANGES_AT_ONCE 20U
#define CHANGES_MS 1000U	/* then one each */

/* What a command waits with. */
struct change_wait {
	struct control_question q;
	unsigned number;
};

/* --- the answer --- */

static void
free_request(struct change_request *r)
{
	change_done(&r->change);
	if (r->lock != -1)
		close(r->lock);
	loop_timer_free(r->timer);
	free(r->witness);
	buf_done(&r->text);
	free(r);
}

/* --- while the service takes it over --- */

static void
put_states(struct change_request *r)
{
	const struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link)
		if (r->change.server != NULL && strcmp(r->change.server, s->name) == 0)
			buf_printf(&r->text, "%s is %s%s%s\n", s->name, state_name(s->state),
			    s->reason != NULL ? ": " : "", s->reason != NULL ? s->reason : "");
}

/* `worse`: it does not run under its new name. */
static void
succeed(struct change_request *r, bool worse)
{
	change_apply_tell(r, "ok");
	if (r->change.kept != NULL)
		change_file_drop_kept(&r->change);
	if (r->change.old == NULL)
		buf_printf(&r->text, "%s %s: %s\n", r->change.server,
		    r->change.kept != NULL ? "is there again" : "has been made", r->change.path);
	put_states(r);
	if (r->record != 0)
		buf_printf(&r->text, "this is change %u\n", r->record);
	if (worse)
		change_apply_say(r, CONTROL_REFUSED, "");
	if (r->late)
		change_apply_say(r, EX_TEMPFAIL, "the change is written; not all is taken over yet\n");
	change_apply_end(r);
}

/* State may have changed. */
static void
step(struct change_request *r)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);

	if (r->over || (r->leaving && !change_leave_step(r)))
		return;
	if (r->m->stopping) {	/* what ends now says nothing about the change */
		change_apply_say(r, EX_TEMPFAIL,
		    "the change is written; the service stops before all is taken over\n");
		change_apply_end(r);
		return;
	}
	if (!r->late && !change_apply_is_steady(r))
		return;
	if (change_apply_has_failed(r, &why) && !r->leaving)
		change_apply_take_back(r, &why);
	else
		succeed(r, why.len > 0);
	buf_done(&why);
}

static void
on_late(void *arg)
{
	struct change_request *r = arg;
	struct master *m = r->m;

	r->late = true;
	m->ops->changed(m);
}

void
change_request_update(struct master *m)
{
	struct change_request *r = m->changing;

	if (r != NULL)
		step(r);
	if (r != NULL && r->over && r->alone)
		change_request_close(m);
}

void
change_request_close(struct master *m)
{
	if (m->changing != NULL)
		free_request(m->changing);
	m->changing = NULL;
}

/* --- the command that waits --- */

static void
give_answer(struct change_request *r, struct control_command *cmd)
{
	buf_add(&cmd->text, buf_text(&r->text), r->text.len);
	cmd->status = r->status;
}

static bool
update_wait(struct control_question *q, struct control_command *cmd)
{
	const struct change_wait *wait = (const struct change_wait *)(const void *)q;
	struct change_request *r = q->m->changing;

	if (r == NULL || r->number != wait->number || !r->over)
		return false;
	give_answer(r, cmd);
	change_request_close(q->m);
	return true;
}

static void
free_wait(struct control_question *q)
{
	struct change_request *r = q->m->changing;

	/* Who asked has gone, or has the answer. */
	if (r != NULL && r->number == ((const struct change_wait *)(const void *)q)->number)
		r->alone = true;
	free(q);
}

static const struct control_question_ops change_ops = { .update = update_wait, .free = free_wait };

bool
change_request_waits_for(const struct control_command *cmd, const struct server *s)
{
	const struct change_request *r = cmd->question != NULL ? cmd->question->m->changing : NULL;

	return r != NULL && cmd->question->ops == &change_ops &&
	    r->number == ((const struct change_wait *)(const void *)cmd->question)->number &&
	    (r->change.server == NULL || strcmp(r->change.server, s->name) == 0);
}

static void
wait_for(struct control_command *cmd, struct change_request *r)
{
	struct change_wait *wait = mem_new(struct change_wait);

	wait->number = r->number;
	control_question_init(&wait->q, r->m, &change_ops);
	cmd->question = &wait->q;
	cmd->waiting = true;
}

static struct change_request *
new_request(struct control_command *cmd, struct master *m, const char *command)
{
	static unsigned number;
	struct change_request *r = mem_new(struct change_request);

	*r = (struct change_request){ .m = m, .text = BUF_INIT(MASTER_TEXT_MAX), .number = ++number };
	snprintf(r->author, sizeof(r->author), "%s", cmd->peer->author);
	snprintf(r->by, sizeof(r->by), "%s", cmd->peer->web ? " by=web" : "");
	snprintf(r->command, sizeof(r->command), "%s", command);
	r->timer = loop_timer_new(m->loop, on_late, r);
	r->lock = change_file_lock(m->snapshot->config->service.state, &r->text);
	return r;
}

void
change_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	static struct author_rate rate = { .burst = CHANGES_AT_ONCE, .each_ms = CHANGES_MS };
	struct change_request *r;
	int status = EX_OK;

	if (m->stopping || m->changing != NULL) {
		control_answer_say(cmd, CONTROL_REFUSED, m->stopping ? "the service is stopping" :
		    "another change is under way: look at what it has changed, then say this again");
		return;
	}
	if (control_rights_service(m, cmd->peer) < CONTROL_CONFIGURE &&
	    !author_rate_take(&rate, cmd->peer->author, clock_mono_ms())) {
		control_answer_say(cmd, CONTROL_REFUSED, "too many changes: wait, and say this again");
		return;
	}
	r = new_request(cmd, m, w->word[0]);
	status = r->lock == -1 ? CONTROL_REFUSED : change_prepare(r, cmd, s, w);
	if (status == EX_OK && change_is_none(&r->change))
		change_apply_say(r, 0, "all of this is so already\n");
	else if (status == EX_OK && w->count > 2 &&
	    change_words_is_dry_run(w->word + 2, w->count - 2))
		change_apply_say(r, 0, "this is what would change; nothing was written\n");
	else if (status == EX_OK && r->change.gone != NULL)
		change_leave_begin(r);
	else if (status == EX_OK)
		change_apply_write(r);
	if (r->leaving)
		step(r);
	r->status = r->status != 0 ? r->status : status;
	if ((r->written || r->leaving) && !r->over) {
		m->changing = r;
		wait_for(cmd, r);
		return;
	}
	m->changing = NULL;
	give_answer(r, cmd);
	free_request(r);
}
