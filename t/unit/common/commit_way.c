/* commit_way - which file system carries a batch by one commit, and the order of calls on either way */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/spool/commit_way.h"
#include "t/unit/temp_spool.h"

/* In place of the library's: what was called, a letter each, and what fails. */
static char calls[400];
static int failing;		/* the wait of that number fails, from 1; 0 none */
static int waits;

static void
note(char call)
{
	size_t len = strlen(calls);

	ck_assert_uint_lt(len, sizeof(calls) - 1);
	calls[len] = call;
	calls[len + 1] = '\0';
}

int
fdatasync(int fd)
{
	note('s');
	return (int)syscall(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	struct stat st;

	note(fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? 'F' : 'S');
	return (int)syscall(SYS_fsync, fd);
}

int
sync_file_range(int fd, off_t from, off_t count, unsigned flags)
{
	ck_assert_int_eq(from, 0);
	ck_assert_int_eq(count, 0);
	if (flags == SYNC_FILE_RANGE_WRITE) {
		note('b');
		return 0;
	}
	ck_assert_uint_eq(flags, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
	note('w');
	if (++waits != failing)
		return 0;
	errno = EIO;
	return -1;
}

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	note('n');
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

static struct spool_draft *
draft(int64_t due, bool held)
{
	struct message_envelope e = { .sender = mem_strdup("s@x.example") };
	struct spool_draft *d;

	message_envelope_add(&e, "r@x.example");
	d = spool_draft_new(spool, &e);
	ck_assert_ptr_nonnull(d);
	message_envelope_done(&e);
	spool_draft_due(d, due);
	if (held)
		spool_draft_hold(d);
	return d;
}

/* The spool of a home as it would be with that way; its bucket is there. */
static void
begin(bool batch, bool other_device)
{
	struct commit_way way = { .batch = batch };
	struct spool_draft *d;
	struct stat st;

	temp_spool_begin();
	ck_assert_int_eq(stat(home, &st), 0);
	way.device = st.st_dev + other_device;
	spool_commit_as(spool, &way);
	failing = waits = 0;
	d = draft(0, false);
	spool_draft_commit(&d, 1);
	spool_draft_free(d);
	calls[0] = '\0';
	waits = 0;
}

static void
commit(size_t n, int64_t due, bool held, const char *wanted)
{
	struct spool_draft *d[8];

	for (size_t i = 0; i < n; i++)
		d[i] = draft(due, held);
	spool_draft_commit(d, n);
	ck_assert_str_eq(calls, wanted);
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(spool_draft_error(d[i]), failing == (int)i + 1 ? EIO : 0);
		spool_draft_free(d[i]);
	}
}

/* Files to be waited for, b begun, w waited for, s or S synced, n named, F the folder. */
static const struct {
	bool batch, other_device;
	size_t n;
	int64_t due;
	bool held;
	const char *calls;
} order_rows[] = {
	{ false, false, 1, 0, false, "snF" },
	{ false, false, 3, 0, false, "bbsssnnnF" },
	{ false, false, 1, 1795000000, false, "SnF" },
	{ true, true, 3, 0, false, "bbsssnnnF" },
	{ true, false, 1, 0, false, "wnF" },
	{ true, false, 3, 0, false, "bbwwwnnnF" },
	{ true, false, 2, 1795000000, true, "bwwnnF" },
};

START_TEST(order_of_calls)
{
	for (size_t i = 0; i < nitems_of(order_rows); i++) {
		begin(order_rows[i].batch, order_rows[i].other_device);
		ck_assert(spool_commit_is_batch(spool) == order_rows[i].batch);
		commit(order_rows[i].n, order_rows[i].due, order_rows[i].held, order_rows[i].calls);
		temp_spool_end();
	}
}
END_TEST

/* A held message is held and due as it was said, although no file was synced for itself. */
START_TEST(held_and_due_before_the_name)
{
	begin(true, false);
	commit(1, 1795000000, true, "wnF");
	shell("test $(find $H/queue -type f -perm -1000 ! -newermt @1795000000 | wc -l) = 1");
	temp_spool_end();
}
END_TEST

/* What could not be written out gets no name; the others do. */
START_TEST(failed_wait)
{
	begin(true, false);
	failing = 2;
	commit(3, 0, false, "bbwwwnnF");
	shell("test $(find $H/queue -type f ! -path '*/new/*' ! -name owner | wc -l) = 3");
	temp_spool_end();
}
END_TEST

/* Drop files the same; a folder on another file system than the queue's is synced as ever. */
START_TEST(drop_files)
{
	struct message_envelope e = { .sender = mem_strdup("s@x.example"), .content_size = 3 };
	static const size_t index[] = { 0 };
	struct spool_drop drop[2], *list[] = { &drop[0], &drop[1] };

	message_envelope_add(&e, "r@x.example");
	for (int batch = 0; batch < 2; batch++)
		for (size_t n = 1; n <= 2; n++) {
			for (size_t i = 0; i < n; i++)
				drop[i] = (struct spool_drop){ .id = i == 0 ? "1k0t5022ayb3a3xn" : "1k0t5022ayb3a3xm",
				    .content = "x\r\n", .e = &e, .index = index, .count = 1, .return_path = "" };
			begin(batch == 1, false);
			spool_drop_write(spool, list, n);
			ck_assert_int_eq(drop[0].error, 0);
			ck_assert_int_eq(drop[n - 1].error, 0);
			ck_assert_str_eq(calls, batch == 1 ? n == 1 ? "wnF" : "bbwnwnF" : n == 1 ? "snF" : "bbsnsnF");
			temp_spool_end();
		}
	message_envelope_done(&e);
}
END_TEST

static const struct { const char *options; bool inside; const char *why; } ext4_rows[] = {
	{ "rw\nbsddf\nbarrier\nuser_xattr\ncommit=5\ndata=ordered\n", true, NULL },
	{ "rw\nbarrier\ndata=ordered", true, NULL },
	{ "rw\nbarrier\ndata=ordered\n", false, "without a journal inside" },
	{ "rw\nbarrier\n", true, "whose data is not ordered" },
	{ "rw\nbarrier\ndata=writeback\n", true, "whose data is not ordered" },
	{ "rw\nbarrier\ndata=journal\n", true, "whose data is not ordered" },
	{ "rw\nnobarrier\ndata=ordered\n", true, "without barriers" },
	{ "rw\nbarrier=0\ndata=ordered\n", true, "without barriers" },
	{ "rw\nbarrier\njournal_async_commit\ndata=ordered\n", true, "with asynchronous commits" },
	{ "", true, "mounted in a way that is not known" },
};

START_TEST(ext4)
{
	for (size_t i = 0; i < nitems_of(ext4_rows); i++) {
		const char *why = "";

		ck_assert(commit_way_ext4(ext4_rows[i].options, ext4_rows[i].inside, &why) == (ext4_rows[i].why == NULL));
		ck_assert_pstr_eq(why, ext4_rows[i].why);
	}
}
END_TEST

#define OTHER "27 1 8:16 / / rw - ext4 /dev/sdb rw\n30 1 7:1 /x /m rw shared:1 - xfs /dev/loop1 rw,logdev=/dev/sdc\n"
#define ELSEWHERE "whose log or data is elsewhere"

static const struct { const char *mounts, *why; } xfs_rows[] = {
	{ OTHER "31 27 7:0 / /m rw,relatime shared:7 master:2 - xfs /dev/loop0 rw,inode64,logbufs=8,noquota\n", NULL },
	{ OTHER "31 27 7:0 /below /m rw - xfs /dev/loop0 rw,noquota\n", NULL },
	{ OTHER "31 27 7:0 / /m rw - xfs /dev/loop0 rw,logdev=/dev/sdc,noquota\n", ELSEWHERE },
	{ OTHER "31 27 7:0 / /m rw - xfs /dev/loop0 rw,rtdev=/dev/sdc\n", ELSEWHERE },
	{ OTHER "31 27 7:0 / /m rw - xfs /dev/loop0 rw,dax=always\n", ELSEWHERE },
	{ OTHER "31 27 7:0 / /m rw - xfs /dev/loop0 rw\n32 27 7:0 / /n rw - xfs /dev/loop0 rw,nobarrier\n", ELSEWHERE },
	{ OTHER "31 27 7:0 / /m rw - ext4 /dev/loop0 rw\n", "mounted in a way that is not known" },
	{ OTHER, "mounted in a way that is not known" },
	{ "", "mounted in a way that is not known" },
};

START_TEST(xfs)
{
	for (size_t i = 0; i < nitems_of(xfs_rows); i++) {
		const char *why = "";

		ck_assert(commit_way_xfs(xfs_rows[i].mounts, "7:0", &why) == (xfs_rows[i].why == NULL));
		ck_assert_pstr_eq(why, xfs_rows[i].why);
	}
}
END_TEST

START_TEST(file_systems_without)
{
	struct commit_way way;
	struct stat st;

	commit_way_find(&way, "/dev/shm/not-there/yet");
	ck_assert(!way.batch);
	ck_assert_str_eq(way.disk, "tmpfs");
	ck_assert_int_eq(stat("/dev/shm", &st), 0);
	ck_assert(way.device == st.st_dev);
	commit_way_find(&way, "/proc/self");
	ck_assert(!way.batch);
	ck_assert_str_eq(way.disk, "another file system");
}
END_TEST

UNIT_MAIN("commit_way", order_of_calls, held_and_due_before_the_name, failed_wait, drop_files, ext4, xfs,
    file_systems_without)
