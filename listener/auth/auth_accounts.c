/*
 * auth_accounts - the accounts of a password file, for operators: listed, and the file written anew with one
 * of them changed
 *
 * Runs in:  auth; work on a pool thread, one at a time
 * Owns:     the descriptors of a job until it is done
 * Promise:  files are those that the master has opened for this job: the old one is read, the new one is
 *           written and synced before the master hears of it. No hash and no password is in an answer
 * Fails by: a status, and one line that says why; the new file is then worth nothing
 */
#include <bsd/sys/queue.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/command/control_words.h"
#include "common/msg/msg_accounts.h"
#include "common/password/account_hash.h"
#include "common/password/account_lines.h"
#include "listener/auth/auth.h"

#define PIECE 4096U			/* of CTL_TEST_TEXT */
#define LIST_MAX (3U << 20)		/* bytes of an answer */

struct job {
	LIST_ENTRY(job) link;
	struct auth *auth;
	struct msg_accounts what;
	uint32_t request;
	int old, new, password;		/* -1: there is none */
	struct buf text;		/* the answer */
	int32_t status;
	struct passwd_account_list *list;	/* LIST: rows of it are made on the loop */
};

struct auth_accounts {
	struct auth *auth;
	struct pool_lane *lane;
	int old, new;			/* for what follows; -1 */
	LIST_HEAD(, job) jobs;
};

static void
close_one(int *fd)
{
	disk_close(*fd);
	*fd = -1;
}

static void
free_job(struct job *j)
{
	LIST_REMOVE(j, link);
	close_one(&j->old);
	close_one(&j->new);
	close_one(&j->password);
	passwd_file_list_free(j->list);
	buf_done(&j->text);
	free(j);
}

static void
fail(struct job *j, int status, const char *why)
{
	j->status = status;
	buf_printf(&j->text, "%s\n", why);
}

/* --- on a pool thread --- */

/* NULL: it has failed. The caller wipes and frees it. */
static char *
read_old(struct job *j, size_t *len)
{
	char *data = j->old != -1 ? disk_read_whole(j->old, PASSWD_FILE_MAX, len) : NULL;

	if (data == NULL)
		fail(j, EX_IOERR, j->old == -1 ? "there is no password file" : strerror(errno));
	return data;
}

static void
on_fault(void *arg, unsigned line, const char *why)
{
	struct job *j = arg;

	buf_printf(&j->text, "Line %u of the password file: %s; nobody can log in by it.\n", line, why);
}

static void
list_accounts(struct job *j)
{
	size_t len = 0;
	char *data = read_old(j, &len);

	if (data == NULL)
		return;
	j->list = passwd_file_list_parse(data, len, on_fault, j);
	explicit_bzero(data, len);
	free(data);
}

static void
write_new(struct job *j, const struct buf *text)
{
	if (!buf_ok(text))
		fail(j, EX_CANTCREAT, "the password file would be too large");
	else if (disk_write(j->new, text->data, text->len) == -1 || disk_sync_whole(j->new) == -1)
		fail(j, EX_IOERR, strerror(errno));
}

/* `hash` "": the account goes. */
static void
change_account(struct job *j, const char *hash)
{
	struct buf text = BUF_INIT(PASSWD_FILE_MAX);
	size_t len = 0;
	char *data = read_old(j, &len);
	bool found;

	if (data == NULL)
		return;
	found = account_lines_change(&text, data, len, j->what.name, hash);
	if (!found && hash[0] == '\0')
		fail(j, CONTROL_NO_MATCH, "there is no such account any more");
	else
		write_new(j, &text);
	if (j->status == EX_OK)
		buf_puts(&j->text, hash[0] == '\0' ? "removed" : found ? "changed" : "made");
	if (text.len > 0)
		explicit_bzero(text.data, text.len);
	buf_done(&text);
	explicit_bzero(data, len);
	free(data);
}

