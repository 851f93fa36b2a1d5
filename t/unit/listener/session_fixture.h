/*
 * session_fixture - a pure session whose surroundings the test plays: client, disk, directory, auth helper,
 * deliver worker
 * fixture_init() prepares the settings, fixture_begin_session() greets, fixture_done() frees. What the
 * session says or asks is collected in buffers. The fuzz targets use it, too.
 */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/config.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_etrn.h"
#include "common/rules/policy.h"
#include "listener/smtp/smtp.h"
#include "t/unit/check_main.h"

#define FIXTURE_DOMAINS 8
#define FIXTURE_NETS 8

struct session_fixture {
	struct config_server server;
	struct config_domain domain[FIXTURE_DOMAINS];
	struct net_entry relay[FIXTURE_NETS], control[FIXTURE_NETS];
	struct net_address client;
	struct policy_client policy;
	char names[256];
	char ip[NET_TEXT_SIZE];
	struct session s;
	struct buf in, out, content;
	/* Lines ended by LF: messages for the queue, refusals, questions to helpers */
	struct buf messages, facts, asked;
	bool begun, storing, closed, linger;
	struct config_filter filter;	/* as `filter = yes` has it */
	bool judge_content;		/* what is to be stored waits for the event "judged" */
	bool secure;			/* the session is under TLS */
	bool implicit, securing;	/* TLS from the first byte; a handshake is under way */
	bool directory_answered;	/* about slow@... */
	bool drop_full;
	bool memory_is_short, disk_is_short;
	bool disk_busy;			/* after every add the session has to wait for the disk */
	int begin_error, store_error;
	unsigned commands;
	unsigned long_lines;		/* begun and not ended */
	int64_t counters[COUNTER_COUNT];
};

static inline void
fixture_escape(struct buf *out, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)data[i];
		if (byte == '\r')
			buf_puts(out, "\\r");
		else if (byte == '\n')
			buf_puts(out, "\\n");
		else if (byte == '\\')
			buf_puts(out, "\\\\");
		else if (byte < ' ' || byte > 126)
			buf_printf(out, "\\x%02x", byte);
		else
			buf_add(out, data + i, 1);
	}
}

static inline void
fixture_send(void *arg, const char *data, size_t len)
{
	struct session_fixture *w = arg;
	ck_assert_msg(!w->closed, "a reply after the end: %.*s", (int)len, data);
	buf_add(&w->out, data, len);
}

/* A command for the protocol log; never after the end of the session. */
static inline void
fixture_command(void *arg, const char *line, size_t len)
{
	struct session_fixture *w = arg;
	ck_assert(!w->closed && (line != NULL || len == 0));
	w->commands++;
}

static inline void
fixture_close(void *arg, bool linger)
{
	struct session_fixture *w = arg;
	ck_assert_msg(!w->closed, "closed twice");
	w->closed = true;
	w->linger = linger;
}

static inline int
fixture_begin(void *arg, struct message_envelope *e, bool mend)
{
	struct session_fixture *w = arg;
	(void)mend;
	ck_assert(!w->begun && !w->storing);
	ck_assert(e->nrcpt > 0 && e->client != NULL && e->protocol != NULL);
	ck_assert((e->user != NULL) == (w->s.user != NULL));
	if (w->memory_is_short)
		return ENOMEM;
	if (w->begin_error != 0)
		return w->begin_error;
	w->begun = true;
	buf_clear(&w->content);
	fixture_escape(&w->messages, e->sender[0] != '\0' ? e->sender : "<>",
	    e->sender[0] != '\0' ? strlen(e->sender) : 2);
	buf_puts(&w->messages, " ->");
	for (size_t i = 0; i < e->nrcpt; i++) {
		buf_puts(&w->messages, " ");
		fixture_escape(&w->messages, e->rcpt[i].address, strlen(e->rcpt[i].address));
		if (e->rcpt[i].notify != 0)
			buf_printf(&w->messages, "(%u)", e->rcpt[i].notify);
		if (e->rcpt[i].orcpt != NULL)
			buf_printf(&w->messages, "(%s)", e->rcpt[i].orcpt);
	}
	buf_printf(&w->messages, "; %s%s%s%s", e->protocol, e->flags & MESSAGE_8BIT ? " 8bitmime" : "",
	    e->flags & MESSAGE_UTF8 ? " smtputf8" : "", e->flags & MESSAGE_BINARY ? " binarymime" : "");
	if (e->ret != RET_DEFAULT)
		buf_puts(&w->messages, e->ret == RET_FULL ? " full" : " hdrs");
	if (e->envid != NULL)
		buf_printf(&w->messages, " %s", e->envid);
	if (e->auth != NULL)
		buf_printf(&w->messages, " AUTH=%s", e->auth);
	buf_puts(&w->messages, "; ");
	return 0;
}

