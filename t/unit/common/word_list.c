/* word_list - a word is found as a whole, at any place of the list */
#include "common/base/word_list.h"

#include "t/unit/check_main.h"

START_TEST(test_rows)
{
	static const struct { const char *list, *ends, *word; bool has; } rows[] = {
		{ "", ",", "cpu", false }, { "cpu", ",", "cpu", true }, { "cpu,cpuacct", ",", "cpuacct", true },
		{ "cpuacct,cpu", ",", "cpu", true }, { "cpuacct", ",", "cpu", false }, { "cp", ",", "cpu", false },
		{ "cpuset,,cpu,", ",", "cpu", true }, { ",", ",", "cpu", false },
		{ "rw\nbarrier\n", "\n", "barrier", true }, { "rw\nnobarrier\n", "\n", "barrier", false },
		{ "rw,logdev=/dev/sdb", ",\n", "logdev=", true }, { "rw,logdev", ",\n", "logdev=", false },
		{ "rw\nlogdev=", ",\n", "logdev=", true }, { "rw,dax=inode", ",\n", "dax", false },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(word_list_has(rows[i].list, rows[i].ends, rows[i].word) == rows[i].has, "%zu", i);
}
END_TEST

UNIT_MAIN("word_list", test_rows)
