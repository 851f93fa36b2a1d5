/* spool - commit, load, marks, notes, scan, sweep and drop in a temporary spool */
#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/spool/spool.h"
#include "t/unit/nfs_lock.h"
#include "t/unit/temp_message.h"

/* In place of the library's: how many folders' names were synced. */
static size_t folder_syncs;

int
fsync(int fd)
{
	struct stat st;

	folder_syncs += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	return fdatasync(fd);
}

/*
 * In place of the library's: a file system that cannot refuse to replace, and a name that cannot be removed.
 */
static bool no_flag, bucket_too, answer_lost;
static const char *stuck;
static int stale;		/* that many renames find that a folder has gone, as NFS says it */

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	if (no_flag || stale > 0) {
		errno = stale > 0 ? ESTALE : EINVAL;
		stale -= stale > 0;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

/* The server has made the link; the client asked again, as it got no answer, and is told that it is there. */
int
linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
	int rc = (int)syscall(SYS_linkat, from_folder, from, to_folder, to, flags);

	if (rc == 0 && answer_lost) {
		errno = EEXIST;
		return -1;
	}
	return rc;
}

/* The same of a name that was removed. */
static int
unlink_lost(int folder, const char *name, int flags)
{
	int rc = (int)syscall(SYS_unlinkat, folder, name, flags);

	if (rc == 0 && answer_lost) {
		errno = ENOENT;
		return -1;
	}
	return rc;
}

int
unlinkat(int folder, const char *name, int flags)
{
	if (stuck != NULL && strstr(name, stuck) != NULL && (bucket_too || strchr(name, '/') == NULL)) {
		errno = EIO;
		return -1;
	}
	return unlink_lost(folder, name, flags);
}

START_TEST(test_commit_load_mark_remove)
{
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e;
	const char *why;
	int fd;
	struct buf note;

	temp_spool_begin();
	commit("Subject: x\r\n\r\nbody\r\n", id);
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	ck_assert_int_eq(e.content_size, 20);
	ck_assert_int_eq(spool_mark(fd, &e, 1, MARK_FAILED), 0);
	ck_assert_int_eq(spool_sync(fd), 0);
	close(fd);
	message_envelope_done(&e);
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	ck_assert_int_eq(e.rcpt[0].mark, MARK_PENDING);
	ck_assert_int_eq(e.rcpt[1].mark, MARK_FAILED);
	close(fd);
	message_envelope_done(&e);
	note = BUF_INIT(1000);
	ck_assert_int_eq(spool_note_read(spool, id, &note), 0);
	ck_assert_int_eq(spool_note_add(spool, id, "one\n", true), 0);
	ck_assert_int_eq(spool_note_add(spool, id, "two\n", false), 0);
	ck_assert_int_eq(spool_note_read(spool, id, &note), 1);
	ck_assert_str_eq(buf_text(&note), "one\ntwo\n");
	buf_done(&note);
	ck_assert_int_eq(spool_remove(spool, id), 0);
	ck_assert_int_eq(spool_remove_note(spool, id), 0);
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), -1);
	ck_assert_int_eq(errno, ENOENT);
	temp_spool_end();
}
END_TEST

START_TEST(test_same_id_is_refused)
{
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e;
	struct spool_draft *d;

	temp_spool_begin();
	commit("x", id);
	d = draft("r@x.example", "");
	spool_draft_free(d);
	e = (struct message_envelope){ .sender = mem_strdup("") };
	message_envelope_add(&e, "a@b");
	d = spool_draft_new(spool, &e);
	spool_draft_name(d, id);
	folder_syncs = 0;
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), EEXIST);
	ck_assert_uint_eq(folder_syncs, 1); /* the process that placed it may have died before that */
	spool_draft_free(d);
	message_envelope_done(&e);
	told = 0;
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 1);
	temp_spool_end();
}
END_TEST

START_TEST(test_group_commit_and_scan)
{
	struct spool_draft *d[64];

	temp_spool_begin();
	for (size_t i = 0; i < 64; i++)
		d[i] = draft("r@x.example", "group\r\n");
	told = 0;
	/* Drafts of a living writer are left alone */
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 0);
	spool_draft_commit(d, 64);
	for (size_t i = 0; i < 64; i++) {
		ck_assert_int_eq(spool_draft_error(d[i]), 0);
		spool_draft_free(d[i]);
	}
	ck_assert_int_eq(spool_scan(spool, false, tell, NULL), 64);
	temp_spool_end();
}
END_TEST

