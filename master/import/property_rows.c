/*
 * property_rows - the properties of the SMTP service of IIS, one row each: what becomes of it, or why nothing
 * does; pure
 *
 * Runs in:  import
 * Owns:     nothing
 * Promise:  a property of the classes IIsSmtpService, IIsSmtpServer, IIsSmtpDomain, IIsSmtpRoutingSource and
 *           IIsSmtpInfo that is known has a row
 * Fails by: NULL
 */
#include "common/base/mem.h"
#include "master/import/import.h"

#define SERVER(of, number, how, to) .name = of, .id = number, .on = ON_SERVER, .convert = how, .key = to
#define IS(value) .installed = value
#define IS_OR(value, without) .installed = value, .schema = without
#define DOMAIN(of, number, how, to) .name = of, .id = number, .on = ON_DOMAIN, .convert = how, .key = to
#define BOTH(of, number, how, to) \
	.name = of, .id = number, .on = ON_SERVER | ON_DOMAIN, .convert = how, .key = to
#define LDAP(of, number, how, to) .name = of, .id = number, .on = ON_ROUTING, .convert = how, .key = to
#define LOST(of, number, reason) { .name = of, .id = number, .on = ON_SERVER, .why = reason }

static const char one_time[] = "one time counts in every state of a session: connection-timeout of [general]";
static const char reserved[] = "IIS itself makes no use of it";
static const char exchange[] = "it is for Exchange alone";
static const char odbc[] = "there is no log in a database; log-format = json is easy to load into one";
static const char inside[] = "it is about the inside of IIS";
static const char folders[] = "folders are below home: the spool folder and the name of the virtual server";

