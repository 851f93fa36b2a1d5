/* sandbox_trees - which folders and files each role can open, tried by a process in its sandbox */
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "t/unit/common/temp_sandbox.h"

static int landlock;	/* the version that the kernel has */

/* --- folders --- */

static void
try_file(const char *name, int flags, int error)
{
	char path[200];
	int fd;

	if (*name == '/')
		snprintf(path, sizeof(path), "%s", name);
	else
		snprintf(path, sizeof(path), "%s/%s", folder, name);
	errno = 0;
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (error == 0 ? fd == -1 : fd != -1 || errno != error)
		complain(path, fd != -1 ? "was opened" : strerror(errno));
	if (fd != -1)
		close(fd);
}

/* It has no folder of mail or logs. */
static void
try_files_of_listener(const char *role)
{
	try_file("home/pickup/x", O_WRONLY | O_CREAT | O_EXCL, EACCES);
	try_file("home/pickup", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("logs/x", O_WRONLY | O_CREAT | O_APPEND, EACCES);
	try_file("logs", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("home/drop", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("home/drop/mail", O_RDONLY, EACCES);
	try_file("postern.ini", O_RDONLY, EACCES);
	try_file("/etc/passwd", O_RDONLY, EACCES);
	try_file("/", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("/usr/lib", O_RDONLY | O_DIRECTORY, 0);
	try_file("/dev/null", O_RDWR, 0);
}

static void
try_port(uint16_t port, int error)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), rc;

	errno = 0;
	rc = bind(fd, (const struct sockaddr *)&sin, sizeof(sin));
	if (error == 0 ? rc == -1 : rc != -1 || errno != error)
		complain("a port", rc == 0 ? "was bound" : strerror(errno));
	close(fd);
}

/* Another virtual server, of the same user, whose queue is elsewhere, too. */
static void
try_neighbour(void)
{
	try_file("other/drop/mail", O_RDONLY, EACCES);
	try_file("other/badmail", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("elsewhere/queue", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("elsewhere/queue/x", O_RDWR | O_CREAT | O_EXCL, EACCES);
}

static void
try_files_of_deliver(const char *role)
{
	char from[200], to[200];

	try_file("home/drop/mail", O_RDWR, 0);
	try_file("home/queue/y", O_RDWR | O_CREAT | O_EXCL, 0);
	snprintf(from, sizeof(from), "%s/home/queue/y", folder);
	snprintf(to, sizeof(to), "%s/home/drop/y", folder);
	need(rename(from, to) == 0, "from one folder into another");
	try_file("home/badmail", O_RDONLY | O_DIRECTORY, ENOENT);
	snprintf(to, sizeof(to), "%s/home/badmail", folder);
	need(mkdir(to, 0700) == 0, "a folder below the home");
	try_port(0, 0);
	if (landlock >= 4)
		try_port(2525, EACCES);
	try_file("postern.ini", O_RDONLY, EACCES);
	try_file("/etc/passwd", O_RDONLY, EACCES);
	try_neighbour();
}

static void
try_files_of_maintenance(const char *role)
{
	try_file("home/queue/z", O_RDWR | O_CREAT | O_EXCL, 0);
	try_neighbour();
}

static void
try_files_of_auth(const char *role)
{
	try_file("/etc/passwd", O_RDONLY, 0);
	try_file("/etc/passwd", O_RDWR, EACCES);
	try_file("home/queue", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("logs", O_RDONLY | O_DIRECTORY, EACCES);
}

/* A message comes as a descriptor. */
static void
try_files_of_filter(const char *role)
{
	try_file("/etc/passwd", O_RDONLY, EACCES);
	try_file("home/queue", O_RDONLY | O_DIRECTORY, EACCES);
	try_file("home/drop/mail", O_RDONLY, EACCES);
	try_file("logs", O_RDONLY | O_DIRECTORY, EACCES);
}

START_TEST(test_folders)
{
	static const struct { const char *role; void (*files)(const char *role); } rows[] = {
		{ "listener", try_files_of_listener }, { "deliver", try_files_of_deliver },
		{ "maintenance", try_files_of_maintenance }, { "auth", try_files_of_auth },
		{ "filter", try_files_of_filter },
	};

	landlock = sandbox_trees_version();
	if (landlock < SANDBOX_LANDLOCK_LEAST)
		return;		/* a kernel without; the event of the supervisor says so */
	set_up();
	put("home/drop/mail", "text");
	put("other/drop/mail", "text");
	for (size_t i = 0; i < nitems_of(rows); i++) {
		int status;
		char *all = in_sandbox(rows[i].role, false, rows[i].files, &status);

		ck_assert_msg(*all == '\0' && status == 0, "%s: %s", rows[i].role, all);
		free(all);
	}
	end();
}
END_TEST

/* --- resolv.conf, which comes and goes --- */

static void
write_resolv(const char *name)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/run/%s", name);
	need(mkdir(path, 0755) == 0, path);
	snprintf(path, sizeof(path), "/run/%s/resolv.conf", name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	need(fd != -1, path);
	close(fd);
}

/* Outside of the sandbox: says "made" on `to` when the file of NetworkManager is made, and made anew. */
static void
write_later(int from, int to)
{
	char go;

	for (int i = 0; read(from, &go, 1) == 1; i++) {
		if (i > 0)
			need(rename("/run/NetworkManager", "/run/old") == 0, "rename");
		write_resolv("NetworkManager");
		(void)!write(to, "", 1);
	}
	_exit(0);
}

static void
try_later_resolv(const char *role)
{
	struct sandbox_plan plan = { .role = role };
	int go[2], made[2];
	char ok;

	need(mount("none", "/run", "tmpfs", 0, NULL) == 0, "/run");
	need(mount("none", "/etc", "tmpfs", 0, NULL) == 0, "/etc");
	need(symlink("../run/NetworkManager/resolv.conf", "/etc/resolv.conf") == 0, "link");
	write_resolv("resolvconf");
	need(pipe(go) == 0 && pipe(made) == 0, "pipe");
	if (fork() == 0) {
		close(go[1]);
		write_later(go[0], made[1]);
	}
	need(sandbox_enter(&plan), "a role");
	for (int i = 0; i < 2; i++) {
		need(write(go[1], "", 1) == 1 && read(made[0], &ok, 1) == 1, "made");
		try_file("/etc/resolv.conf", O_RDONLY, 0);
		try_file("/etc/resolv.conf", O_RDWR, EACCES);
	}
	try_file("/run/resolvconf/resolv.conf", O_RDONLY, 0);
	close(go[1]);
}

START_TEST(test_resolv_that_comes_later)
{
	static const char *const roles[] = { "resolver", "fetch", "auth", "directory" };

	if (sandbox_trees_version() < SANDBOX_LANDLOCK_LEAST)
		return;
	for (size_t i = 0; i < nitems_of(roles); i++) {
		int status;

		set_up();
		if (unshare(CLONE_NEWNS) == -1 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
			return;		/* only root can give itself another /etc */
		char *all = outside_sandbox(roles[i], try_later_resolv, &status);
		(void)umount("/etc");
		(void)umount("/run");
		ck_assert_msg(*all == '\0' && status == 0, "%s: %s", roles[i], all);
		free(all);
		end();
	}
}
END_TEST

UNIT_MAIN("sandbox_trees", test_folders, test_resolv_that_comes_later)
