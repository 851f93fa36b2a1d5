/*
 * transaction - MAIL, RCPT, DATA, RSET: one message from its sender to its 250; pure
 *
 * Runs in:  listener
 * Owns:     nothing; the envelope belongs to the session
 * Promise:  the 250 of a message is said only when session_stored() brought no error; every limit is checked
 *           before anything is stored
 * Fails by: replies
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/rules/policy.h"
#include "listener/smtp/smtp_private.h"

/* Bytes of content that this connection may still bring. */
static uint64_t
session_room_left(const struct session *s)
{
	uint64_t limit = s->server->max_session_size;

	return limit == CONFIG_UNLIMITED ? UINT64_MAX : limit > s->accepted_bytes ?
	    limit - s->accepted_bytes : 0;
}

static uint64_t
message_limit(const struct session *s)
{
	uint64_t room = session_room_left(s), limit = s->server->max_message_size;

	return room < limit ? room : limit;
}

/* Why a message of `size` bytes is too large; REPLY_NONE when it is not. */
static enum reply
size_fault(const struct session *s, uint64_t size)
{
	if (s->server->max_message_size != CONFIG_UNLIMITED && size > s->server->max_message_size)
		return REPLY_MESSAGE_SIZE;
	return size > session_room_left(s) ? REPLY_SESSION_SIZE : REPLY_NONE;
}

/* `address` in brackets, and its parameters without the blanks around them. */
static enum stage_result
ask_filters(struct session *s, enum msg_filter_stage stage, const char *address, const char *parameters,
    size_t len)
{
	char path[ADDRESS_MAX + 3], *rest;
	enum stage_result said;

	if (!s->filters)
		return STAGE_PASSED;
	while (len > 0 && *parameters == ' ')
		parameters++, len--;
	snprintf(path, sizeof(path), "<%s>", address);
	rest = mem_strndup(parameters, len);
	said = filter_stage_ask(s, stage, path, rest);
	free(rest);
	return said;
}

void
transaction_mail(struct session *s, const char *arg, size_t len)
{
	struct envelope_mail m;
	enum reply bad;

	if (!(s->server->authentication & CONFIG_AUTH_ANONYMOUS) && s->user == NULL) {
		session_reply(s, REPLY_AUTH_REQUIRED, NULL);
		return;
	}
	bad = envelope_parse_mail(&m, arg, len, ehlo_offers(s, "DSN"));
	if (bad == REPLY_NONE && (m.flags & MESSAGE_REQUIRETLS) && !ehlo_offers(s, "REQUIRETLS"))
		bad = REPLY_UNKNOWN_PARAMETER;
	if (bad == REPLY_NONE && address_complete(&m.sender, s->server->default_domain->name) == -1)
		bad = REPLY_BAD_ADDRESS;
	/* Without SIZE= it has one byte at least: enough to refuse when the session's limit is used up. */
	if (bad == REPLY_NONE)
		bad = size_fault(s, m.size > 0 ? m.size : 1);
	if (bad == REPLY_NONE && s->ops->memory_is_short(s->arg))
		bad = REPLY_MEMORY;
	if (bad == REPLY_NONE && s->ops->disk_is_short(s->arg))
		bad = REPLY_STORAGE_FULL;
	if (bad != REPLY_NONE) {
		session_reply(s, bad, NULL);
		return;
	}
	switch (ask_filters(s, FILTER_MAIL, m.sender.text, arg + m.parameters, len - m.parameters)) {
	case STAGE_WAITS:
		return;
	case STAGE_REFUSED:
		s->filter_mail = false;
		filter_stage_say(s, NULL);
		return;
	case STAGE_PASSED:
		break;
	}
	if (s->user == NULL)
		m.auth[0] = '\0'; /* RFC 4954 5: from a client that is not authenticated it counts as <> */
	s->envelope = envelope_new(&m);
	session_phase_enter(s, PHASE_MAIL);
	session_reply(s, REPLY_SENDER_OK, m.sender.text[0] != '\0' ? m.sender.text : "<>");
}

/*
 * A name without a domain, and a name at an address of ours, which may be known by the connection alone,
 * belong to the default domain (RFC 5321 4.5.1).
 */
static int
complete_recipient(struct session *s, struct address *a)
{
	const char *domain = address_domain(a);

	if (domain[0] == '[' && (policy_domain(s->server, domain) == POLICY_LOCAL ||
	    s->ops->is_own_address(s->arg, domain)))
		a->text[a->at] = '\0';
	return address_complete(a, s->server->default_domain->name);
}

