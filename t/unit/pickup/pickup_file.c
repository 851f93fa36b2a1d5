/* pickup_file - files of all kinds in a real folder: read, refused, waited for, put back */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "pickup/pickup.h"
#include "t/unit/temp_spool.h"

#define NOW 1795287897000000
#define HEAD "x-sender: a@b.example\nx-receiver: c@d.example\n"

static const struct pickup_file_rules rules = {
	.judge = { .max_size = 1 << 20 }, .dots = CONFIG_DOTS_AUTO, .fqdn = "mx.example", .domain = "example",
};

static void
path_of(char *dst, const char *folder, const char *name)
{
	snprintf(dst, 400, "%s/%s/%s", home, folder, name);
}

static void
put(const char *name, const char *text)
{
	char path[400];
	FILE *out;

	path_of(path, "pickup", name);
	out = fopen(path, "wb");
	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static bool
exists(const char *folder, const char *name)
{
	char path[400];
	struct stat st;

	path_of(path, folder, name);
	return lstat(path, &st) == 0;
}

/* A first look at `name`. The caller frees the result; `file` must live as long. */
static struct pickup_file *
look(struct pickup_name *file, const char *name, enum judge_evidence evidence)
{
	struct pickup_file *t;

	*file = (struct pickup_name){ .name = (char *)(uintptr_t)name, .evidence = evidence };
	t = pickup_file_new(&rules, spool, spool, file, NOW);
	pickup_file_look(t);
	return t;
}

static void
check_answer(const char *name, enum judge_answer answer, enum judge_reason reason)
{
	struct pickup_name file;
	struct pickup_file *t = look(&file, name, JUDGE_RENAMED);

	ck_assert_msg(t->verdict.answer == answer, "%s: answer %d", name, t->verdict.answer);
	ck_assert_int_eq(t->verdict.reason, reason);
	if (answer == JUDGE_REFUSE) {
		char bad[MESSAGE_ID_SIZE + 4];

		snprintf(bad, sizeof(bad), "%s.bad", t->bad_id);
		ck_assert(exists("badmail", bad));
		memcpy(bad + MESSAGE_ID_LEN, ".bdr", 5);
		ck_assert(exists("badmail", bad));
		ck_assert(!exists("pickup", name));
	} else {
		ck_assert(answer == JUDGE_IGNORE || exists("pickup", name));
	}
	pickup_file_free(t);
}

static int
count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1000; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

START_TEST(test_small)
{
	struct pickup_name file;
	struct pickup_file *t;
	int before;

	temp_spool_begin();
	before = count_descriptors();
	put("x y", HEAD "Subject: s\n\nbody\n..\n");
	t = look(&file, "x y", JUDGE_RENAMED);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	ck_assert(t->claimed && t->at_end && !t->big);
	ck_assert(!exists("pickup", "x y") && exists("pickup", t->current));
	ck_assert_str_eq(t->envelope.sender, "a@b.example");
	ck_assert_uint_eq(t->envelope.nrcpt, 1);
	ck_assert_ptr_nonnull(strstr(buf_text(&t->content), "\r\n\r\nbody\r\n.\r\n"));
	ck_assert_ptr_nonnull(strstr(buf_text(&t->content), t->id));
	pickup_file_clear(t);
	ck_assert_int_eq(t->error, 0);
	ck_assert(!exists("pickup", t->current));
	pickup_file_free(t);
	ck_assert_int_eq(count_descriptors(), before);
	temp_spool_end();
}
END_TEST

START_TEST(test_kinds)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char path[400], other[400];
	int fd;

	temp_spool_begin();
	check_answer("nothing", JUDGE_IGNORE, 0);
	path_of(path, "pickup", "link");
	ck_assert_int_eq(symlink("/etc/passwd", path), 0);
	check_answer("link", JUDGE_REFUSE, JUDGE_LINK);
	path_of(path, "pickup", "dangling");
	ck_assert_int_eq(symlink("nowhere", path), 0);
	check_answer("dangling", JUDGE_REFUSE, JUDGE_LINK);
	path_of(path, "pickup", "fifo");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	check_answer("fifo", JUDGE_REFUSE, JUDGE_DEVICE);
	path_of(path, "pickup", "socket");
	ck_assert_uint_lt(strlen(path), sizeof(sun.sun_path));
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	check_answer("socket", JUDGE_REFUSE, JUDGE_DEVICE);
	close(fd);
	path_of(path, "pickup", "folder");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	check_answer("folder", JUDGE_IGNORE, 0);
	put("kept", HEAD "\n");
	path_of(path, "pickup", "kept");
	path_of(other, "drop", "kept");
	ck_assert_int_eq(link(path, other), 0);
	check_answer("kept", JUDGE_WAIT, 0);
	temp_spool_end();
}
END_TEST

