/*
 * file_handover - opened files of the configuration for children that may not open them: passwords, keys, certificates
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  opens what the running configuration names and nothing else, for reading, without waiting; hands it only to the roles
 *           of its row; a secret that everybody could read is refused. Reads none of them
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
file_handover_passwords(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->password_file : NULL;
}

static const char *
file_handover_keytab(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->keytab : NULL;
}

static const char *
file_handover_certificate(const struct config_server *s, const struct ctl_file *file)
{
	return file->index < s->certificate.count ? s->certificate.text[file->index] : NULL;
}

static const char *
file_handover_key(const struct config_server *s, const struct ctl_file *file)
{
	return file->index < s->key.count ? s->key.text[file->index] : NULL;
}

static const char *
file_handover_ldap_secret(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->ldap.secret_file : NULL;
}

static const char *
file_handover_ldap_ca(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->ldap.ca_file : NULL;
}

static const char *
file_handover_authorities(const struct config_server *s, const struct ctl_file *file)
{
	return file->index == 0 ? s->authorities : NULL;
}

static const char *
file_handover_oauth_secret(const struct config_oauth *o)
{
	return o->secret_file;
}

static const char *
file_handover_oauth_refresh(const struct config_oauth *o)
{
	return o->refresh_token_file;
}

static const char *
file_handover_oauth_kept(const struct config_oauth *o)
{
	return o->kept_file;
}

static const char *
file_handover_oauth_ca(const struct config_oauth *o)
{
	return o->ca_file;
}

/* The secret-file of outbound-auth, by whom it is for. */
static const char *
file_handover_account(const struct config_server *s, const struct ctl_file *file, enum config_outbound_auth auth)
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
file_handover_secret(const struct config_server *s, const struct ctl_file *file)
{
	return file_handover_account(s, file, CONFIG_OUT_BASIC);
}

static const char *
file_handover_client_keytab(const struct config_server *s, const struct ctl_file *file)
{
	return file_handover_account(s, file, CONFIG_OUT_INTEGRATED);
}

static const struct file_handover_row {
	const char *(*path)(const struct config_server *s, const struct ctl_file *file);	/* NULL: not configured */
	enum role role;			/* who may have it */
	bool secret;
	const char *(*profile_path)(const struct config_oauth *o);		/* instead of path */
} file_handover_rows[] = {
	[CTL_FILE_PASSWORDS] = { file_handover_passwords, ROLE_AUTH, true },
	[CTL_FILE_KEYTAB] = { file_handover_keytab, ROLE_AUTH, true },
	[CTL_FILE_CERTIFICATE] = { file_handover_certificate, ROLE_LISTENER, false },
	[CTL_FILE_SECRET] = { file_handover_secret, ROLE_AUTH, true },
	[CTL_FILE_CLIENT_KEYTAB] = { file_handover_client_keytab, ROLE_AUTH, true },
	[CTL_FILE_KEY] = { file_handover_key, ROLE_LISTENER, true },
	[CTL_FILE_AUTHORITIES] = { file_handover_authorities, ROLE_DELIVER, false },
	[CTL_FILE_LDAP_SECRET] = { file_handover_ldap_secret, ROLE_DIRECTORY, true },
	[CTL_FILE_LDAP_CA] = { file_handover_ldap_ca, ROLE_DIRECTORY, false },
	[CTL_FILE_OAUTH_SECRET] = { .profile_path = file_handover_oauth_secret, .role = ROLE_FETCH, .secret = true },
	[CTL_FILE_OAUTH_REFRESH] = { .profile_path = file_handover_oauth_refresh, .role = ROLE_FETCH, .secret = true },
	[CTL_FILE_OAUTH_KEPT] = { .profile_path = file_handover_oauth_kept, .role = ROLE_FETCH, .secret = true },
	[CTL_FILE_OAUTH_CA] = { .profile_path = file_handover_oauth_ca, .role = ROLE_FETCH },
};
static_assert(nitems_of(file_handover_rows) == CTL_FILE_KINDS, "one row a kind of file");

/* 0, or errno with words. */
static int
file_handover_judge(int fd, const char *path, bool secret, char *why, size_t size)
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
		snprintf(why, size, "%s: everybody may read or change it (mode %04o); it must be 0600 or 0640", path,
		    (unsigned)st.st_mode & 07777);
		return EACCES;
	}
	return 0;
}

/* The descriptor, or -1 and the answer says why. */
static int
file_handover_open(const char *path, const struct file_handover_row *row, struct ctl_opened *answer)
{
	if (path == NULL) {
		snprintf(answer->why, sizeof(answer->why), "the configuration names no such file");
		answer->error = ENOENT;
		return -1;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1) {
		answer->error = errno;
		snprintf(answer->why, sizeof(answer->why), "%s: %s", path, strerror(errno));
		return -1;
	}
	answer->error = file_handover_judge(fd, path, row->secret, answer->why, sizeof(answer->why));
	if (answer->error == 0)
		return fd;
	close(fd);
	return -1;
}

int
file_handover_try(const struct config_server *conf, struct ctl_opened *answer)
{
	const struct file_handover_row *row = &file_handover_rows[answer->file.kind];
	return file_handover_open(conf != NULL ? row->path(conf, &answer->file) : NULL, row, answer);
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
		struct ctl_opened answer = { .file = { .kind = kind, .index = i / (uint32_t)nitems_of(kinds) } };
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
file_handover_path(const struct child *c, const struct file_handover_row *row, const struct ctl_file *file)
{
	if (row->profile_path != NULL) {
		const struct config_oauth *o = config_oauth_find(c->m->snapshot->config, file->server);
		return o != NULL ? row->profile_path(o) : NULL;
	}
	const struct server *s = c->server != NULL ? c->server : server_find(c->m, file->server);
	return s != NULL && s->conf != NULL ? row->path(s->conf, file) : NULL;
}

void
file_handover_file(struct child *c, uint32_t request, const struct ctl_file *file)
{
	struct ctl_opened answer = { .file = *file };
	const struct file_handover_row *row = file->kind < CTL_FILE_KINDS ? &file_handover_rows[file->kind] : NULL;
	int fd = -1;

	answer.file.server[sizeof(answer.file.server) - 1] = '\0';
	answer.file.domain[sizeof(answer.file.domain) - 1] = '\0';
	if (row == NULL || row->role != c->role) {
		snprintf(answer.why, sizeof(answer.why), "not for this process");
		answer.error = EPERM;
	} else {
		fd = file_handover_open(file_handover_path(c, row, &answer.file), row, &answer);
	}
	child_send(c, CTL_FILE, request, &answer, sizeof(answer), fd);
	if (fd != -1)
		close(fd);
}
