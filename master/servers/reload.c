/*
 * reload - takes over the configuration on disk while the service runs
 *
 * Runs in:  master, on SIGHUP and by command
 * Owns:     nothing
 * Promise:  errors in the service file, or a change of user, group, run or state: nothing changes. Errors in
 *           the file of a virtual server: that one stays as it is. A virtual server without changes is not
 *           touched. No session is dropped; no connection is refused on an address that stays
 * Fails by: a status, and lines of text that say what and why
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

struct reload {
	struct master *m;
	struct snapshot *snap;
	struct config_faults faults;
	const char *only;		/* the text tells of this virtual server alone; NULL: of all */
	struct buf *text;
	int status;
	bool lists;			/* the INI files are those of before: no server comes or goes */
};

/* Whether the operator asked about it: "-" is the service. */
static bool
is_meant(const struct reload *r, const char *server)
{
	return r->only == NULL || server == NULL || strcmp(server, "-") == 0 || strcmp(server, r->only) == 0;
}

static void
say_line(struct reload *r, int status, const char *server, const char *result, const char *text)
{
	log_event(status != 0 ? LOG_FAULT : LOG_FACT, NULL, "config", "server=%s result=%s%s%s", server,
	    log_safe(result), text[0] != '\0' ? " reason=" : "", text[0] != '\0' ? log_safe(text) : "");
	if (!is_meant(r, server))
		return;
	buf_printf(r->text, "%s: %s%s%s\n", server, result, text[0] != '\0' ? ": " : "", text);
	if (status != 0 && r->status == 0)
		r->status = status;
}

void
reload_log_fault(const struct config_fault *f)
{
	log_event(f->warning ? LOG_WARN : LOG_FAULT, NULL, "config", "server=%s file=%s line=%u %s=%s",
	    f->server != NULL ? f->server : "-", log_safe(f->file), f->line, f->warning ? "warning" : "error",
	    log_safe(f->text));
}

static void
log_faults(struct reload *r)
{
	for (size_t i = 0; i < r->faults.count; i++) {
		const struct config_fault *f = &r->faults.fault[i];

		reload_log_fault(f);
		if (!is_meant(r, f->server) || (r->only != NULL && f->server == NULL && f->warning))
			continue;
		buf_printf(r->text, "%s:", f->file);
		if (f->line > 0)
			buf_printf(r->text, "%u:", f->line);
		buf_printf(r->text, " %s: %s\n", f->warning ? "warning" : "error", f->text);
	}
}