static inline bool
fixture_add(void *arg, const char *data, size_t len)
{
	struct session_fixture *w = arg;
	ck_assert(w->begun && !w->storing && len > 0);
	buf_add(&w->content, data, len);
	return !w->disk_busy;
}

static inline void
fixture_finish(void *arg)
{
	struct session_fixture *w = arg;
	ck_assert(w->begun);
	w->begun = false;
	w->storing = true;
	fixture_escape(&w->messages, w->content.data, w->content.len);
	buf_puts(&w->messages, "\n");
}

static inline void
fixture_discard(void *arg)
{
	struct session_fixture *w = arg;
	ck_assert(w->begun);
	w->begun = false;
	buf_puts(&w->messages, "discarded\n");
}

/* As conn does: bytes that were read before the handshake are thrown away (RFC 3207 section 4.2). */
static inline void
fixture_secure(void *arg)
{
	struct session_fixture *w = arg;
	ck_assert(!w->securing);
	w->securing = true;
}

static inline bool
fixture_memory_is_short(void *arg)
{
	return ((struct session_fixture *)arg)->memory_is_short;
}

static inline bool
fixture_disk_is_short(void *arg)
{
	return ((struct session_fixture *)arg)->disk_is_short;
}

static inline bool
fixture_drop_is_full(void *arg)
{
	return ((struct session_fixture *)arg)->drop_full;
}

/* "unknown@..." is not in the directory; the answer about "slow@..." comes with the event "directory". */
static inline enum session_recipient
fixture_check_recipient(void *arg, const char *address)
{
	struct session_fixture *w = arg;
	if (strncmp(address, "slow@", 5) == 0 && !w->directory_answered)
		return SESSION_RECIPIENT_WAIT;
	return strncmp(address, "unknown@", 8) == 0 ? SESSION_RECIPIENT_UNKNOWN : SESSION_RECIPIENT_OK;
}

static inline bool
fixture_is_own_address(void *arg, const char *literal)
{
	(void)arg;
	return strcmp(literal, "[192.0.2.25]") == 0;
}

static inline void
fixture_refused(void *arg, const char *recipient, const char *reply)
{
	struct session_fixture *w = arg;
	buf_printf(&w->facts, "%s %s\n", recipient != NULL ? recipient : "-", reply);
}

static inline void
fixture_auth_start(void *arg, const struct msg_auth_in_start *start)
{
	struct session_fixture *w = arg;
	buf_printf(&w->asked, "start %s%s ", msg_auth_in_mechanism_names[start->mechanism],
	    start->tls ? " tls" : "");
	if (start->token.absent)
		buf_puts(&w->asked, "-");
	fixture_escape(&w->asked, (const char *)start->token.data, start->token.len);
	buf_puts(&w->asked, "\n");
}

static inline void
fixture_auth_step(void *arg, const struct msg_auth_in_token *t)
{
	struct session_fixture *w = arg;
	buf_puts(&w->asked, "step ");
	fixture_escape(&w->asked, (const char *)t->data, t->len);
	buf_puts(&w->asked, "\n");
}

static inline void
fixture_auth_cancel(void *arg)
{
	buf_puts(&((struct session_fixture *)arg)->asked, "cancel\n");
}

static inline void
fixture_long_line(void *arg, bool begins)
{
	struct session_fixture *w = arg;
	ck_assert(begins == (w->long_lines == 0));
	w->long_lines = begins;
}

