/*
 * passwd - posternctl passwd: makes, changes and removes accounts of a password file
 *
 * Runs in:  posternctl
 * Owns:     the lock of the file while it is changed
 * Promise:  the file is replaced as a whole and keeps owner and mode. A password is never an argument of a
 *           command and is erased from memory
 * Fails by: an exit status; the file is as it was
 */
#include <bsd/readpassphrase.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/account/passwd_file.h"
#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config.h"
#include "common/password/account_hash.h"
#include "common/password/account_lines.h"
#include "master/posternctl/change/change.h"

enum { PASSWORD_SIZE = ACCOUNT_HASH_PASSWORD_MAX + 2 };

enum passwd_act { ACT_SET, ACT_DELETE, ACT_LIST };

struct passwd {
	enum passwd_act act;
	bool yescrypt, from_stdin, json;
	const char *name;		/* NULL: list */
	char *path;
	int fd;				/* the file, locked */
	struct stat st;
	struct buf text;		/* its content */
};

/* --- the password and its hash --- */

static int
read_stdin(char *password)
{
	size_t n;

	if (fgets(password, PASSWORD_SIZE, stdin) == NULL)
		return -1;
	n = strcspn(password, "\r\n");
	if (password[n] == '\0' && n == PASSWORD_SIZE - 1)
		return -1;
	password[n] = '\0';
	return 0;
}

static int
read_terminal(char *password)
{
	char again[PASSWORD_SIZE];
	int rc = -1;

	if (readpassphrase("New password: ", password, PASSWORD_SIZE, RPP_REQUIRE_TTY) == NULL ||
	    readpassphrase("Once more: ", again, sizeof(again), RPP_REQUIRE_TTY) == NULL)
		fprintf(stderr, "posternctl: there is no terminal to ask for the password; use --stdin\n");
	else if (strcmp(password, again) != 0)
		fprintf(stderr, "posternctl: the two are not the same\n");
	else
		rc = 0;
	explicit_bzero(again, sizeof(again));
	return rc;
}

static int
make_hash(const struct passwd *p, struct buf *out)
{
	char password[PASSWORD_SIZE];
	int rc = p->from_stdin ? read_stdin(password) : read_terminal(password);
	const char *why = NULL;

	if (rc == -1 && p->from_stdin)
		fprintf(stderr, "posternctl: no password of at most %d bytes on the standard input\n",
		    ACCOUNT_HASH_PASSWORD_MAX);
	if (rc == 0)
		why = account_hash_fault(password, strlen(password));
	if (rc == 0 && why == NULL)
		why = account_hash_make(out, password, p->yescrypt);
	if (why != NULL)
		fprintf(stderr, "posternctl: %s\n", why);
	explicit_bzero(password, sizeof(password));
	return rc == 0 && why == NULL ? 0 : -1;
}

/* --- the file --- */

static int
say_failure(const struct passwd *p, const char *what)
{
	fprintf(stderr, "posternctl: %s: %s%s\n", p->path, what, strerror(errno));
	return errno == EACCES || errno == EPERM ? EX_NOPERM : EX_CANTCREAT;
}

/* Opens, locks and reads the file; again when it was replaced between open and lock. */
static int
open_locked(struct passwd *p)
{
	struct stat now;
	ssize_t n;
	size_t size;
	char *room;

	for (;;) {
		int flags = p->act == ACT_SET ? O_RDWR | O_CREAT : O_RDONLY;

		p->fd = open(p->path, flags | O_CLOEXEC | O_NOCTTY, 0600);
		if (p->fd == -1 || flock(p->fd, LOCK_EX) == -1 || fstat(p->fd, &p->st) == -1)
			return say_failure(p, "");
		if (!S_ISREG(p->st.st_mode) || p->st.st_size > PASSWD_FILE_MAX) {
			fprintf(stderr, "posternctl: %s is no password file\n", p->path);
			return EX_DATAERR;
		}
		if (stat(p->path, &now) == 0 && now.st_ino == p->st.st_ino && now.st_dev == p->st.st_dev)
			break;
		close(p->fd);
	}
	size = (size_t)p->st.st_size;
	room = size > 0 ? buf_room(&p->text, size) : NULL;
	if (room == NULL)
		return EX_OK;
	n = disk_pread(p->fd, room, size, 0);
	if (n == -1)
		return say_failure(p, "");
	p->text.len = (size_t)n;
	return EX_OK;
}

static int
replace_file(const struct passwd *p, const struct buf *text)
{
	char *temporary = mem_printf("%s.new", p->path);
	int status, fd, rc;

	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	rc = -1;
	if (fd != -1 && (geteuid() != 0 || fchown(fd, p->st.st_uid, p->st.st_gid) == 0) &&
	    fchmod(fd, p->st.st_mode & (S_IRUSR | S_IWUSR | S_IRGRP)) == 0 &&
	    disk_write(fd, text->data, text->len) == 0 && disk_sync(fd) == 0)
		rc = rename(temporary, p->path);
	status = rc == 0 ? EX_OK : say_failure(p, "cannot be replaced: ");
	if (fd != -1)
		close(fd);
	if (rc != 0)
		(void)unlink(temporary);
	free(temporary);
	return status;
}

static void
on_line_fault(void *arg, unsigned line, const char *why)
{
	const struct passwd *p = arg;

	fprintf(stderr, "%s:%u: %s\n", p->path, line, why);
}

