/*
 * ctl_message - what a process that was taken over sends another: a message that fits its row is refused, or
 * whole: its strings are ended, its counts are true. The first two bytes choose the row and what comes with it;
 * zeros fill it up to the row's least size.
 */
#include "t/fuzz/fuzz.h"
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/command/msg_queue.h"
#include "common/ipc/ctl_rows.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_auth_out.h"
#include "common/msg/msg_directory.h"
#include "common/msg/msg_dns.h"
#include "common/msg/msg_etrn.h"
#include "common/msg/msg_filter.h"
#include "common/msg/msg_limits.h"
#include "common/msg/msg_policy.h"
#include "common/msg/msg_report.h"
#include "common/msg/msg_sessions.h"
#include "common/msg/msg_spool.h"
#include "common/msg/msg_token.h"
#include "common/msg/msg_trace.h"
#include "common/msg/msg_web.h"

#define ENDED(field) check_ended(field, sizeof(field))

static void
check_ended(const char *field, size_t size)
{
	fuzz_check(strnlen(field, size) < size);
}

static void
take_auth_in(const struct ctl_message *m)
{
	static struct msg_auth_in_start s;
	static struct msg_auth_in_answer a;

	if (m->type == CTL_AUTH_IN_START && msg_auth_in_start_take(&s, m->data, m->len)) {
		fuzz_check(msg_auth_in_start_size(&s) == m->len && s.mechanism < AUTH_IN_MECHANISMS);
		fuzz_check(s.token.len <= AUTH_IN_TOKEN_MAX && s.binding_len <= sizeof(s.binding_data));
		fuzz_check(s.unique_len <= sizeof(s.unique_data) &&
		    s.endpoint_len <= sizeof(s.endpoint_data));
		ENDED(s.client), ENDED(s.domain), ENDED(s.principal), ENDED(s.realms), ENDED(s.accounts);
	}
	if (m->type == CTL_AUTH_IN_ANSWER && msg_auth_in_answer_take(&a, m->data, m->len)) {
		fuzz_check(msg_auth_in_answer_size(&a) == m->len && a.result <= AUTH_IN_LATER);
		ENDED(a.user);
	}
	if (m->type == CTL_AUTH_IN_STEP && msg_auth_in_token_take(&s.token, m->data, m->len))
		fuzz_check(msg_auth_in_token_size(&s.token) == m->len);
}

static void
take_auth_out(const struct ctl_message *m)
{
	static struct msg_auth_out_start s;
	static struct msg_auth_out_answer a;

	if (m->type == CTL_AUTH_OUT_START && msg_auth_out_start_take(&s, m->data, m->len)) {
		fuzz_check(s.mechanism < AUTH_OUT_MECHANISMS && s.binding_len <= sizeof(s.binding_data));
		ENDED(s.domain), ENDED(s.user), ENDED(s.host);
	}
	if (m->type == CTL_AUTH_OUT_ANSWER && msg_auth_out_answer_take(&a, m->data, m->len)) {
		fuzz_check(msg_auth_out_answer_size(&a) == m->len && a.result <= AUTH_OUT_LATER);
		ENDED(a.why);
	}
}

static void
take_directory(const struct ctl_message *m)
{
	static struct msg_directory_query q;
	struct msg_directory a;
	struct address parsed;
	const char *at = NULL, *text;
	enum msg_directory_kind kind;
	uint32_t count = 0;

	if (m->type == CTL_DIRECTORY_ASK && msg_directory_query_take(&q, m->data, m->len)) {
		fuzz_check(address_from_text(&parsed, q.address) == 0);
		ENDED(q.member);
	}
	if (m->type != CTL_DIRECTORY_ANSWER || !msg_directory_take(&a, m))
		return;
	ENDED(a.status), ENDED(a.text);
	for (; (text = msg_directory_next(&a, &at, &kind)) != NULL; count++)
		for (const char *p = text; *p != '\0'; p++)
			fuzz_check((unsigned char)*p >= ' ' && *p != 127);
	fuzz_check(count == a.count);
	msg_directory_done(&a);
}

