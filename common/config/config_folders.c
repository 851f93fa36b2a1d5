/*
 * config_folders - judges the folders of virtual servers: apart from each other, and on one file system
 *
 * Runs in:  every process; children do not look at file systems
 * Owns:     nothing
 * Promise:  no two mail folders of all virtual servers are the same or lie in each other, so a file has one
 *           owner; each protocol log has its own folder outside of those
 * Fails by: faults. A folder that is not there yet is judged by the file system of the one above it
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/mem.h"
#include "common/config/config_private.h"

struct folder { const char *key, *path; unsigned line; bool at_home; };
/* LOGS has no mail: any file system will do. */
enum { PICKUP, QUEUE, DROP, BADMAIL, DOMAIN_DROP, LOGS, FOLDER_COUNT };

static unsigned
folder_line(const struct config_server *s, enum key_section section, const char *name)
{
	return config_origin_of(s->origin, section, name)->line;
}

/* Whether one is the other, or lies in it. */
static bool
folders_overlap(const char *a, const char *b)
{
	size_t alen = strlen(a), blen = strlen(b), len = alen < blen ? alen : blen;

	return strncmp(a, b, len) == 0 && (alen == blen || (alen > blen ? a : b)[len] == '/' || len == 1);
}

/* Without the lines: of each pair of virtual servers these are looked at. */
static void
list_paths(const struct config_server *s, struct folder list[FOLDER_COUNT])
{
	const struct config_domain *d = s->default_domain;
	size_t len = strlen(s->home);

	list[PICKUP] = (struct folder){ .key = "pickup", .path = s->pickup };
	list[QUEUE] = (struct folder){ .key = "queue", .path = s->queue };
	list[DROP] = (struct folder){ .key = "drop", .path = s->drop };
	list[BADMAIL] = (struct folder){ .key = "badmail", .path = s->badmail };
	list[LOGS] = (struct folder){ .key = "log-directory", .path = s->log ? s->log_directory : NULL };
	list[DOMAIN_DROP] = (struct folder){ .key = "drop of the default domain" };
	if (d != NULL && d->drop != NULL && strcmp(d->drop, s->drop) != 0)
		list[DOMAIN_DROP].path = d->drop;
	for (size_t i = 0; i < FOLDER_COUNT; i++)
		list[i].at_home = list[i].path != NULL && strncmp(list[i].path, s->home, len) == 0 &&
		    list[i].path[len] == '/';
}

static void
list_folders(const struct config_server *s, struct folder list[FOLDER_COUNT])
{
	const struct config_domain *d = s->default_domain;

	list_paths(s, list);
	list[PICKUP].line = folder_line(s, KEY_GENERAL, "pickup");
	list[QUEUE].line = folder_line(s, KEY_GENERAL, "queue");
	list[DROP].line = folder_line(s, KEY_GENERAL, "drop");
	list[BADMAIL].line = folder_line(s, KEY_MESSAGES, "badmail");
	list[LOGS].line = folder_line(s, KEY_GENERAL, "log-directory");
	if (list[DOMAIN_DROP].path != NULL)
		list[DOMAIN_DROP].line = config_origin_of(d->origin, KEY_DOMAIN, "drop")->line;
}

static void
judge_apart(struct config_work *w, size_t server, const struct folder mine[FOLDER_COUNT])
{
	for (size_t i = 0; i < FOLDER_COUNT; i++) {
		for (size_t j = 0; j < i; j++) {
			if (mine[i].path == NULL || mine[j].path == NULL ||
			    !folders_overlap(mine[i].path, mine[j].path))
				continue;
			config_faults_add(w->faults, config_work_source(w, server),
			    mine[i].line > mine[j].line ? mine[i].line : mine[j].line, false,
			    "the folders %s (%s) and %s (%s) must be apart", mine[j].key, mine[j].path,
			    mine[i].key, mine[i].path);
		}
	}
}