/* REPLY_NONE: in the directory, or the command waits for the answer. */
static enum reply
check_recipient(struct session *s, const char *address)
{
	enum session_recipient answer = s->ops->check_recipient(s->arg, address);

	if (answer == SESSION_RECIPIENT_WAIT)
		session_phase_wait(s, WAIT_RECIPIENT);
	return answer == SESSION_RECIPIENT_UNKNOWN ? REPLY_NO_SUCH_USER : REPLY_NONE;
}

/* REPLY_NONE: accepted, or the command waits for an answer. */
static enum reply
judge_recipient(struct session *s, const struct address *a)
{
	const struct envelope *e = s->envelope;
	enum policy_domain where = policy_domain(s->server, address_domain(a));
	enum policy_answer may = where != POLICY_REMOTE ? POLICY_YES : policy_may_relay(s->server, s->client,
	    s->user != NULL);

	if (may == POLICY_WAIT)
		session_phase_wait(s, WAIT_NAMES);
	if (may != POLICY_YES)
		return may == POLICY_NO ? REPLY_RELAY : may == POLICY_LATER ? REPLY_RELAY_LATER : REPLY_NONE;
	if (where == POLICY_REMOTE && policy_is_nowhere(s->server, address_domain(a)))
		return REPLY_NOWHERE;
	if (envelope_has(e, a->text))
		return REPLY_NONE;
	if (e->m.nrcpt >= s->server->max_recipients || envelope_is_full(e))
		return REPLY_RECIPIENTS;
	if (s->ops->memory_is_short(s->arg))
		return REPLY_MEMORY;
	if (where == POLICY_LOCAL && s->ops->drop_is_full(s->arg))
		return REPLY_MAILBOX_FULL;
	return where == POLICY_LOCAL && s->server->ldap.enable ? check_recipient(s, a->text) : REPLY_NONE;
}

void
transaction_rcpt(struct session *s, const char *arg, size_t len)
{
	struct envelope_rcpt r;
	enum reply bad = envelope_parse_rcpt(&r, arg, len, s->envelope->m.flags, ehlo_offers(s, "DSN"));

	if (!s->envelope->asked && s->idle > 0)
		s->idle--;	/* that MAIL was work: other hosts ask so whether a recipient exists */
	s->envelope->asked = true;
	if (bad == REPLY_NONE && complete_recipient(s, &r.address) == -1)
		bad = REPLY_BAD_ADDRESS;
	if (bad != REPLY_NONE) {
		s->rcpt_refused = true;
		session_reply(s, bad, NULL);
		return;
	}
	if (s->filter_answer == NULL)	/* else it is judged already */
		bad = judge_recipient(s, &r.address);
	if (session_phase_waits(s))
		return;
	if (bad != REPLY_NONE) {
		s->rcpt_refused = true;
		session_reply_about(s, bad, r.address.text);
		return;
	}
	switch (ask_filters(s, FILTER_RCPT, r.address.text, arg + r.parameters, len - r.parameters)) {
	case STAGE_WAITS:
		return;
	case STAGE_REFUSED:
		s->rcpt_refused = true;
		filter_stage_say(s, r.address.text);
		return;
	case STAGE_PASSED:
		break;
	}
	if (envelope_has(s->envelope, r.address.text))
		s->idle++;
	envelope_add(s->envelope, &r);
	session_phase_enter(s, PHASE_RCPT);
	session_reply(s, REPLY_RECIPIENT_OK, r.address.text);
}

