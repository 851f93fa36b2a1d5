/*
 * refresh_keep - the latest refresh token of a profile: in use here, and on its way to the disk of the master
 *
 * Runs in:  fetch
 * Owns:     the token, and the time of the next try to keep it
 * Promise:  a token that cannot be kept is told, with what would follow, and shown by `posternctl status`
 *           until it is on disk; it is tried again after 1 s, twice as long each time up to 5 minutes
 * Fails by: events
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/fetch/fetch.h"

#define AGAIN_FIRST_MS 1000U
#define AGAIN_LAST_MS 300000U

static void
tell_trouble(const struct refresh_keep *r, const char *text)
{
	char *about = mem_printf("refresh token of %s", r->conf->name);

	boot_trouble(r->boot, about, text);
	free(about);
}

static void
send_token(struct refresh_keep *r)
{
	struct msg_token_keep *k = mem_new(struct msg_token_keep);
	struct buf text = BUF_INIT(TOKEN_KEEP_MAX);
	int error;

	refresh_file_format(&text, r->mark, r->token);
	snprintf(k->profile, sizeof(k->profile), "%s", r->conf->name);
	k->len = (uint16_t)text.len;
	memcpy(k->text, text.data, text.len);
	error = ctl_send(r->boot->master, CTL_TOKEN_KEEP, 0, k, msg_token_keep_size(k), -1) == -1 ? errno : 0;
	explicit_bzero(k, sizeof(*k));
	free(k);
	buf_wipe(&text);
	if (error != 0)
		refresh_keep_answered(r, error);
}

static void
on_keep_again(void *arg)
{
	struct refresh_keep *r = arg;

	if (r->token != NULL)
		send_token(r);
}

void
refresh_keep_init(struct refresh_keep *r, struct boot *b, const struct config_oauth *conf)
{
	*r = (struct refresh_keep){ .boot = b, .conf = conf };
	r->again = loop_timer_new(b->loop, on_keep_again, r);
}

void
refresh_keep_done(struct refresh_keep *r)
{
	loop_timer_free(r->again);
	oauth_files_forget(r->token);
}

void
refresh_keep_take(struct refresh_keep *r, const char *token)
{
	oauth_files_forget(r->token);
	r->token = mem_strdup(token);
	r->again_ms = 0;
	loop_timer_stop(r->again);
	send_token(r);
}

const char *
refresh_keep_choose(struct refresh_keep *r, const char *operators, const char *kept)
{
	char mark[REFRESH_FILE_MARK_SIZE];

	refresh_file_mark(mark, operators);
	if (r->token == NULL || strcmp(r->mark, mark) != 0) {
		if (r->again_ms > 0) {	/* the token that could not be kept is of no use now */
			r->again_ms = 0;
			loop_timer_stop(r->again);
			tell_trouble(r, "");
		}
		oauth_files_forget(r->token);
		r->token = kept != NULL ? refresh_file_parse(kept, mark) : NULL;
		memcpy(r->mark, mark, sizeof(mark));
	}
	return r->token != NULL ? r->token : operators;
}

static void
tell_failure(struct refresh_keep *r, int error)
{
	struct buf text = BUF_INIT(CTL_REASON_MAX);

	buf_printf(&text, "the new refresh token of profile %s cannot be kept in %s: %s; it would be lost at "
	    "the next restart, and a new consent be needed", r->conf->name, r->conf->kept_file,
	    strerror(error));
	log_event(LOG_FAULT, NULL, "trouble", "part=fetch profile=%s what=refresh-token reason=%s next=%.1fs",
	    r->conf->name, log_safe(buf_text(&text)), (double)r->again_ms / 1000);
	tell_trouble(r, buf_text(&text));
	buf_done(&text);
}

void
refresh_keep_answered(struct refresh_keep *r, int error)
{
	bool failed_before = r->again_ms > 0;

	if (error != 0) {
		r->again_ms = failed_before ? r->again_ms * 2 : AGAIN_FIRST_MS;
		r->again_ms = r->again_ms < AGAIN_LAST_MS ? r->again_ms : AGAIN_LAST_MS;
		tell_failure(r, error);
		loop_timer_set(r->again, r->again_ms);
		return;
	}
	r->again_ms = 0;
	tell_trouble(r, "");
	if (failed_before)
		log_event(LOG_FACT, NULL, "token", "profile=%s result=kept file=%s", r->conf->name,
		    log_safe(r->conf->kept_file));
}
