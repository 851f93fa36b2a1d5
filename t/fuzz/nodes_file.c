/*
 * nodes_file - what a node says of itself, texts that end with NUL, as a line of the file of all nodes: such a line
 * is always one; and a line of a file that anybody may have written has eight columns that can be shown
 */
#include "t/fuzz/fuzz.h"

#include "common/base/buf.h"
#include "common/command/nodes_file.h"

/* The next text; "" behind the last one. */
static const char *
next_text(const char **at, const char *end)
{
	const char *text = *at;

	*at += strlen(text);
	*at += *at < end;
	return text;
}

static void
check_row(const char *line, size_t len)
{
	size_t tabs = 0;

	for (size_t i = 0; i < len; i++) {
		tabs += line[i] == '\t';
		fuzz_check(line[i] == '\t' || ((unsigned char)line[i] >= ' ' && line[i] != 127));
	}
	fuzz_check(tabs == 7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = calloc(1, len + 1);
	const char *at = copy, *end = copy + len;
	struct nodes_file_row row = { .node = "n1.example", .asked = 1764600000 };
	struct buf line = BUF_INIT(1U << 20);

	memcpy(copy, data, len);
	if (nodes_file_is_row(copy, len))
		check_row(copy, len);
	row.sessions = len == 0 || data[0] == 0x7f ? INT64_MAX : (int8_t)data[0];
	row.queue = (int64_t)len - 5;
	row.name = next_text(&at, end);
	row.state = next_text(&at, end);
	row.health = next_text(&at, end);
	row.reason = next_text(&at, end);
	nodes_file_put(&line, &row);
	fuzz_check(buf_ok(&line) && line.len > 0 && line.data[line.len - 1] == '\n');
	fuzz_check(nodes_file_is_row(line.data, line.len - 1));
	check_row(line.data, line.len - 1);
	buf_done(&line);
	free(copy);
	return 0;
}
