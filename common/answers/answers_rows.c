/*
 * answers_rows - what the answers to the commands consist of: command x columns; pure
 *
 * Runs in:  posternctl, web
 * Owns:     the tables
 * Promise:  JSON, tables of a terminal and plain columns have their columns from here
 * Fails by: NULL
 */
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/mem.h"

#define CUT .shrink = ANSWERS_SHRINK_CUT
#define WRAP .shrink = ANSWERS_SHRINK_WRAP

static const struct answers_column server_columns[] = {
	{ "name", "SERVER", ANSWERS_TEXT, .at = 0 }, { "state", "STATE", ANSWERS_TEXT, .at = 1 },
	{ "number", NULL, .type = ANSWERS_NUMBER }, { "id", "ID", .type = ANSWERS_NUMBER, .weight = 3 },
	{ "description", "DESCRIPTION", .type = ANSWERS_TEXT, .weight = 4, CUT },
	{ "listen", "LISTEN", .type = ANSWERS_COMMAS, .weight = 2, WRAP },
	{ "sessions", "SESSIONS", .type = ANSWERS_NUMBER },
	{ "queue", "QUEUE", .type = ANSWERS_NUMBER, .empty = "-" },
	{ "listener", NULL, .type = ANSWERS_PIDS }, { "pickup", NULL, .type = ANSWERS_PIDS },
	{ "deliver", NULL, .type = ANSWERS_PIDS }, { "maintenance", NULL, .type = ANSWERS_PIDS },
	{ "leaving", NULL, .type = ANSWERS_PIDS }, { "right", NULL, .type = ANSWERS_WORD },
	{ "commit", NULL, .type = ANSWERS_WORD }, { "disk", NULL, .type = ANSWERS_WORD },
	{ "reason", "REASON", .type = ANSWERS_WORD, .weight = 1, WRAP },
};

static const struct answers_column service_columns[] = {
	{ "name", NULL, ANSWERS_TEXT, .at = 0 }, { "state", NULL, ANSWERS_TEXT, .at = 1 },
	{ "pid", NULL, .type = ANSWERS_NUMBER }, { "right", NULL, .type = ANSWERS_WORD },
	{ "resolver", NULL, .type = ANSWERS_NUMBER },
	{ "auth", NULL, .type = ANSWERS_NUMBER }, { "filter", NULL, .type = ANSWERS_NUMBER },
	{ "directory", NULL, .type = ANSWERS_NUMBER }, { "fetch", NULL, .type = ANSWERS_NUMBER },
	{ "limits", NULL, .type = ANSWERS_NUMBER }, { "metrics", NULL, .type = ANSWERS_NUMBER },
	{ "web", NULL, .type = ANSWERS_NUMBER }, { "reason", NULL, .type = ANSWERS_WORD },
};

static const struct answers_column health_columns[] = {
	{ "name", "SERVER", ANSWERS_TEXT, .at = 0 }, { "state", "STATE", ANSWERS_TEXT, .at = 1 },
	{ "health", "HEALTH", ANSWERS_LOWER, .at = 2 }, { "reason", "REASON", ANSWERS_WORD, .at = 3 },
	{ "sessions", "SESSIONS", ANSWERS_NUMBER, .at = 4 }, { "queue", "QUEUE", ANSWERS_NUMBER, .at = 5 },
};

static const struct answers_column node_columns[] = {
	{ "node", "NODE", ANSWERS_TEXT, .at = 0, CUT },
	{ "name", "SERVER", ANSWERS_WORD, .at = 2, .empty = "-", CUT },
	{ "state", "STATE", ANSWERS_WORD, .at = 3, .empty = "-", CUT },
	{ "health", "HEALTH", ANSWERS_LOWER, .at = 4 },
	{ "sessions", "SESSIONS", ANSWERS_NUMBER, .at = 5, .empty = "-", .weight = 3 },
	{ "queue", "QUEUE", ANSWERS_NUMBER, .at = 6, .empty = "-" },
	{ "asked", "AGE", ANSWERS_TIME, .at = 1, .age = true, .weight = 2 },
	{ "reason", "REASON", ANSWERS_WORD, .at = 7, .empty = "", .weight = 1, WRAP },
};

