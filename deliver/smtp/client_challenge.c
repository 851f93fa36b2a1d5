/*
 * client_challenge - what a host asks in the AUTH dialogue: read as the mechanism needs it; pure
 *
 * Runs in:  deliver
 * Owns:     nothing; works on a struct client_auth
 * Promise:  a challenge that the mechanism does not need may be anything, of any length: plain words, base64
 *           without its padding, several lines, nothing
 * Fails by: false: the mechanism needs it, and it is no base64 or too long
 */
#include <assert.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "deliver/smtp/smtp_private.h"

/*
 * The prompts of LOGIN are for people (draft-murchison-sasl-login 2.1), as is what is said about a token;
 * PLAIN has nothing to ask.
 */
static const struct {
	bool needed;		/* the next word depends on the challenge */
	bool closed;		/* after its last word there is nothing more to say */
} rows[] = {
	[AUTH_OUT_SCRAM_PLUS] = { true, false }, [AUTH_OUT_SCRAM] = { true, false },
	[AUTH_OUT_GSSAPI] = { true, false }, [AUTH_OUT_OAUTHBEARER] = { false, false },
	[AUTH_OUT_XOAUTH2] = { false, false }, [AUTH_OUT_PLAIN] = { false, true },
	[AUTH_OUT_LOGIN] = { false, true },
};
static_assert(nitems_of(rows) == AUTH_OUT_MECHANISMS, "one row a mechanism");

bool
client_challenge_is_late(const struct client_auth *a)
{
	return a->last && rows[a->mechanism].closed;
}

/* Of several lines the last one counts. */
void
client_challenge_input(struct client_auth *a, const char *data, size_t len)
{
	if (a->raw.len > 0 && a->raw.data[a->raw.len - 1] == '\n')
		buf_clear(&a->raw);
	buf_add(&a->raw, data, len);
}

/* The text of that line, without code and blanks around it. */
static const char *
challenge_text(const struct client_auth *a, size_t *len)
{
	const char *text = buf_text(&a->raw), *end = text + a->raw.len;

	while (end > text && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == ' '))
		end--;
	text += end - text < 4 ? end - text : 4;
	while (text < end && *text == ' ')
		text++;
	*len = (size_t)(end - text);
	return text;
}

/* Padding that is missing is added. */
static bool
decode_text(struct client_auth *a)
{
	size_t len;
	const char *text = challenge_text(a, &len);
	struct buf whole = BUF_INIT(a->raw.cap + 2);
	char *room;
	ssize_t n = -1;

	buf_add(&whole, text, len);
	buf_add(&whole, "==", len % 4 == 2 ? 2 : len % 4 == 3 ? 1 : 0);
	room = buf_room(&a->challenge, whole.len / 4 * 3);
	if (room != NULL)
		n = base64_decode(room, whole.len / 4 * 3, buf_text(&whole), whole.len);
	buf_wipe(&whole);
	if (n < 0)
		return false;
	a->challenge.len = (size_t)n;
	a->challenge.data[n] = '\0';
	return true;
}

bool
client_challenge_read(struct client_auth *a)
{
	buf_clear(&a->challenge);
	if (buf_ok(&a->raw) && decode_text(a))
		return true;
	buf_clear(&a->challenge);
	return !rows[a->mechanism].needed;
}

/*
 * It was not said yet; or it was in the AUTH line, which not every host reads to its end. GSSAPI may have an
 * empty challenge of its own (RFC 4752 3.1).
 */
bool
client_challenge_wants_first(const struct client_auth *a)
{
	size_t len;

	if (a->first_word.len == 0 || a->unsaid)
		return a->unsaid;
	(void)challenge_text(a, &len);
	return a->mechanism == AUTH_OUT_PLAIN || (len == 0 && a->mechanism != AUTH_OUT_GSSAPI);
}
