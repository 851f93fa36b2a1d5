/*
 * outconn_report - what a connection tells about TLS, for the report to the domain (RFC 8460 4)
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a session is counted once, however many messages go over it: when its handshake is over, when
 *           there is none, or when it is not begun as a policy forbids it. One that never reached the host,
 *           or where TLS was left out by our own choice, is not counted
 * Fails by: cannot
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "deliver/outbound/outbound.h"

void
outconn_report_begin(struct outconn *p, const struct mx_address *a)
{
	const struct client_settings *set = &p->client.set;

	/* whoever is greeted with HELO by our own configuration is not asked what it offers */
	if (p->site->o->reports == NULL || set->tls == CLIENT_TLS_OFF || set->helo ||
	    (set->unheard & CLIENT_OFFERS_TLS))
		return;
	p->applied = tls_applied_get(a->applied);
}

/* "220 mx.example.com ESMTP": the first word of the greeting. */
void
outconn_report_greeting(struct outconn *p, const char *line, size_t len)
{
	size_t name;

	if (p->applied == NULL || p->helo[0] != '\0' || len < 5)
		return;
	name = strcspn(line + 4, " \r\n");
	name = name < len - 4 ? name : len - 4;
	snprintf(p->helo, sizeof(p->helo), "%.*s", (int)name, line + 4);
}

static void
count_session(struct outconn *p, enum tls_result result, const char *why)
{
	struct net_address own = { .len = sizeof(own.sa) };
	char source[NET_TEXT_SIZE] = "";
	struct tls_session s = { .applied = p->applied, .result = result, .source = source,
	    .host = p->policy.literal ? "" : p->host, .helo = p->helo, .ip = p->ip, .reason = why };

	if (p->applied == NULL)
		return;
	if (p->applied->failed != TLS_RESULT_GOOD) {
		s.result = p->applied->failed;
		s.reason = p->applied->why;
	}
	if (p->fd != -1 && getsockname(p->fd, (struct sockaddr *)&own.sa, &own.len) == 0 &&
	    !net_is_any((const struct sockaddr *)&own.sa))
		net_format_ip(source, (const struct sockaddr *)&own.sa);
	tls_reports_count(p->site->o->reports, &s);
	tls_applied_put(p->applied);
	p->applied = NULL;
}

static enum tls_result
result_of(enum tls_fault fault)
{
	static const enum tls_result results[] = {
		[TLS_FAULT_NONE] = TLS_RESULT_OTHER, [TLS_FAULT_NAME] = TLS_RESULT_NAME,
		[TLS_FAULT_EXPIRED] = TLS_RESULT_EXPIRED, [TLS_FAULT_UNTRUSTED] = TLS_RESULT_UNTRUSTED,
		[TLS_FAULT_DANE] = TLS_RESULT_TLSA, [TLS_FAULT_OTHER] = TLS_RESULT_OTHER,
	};

	return results[fault];
}

/* A policy in mode testing, or TLSA records that OpenSSL can use none of, hold nothing back. */
void
outconn_report_secured(struct outconn *p, enum tls_proof proof)
{
	const struct tls_applied *a = p->applied;
	const char *why;
	enum tls_fault fault;

	if (a == NULL)
		return;
	if (a->type == TLS_APPLIED_TLSA && proof != TLS_PROOF_DANE) {
		count_session(p, TLS_RESULT_TLSA, "no TLSA record can be used");
		return;
	}
	fault = tls_out_fault(p->tls, &why);
	if (a->type == TLS_APPLIED_STS && a->testing && fault != TLS_FAULT_NONE &&
	    trusted_ca_are_there(p->site->o->trust))
		count_session(p, result_of(fault), why);
	else
		count_session(p, TLS_RESULT_GOOD, "");
}

/* A host that does not like our own certificate has no fault of its own. */
void
outconn_report_broken(struct outconn *p)
{
	char text[256];
	const char *why;
	enum tls_fault fault;

	if (p->applied == NULL)
		return;
	snprintf(text, sizeof(text), "%s", tls_link_reason());
	if (tls_link_is_refused()) {
		tls_applied_put(p->applied);
		p->applied = NULL;
		return;
	}
	fault = tls_out_is_unproven(p->tls) ? tls_out_fault(p->tls, &why) : TLS_FAULT_NONE;
	count_session(p, result_of(fault), text);
}

/* The connection is open, or has ended: what was not counted until now had no handshake. */
void
outconn_report_over(struct outconn *p)
{
	const struct client *c = &p->client;

	if (p->applied == NULL)
		return;
	if (c->opening >= CLIENT_OPEN && c->security == CLIENT_IN_CLEAR && c->opening != CLIENT_DENIED)
		count_session(p, TLS_RESULT_NO_STARTTLS, "");
	else if (strcmp(c->failure.status, "4.7.4") == 0)
		count_session(p, TLS_RESULT_NO_STARTTLS, c->failure.text);
	else if (c->security == CLIENT_TLS_CUT || c->security == CLIENT_TLS_BROKEN)
		count_session(p, TLS_RESULT_OTHER, c->failure.text);
	tls_applied_put(p->applied);
	p->applied = NULL;
}

void
outconn_report_refused(struct outconn *p)
{
	if (p->applied != NULL && p->applied->failed != TLS_RESULT_GOOD)
		count_session(p, p->applied->failed, "");
	tls_applied_put(p->applied);
	p->applied = NULL;
}
