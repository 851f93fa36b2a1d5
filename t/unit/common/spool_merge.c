/* spool_merge - what is known of messages of other nodes stays known in a merge; a home that was lost gets and gives nothing */

#include "t/unit/check_main.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/spool/fence.h"
#include "common/spool/spool_gone.h"
#include "common/spool/spool_merge.h"
#include "t/unit/temp_spool.h"

static const char a[] = "1k0t4z00000aaaaa", b[] = "1k0t4z00001aaaaa", c[] = "1k0t4z00002aaaaa";
static char other[64];		/* the home that is merged */
static struct spool *from;
static unsigned losses;

static void
on_lost(__attribute__((unused)) void *arg, __attribute__((unused)) const char *why)
{
	losses++;
}

static void
begin(const char *where)
{
	char path[4][128];
	const char *folder = "";

	temp_spool_begin();
	snprintf(other, sizeof(other), "%s/postern-unit-XXXXXX", where);
	ck_assert_ptr_nonnull(mkdtemp(other));
	setenv("O", other, 1);
	snprintf(path[0], sizeof(path[0]), "%s/pickup", other);
	snprintf(path[1], sizeof(path[1]), "%s/queue", other);
	snprintf(path[2], sizeof(path[2]), "%s/drop", other);
	snprintf(path[3], sizeof(path[3]), "%s/badmail", other);
	from = spool_open(&(struct spool_paths){ path[0], path[1], path[2], path[3] }, &folder);
	ck_assert_ptr_nonnull(from);
	losses = 0;
}

static void
end(void)
{
	spool_close(from);
	temp_spool_end();
	ck_assert_int_eq(system("rm -rf $O"), 0);
}

/* A queue file of that home, with one recipient. */
static void
put(const char *home_folder, const char *id, const char *flags)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/queue/%03x", home_folder,
	    (unsigned)((uint64_t)message_id_time_us(id) >> 23) & 4095U);
	setenv("P", path, 1);
	ck_assert_int_eq(system("mkdir -p $P"), 0);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/%s", id);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "postern-queue 1\n%smarks: .\nx-sender: s@b.example\nx-receiver: r@c.example\n\nx\r\n"
	    "postern-end 0000000000000000003\n", flags);
	ck_assert_int_eq(fclose(f), 0);
}

static struct spool_merge
merge(int wanted)
{
	struct spool_merge m = { 0 };
	const char *where = "";

	ck_assert_int_eq(spool_merge(from, spool, &m, &where), wanted);
	return m;
}

static bool
is_in_queue(struct spool *s, const char *id)
{
	struct message_envelope e;
	const char *why;
	int fd;

	if (spool_load(s, id, &e, &fd, &why) == -1)
		return false;
	close(fd);
	message_envelope_done(&e);
	return true;
}

/*
 * a: done there, its id comes along. b: of another node, here in the queue and done in the other home: not sent again. c: of another
 * node, and not known there: it goes on.
 */
static void
check_known(const char *where)
{
	struct spool_merge m;

	begin(where);
	ck_assert_int_eq(spool_gone_add(from, a), 0);
	ck_assert_int_eq(spool_gone_add(spool, b), 0);
	put(other, b, "flags: evacuated\n");
	put(other, c, "flags: evacuated\n");
	m = merge(0);
	ck_assert_uint_eq(m.queue, 1);
	ck_assert_uint_eq(m.known, 1);
	ck_assert_int_eq(spool_gone_find(spool, a), 1);
	ck_assert_int_eq(spool_gone_find(spool, b), 1);
	ck_assert_int_eq(spool_gone_find(spool, c), 0);
	ck_assert(!is_in_queue(spool, b) && is_in_queue(spool, c));
	ck_assert(!is_in_queue(from, b) && !is_in_queue(from, c));
	m = merge(0);
	ck_assert_uint_eq(m.queue + m.known, 0);
	shell("test -z \"$(find $O -type f)\" && test -z \"$(ls $H/badmail)\"");
	end();
}

START_TEST(test_known)
{
	check_known("/tmp");
}
END_TEST

START_TEST(test_known_elsewhere)
{
	struct stat x, y;

	if (stat("/dev/shm", &x) == 0 && stat("/tmp", &y) == 0 && x.st_dev != y.st_dev)
		check_known("/dev/shm");
}
END_TEST

/* A message of this very node whose id is that of one from afar that is done: it is another message. */
START_TEST(test_same_id)
{
	begin("/tmp");
	ck_assert_int_eq(spool_gone_add(spool, a), 0);
	put(other, a, "");
	ck_assert_uint_eq(merge(0).queue, 1);
	ck_assert(is_in_queue(spool, a));
	end();
}
END_TEST

/* It was brought to both homes: one of the two is sent. */
START_TEST(test_brought_twice)
{
	begin("/tmp");
	put(other, a, "flags: evacuated\n");
	put(home, a, "flags: evacuated\n");
	merge(0);
	shell("test $(find $H/queue -name '1k0*' | wc -l) = 1 && test -z \"$(find $O -type f)\"");
	end();
}
END_TEST

/* Another service takes that home. */
static void
take_away(const char *folder)
{
	char path[128];
	int queue;

	snprintf(path, sizeof(path), "%s/queue", folder);
	queue = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fence_break(queue, "three.example"), 0);
	close(queue);
}

/* Either home is lost: not one file moves any more. */
START_TEST(test_lost)
{
	for (int turn = 0; turn < 2; turn++) {
		struct fence *one = fence_new("one-1", "one.example", on_lost, NULL),
		    *two = fence_new("two-2", "two.example", on_lost, NULL);

		begin("/tmp");
		put(other, a, "");
		spool_fence(from, one);
		spool_fence(spool, two);
		ck_assert_int_eq(spool_own_queue(from), 0);
		ck_assert_int_eq(spool_own_queue(spool), 0);
		shell("for each in pickup drop badmail; do echo x >$O/$each/x.eml; done; find $O -type f | sort >$H/before");
		take_away(turn == 0 ? other : home);
		merge(-1);
		ck_assert_uint_eq(losses, 1);
		shell("find $O -type f | sort | diff - $H/before");
		end();
		fence_free(one);
		fence_free(two);
	}
}
END_TEST

UNIT_MAIN("spool_merge", test_known, test_known_elsewhere, test_same_id, test_brought_twice, test_lost)
