/*
 * secret_files - password files, keytabs and secrets: opened by the master, read again when they have changed
 *
 * Runs in:  auth
 * Owns:     the current version of each file; an older one lives as long as a request uses it
 * Promise:  a change is seen by requests that begin FRESH_MS later; a keytab is a copy in memory, so that
 *           libkrb5 needs no right to open the file
 * Fails by: NULL with a reason, and one event for each new reason
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { FRESH_MS = 1000, SECRET_FILE_MAX = SECRET_FILES_SECRET_MAX + 5, KEYTAB_MAX = 1 << 20,
    FAULTS_TOLD = 5, DECOY_REQUEST = 0 };

struct waiting {
	STAILQ_ENTRY(waiting) link;
	void *arg;
};

/* One file of the configuration. */
struct source {
	LIST_ENTRY(source) link;
	struct secret_files *secret_files;
	uint32_t request;
	char server[64], domain[256];
	enum ctl_file_kind kind;
	struct secret_file *file;	/* the latest good version; NULL: there was none */
	struct stat identity;
	uint64_t asked_ms;		/* when the master was asked for it; 0: never */
	bool asking;			/* the master has not answered yet */
	char trouble[160];		/* why the last update failed; "": it did not */
	STAILQ_HEAD(, waiting) waiting;
};

struct secret_files {
	struct boot *boot;
	void (*ready)(void *arg, struct secret_file *f, const char *why);
	uint32_t request;		/* the latest number given to a source */
	LIST_HEAD(, source) sources;
	struct password_check check;
};

struct secret_files *
secret_files_new(struct boot *b, void (*ready)(void *arg, struct secret_file *f, const char *why))
{
	struct secret_files *v = mem_new(struct secret_files);

	v->boot = b;
	v->ready = ready;
	password_check_init(&v->check);
	LIST_INIT(&v->sources);
	/* The master answers in order: it comes before the first password file. */
	boot_open(b, DECOY_REQUEST, CTL_FILE_DECOY_KEY, 0, "");
	return v;
}

void
secret_files_release(struct secret_file *f)
{
	if (f == NULL || --f->users > 0)
		return;
	passwd_file_list_free(f->accounts);
	keytab_done(&f->keytab);
	if (f->secret != NULL)
		explicit_bzero(f->secret, f->secret_len);
	free(f->secret);
	free(f);
}

void
secret_files_free(struct secret_files *v)
{
	struct source *s;
	struct waiting *w;

	while ((s = LIST_FIRST(&v->sources)) != NULL) {
		LIST_REMOVE(s, link);
		while ((w = STAILQ_FIRST(&s->waiting)) != NULL) {
			STAILQ_REMOVE_HEAD(&s->waiting, link);
			free(w);
		}
		secret_files_release(s->file);
		free(s);
	}
	free(v);
}

static struct source *
find_source(struct secret_files *v, const char *server, const char *domain, enum ctl_file_kind kind)
{
	struct source *s;

	LIST_FOREACH(s, &v->sources, link)
		if (s->kind == kind && strcmp(s->server, server) == 0 && strcmp(s->domain, domain) == 0)
			return s;
	s = mem_new(struct source);
	s->kind = kind;
	s->request = ++v->request;
	s->secret_files = v;
	snprintf(s->server, sizeof(s->server), "%s", server);
	snprintf(s->domain, sizeof(s->domain), "%s", domain);
	STAILQ_INIT(&s->waiting);
	LIST_INSERT_HEAD(&v->sources, s, link);
	return s;
}

static bool
is_passwords(enum ctl_file_kind kind)
{
	return kind == CTL_FILE_PASSWORDS || kind == CTL_FILE_MANAGER_ACCOUNTS;
}

/* For events: files of the service belong to no virtual server. */
static const char *
server_of(const struct source *s)
{
	return s->server[0] != '\0' ? s->server : "-";
}

/* One use of the file; NULL: the last update failed. */
static struct secret_file *
use_file(struct source *s)
{
	if (s->file == NULL || s->trouble[0] != '\0')
		return NULL;
	s->file->users++;
	return s->file;
}

void
secret_files_get(struct secret_files *v, const char *server, const char *domain, enum ctl_file_kind kind,
    void *arg)
{
	struct source *s = find_source(v, server, domain, kind);
	uint64_t now = clock_mono_ms();
	struct waiting *w;

	if (!s->asking && s->asked_ms != 0 && now - s->asked_ms < FRESH_MS) {
		v->ready(arg, use_file(s), s->trouble);
		return;
	}
	w = mem_new(struct waiting);
	w->arg = arg;
	STAILQ_INSERT_TAIL(&s->waiting, w, link);
	if (s->asking)
		return;
	s->asking = true;
	s->asked_ms = now;
	boot_open_domain(v->boot, s->request, kind, server, domain);
}

/* What the master is asked for at present it opens after it has replaced the file. */
void
secret_files_replaced(struct secret_files *v)
{
	struct source *s;

	LIST_FOREACH(s, &v->sources, link)
		if (is_passwords(s->kind) && !s->asking)
			s->asked_ms = 0;
}

/* --- what the master has opened --- */

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void
set_trouble(struct source *s, const char *why)
{
	if (strcmp(s->trouble, why) == 0)
		return;
	snprintf(s->trouble, sizeof(s->trouble), "%s", why);
	log_event(LOG_FAULT, NULL, "trouble", "part=auth server=%s reason=%s", server_of(s), log_safe(why));
}

