/*
 * named_file - a file that the configuration names (passwords, keys, certificates), opened for reading
 *
 * Runs in:  master, posternctl; for children that may not open it, and for posternctl check
 * Owns:     nothing
 * Promise:  opens what the configuration names and nothing else, without waiting; a secret that every user
 *           may read is refused. Reads none of it
 * Fails by: an errno and words in the answer
 */
#include "common/boot/named_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/trust_anchor.h"
#include "common/config/config.h"
#include "common/config/config_account.h"
#include "common/config/config_certificate.h"
#include "common/config/config_dkim.h"

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
trust_anchor_path(const struct config_service *s)
{
	if (s->dnssec != CONFIG_DNSSEC_YES)
		return NULL;
	return s->trust_anchor != NULL ? s->trust_anchor : TRUST_ANCHOR_SYSTEM;
}

static const char *
manager_certificate_path(const struct config_service *s)
{
	return s->manager.certificate;
}

static const char *
manager_key_path(const struct config_service *s)
{
	return s->manager.key;
}

static const char *
manager_accounts_path(const struct config_service *s)
{
	return s->manager.accounts;
}

static const char *
manager_keytab_path(const struct config_service *s)
{
	return s->manager.keytab;
}

static const char *
limits_password_path(const struct config_service *s)
{
	return s->limits.password_file;
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

static const char *
oauth_key_path(const struct config_oauth *o)
{
	return o->key_file;
}

static const char *
oauth_certificate_path(const struct config_oauth *o)
{
	return o->certificate_file;
}

/* The secret-file of outbound-auth: the server's, or that of a remote domain. */
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

/* Of the server, or of a remote domain: only what is set in that place. */
static const char *
own_path(const struct config_server *s, const struct ctl_file *file, bool key)
{
	struct config_certificate c;

	return file->index == 0 && config_certificate_at(&c, s, file->domain) ?
	    (key ? c.key : c.certificate) : NULL;
}

static const char *
client_certificate_path(const struct config_server *s, const struct ctl_file *file)
{
	return own_path(s, file, false);
}

static const char *
client_key_path(const struct config_server *s, const struct ctl_file *file)
{
	return own_path(s, file, true);
}

static const char *
dkim_key_path(const struct config_server *s, const struct ctl_file *file)
{
	struct config_dkim k;

	return config_dkim_at(&k, s, file->index) ? k.file : NULL;
}

static const struct row {
	/* One of the three; NULL from it: not configured. */
	const char *(*path)(const struct config_server *s, const struct ctl_file *file);
	const char *(*profile_path)(const struct config_oauth *o);
	const char *(*service_path)(const struct config_service *s);
	bool secret, of_domain;
} rows[] = {
	[CTL_FILE_PASSWORDS] = { .path = passwords_path, .secret = true },
	[CTL_FILE_KEYTAB] = { .path = keytab_path, .secret = true },
	[CTL_FILE_CERTIFICATE] = { .path = certificate_path },
	[CTL_FILE_SECRET] = { .path = secret_path, .secret = true },
	[CTL_FILE_CLIENT_KEYTAB] = { .path = client_keytab_path, .secret = true },
	[CTL_FILE_CLIENT_CERTIFICATE] = { .path = client_certificate_path, .of_domain = true },
	[CTL_FILE_CLIENT_KEY] = { .path = client_key_path, .secret = true, .of_domain = true },
	[CTL_FILE_KEY] = { .path = key_path, .secret = true },
	[CTL_FILE_AUTHORITIES] = { .path = authorities_path },
	[CTL_FILE_LDAP_SECRET] = { .path = ldap_secret_path, .secret = true },
	[CTL_FILE_LDAP_CA] = { .path = ldap_ca_path },
	[CTL_FILE_OAUTH_SECRET] = { .profile_path = oauth_secret_path, .secret = true },
	[CTL_FILE_OAUTH_REFRESH] = { .profile_path = oauth_refresh_path, .secret = true },
	[CTL_FILE_OAUTH_KEPT] = { .profile_path = oauth_kept_path, .secret = true },
	[CTL_FILE_OAUTH_CA] = { .profile_path = oauth_ca_path },
	[CTL_FILE_OAUTH_KEY] = { .profile_path = oauth_key_path, .secret = true },
	[CTL_FILE_OAUTH_CERTIFICATE] = { .profile_path = oauth_certificate_path },
	[CTL_FILE_TRUST_ANCHOR] = { .service_path = trust_anchor_path },
	[CTL_FILE_MANAGER_CERTIFICATE] = { .service_path = manager_certificate_path },
	[CTL_FILE_MANAGER_KEY] = { .service_path = manager_key_path, .secret = true },
	[CTL_FILE_MANAGER_ACCOUNTS] = { .service_path = manager_accounts_path, .secret = true },
	[CTL_FILE_MANAGER_KEYTAB] = { .service_path = manager_keytab_path, .secret = true },
	[CTL_FILE_DKIM_KEY] = { .path = dkim_key_path, .secret = true },
	[CTL_FILE_LIMITS_PASSWORD] = { .service_path = limits_password_path, .secret = true },
	[CTL_FILE_DECOY_KEY] = { .secret = true },	/* no path of the configuration */
	[CTL_FILE_POLICIES] = { .secret = true },	/* as well */
	[CTL_FILE_POLICY_CA] = { .path = authorities_path },
};
static_assert(nitems_of(rows) == CTL_FILE_KINDS, "one row a kind of file");

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

/* For a file that a default names: what brings it. */
const char *
named_file_package(const char *path)
{
	static const struct { const char *path, *words; } defaults[] = {
		{ TRUST_ANCHOR_SYSTEM, "; the package dns-root-data brings it" },
		{ CONFIG_SYSTEM_CA, "; the package ca-certificates brings it" },
	};

	for (size_t i = 0; i < nitems_of(defaults); i++)
		if (strcmp(defaults[i].path, path) == 0)
			return defaults[i].words;
	return "";
}

/* The descriptor, or -1 and the answer says why. */
static int
open_path(const char *path, bool secret, struct ctl_opened *answer)
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
		snprintf(answer->why, sizeof(answer->why), "%s: %s%s", path, strerror(errno),
		    named_file_package(path));
		return -1;
	}
	answer->error = judge_file(fd, path, secret, answer->why, sizeof(answer->why));
	if (answer->error == 0)
		return fd;
	close(fd);
	return -1;
}