/* Cells: id, server, client, since, idle, state, messages, tls, certificate, user or helo, name. */
static const struct answers_column session_columns[] = {
	{ "id", "ID", ANSWERS_TEXT, .at = 0 }, { "server", "SERVER", ANSWERS_TEXT, .at = 1, .weight = 2 },
	{ "client", "CLIENT", ANSWERS_TEXT, .at = 2 },
	{ "user", "USER", ANSWERS_TEXT, .at = 10, .only = "user", .weight = 1, CUT },
	{ "helo", "HELO", ANSWERS_TEXT, .at = 10, .only = "helo", .weight = 5, CUT },
	{ "since", "SINCE", ANSWERS_TIME, .at = 3, .weight = 6 },
	{ "state", "STATE", ANSWERS_TEXT, .at = 5 },
	{ "tls", "TLS", ANSWERS_WORD, .at = 7, .weight = 4 },
	{ "certificate", "CERTIFICATE", ANSWERS_WORD, .at = 8, .weight = 7, CUT },
	{ "idle", "IDLE", ANSWERS_MILLISECONDS, .at = 4 },
	{ "messages", "MESSAGES", ANSWERS_NUMBER, .at = 6, .weight = 3 },
};

static const struct answers_column queue_columns[] = {
	{ "id", "ID", ANSWERS_TEXT, .at = 0, .width = -16 },
	{ "state", "STATE", ANSWERS_TEXT, .at = 1, .width = -7 },
	{ "arrived", "AGE", ANSWERS_TIME, .at = 2, .width = 5, .age = true },
	{ "due", NULL, ANSWERS_TIME, .at = 3 },
	{ "size", "SIZE", ANSWERS_NUMBER, .at = 4, .width = 9, .weight = 4 },
	{ "sender", "SENDER", ANSWERS_TEXT, .at = 5, .width = -30, .empty = "<>", .weight = 3, CUT },
	{ "pending", "TODO", ANSWERS_NUMBER, .at = 6, .width = 5, .weight = 5 },
	{ "recipients", NULL, ANSWERS_NUMBER, .at = 7 },
	{ "to", "RECIPIENTS", ANSWERS_BLANKS, .at = 8, .width = -30, .weight = 1, CUT },
	{ "reason", "REASON", ANSWERS_TEXT, .at = 9, .width = -1, .weight = 2, CUT },
	{ "server", "SERVER", .type = ANSWERS_SERVER, .weight = 6 },
};

static const struct answers_column badmail_columns[] = {
	{ "id", "ID", ANSWERS_TEXT, .at = 0, .width = -18 },
	{ "since", "AGE", ANSWERS_TIME, .at = 1, .width = 5, .age = true },
	{ "size", "SIZE", ANSWERS_NUMBER, .at = 2, .width = 9, .weight = 5 },
	{ "sender", "SENDER", ANSWERS_TEXT, .at = 3, .width = -30, .empty = "<>", .weight = 3, CUT },
	{ "recipients", NULL, ANSWERS_NUMBER, .at = 4 },
	{ "to", "RECIPIENTS", ANSWERS_BLANKS, .at = 5, .width = -30, .weight = 2, CUT },
	{ "reason", "REASON", ANSWERS_TEXT, .at = 6, .width = -1, .weight = 1, CUT },
	{ "details", "", ANSWERS_TEXT, .at = 7, .width = -1, .weight = 4, CUT },
	{ "server", "SERVER", .type = ANSWERS_SERVER, .weight = 6 },
};

static const struct answers_column drop_columns[] = {
	{ "id", "ID", ANSWERS_TEXT, .at = 0, .width = -18 },
	{ "since", "AGE", ANSWERS_TIME, .at = 1, .width = 5, .age = true },
	{ "size", "SIZE", ANSWERS_NUMBER, .at = 2, .width = 9, .weight = 2 },
	{ "sender", "SENDER", ANSWERS_TEXT, .at = 3, .width = -30, .empty = "<>", .weight = 3, CUT },
	{ "recipients", NULL, ANSWERS_NUMBER, .at = 4 },
	{ "to", "RECIPIENTS", ANSWERS_BLANKS, .at = 5, .width = -1, .weight = 1, CUT },
	{ "server", "SERVER", .type = ANSWERS_SERVER, .weight = 4 },
};

/* Of tables alone: in JSON the numbers are in "ages". */
static const struct answers_column age_columns[] = {
	{ "domain", "DOMAIN", .type = ANSWERS_TEXT, CUT }, { "messages", "MESSAGES", .type = ANSWERS_NUMBER },
	{ "15m", "15m", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "1h", "1h", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "4h", "4h", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "12h", "12h", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "1d", "1d", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "2d", "2d", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "older", "older", .type = ANSWERS_NUMBER, .weight = 1 },
	{ "reason", "LAST ERROR", .type = ANSWERS_WORD, .empty = "", .weight = 2, CUT },
};

