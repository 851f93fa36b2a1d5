/*
 * key_rows - every configuration key: its section, kind, default, range, place and meaning
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  one row a key, ordered by owner (service, virtual server, domain, profile) and section; the rows
 *           of a section stand in a file of common/keys. A key of a feature that is not built yet is a row
 *           too, marked missing: it is known and refused, never ignored
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
#include "common/keys/key_rows_service.h"
#include "common/keys/key_rows_general.h"
#include "common/keys/key_rows_access.h"
#include "common/keys/key_rows_messages.h"
#include "common/keys/key_rows_delivery.h"
#include "common/keys/key_rows_ldap.h"
#include "common/keys/key_rows_security.h"
#include "common/keys/key_rows_domain.h"
#include "common/keys/key_rows_host.h"
#include "common/keys/key_rows_filter.h"
#include "common/keys/key_rows_oauth.h"
};

const size_t key_rows_count = nitems_of(key_rows);
