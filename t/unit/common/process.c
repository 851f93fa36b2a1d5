/* process - loop, pool, enqueue, ctl, counters, boot_drop: with a real loop */
#include "t/unit/unit.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot/boot.h"
#include "common/ipc/msg_dns.h"
#include "common/spool/enqueue.h"

static struct loop *loop;
static int calls;
static int last_value;

static void
count_and_stop(void *arg)
{
	if (++calls == *(int *)arg)
		loop_stop(loop);
}

START_TEST(test_timer_and_waker)
{
	int want = 2;
	loop = loop_new();
	struct loop_timer *t = loop_timer_new(loop, count_and_stop, &want);
	struct loop_waker *w = loop_waker_new(loop, count_and_stop, &want);
	ck_assert(!loop_timer_is_set(t));
	loop_timer_set(t, 1);
	loop_waker_wake(w);
	loop_waker_wake(w);
	loop_run(loop);
	ck_assert_int_eq(calls, 2);
	loop_timer_free(t);
	loop_waker_free(w);
	loop_free(loop);
}
END_TEST

static void
got_signal(void *arg, int signo, bool queued, int value)
{
	(void)arg;
	ck_assert_int_eq(signo, SIGUSR1);
	if (calls++ == 0) {
		ck_assert(!queued);
		union sigval v = { .sival_int = 7 };
		sigqueue(getpid(), SIGUSR1, v);
		return;
	}
	ck_assert(queued);
	last_value = value;
	loop_stop(loop);
}

START_TEST(test_signal_values)
{
	static const int signals[] = { SIGUSR1, 0 };
	loop = loop_new();
	loop_signals(loop, signals, got_signal, NULL);
	kill(getpid(), SIGUSR1);
	loop_run(loop);
	ck_assert_int_eq(last_value, 7);
	loop_free(loop);
}
END_TEST

#define JOBS 1000
static int job_seen[JOBS], done_order;

static void
pool_run(void *arg, void **jobs, size_t n)
{
	(void)arg;
	ck_assert_uint_le(n, 16);
	for (size_t i = 0; i < n; i++)
		++*(int *)jobs[i];
}

static void
pool_done(void *arg, void *job)
{
	(void)arg;
	ck_assert_ptr_eq(job, &job_seen[done_order]);
	if (++done_order == JOBS)
		loop_stop(loop);
}

START_TEST(test_pool_runs_all_in_order)
{
	loop = loop_new();
	struct pool *p = pool_new(loop, 4);
	struct pool_lane *lane = pool_lane_new(p, 1, 16, pool_run, pool_done, NULL);
	for (size_t i = 0; i < JOBS; i++)
		pool_submit(lane, &job_seen[i]);
	loop_run(loop);
	for (size_t i = 0; i < JOBS; i++)
		ck_assert_int_eq(job_seen[i], 1);
	ck_assert_uint_eq(pool_lane_pending(lane), 0);
	pool_free(p);
	loop_free(loop);
}
END_TEST

static void
intake_done(void *arg, int error, const char *id)
{
	(void)arg;
	ck_assert_int_eq(error, 0);
	ck_assert(message_id_is_valid(id));
	if (++calls == 3)
		loop_stop(loop);
}

static void
add_again(void *arg)
{
	struct enqueue_message *m = arg;
	enqueue_add(m, "end\r\n", 5);
	enqueue_finish(m, intake_done, NULL);
}

