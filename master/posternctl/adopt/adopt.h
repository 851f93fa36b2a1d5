/* adopt - the home of another node becomes that of a virtual server here; one block a file */
#ifndef MASTER_POSTERNCTL_ADOPT_ADOPT_H
#define MASTER_POSTERNCTL_ADOPT_ADOPT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/mail/message_id.h"
#include "common/spool/fence.h"
#include "master/posternctl/posternctl.h"

struct account;

struct adopt {
	const struct command_context *context;
	const struct command *start;	/* the row of that command */
	bool force, dry, merge;
	const char *folder, *name, *from;	/* as the operator wrote them; from may be NULL */
	const char *const *words; size_t count;	/* KEY=VALUE, of a new virtual server */
	struct server_set set;
	const struct config_server *server;	/* it is there, with that very home; NULL: it is made */
	const struct config_server *target;	/* with `merge`: has a home of its own, which gets the mail */
	char host[FENCE_HOST_SIZE];	/* whose home it was, for people; "": not known */
	char *home, *pickup, *queue, *drop, *badmail;	/* paths, owned */
};

/* --- adopt_command: posternctl adopt --- */

/* `start`: the row of that command. */
int adopt_command_run(const struct command_context *c, const struct command *row, const struct command *start,
    const char *const *words, size_t count);

/* --- adopt_judge: whether it can be --- */

/* EX_OK, or it has been said why not. Sets `server` and the paths. */
int adopt_judge(struct adopt *a);

/* --- adopt_take: the lock, the fence and the owners of the files --- */

int adopt_take(struct adopt *a);		/* sets `host`; EX_OK, or it has been said why not */
/* Whose the mail of the virtual server is. False: nobody's but ours, as we are not root; or *status. */
bool adopt_take_user(const struct adopt *a, struct account *account, int *status);

/* --- adopt_merge: all mail of the home into that of `target` --- */

int adopt_merge(const struct adopt *a);		/* EX_OK, or it has been said why not */

/* --- adopt_tell: what came, as events --- */

#define ADOPT_TELL_IDS 200
struct adopt_tell {
	const struct adopt *a;
	char id[ADOPT_TELL_IDS][MESSAGE_ID_SIZE]; size_t ids;	/* not told yet */
	bool said;
};
struct adopt_counts { size_t queue, held /* of the queue */, pickup, drop, badmail, known; };
void adopt_tell_message(struct adopt_tell *t, const char *id);
void adopt_tell_flush(struct adopt_tell *t);		/* what it has, now */
void adopt_tell_end(struct adopt_tell *t, const struct adopt_counts *n, bool good);
/* All that is in the home, which is taken whole. */
void adopt_tell_whole(const struct adopt *a);

/* --- adopt_server: the virtual server --- */

/* Judges the words of a new one, and changes nothing. */
int adopt_server_judge(const struct adopt *a);
int adopt_server_start(const struct adopt *a);	/* makes it, where it is to be made */

#endif
