/*
 * w3clog_fields - the fields of the protocol log, one row each: a fact as a W3C extended line or as a JSON
 * object; pure
 *
 * Runs in:  listener, deliver, pickup
 * Owns:     nothing
 * Promise:  meanings are those of the original, quirks included, because log tools rely on them (QUIT is
 *           240, s-port of a client is 0). Whatever bytes a peer sends, a fact is one line: a blank becomes
 *           +, a byte that is not printable ASCII %XX (in JSON \uXXXX, unless it may be shown), long texts
 *           are cut
 * Fails by: cannot
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/utf8.h"
#include "common/config/key.h"
#include "common/w3clog/w3clog.h"

#define METHOD_MAX 64		/* bytes of a peer, before escaping */
#define USER_MAX 255
#define QUERY_MAX 1024

struct scene {
	const struct w3clog_format *format;
	const struct w3clog_fact *fact;
	struct tm tm;
};

/* --- bytes of a peer --- */

static struct w3clog_text
text_of(const char *text)
{
	return text != NULL ? (struct w3clog_text){ text, strlen(text) } : (struct w3clog_text){ NULL, 0 };
}

/*
 * "#" in front could make a directive of a line that begins with this field; quotes disturb readers; readers
 * decode %XX, so a "%" of the peer is encoded.
 */
static void
put_text(struct buf *out, struct w3clog_text t, size_t max)
{
	size_t len = t.text == NULL ? 0 : t.len < max ? t.len : max, done = 0;

	if (len == 0)
		buf_add(out, "-", 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)t.text[i];

		if (c > ' ' && c <= '~' && c != '"' && c != '%' && (c != '#' || i > 0))
			continue;
		buf_add(out, t.text + done, i - done);
		done = i + 1;
		if (c == ' ')
			buf_add(out, "+", 1);
		else
			buf_printf(out, "%%%02X", c);
	}
	if (done < len)
		buf_add(out, t.text + done, len - done);
}

static void
put_json_name(struct buf *out, const char *name)
{
	buf_add(out, ",\"", 2);
	buf_puts(out, name);
	buf_add(out, "\":", 2);
}

/* "name":"value" with the comma before it; nothing when there is no value. */
static void
put_json_string(struct buf *out, const char *name, struct w3clog_text t, size_t max)
{
	size_t len = t.len < max ? t.len : max;
	char text[UTF8_JSON_SIZE];

	if (t.text == NULL)
		return;
	put_json_name(out, name);
	buf_add(out, "\"", 1);
	for (size_t i = 0; i < len;) {
		i += utf8_format_json(text, (const unsigned char *)t.text + i, len - i);
		buf_puts(out, text);
	}
	buf_add(out, "\"", 1);
}

static void
put_json_number(struct buf *out, const char *name, uint64_t n)
{
	put_json_name(out, name);
	buf_number(out, n, 0);
}

/* --- fields --- */

static void
w3c_date(struct buf *out, const struct scene *s)
{
	buf_number(out, (uint64_t)s->tm.tm_year + 1900, 4);
	buf_add(out, "-", 1);
	buf_number(out, (uint64_t)s->tm.tm_mon + 1, 2);
	buf_add(out, "-", 1);
	buf_number(out, (uint64_t)s->tm.tm_mday, 2);
}

static void
w3c_time(struct buf *out, const struct scene *s)
{
	buf_number(out, (uint64_t)s->tm.tm_hour, 2);
	buf_add(out, ":", 1);
	buf_number(out, (uint64_t)s->tm.tm_min, 2);
	buf_add(out, ":", 1);
	buf_number(out, (uint64_t)s->tm.tm_sec, 2);
}

static void
w3c_peer(struct buf *out, const struct scene *s)
{
	put_text(out, text_of(s->fact->peer), USER_MAX);
}

static void
json_peer(struct buf *out, const struct scene *s)
{
	put_json_string(out, "peer", text_of(s->fact->peer), USER_MAX);
}

static void
w3c_user(struct buf *out, const struct scene *s)
{
	static const char *const outbound[W3CLOG_KIND_COUNT] = {
		[W3CLOG_COMMAND] = "OutboundConnectionCommand",
		[W3CLOG_RESPONSE] = "OutboundConnectionResponse",
	};
	const char *word = outbound[s->fact->kind];
	put_text(out, text_of(word != NULL ? word : s->fact->user), USER_MAX);
}

static void
json_user(struct buf *out, const struct scene *s)
{
	put_json_string(out, "helo", text_of(s->fact->user), USER_MAX);
}

static void
w3c_site(struct buf *out, const struct scene *s)
{
	buf_puts(out, s->format->site);
}

static void
json_site(struct buf *out, const struct scene *s)
{
	put_json_string(out, "server", text_of(s->format->server), USER_MAX);
	put_json_string(out, "service", text_of(s->format->site), USER_MAX);
}

