/*
 * upgrade_state - what the running service hands over: its descriptors, and what they are
 *
 * Runs in:  master
 * Owns:     the text, until it is taken again
 * Promise:  changes nothing. What is not in it ends with the program that is replaced: logins to the manager,
 *           operators who watch, keys of TLS tickets
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bsd/stdlib.h>

#include "common/base/disk.h"
#include "common/base/mem.h"
#include "common/config/config_files.h"
#include "common/process/counters.h"
#include "master/control/control.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"
#include "master/upgrade/upgrade.h"

#define CONFIG_VARIABLE "POSTERN_UPGRADE_CONFIG"	/* a descriptor */

static void
put(struct upgrade_state *s, const struct upgrade_line *line)
{
	unsigned descriptors = upgrade_text_descriptors(line);

	upgrade_text_put(&s->text, line);
	for (unsigned i = 0; i < UPGRADE_NUMBERS; i++)
		if ((descriptors & 1U << i) != 0 && line->number[i] != UPGRADE_NONE) {
			s->fd = mem_grow(s->fd, s->fds, sizeof(*s->fd));
			s->fd[s->fds++] = (int)line->number[i];
		}
}

static void
set_word(struct upgrade_line *line, unsigned which, const char *text)
{
	if ((size_t)snprintf(line->word[which], UPGRADE_LINE_MAX, "%s", text) >= UPGRADE_LINE_MAX)
		line->word[which][0] = '\0';	/* which no line has */
}

static void
put_service(struct upgrade_state *s, const struct master *m)
{
	struct upgrade_line line = { .kind = UPGRADE_FROM, .number = { ctl_version() } };

	set_word(&line, 0, POSTERN_VERSION);
	put(s, &line);
	put(s, &(struct upgrade_line){ .kind = UPGRADE_COUNTERS, .number = { counters_layout() } });
	line = (struct upgrade_line){ .kind = UPGRADE_RUN };
	set_word(&line, 0, m->snapshot->config->service.run);
	put(s, &line);
	put(s, &(struct upgrade_line){ .kind = UPGRADE_LOCK, .number = { (uint64_t)m->pidfile.fd } });
	put(s, &(struct upgrade_line){ .kind = UPGRADE_CONTROL,
	    .number = { (uint64_t)control_descriptor(m->control) } });
}

static void
put_client(void *arg, int fd, bool upgrades, uint32_t request)
{
	put(arg, &(struct upgrade_line){ .kind = upgrades ? UPGRADE_CALLER : UPGRADE_CLIENT,
	    .number = { (uint64_t)fd, request } });
}

static void
put_helper_sockets(struct upgrade_state *s, const struct socket_post *p)
{
	for (size_t i = 0; i < p->sockets.count; i++) {
		struct upgrade_line line = { .kind = UPGRADE_HELPER,
		    .number = { (uint64_t)p->sockets.socket[i].fd } };

		set_word(&line, 0, roster_roles[p->post.role].name);
		set_word(&line, 1, p->sockets.socket[i].text);
		put(s, &line);
	}
}

static void
put_sockets(struct upgrade_state *s, const char *which, const struct listen_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct listen_socket *l = &set->socket[i];
		struct upgrade_line line = { .kind = UPGRADE_SOCKET,
		    .number = { (uint64_t)l->fd, l->paused, l->placeholder } };

		if (l->fd == -1)
			continue;
		set_word(&line, 0, which);
		set_word(&line, 1, l->text);
		put(s, &line);
	}
}

static void
put_server(struct upgrade_state *s, const struct server *server)
{
	struct upgrade_line line = { .kind = UPGRADE_SERVER, .number = { (uint64_t)server->counters_fd,
	    (uint64_t)server->hint[0], (uint64_t)server->hint[1], 0, 0, server->shut } };

	sampler_origin(server, &line.number[3], &line.number[4]);
	set_word(&line, 0, state_name(server->state));
	set_word(&line, 1, server->name);
	put(s, &line);
	put_sockets(s, "open", &server->sockets);
	put_sockets(s, "guard", &server->guard);
}

