/*
 * unit_file - the unit of systemd: whether this host has it, and which folders it lets the service write to
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  reads the unit and its drop-ins as text, and asks systemd nothing; what it does not understand
 *           allows all
 * Fails by: "it is allowed"
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/host/unit_file.h"
#include "common/host/unit_text.h"

enum { LISTED_WRITE, LISTED_BIND, LISTED_STATE, LISTED_RUN, LISTED_LOGS, LISTED_CACHE, LISTED_COUNT };

struct unit_file {
	const char *path;		/* that is looked for */
	bool strict;			/* ProtectSystem=strict: only named folders may be written to */
	bool own_tmp;			/* PrivateTmp=: /tmp and /var/tmp are not those of the host */
	enum { HOME_SHOWN, HOME_READ_ONLY, HOME_EMPTY, HOME_HIDDEN } home;
	bool listed[LISTED_COUNT];
	bool unknown;			/* something was not understood */
};

/* "" but in tests: a folder in front of all paths. */
static const char *
unit_root(void)
{
#ifdef POSTERN_TEST
	const char *root = getenv("POSTERN_UNIT_ROOT");

	if (root != NULL)
		return root;
#endif
	return "";
}

/* The path of the unit, owned by the caller; NULL: this host does not run systemd, or has no such unit. */
static char *
find_unit(void)
{
	static const char *const folders[] = {
		"/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system",
		"/usr/local/lib/systemd/system",
	};
	const char *root = unit_root();

	if (*root == '\0' && access("/run/systemd/system", F_OK) == -1)
		return NULL;
	for (size_t i = 0; i < nitems_of(folders); i++) {
		char *path = mem_printf("%s%s/postern.service", root, folders[i]);

		if (access(path, F_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

bool
unit_file_is_there(void)
{
	char *path = find_unit();
	bool there = path != NULL;

	free(path);
	return there;
}

bool
unit_file_reads(const char *config_path)
{
	return *unit_root() != '\0' || strcmp(config_path, POSTERN_SYSCONFDIR "/postern/postern.ini") == 0;
}

char *
unit_file_drop_in(void)
{
	return mem_printf("%s/etc/systemd/system/postern.service.d/folders.conf", unit_root());
}

static bool
is_below(const char *path, const char *folder, size_t len)
{
	while (len > 1 && folder[len - 1] == '/')
		len--;
	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/' || len == 1);
}

/* The folders of one line: "-/var/spool/postern /srv/mail"; names alone are below `base`. No word: none. */
static void
take_folders(struct unit_file *u, bool *listed, const char *base, const char *value)
{
	struct buf word = BUF_INIT(UNIT_FILE_MAX);
	int found;

	if (*value == '\0')
		*listed = false;
	while ((found = unit_text_word(&value, &word)) == 1) {
		const char *name = buf_text(&word) + strspn(buf_text(&word), "-+");
		char *folder = mem_printf("%s%s", base, name);

		/* SOURCE:TARGET of BindPaths is more than is understood here */
		*listed = *listed || is_below(u->path, folder, strlen(folder));
		free(folder);
	}
	u->unknown |= found == -1;
	buf_done(&word);
}

static bool
is_one_of(const char *value, const char *words)
{
	const char *found = strstr(words, value);

	return *value != '\0' && found != NULL && found[strlen(value)] == ' ' &&
	    (found == words || found[-1] == ' ');
}

static void
take_line(void *arg, const char *section, const char *key, const char *value)
{
	static const struct { const char *name, *base; int list; } rows[] = {
		{ "ReadWritePaths", "", LISTED_WRITE }, { "ReadWriteDirectories", "", LISTED_WRITE },
		{ "BindPaths", "", LISTED_BIND }, { "StateDirectory", "/var/lib/", LISTED_STATE },
		{ "RuntimeDirectory", "/run/", LISTED_RUN }, { "LogsDirectory", "/var/log/", LISTED_LOGS },
		{ "CacheDirectory", "/var/cache/", LISTED_CACHE },
	};
	struct unit_file *u = arg;

	if (strcmp(section, "Service") != 0)
		return;
	if (strcmp(key, "ProtectSystem") == 0)
		u->strict = strcmp(value, "strict") == 0;
	else if (strcmp(key, "PrivateTmp") == 0)
		u->own_tmp = is_one_of(value, "yes true on 1 y t disconnected ");
	else if (strcmp(key, "ProtectHome") == 0)
		u->home = is_one_of(value, "yes true on 1 y t ") ? HOME_HIDDEN : strcmp(value, "tmpfs") == 0 ?
		    HOME_EMPTY : strcmp(value, "read-only") == 0 ? HOME_READ_ONLY : HOME_SHOWN;
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strcmp(key, rows[i].name) == 0)
			take_folders(u, &u->listed[rows[i].list], rows[i].base, value);
}

/* `text` NULL: that of the file. */
static void
read_unit(struct unit_file *u, const char *path, const char *text)
{
	int fd = text == NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
	size_t len;
	char *data = fd != -1 ? disk_read_whole(fd, UNIT_FILE_MAX, &len) : NULL;

	u->unknown |= fd != -1 && data == NULL;
	if (text != NULL || data != NULL)
		unit_text_each(text != NULL ? text : data, take_line, u);
	free(data);
	if (fd != -1)
		close(fd);
}

/* The drop-ins in the order of their names; `text` in the place of our own. */
static void
read_drop_ins(struct unit_file *u, const char *text)
{
	char *pattern = mem_printf("%s/etc/systemd/system/postern.service.d/*.conf", unit_root());
	char *own = unit_file_drop_in();
	glob_t found = { 0 };
	bool pending = text != NULL;

	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			int order = strcmp(found.gl_pathv[i], own);

			if (pending && order >= 0)
				read_unit(u, own, text);
			pending = pending && order < 0;
			if (text == NULL || order != 0)
				read_unit(u, found.gl_pathv[i], NULL);
		}
	if (pending)
		read_unit(u, own, text);
	globfree(&found);
	free(pattern);
	free(own);
}

static enum unit_file_need
judge(const struct unit_file *u)
{
	bool home = is_below(u->path, "/home", 5) || is_below(u->path, "/root", 5) ||
	    is_below(u->path, "/run/user", 9);
	bool tmp = is_below(u->path, "/tmp", 4) || is_below(u->path, "/var/tmp", 8);
	bool listed = !u->strict;

	if (u->unknown)
		return UNIT_FILE_ALLOWED;
	if (home && u->home == HOME_HIDDEN)
		return UNIT_FILE_HOME;
	if ((home && u->home == HOME_EMPTY) || (tmp && u->own_tmp))
		return u->listed[LISTED_BIND] ? UNIT_FILE_ALLOWED : UNIT_FILE_BIND;
	if (home && u->home == HOME_READ_ONLY)
		listed = false;
	for (size_t i = 0; i < LISTED_COUNT; i++)
		listed = listed || u->listed[i];
	return listed ? UNIT_FILE_ALLOWED : UNIT_FILE_WRITE;
}

enum unit_file_need
unit_file_judge(const char *path, const char *drop_in)
{
	struct unit_file u = { .path = path };
	char *unit = find_unit();

	if (unit == NULL)
		return UNIT_FILE_ALLOWED;
	read_unit(&u, unit, NULL);
	read_drop_ins(&u, drop_in);
	free(unit);
	return judge(&u);
}
