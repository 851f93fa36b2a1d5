/*
 * dns_test - what the DNS says about one name, as text for operators
 *
 * Runs in:  resolver, on the loop
 * Owns:     a question until it is answered; those that come before the trust anchors wait for them
 * Promise:  asked as mail would ask: the same servers, cache and DNSSEC. A line about the answer, "found TAB
 *           secure TAB words", then one for each record; no byte of a record can end a line
 * Fails by: a line "trouble", and the reason
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/mem.h"
#include "deliver/resolver/resolver.h"

#define TEXT_MAX 4096U		/* of CTL_TEST_TEXT */
#define ANSWER_MAX (1U << 20)

struct dns_test {
	LIST_ENTRY(dns_test) link;
	struct boot *boot;
	uint32_t request;
	struct msg_dns_query query;
};

static const char *const results[] = {
	[DNS_FOUND] = "found", [DNS_NO_DATA] = "none", [DNS_NO_NAME] = "no-name", [DNS_TROUBLE] = "trouble",
};

static void
put_hex(struct buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%02x", data[i]);
}

static void
put_text(struct buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_add(out, data[i] < ' ' || data[i] == 0x7f ? "?" : (const char *)data + i, 1);
}

/* The record as zone files have it, but a TXT as one text. */
static void
put_record(struct buf *out, uint16_t type, const struct msg_dns_answer *a, size_t *at)
{
	const struct msg_dns_record *r = &a->record[*at];
	uint8_t data[DNS_LONG_MAX];
	char address[INET6_ADDRSTRLEN];
	size_t len = msg_dns_answer_long(a, at, data);

	if (type == DNS_A || type == DNS_AAAA)
		buf_puts(out, inet_ntop(type == DNS_A ? AF_INET : AF_INET6, data, address, sizeof(address)) !=
		    NULL ? address : "?");
	else if (type == DNS_TLSA && len > 3) {
		buf_printf(out, "%u %u %u ", data[0], data[1], data[2]);
		put_hex(out, data + 3, len - 3);
	} else {
		if (type == DNS_MX)
			buf_printf(out, "%u ", r->preference);
		put_text(out, data, len);
	}
	buf_puts(out, "\n");
}

static void
send_answer(const struct dns_test *t, const struct buf *out)
{
	static const int32_t good = EX_OK;

	for (size_t at = 0, n; at < out->len; at += n) {
		n = out->len - at < TEXT_MAX ? out->len - at : TEXT_MAX;
		(void)!ctl_send(t->boot->master, CTL_TEST_TEXT, t->request, out->data + at, n, -1);
	}
	(void)!ctl_send(t->boot->master, CTL_TEST_END, t->request, &good, sizeof(good), -1);
}

static void
on_answer(void *arg, const struct msg_dns_answer *a)
{
	struct dns_test *t = arg;
	struct buf out = BUF_INIT(ANSWER_MAX);

	buf_printf(&out, "%s\t%s\t%s\n", a->result < nitems_of(results) ? results[a->result] : "trouble",
	    a->secure ? "secure" : a->bogus ? "bogus" : "insecure", a->text);
	for (size_t at = 0; a->result == DNS_FOUND && at < a->count;)
		put_record(&out, t->query.type, a, &at);
	send_answer(t, &out);
	buf_done(&out);
	LIST_REMOVE(t, link);
	free(t);
}

void
dns_test_begin(struct boot *b, const struct ctl_message *m)
{
	struct resolver *r = b->state;
	struct dns_test *t = mem_new(struct dns_test);

	*t = (struct dns_test){ .boot = b, .request = m->request };
	if (!msg_dns_query_take(&t->query, m->data, m->len)) {
		free(t);
		return;
	}
	LIST_INSERT_HEAD(&r->tests, t, link);
	if (r->begun)
		(void)dns_query_ask(r->queries, &t->query, on_answer, t);
}

void
dns_test_go(struct resolver *r)
{
	struct dns_test *t, *next;

	LIST_FOREACH_SAFE(t, &r->tests, link, next)
		(void)dns_query_ask(r->queries, &t->query, on_answer, t);
}

void
dns_test_free_all(struct resolver *r)
{
	struct dns_test *t;

	while ((t = LIST_FIRST(&r->tests)) != NULL) {
		LIST_REMOVE(t, link);
		free(t);
	}
}
