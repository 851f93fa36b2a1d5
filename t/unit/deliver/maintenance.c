/*
 * maintenance - rows of names of a program: only deliver sends mail, one more brings it to another node, every other name keeps a
 * stopped queue
 */
#include "common/base/mem.h"
#include "deliver/deliver.h"
#include "t/unit/check_main.h"

static const struct {
	const char *program, *title;
} names[] = {
	{ "postern-deliver", "delivers" }, { "/usr/libexec/postern/postern-deliver", "delivers" },
	{ "postern-evacuation", "brings" }, { "build/check/postern-evacuation", "brings" },
	{ "postern-maintenance", "keeps" }, { "build/check/postern-maintenance", "keeps" },
	{ "postern-later", "keeps" }, { "postern-deliver-2", "keeps" }, { "", "keeps" }, { "/", "keeps" },
};

START_TEST(test_names)
{
	for (size_t i = 0; i < nitems_of(names); i++)
		ck_assert_msg(strncmp(deliver_roles_of(names[i].program)->title, names[i].title,
		    strlen(names[i].title)) == 0, "\"%s\"", names[i].program);
}
END_TEST

UNIT_MAIN("maintenance", test_names)
