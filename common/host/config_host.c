/*
 * config_host - what the configuration wants of this host: users, groups, folders above those that are named
 *
 * Runs in:  master, posternctl
 * Owns:     nothing
 * Promise:  what start would refuse, or make where it was hardly meant, is said with the key that names it
 * Fails by: not at all
 */
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/account/account.h"
#include "common/account/login_name.h"
#include "common/base/disk.h"
#include "common/base/log_file.h"
#include "common/base/mem.h"
#include "common/base/net.h"
#include "common/config/config.h"
#include "common/config/key.h"
#include "common/host/config_host.h"
#include "common/host/config_unit.h"

/* `key`: operators or viewers, of the service or of `s`. */
static void
tell_key(struct config_faults *faults, const struct config *c, const struct config_server *s, const char *key,
    const char *text)
{
	if (s != NULL)
		config_faults_tell(faults, s, KEY_SECURITY, key, true, text);
	else
		config_faults_tell_service(faults, c, KEY_SERVICE, key, true, text);
}

/* A name of the manager, where no such login is offered. */
static void
judge_login(struct config_faults *faults, const struct config *c, const struct config_server *s,
    const char *key, const char *name)
{
	bool account = login_name_kind(name, NULL) == LOGIN_NAME_ACCOUNT;
	char text[200];

	if (account ? c->service.manager.accounts != NULL : c->service.manager.keytab != NULL)
		return;
	snprintf(text, sizeof(text), "%s: %.60s cannot log in: [manager] has no %s", key, name,
	    account ? "accounts" : "keytab");
	tell_key(faults, c, s, key, text);
}

/* `key`: operators or viewers. */
static void
judge_accounts(struct config_faults *faults, const struct config *c, const struct config_server *s,
    const char *key, const struct config_strings *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *name = names->text[i];
		bool group = name[0] == '@';
		char text[160];

		if (login_name_kind(name, NULL) != LOGIN_NAME_KINDS) {
			judge_login(faults, c, s, key, name);
			continue;
		}
		if (group ? getgrnam(name + 1) != NULL : getpwnam(name) != NULL)
			continue;
		snprintf(text, sizeof(text),
		    "%s: there is no %s %.60s on this host; nobody has these rights", key,
		    group ? "group" : "user", name + group);
		tell_key(faults, c, s, key, text);
	}
}

/* 0; or -1, and why. */
static int
judge_account(const char *user, const char *group, char *why, size_t size)
{
	struct account a;
	int rc = account_find(user, group, &a);

	if (rc == 0 && !account_is_root(&a))
		return 0;
	if (rc == -1 && group != NULL)
		return 0;	/* told of its user */
	if (rc == 0)
		snprintf(why, size, "%.60s is root, or has its group: name another", user);
	else
		snprintf(why, size, "there is no %s %.60s on this host: make it, or name another",
		    rc == -1 ? "user" : "group", rc == -1 ? user : group);
	return -1;
}

static void
judge_groups(struct config_faults *faults, const struct config_server *s, const char *user)
{
	const struct { const char *key, *group; } wanted[] = {
		{ "pickup-group", s->pickup_group }, { "drop-group", s->drop_group },
		{ "log-group", s->log_group },
	};
	char text[160];

	for (size_t i = 0; i < nitems_of(wanted); i++)
		if (wanted[i].group != NULL && judge_account(s->user != NULL ? s->user : user,
		    wanted[i].group, text, sizeof(text)) == -1)
			config_faults_tell(faults, s, KEY_GENERAL, wanted[i].key, false, text);
}

/* Only root can become another user; others run all processes as themselves. */
static void
judge_identity(struct config_faults *faults, const struct config *c)
{
	const struct config_service *s = &c->service;
	struct account a, owner;
	char text[160];

	if (geteuid() != 0)
		return;
	if (judge_account(s->user, NULL, text, sizeof(text)) == -1)
		config_faults_tell_service(faults, c, KEY_SERVICE, "user", false, text);
	if (judge_account(s->user, s->group, text, sizeof(text)) == -1)
		config_faults_tell_service(faults, c, KEY_SERVICE, "group", false, text);
	for (size_t i = 0; i < CONFIG_USERS; i++)
		if (config_user_is_needed(c, &config_users[i]) &&
		    judge_account(config_service_user(s, config_users[i].offset), NULL, text,
		    sizeof(text)) == -1)
			config_faults_tell_service(faults, c, KEY_SERVICE, config_users[i].key, false, text);
	for (size_t i = 0; i < c->nserver; i++)
		if (c->server[i].user != NULL &&
		    judge_account(c->server[i].user, NULL, text, sizeof(text)) == -1)
			config_faults_tell(faults, &c->server[i], KEY_GENERAL, "user", false, text);
	for (size_t i = 0; i < c->nserver; i++)
		judge_groups(faults, &c->server[i], s->user);
	if (account_find(s->user, s->group, &owner) == 0 && account_find(s->listener_user, NULL, &a) == 0 &&
	    a.uid == owner.uid)
		config_faults_tell_service(faults, c, KEY_SERVICE, "listener-user", true,
		    "it is also the user that owns the mail: a listener that is taken over reads all of it");
}

static void
judge_events(struct config_faults *faults, const struct config *c)
{
	struct account a;
	char why[400];

	if (config_service_log_sink(&c->service, false) == LOG_TO_FILE &&
	    log_file_judge(c->service.events, account_find(c->service.user, NULL, &a) == 0 ?
	    a.uid : geteuid(), why, sizeof(why)) == -1)
		config_faults_tell_service(faults, c, KEY_SERVICE, "events", false, why);
}