START_TEST(test_bad)
{
	char big[400];

	temp_spool_begin();
	put("no sender", "To: a@b\n\n");
	check_answer("no sender", JUDGE_REFUSE, JUDGE_NO_SENDER);
	put("nobody", "From: a@b\n\n");
	check_answer("nobody", JUDGE_REFUSE, JUDGE_NO_RECIPIENTS);
	put("text", "hello\n");
	check_answer("text", JUDGE_REFUSE, JUDGE_NO_HEADER);
	put("empty", "");
	check_answer("empty", JUDGE_WAIT, 0);
	put("large", "");
	path_of(big, "pickup", "large");
	ck_assert_int_eq(truncate(big, (1 << 20) + 1), 0);
	check_answer("large", JUDGE_REFUSE, JUDGE_LARGE);
	put("zeros", "");
	path_of(big, "pickup", "zeros");
	ck_assert_int_eq(truncate(big, 1000), 0);
	check_answer("zeros", JUDGE_REFUSE, JUDGE_NUL);
	temp_spool_end();
}
END_TEST

START_TEST(test_lock)
{
	struct pickup_name file;
	struct pickup_file *t;
	char path[400];
	int fd;

	temp_spool_begin();
	put("x", HEAD "\n");
	path_of(path, "pickup", "x");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(fd, LOCK_SH), 0);
	check_answer("x", JUDGE_WAIT, 0);
	close(fd);
	t = look(&file, "x", JUDGE_RENAMED);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	pickup_file_free(t);
	temp_spool_end();
}
END_TEST

/* A file over PICKUP_FILE_PIECE: `fill` bytes of body behind the header. */
static void
put_large(const char *name, size_t fill)
{
	char path[400];
	FILE *out;

	put(name, HEAD "\n");
	path_of(path, "pickup", name);
	out = fopen(path, "ab");
	for (size_t i = 0; i < fill; i++)
		putc(i % 70 == 69 ? '\n' : 'x', out);
	fclose(out);
}

START_TEST(test_large)
{
	size_t fill = 3 * PICKUP_FILE_PIECE + 77, got = 0;
	struct pickup_name file;
	struct pickup_file *t;
	const char *body;

	temp_spool_begin();
	put_large("x", fill);
	t = look(&file, "x", JUDGE_RENAMED);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	ck_assert(t->big && t->claimed);
	pickup_file_read(t);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	body = strstr(buf_text(&t->content), "\r\n\r\n") + 4;
	got = t->content.len - (size_t)(body - t->content.data);
	while (!t->at_end) {
		pickup_file_piece(t);
		ck_assert_int_eq(t->error, 0);
		got += t->content.len;
	}
	ck_assert_uint_eq(got, fill + fill / 70 + (fill % 70 == 0 ? 0 : 2));
	pickup_file_free(t);
	temp_spool_end();
}
END_TEST

