/* ip_list - relay and connection lists of IIS, in their binary form and in words */
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/import/import.h"
#include "t/unit/check_main.h"

#define HEAD(deny, grant, deny_names, grant_names, size) \
	deny "000080" grant "000080" deny_names "000080" grant_names "00008001000000" size "000000"
#define NONE "0000000000000000"
#define LIST(lists, all) lists "000000" all "000000"
#define MASK(entries, at) "02000000" entries "0000000400000000000000" at "000080"
#define HOST "ffffffff"

static const struct row {
	const char *what, *text;
	enum ip_list_mode mode;
	const char *items;
} rows[] = {
	{ "absent entries", "", IP_LIST_EMPTY, "" },
	{ "blanks", " \r\n\t", IP_LIST_EMPTY, "" },
	{ "no entries", HEAD("18", "20", "28", "30", "38") NONE NONE NONE NONE, IP_LIST_EMPTY, "" },
	{ "one address", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "4c") NONE NONE
	    HOST "7f000001", IP_LIST_ONLY, "127.0.0.1" },
	{ "two masks", HEAD("18", "20", "50", "58", "60") NONE LIST("02", "03") MASK("03", "60")
	    MASK("02", "6c") NONE NONE HOST "7f000001c0000207" "ffffff00c6336400", IP_LIST_ONLY,
	    "127.0.0.1, 192.0.2.7, 198.51.100.0/24" },
	{ "digits in lines", "18000080 20000080 3c000080\n\t44000080 01000000 4c000000 " NONE
	    LIST("01", "01") MASK("02", "4c") NONE NONE HOST "7F000001", IP_LIST_ONLY, "127.0.0.1" },
	{ "deny", HEAD("18", "34", "3c", "44", "4c") LIST("01", "01") MASK("02", "4c") NONE NONE NONE
	    HOST "cb007109", IP_LIST_ALL_EXCEPT, "203.0.113.9" },
	{ "nobody", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "4c") NONE NONE
	    HOST "00000000", IP_LIST_ONLY, "" },
	{ "names", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "4c") NONE
	    LIST("01", "02") HOST "7f000001" "6f66662e6578616d706c6500" "6c616e2e6578616d706c6500", IP_LIST_ONLY,
	    "127.0.0.1, off.example, lan.example" },
	{ "fewer names than said", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "4c")
	    NONE LIST("01", "02") HOST "7f000001" "6f66662e6578616d706c6500", IP_LIST_UNKNOWN, NULL },
	{ "a name that is none", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "4c")
	    NONE LIST("01", "01") HOST "7f000001" "6f20662e6578616d706c6500", IP_LIST_UNKNOWN, NULL },
	{ "grant and deny", HEAD("18", "34", "50", "58", "60") LIST("01", "01") MASK("02", "60")
	    LIST("01", "01") MASK("02", "68") NONE NONE HOST "cb007109" HOST "7f000001", IP_LIST_UNKNOWN,
	    NULL },
	{ "another family", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01")
	    "1700000002000000040000000000000" "04c000080" NONE NONE HOST "7f000001", IP_LIST_UNKNOWN, NULL },
	{ "counts that disagree", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "05") MASK("02", "4c")
	    NONE NONE HOST "7f000001", IP_LIST_UNKNOWN, NULL },
	{ "a mask with a hole", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "4c") NONE
	    NONE "ff00ff00" "7f000001", IP_LIST_UNKNOWN, NULL },
	{ "an offset outside", HEAD("18", "20", "3c", "44", "4c") NONE LIST("01", "01") MASK("02", "ff") NONE
	    NONE HOST "7f000001", IP_LIST_UNKNOWN, NULL },
	{ "a header outside", "18000080ffffffff3c000080440000800100000020000000", IP_LIST_UNKNOWN, NULL },
	{ "an offset without its bit", "180000002000008030000080380000800100000040000000", IP_LIST_UNKNOWN,
	    NULL },
	{ "half a byte", "180", IP_LIST_UNKNOWN, NULL },
	{ "no digits", "everybody", IP_LIST_UNKNOWN, NULL },
	{ "words: those who may", "GrantByDefault FALSE\nIPGrant 127.0.0.1, 255.255.255.255\n"
	    "IPGrant 192.0.2.0, 255.255.255.0\nDomainGrant *.office.example\nIPDeny 192.0.2.1\n",
	    IP_LIST_ONLY, "127.0.0.1, 192.0.2.0/24, office.example" },
	{ "words: those who may not", "GrantByDefault TRUE\nIPDeny 203.0.113.9\nIPGrant 127.0.0.1\n",
	    IP_LIST_ALL_EXCEPT, "203.0.113.9" },
	{ "words: nobody is named", "GrantByDefault TRUE\n", IP_LIST_EMPTY, "" },
	{ "words: nobody may", "GrantByDefault FALSE\n", IP_LIST_ONLY, "" },
	{ "words: no address", "GrantByDefault FALSE\nIPGrant 300.1.2.3\n", IP_LIST_UNKNOWN, NULL },
};

static void
check_row(const struct row *row)
{
	struct ip_list l;

	ip_list_parse(&l, row->text);
	ck_assert_msg(l.mode == row->mode, "%s: mode %d: %s", row->what, l.mode, buf_text(&l.why));
	if (row->items != NULL)
		ck_assert_msg(strcmp(buf_text(&l.items), row->items) == 0, "%s: %s", row->what,
		    buf_text(&l.items));
	ck_assert_msg((l.mode == IP_LIST_UNKNOWN) == (l.why.len > 0), "%s", row->what);
	ip_list_done(&l);
}

/* shows 8.3 */
START_TEST(test_lists)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		check_row(&rows[i]);
}
END_TEST

/* However it is cut, what is left is not taken for a list of all. */
START_TEST(test_cut_lists)
{
	char *text = mem_strdup(rows[4].text);

	for (size_t len = strlen(text); len-- > 1;) {
		struct ip_list l;

		text[len] = '\0';
		ip_list_parse(&l, text);
		ck_assert_msg(l.mode == IP_LIST_UNKNOWN, "%zu digits", len);
		ip_list_done(&l);
	}
	free(text);
}
END_TEST

UNIT_MAIN("ip_list", test_lists, test_cut_lists)
