/*
 * command - what posternctl can do, one row a command; usage and completion come from the rows
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  each command waits for its outcome and prints it
 * Fails by: an exit status: 1 refused or failed, 3 nothing has that name, else sysexits
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/config/key.h"
#include "master/posternctl/adopt/adopt.h"
#include "master/posternctl/certificate/certificate.h"
#include "master/posternctl/change/change.h"
#include "master/posternctl/check/check.h"
#include "master/posternctl/dkim/dkim.h"
#include "master/posternctl/events/events.h"
#include "master/posternctl/import/import.h"
#include "master/posternctl/nodes/nodes.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/queues/queues.h"
#include "master/posternctl/wizard/wizard.h"

/* The service does the work; row->asks is its command. */
static int
run_ask(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	int status = command_send_words(c, row->asks, words, count);

	if (status != CONTROL_CLIENT_NO_SERVICE && status != CONTROL_CLIENT_CUT)
		return status;
	return command_send_no_answer(status);
}

static int
run_stop(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	int status = command_send_words(c, row->asks, words, count);

	if (status == CONTROL_CLIENT_CUT && count == 0) {
		printf("the service has stopped\n");
		return EX_OK;
	}
	if (status == CONTROL_CLIENT_NO_SERVICE && count == 0) {
		printf("the service is not running\n");
		return EX_OK;
	}
	if (status != CONTROL_CLIENT_NO_SERVICE && status != CONTROL_CLIENT_CUT)
		return status;
	fprintf(stderr, "posternctl: the service is not running\n");
	return EX_UNAVAILABLE;
}

static int
run_queue(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	struct queue_command *t;
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	int status;
	char *path;

	if (msg_queue_place_find(row->name) == MSG_QUEUE_IN_QUEUE && queue_pause_is_meant(words, count))
		return queue_pause_run(c, row, command_find("set"), words, count);
	t = mem_new(struct queue_command);
	status = queue_selection_parse(t, msg_queue_place_find(row->name), words, count, &why);
	if (status != EX_OK)
		(void)usage_misused(row, &why);
	buf_done(&why);
	if (status != EX_OK) {
		free(t);
		return status;
	}
	path = command_send_socket(c);
	status = path != NULL ? queue_command_run(t, path) : EX_CONFIG;
	free(path);
	free(t);
	if (status == CONTROL_CLIENT_NO_SERVICE || status == CONTROL_CLIENT_CUT) {
		status = command_send_no_answer(status);
	}
	return status;
}

static int
run_hosts(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	return hosts_command_run(c, row, command_find("set"), words, count);
}

static int
run_start(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	int status = command_send_words(c, row->asks, words, count);

	/* with -s alone it is not known which service that would be */
	if (status == CONTROL_CLIENT_NO_SERVICE && (c->socket_path == NULL || c->config_path != NULL)) {
		status = service_start_up(command_send_config(c), c->config_path == NULL,
		    count > 0 ? words[0] : NULL);
		if (status != EX_OK || count == 0)
			return status;
		status = command_send_words(c, row->asks, words, count); /* now wait for the virtual server */
	}
	return status != CONTROL_CLIENT_CUT && status != CONTROL_CLIENT_NO_SERVICE ? status :
	    command_send_no_answer(status);
}

static int
run_adopt(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	return adopt_command_run(c, row, command_find("start"), words, count);
}

/* The service knows who asks; the name is for the page, which shows it. */
static int
run_web(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	const struct passwd *user = getpwuid(geteuid());
	const char *all[] = { "-", user != NULL ? user->pw_name : "-" };

	if (strcmp(words[0], "login") != 0)
		return usage_misused(row, NULL);
	return run_ask(c, row, all, nitems_of(all));
}

static int
run_domain(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	return strcmp(words[0], "new") == 0 ? wizard_domain_run(c, row, words + 1, count - 1) :
	    change_command_run(c, row, words, count);
}

static int
run_operators(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	return operators_command_run(c, row, command_find("set"), words, count);
}

static int
run_nodes(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	bool json = false, gathers = count > 0 && strcmp(words[0], "gather") == 0;
	const char *limit = NULL, *all[] = { row->asks };
	const struct option_row options[] = { { .word = "--json", .set = &json },
		{ .word = "--timeout", .value = &limit, .wanted = "a time with its unit, as 20s" },
		{ .word = NULL } };
	int status = options_take(row, words + gathers, count - gathers, options, NULL, 0);
	uint64_t limit_ms = 0;

	if (status == EX_OK && limit != NULL && (key_parse_time(limit, &limit_ms) == -1 || limit_ms == 0 ||
	    limit_ms > INT32_MAX))
		status = usage_say(row, "--timeout is a time with its unit, as 20s");
	if (status == EX_OK && gathers == json)
		status = gathers ? usage_say(row, "gather shows nothing") : status;
	if (status == EX_OK && limit != NULL && !gathers)
		status = usage_say(row, "--timeout is for gather");
	if (status != EX_OK)
		return status;
	return gathers ? nodes_gather_run(c, limit_ms) : read_command_ask(c, all, nitems_of(all), json);
}