static void
remove_servers(struct reload *r)
{
	struct server *s;

	TAILQ_FOREACH(s, &r->m->servers, link) {
		if (s->removed || config_server_by_name(r->snap->config, s->name) != NULL ||
		    config_faults_first_error(&r->faults, s->name) != NULL)
			continue;
		s->removed = true;
		say_line(r, 0, s->name, "removed", "");
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
		struct server *s;

		if (f->warning || f->server == NULL || f != config_faults_first_error(&r->faults, f->server))
			continue;
		s = server_list_add(r->m, f->server, r->snap, f);
		if (s != NULL)
			say_line(r, EX_CONFIG, f->server, s->conf != NULL ? "not changed" : "stopped",
			    "its file has errors");
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
		say_line(r, 1, s->name, "stopped", s->reason != NULL ? s->reason : "");
	else
		say_line(r, 0, s->name, result, "");
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
		if (s->snapshot == NULL || !config_server_same(s->snapshot->config, r->snap->config, s->name))
			maintenance_post_end(s);
		server_adopt(s, r->snap);
		server_reason(s, NULL);
		if (s->wanted && s->state == STATE_STOPPING && again)
			say_line(r, 1, s->name, "stopping",
			    "it was removed a moment ago; start it when it has stopped");
		else if (s->wanted)
			start_server(r, s, "started");
	} else if (config_server_same(s->snapshot->config, r->snap->config, s->name)) {
		server_adopt(s, r->snap);
	} else if (server_renew(s, r->snap, &why) == 0) {
		say_line(r, 0, s->name, "changed", "");
	} else if (last) {
		say_line(r, 1, s->name, "not changed", buf_text(&why));
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
	free(done);
}

static bool
same_strings(const struct config_strings *a, const struct config_strings *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return false;
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
dns_is_same(const struct config_service *a, const struct config_service *b)
{
	return same_strings(&a->dns_server, &b->dns_server) && a->dnssec == b->dnssec &&
	    same_text(a->trust_anchor, b->trust_anchor) &&
	    same_strings(&a->dns_insecure, &b->dns_insecure);
}

/*
 * Whether the directory helper may go on with `a`: no virtual server with a directory has changed.
 */
static bool
directories_are_same(const struct config *a, const struct config *b)
{
	for (size_t i = 0; i < b->nserver; i++)
		if (b->server[i].ldap.enable && !config_server_same(a, b, b->server[i].name))
			return false;
	return true;
}

/*
 * Whether the keys are the same that cannot change while the service runs: the master made its folders and
 * found its users by them at its start.
 */
static bool
fixed_keys_are_same(struct reload *r)
{
	const struct config_service *a = &r->m->snapshot->config->service, *b = &r->snap->config->service;

	const struct {
		const char *key, *old, *new;
	} fixed[] = {
		{ "user", a->user, b->user }, { "group", a->group, b->group },
		{ "run", a->run, b->run }, { "state", a->state, b->state },
	};
	bool same = true;
	for (size_t i = 0; i < nitems_of(fixed); i++)
		if (!same_text(fixed[i].old, fixed[i].new)) {
			char text[160];

			snprintf(text, sizeof(text),
			    "[service] %s can only change while the service is stopped; all stays as it was",
			    fixed[i].key);
			say_line(r, 1, "-", "not changed", text);
			same = false;
		}
	return same;
}

static bool
events_can_go(struct reload *r)
{
	char why[400];

	if (event_log_try(r->m, &r->snap->config->service, why, sizeof(why)) == 0)
		return true;
	say_line(r, EX_CANTCREAT, "-", "not changed", why);
	return false;
}

static void
adopt_snapshot(struct reload *r)
{
	struct master *m = r->m;
	struct snapshot *old = m->snapshot;
	bool same_metrics = same_strings(&old->config->service.metrics, &r->snap->config->service.metrics);
	bool same_oauth = config_oauth_same(old->config, r->snap->config);
	bool same_dns = dns_is_same(&old->config->service, &r->snap->config->service);
	bool same_directories = directories_are_same(old->config, r->snap->config);

	if (!r->lists)
		remove_servers(r);
	m->snapshot = r->snap;
	server_list_keep_numbers(m);
	control_rights_resolve(&m->operators, &r->snap->config->service.operators, "-", "operators");
	control_rights_resolve(&m->viewers, &r->snap->config->service.viewers, "-", "viewers");
	add_faulty_servers(r);
	reload_servers(r);
	if (!same_dns)
		helper_stop(m, CTL_HELPER_RESOLVER, master_grace(m));
	if (!same_oauth)
		helper_stop(m, CTL_HELPER_FETCH, master_grace(m));
	if (!same_directories)
		helper_stop(m, CTL_HELPER_DIRECTORY, master_grace(m));
	if (!same_metrics)
		metrics_post_renew(m);
	file_handover_tell_missing(r->snap->config);
	file_watch_scan(m);
	server_snapshot_drop(old);
}

void
reload_lists(struct master *m)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);	/* each of its lines is an event */
	struct reload r = { .m = m, .text = &text, .lists = true };
	struct config *c;

	if (m->stopping)
		return;
	c = config_read_lists(m->snapshot->config, &r.faults);
	log_faults(&r);
	if (c == NULL || r.faults.errors > 0) {
		say_line(&r, 1, "-", "not changed", "a file with a list has errors");
		config_free(c);
	} else if ((r.snap = server_snapshot_new(c)) != NULL) {
		adopt_snapshot(&r);
	}
	config_faults_done(&r.faults);
	buf_done(&text);
}

int
reload_run(struct master *m, const char *only, struct buf *text)
{
	struct reload r = { .m = m, .only = only, .text = text };
	struct config *c = config_read(m->options.config_path, &r.faults);

	log_faults(&r);
	if (c == NULL)
		say_line(&r, EX_CONFIG, "-", "not changed", "the service file has errors");
	else if ((r.snap = server_snapshot_new(c)) == NULL)
		say_line(&r, EX_OSERR, "-", "not changed", strerror(errno));
	else if (fixed_keys_are_same(&r) && events_can_go(&r))
		adopt_snapshot(&r);
	else
		server_snapshot_drop(r.snap);
	config_faults_done(&r.faults);
	return r.status;
}