static const struct answers_column message_fields[] = {
	{ "arrived", NULL, .type = ANSWERS_TIME }, { "due", NULL, .type = ANSWERS_TIME },
	{ "since", NULL, .type = ANSWERS_TIME },
	{ "size", NULL, .type = ANSWERS_NUMBER },
	{ "more-recipients", NULL, .type = ANSWERS_NUMBER },
	{ "recipients", NULL, .type = ANSWERS_TEXT, .key = "recipient",
	    .part = { "mark", "address" }, .many = true },
	{ "notes", NULL, .type = ANSWERS_TIME, .key = "note",
	    .part = { "time", "event", "text" }, .many = true },
	{ "header", NULL, .type = ANSWERS_TEXT, .many = true },
	{ "reason", NULL, ANSWERS_TEXT, .many = true },
};

static const struct answers_column domain_columns[] = {
	{ "server", "SERVER", .type = ANSWERS_TEXT, .width = -12 },
	{ "domain", "DOMAIN", .type = ANSWERS_TEXT, .width = -30 },
	{ "type", "TYPE", .type = ANSWERS_TEXT, .width = -8 },
	{ "relay", "RELAY", .type = ANSWERS_TEXT, .width = -5, .empty = "-", .weight = 1 },
	{ "hold", "HOLD", .type = ANSWERS_TEXT, .width = -4, .empty = "-", .weight = 4 },
	{ "outbound-tls", "TLS", .type = ANSWERS_TEXT, .width = -8, .empty = "-", .weight = 3 },
	{ "outbound-auth", "AUTH", .type = ANSWERS_TEXT, .width = -10, .empty = "-", .weight = 5 },
	{ "route", "ROUTE", .type = ANSWERS_TEXT, .width = -30, .empty = "-", .weight = 2, WRAP },
	{ "drop", "DROP", .type = ANSWERS_TEXT, .width = -1, .empty = "-", .weight = 6, CUT },
};

static const struct answers_column right_columns[] = {
	{ "who", "WHO", .type = ANSWERS_TEXT, .width = -30 },
	{ "of", "OF", .type = ANSWERS_WORD, .width = -12, .empty = "(service)" },
	{ "origin", "FROM", .type = ANSWERS_TEXT, .width = -1, .weight = 1, WRAP },
};

static const struct answers_column key_columns[] = {
	{ "key", "KEY", ANSWERS_TEXT, .at = 0 },
	{ "value", "VALUE", ANSWERS_WORD, .at = 1, .empty = "-", WRAP },
	{ "default", "DEFAULT", ANSWERS_WORD, .at = 2, .empty = "-", .weight = 1, WRAP },
	{ "origin", "FROM", ANSWERS_TEXT, .at = 3 },
};

static const struct answers_column table_columns[] = {
	{ "section", "SECTION", ANSWERS_TEXT, .at = 0 }, { "key", "KEY", ANSWERS_TEXT, .at = 1 },
	{ "kind", "KIND", ANSWERS_TEXT, .at = 2 }, { "default", "DEFAULT", ANSWERS_WORD, .at = 3 },
	{ "range", "RANGE", ANSWERS_WORD, .at = 4 }, { "guard", "GUARD", ANSWERS_TEXT, .at = 5 },
	{ "place", "PLACE", ANSWERS_TEXT, .at = 6 }, { "meaning", "MEANING", ANSWERS_TEXT, .at = 7, WRAP },
};

static const struct answers_column place_columns[] = {
	{ "domain", "DOMAIN", ANSWERS_TEXT, .at = 0 }, { "type", "TYPE", ANSWERS_TEXT, .at = 1 },
	{ "origin", "FROM", ANSWERS_TEXT, .at = 2 },
};

static const struct answers_column change_columns[] = {
	{ "number", "CHANGE", ANSWERS_NUMBER, .at = 0 },
	{ "time", "AGE", ANSWERS_TIME, .at = 1, .age = true },
	{ "author", "WHO", ANSWERS_TEXT, .at = 2 },
	{ "server", "SERVER", ANSWERS_WORD, .at = 3, .empty = "-" },
	{ "command", "COMMAND", ANSWERS_TEXT, .at = 4 },
	{ "key", "KEY", ANSWERS_WORD, .at = 5, .empty = "-" },
	{ "before", "BEFORE", ANSWERS_WORD, .at = 6, .empty = "-", .weight = 1, WRAP },
	{ "after", "AFTER", ANSWERS_WORD, .at = 7, .empty = "-", WRAP },
	{ "gone", "GONE", ANSWERS_WORD, .at = 8, .empty = "-", .weight = 2 },
};

