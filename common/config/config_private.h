/* config_private - shared by the files of config*; no other file includes it */
#ifndef COMMON_CONFIG_CONFIG_PRIVATE_H
#define COMMON_CONFIG_CONFIG_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/config/config.h"
#include "common/config/key.h"

#define CONFIG_FILE_MAX (1024 * 1024)
#define CONFIG_LIST_FILE_MAX (16 * 1024 * 1024)
#define CONFIG_LIST_LINE_MAX 1000
#define CONFIG_SNAPSHOT_MAX (256 * 1024 * 1024)	/* all INI files together */
/*
 * inih has a buffer of 200 bytes. Newer versions of it take a line of 199 bytes without its end for a line
 * that continues, and lose the next one.
 */
#define CONFIG_LINE_MAX 198

/* One INI file: from disk, or from a snapshot. */
struct config_source {
	char *server;			/* the virtual server's name; NULL: postern.ini */
	char *path, *text;		/* text NULL: could not be read, faults say why */
	size_t len;
	uint32_t id;			/* its id in the snapshot; else 0 */
	size_t errors;
	size_t unreadable;		/* errors of reading it: they stay whatever else is judged again */
	bool used;			/* a list: by a key of a file that counts */
};
/* The first is postern.ini */
struct config_sources {
	struct config_source *source; size_t count;
	struct config_source *list; size_t lists;	/* files that hold a list; without server */
	char *hostname;
	size_t servers;			/* virtual servers, also of files that were left out; 0: count them */
};

/* A parsed file. */
struct config_heading {
	enum key_section section;	/* KEY_SECTION_COUNT: not usable, entries are skipped */
	char *domain;			/* the NAME of [domain NAME], in lower case; of [host], [oauth] */
	unsigned line;
};
struct config_entry { size_t heading; char *name, *value; unsigned line; bool continued; };
struct config_ini {
	struct config_heading *heading; size_t nheading;
	struct config_entry *entry; size_t nentry;
};

/* What is at hand while files become a judged config. */
struct config_work {
	struct config_sources sources;
	struct config_ini *ini;		/* one a source */
	struct config *config;		/* server i - 1 is made from source i */
	struct config_faults *faults;
	bool folders;			/* also check file systems, and read files of lists */
};

static inline struct config_source *
config_work_source(const struct config_work *w, size_t server)
{
	return &w->sources.source[server + 1];
}

/* Where the value of a key came from; `origin` is that of the owner. */
static inline const struct config_origin *
config_origin_of(const struct config_origin *origin, enum key_section section, const char *name)
{
	return &origin[key_owner_index(section, name)];
}

/* The files of one reading: of the config that was made of them, and of who wants to judge them anew. */
struct config_files {
	unsigned users;
	struct config_sources sources;	/* of lists the paths only */
	struct config_faults faults;	/* of reading the INI files */
};

/* config: from sources to a judged config; NULL when postern.ini has errors. The second keeps the sources */
struct config *config_make(struct config_work *w);
struct config *config_make_files(struct config_files *files, struct config_work *w);

/* config_account: the account at remote hosts, judged */
void config_account_judge(struct config_work *w, size_t server);
/* Mail of that domain (NULL: of any without one) goes to hosts of smart-host, or is to go by the DNS. */
bool config_account_has_hosts(const struct config_server *s, const struct config_domain *d);

/* config_build: parsed files to values; derived values; ids */
void config_build_all(struct config_work *w);
void config_build_free_server(struct config_server *s);	/* its content, not the struct */
void config_build_free(struct config *c);

/* config_domain: sorted by name; judged */
void config_domain_sort(struct config_server *s);
/* Whether the type of the domain has that key. */
bool config_domain_has_key(const struct config_domain *d, const char *key);
void config_domain_judge(struct config_work *w, size_t server);

/* config_relay: whether an open relay comes of it */
void config_relay_judge(struct config_work *w, size_t server);
bool config_relay_is_everybody(const struct config_nets *list);		/* a whole address family */

