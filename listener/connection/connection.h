/* connection - connections: socket, TLS, the way into the queue; one block a file */
#ifndef LISTENER_CONNECTION_CONNECTION_H
#define LISTENER_CONNECTION_CONNECTION_H

#include <bsd/sys/queue.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/mail/header_mend.h"
#include "common/mail/message_id_scan.h"
#include "common/rules/policy.h"
#include "common/tls/tls.h"
#include "listener/accept/accept.h"
#include "listener/smtp/smtp.h"

struct atrn_relay; struct auth_in_client_question; struct conn; struct counters; struct ctl_client_question;
struct ctl_message; struct filter_client; struct gatekeeper_client; struct inbound; struct inbound_log_header;
struct listener; struct log_sender; struct loop; struct message_envelope; struct queue_message;
struct queue_room; struct queue_writer; struct rdns_query; struct recipient_check_state; struct scratch;
struct scratch_writer; struct session; struct tls_files; struct turns; struct w3clog;

/* --- conn: one socket: reads, writes, time limits; knows nothing of SMTP --- */

/* Bytes of one read, and of input that waits in user space: the longest line and a whole record of TLS */
#define CONN_SCRATCH_SIZE (80U << 10)
#define CONN_OUTPUT_MARK (64U << 10)	/* with more bytes of unsent output nothing more is read */

struct conn_ops {
	/* Bytes used; 0: needs more, or must wait for conn_resume() */
	size_t (*input)(void *arg, const char *data, size_t len);
	bool (*wants)(const void *arg);		/* input() could use bytes */
	/* What is waited for is of no use to a peer that closed and left no more commands: eof() then */
	bool (*leaves)(const void *arg);
	void (*eof)(void *arg);			/* of the peer; conn closes when all output is written */
	void (*expired)(void *arg);		/* the limit of conn_limit() has passed */
	void (*secured)(void *arg, const char *why);	/* TLS began (NULL), or failed: gone() follows */
	void (*round_done)(void *arg);		/* after each round of work: the place to call conn_limit() */
	void (*gone)(void *arg);		/* the last call: conn_free() now */
};
struct conn_env {				/* shared by all connections of a process */
	struct loop *loop; struct turns *handshakes;
	struct counters *counters;
	char scratch[CONN_SCRATCH_SIZE];
};

struct conn *conn_new(struct conn_env *env, int fd, const struct conn_ops *ops, void *arg);
void conn_free(struct conn *c);			/* closes the socket; NULL is fine */
int conn_fd(const struct conn *c);
/*
 * TLS, once all output is written: what was read before is thrown away, and nothing is handed on until
 * secured(). Not after conn_close().
 */
void conn_secure(struct conn *c, struct tls *tls);
struct ssl_st *conn_link(const struct conn *c);	/* NULL: no TLS, or not yet */
bool conn_spilled(const struct conn *c);	/* input in the clear was thrown away when TLS began */
void conn_send(struct conn *c, const char *data, size_t len);	/* written when the round ends */
/* Once all output is written. `linger`: the peer may still be sending, and is read for a moment first. */
void conn_close(struct conn *c, bool linger);
size_t conn_unsent(const struct conn *c);
size_t conn_held(const struct conn *c);		/* bytes of input and output that wait */
void conn_flush(struct conn *c);		/* before conn_free(): writes what the peer takes at once */
void conn_limit(struct conn *c, uint64_t ms);	/* from now; UINT64_MAX: none */
/* Something outside has changed: goes on with waiting input and output. May end in gone(). */
void conn_resume(struct conn *c);

/* --- tls_files: certificate and key files: opened by the master, checked and used here --- */

#define TLS_FILES_FINGERPRINT_SIZE (2 * TLS_FINGERPRINT_SIZE + 1)

/*
 * Asks the master for the files. NULL: this virtual server has no TLS. `ready` is called once, later, when
 * the first good set is here; a bad first set ends the process.
 */