START_TEST(test_sweep_of_a_dead_writer)
{
	struct spool_draft *d;
	struct spool *mine;

	temp_spool_begin();
	d = draft("r@x.example", "never finished");
	mine = spool;
	spool = temp_spool_open();
	told = 0;
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 0);
	shell("test $(ls $H/queue/new | wc -l) = 2");
	free(d); /* left as a kill would: the lock goes with the descriptor, the file stays */
	spool_close(mine);
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 0);
	shell("test $(ls $H/queue/new | wc -l) = 0");
	temp_spool_end();
}
END_TEST

/* It can be read and written, and leaves nothing behind: not even while it is open. */
START_TEST(test_scratch_has_no_name)
{
	struct stat st;
	char text[8] = "";
	int fd;

	temp_spool_begin();
	fd = spool_draft_scratch(spool);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(pwrite(fd, "content", 7, 0), 7);
	ck_assert_int_eq(pread(fd, text, 7, 0), 7);
	ck_assert_str_eq(text, "content");
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_nlink, 0);
	shell("test $(find $H/queue -type f ! -name '*.lock' | wc -l) = 0");
	close(fd);
	temp_spool_end();
}
END_TEST

START_TEST(test_foreign_and_damaged)
{
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e;
	const char *why = NULL;
	int fd;

	temp_spool_begin();
	commit("content\r\n", id);
	shell("f=$(ls $H/queue/[0-9a-f]*/* | head -1); truncate -s -5 $f");
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), -1);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_ptr_nonnull(why);
	shell("d=$(ls -d $H/queue/[0-9a-f]* | head -1); echo junk > $d/junk.txt; touch "
	    "$d/00000000000zzzzz.note");
	told = 0;
	ck_assert_int_ge(spool_scan(spool, true, tell, NULL), 1);
	shell("test $(ls $H/badmail/*.foreign | wc -l) = 1");
	shell("test -z \"$(find $H/queue -name '*.note')\"");
	temp_spool_end();
}
END_TEST

START_TEST(test_drop_form)
{
	char id[MESSAGE_ID_SIZE], path[200], text[500];
	struct message_envelope e;
	const char *why;
	int fd, in;
	ssize_t n;

	temp_spool_begin();
	commit("Received: from a\r\n\tby b; now\r\nSubject: x\r\n\r\nbody\r\n", id);
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	const size_t index[] = { 0, 1 };
	struct spool_drop d = { .id = id, .source_fd = fd, .e = &e, .index = index, .count = 2,
	    .return_path = "s@x.example" };
	struct spool_drop *list[] = { &d };
	spool_drop_write(spool, list, 1);
	ck_assert_int_eq(d.error, 0);
	snprintf(path, sizeof(path), "%s/drop/%s-0.eml", home, id);
	in = open(path, O_RDONLY);
	n = read(in, text, sizeof(text) - 1);
	close(in);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text,
	    "x-sender: s@x.example\r\nx-receiver: r@x.example\r\nx-receiver: second@x.example\r\n"
	    "Received: from a\r\n\tby b; now\r\nReturn-Path: <s@x.example>\r\nSubject: x\r\n\r\nbody\r\n");
	ck_assert_int_eq(spool_drop_size(spool), n);
	shell("touch $H/drop/.x.part");
	spool_drop_sweep(spool);
	shell("test $(ls -A $H/drop | wc -l) = 1");
	close(fd);
	message_envelope_done(&e);
	temp_spool_end();
}
END_TEST

