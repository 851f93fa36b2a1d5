/* client_auth - AUTH dialogues as transcripts, each run whole and byte by byte; hostile servers */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

/*
 * A transcript: lines of a letter and a text.
 *   S  the host sends the line          C  we send the line (exactly this, nothing else)
 *   K  a word is wanted, after this challenge ("-": the first)
 *   W  our word, another may follow     E  our last word           N  no word at all, as LOGIN begins
 *   A  another word after a 535         U  AUTH_OUT_BIT()s that are known to be useless
 *   L  the host ends the connection
 *   G  we have none R  ready, for AUTH went well        X  STATUS CODE DENIED: closed with this verdict
 *   T  the time is over
 *   H  1 or 0: what is to be sent is a word of AUTH     M  the mechanism in use
 * A word "*700" is 700 times x.
 */
struct row {
	const char *name;
	unsigned mechanisms, clear;
	bool secured;
	const char *transcript;
};

static void
make_word(struct msg_auth_in_token *t, const char *text)
{
	*t = (struct msg_auth_in_token){ .absent = false };
	t->len = (uint16_t)(*text == '*' ? strtoul(text + 1, NULL, 10) : strlen(text));
	memset(t->data, 'x', t->len);
	if (*text != '*')
		memcpy(t->data, text, t->len);
}

static void
expect_challenge(struct client *c, const struct row *row, const char *text)
{
	ck_assert_msg(client_action(c) == CLIENT_ASK_WORD, "%s: no word wanted before %s", row->name, text);
	if (strcmp(text, "-") == 0)
		ck_assert_msg(!c->auth->begun, "%s: not the first word", row->name);
	else
		ck_assert_msg(c->auth->begun && strcmp(buf_text(&c->auth->challenge), text) == 0,
		    "%s: challenge %s, expected %s", row->name, buf_text(&c->auth->challenge), text);
}

static void
expect_failure(struct client *c, const struct row *row, const char *text)
{
	char have[40];

	ck_assert_msg(client_action(c) == CLIENT_CLOSE, "%s: not closed", row->name);
	snprintf(have, sizeof(have), "%s %d %d", c->failure.status, c->failure.code,
	    c->opening == CLIENT_DENIED);
	ck_assert_msg(strcmp(have, text) == 0, "%s: %s (%s), expected %s", row->name, have, c->failure.text,
	    text);
	ck_assert_msg(c->failure.what == VERDICT_LATER && c->opening != CLIENT_OPEN &&
	    c->opening != CLIENT_AUTHENTICATED && !c->glitch, "%s: not for later", row->name);
	ck_assert_str_eq(c->failure.host, "mx.example");
}

static void
input(struct client *c, const char *text, bool bytewise)
{
	char line[1 << 17];
	size_t len = (size_t)snprintf(line, sizeof(line), "%s\r\n", text);

	for (size_t at = 0; at < len; at += bytewise ? 1 : len)
		client_input(c, line + at, bytewise ? 1 : len);
}

static void
do_line(struct client *c, const struct row *row, char letter, const char *text, bool bytewise)
{
	struct msg_auth_in_token t;
	char line[4100];

	switch (letter) {
	case 'S':
		input(c, text, bytewise);
		break;
	case 'C':
		snprintf(line, sizeof(line), "%s\r\n", text);
		ck_assert_msg(strcmp(buf_text(&c->out), line) == 0, "%s: sent \"%s\", expected \"%s\"",
		    row->name, buf_text(&c->out), line);
		client_sent(c, c->out.len);
		break;
	case 'K':
		expect_challenge(c, row, text);
		break;
	case 'W':
	case 'E':
		make_word(&t, text);
		client_auth_say(c, &t, letter == 'E');
		break;
	case 'N':
		make_word(&t, "");
		t.absent = true;
		client_auth_say(c, &t, false);
		break;
	case 'G':
		client_auth_give_up(c, "4.7.0", text);
		break;
	case 'R':
		ck_assert_msg(client_action(c) == CLIENT_READY && c->opening == CLIENT_AUTHENTICATED,
		    "%s: not ready", row->name);
		break;
	case 'X':
		expect_failure(c, row, text);
		break;
	case 'A':
		c->set.again = true;
		break;
	case 'U':
		c->set.useless = (unsigned)strtoul(text, NULL, 10);
		break;
	case 'L':
		client_lost(c, "closed by the peer");
		break;
	case 'T':
		client_timeout(c);
		break;
	case 'H':
		ck_assert_msg(c->out_is_auth == (*text == '1'), "%s: out_is_auth is not %s", row->name, text);
		break;
	case 'M':
		ck_assert_str_eq(msg_auth_out_mechanism_names[c->auth->mechanism], text);
		break;
	default:
		ck_abort_msg("%s: letter %c", row->name, letter);
	}
	if (letter != 'S' && letter != 'W' && letter != 'E' && letter != 'N' && letter != 'H')
		ck_assert_msg(c->out.len == 0, "%s: sent \"%s\" and nobody expected it", row->name,
		    buf_text(&c->out));
}

