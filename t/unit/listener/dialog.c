/*
 * dialog - runs the transcripts of t/dialog against the pure session: command by command, byte by byte, as
 * one lump
 *
 *   # comment
 *   ! key = value      a setting; set() has a line for each; all of them before the first other line
 *   C: text            the client sends text and CRLF; escapes \r \n \t \\ \xHH; "C*20: text" twenty times
 *   R: text            the same without CRLF
 *   S: text            the server's next line, same escapes; a * at its end stands for anything
 *   M: text            the next message handed to the disk: "sender -> rcpt rcpt; PROTOCOL flags; content",
 *      or "discarded"
 *   F: text            the next refusal reported: "recipient reply"; * as above
 *   L: number          the time limit that holds now, in ms; -1 none
 *   A: text            what the auth helper is asked next: "start PLAIN token" ("-" none), "step token",
 *      "cancel"; or the
 *                      deliver worker: "queue domain ...", "turn of account domain ..."
 *   > stop|cut|expire|eof|secured|store errno   an event; "store" sets the result of the next commit;
 *   "secured loosely": TLS
 *                      without a channel binding
 *   > etrn N|more|nothing|later         the deliver worker's answer, about node x.example
 *   > auth ok user|failed|later|challenge text   the auth helper's answer
 *   > named NAME|none|trouble           the look-up of the client's name has ended with this result
 *   > memory short|plenty               others hold all, or not
 *   > filter pass|refuse|later|discard|disconnect|trouble|reply text  the mail filters' answer, with
 *   "! filter = yes"; text has | between two lines
 *   > judged ...                        the same about the content, with "! filter = content"
 *   > directory                         the directory has answered about slow@...
 *   X: close|linger    the connection has ended, so
 *
 * Each line of the server, each message, each refusal has to be in the transcript.
 */
#include <ctype.h>
#include <glob.h>

#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_etrn.h"
#include "common/rules/policy.h"
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

enum mode { MODE_WHOLE, MODE_BYTES, MODE_LUMP, MODE_COUNT };
static const char *const mode_names[] = { "command by command", "byte by byte", "as one lump" };

struct step {
	char kind;		/* C S M F L > X; R is C without CRLF */
	unsigned line;
	struct buf text;
};

struct script {
	const char *path;
	struct step *step;
	size_t count;
	bool no_lump;		/* "lump = no" */
	bool whole_only;	/* "pieces = whole" */
};

static int
error_of(const char *name)
{
	static const struct { const char *name; int value; } rows[] = {
		{ "0", 0 }, { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT }, { "EROFS", EROFS }, { "EIO", EIO },
		{ "EINVAL", EINVAL },
	};
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].value;
	ck_abort_msg("no errno %s", name);
}

static uint64_t
number_of(const char *text)
{
	return strcmp(text, "unlimited") == 0 ? CONFIG_UNLIMITED : strtoull(text, NULL, 10);
}

static enum config_clients
clients_of(const char *text)
{
	return strcmp(text, "all") == 0 ? CONFIG_CLIENTS_ALL : strcmp(text, "none") == 0 ? CONFIG_CLIENTS_NONE :
	    CONFIG_CLIENTS_RELAY;
}

