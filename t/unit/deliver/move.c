/*
 * move - a message goes from one queue to another over a channel; what either side does when the other was
 * taken over, or ends
 */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/msg/msg_move.h"
#include "common/process/pool.h"
#include "deliver/move/move.h"
#include "t/unit/temp_spool.h"

#define POLL_MS 5
#define POLLS_MAX 5000

static struct config_domain domain = { .drop_quota = CONFIG_UNLIMITED };
static struct config_server server = { .name = (char *)"there", .max_message_size = 1 << 20,
	.default_domain = &domain };
static struct boot boot = { .server = &server };
static struct loop *loop;
static struct pool *pool;
static struct loop_timer *poll_timer;
static struct spool *there;
static struct move_sender *sender;
static struct move_taker *taker;
static size_t came, held_there, ended, idle;
static int last;			/* error of the message that ended last */
static char id[3][MESSAGE_ID_SIZE];
/* One side of a channel that the test has by itself. */
static struct ctl *peer;
static size_t heard;
static int heard_error;
static bool peer_closed;
static int tells;			/* the error that such a peer answers; -1: it answers nothing */
static int keeps = -1;			/* a descriptor that it has not given back */

/* In place of the library's: a folder's names are on disk when the test says so; a file that grows. */
static bool gated, sync_fails;
static _Atomic size_t at_gate;
static sem_t gate;
static int growing = -1;	/* descriptor; grows before it is read */

int
fsync(int fd)
{
	struct stat st;

	if (gated && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		at_gate++;
		while (sem_wait(&gate) == -1)
			;
		if (sync_fails) {
			errno = EIO;
			return -1;
		}
	}
	return fdatasync(fd);
}

static void
grow(void)
{
	char end[MESSAGE_END_SIZE];
	struct stat st;
	off_t size = 3 << 20, head = 0;
	char c;

	ck_assert_int_eq(fstat(growing, &st), 0);
	for (char before = 0; syscall(SYS_pread64, growing, &c, 1, head++) == 1 && (c != '\n' || before != '\n');)
		before = c;
	message_end_format(end, (uint64_t)size);
	ck_assert_int_eq(ftruncate(growing, head + size), 0);
	ck_assert_int_eq(pwrite(growing, end, sizeof(end), head + size), sizeof(end));
	growing = -1;
}

ssize_t
pread(int fd, void *data, size_t size, off_t at)
{
	struct stat this, that;

	if (growing != -1 && fstat(fd, &this) == 0 && fstat(growing, &that) == 0 && this.st_ino == that.st_ino)
		grow();
	return syscall(SYS_pread64, fd, data, size, at);
}

static void
on_came(void *arg, const struct spool_entry *entry)
{
	came++;
	held_there += entry->held;
}

static void
on_ended(void *arg, int error)
{
	ended++;
	last = error;
}

static void
on_idle(void *arg)
{
	idle++;
}

static size_t *awaited, awaited_count;

static void
poll(void *arg)
{
	static unsigned polls;

	if (*awaited >= awaited_count || ++polls > POLLS_MAX) {
		polls = 0;
		loop_stop(loop);
	} else {
		loop_timer_set(poll_timer, POLL_MS);
	}
}

static void
run_until(size_t *what, size_t count)
{
	awaited = what;
	awaited_count = count;
	loop_timer_set(poll_timer, 0);
	loop_run(loop);
	ck_assert_uint_eq(*what, count);
}

static void
queue_one(char *as)
{
	struct message_envelope e = { .sender = mem_strdup("a@s.example") };
	struct spool_draft *d;

	message_envelope_add(&e, "b@d.example");
	d = spool_draft_new(spool, &e);
	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(spool_draft_write(d, "Subject: s\r\n\r\n", 14), 0);
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	memcpy(as, spool_draft_id(d), MESSAGE_ID_SIZE);
	spool_draft_free(d);
	message_envelope_done(&e);
}

static void
begin(void)
{
	char path[128];
	const char *where;
	struct spool_paths paths = { .queue = path };

	temp_spool_begin();
	snprintf(path, sizeof(path), "%s/there", home);
	there = spool_open(&paths, &where);
	ck_assert_ptr_nonnull(there);
	boot.loop = loop = loop_new();
	pool = pool_new(loop, 4);
	poll_timer = loop_timer_new(loop, poll, NULL);
	sender = move_sender_new(loop, pool, spool);
	taker = move_taker_new(&boot, pool, there, on_came, NULL);
	move_taker_open(taker);
	came = held_there = ended = idle = heard = 0;
	last = heard_error = -1;
	peer_closed = false;
	for (size_t i = 0; i < nitems_of(id); i++)
		queue_one(id[i]);
}

