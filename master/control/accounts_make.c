/*
 * accounts_make - accounts NAME make: an empty password file at its usual place, and the keys that name it
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  a file that is there already, with accounts of whatever time, is not taken over unseen. The keys
 *           are changed as by set: judged, shown, written, and in the history
 * Fails by: an answer that says so; at most an empty file stays, which the next try takes
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/change/change_words.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

/* No virtual server can be called _manager. */
static char *
usual_path(const struct master *m, const struct server *s)
{
	char *folder = accounts_folder_usual(m);
	char *path = mem_printf("%s/%s", folder, s != NULL ? s->name : "_manager");

	free(folder);
	return path;
}

static int
say_errno(struct control_command *cmd, const char *path)
{
	control_answer_say(cmd, EX_IOERR, "%s: %s", path, disk_reason(path, errno));
	return -1;
}

/* 0: there is an empty file of ours, or none; -1: it is said what there is. */
static int
look(struct control_command *cmd, const char *path)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : say_errno(cmd, path);
	if (S_ISREG(st.st_mode) && st.st_size == 0 && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	control_answer_say(cmd, CONTROL_REFUSED, "%s is there already, perhaps with accounts of an earlier "
	    "virtual server: look at it, then set the key to it, or remove it", path);
	return -1;
}

/* A descriptor; -1: it is said why not. */
static int
open_folder(struct control_command *cmd, const char *folder)
{
	struct buf why = BUF_INIT(MASTER_TEXT_MAX);
	int fd;

	if (mkdir(folder, 0700) == 0) {
		char *above = mem_strndup(folder, (size_t)(strrchr(folder, '/') - folder));

		(void)!disk_sync_folder_at(above[0] != '\0' ? above : "/");
		free(above);
	}
	fd = accounts_folder_open(folder, &why);
	if (fd == -1) {
		buf_add(&cmd->text, buf_text(&why), why.len);
		cmd->status = CONTROL_REFUSED;
	}
	buf_done(&why);
	return fd;
}

static int
make_file(struct control_command *cmd, int folder, const char *path)
{
	int fd = openat(folder, strrchr(path, '/') + 1, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int result = 0;

	if (fd == -1 || disk_sync_whole(fd) == -1 || disk_sync_folder(folder) == -1)
		result = say_errno(cmd, path);
	disk_close(fd);
	return result;
}

static int
make_all(struct control_command *cmd, const struct master *m, const char *path)
{
	char *usual = accounts_folder_usual(m);
	int folder = open_folder(cmd, usual), result = folder != -1 ? make_file(cmd, folder, path) : -1;

	disk_close(folder);
	free(usual);
	return result;
}

/* "access.authentication=..." with what there is, and basic; owned by the caller. */
static char *
with_basic(const struct config_server *conf)
{
	return mem_printf("access.authentication=%sbasic%s",
	    conf->authentication & CONFIG_AUTH_ANONYMOUS ? "anonymous," : "",
	    conf->authentication & CONFIG_AUTH_INTEGRATED ? ",integrated" : "");
}

static void
change_keys(struct control_command *cmd, struct master *m, struct server *s, const char *path, bool dry_run)
{
	bool adds_basic = s != NULL && !(s->conf->authentication & CONFIG_AUTH_BASIC);
	char *file = mem_printf("%s=%s", s != NULL ? "access.password-file" : "manager.accounts", path);
	char *basic = adds_basic ? with_basic(s->conf) : NULL;
	struct control_words set = { .count = 2, .word = { "set", s != NULL ? s->name : "-" } };

	if (dry_run)
		set.word[set.count++] = CHANGE_WORDS_DRY_RUN;
	set.word[set.count++] = file;
	if (basic != NULL)
		set.word[set.count++] = basic;
	change_request_run(cmd, m, s, &set);
	free(file);
	free(basic);
}

void
accounts_make_run(struct control_command *cmd, struct master *m, struct server *s,
    const struct control_words *w)
{
	bool dry_run = w->count == 4 && strcmp(w->word[3], CHANGE_WORDS_DRY_RUN) == 0;
	char *path;

	if (w->count != (dry_run ? 4U : 3U)) {
		control_answer_say(cmd, EX_USAGE, "the service does not understand this: accounts NAME make");
		return;
	}
	if (control_rights_service(m, cmd->peer) < CONTROL_CONFIGURE) {
		control_answer_say(cmd, EX_NOPERM,
		    "only an operator of the service may name a password file");
		return;
	}
	if (s != NULL && s->conf == NULL) {
		control_answer_say(cmd, CONTROL_REFUSED, "the file of %s has errors: mend it first", s->name);
		return;
	}
	if (accounts_rights_path(m, s) != NULL) {
		control_answer_say(cmd, CONTROL_REFUSED, "there is a password file: %s",
		    accounts_rights_path(m, s));
		return;
	}
	path = usual_path(m, s);
	if (look(cmd, path) == 0 && (dry_run || make_all(cmd, m, path) == 0))
		change_keys(cmd, m, s, path, dry_run);
	free(path);
}
