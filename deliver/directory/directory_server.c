/*
 * directory_server - one virtual server's directory: its threads, its files, and what was asked about it
 *
 * Runs in:  directory, on the loop
 * Owns:     the pool, the cache, the secret, the questions under way
 * Promise:  each question is answered once; a directory that does not answer delays the questions of its own
 *           virtual server only; a changed secret or CA is used soon, a secret at once when the old one is
 *           refused
 * Fails by: DIRECTORY_TROUBLE with words
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/account/secret.h"
#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/directory/directory.h"

#define QUESTIONS_MAX 5000U		/* of all workers of the virtual server */
#define QUICK_MS 5000U			/* a look-up waits no longer for a thread */
#define WHOLE_MS 300000U		/* an expansion takes no longer */
#define PROBE_MS 10000U			/* between looks at servers of which none answers */
#define FILES_MS 3000U			/* between requests for files that were not good */
#define DIRECTORY_CACHE_BYTES (64U << 20)
#define SECRET_MAX 4096U
#define KEYTAB_MAX (1U << 20)
#define CA_MAX (4U << 20)

/* --- on pool threads --- */

static bool
is_local(void *arg, const char *domain)
{
	const struct config_domain *d =
	    config_domain_find(((struct directory_server_question *)arg)->server->server, domain);

	return d != NULL && d->type != CONFIG_DOMAIN_REMOTE;
}

static bool
is_late(void *arg)
{
	const struct directory_server_question *q = arg;

	return clock_mono_ms() - q->asked_ms > WHOLE_MS;
}

static enum ldap_conn_result
find_by_address(void *arg, const char *address, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	return directory_search_address(((struct directory_server_question *)arg)->server, address, e, why);
}

/* A sender's tag is its own: it may say which mail a report is about. */
static enum ldap_conn_result
find_sender(void *arg, const char *address, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	return directory_search_exactly(((struct directory_server_question *)arg)->server, address, e, why);
}

static enum ldap_conn_result
find_by_dn(void *arg, const char *dn, struct ldap_entry **e, char why[LDAP_CONN_WHY_SIZE])
{
	return directory_search_dn(((struct directory_server_question *)arg)->server, dn, e, why);
}

static void
run_question(struct directory_server_question *q)
{
	const struct config_server *s = q->server->server;
	struct alias_expand_source from = {
		.by_address = q->query.want == DIRECTORY_WANT_OWN ? find_sender : find_by_address,
		.by_dn = find_by_dn, .is_local = is_local, .is_late = is_late, .arg = q,
		.domain = s->default_domain->name, .depth = s->ldap.group_depth,
	};

	if (q->probe)
		directory_search_probe(q->server);
	else if (q->query.want != DIRECTORY_WANT_WHOLE && clock_mono_ms() - q->asked_ms > QUICK_MS)
		msg_directory_set(&q->answer, DIRECTORY_TROUBLE, "4.4.3", "%s", "the directory is slow");
	else
		alias_expand_run(&from, &q->query, &q->answer);
}

static void
run_questions(void *arg, void **jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_question(jobs[i]);
}

/* --- questions --- */

/* What operators should know of it now. While no server answers that is found out, whoever asks or not. */
static void
tell_trouble(struct directory_server *r)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	char why[LDAP_CONN_WHY_SIZE], about[CONFIG_NAME_MAX + 16];
	bool down = directory_search_trouble(r, why);

	if (down)
		buf_printf(&text, "the directory of %s does not answer: %s", r->server->name, why);
	else if (why[0] != '\0')
		buf_printf(&text, "the directory of %s: %s", r->server->name, why);
	snprintf(about, sizeof(about), "%s servers", r->server->name);
	boot_trouble(r->directory->boot, about, buf_text(&text));
	buf_done(&text);
	if (down && !loop_timer_is_set(r->probe))
		loop_timer_set(r->probe, PROBE_MS);
}

static void
finish_question(struct directory_server *r, struct directory_server_question *q)
{
	r->questions--;
	if (q->open.server != NULL)
		msg_directory_send(q->open.server, q->open.request, &q->answer);
	if (q->test)
		directory_test_answer(r->directory, q->test_request, &q->answer);
	ctl_server_close(&q->open);
	msg_directory_done(&q->answer);
	free(q);
	tell_trouble(r);
}

static void
on_question_done(void *arg, void *job)
{
	finish_question(arg, job);
}

static void
fail_question(struct directory_server *r, struct directory_server_question *q, const char *why)
{
	msg_directory_set(&q->answer, DIRECTORY_TROUBLE, "4.4.3", "%s", why);
	finish_question(r, q);
}

static void
submit_question(struct directory_server *r, struct directory_server_question *q)
{
	pool_submit(q->query.want == DIRECTORY_WANT_WHOLE ? r->whole : r->quick, q);
}

