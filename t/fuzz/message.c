/* message - queue files' envelopes: what is read is written and read again alike */
#include "t/fuzz/fuzz.h"
#include "common/mail/message.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct message_envelope e = { 0 }, again = { 0 };
	struct buf out = BUF_INIT(64U << 20);
	const char *why = NULL;
	int found = message_envelope_parse(&e, (const char *)data, len, &why);

	fuzz_check(found != -1 || why != NULL);
	if (found == 1) {
		fuzz_check((size_t)e.content_at <= len && e.marks_at > 0 && (size_t)e.marks_at +
		    e.nrcpt <= len);
		fuzz_check(message_envelope_format(&e, &out) == 0);
		fuzz_check(message_envelope_parse(&again, out.data, out.len, &why) == 1);
		fuzz_check(again.nrcpt == e.nrcpt && again.flags == e.flags &&
		    strcmp(again.sender, e.sender) == 0);
		for (size_t i = 0; i < e.nrcpt; i++)
			fuzz_check(strcmp(e.rcpt[i].address, again.rcpt[i].address) == 0 &&
			    e.rcpt[i].mark == again.rcpt[i].mark && e.rcpt[i].notify == again.rcpt[i].notify);
	}
	if (len >= MESSAGE_END_SIZE)
		(void)message_end_parse((const char *)data + len - MESSAGE_END_SIZE);
	message_envelope_done(&e);
	message_envelope_done(&again);
	buf_done(&out);
	return 0;
}