struct tls_files *tls_files_new(struct listener *l, void (*ready)(void *arg), void *arg);
void tls_files_free(struct tls_files *s);		/* NULL is fine, here and in the next three */
/* Messages of the master; what was not asked for is ignored. */
void tls_files_take_tickets(struct tls_files *s, const struct ctl_message *m);
void tls_files_take_file(struct tls_files *s, const struct ctl_message *m);
void tls_files_renew(struct tls_files *s);		/* the files have changed */
struct tls *tls_files_tls(const struct tls_files *s);
const char *tls_files_path(const struct tls_files *s, size_t i);	/* of the certificate of that pair */
const char *tls_files_refused(const struct tls_files *s);	/* why the files are not used; "": they are */
/* The event about a handshake; in a flood not about each one. */
void tls_files_tell(struct tls_files *s, const char *result, const char *ip, const char *why);
/* "TLSv1.3/TLS_AES_256_GCM_SHA384", for events; "-" for NULL. `dst` has TLS_FACTS_SIZE bytes, as below. */
void tls_files_format_event(char *dst, const struct ssl_st *link);
/* SHA-256 of the client's certificate, hexadecimal; "": none. `dst` has TLS_FILES_FINGERPRINT_SIZE bytes. */
void tls_files_format_fingerprint(char *dst, const struct ssl_st *link);
/* The client has shown a certificate with one of these, as evacuate-from has them. */
bool tls_files_is_shown(const struct config_strings *fingerprints, const struct ssl_st *link);
/* "TLSv1.3, TLS_AES_256_GCM_SHA384, 256 bits"; "" for NULL. */
void tls_files_format_received(char *dst, const struct ssl_st *link);

/* --- log_sender: the protocol log, written by the pickup worker --- */

struct log_sender *log_sender_new(struct listener *l);	/* sets l->log */
bool log_sender_is_idle(const struct log_sender *s);	/* else l->session_ended() follows when it is */
void log_sender_free(struct log_sender *s);		/* after w3clog_free, before the channel's end */

/* Content is handed on in pieces, which may double when it is mended; a chunk is one write of it. */
#define INBOUND_PIECE (8U << 10)
#define INBOUND_CHUNK (110U << 10)
#define INBOUND_BUFFER (128U << 10)	/* holds a chunk and the piece that fills it */

/* --- queue_message: a message on its way into the queue, by the hands of the pickup worker --- */

struct queue_writer *queue_message_writer(struct listener *l);
void queue_message_writer_free(struct queue_writer *w);	/* after pool_free, before the channel's end */
/*
 * The envelope is formatted now, and may be freed. Without an id it gets one. NULL and errno EINVAL: it has
 * control bytes.
 */
struct queue_message *queue_message_begin(struct queue_writer *w,
    const struct message_envelope *e) __attribute__((warn_unused_result));
/* It rests in the queue until an operator releases it. Before the first add. */
void queue_message_hold(struct queue_message *m);
/* The id that it will have; valid while the message is. */
const char *queue_message_id(const struct queue_message *m);
void queue_message_add(struct queue_message *m, const void *data, size_t len);	/* copies */
/* Two chunks wait for the disk: add no more until `room` is called (once). */
bool queue_message_is_full(const struct queue_message *m);
void queue_message_on_room(struct queue_message *m, void (*room)(void *arg), void *arg);
/* One is called, once, later: `done` with 0 or errno, `refused` with a reply of the next hop. m is gone. */
void queue_message_finish(struct queue_message *m, void (*done)(void *arg, int error, const char *id),
    void (*refused)(void *arg, const char *words), void *arg);
/* At any time before queue_message_finish, also from `room`. NULL is fine. */
void queue_message_discard(struct queue_message *m);

/* --- scratch: content on its way to the mail filters --- */

#define SCRATCH_PIECE (64U << 10)

