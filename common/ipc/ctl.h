/*
 * ctl - control messages: typed, sized, with rights; over SOCK_SEQPACKET, so the kernel keeps message borders
 *
 * Master <-> child on a socketpair, operator -> master on control.sock, worker <-> helper on a socketpair.
 * A message that fits no row of ctl_rows closes its channel and is logged by the receiver; it never ends a
 * process.
 */
#ifndef COMMON_IPC_CTL_H
#define COMMON_IPC_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/process/loop.h"

#define CTL_PAYLOAD_MAX 57344	/* a Kerberos token of 48,000 bytes and what goes with it */
/*
 * Another number with each change of a type, a row or a payload. Programs of two versions meet when other
 * ones take over (master/upgrade). What those have in common, from CTL_VERSION_FIRST on, never changes: the
 * types before CTL_COMMON.
 */
#define CTL_VERSION 7
#define CTL_VERSION_FIRST 3
#define CTL_REASON_MAX 400
#define CTL_TROUBLE_MAX 4096

enum ctl_type {
	/* --- the same in every version, number and payload --- */
	/* worker or helper to master */
	CTL_READY,		/* its loop runs */
	CTL_PAUSED,		/* accepts no more connections */
	CTL_CONTINUED,
	CTL_IDLE,		/* drained: exits now */
	CTL_LEFT,		/* stopping, a session or delivery has ended: the counters have the rest */
	CTL_REASON,		/* why it exits now: text for operators */
	CTL_TROUBLE,		/* what it cannot do now: text for operators; empty: nothing */
	/* master to worker or helper */
	CTL_PAUSE,
	CTL_CONTINUE,
	CTL_DRAIN,		/* accept nothing new, end when the last session ended: another follows */
	CTL_STOP,		/* end within the grace time: payload uint32_t milliseconds */
	CTL_LOGS,		/* reopen logs */
	/* Where events go: payload uint32_t, enum log_sink; the descriptor becomes standard error */
	CTL_EVENTS,
	/* operator to master and back */
	/* text: words separated by NUL: "pause" "default". Perhaps with a descriptor: what is no word */
	CTL_COMMAND,
	CTL_TEXT,		/* part of an answer */
	CTL_PROGRESS,		/* struct ctl_progress: what a command still waits for; before the answer */
	CTL_END,		/* end of an answer: int32_t exit status (0, 1, 2 or sysexits) */
	/* --- of this version: from CTL_COMMON on --- */
	/* worker or helper to master */
	/* Asks for a channel to a helper: payload uint32_t, enum ctl_helper; CTL_CHANNEL follows */
	CTL_NEED,
	/* master to worker or helper */
	/* To a worker: its channel to a helper; to a helper: a new client. Payload struct ctl_channel */
	CTL_CHANNEL,
	/*
	 * To the metrics helper: a virtual server's counters, read-only; without a descriptor: they are gone.
	 * Payload char[64], its name
	 */
	CTL_COUNTERS,
	CTL_RETRY,		/* deliver: everything is due now */
	CTL_LOOK,		/* deliver: messages came into the queue in another way */
	/* worker to resolver helper and back: payloads in common/msg/msg_dns.h */
	CTL_DNS_ASK,
	CTL_DNS_ANSWER,
	/* worker or helper to master, and back: a file of the configuration that only root may read */
	CTL_OPEN,		/* payload struct ctl_file */
	/* Payload struct ctl_opened and, when error is 0, the descriptor (reading only) */
	CTL_FILE,
	/* listener to auth helper, and back: payloads in common/msg/msg_auth_in.h */
	CTL_AUTH_IN_START,
	CTL_AUTH_IN_STEP,
	CTL_AUTH_IN_CANCEL,
	CTL_AUTH_IN_ANSWER,
	/* master to a listener with TLS */
	CTL_TICKETS,		/* struct ctl_tickets; at its birth and whenever they change */
	CTL_RENEWED,		/* files of that kind (struct ctl_file) have changed: ask for them again */
	/* master to listener and back: payloads in common/msg/msg_sessions.h */
	CTL_SESSIONS,		/* list sessions, and end them if asked */
	CTL_SESSIONS_PAGE,
	/* deliver to auth helper, and back: payloads in common/msg/msg_auth_out.h */
	CTL_AUTH_OUT_START,
	CTL_AUTH_OUT_STEP,
	CTL_AUTH_OUT_CANCEL,
	CTL_AUTH_OUT_ANSWER,
	/* deliver to fetch helper, and back: payloads in common/msg/msg_token.h */
	CTL_TOKEN_ASK,
	CTL_TOKEN_ANSWER,
	/* fetch helper to master, and back: a refresh token that must survive restarts (msg_token.h) */
	CTL_TOKEN_KEEP,
	CTL_TOKEN_KEPT,
	/* the same: payloads in common/msg/msg_policy.h */
	CTL_POLICY_ASK,
	CTL_POLICY_ANSWER,
	/* the same: payloads in common/msg/msg_report.h */
	CTL_REPORT_ASK,
	CTL_REPORT_ANSWER,
	CTL_POLICIES,		/* master to deliver, at its birth: MTA-STS policies are kept */
	/* master to fetch helper, then to deliver: test a profile of [oauth], in steps (msg_token.h) */
	CTL_OAUTH_TEST,
	CTL_DIRECTORY_TEST,		/* master to directory helper: what it says of a recipient */
	CTL_DNS_TEST,			/* master to resolver: a struct msg_dns_query, for operators */
	CTL_PROBE,		/* master to deliver: the way of a mail (msg_probe.h) */
	CTL_HOSTS,		/* master to deliver: what is known of hosts (msg_hosts.h) */
	CTL_TLS_REPORTS,	/* master to deliver: what is counted for reports about TLS */
	CTL_CERTIFICATES,	/* master to listener: what it shows to clients */
	CTL_ACCOUNTS,		/* master to auth helper: accounts of a password file (msg_accounts.h) */
	CTL_TEST_TEXT,		/* back: lines for operators */
	CTL_TEST_END,		/* back: int32_t exit status */
	/* master to deliver and back: payloads in common/command/msg_queue.h */
	/* A piece of an operator's command on queue or badmail; to move: with a channel to the other queue */
	CTL_QUEUE,
	CTL_QUEUE_PAGE,
	CTL_TRACE,		/* a search in a file of the event log; CTL_QUEUE_PAGE answers */
	/*
	 * To the process that owns a queue: a channel on which that of another virtual server hands over
	 * messages; without a descriptor: the one with that request number is over. Payload struct
	 * ctl_channel, of the other
	 */
	CTL_MOVES,
	CTL_MOVE_NOTE,		/* on that channel: the note of the message that follows, a descriptor */
	CTL_MOVE_PUT,		/* the message, a descriptor; payloads in common/msg/msg_move.h */
	CTL_MOVE_ANSWER,
	/*
	 * To deliver, at its birth and when they change: addresses of other virtual servers, one a line. It
	 * knows no more of them, and begins when it knows that
	 */
	CTL_OTHERS,
	/* listener to deliver worker and back: payloads in common/msg/msg_etrn.h */
	CTL_ETRN,
	CTL_ETRN_ANSWER,		/* with a descriptor for ATRN */
	/* worker to directory helper and back: payloads in common/msg/msg_directory.h */
	CTL_DIRECTORY_ASK,
	CTL_DIRECTORY_ANSWER,		/* a long list comes as a descriptor */
	/* listener to pickup worker and back: payloads in common/msg/msg_spool.h */
	CTL_SPOOL_CHANNEL,		/* a channel for CTL_SPOOL_PUT is wanted */
	CTL_SPOOL_PUT,			/* on that channel: a whole message */
	CTL_SPOOL_QUEUED,		/* there: what came of a batch of them */
	CTL_SPOOL_REFUSED,		/* there: the next hop has refused one of them */
	CTL_SPOOL_OPEN,			/* a draft, whose descriptor is wanted */
	CTL_SPOOL_END,			/* all of that draft is written */
	CTL_SPOOL_DROP,			/* forget that draft */
	CTL_SPOOL_LOG,			/* lines of the protocol log */
	CTL_SPOOL_ROOM,
	CTL_SPOOL_SCRATCH,		/* a file without a name, for content that filters look at */
	CTL_SPOOL_ANSWER,
	/* pickup to deliver worker and back: payloads in common/msg/msg_offer.h */
	CTL_OFFER,			/* a message, in no queue yet, to be sent at once: a descriptor */
	CTL_OFFER_OVER,			/* what became of its file */
	CTL_OFFER_VERDICT,
	/* listener or pickup to filter helper and back: payloads in common/msg/msg_filter.h */
	CTL_FILTER_ASK,			/* a stage of a session; at the content with its file */
	CTL_FILTER_END,			/* the session is over; no answer */
	CTL_FILTER_ANSWER,
	/* worker to limits helper and back: payloads in common/msg/msg_limits.h */
	CTL_LIMITS_ASK,
	CTL_LIMITS_ANSWER,
	/* web helper to master and back: payloads in common/msg/msg_web.h */
	CTL_WEB_LOGIN,			/* the token of a one-time link */
	CTL_WEB_PASSWORD,		/* name and password of an account */
	CTL_WEB_TICKET,			/* a token of Kerberos */
	CTL_WEB_ASK,			/* whose session it is */
	CTL_WEB_LOGOUT,
	/* A command for a session: its answer is CTL_TEXT and CTL_END, or a CTL_WEB_SESSION that refuses */
	CTL_WEB_COMMAND,
	CTL_WEB_EVENTS,		/* the socket on which the events come that a command watches */
	CTL_WEB_SESSION,		/* answer to these six */
	CTL_WEB_KEY,			/* to the helper, at its birth: what tells forged secrets */
	/*
	 * With a descriptor. To all others: a copy of each event goes there (common/base/log_watch.h). To an
	 * operator: where they come out, until the end of the answer
	 */
	CTL_WATCH,
	CTL_COUNT
};

