/*
 * temp_config - a temporary folder with a set of INI files, and the faults that config reports about it
 * begin() makes the folder with a minimal set, put() changes files, read_all() reads the set, end() frees and
 * removes all. One a program.
 */
#ifndef TEMP_CONFIG_H
#define TEMP_CONFIG_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/config/config_private.h"
#include "t/unit/check_main.h"

#define D "servers/default.ini:"
#define E ": error: "
#define W ": warning: "

static char folder[64];
static struct config *config;
static struct config_faults faults;
static char *reported;	/* all faults, one a line, without the folder's path */

static inline char *
path_of(const char *name)
{
	return mem_printf("%s/%s", folder, name);
}

static inline void
put_bytes(const char *name, const char *text, size_t len)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	ck_assert_msg(f != NULL, "%s: %s", path, strerror(errno));
	ck_assert(fwrite(text, 1, len, f) == len && fclose(f) == 0);
	free(path);
}

static inline void
put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static inline void
begin(void)
{
	strcpy(folder, "/tmp/postern-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	char *servers = path_of("servers");
	ck_assert_int_eq(mkdir(servers, 0755), 0);
	free(servers);
	put("postern.ini", "[service]\nhostname = host.example\n");
	put("servers/default.ini", "");
}

static inline void
forget(void)
{
	config_free(config);
	config_faults_done(&faults);
	free(reported);
	config = NULL;
	reported = NULL;
}

static inline void
read_all(void)
{
	size_t size;
	char *raw = NULL, *path = path_of("postern.ini"), *prefix = path_of("");

	forget();
	config = config_read(path, &faults);
	FILE *out = open_memstream(&raw, &size);
	config_faults_print(&faults, out);
	fclose(out);
	reported = mem_zalloc(size + 1);
	for (char *p = raw, *q = reported; *p != '\0'; ) {
		if (strncmp(p, prefix, strlen(prefix)) == 0)
			p += strlen(prefix);
		else
			*q++ = *p++;
	}
	free(raw);
	free(path);
	free(prefix);
}

static inline void
empty_folder(const char *path)
{
	DIR *dir = opendir(path);

	for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL; ) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		char *child = mem_printf("%s/%s", path, e->d_name);
		if (unlink(child) == -1)
			empty_folder(child);
		free(child);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

static inline void
end(void)
{
	forget();
	empty_folder(folder);
}

/*
 * Each line of `want` is the beginning of a reported line, in this order, and no other error is reported.
 * "!text": this text is reported nowhere.
 */
static inline void
expect(const char *title, const char *want)
{
	char *copy = mem_strdup(want), *save = NULL;
	const char *at = reported;
	size_t errors = 0;

	for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '!') {
			ck_assert_msg(strstr(reported, line + 1) == NULL, "%s:\n\"%s\" in\n%s", title,
			    line + 1, reported);
			continue;
		}
		errors += strstr(line, ": error: ") != NULL;
		while (*at != '\0' && strncmp(at, line, strlen(line)) != 0) {
			at = strchr(at, '\n');
			at = at != NULL ? at + 1 : "";
		}
		ck_assert_msg(*at != '\0', "%s:\nno \"%s\" in\n%s", title, line, reported);
	}
	ck_assert_msg(errors == faults.errors, "%s: %zu errors wanted\n%s", title, errors, reported);
	free(copy);
}

static inline const struct config_server *
server(const char *name)
{
	ck_assert_ptr_nonnull(config);
	const struct config_server *s = config_server_by_name(config, name);
	ck_assert_msg(s != NULL, "no %s:\n%s", name, reported);
	return s;
}

#endif