static const struct property table[] = {
	/* --- General --- */
	{ SERVER("ServerComment", 1015, convert_simple_text, "general.description") },
	{ SERVER("ServerBindings", 1023, convert_listen_plain, "general.listen"), IS(":25:") },
	{ SERVER("SecureBindings", 2021, convert_listen_secure, "general.tls-listen") },
	{ SERVER("MaxConnections", 1014, convert_simple_limit, "general.connection-limit"),
	    IS("2000000000") },
	{ SERVER("ConnectionTimeout", 1013, convert_simple_seconds, "general.connection-timeout"),
	    IS("600") },
	{ SERVER("ConnectResponse", 0, convert_simple_banner, "general.banner") },
	{ SERVER("ServerAutoStart", 1017, convert_listen_start, NULL) },
	{ SERVER("ServerState", 1016, convert_listen_start, NULL) },
	{ SERVER("LogType", 4000, convert_log_type, "general.log"), IS("0") },
	{ SERVER("LogFilePeriod", 0, convert_log_period, "general.log-roll"), IS("1") },
	{ SERVER("LogFileTruncateSize", 0, convert_log_size, "general.log-roll-size"), IS("20480000") },
	{ SERVER("LogFileDirectory", 0, convert_simple_folder, "general.log-directory"),
	    .why = "logs are below the folder logs of [service]" },
	{ SERVER("LogExtFileFlags", 4013, convert_log_fields, "general.log-fields") },
	{ SERVER("LogPluginClsid", 0, convert_log_format, "general.log-format") },
	LOST("LogFileLocaltimeRollover", 0, "log files begin anew in UTC"),
	LOST("LogOdbcDataSource", 0, odbc), LOST("LogOdbcTableName", 0, odbc),
	LOST("LogOdbcUserName", 0, odbc), LOST("LogOdbcPassword", 0, odbc),
	LOST("LogModuleList", 0, "it lists the forms of logs that IIS has"),
	/* --- Access --- */
	{ SERVER("AuthFlags", 6000, convert_access_auth, "access.authentication"), IS("1") },
	{ SERVER("AccessSSLFlags", 6030, convert_access_tls, "access.tls") },
	LOST("SSLCertHash", 5506, "a certificate is in the store of Windows: export it with its key, and "
	    "name the files with certificate and key of [access]"),
	LOST("SSLCertStoreName", 0, "certificates are files"),
	{ SERVER("SaslLogonDomain", 36940, convert_simple_word, "access.basic-domain") },
	{ SERVER("DefaultLogonDomain", 0, convert_simple_word, "access.basic-domain") },
	LOST("Realm", 6001, "it is for digest authentication, which there is not"),
	LOST("NTAuthenticationProviders", 0, "integrated authentication is Kerberos: there is no NTLM"),
	LOST("SmtpClearTextProvider", 0, inside),
	{ SERVER("IPSecurity", 6019, convert_access_connect, "access.connection-list") },
	{ BOTH("RelayIpList", 36970, convert_access_relay, "access.relay-list") },
	{ BOTH("RelayForAuth", 36973, convert_simple_bool, "access.relay-authenticated"),
	    IS("1") },
	{ SERVER("SmtpDisableRelay", 36974, convert_access_disable_relay, "access.relay") },
	{ SERVER("SmtpMailNoHelo", 36982, convert_access_hello, "access.helo-required"), IS("TRUE") },
	LOST("SmtpHeloNoDomain", 36981, "helo-required of [access] decides, from SmtpMailNoHelo"),
	LOST("SmtpDomainValidationFlags", 36992, "the name of a client is never refused for its form"),
	{ SERVER("SmtpInboundCommandSupportOptions", 36998, convert_access_verbs, "access.dsn"),
	    IS("7697601") },
	LOST("SmtpOutboundCommandSupportOptions", 36999,
	    "what the other host offers is used; a 7 here is a fault of later versions of Windows"),
	LOST("AllowVerify", 0, "VRFY is answered 252, and tells nothing"),
	LOST("SmtpIpRestrictionFlag", 37031, reserved),
	/* --- Messages --- */
	{ SERVER("MaxMessageSize", 36891, convert_simple_size, "messages.max-message-size"),
	    IS_OR("2097152", "33554432") },
	{ SERVER("MaxSessionSize", 36892, convert_simple_size, "messages.max-session-size"),
	    IS_OR("10485760", "268435456") },
	{ SERVER("MaxBatchedMessages", 36871, convert_simple_unlimited,
	    "messages.max-messages-per-connection"), IS_OR("20", "0") },
	{ SERVER("MaxRecipients", 36895, convert_simple_unlimited, "messages.max-recipients"), IS("100") },
	{ SERVER("SendNdrTo", 0, convert_simple_mailbox, "messages.ndr-copy-to") },
	{ SERVER("BadMailDirectory", 36909, convert_simple_folder, "messages.badmail"), .why = folders },
	{ SERVER("DropDirectory", 36882, convert_simple_folder, "general.drop"), .why = folders },
	{ SERVER("PickupDirectory", 36880, convert_simple_folder, "general.pickup"), .why = folders },
	{ SERVER("QueueDirectory", 36875, convert_simple_folder, "general.queue"), .why = folders },
	{ SERVER("SmtpDotStuffPickupDirFiles", 37030, convert_route_dots, "messages.pickup-dots") },
	{ SERVER("DisablePickupDotStuff", 0, convert_route_dots, "messages.pickup-dots") },
	LOST("SortTempDirectory", 36930, inside),
	LOST("MaxSmtpErrors", 36887,
	    "commands that bring no mail have a limit: idle-command-limit of [general]"),
	LOST("SendBadTo", 36923, "mail that cannot be returned is kept in badmail"),
	LOST("PostmasterEmail", 36917, reserved), LOST("PostmasterName", 0, reserved),
	LOST("ShouldPickupMail", 0, "pickup is always watched; it takes what the members of pickup-group put "
	    "there"), LOST("ShouldDeliver", 0, "mail for local domains always goes to drop"),
	LOST("AddNoHeaders", 37000, "a Received line is always added"),
	/* --- Delivery --- */
	{ SERVER("SmtpRemoteProgressiveRetry", 36996, convert_simple_retry, "delivery.retry"),
	    IS("15,30,60,240") },
	{ SERVER("SmtpRemoteDelayExpireMinutes", 37019, convert_simple_minutes, "delivery.delay-notify"),
	    IS_OR("720", "60") },
	{ SERVER("SmtpRemoteNDRExpireMinutes", 37020, convert_simple_minutes, "delivery.expire"),
	    IS("2880") },
	{ SERVER("SmtpLocalDelayExpireMinutes", 37017, convert_simple_minutes, "delivery.local-delay-notify"),
	    IS_OR("720", "60") },
	{ SERVER("SmtpLocalNDRExpireMinutes", 37018, convert_simple_minutes, "delivery.local-expire"),
	    IS("2880") },
	{ SERVER("MaxOutConnections", 36894, convert_simple_unlimited, "delivery.connections"),
	    IS_OR("1000", "0") },
	{ SERVER("MaxOutConnectionsPerDomain", 36925, convert_simple_unlimited,
	    "delivery.connections-per-domain"), IS_OR("100", "0") },
	{ SERVER("RemoteTimeout", 36921, convert_simple_seconds, "delivery.connection-timeout"), IS("600") },
	{ SERVER("RemoteSmtpPort", 36914, convert_simple_number, "delivery.port"), IS("25") },
	{ SERVER("HopCount", 36886, convert_simple_hops, "delivery.hop-limit"), IS_OR("15", "10") },
	{ SERVER("MasqueradeDomain", 36912, convert_route_masquerade, "delivery.masquerade") },
	{ SERVER("DoMasquerade", 36913, convert_simple_part, "delivery.masquerade"),
	    .why = "decides with MasqueradeDomain" },
	{ SERVER("FullyQualifiedDomainName", 0, convert_simple_host, "delivery.fqdn") },
	{ SERVER("DefaultDomain", 36908, convert_simple_part, "domain.type"),
	    .why = "it is the default domain" },
	{ SERVER("SmartHost", 36906, convert_route_smart_host, "delivery.smart-host") },
	{ SERVER("SmartHostType", 36905, convert_simple_part, "delivery.smart-host-after-direct"),
	    IS("0"), .why = "decides with SmartHost" },
	{ SERVER("EnableReverseDnsLookup", 0, convert_simple_bool, "delivery.reverse-dns"), IS("FALSE") },
	{ SERVER("AlwaysUseSsl", 0, convert_simple_part, "delivery.outbound-tls"),
	    .why = "decides with RouteAction" },
	{ SERVER("SmtpSSLRequireTrustedCA", 0, convert_simple_part, "delivery.outbound-tls"),
	    .why = "decides with RouteAction: TLS that is wanted becomes verify" },
	{ SERVER("SmtpSSLCertHostnameValidation", 0, convert_simple_part, "delivery.outbound-tls"),
	    .why = "decides with RouteAction: TLS that is wanted becomes verify" },
	LOST("RemoteSmtpSecurePort", 36929, "a host is named with its port: smart-host = name:465"),
	LOST("SmtpRemoteRetryThreshold", 36995, "a connection that fails at once is tried again by itself"),
	LOST("RemoteRetryAttempts", 0, reserved), LOST("RemoteRetryInterval", 36899, reserved),
	LOST("LocalRetryInterval", 36897, "local mail waits as other mail does: retry of [delivery]"),
	LOST("LocalRetryAttempts", 0, "local-expire of [delivery] ends the attempts"),
	LOST("NameResolutionType", 36885, "names are looked up in the DNS"),
	LOST("SmtpUseTcpDns", 0, "the DNS is asked by UDP, and by TCP where that does not do"),
	LOST("LimitRemoteConnections", 36926, "connections and connections-per-domain of [delivery] count"),
	LOST("SmtpConnectTimeout", 37001, one_time), LOST("SmtpMailFromTimeout", 37002, one_time),
	LOST("SmtpRcptToTimeout", 0, one_time), LOST("SmtpDataTimeout", 37004, one_time),
	LOST("SmtpBdatTimeout", 37005, one_time), LOST("SmtpAuthTimeout", 37006, one_time),
	LOST("SmtpSaslTimeout", 37007, one_time), LOST("SmtpTurnTimeout", 37009, one_time),
	LOST("SmtpRsetTimeout", 37010, one_time), LOST("SmtpHeloTimeout", 37012, one_time),
	LOST("SmtpDSNOptions", 0, "reports have one form"),
	LOST("SmtpDSNLanguageID", 0, "reports are in English"),
	/* --- Ways out, of the server and of domains --- */
	{ BOTH("RouteAction", 36946, convert_route_server, "delivery.outbound-tls"),
	    IS("0") },
	{ BOTH("RouteUserName", 36948, convert_simple_part, "delivery.user"),
	    .why = "is asked for with its password" },
	{ BOTH("RoutePassword", 0, convert_simple_part, "delivery.secret-file"),
	    .why = "is encrypted for the old machine: it is asked for" },
	{ BOTH("RouteActionString", 36947, convert_route_string, "domain.route"),
	    .why = "decides with RouteAction" },
	{ DOMAIN("AuthTurnList", 36966, convert_route_accounts, "domain.atrn-accounts") },
	LOST("CSideEtrnDomains", 36968, exchange), LOST("EtrnDays", 36918, exchange),
	LOST("EtrnSubdomains", 0, exchange), LOST("DomainRouting", 36920, reserved),
	LOST("RoutingDll", 0, reserved), LOST("RoutingSources", 0, reserved),
	/* --- Security --- */
	{ SERVER("AdminACL", 6027, convert_access_operators, "security.operators") },
	{ SERVER("AdminACLBin", 0, convert_access_operators, "security.operators") },
	/* --- LDAP --- */
	{ LDAP("SmtpDsUseCat", 36994, convert_directory_use, "ldap.enable"), IS("0") },
	{ LDAP("SmtpDsHost", 36955, convert_simple_part, "ldap.uri"), .why = "decides with SmtpDsUseCat" },
	{ LDAP("SmtpDsPort", 0, convert_simple_part, "ldap.uri"), .why = "is a part of the uri" },
	{ LDAP("SmtpDsNamingContext", 36956, convert_simple_part, "ldap.base"),
	    .why = "decides with SmtpDsUseCat" },
	{ LDAP("SmtpDsSchemaType", 0, convert_simple_part, "ldap.schema"),
	    .why = "decides with SmtpDsUseCat" },
	{ LDAP("SmtpDsBindType", 36953, convert_simple_part, "ldap.bind"),
	    .why = "decides with SmtpDsUseCat" },
	{ LDAP("SmtpDsAccount", 36957, convert_simple_part, "ldap.user"),
	    .why = "is asked for with its password" },
	{ LDAP("SmtpDsDomain", 36993, convert_simple_part, "ldap.user"), .why = "is a part of the user" },
	{ LDAP("SmtpDsPassword", 0, convert_simple_part, "ldap.secret-file"),
	    .why = "is encrypted for the old machine: it is asked for" },
	{ LDAP("SmtpDsFlags", 37024, NULL, NULL), .why = reserved },
	{ LDAP("SmtpRoutingTableType", 36950, NULL, NULL), .why = "LDAP is the only one" },
	{ LDAP("SmtpDsDataDirectory", 36951, NULL, NULL), .why = reserved },
	{ LDAP("SmtpDsDefaultMailRoot", 36952, NULL, NULL), .why = reserved },
	/* --- of no use elsewhere --- */
	LOST("SmtpServiceVersion", 36931, inside), LOST("SmtpFlushMailFile", 36866, reserved),
	LOST("SmtpMaxRemoteQThreads", 36964, inside), LOST("SmtpEventlogLevel", 0, inside),
	LOST("SmtpCommandLogMask", 0, inside), LOST("SmtpAqueueWait", 0, inside),
	LOST("SmtpAdvQueueDll", 0, inside), LOST("ShouldPipelineIn", 0, "pipelining is always on"),
	LOST("ShouldPipelineOut", 0, "pipelining is used where the host offers it"),
	LOST("MaxMailObjects", 36873, inside), LOST("MaxDirChangeIOSize", 0, inside),
	LOST("DisableSocketPooling", 0, inside),
	LOST("UpdatedDefaultDomain", 0, inside), LOST("UpdatedFQDN", 0, inside),
	LOST("KeyType", 1002, inside), LOST("ServerListenBacklog", 1024, inside),
	LOST("ServerListenTimeout", 0, inside), LOST("ServerSize", 0, inside),
	LOST("MaxEndpointConnections", 0, inside), LOST("Win32Error", 0, inside),
	LOST("ServerCommand", 0, inside), LOST("AppPoolId", 0, inside),
	LOST("AccessFlags", 0, inside), LOST("DontLog", 0, inside),
	LOST("MajorIIsVersionNumber", 0, inside), LOST("MinorIIsVersionNumber", 0, inside),
};
const struct property_table property_rows = { table, nitems_of(table) };
