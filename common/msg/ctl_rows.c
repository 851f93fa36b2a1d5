/*
 * ctl_rows - the catalogue of control messages: one row a message
 *
 * Runs in:  every process
 * Owns:     nothing
 * Promise:  a message that has no row here, or does not fit its row, is not sent and not taken
 * Fails by: cannot; a missing row does not compile
 */
#include "common/ipc/ctl_rows.h"

#include <assert.h>

#include "common/base/mem.h"
#include "common/command/control_words.h"
#include "common/command/msg_queue.h"
#include "common/msg/msg_accounts.h"
#include "common/msg/msg_auth_in.h"
#include "common/msg/msg_auth_out.h"
#include "common/msg/msg_directory.h"
#include "common/msg/msg_dns.h"
#include "common/msg/msg_etrn.h"
#include "common/msg/msg_filter.h"
#include "common/msg/msg_hosts.h"
#include "common/msg/msg_limits.h"
#include "common/msg/msg_move.h"
#include "common/msg/msg_offer.h"
#include "common/msg/msg_policy.h"
#include "common/msg/msg_probe.h"
#include "common/msg/msg_report.h"
#include "common/msg/msg_sessions.h"
#include "common/msg/msg_spool.h"
#include "common/msg/msg_tls_reports.h"
#include "common/msg/msg_token.h"
#include "common/msg/msg_trace.h"
#include "common/msg/msg_web.h"

#define WORKERS (CTL_FROM_WORKER | CTL_FROM_HELPER)

