/*
 * inbound_filter - what the mail filters are asked about one connection, and what becomes of their answers
 *
 * Runs in:  listener
 * Owns:     nothing; the filter_client is the connection's
 * Promise:  filters know a message by its id from MAIL on; what they say of a client that has gone counts
 *           only for a message that it had sent whole
 * Fails by: never; a helper that cannot be asked is an answer, as on-failure wants it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/net.h"
#include "common/helpers/filter_client.h"
#include "common/rules/policy.h"
#include "listener/connection/connection.h"
#include "listener/listener.h"

/* Questions are built here, one at a time: a session need not keep room for one. */
static struct msg_filter_ask the_ask;

static void
add_macro(const char *name, const char *value)
{
	(void)!msg_filter_ask_add_macro(&the_ask, name, value);	/* one that does not fit is left out */
}

static void
add_number(const char *name, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	add_macro(name, text);
}

/* --- the macros of each stage, as Postfix and Sendmail have them --- */

static void
add_connect(const struct inbound *c)
{
	char local[NET_TEXT_SIZE];
	union proxy_address here = { .sa.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(here);

	if (c->reached != NULL)
		here = *c->reached;
	else if (getsockname(conn_fd(c->conn), &here.sa, &len) == -1)
		here.sa.sa_family = AF_UNSPEC;
	add_macro("j", c->listener->server->fqdn);
	add_macro("v", "Postern " POSTERN_VERSION);
	add_macro("{daemon_name}", c->listener->server->name);
	if (here.sa.sa_family != AF_UNSPEC) {
		net_format_ip(local, &here.sa);
		add_macro("{daemon_addr}", local);
		add_number("{daemon_port}", net_port(&here.sa));
	}
	add_macro("{client_addr}", c->ip);
	add_macro("{client_name}", c->names != NULL ? c->names : "unknown");
	add_macro("{client_ptr}", c->names != NULL ? c->names : "unknown");
	add_number("{client_port}", net_port(&c->peer.sa));
}

static void
add_helo(const struct inbound *c)
{
	const struct ssl_st *link = conn_link(c->conn);
	char subject[256], issuer[256];

	if (link == NULL)
		return;
	add_macro("{tls_version}", tls_link_version(link));
	add_macro("{cipher}", tls_link_cipher(link));
	add_number("{cipher_bits}", (unsigned)tls_link_bits(link));
	if (tls_link_peer(link, subject, issuer, sizeof(subject))) {
		add_macro("{cert_subject}", subject);
		add_macro("{cert_issuer}", issuer);
	}
}

/* "{mail_addr}", "{mail_host}" and "{mail_mailer}", or those of a recipient, of "<address>". */
static void
add_address(const struct inbound *c, const char *path, const char *const names[3])
{
	char text[ADDRESS_MAX + 3];
	struct address a;
	size_t used;

	if (address_parse_path(&a, path, strlen(path), ADDRESS_NULL | ADDRESS_UTF8 | ADDRESS_BARE,
	    &used) == -1)
		return;
	snprintf(text, sizeof(text), "%s", a.text[0] != '\0' ? a.text : "<>");
	add_macro(names[0], text);
	add_macro(names[1], address_domain(&a));
	add_macro(names[2], policy_domain(c->listener->server, address_domain(&a)) == POLICY_LOCAL ? "local" :
	    "smtp");
}

/* Who is said to have submitted it: AUTH= of MAIL, from a client that is authenticated (RFC 4954 5). */
static void
add_author(const char *parameters)
{
	char author[ADDRESS_MAX * 3 + 1];
	size_t len;

	for (const char *p = parameters; *p != '\0'; p += len) {
		p += strspn(p, " ");
		len = strcspn(p, " ");
		if (len > 5 && len - 5 < sizeof(author) && strncasecmp(p, "AUTH=", 5) == 0) {
			snprintf(author, sizeof(author), "%.*s", (int)(len - 5), p + 5);
			add_macro("{auth_author}", author);
		}
	}
}

static void
add_mail(const struct inbound *c, const char *argument, const char *parameters)
{
	static const char *const names[] = { "{mail_addr}", "{mail_host}", "{mail_mailer}" };

	add_macro("i", c->filter_id);
	add_macro("{auth_authen}", c->session.user);
	add_macro("{auth_type}", c->session.user != NULL ? c->session.mechanism : NULL);
	if (c->session.user != NULL)
		add_author(parameters);
	add_address(c, argument, names);
}

static void
add_stage(const struct inbound *c, enum msg_filter_stage stage, const char *argument, const char *second)
{
	static const char *const rcpt[] = { "{rcpt_addr}", "{rcpt_host}", "{rcpt_mailer}" };

	switch (stage) {
	case FILTER_CONNECT:
		add_connect(c);
		break;
	case FILTER_HELO:
		add_helo(c);
		break;
	case FILTER_MAIL:
		add_mail(c, argument, second);
		break;
	case FILTER_RCPT:
		add_macro("i", c->filter_id);
		add_address(c, argument, rcpt);
		break;
	default:
		add_macro("i", c->filter_id);
	}
}

/* --- answers --- */

void
inbound_filter_discarded(const struct inbound *c, const struct msg_filter_answer *a)
{
	log_event(LOG_FACT, c->filter_id[0] != '\0' ? c->filter_id : NULL, "discarded",
	    "client=%s sender=%s filter=%s", c->ip, log_safe(inbound_log_sender(&c->session)),
	    log_safe(a->filter));
}

void
inbound_filter_stored(struct inbound *c)
{
	struct msg_filter_answer *a = c->content.held;

	if (a != NULL)
		log_event(LOG_FACT, c->filter_id, "held", "filter=%s reason=%s", log_safe(a->filter),
		    log_safe(a->text));
	free(a);
	c->content.held = NULL;
}

static void
on_filter_answer(void *arg, const struct msg_filter_answer *a)
{
	struct inbound *c = arg;

	if (c->judging) {
		c->judging = false;
		inbound_filtered_judged(&c->content, a);
	} else if (c->conn != NULL) {
		if (a->verdict == FILTER_DISCARD)
			inbound_filter_discarded(c, a);
		session_filtered(&c->session, a);
		conn_resume(c->conn);
	}
}

/* --- questions --- */

/* The strictest of what the filters' on-failure says. */
static enum msg_filter_verdict
verdict_of_lost(const struct config_server *server)
{
	enum msg_filter_verdict verdict = FILTER_GO_ON;

	for (size_t i = 0; i < server->nfilter; i++) {
		const struct config_filter *f = &server->filter[i];

		if ((f->sources & CONFIG_FILTER_SMTP) && f->on_failure == CONFIG_FILTER_TEMPFAIL)
			return FILTER_LATER;
		if ((f->sources & CONFIG_FILTER_SMTP) && f->on_failure == CONFIG_FILTER_DISCONNECT)
			verdict = FILTER_DISCONNECT;
	}
	return verdict;
}

static void
ask_connect(struct inbound *c)
{
	char literal[INET6_ADDRSTRLEN + 2];

	c->filter_connects = false;
	snprintf(literal, sizeof(literal), "[%s]", c->ip);
	msg_filter_ask_begin(&the_ask, FILTER_CONNECT, FILTER_SMTP);
	the_ask.family = strchr(c->ip, ':') != NULL ? 6 : 4;
	the_ask.port = net_port(&c->peer.sa);
	(void)!msg_filter_ask_add(&the_ask, c->names != NULL ? c->names : literal);
	(void)!msg_filter_ask_add(&the_ask, c->ip);
	add_stage(c, FILTER_CONNECT, "", "");
	filter_client_ask(c->filter, &the_ask, -1);
}

void
inbound_filter_named(struct inbound *c)
{
	if (c->filter_connects)
		ask_connect(c);
}

void
inbound_filter_ask(void *arg, enum msg_filter_stage stage, const char *argument, const char *second)
{
	struct inbound *c = arg;

	if (c->filter == NULL)
		c->filter = filter_client_open(c->listener->helper[CTL_HELPER_FILTER],
		    verdict_of_lost(c->listener->server), on_filter_answer, c);
	if (stage == FILTER_CONNECT) {
		c->filter_connects = true;	/* the names may be on their way */
		if (c->client.state != POLICY_ASKING)
			ask_connect(c);
		return;
	}
	if (stage == FILTER_MAIL)
		message_id_make(c->filter_id, clock_wall_us(), chance_u32());
	msg_filter_ask_begin(&the_ask, stage, FILTER_SMTP);
	(void)!msg_filter_ask_add(&the_ask, argument);
	(void)!msg_filter_ask_add(&the_ask, second);
	add_stage(c, stage, argument, second);
	filter_client_ask(c->filter, &the_ask, -1);
}

void
inbound_filter_ask_content(void *arg, int fd, uint64_t size)
{
	struct inbound *c = arg;

	c->judging = true;
	msg_filter_ask_begin(&the_ask, FILTER_CONTENT, FILTER_SMTP);
	the_ask.size = size;
	(void)!msg_filter_ask_add(&the_ask, "");
	(void)!msg_filter_ask_add(&the_ask, "");
	add_stage(c, FILTER_CONTENT, "", "");
	filter_client_ask(c->filter, &the_ask, fd);
}
