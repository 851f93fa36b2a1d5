/*
 * unit_file - the unit of systemd: whether this host has it, and which folders it lets the service write to
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  reads the unit and its drop-ins as text, and asks systemd nothing; what it does not understand
 *           allows all
 * Fails by: "it is allowed"
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/config/unit_file.h"

struct unit_file {
	const char *path;		/* that is looked for */
	bool strict;			/* ProtectSystem=strict: only named folders may be written to */
	bool allowed;
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

static bool
is_below(const char *path, const char *folder, size_t len)
{
	while (len > 1 && folder[len - 1] == '/')
		len--;
	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/' || len == 1);
}

/* The folders of one line: "-/var/spool/postern /srv/mail"; names alone are below `base`. */
static void
take_folders(struct unit_file *u, const char *base, char *words)
{
	char *save = NULL;

	for (char *w = strtok_r(words, " \t\r\n", &save); w != NULL; w = strtok_r(NULL, " \t\r\n", &save)) {
		char *folder = mem_printf("%s%s", base, w + strspn(w, "-+:"));

		u->allowed = u->allowed || is_below(u->path, folder, strlen(folder));
		free(folder);
	}
}

static void
take_line(struct unit_file *u, char *line)
{
	static const struct { const char *name, *base; } rows[] = {
		{ "ReadWritePaths=", "" }, { "BindPaths=", "" }, { "ReadWriteDirectories=", "" },
		{ "StateDirectory=", "/var/lib/" }, { "RuntimeDirectory=", "/run/" },
		{ "LogsDirectory=", "/var/log/" }, { "CacheDirectory=", "/var/cache/" },
	};
	line += strspn(line, " \t");
	if (strncmp(line, "ProtectSystem=", 14) == 0)
		u->strict = strncmp(line + 14, "strict", 6) == 0;
	for (size_t i = 0; i < nitems_of(rows); i++)
		if (strncmp(line, rows[i].name, strlen(rows[i].name)) == 0)
			take_folders(u, rows[i].base, line + strlen(rows[i].name));
}

static void
read_unit(struct unit_file *u, const char *path)
{
	char line[4096];
	FILE *file = fopen(path, "re");

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		take_line(u, line);
	if (file != NULL)
		fclose(file);
}

bool
unit_file_allows(const char *path)
{
	struct unit_file u = { .path = path };
	char *unit = find_unit(), *pattern;
	glob_t found = { 0 };

	if (unit == NULL)
		return true;
	read_unit(&u, unit);
	pattern = mem_printf("%s/etc/systemd/system/postern.service.d/*.conf", unit_root());
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			read_unit(&u, found.gl_pathv[i]);
	globfree(&found);
	free(pattern);
	free(unit);
	return !u.strict || u.allowed;
}
