/*
 * auth_request_account - whether an account of the manager is still what it was when somebody logged in by it
 *
 * Runs in:  auth; work on pool threads
 * Owns:     a name and a mark for each question
 * Promise:  no password is checked, so that nothing is delayed or counted
 * Fails by: AUTH_IN_LATER
 */
#include <stdio.h>
#include <string.h>

#include "common/account/secret.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

struct auth_request_account {
	struct auth_request request;
	char name[AUTH_IN_NAME_SIZE];
	uint8_t mark[AUTH_IN_MARK_SIZE];
};

static struct auth_request_account *
account_of(struct auth_request *x)
{
	return (struct auth_request_account *)x;
}

static size_t
sent_size_account(const void *answer)
{
	return msg_auth_in_answer_size(answer);
}

static void
refuse_account(void *answer, const char *why)
{
	((struct msg_auth_in_answer *)answer)->result = AUTH_IN_LATER;
}

static void
work_account(struct auth_request *x)
{
	const struct auth_request_account *q = account_of(x);
	const struct passwd_account *a = passwd_file_find(x->file->accounts, q->name);
	struct msg_auth_in_answer *answer = x->out;
	uint8_t mark[AUTH_IN_MARK_SIZE];

	answer->result = AUTH_IN_FAILED;
	if (a == NULL)
		return;
	password_check_mark(x->file->check, a, mark);
	if (!secret_is_same(mark, q->mark, sizeof(mark)))
		return;
	answer->result = AUTH_IN_OK;
	snprintf(answer->user, sizeof(answer->user), "%s", a->name);
}

static uint64_t
worked_account(struct auth_request *x)
{
	return 0;
}

static uint64_t
wait_account(struct auth_request *x)
{
	return 0;
}

static void
left_account(struct auth_request *x, uint64_t left_ms)
{
}

static bool
goes_on_account(const void *answer)
{
	return false;
}

static void
end_account(struct auth_request *x)
{
	explicit_bzero(account_of(x)->mark, sizeof(account_of(x)->mark));
}

static const struct auth_request_kind kind = {
	.lane = AUTH_LANE_IN,
	.answer = CTL_AUTH_IN_ANSWER,
	.answer_size = sizeof(struct msg_auth_in_answer),
	.sent_size = sent_size_account,
	.refuse = refuse_account,
	.work = work_account,
	.worked = worked_account,
	.wait = wait_account,
	.left = left_account,
	.goes_on = goes_on_account,
	.end = end_account,
};

/* The token is the mark, and the name behind it. */
void
auth_request_account_begin(struct auth *a, struct ctl_server *s, uint32_t request,
    const struct msg_auth_in_start *start)
{
	struct auth_request_account *x = mem_new(struct auth_request_account);
	size_t len = start->token.len;

	if (len > sizeof(x->mark) && len - sizeof(x->mark) < sizeof(x->name)) {
		memcpy(x->mark, start->token.data, sizeof(x->mark));
		memcpy(x->name, start->token.data + sizeof(x->mark), len - sizeof(x->mark));
	}
	x->request.kind = &kind;
	x->request.auth = a;
	auth_request_begin(&x->request, s, request, CTL_FILE_MANAGER_ACCOUNTS, "");
}
