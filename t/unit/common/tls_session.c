/*
 * tls_session - what a connection to a host may resume of an earlier one, against a server of ours on a socket pair
 */
#include "t/unit/check_main.h"

#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "t/unit/temp_pair.h"

static struct text host, other;
static struct tls_out *out;
static void (*before_ticket)(void);	/* happens between the handshake and the ticket */

/* A connection of this wish to `t`, a word each way. What became of it. */
static bool
connect_line(int line, struct tls *t, const struct tls_wish *wish, bool resumed, enum tls_proof proof)
{
	enum tls_want ours = TLS_WANT_READ, theirs = TLS_WANT_READ, want;
	char word[16];
	int fd[2];
	bool done;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	struct ssl_st *server = tls_link_new(t, fd[0]), *client = tls_out_link(out, fd[1], wish);
	for (int i = 0; i < 20 && (ours != TLS_DONE || theirs != TLS_DONE) && ours != TLS_BROKEN; i++) {
		if (ours != TLS_DONE)
			ours = tls_link_shake(client);
		if (theirs != TLS_DONE && theirs != TLS_BROKEN)
			theirs = tls_link_shake(server);
	}
	done = ours == TLS_DONE;
	if (done) {
		ck_assert_uint_eq(tls_link_write(server, "hello", 5, &want), 5);
		if (before_ticket != NULL)
			before_ticket();
		while (tls_link_read(client, word, sizeof(word), &want) == 0)	/* a ticket first */
			ck_assert_int_eq(want, TLS_WANT_READ);
		ck_assert_msg(tls_out_is_resumed(client) == resumed, "%s as line %d wants", resumed ? "resumed" : "not",
		    line);
		ck_assert_int_eq(tls_out_proof(client), proof);
		ck_assert(!tls_out_is_unproven(client));
	}
	tls_link_free(client);
	tls_link_free(server);
	close(fd[0]);
	close(fd[1]);
	return done;
}

#define connect_to(...) connect_line(__LINE__, __VA_ARGS__)

static struct tls *
server_new(int version, const struct text *pair)
{
	struct tls *t = tls_new(version == TLS1_2_VERSION ? CONFIG_TLS_1_2 : CONFIG_TLS_1_3, "default", false);
	struct tls_source s = source(pair, pair);

	load(t, &s, 1);
	return t;
}

static void
trust(const struct text *pair)
{
	struct buf why = BUF_INIT(1000);

	ck_assert_int_eq(tls_out_trust(out, &(struct tls_text){ "/ca", buf_text(&pair->certificate),
	    pair->certificate.len }, &why), 1);
	buf_done(&why);
}

static void
setup(void)
{
	make(&host, "DNS:mx.example.com, DNS:mail.example.com", -1, 30, false);
	make(&other, "DNS:other.example", -1, 30, false);
	out = tls_out_new();
	trust(&host);
}

static void
teardown(void)
{
	tls_out_free(out);
	forget(&host);
	forget(&other);
}

static const struct tls_wish any = { .ask = "mx.example.com", .peer = "[192.0.2.1]:25" },
    named = { .ask = "mx.example.com", .peer = "[192.0.2.1]:25", .proof = TLS_PROOF_NAME,
	.name = { "mx.example.com" }, .names = 1 };

START_TEST(test_resumed)
{
	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host);

	ck_assert(connect_to(t, &any, false, TLS_PROOF_NONE));
	for (int i = 0; i < 10; i++)	/* each brings the ticket of the next one */
		ck_assert(connect_to(t, &any, true, TLS_PROOF_NONE));
	/* what was proved then counts now, and nothing more */
	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	ck_assert(connect_to(t, &named, true, TLS_PROOF_NAME));
	ck_assert(connect_to(t, &any, true, TLS_PROOF_NONE));
	tls_free(t);
	teardown();
}
END_TEST

START_TEST(test_another_wish)
{
	struct tls_wish w;

	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host);

	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	w = named;
	w.peer = "[192.0.2.2]:25";
	ck_assert(connect_to(t, &w, false, TLS_PROOF_NAME));
	w = named;
	w.ask = "mail.example.com";
	ck_assert(connect_to(t, &w, false, TLS_PROOF_NAME));
	w = named;
	w.name[0] = "mail.example.com";
	ck_assert(connect_to(t, &w, false, TLS_PROOF_NAME));
	w.names = 2;
	w.name[1] = "mx.example.com";
	ck_assert(connect_to(t, &w, false, TLS_PROOF_NAME));
	w = named;
	w.peer = NULL;
	ck_assert(connect_to(t, &w, false, TLS_PROOF_NAME));
	ck_assert_msg(connect_to(t, &w, false, TLS_PROOF_NAME), "without a peer nothing is kept");
	w = named;
	w.own = server_new(TLS1_3_VERSION, &other);
	ck_assert_msg(connect_to(t, &w, false, TLS_PROOF_NAME), "another certificate of ours");
	tls_free(mem_unconst(w.own));
	tls_free(t);
	teardown();
}
END_TEST

/* The same address answers with another certificate: without the old keys for tickets it has to prove itself. */
START_TEST(test_another_host)
{
	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host), *impostor = server_new(TLS1_3_VERSION, &other);

	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	ck_assert(!connect_to(impostor, &named, false, TLS_PROOF_NONE));
	ck_assert_msg(connect_to(t, &named, false, TLS_PROOF_NAME), "a session that made trouble is not kept");
	ck_assert(connect_to(t, &named, true, TLS_PROOF_NAME));
	tls_free(impostor);
	tls_free(t);
	teardown();
}
END_TEST

