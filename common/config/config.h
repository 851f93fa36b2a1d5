/*
 * config - the set of INI files, read and judged as a whole into one fresh object. Passed, never global
 *
 * Sizes are bytes, times milliseconds, both uint64_t; CONFIG_UNLIMITED where "unlimited" is allowed.
 * Strings are owned by the config, and never NULL unless it is said here (then NULL is "not set").
 */
#ifndef COMMON_CONFIG_CONFIG_H
#define COMMON_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/net.h"
#include "common/config/config_ceiling.h"
#include "common/config/config_faults.h"
#include "common/config/config_limits.h"
#include "common/config/config_manager.h"
#include "common/config/config_filter.h"
#include "common/config/config_remote.h"
struct buf;

#define CONFIG_UNLIMITED UINT64_MAX
#define CONFIG_NAME_MAX 32	/* a virtual server's name: [a-z0-9][a-z0-9-]* */
#define CONFIG_LISTEN_MAX 32
#define CONFIG_CERTIFICATES_MAX 32

struct config_nets_index;
struct config_nets {
	struct net_entry *entry; size_t count, room;
	size_t names;				/* entries that are domain names */
	struct config_nets_index *index;	/* of a long list, when it is complete; or NULL */
};
struct config_listen { struct net_address address; char *text; bool tls; };
struct config_times { uint64_t *ms; size_t count; };

enum config_list_mode { CONFIG_ONLY, CONFIG_ALL_EXCEPT };
enum config_binding { CONFIG_BINDING_NONE, CONFIG_BINDING_WHEN_OFFERED, CONFIG_BINDING_REQUIRED };
/* Bits: 1 << enum msg_auth_in_mechanism. */
enum config_offer { CONFIG_OFFER_PLAIN = 1, CONFIG_OFFER_LOGIN = 2, CONFIG_OFFER_SCRAM = 4,
    CONFIG_OFFER_SCRAM_PLUS = 8, CONFIG_OFFER_GSSAPI = 16 };
enum config_auth { CONFIG_AUTH_ANONYMOUS = 1, CONFIG_AUTH_BASIC = 2, CONFIG_AUTH_INTEGRATED = 4 };
enum config_tls { CONFIG_TLS_OFF, CONFIG_TLS_OPTIONAL, CONFIG_TLS_REQUIRED };
enum config_tls_version { CONFIG_TLS_1_0, CONFIG_TLS_1_1, CONFIG_TLS_1_2, CONFIG_TLS_1_3 };
enum config_outbound_auth { CONFIG_OUT_ANONYMOUS, CONFIG_OUT_BASIC, CONFIG_OUT_INTEGRATED,
    CONFIG_OUT_OAUTH2 };
/* Bits, the strongest first: those of enum msg_auth_out_mechanism. */
enum config_mechanism { CONFIG_SCRAM_PLUS = 1, CONFIG_SCRAM = 2, CONFIG_GSSAPI = 4, CONFIG_OAUTHBEARER = 8,
    CONFIG_XOAUTH2 = 16, CONFIG_PLAIN = 32, CONFIG_LOGIN = 64 };
enum config_outbound_tls { CONFIG_OUT_TLS_OFF, CONFIG_OUT_TLS_MAY, CONFIG_OUT_TLS_REQUIRED,
    CONFIG_OUT_TLS_VERIFY, CONFIG_OUT_TLS_DANE };
enum config_acknowledge { CONFIG_ACKNOWLEDGE_STORED, CONFIG_ACKNOWLEDGE_SAFE };
enum config_after_direct { CONFIG_DIRECT_NO, CONFIG_DIRECT_YES, CONFIG_DIRECT_ON_FAILURE };
/* RESOLVER: the AD bit of a validating resolver on this host is believed. */
enum config_dnssec { CONFIG_DNSSEC_NO, CONFIG_DNSSEC_YES, CONFIG_DNSSEC_RESOLVER };
enum config_oauth_provider { CONFIG_OAUTH_CUSTOM, CONFIG_OAUTH_MICROSOFT, CONFIG_OAUTH_GOOGLE };
/* How an assertion is signed (RFC 7518 3.1). */
enum config_oauth_signature { CONFIG_SIGNATURE_DERIVED, CONFIG_SIGNATURE_RS256, CONFIG_SIGNATURE_PS256,
    CONFIG_SIGNATURE_ES256 };
