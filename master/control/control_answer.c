/*
 * control_answer - one command in progress: its answer so far, and what it waits for
 *
 * Runs in:  master
 * Owns:     text and question of the command until the answer is sent
 * Promise:  the first fault is the exit status
 * Fails by: not at all; text beyond its limit is cut
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/control/control.h"
#include "master/servers/servers.h"

void
control_answer_init(struct control_command *cmd, const struct control_peer *peer)
{
	*cmd = (struct control_command){ .peer = peer, .text = BUF_INIT(MASTER_TEXT_MAX), .fd = -1,
	    .input = -1 };
}

void
control_answer_done(struct control_command *cmd)
{
	buf_done(&cmd->text);
	control_question_free(cmd->question);
	cmd->question = NULL;
	free(cmd->name);
	cmd->name = NULL;
	cmd->names = 0;
	if (cmd->fd != -1)
		close(cmd->fd);
	cmd->fd = -1;
}

void
control_answer_say(struct control_command *cmd, int status, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_printf(&cmd->text, "%s\n", line);
	if (status != 0 && cmd->status == 0)
		cmd->status = status;
}

void
control_answer_who(char who[CONTROL_ANSWER_WHO_SIZE], const struct control_command *cmd)
{
	snprintf(who, CONTROL_ANSWER_WHO_SIZE, "%s%s", cmd->peer->author, cmd->peer->web ? " by=web" : "");
}

bool
control_answer_covers(const struct control_command *cmd, const struct server *s, const struct server *only)
{
	return (only == NULL || s == only) && control_rights_server(s, cmd->peer) >= cmd->right;
}

void
control_answer_wait(struct control_command *cmd, const struct server *s, enum state goal)
{
	cmd->name = mem_grow(cmd->name, cmd->names, sizeof(*cmd->name));
	snprintf(cmd->name[cmd->names++], sizeof(*cmd->name), "%s", s->name);
	cmd->waiting = true;
	cmd->goal = goal;
}
