/* spool_move - a message goes from one queue to another: held all the way, never twice, never lost */
#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/spool/spool.h"
#include "common/spool/spool_move.h"
#include "t/unit/nfs_lock.h"
#include "t/unit/temp_message.h"

/* In place of the library's: something is done when the names of a folder are synced. */
static void (*at_folder_sync)(void);

int
fsync(int fd)
{
	if (at_folder_sync != NULL)
		at_folder_sync();
	return fdatasync(fd);
}

/* As the two processes do it. */
static int
move(struct spool *from, struct spool *to, const char *id)
{
	struct spool_move m = { .error = 0 }, *moves[] = { &m };
	int rc;

	memcpy(m.id, id, sizeof(m.id));
	rc = spool_move_open(from, &m);
	if (rc == 0)
		spool_move_take(to, moves, 1, NULL, NULL);
	if (rc == 0 && m.error == 0)
		rc = spool_move_leave(from, id);
	else
		rc = -1;
	spool_move_close(&m);
	if (m.error != 0)
		errno = m.error;
	return rc;
}

/* Another server has this very queue, through a link: what left it there would be gone from both. */
START_TEST(test_move_to_itself)
{
	struct spool_paths paths = { .queue = NULL };
	char id[MESSAGE_ID_SIZE], link[128];
	const char *where;
	struct spool *same;

	temp_spool_begin();
	commit("content\r\n", id);
	shell("ln -s queue $H/link");
	snprintf(link, sizeof(link), "%s/link", home);
	paths.queue = link;
	same = spool_open(&paths, &where);
	ck_assert_ptr_nonnull(same);
	ck_assert_int_eq(move(spool, same, id), -1);
	ck_assert_int_eq(errno, EINVAL);
	spool_close(same);
	told = 0;
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 1);
	temp_spool_end();
}
END_TEST

static struct spool *elsewhere;
static size_t looked, unheld;

static void
look(void *arg, const struct spool_entry *entry)
{
	looked++;
	unheld += !entry->held;
}

static void
look_elsewhere(void)
{
	ck_assert_int_ge(spool_scan(elsewhere, true, look, NULL), 0);
}

static void
open_elsewhere(void)
{
	char queue[128];
	struct spool_paths paths = { .queue = queue };
	const char *where;

	snprintf(queue, sizeof(queue), "%s/other", home);
	elsewhere = spool_open(&paths, &where);
	ck_assert_ptr_nonnull(elsewhere);
}

/* A scan over there may see it at any time. */
START_TEST(test_moved_held)
{
	char id[MESSAGE_ID_SIZE];

	temp_spool_begin();
	commit("content\r\n", id);
	ck_assert_int_eq(spool_hold(spool, id, true), 0);
	open_elsewhere();
	looked = unheld = 0;
	at_folder_sync = look_elsewhere;
	ck_assert_int_eq(move(spool, elsewhere, id), 0);
	at_folder_sync = NULL;
	ck_assert_uint_gt(looked, 0);
	ck_assert_uint_eq(unheld, 0);
	spool_close(elsewhere);
	temp_spool_end();
}
END_TEST

/*
 * The process ended between: the message is in both, here held meanwhile. The next try finds its copy. Marks
 * and note go along; another message of that id is left alone.
 */
START_TEST(test_moved_again)
{
	struct message_envelope e;
	struct buf note = BUF_INIT(100);
	char id[MESSAGE_ID_SIZE];
	const char *why;
	int fd;

	temp_spool_begin();
	commit("content\r\n", id);
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	ck_assert_int_eq(spool_mark(fd, &e, 0, MARK_FAILED), 0);
	close(fd);
	message_envelope_done(&e);
	ck_assert_int_eq(spool_note_add(spool, id, "a line\n", true), 0);
	open_elsewhere();
	shell("mkdir $H/kept; cp -a $H/queue/. $H/kept");
	ck_assert_int_eq(move(spool, elsewhere, id), 0);
	shell("cp -a $H/kept/. $H/queue");
	ck_assert_int_eq(spool_hold(spool, id, true), 0);
	ck_assert_int_eq(move(spool, elsewhere, id), 0);
	told = 0;
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 0);
	looked = unheld = 0;
	ck_assert_int_eq(spool_scan(elsewhere, true, look, NULL), 1);
	ck_assert_uint_eq(unheld, 0);
	ck_assert_int_eq(spool_load(elsewhere, id, &e, &fd, &why), 0);
	ck_assert_int_eq(e.rcpt[0].mark, MARK_FAILED);
	close(fd);
	message_envelope_done(&e);
	ck_assert_int_eq(spool_note_read(elsewhere, id, &note), 1);
	ck_assert_str_eq(buf_text(&note), "a line\n");
	buf_done(&note);
	shell("cp -a $H/kept/. $H/queue; for f in $H/queue/*/????????????????; do echo more >$f; done");
	ck_assert_int_eq(move(spool, elsewhere, id), -1);
	ck_assert_int_eq(errno, EBADMSG);
	spool_close(elsewhere);
	temp_spool_end();
}
END_TEST

/* What a process that was taken over may hand over. */
START_TEST(test_no_message_is_taken)
{
	static const char *const makes[] = { ": >$H/x", "mkfifo $H/x", "mkdir $H/x", "truncate -s 1T $H/x", "echo x >$H/x",
		"printf 'x-postern: 1\n' >$H/x", "ln -s /dev/zero $H/x" };
	char path[128];

	temp_spool_begin();
	open_elsewhere();
	snprintf(path, sizeof(path), "%s/x", home);
	for (size_t i = 0; i < nitems_of(makes); i++) {
		struct spool_move m = SPOOL_MOVE_INIT, *moves[] = { &m };

		shell(makes[i]);
		message_id_make(m.id, 1000000 + (int64_t)i, 1);
		m.most = 1 << 20;
		m.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		m.note = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		spool_move_take(elsewhere, moves, 1, NULL, NULL);
		ck_assert_int_eq(m.error, EBADMSG);
		spool_move_close(&m);
		shell("rm -rf $H/x");
	}
	told = 0;
	ck_assert_int_eq(spool_scan(elsewhere, true, tell, NULL), 0);
	shell("test -z \"$(ls $H/other/new | grep -v lock)\"");
	spool_close(elsewhere);
	temp_spool_end();
}
END_TEST

/* --- it is moved back before it has left --- */

static char moved_id[MESSAGE_ID_SIZE];
static int moved_back;

static void
move_back(void)
{
	at_folder_sync = NULL;
	told = 0;
	if (spool_scan(elsewhere, true, tell, NULL) == 1)
		moved_back = move(elsewhere, spool, moved_id) == 0 ? 1 : -1;
	else
		at_folder_sync = move_back;	/* it is not there yet */
}

START_TEST(test_moved_back)
{
	temp_spool_begin();
	commit("content\r\n", moved_id);
	open_elsewhere();
	moved_back = 0;
	at_folder_sync = move_back;
	ck_assert_int_eq(move(spool, elsewhere, moved_id), 0);
	at_folder_sync = NULL;
	ck_assert_int_eq(moved_back, -1);	/* refused: it has not left yet */
	told = 0;
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL) + spool_scan(elsewhere, true, tell, NULL), 1);
	spool_close(elsewhere);
	temp_spool_end();
}
END_TEST

UNIT_MAIN("spool_move", test_move_to_itself, test_moved_held, test_moved_again, test_no_message_is_taken, test_moved_back)
