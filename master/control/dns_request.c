/*
 * dns_request - asks the resolver helper about one name, for posternctl dkim and check --dns
 *
 * Runs in:  master
 * Owns:     one question from its command to its answer
 * Promise:  as test_request; the answer is that of the resolver's dns_test
 * Fails by: a status; the text says why
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "common/msg/msg_dns.h"
#include "master/control/control.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"

#define DNS_REQUEST_WAIT_MS 40000U	/* the resolver gives a question 30 s */

struct dns_request {
	struct test_request r;
	struct msg_dns_query query;
};

static const struct { const char *word; uint16_t type; } types[] = {
	{ "A", DNS_A }, { "AAAA", DNS_AAAA }, { "MX", DNS_MX }, { "PTR", DNS_PTR }, { "TXT", DNS_TXT },
	{ "TLSA", DNS_TLSA },
};

static void
ask_resolver(struct test_request *r, struct child *helper)
{
	const struct dns_request *mine = (const struct dns_request *)r;	/* its first member */

	control_question_turn(&r->q, 0, helper);
	control_question_ask(&r->q, 0, &mine->query, sizeof(mine->query));
}

/* A part of an answer is worth nothing. */
static void
on_gone(struct control_question *q, size_t part)
{
	buf_clear(&((struct test_request *)q)->text);
	test_request_gone(q, part);
}

static void
on_late(struct control_question *q)
{
	buf_clear(&((struct test_request *)q)->text);
	test_request_late(q);
}

static const struct control_question_ops dns_ops = {
	.ask = CTL_DNS_TEST, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = test_request_page,
	.gone = on_gone, .late = on_late, .update = test_request_update, .free = test_request_free,
};

/* Words: dns-test - TYPE NAME */
void
dns_request_run(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w)
{
	struct dns_request *r;
	size_t at = 0;

	while (w->count == 4 && at < nitems_of(types) && strcmp(types[at].word, w->word[2]) != 0)
		at++;
	if (w->count != 4 || at == nitems_of(types) || *w->word[3] == '\0' ||
	    strlen(w->word[3]) >= sizeof(r->query.name)) {
		buf_puts(&cmd->text, "the service does not understand this question\n");
		cmd->status = EX_USAGE;
		return;
	}
	r = mem_new(struct dns_request);
	r->r.helper = CTL_HELPER_RESOLVER;
	r->r.ask = ask_resolver;
	r->r.who = "the resolver";
	r->query.type = types[at].type;
	snprintf(r->query.name, sizeof(r->query.name), "%s", w->word[3]);
	test_request_begin(&r->r, cmd, m, &dns_ops, DNS_REQUEST_WAIT_MS);
}
