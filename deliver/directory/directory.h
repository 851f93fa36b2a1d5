/*
 * directory - private header of the directory helper; one block a file, alphabetical
 *
 * worker -> patron -> realm -> (pool thread) unfold -> realm_search -> memo, link -> schema, entry, ticket -> keytab
 */
#ifndef DELIVER_DIRECTORY_DIRECTORY_H
#define DELIVER_DIRECTORY_DIRECTORY_H

#include <bsd/sys/queue.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/process/addressee.h"
#include "common/process/boot.h"
#include "common/process/counsel.h"
#include "common/process/pool.h"

struct entry;
struct keytab;
struct link;
struct memo;
struct patron;
struct realm;
struct schema;
struct ticket;

/* --- directory: the role --- */

struct directory {
	struct boot *boot;
	TAILQ_HEAD(, patron) patrons;
	TAILQ_HEAD(, realm) realms;		/* one a virtual server that was asked about */
	uint32_t files;				/* numbers given to requests for files */
};
extern const struct boot_role directory_role;

/* --- entry: what is wanted of one directory entry. Pure; read by any thread once it is made --- */

struct entry_values { char **text; size_t count; };
struct entry {
	atomic_uint users;
	char *dn;			/* as the server writes it */
	char *address;			/* its own, complete; NULL: it has none */
	bool primary;			/* ... which is marked as the first of several */
	bool group, keep;		/* keep: what is forwarded stays here as well */
	struct entry_values forward, member;	/* each an address or a DN */
	size_t bytes;
};

struct entry *entry_new(const char *dn);
/* One value of one attribute; those that nothing can be made of are passed over. */
void entry_add(struct entry *e, const struct schema *s, const char *attribute, const char *value, size_t len);
struct entry *entry_use(struct entry *e);
void entry_release(struct entry *e);	/* NULL is fine */
/* The address in a value: "a@b", "SMTP:a@b", "smtp$a@b", and a bare name completed with `domain`. 0, -1 it has none. */
int entry_address(struct address *a, const char *value, const char *domain) __attribute__((warn_unused_result));
bool entry_is_dn(const char *value);
/* "member;range=0-1499": true, the plain name's length, and where the next range begins; 0: that was the last. */
bool entry_range(const char *attribute, size_t *name_len, unsigned long *next);

/* --- keytab: a Kerberos keytab in memory, and the tickets that it brings. Any thread --- */

struct keytab {
	atomic_uint users;
	int fd;
	char path[48], cache[48];	/* as libkrb5 names them */
	pthread_mutex_t lock;		/* of what ticket has here */
	pthread_cond_t changed;
	bool asking;			/* a thread waits for the Kerberos servers */
};
struct keytab *keytab_new(const char *data, size_t size);	/* NULL and errno */
struct keytab *keytab_use(struct keytab *k);	/* NULL is fine */
void keytab_release(struct keytab *k);		/* NULL is fine */

/* --- link: one connection to a directory server. Any thread, one at a time; blocks, but no longer than its time limit --- */

struct link_setup {
	const struct config_ldap *ldap;
	const struct schema *schema;
	const char *secret;		/* NULL: none */
	struct keytab *keytab;		/* the same, for Kerberos; the caller's */
	const char *ca;			/* a path; NULL: the system's */
};
enum link_result {
	LINK_FOUND,
	LINK_NONE,
	LINK_MANY,			/* more than one entry */
	LINK_REFUSED,			/* the server is there, but does not do it: `why` */
	LINK_LOST,			/* the connection is of no more use: `why` */
};
#define LINK_WHY_SIZE 160
void link_set_up(void);			/* once, before threads */
/* Connects, secures, binds. NULL and `why`; `*denied`: the account was refused. */
struct link *link_open(const struct link_setup *set, const char *uri, bool *denied, char why[LINK_WHY_SIZE]);
void link_close(struct link *l);	/* NULL is fine */
/* The one entry below the base that the filter finds; or, with `dn`, that entry itself. `*e` is the caller's. */
enum link_result link_search(struct link *l, const char *dn, const char *filter, struct entry **e, char why[LINK_WHY_SIZE]);

/* --- memo: what was found, for a while. Any thread --- */

#define MEMO_KEY_SIZE 1024
enum memo_state { MEMO_NEW, MEMO_NONE, MEMO_ENTRY };
struct memo *memo_new(size_t bytes_max);
void memo_free(struct memo *m);
enum memo_state memo_get(struct memo *m, const char *key, uint64_t now_ms, struct entry **e);	/* `*e` is the caller's to release */
void memo_put(struct memo *m, const char *key, struct entry *e, uint64_t until_ms);	/* NULL: there is none; longer keys are not kept */

/* --- patron: one worker process: its channel and its open questions --- */

#define PATRON_QUESTIONS_MAX 1000
struct patron {
	TAILQ_ENTRY(patron) link;
	struct directory *directory;
	struct counsel *counsel;
	LIST_HEAD(, realm_question) open;
	size_t count;
};
struct patron *patron_new(struct directory *d, int fd, const char *server);	/* takes over `fd` */
void patron_free(struct patron *p);