static inline void
fixture_ask_etrn(void *arg, struct msg_etrn *d)
{
	struct session_fixture *w = arg;
	const char *domain;
	ck_assert(w->s.phase == PHASE_ETRN);
	buf_printf(&w->asked, "%s%s%s", d->turn ? "turn" : "queue", d->account[0] != '\0' ? " of " : "",
	    d->account);
	for (size_t at = 0; (domain = msg_etrn_next(d, &at)) != NULL;)
		buf_printf(&w->asked, " %s", domain);
	buf_puts(&w->asked, "\n");
}

/* "mail <a@b> SIZE=10": the answer comes with the event "filter ..." */
static inline void
fixture_filter(void *arg, enum msg_filter_stage stage, const char *argument, const char *second)
{
	static const char *const names[] = { "connect", "helo", "mail", "rcpt", "data", "content", "reset" };
	struct session_fixture *w = arg;
	buf_printf(&w->asked, "%s%s", names[stage], *argument != '\0' ? " " : "");
	fixture_escape(&w->asked, argument, strlen(argument));
	buf_printf(&w->asked, "%s%s\n", *second != '\0' ? " " : "", second);
}

static inline void
fixture_count(void *arg, enum counter which, int64_t n)
{
	((struct session_fixture *)arg)->counters[which] += n;
}

static const struct session_ops fixture_ops = {
	.command = fixture_command,
	.send = fixture_send, .close = fixture_close, .begin = fixture_begin, .add = fixture_add,
	.finish = fixture_finish,
	.discard = fixture_discard, .secure = fixture_secure, .drop_is_full = fixture_drop_is_full,
	.memory_is_short = fixture_memory_is_short, .disk_is_short = fixture_disk_is_short,
	.check_recipient = fixture_check_recipient, .is_own_address = fixture_is_own_address,
	.refused = fixture_refused,
	.count = fixture_count, .auth_start = fixture_auth_start, .auth_step = fixture_auth_step,
	.auth_cancel = fixture_auth_cancel, .long_line = fixture_long_line,
	.ask_etrn = fixture_ask_etrn, .filter = fixture_filter,
};

static inline int
fixture_domain_order(const void *a, const void *b)
{
	return strcmp(((const struct config_domain *)a)->name, ((const struct config_domain *)b)->name);
}

/* Keeps the domains sorted by name, as config does. */
static inline void
fixture_add_domain(struct session_fixture *w, const char *name, enum config_domain_type type, bool relay)
{
	ck_assert(w->server.ndomain < FIXTURE_DOMAINS);
	w->domain[w->server.ndomain++] = (struct config_domain){ .name = mem_strdup(name), .type = type,
	    .relay = relay };
	qsort(w->domain, w->server.ndomain, sizeof(w->domain[0]), fixture_domain_order);
	for (size_t i = 0; i < w->server.ndomain; i++)
		if (w->domain[i].type == CONFIG_DOMAIN_DEFAULT)
			w->server.default_domain = &w->domain[i];
}

/*
 * "customer.example alice bob": mail for this domain waits for ETRN, and these accounts may fetch it with
 * ATRN.
 */
static inline void
fixture_add_etrn_domain(struct session_fixture *w, char *text)
{
	char *rest = text, *name = strsep(&rest, " "), *account;
	struct config_strings accounts = { 0 };
	while ((account = strsep(&rest, " ")) != NULL) {
		accounts.text = mem_array(accounts.text, accounts.count + 1, sizeof(*accounts.text));
		accounts.text[accounts.count++] = mem_strdup(account);
	}
	fixture_add_domain(w, name, CONFIG_DOMAIN_REMOTE, true);
	for (size_t i = 0; i < w->server.ndomain; i++)
		if (strcmp(w->domain[i].name, name) == 0) {
			w->domain[i].hold = true;
			w->domain[i].atrn_accounts = accounts;
		}
}

static inline void
fixture_add_net(struct config_nets *list, const char *text)
{
	const char *why = NULL;
	struct net_entry *e = &list->entry[list->count];

	ck_assert(list->count++ < FIXTURE_NETS);
	ck_assert_msg(net_entry_parse(e, text, &why) == 0, "%s: %s", text, why != NULL ? why : "");
	list->names += e->family == AF_UNSPEC;
}

