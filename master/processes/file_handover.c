/*
 * file_handover - opened files of the configuration for children that may not open them: passwords, keys,
 * certificates
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  opens what the running configuration names and nothing else, for reading, without waiting; hands
 *           it only to the roles of its row; a secret that everybody could read is refused. Reads none of
 *           them
 * Fails by: an errno and words in the answer
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

static const char *
passwords_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->password_file : NULL;
}

static const char *
keytab_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->keytab : NULL;
}

static const char *
certificate_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index < s->certificate.count ? s->certificate.text[file->index] : NULL;
}

static const char *
key_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index < s->key.count ? s->key.text[file->index] : NULL;
}

static const char *
ldap_secret_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->ldap.secret_file : NULL;
}

static const char *
ldap_ca_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->ldap.ca_file : NULL;
}

static const char *
authorities_path(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->authorities : NULL;
}

static const char *
oauth_secret_path(const struct config_oauth *o)
{
	return o->secret_file;
}

static const char *
oauth_refresh_path(const struct config_oauth *o)
{
	return o->refresh_token_file;
}

static const char *
oauth_kept_path(const struct config_oauth *o)
{
	return o->kept_file;
}

static const char *
oauth_ca_path(const struct config_oauth *o)
{
	return o->ca_file;
}

/* The secret-file of outbound-auth, by whom it is for. */
static const char *
account_of(const struct config_server *s, const struct ctl_file *file, enum config_outbound_auth auth)
{
	const struct config_domain *d = NULL;
	struct config_account a;

	for (size_t i = 0; i < s->ndomain && file->domain[0] != '\0'; i++)
		if (strcmp(s->domain[i].name, file->domain) == 0)
			d = &s->domain[i];
	if (file->index != 0 || (file->domain[0] != '\0' && d == NULL))
		return NULL;
	return config_account_find(&a, s, d, false) && a.auth == auth ? a.secret_file : NULL;
}

static const char *
secret_path(const struct config_server *s, const struct ctl_file *file)
{
	return account_of(s, file, CONFIG_OUT_BASIC);
}

static const char *
client_keytab_path(const struct config_server *s, const struct ctl_file *file)
{
	return account_of(s, file, CONFIG_OUT_INTEGRATED);
}

static const struct file_handover_row {
	/* NULL: not configured */
	const char *(*path)(const struct config_server *s, const struct ctl_file *file);
	enum role role;			/* who may have it */
	bool secret;
	const char *(*profile_path)(const struct config_oauth *o);		/* instead of path */
} file_handover_rows[] = {
	[CTL_FILE_PASSWORDS] = { passwords_path, ROLE_AUTH, true },
	[CTL_FILE_KEYTAB] = { keytab_path, ROLE_AUTH, true },
	[CTL_FILE_CERTIFICATE] = { certificate_path, ROLE_LISTENER, false },
	[CTL_FILE_SECRET] = { secret_path, ROLE_AUTH, true },
	[CTL_FILE_CLIENT_KEYTAB] = { client_keytab_path, ROLE_AUTH, true },
	[CTL_FILE_KEY] = { key_path, ROLE_LISTENER, true },
	[CTL_FILE_AUTHORITIES] = { authorities_path, ROLE_DELIVER, false },
	[CTL_FILE_LDAP_SECRET] = { ldap_secret_path, ROLE_DIRECTORY, true },
	[CTL_FILE_LDAP_CA] = { ldap_ca_path, ROLE_DIRECTORY, false },
	[CTL_FILE_OAUTH_SECRET] = { .profile_path = oauth_secret_path, .role = ROLE_FETCH, .secret = true },
	[CTL_FILE_OAUTH_REFRESH] = { .profile_path = oauth_refresh_path, .role = ROLE_FETCH, .secret = true },
	[CTL_FILE_OAUTH_KEPT] = { .profile_path = oauth_kept_path, .role = ROLE_FETCH, .secret = true },
	[CTL_FILE_OAUTH_CA] = { .profile_path = oauth_ca_path, .role = ROLE_FETCH },
};
static_assert(nitems_of(file_handover_rows) == CTL_FILE_KINDS, "one row a kind of file");