bool
named_file_is_of_profile(enum ctl_file_kind kind)
{
	return rows[kind].profile_path != NULL;
}

bool
named_file_is_of_service(enum ctl_file_kind kind)
{
	return rows[kind].service_path != NULL;
}

bool
named_file_is_of_domain(enum ctl_file_kind kind)
{
	return rows[kind].of_domain;
}

const char *
named_file_path(const struct config_server *s, const struct config_service *service,
    const struct ctl_file *file)
{
	const struct row *row = &rows[file->kind];

	if (row->service_path != NULL)
		return file->index == 0 ? row->service_path(service) : NULL;
	return row->path != NULL && s != NULL ? row->path(s, file) : NULL;
}

int
named_file_open(const struct config_server *s, struct ctl_opened *answer)
{
	const struct row *row = &rows[answer->file.kind];

	return open_path(s != NULL ? row->path(s, &answer->file) : NULL, row->secret, answer);
}

int
named_file_open_service(const struct config_service *s, struct ctl_opened *answer)
{
	const struct row *row = &rows[answer->file.kind];

	return open_path(row->service_path(s), row->secret, answer);
}

int
named_file_open_profile(const struct config_oauth *o, struct ctl_opened *answer)
{
	const struct row *row = &rows[answer->file.kind];

	return open_path(o != NULL ? row->profile_path(o) : NULL, row->secret, answer);
}