#define CTL_COMMON CTL_NEED	/* the types before it are the same in every version */

/*
 * Deliver and pickup are no helpers, but a listener asks in the same way for a channel to those of its
 * virtual server, and pickup for one to deliver.
 */
enum ctl_helper { CTL_HELPER_RESOLVER, CTL_HELPER_AUTH, CTL_HELPER_FETCH, CTL_HELPER_DELIVER,
    CTL_HELPER_DIRECTORY, CTL_HELPER_PICKUP, CTL_HELPER_FILTER, CTL_HELPER_LIMITS, CTL_HELPER_COUNT };
struct ctl_channel {
	uint32_t helper;		/* enum ctl_helper */
	char server[64];		/* virtual server of the client; "" none */
	char role[16];			/* program of the client: "listener" */
};

struct ctl_progress {
	uint32_t left_ms;		/* until what is left is cut off */
	char text[2000];		/* "default: 2 sessions, 1 delivery (listener 7, deliver 9)" */
};

/*
 * TLS ticket keys of a virtual server, the same in all its listeners: the first makes new tickets, both open
 * old ones.
 */
#define CTL_TICKET_SIZE 80
struct ctl_tickets { uint8_t key[2][CTL_TICKET_SIZE]; };

/*
 * Files are named by their key, never by a path: a worker can have only files that the configuration names.
 * Secret ones (all but certificates and authorities) are refused when every user may read them.
 */
