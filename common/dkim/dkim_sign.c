/*
 * dkim_sign - the DKIM-Signature fields of one message (RFC 6376 3.5, 3.7)
 *
 * Runs in:  deliver, on pool threads
 * Owns:     the state of a body's hash
 * Promise:  no line of the field is longer than 998 octets; what is hashed is what the field says
 * Fails by: -1: there is no field
 */
#include "common/dkim/dkim_sign.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/base/mem.h"
#include "common/dkim/dkim_canon.h"

#define WIDTH 72U		/* of a folded line */

struct dkim_sign_body {
	EVP_MD_CTX *hash;
	bool failed;
	struct dkim_canon canon;
};

static void
hash_piece(void *arg, const char *data, size_t len)
{
	struct dkim_sign_body *b = arg;

	b->failed |= b->hash == NULL || EVP_DigestUpdate(b->hash, data, len) != 1;
}

struct dkim_sign_body *
dkim_sign_body_new(void)
{
	struct dkim_sign_body *b = mem_new(struct dkim_sign_body);

	b->hash = EVP_MD_CTX_new();
	b->failed = b->hash == NULL || EVP_DigestInit_ex(b->hash, EVP_sha256(), NULL) != 1;
	b->canon.emit = hash_piece;
	b->canon.arg = b;
	return b;
}

void
dkim_sign_body_add(struct dkim_sign_body *b, const char *data, size_t len)
{
	dkim_canon_body(&b->canon, data, len);
}

int
dkim_sign_body_end(struct dkim_sign_body *b, uint8_t hash[DKIM_KEY_HASH])
{
	int rc;

	dkim_canon_body_end(&b->canon);
	rc = !b->failed && EVP_DigestFinal_ex(b->hash, hash, NULL) == 1 ? 0 : -1;
	EVP_MD_CTX_free(b->hash);
	ERR_clear_error();
	free(b);
	return rc;
}

/* The names, folded behind a colon. */
static void
put_names(struct buf *out, const char *names)
{
	size_t width = 4;

	while (*names != '\0') {
		size_t n = strcspn(names, ":");

		n += names[n] == ':';
		if (width + n > WIDTH) {
			buf_puts(out, "\r\n\t ");
			width = 2;
		}
		buf_add(out, names, n);
		width += n;
		names += n;
	}
}

static void
put_base64(struct buf *out, const uint8_t *data, size_t len)
{
	char text[BASE64_SIZE(DKIM_KEY_SIGNATURE_MAX)];
	size_t left = base64_encode(text, data, len), first = WIDTH - 4;

	for (const char *at = text; left > 0; first = WIDTH) {
		size_t n = left < first ? left : first;

		buf_puts(out, at == text ? "" : "\r\n\t");
		buf_add(out, at, n);
		at += n;
		left -= n;
	}
}

int
dkim_sign_field(struct buf *out, const struct dkim_fields *f, const uint8_t hash[DKIM_KEY_HASH],
    const struct dkim_sign *by)
{
	struct buf text = BUF_INIT(2 * DKIM_FIELDS_HEADER_MAX);
	uint8_t signature[DKIM_KEY_SIGNATURE_MAX];
	char bh[BASE64_SIZE(DKIM_KEY_HASH)], time[32] = "";
	size_t start = out->len, size = 0;

	base64_encode(bh, hash, DKIM_KEY_HASH);
	if (by->time > 0)
		snprintf(time, sizeof(time), " t=%lld;", (long long)by->time);
	buf_printf(out, "DKIM-Signature: v=1; a=%s-sha256; c=relaxed/relaxed; d=%s;\r\n\ts=%s;%s\r\n\th=",
	    dkim_key_word(by->key->kind), by->domain, by->selector, time);
	put_names(out, buf_text(&f->names));
	buf_printf(out, ";\r\n\tbh=%s;\r\n\tb=", bh);
	/* it is signed itself, with an empty b= and without its line end */
	buf_add(&text, f->signed_text.data, f->signed_text.len);
	if (buf_ok(out))
		dkim_canon_field(&text, out->data + start, out->len - start, false);
	if (buf_ok(out) && buf_ok(&text))
		size = dkim_key_sign(by->key, text.data, text.len, signature);
	buf_done(&text);
	put_base64(out, signature, size);
	buf_puts(out, "\r\n");
	return size > 0 && buf_ok(out) ? 0 : -1;
}