/* 0, or errno with words. */
static int
judge_file(int fd, const char *path, bool secret, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		snprintf(why, size, "%s: %s", path, strerror(errno));
		return errno;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, size, "%s: is no regular file", path);
		return EINVAL;
	}
	if (secret && (st.st_mode & S_IRWXO) != 0) {
		snprintf(why, size,
		    "%s: everybody may read or change it (mode %04o); it must be 0600 or 0640", path,
		    (unsigned)st.st_mode & 07777);
		return EACCES;
	}
	return 0;
}

/* The descriptor, or -1 and the answer says why. */
static int
open_named_file(const char *path, const struct file_handover_row *row, struct ctl_opened *answer)
{
	int fd;

	if (path == NULL) {
		snprintf(answer->why, sizeof(answer->why), "the configuration names no such file");
		answer->error = ENOENT;
		return -1;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1) {
		answer->error = errno;
		snprintf(answer->why, sizeof(answer->why), "%s: %s", path, strerror(errno));
		return -1;
	}
	answer->error = judge_file(fd, path, row->secret, answer->why, sizeof(answer->why));
	if (answer->error == 0)
		return fd;
	close(fd);
	return -1;
}

int
file_handover_try(const struct config_server *conf, struct ctl_opened *answer)
{
	const struct file_handover_row *row = &file_handover_rows[answer->file.kind];

	return open_named_file(conf != NULL ? row->path(conf, &answer->file) : NULL, row, answer);
}

/* Of the listener alone: what TLS cannot begin without. */
int
file_handover_check(const struct config_server *conf, struct buf *why)
{
	static const enum ctl_file_kind kinds[] = { CTL_FILE_CERTIFICATE, CTL_FILE_KEY };

	if (!config_server_has_tls(conf))
		return 0;
	for (uint32_t i = 0; i < conf->certificate.count * nitems_of(kinds); i++) {
		enum ctl_file_kind kind = kinds[i % nitems_of(kinds)];
		struct ctl_opened answer = { .file = { .kind = kind,
		    .index = i / (uint32_t)nitems_of(kinds) } };
		int fd = file_handover_try(conf, &answer);

		if (fd == -1) {
			buf_printf(why, "%s %s", kind == CTL_FILE_KEY ? "key" : "certificate", answer.why);
			return -1;
		}
		close(fd);
	}
	return 0;
}

/* What the row names in the configuration of who asks; NULL. */
static const char *
path_of_file(const struct child *c, const struct file_handover_row *row, const struct ctl_file *file)
{
	const struct server *s;

	if (row->profile_path != NULL) {
		const struct config_oauth *o = config_oauth_find(c->m->snapshot->config, file->server);

		return o != NULL ? row->profile_path(o) : NULL;
	}
	s = c->server != NULL ? c->server : server_find(c->m, file->server);
	return s != NULL && s->conf != NULL ? row->path(s->conf, file) : NULL;
}

void
file_handover_file(struct child *c, uint32_t request, const struct ctl_file *file)
{
	struct ctl_opened answer = { .file = *file };
	const struct file_handover_row *row = file->kind < CTL_FILE_KINDS ? &file_handover_rows[file->kind] :
	    NULL;
	int fd = -1;

	answer.file.server[sizeof(answer.file.server) - 1] = '\0';
	answer.file.domain[sizeof(answer.file.domain) - 1] = '\0';
	if (row == NULL || row->role != c->role) {
		snprintf(answer.why, sizeof(answer.why), "not for this process");
		answer.error = EPERM;
	} else {
		fd = open_named_file(path_of_file(c, row, &answer.file), row, &answer);
	}
	child_send(c, CTL_FILE, request, &answer, sizeof(answer), fd);
	if (fd != -1)
		close(fd);
}
