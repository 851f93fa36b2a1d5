/*
 * filter_channel - what one listener or pickup process asks the filter helper
 *
 * Runs in:  filter
 * Owns:     nothing: sessions are filter_session's
 * Promise:  a question of a session has one answer; a session is over when the worker says so, or is gone; so
 *           many of one worker are open at most
 * Fails by: a malformed question ends this worker's channel only
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "listener/filter/filter.h"

#define FILTER_CHANNEL_SESSIONS_MAX 20000

/* There is no place for it, or its virtual server is not known here (any more). */
static void
refuse(struct ctl_server *s, uint32_t request, const char *why)
{
	struct msg_filter_answer a = { .verdict = FILTER_LATER, .flags = FILTER_TROUBLE };

	strcpy(a.text, why);
	a.text_len = (uint16_t)strlen(a.text);
	ctl_server_answer(s, CTL_FILTER_ANSWER, request, &a, msg_filter_answer_size(&a), -1);
}

static bool
begin_session(struct filter *f, struct ctl_server *s, uint32_t request, const struct msg_filter_ask *ask,
    int fd)
{
	const struct config_server *server = config_server_by_name(f->boot->config, ctl_server_server(s));
	struct filter_session *x;

	if (server == NULL || ctl_server_is_full(s)) {
		if (fd != -1)
			close(fd);
		refuse(s, request, server == NULL ? "this virtual server has no filters" :
		    "too many sessions at once");
		return true;
	}
	x = filter_session_new(f, server, (enum msg_filter_source)ask->source);
	ctl_server_open(s, &x->open, request);
	return filter_session_ask(x, ask, fd);
}

static bool
on_filter_message(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	struct filter_session *x = (struct filter_session *)ctl_server_find(s, m->request);
	struct msg_filter_ask *ask;
	bool good;

	if (m->type == CTL_FILTER_END) {
		if (x != NULL)
			filter_session_free(x);
		return true;
	}
	if (m->type != CTL_FILTER_ASK)
		return false;
	if (m->lost) {
		refuse(s, m->request, "no descriptor is left for the message");
		return true;
	}
	ask = mem_new(struct msg_filter_ask);
	good = msg_filter_ask_take(ask, m->data, m->len);
	if (good)
		good = x != NULL ? filter_session_ask(x, ask, ctl_take_fd(m)) :
		    begin_session(arg, s, m->request, ask, ctl_take_fd(m));
	free(ask);
	return good;
}

static void
on_worker_left(struct ctl_server_question *q)
{
	filter_session_free((struct filter_session *)q);
}

const struct ctl_server_kind filter_channel = {
	.part = "filter",
	.questions_max = FILTER_CHANNEL_SESSIONS_MAX,
	.asked = on_filter_message,
	.left = on_worker_left,
};
