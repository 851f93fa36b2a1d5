/*
 * control - commands as they come from control.sock, operators and their rights, pages that come from
 * listeners
 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "common/command/msg_queue.h"
#include "common/command/queue_words.h"
#include "common/msg/msg_sessions.h"
#include "master/control/control.h"
#include "master/master.h"
#include "master/servers/servers.h"
#include "t/unit/check_main.h"

static bool
parse(struct control_words *w, const char *text, size_t len)
{
	/* exactly as long as the message, so that a read beyond it is seen; the words stay in it */
	static char *tight;

	free(tight);
	tight = mem_array(NULL, len > 0 ? len : 1, 1);
	memcpy(tight, text, len);
	return control_words_parse(w, tight, len);
}

#define PARSE(w, text) parse(w, text, sizeof(text))	/* with the final NUL */

START_TEST(good)
{
	struct control_words w;

	ck_assert(PARSE(&w, "status"));
	ck_assert_uint_eq(w.count, 1);
	ck_assert(PARSE(&w, "pause\0default"));
	ck_assert_uint_eq(w.count, 2);
	ck_assert_str_eq(w.word[0], "pause");
	ck_assert_str_eq(w.word[1], "default");
	ck_assert(PARSE(&w, "set\0a\0general.description=Verk\xc3\xa4ufe, two words"));
	ck_assert_str_eq(w.word[2], "general.description=Verk\xc3\xa4ufe, two words");
	char most[2 * CONTROL_WORDS_MAX];
	for (size_t i = 0; i < sizeof(most); i++)
		most[i] = i % 2 == 0 ? 'a' : '\0';
	ck_assert(parse(&w, most, sizeof(most)));
	ck_assert_uint_eq(w.count, CONTROL_WORDS_MAX);
}
END_TEST

START_TEST(bad)
{
	struct control_words w;
	char longest[CONTROL_WORD_SIZE + 1];

	ck_assert(!parse(&w, "", 0));
	ck_assert(!parse(&w, "status", 6));		/* not ended */
	ck_assert(!parse(&w, "", 1));			/* an empty word */
	ck_assert(!PARSE(&w, "pause\0\0default"));
	ck_assert(!PARSE(&w, "pause\0default\0"));	/* an empty last word */
	char most[2 * CONTROL_WORDS_MAX + 2];
	for (size_t i = 0; i < sizeof(most); i++)
		most[i] = i % 2 == 0 ? 'a' : '\0';
	ck_assert(!parse(&w, most, sizeof(most)));		/* one too many */
	ck_assert(!PARSE(&w, "pause\0def\nault"));
	ck_assert(!PARSE(&w, "pause\0def\tault"));
	ck_assert(!PARSE(&w, "pause\0d\xc3"));
	ck_assert(!PARSE(&w, "pause\0d\xe2\x80\xae"));		/* turns the direction */
	memset(longest, 'x', sizeof(longest));
	longest[CONTROL_WORD_SIZE - 1] = '\0';
	ck_assert(parse(&w, longest, CONTROL_WORD_SIZE));		/* at the limit */
	memset(longest, 'x', sizeof(longest));
	longest[CONTROL_WORD_SIZE] = '\0';
	ck_assert(!parse(&w, longest, CONTROL_WORD_SIZE + 1));	/* and beyond */
}
END_TEST

START_TEST(operators)
{
	uid_t users[] = { 1001, 1002 };
	gid_t groups[] = { 50 }, mine[] = { 7, 50 }, others[] = { 7, 51, 1001 };
	struct control_rights r = { .uid = users, .nuid = 2, .gid = groups, .ngid = 1 }, none = { 0 };
	struct control_peer by_user = { .uid = 1002, .gid = others, .ngid = 3 };
	struct control_peer by_group = { .uid = 5, .gid = mine, .ngid = 2 };
	/* Numbers of one kind are not the other */
	struct control_peer stranger = { .uid = 50, .gid = others, .ngid = 3 };
	struct control_peer alone = { .uid = 1001 };

	ck_assert(control_rights_has(&r, &by_user));
	ck_assert(control_rights_has(&r, &by_group));
	ck_assert(control_rights_has(&r, &alone));
	ck_assert(!control_rights_has(&r, &stranger));
	ck_assert(!control_rights_has(&none, &by_user));
}
END_TEST