static void
on_probe_time(void *arg)
{
	struct directory_server *r = arg;
	struct directory_server_question *q = mem_new(struct directory_server_question);

	q->server = r;
	q->probe = true;
	q->asked_ms = clock_mono_ms();
	r->questions++;
	submit_question(r, q);
}

/* --- files: the secret and the CA, opened by the master --- */

static bool
needs_secret(const struct directory_server *r)
{
	return r->server->ldap.bind != CONFIG_BIND_ANONYMOUS;
}

static bool
needs_ca(const struct directory_server *r)
{
	return r->server->ldap.ca_file != NULL;
}

static void
ask_for_files(struct directory_server *r)
{
	atomic_store(&r->denied, false);
	r->asked_ms = clock_mono_ms();
	r->trouble[0] = '\0';
	r->coming = needs_secret(r) + needs_ca(r);
	if (needs_secret(r))
		boot_open(r->directory->boot, r->request, CTL_FILE_LDAP_SECRET, 0, r->server->name);
	if (needs_ca(r))
		boot_open(r->directory->boot, r->request + 1, CTL_FILE_LDAP_CA, 0, r->server->name);
	if (r->coming == 0)
		r->had = true;
}

void
directory_server_ask(struct directory_server *r, struct directory_server_question *q)
{
	uint64_t now = clock_mono_ms();

	r->questions++;
	q->asked_ms = now;
	if (q->query.want == DIRECTORY_WANT_LOOK && directory_search_known(r, q->query.address, &q->answer)) {
		finish_question(r, q);
		return;
	}
	if (r->questions > QUESTIONS_MAX) {
		fail_question(r, q, "too many questions wait for the directory");
		return;
	}
	if (r->coming == 0 && (!r->had || atomic_load(&r->denied)) &&
	    (r->asked_ms == 0 || now - r->asked_ms >= FILES_MS))
		ask_for_files(r);
	if (r->coming > 0)
		TAILQ_INSERT_TAIL(&r->waiting, q, waiting);
	else if (r->had)
		submit_question(r, q);
	else
		fail_question(r, q, r->trouble);
}

static char *
read_opened(int fd, size_t most, size_t *size)
{
	struct stat st;
	char *data;

	if (fstat(fd, &st) == -1)
		return NULL;
	if (st.st_size < 0 || (size_t)st.st_size > most) {
		errno = EFBIG;
		return NULL;
	}
	*size = (size_t)st.st_size;
	data = mem_zalloc(*size + 1);
	if (disk_pread(fd, data, *size, 0) == (ssize_t)*size)
		return data;
	free(data);
	return NULL;
}

static void
forget_secret(struct directory_server *r)
{
	if (r->secret != NULL)
		explicit_bzero(r->secret, strlen(r->secret));
	free(r->secret);
	r->secret = NULL;
	/* Its tickets go as well: they may be for a key that the LDAP server has no longer. */
	ldap_keytab_release(r->keytab);
	r->keytab = NULL;
}

static char *
take_first_line(const char *data, size_t size)
{
	const char *line = data + secret_mark(data, size);

	return mem_strndup(line, strcspn(line, "\r\n"));
}

/* The first line; for Kerberos, the whole file as a keytab. */
static bool
take_ldap_secret(struct directory_server *r, int fd)
{
	bool kerberos = r->server->ldap.bind == CONFIG_BIND_GSSAPI;
	struct ldap_keytab *k = NULL;
	size_t size;
	char *data = read_opened(fd, kerberos ? KEYTAB_MAX : SECRET_MAX, &size);

	if (data == NULL)
		return false;
	if (kerberos)
		k = ldap_keytab_new(data, size, &r->directory->threads);
	if (!kerberos || k != NULL) {
		pthread_mutex_lock(&r->lock);
		forget_secret(r);
		r->secret = kerberos ? NULL : take_first_line(data, size);
		r->keytab = k;
		pthread_mutex_unlock(&r->lock);
	}
	explicit_bzero(data, size);
	free(data);
	return !kerberos || k != NULL;
}

static bool
take_ca(struct directory_server *r, int fd)
{
	struct buf why = BUF_INIT(sizeof(r->trouble));
	struct ldap_ca *ca = NULL, *old = NULL;
	size_t size;
	char *data = read_opened(fd, CA_MAX, &size);

	if (data == NULL)
		return false;
	ca = ldap_ca_new(data, size, r->server->ldap.ca_file, &why);
	if (ca != NULL) {
		pthread_mutex_lock(&r->lock);
		old = r->ca;
		r->ca = ca;
		pthread_mutex_unlock(&r->lock);
		ldap_ca_release(old);
	} else {
		snprintf(r->trouble, sizeof(r->trouble), "ca-file: %.140s", buf_text(&why));
		errno = EINVAL;
	}
	buf_done(&why);
	free(data);
	return ca != NULL;
}