struct scratch_writer *scratch_writer(struct listener *l);
void scratch_writer_free(struct scratch_writer *w);	/* after pool_free; NULL is fine */
struct scratch *scratch_new(struct scratch_writer *w);
void scratch_add(struct scratch *s, const void *data, size_t len);	/* copies */
/* Two chunks wait for the disk: add no more until `room` is called (once). */
bool scratch_is_full(const struct scratch *s);
void scratch_on_room(struct scratch *s, void (*room)(void *arg), void *arg);
/* Once, later, with 0 or errno: all is in the file. */
void scratch_finish(struct scratch *s, void (*written)(void *arg, int error), void *arg);
int scratch_fd(const struct scratch *s);		/* stays the scratch's */
uint64_t scratch_size(const struct scratch *s);
/* At most SCRATCH_PIECE bytes, all of which are there; once, later. */
void scratch_read(struct scratch *s, uint64_t at, size_t want,
    void (*done)(void *arg, const char *data, size_t len, int error), void *arg);
void scratch_free(struct scratch *s);			/* at any time; NULL is fine */

/* --- inbound_content: a message on its way into the queue --- */

enum inbound_part { INBOUND_CHANGES, INBOUND_HEADER, INBOUND_BODY, INBOUND_PARTS };
struct inbound_content {
	struct listener *listener;
	struct queue_message *message;	/* NULL: none, or storing */
	struct buf opening;		/* the first bytes, until it is known what they are */
	bool opened, mbox;		/* that is known; an mbox line was left out */
	bool mending;			/* the header is coming, and is mended */
	struct header_mend mend;	/* what was found in it */
	char date[CLOCK_DATE_SIZE];	/* of the Received field */
	struct message_id_scan *scan;	/* of the latest content; NULL: there was none */
	bool storing;			/* `stored` is to come, or `refused` */
	char id[MESSAGE_ID_SIZE];
	/* Of a message that mail filters look at; the envelope is the owner's, and lives until `stored` */
	struct scratch *scratch;	/* NULL: there are no filters, or they are done with it */
	struct message_envelope *envelope;
	char *trace;			/* our Received field, which comes on top then */
	struct buf changes;		/* of the envelope */
	struct data check;		/* of what the filters made of the content */
	struct msg_filter_extent extent[INBOUND_PARTS];
	enum inbound_part part;
	uint64_t at;			/* in that part */
	bool scanning;			/* header and body are read for 8-bit bytes, then again */
	struct msg_filter_answer *held;	/* of a filter that wants it so; NULL; until `stored` returns */
	/* The filters: inbound_filtered_judged() follows */
	void (*ask)(void *arg, int fd, uint64_t size);
	void (*refused)(void *arg, const struct msg_filter_answer *a);	/* it will not be stored */
	void (*hop_refused)(void *arg, const char *words);	/* nor this one: by the next hop */
	void (*room)(void *arg);	/* more content may come */
	void (*stored)(void *arg, int error, const char *id);	/* on disk, or failed with an errno */
	void *arg;
};
/*
 * For the Received field: the confirmed names of the client (NULL: none), of which the first is shown, and a
 * word about TLS ("": none). 0 or errno.
 */
int inbound_content_begin(struct inbound_content *c, struct message_envelope *e, const char *names,
    const char *link, bool mend);
/* False: full until `room`. */
bool inbound_content_add(struct inbound_content *c, const char *data, size_t len);
void inbound_content_finish(struct inbound_content *c);	/* `stored` or `refused` follows, later */
/* For inbound_filtered: what the filters made of the content comes through the sink, from its beginning. */
void inbound_content_open_again(struct inbound_content *c);
void inbound_content_sink(void *arg, const char *run, size_t len);
void inbound_content_end(struct inbound_content *c);
void inbound_content_discard(struct inbound_content *c);	/* also when there is nothing */
void inbound_content_done(struct inbound_content *c);	/* the session ends */
/* The Message-ID of the message just stored under `id`, into `dst`; "": it has none. */
#define INBOUND_CONTENT_ID_SIZE 256
void inbound_content_message_id(char dst[INBOUND_CONTENT_ID_SIZE], const struct inbound_content *c,
    const char *id);

