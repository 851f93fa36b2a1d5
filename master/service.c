/*
 * service - the whole service: from reading the configuration to the end of the last child
 *
 * Runs in:  master
 * Owns:     struct master
 * Promise:  "ready" is said when every virtual server that should run does, or was refused with a reason
 * Fails by: die() before the loop runs; never afterwards
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <bsd/unistd.h>

#include "common/account/account.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/machine.h"
#include "common/base/mem.h"
#include "common/change/change_file.h"
#include "common/change/change_move.h"
#include "common/process/ebb.h"
#include "common/sandbox/sandbox.h"
#include "master/control/control.h"
#include "master/master.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"

#define STOP_REST_MS 60000U	/* after the grace */
#define SERVICE_FILES 262144U	/* descriptors of a process: enough for thousands of sessions */

/* --- before the loop --- */

static void
find_user(const char *key, const char *user, const char *group, struct account *a)
{
	int rc = account_find(user, group, a);

	if (rc == -1)
		die(EX_NOUSER, "there is no user \"%s\" ([service] %s): make it (etc/install-account of the "
		    "source does), or name another", user, key);
	if (rc != 0)
		die(EX_NOUSER, "there is no group \"%s\" ([service] group): make it, or name another", group);
	if (account_is_root(a))
		die(EX_CONFIG, "[service] %s is root: workers must not be", key);
}

static void
find_identity(struct master *m)
{
	const struct config_service *c = &m->snapshot->config->service;
	struct account a;

	m->uid = (uid_t)-1;
	m->gid = (gid_t)-1;
	if (geteuid() != 0) {
		const struct passwd *me = getpwuid(geteuid());

		if (me == NULL || strcmp(me->pw_name, c->user) != 0)
			log_event(LOG_FACT, NULL, "service", "note=%s",
			    log_safe("not root: all processes run as the user who started "
			    "this; the users of [service] are ignored"));
		return;
	}
	for (size_t i = 0; i < CONFIG_USERS; i++)
		if (config_user_is_needed(m->snapshot->config, &config_users[i]))
			find_user(config_users[i].key, config_service_user(c, config_users[i].offset), NULL,
			    &a);
	find_user("user", c->user, c->group, &a);
	m->uid = a.uid;
	m->gid = a.gid;
}

static void
make_run_folders(const struct master *m)
{
	const struct config_service *c = &m->snapshot->config->service;

	const char *const wanted[] = { c->run, c->state, c->spool, c->logs };
	/* They belong to the master. The workers own what is inside, homes and log folders. */
	for (size_t i = 0; i < nitems_of(wanted); i++)
		if (make_folder_make(wanted[i], 0755, (uid_t)-1, (gid_t)-1) == -1)
			die(EX_CANTCREAT, "%s cannot be made: %s", wanted[i], disk_reason(wanted[i], errno));
}

/* Descriptors for all; no core file, of this process or its children: refresh tokens pass here. */
static void
set_limits(void)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit limit;

	(void)!setrlimit(RLIMIT_CORE, &none);
	if (geteuid() == 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	if (geteuid() == 0 && limit.rlim_max < SERVICE_FILES)
		limit.rlim_max = SERVICE_FILES;
	limit.rlim_cur = limit.rlim_max < SERVICE_FILES ? limit.rlim_max : SERVICE_FILES;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* when it fails: fewer sessions */
}

static void
read_configuration(struct master *m, struct config_faults *faults)
{
	struct config *c;

	/* Who takes over has what the service runs on: an error that is on disk by now must not end it. */
	if (m->options.take_over == -1 || !upgrade_state_config(&c, faults))
		c = config_read(m->options.config_path, faults);
	if (!m->options.foreground || c == NULL)
		config_faults_print(faults, stderr);
	if (c == NULL)
		die(EX_CONFIG, "%s cannot be used; see above", m->options.config_path);
	m->snapshot = server_snapshot_new(c);
	if (m->snapshot == NULL)
		die(EX_OSERR, "memfd: %s", strerror(errno));
	if (m->options.start != NULL && config_server_by_name(c, m->options.start) == NULL &&
	    config_faults_first_error(faults, m->options.start) == NULL)
		die(EX_USAGE, "-S %s: there is no such virtual server", m->options.start);
}

/* What was interrupted: names of files and folders may be others then. */
static void
finish_change(struct master *m, struct config_faults *faults)
{
	const char *state = m->snapshot->config->service.state;
	struct buf why = BUF_INIT(4096);
	int lock, result;

	if (!change_move_is_noted(state))
		return;
	lock = change_file_lock(state, &why);
	result = lock != -1 ? change_move_finish(state, &why) : 0;
	log_event(result == 1 ? LOG_WARN : LOG_FAULT, NULL, "change", "result=%s reason=%s",
	    result == 1 ? "finished" : result == 0 ? "not-finished" : "taken-back", log_safe(buf_text(&why)));
	if (lock != -1)
		close(lock);
	if (result == 1) {
		server_snapshot_drop(m->snapshot);
		config_faults_done(faults);
		read_configuration(m, faults);
	}
	buf_done(&why);
}

