/*
 * key_rows - every configuration key: its section, kind, default, range, place and meaning
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  one row a key. Ordered by owner (service, virtual server, domain) and section. What belongs to
 *           features that are not built yet is a row too, marked missing: it is known and refused, never
 *           ignored
 * Fails by: cannot
 */
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/key.h"

#define KIB 1024ULL
#define SECOND 1000ULL
#define DAY (86400 * SECOND)
#define YEARS (9999 * DAY)	/* the longest time IIS takes */

#define KEY_IN(type, field) .offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define KEY(in, of, what, type, field) .section = in, .name = of, .kind = what, KEY_IN(type, field)
#define SERVICE(of, what, field) KEY(KEY_SERVICE, of, what, config_service, field)
#define GENERAL(of, what, field) KEY(KEY_GENERAL, of, what, config_server, field)
#define ACCESS(of, what, field) KEY(KEY_ACCESS, of, what, config_server, field)
#define MESSAGES(of, what, field) KEY(KEY_MESSAGES, of, what, config_server, field)
#define DELIVERY(of, what, field) KEY(KEY_DELIVERY, of, what, config_server, field)
#define LDAP(of, what, field) KEY(KEY_LDAP, of, what, config_server, ldap.field)
#define SECURITY(of, what, field) KEY(KEY_SECURITY, of, what, config_server, field)
#define DOMAIN(of, what, field) KEY(KEY_DOMAIN, of, what, config_domain, field)
#define OAUTH(of, what, field) KEY(KEY_OAUTH, of, what, config_oauth, field)

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
static const struct key_choice outbound_tls[] = {
	{ "off", CONFIG_OUT_TLS_OFF, false }, { "may", CONFIG_OUT_TLS_MAY, false },
	{ "required", CONFIG_OUT_TLS_REQUIRED, false },
	{ "verify", CONFIG_OUT_TLS_VERIFY, false }, { "dane", CONFIG_OUT_TLS_DANE, false }, { 0 },
};
static const struct key_choice after_direct[] = {
	{ "no", CONFIG_DIRECT_NO, false }, { "yes", CONFIG_DIRECT_YES, false },
	{ "on-failure", CONFIG_DIRECT_ON_FAILURE, false }, { 0 },
};
static const struct key_choice oauth_providers[] = {
	{ "custom", CONFIG_OAUTH_CUSTOM, false }, { "microsoft365", CONFIG_OAUTH_MICROSOFT, false },
	{ "google", CONFIG_OAUTH_GOOGLE, false }, { 0 },
};
static const struct key_choice oauth_flows[] = {
	{ "client-credentials", CONFIG_FLOW_CLIENT, false }, { "refresh-token", CONFIG_FLOW_REFRESH, false },
	{ 0 },
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
	{ "remote", CONFIG_DOMAIN_REMOTE, false }, { 0 },
};

