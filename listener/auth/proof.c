/*
 * proof - the table of mechanisms, and what they share: who is claimed, which account that is
 *
 * Runs in:  auth, on pool threads
 * Owns:     the state of one mechanism
 * Promise:  a client is only ever itself: no mechanism gives it another's name
 * Fails by: enum vouch_result
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

static const struct mechanism {
	enum vouch_result (*step)(struct proof *p, const struct vouch_token *in, struct vouch_token *out);
	void (*end)(struct proof *p);
	enum ctl_file_kind file;
} mechanism_rows[] = {
	[VOUCH_PLAIN] = { basic_plain, basic_end, CTL_FILE_PASSWORDS },
	[VOUCH_LOGIN] = { basic_login, basic_end, CTL_FILE_PASSWORDS },
	[VOUCH_SCRAM] = { scram_step, scram_end, CTL_FILE_PASSWORDS },
	[VOUCH_SCRAM_PLUS] = { scram_step, scram_end, CTL_FILE_PASSWORDS },
	[VOUCH_GSSAPI] = { kerberos_step, kerberos_end, CTL_FILE_KEYTAB },
};
static_assert(nitems_of(mechanism_rows) == VOUCH_MECHANISMS, "one row a mechanism");

struct proof *
proof_new(const struct vouch_start *s, const struct vault_file *file)
{
	struct proof *p = mem_new(struct proof);
	memcpy(&p->start, s, offsetof(struct vouch_start, token));
	p->file = file;
	return p;
}

void
proof_free(struct proof *p)
{
	mechanism_rows[p->start.mechanism].end(p);
	explicit_bzero(p, sizeof(*p));
	free(p);
}

enum ctl_file_kind
proof_file_kind(enum vouch_mechanism m)
{
	return mechanism_rows[m].file;
}

void
proof_put(struct vouch_token *out, const void *data, size_t len)
{
	out->len = len <= sizeof(out->data) ? (uint16_t)len : 0;
	memcpy(out->data, data, out->len);
}

void
proof_step(struct proof *p, const struct vouch_token *in, struct vouch_answer *out)
{
	memset(out, 0, offsetof(struct vouch_answer, token.data));
	enum vouch_result result = p->proved ? (in->len == 0 ? VOUCH_OK : VOUCH_FAILED) :
	    mechanism_rows[p->start.mechanism].step(p, in, &out->token);
	/* SMTP has no place for bytes beside the 235: they go before it, and the client answers with nothing (RFC 4954 4). */
	if (result == VOUCH_OK && out->token.len > 0) {
		p->proved = true;
		result = VOUCH_CHALLENGE;
	}
	out->result = (uint8_t)result;
	if (result == VOUCH_OK)
		snprintf(out->user, sizeof(out->user), "%s", p->user);
}

bool
proof_claim(struct proof *p, const char *name, size_t len)
{
	const char *domain = p->start.domain;
	p->user[0] = '\0';
	if (!account_name_is_good(name, len))
		return false;
	bool bare = memchr(name, '\\', len) == NULL && memchr(name, '@', len) == NULL && domain[0] != '\0';
	int n = snprintf(p->user, sizeof(p->user), "%s%s%.*s", bare ? domain : "", bare ? "\\" : "", (int)len, name);
	if (n > 0 && (size_t)n < sizeof(p->user))
		return true;
	p->user[0] = '\0';
	return false;
}

const struct account *
proof_account(const struct proof *p)
{
	const struct account *a = account_find(p->file->accounts, p->user);
	size_t n = strlen(p->start.domain);
	if (a == NULL && n > 0 && strncasecmp(p->user, p->start.domain, n) == 0 && p->user[n] == '\\')
		a = account_find(p->file->accounts, p->user + n + 1);
	return a;
}

bool
proof_is_self(const struct proof *p, const char *authzid, size_t len)
{
	const char *bare = strrchr(p->user, '\\');
	if (len == 0)
		return true;
	if (strlen(p->user) == len && strncasecmp(p->user, authzid, len) == 0)
		return true;
	return bare != NULL && p->start.domain[0] != '\0' && strlen(bare + 1) == len && strncasecmp(bare + 1, authzid, len) == 0;
}