START_TEST(test_another_authority)
{
	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host);

	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	trust(&other);
	ck_assert_msg(!connect_to(t, &named, false, TLS_PROOF_NONE), "its issuer is trusted no more");
	tls_free(t);
	teardown();
}
END_TEST

static void
trust_another(void)
{
	trust(&other);
}

/* The same while the ticket is on its way: it belongs to what was proved before. */
START_TEST(test_late_ticket)
{
	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host);

	before_ticket = trust_another;
	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	before_ticket = NULL;
	ck_assert(!connect_to(t, &named, false, TLS_PROOF_NONE));
	tls_free(t);
	teardown();
}
END_TEST

/* DANE: with the same records, and no others; a session of it is none of a host that proved its name, and back. */
START_TEST(test_dane)
{
	struct tls_wish w = named, name = named;
	struct tls_record record;
	uint8_t data[3 + 32] = { 3, 0, 1 };
	unsigned len;

	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host);
	BIO *bio = BIO_new_mem_buf(host.certificate.data, (int)host.certificate.len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	ck_assert_int_eq(X509_digest(x, EVP_sha256(), data + 3, &len), 1);
	BIO_free(bio);
	X509_free(x);
	record = (struct tls_record){ data, sizeof(data) };
	w.proof = TLS_PROOF_DANE;
	w.record = &record;
	w.records = 1;
	ck_assert(connect_to(t, &name, false, TLS_PROOF_NAME));
	ck_assert(connect_to(t, &w, false, TLS_PROOF_DANE));
	ck_assert(connect_to(t, &w, true, TLS_PROOF_DANE));
	ck_assert(connect_to(t, &name, true, TLS_PROOF_NAME));
	data[34] ^= 1;
	ck_assert_msg(!connect_to(t, &w, false, TLS_PROOF_NONE), "other records are judged anew");
	data[34] ^= 1;
	ck_assert(connect_to(t, &w, true, TLS_PROOF_DANE));
	tls_free(t);
	teardown();
}
END_TEST

/* A certificate that ends within the life of a session leaves none behind. */
START_TEST(test_soon_over)
{
	struct text soon;

	setup();
	make(&soon, "DNS:mx.example.com", -1, 0, false);	/* 60 s from now */
	trust(&soon);
	struct tls *t = server_new(TLS1_3_VERSION, &soon);
	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	ck_assert(connect_to(t, &named, false, TLS_PROOF_NAME));
	tls_free(t);
	forget(&soon);
	teardown();
}
END_TEST

/* A server that speaks TLS 1.2 at most. */
static bool
connect_to_old(SSL_CTX *context, const struct tls_wish *wish, bool resumed)
{
	enum tls_want want = TLS_WANT_READ;
	int fd[2], result = -1;
	bool done;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	SSL *server = SSL_new(context);
	SSL_set_fd(server, fd[0]);
	SSL_set_accept_state(server);
	struct ssl_st *client = tls_out_link(out, fd[1], wish);
	for (int i = 0; i < 20 && (result != 1 || want != TLS_DONE) && want != TLS_BROKEN; i++) {
		if (want != TLS_DONE)
			want = tls_link_shake(client);
		if (result != 1)
			result = SSL_do_handshake(server);
	}
	done = want == TLS_DONE;
	if (done) {
		ck_assert_str_eq(tls_link_version(client), "TLSv1.2");
		ck_assert_int_eq(tls_out_is_resumed(client), resumed);
		ck_assert_int_eq(tls_out_proof(client), wish->proof);
	}
	tls_link_free(client);
	SSL_free(server);
	close(fd[0]);
	close(fd[1]);
	return done;
}

/* The host sends no new ticket with a resumed session: the one that was good serves again. */
START_TEST(test_old_host)
{
	setup();
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	BIO *bio = BIO_new_mem_buf(host.certificate.data, (int)host.certificate.len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(host.key.data, (int)host.key.len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	ck_assert_int_eq(SSL_CTX_use_cert_and_key(context, x, key, NULL, 1), 1);
	ck_assert(connect_to_old(context, &named, false));
	for (int i = 0; i < 5; i++)
		ck_assert(connect_to_old(context, &named, true));
	SSL_CTX_free(context);
	X509_free(x);
	EVP_PKEY_free(key);
	teardown();
}
END_TEST

/* More hosts than there are places: the oldest are forgotten, and nothing grows. */
START_TEST(test_many)
{
	char peer[400][32];
	struct tls_wish w = any;

	setup();
	struct tls *t = server_new(TLS1_3_VERSION, &host);
	for (size_t i = 0; i < 400; i++) {
		snprintf(peer[i], sizeof(peer[i]), "[192.0.2.1]:%zu", i);
		w.peer = peer[i];
		ck_assert(connect_to(t, &w, false, TLS_PROOF_NONE));
	}
	ck_assert(connect_to(t, &w, true, TLS_PROOF_NONE));
	w.peer = peer[0];
	ck_assert(connect_to(t, &w, false, TLS_PROOF_NONE));
	tls_free(t);
	teardown();
}
END_TEST

UNIT_MAIN("tls_session", test_resumed, test_another_wish, test_dane, test_another_host, test_another_authority, test_late_ticket, test_soon_over,
    test_old_host, test_many)