const struct key key_rows[] = {
	{ SERVICE("hostname", KEY_HOST, hostname), .derived = "the host's full name",
	    .meaning =
	    "The fully qualified name of the host: the default for the fqdn of each virtual server." },
	{ SERVICE("user", KEY_TEXT, user), .standard = "postern", .check = key_check_word,
	    .meaning =
	    "The account under which all but the supervisor run. Ignored, with a note, when the service is "
	    "not started as root." },
	{ SERVICE("group", KEY_TEXT, group), .standard = "postern", .check = key_check_word,
	    .meaning = "The group of these processes." },
	{ SERVICE("spool", KEY_PATH, spool), .standard = POSTERN_LOCALSTATEDIR "/spool/postern",
	    .meaning = "The folder below which each virtual server has its home." },
	{ SERVICE("state", KEY_PATH, state), .standard = POSTERN_LOCALSTATEDIR "/lib/postern",
	    .meaning = "The folder that remembers which virtual servers are to run." },
	{ SERVICE("run", KEY_PATH, run), .standard = POSTERN_RUNDIR "/postern", .max = 90,
	    .meaning =
	    "The folder of the control socket and the process id. At most 90 characters, because socket "
	    "names are short." },
	{ SERVICE("logs", KEY_PATH, logs), .standard = POSTERN_LOCALSTATEDIR "/log/postern",
	    .meaning = "The folder of protocol logs." },
	{ SERVICE("operators", KEY_STRINGS, operators), .check = key_check_word,
	    .meaning =
	    "Accounts, and groups written as @group, that may control the service and every virtual server. "
	    "Root always may." },
	{ SERVICE("dns-server", KEY_STRINGS, dns_server), .derived = "the servers of /etc/resolv.conf",
	    .check = key_check_resolver,
	    .meaning = "Name servers to ask, each an address with an optional port." },
	{ SERVICE("dnssec", KEY_BOOL, dnssec), .standard = "no",
	    .meaning =
	    "Whether answers of the name servers are validated; a bogus answer is then a temporary "
	    "failure." },
	{ SERVICE("trust-anchor", KEY_PATH, trust_anchor), .derived = "the root keys of the system",
	    .meaning = "A file with the trust anchors for dnssec." },
	{ SERVICE("dns-insecure", KEY_STRINGS, dns_insecure), .check = key_check_host,
	    .meaning = "Domains whose answers are taken without validation although dnssec is on." },
	{ SERVICE("grace", KEY_TIME, grace), .standard = "30s", .min = SECOND, .max = DAY,
	    .meaning = "How long sessions and deliveries may take to finish when a virtual server stops." },
	{ SERVICE("syslog", KEY_BOOL, syslog), .standard = "yes",
	    .meaning =
	    "Whether events go to syslog (facility mail). In the foreground they always go to the standard "
	    "error output." },
	{ SERVICE("metrics", KEY_STRINGS, metrics), .check = key_check_metrics,
	    .meaning =
	    "Where the counters are served as Prometheus text, at /metrics over HTTP: paths of sockets, "
	    "which the group may use, and "
	    "loopback addresses with a port. Nothing else is taken: put a web server in front to show them "
	    "to other hosts." },

	{ GENERAL("id", KEY_NUMBER, id), .derived = "the next free number", .min = 1, .max = 1000000,
	    .own = true,
	    .meaning =
	    "The number N of the virtual server: it is SMTPSVCN in protocol logs, and signals name it by "
	    "this number." },
	{ GENERAL("description", KEY_TEXT, description), .standard = "Default SMTP Virtual Server",
	    .own = true, .meaning = "What status displays call it." },
	{ GENERAL("listen", KEY_LISTEN, listen), .standard = "*:25, [::]:25", .own = true,
	    .meaning =
	    "Addresses and ports that take mail. *:25 is every IPv4 address, [::]:25 every IPv6 address." },
	{ GENERAL("tls-listen", KEY_LISTEN_TLS, listen), .own = true,
	    .meaning = "Addresses and ports where a session starts with TLS at once, usually port 465." },
	{ GENERAL("home", KEY_PATH, home), .derived = "the spool folder and the server's name", .own = true,
	    .meaning = "The folder that holds pickup, queue, drop and badmail." },
	{ GENERAL("pickup", KEY_PATH, pickup), .derived = "home/pickup", .own = true,
	    .meaning = "The folder whose files are sent. On the same file system as queue." },
	{ GENERAL("queue", KEY_PATH, queue), .derived = "home/queue", .own = true,
	    .meaning = "The folder of messages on their way." },
	{ GENERAL("drop", KEY_PATH, drop), .derived = "home/drop", .own = true,
	    .meaning = "The folder that receives mail for local domains. On the same file system as queue." },
	{ GENERAL("connection-limit", KEY_NUMBER, connection_limit), .standard = "unlimited", .min = 1,
	    .max = 1000000, .unlimited = true,
	    .meaning = "Concurrent inbound connections. One more is answered 421 and closed." },
	{ GENERAL("connection-limit-per-client", KEY_NUMBER, connection_limit_per_client),
	    .standard = "unlimited", .min = 1,
	    .max = 1000000, .unlimited = true, .meaning =
	    "Concurrent inbound connections of one client's address, in all listener "
	    "processes together." },
	{ GENERAL("connection-timeout", KEY_TIME, connection_timeout), .standard = "10m", .min = SECOND,
	    .max = DAY,
	    .meaning =
	    "How long an inbound session may be idle before it is answered 421 4.4.2 and closed." },
	{ GENERAL("processes", KEY_NUMBER, processes), .standard = "1", .min = 1, .max = 64,
	    .meaning = "Listener processes that share the sockets." },
	{ GENERAL("log", KEY_BOOL, log), .standard = "yes",
	    .meaning = "Whether sessions, in both directions, are written to a protocol log." },
	{ GENERAL("log-format", KEY_ENUM, log_format), .standard = "w3c", .choice = log_formats,
	    .meaning = "W3C extended format with the fields of the original, or one JSON object a line." },
	{ GENERAL("log-fields", KEY_STRINGS, log_fields), .standard = "all", .check = key_check_log_field,
	    .meaning =
	    "Which fields a line of the protocol log has, by their W3C names: date, time, c-ip, cs-username "
	    "and so on. Their order is fixed." },
	{ GENERAL("log-roll", KEY_ENUM, log_roll), .standard = "daily", .choice = log_rolls,
	    .meaning =
	    "When a new log file begins, in UTC: exYYMMDD.log a day, exYYMMDDHH.log an hour, exYYMMWW.log a "
	    "week of the month, "
	    "exYYMM.log a month, extendN.log at log-roll-size. Files of format json end in .json." },
	{ GENERAL("log-roll-size", KEY_SIZE, log_roll_size), .standard = "20M", .min = 64 * KIB,
	    .meaning = "The size at which a new log file begins when log-roll is size." },
	{ GENERAL("log-directory", KEY_PATH, log_directory),
	    .derived = "the logs folder and the server's name",
	    .meaning = "The folder of this server's protocol log." },
	{ GENERAL("banner", KEY_TEXT, banner), .derived = "the product's name", .check = key_check_line,
	    .meaning = "The text of the greeting, after the server's fqdn." },

	{ ACCESS("authentication", KEY_FLAGS, authentication), .standard = "anonymous", .choice = auth_flags,
	    .meaning =
	    "How clients may identify themselves: any of anonymous, basic, integrated. Without anonymous a "
	    "client has to " "authenticate before MAIL." },
	{ ACCESS("password-file", KEY_PATH, password_file),
	    .meaning =
	    "The accounts for basic authentication (PLAIN, LOGIN, SCRAM-SHA-256), a line name:hash each; "
	    "posternctl passwd edits "
	    "it. It may belong to root alone (mode 0600); one that everybody may read is refused." },
	{ ACCESS("basic-requires-tls", KEY_BOOL, basic_requires_tls), .standard = "yes",
	    .meaning =
	    "Whether PLAIN and LOGIN are offered and taken only under TLS. SCRAM sends no password and is "
	    "always offered." },
	{ ACCESS("basic-domain", KEY_TEXT, basic_domain), .check = key_check_word,
	    .meaning =
	    "Put, with a backslash, before a user name that has neither backslash nor at sign. The password "
	    "file may name such an " "account with the domain or without." },
	{ ACCESS("keytab", KEY_PATH, keytab),
	    .meaning =
	    "The Kerberos keys for integrated authentication (GSSAPI with Kerberos and SPNEGO tokens). It "
	    "may belong to root alone." },
	{ ACCESS("service-principal", KEY_TEXT, service_principal), .derived = "smtp/ and the fqdn",
	    .check = key_check_word,
	    .meaning =
	    "The Kerberos name of this server, with or without @REALM; tickets for another name are "
	    "refused." },
	{ ACCESS("tls", KEY_ENUM, tls), .derived = "optional with a certificate, else off",
	    .choice = tls_modes,
	    .meaning =
	    "Inbound TLS: off, optional (STARTTLS is offered) or required (530 5.7.0 until STARTTLS). The "
	    "addresses of tls-listen " "have TLS in any case." },
	{ ACCESS("certificate", KEY_STRINGS, certificate), .check = key_check_path,
	    .meaning =
	    "Certificate files in PEM form, each with its chain behind it. The client is shown the one for "
	    "the name it asks for, else "
	    "the first. Renewed files are taken up by themselves; a pair that does not fit is refused with "
	    "an event, and the old one stays." },
	{ ACCESS("key", KEY_STRINGS, key), .check = key_check_path,
	    .meaning =
	    "The private keys of the certificates, in the same order, in PEM form and without a pass phrase. "
	    "Root alone needs to be " "able to read them." },
	{ ACCESS("tls-minimum", KEY_ENUM, tls_minimum), .standard = "1.2", .choice = tls_versions,
	    .meaning =
	    "The oldest TLS version taken: 1.2 or 1.3; for old devices 1.0 or 1.1, which need "
	    "connection-control = only with a list." },
	{ ACCESS("client-certificate", KEY_ENUM, ask_certificate), .standard = "no",
	    .choice = client_certificates,
	    .meaning =
	    "Whether clients are asked for a certificate under TLS. Any is taken, also none, and it gives no "
	    "right: its SHA-256 "
	    "fingerprint stands in the list of sessions and in the event of an accepted message." },
	{ ACCESS("connection-control", KEY_ENUM, connection_control), .standard = "all-except",
	    .choice = list_modes,
	    .meaning =
	    "Who may connect: only the clients of connection-list, or all except them. Others get 554 5.7.1 "
	    "and the end of the " "connection." },
	{ ACCESS("connection-list", KEY_NETS, connection_list),
	    .meaning =
	    "Addresses, networks and domain names: 192.0.2.1, 192.0.2.0/24, 192.0.2.0/255.255.255.0, "
	    "2001:db8::/32, example.com "
	    "(itself and all below). For a domain name the client's address is looked up, and the name found "
	    "has to lead back to it. While "
	    "the DNS fails, all-except lets such clients in and only answers 421 4.4.3." },
	{ ACCESS("relay", KEY_ENUM, relay), .standard = "only", .choice = list_modes,
	    .meaning =
	    "Who may send to domains that are not local: only the clients of relay-list, or all except "
	    "them." },
	{ ACCESS("relay-list", KEY_NETS, relay_list),
	    .meaning =
	    "Addresses, networks and domain names, as in connection-list. While the DNS fails, a client "
	    "whose name would decide " "is answered 451 4.4.3." },
	{ ACCESS("relay-authenticated", KEY_BOOL, relay_authenticated), .standard = "yes",
	    .meaning = "Whether an authenticated client may relay whatever the list says." },
	{ ACCESS("open-relay", KEY_ENUM, open_relay), .standard = "no", .choice = open_relay,
	    .meaning = "A list that lets everybody relay is an error unless this key says i-know." },
	{ ACCESS("proxy", KEY_BOOL, proxy), .standard = "no",
	    .meaning =
	    "Whether connections from proxy-trusted begin with a PROXY protocol header, version 1 or 2, "
	    "which says who the client "
	    "is. From there it has to come, before any TLS; all other clients are served as themselves." },
	{ ACCESS("proxy-trusted", KEY_NETS, proxy_trusted), .addresses = true,
	    .meaning = "The load balancers whose PROXY headers are believed: addresses and networks." },

	{ MESSAGES("max-message-size", KEY_SIZE, max_message_size), .standard = "25M", .min = 1,
	    .unlimited = true,
	    .meaning =
	    "The largest message, by SMTP and by pickup. Announced by SIZE and refused with 552 5.3.4." },
	{ MESSAGES("max-session-size", KEY_SIZE, max_session_size), .standard = "100M", .min = 1,
	    .unlimited = true, .meaning = "The sum of all messages taken in one connection." },
	{ MESSAGES("max-messages-per-connection", KEY_NUMBER, max_messages_per_connection), .standard = "20",
	    .min = 1, .max = 2000000000,
	    .unlimited = true, .meaning = "Outbound: after that many messages a new connection is made." },
	{ MESSAGES("max-recipients", KEY_NUMBER, max_recipients), .standard = "100", .min = 1, .max = 1000000,
	    .unlimited = true,
	    .meaning =
	    "Recipients of one inbound message. Each further one is answered 452 4.5.3 and the message goes "
	    "on without it." },
	{ MESSAGES("ndr-copy-to", KEY_TEXT, ndr_copy_to), .check = key_check_mailbox,
	    .meaning = "A mail address that gets a copy of each non-delivery report." },
	{ MESSAGES("badmail", KEY_PATH, badmail), .derived = "home/badmail", .own = true,
	    .meaning =
	    "The folder of what could be neither delivered nor returned. On the same file system as queue." },
	{ MESSAGES("badmail-keep", KEY_TIME, badmail_keep), .standard = "30d", .min = SECOND, .max = YEARS,
	    .unlimited = true, .meaning = "How long files stay in badmail." },
	{ MESSAGES("badmail-limit", KEY_SIZE, badmail_limit), .standard = "1G", .min = 1, .unlimited = true,
	    .meaning = "The size of badmail; beyond it the oldest files are removed." },
	{ MESSAGES("pickup-dots", KEY_ENUM, pickup_dots), .standard = "auto", .choice = dots,
	    .meaning =
	    "Whether programs that write to pickup double a leading dot: stuffed (IIS, .NET Framework), "
	    "plain (.NET 5 and later), " "or auto, which looks at each file." },

	{ DELIVERY("retry", KEY_TIMES, retry), .standard = "15m 30m 1h 4h", .min = SECOND, .max = 30 * DAY,
	    .meaning =
	    "Waiting times after the first, second and third failed attempt, and after each later one. A "
	    "time that a peer "
	    "names (\"try again in 300 seconds\") is kept, up to the longest of these; one sooner than these "
	    "three times." },
	{ DELIVERY("delay-notify", KEY_TIME, delay_notify), .standard = "12h", .min = SECOND, .max = YEARS,
	    .unlimited = true,
	    .meaning = "The age at which the sender of outbound mail is told once that it is late." },
	{ DELIVERY("expire", KEY_TIME, expire), .standard = "2d", .min = SECOND, .max = YEARS,
	    .meaning = "The age at which outbound mail is returned." },
	{ DELIVERY("local-delay-notify", KEY_TIME, local_delay_notify), .standard = "12h", .min = SECOND,
	    .max = YEARS, .unlimited = true,
	    .meaning = "The same as delay-notify for mail to local domains." },
	{ DELIVERY("local-expire", KEY_TIME, local_expire), .standard = "2d", .min = SECOND, .max = YEARS,
	    .meaning = "The same as expire for mail to local domains." },
	{ DELIVERY("outbound-auth", KEY_ENUM, outbound_auth), .standard = "anonymous",
	    .choice = outbound_auth,
	    .meaning =
	    "How the server identifies itself to its smart hosts and to the route of a domain, never to "
	    "hosts that only the DNS "
	    "names: anonymous, basic (SCRAM-SHA-256, PLAIN, LOGIN, the first that the host offers), "
	    "integrated (GSSAPI with Kerberos) or oauth2. "
	    "Without TLS, PLAIN and LOGIN are used only with this host itself, or where outbound-tls is off; "
	    "with it they show the password to whoever "
	    "answers, unless outbound-tls is verify, or dane and the host has TLSA records. A host that does "
	    "not want the account gets no mail; the " "mail waits." },
	{ DELIVERY("user", KEY_TEXT, outbound_user), .check = key_check_account,
	    .meaning = "The account for outbound-auth; for integrated a Kerberos principal." },
	{ DELIVERY("secret-file", KEY_PATH, outbound_secret_file),
	    .meaning =
	    "A file with the password of that account on one line; for integrated its keytab. It may belong "
	    "to root alone (mode 0600); "
	    "one that everybody may read is refused. A changed file counts from the next connection on." },
	{ DELIVERY("oauth", KEY_TEXT, outbound_oauth), .check = key_check_word,
	    .meaning =
	    "The profile, an [oauth NAME] section of postern.ini, whose tokens outbound-auth = oauth2 "
	    "shows." },
	{ DELIVERY("outbound-tls", KEY_ENUM, outbound_tls), .standard = "may", .choice = outbound_tls,
	    .meaning =
	    "TLS to remote hosts. off: never. may: where it is offered; when it fails, in clear over a new "
	    "connection. required: "
	    "nothing is sent without, but any certificate will do. verify: the certificate is for the host "
	    "and from one of the authorities. "
	    "dane: by the TLSA records of the host where DNSSEC vouches for them, and nothing is sent when "
	    "they do not fit; else as may. Hosts at " "port 465 have TLS at once." },
	{ DELIVERY("authorities", KEY_PATH, authorities), .standard = "/etc/ssl/certs/ca-certificates.crt",
	    .meaning =
	    "A file with the certificates, in PEM form, of the authorities that outbound-tls = verify "
	    "believes." },
	{ DELIVERY("connections", KEY_NUMBER, connections), .standard = "1000", .min = 1, .max = 100000,
	    .unlimited = true, .meaning = "Concurrent outbound connections." },
	{ DELIVERY("connections-per-domain", KEY_NUMBER, connections_per_domain), .standard = "100", .min = 1,
	    .max = 100000, .unlimited = true, .meaning = "Concurrent outbound connections for one domain." },
	{ DELIVERY("connection-timeout", KEY_TIME, outbound_timeout), .standard = "10m", .min = SECOND,
	    .max = DAY, .meaning = "How long a remote host may be silent." },
	{ DELIVERY("port", KEY_NUMBER, port), .standard = "25", .min = 1, .max = 65535,
	    .meaning = "The port of remote hosts that are given without one." },
	{ DELIVERY("hop-limit", KEY_NUMBER, hop_limit), .standard = "15", .min = 1, .max = 1000,
	    .meaning =
	    "Received lines a message may have. One with more is returned with 5.4.6, for it runs in a "
	    "circle." },
	{ DELIVERY("masquerade", KEY_HOST, masquerade),
	    .meaning =
	    "A domain that replaces a local one in the envelope sender of outgoing mail, and in the From of "
	    "reports." },
	{ DELIVERY("fqdn", KEY_HOST, fqdn), .derived = "the service's hostname",
	    .meaning = "The name of this server in the greeting, EHLO, Received and Message-ID." },
	{ DELIVERY("smart-host", KEY_STRINGS, smart_host), .check = key_check_smart_host,
	    .meaning =
	    "Hosts that get all remote mail, tried in order: name or [address], each with an optional :port. "
	    "Empty: mail goes to " "the MX hosts of its domain." },
	{ DELIVERY("smart-host-after-direct", KEY_ENUM, smart_host_after_direct), .standard = "no",
	    .choice = after_direct,
	    .meaning =
	    "Direct delivery first: the smart host is used when the domain cannot be found (yes) or not be "
	    "reached (on-failure)." },
	{ DELIVERY("reverse-dns", KEY_BOOL, reverse_dns), .standard = "no",
	    .meaning =
	    "Whether the name of the client's address is looked up for the Received line, which says RDNS "
	    "failed when there is " "none that leads back to the address. It never refuses a client." },
	{ DELIVERY("source-address", KEY_SOURCES, source_address),
	    .meaning = "The local address of outbound connections, at most one a family." },

	{ LDAP("enable", KEY_BOOL, enable), .standard = "no",
	    .meaning =
	    "Whether local recipients are looked up in a directory: unknown ones are refused or returned "
	    "with 5.1.1, forwarding addresses "
	    "and groups are resolved. While the directory cannot be asked, mail is accepted and waits." },
	{ LDAP("uri", KEY_STRINGS, uri), .check = key_check_ldap_uri,
	    .meaning =
	    "Directory servers, tried in order: ldap://host:port, ldaps://host:port, ldapi://path with %2F "
	    "for each slash." },
	{ LDAP("start-tls", KEY_BOOL, start_tls), .standard = "no",
	    .meaning =
	    "Whether connections to ldap addresses go over to TLS before anything is said. Certificates are "
	    "always checked." },
	{ LDAP("ca-file", KEY_PATH, ca_file), .derived = "the certificate authorities of the system",
	    .meaning =
	    "A file with the certificates, in PEM form, that those of the directory servers have to descend "
	    "from." },
	{ LDAP("timeout", KEY_TIME, timeout), .standard = "10s", .min = SECOND, .max = 300 * SECOND,
	    .meaning =
	    "How long a directory server may take to connect, and for each answer, before the next one is "
	    "tried." },
	{ LDAP("schema", KEY_ENUM, schema), .standard = "active-directory", .choice = ldap_schemas,
	    .meaning =
	    "The attributes to expect: active-directory (also with Exchange 2000 and later), exchange (5.5), "
	    "site-server, rfc2307 or " "inetorgperson, which are the same." },
	{ LDAP("bind", KEY_ENUM, bind), .standard = "anonymous", .choice = ldap_binds,
	    .meaning =
	    "How the server identifies itself to the directory: anonymous, simple (with a password) or "
	    "gssapi (Kerberos; the Kerberos " "servers come from krb5.conf(5))." },
	{ LDAP("user", KEY_TEXT, user),
	    .meaning =
	    "The account. For a simple bind: a distinguished name; for Active Directory also user@domain. "
	    "For gssapi: a principal, " "like postern@EXAMPLE.COM." },
	{ LDAP("secret-file", KEY_PATH, secret_file),
	    .meaning =
	    "A file whose first line is the password of that account; for gssapi a keytab with its key. It "
	    "may belong to root " "alone (mode 0600); one that everybody may read is refused." },
	{ LDAP("base", KEY_TEXT, base), .meaning =
	    "Where in the directory to search: a distinguished name." },
	{ LDAP("filter", KEY_TEXT, filter), .derived = "the schema's", .check = key_check_ldap_filter,
	    .meaning =
	    "The search for an address, which stands at %s, its local part at %u, its domain at %d." },
	{ LDAP("mail-attribute", KEY_STRINGS, mail_attribute), .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning =
	    "The attributes with the mail addresses of an entry, that with its own address first." },
	{ LDAP("forward-attribute", KEY_STRINGS, forward_attribute), .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning = "The attributes with the addresses, or entries, its mail goes on to." },
	{ LDAP("member-attribute", KEY_STRINGS, member_attribute), .derived = "the schema's",
	    .check = key_check_ldap_attribute,
	    .meaning = "The attributes with the members of a group: entries or addresses." },
	{ LDAP("group-depth", KEY_NUMBER, group_depth), .standard = "10", .min = 1, .max = 100,
	    .meaning =
	    "How deep groups and forwarding addresses in one another are followed. Mail for one that is "
	    "deeper is returned with 5.4.6." },
	{ LDAP("cache-found", KEY_TIME, cache_found), .standard = "60s", .min = SECOND, .max = DAY,
	    .meaning = "How long a found entry is remembered." },
	{ LDAP("cache-not-found", KEY_TIME, cache_missing), .standard = "10s", .min = SECOND, .max = DAY,
	    .meaning = "How long it is remembered that there is none." },

	{ SECURITY("operators", KEY_STRINGS, operators), .check = key_check_word,
	    .meaning = "Accounts, and groups written as @group, that may control this virtual server." },

	{ DOMAIN("type", KEY_ENUM, type), .choice = domain_types, .derived = "none, it must be given",
	    .meaning =
	    "default (exactly one: it completes bare addresses), alias (local too, same drop folder) or "
	    "remote. Alias and remote "
	    "domains may be called *.example.com: all below example.com, not itself." },
	{ DOMAIN("drop", KEY_PATH, drop), .derived = "the server's drop",
	    .meaning = "Default domain: the folder that receives its mail." },
	{ DOMAIN("drop-quota", KEY_SIZE, drop_quota), .standard = "unlimited", .min = 1, .unlimited = true,
	    .meaning =
	    "Default domain: the size of the drop folder beyond which delivery waits (452 4.2.2)." },
	{ DOMAIN("relay", KEY_BOOL, relay), .standard = "no",
	    .meaning = "Remote domain: whether mail for it is taken from anyone." },
	{ DOMAIN("helo", KEY_BOOL, helo), .standard = "no",
	    .meaning =
	    "Remote domain: say HELO instead of EHLO to its own hosts, by route or by DNS; not to the "
	    "server's smart hosts." },
	{ DOMAIN("route", KEY_STRINGS, route), .standard = "dns", .check = key_check_smart_host,
	    .meaning = "Remote domain: dns, or smart hosts of its own, written as smart-host is." },
	{ DOMAIN("outbound-auth", KEY_ENUM, outbound_auth), .derived = "the server's",
	    .choice = outbound_auth,
	    .meaning = "Remote domain: overrides the server's; then also for hosts that the DNS names." },
	{ DOMAIN("outbound-tls", KEY_ENUM, outbound_tls), .derived = "the server's", .choice = outbound_tls,
	    .meaning =
	    "Remote domain: overrides the server's, towards more security as towards less, also on the way "
	    "by a smart host." },
	{ DOMAIN("user", KEY_TEXT, user), .derived = "the server's, with its secret-file",
	    .check = key_check_account, .meaning = "Remote domain: the account for outbound-auth." },
	{ DOMAIN("secret-file", KEY_PATH, secret_file), .derived = "the server's, with its user",
	    .meaning = "Remote domain: the file with its password, or its keytab." },
	{ DOMAIN("oauth", KEY_TEXT, oauth), .check = key_check_word,
	    .meaning = "Remote domain: the profile for outbound-auth = oauth2." },
	{ DOMAIN("port", KEY_NUMBER, port), .derived = "the server's", .min = 1, .max = 65535,
	    .meaning = "Remote domain: the port of its hosts." },
	{ DOMAIN("hold", KEY_BOOL, hold), .standard = "no",
	    .meaning =
	    "Remote domain: its mail stays in the queue and is not tried until its host asks for it with "
	    "ETRN, or fetches it with ATRN or "
	    "TURN. The times of delay-notify and expire are the same as for other mail." },
	{ DOMAIN("atrn-accounts", KEY_STRINGS, atrn_accounts), .check = key_check_word,
	    .meaning =
	    "Remote domain with hold: accounts that may fetch its mail with ATRN or TURN, down their own "
	    "connection. They are written as "
	    "the client's login is shown by posternctl sessions. With outbound-tls = required or verify only "
	    "under TLS." },

	{ OAUTH("provider", KEY_ENUM, provider), .standard = "custom", .choice = oauth_providers,
	    .meaning =
	    "Whose tokens they are: microsoft365 and google fill in token-url and scope, and know which "
	    "flows there are." },
	{ OAUTH("tenant", KEY_TEXT, tenant), .check = key_check_tenant,
	    .meaning = "Microsoft 365: the directory (tenant) id or a domain of the tenant." },
	{ OAUTH("token-url", KEY_TEXT, token_url), .derived = "the provider's", .check = key_check_https,
	    .meaning = "The token endpoint, an https address. Redirects are not followed." },
	{ OAUTH("flow", KEY_ENUM, flow), .derived = "client-credentials; Google: refresh-token",
	    .choice = oauth_flows,
	    .meaning =
	    "How a token is got: client-credentials, as an application of its own right, or refresh-token, "
	    "on behalf of the user " "who once consented." },
	{ OAUTH("client-id", KEY_TEXT, client_id), .check = key_check_word,
	    .meaning = "The application (client) id that was registered with the provider." },
	{ OAUTH("secret-file", KEY_PATH, secret_file),
	    .meaning =
	    "A file with the client secret, not readable by everybody. The master opens it; only "
	    "postern-fetch reads it, anew for " "each token." },
	{ OAUTH("scope", KEY_TEXT, scope), .derived = "the provider's", .check = key_check_line,
	    .meaning = "What the token is to allow, several words with blanks between them." },
	{ OAUTH("refresh-token-file", KEY_PATH, refresh_token_file),
	    .meaning =
	    "A file with the refresh token, not readable by everybody. When the endpoint gives a new one it "
	    "is kept in the state " "folder, and that one is used until this file has another token." },
	{ OAUTH("ca-file", KEY_PATH, ca_file), .derived = "those of the system",
	    .meaning =
	    "A file with the certificate authorities, in PEM, that the token endpoint's certificate must "
	    "come from." },
	{ OAUTH("timeout", KEY_TIME, timeout), .standard = "30s", .min = SECOND, .max = 300 * SECOND,
	    .meaning = "How long the token endpoint may take for one answer." },
};

const size_t key_rows_count = nitems_of(key_rows);