static void
set(struct session_fixture *w, const char *path, unsigned line, const char *key, char *value)
{
	struct { const char *key; uint64_t *number; } numbers[] = {
		{ "max-message-size", &w->server.max_message_size },
		{ "max-session-size", &w->server.max_session_size },
		{ "max-recipients", &w->server.max_recipients },
		{ "connection-timeout", &w->server.connection_timeout },
		{ "idle-command-limit", &w->server.idle_command_limit },
	};
	for (size_t i = 0; i < nitems_of(numbers); i++) {
		if (strcmp(numbers[i].key, key) == 0) {
			*numbers[i].number = number_of(value);
			return;
		}
	}
	if (strcmp(key, "client") == 0)
		fixture_client(w, value);
	else if (strcmp(key, "names") == 0) {
		/* asking, trouble, none, or one confirmed name */
		w->policy.state = strcmp(value, "asking") == 0 ? POLICY_ASKING :
		    strcmp(value, "trouble") == 0 ? POLICY_TROUBLE : POLICY_NAMED;
		w->policy.names = w->policy.state == POLICY_NAMED && strcmp(value, "none") != 0 ?
		    strcpy(w->names, value) : NULL;
	} else if (strcmp(key, "helo-required") == 0)
		w->server.helo_required = strcmp(value, "yes") == 0;
	else if (strcmp(key, "mend") == 0)
		w->server.mend = clients_of(value);
	else if (strcmp(key, "dsn") == 0)
		w->server.dsn = clients_of(value);
	else if (strcmp(key, "directory") == 0)
		w->server.ldap.enable = strcmp(value, "yes") == 0;
	else if (strcmp(key, "filter") == 0) {
		w->filter.sources = CONFIG_FILTER_SMTP;
		w->server.filter = &w->filter;
		w->server.nfilter = 1;
		w->judge_content = strcmp(value, "content") == 0;
	} else if (strcmp(key, "reverse-dns") == 0)
		w->server.reverse_dns = strcmp(value, "yes") == 0;
	else if (strcmp(key, "banner") == 0)
		w->server.banner = value;
	else if (strcmp(key, "relay-list") == 0)
		fixture_add_net(&w->server.relay_list, value);
	else if (strcmp(key, "relay") == 0)
		w->server.relay = strcmp(value, "only") == 0 ? CONFIG_ONLY : CONFIG_ALL_EXCEPT;
	else if (strcmp(key, "alias") == 0)
		fixture_add_domain(w, value, CONFIG_DOMAIN_ALIAS, false);
	else if (strcmp(key, "remote") == 0)
		fixture_add_domain(w, value, CONFIG_DOMAIN_REMOTE, false);
	else if (strcmp(key, "relay-domain") == 0)
		fixture_add_domain(w, value, CONFIG_DOMAIN_REMOTE, true);
	else if (strcmp(key, "hold") == 0)
		fixture_add_etrn_domain(w, value);
	else if (strcmp(key, "authentication") == 0)
		w->server.authentication = (strstr(value, "anonymous") != NULL ? CONFIG_AUTH_ANONYMOUS : 0) |
		    (strstr(value, "basic") != NULL ? CONFIG_AUTH_BASIC : 0) |
		    (strstr(value, "integrated") != NULL ? CONFIG_AUTH_INTEGRATED : 0);
	else if (strcmp(key, "mechanisms") == 0)
		w->server.offered_mechanisms = (strstr(value, "plain") != NULL ? CONFIG_OFFER_PLAIN : 0) |
		    (strstr(value, "login") != NULL ? CONFIG_OFFER_LOGIN : 0) |
		    (strstr(value, "scram") != NULL ? CONFIG_OFFER_SCRAM : 0);
	else if (strcmp(key, "auth-for-old-clients") == 0)
		w->server.auth_for_old_clients = strcmp(value, "yes") == 0;
	else if (strcmp(key, "basic-requires-tls") == 0)
		w->server.basic_requires_tls = strcmp(value, "yes") == 0;
	else if (strcmp(key, "relay-authenticated") == 0)
		w->server.relay_authenticated = strcmp(value, "yes") == 0;
	else if (strcmp(key, "secure") == 0)
		w->secure = strcmp(value, "yes") == 0;
	else if (strcmp(key, "drop") == 0)
		w->drop_full = strcmp(value, "full") == 0;
	else if (strcmp(key, "disk") == 0)
		w->disk_busy = strcmp(value, "busy") == 0;
	else if (strcmp(key, "begin") == 0)
		w->begin_error = error_of(value);
	else if (strcmp(key, "tls") == 0) {
		w->implicit = strcmp(value, "implicit") == 0;
		w->server.tls = strcmp(value, "required") == 0 ? CONFIG_TLS_REQUIRED : CONFIG_TLS_OPTIONAL;
	} else if (strcmp(key, "lump") != 0 && strcmp(key, "pieces") != 0)
		ck_abort_msg("%s:%u: no setting %s: set() in t/unit/listener/dialog.c wants a line for it", path, line,
		    key);
}

static void
unescape(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		char byte = *text;

		if (byte == '\\') {
			unsigned value = 0;

			text++;
			byte = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == 't' ? '\t' : *text;
			if (*text == 'x' && sscanf(text + 1, "%2x", &value) == 1) {
				byte = (char)value;
				text += 2;
			}
		}
		buf_add(out, &byte, 1);
	}
}

