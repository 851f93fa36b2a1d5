/*
 * reload - takes over the configuration on disk while the service runs
 *
 * Runs in:  master, on SIGHUP, by command, and (lists) when a file with a list has changed
 * Owns:     nothing
 * Promise:  errors in the service file, or a change of users, group, run or state: nothing changes. Errors in
 *           the file of a virtual server: that one stays as it is. A virtual server without changes is not
 *           touched. No session is dropped; no connection is refused on an address that stays. A list that
 *           is mended is taken without a reload; its fault holds up no virtual server but those that name it
 * Fails by: a status, and lines of text that say what and why
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/account/account.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/config/config_files.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static void
remove_servers(struct reload *r)
{
	struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link) {
		if (s->removed || config_server_by_name(r->snap->config, s->name) != NULL ||
		    config_faults_first_error(&r->faults, s->name) != NULL)
			continue;
		s->removed = true;
		reload_words_say(r, 0, s->name, "removed", "");
		server_event(s, EVENT_STOP);
		maintenance_post_end(s);
	}
}

/* Files with errors: a virtual server that runs goes on as before; others are known with their error. */
static void
add_faulty_servers(struct reload *r)
{
	for (size_t i = 0; i < r->faults.count; i++) {
		const struct config_fault *f = &r->faults.fault[i];
		const char *result;
		struct server *s;

		if (f->warning || f->server == NULL || f != config_faults_first_error(&r->faults, f->server))
			continue;
		s = server_list_add(r->m, f->server, r->snap, f);
		result = s != NULL && s->conf != NULL ? "not changed" : "stopped";
		if (s != NULL && !r->again)
			reload_words_say(r, EX_CONFIG, f->server, result, "its file has errors");
		else if (s != NULL && reload_words_are_news(r, f->server))
			reload_words_say_left(r, f->server, result);
	}
}

static bool
server_is_active(const struct server *s)
{
	return s->state != STATE_STOPPED && s->state != STATE_STOPPING;
}

static void
start_server(struct reload *r, struct server *s, const char *result)
{
	if (s->wanted && s->state == STATE_STOPPED) {
		s->trouble = false;
		server_event(s, EVENT_START);
	}
	if (s->wanted && s->state == STATE_STOPPED)
		reload_words_say(r, 1, s->name, "stopped", s->reason != NULL ? s->reason : "");
	else
		reload_words_say(r, 0, s->name, result, "");
}

/* One that is known already. False: try again after the others, which may give up its addresses. */
static bool
reload_server(struct reload *r, struct server *s, bool last)
{
	struct buf why = BUF_INIT(1024);
	bool done = true;

	if (!server_is_active(s)) {
		bool again = s->removed;

		s->removed = false;
		if (s->snapshot == NULL || r->anew ||
		    !config_server_same(s->snapshot->config, r->snap->config, s->name))
			maintenance_post_end(s);
		server_adopt(s, r->snap);
		server_reason(s, NULL);
		home_lost_recall(s);
		if (s->wanted && s->state == STATE_STOPPING && again)
			reload_words_say(r, 1, s->name, "stopping",
			    "it was removed a moment ago; start it when it has stopped");
		else if (s->wanted)
			start_server(r, s, "started");
	} else if (!r->anew && config_server_same(s->snapshot->config, r->snap->config, s->name)) {
		server_adopt(s, r->snap);
	} else if (server_renew(s, r->snap, &why) == 0) {
		reload_words_say(r, 0, s->name, "changed", "");
	} else if (last) {
		reload_words_say(r, 1, s->name, "not changed", buf_text(&why));
	} else {
		done = false;
	}
	buf_done(&why);
	return done;
}

static void
reload_servers(struct reload *r)
{
	const struct config *c = r->snap->config;
	bool *done = mem_zalloc((c->nserver + 1) * sizeof(*done));

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < c->nserver; i++) {
			struct server *s = server_list_find(r->m, c->server[i].name);

			if (s != NULL && !done[i])
				done[i] = reload_server(r, s, pass == 1);
		}
	for (size_t i = 0; i < c->nserver; i++) {
		struct server *s;

		if (server_list_find(r->m, c->server[i].name) != NULL)
			continue;
		s = server_list_add(r->m, c->server[i].name, r->snap, NULL);
		if (s != NULL)
			start_server(r, s, "new");
	}
	listen_others_update(r->m);
	free(done);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
