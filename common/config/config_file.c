/*
 * config_file - finds and reads the INI files, and finds the host's name
 *
 * Runs in:  every process; children use its list of sources only
 * Owns:     the texts of the files until config_file_done
 * Promise:  reads regular files of at most 1 MiB (lists: 16) and nothing else; never waits on a pipe and
 *           never asks the DNS
 * Fails by: a fault for each file that cannot be used; its text stays NULL
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config_files.h"
#include "common/config/config_private.h"

struct config_source *
config_file_add(struct config_sources *sources, const char *server, const char *path)
{
	struct config_source *s;

	sources->source = mem_grow(sources->source, sources->count, sizeof(*sources->source));
	s = &sources->source[sources->count++];
	*s = (struct config_source){ .server = mem_strdup(server), .path = mem_strdup(path) };
	return s;
}

void
config_file_forget_lists(struct config_sources *sources)
{
	for (size_t i = 0; i < sources->lists; i++) {
		free(sources->list[i].path);
		free(sources->list[i].text);
	}
	free(sources->list);
	sources->list = NULL;
	sources->lists = 0;
}

void
config_file_forget_texts(struct config_sources *sources)
{
	for (size_t i = 0; i < sources->lists; i++) {
		free(sources->list[i].text);
		sources->list[i].text = NULL;
	}
}

static void
free_source(struct config_source *s)
{
	free(s->server);
	free(s->path);
	free(s->text);
}

void
config_file_keep(struct config_sources *sources, const char *server)
{
	size_t kept = 1;

	for (size_t i = 1; i < sources->count; i++)
		if (strcmp(sources->source[i].server, server) == 0)
			sources->source[kept++] = sources->source[i];
		else
			free_source(&sources->source[i]);
	sources->count = kept;
}

void
config_file_done(struct config_sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		free_source(&sources->source[i]);
	config_file_forget_lists(sources);
	free(sources->source);
	free(sources->hostname);
	*sources = (struct config_sources){ 0 };
}

/* The supervisor acts on it as root. */
static bool
is_open_to_all(const struct stat *st, struct config_source *at, struct config_faults *faults)
{
	if ((st->st_mode & S_IWOTH) == 0)
		return false;
	config_faults_add(faults, at, 0, false, "may be written by every user; chmod o-w %s", at->path);
	return true;
}

static void
read_open(struct config_source *s, struct config_source *at, int fd, off_t most,
    struct config_faults *faults)
{
	struct stat st;
	char *text;
	ssize_t len;

	if (fstat(fd, &st) == -1) {
		config_faults_add(faults, at, 0, false, "cannot be read: %s", strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		config_faults_add(faults, at, 0, false, "is %s, not a regular file",
		    S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
		return;
	}
	if (is_open_to_all(&st, at, faults))
		return;
	if (st.st_size > most) {
		config_faults_add(faults, at, 0, false, "is larger than %d MiB", (int)(most >> 20));
		return;
	}
	text = mem_zalloc((size_t)st.st_size + 1);
	len = disk_pread(fd, text, (size_t)st.st_size, 0);
	if (len == -1) {
		config_faults_add(faults, at, 0, false, "cannot be read: %s", strerror(errno));
		free(text);
		return;
	}
	s->text = text;
	s->len = (size_t)len;
}

static void
read_path(struct config_source *s, struct config_source *at, off_t most, struct config_faults *faults)
{
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd == -1) {
		config_faults_add(faults, at, 0, false, "cannot be read: %s", strerror(errno));
		return;
	}
	read_open(s, at, fd, most, faults);
	close(fd);
}

static void
read_source(struct config_source *s, struct config_faults *faults)
{
	read_path(s, s, CONFIG_FILE_MAX, faults);
}

void
config_file_read(struct config_source *s, struct config_source *at, struct config_faults *faults)
{
	read_path(s, at, CONFIG_LIST_FILE_MAX, faults);
}

static bool
is_server_name(const char *name, size_t len)
{
	return len >= 1 && len <= CONFIG_NAME_MAX && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") >= len;
}

static bool
ends_in_ini(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && strcasecmp(name + len - 4, ".ini") == 0;
}

static int
name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * The names of the INI files in a folder, without ".ini" when that is spelled right, sorted. -1 when there is
 * no such folder.
 */
static int
list_names(const char *folder, char ***names, size_t *count)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		size_t len, tail;

		if (entry->d_name[0] == '.' || !ends_in_ini(entry->d_name))
			continue;
		len = strlen(entry->d_name);
		tail = strcmp(entry->d_name + len - 4, ".ini") == 0 ? 4 : 0;
		*names = mem_grow(*names, *count, sizeof(**names));
		(*names)[(*count)++] = mem_strndup(entry->d_name, len - tail);
	}
	closedir(dir);
	if (*count > 0)
		qsort(*names, *count, sizeof(**names), name_compare);
	return 0;
}