static void
take_dns(const struct ctl_message *m)
{
	static struct msg_dns_query q;
	static struct msg_dns_answer a;
	uint8_t joined[DNS_LONG_MAX];

	if (m->type == CTL_DNS_ASK && msg_dns_query_take(&q, m->data, m->len))
		ENDED(q.name);
	if (m->type != CTL_DNS_ANSWER || !msg_dns_answer_take(&a, m->data, m->len))
		return;
	ENDED(a.canonical), ENDED(a.text);
	fuzz_check(msg_dns_answer_size(&a) == m->len && a.count <= DNS_RECORDS_MAX);
	for (size_t at = 0, before; at < a.count;) {
		before = at;
		fuzz_check(a.record[at].len < DNS_DATA_SIZE && a.record[at].data[a.record[at].len] == '\0');
		fuzz_check(msg_dns_answer_long(&a, &at, joined) <= sizeof(joined));
		fuzz_check(at > before && at <= a.count);
	}
}

static void
take_etrn(const struct ctl_message *m)
{
	static struct msg_etrn d;
	const char *domain;
	size_t at = 0;

	if (m->type != CTL_ETRN || !msg_etrn_take(&d, m->data, m->len))
		return;
	ENDED(d.client), ENDED(d.account);
	while ((domain = msg_etrn_next(&d, &at)) != NULL)
		fuzz_check(at <= d.len && strlen(domain) < MSG_ETRN_DOMAINS_MAX);
}

static void
take_queue(const struct ctl_message *m)
{
	static struct msg_queue_ask a;
	static struct msg_queue_page p;
	size_t len;

	if (m->type == CTL_QUEUE && msg_queue_ask_take(&a, m->data, m->len)) {
		ENDED(a.at), ENDED(a.to), ENDED(a.reason);
		fuzz_check(a.verb < MSG_QUEUE_VERBS && a.pick.count <= QUEUE_FILTER_TERMS_MAX);
		(void)queue_filter_is_sender(&a.pick, "a@b.example");
		(void)queue_filter_is_recipient(&a.pick, "c@d.example");
		(void)queue_filter_is_id(&a.pick, "0123456789abcdef");
	}
	if (m->type == CTL_QUEUE_PAGE && msg_queue_page_take(&p, m->data, m->len, &len)) {
		ENDED(p.next);
		fuzz_check(p.state < MSG_QUEUE_STATES && (len == 0 || p.text[len - 1] == '\n'));
		fuzz_check(memchr(p.text, '\33', len) == NULL && memchr(p.text, '\0', len) == NULL);
	}
}

static void
take_sessions(const struct ctl_message *m)
{
	static struct msg_sessions_ask a;
	static struct msg_sessions_page p;
	size_t len;
	uint32_t rows = 0;

	if (m->type == CTL_SESSIONS && msg_sessions_ask_take(&a, m->data, m->len)) {
		ENDED(a.name);
		fuzz_check(a.count <= MSG_SESSIONS_SERIALS_MAX);
	}
	if (m->type != CTL_SESSIONS_PAGE || !msg_sessions_page_take(&p, m->data, m->len, &len))
		return;
	for (size_t i = 0; i < len; i++) {
		rows += p.text[i] == '\n';
		fuzz_check(p.text[i] == '\n' || p.text[i] == '\t' || (p.text[i] >= ' ' && p.text[i] <= '~'));
	}
	fuzz_check(rows == p.rows);
}

static void
take_spool(const struct ctl_message *m)
{
	char id[MESSAGE_ID_SIZE];
	struct msg_spool_answer a;

	if ((m->type == CTL_SPOOL_PUT || m->type == CTL_SPOOL_OPEN) && msg_spool_id(id, m->data, m->len))
		fuzz_check(strlen(id) == MESSAGE_ID_LEN && strpbrk(id, "/.") == NULL);
	if (m->type == CTL_SPOOL_OPEN)
		fuzz_check(!msg_spool_is_held(m->data, m->len) || m->len == sizeof(struct msg_spool_open));
	if (m->type == CTL_SPOOL_ANSWER)
		fuzz_check(msg_spool_take_answer(&a, m));
}