enum ctl_file_kind {
	CTL_FILE_PASSWORDS, CTL_FILE_KEYTAB, CTL_FILE_CERTIFICATE, CTL_FILE_KEY, CTL_FILE_AUTHORITIES,
	CTL_FILE_SECRET, CTL_FILE_CLIENT_KEYTAB, CTL_FILE_CLIENT_CERTIFICATE, CTL_FILE_CLIENT_KEY,
	/* of a profile of [oauth], whose name is in `server`; KEPT is the refresh token of CTL_TOKEN_KEEP */
	CTL_FILE_OAUTH_SECRET, CTL_FILE_OAUTH_REFRESH, CTL_FILE_OAUTH_KEPT, CTL_FILE_OAUTH_CA,
	CTL_FILE_OAUTH_KEY, CTL_FILE_OAUTH_CERTIFICATE,
	CTL_FILE_LDAP_SECRET, CTL_FILE_LDAP_CA,
	CTL_FILE_TRUST_ANCHOR,		/* of the service */
	CTL_FILE_MANAGER_CERTIFICATE, CTL_FILE_MANAGER_KEY,	/* of the service, too */
	CTL_FILE_MANAGER_ACCOUNTS, CTL_FILE_MANAGER_KEYTAB,
	CTL_FILE_DKIM_KEY,
	CTL_FILE_LIMITS_PASSWORD,	/* of the service: for the engine of [limits] */
	CTL_FILE_DECOY_KEY,		/* no key names it: the master's own; CTL_DECOY_KEY_SIZE bytes */
	CTL_FILE_POLICIES,		/* the same; may be written, too: the policies that are kept */
	CTL_FILE_POLICY_CA,		/* authorities of a virtual server, for the hosts of policies */
	CTL_FILE_KINDS
};
#define CTL_DECOY_KEY_SIZE 32
struct ctl_file {
	uint32_t kind;			/* enum ctl_file_kind */
	uint32_t index;			/* position, for a key with several values */
	char server[64];		/* from helpers: of this virtual server; a worker has only its own */
	char domain[256];		/* of this [domain]; "" of the server itself */
};
struct ctl_opened {
	struct ctl_file file;		/* as asked */
	int32_t error;			/* 0, or errno */
	char why[160];			/* the reason in words, with the path */
};

