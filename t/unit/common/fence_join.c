/* fence_join - a thread waits for a home while another one of its process takes it, as when deliver starts */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/spool/fence.h"
#include "t/unit/check_main.h"

#define ALONE_MS 1000		/* after it who waits takes the home by itself: common/spool/fence.c */

static char folder[] = "/tmp/postern-fence-join-XXXXXX";
static struct fence *fence;
static int queue;
static atomic_int waiter;	/* its number in /proc/self/task */
static atomic_bool held;

static void
on_lost(void *arg, const char *why)
{
	ck_abort_msg("lost: %s", why);
}

static void *
wait_for_home(void *arg)
{
	waiter = (int)syscall(SYS_gettid);
	held = fence_holds(fence, queue);
	return NULL;
}

/* It has looked once, and rests until its next look. */
static bool
is_asleep(int task)
{
	char path[64], text[256] = "";
	FILE *f;
	const char *end;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", task);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	end = fgets(text, sizeof(text), f) != NULL ? strrchr(text, ')') : NULL;
	fclose(f);
	return end != NULL && end[2] == 'S';
}

START_TEST(owner_need_not_wait)
{
	char command[100];
	pthread_t thread;
	uint64_t begun;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(command, sizeof(command), "%s/new", folder);
	ck_assert_int_eq(mkdir(command, 0700), 0);
	fence = fence_new("run-a", "a.example", on_lost, NULL);
	queue = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_home, NULL), 0);
	while (waiter == 0 || !is_asleep(waiter))
		;
	begun = clock_mono_ms();
	ck_assert_int_eq(fence_own(fence, queue), 0);
	ck_assert_uint_lt(clock_mono_ms() - begun, ALONE_MS / 2);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(held);
	fence_free(fence);
	close(queue);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

UNIT_MAIN("fence_join", owner_need_not_wait)
