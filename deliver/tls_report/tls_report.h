/*
 * tls_report - reports about TLS to the domains that mail goes to (RFC 8460): what is counted, what is kept
 * over restarts, what is sent; one block a file
 */
#ifndef DELIVER_TLS_REPORT_TLS_REPORT_H
#define DELIVER_TLS_REPORT_TLS_REPORT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/mail/address.h"
#include "common/msg/msg_dns.h"

struct boot;
struct config_server;
struct ctl_client;
struct ctl_message;
struct enqueue;
struct loop_timer;
struct pool;
struct pool_lane;
struct tls_report_send;
struct spool;

#define TLS_DAY 86400			/* seconds; days are counted from 1970, in UTC */

/* --- tls_applied: the policy of a domain under which a session was begun. Pure --- */

enum tls_applied_type { TLS_APPLIED_NONE, TLS_APPLIED_STS, TLS_APPLIED_TLSA, TLS_APPLIED_TYPES };

/*
 * RFC 8460 4.3. dane-required is not among them: there is no setting by which a domain without TLSA records
 * would get no mail.
 */
enum tls_result {
	TLS_RESULT_GOOD, TLS_RESULT_NO_STARTTLS, TLS_RESULT_NAME, TLS_RESULT_EXPIRED, TLS_RESULT_UNTRUSTED,
	TLS_RESULT_OTHER, TLS_RESULT_TLSA, TLS_RESULT_DNSSEC, TLS_RESULT_FETCH, TLS_RESULT_POLICY,
	TLS_RESULT_WEBPKI, TLS_RESULTS
};
extern const char *const tls_applied_types[TLS_APPLIED_TYPES];	/* "no-policy-found", "sts", "tlsa" */
extern const char *const tls_applied_results[TLS_RESULTS];	/* "starttls-not-supported" */

#define TLS_APPLIED_TEXT_MAX 4096	/* of a policy: its later lines are left out */
struct tls_applied {
	unsigned refs;
	enum tls_applied_type type;
	/* GOOD, or why a session under it has failed, whatever TLS there was; `why`: in words, "" none */
	enum tls_result failed;
	char why[160];
	bool testing;			/* the host is judged, and gets its mail all the same */
	char *domain;			/* owned; A-labels */
	struct buf text;		/* its lines as in a report, each with its '\n' */
};
struct tls_applied *tls_applied_new(const char *domain, enum tls_applied_type type);
struct tls_applied *tls_applied_get(struct tls_applied *a);	/* one more; NULL: NULL */
void tls_applied_put(struct tls_applied *a);			/* NULL is fine */
void tls_applied_fail(struct tls_applied *a, enum tls_result result, const char *why);
/* Of MTA-STS: "version: STSv1", "mode: enforce", "mx: ...", "max_age: ..."; `mx`: a blank between two. */
void tls_applied_sts(struct tls_applied *a, const char *mode, const char *mx, uint32_t max_age);
void tls_applied_tlsa(struct tls_applied *a, const uint8_t *record, size_t len);	/* one more */

/* --- tls_tally: the sessions of one day. Pure --- */

struct tls_session {			/* one that is over, or as good as over: it is counted once */
	const struct tls_applied *applied;
	enum tls_result result;
	const char *source, *host, *helo, *ip, *reason;	/* "": not known; any bytes */
};