/* Another message under the id of one that was dropped, as a listener that was taken over could send it, and repeats after a crash. */
START_TEST(test_drop_keeps)
{
	char id[MESSAGE_ID_SIZE], other[MESSAGE_ID_SIZE], name[64], line[300];
	struct message_envelope e, later;
	const size_t index[] = { 0 };
	const char *why;
	int fd, later_fd;

	for (int turn = 0; turn < 2; turn++) {
		temp_spool_begin();
		no_flag = turn == 1;	/* as on NFS */
		commit("Subject: first\r\n\r\nfirst\r\n", id);
		commit("Subject: other\r\n\r\nother\r\n", other);
		ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
		ck_assert_int_eq(spool_load(spool, other, &later, &later_fd, &why), 0);
		struct spool_drop d = { .id = id, .source_fd = fd, .e = &e, .index = index, .count = 1, .return_path = "s@x.example" };
		struct spool_drop o = { .id = id, .source_fd = later_fd, .e = &later, .index = index, .count = 1, .return_path = "s@x.example" };
		struct spool_drop *list[] = { &d, &o, &d };

		spool_drop_write(spool, list, 1);
		ck_assert_int_eq(d.error, 0);
		shell("ls -i $H/drop >$H/before");
		spool_drop_write(spool, list, 1);
		ck_assert_msg(d.error == 0 && d.other[0] == '\0', "a repeat is the file that is there");
		shell("ls -i $H/drop | cmp - $H/before && test -z \"$(find $H/drop -name '*.part')\"");
		spool_drop_write(spool, list + 1, 2);
		ck_assert(o.error == 0 && d.error == 0 && strlen(o.other) == MESSAGE_ID_LEN && d.other[0] == '\0');
		spool_drop_name(name, &o);
		snprintf(line, sizeof(line), "grep -q '^first' $H/drop/%s-0.eml && grep -q '^other' $H/drop/%s && test $(ls -A $H/drop | wc -l) = 2 && "
		    "ls -i $H/drop | grep -qxF \"$(cat $H/before)\"", id, name);
		shell(line);
		/* what is no message, or that of another size, is kept, too */
		snprintf(line, sizeof(line), "rm $H/drop/*; mkfifo $H/drop/%s-0.eml", id);
		shell(line);
		spool_drop_write(spool, list, 1);
		ck_assert(d.error == 0 && strlen(d.other) == MESSAGE_ID_LEN);
		snprintf(line, sizeof(line), "test -p $H/drop/%s-0.eml && test $(ls -A $H/drop | wc -l) = 2", id);
		shell(line);
		no_flag = false;
		close(fd);
		close(later_fd);
		message_envelope_done(&e);
		message_envelope_done(&later);
		temp_spool_end();
	}
}
END_TEST

START_TEST(test_large_content_and_envelope)
{
	int fd;
	struct spool_draft *d;
	struct message_envelope e, back;
	const char *why;
	char *block;

	temp_spool_begin();
	e = (struct message_envelope){ .sender = mem_strdup("") };
	for (int i = 0; i < 5000; i++)
		message_envelope_add(&e, "some.recipient@some.domain.example");
	d = spool_draft_new(spool, &e);
	block = mem_zalloc(300000);
	memset(block, 'x', 300000);
	ck_assert_int_eq(spool_draft_write(d, block, 300000), 0);
	ck_assert_int_eq(spool_draft_end(d, block, 300000), 0);
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	ck_assert_int_eq(spool_load(spool, spool_draft_id(d), &back, &fd, &why), 0);
	ck_assert_uint_eq(back.nrcpt, 5000);
	ck_assert_int_eq(back.content_size, 600000);
	const size_t index[] = { 4999 };
	struct spool_drop drop = { .id = back.id, .source_fd = fd, .e = &back, .index = index, .count = 1,
	    .return_path = "" };
	struct spool_drop *list[] = { &drop };
	spool_drop_write(spool, list, 1);
	ck_assert_int_eq(drop.error, 0);
	ck_assert_int_gt(spool_drop_size(spool), 600000);
	ck_assert_int_eq(spool_badmail_write(spool, back.id, &back, "test", "why", fd, back.content_at,
	    back.content_size), 0);
	ck_assert_int_eq(spool_badmail_write(spool, back.id, &back, "again", "", fd, back.content_at,
	    back.content_size), 0);
	shell("test $(ls $H/badmail | wc -l) = 6");
	ck_assert_uint_eq(spool_badmail_trim(spool, 1000, 1), 6);
	close(fd);
	spool_draft_free(d);
	free(block);
	message_envelope_done(&e);
	message_envelope_done(&back);
	temp_spool_end();
}
END_TEST

