/*
 * control_caller - who waits for the answer to a command: on control.sock or in a web browser
 *
 * Runs in:  master
 * Owns:     the command of each caller and what is known of its user
 * Promise:  a caller gets the whole answer, and then the status; only what it reads at present is sent
 * Fails by: telling the caller's owner that it does not read
 */
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/command/control_words.h"
#include "master/control/control.h"
#include "master/servers/servers.h"

void
control_caller_init(struct control_caller *c, struct master *m, const struct control_caller_ops *ops,
    const struct control_peer *peer)
{
	*c = (struct control_caller){ .m = m, .ops = ops, .peer = *peer, .input = -1 };
	control_answer_init(&c->command, &c->peer);
	TAILQ_INSERT_TAIL(&m->callers, c, link);
}

static void
close_input(struct control_caller *c)
{
	if (c->input != -1)
		close(c->input);
	c->input = c->command.input = -1;
}

void
control_caller_done(struct control_caller *c)
{
	TAILQ_REMOVE(&c->m->callers, c, link);
	control_answer_done(&c->command);
	control_rights_peer_done(&c->peer);
	close_input(c);
}

/* In pieces of one message. */
static bool
send_text(struct control_caller *c, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = len < CTL_PAYLOAD_MAX ? len : CTL_PAYLOAD_MAX;

		if (!c->ops->send(c, CTL_TEXT, text, n))
			return false;
		text += n;
		len -= n;
	}
	return true;
}

static bool
send_answer(struct control_caller *c, const char *text, size_t len, int32_t status)
{
	return send_text(c, text, len) && c->ops->send(c, CTL_END, &status, sizeof(status));
}

/* The end of the answer finds out when the caller does not read. */
static void
send_so_far(struct control_caller *c)
{
	if (!c->command.flows || (c->ops->is_full != NULL && c->ops->is_full(c)))
		return;
	(void)send_text(c, buf_text(&c->command.text), c->command.text.len);
	buf_clear(&c->command.text);
}

/* False: the caller cannot take it now; control_caller_update tries again. */
static bool
answer(struct control_caller *c)
{
	bool sent;

	if (c->ops->is_full != NULL && c->ops->is_full(c)) {
		c->held = true;
		return false;
	}
	sent = send_answer(c, buf_text(&c->command.text), c->command.text.len, c->command.status);
	control_answer_done(&c->command);
	c->busy = c->held = false;
	c->ops->answered(c, sent);
	return true;
}

/* What the command is about goes to the caller before the answer; else the command ends here. */
static void
hand_over(struct control_caller *c)
{
	struct control_command *cmd = &c->command;

	if (cmd->fd == -1 || !cmd->waiting)
		return;
	if (c->ops->hand == NULL || !c->ops->hand(c, cmd->fd)) {
		control_answer_done(cmd);
		control_answer_init(cmd, &c->peer);
		control_answer_say(cmd, EX_UNAVAILABLE, "this works with posternctl alone");
		return;
	}
	close(cmd->fd);
	cmd->fd = -1;
}

void
control_caller_run(struct control_caller *c, const struct control_words *w)
{
	c->busy = true;
	c->told = c->held = false;
	control_answer_done(&c->command);
	control_answer_init(&c->command, &c->peer);
	c->command.input = c->input;
	control_commands_run(&c->command, c->m, w);
	close_input(c);
	hand_over(c);
	if (!c->command.waiting && !c->command.ends_service)
		(void)answer(c);
}

bool
control_caller_update(struct master *m)
{
	struct control_caller *c, *next;
	bool held = false;

	TAILQ_FOREACH_SAFE(c, &m->callers, link, next) {
		if (!c->busy)
			continue;
		c->command.over = c->ops->is_over != NULL && c->ops->is_over(c);
		if (c->held || (c->command.waiting && control_commands_update(&c->command, m)))
			held |= !answer(c);
		else
			send_so_far(c);
	}
	return held;
}

/* --- an upgrade --- */

static bool
is_waiting(const struct control_caller *c)
{
	return c->busy && !c->command.upgrades && (c->command.names > 0 || c->command.question != NULL);
}

bool
control_caller_changes(const struct control_caller *c)
{
	return is_waiting(c) && c->command.right > CONTROL_LOOK;
}

void
control_caller_cut(struct master *m, const char *text)
{
	struct control_caller *c, *next;

	TAILQ_FOREACH_SAFE(c, &m->callers, link, next) {
		if (!is_waiting(c))
			continue;
		buf_clear(&c->command.text);
		buf_puts(&c->command.text, text);
		c->command.status = EX_TEMPFAIL;
		(void)answer(c);	/* one that does not read hears of it by the end of its channel */
	}
}

/* --- what a command waits for --- */

bool
control_caller_may_wait_long(const struct control_caller *c)
{
	return c->busy &&
	    (c->command.ends_service || (c->command.waiting && c->command.right > CONTROL_LOOK));
}

void
control_caller_tell_progress(struct master *m)
{
	struct control_caller *c;
	struct ctl_progress p;

	/* A caller that does not read misses it; the end of its answer finds that out. */
	TAILQ_FOREACH(c, &m->callers, link)
		if (control_caller_may_wait_long(c) && stop_progress_get(&c->command, m, &p))
			c->told = c->ops->send(c, CTL_PROGRESS, &p, sizeof(p));
}

/* --- the end --- */

void
control_caller_end_all(struct master *m, const char *last_words)
{
	struct control_caller *c;

	while ((c = TAILQ_FIRST(&m->callers)) != NULL) {
		if (c->busy)
			(void)send_answer(c, last_words, strlen(last_words),
			    c->command.ends_service ? 0 : CONTROL_CALLER_CUT);
		c->ops->end(c);
	}
}
