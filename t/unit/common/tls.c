/*
 * tls - certificate pairs, the choice by server name, tickets, versions:
 * against OpenSSL's own client on a socket pair
 */
#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "t/unit/temp_pair.h"

static void
refused(struct tls *t, const struct tls_source *s, size_t n, bool strict, const char *reason)
{
	struct buf why = BUF_INIT(1000);

	ck_assert_int_eq(tls_load(t, s, n, strict, &why), -1);
	ck_assert_msg(strcmp(buf_text(&why), reason) == 0, "%s", buf_text(&why));
	buf_done(&why);
}

/* A client against `t`; what it saw. */
struct meeting {
	SSL_CTX *context;
	SSL_SESSION *session;	/* offered, and then the new one */
	const char *name;
	char shown[64];		/* first DNS name of the server's certificate */
	bool done, resumed;
	const char *reason;
	char version[16];
	bool known;		/* the server has the client's certificate */
	unsigned char fingerprint[TLS_FINGERPRINT_SIZE];
};

static void
look(struct meeting *m, SSL *client, struct ssl_st *server)
{
	X509 *x = SSL_get0_peer_certificate(client);
	GENERAL_NAMES *names = x != NULL ? X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL) : NULL;

	if (names != NULL)
		snprintf(m->shown, sizeof(m->shown), "%s",
		    ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 0)->d.dNSName));
	GENERAL_NAMES_free(names);
	m->done = true;
	m->resumed = SSL_session_reused(client) == 1;
	ck_assert_int_eq(m->resumed, SSL_session_reused(server) == 1);
	m->known = tls_link_fingerprint(server, m->fingerprint);
	snprintf(m->version, sizeof(m->version), "%s", tls_link_version(server));
	ck_assert_str_eq(tls_link_version(server), SSL_get_version(client));
	ck_assert_int_ge(tls_link_bits(server), 112);
	ck_assert_ptr_nonnull(strstr(tls_link_cipher(server), "TLS_"));
}

/* A word each way; the client's turn makes it take the ticket. */
static void
talk(SSL *client, struct ssl_st *server)
{
	char word[100];
	enum tls_want want;

	ck_assert_uint_eq(tls_link_read(server, word, sizeof(word), &want), 0);
	ck_assert_int_eq(want, TLS_WANT_READ);
	ck_assert_int_eq(SSL_write(client, "hello", 5), 5);
	ck_assert_uint_eq(tls_link_read(server, word, sizeof(word), &want), 5);
	ck_assert_uint_eq(tls_link_write(server, "answer", 6, &want), 6);
	ck_assert_int_eq(SSL_read(client, word, sizeof(word)), 6);
	unsigned char ours[TLS_BINDING_SIZE], theirs[TLS_BINDING_SIZE];
	ck_assert(tls_link_binding(server, ours));
	ck_assert_int_eq(SSL_export_keying_material(client, theirs, sizeof(theirs),
	    "EXPORTER-Channel-Binding", 24, NULL, 0, 0), 1);
	ck_assert_mem_eq(ours, theirs, sizeof(ours));
	unsigned char finished[TLS_UNIQUE_SIZE];
	bool before = SSL_version(client) < TLS1_3_VERSION;
	ck_assert(tls_link_unique(server, ours) == before);
	if (before) {
		size_t n = SSL_session_reused(client) ? SSL_get_peer_finished(client, finished,
		    sizeof(finished)) : SSL_get_finished(client, finished, sizeof(finished));

		ck_assert_uint_eq(n, sizeof(finished));
		ck_assert_mem_eq(ours, finished, sizeof(finished));
	}
	SSL_shutdown(client);
	ck_assert_uint_eq(tls_link_read(server, word, sizeof(word), &want), 0);
	ck_assert_int_eq(want, TLS_ENDED);
	tls_link_close(server);
}

static void
meet(struct tls *t, struct meeting *m)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	struct ssl_st *server = tls_link_new(t, fd[0]);
	SSL *client = SSL_new(m->context);
	SSL_set_fd(client, fd[1]);
	SSL_set_connect_state(client);
	if (m->name != NULL)
		SSL_set_tlsext_host_name(client, m->name);
	if (m->session != NULL)
		SSL_set_session(client, m->session);
	m->done = false;
	enum tls_want want = TLS_WANT_READ;
	int result = -1;
	for (int i = 0; i < 20 && (result != 1 || want != TLS_DONE) && want != TLS_BROKEN; i++) {
		if (result != 1)
			result = SSL_do_handshake(client);
		if (want != TLS_DONE)
			want = tls_link_shake(server);
	}
	if (want == TLS_BROKEN) {
		m->reason = tls_link_reason();
	} else {
		ck_assert_int_eq(want, TLS_DONE);
		look(m, client, server);
		talk(client, server);
		SSL_SESSION_free(m->session);
		m->session = SSL_get1_session(client);
	}
	SSL_free(client);
	tls_link_free(server);
	close(fd[0]);
	close(fd[1]);
	ERR_clear_error();
}

