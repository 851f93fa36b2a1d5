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
#include "common/change/change_file.h"
#include "common/change/change_words.h"
#include "master/control/control_private.h"
#include "master/servers/servers.h"

/* Beside postern.ini. Owned by the caller. */
static char *
usual_folder(const struct master *m)
{
	const char *config = m->options.config_path;

	return mem_printf("%.*s/passwords", (int)(strrchr(config, '/') - config), config);
}

/* No virtual server can be called _manager. */
static char *
usual_path(const struct master *m, const struct server *s)
{
	char *folder = usual_folder(m), *path = mem_printf("%s/%s", folder, s != NULL ? s->name : "_manager");

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

static int
make_file(struct control_command *cmd, const struct master *m, const char *path)
{
	char *folder = usual_folder(m);
	int fd, result = -1;

	if (mkdir(folder, 0700) == 0) {
		char *above = mem_strndup(folder, (size_t)(strrchr(folder, '/') - folder));

		change_file_own(folder, above);
		(void)!disk_sync_folder_at(above);
		free(above);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 || disk_sync_whole(fd) == -1 || disk_sync_folder_at(folder) == -1)
		(void)say_errno(cmd, path);
	else
		result = 0;
	disk_close(fd);
	change_file_own(path, folder);
	free(folder);
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
	if (look(cmd, path) == 0 && (dry_run || make_file(cmd, m, path) == 0))
		change_keys(cmd, m, s, path, dry_run);
	free(path);
}