static void
take_token(const struct ctl_message *m)
{
	static struct msg_token_ask q;
	static struct msg_token_answer a;
	static struct msg_token_keep k;

	if (m->type == CTL_TOKEN_ASK && msg_token_ask_take(&q, m->data, m->len))
		ENDED(q.profile);
	if (m->type == CTL_TOKEN_ANSWER && msg_token_answer_take(&a, m->data, m->len)) {
		ENDED(a.text);
		fuzz_check(msg_token_answer_size(&a) == m->len && memchr(a.token, '\r', a.len) == NULL);
		fuzz_check((a.result == TOKEN_OK) == (a.len > 0));
	}
	if (m->type == CTL_TOKEN_KEEP && msg_token_keep_take(&k, m->data, m->len)) {
		ENDED(k.profile);
		fuzz_check(msg_token_keep_size(&k) == m->len);
	}
}

static void
take_web(const struct ctl_message *m)
{
	static struct msg_web_login l;
	static struct msg_web_password p;
	static struct msg_web_ticket t;
	static struct msg_web_command c;
	static struct msg_web_session s;
	static struct control_words w;
	size_t words;

	if (m->type == CTL_WEB_LOGIN && msg_web_login_take(&l, m->data, m->len))
		ENDED(l.client);
	if (m->type == CTL_WEB_PASSWORD && msg_web_password_take(&p, m->data, m->len))
		ENDED(p.client), ENDED(p.name), ENDED(p.password);
	if (m->type == CTL_WEB_TICKET && msg_web_ticket_take(&t, m->data, m->len)) {
		fuzz_check(msg_web_ticket_size(&t) == m->len && t.endpoint_len <= sizeof(t.endpoint));
		ENDED(t.client);
	}
	if (m->type == CTL_WEB_COMMAND && msg_web_command_take(&c, &words, m->data, m->len)) {
		fuzz_check(words <= sizeof(c.words));
		(void)control_words_parse(&w, c.words, words);
	}
	if (m->type == CTL_WEB_SESSION && msg_web_session_take(&s, m->data, m->len)) {
		ENDED(s.name);
		fuzz_check(s.result < WEB_RESULTS && s.token_len <= sizeof(s.token));
		fuzz_check(msg_web_session_size(&s) == m->len);
	}
}

static void
take_fetch(const struct ctl_message *m)
{
	static struct msg_policy_ask pq;
	static struct msg_policy_answer p;
	static struct msg_report_ask rq;
	static struct msg_report_answer r;

	if (m->type == CTL_POLICY_ASK && msg_policy_ask_take(&pq, m->data, m->len)) {
		fuzz_check(pq.addresses <= POLICY_ADDRESSES_MAX);
		ENDED(pq.domain), ENDED(pq.id);
	}
	if (m->type == CTL_POLICY_ANSWER && msg_policy_answer_take(&p, m->data, m->len)) {
		fuzz_check(msg_policy_answer_size(&p) == m->len && p.mode <= POLICY_ENFORCE);
		ENDED(p.text), ENDED(p.mx);
	}
	if (m->type == CTL_REPORT_ASK && msg_report_ask_take(&rq, m->data, m->len)) {
		fuzz_check(msg_report_ask_size(&rq) == m->len && rq.addresses <= POLICY_ADDRESSES_MAX);
		ENDED(rq.url), ENDED(rq.host);
		fuzz_check(strncasecmp(rq.url, "https://", 8) == 0 && strchr(rq.url, '\n') == NULL);
	}
	if (m->type == CTL_REPORT_ANSWER && msg_report_answer_take(&r, m->data, m->len))
		ENDED(r.text);
}

