/*
 * service_sockets - stream sockets of the service that helpers serve: loopback or other addresses, and paths
 *
 * Runs in:  master
 * Owns:     the sockets of a set
 * Promise:  a socket that is open stays open when it is wanted again, so its helper can be replaced. An old
 *           socket at a path is replaced, any other file there is kept
 * Fails by: an event; the socket is left out
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"

#define NO_PORT 0	/* no default: the checks of the keys require a port */

/* Mode 0660, of the group of the workers: users of that group can connect. */
static int
bind_unix_path(int fd, const char *path, uid_t uid, gid_t gid)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t before;
	int result;

	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(un.sun_path, path);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	before = umask(0117);
	result = bind(fd, (struct sockaddr *)&un, sizeof(un));
	umask(before);
	if (result == 0 && uid != (uid_t)-1)
		result = lchown(path, 0, gid);
	return result;
}

static int
bind_address(const struct master *m, const char *text)
{
	static const int on = 1;
	struct net_address a;
	const char *why = "";
	bool path = text[0] == '/';
	int result, fd;

	if (!path && net_address_parse(&a, text, NO_PORT, &why) == -1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(path ? AF_UNIX : a.sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (!path && a.sa.ss_family == AF_INET6)
		(void)!setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	result = path ? bind_unix_path(fd, text, m->uid, m->gid) :
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ? -1 :
	    bind(fd, (struct sockaddr *)&a.sa, a.len);
	if (result == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	disk_close(fd);
	return -1;
}

/* The open socket of `text`, which leaves the set; -1: there is none. */
static int
take_open(struct listen_set *set, const char *text)
{
	int fd;

	for (size_t i = 0; i < set->count; i++)
		if (set->socket[i].fd != -1 && strcmp(set->socket[i].text, text) == 0) {
			fd = set->socket[i].fd;
			set->socket[i].fd = -1;
			return fd;
		}
	return -1;
}

void
service_sockets_renew(struct master *m, struct listen_set *set, const struct config_strings *wanted,
    const char *doing)
{
	struct listen_set now = { .socket = mem_zalloc((wanted->count + 1) * sizeof(*now.socket)) };
	struct buf missing = BUF_INIT(CONFIG_LISTEN_MAX * 200);
	int *open_fd = mem_array(NULL, wanted->count + 1, sizeof(*open_fd));

	for (size_t i = 0; i < wanted->count; i++)
		open_fd[i] = take_open(set, wanted->text[i]);
	service_sockets_close(set);
	for (size_t i = 0; i < wanted->count && now.count < CONFIG_LISTEN_MAX; i++) {
		int fd = open_fd[i] != -1 ? open_fd[i] : bind_address(m, wanted->text[i]);

		if (fd == -1) {
			const char *why = strerror(errno);

			buf_printf(&missing, "%s%s: %s", missing.len > 0 ? ", " : "", wanted->text[i], why);
			log_event(LOG_FAULT, NULL, "trouble", "doing=%s listen=%s reason=%s", doing,
			    log_safe(wanted->text[i]), log_safe(why));
			continue;
		}
		now.socket[now.count].fd = fd;
		now.socket[now.count++].text = mem_strdup(wanted->text[i]);
	}
	if (missing.len > 0)
		now.missing = mem_strdup(buf_text(&missing));
	buf_done(&missing);
	free(open_fd);
	*set = now;
}

void
service_sockets_close(struct listen_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->socket[i].fd != -1) {
			close(set->socket[i].fd);
			if (set->socket[i].text[0] == '/')
				unlink(set->socket[i].text);
		}
		free(set->socket[i].text);
	}
	free(set->socket);
	free(set->missing);
	*set = (struct listen_set){ 0 };
}
