/*
 * auth_request_out - our own authentication at a remote host: what auth_request does with a sasl_client
 *
 * Runs in:  auth; work on pool threads
 * Owns:     a sasl_client for each request
 * Promise:  deliver gets words, and the secret itself only where the mechanism shows it to the peer, too; a
 *           KDC that does not answer delays requests of this kind only, no client that wants to log in
 * Fails by: AUTH_OUT_FAILED, AUTH_OUT_LATER with a reason
 */
#include "common/base/mem.h"
#include "listener/auth/auth.h"

struct auth_request_out {
	struct auth_request request;
	struct sasl_client sasl;
};

static size_t
sent_size_out(const void *answer)
{
	return msg_auth_out_answer_size(answer);
}

/* After its last word it stays, for a peer that asks for more. */
static bool
goes_on_out(const void *answer)
{
	const struct msg_auth_out_answer *out = answer;

	return out->result == AUTH_OUT_WORD || out->result == AUTH_OUT_LAST;
}

static void
refuse_out(void *answer, const char *why)
{
	struct msg_auth_out_answer *out = answer;

	out->result = (uint8_t)sasl_answer_fail(out, AUTH_OUT_LATER, "%s", why);
}

static void
work_out(struct auth_request *x)
{
	struct sasl_client *c = &((struct auth_request_out *)x)->sasl;

	c->file = x->file;
	sasl_client_step(c, x->in, x->out);
}

static uint64_t
worked_out(struct auth_request *x)
{
	return 0;
}

static uint64_t
wait_out(struct auth_request *x)
{
	return 0;
}

static void
left_out(struct auth_request *x, uint64_t left_ms)
{
}

static void
end_out(struct auth_request *x)
{
	sasl_client_done(&((struct auth_request_out *)x)->sasl);
}

static const struct auth_request_kind kind = {
	.lane = AUTH_LANE_OUT,
	.answer = CTL_AUTH_OUT_ANSWER,
	.answer_size = sizeof(struct msg_auth_out_answer),
	.sent_size = sent_size_out,
	.refuse = refuse_out,
	.work = work_out,
	.worked = worked_out,
	.wait = wait_out,
	.left = left_out,
	.goes_on = goes_on_out,
	.end = end_out,
};

bool
auth_request_out_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_out_start *start)
{
	enum msg_auth_out_mechanism mechanism = (enum msg_auth_out_mechanism)start->mechanism;
	struct auth_request_out *x;

	if (!sasl_client_is_ours(mechanism))
		return false;
	x = mem_new(struct auth_request_out);
	x->sasl.start = *start;
	x->request.kind = &kind;
	x->request.auth = a;
	auth_request_begin(&x->request, s, request, sasl_client_file_kind(mechanism), start->domain);
	return true;
}
