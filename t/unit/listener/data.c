/*
 * data - the end-of-data machine against a slow reference: every short string, whole and split at every place
 */
#include "common/mail/data.h"
#include "t/unit/listener/session_fixture.h"

struct result {
	struct buf content;
	size_t used;
	bool ended;
	enum data_fault fault;
	uint64_t size;
	unsigned mended;
};

static void
sink(void *arg, const char *run, size_t len)
{
	struct buf *b = arg;

	ck_assert_uint_gt(len, 0);
	buf_add(b, run, len);
}

/*
 * RFC 5321 4.5.2 and 2.3.8, spelled out: the end is CRLF "." CRLF and nothing else; CRLF is said to stand
 * before the first byte.
 */
static void
reference(struct result *r, const char *in, size_t len)
{
	char padded[64] = "\r\n";
	size_t stop;

	ck_assert_uint_lt(len + 3, sizeof(padded));
	memcpy(padded + 2, in, len);
	padded[2 + len] = '\0';
	*r = (struct result){ .content = BUF_INIT(1000), .used = len };
	for (size_t i = 0; i + 5 <= len + 2; i++) {
		if (memcmp(padded + i, "\r\n.\r\n", 5) == 0) {
			r->ended = true;
			r->used = i + 5 - 2;
			break;
		}
	}
	stop = r->ended ? r->used - 3 : len;
	for (size_t i = 0; i < stop; i++) {
		bool line_start = padded[i] == '\r' && padded[i + 1] == '\n';

		if (!(in[i] == '.' && line_start))
			buf_add(&r->content, in + i, 1);
	}
	for (size_t i = 0; i < r->used; i++) {
		bool after_cr = i > 0 && in[i - 1] == '\r';

		if (in[i] == '\n' ? !after_cr : after_cr)
			r->fault = DATA_BARE;
	}
	r->size = r->content.len;
}

/*
 * The same for clients whose lines are mended, line by line: each ends in CRLF, also with more CRs before it,
 * in a bare LF or in a bare CR; a line of one dot is the end between two CRLF, and a fault elsewhere.
 */
static void
reference_mended(struct result *r, const char *in, size_t len)
{
	bool proper = true;

	*r = (struct result){ .content = BUF_INIT(1000) };
	while (r->used < len && !r->ended) {
		const char *line = in + r->used, *end = line + strcspn(line, "\r\n");
		size_t n = (size_t)(end - line), crs = strspn(end, "\r"), ending;
		bool lone = n == 1 && *line == '.', open = crs > 0 && end + crs == in + len;

		/* what CRs at the very end are is not known yet; a dot before two of them ends nothing */
		ending = end[crs] == '\n' ? crs + 1 : crs > 0;
		if (lone && proper && ending == 2 && !open)
			r->ended = true;
		else if (lone && (open ? crs > 1 : ending > 0))
			r->fault = DATA_BARE;
		if (!r->ended) {
			buf_add(&r->content, line + (*line == '.'), n - (*line == '.'));
			buf_puts(&r->content, !open && ending > 0 ? "\r\n" : "");
		}
		if (!open && ending > 0 && ending != 2)
			r->mended |= *end == '\n' ? DATA_MENDED_LF : DATA_MENDED_CR;
		proper = ending >= 2;
		r->used += n + (open ? crs : ending);
	}
	r->size = r->content.len;
}

static void
run(struct result *r, const char *in, size_t len, size_t cut, bool mend)
{
	struct data d;

	*r = (struct result){ .content = BUF_INIT(1000) };
	data_begin(&d, UINT64_MAX, mend);
	while (r->used < len && d.state != DATA_END) {
		size_t n = len - r->used < cut ? len - r->used : cut;
		size_t used = data_take(&d, in + r->used, n, sink, &r->content);

		ck_assert(used == n || d.state == DATA_END);
		r->used += used;
	}
	r->ended = d.state == DATA_END;
	r->fault = d.fault;
	r->size = d.size;
	r->mended = d.mended;
}