static void
w3c_computer(struct buf *out, const struct scene *s)
{
	put_text(out, text_of(s->format->computer), USER_MAX);
}

static void
json_computer(struct buf *out, const struct scene *s)
{
	put_json_string(out, "computer", text_of(s->format->computer), USER_MAX);
}

static void
w3c_local(struct buf *out, const struct scene *s)
{
	put_text(out, text_of(s->fact->local), USER_MAX);
}

static void
json_local(struct buf *out, const struct scene *s)
{
	put_json_string(out, "local", text_of(s->fact->local), USER_MAX);
}

static void
w3c_port(struct buf *out, const struct scene *s)
{
	buf_number(out, s->fact->kind == W3CLOG_INBOUND ? 0 : s->fact->port, 0);
}

static void
json_port(struct buf *out, const struct scene *s)
{
	put_json_number(out, s->fact->kind == W3CLOG_INBOUND ? "local-port" : "peer-port", s->fact->port);
}

static void
w3c_method(struct buf *out, const struct scene *s)
{
	put_text(out, s->fact->method, METHOD_MAX);
}

static void
json_method(struct buf *out, const struct scene *s)
{
	put_json_string(out, "command", s->fact->method, METHOD_MAX);
}

static void
w3c_query(struct buf *out, const struct scene *s)
{
	if (s->fact->message_id == NULL) {
		put_text(out, s->fact->query, QUERY_MAX);
		return;
	}
	buf_add(out, "+", 1);
	put_text(out, text_of(s->fact->message_id), QUERY_MAX);
}

static void
json_query(struct buf *out, const struct scene *s)
{
	struct w3clog_text t = s->fact->query;

	for (; t.len > 0 && *t.text == ' '; t.len--)
		t.text++;
	if (t.len > 0)
		put_json_string(out, s->fact->kind == W3CLOG_RESPONSE ? "response" : "arguments", t,
		    QUERY_MAX);
	put_json_string(out, "message-id", text_of(s->fact->message_id), QUERY_MAX);
	put_json_string(out, "id", text_of(s->fact->id), USER_MAX);
}

static void
w3c_status(struct buf *out, const struct scene *s)
{
	buf_number(out, s->fact->status != 0 ? s->fact->status : s->fact->reply, 0);
}

static void
json_status(struct buf *out, const struct scene *s)
{
	if (s->fact->reply != 0)
		put_json_number(out, "reply", s->fact->reply);
}

static void
w3c_win32(struct buf *out, const struct scene *s)
{
	buf_number(out, s->fact->session_ms, 0);
}

static void
json_win32(struct buf *out, const struct scene *s)
{
	if (s->fact->status != 0)
		put_json_number(out, "session-ms", s->fact->session_ms);
}

static void
w3c_sent(struct buf *out, const struct scene *s)
{
	buf_number(out, s->fact->sent, 0);
}

static void
json_sent(struct buf *out, const struct scene *s)
{
	put_json_number(out, s->fact->kind == W3CLOG_RESPONSE ? "response-bytes" : "sent-bytes",
	    s->fact->sent);
}

static void
w3c_received(struct buf *out, const struct scene *s)
{
	buf_number(out, s->fact->received, 0);
}

static void
json_received(struct buf *out, const struct scene *s)
{
	if (s->fact->kind == W3CLOG_INBOUND)
		put_json_number(out, "received-bytes", s->fact->received);
}

static void
w3c_ms(struct buf *out, const struct scene *s)
{
	buf_number(out, s->fact->ms, 0);
}

static void
json_ms(struct buf *out, const struct scene *s)
{
	put_json_number(out, "ms", s->fact->ms);
}

static void
w3c_version(struct buf *out, const struct scene *s)
{
	buf_puts(out, "SMTP");
}

static void
w3c_none(struct buf *out, const struct scene *s)
{
	buf_add(out, "-", 1);
}

