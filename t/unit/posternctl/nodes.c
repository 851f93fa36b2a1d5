/* nodes - posternctl --on: words for the shell of a node, the list of nodes, one document from several */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/command/nodes_file.h"
#include "master/posternctl/nodes/nodes.h"
#include "t/unit/check_main.h"

/* What the shell makes of it again: t/system/nodes. */
START_TEST(quotes)
{
	static const struct { const char *word, *quoted; } rows[] = {
		{ "status", "status" }, { "--json", "--json" }, { "a@b.example", "a@b.example" }, { "x.y=1m", "x.y=1m" },
		{ "/etc/postern/postern.ini", "/etc/postern/postern.ini" }, { "", "''" }, { " ", "' '" }, { "'", "''\\'''" },
		{ "it's", "'it'\\''s'" }, { "''", "''\\'''\\'''" }, { "$(x)", "'$(x)'" }, { "a\nb", "'a\nb'" }, { "\\", "'\\'" },
		{ "~root", "'~root'" }, { "=ls", "'=ls'" }, { "a b;c", "'a b;c'" }, { "*", "'*'" }, { "\xff", "'\xff'" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf text = BUF_INIT(100);

		nodes_quote(&text, rows[i].word);
		ck_assert_str_eq(buf_text(&text), rows[i].quoted);
		nodes_quote(&text, "b");
		ck_assert_str_eq(buf_text(&text) + text.len - 2, " b");
		buf_done(&text);
	}
}
END_TEST

START_TEST(lists)
{
	static const struct { const char *list; size_t count; const char *why; } rows[] = {
		{ "a", 1, "" }, { "root@a.example,b,ssh://c:22", 3, "" }, { "", 0, "no name" }, { "a,", 0, "no name" },
		{ "a,-b", 0, "\"-b\" is no name" }, { "a b", 0, "no name" }, { "a\n", 0, "no name" }, { "a,b,a", 0, "a is there twice" },
	};
	struct buf many = BUF_INIT(10000), why = BUF_INIT(300);
	struct node *nodes;
	size_t count;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		nodes = nodes_list_parse(rows[i].list, &count, &why);
		ck_assert_msg((nodes != NULL) == (rows[i].count > 0), "%s", rows[i].list);
		ck_assert_msg(strstr(buf_text(&why), rows[i].why) != NULL, "%s: %s", rows[i].list, buf_text(&why));
		if (nodes != NULL) {
			ck_assert_uint_eq(count, rows[i].count);
			nodes_list_free(nodes, count);
		}
		buf_clear(&why);
	}
	for (int i = 0; i < NODES_MAX; i++)
		buf_printf(&many, "%sn%d", i > 0 ? "," : "", i);
	nodes = nodes_list_parse(buf_text(&many), &count, &why);
	ck_assert(nodes != NULL && count == NODES_MAX);
	nodes_list_free(nodes, count);
	buf_puts(&many, ",more");
	ck_assert_ptr_null(nodes_list_parse(buf_text(&many), &count, &why));
	ck_assert(strstr(buf_text(&why), "more than 256") != NULL);
	buf_done(&many);
	buf_done(&why);
}
END_TEST

