/*
 * data - content as one piece and byte by byte: the same bytes, the same end, the same fault, and nothing but
 * CRLF lines
 */
#include "common/base/buf.h"
#include "common/mail/data.h"
#include "t/fuzz/fuzz.h"

static void
sink(void *arg, const char *run, size_t len)
{
	fuzz_check(len > 0);
	buf_add(arg, run, len);
}

static size_t
take(struct data *d, const char *in, size_t len, bool bytewise, struct buf *out)
{
	size_t used = 0, step = bytewise ? 1 : len;

	while (used < len && d->state != DATA_END)
		used += data_take(d, in + used, step < len - used ? step : len - used, sink, out);
	return used;
}

static void
take_raw(struct data *d, const char *in, size_t len, bool bytewise, struct buf *out)
{
	for (size_t at = 0; at < len; at += bytewise ? 1 : len)
		data_take_raw(d, in + at, bytewise ? 1 : len, false, sink, out);
	data_end_raw(d, sink, out);
}

static void
check_lines(const struct buf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		fuzz_check(out->data[i] != '\n' || (i > 0 && out->data[i - 1] == '\r'));
		fuzz_check(out->data[i] != '\r' || i + 1 == out->len || out->data[i + 1] == '\n');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *in = (const char *)data;

	for (unsigned mode = 0; mode < 4; mode++) {
		bool raw = mode & 1, mend = mode & 2;
		struct data d[2];
		struct buf out[2] = { BUF_INIT(64U << 20), BUF_INIT(64U << 20) };
		size_t used[2] = { 0 };

		for (unsigned i = 0; i < 2; i++) {
			data_begin(&d[i], len > 0 && data[0] == '!' ? 20 : UINT64_MAX, mend);
			if (raw)
				take_raw(&d[i], in, len, i, &out[i]);
			else
				used[i] = take(&d[i], in, len, i, &out[i]);
		}
		/* with two faults in it, either may be seen first */
		fuzz_check(used[0] == used[1] && (d[0].fault == DATA_FINE) == (d[1].fault == DATA_FINE) &&
		    d[0].size == d[1].size && d[0].mended == d[1].mended);
		fuzz_check(d[0].fault != DATA_FINE || memchr(in, '\0', raw ? len : used[0]) == NULL);
		fuzz_check((d[0].state == DATA_END) == (d[1].state == DATA_END));
		if (d[0].fault == DATA_FINE) {
			fuzz_check(out[0].len == out[1].len && d[0].size == out[0].len);
			fuzz_check(out[0].len == 0 || memcmp(out[0].data, out[1].data, out[0].len) == 0);
			check_lines(&out[0]);
		}
		buf_done(&out[0]);
		buf_done(&out[1]);
	}
	return 0;
}
