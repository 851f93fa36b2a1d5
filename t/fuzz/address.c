/*
 * address - paths, mailboxes, lists and DSN parameters; what is taken is whole, and is taken again from its
 * text
 */
#include "t/fuzz/fuzz.h"
#include "common/mail/address.h"
#include "common/mail/xtext.h"

static void
check_address(const struct address *a)
{
	struct address again;
	size_t len = strnlen(a->text, sizeof(a->text));

	fuzz_check(len <= ADDRESS_MAX && a->at <= len && (a->at == len || a->text[a->at] == '@'));
	for (size_t i = 0; i < len; i++)
		fuzz_check((unsigned char)a->text[i] >= ' ' && a->text[i] != 127);
	if (!address_is_null(a) && !address_is_bare(a)) {
		fuzz_check(address_from_text(&again, a->text) == 0);
		fuzz_check(strcmp(again.text, a->text) == 0 && again.at == a->at);
	}
}

static void
check_clean(struct buf *out)
{
	for (size_t i = 0; i < out->len; i++)
		fuzz_check((unsigned char)out->data[i] >= ' ' && out->data[i] != 127);
	buf_done(out);
}

static void
check_xtext(const char *in, size_t len)
{
	char *text = strndup(in, len);
	struct buf out = BUF_INIT(1U << 20);

	if (strlen(text) == len && xtext_is_valid(text, len)) {
		xtext_decode(&out, text);
		check_clean(&out);
	}
	for (unsigned utf8 = 0; utf8 < 2; utf8++)
		if (strlen(text) == len && xtext_is_orcpt(text, len, utf8)) {
			xtext_decode_utf8(&out, strchr(text, ';') + 1);
			check_clean(&out);
			xtext_encode_utf8(&out, text);
			fuzz_check(xtext_is_orcpt(out.data, out.len, false) || out.len > XTEXT_ORCPT_MAX);
			check_clean(&out);
		}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct address a;
	size_t used, pos = 0, before;
	int found;

	if (len == 0)
		return 0;
	unsigned flags = data[0] & 7;
	const char *in = (const char *)data + 1;
	len--;
	if (address_parse_path(&a, in, len, flags, &used) == 0) {
		fuzz_check(used <= len);
		check_address(&a);
	}
	if (address_parse_mailbox(&a, in, len, flags) == 0)
		check_address(&a);
	do {
		before = pos;
		found = address_list_next(&a, in, len, &pos, flags);
		fuzz_check(pos <= len && (found == 0 || pos > before));
		if (found == 1)
			check_address(&a);
	} while (found != 0);
	check_xtext(in, len);
	return 0;
}