static int
list_accounts(struct passwd *p)
{
	struct passwd_account_list *l = passwd_file_list_parse(buf_text(&p->text), p->text.len,
	    on_line_fault, p);

	json_t *document = answers_new(), *rows = json_array();

	for (size_t i = 0; i < l->count; i++) {
		const char *name = l->account[i].name, *kind = l->account[i].hash == NULL ? "scram-sha-256" :
		    "crypt";
		json_t *row = json_object();

		if (!p->json)
			printf("%s %s\n", name, kind);
		answers_value_put_bytes(row, "name", name, strlen(name));
		answers_value_put_bytes(row, "kind", kind, strlen(kind));
		json_array_append_new(rows, row);
	}
	answers_value_put_bytes(document, "file", p->path, strlen(p->path));
	json_object_set_new(document, "accounts", rows);
	if (p->json)
		answers_print(document, stdout);
	json_decref(document);
	passwd_file_list_free(l);
	return EX_OK;
}

static int
change_account(struct passwd *p)
{
	struct buf hash = BUF_INIT(1024), text = BUF_INIT(PASSWD_FILE_MAX);
	int status = EX_OK;

	if (p->act == ACT_SET && make_hash(p, &hash) == -1)
		status = EX_DATAERR;
	if (status == EX_OK)
		status = open_locked(p);
	if (status == EX_OK) {
		bool found = account_lines_change(&text, buf_text(&p->text), p->text.len, p->name,
		    buf_text(&hash));

		if (p->act == ACT_DELETE && !found) {
			fprintf(stderr, "posternctl: %s has no account %s\n", p->path, log_safe(p->name));
			status = 3;
		} else if (!buf_ok(&text)) {
			fprintf(stderr, "posternctl: %s would be too large\n", p->path);
			status = EX_CANTCREAT;
		} else {
			status = replace_file(p, &text);
		}
		if (status == EX_OK)
			printf("account %s %s\n", log_safe(p->name),
			    p->act == ACT_DELETE ? "deleted" : found ? "changed" : "made");
	}
	if (text.len > 0)
		explicit_bzero(text.data, text.len);
	buf_done(&hash);
	buf_done(&text);
	return status;
}

/* --- the command --- */

/* `word` when it has a slash, else the password file of that virtual server. NULL: the reason is printed. */
static char *
find_path(const char *config_path, const char *word)
{
	struct config_faults faults;
	struct config *c;
	const struct config_server *s;
	char *path;

	if (strchr(word, '/') != NULL)
		return mem_strdup(word);
	faults = (struct config_faults){ 0 };
	c = config_read(config_path, &faults);
	s = c != NULL ? config_server_by_name(c, word) : NULL;
	path = s != NULL ? mem_strdup(s->password_file) : NULL;
	if (path == NULL)
		fprintf(stderr, "posternctl: %s %s\n",
		    s != NULL ? "there is no password-file in the configuration of" :
		    "no (faultless) configuration of a virtual server", log_safe(word));
	config_free(c);
	config_faults_done(&faults);
	return path;
}

/* The words of the command. EX_USAGE: it has been said why. */
static int
take_words(struct passwd *p, const char *plain[2], const struct command *row, const char *const *words,
    size_t count)
{
	bool delete = false, list = false, scram = false;
	const struct option_row options[] = {
		{ .word = "--scram", .set = &scram }, { .word = "--yescrypt", .set = &p->yescrypt },
		{ .word = "--stdin", .set = &p->from_stdin }, { .word = "--delete", .set = &delete },
		{ .word = "--list", .set = &list }, { .word = "--json", .set = &p->json }, { .word = NULL },
	};
	int status = options_take(row, words, count, options, plain, 2);

	p->act = delete ? ACT_DELETE : list ? ACT_LIST : ACT_SET;
	p->name = plain[1];
	if (status != EX_OK)
		return status;
	if (plain[0] == NULL)
		return usage_say(row, "say which file, or the virtual server that uses it");
	if (list != (p->name == NULL))
		return usage_say(row, list ? "--list is about all accounts: name none" :
		    "say which account");
	return p->json && !list ? usage_say(row, "--json is for --list") : EX_OK;
}

int
passwd_run(const struct command_context *c, const struct command *row, const char *const *words, size_t count)
{
	struct passwd p = { .fd = -1, .text = BUF_INIT(PASSWD_FILE_MAX) };
	const char *plain[2] = { NULL, NULL };
	int status = take_words(&p, plain, row, words, count);

	if (status != EX_OK)
		return status;
	if (p.name != NULL && !passwd_file_name_is_good(p.name, strlen(p.name))) {
		fprintf(stderr, "posternctl: no account can be called %s\n", log_safe(p.name));
		return EX_DATAERR;
	}
	p.path = find_path(command_send_config(c), plain[0]);
	if (p.path == NULL)
		return EX_CONFIG;
	status = p.act == ACT_LIST ? open_locked(&p) : change_account(&p);
	if (p.act == ACT_LIST && status == EX_OK)
		status = list_accounts(&p);
	if (p.fd != -1)
		close(p.fd);
	if (p.text.len > 0)
		explicit_bzero(p.text.data, p.text.len);
	buf_done(&p.text);
	free(p.path);
	return status;
}
