/*
 * control_private - the manager in a web browser, what shows and changes the configuration; for the files of
 * control; one block a file
 */
#ifndef MASTER_CONTROL_CONTROL_PRIVATE_H
#define MASTER_CONTROL_CONTROL_PRIVATE_H

#include <sys/stat.h>

#include "common/base/log.h"
#include "common/change/change.h"
#include "common/command/msg_queue.h"
#include "common/process/counters_ring.h"
#include "master/control/control.h"

struct change_record;

/* --- web_sessions: who is logged in to the manager in a web browser; pure --- */

#define WEB_LINK_MS 900000U		/* how long a one-time link is good */
#define WEB_IDLE_MS 1800000U		/* a session ends so long after its latest command */
#define WEB_SESSION_MS 43200000U	/* and when it is so old */
#define WEB_SESSIONS_MAX 64U
#define WEB_SESSIONS_PER_USER 8U
#define WEB_COMMANDS_PER_PERSON 16U	/* that wait for their answer, in all its sessions */
#define WEB_COMMANDS_PER_OPERATOR 64U	/* of one who operates the service */
#define WEB_CHECK_MS 10000U		/* an account is asked for again while its session is used */
#define WEB_UNCHECKED_MS 300000U	/* without an answer: the session ends */

struct web_session {			/* or a link that leads to one */
	TAILQ_ENTRY(web_session) link;
	bool is_link;
	uint8_t hash[32];		/* SHA-256 of its secret */
	struct control_peer peer;	/* as the kernel said when the link was asked for */
	char name[WEB_NAME_SIZE];
	uint64_t born_ms, used_ms;
	enum msg_web_way way;
	/* WEB_WAY_PASSWORD: what the account was; when it was asked for, and since when without answer */
	uint8_t mark[AUTH_IN_MARK_SIZE];
	uint64_t checked_ms, asked_ms;
};

/* The same number for the same user, or login, in whatever session. */
uint64_t web_sessions_person(const struct control_peer *peer);
/* What tells the secrets that it made, for web_mac. */
const unsigned char *web_sessions_key(const struct web_sessions *w);
/* A one-time link for that user: its token. */
void web_sessions_link(struct web_sessions *w, const struct control_peer *peer, const char *name,
    uint64_t now, unsigned char token[WEB_SECRET_SIZE]);
/* Somebody proved who it is: a session of `peer`, whose name is shown. */
struct web_session *web_sessions_begin(struct web_sessions *w, const struct control_peer *peer,
    const char *name, enum msg_web_way way, uint64_t now, unsigned char handle[WEB_SECRET_SIZE]);
/* By the hash of its handle; NULL: it is over. */
struct web_session *web_sessions_by_hash(struct web_sessions *w, const uint8_t hash[32]);
bool web_sessions_is_good(struct web_sessions *w, const uint8_t hash[32], uint64_t now);
/* Of one way in, which is not offered any more. */
void web_sessions_end_way(struct web_sessions *w, enum msg_web_way way);
/* Uses up a link. The new session and its handle; NULL: there is no such link. */
struct web_session *web_sessions_login(struct web_sessions *w, const unsigned char token[WEB_SECRET_SIZE],
    uint64_t now, unsigned char handle[WEB_SECRET_SIZE]);
/* NULL: there is none, or it is over. `watching`: it goes on idling. */
struct web_session *web_sessions_find(struct web_sessions *w, const unsigned char handle[WEB_SECRET_SIZE],
    uint64_t now, bool watching);
void web_sessions_end(struct web_sessions *w, struct web_session *s);
void web_sessions_end_all(struct web_sessions *w);

/* --- web_account: logins by password and with Kerberos, which the auth helper judges --- */

#define WEB_ACCOUNT_MS 50000U		/* the longest that a login may take; a refusal is delayed, too */
#define WEB_ACCOUNT_OPEN_MAX 64U	/* logins under way; twice what the auth helper takes */

/* Answer with CTL_WEB_SESSION, later. */
void web_account_password(struct child *c, uint32_t request, const struct msg_web_password *p);
void web_account_ticket(struct child *c, uint32_t request, const struct msg_web_ticket *t);
void web_account_gone(struct child *c);		/* the web helper is dead */
/* A session is used: whether its account is still there is asked for now and then. */
void web_account_check(struct master *m, struct web_session *s);

