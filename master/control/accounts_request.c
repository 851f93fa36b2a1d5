/*
 * accounts_request - accounts: the accounts of a password file are listed, made, changed and removed by the
 * auth helper
 *
 * Runs in:  master
 * Owns:     one command, with the lock of its file, until it is answered
 * Promise:  the password is a descriptor that is handed on: it is never read here. Who changes a file has the
 *           right on all virtual servers that use it, and it lies in the folder for that. When the command is
 *           answered the auth helper knows of the change. Each change is an event
 * Fails by: a status; the text says why, and the file is as it was
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/ipc/passed_secret.h"
#include "common/msg/msg_accounts.h"
#include "master/control/control_private.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define WAIT_MS 30000U
#define LOCKED_MS 20U		/* until a lock that another process has is tried again */
#define CHANGES_AT_ONCE 20U	/* of one user */
#define CHANGES_MS 1000U	/* then one each */
#define PASSWORD_MAX 1024U	/* bytes that are handed on; the auth helper says what a password may be */

struct accounts_request {
	struct test_request r;		/* first */
	struct msg_accounts what;
	struct accounts_file file;
	struct loop_timer *again;
	int password;			/* -1: none */
	bool locked, done;		/* done: the file is replaced */
	char who[CONTROL_ANSWER_WHO_SIZE];
};

static const char *const verbs[ACCOUNTS_VERBS] = {
	[ACCOUNTS_LIST] = "list", [ACCOUNTS_SET] = "set", [ACCOUNTS_REMOVE] = "remove",
};

static struct accounts_request *
request_of(struct control_question *q)
{
	return (struct accounts_request *)(void *)q;	/* its first member */
}

/* What the auth helper may say of a file that it has written. */
static const struct { const char *result; enum msg_accounts_verb verb; } results[] = {
	{ "made", ACCOUNTS_SET }, { "changed", ACCOUNTS_SET }, { "removed", ACCOUNTS_REMOVE },
};

/* NULL: it is none. */
static const char *
result_of(const struct accounts_request *r)
{
	for (size_t i = 0; i < nitems_of(results); i++)
		if ((uint8_t)results[i].verb == r->what.verb &&
		    strcmp(results[i].result, buf_text(&r->r.text)) == 0)
			return results[i].result;
	return NULL;
}

static void
tell(const struct accounts_request *r, const char *result, const char *reason)
{
	log_event(LOG_FACT, NULL, "operator",
	    "server=%s %s command=accounts verb=%s account=%s result=%s%s%s",
	    r->what.server[0] != '\0' ? r->what.server : "-", r->who, verbs[r->what.verb],
	    log_safe(r->what.name), result, reason != NULL ? " reason=" : "",
	    reason != NULL ? log_safe(reason) : "");
}

/* --- to the auth helper --- */

static void
hand(struct accounts_request *r, enum msg_accounts_verb verb, int fd)
{
	struct msg_accounts message = r->what;

	message.verb = (uint8_t)verb;
	control_question_hand(&r->r.q, 0, &message, sizeof(message), fd);
}

static void
close_one(int *fd)
{
	disk_close(*fd);
	*fd = -1;
}

static void
ask_for_change(struct accounts_request *r, struct child *helper)
{
	int got = r->locked ? 1 : accounts_file_lock(&r->file, &r->r.text);

	if (got == 0) {
		loop_timer_set(r->again, LOCKED_MS);
		return;
	}
	r->locked = got == 1;
	if (!r->locked || accounts_file_begin(&r->file, &r->r.text) == -1) {
		test_request_end(&r->r, EX_IOERR);
		return;
	}
	control_question_turn(&r->r.q, 0, helper);
	hand(r, ACCOUNTS_OLD, r->file.old);
	hand(r, ACCOUNTS_NEW, r->file.new);
	hand(r, (enum msg_accounts_verb)r->what.verb, r->password);
	close_one(&r->file.old);
	close_one(&r->password);
}

