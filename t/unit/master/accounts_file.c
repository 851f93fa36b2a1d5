/*
 * accounts_file - a lock that another process has, one that cannot be had, a file that is replaced meanwhile; a
 * folder that cannot be synced; a new file of a size that none has
 */
#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/account/passwd_file.h"
#include "common/base/disk.h"
#include "master/control/control_private.h"

static char folder[] = "/tmp/postern-accounts-XXXXXX";
static int at = -1;			/* the folder */

/* In place of the library's. */
static bool sync_fails;
static int lock_errno, locks;		/* 0: it is had */
static bool replaced;			/* while it waits for the lock */

static void
put(const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(disk_write(fd, text, strlen(text)), 0);
	close(fd);
}

int
fsync(int fd)
{
	errno = EIO;
	return sync_fails ? -1 : (int)syscall(SYS_fsync, fd);
}

int
flock(int fd, int how)
{
	locks++;
	if (replaced) {
		replaced = false;
		put("other", "b:c\n");
		ck_assert_int_eq(renameat(at, "other", at, "file"), 0);
	}
	errno = lock_errno;
	return lock_errno != 0 ? -1 : 0;
}

static void
begin(struct accounts_file *f)
{
	char *path;

	if (at == -1) {
		ck_assert_ptr_nonnull(mkdtemp(folder));
		at = open(folder, O_RDONLY | O_DIRECTORY);
	}
	(void)unlinkat(at, "file", 0);
	put("file", "a:b\n");
	path = mem_printf("%s/file", folder);
	accounts_file_init(f, dup(at), path);
	free(path);
	locks = lock_errno = 0;
	sync_fails = replaced = false;
}

static void
done(struct accounts_file *f)
{
	accounts_file_done(f);
	ck_assert_int_eq(unlinkat(at, "file", 0), 0);
	ck_assert_int_eq(rmdir(folder), 0);	/* nothing else is left */
	close(at);
	at = -1;
	memcpy(strrchr(folder, '-') + 1, "XXXXXX", 6);
}

START_TEST(lock)
{
	struct buf why = BUF_INIT(4096);
	struct accounts_file f;

	begin(&f);
	lock_errno = EWOULDBLOCK;
	ck_assert_int_eq(accounts_file_lock(&f, &why), 0);
	ck_assert_int_eq(locks, 1);
	ck_assert_uint_eq(why.len, 0);
	lock_errno = ENOLCK;
	ck_assert_int_eq(accounts_file_lock(&f, &why), -1);
	ck_assert_int_eq(locks, 2);
	ck_assert_ptr_nonnull(strstr(buf_text(&why), strerror(ENOLCK)));
	lock_errno = 0;
	replaced = true;
	ck_assert_int_eq(accounts_file_lock(&f, &why), 1);
	ck_assert_int_eq(locks, 4);
	buf_done(&why);
	done(&f);
}
END_TEST

START_TEST(sizes)
{
	struct buf why = BUF_INIT(4096);
	struct accounts_file f;

	begin(&f);
	ck_assert_int_eq(accounts_file_begin(&f, &why), 0);
	ck_assert_int_eq(accounts_file_check(&f, true, &why), 0);
	ck_assert_uint_eq(why.len, 0);
	ck_assert_int_eq(accounts_file_check(&f, false, &why), -1);
	ck_assert_ptr_nonnull(strstr(buf_text(&why), "is empty"));
	ck_assert_int_eq(ftruncate(f.new, PASSWD_FILE_MAX), 0);
	ck_assert_int_eq(accounts_file_check(&f, false, &why), 0);
	ck_assert_int_eq(ftruncate(f.new, PASSWD_FILE_MAX + 1), 0);
	ck_assert_int_eq(accounts_file_check(&f, true, &why), -1);
	ck_assert_ptr_nonnull(strstr(buf_text(&why), "is too large"));
	buf_done(&why);
	done(&f);
}
END_TEST

START_TEST(not_synced)
{
	struct buf why = BUF_INIT(4096);
	struct accounts_file f;
	struct stat st;

	begin(&f);
	ck_assert_int_eq(accounts_file_begin(&f, &why), 0);
	ck_assert_int_eq(disk_write(f.new, "b:new\n", 6), 0);
	sync_fails = true;
	ck_assert_int_eq(accounts_file_commit(&f, &why), 1);
	ck_assert_ptr_nonnull(strstr(buf_text(&why), strerror(EIO)));
	ck_assert_ptr_nonnull(strstr(buf_text(&why), "The file is replaced"));
	ck_assert_int_eq(fstatat(at, "file", &st, 0), 0);
	ck_assert_int_eq(st.st_size, 6);
	buf_done(&why);
	done(&f);
}
END_TEST

UNIT_MAIN("accounts_file", lock, sizes, not_synced)
