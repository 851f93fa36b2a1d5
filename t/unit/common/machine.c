/* machine - memory, processors: limits of control groups of both kinds, with those around them, and files that say nothing */
#include <errno.h>
#include <sched.h>
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

struct row { const char *list, *files; uint64_t limit; };

static void
try_rows(const struct row *rows, size_t count, uint64_t (*limit)(const char *list, const char *root))
{
	for (size_t i = 0; i < count; i++) {
		char list[100];
		FILE *f;

		snprintf(root, sizeof(root), "/tmp/postern-unit-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(root));
		shell(rows[i].files);
		snprintf(list, sizeof(list), "%s/list", root);
		f = fopen(list, "w");
		ck_assert(fprintf(f, "%s\n", rows[i].list) >= 0 && fclose(f) == 0);
		ck_assert_msg(limit(list, root) == rows[i].limit, "row %zu: %s", i, rows[i].list);
		shell("rm -rf list memory* cpu* a system.slice; cd ..; rmdir $OLDPWD");
	}
	ck_assert_uint_eq(limit("/nonexistent", "/nonexistent"), UINT64_MAX);
}

START_TEST(test_memory)
{
	static const struct row rows[] = {
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

	try_rows(rows, nitems_of(rows), machine_group_memory);
}
END_TEST

START_TEST(test_processors)
{
	static const struct row rows[] = {
		{ "0::/", "echo 250000 100000 > cpu.max", 2 },
		{ "0::/", "echo 50000 100000 > cpu.max", 1 },
		{ "0::/", "echo max 100000 > cpu.max", UINT64_MAX },
		{ "0::/", "echo > cpu.max", UINT64_MAX },
		{ "0::/", "echo 100000 0 > cpu.max", UINT64_MAX },
		{ "0::/a/b", "mkdir -p a/b; echo max 100000 > a/b/cpu.max; echo 900000 300000 > a/cpu.max", 3 },
		{ "5:cpu,cpuacct:/x\n4:memory:/docker/1", "mkdir -p cpu/x; echo 400000 > cpu/x/cpu.cfs_quota_us;"
		    "echo 100000 > cpu/x/cpu.cfs_period_us", 4 },
		{ "5:cpuacct,cpu:/x", "mkdir -p cpu/x; echo -1 > cpu/x/cpu.cfs_quota_us;"
		    "echo 100000 > cpu/x/cpu.cfs_period_us", UINT64_MAX },
		{ "5:cpuset:/x", "mkdir -p cpu/x; echo 100000 > cpu/x/cpu.cfs_quota_us;"
		    "echo 100000 > cpu/x/cpu.cfs_period_us", UINT64_MAX },
	};

	try_rows(rows, nitems_of(rows), machine_group_processors);
}
END_TEST

START_TEST(test_environment)
{
	setenv(MACHINE_MEMORY, "123456789", 1);
	ck_assert_uint_eq(machine_memory(), 123456789);
	setenv(MACHINE_PROCESSORS, "77", 1);
	ck_assert_uint_eq(machine_processors(), 77);
	machine_find();
	ck_assert_uint_gt(machine_memory(), 16 << 20);
	ck_assert_uint_lt(machine_processors(), 77 * 77);
}
END_TEST

/* A process that is kept to one processor has one. */
START_TEST(test_affinity)
{
	cpu_set_t set;
	int first = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(first, &set))
		first++;
	CPU_ZERO(&set);
	CPU_SET(first, &set);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	unsetenv(MACHINE_PROCESSORS);
	ck_assert_uint_eq(machine_processors(), 1);
}
END_TEST

UNIT_MAIN("machine", test_memory, test_processors, test_environment, test_affinity)
