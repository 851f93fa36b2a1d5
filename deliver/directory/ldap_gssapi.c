/*
 * ldap_gssapi - Kerberos for a directory server, within a time limit
 *
 * Runs in:  directory; the Kerberos servers are asked on a thread of its own: libkrb5 has no time limit
 * Owns:     one record for each such thread, shared with the thread that waits for it
 * Promise:  no caller waits longer than its limit; at most one such thread for a keytab; tickets are renewed
 *           when they are old; the host's name is taken as it was given, whatever DNS says
 * Fails by: NULL with errno and words
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

static const struct gssapi_client_kind kind = { .service = "ldap", .peer = "the directory server",
    .advice = "; use start-tls or ldaps" };

struct ask {
	struct ldap_keytab *keytab;
	struct gssapi_client *client;
	char *user, *host;
	bool done;		/* by the thread, or there is none. Under the keytab's lock, as `left` */
	bool left;		/* the caller does not wait any more: the thread frees this */
	bool good;		/* the first word is ready */
};

static void
free_ask(struct ask *a)
{
	gssapi_client_free(a->client);
	ldap_keytab_release(a->keytab);
	free(a->user);
	free(a->host);
	free(a);
}

static void *
run_ask_thread(void *arg)
{
	struct ask *a = arg;
	struct ldap_keytab *k = ldap_keytab_use(a->keytab);
	atomic_uint *threads = k->threads;
	bool left;

	a->good = gssapi_client_name_host(a->client, a->host) == 0 &&
	    gssapi_client_acquire(a->client, a->user, &k->keytab) == 0 &&
	    gssapi_client_step(a->client, NULL, 0) == 0;
	pthread_mutex_lock(&k->lock);
	a->done = true;
	left = a->left;
	k->asking = false;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	if (left)
		free_ask(a);
	ldap_keytab_release(k);
	atomic_fetch_sub(threads, 1);
	return NULL;
}

/* All signals blocked: they belong to the loop. Lock taken. 0 or an errno. */
static int
start_ask_thread(struct ask *a)
{
	atomic_uint *threads = a->keytab->threads;
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);	/* of the thread itself: the sandbox */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(threads, 1);
	error = pthread_create(&thread, &attr, run_ask_thread, a);
	if (error != 0)
		atomic_fetch_sub(threads, 1);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* False: it did not become `wanted` in time. Lock taken. */
static bool
wait_for_keytab(struct ldap_keytab *k, const bool *what, bool wanted, uint64_t end_ms)
{
	const struct timespec end = { .tv_sec = (time_t)(end_ms / 1000),
	    .tv_nsec = (long)(end_ms % 1000 * 1000000) };

	while (*what != wanted && clock_mono_ms() < end_ms)
		(void)pthread_cond_clockwait(&k->changed, &k->lock, CLOCK_MONOTONIC, &end);
	return *what == wanted;
}

/* 0; an errno. ETIMEDOUT with !a->done: the thread owns `a` now. Lock taken. */
static int
ask_in_time(struct ask *a, uint64_t end_ms)
{
	struct ldap_keytab *k = a->keytab;
	int error;

	/* A thread that was left behind still asks: the same servers are not asked twice at a time. */
	if (!wait_for_keytab(k, &k->asking, false, end_ms)) {
		a->done = true;
		return ETIMEDOUT;
	}
	error = start_ask_thread(a);
	a->done = error != 0;
	if (error != 0)
		return error;
	k->asking = true;
	a->left = !wait_for_keytab(k, &a->done, true, end_ms);
	return a->left ? ETIMEDOUT : 0;
}

struct gssapi_client *
ldap_gssapi_begin(struct ldap_keytab *k, const char *user, const char *host, uint64_t limit_ms,
    char why[LDAP_CONN_WHY_SIZE])
{
	struct ask *a = mem_new(struct ask);
	struct gssapi_client *ready = NULL;
	bool ours;
	int error;

	a->keytab = ldap_keytab_use(k);
	a->client = gssapi_client_new(&kind);
	a->user = mem_strdup(user);
	a->host = mem_strdup(host);
	pthread_mutex_lock(&k->lock);
	error = ask_in_time(a, clock_mono_ms() + limit_ms);
	ours = a->done;
	pthread_mutex_unlock(&k->lock);
	if (error == 0 && a->good) {
		ready = a->client;
		a->client = NULL;
	} else if (error == 0) {
		snprintf(why, LDAP_CONN_WHY_SIZE, "%s", gssapi_client_why(a->client));
	} else {
		snprintf(why, LDAP_CONN_WHY_SIZE, "%s",
		    error == ETIMEDOUT ? "no ticket: the Kerberos servers do not answer" : strerror(error));
	}
	if (ours)
		free_ask(a);
	errno = error != 0 ? error : EACCES;
	return ready;
}
