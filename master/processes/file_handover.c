/*
 * file_handover - opens files for children that may not open them: passwords, keys, certificates
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  a file goes to the role of its row only, and only when the running configuration names it
 * Fails by: an errno and words in the answer
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/named_file.h"
#include "common/config/config.h"
#include "master/processes/processes.h"

/* The one role that may have files of a kind. */
static const enum role file_roles[] = {
	[CTL_FILE_PASSWORDS] = ROLE_AUTH, [CTL_FILE_KEYTAB] = ROLE_AUTH,
	[CTL_FILE_CERTIFICATE] = ROLE_LISTENER, [CTL_FILE_KEY] = ROLE_LISTENER,
	[CTL_FILE_SECRET] = ROLE_AUTH, [CTL_FILE_CLIENT_KEYTAB] = ROLE_AUTH,
	[CTL_FILE_AUTHORITIES] = ROLE_DELIVER,
	[CTL_FILE_CLIENT_CERTIFICATE] = ROLE_DELIVER, [CTL_FILE_CLIENT_KEY] = ROLE_DELIVER,
	[CTL_FILE_LDAP_SECRET] = ROLE_DIRECTORY, [CTL_FILE_LDAP_CA] = ROLE_DIRECTORY,
	[CTL_FILE_OAUTH_SECRET] = ROLE_FETCH, [CTL_FILE_OAUTH_REFRESH] = ROLE_FETCH,
	[CTL_FILE_OAUTH_KEPT] = ROLE_FETCH, [CTL_FILE_OAUTH_CA] = ROLE_FETCH,
	[CTL_FILE_OAUTH_KEY] = ROLE_FETCH, [CTL_FILE_OAUTH_CERTIFICATE] = ROLE_FETCH,
	[CTL_FILE_TRUST_ANCHOR] = ROLE_RESOLVER,
	[CTL_FILE_MANAGER_CERTIFICATE] = ROLE_WEB, [CTL_FILE_MANAGER_KEY] = ROLE_WEB,
	[CTL_FILE_MANAGER_ACCOUNTS] = ROLE_AUTH, [CTL_FILE_MANAGER_KEYTAB] = ROLE_AUTH,
	[CTL_FILE_DKIM_KEY] = ROLE_DELIVER,
	[CTL_FILE_LIMITS_PASSWORD] = ROLE_LIMITS,
	[CTL_FILE_DECOY_KEY] = ROLE_AUTH,
	[CTL_FILE_POLICIES] = ROLE_FETCH, [CTL_FILE_POLICY_CA] = ROLE_FETCH,
};
static_assert(nitems_of(file_roles) == CTL_FILE_KINDS, "one role a kind of file");

enum role
file_handover_role(enum ctl_file_kind kind)
{
	return file_roles[kind];
}

/* Files of the listener only: without them TLS cannot begin. */
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
		int fd = named_file_open(conf, &answer);

		if (fd == -1) {
			buf_printf(why, "%s %s", kind == CTL_FILE_KEY ? "key" : "certificate", answer.why);
			return -1;
		}
		close(fd);
	}
	return 0;
}

/* Said at the start and at a reload: the helper that needs the file is perhaps not there yet. */
void
file_handover_tell_missing(const struct config *c)
{
	struct ctl_opened answer = { .file = { .kind = CTL_FILE_TRUST_ANCHOR } };
	bool wanted = c->service.dnssec == CONFIG_DNSSEC_YES;
	int fd = wanted ? named_file_open_service(&c->service, &answer) : -1;

	if (fd != -1)
		close(fd);
	else if (wanted)
		log_event(LOG_FAULT, NULL, "config", "server=- file=%s error=%s reason=%s",
		    log_safe(c->path[0]),
		    log_safe("dnssec has no trust-anchor: mail that needs the DNS waits"),
		    log_safe(answer.why));
}

void
file_handover_blame(const struct config_server *conf, struct buf *why)
{
	const struct {
		enum ctl_file_kind kind;
		const char *key, *path;
		bool needed;
	} files[] = {
		{ CTL_FILE_PASSWORDS, "password-file", conf->password_file,
		    conf->authentication & CONFIG_AUTH_BASIC },
		{ CTL_FILE_KEYTAB, "keytab", conf->keytab, conf->authentication & CONFIG_AUTH_INTEGRATED },
	};
	for (size_t i = 0; i < nitems_of(files); i++) {
		struct ctl_opened answer = { .file = { .kind = files[i].kind } };
		int fd = files[i].needed && files[i].path != NULL ? named_file_open(conf, &answer) : -1;

		if (fd != -1)
			close(fd);
		else if (files[i].needed && files[i].path != NULL)
			buf_printf(why, "%s%s %s", why->len > 0 ? "; " : "", files[i].key, answer.why);
	}
}

void
file_handover_blame_service(const struct config_service *s, struct buf *why)
{
	const struct { enum ctl_file_kind kind; const char *path; } files[] = {
		{ CTL_FILE_MANAGER_ACCOUNTS, s->manager.accounts },
		{ CTL_FILE_MANAGER_KEYTAB, s->manager.keytab },
	};

	for (size_t i = 0; i < nitems_of(files) && s->manager.listen.count > 0; i++) {
		struct ctl_opened answer = { .file = { .kind = files[i].kind } };
		int fd = files[i].path != NULL ? named_file_open_service(s, &answer) : -1;

		if (fd != -1)
			close(fd);
		else if (files[i].path != NULL)
			buf_printf(why, "%slogins to the manager: %s", why->len > 0 ? "; " : "", answer.why);
	}
}

void
file_handover_send(struct child *c, uint32_t request, const struct ctl_file *file, const struct server *s)
{
	struct ctl_opened answer = { .file = *file };
	int fd = -1;

	answer.file.server[sizeof(answer.file.server) - 1] = '\0';
	answer.file.domain[sizeof(answer.file.domain) - 1] = '\0';
	if (file->kind >= CTL_FILE_KINDS || file_roles[file->kind] != c->role) {
		snprintf(answer.why, sizeof(answer.why), "not for this process");
		answer.error = EPERM;
	} else if (file->kind == CTL_FILE_DECOY_KEY) {
		fd = decoy_key_open(c->m->snapshot->config->service.state, &answer);
	} else if (file->kind == CTL_FILE_POLICIES) {
		fd = policy_store_open(c->m->snapshot->config->service.state, &answer);
		policy_store_tell(c->m);
	} else if (named_file_is_of_profile(file->kind)) {
		fd = named_file_open_profile(config_oauth_find(c->m->snapshot->config, answer.file.server),
		    &answer);
	} else if (named_file_is_of_service(file->kind)) {
		fd = named_file_open_service(&c->m->snapshot->config->service, &answer);
	} else {
		fd = named_file_open(s != NULL ? s->conf : NULL, &answer);
	}
	child_send(c, CTL_FILE, request, &answer, sizeof(answer), fd);
	if (fd != -1)
		close(fd);
}