/*
 * The first folder above `path` that is not there, owned by the caller; NULL: only `path` itself may be
 * missing. Folders that this user may not look at count as there.
 */
static char *
missing_parent(const char *path)
{
	char *part = mem_strdup(path);
	struct stat st;

	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(part, &st) == -1 && errno == ENOENT)
			return part;
		*slash = '/';
	}
	free(part);
	return NULL;
}

static void
judge_folder(struct config_faults *faults, const struct config_server *s, enum key_section section,
    const char *key, const char *path)
{
	char text[600], *missing;

	/* What nothing names lies below the spool, which the installation makes. */
	if (path == NULL || !config_faults_key_is_given(s, section, key) ||
	    (missing = missing_parent(path)) == NULL)
		return;
	snprintf(text, sizeof(text), "%s %.200s: there is no %.200s; the start would make it", key, path,
	    missing);
	config_faults_tell(faults, s, section, key, true, text);
	free(missing);
}

/* Mail that was accepted would be gone with the host, the container or the network. */
static void
judge_file_system(struct config_faults *faults, const struct config_server *s)
{
	const char *why, *kind = disk_unfit(s->queue, &why);
	char text[400];

	if (kind == NULL)
		return;
	snprintf(text, sizeof(text), "queue %.200s lies on %s: %s", s->queue, kind, why);
	config_faults_tell(faults, s, KEY_GENERAL, "queue", true, text);
}

bool
config_host_has(const struct net_address *a)
{
	struct sockaddr_storage any_port = a->sa;
	int fd, error = 0;

	if (any_port.ss_family == AF_INET6)
		((struct sockaddr_in6 *)&any_port)->sin6_port = 0;
	else
		((struct sockaddr_in *)&any_port)->sin_port = 0;
	fd = socket(any_port.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return true;
	if (bind(fd, (const struct sockaddr *)&any_port, a->len) == -1)
		error = errno;
	close(fd);
	return error != EADDRNOTAVAIL;
}

/* It may come later, with the network or a move of a cluster: a warning. */
static void
judge_address(struct config_faults *faults, const struct config_server *s, enum key_section section,
    const char *key, const struct net_address *a, const char *what)
{
	char text[200], ip[NET_TEXT_SIZE];

	if (config_host_has(a))
		return;
	net_format_ip(ip, (const struct sockaddr *)&a->sa);
	snprintf(text, sizeof(text), "%s: this host does not have the address %s now; until it has, %s", key,
	    ip, what);
	config_faults_tell(faults, s, section, key, true, text);
}

static void
judge_addresses(struct config_faults *faults, const struct config_server *s)
{
	for (size_t i = 0; i < s->nlisten; i++)
		judge_address(faults, s, KEY_GENERAL, s->listen[i].tls ? "tls-listen" : "listen",
		    &s->listen[i].address, "the virtual server cannot start");
	for (size_t i = 0; i < s->nsource_address; i++)
		judge_address(faults, s, KEY_DELIVERY, "source-address", &s->source_address[i],
		    "mail for other hosts waits");
}

/* It may be started later: a warning. */
static void
judge_filters(struct config_faults *faults, const struct config_server *s)
{
	for (size_t i = 0; i < s->nfilter; i++) {
		const char *path = s->filter[i].connect + strlen("unix:");
		struct stat st;
		char text[400];

		if (strncmp(s->filter[i].connect, "unix:", 5) != 0 ||
		    (stat(path, &st) == -1 && errno != ENOENT && errno != ENOTDIR))
			continue;
		snprintf(text, sizeof(text), "connect: %.200s %s; %s", path,
		    stat(path, &st) == -1 ? "is not there: the filter does not run" : "is no socket",
		    s->filter[i].on_failure == CONFIG_FILTER_ACCEPT ? "mail goes on without this filter" :
		    "mail is put off until it is one");
		if (stat(path, &st) == -1 || !S_ISSOCK(st.st_mode))
			config_faults_tell_filter(faults, s, &s->filter[i], "connect", true, text);
	}
}

void
config_host_judge_start(const struct config *c, struct config_faults *faults)
{
	judge_identity(faults, c);
	judge_events(faults, c);
}

void
config_host_judge_addresses(const struct config *c, struct config_faults *faults)
{
	for (size_t i = 0; i < c->nserver; i++)
		judge_addresses(faults, &c->server[i]);
}

void
config_host_judge(const struct config *c, struct config_faults *faults)
{
	config_host_judge_start(c, faults);
	judge_accounts(faults, c, NULL, "operators", &c->service.operators);
	judge_accounts(faults, c, NULL, "viewers", &c->service.viewers);
	config_unit_judge(c, faults);
	for (size_t i = 0; i < c->nserver; i++) {
		const struct config_server *s = &c->server[i];

		judge_accounts(faults, c, s, "operators", &s->operators);
		judge_accounts(faults, c, s, "viewers", &s->viewers);
		judge_addresses(faults, s);
		judge_file_system(faults, s);
		judge_filters(faults, s);
		judge_folder(faults, s, KEY_GENERAL, "home", s->home);
		judge_folder(faults, s, KEY_GENERAL, "pickup", s->pickup);
		judge_folder(faults, s, KEY_GENERAL, "queue", s->queue);
		judge_folder(faults, s, KEY_GENERAL, "drop", s->drop);
		judge_folder(faults, s, KEY_GENERAL, "log-directory", s->log_directory);
		judge_folder(faults, s, KEY_MESSAGES, "badmail", s->badmail);
	}
}
