/*
 * tls - TLS of one server: certificates by name, one set of ticket keys, connections on non-blocking sockets;
 * tls_out: of a client. OpenSSL stays behind this header; only programs that call it are linked with OpenSSL.
 */
#ifndef COMMON_TLS_TLS_H
#define COMMON_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/config/config.h"

#define TLS_PAIRS_MAX CONFIG_CERTIFICATES_MAX
#define TLS_FILE_MAX (1U << 20)		/* bytes of a certificate or key file */
#define TLS_TICKET_SIZE 80U		/* a ticket key: 16 bytes name, 32 AES, 32 HMAC; all random */
#define TLS_TICKET_SECONDS 21600	/* how long a ticket is valid; the keys change as often */
#define TLS_FACTS_SIZE 96
#define TLS_BINDING_SIZE 32U
#define TLS_UNIQUE_SIZE 12U
#define TLS_ENDPOINT_MAX 64U
#define TLS_FINGERPRINT_SIZE 32U

struct tls;
/* One connection: OpenSSL's SSL itself, since an object around it would only cost memory. */
struct ssl_st;

/* Name (for messages) and bytes of a file. */
struct tls_text { const char *path, *data; size_t len; };
struct tls_source { struct tls_text certificate, key; };
void tls_text_forget(struct tls_text *t);	/* wipes and frees its bytes; there may be none */
#define TLS_SOON_MS (14 * 86400000ULL)	/* the same for certificates that no key is about */

/*
 * `context` keeps tickets of one server from use at another. Ticket keys are random until tls_tickets(). With
 * `ask` clients are asked for a certificate: any is accepted, also none, whoever signed it; the caller
 * decides what it is worth.
 */
struct tls *tls_new(enum config_tls_version minimum, const char *context, bool ask);
/* Before tls_load: ciphers without forward secrecy or AEAD are offered, too, under TLS 1.2. */
void tls_allow_old(struct tls *t);
void tls_free(struct tls *t);		/* after all its connections; NULL is fine */
/*
 * Changes to these pairs when each of them is good: the certificate and its chain can be read, and the key
 * belongs to it. With `strict` a certificate that is expired or not yet valid is a fault, too. The first is
 * shown to clients that name no server or an unknown one. 0, or -1 with the reason, which names the file;
 * then nothing has changed.
 */
int tls_load(struct tls *t, const struct tls_source *source, size_t n, bool strict,
    struct buf *why) __attribute__((warn_unused_result));
/* The keys for tickets: `current` makes new ones, both open old ones. */
void tls_tickets(struct tls *t, const unsigned char current[TLS_TICKET_SIZE],
    const unsigned char previous[TLS_TICKET_SIZE]);
/* About the pairs that are loaded. */
size_t tls_count(const struct tls *t);
/* "mx.example.com, *.example.org"; long lists are cut. */
const char *tls_names(const struct tls *t, size_t i);
int64_t tls_ends(const struct tls *t, size_t i);	/* Unix time; INT64_MIN: not known */
int tls_days(const struct tls *t, size_t i);		/* from now; negative: expired */
/* Whether it has expired, or is to be told of: it ends in less than `alarm` ms; UINT64_MAX: never. */
bool tls_ends_soon(const struct tls *t, size_t i, uint64_t alarm_ms);
/* Each certificate of the file is that of the issuer of the one before it: some peers want that order. */
bool tls_is_in_order(const struct tls *t, size_t i);
bool tls_is_for(const struct tls *t, size_t i, const char *name);	/* of a host; wildcards count */

/* --- tls_details: what a certificate says --- */

#define TLS_DETAILS_FINGERPRINT 65	/* bytes: SHA-256 in hexadecimal, and NUL */

struct tls_details {
	char *subject;			/* "CN=mx.example.com" */
	char *names, *issuer;		/* "mx.example.com, *.example.org"; "CN=..." */
	char key[32];			/* "ECDSA P-256" */
	char fingerprint[TLS_DETAILS_FINGERPRINT];
	int64_t from, until;		/* Unix time */
	int days;			/* until then, negative: it is over */
};

/* Of the first certificate of a file. 0; or -1 and why: there is none. To be ended in both cases. */
int tls_details_read(struct tls_details *d, const struct tls_text *file, struct buf *why)
	__attribute__((warn_unused_result));
/* Of pair `i`: of the certificate of the host (`place` 0), then of its chain. False: there is no more. */
bool tls_details_get(struct tls_details *d, const struct tls *t, size_t i,
    size_t place) __attribute__((warn_unused_result));
void tls_details_done(struct tls_details *d);

/* --- tls_link: one connection --- */

enum tls_want {
	TLS_DONE,
	TLS_WANT_READ, TLS_WANT_WRITE,	/* make the same call again when the socket is ready */
	TLS_ENDED,			/* the peer ended the connection */
	TLS_BROKEN,			/* tls_link_reason() */
};

/* Server side of a connected non-blocking socket, which stays the caller's. NULL: no memory. */
struct ssl_st *tls_link_new(struct tls *t, int fd);
void tls_link_free(struct ssl_st *link);			/* sends nothing; NULL is fine */
enum tls_want tls_link_shake(struct ssl_st *link);		/* ends with TLS_DONE */
/*
 * Bytes moved, > 0; or 0 and *want. One read returns at most one record; with room for TLS_RECORD_SIZE
 * nothing of it is left behind.
 */
