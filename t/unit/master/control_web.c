/*
 * control_web - what a web helper can get, whatever it sends: nothing without a secret of the master's; with
 * one, what the user of that session may, at that time
 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "t/unit/check_main.h"

static struct master m;
static struct child helper;
static struct config config;
static struct snapshot snapshot = { .config = &config };
static int peer_fd;		/* the helper's end of its channel */
static char space[CTL_PAYLOAD_MAX];

static void
on_changed(struct master *master)
{
}

static void
on_close(void *arg, bool bad)
{
}

static void
begin(void)
{
	static const struct master_ops ops = { .changed = on_changed };
	int pair[2];

	m = (struct master){ .ops = &ops, .snapshot = &snapshot, .loop = loop_new() };
	TAILQ_INIT(&m.servers);
	TAILQ_INIT(&m.children);
	TAILQ_INIT(&m.questions);
	TAILQ_INIT(&m.callers);
	m.web_sessions = web_sessions_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	peer_fd = pair[1];
	signal(SIGHUP, SIG_DFL);	/* who runs the tests may ignore it, and the child must not for a moment */
	helper = (struct child){ .m = &m, .role = ROLE_WEB, .phase = CHILD_READY, .version = ctl_version(),
	    .pid = fork() };
	if (helper.pid == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_gt(helper.pid, 0);	/* a test that the helper is killed kills this one */
	helper.ctl = ctl_new(m.loop, pair[0], CTL_FROM_HELPER, NULL, on_close, NULL);
}

/* Whether the helper was killed meanwhile. */
static bool
end(void)
{
	int status;
	bool killed = helper.killed != NULL;

	if (!killed)
		kill(helper.pid, SIGHUP);
	ck_assert_int_eq(waitpid(helper.pid, &status, 0), helper.pid);
	ck_assert_int_eq(WTERMSIG(status), killed ? SIGKILL : SIGHUP);
	control_web_gone(&helper);
	ctl_free(helper.ctl);
	close(peer_fd);
	web_sessions_free(m.web_sessions);
	loop_free(m.loop);
	ck_assert(TAILQ_EMPTY(&m.callers));
	return killed;
}

static void
say(enum ctl_type type, uint32_t request, const void *data, size_t len)
{
	struct ctl_message message = { .type = type, .request = request, .data = data, .len = len, .fd = -1 };

	control_web_take(&helper, &message);
}

static struct msg_web_session
heard_session(uint32_t request)
{
	struct msg_web_session s;
	struct ctl_message message;

	ck_assert_int_eq(ctl_recv_now(peer_fd, CTL_FROM_MASTER, &message, space, sizeof(space)), 1);
	ck_assert_int_eq(message.type, CTL_WEB_SESSION);
	ck_assert_uint_eq(message.request, request);
	ck_assert(msg_web_session_take(&s, message.data, message.len));
	return s;
}

/* The status at the end of an answer; `text` gets its beginning. */
static int
heard_answer(uint32_t request, char text[400])
{
	struct ctl_message message;
	int32_t status;

	text[0] = '\0';
	for (;;) {
		ck_assert_int_eq(ctl_recv_now(peer_fd, CTL_FROM_MASTER, &message, space, sizeof(space)), 1);
		ck_assert_uint_eq(message.request, request);
		if (message.type == CTL_TEXT) {
			snprintf(text, 400, "%.*s", (int)message.len, (const char *)message.data);
			continue;
		}
		ck_assert_int_eq(message.type, CTL_END);
		memcpy(&status, message.data, sizeof(status));
		return status;
	}
}

static void
command(uint32_t request, const unsigned char handle[WEB_SECRET_SIZE], const char *words, size_t len)
{
	struct msg_web_command *c = mem_new(struct msg_web_command);

	memcpy(c->handle, handle, WEB_SECRET_SIZE);
	memcpy(c->words, words, len);
	say(CTL_WEB_COMMAND, request, c, offsetof(struct msg_web_command, words) + len);
	free(c);
}

static struct msg_web_session
log_in(const unsigned char token[WEB_SECRET_SIZE])
{
	struct msg_web_login login = { .client = "192.0.2.1" };

	memcpy(login.token, token, sizeof(login.token));
	say(CTL_WEB_LOGIN, 9, &login, sizeof(login));
	return heard_session(9);
}

START_TEST(nothing_without_a_secret)
{
	unsigned char secret[WEB_SECRET_SIZE] = { 0 };

	begin();
	for (unsigned i = 0; i < 3; i++) {
		memset(secret, i == 1 ? 255 : 0, sizeof(secret));
		ck_assert_int_eq(log_in(secret).result, WEB_UNKNOWN);
		say(CTL_WEB_ASK, 1, secret, sizeof(secret));
		ck_assert_int_eq(heard_session(1).result, WEB_UNKNOWN);
		say(CTL_WEB_LOGOUT, 2, secret, sizeof(secret));
		ck_assert_int_eq(heard_session(2).result, WEB_UNKNOWN);
		command(3, secret, "stop", sizeof("stop"));
		ck_assert_int_eq(heard_session(3).result, WEB_UNKNOWN);
		web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = geteuid() }, "me", clock_mono_ms(),
		    secret);
		secret[0] ^= 1;	/* and beside one that there is */
		ck_assert_int_eq(log_in(secret).result, WEB_UNKNOWN);
	}
	ck_assert(!m.stopping);
	ck_assert(!end());
}
END_TEST

