/*
 * boot - the first and last steps of every worker and helper
 *
 * Runs in:  every process but master, posternctl; once, before its own code
 * Owns:     the inherited descriptors, the control channel to the master, the loop
 * Promise:  when `run` is called, root is gone for good and no foreign descriptor is open
 * Fails by: die(): 64 not started by the master, 71 system, 78 configuration
 */
#include "common/boot/boot.h"

#include <bsd/stdlib.h>
#include <bsd/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/log_watch.h"
#include "common/base/mem.h"
#include "common/sandbox/sandbox.h"

#define LEFT_MS 250U	/* between two CTL_LEFT */

/* A stop that did not come from the master: its end, or a TERM. */
static void
stop_by_myself(struct boot *b)
{
	uint32_t grace = (uint32_t)b->config->service.grace;
	struct ctl_message m = { .type = CTL_STOP, .data = &grace, .len = sizeof(grace), .fd = -1 };

	b->role->on_control(b, &m);
}

/* As the master said at the start; the configuration of this process may be an older one. */
static enum log_sink
sink_of(const struct boot *b)
{
	const char *said = getenv(BOOT_EVENTS);

	if (said != NULL && *said >= '0' && *said < '0' + LOG_SINKS && said[1] == '\0')
		return (enum log_sink)(*said - '0');
	return b->config == NULL ? LOG_TO_STDERR :
	    config_service_log_sink(&b->config->service, getenv("POSTERN_FOREGROUND") != NULL);
}

/*
 * Events go elsewhere from now on; a file comes as the standard error output. A process in its sandbox cannot
 * turn to syslog: the master replaces it, and its last events go where they went before.
 */
static void
take_events(const struct boot *b, const struct ctl_message *m)
{
	uint32_t sink;

	memcpy(&sink, m->data, sizeof(sink));
	if (m->fd == -1 || (sink == LOG_TO_SYSLOG && b->config->service.sandbox && sink_of(b) != sink))
		return;
	log_take((enum log_sink)sink, m->fd);
}

static void
on_master_message(void *arg, const struct ctl_message *m)
{
	struct boot *b = arg;

	if (m->type == CTL_COUNT)
		return;		/* it is for processes of that version */
	if (m->type == CTL_EVENTS)
		take_events(b, m);
	else if (m->type == CTL_WATCH && m->fd != -1)
		(void)!log_watch_add(ctl_take_fd(m), "");
	else
		b->role->on_control(b, m);
}

static void
on_master_close(void *arg, bool bad)
{
	struct boot *b = arg;

	log_event(LOG_WARN, NULL, "trouble", "doing=control reason=%s",
	    bad ? "\"bad message from the master\"" : "\"the master is gone\"");
	stop_by_myself(b);
}

static void
on_signal(void *arg, int signo, bool queued, int value)
{
	stop_by_myself(arg);
}

/* INT HUP USR1 USR2 are the master's business: a terminal sends them to the whole group. */
static void
set_signals(struct boot *b)
{
	static const int ignored[] = { SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE };
	static const int watched[] = { SIGTERM, 0 };

	for (size_t i = 0; i < nitems_of(ignored); i++)
		signal(ignored[i], SIG_IGN);
	loop_signals(b->loop, watched, on_signal, b);
}

static bool
is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

static unsigned
parse_number(const char *text, long long max)
{
	const char *why = NULL;

	long long n = strtonum(text, 0, max, &why);
	if (why != NULL)
		die(EX_USAGE, "bad argument %s: %s", text, why);
	return (unsigned)n;
}

static void
take_arguments(struct boot *b, int argc, char **argv)
{
	const char *filter;
	int end;

	if (argc != 4 || !is_channel(BOOT_MASTER)) {
		fprintf(stderr, "postern-%s is started by postern(8), not by hand\n", b->role->name);
		exit(EX_USAGE);
	}
	b->slot = parse_number(argv[2], COUNTERS_SLOTS - 1);
	b->listeners = parse_number(argv[3], CONFIG_LISTEN_MAX);
	end = BOOT_LISTEN + (int)b->listeners;
	filter = getenv(BOOT_FILTER);
	if (filter != NULL)
		b->filter = (int)parse_number(filter, end++);
	closefrom(end);
	for (int fd = BOOT_MASTER; fd < end; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			die(EX_OSERR, "descriptor %d was not inherited", fd);
}

static void
take_config(struct boot *b, const char *server)
{
	char program[48];

	snprintf(program, sizeof(program), "postern-%s", b->role->name);
	log_open(program, server, sink_of(b));
	b->config = config_read_snapshot(BOOT_CONFIG);
	if (b->config == NULL)
		die(EX_CONFIG, "the configuration snapshot cannot be read");
	log_open(program, server, sink_of(b));
	if (!b->role->per_server)
		return;
	b->server = config_server_by_name(b->config, server);
	if (b->server == NULL)
		die(EX_CONFIG, "no virtual server %s in the configuration snapshot", log_safe(server));
	b->counters = counters_map(BOOT_COUNTERS);
	if (b->counters == NULL)
		die(EX_OSERR, "cannot map the counters: %s", strerror(errno));
	counters_use_slot(b->counters, b->slot);
	boot_fence_name(b);
	if (b->role->user == 0)
		commit_way_find(&b->commit, b->server->queue);	/* while /proc can be read */
}

static void
raise_file_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &rl);
	}
	mallopt(M_ARENA_MAX, 2); /* a loop and its pool: more arenas only cost memory */
}

