/*
 * maintenance - rows of names of a program: only deliver sends mail, every other name keeps a stopped queue
 */
#include "common/base/mem.h"
#include "deliver/deliver.h"
#include "t/unit/check_main.h"

static const struct {
	const char *program;
	bool maintenance;
} names[] = {
	{ "postern-deliver", false }, { "/usr/libexec/postern/postern-deliver", false },
	{ "postern-maintenance", true }, { "build/check/postern-maintenance", true },
	{ "postern-later", true }, { "postern-deliver-2", true }, { "", true }, { "/", true },
};

START_TEST(test_names)
{
	for (size_t i = 0; i < nitems_of(names); i++)
		ck_assert_msg(maintenance_is_meant(names[i].program) == names[i].maintenance, "\"%s\"",
		    names[i].program);
}
END_TEST

UNIT_MAIN("maintenance", test_names)
