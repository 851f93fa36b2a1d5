/*
 * web_answer - what the web helper is told of a session
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  a handle does not stay in memory behind its answer
 * Fails by: not at all; a helper that is gone hears nothing
 */
#include <string.h>

#include "common/msg/msg_web.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

void
web_answer_describe(struct msg_web_session *answer, const struct master *m, const struct web_session *s)
{
	enum control_right right = control_rights_any(m, &s->peer);

	answer->result = right == CONTROL_NONE ? WEB_NO_RIGHT : WEB_OK;
	answer->operates = right >= CONTROL_OPERATE;
	answer->serves = control_rights_service(m, &s->peer) >= CONTROL_OPERATE;
	answer->person = web_sessions_person(&s->peer);
	answer->way = (uint8_t)s->way;
	answer->uid = s->peer.uid;
	memcpy(answer->name, s->name, sizeof(answer->name));
}

void
web_answer_send(struct child *c, uint32_t request, struct msg_web_session *answer)
{
	child_send(c, CTL_WEB_SESSION, request, answer, msg_web_session_size(answer), -1);
	explicit_bzero(answer, sizeof(*answer));
}