/* A claimed file is written to: it is not sent as it was judged. */
START_TEST(test_changed)
{
	struct pickup_name file;
	char path[400];
	struct pickup_file *t;
	FILE *out;

	temp_spool_begin();
	put_large("x", 3 * PICKUP_FILE_PIECE);
	t = look(&file, "x", JUDGE_RENAMED);
	path_of(path, "pickup", t->current);
	ck_assert_int_eq(truncate(path, 3 * PICKUP_FILE_PIECE), 0);
	pickup_file_read(t);
	ck_assert_int_eq(t->verdict.answer, JUDGE_WAIT);
	ck_assert(t->unclaimed && !t->claimed && exists("pickup", "x"));
	pickup_file_free(t);
	t = look(&file, "x", JUDGE_RENAMED);
	pickup_file_read(t);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	path_of(path, "pickup", t->current);
	out = fopen(path, "ab");
	fputs("more\n", out);
	fclose(out);
	while (t->error == 0 && !t->at_end)
		pickup_file_piece(t);
	ck_assert_int_eq(t->error, EAGAIN);
	t->put_back = true;
	pickup_file_clear(t);
	ck_assert_int_eq(t->error, 0);
	ck_assert(exists("pickup", "x"));
	pickup_file_free(t);
	/* of the same size: a NUL that nobody has judged */
	t = look(&file, "x", JUDGE_RENAMED);
	pickup_file_read(t);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	path_of(path, "pickup", t->current);
	out = fopen(path, "r+b");
	fseek(out, 2 * PICKUP_FILE_PIECE, SEEK_SET);
	fputc('\0', out);
	fclose(out);
	while (t->error == 0 && !t->at_end)
		pickup_file_piece(t);
	ck_assert_int_eq(t->error, EAGAIN);
	pickup_file_free(t);
	temp_spool_end();
}
END_TEST

/*
 * Names: a left one tells its id; the old name in use again stays whose it is; one as long as names can be.
 */
START_TEST(test_claims)
{
	char name[256], path[400];
	struct pickup_name file;
	struct pickup_file *t;

	temp_spool_begin();
	put(".taken-0123456789abcdef-old name", HEAD "\n");
	t = look(&file, ".taken-0123456789abcdef-old name", JUDGE_LEFT);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	ck_assert_str_ne(t->id, "0123456789abcdef");
	ck_assert_str_eq(t->name, "old name");
	ck_assert(t->claimed && !t->was_queued && !exists("pickup", ".taken-0123456789abcdef-old name"));
	put("old name", HEAD "\nanother\n");
	t->put_back = true;
	pickup_file_clear(t);
	ck_assert_int_eq(t->error, EEXIST);
	ck_assert(exists("pickup", t->current) && exists("pickup", "old name"));
	pickup_file_free(t);
	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, HEAD "\n");
	t = look(&file, name, JUDGE_RENAMED);
	ck_assert_int_eq(t->verdict.answer, JUDGE_TAKE);
	ck_assert_uint_eq(strlen(t->current), 255);
	t->put_back = true;
	pickup_file_clear(t);
	ck_assert_int_eq(t->error, 0);
	path_of(path, "pickup", name);
	ck_assert_int_eq(access(path, F_OK), 0);
	pickup_file_free(t);
	temp_spool_end();
}
END_TEST

START_TEST(test_read_only_folder)
{
	struct pickup_name file;
	char path[400];
	struct pickup_file *t;

	temp_spool_begin();
	put("x", HEAD "\n");
	path_of(path, "pickup", "x");
	ck_assert_int_eq(chmod(path, 0444), 0);
	path_of(path, "pickup", "");
	ck_assert_int_eq(chmod(path, 0555), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(home, 0755), 0);
		ck_assert_int_eq(seteuid(65534), 0);
	}
	t = look(&file, "x", JUDGE_RENAMED);
	ck_assert_int_eq(t->verdict.answer, JUDGE_BACK_OFF);
	ck_assert_int_eq(t->error, EACCES);
	ck_assert(exists("pickup", "x"));
	pickup_file_free(t);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	temp_spool_end();
}
END_TEST

UNIT_MAIN("pickup_file", test_small, test_kinds, test_bad, test_lock, test_large, test_changed, test_claims,
    test_read_only_folder)
