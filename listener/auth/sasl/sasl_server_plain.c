/*
 * sasl_server_plain - PLAIN (RFC 4616) and LOGIN: the password itself comes over the wire
 *
 * Runs in:  auth, on pool threads
 * Owns:     the step that LOGIN has reached
 * Promise:  a password is wiped as soon as it is checked; a name without an account costs as much work as a
 *           wrong password
 * Fails by: AUTH_IN_FAILED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { PASSWORD_MAX = 511 };		/* what crypt(3) takes */
enum login_step { LOGIN_BEGIN, LOGIN_NAME, LOGIN_PASSWORD };

static enum msg_auth_in_result
check_password(struct sasl_server *p, const uint8_t *password, size_t len)
{
	char text[PASSWORD_MAX + 1];
	const char *name = p->user[0] != '\0' ? p->user : "-";
	const struct passwd_account *a;
	bool good;

	if (len == 0 || len > PASSWORD_MAX || memchr(password, '\0', len) != NULL)
		return AUTH_IN_FAILED;
	memcpy(text, password, len);
	text[len] = '\0';
	a = p->user[0] != '\0' ? sasl_name_account(p) : NULL;
	good = password_check_password(p->file->check, p->file->accounts, a, name, text);
	explicit_bzero(text, sizeof(text));
	return good && a != NULL ? AUTH_IN_OK : AUTH_IN_FAILED;
}

/* The client sends authzid NUL authcid NUL password. False: it does not. */
static bool
split_plain(const struct msg_auth_in_token *in, const char **name, const char **password)
{
	const char *end = (const char *)in->data + in->len;

	*name = memchr(in->data, '\0', in->len);
	*password = *name != NULL ? memchr(*name + 1, '\0', (size_t)(end - *name - 1)) : NULL;
	if (*password == NULL)
		return false;
	++*name;
	++*password;
	return true;
}

void
sasl_server_plain_claim(struct sasl_server *p, const struct msg_auth_in_token *in)
{
	const char *name, *password;

	if (split_plain(in, &name, &password))
		(void)sasl_name_claim(p, name, (size_t)(password - 1 - name));
}

enum msg_auth_in_result
sasl_server_plain_plain(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	const char *authzid = (const char *)in->data, *name, *password;
	enum msg_auth_in_result result;

	if (in->absent)
		return AUTH_IN_CHALLENGE;
	if (!split_plain(in, &name, &password))
		return AUTH_IN_FAILED;
	sasl_server_plain_claim(p, in);
	result = check_password(p, (const uint8_t *)password, (size_t)(authzid + in->len - password));
	if (p->user[0] == '\0' || !sasl_name_is_self(p, authzid, (size_t)(name - 1 - authzid)))
		return AUTH_IN_FAILED;
	return result;
}

/* The name is that of the account from here on, however it was typed. */
enum msg_auth_in_result
sasl_server_plain_password(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	enum msg_auth_in_result result = in->absent ? AUTH_IN_FAILED : sasl_server_plain_plain(p, in, out);
	const struct passwd_account *a = result == AUTH_IN_OK ? sasl_name_account(p) : NULL;
	uint8_t mark[AUTH_IN_MARK_SIZE];

	if (a == NULL)
		return AUTH_IN_FAILED;
	password_check_mark(p->file->check, a, mark);
	sasl_answer_put(out, mark, sizeof(mark));
	snprintf(p->user, sizeof(p->user), "%s", a->name);
	return AUTH_IN_OK;
}

/* These two words are what clients wait for; some compare every letter. */
enum msg_auth_in_result
sasl_server_plain_login(struct sasl_server *p, const struct msg_auth_in_token *in,
    struct msg_auth_in_token *out)
{
	static const char ask_name[] = "Username:", ask_password[] = "Password:";
	enum login_step *step = p->state;

	if (step == NULL)
		step = p->state = mem_new(enum login_step);
	if (*step == LOGIN_BEGIN) {
		*step = LOGIN_NAME;
		if (in->absent) {
			sasl_answer_put(out, ask_name, sizeof(ask_name) - 1);
			return AUTH_IN_CHALLENGE;
		}
	}
	if (*step == LOGIN_NAME) {
		*step = LOGIN_PASSWORD;
		/* A bad name is answered no sooner than a bad password. */
		(void)sasl_name_claim(p, (const char *)in->data, in->len);
		sasl_answer_put(out, ask_password, sizeof(ask_password) - 1);
		return AUTH_IN_CHALLENGE;
	}
	return check_password(p, in->data, in->len);
}

void
sasl_server_plain_end(struct sasl_server *p)
{
	free(p->state);
}