/* Where a rename takes two steps: a message that was refused is not in the queue. */
START_TEST(test_rename_in_two_steps)
{
	char id[MESSAGE_ID_SIZE];
	struct spool_draft *d;

	temp_spool_begin();
	no_flag = true;
	commit("Subject: x\r\n\r\nbody\r\n", id);
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 1);
	ck_assert_str_eq(last_told, id);
	d = draft("r@x.example", "Subject: y\r\n\r\n");
	stuck = spool_draft_id(d);
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), EIO);
	stuck = NULL;
	spool_draft_free(d);
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 1);
	/* It cannot be taken back either: then it is accepted. */
	d = draft("r@x.example", "Subject: z\r\n\r\n");
	stuck = spool_draft_id(d);
	bucket_too = true;
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	stuck = NULL;
	bucket_too = false;
	spool_draft_free(d);
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 2);
	no_flag = false;
	temp_spool_end();
}
END_TEST

/*
 * A link that NFS made, and says that it did not, as it was asked for twice: EEXIST would say that a message of
 * an earlier try is in the queue, and it would be forgotten.
 */
START_TEST(test_link_made_twice)
{
	struct message_envelope e = { .sender = mem_strdup("s@x.example") };
	char id[MESSAGE_ID_SIZE];
	struct spool_draft *d;

	temp_spool_begin();
	no_flag = answer_lost = true;
	message_envelope_add(&e, "r@x.example");
	message_id_make(id, clock_wall_us(), 1);
	for (int i = 0; i < 2; i++) {
		d = spool_draft_new(spool, &e);
		ck_assert_ptr_nonnull(d);
		spool_draft_name(d, id);
		ck_assert_int_eq(spool_draft_write(d, "content\r\n", 9), 0);
		spool_draft_commit(&d, 1);
		ck_assert_int_eq(spool_draft_error(d), i == 0 ? 0 : EEXIST);
		spool_draft_free(d);
		ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 1);
		shell("test -z \"$(ls $H/queue/new | grep -v lock)\"");
	}
	ck_assert_str_eq(last_told, id);
	message_envelope_done(&e);
	no_flag = answer_lost = false;
	temp_spool_end();
}
END_TEST

/* A bucket that is kept open is not believed: removed and made anew, or left empty, the message has its name. */
START_TEST(test_bucket_that_was_removed)
{
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e;
	const char *why;
	int fd;

	temp_spool_begin();
	commit("one", id);
	shell("rm -r $H/queue/[0-9a-f][0-9a-f][0-9a-f]");
	folder_syncs = 0;
	commit("two", id);
	ck_assert_uint_eq(folder_syncs, 2);	/* queue, as it has a new bucket, and the bucket */
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	close(fd);
	message_envelope_done(&e);
	commit("three", id);
	ck_assert_uint_eq(folder_syncs, 3);
	stale = 1;
	commit("four", id);
	ck_assert_int_eq(stale, 0);
	shell("test $(ls $H/queue/[0-9a-f][0-9a-f][0-9a-f] | wc -l) = 3");
	temp_spool_end();
}
END_TEST

/* A small file comes whole with its envelope; a larger one, or one that grows meanwhile, does not. */
START_TEST(test_small_file_is_read_once)
{
	static const size_t sizes[] = { 0, 1, 10000, 16000, 16384, 20000 };
	char id[MESSAGE_ID_SIZE], *content = mem_zalloc(20001);
	struct message_envelope e;
	const char *why;

	temp_spool_begin();
	for (size_t i = 0; i < nitems_of(sizes); i++) {
		struct buf whole = BUF_INIT(MESSAGE_ENVELOPE_MAX);
		int fd;

		memset(content, 'x', 20000);
		content[sizes[i]] = '\0';
		commit(content, id);
		ck_assert_int_eq(spool_load_small(spool, id, &e, &fd, &whole, &why), 0);
		ck_assert_uint_eq((size_t)e.content_size, sizes[i]);
		ck_assert_msg((whole.len > 0) == (sizes[i] <= 16000), "%zu", sizes[i]);
		if (whole.len > 0)
			ck_assert_mem_eq(whole.data + e.content_at, content, sizes[i]);
		buf_done(&whole);
		message_envelope_done(&e);
		close(fd);
	}
	free(content);
	temp_spool_end();
}
END_TEST

UNIT_MAIN("spool", test_link_made_twice, test_bucket_that_was_removed, test_small_file_is_read_once, test_rename_in_two_steps,
    test_commit_load_mark_remove, test_same_id_is_refused, test_group_commit_and_scan, test_sweep_of_a_dead_writer,
    test_scratch_has_no_name, test_foreign_and_damaged, test_drop_form, test_drop_keeps, test_large_content_and_envelope)