START_TEST(rights_of_the_user)
{
	unsigned char token[WEB_SECRET_SIZE];
	uid_t viewers[] = { 64001 };
	struct msg_web_session me, viewer, again;
	char text[400];

	begin();
	web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = 64001 }, "anna", clock_mono_ms(), token);
	ck_assert_int_eq(log_in(token).result, WEB_NO_RIGHT);	/* and its session is no more */
	m.viewers = (struct control_rights){ .uid = viewers, .nuid = 1 };
	web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = 64001 }, "anna", clock_mono_ms(), token);
	viewer = log_in(token);
	ck_assert_int_eq(viewer.result, WEB_OK);
	ck_assert(!viewer.operates && !viewer.serves);
	ck_assert_uint_eq(viewer.uid, 64001);
	ck_assert_str_eq(viewer.name, "anna");
	command(4, viewer.handle, "start", sizeof("start"));
	ck_assert_int_eq(heard_answer(4, text), EX_NOPERM);
	command(5, viewer.handle, "counters", sizeof("counters"));
	ck_assert_int_eq(heard_answer(5, text), 0);
	/* the user of the master may all, but makes no links there */
	web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = geteuid() }, "me", clock_mono_ms(), token);
	me = log_in(token);
	ck_assert(me.operates && me.serves);
	command(6, me.handle, "start", sizeof("start"));
	ck_assert_int_eq(heard_answer(6, text), 0);
	command(7, me.handle, "web-login\0-\0root", sizeof("web-login\0-\0root"));
	ck_assert_int_eq(heard_answer(7, text), EX_NOPERM);
	command(7, me.handle, "no-such-command", sizeof("no-such-command"));
	ck_assert_int_eq(heard_answer(7, text), EX_USAGE);
	/* a right that is taken is taken at once */
	m.viewers = (struct control_rights){ 0 };
	command(8, viewer.handle, "counters", sizeof("counters"));
	ck_assert_int_eq(heard_answer(8, text), EX_NOPERM);
	say(CTL_WEB_ASK, 1, viewer.handle, sizeof(viewer.handle));
	ck_assert_int_eq(heard_session(1).result, WEB_NO_RIGHT);
	say(CTL_WEB_LOGOUT, 2, me.handle, sizeof(me.handle));
	again = heard_session(2);
	ck_assert_int_eq(again.result, WEB_OK);
	ck_assert_uint_eq(again.handle[0] | again.handle[31], 0);	/* no handle but at the login */
	command(3, me.handle, "counters", sizeof("counters"));
	ck_assert_int_eq(heard_session(3).result, WEB_UNKNOWN);
	ck_assert(!end());
}
END_TEST

static unsigned number;

