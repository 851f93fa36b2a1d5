/* spool_badmail - what comes to badmail comes whole, and the folder keeps its limit */
#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/spool/spool.h"
#include "t/unit/nfs_lock.h"
#include "t/unit/temp_message.h"

/* Badmail on another file system than the rest. */
static bool other_disk;

int
renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	if (other_disk && from_folder != to_folder) {
		errno = EXDEV;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

START_TEST(test_pickup_refuse)
{
	char id[MESSAGE_ID_SIZE];

	temp_spool_begin();
	shell("ln -s /etc/passwd $H/pickup/link.eml");
	ck_assert_int_eq(spool_pickup_refuse(spool, "link.eml", "a link", "link.eml", id), 0);
	shell("test -L $H/badmail/*.bad");
	shell("test $(ls -A $H/pickup | wc -l) = 0");
	temp_spool_end();
}
END_TEST

/* Tried again every minute while the message cannot be moved: no words may pile up. */
START_TEST(test_words_go_when_the_message_stays)
{
	temp_spool_begin();
	ck_assert_int_eq(spool_badmail_move(spool, "0000000000000000", "damaged", ""), -1);
	ck_assert_int_eq(errno, ENOENT);
	shell("test $(ls $H/badmail | wc -l) = 0");
	temp_spool_end();
}
END_TEST

/* Small files are counted by the blocks that they take: five messages of three files are 60 KiB. */
START_TEST(test_badmail_limit_counts_small_files)
{
	char id[MESSAGE_ID_SIZE];

	temp_spool_begin();
	spool_badmail_trim_limit(spool, NULL, 65536);
	for (int i = 0; i < 12; i++) {
		shell("echo x > $H/pickup/x");
		ck_assert_int_eq(spool_pickup_refuse(spool, "x", "no sender", "x", id), 0);
		shell("test $(ls $H/badmail | wc -l) -le 15");
	}
	temp_spool_end();
}
END_TEST

/* At no moment more than the limit; whole messages, the oldest first; files of other people stay. */
START_TEST(test_badmail_limit)
{
	char id[MESSAGE_ID_SIZE], first[MESSAGE_ID_SIZE] = "", path[500];
	struct stat st;
	size_t gone = 0;

	temp_spool_begin();
	spool_badmail_trim_limit(spool, NULL, 65536);
	shell("head -c 50000 /dev/zero > $H/badmail/notes.txt; touch -d 2001-01-01 $H/badmail/notes.txt");
	for (int i = 0; i < 16; i++) {
		shell("head -c 3000 /dev/zero > $H/pickup/x");
		ck_assert_int_eq(spool_pickup_refuse(spool, "x", "no sender", "x", id), 0);
		if (i == 0)
			memcpy(first, id, sizeof(first));
		shell("test $(cat $H/badmail/*.b* | wc -c) -le 65536");
		shell("cd $H/badmail; n=$(ls *.bad | wc -l); "
		    "test $(ls *.bdr | wc -l) = $n && test $(ls *.bdp | wc -l) = $n");
		snprintf(path, sizeof(path), "%s/badmail/%s.bad", home, id);
		ck_assert_int_eq(stat(path, &st), 0); /* the newest is there */
		gone += spool_badmail_trim_count(spool);
	}
	snprintf(path, sizeof(path), "%s/badmail/%s.bad", home, first);
	ck_assert_int_eq(stat(path, &st), -1);
	ck_assert_uint_ge(gone, 3 * 8);
	ck_assert_uint_eq(gone % 3, 0);
	/* larger by itself: not kept, and the others stay */
	shell("head -c 65537 /dev/zero > $H/pickup/x");
	ck_assert_int_eq(spool_pickup_refuse(spool, "x", "too large", "x", id), 1);
	shell("test ! -e $H/pickup/x && ls $H/badmail/*.bad > /dev/null");
	commit("content\r\n", id);
	spool_badmail_trim_limit(spool, NULL, 10);
	ck_assert_int_eq(spool_badmail_move(spool, id, "damaged", ""), 1);
	shell("test $(find $H/queue -type f ! -name '*.lock' | wc -l) = 0; test -f $H/badmail/notes.txt");
	temp_spool_end();
}
END_TEST

/* Others removed or added files: the sum is found anew when it would be exceeded. */
START_TEST(test_badmail_sum)
{
	char id[MESSAGE_ID_SIZE];

	temp_spool_begin();
	spool_badmail_trim_limit(spool, NULL, 65536);
	for (int i = 0; i < 12; i++) {
		shell("head -c 3000 /dev/zero > $H/pickup/x");
		ck_assert_int_eq(spool_pickup_refuse(spool, "x", "no sender", "x", id), 0);
		shell("rm -f $H/badmail/*");
	}
	ck_assert_uint_eq(spool_badmail_trim_count(spool), 0);
	temp_spool_end();
}
END_TEST

/* The date of a file is set by its writer: it is kept from the time it came here. */
START_TEST(test_trim_counts_from_the_refusal)
{
	char id[MESSAGE_ID_SIZE];

	temp_spool_begin();
	shell("echo x > $H/pickup/old.eml; touch -d 2001-01-01 $H/pickup/old.eml");
	ck_assert_int_eq(spool_pickup_refuse(spool, "old.eml", "no recipients", "old.eml", id), 0);
	ck_assert_uint_eq(spool_badmail_trim(spool, 1000, UINT64_MAX), 0);
	shell("test $(ls $H/badmail | wc -l) = 3");
	commit("content\r\n", id);
	ck_assert_int_eq(spool_set_due(spool, id, 1000000000), 0);
	ck_assert_int_eq(spool_badmail_move(spool, id, "damaged", ""), 0);
	ck_assert_uint_eq(spool_badmail_trim(spool, 1000, UINT64_MAX), 0);
	shell("test $(ls $H/badmail | wc -l) = 6");
	temp_spool_end();
}
END_TEST

/* What comes to badmail as it is, comes whole. */
START_TEST(test_badmail_on_another_disk)
{
	char id[MESSAGE_ID_SIZE];
	struct message_envelope e;
	const char *why;
	int fd;

	temp_spool_begin();
	other_disk = true;
	commit("content\r\n", id);
	shell("echo damaged >$(ls $H/queue/[0-9a-f][0-9a-f][0-9a-f]/*)");
	shell("cd $H/queue/[0-9a-f][0-9a-f][0-9a-f] && echo precious >copy.bak && mkfifo pipe");
	ck_assert_int_eq(spool_scan(spool, true, tell, NULL), 1);
	shell("test \"$(cat $H/badmail/*.foreign)\" = precious");
	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), -1);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_int_eq(spool_badmail_move(spool, id, "damaged", why), 0);
	shell("test \"$(cat $H/badmail/*.bad)\" = damaged && test $(ls $H/badmail/*.bdr | wc -l) = 3");
	shell("test -z \"$(ls $H/queue/[0-9a-f][0-9a-f][0-9a-f])\"");
	other_disk = false;
	temp_spool_end();
}
END_TEST

UNIT_MAIN("spool_badmail", test_pickup_refuse, test_words_go_when_the_message_stays, test_badmail_limit_counts_small_files,
    test_badmail_limit, test_badmail_sum, test_trim_counts_from_the_refusal, test_badmail_on_another_disk)
