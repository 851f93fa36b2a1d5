/*
 * dkim - a header is signed or not, without reading past its end; a body has one form however it comes; a record of
 * the DNS is judged
 */
#include "t/fuzz/fuzz.h"
#include "common/dkim/dkim_canon.h"
#include "common/dkim/dkim_fields.h"
#include "common/dkim/dkim_record.h"
#include "common/mail/header.h"

#define MOST 16384

struct form { size_t len; char data[2 * MOST + 8]; };

static void
gather(void *arg, const char *data, size_t len)
{
	struct form *f = arg;

	fuzz_check(len > 0 && len <= DKIM_CANON_PIECE && f->len + len <= sizeof(f->data));
	memcpy(f->data + f->len, data, len);
	f->len += len;
}

static void
form_body(struct form *f, const char *data, size_t len, size_t step)
{
	struct dkim_canon c = { .emit = gather, .arg = f };

	f->len = 0;
	for (size_t at = 0; at < len; at += step)
		dkim_canon_body(&c, data + at, len - at < step ? len - at : step);
	dkim_canon_body_end(&c);
}

/* No blanks side by side or before a line end; one line end, or nothing, at the end; it is its own form. */
static void
check_body(const char *data, size_t len, size_t step)
{
	static struct form whole, pieces, again;

	form_body(&whole, data, len, len + 1);
	form_body(&pieces, data, len, step);
	fuzz_check(whole.len == pieces.len && memcmp(whole.data, pieces.data, whole.len) == 0);
	form_body(&again, whole.data, whole.len, step + 1);
	fuzz_check(again.len == whole.len && memcmp(again.data, whole.data, again.len) == 0);
	fuzz_check(whole.len <= len + 2 && memchr(whole.data, '\t', whole.len) == NULL);
	fuzz_check(memmem(whole.data, whole.len, "  ", 2) == NULL);
	fuzz_check(memmem(whole.data, whole.len, " \r\n", 3) == NULL);
	fuzz_check(whole.len == 0 || (whole.len > 2 && memcmp(whole.data + whole.len - 2, "\r\n", 2) == 0));
}

static size_t
count(const char *text, char byte)
{
	size_t n = 0;

	for (; (text = strchr(text, byte)) != NULL; text++)
		n++;
	return n;
}

static void
check_fields(const char *header, size_t len, bool whole)
{
	struct dkim_fields f;
	const char *why = NULL;
	int rc = dkim_fields_take(&f, header, len, whole, &why);

	fuzz_check((rc == -1) == (why != NULL));
	if (rc == 0) {
		fuzz_check(f.domain[0] != '\0' && strncmp(buf_text(&f.names), "From:From:", 10) == 0);
		fuzz_check(strncmp(buf_text(&f.signed_text), "from:", 5) == 0);
		/* a line each, all of them named */
		fuzz_check(strlen(buf_text(&f.signed_text)) == f.signed_text.len);
		fuzz_check(count(buf_text(&f.signed_text), '\n') <= count(buf_text(&f.names), ':') + 1);
	}
	dkim_fields_done(&f);
}

/* A tag lies in the record; the record of the key itself is good, whatever stands behind it. */
static void
check_record(const char *data, size_t len)
{
	static const char wanted[] = "v=DKIM1; k=rsa; p=AAAA";
	static char text[MOST + sizeof(wanted) + 2];
	struct buf why = BUF_INIT(1000);
	const char *value;
	size_t size;

	memcpy(text, data, len);
	text[len] = '\0';
	for (const char *name = "vpkhst"; *name != '\0'; name++)
		if (dkim_record_tag(text, (char[]){ *name, '\0' }, &value, &size))
			fuzz_check(value >= text && value + size <= text + strlen(text));
	fuzz_check((dkim_record_compare(text, wanted, &why) == DKIM_RECORD_GOOD) == (why.len == 0));
	buf_done(&why);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *in = (const char *)data;
	size_t size;

	if (len < 1 || len > MOST)
		return 0;
	in++;
	size = header_size(in, --len);
	check_fields(in, size, size == len);
	check_body(in, len, data[0] % 16 + 1);
	check_record(in, len);
	return 0;
}
