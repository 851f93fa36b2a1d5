/* script - the scripts in a real engine: the same as the model of t/unit/lease_model.h, and what the rates give in time */
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deliver/limits/limits.h"
#include "t/unit/check_main.h"
#include "t/unit/lease_model.h"

static char folder[] = "/tmp/postern-script-XXXXXX";
static pid_t engine;
static redisContext *redis;

static void
start_engine(void)
{
	char path[100];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/engine.sock", folder);
	engine = fork();
	if (engine == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder, "--logfile",
		    "log", NULL);
		_exit(127);
	}
	ck_assert_int_gt(engine, 0);
	for (int i = 0; i < 2000; i++) {
		redis = redisConnectUnix(path);
		if (redis != NULL && redis->err == 0)
			return;
		redisFree(redis);
		ck_assert_msg(waitpid(engine, NULL, WNOHANG) == 0, "no redis-server");
		poll(NULL, 0, 10);
	}
	ck_abort_msg("redis-server does not listen");
}

static void
end_engine(void)
{
	char command[120];

	redisFree(redis);
	kill(engine, SIGKILL);
	waitpid(engine, NULL, 0);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}

/* The answer to a question, as limits_engine sends it. */
static struct msg_limits_answer
ask(const char *sha, const char *node, const char *run, uint64_t length, const struct msg_limits_ask *a)
{
	struct buf out = BUF_INIT(LIMITS_COMMAND_MAX);
	const struct limits_place place = { .prefix = "t", .node = node, .run = run, .length = length };
	struct msg_limits_answer answer;
	redisReply *r = NULL;

	limits_script_ask(&out, &place, sha, "one", a);
	ck_assert(buf_ok(&out));
	ck_assert_int_eq(redisAppendFormattedCommand(redis, out.data, out.len), REDIS_OK);
	ck_assert_int_eq(redisGetReply(redis, (void **)&r), REDIS_OK);
	ck_assert_msg(limits_script_take(&answer, (enum limits_kind)a->kind, r), "%s", r->type == REDIS_REPLY_ERROR ? r->str : "?");
	freeReplyObject(r);
	buf_done(&out);
	return answer;
}

static uint64_t
engine_time(void)
{
	redisReply *r = redisCommand(redis, "TIME");
	uint64_t ms = strtoull(r->element[0]->str, NULL, 10) * 1000 + strtoull(r->element[1]->str, NULL, 10) / 1000;

	freeReplyObject(r);
	return ms;
}

/* In the engine: nothing is ever put there. */
static void
wait_ms(unsigned ms)
{
	uint64_t began = engine_time();

	while (engine_time() < began + ms)
		freeReplyObject(redisCommand(redis, "BLPOP nothing 0.001"));
}

/* The engine is not young any more: a run that began long ago. */
static void
grow_old(const char *run)
{
	redisReply *r = redisCommand(redis, "HSET {t}:engine run %s born 1000", run);

	ck_assert_int_ne(r->type, REDIS_REPLY_ERROR);
	freeReplyObject(r);
}

/*
 * Random questions of some nodes for one limit. Leases are so long that none ends while it runs, but the turn of
 * those that get nothing else: where it passes between two looks at the clock, that answer is not compared.
 */
START_TEST(test_same_as_model)
{
	static struct model m = { .born = 1000 };
	const uint64_t length = 3600000;
	uint64_t sequence = 0;

	start_engine();
	grow_old("run");
	srand(1);
	for (unsigned n = 0; n < 5000; n++) {
		unsigned me = (unsigned)rand() % 12;
		char node[8];
		struct msg_limits_ask a = { .kind = LIMITS_HOLD, .holder = 7, .sequence = rand() % 10 == 0 ? sequence : ++sequence,
		    .keep = (uint64_t)(rand() % 4), .want = (uint64_t)(rand() % 6), .limit = 1 + (uint64_t)(rand() % 12),
		    .claim = rand() % 5 == 0, .name = "mx.example.com:25" };
		struct model_ask x = { .me = me, .sequence = a.sequence, .keep = a.keep, .want = a.want, .limit = a.limit,
		    .length = length, .claim = a.claim };
		struct msg_limits_answer got;
		struct model_answer want;
		uint64_t before = engine_time();

		if (n == 4000)
			m.born = before;	/* it was restarted: of the run that it names the time is now */
		snprintf(node, sizeof(node), "n%02u", me);
		got = ask(NULL, node, n < 4000 ? "run" : "again", length, &a);
		want = model_hold(&m, before, &x);
		if (want.grant < 0) {
			ck_assert_uint_eq(got.result, LIMITS_FAULT);
			continue;
		}
		ck_assert_uint_eq(got.result, LIMITS_GRANTED);
		ck_assert_msg(got.granted == (uint64_t)want.grant && got.target == want.target, "%u: %llu %llu, not %lld %llu", n,
		    (unsigned long long)got.granted, (unsigned long long)got.target, (long long)want.grant,
		    (unsigned long long)want.target);
		if (n < 4000)
			ck_assert_uint_eq(got.wait_ms, want.wait);
	}
	end_engine();
}
END_TEST