struct tls_detail {			/* sessions that have failed in the same way */
	STAILQ_ENTRY(tls_detail) link;
	enum tls_result result;
	uint64_t count;
	char *source, *host, *helo, *ip, *reason;	/* owned; printable ASCII */
};
struct tls_policy_row {
	STAILQ_ENTRY(tls_policy_row) link;
	enum tls_applied_type type;
	char *text;			/* owned; as in struct tls_applied */
	uint64_t good, failed;
	STAILQ_HEAD(, tls_detail) details;
	size_t ndetails;
};
struct tls_domain {
	TAILQ_ENTRY(tls_domain) link;
	LIST_ENTRY(tls_domain) bucket;
	struct tls_tally *tally;
	char *name;			/* owned */
	STAILQ_HEAD(, tls_policy_row) policies;
	size_t npolicies;
	/* Of a day that is over: when it is to be sent (seconds since 1970), how often that was tried */
	int64_t due, begun;
	unsigned tries;
	struct tls_report_send *send;		/* on its way; NULL: it is not */
	char why[160];			/* the last failure; "" none */
};
#define TLS_TALLY_BUCKETS 1024
struct tls_tally {
	TAILQ_ENTRY(tls_tally) link;
	int64_t day;
	TAILQ_HEAD(, tls_domain) domains;
	LIST_HEAD(, tls_domain) bucket[TLS_TALLY_BUCKETS];
	size_t count, bytes;
	uint64_t left_out;		/* sessions that found no room */
};
#define TLS_TALLY_DOMAINS_MAX 20000
#define TLS_TALLY_BYTES_MAX (16U << 20)
/* Of a domain, with the first one of each type beyond that; further ones count for the last of their type. */
#define TLS_TALLY_POLICIES_MAX 8
#define TLS_TALLY_DETAILS_MAX 64	/* of a policy; further ones are in its sum alone */
struct tls_tally *tls_tally_new(int64_t day);
void tls_tally_free(struct tls_tally *t);		/* NULL is fine */
bool tls_tally_add(struct tls_tally *t, const struct tls_session *s);	/* false: there is no room */
struct tls_domain *tls_tally_find(struct tls_tally *t, const char *name);	/* NULL */
void tls_tally_remove(struct tls_domain *d);
struct tls_sums { uint64_t good, failed; };	/* sessions */
struct tls_sums tls_tally_sums(const struct tls_domain *d);
/* For tls_tally_file: parts as they were kept. NULL: there is no room. */
struct tls_domain *tls_tally_add_domain(struct tls_tally *t, const char *name);
struct tls_policy_row *tls_tally_add_policy(struct tls_domain *d, enum tls_applied_type type,
    const char *text);
struct tls_detail *tls_tally_add_detail(struct tls_domain *d, struct tls_policy_row *p,
    const struct tls_session *s);

/* --- tls_tally_file: the counts as a file has them. Pure --- */

TAILQ_HEAD(tls_tally_list, tls_tally);
#define TLS_TALLY_FILE_MAX (128U << 20)
void tls_tally_file_format(struct buf *out, const struct tls_tally_list *days);
/* Adds the days of the file. False, with nothing added: it is damaged. */
bool tls_tally_file_parse(struct tls_tally_list *days, const char *text, size_t len);
void tls_tally_file_done(struct tls_tally_list *days);		/* frees all of them */

/* --- tls_report_record: the TXT record that says where reports go (RFC 8460 3). Pure --- */

#define TLS_REPORT_TARGETS_MAX 4		/* further ones get none */
#define TLS_REPORT_URL_SIZE 1024
struct tls_report_target {
	bool https;
	char text[TLS_REPORT_URL_SIZE];		/* the mail address, or the whole URL */
	char host[DNS_NAME_SIZE];		/* https: where it is; lower case */
	uint16_t port;
};
struct tls_report_record {
	struct tls_report_target target[TLS_REPORT_TARGETS_MAX]; size_t count;
	char why[160];				/* when count is 0 */
};
/* False: the domain wants no reports. True with count 0: it does, and says nowhere that can be used. */
bool tls_report_record_read(struct tls_report_record *r, const struct msg_dns_answer *a);

/* --- tls_report_text: one report as JSON (RFC 8460 4.4), and packed. Pure --- */

struct tls_report_about {
	const char *organization, *submitter;
	char contact[ADDRESS_MAX + 1];
	char id[TLS_REPORT_URL_SIZE];		/* report-id; the same whenever it is made */
	const struct tls_domain *domain;
};
void tls_report_text_init(struct tls_report_about *a, const struct config_server *s,
    const struct tls_domain *d);
