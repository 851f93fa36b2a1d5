/* trace_line - a line of the event log, as another program may have put it there: its parts lie in it, text of strangers is no key */
#include "t/fuzz/fuzz.h"

#include <stdio.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/trace/trace_line.h"

#define LINE_MAX_BYTES 4000
#define HEAD "2026-11-30T18:00:00.000000Z postern-listener[7]: "

/* Whatever it is, what is said of it is the same each time, and of its own bytes. */
static void
look(const char *text, size_t len)
{
	char *copy = mem_strndup(text, len), id[MESSAGE_ID_SIZE], value[64], long_value[LINE_MAX_BYTES];
	size_t whole = strlen(copy);
	struct trace_line l;

	if (trace_line_parse(&l, copy)) {
		fuzz_check(l.pid > copy && l.pid <= copy + whole && l.rest > l.pid && l.rest <= copy + whole);
		fuzz_check(strncmp(l.program, "postern", 7) == 0 && strchr(l.rest, '\n') == NULL);
		if (trace_line_id(&l, id)) {
			fuzz_check(strncmp(l.rest + strspn(l.rest, " "), id, strlen(id)) == 0);
			fuzz_check(trace_line_names(&l, &id, 1));
		}
		if (trace_line_value(&l, "sender", long_value, sizeof(long_value))) {
			fuzz_check(trace_line_value(&l, "sender", value, sizeof(value)));
			fuzz_check(strlen(value) < sizeof(value) && strlen(long_value) < sizeof(long_value));
			fuzz_check(strstr(l.rest, " sender=") != NULL);
		}
		(void)trace_line_is_of(&l, "default");
		fuzz_check(trace_line_fits(&(struct trace_wish){ NULL }, &l) == 0);
	}
	free(copy);
}

/* What the service itself logs of a stranger: between two keys it is one value, and no other key is in it. */
static void
look_inside(const char *text, size_t len)
{
	static char line[LINE_MAX_BYTES];
	char value[LINE_MAX_BYTES];
	const char *safe = log_safe_n(text, len);
	struct trace_line l;

	snprintf(line, sizeof(line), HEAD "- event=accepted sender=%s recipient=b@c.example", safe);
	fuzz_check(trace_line_parse(&l, line));
	fuzz_check(trace_line_value(&l, "recipient", value, sizeof(value)) && strcmp(value, "b@c.example") == 0);
	fuzz_check(trace_line_value(&l, "sender", value, sizeof(value)));
	fuzz_check(!trace_line_value(&l, "message-id", value, sizeof(value)));
	fuzz_check(!trace_line_value(&l, "server", value, sizeof(value)));
	fuzz_check(!trace_line_is_of(&l, "default"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	char *whole;

	len = len < 1000 ? len : 1000;
	look(text, len);
	whole = mem_printf(HEAD "%.*s", (int)len, text);
	look(whole, strlen(whole));
	free(whole);
	if (len > 0)
		look_inside(text, len);
	return 0;
}