/* One line of the transcript, with an optional count: "C*20: text". */
static void
parse_step(struct script *s, unsigned line, const char *text)
{
	struct step step = { .kind = text[0], .line = line, .text = BUF_INIT(32U << 20) };
	unsigned long times = 1;
	const char *rest = text + 1;

	if (*rest == '*')
		times = strtoul(rest + 1, (char **)&rest, 10);
	if (step.kind == '>') {
		rest += strspn(rest, " ");
		buf_puts(&step.text, rest);
	} else {
		ck_assert_msg(strchr("CRSMFALX", step.kind) != NULL && rest[0] == ':', "%s:%u: %s", s->path,
		    line, text);
		rest += rest[1] == ' ' ? 2 : 1;
		for (; times > 0; times--) {
			if (strchr("CRS", step.kind) != NULL)
				unescape(&step.text, rest);
			else
				buf_puts(&step.text, rest);
			if (step.kind == 'C')
				buf_puts(&step.text, "\r\n");
		}
	}
	if (step.kind == 'R')
		step.kind = 'C';
	s->step = mem_array(s->step, s->count + 1, sizeof(step));
	s->step[s->count++] = step;
}

/* Reads the transcript; settings go into `w`, values stay in the returned text. */
static char *
load(struct script *s, struct session_fixture *w, const char *path)
{
	FILE *in = fopen(path, "r");
	char *text, *next, *line;

	ck_assert_msg(in != NULL, "%s", path);
	text = mem_zalloc(256U << 10);
	next = text;
	ck_assert_uint_lt(fread(text, 1, (256U << 10) - 1, in), (256U << 10) - 1);
	fclose(in);
	*s = (struct script){ .path = path };
	for (unsigned number = 1; (line = strsep(&next, "\n")) != NULL; number++) {
		char *key, *value;

		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (line[0] != '!') {
			parse_step(s, number, line);
			continue;
		}
		key = line + 1 + strspn(line + 1, " ");
		value = strstr(key, " = ");
		ck_assert_msg(value != NULL, "%s:%u: %s", path, number, line);
		*value = '\0';
		set(w, path, number, key, value + 3);
		if (strcmp(key, "lump") == 0)
			s->no_lump = true;
		if (strcmp(key, "pieces") == 0)
			s->whole_only = true;
	}
	return text;
}

static bool
matches(const char *want, const char *have)
{
	size_t len = strlen(want);

	if (len > 0 && want[len - 1] == '*')
		return strncmp(want, have, len - 1) == 0;
	return strcmp(want, have) == 0;
}

/* Takes the first line off `from` and compares. */
static void
expect(const struct script *s, const struct step *step, enum mode mode, struct buf *from, const char *end)
{
	const char *at = strstr(buf_text(from), end);
	size_t len;
	char *have;

	ck_assert_msg(at != NULL, "%s:%u (%s): nothing came, expected %c: %s", s->path, step->line,
	    mode_names[mode], step->kind, buf_text(&step->text));
	len = (size_t)(at - from->data);
	have = mem_strndup(from->data, len);
	ck_assert_msg(matches(buf_text(&step->text), have), "%s:%u (%s):\nexpected %c: %s\ngot         %s",
	    s->path, step->line, mode_names[mode], step->kind, buf_text(&step->text), have);
	free(have);
	buf_drop(from, len + strlen(end));
}

static void
expect_nothing(const struct script *s, unsigned line, enum mode mode, const struct buf *from,
    const char *what)
{
	ck_assert_msg(from->len == 0, "%s:%u (%s): not in the transcript: %s %s", s->path, line,
	    mode_names[mode], what, buf_text(from));
}

static void
answer_auth(struct session_fixture *w, const char *what)
{
	struct msg_auth_in_answer *a = mem_new(struct msg_auth_in_answer);
	const char *rest = strchrnul(what, ' ');

	rest += *rest == ' ';
	a->result = strncmp(what, "ok", 2) == 0 ? AUTH_IN_OK : strncmp(what, "challenge", 9) == 0 ?
	    AUTH_IN_CHALLENGE : strcmp(what, "failed") == 0 ? AUTH_IN_FAILED : AUTH_IN_LATER;
	if (a->result == AUTH_IN_OK)
		snprintf(a->user, sizeof(a->user), "%s", rest);
	a->token.len = (uint16_t)strlen(rest);
	memcpy(a->token.data, rest, a->token.len);
	session_auth_answered(&w->s, a);
	free(a);
}