/* --- web_answer: what the web helper is told of a session --- */

/* Fills what a page is told of it. */
void web_answer_describe(struct msg_web_session *answer, const struct master *m, const struct web_session *s);
/* Sends it, and wipes it. */
void web_answer_send(struct child *c, uint32_t request, struct msg_web_session *answer);

/* --- get_request: get, keys --- */

#define GET_REQUEST_MAX (3U << 20)	/* bytes of an answer: lists may be long; a channel queues 4 MiB */
/* get NAME|- [SECTION.KEY ...]: rows of config_get */
void get_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
/* domain NAME list: rows of config_get */
void get_request_domains(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
/* history NAME|- [COUNT]: rows of change_history, the latest first */
void get_request_history(struct control_command *cmd, struct master *m, struct server *only,
    const struct control_words *w);
void get_request_keys(struct control_command *cmd, struct master *m, struct server *only);

/* --- nodes_request: nodes --- */

void nodes_request_run(struct control_command *cmd, struct master *m, struct server *s);

/* --- ring_request: counters of the last hour and day --- */

/* That of the third word, or COUNTERS_RING_SPANS: it is none. */
enum counters_ring_span ring_request_span(const struct control_words *w);
/* counters NAME hour|day [COUNTER ...]; lines with tabs: "step", "times", "lengths" (ms), and each counter */
void ring_request_run(struct control_command *cmd, const struct server *s, const struct control_words *w);

/* --- change_request: commands that change the configuration --- */

/* A virtual server as it was before. */
struct change_witness {
	char name[CONFIG_NAME_MAX + 1];
	bool active, trouble;
};

struct change_request {
	struct master *m;
	struct change change;
	int lock;
	char author[LOGIN_NAME_AUTHOR_SIZE];	/* "uid=0" */
	char by[8];			/* " by=web" */
	char command[16];
	unsigned record;		/* in the history; 0: none */
	struct change_witness *witness;
	size_t witnesses;
	struct loop_timer *timer;
	unsigned number;		/* of the request, for the command that waits for it */
	bool leaving, was_active;	/* it is written when the virtual server that moves has stopped */
	bool written, over, late;
	bool alone;			/* nobody waits for the answer */
	struct buf text;		/* the answer */
	int status;
};

/*
 * set|unset NAME|- [dry-run] WORD ..., domain NAME VERB DOMAIN [dry-run] [WORD ...], create - NAME [dry-run]
 * [WORD ...], rename NAME NEW-NAME [dry-run], delete NAME [dry-run], undo NAME|- [dry-run] [NUMBER]
 */
void change_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);
void change_request_update(struct master *m);	/* state may have changed */
void change_request_close(struct master *m);
/* The command waits until that virtual server has taken its change over. */
bool change_request_waits_for(const struct control_command *cmd, const struct server *s);

/* --- change_apply: a change written, taken over, taken back --- */

#define CHANGE_WAIT_MS 15000U	/* no other change is made until then, at the most */

const char *change_apply_state(const struct change_request *r);		/* the folder of its history */
void change_apply_say(struct change_request *r, int status, const char *text);
void change_apply_tell(const struct change_request *r, const char *result);	/* an event */
/* The virtual servers that it is about, as they are before. */
void change_apply_watch(struct change_request *r);
/* Whether one of them is worse off now; `why` says which. */
bool change_apply_has_failed(const struct change_request *r, struct buf *why);
bool change_apply_is_steady(const struct change_request *r);	/* it has shown what becomes of them */
/* The service takes over the files as the change has made them; `back`: as they were before. */
void change_apply_reload(struct change_request *r, bool back, struct buf *text);
void change_apply_write(struct change_request *r);
void change_apply_take_back(struct change_request *r, const struct buf *why);
void change_apply_end(struct change_request *r);

/* --- change_leave: the virtual server of a rename or delete stops before it moves --- */

void change_leave_begin(struct change_request *r);	/* it is told to stop */
/* State may have changed. True: it is written, and is being taken over; false: not yet, or it is over. */
bool change_leave_step(struct change_request *r);