/* At most `details` rows of a policy, those with the highest counts. */
void tls_report_text_json(struct buf *out, const struct tls_report_about *a, size_t details);
bool tls_report_text_pack(struct buf *out, const struct buf *json);	/* gzip (RFC 1952); false: no room */
/* The report, packed, in at most `most` bytes: with fewer details when there is no other way. */
bool tls_report_text_make(struct buf *out, const struct tls_report_about *a, size_t most);

/* --- tls_report_mail: the message that carries a report (RFC 8460 5.3). Pure --- */

void tls_report_mail(struct buf *out, const struct tls_report_about *a, const char *to, const char *date,
    const struct buf *packed);

/* --- tls_report_send: one domain's report on its way --- */

enum tls_report_outcome {
	TLS_REPORT_SENT,		/* taken by one at least of those that it was sent to */
	TLS_REPORT_UNWANTED,		/* the domain has no record */
	TLS_REPORT_LATER,		/* to be tried again */
	TLS_REPORT_FAILED,
};
struct tls_report_means {
	struct boot *boot;
	struct enqueue *enqueue;
	struct ctl_client *resolver, *fetch;
	void (*queued)(void *arg, const char *id);	/* a message is in the queue */
	void *arg;
};
/* `done` is called once, later, on the loop. The domain stays until then. */
void tls_report_send_free(struct tls_report_send *x);		/* `done` is not called; NULL is fine */
typedef void tls_report_done(void *arg, struct tls_domain *d, enum tls_report_outcome outcome,
    const char *text);
struct tls_report_send *tls_report_send_begin(const struct tls_report_means *means, struct tls_domain *d,
    tls_report_done *done, void *arg);

/* --- tls_reports: the counts of a virtual server, over days and restarts --- */

#define TLS_REPORTS_LAST 100		/* results that are remembered, in this life of the process */
struct tls_reports_result {
	char *domain;				/* owned; NULL: none yet */
	int64_t day, at;			/* at: seconds since 1970 */
	enum tls_report_outcome outcome;
	uint64_t good, failed;
	char text[160];
};
/* The times when reports are due: in the file, on their way to it, newer than it. Only SAVED is one sent. */
enum tls_dues { TLS_DUES_SAVED, TLS_DUES_WRITING, TLS_DUES_CHANGED };
struct tls_reports {
	struct tls_report_means means;
	struct spool *spool;
	struct pool_lane *lane;
	struct loop_timer *tick, *save;
	struct tls_tally_list days;		/* oldest first; those behind `today` wait for their end */
	struct tls_tally *today;
	size_t sending;
	enum tls_dues dues;
	uint64_t save_at;			/* milliseconds, monotonic; 0: no save is to come */
	bool owned, ending;			/* the file is ours; no more are sent */
	bool dirty, writing;			/* the file is older than the counts; is being written */
	bool unkept;				/* a file cannot be put aside: none is written */
	bool told_full, troubled;
	bool hurry;				/* an operator has asked before the file was ours */
	struct buf text;			/* what is being written */
	int error;				/* of that */
	struct tls_reports_result last[TLS_REPORTS_LAST]; size_t next;	/* a ring */
};
/* NULL: it makes no reports. `means` is copied. */
struct tls_reports *tls_reports_new(struct pool *pool, struct spool *spool,
    const struct tls_report_means *means);
/* The queue is ours: reads what an earlier process has counted. NULL is fine, here and in the next four. */
void tls_reports_begin(struct tls_reports *r);
void tls_reports_count(struct tls_reports *r, const struct tls_session *s);
void tls_reports_end(struct tls_reports *r);		/* a stop: no more are sent */
void tls_reports_free(struct tls_reports *r);		/* after pool_free: writes the counts */
size_t tls_reports_hurry(struct tls_reports *r);	/* those of earlier days are due now; how many */

/* --- tls_report_view: posternctl tls-reports --- */

void tls_report_view_take(struct tls_reports *r, struct boot *b, const struct ctl_message *m);

#endif
