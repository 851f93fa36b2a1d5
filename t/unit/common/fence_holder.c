/* fence_holder - which names are those of two virtual servers of one supervisor */
#include "common/base/mem.h"
#include "common/spool/fence_holder.h"
#include "t/unit/check_main.h"

START_TEST(siblings)
{
	static const struct { const char *a, *b; bool are; } rows[] = {
		{ "k1-8-5-1", "k1-8-5-2", true }, { "k1-8-5-1", "k1-8-5-1", false }, { "k1-8-5-1", "k1-8-6-1", false },
		{ "k1-8-5-1", "k2-8-5-2", false }, { "k1-8-5-1", "nobody", false }, { "k1-8-5-1", "adopt-7", false },
		{ "k1-8-5-1", "k1-8-5-1-2", false }, { "nobody", "k1-8-5-1", false }, { "", "", false },
	};
	char one[FENCE_HOLDER_SIZE], two[FENCE_HOLDER_SIZE];

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(fence_holder_is_sibling(rows[i].a, rows[i].b) == rows[i].are, "%s %s", rows[i].a, rows[i].b);
	fence_holder_name(one, "1-2", "/nowhere", 1);
	fence_holder_name(two, "1-2", "/nowhere", 0x2a);
	ck_assert(fence_holder_is_sibling(one, two) && !fence_holder_is_sibling(one, one));
	fence_holder_name(two, "1-3", "/nowhere", 2);
	ck_assert(!fence_holder_is_sibling(one, two));
}
END_TEST

UNIT_MAIN("fence_holder", siblings)
