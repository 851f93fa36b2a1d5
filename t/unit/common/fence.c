/* fence - one holder of a home at a time: locks, generations, who joins, who has lost it, and files that are torn or of another version */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/spool/fence.h"
#include "common/spool/spool_mend.h"
#include "t/unit/check_main.h"

static char folder[] = "/tmp/postern-fence-XXXXXX";
static bool no_locks;

/* In place of the one of libc: a file system whose locks nobody else sees. */
int
flock(int fd, int operation)
{
	return no_locks ? 0 : (int)syscall(SYS_flock, fd, operation);
}

static unsigned losses;
static char words[600];

static void
on_lost(void *arg, const char *why)
{
	losses++;
	snprintf(words, sizeof(words), "%s", why);
}

/* A process has an open folder of its own, and with it a lock of its own. */
struct one { struct fence *f; int queue; };

static const char *
new_folder(void)
{
	char path[100];

	strcpy(folder, "/tmp/postern-fence-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/new", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	losses = 0;
	return folder;
}

static struct one
begin(const char *holder, const char *host)
{
	struct one o = { fence_new(holder, host, on_lost, NULL), open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

	ck_assert_int_ne(o.queue, -1);
	return o;
}

static void
end(struct one *o)
{
	fence_free(o->f);
	close(o->queue);
}

static void
tear_down(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static uint64_t
generation(void)
{
	struct fence_record r;
	int queue = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_eq(fence_read(queue, &r), 1);
	close(queue);
	return r.generation;
}

START_TEST(holders)
{
	struct one a = (new_folder(), begin("run-a", "a.example")), again = begin("run-a", "a.example"), b = begin("run-b", "b.example");
	struct fence_record r;

	ck_assert_int_eq(fence_read(a.queue, &r), 0);
	ck_assert_int_eq(fence_is_locked(a.queue), 0);
	ck_assert_int_eq(fence_own(a.f, a.queue), 0);
	ck_assert_uint_eq(generation(), 1);
	ck_assert_int_eq(fence_is_locked(b.queue), 1);
	ck_assert_msg(fence_is_others(b.f, b.queue, &r) == 1 && r.generation == 1 && strcmp(r.host, "a.example") == 0, "%s", r.host);
	ck_assert_int_eq(fence_is_others(again.f, again.queue, &r), 0);
	ck_assert(fence_own(b.f, b.queue) == -1 && errno == EWOULDBLOCK);
	ck_assert(fence_own(again.f, again.queue) == -1 && errno == EWOULDBLOCK);
	ck_assert_msg(fence_holds(again.f, again.queue), "one of the same holder joins without a lock");
	end(&a);
	ck_assert_int_eq(fence_own(again.f, again.queue), 0);
	ck_assert_uint_eq(generation(), 1);	/* the same holder */
	end(&again);
	ck_assert_msg(fence_is_others(b.f, b.queue, &r) == 0, "nobody has it now");
	ck_assert_int_eq(fence_own(b.f, b.queue), 0);
	ck_assert_uint_eq(generation(), 2);
	end(&b);
	ck_assert_uint_eq(losses, 0);
	tear_down();
}
END_TEST

/* The lock is not seen, as on another host: whoever had the home finds that it is lost, also within the same tick of the clock. */
START_TEST(lost)
{
	struct fence_record r;

	new_folder();
	for (unsigned turn = 1; turn < 200; turn += 2) {
		struct one a = begin(turn % 4 == 1 ? "run-a" : "run-c", "a.example"), joined = begin(turn % 4 == 1 ? "run-a" : "run-c", "a"),
		    b = begin("run-b", "b.example");

		losses = 0;
		ck_assert_int_eq(fence_own(a.f, a.queue), 0);
		ck_assert(fence_holds(a.f, a.queue) && fence_holds(joined.f, joined.queue));
		ck_assert_int_eq(fence_break(b.queue, "b.example"), 0);
		ck_assert(!fence_holds(a.f, a.queue) && errno == ESTALE && losses == 1);
		ck_assert_msg(strstr(words, "taken over by b.example") != NULL, "%s", words);
		ck_assert_int_eq(fence_own(b.f, b.queue), 0);
		ck_assert(fence_holds(b.f, b.queue));
		ck_assert(!fence_holds(joined.f, joined.queue) && errno == ESTALE && losses == 2);
		ck_assert_msg(!fence_holds(a.f, a.queue) && losses == 2, "it is told once");
		ck_assert_int_eq(fence_is_locked(a.queue), 1);
		ck_assert_int_eq(fence_is_others(a.f, a.queue, &r), 1);
		end(&b);
		ck_assert_msg(fence_is_others(joined.f, a.queue, &r) == 0, "who was given up has the lock of the folder alone");
		/* the lock of the folder, which a has still, is not asked until it is free */
		b = begin("run-d", "b.example");
		ck_assert_int_eq(fence_own(b.f, b.queue), 0);
		end(&a);
		end(&b);
		end(&joined);
	}
	tear_down();
}
END_TEST

/* It belongs to a holder that has locks: who is of another one gets nothing, and may wait some seconds for that. */
START_TEST(outside)
{
	struct one a = (new_folder(), begin("run-a", "a")), b = begin("run-b", "b"), alone = begin("run-c", "c");

	ck_assert_int_eq(fence_own(a.f, a.queue), 0);
	ck_assert(!fence_holds(b.f, b.queue) && errno == EBUSY);
	ck_assert_uint_eq(generation(), 1);
	end(&a);
	ck_assert_msg(fence_holds(alone.f, alone.queue), "nobody has a lock: it takes the home for its holder");
	ck_assert_uint_eq(generation(), 2);
	end(&b);
	b = begin("run-b", "b");
	ck_assert_msg(fence_is_locked(b.queue) == 1, "it is in use, although nobody owns the queue now");
	end(&alone);
	ck_assert_int_eq(fence_is_locked(b.queue), 0);
	end(&b);
	ck_assert_uint_eq(losses, 0);
	tear_down();
}
END_TEST

/* A process of a version without fences has the lock of the folder: mail is taken beside it, the queue is not. */
START_TEST(old_version)
{
	struct one old = (new_folder(), begin("none", "a")), taker = begin("run-a", "a"), owner = begin("run-a", "a"), other = begin("run-b", "b");

	ck_assert_int_eq(flock(old.queue, LOCK_EX | LOCK_NB), 0);
	ck_assert(fence_own(owner.f, owner.queue) == -1 && errno == EWOULDBLOCK);
	ck_assert(fence_holds(taker.f, taker.queue));
	ck_assert(fence_own(owner.f, owner.queue) == -1 && errno == EWOULDBLOCK);
	ck_assert(fence_own(other.f, other.queue) == -1 && errno == EWOULDBLOCK);
	end(&old);
	ck_assert_int_eq(fence_own(owner.f, owner.queue), 0);
	ck_assert(fence_holds(taker.f, taker.queue));
	ck_assert_uint_eq(generation(), 1);
	end(&taker);
	end(&owner);
	end(&other);
	tear_down();
}
END_TEST

/* Who claims it has the home and its locks, or joins its own holder; a process that joined keeps it from others, alone, too. */
START_TEST(claims)
{
	struct one a = (new_folder(), begin("run-a", "a")), joined = begin("run-a", "a"), next = begin("run-a", "a"), b = begin("run-b", "b"),
	    old = begin("none", "c"), c = begin("run-c", "c");

	ck_assert_int_eq(fence_claim(a.f, a.queue), 0);
	ck_assert_int_eq(fence_own(a.f, a.queue), 0);
	ck_assert(fence_claim(b.f, b.queue) == -1 && errno == EWOULDBLOCK);
	ck_assert_int_eq(fence_claim(next.f, next.queue), 0);
	ck_assert_msg(fence_own(next.f, next.queue) == -1 && errno == EWOULDBLOCK, "the one before drains, and has the queue");
	ck_assert_msg(fence_holds(next.f, next.queue), "it has joined still");
	ck_assert(fence_holds(joined.f, joined.queue));
	end(&a);
	ck_assert_msg(fence_claim(b.f, b.queue) == -1 && errno == EWOULDBLOCK, "another one of its holder has it");
	ck_assert(fence_own(b.f, b.queue) == -1 && errno == EWOULDBLOCK);
	ck_assert_int_eq(fence_own(next.f, next.queue), 0);
	end(&next);
	end(&joined);
	ck_assert_int_eq(fence_claim(b.f, b.queue), 0);
	ck_assert_uint_eq(generation(), 2);
	end(&b);
	ck_assert_int_eq(unlinkat(old.queue, "owner", 0), 0);
	ck_assert_int_eq(flock(old.queue, LOCK_EX | LOCK_NB), 0);
	ck_assert_msg(fence_claim(c.f, c.queue) == 0, "mail is taken beside a version without fences");
	ck_assert(fence_own(c.f, c.queue) == -1 && errno == EWOULDBLOCK);
	end(&old);
	ck_assert_int_eq(fence_own(c.f, c.queue), 0);
	end(&c);
	ck_assert_uint_eq(losses, 0);
	tear_down();
}
END_TEST

static void
put_file(const char *text)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/owner", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq(disk_write(fd, text, strlen(text)), 0);
	close(fd);
}

START_TEST(files)
{
	static const char *const bad[] = { "postern-home 2\ngeneration 1\nholder a\nhost b\nforced 0\n", "x", "postern-home 1\n",
		"postern-home 1\ngeneration x\nholder a\nhost b\nforced 0\n", "postern-home 1\ngeneration 1\nholder \nhost b\nforced 0\n" };
	struct fence_record r;

	new_folder();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct one a = begin("run-a", "a");

		put_file(bad[i]);
		ck_assert(fence_read(a.queue, &r) == -1 && errno == EBADMSG);
		ck_assert(fence_break(a.queue, "a") == -1);
		ck_assert_msg(fence_own(a.f, a.queue) == 0 && generation() > 1000000000, "it is beyond each number that was there");
		/* as it is while it is written: not lost, and nothing may be done */
		put_file("x");
		ck_assert(!fence_holds(a.f, a.queue) && errno == EBADMSG);
		ck_assert_uint_eq(losses, 0);
		end(&a);
	}
	{
		struct one a = begin("run-a", "a");

		put_file("");
		ck_assert(fence_break(a.queue, "a") == -1 && errno == ENOENT);
		ck_assert_int_eq(fence_own(a.f, a.queue), 0);
		ck_assert_uint_eq(generation(), 1);
		end(&a);
	}
	tear_down();
}
END_TEST

/* Without root nothing can be given away: counted, and links are left. */
/* Without locks, as on NFS with local ones, two take the home at once: the first one finds that it was not the last. */
START_TEST(without_locks)
{
	struct one a, b;

	new_folder();
	a = begin("run-a", "a");
	b = begin("run-b", "b");
	ck_assert_int_eq(fence_own(a.f, a.queue), 0);
	ck_assert(fence_holds(a.f, a.queue));
	no_locks = true;
	put_file("");		/* as b has read it */
	ck_assert_int_eq(fence_own(b.f, b.queue), 0);
	no_locks = false;
	ck_assert_uint_eq(generation(), 1);
	ck_assert(!fence_holds(a.f, a.queue) && errno == ESTALE && losses == 1);
	ck_assert(fence_holds(b.f, b.queue));
	end(&a);
	end(&b);
	tear_down();
}
END_TEST

START_TEST(mending)
{
	struct spool_mend m = { .uid = geteuid(), .gid = getegid() };
	char path[200], other[200];
	struct stat st;

	new_folder();
	snprintf(path, sizeof(path), "%s/000", folder);
	ck_assert_int_eq(mkdir(path, 0500), 0);
	put_file("x");
	snprintf(path, sizeof(path), "%s/owner", folder);
	snprintf(other, sizeof(other), "%s/hard", folder);
	ck_assert_int_eq(spool_mend(folder, &m), 0);
	ck_assert(m.mended == 1 && m.left == 0);
	snprintf(path, sizeof(path), "%s/000", folder);
	ck_assert(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
	snprintf(path, sizeof(path), "%s/owner", folder);
	ck_assert(link(path, other) == 0);
	snprintf(path, sizeof(path), "%s/soft", folder);
	ck_assert(symlink("/etc/passwd", path) == 0);
	ck_assert_int_eq(spool_mend(folder, &m), 0);
	ck_assert(m.mended == 1 && m.left == 3);
	ck_assert(spool_mend("/nowhere/none", &m) == -1 && errno == ENOENT);
	tear_down();
}
END_TEST

UNIT_MAIN("fence", holders, lost, outside, old_version, claims, files, without_locks, mending)
