/*
 * slow_host - a host that takes the content bit by bit: how long that may last, and what follows
 */
#include <string.h>

#include "common/base/clock.h"
#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

#define SIZE 3000000
#define STEP 1800
#define TICK_MS 3

/* A sink that reads so many bytes of the content each tick, with buffers as small as they can be. */
static struct { struct sink sink; struct loop_timer *tick; } slow;

static void
on_tick(void *arg)
{
	struct session *s = LIST_FIRST(&slow.sink.sessions);
	char data[65536];
	ssize_t n = s == NULL ? 0 : recv(s->fd, data, STEP, 0);

	if (n == 0 && s != NULL)
		session_end(s);
	else if (n > 4 && memcmp(data + n - 5, "\r\n.\r\n", 5) == 0) {
		slow.sink.messages++;
		say(s, "250 2.0.0 taken\r\n");
		loop_io_want(s->io, LOOP_READ);
		s->in_data = false;
		return;
	}
	loop_timer_set(slow.tick, TICK_MS);
}

static const char *
answer(struct session *s, const char *line)
{
	if (strncmp(line, "DATA", 4) != 0)
		return NULL;
	loop_io_want(s->io, 0);
	loop_timer_set(slow.tick, TICK_MS);
	return "354 go\r\n";
}

static void
slow_open(void)
{
	int room = 4096, segment = 536;

	sink_open(&slow.sink, SINK_PLAIN);
	slow.sink.answer = answer;
	slow.tick = loop_timer_new(loop, on_tick, NULL);
	ck_assert_int_eq(setsockopt(slow.sink.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	ck_assert_int_eq(setsockopt(slow.sink.fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)), 0);
}

/* More slowly than is allowed: another host gets it, and the slow one is not asked again. */
static const struct { uint64_t rate; size_t size; bool is_cut; } rows[] = {
	{ 64U << 20, SIZE, true }, { 512, SIZE / 6, false },
};

START_TEST(test_slow)
{
	char *text = mem_zalloc(SIZE);

	memset(text, 'x', SIZE);
	for (size_t i = 0; i + 1 < SIZE; i += 900)
		memcpy(text + i, "\r\n", 2);
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct sink other;
		uint64_t begun;

		set_up();
		server.outbound_timeout = 700;
		server.minimum_rate = rows[i].rate;
		/* five waits and the recipient, 4200 ms; it takes 5 s at least, with a progress each 200 ms */
		slow_open();
		sink_open(&other, SINK_TAKES);
		struct destination d = to_sinks((struct sink *[]){ &slow.sink, &other }, 2);
		int fd = content_file(text, rows[i].size);
		begun = clock_mono_ms();
		struct test_job *t = submit(&d, fd, rows[i].size, "ok@x.example", NULL);
		loop_run(loop);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_uint_eq(slow.sink.connections, 1);
		ck_assert_uint_eq(slow.sink.messages, rows[i].is_cut ? 0 : 1);
		ck_assert_uint_eq(other.messages, rows[i].is_cut ? 1 : 0);
		ck_assert_msg(!rows[i].is_cut || clock_mono_ms() - begun >= 4200, "it was not slow");
		job_free(t);
		close(fd);
		loop_timer_free(slow.tick);
		tear_down();
		sink_close(&slow.sink);
		sink_close(&other);
	}
	free(text);
}
END_TEST

#define S 1000U
static const struct { size_t recipients; uint64_t size, timeout, rate, span; } spans[] = {
	/* all of the time of RSET, MAIL, RCPT, DATA, and until the first piece is taken: 20 minutes */
	{ 0, 0, 600 * S, 512, 1200 * S }, { 1, 0, 600 * S, 512, 1205 * S }, { 100, 0, 600 * S, 512, 1700 * S },
	{ 0, 512 * 3600, 600 * S, 512, 4800 * S }, { 0, 25U << 20, 600 * S, 512, 1200 * S + 51200 * S },
	{ 1, 1024, 1 * S, 1024, 5 * S + 1 * S + 1 * S }, { 1, 1024, 200 * S, 1024, (3 * 200 + 120 + 180) * S + 6 * S },
};

START_TEST(test_span)
{
	for (size_t i = 0; i < nitems_of(spans); i++) {
		struct config_server s = { .outbound_timeout = spans[i].timeout, .minimum_rate = spans[i].rate };

		ck_assert_msg(outconn_deadline_span(&s, spans[i].recipients, spans[i].size) == spans[i].span,
		    "row %zu: %llu", i, (unsigned long long)outconn_deadline_span(&s, spans[i].recipients,
		    spans[i].size));
	}
}
END_TEST

UNIT_MAIN("slow_host", test_slow, test_span)
