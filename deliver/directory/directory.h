/*
 * directory - private header of the directory helper; one block a file
 *
 * directory -> directory_channel (a worker's questions) -> directory_server (of one virtual server)
 * On pool threads: alias_expand -> directory_search -> directory_cache, ldap_conn -> ldap_schema, ldap_entry,
 * ldap_deadline, ldap_probe, ldap_result, ldap_gssapi -> ldap_keytab
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
#include "common/msg/msg_directory.h"
#include "common/boot/boot.h"
#include "common/gssapi/gssapi_client.h"
#include "common/ipc/ctl_server.h"
#include "common/process/pool.h"

struct ldap_ca;
struct ldap_entry;
struct ldap_keytab;
struct ldap_conn;
struct directory_cache;
struct directory_server;
struct ldap_schema;

/* --- directory: the program --- */

struct directory {
	struct boot *boot;
	struct ctl_server_list channels;
	TAILQ_HEAD(, directory_server) servers;	/* one for each virtual server that was asked about */
	uint32_t files;				/* numbers given to requests for files */
	/* Of ldap_gssapi; they may wait long for the Kerberos servers. */
	atomic_uint threads;
};
extern const struct boot_role directory_role;

/* --- ldap_entry: what is wanted of one directory entry. Pure; read by any thread once it is made --- */

struct ldap_entry_values { char **text; size_t count; };
struct ldap_entry {
	atomic_uint users;
	char *dn;			/* as the server writes it */
	char *address;			/* its own, complete; NULL: it has none */
	bool primary;			/* the address is marked as the first of several */
	bool group;
	bool keep;			/* mail that is forwarded stays in the mailbox as well */
	struct ldap_entry_values forward, member;	/* each an address or a DN */
	size_t bytes;
	bool over;			/* values were left out: it had LDAP_ENTRY_MAX bytes */
};
#define LDAP_ENTRY_MAX (256U << 20)

struct ldap_entry *ldap_entry_new(const char *dn);
/* One value of one attribute. Own addresses of no use are left out, members never. */
void ldap_entry_add(struct ldap_entry *e, const struct ldap_schema *s, const char *attribute,
    const char *value, size_t len);
struct ldap_entry *ldap_entry_use(struct ldap_entry *e);
void ldap_entry_release(struct ldap_entry *e);	/* NULL is fine */
/*
 * The address in a value: "a@b", "SMTP:a@b", "smtp$a@b", and a bare name completed with `domain`. 0, -1 it
 * has none.
 */
int ldap_entry_address(struct address *a, const char *value,
    const char *domain) __attribute__((warn_unused_result));
bool ldap_entry_is_dn(const char *value);
/*
 * True: "member;range=0-1499", with the length of the plain name and the begin of the next range, which is 0
 * in the last one.
 */
bool ldap_entry_range(const char *attribute, size_t *name_len, unsigned long *next);

/* --- ldap_keytab: the keytab of one virtual server's directory account, shared by threads. Any thread --- */

struct ldap_keytab {
	atomic_uint users;
	struct keytab keytab;
	/* used by ldap_gssapi */
	atomic_uint *threads;		/* of the whole process, that ask Kerberos servers */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool asking;			/* one of them, with this keytab */
};
/* `threads`: counted by ldap_gssapi; lives as long as the process. NULL and errno. */
struct ldap_keytab *ldap_keytab_new(const char *data, size_t size, atomic_uint *threads);
struct ldap_keytab *ldap_keytab_use(struct ldap_keytab *k);	/* NULL is fine */
void ldap_keytab_release(struct ldap_keytab *k);		/* NULL is fine */

/* --- ldap_ca: the authorities of one virtual server's directory, shared by threads. Any thread --- */

struct ldap_ca {
	atomic_uint users;
	int fd;
	char path[64];			/* of a copy in memory, which libldap opens */
};
/* Takes a file in PEM form, of that name. NULL and why. */
struct ldap_ca *ldap_ca_new(const char *data, size_t size, const char *name, struct buf *why);
struct ldap_ca *ldap_ca_use(struct ldap_ca *c);		/* NULL is fine */
void ldap_ca_release(struct ldap_ca *c);		/* NULL is fine */

/* --- ldap_conn: one connection to a directory server. Any thread, one at a time --- */

/* All of it blocks, but no longer than the time limit of the configuration. */

struct ldap_conn_setup {
	const struct config_ldap *ldap;
	const struct ldap_schema *schema;
	const char *secret;		/* NULL: none */
	struct ldap_keytab *keytab;	/* for Kerberos; NULL: none; the caller's */
	const char *ca;			/* a path; NULL: the system's */
};
/* From LDAP_CONN_REFUSED on with words in `why`. */
enum ldap_conn_result {
	LDAP_CONN_FOUND,
	LDAP_CONN_NONE,
	LDAP_CONN_MANY,			/* more than one entry */
	LDAP_CONN_REFUSED,		/* this entry cannot be looked up, whenever it is tried again */
	LDAP_CONN_CONFIG,		/* none can be, until the configuration or the directory is changed */
	LDAP_CONN_LATER,		/* this entry cannot be looked up now */
	LDAP_CONN_LOST,			/* none can be: the connection is of no more use */
};
#define LDAP_CONN_WHY_SIZE 160
void ldap_conn_set_up(void);			/* once, before threads */
/* Connects, starts TLS, binds. NULL and `why`; `*denied`: the account was refused. */
struct ldap_conn *ldap_conn_open(const struct ldap_conn_setup *set, const char *uri, bool *denied,
    char why[LDAP_CONN_WHY_SIZE]);