static void
ask_auth(struct test_request *t, struct child *helper)
{
	struct accounts_request *r = request_of(&t->q);

	if (r->what.verb != ACCOUNTS_LIST) {
		if (!loop_timer_is_set(r->again))
			ask_for_change(r, helper);
		return;
	}
	if (accounts_file_open(&r->file, &r->r.text) == -1) {
		test_request_end(&r->r, EX_IOERR);
		return;
	}
	control_question_turn(&r->r.q, 0, helper);
	hand(r, ACCOUNTS_OLD, r->file.old);
	hand(r, ACCOUNTS_LIST, -1);
	close_one(&r->file.old);
}

static void
on_again(void *arg)
{
	struct accounts_request *r = arg;
	struct master *m = r->r.q.m;

	test_request_ask(&r->r);
	m->ops->changed(m);	/* may free r */
}

/* --- what it said --- */

/* The new file is written: it takes its place, and logins that begin now have it. */
static void
put_in_place(struct accounts_request *r)
{
	const char *result = result_of(r);
	int rc;

	buf_clear(&r->r.text);
	if (result == NULL) {
		buf_puts(&r->r.text, "the answer of the auth helper is none; nothing was changed\n");
		test_request_end(&r->r, EX_SOFTWARE);
		return;
	}
	rc = accounts_file_check(&r->file, r->what.verb == ACCOUNTS_REMOVE, &r->r.text);
	if (rc == 0)
		rc = accounts_file_commit(&r->file, &r->r.text);
	if (rc == -1) {
		test_request_end(&r->r, EX_IOERR);
		return;
	}
	r->done = true;
	if (rc == 1)
		r->r.status = EX_IOERR;		/* stays: the first fault counts */
	tell(r, result, rc == 1 ? "the folder was not synced" : NULL);
	buf_printf(&r->r.text, "account %s %s\n", log_safe(r->what.name), result);
	hand(r, ACCOUNTS_FORGET, -1);
}

static void
on_page(struct control_question *q, size_t part, const struct ctl_message *m)
{
	struct accounts_request *r = request_of(q);
	int32_t status;

	if (m->type == CTL_TEST_TEXT) {
		test_request_take_text(&r->r, m);
		return;
	}
	memcpy(&status, m->data, sizeof(status));
	if (status == EX_OK && r->what.verb != ACCOUNTS_LIST && !r->done)
		put_in_place(r);
	else
		test_request_end(&r->r, status);
}

/* The next one knows nothing of the file before. */
static void
on_gone(struct control_question *q, size_t part)
{
	struct accounts_request *r = request_of(q);

	if (r->done)
		test_request_end(&r->r, EX_OK);
	else
		test_request_gone(q, part);
}

static void
on_late(struct control_question *q)
{
	struct accounts_request *r = request_of(q);

	if (r->what.verb != ACCOUNTS_LIST && !r->locked)
		buf_printf(&r->r.text, "%s: another process has it locked; nothing was changed\n",
		    r->file.path);
	else
		buf_puts(&r->r.text, "no answer from the auth helper\n");
	test_request_end(&r->r, EX_TEMPFAIL);
}

static void
free_request(struct control_question *q)
{
	struct accounts_request *r = request_of(q);

	loop_timer_free(r->again);
	accounts_file_done(&r->file);
	disk_close(r->password);
	test_request_free(q);
}

static const struct control_question_ops accounts_ops = {
	.ask = CTL_ACCOUNTS, .answer = CTL_TEST_END, .text = CTL_TEST_TEXT, .page = on_page, .gone = on_gone,
	.late = on_late, .update = test_request_update, .free = free_request,
};

/* --- the command --- */

/* False: the words are none. */
static bool
take_words(struct msg_accounts *what, const struct control_words *w)
{
	size_t words = 3;

	if (w->count < 3)
		return false;
	for (size_t i = ACCOUNTS_LIST; i < nitems_of(verbs); i++)
		if (verbs[i] != NULL && strcmp(verbs[i], w->word[2]) == 0)
			what->verb = (uint8_t)i;
	if (what->verb == ACCOUNTS_SET || what->verb == ACCOUNTS_REMOVE) {
		if (w->count < 4 || strlen(w->word[3]) >= sizeof(what->name))
			return false;
		strcpy(what->name, w->word[3]);
		words = 4;
	}
	if (what->verb == ACCOUNTS_SET && w->count == 5 && strcmp(w->word[4], "yescrypt") == 0) {
		what->yescrypt = 1;
		words = 5;
	}
	return what->verb != 0 && w->count == words;
}

