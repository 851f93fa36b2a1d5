/*
 * client_order - a host that answers at any time, and in pieces, while our commands leave in pieces: a recipient
 * is delivered if and only if the host had taken it, had the content whole, and then answered 2yz. The input is a
 * script of what leaves and of what the host says.
 */
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/fuzz/fuzz.h"

#define CONTENT "Subject: x\r\n\r\n.dot\r\nend\r\n"
#define RECIPIENTS 3
#define PENDING_MAX 400

enum kind { OTHER, MAIL, RCPT, DATA, BDAT, LAST, DOT };
struct command { enum kind kind; unsigned rcpt; };

/* What the host knows: the commands that have arrived, those of them that it has answered. */
struct host {
	struct command pending[PENDING_MAX];
	size_t arrived, answered;
	char line[2000];		/* the command that is arriving */
	size_t line_len;
	bool in_data;			/* after 354, up to the final dot */
	size_t chunk;			/* bytes of a chunk that are still to come */
	enum kind chunk_kind;
	struct buf content;
	bool taken[RECIPIENTS], delivered[RECIPIENTS];
	bool broken;			/* it has said what no command asked for, or what is no reply */
	char reply[200];		/* the rest of a reply that has begun */
	size_t reply_at, reply_len;
	struct command to;		/* what it answers */
	int code;
};

struct run {
	struct client c;
	struct message_envelope e;
	struct verdict verdict[RECIPIENTS];
	size_t index[RECIPIENTS], content_at;
	bool busy;
	struct host h;
};

/* --- the host --- */

static void
arrive(struct host *h, enum kind kind, unsigned rcpt)
{
	fuzz_check(h->arrived < PENDING_MAX);
	h->pending[h->arrived++] = (struct command){ kind, rcpt };
}

static void
take_command(struct host *h, const char *line)
{
	unsigned long size;
	unsigned rcpt;
	char word[8] = "";

	if (strncmp(line, "MAIL ", 5) == 0) {
		buf_clear(&h->content);
		arrive(h, MAIL, 0);
	} else if (sscanf(line, "RCPT TO:<r%u@x.example>", &rcpt) == 1) {
		arrive(h, RCPT, rcpt);
	} else if (strcmp(line, "DATA") == 0) {
		arrive(h, DATA, 0);
	} else if (sscanf(line, "BDAT %lu %7s", &size, word) >= 1) {
		h->chunk = size;
		h->chunk_kind = strcmp(word, "LAST") == 0 ? LAST : BDAT;
		if (size == 0)
			arrive(h, h->chunk_kind, 0);
	} else {
		arrive(h, OTHER, 0);
	}
}

static void
take_byte(struct host *h, char c)
{
	if (h->chunk > 0) {
		buf_add(&h->content, &c, 1);
		if (--h->chunk == 0)
			arrive(h, h->chunk_kind, 0);
		return;
	}
	fuzz_check(h->line_len < sizeof(h->line) - 1);
	h->line[h->line_len++] = c;
	if (c != '\n')
		return;
	fuzz_check(h->line_len >= 2 && h->line[h->line_len - 2] == '\r');
	h->line[h->line_len] = '\0';
	if (h->in_data && strcmp(h->line, ".\r\n") == 0) {
		h->in_data = false;
		arrive(h, DOT, 0);
	} else if (h->in_data) {
		bool dot = h->line[0] == '.';

		buf_add(&h->content, h->line + dot, h->line_len - dot);
	} else {
		h->line[h->line_len - 2] = '\0';
		take_command(h, h->line);
	}
	h->line_len = 0;
}

static bool
has_content(const struct host *h)
{
	return h->content.len == sizeof(CONTENT) - 1 && memcmp(h->content.data, CONTENT, h->content.len) == 0;
}

/* A reply has been heard to its end. */
static void
count_reply(struct host *h)
{
	bool yes = h->code / 100 == 2;

	if (h->broken)
		return;
	if (h->to.kind == MAIL) {
		memset(h->taken, 0, sizeof(h->taken));
		memset(h->delivered, 0, sizeof(h->delivered));
	}
	if (h->to.kind == RCPT && h->to.rcpt < RECIPIENTS)
		h->taken[h->to.rcpt] = yes;
	if (h->to.kind == DATA)
		h->in_data = h->code == 354;
	if ((h->to.kind == DOT || h->to.kind == LAST) && yes && has_content(h))
		memcpy(h->delivered, h->taken, sizeof(h->taken));
}

static void
begin_reply(struct run *r, int code, unsigned form)
{
	struct host *h = &r->h;
	static const char *const texts[] = { "@ 2.0.0 yes\r\n", "@\r\n", "@-no\r\n@ 2.1.5 more\r\n",
	    "@-x\r\n@-PIPELINING\r\n@ CHUNKING\r\n", "@-x\r\n@-PIPELINING\r\n@ DSN\r\n",
	    "@-x\r\n@-CHUNKING\r\n@-BINARYMIME\r\n@ 8BITMIME\r\n", "@-\r\n@ ok\r\n", "x@\r\n" };
	char digits[12];

	if (h->reply_at < h->reply_len)
		return;
	form %= 8;
	h->reply_len = h->reply_at = 0;
	snprintf(digits, sizeof(digits), "%d", code);
	for (const char *p = texts[form]; *p != '\0'; p++)
		h->reply_len += (size_t)snprintf(h->reply + h->reply_len, sizeof(h->reply) - h->reply_len,
		    "%.*s", *p == '@' ? 3 : 1, *p == '@' ? digits : p);
	h->code = code;
	h->to = (struct command){ OTHER, 0 };
	if (code == 220 && form != 7 && (r->c.phase == CLIENT_EHLO || r->c.phase == CLIENT_HELO))
		return;		/* another banner: the answer is still to come */
	if (form == 7 && r->c.phase == CLIENT_GREETING)
		return;		/* a line without a code before the greeting is skipped */
	if (h->answered == h->arrived || form == 7)
		h->broken = true;
	else
		h->to = h->pending[h->answered++];
}