void ldap_conn_close(struct ldap_conn *l);	/* NULL is fine */
/*
 * The one entry below the base that the filter finds; with `dn`, that entry itself. `*e` is the caller's to
 * release.
 */
enum ldap_conn_result ldap_conn_search(struct ldap_conn *l, const char *dn, const char *filter,
    struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE]);
bool ldap_conn_is_alive(struct ldap_conn *l);	/* asks for the base: the server answers, whatever it says */

/* --- ldap_probe: why TLS with a directory server fails. Any thread --- */

struct ldap_probe {
	const char *host, *ca;		/* a path */
	unsigned port;
	bool start_tls;			/* asked for over LDAP; else TLS from the beginning */
	uint64_t limit_ms;
};
/* One handshake. True: it failed, and `why` has the reason of TLS. */
bool ldap_probe_tls(const struct ldap_probe *p, char why[LDAP_CONN_WHY_SIZE]);

/* --- ldap_deadline: an end to TLS handshakes of libldap --- */
struct ldap;
struct ldap_deadline;
/* Before `ld` connects; to be freed after it. NULL: libldap does not take it. */
struct ldap_deadline *ldap_deadline_new(struct ldap *ld);
void ldap_deadline_set(struct ldap_deadline *d, uint64_t until_ms);	/* monotonic; 0: none */
void ldap_deadline_free(struct ldap_deadline *d);

/* --- ldap_result: what a result code of a directory server means. Pure --- */

/* `entry`: of the search for one entry by its DN; else for an address below the base. */
enum ldap_conn_result ldap_result_judge(int code, bool entry);
bool ldap_result_is_denied(int code);		/* of a bind: the account was refused */

/* --- directory_cache: what was found, and what was not, for a while. Any thread --- */

#define DIRECTORY_CACHE_KEY_SIZE 1024
enum directory_cache_state { DIRECTORY_CACHE_NEW, DIRECTORY_CACHE_NONE, DIRECTORY_CACHE_ENTRY };
struct directory_cache *directory_cache_new(size_t bytes_max);
void directory_cache_free(struct directory_cache *m);
/* DIRECTORY_CACHE_ENTRY: `*e` is the caller's to release. DIRECTORY_CACHE_NEW: ask a server. */
enum directory_cache_state directory_cache_get(struct directory_cache *m, const char *key, uint64_t now_ms,
    struct ldap_entry **e);
/* `e` NULL: there is none. Keys that do not fit DIRECTORY_CACHE_KEY_SIZE are ignored. */
void directory_cache_put(struct directory_cache *m, const char *key, struct ldap_entry *e, uint64_t until_ms);

/* --- directory_channel: what one worker asks; its helper is a struct directory --- */

extern const struct ctl_server_kind directory_channel;

/* --- directory_server: the directory of one virtual server: connections, threads, files, cache --- */

#define DIRECTORY_SERVER_LANES 2	/* threads for look-ups, and as many for expansions */
struct directory_server_question {
	struct ctl_server_question open;
	TAILQ_ENTRY(directory_server_question) waiting;
	struct directory_server *server;
	uint64_t asked_ms;
	bool test;				/* of an operator; else of a worker, by `open` */
	bool probe;				/* of our own, about the servers: no recipient is meant */
	uint32_t test_request;
	struct msg_directory_query query;
	struct msg_directory answer;
};
struct directory_server {
	TAILQ_ENTRY(directory_server) link;
	struct directory *directory;
	const struct config_server *server;
	struct ldap_schema *schema;
	struct pool *pool;
	/* whole: expansions, so that a large group does not delay look-ups */
	struct pool_lane *quick, *whole;
	struct directory_cache *cache;
	/* used on the loop */
	TAILQ_HEAD(, directory_server_question) waiting;	/* for the files */
	size_t questions;			/* all that are open */
	uint32_t request;			/* of boot_open for the secret; + 1 for the CA */
	unsigned coming;			/* files that the master has not answered for yet */
	bool had;				/* the files were there once */
	struct loop_timer *probe;		/* no server answers: when that is looked at again */
	uint64_t asked_ms;			/* when the master was asked for them; 0: never */
	char trouble[LDAP_CONN_WHY_SIZE];	/* why the files are not there */
	/* used by all threads */
	pthread_mutex_t lock;			/* of what follows, denied apart */
	char *secret;
	struct ldap_keytab *keytab;
	struct ldap_ca *ca;			/* NULL: that of the system */
	struct ldap_conn *idle[2 * DIRECTORY_SERVER_LANES];
	size_t nidle;
	size_t uri;				/* of the LDAP server that answered last */
	uint64_t down_until;			/* no LDAP server answered: none is asked before */
	char down_why[LDAP_CONN_WHY_SIZE];
	char misfit[LDAP_CONN_WHY_SIZE];	/* the last reason for LDAP_CONN_CONFIG */
	atomic_bool denied;			/* the account was refused: the secret is to be read again */
};
/* NULL: it has no directory. */
struct directory_server *directory_server_find(struct directory *d, const char *server);
void directory_server_free(struct directory_server *r);		/* after the channels */
/* Takes over `q`: answers, perhaps before this returns, and frees it. */
void directory_server_ask(struct directory_server *r, struct directory_server_question *q);
void directory_server_opened(struct directory *d, const struct ctl_message *m);	/* CTL_FILE */
void directory_server_renew(struct directory *d, const struct ctl_message *m);	/* CTL_RENEWED */

