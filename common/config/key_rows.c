/*
 * key_rows - every configuration key: its section, kind, default, range, place and meaning
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  one row a key, ordered by owner (service, virtual server, domain, profile) and section. A key
 *           of a feature that is not built yet is a row too, marked missing: it is known and refused, never
 *           ignored
 * Fails by: cannot
 */
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/host_pattern.h"
#include "common/config/key.h"

#define KIB 1024ULL
#define SECOND 1000ULL
#define DAY (86400 * SECOND)
#define YEARS (9999 * DAY)	/* the longest time IIS takes */

#define KEY_IN(type, field) .offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define KEY(in, of, what, type, field) .section = in, .name = of, .kind = what, KEY_IN(type, field)
#define BY_SERVICE .guard = KEY_GUARD_SERVICE
#define WITH_ACCOUNT .guard = KEY_GUARD_ACCOUNT
#define IN_RANGE .guard = KEY_GUARD_RANGE
#define UP_TO(of) .ceiling = of
#define SERVICE(of, what, field) KEY(KEY_SERVICE, of, what, config_service, field), BY_SERVICE
#define MANAGER(of, what, field) KEY(KEY_MANAGER, of, what, config_service, manager.field), BY_SERVICE
#define LIMITS(of, what, field) KEY(KEY_LIMITS, of, what, config_service, limits.field), BY_SERVICE
#define GENERAL(of, what, field) KEY(KEY_GENERAL, of, what, config_server, field)
#define ACCESS(of, what, field) KEY(KEY_ACCESS, of, what, config_server, field)
#define MESSAGES(of, what, field) KEY(KEY_MESSAGES, of, what, config_server, field)
#define DELIVERY(of, what, field) KEY(KEY_DELIVERY, of, what, config_server, field)
/* The text of a number. */
#define TEXT_OF_VALUE(x) #x
#define TEXT_OF(x) TEXT_OF_VALUE(x)
#define LDAP(of, what, field) KEY(KEY_LDAP, of, what, config_server, ldap.field)
#define SECURITY(of, what, field) KEY(KEY_SECURITY, of, what, config_server, field)
#define DOMAIN(of, what, field) KEY(KEY_DOMAIN, of, what, config_domain, field)
#define REMOTE(of, what, field) KEY(KEY_REMOTE, of, what, config_remote, field)
#define FILTER(of, what, field) KEY(KEY_FILTER, of, what, config_filter, field), BY_SERVICE
#define OAUTH(of, what, field) KEY(KEY_OAUTH, of, what, config_oauth, field), BY_SERVICE

static const struct key_choice log_formats[] = { { "w3c", CONFIG_LOG_W3C, false },
    { "json", CONFIG_LOG_JSON, false }, { 0 } };
static const struct key_choice log_rolls[] = {
	{ "daily", CONFIG_ROLL_DAILY, false }, { "hourly", CONFIG_ROLL_HOURLY, false },
	{ "weekly", CONFIG_ROLL_WEEKLY, false },
	{ "monthly", CONFIG_ROLL_MONTHLY, false }, { "size", CONFIG_ROLL_SIZE, false }, { 0 },
};
static const struct key_choice auth_flags[] = {
	{ "anonymous", CONFIG_AUTH_ANONYMOUS, false }, { "basic", CONFIG_AUTH_BASIC, false },
	{ "integrated", CONFIG_AUTH_INTEGRATED, false }, { 0 },
};
static const struct key_choice on_loss_words[] = {
	{ "share", CONFIG_LOSS_SHARE, false }, { "closed", CONFIG_LOSS_CLOSED, false }, { 0 },
};
static const struct key_choice offered_mechanisms[] = {
	{ "plain", CONFIG_OFFER_PLAIN, false }, { "login", CONFIG_OFFER_LOGIN, false },
	{ "scram-sha-256", CONFIG_OFFER_SCRAM, false },
	{ "scram-sha-256-plus", CONFIG_OFFER_SCRAM_PLUS, false },
	{ "gssapi", CONFIG_OFFER_GSSAPI, false },
	{ "cram-md5", 0, true },	/* it needs the passwords themselves in a file */
	{ 0 },
};
static const struct key_choice kerberos_bindings[] = {
	{ "none", CONFIG_BINDING_NONE, false }, { "when-offered", CONFIG_BINDING_WHEN_OFFERED, false },
	{ "required", CONFIG_BINDING_REQUIRED, false }, { 0 },
};
static const struct key_choice tls_modes[] = {
	{ "off", CONFIG_TLS_OFF, false }, { "optional", CONFIG_TLS_OPTIONAL, false },
	{ "required", CONFIG_TLS_REQUIRED, false }, { 0 },
};
static const struct key_choice tls_versions[] = {
	{ "1.0", CONFIG_TLS_1_0, false }, { "1.1", CONFIG_TLS_1_1, false }, { "1.2", CONFIG_TLS_1_2, false },
	{ "1.3", CONFIG_TLS_1_3, false }, { 0 },
};
static const struct key_choice list_modes[] = { { "only", CONFIG_ONLY, false },
    { "all-except", CONFIG_ALL_EXCEPT, false }, { 0 } };
static const struct key_choice open_relay[] = { { "no", false, false }, { "i-know", true, false }, { 0 } };
static const struct key_choice clients[] = { { "relay", CONFIG_CLIENTS_RELAY, false },
    { "none", CONFIG_CLIENTS_NONE, false }, { "all", CONFIG_CLIENTS_ALL, false }, { 0 } };
static const struct key_choice client_certificates[] = { { "no", false, false }, { "ask", true, false },
    { 0 } };
static const struct key_choice dots[] = {
	{ "auto", CONFIG_DOTS_AUTO, false }, { "stuffed", CONFIG_DOTS_STUFFED, false },
	{ "plain", CONFIG_DOTS_PLAIN, false }, { 0 },
};
static const struct key_choice outbound_auth[] = {
	{ "anonymous", CONFIG_OUT_ANONYMOUS, false }, { "basic", CONFIG_OUT_BASIC, false },
	{ "integrated", CONFIG_OUT_INTEGRATED, false }, { "oauth2", CONFIG_OUT_OAUTH2, false }, { 0 },
};
static const struct key_choice mechanisms[] = {
	{ "scram-sha-256-plus", CONFIG_SCRAM_PLUS, false }, { "scram-sha-256", CONFIG_SCRAM, false },
	{ "gssapi", CONFIG_GSSAPI, false }, { "oauthbearer", CONFIG_OAUTHBEARER, false },
	{ "xoauth2", CONFIG_XOAUTH2, false }, { "plain", CONFIG_PLAIN, false },
	{ "login", CONFIG_LOGIN, false }, { 0 },
};
static const struct key_choice providers[] = {
	{ "none", CONFIG_PROVIDER_NONE, false }, { "microsoft", CONFIG_PROVIDER_MICROSOFT, false },
	{ "google", CONFIG_PROVIDER_GOOGLE, false }, { 0 },
};
static const struct key_choice extensions[] = {
	{ "pipelining", CONFIG_WITHOUT_PIPELINING, false }, { "size", CONFIG_WITHOUT_SIZE, false },
	{ "8bitmime", CONFIG_WITHOUT_8BITMIME, false }, { "smtputf8", CONFIG_WITHOUT_SMTPUTF8, false },
	{ "enhancedstatuscodes", CONFIG_WITHOUT_STATUSCODES, false },
	{ "chunking", CONFIG_WITHOUT_CHUNKING, false }, { "binarymime", CONFIG_WITHOUT_BINARYMIME, false },
	{ "dsn", CONFIG_WITHOUT_DSN, false }, { "starttls", CONFIG_WITHOUT_STARTTLS, false },
	{ "nothing", CONFIG_WITHOUT_NOTHING, false }, { 0 },
};
static const struct key_choice outbound_tls[] = {
	{ "off", CONFIG_OUT_TLS_OFF, false }, { "may", CONFIG_OUT_TLS_MAY, false },
	{ "required", CONFIG_OUT_TLS_REQUIRED, false },
	{ "verify", CONFIG_OUT_TLS_VERIFY, false }, { "dane", CONFIG_OUT_TLS_DANE, false }, { 0 },
};
static const struct key_choice acknowledge[] = {
	{ "stored", CONFIG_ACKNOWLEDGE_STORED, false }, { "safe", CONFIG_ACKNOWLEDGE_SAFE, false }, { 0 },
};
static const struct key_choice after_direct[] = {
	{ "no", CONFIG_DIRECT_NO, false }, { "yes", CONFIG_DIRECT_YES, false },
	{ "on-failure", CONFIG_DIRECT_ON_FAILURE, false }, { 0 },
};
static const struct key_choice dnssec_words[] = {
	{ "no", CONFIG_DNSSEC_NO, false }, { "yes", CONFIG_DNSSEC_YES, false },
	{ "resolver", CONFIG_DNSSEC_RESOLVER, false }, { "yes", CONFIG_DNSSEC_YES, KEY_CHOICE_OTHER },
	{ "no", CONFIG_DNSSEC_NO, KEY_CHOICE_OTHER }, { "on", CONFIG_DNSSEC_YES, KEY_CHOICE_OTHER },
	{ "off", CONFIG_DNSSEC_NO, KEY_CHOICE_OTHER }, { "true", CONFIG_DNSSEC_YES, KEY_CHOICE_OTHER },
	{ "false", CONFIG_DNSSEC_NO, KEY_CHOICE_OTHER }, { 0 },
};
static const struct key_choice filter_sources[] = {
	{ "smtp", CONFIG_FILTER_SMTP, false }, { "pickup", CONFIG_FILTER_PICKUP, false }, { 0 },
};
static const struct key_choice filter_failures[] = {
	{ "tempfail", CONFIG_FILTER_TEMPFAIL, false }, { "accept", CONFIG_FILTER_ACCEPT, false },
	{ "disconnect", CONFIG_FILTER_DISCONNECT, false }, { 0 },
};
static const struct key_choice oauth_providers[] = {
	{ "custom", CONFIG_OAUTH_CUSTOM, false }, { "microsoft365", CONFIG_OAUTH_MICROSOFT, false },
	{ "google", CONFIG_OAUTH_GOOGLE, false }, { 0 },
};
static const struct key_choice oauth_flows[] = {
	{ "client-credentials", CONFIG_FLOW_CLIENT, false }, { "refresh-token", CONFIG_FLOW_REFRESH, false },
	{ 0 },
};
static const struct key_choice oauth_signatures[] = {
	{ "rs256", CONFIG_SIGNATURE_RS256, false }, { "ps256", CONFIG_SIGNATURE_PS256, false },
	{ "es256", CONFIG_SIGNATURE_ES256, false }, { 0 },
};
static const struct key_choice ldap_schemas[] = {
	{ "active-directory", CONFIG_LDAP_AD, false }, { "exchange", CONFIG_LDAP_EXCHANGE, false },
	{ "site-server", CONFIG_LDAP_SITE_SERVER, false }, { "rfc2307", CONFIG_LDAP_RFC2307, false },
	{ "inetorgperson", CONFIG_LDAP_RFC2307, false }, { 0 },
};
static const struct key_choice ldap_binds[] = {
	{ "anonymous", CONFIG_BIND_ANONYMOUS, false }, { "simple", CONFIG_BIND_SIMPLE, false },
	{ "gssapi", CONFIG_BIND_GSSAPI, false },
	{ 0 },
};
static const struct key_choice domain_types[] = {
	{ "default", CONFIG_DOMAIN_DEFAULT, false }, { "alias", CONFIG_DOMAIN_ALIAS, false },
	{ "remote", CONFIG_DOMAIN_REMOTE, false }, { "sender", CONFIG_DOMAIN_SENDER, false }, { 0 },
};