/* json NULL: nothing in JSON; date and time are one "time", which every object has. */
static const struct row {
	void (*w3c)(struct buf *out, const struct scene *s);
	void (*json)(struct buf *out, const struct scene *s);
} rows[CONFIG_FIELD_COUNT] = {
	[CONFIG_FIELD_DATE] = { w3c_date, NULL },
	[CONFIG_FIELD_TIME] = { w3c_time, NULL },
	[CONFIG_FIELD_C_IP] = { w3c_peer, json_peer },
	[CONFIG_FIELD_CS_USERNAME] = { w3c_user, json_user },
	[CONFIG_FIELD_S_SITENAME] = { w3c_site, json_site },
	[CONFIG_FIELD_S_COMPUTERNAME] = { w3c_computer, json_computer },
	[CONFIG_FIELD_S_IP] = { w3c_local, json_local },
	[CONFIG_FIELD_S_PORT] = { w3c_port, json_port },
	[CONFIG_FIELD_CS_METHOD] = { w3c_method, json_method },
	[CONFIG_FIELD_CS_URI_STEM] = { w3c_none, NULL },
	[CONFIG_FIELD_CS_URI_QUERY] = { w3c_query, json_query },
	[CONFIG_FIELD_SC_STATUS] = { w3c_status, json_status },
	[CONFIG_FIELD_SC_WIN32_STATUS] = { w3c_win32, json_win32 },
	[CONFIG_FIELD_SC_BYTES] = { w3c_sent, json_sent },
	[CONFIG_FIELD_CS_BYTES] = { w3c_received, json_received },
	[CONFIG_FIELD_TIME_TAKEN] = { w3c_ms, json_ms },
	[CONFIG_FIELD_CS_VERSION] = { w3c_version, NULL },
	[CONFIG_FIELD_CS_HOST] = { w3c_none, NULL },
	[CONFIG_FIELD_CS_USER_AGENT] = { w3c_none, NULL },
	[CONFIG_FIELD_CS_COOKIE] = { w3c_none, NULL },
	[CONFIG_FIELD_CS_REFERER] = { w3c_none, NULL },
};
static_assert(CONFIG_FIELD_COUNT <= 32, "a bit a field");

static size_t
find_field(const char *name)
{
	size_t i = 0;

	while (i < CONFIG_FIELD_COUNT && strcasecmp(key_check_log_fields[i], name) != 0)
		i++;
	return i;
}

void
w3clog_fields_init(struct w3clog_format *f, const struct config *c, const struct config_server *s)
{
	const char *host = c->service.hostname;
	size_t len = strcspn(host, ".");

	*f = (struct w3clog_format){ .format = s->log_format, .server = s->name };
	snprintf(f->site, sizeof(f->site), "SMTPSVC%u", s->id);
	for (size_t i = 0; i < len && i < sizeof(f->computer) - 1; i++)
		f->computer[i] = host[i] >= 'a' && host[i] <= 'z' ? (char)(host[i] - 'a' + 'A') : host[i];
	for (size_t i = 0; i < s->log_fields.count; i++) {
		size_t field = find_field(s->log_fields.text[i]);

		if (field < CONFIG_FIELD_COUNT)
			f->fields |= 1U << field;
	}
	if (s->log_fields.count == 0)
		f->fields = (1U << CONFIG_FIELD_COUNT) - 1;
}

static struct scene
scene_at(const struct w3clog_format *f, const struct w3clog_fact *fact, int64_t time_us)
{
	struct scene s = { .format = f, .fact = fact };
	time_t seconds = (time_t)(time_us / 1000000);

	gmtime_r(&seconds, &s.tm);
	return s;
}

void
w3clog_fields_header(struct buf *out, const struct w3clog_format *f, int64_t now_us)
{
	struct scene s = scene_at(f, NULL, now_us);

	if (f->format == CONFIG_LOG_JSON)
		return;
	buf_puts(out, "#Software: Postern " POSTERN_VERSION "\n#Version: 1.0\n#Date: ");
	w3c_date(out, &s);
	buf_add(out, " ", 1);
	w3c_time(out, &s);
	buf_puts(out, "\n#Fields:");
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
		if (f->fields & 1U << i)
			buf_printf(out, " %s", key_check_log_fields[i]);
	buf_add(out, "\n", 1);
}

static void
put_object(struct buf *out, const struct scene *s)
{
	static const char *const kind[W3CLOG_KIND_COUNT] = {
		[W3CLOG_INBOUND] = "inbound", [W3CLOG_COMMAND] = "outbound-command",
		[W3CLOG_RESPONSE] = "outbound-response",
	};
	char date[CLOCK_DATE_SIZE];

	clock_format_utc(date, s->fact->time_us);
	buf_printf(out, "{\"time\":\"%s\",\"kind\":\"%s\"", date, kind[s->fact->kind]);
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++)
		if ((s->format->fields & 1U << i) && rows[i].json != NULL)
			rows[i].json(out, s);
	buf_add(out, "}\n", 2);
}

void
w3clog_fields_line(struct buf *out, const struct w3clog_format *f, const struct w3clog_fact *fact)
{
	struct scene s = scene_at(f, fact, fact->time_us);
	bool first = true;

	if (f->format == CONFIG_LOG_JSON) {
		put_object(out, &s);
		return;
	}
	for (size_t i = 0; i < CONFIG_FIELD_COUNT; i++) {
		if (!(f->fields & 1U << i))
			continue;
		if (!first)
			buf_add(out, " ", 1);
		first = false;
		rows[i].w3c(out, &s);
	}
	buf_add(out, "\n", 1);
}
