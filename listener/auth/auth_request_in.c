/*
 * auth_request_in - the authentication of a client: what auth_request does with a sasl_server
 *
 * Runs in:  auth; work on pool threads
 * Owns:     a sasl_server for each request
 * Promise:  a failure is answered late, and later each time; one event for each outcome
 * Fails by: AUTH_IN_LATER
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

struct auth_request_in {
	struct auth_request request;
	struct sasl_server *sasl;
};

static struct sasl_server *
sasl_of(const struct auth_request *x)
{
	return ((const struct auth_request_in *)x)->sasl;
}

static size_t
sent_size_in(const void *answer)
{
	return msg_auth_in_answer_size(answer);
}

static bool
goes_on_in(const void *answer)
{
	return ((const struct msg_auth_in_answer *)answer)->result == AUTH_IN_CHALLENGE;
}

/* Why is in the log already, by secret_files. */
static void
refuse_in(void *answer, const char *why)
{
	((struct msg_auth_in_answer *)answer)->result = AUTH_IN_LATER;
}

static void
work_in(struct auth_request *x)
{
	struct sasl_server *p = sasl_of(x);

	p->file = x->file;
	sasl_server_step(p, x->in, x->out);
}

static void
log_outcome(const struct auth_request *x, const char *result)
{
	const struct sasl_server *p = sasl_of(x);

	log_event(LOG_FACT, NULL, "auth", "server=%s result=%s user=%s client=%s mechanism=%s%s%s",
	    x->open.server != NULL ? ctl_server_server(x->open.server) : "-", result,
	    log_safe(p->user[0] != '\0' ? p->user : NULL), p->start.client,
	    msg_auth_in_mechanism_names[p->start.mechanism], p->reason[0] != '\0' ? " reason=" : "",
	    p->reason[0] != '\0' ? log_safe(p->reason) : "");
}

static uint64_t
worked_in(struct auth_request *x)
{
	const struct msg_auth_in_answer *out = x->out;

	switch (out->result) {
	case AUTH_IN_FAILED:
		log_outcome(x, "failed");
		return auth_throttle_fail(x->throttle, clock_mono_ms());
	case AUTH_IN_OK:
		auth_throttle_succeed(x->throttle);
		log_outcome(x, "ok");
		break;
	case AUTH_IN_LATER:
		log_outcome(x, "later");
		break;
	default:
		break;
	}
	return 0;
}

static void
end_in(struct auth_request *x)
{
	sasl_server_free(sasl_of(x));
}

static const struct auth_request_kind kind = {
	.lane = AUTH_LANE_IN,
	.answer = CTL_AUTH_IN_ANSWER,
	.answer_size = sizeof(struct msg_auth_in_answer),
	.sent_size = sent_size_in,
	.refuse = refuse_in,
	.work = work_in,
	.worked = worked_in,
	.goes_on = goes_on_in,
	.end = end_in,
};

bool
auth_request_in_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_in_start *start)
{
	struct auth_throttle *v = auth_throttle_enter(a->throttles, start->client);
	struct auth_request_in *x;

	if (v == NULL)
		return false;
	x = mem_new(struct auth_request_in);
	x->sasl = sasl_server_new(start, NULL);
	x->request.kind = &kind;
	x->request.auth = a;
	x->request.throttle = v;
	x->request.in = msg_auth_in_token_copy(&start->token);
	auth_request_begin(&x->request, s, request,
	    sasl_server_file_kind((enum msg_auth_in_mechanism)start->mechanism), "");
	return true;
}
