/*
 * evacuate - what a node says that brings messages or takes them: lines, answers, notes; what is taken of them is
 * written and read again alike
 */
#include "deliver/evacuate/evacuate.h"
#include "t/fuzz/fuzz.h"

#define NOW_US INT64_C(1796133174000000)

static bool
is_same_put(const struct evacuate_put *a, const struct evacuate_put *b)
{
	return strcmp(a->id, b->id) == 0 && a->due == b->due && a->held == b->held && a->note == b->note &&
	    a->size == b->size;
}

static void
check_put(const char *line, size_t len)
{
	struct evacuate_put p, again;
	struct buf out = BUF_INIT(EVACUATE_LINE_MAX);

	if (!evacuate_words_parse_put(&p, line, len))
		return;
	fuzz_check(message_id_is_valid(p.id) && p.due >= 0 && p.note + p.size < UINT64_C(1) << 62);
	(void)evacuate_words_judge(&p, NOW_US);
	evacuate_words_format_put(&p, &out);
	fuzz_check(evacuate_words_parse_put(&again, out.data, out.len - 2) && is_same_put(&p, &again));
	buf_done(&out);
}

static void
check_answer(const char *line, size_t len)
{
	struct evacuate_answer a;

	if (!evacuate_words_parse_answer(&a, line, len))
		return;
	fuzz_check(message_id_is_valid(a.id) && strlen(a.said) == len);
	fuzz_check((a.error == 0) == (line[0] == '2') && (!a.known || a.error == 0));
	for (const char *p = a.said; *p != '\0'; p++)
		fuzz_check(*p >= ' ' && *p <= '~');
}

/* What a node makes of its note, the other one takes, as far as its recipients and times can be. */
static void
check_note(const char *text, size_t len)
{
	struct buf copy = BUF_INIT(2 * len + 65536), twice = BUF_INIT(2 * len + 65536);

	(void)evacuate_words_judge_note(text, len, 3, NOW_US);
	evacuate_words_copy_note(text, len, &copy);
	evacuate_words_copy_note(buf_text(&copy), copy.len, &twice);
	fuzz_check(copy.len == twice.len && memcmp(buf_text(&copy), buf_text(&twice), copy.len) == 0);
	buf_done(&copy);
	buf_done(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len);	/* reading past its end shows */

	memcpy(copy, data, len);
	check_put(copy, len);
	check_answer(copy, len);
	check_note(copy, len);
	free(copy);
	return 0;
}
