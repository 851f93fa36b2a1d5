/*
 * daemon - the pid file and its lock, the way into the background, and the report to the waiting parent
 *
 * Runs in:  master, before and after its loop
 * Owns:     the pid file
 * Promise:  one master for a run folder; the command that started the service returns when the service is
 *           up, not before
 * Fails by: die()
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "master/master.h"

static _Noreturn void
die_of_lock(const struct daemon_pidfile *p)
{
	char text[32] = "";
	ssize_t n = disk_pread(p->fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
	die(EX_UNAVAILABLE, "the service is running already%s%s (%s is locked)",
	    text[0] != '\0' ? " as pid " : "", text, p->path);
}

void
daemon_lock(struct daemon_pidfile *p, const char *folder)
{
	p->path = mem_printf("%s/postern.pid", folder);
	for (;;) {
		struct stat mine, there;

		p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (p->fd == -1)
			die(EX_CANTCREAT, "%s: %s", p->path, strerror(errno));
		if (flock(p->fd, LOCK_EX | LOCK_NB) == -1)
			die_of_lock(p);
		/*
		 * A master that ends removes the file. If that was between open and lock, the locked file has
		 * no name and protects nothing: try again.
		 */
		if (fstat(p->fd, &mine) == 0 && stat(p->path, &there) == 0 && mine.st_ino == there.st_ino &&
		    mine.st_dev == there.st_dev)
			return;
		close(p->fd);
	}
}

void
daemon_keep_lock(struct daemon_pidfile *p, const char *folder, int fd)
{
	p->path = mem_printf("%s/postern.pid", folder);
	p->fd = fd;
}

void
daemon_write_pid(struct daemon_pidfile *p)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(p->fd, 0) == -1 || disk_pwrite(p->fd, text, (size_t)n, 0) == -1)
		die(EX_IOERR, "%s: %s", p->path, strerror(errno));
}

void
daemon_unlock(struct daemon_pidfile *p)
{
	unlink(p->path);
	close(p->fd);
	free(p->path);
	*p = (struct daemon_pidfile){ .fd = -1 };
}

/*
 * In the parent. The report is text and ends with a NUL; without the NUL the child died before it was ready.
 */
static _Noreturn void
wait_for_report(int fd, pid_t pid)
{
	char text[4096];
	ssize_t n;
	bool told = false;
	int status;

	while ((n = read(fd, text, sizeof(text))) > 0 || (n == -1 && errno == EINTR))
		if (n > 0) {
			told = text[n - 1] == '\0';
			fwrite(text, 1, (size_t)n - told, stderr);
		}
	if (told)
		exit(EX_OK);
	status = 0;
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 0)
		exit(WEXITSTATUS(status)); /* the child has said why */
	fprintf(stderr, "postern: ended before it was ready\n");
	exit(EX_SOFTWARE);
}

int
daemon_background(void)
{
	int pipefd[2];
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC) == -1)
		die(EX_OSERR, "pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid == -1)
		die(EX_OSERR, "fork: %s", strerror(errno));
	if (pid > 0) {
		close(pipefd[1]);
		wait_for_report(pipefd[0], pid);
	}
	close(pipefd[0]);
	setsid();
	if (chdir("/") == -1)
		die(EX_OSERR, "/: %s", strerror(errno));
	return pipefd[1];
}

void
daemon_report(int fd, const char *text)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null != -1 && i <= STDERR_FILENO; i++)
		(void)dup2(null, i);
	if (null != -1)
		close(null);
	if (disk_write(fd, text, strlen(text) + 1) == -1)
		log_event(LOG_WARN, NULL, "service", "reason=%s", log_safe("the one who started it is gone"));
	close(fd);
}