static void
compare(const char *in, size_t len, bool mend)
{
	struct result want, have;
	struct buf shown = BUF_INIT(1000);
	bool open;

	fixture_escape(&shown, in, len);
	(mend ? reference_mended : reference)(&want, in, len);
	/* A dot whose end is still to come is no content yet. */
	open = len > 0 && !want.ended;
	for (size_t cut = 1; cut <= len; cut++) {
		run(&have, in, len, cut, mend);
		ck_assert_msg(have.ended == want.ended && have.used == want.used,
		    "%s cut %zu: end at %zu, not %zu", buf_text(&shown), cut, have.used, want.used);
		ck_assert_msg(have.fault == want.fault, "%s cut %zu: fault %d, not %d", buf_text(&shown), cut,
		    have.fault, want.fault);
		if (want.fault == DATA_FINE) {
			/*
			 * ".\r" at the end of an open text: the CR is held back until it is known to be
			 * content.
			 */
			size_t unsent = open && want.content.len > have.content.len ?
			    want.content.len - have.content.len : 0;

			ck_assert_msg(unsent <= 1, "%s cut %zu: %zu bytes missing", buf_text(&shown), cut,
			    unsent);
			ck_assert_msg(have.content.len + unsent == want.content.len,
			    "%s cut %zu: %zu bytes, not %zu", buf_text(&shown), cut,
			    have.content.len, want.content.len);
			ck_assert(have.content.len == 0 || memcmp(have.content.data, want.content.data,
			    have.content.len) == 0);
			ck_assert_uint_eq(have.size, have.content.len);
			ck_assert_msg(have.mended == want.mended, "%s cut %zu: mended %u, not %u",
			    buf_text(&shown), cut, have.mended, want.mended);
		} else if (!mend) {
			/* Nothing behind a fault is handed on; what came before it may have been. */
			ck_assert_uint_le(have.content.len, want.content.len);
		}
		buf_done(&have.content);
	}
	buf_done(&want.content);
	buf_done(&shown);
}

/* Every string over these four up to seven bytes: 21,844 of them. */
START_TEST(every_short_string)
{
	static const char alphabet[] = { '\r', '\n', '.', 'x' };
	char in[8];

	for (size_t len = 0; len <= 7; len++) {
		for (unsigned n = 0; n < 1U << 2 * len; n++) {
			for (size_t i = 0; i < len; i++)
				in[i] = alphabet[n >> 2 * i & 3];
			in[len] = '\0';
			compare(in, len, false);
			if (len <= 6)
				compare(in, len, true);
		}
	}
}
END_TEST

/*
 * All ends of data, proper and not, for strangers and for clients whose lines are mended. The end is at CRLF
 * "." CRLF alone; every other line of one dot is refused when the end comes.
 */
START_TEST(end_forms)
{
	static const char *const ends[] = { "\r\n", "\n", "\r", "\r\r\n" };

	for (size_t before = 0; before < nitems_of(ends); before++) {
		for (size_t behind = 0; behind < nitems_of(ends); behind++) {
			for (unsigned mend = 0; mend < 2; mend++) {
				char in[64];
				size_t form, len;
				/* behind CR CRLF, too: what is wrong there is the CR in the line before */
				bool proper = (before == 0 || before == 3) && behind == 0;
				bool fine = proper && (before == 0 || mend);

				form = (size_t)snprintf(in, sizeof(in), "x%s.%s", ends[before], ends[behind]);
				len = (size_t)snprintf(in, sizeof(in), "x%s.%sMAIL\r\n.\r\n", ends[before],
				    ends[behind]);
				for (size_t cut = 1; cut <= len; cut++) {
					struct result r;

					run(&r, in, len, cut, mend);
					ck_assert_msg(r.ended && r.used == (proper ? form : len),
					    "form %zu %zu mend %u cut %zu: %zu", before, behind, mend, cut,
					    r.used);
					ck_assert_msg(r.fault == (fine ? DATA_FINE : DATA_BARE),
					    "form %zu %zu mend %u: fault %d", before, behind, mend, r.fault);
					buf_done(&r.content);
				}
			}
		}
	}
}
END_TEST

/* Of chunks of `cut` bytes. */
static enum data_fault
raw_fault(const char *in, size_t len, size_t cut)
{
	struct buf content = BUF_INIT(100);
	struct data d;

	data_begin(&d, UINT64_MAX, false);
	for (size_t at = 0; at < len; at += cut)
		data_take_raw(&d, in + at, cut < len - at ? cut : len - at, false, sink, &content);
	buf_done(&content);
	return d.fault;
}

