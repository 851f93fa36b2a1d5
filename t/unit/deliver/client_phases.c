/* client_phases - the table of the client dialogue: phase x reply -> next phase */

#include <string.h>

#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

static const char *const replies[] = { "220 x\r\n", "250 x\r\n", "334 eA==\r\n", "354 x\r\n", "450 x\r\n",
    "550 x\r\n", "421 x\r\n" };

/* Without pipelining, TLS only where the row needs it; one recipient. */
static const struct { enum client_phase phase, next[nitems_of(replies)]; } rows[] = {
#define P(p) CLIENT_##p
	/*                220          250          334        354         450         550         421 */
	{ P(GREETING), { P(EHLO), P(EHLO), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(EHLO),     { P(EHLO), P(BETWEEN), P(HELO), P(HELO), P(HELO), P(HELO), P(OVER) } },
	{ P(HELO),     { P(HELO), P(BETWEEN), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(STARTTLS), { P(SHAKE), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(SHAKE),    { P(SHAKE), P(SHAKE), P(SHAKE), P(SHAKE), P(SHAKE), P(SHAKE), P(SHAKE) } },
	{ P(WORD),     { P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(AUTH),     { P(BETWEEN), P(BETWEEN), P(WORD), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(BETWEEN),  { P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(RSET),     { P(MAIL), P(MAIL), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(MAIL),     { P(RCPT), P(RCPT), P(OVER), P(OVER), P(BETWEEN), P(BETWEEN), P(OVER) } },
	{ P(RCPT),     { P(DATA), P(DATA), P(OVER), P(OVER), P(BETWEEN), P(BETWEEN), P(OVER) } },
	{ P(DATA),     { P(OVER), P(OVER), P(OVER), P(SENDING), P(BETWEEN), P(BETWEEN), P(OVER) } },
	{ P(SENDING),  { P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
	{ P(DOT),      { P(BETWEEN), P(BETWEEN), P(OVER), P(OVER), P(BETWEEN), P(BETWEEN), P(OVER) } },
	{ P(QUIT),     { P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER), P(OVER) } },
#undef P
};
_Static_assert(nitems_of(rows) == CLIENT_OVER, "a row for each phase");

struct run {
	struct client c;
	struct message_envelope e;
	struct verdict verdict;
	size_t index;
};

static void
feed(struct run *r, const char *text)
{
	client_input(&r->c, text, strlen(text));
	client_sent(&r->c, r->c.out.len);
}

static void
begin(struct run *r)
{
	client_transaction_begin(&r->c, &(struct client_mail){ .e = &r->e, .sender = r->e.sender,
	    .index = &r->index, .count = 1, .verdict = &r->verdict });
	client_sent(&r->c, r->c.out.len);
}

/* Leads a new dialogue to a phase. */
static void
lead_to(struct run *r, enum client_phase phase)
{
	struct msg_auth_in_token word = { .absent = false };
	bool tls = phase == CLIENT_STARTTLS || phase == CLIENT_SHAKE,
	    auth = phase == CLIENT_WORD || phase == CLIENT_AUTH;

	*r = (struct run){ .e = { .sender = mem_strdup("a@us.example"), .content_size = 4 } };
	message_envelope_add(&r->e, "b@x.example");
	client_init(&r->c, &(struct client_settings){ .fqdn = "us.example", .host = "mx.example",
	    .user = auth ? "us" : NULL,
	    .tls = tls ? CLIENT_TLS_MAY : CLIENT_TLS_OFF, .mechanisms = auth ? AUTH_OUT_BIT(AUTH_OUT_SCRAM) :
	    0, .clear = AUTH_OUT_BIT(AUTH_OUT_SCRAM) });
	if (phase == CLIENT_GREETING)
		return;
	feed(r, "220 x\r\n");
	if (phase == CLIENT_EHLO)
		return;
	feed(r, phase == CLIENT_HELO ? "500 x\r\n" : tls ? "250-x\r\n250 STARTTLS\r\n" :
	    "250-x\r\n250 AUTH SCRAM-SHA-256\r\n");
	if (phase == CLIENT_SHAKE)
		feed(r, "220 x\r\n");
	if (phase == CLIENT_AUTH)
		client_auth_say(&r->c, &word, true);
	if (phase == CLIENT_QUIT)
		client_quit(&r->c);
	client_sent(&r->c, r->c.out.len);
	if (phase < CLIENT_RSET || phase > CLIENT_DOT)
		return;
	begin(r);
	if (phase == CLIENT_RSET) {	/* due after a transaction that ends behind MAIL */
		feed(r, "250 x\r\n");
		feed(r, "550 x\r\n");
		client_finish(&r->c);
		begin(r);
	}
	for (unsigned i = CLIENT_MAIL; i < phase && i < CLIENT_DATA; i++)
		feed(r, "250 x\r\n");
	if (phase >= CLIENT_SENDING)
		feed(r, "354 x\r\n");
	if (phase == CLIENT_DOT)
		client_content_end(&r->c);
	client_sent(&r->c, r->c.out.len);
}

START_TEST(test_phases)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		for (size_t j = 0; j < nitems_of(replies); j++) {
			struct run r;

			lead_to(&r, rows[i].phase);
			ck_assert_msg(r.c.phase == rows[i].phase, "row %zu: led to phase %d", i,
			    (int)r.c.phase);
			feed(&r, replies[j]);
			ck_assert_msg(r.c.phase == rows[i].next[j], "phase %d, %.3s: phase %d, expected %d",
			    (int)rows[i].phase, replies[j], (int)r.c.phase, (int)rows[i].next[j]);
			client_done(&r.c);
			message_envelope_done(&r.e);
		}
}
END_TEST

UNIT_MAIN("client_phases", test_phases)
