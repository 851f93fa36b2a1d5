/*
 * w3clog_fields - the protocol log: whatever bytes a peer sends, a fact is one line of printable characters, with
 * as many fields as the file says
 */
#include "t/fuzz/fuzz.h"
#include <jansson.h>

#include "common/base/utf8.h"
#include "common/w3clog/w3clog.h"

struct piece { char *text; size_t len; };

/* The next piece of the input: a byte of length, then so many bytes; copied, so that reading past it shows. */
static struct piece
take_piece(const uint8_t **data, size_t *len)
{
	size_t n = *len == 0 ? 0 : (*data)[0] * 5U;
	struct piece p;

	*data += *len > 0;
	*len -= *len > 0;
	p.len = n < *len ? n : *len;
	p.text = malloc(p.len + 1);
	memcpy(p.text, *data, p.len);
	p.text[p.len] = '\0';
	*data += p.len;
	*len -= p.len;
	return p;
}

static void
check_w3c(const struct buf *out, uint32_t fields)
{
	size_t blanks = 0;

	fuzz_check(out->data[0] != '#');
	for (size_t i = 0; i + 1 < out->len; i++) {
		fuzz_check(out->data[i] >= ' ' && out->data[i] <= '~');
		blanks += out->data[i] == ' ';
		fuzz_check(out->data[i] != ' ' || (i > 0 && out->data[i - 1] != ' '));
	}
	fuzz_check(blanks + 1 == (size_t)__builtin_popcount(fields) && out->data[out->len - 2] != ' ');
}

/* A JSON reader takes it; the text comes back as it was where it is UTF-8. */
static void
check_json(const struct buf *out, const struct w3clog_fact *fact)
{
	json_t *o = json_loadb(out->data, out->len - 1, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL),
	    *value;

	fuzz_check(json_is_object(o) && json_is_string(json_object_get(o, "time")));
	for (size_t i = 0, n; i + 1 < out->len; i += n)
		fuzz_check((n = utf8_take_printable((unsigned char *)out->data + i, out->len - 1 - i)) > 0);
	value = json_object_get(o, "command");
	if (value != NULL && fact->method.len <= 60) {
		char *want = strndup(fact->method.text, fact->method.len);

		if (json_string_length(value) == fact->method.len && strlen(want) == fact->method.len &&
		    strstr(json_string_value(value), "\xef\xbf\xbd") == NULL)
			fuzz_check(strcmp(json_string_value(value), want) == 0);
		free(want);
	}
	json_decref(o);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct piece piece[6];
	struct w3clog_format f = { .site = "SMTPSVC1", .computer = "MX", .server = "default" };
	struct buf out = BUF_INIT(W3CLOG_LINE_MAX), head = BUF_INIT(4096);
	uint32_t given;

	if (len < 6)
		return 0;
	memcpy(&given, data + 1, sizeof(given));
	f.format = data[0] & 1 ? CONFIG_LOG_JSON : CONFIG_LOG_W3C;
	f.fields = given & ((1U << CONFIG_FIELD_COUNT) - 1);
	if (f.fields == 0)
		f.fields = 1U << CONFIG_FIELD_CS_METHOD;
	struct w3clog_fact fact = { .time_us = INT64_C(1764500000123456), .kind = data[0] >> 1 & 3U,
	    .port = data[5], .reply = 250, .status = data[0] & 64 ? 240 : 0, .session_ms = 5, .sent = 10 };
	if (fact.kind >= W3CLOG_KIND_COUNT)
		fact.kind = W3CLOG_INBOUND;
	unsigned mode = data[0];
	data += 6;
	len -= 6;
	for (size_t i = 0; i < 6; i++)
		piece[i] = take_piece(&data, &len);
	fact.method = (struct w3clog_text){ piece[0].text, piece[0].len };
	fact.query = (struct w3clog_text){ piece[1].text, piece[1].len };
	fact.user = piece[2].text;
	fact.peer = piece[3].text;
	fact.message_id = mode & 8 ? piece[4].text : NULL;
	fact.id = mode & 16 ? piece[5].text : NULL;
	fact.local = mode & 32 ? piece[5].text : NULL;
	w3clog_fields_line(&out, &f, &fact);
	fuzz_check(buf_ok(&out) && out.len > 1 && memchr(out.data, '\n', out.len) == out.data + out.len - 1);
	if (f.format == CONFIG_LOG_W3C)
		check_w3c(&out, f.fields);
	else
		check_json(&out, &fact);
	w3clog_fields_header(&head, &f, fact.time_us);
	fuzz_check(buf_ok(&head));
	for (size_t i = 0; i < 6; i++)
		free(piece[i].text);
	buf_done(&out);
	buf_done(&head);
	return 0;
}
