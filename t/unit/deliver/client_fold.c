/*
 * client_fold - rows of long lines, and random content: given whole, in pieces and byte by byte
 */
#include <string.h>

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

#define LINE 998

static void
add(void *arg, const char *data, size_t len)
{
	buf_add(arg, data, len);
}

/* Folds `in`, which is given in pieces of `step` bytes; returns how many bytes were said to be added. */
static int64_t
fold(const struct buf *in, size_t step, struct buf *out)
{
	struct client_fold f = { .emit = add, .arg = out }, count = { .emit = NULL };

	buf_clear(out);
	for (size_t at = 0; at < in->len; at += step) {
		size_t n = in->len - at < step ? in->len - at : step;

		client_fold_add(&f, in->data + at, n);
		client_fold_add(&count, in->data + at, n);
	}
	client_fold_end(&f);
	client_fold_end(&count);
	ck_assert_int_eq(count.added, f.added);
	ck_assert_int_eq((int64_t)out->len, (int64_t)in->len + f.added);
	return f.added;
}

static size_t
longest_line(const struct buf *text)
{
	size_t longest = 0, at = 0;

	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\n') {
			size_t n = i - at - (i > at && text->data[i - 1] == '\r');

			longest = n > longest ? n : longest;
			at = i + 1;
		}
	return text->len - at > longest ? text->len - at : longest;
}

/* "3x,b": 3 times x, then a b. N is CRLF, R a CR, L an LF, _ a blank, u and v the bytes of UTF-8. */
static void
expand(const char *text, struct buf *out)
{
	while (*text != '\0') {
		unsigned n = 0;
		char c;

		for (; *text >= '0' && *text <= '9'; text++)
			n = n * 10 + (unsigned)(*text - '0');
		c = *text++;
		for (n = n == 0 ? 1 : n; n > 0; n--) {
			if (c == 'N')
				buf_puts(out, "\r\n");
			else {
				char byte = c == 'R' ? '\r' : c == 'L' ? '\n' : c == '_' ? ' ' :
				    c == 'u' ? '\xc3' : c == 'v' ? '\xbc' : c;

				buf_add(out, &byte, 1);
			}
		}
	}
}

static const struct { const char *in, *out; } rows[] = {
	{ "", "" },
	{ "S:_abcNNbodyN.N", "S:_abcNNbodyN.N" },
	{ "998xN", "998xN" },
	{ "999xN", "998xN_xN" },
	{ "998xRx", "998xN_Rx" },
	{ "998x", "998x" },
	{ "999x", "998xN_x" },
	{ "998xL", "998xL" },
	{ "999xL", "998xN_xL" },
	/* before the last blank that fits: a header field is the same when it is put together */
	{ "S:_500x_600yN", "S:_500xN_600yN" },
	{ "S:_500x_492y_zN", "S:_500x_492y_zN" },
	{ "S:_500x_493y_zN", "S:_500x_493yN_zN" },
	{ "S:_500x_491y_z_zN", "S:_500x_491y_zN_zN" },
	{ "500x___600yN", "500xN___600yN" },
	{ "S:_997xN", "S:N_997xN" },
	/* the rest of a broken line begins with a blank: no dot, no delimiter, no field */
	{ "998x.xN", "998xN_.xN" },
	{ "998x--bN", "998xN_--bN" },
	{ "3000xN", "998xN_997xN_997xN_8xN" },
	/* not in a character, not in an encoded byte */
	{ "997xuvN", "997xN_uvN" },
	{ "996xuvxN", "996xuvN_xN" },
	{ "997x=CAN", "997xN_=CAN" },
	{ "996x=CAN", "996xN_=CAN" },
	{ "995x=CAxN", "995x=CAN_xN" },
	{ "1000_N", "998_N2_N" },
	{ "1500vN", "995vN_505vN" },
	/* blanks at the end make no line of their own */
	{ "980x_10y30_N", "980xN_10y30_N" },
	{ "short_lineN999xNshortN", "short_lineN998xN_xNshortN" },
};

/* shows 9.23 */
START_TEST(test_rows)
{
	struct buf in = BUF_INIT(1U << 20), want = BUF_INIT(1U << 20), out = BUF_INIT(1U << 20);

	for (size_t i = 0; i < nitems_of(rows); i++) {
		buf_clear(&in);
		buf_clear(&want);
		expand(rows[i].in, &in);
		expand(rows[i].out, &want);
		for (size_t step = 1; step < 1005; step = step == 3 ? 994 : step + 1) {
			fold(&in, step, &out);
			ck_assert_msg(out.len == want.len && memcmp(buf_text(&out), buf_text(&want),
			    out.len) == 0, "%s in steps of %zu: %s", rows[i].in, step, buf_text(&out));
		}
		ck_assert_uint_le(longest_line(&out), LINE);
	}
	buf_done(&in);
	buf_done(&want);
	buf_done(&out);
}
END_TEST

/* Any bytes: no line is too long, and without what was put in it is what came, however it came. */
START_TEST(test_random)
{
	static const char alphabet[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx \t.=\xc3\xbc-\r";
	struct buf in = BUF_INIT(1U << 20), out = BUF_INIT(1U << 20), other = BUF_INIT(1U << 20);
	uint32_t seed = 1;

	for (unsigned round = 0; round < 60; round++) {
		unsigned blanks = round % 3;
		size_t at = 0;

		buf_clear(&in);
		for (unsigned i = 0; i < 6000; i++) {
			unsigned n = (seed = seed * 1664525U + 1013904223U) >> 10;

			if (n % 1500 == 0)
				buf_puts(&in, "\r\n");
			else
				buf_add(&in, &alphabet[blanks == 0 ? n % 30 : n % (sizeof(alphabet) - 1)], 1);
		}
		fold(&in, in.len, &out);
		ck_assert_uint_le(longest_line(&out), LINE);
		for (size_t i = 0; i < out.len; i++) {
			if (at < in.len && out.data[i] == in.data[at]) {
				at++;
				continue;
			}
			/* CRLF, or CRLF and a blank, was put in */
			ck_assert(i + 2 < out.len && memcmp(out.data + i, "\r\n", 2) == 0);
			i += 2;
			ck_assert(out.data[i] == ' ' || out.data[i] == '\t');
			at += out.data[i] == in.data[at];
		}
		ck_assert_uint_eq(at, in.len);
		for (size_t step = 1; step < 3000; step = step * 7 + 1) {
			fold(&in, step, &other);
			ck_assert(other.len == out.len && memcmp(other.data, out.data, out.len) == 0);
		}
	}
	buf_done(&in);
	buf_done(&out);
	buf_done(&other);
}
END_TEST

UNIT_MAIN("client_fold", test_rows, test_random)
