/*
 * sasl_server - authenticates a client: the table of mechanisms
 *
 * Runs in:  auth, on pool threads
 * Owns:     the state of one mechanism
 * Promise:  AUTH_IN_OK comes with the name that was proved, and for SMTP with no bytes for the client
 * Fails by: enum msg_auth_in_result
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

static const struct mechanism {
	enum msg_auth_in_result (*step)(struct sasl_server *p, const struct msg_auth_in_token *in,
	    struct msg_auth_in_token *out);
	void (*end)(struct sasl_server *p);
	enum ctl_file_kind file;
	void (*claim)(struct sasl_server *p, const struct msg_auth_in_token *in);	/* NULL: nothing */
	bool manager;		/* of the manager, whose answer has a place for bytes beside OK */
} mechanism_rows[] = {
	[AUTH_IN_PLAIN] = { sasl_server_plain_plain, sasl_server_plain_end, CTL_FILE_PASSWORDS,
	    sasl_server_plain_claim },
	[AUTH_IN_LOGIN] = { sasl_server_plain_login, sasl_server_plain_end, CTL_FILE_PASSWORDS, NULL },
	[AUTH_IN_SCRAM] = { sasl_server_scram_step, sasl_server_scram_end, CTL_FILE_PASSWORDS, NULL },
	[AUTH_IN_SCRAM_PLUS] = { sasl_server_scram_step, sasl_server_scram_end, CTL_FILE_PASSWORDS, NULL },
	[AUTH_IN_GSSAPI] = { sasl_server_gssapi_step, sasl_server_gssapi_end, CTL_FILE_KEYTAB, NULL },
	[AUTH_IN_PASSWORD] = { sasl_server_plain_password, sasl_server_plain_end, CTL_FILE_MANAGER_ACCOUNTS,
	    sasl_server_plain_claim, true },
	[AUTH_IN_NEGOTIATE] = { sasl_server_gssapi_negotiate, sasl_server_gssapi_end, CTL_FILE_MANAGER_KEYTAB,
	    NULL, true },
	/* auth_request_account */
	[AUTH_IN_ACCOUNT] = { .file = CTL_FILE_MANAGER_ACCOUNTS, .manager = true },
};
static_assert(nitems_of(mechanism_rows) == AUTH_IN_MECHANISMS, "one row a mechanism");

/* There are thousands at a time: the token of the start has no place in them. */
#define SASL_SERVER_SIZE offsetof(struct sasl_server, start.token)

struct sasl_server *
sasl_server_new(const struct msg_auth_in_start *s, const struct secret_file *file)
{
	struct sasl_server *p = mem_zalloc(SASL_SERVER_SIZE);

	memcpy(&p->start, s, offsetof(struct msg_auth_in_start, token));
	p->file = file;
	return p;
}

void
sasl_server_free(struct sasl_server *p)
{
	mechanism_rows[p->start.mechanism].end(p);
	explicit_bzero(p, SASL_SERVER_SIZE);
	free(p);
}

enum ctl_file_kind
sasl_server_file_kind(enum msg_auth_in_mechanism m)
{
	return mechanism_rows[m].file;
}

bool
sasl_server_has_password(enum msg_auth_in_mechanism m)
{
	return mechanism_rows[m].file == CTL_FILE_PASSWORDS ||
	    mechanism_rows[m].file == CTL_FILE_MANAGER_ACCOUNTS;
}

bool
sasl_server_is_of_manager(enum msg_auth_in_mechanism m)
{
	return mechanism_rows[m].manager;
}

void
sasl_server_claim(struct sasl_server *p, const struct msg_auth_in_token *in)
{
	if (mechanism_rows[p->start.mechanism].claim != NULL && !p->proved)
		mechanism_rows[p->start.mechanism].claim(p, in);
}

void
sasl_server_step(struct sasl_server *p, const struct msg_auth_in_token *in, struct msg_auth_in_answer *out)
{
	enum msg_auth_in_result result;

	memset(out, 0, offsetof(struct msg_auth_in_answer, token.data));
	result = p->proved ? (in->len == 0 ? AUTH_IN_OK : AUTH_IN_FAILED) :
	    mechanism_rows[p->start.mechanism].step(p, in, &out->token);
	/*
	 * SMTP has no place for bytes beside the 235: they go before it, and the client answers with nothing
	 * (RFC 4954 4).
	 */
	if (result == AUTH_IN_OK && out->token.len > 0 && !mechanism_rows[p->start.mechanism].manager) {
		p->proved = true;
		result = AUTH_IN_CHALLENGE;
	}
	out->result = (uint8_t)result;
	if (result == AUTH_IN_OK)
		snprintf(out->user, sizeof(out->user), "%s", p->user);
}
