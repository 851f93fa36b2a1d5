/*
 * fetch_channel - what one deliver process asks the fetch helper
 *
 * Runs in:  fetch
 * Owns:     nothing: questions are oauth_profile's, policy_table's and report_post's
 * Promise:  every question is answered; about tokens only of profiles that the virtual server uses; at most
 *           FETCH_CHANNEL_QUESTIONS_MAX of one worker are open
 * Fails by: a malformed question ends this worker's channel only
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"

#define FETCH_CHANNEL_QUESTIONS_MAX 2000

static void
refuse_token(struct ctl_server *s, uint32_t request, const char *why)
{
	struct msg_token_answer a = { .result = TOKEN_LATER };

	snprintf(a.text, sizeof(a.text), "%s", why);
	ctl_server_answer(s, CTL_TOKEN_ANSWER, request, &a, msg_token_answer_size(&a), -1);
}

static void
refuse_report(struct ctl_server *s, uint32_t request)
{
	struct msg_report_answer a = { .status = 0, .text = "the virtual server makes no reports" };

	ctl_server_answer(s, CTL_REPORT_ANSWER, request, &a, sizeof(a), -1);
}

static bool
on_token_ask(struct fetch *f, struct ctl_server *s, const struct ctl_message *m)
{
	const struct config_server *server = config_server_by_name(f->boot->config, ctl_server_server(s));
	struct oauth_profile *p;
	struct msg_token_ask a;

	if (!msg_token_ask_take(&a, m->data, m->len))
		return false;
	p = oauth_profile_find(f, a.profile);
	if (p == NULL || server == NULL || !config_oauth_is_used(server, a.profile))
		refuse_token(s, m->request, "the virtual server has no such profile");
	else if (ctl_server_is_full(s))
		refuse_token(s, m->request, "too many wait for a token");
	else
		oauth_profile_ask(p, a.refused, s, m->request);
	return true;
}

static bool
on_policy_ask(struct fetch *f, struct ctl_server *s, const struct ctl_message *m)
{
	struct msg_policy_ask a;

	if (!msg_policy_ask_take(&a, m->data, m->len) || ctl_server_is_full(s))
		return false;
	policy_table_ask(f->policies, &a, s, m->request);
	return true;
}

/* A report is too large for the stack. */
static bool
on_report_ask(struct fetch *f, struct ctl_server *s, const struct ctl_message *m)
{
	const struct config_server *server = config_server_by_name(f->boot->config, ctl_server_server(s));
	struct msg_report_ask *a = mem_new(struct msg_report_ask);
	bool good = msg_report_ask_take(a, m->data, m->len) && !ctl_server_is_full(s);

	if (good && server != NULL && server->tls_reports)
		report_post_ask(f->posts, a, s, m->request);
	else if (good)
		refuse_report(s, m->request);
	free(a);
	return good;
}

static bool
on_ask(void *arg, struct ctl_server *s, const struct ctl_message *m)
{
	if (m->type == CTL_TOKEN_ASK)
		return on_token_ask(arg, s, m);
	if (m->type == CTL_REPORT_ASK)
		return on_report_ask(arg, s, m);
	return m->type == CTL_POLICY_ASK && on_policy_ask(arg, s, m);
}

const struct ctl_server_kind fetch_channel = {
	.part = "fetch",
	.questions_max = FETCH_CHANNEL_QUESTIONS_MAX,
	.asked = on_ask,
};