static struct msg_web_session
session_of(uid_t uid)
{
	struct control_peer peer;
	unsigned char token[WEB_SECRET_SIZE];
	char name[20];

	control_rights_peer_user(&peer, uid);
	snprintf(name, sizeof(name), "name-%u", number++);	/* which it says itself: that is no other person */
	web_sessions_link(m.web_sessions, &peer, name, clock_mono_ms(), token);
	return log_in(token);
}

static unsigned
count_callers(void)
{
	const struct control_caller *c;
	unsigned n = 0;

	TAILQ_FOREACH(c, &m.callers, link)
		n++;
	return n;
}

static void
on_time(void *arg)
{
}

/* Whether its command waits: it is answered with "busy" otherwise. */
static bool
waits(const struct msg_web_session *s)
{
	unsigned before = count_callers();

	command(20, s->handle, "start\0a", sizeof("start\0a"));
	if (count_callers() > before)
		return true;
	ck_assert_int_eq(heard_session(20).result, WEB_BUSY);
	return false;
}

/* How many of so many commands are heard; the others come too fast. */
static unsigned
heard(uid_t uid, const char *text, size_t len, unsigned times)
{
	struct control_peer peer;
	struct control_words w;
	char copy[100];
	unsigned n = 0;

	control_rights_peer_user(&peer, uid);
	for (unsigned i = 0; i < times; i++) {
		struct control_command cmd;

		memcpy(copy, text, len);
		ck_assert(control_words_parse(&w, copy, len));
		control_answer_init(&cmd, &peer);
		control_commands_run(&cmd, &m, &w);
		n += strstr(buf_text(&cmd.text), "too many commands") == NULL;
		control_answer_done(&cmd);
	}
	return n;
}

/* A person has its part in whatever sessions, all who operate a virtual server have theirs, and some is left. */
START_TEST(a_part_for_those_who_operate_the_service)
{
	static char state[] = "/nonexistent";
	uid_t own[] = { 64001, 64002, 64003, 64004, 64005, 64006, 64007 };
	struct server s = { .m = &m, .name = "a", .state = STATE_STARTING, .wanted = true,
	    .operators = { .uid = own, .nuid = nitems_of(own) } };
	struct config_server conf = { .id = 1 };
	struct post post = { .m = &m, .server = &s, .role = ROLE_DELIVER };
	struct msg_web_session first, second;
	int counters;

	begin();
	config.service.state = state;
	s.conf = &conf;
	s.post = &post;
	s.posts = 1;
	post.again = loop_timer_new(m.loop, on_time, NULL);
	loop_timer_set(post.again, 60000);
	s.counters = counters_new(&counters);
	TAILQ_INSERT_TAIL(&m.servers, &s, link);
	first = session_of(own[0]);
	second = session_of(own[0]);
	ck_assert(first.operates && !first.serves && first.person == second.person);
	for (unsigned i = 0; i < WEB_COMMANDS_PER_PERSON; i++)
		ck_assert(waits(i % 2 == 0 ? &first : &second));
	ck_assert(!waits(&first) && !waits(&second));
	for (unsigned k = 1; k < nitems_of(own) - 1; k++) {
		first = session_of(own[k]);
		ck_assert(first.person != second.person);
		for (unsigned i = 0; i < WEB_COMMANDS_PER_PERSON; i++)
			ck_assert(waits(&first));
	}
	first = session_of(own[nitems_of(own) - 1]);
	ck_assert(!waits(&first));
	ck_assert_uint_le(heard(own[6], "pause\0a", sizeof("pause\0a"), 200), 139);
	ck_assert_uint_le(heard(own[5], "hosts\0a\0reset", sizeof("hosts\0a\0reset"), 200), 139);
	ck_assert_uint_ge(heard(own[6], "hosts\0a\0list", sizeof("hosts\0a\0list"), 200), 200);
	ck_assert_uint_le(heard(own[6], "queue\0a\0retry\0all", sizeof("queue\0a\0retry\0all"), 2000), 1400);
	ck_assert_uint_ge(heard(own[6], "queue\0a\0list\0all", sizeof("queue\0a\0list\0all"), 2000), 2000);
	ck_assert_uint_ge(heard(geteuid(), "pause\0a", sizeof("pause\0a"), 200), 200);
	first = session_of(geteuid());
	for (unsigned i = 0; i < 32; i++)
		ck_assert(waits(&first));
	ck_assert(!waits(&first));	/* as many as there may be at all */
	control_caller_end_all(&m, "");
	TAILQ_REMOVE(&m.servers, &s, link);
	loop_timer_free(post.again);
	counters_free(s.counters);
	close(counters);
	config.service.state = NULL;
	ck_assert(!end());
}
END_TEST

