/* import - reads a configuration of the SMTP service of IIS, and makes keys of it; one block a file */
#ifndef MASTER_IMPORT_IMPORT_H
#define MASTER_IMPORT_IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"

#define IMPORT_FILE_MAX (32U << 20)	/* bytes of an input */
#define IMPORT_JSON_MAX (8U << 20)	/* the same of JSON, which takes many times its size in memory */
#define IMPORT_SERVERS_MAX 200		/* virtual servers */
#define IMPORT_NODES_MAX 5000		/* objects of the SMTP service */
#define IMPORT_VALUES_MAX 100000	/* properties of all of them */
#define IMPORT_OBJECT_MAX 1000		/* properties of one; IIS has a hundred and forty */
#define IMPORT_VALUE_MAX 65536		/* bytes of one value; a blob in hexadecimal */
#define IMPORT_NAME_MAX 80		/* bytes of the name of a property */
#define IMPORT_DEPTH_MAX 32		/* elements in elements */

/* --- import_text: an input as UTF-8 --- */

/*
 * Takes a byte order mark and UTF-16 away. *utf8: it is UTF-8 now; false: XML may say what it is. 0, or -1
 * and what is wrong.
 */
int import_text_decode(struct buf *text, const char *data, size_t len, bool *utf8,
    struct buf *why) __attribute__((warn_unused_result));
/* The value as it may be shown and written: what may not be shown becomes "?". Owned by the caller. */
char *import_text_clean(const char *text, size_t most, bool *changed);
/* A word of a command line, in quotes where a shell needs them. */
void import_text_quote(struct buf *out, const char *word);

/* --- node_tree: the objects of the SMTP service, each with its properties --- */

struct property_table;
enum node_kind { NODE_SERVICE, NODE_SERVER, NODE_DOMAIN, NODE_ROUTING, NODE_OTHER };

struct node_value {
	char *name;		/* as the file spells it; a property that is known: as the table does */
	char *text;		/* binary data: hexadecimal digits */
	const struct property *property;	/* NULL: unknown */
};

struct node {
	enum node_kind kind;
	uint32_t instance;	/* N of /LM/SmtpSvc/N; 0: the service */
	char *domain;		/* of NODE_DOMAIN */
	struct node_value *value;
	size_t values;
};

struct node_tree {
	const struct property_table *table;
	struct node *node;
	size_t count, values, servers;
	json_t *remarks;	/* what was mended in reading: texts */
	struct buf why;		/* why the whole is refused */
};

void node_tree_init(struct node_tree *t, const struct property_table *table);
void node_tree_done(struct node_tree *t);
/*
 * The object at "/LM/SmtpSvc/1/Domain/x", good until the next call. NULL: it is none of the SMTP service,
 * there is such a one already, or the tree is refused.
 */
struct node *node_tree_add(struct node_tree *t, const char *location);
/* `name` NULL or unknown: `id` names the property; 0: none. Text as the file has it. */
void node_tree_put(struct node_tree *t, struct node *n, const char *name, uint32_t id, const char *text,
    size_t len);