static void
make_servers(struct master *m, const struct config_faults *faults)
{
	const struct config *c = m->snapshot->config;
	struct server *s;

	server_list_keep_numbers(m);
	for (size_t i = 0; i < c->nserver; i++)
		(void)server_list_add(m, c->server[i].name, m->snapshot, NULL);
	for (size_t i = 0; i < faults->count; i++) {
		const struct config_fault *f = &faults->fault[i];

		reload_words_log_fault(f);
		if (!f->warning && f->server != NULL && f == config_faults_first_error(faults, f->server))
			(void)server_list_add(m, f->server, NULL, f);
	}
	control_rights_resolve(&m->operators, &c->service.operators, "-", "operators");
	control_rights_resolve(&m->viewers, &c->service.viewers, "-", "viewers");
	if (m->takeover != NULL) {
		takeover_servers(m);
		return;
	}
	listen_others_update(m);
	TAILQ_FOREACH(s, &m->servers, link) {
		if (m->options.start != NULL && strcmp(s->name, m->options.start) == 0)
			server_want(s, true);
		if (s->wanted)
			server_event(s, EVENT_START);
	}
}

static void
enter_sandbox(const struct master *m)
{
	if (!m->snapshot->config->service.sandbox) {
		log_event(LOG_WARN, NULL, "service", "note=%s",
		    log_safe("[service] sandbox = no: all processes keep rights that they do not need"));
		return;
	}
	sandbox_probe_kernel();
	sandbox_tell_kernel();
	sandbox_enter_master();
}

static void
open_service(struct master *m)
{
	struct config_faults faults = { 0 };

	log_open("postern", "", LOG_TO_STDERR);
	ebb_keep();
	machine_find();
	if (spawn_exec_open(&m->spawn) == -1)
		die(EX_OSERR, "no descriptors for children: %s", strerror(errno));
	umask(002); /* modes are given in full where a file is made; the group may write to pickup */
	read_configuration(m, &faults);
	event_log_prepare(m);
	find_identity(m);
	make_run_folders(m);
	set_limits();
	if (m->options.take_over != -1)
		takeover_open(m);
	else
		daemon_lock(&m->pidfile, m->snapshot->config->service.run);
	if (m->takeover == NULL)	/* virtual servers run in the folders that it would move */
		finish_change(m, &faults);
	event_log_open(m);
	if (m->takeover == NULL && !m->options.foreground)
		m->parent = daemon_background();
	if (m->takeover == NULL)
		daemon_write_pid(&m->pidfile);
	m->program = spawn_own_program();
	m->program_folder = spawn_folder();
	m->loop = loop_new();
	watchdog_open(&m->watchdog, m->loop);
	signals_take(m);
	helper_open(m);
	m->control = control_open(m, takeover_control(m));
	m->web_sessions = web_sessions_new();
	web_account_open(m);
	event_log_begin(m);
	log_event(LOG_FACT, NULL, "service", "state=starting version=%s pid=%d", POSTERN_VERSION,
	    (int)getpid());
	enter_sandbox(m);
	file_handover_tell_missing(m->snapshot->config);
	m->file_watch = file_watch_new(m);
	make_servers(m, &faults);
	sampler_open(m);
	socket_post_open(&m->metrics, m, ROLE_METRICS, offsetof(struct config_service, metrics),
	    metrics_post_tell_all);
	socket_post_open(&m->web, m, ROLE_WEB, offsetof(struct config_service, manager.listen), NULL);
	reload_words_remember(m, &faults);
	health_gauge_open(m);
	if (m->takeover != NULL)
		reap_all(m);	/* who died between the two programs: all that hears of it is there now */
}

/* --- while it runs --- */

static void
set_title(const struct master *m)
{
	struct buf b = BUF_INIT(400);
	const struct server *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &m->servers, link) {
		/* What has no room in it is not put together: this is done at each change of each of them. */
		if (buf_ok(&b))
			buf_printf(&b, "%s%s %s", n > 0 ? ", " : "", s->name, state_name(s->state));
		n++;
	}
	setproctitle("master, %u virtual server%s: %s", n, n == 1 ? "" : "s", buf_text(&b));
	buf_done(&b);
}

static void
tell_ready(struct master *m)
{
	m->ready = true;
	ebb_give_back(NULL);
	log_event(LOG_FACT, NULL, "service", "state=started");
	notify_send("READY=1");
	if (m->parent != -1)
		daemon_report(m->parent, buf_text(&m->refusals));
	m->parent = -1;
	buf_done(&m->refusals);
	takeover_ready(m);
	if (m->options.greet)
		first_hint_newcomer(m);
}

/* When the last virtual server has stopped, the helpers end, then the master. */
static void
check_end(struct master *m)
{
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link)
		if (s->state != STATE_STOPPED)
			return;
	helper_stop_all(m, 0);
	socket_post_stop(&m->metrics);
	socket_post_stop(&m->web);
	if (TAILQ_EMPTY(&m->children))
		loop_stop(m->loop);
}

