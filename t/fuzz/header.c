/* header - fields lie in the message, one behind the other */
#include "t/fuzz/fuzz.h"
#include "common/mail/header.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *in = (const char *)data;
	struct header_field f;
	size_t pos = 0, before = 0;
	

	while (header_next(in, len, &pos, &f) == 1) {
		fuzz_check(pos > before && pos <= len && f.start == in + before && f.size == pos - before);
		fuzz_check(f.name >= f.start && f.name_len > 0 && f.value >= f.name + f.name_len);
		fuzz_check(f.value + f.value_len <= in + pos);
		(void)(header_is(&f, "Received") && header_value_is(&f, "No"));
		before = pos;
	}
	for (size_t n = 0, skip, whole; n <= len && n < 200; n++) {
		enum header_opening end = header_opening(in, n, true, &whole),
		    what = header_opening(in, n, false, &skip);

		fuzz_check(end != HEADER_UNDECIDED && whole <= n && (end == HEADER_MBOX) == (whole != 0));
		fuzz_check(what == HEADER_UNDECIDED || (what == end && skip == whole));
	}
	fuzz_check(header_size(in, len) <= len);
	return 0;
}