/* --- directory_test: what the directory says about one recipient, for an operator --- */

void directory_test_begin(struct directory *d, const struct ctl_message *m);	/* CTL_DIRECTORY_TEST */
void directory_test_answer(struct directory *d, uint32_t request, const struct msg_directory *a);

/* --- directory_search: what alias_expand needs: from the cache, else from a server. Any thread --- */

enum ldap_conn_result directory_search_address(struct directory_server *r, const char *address,
    struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE]);
/* The same without a look at its tag. */
enum ldap_conn_result directory_search_exactly(struct directory_server *r, const char *address,
    struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE]);
enum ldap_conn_result directory_search_dn(struct directory_server *r, const char *dn, struct ldap_entry **e,
    char why[LDAP_CONN_WHY_SIZE]);
/* True, and the answer filled: the cache knows whether there is such an address. Asks no server. */
bool directory_search_known(struct directory_server *r, const char *address, struct msg_directory *a);
void directory_search_close(struct directory_server *r);	/* all idle connections */
/* True: no server answers, `why` says it; else `why` is what the configuration does not fit in, or "". */
bool directory_search_trouble(struct directory_server *r, char why[LDAP_CONN_WHY_SIZE]);
void directory_search_probe(struct directory_server *r);	/* finds out whether a server answers again */
void directory_search_renew(struct directory_server *r);	/* the secret or the CA is another one */

/* --- ldap_schema: which attributes mean what. Pure --- */

#define LDAP_SCHEMA_NAMES_MAX 24
struct ldap_schema {
	const char *filter;
	/* each ended by NULL */
	const char *mail[LDAP_SCHEMA_NAMES_MAX], *forward[LDAP_SCHEMA_NAMES_MAX],
	    *member[LDAP_SCHEMA_NAMES_MAX];
	const char *keep;			/* NULL: none */
	const char *domain;			/* completes bare names */
	char *names[3 * LDAP_SCHEMA_NAMES_MAX + 3];	/* all that are asked for, ended by NULL; not owned */
};
/* Strings stay the configuration's. */
void ldap_schema_make(struct ldap_schema *s, const struct config_ldap *c, const char *domain);
bool ldap_schema_is_group(const char *object_class);
/* The filter for an address: %s, %u its local part, %d its domain, each escaped (RFC 4515 3). */
void ldap_schema_filter(const struct ldap_schema *s, const char *address, struct buf *out);
/* "user@d" from "user+tag@d"; false: there is no tag, or no such characters (`delimiters` NULL). */
bool ldap_schema_without_tag(char out[ADDRESS_MAX + 1], const char *address, const char *delimiters);

/* --- ldap_gssapi: Kerberos for a directory server, within a time limit. Any thread --- */

/*
 * A client for that host, to be freed, whose first word is ready. Blocks for `limit_ms` at most. NULL, errno
 * and `why`; ETIMEDOUT: the Kerberos servers do not answer.
 */
struct gssapi_client *ldap_gssapi_begin(struct ldap_keytab *k, const char *user, const char *host,
    uint64_t limit_ms, char why[LDAP_CONN_WHY_SIZE]);

/* --- alias_expand: from an address to what it stands for, or to a sender's own. Pure: asks its source --- */

struct alias_expand_source {
	enum ldap_conn_result (*by_address)(void *arg, const char *address, struct ldap_entry **e,
	    char why[LDAP_CONN_WHY_SIZE]);
	enum ldap_conn_result (*by_dn)(void *arg, const char *dn, struct ldap_entry **e,
	    char why[LDAP_CONN_WHY_SIZE]);
	bool (*is_local)(void *arg, const char *domain);
	bool (*is_late)(void *arg);		/* the time for it is over */
	void *arg;
	const char *domain;			/* completes bare names */
	uint64_t depth;				/* groups in groups */
};
/* With a member in `q`, the answer is what this member of the group stands for: a list, never a mailbox. */
void alias_expand_run(const struct alias_expand_source *w, const struct msg_directory_query *q,
    struct msg_directory *a);

#endif