/* Operators see it in the status as long as the process lives: it may have been taken over. */
static void
tell_refused(void *arg, const char *call)
{
	char text[120];

	snprintf(text, sizeof(text), "postern-%s wanted a system call that it has no use for: %s",
	    ((struct boot *)arg)->role->name, call);
	boot_trouble(arg, "sandbox", text);
}

/*
 * No core file with mail or secrets in it, whatever receives core files, and no debugger but root's. Then the
 * sandbox; a test build ends at a call that its table has not.
 */
static void
give_up_rights(struct boot *b)
{
#ifdef POSTERN_TEST
	const bool test = true;
#else
	const bool test = false;
#endif
	const struct rlimit none = { 0, 0 };
	const struct sandbox_plan plan = { .role = b->role->name, .server = b->server,
	    .syslog = sink_of(b) == LOG_TO_SYSLOG, .sanitizers = test,
	    .kill = test && getenv("POSTERN_INTRUDER") == NULL, .filter = b->filter };

	(void)!setrlimit(RLIMIT_CORE, &none);
	if (!test)	/* the leak sanitizer debugs its own process */
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (!b->config->service.sandbox)
		return;
	if (!sandbox_enter(&plan))
		die(EX_SOFTWARE, "no sandbox for %s", b->role->name);
	if (b->filter != 0)
		close(b->filter);
	sandbox_trap_watch(b->loop, tell_refused, b);
}

static void
drop_root(const struct boot *b)
{
	const struct config_service *s = &b->config->service;
	const char *also = b->role->reads_pickup ? b->server->pickup_group : NULL;

	if (b->role->user != 0)
		boot_drop(config_service_user(s, b->role->user), NULL, NULL, b->role->host_groups);
	else if (b->server != NULL && b->server->user != NULL)
		boot_drop(b->server->user, NULL, also, false);
	else
		boot_drop(s->user, s->group, also, false);
}

int
boot_main(int argc, char **argv, const struct boot_role *role)
{
	struct boot b = { .role = role };

	setproctitle_init(argc, argv, environ);
	take_arguments(&b, argc, argv);
	umask(007);
	take_config(&b, argv[1]);
	raise_file_limit();
	/* libbsd puts the name of the program before it */
	setproctitle("%s%s%s", argv[1], argv[1][0] != '\0' ? ": " : "", role->title);
	b.loop = loop_new_first(role->others);
	set_signals(&b);
	if (role->prepare != NULL)
		role->prepare(&b);
	drop_root(&b);
	give_up_rights(&b);
	b.master = ctl_new(b.loop, BOOT_MASTER, CTL_FROM_MASTER, on_master_message, on_master_close, &b);
	ctl_any_version(b.master);	/* a master of another version may take over */
	role->run(&b);
	loop_run(b.loop);
	if (role->finish != NULL)
		role->finish(&b);
	boot_trouble_done(&b);
	ctl_free(b.master);
	sandbox_trap_done();
	loop_free(b.loop);
	counters_free(b.counters);
	config_free(b.config);
	return EX_OK;
}

static void
send_to_master(struct boot *b, enum ctl_type type, uint32_t request, const void *data, size_t len)
{
	if (ctl_send(b->master, type, request, data, len, -1) == -1 && errno != EPIPE)
		log_event(LOG_WARN, NULL, "trouble", "doing=control message=%s reason=%s", ctl_name(type),
		    log_safe(strerror(errno)));
}

void
boot_tell(struct boot *b, enum ctl_type type)
{
	send_to_master(b, type, 0, NULL, 0);
}

void
boot_left(struct boot *b)
{
	uint64_t now = clock_mono_ms();

	if (now < b->left_at + LEFT_MS)
		return;
	b->left_at = now;
	boot_tell(b, CTL_LEFT);
}

void
boot_need(struct boot *b, enum ctl_helper helper)
{
	uint32_t which = helper;

	send_to_master(b, CTL_NEED, 0, &which, sizeof(which));
}

void
boot_open(struct boot *b, uint32_t request, enum ctl_file_kind kind, unsigned index, const char *server)
{
	struct ctl_file file = { .kind = kind, .index = index };

	snprintf(file.server, sizeof(file.server), "%s", server);
	send_to_master(b, CTL_OPEN, request, &file, sizeof(file));
}

void
boot_open_domain(struct boot *b, uint32_t request, enum ctl_file_kind kind, const char *server,
    const char *domain)
{
	struct ctl_file file = { .kind = kind };

	snprintf(file.server, sizeof(file.server), "%s", server);
	snprintf(file.domain, sizeof(file.domain), "%s", domain);
	send_to_master(b, CTL_OPEN, request, &file, sizeof(file));
}

void
boot_ready(struct boot *b)
{
	boot_tell(b, CTL_READY);
}

void
boot_refuse(struct boot *b, int code, const char *reason)
{
	char text[CTL_REASON_MAX];

	snprintf(text, sizeof(text), "%s", reason);
	(void)!ctl_send(b->master, CTL_REASON, 0, text, strlen(text), -1);
	die(code, "%s", text);
}

uint32_t
boot_grace(const struct ctl_message *m)
{
	uint32_t ms = 0;

	if (m->len == sizeof(ms))
		memcpy(&ms, m->data, sizeof(ms));
	return ms;
}

void
boot_end(struct boot *b)
{
	loop_stop(b->loop);
}
