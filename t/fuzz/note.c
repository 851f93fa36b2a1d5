/*
 * note - the lines beside a queue file, and the names of files in pickup: what is read is written and read
 * again alike
 */
#include "common/spool/spool.h"
#include "deliver/result/result.h"
#include "t/fuzz/fuzz.h"

static void
check_line(const struct note_line *line)
{
	struct note_line again;
	struct buf out = BUF_INIT(4096), second = BUF_INIT(4096);
	size_t pos = 0;

	fuzz_check((unsigned)line->kind < NOTE_KINDS);
	fuzz_check(strnlen(line->host, sizeof(line->host)) < sizeof(line->host));
	fuzz_check(strnlen(line->text, sizeof(line->text)) < sizeof(line->text));
	note_format(line, &out);
	fuzz_check(buf_ok(&out) && memchr(out.data, '\n', out.len) == out.data + out.len - 1);
	fuzz_check(note_next(out.data, out.len, &pos, &again) && pos == out.len);
	fuzz_check(again.kind == line->kind && again.number == line->number && again.time == line->time &&
	    again.code == line->code);
	note_format(&again, &second);
	fuzz_check(second.len == out.len && memcmp(second.data, out.data, out.len) == 0);
	buf_done(&out);
	buf_done(&second);
}

/* A line of ours about what a host said: whatever that is, its other fields come back. */
static void
check_peer(const char *text, size_t len)
{
	struct note_line line = { .kind = NOTE_FAILED, .number = 7, .time = 1764500000, .code = 550 }, again;
	size_t host = len > 0 ? (unsigned char)text[0] % sizeof(line.host) : 0, pos = 0;
	struct buf out = BUF_INIT(4096);

	snprintf(line.status, sizeof(line.status), "5.1.1");
	snprintf(line.host, host + 1, "%.*s", (int)len, text);
	snprintf(line.text, sizeof(line.text), "%.*s", (int)len, text);
	note_format(&line, &out);
	fuzz_check(note_next(buf_text(&out), out.len, &pos, &again) && pos == out.len);
	fuzz_check(again.kind == NOTE_FAILED && again.number == 7 && again.code == 550 &&
	    strcmp(again.status, "5.1.1") == 0);
	fuzz_check(strlen(again.host) == strlen(line.host) || strcmp(line.host, "-") == 0);
	fuzz_check(strlen(again.text) == strlen(line.text));
	buf_done(&out);
}

/* A claimed name holds the id that it was given; one that a user made up holds a valid one, or is none. */
static void
check_name(const char *data, size_t len)
{
	char name[SPOOL_PICKUP_NAME_SIZE], claimed[SPOOL_PICKUP_NAME_SIZE], id[MESSAGE_ID_SIZE];
	const char *old;

	snprintf(name, sizeof(name), "%.*s", (int)len, data);
	if (spool_pickup_claim_parse(name, id, &old))
		fuzz_check(message_id_is_valid(id) && old > name && old <= name + strlen(name));
	spool_pickup_claim_name(claimed, name, "0123456789abcdef");
	fuzz_check(strnlen(claimed, sizeof(claimed)) < sizeof(claimed));
	fuzz_check(spool_pickup_claim_parse(claimed, id, &old) && strcmp(id, "0123456789abcdef") == 0 &&
	    strncmp(old, name, strlen(old)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len);	/* reading past its end shows */
	struct note_line line;
	size_t pos = 0, before = 0;

	memcpy(copy, data, len);
	while (note_next(copy, len, &pos, &line)) {
		fuzz_check(pos > before && pos <= len);
		before = pos;
		check_line(&line);
	}
	check_peer(copy, len);
	check_name(copy, len);
	free(copy);
	return 0;
}