static void
tell_files(struct directory_server *r)
{
	struct buf text = BUF_INIT(CTL_TROUBLE_MAX);
	char about[CONFIG_NAME_MAX + 16];

	if (r->trouble[0] != '\0')
		buf_printf(&text, "the directory of %s: %s%s", r->server->name, r->trouble,
		    r->had ? "; what was read before is in use" : "");
	snprintf(about, sizeof(about), "%s files", r->server->name);
	boot_trouble(r->directory->boot, about, buf_text(&text));
	buf_done(&text);
}

static void
serve_waiting(struct directory_server *r)
{
	struct directory_server_question *q;

	if (r->trouble[0] == '\0') {
		r->had = true;
		directory_search_renew(r);
	} else {
		log_event(LOG_FAULT, NULL, "trouble", "part=directory server=%s reason=%s%s", r->server->name,
		    log_safe(r->trouble), r->had ? " used=old" : "");
	}
	tell_files(r);
	while ((q = TAILQ_FIRST(&r->waiting)) != NULL) {
		TAILQ_REMOVE(&r->waiting, q, waiting);
		if (r->had)
			submit_question(r, q);
		else
			fail_question(r, q, r->trouble);
	}
}

void
directory_server_opened(struct directory *d, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct directory_server *r;
	bool good;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	TAILQ_FOREACH(r, &d->servers, link)
		if (m->request == r->request || m->request == r->request + 1)
			break;
	if (r != NULL && r->coming > 0) {
		good = opened.error == 0 && m->fd != -1;
		if (!good)
			snprintf(r->trouble, sizeof(r->trouble), "%.150s", opened.why);
		else if (!(m->request == r->request ? take_ldap_secret(r, m->fd) : take_ca(r, m->fd)) &&
		    r->trouble[0] == '\0')
			snprintf(r->trouble, sizeof(r->trouble), "%s cannot be read: %s",
			    m->request == r->request ? "secret-file" : "ca-file", strerror(errno));
		if (--r->coming == 0)
			serve_waiting(r);
	}
}

/* A file has changed: all are read again. Without good ones the old ones are used on. */
void
directory_server_renew(struct directory *d, const struct ctl_message *m)
{
	struct directory_server *r;
	struct ctl_file file;

	memcpy(&file, m->data, sizeof(file));
	file.server[sizeof(file.server) - 1] = '\0';
	TAILQ_FOREACH(r, &d->servers, link)
		if (strcmp(r->server->name, file.server) == 0 && r->coming == 0)
			ask_for_files(r);
}

/* --- beginning and end --- */

static struct directory_server *
new_server(struct directory *d, const struct config_server *s)
{
	struct directory_server *r = mem_new(struct directory_server);

	r->directory = d;
	r->server = s;
	r->schema = mem_new(struct ldap_schema);
	ldap_schema_make(r->schema, &s->ldap, s->default_domain->name);
	r->pool = pool_new(d->boot->loop, 2 * DIRECTORY_SERVER_LANES);
	r->quick = pool_lane_new(r->pool, DIRECTORY_SERVER_LANES, 1, run_questions, on_question_done, r);
	r->whole = pool_lane_new(r->pool, DIRECTORY_SERVER_LANES, 1, run_questions, on_question_done, r);
	r->cache = directory_cache_new(DIRECTORY_CACHE_BYTES);
	TAILQ_INIT(&r->waiting);
	r->probe = loop_timer_new(d->boot->loop, on_probe_time, r);
	d->files += 2;
	r->request = d->files;
	pthread_mutex_init(&r->lock, NULL);
	TAILQ_INSERT_TAIL(&d->servers, r, link);
	return r;
}

struct directory_server *
directory_server_find(struct directory *d, const char *server)
{
	const struct config_server *s;
	struct directory_server *r;

	TAILQ_FOREACH(r, &d->servers, link)
		if (strcmp(r->server->name, server) == 0)
			return r;
	s = config_server_by_name(d->boot->config, server);
	return s != NULL && s->ldap.enable ? new_server(d, s) : NULL;
}

void
directory_server_free(struct directory_server *r)
{
	struct directory_server_question *q;

	pool_free(r->pool);
	loop_timer_free(r->probe);
	while ((q = TAILQ_FIRST(&r->waiting)) != NULL) {
		TAILQ_REMOVE(&r->waiting, q, waiting);
		free(q);
	}
	directory_search_close(r);
	directory_cache_free(r->cache);
	forget_secret(r);
	ldap_ca_release(r->ca);
	pthread_mutex_destroy(&r->lock);
	free(r->schema);
	free(r);
}