static void
put_child(struct upgrade_state *s, const struct child *c)
{
	static const char *const phases[] = { [CHILD_BORN] = "born", [CHILD_READY] = "ready",
		[CHILD_DRAINING] = "draining", [CHILD_STOPPING] = "stopping" };
	struct upgrade_line line = { .kind = UPGRADE_CHILD, .number = { (uint64_t)c->pid, c->slot,
	    c->ctl != NULL ? (uint64_t)ctl_descriptor(c->ctl) : UPGRADE_NONE, c->paused, c->ends_ms } };

	set_word(&line, 0, roster_roles[c->role].name);
	set_word(&line, 1, phases[c->phase]);
	set_word(&line, 2, c->server != NULL ? c->server->name : "-");
	put(s, &line);
	if (!child_is_ours(c))
		put(s, &(struct upgrade_line){ .kind = UPGRADE_VERSION, .number = { c->version } });
	for (enum ctl_helper i = 0; i < CTL_HELPER_COUNT; i++) {
		if (!c->wish[i].open)
			continue;
		line = (struct upgrade_line){ .kind = UPGRADE_WISH, .number = { c->wish[i].request } };
		set_word(&line, 0, roster_roles[c->m->helper[i].role].name);
		put(s, &line);
	}
}

int
upgrade_state_take(struct upgrade_state *s, const struct master *m)
{
	const struct server *server;
	const struct child *c;

	*s = (struct upgrade_state){ .text = BUF_INIT(UPGRADE_TEXT_MAX) };
	put_service(s, m);
	control_each(m->control, put_client, s);
	put_helper_sockets(s, &m->metrics);
	put_helper_sockets(s, &m->web);
	TAILQ_FOREACH(server, &m->servers, link)
		put_server(s, server);
	TAILQ_FOREACH(c, &m->children, link)
		put_child(s, c);
	if (buf_ok(&s->text))
		return 0;
	upgrade_state_done(s);
	errno = E2BIG;
	return -1;
}

void
upgrade_state_done(struct upgrade_state *s)
{
	buf_done(&s->text);
	free(s->fd);
	*s = (struct upgrade_state){ .fd = NULL };
}

int
upgrade_state_open(const struct upgrade_state *s)
{
	int fd = memfd_create("postern-upgrade", MFD_CLOEXEC);

	if (fd == -1 || disk_pwrite(fd, s->text.data, s->text.len, 0) != -1)
		return fd;
	disk_close(fd);
	return -1;
}

void
upgrade_state_pass(const struct upgrade_state *s, bool pass)
{
	for (size_t i = 0; i < s->fds; i++)
		(void)fcntl(s->fd[i], F_SETFD, pass ? 0 : FD_CLOEXEC);
}

void
upgrade_state_pass_config(const struct master *m, bool pass)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", m->snapshot->fd);
	if (!pass || setenv(CONFIG_VARIABLE, number, 1) == -1)
		unsetenv(CONFIG_VARIABLE);
	(void)fcntl(m->snapshot->fd, F_SETFD, pass ? 0 : FD_CLOEXEC);
}

bool
upgrade_state_config(struct config **c, struct config_faults *faults)
{
	const char *number = getenv(CONFIG_VARIABLE), *why = NULL;
	int fd = number != NULL ? (int)strtonum(number, STDERR_FILENO + 1, INT_MAX, &why) : -1;

	unsetenv(CONFIG_VARIABLE);	/* its processes must not find it */
	if (fd == -1 || why != NULL)
		return false;
	*c = config_files_handed(fd, faults);
	close(fd);
	return true;
}

int
upgrade_state_read(struct buf *text, int fd, const char **why)
{
	char *room = buf_room(text, UPGRADE_TEXT_MAX);
	ssize_t n = room != NULL ? disk_pread(fd, room, UPGRADE_TEXT_MAX, 0) : -1;

	*why = "its state cannot be read";
	if (n <= 0 || memchr(room, '\0', (size_t)n) != NULL)
		return -1;
	text->len += (size_t)n;
	room[n] = '\0';
	return 0;
}
