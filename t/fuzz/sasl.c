/*
 * sasl - what clients send in PLAIN, LOGIN and SCRAM: no client gets in without a password. The first byte
 * chooses mechanism and binding; then messages, each behind two bytes of length.
 */
#include <gsasl.h>

#include "t/fuzz/fuzz.h"
#include "common/account/passwd_file.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

/* RFC 7677 section 3: user "user", password "pencil"; with fewer rounds nothing else changes. */
static const char accounts[] =
    "user:{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=\n";

static void
no_fault(void *arg, unsigned line, const char *why)
{
	(void)arg, (void)line, (void)why;
	abort();
}

/*
 * The last token holds the password, for all to see; whoever compares passwords compares what SASLprep makes of
 * them (RFC 4013): "pen", a soft hyphen and "cil" are "pencil". SCRAM needs a proof that no input finds by chance.
 */
static bool
may_succeed(enum msg_auth_in_mechanism m, const struct msg_auth_in_token *last)
{
	const char *text = (const char *)last->data, *end = text + last->len;
	char *password, *prepared = NULL;
	bool good;

	if (m != AUTH_IN_PLAIN && m != AUTH_IN_LOGIN)
		return false;
	for (unsigned i = 0; m == AUTH_IN_PLAIN && i < 2; i++) {
		text = memchr(text, '\0', (size_t)(end - text));
		if (text == NULL)
			return false;
		text++;
	}
	password = strndup(text, (size_t)(end - text));
	good = gsasl_saslprep(password, 0, &prepared, NULL) == GSASL_OK && strcmp(prepared, "pencil") == 0;
	gsasl_free(prepared);
	free(password);
	return good;
}

static void
talk(struct sasl_server *p, const uint8_t *data, size_t len)
{
	struct msg_auth_in_token *in = mem_new(struct msg_auth_in_token);
	struct msg_auth_in_answer *out = mem_new(struct msg_auth_in_answer);
	enum msg_auth_in_mechanism m = (enum msg_auth_in_mechanism)p->start.mechanism;

	out->result = AUTH_IN_CHALLENGE;
	for (unsigned step = 0; step < 8 && len >= 2 && out->result == AUTH_IN_CHALLENGE; step++) {
		size_t n = ((size_t)data[0] << 8 | data[1]) % (AUTH_IN_TOKEN_MAX + 1);

		data += 2;
		len -= 2;
		n = n < len ? n : len;
		in->absent = step == 0 && n == 0;
		in->len = (uint16_t)n;
		memcpy(in->data, data, n);
		data += n;
		len -= n;
		sasl_server_step(p, in, out);
		fuzz_check(out->result <= AUTH_IN_LATER && out->token.len <= AUTH_IN_TOKEN_MAX);
		if (out->result == AUTH_IN_OK)
			fuzz_check(strcasecmp(out->user,
			    p->start.domain[0] != '\0' ? "HOME\\user" : "user") == 0 &&
			    may_succeed(m, in));
	}
	free(in);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct passwd_account_list *list;
	static struct password_check check;
	struct msg_auth_in_start *start = mem_new(struct msg_auth_in_start);

	if (list == NULL) {
		password_check_init(&check);
		list = passwd_file_list_parse(accounts, sizeof(accounts) - 1, no_fault, NULL);
	}
	if (len > 0) {
		struct secret_file file = { .users = 1, .check = &check, .accounts = list, .keytab.fd = -1 };

		start->mechanism = data[0] & 3;	/* not GSSAPI: its tokens are the library's */
		start->tls = (data[0] & 4) != 0;
		start->binding = start->tls ? AUTH_IN_TLS_EXPORTER : AUTH_IN_NO_BINDING;
		start->binding_len = start->tls ? 32 : 0;
		strcpy(start->client, "192.0.2.1");
		if (data[0] & 8)
			strcpy(start->domain, "HOME");
		struct sasl_server *p = sasl_server_new(start, &file);
		talk(p, data + 1, len - 1);
		sasl_server_free(p);
	}
	free(start);
	return 0;
}