static void
answer_etrn(struct session_fixture *w, const char *what)
{
	struct msg_etrn_answer a = { .result = MSG_ETRN_STARTED, .messages = strtoull(what, NULL, 10),
	    .more = strcmp(what, "more") == 0 };

	if (strcmp(what, "nothing") == 0 || strcmp(what, "later") == 0)
		a.result = *what == 'n' ? MSG_ETRN_NOTHING : MSG_ETRN_LATER;
	session_etrn_answered(&w->s, &a, "x.example");
}

static void
answer_filter(struct session_fixture *w, const char *what, bool content)
{
	static const struct { const char *word; enum msg_filter_verdict verdict; } rows[] = {
		{ "pass", FILTER_GO_ON }, { "refuse", FILTER_REFUSE }, { "later", FILTER_LATER },
		{ "discard", FILTER_DISCARD }, { "disconnect", FILTER_DISCONNECT },
		{ "trouble", FILTER_LATER }, { "reply ", FILTER_REPLY },
	};
	struct msg_filter_answer a = { .flags = strcmp(what, "trouble") == 0 ? FILTER_TROUBLE : 0 };
	size_t i = 0;

	while (i < nitems_of(rows) && strncmp(what, rows[i].word, strlen(rows[i].word)) != 0)
		i++;
	ck_assert_msg(i < nitems_of(rows), "no answer of a filter: %s", what);
	a.verdict = (uint8_t)rows[i].verdict;
	snprintf(a.text, sizeof(a.text), "%s", what + strlen(rows[i].word));
	for (char *p = a.text; *p != '\0'; p++)
		if (*p == '|')
			*p = '\n';
	if (!content) {
		session_filtered(&w->s, &a);
		return;
	}
	ck_assert(w->storing);
	w->storing = false;
	if (a.verdict == FILTER_GO_ON)
		session_stored(&w->s, w->store_error, "0123456789abcdef");
	else
		session_judged(&w->s, &a, "0123456789abcdef");
}

static void
event(struct session_fixture *w, const struct script *s, const struct step *step)
{
	const char *what = buf_text(&step->text);

	if (strcmp(what, "stop") == 0)
		session_stop(&w->s);
	else if (strcmp(what, "cut") == 0)
		session_cut(&w->s);
	else if (strcmp(what, "expire") == 0)
		session_expire(&w->s);
	else if (strcmp(what, "eof") == 0)
		session_eof(&w->s);
	else if (strncmp(what, "secured", 7) == 0) {
		ck_assert_msg(w->securing, "%s:%u: no handshake is under way", s->path, step->line);
		w->securing = false;
		session_secured(&w->s, strcmp(what, "secured loosely") != 0);
	} else if (strcmp(what, "directory") == 0) {
		w->directory_answered = true;
		session_run_again(&w->s);
	} else if (strncmp(what, "named ", 6) == 0) {
		w->policy.state = strcmp(what + 6, "trouble") == 0 ? POLICY_TROUBLE : POLICY_NAMED;
		w->policy.names = w->policy.state == POLICY_NAMED && strcmp(what + 6, "none") != 0 ?
		    strcpy(w->names, what + 6) : NULL;
		session_run_again(&w->s);
	} else if (strncmp(what, "etrn ", 5) == 0)
		answer_etrn(w, what + 5);
	else if (strncmp(what, "filter ", 7) == 0)
		answer_filter(w, what + 7, false);
	else if (strncmp(what, "judged ", 7) == 0)
		answer_filter(w, what + 7, true);
	else if (strncmp(what, "auth ", 5) == 0)
		answer_auth(w, what + 5);
	else if (strncmp(what, "memory ", 7) == 0)
		w->memory_is_short = strcmp(what + 7, "short") == 0;
	else if (strncmp(what, "disk ", 5) == 0)
		w->disk_is_short = strcmp(what + 5, "short") == 0;
	else if (strncmp(what, "store ", 6) == 0)
		w->store_error = error_of(what + 6);
	else
		ck_abort_msg("%s:%u: no event %s", s->path, step->line, what);
	fixture_run(w);
}