enum ctl_side { CTL_FROM_WORKER = 1, CTL_FROM_MASTER = 2, CTL_FROM_OPERATOR = 4, CTL_FROM_CLIENT = 8,
    CTL_FROM_HELPER = 16 };

struct ctl_message {
	enum ctl_type type;	/* CTL_COUNT: of another version, and not known here; see ctl_any_version */
	uint32_t request;	/* chosen by the asker, repeated in the answer */
	const void *data;	/* valid during the callback; not aligned: copy it out with memcpy */
	size_t len;
	int fd;			/* -1, or one that is closed after the callback, if it is not taken */
	bool lost;		/* -1 because this process may open no more */
};

/* A channel on a loop. */
struct ctl;

/*
 * Takes over `fd` (non-blocking). `from` says what the peer is (enum ctl_side): other rows count as
 * misbehaviour. `on_message` gets each good message; `on_close` is called once when the peer is gone or
 * misbehaved (bad = true); the owner then calls ctl_free.
 */
struct ctl *ctl_new(struct loop *l, int fd, unsigned from,
    void (*on_message)(void *arg, const struct ctl_message *m),
    void (*on_close)(void *arg, bool bad), void *arg);
void ctl_free(struct ctl *c);		/* closes the descriptor; NULL is fine; also from its callbacks */

/*
 * A message of another version that this one cannot know comes as CTL_COUNT, with nothing in it; without this
 * it is a bad one.
 */
void ctl_any_version(struct ctl *c);
/* Of this program. */
unsigned ctl_version(void);
/* Whether a program of that version knows messages of that type as this one does. */
bool ctl_version_knows(enum ctl_type type, unsigned version);

/* The descriptor of a message, which the caller then owns; -1: there is none. Once. */
int ctl_take_fd(const struct ctl_message *m) __attribute__((warn_unused_result));

/* Wipes the payload, which may be secret, from the buffer that messages are received into. */
void ctl_wipe(const struct ctl_message *m);

/*
 * Sends or queues (8 MiB, then ENOBUFS; EMSGSIZE: it does not fit its row). `fd` (-1 none) is duplicated; the
 * caller keeps its own. 0 or -1.
 */
int ctl_send(struct ctl *c, enum ctl_type type, uint32_t request, const void *data, size_t len, int fd);

/*
 * Blocking, without a loop (posternctl, threads of pickup): one message each. recv: 1, 0 closed, -1 bad
 * message or errno; data points into `space`.
 */
#define ctl_send_now(fd, type, request, data, len) ctl_send_on(fd, type, request, data, len, -1, 0)
int ctl_recv_now(int fd, unsigned from, struct ctl_message *m, void *space,
    size_t size) __attribute__((warn_unused_result));
/* `pass`, a descriptor (-1 none), stays the caller's. MSG_DONTWAIT in `flags`: -1 and EAGAIN. */
int ctl_send_on(int fd, enum ctl_type type, uint32_t request, const void *data, size_t len, int pass,
    int flags) __attribute__((warn_unused_result));
/* The same, but it waits for nothing: -1 and EAGAIN. */
int ctl_recv_next(int fd, unsigned from, struct ctl_message *m, void *space,
    size_t size) __attribute__((warn_unused_result));

size_t ctl_waiting(const struct ctl *c);	/* bytes that ctl_send has queued */
int ctl_descriptor(const struct ctl *c);	/* stays the channel's; for a program that takes over */
const char *ctl_name(enum ctl_type type);	/* "ready"; "?" when out of range */

#endif