static int
run_version(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	bool json = false;
	const struct option_row options[] = { { .word = "--json", .set = &json }, { .word = NULL } };
	int status = options_take(row, words, count, options, NULL, 0);
	json_t *document;

	if (status == EX_OK && json) {
		document = answers_new();
		json_object_set_new(document, "name", json_string("postern"));
		json_object_set_new(document, "version", json_string(POSTERN_VERSION));
		answers_print(document, stdout);
		json_decref(document);
	} else if (status == EX_OK) {
		printf("postern %s\n", POSTERN_VERSION);
	}
	return status;
}

static const char *
name_of_command(const void *arg, size_t i)
{
	return i < command_count ? command_rows[i].name : NULL;
}

/* The one option that every command has. */
static const char *
name_of_help(const void *arg, size_t i)
{
	return i == 0 ? "--help" : NULL;
}

static int
say_unknown(const char *word)
{
	struct buf why = BUF_INIT(COMPLAINT_MAX);

	complaint_unknown(&why, "command", word, name_of_command, NULL);
	fprintf(stderr, "posternctl: %s\nposternctl help shows them all\n", buf_text(&why));
	buf_done(&why);
	return EX_USAGE;
}

static int
run_help(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	const struct command *one = count > 0 ? command_find(words[0]) : NULL;

	if (count == 0)
		command_usage(stdout);
	else if (one != NULL)
		printf("posternctl %s%s%s\n\t%s\n", one->name, one->arguments[0] != '\0' ? " " : "",
		    one->arguments, one->meaning);
	else
		return say_unknown(words[0]);
	return EX_OK;
}

