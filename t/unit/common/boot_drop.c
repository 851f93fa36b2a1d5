/* boot_drop - after the privileges are dropped root cannot come back */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot/boot.h"
#include "t/unit/check_main.h"

START_TEST(test_drop_has_no_way_back)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		boot_drop("nobody", "nogroup", NULL, false);
		_exit(getuid() != 0 && setuid(0) == -1 && seteuid(0) == -1 ? 42 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

/* In a view of the host where /etc/group is another: "nobody" is in two groups, and in that of root. */
static bool
change_groups(const char *path)
{
	static const char text[] = "root:x:0:nobody\nnogroup:x:65534:\nsigners:x:64888:nobody\nother:x:64889:\n"
	    "checkers:x:64890:root,nobody\n";
	FILE *f = fopen(path, "w");

	return f != NULL && fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0644) == 0 &&
	    unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount(path, "/etc/group", NULL, MS_BIND, NULL) == 0;
}

static bool
has_groups(bool host_groups)
{
	gid_t have[10];
	unsigned seen = 0;
	int n = getgroups(10, have);

	for (int i = 0; i < n; i++)
		seen |= have[i] == 65534 ? 1 : have[i] == 64888 ? 2 : have[i] == 64890 ? 4 : 8;
	return seen == (host_groups ? 7 : 1);
}

START_TEST(test_groups_of_the_host)
{
	char path[] = "/tmp/boot_drop.XXXXXX";
	int fd = mkstemp(path), status;
	pid_t pid;

	ck_assert(fd != -1);
	close(fd);
	for (int wanted = 0; wanted < 2; wanted++) {
		pid = fork();
		if (pid == 0) {
			if (geteuid() != 0 || !change_groups(path))
				_exit(42);	/* only root can tell */
			boot_drop("nobody", NULL, NULL, wanted);
			_exit(has_groups(wanted) ? 42 : 1);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 42, "%d: %d", wanted, status);
	}
	unlink(path);
}
END_TEST

UNIT_MAIN("boot_drop", test_drop_has_no_way_back, test_groups_of_the_host)
