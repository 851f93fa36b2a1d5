/* boot_drop - after the privileges are dropped root cannot come back */
#include <sys/wait.h>
#include <unistd.h>

#include "common/boot/boot.h"
#include "t/unit/check_main.h"

START_TEST(test_drop_has_no_way_back)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		boot_drop("nobody", "nogroup", NULL);
		_exit(getuid() != 0 && setuid(0) == -1 && seteuid(0) == -1 ? 42 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 42);
}
END_TEST

UNIT_MAIN("boot_drop", test_drop_has_no_way_back)
