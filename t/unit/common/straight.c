/* straight - local mail into the drop folder by enqueue: the file, no hint, and by the queue whatever cannot be written there */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/process/loop.h"
#include "common/spool/enqueue.h"
#include "t/unit/temp_spool.h"

static struct loop *loop;
static struct pool *pool;
static struct enqueue *enqueue;
static int hints[2];
static unsigned judged, told, over, waited_for;
static char last_file[64];

/* In place of the library's: a file system that cannot refuse to replace a name (NFS). */
static bool no_flag;

int
renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	if (no_flag) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

static bool
is_for_us(void *arg, const struct message_envelope *e, const char *content, size_t len)
{
	__atomic_fetch_add(&judged, 1, __ATOMIC_SEQ_CST);
	ck_assert(len > 0 && (off_t)len <= e->content_size);
	for (size_t i = 0; i < e->nrcpt; i++)
		if (strstr(e->rcpt[i].address, "@here") == NULL)
			return false;
	return true;
}

static void
on_dropped(void *arg, struct message_envelope *e, const char *file)
{
	__atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
	ck_assert_uint_gt(e->nrcpt, 0);
	snprintf(last_file, sizeof(last_file), "%s", file);
}

static void
set_up(void)
{
	temp_spool_begin();
	judged = told = over = 0;
	loop = loop_new();
	pool = pool_new(loop, 2);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, hints), 0);
	enqueue = enqueue_new(pool, spool, hints[0], NULL);
	enqueue_straight(enqueue, &(struct straight_rules){ .judge = is_for_us, .dropped = on_dropped });
}

static void
tear_down(void)
{
	pool_free(pool);
	enqueue_free(enqueue);
	loop_free(loop);
	close(hints[0]);
	close(hints[1]);
	temp_spool_end();
}

