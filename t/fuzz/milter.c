/*
 * milter - bytes from a mail filter, after one that says in what portions they come: a whole session ends, and
 * what it made of the message is a message
 */
#include <sys/mman.h>
#include <unistd.h>

#include "t/fuzz/fuzz.h"
#include "listener/filter/filter.h"

static const char content[] = "Subject: a\r\nX: b\r\n\tc\r\nX: d\r\n\r\nbody\r\n";

static struct filter_message *
open_message(void)
{
	static const struct filter_message_rules rules = { .most = 100000, .domain = "home.example" };
	int fd = memfd_create("message", MFD_CLOEXEC);

	fuzz_check(fd != -1 && write(fd, content, sizeof(content) - 1) == sizeof(content) - 1);
	return filter_message_open(fd, sizeof(content) - 1, &rules);
}

/* What listener and pickup will read. */
static void
check_message(struct filter_message *m)
{
	struct msg_filter_answer a = { 0 }, taken;
	struct buf text = BUF_INIT(FILTER_HEADER_MAX * 2);
	struct filter_header again;

	filter_message_keep(m, "x");
	filter_header_print(&text, &m->header);
	fuzz_check(buf_ok(&text) && memchr(buf_text(&text), '\0', text.len) == NULL);
	fuzz_check(filter_header_parse(&again, text.data, text.len) == 0 && again.count == m->header.count);
	filter_header_done(&again);
	buf_done(&text);
	fuzz_check(filter_message_finish(m, &a) == 0);
	a.text_len = (uint16_t)strlen(a.text);
	fuzz_check(msg_filter_answer_take(&taken, &a, msg_filter_answer_size(&a)));
	fuzz_check(msg_filter_extent_fits(&a.header, m->tail) && msg_filter_extent_fits(&a.body, m->tail) &&
	    msg_filter_extent_fits(&a.changes, m->tail));
}

/* The next stage: CONNECT to DATA, then the content. False: there is none. */
static bool
say_next(struct milter *f, unsigned *stage, struct filter_message *m)
{
	const struct milter_words w = { "client.example", "192.0.2.1 SIZE=5", 4, 25 };

	if (*stage > FILTER_CONTENT)
		return false;
	if (*stage == FILTER_CONTENT)
		milter_content(f, &m->header);
	else
		milter_ask(f, (enum msg_filter_stage)*stage, &w);
	++*stage;
	return true;
}

/* False: the session is over. */
static bool
take_event(struct milter *f, enum milter_event event, unsigned *stage, unsigned *pieces,
    struct filter_message *m)
{
	switch (event) {
	case MILTER_DONE:
		if (f->verdict == FILTER_REPLY)
			fuzz_check(msg_filter_reply_is_good(f->text));
		if (f->accepts)
			milter_abort(f);
		/* FALLTHROUGH */
	case MILTER_OPENED:
		return say_next(f, stage, m);
	case MILTER_WANTS_BODY:
		milter_body(f, "piece", ++*pieces > 2 ? 0 : 5);
		return true;
	case MILTER_CHANGES:
		if (filter_message_change(m, &f->reply, f->steps & MILTER_LEADING_SPACE) == NULL)
			return true;
		filter_message_forget(m);
		return false;
	case MILTER_PROGRESS:
		return true;
	default:
		fuzz_check(f->why != NULL);
		return false;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct filter_macros macros = { 0 };
	struct filter_message *m = open_message();
	unsigned stage = 0, pieces = 0;
	size_t portion = len > 0 ? data[0] % 32U * 64U + 1 : 1, at = 1;
	bool goes_on = true;
	struct milter f;

	milter_init(&f, &macros);
	milter_open(&f);
	while (goes_on && at < len) {
		size_t n = portion < len - at ? portion : len - at;
		enum milter_event event;

		buf_add(&f.in, data + at, n);
		at += n;
		while (goes_on && (event = milter_step(&f)) != MILTER_MORE)
			goes_on = take_event(&f, event, &stage, &pieces, m);
		buf_clear(&f.out);
	}
	check_message(m);
	milter_done(&f);
	filter_message_free(m);
	return 0;
}