/* A NUL is refused wherever it stands, but in binary chunks, and behind the end. */
START_TEST(nul)
{
	static const char in[] = "a\0b\r\n.\r\n", behind[] = "ab\r\n.\r\n\0", both[] = "a\nb\r\0c\r\n.\r\n";
	static const char bare_first[] = "a\nb\0c", nul_first[] = "a\r\0b\nc";
	struct data d;
	struct result r;

	for (size_t cut = 1; cut < sizeof(in); cut++) {
		for (unsigned mend = 0; mend < 2; mend++) {
			run(&r, in, sizeof(in) - 1, cut, mend);
			ck_assert(r.ended && r.fault == DATA_NUL);
			buf_done(&r.content);
			run(&r, behind, sizeof(behind) - 1, cut, mend);
			ck_assert(r.ended && r.fault == DATA_FINE);
			buf_done(&r.content);
		}
		run(&r, both, sizeof(both) - 1, cut, false);	/* one answer, wherever it is cut */
		ck_assert(r.ended && r.fault == DATA_BARE);
		buf_done(&r.content);
	}
	for (size_t cut = 1; cut < sizeof(bare_first); cut++) {
		ck_assert_int_eq(raw_fault(bare_first, sizeof(bare_first) - 1, cut), DATA_BARE);
		ck_assert_int_eq(raw_fault(nul_first, sizeof(nul_first) - 1, cut), DATA_NUL);
	}
	for (unsigned binary = 0; binary < 2; binary++) {
		r.content = BUF_INIT(100);
		data_begin(&d, UINT64_MAX, false);
		data_take_raw(&d, in, sizeof(in) - 1, binary, sink, &r.content);
		ck_assert_int_eq(d.fault, binary ? DATA_FINE : DATA_NUL);
		buf_done(&r.content);
	}
}
END_TEST

/* Chunks: no dot means anything; a CR at the very end is mended there. */
START_TEST(mended_chunks)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "a\nb\n", "a\r\nb\r\n" }, { "a\rb\r", "a\r\nb\r\n" }, { "a\r\n.\n", "a\r\n.\r\n" },
		{ "\n\n", "\r\n\r\n" }, { "\r\r\n", "\r\n" }, { "a", "a" }, { ".\n..\n", ".\r\n..\r\n" },
		{ "a\r\r\r\n\r\r\nb", "a\r\n\r\nb" }, { "a\r\rb", "a\r\n\r\nb" }, { "a\r\r", "a\r\n\r\n" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		size_t len = strlen(rows[i].in);

		for (size_t cut = 1; cut <= len; cut++) {
			struct buf out = BUF_INIT(100);
			struct data d;

			data_begin(&d, UINT64_MAX, true);
			for (size_t at = 0; at < len; at += cut)
				data_take_raw(&d, rows[i].in + at, len - at < cut ? len - at : cut, false,
				    sink, &out);
			data_end_raw(&d, sink, &out);
			ck_assert_int_eq(d.fault, DATA_FINE);
			ck_assert_str_eq(buf_text(&out), rows[i].out);
			ck_assert_uint_eq(d.size, out.len);
			buf_done(&out);
		}
	}
}
END_TEST

static enum data_fault
fault_of(const char *in, size_t len, uint64_t limit, size_t cut, bool mend)
{
	struct data d;
	struct buf content = BUF_INIT(1U << 20);

	data_begin(&d, limit, mend);
	for (size_t at = 0; at < len && d.state != DATA_END;) {
		size_t n = len - at < cut ? len - at : cut;

		at += data_take(&d, in + at, n, sink, &content);
	}
	ck_assert_int_eq(d.state, DATA_END);
	buf_done(&content);
	return d.fault;
}

START_TEST(size_limit)
{
	static const char ten[] = "..1234567\r\n.\r\n"; /* ten content bytes: the first dot is transport's */

	for (size_t cut = 1; cut < sizeof(ten); cut++) {
		ck_assert_int_eq(fault_of(ten, sizeof(ten) - 1, 10, cut, false), DATA_FINE);
		ck_assert_int_eq(fault_of(ten, sizeof(ten) - 1, 9, cut, false), DATA_LARGE);
		ck_assert_int_eq(fault_of(ten, sizeof(ten) - 1, UINT64_MAX, cut, false), DATA_FINE);
	}
	ck_assert_int_eq(fault_of(".\r\n", 3, 0, 3, false), DATA_FINE);
}
END_TEST

/* The size of the message is the only limit of a line. */
START_TEST(line_limit)
{
	enum { LINE = 100000, LEN = 3 * LINE + 3 };
	static const size_t cuts[] = { 1, 2, 1000, LINE - 1, LINE, LINE + 1, LEN };
	char *in = mem_zalloc(LEN);

	memset(in, 'x', LEN);
	for (size_t i = 1; i <= 3; i++)
		memcpy(in + i * LINE - 2, "\r\n", 2);
	memcpy(in + LEN - 3, ".\r\n", 3);
	for (size_t i = 0; i < nitems_of(cuts); i++)
		for (int mend = 0; mend <= 1; mend++) {
			ck_assert_int_eq(fault_of(in, LEN, LEN - 3, cuts[i], mend), DATA_FINE);
			ck_assert_int_eq(fault_of(in, LEN, LEN - 4, cuts[i], mend), DATA_LARGE);
		}
	free(in);
}
END_TEST