struct faults {
	const struct source *source;
	unsigned count;
};

static void
on_password_fault(void *arg, unsigned line, const char *why)
{
	struct faults *f = arg;

	if (f->count++ < FAULTS_TOLD)
		log_event(LOG_WARN, NULL, "trouble",
		    "part=auth server=%s file=password-file line=%u reason=%s", server_of(f->source), line,
		    log_safe(why));
}

/* The whole file in memory; NULL and errno. */
static char *
read_opened_file(int fd, size_t size)
{
	char *data = mem_zalloc(size + 1);
	ssize_t n = disk_pread(fd, data, size, 0);

	if (n == (ssize_t)size)
		return data;
	if (n >= 0)
		errno = EAGAIN; /* it is being written now: the next update gets it */
	free(data);
	return NULL;
}

/* One line, with or without its line end. NULL, or why not. */
static const char *
take_secret_line(struct secret_file *f, const char *data, size_t size)
{
	const char *line, *why = secret_line_find(data, size, &line, &size);

	if (why != NULL)
		return why;
	f->secret = mem_strndup(line, size);
	f->secret_len = size;
	return NULL;
}

static void
take_accounts(const struct source *s, struct secret_file *f, const char *data, size_t size)
{
	struct faults faults = { .source = s };

	f->accounts = passwd_file_list_parse(data, size, on_password_fault, &faults);
	if (faults.count > FAULTS_TOLD)
		log_event(LOG_WARN, NULL, "trouble", "part=auth server=%s file=password-file faults=%u",
		    server_of(s), faults.count);
}

/* NULL, or why not. */
static const char *
take_data(struct source *s, struct secret_file *f, const char *data, size_t size)
{
	if (s->kind == CTL_FILE_SECRET)
		return take_secret_line(f, data, size);
	if (is_passwords(s->kind))
		take_accounts(s, f, data, size);
	else if (keytab_init(&f->keytab, data, size,
	    s->kind == CTL_FILE_CLIENT_KEYTAB ? "postern" : NULL) == -1)
		return strerror(errno);
	return NULL;
}

/* NULL, or why not. */
static const char *
read_and_take(struct source *s, int fd, size_t size)
{
	char *data = read_opened_file(fd, size);
	const char *why;
	struct secret_file *f;

	if (data == NULL)
		return strerror(errno);
	f = mem_new(struct secret_file);
	f->users = 1;
	f->check = &s->secret_files->check;
	f->keytab.fd = -1;
	why = take_data(s, f, data, size);
	explicit_bzero(data, size);
	free(data);
	secret_files_release(why != NULL ? f : s->file);
	if (why == NULL)
		s->file = f;
	return why;
}

static void
update_file(struct source *s, int fd)
{
	struct stat st;
	size_t most = is_passwords(s->kind) ? PASSWD_FILE_MAX : s->kind == CTL_FILE_SECRET ?
	    SECRET_FILE_MAX : KEYTAB_MAX;
	const char *why;

	if (fstat(fd, &st) == -1) {
		set_trouble(s, strerror(errno));
		return;
	}
	if (s->file != NULL && is_same(&st, &s->identity)) {
		s->trouble[0] = '\0';
		return;
	}
	if ((uint64_t)st.st_size > most) {
		set_trouble(s, "the file is too large");
		return;
	}
	if ((why = read_and_take(s, fd, (size_t)st.st_size)) != NULL) {
		set_trouble(s, why);
		return;
	}
	s->identity = st;
	s->trouble[0] = '\0';
}

/* Without it salts for unknown names change with each start of this process: an event, and no more. */
static void
take_decoy_key(struct secret_files *v, const struct ctl_opened *opened, int fd)
{
	uint8_t key[CTL_DECOY_KEY_SIZE];
	ssize_t n = fd != -1 ? disk_pread(fd, key, sizeof(key), 0) : -1;

	if (n == sizeof(key))
		memcpy(v->check.secret, key, sizeof(key));
	else
		log_event(LOG_WARN, NULL, "trouble", "part=auth what=decoy-key reason=%s",
		    log_safe(opened->error != 0 ? opened->why : "it cannot be read"));
	explicit_bzero(key, sizeof(key));
}

void
secret_files_opened(struct secret_files *v, const struct ctl_message *m)
{
	struct ctl_opened opened;
	struct source *s;
	struct waiting *w;

	memcpy(&opened, m->data, sizeof(opened));
	opened.why[sizeof(opened.why) - 1] = '\0';
	if (m->request == DECOY_REQUEST) {
		take_decoy_key(v, &opened, m->fd);
		return;
	}
	LIST_FOREACH(s, &v->sources, link)
		if (s->request == m->request)
			break;
	if (s != NULL && s->asking) {
		s->asking = false;
		if (opened.error == 0 && m->fd != -1)
			update_file(s, m->fd);
		else
			set_trouble(s, opened.why);
		while ((w = STAILQ_FIRST(&s->waiting)) != NULL) {
			STAILQ_REMOVE_HEAD(&s->waiting, link);
			v->ready(w->arg, use_file(s), s->trouble);
			free(w);
		}
	}
}