static void
set_account(struct job *j)
{
	char password[ACCOUNT_HASH_PASSWORD_MAX + 2];
	struct buf hash = BUF_INIT(1024);
	ssize_t n = disk_pread(j->password, password, sizeof(password) - 1, 0);
	const char *why = n < 0 ? strerror(errno) : account_hash_fault(password, (size_t)n);

	password[n > 0 ? n : 0] = '\0';
	if (why == NULL)
		why = account_hash_make(&hash, password, j->what.yescrypt != 0);
	explicit_bzero(password, sizeof(password));
	if (why != NULL)
		fail(j, EX_DATAERR, why);
	else
		change_account(j, buf_text(&hash));
	if (hash.len > 0)
		explicit_bzero(hash.data, hash.len);
	buf_done(&hash);
}

static void
work(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct job *j = jobs[i];

		if (j->what.verb == ACCOUNTS_LIST)
			list_accounts(j);
		else if (j->what.verb == ACCOUNTS_SET)
			set_account(j);
		else
			change_account(j, "");
		close_one(&j->old);
		close_one(&j->new);
		close_one(&j->password);
	}
}

/* --- on the loop --- */

static void
answer(struct job *j)
{
	struct ctl *master = j->auth->boot->master;

	for (size_t at = 0, n; at < j->text.len; at += n) {
		n = j->text.len - at < PIECE ? j->text.len - at : PIECE;
		(void)!ctl_send(master, CTL_TEST_TEXT, j->request, j->text.data + at, n, -1);
	}
	(void)!ctl_send(master, CTL_TEST_END, j->request, &j->status, sizeof(j->status), -1);
	free_job(j);
}

/* Names have no control byte (passwd_file), but may begin with what marks other lines. */
static void
put_rows(struct job *j)
{
	for (size_t i = 0; j->list != NULL && i < j->list->count; i++) {
		const struct passwd_account *a = &j->list->account[i];
		int64_t seen_s = auth_seen_get(j->auth->seen, j->what.server, a->name);

		buf_printf(&j->text, "%s\t%s\t", a->hash == NULL ? "scram-sha-256" : "crypt", a->name);
		if (seen_s != 0)
			buf_printf(&j->text, "%lld\n", (long long)seen_s);
		else
			buf_puts(&j->text, "-\n");
	}
	if (!buf_ok(&j->text)) {
		buf_done(&j->text);
		buf_init(&j->text, LIST_MAX);
		fail(j, EX_DATAERR, "there are more accounts than are shown: see posternctl passwd --list");
	}
}

static void
worked(void *arg, void *job)
{
	struct job *j = job;

	put_rows(j);
	answer(j);
}

struct auth_accounts *
auth_accounts_new(struct auth *a)
{
	struct auth_accounts *v = mem_new(struct auth_accounts);

	*v = (struct auth_accounts){ .auth = a, .old = -1, .new = -1 };
	LIST_INIT(&v->jobs);
	v->lane = pool_lane_new(a->pool, 1, 1, work, worked, v);
	return v;
}

void
auth_accounts_free(struct auth_accounts *v)
{
	struct job *j;

	while ((j = LIST_FIRST(&v->jobs)) != NULL)
		free_job(j);
	close_one(&v->old);
	close_one(&v->new);
	free(v);
}

static void
begin_job(struct auth_accounts *v, const struct msg_accounts *what, const struct ctl_message *m)
{
	struct job *j = mem_new(struct job);

	*j = (struct job){ .auth = v->auth, .what = *what, .request = m->request, .old = v->old,
	    .new = v->new, .password = ctl_take_fd(m), .text = BUF_INIT(LIST_MAX) };
	v->old = v->new = -1;
	LIST_INSERT_HEAD(&v->jobs, j, link);
	if (what->verb != ACCOUNTS_FORGET) {
		pool_submit(v->lane, j);
		return;
	}
	secret_files_replaced(v->auth->secret_files);
	answer(j);
}

void
auth_accounts_take(struct auth_accounts *v, const struct ctl_message *m)
{
	struct msg_accounts what;
	int *kept;

	if (!msg_accounts_take(&what, m->data, m->len))
		return;
	if (what.verb != ACCOUNTS_OLD && what.verb != ACCOUNTS_NEW) {
		begin_job(v, &what, m);
		return;
	}
	kept = what.verb == ACCOUNTS_OLD ? &v->old : &v->new;
	close_one(kept);
	*kept = ctl_take_fd(m);
}