struct burst { size_t bytes, most, lines; };

static void
burst_sink(void *arg, const char *in, size_t len)
{
	struct burst *b = arg;

	b->bytes += len;
	b->lines += len == 2 && memcmp(in, "\r\n", 2) == 0;
}

/* However many CRs come, what one byte lets go is bounded: so many with an LF are one line end, others lines. */
START_TEST(endless_cr)
{
	static const struct { size_t crs; const char *tail; size_t lines; } rows[] = {
		{ 1, "\n", 1 }, { 8, "\n", 1 }, { 9, "\n", 9 }, { 20, "\n", 17 }, { 1000, "\n", 993 },
		{ 8, "x", 8 }, { 9, "x", 9 }, { 1000, "x", 1000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct burst b = { 0 };
		struct data d;

		data_begin(&d, UINT64_MAX, true);
		data_take(&d, "a", 1, burst_sink, &b);
		for (size_t n = 0; n <= rows[i].crs; n++) {
			size_t before = b.bytes;

			data_take(&d, n < rows[i].crs ? "\r" : rows[i].tail, 1, burst_sink, &b);
			b.most = b.bytes - before > b.most ? b.bytes - before : b.most;
		}
		ck_assert_int_eq(d.fault, DATA_FINE);
		ck_assert_msg(b.lines == rows[i].lines, "row %zu: %zu lines", i, b.lines);
		ck_assert_uint_le(b.most, 2 * DATA_CRS_MAX + 1);
		ck_assert_uint_eq(d.size, b.bytes);
	}
}
END_TEST

/* Lines without dots at their start come through in one piece: no copying line by line. */
static void
count_sink(void *arg, const char *in, size_t len)
{
	(void)in, (void)len;
	++*(unsigned *)arg;
}

START_TEST(one_run)
{
	static const char in[] = "Subject: x\r\n\r\none\r\ntwo. three\r\n\r\nfour\r\n.\r\nQUIT\r\n";
	struct data d;

	for (unsigned mend = 0; mend < 2; mend++) {
		unsigned runs = 0;

		data_begin(&d, UINT64_MAX, mend);
		ck_assert_uint_eq(data_take(&d, in, sizeof(in) - 1, count_sink, &runs), sizeof(in) - 1 - 6);
		ck_assert_uint_eq(runs, 1);
	}
}
END_TEST

/* In text of good lines, where whole blocks are taken at once, as byte by byte, where none is. */
static void
compare_in_text(const char *in, size_t len, bool mend)
{
	struct result whole, bytes;

	run(&whole, in, len, len, mend);
	run(&bytes, in, len, 1, mend);
	ck_assert_msg(whole.ended == bytes.ended && whole.used == bytes.used && whole.fault == bytes.fault &&
	    whole.mended == bytes.mended, "%.*s: %zu fault %d, byte by byte %zu fault %d", (int)len, in,
	    whole.used, whole.fault, bytes.used, bytes.fault);
	if (whole.fault == DATA_FINE) {
		ck_assert_msg(whole.size == bytes.size && whole.content.len == bytes.content.len,
		    "%.*s: %zu bytes, not %zu", (int)len, in, whole.content.len, bytes.content.len);
		ck_assert_int_eq(memcmp(whole.content.data, bytes.content.data, bytes.content.len), 0);
	}
	buf_done(&whole.content);
	buf_done(&bytes.content);
}

/* Each three bytes at each place around the edges of blocks; the end of the text behind it, near and far. */
START_TEST(every_place_in_text)
{
	static const char alphabet[] = { '\r', '\n', '.', 'x' };
	static const size_t tails[] = { 5, 69 };
	char in[300];

	for (unsigned n = 0; n < 64; n++) {
		for (size_t at = 58; at < 136; at += at == 68 ? 56 : 1) {
			for (size_t i = 0; i < at + 3; i++)
				in[i] = i % 31 == 29 ? '\r' : i % 31 == 30 ? '\n' : 'x';
			for (size_t i = 0; i < 3; i++)
				in[at + i] = alphabet[n >> 2 * i & 3];
			for (size_t k = 0; k < nitems_of(tails); k++) {
				size_t len = at + 3 + tails[k];

				memset(in + at + 3, 'y', tails[k]);
				memcpy(in + len - 5, "\r\n.\r\n", 5);
				compare_in_text(in, len, n % 2 != at % 2);
			}
		}
	}
}
END_TEST

UNIT_MAIN("data", every_short_string, end_forms, nul, mended_chunks, size_limit, line_limit,
    endless_cr, one_run, every_place_in_text)