/* A list of objects is joined, also one that is empty everywhere; what else a node says stays with the node. */
START_TEST(documents)
{
	static const char *const texts[] = {
		"{\"schema\": 1, \"rows\": [{\"a\": 1}, {\"a\": 2}], \"none\": [], \"remarks\": [], \"sums\": {\"x\": 1}, \"names\": [\"s\"]}",
		NULL,
		"{\"schema\": 1, \"rows\": [{\"a\": 3, \"node\": \"x\"}], \"none\": [], \"remarks\": [\"why\"], "
		"\"node\": \"n0\", \"status\": 7, \"error\": \"x\", \"nodes\": [{\"b\": 1}]}",
	};
	static const char wanted[] =
	    "{\"schema\": 1, \"rows\": [{\"node\": \"n0\", \"a\": 1}, {\"node\": \"n0\", \"a\": 2}, {\"node\": \"n2\", \"a\": 3}], \"none\": [], "
	    "\"nodes\": [{\"node\": \"n0\", \"status\": 0, \"error\": null, \"remarks\": [], \"sums\": {\"x\": 1}, \"names\": [\"s\"]}, "
	    "{\"node\": \"n1\", \"status\": 69, \"error\": \"does not answer\"}, "
	    "{\"node\": \"n2\", \"status\": 0, \"error\": null, \"remarks\": [\"why\"], "
	    "\"answer_node\": \"n0\", \"answer_status\": 7, \"answer_error\": \"x\", \"nodes\": [{\"b\": 1}]}]}";
	struct buf why = BUF_INIT(300);
	json_t *merged, *expected = json_loads(wanted, 0, NULL);
	struct node *nodes;
	size_t count;

	nodes = nodes_list_parse("n0,n1,n2", &count, &why);
	for (size_t i = 0; i < count; i++)
		nodes[i].document = texts[i] != NULL ? json_loads(texts[i], 0, NULL) : NULL;
	nodes[1].status = 69;
	buf_puts(&nodes[1].error, "does not answer");
	merged = nodes_merge(nodes, count);
	ck_assert_ptr_nonnull(expected);
	ck_assert(json_equal(merged, expected));
	json_decref(merged);
	json_decref(expected);
	nodes_list_free(nodes, count);
}
END_TEST

/* A reason is whole, or ends after a word; a line of any text is one that the service takes. */
START_TEST(reasons)
{
	struct buf line = BUF_INIT(8192), reason = BUF_INIT(4096);
	struct nodes_file_row row = { .node = "n1", .name = "(service)", .state = "started", .health = "WARNING", .sessions = 1, .queue = -1 };

	while (reason.len < 3000) {
		bool fits = reason.len < NODES_FILE_REASON_MAX;

		row.reason = buf_text(&reason);
		buf_clear(&line);
		nodes_file_put(&line, &row);
		ck_assert(nodes_file_is_row(line.data, line.len - 1));
		if (fits)
			ck_assert_msg(strstr(buf_text(&line), row.reason) != NULL, "%s", buf_text(&line));
		else
			ck_assert_msg(strstr(buf_text(&line), "(service) ...\n") != NULL, "%s", buf_text(&line));
		buf_printf(&reason, "%s(service)", reason.len > 0 ? " " : "");
	}
	buf_clear(&reason);
	for (size_t i = 0; i < 3000; i++)
		buf_puts(&reason, "\x01");
	row.reason = buf_text(&reason);
	buf_clear(&line);
	nodes_file_put(&line, &row);
	ck_assert(nodes_file_is_row(line.data, line.len - 1));
	buf_done(&line);
	buf_done(&reason);
}
END_TEST

/* One that never stops talking is ended, without any time limit, and the others are heard. */
START_TEST(endless)
{
	char folder[] = "/tmp/postern-unit-XXXXXX", path[100];
	struct buf why = BUF_INIT(300);
	struct node *nodes;
	size_t count;
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/ssh", folder);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("#!/bin/sh\ncase \"$*\" in *endless*) exec /usr/bin/yes ;; *) echo fine ;; esac\n", f);
	ck_assert(fclose(f) == 0 && chmod(path, 0755) == 0);
	setenv("PATH", folder, 1);
	nodes = nodes_list_parse("endless,one,two", &count, &why);
	ck_assert(nodes_run(nodes, count, "x", 0, NULL));
	ck_assert_str_eq(buf_text(&nodes[0].error), "its answer is too long");
	ck_assert_int_eq(nodes[0].status, 69);
	for (size_t i = 1; i < count; i++) {
		ck_assert_str_eq(buf_text(&nodes[i].text), "fine\n");
		ck_assert(nodes[i].status == 0 && nodes[i].error.len == 0);
	}
	nodes_list_free(nodes, count);
	unlink(path);
	rmdir(folder);
}
END_TEST

UNIT_MAIN("nodes", quotes, lists, documents, reasons, endless)