/* The descriptor that a session watches by ends with the session, also when the helper would go on reading. */
static int
watched(uint32_t request, const struct msg_web_session *s)
{
	struct ctl_message message;

	command(request, s->handle, "watch", sizeof("watch"));
	ck_assert_int_eq(ctl_recv_now(peer_fd, CTL_FROM_MASTER, &message, space, sizeof(space)), 1);
	ck_assert_int_eq(message.type, CTL_WEB_EVENTS);
	ck_assert_int_ne(message.fd, -1);
	return ctl_take_fd(&message);
}

/* Events may have come before. */
static bool
has_ended(int fd)
{
	ssize_t n;

	while ((n = recv(fd, space, sizeof(space), MSG_DONTWAIT)) > 0)
		;
	return n == 0;
}

START_TEST(a_watch_ends_with_its_session)
{
	unsigned char token[WEB_SECRET_SIZE];
	struct msg_web_session one, two;
	int fd[2];
	char text[400];

	begin();
	web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = geteuid() }, "me", clock_mono_ms(), token);
	one = log_in(token);
	web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = geteuid() }, "me", clock_mono_ms(), token);
	two = log_in(token);
	fd[0] = watched(11, &one);
	fd[1] = watched(12, &two);
	ck_assert(!control_caller_update(&m));
	ck_assert(!has_ended(fd[0]) && !has_ended(fd[1]));
	say(CTL_WEB_LOGOUT, 2, one.handle, sizeof(one.handle));
	ck_assert_int_eq(heard_session(2).result, WEB_OK);
	ck_assert(!control_caller_update(&m));
	ck_assert_int_eq(heard_answer(11, text), EX_NOPERM);
	ck_assert_str_eq(text, "watch: the session is over\n");
	ck_assert_msg(has_ended(fd[0]), "first %m");
	ck_assert_msg(!has_ended(fd[1]), "second %m");
	web_sessions_end_all(m.web_sessions);
	ck_assert(!control_caller_update(&m));
	ck_assert_int_eq(heard_answer(12, text), EX_NOPERM);
	ck_assert(has_ended(fd[1]));
	close(fd[0]);
	close(fd[1]);
	ck_assert(!end());
}
END_TEST

START_TEST(malformed)
{
	static const struct { enum ctl_type type; const char *words; size_t len; } rows[] = {
		{ CTL_WEB_COMMAND, "status", 6 }, { CTL_WEB_COMMAND, "a\0\0b", 5 }, { CTL_WEB_COMMAND, "a\nb", 4 },
		{ CTL_WEB_LOGIN, "", 0 },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		unsigned char token[WEB_SECRET_SIZE];
		struct msg_web_login login;
		struct msg_web_session s;

		begin();
		web_sessions_link(m.web_sessions, &(struct control_peer){ .uid = geteuid() }, "me", clock_mono_ms(),
		    token);
		s = log_in(token);
		memset(&login, 'x', sizeof(login));	/* its text does not end */
		if (rows[i].type == CTL_WEB_LOGIN)
			say(CTL_WEB_LOGIN, 1, &login, sizeof(login));
		else
			command(1, s.handle, rows[i].words, rows[i].len);
		ck_assert(end());
	}
}
END_TEST

UNIT_MAIN("control_web", nothing_without_a_secret, rights_of_the_user, a_watch_ends_with_its_session,
    a_part_for_those_who_operate_the_service, malformed)
