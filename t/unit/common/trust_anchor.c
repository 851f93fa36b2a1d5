/* trust_anchor - which files of trust anchors are usable, and which of their records */
#include "t/unit/check_main.h"

#include <stdio.h>
#include <string.h>

#include "common/base/trust_anchor.h"

#define DIGEST "1111111111111111111111111111111111111111111111111111111111111111"
#define KEY "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3"

START_TEST(test_files)
{
	static const struct { const char *text, *records, *why; bool root; } rows[] = {
		{ ". IN DS 20326 8 2 " DIGEST "\n", ". IN DS 20326 8 2 " DIGEST "\n", NULL, true },
		{ ".\t172800\tIN\tDNSKEY\t257 3 8 " KEY " ;{id = 20326 (ksk)} ;;state=2 [  VALID  ]\n",
		    ". IN DNSKEY 257 3 8 " KEY "\n", NULL, true },
		{ "; autotrust\n;;id: . 1\n\n$TTL 3600\nexample DS 1 13 4 (\n " DIGEST " ; half\n "
		    "11111111111111111111111111111111 )\n",
		    "example IN DS 1 13 4 " DIGEST "11111111111111111111111111111111\n", NULL, false },
		/* one usable key of a zone is enough */
		{ ". DS 1 200 2 " DIGEST "\n. DS 1 8 2 " DIGEST, ". IN DS 1 8 2 " DIGEST "\n", NULL, true },
		{ "", NULL, "no DS or DNSKEY", false }, { "; x\n", NULL, "no DS or DNSKEY", false },
		{ ". DS 1 200 2 " DIGEST "\n", NULL, "no key of .", false },
		{ ". DS 1 8 9 " DIGEST "\n", NULL, "no key of .", false },
		{ ". DNSKEY 385 3 8 " KEY "\n", NULL, "no key of .", false },	/* revoked */
		{ ". DNSKEY 1 3 8 " KEY "\n", NULL, "no key of .", false },	/* no zone key */
		{ ". DS 1 8 2 " DIGEST "\nExample. DS 1 8 2 " DIGEST "\nother. DS 1 99 2 " DIGEST "\n", NULL,
		    "no key of other", false },
		{ ". DS 1 8 2 1111\n", NULL, "line 1", false }, { "\n. DS 1 8 2 x" DIGEST, NULL, "line 2", false },
		{ ". NS ns.\n", NULL, "line 1", false }, { ". DNSKEY 257 3 8 %%%\n", NULL, "line 1", false },
		{ "trusted-keys { \".\" 257 3 8 \"" KEY "\"; };\n", NULL, "line 1", false },
		{ ". DS 65536 8 2 " DIGEST, NULL, "line 1", false }, { "a\"b DS 1 8 2 " DIGEST, NULL, "line 1", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf records = BUF_INIT(10000), why = BUF_INIT(1000);
		bool root = false;
		int rc = trust_anchor_read(rows[i].text, strlen(rows[i].text), &records, &root, &why);

		ck_assert_msg((rc == 0) == (rows[i].why == NULL), "%s: %s", rows[i].text, buf_text(&why));
		if (rc == 0) {
			ck_assert_str_eq(buf_text(&records), rows[i].records);
			ck_assert_int_eq(root, rows[i].root);
		} else {
			ck_assert_msg(strstr(buf_text(&why), rows[i].why) != NULL, "%s: %s", rows[i].text,
			    buf_text(&why));
		}
		buf_done(&records);
		buf_done(&why);
	}
}
END_TEST

/* Any bytes: an end, and words for what is refused. */
START_TEST(test_any_bytes)
{
	static const char parts[] = ". DS 1 8 2 (" DIGEST ");\n\0\"DNSKEY 257 3";

	for (size_t from = 0; from < sizeof(parts); from++)
		for (size_t len = 0; from + len <= sizeof(parts); len++) {
			struct buf records = BUF_INIT(10000), why = BUF_INIT(1000);
			bool root;

			if (trust_anchor_read(parts + from, len, &records, &root, &why) == -1)
				ck_assert_uint_gt(why.len, 0);
			buf_done(&records);
			buf_done(&why);
		}
}
END_TEST

UNIT_MAIN("trust_anchor", test_files, test_any_bytes)
