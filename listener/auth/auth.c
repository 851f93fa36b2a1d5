/*
 * auth - the program: knows passwords and Kerberos keys; tells listeners who their clients are, and deliver
 * processes how to prove who we are
 *
 * Runs in:  auth
 * Owns:     the pool in which passwords are checked, the files, the channels, the requests
 * Promise:  no socket but its channels and those of Kerberos; no secret goes to a listener or into the log.
 *           It opens no password file: what it reads or writes the master has opened, for that once
 * Fails by: a worker that misbehaves loses its channel, nothing else
 */
#include "listener/auth/auth.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/mem.h"

/* One more than slots: a client address alone never has all threads. */
enum { THREADS_MIN = 3, THREADS_MAX = 9 };
/* Less than THREADS_MIN: a KDC that does not answer leaves one thread for clients. */
enum { OUT_THREADS = 2 };

static unsigned
count_threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) + 1;

	return n < THREADS_MIN ? THREADS_MIN : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

static void
run_auth(struct boot *b)
{
	struct auth *a = mem_new(struct auth);
	unsigned threads = count_threads();

	b->state = a;
	a->boot = b;
	TAILQ_INIT(&a->requests);
	ctl_server_list_init(&a->channels, b->loop, a);
	a->secret_files = secret_files_new(b, auth_request_file_ready);
	a->throttle = auth_throttle_new();
	a->shared = auth_shared_new(a);
	auth_turn_table_init(&a->turns);
	a->pool = pool_new(b->loop, threads);
	a->lane[AUTH_LANE_IN] = pool_lane_new(a->pool, threads, 1, auth_request_work, auth_request_worked, a);
	a->lane[AUTH_LANE_OUT] = pool_lane_new(a->pool, OUT_THREADS, 1, auth_request_work,
	    auth_request_worked, a);
	a->seen = auth_seen_new();
	a->accounts = auth_accounts_new(a);
	a->slots = threads - 1;
	boot_ready(b);
}

static void
on_auth_channel(struct auth *a, const struct ctl_message *m)
{
	struct ctl_channel channel;
	const struct ctl_server_kind *kind;

	if (!boot_helper_introduced(m, &channel))
		return;
	if (channel.helper == CTL_HELPER_LIMITS) {
		auth_shared_channel(a->shared, ctl_take_fd(m));
		return;
	}
	kind = strcmp(channel.role, "deliver") == 0 ? &auth_channel_out :
	    strcmp(channel.role, "master") == 0 ? &auth_channel_manager : &auth_channel_in;
	ctl_server_join(&a->channels, kind, m, &channel);
}

static void
on_auth_control(struct boot *b, const struct ctl_message *m)
{
	struct auth *a = b->state;

	switch (m->type) {
	case CTL_CHANNEL:
		on_auth_channel(a, m);
		break;
	case CTL_FILE:
		secret_files_opened(a->secret_files, m);
		break;
	case CTL_ACCOUNTS:
		auth_accounts_take(a->accounts, m);
		break;
	default:
		boot_helper_control(b, m);
	}
}

static void
finish_auth(struct boot *b)
{
	struct auth *a = b->state;

	a->slots = 0;
	pool_free(a->pool);
	ctl_server_list_done(&a->channels);
	auth_request_end_all(a);
	auth_accounts_free(a->accounts);
	auth_seen_free(a->seen);
	auth_shared_free(a->shared);
	secret_files_free(a->secret_files);
	auth_throttle_free(a->throttle);
	free(a);
	b->state = NULL;
}

const struct boot_role auth_role = {
	.name = "auth",
	.title = "checks who clients are",
	.per_server = false,
	.user = offsetof(struct config_service, auth_user),
	.run = run_auth,
	.on_control = on_auth_control,
	.finish = finish_auth,
};