static void
take_filter(const struct ctl_message *m)
{
	static struct msg_filter_ask q;
	static struct msg_filter_answer a;
	unsigned texts = 0;

	if (m->type == CTL_FILTER_ASK && msg_filter_ask_take(&q, m->data, m->len)) {
		fuzz_check(msg_filter_ask_size(&q) == m->len && q.stage < FILTER_STAGES);
		for (const char *s = NULL; (s = msg_filter_ask_next(&q, s)) != NULL; texts++)
			fuzz_check(s + strlen(s) < q.text + q.len);
		fuzz_check(texts >= 2 && texts % 2 == 0);
	}
	if (m->type == CTL_FILTER_ANSWER && msg_filter_answer_take(&a, m->data, m->len)) {
		fuzz_check(msg_filter_answer_size(&a) == m->len && a.verdict < FILTER_VERDICTS);
		ENDED(a.text), ENDED(a.filter);
		(void)msg_filter_content_fits(&a, m->len, msg_filter_content_most(m->len, m->len));
	}
}

static void
take_limits(const struct ctl_message *m)
{
	static struct msg_limits_ask q;
	struct msg_limits_answer a;

	if (m->type == CTL_LIMITS_ASK && msg_limits_ask_take(&q, m->data, m->len)) {
		fuzz_check(q.kind < LIMITS_KINDS && q.limit > 0);
		ENDED(q.name);
	}
	if (m->type == CTL_LIMITS_ANSWER && msg_limits_answer_take(&a, m->data, m->len))
		fuzz_check(a.result < LIMITS_RESULTS);
}

static void
take_trace(const struct ctl_message *m)
{
	static struct msg_trace_ask a;

	if (m->type == CTL_TRACE && msg_trace_ask_take(&a, m->data, m->len))
		ENDED(a.sender), ENDED(a.recipient), ENDED(a.message_id);
}

/* A list apart: its descriptor holds what came behind the head. */
static int
list_of(const uint8_t *data, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	fuzz_check(fd != -1 && write(fd, data, len) == (ssize_t)len);
	return fd;
}

/* The head itself is hostile: nothing is taken that no row allows. */
static void
take_bytes(const uint8_t *data, size_t len, unsigned from)
{
	static char space[CTL_PAYLOAD_MAX];
	static int pair[2] = { -1, -1 };
	struct ctl_message m;

	if (pair[0] == -1)
		fuzz_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	fuzz_check(send(pair[0], data, len, MSG_NOSIGNAL) == (ssize_t)len);
	if (ctl_recv_now(pair[1], from, &m, space, sizeof(space)) == 1)
		fuzz_check((unsigned)m.type < CTL_COUNT && m.fd == -1 && (ctl_rows[m.type].from & from) != 0 &&
		    m.len >= ctl_rows[m.type].min && m.len <= ctl_rows[m.type].max);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static void (*const take[])(const struct ctl_message *m) = {
		take_auth_in, take_auth_out, take_directory, take_dns, take_etrn, take_queue, take_sessions,
		take_spool, take_token, take_web, take_fetch, take_filter, take_limits, take_trace,
	};
	struct ctl_message m = { .fd = -1 };
	const struct ctl_row *row;
	uint8_t *copy;

	if (len < 2)
		return 0;
	if (data[0] >= CTL_COUNT) {
		take_bytes(data + 2, len - 2, data[1] & 31U);
		return 0;
	}
	row = &ctl_rows[data[0]];
	m.type = (enum ctl_type)data[0];
	m.len = len - 2 < row->min ? row->min : len - 2 > row->max ? row->max : len - 2;
	/* a buffer of its own: reading past its end shows */
	m.data = copy = calloc(1, m.len + (m.len == 0));
	memcpy(copy, data + 2, len - 2 < m.len ? len - 2 : m.len);
	if (row->fd && (data[1] & 1))
		m.fd = list_of(data + 2, len - 2);
	for (size_t i = 0; i < nitems_of(take); i++)
		take[i](&m);
	if (m.fd != -1)
		close(m.fd);
	free(copy);
	return 0;
}