dns_is_same(const struct config_service *a, const struct config_service *b)
{
	return config_strings_same(&a->dns_server, &b->dns_server) && a->dnssec == b->dnssec &&
	    same_text(a->trust_anchor, b->trust_anchor) &&
	    config_strings_same(&a->dns_insecure, &b->dns_insecure);
}

/*
 * Whether the directory helper may go on with `a`: no virtual server has another directory than before.
 */
static bool
directories_are_same(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < b->nserver; i++)
		if (b->server[i].ldap.enable && !config_server_same_directory(a, b, b->server[i].name))
			return false;
	return true;
}

static bool
is_fixed(struct reload *r, const char *key, const char *old, const char *new)
{
	char text[160];

	if (same_text(old, new))
		return true;
	snprintf(text, sizeof(text),
	    "[service] %s can only change while the service is stopped; all stays as it was", key);
	reload_words_say(r, 1, "-", "not changed", text);
	return false;
}

/*
 * Whether processes may go on in their sandbox. One that has not begun with syslog could not connect to it.
 */
static bool
sandbox_is_same(const struct master *m, const struct config_service *a, const struct config_service *b)
{
	bool foreground = m->options.foreground;

	return a->sandbox == b->sandbox && (!b->sandbox ||
	    config_service_log_sink(b, foreground) != LOG_TO_SYSLOG ||
	    config_service_log_sink(a, foreground) == LOG_TO_SYSLOG);
}

/*
 * Whether the keys are the same that cannot change while the service runs: the master made its folders and
 * found its users by them at its start.
 */
static bool
fixed_keys_are_same(struct reload *r)
{
	const struct config_service *a = &r->m->snapshot->config->service, *b = &r->snap->config->service;

	bool same = is_fixed(r, "user", a->user, b->user) && is_fixed(r, "group", a->group, b->group) &&
	    is_fixed(r, "run", a->run, b->run) && is_fixed(r, "state", a->state, b->state);

	for (size_t i = 0; i < CONFIG_USERS && same; i++)
		same = is_fixed(r, config_users[i].key, config_service_user(a, config_users[i].offset),
		    config_service_user(b, config_users[i].offset));
	return same;
}

/* Those that were not needed at the start are looked for when they are. */
static bool
users_are_there(struct reload *r)
{
	struct account a;
	char text[200];

	for (size_t i = 0; i < CONFIG_USERS && geteuid() == 0; i++) {
		const char *user = config_service_user(&r->snap->config->service, config_users[i].offset);

		if (!config_user_is_needed(r->snap->config, &config_users[i]) ||
		    config_user_is_needed(r->m->snapshot->config, &config_users[i]) ||
		    (account_find(user, NULL, &a) == 0 && !account_is_root(&a)))
			continue;
		snprintf(text, sizeof(text),
		    "[service] %s: there is no user %.60s, or it is root: make it (etc/install-account of "
		    "the source does); all stays as it was", config_users[i].key, user);
		reload_words_say(r, EX_NOUSER, "-", "not changed", text);
		return false;
	}
	return true;
}

/* All files gone at once are a folder that is missing, and no wish. */
static bool
servers_are_there(struct reload *r)
{
	const struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link)
		if (!s->removed)
			break;
	if (s == NULL || r->snap->config->npath > 1)	/* the first path is that of postern.ini */
		return true;
	reload_words_say(r, EX_CONFIG, "-", "not changed",
	    "the files of all virtual servers are gone; all stays as it was");
	return false;
}

static bool
events_can_go(struct reload *r)
{
	char why[400];

	if (event_log_try(r->m, &r->snap->config->service, why, sizeof(why)) == 0)
		return true;
	reload_words_say(r, EX_CANTCREAT, "-", "not changed", why);
	return false;
}