/* True: the command is answered. */
static bool
is_refused(struct control_command *cmd, const struct master *m, const struct msg_accounts *what,
    const char *path)
{
	static struct author_rate rate = { .burst = CHANGES_AT_ONCE, .each_ms = CHANGES_MS };
	bool named = what->verb != ACCOUNTS_LIST;

	if (m->stopping)
		control_answer_say(cmd, CONTROL_REFUSED, "the service is stopping");
	else if (!accounts_rights_check(cmd, m, path))
		return true;
	else if (named && !passwd_file_name_is_good(what->name, strlen(what->name)))
		control_answer_say(cmd, EX_DATAERR, "no account can be called %s: a name has 1 to 255 bytes, "
		    "no colon, no control byte, no blank at its end, and begins with no #",
		    log_safe(what->name));
	else if (what->verb == ACCOUNTS_SET && !passed_secret_is_one(cmd->input, PASSWORD_MAX))
		control_answer_say(cmd, EX_DATAERR, "no password of at most 510 bytes came with the command");
	else if (named && control_rights_service(m, cmd->peer) < CONTROL_CONFIGURE &&
	    !author_rate_take(&rate, cmd->peer->author, clock_mono_ms()))
		control_answer_say(cmd, CONTROL_REFUSED, CONTROL_TOO_FAST);
	return cmd->text.len > 0;
}

/* -1: the command is answered. */
static int
find_folder(struct control_command *cmd, const struct master *m, const char *path, bool changes)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	int folder = accounts_folder_find(m, path, changes, &why);

	if (folder == -1) {
		buf_add(&cmd->text, buf_text(&why), why.len);
		cmd->status = CONTROL_REFUSED;
	}
	buf_done(&why);
	return folder;
}

static void
put_remarks(struct buf *text, const struct master *m, const struct server *s, const char *path)
{
	accounts_rights_put_others(m, s, text);
	if (!accounts_folder_is_usual(m, path))
		accounts_folder_say(m, path, text);
}

void
accounts_request_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	const char *path = accounts_rights_path(m, s);
	struct accounts_request *r;
	struct msg_accounts what = { 0 };
	int folder;

	if (w->count > 2 && strcmp(w->word[2], "make") == 0) {
		accounts_make_run(cmd, m, s, w);
		return;
	}
	if (!take_words(&what, w)) {
		control_answer_say(cmd, EX_USAGE, "the service does not understand this: accounts NAME list, "
		    "set ACCOUNT, remove ACCOUNT or make");
		return;
	}
	if (path == NULL) {
		control_answer_say(cmd, CONTROL_NO_MATCH, "%s", s != NULL ?
		    "this virtual server has no password file" : "the manager has no file of accounts");
		return;
	}
	if (is_refused(cmd, m, &what, path))
		return;
	folder = find_folder(cmd, m, path, what.verb != ACCOUNTS_LIST);
	if (folder == -1)
		return;
	r = mem_new(struct accounts_request);
	r->what = what;
	r->r.helper = CTL_HELPER_AUTH;
	r->r.ask = ask_auth;
	r->r.who = "the auth helper";
	r->password = -1;
	if (what.verb == ACCOUNTS_SET)
		r->password = fcntl(cmd->input, F_DUPFD_CLOEXEC, 0);
	snprintf(r->what.server, sizeof(r->what.server), "%s", s != NULL ? s->name : "");
	control_answer_who(r->who, cmd);
	accounts_file_init(&r->file, folder, path);
	r->again = loop_timer_new(m->loop, on_again, r);
	test_request_open(&r->r, cmd, m, &accounts_ops, WAIT_MS);
	if (what.verb == ACCOUNTS_LIST)
		put_remarks(&r->r.text, m, s, path);
	test_request_ask(&r->r);
}
