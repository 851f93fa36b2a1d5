/* machine - limits of control groups of both kinds, with those around them, and files that say nothing */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/machine.h"
#include "t/unit/check_main.h"

static char root[64];

static void
shell(const char *command)
{
	char line[1000];

	snprintf(line, sizeof(line), "cd %s && %s", root, command);
	ck_assert_msg(system(line) == 0, "%s", command);
}

START_TEST(test_groups)
{
	static const struct { const char *list, *files; uint64_t limit; } rows[] = {
		{ "0::/", "true", UINT64_MAX },
		{ "0::/", "echo 268435456 > memory.max", 268435456 },
		{ "0::/", "echo max > memory.max", UINT64_MAX },
		{ "0::/system.slice/postern.service",
		    "mkdir -p system.slice/postern.service; echo max > system.slice/postern.service/memory.max;"
		    "echo 1000000 > system.slice/memory.max", 1000000 },
		{ "0::/a/b", "mkdir -p a/b; echo 5000 > a/b/memory.high; echo 6000 > a/b/memory.max", 5000 },
		{ "0::/../../x", "true", UINT64_MAX },	/* of a group outside of what the container sees */
		{ "5:cpu,cpuacct:/x\n4:memory:/docker/1", "mkdir -p memory/docker/1;"
		    "echo 9223372036854771712 > memory/memory.limit_in_bytes;"
		    "echo 700000 > memory/docker/1/memory.limit_in_bytes", 700000 },
		{ "4:memory", "true", UINT64_MAX },
		{ "nonsense", "true", UINT64_MAX },
		{ "", "true", UINT64_MAX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char list[100];
		FILE *f;

		snprintf(root, sizeof(root), "/tmp/postern-unit-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(root));
		shell(rows[i].files);
		snprintf(list, sizeof(list), "%s/list", root);
		f = fopen(list, "w");
		ck_assert(fprintf(f, "%s\n", rows[i].list) >= 0 && fclose(f) == 0);
		ck_assert_msg(machine_group_memory(list, root) == rows[i].limit, "row %zu: %s", i, rows[i].list);
		shell("rm -rf list memory* a system.slice; cd ..; rmdir $OLDPWD");
	}
	ck_assert_uint_eq(machine_group_memory("/nonexistent", "/nonexistent"), UINT64_MAX);
}
END_TEST

START_TEST(test_environment)
{
	setenv(MACHINE_MEMORY, "123456789", 1);
	ck_assert_uint_eq(machine_memory(), 123456789);
	machine_find_memory();
	ck_assert_uint_gt(machine_memory(), 16 << 20);
}
END_TEST

UNIT_MAIN("machine", test_groups, test_environment)
