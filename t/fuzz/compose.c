/* compose - pickup files: a good one has an envelope that a queue file can hold and a header of CRLF lines */
#include "t/fuzz/fuzz.h"
#include "pickup/pickup.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct compose_rules rules = {
		.fqdn = "mx.corp.example", .domain = "corp.example", .id = "0123456789abcdef",
		.date = "Sat, 21 Nov 2026 20:00:00 +0100",
	};
	const char *raw = (const char *)data;
	size_t mark = body_mark(raw, len), cut = len > mark ? (len - mark) / 2 : 0;
	struct body_survey survey = { 0 };
	struct body body = { 0 };
	struct compose_header h = { 0 };
	struct message_envelope e = { 0 };
	struct buf text = BUF_INIT(64U << 20), out = BUF_INIT(64U << 20),
	    envelope = BUF_INIT(MESSAGE_ENVELOPE_MAX);
	char detail[COMPOSE_DETAIL_SIZE] = "";

	raw += mark;
	len -= mark;
	body_survey_add(&survey, raw, cut);
	body_survey_add(&survey, raw + cut, len - cut);
	body_survey_end(&survey);
	body.unstuff = body_is_stuffed(CONFIG_DOTS_AUTO, survey.dots, writer_find(raw, len));
	body_add(&body, raw, cut, &text);
	int found = compose_split(buf_text(&text), text.len, false, &h);
	body_add(&body, raw + cut, len - cut, &text);
	body_end(&body, &text);
	if (found == 0)
		found = compose_split(buf_text(&text), text.len, true, &h);
	fuzz_check(found != 0);
	if (found == 1 && !survey.nul) {
		fuzz_check(h.start <= h.fields && h.fields <= h.end && h.end <= h.body && h.body <= text.len);
		if (compose_message(&rules, buf_text(&text), &h, &e, &out, detail) == JUDGE_GOOD) {
			fuzz_check(e.nrcpt > 0 && e.sender != NULL && message_envelope_format(&e,
			    &envelope) == 0);
			fuzz_check(out.len >= 4 && memcmp(out.data + out.len - 4, "\r\n\r\n", 4) == 0);
			for (size_t i = 0; i < out.len; i++)
				fuzz_check(out.data[i] != '\n' || (i > 0 && out.data[i - 1] == '\r'));
		}
	}
	fuzz_check(strnlen(detail, sizeof(detail)) < sizeof(detail));
	message_envelope_done(&e);
	buf_done(&text);
	buf_done(&out);
	buf_done(&envelope);
	return 0;
}
