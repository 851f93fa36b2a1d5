/*
 * drain_command - posternctl drain: no new mail, the queue goes out, then the virtual server stops
 *
 * Runs in:  posternctl
 * Owns:     nothing
 * Promise:  from the first moment the virtual server is not to be started with the service: whatever ends
 *           this command, no mail is taken until an operator starts it. It stops when nothing is left that
 *           could be delivered, or the time is over; what is left stays in the queue
 * Fails by: EX_TEMPFAIL, messages are left; else an exit status
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/command/queue_filter.h"
#include "common/config/key.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/queues/queues.h"

#define ANSWER_MAX (1U << 20)
/* states of messages that nothing waits for */
#define RESTS ((unsigned)QUEUE_FILTER_HELD | QUEUE_FILTER_BACKLOG)
#define LIMIT_MS 600000U	/* the default */
#define LOOK_MS 500U
#define TELL_MS 10000U		/* between two lines of progress, where no terminal is */

struct drain {
	const struct command_context *c;
	bool keep;
	uint64_t until_ms, told_ms;
	char **name; size_t names;
	bool *over;			/* of each name: it has stopped */
	bool shown;			/* a line of the terminal has the progress */
};

struct look {
	unsigned long long queue, rests;	/* messages; of them held ones, and those for ETRN */
	bool taking;				/* processes that take mail have not ended yet */
	bool stopped;				/* nothing of it goes out */
};

/* Asks; the answer is in `text`. An exit status. */
static int
ask(const struct drain *d, const char *command, const char *name, struct buf *text)
{
	int status = command_send_for(d->c, command, &name, name != NULL, text);

	return status == CONTROL_CLIENT_NO_SERVICE || status == CONTROL_CLIENT_CUT ?
	    command_send_no_answer(status) : status;
}

/* Asks, and prints what is refused. */
static int
order(const struct drain *d, const char *command, const char *name)
{
	struct buf text = BUF_INIT(ANSWER_MAX);
	int status = ask(d, command, name, &text);

	if (status != EX_OK)
		fputs(buf_text(&text), stderr);
	buf_done(&text);
	return status;
}

/* --- which --- */

static void
add_name(struct drain *d, const char *name, size_t len)
{
	d->name = mem_array(d->name, d->names + 1, sizeof(*d->name));
	d->over = mem_array(d->over, d->names + 1, sizeof(*d->over));
	d->over[d->names] = false;
	d->name[d->names++] = mem_strndup(name, len);
}

/* All but those that are stopped already, which stay so. */
static int
list_names(struct drain *d)
{
	struct buf text = BUF_INIT(ANSWER_MAX);
	int status = ask(d, "status", NULL, &text);
	char *rest, *line;

	if (status != EX_OK)
		fputs(buf_text(&text), stderr);
	buf_add(&text, "", 1);
	rest = text.data;
	while (status == EX_OK && (line = strsep(&rest, "\n")) != NULL) {
		size_t len = strcspn(line, " ");

		if (len > 0 && line[0] != '(')
			add_name(d, line, len);
	}
	buf_done(&text);
	return status;
}

/* --- how far --- */

static unsigned long long
number_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static int
look_at(const struct drain *d, const char *name, struct look *l)
{
	struct buf text = BUF_INIT(ANSWER_MAX);
	int status = ask(d, "counters", name, &text);
	const char *counters = buf_text(&text);

	*l = (struct look){ .queue = number_of(counters, "\nqueue_length "),
		.rests = number_of(counters, "\nheld_queue_length ") +
		number_of(counters, "\nkept_queue_length ") };
	buf_clear(&text);
	if (status == EX_OK)
		status = ask(d, "status", name, &text);
	l->taking = strstr(buf_text(&text), " leaving=") != NULL;
	l->stopped = strncmp(buf_text(&text) + strcspn(buf_text(&text), " "), " stopped ", 9) == 0;
	buf_done(&text);
	return status;
}

static void
end_line(struct drain *d)
{
	if (d->shown)
		fputs("\r\033[K", stderr);
	d->shown = false;
}

static void
tell(struct drain *d, uint64_t left, bool taking)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	uint64_t now = clock_mono_ms();

	if (!terminal && d->told_ms != 0 && now < d->told_ms + TELL_MS)
		return;
	d->told_ms = now;
	fprintf(stderr, "%s%llu message%s to go%s; %llu s at the most%s", terminal ? "\r" : "posternctl: ",
	    (unsigned long long)left, left == 1 ? "" : "s", taking ? ", sessions end" : "",
	    (unsigned long long)(d->until_ms > now ? (d->until_ms - now + 999) / 1000 : 0),
	    terminal ? "\033[K" : "\n");
	fflush(stderr);
	d->shown = terminal;
}