const char *const answers_rows_ages[ANSWERS_AGES] = { "15m", "1h", "4h", "12h", "1d", "2d", "older" };

static const struct answers_column probe_columns[] = {
	{ "step", "STEP", ANSWERS_TEXT, .at = 0 }, { "verdict", "VERDICT", ANSWERS_TEXT, .at = 1 },
	{ "ms", "MS", ANSWERS_NUMBER, .at = 2 }, { "text", "WHAT", ANSWERS_WORD, .at = 3, WRAP },
	{ "id", "ID", ANSWERS_WORD, .at = 4, .weight = 1 },
};

static const struct answers_column host_columns[] = {
	{ "host", "HOST", ANSWERS_TEXT, .at = 0, CUT },
	{ "account", "ACCOUNT", ANSWERS_WORD, .at = 1, .weight = 3, CUT },
	{ "state", "STATE", ANSWERS_TEXT, .at = 2 },
	{ "connections", "CONNECTIONS", ANSWERS_NUMBER, .at = 3 },
	{ "most-connections", "MOST", ANSWERS_NUMBER, .at = 4, .empty = "-", .weight = 2 },
	{ "rate", "A MINUTE", ANSWERS_NUMBER, .at = 5, .empty = "-" },
	{ "rest", "RESTS", ANSWERS_NUMBER, .at = 6, .weight = 4 },
	{ "messages", "MESSAGES", ANSWERS_NUMBER, .at = 7, .weight = 5 },
	{ "since", "AGE", ANSWERS_TIME, .at = 8, .age = true, .empty = "-", .weight = 6 },
	{ "reason", "LAST SLOW DOWN", ANSWERS_WORD, .at = 9, .weight = 1, WRAP },
	{ "said", "LAST FAILURE", ANSWERS_WORD, .at = 10, .weight = 3, WRAP },
};

static const struct answers_column account_columns[] = {
	{ "name", "ACCOUNT", ANSWERS_TEXT, .at = 1, CUT }, { "kind", "KIND", ANSWERS_TEXT, .at = 0 },
	{ "login", "LAST LOGIN", ANSWERS_TIME, .at = 2, .age = true, .empty = "-" },
};

static const struct answers_column explain_columns[] = {
	{ "step", "STEP", ANSWERS_TEXT, .at = 0 }, { "value", "VALUE", ANSWERS_WORD, .at = 1, WRAP },
	{ "key", "KEY", ANSWERS_WORD, .at = 2, .empty = "-" },
	{ "origin", "ORIGIN", ANSWERS_WORD, .at = 3, .empty = "-", WRAP },
};

static const struct answers_column certificate_columns[] = {
	{ "pair", NULL, ANSWERS_NUMBER, .at = 0 }, { "place", "PLACE", ANSWERS_NUMBER, .at = 1 },
	{ "subject", "SUBJECT", ANSWERS_WORD, .at = 2, .empty = "-", WRAP },
	{ "names", "NAMES", ANSWERS_COMMAS, .at = 3, .weight = 1, WRAP },
	{ "issuer", "ISSUER", ANSWERS_WORD, .at = 4, .empty = "-", WRAP },
	{ "from", NULL, ANSWERS_TIME, .at = 5 }, { "until", "UNTIL", ANSWERS_TIME, .at = 6 },
	{ "days", "DAYS", ANSWERS_NUMBER, .at = 7 }, { "type", "TYPE", ANSWERS_TEXT, .at = 8, .weight = 2 },
	{ "fingerprint", NULL, ANSWERS_TEXT, .at = 9 }, { "file", NULL, ANSWERS_TEXT, .at = 10 },
};

static const struct answers_column tls_report_columns[] = {
	{ "domain", "DOMAIN", ANSWERS_TEXT, .at = 0, CUT }, { "day", "DAY", ANSWERS_TEXT, .at = 1 },
	{ "state", "STATE", ANSWERS_TEXT, .at = 2 },
	{ "good", "GOOD", ANSWERS_NUMBER, .at = 3 }, { "failed", "FAILED", ANSWERS_NUMBER, .at = 4 },
	{ "policies", "POLICIES", ANSWERS_COMMAS, .at = 5, .empty = "-", .weight = 3 },
	{ "time", "TIME", ANSWERS_TIME, .at = 6, .empty = "-", .weight = 2 },
	{ "reason", "REASON", ANSWERS_WORD, .at = 7, .empty = "-", .weight = 1, WRAP },
};

#define COLUMNS(array) .column = (array), .columns = nitems_of(array)

