/*
 * auth_request_in - the authentication of a client: what auth_request does with a sasl_server
 *
 * Runs in:  auth; work on pool threads
 * Owns:     a sasl_server for each request
 * Promise:  a failure is answered late, and later each time, a success at once; one event for each outcome,
 *           for guesses refused at once one a second for an account
 * Fails by: AUTH_IN_LATER
 */
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

#define LARGE_BYTES_MAX (32U << 20)

struct auth_request_in {
	struct auth_request request;
	struct sasl_server *sasl;
	char server[64];
	struct auth_throttle_who who;
	struct auth_throttle_guess guess;
	struct auth_shared_questions shared;
};

static struct auth_request_in *
in_of(struct auth_request *x)
{
	return (struct auth_request_in *)x;
}

static struct sasl_server *
sasl_of(struct auth_request *x)
{
	return in_of(x)->sasl;
}

/* Who the client claims to be so far. */
static const struct auth_throttle_who *
who_of(struct auth_request *x)
{
	struct auth_request_in *in = in_of(x);
	char name[AUTH_IN_NAME_SIZE];

	sasl_name_format_key(in->sasl, name, sizeof(name));
	snprintf(in->who.account, sizeof(in->who.account), "%s %s", in->server, name);
	return &in->who;
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
log_outcome_and(struct auth_request *x, const char *result, const char *more)
{
	const struct sasl_server *p = sasl_of(x);

	log_event(LOG_FACT, NULL, "auth", "server=%s result=%s user=%s client=%s mechanism=%s%s%s%s",
	    in_of(x)->server, result, log_safe(p->user[0] != '\0' ? p->user : NULL), p->start.client,
	    msg_auth_in_mechanism_names[p->start.mechanism], p->reason[0] != '\0' ? " reason=" : "",
	    p->reason[0] != '\0' ? log_safe(p->reason) : "", more);
}

static void
log_outcome(struct auth_request *x, const char *result)
{
	log_outcome_and(x, result, "");
}

static uint64_t
worked_in(struct auth_request *x)
{
	const struct msg_auth_in_answer *out = x->out;
	struct auth_throttle *t = x->auth->throttle;

	uint64_t delay_ms = 0;

	switch (out->result) {
	case AUTH_IN_FAILED:
		log_outcome(x, "failed");
		delay_ms = auth_throttle_fail(t, who_of(x), clock_mono_ms());
		auth_shared_fail(x->auth->shared, &in_of(x)->who, x, &in_of(x)->shared);
		break;
	case AUTH_IN_OK:
		if (auth_throttle_succeed(t, who_of(x)))
			auth_shared_succeed(x->auth->shared, &in_of(x)->who);
		log_outcome(x, "ok");
		auth_seen_note(x->auth->seen, in_of(x)->server, out->user, clock_wall_us() / 1000000);
		break;
	case AUTH_IN_LATER:
		log_outcome(x, "later");
		break;
	default:
		return 0;
	}
	auth_throttle_decide(t, who_of(x), &in_of(x)->guess);
	return delay_ms;
}

static void
log_refused_guess(struct auth_request *x)
{
	struct sasl_server *p = sasl_of(x);
	unsigned unreported;
	char more[40];

	if (!auth_throttle_may_tell(x->auth->throttle, who_of(x), clock_mono_ms(), &unreported))
		return;
	snprintf(p->reason, sizeof(p->reason), "too many guesses at this account");
	snprintf(more, sizeof(more), " unreported=%u", unreported);
	log_outcome_and(x, "later", more);
}

/*
 * A client that has named itself, and not proved it, sends what is checked. A ticket cannot be guessed: it
 * never waits for those that guess at a password of that name.
 */
static uint64_t
wait_in(struct auth_request *x)
{
	struct sasl_server *p = sasl_of(x);
	bool guess;
	uint64_t wait_ms;

	sasl_server_claim(p, x->in);
	guess = p->user[0] != '\0' && !p->proved &&
	    sasl_server_has_password((enum msg_auth_in_mechanism)p->start.mechanism);
	wait_ms = auth_throttle_wait(x->auth->throttle, who_of(x), guess ? &in_of(x)->guess : NULL,
	    clock_mono_ms());
	if (wait_ms == AUTH_THROTTLE_NEVER)
		log_refused_guess(x);
	return wait_ms;
}

static void
left_in(struct auth_request *x, uint64_t left_ms)
{
	auth_throttle_leave(x->auth->throttle, who_of(x), left_ms, clock_mono_ms());
}

static bool
is_resting(const struct auth_request *x)
{
	return x->state == AUTH_REQUEST_HELD || x->state == AUTH_REQUEST_DELAYED ||
	    x->state == AUTH_REQUEST_IDLE;
}

/* Clients that are not known yet have LARGE_BYTES_MAX together: the oldest that rests makes room. */
static bool
make_room(struct auth *a, size_t len, const struct auth_request *but)
{
	struct auth_request *x;

	while (len > AUTH_IN_TOKEN_USUAL && a->large_bytes + len > LARGE_BYTES_MAX) {
		TAILQ_FOREACH(x, &a->requests, all)
			if (x->kind->admit != NULL && x->large_bytes > 0 && x != but && is_resting(x))
				break;
		if (x == NULL)
			return false;
		log_outcome(x, "replaced");
		auth_request_give_place(x);
	}
	return true;
}

static bool
admit_in(struct auth_request *x, size_t len)
{
	return make_room(x->auth, len, x);
}

static void
end_in(struct auth_request *x)
{
	auth_throttle_decide(x->auth->throttle, who_of(x), &in_of(x)->guess);
	auth_shared_forget(&in_of(x)->shared);
	sasl_server_free(sasl_of(x));
}

static const struct auth_request_kind kind = {
	.lane = AUTH_LANE_IN,
	.answer = CTL_AUTH_IN_ANSWER,
	.answer_size = sizeof(struct msg_auth_in_answer),
	.sent_size = sent_size_in,
	.refuse = refuse_in,
	.work = work_in,
	.admit = admit_in,
	.worked = worked_in,
	.wait = wait_in,
	.left = left_in,
	.goes_on = goes_on_in,
	.end = end_in,
};

/* Places are short: who waits for its client gives way to who works. */
static bool
make_place(struct auth *a, const struct ctl_server *s, const uint8_t address[16])
{
	struct auth_request *x = auth_turn_find_victim(&a->turns, address, s);

	if (x == NULL)
		return false;
	log_outcome(x, "replaced");
	auth_request_give_place(x);
	return true;
}

bool
auth_request_in_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_in_start *start)
{
	uint8_t address[16];
	struct auth_turn *v = NULL;
	struct auth_request_in *x;

	if (!make_room(a, start->token.len, NULL))
		return false;
	auth_turn_make_key(address, start->client);
	while (ctl_server_is_full(s) || (v = auth_turn_enter(&a->turns, address)) == NULL)
		if (!make_place(a, s, address))
			return false;
	x = mem_new(struct auth_request_in);
	x->sasl = sasl_server_new(start, NULL);
	snprintf(x->server, sizeof(x->server), "%s",
	    *ctl_server_server(s) != '\0' ? ctl_server_server(s) : "-");
	memcpy(x->who.address, address, sizeof(address));
	x->request.kind = &kind;
	x->request.auth = a;
	x->request.turn = v;
	auth_request_take(&x->request, &start->token);
	auth_request_begin(&x->request, s, request,
	    sasl_server_file_kind((enum msg_auth_in_mechanism)start->mechanism), "");
	return true;
}