/* --- the end --- */

/* Stops one; *left: messages that stay. */
static int
stop_one(struct drain *d, size_t i, const struct look *l, bool *left)
{
	int status;

	end_line(d);
	status = order(d, "stop", d->name[i]);
	d->over[i] = true;
	if (status != EX_OK)
		return status;
	printf("%s is drained and stopped: %llu message%s left in its queue%s\n", d->name[i], l->queue,
	    l->queue == 1 ? " is" : "s are",
	    l->rests > 0 && l->rests == l->queue ? ", which rest there" : "");
	*left = *left || l->queue > l->rests;
	return EX_OK;
}

static bool
is_over(const struct drain *d, const struct look *l)
{
	return l->stopped || (!l->taking && (d->keep || l->queue <= l->rests));
}

/* Once over all of them. *busy: some are not over. */
static int
go_round(struct drain *d, bool *busy, bool *left)
{
	bool late = clock_mono_ms() >= d->until_ms, taking = false;
	uint64_t sum = 0;
	int status = EX_OK;

	*busy = false;
	for (size_t i = 0; i < d->names && status == EX_OK; i++) {
		struct look l = { .queue = 0 };

		if (d->over[i])
			continue;
		status = look_at(d, d->name[i], &l);
		if (status == EX_OK && (late || is_over(d, &l))) {
			status = stop_one(d, i, &l, left);
		} else {
			*busy = true;
			taking = taking || l.taking;
			sum += l.queue - (l.rests < l.queue ? l.rests : l.queue);
		}
	}
	if (*busy && status == EX_OK)
		tell(d, sum, taking);
	return status;
}

/* What is stopped already has no process that could send anything. *left: messages that stay. */
static int
tell_stopped(struct drain *d, size_t i, bool *left)
{
	unsigned long messages = 0, to_go = 0;
	char *path = command_send_socket(d->c);
	int status = path != NULL ? queue_command_tally(path, d->name[i], 0, &messages) : EX_CONFIG;

	if (status == EX_OK && messages > 0)
		status = queue_command_tally(path, d->name[i], QUEUE_FILTER_ANY & ~RESTS, &to_go);

	free(path);
	d->over[i] = true;
	if (status != EX_OK)
		return status;
	printf("%s is stopped, and was not drained: %lu message%s in its queue%s\n", d->name[i], messages,
	    messages == 1 ? " is" : "s are", messages > 0 && to_go == 0 ? ", which rest there" : "");
	*left = *left || to_go > 0;
	return EX_OK;
}

/* From here on it takes no mail. */
static int
begin_one(struct drain *d, size_t i, bool *left)
{
	struct look l = { .queue = 0 };
	int status = look_at(d, d->name[i], &l);

	if (status == EX_OK && l.stopped)
		return tell_stopped(d, i, left);
	return order(d, "drain", d->name[i]);
}

static int
run(struct drain *d)
{
	static const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	bool busy = true, left = false;
	int status = EX_OK;

	for (size_t i = 0; i < d->names && status == EX_OK; i++)
		status = begin_one(d, i, &left);
	/* what waits for a later time could not go out in time */
	for (size_t i = 0; i < d->names && status == EX_OK && !d->keep; i++) {
		struct buf text = BUF_INIT(ANSWER_MAX);

		if (!d->over[i])
			(void)ask(d, "retry", d->name[i], &text);
		buf_done(&text);
	}
	while (status == EX_OK && busy) {
		status = go_round(d, &busy, &left);
		if (status == EX_OK && busy)
			nanosleep(&pause, NULL);
	}
	end_line(d);
	return status == EX_OK && left && !d->keep ? EX_TEMPFAIL : status;
}

int
drain_command_run(const struct command_context *c, const struct command *row, const char *const *words,
    size_t count)
{
	struct drain d = { .c = c };
	const char *limit = NULL, *name = NULL;
	uint64_t ms = LIMIT_MS;
	const struct option_row options[] = { { .word = "--keep", .set = &d.keep },
	    { .word = "--timeout", .value = &limit, .wanted = COMPLAINT_TIME }, { .word = NULL } };
	int status = options_take(row, words, count, options, &name, 1);

	if (status == EX_OK && limit != NULL && key_parse_time(limit, &ms) == -1)
		status = usage_say(row, "--timeout %.60s: it wants " COMPLAINT_TIME, limit);
	if (status != EX_OK)
		return status;
	d.until_ms = clock_mono_ms() + ms;
	if (name != NULL)
		add_name(&d, name, strlen(name));
	else
		status = list_names(&d);
	if (status == EX_OK)
		status = run(&d);
	for (size_t i = 0; i < d.names; i++)
		free(d.name[i]);
	free(d.name);
	free(d.over);
	return status;
}