enum config_oauth_flow { CONFIG_FLOW_DERIVED, CONFIG_FLOW_CLIENT, CONFIG_FLOW_REFRESH };
/* SENDER: mail from that sender; its name has an @, or is "<>", and so is never that of a domain. */
enum config_domain_type { CONFIG_DOMAIN_DEFAULT, CONFIG_DOMAIN_ALIAS, CONFIG_DOMAIN_REMOTE,
    CONFIG_DOMAIN_SENDER };
/* Clients that something is done for; may relay: by list or login. */
enum config_clients { CONFIG_CLIENTS_RELAY, CONFIG_CLIENTS_NONE, CONFIG_CLIENTS_ALL };
enum config_dots { CONFIG_DOTS_AUTO, CONFIG_DOTS_STUFFED, CONFIG_DOTS_PLAIN };
enum config_log_format { CONFIG_LOG_W3C, CONFIG_LOG_JSON };
/* The fields of the protocol log, in the order in which a line has them. */
enum config_field {
	CONFIG_FIELD_DATE, CONFIG_FIELD_TIME, CONFIG_FIELD_C_IP, CONFIG_FIELD_CS_USERNAME,
	CONFIG_FIELD_S_SITENAME, CONFIG_FIELD_S_COMPUTERNAME, CONFIG_FIELD_S_IP, CONFIG_FIELD_S_PORT,
	CONFIG_FIELD_CS_METHOD, CONFIG_FIELD_CS_URI_STEM, CONFIG_FIELD_CS_URI_QUERY,
	CONFIG_FIELD_SC_STATUS, CONFIG_FIELD_SC_WIN32_STATUS, CONFIG_FIELD_SC_BYTES, CONFIG_FIELD_CS_BYTES,
	CONFIG_FIELD_TIME_TAKEN, CONFIG_FIELD_CS_VERSION, CONFIG_FIELD_CS_HOST, CONFIG_FIELD_CS_USER_AGENT,
	CONFIG_FIELD_CS_COOKIE, CONFIG_FIELD_CS_REFERER, CONFIG_FIELD_COUNT
};
enum config_log_roll { CONFIG_ROLL_HOURLY, CONFIG_ROLL_DAILY, CONFIG_ROLL_WEEKLY, CONFIG_ROLL_MONTHLY,
    CONFIG_ROLL_SIZE };

/*
 * Where a value came from. One for each key row of its owner, in the order of the rows. `file` NULL: the
 * default. `bad`: given, but refused (matters only while judging).
 */
struct config_origin { const char *file; unsigned line; bool bad; };

struct config_domain {
	char *name;	/* lower case; "example.com", "*.example.com"; "a@example.com", "<>" of a sender */
	enum config_domain_type type;
	bool relay, helo, hold;
	char *drop;			/* default domain: folder; NULL: server's */
	uint64_t drop_quota;
	struct config_strings route;	/* empty: dns; else smart hosts "name", "[address]", ":port" */
	/* these are given here, so those of the server do not count */
	bool has_outbound_auth, has_outbound_tls, has_mta_sts, has_port;
	bool has_route;			/* given here, "dns" too: the server's smart host does not count */
	enum config_outbound_auth outbound_auth;
	enum config_outbound_tls outbound_tls; bool mta_sts;
	char *user, *secret_file, *oauth, *client_certificate, *client_key;	/* NULL not set */
	unsigned mechanisms;		/* enum config_mechanism bits; 0: the server's */
	uint16_t port; struct config_remote rules;	/* its keys of [host]; `mechanisms` is not used */
	struct config_strings atrn_accounts;
	struct config_origin *origin;
};

enum config_ldap_schema { CONFIG_LDAP_AD, CONFIG_LDAP_EXCHANGE, CONFIG_LDAP_SITE_SERVER,
    CONFIG_LDAP_RFC2307 };
enum config_ldap_bind { CONFIG_BIND_ANONYMOUS, CONFIG_BIND_SIMPLE, CONFIG_BIND_GSSAPI };

#define CONFIG_SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

