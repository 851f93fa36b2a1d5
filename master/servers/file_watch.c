/*
 * file_watch - tells children when files that the configuration names have changed: certificates, keys,
 * authorities, trust anchors, what the directory helper needs
 *
 * Runs in:  master
 * Owns:     the stat(2) values of the files that were told last
 * Promise:  a change is told when the files of one role of a virtual server have stayed the same for a
 *           second; the children then ask for them (file_handover) and judge them. Which files those are, the
 *           tables of named_file and file_handover say; passwords and tokens are asked for at each use. Files
 *           with lists, of what runs and of what was refused, the supervisor reads itself (reload_lists)
 * Fails by: not at all
 */
#include <bsd/string.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/boot/named_file.h"
#include "common/base/mem.h"
#include "common/config/config_certificate.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* stat(2) of a few files; inotify would miss changes behind symbolic links to folders */
#define SCAN_MS 5000U
#define QUIET_MS 1000U		/* certificate and key are written one after the other */

struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	int error;
};

struct watched_file {
	char *path;
	struct stamp told, seen;
	bool news;			/* it is one of those that are told just now */
	bool used;			/* while the set of lists is brought up to date */
};

/* The files of one role, of a virtual server or of the service. */
struct watched_set {
	TAILQ_ENTRY(watched_set) link;
	struct server *server;		/* NULL: of the service */
	struct ctl_file file;		/* what its children are told */
	struct watched_file *watched;
	size_t count;
	bool changing;			/* `seen` is not told yet */
	bool lists;			/* files with lists of addresses, of all virtual servers */
};

struct file_watch {
	struct master *m;
	struct loop_timer *timer;
	TAILQ_HEAD(, watched_set) sets;
};

static const enum ctl_file_kind kinds[] = {
	CTL_FILE_CERTIFICATE, CTL_FILE_KEY, CTL_FILE_AUTHORITIES, CTL_FILE_LDAP_CA, CTL_FILE_LDAP_SECRET,
	CTL_FILE_TRUST_ANCHOR, CTL_FILE_MANAGER_CERTIFICATE, CTL_FILE_MANAGER_KEY,
	CTL_FILE_CLIENT_CERTIFICATE, CTL_FILE_CLIENT_KEY, CTL_FILE_DKIM_KEY,
};

/* --- stamps --- */

static struct stamp
stamp_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return (struct stamp){ .error = errno };
	return (struct stamp){ .dev = st.st_dev, .ino = st.st_ino, .size = st.st_size, .mtime = st.st_mtim,
	    .ctime = st.st_ctim };
}

static bool
is_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
is_same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->error == b->error && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    is_same_time(a->mtime, b->mtime) && is_same_time(a->ctime, b->ctime);
}

/* --- sets --- */

static const char *
path_of(const struct file_watch *w, const struct server *s, const struct ctl_file *file)
{
	const struct config_server *conf = s != NULL ? s->conf : NULL;

	if (named_file_is_of_service(file->kind) != (s == NULL) ||
	    (file_handover_role(file->kind) == ROLE_LISTENER &&
	    (conf == NULL || !config_server_has_tls(conf))))
		return NULL;
	return named_file_path(conf, &w->m->snapshot->config->service, file);
}

/* Adds the file when its place `n` in the set is a new one; one that is there keeps its stamps. */
static void
add_file(struct watched_set *set, size_t n, const char *path)
{
	struct watched_file *f;

	if (n == set->count) {
		set->watched = mem_grow(set->watched, n, sizeof(*set->watched));
		set->watched[n] = (struct watched_file){ 0 };
		set->count++;
	}
	f = &set->watched[n];
	if (f->path != NULL && strcmp(f->path, path) == 0)
		return;
	free(f->path);
	f->path = mem_strdup(path);
	f->told = f->seen = stamp_file(path);
}

static void
cut_set(struct watched_set *set, size_t count)
{
	while (set->count > count)
		free(set->watched[--set->count].path);
}

static void
free_set(struct file_watch *w, struct watched_set *set)
{
	TAILQ_REMOVE(&w->sets, set, link);
	cut_set(set, 0);
	free(set->watched);
	free(set);
}

static struct watched_set *
find_set(struct file_watch *w, struct server *s, enum ctl_file_kind kind)
{
	struct watched_set *set;

	TAILQ_FOREACH(set, &w->sets, link)
		if (!set->lists && set->server == s &&
		    file_handover_role(set->file.kind) == file_handover_role(kind))
			return set;
	set = mem_new(struct watched_set);
	set->server = s;
	set->file.kind = kind;
	if (s != NULL)
		strlcpy(set->file.server, s->name, sizeof(set->file.server));
	TAILQ_INSERT_TAIL(&w->sets, set, link);
	return set;
}

static struct watched_file *
find_file(const struct watched_set *set, const char *path)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->watched[i].path, path) == 0)
			return &set->watched[i];
	return NULL;
}

static void
use_lists(struct watched_set *set, const struct config_files *files)
{
	const char *path;

	for (size_t i = 0; files != NULL && (path = config_files_list(files, i)) != NULL; i++) {
		if (find_file(set, path) == NULL)
			add_file(set, set->count, path);
		find_file(set, path)->used = true;
	}
}