static void
forget_removed_servers(struct master *m)
{
	struct server *s, *next;
	bool news = false;

	TAILQ_FOREACH_SAFE(s, &m->servers, link, next)
		if (s->removed && s->state == STATE_STOPPED && maintenance_post_is_over(s)) {
			TAILQ_REMOVE(&m->servers, s, link);
			metrics_post_tell(m, s, true);
			server_free(s);
			news = true;
		}
	if (news)
		listen_others_update(m);
}

static void
on_changed(struct master *m)
{
	const struct server *s;
	bool steady = true;

	watchdog_progress(&m->watchdog, !m->ready || m->reloading);
	forget_removed_servers(m);
	TAILQ_FOREACH(s, &m->servers, link)
		steady = steady && server_is_steady(s);
	if (steady && m->reloading) {
		m->reloading = false;
		notify_send("READY=1");
	}
	if (steady && !m->ready && !m->stopping)
		tell_ready(m);
	set_title(m);
	upgrade_update(m);
	control_update(m->control);
	if (m->stopping)
		check_end(m);
}

static void
stop_service(struct master *m, bool hurry)
{
	char line[96];
	struct server *s;
	struct child *c;

	if (!m->stopping) {
		m->stopping = true;
		/* the grace may be longer than the time that the unit gives */
		snprintf(line, sizeof(line), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu",
		    (unsigned long long)(master_grace(m) + STOP_REST_MS) * 1000);
		notify_send(line);
		log_event(LOG_FACT, NULL, "service", "state=stopping");
		TAILQ_FOREACH(s, &m->servers, link) {
			server_event(s, EVENT_STOP);
			maintenance_post_end(s);
		}
	}
	if (hurry)
		TAILQ_FOREACH(c, &m->children, link)
			child_stop(c, 0);
}

static void
finish_reload(struct master *m, struct buf *text, int *status)
{
	struct child *c;

	event_log_renew(m, text, status);
	TAILQ_FOREACH(c, &m->children, link)
		if (c->phase == CHILD_READY)
			child_tell(c, CTL_LOGS);
	log_event(*status == 0 ? LOG_FACT : LOG_FAULT, NULL, "config", "result=%s",
	    *status == 0 ? "reloaded" : "not-all-reloaded");
}

static void
take_lists(struct master *m)
{
	struct buf text = BUF_INIT(MASTER_TEXT_MAX);	/* each of its lines is an event */
	int status;

	if (reload_lists(m, &text, &status))
		finish_reload(m, &text, &status);
	buf_done(&text);
}

static void
reload_service(struct master *m, const char *only, const struct config_candidate *candidate,
    struct buf *text, int *status)
{
	char line[96];

	if (m->stopping) {
		buf_puts(text, "the service is stopping\n");
		*status = 1;
		return;
	}
	snprintf(line, sizeof(line), "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)clock_mono_ms() * 1000);
	notify_send(line);
	m->reloading = true;
	watchdog_progress(&m->watchdog, true);
	*status = reload_run(m, only, candidate, text);
	finish_reload(m, text, status);
}

/* --- after the loop --- */

static void
close_service(struct master *m)
{
	struct server *s;
	char *path;

	log_event(LOG_FACT, NULL, "service", "state=stopped");
	while ((s = TAILQ_FIRST(&m->servers)) != NULL) {
		TAILQ_REMOVE(&m->servers, s, link);
		server_free(s);
	}
	upgrade_close(m);
	takeover_ready(m);
	sampler_close(m);
	file_watch_free(m->file_watch);
	helper_close(m);
	socket_post_close(&m->metrics);
	socket_post_close(&m->web);
	/*
	 * An operator who reads "stopped" may start the service again at once. So the name of the socket goes
	 * first, then the lock, and then the commands are answered.
	 */
	path = control_words_socket(m->snapshot->config->service.run);
	unlink(path);
	free(path);
	daemon_unlock(&m->pidfile);
	control_close(m->control, "the service has stopped\n");
	web_account_close(m);
	web_sessions_free(m->web_sessions);
	health_gauge_close(m);
	health_disk_free(m->health_disk);
	control_rights_done(&m->operators);
	control_rights_done(&m->viewers);
	reload_words_forget(m);
	config_files_drop(m->refused);
	server_snapshot_drop(m->snapshot);
	buf_done(&m->refusals);
	free(m->program);
	free(m->program_folder);
	free(m->others);
	watchdog_close(&m->watchdog);
	loop_free(m->loop);
}

int
service_run(const struct master_options *o)
{
	static const struct master_ops ops = { .changed = on_changed, .stop = stop_service,
	    .lists_changed = take_lists, .reload = reload_service,
	    .upgrade = upgrade_begin, .upgrade_result = upgrade_result };
	struct master m = { .ops = &ops, .child_ops = &child_events, .options = *o,
	    .parent = -1, .event_file = -1, .pidfile = { .fd = -1 }, .refusals = BUF_INIT(65536) };

	TAILQ_INIT(&m.servers);
	TAILQ_INIT(&m.children);
	TAILQ_INIT(&m.wishing);
	TAILQ_INIT(&m.questions);
	TAILQ_INIT(&m.callers);
	TAILQ_INIT(&m.heritages);
	open_service(&m);
	on_changed(&m);
	loop_run(m.loop);
	close_service(&m);
	return EX_OK;
}
