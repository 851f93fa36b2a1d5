/*
 * client - replies of any server: each transaction ends once, with a verdict for each recipient; "delivered"
 * only by a 2xx after the content
 */
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/fuzz/fuzz.h"

#define CONTENT "Subject: x\r\n\r\n.dot\r\n"

struct run {
	struct client c;
	struct message_envelope e;
	struct verdict verdict[3];
	size_t index[3];
	bool busy, sent;
};

static void
finish(struct run *r)
{
	static const struct verdict none;

	fuzz_check(r->busy);
	r->busy = false;
	(void)client_finish(&r->c);
	for (size_t i = 0; i < 3; i++) {
		const struct verdict *v = &r->verdict[i];

		fuzz_check(v->status[0] == (v->what == VERDICT_DELIVERED ? '2' : v->what == VERDICT_LATER ?
		    '4' : '5'));
		fuzz_check(v->what != VERDICT_ACCEPTED && (v->what != VERDICT_DELIVERED || r->sent));
		for (const char *p = v->text; *p != '\0'; p++)
			fuzz_check((unsigned char)*p >= ' ' && *p != 127);
		r->verdict[i] = none;
	}
}

static void
begin(struct run *r)
{
	r->busy = true;
	r->sent = false;
	client_transaction_begin(&r->c, &(struct client_mail){
		.e = &r->e, .sender = r->e.sender, .index = r->index, .count = 3, .verdict = r->verdict,
	});
}

/* Does what is asked for. At most one new message: one that the host cannot take is over at once. */
static void
act(struct run *r)
{
	for (bool begun = false;; client_sent(&r->c, r->c.out.len)) {
		enum client_action action = client_action(&r->c);

		if (action == CLIENT_DONE) {
			finish(r);
		} else if (action == CLIENT_CONTENT) {
			client_content(&r->c, CONTENT, sizeof(CONTENT) - 1);
			client_content_end(&r->c);
			r->sent = true;
		} else if (action == CLIENT_READY && !begun) {
			begun = true;
			fuzz_check(r->c.security == CLIENT_SECURED || r->c.set.tls != CLIENT_TLS_MUST);
			begin(r);
		} else if (action == CLIENT_HANDSHAKE) {
			client_secured(&r->c);
		} else {
			return;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct run r = { 0 };

	if (len == 0)
		return 0;
	unsigned mode = data[0];
	size_t step = mode & 4 ? 1 : len;
	r.e.sender = mem_strdup(mode & 8 ? "" : "a@us.example");
	r.e.flags = (mode & 1 ? MESSAGE_8BIT : 0) | (mode & 2 ? MESSAGE_UTF8 : 0) |
	    (mode & 16 ? MESSAGE_BINARY : 0);
	r.e.content_size = sizeof(CONTENT) - 1;
	for (size_t i = 0; i < 3; i++) {
		message_envelope_add(&r.e, "r@x.example")->notify = i == 0 ? NOTIFY_SUCCESS : 0;
		r.index[i] = i;
	}
	client_init(&r.c, &(struct client_settings){ .fqdn = "us.example", .host = "mx.example",
	    .helo = mode & 32,
	    .tls = mode & 64 ? CLIENT_TLS_MUST : mode & 128 ? CLIENT_TLS_MAY : CLIENT_TLS_OFF });
	for (size_t at = 1; at < len && client_action(&r.c) != CLIENT_CLOSE; at += step) {
		client_sent(&r.c, r.c.out.len);
		client_input(&r.c, (const char *)data + at, step < len - at ? step : len - at);
		act(&r);
	}
	client_lost(&r.c, "gone");
	if (client_action(&r.c) == CLIENT_DONE)
		finish(&r);
	fuzz_check(!r.busy && client_action(&r.c) == CLIENT_CLOSE);
	client_done(&r.c);
	message_envelope_done(&r.e);
	return 0;
}