static unsigned
hinted(void)
{
	char ids[ENQUEUE_BATCH * MESSAGE_ID_LEN];
	size_t total = 0;
	ssize_t n;

	while ((n = recv(hints[1], ids, sizeof(ids), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	return (unsigned)(total / MESSAGE_ID_LEN);
}

/* So many files in drop, in the queue, and nothing half. */
static void
expect(unsigned dropped, unsigned queued)
{
	char line[300];

	snprintf(line, sizeof(line), "test $(ls $H/drop | wc -l) = %u && test -z \"$(find $H/drop -name '.*.part')\" "
	    "&& test $(find $H/queue -type f ! -path '*/new/*' | wc -l) = %u && "
	    "test -z \"$(find $H/queue/new -type f ! -name '*.lock')\"", dropped, queued);
	shell(line);
	ck_assert_uint_eq(told, dropped);
}

static void
on_done(void *arg, int error, const char *id)
{
	ck_assert_int_eq(error, 0);
	if (++over == waited_for)
		loop_stop(loop);
}

static void
add_rest(void *arg)
{
	enqueue_add(arg, "end\r\n", 5);
	enqueue_finish(arg, on_done, NULL);
}

static void
put(const char *recipient, size_t size)
{
	struct message_envelope e = { .sender = mem_strdup("s@x") };
	struct enqueue_message *m;
	char *block = mem_zalloc(size + 1);

	message_envelope_add(&e, recipient);
	message_envelope_add(&e, "second@here");
	memset(block, 'x', size);
	memcpy(block, "Received: by y\r\nA: b\r\n\r\n", 24);
	m = enqueue_begin(enqueue, &e);
	enqueue_add(m, block, size);
	if (size > ENQUEUE_CHUNK)
		enqueue_on_room(m, add_rest, m);
	else
		add_rest(m);
	free(block);
	message_envelope_done(&e);
}

static void
wait_for(unsigned n)
{
	waited_for = n;
	if (over < n)
		loop_run(loop);
}

START_TEST(test_local_and_others)
{
	set_up();
	put("r@here", 100);
	put("r@there", 100);
	put("r@here", ENQUEUE_CHUNK + 1000);
	put("r@there", ENQUEUE_CHUNK + 1000);
	wait_for(4);
	expect(2, 2);
	ck_assert_uint_eq(judged, 4);
	ck_assert_uint_eq(hinted(), 2);
	shell("for f in $H/drop/*; do head -n 6 $f | tr -d '\\r'; done | sort -u | tr '\\n' '|' > $H/heads");
	shell("test \"$(cat $H/heads)\" = 'A: b|Received: by y|Return-Path: <s@x>|x-receiver: r@here|x-receiver: second@here|"
	    "x-sender: s@x|' || { cat $H/heads; false; }");
	shell("test $(cat $H/drop/* | grep -c '^x*end') = 2");
	shell("rm $H/heads");
	tear_down();
}
END_TEST

/* Nothing is lost or refused: the queue takes it. */
START_TEST(test_no_room_in_drop)
{
	set_up();
	shell("chmod 500 $H/drop && mv $H/drop $H/gone");
	put("r@here", 100);
	wait_for(1);
	shell("mkdir $H/drop");
	expect(0, 1);
	put("r@here", 100);
	wait_for(2);
	expect(1, 1);
	ck_assert_uint_eq(hinted(), 1);
	shell("test -z \"$(ls -A $H/gone)\" && rmdir $H/gone");
	tear_down();
}
END_TEST

static struct enqueue_file
whole(const char *id, struct buf *file)
{
	struct message_envelope e = { .sender = mem_strdup("s@x") };
	char end[MESSAGE_END_SIZE];

	message_envelope_add(&e, "r@here");
	buf_init(file, 10000);
	ck_assert_int_eq(message_envelope_format(&e, file), 0);
	buf_puts(file, "A: b\r\n\r\nbody\r\n");
	message_end_format(end, 14);
	buf_add(file, end, sizeof(end));
	message_envelope_done(&e);
	struct enqueue_file f = { .data = file->data, .len = file->len };

	memcpy(f.id, id, sizeof(f.id));
	return f;
}

/* The same id again: what lies there is not touched, and the queue has the message. */
START_TEST(test_name_in_use)
{
	struct enqueue_file f[2];
	struct buf file[2];

	set_up();
	for (size_t i = 0; i < 2; i++)
		f[i] = whole("1k0stx2a3b4c0000", &file[i]);
	enqueue_now(enqueue, f, 2);
	ck_assert_int_eq(f[0].error, 0);
	ck_assert_int_eq(f[1].error, 0);
	expect(1, 1);
	ck_assert_str_eq(last_file, "1k0stx2a3b4c0000-0.eml");
	ck_assert_uint_eq(hinted(), 1);
	for (size_t i = 0; i < 2; i++)
		buf_done(&file[i]);
	tear_down();
}
END_TEST

START_TEST(test_malformed)
{
	struct enqueue_file f;
	struct buf file;

	set_up();
	f = whole("1k0stx2a3b4c0001", &file);
	f.len--;
	enqueue_now(enqueue, &f, 1);
	expect(0, 1);
	ck_assert_uint_eq(judged, 0);
	buf_done(&file);
	tear_down();
}
END_TEST

START_TEST(test_no_flag)
{
	set_up();
	no_flag = true;
	for (unsigned i = 1; i <= 2; i++) {
		put("r@here", 100);
		wait_for(i);
		expect(0, i);
	}
	no_flag = false;
	tear_down();
}
END_TEST

static void
nothing(void *arg, const struct spool_entry *entry)
{
}

/* The scan of the owner of the queue removes the part of a process that has gone, not that of one that lives. */
START_TEST(test_parts)
{
	set_up();
	put("r@here", 100);
	wait_for(1);
	shell("cd $H/queue/new && touch $H/drop/.$(ls | head -c 8).01234567.part");
	shell("touch $H/queue/new/deadbeef.lock $H/drop/.deadbeef.01234567.part");
	ck_assert_int_ge(spool_scan(spool, true, nothing, NULL), 0);
	shell("test $(ls -A $H/drop | wc -l) = 2 && test ! -e $H/drop/.deadbeef.01234567.part");
	shell("touch $H/drop/.x.part $H/drop/.0123abcd.part $H/drop/.strayone.01234567.part");
	spool_drop_sweep(spool);
	shell("test $(ls -A $H/drop | wc -l) = 2");
	tear_down();
}
END_TEST

UNIT_MAIN("straight", test_local_and_others, test_no_room_in_drop, test_name_in_use, test_malformed, test_no_flag, test_parts)
