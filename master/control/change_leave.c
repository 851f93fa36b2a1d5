/*
 * change_leave - a virtual server that gets another name, or goes, stops before its folders and file move
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  until it has stopped it takes no command that would start it, and no process of it is left then.
 *           When nothing moves in the end, it runs on as it was
 * Fails by: it does not stop in time
 */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/change/change_move.h"
#include "common/change/change_servers.h"
#include "common/process/loop.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static void
stop(struct change_request *r)
{
	struct server *s = server_list_find(r->m, r->change.gone);

	r->leaving = true;
	if (s == NULL)
		return;
	r->was_active = s->state != STATE_STOPPED && s->state != STATE_STOPPING;
	s->removed = true;
	server_event(s, EVENT_STOP);
	maintenance_post_end(s);
}

static bool
is_over(const struct change_request *r)
{
	const struct server *s = server_list_find(r->m, r->change.gone);

	return s == NULL || (s->state == STATE_STOPPED && maintenance_post_is_over(s));
}

/* Nothing has moved: it runs on, when it did. */
static void
stay(struct change_request *r, int status, const char *why)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);

	change_apply_say(r, status, why);
	change_apply_tell(r, "refused");
	change_apply_reload(r, true, &text);
	buf_done(&text);
	change_apply_end(r);
}

static void
move_back(struct change_request *r)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);
	bool back = change_move_take_back(&r->change, change_apply_state(r), r->record) == EX_OK;

	change_apply_say(r, CONTROL_REFUSED, buf_text(&r->change.why));
	change_apply_say(r, CONTROL_REFUSED, back ? "the change has been taken back\n" :
	    "the change could not be taken back\n");
	change_apply_tell(r, back ? "taken-back" : "failed");
	change_apply_reload(r, true, &text);
	buf_done(&text);
	change_apply_end(r);
}

/* It has stopped. That it does not start under its new name is told, and takes nothing back. */
static void
write_move(struct change_request *r)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);
	const struct snapshot *before = r->m->snapshot;
	int status = change_move_run(&r->change, change_apply_state(r), r->author, r->command, &r->record);

	if (status != EX_OK) {
		stay(r, status, buf_text(&r->change.why));
	} else {
		r->written = true;
		change_apply_tell(r, "written");
		if (r->record == 0)
			log_event(LOG_WARN, NULL, "trouble", "doing=history reason=%s",
			    log_safe(strerror(errno)));
		buf_add(&r->text, buf_text(&r->change.why), r->change.why.len);
		change_servers_say(&r->change, before->config, &r->text);
		change_apply_watch(r);
		change_apply_reload(r, false, &text);
		if (r->m->snapshot == before)
			move_back(r);
		else
			loop_timer_set(r->timer, CHANGE_WAIT_MS);
	}
	buf_done(&text);
}

void
change_leave_begin(struct change_request *r)
{
	r->m->changing = r;
	stop(r);
	loop_timer_set(r->timer, master_grace(r->m) + CHANGE_WAIT_MS);
}

/* False: it is not written yet, or is over. */
bool
change_leave_step(struct change_request *r)
{
	if (r->written)
		return true;
	if (r->m->stopping) {
		change_apply_say(r, EX_TEMPFAIL, "the service is stopping; nothing was changed\n");
		change_apply_end(r);
	} else if (is_over(r)) {
		r->late = false;
		write_move(r);
	} else if (r->late) {
		stay(r, CONTROL_REFUSED, "it has not stopped in time; nothing was changed\n");
	}
	return r->written && !r->over;
}