bool node_tree_ok(const struct node_tree *t);		/* it is not refused */
void node_tree_refuse(struct node_tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void node_tree_remark(struct node_tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* NULL: there is none. */
const struct node *node_tree_find(const struct node_tree *t, enum node_kind kind, uint32_t instance);
/* The value of that property at `n` (or NULL); NULL: it is absent. */
const char *node_tree_text(const struct node *n, const struct property *p);

/* --- metabase_xml, wmi_json: the two forms of an input --- */

/* `encoding` NULL: what the document says. What is wrong: node_tree_refuse. */
void metabase_xml_read(struct node_tree *t, const char *text, size_t len, const char *encoding);
void wmi_json_read(struct node_tree *t, const char *text, size_t len);

/* --- import_input: one of these --- */

void import_input_read(struct node_tree *t, const char *data, size_t len);

/* --- ip_list: who may connect or relay, from a blob or from its text --- */

enum ip_list_mode { IP_LIST_EMPTY, IP_LIST_ONLY, IP_LIST_ALL_EXCEPT, IP_LIST_UNKNOWN };
struct ip_list {
	enum ip_list_mode mode;
	struct buf items;	/* "192.0.2.1, 192.0.2.0/24, example.com" */
	struct buf why;		/* IP_LIST_UNKNOWN: what is not understood */
	bool names;		/* some are names of domains */
};
void ip_list_parse(struct ip_list *l, const char *text);
void ip_list_done(struct ip_list *l);

/* --- outcome: what the import makes of it: keys, and a line for each property --- */

enum outcome_kind { OUTCOME_CARRIED, OUTCOME_CHANGED, OUTCOME_NONE, OUTCOME_ASK, OUTCOME_KINDS };
extern const char *const outcome_names[OUTCOME_KINDS];

struct outcome_row {
	enum outcome_kind kind;
	bool loud;		/* the administrator has to see this one */
	const char *domain, *property, *from, *old, *key, *new, *why, *command;	/* NULL: none */
};

struct outcome {
	json_t *root, *server;	/* the virtual server that is being made; NULL: the service */
};
void outcome_init(struct outcome *o, const struct node_tree *t);
void outcome_done(struct outcome *o);
void outcome_server(struct outcome *o, const char *name, uint32_t instance);
/* The key "section.key" of the server, or "key" of a [domain]; value NULL: it goes. */
void outcome_key(struct outcome *o, const char *domain, const char *key, const char *value);
const char *outcome_value(const struct outcome *o, const char *domain, const char *key); /* NULL: none */
void outcome_stopped(struct outcome *o);
void outcome_add(struct outcome *o, const struct outcome_row *row);
/* {"refused": why} */
void outcome_refuse(struct outcome *o, const char *why);

/* --- property: what IIS knows; one row a property --- */

struct convert;
typedef void property_convert(struct convert *c, const struct property *p, const char *text);
enum { ON_SERVICE = 1, ON_SERVER = 2, ON_DOMAIN = 4, ON_ROUTING = 8 };

struct property {
	const char *name;
	uint32_t id;			/* 0: not known */
	unsigned on;			/* ON_SERVER is also at the service, which it inherits from */
	property_convert *convert;	/* NULL: there is no equivalent, `why` tells the reason */
	const char *key;		/* "section.key"; of a domain "domain.key" */
	/* What counts when it is absent: at a server whose service is not in the file; when it is. */
	const char *installed, *schema;
	const char *why;
};
struct property_table { const struct property *row; size_t count; };

/* NULL: there is none. */
const struct property *property_find(const struct property_table *t, const char *name);
const struct property *property_number(const struct property_table *t, uint32_t id);
/* A list, for the test that walks the table. Owned by the caller. */
json_t *property_print(const struct property_table *t);

/* --- property_rows: the table --- */

extern const struct property_table property_rows;

/* --- convert: what the handlers of properties share --- */

struct convert {
	const struct node_tree *tree;
	const struct node *service, *server, *domain, *routing;
	struct outcome *out;
	const char *from;		/* where the value stands: "server", "service", "domain", "default" */
	char name[40];			/* of the virtual server */
	const char *folder;		/* where files with secrets are to be */
	const char *program;		/* "posternctl -c FILE" */
	bool shut;			/* nobody may connect until what is asked for is there */
};

/* The value that counts, and c->from: with inheritance and defaults. NULL: none. */
const char *convert_value(struct convert *c, const struct property *p);
/* The value of another property of the same object, as it counts: with inheritance and defaults. */
const char *convert_other(const struct convert *c, const char *property);
bool convert_number(const char *text, uint64_t *n);	/* "12", "0x1F", "-1" (4294967295), TRUE */
/* What a handler says. `value` is set, and a row added; of a domain where c->domain is. */
void convert_carried(struct convert *c, const struct property *p, const char *old, const char *value);
void convert_with(struct convert *c, const struct property *p, const char *old);	/* see p->why */
void convert_changed(struct convert *c, const struct property *p, const char *old, const char *value,
    const char *why);
void convert_none(struct convert *c, const struct property *p, const char *old, const char *why);
/* Not carried, and the administrator has to see it. */
void convert_loud(struct convert *c, const struct property *p, const char *old, const char *value,
    const char *why);
/* needed: until then nobody may connect. The command is what the words say, behind c->program. */
void convert_ask(struct convert *c, const struct property *p, const char *old, bool needed,
    const char *command, const char *why);
/* "set NAME", for a command; owned by the caller. */
char *convert_command(const struct convert *c, const char *before, const char *const *words, size_t count);

void convert_row(struct convert *c, enum outcome_kind kind, bool loud, const struct property *p,
    const char *old, const char *key, const char *value, const char *why, const char *command);
/* A password is encrypted for the old machine, or in the clear in an export: neither is shown. */
const char *convert_shown(const char *property, const char *text);

/* --- convert_server: a virtual server made of its objects --- */

/* Everything. folder, program: for the commands that the report says. */
void convert_server_run(struct outcome *out, const struct node_tree *t, const char *folder,
    const char *program);

/* --- handlers --- */

/* convert_simple: numbers, sizes, times, texts; a bound of the key counts */
property_convert convert_simple_number, convert_simple_unlimited, convert_simple_limit;
property_convert convert_simple_size, convert_simple_seconds;
property_convert convert_simple_minutes, convert_simple_bool, convert_simple_text, convert_simple_host;
property_convert convert_simple_mailbox, convert_simple_retry, convert_simple_hops, convert_simple_folder;
property_convert convert_simple_part, convert_simple_banner, convert_simple_word;
/* convert_access: who may come in, and how */
property_convert convert_access_auth, convert_access_tls, convert_access_relay, convert_access_connect;
property_convert convert_access_hello, convert_access_verbs, convert_access_operators;
property_convert convert_access_disable_relay;
/* Asks for a certificate; `word` is set with it: "access.tls=required". */
void convert_access_certificate(struct convert *c, const struct property *p, const char *text, bool needed,
    const char *word, const char *why);
/* convert_listen: addresses and states */
property_convert convert_listen_plain, convert_listen_secure, convert_listen_start;
/* convert_log: the protocol log */
property_convert convert_log_type, convert_log_period, convert_log_size, convert_log_fields;
property_convert convert_log_format;
/* convert_route: ways out; the bits of RouteAction that make a domain a local one */
#define CONVERT_ROUTE_LOCAL 0x71ULL
property_convert convert_route_smart_host, convert_route_masquerade, convert_route_server;
property_convert convert_route_domain, convert_route_dots, convert_route_accounts, convert_route_string;
/* convert_directory: LDAP */
property_convert convert_directory_use;

#endif
