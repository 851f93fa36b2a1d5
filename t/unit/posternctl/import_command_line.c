/* import_command_line - commands of an import's report, and what a taken over postern-import might put there */
#include "common/base/mem.h"
#include "common/import/import_command_line.h"
#include "master/posternctl/import/import.h"
#include "t/unit/check_main.h"

static const struct { const char *command; bool good; } rows[] = {
	{ "posternctl unset default access.connection-control", true },
	{ "posternctl set x delivery.user='a b; `id` $(id) & | > x'", true },
	{ "posternctl set x 'y'\\''s' z", true },
	{ "posternctl passwd /etc/postern/x.passwd ACCOUNT && posternctl set x access.authentication=basic", true },
	{ "(umask 077; cat >/etc/postern/x.secret) && posternctl set x delivery.user=u", true },
	{ "posternctl set x a=b; id", false }, { "posternctl set x a=b && id", false },
	{ "posternctl set x a=$(id)", false }, { "posternctl set x 'a", false },
	{ "posternctl set x a=b | sh", false }, { "posternctl set x a=b > /etc/passwd", false },
	{ "posternctl set x a=b & id", false }, { "posternctl set x a=b &&id", false },
	{ "posternctl set x a=`id`", false }, { "posternctl set x \"a\"", false },
	{ "posternctl2 set x", false }, { "id", false }, { "", false }, { "posternctl", false },
	{ "(umask 077; cat >/etc/x; id) && posternctl set x a=b", false },
	{ "(umask 077; cat >/etc/postern/x.secret)", false },
	{ "posternctl set x && (umask 077; cat >/etc/x) && posternctl set y", false },
};

START_TEST(test_commands)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(import_command_line_is_good(rows[i].command, "posternctl") == rows[i].good, "%s",
		    rows[i].command);
	ck_assert(import_command_line_is_good("posternctl -c /a/b.ini set x y=z", "posternctl -c /a/b.ini"));
	ck_assert(!import_command_line_is_good("posternctl set x y=z", "posternctl -c /a/b.ini"));
}
END_TEST

START_TEST(test_documents)
{
	static const struct { const char *text; bool good; } documents[] = {
		{ "{\"servers\": [{\"report\": [{\"command\": \"posternctl stop x\", \"old\": \"b\\u00fc\"}]}]}", true },
		{ "{\"servers\": [{\"report\": [{\"command\": \"id\"}]}]}", false },
		{ "{\"servers\": [{\"report\": [{\"command\": 1}]}]}", false },
		{ "{\"remarks\": [\"a\\u001b[2J\"]}", false }, { "{\"remarks\": [\"a\\u202eb\"]}", false },
		{ "{\"a\\u0007\": 1}", false },
	};

	for (size_t i = 0; i < nitems_of(documents); i++) {
		json_t *document = json_loads(documents[i].text, 0, NULL);

		ck_assert_msg(document != NULL, "%s", documents[i].text);
		ck_assert_msg(import_command_line_judge(document, "posternctl") == documents[i].good, "%s",
		    documents[i].text);
		json_decref(document);
	}
}
END_TEST

UNIT_MAIN("import_command_line", test_commands, test_documents)