static void
start(struct client *c, const struct row *row)
{
	client_init(c, &(struct client_settings){ .fqdn = "us.example", .host = "mx.example", .user = "us",
	    .mechanisms = row->mechanisms, .clear = row->clear });
	c->security = row->secured ? CLIENT_SECURED : CLIENT_IN_CLEAR;
}

static void
run(const struct row *row, bool bytewise)
{
	struct client c;
	char text[4096];

	start(&c, row);
	for (const char *p = row->transcript, *lf; *p != '\0'; p = lf + 1) {
		lf = strchr(p, '\n');
		ck_assert_ptr_nonnull(lf);
		snprintf(text, sizeof(text), "%.*s", (int)(lf - p - 2 > 0 ? lf - p - 2 : 0), p + 2);
		do_line(&c, row, p[0], text, bytewise);
	}
	ck_assert_msg(c.out.len == 0, "%s: sent \"%s\" at the end", row->name, buf_text(&c.out));
	client_done(&c);
}

#define ALL (AUTH_OUT_BIT(AUTH_OUT_MECHANISMS) - 1)
#define BASIC AUTH_OUT_BASIC
#define BEARER (AUTH_OUT_BIT(AUTH_OUT_OAUTHBEARER) | AUTH_OUT_BIT(AUTH_OUT_XOAUTH2))
#define HELLO "S 220 mx.example ready\nC EHLO us.example\n"
#define OFFER(words) HELLO "S 250-mx.example\nS 250-AUTH " words "\nS 250 SIZE\n"
#define DIFFERENT "S 334 cj1uLHM9cyxpPTQwOTY=\nK r=n,s=s,i=4096\n"	/* SCRAM's first challenge */