const struct command command_rows[] = {
	{ "status", "[--check] [--json] [name]", 0, 3,
	    "Show states, addresses and processes; --check: one line and exit status 0, 1, 2 or 3 for "
	    "monitoring.",
	    read_command_status, "status" },
	{ "start", "[name]", 0, 1, "Start a virtual server, and the service if it is down.", run_start,
	    "start" },
	{ "stop", "[name]", 0, 1,
	    "Stop a virtual server, which then stays stopped; without name the service.", run_stop, "stop" },
	{ "pause", "[name]", 0, 1, "Refuse new connections; sessions and delivery go on.", run_ask, "pause" },
	{ "continue", "[name]", 0, 1, "Take connections again after a pause.", run_ask, "continue" },
	{ "drain", "[--keep] [--timeout time] [name]", 0, 4,
	    "Take no mail any more, wait until the queue is empty (--keep: leave it) or the time, 10m, is "
	    "over, and stop the virtual server, or all; then they stay stopped.", drain_command_run,
	    "drain" },
	{ "reload", "", 0, 0, "Use the configuration on disk from now on, without ending a session.", run_ask,
	    "reload" },
	{ "upgrade", "", 0, 0,
	    "Let the programs that are installed by now take over, without ending a session.", run_ask,
	    "upgrade" },
	{ "check", "[--dns [domain]] [--json]", 0, 3,
	    "Check the configuration on disk and print every fault; --dns: check what the DNS says about "
	    "mail of a domain, or of all of ours.",
	    config_command_check, NULL },
	{ "unit", "[--write]", 0, 1,
	    "Show, or write, the drop-in of systemd that lets the service write to the folders of the "
	    "configuration.", unit_command_run, NULL },
	{ "config", "[--json] [name]", 0, 2,
	    "Show the configuration on disk, with the file and line from which each value comes.",
	    config_command_config, NULL },
	{ "domains", "[--json] [name]", 0, 2, "Show the domains of a virtual server on disk, or of all.",
	    config_command_domains, NULL },
	{ "counters", "[--prometheus|--json] [--history hour|day] [name]", 0, 4,
	    "Show the counters of a virtual server, or the sums of all; --prometheus: those of each one; "
	    "--history: how they went in the last hour or day.",
	    read_command_counters, "counters" },
	{ "sessions", "[name] [option]", 0, COMMAND_WORDS_MAX,
	    "Show SMTP sessions (--json --from --user --idle), or end them: terminate with ids, --all or "
	    "these options.", read_command_sessions, "sessions" },
	{ "watch", "[name] [--topic topic,...] [--sender address] [--recipient address] [--id id]", 0, 9,
	    "Show events as they come, a line of JSON each: sessions, messages, state, operators, trouble; "
	    "and counters once a second.", watch_command_run, NULL },
	{ "trace", "id | [--sender address] [--recipient address] [--message-id text] [--json]", 1, 8,
	    "Show the story of a message, or of all of a sender, recipient or Message-ID, from the event "
	    "log, also of those that are long gone.", trace_command_run, NULL },
	{ "queue", "[name] list|show|count|tally|retry|hold|release|delete|bounce|move|evacuate|pause|"
	    "resume [id ...] [option]", 1, COMMAND_WORDS_MAX,
	    "Show and change the queue (--sender --recipient --domain --older --newer --state --held "
	    "--all --to --reason --json --yes); evacuate: to another node (--wait); pause: mail for a "
	    "--domain is not tried until resume.",
	    run_queue, "queue" },
	{ "badmail", "[name] list|show|tally|retry|purge [id ...] [option]", 1, COMMAND_WORDS_MAX,
	    "Show badmail, put it back into the queue or delete it (--sender --recipient --domain --older "
	    "--newer --all --json --yes).", run_queue, "badmail" },
	{ "drop", "[name] list|show|tally|delete [id ...] [option]", 1, COMMAND_WORDS_MAX,
	    "Show and delete mail in the drop folder (--sender --recipient --domain --older --newer --all "
	    "--json --yes).", run_queue, "drop" },
	{ "nodes", "[gather] [--timeout time] [--json]", 0, 3,
	    "Show how all nodes are, as gather has last left it; gather: ask them by ssh, as the account "
	    "that has a key for them.", run_nodes, "nodes" },
	{ "retry", "[name]", 0, 1, "Make every queued message due now.", run_ask, "retry" },
	{ "get", "[--json] [name] [section.key ...]", 0, CONTROL_WORDS_MAX,
	    "Show keys: value, default, and the file and line from which the value comes; without a key all.",
	    change_command_run, "get" },
	{ "set", "[--dry-run] [name] section.key=value ...", 1, CONTROL_WORDS_MAX,
	    "Set keys of a virtual server; without name those of postern.ini. A key of a domain is "
	    "domain:example.com.key.", change_command_run, "set" },
	{ "unset", "[--dry-run] [name] section.key ...", 1, CONTROL_WORDS_MAX,
	    "Take keys out of the file, so that their defaults count.", change_command_run, "unset" },
	{ "domain", "list|add|remove|rename|set|new [--dry-run] [--json] name [domain] [key=value ...]", 1,
	    CONTROL_WORDS_MAX, "Show and change the domains of a virtual server; new: by questions.",
	    run_domain, "domain" },
	{ "operators", "[--dry-run] [--json] [name] list|add|remove [who]", 1, 6,
	    "Show and change who may manage a virtual server, without name the service: an account, @group, "
	    "account:NAME or kerberos:NAME@REALM.", run_operators, NULL },
	{ "viewers", "[--dry-run] [--json] [name] list|add|remove [who]", 1, 6,
	    "The same for who may look.", run_operators, NULL },
	{ "history", "[--json] [name] [count]", 0, 3, "Show the last changes by command.",
	    change_command_run, "history" },
	{ "undo", "[--dry-run] [number]", 0, 2, "Take a change back; without number the last one.",
	    change_command_run, "undo" },
	{ "create", "name [--from name] [--dry-run] [key=value ...]", 1, CONTROL_WORDS_MAX,
	    "Make a virtual server; keys are listen, domain, description and section.key.",
	    change_command_run, "create" },
	{ "adopt", "[--force] [--merge] [--dry-run] [--from name] folder name [key=value ...]", 2,
	    CONTROL_WORDS_MAX,
	    "Make the home of another node, with its queue and all its mail, that of a virtual server here, "
	    "and start it; --merge: put its mail into the home that the virtual server has; --force: whoever "
	    "has it was given up.", run_adopt, NULL },
	{ "new", "", 0, 0, "Make a virtual server by questions on the terminal.", wizard_server_run, NULL },
	{ "rename", "[--dry-run] name new-name", 2, 3, "Rename a virtual server; it is stopped for a moment.",
	    change_command_run, "rename" },
	{ "delete", "[--dry-run] name", 1, 2, "Delete a virtual server; its mail folders are kept.",
	    change_command_run, "delete" },
	{ "passwd", "[--scram|--yescrypt] [--stdin] [--delete] [--list [--json]] file|name [account]", 1, 8,
	    "Make, change or delete an account in a password file, given by its path or by the virtual "
	    "server that uses it; --list shows the accounts.", passwd_run, NULL },
	{ "certificate", "name [show|served|request|self-signed|install] [--json] [--names host,...] "
	    "[--days number] [--type ecdsa|rsa] [--new-key] [certificate-file] [key-file]", 1, 9,
	    "Show the certificates of a virtual server, make a key with a request or a certificate for a "
	    "test, install a certificate; without a verb by questions.", certificate_command_run, NULL },
	{ "dkim", "new|show|check name [domain] [selector] [--type rsa|ed25519] [--bits number] "
	    "[--days from..until] [--use] [--json]", 2, 11,
	    "Make a key that signs mail, show the keys and what the DNS has to have, compare with what it "
	    "has.", dkim_command_run, NULL },
	{ "oauth", "test profile [--smtp] [--json]", 2, 4,
	    "Get a new token for an [oauth] profile, log in with it at the smart hosts that use it, and show "
	    "each step.", read_command_oauth, "oauth-test" },
	{ "probe", "name [--rcpt recipient [--send]] [--json]", 1, 5,
	    "Go the way of a mail without one, and show each step: files, queue, route, DNS, connection, "
	    "TLS, login, directory. With --send, a test message then goes that way.",
	    probe_command_run, "probe" },
	{ "hosts", "[list|pause|resume|reset] name [host ...] [--json] [--dry-run]", 1, CONTROL_WORDS_MAX,
	    "Show the remote hosts that get mail, with state, connections, messages a minute and their last "
	    "\"slow down\"; pause, resume or reset some.", run_hosts, "hosts" },
	{ "tls-reports", "[list|send] name [--json]", 1, 3,
	    "Show what is counted for the reports about TLS, which of them are due, and what came of the "
	    "latest ones; send those of the days before today now.", read_command_tls_reports,
	    "tls-reports" },
	{ "web", "login", 1, 1, "Print a link that logs in, once, to the manager in a web browser.",
	    run_web, "web-login" },
	{ "api", "command|import|events", 1, 1,
	    "Answer what the manager asks where it runs in Cockpit: a command, {\"words\": [...]} on the "
	    "standard input; a file of IIS there; or the state and the counters, as they change.",
	    api_command_run, NULL },
	{ "explain", "[name] --from address --rcpt recipient [--auth user] [--sender sender] [--size size] "
	    "[--json]", 2, 12,
	    "Say what would happen to a message, and which line of the configuration decides it.",
	    explain_command_run, NULL },
	{ "import", "[--into folder] [--dry-run] [--json] file", 1, 6,
	    "Take over the virtual servers of IIS from MetaBase.xml, an export, or JSON of PowerShell; see "
	    "posternctl-import(8).", import_command_run, NULL },
	{ "version", "[--json]", 0, 1, "Show the version.", run_version, NULL },
	{ "help", "[command]", 0, 1, "Show what a command does.", run_help, NULL },
};
const size_t command_count = nitems_of(command_rows);

