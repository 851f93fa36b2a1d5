/* spool_gone - messages of another node: due time, note and hold are kept; what is or was here already is known; a scan removes old ids */

#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/spool/spool_gone.h"
#include "common/spool/spool_move.h"
#include "t/unit/temp_spool.h"

#define FUTURE INT64_C(4102444800)

static const char id[] = "1k0t4z00000aaaaa";
static struct spool_entry found;

static void
take_entry(void *arg, const struct spool_entry *entry)
{
	found = *entry;
}

static int
file_of(const char *text)
{
	int fd = open(home, O_TMPFILE | O_RDWR, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	return fd;
}

/* A message as a node brings it. */
static struct spool_move
bring(const char *sender, bool held)
{
	char *text = mem_printf("postern-queue 1\nmarks: d.\nx-sender: %s\nx-receiver: b@c.example\n"
	    "x-receiver: d@c.example\n\nx\r\npostern-end 0000000000000000003\n", sender);
	struct spool_move m = SPOOL_MOVE_INIT, *moves[] = { &m };

	memcpy(m.id, id, sizeof(m.id));
	m.fd = file_of(text);
	m.note = file_of("deferred 1 1796133174 4.7.1 451 mx.example.net later\n");
	m.most = (off_t)strlen(text);
	m.due = FUTURE;
	m.held = held;
	m.afar = true;
	spool_move_take(spool, moves, 1, NULL, NULL);
	spool_move_close(&m);
	free(text);
	return m;
}

START_TEST(test_kept)
{
	struct buf note = BUF_INIT(200);
	struct message_envelope e;
	const char *why;
	int fd;

	temp_spool_begin();
	ck_assert_int_eq(bring("a@b.example", true).error, 0);
	ck_assert_int_eq(spool_scan(spool, true, take_entry, NULL), 1);
	ck_assert_str_eq(found.id, id);
	ck_assert(found.due == FUTURE && found.held);
	ck_assert_int_eq(spool_note_read(spool, id, &note), 1);
	ck_assert_str_eq(buf_text(&note), "deferred 1 1796133174 4.7.1 451 mx.example.net later\n");
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	ck_assert(e.rcpt[0].mark == MARK_DELIVERED && e.rcpt[1].mark == MARK_PENDING);
	ck_assert_uint_eq(e.flags, MESSAGE_EVACUATED);
	close(fd);
	message_envelope_done(&e);
	buf_done(&note);
	temp_spool_end();
}
END_TEST

/* What became of it here meanwhile is not undone. */
START_TEST(test_known_in_the_queue)
{
	struct spool_move m;

	temp_spool_begin();
	ck_assert(!bring("a@b.example", true).known);
	ck_assert_int_eq(spool_hold(spool, id, false), 0);
	ck_assert_int_eq(spool_set_due(spool, id, 5), 0);
	m = bring("a@b.example", true);
	ck_assert(m.error == 0 && m.known);
	ck_assert_int_eq(spool_scan(spool, true, take_entry, NULL), 1);
	ck_assert(found.due == 5 && !found.held);
	m = bring("another@b.example", true);
	ck_assert_int_eq(m.error, EEXIST);
	temp_spool_end();
}
END_TEST

/* The process ended after the message was placed, and before its note was. */
START_TEST(test_note_comes_late)
{
	temp_spool_begin();
	ck_assert_int_eq(bring("a@b.example", false).error, 0);
	ck_assert_int_eq(spool_remove_note(spool, id), 0);
	ck_assert(bring("a@b.example", false).known);
	shell("test $(cat $H/queue/*/*.note | wc -l) = 1");
	temp_spool_end();
}
END_TEST

START_TEST(test_known_when_it_is_gone)
{
	struct spool_move m;

	temp_spool_begin();
	ck_assert_int_eq(spool_gone_find(spool, id), 0);
	ck_assert_int_eq(bring("a@b.example", false).error, 0);
	ck_assert_int_eq(spool_gone_add(spool, id), 0);
	ck_assert_int_eq(spool_remove(spool, id), 0);
	ck_assert_int_eq(spool_remove_note(spool, id), 0);
	m = bring("a@b.example", false);
	ck_assert(m.error == 0 && m.known);
	ck_assert_int_eq(spool_scan(spool, true, take_entry, NULL), 0);
	ck_assert_int_eq(spool_gone_find(spool, id), 1);
	shell("test -z \"$(ls $H/badmail)\"");
	shell("touch -d @$(($(date +%s) - 7 * 86400 + 600)) $H/queue/*/*.gone");
	ck_assert_int_eq(spool_scan(spool, true, take_entry, NULL), 0);
	ck_assert_int_eq(spool_gone_find(spool, id), 1);
	shell("touch -d @$(($(date +%s) - 7 * 86400 - 600)) $H/queue/*/*.gone");
	ck_assert_int_eq(spool_scan(spool, true, take_entry, NULL), 0);
	ck_assert_int_eq(spool_gone_find(spool, id), 0);
	m = bring("a@b.example", false);
	ck_assert(m.error == 0 && !m.known);
	temp_spool_end();
}
END_TEST

/* A move between two virtual servers of one node: due now, and no part of this. */
START_TEST(test_near)
{
	struct spool_move m = SPOOL_MOVE_INIT, *moves[] = { &m };
	static const char text[] = "postern-queue 1\nmarks: .\nx-sender: \nx-receiver: b@c.example\n\n"
	    "postern-end 0000000000000000000\n";

	temp_spool_begin();
	memcpy(m.id, id, sizeof(m.id));
	m.fd = file_of(text);
	m.most = sizeof(text) - 1;
	m.due = FUTURE;
	spool_move_take(spool, moves, 1, NULL, NULL);
	ck_assert(m.error == 0 && !m.known);
	spool_move_close(&m);
	ck_assert_int_eq(spool_scan(spool, true, take_entry, NULL), 1);
	ck_assert_int_le(found.due, clock_wall_us() / 1000000);
	shell("! grep -q evacuated $H/queue/*/*");
	temp_spool_end();
}
END_TEST

UNIT_MAIN("spool_gone", test_kept, test_known_in_the_queue, test_note_comes_late, test_known_when_it_is_gone, test_near)