/* --- realm: one virtual server's directory: connections, threads, files, what is known of it --- */

#define REALM_LANES 2			/* for looking, and as many for expanding */
struct realm_question {
	LIST_ENTRY(realm_question) link;	/* of the patron's */
	TAILQ_ENTRY(realm_question) waiting;
	struct realm *realm;
	struct patron *patron;		/* NULL: gone */
	uint32_t request;
	uint64_t asked_ms;
	struct addressee_query query;
	struct addressee answer;
};
struct realm {
	TAILQ_ENTRY(realm) link;
	struct boot *boot;
	const struct config_server *server;
	struct schema *schema;
	struct pool *pool;
	struct pool_lane *quick, *whole;	/* so that a large group is in nobody's way */
	struct memo *memo;
	TAILQ_HEAD(, realm_question) waiting;	/* for the files */
	size_t questions;			/* all */
	/* on the loop */
	uint32_t request;			/* of boot_open: this one's secret; the next its CA */
	unsigned coming;			/* files asked for */
	bool had;				/* the files were there once */
	uint64_t asked_ms;
	char trouble[LINK_WHY_SIZE];		/* why the files are not there */
	/* of all threads */
	pthread_mutex_t lock;
	char *secret;
	struct keytab *keytab;
	char ca[64];
	int ca_fd;
	struct link *idle[2 * REALM_LANES];
	size_t nidle, uri;			/* uri: the one that answered last */
	uint64_t down_until;			/* none answered: not asked before */
	char down_why[LINK_WHY_SIZE];
	atomic_bool denied;			/* the account was refused: look at the secret again */
};
struct realm *realm_find(struct directory *d, const char *server);	/* NULL: it has no directory */
void realm_free(struct realm *r);		/* after its patrons */
void realm_ask(struct realm *r, struct realm_question *q);	/* the patron is answered, perhaps before this returns; then it is freed */
void realm_opened(struct directory *d, const struct ctl_message *m);	/* CTL_FILE */

/* --- realm_search: what unfold asks: from memory, else from a server. Any thread --- */

enum link_result realm_search_address(struct realm *r, const char *address, struct entry **e, char why[LINK_WHY_SIZE]);
enum link_result realm_search_dn(struct realm *r, const char *dn, struct entry **e, char why[LINK_WHY_SIZE]);
bool realm_search_known(struct realm *r, const char *address, struct addressee *a);	/* whether it is there, if memory can tell */
void realm_search_close(struct realm *r);	/* all idle connections */

/* --- schema: which attributes mean what. Pure --- */

#define SCHEMA_NAMES_MAX 24
struct schema {
	const char *filter;
	const char *mail[SCHEMA_NAMES_MAX], *forward[SCHEMA_NAMES_MAX], *member[SCHEMA_NAMES_MAX];	/* ended by NULL */
	const char *keep;			/* NULL: none */
	const char *domain;			/* completes bare names */
	char *names[3 * SCHEMA_NAMES_MAX + 3];	/* all that are asked for, ended by NULL; not owned */
};
void schema_make(struct schema *s, const struct config_ldap *c, const char *domain);	/* strings stay the configuration's */
bool schema_is_group(const char *object_class);
/* The filter for an address: %s, %u its local part, %d its domain, each escaped (RFC 4515 3). */
void schema_filter(const struct schema *s, const char *address, struct buf *out);

/* --- ticket: GSSAPI as a client (RFC 4752). Any thread, one at a time; blocks, but no longer than its time limit --- */

/* What is to be said first is ready. NULL, errno and `why`; ETIMEDOUT: the Kerberos servers do not answer. */
struct ticket *ticket_new(struct keytab *k, const char *user, const char *host, uint64_t limit_ms, char why[LINK_WHY_SIZE]);
const void *ticket_word(const struct ticket *t, size_t *len);	/* to be said now */
int ticket_step(struct ticket *t, const void *data, size_t len, char why[LINK_WHY_SIZE]);	/* the server's answer */
bool ticket_is_said(const struct ticket *t);	/* all, and the server has proved who it is */
void ticket_free(struct ticket *t);		/* NULL is fine */
bool ticket_is_asking(void);			/* a thread may wait for Kerberos servers for long */

/* --- unfold: from an address to what it stands for. Pure: asks through its source --- */

struct unfold_source {
	enum link_result (*by_address)(void *arg, const char *address, struct entry **e, char why[LINK_WHY_SIZE]);
	enum link_result (*by_dn)(void *arg, const char *dn, struct entry **e, char why[LINK_WHY_SIZE]);
	bool (*is_local)(void *arg, const char *domain);
	bool (*is_late)(void *arg);		/* out of time */
	void *arg;
	const char *domain;			/* completes bare names */
	uint64_t depth;				/* groups in groups */
};
void unfold_run(const struct unfold_source *w, const char *address, bool whole, struct addressee *a);

#endif