static const char *
protocol_of(const struct session *s)
{
	static const char *const words[2][2][2] = {	/* UTF8, TLS, AUTH: RFC 3848, RFC 6531 3.7.3 */
		{ { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
	};
	bool utf8 = s->envelope->m.flags & MESSAGE_UTF8;

	if (!s->extended && !utf8 && s->user == NULL)
		return "SMTP"; /* also under TLS: there is no other word for it */
	return words[utf8][s->link != LINK_CLEAR][s->user != NULL];
}

static enum policy_answer
mends(const struct session *s)
{
	return policy_serves(s->server, s->server->mend, s->client, s->user != NULL);
}

/* Whether our signature may stand for its mail: never for what strangers bring. */
static enum policy_answer
signs(const struct session *s)
{
	return s->server->dkim_key.count == 0 ? POLICY_NO :
	    policy_may_relay(s->server, s->client, s->user != NULL);
}

/*
 * The Received field shows the client's name, and a list may name those whose content is mended, or signed:
 * it cannot begin before the name is known.
 */
bool
transaction_waits(struct session *s)
{
	if (s->client->state != POLICY_ASKING || (!s->server->reverse_dns && mends(s) != POLICY_WAIT &&
	    signs(s) != POLICY_WAIT))
		return false;
	session_phase_wait(s, WAIT_NAMES);
	return true;
}

enum reply
transaction_begin(struct session *s)
{
	struct message_envelope *m = &s->envelope->m;
	bool mend = mends(s) == POLICY_YES;
	int error;

	m->client = mem_strdup(s->ip);
	m->helo = mem_strdup(s->helo);
	m->user = mem_strdup(s->user);
	m->protocol = mem_strdup(protocol_of(s));
	if (signs(s) == POLICY_YES)
		m->flags |= MESSAGE_SIGN;
	error = s->ops->begin(s->arg, m, mend);
	if (error != 0)
		return error == ENOMEM ? REPLY_MEMORY : REPLY_STORAGE;
	s->begun = true;
	data_begin(&s->data, message_limit(s), mend);
	return REPLY_NONE;
}

/* A filter wants it so: the client hears what it would hear of a message in the queue. */
static void
finish_discarded(struct session *s)
{
	char id[MESSAGE_ID_SIZE];

	memcpy(id, s->envelope->m.id, sizeof(id));
	session_phase_discard(s);
	session_phase_enter(s, PHASE_STORING);
	transaction_stored(s, 0, id);
}

void
transaction_finish(struct session *s)
{
	if (s->discarding) {
		finish_discarded(s);
		return;
	}
	s->begun = s->filter_mail = false;
	session_phase_enter(s, PHASE_STORING);
	s->ops->finish(s->arg);
}

void
transaction_data(struct session *s, const char *arg, size_t len)
{
	enum reply bad;

	if (s->envelope->m.flags & MESSAGE_BINARY) {
		session_reply(s, REPLY_BINARY_DATA, NULL); /* RFC 3030 3 */
		return;
	}
	if (transaction_waits(s))
		return;
	switch (filter_stage_ask(s, FILTER_DATA, "", "")) {
	case STAGE_WAITS:
		return;
	case STAGE_REFUSED:
		filter_stage_say(s, NULL);
		session_phase_reset(s);
		return;
	case STAGE_PASSED:
		break;
	}
	bad = transaction_begin(s);
	if (bad != REPLY_NONE) {
		session_phase_reset(s);
		session_reply(s, bad, NULL);
		return;
	}
	session_phase_enter(s, PHASE_DATA);
	session_reply(s, REPLY_START_DATA, NULL);
}

void
transaction_rset(struct session *s, const char *arg, size_t len)
{
	session_phase_reset(s);
	session_reply(s, REPLY_RESET, NULL);
}

enum reply
transaction_fault(const struct session *s)
{
	enum reply bad;

	if (!(s->phase & PHASE_CONTENT))
		return REPLY_NONE;
	switch (s->data.fault) {
	case DATA_FINE:
		return REPLY_NONE;
	case DATA_BARE:
		return REPLY_CONTENT_BARE;
	case DATA_LARGE:
		bad = size_fault(s, s->data.size);
		return bad != REPLY_NONE ? bad : REPLY_MESSAGE_SIZE;
	case DATA_NUL:
		return REPLY_CONTENT_NUL;
	}
	bug("data fault %d", (int)s->data.fault);
}

void
transaction_sink(void *arg, const char *run, size_t len)
{
	struct session *s = arg;

	if (!s->ops->add(s->arg, run, len))
		session_phase_wait(s, WAIT_ROOM);
}

uint64_t
transaction_waste_limit(const struct session *s)
{
	uint64_t most = message_limit(s);

	return most == UINT64_MAX || most < SESSION_CONTENT_WASTE ? SESSION_CONTENT_WASTE : most;
}

/* Refused content is read to its end, where the reply belongs, but not beyond the waste limit. */
static void
refuse_content(struct session *s, enum reply why)
{
	if (s->data.state == DATA_END) {
		session_reply(s, why, NULL);
		session_phase_reset(s);
	} else if (s->data.wasted > transaction_waste_limit(s)) {
		session_reply(s, why, NULL);
		session_phase_end(s, true);
	}
}

size_t
transaction_content(struct session *s, const char *data, size_t len)
{
	size_t used = data_take(&s->data, data, len, transaction_sink, s);

	if (s->data.fault != DATA_FINE) {
		session_phase_discard(s);
		refuse_content(s, transaction_fault(s));
	} else if (s->data.state == DATA_END) {
		transaction_finish(s);
	}
	return used;
}

void
transaction_stored(struct session *s, int error, const char *id)
{
	if (s->phase != PHASE_STORING)
		bug("a message was stored in phase %d", (int)s->phase);
	session_phase_enter(s, PHASE_READY);
	if (error == 0) {
		s->messages++;
		s->errors = s->refused = s->idle = 0;
		s->accepted_bytes += s->data.size;
		session_reply(s, REPLY_ACCEPTED, id);
	} else {
		session_reply(s, error == ENOSPC || error == EDQUOT ? REPLY_STORAGE_FULL : REPLY_STORAGE,
		    NULL);
	}
	session_phase_reset(s);
}