static struct meeting
client_new(int lowest, int highest)
{
	struct meeting m = { .context = SSL_CTX_new(TLS_client_method()) };

	SSL_CTX_set_security_level(m.context, 0);
	SSL_CTX_set_cipher_list(m.context, "DEFAULT:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(m.context, lowest);
	SSL_CTX_set_max_proto_version(m.context, highest);
	return m;
}

static void
client_done(struct meeting *m)
{
	SSL_SESSION_free(m->session);
	SSL_CTX_free(m->context);
}

START_TEST(test_pairs)
{
	struct text a, b, late, early;
	struct tls *t = tls_new(CONFIG_TLS_1_2, "default", false);

	make(&a, "DNS:mx.example.com, DNS:*.example.org, email:x@y.example", -1, 30, false);
	make(&b, NULL, -1, 10, true);
	make(&late, "DNS:late.example", -10, -2, false);
	make(&early, "DNS:early.example", 2, 10, false);
	struct tls_source s[] = { source(&a, &a), source(&b, &b) };
	ck_assert_ptr_null(tls_link_new(t, 0));
	load(t, s, 2);
	ck_assert_uint_eq(tls_count(t), 2);
	ck_assert_str_eq(tls_names(t, 0), "mx.example.com, *.example.org");
	ck_assert_str_eq(tls_names(t, 1), "common.example");
	ck_assert_int_eq(tls_days(t, 0), 30);

	/* One that is not good changes nothing, wherever it stands. */
	struct tls_source swapped[] = { source(&a, &a), source(&a, &b) };
	refused(t, swapped, 2, true, "the key in /k is not that of the certificate in /c");
	struct tls_source expired = source(&late, &late), future = source(&early, &early);
	refused(t, &expired, 1, true, "the certificate in /c has expired");
	refused(t, &future, 1, true, "the certificate in /c is not valid yet");
	struct tls_source none = source(&a, &a);
	none.certificate.len = 0;
	refused(t, &none, 1, false, "there is no certificate in PEM form in /c");
	none = source(&a, &a);
	none.key = none.certificate;
	refused(t, &none, 1, false, "there is no private key in PEM form in /c");
	refused(t, s, 0, false, "");
	ck_assert_uint_eq(tls_count(t), 2);
	ck_assert_str_eq(tls_names(t, 0), "mx.example.com, *.example.org");

	/* At the start an expired one is better than none. */
	struct buf why = BUF_INIT(1000);
	ck_assert_int_eq(tls_load(t, &expired, 1, false, &why), 0);
	ck_assert_uint_eq(tls_count(t), 1);
	ck_assert_int_lt(tls_days(t, 0), 0);
	tls_free(t);
	forget(&a);
	forget(&b);
	forget(&late);
	forget(&early);
}
END_TEST

START_TEST(test_bad_texts)
{
	struct text a;
	struct tls *t = tls_new(CONFIG_TLS_1_2, "default", false);

	make(&a, "DNS:mx.example.com", -1, 30, false);
	struct tls_source s = source(&a, &a);
	/* Cut at every place: never taken, never a crash. The line end at the end is no loss. */
	for (size_t len = 0; len < a.certificate.len - 1; len += 7) {
		struct tls_source cut = s;

		cut.certificate.len = len;
		refused(t, &cut, 1, false, "there is no certificate in PEM form in /c");
	}
	for (size_t len = 0; len < a.key.len - 1; len += 7) {
		struct tls_source cut = s;

		cut.key.len = len;
		refused(t, &cut, 1, false, "there is no private key in PEM form in /k");
	}
	/* A chain with a piece of a certificate at its end. */
	struct buf chain = BUF_INIT(65536);
	buf_add(&chain, a.certificate.data, a.certificate.len);
	buf_add(&chain, a.certificate.data, a.certificate.len - 60);
	struct tls_source cut = s;
	cut.certificate = (struct tls_text){ "/c", chain.data, chain.len };
	refused(t, &cut, 1, false, "a certificate of the chain in /c cannot be read");
	/* A pass phrase cannot be asked for. */
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	PEM_write_bio_PrivateKey(bio, key, EVP_aes_128_cbc(), (const unsigned char *)"word", 4, NULL, NULL);
	buf_clear(&chain);
	drain(&chain, bio);
	cut = s;
	cut.key = (struct tls_text){ "/k", chain.data, chain.len };
	refused(t, &cut, 1, false,
	    "the key in /k has a pass phrase; a server that starts by itself needs one without");
	EVP_PKEY_free(key);
	buf_done(&chain);
	forget(&a);
	tls_free(t);
}
END_TEST

START_TEST(test_choice)
{
	static const struct { const char *name, *shown; } rows[] = {
		{ "mx.example.com", "mx.example.com" }, { "one.example.org", "*.example.org" },
		{ "own.example.org", "own.example.org" },
		{ "OWN.EXAMPLE.ORG", "own.example.org" }, { "a.b.example.org", "mx.example.com" },
		{ "example.org", "mx.example.com" },
		{ "unknown.example", "mx.example.com" }, { NULL, "mx.example.com" },
	};
	struct text a, b, c;
	struct tls *t = tls_new(CONFIG_TLS_1_2, "default", false);
	make(&a, "DNS:mx.example.com", -1, 30, false);
	make(&b, "DNS:*.example.org", -1, 30, false);
	make(&c, "DNS:own.example.org", -1, 30, false);
	struct tls_source s[] = { source(&a, &a), source(&b, &b), source(&c, &c) };
	load(t, s, 3);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (size_t i = 0; i < nitems_of(rows); i++) {
			struct meeting m = client_new(version, version);

			m.name = rows[i].name;
			meet(t, &m);
			ck_assert_str_eq(m.shown, rows[i].shown);
			/* The ticket of a name's session is good for that name. */
			meet(t, &m);
			ck_assert_msg(m.resumed, "%s", rows[i].name);
			client_done(&m);
		}
	tls_free(t);
	forget(&a);
	forget(&b);
	forget(&c);
}
END_TEST

START_TEST(test_tickets)
{
	unsigned char key[3][TLS_TICKET_SIZE];
	struct text a;

	memset(key[0], 'a', TLS_TICKET_SIZE);
	memset(key[1], 'b', TLS_TICKET_SIZE);
	memset(key[2], 'c', TLS_TICKET_SIZE);
	make(&a, "DNS:mx.example.com", -1, 30, false);
	struct tls_source s = source(&a, &a);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		struct tls *one = tls_new(CONFIG_TLS_1_2, "default", false),
		    *two = tls_new(CONFIG_TLS_1_2, "default", false);
		struct tls *other = tls_new(CONFIG_TLS_1_2, "another", false),
		    *asking = tls_new(CONFIG_TLS_1_2, "default", true);

		load(one, &s, 1);
		load(two, &s, 1);
		load(other, &s, 1);
		load(asking, &s, 1);
		struct meeting m = client_new(version, version);
		meet(one, &m);
		ck_assert(!m.resumed);
		meet(one, &m);
		ck_assert(m.resumed);
		meet(two, &m);
		ck_assert_msg(!m.resumed, "keys of its own");
		tls_tickets(one, key[0], key[1]);
		tls_tickets(two, key[0], key[1]);
		tls_tickets(other, key[0], key[1]);
		meet(one, &m);
		ck_assert(!m.resumed);
		meet(two, &m);
		ck_assert_msg(m.resumed, "the same keys in another process");
		tls_tickets(two, key[2], key[0]);
		meet(two, &m);
		ck_assert_msg(m.resumed, "the keys before");
		tls_tickets(one, key[2], key[0]);
		load(one, &s, 1);
		meet(one, &m);
		ck_assert_msg(m.resumed, "new certificates");
		tls_tickets(one, key[0], key[1]);
		meet(one, &m);
		ck_assert_msg(!m.resumed, "keys that are gone");
		client_done(&m);
		/* The same keys, another virtual server: its sessions are not ours. */
		m = client_new(version, version);
		meet(one, &m);
		tls_tickets(other, key[0], key[1]);
		meet(other, &m);
		ck_assert_msg(!m.done || !m.resumed, "another server");
		client_done(&m);
		/* Nor those from before clients were asked for a certificate. */
		m = client_new(version, version);
		meet(one, &m);
		tls_tickets(asking, key[0], key[1]);
		meet(asking, &m);
		ck_assert_msg(m.done && !m.resumed, "asked for a certificate now");
		client_done(&m);
		tls_free(one);
		tls_free(two);
		tls_free(other);
		tls_free(asking);
	}
	forget(&a);
}
END_TEST