const struct command *
command_find(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(command_rows[i].name, name) == 0)
			return &command_rows[i];
	return NULL;
}

void
command_usage(FILE *out)
{
	fprintf(out, "usage: posternctl [-c file] [-s socket] [--on host,...] [--on-timeout time] command "
	    "[argument ...]\n");
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];

		fprintf(out, "  %-9s %-17s %s\n", row->name, row->arguments, row->meaning);
	}
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* What the row alone tells: how many words there are, and whether there are options. */
static int
judge_words(const struct command *row, const char *const *words, size_t count)
{
	bool plain = strstr(row->arguments, "--") == NULL && strstr(row->arguments, "option") == NULL;
	struct buf why = BUF_INIT(COMPLAINT_MAX);
	int status = EX_OK;

	for (size_t i = 0; plain && i < count && why.len == 0; i++)
		if (words[i][0] == '-')
			complaint_unknown(&why, "option", words[i], name_of_help, NULL);
	if (why.len == 0 && count < row->min)
		buf_printf(&why, "%s needs %zu word%s more", row->name, row->min - count,
		    row->min - count == 1 ? "" : "s");
	else if (why.len == 0 && count > row->max)
		buf_printf(&why, "%.60s is one word too many", words[row->max]);
	if (why.len > 0)
		status = usage_misused(row, &why);
	buf_done(&why);
	return status;
}

static int
run_row(const struct command_context *c, const struct command *row, const char **words, size_t count)
{
	int status;

	count = word_order_mend(words, count);
	status = judge_words(row, words + 1, count - 1);
	if (status == EX_OK && c->nodes != NULL)
		return nodes_command_run(c, row, words, count);
	return status == EX_OK ? row->run(c, row, words + 1, count - 1) : status;
}

int
command_run(const struct command_context *c, const char *const *words, size_t count)
{
	const struct command *row = count > 0 ? command_find(words[0]) : NULL;
	const char **mine;
	int status;

	if (count == 0) {
		command_usage(stderr);
		return EX_USAGE;
	}
	if (row == NULL)
		return say_unknown(words[0]);
	if (count > 1 && (is_help(words[1]) || is_help(words[count - 1])))
		return run_help(c, row, words, 1);
	mine = mem_array(NULL, count, sizeof(*mine));
	memcpy(mine, words, count * sizeof(*mine));
	status = run_row(c, row, mine, count);
	free(mine);
	return status;
}
