/* resolver - private header of the resolver helper; one block a file, alphabetical */
#ifndef DELIVER_RESOLVER_RESOLVER_H
#define DELIVER_RESOLVER_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/process/boot.h"
#include "common/process/config.h"
#include "common/process/dns.h"

/* --- answers: libunbound's contexts, questions and their time limit --- */
struct answers;
struct answers_question;

struct answers *answers_new(struct loop *l, const struct config_service *s);	/* dies when libunbound refuses */
void answers_free(struct answers *a);		/* open questions are forgotten, not answered */
/*
 * Asks; `done` is called exactly once, perhaps before this returns, with an answer valid during the call. Until then the
 * returned handle may be given to answers_forget; NULL when `done` was already called.
 */
struct answers_question *answers_ask(struct answers *a, const struct dns_query *q,
    void (*done)(void *arg, const struct dns_answer *answer), void *arg);
void answers_forget(struct answers_question *q);	/* `done` will not be called */

/* --- asker: one worker's channel and its bounded set of open questions --- */
#define ASKER_QUESTIONS_MAX 1000

struct asker;
/* Takes over `fd`. Calls `gone` (and is freed after it) when the worker is gone or misbehaves. */
struct asker *asker_new(struct loop *l, struct answers *a, int fd, const char *server,
    void (*gone)(void *arg, struct asker *k), void *arg);
void asker_free(struct asker *k);

/* --- hosts: the hosts(5) table. Pure --- */
struct hosts;
struct hosts *hosts_parse(const char *text, size_t len);
void hosts_free(struct hosts *h);
/*
 * A and AAAA questions for a name of the table: true and the answer filled (no data when only the other family is listed, so that
 * an entry overrules the DNS as a whole); false: ask the DNS.
 */
bool hosts_answer(const struct hosts *h, const struct dns_query *q, struct dns_answer *a);

/* --- packet: from a DNS answer packet to dns_answer. Pure --- */
/* Fills all but secure, bogus and text, from the packet's own header and sections. -1: no DNS answer packet. */
int packet_read(struct dns_answer *a, uint16_t type, const uint8_t *data, size_t len) __attribute__((warn_unused_result));

/* --- resolver: the role --- */
extern const struct boot_role resolver_role;

/* --- settings: configuration text for libunbound. Pure --- */
/* `resolv` is the text of resolv.conf, used when the service names no dns-server ("" none). */
void settings_write(struct buf *out, const struct config_service *s, const char *resolv, size_t len);
/* "192.0.2.1:5353" -> "192.0.2.1@5353"; plain addresses pass. 0 or -1. `dst` has NET_TEXT_SIZE bytes. */
int settings_server(char *dst, const char *text) __attribute__((warn_unused_result));

#endif