static void
check_state(const struct session_fixture *w, const struct script *s, const struct step *step, enum mode mode)
{
	const char *what = buf_text(&step->text);

	if (step->kind == 'X') {
		ck_assert_msg(w->closed, "%s:%u (%s): still open", s->path, step->line, mode_names[mode]);
		ck_assert_msg(w->linger == (strcmp(what, "linger") == 0), "%s:%u (%s): linger is %d", s->path,
		    step->line, mode_names[mode], w->linger);
	} else {
		uint64_t want = (uint64_t)strtoll(what, NULL, 10), have = session_limit_ms(&w->s);

		ck_assert_msg(want == have, "%s:%u (%s): limit is %lld", s->path, step->line,
		    mode_names[mode], (long long)have);
	}
}

/* The steps up to the next event: in a lump the client's all first. */
static size_t
play_segment(struct session_fixture *w, const struct script *s, size_t from, enum mode mode)
{
	size_t end = from;

	while (end < s->count && s->step[end].kind != '>' && s->step[end].kind != 'L')
		end++;
	if (mode == MODE_LUMP) {
		for (size_t i = from; i < end; i++)
			if (s->step[i].kind == 'C')
				buf_add(&w->in, s->step[i].text.data, s->step[i].text.len);
		fixture_run(w);
	}
	for (size_t i = from; i < end; i++) {
		const struct step *step = &s->step[i];

		switch (step->kind) {
		case 'C':
			if (mode == MODE_LUMP)
				break;
			expect_nothing(s, step->line, mode, &w->out, "S:");
			fixture_feed(w, step->text.data, step->text.len, mode == MODE_BYTES);
			break;
		case 'S':
			expect(s, step, mode, &w->out, "\r\n");
			break;
		case 'M':
			expect(s, step, mode, &w->messages, "\n");
			break;
		case 'F':
			expect(s, step, mode, &w->facts, "\n");
			break;
		case 'A':
			expect(s, step, mode, &w->asked, "\n");
			break;
		default:
			check_state(w, s, step, mode);
		}
	}
	return end;
}

static void
play(const char *path, enum mode mode)
{
	struct session_fixture w;
	struct script s;
	char *text;
	bool ends;

	fixture_init(&w);
	text = load(&s, &w, path);
	ends = false;
	if (mode == MODE_WHOLE || (!s.whole_only && (mode != MODE_LUMP || !s.no_lump))) {
		unsigned last;

		fixture_begin_session(&w);
		w.s.link = w.secure ? LINK_TLS_BOUND : w.s.link;
		for (size_t i = 0; i < s.count;) {
			i = play_segment(&w, &s, i, mode);
			if (i < s.count && s.step[i].kind == 'L')
				check_state(&w, &s, &s.step[i++], mode);
			else if (i < s.count)
				event(&w, &s, &s.step[i++]);
		}
		for (size_t i = 0; i < s.count; i++)
			ends = ends || s.step[i].kind == 'X';
		last = s.count > 0 ? s.step[s.count - 1].line : 0;
		expect_nothing(&s, last, mode, &w.out, "S:");
		expect_nothing(&s, last, mode, &w.messages, "M:");
		expect_nothing(&s, last, mode, &w.facts, "F:");
		expect_nothing(&s, last, mode, &w.asked, "A:");
		ck_assert_msg(w.closed == ends, "%s (%s): the session has %s", path, mode_names[mode],
		    w.closed ? "ended" : "not ended");
	}
	for (size_t i = 0; i < s.count; i++)
		buf_done(&s.step[i].text);
	free(s.step);
	fixture_done(&w);
	free(text);
}

static void
play_all(enum mode mode)
{
	glob_t found;

	ck_assert_msg(glob("t/dialog/*.txt", 0, NULL, &found) == 0,
	    "no transcripts: run from the top of the tree");
	for (size_t i = 0; i < found.gl_pathc; i++)
		play(found.gl_pathv[i], mode);
	globfree(&found);
}

START_TEST(whole)
{
	play_all(MODE_WHOLE);
}
END_TEST

START_TEST(bytes)
{
	play_all(MODE_BYTES);
}
END_TEST

START_TEST(lump)
{
	play_all(MODE_LUMP);
}
END_TEST

UNIT_MAIN("dialog", whole, bytes, lump)