static void
adopt_snapshot(struct reload *r)
{
	struct master *m = r->m;
	struct snapshot *old = m->snapshot;
	bool same_metrics = config_strings_same(&old->config->service.metrics,
	    &r->snap->config->service.metrics);
	bool same_manager = config_manager_same(&old->config->service.manager,
	    &r->snap->config->service.manager);
	bool same_oauth = config_oauth_same(old->config, r->snap->config);
	bool same_filters = config_filter_all_same(old->config, r->snap->config);
	bool same_limits = config_limits_same(&old->config->service.limits, &r->snap->config->service.limits);
	bool same_dns = dns_is_same(&old->config->service, &r->snap->config->service);
	bool same_directories = directories_are_same(old->config, r->snap->config);

	r->anew = !sandbox_is_same(m, &old->config->service, &r->snap->config->service);
	if (!r->lists)
		remove_servers(r);
	m->snapshot = r->snap;
	server_list_keep_numbers(m);
	control_rights_adopt_service(m, &old->config->service, &r->snap->config->service);
	add_faulty_servers(r);
	reload_servers(r);
	if (!same_dns)
		helper_stop(m, CTL_HELPER_RESOLVER, master_grace(m));
	if (!same_oauth)
		helper_stop(m, CTL_HELPER_FETCH, master_grace(m));
	if (!same_directories)
		helper_stop(m, CTL_HELPER_DIRECTORY, master_grace(m));
	if (!same_filters)
		helper_stop(m, CTL_HELPER_FILTER, master_grace(m));
	if (!same_limits) {
		helper_stop(m, CTL_HELPER_LIMITS, master_grace(m));
		helper_stop(m, CTL_HELPER_AUTH, master_grace(m));	/* it asks that one */
	}
	if (r->anew)
		helper_stop_all(m, master_grace(m));
	if (!same_metrics || r->anew || m->metrics.sockets.missing != NULL)
		socket_post_renew(&m->metrics);
	if (!same_manager || r->anew || m->web.sockets.missing != NULL)
		socket_post_renew(&m->web);
	file_handover_tell_missing(r->snap->config);
	file_watch_scan(m);
	server_snapshot_drop(old);
}

/* Whether a virtual server that the helpers may serve is missing in `b`, for its list. */
static bool
has_fewer_servers(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < a->nserver; i++)
		if (config_server_by_name(b, a->server[i].name) == NULL)
			return true;
	return false;
}

/*
 * The INI files that were taken over, with the lists of now. What helpers are told stays, while some virtual
 * server has an error: it runs on with the lists of before.
 */
static void
renew_lists(struct reload *r)
{
	struct config *c = config_read_lists(r->m->snapshot->config->files, &r->faults);

	reload_words_log(r);
	if (c == NULL) {
		if (reload_words_are_news(r, NULL))
			reload_words_say_left(r, NULL, "not changed");
	} else if ((r->snap = server_snapshot_new(c)) == NULL) {
		reload_words_say(r, EX_OSERR, "-", "not changed", strerror(errno));
	} else if (!has_fewer_servers(r->m->snapshot->config, c)) {
		adopt_snapshot(r);
	} else {
		add_faulty_servers(r);
		reload_servers(r);
		file_watch_scan(r->m);
		server_snapshot_drop(r->snap);
	}
}

/* The latest INI file of `s` has errors, and it runs on an older one: that one with the lists of now. */
static void
renew_older_lists(struct reload *r, struct server *s)
{
	struct config *c = config_read_lists(s->snapshot->config->files, &r->faults);
	struct buf why = BUF_INIT(1024);

	if (c != NULL && config_server_by_name(c, s->name) != NULL &&
	    !config_server_same(s->snapshot->config, c, s->name)) {
		r->snap = server_snapshot_new(c);
		if (r->snap == NULL)
			reload_words_say(r, EX_OSERR, s->name, "not changed", strerror(errno));
		else if (server_renew(s, r->snap, &why) == 0)
			reload_words_say(r, 0, s->name, "changed", "");
		else
			reload_words_say(r, 1, s->name, "not changed", buf_text(&why));
		server_snapshot_drop(r->snap);
	} else {
		config_free(c);
	}
	for (size_t i = 0; i < r->faults.count; i++) {
		const struct config_fault *f = &r->faults.fault[i];

		if (reload_words_is_error_of(f, s->name) && !reload_words_is_known(r, f))
			reload_words_log_fault(f);
	}
	buf_done(&why);
}

