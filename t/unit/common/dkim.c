/* dkim - canonical forms, fields, keys and signatures: by the examples of RFC 6376 and RFC 8463 */
#include "t/unit/check_main.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "common/base/base64.h"
#include "common/dkim/dkim_canon.h"
#include "common/dkim/dkim_fields.h"
#include "common/dkim/dkim_key.h"
#include "common/dkim/dkim_sign.h"

/* RFC 8463 A.1; the Ed25519 key is that of RFC 8032 7.1, test 1, here in PKCS #8. */
static const char rsa_pem[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
    "KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
    "AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
    "6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
    "zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
    "6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
    "uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n"
    "WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
    "WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
    "licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
    "o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
    "uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
    "-----END RSA PRIVATE KEY-----\n";
static const char ed_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
static const char rsa_record[] =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    "Ip3G+2kryOTIKT+l/K4w3QIDAQAB";
static const char ed_record[] = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/* RFC 8463 A.3 */
static const char from[] = "From: Joe SixPack <joe@football.example.com>\r\n";
static const char to[] = "To: Suzie Q <suzie@shopping.example.net>\r\n";
static const char subject[] = "Subject: Is dinner ready?\r\n";
static const char date[] = "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n";
static const char message_id[] = "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n";
static const char body[] = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
static const char body_hash[] = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=";
static const struct { const char *pem, *field, *signature; } signed_by[] = {
	{ ed_pem, "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
	    " d=football.example.com; i=@football.example.com;\r\n"
	    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
	    " subject : date : message-id : from : subject : date;\r\n"
	    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=",
	    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==" },
	{ rsa_pem, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
	    " d=football.example.com; i=@football.example.com;\r\n"
	    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
	    " date : message-id : from : subject : date;\r\n"
	    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=",
	    "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9m"
	    "PYQTnGdaSGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=" },
};

static void
gather(void *arg, const char *data, size_t len)
{
	buf_add(arg, data, len);
}

/* In pieces of `step` bytes. */
static void
canon(struct buf *out, const char *data, size_t len, size_t step)
{
	struct dkim_canon c = { .emit = gather, .arg = out };

	buf_clear(out);
	for (size_t at = 0; at < len; at += step)
		dkim_canon_body(&c, data + at, len - at < step ? len - at : step);
	dkim_canon_body_end(&c);
}

START_TEST(bodies)
{
	static const struct { const char *in, *out; } rows[] = {
		{ " C \r\nD \t E\r\n\r\n\r\n", " C\r\nD E\r\n" },	/* RFC 6376 3.4.5 */
		{ "", "" }, { "\r\n", "" }, { "\r\n\r\n\r\n", "" }, { " \t\r\n  \r\n", "" },
		{ "a", "a\r\n" }, { "a \t", "a\r\n" }, { "a\r\n\r\nb", "a\r\n\r\nb\r\n" },
		{ "\r\n \r\na\r\n", "\r\n\r\na\r\n" }, { "\ta  b\t\tc \r\n", " a b c\r\n" },
		/* a bare CR or LF is a byte */
		{ "a\nb\r\n", "a\nb\r\n" }, { "a\rb\r\n", "a\rb\r\n" }, { "a\r", "a\r\r\n" },
		{ "a\r\r\n", "a\r\r\n" }, { "a \r b \r\n", "a \r b\r\n" }, { "\n", "\n\r\n" },
		{ " ", "" }, { "\r", "\r\r\n" },
	};
	struct buf out = BUF_INIT(65536);

	for (size_t i = 0; i < nitems_of(rows); i++)
		for (size_t step = 1; step < 4; step++) {
			canon(&out, rows[i].in, strlen(rows[i].in), step);
			ck_assert_msg(strcmp(buf_text(&out), rows[i].out) == 0, "row %zu step %zu: \"%s\"", i,
			    step, buf_text(&out));
		}
	buf_done(&out);
}
END_TEST

/* Lines longer than a piece, and more empty lines than are counted one by one. */
START_TEST(large_body)
{
	struct buf in = BUF_INIT(1 << 20), want = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);

	for (int i = 0; i < 3000; i++) {
		buf_puts(&in, "word \t");
		buf_puts(&want, i > 0 ? " word" : "word");
	}
	for (int i = 0; i < 5000; i++) {
		buf_puts(&in, "\r\n");
		buf_puts(&want, "\r\n");
	}
	buf_puts(&in, "end\r\n\r\n");
	buf_puts(&want, "end\r\n");
	for (size_t step = 1; step < in.len * 2; step = step * 3 + 1) {
		canon(&out, in.data, in.len, step);
		ck_assert_uint_eq(out.len, want.len);
		ck_assert_mem_eq(out.data, want.data, want.len);
	}
	buf_done(&in);
	buf_done(&want);
	buf_done(&out);
}
END_TEST

START_TEST(fields_canonical)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "A: X\r\n", "a:X\r\n" }, { "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },	/* RFC 6376 3.4.5 */
		{ "Subject:\r\n", "subject:\r\n" }, { "Subject: \t \r\n", "subject:\r\n" },
		{ "X:a\r\n b\r\n\t\tc", "x:a b c\r\n" }, { "X: \r\n a\r\n", "x:a\r\n" },
		{ "To:\r\n\ta@b,\r\n c@d\r\n", "to:a@b, c@d\r\n" }, { "X: a: b\r\n", "x:a: b\r\n" },
	};
	struct buf out = BUF_INIT(1000);

	for (size_t i = 0; i < nitems_of(rows); i++) {
		buf_clear(&out);
		dkim_canon_field(&out, rows[i].in, strlen(rows[i].in), true);
		ck_assert_str_eq(buf_text(&out), rows[i].out);
	}
	buf_done(&out);
}
END_TEST