const struct key key_rows[] = {
	{ SERVICE("hostname", KEY_HOST, hostname), .derived = "the host's full name",
	    .meaning =
	    "The fully qualified name of the host. It is the default for the fqdn of each virtual server." },
	{ SERVICE("user", KEY_TEXT, user), .standard = "postern", .check = key_check_word,
	    .meaning =
	    "The account that owns the folders of mail: of the processes that write, deliver and return it. "
	    "All other processes have accounts of their own, which cannot open these folders: see "
	    "listener-user and those after it. All may be numbers. Ignored, with a note, when the service is "
	    "not started as root." },
	{ SERVICE("group", KEY_TEXT, group), .standard = "postern", .check = key_check_word,
	    .meaning = "The group of the processes of user." },
	{ SERVICE("listener-user", KEY_TEXT, listener_user), .standard = "postern-listener",
	    .check = key_check_word,
	    .meaning = "The account of the process that takes mail by SMTP." },
	{ SERVICE("resolver-user", KEY_TEXT, resolver_user), .standard = "postern-resolver",
	    .check = key_check_word,
	    .meaning = "The account of the process that asks the DNS." },
	{ SERVICE("auth-user", KEY_TEXT, auth_user), .standard = "postern-auth",
	    .check = key_check_word,
	    .meaning = "The account of the process that checks passwords." },
	{ SERVICE("directory-user", KEY_TEXT, directory_user), .standard = "postern-directory",
	    .check = key_check_word,
	    .meaning = "The account of the process that asks LDAP." },
	{ SERVICE("fetch-user", KEY_TEXT, fetch_user), .standard = "postern-fetch",
	    .check = key_check_word,
	    .meaning = "The account of the process that gets OAuth2 tokens." },
	{ SERVICE("filter-user", KEY_TEXT, filter_user), .standard = "postern-filter",
	    .check = key_check_word, .meaning =
	    "The account of the process that asks mail filters. It is needed when a virtual server has a "
	    "section [filter]." },
	{ SERVICE("limits-user", KEY_TEXT, limits_user), .standard = "postern-limits",
	    .check = key_check_word, .meaning =
	    "The account of the process that shares limits with other nodes. It is needed when engine names "
	    "where they are kept." },
	{ SERVICE("metrics-user", KEY_TEXT, metrics_user), .standard = "postern-metrics",
	    .check = key_check_word,
	    .meaning = "The account of the process that shows the counters." },
	{ SERVICE("web-user", KEY_TEXT, web_user), .standard = "postern-web", .check = key_check_word,
	    .meaning = "The account of the process that serves the manager in a web browser." },
	{ SERVICE("spool", KEY_PATH, spool), .standard = POSTERN_LOCALSTATEDIR "/spool/postern",
	    .meaning = "The folder in which each virtual server has its home folder." },
	{ SERVICE("state", KEY_PATH, state), .standard = POSTERN_LOCALSTATEDIR "/lib/postern",
	    .meaning = "The folder in which the service remembers which virtual servers are to run." },
	{ SERVICE("run", KEY_PATH, run), .standard = POSTERN_RUNDIR "/postern", .max = 90,
	    .meaning =
	    "The folder of the control socket and of the file with the process id. At most 90 characters, "
	    "because names of sockets must be short." },
	{ SERVICE("logs", KEY_PATH, logs), .standard = POSTERN_LOCALSTATEDIR "/log/postern",
	    .meaning = "The folder of the protocol logs." },
	{ SERVICE("sendmail", KEY_TEXT, sendmail), .standard = "default", .check = key_check_word,
	    .meaning =
	    "The virtual server that takes what programs of this host give to sendmail(1); where there is "
	    "only one, that one. It needs a pickup-group, which is the group of the command: see "
	    "postern-sendmail(8)." },
	{ SERVICE("operators", KEY_STRINGS, operators), .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may control the service and every virtual server. "
	    "Root always may. In the manager, account:NAME is an account of its password file, and "
	    "kerberos:NAME@REALM a user of Kerberos; neither is an account of this host, and a plain NAME "
	    "is neither of them." },
	{ SERVICE("viewers", KEY_STRINGS, viewers), .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may look at the service and every virtual server "
	    "(posternctl status, status --check, sessions, queue list, counters and the like) and change "
	    "nothing. An account for monitoring belongs here." },
	{ SERVICE("operator-listen", KEY_STRINGS, operator_listen), .check = key_check_range,
	    .derived = "nowhere",
	    .meaning =
	    "Where operators of a virtual server may let it listen: which addresses they may give its listen "
	    "and tls-listen by command. Each item is an address or a network with a port, a range of ports, "
	    "or * for all ports: 192.0.2.10:25-2599, 192.0.2.0/28:25, [2001:db8::1]:*. An address of * "
	    "allows every address of this host, also all of them at once as in *:2525. What another virtual "
	    "server, the manager or metrics name is refused; but one that listens at all addresses loses the "
	    "clients of an address that is given to another." },
	{ SERVICE("operator-max-message-size", KEY_SIZE, ceiling.message_size), .standard = "100M", .min = 1,
	    .unlimited = true,
	    .meaning =
	    "How far operators of a virtual server may lift its max-message-size by command. As the next "
	    "six, it binds no operator of the service: what they write into the file of a virtual server "
	    "counts, and posternctl check names it where that one has operators of its own." },
	{ SERVICE("operator-max-session-size", KEY_SIZE, ceiling.session_size), .standard = "1G", .min = 1,
	    .unlimited = true, .meaning = "The same for max-session-size." },
	{ SERVICE("operator-max-recipients", KEY_NUMBER, ceiling.recipients), .standard = "1000", .min = 1,
	    .max = 1000000, .unlimited = true, .meaning = "The same for max-recipients." },
	{ SERVICE("operator-connections-per-domain", KEY_NUMBER, ceiling.connections_per_domain),
	    .standard = "100", .min = 1, .max = 100000, .unlimited = true,
	    .meaning =
	    "The same for connections-per-domain: other hosts judge all virtual servers by the address that "
	    "they share." },
	{ SERVICE("operator-rate", KEY_NUMBER, ceiling.rate), .standard = "unlimited", .min = 1,
	    .max = 1000000, .unlimited = true,
	    .meaning =
	    "The same for a rate that a [host] or [domain] gives. A rate that is to hold for all belongs "
	    "into postern.ini." },
	{ SERVICE("operator-expire", KEY_TIME, ceiling.expire), .standard = "7d", .min = SECOND,
	    .max = YEARS,
	    .meaning =
	    "The same for expire and local-expire: how long mail that nobody takes may lie on the disk." },
	{ SERVICE("operator-drop-quota", KEY_SIZE, ceiling.drop_quota), .standard = "unlimited", .min = 1,
	    .unlimited = true, .meaning =
	    "The same for drop-quota, which is unlimited where it is not set: set it in the file, too." },
	{ SERVICE("dns-server", KEY_STRINGS, dns_server), .derived = "the servers of /etc/resolv.conf",
	    .check = key_check_resolver,
	    .meaning = "The name servers to ask, each an address with an optional port." },
	{ SERVICE("dnssec", KEY_ENUM, dnssec), .standard = "no", .choice = dnssec_words,
	    .meaning =
	    "Whether the answers of the name servers are validated with DNSSEC. An answer that fails the "
	    "validation is then a temporary failure. With yes the service validates them itself. With "
	    "resolver it believes the validating resolver of this host (its AD bit): dns-server has to name "
	    "it, and only addresses of the loopback interface are taken, as anybody between could set the "
	    "bit." },
	{ SERVICE("trust-anchor", KEY_PATH, trust_anchor), .derived = "the root keys of the system",
	    .meaning =
	    "A file with the trust anchors for dnssec: DS or DNSKEY records. In Debian the package "
	    "dns-root-data brings those of the root. A file without a usable key is an error: while there is "
	    "no other, mail that needs the DNS waits." },
	{ SERVICE("dns-insecure", KEY_STRINGS, dns_insecure), .check = key_check_host,
	    .meaning = "Domains whose answers are accepted without validation although dnssec is on." },
	{ SERVICE("grace", KEY_TIME, grace), .standard = "30s", .min = SECOND, .max = DAY,
	    .meaning = "How long sessions and deliveries may take to finish when a virtual server stops." },
	{ SERVICE("sandbox", KEY_BOOL, sandbox), .standard = "yes",
	    .meaning =
	    "Each process gives up the system calls (seccomp) and the folders (Landlock) that its work has "
	    "no use for, before it reads anything of a client; see postern(8), Security. no is for a host "
	    "whose libraries do what nobody foresaw, until that is mended: its events name the call. A "
	    "change at a reload starts all processes anew, but the supervisor stays as it is." },
	{ SERVICE("syslog", KEY_BOOL, syslog), .standard = "yes",
	    .meaning =
	    "The older form of events: yes is syslog, no is stderr. It has no effect beside events." },
	{ SERVICE("events", KEY_TEXT, events), .derived = "syslog; with syslog = no, stderr",
	    .check = key_check_events,
	    .meaning =
	    "Where events go: syslog (facility mail), stderr, json (the standard output, one JSON object a "
	    "line, with the names of posternctl watch; for containers), or the path of a file. In the "
	    "foreground those for syslog, too, go to the standard error output; the journal of systemd gets "
	    "them with their severity. In the background nobody reads the standard outputs, so name a file "
	    "where no syslog daemon runs. The supervisor makes the file (mode 0640), which may not be a "
	    "link, belong to another user or be writable for everybody, and opens it again at a reload. Each "
	    "line begins with the time in UTC." },
	{ SERVICE("metrics", KEY_STRINGS, metrics), .check = key_check_metrics,
	    .meaning =
	    "Where the counters are served as text for Prometheus, at /metrics over HTTP: paths of sockets, "
	    "which the group may use, and loopback addresses with a port. No other address is accepted. To "
	    "show the counters to other hosts, put a web server in front." },

	{ MANAGER("listen", KEY_STRINGS, listen), .check = key_check_manager_listen,
	    .meaning =
	    "Where the manager is served to web browsers: addresses with a port, and paths of sockets for a "
	    "web server in front, which the group may use. Without an address there is no manager. An "
	    "address that other hosts reach needs certificate and key. See postern-web(8)." },
	{ MANAGER("certificate", KEY_PATH, certificate), .derived = "none: no TLS",
	    .meaning =
	    "The certificate chain of the manager in PEM form; all its addresses then speak TLS, paths of "
	    "sockets never do. It is read again at a reload." },
	{ MANAGER("key", KEY_PATH, key), .derived = "none",
	    .meaning = "The private key of certificate, in PEM form and without a pass phrase." },
	{ MANAGER("accounts", KEY_PATH, accounts), .derived = "none: no login by password",
	    .meaning =
	    "A password file, as posternctl passwd makes it, whose accounts may log in to the manager by "
	    "name and password. What each of them may do there say operators and viewers, where it is "
	    "written account:NAME. Only root needs to be able to read it (mode 0600). A file that everybody "
	    "may read is refused." },
	{ MANAGER("keytab", KEY_PATH, keytab), .derived = "none: no login with Kerberos",
	    .meaning =
	    "The file with the Kerberos key of service-principal, by which users of Kerberos or of an Active "
	    "Directory log in to the manager (SPNEGO). What each of them may do there say operators and "
	    "viewers, where it is written kerberos:NAME@REALM. Only root needs to be able to read it." },
	{ MANAGER("service-principal", KEY_TEXT, service_principal),
	    .derived = "HTTP/ and the first of hosts, else the hostname", .check = key_check_word,
	    .meaning =
	    "The Kerberos name of the manager, with or without @REALM: HTTP/ and the name by which "
	    "browsers call it." },
	{ MANAGER("kerberos-realms", KEY_STRINGS, kerberos_realms),
	    .derived = "that of the service-principal", .check = key_check_word,
	    .meaning =
	    "Whose users may log in to the manager with Kerberos: realms, in their exact spelling; * is "
	    "every realm that the KDC trusts." },
	{ MANAGER("hosts", KEY_STRINGS, hosts), .check = key_check_manager_host,
	    .meaning =
	    "Names by which browsers call the manager, beside the address that they connect to and "
	    "localhost. A request for another name is refused, so that no page of another site can reach "
	    "the manager through a name of its own. The first one stands in the link of posternctl web "
	    "login." },
	{ MANAGER("nodes", KEY_STRINGS, nodes), .check = key_check_node,
	    .meaning =
	    "The nodes that posternctl nodes gather asks, each as ssh takes it: a host, user@host or a name "
	    "of its configuration. See postern-guide-nodes(7)." },
	{ MANAGER("nodes-file", KEY_PATH, nodes_file), .derived = "none: no nodes are shown",
	    .meaning =
	    "Where posternctl nodes gather leaves what the nodes have said, and where the service finds it "
	    "for posternctl nodes and the page Nodes. It belongs to the account that asks the nodes, in a "
	    "folder of that account, and its owner alone may write it." },

	{ LIMITS("engine", KEY_TEXT, engine), .derived = "none: no limits are shared",
	    .check = key_check_filter, .meaning =
	    "Where Redis or Valkey listens that the nodes share: inet:ADDRESS:PORT or unix:/PATH. "
	    "Connections and messages a minute of a [host], of its provider or of a [domain] are then limits "
	    "of all nodes together, and failed logins are counted together. See postern-limits(8) and "
	    "postern-guide-nodes(7)." },
	{ LIMITS("user", KEY_TEXT, user), .derived = "the default user of the engine",
	    .check = key_check_word,
	    .meaning = "The user of the engine whose password is in password-file." },
	{ LIMITS("password-file", KEY_PATH, password_file), .derived = "none: no password",
	    .meaning =
	    "A file with the password for the engine in its first line. Only root needs to be able to read "
	    "it (mode 0600). A file that everybody may read is refused." },
	{ LIMITS("prefix", KEY_TEXT, prefix), .standard = "postern", .check = key_check_word,
	    .meaning =
	    "What the names of all keys in the engine begin with. Nodes with another prefix share nothing "
	    "with these." },
	{ LIMITS("node", KEY_TEXT, node), .derived = "the hostname", .check = key_check_word,
	    .meaning = "How this node is called in the engine, for people who look there." },
	{ LIMITS("nodes", KEY_NUMBER, nodes), .standard = "1", .min = 1, .max = 10000,
	    .meaning =
	    "How many nodes share the limits: a node that has lost the engine uses this share of them. The "
	    "same number in all nodes." },
	{ LIMITS("on-loss", KEY_ENUM, on_loss), .standard = "share", .choice = on_loss_words,
	    .meaning =
	    "What a node may use while it cannot reach the engine. share: each limit divided by nodes, at "
	    "least 1, from one lease after the loss on; until then what it held, within that share. closed: "
	    "nothing; mail for hosts with such limits waits. Of failed logins that delay nothing a node has "
	    "then its part, or none." },
	{ LIMITS("lease", KEY_TIME, lease), .standard = "60s", .min = 5 * SECOND, .max = 3600 * SECOND,
	    .meaning =
	    "How long the engine keeps for a node what the node has taken. It is renewed after a third of "
	    "that. What a node that has died had taken is free after this time. A connection whose lease "
	    "ends is cut, and its message tried again. The same in all nodes." },

	{ GENERAL("id", KEY_NUMBER, id), BY_SERVICE,
	    .derived = "the next free number", .min = 1, .max = 1000000,
	    .own = true,
	    .meaning =
	    "The number N of the virtual server. Protocol logs call it SMTPSVCN, and signals name it by this "
	    "number. Without this key it keeps the number that it was given first." },
	{ GENERAL("user", KEY_TEXT, user), BY_SERVICE,
	    .derived = "that of the service", .check = key_check_word,
	    .own = true,
	    .meaning =
	    "An account of its own for the processes that own the folders of this virtual server, with that "
	    "account's group: those of other virtual servers then cannot open them." },
	{ GENERAL("pickup-group", KEY_TEXT, pickup_group), BY_SERVICE, .derived = "that of user",
	    .check = key_check_word, .own = true,
	    .meaning =
	    "Who may put files into pickup: the members of this group. They can neither list the folder nor "
	    "read, replace or remove what others have put there (mode 3730); a file has to be readable for "
	    "the group. Counts, as the next three, when the service is started as root." },
	{ GENERAL("drop-group", KEY_TEXT, drop_group), BY_SERVICE, .derived = "that of user",
	    .check = key_check_word, .own = true,
	    .meaning = "Who may fetch files from the drop folder: the members of this group (mode 2750)." },
	{ GENERAL("drop-delete", KEY_BOOL, drop_delete), .standard = "no", .own = true,
	    .meaning = "The members of drop-group may also remove files there (mode 2770)." },
	{ GENERAL("log-group", KEY_TEXT, log_group), BY_SERVICE, .derived = "that of user",
	    .check = key_check_word, .own = true,
	    .meaning = "Who may read the protocol log: the members of this group (mode 2750)." },
	{ GENERAL("description", KEY_TEXT, description), .own = true,
	    .derived = "\"Default SMTP Virtual Server\" for default, else the virtual server's name",
	    .meaning = "A text that posternctl status shows with the name of the virtual server." },
	{ GENERAL("listen", KEY_LISTEN, listen), IN_RANGE, .standard = "*:25, [::]:25", .own = true,
	    .meaning =
	    "The addresses and ports at which the virtual server takes mail. *:25 is every IPv4 address, "
	    "[::]:25 every IPv6 address; beside it another virtual server may have one address of that "
	    "port, and gets its clients. While that one is paused or stopped they are turned away, and "
	    "mail for it waits: the rules of the first would return it." },
	{ GENERAL("tls-listen", KEY_LISTEN_TLS, listen), IN_RANGE, .own = true,
	    .meaning = "The addresses and ports where a session starts with TLS at once, usually port 465." },
	{ GENERAL("own-address", KEY_STRINGS, own_address), .check = key_check_own_address,
	    .meaning =
	    "Addresses and names that lead to this virtual server and that it cannot know: outside of a "
	    "NAT, of a forwarded port or of a load balancer. An address may have a port. Together with "
	    "the addresses of listen, the fqdn and the hostname of the service they are the virtual "
	    "server itself: mail is never sent there, nor to an MX that is no better (5.4.6), and mail "
	    "for user@[address] is for the default domain. An address at which another virtual server "
	    "listens is that one's, also beside a listen of all addresses: mail goes to it, or waits "
	    "while it is stopped." },
	{ GENERAL("home", KEY_PATH, home), BY_SERVICE,
	    .derived = "the spool folder and the virtual server's name", .own = true,
	    .meaning = "The folder that holds pickup, queue, drop and badmail." },
	{ GENERAL("pickup", KEY_PATH, pickup), BY_SERVICE, .derived = "home/pickup", .own = true,
	    .meaning =
	    "The folder whose files are sent as mail. It must be on the same file system as queue." },
	{ GENERAL("queue", KEY_PATH, queue), BY_SERVICE, .derived = "home/queue", .own = true,
	    .meaning = "The folder of messages that are still to be delivered." },
	{ GENERAL("drop", KEY_PATH, drop), BY_SERVICE, .derived = "home/drop", .own = true,
	    .meaning =
	    "The folder that receives mail for local domains. It must be on the same file system as "
	    "queue." },
	{ GENERAL("connection-limit", KEY_NUMBER, connection_limit), BY_SERVICE, .min = 1,
	    .derived = "what memory-limit and half of the open files of a process hold, with mail filters a "
	    "third of them, 100 to 100000",
	    .max = 1000000, .unlimited = true,
	    .meaning =
	    "The largest number of concurrent inbound connections. A further one is answered 421 and "
	    "closed. One that its client has closed counts until filters and disk are done with its "
	    "message." },
	{ GENERAL("connection-limit-per-client", KEY_NUMBER, connection_limit_per_client), .min = 1,
	    .derived = "connection-limit where it is set, else a quarter of it; at most 250, and what an "
	    "eighth of memory-limit holds in messages, but 20; none for loopback addresses",
	    .max = 1000000, .unlimited = true, .meaning =
	    "The largest number of concurrent inbound connections from one client, in all listener processes "
	    "together; with [limits], and set here, in all nodes together. With connection-limit = unlimited "
	    "there is none unless it is set." },
	{ GENERAL("client-prefix-ipv4", KEY_NUMBER, client_prefix_ipv4), .standard = "32", .min = 8,
	    .max = 32, .meaning =
	    "How many bits of an IPv4 address make one client of connection-limit-per-client." },
	{ GENERAL("client-prefix-ipv6", KEY_NUMBER, client_prefix_ipv6), .standard = "64", .min = 16,
	    .max = 128, .meaning =
	    "The same for IPv6. A customer has a /64 at least, with more addresses than can be counted." },
	{ GENERAL("memory-limit", KEY_SIZE, memory_limit), BY_SERVICE, .min = 1U << 20, .unlimited = true,
	    .derived = "a quarter of the memory (of the limit of a container or unit), shared by virtual "
	    "servers and their processes, 64M at least",
	    .meaning =
	    "How much memory the inbound sessions of one listener process may hold together. A message on "
	    "its way counts as 272K. Beyond it, and where messages hold more than 7/8 of it, MAIL, RCPT, "
	    "DATA and BDAT are answered 452 4.3.1; beyond it, and where sessions hold more than 7/8 of it, "
	    "a new connection 421. Where sessions that exist grow so far, by commands that wait or replies "
	    "that are not read, the one that holds most without a message under way ends with 421 4.3.1." },
	{ GENERAL("connection-timeout", KEY_TIME, connection_timeout), .standard = "10m", .min = SECOND,
	    .max = DAY,
	    .meaning =
	    "How long an inbound session may be idle before it is answered 421 4.4.2 and closed." },
	{ GENERAL("session-time", KEY_TIME, session_time), .standard = "1d", .min = SECOND, .max = YEARS,
	    .unlimited = true,
	    .meaning =
	    "How long an inbound session may last. An older one is answered 421 4.3.2 at its next command "
	    "between two messages, 15 minutes later at any command; content that is coming is taken first: "
	    "it may take 15 minutes and a second for each 1,000 bytes, also when it is refused." },
	{ GENERAL("idle-command-limit", KEY_NUMBER, idle_command_limit), .standard = "200", .min = 1,
	    .max = 1000000, .unlimited = true,
	    .meaning =
	    "How many commands that bring no mail (NOOP, RSET, HELO, EHLO, VRFY, HELP, MAIL without RCPT, "
	    "ETRN) a client may send since a message was accepted or ETRN found mail. A further one is 421 "
	    "4.7.0 and the session ends." },
	{ GENERAL("processes", KEY_NUMBER, processes), BY_SERVICE, .standard = "1", .min = 1, .max = 64,
	    .automatic = true, .meaning =
	    "The number of listener processes. They share the sockets. A listener is not the first thing "
	    "that is full on a small machine, and a second one is no gain there. auto: one for each four "
	    "processors that the service may use (of the machine, or of the limit of a container or unit), "
	    "shared by virtual servers; one at least, and at most four. They are counted when the "
	    "listeners start." },
	{ GENERAL("log", KEY_BOOL, log), .standard = "yes",
	    .meaning = "Whether inbound and outbound sessions are written to a protocol log." },
	{ GENERAL("log-format", KEY_ENUM, log_format), .standard = "w3c", .choice = log_formats,
	    .meaning =
	    "w3c: W3C extended format with the fields of the SMTP service of IIS 6. json: one JSON object in "
	    "each line." },
	{ GENERAL("log-fields", KEY_STRINGS, log_fields), .standard = "all", .check = key_check_log_field,
	    .meaning =
	    "The fields in a line of the protocol log, by their W3C names: date, time, c-ip, cs-username and "
	    "so on. Their order is fixed." },
	{ GENERAL("log-roll", KEY_ENUM, log_roll), .standard = "daily", .choice = log_rolls,
	    .meaning =
	    "When a new log file begins, in UTC, and its name. daily: exYYMMDD.log. hourly: exYYMMDDHH.log. "
	    "weekly: exYYMMWW.log, with the week of the month. monthly: exYYMM.log. size: extendN.log, when "
	    "a file has reached log-roll-size. With log-format = json the names end in .json." },
	{ GENERAL("log-roll-size", KEY_SIZE, log_roll_size), .standard = "20M", .min = 64 * KIB,
	    .meaning = "The size of a log file at which a new one begins when log-roll is size." },
	{ GENERAL("log-keep", KEY_TIME, log_keep), BY_SERVICE, .standard = "90d", .min = 3600 * SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How long a file of the protocol log is kept after its last line; then it is removed. Files with "
	    "other names stay, also those that another program compressed or renamed. On the file system of "
	    "the queue no line is written while that is at its reserve (disk-reserve)." },
	{ GENERAL("log-directory", KEY_PATH, log_directory), BY_SERVICE,
	    .derived = "the logs folder and the virtual server's name",
	    .meaning = "The folder of this virtual server's protocol log." },
	{ GENERAL("banner", KEY_TEXT, banner), .derived = "the product's name", .check = key_check_line,
	    .meaning = "The text of the greeting, after the virtual server's fqdn." },

	{ ACCESS("authentication", KEY_FLAGS, authentication), .standard = "anonymous", .choice = auth_flags,
	    .meaning =
	    "How clients may log in: any of anonymous (no login), basic (a password) and integrated "
	    "(Kerberos). Without anonymous a client has to authenticate before MAIL." },
	{ ACCESS("helo-required", KEY_BOOL, helo_required), .standard = "no",
	    .meaning =
	    "Whether a client has to say HELO or EHLO with a name before MAIL and AUTH. With no, HELO "
	    "without a name, and MAIL and AUTH without HELO are accepted, as devices and the SMTP service "
	    "of IIS do." },
	{ ACCESS("mend", KEY_ENUM, mend), .standard = "relay", .choice = clients,
	    .meaning =
	    "Whose messages are mended instead of refused or sent on as they are: of clients that may relay "
	    "(by relay-list or by login), of none, or of all. A bare LF or CR in the content becomes "
	    "CRLF, as does CR CR LF, a missing Date and Message-ID are added, Bcc, Resent-Bcc and "
	    "Return-Path are taken out. What was mended is in the event of the accepted message. A bare LF "
	    "or CR of other clients is refused with 554 5.6.0." },
	{ ACCESS("dsn", KEY_ENUM, dsn), .standard = "relay", .choice = clients,
	    .meaning =
	    "Who is offered DSN (RFC 3461), so may ask for reports of success and delay: clients that may "
	    "relay (by relay-list or by login), none, or all. Reports of failure do not depend on it." },
	{ ACCESS("password-file", KEY_PATH, password_file), BY_SERVICE,
	    .meaning =
	    "The file with the accounts for basic authentication (PLAIN, LOGIN, SCRAM-SHA-256), one line "
	    "name:hash for each. posternctl passwd edits it. Only root needs to be able to read it (mode "
	    "0600). A file that everybody may read is refused." },
	{ ACCESS("basic-requires-tls", KEY_BOOL, basic_requires_tls), .standard = "yes",
	    .meaning =
	    "Whether PLAIN and LOGIN are offered and accepted only under TLS. SCRAM does not send the "
	    "password and is always offered." },
	{ ACCESS("mechanisms", KEY_FLAGS, offered_mechanisms),
	    .standard = "plain, login, scram-sha-256, scram-sha-256-plus, gssapi",
	    .choice = offered_mechanisms,
	    .meaning =
	    "What AUTH offers, of that which authentication allows: gssapi with integrated, the others with "
	    "basic. Some clients choose scram-sha-256-plus when it is offered and cannot do it (mutt with "
	    "GNU SASL): then name the others only." },
	{ ACCESS("auth-for-old-clients", KEY_BOOL, auth_for_old_clients), .standard = "no",
	    .meaning =
	    "Whether EHLO also has a line AUTH= with the mechanisms, the form of a draft that very old "
	    "clients and devices wait for (Outlook Express 4)." },
	{ ACCESS("basic-domain", KEY_TEXT, basic_domain), .check = key_check_word,
	    .meaning =
	    "A domain for user names that have neither a backslash nor an at sign: the domain and a "
	    "backslash are put before the name. The password file may list such an account with the domain "
	    "or without it." },
	{ ACCESS("keytab", KEY_PATH, keytab), BY_SERVICE,
	    .meaning =
	    "The file with the Kerberos keys for integrated authentication (GSSAPI with Kerberos and SPNEGO "
	    "tokens, of up to 48,000 octets, as of Windows users in very many groups). Only root needs to be "
	    "able to read it." },
	{ ACCESS("service-principal", KEY_TEXT, service_principal), BY_SERVICE,
	    .derived = "smtp/ and the fqdn",
	    .check = key_check_word,
	    .meaning =
	    "The Kerberos name of this virtual server, with or without @REALM. Tickets for another name "
	    "are refused." },
	{ ACCESS("kerberos-realms", KEY_STRINGS, kerberos_realms), .derived = "that of the service-principal",
	    .check = key_check_word,
	    .meaning =
	    "Whose users may log in with Kerberos: realms, in their exact spelling; * is every realm that "
	    "the KDC trusts. Repeatable; at most 2047 characters together." },
	{ ACCESS("kerberos-accounts", KEY_STRINGS, kerberos_accounts), .derived = "all of these realms",
	    .check = key_check_word,
	    .meaning =
	    "Which of them: names like alice@EXAMPLE.COM, in which * stands for any letters. Repeatable; at "
	    "most 2047 characters together." },
	{ ACCESS("kerberos-binding", KEY_ENUM, kerberos_binding), .standard = "when-offered",
	    .choice = kerberos_bindings,
	    .meaning =
	    "Whether a Kerberos login is tied to the TLS connection that it comes by (RFC 5929; Windows "
	    "calls it extended protection): none, when-offered (a client that ties it to another connection "
	    "is refused), required (so is one that does not, or has no TLS)." },
	{ ACCESS("tls", KEY_ENUM, tls), .derived = "optional with a certificate, else off",
	    .choice = tls_modes,
	    .meaning =
	    "Inbound TLS: off, optional (STARTTLS is offered) or required (mail is refused with 530 5.7.0 "
	    "until STARTTLS). Sessions at the addresses of tls-listen always have TLS." },
	{ ACCESS("certificate", KEY_STRINGS, certificate), BY_SERVICE, .check = key_check_path,
	    .meaning =
	    "Certificate files in PEM form. In each file the certificate is followed by its chain. The "
	    "client gets the certificate for the name that it asks for, else the first one. Files that "
	    "change are loaded again automatically. When a certificate and its key do not fit together, an "
	    "event says so, and the old pair stays in use. At most " TEXT_OF(CONFIG_CERTIFICATES_MAX)
	    " files; one certificate may be for many names." },
	{ ACCESS("key", KEY_STRINGS, key), BY_SERVICE, .check = key_check_path,
	    .meaning =
	    "The private keys of the certificates, in the same order, in PEM form and without a pass phrase. "
	    "Only root needs to be able to read them." },
	{ ACCESS("certificate-alarm", KEY_TIME, certificate_alarm), .standard = "14d", .min = DAY,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How long before a certificate ends posternctl status --check, check and the event log say so. "
	    "unlimited: only when it has ended." },
	{ ACCESS("tls-minimum", KEY_ENUM, tls_minimum), .standard = "1.2", .choice = tls_versions,
	    .meaning =
	    "The oldest TLS version that is accepted: 1.2 or 1.3. For old devices there are 1.0 and 1.1, "
	    "which need connection-control = only with a list." },
	{ ACCESS("tls-for-old-devices", KEY_BOOL, tls_for_old_devices), .standard = "no",
	    .meaning =
	    "Whether TLS 1.2 also has ciphers without forward secrecy (RSA key exchange) and with CBC, which "
	    "some old printers and scanners need: recorded sessions can be read when the key becomes known. "
	    "Without it: ECDHE with AES-GCM or ChaCha20. With tls-minimum under 1.2 they are there in any "
	    "case." },
	{ ACCESS("client-certificate", KEY_ENUM, ask_certificate), .standard = "no",
	    .choice = client_certificates,
	    .meaning =
	    "Whether clients are asked for a certificate under TLS. A client may show any certificate or "
	    "none, and the certificate gives it no rights. The SHA-256 fingerprint is shown in the list of "
	    "sessions and in the event of an accepted message." },
	{ ACCESS("evacuate-from", KEY_STRINGS, evacuate_from), BY_SERVICE, .check = key_check_fingerprint,
	    .meaning =
	    "The SHA-256 fingerprints of the certificates of other nodes of Postern. Who shows one of them "
	    "under TLS may put its queue into this one (posternctl queue evacuate): mail for any domain, "
	    "which no filter sees. All others do not see that there is such a command." },
	{ ACCESS("connection-control", KEY_ENUM, connection_control), .standard = "all-except",
	    .choice = list_modes,
	    .meaning =
	    "Who may connect: only the clients of connection-list, or all except them. Other clients get 554 "
	    "5.7.1, and the connection is closed." },
	{ ACCESS("connection-list", KEY_NETS, connection_list),
	    .meaning =
	    "Addresses, networks and domain names: 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0, "
	    "2001:db8::/32, example.com (this name and all names below it). For domain names the name of the "
	    "client's address is looked up, and this name must lead back to the address. While the DNS "
	    "fails, clients whose name would decide may connect with all-except, and are answered 421 4.4.3 "
	    "with only. The path of a file stands for the entries in it, one in each line." },
	{ ACCESS("relay", KEY_ENUM, relay), .standard = "only", .choice = list_modes,
	    .meaning =
	    "Who may send to domains that are not local: only the clients of relay-list, or all except "
	    "them." },
	{ ACCESS("relay-list", KEY_NETS, relay_list),
	    .meaning =
	    "Addresses, networks and domain names, as in connection-list. While the DNS fails, a client "
	    "whose name would decide is answered 451 4.4.3. The path of a file stands for the entries in "
	    "it." },
	{ ACCESS("relay-authenticated", KEY_BOOL, relay_authenticated), .standard = "yes",
	    .meaning = "Whether an authenticated client may relay, whatever relay-list says." },
	{ ACCESS("open-relay", KEY_ENUM, open_relay), BY_SERVICE, .standard = "no", .choice = open_relay,
	    .meaning =
	    "A list that lets everybody relay is an error, unless this key is i-know. A large part of the "
	    "world (relay = all-except, more than a 64th of all IPv4 addresses, a top-level domain) is a "
	    "warning, and operators of the service alone may say so by command." },
	{ ACCESS("proxy", KEY_BOOL, proxy), BY_SERVICE, .standard = "no",
	    .meaning =
	    "Whether connections from proxy-trusted begin with a PROXY protocol header, version 1 or 2, "
	    "which names the real client. Such a connection must have the header, and the header comes "
	    "before any TLS. For all other connections the client is the address that connects." },
	{ ACCESS("proxy-trusted", KEY_NETS, proxy_trusted), BY_SERVICE, .addresses = true,
	    .meaning =
	    "The load balancers whose PROXY headers are trusted: addresses and networks, or the path of a "
	    "file with them." },

	{ MESSAGES("max-message-size", KEY_SIZE, max_message_size),
	    UP_TO("operator-max-message-size"), .standard = "25M", .min = 1,
	    .unlimited = true,
	    .meaning =
	    "The largest size of a message, by SMTP and by pickup. It is announced with SIZE. A larger "
	    "message is refused with 552 5.3.4." },
	{ MESSAGES("disk-reserve", KEY_NUMBER, disk_reserve), BY_SERVICE,
	    .standard = "5", .max = 50, .meaning =
	    "How many percent of the file system of queue stay free, in bytes and in inodes, for mail that "
	    "is under way, reports and logs. Below it MAIL is answered 452 4.3.1 and files stay in pickup; "
	    "an event tells when that begins and when it is over, with a quarter of the reserve more. The "
	    "reserve holds 16 messages of max-message-size at least, which count for a tenth of the file "
	    "system at most; it is never more than 1G and 10000 inodes. 0: there is none." },
	{ MESSAGES("max-session-size", KEY_SIZE, max_session_size),
	    UP_TO("operator-max-session-size"), .standard = "100M", .min = 1,
	    .unlimited = true, .meaning =
	    "The largest sum of all messages that are accepted in one connection." },
	{ MESSAGES("max-messages-per-connection", KEY_NUMBER, max_messages_per_connection), .standard = "20",
	    .min = 1, .max = 2000000000,
	    .unlimited = true, .meaning =
	    "Outbound: after this number of messages a new connection is made." },
	{ MESSAGES("max-recipients", KEY_NUMBER, max_recipients),
	    UP_TO("operator-max-recipients"), .standard = "100", .min = 1, .max = 1000000,
	    .unlimited = true,
	    .meaning =
	    "The largest number of recipients of one inbound message. Each further recipient is answered 452 "
	    "4.5.3, and the message goes on without it." },
	{ MESSAGES("ndr-copy-to", KEY_TEXT, ndr_copy_to), .check = key_check_mailbox,
	    .meaning = "A mail address that gets a copy of each report of failure (NDR)." },
	{ MESSAGES("badmail", KEY_PATH, badmail), BY_SERVICE, .derived = "home/badmail", .own = true,
	    .meaning =
	    "The folder of mail that could be neither delivered nor returned. It must be on the same file "
	    "system as queue." },
	{ MESSAGES("badmail-keep", KEY_TIME, badmail_keep), .standard = "30d", .min = SECOND, .max = YEARS,
	    .unlimited = true, .meaning = "How long files stay in badmail." },
	{ MESSAGES("badmail-limit", KEY_SIZE, badmail_limit), BY_SERVICE,
	    .standard = "1G", .min = 1, .unlimited = true,
	    .meaning =
	    "The largest size of badmail, in whole blocks of 4 KB: small files count with one, so that they "
	    "do not take all inodes either. Before it would be exceeded, the oldest messages are removed. A "
	    "message that is larger by itself is not kept." },
	{ MESSAGES("pickup-dots", KEY_ENUM, pickup_dots), .standard = "auto", .choice = dots,
	    .meaning =
	    "Whether programs that write to pickup double a dot at the start of a line. stuffed: they do, as "
	    "programs for IIS and for the .NET Framework. plain: they do not, as programs for .NET 5 and "
	    "later. auto: this is decided for each file; without evidence that dots were doubled they stay "
	    "as they are." },
	{ MESSAGES("pickup-settle", KEY_TIME, pickup_settle), .standard = "250ms", .max = DAY,
	    .meaning =
	    "How long nothing must have happened to a file that was written in pickup itself before it is "
	    "taken. A file that is written in several pieces is waited for longer. A file that was renamed "
	    "into pickup, or whose writer was seen to hold a lock, is taken at once." },

	{ DELIVERY("retry", KEY_TIMES, retry), .standard = "15m 30m 1h 4h", .min = SECOND, .max = 30 * DAY,
	    .meaning =
	    "The waiting times after the first, second and third failed attempt, and after each later one. "
	    "When the remote host names a time (\"try again in 300 seconds\"), this time is used, but at "
	    "most the longest time of the list. A time that is shorter than the usual one is used three "
	    "times at most. What a host has said for good of a recipient stands, however its connection "
	    "ends. An attempt that delivers to some recipients of a message at a host is no failed one: the "
	    "others, which the host puts off, follow at once on the same connection, when its answer is not "
	    "about their mailboxes, else after the first time of the list. A message that a host cannot take "
	    "(its size, an extension) is returned only when no host of its destination can." },
	{ DELIVERY("delay-notify", KEY_TIME, delay_notify), .standard = "12h", .min = SECOND, .max = YEARS,
	    .unlimited = true,
	    .meaning = "The age of outbound mail at which its sender is told, once, that the mail is late." },
	{ DELIVERY("expire", KEY_TIME, expire),
	    UP_TO("operator-expire"), .standard = "2d", .min = SECOND, .max = YEARS,
	    .meaning =
	    "The age of outbound mail at which it is returned to its sender. When the clock of the host is "
	    "set forth, that time counts for nothing within the next hour." },
	{ DELIVERY("local-delay-notify", KEY_TIME, local_delay_notify), .standard = "12h", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning = "The same as delay-notify for mail to local domains." },
	{ DELIVERY("local-expire", KEY_TIME, local_expire),
	    UP_TO("operator-expire"), .standard = "2d", .min = SECOND, .max = YEARS,
	    .meaning = "The same as expire for mail to local domains." },
	{ DELIVERY("outbound-auth", KEY_ENUM, outbound_auth), BY_SERVICE, .standard = "anonymous",
	    .choice = outbound_auth,
	    .meaning =
	    "How the virtual server logs in at its smart hosts: anonymous (no login), basic "
	    "(SCRAM-SHA-256, PLAIN or LOGIN, the first of them that the host offers), integrated (GSSAPI "
	    "with Kerberos) or oauth2. This key never counts for the route of a domain that leads to "
	    "other hosts, nor for hosts that only the DNS names: there outbound-auth of the domain "
	    "counts. Without TLS, PLAIN and LOGIN are used only on a connection within this host, or "
	    "where outbound-tls is off. With TLS they show the password to any host that answers, unless "
	    "outbound-tls is verify, or dane and the host has TLSA records. A host that does not accept "
	    "the login gets no mail; the mail waits." },
	{ DELIVERY("user", KEY_TEXT, outbound_user), BY_SERVICE, .check = key_check_account,
	    .meaning = "The account for outbound-auth; with integrated, a Kerberos principal." },
	{ DELIVERY("secret-file", KEY_PATH, outbound_secret_file), BY_SERVICE,
	    .meaning =
	    "A file with the password of that account on one line; with integrated, the keytab of the "
	    "account. Only root needs to be able to read it (mode 0600). A file that everybody may read is "
	    "refused. A changed file is used from the next connection on." },
	{ DELIVERY("oauth", KEY_TEXT, outbound_oauth), BY_SERVICE, .check = key_check_word,
	    .meaning =
	    "The profile, an [oauth NAME] section of postern.ini, from which outbound-auth = oauth2 takes "
	    "its tokens." },
	{ DELIVERY("auth-mechanisms", KEY_FLAGS, mechanisms), WITH_ACCOUNT, .choice = mechanisms,
	    .standard = "scram-sha-256-plus scram-sha-256 gssapi oauthbearer xoauth2 plain login",
	    .meaning =
	    "The mechanisms that outbound-auth may use, of those that the host offers. Names with a minus "
	    "sign are left out: -login is all but LOGIN. The order is always this one. When the host "
	    "refuses a mechanism and another one may do, that is tried in the same connection; a host is "
	    "remembered for a while by the mechanism that it accepted." },
	{ DELIVERY("outbound-tls", KEY_ENUM, outbound_tls), WITH_ACCOUNT,
	    .standard = "may", .choice = outbound_tls,
	    .meaning =
	    "TLS to remote hosts. off: never. may: where the host offers it; when TLS fails, the mail goes "
	    "in clear over a new connection. required: nothing is sent without TLS, but any certificate is "
	    "accepted. verify: the certificate must be for this host and from one of the authorities. dane: "
	    "the certificate must fit the TLSA records of the host, where DNSSEC proves them, or nothing is "
	    "sent; without such records as with may. What proves who the host is has forward secrecy, too. "
	    "Hosts at port 465 have TLS from the first byte. A session of TLS is resumed within an hour, "
	    "where the same is asked of the same host." },
	{ DELIVERY("mta-sts", KEY_BOOL, mta_sts), WITH_ACCOUNT, .standard = "yes",
	    .meaning =
	    "Whether the MTA-STS policies of domains count (RFC 8461), where the DNS names the hosts and "
	    "outbound-tls is not off. Where the policy of a domain says enforce, its mail goes only to hosts "
	    "that the policy names, and only under TLS with a certificate for the name of the host, from one "
	    "of the authorities. Else it waits. TLSA records of a host count more, with outbound-tls = dane. "
	    "A policy that was fetched once is kept until its end, also when its host or its TXT record are "
	    "away." },
	{ DELIVERY("tls-reports", KEY_BOOL, tls_reports), .standard = "no",
	    .meaning =
	    "Whether reports are sent to the domains that want them (RFC 8460: a TXT record _smtp._tls): of "
	    "each day, in UTC, how many TLS sessions went well and why others failed, at the hosts that the "
	    "DNS names. By mail they are signed where dkim-key has a key for the domain of "
	    "tls-report-contact; receivers ignore those without a signature." },
	{ DELIVERY("tls-report-contact", KEY_TEXT, tls_report_contact), .check = key_check_mailbox,
	    .derived = "postmaster of the default domain",
	    .meaning =
	    "The mail address in the reports of tls-reports, and the sender in their header. No report comes "
	    "back to it." },
	{ DELIVERY("tls-report-organization", KEY_TEXT, tls_report_organization), .check = key_check_line,
	    .derived = "fqdn",
	    .meaning = "The name of the organization in these reports." },
	{ DELIVERY("authorities", KEY_PATH, authorities), BY_SERVICE, .standard = CONFIG_SYSTEM_CA,
	    .meaning =
	    "A file in PEM form with the certificates of the authorities that outbound-tls = verify and "
	    "mta-sts trust. It is read again when it changes." },
	{ DELIVERY("client-certificate", KEY_PATH, client_certificate), BY_SERVICE,
	    .meaning =
	    "The certificate, in PEM form and followed by its chain, that the virtual server shows to "
	    "its smart hosts when they ask for one, such as the connectors of Microsoft 365. These hosts "
	    "get mail under TLS only, may is then as required, and a host that does not accept the "
	    "certificate gets no mail: the mail waits. This key never counts for the route of a domain "
	    "that leads to other hosts, nor for hosts that only the DNS names: there client-certificate "
	    "of the domain counts. Files that change are loaded again automatically, and new connections "
	    "have them; while certificate and key do not fit together, an event says so, and the old "
	    "pair stays in use. certificate-alarm counts for it, too." },
	{ DELIVERY("client-key", KEY_PATH, client_key), BY_SERVICE,
	    .meaning =
	    "The private key of client-certificate, in PEM form and without a pass phrase. Only root needs "
	    "to be able to read it (mode 0600). A file that everybody may read is refused." },
	{ DELIVERY("evacuate-certificate", KEY_PATH, evacuate_certificate), BY_SERVICE,
	    .derived = "client-certificate",
	    .meaning =
	    "The certificate, in PEM form, by which another node of Postern knows this one when it brings "
	    "its queue there (posternctl queue evacuate): its fingerprint stands in evacuate-from there. It "
	    "is shown to that node and to no other host, and changes nothing for other mail. Any certificate "
	    "will do, also one of its own making that lasts for years. Without it client-certificate is "
	    "shown: of a [domain] of the name of the node, or of the virtual server." },
	{ DELIVERY("evacuate-key", KEY_PATH, evacuate_key), BY_SERVICE,
	    .derived = "client-key",
	    .meaning =
	    "The private key of evacuate-certificate, as client-key." },
	{ DELIVERY("dkim-key", KEY_STRINGS, dkim_key), BY_SERVICE, .check = key_check_dkim,
	    .meaning =
	    "The keys that sign outgoing mail (DKIM). An item is a domain, a selector, perhaps the days on "
	    "which it signs, and the file of the private key: example.com s2026 2026-01-01..2026-12-31 "
	    "/etc/postern/s2026.key. Either day may be left out; they are days of UTC, and the last one "
	    "counts. Mail whose From is of that domain, or of one below it that has no key of its own, is "
	    "signed when a client that may relay, or a file in pickup, has brought it, and so are our own "
	    "reports; mail of others that only passes never is. With an RSA and an Ed25519 key it gets two "
	    "signatures; of several keys of one kind the one whose days began last signs. Files are in PEM "
	    "form without a pass phrase; only root needs to be able to read them (mode 0600), and they are "
	    "loaded again when they change. Without a key that can be used the mail goes unsigned, and "
	    "posternctl status --check says so. See posternctl(8), dkim." },
	{ DELIVERY("connections", KEY_NUMBER, connections), BY_SERVICE,
	    .standard = "1000", .min = 1, .max = 100000,
	    .unlimited = true, .meaning = "The largest number of concurrent outbound connections." },
	{ DELIVERY("connections-per-domain", KEY_NUMBER, connections_per_domain),
	    UP_TO("operator-connections-per-domain"), .standard = "100", .min = 1,
	    .max = 100000, .unlimited = true, .meaning =
	    "The largest number of concurrent outbound connections for one domain." },
	{ DELIVERY("connection-timeout", KEY_TIME, outbound_timeout), .standard = "10m", .min = SECOND,
	    .max = DAY, .meaning = "How long a remote host may be silent." },
	{ DELIVERY("minimum-rate", KEY_SIZE, minimum_rate), .standard = "512", .min = 1, .max = 1U << 30,
	    .unlimited = true, .meaning =
	    "The bytes a second, on average, that a remote host takes of a message at least. A host that "
	    "takes them more slowly holds the message no longer than that, together with the time for the "
	    "commands (20 minutes, and 5 seconds for each recipient; less when connection-timeout is short): "
	    "then another host or a later attempt follows. unlimited: a host may take its time." },
	{ DELIVERY("port", KEY_NUMBER, port), WITH_ACCOUNT, .standard = "25", .min = 1, .max = 65535,
	    .meaning = "The port of remote hosts that are named without a port." },
	{ DELIVERY("hop-limit", KEY_NUMBER, hop_limit), .standard = "100", .min = 1, .max = 1000,
	    .meaning =
	    "The largest number of Received lines in a message. A message with more of them runs in a loop "
	    "and is returned with 5.4.6." },
	{ DELIVERY("masquerade", KEY_HOST, masquerade),
	    .meaning =
	    "A domain that replaces a local one in the envelope sender of outgoing mail, and in the From of "
	    "reports." },
	{ DELIVERY("fqdn", KEY_HOST, fqdn), .derived = "the service's hostname",
	    .meaning = "The name of this virtual server in the greeting, EHLO, Received and Message-ID." },
	{ DELIVERY("smart-host", KEY_STRINGS, smart_host), WITH_ACCOUNT, .check = key_check_smart_host,
	    .meaning =
	    "Hosts that get all remote mail, tried in this order. Each is a name or [address] with an "
	    "optional :port. When the list is empty, mail goes to the MX hosts of its domain." },
	{ DELIVERY("smart-host-after-direct", KEY_ENUM, smart_host_after_direct), .standard = "no",
	    .choice = after_direct,
	    .meaning =
	    "Whether direct delivery is tried before the smart host. yes: the smart host is used when the "
	    "domain cannot be found. on-failure: also when the domain cannot be reached." },
	{ DELIVERY("acknowledge", KEY_ENUM, acknowledge), .standard = "stored", .choice = acknowledge,
	    .meaning =
	    "When a client hears that its message is accepted. stored: when the message is on disk. safe: as "
	    "soon as the next hop has it, or it is on disk, whichever comes first: it is sent at once, and "
	    "written to disk with others when no host has taken it within some 10 milliseconds. When a host "
	    "refuses the whole message in that time, the client gets this reply, and no report is made. safe "
	    "is for messages of up to 128 KiB whose recipients are all at other hosts, and without "
	    "NOTIFY=SUCCESS; other messages are stored. See postern-pickup(8)." },
	{ DELIVERY("smart-host-alarm", KEY_TIME, smart_host_alarm), .standard = "15m", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How long a smart host, or a host of a domain's route, may take no message while mail waits for "
	    "it, also while the first attempt is without an answer. Then posternctl status --check and the "
	    "event log say so." },
	{ DELIVERY("queue-age-alarm", KEY_TIME, queue_age_alarm), .standard = "unlimited", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning =
	    "How old the oldest message in the queue may get before posternctl status --check and the event "
	    "log say so. Messages that an operator holds, or that wait for ETRN or ATRN or for a domain "
	    "that is paused, do not count." },
	{ DELIVERY("paused", KEY_STRINGS, paused), .check = key_check_paused, .own = true,
	    .meaning =
	    "Recipient domains whose mail is not tried for now: example.com, or *.example.com for all names "
	    "below it. Mail for them is accepted and waits in the queue. This costs it no tries, but "
	    "delay-notify and expire count. Once its domain is taken out it is tried at once. See "
	    "posternctl(8), queue pause." },
	{ DELIVERY("paused-hosts", KEY_STRINGS, paused_hosts), .check = key_check_remote, .own = true,
	    .covers = host_pattern_covers,
	    .meaning =
	    "Remote hosts that get no mail for now, as patterns of [host]: mx.example.com, *.example.com, an "
	    "address, a network, or * for all; one with a port, as mx.example.com:25 or [192.0.2.1]:25, is "
	    "for that port alone. Mail goes to other hosts of its destination, else it waits in "
	    "the queue; this costs it no tries, but delay-notify and expire count. See posternctl(8), hosts "
	    "pause." },
	{ DELIVERY("never-to", KEY_NETS, never_to), BY_SERVICE, .addresses = true,
	    .standard = "loopback, unspecified, link-local, multicast",
	    .meaning =
	    "Addresses and networks to which no mail is sent because the DNS, or an address in brackets "
	    "behind the @, says so. Hosts that the configuration names are not meant. Words for networks: "
	    "loopback, unspecified, link-local, multicast, and private (10.0.0.0/8, 172.16.0.0/12, "
	    "192.168.0.0/16, fc00::/7). The path of a file stands for the entries in it. Mail for a domain "
	    "that has only such addresses is returned with 5.4.4." },
	{ DELIVERY("reverse-dns", KEY_BOOL, reverse_dns), .standard = "no",
	    .meaning =
	    "Whether the name of the client's address is looked up for the Received line. The line says RDNS "
	    "failed when no name leads back to the address. No client is refused for this." },
	{ DELIVERY("source-address", KEY_SOURCES, source_address), BY_SERVICE,
	    .meaning =
	    "The local addresses of outbound connections: at most one for IPv4 and one for IPv6." },

	{ LDAP("enable", KEY_BOOL, enable), .standard = "no",
	    .meaning =
	    "Whether local recipients are looked up in a directory. Unknown recipients are refused or "
	    "returned with 5.1.1. Forwarding addresses and groups are resolved. While the directory cannot "
	    "be asked, mail is accepted and waits." },
	{ LDAP("uri", KEY_STRINGS, uri), BY_SERVICE, .check = key_check_ldap_uri,
	    .meaning =
	    "Directory servers, tried in order: ldap://host:port, ldaps://host:port, ldapi://path with %2F "
	    "for each slash." },
	{ LDAP("start-tls", KEY_BOOL, start_tls), BY_SERVICE, .standard = "no",
	    .meaning =
	    "Whether connections to ldap addresses switch to TLS before anything else is sent. Certificates "
	    "are always checked." },
	{ LDAP("ca-file", KEY_PATH, ca_file), BY_SERVICE,
	    .derived = "the certificate authorities of the system",
	    .meaning =
	    "A file in PEM form with the certificate authorities that may issue the certificates of the "
	    "directory servers." },
	{ LDAP("timeout", KEY_TIME, timeout), .standard = "10s", .min = SECOND, .max = 300 * SECOND,
	    .meaning =
	    "How long a directory server may take to connect, and for each answer, before the next server is "
	    "tried." },
	{ LDAP("schema", KEY_ENUM, schema), .standard = "active-directory", .choice = ldap_schemas,
	    .meaning =
	    "The attributes of the directory: active-directory (also with Exchange 2000 and later), exchange "
	    "(5.5), site-server, rfc2307 or inetorgperson (the last two are the same)." },
	{ LDAP("bind", KEY_ENUM, bind), BY_SERVICE, .standard = "anonymous", .choice = ldap_binds,
	    .meaning =
	    "How the virtual server logs in at the directory: anonymous, simple (with a password) or "
	    "gssapi (Kerberos; the Kerberos servers come from krb5.conf(5))." },
	{ LDAP("user", KEY_TEXT, user), BY_SERVICE,
	    .meaning =
	    "The account. For a simple bind: a distinguished name, or user@domain with Active Directory. For "
	    "gssapi: a principal, for example postern@EXAMPLE.COM." },
	{ LDAP("secret-file", KEY_PATH, secret_file), BY_SERVICE,
	    .meaning =
	    "A file whose first line is the password of that account; for gssapi, a keytab with its key. "
	    "Only root needs to be able to read it (mode 0600). A file that everybody may read is "
	    "refused." },
	{ LDAP("base", KEY_TEXT, base), BY_SERVICE, .check = key_check_ldap_base,
	    .meaning =
	    "The place in the directory where a search begins: a distinguished name." },
	{ LDAP("filter", KEY_TEXT, filter), BY_SERVICE,
	    .derived = "the schema's", .check = key_check_ldap_filter,
	    .meaning =
	    "The search filter for an address. %s stands for the address, %u for its local part, %d for its "
	    "domain." },
	{ LDAP("mail-attribute", KEY_STRINGS, mail_attribute), BY_SERVICE, .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning =
	    "The attributes with the mail addresses of an entry. The attribute with the entry's own address "
	    "comes first." },
	{ LDAP("forward-attribute", KEY_STRINGS, forward_attribute), BY_SERVICE, .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning =
	    "The attributes with the addresses, or the entries, to which the mail of an entry is "
	    "forwarded." },
	{ LDAP("member-attribute", KEY_STRINGS, member_attribute), BY_SERVICE, .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning = "The attributes with the members of a group: entries or addresses." },
	{ LDAP("group-depth", KEY_NUMBER, group_depth), .standard = "10", .min = 1, .max = 100,
	    .meaning =
	    "How many levels of groups and forwarding addresses are followed. Mail for an address on a "
	    "deeper level is returned with 5.4.6." },
	{ LDAP("report-members", KEY_BOOL, report_members), .standard = "yes",
	    .meaning =
	    "Whether the sender gets a report about each member of a group that cannot get the mail: it is "
	    "in another server's directory, is not there any more, or has no mail address. The other members "
	    "get the mail in any case. With no, only the event names them." },
	{ LDAP("recipient-delimiter", KEY_TEXT, recipient_delimiter), .check = key_check_ldap_delimiter,
	    .meaning =
	    "Characters that begin a tag in the local part, for example +. With user+tag@domain not in the "
	    "directory, user@domain is looked up; the mail is delivered to the address with its tag." },
	{ LDAP("resolve-senders", KEY_BOOL, senders_own), .standard = "no",
	    .meaning =
	    "Whether a local envelope sender of mail to other hosts is looked up, too, and becomes the own "
	    "address of the entry that has it, for example when it is somebody's second address. A sender "
	    "that is not in the directory stays as it is. With yes, mail of local senders waits while the "
	    "directory cannot be asked." },
	{ LDAP("cache-found", KEY_TIME, cache_found), .standard = "60s", .min = SECOND, .max = DAY,
	    .meaning = "How long an entry that was found is remembered." },
	{ LDAP("cache-not-found", KEY_TIME, cache_missing), .standard = "10s", .min = SECOND, .max = DAY,
	    .meaning = "How long it is remembered that an address has no entry." },

	{ SECURITY("operators", KEY_STRINGS, operators), BY_SERVICE, .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may control this virtual server; account:NAME and "
	    "kerberos:NAME@REALM as in [service]." },
	{ SECURITY("viewers", KEY_STRINGS, viewers), BY_SERVICE, .check = key_check_operator,
	    .meaning =
	    "Accounts, and groups written as @group, that may look at this virtual server and change "
	    "nothing." },

	{ DOMAIN("type", KEY_ENUM, type), .choice = domain_types, .needed = true,
	    .derived = "none, it must be given",
	    .meaning =
	    "default: the local domain that completes bare addresses; exactly one domain is it. alias: "
	    "another local domain, with the same drop folder. remote: a domain of other hosts. sender: mail "
	    "from me@example.com, @example.com, @*.example.com or <> goes to hosts, or with an account, of "
	    "its own; see below. An alias or "
	    "remote domain may be written *.example.com: all names below example.com, but not example.com "
	    "itself." },
	{ DOMAIN("drop", KEY_PATH, drop), BY_SERVICE, .derived = "the virtual server's drop",
	    .meaning = "Default domain: the folder that receives its mail." },
	{ DOMAIN("drop-quota", KEY_SIZE, drop_quota),
	    UP_TO("operator-drop-quota"), .standard = "unlimited", .min = 1, .unlimited = true,
	    .meaning =
	    "Default domain: the largest size of the drop folder. Mail that does not fit waits, and clients "
	    "are answered 452 4.2.2." },
	{ DOMAIN("relay", KEY_BOOL, relay), .standard = "no",
	    .meaning = "Remote domain: whether mail for it is accepted from any client." },
	{ DOMAIN("helo", KEY_BOOL, helo), .standard = "no",
	    .meaning =
	    "Remote domain: say HELO instead of EHLO to its own hosts, found by route or by DNS, but not "
	    "to the virtual server's smart hosts." },
	{ DOMAIN("route", KEY_STRINGS, route), WITH_ACCOUNT, .standard = "dns", .check = key_check_smart_host,
	    .meaning = "Remote domain: dns, or the smart hosts of this domain, written as in smart-host." },
	{ DOMAIN("outbound-auth", KEY_ENUM, outbound_auth), BY_SERVICE,
	    .derived = "the virtual server's for its smart-host; anonymous with a route of its own",
	    .choice = outbound_auth,
	    .meaning =
	    "Remote domain: replaces the virtual server's outbound-auth, and then counts also for hosts "
	    "that the DNS names. With the same word as the virtual server's and no user here, the "
	    "virtual server's account is shown to the hosts of this domain; without it never." },
	{ DOMAIN("outbound-tls", KEY_ENUM, outbound_tls), WITH_ACCOUNT,
	    .derived = "the virtual server's", .choice = outbound_tls,
	    .meaning =
	    "Remote domain: replaces the virtual server's outbound-tls, also on the way by a smart host. "
	    "It may ask for more security or for less." },
	{ DOMAIN("mta-sts", KEY_BOOL, mta_sts), WITH_ACCOUNT, .derived = "the virtual server's",
	    .meaning = "Remote domain: replaces the virtual server's mta-sts." },
	{ DOMAIN("client-certificate", KEY_PATH, client_certificate), BY_SERVICE,
	    .derived = "the virtual server's where its smart-host is used, with its client-key",
	    .meaning =
	    "Remote domain: replaces the virtual server's client-certificate, and then counts also for "
	    "hosts that the DNS names." },
	{ DOMAIN("client-key", KEY_PATH, client_key), BY_SERVICE,
	    .derived = "the virtual server's where its client-certificate is",
	    .meaning = "Remote domain: the private key of its client-certificate." },
	{ DOMAIN("user", KEY_TEXT, user), BY_SERVICE,
	    .derived = "the virtual server's where outbound-auth is, with its secret-file",
	    .check = key_check_account, .meaning = "Remote domain: the account for outbound-auth." },
	{ DOMAIN("secret-file", KEY_PATH, secret_file), BY_SERVICE,
	    .derived = "the virtual server's where outbound-auth is, with its user",
	    .meaning = "Remote domain: the file with the password of its user, or the keytab." },
	{ DOMAIN("oauth", KEY_TEXT, oauth), BY_SERVICE, .check = key_check_word,
	    .meaning = "Remote domain: the profile for outbound-auth = oauth2." },
	{ DOMAIN("auth-mechanisms", KEY_FLAGS, mechanisms), WITH_ACCOUNT, .derived =
	    "the virtual server's",
	    .choice = mechanisms,
	    .meaning = "Remote domain: replaces the virtual server's auth-mechanisms." },
	{ DOMAIN("provider", KEY_ENUM, rules.provider), .standard = "none", .choice = providers,
	    .meaning =
	    "Remote domain: whose limits its mail keeps to, as in [host]. This and the next four keys go "
	    "before those of every [host] section, for the mail of this domain, whatever hosts it has." },
	{ DOMAIN("without", KEY_FLAGS, rules.without), WITH_ACCOUNT,
	    .derived = "as the [host] of its hosts says", .choice = extensions,
	    .meaning =
	    "Remote domain: extensions that are not used for its mail, as in [host]. nothing: all that its "
	    "hosts offer are, whatever their [host] says." },
	{ DOMAIN("connections", KEY_NUMBER, rules.connections), .derived = "as the [host] of its hosts says",
	    .min = 1, .max = 100000, .unlimited = true,
	    .meaning =
	    "Remote domain: the largest number of concurrent connections to one host for its mail, which "
	    "then counts apart from other mail at that host. connections-per-domain counts, too." },
	{ DOMAIN("rate", KEY_NUMBER, rules.rate),
	    UP_TO("operator-rate"), .derived = "as the [host] of its hosts says",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "Remote domain: the largest number of its messages a minute to one host, counted as for "
	    "connections." },
	{ DOMAIN("recipients", KEY_NUMBER, rules.recipients), .derived = "as the [host] of its hosts says",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "Remote domain: the largest number of recipients in one transaction with a host of it." },
	{ DOMAIN("port", KEY_NUMBER, port), WITH_ACCOUNT,
	    .derived = "the virtual server's", .min = 1, .max = 65535,
	    .meaning = "Remote domain: the port of its hosts." },
	{ DOMAIN("hold", KEY_BOOL, hold), .standard = "no",
	    .meaning =
	    "Remote domain: its mail stays in the queue and is not tried until its host asks for it with "
	    "ETRN, or fetches it with ATRN or TURN. The times of delay-notify and expire are the same as for "
	    "other mail. See postern(8)." },
	{ DOMAIN("atrn-accounts", KEY_STRINGS, atrn_accounts), .check = key_check_word,
	    .meaning =
	    "Remote domain with hold: the accounts that may fetch its mail with ATRN or TURN over their own "
	    "connection. An account is written as posternctl sessions shows the user of a session. With "
	    "outbound-tls = required or verify the connection needs TLS." },

	{ REMOTE("provider", KEY_ENUM, provider), .standard = "none", .choice = providers,
	    .meaning =
	    "Whose limits are kept to, where this section has no key of its own for them. microsoft: 3 "
	    "connections and 30 messages a minute, the limits of Microsoft 365 for a mailbox that sends by "
	    "SMTP. google: 10 connections and 100 recipients a message." },
	{ REMOTE("without", KEY_FLAGS, without), WITH_ACCOUNT,
	    .derived = "as a less exact section says, else nothing",
	    .choice = extensions,
	    .meaning =
	    "Extensions that are not used though the host offers them. A message that cannot go without one "
	    "of them (smtputf8, or binarymime with chunking) is returned; 8-bit content goes without its "
	    "parameter. starttls counts only where mail may go in clear, and never for an account or where "
	    "outbound-tls asks for TLS. nothing: all that it offers is used, whatever less exact sections "
	    "say." },
	{ REMOTE("auth-mechanisms", KEY_FLAGS, mechanisms), WITH_ACCOUNT,
	    .derived = "as a less exact section says, else all", .choice = mechanisms,
	    .meaning =
	    "The mechanisms that an account may use at the host, of those that auth-mechanisms of its "
	    "[domain] or of [delivery] allows. Names with a minus sign are left out." },
	{ REMOTE("connections", KEY_NUMBER, connections),
	    .derived = "as a less exact section says, else unlimited",
	    .min = 1, .max = 100000, .unlimited = true,
	    .meaning =
	    "The largest number of concurrent connections to the host, for all domains whose mail goes there "
	    "and all addresses that it has. Where the section is one of addresses, each address counts by "
	    "itself. Mail of different accounts counts apart." },
	{ REMOTE("rate", KEY_NUMBER, rate), UP_TO("operator-rate"),
	    .derived = "as a less exact section says, else unlimited",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "The largest number of messages a minute to the host, counted as for connections. They go in "
	    "even steps: with 30 one in two seconds. Mail that waits for its turn costs no attempts." },
	{ REMOTE("recipients", KEY_NUMBER, recipients),
	    .derived = "as a less exact section says, else unlimited",
	    .min = 1, .max = 1000000, .unlimited = true,
	    .meaning =
	    "The largest number of recipients of a message in one transaction with the host. The others "
	    "follow in further transactions." },

	{ FILTER("connect", KEY_TEXT, connect), .check = key_check_filter,
	    .meaning =
	    "Where the filter listens: inet:ADDRESS:PORT with a numeric address, an IPv6 one in brackets, or "
	    "unix:/PATH. The socket must be open to the user postern-filter. It must be given." },
	{ FILTER("for", KEY_FLAGS, sources), .standard = "smtp, pickup", .choice = filter_sources,
	    .meaning =
	    "Whose mail the filter sees. smtp: what clients send to listen and tls-listen. pickup: files "
	    "that programs put into the pickup folder, and what they give to sendmail(1)." },
	{ FILTER("on-failure", KEY_ENUM, on_failure), .standard = "tempfail", .choice = filter_failures,
	    .meaning =
	    "What happens to mail while the filter cannot be asked, gives no answer in time or a wrong one. "
	    "tempfail: it is put off (451), and a file of pickup waits. accept: it goes on as if this filter "
	    "were not there. disconnect: the client gets 421 and is disconnected. See postern-filter(8)." },
	{ FILTER("connect-time", KEY_TIME, connect_time), .standard = "10s", .min = SECOND,
	    .max = 300 * SECOND,
	    .meaning = "How long the connection to the filter, and its first answer, may take." },
	{ FILTER("command-time", KEY_TIME, command_time), .standard = "30s", .min = SECOND,
	    .max = 3600 * SECOND,
	    .meaning = "How long the filter may take for one answer, but the last one for a message." },
	{ FILTER("content-time", KEY_TIME, content_time), .standard = "5m", .min = SECOND,
	    .max = 3600 * SECOND,
	    .meaning =
	    "How long the filter may take from the end of the content to its verdict. When it says that it "
	    "is still at work, this time begins anew, and ends after an hour all the same." },

	{ OAUTH("provider", KEY_ENUM, provider), .standard = "custom", .choice = oauth_providers,
	    .meaning =
	    "The provider of the tokens. microsoft365 and google set token-url and scope, and allow only the "
	    "flows that the provider has." },
	{ OAUTH("tenant", KEY_TEXT, tenant), .check = key_check_tenant,
	    .meaning = "Microsoft 365: the id of the directory (tenant), or a domain of the tenant." },
	{ OAUTH("token-url", KEY_TEXT, token_url), .derived = "the provider's", .check = key_check_https,
	    .meaning = "The token endpoint, an https address. Redirects are not followed." },
	{ OAUTH("flow", KEY_ENUM, flow), .derived = "client-credentials; Google: refresh-token",
	    .choice = oauth_flows,
	    .meaning =
	    "How a token is requested. client-credentials: for an application with rights of its own. "
	    "refresh-token: on behalf of a user who has consented once." },
	{ OAUTH("client-id", KEY_TEXT, client_id), .check = key_check_word,
	    .meaning = "The id of the application (client id) that was registered with the provider." },
	{ OAUTH("secret-file", KEY_PATH, secret_file),
	    .meaning =
	    "A file with the client secret. A file that everybody may read is refused. The supervisor opens "
	    "the file. Only postern-fetch reads it, again for each token." },
	{ OAUTH("key-file", KEY_PATH, key_file),
	    .meaning =
	    "In place of secret-file: a file in PEM form with the private key with which the application "
	    "proves itself, by a signed assertion for each request (private_key_jwt, RFC 7523). A file that "
	    "everybody may read, and a key with a password, are refused. A changed file counts from the next "
	    "request on." },
	{ OAUTH("certificate-file", KEY_PATH, certificate_file),
	    .meaning =
	    "The certificate of that key, in PEM form, as it was registered with the provider: its "
	    "thumbprint (x5t#S256) is in the assertion. Microsoft 365 needs it." },
	{ OAUTH("key-id", KEY_TEXT, key_id), .check = key_check_line,
	    .meaning = "The name of the key (kid) in the assertion, for providers that want one." },
	{ OAUTH("audience", KEY_TEXT, audience), .derived = "the token-url", .check = key_check_line,
	    .meaning = "For whom the assertion is (aud)." },
	{ OAUTH("signature", KEY_ENUM, signature), .derived = "rs256; Microsoft 365: ps256; EC keys: es256",
	    .choice = oauth_signatures,
	    .meaning =
	    "How the assertion is signed. rs256 and ps256 need an RSA key, es256 an EC key (P-256)." },
	{ OAUTH("scope", KEY_TEXT, scope), .derived = "the provider's", .check = key_check_line,
	    .meaning = "The rights that the token is to have: one or more words with blanks between them." },
	{ OAUTH("refresh-token-file", KEY_PATH, refresh_token_file),
	    .meaning =
	    "A file with the refresh token. A file that everybody may read is refused. When the endpoint "
	    "gives a new refresh token, the new one is kept in the state folder and is used until this file "
	    "has another token." },
	{ OAUTH("ca-file", KEY_PATH, ca_file), .derived = "those of the system",
	    .meaning =
	    "A file in PEM form with the certificate authorities that may issue the certificate of the token "
	    "endpoint." },
	{ OAUTH("timeout", KEY_TIME, timeout), .standard = "30s", .min = SECOND, .max = 300 * SECOND,
	    .meaning = "How long the token endpoint may take for one answer." },
};

const size_t key_rows_count = nitems_of(key_rows);