/* Those with lists of what runs, and of what was refused for them; the first set. */
static void
update_lists(struct file_watch *w)
{
	struct watched_set *set = TAILQ_FIRST(&w->sets);
	const struct server *s;
	size_t kept = 0;

	if (set == NULL || !set->lists) {
		set = mem_new(struct watched_set);
		set->lists = true;
		TAILQ_INSERT_HEAD(&w->sets, set, link);
	}
	for (size_t i = 0; i < set->count; i++)
		set->watched[i].used = false;
	use_lists(set, w->m->snapshot->config->files);
	use_lists(set, w->m->refused);
	TAILQ_FOREACH(s, &w->m->servers, link)
		if (s->snapshot != NULL)
			use_lists(set, s->snapshot->config->files);
	for (size_t i = 0; i < set->count; i++) {
		if (set->watched[i].used)
			set->watched[kept++] = set->watched[i];
		else
			free(set->watched[i].path);
	}
	set->count = kept;
}

/* All files of a kind: of the server or the service, then those of its domains. */
static void
add_kind(struct file_watch *w, struct server *s, enum ctl_file_kind kind, size_t used[ROLE_COUNT])
{
	struct ctl_file file = { .kind = kind };
	enum role role = file_handover_role(kind);
	const char *path, *place;

	for (; (path = path_of(w, s, &file)) != NULL; file.index++)
		add_file(find_set(w, s, kind), used[role]++, path);
	file.index = 0;
	for (size_t i = 1; named_file_is_of_domain(kind) && s != NULL && s->conf != NULL &&
	    (place = config_certificate_place(s->conf, i)) != NULL; i++) {
		strlcpy(file.domain, place, sizeof(file.domain));
		if ((path = path_of(w, s, &file)) != NULL)
			add_file(find_set(w, s, kind), used[role]++, path);
	}
}

/* Brings the sets of one virtual server, or of the service, up to its configuration. */
static void
update_sets(struct file_watch *w, struct server *s)
{
	size_t used[ROLE_COUNT] = { 0 };

	for (size_t i = 0; i < nitems_of(kinds); i++)
		add_kind(w, s, kinds[i], used);
	for (size_t i = 0; i < nitems_of(kinds); i++)
		if (named_file_is_of_service(kinds[i]) == (s == NULL))
			cut_set(find_set(w, s, kinds[i]), used[file_handover_role(kinds[i])]);
}

/* --- changes --- */

static void
tell_children(struct file_watch *w, const struct watched_set *set)
{
	enum role role = file_handover_role(set->file.kind);
	struct child *c;

	if (set->lists) {
		w->m->ops->lists_changed(w->m);
		return;
	}
	if (role == ROLE_LISTENER) {
		server_files_changed(set->server);
		return;
	}
	TAILQ_FOREACH(c, &w->m->children, link)
		if (c->role == role && c->phase != CHILD_STOPPING &&
		    (c->server == NULL || (c->server == set->server && c->post != NULL)))
			child_send(c, CTL_RENEWED, 0, &set->file, sizeof(set->file), -1);
}

/* A change is told when the next scan, a second later, finds the files as they are now. */
static void
scan_set(struct file_watch *w, struct watched_set *set)
{
	bool as_seen = true, as_told = true;

	for (size_t i = 0; i < set->count; i++) {
		struct watched_file *f = &set->watched[i];
		struct stamp now = stamp_file(f->path);

		as_seen = as_seen && is_same_stamp(&now, &f->seen);
		as_told = as_told && is_same_stamp(&now, &f->told);
		f->seen = now;
	}
	if (!set->changing || !as_seen) {
		set->changing = !as_told;
		return;
	}
	set->changing = false;
	for (size_t i = 0; i < set->count; i++) {
		struct watched_file *f = &set->watched[i];

		f->news = !is_same_stamp(&f->seen, &f->told);
		f->told = f->seen;
	}
	tell_children(w, set);
	for (size_t i = 0; i < set->count; i++)
		set->watched[i].news = false;
}

static void
on_scan_timer(void *arg)
{
	struct file_watch *w = arg;
	struct watched_set *set;
	bool changing = false;

	TAILQ_FOREACH(set, &w->sets, link) {
		scan_set(w, set);
		changing |= set->changing;
	}
	loop_timer_set(w->timer, changing ? QUIET_MS : SCAN_MS);
	w->m->ops->changed(w->m);
}

/* --- what others call --- */

void
file_watch_scan(struct master *m)
{
	update_sets(m->file_watch, NULL);
	update_lists(m->file_watch);
	loop_timer_set(m->file_watch->timer, 0);
}

bool
file_watch_is_news(const struct master *m, const char *path)
{
	const struct watched_file *f = find_file(TAILQ_FIRST(&m->file_watch->sets), path);

	return f != NULL && f->news;
}

void
file_watch_server(struct server *s)
{
	update_sets(s->m->file_watch, s);
}

void
file_watch_forget(struct server *s)
{
	struct file_watch *w = s->m->file_watch;
	struct watched_set *set, *next;

	TAILQ_FOREACH_SAFE(set, &w->sets, link, next)
		if (set->server == s)
			free_set(w, set);
}

/* The lists that run are of an unknown time, from the program before: they are read again soon. */
static void
doubt_lists(struct file_watch *w)
{
	struct watched_set *set = TAILQ_FIRST(&w->sets);

	for (size_t i = 0; i < set->count; i++)
		set->watched[i].told = (struct stamp){ .error = -1 };
}

struct file_watch *
file_watch_new(struct master *m)
{
	struct file_watch *w = mem_new(struct file_watch);

	w->m = m;
	TAILQ_INIT(&w->sets);
	w->timer = loop_timer_new(m->loop, on_scan_timer, w);
	update_sets(w, NULL);
	update_lists(w);
	if (m->takeover != NULL)
		doubt_lists(w);
	loop_timer_set(w->timer, SCAN_MS);
	return w;
}

void
file_watch_free(struct file_watch *w)
{
	while (!TAILQ_EMPTY(&w->sets))
		free_set(w, TAILQ_FIRST(&w->sets));
	loop_timer_free(w->timer);
	free(w);
}