/* config_faults: the list of errors and warnings */
void config_faults_add(struct config_faults *f, struct config_source *s, unsigned line, bool warning,
    const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* The same for a key of a virtual server, which may be in the shared sections of postern.ini. */
void config_faults_at_key(struct config_work *w, size_t server, enum key_section section, const char *name,
    bool warning, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
/* Where remote delivery is configured: the [delivery] of a virtual server, or a [domain] of it. */
struct config_delivery {
	struct config_work *w;
	size_t server;
	const struct config_domain *d;	/* NULL: the server's [delivery] */
};
const struct config_origin *config_faults_origin(const struct config_delivery *p, const char *key);
void config_faults_at_delivery(const struct config_delivery *p, const char *key, bool warning,
    const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void config_faults_sort(struct config_faults *f);

/* config_file: the files of a configuration, read from disk */
void config_file_gather(struct config_work *w, const char *path);
/* The same, but one file is the candidate, whether it is on disk or not. */
struct config_candidate;
void config_file_gather_with(struct config_work *w, const char *path,
    const struct config_candidate *candidate);
void config_file_done(struct config_sources *sources);
/* Forgets the files of all virtual servers but one. */
void config_file_keep(struct config_sources *sources, const char *server);
void config_file_forget_lists(struct config_sources *sources);
void config_file_forget_texts(struct config_sources *sources);	/* of lists; their paths stay */
struct config_source *config_file_add(struct config_sources *sources, const char *server, const char *path);
/* The host's full name, as far as it is known without a look-up; owned by the caller */
char *config_file_hostname(const char *hosts);

/* Reads the file s->path of a list; faults are told at `at` */
void config_file_read(struct config_source *s, struct config_source *at, struct config_faults *faults);

/* config_folders: of one virtual server, also against all before it */
void config_folders_judge(struct config_work *w, size_t server);

/* config_hint: the key of a file where others take a password; NULL: `name` is no password's */
const char *config_hint_secret(enum key_section section, const char *name);
/* "listen 127.0.0.1:25": the key in front of the blank; NULL: there is none */
const struct key *config_hint_without_equals(enum key_section section, const char *name);
/* What a value has that is no part of it in other programs' files, in brackets; "": nothing */
const char *config_hint_value(const char *value);

/* config_ini: one file, parsed */
void config_ini_parse(struct config_ini *ini, struct config_source *s, struct config_faults *faults);
void config_ini_done(struct config_ini *ini);

/* config_judge: values that do not go together */
void config_judge_all(struct config_work *w);

/* config_list: values of several items. add: 0, or -1 with the reason in `why` */
int config_list_add(const struct key *k, void *base, const char *text, struct buf *why);
void config_list_clear(const struct key *k, void *base);
void config_list_print(const struct key *k, const void *base, struct buf *out);
size_t config_list_count(const struct key *k, const void *base);
void config_list_seal(struct config_server *s);	/* its lists of networks are complete */

/* config_list_file: whether an item of the value is a path; sets the items and what is in such files */
bool config_list_file_is_named(const char *value);
int config_list_file_set(struct config_work *w, struct config_faults *faults,
    const struct config_source *named_by, const struct key *k, void *base, const char *value,
    struct buf *why);

/* config_nets: a list grows, is complete, is freed */
void config_nets_add(struct config_nets *n, struct net_entry e);
void config_nets_seal(struct config_nets *n);
void config_nets_done(struct config_nets *n);

/* config_oauth: values from presets; profiles and their users judged */
void config_oauth_derive(const struct config_service *service, struct config_oauth *o);
void config_oauth_judge(struct config_work *w);
void config_oauth_judge_server(struct config_work *w, size_t server);

/* config_dns: the DNS servers judged */
void config_dns_judge(struct config_work *w);

/* config_limits: [limits] judged */
void config_limits_judge(struct config_work *w);
/* config_manager: [manager] judged */
void config_manager_judge(struct config_work *w);

/* config_print: all values of one owner, one a line; without origins two equal owners print the same */
void config_print_owner(enum key_owner owner, const void *base, const struct config_origin *origin,
    struct buf *out);
void config_print_server(const struct config_server *s, bool origins, struct buf *out);
/* Whether `print` writes the same of both. */
bool config_print_is_same(const struct config *a, const struct config *b,
    void (*print)(const struct config *c, struct buf *out));

/* config_snapshot: text of all sources without errors; parse: 0 or -1 */
void config_snapshot_format(struct buf *out, const struct config_work *w);
int config_snapshot_parse(struct config_sources *sources, const char *text, size_t len);
/* All of one, owned by the caller; NULL and errno. */
char *config_snapshot_read(int fd, size_t *len);

/* config_value: one value by its row. `base` is the row's owner */
int config_value_set(const struct key *k, void *base, const char *text, struct buf *why);
void config_value_standard(const struct key *k, void *base);
bool config_value_is_standard(const struct key *k, const char *text);
bool config_value_is_list(const struct key *k);
void config_value_clear(const struct key *k, void *base);
void config_value_print(const struct key *k, const void *base, struct buf *out);

#endif