static const struct answers_table tables[] = {
	{ "status", NULL, ANSWERS_FORM_PAIRS, "servers", COLUMNS(server_columns) },
	{ "health", NULL, ANSWERS_FORM_HEALTH, "parts", COLUMNS(health_columns) },
	{ "nodes", NULL, ANSWERS_FORM_TABS, "nodes", COLUMNS(node_columns) },
	{ "counters", "hour", ANSWERS_FORM_SERIES, "series", NULL, 0 },
	{ "counters", "day", ANSWERS_FORM_SERIES, "series", NULL, 0 },
	{ "counters", NULL, ANSWERS_FORM_COUNTERS, "counters", NULL, 0 },
	{ "sessions", "list", ANSWERS_FORM_TABS, "sessions", COLUMNS(session_columns) },
	{ "sessions", "terminate", ANSWERS_FORM_TABS, "sessions", COLUMNS(session_columns) },
	{ "queue", "list", ANSWERS_FORM_TABS, "messages", COLUMNS(queue_columns) },
	{ "queue", "show", ANSWERS_FORM_FIELDS, "messages", COLUMNS(message_fields) },
	{ "queue", "count", ANSWERS_FORM_AGES, "domains", COLUMNS(age_columns) },
	{ "queue", NULL, ANSWERS_FORM_NONE, NULL, NULL, 0 },
	{ "badmail", "list", ANSWERS_FORM_TABS, "messages", COLUMNS(badmail_columns) },
	{ "badmail", "show", ANSWERS_FORM_FIELDS, "messages", COLUMNS(message_fields) },
	{ "badmail", NULL, ANSWERS_FORM_NONE, NULL, NULL, 0 },
	{ "drop", "list", ANSWERS_FORM_TABS, "messages", COLUMNS(drop_columns) },
	{ "drop", "show", ANSWERS_FORM_FIELDS, "messages", COLUMNS(message_fields) },
	{ "drop", "read", ANSWERS_FORM_FIELDS, "messages", COLUMNS(message_fields) },
	{ "drop", NULL, ANSWERS_FORM_NONE, NULL, NULL, 0 },
	{ "trace", NULL, ANSWERS_FORM_EVENTS, "events", NULL, 0 },
	{ "domains", NULL, ANSWERS_FORM_DOCUMENT, "domains", COLUMNS(domain_columns) },
	{ "operators", NULL, ANSWERS_FORM_DOCUMENT, "operators", COLUMNS(right_columns) },
	{ "viewers", NULL, ANSWERS_FORM_DOCUMENT, "viewers", COLUMNS(right_columns) },
	{ "get", NULL, ANSWERS_FORM_TABS, "keys", COLUMNS(key_columns) },
	{ "keys", NULL, ANSWERS_FORM_TABS, "keys", COLUMNS(table_columns) },
	{ "domain", "list", ANSWERS_FORM_TABS, "domains", COLUMNS(place_columns) },
	{ "history", NULL, ANSWERS_FORM_TABS, "changes", COLUMNS(change_columns) },
	{ "explain", NULL, ANSWERS_FORM_TABS, "steps", COLUMNS(explain_columns) },
	{ "certificates", NULL, ANSWERS_FORM_TABS, "certificates", COLUMNS(certificate_columns) },
	{ "probe", NULL, ANSWERS_FORM_TABS, "steps", COLUMNS(probe_columns) },
	{ "hosts", "list", ANSWERS_FORM_TABS, "hosts", COLUMNS(host_columns) },
	{ "hosts", NULL, ANSWERS_FORM_NONE, NULL, NULL, 0 },
	{ "accounts", "list", ANSWERS_FORM_TABS, "accounts", COLUMNS(account_columns) },
	{ "accounts", NULL, ANSWERS_FORM_NONE, NULL, NULL, 0 },
	{ "tls-reports", "list", ANSWERS_FORM_TABS, "reports", COLUMNS(tls_report_columns) },
	{ "tls-reports", NULL, ANSWERS_FORM_NONE, NULL, NULL, 0 },
	{ "oauth-test", NULL, ANSWERS_FORM_STEPS, "steps", NULL, 0 },
};

const struct answers_table answers_rows_service = {
	"status", NULL, ANSWERS_FORM_PAIRS, "service", COLUMNS(service_columns)
};

const struct answers_table *
answers_rows_find(const char *command, const char *verb)
{
	for (size_t i = 0; i < nitems_of(tables); i++)
		if (strcmp(tables[i].command, command) == 0 &&
		    (tables[i].verb == NULL || (verb != NULL && strcmp(tables[i].verb, verb) == 0)))
			return &tables[i];
	return NULL;
}