static inline void
fixture_client(struct session_fixture *w, const char *text)
{
	const char *why = NULL;
	ck_assert_msg(net_address_parse(&w->client, text, 12345, &why) == 0, "%s: %s", text,
	    why != NULL ? why : "");
	net_format_ip(w->ip, (const struct sockaddr *)&w->client.sa);
}

static inline void
fixture_init(struct session_fixture *w)
{
	memset(w, 0, sizeof(*w));
	w->server = (struct config_server){
		.name = "default", .fqdn = "mx.example.com", .domain = w->domain, .relay = CONFIG_ONLY,
		.connection_control = CONFIG_ALL_EXCEPT, .relay_authenticated = true,
		.relay_list = { .entry = w->relay }, .connection_list = { .entry = w->control },
		.connection_limit = CONFIG_UNLIMITED, .connection_limit_per_client = CONFIG_UNLIMITED,
		.session_time = CONFIG_UNLIMITED, .idle_command_limit = 100,
		.connection_timeout = 600000, .max_message_size = 25U << 20, .max_session_size = 100U << 20,
		.max_recipients = 100, .authentication = CONFIG_AUTH_ANONYMOUS, .basic_requires_tls = true,
		.offered_mechanisms = ~0U,
	};
	fixture_add_domain(w, "example.com", CONFIG_DOMAIN_DEFAULT, false);
	fixture_client(w, "192.0.2.1");
	buf_init(&w->in, 64U << 20);
	buf_init(&w->out, 64U << 20);
	buf_init(&w->content, 64U << 20);
	buf_init(&w->messages, 64U << 20);
	buf_init(&w->facts, 64U << 20);
	buf_init(&w->asked, 64U << 20);
}

static inline void
fixture_begin_session(struct session_fixture *w)
{
	w->policy.address = (const struct sockaddr *)&w->client.sa;
	session_init(&w->s, &w->server, &fixture_ops, w, &w->policy, w->ip);
	if (w->implicit)
		session_phase_secure(&w->s);
	else
		session_greet(&w->s);
}

static inline void
fixture_done(struct session_fixture *w)
{
	session_done(&w->s);
	for (size_t i = 0; i < w->server.ndomain; i++) {
		free(w->domain[i].name);
		for (size_t k = 0; k < w->domain[i].atrn_accounts.count; k++)
			free(w->domain[i].atrn_accounts.text[k]);
		free(w->domain[i].atrn_accounts.text);
	}
	for (size_t i = 0; i < w->server.relay_list.count; i++)
		net_entry_done(&w->relay[i]);
	for (size_t i = 0; i < w->server.connection_list.count; i++)
		net_entry_done(&w->control[i]);
	buf_done(&w->in);
	buf_done(&w->out);
	buf_done(&w->content);
	buf_done(&w->messages);
	buf_done(&w->facts);
	buf_done(&w->asked);
}

/* Does the work of conn, disk and pool until the session waits for the client or a helper. */
static inline void
fixture_run(struct session_fixture *w)
{
	for (;;) {
		if (w->securing) {
			buf_done(&w->in);
			return;
		}
		if (w->storing && w->judge_content)
			return;
		if (w->storing) {
			w->storing = false;
			session_stored(&w->s, w->store_error, "0123456789abcdef");
		/* The disk has room for an open message only */
		} else if (w->s.wait == WAIT_ROOM && w->begun) {
			session_room(&w->s);
		}
		if (w->closed) {
			buf_done(&w->in);
			return;
		}
		size_t used = w->in.len > 0 ? session_input(&w->s, w->in.data, w->in.len) : 0;
		ck_assert_uint_le(used, w->in.len);
		if (used == 0 && !w->storing && !(w->s.wait == WAIT_ROOM && w->begun))
			return;
		buf_drop(&w->in, used);
	}
}

static inline void
fixture_feed(struct session_fixture *w, const char *data, size_t len, bool bytewise)
{
	size_t step = bytewise ? 1 : len;
	for (size_t at = 0; at < len; at += step) {
		buf_add(&w->in, data + at, step);
		fixture_run(w);
	}
}

static inline void
fixture_say(struct session_fixture *w, const char *line)
{
	buf_clear(&w->out);
	buf_puts(&w->in, line);
	buf_puts(&w->in, "\r\n");
	fixture_run(w);
}

#endif