/* --- the client's owner --- */

static void
finish(struct run *r)
{
	static const struct verdict none;

	fuzz_check(r->busy);
	r->busy = false;
	(void)client_finish(&r->c);
	for (size_t i = 0; i < RECIPIENTS; i++) {
		fuzz_check((r->verdict[i].what == VERDICT_DELIVERED) == r->h.delivered[i]);
		fuzz_check(r->verdict[i].what != VERDICT_ACCEPTED);
		r->h.delivered[i] = r->h.taken[i] = false;
		r->verdict[i] = none;
	}
}

static void
send_content(struct run *r, size_t piece)
{
	size_t left = sizeof(CONTENT) - 1 - r->content_at, n = piece < left ? piece : left;

	if (n > 0) {
		client_content(&r->c, CONTENT + r->content_at, n);
		r->content_at += n;
	} else {
		client_content_end(&r->c);
	}
}

/* What the client asks for, a piece of the content at most, and at most one new message. */
static void
act(struct run *r, size_t piece)
{
	bool begun = false, sent = false;

	for (;;) {
		enum client_action action = client_action(&r->c);

		if (action == CLIENT_DONE) {
			finish(r);
		} else if (action == CLIENT_READY && !begun) {
			r->busy = begun = true;
			r->content_at = 0;
			client_transaction_begin(&r->c, &(struct client_mail){ .e = &r->e,
			    .sender = r->e.sender, .index = r->index, .count = RECIPIENTS,
			    .verdict = r->verdict });
		} else if (action == CLIENT_CONTENT && !sent && r->c.out.len == 0) {
			sent = true;
			send_content(r, piece);
		} else {
			return;
		}
	}
}

static void
leave(struct run *r, size_t n)
{
	n = n < r->c.out.len ? n : r->c.out.len;
	for (size_t i = 0; i < n; i++)
		take_byte(&r->h, r->c.out.data[i]);
	client_sent(&r->c, n);
}

static void
say(struct run *r, size_t n)
{
	struct host *h = &r->h;
	size_t at = h->reply_at;

	n = n < h->reply_len - at ? n : h->reply_len - at;
	if (n == 0)
		return;
	h->reply_at += n;
	if (h->reply_at == h->reply_len)
		count_reply(h);
	client_input(&r->c, h->reply + at, n);
}

static void
step(struct run *r, unsigned op, unsigned with)
{
	static const int codes[] = { 250, 250, 354, 220, 421, 450, 452, 550, 552, 554, 500, 503, 251, 221, 354,
	    334 };

	switch (op % 5) {
	case 0:
		leave(r, SIZE_MAX);
		break;
	case 1:
		leave(r, with);
		break;
	case 2:
		begin_reply(r, codes[with % 16], with / 16);
		say(r, SIZE_MAX);
		break;
	case 3:
		begin_reply(r, codes[with % 16], with / 16);
		say(r, op / 5 % 7 + 1);
		break;
	default:
		say(r, with);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct run r;

	if (len < 2)
		return 0;
	memset(&r, 0, sizeof(r));
	buf_init(&r.h.content, 1U << 20);
	r.e.sender = mem_strdup("a@us.example");
	r.e.flags = data[0] & 1 ? MESSAGE_BINARY : 0;
	r.e.content_size = sizeof(CONTENT) - 1;
	for (size_t i = 0; i < RECIPIENTS; i++) {
		char name[20];

		snprintf(name, sizeof(name), "r%zu@x.example", i);
		message_envelope_add(&r.e, name);
		r.index[i] = i;
	}
	client_init(&r.c, &(struct client_settings){ .fqdn = "us.example", .host = "mx.example",
	    .helo = data[0] & 2 });
	arrive(&r.h, OTHER, 0);		/* the connection itself asks for the greeting */
	for (size_t at = 1; at + 1 < len && at < 600 && client_action(&r.c) != CLIENT_CLOSE; at += 2) {
		step(&r, data[at], data[at + 1]);
		act(&r, data[at] / 5U + 1);
	}
	if (data[0] & 4)
		client_timeout(&r.c);
	act(&r, 1);
	if (client_action(&r.c) != CLIENT_CLOSE)
		client_lost(&r.c, "gone");
	if (client_action(&r.c) == CLIENT_DONE)
		finish(&r);
	fuzz_check(!r.busy && client_action(&r.c) == CLIENT_CLOSE);
	client_done(&r.c);
	buf_done(&r.h.content);
	message_envelope_done(&r.e);
	return 0;
}