static void
end(void)
{
	pool_free(pool);
	move_sender_free(sender);
	move_taker_free(taker);
	ctl_free(peer);
	peer = NULL;
	loop_timer_free(poll_timer);
	loop_free(loop);
	spool_close(there);
	temp_spool_end();
}

static void
give_channel(int fd, const char *role, uint32_t number)
{
	struct ctl_channel of = { .helper = CTL_HELPER_DELIVER, .server = "here" };
	struct ctl_message m = { .type = CTL_MOVES, .request = number, .data = &of, .len = sizeof(of), .fd = fd };

	snprintf(of.role, sizeof(of.role), "%s", role);
	move_taker_channel(taker, &m);
}

static void
make_pair(int pair[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
}

static void
join(void)
{
	int pair[2];

	make_pair(pair);
	give_channel(pair[0], "deliver", 7);
	move_sender_channel(sender, pair[1]);
}

static size_t
count_in(struct spool *s)
{
	size_t n = 0;

	for (size_t i = 0; i < nitems_of(id); i++) {
		struct message_envelope e;
		const char *why;
		int fd;

		if (spool_load(s, id[i], &e, &fd, &why) == -1)
			continue;
		n++;
		close(fd);
		message_envelope_done(&e);
	}
	return n;
}

START_TEST(test_the_way)
{
	struct buf note = BUF_INIT(100);

	begin();
	ck_assert_int_eq(spool_hold(spool, id[1], true), 0);
	ck_assert_int_eq(spool_note_add(spool, id[2], "a line\n", true), 0);
	join();
	for (size_t i = 0; i < nitems_of(id); i++)
		move_sender_begin(sender, id[i], on_ended, NULL);
	run_until(&ended, 3);
	ck_assert_int_eq(last, 0);
	ck_assert(came == 3 && held_there == 1 && count_in(spool) == 0 && count_in(there) == 3);
	ck_assert_int_eq(spool_note_read(there, id[2], &note), 1);
	ck_assert_str_eq(buf_text(&note), "a line\n");
	buf_done(&note);
	move_sender_begin(sender, id[0], on_ended, NULL);	/* it is gone */
	run_until(&ended, 4);
	ck_assert_int_eq(last, ENOENT);
	end();
}
END_TEST

/* Before the queue is owned, at the end, without a channel, and over one that is over: it stays. */
START_TEST(test_refusals)
{
	begin();
	move_taker_free(taker);
	taker = move_taker_new(&boot, pool, there, on_came, NULL);
	join();
	move_sender_begin(sender, id[0], on_ended, NULL);
	run_until(&ended, 1);
	ck_assert_int_eq(last, EAGAIN);
	move_taker_open(taker);
	move_taker_end(taker, on_idle, NULL);
	ck_assert_uint_eq(idle, 1);
	move_taker_open(taker);
	move_sender_begin(sender, id[0], on_ended, NULL);
	run_until(&ended, 2);
	ck_assert_int_eq(last, ESHUTDOWN);
	give_channel(-1, "deliver", 6);		/* another one is over: that of another operator's command */
	move_sender_begin(sender, id[0], on_ended, NULL);
	run_until(&ended, 3);
	ck_assert_int_eq(last, ESHUTDOWN);
	give_channel(-1, "deliver", 7);
	move_sender_begin(sender, id[0], on_ended, NULL);
	run_until(&ended, 4);
	ck_assert_int_eq(last, EPIPE);
	move_sender_channel(sender, -1);
	move_sender_begin(sender, id[0], on_ended, NULL);
	run_until(&ended, 5);
	ck_assert_int_eq(last, EPIPE);
	ck_assert(came == 0 && count_in(spool) == 3 && count_in(there) == 0);
	end();
}
END_TEST

/* --- the other side was taken over --- */

static void
on_peer_closed(void *arg, bool bad)
{
	peer_closed = true;
	ctl_free(peer);
	peer = NULL;
	heard = 1000;
}

static void
on_peer_message(void *arg, const struct ctl_message *m)
{
	struct msg_move_answer a = { .error = tells };

	if (m->type == CTL_MOVE_ANSWER) {
		memcpy(&a, m->data, sizeof(a));
		heard_error = a.error;
	}
	heard++;
	if (m->type == CTL_MOVE_PUT && keeps == -1)
		keeps = dup(m->fd);
	if (m->type != CTL_MOVE_PUT || tells == -1)
		return;
	(void)!ctl_send(peer, CTL_MOVE_ANSWER, m->request + 77, &a, sizeof(a), -1);
	(void)!ctl_send(peer, CTL_MOVE_ANSWER, 0, &a, sizeof(a), -1);
	(void)!ctl_send(peer, CTL_MOVE_ANSWER, m->request, &a, sizeof(a), -1);
	(void)!ctl_send(peer, CTL_MOVE_ANSWER, m->request, &a, sizeof(a), -1);
}

/* It says what is not true, says it twice and to nobody, or ends: each message ends once. */
START_TEST(test_hostile_taker)
{
	static const struct { int tells, last; } rows[] = {
		{ ENOENT, ESTALE }, { EEXIST, EEXIST }, { INT32_MIN, INT32_MIN }, { -1, EPIPE },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		int pair[2];

		begin();
		make_pair(pair);
		peer = ctl_new(loop, pair[0], CTL_FROM_CLIENT, on_peer_message, on_peer_closed, NULL);
		tells = rows[i].tells;
		move_sender_channel(sender, pair[1]);
		move_sender_begin(sender, id[0], on_ended, NULL);
		run_until(&heard, 1);
		if (tells == -1) {
			ctl_free(peer);
			peer = NULL;
		}
		run_until(&ended, 1);
		ck_assert_int_eq(last, rows[i].last);
		ck_assert_ptr_nonnull(move_sender_words(last));
		ck_assert_uint_eq(count_in(spool), 3);
		join();		/* what it keeps of the message is no lock of it */
		move_sender_begin(sender, id[0], on_ended, NULL);
		run_until(&ended, 2);
		ck_assert_int_eq(last, 0);
		close(keeps);
		keeps = -1;
		end();
	}
}
END_TEST

static int
junk(void)
{
	int fd = memfd_create("junk", MFD_CLOEXEC);

	ck_assert(fd != -1 && write(fd, "junk\n", 5) == 5);
	return fd;
}

static void
put_one(uint32_t request, const char *as, int fd)
{
	struct msg_move_put p = { .held = 0 };

	snprintf(p.id, sizeof(p.id), "%s", as);
	ck_assert_int_eq(ctl_send(peer, CTL_MOVE_PUT, request, &p, sizeof(p), fd), 0);
}

static void
hostile_begin(const char *role)
{
	int pair[2];

	begin();
	make_pair(pair);
	give_channel(pair[0], role, 7);
	peer = ctl_new(loop, pair[1], CTL_FROM_HELPER, on_peer_message, on_peer_closed, NULL);
}

static void
notes_twice(int fd)
{
	(void)!ctl_send(peer, CTL_MOVE_NOTE, 1, NULL, 0, fd);
	(void)!ctl_send(peer, CTL_MOVE_NOTE, 1, NULL, 0, fd);
}

static void
no_note(int fd)
{
	(void)!ctl_send(peer, CTL_MOVE_NOTE, 1, NULL, 0, -1);
}

static void
no_message(int fd)
{
	put_one(1, id[0], -1);
}

static void
no_id(int fd)
{
	put_one(1, "../../etc/passwd", fd);
}

static void
too_many_notes(int fd)
{
	for (uint32_t i = 1; i <= MSG_MOVE_OPEN_MAX + 1; i++)
		(void)!ctl_send(peer, CTL_MOVE_NOTE, i, NULL, 0, fd);
}

static void
of_a_listener(int fd)
{
	struct msg_move_answer a = { .error = 0 };

	(void)!ctl_send(peer, CTL_MOVE_ANSWER, 1, &a, sizeof(a), -1);
}

/* What no honest process says ends its channel. */
START_TEST(test_hostile_sender)
{
	static void (*const says[])(int fd) = { notes_twice, no_note, no_message, no_id, too_many_notes,
	    of_a_listener };

	for (size_t i = 0; i < nitems_of(says); i++) {
		int fd = junk();

		hostile_begin("deliver");
		says[i](fd);
		run_until(&heard, 1000);
		ck_assert(peer_closed && came == 0);
		close(fd);
		end();
	}
	hostile_begin("pickup");	/* a role that hands over nothing */
	int fd = junk();
	put_one(1, id[0], fd);
	run_until(&heard, 1000);
	ck_assert(peer_closed);
	close(fd);
	end();
}
END_TEST

static int
copy_of(const char *as)
{
	int fd = memfd_create("copy", MFD_CLOEXEC), from;
	char path[256], bytes[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "ls $H/queue/*/%s >$H/path", as);
	shell(path);
	snprintf(path, sizeof(path), "%s/path", home);
	from = open(path, O_RDONLY | O_CLOEXEC);
	n = read(from, path, sizeof(path) - 1);
	close(from);
	ck_assert_int_gt(n, 1);
	path[n - 1] = '\0';
	from = open(path, O_RDONLY | O_CLOEXEC);
	n = read(from, bytes, sizeof(bytes));
	close(from);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(write(fd, bytes, (size_t)n), n);
	return fd;
}

/* A file that grows when room was found for it: the reserve of the file system is not for it. */
START_TEST(test_file_that_grows)
{
	int fd;

	hostile_begin("deliver");
	fd = growing = copy_of(id[0]);
	put_one(1, id[0], fd);
	run_until(&heard, 1);
	ck_assert_int_eq(growing, -1);
	ck_assert_int_eq(heard_error, EBADMSG);
	ck_assert(came == 0 && count_in(there) == 0);
	close(fd);
	end();
}
END_TEST

/* The scan meets a message while it is being written: it is tried afterwards, whatever has become of it. */
START_TEST(test_met_by_the_scan)
{
	for (int i = 0; i < 2; i++) {
		struct spool_entry met = { .held = true }, other = { .held = false };
		size_t none = 0;
		int fd;

		hostile_begin("deliver");
		sem_init(&gate, 0, 0);
		gated = true;
		sync_fails = i == 1;
		at_gate = 0;
		fd = copy_of(id[0]);
		put_one(1, id[0], fd);
		while (at_gate == 0) {
			none = 0;
			run_until(&none, 0);
		}
		memcpy(met.id, id[0], sizeof(met.id));
		memcpy(other.id, id[1], sizeof(other.id));
		ck_assert(move_taker_is_writing(taker, &met) && !move_taker_is_writing(taker, &other));
		gated = false;
		sem_post(&gate);
		sem_post(&gate);
		run_until(&heard, 1);
		ck_assert_int_eq(heard_error, i == 0 ? 0 : EIO);
		ck_assert(came == 1 && !move_taker_is_writing(taker, &met));
		ck_assert_uint_eq(held_there, i == 0 ? 0 : 1);	/* as it is there: not as is said of it */
		close(fd);
		end();
		sem_destroy(&gate);
	}
	sync_fails = false;
}
END_TEST

/* Its copy is held there by an operator, and comes again: it stays held. */
START_TEST(test_held_copy)
{
	int fd;

	hostile_begin("deliver");
	fd = copy_of(id[0]);
	put_one(1, id[0], fd);
	run_until(&heard, 1);
	ck_assert(heard_error == 0 && came == 1 && held_there == 0);
	ck_assert_int_eq(spool_hold(there, id[0], true), 0);
	put_one(2, id[0], fd);
	run_until(&heard, 2);
	ck_assert(heard_error == 0 && came == 2);
	ck_assert_uint_eq(held_there, 1);
	close(fd);
	end();
}
END_TEST

/* No message is in what it hands over, and one page is all that it may. */
START_TEST(test_one_page)
{
	int fd = junk();

	hostile_begin("maintenance");
	for (uint32_t i = 1; i <= MSG_MOVE_PAGE_MAX; i++) {
		put_one(i, id[0], fd);
		run_until(&heard, i);
		ck_assert_int_eq(heard_error, EBADMSG);
	}
	put_one(MSG_MOVE_PAGE_MAX + 1, id[0], fd);
	run_until(&heard, 1000);
	ck_assert(peer_closed && came == 0 && count_in(there) == 0);
	close(fd);
	end();
}
END_TEST

UNIT_MAIN("move", test_the_way, test_refusals, test_hostile_taker, test_hostile_sender, test_one_page,
    test_file_that_grows, test_met_by_the_scan, test_held_copy)