#define TLS_RECORD_SIZE 16384U
size_t tls_link_read(struct ssl_st *link, char *data, size_t size, enum tls_want *want);
size_t tls_link_write(struct ssl_st *link, const char *data, size_t len, enum tls_want *want);
/* Sends the end, as far as the socket takes it at once. */
void tls_link_close(struct ssl_st *link);
/* Why the last call on this thread was TLS_ENDED or TLS_BROKEN; valid until the next call. */
const char *tls_link_reason(void);
bool tls_link_is_cut(void);	/* ... and whether the connection has failed, and not TLS */
bool tls_link_is_refused(void);	/* ... and whether the peer wants another certificate of us, or one */
const char *tls_link_version(const struct ssl_st *link);	/* "TLSv1.3" */
const char *tls_link_cipher(const struct ssl_st *link);		/* "TLS_AES_256_GCM_SHA384" */
int tls_link_bits(const struct ssl_st *link);
/* SHA-256 of the peer's certificate; false: it showed none. */
bool tls_link_fingerprint(const struct ssl_st *link, unsigned char fingerprint[TLS_FINGERPRINT_SIZE]);
/*
 * The common names of the subject and the issuer of the peer's certificate, cut to `size`; "": it has none.
 * They are what the peer says: the signature was not looked at. False: it showed no certificate.
 */
bool tls_link_peer(const struct ssl_st *link, char *subject, char *issuer, size_t size);
/* Channel binding "tls-exporter" (RFC 9266); false: not safe in this version of TLS. */
bool tls_link_binding(struct ssl_st *link, unsigned char binding[TLS_BINDING_SIZE]);
/* "tls-unique" (RFC 5929), for clients before TLS 1.3; false: there is none, or it is not safe. */
/*
 * The hash of our own certificate that "tls-server-end-point" is (RFC 5929 4.1), at most TLS_ENDPOINT_MAX
 * bytes; 0: there is none.
 */
unsigned tls_link_endpoint(struct ssl_st *link, unsigned char hash[TLS_ENDPOINT_MAX]);
bool tls_link_unique(const struct ssl_st *link, unsigned char unique[TLS_UNIQUE_SIZE]);

/* --- tls_out: the client's side --- */

enum tls_proof { TLS_PROOF_NONE, TLS_PROOF_NAME, TLS_PROOF_DANE };
/* What is wrong with the peer's certificate; OTHER: something else, or not with it. */
enum tls_fault { TLS_FAULT_NONE, TLS_FAULT_NAME, TLS_FAULT_EXPIRED, TLS_FAULT_UNTRUSTED, TLS_FAULT_DANE,
    TLS_FAULT_OTHER };

/* TLSA data as the DNS has it: usage, selector, matching type, what to match (RFC 6698 2.1). */
struct tls_record { const uint8_t *data; size_t len; };

#define TLS_NAMES_MAX 3

/* What the peer must show. Strings and records are read before tls_out_link returns. */
struct tls_wish {
	const char *ask;		/* server name to send (SNI); NULL: none */
	enum tls_proof proof;
	/* NAME, DANE: the certificate is for one of them. NONE: it should be, see tls_out_fault */
	const char *name[TLS_NAMES_MAX]; size_t names;
	const char *ip;			/* NAME: the certificate is for this address instead; NULL */
	/* DANE; the first name is their base domain */
	const struct tls_record *record; size_t records;
	/* Address and port: a session with that peer may be resumed by the next wish like this; NULL: not */
	const char *peer;
	const struct tls *own;		/* its first pair is shown to a peer that asks; NULL: none is */
};

struct tls_out;
struct tls_out *tls_out_new(void);
void tls_out_free(struct tls_out *t);		/* after all its connections; NULL is fine */
/*
 * Sets the authorities that are trusted for TLS_PROOF_NAME: their number, or -1 with the reason; then nothing
 * has changed.
 */
int tls_out_trust(struct tls_out *t, const struct tls_text *file,
    struct buf *why) __attribute__((warn_unused_result));
/*
 * Client side of a connected or connecting non-blocking socket, which stays the caller's. When OpenSSL can
 * use none of the DANE records, no proof is required. NULL: no memory, or a malformed name.
 */
struct ssl_st *tls_out_link(struct tls_out *t, int fd, const struct tls_wish *wish);
/* After the handshake: what the peer proved. */
enum tls_proof tls_out_proof(const struct ssl_st *link);
bool tls_out_is_resumed(const struct ssl_st *link);	/* the session of an earlier connection went on */
/* The handshake failed because the peer has not proved what it had to. */
bool tls_out_is_unproven(const struct ssl_st *link);
/* After the handshake, whatever was wished for: by the names of the wish. `*why`: static, in words. */
enum tls_fault tls_out_fault(const struct ssl_st *link, const char **why);
bool tls_out_is_misnamed(const struct ssl_st *link);	/* ... as the certificate is for another name */
/* The peer has asked for a certificate, and one was shown to it. */
bool tls_out_is_shown(const struct ssl_st *link);

#endif