/* A name of the manager is no user of this host, nor the other way round, nor are the kinds each other. */
START_TEST(logins)
{
	char *listed[] = { "root", "account:Bob", "kerberos:carol@EXAMPLE.COM", "account:j\xc3\xb6rg" };
	struct config_strings list = { .text = listed, .count = 4 };
	static const struct { const char *login; bool has; } rows[] = {
		{ "account:Bob", true }, { "account:bob", true }, { "account:BOB", true }, { "account:bobo", false },
		{ "account:", false }, { "account:root", false }, { "account:j\xc3\xb6rg", true },
		{ "account:j\xc3\x96rg", false }, { "account:carol@EXAMPLE.COM", false },
		{ "kerberos:carol@EXAMPLE.COM", true }, { "kerberos:carol@example.com", false },
		{ "kerberos:Carol@EXAMPLE.COM", false }, { "kerberos:bob", false }, { "kerberos:root", false },
		{ "Bob", false }, { "root", false },
	};
	struct control_rights r = { 0 };
	struct control_peer root, p;
	struct master m = { 0 };

	TAILQ_INIT(&m.servers);
	control_rights_resolve(&r, &list, "-", "operators");
	control_rights_peer_user(&root, 0);
	ck_assert(control_rights_has(&r, &root));
	ck_assert_str_eq(root.author, "uid=0");
	for (size_t i = 0; i < nitems_of(rows); i++) {
		control_rights_peer_login(&p, rows[i].login);
		ck_assert_msg(control_rights_has(&r, &p) == rows[i].has, "%s", rows[i].login);
		/* neither root nor the user of the master, whatever its number looks like */
		p.uid = i % 2 == 0 ? 0 : geteuid();
		ck_assert_int_eq(control_rights_service(&m, &p), CONTROL_NONE);
		ck_assert(!control_rights_peer_same(&p, &root));
		ck_assert(control_rights_peer_same(&p, &p) == (strchr(rows[i].login, ':') != NULL));
	}
	control_rights_peer_login(&p, "account:Bob");
	ck_assert_str_eq(p.author, "user=account:Bob");
	control_rights_done(&r);
}
END_TEST

START_TEST(names)
{
	char *unknown[] = { "no-such-name-here", "@no-such-group-here" }, *root[] = { "root", "@root" };
	struct config_strings list = { .text = unknown, .count = 2 }, both = { .text = root, .count = 2 };
	struct control_rights r = { 0 };

	control_rights_resolve(&r, &list, "-", "operators");
	ck_assert_uint_eq(r.nuid + r.ngid, 0);
	control_rights_done(&r);
	control_rights_resolve(&r, &both, "-", "viewers");
	ck_assert_uint_eq(r.nuid, 1);
	ck_assert_uint_eq(r.ngid, 1);
	control_rights_done(&r);
}
END_TEST

/* Which right each command needs; a verb that is not known to look needs the right to operate. */
START_TEST(rights)
{
	static const struct { const char *word[3]; enum control_right right; } rows[] = {
		{ { "status" }, CONTROL_LOOK }, { { "health" }, CONTROL_LOOK },
		{ { "counters", "a" }, CONTROL_LOOK }, { { "prometheus" }, CONTROL_LOOK },
		{ { "directory-test", "a", "b" }, CONTROL_LOOK }, { { "oauth-test", "-", "a" }, CONTROL_OPERATE },
		{ { "probe", "a", "b@c.example" }, CONTROL_OPERATE },
		{ { "explain", "a", "from=192.0.2.1" }, CONTROL_LOOK },
		{ { "sessions", "-", "list" }, CONTROL_LOOK },
		{ { "sessions", "-", "terminate" }, CONTROL_OPERATE },
		{ { "sessions" }, CONTROL_OPERATE }, { { "sessions", "list" }, CONTROL_OPERATE },
		{ { "sessions", "-", "list " }, CONTROL_OPERATE }, { { "sessions", "-", "lis" }, CONTROL_OPERATE },
		{ { "queue", "a", "list" }, CONTROL_LOOK }, { { "queue", "a", "show" }, CONTROL_LOOK },
		{ { "queue", "a", "count" }, CONTROL_LOOK }, { { "queue", "a", "tally" }, CONTROL_LOOK }, { { "queue", "a", "retry" }, CONTROL_OPERATE },
		{ { "queue", "a", "hold" }, CONTROL_OPERATE }, { { "queue", "a", "release" }, CONTROL_OPERATE },
		{ { "queue", "a", "delete" }, CONTROL_OPERATE }, { { "queue", "a", "bounce" }, CONTROL_OPERATE },
		{ { "queue", "a", "move" }, CONTROL_OPERATE }, { { "queue", "a", "list show" }, CONTROL_OPERATE },
		{ { "badmail", "a", "list" }, CONTROL_LOOK }, { { "badmail", "a", "show" }, CONTROL_LOOK },
		{ { "badmail", "a", "count" }, CONTROL_OPERATE }, { { "badmail", "a", "retry" }, CONTROL_OPERATE },
		{ { "badmail", "a", "purge" }, CONTROL_OPERATE }, { { "start" }, CONTROL_OPERATE },
		{ { "stop" }, CONTROL_OPERATE }, { { "pause" }, CONTROL_OPERATE },
		{ { "continue" }, CONTROL_OPERATE }, { { "retry" }, CONTROL_OPERATE },
		{ { "get", "a", "access.tls" }, CONTROL_LOOK }, { { "keys" }, CONTROL_LOOK },
		{ { "history", "-" }, CONTROL_LOOK }, { { "domain", "a", "list" }, CONTROL_LOOK },
		{ { "domain", "a", "add" }, CONTROL_CONFIGURE }, { { "domain", "a", "remove" }, CONTROL_CONFIGURE },
		{ { "set", "a", "access.tls=off" }, CONTROL_CONFIGURE }, { { "unset", "a" }, CONTROL_CONFIGURE },
		{ { "create", "-", "a" }, CONTROL_CONFIGURE }, { { "undo", "-" }, CONTROL_CONFIGURE },
		{ { "reload" }, CONTROL_CONFIGURE }, { { "rename", "a", "b" }, CONTROL_CONFIGURE },
		{ { "delete", "a" }, CONTROL_CONFIGURE }, { { "nothing" }, CONTROL_NONE },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct control_words w = { 0 };

		for (size_t k = 0; k < 3 && rows[i].word[k] != NULL; k++)
			w.word[w.count++] = rows[i].word[k];
		ck_assert_msg(control_commands_right(&w) == rows[i].right, "row %zu", i);
	}
}
END_TEST

