/* ini_set - a scratch folder with an INI set, and what is said of it; for the programs that read configuration */
#ifndef T_UNIT_COMMON_INI_SET_H
#define T_UNIT_COMMON_INI_SET_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config/config.h"
#include "common/config/config_parts.h"
#include "t/unit/unit.h"

#define D "servers/default.ini:"
#define E ": error: "
#define W ": warning: "

static char folder[64];
static struct config *config;
static struct config_faults faults;
static char *told;	/* all faults, one a line, without the folder */

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
	free(told);
	config = NULL;
	told = NULL;
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
	told = mem_zalloc(size + 1);
	for (char *p = raw, *q = told; *p != '\0'; ) {
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

/* Each line of `want` begins a line of what is told, in this order, and no error is told besides; "!text": that is told nowhere. */
static inline void
expect(const char *title, const char *want)
{
	char *copy = mem_strdup(want), *save = NULL;
	const char *at = told;
	size_t errors = 0;

	for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (*line == '!') {
			ck_assert_msg(strstr(told, line + 1) == NULL, "%s:\n\"%s\" in\n%s", title, line + 1, told);
			continue;
		}
		errors += strstr(line, ": error: ") != NULL;
		while (*at != '\0' && strncmp(at, line, strlen(line)) != 0) {
			at = strchr(at, '\n');
			at = at != NULL ? at + 1 : "";
		}
		ck_assert_msg(*at != '\0', "%s:\nno \"%s\" in\n%s", title, line, told);
	}
	ck_assert_msg(errors == faults.errors, "%s: %zu errors wanted\n%s", title, errors, told);
	free(copy);
}

static inline const struct config_server *
server(const char *name)
{
	ck_assert_ptr_nonnull(config);
	const struct config_server *s = config_server_by_name(config, name);
	ck_assert_msg(s != NULL, "no %s:\n%s", name, told);
	return s;
}

#endif
