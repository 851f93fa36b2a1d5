/*
 * msg_web - messages between the web helper and the master: sizes and checks; pure
 *
 * Runs in:  master, web
 * Owns:     nothing
 * Promise:  what a _take function accepted has terminated strings without control bytes
 * Fails by: false
 */
#include "common/msg/msg_web.h"

#include <assert.h>
#include <string.h>

#include "common/ipc/ctl.h"
#include "common/ipc/ctl_text.h"

static_assert(sizeof(struct msg_web_command) <= CTL_PAYLOAD_MAX &&
    sizeof(struct msg_web_ticket) <= CTL_PAYLOAD_MAX, "each fits one message");

const char *const msg_web_way_names[WEB_WAYS] = { [WEB_WAY_LINK] = "link", [WEB_WAY_PASSWORD] = "password",
    [WEB_WAY_KERBEROS] = "kerberos" };

bool
msg_web_login_take(struct msg_web_login *l, const void *data, size_t len)
{
	if (len != sizeof(*l))
		return false;
	memcpy(l, data, len);
	return ctl_text_is_text(l->client, sizeof(l->client));
}

bool
msg_web_password_take(struct msg_web_password *p, const void *data, size_t len)
{
	if (len != sizeof(*p))
		return false;
	memcpy(p, data, len);
	return ctl_text_is_text(p->client, sizeof(p->client)) && ctl_text_is_text(p->name, sizeof(p->name)) &&
	    ctl_text_is_ended(p->password, sizeof(p->password));
}

size_t
msg_web_ticket_size(const struct msg_web_ticket *t)
{
	return offsetof(struct msg_web_ticket, token) + msg_auth_in_token_size(&t->token);
}

bool
msg_web_ticket_take(struct msg_web_ticket *t, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_web_ticket, token);

	if (len < fixed || !msg_auth_in_token_take(&t->token, (const uint8_t *)data + fixed, len - fixed))
		return false;
	memcpy(t, data, fixed);
	return ctl_text_is_text(t->client, sizeof(t->client)) && t->endpoint_len <= AUTH_IN_BINDING_MAX;
}

bool
msg_web_command_take(struct msg_web_command *c, size_t *words, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_web_command, words);

	if (len <= fixed || len > sizeof(*c))
		return false;
	memcpy(c, data, len);
	*words = len - fixed;
	return true;
}

bool
msg_web_session_take(struct msg_web_session *s, const void *data, size_t len)
{
	const size_t fixed = offsetof(struct msg_web_session, token);

	if (len < fixed || len > sizeof(*s))
		return false;
	memcpy(s, data, len);
	return s->result < WEB_RESULTS && s->way < WEB_WAYS && s->token_len <= sizeof(s->token) &&
	    len == fixed + s->token_len &&
	    ctl_text_is_text(s->name, sizeof(s->name));
}

size_t
msg_web_session_size(const struct msg_web_session *s)
{
	return offsetof(struct msg_web_session, token) + s->token_len;
}

void
msg_web_secret_format(char text[WEB_SECRET_TEXT], const unsigned char secret[WEB_SECRET_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < WEB_SECRET_SIZE; i++) {
		text[2 * i] = digits[secret[i] >> 4];
		text[2 * i + 1] = digits[secret[i] & 15];
	}
	text[WEB_SECRET_TEXT - 1] = '\0';
}

static int
digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
msg_web_secret_parse(unsigned char secret[WEB_SECRET_SIZE], const char *text)
{
	if (strlen(text) != WEB_SECRET_TEXT - 1)
		return false;
	for (size_t i = 0; i < WEB_SECRET_SIZE; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high == -1 || low == -1)
			return false;
		secret[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