START_TEST(test_versions)
{
	static const enum config_tls_version lowest[] = { CONFIG_TLS_1_0, CONFIG_TLS_1_1, CONFIG_TLS_1_2,
	    CONFIG_TLS_1_3 };
	struct text a;

	make(&a, "DNS:mx.example.com", -1, 30, true);
	struct tls_source s = source(&a, &a);
	for (size_t i = 0; i < nitems_of(lowest); i++) {
		struct tls *t = tls_new(lowest[i], "default", false);

		load(t, &s, 1);
		for (int version = TLS1_VERSION; version <= TLS1_3_VERSION; version++) {
			struct meeting m = client_new(version, version);

			meet(t, &m);
			ck_assert_int_eq(m.done, version - TLS1_VERSION >= (int)i);
			if (!m.done)
				ck_assert_str_eq(m.reason, "unsupported protocol");
			client_done(&m);
		}
		tls_free(t);
	}
	forget(&a);
}
END_TEST

START_TEST(test_client_certificate)
{
	struct text a, b;
	unsigned char wanted[TLS_FINGERPRINT_SIZE];

	make(&a, "DNS:mx.example.com", -1, 30, false);
	make(&b, "DNS:client.example", -1, 30, false);
	struct tls_source s = source(&a, &a);
	BIO *bio = BIO_new_mem_buf(b.certificate.data, (int)b.certificate.len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(b.key.data, (int)b.key.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	X509_digest(x, EVP_sha256(), wanted, NULL);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (int asked = 0; asked < 2; asked++)
			for (int has = 0; has < 2; has++) {
				struct tls *t = tls_new(CONFIG_TLS_1_2, "default", asked);

				load(t, &s, 1);
				struct meeting m = client_new(version, version);
				if (has)
					ck_assert_int_eq(SSL_CTX_use_cert_and_key(m.context, x, key, NULL, 1),
					    1);
				for (int again = 0; again < 2; again++) {
					meet(t, &m);
					ck_assert(m.done && m.resumed == (again == 1));
					ck_assert_int_eq(m.known, asked && has);
					if (m.known)
						ck_assert_mem_eq(m.fingerprint, wanted, sizeof(wanted));
				}
				client_done(&m);
				tls_free(t);
			}
	X509_free(x);
	EVP_PKEY_free(key);
	forget(&a);
	forget(&b);
}
END_TEST

static size_t
unread(int fd)
{
	int n = 0;

	ck_assert_int_eq(ioctl(fd, FIONREAD, &n), 0);
	return (size_t)n;
}

/*
 * Messages without content, as many as the socket takes: a read gives the others their turn, and what comes
 * behind them is read.
 */
static void
chatter(struct ssl_st *speaker, struct ssl_st *hearer, int fd)
{
	enum tls_want want = TLS_DONE;
	char data[TLS_RECORD_SIZE];
	size_t n = 0, all;

	for (int i = 0; i < 20; i++)
		(void)tls_link_read(hearer, data, sizeof(data), &want);		/* tickets */
	for (int i = 0; i < 100; i++)
		ck_assert(SSL_key_update(speaker, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		    SSL_do_handshake(speaker) == 1);
	ck_assert_uint_eq(tls_link_write(speaker, "x", 1, &want), 1);
	all = unread(fd);
	ck_assert_uint_eq(tls_link_read(hearer, data, sizeof(data), &want), 0);
	ck_assert_int_eq(want, TLS_WANT_READ);
	ck_assert_uint_gt(unread(fd), all / 2);
	for (int i = 0; i < 200 && n == 0; i++)
		n = tls_link_read(hearer, data, sizeof(data), &want);
	ck_assert(n == 1 && data[0] == 'x');
}

START_TEST(test_chatter)
{
	struct tls *t = tls_new(CONFIG_TLS_1_3, "default", false);
	struct tls_out *out = tls_out_new();
	struct text a;
	int fd[2];

	make(&a, "DNS:mx.example.com", -1, 30, false);
	struct tls_source s = source(&a, &a);
	load(t, &s, 1);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	struct ssl_st *server = tls_link_new(t, fd[0]),
	    *client = tls_out_link(out, fd[1], &(struct tls_wish){ .ask = "mx.example.com" });
	enum tls_want ours = TLS_WANT_READ, theirs = TLS_WANT_READ;
	for (int i = 0; i < 20 && (ours != TLS_DONE || theirs != TLS_DONE); i++) {
		if (theirs != TLS_DONE)
			theirs = tls_link_shake(client);
		if (ours != TLS_DONE)
			ours = tls_link_shake(server);
	}
	ck_assert(ours == TLS_DONE && theirs == TLS_DONE);
	chatter(client, server, fd[0]);
	chatter(server, client, fd[1]);
	tls_link_free(server);
	tls_link_free(client);
	close(fd[0]);
	close(fd[1]);
	tls_out_free(out);
	tls_free(t);
	forget(&a);
}
END_TEST

UNIT_MAIN("tls", test_client_certificate, test_pairs, test_bad_texts, test_choice, test_tickets,
    test_versions, test_chatter)
