/*
 * tls - TLS of one server: certificates by name, one set of ticket keys, and connections on non-blocking
 * sockets; tls_out: of a client. OpenSSL stays behind this header; only programs that call it are linked with
 * OpenSSL.
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
#define TLS_TICKET_SECONDS 21600	/* how long a ticket is good; the keys change as often */
#define TLS_FACTS_SIZE 96
#define TLS_BINDING_SIZE 32U
#define TLS_UNIQUE_SIZE 12U
#define TLS_FINGERPRINT_SIZE 32U

struct ssl_st;		/* one connection: OpenSSL's SSL itself, an object more each would only cost memory */
struct tls;

/* A file's name, for words, and its bytes. */
struct tls_text { const char *path, *data; size_t len; };
struct tls_source { struct tls_text certificate, key; };

/*
 * `context` keeps tickets of one server from being used at another. Ticket keys are random until
 * tls_tickets(). With `ask` clients are
 * asked for a certificate: any is taken, also none, and nobody looks at who signed it; what it is worth the
 *                          caller decides.
 */
struct tls *tls_new(enum config_tls_version minimum, const char *context, bool ask);
void tls_free(struct tls *t);		/* after all its connections; NULL is fine */
/*
 * Goes over to these pairs when each of them is good: the certificate and its chain can be read, the key is
 *                                                     its key. With `strict` an expired or not yet
 * valid certificate is a fault, too. The first is shown to clients that name no server or an unknown one. 0,
 * or -1 with the reason, which names the file, and everything as before.
 */
int tls_load(struct tls *t, const struct tls_source *source, size_t n, bool strict,
    struct buf *why) __attribute__((warn_unused_result));
/* The keys for tickets: the first makes new ones, both open old ones. */
void tls_tickets(struct tls *t, const unsigned char current[TLS_TICKET_SIZE],
    const unsigned char previous[TLS_TICKET_SIZE]);
/* Of the pairs that are loaded. */
size_t tls_count(const struct tls *t);
/* "mx.example.com, *.example.org"; long lists are cut */
const char *tls_names(const struct tls *t, size_t i);
int tls_days(const struct tls *t, size_t i);		/* negative: expired */

/* --- tls_link: one connection --- */

enum tls_want {
	TLS_DONE,
	TLS_WANT_READ, TLS_WANT_WRITE,	/* the same call again when the socket can */
	TLS_ENDED,			/* the peer has said or shown its end */
	TLS_BROKEN,			/* tls_link_reason() */
};

/* The server's side on a connected non-blocking socket, which stays the caller's. NULL: no memory. */
struct ssl_st *tls_link_new(struct tls *t, int fd);
void tls_link_free(struct ssl_st *link);			/* sends nothing; NULL is fine */
enum tls_want tls_link_shake(struct ssl_st *link);		/* TLS_DONE once */
/*
 * Bytes moved, > 0; or 0 and *want. One read returns at most one record; room for TLS_RECORD_SIZE leaves
 * nothing behind in it.
 */
#define TLS_RECORD_SIZE 16384U
size_t tls_link_read(struct ssl_st *link, char *data, size_t size, enum tls_want *want);
size_t tls_link_write(struct ssl_st *link, const char *data, size_t len, enum tls_want *want);
/* Says the end, as far as the socket takes it at once */
void tls_link_close(struct ssl_st *link);
/* Why the last call on this thread was TLS_BROKEN; valid until the next call. */
const char *tls_link_reason(void);
const char *tls_link_version(const struct ssl_st *link);	/* "TLSv1.3" */
const char *tls_link_cipher(const struct ssl_st *link);		/* "TLS_AES_256_GCM_SHA384" */
int tls_link_bits(const struct ssl_st *link);
/* SHA-256 of the peer's certificate; false: it has shown none. */
bool tls_link_fingerprint(const struct ssl_st *link, unsigned char fingerprint[TLS_FINGERPRINT_SIZE]);
/* Channel binding "tls-exporter" (RFC 9266); false: not safe in this version of TLS. */
bool tls_link_binding(struct ssl_st *link, unsigned char binding[TLS_BINDING_SIZE]);
/* "tls-unique" (RFC 5929), which clients before 1.3 take; false: there is none, or it is not safe. */
bool tls_link_unique(const struct ssl_st *link, unsigned char unique[TLS_UNIQUE_SIZE]);

/* --- tls_out: the client's side --- */

enum tls_proof { TLS_PROOF_NONE, TLS_PROOF_NAME, TLS_PROOF_DANE };

/* TLSA data as the DNS has it: usage, selector, matching type, what to match (RFC 6698 2.1). */
struct tls_record { const uint8_t *data; size_t len; };

#define TLS_NAMES_MAX 3

/* What the peer has to show. Strings and records are read before tls_out_link returns. */
struct tls_wish {
	const char *ask;		/* the name to ask for (SNI); NULL: none */
	enum tls_proof proof;
	const char *name[TLS_NAMES_MAX]; size_t names;	/* NAME, DANE: the certificate is for one of them */
	const char *ip;			/* NAME: for this address instead; NULL */
	const struct tls_record *record; size_t records;	/* DANE; the first name is their base */
};

struct tls_out;
struct tls_out *tls_out_new(void);		/* NULL: OpenSSL refuses */
void tls_out_free(struct tls_out *t);		/* after all its connections; NULL is fine */
/*
 * The authorities whose word is taken for TLS_PROOF_NAME from then on: their number, or -1 with the reason
 * and everything as before.
 */
int tls_out_trust(struct tls_out *t, const struct tls_text *file,
    struct buf *why) __attribute__((warn_unused_result));
/*
 * The client's side on a connected or connecting non-blocking socket, which stays the caller's. Of DANE
 * records that are all of no use to OpenSSL no proof is asked. NULL: no memory, or a name that is none.
 */
struct ssl_st *tls_out_link(struct tls_out *t, int fd, const struct tls_wish *wish);
/* After the handshake: what the peer has proved */
enum tls_proof tls_out_proof(const struct ssl_st *link);
/* The handshake broke because the certificate is for another name */
bool tls_out_is_misnamed(const struct ssl_st *link);

#endif
