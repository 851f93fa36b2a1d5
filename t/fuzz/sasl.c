/*
 * sasl - what clients send in PLAIN, LOGIN and SCRAM, and what a listener sends the auth helper: no client gets
 * in without a password The first byte chooses mechanism and binding; then messages, each behind two bytes of
 * length.
 */
#include "t/fuzz/fuzz.h"
#include "common/base/passwd_file.h"
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

/* Whatever a broken listener sends is refused, or whole. */
static void
take_messages(const uint8_t *data, size_t len)
{
	struct msg_auth_in_start *s = mem_new(struct msg_auth_in_start);
	struct msg_auth_in_answer *a = mem_new(struct msg_auth_in_answer);

	if (msg_auth_in_start_take(s, data, len))
		fuzz_check(msg_auth_in_start_size(s) == len && strlen(s->client) < sizeof(s->client) &&
		    s->mechanism < AUTH_IN_MECHANISMS);
	if (msg_auth_in_answer_take(a, data, len))
		fuzz_check(msg_auth_in_answer_size(a) == len && strlen(a->user) < sizeof(a->user) &&
		    a->result <= AUTH_IN_LATER);
	if (msg_auth_in_token_take(&s->token, data, len))
		fuzz_check(msg_auth_in_token_size(&s->token) == len);
	free(s);
	free(a);
}

/*
 * The password stands in PLAIN and LOGIN for all to see; SCRAM needs a proof that no input finds by chance.
 */
static bool
may_succeed(enum msg_auth_in_mechanism m, const uint8_t *data, size_t len)
{
	return (m == AUTH_IN_PLAIN || m == AUTH_IN_LOGIN) && memmem(data, len, "pencil", 6) != NULL &&
	    memmem(data, len, "er", 2) != NULL;
}

static void
talk(struct sasl_server *p, const uint8_t *data, size_t len)
{
	struct msg_auth_in_token *in = mem_new(struct msg_auth_in_token);
	struct msg_auth_in_answer *out = mem_new(struct msg_auth_in_answer);
	enum msg_auth_in_mechanism m = (enum msg_auth_in_mechanism)p->start.mechanism;
	const uint8_t *all = data;
	size_t all_len = len;

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
			    may_succeed(m, all, all_len));
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
	if (len > 0 && (data[0] & 0x80)) {
		take_messages(data + 1, len - 1);
	} else if (len > 0) {
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
