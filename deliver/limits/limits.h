/* limits - the helper that shares limits with other nodes in an engine (Redis, Valkey): its parts */
#ifndef DELIVER_LIMITS_LIMITS_H
#define DELIVER_LIMITS_LIMITS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/boot/boot.h"
#include "common/config/config.h"
#include "common/config/filter_place.h"
#include "common/ipc/ctl_server.h"
#include "common/msg/msg_limits.h"

struct limits;
struct limits_engine;
struct loop_io;
struct loop_timer;
struct redisReader;
struct redisReply;

/* --- limits_script: what the engine runs, the commands for it, and its answers. Pure --- */

#define LIMITS_SHA_SIZE 41		/* of a script, as the engine names it */
#define LIMITS_WHY_SIZE 160		/* why there is no engine */
#define LIMITS_RUN_SIZE 65		/* of one life of the engine */
#define LIMITS_COMMAND_MAX (64U * 1024)

/* Whose limits these are, and in which life of the engine. */
struct limits_place {
	const char *prefix, *node, *run;
	uint64_t length;		/* ms: of a lease */
};

extern const char *const limits_script_text[LIMITS_KINDS];
/* Adds a command of `count` words to `out`. */
void limits_script_put(struct buf *out, size_t count, const char *const *word, const size_t *len);
/*
 * The question of a worker of that virtual server ("": of the auth helper, which is of none); `sha` NULL:
 * with the text of the script
 */
void limits_script_ask(struct buf *out, const struct limits_place *p, const char *sha, const char *server,
    const struct msg_limits_ask *ask);
/* The answer to that. False: it is none. */
bool limits_script_take(struct msg_limits_answer *a, enum limits_kind kind, const struct redisReply *r);
/* A value of INFO: "run_id". False: it is not there, or does not fit. */
bool limits_script_info(char *dst, size_t size, const char *info, size_t len, const char *name);
/* An error that is about one name alone, as another kind of value there; not the state of the engine. */
bool limits_script_is_local(const char *error);
bool limits_script_is_forgotten(const char *error);	/* the engine does not know the script any more */

/* --- limits_query: a question of a worker, until it is answered --- */
struct limits_query {
	struct ctl_server_question open;	/* closed when its worker is gone */
	STAILQ_ENTRY(limits_query) link;
	char server[CONFIG_NAME_MAX + 1];
	struct msg_limits_ask ask;
	uint64_t sent_at;			/* monotonic ms */
	bool whole;				/* it went with the text of the script */
};
STAILQ_HEAD(limits_query_list, limits_query);
void limits_query_end(struct limits_query *q, const struct msg_limits_answer *a);	/* frees */

/* --- limits_engine: the connection to the engine --- */
/*
 *   state     goes on with                      at its end or fault
 *   AWAY      a time -> FILE                    -
 *   FILE      the password is read -> CONNECTS  AWAY
 *   CONNECTS  connected -> GREETS               AWAY
 *   GREETS    all replies to that -> READY      AWAY
 *   READY     -                                 AWAY
 * Questions wait in FILE, CONNECTS and GREETS; in AWAY they are answered at once.
 */
enum limits_state { LIMITS_AWAY, LIMITS_FILE_WANTED, LIMITS_CONNECTS, LIMITS_GREETS, LIMITS_READY };
/* Whose reply comes next. */
enum limits_greeting { LIMITS_GREETING_PASSWORD, LIMITS_GREETING_INFO, LIMITS_GREETING_LOAD,
    LIMITS_GREETING_OVER = LIMITS_GREETING_LOAD + LIMITS_KINDS };

struct limits_engine {
	struct limits *limits;
	struct filter_place place;
	enum limits_state state;
	enum limits_greeting greeting;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	struct redisReader *reader;
	size_t fed;			/* bytes since the last whole reply */
	size_t column;			/* of the line that is coming */
	unsigned header;		/* most columns that it may have; 0: it says no length */
	struct buf out;
	char *password;			/* owned, wiped when it was sent */
	uint32_t request;		/* of CTL_OPEN */
	char run[LIMITS_RUN_SIZE];
	char sha[LIMITS_KINDS][LIMITS_SHA_SIZE];
	uint64_t again_ms;
	bool lost;			/* status has it */
	uint64_t shown_ms;		/* when status was told */
	uint64_t told_ms;		/* when the event log was told of a loss */
	char told_why[LIMITS_WHY_SIZE];	/* ... and of which reason */
	bool told;			/* ... of this loss */
	struct limits_query_list waiting, sent;
	size_t nsent;
};

struct limits_engine *limits_engine_new(struct limits *x);
void limits_engine_free(struct limits_engine *e);
/* Takes over `q`, and answers it within LIMITS_ENGINE_MS. */
void limits_engine_ask(struct limits_engine *e, struct limits_query *q);
void limits_engine_opened(struct limits_engine *e, const struct ctl_message *m);	/* CTL_FILE */
/* Whether bytes that came next say a length that no reply of ours has. */
bool limits_engine_is_huge(struct limits_engine *e, const char *data, size_t n);
#define LIMITS_ENGINE_MS 3000U

/* --- limits_greeting: what is said first on a connection --- */
void limits_greeting_put(struct limits_engine *e, const char *password);	/* NULL: none */
/* The next reply to that. NULL, or why the engine cannot be used; it may point into `r`. */
const char *limits_greeting_take(struct limits_engine *e, const struct redisReply *r);

/* --- limits_trouble: what operators hear of the engine --- */
void limits_trouble_tell(struct limits_engine *e, const char *why);
void limits_trouble_end(struct limits_engine *e);

/* --- limits_channel: what workers ask --- */
extern const struct ctl_server_kind limits_channel;

/* --- limits: the program --- */
struct limits {
	struct boot *boot;
	const struct config_limits *config;
	struct limits_engine *engine;
	struct ctl_server_list channels;
};
extern const struct boot_role limits_role;

#endif
