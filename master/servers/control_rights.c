/*
 * control_rights - who may do what: root and the user of the master all, operators and viewers what the
 * configuration says
 *
 * Runs in:  master; names are looked up when a configuration is taken over, not when a command comes
 * Owns:     the numbers of users and groups
 * Promise:  an unknown name grants nothing; a login of the manager has the rights of its own name alone,
 *           never those of a user of this host, whatever its name
 * Fails by: false
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/servers/servers.h"

static void
add_id(struct control_rights *r, const char *name, const char *server, const char *key)
{
	bool is_group = name[0] == '@';
	const struct passwd *pw;
	const struct group *gr;

	if (login_name_kind(name, NULL) != LOGIN_NAME_KINDS) {
		r->login = mem_grow(r->login, r->nlogin, sizeof(*r->login));
		r->login[r->nlogin++] = mem_strdup(name);
		return;
	}
	pw = is_group ? NULL : getpwnam(name);
	gr = is_group ? getgrnam(name + 1) : NULL;

	if (pw != NULL) {
		r->uid = mem_grow(r->uid, r->nuid, sizeof(*r->uid));
		r->uid[r->nuid++] = pw->pw_uid;
		return;
	}
	if (gr != NULL) {
		r->gid = mem_grow(r->gid, r->ngid, sizeof(*r->gid));
		r->gid[r->ngid++] = gr->gr_gid;
		return;
	}
	log_event(LOG_WARN, NULL, "config", "server=%s key=%s name=%s reason=%s", server, key,
	    log_safe(name), is_group ? "\"there is no such group\"" : "\"there is no such user\"");
}

void
control_rights_done(struct control_rights *r)
{
	free(r->uid);
	free(r->gid);
	for (size_t i = 0; i < r->nlogin; i++)
		free(r->login[i]);
	free(r->login);
	*r = (struct control_rights){ 0 };
}

void
control_rights_resolve(struct control_rights *r, const struct config_strings *names, const char *server,
    const char *key)
{
	control_rights_done(r);
	for (size_t i = 0; i < names->count; i++)
		add_id(r, names->text[i], server, key);
}

static bool
same_names(const struct config_strings *a, const struct config_strings *b)
{
	size_t i = 0;

	while (i < a->count && i < b->count && strcmp(a->text[i], b->text[i]) == 0)
		i++;
	return a->count == b->count && i == a->count;
}

/* `old` NULL: there were none. */
static void
renew(const struct master *m, struct control_rights *r, const struct config_strings *old,
    const struct config_strings *names, const char *server, const char *key)
{
	if (!m->names_stay || old == NULL || !same_names(old, names))
		control_rights_resolve(r, names, server, key);
}

void
control_rights_adopt(struct server *s, const struct config_server *conf)
{
	const struct config_server *old = s->conf;

	if (conf == NULL) {
		control_rights_done(&s->operators);
		control_rights_done(&s->viewers);
		return;
	}
	renew(s->m, &s->operators, old != NULL ? &old->operators : NULL, &conf->operators, s->name,
	    "operators");
	renew(s->m, &s->viewers, old != NULL ? &old->viewers : NULL, &conf->viewers, s->name, "viewers");
}

void
control_rights_adopt_service(struct master *m, const struct config_service *old,
    const struct config_service *new)
{
	renew(m, &m->operators, &old->operators, &new->operators, "-", "operators");
	renew(m, &m->viewers, &old->viewers, &new->viewers, "-", "viewers");
}

/* A login is no user of this host: neither its number nor groups count. */
static bool
has_login(const struct control_rights *r, const char *login)
{
	for (size_t i = 0; i < r->nlogin; i++)
		if (login_name_is_same(r->login[i], login))
			return true;
	return false;
}

bool
control_rights_has(const struct control_rights *r, const struct control_peer *p)
{
	if (p->login[0] != '\0')
		return has_login(r, p->login);
	for (size_t i = 0; i < r->nuid; i++)
		if (r->uid[i] == p->uid)
			return true;
	for (size_t i = 0; i < r->ngid; i++)
		for (size_t k = 0; k < p->ngid; k++)
			if (r->gid[i] == p->gid[k])
				return true;
	return false;
}

void
control_rights_peer_user(struct control_peer *p, uid_t uid)
{
	*p = (struct control_peer){ .uid = uid };
	login_name_put_author(p->author, (unsigned)uid, "");
}

void
control_rights_peer_login(struct control_peer *p, const char *login)
{
	*p = (struct control_peer){ .uid = (uid_t)-1, .web = true };
	snprintf(p->login, sizeof(p->login), "%s", login);
	login_name_put_author(p->author, 0, login);
}

bool
control_rights_peer_same(const struct control_peer *p, const struct control_peer *q)
{
	if (p->login[0] != '\0' || q->login[0] != '\0')
		return login_name_is_same(p->login, q->login);
	return p->uid == q->uid;
}

int
control_rights_peer_get(struct control_peer *p, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	size_t room;
	socklen_t size;

	control_rights_peer_user(p, (uid_t)-1);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return -1;
	size = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == -1 && errno != ERANGE)
		size = 0; /* an old kernel: the primary group only */
	room = size / sizeof(gid_t);
	p->gid = mem_array(NULL, room + 1, sizeof(gid_t));
	if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->gid, &size) == -1)
		size = 0;
	p->ngid = size / sizeof(gid_t);
	p->gid[p->ngid++] = cred.gid;
	p->uid = cred.uid;
	login_name_put_author(p->author, (unsigned)cred.uid, "");
	return 0;
}

void
control_rights_peer_copy(struct control_peer *p, const struct control_peer *from)
{
	*p = *from;
	p->gid = mem_array(NULL, from->ngid + 1, sizeof(*p->gid));
	if (from->ngid > 0)
		memcpy(p->gid, from->gid, from->ngid * sizeof(*p->gid));
}

void
control_rights_peer_done(struct control_peer *p)
{
	free(p->gid);
	*p = (struct control_peer){ 0 };
}

enum control_right
control_rights_service(const struct master *m, const struct control_peer *p)
{
	if (p->login[0] == '\0' && (p->uid == 0 || p->uid == geteuid()))
		return CONTROL_CONFIGURE;
	if (control_rights_has(&m->operators, p))
		return CONTROL_CONFIGURE;
	return control_rights_has(&m->viewers, p) ? CONTROL_LOOK : CONTROL_NONE;
}

enum control_right
control_rights_server(const struct server *s, const struct control_peer *p)
{
	enum control_right right = control_rights_service(s->m, p);

	if (control_rights_has(&s->operators, p))
		return CONTROL_CONFIGURE;
	return right == CONTROL_NONE && control_rights_has(&s->viewers, p) ? CONTROL_LOOK : right;
}

const char *
control_rights_name(enum control_right right)
{
	static const char *const names[] = { [CONTROL_NONE] = "none", [CONTROL_LOOK] = "look",
		[CONTROL_OPERATE] = "operate", [CONTROL_CONFIGURE] = "configure" };

	return names[right];
}

enum control_right
control_rights_any(const struct master *m, const struct control_peer *p)
{
	enum control_right most = control_rights_service(m, p), right;
	const struct server *s;

	TAILQ_FOREACH(s, &m->servers, link) {
		right = control_rights_server(s, p);
		most = right > most ? right : most;
	}
	return most;
}