START_TEST(test_intake_small_large_discarded)
{
	char home[] = "/tmp/postern-unit-XXXXXX", path[4][64], ids[1024];
	const char *where;
	int hint[2];
	ck_assert_ptr_nonnull(mkdtemp(home));
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%c", home, 'a' + i);
	struct spool_paths paths = { path[0], path[1], path[2], path[3] };
	struct spool *s = spool_open(&paths, &where);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, hint), 0);
	loop = loop_new();
	struct pool *p = pool_new(loop, 2);
	struct enqueue *in = enqueue_new(loop, p, s, hint[0]);
	struct message_envelope e = { .sender = mem_strdup("") };
	message_envelope_add(&e, "a@b");
	for (int i = 0; i < 2; i++) {
		struct enqueue_message *m = enqueue_begin(in, &e);
		enqueue_add(m, "small\r\n", 7);
		enqueue_finish(m, intake_done, NULL);
	}
	char *block = mem_zalloc(ENQUEUE_CHUNK);
	struct enqueue_message *large = enqueue_begin(in, &e), *gone = enqueue_begin(in, &e);
	for (int i = 0; i < 2; i++) {
		ck_assert(!enqueue_is_full(large));
		enqueue_add(large, block, ENQUEUE_CHUNK);
		enqueue_add(gone, block, ENQUEUE_CHUNK);
	}
	ck_assert(enqueue_is_full(large));
	enqueue_on_room(large, add_again, large);
	enqueue_discard(gone);
	loop_run(loop);
	pool_free(p);
	size_t total = 0;
	ssize_t n;
	while ((n = recv(hint[1], ids, sizeof(ids), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	ck_assert_uint_eq(total, 3 * MESSAGE_ID_LEN);
	enqueue_free(in);
	spool_close(s);
	loop_free(loop);
	message_envelope_done(&e);
	free(block);
	char line[100];
	snprintf(line, sizeof(line), "test $(ls -A %s/b/new | wc -l) = 0 && rm -r %s", home, home);
	ck_assert_int_eq(system(line), 0);
}
END_TEST

static int messages, closed_bad;

static void
on_message(void *arg, const struct ctl_message *m)
{
	(void)arg;
	messages++;
	ck_assert(m->type == CTL_READY || m->type == CTL_NEED);
}

static void
on_close(void *arg, bool bad)
{
	(void)arg;
	closed_bad = bad;
	loop_stop(loop);
}

/* Sends raw bytes as a worker would; returns whether the master side called them bad. */
static int
try_bytes(const void *data, size_t len)
{
	int pair[2];
	messages = 0;
	closed_bad = -1;
	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct ctl *c = ctl_new(loop, pair[0], CTL_FROM_WORKER, on_message, on_close, NULL);
	if (len > 0)
		ck_assert_int_eq(send(pair[1], data, len, 0), (ssize_t)len);
	else
		ck_assert_int_eq(ctl_send_now(pair[1], CTL_READY, 0, NULL, 0), 0);
	close(pair[1]);
	loop_run(loop);
	ctl_free(c);
	loop_free(loop);
	return closed_bad;
}

START_TEST(test_ctl_refuses_rubbish)
{
	struct { uint16_t magic, version; uint32_t type, request, len; char data[8]; } m = { 0x5043, CTL_VERSION, CTL_READY, 0, 0, "" };
	ck_assert_int_eq(try_bytes("", 0), 0);
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(try_bytes(&m, 16), 0);
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(try_bytes("x", 1), 1);
	ck_assert_int_eq(try_bytes(&m, 17), 1);		/* length off */
	m.len = 1;
	ck_assert_int_eq(try_bytes(&m, 17), 1);		/* no row of that size */
	m.len = 0;
	m.type = CTL_STOP;
	ck_assert_int_eq(try_bytes(&m, 16), 1);		/* a worker may not say that */
	m.type = 9999;
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	m.type = CTL_READY;
	m.version = 77;
	ck_assert_int_eq(try_bytes(&m, 16), 1);
	ck_assert_int_eq(messages, 0);
}
END_TEST

START_TEST(test_ctl_queues_when_the_peer_is_slow)
{
	int pair[2], sent = 0;
	char space[CTL_PAYLOAD_MAX], text[30000];
	struct ctl_message m;
	memset(text, 'x', sizeof(text));
	loop = loop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct ctl *c = ctl_new(loop, pair[0], CTL_FROM_OPERATOR, on_message, on_close, NULL);
	while (ctl_send(c, CTL_TEXT, 1, text, sizeof(text), -1) == 0)
		sent++;
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_int_gt(sent, 100);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(ctl_recv_now(pair[1], CTL_FROM_MASTER, &m, space, sizeof(space)), 1);
	ck_assert_uint_eq(m.len, sizeof(text));
	ctl_free(c);
	close(pair[1]);
	loop_free(loop);
}
END_TEST

START_TEST(test_ctl_names_are_all_there)
{
	for (int i = 0; i < CTL_COUNT; i++)
		ck_assert_msg(ctl_name((enum ctl_type)i) != NULL && ctl_name((enum ctl_type)i)[0] >= 'a', "row %d", i);
	for (int i = 0; i < COUNTER_COUNT; i++)
		ck_assert_msg(counters_rows[i].name != NULL && counters_rows[i].title != NULL, "counter %d", i);
}
END_TEST

START_TEST(test_counters_forget_the_dead)
{
	int fd;
	struct counters *master = counters_new(&fd);
	ck_assert_ptr_nonnull(master);
	struct counters *a = counters_map(fd), *b = counters_map(fd);
	counters_use_slot(a, 1);
	counters_use_slot(b, 2);
	counters_add(a, COUNTER_INBOUND_CURRENT, 5);
	counters_add(b, COUNTER_INBOUND_CURRENT, 2);
	counters_add(b, COUNTER_INBOUND_TOTAL, 9);
	ck_assert_int_eq(counters_get(master, COUNTER_INBOUND_CURRENT), 7);
	counters_clear_slot(master, 1);
	ck_assert_int_eq(counters_get(b, COUNTER_INBOUND_CURRENT), 2);
	ck_assert_int_eq(counters_get(master, COUNTER_INBOUND_TOTAL), 9);
	counters_free(a);
	counters_free(b);
	counters_free(master);
	close(fd);
}
END_TEST

START_TEST(test_drop_has_no_way_back)
{
	pid_t pid = fork();
	if (pid == 0) {
		boot_drop("nobody", "nogroup");
		_exit(getuid() != 0 && setuid(0) == -1 && seteuid(0) == -1 ? 42 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

START_TEST(test_dns_answers_are_checked)
{
	struct msg_dns_answer a = { .result = DNS_FOUND, .count = 2 }, back;
	a.record[0].len = 4;
	ck_assert(msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a)));
	ck_assert(!msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a) - 1));
	a.record[1].len = DNS_DATA_SIZE;
	ck_assert(!msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a)));
	a.record[1].len = 0;
	memset(a.canonical, 'x', sizeof(a.canonical));
	ck_assert(!msg_dns_answer_take(&back, &a, msg_dns_answer_size(&a)));
	struct msg_dns_query q = { .type = DNS_MX, .name = "example.com" }, q_back;
	ck_assert(msg_dns_query_take(&q_back, &q, sizeof(q)));
	memset(q.name, 'x', sizeof(q.name));
	ck_assert(!msg_dns_query_take(&q_back, &q, sizeof(q)));
}
END_TEST

UNIT_MAIN("process", test_timer_and_waker, test_signal_values, test_pool_runs_all_in_order,
    test_intake_small_large_discarded, test_ctl_refuses_rubbish, test_ctl_queues_when_the_peer_is_slow,
    test_ctl_names_are_all_there, test_counters_forget_the_dead, test_drop_has_no_way_back, test_dns_answers_are_checked)
