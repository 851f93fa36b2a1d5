/*
 * fetch - the program: gets OAuth2 access tokens and MTA-STS policies for the deliver processes of all
 * virtual servers, and posts their reports about TLS
 *
 * Runs in:  fetch
 * Owns:     the profiles and their tokens, the policies, the channels, libcurl
 * Promise:  connects to token endpoints, policy hosts and takers of reports over https only; tokens are in
 *           its memory only, and no secret is in the log. A virtual server gets the tokens of the profiles
 *           that its configuration names
 * Fails by: "later" with a reason; a deliver process that misbehaves loses its channel, nothing else
 */
#include "deliver/fetch/fetch.h"

#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "common/base/log.h"
#include "common/base/mem.h"

static void
run_fetch(struct boot *b)
{
	struct fetch *f = mem_new(struct fetch);

	b->state = f;
	f->boot = b;
	/* Random: a deliver process may still refuse a token, by its serial, that an earlier helper gave. */
	f->serial = arc4random();
	ctl_server_list_init(&f->channels, b->loop, f);
	TAILQ_INIT(&f->profiles);
	f->https = https_new(b->loop);
	f->files = oauth_files_new(b);
	f->policies = policy_table_new(f);
	f->posts = report_post_new(f);
	oauth_profile_open_all(f);
	boot_ready(b);
}

static void
on_fetch_channel(struct fetch *f, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (boot_helper_introduced(m, &channel))
		ctl_server_join(&f->channels, &fetch_channel, m, &channel);
}

static void
on_kept(struct fetch *f, const struct ctl_message *m)
{
	struct msg_token_kept kept;
	struct oauth_profile *p;

	memcpy(&kept, m->data, sizeof(kept));
	kept.profile[sizeof(kept.profile) - 1] = '\0';
	p = oauth_profile_find(f, kept.profile);
	if (p != NULL)
		oauth_profile_kept(p, kept.error);
}

static void
on_test(struct fetch *f, const struct ctl_message *m)
{
	struct oauth_test *t = oauth_test_new(f, m->request);
	struct msg_token_test what;
	struct oauth_profile *p;

	memcpy(&what, m->data, sizeof(what));
	what.profile[sizeof(what.profile) - 1] = '\0';
	p = oauth_profile_find(f, what.profile);
	if (p != NULL)
		oauth_profile_test(p, t);
	else
		oauth_test_refuse(t);
}

static void
on_fetch_control(struct boot *b, const struct ctl_message *m)
{
	struct fetch *f = b->state;

	switch (m->type) {
	case CTL_CHANNEL:
		on_fetch_channel(f, m);
		break;
	case CTL_FILE:
		if (!report_post_opened(f->posts, m) && !policy_table_opened(f->policies, m))
			oauth_files_opened(f->files, m);
		break;
	case CTL_TOKEN_KEPT:
		on_kept(f, m);
		break;
	case CTL_OAUTH_TEST:
		on_test(f, m);
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
finish_fetch(struct boot *b)
{
	struct fetch *f = b->state;

	ctl_server_list_done(&f->channels);
	oauth_profile_close_all(f);
	policy_table_free(f->policies);
	report_post_free(f->posts);
	oauth_files_free(f->files);
	https_free(f->https);
	free(f);
	b->state = NULL;
}

const struct boot_role fetch_role = {
	.name = "fetch",
	.title = "gets OAuth2 tokens and MTA-STS policies",
	.per_server = false,
	.user = offsetof(struct config_service, fetch_user),
	.run = run_fetch,
	.on_control = on_fetch_control,
	.finish = finish_fetch,
};