/* Commands about sessions that posternctl never sends: refused. */
START_TEST(bad_selections)
{
	static const char *const rows[][4] = {
		{ "-" }, { "-", "show" }, { "-", "terminate" }, { "-", "terminate", "yes" },
		{ "-", "terminate", "id=1" }, { "-", "terminate", "id=-1" },
		{ "-", "terminate", "id=1-" }, { "-", "terminate", "id=1-99999999999" },
		{ "-", "list", "from=example.com" }, { "-", "list", "from=1.2.3" },
		{ "-", "list", "idle=5m" }, { "-", "list", "idle=-1" }, { "-", "list", "user=" },
		{ "-", "list", "nothing" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct control_words w = { .count = 1 };
		struct sessions_wish wish;

		w.word[0] = "sessions";
		for (size_t k = 0; k < 4 && rows[i][k] != NULL; k++)
			w.word[w.count++] = rows[i][k];
		ck_assert_msg(!sessions_request_parse(&wish, &w), "row %zu", i);
	}
}
END_TEST

/* A listener is trusted less than the master: the text of its pages is checked. */
START_TEST(pages)
{
	static const struct { const char *text; uint32_t rows; bool fine; } rows[] = {
		{ "", 0, true },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx y\n", 1, true },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx\n", 2, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx", 0, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\n", 1, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx\ty\n", 1, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\t\x1b[2J\n", 1, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\t\xc3\xa4\n", 1, false },
	};
	static struct msg_sessions_page page, out;
	size_t len;
	for (size_t i = 0; i < nitems_of(rows); i++) {
		size_t n = strlen(rows[i].text);

		page.rows = rows[i].rows;
		memcpy(page.text, rows[i].text, n);
		ck_assert_msg(msg_sessions_page_take(&out, &page,
		    offsetof(struct msg_sessions_page, text) + n, &len) == rows[i].fine, "row %zu", i);
	}
	ck_assert(!msg_sessions_page_take(&out, &page, 3, &len));
	static struct msg_sessions_ask ask, copy;
	ck_assert(msg_sessions_ask_take(&copy, &ask, sizeof(ask)));
	ask.count = MSG_SESSIONS_SERIALS_MAX + 1;
	ck_assert(!msg_sessions_ask_take(&copy, &ask, sizeof(ask)));
	ask.count = 0;
	memset(ask.name, 'x', sizeof(ask.name));
	ck_assert(!msg_sessions_ask_take(&copy, &ask, sizeof(ask)));
}
END_TEST

/* Commands about queues that posternctl never sends: refused. */
START_TEST(bad_orders)
{
	static const char *const rows[][4] = {
		{ "default" }, { "default", "odd" }, { "default", "delete" }, { "default", "list", "at=1" },
		{ "default", "list", "at=:5" },
		{ "default", "list", "at=x:5" }, { "default", "list", "newest=x" },
		{ "default", "list", "reason=" }, { "default", "move", "all" },
		{ "default", "list", "sender=+" }, { "default", "list", "odd" },
		{ "default", "list", "to=b" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct control_words w = { .count = 1 };
		struct msg_queue_ask ask;
		pid_t pid;

		w.word[0] = "queue";
		for (size_t k = 0; k < 4 && rows[i][k] != NULL; k++)
			w.word[w.count++] = rows[i][k];
		ck_assert_msg(!queue_words_parse(&ask, &pid, &w), "row %zu", i);
	}
	struct control_words w = { .count = 4, .word = { "queue", "a", "list", "at=77:12" } };
	struct msg_queue_ask ask;
	pid_t pid;
	ck_assert(queue_words_parse(&ask, &pid, &w));
	ck_assert_int_eq(pid, 77);
	ck_assert_str_eq(ask.at, "12");
}
END_TEST

UNIT_MAIN("control", good, bad, operators, logins, names, rights, bad_selections, pages, bad_orders)