struct config_ldap {
	bool enable, start_tls;
	struct config_strings uri;
	enum config_ldap_schema schema;
	enum config_ldap_bind bind;
	char *ca_file;			/* NULL: the system's */
	uint64_t timeout;
	char *user, *secret_file, *base;	/* NULL not set */
	char *filter;			/* NULL: that of the schema; so are empty lists of the next three */
	struct config_strings mail_attribute, forward_attribute, member_attribute;
	char *recipient_delimiter;	/* characters; NULL: no tags */
	bool report_members, senders_own;	/* senders_own: mail goes out as their own address */
	uint64_t group_depth, cache_found, cache_missing;
};

/* Bytes of kerberos-realms or kerberos-accounts, a blank between two: a message has no more room. */
#define CONFIG_KERBEROS_LIST_MAX 2047U

struct config_server {
	char *name;			/* from the file name */
	/* [general] */
	uint32_t id;
	char *user;			/* NULL: the service's */
	char *pickup_group, *drop_group, *log_group;	/* NULL: that of the user */
	bool drop_delete;
	char *description, *fqdn, *banner;	/* banner NULL: host + product name */
	struct config_listen *listen; size_t nlisten;	/* plain and tls-listen together */
	char *home, *pickup, *queue, *drop, *badmail;
	uint64_t connection_limit, connection_limit_per_client, connection_timeout;
	uint64_t session_time, idle_command_limit;
	uint64_t memory_limit;		/* as the two limits of connections: 0: from what the machine has */
	uint32_t client_prefix_ipv4, client_prefix_ipv6;
	uint32_t processes;		/* 0: auto */
	struct config_strings own_address;	/* "192.0.2.1", "192.0.2.1:25", "mail.example.com" */
	bool log;
	enum config_log_format log_format;
	struct config_strings log_fields;	/* empty: all */
	enum config_log_roll log_roll;
	uint64_t log_roll_size, log_keep;	/* bytes; ms or CONFIG_UNLIMITED */
	char *log_directory;
	/* [access] */
	unsigned authentication;	/* enum config_auth bits */
	bool helo_required;
	enum config_clients mend, dsn;
	char *password_file, *basic_domain, *keytab, *service_principal;	/* NULL not set */
	bool basic_requires_tls;
	struct config_strings kerberos_realms, kerberos_accounts;
	enum config_binding kerberos_binding;
	unsigned offered_mechanisms;	/* enum config_offer bits */
	bool auth_for_old_clients;
	enum config_tls tls;
	struct config_strings certificate, key, evacuate_from;
	uint64_t certificate_alarm;
	enum config_tls_version tls_minimum;
	bool ask_certificate, tls_for_old_devices;
	enum config_list_mode connection_control; struct config_nets connection_list;
	enum config_list_mode relay; struct config_nets relay_list;
	bool relay_authenticated, open_relay;
	bool proxy; struct config_nets proxy_trusted;
	/* [messages] */
	uint64_t disk_reserve;		/* percent; 0: none */
	uint64_t max_message_size, max_session_size, max_messages_per_connection, max_recipients;
	char *ndr_copy_to;		/* NULL not set */
	uint64_t badmail_keep, badmail_limit;
	enum config_dots pickup_dots;
	uint64_t pickup_settle;
	/* [delivery] */
	struct config_times retry;
	uint64_t delay_notify, expire, local_delay_notify, local_expire;
	enum config_outbound_auth outbound_auth;
	/* NULL not set; outbound_oauth: a profile's name */
	char *outbound_user, *outbound_secret_file, *outbound_oauth;
	unsigned mechanisms;		/* enum config_mechanism bits */
	enum config_outbound_tls outbound_tls; bool mta_sts, tls_reports;
	char *tls_report_contact, *tls_report_organization;	/* NULL not set */
	char *authorities, *client_certificate, *client_key, *evacuate_certificate, *evacuate_key;
	uint64_t connections, connections_per_domain, outbound_timeout, hop_limit, minimum_rate;
	uint16_t port;
	char *masquerade;		/* NULL not set */
	struct config_nets never_to;
	struct config_strings smart_host, paused, paused_hosts, dkim_key;
	enum config_after_direct smart_host_after_direct; enum config_acknowledge acknowledge;
	uint64_t smart_host_alarm, queue_age_alarm; bool reverse_dns;
	struct net_address source_address[2]; size_t nsource_address;	/* one a family */
	/* [security] */
	struct config_strings operators, viewers;
	/* [domain NAME], exactly one of type default */
	struct config_domain *domain; size_t ndomain;	/* sorted by name */
	const struct config_domain *default_domain;
	/* [host PATTERN], the most exact first: see config_remote_find */
	struct config_remote *remote; size_t nremote;
	struct config_filter *filter; size_t nfilter;	/* [filter NAME], in the order of the file */
	struct config_ldap ldap;
	const char *file;		/* its INI file */
	struct config_origin *origin;
};

