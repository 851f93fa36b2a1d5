/*
 * change - one change of one INI file: made in its text, judged with the whole set before anything is
 * written. Nothing here writes
 */
#ifndef COMMON_CHANGE_CHANGE_H
#define COMMON_CHANGE_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/change/change_place.h"
#include "common/config/config_check.h"
#include "common/config/config_files.h"

struct change_key {
	struct change_place place;
	bool unset;
	char *before, *after;		/* as the file says it; NULL: not there */
};

/* A file or folder that gets another name. `inode` is its own before the change; 0: not known. */
struct change_step { char *from, *to; uint64_t inode; };

struct change {
	const char *config_path;
	/* The files as the service has read them; NULL: those on disk count. Set before change_judge */
	const struct config_files *base;
	char *server;			/* NULL: postern.ini */
	/*
	 * A virtual server that is there no more afterwards: of a rename by its name so far, else `server`.
	 * NULL: none. Then these get another name, in this order, and this was remembered of it
	 */
	char *gone;
	struct change_step *step;
	size_t steps;
	uint32_t id;			/* 0: not known */
	bool stopped;			/* it was to stay stopped */
	/* Of a file that comes back: where the deleted one may be, and by which change it went; NULL, 0 */
	char *kept;
	unsigned back;
	char *queue;			/* of one that goes only while nothing waits there; NULL: it may */
	char *path;
	char *old;			/* the text on disk; NULL: the file is new */
	size_t old_len;
	struct config_edit *edit;
	struct buf text;		/* the new text, after change_judge */
	bool account;			/* at other hosts: before or with the change; after change_judge */
	/* Why everybody may relay with the change, who may not without it; NULL. After change_judge */
	const char *opens;
	/* A limit that passes its ceiling with the change, and how; empty: none. After change_judge */
	struct buf passes, passes_why;
	struct change_key *key;
	size_t keys;
	struct buf why;			/* what is wrong, and warnings; a line each */
	struct buf diff;		/* after change_judge */
};

/* All return an exit status; when it is not 0, c->why says what is wrong. */
/* `server` NULL: postern.ini. */
int change_open(struct change *c, const char *config_path, const char *server);
/* A file that is not there yet; it begins as `text`. */
int change_open_new(struct change *c, const char *config_path, const char *server, const char *text);
void change_done(struct change *c);
/*
 * Whether the file is as the service has read it: `loaded` is the text that it runs on. A change by hand is
 * not taken over unseen.
 */
int change_compare(struct change *c, const char *loaded, size_t len);

int change_set(struct change *c, const char *word);	/* "access.tls=required", "access.relay-list+=..." */
int change_unset(struct change *c, const char *word);		/* "access.tls"; it has to be there */
/* A key that is changed by other means, and what becomes of it; `after` NULL: it goes. */
int change_note(struct change *c, const char *place, const char *after);
void change_note_again(struct change *c, struct change_key *k);	/* it becomes what the text says now */
int change_section_add(struct change *c, enum key_section section, const char *name);
int change_section_remove(struct change *c, enum key_section section, const char *name);
int change_section_rename(struct change *c, enum key_section section, const char *from, const char *to);
/* The name of the [domain] that is the default one, as the change has it; NULL: none. Owned by the caller. */
char *change_default_domain(const struct change *c);

/*
 * Pure: a key of the change that operators of the service alone may set, NULL: there is none. To be asked
 * before change_judge, which opens what is named. `running`: the set as it runs; it says where operators of
 * the virtual server may let it listen. `why`: words of its own about the key, else it is left empty.
 */
const struct change_key *change_guarded(const struct change *c, const struct config *running,
    struct buf *why);
/*
 * The same of keys that they alone may set while there is an account at other hosts; to be asked after
 * change_judge. `running`: the virtual server as it runs; NULL: its file has errors.
 */
struct config_server;
const struct change_key *change_guarded_account(const struct change *c, const struct config_server *running);
/* Whether the virtual server has one; also when its file has errors, as nothing is known then. */
bool change_guarded_has_account(const struct config *config, const char *server);
/*
 * Makes text and difference, and judges the set of INI files with them as `posternctl check` does; `files`
 * (or NULL) adds faults of what they name. EX_OK: it may be written; c->why has new warnings.
 */
int change_judge(struct change *c, config_check_files *files);
/* What becomes of its file with that text. */
struct config_candidate change_judge_candidate(const struct change *c, const struct buf *text);
/* The set as it is (text NULL), or as it would be; as config_read. */
struct config *change_judge_read(const struct change *c, const struct buf *text,
    struct config_faults *faults) __attribute__((warn_unused_result));
bool change_is_none(const struct change *c);	/* all is so already; after change_judge */
/* servers/NAME.ini beside the service file; owned by the caller. */
char *change_path(const char *config_path, const char *server);

#endif
