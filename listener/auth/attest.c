/*
 * attest - one authentication of ours at a remote host, from start to its last word: file, thread, answer
 *
 * Runs in:  auth; attest_work on pool threads
 * Owns:     the state of one mechanism, the bytes under way
 * Promise:  one step of it at a time; deliver gets words, the secret itself only where the mechanism shows it to the peer, too;
 *           a KDC that does not answer holds up attests only, no client who wants to log in
 * Fails by: PROVE_FAILED, PROVE_LATER with a reason
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

static void
nothing(struct attest *x)
{
	(void)x;
}

static const struct mechanism {
	enum prove_result (*step)(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out);	/* NULL: not ours */
	void (*end)(struct attest *x);
	enum ctl_file_kind file;
} mechanism_rows[] = {
	[PROVE_SCRAM_PLUS] = { attest_scram, attest_scram_end, CTL_FILE_SECRET },
	[PROVE_SCRAM] = { attest_scram, attest_scram_end, CTL_FILE_SECRET },
	[PROVE_GSSAPI] = { attest_kerberos, attest_kerberos_end, CTL_FILE_CLIENT_KEYTAB },
	[PROVE_OAUTHBEARER] = { NULL, nothing, CTL_FILE_SECRET },
	[PROVE_XOAUTH2] = { NULL, nothing, CTL_FILE_SECRET },
	[PROVE_PLAIN] = { attest_plain, nothing, CTL_FILE_SECRET },
	[PROVE_LOGIN] = { attest_login, nothing, CTL_FILE_SECRET },
};
static_assert(nitems_of(mechanism_rows) == PROVE_MECHANISMS, "one row a mechanism");

/* --- for the mechanisms --- */

enum prove_result
attest_fail(struct prove_answer *out, enum prove_result how, const char *fmt, ...)
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

enum prove_result
attest_plain(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out)
{
	size_t user = strlen(x->start.user) + 1;

	(void)challenge;
	out->token.len = (uint16_t)(1 + user + x->file->secret_len);
	out->token.data[0] = '\0';	/* no authzid: we are who we are */
	memcpy(out->token.data + 1, x->start.user, user);
	memcpy(out->token.data + 1 + user, x->file->secret, x->file->secret_len);
	return PROVE_LAST;
}

/* Whatever it asks, in whatever words: first the name, then the password. */
enum prove_result
attest_login(struct attest *x, const struct vouch_token *challenge, struct prove_answer *out)
{
	if (challenge == NULL) {
		out->token.absent = true;
		return PROVE_WORD;
	}
	if (x->words == 1) {
		proof_put(&out->token, x->start.user, strlen(x->start.user));
		return PROVE_WORD;
	}
	proof_put(&out->token, x->file->secret, x->file->secret_len);
	return PROVE_LAST;
}

/* --- from start to end --- */

static void
free_out(struct attest *x)
{
	if (x->out != NULL)
		explicit_bzero(x->out, prove_answer_size(x->out));
	free(x->out);
	x->out = NULL;
}

static void
end(struct attest *x)
{
	if (x->caller != NULL)
		caller_attest_ended(x->caller, x);
	TAILQ_REMOVE(&x->auth->attests, x, all);
	mechanism_rows[x->start.mechanism].end(x);
	vault_release(x->file);
	vouch_token_forget(&x->in);
	free_out(x);
	free(x);
}

/* Sends the answer; x may be gone afterwards. After its last word it stays, for a peer that asks for more. */
static void
answer(struct attest *x)
{
	bool goes_on = x->out->result == PROVE_WORD || x->out->result == PROVE_LAST;

	x->busy = false;
	x->words++;
	x->over = x->out->result == PROVE_LAST;
	if (x->caller != NULL)
		caller_attest_answer(x->caller, x->request, x->out);
	free_out(x);
	if (!goes_on || x->caller == NULL)
		end(x);
}

void
attest_work(void *arg, void **jobs, size_t n)
{
	struct attest *x = jobs[0];

	(void)arg, (void)n;
	if (x->over)
		x->out->result = (uint8_t)attest_fail(x->out, PROVE_FAILED, "it asks on after the last word of %s",
		    prove_mechanism_names[x->start.mechanism]);
	else
		x->out->result = (uint8_t)mechanism_rows[x->start.mechanism].step(x, x->in, x->out);
}

void
attest_worked(void *arg, void *job)
{
	struct attest *x = job;

	(void)arg;
	vouch_token_forget(&x->in);
	answer(x);
}

static void
take_turn(struct attest *x)
{
	x->out = mem_new(struct prove_answer);
	pool_submit(x->auth->attest_lane, x);
}

static void
on_file(void *arg, struct vault_file *f, const char *why)
{
	struct attest *x = arg;

	x->file = f;
	if (f != NULL && x->caller != NULL) {
		take_turn(x);
		return;
	}
	x->out = mem_new(struct prove_answer);
	x->out->result = (uint8_t)attest_fail(x->out, PROVE_LATER, "%s", why);
	answer(x);
}

bool
attest_begin(struct auth *a, struct caller *c, uint32_t request, const struct prove_start *s)
{
	if (mechanism_rows[s->mechanism].step == NULL)
		return false;
	struct attest *x = mem_new(struct attest);
	x->auth = a;
	x->caller = c;
	x->request = request;
	x->start = *s;
	x->busy = true;
	TAILQ_INSERT_TAIL(&a->attests, x, all);
	caller_attest_take(c, x);
	vault_get(a->vault, caller_server(c), s->domain, mechanism_rows[s->mechanism].file, on_file, x);
	return true;
}

void
attest_step(struct attest *x, const struct vouch_token *t)
{
	if (x->busy)
		return; /* the worker waits for an answer before it sends more: this one is not ours */
	x->busy = true;
	x->in = vouch_token_copy(t);
	take_turn(x);
}

void
attest_cancel(struct attest *x)
{
	caller_attest_ended(x->caller, x);
	x->caller = NULL;
	if (!x->busy)
		end(x);
}

void
attest_end_all(struct auth *a)
{
	struct attest *x;

	while ((x = TAILQ_FIRST(&a->attests)) != NULL)
		end(x);
}