/* --- inbound_filtered: what filters have seen, on its way into the queue --- */

void inbound_filtered_judged(struct inbound_content *c, const struct msg_filter_answer *a);

/* --- inbound_filter: what the mail filters are asked about a connection --- */

/* session_ops.filter, inbound_content.ask */
void inbound_filter_ask(void *arg, enum msg_filter_stage stage, const char *argument, const char *second);
void inbound_filter_ask_content(void *arg, int fd, uint64_t size);
/* The event */
void inbound_filter_discarded(const struct inbound *c, const struct msg_filter_answer *a);
void inbound_filter_stored(struct inbound *c);	/* says that it is held, if it is */
void inbound_filter_named(struct inbound *c);		/* the client's names are known, or will not be */

/* --- inbound_log: what one session says and hears, for the protocol log --- */

struct inbound_log {
	struct w3clog *log;		/* NULL: there is none, and all below does nothing */
	const struct session *session;
	union proxy_address local;
	const char *line;		/* the command that waits for its reply; NULL: none */
	char *copy;			/* `line`, once it had to be copied; else NULL */
	const char *id;			/* of the message just stored; the caller's */
	const struct message_id_scan *header;	/* of the content that is coming; the caller's */
	uint64_t opened_ms, since_ms;
	size_t length;			/* of the command as it came */
	uint32_t sent;			/* bytes of replies */
	uint16_t len;			/* of `line` */
	unsigned short code;
	bool doubtful;			/* the last AUTH failed: unknown commands may be its secrets */
	bool idle;			/* the session has run out of time */
	bool ended;			/* the line about its end is written */
};

/* `local`: the address that the client connected to; NULL: that of the socket. */
void inbound_log_open(struct inbound_log *r, struct w3clog *log, const struct session *s, int fd,
    const struct sockaddr *local);
/* `line` has to stay valid until inbound_log_keep(), which copies it when the reply is still to come. */
void inbound_log_command(struct inbound_log *r, const char *line, size_t len);
void inbound_log_keep(struct inbound_log *r);
void inbound_log_reply(struct inbound_log *r, const char *text, size_t len);
/* A content comes; its `header` lives until the next one begins, or the session ends. */
void inbound_log_begin(struct inbound_log *r, const struct message_id_scan *header);
void inbound_log_close(struct inbound_log *r);		/* the connection is closed: the last line */
/* The sender, for events; "<>": the null sender; "-": none yet. */
const char *inbound_log_sender(const struct session *s);
void inbound_log_done(struct inbound_log *r);		/* frees; `r` is the owner's */

/* --- atrn_relay: after ATRN: bytes between the client and the deliver worker --- */

/* Takes over `fd`. `ended`, once, later: the worker has closed, and all its bytes were given to `conn`. */
struct atrn_relay *atrn_relay_new(struct loop *loop, struct conn *conn, int fd, void (*ended)(void *arg),
    void *arg);
void atrn_relay_free(struct atrn_relay *p);			/* NULL is fine */
size_t atrn_relay_input(struct atrn_relay *p, const char *data, size_t len);	/* as conn_ops.input */
bool atrn_relay_wants(const struct atrn_relay *p);
void atrn_relay_round_done(struct atrn_relay *p);		/* conn has read or written */

/* --- queue_room: whether disk and drop folder take more; the pickup worker looks --- */

/* `known` is called once: with a drop-quota at the first answer or after a time, else at once. */
struct queue_room *queue_room_new(struct listener *l, void (*known)(void *arg), void *arg);
bool queue_room_is_short(struct queue_room *q);		/* the disk, some seconds ago */
bool queue_room_drop_is_full(struct queue_room *q);	/* alike */
void queue_room_free(struct queue_room *q);

/* --- inbound: one connection: ties socket, dialogue and queue together --- */

