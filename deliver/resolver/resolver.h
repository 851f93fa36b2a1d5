/* resolver - private header of the resolver helper; one block a file */
#ifndef DELIVER_RESOLVER_RESOLVER_H
#define DELIVER_RESOLVER_RESOLVER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "common/base/buf.h"
#include "common/boot/boot.h"
#include "common/config/config.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_dns.h"

/* --- dns_file: resolv.conf or the hosts table as the host has it now --- */
struct dns_file {
	const char *path;
	struct timespec changed;
	int error;			/* of the latest try; 0: it was read, or there is none */
	bool read;			/* once */
	bool known;			/* what was read is not empty */
};
/* 1: `text` is its new text, empty when there is no such file; 0: nothing has changed; -1: see f->error. */
int dns_file_read(struct dns_file *f, struct buf *text) __attribute__((warn_unused_result));

/* --- dns_query: questions to the hosts table and libunbound, and their time limit --- */
struct dns_health;
struct dns_query;
struct dns_query_question;
struct resolver;
struct resolver_early;

/* Dies when libunbound refuses the settings. With dnssec, questions fail until there are trust anchors. */
struct dns_query *dns_query_new(struct loop *l, const struct config_service *s);
/*
 * The trust anchors from now on: the records of trust_anchor_read, or NULL and why there are none. Those that
 * were given before stay in use then: true.
 */
bool dns_query_trust(struct dns_query *d, const char *anchors, const char *why);
void dns_query_free(struct dns_query *d);		/* open questions are forgotten, not answered */
/*
 * Asks; `done` is called exactly once, perhaps before this returns, with an answer valid during the call.
 * Until then the returned handle may be given to dns_query_forget; NULL when `done` was already called.
 */
struct dns_query_question *dns_query_ask(struct dns_query *d, const struct msg_dns_query *query,
    void (*done)(void *arg, const struct msg_dns_answer *answer), void *arg);
void dns_query_forget(struct dns_query_question *q);	/* `done` will not be called */

/* Asks for the root, by a context of its own: `done` is told whether the DNS gives answers now. */
void dns_query_probe(struct dns_query *d, void (*done)(void *arg, const struct msg_dns_answer *answer),
    void *arg);
/*
 * `heard` is called for each question that went to the network, `unread` for a file that cannot be read
 * (file->error, an errno) or is read again (0); and at once for each of them.
 */
void dns_query_watch(struct dns_query *d, void (*heard)(void *arg, bool answered),
    void (*unread)(void *arg, const struct dns_file *file), void *arg);

/* --- dns_health: whether the DNS as a whole gives answers --- */
struct dns_health *dns_health_new(struct boot *b, struct dns_query *d);
void dns_health_free(struct dns_health *h);		/* after the queries */

/* --- dns_context: one way to ask the DNS: libunbound, or the validating resolver of this host --- */
struct dns_stub;
struct ub_ctx;
/* As libunbound calls it: security is 0 insecure, 1 bogus, 2 secure; `packet` NULL: there is no answer. */
typedef void dns_context_answered(void *arg, int rcode, void *packet, int len, int security, char *why,
    int limited);
struct dns_context {
	LIST_ENTRY(dns_context) link;	/* the owner's, as `open` */
	struct ub_ctx *ub;		/* NULL: the stub is asked */
	struct dns_stub *stub;
	size_t open;			/* questions that it still has */
};
struct dns_context_env {		/* what all contexts of the process share */
	struct loop *loop;
	const struct config_service *service;
	FILE *log;			/* libunbound's */
	uint64_t logged_at;
	unsigned logged;
};
void dns_context_env_init(struct dns_context_env *e, struct loop *l, const struct config_service *s);
void dns_context_env_done(struct dns_context_env *e);
/* `anchors` NULL: none; `resolv`: the text of resolv.conf. NULL: libunbound refuses the settings. */
struct dns_context *dns_context_open(struct dns_context_env *e, const char *anchors,
    const struct buf *resolv);
void dns_context_free(struct dns_context *c);
/* `answered` is called once: perhaps before this returns, but not when the result is another than 0. */
int dns_context_ask(struct dns_context *c, const struct msg_dns_query *query, dns_context_answered *answered,
    void *arg);

/* --- dns_stub: questions to a validating resolver on this host --- */
/* Those of the servers that are no loopback addresses are left out. */
struct dns_stub *dns_stub_new(struct loop *l, const struct config_strings *servers);
void dns_stub_free(struct dns_stub *s);			/* open questions are forgotten, not answered */
/* `done` is called once, later. False: it is no name, or too many are open; `done` will not be called. */
bool dns_stub_ask(struct dns_stub *s, const char *name, uint16_t type, dns_context_answered *done, void *arg);

/* --- dns_channel: what one worker asks, and what it is answered; its helper is a struct resolver --- */
extern const struct ctl_server_kind dns_channel;

/* --- hosts_file: the hosts(5) table. Pure --- */
struct hosts_file;
struct hosts_file *hosts_file_parse(const char *text, size_t len);
void hosts_file_free(struct hosts_file *h);
/*
 * True, and the answer filled: an A or AAAA question for a name of the table. There is no data when only the
 * other family is listed: an entry overrules the DNS as a whole. False: ask the DNS.
 */
bool hosts_file_answer(const struct hosts_file *h, const struct msg_dns_query *q, struct msg_dns_answer *a);

/* --- dns_packet: from a DNS answer packet to msg_dns_answer. Pure --- */
/*
 * Fills all but secure, bogus and text from the packet's own header and sections. 0; -1: the bytes are no DNS
 * answer packet.
 */
int dns_packet_read(struct msg_dns_answer *a, uint16_t type, const uint8_t *data,
    size_t len) __attribute__((warn_unused_result));

/* --- dns_test: what the DNS says about one name, as text for operators --- */
void dns_test_begin(struct boot *b, const struct ctl_message *m);	/* CTL_DNS_TEST */
void dns_test_go(struct resolver *r);			/* names can be asked for now */
void dns_test_free_all(struct resolver *r);		/* after the queries */

/* --- resolver: the program --- */
struct resolver {
	struct dns_query *queries;
	struct dns_health *health;
	bool begun;			/* the trust anchors are here, or none are needed */
	STAILQ_HEAD(, resolver_early) early;	/* workers that came before */
	struct ctl_server_list channels;
	LIST_HEAD(, dns_test) tests;
};
extern const struct boot_role resolver_role;

/* --- unbound_config: configuration text for libunbound. Pure --- */
/*
 * `anchors`: records of trust_anchor_read, for dnssec. `resolv` is the text of resolv.conf, used when the
 * service names no dns-server ("" none).
 */
void unbound_config_write(struct buf *out, const struct config_service *s, const char *anchors,
    const char *resolv, size_t len);
/* "192.0.2.1:5353" -> "192.0.2.1@5353"; plain addresses pass. 0 or -1. `dst` has NET_TEXT_SIZE bytes. */
int unbound_config_server(char *dst, const char *text) __attribute__((warn_unused_result));

#endif