static void
read_key(struct dkim_key *k, const char *pem)
{
	struct buf why = BUF_INIT(200);

	ck_assert_msg(dkim_key_read(k, pem, strlen(pem), &why) == 0, "%s", buf_text(&why));
	buf_done(&why);
}

static const char *
hash_of(const char *text, char out[BASE64_SIZE(DKIM_KEY_HASH)])
{
	struct dkim_sign_body *b = dkim_sign_body_new();
	uint8_t hash[DKIM_KEY_HASH];

	dkim_sign_body_add(b, text, strlen(text));
	ck_assert_int_eq(dkim_sign_body_end(b, hash), 0);
	base64_encode(out, hash, sizeof(hash));
	return out;
}

START_TEST(body_hashes)
{
	char text[BASE64_SIZE(DKIM_KEY_HASH)];

	ck_assert_str_eq(hash_of(body, text), body_hash);
	ck_assert_str_eq(hash_of("", text), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");	/* 6376 3.4.4 */
}
END_TEST

/* The signatures of RFC 8463 come out to the bit: both kinds have one signature for one text. */
START_TEST(example_signatures)
{
	const char *const order[] = { from, to, subject, date, message_id };

	for (size_t i = 0; i < nitems_of(signed_by); i++) {
		struct buf text = BUF_INIT(8192);
		char signature[BASE64_SIZE(DKIM_KEY_SIGNATURE_MAX)];
		uint8_t bytes[DKIM_KEY_SIGNATURE_MAX];
		struct dkim_key k;

		read_key(&k, signed_by[i].pem);
		for (size_t n = 0; n < nitems_of(order); n++)
			dkim_canon_field(&text, order[n], strlen(order[n]), true);
		dkim_canon_field(&text, signed_by[i].field, strlen(signed_by[i].field), false);
		base64_encode(signature, bytes, dkim_key_sign(&k, text.data, text.len, bytes));
		ck_assert_str_eq(signature, signed_by[i].signature);
		buf_done(&text);
		dkim_key_done(&k);
	}
}
END_TEST

START_TEST(records)
{
	struct buf out = BUF_INIT(2000);
	struct dkim_key k;

	read_key(&k, rsa_pem);
	dkim_key_record(&k, &out);
	ck_assert_str_eq(buf_text(&out), rsa_record);
	ck_assert_int_eq(k.bits, 1024);
	dkim_key_done(&k);
	buf_clear(&out);
	read_key(&k, ed_pem);
	dkim_key_record(&k, &out);
	ck_assert_str_eq(buf_text(&out), ed_record);
	dkim_key_done(&k);
	buf_done(&out);
}
END_TEST

/* A new key is written, read again, and has the same record. */
START_TEST(new_keys)
{
	for (enum dkim_key_kind kind = 0; kind < DKIM_KEY_KINDS; kind++) {
		struct buf pem = BUF_INIT(DKIM_KEY_FILE_MAX), made = BUF_INIT(2000), again = BUF_INIT(2000);
		struct dkim_key k, r;

		ck_assert_int_eq(dkim_key_make(&k, kind, 2048), 0);
		ck_assert_int_eq(dkim_key_write(&k, &pem), 0);
		read_key(&r, buf_text(&pem));
		ck_assert_int_eq(r.kind, kind);
		dkim_key_record(&k, &made);
		dkim_key_record(&r, &again);
		ck_assert_str_eq(buf_text(&made), buf_text(&again));
		dkim_key_done(&k);
		dkim_key_done(&r);
		buf_wipe(&pem);
		buf_done(&made);
		buf_done(&again);
	}
}
END_TEST

static void
refuses(EVP_PKEY *key, bool phrase, bool half, const char *words)
{
	BIO *bio = BIO_new(BIO_s_mem());
	struct buf why = BUF_INIT(200);
	struct dkim_key k;
	char *text;
	long len;

	if (half)
		PEM_write_bio_PUBKEY(bio, key);
	else
		PEM_write_bio_PKCS8PrivateKey(bio, key, phrase ? EVP_aes_128_cbc() : NULL, phrase ? "secret" : NULL,
		    phrase ? 6 : 0, NULL, NULL);
	len = BIO_get_mem_data(bio, &text);
	ck_assert_int_eq(dkim_key_read(&k, text, (size_t)len, &why), -1);
	ck_assert_msg(strstr(buf_text(&why), words) != NULL, "%s", buf_text(&why));
	buf_done(&why);
	BIO_free(bio);
	EVP_PKEY_free(key);
}

START_TEST(refused_keys)
{
	struct buf why = BUF_INIT(200);
	struct dkim_key k;

	refuses(EVP_EC_gen("P-256"), false, false, "is a key of the kind EC; DKIM has RSA and Ed25519");
	refuses(EVP_RSA_gen(768), false, false, "is an RSA key of 768 bits; 1024 to 4096 are possible");
	refuses(EVP_RSA_gen(4608), false, false, "is an RSA key of 4608 bits");
	refuses(EVP_RSA_gen(2048), true, false, "has a pass phrase");
	refuses(EVP_RSA_gen(2048), false, true, "has no private key in PEM form");
	ck_assert_int_eq(dkim_key_read(&k, "", 0, &why), -1);
	ck_assert_int_eq(dkim_key_read(&k, rsa_pem, 400, &why), -1);
	buf_done(&why);
}
END_TEST

static const char *
take(struct dkim_fields *f, const char *header)
{
	const char *why = NULL;

	if (dkim_fields_take(f, header, strlen(header), true, &why) == -1) {
		ck_assert_ptr_ne(why, NULL);
		return why;
	}
	ck_assert_ptr_eq(why, NULL);
	return "";
}

START_TEST(chosen_fields)
{
	struct dkim_fields f;

	ck_assert_str_eq(take(&f, "Received: by x\r\nFrom: \"A, b\" <a@Example.COM>\r\nX: y\r\nto: c@d\r\n"
	    "TO : e@f\r\nSubject: one\r\n two\r\nDate: now\r\nList-Id: <l>\r\n\r\n"), "");
	ck_assert_str_eq(f.domain, "example.com");
	ck_assert_str_eq(buf_text(&f.names), "From:From:Reply-To:To:To:To:Cc:Subject:Subject:Date:Date:"
	    "MIME-Version:Content-Type:Content-Transfer-Encoding:Content-Disposition:In-Reply-To:References:"
	    "List-Id");
	ck_assert_str_eq(buf_text(&f.signed_text), "from:\"A, b\" <a@Example.COM>\r\nto:e@f\r\nto:c@d\r\n"
	    "subject:one two\r\ndate:now\r\nlist-id:<l>\r\n");
	dkim_fields_done(&f);
	/* no body, and no empty line */
	ck_assert_str_eq(take(&f, "From: a@b\xc3\xbc.example\r\n"), "");
	ck_assert_str_eq(f.domain, "xn--b-eha.example");
	dkim_fields_done(&f);
	/* From twice, one author */
	ck_assert_str_eq(take(&f, "From: a@x.example\r\nFrom: b@X.example, c@x.example\r\n\r\n"), "");
	ck_assert_int_eq(strncmp(buf_text(&f.names), "From:From:From:Reply-To", 23), 0);
	dkim_fields_done(&f);
}
END_TEST

START_TEST(not_signed)
{
	static const struct { const char *header, *why; } rows[] = {
		{ "Subject: x\r\n\r\n", "it has no From" }, { "", "it has no From" },
		{ "From: root\r\n\r\n", "its From has no domain" },
		{ "From: a@[192.0.2.1]\r\n\r\n", "its From has no domain" },
		{ "From: a@x.example\r\nFrom: a@y.example\r\n\r\n", "its From names several domains" },
		{ "From: a@x.example, a@y.example\r\n\r\n", "its From names several domains" },
		{ "From: <a@\r\n\r\n", "its From cannot be read" },
		{ "From: a@b.example\r\nno field\r\n\r\n", "its header has a line that is no field" },
		{ "From: a@b.example\n\r\n", "its header has a line that ends in a bare CR or LF, or a NUL" },
		{ "From: a@b.example\rX\r\n\r\n", "its header has a line that ends in a bare CR or LF, or a NUL" },
		{ "From: a@b.example\r", "its header has a line that ends in a bare CR or LF, or a NUL" },
	};
	struct dkim_fields f;
	struct buf many = BUF_INIT(1 << 20);

	for (size_t i = 0; i < nitems_of(rows); i++) {
		ck_assert_str_eq(take(&f, rows[i].header), rows[i].why);
		dkim_fields_done(&f);
	}
	for (unsigned i = 0; i <= DKIM_FIELDS_MAX; i++)
		buf_puts(&many, "To: a@b\r\n");
	ck_assert_str_eq(take(&f, buf_text(&many)), "its header has too many fields");
	dkim_fields_done(&f);
	buf_done(&many);
}
END_TEST

/* The field can be read, its lines are short, and OpenSSL finds its signature right. */
START_TEST(whole_field)
{
	struct buf out = BUF_INIT(65536), text = BUF_INIT(65536);
	struct dkim_fields f;
	struct dkim_key k;
	const char *why;
	uint8_t bytes[DKIM_KEY_SIGNATURE_MAX], hash[DKIM_KEY_HASH] = "0123456789";
	char clean[BASE64_SIZE(DKIM_KEY_SIGNATURE_MAX)];
	size_t n = 0;

	ck_assert_int_eq(dkim_fields_take(&f, from, strlen(from), true, &why), 0);
	ck_assert_int_eq(dkim_key_make(&k, DKIM_KEY_RSA, 4096), 0);
	ck_assert_int_eq(dkim_sign_field(&out, &f, hash, &(struct dkim_sign){ &k, "example.com", "s1", 1234567 }), 0);
	ck_assert_int_eq(strncmp(out.data, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; "
	    "d=example.com;\r\n\ts=s1; t=1234567;\r\n\th=From:From:", 100), 0);
	for (char *line = out.data, *end; *line != '\0'; line = end + 2) {
		end = strstr(line, "\r\n");
		ck_assert_ptr_ne(end, NULL);
		ck_assert_int_lt(end - line, 79);
		ck_assert(line == out.data || *line == '\t');
	}
	char *b = strstr(out.data, "\tb=") + 3;
	for (const char *p = b; *p != '\0'; p++)
		if (*p != '\r' && *p != '\n' && *p != '\t')
			clean[n++] = *p;
	ck_assert_int_eq(base64_decode(bytes, sizeof(bytes), clean, n), 512);
	buf_add(&text, f.signed_text.data, f.signed_text.len);
	dkim_canon_field(&text, out.data, (size_t)(b - out.data), false);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	ck_assert_int_eq(EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, k.pkey), 1);
	ck_assert_int_eq(EVP_DigestVerify(c, bytes, 512, (const unsigned char *)text.data, text.len), 1);
	EVP_MD_CTX_free(c);
	dkim_key_done(&k);
	dkim_fields_done(&f);
	buf_done(&out);
	buf_done(&text);
}
END_TEST

UNIT_MAIN("dkim", bodies, large_body, fields_canonical, body_hashes, example_signatures, records, new_keys,
    refused_keys, chosen_fields, not_signed, whole_field)