/* Takes the client over, and greets. The gatekeeper has counted it. */
void inbound_open(struct listener *l, struct gatekeeper_client *client);
void inbound_stop_all(struct listener *l);	/* 421 at the next command boundary */
void inbound_cut_all(struct listener *l);	/* 421 now; what is being stored stays until it is */
void inbound_free_all(struct listener *l);	/* the process ends: in any case */
void inbound_shed(struct inbound *c);		/* others need its memory: 421 now; it has no message */
/* What an operator sees of a session; strings belong to it. */
struct inbound_view {
	uint32_t serial, messages;
	const struct sockaddr *address;
	const char *ip, *user, *helo, *state, *tls;	/* user and helo may be NULL; tls "-": none */
	char certificate[TLS_FILES_FINGERPRINT_SIZE];	/* "": none was shown */
	uint64_t age_ms, idle_ms;
};
struct inbound *inbound_next(struct inbound *c);
bool inbound_view(const struct inbound *c, struct inbound_view *v);	/* false: closed already */
void inbound_terminate(struct inbound *c);	/* 421, now or when its message is stored; `c` may be gone */

/* One connection, as inbound and inbound_ops share it. */
struct inbound {
	TAILQ_ENTRY(inbound) entry;
	TAILQ_ENTRY(inbound) long_entry;	/* while session.long_line */
	TAILQ_ENTRY(inbound) heavy_entry;	/* while `weight` is not 0 */
	struct listener *listener;
	struct conn *conn;		/* NULL: closed, but its message is still being stored */
	struct session session;
	struct inbound_content content;
	struct inbound_log log;
	struct auth_in_client_question *auth_question;	/* AUTH under way; NULL: none */
	struct ctl_client_question *etrn_question;	/* ETRN, ATRN under way; NULL: none */
	struct rdns_query *names_query;	/* for the client's names; NULL: none */
	struct filter_client *filter;	/* NULL: not asked yet, or there are none */
	bool filter_connects;		/* they are to be asked when the client's names are there */
	bool judging;			/* they have the content */
	char filter_id[MESSAGE_ID_SIZE];	/* of the message that MAIL began */
	struct recipient_check_state *recipient_check;	/* NULL: the directory was not asked yet */
	struct atrn_relay *atrn_relay;	/* after ATRN; NULL: not */
	uint64_t content_since;		/* monotonic ms of DATA, or the first BDAT; 0: none is coming */
	uint64_t since, active;		/* monotonic ms: accepted; the client last did something */
	size_t held, held_message;	/* of listener.held, listener.held_messages */
	unsigned weight;		/* its list of listener.heavy, from 1 on; 0: it is in none */
	uint32_t serial;
	uint32_t progress;		/* of the session, when the limit was last set */
	union proxy_address peer, *reached;	/* reached: NULL unless a PROXY header said it */
	struct policy_client client;
	char *names;			/* client.names, owned; NULL: none */
	char ip[INET6_ADDRSTRLEN];
};

/* --- inbound_long: connections on which a long line of AUTH is coming --- */

#define INBOUND_LONG_MAX 64U	/* at a time, in one process */

void inbound_long_line(struct inbound *c, bool begins);

/* --- inbound_memory: what each connection holds of the memory budget --- */

void inbound_memory_open(struct listener *l, void (*shed)(struct inbound *c));	/* which ends one at once */
void inbound_memory_close(struct listener *l);		/* after inbound_free_all */
void inbound_memory_count(struct inbound *c);		/* anew */
void inbound_memory_forget(struct inbound *c);
/* There is no memory for more; `message`: for a message of this client. */
bool inbound_memory_is_short(const struct inbound *c, bool message);

/* --- inbound_ops: what the session asks of the outside, done for its connection --- */

extern const struct session_ops inbound_ops;	/* their `arg` is the struct inbound */

/* --- certificate_list: the certificates that are shown to clients, for operators --- */

void certificate_list_answer(struct listener *l, const struct ctl_message *m);	/* CTL_CERTIFICATES */

/* --- session_list: the sessions, for operators --- */

void session_list_answer(struct listener *l, const struct ctl_message *m);	/* CTL_SESSIONS */

#endif