/* [oauth NAME] of postern.ini: where access tokens come from. What its preset says is filled in. */
struct config_oauth {
	char *name;			/* same form as the name of a virtual server */
	enum config_oauth_provider provider;
	enum config_oauth_flow flow;
	/* NULL not set: tenant, secret_file, scope */
	char *tenant, *token_url, *client_id, *secret_file, *scope;
	char *refresh_token_file, *ca_file;				/* NULL not set */
	/* An assertion in place of the secret. NULL not set; audience: then token_url */
	char *key_file, *certificate_file, *key_id, *audience;
	enum config_oauth_signature signature;
	uint64_t timeout;
	char *kept_file;		/* where the latest refresh token is kept: below the state folder */
	struct config_origin *origin;
};

struct config_service {
	char *hostname, *user, *group;
	/* the users of those processes that do not own the spool */
	char *listener_user, *resolver_user, *auth_user, *directory_user, *fetch_user, *metrics_user,
	    *web_user, *filter_user, *limits_user;
	char *spool, *state, *run, *logs, *sendmail;	/* the last: the virtual server of sendmail(1) */
	struct config_strings operators, viewers, operator_listen;	/* the last: of key_check_range */
	struct config_strings dns_server;	/* "address[:port]"; empty: resolv.conf */
	enum config_dnssec dnssec;
	char *trust_anchor;			/* NULL not set */
	struct config_strings dns_insecure;
	uint64_t grace;
	bool sandbox, syslog;			/* syslog counts while `events` is NULL */
	char *events;				/* "syslog", "stderr", "json" or a path; NULL not set */
	struct config_strings metrics;		/* "/path", loopback "address:port"; empty: none */
	struct config_manager manager; struct config_limits limits;
	struct config_ceiling ceiling; const char *file;
	struct config_origin *origin;
};

/* The keys of its users that do not own mail; `offset`: of the char * in struct config_service. */
struct config;
struct config_user { const char *key; size_t offset; bool (*is_needed)(const struct config *); };
#define CONFIG_USERS 9
extern const struct config_user config_users[CONFIG_USERS];
bool config_user_is_needed(const struct config *c, const struct config_user *user);
const char *config_service_user(const struct config_service *s, size_t offset);

struct config {
	struct config_service service;
	struct config_server *server; size_t nserver;	/* sorted by name */
	size_t servers;			/* of the host: also those that config_snapshot_of() left out */
	struct config_oauth *oauth; size_t noauth;
	char *text; size_t text_len;		/* the snapshot it was judged from */
	struct config_files *files;		/* that it was read from; NULL: from a snapshot */
	char **path; size_t npath;		/* of the INI files; origins and `file` point to them */
};

/*
 * Reads `path` (postern.ini) and servers/NAME.ini beside it, and judges the whole. Always fills `faults`
 * (free with config_faults_done). The config, or NULL when postern.ini itself cannot be used. A virtual
 * server whose file has errors is left out and its faults name it; the others are not affected (invariant:
 * one bad INI file affects nothing but itself).
 */
struct config *config_read(const char *path,
    struct config_faults *faults) __attribute__((warn_unused_result));
/*
 * The INI files of one reading with all their faults, to be judged again when files with lists change. The
 * config holds them, too.
 */
struct config_files;
/* config_read; *files is the caller's, until config_files_drop, also when the config is NULL. */
struct config *config_read_files(const char *path, struct config_files **files,
    struct config_faults *faults) __attribute__((warn_unused_result));
/* The INI files as they were, with the files of lists as they are now. */
struct config *config_read_lists(struct config_files *files,
    struct config_faults *faults) __attribute__((warn_unused_result));
