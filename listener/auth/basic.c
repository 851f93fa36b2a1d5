/*
 * basic - PLAIN (RFC 4616) and LOGIN: the password itself comes over the wire
 *
 * Runs in:  auth, on pool threads
 * Owns:     the step LOGIN has reached
 * Promise:  passwords are wiped as soon as they were checked; a name nobody has costs as much as one with a wrong password
 * Fails by: VOUCH_FAILED
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { PASSWORD_MAX = 511 };		/* what crypt(3) takes */
enum login_step { LOGIN_BEGIN, LOGIN_NAME, LOGIN_PASSWORD };

static enum vouch_result
check(struct proof *p, const uint8_t *password, size_t len)
{
	char text[PASSWORD_MAX + 1];
	const char *name = p->user[0] != '\0' ? p->user : "-";

	if (len == 0 || len > PASSWORD_MAX || memchr(password, '\0', len) != NULL)
		return VOUCH_FAILED;
	memcpy(text, password, len);
	text[len] = '\0';
	const struct account *a = p->user[0] != '\0' ? proof_account(p) : NULL;
	bool good = verify_password(p->file->accounts, a, name, text);
	explicit_bzero(text, sizeof(text));
	return good && a != NULL ? VOUCH_OK : VOUCH_FAILED;
}

/* authzid NUL authcid NUL password */
enum vouch_result
basic_plain(struct proof *p, const struct vouch_token *in, struct vouch_token *out)
{
	if (in->absent)
		return VOUCH_CHALLENGE;
	const char *authzid = (const char *)in->data, *end = authzid + in->len;
	const char *name = memchr(authzid, '\0', in->len);
	const char *password = name != NULL ? memchr(name + 1, '\0', (size_t)(end - name - 1)) : NULL;
	if (password == NULL)
		return VOUCH_FAILED;
	name++;
	password++;
	bool claimed = proof_claim(p, name, (size_t)(password - 1 - name));
	enum vouch_result result = check(p, (const uint8_t *)password, (size_t)(end - password));
	if (!claimed || !proof_is_self(p, authzid, (size_t)(name - 1 - authzid)))
		return VOUCH_FAILED;
	return result;
}

/* The words clients wait for, some of them to the letter. */
enum vouch_result
basic_login(struct proof *p, const struct vouch_token *in, struct vouch_token *out)
{
	static const char ask_name[] = "Username:", ask_password[] = "Password:";
	enum login_step *step = p->state;

	if (step == NULL)
		step = p->state = mem_new(enum login_step);
	if (*step == LOGIN_BEGIN) {
		*step = LOGIN_NAME;
		if (in->absent) {
			proof_put(out, ask_name, sizeof(ask_name) - 1);
			return VOUCH_CHALLENGE;
		}
	}
	if (*step == LOGIN_NAME) {
		*step = LOGIN_PASSWORD;
		(void)proof_claim(p, (const char *)in->data, in->len); /* a bad name is told no sooner than a bad password */
		proof_put(out, ask_password, sizeof(ask_password) - 1);
		return VOUCH_CHALLENGE;
	}
	return check(p, in->data, in->len);
}

void
basic_end(struct proof *p)
{
	free(p->state);
}