/* --- author_rate: how often somebody may do something; pure --- */

#define AUTHOR_RATE_USERS 32U
struct author_rate {
	unsigned burst, each_ms;	/* so many at once, then one each so many ms */
	struct { char author[LOGIN_NAME_AUTHOR_SIZE]; uint64_t free_ms; } user[AUTHOR_RATE_USERS];
};
/* One more of that user; false: too many for now. */
bool author_rate_take(struct author_rate *r, const char *author,
    uint64_t now_ms) __attribute__((warn_unused_result));

#define CONTROL_TOO_FAST "too many commands: wait, and say this again"

/* --- refusal_event: what was refused, in the log --- */

#define REFUSAL_EVENT_SIZE 24
/*
 * Whether one more refusal of that user (or client) is an event; `left_out`: "" or " unreported=N", how many
 * refusals before it were none.
 */
bool refusal_event_may_tell(const char *author,
    char left_out[REFUSAL_EVENT_SIZE]) __attribute__((warn_unused_result));

/* --- queue_outcome: what came of a command that changes a queue, put together from its pages; pure --- */

#define QUEUE_OUTCOMES 64U
struct queue_outcome {
	uint64_t used;			/* 0: free; else the larger, the later */
	char said[1024], author[LOGIN_NAME_AUTHOR_SIZE];
	unsigned long matched, busy, failed;	/* since the queue was gone through from its beginning */
	unsigned long done;		/* of all times */
	bool changed;			/* since it was told of */
	char reason[LOG_SAFE_SIZE];
};
struct queue_outcomes { uint64_t uses; struct queue_outcome row[QUEUE_OUTCOMES]; };
/*
 * One more page, a good one, with so many bytes of text. `said`: the command with its virtual server and its
 * selection, the same for each page. True: it is to be told, and `result` has "result=WORD matched=N ...".
 */
bool queue_outcome_add(struct queue_outcomes *t, const char *said, const struct msg_queue_ask *ask,
    const struct msg_queue_page *p, size_t text_len, struct buf *result);

/* --- health: what is shown of a virtual server --- */

/* How many messages its queue has; "-": not known, or NULL. */
void health_put_queue(struct buf *b, const struct server *s);

/* --- adopted_request: what came by posternctl adopt --- */

/*
 * adopted - messages server=NAME from=FOLDER host=HOST ID ...: these are in its queue by now. adopted - home
 * server=NAME from= host= action= result= COUNT=NUMBER ...: the command is over
 */
void adopted_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);

/* --- change_prepare: a change before anything is written --- */

/* EX_OK: it is to be written. */
int change_prepare(struct change_request *r, const struct control_command *cmd, const struct server *s,
    const struct control_words *w);
/* Whether the user has the right of the command on what the record is about. */
bool change_prepare_is_shown(const struct change_record *record, const struct control_command *cmd,
    const struct master *m, const struct server *only);

/* --- accounts_request: accounts: what is in a password file --- */

/*
 * accounts NAME|- list | set ACCOUNT [yescrypt] | remove ACCOUNT | make [dry-run]; without a name those of
 * the manager. The password of set is a descriptor (common/ipc/passed_secret).
 */
void accounts_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);

/* --- accounts_make --- */

void accounts_make_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w);

/* --- accounts_rights: whose file it is --- */

/* The password file of `s`; NULL: of the manager. NULL: there is none. */
const char *accounts_rights_path(const struct master *m, const struct server *s);
/* False: others use that file on which this user has no right; the command is answered. */
bool accounts_rights_check(struct control_command *cmd, const struct master *m, const char *path);
/* A line for each other that uses the file. */
void accounts_rights_put_others(const struct master *m, const struct server *of, struct buf *text);

/* --- accounts_folder: where the manager works on password files --- */

char *accounts_folder_usual(const struct master *m);	/* its path, owned by the caller */
/* `path` lies directly in it. */
bool accounts_folder_is_usual(const struct master *m, const char *path);
/* A line: the file is left to posternctl passwd. */
void accounts_folder_say(const struct master *m, const char *path, struct buf *text);
/* Descriptors; -1 and a sentence in `why`: not safe. The second: for that file, to be shown or changed. */
int accounts_folder_open(const char *folder, struct buf *why);
int accounts_folder_find(const struct master *m, const char *path, bool changes, struct buf *why);