static void
take_source(struct config_source *s, const struct config_candidate *r, struct config_faults *faults)
{
	bool same = r->server == NULL ? s->server == NULL :
	    s->server != NULL && strcmp(s->server, r->server) == 0;

	if (r->text == NULL || !same) {
		read_source(s, faults);
		return;
	}
	s->text = mem_zalloc(r->len + 1);
	memcpy(s->text, r->text, r->len);
	s->len = r->len;
}

/* One that goes. */
static void
drop_name(char **names, size_t *count, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if (name != NULL && strcmp(names[i], name) == 0)
			free(names[i]);
		else
			names[kept++] = names[i];
	*count = kept;
}

/* One that is not on disk yet. */
static void
add_new_name(char ***names, size_t *count, const struct config_candidate *r)
{
	const char *name = r->server;

	if (name == NULL || (r->gone != NULL && r->text == NULL))
		return;
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*names)[i], name) == 0)
			return;
	*names = mem_grow(*names, *count, sizeof(**names));
	(*names)[(*count)++] = mem_strdup(name);
	qsort(*names, *count, sizeof(**names), name_compare);
}

static void
gather_servers(struct config_work *w, const char *folder, const struct config_candidate *r)
{
	char **names = NULL;
	size_t count = 0;
	int listed = list_names(folder, &names, &count), error = errno;

	drop_name(names, &count, r->gone);
	add_new_name(&names, &count, r);
	if (listed == -1 && error != ENOENT)
		config_faults_add(w->faults, &w->sources.source[0], 0, false,
		    "its folder %s cannot be read: %s", folder, strerror(error));
	else if (count == 0)
		config_faults_add(w->faults, &w->sources.source[0], 0, true,
		    "there is no virtual server: posternctl create NAME makes one, and an empty file "
		    "%s/default.ini is one with all defaults", folder);
	for (size_t i = 0; i < count; i++) {
		bool good = is_server_name(names[i], strlen(names[i]));
		char *path = mem_printf("%s/%s%s", folder, names[i], ends_in_ini(names[i]) ? "" : ".ini");
		struct config_source *s = config_file_add(&w->sources, names[i], path);

		if (good)
			take_source(s, r, w->faults);
		else
			config_faults_add(w->faults, s, 0, false,
			    "the name of a virtual server's file must be lower-case letters, digits and "
			    "hyphens, at most %d of them, and .ini", CONFIG_NAME_MAX);
		free(path);
		free(names[i]);
	}
	free(names);
}

void
config_file_gather_with(struct config_work *w, const char *path, const struct config_candidate *r)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash != NULL ? mem_printf("%.*s/servers", (int)(slash - path), path) :
	    mem_strdup("servers");

	take_source(config_file_add(&w->sources, NULL, path), r, w->faults);
	w->sources.hostname = config_file_hostname("/etc/hosts");
	gather_servers(w, folder, r);
	for (size_t i = 0; i < w->sources.count; i++)
		w->sources.source[i].unreadable = w->sources.source[i].errors;
	free(folder);
}

void
config_file_gather(struct config_work *w, const char *path)
{
	const struct config_candidate none = { 0 };

	config_file_gather_with(w, path, &none);
}

/* The first name with a dot on a line of the hosts file that has `name`, too. */
static char *
hosts_search(FILE *file, const char *name)
{
	char line[1024], *found = NULL;

	while (found == NULL && fgets(line, sizeof(line), file) != NULL) {
		char *save = NULL, *full = NULL;
		bool mine = false;

		line[strcspn(line, "#\n")] = '\0';
		(void)strtok_r(line, " \t", &save);
		for (char *word; (word = strtok_r(NULL, " \t", &save)) != NULL; ) {
			mine = mine || strcasecmp(word, name) == 0;
			if (full == NULL && strchr(word, '.') != NULL && net_is_hostname(word))
				full = word;
		}
		if (mine && full != NULL)
			found = mem_strdup(full);
	}
	return found;
}

char *
config_file_hostname(const char *hosts)
{
	char name[HOST_NAME_MAX + 1] = "";
	char *full = NULL;

	if (gethostname(name, sizeof(name) - 1) == -1 || !net_is_hostname(name))
		return mem_strdup("localhost");
	if (strchr(name, '.') == NULL) {
		FILE *file = fopen(hosts, "re");

		if (file != NULL) {
			full = hosts_search(file, name);
			fclose(file);
		}
	}
	if (full == NULL)
		full = mem_strdup(name);
	for (char *p = full; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return full;
}