START_TEST(test_leases_end_by_time)
{
	struct msg_limits_ask a = { .kind = LIMITS_HOLD, .sequence = 1, .want = 1, .limit = 1, .name = "x" };
	const uint64_t length = 300;
	uint64_t began;

	start_engine();
	grow_old("run");
	began = engine_time();		/* before: what lies between may take long */
	ck_assert_uint_eq(ask(NULL, "a", "run", length, &a).granted, 1);
	while (ask(NULL, "b", "run", length, &a).granted == 0) {
		a.sequence++;
		wait_ms(1);
	}
	ck_assert_uint_ge(engine_time() - began, length);
	/* another life of the engine: nothing for a lease's time, but what is held goes on */
	a.sequence++;
	ck_assert_uint_gt(ask(NULL, "c", "next", length, &a).wait_ms, 0);
	a.keep = 1;
	ck_assert_uint_eq(ask(NULL, "b", "next", length, &a).granted, 1);
	end_engine();
}
END_TEST

/* 600 a minute: what comes in a second and a half, asked for as fast as it goes. */
START_TEST(test_rate)
{
	struct msg_limits_ask a = { .kind = LIMITS_TAKE, .want = 10, .limit = 600, .name = "x" };
	uint64_t began, got = 0;

	start_engine();
	grow_old("run");
	began = engine_time();
	do
		got += ask(NULL, "a", "run", 60000, &a).granted;
	while (engine_time() < began + 1500);
	ck_assert_msg(got >= 20 && got <= 10 + 16, "%llu messages", (unsigned long long)got);
	/* a lower limit that one node has learnt counts for all */
	a.limit = 60;
	ck_assert_uint_eq(ask(NULL, "b", "run", 60000, &a).granted, 0);
	a.limit = 600;
	wait_ms(300);
	ck_assert_uint_eq(ask(NULL, "a", "run", 60000, &a).granted, 0);
	end_engine();
}
END_TEST

/* Failures of all nodes: counted up to the most, forgiven with time, halved; what a node knows is what there is at least. */
START_TEST(test_failures)
{
	struct msg_limits_ask a = { .kind = LIMITS_FAIL, .want = 1, .limit = 5, .forgive_ms = 400, .name = "login/x" };
	struct msg_limits_answer got;
	uint64_t began;

	start_engine();
	began = engine_time();
	for (unsigned n = 0; n < 7; n++) {
		got = ask(NULL, n % 2 ? "a" : "b", "run", 60000, &a);
		if (engine_time() >= began + 400)
			break;	/* too slow a machine to see them unforgiven */
		ck_assert_uint_eq(got.granted, n < 5 ? n : 5);
		ck_assert_uint_eq(got.target, n < 5 ? n + 1 : 5);
	}
	a.want = 0;
	wait_ms(800);
	got = ask(NULL, "c", "run", 60000, &a);
	ck_assert_uint_le(got.granted, 3);
	a.claim = 1;
	a.forgive_ms = 100000;
	got = ask(NULL, "c", "run", 60000, &a);
	ck_assert_uint_eq(got.target, got.granted / 2);
	a = (struct msg_limits_ask){ .kind = LIMITS_FAIL, .keep = 4, .want = 1, .limit = 9, .forgive_ms = 100000, .name = "login/y" };
	got = ask(NULL, "a", "run", 60000, &a);
	ck_assert_uint_eq(got.granted, 4);
	a.keep = 0;
	got = ask(NULL, "b", "another life", 60000, &a);
	ck_assert_uint_eq(got.granted, 5);
	ck_assert_uint_eq(got.target, 6);
	end_engine();
}
END_TEST

