/*
 * auth_channel - what one listener or deliver process, or the master, asks the auth helper
 *
 * Runs in:  auth
 * Owns:     nothing: requests are auth_request's
 * Promise:  a listener authenticates clients only, a deliver process us only, the master those who log in to
 *           the manager; every start and step has one answer, unless it was cancelled; so many of one worker
 *           are open at most: for a further one a client that rests gives up its place, and hears "later" at
 *           its next step
 * Fails by: a malformed message ends this worker's channel only
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

#define AUTH_CHANNEL_REQUESTS_MAX 4096
/* Below the connections of one client to the web helper: whoever waits for refusals leaves some to others. */
#define AUTH_CHANNEL_LOGINS_MAX 32

/* One row a kind of worker. */
struct messages {
	enum ctl_type start, step, cancel;
	bool (*begin)(struct auth *a, struct ctl_server *s, const struct ctl_message *m);
	void (*later)(struct ctl_server *s, uint32_t request);
};

static void
answer_later_in(struct ctl_server *s, uint32_t request)
{
	struct msg_auth_in_answer later = { .result = AUTH_IN_LATER };

	ctl_server_answer(s, CTL_AUTH_IN_ANSWER, request, &later, msg_auth_in_answer_size(&later), -1);
}

static void
answer_later_out(struct ctl_server *s, uint32_t request)
{
	struct msg_auth_out_answer later = { .result = AUTH_OUT_LATER, .why = "too many at once" };

	ctl_server_answer(s, CTL_AUTH_OUT_ANSWER, request, &later, msg_auth_out_answer_size(&later), -1);
}

/* Of SMTP, or of the manager: neither may ask what is the other's. */
static bool
begin_login(struct auth *a, struct ctl_server *s, const struct ctl_message *m, bool manager)
{
	struct msg_auth_in_start *start = mem_new(struct msg_auth_in_start);
	bool good = msg_auth_in_start_take(start, m->data, m->len) &&
	    sasl_server_is_of_manager((enum msg_auth_in_mechanism)start->mechanism) == manager;

	if (good && start->mechanism == AUTH_IN_ACCOUNT && !ctl_server_is_full(s))
		auth_request_account_begin(a, s, m->request, start);
	else if (good && (start->mechanism == AUTH_IN_ACCOUNT ||
	    !auth_request_in_begin(a, s, m->request, start)))
		answer_later_in(s, m->request);
	explicit_bzero(start, sizeof(*start));
	free(start);
	return good;
}

static bool
begin_in(struct auth *a, struct ctl_server *s, const struct ctl_message *m)
{
	return begin_login(a, s, m, false);
}

static bool
begin_manager(struct auth *a, struct ctl_server *s, const struct ctl_message *m)
{
	return begin_login(a, s, m, true);
}

static bool
begin_out(struct auth *a, struct ctl_server *s, const struct ctl_message *m)
{
	struct msg_auth_out_start start;

	if (!msg_auth_out_start_take(&start, m->data, m->len))
		return false;
	if (!ctl_server_is_full(s))
		return auth_request_out_begin(a, s, m->request, &start);
	answer_later_out(s, m->request);
	return true;
}

/* A step of a request that has ended is no fault of the worker's: it gave up its place. */
static bool
step_request(struct auth_request *x, struct ctl_server *s, const struct ctl_message *m,
    const struct messages *row)
{
	struct msg_auth_in_token *t = mem_new(struct msg_auth_in_token);
	bool good = msg_auth_in_token_take(t, m->data, m->len);

	if (good && x != NULL)
		auth_request_step(x, t);
	else if (good)
		row->later(s, m->request);
	msg_auth_in_token_forget(&t);
	return good;
}

static bool
take_message(struct auth *a, struct ctl_server *s, const struct ctl_message *m, const struct messages *row)
{
	struct auth_request *x = (struct auth_request *)ctl_server_find(s, m->request);

	if (m->type == row->start)
		return x == NULL && row->begin(a, s, m);
	if (m->type == row->step)
		return step_request(x, s, m, row);
	if (m->type != row->cancel)
		return false;
	if (x != NULL)
		auth_request_cancel(x);
	return true;
}

static bool
on_message_in(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	static const struct messages in = { CTL_AUTH_IN_START, CTL_AUTH_IN_STEP, CTL_AUTH_IN_CANCEL,
	    begin_in, answer_later_in };

	return take_message(arg, s, m, &in);
}

static bool
on_message_manager(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	static const struct messages manager = { CTL_AUTH_IN_START, CTL_AUTH_IN_STEP, CTL_AUTH_IN_CANCEL,
	    begin_manager, answer_later_in };

	return take_message(arg, s, m, &manager);
}

static bool
on_message_out(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	static const struct messages out = { CTL_AUTH_OUT_START, CTL_AUTH_OUT_STEP, CTL_AUTH_OUT_CANCEL,
	    begin_out, answer_later_out };

	return take_message(arg, s, m, &out);
}

static void
on_auth_left(struct ctl_server_question *q)
{
	auth_request_cancel((struct auth_request *)q);
}

const struct ctl_server_kind auth_channel_in = {
	.part = "auth",
	.questions_max = AUTH_CHANNEL_REQUESTS_MAX,
	.asked = on_message_in,
	.left = on_auth_left,
};

const struct ctl_server_kind auth_channel_manager = {
	.part = "auth",
	.questions_max = AUTH_CHANNEL_LOGINS_MAX,
	.asked = on_message_manager,
	.left = on_auth_left,
};

const struct ctl_server_kind auth_channel_out = {
	.part = "auth",
	.questions_max = AUTH_CHANNEL_REQUESTS_MAX,
	.asked = on_message_out,
	.left = on_auth_left,
};