static const struct row rows[] = {
	{ "PLAIN", BASIC, 0, true,
	    OFFER("PLAIN LOGIN") "K -\nE us secret\nH 0\nC AUTH PLAIN dXMgc2VjcmV0\nS 235 2.7.0 "
	    "welcome\nR\nM PLAIN\n" },
	{ "AUTH= as old servers say", BASIC, 0, true,
	    HELLO "S 250-x\nS 250 AUTH=LOGIN PLAIN\nK -\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "LOGIN", BASIC, 0, true,
	  OFFER("login") "K -\nN\nH 0\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nK Username:\nW us\nH 1\nC dXM=\nS "
	    "334 UGFzc3dvcmQ6\nK Password:\nE secret\nH 1\n"
	  "C c2VjcmV0\nS 235 ok\nH 0\nR\n" },
	{ "LOGIN, empty challenges", BASIC, 0, true,
	    OFFER("LOGIN") "K -\nN\nC AUTH LOGIN\nS 334\nK \nW us\nC dXM=\nS 334 \nK \nE s\nC cw==\nS 235 "
	    "ok\nR\n" },
	{ "SCRAM is stronger", BASIC, 0, true,
	  OFFER("PLAIN SCRAM-SHA-256 LOGIN") "M SCRAM-SHA-256\nK -\nW one\nC AUTH SCRAM-SHA-256 b25l\n"
	    DIFFERENT "W two\nC dHdv\nS 334 dj1z\nK v=s\nE \nC \nS 235 ok\nR\n" },
	{ "-PLUS is stronger still", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 SCRAM-SHA-256-PLUS") "M SCRAM-SHA-256-PLUS\nK -\n" },
	{ "-PLUS needs TLS", BASIC, 0, false,
	    OFFER("SCRAM-SHA-256 SCRAM-SHA-256-PLUS") "M SCRAM-SHA-256\nK -\n" },
	{ "no -PLUS without a binding", BASIC & ~AUTH_OUT_BIT(AUTH_OUT_SCRAM_PLUS), 0, true,
	    OFFER("SCRAM-SHA-256 SCRAM-SHA-256-PLUS") "M SCRAM-SHA-256\n" },
	{ "GSSAPI, and no other", AUTH_OUT_BIT(AUTH_OUT_GSSAPI), 0, false,
	    OFFER("PLAIN GSSAPI SCRAM-SHA-256") "M GSSAPI\nK -\n" },
	{ "PLAIN not in the clear", BASIC, 0, false, OFFER("PLAIN LOGIN") "X 4.7.11 0 0\n" },
	{ "PLAIN in the clear where that is wanted", BASIC, AUTH_OUT_BARE, false,
	    OFFER("PLAIN LOGIN") "K -\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "SCRAM in the clear", BASIC, 0, false, OFFER("PLAIN SCRAM-SHA-256") "M SCRAM-SHA-256\nK -\n" },
	{ "a token not in the clear", BEARER, 0, false, OFFER("XOAUTH2") "X 4.7.11 0 0\n" },
	{ "nothing offered", BASIC, 0, true, HELLO "S 250-x\nS 250 SIZE\nX 4.7.0 0 0\n" },
	{ "nothing in it", BASIC, 0, true, HELLO "S 250-x\nS 250 AUTH\nX 4.7.0 0 0\n" },
	{ "nothing of ours offered", BASIC, 0, true, OFFER("CRAM-MD5 GSSAPI PLAINX") "X 4.7.4 0 0\n" },
	{ "the first line is no offer", BASIC, 0, true, HELLO "S 250-AUTH PLAIN\nS 250 SIZE\nX 4.7.0 0 0\n" },
	{ "HELO only", BASIC, 0, true, HELLO "S 502 what\nC HELO us.example\nS 250 x\nX 4.7.0 0 0\n" },
	{ "wrong password", BASIC, 0, true,
	    OFFER("PLAIN LOGIN") "K -\nE x\nC AUTH PLAIN eA==\nS 535 5.7.8 bad credentials\nX 4.7.8 535 "
	    "1\n" },
	{ "wrong password, no second way", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n"
	    DIFFERENT "W two\nC dHdv\nS 535 5.7.8 no\nX 4.7.8 535 1\n" },
	{ "no verifier for SCRAM, with and without binding", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 SCRAM-SHA-256-PLUS PLAIN") "M SCRAM-SHA-256-PLUS\nK -\nW one\n"
	    "C AUTH SCRAM-SHA-256-PLUS b25l\nS 535 no\nM PLAIN\nK -\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "nor is the password right", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN LOGIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 535 5.7.8 no\nM PLAIN\nK -\nE x\nC AUTH PLAIN eA==\nS 535 5.7.8 no\nX 4.7.8 535 1\n" },
	{ "no password in the clear after it", BASIC, 0, false,
	    OFFER("SCRAM-SHA-256 PLAIN LOGIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 535 5.7.8 no\nX 4.7.8 535 1\n" },
	{ "a password that is denied is not shown again", BASIC, 0, true,
	    OFFER("PLAIN LOGIN") "K -\nE x\nC AUTH PLAIN eA==\nS 535 5.7.8 no\nX 4.7.8 535 1\n" },
	{ "PLAIN is offered, and only LOGIN is known", BASIC, 0, true,
	    OFFER("PLAIN LOGIN") "K -\nE x\nC AUTH PLAIN eA==\nS 535 authentication failed\nM LOGIN\nK -\nN\n"
	    "C AUTH LOGIN\nS 334 a\nK \nW u\nC dQ==\nS 334 b\nK \nE p\nC cA==\nS 235 ok\nR\n" },
	{ "what is known to be useless is tried last", BASIC, 0, true,
	    "U 2\n" OFFER("PLAIN SCRAM-SHA-256") "M PLAIN\nK -\nE x\nC AUTH PLAIN eA==\nS 535 5.7.8 no\n"
	    "M SCRAM-SHA-256\nK -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 504 no\nX 4.7.8 535 1\nM PLAIN\n" },
	{ "a denied account, and then the host hangs up", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 535 5.7.8 no\nK -\nL\nX 4.7.8 535 1\n" },
	{ "... or says goodbye", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 535 5.7.8 no\nK -\nE x\n"
	    "C AUTH PLAIN eA==\nS 421 4.7.0 too many errors\nX 4.7.8 535 1\nM SCRAM-SHA-256\n" },
	{ "... or is silent", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 535 5.7.8 no\nK -\nE x\n"
	    "C AUTH PLAIN eA==\nT\nX 4.7.8 535 1\n" },
	{ "the directory is down after it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 535 no\nK -\nE x\n"
	    "C AUTH PLAIN eA==\nS 454 4.7.0 later\nX 4.7.0 454 0\n" },
	{ "another token, once", BEARER, 0, true,
	    "A\n" OFFER("XOAUTH2 OAUTHBEARER") "M OAUTHBEARER\nK -\nE t\nC AUTH OAUTHBEARER dA==\nS 535 no\nM OAUTHBEARER\nK -\n"
	    "E u\nC AUTH OAUTHBEARER dQ==\nS 535 no\nX 4.7.8 535 1\n" },
	{ "another token for one that ends soon", BEARER, 0, true,
	    "A\n" OFFER("XOAUTH2") "K -\nE t\nC AUTH XOAUTH2 dA==\nS 501 5.5.127 Invalid XOAUTH2 auth data\nK -\nE t\n"
	    "C AUTH XOAUTH2\nS 334 \nC dA==\nS 501 5.5.127 Invalid XOAUTH2 auth data\nM XOAUTH2\nK -\nE u\nC AUTH XOAUTH2\n"
	    "S 334 \nC dQ==\nS 501 5.5.127 no\nX 4.7.8 501 1\n" },
	{ "no other token where the mechanism is unknown", BEARER, 0, true,
	    "A\n" OFFER("XOAUTH2") "K -\nE t\nC AUTH XOAUTH2 dA==\nS 504 5.7.4 what\nX 4.7.8 504 1\n" },
	{ "too weak", BASIC, 0, true,
	    OFFER("PLAIN") "K -\nE x\nC AUTH PLAIN eA==\nS 534 5.7.9 weak\nX 4.7.8 534 1\n" },
	{ "a transition is needed", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 432 4.7.12 log in once with PLAIN\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "523", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 523 5.7.10 needs TLS\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "too weak, another is not", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 534 5.7.9 too weak\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "538", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 538 5.7.11 needs TLS\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "not now, the other may do", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 503 not advertised\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "what it cannot read", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 501 5.5.2 cannot decode\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "500", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 500 line too long\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "502", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n" DIFFERENT
	    "W two\nC dHdv\nS 502 no\nK -\nM PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "454 ends it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 454 4.7.0 later\nX 4.7.0 454 0\n" },
	{ "450 ends it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 450 busy\nX 4.0.0 450 0\n" },
	{ "525 ends it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 525 5.7.13 disabled\nX 4.7.8 525 1\n" },
	{ "550 ends it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 550 5.7.1 no\nX 4.7.8 550 1\n" },
	{ "554 ends it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 554 go away\nX 4.7.8 554 1\n" },
	{ "530 ends it", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 530 5.7.0 TLS first\nX 4.7.8 530 1\n" },
	{ "later", BASIC, 0, true,
	    OFFER("PLAIN") "K -\nE x\nC AUTH PLAIN eA==\nS 454 4.7.0 no directory\nX 4.7.0 454 0\n" },
	{ "unknown after all", BASIC, 0, true,
	  OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 504 5.5.4 no\nK -\nM "
	    "PLAIN\nE x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "unknown after all, and no other", BASIC, 0, true,
	    OFFER("PLAIN") "K -\nE x\nC AUTH PLAIN eA==\nS 504 5.5.4 no\nX 4.7.8 504 1\n" },
	{ "unknown after all, and no other without TLS", BASIC, 0, false,
	  OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 504 5.5.4 no\nX 4.7.11 0 "
	    "0\n" },
	{ "yes too early", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 235 welcome\nX 4.7.0 0 0\n" },
	{ "yes to the first line of LOGIN", BASIC, 0, true,
	    OFFER("LOGIN") "K -\nN\nC AUTH LOGIN\nS 235 welcome\nX 4.7.0 0 0\n" },
	{ "an empty first word", BASIC, 0, true, OFFER("PLAIN") "K -\nW \nC AUTH PLAIN =\n" },
	{ "a first word that just fits", BASIC, 0, true, OFFER("PLAIN") "K -\nW *372\nC AUTH PLAIN " "eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\n" },
	{ "a long first word waits for its challenge", AUTH_OUT_BIT(AUTH_OUT_XOAUTH2), 0, true,
	  OFFER("XOAUTH2") "K -\nE *373\nC AUTH XOAUTH2\nH 0\nS 334\nH 1\nC "
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"
	  "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA==\n"
	  "S 235 ok\nR\n" },
	{ "yes before the long word was said", AUTH_OUT_BIT(AUTH_OUT_XOAUTH2), 0, true,
	    OFFER("XOAUTH2") "K -\nE *700\nC AUTH XOAUTH2\nS 235 ok\nX 4.7.0 0 0\n" },
	{ "a token that expired", BEARER, 0, true,
	  OFFER("XOAUTH2") "K -\nE t\nC AUTH XOAUTH2 dA==\nS 334 eyJzdGF0dXMiOiI0MDEifQ==\nK "
	    "{\"status\":\"401\"}\nW \nC \nS 535 5.7.3 no\nX 4.7.8 535 1\n" },
	{ "we have no word", BASIC, 0, true, OFFER("PLAIN") "K -\nG no such file\nX 4.7.0 0 0\n" },
	{ "we have no answer", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\n"
	    DIFFERENT "G wrong\nX 4.7.0 0 0\n" },
	{ "our word does not come", BASIC, 0, true, OFFER("PLAIN") "K -\nT\nX 4.3.0 0 0\n" },
#define LOGIN_WITH(first, second) OFFER("LOGIN") "K -\nN\nC AUTH LOGIN\n" first "K \nW us\nC dXM=\n" second \
	    "K \nE secret\nC c2VjcmV0\nS 235 ok\nR\n"
	{ "LOGIN in plain words", BASIC, 0, true, LOGIN_WITH("S 334 Username:\n", "S 334 Password:\n") },
	{ "LOGIN in bytes of any kind", BASIC, 0, true, LOGIN_WITH("S 334 \xff\xfe=\n", "S 334-=\nS 334-\nS 334 ====\n") },
	{ "LOGIN, no padding, two lines", BASIC, 0, true,
	    OFFER("LOGIN") "K -\nN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nK Username:\nW us\nC dXM=\nS 334-UGFzc3\n"
	    "S 334 UGFzc3dvcmQ\nK Password\nE secret\nC c2VjcmV0\nS 235 ok\nR\n" },
	{ "LOGIN asks on", BASIC, 0, true,
	    OFFER("LOGIN") "K -\nN\nC AUTH LOGIN\nS 334\nK \nW u\nC dQ==\nS 334\nK \nE p\nC cA==\nS 334 more\nX 4.5.0 0 0\n" },
	{ "PLAIN that is asked once more", BASIC, 0, true,
	    OFFER("PLAIN") "K -\nE x\nC AUTH PLAIN eA==\nS 334 \nH 1\nC eA==\nS 235 ok\nR\n" },
	{ "PLAIN that is asked in words", BASIC, 0, true,
	    OFFER("PLAIN") "K -\nE x\nC AUTH PLAIN eA==\nS 334 go on\nC eA==\nS 235 ok\nR\n" },
	{ "PLAIN that is asked for ever: LOGIN", BASIC, 0, true,
	    OFFER("PLAIN LOGIN") "K -\nE x\nC AUTH PLAIN eA==\nS 334 \nC eA==\nS 334 \nC *\nS 501 cancelled\nM LOGIN\n" },
	{ "a yes to what was cancelled", BASIC, 0, true,
	    OFFER("PLAIN LOGIN") "K -\nE x\nC AUTH PLAIN eA==\nS 334 \nC eA==\nS 334 \nC *\nS 235 ok\nX 4.7.0 0 0\n" },
	{ "a token that is asked once more", BEARER, 0, true,
	    OFFER("XOAUTH2") "K -\nE t\nC AUTH XOAUTH2 dA==\nS 334 \nC dA==\nS 235 ok\nR\n" },
	{ "a no to a token in plain words", BEARER, 0, true,
	    OFFER("XOAUTH2") "K -\nE t\nC AUTH XOAUTH2 dA==\nS 334 {401}\nK \nW \nC \nS 535 5.7.3 no\nX 4.7.8 535 1\n" },
	{ "SCRAM that is asked once more, and without padding", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 334 \nC b25l\nS 334 cj1u\nK r=n\nW two\nC dHdv\n"
	    "S 334 dj1zLw\nK v=s/\nE \nC \nS 235 ok\nR\n" },
	{ "SCRAM with a challenge that is none: the next", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 334 what?\nC *\nS 501 cancelled\nM PLAIN\nK -\n"
	    "E x\nC AUTH PLAIN eA==\nS 235 ok\nR\n" },
	{ "SCRAM with a challenge that is none, and no other", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 334 what?\nX 4.5.0 0 0\n" },
	{ "a host that knows no initial response", BASIC, 0, true,
	    OFFER("PLAIN") "K -\nE x\nC AUTH PLAIN eA==\nS 501 one parameter please\nK -\nE x\nC AUTH PLAIN\nS 334\nC eA==\n"
	    "S 235 ok\nR\n" },
	{ "nor the mechanism", BASIC, 0, true,
	    OFFER("SCRAM-SHA-256 PLAIN") "K -\nW one\nC AUTH SCRAM-SHA-256 b25l\nS 501 what?\nK -\nW one\nC AUTH SCRAM-SHA-256\n"
	    "S 501 what?\nM PLAIN\nK -\nE x\nC AUTH PLAIN\nS 334\nC eA==\nS 235 ok\nR\n" },
};

START_TEST(test_transcripts)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		run(&rows[i], false);
		run(&rows[i], true);
	}
}
END_TEST

static const struct row login = { "LOGIN", BASIC, 0, true, "" };

/* The first word is said, and the host's challenge is to come. */
static void
until_challenge(struct client *c, bool scram)
{
	const char *hello = scram ? "250-x\r\n250 AUTH SCRAM-SHA-256\r\n" : "250-x\r\n250 AUTH LOGIN\r\n";
	struct msg_auth_in_token t = { .absent = !scram, .len = scram ? 1 : 0 };

	start(c, &login);
	client_input(c, "220 x\r\n", 7);
	client_sent(c, c->out.len);
	client_input(c, hello, strlen(hello));
	ck_assert_int_eq(client_action(c), CLIENT_ASK_WORD);
	client_auth_say(c, &t, false);
	client_sent(c, c->out.len);
	ck_assert_int_eq(client_action(c), CLIENT_WAIT);
}

/* What a mechanism's longest challenge takes, and no more; any length where it does not count. */
START_TEST(test_long_challenge)
{
	static char line[1 << 17], raw[AUTH_IN_TOKEN_MAX + 3];

	for (size_t i = 0; i < 4; i++) {
		size_t more = i % 2 * 3;
		bool scram = i < 2, fits = more == 0;
		struct client c;
		size_t len;

		until_challenge(&c, scram);
		memset(raw, 'c', sizeof(raw));
		strcpy(line, "334 ");
		len = 4 + base64_encode(line + 4, raw, AUTH_IN_TOKEN_MAX + more);
		memcpy(line + len, "\r\n", 2);
		for (size_t at = 0; at < len + 2; at += 7)
			client_input(&c, line + at, len + 2 - at < 7 ? len + 2 - at : 7);
		ck_assert_int_eq(client_action(&c), fits || !scram ? CLIENT_ASK_WORD : CLIENT_CLOSE);
		if (fits || !scram)
			ck_assert_uint_eq(c.auth->challenge.len, fits ? AUTH_IN_TOKEN_MAX : 0);
		client_done(&c);
	}
}
END_TEST

/* Replies to words that were not said, and codes that mean nothing here. */
START_TEST(test_hostile)
{
	static const char *const texts[] = { "334 VQ==\r\n334 VQ==\r\n", "334 VQ==\r\n535 no\r\n",
	    "220 hello\r\n", "354 go\r\n", "421 bye\r\n", "334-x\r\n535 no\r\n", "334\tx\r\n" };

	for (size_t i = 0; i < nitems_of(texts); i++) {
		struct client c;

		until_challenge(&c, false);
		client_input(&c, texts[i], strlen(texts[i]));
		ck_assert_msg(client_action(&c) == CLIENT_CLOSE, "%s", texts[i]);
		ck_assert_int_eq(c.failure.what, VERDICT_LATER);
		ck_assert(c.opening == CLIENT_OPENING);
		client_done(&c);
	}
}
END_TEST

/* A host that wants one more word for ever. */
START_TEST(test_endless)
{
	struct msg_auth_in_token t = { .len = 1, .data = "\001" };
	struct client c;
	unsigned words = 1;

	until_challenge(&c, false);
	for (; client_action(&c) != CLIENT_CLOSE && words < 1000; words++) {
		client_sent(&c, c.out.len);
		client_input(&c, "334 VQ==\r\n", 10);
		if (client_action(&c) == CLIENT_ASK_WORD)
			client_auth_say(&c, &t, false);
	}
	ck_assert_msg(client_action(&c) == CLIENT_CLOSE && words < 20, "%u words", words);
	ck_assert_str_eq(c.failure.status, "4.5.0");
	client_done(&c);
}
END_TEST

UNIT_MAIN("client_auth", test_transcripts, test_long_challenge, test_hostile, test_endless)