/* Another kind of value where the limit should be: an error that is about this name alone. */
START_TEST(test_wrong_kind)
{
	struct msg_limits_ask a = { .kind = LIMITS_HOLD, .sequence = 1, .want = 1, .limit = 1, .name = "x" };
	const struct limits_place place = { .prefix = "t", .node = "a", .run = "run", .length = 1000 };
	struct buf out = BUF_INIT(LIMITS_COMMAND_MAX);
	redisReply *r;

	start_engine();
	grow_old("run");
	freeReplyObject(redisCommand(redis, "SET %s text", "{t}:hold:one:x"));
	limits_script_ask(&out, &place, NULL, "one", &a);
	redisAppendFormattedCommand(redis, out.data, out.len);
	redisGetReply(redis, (void **)&r);
	ck_assert_int_eq(r->type, REDIS_REPLY_ERROR);
	ck_assert_msg(limits_script_is_local(r->str), "%s", r->str);
	freeReplyObject(r);
	buf_clear(&out);
	limits_script_ask(&out, &place, "0123456789012345678901234567890123456789", "one", &a);
	redisAppendFormattedCommand(redis, out.data, out.len);
	redisGetReply(redis, (void **)&r);
	ck_assert(limits_script_is_forgotten(r->str));
	freeReplyObject(r);
	buf_done(&out);
	end_engine();
}
END_TEST

/* What a question costs the engine, when so many nodes hold or want something: for postern-guide-nodes(7). */
START_TEST(test_cost)
{
	enum { TIMES = 50 };

	start_engine();
	grow_old("run");
	for (unsigned nodes = 1; nodes <= 1000; nodes *= 10) {
		struct msg_limits_ask a = { .kind = LIMITS_HOLD, .want = 1, .limit = 3 };
		unsigned long long calls = 0, us = 0;
		redisReply *r;

		snprintf(a.name, sizeof(a.name), "of-%u", nodes);
		for (unsigned n = 0; n < nodes + TIMES; n++) {
			char node[16];

			if (n == nodes)
				freeReplyObject(redisCommand(redis, "CONFIG RESETSTAT"));
			snprintf(node, sizeof(node), "n%04u", n % nodes);
			a.sequence++;
			ck_assert_uint_eq(ask(NULL, node, "run", 60000, &a).result, LIMITS_GRANTED);
		}
		r = redisCommand(redis, "INFO commandstats");
		sscanf(strstr(r->str, "cmdstat_eval:"), "cmdstat_eval:calls=%llu,usec=%llu", &calls, &us);
		ck_assert_uint_eq(calls, TIMES);
		printf("%u nodes: %llu us a question\n", nodes, us / calls);
		ck_assert_uint_lt(us / calls, 200000);
		freeReplyObject(r);
	}
	end_engine();
}
END_TEST

START_TEST(test_info)
{
	static const char info[] = "# Server\r\nxrun_id:no\r\nrun_id:abc\r\nrole:master\r\nempty:\r\nlast:x";
	char word[8];

	ck_assert(limits_script_info(word, sizeof(word), info, sizeof(info) - 1, "run_id"));
	ck_assert_str_eq(word, "abc");
	ck_assert(limits_script_info(word, sizeof(word), info, sizeof(info) - 1, "last"));
	ck_assert(!limits_script_info(word, sizeof(word), info, sizeof(info) - 1, "empty"));
	ck_assert(!limits_script_info(word, sizeof(word), info, sizeof(info) - 1, "none"));
	ck_assert(!limits_script_info(word, 4, info, sizeof(info) - 1, "role"));
	ck_assert(!limits_script_info(word, sizeof(word), info, 0, "role"));
}
END_TEST

/* Before the reader of replies makes room for it: lists of any kind, also in one another, and texts. */
START_TEST(test_lengths)
{
	static const struct { const char *text; bool huge; } rows[] = {
		{ "*3\r\n:1000000\r\n:1000000\r\n:0\r\n", false }, { "*99\r\n", false }, { "*100\r\n", true },
		{ "+100000\r\n$99999\r\n", false }, { "$100000\r\n", true }, { "*1\r\n*1\r\n*9999\r\n", true },
		{ "%9999\r\n", true }, { "~9999\r\n", true }, { ">9999\r\n", true }, { "|9999\r\n", true },
		{ "=100000\r\n", true }, { "-ERR *9999\r\n", false },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct limits_engine e = { .fd = -1 };
		bool huge = false;

		for (const char *p = rows[i].text; *p != '\0'; p++)
			huge |= limits_engine_is_huge(&e, p, 1);
		ck_assert_msg(huge == rows[i].huge, "row %zu", i);
	}
}
END_TEST

UNIT_MAIN("script", test_lengths, test_same_as_model, test_leases_end_by_time, test_rate, test_failures, test_wrong_kind, test_cost, test_info)
