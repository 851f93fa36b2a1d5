/*
 * admin - what an operator's command must look like, who is an operator, and that both tables of commands agree
 */
#include <string.h>

#include "master/master.h"
#include "t/unit/unit.h"

static bool
parse(struct admin_words *w, const char *text, size_t len)
{
	/* exactly as long as the message, so that a read beyond it is seen */
	char *data = mem_array(NULL, len + 1, 1);
	memcpy(data, text, len);
	char *tight = mem_array(NULL, len > 0 ? len : 1, 1);
	memcpy(tight, data, len);
	bool ok = admin_parse(w, tight, len);
	free(tight);
	free(data);
	return ok;
}

#define PARSE(w, text) parse(w, text, sizeof(text))	/* with the final NUL */

START_TEST(good)
{
	struct admin_words w;
	ck_assert(PARSE(&w, "status"));
	ck_assert_uint_eq(w.count, 1);
	ck_assert(PARSE(&w, "pause\0default"));
	ck_assert_uint_eq(w.count, 2);
	ck_assert_str_eq(w.word[0], "pause");
	ck_assert_str_eq(w.word[1], "default");
	ck_assert(PARSE(&w, "a\0b\0c\0d"));
	ck_assert_uint_eq(w.count, ADMIN_WORDS_MAX);
}
END_TEST

START_TEST(bad)
{
	struct admin_words w;
	char longest[ADMIN_WORD_SIZE + 1];
	ck_assert(!parse(&w, "", 0));
	ck_assert(!parse(&w, "status", 6));		/* not ended */
	ck_assert(!parse(&w, "", 1));			/* an empty word */
	ck_assert(!PARSE(&w, "pause\0\0default"));
	ck_assert(!PARSE(&w, "pause\0default\0"));	/* an empty last word */
	ck_assert(!PARSE(&w, "a\0b\0c\0d\0e"));		/* one too many */
	ck_assert(!PARSE(&w, "pause default"));
	ck_assert(!PARSE(&w, "pause\0def\nault"));
	ck_assert(!PARSE(&w, "pause\0d\xc3\xa4"));
	memset(longest, 'x', sizeof(longest));
	longest[ADMIN_WORD_SIZE - 1] = '\0';
	ck_assert(parse(&w, longest, ADMIN_WORD_SIZE));		/* at the limit */
	memset(longest, 'x', sizeof(longest));
	longest[ADMIN_WORD_SIZE] = '\0';
	ck_assert(!parse(&w, longest, ADMIN_WORD_SIZE + 1));	/* and beyond */
}
END_TEST

START_TEST(operators)
{
	uid_t users[] = { 1001, 1002 };
	gid_t groups[] = { 50 }, mine[] = { 7, 50 }, others[] = { 7, 51, 1001 };
	struct rights r = { .uid = users, .nuid = 2, .gid = groups, .ngid = 1 }, none = { 0 };
	struct rights_peer by_user = { .uid = 1002, .gid = others, .ngid = 3 };
	struct rights_peer by_group = { .uid = 5, .gid = mine, .ngid = 2 };
	struct rights_peer stranger = { .uid = 50, .gid = others, .ngid = 3 };	/* numbers of one kind are not the other */
	struct rights_peer alone = { .uid = 1001 };
	ck_assert(rights_has(&r, &by_user));
	ck_assert(rights_has(&r, &by_group));
	ck_assert(rights_has(&r, &alone));
	ck_assert(!rights_has(&r, &stranger));
	ck_assert(!rights_has(&none, &by_user));
}
END_TEST

START_TEST(names)
{
	char *unknown[] = { "no-such-name-here", "@no-such-group-here" }, *root[] = { "root", "@root" };
	struct config_strings list = { .text = unknown, .count = 2 }, both = { .text = root, .count = 2 };
	struct rights r;
	rights_resolve(&r, &list, "-");
	ck_assert_uint_eq(r.nuid + r.ngid, 0);
	rights_done(&r);
	rights_resolve(&r, &both, "-");
	ck_assert_uint_eq(r.nuid, 1);
	ck_assert_uint_eq(r.ngid, 1);
	rights_done(&r);
}
END_TEST

/* A command that ends in the service names an order the service knows; names are unique; each says what it does. */
START_TEST(tables)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (row->asks != NULL)
			ck_assert_msg(order_known(row->asks), "%s asks for %s", row->name, row->asks);
		ck_assert_ptr_eq(command_find(row->name), row);
		ck_assert(row->meaning[0] != '\0' && row->arguments != NULL && row->run != NULL);
	}
	ck_assert(order_known("health"));
	ck_assert(!order_known("explode"));
}
END_TEST

START_TEST(server_names)
{
	static const char *const well[] = { "a", "0", "default", "a-b", "a1-", "abcdefghijabcdefghijabcdefghij12" };
	static const char *const ill[] = { "", "-a", "A", "a.b", "../a", "a b", "abcdefghijabcdefghijabcdefghij123", "a/b", "\xc3\xa4" };
	for (size_t i = 0; i < nitems_of(well); i++)
		ck_assert_msg(manage_name_is_good(well[i]), "%s", well[i]);
	for (size_t i = 0; i < nitems_of(ill); i++)
		ck_assert_msg(!manage_name_is_good(ill[i]), "%s", ill[i]);
}
END_TEST

UNIT_MAIN("admin", good, bad, operators, names, tables, server_names)