void config_files_drop(struct config_files *files);	/* NULL is fine */
/* Path `n` of the files of lists that their keys name, as of the latest reading; NULL: there are no more. */
const char *config_files_list(const struct config_files *files, size_t n);
/* From a snapshot (config.text), as a child does; NULL on any error. */
struct config *config_read_snapshot(int fd) __attribute__((warn_unused_result));
int config_snapshot(const struct config *c) __attribute__((warn_unused_result));	/* sealed memfd; -1 */
/* The same of one virtual server: postern.ini, its own file and the lists that they name. */
int config_snapshot_of(const struct config *c, const char *server) __attribute__((warn_unused_result));
void config_free(struct config *c);
/* Whether an address is in the list, by an entry that is a network; whether a name is, by a domain name. */
bool config_nets_has(const struct config_nets *n, const struct sockaddr *sa);
bool config_nets_has_name(const struct config_nets *n, const char *name);
/* Where the events of a process go. A file: it is opened by the master. */
enum log_sink config_service_log_sink(const struct config_service *s, bool foreground);
const struct config_server *config_server_by_name(const struct config *c, const char *name);	/* NULL */
const struct config_server *config_server_by_id(const struct config *c, uint32_t id);
/* Whether it has sessions under TLS; then it has a certificate, too. */
bool config_server_has_tls(const struct config_server *s);
/* Whether TLS is used to some remote host; and with outbound-tls = verify. */
bool config_server_has_outbound_tls(const struct config_server *s);
bool config_server_verifies(const struct config_server *s);
/*
 * Whether a running virtual server can stay as it is when `b` replaces `a`: no value of its own or of
 * [service] differs.
 */
bool config_server_same(const struct config *a, const struct config *b, const char *name);
/* The same of what its directory depends on: [ldap], and the name of the default domain. */
bool config_server_same_directory(const struct config *a, const struct config *b, const char *name);
/* An item of dns-server: "192.0.2.1", "::1", "127.0.0.1:5353". 0 or -1. */
int config_dns_server(struct net_address *a, const char *text) __attribute__((warn_unused_result));
const struct config_oauth *config_oauth_find(const struct config *c, const char *name);	/* NULL */
/*
 * Whether the virtual server or one of its domains uses that profile: its deliver process may have the
 * tokens.
 */
bool config_oauth_is_used(const struct config_server *s, const char *profile);
/* Whether a helper that runs on `a` can stay when `b` comes: profiles and their users are the same. */
bool config_oauth_same(const struct config *a, const struct config *b);
/*
 * The configuration in effect, with file:line or "default" behind each value (posternctl config [NAME]); name
 * NULL: all.
 */
void config_print(const struct config *c, const char *name, FILE *out);
/* "FILE:LINE" of a key, or "default"; of [domain], or of any section of a server. */
const char *config_print_origin(char *dst, size_t size, const struct config_domain *d, const char *key);
/* The same of a [host]. */
const char *config_print_remote_origin(char *dst, size_t size, const struct config_remote *r,
    const char *key);
void config_print_remote_value(struct buf *out, const struct config_remote *r, const char *key);
const char *config_print_server_origin(char *dst, size_t size, const struct config_server *s,
    const char *section, const char *key);
/* The value of a key as a file would say it; of [domain] `d`, NULL: of that section of the server. */
void config_print_value(struct buf *out, const struct config_server *s, const struct config_domain *d,
    const char *section, const char *key);
/*
 * The entry that rules `domain` (lower-case ASCII): the exact one before the longest "*."; of a literal of an
 * address of ours the default domain; NULL: none.
 */
const struct config_domain *config_domain_find(const struct config_server *s, const char *domain);
/* The entry of type sender that rules mail of `sender`, the envelope's; NULL: none. */
const struct config_domain *config_domain_of_sender(const struct config_server *s, const char *sender);
bool config_domain_has_hosts(const struct config_domain *d);	/* remote or sender */
bool config_domain_is_paused(const struct config_server *s, const char *domain);	/* "": default */
bool config_domain_serves(const struct config_domain *d, const char *account);	/* by ATRN */
/* The folder for local mail: the default domain's own, else the server's. */
const char *config_domain_drop_folder(const struct config_server *s);

#endif
