/*
 * sasl_client - one authentication of ours at a remote host, from start to its last word: file, thread,
 * answer
 *
 * Runs in:  auth; sasl_client_work on pool threads
 * Owns:     the state of one mechanism, the bytes under way
 * Promise:  one step of it at a time; deliver gets words, the secret itself only where the mechanism shows it
 *           to the peer, too; a KDC that does not answer holds up attests only, no client who wants to log in
 * Fails by: AUTH_OUT_FAILED, AUTH_OUT_LATER with a reason
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
nothing(struct sasl_client *x)
{
	(void)x;
}

static const struct mechanism {
	/* NULL: not ours */
	enum msg_auth_out_result (*step)(struct sasl_client *x, const struct msg_auth_in_token *challenge,
	    struct msg_auth_out_answer *out);
	void (*end)(struct sasl_client *x);
	enum ctl_file_kind file;
} mechanism_rows[] = {
	[AUTH_OUT_SCRAM_PLUS] = { sasl_client_scram, sasl_client_scram_end, CTL_FILE_SECRET },
	[AUTH_OUT_SCRAM] = { sasl_client_scram, sasl_client_scram_end, CTL_FILE_SECRET },
	[AUTH_OUT_GSSAPI] = { sasl_client_gssapi, sasl_client_gssapi_end, CTL_FILE_CLIENT_KEYTAB },
	[AUTH_OUT_OAUTHBEARER] = { NULL, nothing, CTL_FILE_SECRET },
	[AUTH_OUT_XOAUTH2] = { NULL, nothing, CTL_FILE_SECRET },
	[AUTH_OUT_PLAIN] = { sasl_client_plain, nothing, CTL_FILE_SECRET },
	[AUTH_OUT_LOGIN] = { sasl_client_login, nothing, CTL_FILE_SECRET },
};
static_assert(nitems_of(mechanism_rows) == AUTH_OUT_MECHANISMS, "one row a mechanism");

/* --- for the mechanisms --- */

enum msg_auth_out_result
sasl_client_fail(struct msg_auth_out_answer *out, enum msg_auth_out_result how, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->why, sizeof(out->why), fmt, ap);
	va_end(ap);
	for (char *p = out->why; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	return how;
}

enum msg_auth_out_result
sasl_client_plain(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	size_t user = strlen(x->start.user) + 1;

	(void)challenge;
	out->token.len = (uint16_t)(1 + user + x->file->secret_len);
	out->token.data[0] = '\0';	/* no authzid: we are who we are */
	memcpy(out->token.data + 1, x->start.user, user);
	memcpy(out->token.data + 1 + user, x->file->secret, x->file->secret_len);
	return AUTH_OUT_LAST;
}

/* Whatever it asks, in whatever words: first the name, then the password. */
enum msg_auth_out_result
sasl_client_login(struct sasl_client *x, const struct msg_auth_in_token *challenge,
    struct msg_auth_out_answer *out)
{
	if (challenge == NULL) {
		out->token.absent = true;
		return AUTH_OUT_WORD;
	}
	if (x->words == 1) {
		sasl_server_put(&out->token, x->start.user, strlen(x->start.user));
		return AUTH_OUT_WORD;
	}
	sasl_server_put(&out->token, x->file->secret, x->file->secret_len);
	return AUTH_OUT_LAST;
}

/* --- from start to end --- */

static void
free_out(struct sasl_client *x)
{
	if (x->out != NULL)
		explicit_bzero(x->out, msg_auth_out_answer_size(x->out));
	free(x->out);
	x->out = NULL;
}

static void
end(struct sasl_client *x)
{
	if (x->caller != NULL)
		auth_channel_attest_ended(x->caller, x);
	TAILQ_REMOVE(&x->auth->attests, x, all);
	mechanism_rows[x->start.mechanism].end(x);
	secret_files_release(x->file);
	msg_auth_in_token_forget(&x->in);
	free_out(x);
	free(x);
}

/* Sends the answer; x may be gone afterwards. After its last word it stays, for a peer that asks for more. */
static void
answer(struct sasl_client *x)
{
	bool goes_on = x->out->result == AUTH_OUT_WORD || x->out->result == AUTH_OUT_LAST;

	x->busy = false;
	x->words++;
	x->over = x->out->result == AUTH_OUT_LAST;
	if (x->caller != NULL)
		auth_channel_attest_answer(x->caller, x->request, x->out);
	free_out(x);
	if (!goes_on || x->caller == NULL)
		end(x);
}

void
sasl_client_work(void *arg, void **jobs, size_t n)
{
	struct sasl_client *x = jobs[0];

	(void)arg, (void)n;
	if (x->over)
		x->out->result = (uint8_t)sasl_client_fail(x->out, AUTH_OUT_FAILED,
		    "it asks on after the last word of %s", msg_auth_out_mechanism_names[x->start.mechanism]);
	else
		x->out->result = (uint8_t)mechanism_rows[x->start.mechanism].step(x, x->in, x->out);
}

void
sasl_client_worked(void *arg, void *job)
{
	struct sasl_client *x = job;

	(void)arg;
	msg_auth_in_token_forget(&x->in);
	answer(x);
}

static void
take_turn(struct sasl_client *x)
{
	x->out = mem_new(struct msg_auth_out_answer);
	pool_submit(x->auth->sasl_client_lane, x);
}

static void
on_file(void *arg, struct secret_file *f, const char *why)
{
	struct sasl_client *x = arg;

	x->file = f;
	if (f != NULL && x->caller != NULL) {
		take_turn(x);
		return;
	}
	x->out = mem_new(struct msg_auth_out_answer);
	x->out->result = (uint8_t)sasl_client_fail(x->out, AUTH_OUT_LATER, "%s", why);
	answer(x);
}

bool
sasl_client_begin(struct auth *a, struct auth_channel *c, uint32_t request,
    const struct msg_auth_out_start *s)
{
	struct sasl_client *x;

	if (mechanism_rows[s->mechanism].step == NULL)
		return false;
	x = mem_new(struct sasl_client);
	x->auth = a;
	x->caller = c;
	x->request = request;
	x->start = *s;
	x->busy = true;
	TAILQ_INSERT_TAIL(&a->attests, x, all);
	auth_channel_attest_take(c, x);
	secret_files_get(a->secret_files, auth_channel_server(c), s->domain,
	    mechanism_rows[s->mechanism].file, on_file, x);
	return true;
}

void
sasl_client_step(struct sasl_client *x, const struct msg_auth_in_token *t)
{
	if (x->busy)
		return; /* the worker waits for an answer before it sends more: this one is not ours */
	x->busy = true;
	x->in = msg_auth_in_token_copy(t);
	take_turn(x);
}

void
sasl_client_cancel(struct sasl_client *x)
{
	auth_channel_attest_ended(x->caller, x);
	x->caller = NULL;
	if (!x->busy)
		end(x);
}

void
sasl_client_end_all(struct auth *a)
{
	struct sasl_client *x;

	while ((x = TAILQ_FIRST(&a->attests)) != NULL)
		end(x);
}