/* Mail in a folder of the system would be in the way of others, or the other way round. */
static void
judge_system_folders(struct config_work *w, size_t server, const struct folder mine[FOLDER_COUNT])
{
	static const char *const system[] = { "/bin", "/boot", "/etc", "/lib", "/proc", "/sbin", "/sys",
	    "/usr" };
	static const char *const exact[] = { "/", "/dev", "/home", "/opt", "/root", "/run", "/srv", "/tmp",
	    "/var", "/var/lib", "/var/log", "/var/mail", "/var/run", "/var/spool", "/var/tmp" };
	const struct config_server *s = &w->config->server[server];
	struct folder all[FOLDER_COUNT + 1] = { { .key = "home", .path = s->home,
	    .line = folder_line(s, KEY_GENERAL, "home") } };

	memcpy(all + 1, mine, FOLDER_COUNT * sizeof(*mine));
	for (size_t i = 0; i < FOLDER_COUNT + 1; i++) {
		bool bad = false;

		for (size_t k = 0; all[i].path != NULL && k < nitems_of(system); k++) {
			size_t len = strlen(system[k]);

			bad |= strncmp(all[i].path, system[k], len) == 0 &&
			    strchr("/", all[i].path[len]) != NULL;
		}
		for (size_t k = 0; all[i].path != NULL && k < nitems_of(exact); k++)
			bad |= strcmp(all[i].path, exact[k]) == 0;
		if (bad)
			config_faults_add(w->faults, config_work_source(w, server), all[i].line, true,
			    "%s (%s) is a folder of the system: give the virtual server one of its own",
			    all[i].key, all[i].path);
	}
}

/* stat(2) of the path, or of the folder above it in which it would be made. */
static int
stat_nearest(const char *path, struct stat *st)
{
	char *part = mem_strdup(path), *slash;
	int result;

	while ((result = stat(part, st)) == -1 && errno == ENOENT && (slash = strrchr(part, '/')) != NULL &&
	    slash != part)
		*slash = '\0';
	free(part);
	return result;
}

static void
judge_file_system(struct config_work *w, size_t server, const struct folder mine[FOLDER_COUNT])
{
	struct stat queue, st;

	if (stat_nearest(mine[QUEUE].path, &queue) == -1)
		return;
	for (size_t i = 0; i < LOGS; i++) {
		if (mine[i].path == NULL || stat_nearest(mine[i].path, &st) == -1)
			continue;
		if (!S_ISDIR(st.st_mode))
			config_faults_add(w->faults, config_work_source(w, server), mine[i].line, false,
			    "%s (%s) is not a folder", mine[i].key, mine[i].path);
		else if (st.st_dev != queue.st_dev)
			config_faults_add(w->faults, config_work_source(w, server), mine[i].line, false,
			    "%s (%s) must be on the same file system "
			    "as queue (%s)", mine[i].key, mine[i].path, mine[QUEUE].path);
	}
}

/* Log folders may lie in each other, but must not be the same: their lines may have different fields. */
static bool
folders_clash(size_t i, const char *mine, size_t j, const char *theirs)
{
	return i == LOGS && j == LOGS ? strcmp(mine, theirs) == 0 : folders_overlap(mine, theirs);
}

/* Against a server without errors: the later one in the order of names is at fault. */
static void
judge_against(struct config_work *w, size_t server, const struct folder mine[FOLDER_COUNT],
    const struct config_server *other)
{
	const struct config_server *s = &w->config->server[server];
	struct folder theirs[FOLDER_COUNT];
	bool apart = !folders_overlap(s->home, other->home);

	list_paths(other, theirs);
	if (strcmp(s->home, other->home) == 0) {
		config_faults_add(w->faults, config_work_source(w, server),
		    folder_line(s, KEY_GENERAL, "home"), false,
		    "home %s belongs to virtual server %s already (%s)", s->home, other->name, other->file);
		return;
	}
	for (size_t i = 0; i < FOLDER_COUNT; i++)
		for (size_t j = 0; j < FOLDER_COUNT; j++)
			if (mine[i].path != NULL && theirs[j].path != NULL &&
			    !(apart && mine[i].at_home && theirs[j].at_home) &&
			    folders_clash(i, mine[i].path, j, theirs[j].path))
				config_faults_add(w->faults, config_work_source(w, server), mine[i].line,
				    false, "%s (%s) and the %s (%s) of virtual "
				    "server %s must be apart", mine[i].key, mine[i].path, theirs[j].key,
				    theirs[j].path, other->name);
}

void
config_folders_judge(struct config_work *w, size_t server)
{
	struct folder mine[FOLDER_COUNT];

	list_folders(&w->config->server[server], mine);
	judge_apart(w, server, mine);
	judge_system_folders(w, server, mine);
	if (w->folders)
		judge_file_system(w, server, mine);
	for (size_t i = 0; i < server; i++)
		if (config_work_source(w, i)->errors == 0)
			judge_against(w, server, mine, &w->config->server[i]);
}