/* --- accounts_file: a password file on its way to be replaced --- */

struct accounts_file {
	char *path;			/* for people */
	char *name, *new_name;		/* in the folder */
	int folder, lock, old, new;	/* -1: not open */
	bool begun;			/* new_name is ours */
	struct stat st;			/* of the file as it is */
};
/* Takes the descriptor of the folder. */
void accounts_file_init(struct accounts_file *f, int folder, const char *path);
void accounts_file_done(struct accounts_file *f);	/* what is not in place goes */
/* All: 0, or -1 and a sentence in `why`. */
int accounts_file_open(struct accounts_file *f, struct buf *why);	/* f->old */
/* 1: it is ours; 0: another process has it; -1. */
int accounts_file_lock(struct accounts_file *f, struct buf *why);
int accounts_file_begin(struct accounts_file *f, struct buf *why);	/* f->old, f->new */
/* Whether what is in f->new, by its size alone, may take the place. */
int accounts_file_check(const struct accounts_file *f, bool may_be_empty, struct buf *why);
/* 1: it is in place, but that may not be on disk, see `why`. */
int accounts_file_commit(struct accounts_file *f, struct buf *why);

/* --- test_request: what commands have in common that ask a helper for a test --- */

/* The first member of the request of such a command, which begins with zeros and is freed as a whole. */
struct test_request {
	struct control_question q;	/* one part: the process that is asked at present */
	enum ctl_helper helper;		/* asked first; it is started when there is none */
	void (*ask)(struct test_request *r, struct child *helper);
	const char *who;		/* is asked, for people: "the resolver" */
	struct buf text;
	int status;
};

/* `helper` and `ask` are set. The command waits for the answer. */
void test_request_begin(struct test_request *r, struct control_command *cmd, struct master *m,
    const struct control_question_ops *ops, uint64_t wait_ms);
/* Its two halves: the command waits; the helper is asked. */
void test_request_open(struct test_request *r, struct control_command *cmd, struct master *m,
    const struct control_question_ops *ops, uint64_t wait_ms);
void test_request_ask(struct test_request *r);
void test_request_take_text(struct test_request *r, const struct ctl_message *m);
void test_request_end(struct test_request *r, int status);	/* the first fault counts */
/* For its ops. page: text, then a status that ends it; gone, late: say of `who` that it did not answer. */
void test_request_page(struct control_question *q, size_t part, const struct ctl_message *m);
void test_request_gone(struct control_question *q, size_t part);
void test_request_late(struct control_question *q);
bool test_request_update(struct control_question *q, struct control_command *cmd);
void test_request_free(struct control_question *q);

/* --- deliver_request: what commands have in common that ask the deliver worker of a virtual server --- */

/* The first member of the request of such a command, as test_request. */
struct deliver_request {
	struct test_request r;
	const void *ask;		/* in the request; `ask_size` bytes */
	size_t ask_size;
	uint32_t *from;			/* in `ask`: what a page begins with; NULL: no list */
	/* What it answered, when that is no page: its number. Ends the request. */
	void (*done)(struct deliver_request *d, int32_t count);
	char server[CONFIG_NAME_MAX + 1], who[CONTROL_ANSWER_WHO_SIZE];
};

/* It tries messages: that of a stopped virtual server brings them to another node alone. */
bool deliver_request_delivers(const struct child *c);
/* The deliver worker of that virtual server that is ready; NULL: there is none. */
struct child *deliver_request_worker(const struct master *m, const char *server);
/* False: the command is answered, as the virtual server is stopped. */
bool deliver_request_can(struct control_command *cmd, const struct server *only);
/* `ask`, `ask_size`, `from` and `done` are set. The command waits for the answer. */
void deliver_request_begin(struct deliver_request *d, struct control_command *cmd, struct master *m,
    const struct server *only, const struct control_question_ops *ops);
/* For its ops, with late and free of test_request. */
void deliver_request_page(struct control_question *q, size_t part, const struct ctl_message *m);
void deliver_request_gone(struct control_question *q, size_t part);
bool deliver_request_update(struct control_question *q, struct control_command *cmd);

#endif