static bool
runs_on_older_files(const struct server *s, const struct config_faults *faults)
{
	return server_is_active(s) && !s->removed && s->snapshot != NULL &&
	    s->snapshot->config->files != s->m->snapshot->config->files &&
	    config_faults_first_error(faults, s->name) != NULL;
}

/* INI files that a reload refused as a whole. True: they are taken over now. */
static bool
take_refused(struct reload *r)
{
	struct config *c = config_read_lists(r->m->refused, &r->faults);
	bool done = false;

	reload_words_log(r);
	if (c == NULL) {
		if (reload_words_are_news(r, NULL))
			reload_words_say_left(r, NULL, "not changed");
		return false;
	}
	config_files_drop(r->m->refused);
	r->m->refused = NULL;
	if ((r->snap = server_snapshot_new(c)) == NULL)
		reload_words_say(r, EX_OSERR, "-", "not changed", strerror(errno));
	else if (fixed_keys_are_same(r) && events_can_go(r))
		done = true;
	else
		server_snapshot_drop(r->snap);
	if (done) {
		r->again = false;	/* each virtual server's result is said, as of a reload */
		adopt_snapshot(r);
	}
	return done;
}

/* Adds the faults to those that are told, and forgets them. */
static void
finish_lists(struct reload *r, struct config_faults *told)
{
	config_faults_copy(told, &r->faults);
	config_faults_done(&r->faults);
}

bool
reload_lists(struct master *m, struct buf *text, int *status)
{
	struct reload refused = { .m = m, .text = text, .again = true };
	struct reload r = { .m = m, .text = text, .again = true, .lists = true };
	struct config_faults told = { 0 };
	struct server *s;
	bool taken;

	if (m->stopping)
		return false;
	taken = m->refused != NULL && take_refused(&refused);
	*status = refused.status;
	finish_lists(&refused, &told);
	if (!taken) {
		renew_lists(&r);
		TAILQ_FOREACH(s, &m->servers, link)
			if (runs_on_older_files(s, &r.faults)) {
				struct reload older = { .m = m, .text = text, .again = true, .lists = true };

				renew_older_lists(&older, s);
				finish_lists(&older, &told);
			}
		finish_lists(&r, &told);
	}
	reload_words_remember(m, &told);
	return taken;
}

/* One file is another one; what is on disk of the others by now was not asked for. */
static struct config *
read_set(const struct master *m, const struct config_candidate *candidate, struct config_files **files,
    struct config_faults *faults)
{
	const struct config_files *latest = m->refused != NULL ? m->refused : m->snapshot->config->files;

	return candidate == NULL ? config_read_files(m->options.config_path, files, faults) :
	    config_files_change(latest, candidate, files, faults);
}

int
reload_run(struct master *m, const char *only, const struct config_candidate *candidate, struct buf *text)
{
	struct reload r = { .m = m, .only = only, .text = text };
	struct config_files *files;
	struct config *c = read_set(m, candidate, &files, &r.faults);

	m->readings++;
	m->names_stay = candidate != NULL;
	reload_words_log(&r);
	config_files_drop(m->refused);
	m->refused = c == NULL ? files : NULL;
	if (c != NULL)
		config_files_drop(files);
	if (c == NULL)
		reload_words_say(&r, EX_CONFIG, "-", "not changed", "the service file has errors");
	else if ((r.snap = server_snapshot_new(c)) == NULL)
		reload_words_say(&r, EX_OSERR, "-", "not changed", strerror(errno));
	else if (servers_are_there(&r) && fixed_keys_are_same(&r) && users_are_there(&r) && events_can_go(&r))
		adopt_snapshot(&r);
	else
		server_snapshot_drop(r.snap);
	file_watch_scan(m);
	reload_words_remember(m, &r.faults);
	m->names_stay = false;
	return r.status;
}