const struct ctl_row ctl_rows[] = {
	[CTL_READY] = { "ready", 0, 0, WORKERS, false },
	[CTL_PAUSED] = { "paused", 0, 0, CTL_FROM_WORKER, false },
	[CTL_CONTINUED] = { "continued", 0, 0, CTL_FROM_WORKER, false },
	[CTL_IDLE] = { "idle", 0, 0, WORKERS, false },
	[CTL_LEFT] = { "left", 0, 0, CTL_FROM_WORKER, false },
	[CTL_REASON] = { "reason", 1, CTL_REASON_MAX, WORKERS, false },
	[CTL_TROUBLE] = { "trouble", 0, CTL_TROUBLE_MAX, WORKERS, false },
	[CTL_NEED] = { "need", sizeof(uint32_t), sizeof(uint32_t), WORKERS, false },
	[CTL_PAUSE] = { "pause", 0, 0, CTL_FROM_MASTER, false },
	[CTL_CONTINUE] = { "continue", 0, 0, CTL_FROM_MASTER, false },
	[CTL_DRAIN] = { "drain", 0, 0, CTL_FROM_MASTER, false },
	[CTL_STOP] = { "stop", sizeof(uint32_t), sizeof(uint32_t), CTL_FROM_MASTER, false },
	[CTL_LOGS] = { "logs", 0, 0, CTL_FROM_MASTER, false },
	[CTL_EVENTS] = { "events", sizeof(uint32_t), sizeof(uint32_t), CTL_FROM_MASTER, true },
	[CTL_WATCH] = { "watch", 0, 0, CTL_FROM_MASTER, true },
	[CTL_CHANNEL] = { "channel", sizeof(struct ctl_channel), sizeof(struct ctl_channel), CTL_FROM_MASTER,
	    true },
	[CTL_COUNTERS] = { "counters", 64, 64, CTL_FROM_MASTER, true },
	[CTL_RETRY] = { "retry", 0, 0, CTL_FROM_MASTER, false },
	[CTL_LOOK] = { "look", 0, 0, CTL_FROM_MASTER, false },
	[CTL_TICKETS] = { "tickets", sizeof(struct ctl_tickets), sizeof(struct ctl_tickets), CTL_FROM_MASTER,
	    false },
	[CTL_RENEWED] = { "renewed", sizeof(struct ctl_file), sizeof(struct ctl_file), CTL_FROM_MASTER,
	    false },
	[CTL_COMMAND] = { "command", 1, CONTROL_COMMAND_MAX, CTL_FROM_OPERATOR, true },
	[CTL_TEXT] = { "text", 0, CTL_PAYLOAD_MAX, CTL_FROM_MASTER, false },
	[CTL_PROGRESS] = { "progress", sizeof(struct ctl_progress), sizeof(struct ctl_progress),
	    CTL_FROM_MASTER, false },
	[CTL_END] = { "end", sizeof(int32_t), sizeof(int32_t), CTL_FROM_MASTER, false },
	[CTL_DNS_ASK] = { "dns-ask", sizeof(struct msg_dns_query), sizeof(struct msg_dns_query),
	    CTL_FROM_CLIENT, false },
	[CTL_DNS_ANSWER] = { "dns-answer", offsetof(struct msg_dns_answer, record),
	    sizeof(struct msg_dns_answer), CTL_FROM_HELPER, false },
	[CTL_OPEN] = { "open", sizeof(struct ctl_file), sizeof(struct ctl_file), WORKERS, false },
	[CTL_FILE] = { "file", sizeof(struct ctl_opened), sizeof(struct ctl_opened), CTL_FROM_MASTER, true },
	[CTL_AUTH_IN_START] = { "auth-in-start", offsetof(struct msg_auth_in_start, token.data),
	    sizeof(struct msg_auth_in_start), CTL_FROM_CLIENT, false },
	[CTL_AUTH_IN_STEP] = { "auth-in-step", offsetof(struct msg_auth_in_token, data),
	    sizeof(struct msg_auth_in_token), CTL_FROM_CLIENT, false },
	[CTL_AUTH_IN_CANCEL] = { "auth-in-cancel", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_AUTH_IN_ANSWER] = { "auth-in-answer", offsetof(struct msg_auth_in_answer, token.data),
	    sizeof(struct msg_auth_in_answer), CTL_FROM_HELPER, false },
	[CTL_DIRECTORY_ASK] = { "directory-ask", sizeof(struct msg_directory_query),
	    sizeof(struct msg_directory_query), CTL_FROM_CLIENT, false },
	[CTL_DIRECTORY_ANSWER] = { "directory-answer", DIRECTORY_ANSWER_MIN, DIRECTORY_ANSWER_MAX,
	    CTL_FROM_HELPER, true },
	[CTL_SESSIONS] = { "sessions", sizeof(struct msg_sessions_ask), sizeof(struct msg_sessions_ask),
	    CTL_FROM_MASTER, false },
	[CTL_SESSIONS_PAGE] = { "sessions-page", offsetof(struct msg_sessions_page, text),
	    sizeof(struct msg_sessions_page), CTL_FROM_WORKER, false },
	[CTL_AUTH_OUT_START] = { "auth-out-start", sizeof(struct msg_auth_out_start),
	    sizeof(struct msg_auth_out_start), CTL_FROM_CLIENT, false },
	[CTL_AUTH_OUT_STEP] = { "auth-out-step", offsetof(struct msg_auth_in_token, data),
	    sizeof(struct msg_auth_in_token), CTL_FROM_CLIENT, false },
	[CTL_AUTH_OUT_CANCEL] = { "auth-out-cancel", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_AUTH_OUT_ANSWER] = { "auth-out-answer", offsetof(struct msg_auth_out_answer, token.data),
	    sizeof(struct msg_auth_out_answer), CTL_FROM_HELPER, false },
	[CTL_TOKEN_ASK] = { "token-ask", sizeof(struct msg_token_ask), sizeof(struct msg_token_ask),
	    CTL_FROM_CLIENT, false },
	[CTL_TOKEN_ANSWER] = { "token-answer", offsetof(struct msg_token_answer, token),
	    sizeof(struct msg_token_answer), CTL_FROM_HELPER, false },
	[CTL_TOKEN_KEEP] = { "token-keep", offsetof(struct msg_token_keep, text),
	    sizeof(struct msg_token_keep), CTL_FROM_HELPER, false },
	[CTL_TOKEN_KEPT] = { "token-kept", sizeof(struct msg_token_kept), sizeof(struct msg_token_kept),
	    CTL_FROM_MASTER, false },
	[CTL_POLICY_ASK] = { "policy-ask", sizeof(struct msg_policy_ask), sizeof(struct msg_policy_ask),
	    CTL_FROM_CLIENT, false },
	[CTL_POLICY_ANSWER] = { "policy-answer", offsetof(struct msg_policy_answer, mx),
	    sizeof(struct msg_policy_answer), CTL_FROM_HELPER, false },
	[CTL_REPORT_ASK] = { "report-ask", offsetof(struct msg_report_ask, body),
	    sizeof(struct msg_report_ask), CTL_FROM_CLIENT, false },
	[CTL_REPORT_ANSWER] = { "report-answer", sizeof(struct msg_report_answer),
	    sizeof(struct msg_report_answer), CTL_FROM_HELPER, false },
	[CTL_POLICIES] = { "policies", 0, 0, CTL_FROM_MASTER, false },
	[CTL_OAUTH_TEST] = { "oauth-test", sizeof(struct msg_token_test), sizeof(struct msg_token_test),
	    CTL_FROM_MASTER, false },
	[CTL_DIRECTORY_TEST] = { "directory-test", sizeof(struct msg_directory_test),
	    sizeof(struct msg_directory_test), CTL_FROM_MASTER, false },
	[CTL_DNS_TEST] = { "dns-test", sizeof(struct msg_dns_query), sizeof(struct msg_dns_query),
	    CTL_FROM_MASTER, false },
	[CTL_PROBE] = { "probe", sizeof(struct msg_probe_ask), sizeof(struct msg_probe_ask), CTL_FROM_MASTER,
	    false },
	[CTL_HOSTS] = { "hosts", sizeof(struct msg_hosts_ask), sizeof(struct msg_hosts_ask), CTL_FROM_MASTER,
	    false },
	[CTL_TLS_REPORTS] = { "tls-reports", sizeof(struct msg_tls_reports_ask),
	    sizeof(struct msg_tls_reports_ask), CTL_FROM_MASTER, false },
	[CTL_CERTIFICATES] = { "certificates", 0, 0, CTL_FROM_MASTER, false },
	[CTL_ACCOUNTS] = { "accounts", sizeof(struct msg_accounts), sizeof(struct msg_accounts),
	    CTL_FROM_MASTER, true },
	[CTL_TEST_TEXT] = { "test-text", 1, 4096, WORKERS, false },
	[CTL_TEST_END] = { "test-end", sizeof(int32_t), sizeof(int32_t), WORKERS, false },
	[CTL_QUEUE] = { "queue", sizeof(struct msg_queue_ask), sizeof(struct msg_queue_ask), CTL_FROM_MASTER,
	    true },
	[CTL_QUEUE_PAGE] = { "queue-page", offsetof(struct msg_queue_page, text),
	    sizeof(struct msg_queue_page), CTL_FROM_WORKER, false },
	[CTL_TRACE] = { "trace", sizeof(struct msg_trace_ask), sizeof(struct msg_trace_ask), CTL_FROM_MASTER,
	    true },
	[CTL_MOVES] = { "moves", sizeof(struct ctl_channel), sizeof(struct ctl_channel), CTL_FROM_MASTER,
	    true },
	[CTL_MOVE_NOTE] = { "move-note", 0, 0, CTL_FROM_CLIENT, true },
	[CTL_MOVE_PUT] = { "move-put", sizeof(struct msg_move_put), sizeof(struct msg_move_put),
	    CTL_FROM_CLIENT, true },
	[CTL_MOVE_ANSWER] = { "move-answer", sizeof(struct msg_move_answer), sizeof(struct msg_move_answer),
	    CTL_FROM_HELPER, false },
	[CTL_OTHERS] = { "others", 0, CTL_PAYLOAD_MAX, CTL_FROM_MASTER, false },
	[CTL_ETRN] = { "etrn", offsetof(struct msg_etrn, domains), sizeof(struct msg_etrn), CTL_FROM_CLIENT,
	    false },
	[CTL_SPOOL_CHANNEL] = { "spool-channel", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_SPOOL_QUEUED] = { "spool-queued", sizeof(struct msg_spool_queued),
	    MSG_SPOOL_BATCH * sizeof(struct msg_spool_queued), CTL_FROM_HELPER, false },
	[CTL_SPOOL_REFUSED] = { "spool-refused", sizeof(struct msg_spool_refused),
	    sizeof(struct msg_spool_refused), CTL_FROM_HELPER, false },
	[CTL_OFFER] = { "offer", sizeof(struct msg_offer), sizeof(struct msg_offer), CTL_FROM_CLIENT, true },
	[CTL_OFFER_OVER] = { "offer-over", sizeof(struct msg_offer_over), sizeof(struct msg_offer_over),
	    CTL_FROM_CLIENT, false },
	[CTL_OFFER_VERDICT] = { "offer-verdict", sizeof(struct msg_offer_verdict),
	    sizeof(struct msg_offer_verdict), CTL_FROM_HELPER, false },
	[CTL_SPOOL_PUT] = { "spool-put", offsetof(struct msg_spool_put, file), sizeof(struct msg_spool_put),
	    CTL_FROM_CLIENT, false },
	[CTL_SPOOL_OPEN] = { "spool-open", MESSAGE_ID_SIZE, sizeof(struct msg_spool_open), CTL_FROM_CLIENT,
	    false },
	[CTL_SPOOL_END] = { "spool-end", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_SPOOL_DROP] = { "spool-drop", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_SPOOL_LOG] = { "spool-log", offsetof(struct msg_spool_log, text), sizeof(struct msg_spool_log),
	    CTL_FROM_CLIENT, false },
	[CTL_SPOOL_ROOM] = { "spool-room", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_SPOOL_SCRATCH] = { "spool-scratch", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_SPOOL_ANSWER] = { "spool-answer", sizeof(struct msg_spool_answer),
	    sizeof(struct msg_spool_answer), CTL_FROM_HELPER, true },
	[CTL_FILTER_ASK] = { "filter-ask", offsetof(struct msg_filter_ask, text),
	    sizeof(struct msg_filter_ask), CTL_FROM_CLIENT, true },
	[CTL_FILTER_END] = { "filter-end", 0, 0, CTL_FROM_CLIENT, false },
	[CTL_FILTER_ANSWER] = { "filter-answer", offsetof(struct msg_filter_answer, text),
	    sizeof(struct msg_filter_answer), CTL_FROM_HELPER, false },
	[CTL_LIMITS_ASK] = { "limits-ask", sizeof(struct msg_limits_ask), sizeof(struct msg_limits_ask),
	    CTL_FROM_CLIENT, false },
	[CTL_LIMITS_ANSWER] = { "limits-answer", sizeof(struct msg_limits_answer),
	    sizeof(struct msg_limits_answer), CTL_FROM_HELPER, false },
	[CTL_WEB_LOGIN] = { "web-login", sizeof(struct msg_web_login), sizeof(struct msg_web_login),
	    CTL_FROM_HELPER, false },
	[CTL_WEB_PASSWORD] = { "web-password", sizeof(struct msg_web_password),
	    sizeof(struct msg_web_password), CTL_FROM_HELPER, false },
	[CTL_WEB_TICKET] = { "web-ticket", offsetof(struct msg_web_ticket, token.data),
	    sizeof(struct msg_web_ticket), CTL_FROM_HELPER, false },
	[CTL_WEB_ASK] = { "web-ask", WEB_SECRET_SIZE, WEB_SECRET_SIZE, CTL_FROM_HELPER, false },
	[CTL_WEB_LOGOUT] = { "web-logout", WEB_SECRET_SIZE, WEB_SECRET_SIZE, CTL_FROM_HELPER, false },
	[CTL_WEB_COMMAND] = { "web-command", offsetof(struct msg_web_command, words) + 2,
	    sizeof(struct msg_web_command), CTL_FROM_HELPER, true },
	[CTL_WEB_EVENTS] = { "web-events", 0, 0, CTL_FROM_MASTER, true },
	[CTL_WEB_SESSION] = { "web-session", offsetof(struct msg_web_session, token),
	    sizeof(struct msg_web_session), CTL_FROM_MASTER, false },
	[CTL_WEB_KEY] = { "web-key", WEB_KEY_SIZE, WEB_KEY_SIZE, CTL_FROM_MASTER, false },
	[CTL_ETRN_ANSWER] = { "etrn-answer", sizeof(struct msg_etrn_answer), sizeof(struct msg_etrn_answer),
	    CTL_FROM_HELPER, true },
};
static_assert(nitems_of(ctl_rows) == CTL_COUNT, "one row a control message");
/* Programs of other versions know them by these numbers and sizes. */
static_assert(CTL_READY == 0 && CTL_TROUBLE == 6 && CTL_PAUSE == 7 && CTL_EVENTS == 12 && CTL_COMMAND == 13 &&
    CTL_END == 16 && CTL_COMMON == 17, "what every version has never changes");
static_assert(sizeof(struct ctl_progress) == 2004, "the same");
